"""A copy of the checkout, for tests that add something to it and change nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NAMES = (
    *("anomaly_lab", "datasets", "docs", "tests", "tutorial"),
    *("LICENSE", "README.md", "constraints.txt", "mkdocs.yml", "pyproject.toml"),
)
_NAV = """nav:
  - Start here: start.md
  - Learn:
      - learn/index.md
  - Gallery:
      - Side by side: gallery.ipynb
  - Reference:
      - Detectors:
          - reference/detectors/index.md
"""


def copy_checkout(folder: Path) -> Path:
    """Copy what the tests and the site need into a new folder."""
    for name in _NAMES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def copy_for_a_small_site(folder: Path, lessons: Collection[str], pages: Collection[str]) -> Path:
    """Copy the checkout with few lessons and few pages of ``docs/``: its site is built in seconds.

    Pages of detectors, data sets and commands are there as ever. Links to what is left out are
    warned of and stop no build.
    """
    copy_checkout(folder)
    docs = folder / "docs"
    written = [page for page in docs.rglob("*.md") if "_hooks" not in page.parts]
    for page in [*written, *docs.glob("computed/*.py")]:
        if page.relative_to(docs).as_posix() not in {"start.md", *pages}:
            page.unlink()
    for lesson in (folder / "tutorial").glob("*.py"):
        if lesson.name not in lessons:
            lesson.unlink()
    config = (folder / "mkdocs.yml").read_text("utf-8")
    settings, *_ = config.split("\nnav:\n")
    settings = settings.replace("\nstrict: true\n", "\nstrict: false\n")
    (folder / "mkdocs.yml").write_text(f"{settings}\n{_NAV}", "utf-8")
    return folder
