from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

TOLD: list[str] = []


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with downloaded data sets; tests that need it skip where there is none."""
    folder = os.environ.get("ANOMALY_LAB_DATA")
    if not folder:
        pytest.skip("ANOMALY_LAB_DATA is unset: it should name the folder of downloaded data sets")
    return Path(folder)


@pytest.fixture
def tell() -> Callable[[str], None]:
    """Print a line at the end of the tests: a figure that somebody will want to know."""
    return TOLD.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in TOLD:
        terminalreporter.write_line(line)
