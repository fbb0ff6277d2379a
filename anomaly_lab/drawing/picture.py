"""A figure and its alternative text: one object, for notebooks, pages and reports."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anomaly_lab.drawing.svg import drawn, for_page
from anomaly_lab.errors import InputError


@dataclass(frozen=True)
class Picture:
    """A figure with its alternative text: notebooks show it, screen readers read the text.

    Parameters
    ----------
    ax : Axes
        Axes of the figure; the whole figure they are in is shown, as it is when first asked for.
    alt : str
        What is to be seen: the finding, in a sentence or three.

    Raises
    ------
    InputError
        If there is no alternative text.
    """

    ax: Axes
    alt: str

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise InputError(
                "Expected alt text that says what the figure shows, got none: write a sentence for "
                "those who cannot see it."
            )

    def svg(self, prefix: str | None = None) -> str:
        """Return the figure as one ``<svg>`` element for a web page.

        Parameters
        ----------
        prefix : str, optional
            Put before every id: different for each figure of a page. By default it is made of the
            alternative text.

        Returns
        -------
        str
        """
        usual = "p" + hashlib.sha256(self.alt.encode()).hexdigest()[:8]
        return for_page(self._drawn, prefix or usual, self.alt)

    @cached_property
    def _drawn(self) -> str:
        return drawn(self.ax.figure.figure)

    def _repr_html_(self) -> str:
        self.close()
        return f'<figure class="picture">{self.svg()}</figure>'

    def __repr__(self) -> str:
        return f"<Picture: {self.alt}>"

    def close(self) -> None:
        """Take the figure from pyplot, lest a notebook show it a second time."""
        from matplotlib import pyplot

        pyplot.close(self.ax.figure.figure)


def show(figure: Figure | Axes, alt: str) -> Picture:
    """Return a figure of your own as a picture with alternative text, and close it.

    Parameters
    ----------
    figure : Figure or Axes
        What to show; of axes, the whole figure they are in.
    alt : str
        What is to be seen: the finding, in a sentence or three.

    Returns
    -------
    Picture

    Raises
    ------
    InputError
        If there is no alternative text.
    """
    picture = Picture(figure if isinstance(figure, Axes) else figure.axes[0], alt)
    picture.close()
    return picture
