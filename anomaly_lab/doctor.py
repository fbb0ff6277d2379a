"""Is this installation fit to work? One finding a thing that can be wrong."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from anomaly_lab import keras_setup
from anomaly_lab.paths import cache_folder, cache_root

LEAST_PYTHON = (3, 11)
PACKAGES = ("numpy", "pandas", "scikit-learn", "matplotlib", "keras", "skops", "pooch", "pyarrow")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Parameters
    ----------
    what : str
        The thing.
    ok : bool
        Whether it is as it should be.
    told : str
        What was found and, where it is not OK, what to do.
    """

    what: str
    ok: bool
    told: str


def examine() -> Iterator[Finding]:
    """Look at Python, packages, backend, device, data and caches; yield a finding for each."""
    yield _python()
    yield from map(_package, PACKAGES)
    yield from _keras()
    yield _data()
    yield _cache()


def _python() -> Finding:
    told = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", sys.version_info >= LEAST_PYTHON, told)


def _package(name: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, f"not installed. Run: python -m pip install {name}")


def _keras() -> Iterator[Finding]:
    try:
        backend, reason = keras_setup.choose_backend()
        yield Finding("Keras backend", True, f"{backend}, because {reason}")
        yield Finding("device", True, keras_setup.device())
    except Exception as error:  # whatever a broken backend raises is a finding
        yield Finding("Keras backend", False, str(error) or type(error).__name__)


def _data() -> Finding:
    folder = os.environ.get("ANOMALY_LAB_DATA")
    if not folder:
        return Finding("data", True, "downloaded when first used (ANOMALY_LAB_DATA is not set)")
    there = Path(folder).is_dir()
    told = "looked for here first" if there else "no such folder: mend or unset ANOMALY_LAB_DATA"
    return Finding("data", there, f"{folder}: {told}")


def _cache() -> Finding:
    if cache_folder("data") is None:
        told = "cannot be written to: set ANOMALY_LAB_CACHE to a folder that can"
        return Finding("cache", False, f"{cache_root()} {told}")
    size = sum(map(_size, cache_root().rglob("*")))
    return Finding("cache", True, f"{cache_root()}, {size / 1e6:.0f} MB; may be deleted any time")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # deleted meanwhile, or not ours to look at
        return 0
