"""One module decides what Keras runs on, and leaves everything else as it was."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from anomaly_lab import memory
from anomaly_lab.errors import BackendError
from anomaly_lab.neural import backend


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for Keras's settings, no Keras imported yet, no backend asked for."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return tmp_path


@pytest.fixture
def installed(monkeypatch):
    """Return a function that says which backends are installed."""
    original = importlib.util.find_spec

    def install(*names: str) -> None:
        def find_spec(name, package=None):
            if name in backend.BACKENDS:
                return SimpleNamespace(name=name) if name in names else None
            return original(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)

    return install


# --- Which backend -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (("jax", "tensorflow", "torch"), "jax"),
        (("tensorflow", "torch"), "tensorflow"),
        (("torch",), "torch"),
    ],
)
def test_the_first_installed_is_chosen(home, installed, there, chosen):
    installed(*there)
    name, reason = backend.choose_backend()
    assert name == chosen
    assert "first installed" in reason


def test_keras_json_comes_before_the_first_installed(home, installed):
    installed("jax", "torch")
    (home / "keras.json").write_text('{"backend": "torch"}')
    name, reason = backend.choose_backend()
    assert name == "torch"
    assert str(home / "keras.json") in reason


def test_the_environment_comes_before_keras_json(home, installed, monkeypatch):
    installed("jax", "tensorflow", "torch")
    (home / "keras.json").write_text('{"backend": "torch"}')
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    name, reason = backend.choose_backend()
    assert name == "tensorflow"
    assert "KERAS_BACKEND" in reason


def test_keras_that_is_running_comes_before_everything(home, installed, monkeypatch):
    installed("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    running = SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch"))
    monkeypatch.setitem(sys.modules, "keras", running)
    name, reason = backend.choose_backend()
    assert name == "torch"
    assert "already" in reason


@pytest.mark.parametrize(
    "settings",
    [
        '{"backend": "tensorflow"}',
        '{"backend": "theano"}',
        '{"backend": 3}',
        "[1]",
        "{",
        "",
        "\xff",
    ],
)
def test_a_keras_json_of_no_use_is_passed_over(home, installed, settings):
    installed("jax", "torch")
    (home / "keras.json").write_bytes(settings.encode("latin-1"))
    assert backend.choose_backend()[0] == "jax"


def test_keras_json_is_looked_for_in_the_home_folder(home, installed, monkeypatch):
    installed("jax", "torch")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    (home / ".keras").mkdir()
    (home / ".keras" / "keras.json").write_text('{"backend": "torch"}')
    assert backend.choose_backend()[0] == "torch"


def test_a_backend_that_cannot_be_had_is_told(home, installed, monkeypatch):
    installed("jax")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(BackendError, match=r"'torch', which is not installed.*pip install torch"):
        backend.choose_backend()
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    with pytest.raises(BackendError, match=r"one of jax, tensorflow, torch; it is 'theano'"):
        backend.choose_backend()
    monkeypatch.delenv("KERAS_BACKEND")
    installed()
    with pytest.raises(BackendError, match=r"found none of JAX.*python -m pip install jax"):
        backend.choose_backend()


def test_a_missing_keras_is_told(home, installed, monkeypatch):
    installed("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")

    class Refuse:
        def find_spec(self, name, path=None, target=None):
            if name == "keras":
                raise ModuleNotFoundError("No module named 'keras'")

    monkeypatch.setattr(sys, "meta_path", [Refuse(), *sys.meta_path])
    with pytest.raises(BackendError, match=r"No module named 'keras'.*pip install keras"):
        backend.load.__wrapped__()


# --- The first import, each in a process of its own ----------------------------------------------

FIRST_IMPORT = """
import json, os, random, sys
import numpy as np

before = random.getstate(), np.random.get_state()[1].tolist()
from anomaly_lab import errors
from anomaly_lab.neural import backend
try:
    keras = backend.load()
