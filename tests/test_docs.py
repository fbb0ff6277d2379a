"""The code on the pages is the code that runs."""

import importlib
import re
import sys
from pathlib import Path

import pytest
from sklearn.utils.estimator_checks import check_estimator

from anomaly_lab.detectors.testing import check_detector

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks(page):
    return re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def run(page, folder, monkeypatch):
    """Import a page's Python, from top to bottom, as one module in an empty folder."""
    name = f"page_{page.stem.replace('-', '_')}"
    (folder / f"{name}.py").write_text("\n".join(python_blocks(page)), "utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)


WITH_CODE = [page for page in PAGES if python_blocks(page)]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    assert run(page, tmp_path, monkeypatch)


def test_the_detector_of_the_page_keeps_the_contract(tmp_path, monkeypatch):
    detector = run(ROOT / "docs" / "own-detector.md", tmp_path, monkeypatch).MedianDetector()
    check_detector(detector)
    skipped = {"check_array_api_input"}  # needs SCIPY_ARRAY_API=1 before SciPy is imported
    results = check_estimator(detector, on_fail=None, on_skip=None)
    assert {r["check_name"] for r in results if r["status"] != "passed"} <= skipped
