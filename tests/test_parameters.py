"""What a parameter may be is said by its annotation, and checked in one way everywhere."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone

from anomaly_lab import (
    AnomalyModel,
    KNNDetector,
    all_detectors,
    compare,
    datasets,
    evaluate,
    get_detector,
    split,
    thresholds,
)
from anomaly_lab.contract import Bounds, Count, Detector, Positive, Seed, Share
from anomaly_lab.errors import AnomalyLabError, InputError
from anomaly_lab.neural.encoder_decoder import EncoderDecoder
from anomaly_lab.parameters import check_arguments, checked

NASTY = (
    None,
    True,
    np.True_,
    -1,
    0,
    3,
    10**30,
    10**5000,
    1.5,
    1e308,
    -0.5,
    math.nan,
    math.inf,
    np.int64(3),
    np.float32(0.5),
    np.float64(math.nan),
    "x",
    b"x",
    (),
    (1,),
    [],
    ["knn"],
    [3, 3],
    {},
    {"a": 1},
    object(),
    np.array([1, 2]),
    np.array(1),
    pd.NA,
    1j,
    Fraction(1, 3),
    len,
    KNNDetector,
)
KINDS = [
    (int, [0, -3, 10**30, np.int8(3)], [True, np.True_, 3.0, math.nan, "3", None, np.array(3)]),
    (float, [0, 1.5, -1e308, np.float32(1.5), 10**300], [True, math.nan, math.inf, 10**400, "1"]),
    (bool, [True, np.False_], [0, 1, None, "True"]),
    (str, ["", np.str_("x")], [b"x", None, 3]),
    (Literal["mean", 2], ["mean", 2, np.str_("mean")], ["median", ["mean"], True, None]),
    (int | None, [None, 2], [True, 2.5]),
    (tuple[int, str], [(1, "x"), [1, "x"]], [(1,), ("x", 1), "1x", 1]),
    (tuple[int, ...], [(), (1, 2), [1]], [(1, "x"), 1, "12"]),
    (Sequence[int], [(), [1]], [[True], "12", b"12", {1}, np.array([1]), 1]),
    (Iterable[int], [(), {1}, np.array([1]), iter("x")], ["x", b"x", 1, np.array(1), [None]]),
    (Mapping[str, int], [{}, {"a": 1}], [{"a": "b"}, {1: 1}, [("a", 1)]]),
    (Callable[[int], int] | None, [len, None], [3, "len"]),
    (Detector, [KNNDetector()], [KNNDetector, "knn", None]),
    (Count, [1, 10**9], [0, True, 1.0, 10**30]),
    (Seed, [0, 2**32 - 1], [-1, 2**32, None, np.random.RandomState(0)]),
    (Share, [0.5, 1e-300], [0, 1, math.nan]),
    (Positive, [1e-300, 5], [0, -1, math.inf]),
    (Annotated[int, Bounds(low=2, below=4)], [2, 3], [1, 4]),
    (Annotated[float, Bounds(above=2, high=4)], [2.5, 4], [2, 4.5]),
    (Any, [None, 3], []),
    ("np.typing.ArrayLike", [None, 3], []),
]


@pytest.mark.parametrize(("kind", "fit", "unfit"), KINDS, ids=lambda x: str(x)[:40])
def test_a_value_is_of_a_kind_or_refused(kind, fit, unfit):
    def function(value):
        """Take a value of the kind."""

    function.__annotations__ = {"value": kind}
    for value in fit:
        check_arguments(function, "owner", {"value": value})
    for value in unfit:
        with pytest.raises(InputError, match=r"^owner: value must be .*, got "):
            check_arguments(function, "owner", {"value": value})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Count, "a whole number from 1 to 1,000,000,000"),
        (Share, "a number above 0 and below 1"),
        (Seed, "a whole number from 0 to 4,294,967,295"),
        (float, "a finite number"),
        (Count | None, "a whole number from 1 to 1,000,000,000 or None"),
        (Literal["mean", "median"], "one of 'mean', 'median'"),
        (tuple[Count, str], r"\(a whole number from 1 to 1,000,000,000, text\)"),
        (Sequence[Detector | str], "a list in which each is a Detector or text"),
        (Mapping[str, bool], "a dict from text to True or False"),
        (Callable[[int], int], "a function"),
    ],
)
def test_an_error_says_what_was_expected_and_what_came(kind, words):
    @checked
    def weigh(value: kind) -> None:
        """Take a value of the kind."""

    weigh.__wrapped__.__annotations__ = {"value": kind}
    with pytest.raises(InputError, match=rf"^weigh: value must be {words}, got 2j\.$"):
        weigh(2j)


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Unspeakable(), "a value of type Unspeakable"),
        (10**5000, "type int"),
        (b"x" * 999, r"\.{4}$"),
    ],
    ids=["no repr", "too long a number", "long"],
)
def test_whatever_comes_is_shown_in_a_line(value, shown):
    with pytest.raises(InputError, match=shown) as refusal:
        KNNDetector(method=value).check_parameters()
    assert len(str(refusal.value)) < 250


def test_an_annotation_that_cannot_be_read_is_told():
    class Hidden(KNNDetector):
        def __init__(self, n_neighbors: NotImported = 5):  # noqa: F821
            super().__init__(n_neighbors)

    with pytest.raises(AnomalyLabError, match=r"Hidden.__init__ cannot be read: .*NotImported"):
        Hidden().fit(np.eye(9))


# --- Detectors: every one, every parameter --------------------------------------------------------

ROWS = np.random.default_rng(0).normal(size=(30, 3))
QUICK = {"ensemble": {"detectors": ("centroid", "knn")}, "isolation_forest": {"n_estimators": 5}}


@pytest.mark.parametrize("name", all_detectors())
def test_every_parameter_of_every_detector_is_checked(name):
    kind = all_detectors()[name]
    quick = kind(**QUICK.get(name, {}))
    for parameter, value in itertools.product(quick.get_params(deep=False), NASTY):
        if parameter == "detectors" and value is None:
            continue  # the default, a network among them
        detector = clone(quick)
        setattr(detector, parameter, value)
        try:
            if isinstance(detector, EncoderDecoder):  # trained elsewhere
                detector.check_parameters()
            else:
                assert np.isfinite(detector.fit(ROWS).anomaly_score(ROWS)).all()
        except InputError:
            continue


@pytest.mark.parametrize("name", all_detectors())
def test_every_parameter_says_what_it_may_be(name):
    detector = all_detectors()[name]()
    for parameter in detector.get_params(deep=False):
        detector = clone(detector).set_params(**{parameter: 1j})
        with pytest.raises(InputError, match=f"{parameter} must be"):
            detector.fit(ROWS)
        detector = all_detectors()[name]()


def test_parameters_are_refused_before_any_work(monkeypatch):
    monkeypatch.setattr(Detector, "_validate", lambda *args, **kwargs: pytest.fail("too early"))
    with pytest.raises(InputError, match="n_neighbors"):
        KNNDetector(n_neighbors=0).fit(ROWS)


def test_scikit_learns_search_may_pass_numpy_scalars():
    model = KNNDetector(n_neighbors=np.int8(4), method=np.str_("mean")).fit(ROWS)
    same = KNNDetector(n_neighbors=4, method="mean").fit(ROWS)
    np.testing.assert_array_equal(model.training_scores_, same.training_scores_)


# --- Thresholds, the model, and functions ---------------------------------------------------------

SCORES = np.arange(1000.0) ** 1.5
LABELS = np.arange(1000) > 950


@pytest.mark.parametrize("rule", thresholds.RULES.values(), ids=lambda rule: rule.name)
def test_every_parameter_of_every_rule_is_checked(rule):
    names = list(rule.__match_args__)
    good = dict.fromkeys(names, 0.01) if rule is thresholds.POT else {}
    for name, value in itertools.product(names, (*NASTY, 1e200, 1e-320)):
        tried = rule(**{**(good or dict.fromkeys(names, 0.5)), name: value})
        try:
            cutoff = tried.fit(SCORES, LABELS).cutoff_
        except InputError:
            continue
        assert not math.isnan(cutoff)
        assert thresholds.parse(tried.spec).spec == tried.spec


@pytest.mark.parametrize(
    "text", ["quantile:1e200", "mad:1e200", "meanstd:-1", "fixed:inf", "pot:2"]
)
def test_a_rule_out_of_range_is_refused_where_it_is_read(text):
    with pytest.raises(InputError, match=r"must be a .*number"):
        thresholds.parse(text)


@pytest.mark.parametrize("value", NASTY, ids=lambda x: type(x).__name__)
def test_a_model_checks_its_parameters(value):
    for parameter in ("detector", "threshold", "impute"):
        if value is None and parameter == "impute":
            continue
        model = AnomalyModel(**{"detector": "centroid", parameter: value})
        with pytest.raises((InputError, LookupError)) as refusal:
            model.fit(ROWS)
        assert isinstance(refusal.value, AnomalyLabError)


SMALL = datasets.load("shapes/disc", rows=60)
CALLS = [
    (split, {"dataset": SMALL}, ["seed", "test", "calibrate", "contamination", "validation"]),
    (split, {}, ["dataset"]),
    (datasets.load, {"name": "shapes/disc", "rows": 20}, ["name", "rows", "seed", "progress"]),
    (datasets.fetch, {}, ["name"]),
    (get_detector, {}, ["name"]),
    (thresholds.parse, {}, ["text"]),
    (evaluate, {"labels": [0, 1, 1], "scores": [1, 2, 3], "cutoff": 1}, ["cutoff", "scores"]),
    (evaluate, {"scores": [1, 2, 3], "cutoff": 1}, ["labels"]),
    (
        compare,
        {"dataset": SMALL, "detectors": ["centroid"], "seeds": 1},
        ["seeds", "threshold", "contamination", "impute"],
    ),
    (compare, {"dataset": SMALL, "seeds": 1}, ["detectors"]),
    (compare, {"detectors": ["centroid"], "seeds": 1}, ["dataset"]),
]


@pytest.mark.parametrize(
    ("function", "good", "names"), CALLS, ids=[f"{call[0].__name__}-{call[2][0]}" for call in CALLS]
)
def test_a_function_refuses_wrong_arguments_and_nothing_else_happens(function, good, names):
    for name, value in itertools.product(names, (*NASTY, pd.DataFrame(ROWS), [[1], [2, 3]])):
        if (function, name) == (compare, "detectors") and value is None:
            continue  # all of them
        try:
            function(**{**good, name: value})
        except AnomalyLabError:
            continue


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: split(pd.DataFrame(ROWS)), "split: dataset must be a Dataset"),
        (lambda: datasets.load(None), "load: name must be text, got None"),
        (lambda: datasets.load("shapes/disc", rows=10**13), "load: rows must be .* to 10,000,000"),
        (lambda: compare(SMALL, seeds=10**9), "compare: seeds must be .* to 1,000"),
        (lambda: compare(SMALL, ["knn"], seeds=[1.5]), "compare: seeds must be"),
        (lambda: compare(SMALL, ["knn"], seeds=iter([1.5])), "1 to 1000 seeds"),
        (lambda: compare(SMALL, ["knn"], seeds=itertools.count()), "1 to 1000 seeds"),
        (lambda: AnomalyModel("knn", threshold=3).fit(ROWS), "threshold must be a Threshold or"),
        (lambda: AnomalyModel(KNNDetector).fit(ROWS), "detector must be a Detector or text"),
        (lambda: evaluate([0, 1], [1.0, 2.0], 10**400), "cutoff must be a number"),
        (lambda: evaluate(np.ma.masked_equal([0, 1, 1], 1), [1, 2, 3], 1), "or masked"),
        (lambda: evaluate([0, 1, 1], np.ma.masked_equal([1, 2, 3], 1), 1), "some are masked"),
    ],
)
def test_what_is_wrong_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


# --- Rows that are no table of numbers ------------------------------------------------------------

NO_TABLES = {
    "text": "x",
    "a number": 3.0,
    "None": None,
    "a dict": {"a": [1.0, 2.0]},
    "a list of dicts": [{"a": 1.0}, {"a": 2.0}],
    "sparse": sparse.csr_matrix(np.eye(9)),
    "complex": np.eye(9) * 1j,
    "objects": np.array([[object(), 1.0]] * 9),
    "ragged": [[1.0], [1.0, 2.0]],
    "one dimension": np.arange(9.0),
    "three dimensions": np.ones((9, 3, 2)),
    "no columns": np.ones((9, 0)),
    "no rows": np.ones((0, 3)),
    "dates": np.array([["2020-01-01", "2020-01-02"]] * 9, dtype="datetime64[D]"),
    "durations": pd.DataFrame({"a": pd.to_timedelta(range(9), unit="s")}),
    "dates in a frame": pd.DataFrame({"a": pd.date_range("2020-01-01", periods=9, tz="UTC")}),
    "too large a number": [[10**400, 1.0]] * 9,
    "a record": np.zeros(9, dtype=[("a", float)]),
    "masked": np.ma.masked_equal(np.eye(9), 1.0),
    "a list of masked rows": [np.ma.masked_equal(row, 1.0) for row in np.eye(9)],
    "a masked cell": [[1.0, np.ma.masked]] * 9,
    "a missing value": pd.DataFrame({"a": pd.array([1, None] * 9, dtype="Int64")}),
    "a missing value of Arrow": pd.DataFrame({"a": pd.array([1, None] * 9, "double[pyarrow]")}),
}


@pytest.mark.parametrize("rows", NO_TABLES.values(), ids=NO_TABLES)
@pytest.mark.parametrize("make", [KNNDetector, lambda: AnomalyModel("knn")], ids=["knn", "model"])
def test_rows_that_are_no_table_of_numbers_are_refused(make, rows):
    with pytest.raises(InputError):
        make().fit(rows)
    fitted = make().fit(np.eye(9))
    with pytest.raises(InputError):
        fitted.anomaly_score(rows)


def test_words_are_categories_to_a_model_and_nothing_to_a_detector():
    words = np.array([["x", "y"], ["y", "y"], ["x", "x"]] * 3)
    assert np.isfinite(AnomalyModel("knn").fit(words).anomaly_score(words)).all()
    with pytest.raises(InputError, match="could not convert string"):
        KNNDetector().fit(words)


PLAIN = np.arange(40.0).reshape(20, 2) % 7
TABLES = {
    "nothing masked": np.ma.masked_array(PLAIN, mask=False),
    "Int64": pd.DataFrame(PLAIN, columns=["a", "b"]).astype("Int64"),
    "Float64": pd.DataFrame(PLAIN, columns=["a", "b"]).astype("Float64"),
    "Arrow": pd.DataFrame(PLAIN, columns=["a", "b"]).astype("double[pyarrow]"),
    "objects": PLAIN.astype(object),
    "lists": PLAIN.tolist(),
}


@pytest.mark.parametrize("rows", TABLES.values(), ids=TABLES)
def test_a_table_of_numbers_in_other_clothes_is_scored_the_same(rows):
    expected = KNNDetector().fit(PLAIN).training_scores_
    np.testing.assert_array_equal(KNNDetector().fit(rows).training_scores_, expected)
    expected = AnomalyModel("knn").fit(PLAIN).anomaly_score(PLAIN)
    np.testing.assert_array_equal(AnomalyModel("knn").fit(rows).anomaly_score(rows), expected)


def test_masked_values_are_missing_values_where_these_are_filled_in():
    masked = np.ma.masked_array(PLAIN, mask=PLAIN == 6)
    missing = masked.filled(np.nan)
    model = AnomalyModel("knn", impute="median")
    expected = clone(model).fit(missing).anomaly_score(missing)
    np.testing.assert_array_equal(clone(model).fit(masked).anomaly_score(masked), expected)
    with pytest.raises(InputError, match="missing values"):
        AnomalyModel("knn").fit(masked)
