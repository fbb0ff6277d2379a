"""Grading: a folder of submissions -> one line for each student and exercise.

A submission is a file or a folder of files. Whatever is wrong with it costs it its points and
nothing else: every notebook runs in a process of its own, within limits, in a folder of its own.
Regular files alone are taken, so that nobody earns another's points by a link to a notebook.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import stat
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from threading import Event, Lock

import joblib

from anomaly_lab.errors import InputError
from anomaly_lab.labs.messages import record
from anomaly_lab.labs.notebook import content, number_of, parsed, printable, worked_in
from anomaly_lab.labs.processes import UNJUDGED, Limits
from anomaly_lab.labs.running import Judges, Result, run
from anomaly_lab.lessons.checks import ERROR
from anomaly_lab.lessons.source import Lesson
from anomaly_lab.paths import write_whole

ABSENT = "not handed in"
MOST_FILES = 10_000  # of a submission

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
        As a `Result` has it, ``"not handed in"``, or ``"not judged"`` where somebody has to look:
        a file could not be read, is a link, or the lesson itself stopped.
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
class _File:
    """A notebook among the submissions, looked into once."""

    student: str
    path: Path
    lesson: str = ""  # its number
    problem: str = ""
    state: str = ERROR  # where there is a problem


@dataclass(frozen=True)
class _Submission:
    """What a student handed in."""

    student: str
    notebooks: list[_File]
    others: list[str]  # names of other files
    unread: list[str]  # what could not be looked into, and why


@dataclass(frozen=True)
class _Task:
    """A notebook to run, or why there is none."""

    student: str
    lesson: Lesson
    path: Path | None
    problem: str = ""
    state: str = ABSENT


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
        If there is no such folder, it may not be read, or there is nothing in it.
    """
    handed_in = _handed_in(submissions)
    tasks = [_task(one, lesson) for lesson in lessons for one in handed_in]  # a judge a lesson
    limits = limits or Limits()
    known = _known(resume)
    stop, writing, judges = Event(), Lock(), Judges()

    def one(task: _Task) -> list[Grade]:
        task, read = _read(task)
        key = _key(task, read, limits)
        if key in known:
            return known[key]
        grades = _graded(task, read, limits, stop, judges)
        if resume:
            line = json.dumps([key, [asdict(grade) for grade in grades]])
            with writing, resume.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")  # the break comes first: the line before may be half one
        return grades

    with judges, ThreadPoolExecutor(workers or joblib.cpu_count()) as pool:
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


def _plain(value: object) -> str:
    """Keep a spreadsheet from taking what a student wrote for a formula."""
    text = printable(value) if isinstance(value, str) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def lessons_in(submissions: Path) -> set[str]:
    """Return the numbers of the lessons of which there are notebooks; see `grade` for errors."""
    return {file.lesson for one in _handed_in(submissions) for file in one.notebooks}


