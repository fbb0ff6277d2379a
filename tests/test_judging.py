"""A point is for an answer: whatever else a notebook does in its process is worth none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from small_lab import HALF, TWICE, cells_of, worked, write_lessons
from test_labs import ENOUGH, results

from anomaly_lab.errors import InputError
from anomaly_lab.labs import running
from anomaly_lab.labs.messages import dumps, loads
from anomaly_lab.lessons import Lesson, read
from anomaly_lab.lessons.notebooks import solved, student


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    place = tmp_path_factory.mktemp("small") / "lessons"
    return read(write_lessons(place, "07_small") / "07_small.py")


@pytest.fixture(scope="module")
def judges() -> Iterator[running.Judges]:
    with running.Judges() as made:
        yield made


# Points that nobody has earned

VERDICT = """\
import json, os, struct
for name in ("07.1", "07.2"):
    line = b"!" + json.dumps({"exercise": name, "state": "right", "message": ""}).encode()
    for stream in range(64):
        try: os.write(stream, struct.pack(">Q", len(line)) + line)
        except OSError: pass
"""
NOTHING = """\
import os, struct
for stream in range(64):
    try: os.write(stream, struct.pack(">Q", 0))
    except OSError: pass
"""
FILES = """\
import json
for name in ("results.jsonl", "results", ".anomaly_lab.json", ".grades.csv.partly", "grades.csv"):
    for exercise in ("07.1", "07.2"):
        open(name, "a").write(json.dumps({"exercise": exercise, "state": "right"}) + "\\n")
"""
PATCHES = """\
import sys
from anomaly_lab.lessons import checks
checks.judge = lambda exercise, names: checks.Verdict(exercise.name, "right")
import anomaly_lab.labs.judge as judge, anomaly_lab.labs.standins, numpy
judge.judge = checks.judge
numpy.allclose = numpy.isclose = numpy.array_equal = lambda *a, **k: True
for worker in [m for m in sys.modules.values() if hasattr(m, "_Answers")]:
    worker._Answers._get = worker._Answers._call = lambda *a, **k: {"state": "right"}
"""
YES = """\
class Yes(int):
    __eq__ = __ne__ = lambda *_: True
    __add__ = __radd__ = __mul__ = lambda self, _: self
"""
RAISES = "class AssertionError(Exception): pass\n"
FORGERIES = {
    "writes verdicts to every stream": (VERDICT, "def twice(n): pass", "half = 0"),
    "writes nothing to every stream": (NOTHING, "def twice(n): pass", "half = 0"),
    "writes files": (FILES, "def twice(n): pass", "half = 0"),
    "patches": (PATCHES, "def twice(n): pass", "half = 0"),
    "equals everything": (YES, "def twice(n): return Yes()", "half = Yes()"),
    "is an object": (
        "",
        "twice = type('Twice', (), {'__eq__': lambda *_: True})",
        "half = object()",
    ),
    "changes what is given": ("", "def twice(n): pass", "half = start = 0"),
    "ends Python well": ("", "import os; os._exit(0)", "half = 0"),
    "raises in its own name": (RAISES, "def twice(n): raise AssertionError", "half = 0"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_point_is_not_forged(
    forgery: str, small: Lesson, judges: running.Judges, tmp_path: Path
) -> None:
    before, *answers = FORGERIES[forgery]
    done = worked(small, *answers)
    cells_of(done, "07.1")[0].source = before + cells_of(done, "07.1")[0].source
    for state, message in results(done, small, tmp_path, judges=judges):
        assert state in ("wrong", "error", "not done")
        assert message


def test_what_the_notebook_changes_of_what_is_given_is_said(
    small: Lesson, judges: running.Judges, tmp_path: Path
) -> None:
    done = worked(small, TWICE, "half = start = 0")
    message = "halve it (judged with the lesson's start, which the notebook changes)"
    found = results(done, small, tmp_path, judges=judges)
    assert found == [("right", ""), ("wrong", message)]


LOOKS = """\
import os, sys
there = [*sys.argv, *sys.path, os.getcwd(), *map("=".join, os.environ.items())]
for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
    try: there.append(os.readlink(f"/proc/self/fd/{name}"))
    except OSError: pass
