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
from checkout import ROOT, copy_checkout, copy_for_a_small_site

from anomaly_lab import all_detectors
from anomaly_lab.contract.testing import CHECKS
from anomaly_lab.lessons import find
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
    """The wheel in a fresh environment; what it needs, pip too, is lent by the tests' own."""
    folder = tmp_path_factory.mktemp("computer")
    venv.create(folder / "venv")
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


@dataclass(frozen=True)
class Way:
    """What the commands of the page print, and the site that one of them builds."""

    outputs: list[str]
    log: str
    site: Path


@pytest.fixture(scope="module")
def way(computer: Computer, site: Path) -> Way:
    """The way of the page, with the site built while the detector is installed.

    That site is small: the gallery, lesson 01 and the beginning of lesson 08. It is built with a
    copy of what the whole site left in the cache, so that only what is new need be computed.
    """
    *typed, uninstall = commands("Start from one that works", "Install it and compare")
    outputs = [computer.type(command) for command in typed]
    copy = Computer(computer.folder / "copy", computer.scripts)
    pages = ("own-detector.md", "reference/detectors/index.md", "computed/00_gallery.py")
    comparing, other = find("08").path, find("01").path
    copy_for_a_small_site(copy.folder, [comparing.name, other.name], pages)
    (copy.folder / "tutorial" / comparing.name).write_text(beginning(comparing), "utf-8")
    _, build = commands("In the gallery and on the site")  # the first installs what is lent here
    log = copy.type(f"{build} 2>&1", **surroundings(copy.folder, computer.folder / "cache"))
    outputs.append(computer.type(uninstall))
    return Way(outputs, log, copy.folder / "site")


def beginning(lesson: Path) -> str:
    """Lesson 08 to its second figure, on few tables and seeds and without what it concludes."""
    cells = re.split(r"^(?=# %%)", lesson.read_text("utf-8"), flags=re.MULTILINE)
    last = [i for i, cell in enumerate(cells) if "Added: " in cell][1]
    text = "".join(c for c in cells[: last + 1] if not re.match(r"# %% (\[markdown|.*claim)", c))
    for long, short in {
        "seeds=10": "seeds=5",
        "seeds=3": "seeds=1",
        'if card.kind != "simulated"': 'if card.kind == "bundled"',
        '{"autoencoder": "autoencoder", ': "{",
    }.items():
        assert text.count(long) == 1, long
        text = text.replace(long, short)
    return text


def surroundings(checkout: Path, cache: Path) -> dict[str, str]:
    """Environment variables for a build of the site, with a copy of what is cached here."""
    for stored in cache_root().glob("*/*.json"):
        (cache / stored.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(stored, cache / stored.parent.name)
    offline = {} if "ANOMALY_LAB_DATA" in os.environ else {"ANOMALY_LAB_OFFLINE": "1"}
    return {
        "PYTHONPATH": str(checkout),
        "ANOMALY_LAB_CACHE": str(cache),
        "NO_MKDOCS_2_WARNING": "1",
        "JAX_COMPILATION_CACHE_DIR": str(cache_root() / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
        **offline,
    }


def test_the_way_of_the_page(computer: Computer, way: Way) -> None:
    new, tested, checked, _, listed, compared, _ = way.outputs
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


# The site with the detector


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def labels(page: Path) -> list[str]:
    """What the pictures of a page are said to show."""
    return [str(picture["aria-label"]) for picture in read(page).select("svg[aria-label]")]


def test_only_what_is_new_is_computed(way: Way) -> None:
    lessons = dict(re.findall(r"(\d\d_\w+)\.py: (stored before|run in)", way.log))
    assert lessons.pop(find("01").slug) == "stored before"
    assert set(lessons.values()) == {"run in"}, "the gallery and lesson 08 show every detector"
    maps = re.findall(r"detectors' pages: \d+ of \d+ maps, (\w+) on ", way.log)
    assert set(maps) == {"median"}


def test_the_detector_has_a_page_in_the_gallery(way: Way) -> None:
    page = read(way.site / "gallery" / "median.html")
    assert page.h1 is not None
    assert "Distance to the median" in page.h1.text
    assert len(page.select("figure.picture svg")) == 3  # the idea, the failure, the sweep
    assert page.select("math")
    parameters = [row.td.text for row in page.select("table tr") if row.td]
    assert parameters == ["power"]


def test_the_detector_stands_in_the_gallery(way: Way) -> None:
    assert any(label.startswith("median on ring: ") for label in labels(way.site / "gallery.html"))
    page = read(way.site / "gallery.html")
    headers = [cell.text.strip() for cell in page.select(".results th")]
    assert "median" in headers
    detectors = len(all_detectors()) + 1
    assert f"{detectors} methods with their default settings" in page.get_text()


def test_the_detector_stands_in_the_menu_and_has_a_page_of_its_methods(way: Way) -> None:
    menu = read(way.site / "gallery.html").select(".md-nav a")
    linked = {str(link["href"]): link.get_text(strip=True) for link in menu}
    assert linked["gallery/median.html"] == "Distance to the median"
    assert linked["reference/detectors/median.html"] == "MedianDetector"
    api = read(way.site / "reference" / "detectors" / "median.html")
    assert api.select("[id='median.MedianDetector']")
    assert api.select("article a[href='../../gallery/median.html']")


def test_the_detector_stands_in_the_figures_of_lesson_08(way: Way) -> None:
    shown = labels(way.site / "learn" / "08_comparing_methods_honestly.html")
    assert sum("Added: median, 0." in label for label in shown) == 2


def test_the_page_shows_the_code(way: Way) -> None:
    page = read(way.site / "own-detector.html")
    assert "class MedianDetector(Detector):" in page.text


def test_in_the_repository_its_file_is_enough(computer: Computer) -> None:
    copy = Computer(copy_checkout(computer.folder / "repository"), computer.scripts)
    file = copy.folder / "anomaly_lab" / "detectors" / "median.py"
    file.write_text(contents("median")["median.py"], "utf-8")
    (tested,) = commands("In this repository")
    told = copy.type(tested, PYTHONPATH=str(copy.folder))
    assert int(re.findall(r"(\d+) passed", told)[0]) > len(CHECKS)
    assert "median " in copy.type("python -m anomaly_lab detectors", PYTHONPATH=str(copy.folder))


def test_the_readme_that_is_written_says_what_the_page_says() -> None:
    """Its commands, typed inside the folder, are some that `way` types beside it."""
    (block,) = _CONSOLE.findall(contents("median")["README.md"])
    typed = commands("Start from one that works", "Install it and compare")
    inside = [line.replace("median/median.py", "median.py") for line in typed]
    inside = [line.replace("./median", ".") for line in inside]
    written = block.splitlines()
    assert len(written) == 3
    for command in written:
        assert any(line.startswith(command) for line in inside), command
