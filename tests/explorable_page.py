"""Pages with one explorable each, as the site shows it; what they are made of; hands."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import material
import numpy as np
from browser import PHONE, Visit
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Locator, Page

from anomaly_lab.drawing import Picture, show
from anomaly_lab.explorables import Explorable, assets
from anomaly_lab.neural import backend

DOCS = Path(__file__).parents[1] / "docs"
KB = 1000
THEME = Path(material.__file__).parent / "templates" / "assets" / "stylesheets"

SPEED = """([kind, part, moves]) => {
  const holder = document.querySelector(".explorable")
  holder.querySelector(".live").remove()
  const begun = performance.now()
  explorables.kinds[kind](holder, explorables.data[`00-${kind}`])
  const ready = performance.now() - begun
  const handle = holder.querySelector(part)
  const { left, top, width, height } = handle.getBoundingClientRect()
  const send = (type, across, down) => handle.dispatchEvent(new PointerEvent(type, {
    clientX: left + across * width, clientY: top + down * height, pointerId: 1, bubbles: true,
  }))
  handle.setPointerCapture = () => {}
  handle.hasPointerCapture = () => true
  send("pointerdown", ...moves[0])
  const steps = moves.map(move => {
    const started = performance.now()
    send("pointermove", ...move)
    document.body.offsetHeight // with the layout that follows
    return performance.now() - started
  })
  steps.sort((a, b) => a - b)
  return [ready, steps[Math.floor(steps.length / 2)], steps.at(-1)]
}"""


def picture(alt: str = "A stand-in for the picture of an explorable.") -> Picture:
    """Something to stand in an explorable's place."""
    figure = Figure(figsize=(4, 2))
    figure.add_subplot().plot([0, 1])
    return show(figure, alt)


def lay(folder: Path, made: Explorable) -> str:
    """Write a page that shows an explorable, and return its address."""
    name = f"00-{made.kind}"
    (folder / "explorables").mkdir(parents=True, exist_ok=True)
    data = json.dumps(made.data)
    (folder / "explorables" / f"{name}.js").write_text(f'explorables.data["{name}"]={data}\n')
    for address, text in assets().items():
        (folder / address).parent.mkdir(parents=True, exist_ok=True)
        (folder / address).write_text(text, "utf-8")
    theme = [path.as_uri() for path in (*THEME.glob("main.*.css"), *THEME.glob("palette.*.css"))]
    own = [(DOCS / "stylesheets" / f"{name}.css").as_uri() for name in ("site", "gallery")]
    sheets = [*theme, *own]
    page = folder / f"{made.kind}.html"
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
<body data-md-color-scheme="default" data-md-color-primary="custom" data-md-color-accent="custom"
 dir="ltr">
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
    """An encoder and a decoder; `sizes` are the widths from the row to the code.

    Without epochs they are as drawn at random, biases too, so that no page may leave them out.
    """
    keras = backend.load()
    keras.utils.set_random_seed(seed)
    biases = "zeros" if epochs else "random_normal"
    dense = functools.partial(keras.layers.Dense, bias_initializer=biases)
    down, up = list(sizes[1:-1]), list(sizes[-2:0:-1])
    encoder = keras.Sequential(
        [keras.Input((sizes[0],)), *(dense(n, "relu") for n in down), dense(sizes[-1])]
    )
    decoder = keras.Sequential(
        [keras.Input((sizes[-1],)), *(dense(n, "relu") for n in up), dense(sizes[0])]
    )
    if not epochs:
        return encoder, decoder
    model = keras.Sequential([encoder, decoder])
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    rows = np.asarray(rows, "float32")
    model.fit(rows, rows, batch_size=64, epochs=epochs, verbose=0)
    return encoder, decoder


def bytes_sent(made: Explorable) -> int:
    """Bytes that a page with this explorable loads because of it, compressed."""
    scripts = [f"javascripts/explorables/{name}.js" for name in ("shared", "pixels", made.kind)]
    published = assets()
    files = ["javascripts/explorables.js", *scripts, "stylesheets/explorables.css"]
    data = json.dumps(made.data, separators=(",", ":"))
    parts = [data, *(published[file] for file in files)]
    return sum(len(gzip.compress(part.encode(), 9)) for part in parts)


