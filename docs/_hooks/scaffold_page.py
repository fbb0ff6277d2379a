"""The page on adding a detector: its code is what `anomaly-lab detectors new` writes."""

from __future__ import annotations

import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from anomaly_lab.scaffold.package import contents

NAME = "median"  # of the detector on the page
_MARK = re.compile(r"^<!-- ([\w.]+): (.+) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the code into the page."""
    return filled(markdown) if page.file.src_uri == "own-detector.md" else markdown


def filled(markdown: str) -> str:
    """Put code in place of marks such as ``<!-- median.py: def _fit -->``.

    A piece begins at the line of the file that holds the words of the mark, the only one, and ends
    where the file's next piece begins; so all pieces of a file are the file.
    """
    marks: dict[str, list[str]] = {}
    for file, words in _MARK.findall(markdown):
        marks.setdefault(file, []).append(words)
    pieces = {file: _cut(file, words) for file, words in marks.items()}

    def piece(mark: re.Match[str]) -> str:
        language = "python" if mark[1].endswith(".py") else "toml"
        return f'```{language} title="{mark[1]}"\n{pieces[mark[1]].pop(0)}\n```'

    return _MARK.sub(piece, markdown)


def _cut(file: str, marks: list[str]) -> list[str]:
    lines = contents(NAME)[file].splitlines()
    starts = []
    for words in marks:
        found = [i for i, line in enumerate(lines) if words in line]
        if len(found) != 1:
            raise PluginError(f"own-detector.md: {words!r} is in {len(found)} lines of {file}.")
        starts += found
    if starts != sorted(starts) or starts[0] != 0:
        raise PluginError(f"own-detector.md: {file} should be shown from its first line, in order.")
    ends = [*starts[1:], len(lines)]
    return ["\n".join(lines[i:j]).strip("\n") for i, j in zip(starts, ends, strict=True)]
