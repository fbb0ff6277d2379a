"""Comparison -> a table and words that say what it shows, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anomaly_lab.comparison import Comparison
from anomaly_lab.tables.notes import Note, listed
from anomaly_lab.tables.noticing import FEW_ANOMALIES

BASELINE = "centroid"
_MOST_NOTES = 2  # of one kind, shown one by one

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
        f"from {_number(p.n_fit, 'row')}, {kind(p.contamination)}, and was judged on "
        f"{p.n_test:,} others, {percent(comparison.prevalence)} of them anomalies."
    )


def short_notes(notes: Iterable[Note]) -> list[str]:
    """Return notes for a terminal: those of one kind about several columns as one.

    Parameters
    ----------
    notes : iterable of Note
        Such as those of a data set.

    Returns
    -------
    list of str
        In the order of the notes.
    """
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(note.kind, []).append(note)
    return [line for alike in kinds.values() for line in _shortened(alike)]


def _shortened(notes: list[Note]) -> list[str]:
    if len(notes) <= _MOST_NOTES:
        return [note.message for note in notes]
    columns = listed([note.column for note in notes], 10)
    return [
        f"{len(notes)} columns ({notes[0].kind}): {columns}. The report (--output) and the results "
        "(--json) hold a note on each."
    ]


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
    sentences = [_leader(comparison), _baseline(comparison), _promise(comparison)]
    return [sentence for sentence in sentences if sentence]


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
    if comparison.too_few:
        return (
            f"Mean ± standard deviation over {_number(n, 'seed')}. With fewer than "
            f"{FEW_ANOMALIES} anomalies in the table nothing is marked as the best."
        )
    if n == 1:
        return "One seed: there is no spread to judge by, so no figure is marked as the best."
    return (
        f"Mean ± standard deviation over {n} seeds. ★ marks the best of a column, where its mean "
        "lies ahead of every other by more than the spread: mean minus deviation above each other "
        "mean plus deviation. Where the spreads overlap, nothing is marked."
    )


def kind(contamination: float) -> str:
    """Say what the fitting rows are."""
    return f"{percent(contamination)} of them anomalies" if contamination else "all of them normal"


def _leader(comparison: Comparison) -> str:
    first, *others = comparison.detectors
    if not others:
        return f"{first} has a ROC-AUC of {_roc_auc(comparison, first)}."
    figure = f"{first} has the highest ROC-AUC, {_roc_auc(comparison, first)}"
    if comparison.too_few:
        anomalies = _number(int(comparison.dataset.y.sum()), "anomaly", "anomalies")
        return f"No detector leads: {figure}, but with {anomalies} in the table that is chance."
    if len(comparison.protocol.seeds) == 1:
        return f"{figure}; one seed cannot tell whether that is more than chance."
    if comparison.best("roc_auc") == first:
        return f"{figure}, ahead of every other detector by more than the spread over seeds."
    rivals = [name for name in others if not _beats(comparison, first, name)]
    return f"No detector leads: {figure}, but the spread overlaps that of {_listed(rivals)}."


def _baseline(comparison: Comparison) -> str:
    others = [name for name in comparison.detectors if name != BASELINE]
    if BASELINE not in comparison.detectors or not others or comparison.too_few:
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
    lowest, highest = (f"{percent(rates['mean'].iloc[i])} ({rates.index[i]})" for i in (0, -1))
    met = f"flagged were {'' if one_seed else 'on average '}{lowest}"
    if len(rates) > 1:
        met += f" to {highest}"
    if promised is None:
        return f"The cutoffs promise no false-positive rate; of the normal rows, {met}."
    outcome = f"The cutoffs promise to flag {percent(promised)} of normal rows; {met}"
    if one_seed:
        return f"{outcome}."
    off = rates.index[(rates["mean"] - promised).abs() > rates["sd"]]
    if off.empty:
        return f"{outcome}, for every detector within the spread of what was promised."
    return f"{outcome}. Further from the promise than the spread: {_listed(off)}."


def _beats(comparison: Comparison, one: str, other: str) -> bool:
    """Tell whether `one` has a ROC-AUC above that of `other` by more than the spread."""
    stats = comparison.table()["roc_auc"].fillna({"sd": 0})
    return bool(stats["mean"][one] - stats["sd"][one] > stats["mean"][other] + stats["sd"][other])


def _roc_auc(comparison: Comparison, name: str) -> str:
    return _with_spread(*comparison.table()["roc_auc"].loc[name, ["mean", "sd"]])


def _listed(names: Sequence[str]) -> str:
    *most, last = names if len(names) else [""]
    return f"{', '.join(most)} and {last}" if most else last


def _number(n: int, thing: str, things: str = "") -> str:
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def percent(share: float) -> str:
    """Return a share in percent, as short as its size allows."""
    return f"{100 * share:.3g}%" if share < 0.001 else f"{share:.1%}".replace(".0%", "%")
