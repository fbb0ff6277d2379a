"""The user's own table: read it, check it, say plainly what is in the way."""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pooch

from anomaly_lab.datasets.columns import features, hint, labels, listed, notes
from anomaly_lab.datasets.dataset import Dataset
from anomaly_lab.errors import InputError

SUFFIXES = (".csv", ".csv.gz", ".parquet")
_READ_ERRORS = (ValueError, OSError, EOFError, zlib.error)  # of pandas, pyarrow and gzip


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
    path = Path(path)
    drop = [drop] if isinstance(drop, str) else list(drop)
    frame = _read(path)
    _check_columns(path, frame, label, drop)
    y = labels(frame[label], normal)
    X = features(frame.drop(columns=[label, *drop]), label)
    name = path.name[: -len(_suffix(path))]
    return Dataset(name, X, y, pooch.file_hash(str(path)), notes=notes(X))


def _suffix(path: Path) -> str:
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise InputError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}; convert it first.")


def _read(path: Path) -> pd.DataFrame:
    _check_file(path)
    suffix = _suffix(path)
    try:
        frame = pd.read_parquet(path) if suffix == ".parquet" else _read_csv(path)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except _READ_ERRORS as error:
        raise InputError(
            f"{path} could not be read as {suffix}: {str(error).strip().removesuffix('.')}. "
            "Mend it, or save the file anew."
        ) from error
    frame.columns = frame.columns.map(str)
    _refuse_repeated(path, frame.columns)
    if frame.empty:
        raise InputError(f"{path} has a header but no rows.")
    return frame


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file ending in {', '.join(SUFFIXES)}.")
    if not path.exists():
        siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"There is no file {path}.{hint(path.name, siblings)}")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; expected a header and rows.")


def _read_csv(path: Path) -> pd.DataFrame:
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, skipinitialspace=True)
    names = header.iloc[0].dropna()
    _refuse_repeated(path, pd.Index(names))
    if len(names) == 1 and (wrong := re.search(r"[;\t|]", names.iloc[0])):
        raise InputError(
            f"{path} seems to separate its columns by {wrong.group()!r}; expected commas. "
            "Save it as comma-separated values."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(path, index_col=False, low_memory=False, skipinitialspace=True)
        except pd.errors.ParserWarning as error:
            raise InputError(
                f"{path}: the rows hold more values than the header has names "
                f"({len(header.columns)}). Give every column a name."
            ) from error


def _refuse_repeated(path: Path, columns: pd.Index) -> None:
    if twice := listed(columns[columns.duplicated()].unique()):
        raise InputError(f"{path} has columns of the same name: {twice}. Rename or remove them.")


def _check_columns(path: Path, frame: pd.DataFrame, label: str, drop: Sequence[str]) -> None:
    for column in (label, *drop):
        if column not in frame:
            raise InputError(
                f"{path} has no column {column!r}.{hint(column, frame.columns)} "
                f"Its columns: {listed(frame, 20)}."
            )
    if label in drop:
        raise InputError(f"Column {label!r} cannot be both the label and dropped; choose one.")
