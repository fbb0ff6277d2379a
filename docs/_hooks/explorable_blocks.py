"""Explorables of computed pages: their data as files, their pictures in the page."""

from __future__ import annotations

import json
import logging
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbformat import NotebookNode
from state import Build

from anomaly_lab.explorables import MIME, STILL, assets

log = logging.getLogger("mkdocs.hooks.explorables")

_MARK = re.compile(r'<p data-explore="([^"]+)">.*?</p>', re.DOTALL)


def publish(files: Files, config: MkDocsConfig) -> None:
    """Add the scripts and the style sheet to the site."""
    for address, content in assets().items():
        files.append(File.generated(config, address, content=content))


def take(
    notebook: NotebookNode, page: str, build: Build, files: Files, config: MkDocsConfig
) -> None:
    """Move the data of a notebook's explorables into files that the page's script loads.

    Parameters
    ----------
    notebook : NotebookNode
        In place of each stays its picture, in an element that says which file belongs to it.
    page : str
        The page's name, part of the file's address.
    build : Build
        Where that element is noted, for `put`.
    files, config
        The files of the site, and its configuration.
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", ()):
            shown = output.get("data", {}).pop(MIME, None)
            if shown is None:
                continue
            name = f"{page}-{shown['kind']}"
            data = json.dumps(shown["data"], separators=(",", ":"))
            script = f"explorables.data[{json.dumps(name)}]={data}\n"
            files.append(File.generated(config, f"explorables/{name}.js", content=script))
            picture = output["data"]["text/html"].removesuffix(STILL)
            output["data"]["text/html"] = build.explorables[name] = (
                f'<div class="explorable" id="{shown["kind"]}" data-explorable="{name}">'
                f"{picture}</div>"
            )


def put(html: str, page: str, build: Build) -> str:
    """Put explorables of other pages where ``<p data-explore="name">...</p>`` asks for them."""

    def block(mark: re.Match[str]) -> str:
        if mark[1] not in build.explorables:
            log.warning("%s: there is no explorable %r to show", page, mark[1])
        return build.explorables.get(mark[1], "")

    return _MARK.sub(block, html)
