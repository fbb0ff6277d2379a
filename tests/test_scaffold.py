"""A detector of your own: the package that `new` writes, and what `check` says of a detector."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from anomaly_lab.cli import app
from anomaly_lab.cli.terminal import err
from anomaly_lab.contract import Case
from anomaly_lab.contract.testing import check_detector
from anomaly_lab.detectors import PCADetector
from anomaly_lab.gallery.tasks import Map
from anomaly_lab.lessons import find
from anomaly_lab.scaffold import checking, package

FAULTY = Path(__file__).with_name("faulty_detectors.py")
FILES = {"README.md", "pyproject.toml", "my_tail.py", "test_my_tail.py"}
LINES = 60


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["detectors", *map(str, arguments)], prog_name="anomaly-lab")


def told(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


# What `new` writes


def test_what_is_written(tmp_path: Path) -> None:
    done = run("new", "my_tail")
    assert done.exit_code == 0, done.output
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "my_tail").iterdir()}
    assert written.keys() == FILES
    assert os.listdir() == ["my_tail"]
    for word in ("my_detector", "MyDetector"):
        assert not any(word in text for text in written.values())
    assert len(written["my_tail.py"].splitlines()) <= LINES
    project = tomllib.loads(written["pyproject.toml"])
    assert project["project"]["entry-points"]["anomaly_lab.detectors"] == {
        "my_tail": "my_tail:MyTailDetector"
    }
    assert f"detectors check {Path('my_tail', 'my_tail.py')}:MyTailDetector" in done.output
    assert "pip install ./my_tail" in done.output


def test_what_is_written_is_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("new", "my_tail", tmp_path / "elsewhere").exit_code == 0
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    detector = importlib.import_module("my_tail").MyTailDetector
    assert detector.card.name == "my_tail"
    assert detector.card.formula
    check_detector(detector())


def test_its_folder_can_be_read_by_whoever_may_read_others(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert run("new", "my_tail").exit_code == 0
    assert (tmp_path / "my_tail").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("tail", "TailDetector"),
        ("my_tail", "MyTailDetector"),
        ("my_detector", "MyDetector"),
        ("detector", "DetectorDetector"),
        ("k2_means", "K2MeansDetector"),
    ],
)
def test_the_class_is_named_after_the_detector(name: str, cls: str) -> None:
    assert package.class_name(name) == cls
    assert f"class {cls}(Detector):" in package.contents(name)[f"{name}.py"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Tail", "lower-case letters"),
        ("my-tail", "lower-case letters"),
        ("2tail", "lower-case letters"),
        ("tail_", "lower-case letters"),
        ("_tail", "lower-case letters"),
        ("tâil", "lower-case letters"),
        ("../tail", "lower-case letters"),
        ("", "lower-case letters"),
        ("lambda", "word of Python's own"),
        ("knn", "a detector named 'knn' already"),
        ("numpy", "a module named 'numpy', which yours would hide"),
        ("json", "a module named 'json'"),
        ("sys", "a module named 'sys'"),
    ],
)
def test_a_name_that_cannot_be_used(name: str, why: str) -> None:
    done = run("new", name)
    assert done.exit_code == 2
    assert why in told(done)
    assert os.listdir() == []


@pytest.mark.parametrize("there", ["folder", "empty folder", "file", "link to nowhere"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    target = tmp_path / "my_tail"
    if there == "file":
        target.write_text("mine")
    elif there == "link to nowhere":
        target.symlink_to(tmp_path / "nowhere")
    else:
        target.mkdir()
    if there == "folder":
        (target / "my_tail.py").write_text("mine")
    done = run("new", "my_tail")
    assert done.exit_code == 2
    assert "is there already" in told(done)
    assert os.listdir() == ["my_tail"]
    if target.is_dir():
        assert [p.read_text() for p in target.iterdir()] == ["mine"] * (there == "folder")


def test_a_folder_that_cannot_be_made_is_told() -> None:
    done = run("new", "my_tail", Path("no", "such", "folder"))
    assert done.exit_code == 2
    assert "there is no folder" in told(done)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_half_way_leaves_nothing(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Path.write_text
    written = []

    def fail(path: Path, *arguments: str) -> int:
        if len(written) == 2:
            raise error
        written.append(path)
        return write(path, *arguments)

    monkeypatch.setattr(Path, "write_text", fail)
    done = run("new", "my_tail")
    assert len(written) == 2
    assert done.exit_code == (2 if isinstance(error, OSError) else 130)
    assert ("No space left" if isinstance(error, OSError) else "Interrupted") in told(done)
    assert os.listdir() == []


def test_the_wheel_carries_the_template(wheel: Path) -> None:
    carried = {
        name.removeprefix("anomaly_lab/scaffold/template/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("anomaly_lab/scaffold/template/")
    }
    assert carried == {"README.md", "pyproject.toml", "my_detector.py", "test_my_detector.py"}


# What `check` says


@pytest.fixture
def without_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "estimator_checks_generator", lambda detector: [])


FAULTS = {
    "Unannotated": r"check_wrong_parameters: .*power = None must .*Annotate the parameter",
    "Sign": r"check_anomalies_score_higher: .*Anomalies must score HIGHER",
    "Labels": r"check_labels_are_never_read: .*fit must never read y",
    "RandomState": r"check_global_random_state: .*random state was changed: draw from",
    "MissingValues": r"check_bad_input: .*nan when .*nothing was raised",
    "Width": r"check_bad_input: .*rows of another width.*nothing was raised",
    "ColumnOrder": r"check_column_names: .*columns in another order.*nothing was raised",
    "Mutation": r"check_input_is_left_alone: .*rows were changed in place: work on a copy",
    "NotPicklable": r"check_pickle: .*survives pickling.* Not so: .*[Pp]ickle",
    "CardIncomplete": r"check_card: .*Fill in these fields of the card: title, fails",
    "OtherCutoff": r"check_cutoff: .*Leave offset_ to the base class: .*, got -1\.0",
    "NoCard": r"check_card: .*Give the class a `card = Card\(\.\.\.\)`",
    "NameTaken": r"card\.name: .*'knn' is the name of anomaly_lab\.detectors\.knn\.KNNDetector",
    "NoSuchParameter": r"card\.sweep: .*'k' is no parameter; there are power",
    "NotSuchAFailure": r"card\.failure: .*ROC-AUC \d\.\d\d .*lower by at least 0\.1",
    "NoSuchData": r"card\.failure: .*no data set named 'shapes/rong'.*'shapes/ring'",
    "NeedsArguments": r"default_parameters: .*a default; k, metric lack one",
    "WritesNothing": r"default_parameters: .*write _anomaly_score and _fit",
    "Raises": r"fit_and_score: .*RuntimeError: of all things \(.*faulty_detectors\.py, line \d+\)",
    "ReturnsNothing": r"fit_and_score: .*_fit must return the scores of its rows",
    "Unstored": r"fit_and_score: .*'Unstored' object has no attribute 'k'",
    "Exits": r"fit_and_score: .*SystemExit: 0",
}


@pytest.mark.usefixtures("without_scikit_learns")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_plain_words(fault: str) -> None:
    done = run("check", f"{FAULTY}:{fault}")
    assert done.exit_code == 1, done.output
    missing = [line for line in done.output.splitlines() if line.startswith("✗ ")]
    assert any(re.match(f"✗ {FAULTS[fault]}", line) for line in missing), done.output
    assert f"{len(missing)} to mend." in done.output
    assert "Traceback" not in done.output


@pytest.mark.usefixtures("without_scikit_learns")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_once(fault: str) -> None:
    missing = re.findall("^✗ .*", run("check", f"{FAULTY}:{fault}").output, re.MULTILINE)
    assert len(missing) == 1, missing


def test_what_only_scikit_learns_suite_finds_is_told() -> None:
    done = run("check", f"{FAULTY}:LeavesATrace")
    assert done.exit_code == 1
    (missing,) = re.findall("^✗ .*", done.output, re.MULTILINE)
    assert missing.startswith("✗ check_dict_unchanged: scikit-learn's own suite passes. Not so: ")
    assert "check_estimator" not in done.output


def test_of_a_detector_without_a_fault_each_check_has_a_line_and_hints_follow() -> None:
    done = run("check", f"{FAULTY}:Faultless")
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    named = [line.split(": ")[0] for line in lines if line.startswith("✓ ")]
    assert named == [
        "✓ default_parameters",
        "✓ fit_and_score",
        *(f"✓ {check.__name__}" for check in checking.CHECKS),
        "✓ card.name",
        "✓ check_estimator",
    ]
    hints = [line for line in lines if line.startswith("Hint: ")]
    lacking = ["formula", "sweep", "failure", "'power : ...'", "_draw"]
    assert [word in line for word, line in zip(lacking, hints, strict=True)] == [True] * 5
    assert lines[-1] == "All is well."


def test_a_detector_of_the_package_is_well_and_needs_no_hint(tmp_path: Path) -> None:
    assert run("new", "my_tail").exit_code == 0
    done = run("check", tmp_path / "my_tail" / "my_tail.py:MyTailDetector")
    assert done.exit_code == 0, done.output
    assert re.search(r"✓ card\.failure: .*ROC-AUC 0\.\d\d on shapes/diagonal", done.output)
    assert "Hint" not in done.output


@pytest.mark.usefixtures("without_scikit_learns")
@pytest.mark.parametrize(
    "target",
    [
        "anomaly_lab.detectors.centroid:CentroidDetector",
        "anomaly_lab.detectors:CentroidDetector",
        Path(checking.__file__).parents[1] / "detectors" / "centroid.py:CentroidDetector",
    ],
    ids=["module", "where it is imported", "file of a package"],
)
def test_a_detector_is_named_by_module_or_by_file(target: str | Path) -> None:
    done = run("check", target)
    assert done.exit_code == 0, done.output
    assert "✓ card.name" in done.output


@pytest.mark.usefixtures("without_scikit_learns")
def test_a_module_in_the_current_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "beside_here.py").write_text("from faulty_detectors import Faultless as It\n")
    assert run("check", "beside_here:It").exit_code == 0


BROKEN = {
    "syntax": ("x = 1\ndef f(:\n", r"SyntaxError: .*broken\.py, line 2\)"),
    "name": ("x = 1\n\nundefined\n", r"NameError: .*'undefined'.*broken\.py, line 3\)"),
    "import": ("import no_such_thing\n", r"No module named 'no_such_thing' .*broken\.py, line 1\)"),
    "library": ("import json\njson.loads('{')\n", r"JSONDecodeError: .*broken\.py, line 2\)"),
    "exit": ("import sys\nsys.exit(3)\n", r"SystemExit: 3 .*broken\.py, line 2\)"),
    "lines": ("raise ValueError('one\\ntwo')\n", r"ValueError: one two .*broken\.py, line 1\)"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("named", ["broken.py:It", "broken:It"])
def test_an_import_that_fails_is_told_with_its_place(
    named: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(err, "_width", 400)  # wide enough for the path in one line
    code, message = BROKEN[how]
    (tmp_path / "broken.py").write_text(code)
    done = run("check", named)
    assert done.exit_code == 2
    assert re.search(f"Error: broken cannot be imported: .*{message}", told(done)), done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("no_such_module:It", "There is no module no_such_module"),
        ("anomaly_lab.no_such:It", "There is no module anomaly_lab.no_such"),
        ("no/such/file.py:It", "There is no file"),
        ("median", "Expected MODULE:CLASS or path/to/file.py:CLASS"),
        (":It", "Expected MODULE:CLASS"),
        (f"{FAULTY}:", "Expected MODULE:CLASS"),
        (f"{FAULTY}:Faultles", "There is no class Faultles in .* Did you mean Faultless?"),
        (f"{FAULTY}:Array", "There is no class Array in"),
        (f"{FAULTY}:NoDetector", "NoDetector is not a detector: write class NoDetector(Detector)"),
    ],
)
def test_what_cannot_be_used_is_told(target: str, message: str) -> None:
    done = run("check", target)
    assert done.exit_code == 2
    assert re.search(re.escape(message).replace(r"\.\*", ".*"), told(done)), done.output
    assert "Traceback" not in done.output


def test_a_file_named_like_another_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("")
    done = run("check", tmp_path / "json.py:It")
    assert done.exit_code == 2
    assert "json.py has the name of another module" in told(done)


SLOW = """
import sys, time
sys.path.insert(0, {folder!r})
from faulty_detectors import Faultless

