"""A real browser for the tests that look at pages: Chromium, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeout

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
PHONE = (360, 800)
DESKTOP = (1440, 900)

needs_chromium = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium found: install one, or name it in the environment variable CHROMIUM",
)

# The theme makes code that scrolls reachable by keyboard some time after the page has loaded.
_SCROLLING_CODE_REACHABLE = """() => [...document.querySelectorAll("pre > code")].every(
    code => code.scrollWidth <= code.clientWidth || code.hasAttribute("tabindex")
)"""
# Contrast is most of axe-core's work. Words of one colour and size on one ground are judged alike:
# one of each look is enough. In pictures (role=img) it would judge `color`, where SVG has `fill`.
_CONTRAST = """async () => {
  const grounds = new Map([[document.documentElement, ""]])
  const ground = element => {
    if (!grounds.has(element)) {
      const { backgroundColor, backgroundImage, clip, filter, mixBlendMode, opacity, position } =
        getComputedStyle(element)
      const own = [backgroundColor, backgroundImage, clip, filter, mixBlendMode, opacity, position]
      grounds.set(element, `${ground(element.parentElement)}/${own}`)
    }
    return grounds.get(element)
  }
  const looks = new Map()
  for (const element of document.body.querySelectorAll("*:not(svg[role=img] *)")) {
    const words = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim())
    if (!words || !element.checkVisibility({ visibilityProperty: true })) continue
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element)
    const look = [color, fontSize, fontWeight, textShadow, ground(element)].join()
    if (!looks.has(look)) looks.set(look, element)
  }
  return looks.size ? violations([...looks.values()], { runOnly: ["color-contrast"] }) : []
}"""
_CUT = """() => [...document.querySelectorAll("pre > code")]
  .filter(code => code.checkVisibility() && !code.closest(".language-text"))
  .filter(code => code.scrollWidth > code.clientWidth + 1).map(code => code.textContent)"""
_STRUCTURE = "() => violations(document, { rules: { 'color-contrast': { enabled: false } } })"
_SERIOUS = """
window.violations = async (where, options) => {
  const found = await axe.run(where, { resultTypes: ["violations"], preload: false, ...options })
  return found.violations.filter(rule => ["serious", "critical"].includes(rule.impact))
    .map(rule => `${rule.id}: ${rule.help}: ${rule.nodes.map(node => node.html)}`)
}
true"""  # a function would be called
# By the site's own switch where a page has it; the theme asks the browser only while it loads.
_DARK = """() => {
  const themed = document.querySelector("body[data-md-color-scheme]")
  const own = document.querySelector("input[data-md-color-scheme=slate]")
  if (own) own.click()
  else if (themed) themed.dataset.mdColorScheme = "slate"
  document.body.offsetHeight // so that what changes slowly begins to
  const slow = document.getAnimations().filter(one => one instanceof CSSTransition)
  return Promise.allSettled(slow.map(one => one.finished))
    .then(() => !themed || themed.dataset.mdColorScheme === "slate")
}"""
# An empty page, where a visit begins, may keep nothing.
_ANSWERS = "try { localStorage.setItem('anomaly_lab.show-everything', 'yes') } catch { }"
_QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@dataclass
class Visit:
    """An open page, and what it did so far: the addresses it asked for, its console's errors."""

    page: Page
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def overflow(self) -> int:
        """Pixels by which the page is wider than the window."""
        return self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def resize(self, size: tuple[int, int]) -> None:
        """Give the window another size, in pixels."""
        width, height = size
        self.page.set_viewport_size({"width": width, "height": height})

    def foreign(self) -> list[str]:
        """Addresses it asked for that are not files beside it."""
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]

    def violations(self) -> list[str]:
        """What axe-core finds wrong, serious or critical: rule, help, and the elements."""
        with suppress(PlaywrightTimeout):  # where it stays out of reach, axe-core says so
            self.page.wait_for_function(_SCROLLING_CODE_REACHABLE, timeout=3000)
        return [*self._axe(_STRUCTURE), *self._axe(_CONTRAST)]

    def violations_in_the_dark(self) -> list[str]:
        """What axe-core finds too faint once the page is dark; only colours differ then."""
        self.page.emulate_media(color_scheme="dark")
        assert self.page.evaluate(_DARK)
        return self._axe(_CONTRAST)

    def faults(self) -> Iterator[str]:
        """What is wrong on a phone, then on a desktop, in light, then in the dark."""
        for size in (PHONE, DESKTOP):
            self.resize(size)
            if self.overflow() > 0:
                yield f"{self.overflow()} px wider than a window of {size[0]} px"
            yield from (f"cut off at {size[0]} px: {code}" for code in self.page.evaluate(_CUT))
        yield from self.violations()
        yield from self.violations_in_the_dark()
        yield from (f"asks for {url}" for url in self.foreign())
        yield from self.errors

    def _axe(self, rules: str) -> list[str]:
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script + _SERIOUS)
        return self.page.evaluate(rules)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(
    browser: Browser,
    url: str,
    size: tuple[int, int] = DESKTOP,
    scheme: Literal["light", "dark"] = "light",
    *,
    answers: bool = True,
) -> Iterator[Visit]:
    """Open a page in a window of `size` pixels and wait until it has loaded.

    With what follows a question to predict, as for a reader who asked to be shown everything.
    """
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    try:
        if answers:
            context.add_init_script(_ANSWERS)
        seen = Visit(context.new_page())
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on(
            "console",
            lambda message: message.type == "error" and seen.errors.append(message.text),
        )
        seen.page.goto(url)
        yield seen
    finally:
        context.close()
