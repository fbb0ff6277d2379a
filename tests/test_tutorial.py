"""Every lesson: keeps to the format, runs, judges answers rightly, gives nothing away."""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

from anomaly_lab import datasets
from anomaly_lab.lessons import Lesson, execute, find, lessons
from anomaly_lab.lessons.notebooks import student
from anomaly_lab.lessons.prose import problems

ROOT = Path(__file__).parents[1]
LESSONS = lessons()
EVERY = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
_SOLUTION = re.compile(r"# BEGIN SOLUTION\n(.*?)# END SOLUTION|= ([^\n]*)  # SOLUTION", re.DOTALL)


def needs_download(lesson: Lesson) -> bool:
    return any(datasets.card(name).kind == "download" for name in lesson.data)


@pytest.fixture
def with_data(lesson: Lesson, request: pytest.FixtureRequest) -> Lesson:
    """The lesson; skips where it needs downloaded data and there is none."""
    if needs_download(lesson):
        request.getfixturevalue("data_folder")
    return lesson


def loaded(lesson: Lesson) -> set[str]:
    """Names in `datasets.load("...")` and in lists of names of data sets."""
    code = [ast.parse(cell.source) for cell in lesson.cells if cell.kind == "code"]
    texts = [n.value for tree in code for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    return {text for text in texts if isinstance(text, str) and text in datasets.names()}


def solutions(lesson: Lesson) -> list[str]:
    """Lines of code that only a solution has."""
    code = "\n".join(cell.source for cell in lesson.cells if cell.tag == "exercise")
    found = [a or b for a, b in _SOLUTION.findall(code)]
    return [line.strip() for part in found for line in part.splitlines() if len(line.strip()) > 3]


def test_the_lessons_of_the_course_are_there() -> None:
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers == sorted(set(numbers))
    assert {"01", "02", "03", "04", "05", "06", "07", "08", "12"} <= set(numbers)


@EVERY
def test_it_keeps_to_the_format(lesson: Lesson) -> None:
    assert problems(lesson) == []


@EVERY
def test_it_names_the_lessons_and_the_data_it_needs(lesson: Lesson) -> None:
    assert set(lesson.needs) <= {other.number for other in LESSONS} - {lesson.number}
    families = tuple(name.split("/")[0] for name in lesson.data if "/" in name)
    assert loaded(lesson) <= set(lesson.data)
    assert {name for name in lesson.data if not name.startswith(families)} <= loaded(lesson)


@EVERY
def test_it_runs_and_its_claims_and_checks_hold(with_data: Lesson) -> None:
    # Raises for a false claim, a wrong answer let through, a warning, a figure without alt text.
    run = execute.load(with_data) or execute.run(with_data)
    assert not run.missing
    assert run.texts
    assert run.outputs


@EVERY
def test_it_asserts_what_it_concludes(lesson: Lesson) -> None:
    claims = [ast.parse(cell.source) for cell in lesson.cells if cell.tag == "claim"]
    asserted = [n for tree in claims for n in ast.walk(tree) if isinstance(n, ast.Assert)]
    assert len(asserted) >= 3


@EVERY
def test_the_students_notebook_gives_nothing_away(lesson: Lesson) -> None:
    notebook = student(lesson)
    text = "\n".join(cell.source for cell in notebook.cells)
    # A line that the lesson shows elsewhere, on purpose, is no secret.
    shown = "\n".join(
        _SOLUTION.sub("", cell.source)
        for cell in lesson.cells
        if cell.tag in ("", "fold", "hide", "exercise")
    )
    assert solutions(lesson)
    assert [line for line in solutions(lesson) if line in text and line not in shown] == []
    assert "SOLUTION" not in text
    assert not any(cell.get("outputs") for cell in notebook.cells)
    for exercise in lesson.exercises:
        assert f'check("{exercise.name}")' in text
        why = [cell.source for cell in exercise.tagged("solution", "markdown")]
        assert not any(part in text for part in why)


def test_the_same_again_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last byte, in the quickest lesson that trains a network and shows an explorable."""
    lesson = find("02")
    first = execute.load(lesson) or execute.run(lesson)
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path))
    assert execute.load(lesson) is None
    again = execute.run(lesson)
    assert again.texts == first.texts
    assert again.outputs == first.outputs
    (stored,) = os.listdir(tmp_path / "lessons")
    assert stored.startswith(lesson.slug)
