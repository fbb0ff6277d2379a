"""The same splits for everyone, honest figures, and results that can be read by a machine."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import statistics
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from anomaly_lab import AutoencoderDetector, Comparison, comparison, evaluate, split
from anomaly_lab.comparison import METRICS, Protocol, Run, compare
from anomaly_lab.datasets import Dataset
from anomaly_lab.detectors import (
    CentroidDetector,
    IsolationForestDetector,
    KNNDetector,
    PCADetector,
    all_detectors,
)
from anomaly_lab.errors import InputError, UnknownNameError
from anomaly_lab.tables.notes import Note
from anomaly_lab.thresholds import BestF, Quantile


def planted(n_normal: int = 300, n_anomalies: int = 40) -> Dataset:
    """Rows whose first column is their row number, so that a spy knows them again."""
    n = n_normal + n_anomalies
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], [n_normal, n_anomalies]))
    rows = pd.DataFrame(rng.normal(size=(n, 3)) + 1.5 * labels[:, None], columns=["a", "b", "c"])
    rows.insert(0, "row", np.arange(n, dtype=float))
    return Dataset("planted", rows, labels, "ab" * 32)


DATA = planted()
QUICK = {
    "mean": CentroidDetector(),
    "forest": IsolationForestDetector(n_estimators=10),
    "plane": PCADetector(n_components=2),
}


# --- The same splits for everyone, and no peeking ------------------------------------------------


class Spy(CentroidDetector):
    """Notes which tables it was shown, in what order."""

    seen: ClassVar[list[tuple[str, int]]] = []

    def _fit(self, X):
        self.seen.append(("fit", len(X)))
        self.rows_ = X
        self.center_ = X.mean(axis=0)
        return self._contributions(X).sum(axis=1)

    def _anomaly_score(self, X):
        self.seen.append(("score", len(X)))
        return super()._anomaly_score(X)


class SpyRule(BestF):
    seen: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []

    def _cutoff(self, scores, labels):
        self.seen.append((scores, labels))
        return super()._cutoff(scores, labels)


@pytest.fixture
def shown(monkeypatch):
    """The tables, by the data set's row numbers, that models were given: (step, rows, labels)."""
    calls = []
    for step in ("fit", "calibrate", "anomaly_score"):
        original = getattr(comparison.AnomalyModel, step)

        def note(self, rows, *labels, step=step, original=original):
            calls.append((step, tuple(rows.index), *labels))
            return original(self, rows, *labels)

        monkeypatch.setattr(comparison.AnomalyModel, step, note)
    return calls


def test_every_detector_gets_the_parts_of_the_same_splits(shown):
    compare(DATA, QUICK, seeds=[4, 9])
    for i, seed in enumerate([4, 9]):
        parts = split(DATA, seed=seed)
        expected = [
            ("fit", tuple(parts.fit.index)),
            ("calibrate", tuple(parts.calibrate.index)),
            ("anomaly_score", tuple(parts.calibrate.index)),
            ("anomaly_score", tuple(parts.test.index)),
        ]
        runs = np.array_split(np.arange(len(shown)), 6)  # detector by detector, seed by seed
        for run in (runs[i], runs[2 + i], runs[4 + i]):
            assert [shown[j] for j in run] == expected


def test_a_rule_with_labels_gets_validation_rows_and_never_test_rows(shown):
    SpyRule.seen.clear()
    result = compare(DATA, {"mean": CentroidDetector()}, seeds=[3], threshold=SpyRule(1.0))
    fit, calibrate, _, test = shown
    assert not set(calibrate[1]) & (set(fit[1]) | set(test[1]))
    assert {DATA.y[i] for i in calibrate[1]} == {0, 1}
    assert (DATA.y[list(fit[1])] == 0).all()
    ((scores, labels),) = SpyRule.seen
    np.testing.assert_array_equal(labels, DATA.y[list(calibrate[1])])
    assert result.runs[0].report.cutoff == BestF(1.0).fit(scores, labels).cutoff_
    assert result.protocol.promised_rate is None


def test_a_detector_sees_scaled_fitting_rows_of_its_split_alone():
    Spy.seen.clear()
    result = compare(DATA, {"spy": Spy()}, seeds=1)
    p = result.protocol
    assert Spy.seen == [("fit", p.n_fit), ("score", p.n_calibrate), ("score", p.n_test)]


