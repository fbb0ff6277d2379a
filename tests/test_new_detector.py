"""The way of docs/own-detector.md, typed as the page has it, where only the wheel is installed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from checkout import ROOT, copy_checkout

from anomaly_lab.contract.testing import CHECKS
from anomaly_lab.paths import cache_root
from anomaly_lab.scaffold.package import contents

PAGE = ROOT / "docs" / "own-detector.md"
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^## ", re.MULTILINE)
# What the page says of a machine with a network holds here without one.
WITHOUT_A_NETWORK = {
    "PIP_NO_INDEX": "1",
    "PIP_NO_BUILD_ISOLATION": "false",  # of an option that begins with "no", pip reads the value
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_CACHE_DIR": "1",
    "JUPYTER_PATH": str(Path(sys.prefix, "share", "jupyter")),  # nbconvert's templates lie there
}


def commands(*headings: str) -> list[str]:
    """The commands of some of the page's sections, in order."""
    sections = _SECTION.split(PAGE.read_text("utf-8"))[1:]
    chosen = [text for text in sections if text.split("\n")[0] in headings]
    assert len(chosen) == len(headings)
    return [
        line
        for text in chosen
        for block in _CONSOLE.findall(text)
        for line in block.split("\n")
        if line
    ]


@dataclass(frozen=True)
class Computer:
    """An environment of its own, and a folder to type in."""

    folder: Path
    scripts: Path

    def type(self, command: str, **variables: str) -> str:
        """What a command prints; it should end well."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL"))}
        path = f"{self.scripts}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env={**inherited, **WITHOUT_A_NETWORK, "COLUMNS": "160", **variables, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def computer(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Computer:
    """The wheel in a fresh environment; what it needs is lent by the one that the tests run in."""
    folder = tmp_path_factory.mktemp("computer")
    venv.create(folder / "venv", with_pip=True)
    scripts = Path(sysconfig.get_path("scripts", "venv", {"base": str(folder / "venv")}))
    packages = sysconfig.get_path("purelib", "venv", {"base": str(folder / "venv")})
    lent = [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    Path(packages, "lent.pth").write_text("\n".join(dict.fromkeys(lent)) + "\n")
    made = Computer(folder, scripts)
    made.type(f"python -m pip install --no-deps {wheel}")
    return made


def test_the_environment_holds_the_wheel_and_not_the_checkout(computer: Computer) -> None:
    code = "import anomaly_lab, sys; print(anomaly_lab.__file__, *sys.path, sep='|')"
    home, *path = computer.type(f"python -c {shlex.quote(code)}").strip().split("|")
    assert Path(home).is_relative_to(computer.folder)
    assert str(ROOT) not in path


def test_the_way_of_the_page(computer: Computer) -> None:
    way = commands("Start from one that works", "Install it and compare")
    told = {command: computer.type(command) for command in way}
    new, tested, checked, _, listed, compared, _ = told.values()
    written = {path.name for path in (computer.folder / "median").iterdir() if path.is_file()}
    assert written == {"README.md", "median.py", "pyproject.toml", "test_median.py"}
    assert "pip install ./median" in new
    assert re.search(r"\b\d+ passed", tested)
    assert "failed" not in tested
    assert checked.splitlines()[-1] == "All is well."
    assert "✗" not in checked
    assert re.search("^median +Distance to the median", listed, re.MULTILINE)
    for name in ("median", "centroid"):
        assert re.search(rf"^{name} +★?0\.9", compared, re.MULTILINE)
    assert "median" not in computer.type("anomaly-lab detectors")


@pytest.fixture(scope="module")
def rebuilt(computer: Computer, site: Path) -> Path:
    """The site of a copy of the checkout, built where the detector is installed.

    Built after the site without it, with a copy of what is kept of that: lessons and results that
    do not depend on the detector need not be made again, here or by other tests.
    """
    copy = Computer(copy_checkout(computer.folder / "copy"), computer.scripts)
    new, *_ = commands("Start from one that works")
    install, *_, uninstall = commands("Install it and compare")
    _, build = commands("In the gallery and on the site")  # the first installs what is lent here
    offline = {} if "ANOMALY_LAB_DATA" in os.environ else {"ANOMALY_LAB_OFFLINE": "1"}
    copy.type(new)
    copy.type(install)
    own = computer.folder / "cache"
    for kept in cache_root().glob("*/*.json"):
        (own / kept.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(kept, own / kept.parent.name)
    compiled = {
        "JAX_COMPILATION_CACHE_DIR": str(cache_root() / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    }
    places = {"PYTHONPATH": str(copy.folder), "ANOMALY_LAB_CACHE": str(own)}
    variables = {**places, **compiled, **offline}
    copy.type(build, NO_MKDOCS_2_WARNING="1", **variables)
    copy.type(uninstall)
    return copy.folder / "site"


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def labels(page: Path) -> list[str]:
    """What the pictures of a page are said to show."""
    return [str(picture["aria-label"]) for picture in read(page).select("svg[aria-label]")]


def test_the_detector_has_a_page_in_the_gallery(rebuilt: Path) -> None:
    page = read(rebuilt / "gallery" / "median.html")
    assert page.h1 is not None
    assert "Distance to the median" in page.h1.text
    assert len(page.select("figure.picture svg")) == 3  # the idea, the failure, the sweep
    assert page.select("math")
    parameters = [row.td.text for row in page.select("table tr") if row.td]
    assert parameters == ["power"]


def test_the_detector_stands_in_the_gallery(rebuilt: Path) -> None:
    assert any(label.startswith("median on ring: ") for label in labels(rebuilt / "gallery.html"))
    headers = [cell.text.strip() for cell in read(rebuilt / "gallery.html").select(".results th")]
    assert "median" in headers


def test_the_detector_stands_in_the_figures_of_lesson_08(rebuilt: Path, data_folder: Path) -> None:
    told = labels(rebuilt / "learn" / "08_comparing_methods_honestly.html")
    assert sum("Added: median, 0." in label for label in told) == 2


def test_the_page_shows_the_code(rebuilt: Path) -> None:
    page = read(rebuilt / "own-detector.html")
    assert "class MedianDetector(Detector):" in page.text


def test_in_the_repository_its_file_is_enough(computer: Computer) -> None:
    copy = Computer(copy_checkout(computer.folder / "repository"), computer.scripts)
    file = copy.folder / "anomaly_lab" / "detectors" / "median.py"
    file.write_text(contents("median")["median.py"], "utf-8")
    (tested,) = commands("In this repository")
    told = copy.type(tested, PYTHONPATH=str(copy.folder))
    assert int(re.findall(r"(\d+) passed", told)[0]) > len(CHECKS)
    assert "median " in copy.type("python -m anomaly_lab detectors", PYTHONPATH=str(copy.folder))


def test_the_readme_that_is_written_says_what_can_be_typed(computer: Computer) -> None:
    computer.type("anomaly-lab detectors new my_tail")
    readme = (computer.folder / "my_tail" / "README.md").read_text("utf-8")
    (block,) = _CONSOLE.findall(readme)
    inside = Computer(computer.folder / "my_tail", computer.scripts)
    told = [inside.type(command) for command in block.splitlines()]
    computer.type("python -m pip uninstall --yes anomaly-lab-my_tail")
    assert len(told) == 3
    assert "my_tail" in told[-1]
