from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import chromium, visit
from explorable_page import lay, ready
from playwright.sync_api import Browser, Page

from anomaly_lab.explorables import Explorable

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
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that users get."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, to be put first on Python's path."""
    folder = tmp_path_factory.mktemp("installed")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([sys.executable, *install, str(folder), str(wheel)], check=True)
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly; without downloaded data, its lessons say that theirs is missing."""
    folder = tmp_path_factory.mktemp("site")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    if "ANOMALY_LAB_DATA" not in environment:
        environment["ANOMALY_LAB_OFFLINE"] = "1"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def urls(made: Explorable, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses, light and dark, of a page with the explorable that the test module has made."""
    folder = tmp_path_factory.mktemp(made.kind)
    return {scheme: lay(folder, made, scheme) for scheme in ("light", "dark")}


@pytest.fixture(scope="module")
def shown(browser: Browser, urls: dict[str, str]) -> Iterator[Page]:
    """The light one of these pages, which tests may leave as they like."""
    with visit(browser, urls["light"]) as seen:
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
