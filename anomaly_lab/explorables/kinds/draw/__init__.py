"""An image to paint, and what a network and PCA make of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab import thresholds
from anomaly_lab.detectors.pca import PCADetector
from anomaly_lab.drawing import Picture
from anomaly_lab.explorables.explorable import Explorable
from anomaly_lab.explorables.networks import images, layers, numbers

Array = npt.NDArray[Any]


def draw(
    encoder: Any,
    decoder: Any,
    pca: PCADetector,
    calibration: Array,
    examples: Mapping[str, Array],
    picture: Picture,
) -> Explorable:
    """Return the painter: an image of 8 by 8 pixels, and what a network and PCA make of it.

    Parameters
    ----------
    encoder, decoder : keras.Sequential
        The network, from and to rows of shape (n, 64) with pixels from 0 to 1.
    pca : PCADetector
        Fitted to the same rows.
    calibration : ndarray of shape (n, 64)
        Normal rows that neither was fitted on. The cutoff of each lets one in twenty of such rows
        lie above it.
    examples : mapping of str to ndarray of shape (64,)
        Images to begin from, by what they show.
    picture : Picture
        What stands in its place where no script runs.
    """
    rule = thresholds.Quantile(0.95)
    errors = ((calibration - np.asarray(decoder(encoder(calibration)))) ** 2).mean(axis=1)
    data = {
        "encoder": layers(encoder),
        "decoder": layers(decoder),
        "cutoff": rule.fit(errors).cutoff_,
        "pca": {
            "mean": numbers(pca.mean_),
            "components": numbers(pca.components_),
            "cutoff": rule.fit(pca.contributions(calibration).mean(axis=1)).cutoff_,
        },
        "rows": images(examples),
    }
    return Explorable("draw", data, picture)
