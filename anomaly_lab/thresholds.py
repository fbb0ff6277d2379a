"""Rules that turn anomaly scores into a cutoff: a row is flagged when its score exceeds it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from inspect import signature
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anomaly_lab.errors import InputError, UnknownNameError
from anomaly_lab.parameters import Bounds, Share, check_arguments, checked, has_masked

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Factor = Annotated[float, Bounds(above=0, high=1e100)]  # what it multiplies must not overflow

_LARGEST = 1e150  # size of a score whose square does not overflow


class Threshold(ABC):
    """A rule that turns scores into a cutoff: a subclass is a dataclass and writes `_cutoff`.

    Attributes
    ----------
    cutoff_ : float
        The fitted cutoff, in the unit of the scores.
    name, needs_labels
        The rule's name in a `spec`; whether `fit` needs labels.
    """

    name: ClassVar[str]
    needs_labels: ClassVar[bool] = False
    cutoff_: float

    def fit(self, scores: ArrayLike, labels: ArrayLike | None = None) -> Self:
        """Find the cutoff.

        Parameters
        ----------
        scores : array-like of shape (n,)
            Anomaly scores of the calibration rows, higher = more anomalous; without NaN.
        labels : array-like of shape (n,), optional
            1 = anomaly, 0 = normal. Read only by rules whose `needs_labels` is true.

        Returns
        -------
        Threshold
            The rule itself, with `cutoff_` set.

        Raises
        ------
        InputError
            If a parameter is out of range, or the scores or labels cannot be used. The rule then is
            as it was.
        """
        self._check_parameters()
        values = as_scores(scores)
        if not values.size:
            raise InputError(f"{self} needs at least one score to fit on, but got none.")
        fresh = type(self)(**self._parameters())
        fresh.cutoff_ = float(fresh._cutoff(values, labels))
        self.__dict__ = fresh.__dict__  # one step: whatever interrupts the fit, nothing is mixed
        return self

    def predict(self, scores: ArrayLike) -> NDArray[np.int8]:
        """Flag the rows whose score is strictly above the cutoff.

        Parameters
        ----------
        scores : array-like of shape (n,)
            Anomaly scores without NaN.

        Returns
        -------
        ndarray of int8, shape (n,)
            1 = flagged as anomaly, 0 = not.

        Raises
        ------
        InputError
            If the rule is not fitted or the scores cannot be used.
        """
        if not hasattr(self, "cutoff_"):
            raise InputError(f"{self} has no cutoff yet: call fit on calibration scores first.")
        return (as_scores(scores) > self.cutoff_).astype(np.int8)

    @property
    def false_positive_rate(self) -> float | None:
        """The share of normal rows that the rule promises to flag; None where it promises none."""
        return None

    @property
    def spec(self) -> str:
        """The rule in one line, such as ``"quantile:0.95"``; `parse` reads it back."""
        values = (repr(float(value)).removesuffix(".0") for value in self._parameters().values())
        return f"{self.name}:{','.join(values)}"

    @abstractmethod
    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float: ...

    def _parameters(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in signature(type(self)).parameters}

    def _check_parameters(self) -> None:
        check_arguments(type(self).__init__, type(self).__name__, self._parameters())

    def _require_finite(self, scores: FloatArray) -> None:
        bad = np.count_nonzero(~(np.abs(scores) < _LARGEST))
        if bad:
            raise InputError(
                f"{type(self).__name__} needs finite scores (below {_LARGEST:g} in size), but "
                f"{bad} of {scores.size} are not; use a rule that goes by rank, such as Quantile."
            )


@dataclass
class Quantile(Threshold):
    """Assumes calibration and fresh normal rows alike; anomalies among the former raise the cutoff.

    The cutoff is the ceil((n + 1) * level)-th smallest of n calibration scores, so that a fresh
    normal row, exchangeable with them, is flagged with a probability of at most 1 - level, on
    average over calibration sets. Among equal scores nothing lies above the cutoff.

    Parameters
    ----------
    level : float
        Share of normal rows to leave alone, between 0 and 1.

    References
    ----------
    Vovk, Gammerman and Shafer (2005), Algorithmic Learning in a Random World,
    doi:10.1007/b106715.
    """

    name = "quantile"
    level: Share = 0.95

    @property
    def false_positive_rate(self) -> float:
        """The largest probability with which a fresh normal row is flagged."""
        return float(1 - _exact(self.level))

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        level = _exact(self.level)
        rank = math.ceil((scores.size + 1) * level)
        if rank > scores.size:
            raise InputError(
                f"{self} needs at least {math.ceil(level / (1 - level))} calibration rows to keep "
                f"its false-positive rate, but got {scores.size}: calibrate on more rows or lower "
                "the level."
            )
        return _smallest(scores, rank)


@dataclass
class MeanStd(Threshold):
    """Assumes roughly normal scores; a few large ones inflate mean and spread and so hide.

    The cutoff is mean + k * standard deviation, the latter with divisor n (``ddof=0``).

    Parameters
    ----------
    k : float
        Number of standard deviations, positive.
    """

    name = "meanstd"
    k: Factor = 3.0

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        self._require_finite(scores)
        shifted = scores - scores[0]  # exactly 0 for constant scores: no rounding flags them
        return float(scores[0] + (shifted.mean() + float(self.k) * shifted.std()))


@dataclass
class MAD(Threshold):
    """Assumes a symmetric bulk; flags too many normal rows when scores lean right, as most do.

    The cutoff is median + k * 1.4826 * MAD, where MAD is the median absolute deviation from the
    median and 1.4826 makes it the standard deviation under a normal law. With more than half of
    the scores equal, MAD is 0 and the cutoff is the median. Fewer than half may be infinite.

    Parameters
    ----------
    k : float
        Number of (robust) standard deviations, positive.

    References
    ----------
    Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers, ASQC Quality Press;
    Leys et al. (2013), doi:10.1016/j.jesp.2013.03.013.
    """

    name = "mad"
    k: Factor = 3.5

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        finite = np.count_nonzero(np.abs(scores) < _LARGEST)
        if 2 * finite <= scores.size:
            raise InputError(
                f"MAD needs more than half of the scores finite (below {_LARGEST:g} in size), but "
                f"{finite} of {scores.size} are; use a rule that goes by rank, such as Quantile."
            )
        median = np.median(scores)
        return float(median + float(self.k) * 1.4826 * np.median(np.abs(scores - median)))


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto tail: the excesses over `threshold` have this `shape` and `scale`.

    `shape` is the gamma of the paper (0 = exponential, negative = bounded), `scale` its sigma, in
    the unit of the scores; `n_excesses` counts the scores above `threshold`.
    """

    shape: float
    scale: float
    threshold: float
    n_excesses: int


