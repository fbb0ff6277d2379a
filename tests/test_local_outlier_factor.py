"""What the local outlier factor promises beyond the contract that every detector keeps."""

import naive
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from anomaly_lab import KNNDetector, LocalOutlierFactorDetector
from anomaly_lab.errors import InputError


def rows(n, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def clumped():
    """Rows where a group of five is equal, and another of three."""
    return np.r_[rows(12), np.full((5, 3), 2.0), np.full((3, 3), -1.0)]


@pytest.mark.parametrize("d", [2, 20])  # searched by tree and by brute force
@pytest.mark.parametrize("k", [1, 4, 20])
def test_it_is_scikit_learns_where_no_rows_are_equal(k, d):
    fit, new = rows(200, d), rows(50, d, seed=1)
    reference = LocalOutlierFactor(k, novelty=True).fit(fit)
    model = LocalOutlierFactorDetector(k).fit(fit)
    np.testing.assert_allclose(
        model.training_scores_, -reference.negative_outlier_factor_, rtol=1e-7
    )
    np.testing.assert_allclose(model.anomaly_score(new), -reference.score_samples(new), rtol=1e-7)


@pytest.mark.parametrize("fit", [rows(20), clumped()], ids=["distinct rows", "equal rows"])
@pytest.mark.parametrize("k", [1, 3, 6])
def test_it_is_the_papers_factor_with_a_least_reach(fit, k):
    new = np.r_[rows(5, seed=1), fit[-1:], fit[-1:] + 0.5]
    model = LocalOutlierFactorDetector(k).fit(fit)
    reaches = [naive.reach(fit, row, k, leave_out=i) for i, row in enumerate(fit)]
    least = sum(reaches) / len(fit) / 100
    expected = [naive.local_outlier_factor(fit, row, k, least) for row in new]
    np.testing.assert_allclose(model.anomaly_score(new), expected, rtol=1e-9)
    left_out = [
        naive.local_outlier_factor(fit, row, k, least, leave_out=i) for i, row in enumerate(fit)
    ]
    np.testing.assert_allclose(model.training_scores_, left_out, rtol=1e-9)


@pytest.mark.parametrize("d", [2, 20])
def test_equal_rows_score_one_and_rows_near_them_a_sane_number(d):
    fit = np.r_[rows(100, d), np.full((30, d), 5.0)]
    model = LocalOutlierFactorDetector().fit(fit)
    np.testing.assert_allclose(model.training_scores_[100:], 1)
    near = np.full((1, d), 5.3)
    assert 10 < model.anomaly_score(near)[0] < 200
    assert -LocalOutlierFactor(novelty=True).fit(fit).score_samples(near)[0] > 1e6


@pytest.mark.parametrize("d", [2, 20])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_where_all_rows_are_the_same_the_score_is_the_distance_and_1_at_least(d, value):
    model = LocalOutlierFactorDetector().fit(np.full((30, d), value))
    np.testing.assert_array_equal(model.training_scores_, 1)
    away = np.full((2, d), value)
    away[:, 0] += 0.5, 3
    np.testing.assert_allclose(model.anomaly_score(away), [1, 3], rtol=1e-6)


@pytest.mark.parametrize("size", [1e-6, 1e6])
def test_units_do_not_matter(size):
    fit = np.repeat(rows(30), [1] * 25 + [30] * 5, axis=0)
    new = rows(20, seed=1)
    model, scaled = (LocalOutlierFactorDetector().fit(fit * s) for s in (1, size))
    np.testing.assert_allclose(scaled.anomaly_score(new * size), model.anomaly_score(new), 1e-6)


@pytest.mark.parametrize("d", [2, 20])
def test_it_does_not_lose_its_digits_far_from_zero(d):
    fit, new = rows(200, d), rows(10, d, seed=1)
    near = LocalOutlierFactorDetector().fit(fit).anomaly_score(new)
    far = LocalOutlierFactorDetector().fit(fit + 1e8).anomaly_score(new + 1e8)
    np.testing.assert_allclose(far, near, rtol=1e-5)


def test_with_few_rows_all_others_are_neighbours():
    fit = rows(8)
    model = LocalOutlierFactorDetector().fit(fit)
    assert model.n_neighbors_ == 7
    seven = LocalOutlierFactorDetector(7).fit(fit)
    np.testing.assert_array_equal(model.training_scores_, seven.training_scores_)
    np.testing.assert_allclose(LocalOutlierFactorDetector().fit(fit[:2]).training_scores_, 1)
    assert LocalOutlierFactorDetector().fit(rows(21)).n_neighbors_ == 20


@pytest.mark.parametrize(
    "fit",
    [
        np.c_[rows(60), np.full(60, 0.1)],
        np.c_[rows(60), rows(60) @ np.ones(3)],
        np.repeat(rows(3), 20, axis=0),
        rows(12, 40),
    ],
    ids=["constant column", "linear combination", "three places", "more columns than rows"],
)
def test_scores_are_finite_and_far_rows_stand_out_on_awkward_rows(fit):
    model = LocalOutlierFactorDetector().fit(fit)
    far = model.anomaly_score(fit[:2] + 1000.0)
    assert np.isfinite(model.training_scores_).all()
    assert np.isfinite(far).all()
    assert far.min() > 10 * model.training_scores_.max()


def test_fresh_normal_rows_are_flagged_about_as_often_as_promised():
    def flagged(seed):
        fit, fresh = rows(200, 5, seed), rows(300, 5, 1000 + seed)
        return np.mean(LocalOutlierFactorDetector().fit(fit).predict(fresh) == -1)

    assert 0.04 < np.mean([flagged(seed) for seed in range(40)]) < 0.065


def test_it_finds_rows_beside_a_dense_group_that_distances_miss():
    rng = np.random.default_rng(0)

    def normal(n):
        return np.r_[0.1 * rng.normal(size=(n, 2)), [8, 0] + 2 * rng.normal(size=(n, 2))]

    fit, angle = normal(200), rng.uniform(0, 2 * np.pi, 50)
    judged = np.r_[normal(100), np.c_[np.cos(angle), np.sin(angle)]]  # around the dense group
    labels = np.repeat([0, 1], [200, 50])
    lof = roc_auc_score(labels, LocalOutlierFactorDetector().fit(fit).anomaly_score(judged))
    knn = roc_auc_score(labels, KNNDetector().fit(fit).anomaly_score(judged))
    assert lof > 0.99
    assert knn < 0.9


def test_circles_reach_the_kth_neighbours():
    fit, row = rows(50, 2) + 7, np.array([8.0, 6.0])
    ax = Figure().add_subplot()
    LocalOutlierFactorDetector(5).fit(fit)._draw(ax, row)
    *others, own = [line.get_xydata() for line in ax.lines]
    distance = naive.knn_distances(fit, row, 5)[-1]
    np.testing.assert_allclose(np.linalg.norm(own - row, axis=1), distance)
    assert len(others) == 5
    for i, circle in zip(naive.nearest_rows(fit, row, 5), others, strict=True):
        farthest = naive.knn_distances(fit, fit[i], 5, leave_out=i)[-1]
        np.testing.assert_allclose(np.linalg.norm(circle - fit[i], axis=1), farthest)


@pytest.mark.parametrize("value", [0, -3, 2.5, "many", None])
def test_settings_without_meaning_are_refused(value):
    with pytest.raises(InputError, match=f"n_neighbors must be a whole number.*, got {value!r}"):
        LocalOutlierFactorDetector(n_neighbors=value).fit(rows(30))
