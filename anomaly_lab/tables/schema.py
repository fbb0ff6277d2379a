"""What each column of a table is: learnt once from the fitting rows, applied to all later ones.

Command and Python go through here: a file that is read, the rows a model is fitted on, and the rows
it judges later are looked at in the same way.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import infer_dtype, is_complex_dtype, is_extension_array_dtype

from anomaly_lab.errors import InputError
from anomaly_lab.extremes import LARGEST
from anomaly_lab.tables.notes import Note, Where, listed, places, quoted, rows_at, way_out
from anomaly_lab.tables.spelling import MARKERS, PLAIN, Decision, Spelling, decide

KINDS = ("number", "yes/no", "category", "constant")

_DATE = re.compile(r"\d+[-/.]\d+[-/.]\d+|\d:\d\d|\d{4}-\d\d|[A-Za-z]{3,9}\.?,? \d")
_DATE_TYPES = ("date", "datetime", "datetime64", "time", "timedelta", "timedelta64", "period")
_NUMBER_TYPES = ("boolean", "decimal", "integer", "floating", "mixed-integer-float")
_MIXED_TYPES = ("mixed", "mixed-integer")


@dataclass(frozen=True)
class Column:
    """What a column is.

    Parameters
    ----------
    name : str
        Its name.
    kind : {"number", "yes/no", "category", "constant"}
        A yes/no column holds False and True, or 0 and 1.
    text : bool
        Whether its values are levels, compared as they are; else they are numbers.
    spelling : Spelling
        How its numbers are written, where they come as text.
    """

    name: str
    kind: str
    text: bool = False
    spelling: Spelling = PLAIN

    def __post_init__(self) -> None:
        if self.kind not in KINDS or type(self.name) is not str or type(self.text) is not bool:
            raise ValueError(f"no column is like this: {self!r}")

    def read(self, values: pd.Series, where: Where = rows_at) -> pd.Series:
        """Return values as numbers, or as levels with NaN for missing ones.

        Raises
        ------
        InputError
            Where a value is not of this kind, or is beyond what float64 can square.
        """
        if values.isna().all():  # without a value, as in a single row, it can be of any type
            return pd.Series(np.nan, values.index, dtype=object if self.text else float)
        if isinstance(values.dtype, pd.CategoricalDtype) and not self.text:
            values = values.astype(values.cat.categories.dtype)
        found = _family(values)
        if found in ("mixed", "text") and not self.text:
            values, odd = _spelled(values, self.spelling)
            if len(odd):
                raise InputError(self._expected(f"text: {_cells(odd, where)}"))
        elif (found == "text") != self.text or found not in ("number", "text"):
            raise InputError(self._expected({"number": "numbers"}.get(found, found)))
        if self.text:
            return values.astype(object).where(values.notna(), np.nan)
        values = _as_numbers(values)
        _refuse_extremes(self.name, values, where)
        return values

    def _expected(self, found: str) -> str:
        wanted = "text" if self.text else "numbers"
        return f"Column {self.name!r} must hold {wanted}, as in the fitting rows, and holds {found}"


@dataclass(frozen=True)
class Schema:
    """What the columns of a table are.

    Parameters
    ----------
    columns : tuple of Column
        In the order of the fitting rows.
    """

    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def text(self) -> list[str]:
        """The names of the columns that hold levels."""
        return [column.name for column in self.columns if column.text]

    def apply(self, frame: pd.DataFrame, where: Where = rows_at) -> pd.DataFrame:
        """Return the columns of `frame` as numbers and levels, in the order of the schema.

        Raises
        ------
        InputError
            Where a column is missing, unknown or of another kind, or a value cannot be used.
        """
        self._check_names(frame.columns)
        frame = frame[self.names]
        changed, refused = {}, []
        for column in self.columns:
            values = frame[column.name]
            try:
                read = column.read(values, where)
            except InputError as error:
                refused.append(str(error))
            else:
                if read is not values:
                    changed[column.name] = read
        if refused:
            raise InputError(". ".join(refused) + ". Mend these values, or leave those rows out.")
        return frame.assign(**changed)

    def _check_names(self, names: pd.Index) -> None:
        missing = [name for name in self.names if name not in names]
        extra = [name for name in names if name not in self.names]
        if missing or extra:
            raise InputError(
                "The columns must be those the model was fitted on (their order is free): "
                f"missing {missing or 'none'}, unknown {extra or 'none'}. "
                "Rename, add or drop columns to match."
            )

    def to_plain(self) -> list[dict[str, Any]]:
        """Return it as lists, dicts, text and booleans."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_plain(cls, columns: Iterable[dict[str, Any]]) -> Self:
        """Return the schema that `to_plain` described."""
        spelled = ({**c, "spelling": Spelling(**c["spelling"])} for c in columns)
        return cls(tuple(Column(**column) for column in spelled))


