"""The labs: notebooks laid down, run within limits, judged and remembered."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import nbformat
import psutil
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from small_lab import HALF, TWICE, cells_of, worked, write_lessons, write_many_exercises
from typer.testing import CliRunner

from anomaly_lab import cli
from anomaly_lab.cli import labs as commands
from anomaly_lab.installation import install_line
from anomaly_lab.labs import folder, notebook, processes, running
from anomaly_lab.labs.folder import lay, notebooks
from anomaly_lab.labs.processes import Limits
from anomaly_lab.labs.running import Result
from anomaly_lab.lessons import Lesson, lessons, read
from anomaly_lab.lessons.notebooks import EXERCISE, LESSON, student

WRONG_TWICE, WRONG_HALF = "def twice(n): return n", "half = 0"
ENOUGH = Limits(seconds=60, memory=1)
Told = tuple[str, str]  # state and message


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with lesson 07 and 08, alike; the package's lessons as long as the test runs."""
    made = write_lessons(tmp_path / "lessons", "07_small", "08_other")
    monkeypatch.setattr("anomaly_lab.lessons.source.folder", lambda: made)
    return made


@pytest.fixture
def small(source: Path) -> Lesson:
    return read(source / "07_small.py")


def solved(lesson: Lesson) -> NotebookNode:
    return worked(lesson, first=TWICE, second=HALF)


def results(
    done: NotebookNode,
    lesson: Lesson,
    place: Path,
    limits: Limits = ENOUGH,
    judges: running.Judges | None = None,
) -> list[tuple[str, str]]:
    """State and message of each exercise."""
    path = place / "work.ipynb"
    nbformat.write(done, path)
    came = running.run(path, lesson, place, limits, judges=judges)
    assert [result.exercise for result in came] == [e.name for e in lesson.exercises]
    return [(result.state, result.message) for result in came]


def states(*arguments: Any) -> list[str]:
    return [state for state, _ in results(*arguments)]


def run(*arguments: str | Path) -> Any:
    """Run a command; its output without line breaks."""
    done = CliRunner().invoke(cli.app, [str(a) for a in arguments], prog_name="anomaly-lab")
    assert "Traceback" not in done.output
    return done


def told(done: Any) -> str:
    return " ".join(done.output.split())


# Laying down


def laid(place: Path) -> list[tuple[str, str]]:
    return [(one.path.name, one.status) for one in lay(place, lessons())]


def work_in(path: Path) -> bytes:
    """Change a notebook as a student does, and return what is in the file then."""
    made = nbformat.read(path, as_version=4)
    made.cells.append(new_code_cell("mine = 1"))
    nbformat.write(made, path)
    return path.read_bytes()


def change(lesson: Path) -> None:
    lesson.write_text(lesson.read_text("utf-8").replace("start = 3", "start = 3.0"), "utf-8")


