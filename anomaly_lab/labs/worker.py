"""A process of its own for one notebook: runs its cells and judges each exercise when it is done.

Called as ``python -P -m anomaly_lab.labs.worker NOTEBOOK LESSON RESULTS``. Results are lines of
JSON, written one at a time, so that whatever stops this process costs only what was not judged yet.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from anomaly_lab.lessons.checks import ERROR, OPEN, Verdict, judge
from anomaly_lab.lessons.notebooks import EXERCISE
from anomaly_lab.lessons.source import Lesson, read


def main(notebook: str, lesson: str, results: str) -> None:
    """Run a notebook and write down what each exercise of the lesson came to."""
    cells = [c for c in nbformat.read(notebook, as_version=4).cells if c.cell_type == "code"]
    sys.path.insert(0, "")  # not before: a student's file must not stand in for a package of ours
    with open(results, "a", encoding="utf-8") as file:
        start = time.perf_counter()
        for verdict in _verdicts(cells, read(lesson)):
            taken, start = time.perf_counter() - start, time.perf_counter()
            line = {
                "exercise": verdict.exercise,
                "state": verdict.state,
                "message": verdict.message,
                "seconds": taken,
            }
            print(json.dumps(line), file=file, flush=True)


def _verdicts(cells: list[Any], lesson: Lesson) -> Any:
    """Yield the verdict on each exercise after its last cell; where it has none, at the end."""
    shell = _shell()
    last = {cell.metadata.get(EXERCISE): i for i, cell in enumerate(cells)}
    stopped: dict[str, str] = {}
    for i, cell in enumerate(cells):
        name = cell.metadata.get(EXERCISE, "")
        error = _run(shell, cell.source)
        if error:
            stopped.setdefault(name, error)
        for exercise in lesson.exercises:
            if exercise.name == name and last[name] == i:
                yield _judged(judge(exercise, shell.user_ns), stopped)
    for exercise in lesson.exercises:
        if exercise.name not in last:
            yield _judged(judge(exercise, shell.user_ns), stopped)


def _judged(verdict: Verdict, stopped: dict[str, str]) -> Verdict:
    """Where a name is missing because the student's cell stopped, say that instead."""
    if verdict.state == OPEN and verdict.exercise in stopped:
        return Verdict(verdict.exercise, ERROR, stopped[verdict.exercise])
    return verdict


def _shell() -> InteractiveShell:
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config)


def _run(shell: InteractiveShell, code: str) -> str:
    """Run a cell; return what stopped it, or an empty string."""
    result = shell.run_cell(code, store_history=False)
    error = result.error_before_exec or result.error_in_exec
    if error is None or isinstance(error, NotImplementedError):
        return ""
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main(*(str(Path(argument).absolute()) for argument in sys.argv[1:]))
