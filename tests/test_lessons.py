"""The lesson engine, on small lessons written here; tests/test_tutorial.py has the real ones."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import plugin
import pytest

import anomaly_lab
from anomaly_lab import detectors
from anomaly_lab.cache import Cache
from anomaly_lab.errors import DownloadError, InputError, UnknownNameError
from anomaly_lab.installation import DISTRIBUTION
from anomaly_lab.lessons import Lesson, LessonError, Verdict, check, execute, find, lessons, read
from anomaly_lab.lessons.checks import judge
from anomaly_lab.lessons.execute import LessonRun, MissingDataError, load, run, run_all
from anomaly_lab.lessons.notebooks import blank, page, said, solved, student
from anomaly_lab.lessons.prose import exercise_minutes, minutes, problems, words

FRONT = """\
# ---
# title: Small
# objectives: [see one, do one]
# needs: ["03"]
# data: []
# ---

"""
SMALL = (
    FRONT
    + r'''# %% [markdown]
# What is the [sum](../glossary.md#sum) of 2 numbers? See [lesson 03](03_sums.ipynb) and `{a}`.

# %% tags=["hide"]
import os

import matplotlib.pyplot as plt
import numpy as np

from anomaly_lab.drawing import STYLE, show
from anomaly_lab.thresholds import parse

plt.style.use(STYLE)
secret_setup = {"ant", "bee", "cow", "dog", "eel", "fox", "gnu", "hen"}

# %%
x = np.arange(5)
fig, ax = plt.subplots()
ax.plot(x, label="a line")
show(fig, f"A line up to {x.max()}.")

# %% tags=["fold"]
print("six", 6)

# %%
parse("quantile:0.9")
{"threads": os.environ["OMP_NUM_THREADS"]}

# %% [markdown]
# The largest is {{ x.max() }}, the mean {{ x.mean():.2f}}, the share {{ 0.25:.0%}}; $\frac{1}{2}$.
#
# In `{a}`, see [sum](../glossary.md#sum): {{ " ".join(secret_setup) }}.

# %% tags=["claim"]
assert x.max() == 4, "claimed"
assert os.listdir() == []

# %% [markdown] tags=["exercise"]
# ## Exercise 1: twice (5 minutes)
#
# Write `twice(number)` for numbers up to {{ x.max() }}.

# %% tags=["exercise"]
def twice(number):
    """Return the double."""
    # BEGIN SOLUTION
    doubled = 2 * number
    return doubled
    # END SOLUTION

# %% tags=["check"]
def check_1(twice):
    """How often is it there?

    Once more.

    Add it to itself.
    """
    assert isinstance(twice(3), int), "a whole number is wanted"
    assert twice(3) == 6, "expected the number two times."

# %% tags=["wrong"]
# hint: two times
def twice(number):
    return number ** 2

# %% tags=["wrong"]
# hint: Whole number
def twice(number):
    return number * 2.0

# %% tags=["right"]
def twice(number):
    return number + number

# %% [markdown] tags=["solution"]
# Because doubling is adding: {{ twice(2) }}.

# %% [markdown] tags=["exercise"]
# ## Exercise 2: the middle (3 minutes)
#
# Set `middle`.

# %% tags=["exercise"]
middle = int(sorted(x)[2])  # SOLUTION
same = [value for value in x if value == middle]

# %% tags=["check"]
def check_2(middle, x):
    """One.

    Two.

    Three.
    """
    assert sum(x < middle) == sum(x > middle), "as many should be below it as above"

# %% tags=["wrong"]
# hint: below
middle = 0

# %% tags=["wrong"]
# hint: above
middle = 4

# %% tags=["right"]
middle = np.median(x)

# %% [markdown] tags=["solution"]
# Because the median halves.

# %% [markdown]
# ## Break it
# Try.
#
# ## Key points
# - One.
#
# ## Test yourself
# <details><summary>A?</summary>B</details>
# <details><summary>A?</summary>B</details>
# <details><summary>A?</summary>B</details>
#
# ## Sources
# - Author, 1999: [title](https://doi.org/10.1000/1)
'''
)
FIGURE, FOLDED, SHOWN, NUMBERS, TASK, TWICE, WHY, MIDDLE = 2, 3, 4, 5, 7, 8, 13, 15

MINI = (
    FRONT
    + '''# %% tags=["hide"]
x = 3

# %% [markdown]
# It is {{ x }}.

# %%
print(x)

# %% tags=["claim"]
assert x == 3, "x is three"

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

# %% tags=["wrong"]
# hint: double
def twice(n):
    return n

# %% tags=["right"]
def twice(n):
    return n + n
'''
)


def write(folder: Path, text: str, name: str = "07_small.py") -> Lesson:
    path = folder / name
    path.write_text(text, "utf-8")
    return read(path)


def changed(old: str, new: str, text: str = SMALL) -> str:
    assert old in text
    return text.replace(old, new)


def sources(notebook: Any, tag: str = "") -> str:
    cells = [c for c in notebook.cells if not tag or tag in c.metadata.get("tags", [])]
    return "\n".join(cell.source for cell in cells)


@pytest.fixture
def small(tmp_path: Path) -> Lesson:
    return write(tmp_path, SMALL)


# The source


def test_a_lesson_as_its_file_has_it(small: Lesson) -> None:
    assert (small.number, small.slug, small.title) == ("07", "07_small", "Small")
    assert (small.objectives, small.needs, small.data) == (("see one", "do one"), ("03",), ())
    assert [exercise.name for exercise in small.exercises] == ["07.1", "07.2"]
    assert small.exercises[0].hints == ["How often is it there?", "Once more.", "Add it to itself."]
    assert [len(exercise.tagged("wrong")) for exercise in small.exercises] == [2, 2]
    assert small.cells[FIGURE].source.startswith("x = np.arange(5)\nfig")
    kinds = {(cell.kind, cell.tag) for cell in small.cells}
    assert {("code", "hide"), ("code", ""), ("markdown", ""), ("markdown", "solution")} <= kinds


def test_cells_keep_their_order_in_blocks(small: Lesson) -> None:
    flat = [c for block in small.blocks for c in getattr(block, "cells", (block,))]
    assert [id(cell) for cell in flat] == [id(cell) for cell in small.cells]


def test_names_of_the_package_are_those_of_their_definition(tmp_path: Path) -> None:
    imports = (
        "from anomaly_lab import datasets, split\nfrom anomaly_lab.drawing import STYLE, show\n"
        "from anomaly_lab.detectors import PCADetector\nfrom math import pi\n"
    )
    assert write(tmp_path, f"{FRONT}# %%\n{imports}").uses == [
        "anomaly_lab.datasets",
        "anomaly_lab.detectors.pca.PCADetector",
        "anomaly_lab.drawing.picture.show",
        "anomaly_lab.splits.split",
    ]


def test_detectors_are_found_by_name_too() -> None:
    found = {lesson.number: lesson.detectors for lesson in lessons()}
    assert found["06"] == ["autoencoder", "centroid", "isolation_forest", "knn", "pca"]
    assert found["08"] == found["06"]
    assert found["13"] == ["autoencoder", "centroid", "knn", "pca"]
    assert found["01"] == ["centroid"]


@pytest.mark.parametrize(
    ("code", "used"),
    [
        ("from anomaly_lab import AnomalyModel\nAnomalyModel(threshold='mad:3')", ["autoencoder"]),
        ("from anomaly_lab import AnomalyModel\nAnomalyModel(detector='knn')", ["knn"]),
        ("from anomaly_lab import AnomalyModel\nAnomalyModel('k' + 'nn', 'mad:3')", []),
        ("from anomaly_lab import detectors\ndetectors.KNNDetector()", ["knn"]),
        ("from anomaly_lab import compare\ncompare(data, ['pca', 'median'])", ["pca"]),
        ("from anomaly_lab import all_detectors\nall_detectors()", ["median"]),
    ],
)
def test_the_detectors_that_code_uses(
    code: str, used: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.lay(tmp_path, "lesson_median", {"median": "return super()._fit(X)"})
    monkeypatch.syspath_prepend(tmp_path)
    assert write(tmp_path, f"{FRONT}# %%\n{code}\n").detectors == used
    plugin.forget("lesson_median")


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("", "two lines '# ---' that gives title, objectives, needs, data; there is none"),
        ("# ---\n# title: A\n", "there is none"),
        ("# ---\n# title: A\n# ---\n", "should give title, objectives.*, and gives title."),
        (FRONT.replace("data", "date"), "and gives title, objectives, needs, date"),
        ("# ---\n# only words\n# ---\n", "and gives 'only words'"),
        (FRONT.replace("Small", "12"), "title in the front matter should be a str, got 12"),
        (FRONT.replace("[see one, do one]", "see"), "objectives .* should be a list, got 'see'"),
        (FRONT.replace("data: []", "data:"), "data in the .* should be a list, got None"),
    ],
    ids=["none", "not closed", "one field", "other field", "words", "number", "text", "empty"],
)
def test_a_fault_in_the_front_matter_is_named(tmp_path: Path, front: str, message: str) -> None:
    with pytest.raises(LessonError, match=rf"07_small\.py.*{message}"):
        write(tmp_path, f"{front}\n# %%\nx = 1\n")


@pytest.mark.parametrize("tags", ['["hidden"]', '["hide", "fold"]'])
def test_a_tag_is_one_of_those_there_are(tmp_path: Path, tags: str) -> None:
    with pytest.raises(LessonError, match=r"one tag of check, claim, .* got .*begins 'x = 1'"):
        write(tmp_path, f"{FRONT}# %% tags={tags}\nx = 1\n")


@pytest.mark.parametrize("tag", ["check", "wrong", "right", "exercise"])
def test_a_cell_of_an_exercise_needs_its_task_before_it(tmp_path: Path, tag: str) -> None:
    lesson = write(tmp_path, f'{FRONT}# %%\nx = 1\n\n# %% tags=["{tag}"]\ny = 2\n')
    with pytest.raises(LessonError, match=f"07_small.py: a cell tagged '{tag}' stands outside"):
        _ = lesson.exercises


def test_an_unknown_exercise_lists_those_there_are(small: Lesson) -> None:
    with pytest.raises(UnknownNameError, match=r"no exercise named '07\.3'.*07\.1, 07\.2"):
        small.exercise("07.3")


def test_the_lessons_of_a_folder_come_in_order(tmp_path: Path) -> None:
    for name in ("12_b.py", "03_a.py", "notes.py", "4_c.py"):
        (tmp_path / name).write_text(FRONT)
    assert [lesson.number for lesson in lessons(tmp_path)] == ["03", "12"]


def test_an_unknown_lesson_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match=r"no lesson named '99'.*01, 02"):
        find("99")


def test_a_lesson_is_found_without_its_zero() -> None:
    assert find("4") == find("04")


# The checks


def names_of(code: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(code, names)
    return names


def verdict_on(lesson: Lesson, code: str) -> Verdict:
    return judge(lesson.exercise("07.1"), names_of(code))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("twice = lambda n: n + n", "right."),
        ("twice = lambda n: n * 3", "not right yet: expected the number two times."),
        ("twice = lambda n: 'six'", "not right yet: a whole number is wanted."),
        ("twice = lambda n: None", "not right yet: a whole number is wanted."),
        ("", "not done yet: run the cell that defines `twice` first."),
        ("twice = ...", "not done yet: `twice` is still `...`."),
        ("def twice(n):\n    raise NotImplementedError", "not done yet: fill in the blank."),
        ("twice = lambda n: n.size", "stopped: AttributeError: 'int' object has no .* 'size'."),
        ("twice = lambda: 6", "your code stopped: TypeError: .* takes 0 positional arguments .*"),
        ("twice = 6", "your code stopped: TypeError: 'int' object is not callable."),
    ],
)
def test_an_answer_is_told_what_is_missing(small: Lesson, answer: str, told: str) -> None:
    assert re.fullmatch(rf"07\.1: .*{told}", str(verdict_on(small, answer)))


@pytest.mark.parametrize(
    ("answer", "state"),
    [("lambda n: 2 * n", "right"), ("abs", "wrong"), ("...", "not done"), ("1", "error")],
)
def test_a_verdict_has_one_of_four_states(small: Lesson, answer: str, state: str) -> None:
    verdict = verdict_on(small, f"twice = {answer}")
    assert verdict.state == state
    mark = {"right": "✓", "wrong": "✗", "not done": "○", "error": "✗"}[state]
    assert verdict._repr_html_().startswith(f"<p><strong>{mark}</strong> 07.1: ")
    assert repr(verdict) == str(verdict)


def test_a_check_leaves_the_notebooks_names_alone(small: Lesson) -> None:
    names = names_of("twice = lambda n: n + n\ncheck_1 = lambda twice: None")
    before = dict(names)
    assert judge(small.exercise("07.1"), names).state == "right"
    assert names == before


def test_a_name_in_the_notebook_does_not_stand_in_for_the_check(small: Lesson) -> None:
    assert verdict_on(small, "twice = abs\ndef check_1(twice): pass").state == "wrong"


def test_a_name_of_pythons_own_does_not_stop_a_check(small: Lesson) -> None:
    names = names_of("x = [0, 1, 2, 3, 4]; middle = 2; sum = 3; x = __import__('numpy').array(x)")
    assert judge(small.exercise("07.2"), names).state == "right"


def test_a_check_without_a_message_still_says_wrong(tmp_path: Path) -> None:
    lesson = write(tmp_path, changed(', "expected the number two times."', ""))
    said = "07.1: not right yet: an assert in it fails."
    assert str(verdict_on(lesson, "twice = abs")) == said


def test_a_check_uses_the_lessons_imports(small: Lesson) -> None:
    lesson_names = names_of("import numpy as np\nx = np.arange(5)\nmiddle = 2")
    assert judge(small.exercise("07.2"), lesson_names).state == "right"
    del lesson_names["x"]
    assert "defines `x` first" in str(judge(small.exercise("07.2"), lesson_names))


def test_a_verdict_in_html_shows_what_was_said_as_text() -> None:
    shown = Verdict("07.1", "wrong", "a < b", ("Hint",))._repr_html_()
    assert shown == "<p><strong>✗</strong> 07.1: not right yet: a &lt; b.<br>Hint</p>"


@pytest.fixture
def of_the_package(small: Lesson, monkeypatch: pytest.MonkeyPatch) -> Lesson:
    monkeypatch.setattr("anomaly_lab.lessons.source.folder", lambda: small.path.parent)
    return small


@pytest.mark.usefixtures("of_the_package")
class TestCheckInANotebook:
    def checked(self, code: str, call: str = 'check("07.1")') -> Verdict:
        return eval(call, {**names_of(code), "check": check})

    def test_looks_at_the_names_where_it_is_called(self) -> None:
        assert self.checked("twice = lambda n: n + n").state == "right"
        assert self.checked("twice = abs").state == "wrong"

    def test_gives_as_many_hints_as_asked_for(self) -> None:
        assert self.checked("").hints == ('For a hint: check("07.1", hint=1)',)
        two = ("Hint 1: How often is it there?", "Hint 2: Once more.")
        more = 'For a hint: check("07.1", hint=3)'
        verdict = self.checked("twice = abs", 'check("07.1", hint=2)')
        assert verdict.hints == (*two, more)
        assert str(verdict).splitlines()[1:] == [*two, more]
        assert self.checked("", 'check("07.1", hint=3)').hints == (
            *two,
            "Hint 3: Add it to itself.",
        )

    def test_gives_no_hint_for_a_right_answer(self) -> None:
        assert self.checked("twice = lambda n: n + n", 'check("07.1", hint=2)').hints == ()

    @pytest.mark.parametrize("hint", [-1, 4])
    def test_refuses_hints_that_are_not_there(self, hint: int) -> None:
        with pytest.raises(InputError, match=f"from 0 to 3, got {hint}"):
            self.checked("", f'check("07.1", hint={hint})')

    def test_names_the_exercises_there_are(self) -> None:
        with pytest.raises(UnknownNameError, match=r"07\.1, 07\.2"):
            self.checked("", 'check("07.9")')


# The notebooks

NOT_FOR_STUDENTS = (
    "doubled",
    "int(sorted(x)[2])",
    "SOLUTION",
    "number ** 2",
    "number * 2.0",
    "number + number",
    "np.median",
    "Because",
    "claimed",
    "os.listdir",
    "check_1",
    "Once more",
    "two times",
)


def test_a_blank_keeps_what_is_not_the_solution() -> None:
    code = (
        "def f(x):\n    y = x\n    # BEGIN SOLUTION\n    if y:\n        return 1\n"
        "    # END SOLUTION\n\na = f(1) + 2  # SOLUTION\nb = 3\nfor i in a:\n    # BEGIN SOLUTION\n"
        "    b = 4\n    # END SOLUTION"
    )
    assert blank(code) == (
        "def f(x):\n    y = x\n    raise NotImplementedError\n\na = ...\nb = 3\n"
        "for i in a:\n    raise NotImplementedError"
    )
    assert solved(code) == (
        "def f(x):\n    y = x\n    if y:\n        return 1\n\na = f(1) + 2\nb = 3\n"
        "for i in a:\n    b = 4\n"
    )


def test_the_students_notebook_gives_nothing_away(small: Lesson) -> None:
    text = nbformat.writes(student(small))
    assert [part for part in NOT_FOR_STUDENTS if part in text] == []


def test_the_students_notebook_has_everything_else(small: Lesson) -> None:
    notebook = student(small)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
    text = sources(notebook)
    shown = ["- see one\n- do one", "secret_setup = {", 'print("six", 6)', "## Sources"]
    blanks = ['"""Return the double."""\n    raise NotImplementedError', "middle = ...\nsame = ["]
    assert [part for part in (*shown, *blanks) if part not in text] == []
    assert notebook.cells[0].source.startswith("# 07 Small\n")
    assert notebook.metadata["anomaly_lab_lesson"] == "07"


def test_the_cells_of_an_exercise_say_whose_they_are(small: Lesson) -> None:
    cells = [cell for cell in student(small).cells if "anomaly_lab_exercise" in cell.metadata]
    owners = [cell.metadata["anomaly_lab_exercise"] for cell in cells]
    assert owners == ["07.1", "07.1", "07.2", "07.2"]
    assert [cell.source for cell in cells[1::2]] == ['check("07.1")', 'check("07.2")']
    assert "def twice" in cells[0].source


def test_the_students_notebook_is_the_same_each_time(small: Lesson) -> None:
    first, second = (nbformat.writes(student(read(small.path))) for _ in range(2))
    assert first == second
    ids = [cell.id for cell in student(small).cells]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("site", "link"),
    [(None, "the sum of"), ("https://a.org/", "the [sum](https://a.org/glossary.html#sum) of")],
)
def test_links_to_pages_lead_to_the_site_or_nowhere(
    small: Lesson, site: str | None, link: str
) -> None:
    text = sources(student(small, site))
    assert link in text
    assert "](../" not in text
    assert "[lesson 03](03_sums.ipynb)" in text


def test_the_students_notebook_runs_with_its_blanks(
    of_the_package: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    names: dict[str, Any] = {}
    before = matplotlib.rcParams.copy()
    told = []
    for cell in student(of_the_package).cells:
        if cell.cell_type == "code" and cell.source.startswith("check("):
            told.append(str(eval(cell.source, names)).splitlines()[0])
        elif cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec", dont_inherit=True), names)
    matplotlib.rcParams.update(before)
    assert told == [
        "07.1: not done yet: fill in the blank.",
        "07.2: not done yet: `middle` is still `...`.",
    ]


def test_prose_with_numbers_is_code_that_says_it() -> None:
    prose = r"A {b} of {{ 2 + 1 }}, {{ 0.5:.0%}} and {{ d['k'] }}: $\frac{1}{n}$ \n"
    value = eval(said(prose), {"Markdown": str, "d": {"k": "v"}})
    assert value.strip() == r"A {b} of 3, 50% and v: $\frac{1}{n}$ \n"


def test_the_page_of_a_lesson_that_was_not_run_has_dots_for_numbers(small: Lesson) -> None:
    notebook = page(small, {}, {})
    text = sources(notebook)
    assert "The largest is …, the mean …, the share …; $" in text
    assert "{{" not in text
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_page_shows_solutions_in_cells_tagged_so(small: Lesson) -> None:
    notebook = page(small, {}, {})
    nbformat.validate(notebook)
    solution = sources(notebook, "solution")
    assert all(part in solution for part in ("doubled", "int(sorted(x)[2])", "Because doubling"))
    others = "\n".join(c.source for c in notebook.cells if c.metadata.get("tags") != ["solution"])
    assert [part for part in NOT_FOR_STUDENTS if part in others] == []
    assert "raise NotImplementedError" in others
    assert "middle = ..." in others


def test_the_page_leaves_out_what_only_the_run_needs(small: Lesson) -> None:
    text = sources(page(small, {}, {}))
    unseen = ("import os", "claimed", "two times", "number ** 2", "number + number", "hint:")
    assert [part for part in (*unseen, "SOLUTION") if part in text] == []
    assert sources(page(small, {}, {}), "fold") == 'print("six", 6)'


def test_what_is_left_of_the_code_is_python(small: Lesson) -> None:
    for notebook in (student(small), page(small, {}, {})):
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        assert all(ast.parse(source).body for source in code)
        assert len(code) > 6


# Running


@dataclass(frozen=True)
class Ran:
    lesson: Lesson
    first: LessonRun
    second: LessonRun
    caches: tuple[Path, Path]


def stored(cache: Path) -> Cache:
    return Cache(cache / "lessons")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The small lesson, run in two clean caches."""
    lesson = write(tmp_path_factory.mktemp("lessons"), SMALL)
    caches = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    runs = []
    for folder in caches:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ANOMALY_LAB_CACHE", str(folder))
            runs.append(run(lesson))
    return Ran(lesson, *runs, caches)


