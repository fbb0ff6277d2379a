"""The wheel holds what it needs, and works alone, away from the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_the_package_cards_and_lessons(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    kinds = {".py", ".js", ".css", ".html", ".csv", ".mplstyle", ".typed"}
    files = (ROOT / "anomaly_lab").rglob("*")
    package = {str(p.relative_to(ROOT)) for p in files if p.suffix in kinds}
    cards = {f"anomaly_lab/_cards/{p.name}" for p in (ROOT / "datasets").glob("*.toml")}
    lessons = {f"anomaly_lab/_tutorial/{p.name}" for p in (ROOT / "tutorial").glob("*.py")}
    assert held >= package | cards | lessons
    assert not [name for name in held if name.startswith(("tests", "docs"))]


def test_the_wheel_works_alone(installed, tmp_path):
    code = (
        "import anomaly_lab, pathlib, sys\n"
        f"assert pathlib.Path(anomaly_lab.__file__).is_relative_to({str(installed)!r})\n"
        "from anomaly_lab.cli import main\nmain()"
    )
    command = [sys.executable, "-c", code, "compare", "digits", "-d", "pca", "-d", "centroid"]
    env = {**os.environ, "PYTHONPATH": str(installed)}
    done = subprocess.run(
        [*command, "--seeds", "1", "--output", "report.html"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "prevalence 0.1" in done.stdout
    assert (tmp_path / "report.html").exists()
