"""The doctor tells what is wrong and what to do, and never falls ill itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from anomaly_lab.cli import doctor
from anomaly_lab.errors import BackendError
from anomaly_lab.neural import backend


@pytest.fixture(autouse=True)
def healthy(tmp_path, monkeypatch):
    """Everything in order, without the seconds that importing Keras takes."""
    monkeypatch.setattr(backend, "choose_backend", lambda: ("jax", "it was asked for"))
    monkeypatch.setattr(backend, "device", lambda: "cpu")
    monkeypatch.delenv("ANOMALY_LAB_DATA", raising=False)
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))


def found() -> dict[str, doctor.Diagnosis]:
    return {finding.subject: finding for finding in doctor.diagnose()}


def test_a_healthy_installation(tmp_path):
    findings = found()
    assert list(findings) == [
        "Python",
        *doctor.PACKAGES,
        *("Keras backend", "device", "data", "cache"),
    ]
    assert [finding for finding in findings.values() if not finding.ok] == []
    assert findings["Keras backend"].text == "jax, because it was asked for"
    assert findings["device"].text == "cpu"
    assert str(tmp_path / "cache") in findings["cache"].text


def test_an_old_python(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert not found()["Python"].ok


def test_a_missing_package(monkeypatch):
    monkeypatch.setattr(doctor, "PACKAGES", ("numpy", "a-package-that-is-not-there"))
    findings = found()
    assert findings["numpy"].ok
    missing = findings["a-package-that-is-not-there"]
    assert not missing.ok
    assert "python -m pip install a-package-that-is-not-there" in missing.text


@pytest.mark.parametrize("part", ["choose_backend", "device"])
@pytest.mark.parametrize(
    "error", [BackendError("no backend"), RuntimeError("no device"), OSError("odd"), KeyError()]
)
def test_a_broken_backend(monkeypatch, part, error):
    def fail():
        raise error

    monkeypatch.setattr(backend, part, fail)
    findings = [f for f in doctor.diagnose() if f.subject == "Keras backend"]
    assert not findings[-1].ok
    assert findings[-1].text == (str(error) or "KeyError")
    assert found()["cache"].ok  # the rest is still looked at


def test_the_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("ANOMALY_LAB_DATA", str(tmp_path))
    assert found()["data"].ok
    monkeypatch.setenv("ANOMALY_LAB_DATA", str(tmp_path / "missing"))
    finding = found()["data"]
    assert not finding.ok
    assert "ANOMALY_LAB_DATA should name a folder" in finding.text
    assert "unset it to download" in finding.text


def test_the_cache(monkeypatch, tmp_path):
    (tmp_path / "cache" / "data").mkdir(parents=True)
    (tmp_path / "cache" / "data" / "table").write_bytes(bytes(3_000_000))
    assert "3 MB" in found()["cache"].text
    (tmp_path / "file").touch()
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "file"))
    finding = found()["cache"]
    assert not finding.ok
    assert "set ANOMALY_LAB_CACHE" in finding.text


@pytest.mark.parametrize("folder", ["data", "jax", "lessons"])
def test_each_folder_of_the_cache_is_tried(monkeypatch, tmp_path, folder):
    for name in ("jax", "lessons"):
        (tmp_path / "cache" / name).mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != folder)
    finding = found()["cache"]
    assert not finding.ok
    assert f"{tmp_path / 'cache' / folder} cannot be written to" in finding.text


def test_a_file_that_goes_while_the_cache_is_measured(monkeypatch, tmp_path):
    (tmp_path / "cache" / "data").mkdir(parents=True)
    (tmp_path / "cache" / "data" / "table").touch()

    def gone(self, **options):
        if self.name == "table":
            raise PermissionError(13, "Permission denied", str(self))
        return stat(self, **options)

    stat = Path.stat
    monkeypatch.setattr(Path, "stat", gone)
    assert found()["cache"].ok
