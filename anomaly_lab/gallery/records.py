"""A result with what it came of, and both as JSON."""

from __future__ import annotations

import base64
import json
import math
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import joblib
import numpy as np

from anomaly_lab.gallery.fingerprints import fingerprint, versions
from anomaly_lab.gallery.tasks import Result, Task


@dataclass(frozen=True)
class Environment:
    """Where a result was made.

    Parameters
    ----------
    machine : str
        Python, system and cores; no names.
    versions : dict of str to str
        Of what computed it, by package.
    """

    machine: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Record:
    """A result and what it came of.

    Parameters
    ----------
    result : ScoreResult, MapResult or TimingResult
        What was measured.
    fingerprint : str
        See `anomaly_lab.gallery.fingerprints`.
    environment : Environment
        Where it was made.
    seconds : float
        Time the whole task took, loading included.
    """

    result: Result
    fingerprint: str
    environment: Environment
    seconds: float


def measured(task: Task) -> Record:
    """Measure a task here and now."""
    system = f"{platform.system()} {platform.machine()}, {joblib.cpu_count()} cores"
    machine = f"Python {platform.python_version()}, {system}"
    start = time.perf_counter()
    result = task.measure()
    seconds = time.perf_counter() - start
    here = Environment(machine, versions(task.detector))
    return Record(result, fingerprint(task), here, seconds)


def key(task: Task) -> str:
    """Return a text that is the same for equal tasks, and for these alone."""
    content = json.dumps(asdict(task), default=_plain)
    # 5 and 5.0, equal in Python, are written alike.
    numbers = json.loads(content, parse_int=float)
    return f"{type(task).__name__} {json.dumps(numbers)}"


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else repr(value)


def to_dict(result: Result) -> dict[str, Any]:
    """Return a result as JSON can hold it; `from_dict` gives back the same, bit for bit."""
    return {field.name: _encode(getattr(result, field.name)) for field in fields(result)}


def from_dict(kind: type[Result], content: Mapping[str, Any]) -> Result:
    """Return the result that `to_dict` was given.

    Raises
    ------
    ValueError, LookupError or TypeError
        Where the content is not that of such a result.
    """
    return kind(**{name: _decode(value) for name, value in content.items()})


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        plain = np.ascontiguousarray(value, value.dtype.newbyteorder("<"))
        text = base64.b64encode(plain.tobytes()).decode()
        return {"dtype": plain.dtype.str, "shape": list(plain.shape), "base64": text}
    if isinstance(value, int | np.integer):
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else {"float": repr(number)}  # JSON knows no NaN


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "float" in value:
        return float(value["float"])
    content = base64.b64decode(value["base64"], validate=True)
    plain = np.frombuffer(content, np.dtype(value["dtype"])).reshape(value["shape"])
    return plain.astype(plain.dtype.newbyteorder("="))
