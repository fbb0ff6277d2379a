"""Table -> numbers: scaling and encoding, learnt from the fitting rows alone."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from anomaly_lab.errors import InputError
from anomaly_lab.extremes import LARGEST, refuse_extremes
from anomaly_lab.parameters import has_masked
from anomaly_lab.tables.notes import listed
from anomaly_lab.tables.noticing import notice
from anomaly_lab.tables.schema import learn

Impute = str | None  # None or "median"
MOST_LEVELS = 50  # of a column, that get a feature each


class Preprocessor:
    """Scale numbers to mean 0 and standard deviation 1, one-hot encode text.

    Parameters
    ----------
    impute : {None, "median"}, default None
        None refuses missing values. ``"median"`` fills numbers in with the fitting rows' median
        and text with their most frequent value.

    Attributes
    ----------
    schema_ : Schema
        What the columns of the fitting rows are, in their order.
    notes_ : tuple of Note
        What was done to read the fitting rows, and what in them could spoil the figures.
    sources_ : ndarray of shape (k,)
        For each of the k encoded features, the position in `schema_` of the column it comes from.

    Notes
    -----
    Of a column with many levels the 50 most frequent get a feature each, and the others one
    together. A level not seen among the fitting rows becomes zeros in all of its column's features.
    A column that is constant among the fitting rows is only centred.
    """

    def __init__(self, impute: Impute = None):
        self.impute = impute

    def fit(self, rows: pd.DataFrame | npt.ArrayLike) -> Self:
        """Learn what the columns are, means, scales and levels from `rows`, shape (n, d).

        Raises
        ------
        InputError
            Where a column cannot be used (see `anomaly_lab.tables.schema.learn`), or holds missing
            values not to be filled.
        """
        self.fit_transform(rows)
        return self

    def fit_transform(self, rows: pd.DataFrame | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Learn from `rows` and return them as numbers, shape (n, k), looking at them once.

        Raises
        ------
        InputError
            As `fit`.
        """
        if self.impute not in (None, "median"):
            raise InputError(f"impute must be None or 'median', got {self.impute!r}.")
        frame = as_frame(rows)
        if frame.empty:
            raise InputError(f"Expected rows and columns to fit on, got shape {frame.shape}.")
        learnt = learn(frame)
        self.schema_ = learnt.schema
        self.notes_ = (*learnt.notes, *notice(learnt.rows))
        plain = self._plain(learnt.rows)
        numbers = plain.drop(columns=self.schema_.text)
        refuse_extremes(numbers.to_numpy(np.float64), list(numbers.columns), fitting=True)
        self._encoder = self._make_encoder().fit(plain)
        self.sources_ = self._trace_sources()
        return self._encode(plain)

    def transform(self, rows: pd.DataFrame | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return `rows` as numbers, shape (n, k); columns are matched by name.

        Raises
        ------
        InputError
            Where a column is missing, unknown or of another kind, or a value cannot be used.
        """
        frame = as_frame(rows)
        if not len(frame):
            raise InputError("Expected at least one row, got none.")
        return self._encode(self._plain(self.schema_.apply(frame)))

    @property
    def columns_(self) -> list[str]:
        """The columns of the fitting rows, in their order."""
        return self.schema_.names

    def by_column(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add up values of the encoded features, shape (n, k), by source column: shape (n, d)."""
        one_hot = np.equal.outer(self.sources_, np.arange(len(self.columns_)))  # (k, d)
        return values @ one_hot.astype(np.float64)

    def _make_encoder(self) -> ColumnTransformer:
        text = self.schema_.text
        numbers = [name for name in self.columns_ if name not in text]
        scale: Any = StandardScaler()
        encode: Any = OneHotEncoder(
            handle_unknown="ignore", sparse_output=False, max_categories=MOST_LEVELS + 1
        )
        if self.impute:
            scale = make_pipeline(SimpleImputer(strategy="median"), scale)
            encode = make_pipeline(SimpleImputer(strategy="most_frequent"), encode)
        return ColumnTransformer([("number", scale, numbers), ("text", encode, text)])

    def _trace_sources(self) -> npt.NDArray[np.intp]:
        text = self.schema_.text
        numbers = [i for i, name in enumerate(self.columns_) if name not in text]
        widths: list[int] = []
        if text:
            fitted = self._encoder.named_transformers_["text"]
            widths = _widths(fitted[-1] if self.impute else fitted)
        levels = np.repeat([self.columns_.index(name) for name in text], widths)
        return np.concatenate([numbers, levels]).astype(np.intp)

    def _plain(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give numbers the type float64; refuse missing values that are not to be filled in."""
        missing = rows.isna().sum().to_numpy()
        if missing.any() and self.impute is None:
            raise InputError(
                f"Expected a value in every cell, got missing values in "
                f"{_counts(rows.columns, missing)}. Fill them in, drop those rows, or let the "
                "model fill them in (impute='median', on the command line --impute median)."
            )
        if not (text := self.schema_.text):
            return rows.astype(np.float64)
        return rows.astype({n: np.float64 for n in rows.columns if n not in text})

    def _encode(self, plain: pd.DataFrame) -> npt.NDArray[np.float64]:
        encoded = np.asarray(self._encoder.transform(plain), dtype=np.float64)
        far = ~(np.maximum(encoded.max(axis=0), -encoded.min(axis=0)) <= LARGEST)
        if far.any():
            names = [self.columns_[i] for i in sorted(set(self.sources_[far]))]
            raise InputError(
                f"Values of {listed(names)} lie too far from those of the fitting rows to be "
                f"squared: more than {LARGEST:g} standard deviations. Mend or drop those rows."
            )
        return encoded


def as_frame(rows: pd.DataFrame | npt.ArrayLike) -> pd.DataFrame:
    """Return `rows` as a DataFrame; the columns of an array are named x0, x1, ...

    Columns of Python objects get the type of their values, such as numbers. Tables of other
    libraries, such as polars, are taken by their method ``to_pandas``; what is masked in a masked
    array is missing.

    Raises
    ------
    InputError
        Where `rows` is not a two-dimensional table, or column names are not text or repeat.
    """
    if hasattr(rows, "to_pandas"):
        rows = rows.to_pandas()
    if isinstance(rows, pd.DataFrame):
        _check_names(rows.columns)
        # The copy has one block of memory a type, where a table just read has one a column.
        return _typed(rows).copy()
    if isinstance(rows, np.ma.MaskedArray):
        rows = np.ma.filled(rows.astype(object), np.nan)  # a masked value is a missing one
    if has_masked(rows):
        raise InputError("Expected a table, got a list with masked values: use np.ma.array(rows).")
    try:
        array = np.asarray(rows)
    except ValueError as error:
        raise InputError("Expected rows of equal length, got a ragged table.") from error
    if array.ndim != 2:
        raise InputError(
            f"Expected a table of shape (rows, columns), got an array of shape {array.shape}. "
            "Wrap a single row in a list: [[...]]."
        )
    names = [f"x{i}" for i in range(array.shape[1])]
    return _typed(pd.DataFrame(array, columns=names))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give columns of Python objects the type of their values; raw bytes are nothing to use."""
    raw = [name for name, dtype in frame.dtypes.items() if dtype.kind == "V"]
    if raw:
        raise InputError(
            f"Expected numbers or text; the columns {raw} hold raw bytes (NumPy's void). Decode "
            "them first."
        )
    return frame.infer_objects()


def _check_names(names: pd.Index) -> None:
    other = [name for name in names if not isinstance(name, str)]
    if other:
        raise InputError(
            f"Column names must be text, got {other[:5]}. Use rows.rename(columns=str)."
        )
    if not names.is_unique:
        twice = sorted(set(names[names.duplicated()]))
        raise InputError(f"Column names must differ, these occur more than once: {twice}.")


def _widths(one_hot: OneHotEncoder) -> list[int]:
    """Return how many features each column of levels has."""
    rare = one_hot.infrequent_categories_
    return [
        len(levels) - (0 if few is None else len(few) - 1)
        for levels, few in zip(one_hot.categories_, rare, strict=True)
    ]


def _counts(names: pd.Index, counts: npt.NDArray[np.int64]) -> str:
    return ", ".join(f"{name!r} ({n} rows)" for name, n in zip(names, counts, strict=True) if n > 0)
