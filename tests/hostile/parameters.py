"""Parameters of detectors, rules and public functions: values and types that nobody expects."""

from __future__ import annotations

import datetime
import decimal
import fractions
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

import anomaly_lab
from anomaly_lab import AnomalyModel, datasets, thresholds
from anomaly_lab.detectors import all_detectors
from anomaly_lab.errors import AnomalyLabError

from .core import Action, Failure, check_finite

ROWS = np.random.default_rng(0).integers(0, 100, (40, 3)).astype(float)
SCORES, LABELS = np.arange(40.0), (np.arange(40) % 8 == 0).astype(int)
# Whatever the parameter, these cannot be meant.
NEVER: list[Any] = [np.nan, "junk", "knn\n", b"junk", 1j, object(), datetime.date(2026, 1, 1)]
NEVER += [np.array([np.nan, 1.0]), "\ud800", pd.NaT, "x" * 10_000, lambda *_: 1 / 0]
NASTY: list[Any] = [*NEVER, None, True, False, 0, 1, -1, 2, 2**31, 2**63, 10**30, -(10**30)]
NASTY += [0.5, -0.5, 1.5, np.inf, -np.inf, 1e200, 1e308, 5e-324, -0.0, "", "1", "0.5", "knn"]
NASTY += [[], [1], [None], [[1]], (), (1,), (1, 2, 3), ("knn", "knn"), {}, {"a": 1}, {1, 2}]
NASTY += [range(3), iter([1]), int, pd.NA, np.array([]), np.array(1.0), np.array([1])]
NASTY += [np.int8(1), np.float32(0.5), np.bool_(True), np.str_("knn"), np.datetime64("2026")]
NASTY += [decimal.Decimal("0.5"), fractions.Fraction(1, 2), Path("knn"), Path(), ROWS, LABELS]
NASTY += [pd.DataFrame(ROWS), pd.Series([1, 2]), [10**400], "1" * 400, (0.1, 1e308), (-1, 0.5)]
QUICK = {
    "epochs": 1,
    "n_estimators": 10,
    "detectors": ["knn", "centroid"],
}  # where a detector has such a parameter
RULES = ["fixed:1", "quantile:0.5", "meanstd:3", "mad:3", "pot:0.01,0.5", "cost:1,10", "bestf:1"]


def pick(rng: np.random.Generator, values: Any) -> Any:
    """Return one of some values, as it is."""
    values = list(values)
    return values[rng.integers(len(values))]


