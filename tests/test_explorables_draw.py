"""The painter: what the page says of an image is what Keras and PCADetector make of it."""

from __future__ import annotations

from collections.abc import Callable

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
from anomaly_lab.detectors.pca import PCADetector
from anomaly_lab.explorables import Explorable
from anomaly_lab.thresholds import Quantile

SENT = 150 * KB
DIGITS = "0123456789abcdefg"
METHODS = ("autoencoder", "PCA")
SAID = """[...document.querySelectorAll(".method")].map(method => {
  const at = path => method.querySelector(path)
  return {
    title: method.ariaLabel, now: at("[role=meter]").ariaValueNow, left: at(".mark").style.left,
    score: at(".score").innerText, side: at(".score + p").innerText,
    cutoff: at(".gauge p").innerText, largest: method.querySelectorAll("canvas")[1].ariaLabel,
    mark: [...at(".mark").children].filter(one => getComputedStyle(one).display !== "none")
      .map(one => one.tagName),
  }
})"""


class Models:
    """A network and PCA, what each makes of rows, and how far from them they score."""

    def __init__(self) -> None:
        rows = all_digits()
        self.encoder, self.decoder = chain([64, 64, 8], rows[:1000], epochs=15)
        self.pca = PCADetector(n_components=8).fit(rows[:1000])
        self.calibration = rows[1000:]
        self.cutoffs = {
            name: Quantile(0.95).fit(self.errors(name, self.calibration).mean(axis=1)).cutoff_
            for name in METHODS
        }

    def rebuilt(self, name: str, rows: np.ndarray) -> np.ndarray:
        if name == "PCA":
            centred = rows - self.pca.mean_
            return self.pca.mean_ + centred @ self.pca.components_.T @ self.pca.components_
        return np.asarray(self.decoder(self.encoder(rows.astype("float32"))))

    def errors(self, name: str, rows: np.ndarray) -> np.ndarray:
        if name == "PCA":
            return self.pca.contributions(rows)
        return (rows - self.rebuilt(name, rows)) ** 2


def examples() -> dict[str, np.ndarray]:
    three, noise = digits()["three"], np.random.default_rng(0).uniform(size=64)
    return {**digits(), "an inverted three": 1 - three, "noise": noise, "nothing": np.zeros(64)}


def sixteenths(row: np.ndarray) -> np.ndarray:
    return np.rint(16 * row).astype(int)


def written(row: np.ndarray) -> str:
    """An image as the address has it."""
    return "".join(DIGITS[ink] for ink in sixteenths(row))


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


@pytest.fixture(scope="module")
def made(models: Models) -> Explorable:
    parts = (models.encoder, models.decoder, models.pca, models.calibration)
    return explorables.draw(*parts, examples(), picture())


def painted(page: Page) -> np.ndarray:
    """The ink that the grid says it has, from 0 to 16."""
    said = page.get_by_role("gridcell").evaluate_all("all => all.map(one => one.ariaLabel)")
    for i, words in enumerate(said):
        assert words.startswith(f"line {i // 8 + 1}, column {i % 8 + 1}: ink ")
    return np.array([int(words.split("ink ")[1].removesuffix(" of 16")) for words in said])


def expect_judged(page: Page, models: Models, row: np.ndarray) -> None:
    """Everything the page says of the image, by each method, is true."""
    for name, said in zip(METHODS, page.evaluate(SAID), strict=True):
        errors = models.errors(name, row[None])[0]
        score, cutoff = errors.mean(), models.cutoffs[name]
        assert said["title"] == name
        assert float(said["now"]) == pytest.approx(score, abs=1e-6)
        assert float(said["score"].removeprefix("score ")) == pytest.approx(score, rel=6e-3)
        assert said["side"] == ("flagged" if score > cutoff else "not flagged")
        assert said["mark"] == (["path"] if score > cutoff else ["circle"])
        assert float(said["cutoff"].removeprefix("cutoff ")) == as_shown(cutoff)
        times = np.clip(score / cutoff, 1 / 20, 20)
        expected = 50 + 50 * np.log(times) / np.log(20)
        assert float(said["left"].removesuffix("%")) == pytest.approx(expected, abs=0.01)
        line, column = divmod(int(errors.argmax()), 8)
        assert said["largest"].endswith(f"line {line + 1}, column {column + 1}")
        method = page.get_by_role("group", name=name, exact=True)
        out, lost = (method.locator("canvas").nth(i) for i in (0, 1))
        assert np.abs(colours(out) - grey(models.rebuilt(name, row[None])[0])).max() <= 1
        assert np.abs(colours(lost) - heat(errors)).max() <= 1


