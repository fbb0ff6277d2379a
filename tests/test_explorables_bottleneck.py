"""The bottleneck explorer: its numbers are Keras's, however its bars are turned."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, needs_chromium, visit
from explorable_page import (
    KB,
    bytes_sent,
    chain,
    computed,
    faults,
    go,
    inside,
    picture,
    picture_alone,
    ready,
    scrolled,
    settled,
    speed,
    swipe,
    touched,
)
from pixel_page import all_digits, as_shown, colours, digits, grey, heat, inputs
from playwright.sync_api import Browser, Page

from anomaly_lab import explorables
from anomaly_lab.errors import InputError
from anomaly_lab.explorables import Explorable
from anomaly_lab.neural import backend

WIDTHS = (1, 2, 4, 8, 16, 32)
SENT = 150 * KB
Networks = dict[int, tuple[Any, Any]]


@pytest.fixture(scope="module")
def networks() -> Networks:
    return {width: chain([64, 64, width], all_digits(), epochs=0) for width in WIDTHS}


@pytest.fixture(scope="module")
def made(networks: Networks) -> Explorable:
    return explorables.bottleneck(networks, all_digits(), digits(), picture())


def bars(page: Page) -> np.ndarray:
    """The code as the page says it, in standard deviations."""
    said = page.locator(".track").evaluate_all("all => all.map(one => one.ariaValueNow)")
    return np.array(said, dtype=float)


def code(page: Page, made: Explorable) -> np.ndarray:
    """The code as the page says it, as the decoder is given it."""
    values = bars(page)
    (network,) = (n for n in made.data["networks"] if n["width"] == len(values))
    return values * network["spread"] + network["mean"]


def expect_decoded(page: Page, made: Explorable, networks: Networks, row: np.ndarray) -> None:
    """The images and figures are what Keras's decoder makes of the code that the page says."""
    given = code(page, made)
    rebuilt = np.asarray(networks[len(given)][1](given[None].astype("float32")))[0]
    errors = (rebuilt - row) ** 2
    assert np.abs(colours(page.locator(".out canvas")) - grey(rebuilt)).max() <= 1
    assert np.abs(colours(page.locator(".lost canvas")) - heat(errors)).max() <= 3
    mean = page.locator(".lost p").nth(1).inner_text()
    assert float(mean.removeprefix("mean ")) == pytest.approx(errors.mean(), rel=6e-3)


# The data


@pytest.mark.parametrize("layer", ["dropout", "tanh", "no bias"])
def test_layers_refuses_what_the_page_cannot_compute(layer: str) -> None:
    layers = backend.load().layers
    other = {
        "dropout": lambda: layers.Dropout(0.5),
        "tanh": lambda: layers.Dense(2, "tanh"),
        "no bias": lambda: layers.Dense(2, use_bias=False),
    }
    network = backend.load().Sequential([layers.Input((3,)), layers.Dense(3), other[layer]()])
    with pytest.raises(InputError, match="Dense layers with a bias"):
        explorables.layers(network)


@pytest.mark.parametrize(("half", "size"), [(False, 4), (True, 2)])
def test_layers_keeps_every_number_row_after_row(half: bool, size: int) -> None:
    encoder, _ = chain([64, 5, 3], all_digits()[:50], epochs=0)
    explorables.rounded(encoder)
    kept = explorables.layers(encoder, half=half)
    assert [layer["activation"] for layer in kept] == ["relu", "linear"]
    arrays = [array for layer in kept for array in (layer["weights"], layer["bias"])]
    for array, expected in zip(arrays, encoder.get_weights(), strict=True):
        raw = base64.b64decode(array["bytes"])
        assert len(raw) == size * np.size(expected)
        read = np.frombuffer(raw, f"<f{size}").reshape(np.shape(expected))
        np.testing.assert_array_equal(read, np.asarray(expected))