def test_contamination_goes_into_the_fitting_rows(shown):
    result = compare(DATA, {"mean": CentroidDetector()}, seeds=1, contamination=0.05)
    steps = {call[0]: list(call[1]) for call in shown}
    assert DATA.y[steps["fit"]].mean() == pytest.approx(0.05, abs=0.5 / len(steps["fit"]))
    assert (DATA.y[steps["calibrate"]] == 0).all()
    assert result.protocol.contamination == 0.05
    assert result.protocol.n_fit == len(steps["fit"])
    with pytest.raises(InputError, match="At most"):
        compare(DATA, {"mean": CentroidDetector()}, seeds=1, contamination=0.4)


def test_missing_values_are_filled_in_where_asked():
    gaps = DATA.X.mask(np.random.default_rng(0).random(DATA.X.shape) < 0.05)
    data = Dataset("gaps", gaps, DATA.y, "0" * 64)
    with pytest.raises(InputError, match="missing values"):
        compare(data, {"mean": CentroidDetector()}, seeds=1)
    result = compare(data, {"mean": CentroidDetector()}, seeds=1, impute="median")
    assert result.protocol.impute == "median"


def test_the_protocol_says_what_was_done():
    result = compare(DATA, QUICK, seeds=(7, 2), threshold="quantile:0.9")
    parts = split(DATA, seed=7)
    assert result.protocol == Protocol(
        detectors={name: repr(detector) for name, detector in QUICK.items()},
        seeds=(7, 2),
        threshold="quantile:0.9",
        promised_rate=0.1,
        contamination=0.0,
        impute=None,
        n_fit=len(parts.fit),
        n_calibrate=len(parts.calibrate),
        n_test=len(parts.test),
        leaked=0.0,
    )
    assert [(run.detector, run.seed) for run in result.runs] == [
        (name, seed) for name in QUICK for seed in (7, 2)
    ]
    assert [run.seed for run in result.of("plane")] == [7, 2]


def test_leaked_is_the_mean_over_seeds():
    twice = pd.concat([DATA.X, DATA.X]).assign(row=0.0)
    data = Dataset("twice", twice, np.tile(DATA.y, 2), "0" * 64)
    shares = [split(data, seed=seed).leaked for seed in range(3)]
    assert min(shares) > 0.1
    result = compare(data, {"mean": CentroidDetector()}, seeds=3)
    assert result.protocol.leaked == pytest.approx(statistics.mean(shares), abs=1e-15)


# --- Runs ----------------------------------------------------------------------------------------


def test_a_second_run_gives_the_same_scores_bit_for_bit():
    detectors = {**QUICK, "net": AutoencoderDetector(hidden=(4,), epochs=2)}
    first, second = (compare(DATA, detectors, seeds=2) for _ in range(2))
    for once, again in zip(first.runs, second.runs, strict=True):
        np.testing.assert_array_equal(once.report.scores, again.report.scores)
        assert once.report.cutoff == again.report.cutoff
    net = first.of("net")[0]
    assert len(net.history) == 2
    assert "loss" in net.history
    assert first.of("mean")[0].history is None


def test_detectors_that_draw_at_random_are_seeded_by_the_run():
    forest = IsolationForestDetector(n_estimators=10, random_state=99)
    result = compare(DATA, {"forest": forest}, seeds=[5])
    model = comparison.AnomalyModel(forest.set_params(random_state=5))
    parts = split(DATA, seed=5)
    np.testing.assert_array_equal(
        result.runs[0].report.scores, model.fit(parts.fit).anomaly_score(parts.test)
    )


def test_the_report_of_a_run_is_that_of_its_test_rows():
    run = compare(DATA, {"knn": KNNDetector(3)}, seeds=[6], threshold="quantile:0.9").runs[0]
    parts = split(DATA, seed=6)
    model = comparison.AnomalyModel(KNNDetector(3), "quantile:0.9").fit(parts.fit)
    model.calibrate(parts.calibrate)
    np.testing.assert_array_equal(run.report.scores, model.anomaly_score(parts.test))
    np.testing.assert_array_equal(run.report.labels, parts.test_labels)
    assert run.report.cutoff == model.cutoff
    assert run.fit_seconds > 0
    assert run.score_seconds > 0


