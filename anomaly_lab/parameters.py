"""What a parameter may be: said by its annotation, checked in one way wherever one is given.

A detector, a threshold rule and a public function write ordinary annotations, and `Annotated` where
a number has a range, for which there are names here::

    def __init__(self, n_neighbors: Count = 5, method: Literal["mean", "median"] = "mean"):

Kinds are told apart as a reader expects: a boolean is no number, a number is finite, and NumPy's
scalars are numbers, since scikit-learn's searches pass them. scikit-learn's own check is private,
and takes True for a whole number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, wraps
from inspect import isclass, signature
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np

from anomaly_lab.errors import AnomalyLabError, InputError

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """The range of a number, written into its annotation: ``Annotated[int, Bounds(low=1)]``.

    Parameters
    ----------
    low, high : float, optional
        Ends that belong to the range.
    above, below : float, optional
        Ends that do not.
    """

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def hold(self, number: Any) -> bool:
        """Return whether a number lies in the range."""
        if isinstance(number, np.generic):
            number = number.item()  # the ends of a range may lie beyond a small NumPy type
        return bool(
            (self.low is None or number >= self.low)
            and (self.high is None or number <= self.high)
            and (self.above is None or number > self.above)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {_spelled(self.low)} to {_spelled(self.high)}"
        ends = {
            "above": self.above,
            "of at least": self.low,
            "below": self.below,
            "at most": self.high,
        }
        given = {word: end for word, end in ends.items() if end is not None}
        return " and ".join(f"{word} {_spelled(end)}" for word, end in given.items())


def _spelled(end: float) -> str:
    return f"{end:,}" if isinstance(end, int) else f"{end:g}"


Count = Annotated[int, Bounds(low=1, high=10**9)]
Positive = Annotated[float, Bounds(above=0)]
Share = Annotated[float, Bounds(above=0, below=1)]
Seed = Annotated[int, Bounds(low=0, high=2**32 - 1)]  # what every generator of random numbers takes


def check_arguments(function: Callable[..., Any], owner: str, given: Mapping[str, Any]) -> None:
    """Raise where a value is not what the function's annotation of its parameter says.

    Parameters
    ----------
    function : callable
        A function, or a class's ``__init__``; parameters without an annotation take everything.
    owner : str
        Whose parameters they are, for the message.
    given : mapping of str to object
        Values by parameter.

    Raises
    ------
    InputError
        Naming owner and parameter, what was expected and what came.
    """
    for name, kind in _kinds(function).items():
        if name in given and not _fits(given[name], kind):
            raise InputError(
                f"{owner}: {name} must be {_described(kind)}, got {shown(given[name])}."
            )


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function so that it refuses arguments other than its annotations say."""
    parameters = signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        given = parameters.bind(*args, **kwargs).arguments
        check_arguments(function, function.__name__, given)
        return function(*args, **kwargs)

    return call


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number by its type: 2 and NumPy's 2, not 2.0 nor True."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_real(value: object) -> bool:
    """Return whether a value is a real number by its type, infinity and NaN among them."""
    return is_whole(value) or isinstance(value, float | np.floating)


def is_finite(value: Any) -> bool:
    """Return whether a value is a real number that a float can hold."""
    if not is_real(value):
        return False
    # Python compares whole numbers of any size with floats exactly; NaN is never less.
    number = value.item() if isinstance(value, np.integer) else value
    return abs(number if isinstance(number, int) else float(number)) <= sys.float_info.max


def shown(value: object) -> str:
    """Return a value as Python writes it, cut where that is long, and its type where it cannot."""
    try:
        text = repr(value)
    except Exception:  # what a stranger's object raises when it is written can be anything
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 100 else f"{text[:97]}..."


def has_masked(values: object, depth: int = 2) -> bool:
    """Return whether an array, or a list of `depth` levels, hides values behind NumPy's mask."""
    if depth and isinstance(values, list | tuple):
        return any(has_masked(each, depth - 1) for each in values)
    return isinstance(values, np.ma.MaskedArray) and bool(np.ma.is_masked(values))


@lru_cache(maxsize=256)
def _kinds(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        kinds = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise AnomalyLabError(
            f"An annotation of {function.__qualname__} cannot be read: {error}. Import that name "
            "where the module is loaded, not for type checking alone."
        ) from error
    return {name: kind for name, kind in kinds.items() if name != "return"}


_PLAIN: dict[Any, tuple[Callable[[Any], bool], str]] = {
    bool: (lambda value: isinstance(value, bool | np.bool_), "True or False"),
    int: (is_whole, "a whole number"),
    float: (is_finite, "a finite number"),
    str: (lambda value: isinstance(value, str), "text"),
    NoneType: (lambda value: value is None, "None"),
}


def _fits(value: Any, kind: Any) -> bool:
    """Return whether a value is of a kind; a kind that is not known here takes everything."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if kind in _PLAIN:
        return _PLAIN[kind][0](value)
    if origin is Annotated:
        bounds = (each for each in inner[1:] if isinstance(each, Bounds))
        return _fits(value, inner[0]) and all(each.hold(value) for each in bounds)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is Literal:
        return any(_fits(value, type(each)) and value == each for each in inner)
    if origin is tuple and Ellipsis not in inner:
        same = isinstance(value, tuple | list) and len(value) == len(inner)
        return same and all(map(_fits, value, inner))
    if origin in (tuple, list, Sequence, Iterable):
        return _is_many(value, origin) and all(_fits(each, inner[0]) for each in _read(value))
    if origin is Mapping:
        return isinstance(value, Mapping) and all(
            _fits(key, inner[0]) and _fits(each, inner[1]) for key, each in value.items()
        )
    plain = origin or kind
    return not isclass(plain) or _is_protocol(plain) or isinstance(value, plain)


def _is_many(value: object, origin: Any) -> bool:
    """Return whether a value is several others; text is several texts where it may be iterated."""
    if origin is Iterable:
        scalar = isinstance(value, np.ndarray) and not value.ndim
        return isinstance(value, Iterable) and not (scalar or isinstance(value, bytes | Mapping))
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _read(values: Iterable[Any]) -> Iterable[Any]:
    """Return the values to look at: none of what can be walked through but once."""
    return () if isinstance(values, Iterator) else values


def _is_protocol(kind: Any) -> bool:
    return getattr(kind, "_is_protocol", False)


def _described(kind: Any) -> str:
    """Return in words what a kind takes."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind][1]
    if origin is Annotated:
        bounds = [str(each) for each in inner[1:] if isinstance(each, Bounds)]
        return " ".join([_described(inner[0]).replace(" finite", ""), *bounds])
    if origin in (Union, UnionType):
        return " or ".join(map(_described, inner))
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}" if len(inner) > 1 else repr(inner[0])
    if origin is tuple and Ellipsis not in inner:
        return f"({', '.join(map(_described, inner))})"
    if origin in (tuple, list, Sequence, Iterable):
        return f"a list in which each is {_described(inner[0])}"
    if origin is Mapping:
        return f"a dict from {_described(inner[0])} to {_described(inner[1])}"
    if origin is Callable:
        return "a function"
    name = getattr(origin or kind, "__name__", str(kind))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