@contextmanager
def touched(browser: Browser, url: str) -> Iterator[Visit]:
    """Open a page on a phone."""
    width, height = PHONE
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=True, is_mobile=True
    )
    try:
        seen = Visit(context.new_page())
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.goto(url)
        ready(seen.page)
        yield seen
    finally:
        context.close()


def ready(page: Page) -> Locator:
    """Wait until the explorable is there, and return it."""
    page.locator(".explorable").scroll_into_view_if_needed()
    page.wait_for_selector(".explorable.alive .live")
    return page.locator(".live")


def inside(part: Locator, across: float = 0.5, down: float = 0.5) -> tuple[float, float]:
    """A place in the window, as shares of a part's width and height."""
    box = part.bounding_box()
    assert box is not None
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def swipe(page: Page, places: Sequence[tuple[float, float]]) -> None:
    """Put a finger down, move it over places in the window, and lift it."""
    session = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(places):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(100)


def straight(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """Places on the way from one to another."""
    return [(float(x), float(y)) for x, y in np.linspace(start, end, 11)]


def scrolled(page: Page, part: Locator, down: float = 0.5) -> float:
    """How far the page scrolls when a finger on a part goes 120 pixels up."""
    x, y = inside(part, 0.5, down)
    before = page.evaluate("scrollY")
    swipe(page, straight((x, y), (x, y - 120)))
    return page.evaluate("scrollY") - before


def settled(page: Page) -> str:
    """The address when changes have settled, in it and in what is told."""
    return page.evaluate(
        "new Promise(done => setTimeout(() => done(location.href), 300))"  # after 250 in the page
    )


def go(page: Page, setting: str) -> None:
    """Show what an address says."""
    page.evaluate(
        """setting => new Promise(done => {
          history.replaceState(null, "", "#elsewhere")
          addEventListener("hashchange", done, { once: true })
          location.hash = `explore?${setting}`
        })""",
        setting,
    )


def computed(page: Page, function: str, argument: Any) -> Any:
    """What a function of the page makes of much data, which goes there and back as text."""
    return json.loads(
        page.evaluate(
            f"text => JSON.stringify(({function})(JSON.parse(text)))", json.dumps(argument)
        )
    )


def cramped(page: Page) -> list[str]:
    """Handles too small for a finger, parts that are cut off, words that are tiny."""
    return page.locator(".live *").evaluate_all(
        """all => all.filter(one => {
          const { width, height } = one.getBoundingClientRect()
          if (!width || one.closest(".said, svg")) return false
          const handle = one.matches("button, [role=slider], [role=gridcell]")
          return handle && Math.min(width, height) < 24 || one.scrollWidth > one.clientWidth + 1 ||
            parseFloat(getComputedStyle(one).fontSize) < 10
        }).map(one => one.outerHTML)"""
    )


def faults(seen: Visit) -> list[str]:
    """What keeps someone from reading an explorable, or from using it."""
    ready(seen.page)
    picture = seen.page.locator(".explorable figure").is_visible()
    return [
        *(["the picture is still there"] if picture else []),
        *cramped(seen.page),
        *([f"{seen.overflow()} px wider than the window"] if seen.overflow() > 0 else []),
        *seen.errors,
        *seen.violations(),
        *seen.violations_in_the_dark(),
    ]


def picture_alone(browser: Browser, url: str) -> bool:
    """Whether the static picture is all there is to see where no script runs."""
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(url)
        return page.locator(".explorable figure").is_visible() and not page.locator(".live").count()
    finally:
        context.close()


def speed(page: Page, kind: str, part: str, moves: Sequence[tuple[float, float]]) -> str:
    """How long it takes to begin, and to follow a step of a drag, in words."""
    begun, median, longest = page.evaluate(SPEED, [kind, part, [list(move) for move in moves]])
    return (
        f"{kind}: begins in {begun:.0f} ms, a drag step takes {median:.1f} ms, "
        f"the longest {longest:.1f} ms"
    )