except errors.BackendError as error:
    print(json.dumps({"error": str(error)}))
    sys.exit()
import jax
print(json.dumps({
    "same_state": before == (random.getstate(), np.random.get_state()[1].tolist()),
    "backend": keras.backend.backend(),
    "compiled": jax.config.jax_compilation_cache_dir,
    "device": backend.device(),
    "loaded_once": backend.load() is keras,
}))
"""


@pytest.fixture
def first_import(tmp_path):
    """Return a function that imports Keras in a new process and tells what it found there."""
    keras_home = tmp_path / "keras"
    keras_home.mkdir()

    def run(**variables: str) -> dict:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS_", "JAX_COMP"))}
        environment = {
            "KERAS_HOME": str(keras_home),
            "ANOMALY_LAB_CACHE": str(tmp_path / "cache"),
            "JAX_PLATFORMS": "cpu",
        }
        done = subprocess.run(
            [sys.executable, "-c", FIRST_IMPORT],
            env=kept | environment | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout)

    return run


def test_the_first_import(first_import, tmp_path):
    found = first_import()
    assert found["backend"] == "jax"
    assert found["same_state"]
    assert found["compiled"] == str(tmp_path / "cache" / "jax")
    assert found["device"] == "cpu"
    assert found["loaded_once"]
    # Keras writes "tensorflow" there by itself; left alone, the next run would follow it.
    assert not (tmp_path / "keras" / "keras.json").exists()


def test_a_device_that_is_not_there_is_told(first_import, monkeypatch):
    assert "JAX_PLATFORMS is 'nonsense'" in first_import(JAX_PLATFORMS="nonsense")["error"]

    def not_there(number):
        raise AssertionError  # as JAX where the plugin of a device is not installed

    keras = SimpleNamespace(
        ops=SimpleNamespace(convert_to_tensor=not_there),
        backend=SimpleNamespace(backend=lambda: "torch"),
    )
    monkeypatch.setenv("KERAS_TORCH_DEVICE", "cuda")
    with pytest.raises(BackendError, match=r"DEVICE is 'cuda'.*it is not there"):
        backend._try_device(keras)


def test_too_little_memory_for_a_network_is_told(monkeypatch):
    monkeypatch.setattr(memory, "_limit", lambda: 2.0)
    with pytest.raises(BackendError, match=r"may reserve 2\.0 GiB.*leave out the detectors"):
        backend.load.__wrapped__()


def test_without_a_home_folder_there_is_no_keras_json(monkeypatch):
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert not backend._keras_json().exists()


def test_a_compile_cache_that_was_chosen_is_respected_and_a_broken_keras_json_survived(
    first_import, tmp_path
):
    settings = tmp_path / "keras" / "keras.json"
    settings.write_text('{"backend": ')
    found = first_import(JAX_COMPILATION_CACHE_DIR=str(tmp_path / "mine"))
    assert found["backend"] == "jax"
    assert found["compiled"] == str(tmp_path / "mine")
    assert settings.read_text() == '{"backend": '


def test_a_cache_folder_that_cannot_be_written_is_survived(tmp_path, monkeypatch):
    (tmp_path / "cache").touch()  # a file where the folder should be
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    updates = []
    config = SimpleNamespace(update=lambda *setting: updates.append(setting))
    monkeypatch.setitem(sys.modules, "jax", SimpleNamespace(config=config))
    backend._keep_compiled_code()
    assert updates == []
    (tmp_path / "cache").unlink()
    backend._keep_compiled_code()
    assert ("jax_compilation_cache_dir", str(tmp_path / "cache" / "jax")) in updates


def test_a_keras_json_that_keras_cannot_bear_is_told(first_import, tmp_path):
    settings = tmp_path / "keras" / "keras.json"
    settings.write_text("[1]")
    assert f"If {settings} is damaged, delete it." in first_import()["error"]
    assert settings.exists()
