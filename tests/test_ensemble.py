"""The ensemble: a slow reference, the cutoff's promise, units, few rows, storage, errors."""

from __future__ import annotations

import random
import statistics
from pathlib import Path
from typing import ClassVar

import naive
import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.base import clone

from anomaly_lab import AnomalyModel
from anomaly_lab.contract import Detector
from anomaly_lab.contract.testing import easy_rows
from anomaly_lab.detectors import (
    AutoencoderDetector,
    CentroidDetector,
    IsolationForestDetector,
    KNNDetector,
    PCADetector,
)
from anomaly_lab.detectors.ensemble import EnsembleDetector
from anomaly_lab.errors import InputError, UnknownNameError

FIT, JUDGED, LABELS = easy_rows()
FOREST = IsolationForestDetector(n_estimators=20)
WHITENED = PCADetector(distance="mahalanobis")


class Changed(KNNDetector):
    """KNN, with scores in another unit or of another form."""

    def __init__(self, factor=1.0, power=1.0, shift=0.0):
        super().__init__()
        self.factor = factor
        self.power = power
        self.shift = shift

    def _reduce(self, distances):
        return self.shift + self.factor * super()._reduce(distances) ** self.power


class Constant(CentroidDetector):
    """Judges every row alike, but for rows far out."""

    def __init__(self, value=0.0, far=np.inf):
        self.value = value
        self.far = far

    def _anomaly_score(self, X):
        return np.where(super()._anomaly_score(X) > self.far, self.value + 1.0, self.value)


class Memory(KNNDetector):
    """Distance to the nearest fitting row, which is 0 for the fitting rows themselves."""

    def __init__(self):
        super().__init__(n_neighbors=1)

    def _fit(self, X):
        return 0 * super()._fit(X)


def scores(*detectors: Detector | str, combine: str = "mean") -> np.ndarray:
    return EnsembleDetector(list(detectors), combine=combine).fit(FIT).anomaly_score(JUDGED)


# --- Against a slow, obvious reference -----------------------------------------------------------


def comparable(held_back: list[float], score: float) -> float:
    """Robust standard deviations of `score` above the median of `held_back`."""
    quarter, _, three_quarters = statistics.quantiles(held_back, n=4, method="inclusive")
    return (score - naive.median(held_back)) / ((three_quarters - quarter) / 1.349)


@pytest.mark.parametrize("combine", ["mean", "maximum"])
@pytest.mark.parametrize("share", [0.2, 0.35])
def test_scores_are_the_mean_or_maximum_of_comparable_scores(combine, share):
    members = [KNNDetector(), WHITENED, FOREST]
    model = EnsembleDetector(members, combine, calibration_fraction=share, random_state=3).fit(FIT)
    order = np.random.default_rng(3).permutation(200)
    held_back, others = order[: int(share * 200)], order[int(share * 200) :]
    rows, training, fresh = [], [], []  # each: one list a member
    for member in (KNNDetector(), WHITENED, clone(FOREST).set_params(random_state=3)):
        scale = list(clone(member).fit(FIT[others]).anomaly_score(FIT[held_back]))
        fitted = clone(member).fit(FIT)
        rows.append([comparable(scale, s) for s in fitted.anomaly_score(JUDGED)])
        training.append([comparable(scale, s) for s in fitted.training_scores_])
        fresh.append([comparable(scale, s) for s in scale])
    together = max if combine == "maximum" else statistics.fmean
    expected, seen, unseen = (
        [together(one) for one in zip(*by_member, strict=True)]
        for by_member in (rows, training, fresh)
    )
    np.testing.assert_allclose(model.anomaly_score(JUDGED), expected, rtol=1e-9, atol=1e-9)
    for score, own in zip(model.training_scores_, seen, strict=True):
        share = (sum(other < own for other in seen) + seen.count(own) / 2) / 200
        assert score == pytest.approx(weibull_quantile(unseen, share), abs=1e-9)


