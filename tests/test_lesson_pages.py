"""The pages of lessons in a browser, and the explorables on them; each page is opened once.

Its tests look at it as it is after those before them: as it opens on a phone, then with its
explorables alive, then on a desktop and in the dark.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import PHONE, Visit, needs_chromium, visit
from playwright.sync_api import Browser
from site_pages import LEARN, LESSONS, has_data, named, pages, soup

PLACES = {
    "learn/02_normal_has_a_shape": ["line_and_curve"],
    "learn/04_encoder_bottleneck_decoder": ["line_and_curve", "bottleneck", "draw"],
    "learn/05_reconstruction_error": ["draw"],
    "learn/06_choosing_the_threshold": ["threshold"],
    "threshold_explorer": ["threshold"],
    "heartbeat": ["heartbeat"],
    "index": ["heartbeat"],
}
NEEDED = {"learn/05_reconstruction_error": "ecg5000"}
NEEDED |= {"learn/06_choosing_the_threshold": "card_transactions"}
EVERY_PAGE = pytest.mark.parametrize("page", LEARN, indirect=True)
EVERY_LESSON = pytest.mark.parametrize("page", LESSONS, indirect=True)
FIRST_VIEW_KB, EXPLORABLE_KB = 600, 150
Tell = Callable[[str], None]


def places() -> dict[str, list[str]]:
    """Pages and the explorables on them; without those whose lesson lacks its data."""
    return {
        page: kinds
        for page, kinds in PLACES.items()
        if page not in NEEDED or has_data(NEEDED[page])
    }


@pytest.fixture(scope="module")
def page(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def opened(site: Path, page: str, browser: Browser) -> Iterator[Visit]:
    """The page on a phone, for all tests that look at it."""
    with visit(browser, (site / f"{page}.html").as_uri(), PHONE) as seen:
        yield seen


@needs_chromium
@EVERY_LESSON
def test_the_first_view_of_a_lesson_is_light(opened: Visit, page: str, tell: Tell) -> None:
    opened.page.wait_for_load_state("networkidle")
    asked = {unquote(urlsplit(url).path) for url in opened.requests if "file:" in url}
    files = [file for file in asked if "/search" not in file]  # come after the first view
    size = sum(Path(file).stat().st_size for file in files) / 1000
    tell(f"First view of {page}: {size:.0f} kB.")
    assert size <= FIRST_VIEW_KB


@needs_chromium
@EVERY_LESSON
def test_figures_out_of_sight_keep_their_place(opened: Visit) -> None:
    figures = opened.page.locator(".picture svg")
    heights = "all => all.map(svg => svg.getBoundingClientRect().height)"
    unseen = figures.evaluate_all(heights)
    skipped = "all => all.every(svg => getComputedStyle(svg).contentVisibility === 'auto')"
    assert figures.evaluate_all(skipped)
    shown = opened.page.add_style_tag(
        content=".picture svg {content-visibility: visible !important}"
    )
    assert unseen == pytest.approx(figures.evaluate_all(heights), abs=0.5)
    shown.evaluate("style => style.remove()")
    assert min(unseen) > 50


@needs_chromium
@EVERY_PAGE
def test_each_explorable_comes_alive_in_its_place(opened: Visit, page: str, tell: Tell) -> None:
    kinds = places().get(page, [])
    settings = "&".join(f"{kind}.hide=nothing" for kind in kinds)
    opened.page.evaluate("settings => { location.hash = settings }", f"#explore?{settings}")
    for kind in kinds:
        opened.page.locator(f"#{kind}.alive .live").wait_for()
        assert not opened.page.locator(f"#{kind} figure.picture").first.is_visible()
        own = belongs_to(opened, kind)
        assert any(f"-{kind}.js" in path.name for path in own)
        weight = sum(len(gzip.compress(path.read_bytes(), 9)) for path in own)
        tell(f"Explorable {kind} of {page}: {weight / 1000:.0f} kB, compressed.")
        assert weight <= 1000 * EXPLORABLE_KB
    if kinds:
        assert opened.violations() == []  # on a phone; on a desktop with all the rest


@needs_chromium
@EVERY_PAGE
def test_nothing_is_wrong_with_it(opened: Visit) -> None:
    assert list(opened.faults()) == []


def belongs_to(seen: Visit, kind: str) -> list[Path]:
    """Return the files that a page loads to bring one explorable to life."""
    paths = {Path(url.removeprefix("file://").split("#")[0]) for url in seen.requests}
    mine = [path for path in paths if "explorables" in str(path)]
    others = {"bottleneck", "draw", "line_and_curve", "threshold"} - {kind}
    return [path for path in mine if not path.stem.endswith(tuple(others))]


# The site


def test_every_lesson_has_its_own(site: Path) -> None:
    found = {}
    for page in pages(site):
        holders = soup(page).select("[data-explorable]")
        if holders:
            found[named(site, page)] = [str(holder["id"]) for holder in holders]
        for holder in holders:
            assert holder.select_one("figure.picture svg[aria-label]")
            assert [part.name for part in holder.find_all(recursive=False)] == ["figure"]
    assert found == places()


@needs_chromium
def test_the_parts_that_teachers_are_told_are_all_parts(site: Path, browser: Browser) -> None:
    page = soup(site / "teach" / "index.html")
    rows = [[code.get_text() for code in row.select("td code")] for row in page.select("tr")]
    told = {row[0]: row[1:] for row in rows if len(row) > 1}
    homes = {kind: page for page, kinds in reversed(places().items()) for kind in kinds}
    assert told.keys() == homes.keys()
    for kind, parts in told.items():
        url = (site / f"{homes[kind]}.html").as_uri()
        with visit(browser, f"{url}#explore?{kind}.hide={parts[0]}") as seen:
            seen.page.locator(f"#{kind}.alive .live .title").wait_for()
            assert shown_parts(seen, kind) == len(parts) - 1
            seen.page.evaluate(
                """hash => new Promise(done => {
                  addEventListener("hashchange", done, { once: true })
                  location.hash = hash
                })""",
                f"#explore?{kind}.hide={','.join(parts)}",
            )
            assert shown_parts(seen, kind) == 0


def shown_parts(seen: Visit, kind: str) -> int:
    """Return how many children of the frame are seen besides its title, its foot and its voice."""
    return seen.page.locator(f"#{kind} .live > :not(.title, .foot, .said):visible").count()