open("there", "w").write("\\n".join(there))
"""


def test_the_process_is_not_told_where_the_lesson_is(
    small: Lesson, judges: running.Judges, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    found = results(worked(small, LOOKS + TWICE, HALF), small, place, judges=judges)
    assert found == [("right", "")] * 2
    there = (place / "there").read_text("utf-8").splitlines()
    assert any(text.endswith("work.ipynb") for text in there)
    assert not [text for text in there if str(small.path.parent) in text]
    assert {text.partition(":")[0] for text in there if text.startswith(("pipe:", "socket:"))} <= {
        "pipe"
    }


def test_a_lesson_that_stops_is_nobodys_fault(tmp_path: Path) -> None:
    path = write_lessons(tmp_path / "lessons", "07_small") / "07_small.py"
    path.write_text(
        path.read_text("utf-8").replace("start = 3", "start = open('nowhere')"), "utf-8"
    )
    lesson = read(path)
    reason = "the lesson itself stopped before this exercise: FileNotFoundError"
    for state, message in results(worked(lesson, TWICE, "half = 1.5"), lesson, tmp_path):
        assert state == "not judged"
        assert message.startswith(reason)


def test_a_judge_goes_on_after_a_notebook_that_ended(small: Lesson, tmp_path: Path) -> None:
    """It runs the lesson once: two submissions, and the first ends while it is judged."""
    found = []
    with running.Judges() as judges:
        for first in ("import os\ndef twice(n): os._exit(3)", TWICE):
            nbformat.write(worked(small, first, HALF), tmp_path / "work.ipynb")
            path = tmp_path / "work.ipynb"
            done = running.run(path, small, tmp_path, ENOUGH, judges=judges)
            found.append([(result.state, result.message) for result in done])
            assert len(judges._idle) == 1
    ended = ("error", "Python ended before this exercise (exit code 3)")
    assert found == [[ended, ended], [("right", "")] * 2]


# What a check may be given

OPENING = """\
# ---
# title: Kinds
# objectives: [see one, do one]
# needs: []
# data: []
# ---

# %%
import numpy as np
import pandas as pd
from anomaly_lab import AnomalyModel, thresholds
from anomaly_lab.contract import Card, Detector, Positive
from anomaly_lab.contract.testing import check_detector, easy_rows

