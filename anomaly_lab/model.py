"""Preprocessing + detector + threshold: what is fitted, saved, loaded and put to use."""

from __future__ import annotations

import copy
from os import PathLike
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, clone

from anomaly_lab import thresholds
from anomaly_lab.contract import Detector, UnfittedError, require_fitted
from anomaly_lab.detectors import all_detectors, get_detector
from anomaly_lab.errors import InputError
from anomaly_lab.parameters import check_arguments
from anomaly_lab.tables.encoding import Impute, Preprocessor, as_frame
from anomaly_lab.tables.notes import Note
from anomaly_lab.thresholds import Threshold

Rows: TypeAlias = pd.DataFrame | npt.ArrayLike


class AnomalyModel(BaseEstimator):
    """A detector with everything it needs to judge rows of a table.

    Parameters
    ----------
    detector : Detector or str, default "autoencoder"
        The method, or its name; `fit` fits a copy.
    threshold : Threshold or str, default "quantile:0.95"
        The rule that sets the cutoff from calibration scores; `calibrate` fits a copy. Swapping it
        for another needs no new `fit`.
    impute : {None, "median"}, default None
        How missing values are filled in; None refuses them.

    Attributes
    ----------
    preprocessor_ : Preprocessor
        Scaling and encoding, fitted by `fit`.
    notes_ : tuple of Note
        What was done to read the fitting rows, and what in them could spoil the figures.
    detector_ : Detector
        The detector, fitted by `fit`.
    threshold_ : Threshold
        The rule, fitted by `calibrate`.

    Examples
    --------
    >>> from anomaly_lab import AnomalyModel, datasets, evaluate, split
    >>> parts = split(datasets.load("breast_cancer"), seed=0)
    >>> model = AnomalyModel("knn").fit(parts.fit).calibrate(parts.calibrate)
    >>> report = evaluate(parts.test_labels, model.anomaly_score(parts.test), model.cutoff)
    >>> report.roc_auc > 0.9
    True
    """

    def __init__(
        self,
        detector: Detector | str = "autoencoder",
        threshold: Threshold | str = "quantile:0.95",
        *,
        impute: Impute = None,
    ):
        self.detector = detector
        self.threshold = threshold
        self.impute = impute

    @property
    def cutoff(self) -> float:
        """Rows that score above it are flagged; set by `calibrate`."""
        if not self._calibrated:
            raise UnfittedError(
                "This model has no cutoff yet: call calibrate(rows) with normal rows that were not "
                "used to fit."
            )
        return self.threshold_.cutoff_

    @property
    def notes_(self) -> tuple[Note, ...]:
        """What was noticed in the fitting rows."""
        require_fitted(self, "preprocessor_")
        return self.preprocessor_.notes_

    def prepare(self) -> None:
        """Load what the detector needs, so that `fit` can be timed without it."""
        self._unfitted_detector().prepare()

    def fit(self, rows: Rows) -> Self:
        """Learn scaling, encoding and what is normal from fitting rows, shape (n, d).

        A cutoff set before belongs to other scores: `calibrate` again. Where the fit fails, the
        model is as it was.

        Raises
        ------
        InputError
            Where the rows, or a parameter, cannot be used.
        UnknownNameError
            Where there is no detector, or no threshold rule, of that name.
        """
        parameters = self.get_params(deep=False)
        check_arguments(AnomalyModel.__init__, type(self).__name__, parameters)
        thresholds.parse(self.threshold)  # a wrong name is found before the work, not after
        detector = self._unfitted_detector()
        detector.check_parameters()
        frame = as_frame(rows)
        preprocessor = Preprocessor(self.impute)
        detector.fit(preprocessor.fit_transform(frame))
        # One step: whatever interrupts the fit, a model is the old one or the new one.
        self.__dict__ = {**parameters, "preprocessor_": preprocessor, "detector_": detector}
        return self

    def calibrate(self, rows: Rows, labels: npt.ArrayLike | None = None) -> Self:
        """Set the cutoff from rows that were neither used to fit nor will be used to test.

        Parameters
        ----------
        rows : DataFrame or array-like of shape (n, d)
            Normal rows; labelled ones of both kinds for a rule that needs labels.
        labels : array-like of shape (n,), optional
            1 = anomaly, 0 = normal; for the rules `Cost` and `BestF` only.

        Returns
        -------
        Self

        Raises
        ------
        InputError
            Where the rule cannot work with these rows, such as too few of them.
        """
        rule = copy.deepcopy(thresholds.parse(self.threshold))
        self.threshold_ = rule.fit(self.anomaly_score(rows), labels)
        return self

    def anomaly_score(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Return the anomaly score of each row, shape (n,): higher = more anomalous."""
        require_fitted(self, "detector_")
        return self.detector_.anomaly_score(self.preprocessor_.transform(rows))

    def flag(self, rows: Rows) -> npt.NDArray[np.int8]:
        """Return 1 for rows that score above the cutoff and 0 for the others, shape (n,)."""
        return (self.anomaly_score(rows) > self.cutoff).astype(np.int8)

    def explain(self, rows: Rows) -> pd.DataFrame:
        """Split each row's score over the table's columns, shape (n, d).

        A row's parts are not negative and add up to its score.

        Raises
        ------
        InputError
            Where the detector's score is not a sum over features.
        """
        require_fitted(self, "detector_")
        if not hasattr(self.detector_, "contributions"):
            able = [
                name for name, kind in all_detectors().items() if hasattr(kind(), "contributions")
            ]
            raise InputError(
                f"{type(self.detector_).__name__} cannot say which column made a row stand out, "
                f"since its score is not a sum over the columns. These can: {', '.join(able)}."
            )
        frame = as_frame(rows)
        parts = self.detector_.contributions(self.preprocessor_.transform(frame))
        return pd.DataFrame(
            self.preprocessor_.by_column(parts),
            index=frame.index,
            columns=self.preprocessor_.columns_,
        )

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted model to one file; see `anomaly_lab.storage.save`.

        Raises
        ------
        UnfittedError
            Where the model is not fitted.
        InputError
            Where the file cannot be written, or the model holds something that cannot be stored.
        """
        from anomaly_lab import storage  # skops takes seconds to import

        require_fitted(self, "detector_")
        rule = self.threshold_ if self._calibrated else thresholds.parse(self.threshold)
        storage.save((self.preprocessor_, self.detector_, rule), path)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a model written by `save`; see `anomaly_lab.storage.load`."""
        from anomaly_lab import storage

        preprocessor, detector, threshold = storage.load(path)
        rule = thresholds.parse(threshold.spec)
        model = cls(clone(detector), rule, impute=preprocessor.impute)
        model.preprocessor_, model.detector_ = preprocessor, detector
        if hasattr(threshold, "cutoff_"):
            model.threshold_ = threshold
        return model

    @property
    def _calibrated(self) -> bool:
        """Whether `threshold_` is there, and is still the rule that `threshold` asks for."""
        if not hasattr(self, "threshold_"):
            return False
        return self.threshold_.spec == thresholds.parse(self.threshold).spec

    def _unfitted_detector(self) -> Detector:
        chosen = self.detector
        return get_detector(chosen)() if isinstance(chosen, str) else clone(chosen)