class Slow(Faultless):
    def _fit(self, X):
        open("begun", "w").close()
        time.sleep(60)
"""


def command(*arguments: str) -> list[str]:
    code = "from anomaly_lab.cli import main; main()"
    return [sys.executable, "-c", code, "detectors", *arguments]


def test_without_colours_and_signs_the_lines_say_the_same() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    named = f"{FAULTY}:NeedsArguments"
    done = subprocess.run(
        command("check", named), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("MEND default_parameters: It is built without arguments. Not so")
    assert done.stderr.strip() == ""


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send SIGINT to one process")
def test_interrupted_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW.format(folder=str(FAULTY.parent)))
    process = subprocess.Popen(command("check", "slow.py:Slow"), stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (tmp_path / "begun").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in said
    assert "Traceback" not in said


def test_lesson_12_shows_the_entry_point_that_is_written() -> None:
    lesson = find("12")
    prose = "\n".join(cell.source for cell in lesson.cells if cell.kind == "markdown")
    (shown,) = re.findall(r"```toml\n(.*?)```", prose, re.DOTALL)
    assert shown in package.contents("tail")["pyproject.toml"]
    assert "detectors check tail/tail.py:TailDetector" in prose
    assert "class TailDetector" in package.contents("tail")["tail.py"]


@pytest.mark.parametrize("case", [Case("shapes/moons"), Case("shapes/ring", contamination=0.05)])
def test_a_case_is_judged_as_in_the_gallery(case: Case) -> None:
    assert checking._roc_auc(PCADetector(), case) == Map("pca", case).measure().roc_auc
