"""Lint, format, types and layers are part of the tests; so is what importing may load."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    *("jax", "keras", "matplotlib", "pandas.plotting", "sklearn", "tensorflow", "torch"),
    "rfc3987_syntax",  # seconds, and JupyterLab brings it: see lessons/__init__.py
)

CHECKS = {
    "lint": ["-m", "ruff", "check", "--no-cache", "."],
    "format": ["-m", "ruff", "format", "--no-cache", "--check", "."],
    "types": ["-m", "mypy"],
    "layers": ["-c", "from importlinter.cli import lint_imports_command as c; c()", "--no-cache"],
}


@pytest.mark.parametrize("check", CHECKS)
def test_code_quality(check):
    command = [sys.executable, *CHECKS[check]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import anomaly_lab",
        "import anomaly_lab.cli",
        "import anomaly_lab.cli as c; c.app(['--help'], standalone_mode=False)",
        "import anomaly_lab.labs.worker",
    ],
)
def test_importing_stays_light(code):
    probe = f"{code}\nimport sys; print('LOADED', *sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert not loaded.intersection(HEAVY)


def test_the_public_names_are_there():
    import anomaly_lab

    for name in anomaly_lab.__all__:
        assert getattr(anomaly_lab, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = anomaly_lab.no_such_name
