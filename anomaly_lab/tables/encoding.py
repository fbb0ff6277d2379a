"""Table -> numbers: scaling and encoding, learnt from the fitting rows alone."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype, is_bool_dtype, is_numeric_dtype
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from anomaly_lab.errors import InputError
from anomaly_lab.extremes import refuse_extremes
from anomaly_lab.parameters import has_masked

Impute = str | None  # None or "median"
_TEXT_KINDS = ("string", "boolean", "categorical")
_DATE_KINDS = ("date", "datetime", "datetime64", "period", "time", "timedelta", "timedelta64")


class Preprocessor:
    """Scale numbers to mean 0 and standard deviation 1, one-hot encode text.

    Parameters
    ----------
    impute : {None, "median"}, default None
        None refuses missing values. ``"median"`` fills numbers in with the fitting rows' median
        and text with their most frequent value.

    Attributes
    ----------
    columns_ : list of str
        The columns of the fitting rows, in their order.
    sources_ : ndarray of shape (k,)
        For each of the k encoded features, the position in `columns_` of the column it comes from.

    Notes
    -----
    A category not seen among the fitting rows becomes zeros in all of its column's features. A
    column that is constant among the fitting rows is only centred.
    """

    def __init__(self, impute: Impute = None):
        self.impute = impute

    def fit(self, rows: pd.DataFrame | npt.ArrayLike) -> Self:
        """Learn means, scales and categories from `rows`, shape (n, d).

        Raises
        ------
        InputError
            Where a column is empty, holds dates, infinities, values of mixed kinds, or missing
            values not to be filled.
        """
        if self.impute not in (None, "median"):
            raise InputError(f"impute must be None or 'median', got {self.impute!r}.")
        frame = as_frame(rows)
        if frame.empty:
            raise InputError(f"Expected rows and columns to fit on, got shape {frame.shape}.")
        for name in _valueless(frame):
            raise InputError(f"Column {name!r} holds no value at all. Drop it.")
        self.columns_ = list(frame.columns)
        self._text = [name for name in self.columns_ if _is_text(frame[name])]
        self._check_values(frame, fitting=True)
        self._encoder = self._make_encoder().fit(self._plain(frame))
        self.sources_ = self._trace_sources()
        return self

    def transform(self, rows: pd.DataFrame | npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return `rows` as numbers, shape (n, k); columns are matched by name.

        Raises
        ------
        InputError
            Where a column is missing, unknown or of another kind, or a value cannot be used.
        """
        frame = as_frame(rows)
        self._check_columns(frame)
        if not len(frame):
            raise InputError("Expected at least one row, got none.")
        frame = frame[self.columns_]
        # Without a value, as in a single row, a column can have come as any type.
        frame = frame.assign(**dict.fromkeys(_valueless(frame), np.nan))
        self._check_values(frame)
        return np.asarray(self._encoder.transform(self._plain(frame)), dtype=np.float64)

    def by_column(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Add up values of the encoded features, shape (n, k), by source column: shape (n, d)."""
        one_hot = np.equal.outer(self.sources_, np.arange(len(self.columns_)))  # (k, d)
        return values @ one_hot.astype(np.float64)

    def _make_encoder(self) -> ColumnTransformer:
        numbers = [name for name in self.columns_ if name not in self._text]
        scale: Any = StandardScaler()
        encode: Any = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        if self.impute:
            scale = make_pipeline(SimpleImputer(strategy="median"), scale)
            encode = make_pipeline(SimpleImputer(strategy="most_frequent"), encode)
        return ColumnTransformer([("number", scale, numbers), ("text", encode, self._text)])

    def _trace_sources(self) -> npt.NDArray[np.intp]:
        numbers = [i for i, name in enumerate(self.columns_) if name not in self._text]
        widths: list[int] = []
        if self._text:
            fitted = self._encoder.named_transformers_["text"]
            one_hot = fitted[-1] if self.impute else fitted
            widths = [len(categories) for categories in one_hot.categories_]
        text = np.repeat([self.columns_.index(name) for name in self._text], widths)
        return np.concatenate([numbers, text]).astype(np.intp)

    def _plain(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give every column a plain NumPy type: float64 for numbers, object for text."""
        if not self._text:
            return frame.astype(np.float64)
        kinds = {name: object if name in self._text else np.float64 for name in frame.columns}
        plain = frame.astype(kinds)
        plain[self._text] = plain[self._text].where(frame[self._text].notna(), np.nan)
        return plain

    def _check_columns(self, frame: pd.DataFrame) -> None:
        missing = [name for name in self.columns_ if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.columns_]
        if missing or extra:
            raise InputError(
                "The columns must be those the model was fitted on (their order is free): "
                f"missing {missing or 'none'}, unknown {extra or 'none'}. "
                "Rename, add or drop columns to match."
            )

    def _check_values(self, frame: pd.DataFrame, fitting: bool = False) -> None:
        for name, dtype in frame.dtypes.items():
            if name in self._text or not _is_plain_number(dtype):
                _check_kind(frame[name], wants_text=name in self._text)
        numbers = frame.drop(columns=self._text)
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        infinite = np.isinf(values).sum(axis=0)
        if infinite.any():
            raise InputError(
                f"Expected finite numbers, got infinities in {_counts(numbers.columns, infinite)}. "
                "Replace them, or drop those rows."
            )
        refuse_extremes(values, list(numbers.columns), fitting=fitting)
        missing = frame.isna().sum().to_numpy()
        if missing.any() and self.impute is None:
            raise InputError(
                f"Expected a value in every cell, got missing values in "
                f"{_counts(frame.columns, missing)}. Fill them in, drop those rows, or let the "
                "model fill them in (impute='median', on the command line --impute median)."
            )


def as_frame(rows: pd.DataFrame | npt.ArrayLike) -> pd.DataFrame:
    """Return `rows` as a DataFrame; the columns of an array are named x0, x1, ...

    Columns of Python objects get the type of their values, such as numbers.

    Raises
    ------
    InputError
        Where `rows` is not a two-dimensional table, or column names are not text or repeat.
    """
    if isinstance(rows, pd.DataFrame):
        _check_names(rows.columns)
        # The copy has one block of memory a type, where a table just read has one a column.
        return rows.infer_objects().copy()
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
    return pd.DataFrame(array, columns=names).infer_objects()


def _check_names(names: pd.Index) -> None:
    other = [name for name in names if not isinstance(name, str)]
    if other:
        raise InputError(
            f"Column names must be text, got {other[:5]}. Use rows.rename(columns=str)."
        )
    if not names.is_unique:
        twice = sorted(set(names[names.duplicated()]))
        raise InputError(f"Column names must differ, these occur more than once: {twice}.")


def _valueless(frame: pd.DataFrame) -> list[str]:
    return list(frame.columns[frame.isna().all()])


def _is_plain_number(dtype: Any) -> bool:
    """Whether a type can hold nothing but real numbers, so that no value need be looked at."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _is_text(column: pd.Series) -> bool:
    if _is_plain_number(column.dtype):
        return False
    # Of booleans with missing values pandas makes Python objects.
    boolean = is_bool_dtype(column) or infer_dtype(column, skipna=True) == "boolean"
    return not (is_numeric_dtype(column) or boolean)


def _check_kind(column: pd.Series, *, wants_text: bool) -> None:
    if column.isna().all():
        return
    kind = infer_dtype(column, skipna=True)
    if pd.api.types.is_datetime64_any_dtype(column) or kind in _DATE_KINDS:
        raise InputError(
            f"Column {column.name!r} holds dates, which have no distance by themselves. Drop it, "
            "or turn it into numbers such as the hour of the day."
        )
    if column.dtype.kind == "c" or (column.dtype == object and kind not in _TEXT_KINDS):
        raise InputError(
            f"Column {column.name!r} must hold real numbers or text, and holds values of kind "
            f"{kind!r}. Turn them into numbers (pd.to_numeric) or text (astype(str))."
        )
    if _is_text(column) != wants_text:
        kinds = ("text", "numbers") if wants_text else ("numbers", "text")
        raise InputError(
            f"Column {column.name!r} must hold {kinds[0]}, as in the fitting rows, "
            f"and holds {kinds[1]} ({column.dtype})."
        )


def _counts(names: pd.Index, counts: npt.NDArray[np.int64]) -> str:
    return ", ".join(f"{name!r} ({n} rows)" for name, n in zip(names, counts, strict=True) if n > 0)