@pytest.mark.usefixtures("source")
def test_the_notebooks_are_laid_down_in_a_new_folder(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b c"
    assert laid(place) == [("07_small.ipynb", "new"), ("08_other.ipynb", "new")]
    for lesson in lessons():
        found = nbformat.read(place / f"{lesson.slug}.ipynb", as_version=4)
        assert found == student(lesson)
    assert laid(place) == [("07_small.ipynb", "unchanged"), ("08_other.ipynb", "unchanged")]


def test_a_notebook_nobody_worked_in_is_brought_up_to_date(source: Path, tmp_path: Path) -> None:
    lay(tmp_path, lessons())
    change(source / "07_small.py")
    assert laid(tmp_path) == [("07_small.ipynb", "updated"), ("08_other.ipynb", "unchanged")]
    assert "start = 3.0" in (tmp_path / "07_small.ipynb").read_text("utf-8")
    assert laid(tmp_path)[0] == ("07_small.ipynb", "unchanged")


def test_work_is_never_overwritten(source: Path, tmp_path: Path) -> None:
    lay(tmp_path, lessons())
    mine = work_in(tmp_path / "07_small.ipynb")
    assert laid(tmp_path)[0] == ("07_small.ipynb", "yours")
    change(source / "07_small.py")
    assert laid(tmp_path)[0] == ("07_small_2.ipynb", "beside yours")
    assert "start = 3.0" in (tmp_path / "07_small_2.ipynb").read_text("utf-8")
    assert laid(tmp_path)[0] == ("07_small.ipynb", "yours")
    assert (tmp_path / "07_small.ipynb").read_bytes() == mine


def test_of_what_lies_beside_only_what_was_worked_in_stays(source: Path, tmp_path: Path) -> None:
    lay(tmp_path, lessons())
    first = work_in(tmp_path / "07_small.ipynb")
    change(source / "07_small.py")
    lay(tmp_path, lessons())
    change(source / "07_small.py")
    text = (source / "07_small.py").read_text("utf-8")
    (source / "07_small.py").write_text(text.replace("start = 3.0", "start = 6 / 2"), "utf-8")
    assert laid(tmp_path)[0] == ("07_small_2.ipynb", "updated")
    second = work_in(tmp_path / "07_small_2.ipynb")
    (source / "07_small.py").write_text(text.replace("start = 3.0", "start = 9 / 3"), "utf-8")
    assert laid(tmp_path)[0] == ("07_small_3.ipynb", "beside yours")
    assert (tmp_path / "07_small.ipynb").read_bytes() == first
    assert (tmp_path / "07_small_2.ipynb").read_bytes() == second


DAMAGED = [
    "",
    "{",
    "[]",
    "3",
    '{"laid": 1}',
    '{"laid": {}, "more": 1}',
    '{"results": {"01.1": {}}}',
]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("state", [*DAMAGED, '{"results": 1}', '{"checked": []}', "\x00"])
def test_a_damaged_state_file_costs_nobody_any_work(state: str, tmp_path: Path) -> None:
    lay(tmp_path, lessons())
    mine = work_in(tmp_path / "07_small.ipynb")
    (tmp_path / ".anomaly_lab.json").write_text(state)
    assert laid(tmp_path) == [
        ("07_small_2.ipynb", "beside yours"),
        ("08_other.ipynb", "unchanged"),
    ]
    assert (tmp_path / "07_small.ipynb").read_bytes() == mine
    assert laid(tmp_path)[0] == ("07_small.ipynb", "yours")


@pytest.mark.usefixtures("source")
def test_start_says_what_it_did_and_how_to_go_on(tmp_path: Path) -> None:
    place = tmp_path / ("a long name, " * 6 + "[red]")
    done = run("start", place, "--no-open")
    assert done.exit_code == 0, done.output
    assert f"{place}/07_small.ipynb  new\n" in done.output
    assert f" -m jupyterlab '{place}'\n" in done.output
    work_in(place / "07_small.ipynb")
    assert f"{place}/07_small.ipynb  yours\n" in run("start", place, "--no-open").output


@pytest.mark.usefixtures("counted")
@pytest.mark.parametrize(
    ("folder", "lies_here"),
    [("labs", ""), ("my labs", ""), ("", ""), (".", ""), ("", "other.ipynb")],
    ids=["named", "with a blank", "as it is", "here", "beside another notebook"],
)
def test_the_check_that_start_tells_of_finds_the_notebooks(
    folder: str, lies_here: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    if lies_here:
        Path(lies_here).touch()
    done = run("start", *([folder] if folder else []), "--no-open")
    command = shlex.split(done.output.splitlines()[-1].partition("with: ")[2])
    assert command[:2] == ["anomaly-lab", "check"]
    assert (len(command) == 2) == (folder in ("", ".") and not lies_here)
    assert "4 of 4 right." in run(*command[1:]).output


@pytest.mark.usefixtures("source")
def test_a_place_that_cannot_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    done = run("start", tmp_path / "file" / "folder", "--no-open")
    assert done.exit_code == 2
    assert f"Cannot make the folder {tmp_path}" in told(done)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    done = run("start", tmp_path / "folder", "--no-open")
    assert done.exit_code == 2
    assert "may not be written to" in told(done)


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize(
    ("terminal", "display", "opens"), [(True, ":0", True), (True, "", False), (False, ":0", False)]
)
@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="they need no DISPLAY")
def test_jupyterlab_is_opened_where_there_is_a_screen(
    terminal: bool, display: str, opens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("jupyterlab", reason='the extra "lab" is not installed')
    opened: list[Any] = []
    monkeypatch.setattr(commands.subprocess, "run", lambda command, check: opened.append(command))
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(sys, "stdout", screen)
    commands.start(tmp_path / "place", None)
    assert opened == ([[sys.executable, "-m", "jupyterlab", str(tmp_path / "place")]] * opens)


@pytest.mark.parametrize("command", [["start"], ["check"], ["grade", "somewhere"]])
def test_without_the_extra_packages_they_are_named(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = run(*command)
    assert done.exit_code == 2
    assert install_line("lab") in told(done)


# Reading a notebook


def test_a_notebook_tells_its_lesson(small: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "my work.ipynb"
    nbformat.write(student(small), path)
    assert notebook.lesson_of(path) == "07"
    made = student(small)
    del made.metadata[LESSON]
    for name, number in (("08_other (1).ipynb", "08"), ("mine.ipynb", "mi")):
        nbformat.write(made, tmp_path / name)
        assert notebook.lesson_of(tmp_path / name) == number
    (tmp_path / "07_broken.ipynb").write_text("{")
    assert notebook.lesson_of(tmp_path / "07_broken.ipynb") == "07"


def without_ids(made: NotebookNode) -> NotebookNode:
    for cell in made.cells:
        del cell["id"]
    return made


def with_one_id(made: NotebookNode) -> NotebookNode:
    for cell in made.cells:
        cell.id = "same"
    return made


@pytest.mark.parametrize("turn", [without_ids, with_one_id, lambda n: nbformat.convert(n, 3)])
def test_a_notebook_that_can_be_mended_is_read(
    turn: Callable[[NotebookNode], NotebookNode], small: Lesson, tmp_path: Path
) -> None:
    path = tmp_path / "07.ipynb"
    path.write_text("\ufeff" + json.dumps(turn(student(small))), "utf-8")  # as some editors save
    assert notebook.fault(path) == ""
    assert [c.source for c in notebook.opened(path).cells] == [
        c.source for c in student(small).cells
    ]


BROKEN = {
    "empty": b"",
    "cut off": b'{"cells": [',
    "no notebook": b"[1, 2]",
    "no cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "odd cells": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}',
    "no code": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
    b'{"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": null, "source": 7}]}',
    "of the future": b'{"nbformat": 9, "nbformat_minor": 0, "metadata": {}, "cells": []}',
    "not text": b"\x89PNG\r\n\x1a\n\xff\xfe",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_notebook_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "07_small.ipynb"
    path.write_bytes(content)
    told = notebook.fault(path)
    assert told.startswith("07_small.ipynb is not a notebook that can be read: ")
    assert len(told) < 300


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "07.ipynb"
    with path.open("wb") as file:
        file.truncate(notebook.LARGEST + 1)
    assert "100,000,000 are the most" in notebook.fault(path)


# Running: the worker


def test_right_and_wrong_and_open_are_told_apart(small: Lesson, tmp_path: Path) -> None:
    half_right = worked(small, first=TWICE, second=WRONG_HALF)
    assert results(half_right, small, tmp_path) == [("right", ""), ("wrong", "halve it")]
    assert results(student(small), small, tmp_path) == [
        ("not done", "fill in the blank"),
        ("not done", "`half` is still `...`"),
    ]


ANSWERS = {
    "magics": ("%matplotlib inline\n%config InlineBackend.figure_format = 'svg'\n", "right", ""),
    "time": ("%%time\n", "right", ""),
    "shell": ("!echo hello\nlisted = !echo hello\n", "right", ""),
    "await": ("import asyncio\nawait asyncio.sleep(0)\n", "right", ""),
    "shows": ("from IPython.display import display\ndisplay(1)\n", "right", ""),
    "warns": ("import warnings\nwarnings.warn('careful')\n", "right", ""),
    "moves away": ("import os, tempfile\nos.chdir(tempfile.mkdtemp())\n", "right", ""),
    "leaves": ("exit()\n", "right", ""),
    "huge output": ("for i in range(20):\n    print('x' * 1_000_000)\n", "right", ""),
    "raises": ("1 / 0\n", "error", "ZeroDivisionError: division by zero"),
    "misspells": ("def\n", "error", "SyntaxError: invalid syntax"),
    "asks": ("input('Your name?')\n", "error", "EOFError"),
    "sys.exit": ("import sys\nsys.exit()\n", "error", "SystemExit"),
    "interrupts": ("raise KeyboardInterrupt\n", "error", "KeyboardInterrupt"),
    "recursion": ("def f(): f()\nf()\n", "error", "RecursionError"),
    "odd error": ("class E(Exception):\n    __str__ = None\nraise E\n", "error", "E"),
    "odd text": ("raise ValueError('\\udce9')\n", "error", r"ValueError: \udce9"),
    "long error": ("raise ValueError('x' * 1_000_000)\n", "error", "ValueError: xxx"),
}


FUNCTIONS = {
    "sys.exit": ("import sys; sys.exit()", "error", "SystemExit"),
    "odd error": ("raise type('E', (Exception,), {'__str__': None})", "error", "E"),
    "blank": ("raise NotImplementedError", "not done", "fill in the blank"),
}


MISDEEDS = {
    **{name: (code + TWICE, *wanted) for name, (code, *wanted) in ANSWERS.items()},
    **{f"in a call: {k}": (f"def twice(n): {v[0]}", *v[1:]) for k, v in FUNCTIONS.items()},
    # Last: what prints after it fails.
    "closes": (f"import sys\nsys.stdout.close()\n{TWICE}", "right", ""),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Told, Told]]:
    """State and message of each misdeed and of a right answer after it, all in one notebook."""
    place = tmp_path_factory.mktemp("misdeeds")
    lesson = read(write_many_exercises(place / "07_small.py", 2 * len(MISDEEDS)))
    answers = [answer for code, *_ in MISDEEDS.values() for answer in (code, TWICE)]
    done = student(lesson)
    for i, (exercise, answer) in enumerate(zip(lesson.exercises, answers, strict=True), start=1):
        cells_of(done, exercise.name)[0].source = answer.replace("twice", f"twice_{i}")
    found = results(done, lesson, place)
    return dict(zip(MISDEEDS, zip(found[::2], found[1::2], strict=True), strict=True))


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_whatever_is_done_costs_its_exercise_alone(
    misdeed: str, judged: dict[str, tuple[Told, Told]]
) -> None:
    _, state, message = MISDEEDS[misdeed]
    (first, second) = judged[misdeed]
    assert first[0] == state
    assert first[1].startswith(message)
    assert len(first[1]) <= 1000
    assert second == ("right", "")


def test_cells_may_come_in_any_order_or_be_missing(small: Lesson, tmp_path: Path) -> None:
    done = solved(small)
    setup, first = done.cells[1:3], cells_of(done, "07.1")
    second = cells_of(done, "07.2")
    turned = {**done, "cells": [*setup, *second[::-1], *first[::-1]]}
    assert states(nbformat.from_dict(turned), small, tmp_path) == ["right", "right"]
    lacking = {**done, "cells": [*setup, *second]}
    assert results(nbformat.from_dict(lacking), small, tmp_path) == [
        ("not done", "run the cell that defines `twice` first"),
        ("right", ""),
    ]


def test_answers_in_cells_that_belong_to_no_exercise_count(small: Lesson, tmp_path: Path) -> None:
    done = solved(small)
    for cell in done.cells:
        cell.metadata.pop(EXERCISE, None)
    assert states(done, small, tmp_path) == ["right", "right"]


def test_an_exercise_is_judged_by_what_holds_where_it_stands(small: Lesson, tmp_path: Path) -> None:
    done = solved(small)
    done.cells.append(new_code_cell("half = twice = None"))
    assert states(done, small, tmp_path) == ["right", "right"]


def deletes_checks(done: NotebookNode) -> None:
    done.cells = [cell for cell in done.cells if not cell.source.startswith("check(")]


def redefines_check(done: NotebookNode) -> None:
    done.cells.insert(2, new_code_cell("def check(name): return 'right'"))


def breaks_check(done: NotebookNode) -> None:
    done.cells.insert(2, new_code_cell("check = 5"))


def changes_the_package(done: NotebookNode) -> None:
    code = "import anomaly_lab.lessons.checks as c\nc.check = lambda name: 'right'"
    done.cells.insert(2, new_code_cell(code))


@pytest.mark.parametrize(
    "trick", [deletes_checks, redefines_check, breaks_check, changes_the_package]
)
def test_it_does_not_matter_what_a_notebook_does_to_its_checks(
    trick: Callable[[NotebookNode], None], small: Lesson, tmp_path: Path
) -> None:
    done = worked(small, first=WRONG_TWICE, second=HALF)
    trick(done)
    assert results(done, small, tmp_path) == [("wrong", "double it"), ("right", "")]


def test_a_students_files_do_not_stand_in_for_packages_of_ours(
    small: Lesson, tmp_path: Path
) -> None:
    ours = (
        "nbformat",
        "jupytext",
        "yaml",
        "IPython",
        "traitlets",
        "random",
        "numpy",
        "anomaly_lab",
    )
    for name in ours:
        (tmp_path / f"{name}.py").write_text("raise ImportError('not me')")
    (tmp_path / "wave.py").write_text("mine = 1")
    (tmp_path / "helper.py").write_text("def twice(n): return 2 * n")
    done = worked(small, first="from helper import twice", second="import wave\nhalf = wave.open")
    assert results(done, small, tmp_path) == [
        ("right", ""),
        ("error", "AttributeError: module 'wave' has no attribute 'open'"),
    ]


# Running: limits


def test_python_ending_keeps_what_was_judged_before(small: Lesson, tmp_path: Path) -> None:
    done = worked(small, first=TWICE, second="import os\nos._exit(7)")
    assert results(done, small, tmp_path) == [
        ("right", ""),
        ("error", "Python ended before this exercise (exit code 7)"),
    ]


# Not quite endless: where nothing ends it, a test should fail.
ENDLESS = "import time\nopen({!r}, 'w').close()\nwhile time.process_time() < 100: pass"
ENDLESS_HERE = ENDLESS.format("sign")


@pytest.fixture
def sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file: once a notebook has written it, the 60 s that it may take are over."""
    written = tmp_path / "sign"
    late = SimpleNamespace(monotonic=lambda: time.monotonic() + 60 * written.exists())
    monkeypatch.setattr(processes, "time", late)
    return written


@pytest.mark.usefixtures("sign")
def test_an_endless_loop_is_ended(small: Lesson, tmp_path: Path) -> None:
    done = worked(small, first=TWICE, second=ENDLESS_HERE)
    found = results(done, small, tmp_path)
    assert found == [("right", ""), ("too slow", "the notebook took longer than 60 s")]


def test_a_notebook_that_takes_too_much_memory_is_ended(small: Lesson, tmp_path: Path) -> None:
    hog = "import time\nhog = bytearray(600_000_000)\ntime.sleep(1000)"
    done = worked(small, first=TWICE, second=hog)
    came = results(done, small, tmp_path, Limits(seconds=60, memory=0.5))
    assert came == [("right", ""), ("error", "the notebook used more than 0.5 GiB of memory")]


def test_memory_of_processes_it_starts_counts(small: Lesson, tmp_path: Path) -> None:
    hog = "hog = bytearray(600_000_000); import time; time.sleep(1000)"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hog!r}])"
    came = results(worked(small, first=code), small, tmp_path, Limits(seconds=60, memory=0.5))
    assert came == [("error", "the notebook used more than 0.5 GiB of memory")] * 2


def test_a_thread_left_running_is_not_waited_for(small: Lesson, tmp_path: Path) -> None:
    code = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n"
    done = worked(small, first=code + TWICE, second=HALF)
    assert states(done, small, tmp_path) == ["right", "right"]


PROCESS = """\
import pathlib, subprocess, sys
left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]{option})
pathlib.Path("pid").write_text(str(left.pid))
"""


def has_ended(pid: int) -> bool:
    """Whether a process ends within a while; one that nobody asks for stays as a zombie."""
    for _ in range(300):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    return False


# Out of its group, and a child of nobody's.
DETACHES = """\
import os, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    open("pid", "w").write(str(os.getpid()))
    time.sleep(1000)
while not os.path.exists("pid"): time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("option", "then"),
    [("", "twice = abs"), ("", ENDLESS_HERE), (", start_new_session=True", ENDLESS_HERE)],
    ids=["ends", "loops", "loops, session of its own"],
)
@pytest.mark.usefixtures("sign")
def test_processes_it_started_are_ended_with_it(
    option: str, then: str, small: Lesson, tmp_path: Path
) -> None:
    done = worked(small, first=PROCESS.format(option=option) + then)
    results(done, small, tmp_path)
    assert has_ended(int((tmp_path / "pid").read_text()))


linux = pytest.mark.skipif(sys.platform != "linux", reason="orphans can be adopted on Linux alone")


@linux
@pytest.mark.parametrize("then", ["twice = abs", "os._exit(1)"])
def test_a_process_that_detaches_itself_is_ended(then: str, small: Lesson, tmp_path: Path) -> None:
    results(worked(small, first=DETACHES + then), small, tmp_path)
    assert has_ended(int((tmp_path / "pid").read_text()))


@linux
def test_nothing_outlives_a_grader_that_is_killed(small: Lesson, tmp_path: Path) -> None:
    nbformat.write(worked(small, first=DETACHES + "time.sleep(1000)"), tmp_path / "07.ipynb")
    code = (
        "import sys; from pathlib import Path; from anomaly_lab.labs import running, processes\n"
        "from anomaly_lab.lessons import read\n"
        "note, lesson, place = map(Path, sys.argv[1:])\n"
        "running.run(note, read(lesson), place, processes.Limits())\n"
    )
    arguments = [str(tmp_path / "07.ipynb"), str(small.path), str(tmp_path)]
    grader = subprocess.Popen([sys.executable, "-c", code, *arguments])
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text()) and grader.poll() is None:
        time.sleep(0.05)
    started = psutil.Process(grader.pid).children(recursive=True)
    assert len(started) >= 2
    grader.kill()
    grader.wait()
    assert all(has_ended(one) for one in [int(pid.read_text()), *(p.pid for p in started)])


