"""Electrocardiogram beats from the dynamical model of McSharry et al. (2003)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from anomaly_lab.datasets.dataset import RowsAndLabels

SAMPLES = 140  # of one beat
KINDS = ("normal", "premature ventricular", "ST depressed", "weak P wave")
ABNORMAL_SHARE = 0.1

# The waves P, Q, R, S, T of the paper's Table I: angle (rad), height, width (rad).
_ANGLE = np.array([-np.pi / 3, -np.pi / 12, 0, np.pi / 12, np.pi / 2])
_HEIGHT = np.array([1.2, -5.0, 30.0, -7.5, 0.75])
_WIDTH = np.array([0.25, 0.1, 0.1, 0.1, 0.4])

# What a fully abnormal beat multiplies them by, one row a kind.
_ANGLE_FACTOR = np.array([[1, 1, 1, 1, 1], [1, 2, 1, 2.5, 1], [1, 1, 1, 2.5, 1], [1, 1, 1, 1, 1]])
_HEIGHT_FACTOR = np.array(
    [[1, 1, 1, 1, 1], [0, 0.2, 0.2, 0.2, -2], [1, 1, 1, 0.12, 0.4], [0, 1, 1, 1, 1]]
)
_WIDTH_FACTOR = np.array(
    [[1, 1, 1, 1, 1], [1, 2.2, 2.2, 2.2, 1], [1, 1, 1, 3.5, 1], [1, 1, 1, 1, 1]]
)

_MILLIVOLTS = 30.0  # one unit of the model's z; an R wave is then about 1.2 mV
_BREATH = 0.25  # respiratory frequency, hertz
_STEPS = 2  # integration steps a sample

Waves = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def heartbeats(rows: int, rng: Generator) -> RowsAndLabels:
    """Draw heartbeats, one in ten of them abnormal.

    Each beat is one turn of the model from the middle between two beats to the next, R wave in
    the middle, with waves, beat length, baseline and noise varied from beat to beat. Abnormal
    beats are, in equal shares, premature ventricular (short, no P wave, wide QRS complex,
    inverted T wave), with depressed ST segment (S wave late and wide, T wave flat), or with a
    weak P wave or none; each by a severity between 0.5 and 1.

    Parameters
    ----------
    rows : int
        How many beats.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    DataFrame of shape (rows, 140)
        Millivolts at 140 equal steps through the beat.
    array of shape (rows,)
        1 = abnormal.

    References
    ----------
    McSharry, Clifford, Tarassenko & Smith (2003), A dynamical model for generating synthetic
    electrocardiogram signals, IEEE Transactions on Biomedical Engineering 50(3),
    doi:10.1109/TBME.2003.808805
    """
    kind = draw_kinds(rows, rng)
    volts = beats(kind, rng)
    columns = [f"t{i:03d}" for i in range(SAMPLES)]
    return pd.DataFrame(volts, columns=columns), (kind > 0).astype(np.int8)


def draw_kinds(rows: int, rng: Generator) -> NDArray[np.int64]:
    """Draw an index into `KINDS` for each beat; a tenth of the beats is not normal.

    Parameters
    ----------
    rows : int
        How many beats.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    array of shape (rows,)
        0 for a normal beat, 1, 2 or 3 for the others.
    """
    kind = np.zeros(rows, dtype=np.int64)
    abnormal = round(ABNORMAL_SHARE * rows)
    kind[:abnormal] = 1 + np.arange(abnormal) % (len(KINDS) - 1)
    return rng.permutation(kind)


def beats(kind: NDArray[np.int64], rng: Generator) -> NDArray[np.float64]:
    """Simulate one beat of each kind.

    Parameters
    ----------
    kind : array of shape (n,)
        Indices into `KINDS`.
    rng : Generator
        Source of the random numbers.

    Returns
    -------
    array of shape (n, 140)
        Millivolts.
    """
    seconds = rng.normal(0.85, 0.05, len(kind)) * np.where(kind == 1, 0.75, 1)
    volts = _integrate(_waves(kind, rng), seconds)
    phase = rng.uniform(0, 2 * np.pi, (len(kind), 1))
    time = seconds[:, None] * np.linspace(0, 1, SAMPLES)
    volts += 0.08 * np.sin(phase + 2 * np.pi * _BREATH * time)
    return volts + rng.normal(0, 0.025, volts.shape)


def _waves(kind: NDArray[np.int64], rng: Generator) -> Waves:
    """Draw angle, height and width of the five waves of each beat, each of shape (n, 5)."""
    severity = rng.uniform(0.5, 1, (len(kind), 1))
    misplaced = rng.normal(0, 0.02, (len(kind), 1))
    shape = (len(kind), 5)
    angle = _ANGLE + rng.normal(0, 0.05, shape) * [2, 1, 0, 1, 2] + misplaced
    height = _HEIGHT * rng.normal(1, 0.15, shape)
    width = _WIDTH * rng.normal(1, 0.08, shape)
    return (
        angle * (1 + severity * (_ANGLE_FACTOR[kind] - 1)),
        height * (1 + severity * (_HEIGHT_FACTOR[kind] - 1)),
        width * (1 + severity * (_WIDTH_FACTOR[kind] - 1)),
    )


def _integrate(waves: Waves, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve the model's third equation from the angle -pi to pi, with wave angles mid-step.

    dz/dt = -sum_i a_i d_i exp(-d_i^2 / (2 b_i^2)) - z, where d_i is the angle from wave i.
    """
    angle, height, width = waves
    step = seconds / (SAMPLES * _STEPS)
    z = np.zeros(len(seconds))
    volts = np.empty((len(seconds), SAMPLES))
    ends = np.linspace(-np.pi, np.pi, SAMPLES * _STEPS + 1)
    for index, turn in enumerate((ends[1:] + ends[:-1]) / 2):
        away = turn - angle
        push = (height * away * np.exp(-0.5 * (away / width) ** 2)).sum(axis=1)
        z = z - step * (push + z)
        if index % _STEPS == _STEPS - 1:
            volts[:, index // _STEPS] = _MILLIVOLTS * z
    return volts
