from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest

from anomaly_lab import datasets
from anomaly_lab.datasets import heartbeats, shapes, transactions
from anomaly_lab.errors import InputError

SIMULATED = [name for name in datasets.names() if datasets.card(name).kind == "simulated"]
PAYMENT = {
    "distance_from_home": 10.0,
    "distance_from_last_transaction": 1.0,
    "ratio_to_median_purchase_price": 1.0,
    "repeat_retailer": 1.0,
    "used_chip": 0.0,
    "used_pin_number": 0.0,
    "online_order": 1.0,
}
FAR, JUMP, DEAR = (
    {"distance_from_home": 101.0},
    {"distance_from_last_transaction": 51.0},
    {"ratio_to_median_purchase_price": 4.1},
)
CHIP, PIN, SHOP, NEW = (
    {"used_chip": 1.0},
    {"used_pin_number": 1.0},
    {"online_order": 0.0},
    {"repeat_retailer": 0.0},
)


@pytest.mark.parametrize("name", SIMULATED)
def test_same_seed_same_rows(name):
    first, again = (datasets.load(name, rows=300, seed=3) for _ in range(2))
    pd.testing.assert_frame_equal(first.X, again.X, check_exact=True)
    np.testing.assert_array_equal(first.y, again.y)
    other = datasets.load(name, rows=300, seed=4)
    assert other.sha256 != first.sha256 == again.sha256
    assert not np.array_equal(other.y, first.y)


@pytest.mark.parametrize("name", SIMULATED)
def test_global_random_state_is_left_alone(name):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    datasets.load(name, rows=50)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("rows", [1, 2, 17])
def test_any_number_of_rows(name, rows):
    dataset = datasets.load(name, rows=rows)
    assert len(dataset.X) == len(dataset.y) == rows
    assert np.isfinite(dataset.X.to_numpy()).all()


@pytest.mark.parametrize("rows", [0, -1, 2.5, "10", True])
def test_rows_must_be_a_positive_whole_number(rows):
    with pytest.raises(InputError, match="load: rows must be a whole number from 1 to 10,000,000"):
        datasets.load("shapes/ring", rows=rows)


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_seed_must_be_a_whole_number(seed):
    with pytest.raises(InputError, match="load: seed must be a whole number from 0"):
        datasets.load("shapes/ring", seed=seed)


@pytest.mark.parametrize(
    ("changes", "fraud"),
    [
        ({}, False),
        (DEAR, True),
        (DEAR | CHIP, True),
        (DEAR | PIN, False),
        (DEAR | SHOP, False),
        (DEAR | SHOP | NEW, True),
        (DEAR | SHOP | NEW | CHIP, False),
        (FAR, True),
        (FAR | CHIP, False),
        (FAR | SHOP, False),
        (FAR | PIN, False),
        (JUMP, True),
        (JUMP | CHIP, False),
        (JUMP | SHOP, False),
        (FAR | JUMP | CHIP | SHOP, True),
        (FAR | DEAR | CHIP | SHOP, True),
        (JUMP | DEAR | CHIP | SHOP, True),
        (FAR | JUMP | DEAR | PIN, False),
    ],
)
def test_fraud_follows_the_rules(changes, fraud):
    assert transactions.is_fraud(pd.DataFrame([PAYMENT | changes])).tolist() == [fraud]


def test_payments_are_labelled_by_the_rules():
    dataset = datasets.load("card_transactions_simulated", rows=50_000)
    np.testing.assert_array_equal(dataset.y == 1, transactions.is_fraud(dataset.X))
    assert list(dataset.X) == list(PAYMENT)
    assert dataset.prevalence == pytest.approx(0.0873, abs=0.005)  # four standard errors


def test_payments_are_distributed_as_documented():
    X = datasets.load("card_transactions_simulated", rows=100_000).X
    logs = np.log(X.iloc[:, :3])
    np.testing.assert_allclose(logs.mean(), [np.log(10), 0, 0], atol=0.025)
    np.testing.assert_allclose(logs.std(), [1.4, 1.8, 1.1], atol=0.02)
    flags = X[["used_chip", "used_pin_number", "online_order"]]
    np.testing.assert_allclose(flags.mean(), [0.35, 0.1, 0.65], atol=0.007)
    np.testing.assert_array_equal(X["repeat_retailer"], X["distance_from_home"] > 1.9)