def weibull_quantile(values: list[float], p: float) -> float:
    """The value whose rank, counted from 1 and between ranks on a line, is p * (n + 1)."""
    ordered = sorted(values)
    rank = min(max(p * (len(ordered) + 1), 1), len(ordered))
    low = int(rank)
    high = min(low + 1, len(ordered))
    return ordered[low - 1] + (rank - low) * (ordered[high - 1] - ordered[low - 1])


def test_an_ensemble_of_one_ranks_as_its_member():
    alone = np.argsort(KNNDetector().fit(FIT).anomaly_score(JUDGED))
    for combine in ("mean", "maximum"):
        np.testing.assert_array_equal(np.argsort(scores(KNNDetector(), combine=combine)), alone)


# --- What the members are, and what they share ---------------------------------------------------


def test_the_default_members_are_an_autoencoder_and_nearest_neighbours():
    model = EnsembleDetector(random_state=7)
    told = [(type(m), m.get_params().get("random_state")) for m in model._members()]
    assert told == [(AutoencoderDetector, 7), (KNNDetector, None)]


@pytest.mark.parametrize("combine", ["mean", "maximum"])
def test_the_order_of_the_members_does_not_matter(combine):
    members = [KNNDetector(), WHITENED, FOREST]
    expected = scores(*members, combine=combine)
    for _ in range(3):
        random.Random(0).shuffle(members)
        np.testing.assert_allclose(scores(*members, combine=combine), expected, rtol=1e-12)


def test_a_name_stands_for_the_detector_with_its_defaults():
    np.testing.assert_array_equal(scores("knn", "pca"), scores(KNNDetector(), PCADetector()))


def test_the_same_object_twice_counts_twice():
    knn = KNNDetector()
    np.testing.assert_allclose(scores(knn, knn), scores(knn), rtol=1e-12)
    thrice = (2 * scores(knn) + scores(WHITENED)) / 3
    np.testing.assert_allclose(scores(knn, WHITENED, knn), thrice, rtol=1e-9, atol=1e-12)


def test_members_are_copied():
    knn = KNNDetector()
    model = EnsembleDetector([knn]).fit(FIT)
    assert model.detectors[0] is knn
    assert model.detectors_[0] is not knn
    assert not hasattr(knn, "offset_")


def test_the_seed_is_added_to_those_of_the_members():
    members = [FOREST, clone(FOREST).set_params(random_state=5), KNNDetector()]
    model = EnsembleDetector(members, random_state=2).fit(FIT)
    assert [m.random_state for m in model.detectors_[:2]] == [2, 7]
    assert not np.array_equal(*(m.anomaly_score(JUDGED) for m in model.detectors_[:2]))
    assert not np.allclose(model.anomaly_score(JUDGED), scores(*members))


def test_an_ensemble_may_be_a_member():
    inner = EnsembleDetector(["knn", WHITENED])
    model = EnsembleDetector([inner, FOREST]).fit(FIT)
    assert naive.roc_auc(LABELS, model.anomaly_score(JUDGED)) > 0.95
    assert np.isfinite(model.training_scores_).all()


def test_prepare_prepares_every_member():
    prepared = []

    class Prepares(CentroidDetector):
        def prepare(self):
            prepared.append(self)

    EnsembleDetector([Prepares(), "knn", Prepares()]).prepare()
    assert len(prepared) == 2


def test_it_cannot_say_which_feature_made_a_score():
    model = EnsembleDetector(["knn"]).fit(FIT)
    assert not hasattr(model, "contributions")


