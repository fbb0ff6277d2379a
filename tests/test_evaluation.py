"""Every figure of a results table against its definition."""

from __future__ import annotations

import dataclasses
import math

import naive
import numpy as np
import pytest

from anomaly_lab import evaluate
from anomaly_lab.errors import InputError
from anomaly_lab.evaluation import Confusion

METRICS = ("precision", "recall", "f1", "accuracy", "false_positive_rate")


def scored(seed: int, ties: bool):
    rng = np.random.default_rng(seed)
    labels = (np.arange(60) < rng.integers(3, 30)).astype(int)
    scores = rng.normal(size=60) + labels
    return labels, np.round(scores * 2) / 2 if ties else scores


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_curves_follow_their_definitions(seed, ties):
    labels, scores = scored(seed, ties)
    report = evaluate(labels, scores, 0.0)
    assert report.roc_auc == pytest.approx(naive.roc_auc(labels, scores), abs=1e-12)
    expected = naive.average_precision(labels, scores)
    assert report.average_precision == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("cutoff", [-9, -0.5, 0, 0.5, 1, 9])
@pytest.mark.parametrize("seed", range(3))
def test_figures_at_a_cutoff_follow_their_definitions(seed, cutoff):
    labels, scores = scored(seed, ties=True)
    c = naive.confusion(labels, scores, cutoff)
    report = evaluate(labels, scores, cutoff)
    assert dataclasses.asdict(report.confusion) == c
    flagged, anomalies = c["tp"] + c["fp"], c["tp"] + c["fn"]
    precision = c["tp"] / flagged if flagged else 0
    recall = c["tp"] / anomalies
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
    accuracy = (c["tp"] + c["tn"]) / len(labels)
    rate = c["fp"] / (c["fp"] + c["tn"])
    for name, expected in zip(METRICS, (precision, recall, f1, accuracy, rate), strict=True):
        assert getattr(report, name) == pytest.approx(expected, abs=1e-12), name
    assert report.prevalence == sum(labels) / len(labels)
    assert report.accuracy_all_normal == pytest.approx(1 - sum(labels) / len(labels), abs=1e-15)


def test_the_counts_are_not_mixed_up():
    labels = [0] * 10 + [1] * 5
    scores = [0.0] * 6 + [1.0] * 4 + [0.0] * 2 + [1.0] * 3
    assert evaluate(labels, scores, 0.5).confusion == Confusion(tn=6, fp=4, fn=2, tp=3)


def test_a_score_equal_to_the_cutoff_is_not_flagged():
    report = evaluate([0, 1, 1], [1.0, 2.0, np.nextafter(2.0, 3.0)], 2.0)
    assert report.flags.tolist() == [0, 0, 1]


def test_with_nothing_flagged_precision_recall_and_f1_are_zero():
    report = evaluate([0, 0, 1], [1.0, 2.0, 3.0], math.inf)
    assert (report.precision, report.recall, report.f1) == (0, 0, 0)
    assert [report.accuracy, report.accuracy_all_normal] == pytest.approx([2 / 3, 2 / 3])


def test_infinite_scores_keep_their_ranks():
    most = np.finfo(float).max
    labels = [0, 1, 0, 0, 1, 1, 0, 1]
    scores = [-math.inf, most, 0.5, math.inf, math.inf, 0.5, -most, 2.0]
    report = evaluate(labels, scores, 1e9)
    assert report.roc_auc == naive.roc_auc(labels, scores)
    assert report.average_precision == pytest.approx(naive.average_precision(labels, scores))
    assert dataclasses.asdict(report.confusion) == naive.confusion(labels, scores, 1e9)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, float, object])
def test_labels_of_any_type_count_alike(dtype):
    labels, scores = scored(0, ties=False)
    report = evaluate(labels.astype(dtype), scores, 0.5)
    assert dataclasses.asdict(report.confusion) == naive.confusion(labels, scores, 0.5)
    assert report.prevalence == labels.mean()


@pytest.mark.parametrize(
    ("labels", "scores", "cutoff", "told"),
    [
        ([0, 1], [1.0], 0, "equally long"),
        ([[0, 1]], [[1.0, 2.0]], 0, "1-D array"),
        ([0, 0], [1.0, 2.0], 0, "both classes"),
        ([1, 1], [1.0, 2.0], 0, "both classes"),
        ([], [], 0, "both classes"),
        ([1, -1], [1.0, 2.0], 0, r"got the values \[-1, 1\]"),
        (["no", "yes"], [1.0, 2.0], 0, "no numbers"),
        ([0, 1, 1], [1.0, math.nan, math.nan], 0, "NaN, but 2 of 3"),
        ([0, 1], ["low", "high"], 0, "numbers, one a row"),
        ([0, 1], [1.0, 2.0], math.nan, "cutoff"),
    ],
)
def test_bad_input_is_refused(labels, scores, cutoff, told):
    with pytest.raises(InputError, match=told):
        evaluate(labels, scores, cutoff)
