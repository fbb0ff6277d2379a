"""Which data sets, seeds and sizes the gallery shows, and the tasks that these make."""

from __future__ import annotations

from collections.abc import Iterable

from anomaly_lab import datasets
from anomaly_lab.contract import Case
from anomaly_lab.detectors import all_detectors, get_detector
from anomaly_lab.errors import InputError
from anomaly_lab.gallery.tasks import Map, Score, Timing

BUNDLED = ("breast_cancer", "digits", "card_transactions_simulated", "heartbeats_simulated")
BUNDLED_SEEDS = 5
# adbench/smtp has 30 anomalies in 95,156 rows, about 3 of them in the 10,000 that are drawn.
DOWNLOADED = (
    "ecg5000",
    "card_transactions",
    *(name for name in datasets.names() if name.startswith("adbench/") and name != "adbench/smtp"),
)
DOWNLOADED_SEEDS = 3
CONTAMINATION = 0.05  # share of anomalies among the fitting rows, where they are not clean

# Of the sets that share their source with another, one counts for ranks: each of these shares it
# with the set named, which counts.
TWINS = {
    "adbench/annthyroid": "adbench/thyroid",
    "adbench/cardio": "adbench/Cardiotocography",
    "adbench/landsat": "adbench/satellite",
    "adbench/satimage-2": "adbench/satellite",
    "adbench/optdigits": "digits",
    "adbench/breastw": "breast_cancer",
    "adbench/WBC": "breast_cancer",
    "adbench/WDBC": "breast_cancer",
    "adbench/WPBC": "breast_cancer",
    "card_transactions_simulated": "card_transactions",
}

# Rows of the big picture. In the clump some anomalies hide among the fitting rows.
PICTURED = (
    Case("shapes/blobs"),
    Case("shapes/densities"),
    Case("shapes/ring"),
    Case("shapes/moons"),
    Case("shapes/spiral"),
    Case("shapes/diagonal"),
    Case("shapes/clump", contamination=CONTAMINATION),
    Case("shapes/noise"),
)

_TIMED_ROWS = (300, 1_000, 3_000, 10_000, 30_000)  # at 10 features
_TIMED_FEATURES = (3, 10, 30, 100, 300)  # at 3,000 rows


def scores(
    detectors: Iterable[str] | None = None, sets: Iterable[str] = BUNDLED, seeds: int | None = None
) -> list[Score]:
    """Return the tasks of the table.

    Parameters
    ----------
    detectors : iterable of str, optional
        Their names; all by default. The trivial baseline, ``centroid``, is always among them.
    sets : iterable of str, default BUNDLED
        Names of data sets.
    seeds : int, optional
        How many; by default five for a bundled set and three for one that is downloaded.

    Returns
    -------
    list of Score
        Each detector on each set, for each seed, on clean and on contaminated training rows.

    Raises
    ------
    UnknownNameError
        Where there is no such detector or data set.
    InputError
        Where a data set has no anomalies to judge by.
    """
    return [
        Score(detector, name, seed, contamination)
        for detector in _named(detectors)
        for name in map(_judged, sets)
        for seed in range(seeds or (DOWNLOADED_SEEDS if name in DOWNLOADED else BUNDLED_SEEDS))
        for contamination in (0.0, CONTAMINATION)
    ]


def maps(detectors: Iterable[str] | None = None) -> list[Map]:
    """Return the tasks of the big picture: each detector, all by default, on each case."""
    return [Map(detector, case) for detector in _named(detectors) for case in PICTURED]


def timings(detectors: Iterable[str] | None = None) -> list[Timing]:
    """Return the tasks of the curves of cost against rows and against features."""
    sizes = [
        *((rows, 10) for rows in _TIMED_ROWS),
        *((3_000, features) for features in _TIMED_FEATURES if features != 10),
    ]
    return [Timing(detector, *size) for detector in _named(detectors) for size in sizes]


def _named(detectors: Iterable[str] | None) -> list[str]:
    if detectors is None:
        return list(all_detectors())
    return sorted({"centroid", *(get_detector(name).card.name for name in detectors)})


def _judged(name: str) -> str:
    card = datasets.card(name)
    if not card.anomalies:
        raise InputError(f"{card.name} has no anomalies to judge a detector by. Name another set.")
    return card.name
