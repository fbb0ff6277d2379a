"""The user's own table: read it, check it, say plainly what is in the way."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd
import pooch

from anomaly_lab.datasets.dataset import Dataset
from anomaly_lab.errors import InputError, hint
from anomaly_lab.parameters import checked
from anomaly_lab.paths import located
from anomaly_lab.tables.kinds import suffix
from anomaly_lab.tables.labels import labels
from anomaly_lab.tables.notes import listed
from anomaly_lab.tables.noticing import notice
from anomaly_lab.tables.reading import How, read
from anomaly_lab.tables.schema import learn


@checked
def read_table(
    path: str | PathLike[str],
    *,
    label: str,
    normal: object = None,
    drop: str | Sequence[str] = (),
    sep: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
    missing: str | float | Sequence[str | float] | None = None,
    header: bool = True,
) -> Dataset:
    """Read a CSV, CSV.gz or Parquet file with one label column.

    How a CSV file is written is noticed, unless it is said. Missing values in the features are
    left in place: a model imputes them or refuses them.

    Parameters
    ----------
    path : str or path-like
        The file.
    label : str
        Name of the label column.
    normal : object, optional
        The label of normal rows; every other label is then an anomaly. Without it the labels
        must be 0 and 1 or False and True, where 1 and True are anomalies.
    drop : str or sequence of str
        Columns to leave out.
    sep : str, optional
        What separates the columns, one character.
    decimal : {None, ".", ","}
        The decimal sign.
    encoding : str, optional
        How the text is encoded, such as ``"cp1252"``.
    missing : str, number or sequence of these, optional
        Cells that mean that there is no value, besides empty ones. By default usual markers among
        numbers do, such as ``?`` and ``NA``; among categories they are asked about.
    header : bool, default True
        Whether the first line holds the names; else the columns are named x0, x1, ...

    Returns
    -------
    Dataset
        Numbers, booleans, and categories. Its `notes` say what was done to read it and what could
        spoil the figures.

    Raises
    ------
    InputError
        If the file, its label or a feature cannot be used; the message says what to do.
    """
    path = located(path)
    drop = [drop] if isinstance(drop, str) else list(drop)
    how = How.checked(sep, decimal, encoding, missing, header)
    table = read(path, label, how)
    frame = table.frame
    _check_columns(path, frame, label, drop)
    y, about_labels = labels(frame[label], normal)
    X = frame.drop(columns=[label, *drop])
    if X.columns.empty:
        raise InputError(f"No feature column is left beside label {label!r}; keep at least one.")
    learnt = learn(X, decimal=table.decimal, where=table.where, asked=missing is None)
    X = learnt.rows.astype(dict.fromkeys(learnt.schema.text, "category"))
    noticed = notice(X, y, table.where)
    name = path.name[: -len(suffix(path))]
    notes = (*table.notes, *about_labels, *learnt.notes, *noticed)
    return Dataset(name, X, y, pooch.file_hash(str(path)), notes=notes)


def _check_columns(path: Path, frame: pd.DataFrame, label: str, drop: Sequence[str]) -> None:
    for column in (label, *drop):
        if column not in frame:
            raise InputError(
                f"{path} has no column {column!r}.{hint(column, frame.columns)} "
                f"Its columns: {listed(frame, 20)}."
            )
    if label in drop:
        raise InputError(f"Column {label!r} cannot be both the label and dropped; choose one.")
