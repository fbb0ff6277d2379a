"""Comparison -> one self-contained HTML page, and the table and the words that go with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from anomaly_lab import figures, paths, plots, thresholds
from anomaly_lab.comparison import Comparison, Explanation, Run
from anomaly_lab.detectors import all_detectors

BASELINE = "centroid"

_TEMPLATE = Path(__file__).with_name("report_template.html")
_TITLES = {
    "roc_auc": "ROC-AUC",
    "average_precision": "Average precision",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "accuracy": "Accuracy",
    "false_positive_rate": "False-positive rate",
    "fit_seconds": "Fit, s",
    "score_seconds": "Score, s",
}


@dataclass(frozen=True)
class ResultsTable:
    """The results as text, for a page or a terminal.

    Parameters
    ----------
    headers : list of str
        One a column; what belongs in a second line follows a line break.
    rows : list of list of str
        One row a detector, the highest mean ROC-AUC first; its name, then "mean ± sd".
    best : set of (int, int)
        Row and column of the cells that are best by more than the spread.
    note : str
        What the figures and the mark of the best mean.
    """

    headers: list[str]
    rows: list[list[str]]
    best: set[tuple[int, int]]
    note: str


def results_table(comparison: Comparison) -> ResultsTable:
    """Return the results of a comparison as text.

    Parameters
    ----------
    comparison : Comparison
        Every run of every detector.

    Returns
    -------
    ResultsTable
    """
    table = comparison.table()
    names = list(table.index)
    columns = [_cells(table[metric], metric) for metric in _TITLES]
    best = {metric: comparison.best(metric) for metric in _TITLES}
    return ResultsTable(
        headers=["Detector", *_headers(comparison)],
        rows=[[name, *cells] for name, *cells in zip(names, *columns, strict=True)],
        best={
            (names.index(best[metric]), column)
            for column, metric in enumerate(_TITLES, start=1)
            if best.get(metric) is not None
        },
        note=_note(comparison),
    )


def what_was_done(comparison: Comparison) -> str:
    """Say in a sentence what was compared, on how many rows."""
    p, (rows, columns) = comparison.protocol, comparison.dataset.X.shape
    return (
        f"{_number(len(comparison.detectors), 'detector')} on {_number(rows, 'row')} of "
        f"{_number(columns, 'column')}, with {_number(len(p.seeds), 'random split')}. Each learned "
        f"from {_number(p.n_fit, 'row')}, {_kind(p.contamination)}, and was judged on "
        f"{p.n_test:,} others, {_percent(comparison.prevalence)} of them anomalies."
    )


def summary(comparison: Comparison) -> list[str]:
    """Say in words what a comparison shows, and no more.

    Parameters
    ----------
    comparison : Comparison
        Every run of every detector.

    Returns
    -------
    list of str
        Sentences: which detector leads, if one does; whether the trivial baseline is beaten; how
        the promised false-positive rate was met.
    """
    told = [_leader(comparison), _baseline(comparison), _promise(comparison)]
    return [sentence for sentence in told if sentence]


def to_html(comparison: Comparison, command: str | None = None) -> str:
    """Return the report as one HTML page that needs no other file and makes no request.

    Parameters
    ----------
    comparison : Comparison
        Every run of every detector.
    command : str, optional
        The command line that made it, shown so that it can be repeated.

    Returns
    -------
    str
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    first_runs = [comparison.of(name)[0] for name in comparison.detectors]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=comparison.dataset.card.title if comparison.dataset.card else comparison.dataset.name,
        lead=what_was_done(comparison),
        summary=summary(comparison),
        table=results_table(comparison),
        methods=[_method(run, f"method{i}") for i, run in enumerate(first_runs)],
        curves=_curves(comparison),
        trainings=[
            _training(run.history, run.detector, f"training{i}")
            for i, run in enumerate(first_runs)
            if run.history is not None
        ],
        explanations=[
            _explanation(run.explanation, run.detector, f"explanation{i}")
            for i, run in enumerate(first_runs)
            if run.explanation is not None
        ],
        seed=comparison.protocol.seeds[0],
        one_seed=len(comparison.protocol.seeds) == 1,
        facts=_facts(comparison),
        notes=_notes(comparison),
        command=command,
    )


