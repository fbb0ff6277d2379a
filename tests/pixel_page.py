"""Pages with images of 8 by 8 pixels: digits to show, colours to read, fingers to drag."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from browser import PHONE, Visit
from explorable_page import DOCS
from playwright.sync_api import Browser, Locator, Page
from sklearn.datasets import load_digits

from anomaly_lab.explorables import Explorable

Array = np.ndarray[Any, Any]
KB = 1000

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


def digits() -> dict[str, Array]:
    """A row of each digit, pixels from 0 to 1, by what it shows."""
    rows, labels = load_digits(return_X_y=True)
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return {name: rows[labels == digit][0] / 16 for digit, name in enumerate(names)}


def all_digits() -> Array:
    return (load_digits().data / 16).astype("float32")


def inputs(seed: int = 0) -> Array:
    """250 digits, and 250 images of noise, some of it beyond what a pixel may be."""
    noise = np.random.default_rng(seed).uniform(-0.5, 1.5, (250, 64))
    return np.concatenate([all_digits()[-250:], noise]).astype("float32")


def as_shown(value: float) -> float:
    """A number with the three figures that people read."""
    return float(f"{value:.3g}")


def colours(image: Locator) -> Array:
    """Red, green and blue of the 64 pixels of an image on its mat."""
    drawn = image.evaluate("image => [...image.getContext('2d').getImageData(0, 0, 10, 10).data]")
    whole = np.array(drawn).reshape(10, 10, 4)
    assert (whole[..., 3] == 255).all()
    assert (whole[[0, -1]] == [128, 128, 128, 255]).all(), "the mat"
    return whole[1:-1, 1:-1, :3].reshape(64, 3)


def grey(values: Array) -> Array:
    """The colours that matplotlib's "gray" gives pixels from 0 to 1."""
    return np.repeat(np.rint(255 * np.clip(values, 0, 1))[:, None], 3, axis=1)


def heat(errors: Array) -> Array:
    """The colours of squared errors: by their root, from black over vermilion to near white."""
    stops = np.array([[0, 0, 0], [213, 94, 0], [255, 240, 200]])
    at = np.sqrt(np.clip(errors, 0, 1))
    return np.stack([np.interp(at, [0, 0.5, 1], stop) for stop in stops.T], axis=1)


def bytes_sent(made: Explorable) -> int:
    """Bytes that a page with this explorable loads because of it, compressed."""
    scripts = DOCS / "javascripts"
    files = [
        scripts / "explorables.js",
        *(scripts / "explorables" / f"{name}.js" for name in ("shared", "pixels", made.kind)),
        DOCS / "stylesheets" / "explorables.css",
    ]
    data = json.dumps(made.data, separators=(",", ":")).encode()
    return sum(len(gzip.compress(part, 9)) for part in [data, *(f.read_bytes() for f in files)])


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
        seen.page.goto(url, wait_until="networkidle")
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


def scrolled(page: Page, part: Locator, down: float = 0.5) -> float:
    """How far the page scrolls when a finger on a part goes 120 pixels up."""
    x, y = inside(part, 0.5, down)
    before = page.evaluate("scrollY")
    swipe(page, [(x, y - 12 * step) for step in range(11)])
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
