"""Each method against a slow, obvious reference, and how detectors are found."""

from __future__ import annotations

import subprocess
import sys
from itertools import count

import naive
import numpy as np
import pytest
from sklearn.ensemble import IsolationForest

from anomaly_lab import all_detectors, get_detector
from anomaly_lab.contract import Detector
from anomaly_lab.detectors import (
    CentroidDetector,
    IsolationForestDetector,
    KNNDetector,
    PCADetector,
    knn,
)
from anomaly_lab.errors import AnomalyLabError, InputError, UnknownNameError


def rows(n: int = 120, d: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


FIT, NEW = rows(), rows(seed=0)[:20] + np.random.default_rng(1).normal(size=(20, 5))


# --- Distance to the mean ------------------------------------------------------------------------


def test_centroid_is_the_squared_distance_to_the_mean():
    scores = CentroidDetector().fit(FIT).anomaly_score(NEW)
    mean = [sum(column) / len(FIT) for column in FIT.T]
    for row, score in zip(NEW, scores, strict=True):
        assert score == pytest.approx(sum((row - mean) ** 2), rel=1e-12)


# --- Principal components ------------------------------------------------------------------------


def residual(fit: np.ndarray, new: np.ndarray, k: int) -> np.ndarray:
    """What is left of each row beside the k leading eigenvectors of the covariance."""
    values, vectors = np.linalg.eigh(np.cov(fit.T, ddof=1))
    left_out = vectors[:, np.argsort(values)[: fit.shape[1] - k]]
    return (((new - fit.mean(axis=0)) @ left_out) ** 2).sum(axis=1)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_pca_is_the_squared_distance_to_the_plane(k):
    model = PCADetector(n_components=k).fit(FIT)
    np.testing.assert_allclose(model.anomaly_score(NEW), residual(FIT, NEW, k), rtol=1e-8)
    np.testing.assert_allclose(model.training_scores_, residual(FIT, FIT, k), rtol=1e-8)
    np.testing.assert_allclose(model.components_ @ model.components_.T, np.eye(k), atol=1e-12)


@pytest.mark.parametrize("variance", [0.1, 0.5, 0.7, 0.9, 0.999999])
def test_pca_keeps_the_fewest_components_that_hold_the_share(variance):
    values = np.linalg.eigvalsh(np.cov(FIT.T))[::-1]
    share = np.cumsum(values) / values.sum()
    k = next(k for k in count(1) if share[k - 1] >= variance or k == 4)
    model = PCADetector(variance=variance).fit(FIT)
    assert model.components_.shape == (k, 5)
    np.testing.assert_allclose(model.explained_variance_ratio_, values[:k] / values.sum())
    np.testing.assert_allclose(model.anomaly_score(NEW), residual(FIT, NEW, k), rtol=1e-8)


@pytest.mark.parametrize("offset", [1e4, 1e6])
@pytest.mark.parametrize("distance", ["residual", "mahalanobis"])
def test_pca_does_not_lose_its_digits_far_from_zero(distance, offset):
    near = PCADetector(distance=distance).fit(FIT).anomaly_score(NEW)
    far = PCADetector(distance=distance).fit(FIT + offset).anomaly_score(NEW + offset)
    np.testing.assert_allclose(far, near, rtol=1e-14 * offset * 100)


def test_mahalanobis_is_the_mahalanobis_distance():
    fit = np.random.default_rng(0).normal(size=(300, 4)) @ (np.eye(4) + 0.3)
    new = np.random.default_rng(1).normal(size=(20, 4)) * 3
    # Well conditioned: no variance comes near the floor of 1% of the mean one.
    values = np.linalg.eigvalsh(np.cov(fit.T))
    assert values.min() > 0.05 * values.mean()
    centered = new - fit.mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", centered, np.linalg.inv(np.cov(fit.T)), centered)
    model = PCADetector(distance="mahalanobis").fit(fit)
    np.testing.assert_allclose(model.anomaly_score(new), expected, rtol=1e-9)
    np.testing.assert_allclose(model.contributions(new).sum(axis=1), expected, rtol=1e-9)


@pytest.mark.parametrize("n", [4, 200])
def test_mahalanobis_raises_small_variances_to_the_floor(n):
    # The last direction never varies; with n = 4 the rows span three of six directions at most.
    fit = np.random.default_rng(0).normal(size=(n, 6)) * [5, 3, 2, 1, 1, 0]
    new = np.random.default_rng(1).normal(size=(9, 6))
    covariance = np.cov(fit.T)
    values, vectors = np.linalg.eigh(covariance)
    raised = np.maximum(values, 0.01 * np.trace(covariance) / 6)
    expected = (((new - fit.mean(axis=0)) @ vectors) ** 2 / raised).sum(axis=1)
    model = PCADetector(distance="mahalanobis").fit(fit)
    np.testing.assert_allclose(model.anomaly_score(new), expected, rtol=1e-8)


AWKWARD = {
    "constant column": np.column_stack([FIT, np.full(120, 3.0)]),
    "duplicate column": np.column_stack([FIT, FIT[:, 0]]),
    "linear combination": np.column_stack([FIT, FIT @ np.ones(5)]),
    "more columns than rows": rows(8, 40),
    "two rows": rows(2, 3),
    "as many rows as columns": rows(5, 5),
    "one column": FIT[:, :1],
    "all rows the same": np.full((10, 3), 4.0),
    "duplicate rows": np.repeat(FIT[:4], 20, axis=0),
}


@pytest.mark.parametrize("distance", ["residual", "mahalanobis"])
@pytest.mark.parametrize("fit", AWKWARD.values(), ids=AWKWARD)
def test_pca_is_finite_and_tells_far_rows_on_awkward_data(fit, distance):
    model = PCADetector(distance=distance).fit(fit)
    far = fit[:2] + 1000 * np.random.default_rng(5).normal(size=fit.shape[1])
    assert np.isfinite(model.training_scores_).all()
    assert np.isfinite(model.anomaly_score(far)).all()
    assert model.anomaly_score(far).min() > 100 * (model.training_scores_.max() + 1e-9)


@pytest.mark.parametrize("distance", ["residual", "mahalanobis"])
def test_pca_sees_a_break_in_every_feature_that_was_constant(distance):
    model = PCADetector(distance=distance).fit(np.full((10, 3), 4.0))
    scores = model.anomaly_score([[4, 4, 4], [5, 4, 4], [4, 5, 4], [4, 4, 5]])
    np.testing.assert_allclose(scores, [0, 1, 1, 1], atol=1e-12)


def test_pca_of_one_feature_is_the_distance_to_the_mean():
    one = FIT[:, :1]
    expected = CentroidDetector().fit(one).anomaly_score(NEW[:, :1])
    np.testing.assert_allclose(PCADetector().fit(one).anomaly_score(NEW[:, :1]), expected)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"variance": 0}, "variance must be a number above 0 and below 1"),
        ({"variance": 1}, "variance must be a number above 0 and below 1"),
        ({"variance": float("nan")}, "variance must be a number above 0 and below 1"),
        ({"n_components": 0}, "n_components must be a whole number.* got 0"),
        ({"n_components": 5}, "below n_features=5, got 5"),
        ({"n_components": 1.5}, r"n_components must be a whole number.* got 1\.5"),
        ({"distance": "euclidean"}, "one of 'residual', 'mahalanobis', got 'euclidean'"),
    ],
    ids=str,
)
def test_pca_refuses_settings_without_meaning(settings, told):
    with pytest.raises(InputError, match=told):
        PCADetector(**settings).fit(FIT)


