"""Points in the plane for pictures: a shape, and anomalies well away from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from anomaly_lab.datasets.dataset import RowsAndLabels

ANOMALY_SHARE = 0.1
EDGE = 1.7  # anomalies fall into the square from -EDGE to EDGE, or a part of it
NEAR, FAR = 3, 5  # normal points lie within NEAR spreads of the shape, anomalies beyond FAR
NOISE = "noise"  # has no shape: its labels are drawn at random
_EIGHTH = np.array([[1.0, -1.0], [1.0, 1.0]]) / np.sqrt(2)  # points @ it: turned clockwise

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """Where the points are.

    Parameters
    ----------
    curve : callable
        Numbers in [0, 1), shape (n,), -> points of the shape, shape (n, 2).
    spreads : tuple of float
        Spread around the shape, one for each of equal parts of [0, 1).
    centres : tuple of (float, float)
        Of the squares that anomalies fall into, in turn.
    half : float
        Half the width of these squares.
    """

    curve: Callable[[Points], Points]
    spreads: tuple[float, ...]
    centres: tuple[tuple[float, float], ...] = ((0, 0),)
    half: float = EDGE


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


def _disc(u: Points) -> Points:
    radius = 1.1 * np.sqrt(u)  # a spiral whose ten turns touch
    angle = 2 * np.pi * 10 / 1.1 * radius
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def _diagonal(u: Points) -> Points:
    return (1.6 * u - 0.8)[:, None] * [1, 1]


def _bow(u: Points) -> Points:
    bend = (2 * u - 1) ** 2 - 1 / 3
    return _diagonal(u) + bend[:, None] * [-1, 1]


def _spots(*spots: tuple[float, float]) -> Callable[[Points], Points]:
    return lambda u: np.array(spots)[(len(spots) * u).astype(int)]


SHAPES = {
    "blobs": Shape(_blobs, (0.13,)),
    "ring": Shape(_ring, (0.05,)),
    "moons": Shape(_moons, (0.05,)),
    "spiral": Shape(_spiral, (0.03,)),
    "line": Shape(_line, (0.05,)),
    "disc": Shape(_disc, (0.05,)),
    "diagonal": Shape(_diagonal, (0.06,), half=0.8),
    "bow": Shape(_bow, (0.06,), half=0.8),
    "densities": Shape(_spots((-0.9, -0.7), (0.55, 0.45)), (0.05, 0.25), ((-0.9, -0.7),), 0.55),
    "clump": Shape(_spots((-0.4, 0.4)), (0.25,), ((1.1, -1.1),), 0.12),
    "pair": Shape(_spots((-1, -0.5), (1, 0.5)), (0.16,), half=0.15),
    "single": Shape(_spots((-1, -0.5)), (0.16,), half=0.15),
    "plus": Shape(_spots((1, 0), (0, 1), (-1, 0), (0, -1)), (0.16,), half=0.12),
}
# The same points turned by an eighth of a turn, so that the cause of a failure can be taken away.
TURNED = {"level": "diagonal", "square": "plus"}


def shape(name: str, rows: int, rng: Generator) -> RowsAndLabels:
    """Draw points around a shape, and one in ten uniformly away from it.

    Parameters
    ----------
    name : str
        A shape, a turned one, or `NOISE`.
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
        Of `NOISE`, one in ten at random.
    """
    y = rng.permutation(np.arange(rows) < round(ANOMALY_SHARE * rows))
    points = rng.uniform(-EDGE, EDGE, (rows, 2)) if name == NOISE else _points(name, y, rng)
    return pd.DataFrame(points, columns=["x", "y"]), y.astype(np.int8)


def distance(name: str, points: Points) -> Points:
    """Measure how far points are from a shape.

    Parameters
    ----------
    name : str
        A shape, or a turned one.
    points : array of shape (n, 2)
        Where to measure.

    Returns
    -------
    array of shape (n,)
        Distance to the nearest of 5,000 points of the shape, in its spreads; of a shape in parts
        with spreads of their own, the least of the distances to these.
    """
    if name in TURNED:
        return distance(TURNED[name], points @ _EIGHTH.T)
    curve, spreads = SHAPES[name].curve, SHAPES[name].spreads
    ends = np.linspace(0, 1, len(spreads) + 1)
    parts = [curve(np.linspace(*part, 5000, endpoint=False)) for part in pairwise(ends)]
    return np.min(
        [cKDTree(p).query(points)[0] / spread for p, spread in zip(parts, spreads, strict=True)],
        axis=0,
    )


def _points(name: str, y: NDArray[np.bool_], rng: Generator) -> Points:
    if name in TURNED:
        return _points(TURNED[name], y, rng) @ _EIGHTH
    points = np.empty((len(y), 2))
    points[~y] = _around(name, int((~y).sum()), rng)
    points[y] = _away(name, int(y.sum()), rng)
    return points


def _around(name: str, n: int, rng: Generator) -> Points:
    curve, spreads = SHAPES[name].curve, SHAPES[name].spreads
    noise = rng.normal(size=(n, 2))
    length = np.linalg.norm(noise, axis=1, keepdims=True)
    u = rng.random(n)
    spread = np.array(spreads)[(len(spreads) * u).astype(int), None]
    return curve(u) + spread * noise * np.minimum(1, NEAR / length)


def _away(name: str, n: int, rng: Generator) -> Points:
    half, centres = SHAPES[name].half, SHAPES[name].centres
    drawn = rng.uniform(-half, half, (10 * n, 2)) + np.resize(centres, (10 * n, 2))
    far = drawn[distance(name, drawn) > FAR]
    return far[:n] if len(far) >= n else np.vstack([far, _away(name, n - len(far), rng)])
