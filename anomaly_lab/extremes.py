"""Numbers that arithmetic cannot carry, refused by their column: too large, too close, too far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab.errors import InputError

# Methods square differences and add the squares up. In this range they can: the squares of 1e27
# such numbers add up to less than float64's largest, 1.8e308, and of a spread as small as the
# second even the 1e13th part can be squared without falling below its smallest, 2.2e-308.
LARGEST = 1e140
_LEAST_SPREAD = 1e-140

# Of 16 digits, 12 for how far out the farthest value lies leave 4 for how the others differ. What
# differs by less than 1e-6 counts as that: it is often the rounding of what should be equal.
_FARTHEST = 1e12
_ROUNDING = 1e-6
_LOOKED_AT = 10_000  # rows that tell how far from the median a value usually lies

_TOO_LARGE = (
    f": beyond {LARGEST:g} they cannot be squared and added up. Correct them, divide the column "
    "by a power of ten, or take logarithms."
)
_TOO_NARROW = (
    f": a spread below {_LEAST_SPREAD:g} cannot be squared. Multiply the column by a power of ten, "
    "or take logarithms."
)
_TOO_FAR = (
    ", and most of them differ by about {:.3g}: beside the farthest value they are all the same. "
    "Correct that value, or drop its row."
)


def refuse_extremes(
    rows: npt.NDArray[np.float64], names: Sequence[str] | None, *, fitting: bool
) -> None:
    """Raise where a column holds numbers that the arithmetic of detectors cannot carry.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Numbers; NaN is passed over.
    names : sequence of str, optional
        The columns' names, for the message; without them columns are counted from 0.
    fitting : bool
        Whether these are fitting rows, whose columns also need a spread that can be squared, and
        no value so far out that beside it the others are all the same.

    Raises
    ------
    InputError
        Naming the first such column, and the range of its values.
    """
    low, high = np.fmin.reduce(rows), np.fmax.reduce(rows)
    for j, problem in _problems(rows, low, high, fitting):
        name = f"{j} (counted from 0)" if names is None else repr(str(names[j]))
        raise InputError(f"Column {name} holds numbers from {low[j]:.6g} to {high[j]:.6g}{problem}")


def _problems(rows: Any, low: Any, high: Any, fitting: bool) -> Iterator[tuple[Any, str]]:
    """Yield columns, by position, and what is wrong with each."""
    for j in np.flatnonzero(np.maximum(high, -low) > LARGEST):
        yield j, _TOO_LARGE
    if not fitting:
        return
    spread = high - low
    for j in np.flatnonzero((spread > 0) & (spread < _LEAST_SPREAD)):
        yield j, _TOO_NARROW
    for j in np.flatnonzero(spread > _FARTHEST * _ROUNDING):
        usual = _usual_deviation(rows[:: 1 + len(rows) // _LOOKED_AT, j])
        if usual and spread[j] > _FARTHEST * max(usual, _ROUNDING):
            yield j, _TOO_FAR.format(usual)


def _usual_deviation(column: npt.NDArray[np.float64]) -> float:
    """Return the median distance to the median, of the values that are not equal to it, or 0."""
    values = column[~np.isnan(column)]
    deviation = np.abs(values - np.median(values))
    differing = deviation[deviation > 0]
    return float(np.quantile(differing, 0.5, method="lower")) if differing.size else 0.0
