"""Every detector x every seed on one data set -> a comparison that says no more than it saw."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import islice
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone

from anomaly_lab import __version__, thresholds
from anomaly_lab.contract import Detector
from anomaly_lab.datasets import Dataset
from anomaly_lab.detectors import all_detectors, get_detector
from anomaly_lab.errors import InputError
from anomaly_lab.evaluation import Report
from anomaly_lab.model import AnomalyModel
from anomaly_lab.parameters import Bounds, checked, is_whole, shown
from anomaly_lab.splits import Split, split
from anomaly_lab.tables.encoding import Impute
from anomaly_lab.tables.notes import Note
from anomaly_lab.tables.noticing import FEW_ANOMALIES
from anomaly_lab.thresholds import Threshold

METRICS = (
    "roc_auc",
    "average_precision",
    "precision",
    "recall",
    "f1",
    "accuracy",
    "false_positive_rate",
    "fit_seconds",
    "score_seconds",
)
_VALIDATION_SHARE = 0.2  # of the rows not for testing, with labels, for rules that need them
_TOP_ROWS = 8
_MANY_COPIES = 0.01  # share of the test rows
_PACKAGES = ("anomaly-lab", "numpy", "pandas", "scikit-learn", "keras", "jax")

_MOST_SEEDS = 1000
Seeds = Annotated[int, Bounds(low=1, high=_MOST_SEEDS)]  # how many
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Protocol:
    """How the runs were made.

    Parameters
    ----------
    detectors : dict of str to str
        The settings of each detector: what differs from its defaults.
    seeds : tuple of int
        One run of every detector for each.
    threshold : str
        The rule that set the cutoffs, as `thresholds.parse` reads it.
    promised_rate : float or None
        The false-positive rate that the rule promises, where it promises one.
    contamination : float
        Share of anomalies among the fitting rows.
    impute : str or None
        How missing values were filled in.
    n_fit, n_calibrate, n_test : int
        Rows in each part; where the rule needs labels, the cutoff is set on validation rows and
        these are counted for n_calibrate.
    leaked : float
        Share of the test rows that are exact copies of a fitting row, mean over seeds.
    """

    detectors: dict[str, str]
    seeds: tuple[int, ...]
    threshold: str
    promised_rate: float | None
    contamination: float
    impute: str | None
    n_fit: int
    n_calibrate: int
    n_test: int
    leaked: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """The test rows that one detector found most anomalous, and the columns that made them so.

    Parameters
    ----------
    rows : ndarray of shape (m,)
        Row numbers in the data set, the highest score first.
    scores, labels : ndarray of shape (m,)
        Their scores and true labels.
    contributions : DataFrame of shape (m, d)
        What each column adds to the score; a row's add up to it.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int8]
    contributions: pd.DataFrame


