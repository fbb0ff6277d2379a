"""Fit, calibrate, score, flag, explain: each learns from its own rows and changes nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from anomaly_lab import AnomalyModel, datasets, split
from anomaly_lab.contract import UnfittedError
from anomaly_lab.detectors import (
    AutoencoderDetector,
    CentroidDetector,
    EmpiricalTailDetector,
    IsolationForestDetector,
    KNNDetector,
    PCADetector,
)
from anomaly_lab.errors import InputError, UnknownNameError
from anomaly_lab.thresholds import POT, BestF, Cost, Fixed, Quantile


def table(seed: int, n: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    rows["c"] += 2 * rows["a"]
    rows["kind"] = rng.choice(["red", "green"], n)
    return rows.set_index(pd.Index(rng.permutation(n) + 1000))


FIT, CALIBRATE, TEST = table(0), table(1), table(2)
DETECTORS = [
    CentroidDetector(),
    PCADetector(),
    PCADetector(distance="mahalanobis"),
    KNNDetector(),
    IsolationForestDetector(),
    AutoencoderDetector(hidden=(4,), epochs=1),
]


@pytest.mark.parametrize("detector", DETECTORS, ids=repr)
def test_the_flow(detector):
    model = AnomalyModel(detector, "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    assert model.cutoff == Quantile(0.8).fit(model.anomaly_score(CALIBRATE)).cutoff_
    scores, flags = model.anomaly_score(TEST), model.flag(TEST)
    assert scores.shape == flags.shape == (80,)
    np.testing.assert_array_equal(flags, scores > model.cutoff)
    # The cutoff is one of these scores, and a score equal to it is not flagged.
    assert model.cutoff in model.anomaly_score(CALIBRATE)
    np.testing.assert_array_equal(
        model.flag(CALIBRATE), model.anomaly_score(CALIBRATE) > model.cutoff
    )
    assert 0 < flags.sum() < 80
    assert model.flag(TEST.assign(a=50.0, b=50.0, c=-50.0)).all()


def test_the_model_is_its_parts():
    model = AnomalyModel("centroid").fit(FIT)
    rows = model.preprocessor_.transform(TEST)
    expected = CentroidDetector().fit(model.preprocessor_.transform(FIT)).anomaly_score(rows)
    np.testing.assert_array_equal(model.anomaly_score(TEST), expected)


def test_the_threshold_is_swapped_without_another_fit():
    model = AnomalyModel("centroid", "quantile:0.5").fit(FIT).calibrate(CALIBRATE)
    scores, low = model.anomaly_score(TEST), model.cutoff
    model.threshold = Quantile(0.9)
    with pytest.raises(UnfittedError, match="no cutoff yet"):
        model.flag(TEST)
    model.calibrate(CALIBRATE)
    assert model.cutoff > low
    np.testing.assert_array_equal(model.anomaly_score(TEST), scores)
    model.threshold = Fixed(0.25)
    assert model.calibrate(CALIBRATE).cutoff == 0.25


def test_what_is_not_fitted_says_so():
    model = AnomalyModel("centroid")
    for use in (model.anomaly_score, model.flag, model.explain, model.calibrate):
        with pytest.raises(UnfittedError, match="not fitted yet"):
            use(TEST)
    model.fit(FIT)
    for use in (model.flag, lambda rows: model.cutoff):
        with pytest.raises(UnfittedError, match="no cutoff yet: call calibrate"):
            use(TEST)


def test_another_fit_takes_the_old_cutoff_away():
    model = AnomalyModel("centroid", "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    model.fit(FIT[["a"]])
    with pytest.raises(UnfittedError, match="no cutoff yet"):
        _ = model.cutoff


def test_the_constructor_stores_what_it_is_given_and_nothing_else():
    detector, rule = KNNDetector(), Quantile(0.9)
    model = AnomalyModel(detector, rule, impute="median")
    assert vars(model) == {"detector": detector, "threshold": rule, "impute": "median"}
    assert model.detector is detector
    assert model.threshold is rule
    assert vars(AnomalyModel()) == {
        "detector": "autoencoder",
        "threshold": "quantile:0.95",
        "impute": None,
    }


def test_a_clone_has_the_parameters_and_nothing_fitted():
    model = AnomalyModel(KNNDetector(3), "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    twin = clone(model)
    assert vars(twin).keys() == {"detector", "threshold", "impute"}
    assert twin.get_params()["detector__n_neighbors"] == 3
    with pytest.raises(NotFittedError):
        check_is_fitted(twin)
    check_is_fitted(model)
    twin.set_params(detector__n_neighbors=1, threshold="quantile:0.5").fit(FIT)
    assert twin.detector_.n_neighbors == 1
    assert model.detector.n_neighbors == model.detector_.n_neighbors == 3
    assert twin.calibrate(CALIBRATE).cutoff < model.cutoff
    again = clone(model).fit(FIT).calibrate(CALIBRATE)
    np.testing.assert_array_equal(again.anomaly_score(TEST), model.anomaly_score(TEST))
    assert again.cutoff == model.cutoff


def test_the_callers_detector_and_rule_are_never_changed():
    detector, rule = CentroidDetector(), Quantile(0.9)
    model = AnomalyModel(detector, rule).fit(FIT).calibrate(CALIBRATE)
    assert vars(detector) == {}
    assert vars(rule) == {"level": 0.9}
    assert model.detector_ is not detector
    assert model.threshold_ is not rule


def test_a_fitted_detector_is_taken_without_what_it_learnt():
    detector = CentroidDetector().fit(np.zeros((3, 2)))
    model = AnomalyModel(detector).fit(FIT)
    assert model.detector_.center_.shape == (5,)
    assert detector.center_.shape == (2,)


@pytest.mark.parametrize("step", ["detector", "preprocessor", "rule"])
def test_a_fit_that_fails_leaves_the_model_as_it_was(step):
    model = AnomalyModel(KNNDetector(5), "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    scores, cutoff = model.anomaly_score(TEST), model.cutoff
    rows = FIT[["a", "b"]].iloc[: 5 if step == "detector" else 80]
    if step == "preprocessor":
        rows = rows.assign(a=np.inf)
    elif step == "rule":
        model.threshold = "quantil:0.8"
    with pytest.raises((InputError, UnknownNameError)):
        model.fit(rows)
    model.threshold = "quantile:0.8"
    np.testing.assert_array_equal(model.anomaly_score(TEST), scores)
    assert model.cutoff == cutoff


def test_a_calibration_that_fails_leaves_no_cutoff_of_another_rule():
    model = AnomalyModel("centroid", "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    model.threshold = POT(0.01, 0.98)
    with pytest.raises(InputError, match="scores above its initial threshold"):
        model.calibrate(CALIBRATE)
    with pytest.raises(UnfittedError, match="no cutoff yet"):
        _ = model.cutoff


@pytest.mark.parametrize("rule", [Cost(1, 10), BestF(1)], ids=repr)
def test_rules_that_need_labels_calibrate_with_them(rule):
    rows = pd.concat([CALIBRATE, TEST.assign(b=50.0)])
    labels = np.repeat([0, 1], 80)
    model = AnomalyModel("centroid", rule).fit(FIT).calibrate(rows, labels)
    np.testing.assert_array_equal(model.flag(rows), labels)
    with pytest.raises(InputError, match="needs labels"):
        model.calibrate(rows)


def test_the_order_of_columns_is_free():
    model = AnomalyModel("pca", "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    turned = TEST[["kind", "c", "b", "a"]]
    np.testing.assert_array_equal(model.anomaly_score(turned), model.anomaly_score(TEST))
    pd.testing.assert_frame_equal(model.explain(turned), model.explain(TEST))


@pytest.mark.parametrize(
    "detector",
    [
        CentroidDetector(),
        PCADetector(),
        PCADetector(distance="mahalanobis"),
        EmpiricalTailDetector(),
        AutoencoderDetector(epochs=2),
    ],
    ids=repr,
)
def test_explanations_sum_to_the_score(detector):
    model = AnomalyModel(detector).fit(FIT)
    parts = model.explain(TEST)
    assert list(parts.columns) == ["a", "b", "c", "kind"]
    pd.testing.assert_index_equal(parts.index, TEST.index)
    np.testing.assert_allclose(parts.sum(axis=1), model.anomaly_score(TEST), rtol=1e-9)


def test_explanations_name_the_column_that_is_odd():
    for detector in (CentroidDetector(), PCADetector(distance="mahalanobis")):
        parts = AnomalyModel(detector).fit(FIT).explain(TEST.assign(b=50.0))
        assert (parts.idxmax(axis=1) == "b").all(), detector


@pytest.mark.parametrize("name", ["isolation_forest", "knn"])
def test_a_score_that_is_no_sum_has_no_explanation_and_says_so(name):
    model = AnomalyModel(name).fit(FIT)
    kind = type(model.detector_).__name__
    reason = f"{kind} cannot say which column made a row stand out, since its score is not a sum"
    able = "These can: autoencoder, centroid, empirical_tail, pca"
    with pytest.raises(InputError, match=f"^{reason} over the columns. {able}"):
        model.explain(TEST)


@pytest.mark.parametrize("name", ["centroid", "knn", "pca", "isolation_forest"])
def test_scoring_test_rows_teaches_nothing(name):
    model = AnomalyModel(name, "quantile:0.8").fit(FIT).calibrate(CALIBRATE)
    scores, cutoff = model.anomaly_score(CALIBRATE), model.cutoff
    learnt = model.preprocessor_.transform(FIT)
    extreme = TEST.assign(a=1e6, b=-1e6, kind="violet")
    model.anomaly_score(extreme)
    assert model.flag(extreme).all()
    assert model.cutoff == cutoff
    np.testing.assert_array_equal(model.anomaly_score(CALIBRATE), scores)
    np.testing.assert_array_equal(model.preprocessor_.transform(FIT), learnt)


def test_calibration_rows_do_not_move_the_scaling():
    model = AnomalyModel("centroid").fit(FIT)
    scores = model.anomaly_score(TEST)
    model.calibrate(CALIBRATE.assign(a=1e6))
    np.testing.assert_array_equal(model.anomaly_score(TEST), scores)


def test_wrong_names_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'autoencoder'"):
        AnomalyModel("autoencodr").fit(FIT)
    with pytest.raises(UnknownNameError, match="Did you mean 'quantile'"):
        AnomalyModel("knn", "quantil:0.9").fit(FIT)


def test_missing_values_are_refused_or_filled_in_as_asked():
    gaps = TEST.assign(a=np.nan)
    with pytest.raises(InputError, match="impute"):
        AnomalyModel("centroid").fit(FIT).anomaly_score(gaps)
    filled = TEST.assign(a=FIT["a"].median())
    model = AnomalyModel("centroid", impute="median").fit(FIT)
    np.testing.assert_array_equal(model.anomaly_score(gaps), model.anomaly_score(filled))


def test_arrays_do_as_well_as_tables():
    rows = FIT[["a", "b", "c"]]
    by_name = AnomalyModel("knn").fit(rows).anomaly_score(TEST[["a", "b", "c"]])
    by_place = (
        AnomalyModel("knn").fit(rows.to_numpy()).anomaly_score(TEST[["a", "b", "c"]].to_numpy())
    )
    np.testing.assert_array_equal(by_place, by_name)


def test_too_few_calibration_rows_leave_the_cutoff_unset():
    model = AnomalyModel("centroid", "quantile:0.95").fit(FIT)
    with pytest.raises(InputError, match="at least 19 calibration rows"):
        model.calibrate(CALIBRATE.iloc[:18])
    with pytest.raises(UnfittedError):
        _ = model.cutoff


def test_the_promised_rate_is_met_on_fresh_normal_rows():
    # 1,000 fresh rows: the standard error of the rate is below 1.5%.
    model = AnomalyModel("knn", "quantile:0.9").fit(table(10, 500)).calibrate(table(11, 999))
    assert model.flag(table(12, 1000)).mean() == pytest.approx(0.1, abs=0.045)


def test_the_five_lines_of_the_readme():
    parts = split(datasets.load("breast_cancer"), seed=0)
    model = AnomalyModel("pca").fit(parts.fit).calibrate(parts.calibrate)
    caught = model.flag(parts.test)[parts.test_labels == 1].mean()
    assert caught > 0.5