def test_a_run_can_be_stopped(small: Lesson, tmp_path: Path) -> None:
    path = tmp_path / "work.ipynb"
    nbformat.write(worked(small, first="while True: pass"), path)
    before = psutil.Process().children()  # such as joblib's workers of other tests
    stop = Event()
    stop.set()
    with pytest.raises(CancelledError):
        running.run(path, small, tmp_path, ENOUGH, stop)
    assert set(psutil.Process().children()) <= set(before)


# Checking


@dataclass
class Counted:
    """Stands in for `running.run`: notes which notebooks were run."""

    states: dict[str, str] = field(default_factory=dict)
    notebooks: list[str] = field(default_factory=list)

    def __call__(self, path: Path, lesson: Lesson, place: Path, limits: Limits) -> list[Result]:
        self.notebooks.append(path.name)
        names = [exercise.name for exercise in lesson.exercises]
        return [Result(name, self.states.get(name, "right"), "why") for name in names]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    made = Counted()
    monkeypatch.setattr(folder, "run", made)
    monkeypatch.setattr(folder, "worked_in", lambda path, lesson: True)
    return made


@pytest.fixture
def place(source: Path, tmp_path: Path) -> Path:
    """A folder with the notebooks laid down."""
    made = tmp_path / "place"
    lay(made, lessons())
    return made


