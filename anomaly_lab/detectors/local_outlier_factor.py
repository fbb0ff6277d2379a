"""Local outlier factor: are there fewer rows here than around the nearest rows?"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from sklearn.neighbors import NearestNeighbors

from anomaly_lab.contract import Array, Card, Case, Count, Detector, Failure, Sweep

_FLOOR = 0.01  # share of the mean reach below which no row's reach counts


class LocalOutlierFactorDetector(Detector):
    """How much sparser the rows are around a row than around its neighbours.

    Parameters
    ----------
    n_neighbors : int, default 20
        Number k of neighbours looked at. With k fitting rows or fewer, all other rows are looked
        at instead.

    Attributes
    ----------
    n_neighbors_ : int
        Number of neighbours looked at.

    Notes
    -----
    The *reach* of a row is its mean distance to its k nearest fitting rows, where no distance
    counts less than the neighbour's own to its k-th neighbour; the local reachability density of
    the paper is one over it. The score is the mean of reach of the row over reach of the neighbour.

    k or more equal rows have no reach, and by the definition an infinite density, which makes the
    score of a row near them infinite. So no reach counts less than a hundredth of the mean one over
    the fitting rows. Equal rows then score 1, and where no reach is as small the score is that of
    scikit-learn's ``LocalOutlierFactor``, whose own floor, 1e-10 in the units of the rows, leaves
    scores of many millions. Where every row has k equals, the mean distance to the mean row stands
    in for the mean reach. Where all fitting rows are the same, no reach counts less than 1: the
    score is the distance to them, and 1 where that is less.

    Training scores leave each row out of its own neighbours, as those of `KNNDetector` do.

    References
    ----------
    Breunig, Kriegel, Ng and Sander, "LOF: identifying density-based local outliers", SIGMOD 2000,
    doi:10.1145/342009.335388.
    """

    card: ClassVar[Card] = Card(
        name="lof",
        title="Local outlier factor",
        idea="Normal rows may be dense here and sparse there. An anomaly has fewer rows around it "
        "than its own neighbours have around them.",
        score="density around the neighbours over density around the row: about 1 for a normal "
        "row, 2 where its neighbours lie twice as densely",
        works="Groups of normal rows differ in density, so that no one distance suits them all.",
        fails="Fitting rows hold a cluster of more than k anomalies, which are dense among "
        "themselves; features of no use drown the distance; many rows are equal.",
        cost="fit O(nd log n), score O(nd) a row at worst, less in few dimensions; keeps all rows",
        reference="Breunig, Kriegel, Ng and Sander (2000), doi:10.1145/342009.335388",
        formula=r"\frac{1}{k} \sum_{o \in N_k(x)} \frac{r(x)}{r(o)}, \quad "
        r"r(x) = \frac{1}{k} \sum_{o \in N_k(x)} \max\{d_k(o), \lVert x - o \rVert\}",
        sweep=Sweep(
            parameter="n_neighbors",
            values=(5, 20, 60),
            case=Case("shapes/clump", contamination=0.05),
            effect="With fewer neighbours than the hidden clump has anomalies, these are compared "
            "with each other alone; with more, with the normal rows too.",
        ),
        failure=Failure(
            cause="The fitting rows hold a clump of anomalies, more than the k neighbours looked "
            "at. Around each of them it is as dense as around its neighbours.",
            case=Case("shapes/clump", contamination=0.1),
            cure=Case("shapes/clump"),
        ),
    )

    def __init__(self, n_neighbors: Count = 20):
        self.n_neighbors = n_neighbors

    def _fit(self, X: Array) -> Array:
        self.n_neighbors_ = min(int(self.n_neighbors), len(X) - 1)
        # Distances do not change with the origin; far from it they lose their digits.
        self._origin = X.mean(axis=0)
        self._neighbors = NearestNeighbors(n_neighbors=self.n_neighbors_).fit(X - self._origin)
        distances, nearest = self._neighbors.kneighbors()  # (n, k), each row left out of its own
        self._farthest = distances[:, -1]
        reach = self._reach(distances, nearest)
        self._least = self._least_reach(X, reach)
        self._reaches = np.maximum(reach, self._least)
        return self._factor(distances, nearest)

    def _anomaly_score(self, X: Array) -> Array:
        return self._factor(*self._neighbors.kneighbors(X - self._origin))

    def _factor(self, distances: Array, nearest: Any) -> Array:
        reach = np.maximum(self._reach(distances, nearest), self._least)
        return (reach[:, None] / self._reaches[nearest]).mean(axis=1)

    def _least_reach(self, X: Array, reach: Array) -> float:
        """Return the reach below which no row's counts."""
        if not np.ptp(X, axis=0).any():
            return 1.0
        usual = reach.mean() or np.linalg.norm(X - self._origin, axis=1).mean()
        return float(_FLOOR * usual)

    def _reach(self, distances: Array, nearest: Any) -> Array:
        return np.maximum(distances, self._farthest[nearest]).mean(axis=1)

    def _draw(self, ax: Any, row: Array) -> None:
        """The black circle reaches the row's k-th neighbour, grey ones those of some neighbours."""
        distances, nearest = self._neighbors.kneighbors([row - self._origin])
        for i in nearest[0][:: max(1, self.n_neighbors_ // 5)]:
            _circle(ax, self._neighbors._fit_X[i] + self._origin, self._farthest[i], "#808080", 0.8)
        _circle(ax, row, distances[0, -1], "black", 1.5)


def _circle(ax: Any, center: Array, radius: float, color: str, width: float) -> None:
    angle = np.linspace(0, 2 * np.pi, 100)
    x, y = center[:, None] + radius * np.array([np.cos(angle), np.sin(angle)])
    ax.plot(x, y, color=color, linewidth=width)
