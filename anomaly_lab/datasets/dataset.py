"""One data set: rows, labels, and where they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from anomaly_lab.datasets.cards import DatasetCard
from anomaly_lab.errors import InputError
from anomaly_lab.parameters import has_masked
from anomaly_lab.tables.notes import Note

RowsAndLabels = tuple[pd.DataFrame, NDArray[np.int8]]  # features (n, d); labels (n,), 1 = anomaly


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Rows with a label each; checked when made.

    Parameters
    ----------
    name : str
        Name of the data set; the file's stem for the user's own file.
    X : DataFrame of shape (n, d)
        The features: numeric, boolean, text or categorical columns under unique names, as a table
        of pandas or polars. Given a fresh index 0...n-1.
    y : array-like of shape (n,)
        The labels, stored as int8: 1 = anomaly, 0 = normal.
    sha256 : str
        SHA-256 of the source file; of the content (see `content_sha256`) where there is none.
    card : DatasetCard, optional
        What is known about a data set of the catalogue; None for the user's own file.
    notes : tuple of Note
        What was noticed that a reader of the figures should know.

    Raises
    ------
    InputError
        If there are no rows or no columns, column names repeat, the lengths differ, or a label
        is neither 0 nor 1.
    """

    name: str
    X: pd.DataFrame
    y: NDArray[np.int8]
    sha256: str
    card: DatasetCard | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "X", _checked_rows(self.name, self.X))
        object.__setattr__(self, "y", _checked_labels(self.name, self.y, len(self.X)))

    @property
    def prevalence(self) -> float:
        """Share of the rows that are anomalies, 0...1."""
        return float(self.y.mean())

    def __repr__(self) -> str:
        rows, features = self.X.shape
        return (
            f"Dataset({self.name!r}: {rows:,} rows x {features} features, "
            f"{int(self.y.sum()):,} anomalies, {self.prevalence:.2%})"
        )


def content_sha256(X: pd.DataFrame, y: NDArray[np.int8]) -> str:
    """Hash rows and labels that have no source file.

    Hashed are the column names joined by newlines (UTF-8), then each column as little-endian
    64-bit floats, then `y` as 8-bit integers.

    Parameters
    ----------
    X : DataFrame of shape (n, d)
        Numeric columns.
    y : array of shape (n,)
        Labels 0 and 1.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    digest = hashlib.sha256("\n".join(X.columns).encode())
    for column in X.columns:
        digest.update(np.ascontiguousarray(X[column], dtype="<f8").data)
    digest.update(np.ascontiguousarray(y, dtype=np.int8).data)
    return digest.hexdigest()


def _checked_rows(name: str, X: pd.DataFrame) -> pd.DataFrame:
    if hasattr(X, "to_pandas"):  # of another library
        X = X.to_pandas()
    if not isinstance(X, pd.DataFrame):
        raise InputError(
            f"{name}: X should be a pandas DataFrame, got {type(X).__name__}; "
            "wrap the rows in pd.DataFrame(rows, columns=[...])."
        )
    if 0 in X.shape:
        raise InputError(f"{name}: expected at least one row and one column, got shape {X.shape}.")
    if not all(isinstance(column, str) for column in X.columns):
        raise InputError(f"{name}: column names should be text; use X.rename(columns=str).")
    if not X.columns.is_unique:
        twice = sorted(set(X.columns[X.columns.duplicated()]))
        raise InputError(f"{name}: column names should be unique; more than once: {twice}.")
    return X.reset_index(drop=True)


def _checked_labels(name: str, y: ArrayLike, n_rows: int) -> NDArray[np.int8]:
    labels = np.asarray(y)
    if labels.shape != (n_rows,):
        raise InputError(f"{name}: expected {n_rows} labels in one dimension, got {labels.shape}.")
    if has_masked(y) or labels.dtype.kind not in "biufO" or not np.isin(labels, (0, 1)).all():
        raise InputError(f"{name}: labels should be 1 (anomaly) or 0 (normal), nothing else.")
    return labels.astype(np.int8)
