"""The parts are disjoint, as large as asked for, and nothing of the test part gets elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from anomaly_lab import split
from anomaly_lab.datasets import Dataset
from anomaly_lab.errors import InputError


def dataset(n_normal: int, n_anomalies: int, **columns) -> Dataset:
    n = n_normal + n_anomalies
    rng = np.random.default_rng(7)
    labels = rng.permutation(np.repeat([0, 1], [n_normal, n_anomalies]))
    rows = pd.DataFrame({"row": np.arange(n, dtype=float), "label": labels.astype(float)})
    return Dataset("planted", rows.assign(**columns), labels, "0" * 64)


DATA = dataset(700, 61)


def parts_of(parts):
    named = {"fit": parts.fit, "calibrate": parts.calibrate, "test": parts.test}
    return named if parts.validation is None else {**named, "validation": parts.validation}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("contamination", [0, 0.03])
@pytest.mark.parametrize("validation", [0, 0.2])
def test_parts_are_disjoint_rows_of_the_data_set(seed, contamination, validation):
    parts = split(DATA, seed=seed, contamination=contamination, validation=validation)
    numbers = np.concatenate([part.index for part in parts_of(parts).values()])
    assert len(set(numbers)) == len(numbers)
    for part in parts_of(parts).values():
        pd.testing.assert_frame_equal(part, DATA.X.loc[part.index])
    np.testing.assert_array_equal(parts.test_labels, DATA.y[parts.test.index])


def test_every_normal_row_has_a_place():
    parts = split(DATA, validation=0.2)
    placed = set().union(*(part.index for part in parts_of(parts).values()))
    assert set(np.flatnonzero(DATA.y == 0)) <= placed


def test_sizes_are_the_shares_asked_for():
    parts = split(DATA, test=0.3, calibrate=0.25)
    normal = round(0.3 * 700)
    calibrate = round(0.25 * (700 - normal))
    assert (parts.test_labels == 0).sum() == normal
    assert (parts.test_labels == 1).sum() == round(0.3 * 61)
    assert (len(parts.calibrate), len(parts.fit)) == (calibrate, 700 - normal - calibrate)


@pytest.mark.parametrize(("n_normal", "n_anomalies"), [(700, 61), (999, 11), (50, 3), (20, 400)])
def test_the_test_part_has_the_prevalence_of_the_data_set(n_normal, n_anomalies):
    data = dataset(n_normal, n_anomalies)
    labels = split(data, test=0.3).test_labels
    # Each class is rounded by less than one row.
    assert abs(labels.sum() - data.prevalence * len(labels)) < 1


def test_rows_to_fit_and_calibrate_on_are_normal_and_carry_no_labels():
    parts = split(DATA)
    assert (DATA.y[parts.fit.index] == 0).all()
    assert (DATA.y[parts.calibrate.index] == 0).all()
    assert parts.validation is None
    assert parts.validation_labels is None


@pytest.mark.parametrize("contamination", [0.01, 0.05, 0.08])
def test_contamination_is_the_share_asked_for_and_leaves_the_test_part_alone(contamination):
    clean, hidden = split(DATA, seed=3), split(DATA, seed=3, contamination=contamination)
    anomalies = DATA.y[hidden.fit.index].sum()
    # The nearest count: one row more or less would be further from the share.
    n_normal = len(hidden.fit) - anomalies
    off = [abs((a / (a + n_normal)) - contamination) for a in anomalies + np.array([-1, 0, 1])]
    assert np.argmin(off) == 1
    assert set(hidden.test.index) == set(clean.test.index)
    assert set(hidden.calibrate.index) == set(clean.calibrate.index)
    assert (DATA.y[hidden.calibrate.index] == 0).all()


@pytest.mark.parametrize(
    ("n_normal", "n_anomalies"), [(955, 45), (9350, 650), (293, 7), (18766, 1234), (131, 9)]
)
def test_too_much_contamination_is_refused_with_the_most_that_is_possible(n_normal, n_anomalies):
    data = dataset(n_normal, n_anomalies)
    with pytest.raises(InputError, match=r"At most 0\.\d+ is possible") as refusal:
        split(data, contamination=0.49)
    most = float(str(refusal.value).split("At most ")[1].split()[0])
    split(data, contamination=most)
    with pytest.raises(InputError, match="At most"):
        split(data, contamination=most + 0.001 + 2 / n_normal)  # a row more than there is


def test_the_validation_part_holds_labelled_rows_of_both_kinds():
    parts = split(DATA, validation=0.2)
    np.testing.assert_array_equal(parts.validation_labels, DATA.y[parts.validation.index])
    n_normal, n_anomalies = 700 - round(0.3 * 700), 61 - round(0.3 * 61)
    assert (parts.validation_labels == 0).sum() == round(0.2 * n_normal)
    assert (parts.validation_labels == 1).sum() == round(0.2 * n_anomalies)


def test_a_seed_gives_the_same_split_and_another_seed_another():
    once, again, other = split(DATA, seed=1), split(DATA, seed=1), split(DATA, seed=2)
    for name, part in parts_of(once).items():
        pd.testing.assert_frame_equal(part, parts_of(again)[name])
        assert set(part.index) != set(parts_of(other)[name].index)


def test_no_part_is_in_the_order_of_the_data_set_or_of_the_labels():
    parts = split(DATA, validation=0.2, contamination=0.03)
    for part in parts_of(parts).values():
        assert not part.index.is_monotonic_increasing
    for labels in (parts.test_labels, parts.validation_labels, DATA.y[parts.fit.index]):
        assert np.count_nonzero(np.diff(labels)) > 1  # classes are mixed


@pytest.mark.parametrize(
    ("n_normal", "n_anomalies", "n_test"), [(4, 1, (1, 1)), (4, 2, (1, 1)), (5, 0, (2, 0))]
)
def test_tiny_data_sets_are_split(n_normal, n_anomalies, n_test):
    parts = split(dataset(n_normal, n_anomalies))
    counts = np.bincount(parts.test_labels, minlength=2)
    assert tuple(counts) == n_test
    assert len(parts.calibrate) >= 1
    assert len(parts.fit) >= 2


@pytest.mark.parametrize("n_normal", [0, 1, 2, 3])
def test_too_few_normal_rows_are_refused(n_normal):
    with pytest.raises(InputError, match=f"too few normal rows to split: {n_normal} of"):
        split(dataset(n_normal, 3))


def test_a_lone_anomaly_is_for_testing_not_for_validation():
    parts = split(dataset(40, 1), validation=0.2)
    assert parts.test_labels.sum() == 1
    assert parts.validation_labels.sum() == 0


@pytest.mark.parametrize(
    "shares",
    [
        {"test": 0},
        {"test": 1},
        {"test": float("nan")},
        {"calibrate": 0},
        {"calibrate": 1.2},
        {"contamination": 0.5},
        {"contamination": -0.1},
        {"contamination": float("nan")},
        {"validation": 1},
        {"validation": -0.1},
        {"seed": -1},
    ],
    ids=str,
)
def test_shares_without_meaning_are_refused(shares):
    (name,) = shares
    with pytest.raises(InputError, match=f"^split: {name} must"):
        split(DATA, **shares)


@pytest.mark.parametrize("dtype", ["str", "category", "string"])
def test_leaked_counts_exact_copies_of_fitting_rows(dtype):
    # 400 rows, all different but for the label column: then the test rows named here get copies.
    n = 400
    text = pd.Series([f"text {i}" for i in range(n)])
    data = dataset(360, 40, text=text.astype(dtype))
    parts = split(data, seed=5)
    assert parts.leaked == 0
    rows = data.X.assign(text=text)
    copied = parts.test.index[:30]
    rows.loc[copied] = rows.loc[parts.fit.index[:30]].to_numpy()
    rows.loc[parts.test.index[30], "row"] = rows.loc[parts.fit.index[30], "row"]  # not in full
    rows = rows.astype({"row": float, "label": float, "text": dtype})
    again = split(Dataset("copies", rows, data.y, "0" * 64), seed=5)
    assert again.leaked == pytest.approx(30 / len(parts.test), abs=1e-12)
