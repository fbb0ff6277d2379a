from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, visit
from explorable_page import lay, ready
from playwright.sync_api import Browser, Page

from anomaly_lab.explorables import Explorable
from anomaly_lab.paths import write_whole

Once = Callable[[str, Callable[[Path], None]], Path]
ROOT = Path(__file__).parents[1]
TOLD: list[str] = []


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with downloaded data sets; tests that need it skip where there is none."""
    folder = os.environ.get("ANOMALY_LAB_DATA")
    if not folder:
        pytest.skip("ANOMALY_LAB_DATA is unset: it should name the folder of downloaded data sets")
    return Path(folder)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Have a folder filled by one of the workers of a test run, while the others wait for it."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def filled(name: str, fill: Callable[[Path], None]) -> Path:
        folder, outcome = root / name, root / f"{name}-outcome"
        try:
            folder.mkdir()
        except FileExistsError:
            while not outcome.exists():
                time.sleep(0.2)
        else:
            problem = "It was interrupted."
            try:
                fill(folder)
                problem = ""
            except AssertionError as error:
                problem = str(error)
                raise
            finally:
                write_whole(outcome, problem.encode())
        assert not outcome.read_text("utf-8"), f"{name}: {outcome.read_text('utf-8')}"
        return folder

    return filled


def run(*command: str | Path, **variables: str) -> None:
    """Run a module of Python in the checkout; it should end well."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    """The wheel that users get."""
    (built,) = once(
        "wheel", lambda folder: run("hatchling", "build", "-t", "wheel", "-d", folder)
    ).glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(once: Once, wheel: Path) -> Path:
    """A folder with what the wheel installs, to be put first on Python's path."""
    install = ("pip", "install", "--quiet", "--no-deps", "--no-index", "--target")
    return once("installed", lambda folder: run(*install, folder, wheel))


@pytest.fixture(scope="session")
def site(once: Once) -> Path:
    """The site, built strictly; without downloaded data, its lessons say that theirs is missing.

    Built once in a test run, or before it: ``ANOMALY_LAB_SITE`` names the folder of a site that
    was built from this very checkout, with the same data and caches.
    """
    if built := os.environ.get("ANOMALY_LAB_SITE"):
        return Path(built)
    variables = {"NO_MKDOCS_2_WARNING": "1"}
    if "ANOMALY_LAB_DATA" not in os.environ:
        variables["ANOMALY_LAB_OFFLINE"] = "1"
    build = ("mkdocs", "build", "--strict", "--site-dir")
    return once("site", lambda folder: run(*build, folder, **variables))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def url(made: Explorable, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a page with the explorable that the test module has made."""
    return lay(tmp_path_factory.mktemp(made.kind), made)


@pytest.fixture(scope="module")
def shown(browser: Browser, url: str) -> Iterator[Page]:
    """This page, opened for tests that may leave it as they like."""
    with visit(browser, url) as seen:
        ready(seen.page)
        yield seen.page
        assert not seen.errors


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Print a line at the end of the tests: a figure that somebody will want to know."""
    return TOLD.append


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of pytest-xdist: hand on what was told."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["told"] = TOLD


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker hands on; one that crashed has nothing."""
    TOLD.extend(getattr(node, "workeroutput", {}).get("told", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in TOLD:
        terminalreporter.write_line(line)
