"""Which columns make rows stand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from anomaly_lab.drawing.axes import TALL, bare, cells, legend_below, ready
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.style import ANOMALY, NORMAL, styled

if TYPE_CHECKING:
    from anomaly_lab.comparison import Explanation

_COLUMNS = 10  # shown; the others together


@styled
def feature_contributions(
    explanation: Explanation, ax: Axes | None = None, title: str | None = None
) -> Picture:
    """Draw which columns make the most anomalous rows stand out, in percent of each row's score.

    Parameters
    ----------
    explanation : Explanation
        Rows, true labels and what each column adds to the score. The ten columns with the largest
        mean share are shown, the others together.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Picture
    """
    ax = ready(ax, title, TALL)
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
    return Picture(ax, _in_words(explanation, shares))


def _in_words(explanation: Explanation, shares: pd.DataFrame) -> str:
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