def test_payments_resemble_the_public_ones(data_folder):
    if not (data_folder / "card_transactions/card_transdata.csv").is_file():
        pytest.skip("card_transactions is not in the folder that ANOMALY_LAB_DATA names")
    real = datasets.load("card_transactions")
    ours = datasets.load("card_transactions_simulated", rows=200_000)
    assert list(real.X) == list(ours.X)
    assert (transactions.is_fraud(real.X) != real.y).sum() == 33
    assert ours.prevalence == pytest.approx(real.prevalence, abs=0.005)
    quantiles = [0.05, 0.25, 0.5, 0.75, 0.95]
    np.testing.assert_allclose(
        np.log(ours.X.iloc[:, :3].quantile(quantiles)),
        np.log(real.X.iloc[:, :3].quantile(quantiles)),
        atol=0.06,
    )


def mean_beats() -> np.ndarray:
    rng = np.random.default_rng(0)
    kinds = range(len(heartbeats.KINDS))
    return np.array([heartbeats.beats(np.full(400, kind), rng).mean(axis=0) for kind in kinds])


def test_heartbeats_have_the_waves_of_a_heartbeat():
    normal, ventricular, depressed, weak = mean_beats()
    p, r, s, t = slice(35, 56), slice(64, 76), slice(76, 95), slice(96, 112)
    assert np.argmax(normal) == pytest.approx(70, abs=1)
    assert normal.max() == pytest.approx(1.15, abs=0.05)
    assert 0.2 < normal[p].max() < 0.4
    assert 0.3 < normal[t].max() < 0.6
    assert ventricular[t].min() < -0.2
    assert ventricular[p].max() < 0.15
    half = [(beat[r.start - 15 : r.stop + 15] > beat.max() / 2).sum() for beat in mean_beats()]
    assert half[1] > 1.5 * half[0]
    assert depressed[s].mean() < normal[s].mean() - 0.3
    assert weak[p].max() < 0.6 * normal[p].max()
    np.testing.assert_allclose(weak[60:], normal[60:], atol=0.1)


def test_a_tenth_of_the_beats_is_abnormal_in_equal_shares():
    kinds = heartbeats.draw_kinds(3000, np.random.default_rng(0))
    assert np.bincount(kinds).tolist() == [2700, 100, 100, 100]
    assert kinds[:300].max() > 0 == kinds.min()
    dataset = datasets.load("heartbeats_simulated", rows=3000)
    np.testing.assert_array_equal(dataset.y == 1, kinds > 0)
    assert dataset.X.shape == (3000, 140)


def test_integration_agrees_with_a_fine_one(monkeypatch):
    waves = tuple(
        np.array([row]) for row in (heartbeats._ANGLE, heartbeats._HEIGHT, heartbeats._WIDTH)
    )
    coarse = heartbeats._integrate(waves, np.array([0.85]))
    monkeypatch.setattr(heartbeats, "_STEPS", 200)
    fine = heartbeats._integrate(waves, np.array([0.85]))
    np.testing.assert_allclose(coarse, fine, atol=0.005)  # mV


@pytest.mark.parametrize("name", [*shapes.SHAPES, *shapes.TURNED])
def test_points_are_labelled_by_their_distance(name):
    dataset = datasets.load(f"shapes/{name}", rows=5000)
    distance = shapes.distance(name, dataset.X.to_numpy())
    assert dataset.y.sum() == 500
    assert distance[dataset.y == 0].max() <= shapes.NEAR * 1.001
    assert distance[dataset.y == 1].min() > shapes.FAR
    assert dataset.X.abs().max(axis=None) <= shapes.EDGE
    assert list(dataset.X) == ["x", "y"]


