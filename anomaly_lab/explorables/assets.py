"""The scripts and the style sheet that a site with explorables publishes."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).parent


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
