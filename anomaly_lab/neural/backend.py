"""Keras, once: which backend, where compiled code is stored, quiet logs.

The only module that imports Keras. Importing Keras takes seconds, so nothing calls `load` before a
network is built.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import random
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from anomaly_lab.errors import BackendError

BACKENDS = ("jax", "tensorflow", "torch")


def choose_backend() -> tuple[str, str]:
    """Return the backend Keras will use, and why.

    In this order: the one Keras already runs on, the environment variable ``KERAS_BACKEND``, the
    one ``keras.json`` names if it is installed, the first installed of JAX, TensorFlow and PyTorch.

    Returns
    -------
    backend, reason : str

    Raises
    ------
    BackendError
        Where none is installed, or ``KERAS_BACKEND`` names one that is not.
    """
    if "keras" in sys.modules:
        return str(sys.modules["keras"].backend.backend()), "Keras is already running on it"
    asked = os.environ.get("KERAS_BACKEND")
    if asked:
        return _asked_for(asked), "KERAS_BACKEND names it"
    configured = _configured()
    if configured and _installed(configured):
        return configured, f"{_keras_json()} names it"
    for backend in BACKENDS:
        if _installed(backend):
            return backend, "the first installed of JAX, TensorFlow and PyTorch"
    raise BackendError(
        "Keras needs a backend and found none of JAX, TensorFlow and PyTorch. "
        "Install one: python -m pip install jax"
    )


@cache
def load() -> ModuleType:
    """Import Keras on the chosen backend and return it.

    Returns
    -------
    module
        The ``keras`` package.

    Raises
    ------
    BackendError
        Where Keras or every backend is missing, or the device that is asked for.
    """
    from anomaly_lab import memory  # how much there is changes no number

    backend, _ = choose_backend()
    if lacking := memory.lacking(memory.NETWORK):
        raise BackendError(f"{lacking}. Or leave out the detectors that are networks.")
    os.environ["KERAS_BACKEND"] = backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    # A student's GPU is shared with the desktop: take memory as needed, not 75% at once.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    config = _keras_json()
    configured = config.exists()
    # Importing JAX draws from NumPy's global state, and Keras, through Rich, from Python's.
    states = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        if backend == "jax":
            _keep_compiled_code()
        import keras
    except ImportError as error:
        raise BackendError(
            f"Keras cannot be imported ({error}). Install it: python -m pip install keras jax"
        ) from error
    except (AttributeError, ValueError) as error:
        raise BackendError(
            f"Keras cannot be imported ({error}). If {config} is damaged, delete it."
        ) from error
    finally:
        np.random.set_state(states[0])  # noqa: NPY002
        random.setstate(states[1])
        if not configured:  # Keras wrote it: it names TensorFlow, whatever Keras runs on
            with suppress(OSError):
                config.unlink(missing_ok=True)
    _try_device(keras)
    return keras


def _try_device(keras: ModuleType) -> None:
    """Use the device that variables such as ``JAX_PLATFORMS`` ask for, so that it must be there."""
    try:
        keras.ops.convert_to_tensor(0.0)
    except (AssertionError, RuntimeError) as error:  # of JAX, which asserts that a plugin is there
        name = {"torch": "KERAS_TORCH_DEVICE"}.get(keras.backend.backend(), "JAX_PLATFORMS")
        reason = str(error).split("(")[0].strip(" .") or "it is not there"
        raise BackendError(
            f"Keras cannot use the device that it should ({name} is {os.environ.get(name)!r}): "
            f"{reason}. Set {name}=cpu to use the processor, or install what the device needs."
        ) from error


def device() -> str:
    """Return the device the backend will compute on, such as ``"cpu"`` or ``"NVIDIA H100"``."""
    backend = load().backend.backend()
    if backend == "jax":
        import jax

        return str(jax.devices()[0].device_kind)
    if backend == "tensorflow":
        import tensorflow

        gpus = tensorflow.config.list_physical_devices("GPU")
        return str(gpus[0].name) if gpus else "cpu"
    import torch

    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_available() else "cpu"


def _keep_compiled_code() -> None:
    """Let JAX reuse compiled programs from one process to the next: seconds saved each time."""
    import jax

    from anomaly_lab.paths import cache_folder  # where files lie changes no number

    folder = cache_folder("jax")
    if folder is None or os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


def _installed(backend: str) -> bool:
    return importlib.util.find_spec(backend) is not None


def _asked_for(backend: str) -> str:
    if backend not in BACKENDS:
        raise BackendError(
            f"KERAS_BACKEND must be one of {', '.join(BACKENDS)}; it is {backend!r}. "
            "Change it, or unset it to let the package choose."
        )
    if not _installed(backend):
        raise BackendError(
            f"KERAS_BACKEND is {backend!r}, which is not installed. "
            f"Install it (python -m pip install {backend}) or unset KERAS_BACKEND."
        )
    return backend


def _keras_json() -> Path:
    home = os.environ.get("KERAS_HOME")
    # as Keras does it; without a home there is no such file
    return Path(home or os.path.expanduser("~/.keras")) / "keras.json"


def _configured() -> str | None:
    try:
        settings = json.loads(_keras_json().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    backend = settings.get("backend") if isinstance(settings, dict) else None
    return backend if backend in BACKENDS else None
