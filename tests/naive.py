"""Slow, obvious references that the tests compare the package with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np


def conformal_cutoff(scores: Sequence[float], level: str) -> float:
    """The smallest score with at least (n + 1) * level scores at or below it; level as text."""
    wanted = (len(scores) + 1) * Fraction(level)
    return min(s for s in scores if sum(other <= s for other in scores) >= wanted)


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2


def mad_cutoff(scores: Sequence[float], k: float) -> float:
    centre = median(scores)
    return centre + k * 1.4826 * median([abs(s - centre) for s in scores])


def mean_std_cutoff(scores: Sequence[float], k: float) -> float:
    mean = math.fsum(scores) / len(scores)
    return mean + k * math.sqrt(math.fsum((s - mean) ** 2 for s in scores) / len(scores))


def pareto_log_likelihood(excesses: Sequence[float], shape: float, scale: float) -> float:
    """Log-likelihood of a generalised Pareto law, term by term."""
    total = 0.0
    for y in excesses:
        if shape == 0:
            total += -math.log(scale) - y / scale
        else:
            total += -math.log(scale) - (1 + 1 / shape) * math.log1p(shape * y / scale)
    return total


def labelled_cutoff(
    scores: Sequence[float],
    labels: Sequence[int],
    value: Callable[[int, int, int], Fraction],
) -> float:
    """The cutoff of largest value(fp, fn, tp), fewest alarms first: try each, count each time."""
    distinct = sorted(set(scores), reverse=True)
    below = [math.nextafter(distinct[-1], -math.inf)]
    cutoffs = distinct[:1] + [(a + b) / 2 for a, b in pairwise(distinct)] + below
    best, best_value = cutoffs[0], None
    for cutoff in cutoffs:
        pairs = list(zip(scores, labels, strict=True))
        fp = sum(s > cutoff and y == 0 for s, y in pairs)
        fn = sum(s <= cutoff and y == 1 for s, y in pairs)
        tp = sum(s > cutoff and y == 1 for s, y in pairs)
        if best_value is None or value(fp, fn, tp) > best_value:
            best, best_value = cutoff, value(fp, fn, tp)
    return best


def total_cost(false_positive: str, false_negative: str) -> Callable[[int, int, int], Fraction]:
    """Minus the exact total cost; the costs as text."""
    return lambda fp, fn, tp: -fp * Fraction(false_positive) - fn * Fraction(false_negative)


def f_beta(beta: str) -> Callable[[int, int, int], Fraction]:
    """The exact F_beta from precision and recall; beta as text."""

    def value(fp: int, fn: int, tp: int) -> Fraction:
        if tp == 0:
            return Fraction(0)
        precision, recall = Fraction(tp, tp + fp), Fraction(tp, tp + fn)
        square = Fraction(beta) ** 2
        return (1 + square) * precision * recall / (square * precision + recall)

    return value


def roc_auc(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Share of the pairs (anomaly, normal row) ranked rightly; a tie counts half."""
    pairs = [
        1.0 if anomaly > normal else 0.5 if anomaly == normal else 0.0
        for anomaly, y in zip(scores, labels, strict=True)
        if y == 1
        for normal, other in zip(scores, labels, strict=True)
        if other == 0
    ]
    return math.fsum(pairs) / len(pairs)


def average_precision(labels: Sequence[int], scores: Sequence[float]) -> float:
    """Sum over the distinct cutoffs, high to low, of the recall gained times the precision."""
    total, recall_before = 0.0, 0.0
    for cutoff in sorted(set(scores), reverse=True):
        hit = [y for y, s in zip(labels, scores, strict=True) if s >= cutoff]
        recall = sum(hit) / sum(labels)
        total += (recall - recall_before) * sum(hit) / len(hit)
        recall_before = recall
    return total


def confusion(labels: Sequence[int], scores: Sequence[float], cutoff: float) -> dict[str, int]:
    counts = {"tn": 0, "fp": 0, "fn": 0, "tp": 0}
    for y, s in zip(labels, scores, strict=True):
        flagged = s > cutoff
        right = flagged == (y == 1)
        counts[("t" if right else "f") + ("p" if flagged else "n")] += 1
    return counts


def knn_distances(
    fit: Sequence[Sequence[float]], row: Sequence[float], k: int, leave_out: int | None = None
) -> list[float]:
    """The k smallest distances from `row` to the fitting rows, ascending."""
    others = [other for i, other in enumerate(fit) if i != leave_out]
    return sorted(math.dist(row, other) for other in others)[:k]


def nearest_rows(
    fit: Sequence[Sequence[float]], row: Sequence[float], k: int, leave_out: int | None = None
) -> list[int]:
    """Which k fitting rows are nearest to `row`."""
    others = [i for i in range(len(fit)) if i != leave_out]
    return sorted(others, key=lambda i: math.dist(row, fit[i]))[:k]


def reach(
    fit: Sequence[Sequence[float]], row: Sequence[float], k: int, leave_out: int | None = None
) -> float:
    """Mean reachability distance of `row`; its inverse is the local reachability density."""
    total = 0.0
    for i in nearest_rows(fit, row, k, leave_out):
        total += max(knn_distances(fit, fit[i], k, leave_out=i)[-1], math.dist(row, fit[i]))
    return total / k


def local_outlier_factor(
    fit: Sequence[Sequence[float]],
    row: Sequence[float],
    k: int,
    least: float,
    leave_out: int | None = None,
) -> float:
    """The factor of Breunig et al. (2000), where no reach is below `least`."""
    own = max(reach(fit, row, k, leave_out), least)
    near = nearest_rows(fit, row, k, leave_out)
    return sum(own / max(reach(fit, fit[i], k, leave_out=i), least) for i in near) / k


def tail_terms(
    fit: Sequence[Sequence[float]], row: Sequence[float], *, new: bool
) -> list[list[float]]:
    """For all left tails, all right ones and those of the skewed side: each feature's term."""
    left, right, skewed = [], [], []
    for j, x in enumerate(row):
        column = [other[j] for other in fit]
        seen = [*column, x] if new else column
        left.append(-math.log(sum(v <= x for v in seen) / len(seen)))
        right.append(-math.log(sum(v >= x for v in seen) / len(seen)))
        mean = sum(map(Fraction, column)) / len(column)
        skewness = sum((Fraction(v) - mean) ** 3 for v in column)
        skewed.append(left[-1] if skewness < 0 else right[-1])
    return [left, right, skewed]


def forward(weights: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    """What fully connected layers make of `rows`: ReLU between them, none after the last."""
    for i in range(0, len(weights), 2):
        rows = rows @ weights[i].astype(float) + weights[i + 1]
        if i + 2 < len(weights):
            rows = np.maximum(rows, 0)
    return rows
