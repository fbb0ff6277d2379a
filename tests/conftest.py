from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder with downloaded data sets; tests that need it skip where there is none."""
    folder = os.environ.get("ANOMALY_LAB_DATA")
    if not folder:
        pytest.skip("ANOMALY_LAB_DATA is unset: it should name the folder of downloaded data sets")
    return Path(folder)