def rows(output: str) -> dict[str, str]:
    """The table's second column and what follows, by exercise."""
    lines = [line.split(maxsplit=1) for line in output.splitlines()]
    return {line[0]: line[1].strip() for line in lines if len(line) > 1 and line[0][2:3] == "."}


def test_check_tells_right_wrong_not_done_error_and_too_slow(place: Path, sign: Path) -> None:
    first, second = (read(path) for path in sorted((place.parent / "lessons").iterdir()))
    nbformat.write(worked(first, first=TWICE, second="half = 1 / 0"), place / "07_small.ipynb")
    nbformat.write(worked(second, first=WRONG_TWICE), place / "08_other.ipynb")
    done = run("check", "--folder", place)
    assert done.exit_code == 0, done.output
    shown = rows(done.output)
    assert shown["07.1"] == "right"
    assert shown["07.2"].split() == ["error", *["ZeroDivisionError:", "division", "by", "zero"]]
    assert shown["08.1"].split() == ["wrong", "double", "it"]
    assert shown["08.2"].split(maxsplit=2) == ["not", "done", "`half` is still `...`"]
    assert "1 of 4 right." in done.output
    assert "Next: 07.2 in 07_small.ipynb. Exercise 2: half (5 minutes)\n" in done.output
    endless = ENDLESS.format(str(sign))
    nbformat.write(worked(second, first=endless), place / "08_other.ipynb")
    slow = rows(run("check", "08", "--folder", place, "--seconds", "60").output)
    assert {name: row.split()[:2] for name, row in slow.items()} == {
        "08.1": ["too", "slow"],
        "08.2": ["too", "slow"],
    }


