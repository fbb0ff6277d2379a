"""The contract holds for every detector, and the suite that says so can fail."""

import random

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.utils.estimator_checks import estimator_checks_generator

from anomaly_lab import (
    AutoencoderDetector,
    CentroidDetector,
    KNNDetector,
    PCADetector,
    all_detectors,
)
from anomaly_lab.contract import Detector
from anomaly_lab.contract.testing import (
    CHECKS,
    check_detector,
    check_wrong_parameters,
    easy_rows,
)
from anomaly_lab.neural import networks

# Settings that make a detector quick enough to be fitted a hundred times.
NETWORK = {"hidden": (4,), "epochs": 1, "batch_size": 4}
QUICK = {
    "autoencoder": NETWORK,
    "ensemble": {"detectors": ("centroid", "knn")},
    "isolation_forest": {"n_estimators": 20},
    "vae": NETWORK,
}
DETECTORS = [
    *(detector(**QUICK.get(name, {})) for name, detector in all_detectors().items()),
    PCADetector(distance="mahalanobis"),
]


@pytest.mark.parametrize("detector", DETECTORS, ids=repr)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_contract(detector, check, monkeypatch):
    if check is check_wrong_parameters:  # a training for each would take minutes
        monkeypatch.setattr(networks, "train", lambda *args: pd.DataFrame({"loss": [0.0]}))
        monkeypatch.setattr(
            networks, "run", lambda model, rows: np.zeros((len(rows), model.output_shape[-1]))
        )
    check(detector)


def without_held_back(detector):
    """Code would be compiled for each number of rows that a network holds back."""
    if not hasattr(detector, "validation_fraction"):
        return detector
    return clone(detector).set_params(validation_fraction=0)


SKLEARN_CHECKS = [
    pytest.param(quick, check, id=f"{detector!r}-{check.func.__name__}")
    for detector in DETECTORS
    for quick, check in estimator_checks_generator(without_held_back(detector))
    # It needs SCIPY_ARRAY_API=1 set before SciPy is first imported, and an array-API library.
    if check.func.__name__ != "check_array_api_input"
]


@pytest.mark.parametrize(("detector", "check"), SKLEARN_CHECKS)
def test_scikit_learn(detector, check):
    check(detector)


def test_every_shipped_detector_is_tested():
    assert {type(d) for d in DETECTORS} >= set(all_detectors().values())
    names = "autoencoder centroid empirical_tail ensemble isolation_forest knn lof pca vae"
    assert set(names.split()) <= set(all_detectors())


# --- Planted faults: for each, the check that must name it. -------------------------------------


class Unannotated(CentroidDetector):
    def __init__(self, power=2):
        self.power = power

    def _anomaly_score(self, X):
        return super()._anomaly_score(X) ** self.power


class FlippedSign(CentroidDetector):
    def _anomaly_score(self, X):
        return -super()._anomaly_score(X)


class FlippedThroughout(CentroidDetector):
    def _fit(self, X):
        return -super()._fit(X)

    def _anomaly_score(self, X):
        return -super()._anomaly_score(X)


class ReadsLabels(CentroidDetector):
    def fit(self, X, y=None):
        rows = np.asarray(X)
        return super().fit(rows if y is None else rows[np.asarray(y) == 0])


class LooksAtLabels(CentroidDetector):
    """Reads labels without any effect on the scores."""

    def fit(self, X, y=None):
        if y is not None:
            self.n_labels_ = len(y)
        return super().fit(X)


class SeedsNumPy(CentroidDetector):
    def _fit(self, X):
        np.random.seed(0)  # noqa: NPY002
        return super()._fit(X)


class DrawsFromRandom(CentroidDetector):
    def _fit(self, X):
        random.random()
        return super()._fit(X)


class FollowsGlobalState(CentroidDetector):
    """Leaves the state as it found it, and yet depends on it."""

    def _fit(self, X):
        state = np.random.get_state()  # noqa: NPY002
        self.tilt_ = np.random.normal()  # noqa: NPY002
        np.random.set_state(state)  # noqa: NPY002
        return super()._fit(X)

    def _anomaly_score(self, X):
        return super()._anomaly_score(X) + abs(getattr(self, "tilt_", 0.0))


class DrawsAnew(CentroidDetector):
    def _fit(self, X):
        scores = super()._fit(X)
        self.center_ = self.center_ + np.random.default_rng().normal(size=X.shape[1])
        return scores


class ChangesInput(CentroidDetector):
    def _fit(self, X):
        X -= X.mean(axis=0)
        return super()._fit(X)


class AcceptsNaN(CentroidDetector):
    def _validate(self, X, *, reset):
        return super()._validate(np.nan_to_num(X), reset=reset)


class ForgetsNames(CentroidDetector):
    def _validate(self, X, *, reset):
        return super()._validate(np.asarray(X), reset=reset)


class AnyWidth(CentroidDetector):
    def anomaly_score(self, X):
        return self._anomaly_score(np.resize(X, (len(X), self.n_features_in_)))


