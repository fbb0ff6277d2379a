"""A file with a table -> a DataFrame, or a sentence on what is in the way."""

from __future__ import annotations

import csv
import gzip
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from anomaly_lab.errors import InputError
from anomaly_lab.tables.dialect import Dialect, notice_dialect
from anomaly_lab.tables.kinds import check_file, suffix
from anomaly_lab.tables.notes import MOST_LINES, Note, Where, listed, numbered, rows_at

_READ_ERRORS = (ValueError, OSError, EOFError, zlib.error)  # of pandas, pyarrow and gzip


@dataclass(frozen=True)
class How:
    """How a file is written, where the user says it; None where it is to be noticed.

    Parameters
    ----------
    sep, decimal, encoding : str or None
        Of a CSV file.
    missing : tuple of str
        Cells that mean that there is no value.
    header : bool
        Whether the first line of a CSV file holds the names.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing: tuple[str, ...] = ()
    header: bool = True

    @classmethod
    def checked(
        cls,
        sep: str | None,
        decimal: str | None,
        encoding: str | None,
        missing: str | float | Sequence[str | float] | None,
        header: bool,
    ) -> Self:
        """Return it after a look at each option; `InputError` says what is expected."""
        sep = {"\\t": "\t", "tab": "\t"}.get(sep, sep) if sep is not None else None
        if sep is not None and not (len(sep) == 1 and sep.isascii() and sep not in '"\r\n\0'):
            raise InputError(f"sep should be one character, such as ';' or '\\t', got {sep!r}.")
        if decimal not in (None, ".", ","):
            raise InputError(f"decimal should be '.' or ',', got {decimal!r}.")
        if sep is not None and sep == decimal:
            raise InputError(f"sep and decimal are both {sep!r}; columns need another separator.")
        alone = isinstance(missing, str | int | float)
        words = [missing] if alone else list(missing or ())  # type: ignore[arg-type]
        return cls(sep, decimal, encoding, tuple(map(str, words)), bool(header))


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
        Its rows; the index counts the rows of the file from 0.
    decimal : str or None
        The decimal sign, where it is known.
    where : callable
        Says where rows are in the file, from their index.
    notes : tuple of Note
        What was noticed in reading.
    """

    frame: pd.DataFrame
    decimal: str | None = None
    where: Where = rows_at
    notes: tuple[Note, ...] = ()


def read(path: Path, label: str, how: How | None = None) -> Table:
    """Read a CSV, CSV.gz or Parquet file.

    Parameters
    ----------
    path : Path
        The file.
    label : str
        Name of the label column, whose cells stay as they are written.
    how : How, optional
        How the file is written, as far as the user says it.

    Raises
    ------
    InputError
        Where the file cannot be read, or its columns or rows cannot be recognised.
    """
    how = how or How()
    check_file(path)
    ending = suffix(path)
    try:
        table = _read_parquet(path, how) if ending == ".parquet" else _read_csv(path, label, how)
    except InputError:
        raise
    except _READ_ERRORS as error:
        raise InputError(
            f"{path} could not be read as {ending}: {str(error).strip().removesuffix('.')}. "
            "Mend it, or save the file anew."
        ) from error
    _refuse_repeated(path, table.frame.columns)
    if table.frame.empty:
        raise InputError(f"{path} has a header but no rows.")
    return table


def _read_parquet(path: Path, how: How) -> Table:
    frame = pd.read_parquet(path)
    frame.columns = frame.columns.map(str)
    frame = frame.reset_index(drop=True)
    for word in how.missing:
        number = pd.to_numeric(word, errors="coerce")
        for name in frame.columns[~frame.columns.duplicated()]:
            numeric = pd.api.types.is_numeric_dtype(frame[name])
            found = frame[name] == (number if numeric else word)
            if found.any():
                frame[name] = frame[name].mask(found)
    return Table(frame, how.decimal)


