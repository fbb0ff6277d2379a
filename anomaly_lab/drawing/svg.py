"""Figures as SVG for a web page: its colours, its fonts, light and dark."""

from __future__ import annotations

import html
import io
import re
import warnings

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from anomaly_lab.drawing.style import style

# What a web page shows instead on a dark background, where these would be too dark to read.
_ON_DARK = {
    "#0072b2": "#56a8de",
    "#d55e00": "#f0813a",
    "#aa4499": "#d584c8",
    "#009e73": "#2dbe93",
    "#a67c00": "#cfa21f",
    "#2e86c1": "#6fb3e3",
    "#808080": "#9a9a9a",
    "#781800": "#d47a63",
    "#004d40": "#9be0a0",
    "#4800a8": "#9d7bff",
    "#7b68c8": "#a597e6",
    "#a6611a": "#d08a45",
    "#117733": "#55b877",
}
_DPI = 200  # of what is drawn as an image inside an SVG


def drawn(figure: Figure) -> str:
    """Return a figure as matplotlib writes it in SVG, with a transparent background."""
    file = io.StringIO()
    with style(), warnings.catch_warnings():
        # The page's fonts draw the text, so it is no matter what matplotlib's lack.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        ConstrainedLayoutEngine().execute(figure)
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None}, dpi=_DPI)
    return file.getvalue()


def for_page(svg: str, prefix: str, alt: str) -> str:
    """Return SVG that matplotlib wrote as one element of a web page, with the role of an image.

    Black becomes ``currentColor``, the fixed colours are lighter where the page is dark. `prefix`
    is put before every id.
    """
    body = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>", "", svg, flags=re.S)
    body = body[body.index("<svg") :]
    view_box = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', body)
    assert view_box
    width, height = view_box.groups()  # in points
    body = body[body.index(">") + 1 :].replace("#000000", "currentColor").replace("xlink:", "")
    colours = {light: dark for light, dark in _ON_DARK.items() if light in body}
    for light in colours:
        body = body.replace(light, f"var(--{light[1:]})")
    defined = "".join(f"--{a[1:]}: light-dark({a}, {b}); " for a, b in colours.items())
    body = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", body)
    body = re.sub(r"<[^>]+>", _shortened, body)
    body = re.sub(r">\s+<", "><", body)
    needed = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in needed else "", body)
    body = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", body)
    return (
        f'<svg {view_box[0]} role="img" aria-label="{html.escape(alt)}" style="{defined}max-width: '
        f"{1.5 * float(width):.0f}px; aspect-ratio: {width} / {height}; fill: currentColor; "
        f'stroke-linejoin: round; stroke-linecap: butt">{body.strip()}'
    )


def _shortened(tag: re.Match[str]) -> str:
    # Hundredths of a point are enough, but not of the scale of an image.
    text = re.sub(r"matrix\([^)]*\)|(\d\.\d\d)\d+", lambda found: found[1] or found[0], tag[0])
    text = re.sub(r' transform="rotate\(-0 [^"]*"', "", text)
    return re.sub(r" ?\n(?=[A-Za-z\"])", "", text)
