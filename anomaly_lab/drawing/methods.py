"""Several detectors beside each other: what they cost, and how they rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from anomaly_lab.drawing.axes import ready
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.style import QUIET, look, styled

_APART = 0.055  # of the height of axes, between the middles of two labels


@styled
def timing(seconds: pd.DataFrame, xlabel: str, what: str, ax: Axes | None = None) -> Picture:
    """Draw what detectors cost against a size, both logarithmic, a line a detector.

    Parameters
    ----------
    seconds : DataFrame
        Index: the size; a column a detector, NaN where it was not measured.
    xlabel : str
        What the size counts.
    what : str
        What is timed, and against what, for the alternative text.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ready(ax)
    lines = _measured(seconds)
    for name, measured in lines.items():
        colour, line, marker = look(name)
        ax.plot(
            measured, color=colour, linestyle=line, marker=marker, markersize=4, linewidth=1.4
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel="seconds")
    ax.set_xticks(seconds.index, [f"{size:,}" for size in seconds.index], minor=False)
    ax.set_xticks([], minor=True)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _label_ends(ax, lines)
    found = ", ".join(
        f"{name} {line.iloc[0]:.2g} s at {line.index[0]:,} and {line.iloc[-1]:.2g} s at "
        f"{line.index[-1]:,}"
        for name, line in lines.items()
    )
    return Picture(ax, f"Curves of {what}, both logarithmic: {found}.")


@styled
def critical_difference(mean_ranks: pd.Series, cd: float, ax: Axes | None = None) -> Picture:
    """Draw mean ranks, and which of them data sets as few as these cannot tell apart.

    Parameters
    ----------
    mean_ranks : Series
        Mean rank by detector; 1 is best.
    cd : float
        Critical difference: mean ranks that lie no further apart are joined by a bar at the left.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture

    References
    ----------
    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006),
    https://jmlr.org/papers/v7/demsar06a.html; the bars stand upright here, so that names fit.
    """
    ax = ready(ax)
    order = mean_ranks.sort_values(kind="stable")
    for y, (name, rank) in enumerate(order.items()):
        colour, _, marker = look(str(name))
        ax.plot(rank, y, marker, color=colour, markersize=7)
        ax.annotate(
            f"{name} {rank:.2f}", (rank, y), (8, 0), textcoords="offset points", va="center"
        )
    together = alike(order, cd)
    first, last = order.iloc[0], order.iloc[-1]
    step = 0.05 * max(last - first, cd)
    bars = first - step * np.arange(1.5, 1.5 + len(together))
    for x, (start, end) in zip(bars, together, strict=True):
        ax.plot([x, x], [start - 0.2, end + 0.2], color="black", linewidth=3)
    ax.plot([first, first + cd], [-1, -1], color=QUIET, linewidth=3)
    ax.annotate(
        f"critical difference {cd:.2f}", (first + cd, -1), (8, 0), textcoords="offset points",
        va="center",
    )  # fmt: skip
    ax.set(
        xlabel="mean rank (1 is best)", yticks=[], ylim=(len(order) - 0.4, -1.6),
        xlim=(first - step * (len(together) + 1.5), last + step),
    )  # fmt: skip
    ax.spines["left"].set_visible(False)
    ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in order.items())
    groups = [" to ".join(map(str, order.index[[first, last]])) for first, last in together]
    joined = f"Bars join {'; '.join(groups)}." if groups else "No two are joined by a bar."
    return Picture(ax, f"Mean ranks: {ranks}. Critical difference {cd:.2f}. {joined}")


def alike(ranks: pd.Series, cd: float) -> list[tuple[int, int]]:
    """Return the groups that a critical difference leaves together: place of first and last.

    Parameters
    ----------
    ranks : Series
        Mean ranks in ascending order.
    cd : float
        Critical difference.

    Returns
    -------
    list of (int, int)
        The largest runs of two or more whose ends are at most `cd` apart.
    """
    values = ranks.to_numpy()
    ends = np.searchsorted(values, values + cd, side="right") - 1
    new = np.diff(ends, prepend=-1) > 0  # else the run lies within the one before
    return [(i, int(end)) for i, end in enumerate(ends) if new[i] and end > i]


def _measured(seconds: pd.DataFrame) -> dict[str, pd.Series]:
    """Return what was measured of each detector of which anything was."""
    return {str(name): line.dropna() for name, line in seconds.items() if line.notna().any()}


def _label_ends(ax: Axes, lines: dict[str, pd.Series]) -> None:
    """Name each line beside its right end, moved where it would touch another name."""
    low, high = np.log(ax.get_ylim())
    ends = {name: (np.log(line.iloc[-1]) - low) / (high - low) for name, line in lines.items()}
    names = sorted(ends, key=lambda name: ends[name])
    for name, at in zip(names, _spread([ends[name] for name in names]), strict=True):
        ax.annotate(
            name, (1, ends[name]), (1.06, at), xycoords="axes fraction", fontsize=9,
            va="center", annotation_clip=False, color=look(name)[0],
            arrowprops={"arrowstyle": "-", "color": QUIET, "linewidth": 0.5},
        )  # fmt: skip


def _spread(heights: Sequence[float]) -> npt.NDArray[np.float64]:
    """Move ascending heights apart, evenly up and down, until labels there do not touch."""
    steps = _APART * np.arange(len(heights))
    free = np.asarray(heights) - steps
    up, down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    return np.clip((up + down) / 2 + steps, steps, 1 - steps[::-1])