@dataclass(frozen=True)
class Learnt:
    """A table that was looked at.

    Parameters
    ----------
    schema : Schema
        What its columns are.
    rows : DataFrame of shape (n, d)
        Its rows as numbers and levels, as ``schema.apply`` returns them.
    notes : tuple of Note
        What was done to read it.
    """

    schema: Schema
    rows: pd.DataFrame
    notes: tuple[Note, ...]


def learn(
    frame: pd.DataFrame,
    *,
    decimal: str | None = None,
    where: Where = rows_at,
    asked: bool = True,
) -> Learnt:
    """Find what each column of a table is, looking at its rows once.

    Parameters
    ----------
    frame : DataFrame of shape (n, d)
        The fitting rows: numbers, booleans, text. A column of pandas' type ``category`` is a
        category, whatever its values.
    decimal : {None, ".", ","}
        The decimal sign of numbers that are text; by default each column shows its own.
    where : callable, optional
        Says where rows are, from their index.
    asked : bool, default True
        Whether words such as NA among categories are a question, and not levels.

    Raises
    ------
    InputError
        Where a column holds nothing, dates, identifiers, free text, anything else that is neither
        number nor category, numbers that can be read in two ways, or numbers that float64 cannot
        hold or square. All such columns are named.
    """
    looks = {name: _Look(frame[name], decimal, where, asked) for name in frame.columns}
    _refuse(looks)
    return Learnt(
        Schema(tuple(look.column for look in looks.values())),
        frame.assign(**{name: look.values for name, look in looks.items() if look.changed}),
        tuple(look.note for look in looks.values() if look.note),
    )


