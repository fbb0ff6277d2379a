"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from anomaly_lab import paths
from anomaly_lab.errors import InputError


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


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_the_file_gets_the_permissions_that_any_new_file_gets(tmp_path):
    before = os.umask(0o027)
    try:
        paths.write_whole(tmp_path / "results.json", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "results.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("write", [paths.check_writable, lambda p: paths.write_whole(p, b"new")])
def test_what_cannot_be_written_is_told(tmp_path, monkeypatch, write):
    with pytest.raises(InputError, match="is a folder"):
        write(tmp_path)
    with pytest.raises(InputError, match="there is no folder"):
        write(tmp_path / "missing" / "results.json")
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(InputError, match="may not be written to"):
        write(tmp_path / "results.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
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
