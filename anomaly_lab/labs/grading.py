"""Grading: a folder of submissions -> one line for each student and exercise.

A submission is a file or a folder of files. Whatever is wrong with it costs it its points and
nothing else: every notebook runs in a process of its own, within limits, in a folder of its own.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from threading import Lock

import nbformat

from anomaly_lab.errors import InputError
from anomaly_lab.labs.folder import lesson_of
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
    kept: Path | None = None,
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
    kept : Path, optional
        A file that keeps each notebook's grades as they come. Where it exists, a notebook that has
        not changed is not run again: so grading goes on after an interruption.
    limits : Limits, optional
        Of each notebook.
    workers : int, optional
        How many at a time; by default one a core.
    progress : callable, optional
        Called as ``progress(done, total, what)``.

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
    tasks = [task for path in students for task in _tasks(path, lessons)]
    known = _Kept(kept)
    done = 0

    def one(task: _Task) -> list[Grade]:
        nonlocal done
        results = known.of(task) or known.add(task, _graded(task, limits or Limits()))
        done += 1
        if progress:
            progress(done, len(tasks), task.student)
        return results

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        try:
            return sorted(line for lines in pool.map(one, tasks) for line in lines)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


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
    return (
        f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
    )


def _tasks(path: Path, lessons: Sequence[Lesson]) -> list[_Task]:
    student = path.stem if path.is_file() else path.name
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    files = [p for p in files if ".ipynb_checkpoints" not in p.parts]
    found: dict[str, list[Path]] = {}
    for file in files:
        if file.suffix == ".ipynb":
            found.setdefault(lesson_of(file), []).append(file)
    return [_task(student, lesson, found.get(lesson.number, []), files) for lesson in lessons]


def _task(student: str, lesson: Lesson, found: list[Path], files: list[Path]) -> _Task:
    if len(found) == 1:
        return _Task(student, lesson, *_readable(found[0]))
    if found:
        names = ", ".join(path.name for path in found)
        return _Task(student, lesson, None, f"several notebooks of lesson {lesson.number}: {names}")
    names = ", ".join(path.name for path in files[:5]) or "nothing"
    return _Task(student, lesson, None, f"no notebook of lesson {lesson.number} among: {names}")


def _readable(path: Path) -> tuple[Path | None, str]:
    try:
        nbformat.validate(nbformat.read(path, as_version=4))
    except Exception as error:  # whatever is wrong with the file: nbformat raises many kinds
        reason = str(error).strip().split("\n")[0][:200]
        return None, f"{path.name} is not a notebook that can be read: {reason}"
    return path, ""


def _graded(task: _Task, limits: Limits) -> list[Grade]:
    if task.path is None:
        state = ABSENT if task.problem.startswith("no notebook") else ERROR
        results = [Result(e.name, state, task.problem) for e in task.lesson.exercises]
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / task.path.name
            copy.write_bytes(task.path.read_bytes())
            results = run(copy, task.lesson, Path(folder), limits)
    file = task.path.name if task.path else ""
    return [
        Grade(task.student, r.exercise, int(r.right), r.state, r.seconds, _line(r.message), file)
        for r in results
    ]


def _line(message: str) -> str:
    return " ".join(message.split())[:500]


class _Kept:
    """Grades of notebooks that are done, one line of JSON each, in a file or nowhere."""

    def __init__(self, path: Path | None):
        self.path = path
        self.lock = Lock()
        self.known: dict[str, list[Grade]] = {}
        lines = path.read_text("utf-8").split("\n")[:-1] if path and path.exists() else []
        for line in lines:
            key, grades = json.loads(line)
            self.known[key] = [Grade(**fields) for fields in grades]

    def of(self, task: _Task) -> list[Grade] | None:
        return self.known.get(_key(task))

    def add(self, task: _Task, grades: list[Grade]) -> list[Grade]:
        if self.path:
            line = json.dumps([_key(task), [asdict(grade) for grade in grades]])
            with self.lock, self.path.open("a", encoding="utf-8") as file:
                print(line, file=file)
        return grades


def _key(task: _Task) -> str:
    parts = [task.student.encode(), task.problem.encode(), task.lesson.path.read_bytes()]
    if task.path:
        parts += [task.path.name.encode(), task.path.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write(grades: Sequence[Grade], path: Path) -> None:
    """Write grades as a CSV file, whole or not at all."""
    write_whole(path, to_csv(grades).encode())