@dataclass
class POT(Threshold):
    """Assumes that the largest normal scores follow a Pareto tail; ties or few rows break the fit.

    Peaks over threshold: the scores above their `level` quantile t (the ceil(n * level)-th
    smallest) leave excesses, to which a generalised Pareto law is fitted; the cutoff is the score
    that a normal row exceeds with probability `risk`, and never below t. Where the likelihood has
    no maximum (equal excesses, a hard upper end), the exponential law stays, which errs towards
    fewer alarms. After `fit`, `tail_` is the fitted `Tail`.

    Parameters
    ----------
    risk : float
        Probability with which a normal row is flagged, below 1 - level.
    level : float
        Share of the scores below the initial threshold, between 0 and 1.

    References
    ----------
    Siffer et al. (2017), doi:10.1145/3097983.3098144;
    Grimshaw (1993), doi:10.1080/00401706.1993.10485040.
    """

    name = "pot"
    min_excesses: ClassVar[int] = 10
    risk: Share = 1e-3
    level: Share = 0.98
    tail_: Tail = field(init=False, repr=False, compare=False)

    @property
    def false_positive_rate(self) -> float:
        """The risk."""
        return float(self.risk)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if _exact(self.risk) >= 1 - _exact(self.level):
            raise InputError(
                f"risk of POT must be below 1 - level = {float(1 - _exact(self.level)):g}, but "
                f"got {self.risk!r}; lower the risk or the level."
            )

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        self._require_finite(scores)
        start = _smallest(scores, math.ceil(scores.size * _exact(self.level)))
        excesses = scores[scores > start] - start
        self._require_excesses(scores.size, excesses.size)
        shape, scale = _fit_pareto(excesses)
        self.tail_ = Tail(shape, scale, start, excesses.size)
        depth = max(0.0, math.log(excesses.size / (self.risk * scores.size)))
        with np.errstate(over="ignore"):  # a tail too heavy to compute: infinite cutoff
            return float(start + scale * (np.expm1(shape * depth) / shape if shape else depth))

    def _require_excesses(self, n: int, n_excesses: int) -> None:
        if n_excesses < self.min_excesses:
            needed = math.ceil(self.min_excesses / (1 - _exact(self.level)))
            raise InputError(
                f"{self} needs {self.min_excesses} scores above its initial threshold, so at least "
                f"{needed} scores, not too many of them equal, but {n_excesses} of {n} lie above: "
                "calibrate on more rows or lower the level."
            )


