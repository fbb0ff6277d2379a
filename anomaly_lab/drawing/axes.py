"""Parts that several figures share: new axes, tables of cells, legends, numbers in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import LogLocator, NullFormatter

from anomaly_lab.drawing.style import new_axes

Array = npt.NDArray[np.float64]
TALL = 4.5  # inches, for curves and heat maps


def ready(ax: Axes | None, height: float = 3.0) -> Axes:
    """Return the axes to draw into, a new figure's where none are given."""
    if ax is None:
        ax = new_axes(height)
        ax.figure.figure.set_layout_engine("constrained")  # for `savefig`
    return ax


def cells(ax: Axes, shares: Array, colour: str, row: int) -> None:
    """Fill cells of a table from `row` on: the larger the share, the stronger the colour."""
    rows, columns = np.indices(shares.shape)
    fills = [to_rgba(colour, 0.05 + 0.45 * share) for share in shares.ravel()]
    ax.bar(columns.ravel(), 0.96, 0.96, rows.ravel() + row - 0.48, color=fills)


def bare(ax: Axes) -> None:
    """Take the frame away, and the ticks' lines."""
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def legend_below(ax: Axes, gap: float = 4.2) -> None:
    """Put the legend below the axis, `gap` lines of text away."""
    legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=gap, ncols=2)
    for text in legend.get_texts():
        text.set_parse_math(False)


def log_axis(ax: Axes, which: str) -> None:
    """Make an axis, ``"x"`` or ``"y"``, logarithmic, with plain numbers."""
    ax.set(**{f"{which}scale": "log"})
    axis, (low, high) = (ax.xaxis, ax.get_xlim()) if which == "x" else (ax.yaxis, ax.get_ylim())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def short(value: float) -> str:
    """Return a number with three digits, or whole."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def rate(value: float) -> str:
    """Return a share with three decimals, or its first digit where that is further down."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
