"""Grading: whatever is wrong with one submission costs its points and nothing else."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import joblib
import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from small_lab import HALF, TWICE, worked, write_lessons
from typer.testing import CliRunner

from anomaly_lab import cli
from anomaly_lab.labs import grading
from anomaly_lab.labs.grading import Grade, grade
from anomaly_lab.labs.running import Limits, Result
from anomaly_lab.lessons import Lesson, read

# Seconds that no notebook here needs, unless it never ends.
LIMITS = Limits(seconds=20, memory=0.5)
NAME = "07_small.ipynb"

Line = tuple[str, str]  # state, and how the message begins
RIGHT: Line = ("right", "")


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with lessons 07 and 08, alike; the package's lessons as long as the test runs."""
    made = write_lessons(tmp_path / "lessons", "07_small", "08_other")
    monkeypatch.setattr("anomaly_lab.lessons.source.folder", lambda: made)
    return made


@pytest.fixture
def small(source: Path) -> Lesson:
    return read(source / "07_small.py")


@pytest.fixture
def handed_in(tmp_path: Path) -> Path:
    made = tmp_path / "submissions"
    made.mkdir()
    return made


@dataclass
class Class:
    """Submissions as they are made, and what each should come to."""

    folder: Path
    lesson: Lesson
    wanted: dict[str, tuple[Line, Line]] = field(default_factory=dict)

    def hands_in(self, name: str, content: Any, first: Line, second: Line | None = None) -> None:
        """Write a file, or a folder where `content` is a mapping; note what is wanted."""
        write(self.folder / name, content)
        path = self.folder / name
        student = path.name if path.is_dir() else path.stem
        self.wanted[student] = (first, second or first)

    def answers(self, name: str, first: str, second: str, *wanted: Line) -> None:
        """Hand in a notebook with these answers."""
        self.hands_in(f"{name}.ipynb", worked(self.lesson, first, second), *wanted)


def write(path: Path, content: Any) -> None:
    if isinstance(content, dict) and not isinstance(content, NotebookNode):
        path.mkdir()
        for name, inner in content.items():
            write(path / name, inner)
    elif isinstance(content, NotebookNode):
        path.write_text(nbformat.writes(content), "utf-8")
    else:
        path.write_bytes(content)


def without(notebook: NotebookNode, start: str) -> NotebookNode:
    notebook.cells = [cell for cell in notebook.cells if not cell.source.startswith(start)]
    return notebook


def with_cell(notebook: NotebookNode, code: str) -> NotebookNode:
    notebook.cells.insert(2, new_code_cell(code))
    return notebook


ENDLESS: Line = ("too slow", "the notebook took longer than 20 s")
HOG: Line = ("error", "the notebook used more than 0.5 GiB of memory")
BLANK: tuple[Line, Line] = (("not done", "fill in the blank"), ("not done", "`half` is still"))
SLEEPS = "import time; time.sleep(999)"
STARTS = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {SLEEPS!r}])\n"
ALONE = "import os\nalone = os.listdir() == ['{}.ipynb']\nopen('left', 'w').close()\n"


