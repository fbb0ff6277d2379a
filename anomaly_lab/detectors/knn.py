"""Nearest neighbours: how far away are the rows most like this one?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import numpy as np
from sklearn.neighbors import NearestNeighbors

from anomaly_lab.contract import Array, Card, Case, Count, Detector, Failure, Sweep
from anomaly_lab.errors import InputError

_BLOCK = 16_384  # rows scored at a time: bounds the memory for neighbours
_REDUCE: dict[str, Callable[..., Array]] = {
    "largest": np.max,
    "mean": np.mean,
    "median": np.median,
}


class KNNDetector(Detector):
    """Distance to the k-th nearest fitting row; exact.

    Parameters
    ----------
    n_neighbors : int, default 5
        Number k of neighbours looked at.
    method : {"largest", "mean", "median"}, default "largest"
        Which of the k distances is the score.

    Notes
    -----
    Training scores leave each row out of its own neighbours. Counting a row as its own nearest
    neighbour would make training scores too small, and a cutoff set on them would flag more fresh
    normal rows than promised.

    References
    ----------
    Ramaswamy, Rastogi and Shim, "Efficient algorithms for mining outliers from large data sets",
    SIGMOD 2000, doi:10.1145/342009.335437.
    """

    card: ClassVar[Card] = Card(
        name="knn",
        title="k-nearest neighbours",
        idea="A normal row has other normal rows close by. An anomaly is far from all of them.",
        score="distance to the k-th nearest fitting row, in units of the (scaled) features",
        works="Fitting rows are clean and plentiful, features are comparable in scale.",
        fails="Fitting rows hold a cluster of more than k anomalies; features of no use drown the "
        "distance; the fitting rows are so many that keeping and searching them costs too much.",
        cost="fit O(nd log n), score O(nd) a row at worst, less in few dimensions; keeps all rows",
        reference="Ramaswamy, Rastogi and Shim (2000), doi:10.1145/342009.335437",
        formula=r"\lVert x - x_{(k)} \rVert, \quad x_{(k)} \text{: the } k"
        r"\text{-th nearest fitting row}",
        sweep=Sweep(
            parameter="n_neighbors",
            values=(1, 5, 50),
            case=Case("shapes/moons", contamination=0.05),
            effect="One neighbour trusts every fitting row, so that each hidden anomaly gets an "
            "island of its own; fifty smooth the shape away.",
        ),
        failure=Failure(
            cause="The fitting rows hold a clump of anomalies, more than the k neighbours looked "
            "at, and each of these has its k neighbours close by.",
            case=Case("shapes/clump", contamination=0.05),
            cure=Case("shapes/clump"),
        ),
    )

    def __init__(
        self,
        n_neighbors: Count = 5,
        method: Literal["largest", "mean", "median"] = "largest",
    ):
        self.n_neighbors = n_neighbors
        self.method = method

    def _fit(self, X: Array) -> Array:
        k = int(self.n_neighbors)
        if len(X) <= k:
            raise InputError(
                f"KNNDetector(n_neighbors={k}) needs at least {k + 1} fitting rows, got "
                f"n_samples = {len(X)}. Give more rows or lower n_neighbors."
            )
        # Distances do not change with the origin; far from it they lose their digits.
        self._origin = X.mean(axis=0)
        self._neighbors = NearestNeighbors(n_neighbors=k).fit(X - self._origin)
        distances, _ = self._neighbors.kneighbors()  # (n, k), each row left out of its own
        return self._reduce(distances)

    def _anomaly_score(self, X: Array) -> Array:
        blocks = (X[i : i + _BLOCK] - self._origin for i in range(0, len(X), _BLOCK))
        return np.concatenate(
            [self._reduce(self._neighbors.kneighbors(block)[0]) for block in blocks]
        )

    def _draw(self, ax: Any, row: Array) -> None:
        """Lines lead from the row to its k nearest fitting rows; the longest is the score."""
        _, nearest = self._neighbors.kneighbors([row - self._origin])
        for neighbor in self._neighbors._fit_X[nearest[0]] + self._origin:
            ax.plot(*zip(row, neighbor, strict=True), color="black", linewidth=1)

    def _reduce(self, distances: Array) -> Array:
        return _REDUCE[self.method](distances, axis=1)
