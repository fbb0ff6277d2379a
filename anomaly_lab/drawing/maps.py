"""Scores over the plane, the darker the more anomalous, and the cutoff as a dashed line."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable
from typing import cast

import contourpy
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

from anomaly_lab.contract import Detector
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.rows import scatter
from anomaly_lab.drawing.style import ANOMALY, NORMAL, QUIET, new_axes, styled

_CELLS = 80  # of a score map, along each axis
_FADE = LinearSegmentedColormap.from_list("fade", [(0.5, 0.5, 0.5, 0.0), (0.5, 0.5, 0.5, 0.75)])
_FAINT = 0.5  # strength of a map under a drawing
# Of a compact map:
_CELL = 10  # units of the SVG along the side of a cell
_SHADES = 12  # on either side of the cutoff
_WEAK, _STRONG = 0.1, 0.62  # opacity of the first and of the last shade above the cutoff
_CROSS, _TRIANGLE = "m-9-9l18 18m0-18l-18 18", "m0-15l14 25h-28z"

Array = npt.NDArray[np.float64]


def score_map(
    ax: Axes,
    detector: Detector,
    X: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    cutoff: float | None = None,
    margin: float = 0.25,
) -> None:
    """Draw a fitted detector's score over the plane, the darker the more anomalous, under rows.

    The shade is the score's rank among the points of the map, so detectors with different units
    can be put side by side.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    detector : Detector
        Fitted on two columns.
    X : array-like of shape (n, 2)
        Rows to draw; the map reaches a little beyond them.
    y : array-like of shape (n,), optional
        1 = anomaly, 0 = normal.
    cutoff : float, optional
        In the detector's unit; drawn as a dashed line.
    margin : float, default 0.25
        How far beyond the rows the map reaches, as a share of their extent.
    """
    points = np.asarray(X, dtype=float)
    low, high = points.min(axis=0), points.max(axis=0)
    low, high = low - margin * (high - low), high + margin * (high - low)
    xs, ys = (np.linspace(low[i], high[i], _CELLS) for i in (0, 1))
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    scores = detector.anomaly_score(grid).reshape(_CELLS, _CELLS)
    shade(ax, xs, ys, scores, cutoff)
    scatter(ax, points, y)
    ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xticks=[], yticks=[])


def shade(
    ax: Axes, xs: Array, ys: Array, scores: Array, cutoff: float | None = None, strength: float = 1
) -> None:
    """Draw scores on a grid as shades of grey, the darker the more anomalous, and the cutoff.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    xs, ys : ndarray of shape (m,) and (n,)
        Where the scores are from: the middles of the cells, evenly spaced.
    scores : ndarray of shape (n, m)
        The scores; a shade is the rank among them.
    cutoff : float, optional
        In the unit of the scores; drawn as a dashed line where they reach it.
    strength : float, default 1
        Of the shades; less where something is to be seen on top of them.
    """
    ranks = np.searchsorted(np.sort(scores, axis=None), scores) / scores.size
    half_x, half_y = (xs[1] - xs[0]) / 2, (ys[1] - ys[0]) / 2
    ax.imshow(
        ranks,
        origin="lower",
        extent=(xs[0] - half_x, xs[-1] + half_x, ys[0] - half_y, ys[-1] + half_y),
        cmap=_FADE,
        alpha=strength,
        vmin=0,
        vmax=1,
        aspect="auto",
        interpolation="none",
    )
    if cutoff is not None and scores.min() < cutoff < scores.max():
        ax.contour(xs, ys, scores, levels=[cutoff], colors="black", linestyles="--", linewidths=1.2)


def panel(
    ax: Axes,
    xs: Array,
    scores: Array,
    cutoff: float,
    rows: Array,
    hidden: npt.NDArray[np.int8],
    anomalies: Array,
) -> None:
    """Draw scores on a square, the cutoff, fitting rows, and anomalies that were to be found.

    Fitting rows are small dots, the anomalies hidden among them crosses.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    xs : ndarray of shape (n,)
        The middles of the cells along both sides.
    scores : ndarray of shape (n, n)
        The scores there, the lowest row first.
    cutoff : float
        In the unit of the scores.
    rows : ndarray of shape (m, 2)
        The fitting rows.
    hidden : ndarray of shape (m,)
        1 = an anomaly hidden among them.
    anomalies : ndarray of shape (k, 2)
        Those to be found.
    """
    shade(ax, xs, xs, scores, cutoff)
    scatter(ax, rows[hidden == 0], size=3)
    x, y = rows[hidden == 1].T
    ax.scatter(x, y, s=14, c=ANOMALY, marker="x", linewidths=0.9)
    scatter(ax, anomalies, np.ones(len(anomalies)), size=9)
    _square(ax, xs)


@styled
def idea(
    detector: Detector,
    rows: npt.ArrayLike,
    highlighted: npt.ArrayLike,
    labels: npt.ArrayLike,
    xs: Array,
    ax: Axes | None = None,
) -> Picture:
    """Draw how a few rows get their scores, over a faint map of all scores.

    Parameters
    ----------
    detector : Detector
        Fitted on `rows`; its ``_draw`` says how a row gets its score.
    rows : array-like of shape (n, 2)
        The fitting rows.
    highlighted : array-like of shape (m, 2)
        Rows to explain.
    labels : array-like of shape (m,)
        1 = anomaly, 0 = normal, of these.
    xs : ndarray of shape (k,)
        The middles of the map's cells along both sides.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ax or new_axes(3.4, 3.4)
    cells = np.stack(np.meshgrid(xs, xs), axis=-1).reshape(-1, 2)
    shade(ax, xs, xs, detector.anomaly_score(cells).reshape(len(xs), -1), strength=_FAINT)
    scatter(ax, rows, size=4)
    _square(ax, xs)
    explained = np.asarray(highlighted, dtype=float)
    scores, words = detector.anomaly_score(explained), []
    for row, label, score in zip(explained, np.asarray(labels), scores, strict=True):
        detector._draw(ax, row)
        marker, colour = ("^", ANOMALY) if label else ("o", NORMAL)
        ax.plot(*row, marker, color=colour, markeredgecolor="black", markersize=8, zorder=4)
        _name(ax, f"{score:.3g}", row, below=not label)
        words.append(f"{'an anomaly' if label else 'a normal row'} {score:.3g}")
    listed = ", ".join(words)
    seen = f"Rows in the plane, over a map of their scores. {listed[0].upper()}{listed[1:]}."
    return Picture(ax, f"{detector.card.title}. {seen}")