def the_class(folder: Path, lesson: Lesson) -> Class:
    """More than 30 submissions, with every fault that a grader should expect."""
    made = Class(folder, lesson)
    solved, other = worked(lesson, TWICE, HALF), read(lesson.path.with_name("08_other.py"))
    made.answers("all right", TWICE, HALF, RIGHT)
    made.answers("half right", TWICE, "half = 2", RIGHT, ("wrong", "halve it"))
    made.answers("all wrong", "def twice(n): pass", "half = 0", ("wrong", "double"), ("wrong", ""))
    made.answers("nothing done", "", "", *BLANK)
    made.answers("crash", "1 / 0", HALF, ("error", "ZeroDivisionError: division by zero"), RIGHT)
    made.answers("does not parse", "def twice(n) return n", HALF, ("error", "SyntaxError"), RIGHT)
    made.answers("ends python", TWICE, "import os\nos._exit(3)", RIGHT, ("error", "Python ended"))
    made.answers("endless", TWICE, SLEEPS, RIGHT, ENDLESS)
    made.answers("memory", TWICE, f"h = bytearray(10**9); {SLEEPS}", RIGHT, HOG)
    made.answers(
        "long error", "raise ValueError('x' * 10**6)", HALF, ("error", "ValueError"), RIGHT
    )
    made.answers("odd text", "raise ValueError('\\ud800 é')", HALF, ("error", r"ValueErr"), RIGHT)
    made.answers("leaves a process", STARTS + TWICE, HALF, RIGHT)
    made.answers("alone", ALONE.format("alone") + TWICE, "half = alone * 1.5", RIGHT)
    made.answers("alone too", ALONE.format("alone too") + TWICE, "half = alone * 1.5", RIGHT)
    made.answers("spoils results", "import os, sys; os.remove(sys.argv[-1])", HALF, ("error", ""))
    made.answers("=1+1", "raise type('=2+2', (Exception,), {})", HALF, ("error", "'=2+2"), RIGHT)
    made.answers('Zoë, "O\'Neil"\n[red]', TWICE, HALF, RIGHT)
    made.hands_in("no checks.ipynb", without(worked(lesson, TWICE, HALF), "check("), RIGHT)
    made.hands_in("no exercises.ipynb", without(worked(lesson), "def twice"), *BLANK)
    made.wanted["no exercises"] = (("not done", "run the cell that defines `twice`"), BLANK[1])
    fake = "def check(name): return f'{name}: right.'"
    made.hands_in("own check.ipynb", with_cell(worked(lesson, "twice = abs"), fake), BLANK[1])
    made.wanted["own check"] = (("wrong", "double it"), BLANK[1])
    made.hands_in("old.ipynb", nbformat.convert(worked(lesson, TWICE, HALF), 3), RIGHT)
    made.hands_in("07 empty.ipynb", b"", ("error", "07 empty.ipynb is not a notebook"))
    made.hands_in("07 cut off.ipynb", b'{"cells": [', ("error", "07 cut off.ipynb is not a"))
    made.hands_in("essay.pdf", b"%PDF-1.7\xff", ("not handed in", "no notebook of lesson 07 among"))
    made.hands_in(
        "other lesson.ipynb", worked(other), ("not handed in", "no notebook of lesson 07")
    )
    made.hands_in("nothing", {}, ("not handed in", "no notebook of lesson 07 among: nothing"))
    made.hands_in("folder", {"a": {NAME: solved}, "notes.txt": b"", "08.ipynb": b""}, RIGHT)
    made.hands_in("saved twice", {NAME: solved, ".ipynb_checkpoints": {NAME: solved}}, RIGHT)
    both = "several notebooks of lesson 07: 07_small.ipynb, copy.ipynb"
    half = worked(lesson, TWICE)
    made.hands_in("two", {NAME: solved, "copy.ipynb": half}, ("error", both))
    made.hands_in("new beside", {NAME: solved, "07_small_2.ipynb": worked(lesson)}, RIGHT)
    made.hands_in("two blanks", {NAME: worked(lesson), "copy.ipynb": worked(lesson)}, *BLANK)
    made.hands_in("same.txt", b"", ("not handed in", ""))
    made.hands_in("same.ipynb", solved, RIGHT)
    del made.wanted["same"]
    made.wanted |= {"same.txt": (("not handed in", ""),) * 2, "same.ipynb": (RIGHT, RIGHT)}
    (folder / ".DS_Store").touch()
    (folder / "gone.ipynb").symlink_to("nowhere")
    made.wanted["gone.ipynb"] = (("not handed in", ""),) * 2
    if sys.platform == "linux":  # elsewhere file names are text
        (folder / os.fsdecode(b"caf\xe9.ipynb")).write_text(nbformat.writes(solved))
        made.wanted[r"caf\udce9"] = (RIGHT, RIGHT)
    return made


def test_a_class_with_every_fault_there_is(small: Lesson, handed_in: Path) -> None:
    made = the_class(handed_in, small)
    assert len(made.wanted) >= 30
    table = handed_in.parent / "grades.csv"
    grading.write(grade(handed_in, [small], workers=3, limits=LIMITS), table)
    with table.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    found = {(line["student"], line["exercise"]): line for line in lines}
    assert len(lines) == len(found) == 2 * len(made.wanted)
    for student, wanted in made.wanted.items():
        shown = f"'{student}" if student.startswith("=") else student
        for exercise, (state, message) in zip(small.exercises, wanted, strict=True):
            line = found[shown, exercise.name]
            assert (shown, line["state"]) == (shown, state), line
            assert line["points"] == ("1" if state == "right" else "0")
            assert line["message"].startswith(message), line
            assert (line["message"] == "") == (state == "right")
            assert len(line["message"]) <= 500
            assert float(line["seconds"]) >= 0
    assert not [cell for line in lines for cell in line.values() if cell.startswith("=")]


