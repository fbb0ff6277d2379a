"""The judge: a process that runs the lesson, holds what its checks compare with, and judges.

Called as ``python -m anomaly_lab.labs.judge LESSON``. It talks to the grader alone, which hands its
requests on to the student's process and the answers back. The lesson is run once, whatever the
number of submissions; nothing of theirs runs here.
"""

from __future__ import annotations

import contextlib
import json
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from anomaly_lab.labs.messages import DONE, VERDICT, Channel, own_streams
from anomaly_lab.labs.notebook import printable
from anomaly_lab.labs.processes import UNJUDGED
from anomaly_lab.labs.standins import Gone, Student
from anomaly_lab.lessons.checks import ERROR, OPEN, WRONG, Verdict, judge
from anomaly_lab.lessons.notebooks import solved
from anomaly_lab.lessons.source import Exercise, Lesson, read

_LONGEST = 1000  # characters of a message
_SCALARS = (bool, int, float, str)


def main(path: str) -> None:
    """Judge one submission after the other."""
    channel = Channel(*own_streams())
    lesson = read(path)
    given: _Given | None = None
    while channel.receive() is not None:  # a submission
        student = Student(channel)
        student.send("next")  # the notebook runs while the lesson does
        given = given or _Given(lesson)
        with contextlib.suppress(Gone):
            for verdict in _verdicts(student, given):
                message = printable(verdict.message[:_LONGEST])
                line = {"exercise": verdict.exercise, "state": verdict.state, "message": message}
                channel.send(VERDICT + json.dumps(line).encode())
                channel.receive()
        channel.send(DONE)


class _Given:
    """What a lesson gives its exercises: the names that its cells have set where each stands."""

    def __init__(self, lesson: Lesson):
        self.lesson = lesson
        self.names: dict[str, dict[str, Any]] = {}  # by exercise
        self.stopped: dict[str, str] = {}
        module = types.ModuleType("__main__")  # as in a notebook: what is defined can be pickled
        sys.modules["__main__"] = module
        error = ""
        for block in lesson.blocks:
            cells = block.tagged("exercise") if isinstance(block, Exercise) else [block]
            for cell in cells:
                if cell.kind == "code" and cell.tag != "claim":
                    error = error or _run(solved(cell.source), vars(module))
            if isinstance(block, Exercise):
                self.names[block.name] = dict(vars(module))
                self.stopped[block.name] = error


def _run(code: str, names: dict[str, Any]) -> str:
    try:
        exec(compile(code, "<lesson>", "exec"), names)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _verdicts(student: Student, given: _Given) -> Iterator[Verdict]:
    """Yield the verdict on each exercise after its last cell; where it has none, at the end."""
    left = {exercise.name: exercise for exercise in given.lesson.exercises}
    while left:
        try:
            answer = student.answer()
        except Exception:  # an answer that is none: as if the notebook ended here
            break
        if not isinstance(name := answer.get("exercise"), str):
            break
        if name in left:
            yield _judged(left.pop(name), given, student, str(answer.get("stopped", "")))
        if left:
            student.send("next")
    for exercise in left.values():
        yield _judged(exercise, given, student, "")


def _judged(exercise: Exercise, given: _Given, student: Student, stopped: str) -> Verdict:
    """Judge an exercise; where a name is missing because its cell stopped, say that instead."""
    if given.stopped[exercise.name]:
        reason = f"the lesson itself stopped before this exercise: {given.stopped[exercise.name]}"
        return Verdict(exercise.name, UNJUDGED, reason)
    student.given = given.names[exercise.name]
    names = {n: value for n, value in student.given.items() if n not in exercise.answers}
    try:
        for name in exercise.answers:
            answer = student.ask("get", name=name)
            names |= {name: answer["value"]} if "value" in answer else {}
        verdict = judge(exercise, names)
        if verdict.state == WRONG:
            verdict = replace(verdict, message=verdict.message + _changed(exercise, names, student))
    except Exception as error:
        return Verdict(exercise.name, ERROR, f"{type(error).__name__}: {error}".rstrip(": "))
    if verdict.state == OPEN and stopped:
        return Verdict(exercise.name, ERROR, stopped)
    return verdict


def _changed(exercise: Exercise, names: Mapping[str, Any], student: Student) -> str:
    """Say which numbers that the lesson gives are others in the notebook."""
    changed = [
        name
        for name in exercise.needs
        if name not in exercise.answers
        and isinstance(names[name], _SCALARS)
        and student.ask("get", name=name).get("value") != names[name]
    ]
    said = f" (judged with the lesson's {', '.join(changed)}, which the notebook changes)"
    return said if changed else ""


if __name__ == "__main__":
    main(*sys.argv[1:])