def test_the_callers_detectors_are_left_alone():
    detector, rule = KNNDetector(3), Quantile(0.9)
    compare(DATA, {"mine": detector}, seeds=1, threshold=rule)
    assert vars(detector) == vars(KNNDetector(3))
    assert vars(rule) == vars(Quantile(0.9))


def test_the_top_rows_of_the_first_seed_are_explained():
    result = compare(DATA, QUICK, seeds=[3, 4])
    first, second = result.of("mean")
    top = first.explanation
    assert second.explanation is None
    assert all(run.explanation is None for run in result.of("forest"))
    order = np.argsort(-first.report.scores, kind="stable")[: len(top.rows)]
    np.testing.assert_array_equal(top.rows, split(DATA, seed=3).test.index[order])
    np.testing.assert_array_equal(top.scores, first.report.scores[order])
    np.testing.assert_array_equal(top.labels, DATA.y[top.rows])
    assert list(top.contributions.columns) == ["row", "a", "b", "c"]
    np.testing.assert_allclose(top.contributions.sum(axis=1), top.scores, rtol=1e-9)


def test_progress_is_told_before_each_run_and_at_the_end():
    told = []
    compare(DATA, QUICK, seeds=[1, 8], progress=lambda *step: told.append(step))
    runs = [f"{name}, seed {seed}" for name in QUICK for seed in (1, 8)]
    assert told == [*((i, 6, run) for i, run in enumerate(runs)), (6, 6, "done")]


# --- What can be asked for -----------------------------------------------------------------------


def test_detectors_come_by_name_or_under_names_of_ones_own():
    assert compare(DATA, ["pca", "knn", "pca"], seeds=1).frame()["detector"].tolist() == [
        "pca",
        "knn",
    ]
    assert compare(DATA, (name for name in ["knn"]), seeds=1).detectors == ["knn"]
    assert compare(DATA, "knn", seeds=1).detectors == ["knn"]
    two = compare(DATA, {"one": KNNDetector(1), "many": KNNDetector(50)}, seeds=1)
    assert set(two.detectors) == {"one", "many"}
    one, many = two.runs
    assert one.report.cutoff < many.report.cutoff


def test_all_detectors_are_compared_by_default(monkeypatch):
    quick = {name: type(QUICK["mean"]) for name in all_detectors()}
    monkeypatch.setattr(comparison, "all_detectors", lambda: quick)
    monkeypatch.setattr(comparison, "get_detector", quick.__getitem__)
    assert {run.detector for run in compare(DATA, seeds=1).runs} == set(all_detectors())


@pytest.mark.parametrize(
    ("seeds", "numbers"),
    [(3, (0, 1, 2)), (range(5, 7), (5, 6)), ({4}, (4,)), (np.arange(2), (0, 1))],
    ids=str,
)
def test_seeds_are_a_number_or_the_seeds(seeds, numbers):
    result = compare(DATA, {"mean": CentroidDetector()}, seeds=seeds)
    assert result.protocol.seeds == tuple(run.seed for run in result.runs) == numbers
    assert json.loads(result.to_json())["protocol"]["seeds"] == list(numbers)


@pytest.mark.parametrize("seeds", [0, -1, [], [1, 1]], ids=str)
def test_no_seed_or_one_seed_twice_is_refused(seeds):
    with pytest.raises(InputError, match=r"at least one seed and each once|from 1 to 1,000"):
        compare(DATA, QUICK, seeds=seeds)


@pytest.mark.parametrize("nothing", [{}, [], ()], ids=str)
def test_no_detector_is_refused(nothing):
    with pytest.raises(InputError, match="at least one detector"):
        compare(DATA, nothing)


def test_unknown_names_are_refused_before_anything_runs():
    told = []
    with pytest.raises(UnknownNameError, match="Did you mean 'knn'"):
        compare(DATA, ["centroid", "knnn"], progress=lambda *step: told.append(step))
    with pytest.raises(UnknownNameError, match="Did you mean 'quantile'"):
        compare(DATA, QUICK, threshold="quantil", progress=lambda *step: told.append(step))
    assert told == []