class _LabelledRule(Threshold):
    """Picks the cutoff of least loss; equal losses go to the one with fewer alarms.

    The choices are: flag nothing (cutoff = largest score), everything (just below the smallest),
    or cut midway between neighbouring distinct scores.
    """

    needs_labels = True

    @abstractmethod
    def _loss(self, fp: IntArray, fn: IntArray, tp: IntArray) -> FloatArray: ...

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        truth = self._as_labels(labels, scores.size)
        distinct, place = np.unique(scores, return_inverse=True)
        anomalies = np.bincount(place, weights=truth).astype(np.int64)[::-1]
        rows = np.bincount(place)[::-1]
        # Entry j: the j highest distinct scores are flagged.
        tp = np.concatenate([[0], np.cumsum(anomalies)])
        fp = np.concatenate([[0], np.cumsum(rows)]) - tp
        loss = self._loss(fp, tp[-1] - tp, tp)
        if distinct[0] == -np.inf:
            loss = loss[:-1]  # no cutoff lies below it
        flagged = int(np.argmax(loss <= loss.min() * (1 + 1e-12)))  # the first of equals
        return _between(distinct, distinct.size - flagged)

    def _as_labels(self, labels: ArrayLike | None, n: int) -> IntArray:
        if labels is None:
            raise InputError(
                f"{self} needs labels: give it the scores and 0/1 labels of a validation part "
                "set aside for this, never those of the test rows."
            )
        try:
            truth = np.asarray(labels)
        except ValueError:
            raise InputError(f"{self} needs one label for each score, got a ragged list.") from None
        if has_masked(labels):
            raise InputError(f"{self} needs a label for each score, but some are masked.")
        if truth.shape != (n,):
            raise InputError(f"{self} needs one label for each of {n} scores, got {truth.shape}.")
        if truth.dtype.kind not in "biuf" or not np.isin(truth, (0, 1)).all():
            found = ", ".join(map(repr, np.unique(truth.astype(str))[:5].tolist()))
            raise InputError(f"{self} needs labels 0 (normal) and 1 (anomaly), but got {found}.")
        if truth.min() == truth.max():
            raise InputError(
                f"{self} needs normal and anomalous rows, but every label is {int(truth[0])}."
            )
        return truth.astype(np.int64)


@dataclass
class Cost(_LabelledRule):
    """Assumes known costs and validation rows as rare in anomalies as later ones; else it drifts.

    The cutoff has the least total cost on labelled validation rows.

    Parameters
    ----------
    false_positive, false_negative : float
        Cost of a false alarm and of a missed anomaly, both positive, in one unit.
    """

    name = "cost"
    false_positive: Factor = 1.0
    false_negative: Factor = 10.0

    def _loss(self, fp: IntArray, fn: IntArray, tp: IntArray) -> FloatArray:
        return float(self.false_positive) * fp + float(self.false_negative) * fn


@dataclass
class BestF(_LabelledRule):
    """Assumes validation rows like later ones; few anomalies make the chosen cutoff a lucky one.

    The cutoff has the largest F_beta, the weighted harmonic mean of precision and recall, on
    labelled validation rows.

    Parameters
    ----------
    beta : float
        Weight of recall against precision, positive; 1 weighs them alike.

    References
    ----------
    van Rijsbergen (1979), Information Retrieval, 2nd edition, chapter 7.
    """

    name = "bestf"
    beta: Factor = 1.0

    def _loss(self, fp: IntArray, fn: IntArray, tp: IntArray) -> FloatArray:
        # F = (1 + beta^2) / (1 + beta^2 + loss)
        infinite = np.full(tp.shape, np.inf)
        return np.divide(float(self.beta) ** 2 * fn + fp, tp, out=infinite, where=tp > 0)


@dataclass
class Fixed(Threshold):
    """Assumes a cutoff known beforehand; fails as soon as the detector or the data change scale.

    Parameters
    ----------
    value : float
        The cutoff, finite, in the unit of the scores.
    """

    name = "fixed"
    value: float

    def _cutoff(self, scores: FloatArray, labels: ArrayLike | None) -> float:
        return self.value


RULES: Mapping[str, type[Threshold]] = MappingProxyType(
    {rule.name: rule for rule in (Quantile, MeanStd, MAD, POT, Cost, BestF, Fixed)}
)


