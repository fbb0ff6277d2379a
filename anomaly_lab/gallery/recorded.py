"""Results that the repository keeps, so that they can be shown where the data sets are not.

A CSV of scores and timings, one row a task. Each line that begins with ``#`` describes an
environment: its number, then in JSON the machine and the versions; the column ``made`` names the
environment of a row. ``asked`` is the contamination asked for. Of a timing, ``n_fit`` is the number
of rows, and the columns that mean nothing are empty.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from anomaly_lab.errors import InputError
from anomaly_lab.gallery.records import Environment, Record
from anomaly_lab.gallery.tasks import Score, ScoreResult, Task, Timing, TimingResult
from anomaly_lab.paths import write_whole

PATH = Path(__file__).with_name("recorded.csv")
_ROOT = Path(__file__).parents[2]
_NAMES = ("detector", "dataset", "fingerprint")
_WHOLE = ("seed", "n_fit", "n_test", "features", "made")
_SHARES = ("contamination", "roc_auc", "average_precision", "prevalence", "recall")
_SECONDS = ("fit_seconds", "score_seconds", "seconds")
_COLUMNS = (
    *("detector", "dataset", "seed", "asked", *_SHARES, "false_positive_rate"),
    *(*_SECONDS, "n_fit", "n_test", "features", "fingerprint", "made"),
)


def read(path: Path | None = None) -> dict[Any, Record]:
    """Read what is recorded; nothing where there is no file.

    Returns
    -------
    dict of Score or Timing to Record
        Shares to six digits, seconds to three.
    """
    path = path or PATH
    if not path.is_file():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines()
    made = [
        Environment(**json.loads(line.split(" ", 2)[2])) for line in lines if line.startswith("#")
    ]
    table = csv.DictReader(line for line in lines if not line.startswith("#"))
    return dict(_record({name: _read(name, row[name]) for name in _COLUMNS}, made) for row in table)


def write(records: Mapping[Any, Record], path: Path | None = None) -> None:
    """Write the records of scores and timings, sorted, whole or not at all."""
    made = list(dict.fromkeys(_header(record.environment) for record in records.values()))
    text = io.StringIO(newline="")
    text.writelines(f"# {i} {header}\n" for i, header in enumerate(made))
    table = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    for task in sorted(records, key=repr):
        row = _row(task, records[task]) | {"made": made.index(_header(records[task].environment))}
        table.writerow({name: _written(name, value) for name, value in row.items()})
    write_whole(path or PATH, text.getvalue())


def add(records: dict[Any, Record], path: Path | None = None) -> None:
    """Put records in place of those of the same tasks, and keep the others."""
    write(read(path) | records, path)


def check_checkout() -> None:
    """Refuse to record where nobody could commit it.

    Raises
    ------
    InputError
        Where this package does not lie in a checkout of its repository.
    """
    if not (_ROOT / "pyproject.toml").is_file() or not (_ROOT / "datasets").is_dir():
        raise InputError(
            "Results are recorded in the repository, and this package is installed without it. "
            "Use --record in a checkout that was installed with: python -m pip install -e ."
        )


def _header(made: Environment) -> str:
    return json.dumps(asdict(made), sort_keys=True)


def _row(task: Task, record: Record) -> dict[str, Any]:
    row = {
        **vars(record.result),
        "detector": task.detector,
        "seconds": record.seconds,
        "fingerprint": record.fingerprint,
    }
    if isinstance(task, Score):
        return row | {"dataset": task.dataset, "seed": task.seed, "asked": task.contamination}
    if isinstance(task, Timing):
        return row | {"n_fit": task.rows, "features": task.features}
    raise InputError(f"Only scores and timings are recorded, got {task}.")


def _record(row: dict[str, Any], made: list[Environment]) -> tuple[Score | Timing, Record]:
    detector, dataset, mark = (row.pop(name) for name in _NAMES)
    where, seconds = made[row.pop("made")], row.pop("seconds")
    seed, asked = row.pop("seed"), row.pop("asked")
    if dataset:
        task = Score(detector, dataset, seed, asked)
        return task, Record(ScoreResult(**row), mark, where, seconds)
    times = TimingResult(row["fit_seconds"], row["score_seconds"])
    return Timing(detector, row["n_fit"], row["features"]), Record(times, mark, where, seconds)


def _written(name: str, value: Any) -> str:
    if name in _NAMES or name in _WHOLE:
        return str(value)
    return f"{value:.3g}" if name in _SECONDS else f"{value:.6g}"


def _read(name: str, text: str) -> Any:
    if name in _NAMES:
        return text
    if name in _WHOLE:
        return int(text or 0)
    return float(text or "nan")
