"""Pages that the package writes about itself: data sets, detectors, command line, lessons."""

from __future__ import annotations

import inspect
import logging
import os
import re
import sys
from pathlib import Path

import griffe
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from state import build_of
from typer.testing import CliRunner

from anomaly_lab import __version__, all_detectors, datasets
from anomaly_lab.cli import app
from anomaly_lab.contract import Detector
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.gallery.portraits import portraits
from anomaly_lab.gallery.store import Store
from anomaly_lab.lessons import lessons
from anomaly_lab.lessons.execute import installed_versions
from anomaly_lab.lessons.prose import exercise_minutes, minutes

log = logging.getLogger("mkdocs.hooks.pages")

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATES.filters["linked"] = lambda text: re.sub(
    r"doi:(10\.\S+\w)", r"[doi:\1](https://doi.org/\1)", re.sub(r"https://\S+\w", r"<\g<0>>", text)
)
COMMANDS = ("", "compare", "gallery", "datasets", "datasets show", "datasets fetch", "detectors",
            "detectors show", "detectors new", "detectors check", "doctor", "start", "check",
            "grade")  # fmt: skip


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages."""
    taught = lessons()
    _add(files, config, "learn/index.md", "learn.md", lessons=taught, minutes=minutes,
         exercise_minutes=exercise_minutes)  # fmt: skip
    cards = [datasets.card(name) for name in datasets.names()]
    _add(files, config, "datasets.md", "datasets.md", cards=cards)
    _add(files, config, "reference/cli.md", "cli.md", helps=_helps())
    found = all_detectors()
    try:
        drawn = portraits(found, Store(), progress=_tell)
    except AnomalyLabError as error:  # such as a detector of another package that cannot draw
        raise PluginError(str(error)) from error
    for name, detector in found.items():
        path = f"{detector.__module__}.{detector.__qualname__}"
        for kind, figure in drawn[name].items():
            build_of(config).figures[f"gallery/{name}-{kind}"] = figure
        _add(files, config, f"gallery/{name}.md", "detector.md", card=detector.card, path=path,
             explained=_explained(detector), parameters=_parameters(detector),
             lessons=[lesson for lesson in taught if name in lesson.detectors])  # fmt: skip
        _add(files, config, f"reference/detectors/{name}.md", "detector_api.md",
             card=detector.card, path=path)  # fmt: skip


def _tell(done: int, total: int, what: str) -> None:
    log.info("detectors' pages: %d of %d maps, %s", done, total, what)


def _explained(detector: type[Detector]) -> str | None:
    """Return what is to be seen where a detector draws how a row gets its score."""
    own = detector._draw is not Detector._draw
    return inspect.cleandoc(detector._draw.__doc__) if own and detector._draw.__doc__ else None


def _parameters(detector: type[Detector]) -> list[tuple[str, str, str]]:
    """Return name, default and meaning of a detector's parameters, in Markdown."""
    sections = griffe.Docstring(inspect.getdoc(detector) or "").parse("numpy")
    tables = [section.value for section in sections if section.kind.value == "parameters"]
    defaults = inspect.signature(detector).parameters
    return [
        (p.name, repr(defaults[p.name].default), " ".join(p.description.split()))
        for parameters in tables
        for p in parameters
    ]


def on_config(config: MkDocsConfig) -> None:
    """List each detector's page in the gallery, and below the contract that it keeps."""
    found = all_detectors().items()
    for section in config.nav or []:
        for entry in section.get("Reference", ()):
            if "Detectors" in entry:
                entry["Detectors"] += [
                    {detector.__name__: f"reference/detectors/{name}.md"}
                    for name, detector in found
                ]
        if "Gallery" in section:  # after the first entry, which shows them side by side
            section["Gallery"][1:1] = [
                {detector.card.title: f"gallery/{name}.md"} for name, detector in found
            ]


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in versions, and how much there is to learn."""
    table = "\n".join(f"| {name} | {version} |" for name, version in installed_versions().items())
    python = ".".join(map(str, sys.version_info[:3]))
    built_with = f"| package | version |\n|---|---|\n| Python | {python} |\n{table}"
    taught = lessons()
    reading = [minutes(lesson) for lesson in taught]
    facts = {
        "versions": built_with,
        "version": __version__,
        "lessons": len(taught),
        "minutes": f"{min(reading)} to {max(reading)}" if reading else "",
        "hours": round((sum(reading) + sum(map(exercise_minutes, taught))) / 60),
    }
    return re.sub(r"<!-- (\w+) -->", lambda mark: str(facts.get(mark[1], mark[0])), markdown)


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
