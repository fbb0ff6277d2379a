"""A student's notebook file, read with care: anything may be in it."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from anomaly_lab.errors import InputError
from anomaly_lab.lessons.notebooks import EXERCISE, LESSON, student
from anomaly_lab.lessons.source import Lesson

LARGEST = 100  # MB; a larger file is not read, so that it cannot fill the memory


def opened(path: Path) -> NotebookNode:
    """Return a notebook; one of an older version is brought up to date.

    Raises
    ------
    InputError
        If the file is no notebook, or too large.
    """
    try:
        if path.stat().st_size > LARGEST * 1e6:
            raise InputError(f"larger than {LARGEST} MB; are there large outputs in it?")
        notebook = nbformat.convert(nbformat.reader.reads(path.read_text("utf-8-sig")), 4)
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
    """Return the number of a notebook's lesson, by what it says or by its name."""
    try:
        said = opened(path).metadata.get(LESSON, "")
    except InputError:
        said = ""
    return str(said or path.name[:2])


def worked_in(path: Path, lesson: Lesson) -> bool:
    """Return whether the exercises of a notebook are other than those that were laid down."""
    return _exercises(opened(path)) != _exercises(student(lesson))


def _exercises(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if EXERCISE in cell.metadata]


def printable(text: str) -> str:
    """Return text that can be written as UTF-8: file names and errors may hold other bytes."""
    return text.encode("utf-8", "backslashreplace").decode()
