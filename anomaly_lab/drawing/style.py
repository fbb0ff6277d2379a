"""How figures look: one style, fixed colours, and a look for each detector."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

NORMAL = "#0072B2"
ANOMALY = "#D55E00"
QUIET = "#808080"
Look: TypeAlias = tuple[str, Any, str]  # colour, line style, marker
LOOKS: dict[str, Look] = {  # of the detectors
    "autoencoder": ("#AA4499", "-", "o"),
    "knn": ("#009E73", "--", "s"),
    "pca": ("#A67C00", "-.", "^"),
    "isolation_forest": ("#2E86C1", (0, (4, 1, 1, 1, 1, 1)), "D"),
    "centroid": (QUIET, ":", "v"),
    "lof": ("#781800", (0, (7, 2)), "P"),
    "empirical_tail": ("#004D40", (0, (2, 1)), ">"),
    "vae": ("#4800A8", (0, (6, 1, 1, 1)), "X"),
    "ensemble": ("#000000", (0, (14, 1)), "*"),
}
_OTHER_COLOURS = "#7B68C8", "#A6611A", "#117733"
_OTHER_LINES = "-", "--", "-.", ":"
_OTHER_MARKERS = "p", "<", "H", "d", "8"
STYLE = Path(__file__).with_name("anomaly_lab.mplstyle")

P = ParamSpec("P")
T = TypeVar("T")


def look(name: str) -> Look:
    """Return how a detector is drawn: colour, line style and marker, the same in every figure.

    Parameters
    ----------
    name : str
        Its name. One that `LOOKS` lacks gets a look by its letters.

    Returns
    -------
    tuple
        Colour, line style and marker, as matplotlib takes them.
    """
    if name in LOOKS:
        return LOOKS[name]
    n = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    n, colour = divmod(n, len(_OTHER_COLOURS))
    n, line = divmod(n, len(_OTHER_LINES))
    return _OTHER_COLOURS[colour], _OTHER_LINES[line], _OTHER_MARKERS[n % len(_OTHER_MARKERS)]


@functools.cache
def _settings() -> matplotlib.RcParams:
    return matplotlib.rc_params_from_file(STYLE, use_default_template=False)


def style() -> AbstractContextManager[None]:
    """Return this package's style for a ``with`` block, which leaves the user's as it was."""
    return matplotlib.rc_context(_settings())


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Return a function that draws in this package's style."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        with style():
            return draw(*args, **kwargs)

    return drawn


def new_axes(height: float = 3.0, width: float = 4.4) -> Axes:
    """Return the axes of a new figure, in inches, that pyplot does not know: for files."""
    with style():
        return Figure(figsize=(width, height)).add_subplot()
