"""Faults around a run: ended at any moment, no room, no output, no home, little memory."""

from __future__ import annotations

import atexit
import importlib
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
import weakref
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from small_lab import HALF, TWICE, worked, write_lessons

from anomaly_lab import AnomalyModel, cli
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.lessons import read, source

from .core import (
    Action,
    Failure,
    RefusedError,
    check_files,
    check_said,
    no_leftover,
    short,
    snapshot,
)
from .parameters import ROWS, pick
from .tables import csv_of, grid

COMPARE = ["compare", "--data", "t.csv", "--label", "y", "-d", "knn", "--seeds", "3"]
COMPARE += ["--threshold", "mad", "--json", "out.json", "-o", "out.html"]
GALLERY = ["gallery", "-d", "centroid", "--dataset", "shapes/ring", "--seeds", "1", "--json"]
GALLERY += ["out.json"]
GRADE = ["grade", "class", "--lesson", "07", "--csv", "out.csv", "--seconds", "30"]
COMMANDS = {"compare": COMPARE, "gallery": [*GALLERY, "--jobs", "1", "--fresh"], "grade": GRADE}
OUTPUTS = ("out.json", "out.html", "out.csv", "out.anomaly")
OLD = {"out.json": "{}", "out.html": "<p>old</html>", "out.csv": "student,old\n"}


def _save() -> None:
    """Save a model over and over."""
    model = AnomalyModel("knn", "mad").fit(ROWS).calibrate(ROWS)
    for _ in range(10):
        model.save("out.anomaly")


def _closed() -> None:
    os.close(1)


def _unread() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def _full() -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), 1)


def _no_home() -> None:
    for name in ("HOME", "ANOMALY_LAB_CACHE", "XDG_CACHE_HOME", "TMPDIR"):
        os.environ.pop(name, None)
    for path in (Path(), *Path().rglob("*")):
        os.chown(path, 54321, 54321, follow_symlinks=False)
    os.setuid(54321)  # of no entry in the password file


def _gone() -> None:
    gone = tempfile.mkdtemp()
    os.chdir(gone)
    os.rmdir(gone)


def _limit(kind: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (value, value))


def _c_locale() -> None:
    os.environ |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


SIGNALS = {"kill": signal.SIGKILL, "interrupt": signal.SIGINT, "terminate": signal.SIGTERM}
FAULTS: dict[str, Callable[[], None]] = {
    **{f"files of {n} bytes": _limit(resource.RLIMIT_FSIZE, n) for n in (0, 1, 700, 5000, 40_000)},
    **{f"{n} open files": _limit(resource.RLIMIT_NOFILE, n) for n in (8, 20)},
    "output closed": _closed,
    "output not read": _unread,
    "output full": _full,
    "input closed": lambda: os.close(0),
    "no folder": _gone,
}
# Where Python itself must start in them.
AT_START: dict[str, Callable[[], None]] = {
    **{f"{n} MB of memory": _limit(resource.RLIMIT_AS, n * 10**6) for n in (900, 1200, 2000)},
    "no home": _no_home,
    "C locale": _c_locale,
    "output closed": _closed,
    "output not read": _unread,
    "output full": _full,
    "no folder": _gone,
}


def lay(folder: Path) -> None:
    """Write what the commands read, and files of before where they will write."""
    (folder / "t.csv").write_bytes(csv_of(grid(np.random.default_rng(0))))
    lessons = write_lessons(Path(tempfile.mkdtemp()) / "lessons", "07_small")
    source.folder = lambda: lessons
    (folder / "class").mkdir()
    notebook = nbformat.writes(worked(read(lessons / "07_small.py"), TWICE, HALF))
    (folder / "class" / "al.ipynb").write_text(notebook, "utf-8")
    for name, content in OLD.items():
        (folder / name).write_text(content)


