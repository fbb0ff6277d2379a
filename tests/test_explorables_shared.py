"""What all explorables share: how they are loaded, what the address says, handles, numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from browser import Visit, needs_chromium
from explorable_page import picture, straight, swipe
from playwright.sync_api import Browser

from anomaly_lab import explorables
from anomaly_lab.errors import InputError
from anomaly_lab.explorables import MIME, Explorable
from anomaly_lab.neural import backend

# A kind with two numbers, each with a slider, one in an <svg>, and a word, set by a button.
KIND = """{
  const { begin, clip, html, slider, svg } = explorables
  explorables.kinds.KIND = (holder, data) => {
    let values
    const out = html("output")
    const more = html("button", { click: () => state.change({ word: "more" }) }, "More")
    const across = svg("g", { class: "across" }, svg("rect", { width: 200, height: 200 }))
    const up = html("div", { class: "up", style: "width: 200px; height: 200px" })
    const drawing = svg("svg", { viewBox: "0 0 200 200", style: "width: 200px" }, across)
    const state = begin(holder, {
      kind: "KIND", title: "The KIND", parts: { out, more, across: html("div", {}, drawing), up },
      usual: { across: data.at, up: 2, word: "usual" },
      valid: all => ({
        ...all, across: clip(all.across, 0, 10), up: clip(all.up, 0, 10),
        word: ["usual", "more"].includes(all.word) ? all.word : "usual",
      }),
      show: now => {
        values = now
        out.textContent = JSON.stringify(now)
        return `${now.across}, ${now.up}, ${now.word}.`
      },
    })
    const make = (name, element, at, vertical) => slider(element, {
      label: `How far ${name}`, low: 0, high: 10, step: 0.1, at, vertical,
      get: () => values[name],
      put: value => {
        holder.dataset.put = value
        state.change({ [name]: value })
      },
      words: () => `${values[name].toFixed(1)} of ten`,
    })()
    make("across", across, event => (event.clientX - across.getBoundingClientRect().left) / 20)
    make("up", up, event => (up.getBoundingClientRect().bottom - event.clientY) / 20, true)
  }
}
"""
PICTURE = '<figure><svg width="40" height="20"><rect width="40" height="20"/></svg></figure>'
USUAL = {"across": 5, "up": 2, "word": "usual"}
SHARED = ["javascripts/explorables/shared.js", "stylesheets/explorables.css"]


def files_of(kind: str) -> list[str]:
    return [f"explorables/00-{kind}.js", f"javascripts/explorables/{kind}.js"]


def lay(folder: Path, *kinds: str, above: int = 0, between: int = 0, without: str = "") -> str:
    """Write a page with tiny explorables, and return its address.

    above, between: pixels of height before the first and before each next one.
    without: a file that is missing.
    """
    files = {name: explorables.assets()[name] for name in ("javascripts/explorables.js", *SHARED)}
    for kind in kinds:
        data, script = files_of(kind)
        files[data] = f'explorables.data["00-{kind}"]={{"at":5}}\n'
        files[script] = KIND.replace("KIND", kind)
    for name in files.keys() - {without}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(files[name], encoding="utf-8")
    gaps = [above, *[between] * (len(kinds) - 1)][: len(kinds)]
    holders = "".join(
        f'<div style="height: {gap}px"></div><div class="explorable" id="{kind}" '
        f'data-explorable="00-{kind}">{PICTURE}</div>'
        for kind, gap in zip(kinds, gaps, strict=True)
    )
    page = folder / "page.html"
    page.write_text(
        f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>
<style>figure {{ display: flow-root }}</style>
<script src="javascripts/explorables.js" defer></script>
<h1 id="heading">A page</h1><a href="#explore?second.up=7&second.word=more">A link</a>
{holders}<div style="height: 3000px"></div></html>""",
        encoding="utf-8",
    )
    return page.as_uri()


