"""Pages with one explorable each, as the site shows it, and what they are made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import material
import numpy as np
from matplotlib.figure import Figure

from anomaly_lab import keras_setup
from anomaly_lab.explorables import Explorable
from anomaly_lab.pictures import Picture, show

DOCS = Path(__file__).parents[1] / "docs"
THEME = Path(material.__file__).parent / "templates" / "assets" / "stylesheets"


def picture(alt: str = "A stand-in for the picture of an explorable.") -> Picture:
    """Something to stand in an explorable's place."""
    figure = Figure(figsize=(4, 2))
    figure.add_subplot().plot([0, 1])
    return show(figure, alt)


def lay(folder: Path, made: Explorable, scheme: str = "light") -> str:
    """Write a page that shows an explorable, and return its address."""
    name = f"00-{made.kind}"
    (folder / "explorables").mkdir(parents=True, exist_ok=True)
    data = json.dumps(made.data)
    (folder / "explorables" / f"{name}.js").write_text(f'explorables.data["{name}"]={data}\n')
    for part in ("javascripts", "stylesheets"):
        if not (folder / part).exists():
            (folder / part).symlink_to(DOCS / part)
    theme = [path.as_uri() for path in (*THEME.glob("main.*.css"), *THEME.glob("palette.*.css"))]
    sheets = [*theme, "stylesheets/site.css", "stylesheets/gallery.css"]
    page = folder / f"{made.kind}-{scheme}.html"
    page.write_text(
        f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{made.kind}</title>
{"".join(f'<link rel="stylesheet" href="{sheet}">' for sheet in sheets)}
<script src="javascripts/explorables.js" defer></script>
</head>
<body data-md-color-scheme="{"slate" if scheme == "dark" else "default"}"
 data-md-color-primary="custom" data-md-color-accent="custom" dir="ltr">
<main class="md-content md-typeset" style="padding: 1rem; max-width: 42rem">
<h1>A page</h1>
<div class="explorable" id="{made.kind}" data-explorable="{name}">{made.picture._repr_html_()}</div>
</main>
</body>
</html>
""",
        encoding="utf-8",
    )
    return page.as_uri()


def chain(sizes: Sequence[int], rows: Any, epochs: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """A trained encoder and decoder; `sizes` are the widths from the row to the code."""
    keras = keras_setup.load()
    keras.utils.set_random_seed(seed)
    dense: Callable[..., Any] = keras.layers.Dense
    down, up = list(sizes[1:-1]), list(sizes[-2:0:-1])
    encoder = keras.Sequential(
        [keras.Input((sizes[0],)), *(dense(n, "relu") for n in down), dense(sizes[-1])]
    )
    decoder = keras.Sequential(
        [keras.Input((sizes[-1],)), *(dense(n, "relu") for n in up), dense(sizes[0])]
    )
    model = keras.Sequential([encoder, decoder])
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    rows = np.asarray(rows, "float32")
    model.fit(rows, rows, batch_size=64, epochs=epochs, verbose=0)
    return encoder, decoder
