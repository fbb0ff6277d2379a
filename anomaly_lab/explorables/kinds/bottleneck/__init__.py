"""A row in, its code to turn, and what the decoder draws of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab.drawing import Picture
from anomaly_lab.explorables.explorable import Explorable
from anomaly_lab.explorables.networks import images, layers, rounded

Array = npt.NDArray[Any]


def bottleneck(
    networks: Mapping[int, tuple[Any, Any]],
    fit_rows: Array,
    examples: Mapping[str, Array],
    picture: Picture,
) -> Explorable:
    """Return the bottleneck explorer: a row in, its code to turn, what the decoder draws of it.

    Parameters
    ----------
    networks : mapping of int to (encoder, decoder)
        By the width of the bottleneck. Their weights are `rounded` in place.
    fit_rows : ndarray of shape (n, 64)
        What they were fitted on, pixels from 0 to 1. The mean of each code unit over these rows is
        shown; their spread is the unit in which it is turned.
    examples : mapping of str to ndarray of shape (64,)
        Rows to send through, by what they show.
    picture : Picture
        What stands in its place where no script runs.
    """
    shown = []
    for width, (encoder, decoder) in networks.items():
        rounded(encoder), rounded(decoder)
        codes = np.asarray(encoder(fit_rows))
        spread = np.round(codes.std(axis=0, dtype=float), 5)
        shown.append(
            {
                "width": width,
                "encoder": layers(encoder, half=True),
                "decoder": layers(decoder, half=True),
                "mean": np.round(codes.mean(axis=0, dtype=float), 5).tolist(),
                "spread": np.where(spread > 0, spread, 1).tolist(),  # 1 where a unit never moves
            }
        )
    return Explorable("bottleneck", {"networks": shown, "rows": images(examples)}, picture)
