"""A process of its own for one notebook: runs its cells and judges each exercise when it is done.

Called as ``python -P -m anomaly_lab.labs.worker NOTEBOOK LESSON RESULTS``. Results are lines of
JSON, written one at a time, so that whatever stops this process costs only what was not judged yet.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from anomaly_lab.labs.notebook import opened, printable
from anomaly_lab.lessons.checks import ERROR, OPEN, Verdict, judge
from anomaly_lab.lessons.notebooks import EXERCISE
from anomaly_lab.lessons.source import Exercise, Lesson, read

_LONGEST = 1000  # characters of a message: an error may carry a whole table


def main(notebook: str, lesson: str, results: str) -> None:
    """Run a notebook and write down what each exercise of the lesson came to."""
    cells = [cell for cell in opened(Path(notebook)).cells if cell.cell_type == "code"]
    config = Config({"HistoryManager": {"enabled": False}})
    set_by, shell = read(lesson), _Shell.instance(config=config)
    sys.path.insert(0, "")  # not before: a student's file must not stand in for a package of ours
    with open(results, "a", encoding="utf-8") as file:
        start = time.perf_counter()
        for verdict in _verdicts(shell, cells, set_by):
            taken, start = time.perf_counter() - start, time.perf_counter()
            line = {
                "exercise": verdict.exercise,
                "state": verdict.state,
                "message": printable(verdict.message[:_LONGEST]),
                "seconds": taken,
            }
            print(json.dumps(line), file=file, flush=True)
    os._exit(0)  # without waiting for threads that the notebook left running


def _verdicts(shell: InteractiveShell, cells: list[Any], lesson: Lesson) -> Iterator[Verdict]:
    """Yield the verdict on each exercise after its last cell; where it has none, at the end."""
    last = {cell.metadata.get(EXERCISE): i for i, cell in enumerate(cells)}
    stopped: dict[str, str] = {}
    for i, cell in enumerate(cells):
        name = cell.metadata.get(EXERCISE, "")
        error = _run(shell, cell.source)
        if error and not cell.source.startswith("check("):
            stopped.setdefault(name, error)
        for exercise in lesson.exercises:
            if exercise.name == name and last[name] == i:
                yield _judged(exercise, shell, stopped)
    for exercise in lesson.exercises:
        if exercise.name not in last:
            yield _judged(exercise, shell, stopped)


def _judged(exercise: Exercise, shell: InteractiveShell, stopped: dict[str, str]) -> Verdict:
    """Judge an exercise; where a name is missing because its cell stopped, say that instead."""
    try:
        verdict = judge(exercise, shell.user_ns)
    except BaseException as error:  # a student's function may call sys.exit
        return Verdict(exercise.name, ERROR, _message(error))
    if verdict.state == OPEN and exercise.name in stopped:
        return Verdict(exercise.name, ERROR, stopped[exercise.name])
    return verdict


class _Shell(InteractiveShell):
    """IPython without a screen: what would open or close one does nothing."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: %matplotlib asks for this."""

    def ask_exit(self) -> None:
        """Do nothing: exit() and quit() ask for this."""

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Do nothing: of an endless recursion it takes seconds, and nobody sees it."""


def _run(shell: InteractiveShell, code: str) -> str:
    """Run a cell; return what stopped it, or an empty string."""
    try:
        result = shell.run_cell(code, store_history=False)
    except BaseException as error:  # where IPython fails to show a student's error
        return _message(error)
    stopped = result.error_before_exec or result.error_in_exec
    return "" if stopped is None or isinstance(stopped, NotImplementedError) else _message(stopped)


def _message(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    except Exception:  # a student's error need not be printable
        return type(error).__name__


if __name__ == "__main__":
    main(*(str(Path(argument).absolute()) for argument in sys.argv[1:]))