@pytest.mark.parametrize("label", [0, 1])
def test_labels_of_one_kind_are_refused_before_anything_runs(label):
    told = []
    data = Dataset("one", DATA.X, np.full(len(DATA.y), label), "0" * 64)
    with pytest.raises(InputError, match=f"one must hold .* every label is {label}"):
        compare(data, QUICK, progress=lambda *step: told.append(step))
    assert told == []


# --- Tables --------------------------------------------------------------------------------------


def made_up(figures: dict[str, list[float]]) -> Comparison:
    """A comparison with the fit seconds given, and AUCs of the same order."""
    runs = []
    for name, seconds in figures.items():
        for seed, value in enumerate(seconds):
            # The anomaly ranks above as many of 100 normal rows as `value` says.
            labels, scores = [0] * 100 + [1], [*range(100), value - 0.5]
            report = evaluate(labels, scores, 1e9)
            runs.append(Run(name, seed, report, fit_seconds=value, score_seconds=1.0))
    return Comparison(DATA, compare(DATA, {"m": CentroidDetector()}, seeds=1).protocol, tuple(runs))


def test_the_table_shows_mean_and_spread():
    result = made_up({"low": [10, 20, 60], "high": [90, 70, 50]})
    table = result.table()
    assert list(table.index) == result.detectors == ["high", "low"]
    assert list(table.columns) == [(metric, part) for metric in METRICS for part in ("mean", "sd")]
    for name, values in {"low": [0.1, 0.2, 0.6], "high": [0.9, 0.7, 0.5]}.items():
        assert table.loc[name, ("roc_auc", "mean")] == pytest.approx(statistics.mean(values))
        assert table.loc[name, ("roc_auc", "sd")] == pytest.approx(statistics.stdev(values))
    assert made_up({"a": [10]}).table()[("roc_auc", "sd")].isna().all()
    assert result.prevalence == pytest.approx(1 / 101)


def test_the_frame_holds_every_figure_of_every_run():
    result = compare(DATA, QUICK, seeds=2)
    frame = result.frame()
    assert list(frame.columns) == ["detector", "seed", *METRICS]
    for row, run in zip(frame.itertuples(), result.runs, strict=True):
        for metric in METRICS:
            source = run if metric.endswith("seconds") else run.report
            assert getattr(row, metric) == getattr(source, metric)


@pytest.mark.parametrize(
    ("figures", "most", "least"),
    [
        ({"a": [80, 82], "b": [70, 72], "c": [10, 12]}, "a", "c"),
        ({"a": [80, 82], "b": [70, 92]}, None, None),  # overlap
        ({"a": [80, 82], "b": [70, 72], "c": [40, 95]}, None, None),  # with the third
        ({"a": [80, 82], "b": [70, 72], "c": [60]}, None, None),  # of whose spread nothing is known
        ({"a": [80, 80], "b": [80, 80]}, None, None),  # equal
        ({"a": [80, 80], "b": [79, 79]}, "a", "b"),  # no spread at all
        ({"a": [90], "b": [10]}, None, None),  # one seed tells no spread
        ({"a": [80, 82]}, None, None),  # nothing to be better than
    ],
    ids=str,
)
def test_the_best_is_named_only_beyond_the_spread(figures, most, least):
    result = made_up(figures)
    assert result.best("roc_auc") == most
    assert result.best("fit_seconds") == least
    assert result.best("score_seconds") is None


def test_fewer_false_alarms_than_promised_are_no_merit():
    def run(name: str, seed: int, cutoff: float) -> Run:
        return Run(name, seed, evaluate([0] * 10 + [1], range(11), cutoff), 1.0, 1.0)

    runs = [run(name, seed, c) for name, c in (("few", 8), ("many", 3)) for seed in (0, 1)]
    result = dataclasses.replace(made_up({"a": [1]}), runs=tuple(runs))
    assert result.best("false_positive_rate") is None
    assert result.best("precision") == "few"
    assert result.best("recall") is None


# --- JSON ----------------------------------------------------------------------------------------

