"""Running a student's notebook in a process of its own, within limits of time and memory.

Three processes take part. The student's runs the notebook and gives plain data; the judge, another
one, runs the lesson, holds its inputs and answers and gives verdicts; this one hands messages from
one to the other, and holds the results. So nothing that a notebook does in its process, writes or
prints is worth a point: it has to answer. `anomaly_lab.labs.keeper` says what is ended with it.

The limits keep one notebook from harming the others. They are no sandbox: the code may read and
write what the user who runs it may, the lessons of the installed package among it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Lock

from anomaly_lab.labs.messages import DONE, VERDICT
from anomaly_lab.labs.processes import Limits, Process, StoppedError
from anomaly_lab.lessons.checks import RIGHT
from anomaly_lab.lessons.source import Lesson


@dataclass(frozen=True)
class Result:
    """What one exercise of a notebook came to.

    Parameters
    ----------
    exercise : str
        Such as ``"04.2"``.
    state : str
        ``"right"``, ``"wrong"``, ``"not done"``, ``"error"`` or ``"too slow"``.
    message : str
        What is missing, or what failed.
    seconds : float
        Time from the exercise before, or from the start.
    """

    exercise: str
    state: str
    message: str = ""
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the exercise is right."""
        return self.state == RIGHT


class Judges:
    """The processes that judge, lent to one run at a time and used again for the same lesson.

    Each holds a lesson's data and networks, so there are never more than runs at a time.
    """

    def __init__(self) -> None:
        self._idle: list[tuple[Path, Process]] = []
        self._lock = Lock()

    def __enter__(self) -> Judges:
        return self

    def __exit__(self, *error: object) -> None:
        for _, process in self._idle:
            process.end()

    @contextmanager
    def lent(self, lesson: Lesson) -> Iterator[Process]:
        """Lend a judge of a lesson; where its run does not come to an end, it is not used again."""
        with self._lock:
            same = [held for held in self._idle if held[0] == lesson.path]
            lent = (same or self._idle)[:1]
            self._idle = [held for held in self._idle if held not in lent]
        for path, process in lent:
            if path == lesson.path:
                break
            process.end()
        else:
            process = Process("judge", lesson.path)
        try:
            yield process
        except BaseException:
            process.end()
            raise
        with self._lock:
            self._idle.append((lesson.path, process))


def run(
    notebook: Path,
    lesson: Lesson,
    folder: Path,
    limits: Limits,
    stop: Event | None = None,
    judges: Judges | None = None,
) -> list[Result]:
    """Run a notebook and judge the lesson's exercises by what it defines.

    Parameters
    ----------
    notebook : Path
        A file that can be read as one.
    lesson : Lesson
        Whose exercises to judge, whatever the notebook says of itself.
    folder : Path
        The working folder.
    limits : Limits
        Where one is passed, the process and those it started are ended; exercises that were
        judged before keep their result. What the judge needs for its checks is limited alike.
    stop : Event, optional
        Where it is set, the same is done and nothing is returned.
    judges : Judges, optional
        Where to lend a judge, so that several runs share it; by default one for this run.

    Returns
    -------
    list of Result
        One for each exercise, in order.

    Raises
    ------
    CancelledError
        If `stop` was set.
    """
    if judges is None:
        with Judges() as judges:
            return run(notebook, lesson, folder, limits, stop, judges)
    found: dict[str, Result] = {}
    start = time.monotonic()
    state, message = _relayed(notebook, lesson, folder, limits, stop or Event(), judges, found)
    left = time.monotonic() - start - sum(result.seconds for result in found.values())
    results = []
    for exercise in lesson.exercises:
        results.append(found.get(exercise.name) or Result(exercise.name, state, message, left))
        left = left if exercise.name in found else 0.0
    return results


def _relayed(
    notebook: Path,
    lesson: Lesson,
    folder: Path,
    limits: Limits,
    stop: Event,
    judges: Judges,
    found: dict[str, Result],
) -> tuple[str, str]:
    """Fill in `found`; return what to say of exercises that were not judged."""
    student = Process("worker", notebook, folder)
    try:
        with judges.lent(lesson) as judge:
            judge.spent, ended = 0.0, ("", "")
            message, start = b"", time.monotonic()
            while (said := _said(judge, message, limits, stop))[:1] != DONE:
                message = b""
                if said[:1] == VERDICT:
                    taken, start = time.monotonic() - start, time.monotonic()
                    verdict = Result(**json.loads(said[1:]), seconds=taken)
                    found[verdict.exercise] = verdict
                elif not ended[0]:
                    try:
                        message = student.answer(said[1:], limits, stop)
                    except StoppedError as stopped:
                        ended = stopped.state, stopped.message
                        student.end()
            return ended
    except StoppedError as stopped:  # the judge
        return stopped.state, f"while it was judged, {stopped.message}"
    finally:
        student.end()


def _said(judge: Process, message: bytes, limits: Limits, stop: Event) -> bytes:
    """Return what the judge says; until it has run the lesson, that takes the time it takes."""
    judge.answered += 1
    if judge.answered > 2:  # the first thing it says is before that, and the second after it
        return judge.answer(message, limits, stop)
    said = judge.answer(message, replace(limits, seconds=math.inf), stop)
    judge.spent = 0.0
    return said
