"""Images of 8 by 8 pixels: digits to show, colours to read."""

from __future__ import annotations

from typing import Any

import numpy as np
from playwright.sync_api import Locator
from sklearn.datasets import load_digits

Array = np.ndarray[Any, Any]


def digits() -> dict[str, Array]:
    """A row of each digit, pixels from 0 to 1, by what it shows."""
    rows, labels = load_digits(return_X_y=True)
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return {name: rows[labels == digit][0] / 16 for digit, name in enumerate(names)}


def all_digits() -> Array:
    return (load_digits().data / 16).astype("float32")


def inputs(seed: int = 0) -> Array:
    """250 digits, and 250 images of noise, some of it beyond what a pixel may be."""
    noise = np.random.default_rng(seed).uniform(-0.5, 1.5, (250, 64))
    return np.concatenate([all_digits()[-250:], noise]).astype("float32")


def as_shown(value: float) -> float:
    """A number with the three figures that people read."""
    return float(f"{value:.3g}")


def colours(image: Locator) -> Array:
    """Red, green and blue of the 64 pixels of an image on its mat."""
    drawn = image.evaluate("image => [...image.getContext('2d').getImageData(0, 0, 10, 10).data]")
    whole = np.array(drawn).reshape(10, 10, 4)
    assert (whole[..., 3] == 255).all()
    assert (whole[[0, -1]] == [128, 128, 128, 255]).all(), "the mat"
    return whole[1:-1, 1:-1, :3].reshape(64, 3)


def grey(values: Array) -> Array:
    """The colours that matplotlib's "gray" gives pixels from 0 to 1."""
    return np.repeat(np.rint(255 * np.clip(values, 0, 1))[:, None], 3, axis=1)


def heat(errors: Array) -> Array:
    """The colours of squared errors: by their root, from black over vermilion to near white."""
    stops = np.array([[0, 0, 0], [213, 94, 0], [255, 240, 200]])
    at = np.sqrt(np.clip(errors, 0, 1))
    return np.stack([np.interp(at, [0, 0.5, 1], stop) for stop in stops.T], axis=1)
