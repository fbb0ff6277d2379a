"""Is an answer right? The check is the lesson's own; it looks at names in the notebook."""

from __future__ import annotations

import ast
import html
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anomaly_lab.lessons.source import Exercise, find

RIGHT, WRONG, OPEN, ERROR = "right", "wrong", "not done", "error"


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
    """

    exercise: str
    state: str
    message: str = ""

    def __str__(self) -> str:
        said = {
            RIGHT: "right.",
            WRONG: "not right yet",
            OPEN: "not done yet",
            ERROR: "your code stopped",
        }[self.state]
        return f"{self.exercise}: {said}" + (f": {self.message}." if self.message else "")

    __repr__ = __str__

    def _repr_html_(self) -> str:
        mark = {RIGHT: "✓", WRONG: "✗", OPEN: "○", ERROR: "✗"}[self.state]
        return f"<p><strong>{mark}</strong> {html.escape(str(self))}</p>"


def check(exercise: str) -> Verdict:
    """Check an exercise in the notebook that calls this.

    Parameters
    ----------
    exercise : str
        Lesson and number, such as ``"04.2"``.

    Returns
    -------
    Verdict
        Right, or what is missing.

    Raises
    ------
    UnknownNameError
        If there is no such exercise.
    """
    lesson = find(exercise.split(".")[0])
    return judge(lesson.exercise(exercise), sys._getframe(1).f_globals)


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
        return Verdict(exercise.name, WRONG, str(error).rstrip("."))
    except Exception as error:
        return Verdict(exercise.name, ERROR, f"{type(error).__name__}: {error}".rstrip("."))
    return Verdict(exercise.name, RIGHT)


def _function(exercise: Exercise, names: Mapping[str, Any]) -> Callable[..., None]:
    scope = dict(names)
    tree = ast.parse(exercise.check)
    exec(compile(tree, f"<check {exercise.name}>", "exec"), scope)
    (function,) = (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
    return scope[function]
