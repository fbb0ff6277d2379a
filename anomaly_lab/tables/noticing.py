"""What could spoil the figures of a table: looked for in all its columns at once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomaly_lab.tables.notes import Note, Where, listed, places, rows_at, way_out
from anomaly_lab.tables.schema import extremes

MOST_ROWS = 100_000  # looked at, beside the least and the largest value, which are exact
FEW_ANOMALIES = 10  # fewer cannot tell detectors apart
_SEED = 0
_FAR_CELLS = 5  # as many cells can lie far beyond all others; more are a part of the data
_FAR = 10.0  # ranges of the other values, between a far cell and the next
_FEW_LEVELS = 5  # grades such as 0, 1 and 20 are no far values
_NINES = re.compile(r"-?9{2,}(\.0)?")
_STANDING_IN = frozenset({-32768.0, 32767.0, 2147483647.0, -2147483648.0})  # ends of integers
_NEARLY = 5  # cells that differ, at most, in a nearly constant column
_COUNTER = re.compile(r"(^|[_ ])(id|index|row|nr|no|number|key)$", re.IGNORECASE)
_GROUP = re.compile(
    r"(^|[_ ])(id|key|patient|subject|person|customer|client|user|account|machine|device|engine|"
    r"session|group)$|(?-i:[a-z]I[dD]$)",
    re.IGNORECASE,
)
_TIME = re.compile(r"date|time|stamp|epoch", re.IGNORECASE)
_TELLS = 0.995  # recall of both classes, from one column alone
MOST_LEVELS = 50  # of a column that tells the label by its levels


def notice(
    X: pd.DataFrame, y: npt.NDArray[np.int8] | None = None, where: Where = rows_at
) -> tuple[Note, ...]:
    """Name what could spoil the figures of a table.

    Parameters
    ----------
    X : DataFrame of shape (n, d)
        Features as numbers and levels.
    y : array of shape (n,), optional
        1 = anomaly, 0 = normal.
    where : callable, optional
        Says where rows are, from their index.

    Returns
    -------
    tuple of Note
        Column by column: a constant or nearly constant one, a far value, an identifier, groups
        of rows, dates written as numbers, a column that tells the label; then, fewer than ten
        anomalies. Of more than 100,000 rows the least and the largest values are exact, and as
        many rows, drawn with a fixed seed, are looked at for the rest.
    """
    chosen = _sample(len(X))
    notes = []
    for name in X.columns:
        column = _Column(X[name], chosen, where)
        notes += [note for note in column.notes() if note]
        if y is not None and (note := _tells(column, y if chosen is None else y[chosen])):
            notes.append(note)
    if y is not None and (few := _few(y)):
        notes.append(few)
    return tuple(notes)


def _sample(n: int) -> npt.NDArray[np.intp] | None:
    if n <= MOST_ROWS:
        return None
    return np.sort(np.random.default_rng(_SEED).choice(n, MOST_ROWS, replace=False))


class _Column:
    """One column: all its values, and the different ones of the rows that are looked at."""

    def __init__(self, values: pd.Series, chosen: npt.NDArray[np.intp] | None, where: Where):
        self.name, self.all, self.where = str(values.name), values, where
        self.sampled = chosen is not None
        self.some = values if chosen is None else values.iloc[chosen]
        self.numeric = pd.api.types.is_numeric_dtype(values)
        self.whole = self.numeric and values.dtype.kind in "iu"
        found = self.some.dropna()
        if self.numeric:
            numbers = found.to_numpy(np.float64)
            if chosen is not None and len(numbers):  # the sample may lack the ends
                ends = extremes(values.to_numpy())
                numbers = np.append(numbers, [end for end in ends if end not in numbers])
            self.levels, self.counts = np.unique(numbers, return_counts=True)
        else:
            counts = found.value_counts()
            self.levels, self.counts = counts.index.to_numpy(), counts.to_numpy()
        self.n = int(self.counts.sum())

    def notes(self) -> Iterator[Note | None]:
        """Yield what was noticed, None for nothing."""
        if note := self._constant():
            yield note
            return
        if self.numeric and len(self.levels) > 2:
            yield from self._far()
        if not self.numeric:
            yield self._alike()
        yield self._counter() or self._dates() or self._group()

    def _note(self, kind: str, message: str, *values: float, lines: str = "") -> Note:
        texts = tuple(f"{value:.12g}" for value in values)
        sample = f" ({MOST_ROWS:,} rows, drawn at random, were looked at.)" if self.sampled else ""
        return Note(kind, self.name, f"Column {self.name!r} {message}{sample}", texts, lines)

    def _constant(self) -> Note | None:
        if len(self.levels) == 1:
            return self._note("constant", f"has one value only. {way_out([self.name])}")
        others = self.n - int(self.counts.max())
        if others > _NEARLY or self.n < 20 * others:
            return None
        usual = self.levels[self.counts.argmax()]
        different = (self.all.notna() & (self.all != usual)).to_numpy(bool)
        lines = places(self.all.index, different, self.where)
        return self._note(
            "nearly constant",
            f"has one value but for {different.sum():,} of {len(self.all):,} cells ({lines}). "
            "A random split may leave none of them to learn from.",
            lines=lines,
        )

    def _alike(self) -> Note | None:
        folded = [" ".join(str(level).split()).casefold() for level in self.levels]
        times = Counter(folded)
        alike = [v for v, fold in zip(self.levels, folded, strict=True) if times[fold] > 1]
        if not alike:
            return None
        return Note(
            "level spelling",
            self.name,
            f"Column {self.name!r} has values that differ in case or blanks only: "
            f"{listed(sorted(alike))}. If they mean the same, write them alike.",
            tuple(map(str, alike)),
        )

    def _far(self) -> Iterator[Note | None]:
        for sign in (1.0, -1.0):
            levels, counts = sign * self.levels[:: int(sign)], self.counts[:: int(sign)]
            low = levels[np.searchsorted(np.cumsum(counts), 0.01 * self.n)]
            k = _beyond(levels, counts, low) or _standing_in(sign, levels, counts, low)
            if k:
                yield self._far_note(sign * levels[-k:], counts[-k:])

    def _far_note(self, far: npt.NDArray[np.float64], counts: npt.NDArray[np.intp]) -> Note:
        cells = self.all.isin(far.tolist()).to_numpy(bool)
        lines = places(self.all.index, cells, self.where)
        shown = ", ".join(f"{value:.12g}" for value in far[:5])
        if counts.sum() > len(far):
            return self._note(
                "far value",
                f"holds {shown} in {cells.sum():,} of {len(self.all):,} cells ({lines}), far from "
                f"all other values. If it stands for a missing value, say --missing {far[0]:.12g} "
                f"(in Python read_table(missing={f'{far[0]:.12g}'!r})).",
                *far,
                lines=lines,
            )
        return self._note(
            "far cell",
            f"holds {shown} ({lines}), far beyond all other values. If that is a slip, correct it.",
            *far,
            lines=lines,
        )

    def _counter(self) -> Note | None:
        """Note a running number: steps of one, or rising under a name such as id."""
        steps = np.diff(self.some.to_numpy().astype(np.int64)) if self.whole else np.empty(0)
        named = _COUNTER.search(self.name) is not None or _GROUP.search(self.name) is not None
        if len(steps) > 1 and ((steps == 1).all() or (named and (steps > 0).all())):
            return self._note("identifier", f"only counts the rows. {way_out([self.name])}")
        if named and self.whole and self.n > 1 and len(self.levels) == self.n:
            return self._note(
                "identifier", f"has another number in every row. {way_out([self.name])}"
            )
        return None

    def _group(self) -> Note | None:
        if _GROUP.search(self.name) is None or not (self.whole or not self.numeric):
            return None
        if not 2 <= len(self.levels) <= self.n / 2:
            return None
        return self._note(
            "group",
            f"names {len(self.levels):,} groups of rows that may belong together. A random split "
            "is kinder than reality then: split by it in Python. "
            f"It is no feature either. {way_out([self.name])}",
        )

    def _dates(self) -> Note | None:
        if not self.numeric or len(self.levels) < 3:
            return None
        least, most = self.levels[0], self.levels[-1]
        if not np.equal(np.mod(self.levels, 1), 0).all():
            return None
        if least >= 19000101 and most <= 21001231:
            month, day = self.levels // 100 % 100, self.levels % 100
            if ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():
                return self._note("date", f"holds dates as numbers. {way_out([self.name])}")
        scales = (1e0, 1e3, 1e6, 1e9)
        if _TIME.search(self.name) and any(5e8 * s <= least and most <= 4e9 * s for s in scales):
            return self._note("date", f"holds points in time as numbers. {way_out([self.name])}")
        return None


def _beyond(levels: npt.NDArray[np.float64], counts: npt.NDArray[np.intp], low: float) -> int:
    """Return how many of the rising `levels`, at their end, lie far beyond the others."""
    for k in range(1, min(_FAR_CELLS, len(levels) - 2) + 1):
        gap, spread = levels[-k] - levels[-k - 1], levels[-k - 1] - low
        cells = counts[-k:].sum()
        repeats = k == 1 and cells < counts.sum() / 4
        able = cells == 1 or (len(levels) > _FEW_LEVELS and (cells <= _FAR_CELLS or repeats))
        if able and gap > _FAR * spread > 0:
            return k
    return 0


def _standing_in(
    sign: float, levels: npt.NDArray[np.float64], counts: npt.NDArray[np.intp], low: float
) -> int:
    """Return how many of the rising `levels`, at their end, stand for missing values, as -999."""
    for k in range(len(levels) - 2):
        value, edge = levels[-k - 1], levels[-k - 2]
        stands = _NINES.fullmatch(f"{sign * value:.12g}") or sign * value in _STANDING_IN
        below_zero = sign < 0 < value and edge <= 0  # the only negative number
        if not (stands and counts[-k - 1] > 1 and (below_zero or value - edge > (edge - low) / 4)):
            return k
    return 0


def _tells(column: _Column, y: npt.NDArray[np.int8]) -> Note | None:
    """Note a column from which alone, by one cut or by its levels, the label can be read."""
    anomalies = int(y.sum())
    if min(anomalies, len(y) - anomalies) < FEW_ANOMALIES:
        return None
    rarer = min(anomalies, len(y) - anomalies)
    commonest = max(column.counts.max(initial=0), len(y) - column.n)  # or the missing value
    few = len(column.levels) <= MOST_LEVELS or commonest > _TELLS * rarer
    parts = (few and _by_level(column.some, y)) or (column.numeric and _by_cut(column.some, y))
    if not parts:
        return None
    return column._note(
        "tells the label",
        "tells the label nearly by itself. If it was filled in once the label was known, it will "
        f"not be there tomorrow. {way_out([column.name])}",
    )


def _by_level(values: pd.Series, y: npt.NDArray[np.int8]) -> bool:
    """Tell whether few levels, or one that all rows of a class share, part the classes."""
    codes, _ = pd.factorize(values)
    anomalous = np.bincount(codes + 1, weights=y) / y.sum()  # the first is the missing value
    normal = np.bincount(codes + 1, weights=1 - y) / (1 - y).sum()
    ahead = anomalous > normal
    if len(normal) <= MOST_LEVELS + 1:
        return bool(min(anomalous[ahead].sum(), normal[~ahead].sum()) > _TELLS)
    return bool(np.abs(anomalous - normal).max() > _TELLS)


def _by_cut(values: pd.Series, y: npt.NDArray[np.int8]) -> bool:
    """Tell whether the classes lie further apart than either is wide."""
    numbers = values.astype(np.float64)
    normal, anomalous = numbers[y == 0].dropna(), numbers[y == 1].dropna()
    if min(len(normal), len(anomalous)) < FEW_ANOMALIES:
        return False
    gap = max(anomalous.min() - normal.max(), normal.min() - anomalous.max())
    return bool(gap > max(normal.max() - normal.min(), anomalous.max() - anomalous.min()))


def _few(y: npt.NDArray[np.int8]) -> Note | None:
    if (anomalies := int(y.sum())) >= FEW_ANOMALIES:
        return None
    number = f"{anomalies} row{'' if anomalies == 1 else 's'}"
    return Note(
        "few anomalies",
        None,
        f"Only {number} of {len(y):,} {'is' if anomalies == 1 else 'are'} labelled anomalous; with "
        f"fewer than {FEW_ANOMALIES} no detector can be said to lead.",
    )