def test_rounding_twice_is_rounding_once() -> None:
    encoder, _ = chain([64, 5, 3], all_digits()[:50], epochs=0)
    before = [np.array(w) for w in encoder.get_weights()]
    assert explorables.rounded(encoder) is encoder
    once = [np.array(w) for w in encoder.get_weights()]
    twice = [np.array(w) for w in explorables.rounded(encoder).get_weights()]
    for start, first, second in zip(before, once, twice, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_allclose(first, start, rtol=2**-11, atol=2**-25)
    assert any((first != start).any() for start, first in zip(before, once, strict=True))


def test_units_are_measured_over_the_fitting_rows(made: Explorable, networks: Networks) -> None:
    for network in made.data["networks"]:
        codes = np.asarray(networks[network["width"]][0](all_digits()))
        np.testing.assert_allclose(network["mean"], codes.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(network["spread"], codes.std(axis=0), atol=1e-5)


def test_a_unit_that_never_moves_is_measured_in_its_own_numbers() -> None:
    encoder, decoder = chain([64, 5, 3], all_digits()[:50], epochs=0)
    *others, weights, bias = encoder.get_weights()
    encoder.set_weights([*others, np.where([False, True, True], weights, 0), bias])
    made = explorables.bottleneck({3: (encoder, decoder)}, all_digits(), digits(), picture())
    still, *moving = made.data["networks"][0]["spread"]
    assert still == 1
    assert 0 < min(moving) != 1


def test_rows_are_kept_in_steps_of_a_sixteenth(made: Explorable) -> None:
    for row, (name, pixels) in zip(made.data["rows"], digits().items(), strict=True):
        assert row["name"] == name
        np.testing.assert_array_equal(np.array(row["pixels"]) / 16, pixels)


def test_it_is_no_more_than_150_kilobytes(made: Explorable, tell: Callable[[str], None]) -> None:
    tell(f"bottleneck: {bytes_sent(made) / KB:.1f} kB, compressed")
    assert bytes_sent(made) <= SENT


# The numbers of the page


@needs_chromium
def test_half_precision_is_read_as_numpy_reads_it(shown: Page) -> None:
    every = np.arange(2**16, dtype="<u2").view("<f2")
    every = every[np.isfinite(every)]
    read = computed(
        shown,
        "data => [...explorables.numbers(data)].map(value => [value, Object.is(value, -0)])",
        explorables.numbers(every, half=True),
    )
    values, negative_zero = map(np.array, zip(*read, strict=True))
    np.testing.assert_array_equal(values, every.astype(float))
    np.testing.assert_array_equal(negative_zero, np.signbit(every) & (every == 0))


@needs_chromium
def test_single_precision_is_read_as_numpy_reads_it(shown: Page) -> None:
    some = np.random.default_rng(0).normal(size=1000).astype("float32")
    some[:4] = 0, -0.0, 1e-45, 3e38
    read = computed(shown, "data => [...explorables.numbers(data)]", explorables.numbers(some))
    np.testing.assert_array_equal(read, some.astype(float))


@needs_chromium
def test_the_networks_compute_what_keras_computes(shown: Page, networks: Networks) -> None:
    rows = inputs()
    answers = computed(
        shown,
        """rows => explorables.data["00-bottleneck"].networks.map(({ encoder, decoder }) => {
          const encode = explorables.network(encoder), decode = explorables.network(decoder)
          return rows.map(row => [[...encode(row)], [...decode(encode(row))]])
        })""",
        rows.tolist(),
    )
    for answer, (encoder, decoder) in zip(answers, networks.values(), strict=True):
        codes, rebuilt = (np.array(part) for part in zip(*answer, strict=True))
        np.testing.assert_allclose(codes, np.asarray(encoder(rows)), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(
            rebuilt, np.asarray(decoder(encoder(rows))), rtol=1e-5, atol=1e-5
        )


@needs_chromium
@pytest.mark.parametrize("width", WIDTHS)
def test_the_code_and_the_images_are_keras_s(
    shown: Page, made: Explorable, networks: Networks, width: int
) -> None:
    for name, row in list(digits().items())[width % 3 :: 3]:
        go(shown, f"bottleneck.width={width}&bottleneck.row={name}")
        assert shown.locator(".width [aria-pressed=true]").inner_text() == str(width)
        encoded = np.asarray(networks[width][0](row[None].astype("float32")))[0]
        np.testing.assert_allclose(code(shown, made), encoded, atol=1e-5)
        np.testing.assert_array_equal(colours(shown.locator(".in canvas")), grey(row))
        expect_decoded(shown, made, networks, row)


@needs_chromium
def test_the_legend_says_what_the_colours_mean(shown: Page) -> None:
    """Its ticks stand where a pixel of that squared error has the colour of the bar."""
    ticks = shown.locator(".scale span").evaluate_all(
        "all => all.map(one => [one.textContent, one.style.left])"
    )
    assert [text for text, _ in ticks] == ["0", "0.1", "0.4", "≥ 1"]
    for text, left in ticks:
        value = float(text.removeprefix("≥ "))
        assert float(left.removesuffix("%")) == pytest.approx(100 * np.sqrt(value))
        colour = shown.evaluate("value => explorables.heat(value)", value)
        np.testing.assert_allclose(colour, heat(np.array([value]))[0])
    bar = shown.locator(".colours").evaluate("bar => getComputedStyle(bar).backgroundImage")
    evenly = "linear-gradient(90deg, rgb(0, 0, 0), rgb(213, 94, 0), rgb(255, 240, 200))"
    assert bar == evenly


# Bars to turn


@needs_chromium
@pytest.mark.parametrize(("width", "k"), [(1, 0), (8, 0), (8, 5), (32, 31)])
def test_the_mouse_turns_one_bar(
    shown: Page, made: Explorable, networks: Networks, width: int, k: int
) -> None:
    go(shown, f"bottleneck.width={width}&bottleneck.row=three")
    before = bars(shown)
    track = shown.locator(".track").nth(k)
    track.scroll_into_view_if_needed()
    shown.mouse.move(*inside(track))
    shown.mouse.down()
    shown.mouse.move(*inside(track, down=0.3))
    shown.mouse.move(*inside(track, across=4, down=0.2))  # a bar is held beside it as well
    shown.mouse.up()
    shown.mouse.move(*inside(track, down=0.9))  # and let go
    reach = float(track.get_attribute("aria-valuemax") or "nan")
    expected = before.copy()
    expected[k] = reach * (1 - 2 * 0.2)
    np.testing.assert_allclose(bars(shown), expected, atol=0.03)
    expect_decoded(shown, made, networks, digits()["three"])
    assert "than encoded" in (track.get_attribute("aria-valuetext") or "")


@needs_chromium
def test_keys_turn_one_bar(shown: Page, made: Explorable, networks: Networks) -> None:
    go(shown, "bottleneck.width=4&bottleneck.row=two")
    before = bars(shown)
    track = shown.locator(".track").nth(2)
    track.focus()
    for key, expected in (
        ("ArrowUp", before[2] + 0.1),
        ("Shift+ArrowUp", before[2] + 1.1),
        ("ArrowDown", before[2] + 1),
        ("End", float(track.get_attribute("aria-valuemax") or "nan")),
        ("Home", float(track.get_attribute("aria-valuemin") or "nan")),
    ):
        shown.keyboard.press(key)
        now = bars(shown)
        assert now[2] == pytest.approx(expected, abs=0.011), key
        np.testing.assert_array_equal(np.delete(now, 2), np.delete(before, 2))
        expect_decoded(shown, made, networks, digits()["two"])
    assert abs(bars(shown)[2]) <= float(track.get_attribute("aria-valuemax") or "nan")


@needs_chromium
def test_a_finger_turns_one_bar_and_scrolls_beside_it(
    browser: Browser, url: str, made: Explorable, networks: Networks
) -> None:
    with touched(browser, url + "#explore?bottleneck.width=32") as seen:
        page = seen.page
        for k in (7, 24):
            track = page.locator(".track").nth(k)
            track.scroll_into_view_if_needed()
            page.wait_for_timeout(100)
            before, place = bars(page), page.evaluate("scrollY")
            swipe(page, [inside(track, down=down) for down in (0.5, 0.4, 0.3, 0.25)])
            reach = float(track.get_attribute("aria-valuemax") or "nan")
            assert bars(page)[k] == pytest.approx(reach / 2, abs=0.05)
            np.testing.assert_array_equal(np.delete(bars(page), k), np.delete(before, k))
            assert page.evaluate("scrollY") == place
            expect_decoded(page, made, networks, digits()["zero"])
        page.touchscreen.tap(*inside(track, down=0.75))
        assert bars(page)[24] == pytest.approx(-reach / 2, abs=0.05)
        page.evaluate("scrollTo(0, 0)")
        assert scrolled(page, page.locator(".out canvas")) > 50
        assert not seen.errors


@needs_chromium
def test_as_encoded_puts_the_code_back(shown: Page) -> None:
    go(shown, "bottleneck.width=2&bottleneck.row=six")
    before = bars(shown)
    go(shown, "bottleneck.width=2&bottleneck.row=six&bottleneck.code=1,-1.5")
    np.testing.assert_allclose(bars(shown), [before[0] + 1, before[1] - 1.5], atol=1e-4)
    shown.get_by_role("button", name="As encoded").click()
    np.testing.assert_array_equal(bars(shown), before)
    assert "code" not in settled(shown)


@needs_chromium
@pytest.mark.parametrize("other", [".width button >> nth=0", ".gallery button >> nth=3"])
def test_another_width_or_digit_comes_with_its_own_code(shown: Page, other: str) -> None:
    go(shown, "bottleneck.width=2&bottleneck.code=1,-1.5")
    shown.locator(other).click()
    said = shown.locator(".track").evaluate_all("all => all.map(one => one.ariaValueText)")
    assert all(text.endswith("as encoded") for text in said)
    assert "code" not in settled(shown)


@needs_chromium
def test_changes_are_told_in_words_when_they_have_settled(shown: Page) -> None:
    go(shown, "bottleneck.width=4&bottleneck.row=two")
    shown.locator(".track").first.press("End")
    settled(shown)
    score, before = (shown.locator(".lost p").nth(i).inner_text().split()[-1] for i in (1, 2))
    assert shown.locator(".said").inner_text() == (
        f"two through a bottleneck of 4: mean squared error {score}, as encoded {before}"
    )
    assert as_shown(float(score)) != as_shown(float(before))


# The address


@needs_chromium
def test_the_address_keeps_everything(browser: Browser, url: str) -> None:
    with visit(browser, url) as seen:
        page = ready(seen.page).page
        page.get_by_role("button", name="16").click()
        page.get_by_role("button", name="seven").click()
        page.locator(".track").nth(3).press("PageUp")
        page.locator(".track").nth(9).press("ArrowDown")
        address, before = settled(page), bars(page)
    assert address.endswith(
        "#explore?bottleneck.width=16&bottleneck.row=seven&"
        "bottleneck.code=0,0,0,1,0,0,0,0,0,-0.1,0,0,0,0,0,0"
    )
    with visit(browser, address) as seen:
        ready(seen.page)
        np.testing.assert_array_equal(bars(seen.page), before)
        assert settled(seen.page) == address


@needs_chromium
@pytest.mark.parametrize(
    "junk",
    [
        "width=7&bottleneck.row=constructor",
        "width=&bottleneck.row=",
        "code=1,2",
        "code=NaN,0,0,0,0,0,0,0",
        "code=1,Infinity,0,0,0,0,0,0",
        "code=%3Cb%3E&bottleneck.nonsense=1&other.width=2",
    ],
)
def test_junk_in_the_address_does_no_harm(shown: Page, junk: str) -> None:
    go(shown, f"bottleneck.{junk}")
    assert shown.locator(".width [aria-pressed=true]").inner_text() == "8"
    assert shown.locator(".in canvas").get_attribute("aria-label") == "zero"
    assert len(bars(shown)) == 8
    assert np.isfinite(bars(shown)).all()
    shown.locator(".track").first.press("ArrowUp")
    assert "bottleneck.code=0.1,0,0,0,0,0,0,0" in settled(shown)


@needs_chromium
def test_a_step_off_the_axis_is_taken_back_to_its_end(shown: Page) -> None:
    go(shown, "bottleneck.width=2&bottleneck.code=1e300,-99")
    reach = float(shown.locator(".track").first.get_attribute("aria-valuemax") or "nan")
    np.testing.assert_allclose(bars(shown), [reach, -reach], atol=0.011)
    assert np.abs(bars(shown)).max() <= reach


@needs_chromium
def test_parts_are_left_out(browser: Browser, url: str) -> None:
    with visit(browser, f"{url}#explore?bottleneck.hide=width,digit,error") as seen:
        live = ready(seen.page)
        parts = [".width", ".gallery", ".in", ".code", ".out", ".lost"]
        assert [live.locator(part).is_visible() for part in parts] == [0, 0, 1, 1, 1, 0]
        assert not seen.overflow()


# The look


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_everybody_can_read_it(browser: Browser, url: str, size: tuple[int, int]) -> None:
    with visit(browser, url + "#explore?bottleneck.width=32", size) as seen:
        assert faults(seen) == []


@needs_chromium
def test_without_scripts_there_is_the_picture(browser: Browser, url: str) -> None:
    assert picture_alone(browser, url)


@needs_chromium
def test_how_fast_it_is(browser: Browser, url: str, tell: Callable[[str], None]) -> None:
    with visit(browser, url + "#explore?bottleneck.width=32") as seen:
        ready(seen.page)
        moves = [(0.5, step / 50) for step in range(50)]
        tell(speed(seen.page, "bottleneck", ".track", moves))
        assert not seen.errors
