"""Files are written whole or not at all."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from anomaly_lab import paths
from anomaly_lab.errors import InputError

posix = pytest.mark.skipif(os.name != "posix", reason="as POSIX has it")


def test_the_content_is_written_and_replaces_what_was_there(tmp_path):
    target = tmp_path / "results.json"
    for content in (b"first, and longer", b"second"):
        paths.write_whole(target, content)
        assert target.read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("owner_and_name", [(os, "fsync"), (Path, "replace"), (Path, "chmod")])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_interruption_leaves_the_old_file_whole(tmp_path, monkeypatch, owner_and_name, error):
    target = tmp_path / "results.json"
    target.write_bytes(b"old")

    def interrupt(*args):
        raise error

    monkeypatch.setattr(*owner_and_name, interrupt)
    with pytest.raises(error):
        paths.write_whole(target, b"new")
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"results\.json: No space left"):
        paths.write_whole(tmp_path / "results.json", b"new")
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.parametrize("before", [None, 0o600, 0o664, 0o751])
def test_a_new_file_gets_the_usual_permissions_and_one_that_is_there_keeps_its_own(
    tmp_path, before
):
    target = tmp_path / "results.json"
    if before:
        target.touch()
        target.chmod(before)
    umask = os.umask(0o027)
    try:
        paths.write_whole(target, b"new")
    finally:
        os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == (before or 0o640)


@posix
def test_nobody_else_can_read_a_draft_of_a_private_file(tmp_path):
    target = tmp_path / "results.json"
    target.touch()
    target.chmod(0o600)

    def look():
        (draft,) = set(tmp_path.iterdir()) - {target}
        yield b"%o" % stat.S_IMODE(draft.stat().st_mode)

    paths.write_whole(target, look())
    assert target.read_bytes() == b"600"


@pytest.mark.parametrize("there", [False, True])
def test_a_link_stays_a_link_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path / "far").mkdir()
    target = tmp_path / "far" / "results.json"
    if there:
        target.write_bytes(b"old")
    (tmp_path / "middle").symlink_to(Path("far", "results.json"))
    (tmp_path / "link").symlink_to(tmp_path / "middle")
    paths.write_whole(tmp_path / "link", b"new")
    assert target.read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "middle").is_symlink()
    assert list(target.parent.iterdir()) == [target]


def test_text_that_is_none_is_written_as_an_escape(tmp_path):
    paths.write_whole(tmp_path / "a", "é \udcff")
    assert (tmp_path / "a").read_bytes() == "é \\udcff".encode()


@pytest.mark.parametrize("error", [ConnectionError("gone"), KeyboardInterrupt()])
def test_what_content_raises_while_it_comes_is_handed_on(tmp_path, error):
    def content():
        yield b"new"
        raise error

    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(type(error)) as caught:
        paths.write_whole(tmp_path / "a", content())
    assert caught.value is error
    assert (tmp_path / "a").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_grows_too_large_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource", reason="limits as POSIX has them")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(InputError, match="File too large"):
            paths.write_whole(tmp_path / "a", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from anomaly_lab import paths

def content():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

paths.write_whole(sys.argv[1], content())
"""


@posix
def test_a_draft_is_removed_once_its_writer_is_gone_and_no_sooner(tmp_path):
    target = tmp_path / "results.json"
    target.write_bytes(b"old")
    killed = subprocess.run([sys.executable, "-c", KILLED, target], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert target.read_bytes() == b"old"
    (left,) = set(tmp_path.iterdir()) - {target}

    def meanwhile():  # as a second process would
        paths.write_whole(tmp_path / "other.json", b"other")
        assert not left.exists()
        yield b"new"

    paths.write_whole(target, meanwhile())
    assert target.read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", "other.json"}


@pytest.mark.parametrize("write", [paths.check_writable, lambda p: paths.write_whole(p, b"new")])
def test_what_cannot_be_written_is_told(tmp_path, monkeypatch, write):
    with pytest.raises(InputError, match="is a folder"):
        write(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        write(tmp_path / "missing" / "results.json")
    for name in (300 * "a", "nul\0", "~nobody-of-this-name/a", None, 5):
        with pytest.raises(InputError):
            write(name if name is None or name == 5 or name[0] == "~" else tmp_path / name)
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match="levels of symbolic links"):
        write(tmp_path / "circle")
    (tmp_path / "circle").unlink()
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(InputError, match="may not be written to"):
        write(tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


@posix
def test_a_device_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"  # as /dev/null, and safe to lose
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="device"):
        paths.write_whole(pipe, b"new")
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_home_folder_and_the_current_one_are_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    paths.write_whole("~/a.json", b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"
    monkeypatch.chdir(tmp_path)
    paths.write_whole("b.json", b"new")
    assert (tmp_path / "b.json").read_bytes() == b"new"


def test_the_cache_folder_is_the_one_that_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    assert paths.cache_root() == tmp_path / "cache"
    assert not (tmp_path / "cache").exists()
    assert paths.cache_folder("data") == tmp_path / "cache" / "data"
    assert (tmp_path / "cache" / "data").is_dir()
    monkeypatch.setenv("ANOMALY_LAB_CACHE", "")
    assert paths.cache_root().name == "anomaly_lab"


def test_a_cache_folder_that_cannot_be_had_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "file"))
    assert paths.cache_folder("data") is None
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *args: False)
    assert paths.cache_folder("data") is None


