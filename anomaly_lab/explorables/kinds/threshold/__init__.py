"""A cutoff to drag through scores, and all that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab import thresholds
from anomaly_lab.drawing import Picture
from anomaly_lab.drawing.scores import histogram_edges
from anomaly_lab.errors import InputError
from anomaly_lab.evaluation import Report, evaluate
from anomaly_lab.explorables.explorable import Explorable

_STEPS = 300  # cutoffs to drag to, beside those of the rules
_RULES = (
    thresholds.Quantile(0.9),
    thresholds.Quantile(0.95),
    thresholds.Quantile(0.99),
    thresholds.MeanStd(3),
    thresholds.MAD(3.5),
    thresholds.POT(0.01),
    thresholds.BestF(1),
    thresholds.Fixed(1),
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Scores:
    """Scores of one detector on one data set, for the threshold explorer.

    Parameters
    ----------
    title : str
        What the detector is called.
    calibration : ndarray of shape (n,)
        Scores of normal rows, which the rules without labels learn from.
    validation, validation_labels : ndarray of shape (m,)
        Scores and labels (1 = anomaly) that the other rules learn from.
    test, test_labels : ndarray of shape (k,)
        Scores and labels that the page counts.
    """

    title: str
    calibration: Array
    validation: Array
    validation_labels: Array
    test: Array
    test_labels: Array


def threshold(sets: Mapping[str, Sequence[Scores]], picture: Picture) -> Explorable:
    """Return the threshold explorer: a cutoff to drag through scores, and all that follows from it.

    Parameters
    ----------
    sets : mapping of str to sequence of Scores
        By the title of a data set, its scores by each detector.
    picture : Picture
        What stands in its place where no script runs.

    Returns
    -------
    Explorable
        Its data have, for each cutoff that can be chosen, how many rows of each kind score above
        it, so that every count in the page is exact.
    """
    shown = [
        {"title": title, "detectors": [_judged(scores) for scores in detectors]}
        for title, detectors in sets.items()
    ]
    return Explorable("threshold", {"sets": shown, "cost": _assumes(thresholds.Cost)}, picture)


def _judged(scores: Scores) -> dict[str, Any]:
    report = evaluate(scores.test_labels, scores.test, float(np.median(scores.test)))
    edges, logarithmic = histogram_edges(report)
    rules = [_rule(rule, scores) for rule in _RULES]
    priced = _corners(scores.validation, scores.validation_labels)
    cheapest = _corners(scores.test, scores.test_labels)
    grid = (np.geomspace if logarithmic else np.linspace)(edges[0], edges[-1], _STEPS)
    ends = [np.nextafter(report.scores.min(), -np.inf), report.scores.max()]  # flag all, nothing
    exact = [rule["cutoff"] for rule in rules if "cutoff" in rule]
    exact += [cutoff for cutoff, *_ in priced + cheapest]
    cutoffs = np.unique([*(float(f"{value:.5g}") for value in grid), *ends, *exact])
    return {
        "title": scores.title,
        "cutoffs": cutoffs.tolist(),
        "logarithmic": logarithmic,
        "axis": [float(edges[0]), float(edges[-1])],
        "normal": _class(report, 0, edges, cutoffs),
        "anomalies": _class(report, 1, edges, cutoffs),
        "rules": rules,
        "priced": priced,
        "cheapest": cheapest,
    }


def _class(report: Report, label: int, edges: Array, cutoffs: Array) -> dict[str, Any]:
    """Count the rows of one class: all, in each bar, and above each cutoff."""
    scores = np.sort(report.scores[report.labels == label])
    bars = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0]
    above = len(scores) - np.searchsorted(scores, cutoffs, side="right")
    return {"rows": len(scores), "bars": bars.tolist(), "above": above.tolist()}


def _rule(rule: thresholds.Threshold, scores: Scores) -> dict[str, Any]:
    """Return where a rule puts the cutoff, or why it puts none."""
    about = {"name": str(rule), "assumes": _assumes(type(rule))}
    try:
        if rule.needs_labels:
            rule.fit(scores.validation, scores.validation_labels)
        else:
            rule.fit(scores.calibration)
    except InputError as error:
        return about | {"refuses": str(error)}
    return about | {"cutoff": rule.cutoff_}


def _assumes(rule: type[thresholds.Threshold]) -> str:
    return (rule.__doc__ or "").split("\n")[0]


def _corners(scores: Array, labels: Array) -> list[tuple[float, int, int]]:
    """Return the cutoffs that `Cost` can choose, with false alarms and misses, fewest alarms first.

    Whatever the prices, the cutoff of least cost is a corner of the lower convex hull of false
    alarms and misses; the prices say which one.
    """
    scores = np.asarray(scores, dtype=float)  # in 4 bytes, a cutoff may round to the next score

    def chosen(price: float) -> tuple[float, int, int]:
        cutoff = thresholds.Cost(1, price).fit(scores, labels).cutoff_
        false_alarms, misses = (scores > cutoff) & (labels == 0), (scores <= cutoff) & (labels == 1)
        return float(cutoff), int(false_alarms.sum()), int(misses.sum())

    def between(left: tuple[float, int, int], right: tuple[float, int, int]) -> list[Any]:
        more_alarms, fewer_misses = right[1] - left[1], left[2] - right[2]
        if not (more_alarms and fewer_misses):
            return []
        middle = chosen(more_alarms / fewer_misses)
        if middle in (left, right):
            return []
        return [*between(left, middle), middle, *between(middle, right)]

    ends = chosen(1e-9), chosen(1e9)
    return list(dict.fromkeys([ends[0], *between(*ends), ends[1]]))
