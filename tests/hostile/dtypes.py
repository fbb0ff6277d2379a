"""Tables and arrays of every type, and finite values at the edge: the same scores, or refused."""

from __future__ import annotations

import array
import decimal
import fractions
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse

from anomaly_lab import AnomalyModel, datasets, evaluate, thresholds

from .core import Action, Failure, check_finite
from .parameters import LABELS, NASTY, ROWS, draw_detector, pick, shown

NUMPY = ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", ">f8", ">i4", "g"]
NUMPY += ["F", "D", "O", "U8", "S8", "M8[s]", "m8[s]", "V8"]
PANDAS = ["Int8", "UInt64", "Float32", "Float64", "string", "category", "Sparse[float]"]
PANDAS += ["int64[pyarrow]", "double[pyarrow]", "string[pyarrow]", "object", "str"]
EDGE = [1e154, -1e160, 1e200, 1e300, 1.7e308, -1.7e308, 3.4e38, 1e39, 2.0**53 + 2, 65504.0, 7e4]
EDGE += [1e-150, 1e-160, 1e-200, 5e-324, -5e-324, 1e-38, 1e-45, -0.0, np.inf, -np.inf, np.nan]


def _masked(rows: np.ndarray) -> Any:
    """Return rows whose masked cells hold other values than the rows do."""
    mask = np.zeros(rows.shape, bool)
    mask[::7, 0] = True
    return np.ma.MaskedArray(np.where(mask, 1e6, rows), mask)


def _strided(rows: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(rows, 2, axis=0), 3, axis=1)[::2, ::3]


def _read_only(rows: np.ndarray) -> np.ndarray:
    rows = rows.copy()
    rows.flags.writeable = False
    return rows


def _frame(rows: np.ndarray, **options: Any) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["x0", "x1", "x2"][: rows.shape[1]]).astype(**options)


