"""What of the gallery needs HTML: the grid of maps, the sortable table, the detectors' cards.

Everything is complete without a script; the page's script only sorts, filters and hides. The
words and the layout are in `gallery.html` beside this file.
"""

from __future__ import annotations

import base64
import functools
import html
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import contourpy
import jinja2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from anomaly_lab import datasets
from anomaly_lab.comparison import leader
from anomaly_lab.contract import Case, Detector
from anomaly_lab.figures import NORMAL
from anomaly_lab.gallery.tables import TRAININGS
from anomaly_lab.gallery.tasks import CELLS, EXTENT, Floats, Map, MapResult, centres
from anomaly_lab.pictures import Picture

_FIGURES = "roc_auc", "average_precision"
_SIDE = 10 * CELLS  # of a map, in its own units
_SHADES = 12  # on either side of the cutoff
_FAINT, _STRONG = 0.1, 0.62  # opacity of the first and of the last shade above the cutoff
_GREY = 0x80, 0x80, 0x80


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
    """Return a map as a small SVG figure, coloured by the page's style sheet.

    Cells below the cutoff are blue, the stronger the lower the score; cells above it are grey, the
    stronger the higher. Shades follow ranks, so maps of different detectors can be compared.

    Parameters
    ----------
    result : MapResult
        What to draw: scores, cutoff, fitting rows, and the anomalies among the test rows.
    alt : str
        The alternative text.

    Returns
    -------
    str
        One ``<figure>``, as `anomaly_lab.pictures.Picture` gives.
    """
    hidden, found = result.hidden == 1, result.labels == 1
    return (
        f'<figure class="picture"><svg viewBox="0 0 {_SIDE} {_SIDE}" role="img" '
        f'aria-label="{html.escape(alt)}">'
        f'<image width="{_SIDE}" height="{_SIDE}" href="data:image/png;base64,{_shades(result)}"/>'
        f'<path class="cutoff" d="{_contour(result)}"/>'
        f'<path class="rows" d="{_marks(result.X[~hidden], "h0")}"/>'
        f'<path class="hidden" d="{_marks(result.X[hidden], "m-9-9l18 18m0-18l-18 18")}"/>'
        f'<path class="anomalies" d="{_marks(result.test[found], "m0-15l14 25h-28z")}"/>'
        "</svg></figure>"
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


def _shades(result: MapResult) -> str:
    """Return the map as a PNG in base64: as many colours as there are shades, one pixel a cell."""
    above = result.scores > result.cutoff
    steps = np.empty(above.shape, dtype=np.uint8)
    for side in (above, ~above):
        ranks = np.searchsorted(np.sort(result.scores[side]), result.scores[side])
        steps[side] = np.minimum(ranks * _SHADES // max(side.sum(), 1), _SHADES - 1)
    image = Image.fromarray(np.flipud(steps + _SHADES * above).astype(np.uint8), "P")
    blue = tuple(bytes.fromhex(NORMAL[1:]))
    image.putpalette([*(blue * _SHADES), *(_GREY * _SHADES)])
    strength = np.linspace(_FAINT, _STRONG, _SHADES)
    opacity = np.round(255 * np.concatenate([0.55 * strength[::-1], strength])).astype(np.uint8)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=opacity.tobytes(), optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _contour(result: MapResult) -> str:
    """Return the lines where the score is the cutoff, as steps along them."""
    contours = contourpy.contour_generator(centres(), centres(), result.scores)
    lines = cast(list[Floats], contours.lines(result.cutoff))
    return "".join(_line(_units(line)) for line in lines)


def _line(points: npt.NDArray[np.int64]) -> str:
    first, steps = points[0], np.diff(points, axis=0)
    moved = steps[steps.any(axis=1)]
    return f"M{_pair(first)}l" + _tight(" ".join(map(_pair, moved))) if len(moved) else ""


def _marks(points: Floats, mark: str) -> str:
    return "".join(f"M{_pair(point)}{mark}" for point in _units(points))


def _units(points: Floats) -> npt.NDArray[np.int64]:
    """Return points of the plane, shape (n, 2), in whole units of the SVG: y points down."""
    return np.round((np.asarray(points) * [1, -1] / EXTENT + 1) * _SIDE / 2).astype(int)


def _pair(point: npt.NDArray[np.int64]) -> str:
    return _tight(f"{point[0]} {point[1]}")


def _tight(numbers: str) -> str:
    return numbers.replace(" -", "-")


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
