"""What of the gallery needs HTML: the grid of maps, the sortable table, the detectors' cards.

Everything is complete without a script; the page's script only sorts, filters and hides. The
words and the layout are in `gallery.html` beside this file.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from anomaly_lab import datasets
from anomaly_lab.comparison import leader
from anomaly_lab.contract import Case, Detector
from anomaly_lab.drawing import Picture, compact_map
from anomaly_lab.gallery.tables import TRAININGS
from anomaly_lab.gallery.tasks import Map, MapResult, centres

_FIGURES = "roc_auc", "average_precision"


def maps(results: Mapping[Map, MapResult], words: Mapping[str, str]) -> str:
    """Return the big picture: a table of maps, a column a detector, a group of rows a case.

    Parameters
    ----------
    results : mapping of Map to MapResult
        Every detector on the same cases.
    words : mapping of str to str
        What to look at, by the name of the case's data set; a sentence each.

    Returns
    -------
    str
        HTML.
    """
    detectors = list(dict.fromkeys(task.detector for task in results))
    cases = [
        {
            "title": _shape(case),
            "words": words[case.data],
            "panels": [_measured(Map(name, case), results[Map(name, case)]) for name in detectors],
        }
        for case in dict.fromkeys(task.case for task in results)
    ]
    return _macro("maps")(detectors, cases)


def table(summary: pd.DataFrame, sets: Sequence[str], detectors: Sequence[str]) -> str:
    """Return the table of results: a row a data set and kind of training, a column a detector.

    Parameters
    ----------
    summary : DataFrame
        As `tables.summary` returns it.
    sets, detectors : sequence of str
        Names, in the order of rows and columns; what was not measured is shown as missing.

    Returns
    -------
    str
        HTML.
    """
    by_set = summary.sort_index()
    rows = [_row(by_set, name, training, detectors) for name in sets for training in TRAININGS]
    return _macro("table")(detectors, rows)


def cards(detectors: Mapping[str, type[Detector]]) -> str:
    """Return the detectors' cards: title, idea, when it works, when it fails, link to its page."""
    return _macro("cards")([detector.card for detector in detectors.values()])


def side_by_side(pictures: Iterable[Picture]) -> str:
    """Return pictures two in a line where the page is wide enough."""
    return f'<div class="pairs">{"".join(picture._repr_html_() for picture in pictures)}</div>'


def panel(result: MapResult, alt: str) -> str:
    """Return a map as a small SVG figure: scores, cutoff, fitting rows, and anomalies to find."""
    anomalies = result.test[result.labels == 1]
    return compact_map(
        centres(), result.scores, result.cutoff, result.X, result.hidden, anomalies, alt
    )


def _measured(task: Map, result: MapResult) -> dict[str, str]:
    roc_auc, seconds = f"{result.roc_auc:.2f}", _seconds(result.fit_seconds)
    alt = f"{task.detector} on {_shape(task.case)}: ROC-AUC {roc_auc}, fitted in {seconds}"
    return {"svg": panel(result, alt), "roc_auc": roc_auc, "seconds": seconds}


def _shape(case: Case) -> str:
    return case.data.removeprefix("shapes/")


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 0.95 else f"{max(1000 * seconds, 1):.0f} ms"


def _row(
    summary: pd.DataFrame, name: str, training: str, detectors: Sequence[str]
) -> dict[str, Any]:
    card = datasets.card(name)
    measured = (name, training) in summary.index
    stats = summary.loc[(name, training)] if measured else summary.iloc[:0]
    prevalence = card.anomalies / card.rows
    if measured:
        prevalence = stats["prevalence", "mean"].mean()
    coin = {"roc_auc": 0.5, "average_precision": prevalence}  # what chance reaches
    cells = {figure: _cells(stats[figure], coin[figure], figure) for figure in _FIGURES}
    return {
        "name": name,
        "anchor": name.replace("/", ""),
        "kind": "downloaded" if card.kind == "download" else card.kind,
        "size": f"{card.rows:,} rows, {card.features:,} features",
        "training": training,
        "prevalence": f"{prevalence:.5f}",
        "share": f"{prevalence:.1%}",
        "cells": [
            {figure: cells[figure].get(detector) for figure in _FIGURES} for detector in detectors
        ],
    }


def _cells(stats: pd.DataFrame, coin: float, figure: str) -> dict[str, dict[str, Any]]:
    """Return what a row's cells show of one figure, by detector."""
    best = leader(stats, figure) if len(stats) else None
    return {
        detector: {
            "mean": f"{mean:.3f}",
            "sd": "" if np.isnan(sd) else f"{sd:.3f}",
            "value": f"{mean:.5f}",
            "heat": round(100 * max(0.0, (mean - coin) / (1 - coin))),
            "best": detector == best,
        }
        for detector, mean, sd in stats[["mean", "sd"]].itertuples()
    }


@functools.cache
def _macro(name: str) -> Callable[..., str]:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return getattr(environment.get_template("gallery.html").module, name)
