"""The point to drag around a curved cloud: where a line and a curve put it back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, Visit, needs_chromium, visit
from explorable_page import chain, inside, lay, picture, ready, straight, swipe
from playwright.sync_api import Browser, Page

from anomaly_lab.detectors import PCADetector
from anomaly_lab.explorables import Explorable, line_and_curve

Array = np.ndarray
Tell = Callable[[str], None]
SCRIPT = Path(line_and_curve.__code__.co_filename).with_name("line_and_curve.js")
POINT = "#line_and_curve [role=slider]"


@dataclass(frozen=True)
class Cloud:
    """A cloud, what was fitted to it, and the explorable made of them."""

    rows: Array
    calibration: Array
    pca: PCADetector
    encoder: Any
    decoder: Any
    made: Explorable

    def curve(self, codes: Array) -> Array:
        return np.asarray(self.decoder(codes[:, None]))

    def feet(self, points: Array) -> dict[str, Array]:
        """Where PCA and the network put points back."""
        centred = points - self.pca.mean_
        onto = self.pca.components_.T @ self.pca.components_
        return {
            "pca": self.pca.mean_ + centred @ onto,
            "autoencoder": np.asarray(self.decoder(self.encoder(points))),
        }

    def lengths(self, points: Array) -> dict[str, Array]:
        return {
            name: np.linalg.norm(points - foot, axis=1) for name, foot in self.feet(points).items()
        }

    def place(self, name: str) -> Array:
        """The point of a button, as the page rounds it."""
        (found,) = (one for one in self.made.data["places"] if one["name"] == name)
        return np.array([found["x"], found["y"]])


def make(rows: Array, epochs: int) -> Cloud:
    fit, calibration = rows[:400], rows[400:]
    pca = PCADetector(n_components=1).fit(fit)
    encoder, decoder = chain((2, 24, 24, 1), fit, epochs)
    made = line_and_curve(fit, calibration, pca, encoder, decoder, picture())
    return Cloud(fit, calibration, pca, encoder, decoder, made)


@pytest.fixture(scope="module")
def bow() -> Cloud:
    rng = np.random.default_rng(0)
    x = rng.uniform(-2, 2, 600)
    return make(np.column_stack([x, x**2 / 2 + 0.08 * rng.normal(size=600)]), epochs=60)


@pytest.fixture(scope="module")
def arch() -> Cloud:
    """High and turned, of another size, and away from zero."""
    rng = np.random.default_rng(1)
    angle = rng.uniform(0.5, 4, 600)
    rows = np.column_stack([4 * np.cos(angle), 16 * np.sin(angle)]) + rng.normal(size=(600, 2)) / 4
    return make(rows @ [[0.9, 0.3], [-0.3, 0.9]] + [9, -3], epochs=60)


@pytest.fixture(scope="module")
def url(bow: Cloud, tmp_path_factory: pytest.TempPathFactory) -> str:
    return lay(tmp_path_factory.mktemp("bow"), bow.made)


@pytest.fixture(scope="module")
def desktop(browser: Browser, url: str) -> Iterator[Visit]:
    with visit(browser, url) as seen:
        yield seen


def start(seen: Visit, url: str, fragment: str = "") -> Page:
    """Open the page anew and wait for the explorable."""
    seen.page.goto("about:blank")
    seen.page.goto(url + fragment)
    seen.page.wait_for_selector("#line_and_curve.alive")
    return seen.page


def at(page: Page) -> tuple[float, float]:
    """Where the point is: as the handle says it, and as the fields say it."""
    text = page.get_attribute(POINT, "aria-valuetext") or ""
    told = re.fullmatch(r"x (-?[\d.]+), y (-?[\d.]+)", text)
    assert told is not None, text
    fields = [page.get_by_label(name, exact=True).input_value() for name in ("x", "y")]
    assert fields == list(told.groups())
    return float(told[1]), float(told[2])


def shown(page: Page, points: Array) -> dict[str, Array]:
    """Put the point at these, by the fields, and return what the page shows: one row for each."""
    ready(page)
    drawn: dict[str, list[Any]] = page.evaluate(
        """points => {
          const live = document.querySelector("#line_and_curve .live")
          const [x, y] = live.querySelectorAll("input")
          const found = { pca: [], autoencoder: [], nearest: [], bars: [], words: [], point: [] }
          const put = (field, value) => {
            field.value = value
            field.dispatchEvent(new Event("input"))
          }
          for (const point of points) {
            put(x, point[0])
            put(y, point[1])
            for (const name of ["pca", "autoencoder", "nearest"]) {
              const line = live.querySelector(`line.${name}`)
              found[name].push(["x2", "y2"].map(end => Number(line.getAttribute(end))))
              found.point.push(["x1", "y1"].map(end => Number(line.getAttribute(end))))
            }
            found.bars.push([...live.querySelectorAll("rect:not(.track)")].map(
              bar => Number(bar.getAttribute("width"))))
            found.words.push([...live.querySelectorAll("b, .key ~ .quiet, .verdict")].map(
              words => words.textContent))
          }
          return found
        }""",
        points.tolist(),
    )
    np.testing.assert_allclose(np.array(drawn.pop("point"))[::3], points, atol=1e-12)
    return {name: np.array(values) for name, values in drawn.items()}


def somewhere(cloud: Cloud, n: int = 200) -> Array:
    """Points in and around a cloud, in steps of the page."""
    low, high = cloud.rows.min(axis=0), cloud.rows.max(axis=0)
    margin = 0.24 * (high - low).max()
    points = np.random.default_rng(2).uniform(low - margin, high + margin, (n, 2))
    return points.round(2)


# The data


def test_one_in_twenty_calibration_rows_lies_above_a_cutoff(bow: Cloud) -> None:
    for name, lengths in bow.lengths(bow.calibration).items():
        cutoff = bow.made.data["cutoffs"][name]
        assert (lengths > cutoff + 1e-6).sum() == 9  # of 200: the 191st smallest is the cutoff
        assert np.abs(lengths - cutoff).min() < 1e-6


@pytest.mark.parametrize("name", ["bow", "arch"])
def test_places_are_where_their_names_say(name: str, request: pytest.FixtureRequest) -> None:
    cloud: Cloud = request.getfixturevalue(name)
    codes = np.asarray(cloud.encoder(cloud.rows))
    curve = cloud.curve(np.linspace(codes.min(), codes.max(), 4000))
    size = np.ptp(cloud.rows, axis=0).max()

    def to_curve(point: Array) -> float:
        return np.linalg.norm(curve - point, axis=1).min()

    def length(name: str, point: Array) -> float:
        return cloud.lengths(point[None])[name][0]

    assert length("pca", cloud.place("At the mean")) < 1e-6 * size
    np.testing.assert_allclose(cloud.place("At the mean"), cloud.rows.mean(axis=0))
    assert to_curve(cloud.place("On the curve")) < 1e-3 * size
    tip, beyond = cloud.place("At its tip"), cloud.place("Beyond its tip")
    np.testing.assert_allclose(tip, curve[-1], atol=1e-5 * size)
    assert np.linalg.norm(beyond - tip) == pytest.approx(0.2 * size)
    assert (beyond - tip) @ (curve[-1] - curve[-10]) > 0  # onwards
    far = cloud.place("Far out on the line")
    along = (np.vstack([cloud.rows, far]) - cloud.pca.mean_) @ cloud.pca.components_[0]
    assert length("pca", far) < 1e-6 * size
    assert along[-1] == pytest.approx(along[:-1].max() + 0.2 * size)

    points = np.random.default_rng(0).uniform(cloud.rows.min(0), cloud.rows.max(0), (300, 2))
    missed = cloud.place("Where the curve is nearer")
    gaps = [length("autoencoder", point) - to_curve(point) for point in (missed, *points)]
    assert gaps[0] > max(gaps[1:]) - 0.02 * size
    assert gaps[0] > 0.01 * size


def test_a_well_trained_network_and_pca_differ_as_the_places_promise(bow: Cloud) -> None:
    places = np.array([[one["x"], one["y"]] for one in bow.made.data["places"]])
    names = [one["name"] for one in bow.made.data["places"]]
    flagged = {
        name: dict(zip(names, lengths > bow.made.data["cutoffs"][name], strict=True))
        for name, lengths in bow.lengths(places).items()
    }
    pca, network = flagged["pca"], flagged["autoencoder"]
    assert [pca["At the mean"], network["At the mean"]] == [False, True]
    assert [pca["On the curve"], network["On the curve"]] == [False, False]
    assert [pca["At its tip"], network["At its tip"]] == [True, False]
    assert [pca["Far out on the line"], network["Far out on the line"]] == [False, True]


# What the page shows


@needs_chromium
def test_points_are_put_back_where_pca_and_keras_put_them(
    bow: Cloud, desktop: Visit, url: str
) -> None:
    page = start(desktop, url)
    points = somewhere(bow)
    found = shown(page, points)
    lengths = bow.lengths(points)
    for name, foot in bow.feet(points).items():
        np.testing.assert_allclose(found[name], foot, atol=1e-5)
        drawn = np.linalg.norm(points - found[name], axis=1)
        np.testing.assert_allclose(drawn, lengths[name], atol=1e-5)

    # Two bars of one scale, with a line at each cutoff.
    both = np.column_stack([lengths["pca"], lengths["autoencoder"]])
    full = found["bars"] == 300
    longest = both == both[~full].max()
    scale = float(found["bars"][longest][0] / both[longest][0])
    np.testing.assert_allclose(found["bars"][~full], scale * both[~full], rtol=1e-4, atol=1e-3)
    assert (both[full] >= 300 / scale - 1e-3).all()
    lines = page.eval_on_selector_all("path.cutoff", "all => all.map(one => one.getBBox().x)")
    cutoffs = bow.made.data["cutoffs"]
    np.testing.assert_allclose(
        lines, [scale * cutoffs["pca"], scale * cutoffs["autoencoder"]], 1e-4
    )

    # The same in words.
    flags = both > [cutoffs["pca"], cutoffs["autoencoder"]]
    assert len(np.unique(flags, axis=0)) == 4
    verdicts = {
        (True, True): "Both flag it.",
        (True, False): "Only PCA flags it.",
        (False, True): "Only the autoencoder flags it.",
        (False, False): "Neither flags it.",
    }
    for words, flagged, pair in zip(found["words"].tolist(), flags, both, strict=True):
        pca, by_pca, network, by_network, _, verdict = words
        np.testing.assert_allclose([float(pca), float(network)], pair, atol=0.00501)
        assert [by_pca, by_network] == ["flagged" if one else "not flagged" for one in flagged]
        assert verdict == verdicts[tuple(flagged.tolist())]
    assert desktop.errors == []


@needs_chromium
def test_the_picture_shows_that_the_network_misses_the_nearest_point(
    bow: Cloud, desktop: Visit, url: str
) -> None:
    page = start(desktop, url)
    on_curve = bow.feet(bow.rows[:50])["autoencoder"].astype(float).round(2)
    points = np.vstack([somewhere(bow), on_curve])
    found = shown(page, points)
    codes = np.asarray(bow.encoder(np.vstack([bow.rows, points])))
    curve = bow.curve(np.linspace(codes.min(), codes.max(), 20_000))
    nearest = np.array([np.linalg.norm(curve - point, axis=1).min() for point in points])
    drawn = np.linalg.norm(points - found["nearest"], axis=1)
    network = np.linalg.norm(points - found["autoencoder"], axis=1)
    np.testing.assert_allclose(drawn, nearest, atol=0.005)  # a chain of 600 segments
    assert (network > drawn - 0.005).all()
    assert (network - drawn).max() > 0.3
    np.testing.assert_allclose(found["words"][:, 4].astype(float), drawn, atol=0.00501)


@needs_chromium
def test_line_rows_and_curve_are_drawn_where_they_are(bow: Cloud, desktop: Visit, url: str) -> None:
    page = start(desktop, url)

    def drawn(selector: str) -> Array:
        numbers = re.findall(r"-?[\d.]+(?:e-?\d+)?", page.get_attribute(selector, "d") or "")
        return np.array(numbers, float)

    rows = drawn(".plane path.rows").reshape(-1, 3)[:, :2]  # after each row a line of length 0
    np.testing.assert_allclose(rows, bow.rows, atol=1e-4)
    ends = drawn(".plane path.pca").reshape(2, 2)
    np.testing.assert_allclose(ends, bow.feet(ends)["pca"], atol=1e-9)
    assert (np.abs(ends[:, 0]) > 3).all()
    codes = np.asarray(bow.encoder(bow.rows))
    learnt = drawn(".plane path.autoencoder:not(.beyond)").reshape(-1, 2)
    expected = bow.curve(np.linspace(codes.min(), codes.max(), len(learnt)))
    np.testing.assert_allclose(learnt, expected, atol=1e-5)
    beyond = drawn(".plane path.beyond").reshape(2, -1, 2)
    np.testing.assert_allclose([beyond[0, -1], beyond[1, 0]], learnt[[0, -1]], atol=1e-9)

    # A unit is as long upwards as sideways, and marks stand where lines end.
    matrix = page.evaluate(
        "(({ a, b, c, d }) => [a, b, c, d])(document.querySelector("
        "'.plane g').transform.baseVal[0].matrix)"
    )
    assert matrix == [matrix[0], 0, 0, -matrix[0]]
    for name in ("pca", "autoencoder", "nearest"):
        line_end, mark = page.evaluate(
            """name => {
              const plane = document.querySelector(".plane")
              const line = plane.querySelector(`line.${name}`)
              const end = new DOMPoint(line.x2.baseVal.value, line.y2.baseVal.value)
                .matrixTransform(line.getScreenCTM())
              const mark = plane.querySelector(`.end.${name}`).getBoundingClientRect()
              return [[end.x, end.y], [mark.x + mark.width / 2, mark.y + mark.height / 2]]
            }""",
            name,
        )
        np.testing.assert_allclose(mark, line_end, atol=0.01)


@needs_chromium
def test_any_cloud_can_be_shown(
    arch: Cloud, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with visit(browser, lay(tmp_path_factory.mktemp("arch"), arch.made), PHONE) as seen:
        points = somewhere(arch).round(1)
        found = shown(seen.page, points)
        for name, foot in arch.feet(points).items():
            np.testing.assert_allclose(found[name], foot, atol=1e-4)
        lengths = arch.lengths(points)["pca"]
        np.testing.assert_allclose(found["words"][:, 0].astype(float), lengths, atol=0.0501)
        for one in arch.made.data["places"]:
            seen.page.get_by_role("button", name=one["name"]).click()
            np.testing.assert_allclose(at(seen.page), [one["x"], one["y"]], atol=0.0501)
        assert seen.page.get_by_label("x", exact=True).get_attribute("step") == "0.1"
        assert seen.overflow() == 0
        assert seen.errors == []


# Mouse, touch, keyboard


@needs_chromium
def test_the_mouse_drags_the_point(desktop: Visit, url: str) -> None:
    page = start(desktop, url, "#explore?line_and_curve.x=0&line_and_curve.y=1")
    x, y = inside(page.locator(POINT))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    right, level = at(page)
    page.mouse.move(x, y - 40)
    straight, up = at(page)
    assert (level, straight) == (pytest.approx(1, abs=0.011), pytest.approx(0, abs=0.011))
    assert right == pytest.approx(up - 1, abs=0.011)  # one scale for both axes
    assert right > 0.2
    page.mouse.move(x + 3000, y + 3000)
    edge = at(page)
    assert edge == (page.evaluate("document.querySelector('.live input').max * 1"), edge[1])
    assert edge[0] > 2
    assert edge[1] < 0
    page.mouse.up()
    page.mouse.move(x, y)
    assert at(page) == edge

    page.mouse.click(x, y, button="right")
    assert at(page) == edge
    page.mouse.click(x, y)  # beside the point: it comes
    assert at(page) == (pytest.approx(0, abs=0.011), pytest.approx(1, abs=0.011))
    page.keyboard.press("ArrowRight")
    assert at(page)[0] == pytest.approx(0.05, abs=0.011)


@needs_chromium
def test_a_finger_drags_the_point_and_scrolls_the_page_elsewhere(
    browser: Browser, url: str
) -> None:
    width, height = PHONE
    context = browser.new_context(viewport={"width": width, "height": height}, has_touch=True)
    page = context.new_page()
    page.goto(f"{url}#explore?line_and_curve.x=0&line_and_curve.y=1")
    page.wait_for_selector("#line_and_curve.alive")
    scrolled = page.evaluate("scrollY")
    x, y = inside(page.locator(POINT))
    swipe(page, straight((x, y), (x + 60, y - 60)))
    right, up = at(page)
    assert right == pytest.approx(up - 1, abs=0.03)
    assert right > 0.8
    assert page.evaluate("scrollY") == scrolled

    page.touchscreen.tap(x - 60, y)  # the point comes to where the picture is tapped
    tapped = at(page)
    assert tapped == (pytest.approx(-right, abs=0.03), pytest.approx(1, abs=0.03))

    swipe(page, straight((x + 60, y + 20), (x + 60, y - 40)))
    assert page.evaluate("scrollY") > scrolled
    assert at(page) == tapped
    context.close()


@needs_chromium
def test_keys_move_the_point(desktop: Visit, url: str) -> None:
    page = start(desktop, url, "#explore?line_and_curve.x=0&line_and_curve.y=1")
    page.focus(POINT)
    for key, place in {
        "ArrowRight": (0.05, 1),
        "ArrowUp": (0.05, 1.05),
        "Shift+ArrowLeft": (-0.45, 1.05),
        "Shift+ArrowDown": (-0.45, 0.55),
        "ArrowLeft": (-0.5, 0.55),
        "ArrowDown": (-0.5, 0.5),
        "Alt+ArrowRight": (-0.5, 0.5),  # the browser's own
        "a": (-0.5, 0.5),
    }.items():
        page.keyboard.press(key)
        assert at(page) == pytest.approx(place), key
    for _ in range(12):
        page.keyboard.press("Shift+ArrowUp")
    _, top = at(page)
    assert str(top) == page.get_by_label("y", exact=True).get_attribute("max")
    assert page.get_attribute(POINT, "aria-valuenow") == "-0.5"
    said = page.locator(".said")
    page.wait_for_function("document.querySelector('.said').textContent !== ''")
    words = said.text_content() or ""
    assert words.startswith(f"x -0.50, y {top:.2f}, put back ")
    assert words.endswith(page.inner_text(".verdict"))


@needs_chromium
def test_the_fields_can_be_typed_in(desktop: Visit, url: str) -> None:
    page = start(desktop, url)
    x, y = (page.get_by_label(name, exact=True) for name in ("x", "y"))
    x.fill("")
    x.press_sequentially("-1.25")  # by way of "-", "-1", "-1."
    assert x.input_value() == "-1.25"
    y.fill("0.5")
    y.press("Tab")
    assert at(page) == (-1.25, 0.5)
    y.press("ArrowUp")
    assert at(page) == (-1.25, 0.51)
    x.fill("1000")
    assert x.input_value() == "1000"  # not while it is typed
    x.press("Tab")
    assert x.input_value() == x.get_attribute("max")
    x.fill("")
    x.press("Tab")
    assert x.input_value() == x.get_attribute("max")


@needs_chromium
def test_buttons_put_the_point_at_telling_places(bow: Cloud, desktop: Visit, url: str) -> None:
    page = start(desktop, url)
    group = page.get_by_role("group", name="Put the point")
    assert group.get_by_role("button", pressed=True).all_inner_texts() == ["At the mean"]
    for one in bow.made.data["places"]:
        group.get_by_role("button", name=one["name"]).click()
        assert at(page) == pytest.approx([one["x"], one["y"]], abs=0.00501)
        assert group.get_by_role("button", pressed=True).all_inner_texts() == [one["name"]]
    page.focus(POINT)
    for away, back in (("ArrowRight", "ArrowLeft"), ("ArrowUp", "ArrowDown")):
        page.keyboard.press(away)
        assert group.get_by_role("button", pressed=True).count() == 0
        page.keyboard.press(back)
        assert group.get_by_role("button", pressed=True).count() == 1
    page.get_by_role("button", name="Start again").click()
    assert group.get_by_role("button", pressed=True).all_inner_texts() == ["At the mean"]


# The address


@needs_chromium
def test_a_copied_address_shows_the_same(desktop: Visit, url: str) -> None:
    page = start(desktop, url)
    page.get_by_label("x", exact=True).fill("-1.37")
    page.get_by_label("y", exact=True).fill("2.02")
    page.get_by_role("button", name="Copy link").click()
    address = page.evaluate("location.href")
    assert address == f"{url}#explore?line_and_curve.x=-1.37&line_and_curve.y=2.02"
    words = page.inner_text(".live .lengths")
    page = start(desktop, address)
    assert at(page) == (-1.37, 2.02)
    assert page.inner_text(".live .lengths") == words


@needs_chromium
def test_junk_in_the_address_does_no_harm(bow: Cloud, desktop: Visit, url: str) -> None:
    mean = bow.place("At the mean").round(2).tolist()
    for junk, place in {
        "x=abc&y=": mean,
        "x=1e999&y=NaN": mean,
        "x=1e9": [None, mean[1]],
        "y=0.123456": [mean[0], 0.12],
        "hide=nothing&z=3": mean,
    }.items():
        names = "&".join(f"line_and_curve.{part}" for part in junk.split("&"))
        found = at(start(desktop, url, f"#explore?{names}"))
        for one, expected in zip(found, place, strict=True):
            assert one == expected or (expected is None and 2 < one < 4), junk
    assert desktop.errors == []


@needs_chromium
def test_each_part_can_be_left_out(desktop: Visit, url: str) -> None:
    parts = {
        "picture": ".plane",
        "lengths": ".lengths",
        "nearest": "p:has-text('Nearest on its curve')",
        "verdict": ".verdict",
        "places": "fieldset",
        "fields": ".row",
    }
    for hidden in parts:
        page = start(desktop, url, f"#explore?line_and_curve.hide={hidden}")
        for name, selector in parts.items():
            assert page.locator(f".live {selector}").is_visible() == (name != hidden), (
                name,
                hidden,
            )
        for selector in ("line.nearest", ".plane .end.nearest"):
            seen = page.locator(selector).is_visible()
            assert seen == (hidden not in ("nearest", "picture")), (selector, hidden)


# Everybody


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_it_is_accessible_and_fits(
    bow: Cloud,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
    size: tuple[int, int],
) -> None:
    url = lay(tmp_path_factory.mktemp("look"), bow.made)
    with visit(browser, url, size) as seen:
        page = seen.page
        page.wait_for_selector("#line_and_curve.alive")
        assert seen.errors == []
        assert seen.violations() + seen.violations_in_the_dark() == []
        assert seen.overflow() == 0
        outside = page.evaluate(
            """() => {
              const edge = document.querySelector(".live").getBoundingClientRect().right
              return [...document.querySelectorAll(".live :is(p, b, span, button, input, svg)")]
                .filter(part => part.getBoundingClientRect().right > edge)
                .map(part => part.outerHTML)
            }"""
        )
        assert outside == []
        unit = page.evaluate("document.querySelector('.plane svg').getScreenCTM().a")
        assert unit * 11 >= 10  # CSS pixels of the axes' numbers
        grip = page.locator(".grip").bounding_box()
        assert grip is not None
        assert min(grip["width"], grip["height"]) >= 40
        assert page.locator("#line_and_curve > figure").is_hidden()


@needs_chromium
def test_without_scripts_the_picture_is_shown(browser: Browser, url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    assert page.locator("#line_and_curve > figure").is_visible()
    assert page.locator(".live").count() == 0
    context.close()


@needs_chromium
def test_how_fast_it_is(desktop: Visit, url: str, tell: Tell) -> None:
    page = start(desktop, url)
    begin, drag, key = page.evaluate(
        """() => {
          const holder = document.querySelector("#line_and_curve")
          const time = run => {
            const from = performance.now()
            run()
            return performance.now() - from
          }
          const begin = time(() => explorables.kinds.line_and_curve(
            holder, explorables.data[holder.dataset.explorable]))
          const point = holder.querySelector("[role=slider]")
          const box = point.ownerSVGElement.getBoundingClientRect()
          point.setPointerCapture = () => {}
          point.hasPointerCapture = () => true
          const drag = Array.from({ length: 200 }, (_, i) => time(() => {
            point.dispatchEvent(new PointerEvent("pointermove", {
              clientX: box.x + box.width * i / 200, clientY: box.y + box.height * (i % 20) / 20 }))
            document.body.getBoundingClientRect()
          }))
          const key = Array.from({ length: 50 }, () => time(() => {
            point.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp" }))
            document.body.getBoundingClientRect()
          }))
          return [begin, Math.max(...drag), Math.max(...key)]
        }"""
    )
    tell(
        f"line_and_curve: begins in {begin:.0f} ms, longest step {drag:.1f} ms by pointer, "
        f"{key:.1f} ms by key; {SCRIPT.stat().st_size / 1000:.1f} kB of script"
    )
