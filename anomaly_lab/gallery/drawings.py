"""What the gallery measured, drawn into axes; each with a twin that returns the alternative text.

Scores are shades of grey, the darker the more anomalous; the cutoff is a dashed line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes

from anomaly_lab.contract import Detector
from anomaly_lab.figures import ANOMALY, NORMAL, QUIET, look
from anomaly_lab.gallery.tasks import EXTENT, Floats, MapResult, centres
from anomaly_lab.pictures import scatter, shade

_FAINT = 0.5  # strength of a map under a drawing
_APART = 0.055  # of the height of axes, between the middles of two labels


def panel(ax: Axes, result: MapResult) -> None:
    """Draw a map: scores, cutoff, fitting rows, and the anomalies among the test rows.

    Fitting rows are small dots, the anomalies hidden among them crosses.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : MapResult
        What was measured.
    """
    shade(ax, centres(), centres(), result.scores, result.cutoff)
    scatter(ax, result.X[result.hidden == 0], size=3)
    x, y = result.X[result.hidden == 1].T
    ax.scatter(x, y, s=14, c=ANOMALY, marker="x", linewidths=0.9)
    found = result.test[result.labels == 1]
    scatter(ax, found, np.ones(len(found)), size=9)
    _whole_square(ax)


def describe_panel(result: MapResult, where: str) -> str:
    """Return the alternative text of `panel`, for rows called `where`."""
    hidden = int(result.hidden.sum())
    among = f", {hidden} anomalies hidden among them" if hidden else ""
    return (
        f"Map of the scores on {where}: {len(result.X)} fitting rows{among}, and "
        f"{int(result.labels.sum())} anomalies to find; ROC-AUC {result.roc_auc:.2f}."
    )


def idea(
    ax: Axes,
    detector: Detector,
    rows: npt.ArrayLike,
    highlighted: npt.ArrayLike,
    labels: npt.ArrayLike,
) -> None:
    """Draw how a few rows get their scores, over a faint map of all scores.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    detector : Detector
        Fitted on `rows`; its ``_draw`` says how a row gets its score.
    rows : array-like of shape (n, 2)
        The fitting rows.
    highlighted : array-like of shape (m, 2)
        Rows to explain.
    labels : array-like of shape (m,)
        1 = anomaly, 0 = normal, of these.
    """
    xs = centres()
    cells = np.stack(np.meshgrid(xs, xs), axis=-1).reshape(-1, 2)
    shade(ax, xs, xs, detector.anomaly_score(cells).reshape(len(xs), -1), strength=_FAINT)
    scatter(ax, rows, size=4)
    _whole_square(ax)
    explained = np.asarray(highlighted, dtype=float)
    scores = detector.anomaly_score(explained)
    for row, label, score in zip(explained, np.asarray(labels), scores, strict=True):
        detector._draw(ax, row)
        marker, colour = ("^", ANOMALY) if label else ("o", NORMAL)
        ax.plot(*row, marker, color=colour, markeredgecolor="black", markersize=8, zorder=4)
        _name(ax, f"{score:.3g}", row, below=not label)


def describe_idea(detector: Detector, highlighted: npt.ArrayLike, labels: npt.ArrayLike) -> str:
    """Return the alternative text of `idea`."""
    scores = detector.anomaly_score(highlighted)
    kinds = ["an anomaly" if label else "a normal row" for label in np.asarray(labels)]
    told = ", ".join(f"{kind} {score:.3g}" for kind, score in zip(kinds, scores, strict=True))
    return f"Rows in the plane, over a map of their scores. {told[0].upper()}{told[1:]}."


def timing(ax: Axes, seconds: pd.DataFrame, xlabel: str) -> None:
    """Draw what detectors cost against a size, both logarithmic, a line a detector.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    seconds : DataFrame
        Index: the size; a column a detector, NaN where it was not measured.
    xlabel : str
        What the size counts.
    """
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


def describe_timing(seconds: pd.DataFrame, what: str) -> str:
    """Return the alternative text of `timing`; `what` says what is timed, and against what."""
    told = ", ".join(
        f"{name} {line.iloc[0]:.2g} s at {line.index[0]:,} and {line.iloc[-1]:.2g} s at "
        f"{line.index[-1]:,}"
        for name, line in _measured(seconds).items()
    )
    return f"Curves of {what}, both logarithmic: {told}."


def critical_difference(ax: Axes, mean_ranks: pd.Series, cd: float) -> None:
    """Draw mean ranks, and which of them data sets as few as these cannot tell apart.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    mean_ranks : Series
        Mean rank by detector; 1 is best.
    cd : float
        Critical difference: mean ranks that lie no further apart are joined by a bar at the left.

    References
    ----------
    Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006),
    https://jmlr.org/papers/v7/demsar06a.html; the bars stand upright here, so that names fit.
    """
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


def describe_critical_difference(mean_ranks: pd.Series, cd: float) -> str:
    """Return the alternative text of `critical_difference`."""
    order = mean_ranks.sort_values(kind="stable")
    told = ", ".join(f"{name} {rank:.2f}" for name, rank in order.items())
    groups = [" to ".join(map(str, order.index[[first, last]])) for first, last in alike(order, cd)]
    joined = f"Bars join {'; '.join(groups)}." if groups else "No two are joined by a bar."
    return f"Mean ranks: {told}. Critical difference {cd:.2f}. {joined}"


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


def _name(ax: Axes, name: str, row: Floats, below: bool) -> None:
    """Write beside a row, towards the middle where it lies far to the right."""
    right = row[0] < EXTENT / 2
    offset = (8 if right else -8, -14 if below else 6)
    ax.annotate(
        name, (row[0], row[1]), offset, textcoords="offset points", ha="left" if right else "right",
        weight="bold", zorder=5,
    )  # fmt: skip


def _whole_square(ax: Axes) -> None:
    ax.set(xlim=(-EXTENT, EXTENT), ylim=(-EXTENT, EXTENT), xticks=[], yticks=[], aspect="equal")


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


def _spread(heights: Sequence[float]) -> Floats:
    """Move ascending heights apart, evenly up and down, until labels there do not touch."""
    steps = _APART * np.arange(len(heights))
    free = np.asarray(heights) - steps
    up, down = np.maximum.accumulate(free), np.minimum.accumulate(free[::-1])[::-1]
    return np.clip((up + down) / 2 + steps, steps, 1 - steps[::-1])
