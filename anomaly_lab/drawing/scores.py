"""Reports and comparisons -> figures: scores and cutoffs, the four outcomes, curves.

Blue is normal, vermilion is anomalous, the cutoff is a dashed line; none of it relies on colour
alone. Every function draws into `ax`, or into a new figure where none is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from sklearn import metrics

from anomaly_lab.drawing.axes import TALL, bare, cells, legend_below, log_axis, rate, ready, short
from anomaly_lab.drawing.picture import Picture
from anomaly_lab.drawing.style import ANOMALY, NORMAL, QUIET, look, styled
from anomaly_lab.evaluation import Report

if TYPE_CHECKING:
    from anomaly_lab.comparison import Comparison

_BINS = 10, 40  # fewest and most bars
_DECADES = 6  # a logarithmic axis reaches no further below the highest score
_GRID = np.linspace(0, 1, 501)  # where the mean curves are drawn

Array = npt.NDArray[np.float64]


@styled
def score_histogram(report: Report, ax: Axes | None = None, name: str = "anomaly") -> Picture:
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
    name : str, default "anomaly"
        Whose scores they are, in the alternative text.

    Returns
    -------
    Picture
    """
    ax = ready(ax)
    edges, logarithmic = histogram_edges(report)
    for label, kind, colour, hatch in (
        (0, "normal", NORMAL, None),
        (1, "anomaly", ANOMALY, "////"),
    ):
        scores = np.clip(report.scores[report.labels == label], edges[0], edges[-1])
        share = np.histogram(scores, edges)[0] / len(scores)
        ax.stairs(share, edges, fill=True, color=to_rgba(colour, 0.25))
        ax.stairs(
            share, edges, fill=True, facecolor="none", edgecolor=colour, linewidth=1.4, hatch=hatch,
            label=f"{kind} ({len(scores):,} rows)",
        )  # fmt: skip
    at = float(np.clip(report.cutoff, edges[0], edges[-1]))
    ax.axvline(at, color="black", linestyle="--")
    ax.annotate(
        f"cutoff {short(report.cutoff)}", (at, 1), (0, 3), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="center", annotation_clip=False,
    )  # fmt: skip
    if logarithmic:
        log_axis(ax, "x")
    ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    ax.set(
        xlabel="anomaly score" + (" (logarithmic)" if logarithmic else ""),
        ylabel="share of the class",
        ylim=(0, None),
    )
    legend_below(ax)
    c = report.confusion
    alt = (
        f"Histogram of {name} scores: {c.tn / (c.tn + c.fp):.0%} of {c.tn + c.fp:,} normal rows do "
        f"not exceed the cutoff {short(report.cutoff)}; {c.tp:,} of {c.tp + c.fn:,} anomalies do."
    )
    return Picture(ax, alt)


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


@styled
def confusion_matrix(report: Report, ax: Axes | None = None, name: str = "the detector") -> Picture:
    """Draw the four outcomes: counts, and the share of each class.

    Parameters
    ----------
    report : Report
        Scores, labels and cutoff.
    ax : Axes, optional
        Where to draw.
    name : str, default "the detector"
        Whose flags they are, in the alternative text.

    Returns
    -------
    Picture
    """
    ax = ready(ax)
    c = report.confusion
    counts = np.array([[c.tn, c.fp], [c.fn, c.tp]])
    shares = counts / counts.sum(axis=1, keepdims=True)
    for row, colour in enumerate((NORMAL, ANOMALY)):
        cells(ax, shares[[row]], colour, row)
        for column in range(2):
            words = f"{counts[row, column]:,}\n{shares[row, column]:.1%}"
            ax.text(column, row, words, ha="center", va="center", linespacing=1.4)
    ax.set_xticks([0, 1], ["not flagged", "flagged"])
    ax.set_yticks([0, 1], ["normal", "anomaly"], rotation=90, va="center")
    ax.set(ylabel="in truth", ylim=(1.5, -0.5))
    bare(ax)
    alt = (
        f"Confusion matrix of {name}: {c.fp:,} of {c.tn + c.fp:,} normal rows are flagged "
        f"({shares[0, 1]:.1%}), and {c.tp:,} of {c.fn + c.tp:,} anomalies ({shares[1, 1]:.1%})."
    )
    return Picture(ax, alt)


@styled
def roc_curve(results: Comparison | Report, ax: Axes | None = None) -> Picture:
    """Draw recall against the false-positive rate, one curve a detector.

    The curve is the mean over seeds of the recall at each false-positive rate, so the area below
    it is the mean ROC-AUC. The marker is where the cutoffs lie, again in the mean.

    Parameters
    ----------
    results : Comparison or Report
        What to draw.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ready(ax, TALL)
    ax.plot([0, 1], [0, 1], color=QUIET, linewidth=1)
    ax.text(0.72, 0.68, "chance", ha="left", va="top")
    for name, reports in _by_detector(results).items():
        curve = np.concatenate([[0.0], _mean_roc(reports)])
        point = _mean(reports, "false_positive_rate"), _mean(reports, "recall")
        _curve(ax, np.concatenate([[0.0], _GRID]), curve, point, name, _mean(reports, "roc_auc"))
    ax.set(xlabel="false-positive rate", ylabel="recall (true-positive rate)")
    _unit_square(ax)
    found = _in_words(
        results, "roc_auc", "reaches recall {recall:.2f} at {false_positive_rate:.2f}"
    )
    return Picture(
        ax, f"ROC curves. Area below, and recall at the false-positive rate of the cutoff: {found}."
    )


@styled
def precision_recall_curve(results: Comparison | Report, ax: Axes | None = None) -> Picture:
    """Draw precision against recall, one curve a detector, above the prevalence.

    The curve is the mean over seeds of the precision where each recall is first reached, so the
    area below it is the mean average precision. The marker is where the cutoffs lie in the mean.

    Parameters
    ----------
    results : Comparison or Report
        What to draw.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Picture
    """
    ax = ready(ax, TALL)
    ax.axhline(results.prevalence, color=QUIET, linewidth=1)
    ax.text(0.02, results.prevalence + 0.01, f"prevalence {rate(results.prevalence)}")
    for name, reports in _by_detector(results).items():
        point = _mean(reports, "recall"), _mean(reports, "precision")
        area = _mean(reports, "average_precision")
        _curve(ax, _GRID[1:], _mean_precision(reports), point, name, area)
    ax.set(xlabel="recall", ylabel="precision")
    _unit_square(ax)
    point_in_words = "has precision {precision:.2f} at recall {recall:.2f}"
    found = _in_words(results, "average_precision", point_in_words)
    alt = (
        f"Precision-recall curves above a prevalence of {rate(results.prevalence)}. "
        f"Average precision, and what the cutoff gives: {found}."
    )
    return Picture(ax, alt)


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
        label=f"{name} {rate(area)}".strip(),
    )


def _in_words(results: Comparison | Report, area: str, point: str) -> str:
    """Return a figure and a point of each detector's curve in words."""
    figures = ("recall", "precision", "false_positive_rate")
    return "; ".join(
        f"{name} {rate(_mean(reports, area))}, ".lstrip()
        + point.format(**{figure: _mean(reports, figure) for figure in figures})
        for name, reports in _by_detector(results).items()
    )


def _unit_square(ax: Axes) -> None:
    ax.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal")
    legend_below(ax)
