"""A process that answers messages, within limits, and is ended with what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread

import psutil

from anomaly_lab.labs import keeper
from anomaly_lab.labs.messages import Channel
from anomaly_lab.lessons.checks import ERROR
from anomaly_lab.lessons.notebooks import ENVIRONMENT

SLOW, UNJUDGED = "too slow", "not judged"
_WAIT = 0.1  # seconds between two looks at a process
_ENDING = 15  # seconds that a process may take to end what it started
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


class StoppedError(Exception):
    """A process was ended: the state and the message of what was not judged yet."""

    def __init__(self, state: str, message: str):
        super().__init__(state, message)
        self.state, self.message = state, message


class Process:
    """A module of this room run in a process of its own, which answers messages one at a time.

    Parameters
    ----------
    module : str
        ``"worker"`` or ``"judge"``.
    argument : Path
        What it works on.
    folder : Path, optional
        The working folder; by default one of its own.
    """

    def __init__(self, module: str, argument: Path, folder: Path | None = None):
        self._module = module
        self.spent = 0.0  # seconds that it was waited for
        self.answered = 0  # messages
        self._scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._lifeline: int | None = None
        self._process = self._start([f"{__package__}.{module}", str(argument.absolute())], folder)
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._answers: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _start(self, command: list[str], folder: Path | None) -> subprocess.Popen[bytes]:
        own = {"IPYTHONDIR": str(Path(self._scratch.name) / "ipython"), "MPLBACKEND": "agg"}
        inherited: tuple[int, ...] = ()
        if keeper.WORKS:
            end, self._lifeline = os.pipe()
            inherited = (end,)
            command = [keeper.__file__, str(end), *command]
        else:
            command = ["-m", *command]
        try:
            return subprocess.Popen(
                [sys.executable, "-P", *command],
                cwd=folder or self._scratch.name,
                env={**os.environ, **ENVIRONMENT, **own},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a group of its own, so that all of it can be ended
                pass_fds=inherited,
            )
        finally:
            for end in inherited:
                os.close(end)

    def _serve(self) -> None:
        """Write messages and read answers, in a thread: either may take forever."""
        channel = Channel(self._process.stdout, self._process.stdin)
        with contextlib.suppress(OSError):
            while (message := self._messages.get()) is not None:
                channel.send(message)
                self._answers.put(channel.receive())
        self._answers.put(None)

    def answer(self, message: bytes, limits: Limits, stop: Event) -> bytes:
        """Return the answer to a message.

        Raises
        ------
        StoppedError
            Where it does not come, or not within limits.
        CancelledError
            If `stop` was set.
        """
        start = time.monotonic()
        self._messages.put(message)
        while True:
            try:
                answer = self._answers.get(timeout=_WAIT)
                break
            except Empty:
                self._check(limits, self.spent + time.monotonic() - start)
            if stop.is_set():
                raise CancelledError
        self.spent += time.monotonic() - start
        if not answer:  # an empty one is none
            raise StoppedError(ERROR, self._last_words())
        return answer

    def _check(self, limits: Limits, spent: float) -> None:
        subject = {"worker": "the notebook", "judge": "its check"}[self._module]
        if spent > limits.seconds:
            raise StoppedError(SLOW, f"{subject} took longer than {limits.seconds:g} s")
        if _memory(self._process.pid) > limits.memory * _GIB:
            raise StoppedError(ERROR, f"{subject} used more than {limits.memory:g} GiB of memory")

    def _last_words(self) -> str:
        try:
            code = self._process.wait(_WAIT * 50)
        except subprocess.TimeoutExpired:
            return "Python answers no more before this exercise"
        where = {"worker": "before this exercise", "judge": "in the check of this exercise"}
        return f"Python ended {where[self._module]} (exit code {code})"

    def end(self) -> None:
        """End the process and what it started, also where it has ended itself."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING)
        started = _tree(self._process.pid)  # while it lives: a dead process has no children
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        for one in started:
            with contextlib.suppress(psutil.Error):
                one.kill()
        self._process.wait()
        self._messages.put(None)
        self._thread.join(_ENDING)
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()
        self._scratch.cleanup()


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