def _handed_in(submissions: Path) -> list[_Submission]:
    try:
        found = sorted(path for path in submissions.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise InputError(
            f"Expected a folder of submissions, and {submissions} is none that can be read: "
            f"{error.strerror}."
        ) from error
    if not found:
        raise InputError(f"Expected one file or folder a student in {submissions}; it is empty.")
    handed_in = [_submission(path, student) for path, student in _names(found)]
    shared = _shared(file for one in handed_in for file in one.notebooks)
    return [
        replace(one, notebooks=[shared.get(file, file) for file in one.notebooks])
        for one in handed_in
    ]


def _names(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """Name each student by the file, without its ending where that tells it from all others."""
    names = [printable(path.stem if _kind(path) == "file" else path.name) for path in paths]
    count = Counter(names)
    named = zip(paths, names, strict=True)
    return [(path, name if count[name] == 1 else printable(path.name)) for path, name in named]


def _kind(path: Path) -> str:
    """Return what a path itself is, whatever it may lead to."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        return f"cannot be looked at ({error.strerror})"
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "is a link"}
    return kinds.get(stat.S_IFMT(mode), "is a pipe or a device")


def _submission(path: Path, student: str) -> _Submission:
    notebooks: list[_File] = []
    others: list[str] = []
    unread: list[str] = []
    for file, problem in _files(path):
        if problem:
            unread.append(f"{printable(file.name)} {problem}")
        elif file.suffix == ".ipynb":
            notebooks.append(_looked_into(file, student))
        else:
            others.append(printable(file.name))
    return _Submission(student, notebooks, others, unread)


def _files(top: Path) -> Iterator[tuple[Path, str]]:
    """Yield the regular files of a submission, and what else is there with its fault."""
    todo = [top]
    for _ in range(MOST_FILES):
        if not todo:
            return
        path = todo.pop()
        kind = _kind(path)
        if kind == "folder":
            try:
                inside = sorted(path.iterdir(), reverse=True)
            except OSError as error:
                yield path, f"cannot be read ({error.strerror})"
            else:
                todo += [one for one in inside if one.name != ".ipynb_checkpoints"]
        else:
            yield path, "" if kind == "file" else kind
    yield top, f"holds more than {MOST_FILES:,} files"


def _looked_into(path: Path, student: str) -> _File:
    state = UNJUDGED
    try:
        read = content(path, links=False)
        state = ERROR
        return _File(student, path, number_of(parsed(read, path), path))
    except InputError as error:
        return _File(student, path, path.name[:2], str(error), state)


def _shared(files: Iterable[_File]) -> dict[_File, _File]:
    """Say of files that are one and the same which others they are: hard links between students."""
    same: dict[tuple[int, int], list[_File]] = {}
    for file in files:
        with contextlib.suppress(OSError):
            found = file.path.lstat()
            if found.st_nlink > 1:
                same.setdefault((found.st_dev, found.st_ino), []).append(file)
    shared = {}
    for group in same.values():
        names = sorted({file.student for file in group})
        for file in group if len(names) > 1 else ():
            problem = f"{printable(file.path.name)} is one file (hard links) of {', '.join(names)}"
            shared[file] = replace(file, problem=problem, state=UNJUDGED)
    return shared


def _task(handed_in: _Submission, lesson: Lesson) -> _Task:
    student = handed_in.student
    found = [file for file in handed_in.notebooks if file.lesson == lesson.number]
    if len(found) > 1:  # `start` lays a new notebook beside one that was worked in
        found = [f for f in found if f.problem or worked_in(f.path, lesson)] or found[:1]
    if len(found) == 1:
        file = found[0]
        return _Task(student, lesson, None if file.problem else file.path, file.problem, file.state)
    if found:
        names = printable(", ".join(file.path.name for file in found))
        problem = f"several notebooks of lesson {lesson.number}: {names}"
        return _Task(student, lesson, None, problem, ERROR)
    unread = [file.problem for file in handed_in.notebooks if file.state == UNJUDGED]
    if unread := [*handed_in.unread, *unread]:
        return _Task(student, lesson, None, "; ".join(unread[:5]), UNJUDGED)
    files = sorted([*handed_in.others, *(printable(f.path.name) for f in handed_in.notebooks)])
    there = ", ".join(files[:5]) or "nothing"
    return _Task(student, lesson, None, f"no notebook of lesson {lesson.number} among: {there}")


def _read(task: _Task) -> tuple[_Task, bytes]:
    """Read a task's notebook; where that fails, the task is to say so."""
    try:
        return task, content(task.path, links=False) if task.path else b""
    except InputError as error:
        return replace(task, path=None, problem=str(error), state=UNJUDGED), b""


def _graded(task: _Task, read: bytes, limits: Limits, stop: Event, judges: Judges) -> list[Grade]:
    if task.path is None:
        results = [Result(e.name, task.state, task.problem) for e in task.lesson.exercises]
    else:
        results = _results(task, task.path, read, limits, stop, judges)
    file = printable(task.path.name) if task.path else ""
    return [
        Grade(task.student, r.exercise, int(r.right), r.state, r.seconds, _line(r.message), file)
        for r in results
    ]


def _results(
    task: _Task, path: Path, read: bytes, limits: Limits, stop: Event, judges: Judges
) -> list[Result]:
    """Run a copy of a notebook in a folder of its own."""
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(read)
            return run(copy, task.lesson, Path(folder), limits, stop, judges)
    except OSError as error:  # no room for it, or too many processes
        problem = f"it could not be run here: {error.strerror or error}"
        return [Result(e.name, UNJUDGED, problem) for e in task.lesson.exercises]


def _line(message: str) -> str:
    return " ".join(message.split())[:500]


def _known(path: Path | None) -> dict[str, list[Grade]]:
    """Read the grades of notebooks that are done, by key: one line of JSON each."""
    known: dict[str, list[Grade]] = {}
    if path is None or not path.exists():
        return known
    if not path.is_file():
        raise InputError(f"Expected a file to go on from at {path}, which is none. Remove it.")
    for line in path.read_text("utf-8", errors="replace").split("\n"):
        # A line may be half written, or anything.
        with contextlib.suppress(RecursionError, TypeError, ValueError):
            key, grades = json.loads(line)
            known[key] = [record(Grade, fields) for fields in grades]
    return known


def _key(task: _Task, read: bytes, limits: Limits) -> str:
    said = (task.student, task.state, task.problem, repr(limits))
    parts = [*(text.encode() for text in said), task.lesson.path.read_bytes()]
    if task.path:
        parts += [os.fsencode(task.path.name), read]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def write(grades: Sequence[Grade], path: Path) -> None:
    """Write grades as a CSV file, whole or not at all."""
    write_whole(path, to_csv(grades).encode())
