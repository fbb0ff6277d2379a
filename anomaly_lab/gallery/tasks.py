"""What the gallery measures: each task one detector on one set of rows, each result plain numbers.

A task is a few names and numbers, so that it can be hashed, sent to another process and be asked
for again; its `measure` loads the rows, fits and judges. A result holds numbers and arrays alone.
"""

from __future__ import annotations

import functools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from anomaly_lab import datasets
from anomaly_lab.comparison import compare
from anomaly_lab.contract import Case
from anomaly_lab.datasets import Dataset
from anomaly_lab.detectors import get_detector
from anomaly_lab.evaluation import evaluate
from anomaly_lab.model import AnomalyModel
from anomaly_lab.splits import Split, split

EXTENT = 2.0  # maps show the square from -EXTENT to EXTENT
CELLS = 60  # cells along each side of a map
MOST_ROWS = 10_000  # of larger data sets, so many rows are drawn
SCORED = 1_000  # rows that `Timing` scores
_RULE = "quantile:0.95"
_LEAST_CALIBRATED = 19  # rows that the rule needs to keep its promise
_REPEATS = 5
_QUICK = 0.5  # seconds; no further repeat after so many

Floats: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ScoreResult:
    """How well a detector did on one split of one data set.

    Parameters
    ----------
    roc_auc, average_precision : float
        Of the test rows.
    prevalence : float
        Share of anomalies among the test rows: the average precision of a coin.
    recall, false_positive_rate : float
        At the cutoff that promises to flag at most 5% of normal rows; NaN where there are fewer
        than 19 rows to calibrate it on.
    contamination : float
        Share of anomalies among the fitting rows, as reached.
    fit_seconds, score_seconds : float
        Time to fit on the fitting rows and to score the test rows, on one thread.
    n_fit, n_test, features : int
        Fitting rows, test rows and columns.
    """

    roc_auc: float
    average_precision: float
    prevalence: float
    recall: float
    false_positive_rate: float
    contamination: float
    fit_seconds: float
    score_seconds: float
    n_fit: int
    n_test: int
    features: int


@dataclass(frozen=True, eq=False)
class MapResult:
    """A detector's scores over the plane.

    Parameters
    ----------
    scores : ndarray of shape (CELLS, CELLS)
        Score at the centre of each cell (see `centres`); the first row has the lowest y.
    X : ndarray of shape (n, 2)
        The fitting rows.
    hidden : ndarray of shape (n,)
        1 = this fitting row is an anomaly; the detector was not told.
    test : ndarray of shape (m, 2)
        The test rows.
    labels : ndarray of shape (m,)
        1 = this test row is an anomaly.
    cutoff : float
        Scores above it are flagged: at most 5% of normal rows, as promised.
    roc_auc : float
        Of the test rows.
    fit_seconds, score_seconds : float
        Time to fit, and to score all cells.
    """

    scores: Floats
    X: Floats
    hidden: Labels
    test: Floats
    labels: Labels
    cutoff: float
    roc_auc: float
    fit_seconds: float
    score_seconds: float


@dataclass(frozen=True)
class TimingResult:
    """What a detector costs.

    Parameters
    ----------
    fit_seconds : float
        Time to fit.
    score_seconds : float
        Time to score 1,000 rows.
    """

    fit_seconds: float
    score_seconds: float


@dataclass(frozen=True)
class Score:
    """Judge a detector on one split of one data set.

    Of a data set with more than 10,000 rows, a random 10,000 are drawn before the split.

    Parameters
    ----------
    detector, dataset : str
        Their names.
    seed : int
        Of the draw, the split and the detector, where it draws at random.
    contamination : float, default 0
        Share of anomalies among the fitting rows, unlabelled; less where the data set has too few
        anomalies left beside the test rows.
    """

    detector: str
    dataset: str
    seed: int
    contamination: float = 0.0

    def __str__(self) -> str:
        training = f", {self.contamination:.0%} contaminated" if self.contamination else ""
        return f"{self.detector} on {self.dataset}, seed {self.seed}{training}"

    def measure(self) -> ScoreResult:
        """Load, split, fit, calibrate, judge."""
        data = _drawn(_load(self.dataset), self.seed)
        clean = split(data, seed=self.seed)
        promised = len(clean.calibrate) >= _LEAST_CALIBRATED
        result = compare(
            data,
            [self.detector],
            seeds=[self.seed],
            threshold=_RULE if promised else "fixed:0",
            contamination=_reachable(self.contamination, data, clean),
        )
        (run,) = result.runs
        n_fit = result.protocol.n_fit
        return ScoreResult(
            roc_auc=run.report.roc_auc,
            average_precision=run.report.average_precision,
            prevalence=run.report.prevalence,
            recall=run.report.recall if promised else np.nan,
            false_positive_rate=run.report.false_positive_rate if promised else np.nan,
            contamination=(n_fit - len(clean.fit)) / n_fit,
            fit_seconds=run.fit_seconds,
            score_seconds=run.score_seconds,
            n_fit=n_fit,
            n_test=result.protocol.n_test,
            features=data.X.shape[1],
        )