# --- What is read is never written over ----------------------------------------------------------


@pytest.fixture
def tree(tmp_path):
    """A file and a folder that are read, and every way to name them or what is in them."""
    submissions = tmp_path / "submissions"
    (submissions / "al").mkdir(parents=True)
    (submissions / "al" / "07.ipynb").write_text("work")
    (tmp_path / "table.csv").write_text("a,b")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "08.ipynb").write_text("work")
    (submissions / "bo").symlink_to(tmp_path / "elsewhere")
    (submissions / "al" / "09.ipynb").symlink_to(tmp_path / "elsewhere" / "09.ipynb")
    (tmp_path / "elsewhere" / "09.ipynb").write_text("work")
    os.link(tmp_path / "table.csv", tmp_path / "hard")
    os.link(submissions / "al" / "07.ipynb", tmp_path / "hard.ipynb")
    (tmp_path / "link").symlink_to("table.csv")
    (tmp_path / "folder").symlink_to(submissions)
    (tmp_path / "dangling").symlink_to(submissions / "new.csv")
    return tmp_path


READ = ["table.csv", "./elsewhere/../table.csv", "hard", "link", "submissions/al/07.ipynb"]
READ += ["submissions/new.csv", "submissions/al/new.csv", "folder/new.csv", "dangling"]
READ += ["hard.ipynb", "elsewhere/08.ipynb", "elsewhere/new.csv", "~/table.csv", "{tree}/hard"]
READ += ["submissions/al/../../table.csv", "folder/al/09.ipynb"]


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_no_output(tree, monkeypatch, name):
    monkeypatch.chdir(tree)
    monkeypatch.setenv("HOME", str(tree))
    reads = ["submissions", "table.csv", "missing"]
    output = name.format(tree=tree)
    with pytest.raises(InputError, match=r"--json would write .* is or lies in what is read"):
        paths.check_outputs({"--json": output, "--csv": None}, reads)
    with pytest.raises(InputError, match="what is read"):
        paths.check_outputs({"--json": output}, [tree / "folder", tree / "link"])
    paths.check_outputs({"--json": output}, [tree / "missing"])
    paths.check_outputs({"--json": "new.csv"}, reads)


def test_two_outputs_are_two_files(tree, monkeypatch):
    monkeypatch.chdir(tree)
    os.link("table.csv", "again")
    (tree / "new").symlink_to("report")
    for one, other in [
        *(("table.csv", name) for name in ("./table.csv", tree / "table.csv", "link", "again")),
        *(("report", name) for name in ("./report", "new", "elsewhere/../report", "REPORT")),
    ]:
        with pytest.raises(InputError, match="--output and --json name the same file"):
            paths.check_outputs({"--output": one, "--json": other})
    for one, other in [("table.csv", "report"), ("report", "elsewhere/report"), ("a", "b")]:
        paths.check_outputs({"--output": one, "--json": other})


def test_a_working_folder_that_is_gone_is_told(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InputError, match="working folder is gone"):
        paths.write_whole("results.json", b"new")


def test_without_a_home_there_is_no_cache_folder(monkeypatch):
    monkeypatch.delenv("ANOMALY_LAB_CACHE")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as where nothing tells one
    assert paths.cache_folder("data") is None
    with pytest.raises(InputError, match=r"no cache folder: .*home.*ANOMALY_LAB_CACHE"):
        paths.cache_root()


def test_names_that_differ_in_case_are_two_files_where_one_is_there_already(tmp_path: Path) -> None:
    there, other = tmp_path / "a.html", tmp_path / "A.html"
    there.touch()
    if other.exists():  # a system that takes them for one
        with pytest.raises(InputError, match="the same file"):
            paths.check_outputs({"--output": there, "--json": other})
    else:
        paths.check_outputs({"--output": there, "--json": other})
        paths.check_outputs({"--output": other, "--json": there})