class Explored(Visit):
    """An open page with tiny explorables."""

    def wait(self, kind: str) -> None:
        self.page.wait_for_selector(f"#{kind}.alive")

    def alive(self, kind: str) -> bool:
        return self.page.locator(f"#{kind}.alive > .live").is_visible()

    def shows_picture(self, kind: str) -> bool:
        return self.page.locator(f"#{kind} > figure").is_visible()

    def values(self, kind: str = "first") -> dict[str, Any]:
        text = self.page.locator(f"#{kind} output").text_content()
        return json.loads(text or "")

    def settled_hash(self) -> str:
        self.page.wait_for_timeout(300)
        return self.page.evaluate("location.hash")

    def press(self, key: str, kind: str = "first", name: str = "across") -> float:
        self.page.locator(f"#{kind} .{name}").press(key)
        return self.values(kind)[name]

    def loaded(self) -> list[str]:
        """What was loaded beside the page and the loader."""
        names = [url.split("#")[0].rpartition("/site/")[2] for url in self.requests]
        return sorted(set(names) - {"page.html", "javascripts/explorables.js"})

    def begins_on_top(self, kind: str) -> bool:
        box = self.page.locator(f"#{kind} .live").bounding_box()
        assert box is not None
        return abs(box["y"]) < 100


class Explore(Protocol):
    """Lay a page with these kinds and open it at a fragment."""

    def __call__(
        self, *kinds: str, fragment: str = "", context: dict[str, Any] | None = None, **laid: Any
    ) -> Explored: ...


@pytest.fixture
def explore(browser: Browser, tmp_path: Path) -> Iterator[Explore]:
    with ExitStack() as stack:

        def go(
            *kinds: str, fragment: str = "", context: dict[str, Any] | None = None, **laid: Any
        ) -> Explored:
            made = stack.enter_context(browser.new_context(**context or {}))
            seen = Explored(made.new_page())
            seen.page.on("request", lambda request: seen.requests.append(request.url))
            seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
            seen.page.goto(lay(tmp_path / "site", *kinds, **laid) + fragment)
            return seen

        yield go


# The loader


@needs_chromium
def test_nothing_is_loaded_before_it_comes_near_the_window(explore: Explore) -> None:
    seen = explore("first", "second", above=4000, between=4000)
    seen.page.wait_for_timeout(200)
    assert seen.loaded() == []
    assert seen.shows_picture("first")
    assert not seen.alive("first")

    seen.page.evaluate("scrollTo(0, 3000)")  # within 600 pixels of the window's lower edge
    seen.wait("first")
    assert not seen.shows_picture("first")
    assert seen.loaded() == sorted([*SHARED, *files_of("first")])
    assert seen.shows_picture("second")
    assert not seen.alive("second")
    assert seen.errors == []


@needs_chromium
def test_what_two_explorables_share_is_loaded_once(explore: Explore) -> None:
    seen = explore("first", "second")
    seen.wait("first")
    seen.wait("second")
    assert seen.loaded() == sorted([*SHARED, *files_of("first"), *files_of("second")])
    scripts = seen.page.eval_on_selector_all("script", "all => all.map(one => one.src)")
    assert len(scripts) == len(set(scripts)) == 6
    assert seen.errors == []


@needs_chromium
def test_it_is_loaded_at_once_where_the_address_names_it(explore: Explore) -> None:
    seen = explore("first", "second", above=4000, between=4000, fragment="#explore?second.up=7")
    seen.wait("second")
    assert seen.values("second") == {**USUAL, "up": 7}
    assert seen.begins_on_top("second")
    assert seen.loaded() == sorted([*SHARED, *files_of("second")])


@needs_chromium
def test_a_link_in_the_page_leads_to_one_that_is_far_away(explore: Explore) -> None:
    seen = explore("first", "second", above=4000, between=4000)
    for _ in range(2):  # not yet loaded, then loaded
        seen.page.evaluate("scrollTo(0, 0)")
        seen.page.click("a")
        seen.wait("second")
        assert seen.values("second") == {"across": 5, "up": 7, "word": "more"}
        assert seen.begins_on_top("second")
        seen.page.evaluate("history.replaceState(null, '', location.pathname)")
    assert not seen.alive("first")