class HoldsLambda(CentroidDetector):
    def _fit(self, X):
        self.rule_ = lambda x: x
        return super()._fit(X)


class SetsItsCutoff(CentroidDetector):
    def fit(self, X, y=None):
        super().fit(X)
        self.offset_ = -1.0
        return self


class ScoresTogether(CentroidDetector):
    def _anomaly_score(self, X):
        scores = super()._anomaly_score(X)
        return scores - scores.mean()


class BuildsInInit(Detector):
    card = CentroidDetector.card

    def __init__(self):
        self.forest = IsolationForest(n_estimators=10)

    def _fit(self, X):
        return self.forest.fit(X).score_samples(X)

    def _anomaly_score(self, X):
        return -self.forest.score_samples(X)


class EmptyCard(CentroidDetector):
    card = type(CentroidDetector.card)("empty", "", "", "", "", "", "", "")


class OffersErrors(KNNDetector):
    """Squared distances by feature to the mean neighbour: parts of another number."""

    def _contributions(self, X):
        nearest = self._neighbors.kneighbors(X - self._origin, return_distance=False)  # (n, k)
        return (X - self._origin - self._neighbors._fit_X[nearest].mean(axis=1)) ** 2


class OffersMeanErrors(CentroidDetector):
    """Errors whose mean is the score, and not their sum."""

    def _anomaly_score(self, X):
        return self._contributions(X).mean(axis=1)


class WrongSign(CentroidDetector):
    def _contributions(self, X):
        return -super()._contributions(X)


class NegativeParts(CentroidDetector):
    """They add up, and some are negative."""

    def _contributions(self, X):
        return super()._contributions(X) + np.array([1000.0, -1000.0, 0, 0, 0])


FAULTS = [
    (Unannotated, "check_wrong_parameters: power = None must be refused"),
    (FlippedSign, "check_anomalies_score_higher"),
    (FlippedThroughout, "check_anomalies_score_higher"),
    (ReadsLabels, "check_labels_are_never_read"),
    (LooksAtLabels, "check_labels_are_never_read"),
    (SeedsNumPy, "check_global_random_state"),
    (DrawsFromRandom, "check_global_random_state"),
    (FollowsGlobalState, "check_global_random_state"),
    (DrawsAnew, "check_refit"),
    (ChangesInput, "check_input_is_left_alone"),
    (AcceptsNaN, "check_bad_input"),
    (ForgetsNames, "check_column_names"),
    (AnyWidth, "check_bad_input"),
    (HoldsLambda, "check_pickle"),
    (SetsItsCutoff, "check_cutoff"),
    (ScoresTogether, "check_rows_are_judged_alone"),
    (BuildsInInit, "check_parameters_are_stored"),
    (EmptyCard, "check_card"),
    (OffersErrors, "check_contributions: Each row's contributions must add up"),
    (OffersMeanErrors, "check_contributions: Each row's contributions must add up"),
    (WrongSign, "check_contributions: contributions must not be negative"),
    (NegativeParts, "check_contributions: contributions must not be negative"),
]


@pytest.mark.parametrize(("faulty", "check"), FAULTS, ids=lambda x: getattr(x, "__name__", x))
def test_the_suite_finds(faulty, check):
    with pytest.raises(AssertionError, match=check):
        check_detector(faulty())


def test_every_check_is_proved_by_a_fault():
    proved = {check.partition(":")[0] for _, check in FAULTS}
    # check_scores and check_sign_bridge: below
    assert proved == {c.__name__ for c in CHECKS} - {"check_scores", "check_sign_bridge"}


class FlippedBridge(CentroidDetector):
    def score_samples(self, X):
        return self.anomaly_score(X)


class OneScoreTooMany(CentroidDetector):
    def _fit(self, X):
        return np.append(super()._fit(X), 0.0)


@pytest.mark.parametrize(
    ("faulty", "check"),
    [(FlippedBridge, "check_sign_bridge"), (OneScoreTooMany, "check_scores")],
)
def test_the_suite_finds_wrong_shapes_and_bridges(faulty, check):
    with pytest.raises(AssertionError, match=check):
        check_detector(faulty())


def test_contributions_are_offered_where_the_score_is_a_sum():
    offering = {name for name, kind in all_detectors().items() if hasattr(kind(), "contributions")}
    assert offering == {"autoencoder", "centroid", "empirical_tail", "pca"}


# --- What only the autoencoder promises ----------------------------------------------------------


def test_the_autoencoder_leaves_its_networks_open_to_see():
    fit, judged, _ = easy_rows()
    model = AutoencoderDetector(**QUICK["autoencoder"]).fit(fit)
    code = model.encode(judged)
    assert code.shape == (100, model.encoder_.output_shape[-1])
    assert code.shape[1] < 5
    errors = ((judged - model.reconstruct(judged)) / fit.std(axis=0)) ** 2 / model.error_scale_
    np.testing.assert_allclose(model.contributions(judged), errors / 5, rtol=1e-9)
    np.testing.assert_allclose(model.anomaly_score(judged), errors.mean(axis=1), rtol=1e-9)
