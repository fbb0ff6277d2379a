"""What a page shows where a script brings a picture to life, and the scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_lab.drawing import Picture

MIME = "application/vnd.anomaly-lab.explorable+json"

# Said in notebooks; the site leaves it out.
STILL = "<p><small>A still picture. On the site it is interactive.</small></p>"
_HERE = Path(__file__).parent


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


def assets() -> dict[str, str]:
    """Return what a site publishes, by its address there.

    Returns
    -------
    dict of str to str
        The loader, which pages name; the scripts that it loads, those shared and those of each
        kind; one style sheet.
    """
    scripts = [_HERE / "shared.js", _HERE / "pixels.js", *sorted(_HERE.glob("kinds/*/*.js"))]
    sheets = [_HERE / "shared.css", _HERE / "pixels.css", *sorted(_HERE.glob("kinds/*/*.css"))]
    return {
        "javascripts/explorables.js": (_HERE / "loader.js").read_text("utf-8"),
        **{f"javascripts/explorables/{one.name}": one.read_text("utf-8") for one in scripts},
        "stylesheets/explorables.css": "\n".join(one.read_text("utf-8") for one in sheets),
    }