class _Look:
    """One look at one column: what it is, or why it cannot serve.

    Exactly one of `column` and `reason` is set; `values` are those that `column.read` would give.
    """

    def __init__(self, values: pd.Series, decimal: str | None, where: Where, asked: bool):
        self.name, self.values, self.where = str(values.name), values, where
        self._given, self._asked = values, asked
        self.column = Column(self.name, "number")
        self.note: Note | None = None
        self.reason = ""  # short: 'when' (dates or times)
        self.question = ""  # what else could be done than to leave the column out
        if values.isna().all():
            self.reason = "no value at all"
            return
        family = _family(values)
        if family == "number":
            self._number(values)
        elif family in ("text", "mixed"):
            self._text(values, decimal, mixed=family == "mixed")
        else:
            self.reason = family

    @property
    def changed(self) -> bool:
        """Whether `values` are others than those that were given."""
        return self.values is not self._given

    def _number(self, values: pd.Series) -> None:
        self.values = _as_numbers(values)
        try:
            least, most = _refuse_extremes(self.name, self.values, self.where)
        except InputError as error:
            self.reason, self.question = "numbers out of bounds", f"{error}."
            return
        if least == most:
            self.column = replace(self.column, kind="constant")
        elif (least, most) == (0, 1) and bool(np.isin(self.values.dropna().unique(), (0, 1)).all()):
            self.column = replace(self.column, kind="yes/no")

    def _text(self, values: pd.Series, decimal: str | None, *, mixed: bool) -> None:
        if isinstance(values.dtype, pd.CategoricalDtype):
            self._category(values, values.nunique())
            if infer_dtype(values.cat.categories).startswith("mixed"):
                self.reason = "categories of several types, such as numbers and text"
            return
        counts = _texts(values).value_counts(sort=False).to_dict()
        decision = decide(counts, decimal)
        if decision and len(counts) > len(decision.missing):
            self._spelled(decision)
        elif mixed:
            self.reason = "neither numbers nor text, but both"
        elif _reads_as_dates(list(counts)):
            self.reason = "dates or times"
        elif len(counts) > sum(counts.values()) / 2:
            words = any(" " in text.strip() for text in list(counts)[:1000])
            self.reason = (
                f"{'free text' if words else 'identifier'}, {len(counts):,} different values"
            )
        else:
            self._category(values, len(counts))
            self._ask_about_markers(counts)

    def _category(self, values: pd.Series, levels: int) -> None:
        self.column = Column(self.name, "constant" if levels == 1 else "category", text=True)
        self.values = values.astype(object).where(values.notna(), np.nan)

    def _spelled(self, decision: Decision) -> None:
        spelling, values = decision.spelling, self.values
        if decision.ambiguous:
            one = decision.ambiguous[0]
            self.reason = f"numbers that can be read in two ways, such as {one!r}"
            self.question = (
                f"Is {one!r} {_number(one, ',')} or {_number(one, '.')}? Say which sign is the "
                "decimal one: --decimal , or --decimal . (in Python read_table(decimal=...))."
            )
            return
        self.column = replace(self.column, spelling=spelling)
        numbers, odd = _spelled(values, spelling)
        if decision.odd:
            self.reason = f"numbers, but for {_cells(odd, self.where)}"
            first = odd.iloc[0]
            self.question = (
                "Correct these cells, or say that they are missing values: "
                f"--missing {quoted(first)} (in Python read_table(missing=...))."
            )
            return
        self._number(numbers)
        self.column = replace(self.column, spelling=spelling)
        self.note = _spelling_note(self.name, values, numbers, decision)

    def _ask_about_markers(self, counts: dict[str, int]) -> None:
        found = [text for text in counts if text.strip().lower() in MARKERS]
        if not (found and self._asked):
            return
        cells = self.values[self.values.isin(found)]
        self.reason = f"categories, with {_cells(cells, self.where)} among them"
        self.question = (
            f"Does {found[0]!r} mean that the value is missing? Then say --missing {found[0]!r} "
            "(in Python read_table(missing=...)); if it is a value like the others, --missing '' "
            f"(in a DataFrame: astype({{{self.name!r}: 'category'}}))."
        )


def _refuse(looks: dict[str, _Look]) -> None:
    refused = {name: look for name, look in looks.items() if look.reason}
    if not refused:
        return
    found = ", ".join(f"{name!r} ({look.reason})" for name, look in refused.items())
    questions = "".join(f" {look.question}" for look in refused.values() if look.question)
    dates = any(look.reason == "dates or times" for look in refused.values())
    hour = " A date can be turned into numbers, such as the hour, beforehand." if dates else ""
    raise InputError(
        f"Features should be numbers or categories, but these are not: {found}.{questions} "
        f"{way_out(refused)}{hour}"
    )


def _family(values: pd.Series) -> str:
    """Say of what sort values are: number, text, mixed (of both), or what they are instead."""
    dtype = values.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return "number"
    if isinstance(dtype, pd.CategoricalDtype):
        return "text"
    inferred = infer_dtype(values, skipna=True)
    if inferred in _DATE_TYPES or pd.api.types.is_datetime64_any_dtype(dtype):
        return "dates or times"
    numeric = pd.api.types.is_numeric_dtype(dtype) and not is_complex_dtype(dtype)
    if numeric or inferred in _NUMBER_TYPES:
        return "number"
    if inferred == "string":
        return "text"
    if inferred in _MIXED_TYPES and values.dropna().map(type).isin((str, int, float)).all():
        return "mixed"
    return "neither numbers nor text"


