"""A student's notebook file, read with care: anything may be in it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from anomaly_lab.errors import InputError
from anomaly_lab.lessons.notebooks import LESSON, student
from anomaly_lab.lessons.source import Lesson
from anomaly_lab.paths import read_regular

MOST_CELLS = 5000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
LARGEST = 100_000_000  # bytes; a larger file is not read, so that it cannot fill the memory


def content(path: Path, *, links: bool = True) -> bytes:
    """Return what a regular file holds; without `links`, the path itself must be it.

    Raises
    ------
    InputError
        If it is something else, such as a pipe, which could be read forever; if it is too large, or
        may not be read.
    """
    try:
        return read_regular(path, LARGEST, links=links)
    except OSError as error:
        raise InputError(f"{printable(path.name)} cannot be read: {error.strerror}") from error


def opened(path: Path) -> NotebookNode:
    """Return the notebook in a file; see `content` and `parsed` for errors."""
    return parsed(content(path), path)


def parsed(read: bytes, path: Path) -> NotebookNode:
    """Return the notebook that a file holds; one of an older version is brought up to date.

    Raises
    ------
    InputError
        If it holds none, or one of too many cells.
    """
    try:
        notebook = nbformat.convert(nbformat.reader.reads(read.decode("utf-8-sig")), 4)
        if len(notebook.cells) > MOST_CELLS:
            raise InputError(f"it has {len(notebook.cells)} cells; {MOST_CELLS} are the most")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cells without ids or with the same ones do no harm
            nbformat.validate(notebook)
        return notebook
    except Exception as error:  # nbformat raises many kinds
        reason = printable(str(error).strip().split("\n")[0][:200])
        name = printable(path.name)
        raise InputError(f"{name} is not a notebook that can be read: {reason}") from error


def fault(path: Path) -> str:
    """Return why a file cannot be read as a notebook, or nothing."""
    try:
        opened(path)
    except InputError as error:
        return str(error)
    return ""


def lesson_of(path: Path) -> str:
    """Return the number of the lesson of the notebook in a file; its name is all there may be."""
    try:
        return number_of(opened(path), path)
    except InputError:
        return path.name[:2]


def number_of(notebook: NotebookNode, path: Path) -> str:
    """Return the number of a notebook's lesson, by what it says or by its name."""
    return str(notebook.metadata.get(LESSON) or path.name[:2])


def worked_in(path: Path, lesson: Lesson) -> bool:
    """Return whether the code of a notebook is other than what was laid down."""
    return _code(opened(path)) != _code(student(lesson))


def _code(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def printable(text: str) -> str:
    """Return text that can be written as UTF-8 and shown: names and errors may hold other bytes."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", shown)
