"""Whatever surrounds a command, it ends with a sentence and the right exit code."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import parameters
from typer.testing import CliRunner

from anomaly_lab import cli, comparison, paths
from anomaly_lab.errors import InputError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")
COMMAND = [sys.executable, "-m", "anomaly_lab"]
COMPARE = ["compare", "-d", "centroid", "--seeds", "1"]


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli.app, [str(a) for a in arguments], prog_name="anomaly-lab")
    told = " ".join(done.output.split())
    assert "should not happen" not in told, told
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, told


# --- What is printed to --------------------------------------------------------------------------


def shell(line: str, *arguments: object, **variables: str) -> tuple[int, str]:
    """Run a command in a shell; return its exit code and what came on standard error."""
    done = subprocess.run(
        ["sh", "-c", f'("$@"; echo code $? >&3) {line}', "sh", *COMMAND, *map(str, arguments)],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    told, code = done.stdout.rsplit("code ", 1)
    assert "Traceback" not in told
    assert "Exception ignored" not in told
    return int(code), " ".join(told.split())


@pytest.mark.parametrize("command", ["datasets", "--help"])
def test_a_full_or_closed_output_is_told(command: str) -> None:
    full = "3>&1 >/dev/full"
    assert shell(full, command) == (
        1,
        "Error: Cannot write to standard output: No space left on device. Let it go elsewhere.",
    )
    code, told = shell("3>&1 >&-", command)
    assert (code, told.startswith("Error: Standard output is closed.")) == (1, True)


def test_the_reader_may_leave() -> None:
    assert shell("3>&2 | true", "datasets") == (141, "")


def test_errors_that_cannot_be_said_change_no_exit_code() -> None:
    for closed in ("2>/dev/full", "2>&-"):
        assert shell(f"3>&1 {closed}", "datasets", "show", "nothing")[0] == 2


def test_files_are_written_before_a_word_is_said(tmp_path: Path) -> None:
    report, results = tmp_path / "r.html", tmp_path / "r.json"
    assert shell("3>&2 | true", *COMPARE, "-o", report, "--json", results) == (141, "")
    assert report.read_text("utf-8").rstrip().endswith("</html>")
    assert results.read_text("utf-8").endswith("}\n")
    assert len(list(tmp_path.iterdir())) == 2


def test_no_file_gets_the_number_of_a_stream_that_is_closed() -> None:
    code = "import os; from anomaly_lab.cli import streams; streams.prepare()"
    code += "; print(os.open(os.devnull, os.O_RDONLY) > 2)"
    line = f"{sys.executable} -c '{code}' 2>&- <&-"
    assert subprocess.run(line, shell=True, capture_output=True, check=True).stdout == b"True\n"


def test_neither_the_locale_nor_the_name_of_a_file_need_be_utf_8(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    table = tmp_path / "tåble\udcff.csv"
    table.write_text("a,y\n" + "".join(f"{i % 7},{int(i % 10 == 0)}\n" for i in range(200)))
    report, results = tmp_path / "répört\udcff.html", tmp_path / "r\udcff.json"
    arguments = ("--data", table, "--label", "y", "-o", report, "--json", results)
    code, told = shell("3>&1", *COMPARE, *arguments, **ascii_only)
    assert code == 0, told
    assert "t\\udcc3\\udca5ble\\udcff" in report.read_text("utf-8")
    assert results.exists()


# --- Interrupts, memory --------------------------------------------------------------------------

INTERRUPTED = """
import os, signal, sys
from anomaly_lab.__main__ import main

def interrupt(event, arguments, count=[int(sys.argv.pop(1))]):
    if event == "import":
        count[0] -= 1
        if count[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)

sys.addaudithook(interrupt)
main()
"""


@pytest.mark.parametrize("imports", [1, 300, 1500])
def test_an_interrupt_ends_a_command_while_it_is_being_imported(
    imports: int, tmp_path: Path
) -> None:
    arguments = [*COMPARE, "-o", str(tmp_path / "r.html")]
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(imports), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130, done.stderr
    assert re.fullmatch(r"Interrupted\.( No file was left half-written\.)?\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_told_before_a_library_fails() -> None:
    limited = ["sh", "-c", 'ulimit -v 450000; exec "$@"', "sh", *COMMAND, "datasets"]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("Out of memory: this process may reserve 0.4 GiB")
    assert done.stderr.count("\n") == 1


INTERRUPTED_EXEC = """
from anomaly_lab import comparison
from anomaly_lab.cli import main

def interrupted(*arguments, **options):
    exec("raise KeyboardInterrupt")  # as within collections.namedtuple