@dataclass(frozen=True)
class Map:
    """Score the plane with a detector fitted on rows in it.

    Parameters
    ----------
    detector : str
        Its name.
    case : Case
        The rows.
    settings : tuple of (str, value), default ()
        Parameters of the detector that differ from its defaults.
    """

    detector: str
    case: Case
    settings: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        settings = "".join(f", {name}={value!r}" for name, value in self.settings)
        return f"{self.detector} on a map of {self.case.data}{settings}"

    def measure(self) -> MapResult:
        """Simulate, split, fit, calibrate, score every cell."""
        case = self.case
        data = datasets.load(case.data, rows=case.rows, seed=0)
        parts = split(data, seed=0, contamination=case.contamination)
        model = AnomalyModel(get_detector(self.detector)(**dict(self.settings)), _RULE)
        model.prepare()
        fit_seconds, _ = _timed(lambda: model.fit(parts.fit))
        model.calibrate(parts.calibrate)
        cells = pd.DataFrame(_cells(), columns=parts.fit.columns)
        score_seconds, scores = _timed(lambda: model.anomaly_score(cells))
        report = evaluate(parts.test_labels, model.anomaly_score(parts.test), model.cutoff)
        return MapResult(
            scores=scores.reshape(CELLS, CELLS),
            X=parts.fit.to_numpy(float),
            hidden=data.y[parts.fit.index],
            test=parts.test.to_numpy(float),
            labels=parts.test_labels,
            cutoff=model.cutoff,
            roc_auc=report.roc_auc,
            fit_seconds=fit_seconds,
            score_seconds=score_seconds,
        )


@dataclass(frozen=True)
class Timing:
    """Time a detector on rows of a Gaussian mixture.

    Parameters
    ----------
    detector : str
        Its name.
    rows, features : int
        How many to fit on.
    """

    detector: str
    rows: int
    features: int

    def __str__(self) -> str:
        return f"{self.detector} timed on {self.rows:,} rows of {self.features:,} features"

    def measure(self) -> TimingResult:
        """Fit and score; the median of up to five times where that is quick."""
        X = _mixture(self.rows + SCORED, self.features)
        detector = get_detector(self.detector)()
        detector.prepare()
        return TimingResult(
            fit_seconds=_median_seconds(lambda: detector.fit(X[SCORED:])),
            score_seconds=_median_seconds(lambda: detector.anomaly_score(X[:SCORED])),
        )


Task: TypeAlias = Score | Map | Timing
Result: TypeAlias = ScoreResult | MapResult | TimingResult


def centres() -> Floats:
    """Return the coordinates of the centres of a map's cells along one side, shape (CELLS,)."""
    return EXTENT * ((2 * np.arange(CELLS) + 1) / CELLS - 1)


def _cells() -> Floats:
    """Return the centres of all cells, shape (CELLS * CELLS, 2), the lowest y first."""
    x, y = np.meshgrid(centres(), centres())
    return np.column_stack([x.ravel(), y.ravel()])


@functools.lru_cache(maxsize=8)
def _load(name: str) -> Dataset:
    return datasets.load(name)


def _drawn(data: Dataset, seed: int) -> Dataset:
    if len(data.y) <= MOST_ROWS:
        return data
    keep = np.random.default_rng(seed).choice(len(data.y), MOST_ROWS, replace=False)
    return Dataset(data.name, data.X.iloc[keep], data.y[keep], data.sha256, data.card)


def _reachable(contamination: float, data: Dataset, clean: Split) -> float:
    """Return the share of anomalies that the data set has enough anomalies for, as `split` asks."""
    spare = int(data.y.sum() - clean.test_labels.sum())
    return min(contamination, spare / (spare + len(clean.fit)))


def _mixture(rows: int, features: int) -> Floats:
    """Draw rows around five centres."""
    rng = np.random.default_rng(0)
    centre = rng.normal(scale=3, size=(5, features))
    return centre[rng.integers(5, size=rows)] + rng.normal(size=(rows, features))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    done = work()
    return time.perf_counter() - start, done


def _median_seconds(work: Callable[[], Any]) -> float:
    seconds: list[float] = []
    while len(seconds) < _REPEATS and sum(seconds) < _QUICK:
        seconds.append(_timed(work)[0])
    return statistics.median(seconds)
