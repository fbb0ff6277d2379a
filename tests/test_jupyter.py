"""A student's way, with the wheel, in a real JupyterLab: start, type, run, see it right, check."""

from __future__ import annotations

import importlib.util
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from browser import chromium, needs_chromium, visit
from playwright.sync_api import Page, expect

from anomaly_lab.lessons import Exercise, find
from anomaly_lab.lessons.notebooks import EXERCISE, blank, solved

LESSON = find("01")  # the quickest, and its data comes with scikit-learn
SECONDS = 300  # the lesson computes for seconds on two idle cores
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")

needs_jupyterlab = pytest.mark.skipif(
    importlib.util.find_spec("jupyterlab") is None,
    reason='no JupyterLab found: python -m pip install "anomaly-lab-kit[lab]"',
)


@pytest.fixture
def home(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder away from the checkout, where Python finds the wheel, and Jupyter no settings."""
    monkeypatch.setenv("PYTHONPATH", str(installed))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    for name in ("CONFIG", "DATA", "RUNTIME"):
        monkeypatch.setenv(f"JUPYTER_{name}_DIR", str(tmp_path / "jupyter" / name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def python(*arguments: str | Path) -> str:
    """What a command printed, run as a user does."""
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def jupyterlab(folder: Path, log: Path) -> Iterator[tuple[str, str]]:
    """Run JupyterLab on a folder; give its address and its token."""
    token = secrets.token_hex()
    options = {
        "ServerApp.root_dir": folder,
        "ServerApp.port": 0,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.allow_root": True,
        "IdentityProvider.token": token,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stderr=file)
    try:
        yield address(server, log), token
    finally:
        server.terminate()
        server.wait(timeout=60)


def address(server: subprocess.Popen[bytes], log: Path) -> str:
    """Where a server that has just been started can be reached, once it says so."""
    while server.poll() is None:
        if found := _ADDRESS.search(log.read_text("utf-8")):
            return found[0]
        time.sleep(0.2)
    raise AssertionError(log.read_text("utf-8"))


def answer(page: Page, exercise: Exercise) -> None:
    """Type the solution of an exercise over its blank."""
    (cell,) = exercise.tagged("exercise")
    first = blank(cell.source).split("\n")[0]
    page.locator(".jp-CodeCell .cm-content", has_text=first).click()
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.insert_text(solved(cell.source))


@needs_chromium
@needs_jupyterlab
def test_the_exercises_of_a_lesson_are_done_in_jupyterlab(home: Path, installed: Path) -> None:
    where = python("-c", "import anomaly_lab; print(anomaly_lab.__file__)")
    assert Path(where).is_relative_to(installed)
    folder = home / "my notebooks"
    told = python("-m", "anomaly_lab", "start", folder, "--no-open")
    assert f"{LESSON.slug}.ipynb  new" in told
    notebook = folder / f"{LESSON.slug}.ipynb"
    with jupyterlab(folder, home / "log") as (server, token), chromium() as browser:
        url = f"{server}lab/tree/{notebook.name}?token={token}"
        with visit(browser, url) as seen:
            page = seen.page
            for exercise in LESSON.exercises:
                answer(page, exercise)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            waiting = page.get_by_text("[*]:", exact=True)
            expect(waiting.first).to_be_attached()
            expect(waiting).to_have_count(0, timeout=SECONDS * 1000)
            for exercise in LESSON.exercises:
                right = page.get_by_text(f"✓ {exercise.name}: right.", exact=True)
                right.scroll_into_view_if_needed()
                expect(right).to_be_visible()
            page.keyboard.press("ControlOrMeta+S")
            expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    saved = nbformat.read(notebook, as_version=4)
    for exercise in LESSON.exercises:
        typed, checked = (c for c in saved.cells if c.metadata.get(EXERCISE) == exercise.name)
        assert typed.source == solved(exercise.tagged("exercise")[0].source)
        assert checked.outputs[0].data["text/plain"] == f"{exercise.name}: right."
    told = python("-m", "anomaly_lab", "check", LESSON.number, "--folder", folder)
    for exercise in LESSON.exercises:
        assert re.search(rf"^{exercise.name} +right *$", told, re.MULTILINE)
    number = len(LESSON.exercises)
    assert f"{number} of {number} right." in told
