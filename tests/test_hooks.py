"""The site's hooks: what a page shows is its own, in each build."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import PluginCollection
from mkdocs.structure.files import Files

from anomaly_lab.explorables import MIME, assets
from anomaly_lab.lessons import Lesson
from anomaly_lab.lessons.execute import LessonRun
from anomaly_lab.lessons.source import Cell

ROOT = Path(__file__).parents[1]
HOOK = "docs/_hooks/lesson_pages.py"
Begin = Callable[..., tuple[Any, Files]]


def lesson(slug: str) -> Lesson:
    return Lesson(Path(f"{slug}.py"), slug, (), (), (), (Cell("code", "show()"),))


def run_of(words: str) -> LessonRun:
    """What a cell gives that shows an explorable over a picture with these words."""
    html = f'<figure class="picture"><svg aria-label="{words}"></svg></figure>'
    data = {"text/html": html, MIME: {"kind": "draw", "data": {"words": words}}}
    return LessonRun(outputs={0: [{"output_type": "display_data", "data": data, "metadata": {}}]})


@pytest.fixture
def config() -> MkDocsConfig:
    """The site's configuration, with one hook and no plugin."""
    config = load_config(str(ROOT / "mkdocs.yml"))
    hook, config.plugins = config.plugins[HOOK], PluginCollection()
    config.plugins[HOOK] = hook
    return config


@pytest.fixture
def begin(config: MkDocsConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    """Begin a build of lesson 01 and of a computed page 01, whose figures say `words`."""
    hook = config.plugins[HOOK]
    taught, computed = lesson("01_mean"), lesson("01_explorer")
    monkeypatch.setattr(hook, "lessons", lambda folder=None: [computed if folder else taught])
    monkeypatch.setattr(hook, "problems", lambda lesson: [])

    def begin(words: str = "A figure") -> tuple[Any, Files]:
        runs = [run_of(f"{words} of {one.slug}") for one in (taught, computed)]
        monkeypatch.setattr(hook, "run_all", lambda lessons, progress: runs)
        files = Files([])
        config.plugins.run_event("files", files, config=config)
        builds.append(hook.build_of(config))
        return builds[-1], files

    builds: list[Any] = []
    yield begin
    for build in builds:
        build.folder.cleanup()


def shown(config: MkDocsConfig, build: Any, page: str) -> str:
    """What the output of a page's only cell becomes on the page."""
    notebook = nbformat.read(Path(build.folder.name, page), as_version=4)
    hook = config.plugins[HOOK]
    html = notebook.cells[0].outputs[0]["data"]["text/html"]
    return str(hook.markup.put_figures(html, page, build.figures))


def test_two_pages_of_one_number_show_their_own(config: MkDocsConfig, begin: Begin) -> None:
    build, files = begin()
    assert list(build.pages) == ["learn/01_mean.ipynb", "explorer.ipynb"]
    for page, slug in zip(build.pages, ("01_mean", "01_explorer"), strict=True):
        words = f"A figure of {slug}"
        assert f'aria-label="{words}"' in shown(config, build, page)
        name = page.replace(".ipynb", "-draw")
        assert f'data-explorable="{name}"' in build.explorables[name]
        script = files.get_file_from_path(f"explorables/{name}.js")
        assert script is not None
        written = script.content_string.partition("]=")[2]
        assert json.loads(written) == {"words": words}


def test_a_build_has_nothing_of_the_one_before(config: MkDocsConfig, begin: Begin) -> None:
    first, _ = begin("An old figure")
    first.figures["learn/14_gone-1"] = "<figure></figure>"
    second, _ = begin("A new figure")
    assert second.figures.keys() == {"learn/01_mean-1", "explorer-1"}
    for page in second.pages:
        assert "A new figure" in shown(config, second, page)


def test_scripts_and_styles_of_explorables_are_published(begin: Begin) -> None:
    _, files = begin()
    for address, text in assets().items():
        file = files.get_file_from_path(address)
        assert file is not None
        assert file.content_string == text
        assert file.dest_uri == address
