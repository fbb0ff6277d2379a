"""Rows drawn into axes that the caller made: points of the plane, and small images."""

from __future__ import annotations

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from anomaly_lab.drawing.style import ANOMALY, NORMAL, QUIET
from anomaly_lab.errors import InputError

_MANY = 300  # marks; more are drawn as one image inside the SVG

Array = npt.NDArray[np.float64]


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
