"""A file with a table -> a DataFrame, or a sentence on what is in the way."""

from __future__ import annotations

import re
import warnings
import zlib
from pathlib import Path

import pandas as pd

from anomaly_lab.errors import InputError
from anomaly_lab.tables.columns import listed
from anomaly_lab.tables.kinds import check_file, suffix

_READ_ERRORS = (ValueError, OSError, EOFError, zlib.error)  # of pandas, pyarrow and gzip


def read(path: Path) -> pd.DataFrame:
    """Read a CSV, CSV.gz or Parquet file with a header.

    Raises
    ------
    InputError
        Where the file cannot be read, or its columns or rows cannot be recognised.
    """
    check_file(path)
    ending = suffix(path)
    try:
        frame = pd.read_parquet(path) if ending == ".parquet" else _read_csv(path)
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from error
    except _READ_ERRORS as error:
        raise InputError(
            f"{path} could not be read as {ending}: {str(error).strip().removesuffix('.')}. "
            "Mend it, or save the file anew."
        ) from error
    frame.columns = frame.columns.map(str)
    _refuse_repeated(path, frame.columns)
    if frame.empty:
        raise InputError(f"{path} has a header but no rows.")
    return frame


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