def test_progress_is_remembered_until_the_notebook_changes(place: Path, counted: Counted) -> None:
    counted.states["07.2"] = "wrong"
    first = run("check", "--folder", place).output
    assert counted.notebooks == ["07_small.ipynb", "08_other.ipynb"]
    assert run("check", "--folder", place).output == first
    assert len(counted.notebooks) == 2
    work_in(place / "07_small.ipynb")
    counted.states["07.2"] = "right"
    assert "4 of 4 right." in run("check", "--folder", place).output
    assert counted.notebooks[2:] == ["07_small.ipynb"]


def test_a_changed_lesson_is_checked_again(place: Path, source: Path, counted: Counted) -> None:
    run("check", "--folder", place)
    change(source / "08_other.py")
    run("check", "--folder", place)
    assert counted.notebooks[2:] == ["08_other.ipynb"]


def test_what_a_limit_stopped_is_checked_again(place: Path, counted: Counted) -> None:
    counted.states["07.1"] = "too slow"
    run("check", "--folder", place)
    run("check", "--folder", place)
    assert counted.notebooks[2:] == ["07_small.ipynb"]
    run("check", "08", "--folder", place, "--memory", "8")
    assert counted.notebooks[3:] == ["08_other.ipynb"]


@pytest.mark.parametrize("state", DAMAGED)
def test_a_damaged_state_file_only_costs_time(state: str, place: Path, counted: Counted) -> None:
    run("check", "--folder", place)
    (place / ".anomaly_lab.json").write_text(state)
    done = run("check", "--folder", place)
    assert done.exit_code == 0, done.output
    assert "4 of 4 right." in done.output
    assert len(counted.notebooks) == 4