def without_seconds(grades: Sequence[Grade]) -> list[Grade]:
    return [Grade(**{**vars(line), "seconds": 0.0}) for line in grades]


FEW = {
    "a": ("import os\nos._exit(1)", HALF),
    "b": (ALONE.format(NAME[:-6]) + TWICE, "half = alone * 1.5"),
    "c": (ALONE.format(NAME[:-6]) + TWICE, "half = alone * 1.5"),
}


def test_the_grades_are_the_same_whatever_the_order_and_the_workers(
    small: Lesson, tmp_path: Path
) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    for folder, names in ((there, "abc"), (back, "cba")):
        folder.mkdir()
        for given, answers in zip(names, FEW.values(), strict=True):
            write(folder / given, {NAME: worked(small, *answers)})
    first = without_seconds(grade(there, [small], workers=1, limits=LIMITS))
    assert [line.points for line in first] == [0, 0, 1, 1, 1, 1]
    other = dict(zip("cba", "abc", strict=True))
    turned = without_seconds(grade(back, [small], workers=3, limits=LIMITS))
    renamed = [Grade(**{**vars(line), "student": other[line.student]}) for line in turned]
    assert sorted(renamed) == first


WAITS = """\
import pathlib, time
met = pathlib.Path({place!r})
(met / "{own}").touch()
while not (met / "{other}").exists():
    time.sleep(0.1)
"""


