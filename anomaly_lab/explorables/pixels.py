"""Images of 8 by 8 pixels, as `pixels.js` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def images(examples: Mapping[str, npt.ArrayLike]) -> list[dict[str, Any]]:
    """Return images with their names, each pixel as a whole number from 0 to 16."""
    return [
        {"name": name, "pixels": np.rint(16 * np.asarray(row)).astype(int).tolist()}
        for name, row in examples.items()
    ]
