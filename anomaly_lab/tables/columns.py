"""Which columns of a table can serve as label and as features, and what to do about the others."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomaly_lab.errors import InputError

MAX_CATEGORIES = 50  # distinct values in a text column before it counts as free text

_DATE = re.compile(r"\d+[-/.]\d+[-/.]\d+|\d:\d\d|\d{4}-\d\d|[A-Za-z]{3,9}\.?,? \d")
_DATE_TYPES = ("date", "datetime", "datetime64", "time", "timedelta", "timedelta64", "period")
_OBJECT_NUMBERS = ("boolean", "decimal", "integer", "floating", "mixed-integer-float")
_COUNTER = re.compile(r"(^|[_ ])(id|index|row|nr|no|number|key)$", re.IGNORECASE)


def labels(column: pd.Series, normal: object = None) -> NDArray[np.int8]:
    """Turn a label column into 1 = anomaly, 0 = normal.

    Parameters
    ----------
    column : Series of shape (n,)
        0 and 1, or False and True, as values or as text; anything where `normal` is given.
    normal : object, optional
        The label of normal rows; every other label is then an anomaly.

    Returns
    -------
    array of shape (n,)
        0 and 1.

    Raises
    ------
    InputError
        If labels are missing, of one class, or not clear without `normal`.
    """
    if missing := int(column.isna().sum()):
        raise InputError(
            f"Label column {column.name!r} has {missing:,} missing values (empty cells and words "
            "such as NA or None count as missing). Fill them in, or remove those rows."
        )
    values = list(column.unique())
    spelling = {value: _spelled(value) for value in values}
    if len(set(spelling.values())) == 1:
        raise InputError(
            f"Label column {column.name!r} has one value only, {listed(values)}; expected both "
            "normal rows and anomalies."
        )
    normals = _normal_values(str(column.name), spelling, normal)
    return (~column.isin(normals)).to_numpy(np.int8)


def _normal_values(label: str, spelling: dict[Any, str], normal: object) -> list[Any]:
    spelled = set(spelling.values())
    if normal is None and spelled not in ({"0.0", "1.0"}, {"false", "true"}):
        raise InputError(
            f"Label column {label!r} should hold 0 (normal) and 1 (anomaly), but it has "
            f"{len(spelling)} values: {listed(spelling)}. Name the normal one (normal=..., on the "
            "command line --normal VALUE); every other value then counts as an anomaly."
        )
    wanted = {"0.0", "false"} if normal is None else {_spelled(normal)}
    if not wanted & spelled:
        raise InputError(
            f"No row of label column {label!r} has the normal value {normal!r}; its "
            f"{len(spelling)} values are {listed(spelling)}. Choose one of them (normal=..., on "
            "the command line --normal VALUE)."
        )
    return [value for value, text in spelling.items() if text in wanted]


def _spelled(value: object) -> str:
    """Spell a label so that 1, 1.0 and "1" are one value, and True and "true" another."""
    text = str(value).strip()
    try:
        return str(float(text))
    except ValueError:
        return text.lower() if text.lower() in ("true", "false") else text


def features(X: pd.DataFrame, label: str) -> pd.DataFrame:
    """Check that every column can be a feature; missing values may stay.

    Parameters
    ----------
    X : DataFrame of shape (n, d)
        The columns beside the label.
    label : str
        Name of the label column, for messages.

    Returns
    -------
    DataFrame of shape (n, d)
        Numbers, booleans, and text of few different values.

    Raises
    ------
    InputError
        If there is no column of numbers, or a column holds nothing, dates, free text, anything
        else that is neither number nor text, or infinities. All such columns are named.
    """
    if X.columns.empty:
        raise InputError(f"No feature column is left beside label {label!r}; keep at least one.")
    if empty := list(X.columns[X.isna().all()]):
        raise InputError(f"Columns without a single value: {listed(empty)}. {_way_out(empty)}")
    X = X.apply(_plain)
    kinds = {column: _kind(X[column]) for column in X}
    _refuse_unusable(X, kinds)
    if "number" not in kinds.values():
        raise InputError(
            f"No feature column holds numbers, only text: {listed(X)}. At least one must; numbers "
            "with a decimal comma or a currency sign are read as text, so write them plainly."
        )
    _refuse_infinite(X.select_dtypes("number"))
    return X


def _plain(column: pd.Series) -> pd.Series:
    """Turn nullable numbers, and numbers and booleans held as objects, into floats."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(float) if pd.api.types.is_extension_array_dtype(column) else column
    as_float = column.dtype == object and _inferred(column) in _OBJECT_NUMBERS
    return column.astype(float) if as_float else column


