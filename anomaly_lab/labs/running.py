"""Running a student's notebook in a process of its own, within limits of time and memory.

The limits keep one notebook from harming the others. They are no sandbox: the code may read and
write what the user who runs it may.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import psutil

from anomaly_lab.lessons.checks import ERROR, RIGHT
from anomaly_lab.lessons.notebooks import ENVIRONMENT
from anomaly_lab.lessons.source import Lesson

SLOW = "too slow"
_WAIT = 0.1  # seconds between two looks at the process
_GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """What one notebook may use.

    Parameters
    ----------
    seconds : float
        Wall-clock time.
    memory : float
        Resident memory of the process and those it starts, in GiB.
    """

    seconds: float = 300
    memory: float = 4


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


def run(
    notebook: Path, lesson: Lesson, folder: Path, limits: Limits, stop: Event | None = None
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
        judged before keep their result.
    stop : Event, optional
        Where it is set, the same is done and nothing is returned.

    Returns
    -------
    list of Result
        One for each exercise, in order.

    Raises
    ------
    CancelledError
        If `stop` was set.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        written = Path(scratch) / "results.jsonl"
        written.touch()
        start = time.monotonic()
        process = _start(notebook, lesson, folder, Path(scratch), written)
        state, message = _ended(process, limits, stop or Event())
        left = time.monotonic() - start
        found = _found(written)
    left -= sum(result.seconds for result in found.values())
    results = []
    for exercise in lesson.exercises:
        results.append(found.get(exercise.name) or Result(exercise.name, state, message, left))
        left = left if exercise.name in found else 0.0
    return results


def _found(written: Path) -> dict[str, Result]:
    """Read what the worker wrote, as far as the notebook's code has left it in order."""
    found = {}
    with contextlib.suppress(OSError, TypeError, ValueError):
        for line in written.read_text("utf-8").splitlines():
            result = Result(**json.loads(line))
            found[result.exercise] = result
    return found


def _start(
    notebook: Path, lesson: Lesson, folder: Path, scratch: Path, written: Path
) -> subprocess.Popen[bytes]:
    arguments = [str(path.absolute()) for path in (notebook, lesson.path, written)]
    own = {"IPYTHONDIR": str(scratch / "ipython"), "MPLBACKEND": "agg"}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "anomaly_lab.labs.worker", *arguments],
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, so that all it starts can be ended
    )


def _ended(process: subprocess.Popen[bytes], limits: Limits, stop: Event) -> tuple[str, str]:
    """Wait for a process within limits; return what to say of exercises that were not judged."""
    end = time.monotonic() + limits.seconds
    try:
        while process.poll() is None:
            if time.monotonic() > end:
                return SLOW, f"the notebook took longer than {limits.seconds:g} s"
            if _memory(process.pid) > limits.memory * _GIB:
                return ERROR, f"the notebook used more than {limits.memory:g} GiB of memory"
            if stop.wait(_WAIT):
                raise CancelledError
        return ERROR, f"Python ended before this exercise (exit code {process.returncode})"
    finally:
        _end(process)


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(pid: int) -> int:
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.Error):  # it may just have ended
            total += process.memory_info().rss
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started, also where it has ended itself."""
    started = _tree(process.pid)  # while it lives: children of a dead process are nobody's
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    for one in started:
        with contextlib.suppress(psutil.Error):
            one.kill()
    process.wait()
