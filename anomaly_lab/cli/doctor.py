"""``doctor``: is this installation fit to work? One diagnosis a thing that can be wrong."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from anomaly_lab.cli.terminal import out
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend
from anomaly_lab.paths import cache_folder, cache_root, data_folder

LEAST_PYTHON = (3, 11)
PACKAGES = ("numpy", "pandas", "scikit-learn", "matplotlib", "keras", "skops", "pooch", "pyarrow")


@dataclass(frozen=True)
class Diagnosis:
    """One thing looked at.

    Parameters
    ----------
    subject : str
        The thing.
    ok : bool
        Whether it is as it should be.
    text : str
        What was found and, where it is not OK, what to do.
    """

    subject: str
    ok: bool
    text: str


def doctor() -> None:
    """Check this installation: Python, packages, Keras backend, device, caches."""
    findings = list(diagnose())
    for finding in findings:
        out.print("[green]OK[/]  " if finding.ok else "[red]MEND[/]", end=" ")
        out.print(f"{finding.subject}: {finding.text}", markup=False, highlight=False)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def diagnose() -> Iterator[Diagnosis]:
    """Look at Python, packages, backend, device, data and caches; yield a finding for each."""
    yield _python()
    yield from map(_package, PACKAGES)
    yield from _keras()
    yield _data()
    yield _cache()


def _python() -> Diagnosis:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Diagnosis("Python", sys.version_info >= LEAST_PYTHON, text)


def _package(name: str) -> Diagnosis:
    try:
        return Diagnosis(name, True, version(name))
    except PackageNotFoundError:
        return Diagnosis(name, False, f"not installed. Run: python -m pip install {name}")


def _keras() -> Iterator[Diagnosis]:
    try:
        chosen, reason = backend.choose_backend()
        yield Diagnosis("Keras backend", True, f"{chosen}, because {reason}")
        yield Diagnosis("device", True, backend.device())
    except Exception as error:  # whatever a broken backend raises is a finding
        yield Diagnosis("Keras backend", False, str(error) or type(error).__name__)


def _data() -> Diagnosis:
    try:
        folder = data_folder()
    except InputError as error:
        return Diagnosis("data", False, str(error))
    missing = "downloaded when first used (ANOMALY_LAB_DATA is not set)"
    return Diagnosis("data", True, f"{folder}: looked in first" if folder else missing)


def _cache() -> Diagnosis:
    """Try the folders that are there, each of one use, and that of the downloads."""
    try:
        root = cache_root()
    except InputError as error:
        return Diagnosis("cache", False, str(error))
    folders = {"data", *(path.name for path in root.glob("*") if path.is_dir())}
    closed = [str(root / name) for name in sorted(folders) if cache_folder(name) is None]
    if closed:
        text = "cannot be written to: set ANOMALY_LAB_CACHE to a folder that can"
        return Diagnosis("cache", False, f"{', '.join(closed)} {text}")
    size = sum(map(_size, root.rglob("*")))
    return Diagnosis("cache", True, f"{root}, {size / 1e6:.0f} MB; may be deleted any time")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # deleted meanwhile, or not ours to look at
        return 0