# --- Nearest neighbours --------------------------------------------------------------------------

REDUCE = {"largest": max, "mean": lambda d: sum(d) / len(d), "median": naive.median}


@pytest.mark.parametrize("method", REDUCE)
@pytest.mark.parametrize("k", [1, 4])
@pytest.mark.parametrize("d", [2, 20])  # searched by tree and by brute force
def test_knn_is_the_distance_to_the_neighbours(method, k, d):
    fit, new = rows(40, d), rows(10, d, seed=0) + 0.1
    model = KNNDetector(n_neighbors=k, method=method).fit(fit)
    expected = [REDUCE[method](naive.knn_distances(fit, row, k)) for row in new]
    np.testing.assert_allclose(model.anomaly_score(new), expected, rtol=1e-7)
    left_out = [
        REDUCE[method](naive.knn_distances(fit, row, k, leave_out=i)) for i, row in enumerate(fit)
    ]
    np.testing.assert_allclose(model.training_scores_, left_out, rtol=1e-7)


def test_knn_counts_duplicates_as_neighbours_and_never_a_row_itself():
    fit = np.repeat(np.array([[0.0, 0.0], [3.0, 4.0], [30.0, 40.0]]), [3, 2, 1], axis=0)
    model = KNNDetector(n_neighbors=2).fit(fit)
    expected = [max(naive.knn_distances(fit, row, 2, leave_out=i)) for i, row in enumerate(fit)]
    np.testing.assert_allclose(model.training_scores_, expected, atol=1e-12)
    assert expected == [0, 0, 0, 5, 5, 45]
    np.testing.assert_allclose(model.anomaly_score(fit), [0, 0, 0, 0, 0, 45], atol=1e-12)