def test_the_next_thing_to_do_is_told(place: Path, counted: Counted) -> None:
    assert "Next: 08.1 in 08_other.ipynb." in run("check", "07", "--folder", place).output
    counted.states["08.2"] = "not done"
    told = run("check", "08", "--folder", place).output
    assert "Next: 08.2 in 08_other.ipynb. Exercise 2" in told
    counted.states.clear()
    work_in(place / "08_other.ipynb")
    assert "All done." in run("check", "08", "--folder", place).output
    (place / "08_other.ipynb").unlink()
    assert "All done." in run("check", "--folder", place).output


def test_of_two_notebooks_the_one_worked_in_last_is_checked(
    place: Path, source: Path, counted: Counted
) -> None:
    work_in(place / "07_small.ipynb")
    change(source / "07_small.py")
    lay(place, lessons())
    assert notebooks(place, lessons())["07"].name == "07_small.ipynb"
    work_in(place / "07_small_2.ipynb")
    os.utime(place / "07_small.ipynb", (1, 1))
    assert notebooks(place, lessons())["07"].name == "07_small_2.ipynb"
    os.utime(place / "07_small_2.ipynb", (0, 0))
    assert notebooks(place, lessons())["07"].name == "07_small.ipynb"


def test_a_broken_notebook_is_told_and_the_others_are_checked(
    place: Path, counted: Counted
) -> None:
    (place / "07_small.ipynb").write_text("{")
    (place / "08_folder.ipynb").mkdir()
    done = run("check", "--folder", place)
    assert done.exit_code == 0
    assert "07_small.ipynb is not a notebook that can be read" in told(done)
    assert "2 of 4 right." in done.output
    assert counted.notebooks == ["08_other.ipynb"]


