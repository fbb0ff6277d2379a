"""Comparison -> one self-contained HTML page."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path
from typing import Any

import jinja2

from anomaly_lab import drawing, paths, thresholds
from anomaly_lab.comparison import Comparison, Run
from anomaly_lab.detectors import all_detectors
from anomaly_lab.drawing import Picture, new_axes
from anomaly_lab.drawing.axes import TALL
from anomaly_lab.errors import InputError
from anomaly_lab.results import kind, percent, results_table, summary, what_was_done

_TEMPLATE = Path(__file__).with_name("template.html")


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
    data = comparison.dataset
    first_runs = [comparison.of(name)[0] for name in comparison.detectors]
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(
        title=data.card.title if data.card else data.name,
        lead=what_was_done(comparison),
        summary=summary(comparison),
        table=results_table(comparison),
        methods=[_method(run, f"method{i}") for i, run in enumerate(first_runs)],
        curves=_curves(comparison),
        trainings=[
            _shown(drawing.training_curve(run.history, new_axes()), f"training{i}", run.detector)
            for i, run in enumerate(first_runs)
            if run.history is not None
        ],
        explanations=[
            _shown(
                drawing.feature_contributions(run.explanation, new_axes(TALL)),
                f"explanation{i}",
                run.detector,
            )
            for i, run in enumerate(first_runs)
            if run.explanation is not None
        ],
        seed=comparison.protocol.seeds[0],
        one_seed=len(comparison.protocol.seeds) == 1,
        facts=_facts(comparison),
        notes=data.card.notes if data.card else (),
        noticed=comparison.notes,
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
        Where the file cannot be written, or is the table that was compared on.
    """
    _refuse_table(comparison, paths.located(path))
    paths.write_whole(path, to_html(comparison, command))


def _refuse_table(comparison: Comparison, target: Path) -> None:
    if not target.is_file():
        return
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == comparison.dataset.sha256:
        raise InputError(
            f"{target} holds the table that was compared on, which a report would write over. "
            "Name another file."
        )


def _method(run: Run, prefix: str) -> dict[str, Any]:
    report, name = run.report, run.detector
    known = all_detectors().get(name)
    histogram = drawing.score_histogram(report, new_axes(), name=name)
    confusion = drawing.confusion_matrix(report, new_axes(width=3.0), name=name)
    return {
        "name": name,
        "title": known.card.title if known else name,
        "idea": known.card.idea if known else "",
        "histogram": histogram.svg(f"{prefix}-scores"),
        "confusion": confusion.svg(f"{prefix}-confusion"),
    }


def _curves(comparison: Comparison) -> list[dict[str, str]]:
    roc = drawing.roc_curve(comparison, new_axes(TALL))
    precision_recall = drawing.precision_recall_curve(comparison, new_axes(TALL))
    words = "Precision-recall curves, with the average precision."
    return [
        _shown(roc, "roc", "ROC curves, with the area below them."),
        _shown(precision_recall, "precision-recall", words),
    ]


def _shown(picture: Picture, prefix: str, caption: str) -> dict[str, str]:
    return {"svg": picture.svg(prefix), "caption": caption}


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
    promised = "none" if p.promised_rate is None else percent(p.promised_rate)
    labelled = thresholds.parse(p.threshold).needs_labels
    return {
        "Rows to fit on": f"{p.n_fit:,}, {kind(p.contamination)}; without labels",
        "Rows to calibrate on": f"{p.n_calibrate:,}, "
        + ("labelled, of both kinds" if labelled else "all of them normal"),
        "Rows to test on": f"{p.n_test:,}, {percent(comparison.prevalence)} of them anomalies",
        "Test rows that are exact copies of a fitting row": percent(p.leaked),
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
        "Anomalies": f"{int(data.y.sum()):,} ({percent(data.prevalence)})",
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
