"""Points in the plane for pictures: a shape, and anomalies well away from it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

ANOMALY_SHARE = 0.1
EDGE = 1.7  # anomalies fall into the square from -EDGE to EDGE
NEAR, FAR = 3, 5  # normal points lie within NEAR spreads of the shape, anomalies beyond FAR

Points = NDArray[np.float64]


def _blobs(u: Points) -> Points:
    angle = 2 * np.pi * (np.floor(3 * u) / 3 + 0.25)
    return 0.9 * np.column_stack([np.cos(angle), np.sin(angle)])


def _ring(u: Points) -> Points:
    return 1.1 * np.column_stack([np.cos(2 * np.pi * u), np.sin(2 * np.pi * u)])


def _moons(u: Points) -> Points:
    angle, side = 2 * np.pi * u, np.where(u < 0.5, 1, -1)
    return 0.85 * np.column_stack([np.cos(angle) - side / 2, np.sin(angle) - side / 4])


def _spiral(u: Points) -> Points:
    radius = 0.15 + 1.15 * np.sqrt(u)  # the root spreads points evenly along the curve
    angle = 3 * np.pi * radius
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def _line(u: Points) -> Points:
    x = 2.6 * u - 1.3
    return np.column_stack([x, 0.7 * np.sin(2.5 * x)])


# name -> (points of the shape for u in [0, 1), spread around it)
SHAPES: dict[str, tuple[Callable[[Points], Points], float]] = {
    "blobs": (_blobs, 0.13),
    "ring": (_ring, 0.05),
    "moons": (_moons, 0.05),
    "spiral": (_spiral, 0.03),
    "line": (_line, 0.05),
}


def shape(name: str, rows: int, rng: Generator) -> tuple[pd.DataFrame, NDArray[np.int8]]:
    """Draw points around a shape, and one in ten uniformly away from it.

    Parameters
    ----------
    name : str
        A key of `SHAPES`.
    rows : int
        How many points.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    DataFrame of shape (rows, 2)
        Columns x and y, about -1.7 to 1.7.
    array of shape (rows,)
        1 = anomaly: at least five spreads from the shape, where normal points are within three.
    """
    y = rng.permutation(np.arange(rows) < round(ANOMALY_SHARE * rows))
    points = np.empty((rows, 2))
    points[~y] = _around(name, int((~y).sum()), rng)
    points[y] = _away(name, int(y.sum()), rng)
    return pd.DataFrame(points, columns=["x", "y"]), y.astype(np.int8)


def distance(name: str, points: Points) -> Points:
    """Measure how far points are from a shape.

    Parameters
    ----------
    name : str
        A key of `SHAPES`.
    points : array of shape (n, 2)
        Where to measure.

    Returns
    -------
    array of shape (n,)
        Distance to the nearest of 5,000 points of the shape, in its spreads.
    """
    curve, spread = SHAPES[name]
    return cKDTree(curve(np.linspace(0, 1, 5000, endpoint=False))).query(points)[0] / spread


def _around(name: str, n: int, rng: Generator) -> Points:
    curve, spread = SHAPES[name]
    noise = rng.normal(size=(n, 2))
    length = np.linalg.norm(noise, axis=1, keepdims=True)
    return curve(rng.random(n)) + spread * noise * np.minimum(1, NEAR / length)


def _away(name: str, n: int, rng: Generator) -> Points:
    drawn = rng.uniform(-EDGE, EDGE, (10 * n, 2))
    far = drawn[distance(name, drawn) > FAR]
    return far[:n] if len(far) >= n else np.vstack([far, _away(name, n - len(far), rng)])