def test_notebooks_run_side_by_side_one_on_each_core(
    small: Lesson, handed_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of two waits for the other: one after the other, the first would never end."""
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)  # which ignores the limits of a container
    for own, other in (("a", "b"), ("b", "a")):
        code = WAITS.format(place=str(tmp_path), own=own, other=other)
        write(handed_in / f"{own}.ipynb", worked(small, code + TWICE, HALF))
    assert [line.points for line in grade(handed_in, [small], limits=LIMITS)] == [1, 1, 1, 1]


# Going on after an interruption, with runs that only seem to be made


@dataclass
class Runs:
    """Stands in for `running.run`: notes whose notebooks were run; after `most`, waits to end."""

    most: int = 1000
    names: list[str] = field(default_factory=list)
    stopped: bool = False

    def __call__(
        self, path: Path, lesson: Lesson, place: Path, limits: Limits, stop: Event
    ) -> list[Result]:
        if len(self.names) == self.most:
            self.stopped = stop.wait(60)
            raise CancelledError
        self.names.append(path.stem)
        return [Result(exercise.name, "right") for exercise in lesson.exercises]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr(grading, "run", made)
    return made


@pytest.fixture
def six(small: Lesson, handed_in: Path) -> Path:
    for name in "abcdef":
        write(handed_in / f"{name}.ipynb", worked(small, TWICE, HALF))
    return handed_in


def stop_at(number: int) -> Callable[[int, int, str], None]:
    def progress(done: int, total: int, what: str) -> None:
        if done == number:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_interruption_only_the_rest_is_run(
    workers: int, small: Lesson, six: Path, runs: Runs
) -> None:
    kept = six.parent / "kept"
    runs.most = 3
    with pytest.raises(KeyboardInterrupt):
        grade(six, [small], resume=kept, workers=workers, progress=stop_at(3))
    assert len(runs.names) == 3
    assert runs.stopped
    runs.most = 1000
    grades = grade(six, [small], resume=kept, workers=workers)
    assert sorted(runs.names) == list("abcdef")
    assert grades == grade(six, [small])


def test_what_has_changed_meanwhile_is_run_again(small: Lesson, six: Path, runs: Runs) -> None:
    kept = six.parent / "kept"
    grade(six, [small], resume=kept)
    write(six / "b.ipynb", worked(small))
    write(six / "g.ipynb", worked(small))
    runs.names.clear()
    assert len(grade(six, [small], resume=kept)) == 14
    assert sorted(runs.names) == ["b", "g"]
    grade(six, [small], resume=kept, limits=Limits(seconds=7))
    assert len(runs.names) == 2 + 7


def half_a_line(content: bytes) -> bytes:
    return content[:-30]


def nothing_but_the_end(content: bytes) -> bytes:
    return content[:-1]


def bytes_of_something_else(content: bytes) -> bytes:
    return content[: content.rindex(b"\n")] + b"\n\xff\x00\n"


def other_json(content: bytes) -> bytes:
    return content[: content.rindex(b"\n")] + b'\n3\n[]\n["a", [{"b": 1}]]\n["a", 2]\n'


@pytest.mark.parametrize(
    "damage", [half_a_line, nothing_but_the_end, bytes_of_something_else, other_json]
)
def test_a_damaged_line_in_what_is_kept_costs_one_run(
    damage: Callable[[bytes], bytes], small: Lesson, six: Path, runs: Runs
) -> None:
    kept = six.parent / "kept"
    grades = grade(six, [small], resume=kept, workers=1)
    kept.write_bytes(damage(kept.read_bytes()))
    runs.names.clear()
    assert grade(six, [small], resume=kept) == grades
    assert runs.names == ["f"]
    assert grade(six, [small], resume=kept) == grades
    assert runs.names == ["f"]


# The command


def run(*arguments: str | Path) -> Any:
    done = CliRunner().invoke(cli.app, [str(a) for a in arguments], prog_name="anomaly-lab")
    assert "Traceback" not in done.output
    return done


def test_grade_writes_a_table_and_sums_it_up(
    six: Path, small: Lesson, runs: Runs, tmp_path: Path
) -> None:
    write(six / "late.txt", b"")
    table = tmp_path / "grades.csv"
    done = run("grade", six, "--csv", table)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.output.splitlines()]
    assert ["a", "2/2", "2", "right"] in rows
    assert ["late", "0/2", "2", "not", "handed", "in"] in rows
    assert f"Grades: {table}\n" in done.output
    lines = table.read_text("utf-8").splitlines()
    assert lines[0] == "student,exercise,points,state,seconds,message,file"
    assert lines[1:3] == ["a,07.1,1,right,0.0,,a.ipynb", "a,07.2,1,right,0.0,,a.ipynb"]
    assert len(lines) == 1 + 14
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["grades.csv"]


def test_grade_takes_the_lessons_that_were_set_or_those_handed_in(
    six: Path, source: Path, runs: Runs, tmp_path: Path
) -> None:
    table = tmp_path / "grades.csv"
    run("grade", six, "--csv", table, "--lesson", "08")
    assert {line.split(",")[1] for line in table.read_text().splitlines()[1:]} == {"08.1", "08.2"}
    assert runs.names == []
    write(six / "g.ipynb", worked(read(source / "08_other.py")))
    run("grade", six, "--csv", table)
    exercises = [line.split(",")[1] for line in table.read_text().splitlines()[1:]]
    assert sorted(set(exercises)) == ["07.1", "07.2", "08.1", "08.2"]
    assert sorted(runs.names) == list("abcdefg")


def test_what_cannot_be_graded_is_told_in_a_sentence(six: Path, runs: Runs, tmp_path: Path) -> None:
    for name, content in (("empty", {}), ("essays", {"a.pdf": b""}), ("only.txt", b"")):
        write(tmp_path / name, content)
    inside = [six, "--csv", six / "grades.csv"]
    refused: list[tuple[list[str | Path], str]] = [
        ([tmp_path / "nowhere"], "there is none at"),
        ([tmp_path / "only.txt"], "there is none at"),
        ([tmp_path / "essays"], "is a notebook of a lesson"),
        ([tmp_path / "empty", "--lesson", "07"], "it is empty"),
        ([six, "--lesson", "99"], "There is no lesson named '99'"),
        ([six, "--csv", tmp_path / "no" / "grades.csv"], "there is no folder"),
        (inside, "lies in what is read"),
    ]
    for arguments, sentence in refused:
        table = [] if "--csv" in arguments else ["--csv", tmp_path / "grades.csv"]
        done = run("grade", *arguments, *table)
        assert done.exit_code == 2, done.output
        assert sentence in " ".join(done.output.split())
    assert runs.names == []
    assert not (tmp_path / "grades.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_interrupted_it_ends_at_once_and_goes_on_later(
    small: Lesson, handed_in: Path, tmp_path: Path
) -> None:
    write(handed_in / "a.ipynb", worked(small, TWICE, HALF))
    write(handed_in / "b.ipynb", worked(small, SLEEPS, HALF))
    table, kept = tmp_path / "grades.csv", tmp_path / ".grades.csv.partly"
    code = (
        "import pathlib, anomaly_lab.lessons.source as source\n"
        f"source.folder = lambda: pathlib.Path({str(small.path.parent)!r})\n"
        "from anomaly_lab.cli import main; main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, "grade", str(handed_in), "--csv", str(table)],
        stdout=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not kept.exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=120)  # the endless loop would be let run for 300 s
    assert process.returncode == 130
    assert "Interrupted. The same command goes on from here." in told
    assert not table.exists()
    assert len(json.loads(kept.read_text("utf-8"))[1]) == 2