@needs_chromium
@pytest.mark.parametrize("missing", [*files_of("first"), SHARED[0]])
def test_the_picture_stays_where_a_script_is_missing(explore: Explore, missing: str) -> None:
    seen = explore("first", without=missing)
    seen.page.wait_for_timeout(200)
    assert seen.shows_picture("first")
    assert not seen.alive("first")
    assert any(f"{Path(missing).name} cannot be loaded" in error for error in seen.errors)


@needs_chromium
def test_a_missing_style_sheet_takes_nothing_but_the_style(explore: Explore) -> None:
    seen = explore("first", without=SHARED[1])
    seen.wait("first")
    assert seen.press("End") == 10


@needs_chromium
def test_a_script_missing_for_one_does_not_stop_the_other(explore: Explore) -> None:
    seen = explore("first", "second", without=files_of("first")[1])
    seen.wait("second")
    assert seen.shows_picture("first")


@needs_chromium
def test_pages_without_explorables_load_nothing(explore: Explore) -> None:
    seen = explore()
    assert seen.loaded() == []
    assert seen.errors == []


@needs_chromium
def test_the_picture_stays_where_scripts_are_off(explore: Explore) -> None:
    seen = explore("first", context={"java_script_enabled": False})
    assert seen.shows_picture("first")


# What is set, and the address


@needs_chromium
def test_the_address_keeps_two_explorables_the_last_touched_first(explore: Explore) -> None:
    seen = explore("first", "second")
    seen.wait("second")
    seen.press("ArrowRight", "first")
    assert seen.settled_hash() == "#explore?first.across=5.1"
    seen.press("End", "second", "up")
    assert seen.settled_hash() == "#explore?second.up=10&first.across=5.1"
    seen.page.locator("#first").get_by_role("button", name="More").click()
    assert seen.settled_hash() == "#explore?first.across=5.1&first.word=more&second.up=10"

    seen.page.reload()
    seen.wait("first")
    seen.wait("second")
    assert seen.values("first") == {"across": 5.1, "up": 2, "word": "more"}
    assert seen.values("second") == {"across": 5, "up": 10, "word": "usual"}


@needs_chromium
def test_of_two_in_the_address_the_page_opens_at_the_first(explore: Explore) -> None:
    for first, other in (("first", "second"), ("second", "first")):
        fragment = f"#explore?{first}.up=1&{other}.up=1"
        seen = explore("first", "second", between=2000, fragment=fragment)
        seen.wait("first")
        seen.wait("second")
        assert seen.begins_on_top(first)
        assert not seen.begins_on_top(other)


@needs_chromium
def test_start_again_leaves_nothing_in_the_address_but_what_is_hidden(explore: Explore) -> None:
    seen = explore("first", fragment="#explore?first.across=1&first.word=more&first.hide=more,up")
    seen.wait("first")
    again = seen.page.get_by_role("button", name="Start again")
    again.click()
    assert seen.values() == USUAL
    assert seen.settled_hash() == "#explore?first.hide=more,up"
    assert not seen.page.locator("#first .up").is_visible()

    seen.page.evaluate("location.hash = '#explore?first.up=3'")
    again.click()
    assert seen.settled_hash() == ""


@needs_chromium
def test_hide_leaves_parts_out_and_stays_in_the_address(explore: Explore) -> None:
    seen = explore("first", "second", fragment="#explore?first.hide=more,up,nonsense")
    seen.wait("first")
    seen.wait("second")
    for name, shown in {"across": True, "up": False}.items():
        assert seen.page.locator(f"#first .{name}").is_visible() == shown
        assert seen.page.locator(f"#second .{name}").is_visible()
    assert seen.page.get_by_role("button", name="More").count() == 1  # that of the second
    seen.press("Home")
    assert seen.settled_hash() == "#explore?first.across=0&first.hide=more,up,nonsense"


