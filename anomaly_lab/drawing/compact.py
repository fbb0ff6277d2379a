"""A map of scores as a small SVG figure, for a page that shows many of them."""

from __future__ import annotations

import base64
import html
import io
from typing import cast

import contourpy
import numpy as np
import numpy.typing as npt
from PIL import Image

from anomaly_lab.drawing.style import NORMAL, QUIET

_CELL = 10  # units of the SVG along the side of a cell
_SHADES = 12  # on either side of the cutoff
_WEAK, _STRONG = 0.1, 0.62  # opacity of the first and of the last shade above the cutoff

Array = npt.NDArray[np.float64]


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
    fitted, crosses, triangles = (
        units(rows[hidden == 0]),
        units(rows[hidden == 1]),
        units(anomalies),
    )
    return (
        f'<figure class="picture"><svg viewBox="0 0 {side} {side}" role="img" '
        f'aria-label="{html.escape(alt)}">'
        f'<image width="{side}" height="{side}" href="data:image/png;base64,'
        f'{_shades(scores, cutoff)}"/>'
        f'<path class="cutoff" d="{"".join(_line(units(line)) for line in lines)}"/>'
        f'<path class="rows" d="{_marks(fitted, "h0")}"/>'
        f'<path class="hidden" d="{_marks(crosses, "m-9-9l18 18m0-18l-18 18")}"/>'
        f'<path class="anomalies" d="{_marks(triangles, "m0-15l14 25h-28z")}"/>'
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
    return f"M{_pair(first)}l" + _tight(" ".join(map(_pair, moved))) if len(moved) else ""


def _marks(points: npt.NDArray[np.int64], mark: str) -> str:
    return "".join(f"M{_pair(point)}{mark}" for point in points)


def _pair(point: npt.NDArray[np.int64]) -> str:
    return _tight(f"{point[0]} {point[1]}")


def _tight(numbers: str) -> str:
    return numbers.replace(" -", "-")
