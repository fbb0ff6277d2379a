"""The user's own table: read it, check it, say plainly what is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pooch

from anomaly_lab.datasets.dataset import Dataset
from anomaly_lab.errors import InputError, hint
from anomaly_lab.paths import located
from anomaly_lab.tables.columns import features, labels, listed, notes
from anomaly_lab.tables.kinds import suffix
from anomaly_lab.tables.reading import read


def read_table(
    path: str | Path,
    *,
    label: str,
    normal: object = None,
    drop: str | Sequence[str] = (),
) -> Dataset:
    """Read a CSV, CSV.gz or Parquet file with a header and one label column.

    Missing values in the features are left in place: a model imputes them or refuses them.

    Parameters
    ----------
    path : str or Path
        The file.
    label : str
        Name of the label column.
    normal : object, optional
        The label of normal rows; every other label is then an anomaly. Without it the labels
        must be 0 and 1 or False and True, where 1 and True are anomalies.
    drop : str or sequence of str
        Columns to leave out.

    Returns
    -------
    Dataset
        Numbers, booleans, and text columns of at most 50 different values. Its `notes` name
        columns that only count the rows.

    Raises
    ------
    InputError
        If the file, its label or a feature cannot be used; the message says what to do.
    """
    path = located(path)
    drop = [drop] if isinstance(drop, str) else list(drop)
    frame = read(path)
    _check_columns(path, frame, label, drop)
    y = labels(frame[label], normal)
    X = features(frame.drop(columns=[label, *drop]), label)
    name = path.name[: -len(suffix(path))]
    return Dataset(name, X, y, pooch.file_hash(str(path)), notes=notes(X))


def _check_columns(path: Path, frame: pd.DataFrame, label: str, drop: Sequence[str]) -> None:
    for column in (label, *drop):
        if column not in frame:
            raise InputError(
                f"{path} has no column {column!r}.{hint(column, frame.columns)} "
                f"Its columns: {listed(frame, 20)}."
            )
    if label in drop:
        raise InputError(f"Column {label!r} cannot be both the label and dropped; choose one.")
