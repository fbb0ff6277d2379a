"""Runs a module in a process of its own and ends it with all that it started.

Called as ``python -P keeper.py LIFELINE MODULE ARGUMENTS``. `LIFELINE` is the number of an open
pipe: when its other end is closed, which the system does too where the grader is killed, the run is
over. What is guaranteed where:

- Linux: every process ends that the module started, directly or not, in a session of its own or
  orphaned, since this process adopts the orphans. Only one that ends this process first escapes.
- macOS and other systems with `fork`: those in the module's process group, and those whose parents
  still live.
- Windows: this is not used; the grader ends the processes whose parents still live, and nobody does
  where it is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

import psutil

WORKS = os.name == "posix"
_WAIT = 20  # milliseconds between two looks at the process
_LONGEST = 10  # seconds that ending everything may take
_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36  # of <sys/prctl.h>


def main(lifeline: int, module: str, *arguments: str) -> int | None:
    """Run a module until it ends, and return its exit code, or until the lifeline is cut."""
    _prctl(_SET_CHILD_SUBREAPER, 1)
    child = os.fork()
    if child == 0:
        _prctl(_SET_PDEATHSIG, signal.SIGKILL)
        os.close(lifeline)
        os.execv(sys.executable, [sys.executable, "-P", "-m", module, *arguments])
    for stream in (0, 1):  # the module's, which alone should keep them open
        os.close(stream)
    code = _watched(lifeline, child)
    _end_all()
    if code is None:
        os.killpg(0, signal.SIGKILL)  # the group, this process with it
    return code


def _watched(lifeline: int, child: int) -> int | None:
    cut = select.poll()
    cut.register(lifeline, select.POLLIN)
    while not cut.poll(_WAIT):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
    return None


def _end_all() -> None:
    """End all children of this process, adopted ones too, until there are none."""
    end = time.monotonic() + _LONGEST
    with contextlib.suppress(ChildProcessError):  # no children are left
        while time.monotonic() < end:
            for one in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    one.kill()
            os.waitpid(-1, os.WNOHANG)
            time.sleep(0.002)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    os._exit(main(int(sys.argv[1]), *sys.argv[2:]) or 0)