def test_numbers_are_filled_into_the_prose(ran: Ran) -> None:
    numbers, link = ran.first.texts[NUMBERS].split("\n\n")
    assert numbers == r"The largest is 4, the mean 2.00, the share 25%; $\frac{1}{2}$."
    assert link.startswith("In `{a}`, see [sum](../glossary.md#sum): ")
    assert ran.first.texts[TASK].endswith("for numbers up to 4.")
    assert ran.first.texts[WHY] == "Because doubling is adding: 4."
    assert set(ran.first.texts) == {NUMBERS, TASK, WHY}


def test_outputs_are_those_of_shown_cells(ran: Ran) -> None:
    outputs = ran.first.outputs
    assert set(outputs) == {FIGURE, FOLDED, SHOWN, TWICE, MIDDLE}
    (figure,), (printed,), (shown,) = outputs[FIGURE], outputs[FOLDED], outputs[SHOWN]
    assert 'aria-label="A line up to 4."' in figure["data"]["text/html"]
    assert printed["text"] == "six 6\n"
    assert shown["data"] == {"text/plain": "{'threads': '1'}"}
    assert outputs[TWICE] == outputs[MIDDLE] == []


def test_two_runs_from_clean_caches_give_the_same_bytes(ran: Ran) -> None:
    assert {**asdict(ran.first), "seconds": 0} == {**asdict(ran.second), "seconds": 0}
    assert ran.first.seconds > 0
    (key, first), (same_key, second) = (stored(folder).latest("07_small") for folder in ran.caches)
    assert key == same_key
    assert {**first["run"], "seconds": 0} == {**second["run"], "seconds": 0}
    assert first["files"] == second["files"]
    assert "id=" in ran.first.outputs[FIGURE][0]["data"]["text/html"]


