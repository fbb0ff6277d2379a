"""Pictures for lessons: rows in the plane, scores as a map, images; each shown with its alt text.

The functions draw into axes that the caller made. `show` turns a figure into SVG that follows the
light or dark colours of whatever page or notebook it is seen in.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from anomaly_lab.contract import Detector
from anomaly_lab.errors import InputError
from anomaly_lab.figures import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, look, to_svg

__all__ = [
    "ANOMALY",
    "LOOKS",
    "NORMAL",
    "QUIET",
    "STYLE",
    "Picture",
    "images",
    "look",
    "scatter",
    "score_map",
    "shade",
    "show",
]

_MANY = 300  # marks; more are drawn as one image inside the SVG
_CELLS = 80  # of a score map, along each axis
_FADE = LinearSegmentedColormap.from_list("fade", [(0.5, 0.5, 0.5, 0.0), (0.5, 0.5, 0.5, 0.75)])

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Picture:
    """A figure ready for a page: notebooks show it, screen readers read its text.

    Parameters
    ----------
    svg : str
        One ``<svg>`` element.
    alt : str
        What is to be seen.
    """

    svg: str
    alt: str

    def _repr_html_(self) -> str:
        return f'<figure class="picture">{self.svg}</figure>'

    def __repr__(self) -> str:
        return f"<Picture: {self.alt}>"


def show(figure: Figure | Axes, alt: str) -> Picture:
    """Return a figure as a picture with alternative text, and close it.

    Parameters
    ----------
    figure : Figure or Axes
        What to show; of axes, the whole figure they are in.
    alt : str
        What is to be seen: the finding, in a sentence or three.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If there is no alternative text.
    """
    from matplotlib import pyplot

    if not alt.strip():
        raise InputError(
            "Expected alt text that says what the figure shows, got none: write a sentence for "
            "those who cannot see it."
        )
    whole = figure.figure.figure if isinstance(figure, Axes) else figure
    prefix = "p" + hashlib.sha256(alt.encode()).hexdigest()[:8]
    picture = Picture(to_svg(whole.axes[0], prefix, alt), alt)
    pyplot.close(whole)
    return picture


def scatter(ax: Axes, X: npt.ArrayLike, y: npt.ArrayLike | None = None, size: float = 9) -> None:
    """Draw rows as points of the plane: normal rows as blue dots, anomalies as vermilion triangles.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    X : array-like of shape (n, 2)
        The rows.
    y : array-like of shape (n,), optional
        1 = anomaly, 0 = normal; without it, every row is drawn as normal.
    size : float, default 9
        Area of a mark, in points squared.
    """
    points = np.asarray(X, dtype=float)
    labels = np.zeros(len(points)) if y is None else np.asarray(y)
    for label, colour, marker, scale in ((0, NORMAL, "o", 1.0), (1, ANOMALY, "^", 2.0)):
        chosen = points[labels == label]
        ax.scatter(
            chosen[:, 0],
            chosen[:, 1],
            s=scale * size,
            c=colour,
            marker=marker,
            linewidths=0,
            alpha=0.75,
            rasterized=len(chosen) > _MANY,
        )


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
    ax: Axes,
    xs: Array,
    ys: Array,
    scores: Array,
    cutoff: float | None = None,
    strength: float = 1,
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


def images(
    ax: Axes,
    rows: npt.ArrayLike,
    columns: int | None = None,
    shape: tuple[int, int] = (8, 8),
    vmax: float | None = None,
) -> None:
    """Draw rows of pixel values as small grey images on a mat, side by side in one axes.

    The mat, one pixel wide, is of a middle grey, so that the edge of an image is seen on a white
    and on a dark page. The axes count pixels from the top left one of the first image, and the
    next image starts one pixel after the end of the one before.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    rows : array-like of shape (n, height * width)
        Pixel values; 0 is black.
    columns : int, optional
        Images side by side; all by default.
    shape : tuple of int, default (8, 8)
        Height and width of an image, in pixels.
    vmax : float, optional
        The value drawn white; the highest by default.

    Raises
    ------
    InputError
        If the rows are not images of that shape, or there are none.
    """
    pixels = np.atleast_2d(np.asarray(rows, dtype=float))
    if pixels.ndim != 2 or pixels.shape[1] != shape[0] * shape[1] or not len(pixels):
        raise InputError(
            f"Expected rows of {shape[0] * shape[1]} pixels for images of {shape[0]} x {shape[1]}, "
            f"got an array of shape {pixels.shape}. Pass the height and width as shape=."
        )
    canvas = _tiles(pixels, columns or len(pixels), shape)
    ax.imshow(
        canvas,
        cmap=matplotlib.colormaps["gray"].with_extremes(bad=QUIET),
        vmin=0,
        vmax=pixels.max() if vmax is None else vmax,
        interpolation="none",
        extent=(-1.5, canvas.shape[1] - 1.5, canvas.shape[0] - 1.5, -1.5),
    )
    ax.set_axis_off()


def _tiles(pixels: Array, columns: int, shape: tuple[int, int]) -> Array:
    """Lay images (n, height * width) out on a canvas, with NaN, the mat, around each."""
    height, width = shape
    lines = -(-len(pixels) // columns)
    canvas = np.full((lines * (height + 1) + 1, columns * (width + 1) + 1), np.nan)
    for i, image in enumerate(pixels):
        top, left = 1 + i // columns * (height + 1), 1 + i % columns * (width + 1)
        canvas[top : top + height, left : left + width] = image.reshape(shape)
    return canvas
