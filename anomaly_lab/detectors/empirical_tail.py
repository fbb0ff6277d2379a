"""Empirical tails: how rare is it to lie that far out, feature by feature?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from anomaly_lab.contract import Array, Card, Case, Detector, Failure

_ROUNDING = 1e-12  # third moments up to this are no skewness, but rounding


class EmpiricalTailDetector(Detector):
    """Sum over the features of how rare it is to lie that far out, after ECOD.

    For each feature, the left tail of a value is the share of rows at or below it, and the right
    tail the share at or above it. The negative logarithms are summed over the features three times:
    of all left tails, of all right tails, and of the tail on the side to which the feature is
    skewed. The largest of the three sums is the score.

    Attributes
    ----------
    sorted_ : ndarray of shape (n, d)
        The fitting rows, each column sorted by itself.
    left_skewed_ : ndarray of shape (d,)
        Whether the feature's longer tail is the left one (negative skewness).

    Notes
    -----
    A tail counts the row itself among the rows seen: a fitting row is one of the n, a new row makes
    n + 1. So no tail is empty and no score infinite, and fresh normal rows pass a cutoff set on the
    training scores about as often as promised. A row's score depends on the fitting rows alone.

    The detector that lesson 12 builds, *tail*, is a simpler cousin: it takes the nearer tail of
    each feature by itself, doubled, and has one sum. Here a row in the middle of every feature
    scores about log 2 a feature instead of zero, and values that are far out on opposite sides add
    up only where the features are skewed to these sides.

    References
    ----------
    Li, Zhao, Hu, Botta, Ionescu and Chen, "ECOD: unsupervised outlier detection using empirical
    cumulative distribution functions", IEEE Transactions on Knowledge and Data Engineering 2022,
    doi:10.1109/TKDE.2022.3159580.
    """

    card: ClassVar[Card] = Card(
        name="empirical_tail",
        title="Empirical tails (ECOD)",
        idea="Ask of each value what share of the fitting rows lies at least as far out. "
        "The rarer that is, feature by feature, the more anomalous the row.",
        score="negative logarithm of the tail probability, summed over the features, in nats",
        works="Anomalies are extreme in single features, whatever the units; there is no parameter "
        "to set, and a score splits into its features.",
        fails="Each value is ordinary and only their combination is odd; anomalies lie in a gap "
        "between normal rows; it matters how far beyond all fitting rows a value lies.",
        cost="fit O(dn log n), score O(d log n) a row; keeps all rows",
        reference="Li, Zhao, Hu, Botta, Ionescu and Chen (2022), doi:10.1109/TKDE.2022.3159580",
        formula=r"\max_{s} \sum_{j=1}^{d} -\log F_{s(j)}(x_j), \quad s(j) \in "
        r"\{\text{left}, \text{right}\}: \text{ all left, all right, or as feature } j "
        r"\text{ is skewed}",
        failure=Failure(
            cause="Normal rows lie along a tilted band. Beside it each value is an ordinary one, "
            "and values are looked at one by one.",
            case=Case("shapes/diagonal"),
            cure=Case("shapes/level"),
        ),
    )

    def _fit(self, X: Array) -> Array:
        self.sorted_ = np.sort(X, axis=0)
        self.left_skewed_ = _third_moment(X) < -_ROUNDING
        return self._terms(X, new=0).sum(axis=1)

    def _anomaly_score(self, X: Array) -> Array:
        return self._contributions(X).sum(axis=1)

    def _contributions(self, X: Array) -> Array:
        return self._terms(X, new=1)

    def _terms(self, X: Array, new: int) -> Array:
        """Return the terms of each row's largest sum, (n, d); `new` is 0 for fitting rows."""
        sums = self._sums(X, new)
        return sums[sums.sum(axis=2).argmax(axis=0), np.arange(len(X))]

    def _sums(self, X: Array, new: int) -> Array:
        """Return the terms of the three sums, (3, n, d)."""
        columns = list(zip(self.sorted_.T, X.T, strict=True))
        n = len(self.sorted_)
        at_most = np.column_stack([np.searchsorted(seen, x, "right") for seen, x in columns])
        below = np.column_stack([np.searchsorted(seen, x, "left") for seen, x in columns])
        left = np.log((n + new) / (at_most + new))
        right = np.log((n + new) / (n - below + new))
        return np.stack([left, right, np.where(self.left_skewed_, left, right)])

    def _draw(self, ax: Any, row: Array) -> None:
        """Grey bands hold what lies as far out as the row; the fewer rows, the higher the score."""
        largest = self._sums(row[None], new=1)[:, 0].sum(axis=1).argmax()
        leftward = ([True, True], [False, False], self.left_skewed_)[largest]
        for span, line, limits, value, left in (
            (ax.axvspan, ax.axvline, ax.get_xlim(), row[0], leftward[0]),
            (ax.axhspan, ax.axhline, ax.get_ylim(), row[1], leftward[1]),
        ):
            span(value, limits[0 if left else 1], color="#808080", alpha=0.3, linewidth=0)
            line(value, color="black", linewidth=0.8)


def _third_moment(X: Array) -> Array:
    """Return the mean cube of each centred feature, whose largest value is set to 1, (d,)."""
    centered = X - X.mean(axis=0)
    size = np.abs(centered).max(axis=0)
    constant = np.ptp(X, axis=0) == 0  # not size == 0: the mean of equal values is rounded
    return np.where(constant, 0, (centered / np.where(size > 0, size, 1)) ** 3).mean(axis=0)
