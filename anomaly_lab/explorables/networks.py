"""Networks, numbers and images as a page's script reads them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab.errors import InputError

Array = npt.NDArray[Any]


def layers(network: Any, *, half: bool = False) -> list[dict[str, Any]]:
    """Return the layers of a Keras network, for a page to compute with.

    Parameters
    ----------
    network : keras.Sequential
        Dense layers, with ReLU or no activation.
    half : bool, default False
        Whether numbers take 2 bytes (IEEE 754 binary16) and not 4. Round the weights first (see
        `rounded`), so that the page and Keras compute with the same.

    Returns
    -------
    list of dict
        Of each layer ``weights``, ``bias`` and ``activation`` (``"relu"`` or ``"linear"``).

    Raises
    ------
    InputError
        If the network has other layers or activations.
    """
    return [_layer(layer, half) for layer in network.layers]


def _layer(layer: Any, half: bool) -> dict[str, Any]:
    activation = getattr(getattr(layer, "activation", None), "__name__", "none")
    known = type(layer).__name__ == "Dense" and activation in ("relu", "linear")
    if not known or not layer.use_bias:
        raise InputError(
            "Expected Dense layers with a bias, and ReLU or no activation, got "
            f"{layer.get_config()}: the page can compute no other."
        )
    weights, bias = map(np.asarray, layer.get_weights())
    return {
        "weights": numbers(weights, half=half),
        "bias": numbers(bias, half=half),
        "activation": activation,
    }


def rounded(network: Any) -> Any:
    """Round the weights of a Keras network to what 2 bytes hold, and return the network."""
    network.set_weights(
        [np.asarray(w).astype(np.float16).astype(np.float32) for w in network.get_weights()]
    )
    return network


def numbers(values: Array, *, half: bool = False) -> dict[str, Any]:
    """Return numbers as base64 of their little-endian bytes, 4 or 2 each, row after row."""
    raw = np.asarray(values).astype("<f2" if half else "<f4")
    return {"bytes": base64.b64encode(raw.tobytes()).decode(), "half": half}


def images(examples: Mapping[str, npt.ArrayLike]) -> list[dict[str, Any]]:
    """Return images of 8 by 8 pixels with their names, each pixel a whole number from 0 to 16."""
    return [
        {"name": name, "pixels": np.rint(16 * np.asarray(row)).astype(int).tolist()}
        for name, row in examples.items()
    ]
