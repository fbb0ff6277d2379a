"""Pages that the package writes about itself: data sets, detectors, command line, lessons."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.testing import CliRunner

from anomaly_lab import __version__, all_detectors, datasets
from anomaly_lab.cli import app
from anomaly_lab.lessons import lessons
from anomaly_lab.lessons.execute import versions
from anomaly_lab.lessons.prose import exercise_minutes, minutes

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
COMMANDS = ("", "compare", "datasets", "datasets show", "datasets fetch", "detectors",
            "detectors show", "doctor", "start", "check", "grade")  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages."""
    taught = lessons()
    _add(files, config, "learn/index.md", "learn.md", lessons=taught, minutes=minutes,
         exercise_minutes=exercise_minutes)  # fmt: skip
    cards = [datasets.card(name) for name in datasets.names()]
    _add(files, config, "datasets.md", "datasets.md", cards=cards)
    _add(files, config, "reference/cli.md", "cli.md", helps=_helps())
    for name, detector in all_detectors().items():
        path = f"{detector.__module__}.{detector.__qualname__}"
        using = [lesson for lesson in taught if path in lesson.uses]
        _add(files, config, f"reference/detectors/{name}.md", "detector.md",
             card=detector.card, path=path, lessons=using)  # fmt: skip


def on_config(config: MkDocsConfig) -> None:
    """List the detectors' pages below the contract they keep."""
    for section in config.nav or []:
        for entry in section.get("Reference", ()):
            if "Detectors" in entry:
                entry["Detectors"] += [
                    {detector.__name__: f"reference/detectors/{name}.md"}
                    for name, detector in all_detectors().items()
                ]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in the version of the package, and those that the site is built with."""
    table = "\n".join(f"| {name} | {version} |" for name, version in versions().items())
    python = ".".join(map(str, sys.version_info[:3]))
    built_with = f"| package | version |\n|---|---|\n| Python | {python} |\n{table}"
    return markdown.replace("<!-- versions -->", built_with).replace(
        "<!-- version -->", __version__
    )


def _add(
    files: Files, config: MkDocsConfig, address: str, template: str, **content: object
) -> None:
    text = TEMPLATES.get_template(template).render(**content)
    files.append(File.generated(config, address, content=text))


def _helps() -> dict[str, str]:
    """Return what ``--help`` prints, by command."""
    os.environ["TERMINAL_WIDTH"] = "88"
    run = CliRunner().invoke
    return {
        f"anomaly-lab {command}".strip(): run(app, [*command.split(), "--help"]).output
        for command in COMMANDS
    }
