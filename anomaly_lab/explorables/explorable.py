"""What a page shows where a script brings a picture to life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anomaly_lab.drawing import Picture

MIME = "application/vnd.anomaly-lab.explorable+json"

# Said in notebooks; the site leaves it out.
STILL = "<p><small>A still picture. On the site it is interactive.</small></p>"


@dataclass(frozen=True)
class Explorable:
    """Something to touch on the site.

    Parameters
    ----------
    kind : str
        The script that shows it: that of a folder of ``anomaly_lab/explorables/kinds/``.
    data : dict
        What the script is given; JSON can hold it.
    picture : Picture
        What stands in its place where no script runs.
    """

    kind: str
    data: dict[str, Any]
    picture: Picture

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "text/html": self.picture._repr_html_() + STILL,
            "text/plain": repr(self.picture),
            MIME: {"kind": self.kind, "data": self.data},
        }
