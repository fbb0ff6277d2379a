"""What was noticed in a table and could spoil its figures."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

MOST_LINES = 5  # lines or rows that a message names
_LONGEST = 60  # characters of a value that a message shows

Where = Callable[[Sequence[Any]], str]  # index labels of rows -> "lines 3, 9"


@dataclass(frozen=True)
class Note:
    """One thing that a reader of the figures should know.

    Parameters
    ----------
    kind : str
        What sort of thing, such as ``"far value"``.
    column : str or None
        The column; None where it is about the whole table.
    message : str
        A sentence or two: what was seen, and what to do.
    values : tuple of str
        The values it is about, as written or as Python spells them.
    lines : str
        Where these are: the file's lines, or rows by their index; the first few.
    """

    kind: str
    column: str | None
    message: str
    values: tuple[str, ...] = ()
    lines: str = ""

    def __str__(self) -> str:
        return self.message


def rows_at(labels: Sequence[Any]) -> str:
    """Name rows of a table by their index; the first few."""
    return numbered("row", labels)


def numbered(thing: str, numbers: Sequence[Any]) -> str:
    """Return ``"lines 3, 9"``: the first few of `numbers`."""
    shown = ", ".join(map(str, numbers[:MOST_LINES]))
    more = ", ..." if len(numbers) > MOST_LINES else ""
    return f"{thing}{'' if len(numbers) == 1 else 's'} {shown}{more}"


def places(index: pd.Index, mask: npt.NDArray[np.bool_], where: Where) -> str:
    """Say where `mask`, shape (n,), is true, in the words of `where`."""
    return where(index[np.flatnonzero(mask)].tolist())


def way_out(columns: Iterable[str]) -> str:
    """Say how to leave columns out, on the command line and in Python."""
    names = list(columns)
    options = " ".join(f"--drop {shlex.quote(name)}" for name in names)
    return f"Leave out what is no feature (drop={names}, on the command line {options})."


def quoted(value: Any) -> str:
    """Spell a value as Python does, the beginning of a long one."""
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def listed(values: Iterable[Any], most: int = 5) -> str:
    """Return the first `most` of the values, spelled and joined by commas."""
    shown = [quoted(value) for value in values]
    return ", ".join(shown[:most]) + (", ..." if len(shown) > most else "")