@pytest.mark.parametrize("n", [6, 7, 8, 14, 15])
def test_knn_scores_the_same_in_blocks(monkeypatch, n):
    model = KNNDetector().fit(FIT)
    whole = model.anomaly_score(NEW[:n])
    monkeypatch.setattr(knn, "_BLOCK", 7)
    np.testing.assert_allclose(model.anomaly_score(NEW[:n]), whole, rtol=1e-12)


@pytest.mark.parametrize("d", [2, 20])
def test_knn_does_not_lose_its_digits_far_from_zero(d):
    fit, new = rows(200, d), rows(10, d) + 0.1
    near = KNNDetector().fit(fit).anomaly_score(new)
    far = KNNDetector().fit(fit + 1e8).anomaly_score(new + 1e8)
    np.testing.assert_allclose(far, near, rtol=1e-5)


def test_knn_needs_more_rows_than_neighbours():
    with pytest.raises(InputError, match="at least 6 fitting rows, got n_samples = 5"):
        KNNDetector(n_neighbors=5).fit(FIT[:5])
    assert np.isfinite(KNNDetector(n_neighbors=5).fit(FIT[:6]).training_scores_).all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"n_neighbors": 0}, "a whole number .* got 0"),
        ({"n_neighbors": 2.5}, r"a whole number .* got 2\.5"),
        ({"method": "max"}, "one of 'largest', 'mean', 'median', got 'max'"),
    ],
    ids=str,
)
def test_knn_refuses_settings_without_meaning(settings, told):
    with pytest.raises(InputError, match=told):
        KNNDetector(**settings).fit(FIT)


# --- Isolation forest ----------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "drawn"), [(120, 120), (400, 256)])
def test_isolation_forest_is_scikit_learns_with_the_sign_turned(n, drawn):
    fit = rows(n)
    reference = IsolationForest(n_estimators=30, max_samples=drawn, random_state=3).fit(fit)
    model = IsolationForestDetector(n_estimators=30, random_state=3).fit(fit)
    np.testing.assert_array_equal(model.anomaly_score(NEW), -reference.score_samples(NEW))
    np.testing.assert_array_equal(model.training_scores_, -reference.score_samples(fit))
    other = IsolationForestDetector(n_estimators=30, random_state=4).fit(fit)
    assert (other.anomaly_score(NEW) != model.anomaly_score(NEW)).any()