# --- Units ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("combine", ["mean", "maximum"])
@pytest.mark.parametrize("change", [{"factor": 1000}, {"factor": 1e-6}, {"shift": -50}])
def test_a_member_in_another_unit_judges_the_same(change, combine):
    np.testing.assert_allclose(
        scores(Changed(**change), WHITENED, combine=combine),
        scores(KNNDetector(), WHITENED, combine=combine),
        rtol=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("power", [2, 0.5])
def test_a_power_of_a_score_does_not_take_over(power):
    plain, changed = scores("knn", FOREST), scores(Changed(power=power), FOREST)
    normal = LABELS == 0
    assert spearmanr(plain[normal], changed[normal]).statistic > 0.95
    alone = scores(FOREST)[normal]
    assert spearmanr(alone, changed[normal]).statistic > 0.6  # the forest still has a say
    assert naive.roc_auc(LABELS, changed) > 0.95


@pytest.mark.parametrize("value", [0.0, 1e-12, 3.0, -1e6])
def test_a_member_that_judges_all_rows_alike_changes_no_ranking(value):
    together = scores(Constant(value), KNNDetector())
    np.testing.assert_allclose(together, scores(KNNDetector()) / 2, rtol=1e-9)


def test_a_member_of_equal_scores_may_still_raise_the_alarm():
    quiet = EnsembleDetector([Constant(), FOREST], "maximum").fit(FIT).anomaly_score(JUDGED)
    alarmed = EnsembleDetector([Constant(far=40.0), FOREST], "maximum").fit(FIT)
    raised = alarmed.anomaly_score(JUDGED) - quiet
    assert raised.min() == 0
    assert (raised[LABELS == 0] == 0).all()
    assert np.isfinite(alarmed.scale_).all()


def test_a_member_that_knows_its_rows_by_heart_does_not_take_over():
    model = EnsembleDetector([Memory(), FOREST]).fit(FIT)
    assert np.ptp(model.detectors_[0].training_scores_) == 0
    parts = (model._member_scores(JUDGED) - model.center_[:, None]) / model.scale_[:, None]
    spread = parts[:, LABELS == 0].std(axis=1)
    assert 0.5 < spread[0] / spread[1] < 2


# --- The promise of the cutoff -------------------------------------------------------------------


def correlated(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n fitting rows and 1,000 fresh ones of the same normal law."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(30, 30))
    return rng.normal(size=(n, 30)) @ mix, rng.normal(size=(1000, 30)) @ mix


def flagged(detector: Detector, n: int, repeats: int) -> float:
    """Share of fresh normal rows that is flagged, mean over `repeats` fitting sets of n rows."""
    pairs = [correlated(n, seed) for seed in range(repeats)]
    shares = [np.mean(clone(detector).fit(fit).predict(fresh) == -1) for fit, fresh in pairs]
    return float(np.mean(shares))


@pytest.mark.parametrize("combine", ["mean", "maximum"])
@pytest.mark.parametrize("careless", [WHITENED, Memory()], ids=["whitened", "memory"])
def test_the_cutoff_keeps_its_promise_though_members_fit_their_own_rows_too_well(
    careless, combine, tell
):
    share = flagged(EnsembleDetector([careless, "knn"], combine), n=200, repeats=10)
    own = flagged(EnsembleDetector([careless, "knn"], combine, 0), n=200, repeats=10)
    tell(f"Ensemble, {combine}: promised 5%, flagged {share:.1%}; nothing held back {own:.1%}.")
    assert 0.015 < share < 0.055  # fewer: the refitted members know more normal rows
    assert own > share + 0.02


def test_other_quantiles_of_the_training_scores_keep_their_promise_too():
    def share(seed: int) -> float:
        fit, fresh = correlated(200, seed)
        model = EnsembleDetector([WHITENED, "knn"]).fit(fit)
        cutoff = np.quantile(model.training_scores_, 0.8)
        return float(np.mean(model.anomaly_score(fresh) > cutoff))

    assert 0.1 < np.mean([share(seed) for seed in range(10)]) < 0.21


# --- Few rows, awkward rows ----------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 6, 10, 19, 20, 30])
def test_few_rows_are_enough(n):
    model = EnsembleDetector([KNNDetector(n_neighbors=1), WHITENED, FOREST]).fit(FIT[:n])
    assert model.training_scores_.shape == (n,)
    assert np.isfinite(model.training_scores_).all()
    far = model.anomaly_score(np.full((1, 5), 100.0))
    assert far > model.training_scores_.max()


class Counts(CentroidDetector):
    """Notes how many rows it was fitted on."""

    seen: ClassVar[list[int]] = []

    def _fit(self, X):
        self.seen.append(len(X))
        return super()._fit(X)


@pytest.mark.parametrize(
    ("n", "share", "others"),
    [(200, 0.2, 160), (200, 1e-9, 199), (200, 0.99, 2), (20, 0.2, 16), (200, 0, 0), (19, 0.5, 0)],
)
def test_members_are_fitted_on_all_rows_and_before_that_without_those_held_back(n, share, others):
    Counts.seen.clear()
    model = EnsembleDetector([Counts()], calibration_fraction=share).fit(FIT[:n])
    assert Counts.seen == ([others, n] if others else [n])
    assert naive.roc_auc(LABELS, model.anomaly_score(JUDGED)) > 0.9


def test_nothing_held_back_leaves_the_training_scores_of_the_members():
    model = EnsembleDetector(["knn"], calibration_fraction=0).fit(FIT)
    own = list(KNNDetector().fit(FIT).training_scores_)
    np.testing.assert_allclose(model.training_scores_, [comparable(own, s) for s in own])


def test_too_few_rows_for_a_member_are_told():
    with pytest.raises(InputError, match="needs at least 6 fitting rows, got n_samples = 2"):
        EnsembleDetector(["knn", "pca"]).fit(FIT[:2])


@pytest.mark.parametrize("n", [10, 100])
def test_rows_that_are_all_the_same(n):
    model = EnsembleDetector(["knn", "pca", FOREST]).fit(np.full((n, 3), 4.0))
    assert np.ptp(model.training_scores_) == 0
    assert model.anomaly_score([[4, 4, 9]]) > model.training_scores_[0]


# --- Storage and scikit-learn --------------------------------------------------------------------


@pytest.mark.parametrize("members", [["knn", "pca"], [FOREST, WHITENED]])
def test_a_stored_ensemble_judges_the_same(members, tmp_path: Path):
    model = AnomalyModel(EnsembleDetector(members, combine="maximum")).fit(FIT).calibrate(FIT)
    model.save(tmp_path / "model")
    loaded = AnomalyModel.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.anomaly_score(JUDGED), model.anomaly_score(JUDGED))
    assert loaded.cutoff == model.cutoff
    again = loaded.fit(FIT).anomaly_score(JUDGED)  # the parameters came back as well
    np.testing.assert_array_equal(again, model.anomaly_score(JUDGED))


def test_cloning_copies_the_members():
    model = EnsembleDetector([KNNDetector(n_neighbors=3), "pca"], combine="maximum")
    copy = clone(model)
    assert repr(copy) == repr(model)
    assert copy.detectors[0] is not model.detectors[0]
    assert model.get_params(deep=True).keys() == model.get_params(deep=False).keys()
    np.testing.assert_array_equal(
        copy.fit(FIT).anomaly_score(JUDGED), model.fit(FIT).anomaly_score(JUDGED)
    )


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"combine": "median"}, "combine must be one of 'mean', 'maximum', got 'median'"),
        ({"detectors": []}, "at least one, got none"),
        ({"detectors": "knn"}, "a list in which each is a Detector or text or None, got 'knn'"),
        ({"detectors": KNNDetector()}, "a list in which each is a Detector .* got KNNDetector"),
        ({"detectors": [KNNDetector]}, "each is a Detector or text .* got .<class"),
        ({"detectors": ["pca", 3]}, r"each is a Detector or text .* got \['pca', 3\]"),
        ({"calibration_fraction": 1.0}, "of at least 0 and below 1, got 1.0"),
        ({"calibration_fraction": -0.1}, "of at least 0 and below 1, got -0.1"),
        ({"calibration_fraction": "0.2"}, "of at least 0 and below 1, got '0.2'"),
        ({"calibration_fraction": np.nan}, "of at least 0 and below 1, got nan"),
        ({"random_state": None}, "random_state must be a whole number from 0 .*, got None"),
        ({"random_state": -1}, "random_state must be a whole number from 0 .*, got -1"),
    ],
)
def test_parameters_without_meaning_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        EnsembleDetector(**{"detectors": ["pca"], **parameters}).fit(FIT)


def test_an_unknown_name_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'knn'"):
        EnsembleDetector(["kn"]).fit(FIT)
