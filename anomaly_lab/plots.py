"""Reports and comparisons -> figures, and a sentence for each that says what is to be seen.

Every function draws into `ax`, or into a new pyplot figure where none is given, and returns the
axes. Each has a twin, `describe_...`, that returns the alternative text. Blue is normal, vermilion
is anomalous, the cutoff is a dashed line; none of it relies on colour alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from sklearn import metrics

from anomaly_lab.evaluation import Report
from anomaly_lab.figures import ANOMALY, LOOKS, NORMAL, QUIET, look, styled

if TYPE_CHECKING:
    from anomaly_lab.comparison import Comparison, Explanation

TALL = 4.5  # inches, for curves and heat maps

_BINS = 10, 40  # fewest and most bars
_DECADES = 6  # a logarithmic axis reaches no further below the highest score
_COLUMNS = 10  # of an explanation
_GRID = np.linspace(0, 1, 501)  # where the mean curves are drawn

Array = npt.NDArray[np.float64]


@styled
def score_histogram(report: Report, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw how the scores of normal rows and of anomalies are spread, and the cutoff.

    Each class adds up to 100%, so that rare anomalies are seen beside many normal rows. The axis
    is logarithmic where the highest score is more than ten times the median; a long tail of scores
    of either sign ends in a last bar that holds everything beyond.

    Parameters
    ----------
    report : Report
        Scores, labels and cutoff.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Axes
    """
    ax = _ready(ax, title)
    edges, logarithmic = histogram_edges(report)
    for label, name, colour, hatch in (
        (0, "normal", NORMAL, None),
        (1, "anomaly", ANOMALY, "////"),
    ):
        scores = np.clip(report.scores[report.labels == label], edges[0], edges[-1])
        share = np.histogram(scores, edges)[0] / len(scores)
        legend = f"{name} ({len(scores):,} rows)"
        ax.stairs(share, edges, fill=True, color=to_rgba(colour, 0.25))
        ax.stairs(
            share,
            edges,
            fill=True,
            facecolor="none",
            edgecolor=colour,
            linewidth=1.4,
            hatch=hatch,
            label=legend,
        )
    at = float(np.clip(report.cutoff, edges[0], edges[-1]))
    ax.axvline(at, color="black", linestyle="--")
    ax.annotate(
        f"cutoff {_short(report.cutoff)}",
        (at, 1),
        (0, 3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="center",
        annotation_clip=False,
    )
    if logarithmic:
        _log_axis(ax, "x")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    ax.set(
        xlabel="anomaly score" + (" (logarithmic)" if logarithmic else ""),
        ylabel="share of the class",
        ylim=(0, None),
    )
    _legend_below(ax)
    return ax


def describe_score_histogram(report: Report, name: str = "anomaly") -> str:
    """Return the alternative text of `score_histogram`, for scores of the method `name`."""
    c = report.confusion
    below = c.tn / (c.tn + c.fp)
    return (
        f"Histogram of {name} scores: {below:.0%} of {c.tn + c.fp:,} normal rows do not exceed the "
        f"cutoff {_short(report.cutoff)}; {c.tp:,} of {c.tp + c.fn:,} anomalies do."
    )


@styled
def confusion_matrix(report: Report, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the four outcomes: counts, and the share of each class.

    Parameters
    ----------
    report : Report
        Scores, labels and cutoff.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Axes
    """
    ax = _ready(ax, title)
    counts = _counts(report)
    shares = counts / counts.sum(axis=1, keepdims=True)
    for row, colour in enumerate((NORMAL, ANOMALY)):
        _cells(ax, shares[[row]], colour, row)
        for column in range(2):
            ax.text(
                column,
                row,
                f"{counts[row, column]:,}\n{shares[row, column]:.1%}",
                ha="center",
                va="center",
                linespacing=1.4,
            )
    ax.set_xticks([0, 1], ["not flagged", "flagged"])
    ax.set_yticks([0, 1], ["normal", "anomaly"], rotation=90, va="center")
    ax.set(ylabel="in truth", ylim=(1.5, -0.5))
    _bare(ax)
    return ax


def describe_confusion_matrix(report: Report, name: str = "the detector") -> str:
    """Return the alternative text of `confusion_matrix`, for flags by the method `name`."""
    (tn, fp), (fn, tp) = _counts(report)
    return (
        f"Confusion matrix of {name}: {fp:,} of {tn + fp:,} normal rows are flagged "
        f"({fp / (tn + fp):.1%}), and {tp:,} of {fn + tp:,} anomalies ({tp / (fn + tp):.1%})."
    )


@styled
def roc_curve(
    results: Comparison | Report, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw recall against the false-positive rate, one curve a detector.

    The curve is the mean over seeds of the recall at each false-positive rate, so the area below
    it is the mean ROC-AUC. The marker is where the cutoffs lie, again in the mean.

    Parameters
    ----------
    results : Comparison or Report
        What to draw.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Axes
    """
    ax = _ready(ax, title, TALL)
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
    ax.text(0.72, 0.68, "chance", ha="left", va="top")
    for name, reports in _by_detector(results).items():
        curve = np.concatenate([[0.0], _mean_roc(reports)])
        point = _mean(reports, "false_positive_rate"), _mean(reports, "recall")
        _curve(ax, np.concatenate([[0.0], _GRID]), curve, point, name, _mean(reports, "roc_auc"))
    ax.set(xlabel="false-positive rate", ylabel="recall (true-positive rate)")
    _unit_square(ax)
    return ax


def describe_roc_curve(results: Comparison | Report) -> str:
    """Return the alternative text of `roc_curve`."""
    told = _told(results, "roc_auc", "reaches recall {recall:.2f} at {false_positive_rate:.2f}")
    return f"ROC curves. Area below, and recall at the false-positive rate of the cutoff: {told}."


@styled
def precision_recall_curve(
    results: Comparison | Report, ax: Axes | None = None, title: str | None = None
) -> Axes:
    """Draw precision against recall, one curve a detector, above the prevalence.

    The curve is the mean over seeds of the precision where each recall is first reached, so the
    area below it is the mean average precision. The marker is where the cutoffs lie in the mean.

    Parameters
    ----------
    results : Comparison or Report
        What to draw.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Axes
    """
    ax = _ready(ax, title, TALL)
    ax.axhline(results.prevalence, color=QUIET, linewidth=1)
    ax.text(0.02, results.prevalence + 0.01, f"prevalence {_rate(results.prevalence)}")
    for name, reports in _by_detector(results).items():
        point = _mean(reports, "recall"), _mean(reports, "precision")
        area = _mean(reports, "average_precision")
        _curve(ax, _GRID[1:], _mean_precision(reports), point, name, area)
    ax.set(xlabel="recall", ylabel="precision")
    _unit_square(ax)
    return ax


def describe_precision_recall_curve(results: Comparison | Report) -> str:
    """Return the alternative text of `precision_recall_curve`."""
    told = _told(
        results, "average_precision", "has precision {precision:.2f} at recall {recall:.2f}"
    )
    return (
        f"Precision-recall curves above a prevalence of {_rate(results.prevalence)}. "
        f"Average precision, and what the cutoff gives: {told}."
    )


@styled
def training_curve(history: pd.DataFrame, ax: Axes | None = None, title: str | None = None) -> Axes:
    """Draw the loss of a network over its epochs.

    Parameters
    ----------
    history : DataFrame
        One row an epoch, as in the autoencoder's ``history_``: ``loss`` and, where rows were held
        back, ``val_loss``. A circle marks the lowest, whose weights are kept.
    ax : Axes, optional
        Where to draw.
    title : str, optional
        Put above the figure.

    Returns
    -------
    Axes
    """
    ax = _ready(ax, title)
    epochs = np.arange(1, len(history) + 1)
    for column, colour, line in (("loss", QUIET, "--"), ("val_loss", LOOKS["autoencoder"][0], "-")):
        if column in history:
            ax.plot(epochs, history[column], color=colour, linestyle=line)
    epoch, lowest = _lowest(history)
    ax.plot([epoch], [lowest], "ok", markerfacecolor="none", markersize=8, clip_on=False)
    if history.max(axis=None) > 20 * history.min(axis=None) > 0:
        _log_axis(ax, "y")
    else:
        ax.set_ylim(bottom=min(0, history.min(axis=None)))
    _label_ends(ax, {"loss": "fitting rows", "val_loss": "held back"}, history)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set(xlabel="epoch", ylabel="mean squared error", xlim=(1, max(len(history), 2)))
    return ax


def describe_training_curve(history: pd.DataFrame) -> str:
    """Return the alternative text of `training_curve`."""
    losses = {"loss": "on fitting rows", "val_loss": "on held-back rows"}
    told = " and ".join(
        f"from {_short(history[column].iloc[0])} to {_short(history[column].iloc[-1])} {where}"
        for column, where in losses.items()
        if column in history
    )
    epoch, lowest = _lowest(history)
    return (
        f"Loss over {len(history)} epochs: {told}. The lowest, {_short(lowest)}, is that of epoch "
        f"{epoch}."
    )


@styled
def feature_contributions(
    explanation: Explanation, ax: Axes | None = None, title: str | None = None
) -> Axes:
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
    Axes
    """
    ax = _ready(ax, title, TALL)
    shares = _shares(explanation)
    n_columns, n_rows = shares.shape
    _cells(ax, shares.to_numpy(), NORMAL, 0)
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
    _bare(ax)
    _legend_below(ax, gap=3.4 + 0.6 * digits if turned else 4.2)
    return ax


def describe_feature_contributions(explanation: Explanation) -> str:
    """Return the alternative text of `feature_contributions`."""
    shares = _shares(explanation)
    largest = [f"{name} ({share:.0%})" for name, share in shares.mean(axis=1).head(3).items()]
    top = explanation.rows[0]
    strongest = shares.iloc[:_COLUMNS, 0]
    return (
        f"Heat map of the {len(explanation.rows)} highest-scoring rows, "
        f"{int(explanation.labels.sum())} of them anomalies, by column. Largest mean shares of the "
        f"score: {', '.join(largest)}. Row {top}, the highest, owes most to {strongest.idxmax()} "
        f"({strongest.max():.0%})."
    )


def _ready(ax: Axes | None, title: str | None, height: float | None = None) -> Axes:
    if ax is None:
        from matplotlib import pyplot

        width, usual = matplotlib.rcParams["figure.figsize"]
        ax = pyplot.subplots(figsize=(width, height or usual), layout="constrained")[1]
    if title is not None:
        ax.set_title(title, parse_math=False)
    return ax


def histogram_edges(report: Report) -> tuple[Array, bool]:
    """Return the edges of the bars, shape (bars + 1,), and whether they widen by a factor."""
    finite = report.scores[np.isfinite(report.scores)]
    n = 1 + int(np.clip(2 * np.sqrt(len(finite)), *_BINS))
    shown = np.append(finite, report.cutoff) if np.isfinite(report.cutoff) else finite
    if not len(shown):
        return np.linspace(0, 1, n), False
    low, high, middle = shown.min(), shown.max(), np.median(shown)
    if low >= 0 and high > 10 * middle > 0:
        low = max(shown[shown > 0].min(), high / 10**_DECADES)
        return np.geomspace(low, high, n), True
    usual = np.quantile(shown, 0.95)
    if usual > low:
        high = min(high, low + 10 * (usual - low))
    return np.linspace(low, high if high > low else low + 1, n), False


def _counts(report: Report) -> npt.NDArray[np.int64]:
    """Return the counts: rows normal and anomalous, columns not flagged and flagged."""
    c = report.confusion
    return np.array([[c.tn, c.fp], [c.fn, c.tp]])


def _by_detector(results: Comparison | Report) -> dict[str, list[Report]]:
    if isinstance(results, Report):
        return {"": [results]}
    return {name: [run.report for run in results.of(name)] for name in results.detectors}


def _mean(reports: Sequence[Report], metric: str) -> float:
    return float(np.mean([getattr(report, metric) for report in reports]))


def _mean_roc(reports: Sequence[Report]) -> Array:
    """Return the mean recall at each false-positive rate of `_GRID`."""
    curves = [metrics.roc_curve(report.labels, _ranks(report))[:2] for report in reports]
    return np.mean([np.interp(_GRID, rate, recall) for rate, recall in curves], axis=0)


def _mean_precision(reports: Sequence[Report]) -> Array:
    """Return the mean precision where each recall of `_GRID`, 0 left out, is first reached."""
    return np.mean([_precision_where_reached(report) for report in reports], axis=0)


def _precision_where_reached(report: Report) -> Array:
    precision, recall, _ = metrics.precision_recall_curve(report.labels, _ranks(report))
    first = np.searchsorted(recall[::-1], _GRID[1:] - 1e-12)  # recall[::-1] rises from 0 to 1
    return precision[::-1][first]


def _ranks(report: Report) -> npt.NDArray[np.intp]:
    """Keep the order of the scores where scikit-learn's curves refuse infinities."""
    return np.unique(report.scores, return_inverse=True)[1]


def _curve(
    ax: Axes, x: Array, y: Array, point: tuple[float, float], name: str, area: float
) -> None:
    colour, line, marker = look(name)
    ax.plot(x, y, color=colour, linestyle=line)
    ax.plot(
        [point[0]],
        [point[1]],
        color=colour,
        linestyle=line,
        marker=marker,
        markeredgecolor="white",
        clip_on=False,
        zorder=3,
        label=f"{name} {_rate(area)}".strip(),
    )


def _told(results: Comparison | Report, area: str, point: str) -> str:
    figures = ("recall", "precision", "false_positive_rate")
    return "; ".join(
        f"{name} {_rate(_mean(reports, area))}, ".lstrip()
        + point.format(**{figure: _mean(reports, figure) for figure in figures})
        for name, reports in _by_detector(results).items()
    )


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


def _cells(ax: Axes, shares: Array, colour: str, row: int) -> None:
    """Fill cells of a table from `row` on: the larger the share, the stronger the colour."""
    rows, columns = np.indices(shares.shape)
    fills = [to_rgba(colour, 0.05 + 0.45 * share) for share in shares.ravel()]
    ax.bar(columns.ravel(), 0.96, 0.96, rows.ravel() + row - 0.48, color=fills)


def _bare(ax: Axes) -> None:
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def _unit_square(ax: Axes) -> None:
    ax.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    _legend_below(ax)


def _legend_below(ax: Axes, gap: float = 4.2) -> None:
    """Put the legend below the axis, `gap` lines of text away."""
    legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=gap, ncols=2)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _log_axis(ax: Axes, which: str) -> None:
    ax.set(**{f"{which}scale": "log"})
    axis, (low, high) = (ax.xaxis, ax.get_xlim()) if which == "x" else (ax.yaxis, ax.get_ylim())
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def _fit(name: str, width: int = 24) -> str:
    """Return a column's name on one line, cut to `width` characters."""
    clean = "".join(c if c.isprintable() else " " for c in name)
    return clean if len(clean) <= width else clean[: width - 1] + "…"


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _rate(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"