def test_the_page_shows_what_came(ran: Ran) -> None:
    notebook = page(ran.lesson, ran.first.texts, ran.first.outputs)
    nbformat.validate(notebook)
    assert "The largest is 4, the mean 2.00" in sources(notebook)
    (solution,) = (c.source for c in notebook.cells if c.source.startswith("Because doubling"))
    assert solution == "Because doubling is adding: 4."
    outputs = [cell.outputs for cell in notebook.cells if cell.get("outputs")]
    assert [out.output_type for (out,) in outputs] == ["display_data", "stream", "display_data"]
    assert "<svg" in outputs[0][0].data["text/html"]


@pytest.fixture
def cached(ran: Ran, monkeypatch: pytest.MonkeyPatch) -> Ran:
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(ran.caches[0]))
    return ran


def test_a_run_is_stored(cached: Ran) -> None:
    assert load(cached.lesson) == cached.first
    told = []
    runs = run_all([cached.lesson], lambda lesson, seconds: told.append((lesson, seconds)))
    assert runs == [cached.first]
    assert told == [(cached.lesson, None)]


def test_another_text_is_another_lesson(cached: Ran, tmp_path: Path) -> None:
    assert load(write(tmp_path, SMALL)) == cached.first
    assert load(write(tmp_path, changed("- One.", "- Two."))) is None


