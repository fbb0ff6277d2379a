"""A student's folder: notebooks laid down without touching any work, and what is right so far."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import nbformat

from anomaly_lab.errors import InputError
from anomaly_lab.labs.messages import record
from anomaly_lab.labs.notebook import fault, lesson_of, worked_in
from anomaly_lab.labs.processes import SLOW, UNJUDGED, Limits
from anomaly_lab.labs.running import Result, run
from anomaly_lab.lessons.checks import ERROR, OPEN
from anomaly_lab.lessons.notebooks import student
from anomaly_lab.lessons.source import Lesson
from anomaly_lab.paths import check_writable, write_whole

NEW, SAME, UPDATED, YOURS, BESIDE = "new", "unchanged", "updated", "yours", "beside yours"
_STATE = ".anomaly_lab.json"


@dataclass(frozen=True)
class Laid:
    """What `start` did about one lesson.

    Parameters
    ----------
    lesson : Lesson
        Which one.
    path : Path
        The notebook to open.
    status : str
        ``"new"``, ``"unchanged"``, ``"updated"`` (it had not been worked in), ``"yours"`` (worked
        in and left alone) or ``"beside yours"`` (the lesson has changed: the new notebook has a
        new name).
    """

    lesson: Lesson
    path: Path
    status: str


@dataclass
class State:
    """What is remembered of a folder, in a file in it.

    Parameters
    ----------
    laid : dict of str to str
        Hash of the notebook that was laid down, by lesson.
    checked : dict of str to str
        Hash of the notebook that was last checked, by lesson.
    results : dict of str to Result
        What each exercise came to then.
    """

    laid: dict[str, str] = field(default_factory=dict)
    checked: dict[str, str] = field(default_factory=dict)
    results: dict[str, Result] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> State:
        """Return what is remembered of a folder; nothing where the file is missing or damaged."""
        try:
            fields = json.loads((folder / _STATE).read_text("utf-8"))
            results = {k: record(Result, known) for k, known in fields.pop("results", {}).items()}
            state = cls(**fields, results=results)
        except (AttributeError, OSError, RecursionError, TypeError, ValueError):
            return cls()
        return state if isinstance(state.laid, dict) and isinstance(state.checked, dict) else cls()

    def save(self, folder: Path) -> None:
        """Write it into the folder."""
        write_whole(folder / _STATE, json.dumps(asdict(self), indent=1).encode())


def lay(folder: Path, lessons: Sequence[Lesson]) -> list[Laid]:
    """Lay the students' notebooks of some lessons into a folder, and overwrite nobody's work.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    lessons : sequence of Lesson
        Which notebooks.

    Returns
    -------
    list of Laid

    Raises
    ------
    InputError
        If the folder cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    state = State.of(folder)
    laid = []
    for lesson in lessons:
        content = nbformat.writes(student(lesson)).encode()
        path, status = _place(folder, lesson, _hash(content), state.laid.get(lesson.number))
        if status in (NEW, UPDATED, BESIDE):
            write_whole(path, content)
        state.laid[lesson.number] = _hash(content)
        laid.append(Laid(lesson, path, status))
        state.save(folder)
    return laid


def _place(folder: Path, lesson: Lesson, new: str, before: str | None) -> tuple[Path, str]:
    """Return where a notebook goes, and what that means; `before` is what was laid down last."""
    path, n = folder / f"{lesson.slug}.ipynb", 1
    while path.exists():
        there = _hash(path.read_bytes())
        if there == new:
            return path, SAME
        if there == before:
            return path, UPDATED
        if before == new:
            return path, YOURS
        n += 1
        path = folder / f"{lesson.slug}_{n}.ipynb"
    return path, BESIDE if n > 1 else NEW


def notebooks(folder: Path, lessons: Sequence[Lesson]) -> dict[str, Path]:
    """Return the notebooks of a folder by lesson: of several, the one worked in last.

    Raises
    ------
    InputError
        If the folder does not exist.
    """
    if not folder.is_dir():
        raise InputError(
            f"Expected a folder with notebooks, and there is none at {folder}. Make one with "
            "'anomaly-lab start'."
        )
    blank = set(State.of(folder).laid.values())

    def changed(path: Path) -> tuple[bool, float]:
        return _hash(path.read_bytes()) not in blank, path.stat().st_mtime

    numbers = {lesson.number for lesson in lessons}
    files = [path for path in folder.glob("*.ipynb") if path.is_file()]
    found = {lesson_of(path): path for path in sorted(files, key=changed)}
    return {number: path for number, path in found.items() if number in numbers}


def checked(folder: Path, lesson: Lesson, path: Path, state: State, limits: Limits) -> list[Result]:
    """Run a student's notebook and remember the results.

    One that has not changed is not run again, and one that nobody has worked in is not run at all.

    Parameters
    ----------
    folder : Path
        The student's.
    lesson, path : Lesson, Path
        What to check, and the notebook.
    state : State
        What is remembered; it is brought up to date and saved.
    limits : Limits
        Of the run.

    Returns
    -------
    list of Result

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    check_writable(folder / _STATE)
    content = _hash(path.read_bytes() + lesson.path.read_bytes() + repr(limits).encode())
    if state.checked.get(lesson.number) == content:
        known = [state.results.get(exercise.name) for exercise in lesson.exercises]
        if all(result and result.state not in (SLOW, UNJUDGED) for result in known):
            return [result for result in known if result]
    problem = fault(path)
    if problem:
        results = [Result(exercise.name, ERROR, problem) for exercise in lesson.exercises]
    elif not worked_in(path, lesson):
        results = [
            Result(exercise.name, OPEN, "fill in the blank") for exercise in lesson.exercises
        ]
    else:
        results = run(path, lesson, folder, limits)
    state.checked[lesson.number] = content
    state.results |= {result.exercise: result for result in results}
    state.save(folder)
    return results


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