def _name(ax: Axes, name: str, row: Array, below: bool) -> None:
    """Write beside a row, towards the middle where it lies far to the right."""
    right = row[0] < ax.get_xlim()[1] / 2
    offset = (8 if right else -8, -14 if below else 6)
    ax.annotate(
        name, (row[0], row[1]), offset, textcoords="offset points", ha="left" if right else "right",
        weight="bold", zorder=5,
    )  # fmt: skip


def _square(ax: Axes, xs: Array) -> None:
    """Show the whole square of the cells with these middles, and nothing beyond."""
    half = (xs[1] - xs[0]) / 2
    ends = xs[0] - half, xs[-1] + half
    ax.set(xlim=ends, ylim=ends, xticks=[], yticks=[], aspect="equal")


def compact_map(
    xs: Array,
    scores: Array,
    cutoff: float,
    rows: Array,
    hidden: npt.NDArray[np.int8],
    anomalies: Array,
    alt: str,
) -> str:
    """Return a map as a small SVG figure, coloured by the page's style sheet.

    Cells below the cutoff are blue, the stronger the lower the score; cells above it are grey, the
    stronger the higher. Shades follow ranks, so maps of different detectors can be compared.

    Parameters
    ----------
    xs, scores, cutoff, rows, hidden, anomalies
        As `panel` takes them; the origin is in the middle.
    alt : str
        The alternative text.

    Returns
    -------
    str
        One ``<figure>``, as a `Picture` gives.
    """
    side, extent = _CELL * len(xs), xs[-1] + (xs[1] - xs[0]) / 2

    def units(points: Array) -> npt.NDArray[np.int64]:
        """Return points of the plane, shape (n, 2), in whole units of the SVG: y points down."""
        return np.round((np.asarray(points) * [1, -1] / extent + 1) * side / 2).astype(int)

    lines = cast(list[Array], contourpy.contour_generator(xs, xs, scores).lines(cutoff))
    return (
        f'<figure class="picture"><svg viewBox="0 0 {side} {side}" role="img" '
        f'aria-label="{html.escape(alt)}">'
        f'<image width="{side}" height="{side}" href="data:image/png;base64,'
        f'{_shades(scores, cutoff)}"/>'
        f'<path class="cutoff" d="{"".join(_line(units(line)) for line in lines)}"/>'
        f'<path class="rows" d="{_marks(units(rows[hidden == 0]), "h0")}"/>'
        f'<path class="hidden" d="{_marks(units(rows[hidden == 1]), _CROSS)}"/>'
        f'<path class="anomalies" d="{_marks(units(anomalies), _TRIANGLE)}"/>'
        "</svg></figure>"
    )


def _shades(scores: Array, cutoff: float) -> str:
    """Return the map as a PNG in base64: as many colours as there are shades, one pixel a cell."""
    above = scores > cutoff
    steps = np.empty(above.shape, dtype=np.uint8)
    for side in (above, ~above):
        ranks = np.searchsorted(np.sort(scores[side]), scores[side])
        steps[side] = np.minimum(ranks * _SHADES // max(side.sum(), 1), _SHADES - 1)
    image = Image.fromarray(np.flipud(steps + _SHADES * above).astype(np.uint8), "P")
    blue, grey = (tuple(bytes.fromhex(colour[1:])) for colour in (NORMAL, QUIET))
    image.putpalette([*(blue * _SHADES), *(grey * _SHADES)])
    strength = np.linspace(_WEAK, _STRONG, _SHADES)
    opacity = np.round(255 * np.concatenate([0.55 * strength[::-1], strength])).astype(np.uint8)
    file = io.BytesIO()
    image.save(file, "PNG", transparency=opacity.tobytes(), optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def _line(points: npt.NDArray[np.int64]) -> str:
    """Return a line, shape (n, 2) in units, as steps along it."""
    first, steps = points[0], np.diff(points, axis=0)
    moved = steps[steps.any(axis=1)]
    return f"M{_pairs([first])}l{_pairs(moved)}" if len(moved) else ""


def _marks(points: npt.NDArray[np.int64], mark: str) -> str:
    return "".join(f"M{_pairs([point])}{mark}" for point in points)


def _pairs(points: Iterable[npt.NDArray[np.int64]]) -> str:
    """Write points as a path does: a minus sign parts numbers as well as a blank."""
    return " ".join(f"{x} {y}" for x, y in points).replace(" -", "-")