FORMS: dict[str, Callable[[np.ndarray], Any]] = {
    **{f"array of {t}": lambda rows, t=t: rows.astype(t) for t in NUMPY},
    **{f"frame of {t}": lambda rows, t=t: _frame(rows, dtype=t) for t in [*NUMPY, *PANDAS]},
    "masked": _masked,
    "masked nowhere": lambda rows: np.ma.MaskedArray(rows, False),
    "strided": _strided,
    "Fortran": np.asfortranarray,
    "read-only": _read_only,
    "matrix": np.asmatrix,
    "records": lambda rows: pd.DataFrame(rows).to_records(index=False),
    "sparse": scipy.sparse.csr_matrix,
    "sparse array": scipy.sparse.coo_array,
    "lists": np.ndarray.tolist,
    "tuples": lambda rows: tuple(map(tuple, rows)),
    "generator": lambda rows: (row for row in rows),
    "ragged": lambda rows: [*rows.tolist()[1:], [1.0]],
    "dicts": lambda rows: [dict(enumerate(row)) for row in rows],
    "dict of columns": lambda rows: dict(enumerate(rows.T)),
    "Decimals": lambda rows: [[decimal.Decimal(v) for v in row] for row in rows.tolist()],
    "Fractions": lambda rows: [[fractions.Fraction(v) for v in row] for row in rows.tolist()],
    "memoryview": memoryview,
    "array.array": lambda rows: array.array("d", rows[:, 0]),
    "bytes": np.ndarray.tobytes,
    "mixed objects": lambda rows: np.where(rows > 50, rows.astype(object), "text"),
    "objects of None": lambda rows: np.where(rows > 50, rows.astype(object), None),
    "Series": lambda rows: pd.Series(rows[:, 0]),
    "Index": lambda rows: pd.Index(rows[:, 0]),
    "0-d": lambda rows: np.float64(1.0),
    "3-d": lambda rows: rows[None],
    "no rows": lambda rows: rows[:0],
    "one row": lambda rows: rows[:1],
    "no columns": lambda rows: rows[:, :0],
    "names repeat": lambda rows: pd.DataFrame(rows, columns=["a", "a", "b"]),
    "names are numbers": pd.DataFrame,
    "names are None": lambda rows: pd.DataFrame(rows, columns=[None, "a", "b"]),
    "names of two levels": lambda rows: pd.DataFrame(
        rows, columns=pd.MultiIndex.from_product([["a"], ["b", "c", "d"]])
    ),
    "index repeats": lambda rows: pd.DataFrame(rows, columns=list("abc"), index=[0] * len(rows)),
    "a nested column": lambda rows: _frame(rows, dtype=float).assign(x0=[[1]] * len(rows)),
    "complex by name": lambda rows: _frame(rows, dtype=float).assign(x0=1j),
    "pd.NA": lambda rows: _frame(rows, dtype="Float64").mask(rows > 90),
    "jax": lambda rows: __import__("jax").numpy.asarray(rows),
}
# Those that hold the very rows, so that scores must be the very scores.
SAME = {f"{w} of {t}" for w in ("array", "frame") for t in NUMPY[1:15]} | {"strided"}
SAME |= {"masked nowhere", "Fortran", "read-only", "lists", "tuples", "frame of Int8"}
SAME |= {"frame of Float64", "frame of double[pyarrow]", "frame of Sparse[float]", "Decimals"}
NEVER = {"masked", "ragged", "3-d", "0-d", "no rows", "no columns", "names repeat", "pd.NA"}
NEVER |= {"array of F", "array of D", "complex by name", "a nested column", "objects of None"}
NEVER |= {"mixed objects", "generator", "array of V8"}


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw a form of the rows or extreme cells, and what they are given to."""
    return pick(rng, [_form, _form, _edge, _edge, _one_dimension])(rng)


def _candidate(rng: np.random.Generator) -> Any:
    """Draw a detector, or a model of one."""
    detector = draw_detector(rng, networks=0.03)
    return detector if rng.random() < 0.5 else AnomalyModel(detector, "mad")


def _name(candidate: Any) -> str:
    model = isinstance(candidate, AnomalyModel)
    kind = type(candidate.detector if model else candidate).__name__
    return f"AnomalyModel({kind})" if model else kind


def _form(rng: np.random.Generator) -> tuple[str, Action]:
    candidate, form, fits = _candidate(rng), pick(rng, FORMS), rng.random() < 0.7
    plain = isinstance(candidate, AnomalyModel) or form.startswith("frame") or "names" in form

    rows, untouched = FORMS[form](ROWS), FORMS[form](ROWS)

    def action() -> None:
        # A model fitted on names wants them later, too.
        clean = _frame(ROWS, dtype=float) if plain else ROWS
        wanted = candidate.fit(clean).anomaly_score(clean)
        scores = candidate.fit(rows).anomaly_score(rows) if fits else candidate.anomaly_score(rows)
        check_finite(scores, len(scores))
        if form in NEVER:
            raise Failure("wrong", "accepted")
        if form in SAME and not np.allclose(scores, wanted, rtol=1e-6, atol=1e-9):
            raise Failure("wrong", f"other scores: {scores[:3]}, and {wanted[:3]} of plain rows")
        if isinstance(rows, np.ndarray) and not np.array_equal(rows, untouched):
            raise Failure("input changed", form)

    return f"{_name(candidate)}.{'fit' if fits else 'anomaly_score'}({form})", action


def _edge(rng: np.random.Generator) -> tuple[str, Action]:
    candidate, value, fits = _candidate(rng), pick(rng, EDGE), rng.random() < 0.6
    where = pick(rng, ["cell", "column", "column times", "all times"])

    def action() -> None:
        rows = ROWS + np.linspace(0, 1, 120).reshape(40, 3)
        with np.errstate(all="ignore"):
            far = {
                "cell": lambda: _put(rows, (7, 1), value),
                "column": lambda: _put(rows, np.s_[:, 1], value),
                "column times": lambda: rows * [1, value, 1],
                "all times": lambda: rows * value,
            }[where]()
        try:
            scores = check_finite(candidate.fit(far if fits else rows).anomaly_score(far), 40)
        except ValueError as error:
            if np.isfinite(far).all() and re.search(r"\bNaN\b|infinit", str(error)):
                raise Failure("wrong", f"says what is not so: {error}") from error
            raise
        if not np.isfinite(far).all():
            raise Failure("wrong", "accepted what is not finite")
        if fits and value and len(np.unique(scores)) == 1:
            raise Failure("wrong", "all scores are equal")
        if where == "cell" and abs(value) > 1e5 and not fits and scores[7] < scores.max():
            raise Failure("wrong", "the far row is not the highest")

    when = "fit and score" if fits else "score"
    return f"{_name(candidate)}: {when}, {where} {value!r}", action


def _put(rows: np.ndarray, where: Any, value: float) -> np.ndarray:
    rows = rows.copy()
    rows[where] = value
    return rows


def _one_dimension(rng: np.random.Generator) -> tuple[str, Action]:
    """Scores and labels of every type: the same figures, or refused."""
    scores: Any = np.arange(40.0)
    labels: Any = LABELS
    if rng.random() < 0.3:
        name, scores = "scores", _put(scores, rng.integers(40), pick(rng, EDGE))
    elif rng.random() < 0.5:
        name, scores = "scores", pick(rng, [scores.astype(pick(rng, NUMPY)), pick(rng, NASTY)])
    else:
        odd = [lambda t=t: LABELS.astype(t) for t in NUMPY]
        odd += [lambda: LABELS * 2, lambda: LABELS * 1.5, lambda: LABELS.astype(float) * np.nan]
        odd += [lambda: np.ma.MaskedArray(LABELS, LABELS == 1), lambda: pd.array(LABELS, "Int8")]
        odd += [lambda: pd.Categorical(LABELS), lambda: LABELS * 256, lambda: pick(rng, NASTY)]
        name, labels = "labels", pick(rng, odd)()
    given = scores if name == "scores" else labels
    rule = thresholds.parse(pick(rng, ["quantile:0.9", "mad", "meanstd", "cost", "bestf"]))
    frame = _frame(ROWS, dtype=float)
    tried: dict[str, Callable[[], Any]] = {
        "evaluate": lambda: evaluate(labels, scores, 20.0),
        f"{rule}.fit": lambda: rule.fit(scores, labels),
        "Dataset": lambda: datasets.Dataset("small", frame, labels, ""),
    }
    call = pick(rng, tried)

    def action() -> None:
        result = tried[call]()
        if call == "evaluate" and not 0 <= result.roc_auc + 0 * result.average_precision <= 1:
            raise Failure("not finite", f"ROC-AUC {result.roc_auc}")
        if isinstance(given, np.ma.MaskedArray) and given.mask.any():
            raise Failure("wrong", "masked labels are used")
        if call == "Dataset" and name == "labels" and result.y.sum() != 5:
            raise Failure("wrong", f"{result.y.sum()} anomalies of 5")

    kind = getattr(given, "dtype", type(given).__name__)
    return f"{call} with {name} {kind}: {shown(given)}", action
