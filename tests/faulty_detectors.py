"""Detectors with one fault each, for `anomaly-lab detectors check` to find."""

import sys
from dataclasses import replace

import numpy as np

from anomaly_lab.contract import Array, Card, Case, Detector, Failure, Positive, Sweep

CARD = Card(
    name="faulty",
    title="Distance to the mean",
    idea="The further from the mean, the more anomalous.",
    score="squared distance",
    works="Far out.",
    fails="In the middle.",
    cost="O(nd)",
    reference="none",
)


class Faultless(Detector):
    """What each of the others has one fault more than."""

    card = CARD

    def __init__(self, power: Positive = 2):
        self.power = power

    def _fit(self, X):
        self.mean_ = X.mean(axis=0)
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        return (np.abs(X - self.mean_) ** self.power).sum(axis=1)


class Sign(Faultless):
    def _anomaly_score(self, X):
        return -super()._anomaly_score(X)


class Labels(Faultless):
    def fit(self, X, y=None):
        return super().fit(X if y is None else np.asarray(X)[np.asarray(y) == 0])


class RandomState(Faultless):
    def _fit(self, X):
        np.random.seed(0)  # noqa: NPY002
        return super()._fit(X)


class MissingValues(Faultless):
    def _validate(self, X, *, reset):
        if not hasattr(X, "columns"):
            X = np.nan_to_num(X, posinf=np.inf)
        return super()._validate(X, reset=reset)


class Width(Faultless):
    def _validate(self, X, *, reset):
        if hasattr(self, "mean_") and not reset and np.ndim(X) == 2 and not hasattr(X, "columns"):
            X = np.pad(X, [(0, 0), (0, max(0, self.mean_.size - X.shape[1]))])
        return super()._validate(X, reset=reset)


class ColumnOrder(Faultless):
    def _validate(self, X, *, reset):
        if not reset and hasattr(self, "feature_names_in_") and hasattr(X, "columns"):
            X = X.set_axis(self.feature_names_in_, axis=1)
        return super()._validate(X, reset=reset)


class Mutation(Faultless):
    def _fit(self, X):
        if X.flags.writeable:
            X -= X.mean(axis=0)
        return super()._fit(X)


class NotPicklable(Faultless):
    def _fit(self, X):
        self.rule_ = lambda x: x
        return super()._fit(X)


class CardIncomplete(Faultless):
    card = replace(CARD, title="", fails=" ")


class OtherCutoff(Faultless):
    def fit(self, X, y=None):
        super().fit(X)
        self.offset_ = -1.0
        return self


class NoCard(Faultless):
    card = None


class LeavesATrace(Faultless):
    """The contract suite does not mind; scikit-learn's does."""

    def _anomaly_score(self, X):
        scores = super()._anomaly_score(X)
        self.last_ = scores
        return scores


class NameTaken(Faultless):
    card = replace(CARD, name="knn")


class NoSuchParameter(Faultless):
    card = replace(CARD, sweep=Sweep("k", (1, 2), Case("shapes/ring"), "none"))


class NotSuchAFailure(Faultless):
    card = replace(CARD, failure=Failure("none", Case("shapes/disc"), Case("shapes/disc")))


class NoSuchData(Faultless):
    card = replace(CARD, failure=Failure("none", Case("shapes/rong"), Case("shapes/disc")))


class NeedsArguments(Faultless):
    def __init__(self, k, metric):
        super().__init__()


class WritesNothing(Detector):
    card = CARD


class Raises(Faultless):
    def _fit(self, X):
        raise RuntimeError("of all\nthings")


class ReturnsNothing(Faultless):
    def _fit(self, X):
        super()._fit(X)


class Unstored(Faultless):
    def __init__(self, k=3):
        super().__init__()


class Exits(Faultless):
    def _fit(self, X):
        sys.exit(0)


class Unannotated(Faultless):
    def __init__(self, power=2):
        super().__init__(power)


class NoDetector:
    pass


Array = Array  # a name that is no class
