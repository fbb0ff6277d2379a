"""How the loss of a network falls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from anomaly_lab.drawing.axes import log_axis, ready, short
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.style import LOOKS, QUIET, styled

Array = npt.NDArray[np.float64]


@styled
def training_curve(
    history: pd.DataFrame, ax: Axes | None = None, title: str | None = None
) -> Picture:
    """Draw the loss of a network over its epochs.

    Parameters
    ----------
    history : DataFrame
        One row an epoch, as in the autoencoder's ``history_``: ``loss`` and, where rows were held
        back, ``val_loss``. A circle marks the lowest, whose weights the network has.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Picture
    """
    ax = ready(ax, title)
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
    return Picture(ax, _in_words(history))


def _in_words(history: pd.DataFrame) -> str:
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


def _heights(ax: Axes, values: Sequence[float]) -> Array:
    """Return where values lie on the vertical axis, 0 at its foot and 1 at its top."""
    to_axes = ax.transData + ax.transAxes.inverted()
    return to_axes.transform([(1, value) for value in values])[:, 1]