@cache
def usual(name: str) -> float:
    """Return the seconds that a command takes here."""
    start = time.monotonic()
    code, text = _run(name, lambda: None)
    if code:
        raise RuntimeError(f"{name} does not run: {text}")
    return time.monotonic() - start


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw a command and what befalls it; run again, it finds nothing in its way."""
    for module in ("comparison", "detectors", "report", "storage", "gallery.run", "labs.grading"):
        importlib.import_module(f"anomaly_lab.{module}")  # once for all that are forked
    lay(folder)
    name, share, real = pick(rng, [*COMMANDS, "save"]), rng.random(), False
    if rng.random() < 0.6:
        fault = pick(rng, SIGNALS)
    else:
        real = name != "save" and rng.random() < 0.4 and name != "grade"
        fault = pick(rng, AT_START if real else FAULTS)
    said = f"{name}, {fault}" + (f" at {share:.3f} of its time" if fault in SIGNALS else "")
    return said + (", from the start" if real else ""), lambda: _try(name, fault, share, real)


def _try(name: str, fault: str, share: float, real: bool) -> None:
    seconds = share * usual(name) if fault in SIGNALS else 0.0
    for path, content in OLD.items():
        Path(path).write_text(content)
    before = snapshot(Path())
    outputs = [Path.cwd() / output for output in OUTPUTS]
    befalls = {**FAULTS, **AT_START}.get(fault, lambda: None)
    code, text = _run(name, befalls, real=real, end=SIGNALS.get(fault), after=seconds)
    ended = {-SIGNALS[fault], 128 + SIGNALS[fault]} if fault in SIGNALS else {1, 141}
    refused = None
    try:
        check_said(0 if code in ended else code, text)
    except RefusedError as error:
        refused = error
    drafts = [path for path in Path().rglob(".*") if path.is_file() and path not in before]
    if (
        drafts
        and code not in (-signal.SIGKILL, -signal.SIGTERM)
        and not str(drafts[0]).endswith(".partly")
    ):
        raise Failure("leftover draft", drafts)
    again, text = _run(name, lambda: None)
    if again:
        raise Failure("wrong", f"run again it ended with {again}: {short(text)}")
    check_files({Path.cwd() / p: s for p, s in before.items()}, Path.cwd(), outputs)
    if refused:
        raise refused


def _run(
    name: str,
    befalls: Callable[[], None],
    *,
    real: bool = False,
    end: signal.Signals | None = None,
    after: float = 0.0,
) -> tuple[int, str]:
    """Run a command in a process, end it, and return its exit code and what it said on errors."""
    mark = f"HOSTILE_{os.getpid()}_{time.monotonic_ns()}"
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        _be_the_command(name, befalls, writer, mark, real)
    os.close(writer)
    if end:
        time.sleep(after)
        os.kill(child, end)
    with os.fdopen(reader, "rb", closefd=True) as said:
        text = b""
        os.set_blocking(said.fileno(), False)
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            text += said.read() or b""
            time.sleep(0.005)
        text += said.read() or b""
    no_leftover(mark, child)
    return os.waitstatus_to_exitcode(ended[1]), text.decode("utf-8", "replace")


def _stream(number: int, mode: str) -> Any:
    """Open a stream as Python does at its start: None where there is none."""
    try:
        return open(number, mode, closefd=False)
    except OSError:
        return None


def _be_the_command(
    name: str, befalls: Callable[[], None], writer: int, mark: str, real: bool
) -> None:
    """In the forked process: suffer the fault, run the command, and end as Python would."""
    code: object = 1
    try:
        weakref.finalize._registry.clear()  # the parent's temporary folders are to stay
        os.setsid()
        os.dup2(writer, 2)
        os.closerange(3, 256)  # what the parent reports to, among others
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ[mark] = "1"
        befalls()
        if real:
            os.execv(sys.executable, [sys.executable, "-m", "anomaly_lab", *COMMANDS[name]])
        sys.stdin, sys.stdout, sys.stderr = _stream(0, "r"), _stream(1, "w"), _stream(2, "w")
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # as Python holds them
        sys.argv = ["anomaly-lab", *COMMANDS.get(name, [])]
        code = _code(_save if name == "save" else cli.main)
        atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:
        code = 120  # as Python ends where it cannot write what is left
    finally:
        os._exit(int(code or 0))


def _code(run: Callable[[], None]) -> object:
    """Run it, and return the exit code; say what it raises, as Python does."""
    try:
        run()
        return 0
    except SystemExit as ended:
        return ended.code
    except KeyboardInterrupt:
        if run is not _save:  # a function lets it through; a command does not
            traceback.print_exc()
        return 130
    except AnomalyLabError as error:
        print(error, file=sys.stderr)
        return 2
    except BaseException:
        traceback.print_exc()
        return 1
