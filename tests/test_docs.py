"""The code on the pages is the code that runs."""

import importlib
import re
import sys
from pathlib import Path

import pytest
import scaffold_page
from sklearn.utils.estimator_checks import check_estimator

from anomaly_lab.contract.testing import check_detector
from anomaly_lab.scaffold.package import contents

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OWN_DETECTOR = ROOT / "docs" / "own-detector.md"
_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def code(page):
    """A page's files by name: code under a title, and its other Python as one module."""
    files = {}
    for language, title, block in _BLOCK.findall(scaffold_page.filled(page.read_text("utf-8"))):
        name = title or f"page_{page.stem.replace('-', '_')}.py"
        if title or language == "python":
            files[name] = files.get(name, "") + block + "\n"
    return files


def run(page, folder, monkeypatch):
    """Import a page's Python in an empty folder, and return the first module."""
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    files = code(page)
    modules = []
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    for name in (Path(name).stem for name in files if name.endswith(".py")):
        monkeypatch.delitem(sys.modules, name, raising=False)
        modules.append(importlib.import_module(name))
    return modules[0]


WITH_CODE = [page for page in PAGES if code(page)]


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page, tmp_path, monkeypatch):
    assert run(page, tmp_path, monkeypatch)


def test_the_detector_of_the_page_keeps_the_contract(tmp_path, monkeypatch):
    detector = run(OWN_DETECTOR, tmp_path, monkeypatch).MedianDetector()
    check_detector(detector)
    skipped = {"check_array_api_input"}  # needs SCIPY_ARRAY_API=1 before SciPy is imported
    results = check_estimator(detector, on_fail=None, on_skip=None)
    assert {r["check_name"] for r in results if r["status"] != "passed"} <= skipped


def test_the_code_of_the_page_is_what_the_command_writes():
    def lines(files):
        return {name: [line for line in text.splitlines() if line] for name, text in files.items()}

    written = contents("median")
    written.pop("README.md")
    assert lines(code(OWN_DETECTOR)) == lines(written)


def test_the_site_puts_the_code_into_the_page():
    config = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "\n  - docs/_hooks/scaffold_page.py\n" in config
    assert "<!-- " not in scaffold_page.filled(OWN_DETECTOR.read_text("utf-8"))


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ("<!-- median.py: import -->", "is in 2 lines of median.py"),
        ("<!-- median.py: no such -->", "is in 0 lines of median.py"),
        ("<!-- median.py: def _fit -->", "from its first line"),
        (
            '<!-- median.py: """D -->\n<!-- median.py: formula= -->\n<!-- median.py: cost= -->',
            "order",
        ),
    ],
)
def test_a_mark_that_fits_no_piece_is_told(marks, message):
    with pytest.raises(scaffold_page.PluginError, match=message):
        scaffold_page.filled(marks)