def test_the_notebooks_are_looked_for_here_or_where_start_puts_them(
    place: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    assert "4 of 4 right." in run("check").output
    place.rename(place.parent / "anomaly-lab-notebooks")
    monkeypatch.chdir(place.parent)
    assert "4 of 4 right." in run("check").output


@pytest.mark.usefixtures("counted")
def test_what_cannot_be_checked_is_told_in_a_sentence(place: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused = {
        ("99", place): "There is no lesson named '99'",
        ("07", tmp_path / "empty"): "no notebook of lesson 07 in",
        ("", tmp_path / "empty"): "no notebook of a lesson in",
        ("", tmp_path / "nowhere"): "there is none at",
        ("", place / "07_small.ipynb"): "there is none at",
    }
    for (lesson, where), sentence in refused.items():
        done = run("check", *([lesson] if lesson else []), "--folder", where)
        assert done.exit_code == 2, done.output
        assert sentence in told(done)


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(
    place: Path, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    done = run("check", "--folder", place)
    assert done.exit_code == 2
    assert "may not be written to" in told(done)
    assert counted.notebooks == []


# The real lessons


def test_every_lesson_is_laid_down(tmp_path: Path) -> None:
    done = run("start", tmp_path, "--no-open")
    assert done.exit_code == 0, done.output
    found = notebooks(tmp_path, lessons())
    assert {number: path.stem for number, path in found.items()} == {
        lesson.number: lesson.slug for lesson in lessons()
    }


def test_a_notebook_that_nobody_worked_in_is_not_run(
    small: Lesson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"{small.slug}.ipynb"
    monkeypatch.setattr(folder, "run", lambda *_: [Result("07.1", "right")])
    nbformat.write(student(small), path)
    found = folder.checked(tmp_path, small, path, folder.State(), Limits(60, 4))
    assert [result.state for result in found] == ["not done"] * len(small.exercises)
    answered = student(small)
    answered.cells.append(new_code_cell("twice = lambda n: 2 * n"))  # in a cell of one's own
    nbformat.write(answered, path)
    found = folder.checked(tmp_path, small, path, folder.State(), Limits(60, 4))
    assert [result.state for result in found] == ["right"]
