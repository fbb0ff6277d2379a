"""Values as JSON: plain ones as they are, others as ``{kind: content}``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from anomaly_lab import thresholds
from anomaly_lab.contract import Detector
from anomaly_lab.detectors import all_detectors
from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.storage import estimators, networks
from anomaly_lab.tables.notes import Note
from anomaly_lab.tables.schema import Schema
from anomaly_lab.thresholds import POT, Tail, Threshold

_PLAIN = (type(None), bool, int, float, str)


class Encoder:
    """Turns values into JSON; what JSON cannot hold goes into `members`."""

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}

    def encode(self, value: Any, what: str) -> Any:
        """Return `value` as JSON; `what` names it in errors."""
        if type(value) in _PLAIN:
            return value
        if type(value) in (list, tuple, dict):
            return self._container(value, what)
        if isinstance(value, Detector):
            return {"detector": self._detector(value)}
        if isinstance(value, Threshold):
            return {"threshold": _describe_rule(value)}
        if isinstance(value, Note):
            return {"note": self.encode(asdict(value), what)}
        if isinstance(value, Schema):
            return {"schema": self.encode(value.to_plain(), what)}
        if isinstance(value, pd.DataFrame):
            return {"frame": self._frame(value, what)}
        if networks.is_network(value):
            return {"keras": self._add("keras", networks.encode(value, what))}
        return {"skops": self._add("skops", estimators.encode(value, what))}

    def _container(self, value: Any, what: str) -> Any:
        if isinstance(value, dict):
            pairs = [
                [self.encode(k, what), self.encode(v, f"{k} of {what}")] for k, v in value.items()
            ]
            return {"dict": pairs}
        items = [self.encode(item, f"an item of {what}") for item in value]
        return items if isinstance(value, list) else {"tuple": items}

    def _detector(self, detector: Detector) -> dict[str, Any]:
        name = detector.card.name
        if all_detectors().get(name) is not type(detector):
            raise InputError(
                f"{type(detector).__name__} cannot be stored: all_detectors() does not list it, so "
                "it could not be found again. Declare it under the entry point group "
                "'anomaly_lab.detectors' of its package."
            )
        params = detector.get_params(deep=False)
        state = {key: value for key, value in vars(detector).items() if key not in params}
        return {
            "name": name,
            "params": {key: self._parameter(value, key) for key, value in params.items()},
            "state": {key: self.encode(value, f"{name}.{key}") for key, value in state.items()},
        }

    def _parameter(self, value: Any, what: str) -> Any:
        before = dict(self.members)
        try:
            return self.encode(value, what)
        except InputError:
            self.members = before
            return None

    def _frame(self, frame: pd.DataFrame, what: str) -> dict[str, Any]:
        columns = [frame[name] for name in frame.columns]
        return {
            "columns": self.encode(list(frame.columns), what),
            "dtypes": [str(column.dtype) for column in columns],
            "values": [self.encode(column.tolist(), what) for column in columns],
            "index": self.encode(frame.index.tolist(), what),
            "index_name": self.encode(frame.index.name, what),
        }

    def _add(self, kind: str, content: bytes) -> str:
        name = f"{len(self.members)}.{kind}"
        self.members[name] = content
        return name


class Decoder:
    """Turns JSON back into values: the counterpart of `Encoder`."""

    def __init__(self, members: dict[str, bytes]):
        self._members = members

    def decode(self, node: Any) -> Any:
        """Return the value that `Encoder.encode` described."""
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        readers: dict[str, Callable[[Any], Any]] = {
            "tuple": lambda items: tuple(self.decode(items)),
            "dict": lambda pairs: {self.decode(key): self.decode(value) for key, value in pairs},
            "frame": self._frame,
            "schema": lambda columns: Schema.from_plain(self.decode(columns)),
            "note": lambda fields: Note(**self.decode(fields)),
            "threshold": _make_rule,
            "detector": self._detector,
            "keras": lambda name: networks.decode(self._members[name]),
            "skops": lambda name: estimators.decode(self._members[name]),
        }
        if kind not in readers:
            raise ModelFileError(f"its manifest holds a value of the unknown kind {kind!r}")
        return readers[kind](content)

    def _detector(self, node: dict[str, Any]) -> Detector:
        found = all_detectors().get(node["name"])
        if found is None:
            raise ModelFileError(
                f"it needs the detector {node['name']!r}, which is not installed here; install the "
                "package it comes from"
            )
        detector = found(**{key: self.decode(value) for key, value in node["params"].items()})
        state = {key: self.decode(value) for key, value in node["state"].items()}
        odd = [key for key in state if key.startswith("__") or key in node["params"]]
        if odd:
            raise ModelFileError(f"its detector has attributes it may not have: {odd}")
        if not np.isfinite(state.get("offset_", 0.0)):
            raise ModelFileError(f"the offset_ of its detector is {state['offset_']!r}")
        detector.__dict__.update(state)
        return detector

    def _frame(self, node: dict[str, Any]) -> pd.DataFrame:
        index = pd.Index(self.decode(node["index"]), name=self.decode(node["index_name"]))
        columns = self.decode(node["columns"])
        parts = zip(columns, node["values"], node["dtypes"], strict=True)
        data = {
            name: pd.Series(self.decode(values), index=index, dtype=dtype)
            for name, values, dtype in parts
        }
        return pd.DataFrame(data, index=index, columns=columns)


def _describe_rule(rule: Threshold) -> dict[str, Any]:
    if type(rule) not in thresholds.RULES.values():
        raise InputError(
            f"The threshold {type(rule).__name__} cannot be stored. Use a rule of "
            "anomaly_lab.thresholds, such as Fixed(model.cutoff)."
        )
    thresholds.parse(rule.spec)  # raises where the rule could not come back
    tail = getattr(rule, "tail_", None)
    return {
        "spec": rule.spec,
        "cutoff": getattr(rule, "cutoff_", None),
        "tail": None if tail is None else asdict(tail),
    }


def _make_rule(node: dict[str, Any]) -> Threshold:
    rule = thresholds.parse(str(node["spec"]))
    cutoff, tail = node["cutoff"], node["tail"]
    if cutoff is not None:
        if type(cutoff) is not float or np.isnan(cutoff):
            raise ModelFileError(f"its cutoff is {cutoff!r}, not a number")
        rule.cutoff_ = cutoff
    if isinstance(rule, POT) and tail is not None:
        rule.tail_ = Tail(**tail)
    return rule
