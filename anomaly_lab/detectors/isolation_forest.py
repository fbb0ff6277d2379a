"""Isolation forest: how few random cuts set a row apart?"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
from sklearn.ensemble import IsolationForest

from anomaly_lab.contract import Array, Bounds, Card, Case, Count, Detector, Failure, Seed, Sweep

_LARGEST = float(np.finfo(np.float32).max)


class IsolationForestDetector(Detector):
    """Average depth at which random axis-parallel cuts isolate a row, turned into a score.

    Parameters
    ----------
    n_estimators : int, default 200
        Number of trees, up to 10,000. More make the ranking steadier, at a cost in proportion.
    max_samples : int, default 256
        Rows drawn for each tree, without replacement; all of them where there are fewer.
    random_state : int, default 0
        Seed of the cuts.

    References
    ----------
    Liu, Ting and Zhou, "Isolation forest", ICDM 2008, doi:10.1109/ICDM.2008.17.
    """

    card: ClassVar[Card] = Card(
        name="isolation_forest",
        title="Isolation forest",
        idea="Cut the space at random places. A row that is soon alone in its piece is anomalous.",
        score="2 to the power of minus the mean isolation depth over its expectation; from 0 to 1, "
        "without unit",
        works="Many rows, many features, anomalies extreme in some features; needs no scaling.",
        fails="Normal rows form a ring or several groups: axis-parallel cuts leave ghost regions "
        "between them that look normal; anomalies hide inside the range of every feature.",
        cost="fit O(t ψ log ψ) for t trees of ψ rows, score O(t log ψ) a row; no d in either",
        reference="Liu, Ting and Zhou (2008), doi:10.1109/ICDM.2008.17",
        formula=r"2^{-\bar{h}(x) / c(\psi)}, \quad \bar{h} \text{: mean depth over the trees}, "
        r"\quad c(\psi) \text{: its expectation in a tree of } \psi \text{ rows}",
        sweep=Sweep(
            parameter="max_samples",
            values=(8, 64, 256),
            case=Case("shapes/moons"),
            effect="Trees of a few rows tell the bulk from the rest and no more; trees of many "
            "follow the outline. The bands along the axes stay.",
        ),
        failure=Failure(
            cause="The anomalies lie between groups to their left, right, above and below. Cuts "
            "are parallel to the axes, and along either axis the middle is as full as the groups: "
            "it takes as many to set it apart.",
            case=Case("shapes/plus"),
            cure=Case("shapes/square"),
        ),
    )

    def __init__(
        self,
        n_estimators: Annotated[int, Bounds(low=1, high=10_000)] = 200,
        max_samples: Count = 256,
        random_state: Seed = 0,
    ):
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.random_state = random_state

    def _fit(self, X: Array) -> Array:
        self._scale = _scale(X)
        self.forest_ = IsolationForest(
            n_estimators=int(self.n_estimators),
            max_samples=min(int(self.max_samples), len(X)),
            random_state=int(self.random_state),
        ).fit(self._for_trees(X))
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return -self.forest_.score_samples(self._for_trees(X))

    def _for_trees(self, X: Array) -> Array:
        """Return rows that trees can hold: beyond all cuts it does not matter how far."""
        return np.clip(X * self._scale, -_LARGEST, _LARGEST)

    def _draw(self, ax: Any, row: Array) -> None:
        """Lines are the cuts of one tree on the way to the row; the fewer, the higher the score."""
        tree, box = self.forest_.estimators_[0].tree_, np.array([ax.get_xlim(), ax.get_ylim()])
        node = 0
        while tree.children_left[node] >= 0:  # -1 at a leaf
            feature = tree.feature[node]
            cut = tree.threshold[node] / self._scale[feature]
            line = box.copy()
            line[feature] = cut
            ax.plot(*line, color="black", linewidth=1)
            left = row[feature] <= cut
            box[feature, 1 if left else 0] = cut
            node = (tree.children_left if left else tree.children_right)[node]


def _scale(X: Array) -> Array:
    """Return powers of two, (d,), that bring columns to where float32 holds them, mostly 1.

    Trees cut float32 numbers, from 1e-38 to 3.4e38, and care for the order of values alone.
    """
    size = np.abs(X).max(axis=0)
    ordinary = (size == 0) | ((size > 1e-30) & (size < 1e30))
    return np.where(ordinary, 1.0, np.ldexp(1.0, -np.frexp(size)[1]))
