"""Data set -> fit / calibrate / test, with labels in the test part alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomaly_lab.datasets import Dataset
from anomaly_lab.errors import InputError
from anomaly_lab.parameters import Bounds, Seed, Share, checked

Labels = npt.NDArray[np.int8]
Index = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Split:
    """The parts of a data set, each for one purpose.

    The parts to fit and calibrate on carry no labels, so nothing that learns from them can peek.

    Parameters
    ----------
    fit : DataFrame of shape (n_fit, d)
        Rows to learn from: normal rows, and the share of anomalies that was asked for.
    calibrate : DataFrame of shape (n_calibrate, d)
        Normal rows that set the cutoff.
    test : DataFrame of shape (n_test, d)
        Rows to be judged on, with the data set's own share of anomalies.
    test_labels : ndarray of shape (n_test,)
        1 = anomaly, 0 = normal.
    validation : DataFrame of shape (n_validation, d), optional
        Labelled rows for the rules that need labels to set a cutoff; never test rows.
    validation_labels : ndarray of shape (n_validation,), optional
        1 = anomaly, 0 = normal.
    """

    fit: pd.DataFrame
    calibrate: pd.DataFrame
    test: pd.DataFrame
    test_labels: Labels
    validation: pd.DataFrame | None = None
    validation_labels: Labels | None = None

    @property
    def leaked(self) -> float:
        """Share of the test rows that are exact copies of a fitting row."""
        seen = pd.util.hash_pandas_object(self.fit, index=False)
        return float(pd.util.hash_pandas_object(self.test, index=False).isin(seen).mean())


@checked
def split(
    dataset: Dataset,
    *,
    seed: Seed = 0,
    test: Share = 0.3,
    calibrate: Share = 0.25,
    contamination: Annotated[float, Bounds(low=0, below=0.5)] = 0.0,
    validation: Annotated[float, Bounds(low=0, below=1)] = 0.0,
) -> Split:
    """Split a data set at random into rows to fit, to calibrate and to test on.

    Parameters
    ----------
    dataset : Dataset
        Rows and labels.
    seed : int, default 0
        Seed of the random choice.
    test : float, default 0.3
        Share of the normal rows, and of the anomalies, that is set aside for testing.
    calibrate : float, default 0.25
        Share of the other normal rows that sets the cutoff.
    contamination : float, default 0
        Share of anomalies among the fitting rows, unlabelled; in [0, 0.5).
    validation : float, default 0
        Share of the rows that are not for testing, of either class, set aside with their labels for
        rules such as `Cost` and `BestF`.

    Returns
    -------
    Split

    Raises
    ------
    InputError
        Where a share has no meaning, or a part would be left without rows.
    """
    rng = np.random.default_rng(int(seed))
    normal = rng.permutation(np.flatnonzero(dataset.y == 0))
    anomalous = rng.permutation(np.flatnonzero(dataset.y == 1))

    test_normal, normal = _cut(normal, test)
    test_anomalous, anomalous = _cut(anomalous, test)
    valid_normal, normal = _cut(normal, validation)
    valid_anomalous, anomalous = _cut(anomalous, validation)
    calibrate_rows, fit_rows = _cut(normal, calibrate)
    hidden = _contaminants(anomalous, len(fit_rows), contamination)
    if len(fit_rows) < 2:
        raise InputError(
            f"{dataset.name}: too few normal rows to split: {np.sum(dataset.y == 0)} of "
            f"{len(dataset.y)} rows are normal, and {len(fit_rows)} would be left to fit on. "
            "At least 2 are needed, and hundreds for a result worth reading."
        )

    def take(*parts: Index) -> pd.DataFrame:
        return dataset.X.iloc[rng.permutation(np.concatenate(parts))]

    held = rng.permutation(np.concatenate([test_normal, test_anomalous]))
    valid = rng.permutation(np.concatenate([valid_normal, valid_anomalous]))
    return Split(
        fit=take(fit_rows, hidden),
        calibrate=take(calibrate_rows),
        test=dataset.X.iloc[held],
        test_labels=dataset.y[held],
        validation=dataset.X.iloc[valid] if validation else None,
        validation_labels=dataset.y[valid] if validation else None,
    )


def _cut(rows: Index, share: float) -> tuple[Index, Index]:
    """Return the first `share` of the rows (at least one where there are two), and the rest."""
    n = round(share * len(rows))
    if share > 0 and len(rows) > 1:
        n = min(max(n, 1), len(rows) - 1)
    elif share > 0:
        n = len(rows)  # a lone row is for testing
    return rows[:n], rows[n:]


def _contaminants(anomalous: Index, n_fit: int, contamination: float) -> Index:
    n = round(contamination / (1 - contamination) * n_fit)
    if n > len(anomalous):
        most = math.floor(1000 * len(anomalous) / (len(anomalous) + n_fit)) / 1000
        raise InputError(
            f"contamination={contamination} needs {n} anomalies among the fitting rows, and "
            f"{len(anomalous)} are left beside the test rows. At most {most:.3f} is possible."
        )
    return anomalous[:n]
