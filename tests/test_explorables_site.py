"""The explorables on the built site: each comes alive in its place, light and accessible."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from browser import DESKTOP, PHONE, Visit, needs_chromium, visit
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from anomaly_lab import datasets
from anomaly_lab.errors import DownloadError

PLACES = {
    "learn/02_normal_has_a_shape": ["line_and_curve"],
    "learn/04_encoder_bottleneck_decoder": ["line_and_curve", "bottleneck", "draw"],
    "learn/05_reconstruction_error": ["draw"],
    "learn/06_choosing_the_threshold": ["threshold"],
    "threshold_explorer": ["threshold"],
}
NEEDED = {"learn/05_reconstruction_error": "ecg5000"}
NEEDED |= {"learn/06_choosing_the_threshold": "card_transactions"}
MOST_KB = 150
Tell = Callable[[str], None]


def at_hand(name: str) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_LAB_OFFLINE", "1")
        try:
            datasets.load(name)
        except DownloadError:
            return False
    return True


def places() -> dict[str, list[str]]:
    """Pages and the explorables on them; without those whose lesson lacks its data."""
    return {
        page: kinds for page, kinds in PLACES.items() if page not in NEEDED or at_hand(NEEDED[page])
    }


def test_every_lesson_has_its_own(site: Path) -> None:
    found = {}
    for page in site.rglob("*.html"):
        soup = BeautifulSoup(page.read_text("utf-8"), "html.parser")
        kinds = [str(holder["id"]) for holder in soup.select("[data-explorable]")]
        if kinds:
            found[page.relative_to(site).with_suffix("").as_posix()] = kinds
            for holder in soup.select("[data-explorable]"):
                assert holder.select_one("figure.picture svg[aria-label]")
                assert [part.name for part in holder.find_all(recursive=False)] == ["figure"]
    assert found == places()


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_comes_alive_in_its_place(
    site: Path, browser: Browser, size: tuple[int, int], scheme: str
) -> None:
    for page, kinds in places().items():
        address = "&".join(f"{kind}.hide=nothing" for kind in kinds)
        url = f"{(site / f'{page}.html').as_uri()}#explore?{address}"
        with visit(browser, url, size, scheme) as seen:
            for kind in kinds:
                seen.page.locator(f"#{kind}.alive .live").wait_for()
                assert not seen.page.locator(f"#{kind} figure.picture").first.is_visible()
            assert seen.errors == [], page
            assert seen.overflow() == 0, page
            assert seen.violations() == [], page
            foreign = [url for url in seen.requests if not url.startswith(("file:", "data:"))]
            assert foreign == []


@needs_chromium
def test_the_parts_that_teachers_are_told_are_all_parts(site: Path, browser: Browser) -> None:
    soup = BeautifulSoup((site / "teach" / "index.html").read_text("utf-8"), "html.parser")
    rows = [[code.get_text() for code in row.select("td code")] for row in soup.select("tr")]
    told = {row[0]: row[1:] for row in rows if len(row) > 1}
    homes = {kind: page for page, kinds in reversed(places().items()) for kind in kinds}
    assert told.keys() == homes.keys()
    for kind, parts in told.items():
        url = (site / f"{homes[kind]}.html").as_uri()
        with visit(browser, f"{url}#explore?{kind}.hide={parts[0]}") as seen:
            seen.page.locator(f"#{kind}.alive .live .title").wait_for()
            assert shown_parts(seen, kind) == len(parts) - 1
        with visit(browser, f"{url}#explore?{kind}.hide={','.join(parts)}") as seen:
            seen.page.locator(f"#{kind}.alive .live .title").wait_for()
            assert shown_parts(seen, kind) == 0


def shown_parts(seen: Visit, kind: str) -> int:
    """Return how many children of the frame are seen besides its title, its foot and its voice."""
    return seen.page.locator(f"#{kind} .live > :not(.title, .foot, .said):visible").count()


@needs_chromium
def test_each_is_light(site: Path, browser: Browser, tell: Tell) -> None:
    for page, kinds in places().items():
        for kind in kinds:
            weight = weighed(site, browser, page, kind)
            tell(f"Explorable {kind} of {page}: {weight / 1000:.0f} kB, compressed.")
            assert weight <= 1000 * MOST_KB


def weighed(site: Path, browser: Browser, page: str, kind: str) -> int:
    """Return the bytes, compressed, of all that a page loads to bring one explorable to life."""
    url = (site / f"{page}.html").as_uri()
    with visit(browser, f"{url}#explore?{kind}.hide=nothing") as seen:
        seen.page.locator(f"#{kind}.alive").wait_for()
        own = belongs_to(seen, kind)
        assert any(f"-{kind}.js" in path.name for path in own)
        return sum(len(gzip.compress(path.read_bytes(), 9)) for path in own)


def belongs_to(seen: Visit, kind: str) -> list[Path]:
    paths = {Path(url.removeprefix("file://").split("#")[0]) for url in seen.requests}
    mine = [path for path in paths if "explorables" in str(path)]
    others = {"bottleneck", "draw", "line_and_curve", "threshold"} - {kind}
    return [path for path in mine if not path.stem.endswith(tuple(others))]