def shown(value: object) -> str:
    """Return a value as a case names it."""
    return repr(value)[:80].encode("utf-8", "backslashreplace").decode().replace("\n", " ")


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw a parameter of a detector, of a rule, or of a function, and a value for it."""
    return pick(rng, [_detector, _detector, _detector, _rule, _function, _function])(rng, folder)


def draw_detector(rng: np.random.Generator, networks: float) -> Any:
    """Draw a detector, quick to fit; one with a network at this rate only, since it is slow."""
    kinds = {name: kind() for name, kind in all_detectors().items() if kind().get_params()}
    slow = {name for name, detector in kinds.items() if "epochs" in detector.get_params()}
    chosen = kinds[pick(rng, sorted(slow if rng.random() < networks else set(kinds) - slow))]
    chosen.prepare()
    known = chosen.get_params(deep=False)
    return chosen.set_params(**{name: value for name, value in QUICK.items() if name in known})


def _detector(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    detector = draw_detector(rng, networks=0.1)
    name, value = pick(rng, detector.get_params(deep=False)), pick(rng, NASTY)
    never = any(value is one for one in NEVER) and name not in ("verbose", "build")

    def action() -> None:
        model = AnomalyModel("centroid", "mad").fit(ROWS).calibrate(ROWS)
        before = model.anomaly_score(ROWS), model.cutoff
        model.detector = clone(detector).set_params(**{name: value})
        try:
            model.fit(ROWS * [1, -3, 0] + 1000)
        except AnomalyLabError:
            after = model.anomaly_score(ROWS), model.cutoff
            if not np.array_equal(before[0], after[0]) or before[1] != after[1]:
                raise Failure("wrong", "a fit that was refused changed the model") from None
            raise
        check_finite(model.anomaly_score(ROWS), 40)
        if never:
            raise Failure("wrong", "accepted")

    return f"{type(detector).__name__}({name}={shown(value)}).fit", action


def _rule(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    rule = thresholds.parse(pick(rng, RULES))
    names = [field.name for field in fields(rule) if field.init]
    name, value = pick(rng, names), pick(rng, NASTY)

    def action() -> None:
        setattr(rule, name, value)
        rule.fit(SCORES, LABELS)
        if np.isnan(rule.cutoff_) or any(value is one for one in NEVER):
            raise Failure("wrong", f"accepted, cutoff {rule.cutoff_}")

    return f"{type(rule).__name__}({name}={shown(value)}).fit", action


def _function(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    name, (call, good) = pick(rng, functions(folder).items())
    changed = rng.choice(list(good), size=rng.integers(1, min(2, len(good)) + 1), replace=False)
    values = {str(argument): pick(rng, NASTY) for argument in changed}

    def action() -> None:
        result = call(**{**good, **values})
        if name.endswith("anomaly_score"):
            check_finite(result, len(result))

    called = ", ".join(f"{argument}={shown(value)}" for argument, value in values.items())
    return f"{name}({called})", action


def functions(folder: Path) -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    """Return public functions that document `InputError`, each with arguments that are right."""
    frame = pd.DataFrame(ROWS, columns=list("abc"))
    data = datasets.Dataset("small", frame, LABELS, "")
    table = folder / "table.csv"
    frame.assign(y=LABELS).to_csv(table, index=False)
    model = AnomalyModel("knn", "mad").fit(frame).calibrate(frame)
    rule = thresholds.MAD().fit(SCORES)
    shares = {"test": 0.3, "calibrate": 0.25, "contamination": 0.0, "validation": 0.1}
    compared = {"detectors": ["knn"], "seeds": 1, "threshold": "mad", "contamination": 0.0}
    read = {"path": table, "label": "y", "normal": 0, "drop": ["a"]}
    made = {"name": "small", "X": frame, "y": LABELS, "sha256": "", "notes": ()}
    return {
        "split": (anomaly_lab.split, {"dataset": data, "seed": 0, **shares}),
        "compare": (anomaly_lab.compare, {"dataset": data, **compared, "impute": None}),
        "evaluate": (anomaly_lab.evaluate, {"labels": LABELS, "scores": SCORES, "cutoff": 1.0}),
        "get_detector": (anomaly_lab.get_detector, {"name": "knn"}),
        "datasets.load": (datasets.load, {"name": "shapes/ring", "rows": 40, "seed": 0}),
        "datasets.card": (datasets.card, {"name": "digits"}),
        "datasets.function": (datasets.function, {"name": "digits"}),
        "datasets.fetch": (datasets.fetch, {"name": "ecg5000"}),
        "datasets.read_table": (datasets.read_table, read),
        "Dataset": (datasets.Dataset, made),
        "thresholds.parse": (thresholds.parse, {"text": "mad"}),
        "MAD.fit": (thresholds.MAD().fit, {"scores": SCORES, "labels": None}),
        "BestF.fit": (thresholds.BestF().fit, {"scores": SCORES, "labels": LABELS}),
        "MAD.predict": (rule.predict, {"scores": SCORES}),
        "AnomalyModel.fit": (model.fit, {"rows": frame}),
        "AnomalyModel.calibrate": (model.calibrate, {"rows": frame, "labels": None}),
        "AnomalyModel.anomaly_score": (model.anomaly_score, {"rows": frame}),
        "AnomalyModel.flag": (model.flag, {"rows": frame}),
        "AnomalyModel.explain": (model.explain, {"rows": frame}),
        "AnomalyModel.load": (AnomalyModel.load, {"path": folder / "no.anomaly"}),
        "AnomalyModel().fit": (
            lambda detector, threshold, impute: AnomalyModel(
                detector, threshold, impute=impute
            ).fit(frame),
            {"detector": "knn", "threshold": "mad", "impute": None},
        ),
    }
