"""A point to drag around a curved cloud, put back by a line and by a curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab import thresholds
from anomaly_lab.detectors.pca import PCADetector
from anomaly_lab.drawing import Picture
from anomaly_lab.explorables.explorable import Explorable
from anomaly_lab.explorables.networks import layers

Array = npt.NDArray[Any]


def line_and_curve(
    rows: Array, calibration: Array, pca: PCADetector, encoder: Any, decoder: Any, picture: Picture
) -> Explorable:
    """Return a point to drag around a curved cloud, put back by a line and by a curve.

    Parameters
    ----------
    rows : ndarray of shape (n, 2)
        The cloud.
    calibration : ndarray of shape (m, 2)
        Normal rows that neither was fitted on. The cutoff of each lets one in twenty of such rows
        lie above it.
    pca : PCADetector
        Fitted to the cloud with one component.
    encoder, decoder : keras.Sequential
        A network with a bottleneck of 1, trained on it.
    picture : Picture
        What stands in its place where no script runs.

    Returns
    -------
    Explorable
        Its cutoffs are in the unit of the rows: lengths of residuals, not squares.
    """
    codes = np.asarray(encoder(rows))
    rule = thresholds.Quantile(0.95)
    residuals = calibration - np.asarray(decoder(encoder(calibration)))
    data = {
        "rows": np.round(np.asarray(rows, float), 4).tolist(),
        "line": {"mean": pca.mean_.tolist(), "direction": pca.components_[0].tolist()},
        "encoder": layers(encoder),
        "decoder": layers(decoder),
        "codes": [float(codes.min()), float(codes.max())],
        "cutoffs": {
            "pca": rule.fit(np.sqrt(pca.contributions(calibration).sum(axis=1))).cutoff_,
            "autoencoder": rule.fit(np.linalg.norm(residuals, axis=1)).cutoff_,
        },
        "places": [
            {"name": name, "x": float(x), "y": float(y)}
            for name, (x, y) in _places(rows, pca, encoder, decoder).items()
        ],
    }
    return Explorable("line_and_curve", data, picture)


def _places(rows: Array, pca: PCADetector, encoder: Any, decoder: Any) -> dict[str, Array]:
    """Return points at which a line and a curve through a cloud differ, by name."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    beyond = 0.2 * (high - low).max()
    codes = np.asarray(encoder(rows))
    quarter, near_tip, tip = np.asarray(decoder(np.quantile(codes, [0.25, 0.95, 1])[:, None]))
    ahead = (tip - near_tip) / np.linalg.norm(tip - near_tip)
    direction = pca.components_[0]
    along = (rows - pca.mean_) @ direction
    return {
        "At the mean": pca.mean_,
        "On the curve": quarter,
        "At its tip": tip,
        "Beyond its tip": tip + beyond * ahead,
        "Far out on the line": pca.mean_ + (along.max() + beyond) * direction,
        "Where the curve is nearer": _astray(low, high, codes, encoder, decoder),
    }


def _astray(low: Array, high: Array, codes: Array, encoder: Any, decoder: Any) -> Array:
    """Return the point of a box that is put back farthest beyond the nearest point of the curve."""
    xs, ys = np.linspace(low, high, 41).T
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    curve = np.asarray(decoder(np.linspace(codes.min(), codes.max(), 200)[:, None]))
    nearest = np.linalg.norm(points[:, None] - curve, axis=2).min(axis=1)
    lengths = np.linalg.norm(points - np.asarray(decoder(encoder(points))), axis=1)
    return points[(lengths - nearest).argmax()]
