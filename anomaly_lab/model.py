"""Preprocessing + detector + threshold: what is fitted, saved, loaded and put to use."""

from __future__ import annotations

import copy
from os import PathLike
from typing import Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from anomaly_lab import thresholds
from anomaly_lab.contract import Detector, UnfittedError
from anomaly_lab.detectors import get_detector
from anomaly_lab.tables.encoding import Impute, Preprocessor, as_frame
from anomaly_lab.thresholds import Threshold

Rows: TypeAlias = pd.DataFrame | npt.ArrayLike


class AnomalyModel:
    """A detector with everything it needs to judge rows of a table.

    Parameters
    ----------
    detector : Detector or str, default "autoencoder"
        The method, or its name; it is copied, never changed.
    threshold : Threshold or str, default "quantile:0.95"
        The rule that sets the cutoff from calibration scores.
    impute : {None, "median"}, default None
        How missing values are filled in; None refuses them.

    Attributes
    ----------
    detector : Detector
        The model's own copy, fitted by `fit`.
    threshold : Threshold
        The rule, fitted by `calibrate`; swapping it for another needs no new `fit`.
    preprocessor : Preprocessor
        Scaling and encoding, fitted by `fit`.

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
        self.detector = get_detector(detector)() if isinstance(detector, str) else clone(detector)
        self.threshold = copy.deepcopy(thresholds.parse(threshold))
        self.preprocessor = Preprocessor(impute)

    @property
    def cutoff(self) -> float:
        """Rows that score above it are flagged; set by `calibrate`."""
        if not hasattr(self.threshold, "cutoff_"):
            raise UnfittedError(
                "This model has no cutoff yet: call calibrate(rows) with normal rows that were not "
                "used to fit."
            )
        return self.threshold.cutoff_

    def fit(self, rows: Rows) -> Self:
        """Learn scaling, encoding and what is normal from fitting rows, shape (n, d).

        A cutoff set before belongs to other scores: `calibrate` again.

        Raises
        ------
        InputError
            Where the rows cannot be used.
        """
        frame = as_frame(rows)
        vars(self.threshold).pop("cutoff_", None)
        self.detector.fit(self.preprocessor.fit(frame).transform(frame))
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
        self.threshold.fit(self.anomaly_score(rows), labels)
        return self

    def anomaly_score(self, rows: Rows) -> npt.NDArray[np.float64]:
        """Return the anomaly score of each row, shape (n,): higher = more anomalous."""
        return self.detector.anomaly_score(self._numbers(rows))

    def flag(self, rows: Rows) -> npt.NDArray[np.int8]:
        """Return 1 for rows that score above the cutoff and 0 for the others, shape (n,)."""
        return (self.anomaly_score(rows) > self.cutoff).astype(np.int8)

    def explain(self, rows: Rows) -> pd.DataFrame:
        """Split each row's score over the table's columns, shape (n, d).

        Raises
        ------
        AttributeError
            Where the detector's score is not a sum over features.
        """
        frame = as_frame(rows)
        errors = self.preprocessor.by_column(self.detector.contributions(self._numbers(frame)))
        return pd.DataFrame(errors, index=frame.index, columns=self.preprocessor.columns_)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the fitted model to one file; see `anomaly_lab.storage.save`."""
        from anomaly_lab import storage

        storage.save(self, path)

    @staticmethod
    def load(path: str | PathLike[str]) -> AnomalyModel:
        """Read a model written by `save`; see `anomaly_lab.storage.load`."""
        from anomaly_lab import storage

        return storage.load(path)

    def _numbers(self, rows: Rows) -> npt.NDArray[np.float64]:
        if not hasattr(self.preprocessor, "columns_"):
            raise UnfittedError("This model is not fitted yet: call fit(rows) with normal rows.")
        return self.preprocessor.transform(rows)
