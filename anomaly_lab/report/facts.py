"""What a report says of how a comparison was done."""

from __future__ import annotations

from anomaly_lab import thresholds
from anomaly_lab.comparison import Comparison
from anomaly_lab.results import kind, percent


def facts(comparison: Comparison) -> dict[str, dict[str, str]]:
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


def notes(comparison: Comparison) -> tuple[str, ...]:
    """Return what is to be known of the data set, a sentence or more each."""
    data = comparison.dataset
    return (*(data.card.notes if data.card else ()), *data.notes)