def _read_csv(path: Path, label: str, how: How) -> Table:
    dialect = notice_dialect(
        path,
        label,
        sep=how.sep,
        decimal=how.decimal,
        encoding=how.encoding,
        header=how.header,
    )
    _refuse_repeated(path, pd.Index([name for name in dialect.names if name.strip()]))
    try:
        frame = _parsed(path, label, dialect, how)
    except UnicodeDecodeError as error:
        if how.encoding:
            raise InputError(
                f"{path} is not text in the encoding {how.encoding}: {error.reason} at byte "
                f"{error.start:,}. Say another one (--encoding, in Python encoding=...)."
            ) from error
        dialect = _as_windows(dialect)
        frame = _parsed_as_windows(path, label, dialect, how)
    frame.columns = frame.columns.map(str).str.strip()
    _refuse_repeated(path, frame.columns)
    lines = _Lines(path, dialect, header=how.header)
    frame, again = _without_headers(frame, lines)
    decimal = how.decimal or ("," if dialect.decimal == "," else None)
    return Table(frame, decimal, lines, (*dialect.notes, *again))


def _parsed(path: Path, label: str, dialect: Dialect, how: How) -> pd.DataFrame:
    """Let pandas parse the file; cells of the label stay as they are written."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(
                path,
                sep=dialect.sep,
                decimal=dialect.decimal,
                encoding=dialect.encoding,
                skiprows=dialect.skip,
                header=0 if how.header else None,
                names=None if how.header else dialect.names,
                dtype={label: str},
                keep_default_na=False,
                na_values=_missing(label, dialect.names, how.missing),
                index_col=False,
                low_memory=False,
                skipinitialspace=True,
            )
        except pd.errors.ParserWarning as error:
            raise InputError(
                f"{path}: the rows hold more values than the header has names "
                f"({len(dialect.names)}). Give every column a name."
            ) from error


def _missing(label: str, names: list[str], words: tuple[str, ...]) -> Any:
    """Return what pandas takes for missing: of the label, an empty cell only."""
    if not words:
        return [""]
    named = [name or f"Unnamed: {i}" for i, name in enumerate(names)]
    return {name: ["", *(words if name.strip() != label else ())] for name in named}


def _parsed_as_windows(path: Path, label: str, dialect: Dialect, how: How) -> pd.DataFrame:
    try:
        return _parsed(path, label, dialect, how)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} cannot be read as cp1252 text (Windows), nor in UTF-8. Save it as CSV in "
            "UTF-8, or say the encoding (--encoding, in Python encoding=...)."
        ) from error


def _as_windows(dialect: Dialect) -> Dialect:
    note = Note(
        "reading",
        None,
        "The file is not UTF-8 text and is read as Windows-1252 (cp1252). If letters look wrong, "
        "say the encoding: --encoding (in Python encoding=...).",
    )
    return replace(dialect, encoding="cp1252", notes=(*dialect.notes, note))


def _without_headers(frame: pd.DataFrame, where: Where) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Leave out rows that are the header once more, as where files were joined."""
    again = np.ones(len(frame), bool)
    for name in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[name]):
            return frame, ()
        again &= (frame[name] == name).to_numpy(bool, na_value=False)
        if not again.any():
            return frame, ()
    lines = where(frame.index[again].tolist())
    message = f"The header is repeated inside the file, at {lines}: left out."
    return frame[~again], (Note("reading", None, message, lines=lines),)


class _Lines:
    """Says in which lines of a CSV file rows are; the file is looked at once more for that."""

    def __init__(self, path: Path, dialect: Dialect, *, header: bool):
        self._path, self._dialect, self._header = path, dialect, header
        self._known: list[int] = []  # the line of each row, as far as was asked for

    def __call__(self, rows: Sequence[Any]) -> str:
        first = sorted(rows)[: MOST_LINES + 1]
        try:
            if first[-1] >= len(self._known):
                self._known = self._numbers(first[-1])
            found = [self._known[row] for row in first]
        except (csv.Error, IndexError):  # a cell of more than 128 kB, or parted in another way
            return rows_at(rows)
        return numbered("line", [*found, *rows[MOST_LINES + 1 :]])

    def _numbers(self, last: int) -> list[int]:
        packed = self._path.name.lower().endswith(".gz")
        opened: Any = gzip.open if packed else open
        with opened(self._path, "rt", encoding=self._dialect.encoding, newline="") as file:
            for _ in range(self._dialect.skip):
                next(file)
            reader = csv.reader(file, delimiter=self._dialect.sep)
            numbers = []
            for row in reader:
                if row:
                    numbers.append(reader.line_num + self._dialect.skip)
                if len(numbers) > last + self._header:
                    break
        return numbers[self._header :]


def _refuse_repeated(path: Path, columns: pd.Index) -> None:
    if twice := listed(columns[columns.duplicated()].unique()):
        raise InputError(f"{path} has columns of the same name: {twice}. Rename or remove them.")
