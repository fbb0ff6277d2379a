"""What a run holds beside its scores: the course of its loss, and which columns drive top rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from anomaly_lab.drawing.axes import TALL, bare, cells, legend_below, log_axis, ready, short
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.style import ANOMALY, LOOKS, NORMAL, QUIET, styled

if TYPE_CHECKING:
    from anomaly_lab.comparison import Explanation

_COLUMNS = 10  # shown; the others together


@styled
def training_curve(history: pd.DataFrame, ax: Axes | None = None) -> Picture:
    """Draw the loss of a network over its epochs.

    Parameters
    ----------
    history : DataFrame
        One row an epoch, as in the autoencoder's ``history_``: ``loss`` and, where rows were held
        back, ``val_loss``. A circle marks the lowest, whose weights the network has.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ready(ax)
    epochs = np.arange(1, len(history) + 1)
    for column, colour, line in (("loss", QUIET, "--"), ("val_loss", LOOKS["autoencoder"][0], "-")):
        if column in history:
            ax.plot(epochs, history[column], color=colour, linestyle=line)
    epoch, lowest = _lowest(history)
    ax.plot([epoch], [lowest], "ok", markerfacecolor="none", markersize=8, clip_on=False)
    if history.max(axis=None) > 20 * history.min(axis=None) > 0:
        log_axis(ax, "y")
    else:
        ax.set_ylim(bottom=min(0, history.min(axis=None)))
    _label_ends(ax, {"loss": "fitting rows", "val_loss": "held back"}, history)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="epoch", ylabel="mean squared error", xlim=(1, max(len(history), 2)))
    return Picture(ax, _course_in_words(history))


def _course_in_words(history: pd.DataFrame) -> str:
    losses = {"loss": "on fitting rows", "val_loss": "on held-back rows"}
    courses = " and ".join(
        f"from {short(history[column].iloc[0])} to {short(history[column].iloc[-1])} {where}"
        for column, where in losses.items()
        if column in history
    )
    epoch, lowest = _lowest(history)
    lowest_in_words = f"The lowest, {short(lowest)}, is that of epoch {epoch}."
    return f"Loss over {len(history)} epochs: {courses}. {lowest_in_words}"


def _lowest(history: pd.DataFrame) -> tuple[int, float]:
    """Return the epoch, counted from 1, with the loss that decides, and that loss."""
    losses = history["val_loss" if "val_loss" in history else "loss"].to_numpy()
    return int(losses.argmin()) + 1, float(losses.min())


def _label_ends(ax: Axes, names: dict[str, str], history: pd.DataFrame) -> None:
    """Name the lines at their right ends, moved apart where they would touch."""
    ends = sorted((history[column].iloc[-1], column) for column in names if column in history)
    close = len(ends) == 2 and abs(np.subtract(*_heights(ax, [end for end, _ in ends]))) < 0.1
    shifts = (-7, 7) if close else (0, 0)
    for (end, column), shift in zip(ends, shifts, strict=False):
        ax.annotate(
            names[column], (len(history), end), (6, shift), textcoords="offset points", va="center"
        )


def _heights(ax: Axes, values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Return where values lie on the vertical axis, 0 at its foot and 1 at its top."""
    to_axes = ax.transData + ax.transAxes.inverted()
    return to_axes.transform([(1, value) for value in values])[:, 1]


@styled
def feature_contributions(explanation: Explanation, ax: Axes | None = None) -> Picture:
    """Draw which columns make the most anomalous rows stand out, in percent of each row's score.

    Parameters
    ----------
    explanation : Explanation
        Rows, true labels and what each column adds to the score. The ten columns with the largest
        mean share are shown, the others together.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ready(ax, TALL)
    shares = _shares(explanation)
    n_columns, n_rows = shares.shape
    cells(ax, shares.to_numpy(), NORMAL, 0)
    for row, column in np.ndindex(n_columns, n_rows):
        percent = round(100 * shares.iloc[row, column])
        if percent:
            ax.text(column, row, str(percent), ha="center", va="center", fontsize=9)
    for label, name, marker, colour in ((1, "anomaly", "^", ANOMALY), (0, "normal", "o", NORMAL)):
        at = np.flatnonzero(explanation.labels == label)
        above = np.full(len(at), -1.0)
        if len(at):
            ax.plot(at, above, marker, color=colour, label=name, clip_on=False)
    digits = len(str(explanation.rows.max()))
    turned = digits > 3  # longer numbers do not fit side by side
    ax.set_xticks(range(n_rows), map(str, explanation.rows), rotation=90 if turned else 0)
    ax.set_yticks(range(n_columns), [_fit(name) for name in shares.index], parse_math=False)
    ax.set(xlabel="row of the data set, highest score first", ylim=(n_columns - 0.5, -1.5))
    bare(ax)
    legend_below(ax, gap=3.4 + 0.6 * digits if turned else 4.2)
    return Picture(ax, _shares_in_words(explanation, shares))


def _shares_in_words(explanation: Explanation, shares: pd.DataFrame) -> str:
    largest = [f"{name} ({share:.0%})" for name, share in shares.mean(axis=1).head(3).items()]
    top = explanation.rows[0]
    strongest = shares.iloc[:_COLUMNS, 0]
    return (
        f"Heat map of the {len(explanation.rows)} highest-scoring rows, "
        f"{int(explanation.labels.sum())} of them anomalies, by column. Largest mean shares of the "
        f"score: {', '.join(largest)}. Row {top}, the highest, owes most to {strongest.idxmax()} "
        f"({strongest.max():.0%})."
    )


def _shares(explanation: Explanation) -> pd.DataFrame:
    """Return the shares of each row's score: columns, the largest first, x rows."""
    parts = explanation.contributions.T.set_axis(range(len(explanation.rows)), axis=1)
    shares = (parts / parts.sum()).fillna(0)  # a score of 0 has no shares
    order = shares.mean(axis=1).sort_values(ascending=False, kind="stable").index
    shown = shares.loc[order[:_COLUMNS]]
    if len(order) <= _COLUMNS:
        return shown
    rest = shares.loc[order[_COLUMNS:]].sum().rename(f"{len(order) - _COLUMNS} other columns")
    return pd.concat([shown, rest.to_frame().T])


def _fit(name: str, width: int = 24) -> str:
    """Return a column's name on one line, cut to `width` characters."""
    clean = "".join(c if c.isprintable() else " " for c in name)
    return clean if len(clean) <= width else clean[: width - 1] + "…"