comparison.compare = interrupted
main()
"""


def test_an_interrupt_within_an_exec_has_the_same_exit_code(tmp_path: Path) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED_EXEC)
    command = [sys.executable, "-m", "interrupted", *COMPARE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted. No file was left half-written."


# --- Paths and folders ---------------------------------------------------------------------------

FILES = [(p.command, p.name) for p in parameters() if Path in p.kinds]
BESIDE = {
    "compare": ["--label", "y"],
    "grade": ["{folder}"],
    "detectors new": ["mine"],
    "start": ["--no-open"],
}


def arguments_with(command: str, name: str, path: object) -> list[str]:
    parameter = next(p for p in parameters() if (p.command, p.name) == (command, name))
    option = [f"--{name}"] if isinstance(parameter.info, type(OPTION)) else []
    beside = [] if name in ("output", "json", "submissions") else BESIDE.get(command, [])
    return [*command.split(), *beside, *option, str(path)]


OPTION = next(p.info for p in parameters() if p.name == "json")


@pytest.mark.parametrize(("command", "name"), FILES)
def test_a_path_that_no_system_takes_is_told(tmp_path: Path, command: str, name: str) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    ending = ".csv" if name == "data" else ""
    for path in ("~nobody-of-this-name/x", tmp_path / (300 * "a"), tmp_path / "circle" / "x"):
        arguments = arguments_with(command, name, f"{path}{ending}")
        code, told = run(*(a.format(folder=tmp_path) for a in arguments))
        assert code == 2, told
        assert re.search("no such home|too long|levels of symbolic links|no file", told), told
    assert len(list(tmp_path.iterdir())) == 1


def test_a_working_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    code, told = run("datasets")
    assert (code, "The working folder cannot be used" in told) == (2, True)


def test_a_user_without_a_home_folder_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(user: object) -> None:
        raise KeyError(user)

    for name in list(os.environ):
        if name != "PATH":
            monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("pwd.getpwnam", unknown)
    assert run(*COMPARE, "-o", tmp_path / "r.html")[0] == 0
    for needs_cache in (["doctor"], ["gallery"], ["datasets", "fetch", "ecg5000"]):
        code, told = run(*needs_cache)
        assert code == (1 if needs_cache == ["doctor"] else 2), told
        assert "ANOMALY_LAB_CACHE" in told


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Let the block run as a user to whom permissions mean something."""
    if os.getuid():
        yield
        return
    os.setresuid(12345, 12345, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_folder_that_may_not_be_entered_or_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Below the system's own folder, pytest's are its owner's alone; a worker has one more.
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    closed, full = tmp_path / "closed", tmp_path / "full"
    for folder in (closed, full):
        folder.mkdir()
        (folder / "file").touch()
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(closed / "cache"))
    closed.chmod(0o000)
    full.chmod(0o555)
    try:
        with ordinary_user():
            for path in (closed / "file", closed / "new"):
                with pytest.raises(InputError, match="Permission denied"):
                    paths.write_whole(path, b"new")
            with pytest.raises(InputError, match="may not be written to"):
                paths.write_whole(full / "new", b"new")
            with pytest.raises(InputError, match="Permission denied"):
                paths.cache_root()
            assert paths.cache_folder("data") is None
            paths.check_outputs({}, [closed])
    finally:
        closed.chmod(0o755)
        full.chmod(0o755)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EMFILE])
def test_what_the_system_refuses_is_told(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(number, os.strerror(number), "/some/file")

    monkeypatch.setattr(comparison, "compare", refuse)
    code, told = run(*COMPARE)
    assert (code, f"Error: /some/file: {os.strerror(number)}. " in told) == (2, True)


# --- Numbers -------------------------------------------------------------------------------------

NUMBERS = [(p.command, p.name) for p in parameters() if {int, float} & set(p.kinds)]


def test_every_number_has_bounds() -> None:
    infos = [p.info for p in parameters() if {int, float} & set(p.kinds)]
    assert all(None not in (info.min, info.max) for info in infos)


@pytest.mark.parametrize(("command", "name"), NUMBERS)
def test_a_number_without_bounds_is_refused_early(tmp_path: Path, command: str, name: str) -> None:
    beside = {"grade": [str(tmp_path)], "compare": ["card_transactions_simulated"]}
    for number in ("-1", "1000000000", "10000000000000", "9" * 400, "1e200", "inf", "nan", "x"):
        code, told = run(command, *beside.get(command, []), f"--{name}={number}")
        assert (code, name in told) == (2, True), told
