"""Scores and labels -> a report: every figure that a results table shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from anomaly_lab.errors import InputError
from anomaly_lab.parameters import has_masked, is_finite, is_real, shown
from anomaly_lab.thresholds import as_scores


@dataclass(frozen=True)
class Confusion:
    """Counts of test rows: positive means flagged as an anomaly.

    Parameters
    ----------
    tn, fp, fn, tp : int
        Normal rows left alone and flagged; anomalies missed and flagged.
    """

    tn: int
    fp: int
    fn: int
    tp: int


@dataclass(frozen=True, eq=False)
class Report:
    """What one set of scores is worth, by the labels.

    Parameters
    ----------
    labels : ndarray of shape (n,)
        1 = anomaly, 0 = normal; both must occur.
    scores : ndarray of shape (n,)
        Anomaly scores, higher = more anomalous, without NaN.
    cutoff : float
        Rows that score above it are flagged.

    Notes
    -----
    A ratio whose denominator is zero is 0: with no row flagged, precision and F1 are 0.
    """

    labels: npt.NDArray[np.int8]
    scores: npt.NDArray[np.float64]
    cutoff: float

    def __post_init__(self) -> None:
        if self.labels.shape != self.scores.shape or self.labels.ndim != 1:
            raise InputError(
                "labels and scores must be one-dimensional and equally long, got shapes "
                f"{self.labels.shape} and {self.scores.shape}."
            )
        if set(np.unique(self.labels)) != {0, 1}:
            raise InputError(
                "labels must hold both classes, 0 = normal and 1 = anomaly, got the values "
                f"{np.unique(self.labels).tolist()}."
            )
        if np.isnan(self.scores).any():
            raise InputError(
                f"scores must be numbers, got NaN for {np.isnan(self.scores).sum()} rows."
            )
        if np.isnan(self.cutoff):
            raise InputError("cutoff must be a number, got NaN.")
        object.__setattr__(self, "labels", self.labels.astype(np.int8))

    @property
    def flags(self) -> npt.NDArray[np.int8]:
        """1 for the rows that score above the cutoff, shape (n,)."""
        return (self.scores > self.cutoff).astype(np.int8)

    @cached_property
    def confusion(self) -> Confusion:
        """Counts of the four outcomes."""
        tn, fp, fn, tp = np.bincount(2 * self.labels + self.flags, minlength=4)
        return Confusion(int(tn), int(fp), int(fn), int(tp))

    @cached_property
    def roc_auc(self) -> float:
        """Chance that a random anomaly outscores a random normal row."""
        return float(roc_auc_score(self.labels, _finite(self.scores)))

    @cached_property
    def average_precision(self) -> float:
        """Mean precision over the recalls reached; a coin reaches `prevalence`."""
        return float(average_precision_score(self.labels, _finite(self.scores)))

    @property
    def prevalence(self) -> float:
        """Share of anomalies among the rows."""
        return float(self.labels.mean())

    @property
    def precision(self) -> float:
        """Share of anomalies among the flagged rows."""
        return _ratio(self.confusion.tp, self.confusion.tp + self.confusion.fp)

    @property
    def recall(self) -> float:
        """Share of the anomalies that are flagged."""
        return _ratio(self.confusion.tp, self.confusion.tp + self.confusion.fn)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        c = self.confusion
        return _ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn)

    @property
    def accuracy(self) -> float:
        """Share of the rows judged rightly; compare it with `accuracy_all_normal`."""
        return _ratio(self.confusion.tp + self.confusion.tn, len(self.labels))

    @property
    def accuracy_all_normal(self) -> float:
        """Accuracy of flagging nothing at all."""
        return 1 - self.prevalence

    @property
    def false_positive_rate(self) -> float:
        """Share of the normal rows that are flagged."""
        return _ratio(self.confusion.fp, self.confusion.fp + self.confusion.tn)


def evaluate(labels: npt.ArrayLike, scores: npt.ArrayLike, cutoff: float) -> Report:
    """Judge scores and a cutoff by labels.

    Parameters
    ----------
    labels : array-like of shape (n,)
        1 = anomaly, 0 = normal.
    scores : array-like of shape (n,)
        Anomaly scores, higher = more anomalous.
    cutoff : float
        Rows that score above it are flagged.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        Where lengths differ, a class is missing, or a label, a score or the cutoff is not a number.
    """
    if not (is_finite(cutoff) or (is_real(cutoff) and abs(cutoff) == math.inf)):
        raise InputError(f"cutoff must be a number, got {shown(cutoff)}.")
    return Report(_as_labels(labels), as_scores(scores), float(cutoff))


def _as_labels(labels: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        truth = np.asarray(labels)
        if truth.dtype.kind == "O":  # pandas' nullable numbers become objects
            truth = truth.astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"labels must be 0 or 1, one a row: {error}.") from error
    if truth.dtype.kind not in "biuf" or has_masked(labels):
        raise InputError("labels must be 0 or 1, one a row, but they are no numbers or masked.")
    return truth


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _finite(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Keep the order of the scores where scikit-learn's curves refuse infinities."""
    if np.isfinite(scores).all():
        return scores
    return np.unique(scores, return_inverse=True)[1].astype(float)