@dataclass(frozen=True, eq=False)
class Run:
    """One detector on one split.

    Parameters
    ----------
    detector : str
        The detector's name.
    seed : int
        Seed of the split, and of the detector where it draws at random.
    report : Report
        Scores, labels and cutoff of the test rows, and the figures that follow.
    fit_seconds, score_seconds : float
        Wall-clock time to fit on the fitting rows and to score the test rows.
    history : DataFrame, optional
        The training curve of a network.
    explanation : Explanation, optional
        What drives the top anomalies, for the first seed.
    """

    detector: str
    seed: int
    report: Report
    fit_seconds: float
    score_seconds: float
    history: pd.DataFrame | None = None
    explanation: Explanation | None = None

    def metric(self, name: str) -> float:
        """Return one of `METRICS` by name."""
        return float(getattr(self if name.endswith("_seconds") else self.report, name))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Every run of every detector on one data set.

    Parameters
    ----------
    dataset : Dataset
        What was compared on.
    protocol : Protocol
        How.
    runs : tuple of Run
        Detector by detector, seed by seed.
    """

    dataset: Dataset
    protocol: Protocol
    runs: tuple[Run, ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was noticed that could spoil the figures: of the data set, and of its splits."""
        return (*self.dataset.notes, *self.split_notes)

    @property
    def split_notes(self) -> tuple[Note, ...]:
        """What was noticed in the splits: copies of rows in the parts to fit and to test on."""
        return _copies(self.protocol.leaked)

    @property
    def detectors(self) -> list[str]:
        """Names of the detectors, the highest mean ROC-AUC first."""
        return list(self.table().index)

    @property
    def prevalence(self) -> float:
        """Share of anomalies among the test rows, mean over seeds."""
        return float(np.mean([run.report.prevalence for run in self.runs]))

    @property
    def too_few(self) -> bool:
        """Whether the data set has too few anomalies to tell which detector is better."""
        return int(self.dataset.y.sum()) < FEW_ANOMALIES

    def of(self, detector: str) -> list[Run]:
        """Return the runs of one detector, by seed."""
        return [run for run in self.runs if run.detector == detector]

    def frame(self) -> pd.DataFrame:
        """Return one row a run: detector, seed and `METRICS`."""
        rows = [
            {"detector": run.detector, "seed": run.seed, **{m: run.metric(m) for m in METRICS}}
            for run in self.runs
        ]
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """Return mean and spread over seeds.

        Returns
        -------
        DataFrame
            Index: detectors, the highest mean ROC-AUC first. Columns: (metric, "mean") and
            (metric, "sd"); sd is the standard deviation over seeds (ddof 1), NaN for one seed.
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        grouped = self.frame().drop(columns="seed").groupby("detector")
        table = grouped.agg(["mean", "std"]).rename(columns={"std": "sd"}, level=1)
        return table.sort_values(("roc_auc", "mean"), ascending=False, kind="stable")

    def best(self, metric: str) -> str | None:
        """Return the detector that is best by more than the spread, or None.

        Its mean minus its standard deviation must lie above every other's mean plus standard
        deviation (for seconds: the other way round). With one seed there is no spread to judge by,
        so there is no best; nor is there one in the false-positive rate, which is to be as
        promised and not as low as can be; nor, but for seconds, with fewer than ten anomalies in
        the data set.
        """
        if self.too_few and not metric.endswith("_seconds"):
            return None
        return leader(self.table()[metric], metric)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``results.json``, schema version 1."""
        rows, features = self.dataset.X.shape
        return {
            "version": 1,
            "dataset": {
                "name": self.dataset.name,
                "rows": rows,
                "features": features,
                "anomalies": int(self.dataset.y.sum()),
                "prevalence": self.dataset.prevalence,
                "sha256": self.dataset.sha256,
            },
            "protocol": asdict(self.protocol),
            "notes": [asdict(note) for note in self.notes],
            "environment": {
                "python": platform.python_version(),
                "platform": platform.platform(),
                "packages": {name: _version(name) for name in _PACKAGES},
            },
            "runs": [_run_dict(run) for run in self.runs],
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON text."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"


def _copies(leaked: float) -> tuple[Note, ...]:
    if leaked < _MANY_COPIES:
        return ()
    message = (
        f"Of the test rows, {leaked:.1%} are exact copies of a fitting row: what is found there "
        "says little about new rows. Remove copies, or leave out what makes rows alike."
    )
    return (Note("copies", None, message, (f"{leaked:.6g}",)),)


def leader(stats: pd.DataFrame, metric: str) -> str | None:
    """Return the detector that is best by more than the spread, or None: see `Comparison.best`.

    Parameters
    ----------
    stats : DataFrame
        Index: detectors. Columns: ``mean`` and ``sd`` over seeds.
    metric : str
        One of `METRICS`, which says which end is the good one.
    """
    if metric == "false_positive_rate":
        return None
    stats = stats * [-1 if metric.endswith("_seconds") else 1, 1]
    order = stats.sort_values("mean", ascending=False)
    if len(order) < 2 or order["sd"].isna().any():
        return None
    rest = order.iloc[1:]
    leads = order["mean"].iloc[0] - order["sd"].iloc[0] > (rest["mean"] + rest["sd"]).max()
    return str(order.index[0]) if leads else None


@checked
def compare(
    dataset: Dataset,
    detectors: Mapping[str, Detector] | Iterable[str] | None = None,
    *,
    seeds: Seeds | Iterable[int] = 5,
    threshold: Threshold | str = "quantile:0.95",
    contamination: float = 0.0,
    impute: Impute = None,
    progress: Progress | None = None,
) -> Comparison:
    """Fit, calibrate and judge every detector on the same splits.

    Parameters
    ----------
    dataset : Dataset
        Rows and labels.
    detectors : mapping of str to Detector, or iterable of str, optional
        Which to compare: names, or your own settings under names of your own. All by default.
    seeds : int or iterable of int, default 5
        The seeds, or how many (0, 1, ...), 1000 at most. Each gives one split, the same for every
        detector, and seeds the detectors that draw at random.
    threshold : Threshold or str, default "quantile:0.95"
        The rule that sets each cutoff on calibration rows. Rules that need labels get labelled
        validation rows, apart from fitting and test rows.
    contamination : float, default 0
        Share of anomalies among the fitting rows, unlabelled.
    impute : {None, "median"}, default None
        How missing values are filled in; None refuses them.
    progress : callable, optional
        Called as ``progress(done, total, what)`` before each run and once at the end.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        Where the data set, one of its parts, or another argument cannot be used.
    """
    if len(np.unique(dataset.y)) < 2:
        raise InputError(
            f"{dataset.name} must hold normal rows and anomalies to judge by, and every label is "
            f"{dataset.y[0]}."
        )
    rule = thresholds.parse(threshold)
    chosen = _detectors(detectors)
    numbers = _seeds(seeds)
    validation = _VALIDATION_SHARE if rule.needs_labels else 0.0
    splits = [
        split(dataset, seed=seed, contamination=contamination, validation=validation)
        for seed in numbers
    ]
    total = len(splits) * len(chosen)
    runs: list[Run] = []
    for name, detector in chosen.items():
        for seed, parts in zip(numbers, splits, strict=True):
            if progress:
                progress(len(runs), total, f"{name}, seed {seed}")
            model = AnomalyModel(_seeded(detector, seed), rule, impute=impute)
            runs.append(_run(name, model, parts, seed, explain=seed == numbers[0]))
    if progress:
        progress(total, total, "done")
    first = splits[0]
    protocol = Protocol(
        detectors={name: repr(detector) for name, detector in chosen.items()},
        seeds=numbers,
        threshold=rule.spec,
        promised_rate=rule.false_positive_rate,
        contamination=float(contamination),
        impute=impute,
        n_fit=len(first.fit),
        n_calibrate=len(first.calibrate if first.validation is None else first.validation),
        n_test=len(first.test),
        leaked=float(np.mean([parts.leaked for parts in splits])),
    )
    return Comparison(dataset, protocol, tuple(runs))


def _run(name: str, model: AnomalyModel, parts: Split, seed: int, *, explain: bool) -> Run:
    model.prepare()
    start = time.perf_counter()
    model.fit(parts.fit)
    fit_seconds = time.perf_counter() - start
    if parts.validation is not None:
        model.calibrate(parts.validation, parts.validation_labels)
    else:
        model.calibrate(parts.calibrate)
    start = time.perf_counter()
    scores = model.anomaly_score(parts.test)
    score_seconds = time.perf_counter() - start
    return Run(
        detector=name,
        seed=seed,
        report=Report(parts.test_labels, scores, model.cutoff),
        fit_seconds=fit_seconds,
        score_seconds=score_seconds,
        history=getattr(model.detector_, "history_", None),
        explanation=_explanation(model, parts, scores) if explain else None,
    )


def _explanation(
    model: AnomalyModel, parts: Split, scores: npt.NDArray[np.float64]
) -> Explanation | None:
    if not hasattr(model.detector_, "contributions"):
        return None
    top = np.argsort(-scores, kind="stable")[:_TOP_ROWS]
    rows = parts.test.iloc[top]
    return Explanation(
        rows.index.to_numpy(), scores[top], parts.test_labels[top], model.explain(rows)
    )


def _detectors(chosen: Mapping[str, Detector] | Iterable[str] | None) -> dict[str, Detector]:
    if isinstance(chosen, str):
        chosen = [chosen]
    if not isinstance(chosen, Mapping):
        names = all_detectors() if chosen is None else dict.fromkeys(chosen)
        chosen = {name: get_detector(name)() for name in names}
    if not chosen:
        raise InputError("Expected at least one detector to compare, got none.")
    return dict(chosen)


def _seeds(seeds: int | Iterable[int]) -> tuple[int, ...]:
    if isinstance(seeds, int | np.integer):
        return tuple(range(int(seeds)))
    numbers = tuple(islice(seeds, _MOST_SEEDS + 1))
    once = all(map(is_whole, numbers)) and len(set(numbers)) == len(numbers)
    if not once or not 1 <= len(numbers) <= _MOST_SEEDS:
        raise InputError(
            f"Expected 1 to {_MOST_SEEDS} seeds, at least one seed and each once, got "
            f"{shown(seeds)}."
        )
    return tuple(map(int, numbers))


def _seeded(detector: Detector, seed: int) -> Detector:
    copy: Detector = clone(detector)
    if "random_state" in copy.get_params():
        copy.set_params(random_state=seed)
    return copy


def _run_dict(run: Run) -> dict[str, Any]:
    """Return one entry of ``runs``; what is not finite, which JSON cannot say, becomes None."""
    judged = {metric: run.metric(metric) for metric in METRICS}
    cutoff = run.report.cutoff
    return {
        "detector": run.detector,
        "seed": run.seed,
        **judged,
        "confusion": asdict(run.report.confusion),
        "cutoff": cutoff if np.isfinite(cutoff) else None,
    }


def _version(package: str) -> str | None:
    if package == "anomaly-lab":
        return __version__
    try:
        return version(package)
    except ModuleNotFoundError:
        return None