TEXT, WHOLE, NUMBER = {str}, {int}, {int, float}
MAYBE = {type(None)}
PACKAGES = ("anomaly-lab", "numpy", "pandas", "scikit-learn", "keras", "jax")
RUN = {
    "detector": TEXT,
    "seed": WHOLE,
    "roc_auc": NUMBER,
    "average_precision": NUMBER,
    "precision": NUMBER,
    "recall": NUMBER,
    "f1": NUMBER,
    "accuracy": NUMBER,
    "false_positive_rate": NUMBER,
    "confusion": {"tn": WHOLE, "fp": WHOLE, "fn": WHOLE, "tp": WHOLE},
    "cutoff": NUMBER | MAYBE,
    "fit_seconds": NUMBER,
    "score_seconds": NUMBER,
}
SCHEMA = {
    "version": WHOLE,
    "dataset": {
        "name": TEXT,
        "rows": WHOLE,
        "features": WHOLE,
        "anomalies": WHOLE,
        "prevalence": NUMBER,
        "sha256": TEXT,
    },
    "protocol": {
        "detectors": dict.fromkeys(QUICK, TEXT),
        "seeds": [WHOLE],
        "threshold": TEXT,
        "promised_rate": NUMBER | MAYBE,
        "contamination": NUMBER,
        "impute": TEXT | MAYBE,
        "n_fit": WHOLE,
        "n_calibrate": WHOLE,
        "n_test": WHOLE,
        "leaked": NUMBER,
    },
    "notes": [
        {"kind": TEXT, "column": TEXT | MAYBE, "message": TEXT, "values": [TEXT], "lines": TEXT}
    ],
    "environment": {
        "python": TEXT,
        "platform": TEXT,
        "packages": dict.fromkeys(PACKAGES, TEXT | MAYBE),
    },
    "runs": [RUN],
}


def assert_follows(value, schema, path="results"):
    if isinstance(schema, dict):
        assert isinstance(value, dict), path
        assert set(value) == set(schema), path
        for key, inner in schema.items():
            assert_follows(value[key], inner, f"{path}.{key}")
    elif isinstance(schema, list):
        assert isinstance(value, list), path
        assert value, path
        for i, item in enumerate(value):
            assert_follows(item, schema[0], f"{path}[{i}]")
    else:
        assert type(value) in schema, f"{path}: {value!r}"


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("threshold", ["quantile:0.9", "bestf:1"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_the_json_follows_the_schema(threshold, seeds):
    noticed = Note("far value", "x0", "Column 'x0' holds -999.", ("-999",), "row 3")
    data = dataclasses.replace(DATA, notes=(noticed,))
    result = compare(data, QUICK, seeds=seeds, threshold=threshold, contamination=0.02)
    read = json.loads(result.to_json(), parse_constant=refuse)
    assert_follows(read, SCHEMA)
    assert read["version"] == 1
    assert read["dataset"] == {
        "name": "planted",
        "rows": 340,
        "features": 4,
        "anomalies": 40,
        "prevalence": 40 / 340,
        "sha256": "ab" * 32,
    }
    assert read["protocol"]["threshold"] == threshold
    assert read["notes"] == [{**dataclasses.asdict(noticed), "values": ["-999"]}]
    for entry, run in zip(read["runs"], result.runs, strict=True):
        assert entry["confusion"] == dataclasses.asdict(run.report.confusion)
        assert entry["cutoff"] == run.report.cutoff
        assert sum(entry["confusion"].values()) == read["protocol"]["n_test"]
        for metric in METRICS:
            assert entry[metric] == run.metric(metric)


@pytest.mark.parametrize("cutoff", [math.inf, -math.inf])
def test_an_infinite_cutoff_is_null(cutoff):
    report = evaluate([0, 1], [math.inf, -math.inf], cutoff)
    result = dataclasses.replace(made_up({"a": [1]}), runs=(Run("a", 0, report, 1.0, 1.0),))
    (run,) = json.loads(result.to_json(), parse_constant=refuse)["runs"]
    assert run["cutoff"] is None
    assert run["roc_auc"] == 0


def paths(schema, prefix=""):
    for key, inner in schema.items():
        yield f"{prefix}{key}"
        inner = inner[0] if isinstance(inner, list) else inner
        if isinstance(inner, dict) and key not in ("packages", "detectors"):
            yield from paths(inner, f"{prefix}{key}.")


def test_the_reference_names_every_key_and_no_other():
    page = Path(__file__).parents[1] / "docs" / "results-schema.md"
    named = re.findall(r"^\| `([^`]+)`", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [name.replace("[]", "") for name in named] == list(paths(SCHEMA))
