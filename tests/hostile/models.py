"""Altered model files: what `mutated` makes is loaded and scores finite numbers, or is refused.

``python tests/hostile/models.py FOLDER SEED COUNT`` tries that on the models in a folder, and ends
with an error where anything else comes of one; a crash of compiled code ends it as well.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pandas as pd

from anomaly_lab import AnomalyModel
from anomaly_lab.errors import InputError
from anomaly_lab.storage import archive

Rng = np.random.Generator
ODD: list[Any] = [
    *(None, True, -1, 0, 1, 2, 7, 10**6, 10**9, 2**63, -(2**70), 0.5, 1e308, float("nan")),
    *(float("inf"), "", "x", "/etc/passwd", "filename", "\ud800", "x" * 10_000, [], [[]], {}),
    *({"tuple": [1]}, {"dict": []}, {"skops": "0.skops"}, {"keras": "1.keras"}, "1.npy"),
]


def mutated(model: bytes, rng: Rng) -> bytes:
    """Return a model file with one thing in it altered; most have fingerprints that are right."""
    kind = rng.choice(["bytes", "end", "manifest", "part", "part", "part"])
    if kind == "bytes":
        return _bytes(model, rng)
    if kind == "end":
        return model[: rng.integers(len(model))]
    members = _members(model)
    manifest = json.loads(members.pop("manifest.json"))
    if kind == "part" and members:
        name = str(rng.choice(sorted(members)))
        members[name] = _part(members[name], rng)
    else:
        _json(manifest, rng)
    if isinstance(manifest, dict):
        manifest["members"] = {name: archive.fingerprint(m) for name, m in members.items()}
    return archive.pack({"manifest.json": json.dumps(manifest).encode(), **members})


def _members(content: bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def _bytes(content: bytes, rng: Rng) -> bytes:
    altered = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 9)):
        altered[place] = rng.integers(256)
    return bytes(altered)


def _part(content: bytes, rng: Rng) -> bytes:
    """Alter a member: a scikit-learn part, or a network, each of which is a zip."""
    members = _members(content)
    name = str(rng.choice(sorted(members)))
    if name.endswith(".json"):
        node = json.loads(members[name])
        for _ in range(rng.integers(1, 3)):
            _json(node, rng)
        members[name] = json.dumps(node).encode()
    elif name.endswith(".npy"):
        members[name] = _npy(members[name], rng)
    else:
        members[name] = (
            _h5(members[name], rng) if rng.random() < 0.8 else _bytes(members[name], rng)
        )
    return archive.pack(members)


def _json(node: Any, rng: Rng) -> None:
    """Replace, remove or add one entry somewhere in a tree of dicts and lists."""
    places = [(parent, key) for parent in _parents(node) for key in _keys(parent)]
    if not places:  # nothing is left to alter
        return
    parent, key = places[rng.integers(len(places))]
    action = rng.integers(5)
    if action == 0:
        del parent[key]
    elif action == 1 and isinstance(parent, list):
        parent.insert(key, parent[key])
    elif action == 2:
        other, place = places[rng.integers(len(places))]
        parent[key] = json.loads(json.dumps(other[place]))
    elif action == 3 and type(parent[key]) in (int, float):
        parent[key] = parent[key] * int(rng.integers(-3, 4)) + int(rng.integers(-2, 3))
    else:
        parent[key] = ODD[rng.integers(len(ODD))]


def _parents(node: Any) -> list[Any]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node] if isinstance(node, dict | list) and node else []
    return own + [parent for child in children for parent in _parents(child)]


def _keys(parent: Any) -> list[Any]:
    return list(parent) if isinstance(parent, dict) else list(range(len(parent)))


def _npy(content: bytes, rng: Rng) -> bytes:
    if rng.random() < 0.2:
        return _bytes(content, rng)
    array = np.load(io.BytesIO(content))
    action = rng.integers(5)
    if action == 0:
        array = array[: len(array) // 2] if array.ndim else array.reshape(1)
    elif action == 1 and not array.dtype.names:
        array = array.astype(rng.choice(["f4", "i8", "U3", "c16", "?"]))
    elif action == 2 and array.ndim:
        array = np.concatenate([array, array])
    elif array.size:
        _entry(array, rng)
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def _entry(array: Any, rng: Rng) -> None:
    """Set some entries of an array, or of one field of it, to what it can hold at most."""
    if array.dtype.names:
        array = array[str(rng.choice(array.dtype.names))]
    kind = array.dtype.kind
    values: list[Any] = [-7, -2, -1, 0, 1, 3, 99, 10**6, 2**31 - 1]
    if kind == "f":
        values += [np.nan, np.inf, 1e308, -1e30]
    with np.errstate(all="ignore"):
        for place in rng.integers(array.size, size=rng.integers(1, 4)):
            array.flat[place] = np.array(values[rng.integers(len(values))]).astype(array.dtype)


def _h5(content: bytes, rng: Rng) -> bytes:
    import h5py

    file = io.BytesIO(content)
    with h5py.File(file, "r+") as weights:
        found: list[str] = []
        weights.visititems(
            lambda name, part: found.append(name) if hasattr(part, "shape") else None
        )
        name = found[rng.integers(len(found))]
        array = np.atleast_1d(weights[name][()])
        changes: list[Callable[[], Any]] = [
            lambda: array * 10**6,
            lambda: np.full_like(array, np.nan if array.dtype.kind == "f" else 0),
            lambda: np.concatenate([array, array]),
            lambda: h5py.ExternalLink("/etc/passwd", "/x"),
            lambda: h5py.SoftLink("/nowhere"),
        ]
        new = changes[rng.integers(len(changes))]()
        del weights[name]
        weights[name] = new
    return file.getvalue()


def outcome(content: bytes, rows: pd.DataFrame, folder: Path) -> str:
    """Return what comes of a file: ``"right"``, ``"refused"``, or what should not be."""
    path = folder / "model"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = AnomalyModel.load(path)
            found = [model.anomaly_score(rows)]
            if hasattr(model.detector_, "contributions"):
                found.append(model.explain(rows).to_numpy())
            model.save(path)
        except InputError:
            return "refused"
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    finite = all(np.isfinite(numbers).all() for numbers in found)
    return "right" if finite else "numbers that are not finite"


def main(folder: str, seed: str, count: str) -> None:
    """Alter each model of a folder; print how many ended how."""
    models = sorted(path for path in Path(folder).iterdir() if path.suffix == ".anomaly")
    rows = pd.read_csv(Path(folder) / "rows.csv")
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        for model in models:
            for i in range(int(count)):
                print(
                    f"{model.stem} {seed} {i}", file=sys.stderr, flush=True
                )  # the last, in a crash
                rng = np.random.default_rng([int(seed), i, *model.stem.encode()])
                ended = outcome(mutated(model.read_bytes(), rng), rows, Path(scratch))
                found[ended] += 1
                if ended not in ("right", "refused"):
                    print(f"{model.stem} {seed} {i}: {ended}")
    print(f"{sum(found.values())} tried: {found['right']} right, {found['refused']} refused")


if __name__ == "__main__":
    main(*sys.argv[1:])