def test_an_empty_cache_has_nothing(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path))
    assert load(ran.lesson) is None


@pytest.mark.parametrize("package", ["numpy", DISTRIBUTION])
def test_another_version_of_what_is_installed_makes_it_stale(
    cached: Ran, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = execute.installed_versions()
    monkeypatch.setattr(execute, "installed_versions", lambda: {**versions, package: "0.0.1"})
    assert load(cached.lesson) is None


def test_versions_are_those_of_what_the_package_needs() -> None:
    versions = execute.installed_versions()
    assert {DISTRIBUTION, "numpy", "python-dateutil"} <= versions.keys()
    assert not {"pytest", "mkdocs", "jupyterlab"} & versions.keys()
    assert list(versions) == sorted(versions)


# A copy of the package, so that its files can be changed.
USES_THE_PACKAGE = (
    FRONT
    + """# %%
from pathlib import Path

import anomaly_lab
from anomaly_lab.thresholds import parse

print(len((Path(anomaly_lab.__file__).parent / "report/template.html").read_text()) > 0)
"""
)
SETUP = """
import json, sys
from pathlib import Path
import anomaly_lab
from anomaly_lab.lessons import execute, read

package = Path(anomaly_lab.__file__).parent
lesson = Path(sys.argv[1])
assert package.parent == lesson.parent

def fresh():
    return execute.load(read(lesson)) is not None
"""
EDITS = """
def fresh_with(name, added):
    path = package / name
    before = path.read_bytes()
    path.write_bytes(before + added.encode())
    found = fresh()
    path.write_bytes(before)
    return found

execute.run(read(lesson))
edits = json.loads(sys.argv[2])
print(json.dumps([*(fresh_with(*edit) for edit in edits), fresh()]))
"""
STALE = {
    "a module it imports": ("thresholds.py", "\nADDED = 1\n"),
    "what that module imports": ("errors.py", "\nADDED = 1\n"),
    "a file it opens": ("report/template.html", " "),
    "the engine": ("lessons/notebooks.py", "\nADDED = 1\n"),
}
FRESH = {
    "a module it does not import": ("comparison.py", "\nADDED = 1\n"),
    "a file it does not open": ("drawing/anomaly_lab.mplstyle", "\n"),
    "a part of the engine that runs nothing": ("lessons/prose.py", "\nADDED = 1\n"),
    "a comment in a module it imports": ("thresholds.py", "\n# A comment.\n"),
}


@pytest.fixture(scope="module")
def fresh_after(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bool]:
    """Whether what is kept of a lesson still holds, for each edit of the package."""
    cache, edits = tmp_path_factory.mktemp("cache"), {**STALE, **FRESH}

    def in_a_copy(code: str, *arguments: str) -> Any:
        folder = tmp_path_factory.mktemp("copy")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(anomaly_lab.__file__).parent, folder / "anomaly_lab", ignore=ignored)
        lesson = write(folder, USES_THE_PACKAGE)
        done = subprocess.run(
            [sys.executable, "-c", code, str(lesson.path), *arguments],
            cwd=folder,  # first on the path of -c
            env={**os.environ, "PYTHONPATH": str(folder), "ANOMALY_LAB_CACHE": str(cache)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    names = [*edits, "nothing"]
    found = in_a_copy(SETUP + EDITS, json.dumps(list(edits.values())))
    again = in_a_copy(SETUP + "print(json.dumps(fresh()))")
    return {**dict(zip(names, found, strict=True)), "the package's place": again}


@pytest.mark.parametrize("edit", STALE)
def test_a_lesson_is_run_again_after_a_change_of(edit: str, fresh_after: dict[str, bool]) -> None:
    assert not fresh_after[edit]


@pytest.mark.parametrize("edit", [*FRESH, "nothing", "the package's place"])
def test_a_lesson_is_not_run_again_after_a_change_of(
    edit: str, fresh_after: dict[str, bool]
) -> None:
    assert fresh_after[edit]


# Detectors that other packages bring.
ASKS = (
    FRONT
    + """# %%
from anomaly_lab import all_detectors

"centroid" in all_detectors()
"""
)


def bring(folder: Path, version: str = "1.0", cls: str = "One", code: str = "ADDED = 1\n") -> None:
    """Install a package with a detector into a folder, as far as looking for it needs."""
    (folder / "brought.py").write_text(code)
    told = folder / "brought.dist-info"
    told.mkdir(exist_ok=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: brought\nVersion: {version}\n")
    (told / "entry_points.txt").write_text(f"[anomaly_lab.detectors]\nnew = brought:{cls}\n")


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lesson, Path]:
    """A lesson that asks for every detector, run when nothing was brought; and where it is kept."""
    cache = tmp_path_factory.mktemp("cache")
    lesson = write(tmp_path_factory.mktemp("lessons"), ASKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_LAB_CACHE", str(cache))
        run(lesson)
    return lesson, cache


@pytest.fixture
def brought(
    asking: tuple[Lesson, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Lesson, Path]:
    """The same lesson, kept as if it had been run with a detector brought in a folder."""
    lesson, cache = asking
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(cache, tmp_path / "cache")
    assert load(lesson)
    bring(tmp_path)
    assert load(lesson) is None
    runs = stored(tmp_path / "cache")
    _, content = runs.latest("07_small")
    runs.put("07_small", execute._key(lesson, content["files"]), content)
    assert load(lesson)
    return lesson, tmp_path


@pytest.mark.parametrize(
    "change",
    [{"version": "1.1"}, {"cls": "Other"}, {"code": "ADDED = 2\n"}],
    ids=["version", "class", "code"],
)
def test_a_lesson_that_asks_for_every_detector_depends_on_those_brought(
    brought: tuple[Lesson, Path], change: dict[str, str]
) -> None:
    lesson, folder = brought
    bring(folder, **change)
    assert load(lesson) is None
    bring(folder, code="ADDED = 1  # a comment\n")
    assert load(lesson)
    (folder / "brought.py").unlink()
    assert load(lesson) is None


def test_a_lesson_that_asks_for_every_detector_depends_on_those_in_the_package(
    asking: tuple[Lesson, Path], cached: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesson, cache = asking
    folder = tmp_path / "detectors"
    shutil.copytree(Path(detectors.__file__).parent, folder)
    monkeypatch.setattr(detectors, "__file__", str(folder / "__init__.py"))
    for file, holds in (("notes.txt", True), ("another.py", False)):
        (folder / file).touch()
        assert load(cached.lesson)
        with monkeypatch.context() as patch:
            patch.setenv("ANOMALY_LAB_CACHE", str(cache))
            assert (load(lesson) is not None) == holds


@pytest.mark.parametrize(
    ("code", "asks"),
    [
        ("from anomaly_lab import all_detectors\nall_detectors()", True),
        ("from anomaly_lab import detectors\ndetectors.all_detectors()", True),
        ("from anomaly_lab import compare\ncompare(x)", True),
        ("from anomaly_lab.gallery import sets\nsets.maps()", True),
        ("from anomaly_lab import AnomalyModel\nAnomalyModel('knn')", False),
        ("from anomaly_lab.detectors import KNNDetector\nKNNDetector()", False),
    ],
)
def test_whether_a_lesson_asks_for_every_detector_follows_from_its_imports(
    code: str, asks: bool, tmp_path: Path
) -> None:
    lesson = write(tmp_path, f"{FRONT}# %%\n{code}\n")
    assert execute._asks_for_every_detector(lesson) == asks


def test_other_lessons_do_not_depend_on_detectors_brought(
    cached: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    bring(tmp_path)
    assert load(cached.lesson) == cached.first


@pytest.mark.parametrize("variable", ["ANOMALY_LAB_DATA", "ANOMALY_LAB_OFFLINE"])
@pytest.mark.parametrize(("data", "depends"), [("digits", False), ("ecg5000", True)])
def test_what_is_kept_depends_on_whether_data_can_be_had_where_they_are_downloaded(
    data: str, depends: bool, variable: str, small: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that does without data that it could not have must not stay when it can."""
    lesson = replace(small, data=(data,))
    monkeypatch.delenv(variable, raising=False)
    without = execute._key(lesson, [])
    monkeypatch.setenv(variable, "1")
    assert (execute._key(lesson, []) != without) == depends


# Lessons that must fail: what is changed in the mini lesson, and what its author is told.
BROKEN = {
    "expression raises": ("{{ x }}", "{{ x / 0 }}", "begins 'It is .* raises ZeroDivisionError"),
    "unknown format": ("{{ x }}", "{{ x:.2q }}", "begins 'It is .* raises ValueError: .*format"),
    "code raises": ("print(x)", "print(x, y)", r"begins 'print\(x, y\)' raises NameError: .* 'y'"),
    "hidden code raises": ("x = 3", "overfit = 1 / 0", r"begins 'overfit = 1 / 0' raises ZeroDiv"),
    "claim fails": ("assert x == 3", "assert x == 4", "raises AssertionError: x is three"),
    "warns": (
        "print(x)",
        "import warnings\nwarnings.warn('careful')",
        "begins 'import warnings' writes to stderr: .*careful",
    ),
    "figure without alt text": (
        "print(x)",
        "import matplotlib.pyplot as plt\nplt.plot([x])",
        r"shows a figure without alt text: end it with show\(",
    ),
    "Python dies": ("print(x)", "import os; os._exit(1)", "begins 'import os.* kills Python"),
    "check passes on the blank": (
        'assert twice(3) == 6, "double it"',
        "pass",
        "find this answer not done, and says '07.1: right.'.*raise NotImplementedError$",
    ),
    "solution is not between its markers": (
        "    # END SOLUTION\n",
        "",
        "find this answer not done, and says '07.1: right.'.*# BEGIN SOLUTION",
    ),
    "solution fails": ("return 2 * n", "return 3 * n", "answer right, and says .*not right yet"),
    "wrong answer passes": (
        "return n\n",
        "return n * 2\n",
        "answer wrong, saying 'double', and says '07.1: right.'.*return n \\* 2$",
    ),
    "wrong answer fails for another reason": (
        "hint: double",
        "hint: halve",
        "answer wrong, saying 'halve', and says '07.1: not right yet: double it.'",
    ),
    "wrong answer raises": (
        "return n\n",
        "return n.a\n",
        r"answer wrong, .* says .07\.1: your code stopped",
    ),
    "right answer fails": (
        "return n + n",
        "return n + n + n",
        r"answer right, and says '07.1: not right yet.*return n \+ n \+ n$",
    ),
    "no data": (
        "x = 3",
        "from anomaly_lab.errors import DownloadError\nraise DownloadError('no network')",
        "begins 'from anomaly_lab.* raises DownloadError: no network",
    ),
}


def outcome(lesson: Lesson) -> LessonRun | LessonError:
    try:
        return run(lesson)
    except LessonError as error:
        return error


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LessonRun | LessonError]:
    """What came of the mini lesson as it is and of each broken one."""
    texts = {"nothing": MINI, **{k: changed(old, new, MINI) for k, (old, new, _) in BROKEN.items()}}
    made = [write(tmp_path_factory.mktemp("broken"), text) for text in texts.values()]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setenv("ANOMALY_LAB_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("ANOMALY_LAB_OFFLINE", raising=False)
        return dict(zip(texts, pool.map(outcome, made), strict=True))


def test_the_mini_lesson_runs(outcomes: dict[str, LessonRun | LessonError]) -> None:
    came = outcomes["nothing"]
    assert isinstance(came, LessonRun)
    assert came.texts == {1: "It is 3."}
    assert came.outputs[2][0]["text"] == "3\n"


@pytest.mark.parametrize("fault", BROKEN)
def test_a_lesson_fails_and_says_where(
    fault: str, outcomes: dict[str, LessonRun | LessonError]
) -> None:
    told = str(outcomes[fault])
    assert isinstance(outcomes[fault], LessonError)
    assert told.startswith("07_small.py: ")
    assert re.search(BROKEN[fault][2], told, re.DOTALL), told


def test_missing_data_is_an_error_of_the_lesson_and_of_the_download(
    outcomes: dict[str, LessonRun | LessonError],
) -> None:
    assert isinstance(outcomes["no data"], MissingDataError)
    assert isinstance(outcomes["no data"], DownloadError)
    assert not any(isinstance(outcomes[k], DownloadError) for k in BROKEN if k != "no data")


def test_offline_a_lesson_says_what_it_misses_and_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANOMALY_LAB_OFFLINE", "1")
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ANOMALY_LAB_DATA", raising=False)
    code = 'from anomaly_lab import datasets\n\nrows = datasets.load("ecg5000")'
    lesson = write(tmp_path, changed("x = 3", code, MINI))
    told: list[float | None] = []
    (came,) = run_all([lesson], lambda _, seconds: told.append(seconds))
    assert "raises DownloadError: http" in came.missing
    assert "ANOMALY_LAB_OFFLINE is set" in came.missing
    assert (came.texts, came.outputs) == ({}, {})
    assert len(told) == 1
    assert load(lesson) is None


def test_a_wrong_answer_must_say_which_message_it_gets(tmp_path: Path) -> None:
    lesson = write(tmp_path, changed("# hint: double\n", "", MINI))
    with pytest.raises(LessonError, match=r"begin with '# hint: ' .* it begins 'def twice"):
        list(execute._steps(lesson))


# The prose


def with_prose(folder: Path, prose: str) -> Lesson:
    lines = "\n".join(f"# {line}".rstrip() for line in prose.splitlines())
    return write(folder, changed("# Try.\n", f"{lines}\n#\n# Try.\n"))


def test_a_lesson_that_keeps_to_the_format_has_no_problems(small: Lesson) -> None:
    assert problems(small) == []


@pytest.mark.parametrize(
    ("prose", "number"),
    [
        ("It takes 0.5 s.", "0.5"),
        ("Of 1,000 rows.", "1,000"),
        ("In 12 rows.", "12"),
        ("A share of 5% is high.", "5%"),
        ("A share of 5 % is high.", "5 %"),
        ("It wins in 3 of 4 seeds.", "3 of 4"),
        ("In [1] and `code`: 37 rows.", "37"),
        ("- one\n- 25 rows", "25"),
        ("> **Note.** Only 25.", "25"),
        ("See [title](glossary.md): 25.", "25"),
        ("Here is 25.\n\nThere is [title](https://doi.org/10.1000/1).", "25"),
        ("- of 25\n- [title](https://doi.org/10.1000/1)", "25"),
    ],
)
def test_a_typed_number_is_found(tmp_path: Path, prose: str, number: str) -> None:
    (problem,) = problems(with_prose(tmp_path, prose))
    assert problem.startswith(f"07_small.py: {number!r} is typed by hand in ")
    assert "take it from the run" in problem


@pytest.mark.parametrize(
    "prose",
    [
        "An image of 8 by 8 pixels, 2 axes.",
        "Set `epochs=100`, then\n\n```\nrows[10:20]\n```",
        "With $x_{10} = 0.5$ there.",
        "See [lesson 03 of 12](03_sums.ipynb).",
        "Scores of {{ 100 * 0.5:.2f}} and {{ x[10:20] }}.",
        '<img width="100">',
        "## A rule from 1999",
        "It is 91.3% there ([Author, 1999](https://doi.org/10.1000/1)).",
        "It is 91.3%\nthere ([Author, 1999](http://a.org)).",
    ],
)
def test_a_number_that_no_run_could_give_is_allowed(tmp_path: Path, prose: str) -> None:
    assert problems(with_prose(tmp_path, prose)) == []


@pytest.mark.parametrize("alt", ['"Up to 25 rows."', 'f"Up to {x.max()} of 25 rows."'])
def test_a_typed_number_in_an_alt_text_is_found(tmp_path: Path, alt: str) -> None:
    lesson = write(tmp_path, changed('f"A line up to {x.max()}."', alt))
    (problem,) = problems(lesson)
    assert problem.startswith("07_small.py: typed number in the alt text")


TASK_2 = SMALL[SMALL.index('# %% [markdown] tags=["exercise"]\n# ## Exercise 2') :]
TASK_2 = TASK_2[: TASK_2.index("# %% [markdown]\n# ## Break it")]
CHECK_2 = TASK_2[TASK_2.index('# %% tags=["check"]') : TASK_2.index('# %% tags=["wrong"]')]
RIGHT_2 = '# %% tags=["right"]\nmiddle = np.median(x)\n'
WHY_2 = '# %% [markdown] tags=["solution"]\n# Because the median halves.\n'
CODE_2 = TASK_2[TASK_2.index('# %% tags=["exercise"]') : TASK_2.index('# %% tags=["check"]')]
PROBLEMS = {
    "section": ("## Key points", "## Points", "07_small.py: there is no section '## Key points'"),
    "sources": ("## Sources", "# Sources", "there is no section '## Sources'|is the title's alone"),
    "self-test": ("# <details><summary>A?</summary>B</details>\n", "", "questions .*, found 0"),
    "one objective": ("[see one, do one]", "[see one]", "expected 2 or 3 objectives, found 1"),
    "four objectives": ("[see one, do one]", "[a, b, c, d]", "2 or 3 objectives, found 4"),
    "words": ("# Try.\n", "# Try.\n" + "# word\n" * 2500, r"07_small.py: 25\d\d words, 2500 are"),
    "one exercise": (TASK_2, "", "07_small.py: expected two exercises or more, found 1"),
    "heading": ("## Exercise 2:", "## Exercise 3:", "07.2: the heading should be '## Exercise 2: "),
    "no minutes": (" (3 minutes)", "", r"07.2: the heading should be .*\(N minutes\)"),
    "no check": (CHECK_2, "", "07.2: expected code to fill in and one check, found .*'check': 0"),
    "no code": (CODE_2, "", "07.2: expected code to fill in and one check, found .*'exercise': 0"),
    "one wrong answer": ('# %% tags=["wrong"]\n# hint: above\nmiddle = 4\n', "", "'wrong': 1"),
    "no right answer": (RIGHT_2, "", "07.2: expected two wrong answers and a right one"),
    "no reason": (WHY_2, "", "07.2: a cell tagged 'solution' should say why"),
    "no marker": ("  # SOLUTION", "", "07.2: no part of its code is marked as the solution"),
    "two hints": ("    Two.\n\n", "", "07.2: expected three hints, found 2"),
    "answer used later": ("# Try.", "# Try {{ middle }}.", "'middle' of exercise 07.2 is used "),
    "function used later": (
        "# %% [markdown]\n# ## Break it",
        "# %%\nmore = twice(2)\n\n# %% [markdown]\n# ## Break it",
        "'twice' of exercise 07.1 is used after it",
    ),
    "name of a claim used later": (
        "assert os.listdir() == []\n",
        "top = 4\n\n# %%\ntop\n",
        "07_small.py: 'top' is defined in a claim, and used outside of one",
    ),
}


@pytest.mark.parametrize("fault", PROBLEMS)
def test_a_problem_is_named_with_where_it_is(tmp_path: Path, fault: str) -> None:
    old, new, message = PROBLEMS[fault]
    found = problems(write(tmp_path, changed(old, new)))
    assert found
    assert all(re.search(message, problem) for problem in found), found


def test_words_are_those_that_are_read(tmp_path: Path) -> None:
    prose = (
        "# ## Two words\n#\n# > **Predict.** A [link of four](a.md) {{ f(1, 2, 3) }}.\n# - point\n"
        '# <br>\n#\n# <p data-explore="07-kind">Not on the page.</p>\n'
    )
    code = '\n# %%\nnot_counted = 1\n\n# %% [markdown] tags=["exercise"]\n# Six more.\n'
    assert words(write(tmp_path, f"{FRONT}# %% [markdown]\n{prose}{code}")) == 2 + 6 + 1 + 2


def test_minutes_are_of_words_code_figures_and_guesses(tmp_path: Path) -> None:
    def lesson(words: int, lines: int, figures: int, guesses: int = 0) -> Lesson:
        text = f"{FRONT}# %% [markdown]\n" + "# word\n" * (words - guesses)
        text += "\n# %% [markdown]\n# > **Predict.**\n" * guesses
        code = "\n# %%\n" + "x = 1\n" * lines + '\n# %% tags=["fold"]\n' + "show()\n" * figures
        return write(tmp_path, text + code)

    assert minutes(lesson(276, 10, 3)) == 2 + 1 + 3
    assert minutes(lesson(277, 10, 3)) == 7
    assert minutes(lesson(276, 11, 3)) == 7
    assert minutes(lesson(276, 10, 4)) == 7
    assert minutes(lesson(276, 10, 3, guesses=2)) == 8


def test_minutes_of_exercises_are_added_up(small: Lesson) -> None:
    assert exercise_minutes(small) == 5 + 3
