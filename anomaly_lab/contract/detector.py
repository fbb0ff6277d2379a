"""The detector contract: what every method writes, and what the base writes once for all."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, OutlierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data

from anomaly_lab.contract.card import Card
from anomaly_lab.errors import AnomalyLabError, InputError, InputTypeError
from anomaly_lab.extremes import refuse_extremes
from anomaly_lab.parameters import check_arguments, has_masked

Array = npt.NDArray[np.float64]


class UnfittedError(AnomalyLabError, NotFittedError):
    """A detector or model that was asked for scores before it was fitted."""


def require_fitted(what: BaseEstimator, attribute: str) -> None:
    """Raise `UnfittedError` before `fit`, which sets `attribute` last of all."""
    if not hasattr(what, attribute):
        raise UnfittedError(
            f"This {type(what).__name__} is not fitted yet: call fit(rows) with normal rows first."
        )


def _offers_contributions(detector: Detector) -> bool:
    return type(detector)._contributions is not Detector._contributions


class Detector(OutlierMixin, BaseEstimator, metaclass=ABCMeta):
    """Base of every detector: validation, signs and the cutoff, written once.

    A detector writes ``__init__``, which stores parameters and nothing else, `_fit` and
    `_anomaly_score`. Where the score is a sum of terms over the features, none of them negative, it
    also writes `_contributions`.

    Attributes
    ----------
    card : Card
        The method in plain words (class attribute).
    training_scores_ : ndarray of shape (n,)
        Anomaly scores of the fitting rows, as `_fit` returned them.
    offset_ : float
        Minus the 0.95 quantile of `training_scores_`, which is the cutoff of `predict`. Other rules
        set the cutoff of an `AnomalyModel`.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray of shape (d,)
        Column names, where `fit` was given a DataFrame with text column names.
    """

    card: ClassVar[Card]

    @abstractmethod
    def _fit(self, X: Array) -> Array:
        """Learn from `X`, shape (n, d), and return the anomaly scores of its rows, shape (n,)."""

    @abstractmethod
    def _anomaly_score(self, X: Array) -> Array:
        """Return the anomaly scores of `X`, shape (n, d), as an array of shape (n,)."""

    def _contributions(self, X: Array) -> Array:
        """Return what each feature adds to the score, shape (n, d): terms whose sum it is."""
        raise NotImplementedError

    def _draw(self, ax: Any, row: Array) -> None:
        """Draw into axes of the plane how `row`, shape (2,), gets its score; optional.

        The docstring of a detector's own says what is to be seen, below the picture on its page.
        """

    def prepare(self) -> None:
        """Load what the method needs, so that `fit` can be timed without it."""

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Learn what normal rows look like.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Fitting rows, numeric and finite; at least two.
        y : object, optional
            Never read; there because scikit-learn's pipelines pass it.

        Returns
        -------
        Self
            The fitted detector.

        Raises
        ------
        InputError
            Where `X` is not a finite numeric table, or a parameter has no meaning, or a fitting
            row has no finite score. The detector then is as it was.
        """
        self.check_parameters()
        fresh: Self = clone(self)
        rows = fresh._validate(X, reset=True)
        fresh.training_scores_ = fresh._finite(fresh._fit, rows)
        fresh.offset_ = -float(np.quantile(fresh.training_scores_, 0.95))
        # What no fit has set stays, such as what scikit-learn's pipelines hang on.
        others = {name: value for name, value in vars(self).items() if not name.endswith("_")}
        # One step: whatever interrupts the fit, a detector is as it was or newly fitted.
        self.__dict__ = {**others, **vars(fresh), **self.get_params(deep=False)}
        return self

    def check_parameters(self) -> None:
        """Raise `InputError` where a parameter is not what ``__init__`` says by its annotation."""
        kind = type(self)
        check_arguments(kind.__init__, kind.__name__, self.get_params(deep=False))

    def anomaly_score(self, X: npt.ArrayLike) -> Array:
        """Score rows: the higher, the more anomalous.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Rows with the features seen by `fit`.

        Returns
        -------
        ndarray of shape (n,)
            The anomaly scores, in the unit that ``card.score`` names.

        Raises
        ------
        UnfittedError
            Before `fit`.
        InputError
            Where `X` is not a finite numeric table of the fitted width, or a row has no finite
            score.
        """
        return self._finite(self._anomaly_score, self._validate(X, reset=False))

    def score_samples(self, X: npt.ArrayLike) -> Array:
        """Return ``-anomaly_score(X)``: scikit-learn's sign, the lower the more anomalous."""
        return -self.anomaly_score(X)

    def decision_function(self, X: npt.ArrayLike) -> Array:
        """Return ``score_samples(X) - offset_``: negative for the rows that `predict` flags."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Return -1 for flagged rows and +1 for the others, as scikit-learn does."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    @available_if(_offers_contributions)
    def contributions(self, X: npt.ArrayLike) -> Array:
        """Split each row's score over its features: which feature makes the row stand out?

        Offered where the score is a sum over the features; ``hasattr(detector, "contributions")``
        asks for it.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n, d)
            Rows with the features seen by `fit`.

        Returns
        -------
        ndarray of shape (n, d)
            Finite, none negative; a row's add up to its anomaly score, so that each is a share of
            it.
        """
        return self._finite(self._contributions, self._validate(X, reset=False))

    def _validate(self, X: npt.ArrayLike, *, reset: bool) -> Array:
        """Return `X` as finite float64 of shape (n, d), or say what is wrong with it."""
        if not reset:
            require_fitted(self, "offset_")
        _refuse_no_numbers(X)
        try:
            rows = validate_data(
                self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1
            )
        except TypeError as error:
            raise InputTypeError(f"{type(self).__name__}: X must hold numbers: {error}") from error
        except (ValueError, OverflowError) as error:
            raise InputError(f"{type(self).__name__}: {error}") from error
        refuse_extremes(rows, getattr(self, "feature_names_in_", None), fitting=reset)
        return rows

    def _finite(self, scored: Callable[[Array], Array], rows: Array) -> Array:
        """Return what `scored` gives for rows; no number that is not finite is handed out."""
        with np.errstate(all="ignore"):  # would name a line of a library: see below
            scores = scored(rows)
        bad = np.flatnonzero(~np.isfinite(scores).reshape(len(scores), -1).all(axis=1))
        if bad.size:
            named = ", ".join(map(str, bad[:5])) + (", ..." if bad.size > 5 else "")
            raise InputError(
                f"{type(self).__name__}: {bad.size} of {len(scores)} rows have no finite score "
                f"(rows {named}, counted from 0). Either these rows lie too far beyond the fitting "
                "rows to reckon with, or the parameters do not suit: look at both."
            )
        return scores


def _refuse_no_numbers(X: Any) -> None:
    """Raise for what NumPy takes for numbers and is none: masked or missing values, dates."""
    if has_masked(X):
        raise InputError(
            "Expected a value in every cell; input X is a masked array with masked values. Fill "
            "them in, drop those rows, or let AnomalyModel(impute='median') do so."
        )
    kinds = [X.dtype] if hasattr(X, "dtype") else list(getattr(X, "dtypes", ()))
    found = {getattr(kind, "kind", "") for kind in kinds}
    if found & {"m", "M"}:
        raise InputError(
            "Expected numbers; input X holds dates or durations, which have no distance by "
            "themselves. Turn them into numbers, such as the hour of the day."
        )
    if "V" in found:
        raise InputError("Expected numbers; input X holds raw bytes (NumPy's void). Decode them.")
    if hasattr(X, "isna"):
        _refuse_missing(X)


def _refuse_missing(frame: Any) -> None:
    """Name the columns of a DataFrame that hold missing values; arrays have no names."""
    missing = frame.isna().sum()
    if missing.any():
        columns = ", ".join(f"{name!r} ({n})" for name, n in missing[missing > 0].items())
        raise InputError(
            f"Expected rows without missing values; input X contains NaN in the columns {columns}. "
            "Fill them in or drop those rows first."
        )
