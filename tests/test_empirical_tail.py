"""What the empirical tails promise beyond the contract that every detector keeps."""

import naive
import numpy as np
import pytest
from matplotlib.figure import Figure

from anomaly_lab import EmpiricalTailDetector


def rows(n, d=4, seed=0):
    """Rows whose features are skewed to the right, to the left, and to neither side."""
    normal = np.random.default_rng(seed).normal(size=(n, d))
    normal[:, 0] = np.exp(normal[:, 0])
    normal[:, 1] = -np.exp(normal[:, 1])
    return normal


FIT = rows(60)
NEW = np.r_[rows(15, seed=1), FIT[:5], 100 * rows(3, seed=2)]
AWKWARD = {
    "skewed features": FIT,
    "whole numbers": np.round(FIT),
    "constant columns": np.c_[FIT[:, :2], np.full((60, 2), 0.1)],
    "linear combination": np.c_[FIT[:, :3], FIT[:, :3] @ np.ones(3)],
    "equal rows": np.repeat(FIT[:3], 20, axis=0),
    "two rows": FIT[:2],
    "all rows the same": np.full((10, 4), 0.1),
}


@pytest.mark.parametrize("fit", AWKWARD.values(), ids=AWKWARD)
def test_the_score_is_the_largest_of_the_papers_three_sums(fit):
    model = EmpiricalTailDetector().fit(fit)
    new = [max(map(sum, naive.tail_terms(fit, row, new=True))) for row in NEW]
    np.testing.assert_allclose(model.anomaly_score(NEW), new, rtol=1e-12, atol=1e-12)
    seen = [max(map(sum, naive.tail_terms(fit, row, new=False))) for row in fit]
    np.testing.assert_allclose(model.training_scores_, seen, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fit", AWKWARD.values(), ids=AWKWARD)
def test_contributions_are_the_terms_of_the_largest_sum(fit):
    model = EmpiricalTailDetector().fit(fit)
    errors = model.contributions(NEW)
    np.testing.assert_allclose(errors.sum(axis=1), model.anomaly_score(NEW), rtol=1e-12)
    for row, terms in zip(NEW, errors, strict=True):
        sums = naive.tail_terms(fit, row, new=True)
        largest = max(map(sum, sums))
        candidates = [known for known in sums if np.isclose(sum(known), largest)]
        assert any(np.allclose(terms, known, atol=1e-12) for known in candidates)


def test_skewness_is_told():
    skewed = np.array([[0.0, 0.0, 0.0, -0.1]] * 9 + [[1.0, -1.0, 0.0, -0.1]])
    assert EmpiricalTailDetector().fit(skewed).left_skewed_.tolist() == [False, True, False, False]


@pytest.mark.parametrize("size", [1e-130, 1e130])
def test_units_do_not_matter(size):
    scaled = EmpiricalTailDetector().fit(FIT * size)
    expected = EmpiricalTailDetector().fit(FIT).anomaly_score(NEW)
    np.testing.assert_array_equal(scaled.anomaly_score(NEW * size), expected)


def test_beyond_all_fitting_rows_the_score_is_capped():
    model = EmpiricalTailDetector().fit(FIT)
    further = np.array([[1e-9], [1.0], [1e130]])
    for far in (FIT.max(axis=0) + further, FIT.min(axis=0) - further):
        np.testing.assert_allclose(model.anomaly_score(far), 4 * np.log(61))


def test_far_out_on_opposite_sides_adds_up_only_along_the_skewness():
    model = EmpiricalTailDetector().fit(FIT[:, :2])  # skewed to the right and to the left
    middle = np.median(FIT[:, :2], axis=0)
    far = np.array([9, -9])
    outward, inward = model.anomaly_score([middle + far, middle - far])
    assert outward == pytest.approx(2 * np.log(61))
    assert np.log(61) <= inward < np.log(61) + np.log(2.1)  # one far out, one in the middle


@pytest.mark.parametrize(
    ("row", "right", "up"), [((3, 2), True, True), ((-3, -2), False, False), ((4, -4), True, False)]
)
def test_what_lies_further_out_is_shaded(row, right, up):
    ax = Figure().add_subplot()
    ax.set(xlim=(-5, 6), ylim=(-7, 8))
    EmpiricalTailDetector().fit(FIT[:, :2])._draw(ax, np.array(row, float))
    across, along = (band.get_bbox() for band in ax.patches)
    assert sorted([across.x0, across.x1]) == ([row[0], 6] if right else [-5, row[0]])
    assert sorted([along.y0, along.y1]) == ([row[1], 8] if up else [-7, row[1]])


@pytest.mark.parametrize(("n", "d"), [(200, 10), (50, 5), (200, 1)])
def test_fresh_normal_rows_are_flagged_about_as_often_as_promised(n, d):
    def flagged(seed):
        rng = np.random.default_rng(seed)
        model = EmpiricalTailDetector().fit(rng.normal(size=(n, d)))
        return np.mean(model.predict(rng.normal(size=(500, d))) == -1)

    assert 0.04 < np.mean([flagged(seed) for seed in range(60)]) < 0.065