def _as_numbers(values: pd.Series) -> pd.Series:
    """Return plain numbers as they are, others as float64."""
    if is_extension_array_dtype(values.dtype):
        return values.astype(np.float64)
    if values.dtype != object:
        return values if values.dtype.itemsize <= 8 else _narrowed(values)
    try:
        return values.astype(np.float64)
    except (OverflowError, TypeError):  # Python's integers have no bound; pd.NA is no float
        return values.map(lambda v: np.nan if pd.isna(v) else _to_float(v)).astype(np.float64)


def _narrowed(values: pd.Series) -> pd.Series:
    with np.errstate(over="ignore"):  # to infinities, which are refused
        return values.astype(np.float64)


def _to_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.finfo(np.float64).max if value > 0 else np.finfo(np.float64).min


def _texts(values: pd.Series) -> pd.Series:
    """Return the values that are there as text."""
    there = values.dropna()
    return there.map(str) if there.dtype == object else there


def _spelled(values: pd.Series, spelling: Spelling) -> tuple[pd.Series, pd.Series]:
    """Return texts as numbers, and those texts that are none."""
    texts = _texts(values)
    words = {text: spelling.value(text) for text in texts.unique()}
    odd = [text for text, number in words.items() if number is None]
    numbers = texts.map(words).astype(np.float64).reindex(values.index)
    return numbers, texts[texts.isin(odd)]


def _refuse_extremes(name: str, values: pd.Series, where: Where) -> tuple[float, float]:
    """Return the least and the largest value; refuse what float64 cannot square."""
    numbers = values.to_numpy()
    least, most = extremes(numbers)
    if np.isinf(least) or np.isinf(most):
        bad = np.isinf(numbers)
        raise InputError(
            f"Column {name!r} has {bad.sum():,} infinite values "
            f"({places(values.index, bad, where)})"
        )
    if max(-least, most) > LARGEST:
        bad = np.abs(numbers) > LARGEST
        raise InputError(
            f"Column {name!r} has values that are too large to be squared, such as "
            f"{numbers[bad][0].item()!r} ({places(values.index, bad, where)}); "
            f"up to {LARGEST:g} can be used"
        )
    return least, most


def extremes(numbers: npt.NDArray[Any]) -> tuple[float, float]:
    """Return the least and the largest of `numbers`, shape (n,), NaN where all are."""
    least, most = float(numbers.min()), float(numbers.max())
    if np.isnan(least) and not np.isnan(numbers).all():  # slower
        return float(np.nanmin(numbers)), float(np.nanmax(numbers))
    return least, most


def _reads_as_dates(texts: list[str]) -> bool:
    """Tell whether at least 95% of the different texts look like dates and parse as such."""
    some = pd.Series(texts[:1000])
    if some.str.contains(_DATE).mean() < 0.95:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about time zones that pandas does not know
        dates = pd.to_datetime(some, errors="coerce", format="mixed", utc=True)
    return bool(dates.notna().mean() >= 0.95)


def _number(text: str, decimal: str) -> str:
    decision = decide({text: 1}, decimal)
    return "" if decision is None else f"{decision.spelling.value(text):.12g}"


def _cells(texts: pd.Series, where: Where) -> str:
    """Name texts and where they are: ``'?' (line 3), '<0.01' (lines 5, 9)``."""
    groups = [(text, texts.index[texts == text].tolist()) for text in texts.unique()[:5]]
    more = ", ..." if texts.nunique() > 5 else ""
    return ", ".join(f"{quoted(text)} ({where(labels)})" for text, labels in groups) + more


def _spelling_note(name: str, texts: pd.Series, numbers: pd.Series, found: Decision) -> Note | None:
    said, values = found.spelling.described(), []
    words = ""
    if said:
        first = int(numbers.notna().argmax())
        values = [str(texts.iloc[first])]
        words = f" {values[0]!r} is {numbers.iloc[first]:.12g} ({said})."
    if found.missing:
        count = int(texts.isin(found.missing).sum())
        words += f" {listed(found.missing)} in {count:,} cells: missing values."
    if not words:
        return None
    return Note(
        "spelling", name, f"Column {name!r} is read as numbers.{words}", (*values, *found.missing)
    )