model = AnomalyModel("centroid").fit(easy_rows()[0]).calibrate(easy_rows(1)[0])
"""
ARRAYS = '''
# %% tags=["exercise"]
def scores_of(model, rows):
    # BEGIN SOLUTION
    return model.anomaly_score(rows)
    # END SOLUTION

def type_of(frame):
    # BEGIN SOLUTION
    return str(frame.to_dict())
    # END SOLUTION

def drawn(rng):
    # BEGIN SOLUTION
    return rng.normal(size=3)
    # END SOLUTION

# %% tags=["check"]
def check_1(scores_of, type_of, drawn, model):
    """One."""
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}, index=[5, 7])
    assert type_of(frame) == str(frame.to_dict()), "another table"
    rows = easy_rows(2)[1]
    before, wanted = rows.copy(), model.anomaly_score(rows)
    assert np.array_equal(scores_of(model, rows), wanted), "not the scores"
    assert np.array_equal(rows, before), "leave the rows alone"
    wanted = np.random.default_rng(7).normal(size=3)
    assert np.array_equal(drawn(np.random.default_rng(7)), wanted), "draw three"
'''
OBJECTS = '''
# %% tags=["exercise"]
rule = thresholds.Quantile(0.9)  # SOLUTION
own = AnomalyModel("centroid").fit(easy_rows()[0])  # SOLUTION
names = {"a": (1, {2}), "b": None}  # SOLUTION

# %% tags=["check"]
def check_2(rule, own, names, model):
    """One."""
    assert isinstance(rule, thresholds.Threshold), "choose a rule"
    assert rule == thresholds.Quantile(0.9), "another rule"
    rows = easy_rows(2)[1]
    assert np.array_equal(own.anomaly_score(rows), model.anomaly_score(rows)), "other scores"
    assert names == {"a": (1, {2}), "b": None}, "other names"
'''
DETECTOR = '''
# %% tags=["exercise"]
class Mine(Detector):
    card = Card("mine", "Mine", "i", "s", "w", "f", "c", "r")

    def __init__(self, power: Positive = 2.0):
        self.power = power

    def _fit(self, X):
        self.center_ = X.mean(axis=0)
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        # BEGIN SOLUTION
        return (np.abs(X - self.center_) ** self.power).sum(axis=1)
        # END SOLUTION

# %% tags=["check"]
def check_3(Mine):
    """One."""
    check_detector(Mine())
    fit, judged, _ = easy_rows()
    square, cube = (Mine(power=p).fit(fit).anomaly_score(judged) for p in (2, 3))
    assert not np.allclose(square, cube), "power does nothing"
'''
ASKED, DRAWN = "return model.anomaly_score(rows)", "return rng.normal(size=3)"
SCORED = "return (np.abs(X - self.center_) ** self.power).sum(axis=1)"
SCORES = SCORED.removeprefix("return ")
IN_PARTS = f"return np.array([{SCORES.replace('X', 'X[[i]]')}[0] for i in range(len(X))])"

# The exercise, what another answer has in place of the solution, and what is said of it.
CASES = {
    "arrays": (ARRAYS, "", "", "right", ""),
    "lists": (ARRAYS, ASKED, f"{ASKED}.tolist()", "right", ""),
    "series": (
        ARRAYS,
        ASKED,
        f"import pandas; {ASKED.replace('model', 'pandas.Series(model')})",
        "right",
        "",
    ),
    "input": (
        ARRAYS,
        ASKED,
        f"s = {ASKED[7:]}; rows[0] = 0; return s",
        "wrong",
        "leave the rows alone",
    ),
    "huge": (ARRAYS, ASKED, "return np.zeros(10**7)", "error", "expected less data"),
    "drawn twice": (ARRAYS, DRAWN, f"rng.normal(); {DRAWN}", "wrong", "draw three"),
    "objects": (OBJECTS, "", "", "right", ""),
    "numpy": (OBJECTS, "(1, {2})", "(np.int64(1), {np.float32(2)})", "right", ""),
    "no rule": (OBJECTS, "thresholds.Quantile(0.9)", "0.9", "wrong", "choose a rule"),
    "own rule": (
        OBJECTS,
        "thresholds.Quantile(0.9)",
        "type('Q', (thresholds.Quantile,), {})(0.9)",
        "wrong",
        "choose a rule",
    ),
    "no model": (
        OBJECTS,
        'AnomalyModel("centroid").fit(easy_rows()[0])',
        "3",
        "error",
        "AttributeError",
    ),
    "detector": (DETECTOR, "", "", "right", ""),
    "in parts": (DETECTOR, SCORED, IN_PARTS, "right", ""),
    "sign": (DETECTOR, SCORED, f"return -{SCORES}", "wrong", "sign of the score is flipped"),
    "batch": (DETECTOR, SCORED, f"{SCORED} / len(X)", "wrong", "which other rows are scored"),
    "global": (DETECTOR, SCORED, f"{SCORED} + np.random.random()", "wrong", "global random state"),
    "seeded": (DETECTOR, SCORED, f"np.random.seed(0); {SCORED}", "wrong", "global random state"),
    "one number": (DETECTOR, SCORED, f"{SCORED}.sum()", "wrong", "check_scores"),
    "in place": (
        DETECTOR,
        SCORED,
        f"s = {SCORES}; X[:] = 0; return s",
        "wrong",
        "changed in place",
    ),
    "parameter": (DETECTOR, "** self.power", "** 2", "wrong", "power does nothing"),
    "pickle": (DETECTOR, SCORED, f"self.f_ = lambda: 0; {SCORED}", "wrong", "check_pickle"),
    "stops": (DETECTOR, SCORED, "raise ValueError('oh')", "wrong", "check_scores: oh"),
}


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, running.Result]:
    """What each case comes to: all in one notebook, an exercise each."""
    place = tmp_path_factory.mktemp("kinds")
    task = '\n# %% [markdown] tags=["exercise"]\n# ## Exercise {}: one (5 minutes)\n'
    parts = [task.format(i) + exercise for i, (exercise, *_) in enumerate(CASES.values(), 1)]
    (place / "07_kinds.py").write_text(OPENING + "".join(parts), "utf-8")
    lesson = read(place / "07_kinds.py")
    done = student(lesson)
    for exercise, (_, old, new, *_) in zip(lesson.exercises, CASES.values(), strict=True):
        (cell,) = exercise.tagged("exercise")
        code = solved(cell.source)
        assert old in code
        cells_of(done, exercise.name)[0].source = code.replace(old, new)
    nbformat.write(done, place / "work.ipynb")
    found = running.run(place / "work.ipynb", lesson, place, ENOUGH)
    return dict(zip(CASES, found, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_answers_of_all_kinds_are_judged(case: str, verdicts: dict[str, running.Result]) -> None:
    *_, state, message = CASES[case]
    assert verdicts[case].state == state, verdicts[case]
    assert message in verdicts[case].message
    assert (message == "") == (verdicts[case].message == "")


# Messages


def nothing(*_: object) -> None:
    raise InputError("not plain")


ODD = {
    "no JSON": b"{",
    "deep": b"[" * 100_000,
    "two kinds": b'{"tuple": [], "set": []}',
    "another kind": b'{"pickle": "x"}',
    "objects": b'{"array": ["|O8", [1], "AAAAAAAAAAA="]}',
    "no dtype": b'{"array": [3, [1], "AA=="]}',
    "too few bytes": b'{"array": ["<f8", [1000000000], "AAAAAAAAAAA="]}',
    "odd shape": b'{"array": ["<f8", ["a"], "AAAAAAAAAAA="]}',
    "no base64": b'{"array": ["<f8", [1], "\\ud800"]}',
    "a list as a key": b'{"dict": [[[1], 2]]}',
    "a long number": b"1" * 10_000,
    "not text": b"\xff\xfe",
}


@pytest.mark.parametrize("odd", ODD)
def test_a_message_that_is_not_plain_data_is_refused(odd: str) -> None:
    with pytest.raises(InputError, match="plain"):
        loads(ODD[odd], nothing)


def test_a_list_within_itself_is_not_sent() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(InputError, match="plain data"):
        dumps(endless, nothing)
    assert json.loads(dumps([1, "\ud800"], nothing)) == [1, "\ud800"]
