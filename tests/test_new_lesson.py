"""The worked example of docs/teach/new-lesson.md: one file, and the lesson is everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from checkout import ROOT, copy_checkout, copy_for_a_small_site

from anomaly_lab.lessons import find, read
from anomaly_lab.lessons.notebooks import EXERCISE, blank, solved

EXAMPLE = ROOT / "docs" / "teach" / "14_the_middle.py"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout with the example among the lessons, and nothing else changed."""
    folder = copy_checkout(tmp_path_factory.mktemp("checkout") / "copy")
    shutil.copy(EXAMPLE, folder / "tutorial")
    return folder


def do(checkout: Path, *command: str) -> str:
    """Run a module in the copy; return what it prints, warnings and progress too."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "NO_MKDOCS_2_WARNING": "1"}
    if "ANOMALY_LAB_DATA" not in environment:
        environment["ANOMALY_LAB_OFFLINE"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=checkout,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_tests_take_it_up(checkout: Path) -> None:
    told = do(
        checkout, "pytest", "tests/test_tutorial.py", "-k", "14", "-v", "-p", "no:cacheprovider"
    )
    for test in ("keeps_to_the_format", "checks_hold", "gives_nothing_away"):
        assert any(f"{test}[14] PASSED" in line for line in told.splitlines())


def test_the_labs_take_it_up(checkout: Path, tmp_path: Path) -> None:
    assert "14_the_middle.ipynb" in do(checkout, "anomaly_lab", "start", str(tmp_path), "--no-open")
    path = tmp_path / "14_the_middle.ipynb"
    notebook = nbformat.read(path, as_version=4)
    answers = {blank(c.source): solved(c.source) for e in read(EXAMPLE).exercises for c in e.cells}
    for cell in notebook.cells:
        if cell.cell_type == "code" and EXERCISE in cell.metadata:
            cell.source = answers.get(cell.source, cell.source)
    nbformat.write(notebook, path)
    assert "2 of 2 right" in do(checkout, "anomaly_lab", "check", "14", "--folder", str(tmp_path))


@pytest.mark.usefixtures("site")  # it leaves the detectors' pictures and lesson 01 in the cache
def test_the_site_takes_it_up(tmp_path: Path) -> None:
    """Beside one other lesson: the example's references lead to the pages of these names."""
    neighbour = find("01")
    pages = ("reference/detectors/index.md", "reference/figures.md")
    small = copy_for_a_small_site(tmp_path / "copy", [neighbour.path.name], pages)
    shutil.copy(EXAMPLE, small / "tutorial")
    log = do(small, "mkdocs", "build", "--site-dir", str(tmp_path / "site"))
    assert [line for line in log.splitlines() if "WARNING" in line and EXAMPLE.stem in line] == []
    learn = tmp_path / "site" / "learn"
    example, course, other = (
        BeautifulSoup((learn / f"{name}.html").read_text("utf-8"), "html.parser")
        for name in (EXAMPLE.stem, "index", neighbour.slug)
    )
    assert example.select("figure.picture svg")
    assert len(example.select("p.used a")) == len(read(EXAMPLE).uses)
    assert "14 Where is the middle?" in [link.get_text() for link in course.select("article h2 a")]
    for part in ("nav.path", ".md-nav"):  # at the top of each lesson, and in the menu
        assert other.select(f"{part} a[href='{EXAMPLE.stem}.html']")
    assert (tmp_path / "site" / "notebooks" / "14_the_middle.ipynb").is_file()
