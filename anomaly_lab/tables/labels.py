"""A column of labels -> 1 = anomaly, 0 = normal: compared as they are written, not as floats."""

from __future__ import annotations

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anomaly_lab.errors import InputError
from anomaly_lab.tables.notes import Note, listed

_PLAIN = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_DEFAULTS: dict[Hashable, bool] = {  # whether each is normal
    Decimal(0): True,
    Decimal(1): False,
    "false": True,
    "true": False,
}


def labels(column: pd.Series, normal: object = None) -> tuple[NDArray[np.int8], tuple[Note, ...]]:
    """Turn a label column into 1 = anomaly, 0 = normal.

    Parameters
    ----------
    column : Series of shape (n,)
        0 and 1, or False and True, as values or as text; anything where `normal` is given.
    normal : object, optional
        The label of normal rows; every other label is then an anomaly. Labels that differ from it
        in case or blanks only are taken for it, and a note says so.

    Returns
    -------
    array of shape (n,)
        0 and 1.
    tuple of Note
        What looks wrong: several spellings of the normal label, a majority of anomalies.

    Raises
    ------
    InputError
        If labels are missing, of one class, or not clear without `normal`.
    """
    name = str(column.name)
    if missing := int(column.isna().sum()):
        raise InputError(
            f"Label column {name!r} has {missing:,} missing values (empty cells). Fill them in, or "
            "remove those rows."
        )
    counts = column.value_counts(sort=False)
    values = list(counts[counts > 0].index)
    if len(values) == 1:
        raise InputError(
            f"Label column {name!r} has one value only, {listed(values)}; expected both "
            "normal rows and anomalies."
        )
    normals = _defaults(name, values) if normal is None else _named(name, values, normal)
    y = (~column.isin(normals)).to_numpy(np.int8)
    if y.all() or not y.any():
        raise InputError(
            f"Label column {name!r} has one value only, {listed(values)}: none of them is "
            f"{'normal' if y.all() else 'an anomaly'}; expected both normal rows and anomalies."
        )
    return y, (*_spellings(name, counts, normals), *_majority(name, counts, y))


def _defaults(name: str, values: list[Any]) -> list[Any]:
    """Return the values that mean 0 or False, where all are 0 and 1, or False and True."""
    read = {v: _written(v).strip().lower() if _number(v) is None else _number(v) for v in values}
    words = {type(key) for key in read.values()}
    if len(words) > 1 or not set(read.values()) <= set(_DEFAULTS):
        raise InputError(
            f"Label column {name!r} should hold 0 (normal) and 1 (anomaly), but it has "
            f"{len(values)} values: {listed(values)}. Name the normal one (normal=..., on the "
            "command line --normal VALUE); every other value then counts as an anomaly."
        )
    return [value for value, key in read.items() if _DEFAULTS[key]]


def _named(name: str, values: list[Any], normal: object) -> list[Any]:
    """Return the values that are the normal label, in whatever case and with whatever blanks."""
    wanted = _written(normal)
    same = [value for value in values if _written(value) == wanted]
    same = same or [v for v in values if _folded(v) == _folded(normal)]
    same = same or [v for v in values if _number(v) is not None and _number(v) == _number(normal)]
    if not same:
        raise InputError(
            f"No row of label column {name!r} has the normal value {normal!r}; its "
            f"{len(values)} values are {listed(values)}. Choose one of them (normal=..., on "
            "the command line --normal VALUE)."
        )
    folded = {_folded(value) for value in same}
    return [value for value in values if _folded(value) in folded]


def _written(value: object) -> str:
    """Write a label so that 1, 1.0 and "1" are one, as far as a float is exact."""
    if isinstance(value, float | np.floating) and abs(number := float(value)) < 2**53:
        return str(int(number)) if number.is_integer() else str(number)
    return str(value)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _folded(value: object) -> str:
    return " ".join(_written(value).split()).casefold()


def _number(value: object) -> Decimal | None:
    """Return the number that a label is, exactly; None for text that is not plainly a number."""
    text = _written(value).strip()
    return Decimal(text) if _PLAIN.fullmatch(text) else None


def _spellings(name: str, counts: pd.Series, normals: list[Any]) -> tuple[Note, ...]:
    folded = [_folded(value) for value in normals]
    several = [v for v, fold in zip(normals, folded, strict=True) if folded.count(fold) > 1]
    if len({_written(value) for value in several}) < 2:
        return ()
    shown = ", ".join(f"{_plain(value)!r} ({counts[value]:,} rows)" for value in several)
    return (
        Note(
            "label spelling",
            name,
            f"Labels of {name!r} that differ in case or blanks only are taken as one, the normal "
            f"one: {shown}. If they mean different things, rename one of them.",
            tuple(map(str, several)),
        ),
    )


def _majority(name: str, counts: pd.Series, y: NDArray[np.int8]) -> tuple[Note, ...]:
    if (share := float(y.mean())) <= 0.5:
        return ()
    value = _plain(counts.idxmax())
    written = _written(value)
    return (
        Note(
            "majority",
            name,
            f"Most rows are anomalies ({share:.1%}): is {written} normal? Then say "
            f"--normal {written} (in Python normal={value!r}).",
            (str(value),),
        ),
    )