def _kind(column: pd.Series) -> str:
    if pd.api.types.is_numeric_dtype(column):
        return "number"
    if _inferred(column) in _DATE_TYPES or _reads_as_dates(column):
        return "dates or times"
    if _inferred(column) not in ("string", "categorical"):
        return "neither numbers nor text"
    distinct = column.nunique()
    if distinct > MAX_CATEGORIES or distinct > len(column) / 2:
        return f"free text, {distinct:,} different values"
    return "category"


def _inferred(column: pd.Series) -> str:
    return pd.api.types.infer_dtype(column, skipna=True)


def _reads_as_dates(column: pd.Series) -> bool:
    """Tell whether at least 95% of the different texts look like dates and parse as such."""
    if _inferred(column) != "string":
        return False
    texts = column.dropna().drop_duplicates().head(1000)
    if texts.str.contains(_DATE).mean() < 0.95:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about time zones that pandas does not know
        dates = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)
    return bool(dates.notna().mean() >= 0.95)


def _refuse_unusable(X: pd.DataFrame, kinds: dict[str, str]) -> None:
    bad = {column: kind for column, kind in kinds.items() if kind not in ("number", "category")}
    if bad:
        found = ", ".join(f"{column!r} ({kind})" for column, kind in bad.items())
        raise InputError(
            f"Features should be numbers or a few categories, but these are not: {found}. "
            f"{_way_out(bad)} A date can be turned into numbers, such as the hour, beforehand."
        )


def _refuse_infinite(numbers: pd.DataFrame) -> None:
    counts = np.isinf(numbers).sum()
    if (bad := counts[counts > 0]).any():
        found = ", ".join(f"{column!r} ({count:,})" for column, count in bad.items())
        raise InputError(
            f"Features should be finite numbers; columns with infinite values: {found}. "
            f"Correct these values. {_way_out(bad.index)}"
        )


def notes(X: pd.DataFrame) -> tuple[str, ...]:
    """Name the columns that only count the rows.

    Parameters
    ----------
    X : DataFrame of shape (n, d)
        The features.

    Returns
    -------
    tuple of str
        One sentence a column, with the way to drop it.
    """
    return tuple(
        f"Column {column!r} only counts the rows. {_way_out([column])}"
        for column in X.select_dtypes("integer")
        if _counts_rows(X[column])
    )


def _counts_rows(column: pd.Series) -> bool:
    """Tell a running number: steps of one, or rising under a name such as id."""
    steps = np.diff(column.to_numpy(np.int64))
    named = _COUNTER.search(str(column.name)) is not None
    return len(steps) > 1 and bool((steps == 1).all() or (named and (steps > 0).all()))


def _way_out(columns: Iterable[str]) -> str:
    names = list(columns)
    options = " ".join(f"--drop {shlex.quote(name)}" for name in names)
    return f"Leave out what is no feature (drop={names}, on the command line {options})."


def listed(values: Iterable[Any], most: int = 5) -> str:
    """Return the first `most` of the values, spelled and joined by commas."""
    shown = [repr(value.item() if isinstance(value, np.generic) else value) for value in values]
    return ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")
