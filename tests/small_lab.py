"""A small lesson with two exercises, and students' notebooks of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from anomaly_lab.lessons import Lesson
from anomaly_lab.lessons.notebooks import EXERCISE, student

LESSON = '''\
# ---
# title: Small
# objectives: [see one, do one]
# needs: []
# data: []
# ---

# %%
start = 3

# %% [markdown] tags=["exercise"]
# ## Exercise 1: twice (5 minutes)

# %% tags=["exercise"]
def twice(n):
    # BEGIN SOLUTION
    return 2 * n
    # END SOLUTION

# %% tags=["check"]
def check_1(twice):
    """One."""
    assert twice(3) == 6, "double it"

# %% [markdown] tags=["exercise"]
# ## Exercise 2: half (5 minutes)

# %% tags=["exercise"]
half = 1.5  # SOLUTION

# %% tags=["check"]
def check_2(half, start):
    """One."""
    assert half + half == start, "halve it"
'''
_TASK = '# %% [markdown] tags=["exercise"]'
_FIRST, _SECOND = LESSON.index(_TASK), LESSON.rindex(_TASK)
TWICE, HALF = "def twice(n): return n + n", "half = start / 2"


def write_lessons(folder: Path, *names: str) -> Path:
    """Write the lesson under some names, such as ``07_small``, into a new folder."""
    folder.mkdir()
    for name in names:
        (folder / f"{name}.py").write_text(LESSON, "utf-8")
    return folder


def write_many_exercises(path: Path, number: int) -> Path:
    """Write a lesson whose exercises ask for `twice_1`, `twice_2` and so on."""
    task = LESSON[_FIRST:_SECOND]
    for old in ("Exercise 1", "check_1", "twice"):
        assert old in task
    tasks = [
        task.replace("Exercise 1", f"Exercise {i}")
        .replace("check_1", f"check_{i}")
        .replace("twice", f"twice_{i}")
        for i in range(1, number + 1)
    ]
    path.write_text(LESSON[:_FIRST] + "".join(tasks), "utf-8")
    return path


def cells_of(notebook: NotebookNode, exercise: str) -> list[Any]:
    return [cell for cell in notebook.cells if cell.metadata.get(EXERCISE) == exercise]


def worked(lesson: Lesson, first: str = "", second: str = "") -> NotebookNode:
    """The student's notebook, with answers in the cells of the two exercises, or the blanks."""
    made = student(lesson)
    for exercise, code in zip(lesson.exercises, (first, second), strict=True):
        if code:
            cells_of(made, exercise.name)[0].source = code
    return made
