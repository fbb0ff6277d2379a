"""Isolation forest: how few random cuts set a row apart?"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from sklearn.ensemble import IsolationForest

from anomaly_lab.detectors.base import Array, Card, Detector
from anomaly_lab.errors import InputError
from anomaly_lab.thresholds import Threshold


class IsolationForestDetector(Detector):
    """Average depth at which random axis-parallel cuts isolate a row, turned into a score.

    Parameters
    ----------
    n_estimators : int, default 200
        Number of trees. More make the ranking steadier, at a cost in proportion.
    max_samples : int, default 256
        Rows drawn for each tree, without replacement; all of them where there are fewer.
    random_state : int, default 0
        Seed of the cuts.
    threshold : Threshold or str, optional
        Rule that sets `offset_` from the training scores; None means their 0.95 quantile.

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
    )

    def __init__(
        self,
        n_estimators: int = 200,
        max_samples: int = 256,
        random_state: int = 0,
        threshold: Threshold | str | None = None,
    ):
        self.n_estimators = n_estimators
        self.max_samples = max_samples
        self.random_state = random_state
        self.threshold = threshold

    def _fit(self, X: Array) -> Array:
        for name in ("n_estimators", "max_samples"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise InputError(f"{name} must be a positive integer, got {value!r}.")
        self.forest_ = IsolationForest(
            n_estimators=self.n_estimators,
            max_samples=min(self.max_samples, len(X)),
            random_state=self.random_state,
        ).fit(X)
        return self._anomaly_score(X)

    def _anomaly_score(self, X: Array) -> Array:
        return -self.forest_.score_samples(X)
