"""Is an answer right? The check is the lesson's own; it looks at names in the notebook."""

from __future__ import annotations

import ast
import builtins
import html
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from anomaly_lab.errors import InputError
from anomaly_lab.lessons.source import Exercise, find

RIGHT, WRONG, OPEN, ERROR = "right", "wrong", "not done", "error"
WORDS = {RIGHT: "right.", WRONG: "not right yet", OPEN: "not done yet", ERROR: "your code stopped"}


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    Parameters
    ----------
    exercise : str
        Such as ``"04.2"``.
    state : str
        ``"right"``, ``"wrong"``, ``"not done"`` or ``"error"``.
    message : str
        What is missing; never the answer.
    hints : tuple of str
        Those asked for, and a line on how to get the next.
    """

    exercise: str
    state: str
    message: str = ""
    hints: tuple[str, ...] = ()

    def __str__(self) -> str:
        missing = f": {self.message}." if self.message else ""
        line = f"{self.exercise}: {WORDS[self.state]}{missing}"
        return "\n".join([line, *self.hints])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        mark = {RIGHT: "✓", WRONG: "✗", OPEN: "○", ERROR: "✗"}[self.state]
        lines = "<br>".join(map(html.escape, str(self).splitlines()))
        return f"<p><strong>{mark}</strong> {lines}</p>"


def check(exercise: str, hint: int = 0) -> Verdict:
    """Check an exercise in the notebook that calls this.

    Parameters
    ----------
    exercise : str
        Lesson and number, such as ``"04.2"``.
    hint : int
        How many hints to give where the answer is not right yet: 1 for a gentle one, up to 3.

    Returns
    -------
    Verdict
        Right, or what is missing.

    Raises
    ------
    InputError
        If there are fewer hints than asked for.
    UnknownNameError
        If there is no such exercise.
    """
    task = find(str(exercise).split(".")[0]).exercise(str(exercise))
    if hint not in range(len(task.hints) + 1):
        raise InputError(f"hint should be a number from 0 to {len(task.hints)}, got {hint!r}.")
    verdict = judge(task, sys._getframe(1).f_globals)
    return verdict if verdict.state == RIGHT else replace(verdict, hints=_hints(task, hint))


def judge(exercise: Exercise, names: Mapping[str, Any]) -> Verdict:
    """Check an exercise by the names that a notebook has defined.

    Parameters
    ----------
    exercise : Exercise
        What to check.
    names : mapping of str to object
        The notebook's names; they are not changed.

    Returns
    -------
    Verdict
    """
    function = _function(exercise, names)
    wanted = list(inspect.signature(function).parameters)
    for name in wanted:
        if name not in names:
            return Verdict(exercise.name, OPEN, f"run the cell that defines `{name}` first")
        if names[name] is ...:
            return Verdict(exercise.name, OPEN, f"`{name}` is still `...`")
    try:
        function(*(names[name] for name in wanted))
    except NotImplementedError:
        return Verdict(exercise.name, OPEN, "fill in the blank")
    except AssertionError as error:
        return Verdict(exercise.name, WRONG, str(error).rstrip(".") or "an assert in it fails")
    except Exception as error:
        return Verdict(exercise.name, ERROR, f"{type(error).__name__}: {error}".rstrip("."))
    return Verdict(exercise.name, RIGHT)


def _hints(exercise: Exercise, n: int) -> tuple[str, ...]:
    given = [f"Hint {i}: {hint}" for i, hint in enumerate(exercise.hints[:n], start=1)]
    if n < len(exercise.hints):
        given.append(f'For a hint: check("{exercise.name}", hint={n + 1})')
    return tuple(given)


def _function(exercise: Exercise, names: Mapping[str, Any]) -> Callable[..., None]:
    # A student's `sum = 3` is no reason for a check to stop.
    scope = {name: value for name, value in names.items() if not hasattr(builtins, name)}
    tree = ast.parse(exercise.check)
    exec(compile(tree, f"<check {exercise.name}>", "exec"), scope)
    (function,) = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return scope[function]
