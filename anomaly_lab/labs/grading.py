"""Grading: a folder of submissions -> one line for each student and exercise.

A submission is a file or a folder of files. Whatever is wrong with it costs it its points and
nothing else: every notebook runs in a process of its own, within limits, in a folder of its own.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from threading import Event, Lock

import joblib

from anomaly_lab.errors import InputError
from anomaly_lab.labs.notebook import fault, lesson_of, printable, worked_in
from anomaly_lab.labs.running import Limits, Result, run
from anomaly_lab.lessons.checks import ERROR
from anomaly_lab.lessons.source import Lesson
from anomaly_lab.paths import write_whole

ABSENT = "not handed in"

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, order=True)
class Grade:
    """One line of the grades.

    Parameters
    ----------
    student : str
        Name of the submission's file or folder.
    exercise : str
        Such as ``"04.2"``.
    points : int
        1 where the exercise is right, else 0.
    state : str
        As a `Result` has it, or ``"not handed in"``.
    seconds : float
        Time from the exercise before in the notebook, or from its start.
    message : str
        What is missing, or what failed and why.
    file : str
        The notebook it was judged by.
    """

    student: str
    exercise: str
    points: int
    state: str
    seconds: float
    message: str
    file: str


@dataclass(frozen=True)
class _Task:
    """A notebook to run, or why there is none."""

    student: str
    lesson: Lesson
    path: Path | None
    problem: str = ""


def grade(
    submissions: Path,
    lessons: Sequence[Lesson],
    *,
    resume: Path | None = None,
    limits: Limits | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> list[Grade]:
    """Grade every submission in a folder.

    Parameters
    ----------
    submissions : Path
        A folder with one file or one folder a student; hidden ones are left out.
    lessons : sequence of Lesson
        What was set.
    resume : Path, optional
        A file that each notebook's grades are written to as they come. Where it exists, a notebook
        that has not changed is not run again: so grading goes on after an interruption.
    limits : Limits, optional
        Of each notebook.
    workers : int, optional
        How many at a time; by default one a core.
    progress : callable, optional
        Called as ``progress(done, total, student)``.

    Returns
    -------
    list of Grade
        By student and exercise, in the same order however the submissions come.

    Raises
    ------
    InputError
        If there is no such folder, or nothing in it.
    """
    if not submissions.is_dir():
        raise InputError(f"Expected a folder of submissions, and there is none at {submissions}.")
    students = sorted(path for path in submissions.iterdir() if not path.name.startswith("."))
    if not students:
        raise InputError(f"Expected one file or folder a student in {submissions}; it is empty.")
    tasks = [t for path, name in _names(students) for t in _tasks(path, name, lessons)]
    limits = limits or Limits()
    known = _known(resume)
    stop, writing = Event(), Lock()

    def one(task: _Task) -> list[Grade]:
        key = _key(task, limits)
        if key in known:
            return known[key]
        grades = _graded(task, limits, stop)
        if resume:
            line = json.dumps([key, [asdict(grade) for grade in grades]])
            with writing, resume.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")  # the break comes first: the line before may be half one
        return grades

    with ThreadPoolExecutor(workers or joblib.cpu_count()) as pool:
        running = {pool.submit(one, task): task for task in tasks}
        try:
            for done, future in enumerate(as_completed(running), start=1):
                future.result()  # or what it raised
                if progress:
                    progress(done, len(tasks), running[future].student)
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return sorted(line for future in running for line in future.result())


def to_csv(grades: Sequence[Grade]) -> str:
    """Return grades as CSV text, with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Grade)])
    for line in grades:
        shown = [f"{value:.1f}" if isinstance(value, float) else value for value in astuple(line)]
        writer.writerow([_plain(value) for value in shown])
    return text.getvalue()


def _plain(value: object) -> object:
    """Keep a spreadsheet from taking what a student wrote for a formula."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def _names(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Name each student by the file, without its ending where that tells it from all others."""
    names = [printable(path.stem if path.is_file() else path.name) for path in paths]
    count = Counter(names)
    named = zip(paths, names, strict=True)
    return [(path, name if count[name] == 1 else printable(path.name)) for path, name in named]


def _tasks(path: Path, student: str, lessons: Sequence[Lesson]) -> list[_Task]:
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    files = [p for p in files if ".ipynb_checkpoints" not in p.parts]
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.suffix == ".ipynb":
            found.setdefault(lesson_of(file), []).append(file)
    return [_task(student, lesson, found.get(lesson.number, []), files) for lesson in lessons]


def _task(student: str, lesson: Lesson, found: list[Path], files: list[Path]) -> _Task:
    if len(found) > 1:  # `start` lays a new notebook beside one that was worked in
        found = [path for path in found if fault(path) or worked_in(path, lesson)] or found[:1]
    if len(found) == 1:
        problem = fault(found[0])
        return _Task(student, lesson, None if problem else found[0], problem)
    if found:
        names = printable(", ".join(path.name for path in found))
        return _Task(student, lesson, None, f"several notebooks of lesson {lesson.number}: {names}")
    names = printable(", ".join(path.name for path in files[:5])) or "nothing"
    return _Task(student, lesson, None, f"no notebook of lesson {lesson.number} among: {names}")


def _graded(task: _Task, limits: Limits, stop: Event) -> list[Grade]:
    if task.path is None:
        state = ABSENT if task.problem.startswith("no notebook") else ERROR
        results = [Result(e.name, state, task.problem) for e in task.lesson.exercises]
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / task.path.name
            copy.write_bytes(task.path.read_bytes())
            results = run(copy, task.lesson, Path(folder), limits, stop)
    file = printable(task.path.name) if task.path else ""
    return [
        Grade(task.student, r.exercise, int(r.right), r.state, r.seconds, _line(r.message), file)
        for r in results
    ]


def _line(message: str) -> str:
    return " ".join(message.split())[:500]


def _known(path: Path | None) -> dict[str, list[Grade]]:
    """Read the grades of notebooks that are done, by key: one line of JSON each."""
    known = {}
    text = path.read_text("utf-8", errors="replace") if path and path.exists() else ""
    for line in text.split("\n"):
        with contextlib.suppress(TypeError, ValueError):  # a line may be half written
            key, grades = json.loads(line)
            known[key] = [Grade(**fields) for fields in grades]
    return known


def _key(task: _Task, limits: Limits) -> str:
    said = (task.student, task.problem, repr(limits))
    parts = [*(text.encode() for text in said), task.lesson.path.read_bytes()]
    if task.path:
        parts += [os.fsencode(task.path.name), task.path.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write(grades: Sequence[Grade], path: Path) -> None:
    """Write grades as a CSV file, whole or not at all."""
    write_whole(path, to_csv(grades).encode())
