"""Each lesson of ``tutorial/``: run (or stored), a page, a student notebook, a nav entry.

`docs/computed/` holds pages of the same format that are not lessons, such as the gallery.
"""

from __future__ import annotations

import json
import logging
import posixpath
from pathlib import Path
from typing import Any

import explorable_blocks
import markup
import nbformat
import package
from bs4 import BeautifulSoup
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from state import Build, LessonPage, begin, build_of

from anomaly_lab.lessons import Lesson, LessonError, lessons
from anomaly_lab.lessons import notebooks as make
from anomaly_lab.lessons.execute import run_all
from anomaly_lab.lessons.prose import exercise_minutes, minutes, problems

log = logging.getLogger("mkdocs.hooks.lessons")

HERE = Path(__file__).parent
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True
)


def on_config(config: MkDocsConfig) -> None:
    """Put the lessons into the navigation, below the page that lists them."""
    for section in config.nav or []:
        if "Learn" in section:
            section["Learn"] += [
                {f"{lesson.number} {lesson.title}": f"learn/{lesson.slug}.ipynb"}
                for lesson in lessons()
            ]


@event_priority(100)  # before mkdocs-jupyter, which looks for notebooks among the files
def on_files(files: Files, config: MkDocsConfig) -> None:
    """Run what has changed, and add the pages and the student notebooks to the site."""
    taught, computed = lessons(), lessons(HERE.parent / "computed")
    for problem in [problem for lesson in taught for problem in problems(lesson)]:
        log.warning(problem)  # strict builds fail
    runs = run_all([*taught, *computed], progress=_tell)
    build = begin(config, package.publish(files, config))
    explorable_blocks.publish(files, config)
    for lesson, run in zip([*taught, *computed], runs, strict=True):
        name = f"learn/{lesson.slug}" if lesson in taught else lesson.slug[3:]
        build.pages[f"{name}.ipynb"] = shown = LessonPage(lesson, run, lesson in taught)
        _add_page(name, shown, files, config)
        if shown.teaches:
            install = f"python -m pip install {build.wheel.requirement('lab')}"
            notebook = json.dumps(make.student(lesson, config.site_url, install), indent=1)
            address = f"notebooks/{lesson.slug}.ipynb"
            files.append(File.generated(config, address, content=notebook))


def _add_page(name: str, shown: LessonPage, files: Files, config: MkDocsConfig) -> None:
    """Write the notebook that the page is made of, without its figures and explorables."""
    build = build_of(config)
    notebook = make.page(shown.lesson, shown.run.texts, shown.run.outputs)
    build.figures.update(markup.take_figures(notebook, name))
    explorable_blocks.take(notebook, name, build, files, config)
    address, folder = f"{name}.ipynb", build.folder.name
    path = Path(folder, address)
    path.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, path)
    # mkdocs-jupyter knows no generated files: this one pretends to come from a docs folder.
    files.append(File(address, folder, config.site_dir, config.use_directory_urls))


def _tell(lesson: Lesson, seconds: float | None) -> None:
    origin = "stored before" if seconds is None else f"run in {seconds:.0f} s"
    log.info("%s: %s", lesson.path.name, origin)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Clean what nbconvert made, and put a lesson's head above it."""
    build = build_of(config)
    shown = build.pages.get(page.file.src_uri)
    if shown is None:
        return _with_figures(html, page, build)
    body = _with_links(markup.clean_notebook(html), page, files)
    if shown.teaches:
        page.meta["description"] = f"After this lesson you can {shown.lesson.objectives[0]}."
        body = _framed(body, shown, build, page, files)
    return _with_figures(body, page, build)


def _with_figures(html: str, page: Page, build: Build) -> str:
    address = page.file.src_uri
    whole = explorable_blocks.put(markup.finish(html), address, build)
    whole = package.put(whole, page.url, build.wheel)
    return markup.put_figures(whole, address, build.figures)


def _framed(body: str, shown: LessonPage, build: Build, page: Page, files: Files) -> str:
    lesson = shown.lesson
    path: list[dict[str, Any]] = [
        {"lesson": other.lesson, "url": _url(address, page, files)}
        for address, other in build.pages.items()
        if other.teaches
    ]
    return TEMPLATES.get_template("lesson.html").render(
        lesson=lesson,
        lessons=path,
        needs=[other for other in path if other["lesson"].number in lesson.needs],
        minutes=minutes(lesson),
        exercise_minutes=exercise_minutes(lesson),
        notebook=_url(f"notebooks/{lesson.slug}.ipynb", page, files),
        start=_url("start.md", page, files),
        datasets=_url("datasets.md", page, files),
        missing=shown.run.missing,
        uses=[(name, name.split(".")[-1]) for name in lesson.uses],
        body=Markup(body),
    )


def _url(address: str, page: Page, files: Files) -> str:
    target = files.get_file_from_path(address)
    if target is None:
        raise LessonError(f"{page.file.src_uri} links to {address}, which the site does not have.")
    return get_relative_url(target.url, page.url)


def _with_links(html: str, page: Page, files: Files) -> str:
    """Rewrite links to sources (``../glossary.md#code``) into links to the site's pages."""
    soup = BeautifulSoup(html, "html.parser")
    folder = posixpath.dirname(page.file.src_uri)
    for link in soup.select("a[href]"):
        path, mark, anchor = str(link["href"]).partition("#")
        if not path or ":" in path:
            continue
        target = files.get_file_from_path(posixpath.normpath(posixpath.join(folder, path)))
        if target is None:
            log.warning("%s: there is no page %r to link to", page.file.src_uri, link["href"])
        else:
            link["href"] = get_relative_url(target.url, page.url) + mark + anchor
    return str(soup)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Name the search dialog, which the theme leaves without a name."""
    return output.replace('"search" role="dialog"', '"search" role="dialog" aria-label="Search"')


def on_post_build(config: MkDocsConfig) -> None:
    """Take the run notebooks away."""
    build_of(config).folder.cleanup()