@needs_chromium
def test_a_link_followed_just_after_a_change_is_not_written_over(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    seen.page.evaluate(
        """() => {
          const due = [], later = window.setTimeout
          window.setTimeout = work => due.push(work)
          const slider = document.querySelector("#first .across")
          slider.dispatchEvent(new KeyboardEvent("keydown", { key: "Home" }))
          window.setTimeout = later
          location.hash = "#explore?first.up=4"
          for (const work of due) work() // before the event of the new address
        }"""
    )
    assert seen.settled_hash() == "#explore?first.up=4"
    assert seen.values() == {**USUAL, "up": 4}


@needs_chromium
def test_a_new_fragment_sets_them_all_and_a_heading_sets_none(explore: Explore) -> None:
    seen = explore("first", "second", fragment="#explore?first.across=1&second.across=2")
    seen.wait("first")
    seen.wait("second")
    seen.page.evaluate("location.hash = '#explore?second.up=4&first.hide=up'")
    assert seen.values("first") == USUAL
    assert seen.values("second") == {**USUAL, "up": 4}
    assert not seen.page.locator("#first .up").is_visible()
    seen.page.evaluate("location.hash = '#heading'")
    seen.page.wait_for_timeout(100)
    assert seen.values("second") == {**USUAL, "up": 4}
    seen.press("Home", "first")  # what it was comes back to the address
    assert seen.settled_hash() == "#explore?first.across=0&first.hide=up&second.up=4"


JUNK: dict[str, dict[str, Any]] = {
    "first.across=abc": USUAL,
    "first.across=&first.up=%20": USUAL,
    "first.across=NaN&first.up=-Infinity": USUAL,
    "first.across=1e999": USUAL,
    "first.across=-3&first.up=1e9": {"across": 0, "up": 10, "word": "usual"},
    "first.word=%3Cimg%20src=x%3E": USUAL,
    "first.nothing=1&second.across=2&across=3&first=4&first.=5": USUAL,
    "first.toString=1&first.constructor=2&first.__proto__=3&first.hide=toString": USUAL,
    "first.across=1&first.across=2": {**USUAL, "across": 2},
    "%%%&&==first.across": USUAL,
}


@needs_chromium
def test_junk_in_the_address_is_mended(explore: Explore) -> None:
    seen = explore("first")
    url = seen.page.url
    for junk, mended in JUNK.items():
        seen.page.goto("about:blank")
        seen.page.goto(f"{url}#explore?{junk}")
        seen.wait("first")
        assert seen.values() == mended, junk
        seen.press("Home", "first", "up")
        seen.press("Home", "first", "across")
        seen.page.wait_for_function(
            "location.hash.startsWith('#explore?first.across=0&first.up=0')"
        )
        for word in ("toString=", "constructor=", "__proto__=", "nothing="):
            assert word not in seen.page.evaluate("location.hash"), junk
    assert seen.errors == []


@needs_chromium
def test_the_address_and_the_ear_are_told_once_after_many_changes(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    said = seen.page.locator("#first [role=status]")
    assert said.text_content() == ""  # nobody has changed anything yet
    seen.page.evaluate(
        """() => {
          window.told = []
          const replace = history.replaceState.bind(history)
          history.replaceState = (...all) => { told.push("address"); replace(...all) }
          new MutationObserver(() => told.push("ear")).observe(
            document.querySelector("#first [role=status]"), { childList: true })
          const knob = document.querySelector("#first .across")
          for (let i = 0; i < 60; i++) {
            knob.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }))
          }
        }"""
    )
    assert seen.page.evaluate("told") == []
    assert seen.settled_hash() == "#explore?first.across=0"
    assert sorted(seen.page.evaluate("told")) == ["address", "ear"]
    assert said.text_content() == "0, 2, usual."


@needs_chromium
def test_copy_link_copies_the_address_of_what_is_set(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    seen.press("End")
    seen.page.get_by_role("button", name="Copy link").click()  # before the address has settled
    seen.page.get_by_role("button", name="Copied").wait_for()
    copied = seen.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("page.html#explore?first.across=10")


@needs_chromium
def test_where_nothing_can_be_copied_the_address_has_it(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    seen.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject() }")
    seen.press("End")
    seen.page.get_by_role("button", name="Copy link").click()
    seen.page.get_by_role("button", name="It is in the address bar").wait_for()
    assert seen.page.evaluate("location.hash") == "#explore?first.across=10"
    assert seen.errors == []


# Sliders


@needs_chromium
def test_keys_move_a_slider(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    for name in ("across", "up"):
        assert seen.press("Home", name=name) == 0
        assert seen.press("ArrowLeft", name=name) == 0  # clipped
        assert seen.press("PageDown", name=name) == 0
        assert seen.press("ArrowRight", name=name) == pytest.approx(0.1)
        assert seen.press("ArrowUp", name=name) == pytest.approx(0.2)
        assert seen.press("ArrowLeft", name=name) == pytest.approx(0.1)
        assert seen.press("Shift+ArrowRight", name=name) == pytest.approx(1.1)
        assert seen.press("Shift+ArrowUp", name=name) == pytest.approx(2.1)
        assert seen.press("PageUp", name=name) == pytest.approx(3.1)
        assert seen.press("ArrowDown", name=name) == pytest.approx(3.0)
        assert seen.press("Shift+ArrowDown", name=name) == pytest.approx(2.0)
        assert seen.press("PageDown", name=name) == pytest.approx(1.0)
        assert seen.press("Shift+ArrowLeft", name=name) == pytest.approx(0.0)
        assert seen.press("End", name=name) == 10
        assert seen.press("Shift+ArrowUp", name=name) == 10
        assert seen.press("PageUp", name=name) == 10
        assert seen.press("x", name=name) == 10
    assert seen.page.evaluate("scrollY") == 0  # no key scrolled the page as well


@needs_chromium
def test_keys_of_the_browser_stay_the_browsers(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    kept = seen.page.evaluate(
        """keys => keys.map(about => document.querySelector("#first .across").dispatchEvent(
          new KeyboardEvent("keydown", { ...about, cancelable: true })))""",
        [
            {"key": "ArrowLeft", "altKey": True},
            {"key": "Home", "ctrlKey": True},
            {"key": "ArrowUp", "metaKey": True},
            {"key": "Tab"},
            {"key": "a"},
            {"key": "ArrowRight"},
        ],
    )
    assert kept == [True] * 5 + [False]
    assert seen.values()["across"] == pytest.approx(5.1)


@needs_chromium
def test_a_slider_says_what_it_is_and_where_it_stands(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    across = seen.page.get_by_role("slider", name="How far across")
    up = seen.page.get_by_role("slider", name="How far up")

    def said(names: str, of: Any = across) -> list[str]:
        return [of.get_attribute(f"aria-{name}") for name in names.split()]

    assert said("valuemin valuemax valuenow valuetext") == ["0", "10", "5", "5.0 of ten"]
    assert said("orientation") == ["horizontal"]
    assert said("orientation valuenow", up) == ["vertical", "2"]
    for _ in range(3):  # 0.1 + 0.1 + 0.1 is not quite 0.3
        across.press("ArrowRight")
    assert said("valuenow valuetext") == ["5.3", "5.3 of ten"]
    assert across.get_attribute("tabindex") == "0"


@needs_chromium
def test_the_mouse_drags_a_slider(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    page = seen.page
    box = page.locator("#first .across").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 50, box["y"] + 10)
    assert seen.values()["across"] == 5  # not yet pressed
    page.mouse.down()
    assert seen.values()["across"] == pytest.approx(2.5)
    assert (
        page.evaluate("document.activeElement.getAttribute('class')") == "across"
    )  # keys go on from there
    page.mouse.move(box["x"] + 120, box["y"] + 900)  # the pointer may leave it
    assert seen.values()["across"] == pytest.approx(6)
    for x, value in ((1000, 10), (-5, 0)):
        page.mouse.move(box["x"] + x, box["y"])
        assert seen.values()["across"] == value
        assert page.get_attribute("#first", "data-put") == str(value)  # the kind need not clip it
    page.mouse.up()
    page.mouse.move(box["x"] + 100, box["y"] + 10)
    assert seen.values()["across"] == 0
    page.mouse.down(button="right")
    assert seen.values()["across"] == 0
    page.mouse.up(button="right")


@needs_chromium
def test_a_finger_drags_a_slider_and_scrolls_the_page_elsewhere(explore: Explore) -> None:
    seen = explore("first", context={"has_touch": True})
    seen.wait("first")
    page = seen.page
    across, up = (page.locator(f"#first .{name}").bounding_box() for name in ("across", "up"))
    assert across is not None
    assert up is not None
    start = across["x"] + 20, across["y"] + 150
    swipe(page, straight(start, (across["x"] + 160, across["y"] + 30)))
    assert seen.values()["across"] == pytest.approx(8, abs=0.1)
    bottom = up["y"] + up["height"]
    swipe(page, straight((up["x"] + 20, bottom - 20), (up["x"] + 20, bottom - 140)))
    assert seen.values()["up"] == pytest.approx(7, abs=0.1)
    assert page.evaluate("scrollY") == 0  # along their way, sliders do not scroll the page

    set_so_far = seen.values()
    swipe(page, straight((600, 600), (600, 200)))
    assert page.evaluate("scrollY") > 100
    assert seen.values() == set_so_far


# Numbers


@needs_chromium
def test_the_page_reads_the_numbers_that_python_writes(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")
    halves = np.arange(2**16, dtype="<u2").view("<f2")
    halves = halves[np.isfinite(halves)]  # every one there is
    singles = np.random.default_rng(0).normal(size=1000).astype("float32")
    for values, half in ((halves, True), (singles, False)):
        read = seen.page.evaluate(
            "written => [...explorables.numbers(written)]", explorables.numbers(values, half=half)
        )
        np.testing.assert_array_equal(read, values.astype(float))


@needs_chromium
def test_the_page_formats_and_places_numbers(explore: Explore) -> None:
    seen = explore("first")
    seen.wait("first")

    def page(call: str) -> Any:
        return seen.page.evaluate(f"explorables.{call}")

    assert [page(f"short({x})") for x in (0, 0.012345, 3, -2.5, 999.6, 1234.5)] == [
        *("0", "0.0123", "3", "-2.5", "1000", "1,235")
    ]
    shares = [page(f"share({a}, {b})") for a, b in ((1, 3), (3, 3), (0, 0))]
    assert shares == ["33.3%", "100.0%", "–"]
    assert [page(f"place({x}, 2, 4)") for x in (1, 2, 3.5, 9)] == [0, 0, 0.75, 1]
    assert [page(f"place({x}, 1, 100, true)") for x in (0.1, 10, 1000)] == [0, 0.5, 1]


def test_only_networks_that_the_page_can_compute_are_written() -> None:
    keras = backend.load()
    dense, dropout = keras.layers.Dense, keras.layers.Dropout
    good = keras.Sequential([keras.Input((2,)), dense(3, "relu"), dense(1)])
    assert [layer["activation"] for layer in explorables.layers(good)] == ["relu", "linear"]
    for layer in (dense(3, "tanh"), dropout(0.5)):
        with pytest.raises(InputError, match="the page can compute no other"):
            explorables.layers(keras.Sequential([keras.Input((2,)), layer]))


def test_a_notebook_gets_the_picture_and_the_site_the_data() -> None:
    shown = picture("What is seen.")
    bundle = Explorable("first", {"at": 5}, shown)._repr_mimebundle_()
    assert bundle["text/html"].startswith(shown._repr_html_())
    assert "On the site it is interactive" in bundle["text/html"]
    assert "What is seen." in bundle["text/plain"]
    assert bundle[MIME] == {"kind": "first", "data": {"at": 5}}
