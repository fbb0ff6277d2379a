"""Heartbeats through a network, their scores on a line, and a cutoff to drag."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab.drawing import Picture
from anomaly_lab.errors import InputError
from anomaly_lab.explorables.explorable import Explorable
from anomaly_lab.explorables.networks import numbers

Array = npt.NDArray[Any]
MOST = 80  # beats: more have no room on a phone, and make the page heavy


def heartbeat(
    beats: Array, rebuilt: Array, scores: Array, labels: Array, cutoff: float, picture: Picture
) -> Explorable:
    """Return heartbeats to choose from, each with its reconstruction, and a cutoff to drag.

    Parameters
    ----------
    beats : ndarray of shape (n, d)
        Test beats that the network has not seen, at most 80.
    rebuilt : ndarray of shape (n, d)
        What it makes of them.
    scores : ndarray of shape (n,)
        Their anomaly scores, above zero.
    labels : ndarray of shape (n,)
        1 = abnormal, 0 = normal; the network has not seen these either.
    cutoff : float
        Where the cutoff stands at first.
    picture : Picture
        What stands in its place where no script runs.

    Raises
    ------
    InputError
        Where there are more beats than can be shown, or of one kind only.
    """
    abnormal = int(np.sum(labels))
    if len(beats) > MOST or not 0 < abnormal < len(beats):
        raise InputError(
            f"Expected at most {MOST} heartbeats, normal ones and others, got {len(beats)} with "
            f"{abnormal} abnormal ones."
        )
    data = {
        "beats": numbers(beats, half=True),
        "rebuilt": numbers(rebuilt, half=True),
        "scores": [float(score) for score in scores],
        "labels": [int(label) for label in labels],
        "cutoff": float(cutoff),
    }
    return Explorable("heartbeat", data, picture)
