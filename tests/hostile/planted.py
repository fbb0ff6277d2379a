"""Cases that fail on purpose, each named by how it must end: what the harness is tried on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from anomaly_lab.errors import InputError

from .core import (
    RIGHT,
    Action,
    check_files,
    check_finite,
    check_said,
    check_whole,
    no_leftover,
    snapshot,
)
from .parameters import pick


def _changed() -> None:
    Path("t.csv").write_text("a")
    before = snapshot(Path())
    Path("t.csv").write_text("b")
    check_files(before, Path())


def _draft() -> None:
    before = snapshot(Path())
    Path(".out.json.x").touch()
    check_files(before, Path())


def _silent() -> None:
    raise InputError("no")


def _leftover() -> None:
    sleeps = [sys.executable, "-c", "import time; time.sleep(60) # HOSTILE_PLANTED"]
    subprocess.Popen(sleeps, start_new_session=True)
    no_leftover("HOSTILE_PLANTED")


ENDS: list[tuple[str, Action]] = [
    (RIGHT, lambda: None),
    ("traceback", lambda: print(1 / 0)),
    ("traceback", lambda: check_said(2, "Traceback (most recent call last):\n")),
    ("crash", os.abort),
    ("hang", lambda: time.sleep(600)),
    ("should not happen", lambda: check_said(1, "Unexpected KeyError. This should not happen.")),
    ("warning", lambda: warnings.warn("overflow", RuntimeWarning, stacklevel=1)),
    ("not finite", lambda: print(check_finite(np.array([1.0, np.inf]), 2))),
    ("not finite", lambda: check_whole(Path("out.json"), b'{"auc": NaN}')),
    ("wrong", _silent),
    ("wrong", lambda: check_said(5, "Error: an exit code that no command has")),
    ("input changed", _changed),
    ("half-written file", lambda: check_whole(Path("out.json"), b'{"runs": [1, 2')),
    ("half-written file", lambda: check_whole(Path("out.html"), b"<!doctype html><p>")),
    ("leftover draft", _draft),
    ("leftover process", _leftover),
]


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw one."""
    ended, action = pick(rng, ENDS)
    return f"{ended} #{ENDS.index((ended, action))}", action