@pytest.mark.parametrize("name", ["n_estimators", "max_samples"])
@pytest.mark.parametrize("value", [0, 2.5, "many", None])
def test_isolation_forest_refuses_settings_without_meaning(name, value):
    with pytest.raises(
        InputError, match=f"{name} must be a whole number from 1 to .*, got {value!r}"
    ):
        IsolationForestDetector(**{name: value}).fit(FIT)


# --- The cutoff of a detector on its own ---------------------------------------------------------


def test_the_cutoff_is_a_quantile_of_the_training_scores():
    model = CentroidDetector().fit(FIT)
    assert -model.offset_ == np.quantile(model.training_scores_, 0.95)
    assert (model.predict(FIT) == -1).sum() == 6  # 5% of 120


# --- How detectors are found ---------------------------------------------------------------------


def test_names_lead_to_classes():
    found = all_detectors()
    assert list(found) == sorted(found)
    for name, detector in found.items():
        assert detector.card.name == name
        assert get_detector(name) is detector
    with pytest.raises(UnknownNameError, match=r"no detector named 'KNN'\. Did you mean 'knn'"):
        get_detector("KNN")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'isolation_forest'.*Known: auto"):
        get_detector("isolation-forest")


DETECTOR = """
from dataclasses import replace
from anomaly_lab.contract import Detector
from anomaly_lab.detectors import CentroidDetector

class Tilted(CentroidDetector):
    card = replace(CentroidDetector.card, name={name!r})

class Bare(Detector):
    pass

number = 3
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that makes an entry point visible, as an installed package would."""
    names = count()

    def install_(target: str, code: str) -> str:
        module = f"planted_{tmp_path.name.replace('-', '_')}_{next(names)}"
        (tmp_path / f"{module}.py").write_text(code)
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[anomaly_lab.detectors]\nplanted = {module}:{target}\n"
        )
        return module

    monkeypatch.syspath_prepend(str(tmp_path))
    return install_


def test_an_entry_point_adds_a_detector(install):
    module = install("Tilted", DETECTOR.format(name="tilted"))
    tilted = get_detector("tilted")
    assert tilted.__module__ == module
    assert issubclass(tilted, Detector)
    assert set(all_detectors()) > {"tilted", "knn", "autoencoder"}


def test_a_name_given_twice_is_an_error(install):
    module = install("Tilted", DETECTOR.format(name="knn"))
    with pytest.raises(
        AnomalyLabError, match=rf"named 'knn': .*knn\.KNNDetector and {module}\.Tilted"
    ):
        all_detectors()


def test_one_class_under_two_entry_points_is_no_quarrel(install):
    first = install("Tilted", DETECTOR.format(name="tilted"))
    install("Tilted", f"from {first} import Tilted")
    assert get_detector("tilted").__module__ == first


@pytest.mark.parametrize(
    ("target", "code", "told"),
    [
        ("Tilted", "import a_package_that_is_not_there", "cannot be imported: No module named"),
        ("Tilted", "1 / 0", "cannot be imported: division by zero"),
        ("Missing", DETECTOR.format(name="tilted"), "cannot be imported: .*Missing"),
        ("number", DETECTOR.format(name="tilted"), "must name a class that derives.*got 3"),
        ("Bare", DETECTOR.format(name="tilted"), "has a card"),
        ("Detector", DETECTOR.format(name="tilted"), "has a card"),
    ],
    ids=["missing import", "broken", "missing name", "number", "no card", "the base itself"],
)
def test_an_entry_point_that_is_no_detector_is_told(install, target, code, told):
    install(target, code)
    with pytest.raises(AnomalyLabError, match=f"'planted'.*{told}"):
        all_detectors()


def test_finding_the_detectors_imports_no_keras():
    code = (
        "import sys; from anomaly_lab import all_detectors; "
        "[detector() for detector in all_detectors().values()]; "
        "print({'keras', 'jax', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"
