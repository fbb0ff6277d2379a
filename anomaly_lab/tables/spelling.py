"""Text -> numbers, however they are spelled: decided over a whole column, then applied to all."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Cells that mean "no value" among numbers; compared without blanks and in lower case.
_NO_VALUE = """
    ? - -- --- . .. * na n/a n.a. #n/a #na <na> nan -nan nil null none (null)
    #div/0! #null! #num! #ref! #value! #name? -1.#ind 1.#qnan
"""
MARKERS = frozenset(_NO_VALUE.split())
_WORDS = frozenset({"", "missing", "unknown", "not available", "k.a.", "keine angabe"})
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2013\u2014", "-"),  # minus and dashes
        **dict.fromkeys("\u00a0\u202f\u2009", " "),  # blanks that do not break
        **dict.fromkeys("\u2019\u00b4", "'"),  # apostrophes
    }
)
_CELL = re.compile(
    r"(?P<open>\()?(?P<sign>[+-]?) ?(?P<before>[^\W\d_]{1,3}\.? ?|[^\w\s.,'+()-] ?)?(?P<inner>-?)"
    r"(?P<body>[0-9](?:[0-9.,' ]*[0-9])?[.,]?|[.,][0-9]+)(?P<exponent>[eE][+-]?[0-9]+)?"
    r" ?(?P<after>(?:[^\W\d_]|[%‰°$€£¥₹₽¢])[^\s,'+():]{0,11}(?: [^\W\d_]{1,11})?)?(?P<close>\))?"
)
_CURRENCIES = "usd eur gbp chf jpy cny inr cad aud sek nok dkk rs kr fr us$"
_CODES = frozenset(_CURRENCIES.split())
_TRUTH = {"true": 1.0, "false": 0.0}
_MOST_TRIED = 1000  # different texts looked at before the rest
_MOSTLY = 0.9  # share of the cells that are numbers, before the others count as odd


@dataclass(frozen=True)
class Spelling:
    """How a column writes its numbers.

    Parameters
    ----------
    decimal : str
        ``"."`` or ``","``.
    group : str
        What separates thousands; "" for nothing.
    unit : str
        The unit, currency or percent sign beside the numbers, which is left away.
    truth : bool
        Whether the column holds the words true and false, for 1 and 0, and no numbers.
    """

    decimal: str = "."
    group: str = ""
    unit: str = ""
    truth: bool = False

    def value(self, text: str) -> float | None:
        """Return the number that `text` spells, NaN for a missing one, None for neither."""
        if is_marker(text):
            return np.nan
        return _TRUTH.get(text.lower()) if self.truth else self._number(_parts(text))

    def _number(self, parts: re.Match[str] | None) -> float | None:
        if parts is None or (unit := _unit(parts)) not in ("", self.unit):
            return None
        if "%" in (unit, self.unit) and unit != self.unit:
            return None  # 5% beside 0.05
        digits = _digits(parts["body"], self.decimal, self.group)
        if digits is None or bool(parts["open"]) != bool(parts["close"]):
            return None
        minus = (parts["sign"] == "-") + bool(parts["inner"]) + bool(parts["open"])
        return (-1) ** minus * float(digits + (parts["exponent"] or "")) if minus < 2 else None

    def described(self) -> str:
        """Say it in words, "" where there is nothing to say."""
        said = [
            "decimal comma" if self.decimal == "," else "",
            f"{self.group!r} between thousands" if self.group else "",
            f"{self.unit!r} left away" if self.unit else "",
        ]
        return ", ".join(word for word in said if word)


PLAIN = Spelling()


@dataclass(frozen=True)
class Decision:
    """What a column of texts turned out to be: numbers, with `odd` texts among them.

    Parameters
    ----------
    spelling : Spelling
        How the numbers are written.
    odd : tuple of str
        Texts that are neither numbers nor markers of missing values.
    missing : tuple of str
        The markers of missing values that occur.
    ambiguous : tuple of str
        Texts that could be two different numbers, where nothing in the column says which.
    """

    spelling: Spelling
    odd: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()


def is_marker(text: str) -> bool:
    """Tell whether a cell among numbers means that there is no value."""
    word = _clean(text).lower()
    return word in MARKERS or word in _WORDS


def decide(counts: Mapping[str, int], decimal: str | None = None) -> Decision | None:
    """Find how a column of texts spells its numbers; None where it does not hold numbers.

    Parameters
    ----------
    counts : mapping of str to int
        The different texts, and how many cells hold each.
    decimal : {None, ".", ","}
        The decimal sign, where it is known.

    Returns
    -------
    Decision or None
        None where fewer than nine in ten cells with a value spell a number.
    """
    if all(text.lower() in _TRUTH or is_marker(text) for text in counts):
        return Decision(Spelling(truth=True), missing=tuple(filter(is_marker, counts)))
    some = list(counts)[:_MOST_TRIED]
    if sum(_parts(text) is not None or is_marker(text) for text in some) < len(some) / 2:
        return None
    missing = tuple(filter(is_marker, counts))
    cells = {text: _parts(text) for text in counts if not is_marker(text)}
    numbers = {text: parts for text, parts in cells.items() if parts}
    total = sum(counts[text] for text in cells)
    if not numbers or any(re.match(r"0[0-9]", parts["body"]) for parts in numbers.values()):
        return None  # codes such as 007
    unit = _common_unit(numbers, counts)
    bodies: Counter[str] = Counter()
    for text, parts in numbers.items():
        bodies[parts["body"]] += counts[text]
    decimals, group, ambiguous = _signs(bodies, decimal, currency=_is_currency(unit))
    spelling = Spelling(decimals, group, unit)
    odd = tuple(t for t, parts in cells.items() if spelling._number(parts) is None)
    # Numbers that are spelled in two ways, such as 1,50 beside 1.50 or 5% beside 0.05, are no text.
    able = sum(counts[t] for t, p in numbers.items() if _unit(p) in ("", unit) and _readable(p))
    if able < _MOSTLY * total:
        return None
    unclear = tuple(t for t, parts in numbers.items() if parts["body"] in ambiguous)
    return Decision(spelling, odd, missing, unclear)


def _signs(bodies: Counter[str], known: str | None, *, currency: bool) -> tuple[str, str, set[str]]:
    """Return decimal sign, sign between thousands, and the bodies that could be either.

    A sign that is known decides where both fit; a column that shows another one keeps its own.
    """
    fits = {}
    for decimal in (",", ".") if known == "," else (".", ","):
        for group in ("", ".", ",", " ", "'"):
            if group != decimal:
                read = {body: _digits(body, decimal, group) for body in bodies}
                fits[decimal, group] = sum(bodies[body] for body, d in read.items() if d)
    decimal, group = max(fits, key=lambda pair: fits[pair])  # the first of equals
    other = ",", "."
    if known or fits.get(other, 0) < fits[decimal, group]:
        return decimal, group, set()
    # All could be thousands of one sign or decimals of it.
    readings = {body: (_digits(body, *other), _digits(body, decimal, group)) for body in bodies}
    unclear = {body for body, (one, two) in readings.items() if one and two and one != two}
    if "," not in "".join(unclear):  # 1.234, as in most files
        return decimal, group, unclear if currency else set()
    return (".", ",", set()) if currency else (decimal, group, unclear)


def _readable(parts: re.Match[str]) -> bool:
    """Tell whether a cell is a number with one decimal sign or the other."""
    return any(
        _digits(parts["body"], decimal, group) for decimal in ".," for group in ("", *" '.,")
    )


def _digits(body: str, decimal: str, group: str) -> str | None:
    """Return the number in Python's spelling, None where `body` is not spelled like that."""
    if decimal == group:
        return None
    whole, _, fraction = body.partition(decimal)
    if not re.fullmatch(r"[0-9]*", fraction):
        return None
    if group and group in whole:
        first, *others = whole.split(group)
        *pairs, last = others
        lengths = {len(part) for part in pairs}
        western = lengths <= {3} and 1 <= len(first) <= 3
        indian = lengths == {2} and group == "," and 1 <= len(first) <= 2
        if len(last) != 3 or not (western or indian) or first.startswith("0"):
            return None
        whole = first + "".join(others)
    if not re.fullmatch(r"[0-9]*", whole):
        return None
    return f"{whole or '0'}.{fraction or '0'}"


def _common_unit(numbers: Mapping[str, re.Match[str]], counts: Mapping[str, int]) -> str:
    units: Counter[str] = Counter()
    for text, parts in numbers.items():
        units[_unit(parts)] += counts[text]
    bare = units.pop("", 0)
    if not units:
        return ""
    unit, most = units.most_common(1)[0]
    return "" if bare > 9 * most else unit


def _is_currency(unit: str) -> bool:
    return unit.lower() in _CODES or any(unicodedata.category(c) == "Sc" for c in unit)


def _unit(parts: re.Match[str]) -> str:
    before = (parts["before"] or "").strip().rstrip(".")
    after = (parts["after"] or "").strip().rstrip(".")
    return before + after


def _parts(text: str) -> re.Match[str] | None:
    parts = _CELL.fullmatch(_clean(text))
    if parts and parts["before"] and not _is_currency(parts["before"].strip().rstrip(".")):
        return None  # such as Q1 or v2
    return parts


def _clean(text: str) -> str:
    return unicodedata.normalize("NFKC", text.translate(_SIGNS)).translate(_SIGNS).strip()
