"""Results -> tables: means and spreads, which is best, ranks over data sets, what ranks show."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from anomaly_lab.comparison import leader
from anomaly_lab.errors import InputError
from anomaly_lab.gallery.fingerprints import versions
from anomaly_lab.gallery.sets import TWINS
from anomaly_lab.gallery.tasks import Score, ScoreResult

TRAININGS = ("clean", "contaminated")
_KEYS = ["dataset", "training", "detector"]
_LEVEL = 0.05  # of the tests


@dataclass(frozen=True, eq=False)
class Ranking:
    """Mean ranks of detectors over data sets, and what differences they show.

    Parameters
    ----------
    ranks : Series
        Mean rank by detector, the best (lowest) first; 1 is the best on a data set, and equals
        share the mean of their ranks.
    datasets : tuple of str
        Those it is the mean over: one a source.
    p_value : float
        Friedman's test: how likely ranks so far apart are if all detectors are alike; NaN where
        there are fewer than three detectors or two data sets.
    critical_difference : float
        Nemenyi's test: mean ranks that differ by less show no difference at `level`.
    level : float
        Of the tests: how often they may see a difference where there is none.

    References
    ----------
    Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7,
    https://www.jmlr.org/papers/v7/demsar06a.html.
    """

    ranks: pd.Series
    datasets: tuple[str, ...]
    p_value: float
    critical_difference: float
    level: float = _LEVEL


def frame(results: Mapping[Any, Any]) -> pd.DataFrame:
    """Return one row a score: detector, dataset, seed, training and the fields of its result.

    Parameters
    ----------
    results : mapping of task to result
        As `run` returns them; what is not the result of a `Score` is left out.

    Returns
    -------
    DataFrame
        ``training`` is "clean" or "contaminated": what was asked for. ``contamination`` is the
        share of anomalies that the fitting rows then had.
    """
    rows = [
        [
            task.detector,
            task.dataset,
            task.seed,
            TRAININGS[task.contamination > 0],
            *astuple(result),
        ]
        for task, result in results.items()
        if isinstance(task, Score)
    ]
    columns = ["detector", "dataset", "seed", "training", *(f.name for f in fields(ScoreResult))]
    return pd.DataFrame(rows, columns=columns)


def to_json(scores: pd.DataFrame) -> str:
    """Return what `frame` returns as JSON text; ``docs/gallery-results.md`` names every key."""
    rows = [
        {name: None if value != value else value for name, value in row.items()}  # NaN
        for row in scores.to_dict("records")
    ]
    detectors = scores["detector"].unique()
    packages = {name: v for detector in detectors for name, v in versions(detector).items()}
    content = {
        "version": 1,
        "environment": {"python": platform.python_version(), "packages": packages},
        "results": rows,
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Return mean and spread over seeds of each metric.

    Parameters
    ----------
    scores : DataFrame
        As `frame` returns it.

    Returns
    -------
    DataFrame
        Index: dataset, training, detector, in the order they come. Columns: (metric, "mean") and
        (metric, "sd"), the standard deviation over seeds (ddof 1), NaN for one seed.
    """
    grouped = scores.drop(columns="seed").groupby(_KEYS, sort=False)
    return grouped.agg(["mean", "std"]).rename(columns={"std": "sd"}, level=1)


def best(table: pd.DataFrame, dataset: str, training: str) -> str | None:
    """Return the detector whose ROC-AUC is best by more than the spread, or None.

    Parameters
    ----------
    table : DataFrame
        As `summary` returns it.
    dataset, training : str
        Which of its parts.
    """
    part = table.xs((dataset, training), level=["dataset", "training"])
    return leader(part["roc_auc"], "roc_auc")


def ranking(table: pd.DataFrame, training: str) -> Ranking:
    """Rank the detectors on each data set by their mean ROC-AUC over seeds.

    Of the sets that share a source one counts, so that no source counts twice. A set on which a
    detector has no result does not count.

    Parameters
    ----------
    table : DataFrame
        As `summary` returns it.
    training : str
        Which of its parts.

    Returns
    -------
    Ranking

    Raises
    ------
    InputError
        Where no data set counts, or there are fewer than two detectors.
    """
    means = table.xs(training, level="training")["roc_auc", "mean"].unstack("detector")
    means = _one_a_source(means.dropna())
    sets, detectors = means.shape
    if sets < 1 or detectors < 2:
        raise InputError(
            f"Ranks need two detectors and a data set on which both have results, got {detectors} "
            f"and {sets}."
        )
    ranks = means.rank(axis="columns", ascending=False).mean().sort_values(kind="stable")
    testable = sets > 1 and detectors > 2
    return Ranking(
        ranks=ranks,
        datasets=tuple(means.index),
        p_value=float(stats.friedmanchisquare(*means.T.to_numpy()).pvalue) if testable else np.nan,
        critical_difference=critical_difference(detectors, sets),
    )


def critical_difference(detectors: int, sets: int) -> float:
    """Return by how much two mean ranks must differ to show a difference (Nemenyi's test).

    Parameters
    ----------
    detectors, sets : int
        How many were ranked, on how many data sets.

    References
    ----------
    Demšar (2006), "Statistical comparisons of classifiers over multiple data sets", JMLR 7,
    section 3.2.2, https://www.jmlr.org/papers/v7/demsar06a.html.
    """
    q = stats.studentized_range.ppf(1 - _LEVEL, detectors, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(detectors * (detectors + 1) / (6 * sets)))


def _one_a_source(means: pd.DataFrame) -> pd.DataFrame:
    """Keep one data set of each source: the one that counts, where it is there."""
    names = sorted(means.index, key=lambda name: name in TWINS)
    again = pd.Index([TWINS.get(name, name) for name in names]).duplicated()
    return means.loc[names][~again]
