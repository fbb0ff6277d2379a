"""A copy of the checkout, for tests that add something to it and change nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NAMES = ("anomaly_lab", "datasets", "docs", "tests", "tutorial", "mkdocs.yml", "pyproject.toml")


def copy_checkout(folder: Path) -> Path:
    """Copy what the tests and the site need into a new folder."""
    for name in _NAMES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder
