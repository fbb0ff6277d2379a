"""A lesson -> notebooks: the one that is run, the student's, and the one the site shows.

Prose with placeholders, ``{{ expression:format }}``, becomes a code cell that prints it: in the
student's notebook it speaks of the student's own run; on the page it is prose again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from anomaly_lab.lessons.source import Cell, Exercise, Lesson

# Of a process that runs cells. One BLAS thread and one hash seed: sums and sets come in the same
# order on every machine, and notebooks can run side by side.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
EXERCISE = "anomaly_lab_exercise"  # in the metadata of a student's cells: whose they are
LESSON = "anomaly_lab_lesson"  # in that of the notebook
PREDICT = "> **Predict.**"  # where a reader is to guess before reading on
PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
_BLANK = re.compile(r"^( *)# BEGIN SOLUTION\n.*?^ *# END SOLUTION$", re.MULTILINE | re.DOTALL)
_MARKERS = re.compile(r"^ *# (BEGIN|END) SOLUTION\n?|  # SOLUTION$", re.MULTILINE)
_VALUE = re.compile(r"= .*  # SOLUTION$", re.MULTILINE)
_PAGE_LINK = re.compile(r"\[([^\]]*)\]\(\.\./([^)#]*?)\.(?:md|ipynb)(#[^)]*)?\)")
_GUESS = "*My guess (double-click, and write it down before you run what follows):*"
_HOW_TO_WORK = "[Work on it in your notebook](../start.md#do-an-exercise)"
_KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def blank(code: str) -> str:
    """Return an exercise's code with its solution left out."""
    return _VALUE.sub("= ...", _BLANK.sub(r"\1raise NotImplementedError", code))


def solved(code: str) -> str:
    """Return an exercise's code with its solution, without the markers."""
    return _MARKERS.sub("", code)


def said(prose: str) -> str:
    """Return code that shows prose with its placeholders filled in."""
    parts = PLACEHOLDER.split(prose)  # text and expressions in turn
    parts[::2] = [text.replace("{", "{{").replace("}", "}}") for text in parts[::2]]
    parts[1::2] = [f"{{{expression.strip()}}}" for expression in parts[1::2]]
    text = "".join(parts)
    return f'Markdown(rf"""\n{text}\n""")'


def student(lesson: Lesson, site: str | None = None, install: str | None = None) -> NotebookNode:
    """Return the notebook that a student works in: blanks, no outputs, no solutions.

    Parameters
    ----------
    lesson : Lesson
        What to make it of.
    site : str, optional
        The address of the site that links lead to; without it they are left out.
    install : str, optional
        The command that installs what the notebook needs, for one that comes without the package.

    Returns
    -------
    NotebookNode
    """
    cells = [new_markdown_cell(_opening(lesson, install)), new_code_cell(_STUDENT_SETUP)]
    cells += [cell for block in lesson.blocks for cell in _for_student(block, site)]
    return _notebook(lesson, cells)


_STUDENT_SETUP = """\
from IPython.display import Markdown

from anomaly_lab.lessons import check"""


def _opening(lesson: Lesson, install: str | None) -> str:
    aims = "\n".join(f"- {aim}" for aim in lesson.objectives)
    return (
        f"# {lesson.number} {lesson.title}\n\nAfter this lesson you can\n\n{aims}\n\n"
        "Run the cells from top to bottom (Shift+Enter). Where it says **Predict**, answer before "
        "you go on." + (f" This needs `{install}`." if install else "")
    )


def _for_student(block: Cell | Exercise, site: str | None) -> Iterator[NotebookNode]:
    if isinstance(block, Exercise):
        mark = {EXERCISE: block.name}
        yield from (_prose(cell, site) for cell in block.tagged("exercise", "markdown"))
        for cell in block.tagged("exercise"):
            yield new_code_cell(blank(cell.source), metadata=mark)
        yield new_code_cell(f'check("{block.name}")', metadata=mark)
    elif block.kind == "code" and block.tag != "claim":
        yield _folded(block.source) if block.tag == "fold" else new_code_cell(block.source)
    elif block.kind == "markdown":
        yield _prose(block, site)
        if PREDICT in block.source:
            yield new_markdown_cell(_GUESS)


def _prose(cell: Cell, site: str | None) -> NotebookNode:
    def link(match: re.Match[str]) -> str:
        text, page, anchor = match[1], match[2], match[3] or ""
        return f"[{text}]({site.rstrip('/')}/{page}.html{anchor})" if site else text

    text = _PAGE_LINK.sub(link, cell.source)
    return _folded(said(text)) if PLACEHOLDER.search(text) else new_markdown_cell(text)


def _folded(code: str) -> NotebookNode:
    return new_code_cell(code, metadata={"jupyter": {"source_hidden": True}})


def page(
    lesson: Lesson,
    texts: Mapping[int, str],
    outputs: Mapping[int, list[dict[str, Any]]],
) -> NotebookNode:
    """Return the notebook that the site renders: run, with solutions in cells tagged so.

    Parameters
    ----------
    lesson : Lesson
        What to make it of.
    texts, outputs : mapping
        By the cell's place, of its run: see `anomaly_lab.lessons.execute.LessonRun`. Prose
        that was not run has dots for its numbers.

    Returns
    -------
    NotebookNode
        Its cells are tagged ``fold``, ``solution`` or not at all.
    """
    run = {id(cell): i for i, cell in enumerate(lesson.cells)}

    def prose(cell: Cell, *tags: str) -> NotebookNode:
        text = texts.get(run[id(cell)]) or PLACEHOLDER.sub("…", cell.source)
        return new_markdown_cell(text, metadata={"tags": list(tags)})

    def code(cell: Cell, *tags: str) -> NotebookNode:
        shown = [nbformat.from_dict(output) for output in outputs.get(run[id(cell)], [])]
        return new_code_cell(solved(cell.source), outputs=shown, metadata={"tags": list(tags)})

    cells: list[NotebookNode] = []
    for block in lesson.blocks:
        if isinstance(block, Exercise):
            cells += [prose(cell) for cell in block.tagged("exercise", "markdown")]
            cells += [new_code_cell(blank(cell.source)) for cell in block.tagged("exercise")]
            cells.append(new_code_cell(f'check("{block.name}")'))
            cells.append(new_markdown_cell(_HOW_TO_WORK))
            cells += [code(cell, "solution") for cell in block.tagged("exercise")]
            cells += [prose(cell, "solution") for cell in block.tagged("solution", "markdown")]
        elif block.kind == "markdown":
            cells.append(prose(block))
        elif block.tag in ("", "fold"):
            cells.append(code(block, *([block.tag] if block.tag else [])))
    return _notebook(lesson, cells)


def _notebook(lesson: Lesson, cells: list[NotebookNode]) -> NotebookNode:
    """Return a valid notebook whose cell ids are the same every time."""
    for i, cell in enumerate(cells):
        cell.id = f"{lesson.number}-{i}"
    notebook = new_notebook(cells=cells, metadata={**_KERNEL, LESSON: lesson.number})
    nbformat.validate(notebook)
    return notebook
