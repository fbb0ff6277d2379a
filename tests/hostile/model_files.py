"""Model files, altered: they score or are refused; none crashes, hangs or opens a file."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from anomaly_lab import AnomalyModel

from . import options
from .core import Action, Failure, check_finite
from .models import mutated
from .parameters import ROWS, pick

FRAME = pd.DataFrame(ROWS, columns=list("abc")).assign(shop=["food", "fuel"] * 20)
FAST = ["knn", "isolation_forest", "pca", "centroid", "lof", "empirical_tail"]
OPENED: list[str] = []


@cache
def _saved(detector: str) -> tuple[bytes, AnomalyModel]:
    """Return a model's file and the model; fitted and written once a process."""
    if not OPENED:  # the first of this process
        OPENED.append("")
        sys.addaudithook(
            lambda event, given: OPENED.append(str(given[0])) if event == "open" else 0
        )
    model = AnomalyModel(detector, "mad").fit(FRAME).calibrate(FRAME)
    if "epochs" in model.detector_.get_params():
        model.detector_.set_params(epochs=1)
    model.save("saved.anomaly")
    return Path("saved.anomaly").read_bytes(), model


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw a model, and what is altered in its file; or a path that is none."""
    if rng.random() < 0.05:
        options.lay(folder)
        named = pick(rng, options.PATHS)
        return f"load({named!r:.80})", lambda: _load(named)
    name = "autoencoder" if rng.random() < 0.03 else pick(rng, FAST)
    data = mutated(_saved(name)[0], rng)
    canary, path = folder / "canary", folder / "m.anomaly"
    path.write_bytes(data)
    canary.write_text("not to be opened")

    def action() -> None:
        _load("m.anomaly")
        if path.read_bytes() != data:
            raise Failure("input changed", "the model's file")

    return f"a {name} model, altered ({len(data)} bytes)", action


def _load(path: str) -> None:
    start = len(OPENED)
    try:
        model = AnomalyModel.load(path)
        check_finite(model.anomaly_score(FRAME), len(FRAME))
        model.flag(FRAME)
        if hasattr(model.detector_, "contributions"):
            parts = model.explain(FRAME).to_numpy()
            if not np.isfinite(parts).all():
                raise Failure("not finite", parts)
        model.save("again.anomaly")
    finally:
        if others := [name for name in OPENED[start:] if "canary" in name]:
            raise Failure("wrong", f"opened {others}")