def content(name, rows):
    dataset = datasets.load(f"shapes/{name}", rows=rows)
    numbers = dataset.X.to_numpy().round(9) + 0.0  # another machine may round the last bit
    return hashlib.sha256(numbers.tobytes() + dataset.y.tobytes()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("blobs", "c825f24f0d5b"),
        ("ring", "0d9fe0ec9335"),
        ("moons", "4a5e506d0e26"),
        ("spiral", "363c69f18993"),
        ("line", "16449dca8afa"),
    ],
)
def test_the_rows_of_lessons_stay_what_they_are(name, digest):
    assert content(name, rows=500) == digest


def normal_and_anomalous(name):
    dataset = datasets.load(f"shapes/{name}", rows=3000)
    points = dataset.X.to_numpy()
    return points[dataset.y == 0], points[dataset.y == 1]


def test_distance_is_in_the_spreads_of_the_nearer_part():
    dense, wide = shapes.SHAPES["densities"].curve(np.array([0.0, 0.5]))
    off = np.array([0.2, 0.0])
    distances = shapes.distance("densities", np.array([dense, dense - off, wide + off]))
    assert distances == pytest.approx([0, 0.2 / 0.05, 0.2 / 0.25])


def test_anomalies_are_closer_to_the_dense_blob_than_wide_points_to_each_other():
    normal, anomalous = normal_and_anomalous("densities")
    dense = np.array([-0.9, -0.7])
    far = np.linalg.norm(normal - dense, axis=1) > 0.8
    wide = normal[far]
    assert wide.std(axis=0).min() > 3 * normal[~far].std(axis=0).max()
    assert 0.45 < len(wide) / len(normal) < 0.55
    assert np.linalg.norm(anomalous - dense, axis=1).max() < 0.8 < np.ptp(wide, axis=0).min()


@pytest.mark.parametrize("name", ["diagonal", "plus"])
def test_each_coordinate_of_an_anomaly_is_ordinary(name):
    normal, anomalous = normal_and_anomalous(name)
    assert (anomalous > normal.min(axis=0)).all()
    assert (anomalous < normal.max(axis=0)).all()


@pytest.mark.parametrize(("turned", "name"), shapes.TURNED.items())
def test_turned_shapes_have_the_same_points_turned(turned, name):
    first, again = (datasets.load(f"shapes/{which}", rows=50) for which in (name, turned))
    x, y = first.X.to_numpy().T
    expected = np.column_stack([x + y, y - x]) / np.sqrt(2)
    np.testing.assert_allclose(again.X, expected, atol=1e-12)
    np.testing.assert_array_equal(again.y, first.y)


def test_a_clump_is_denser_than_the_normal_points():
    normal, anomalous = normal_and_anomalous("clump")
    assert anomalous.std(axis=0).max() < 0.5 * normal.std(axis=0).min()


def test_a_disc_is_a_ring_without_the_hole():
    ring, disc = (normal_and_anomalous(name)[0] for name in ("ring", "disc"))
    assert np.abs(disc).max() == pytest.approx(np.abs(ring).max(), abs=0.05)
    radius = np.linalg.norm(disc, axis=1)
    shares = np.histogram(radius**2, bins=5, range=(0, 1))[0] / len(disc)  # of equal areas
    assert shares.min() > 0.8 * shares.max()


def test_noise_has_nothing_to_find():
    normal, anomalous = normal_and_anomalous("noise")
    assert len(anomalous) == 300
    for points in (normal, anomalous):
        np.testing.assert_allclose(points.mean(axis=0), 0, atol=0.2)  # over 3 standard errors
        np.testing.assert_allclose(np.abs(points).mean(axis=0), shapes.EDGE / 2, atol=0.1)
    assert "at random" in datasets.card("shapes/noise").notes[0]
    assert "no method can beat chance" in datasets.card("shapes/noise").task


def test_points_cover_the_whole_shape():
    ring = datasets.load("shapes/ring", rows=2000)
    normal = ring.X[ring.y == 0]
    angles = np.arctan2(normal["y"], normal["x"])
    counts, _ = np.histogram(angles, bins=12, range=(-np.pi, np.pi))
    assert counts.min() > 100
    np.testing.assert_allclose(np.hypot(normal["x"], normal["y"]), 1.1, atol=0.15)