# The data


def test_the_cutoffs_let_one_in_twenty_normal_rows_lie_above(
    made: Explorable, models: Models
) -> None:
    assert made.data["cutoff"] == pytest.approx(models.cutoffs["autoencoder"])
    assert made.data["pca"]["cutoff"] == pytest.approx(models.cutoffs["PCA"])
    for name, cutoff in models.cutoffs.items():
        above = (models.errors(name, models.calibration).mean(axis=1) > cutoff).mean()
        assert above == pytest.approx(0.05, abs=0.005)


def test_images_are_kept_in_sixteenths(made: Explorable) -> None:
    for row, (name, pixels) in zip(made.data["rows"], examples().items(), strict=True):
        assert (row["name"], row["pixels"]) == (name, sixteenths(pixels).tolist())


def test_it_is_no_more_than_150_kilobytes(made: Explorable, tell: Callable[[str], None]) -> None:
    tell(f"draw: {bytes_sent(made) / KB:.1f} kB, compressed")
    assert bytes_sent(made) <= SENT


# The numbers of the page


@needs_chromium
def test_the_page_computes_what_keras_and_numpy_compute(shown: Page, models: Models) -> None:
    rows = inputs()
    answers = computed(
        shown,
        """rows => {
          const data = explorables.data["00-draw"]
          return [explorables.autoencoder(data), explorables.plane(data.pca)].map(rebuild =>
            rows.map(row => {
              const rebuilt = rebuild(row), { errors, score } = explorables.compare(row, rebuilt)
              return [[...rebuilt], [...errors], score]
            }))
        }""",
        rows.tolist(),
    )
    for name, answer in zip(METHODS, answers, strict=True):
        rebuilt, errors, scores = map(np.array, zip(*answer, strict=True))
        expected = models.errors(name, rows)
        np.testing.assert_allclose(rebuilt, models.rebuilt(name, rows), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(errors, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(scores, expected.mean(axis=1), rtol=1e-6, atol=1e-6)


@needs_chromium
def test_every_image_to_begin_from_is_judged_rightly(shown: Page, models: Models) -> None:
    sides = set()
    for name, row in examples().items():
        button = shown.get_by_role("button", name=name, exact=True)
        button.click()
        assert button.get_attribute("aria-pressed") == "true"
        assert shown.locator(".gallery [aria-pressed=true]").count() == 1
        np.testing.assert_array_equal(painted(shown), sixteenths(row))
        expect_judged(shown, models, sixteenths(row) / 16)
        sides |= {*shown.locator(".score + p").all_inner_texts()}
    assert sides == {"flagged", "not flagged"}


@needs_chromium
@pytest.mark.parametrize("seed", range(3))
def test_any_image_is_judged_rightly(shown: Page, models: Models, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.integers(0, 17, 64) * rng.integers(0, 2, 64) / 16
    go(shown, f"draw.picture={written(row)}")
    np.testing.assert_array_equal(painted(shown), sixteenths(row))
    assert not shown.locator(".gallery [aria-pressed=true]").count()
    expect_judged(shown, models, row)


# Painting


@needs_chromium
def test_the_mouse_paints_and_jumps_no_cell(shown: Page, models: Models) -> None:
    go(shown, "draw.picture=nothing&draw.ink=12")
    paper = shown.locator(".paper")
    shown.mouse.move(*inside(paper, 1 / 16, 1 / 16))
    shown.mouse.down()
    shown.mouse.move(*inside(paper, 15 / 16, 15 / 16))  # at once from corner to corner
    shown.mouse.move(*inside(paper, 15 / 16, 3))  # far below the grid
    shown.mouse.up()
    shown.mouse.move(*inside(paper, 1 / 16, 15 / 16))
    expected = np.zeros(64, dtype=int)
    expected[::9] = 12
    np.testing.assert_array_equal(painted(shown), expected)
    expect_judged(shown, models, expected / 16)
    shown.get_by_role("button", name="Clear").click()
    assert not painted(shown).any()
    assert shown.get_by_role("button", name="nothing").get_attribute("aria-pressed") == "true"


@needs_chromium
def test_a_cell_has_the_colour_of_its_ink(shown: Page) -> None:
    go(shown, f"draw.picture={(DIGITS * 4)[:64]}")
    for i, cell in enumerate(shown.get_by_role("gridcell").all()[:17]):
        level = round(255 * i / 16)
        colour = cell.evaluate("cell => getComputedStyle(cell).backgroundColor")
        assert colour == f"rgb({level}, {level}, {level})"


@needs_chromium
def test_keys_paint(shown: Page, models: Models) -> None:
    go(shown, "draw.picture=nothing")
    expected = np.zeros((8, 8), dtype=int)
    shown.get_by_role("button", name="Clear").focus()
    shown.locator(".gallery button").last.focus()
    shown.keyboard.press("Tab")  # one stop for the whole grid
    assert shown.evaluate("document.activeElement.role") == "gridcell"
    for key in ["ArrowUp"] * 8 + ["ArrowLeft"] * 8:  # to the corner, and no farther
        shown.keyboard.press(key)
    for key in ("Space", "ArrowRight", "ArrowDown", "Enter", "ArrowDown", "+", "+", "+", "-"):
        shown.keyboard.press(key)
    expected[0, 0], expected[1, 1], expected[2, 1] = 16, 16, 2
    np.testing.assert_array_equal(painted(shown), expected.ravel())
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")  # ink 8
    shown.keyboard.press("Shift+Tab")
    shown.keyboard.press("Shift+Tab")
    shown.keyboard.press("Shift+Tab")
    for key in ("ArrowLeft", "Space"):  # where it was left
        shown.keyboard.press(key)
    expected[2, 0] = 8
    np.testing.assert_array_equal(painted(shown), expected.ravel())
    for key in ["ArrowDown"] * 9 + ["ArrowRight"] * 9 + ["-", "+"]:
        shown.keyboard.press(key)
    expected[7, 7] = 1
    np.testing.assert_array_equal(painted(shown), expected.ravel())
    expect_judged(shown, models, expected.ravel() / 16)


@needs_chromium
def test_ink_is_no_less_than_0_and_no_more_than_16(shown: Page) -> None:
    go(shown, "draw.picture=nothing")
    cell = shown.get_by_role("gridcell").first
    cell.press("-")
    assert painted(shown)[0] == 0
    cell.press("Space")
    cell.press("+")
    assert painted(shown)[0] == 16


@needs_chromium
def test_a_finger_paints_and_scrolls_beside_the_grid(
    browser: Browser, url: str, models: Models
) -> None:
    with touched(browser, url + "#explore?draw.picture=nothing") as seen:
        page, paper = seen.page, seen.page.locator(".paper")
        paper.scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        place = page.evaluate("scrollY")
        page.touchscreen.tap(*inside(paper, 9 / 16, 1 / 16))
        swipe(page, [inside(paper, 3 / 16, (15 - step) / 16) for step in range(12)])
        expected = np.zeros((8, 8), dtype=int)
        expected[0, 4] = 16
        expected[2:, 1] = 16
        np.testing.assert_array_equal(painted(page), expected.ravel())
        assert page.evaluate("scrollY") == place
        expect_judged(page, models, expected.ravel() / 16)
        page.evaluate("scrollTo(0, 0)")
        assert scrolled(page, page.locator(".method canvas").first) > 50
        np.testing.assert_array_equal(painted(page), expected.ravel())
        assert not seen.errors


@needs_chromium
def test_changes_are_told_in_words_when_they_have_settled(shown: Page, models: Models) -> None:
    go(shown, "draw.picture=nothing")
    shown.get_by_role("button", name="an inverted three").click()
    settled(shown)
    row = examples()["an inverted three"][None]
    told = dict(line.split(": score ") for line in shown.locator(".said").inner_text().split("; "))
    assert tuple(told) == METHODS
    for name, words in told.items():
        score = models.errors(name, row).mean()
        assert float(words.split(",")[0]) == pytest.approx(score, rel=6e-3)
        side = "above" if score > models.cutoffs[name] else "below"
        assert f"{side} the cutoff" in words


# The address


@needs_chromium
def test_the_address_keeps_everything(browser: Browser, url: str) -> None:
    with visit(browser, url) as seen:
        page = ready(seen.page).page
        assert settled(page) == url
        page.get_by_role("button", name="seven").click()
        page.get_by_role("button", name="ink 4 of 16").click()
        assert settled(page).endswith("#explore?draw.picture=seven&draw.ink=4")
        page.get_by_role("gridcell").nth(63).press("Space")
        before, address = painted(page), settled(page)
    expected = digits()["seven"].copy()
    expected[63] = 4 / 16
    assert address.endswith(f"#explore?draw.picture={written(expected)}&draw.ink=4")
    with visit(browser, address) as seen:
        page = ready(seen.page).page
        np.testing.assert_array_equal(painted(page), before)
        assert page.locator(".paint [aria-pressed=true]").inner_text() == "4"
        assert settled(page) == address
        for _ in range(4):
            page.get_by_role("gridcell").nth(63).press("-")
        page.get_by_role("button", name="Start again").click()
        assert settled(page) == url


@needs_chromium
def test_an_image_that_has_a_name_is_called_by_it(shown: Page) -> None:
    go(shown, f"draw.picture={written(digits()['two'])}")
    assert shown.get_by_role("button", name="two").get_attribute("aria-pressed") == "true"
    shown.get_by_role("button", name="ink 8 of 16").click()
    assert settled(shown).endswith("#explore?draw.picture=two&draw.ink=8")


@needs_chromium
@pytest.mark.parametrize(
    "junk",
    [
        "picture=constructor",
        f"picture={'0' * 63}",
        f"picture={'h' * 64}",
        "picture=",
        "ink=99",
        "ink=x",
    ],
)
def test_junk_in_the_address_does_no_harm(shown: Page, models: Models, junk: str) -> None:
    go(shown, f"draw.{junk}&draw.nonsense=1")
    first = digits()["zero"]
    np.testing.assert_array_equal(painted(shown), sixteenths(first))
    assert shown.locator(".paint [aria-pressed=true]").inner_text() == "16"
    expect_judged(shown, models, first)


@needs_chromium
def test_parts_are_left_out(browser: Browser, url: str) -> None:
    with visit(browser, f"{url}#explore?draw.hide=pictures,pca,scale") as seen:
        live = ready(seen.page)
        parts = [".gallery", ".paint", "[aria-label=autoencoder]", "[aria-label=PCA]", ".legend"]
        assert [live.locator(part).is_visible() for part in parts] == [0, 1, 1, 0, 0]
        live.get_by_role("button", name="Clear").click()
        settled(seen.page)
        assert "PCA" not in live.locator(".said").inner_text()
        assert not seen.overflow()


# The look


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_everybody_can_read_it(browser: Browser, url: str, size: tuple[int, int]) -> None:
    with visit(browser, url, size) as seen:
        assert faults(seen) == []


@needs_chromium
def test_without_scripts_there_is_the_picture(browser: Browser, url: str) -> None:
    assert picture_alone(browser, url)


@needs_chromium
def test_how_fast_it_is(browser: Browser, url: str, tell: Callable[[str], None]) -> None:
    with visit(browser, url) as seen:
        ready(seen.page)
        moves = [(step / 50, abs(25 - step) / 25) for step in range(50)]
        tell(speed(seen.page, "draw", ".paper", moves))
        assert not seen.errors