@checked
def parse(text: str | Threshold) -> Threshold:
    """Read a rule from one line; a `Threshold` comes back as it is.

    Parameters
    ----------
    text : str or Threshold
        A name of `RULES`, in any case, and after a colon its parameters in order, separated by
        commas: ``"quantile:0.95"``, ``"pot:0.001,0.98"``; parameters left out keep their default.

    Returns
    -------
    Threshold
        The rule, not fitted.

    Raises
    ------
    UnknownNameError
        If there is no such rule.
    InputError
        If the parameters are no numbers, too many, too few or out of range.
    """
    if isinstance(text, Threshold):
        return text
    name, colon, numbers = text.partition(":")
    name = name.strip().lower()
    if name not in RULES:
        raise UnknownNameError("threshold rule", name, RULES)
    make: Callable[..., Threshold] = RULES[name]
    try:
        rule = make(*map(float, numbers.split(",") if colon else ()))
    except (TypeError, ValueError):
        form = f"{name}:{','.join(signature(RULES[name]).parameters).upper()}"
        raise InputError(f"A threshold reads {form} with numbers, but got {text!r}.") from None
    rule._check_parameters()
    return rule


def as_scores(scores: ArrayLike) -> FloatArray:
    """Return scores as float64 of shape (n,), or raise `InputError`: infinite ones may be."""
    try:
        values = np.asarray(scores)
    except ValueError:
        raise InputError("Scores must be one number a row, but the rows are ragged.") from None
    if has_masked(scores):
        raise InputError("Scores must be one number a row, but some are masked.")
    if values.ndim != 1 or values.dtype.kind not in "biuf":
        raise InputError(
            "Scores must be a 1-D array of numbers, one a row, but have shape "
            f"{values.shape} and type {values.dtype}."
        )
    values = values.astype(np.float64, copy=False)
    missing = np.count_nonzero(np.isnan(values))
    if missing:
        raise InputError(
            f"Scores must not be NaN, but {missing} of {values.size} are: check what the detector "
            "was fitted on."
        )
    return values


def _exact(value: float) -> Fraction:
    """Return the decimal that was written: 0.95 is 19/20, not the nearest binary number."""
    return Fraction(repr(float(value)))


def _smallest(scores: FloatArray, rank: int) -> float:
    return float(np.partition(scores, rank - 1)[rank - 1])


def _between(distinct: FloatArray, below: int) -> float:
    """Return a cutoff with `below` of the sorted `distinct` scores at or below it."""
    if below == 0:
        return float(np.nextafter(distinct[0], -np.inf))
    low, high = float(distinct[below - 1]), float(distinct[min(below, distinct.size - 1)])
    middle = low / 2 + high / 2
    return middle if low <= middle < high else low  # adjacent, infinite or last: no middle


def _fit_pareto(excesses: FloatArray) -> tuple[float, float]:
    """Return the likeliest (shape, scale) of Grimshaw's candidates and the exponential law."""
    mean = excesses.mean()
    best, shape, scale = 0.0, 0.0, 1.0  # exponential; log-likelihood a row, less its own -1
    for x in _grimshaw_roots(excesses / mean):
        gamma = float(np.log1p(x * excesses / mean).mean())
        likelihood = -math.log(gamma / x) - gamma
        if likelihood > best:
            best, shape, scale = likelihood, gamma, gamma / x
    return shape, float(scale * mean)


def _grimshaw_roots(y: FloatArray) -> list[float]:
    """Return the x = shape / scale != 0 with u(x) v(x) = 1, for excesses `y` of mean 1.

    Roots lie in (-1 / max, 0) and (0, 2 (mean - min) / min^2]. Those nearer to 0 than the grids
    reach are exponential laws to within the rounding of the likelihood.
    """
    from scipy.optimize import brentq

    def equation(x: float) -> float:
        w = 1 + x * y
        return float((1 / w).mean() * (1 + np.log(w).mean()) - 1)

    smallest = max(y.min(), 1e-140)  # its square must not underflow
    edges = 1 - np.geomspace(1e-12, 0.5, 100), np.geomspace(0.5, 1e-5, 100)
    grids = [-np.concatenate(edges) / y.max()]
    highest = 2 * (1 - smallest) / smallest**2
    if highest > 1e-5:
        grids.append(np.geomspace(1e-5, highest, 200))
    roots = []
    for grid in grids:
        sign = np.sign([equation(x) for x in grid])
        for i in np.flatnonzero(sign[1:] != sign[:-1]):
            roots.append(brentq(equation, grid[i], grid[i + 1], xtol=1e-300))
    return roots