def write(comparison: Comparison, path: str | PathLike[str], command: str | None = None) -> None:
    """Write the report to a file: all of it, or nothing.

    Parameters
    ----------
    comparison : Comparison
        Every run of every detector.
    path : str or PathLike
        The file to write; one that is there is replaced.
    command : str, optional
        The command line that made it, shown so that it can be repeated.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    paths.write_whole(path, to_html(comparison, command).encode())


# The table


def _headers(comparison: Comparison) -> list[str]:
    promised = comparison.protocol.promised_rate
    beside = {
        "average_precision": f"prevalence {comparison.prevalence:.3g}",
        "accuracy": f"all normal {_near_one(1 - comparison.prevalence)}",
        "false_positive_rate": "none promised" if promised is None else f"promised {promised:.3g}",
    }
    return [
        f"{title}\n{beside[metric]}" if metric in beside else title
        for metric, title in _TITLES.items()
    ]


def _near_one(share: float) -> str:
    return f"{share:.3f}" if share < 0.99 else f"{share:.5f}"


def _cells(stats: Any, metric: str) -> list[str]:
    digits = _digits(stats["mean"].max()) if metric.endswith("_seconds") else 3
    return [
        _with_spread(mean, sd, digits) for mean, sd in zip(stats["mean"], stats["sd"], strict=True)
    ]


def _digits(seconds: float) -> int:
    return 3 if seconds < 1 else 2 if seconds < 10 else 1


def _with_spread(mean: float, sd: float, digits: int = 3) -> str:
    return f"{mean:.{digits}f}" + ("" if np.isnan(sd) else f" ± {sd:.{digits}f}")


def _note(comparison: Comparison) -> str:
    n = len(comparison.protocol.seeds)
    if n == 1:
        return "One seed: there is no spread to judge by, so no figure is marked as the best."
    return (
        f"Mean ± standard deviation over {n} seeds. ★ marks the best of a column, where its mean "
        "lies ahead of every other by more than the spread: mean minus deviation above each other "
        "mean plus deviation. Where the spreads overlap, nothing is marked."
    )


# The words


def _kind(contamination: float) -> str:
    return f"{_percent(contamination)} of them anomalies" if contamination else "all of them normal"


def _leader(comparison: Comparison) -> str:
    first, *others = comparison.detectors
    if not others:
        return f"{first} has a ROC-AUC of {_roc_auc(comparison, first)}."
    figure = f"{first} has the highest ROC-AUC, {_roc_auc(comparison, first)}"
    if len(comparison.protocol.seeds) == 1:
        return f"{figure}; one seed cannot tell whether that is more than chance."
    if comparison.best("roc_auc") == first:
        return f"{figure}, ahead of every other detector by more than the spread over seeds."
    rivals = [name for name in others if not _beats(comparison, first, name)]
    return f"No detector leads: {figure}, but the spread overlaps that of {_listed(rivals)}."


def _baseline(comparison: Comparison) -> str:
    others = [name for name in comparison.detectors if name != BASELINE]
    if BASELINE not in comparison.detectors or not others:
        return ""
    beaten_by = [name for name in others if _beats(comparison, name, BASELINE)]
    how = "in this one run" if len(comparison.protocol.seeds) == 1 else "by more than the spread"
    return (
        f"The trivial baseline, {BASELINE} (distance to the mean), has "
        f"{_roc_auc(comparison, BASELINE)}; {_listed(beaten_by) or 'no other detector'} "
        f"{'beat' if len(beaten_by) > 1 else 'beats'} it {how}."
    )


def _promise(comparison: Comparison) -> str:
    promised = comparison.protocol.promised_rate
    one_seed = len(comparison.protocol.seeds) == 1
    rates = comparison.table()["false_positive_rate"].sort_values("mean", kind="stable")
    lowest, highest = (f"{_percent(rates['mean'].iloc[i])} ({rates.index[i]})" for i in (0, -1))
    met = f"flagged were {'' if one_seed else 'on average '}{lowest}"
    if len(rates) > 1:
        met += f" to {highest}"
    if promised is None:
        return f"The cutoffs promise no false-positive rate; of the normal rows, {met}."
    told = f"The cutoffs promise to flag {_percent(promised)} of normal rows; {met}"
    if one_seed:
        return f"{told}."
    off = rates.index[(rates["mean"] - promised).abs() > rates["sd"]]
    if off.empty:
        return f"{told}, for every detector within the spread of what was promised."
    return f"{told}. Further from the promise than the spread: {_listed(off)}."


def _beats(comparison: Comparison, one: str, other: str) -> bool:
    """Tell whether `one` has a ROC-AUC above that of `other` by more than the spread."""
    stats = comparison.table()["roc_auc"].fillna({"sd": 0})
    return bool(stats["mean"][one] - stats["sd"][one] > stats["mean"][other] + stats["sd"][other])


def _roc_auc(comparison: Comparison, name: str) -> str:
    return _with_spread(*comparison.table()["roc_auc"].loc[name, ["mean", "sd"]])


def _listed(names: Sequence[str]) -> str:
    *most, last = names if len(names) else [""]
    return f"{', '.join(most)} and {last}" if most else last


def _number(n: int, thing: str) -> str:
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%" if share < 0.001 else f"{share:.1%}".replace(".0%", "%")


# The figures


def _svg(
    draw: Callable[[Axes], Axes],
    alt: str,
    prefix: str,
    height: float = 3.0,
    width: float = 4.4,
) -> str:
    ax = figures.new_axes(height, width)
    draw(ax)
    return figures.to_svg(ax, prefix, alt)


def _method(run: Run, prefix: str) -> dict[str, Any]:
    report, name = run.report, run.detector
    known = all_detectors().get(name)
    return {
        "name": name,
        "title": known.card.title if known else name,
        "idea": known.card.idea if known else "",
        "histogram": _svg(
            lambda ax: plots.score_histogram(report, ax),
            plots.describe_score_histogram(report, name),
            f"{prefix}-scores",
        ),
        "confusion": _svg(
            lambda ax: plots.confusion_matrix(report, ax),
            plots.describe_confusion_matrix(report, name),
            f"{prefix}-confusion",
            width=3.0,
        ),
    }


def _curves(comparison: Comparison) -> list[dict[str, Any]]:
    roc = _svg(
        lambda ax: plots.roc_curve(comparison, ax),
        plots.describe_roc_curve(comparison),
        "roc",
        plots.TALL,
    )
    precision_recall = _svg(
        lambda ax: plots.precision_recall_curve(comparison, ax),
        plots.describe_precision_recall_curve(comparison),
        "precision-recall",
        plots.TALL,
    )
    return [
        {"svg": roc, "caption": "ROC curves, with the area below them."},
        {
            "svg": precision_recall,
            "caption": "Precision-recall curves, with the average precision.",
        },
    ]


def _training(history: pd.DataFrame, name: str, prefix: str) -> dict[str, Any]:
    svg = _svg(
        lambda ax: plots.training_curve(history, ax), plots.describe_training_curve(history), prefix
    )
    return {"svg": svg, "caption": name}


def _explanation(explanation: Explanation, name: str, prefix: str) -> dict[str, Any]:
    svg = _svg(
        lambda ax: plots.feature_contributions(explanation, ax),
        plots.describe_feature_contributions(explanation),
        prefix,
        plots.TALL,
    )
    return {"svg": svg, "caption": name}


# The facts


def _facts(comparison: Comparison) -> dict[str, dict[str, str]]:
    """Return terms and what they are, section by section."""
    environment = comparison.to_dict()["environment"]
    packages = {name: found or "not installed" for name, found in environment["packages"].items()}
    return {
        "Protocol": _protocol(comparison),
        "Data": _data(comparison),
        "Versions": {
            "Python": environment["python"],
            "Platform": environment["platform"],
            **packages,
        },
    }


def _protocol(comparison: Comparison) -> dict[str, str]:
    p = comparison.protocol
    promised = "none" if p.promised_rate is None else _percent(p.promised_rate)
    labelled = thresholds.parse(p.threshold).needs_labels
    return {
        "Rows to fit on": f"{p.n_fit:,}, {_kind(p.contamination)}; without labels",
        "Rows to calibrate on": f"{p.n_calibrate:,}, "
        + ("labelled, of both kinds" if labelled else "all of them normal"),
        "Rows to test on": f"{p.n_test:,}, {_percent(comparison.prevalence)} of them anomalies",
        "Test rows that are exact copies of a fitting row": _percent(p.leaked),
        "Seeds": ", ".join(map(str, p.seeds)),
        "Threshold": p.threshold,
        "Promised false-positive rate": promised,
        "Missing values": f"filled in by the {p.impute}" if p.impute else "none",
    }


def _data(comparison: Comparison) -> dict[str, str]:
    data = comparison.dataset
    facts = {
        "Name": data.name,
        "Rows": f"{len(data.y):,}",
        "Columns": f"{data.X.shape[1]:,}",
        "Anomalies": f"{int(data.y.sum()):,} ({_percent(data.prevalence)})",
        "SHA-256": data.sha256,
    }
    if card := data.card:
        facts |= {
            "Task": card.task,
            "A row is": card.row,
            "Units": card.units,
            "Source": card.source,
            "Licence": card.licence,
            "Citation": card.citation,
        }
    return facts


def _notes(comparison: Comparison) -> tuple[str, ...]:
    data = comparison.dataset
    return (*(data.card.notes if data.card else ()), *data.notes)
