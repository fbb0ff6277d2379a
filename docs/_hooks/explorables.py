"""Explorables of computed pages: their data as files, their pictures in the page."""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from anomaly_lab.explorables import MIME, STILL

log = logging.getLogger("mkdocs.hooks.explorables")

BLOCKS: dict[str, str] = {}  # what the pages of this build can show, by name
_MARK = re.compile(r'<p data-explore="([^"]+)">.*?</p>', re.DOTALL)


def take(notebook: dict[str, Any], page: str, files: Files, config: MkDocsConfig) -> None:
    """Move the data of a notebook's explorables into files that the page's script loads.

    Parameters
    ----------
    notebook : dict
        In place of each stays its picture, in an element that says which file belongs to it.
    page : str
        The page's number, part of the file's name.
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
            BLOCKS[name] = (
                f'<div class="explorable" id="{shown["kind"]}" data-explorable="{name}">'
                f"{picture}</div>"
            )
            output["data"]["text/html"] = BLOCKS[name]


def put(html: str, page: str) -> str:
    """Put explorables of other pages where ``<p data-explore="name">...</p>`` asks for them."""

    def block(mark: re.Match[str]) -> str:
        if mark[1] not in BLOCKS:
            log.warning("%s: there is no explorable %r to show", page, mark[1])
        return BLOCKS.get(mark[1], "")

    return _MARK.sub(block, html)
