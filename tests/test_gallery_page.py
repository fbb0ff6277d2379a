"""The gallery's page: complete without scripts; sorted, filtered and linked to with them."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import DESKTOP, PHONE, Visit, needs_chromium, visit
from bs4 import BeautifulSoup, Tag
from PIL import Image
from playwright.sync_api import Browser, Page
from site_pages import looked_at

from anomaly_lab import all_detectors
from anomaly_lab.gallery import html, sets, tables
from anomaly_lab.gallery.tasks import CELLS, EXTENT, MapResult, centres

PICTURE_KB = 1000
PANEL = re.compile(r"(\w+) on (\w+): ROC-AUC [01]\.\d\d, fitted in [\d.]+ m?s")
SETS = [*sets.BUNDLED, *sets.DOWNLOADED]
NAMES = list(all_detectors())
Tell = Callable[[str], None]


# The HTML by itself


def slope(**changed: Any) -> MapResult:
    """A score that grows from left to right, and one row of each kind."""
    fields: dict[str, Any] = {
        "scores": np.tile(centres(), (CELLS, 1)),
        "X": np.array([[-EXTENT, EXTENT], [1.0, 1.0]]),
        "hidden": np.array([0, 1]),
        "test": np.array([[0.0, 0.0], [1.0, 0.0]]),
        "labels": np.array([0, 1]),
        "cutoff": 1.0,
        "roc_auc": 0.5,
        "fit_seconds": 0.1,
        "score_seconds": 0.1,
    }
    return MapResult(**{**fields, **changed})


def drawn(result: MapResult, alt: str = "what is seen") -> dict[str, ET.Element]:
    """The parts of a panel, by their class; the map as "image", the whole as "svg"."""
    (svg,) = ET.fromstring(html.panel(result, alt))
    return {"svg": svg, **{part.get("class", part.tag): part for part in svg}}


def pixels(result: MapResult) -> np.ndarray:
    encoded = drawn(result)["image"].get("href", "").removeprefix("data:image/png;base64,")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))


def test_a_panel_is_an_image_with_its_text() -> None:
    svg = drawn(slope(), 'a "quoted" <b> & more')["svg"]
    assert (svg.get("role"), svg.get("aria-label")) == ("img", 'a "quoted" <b> & more')


def test_a_map_changes_colour_at_the_cutoff_and_is_stronger_away_from_it() -> None:
    line = pixels(slope())[0].astype(int)
    below = centres() <= 1.0
    red, blue, strength = line[:, 0], line[:, 2], line[:, 3]
    assert (blue[below] > red[below] + 100).all()
    assert (blue[~below] == red[~below]).all()
    assert (np.diff(strength[below]) <= 0).all()
    assert (np.diff(strength[~below]) >= 0).all()
    assert strength[0] > strength[below][-1]
    assert strength[-1] > strength[~below][0]


def test_a_map_has_its_top_where_y_is_highest() -> None:
    rising = np.tile(centres()[:, None], (1, CELLS))  # the first row has the lowest y
    strength = pixels(slope(scores=rising, cutoff=-EXTENT))[:, 0, 3].astype(int)
    assert strength[0] > strength[-1]


@pytest.mark.parametrize("cutoff", [-9.0, 9.0], ids=["below all", "above all"])
def test_a_map_may_lie_on_one_side_of_the_cutoff(cutoff: float) -> None:
    parts = drawn(slope(cutoff=cutoff))
    assert parts["cutoff"].get("d") == ""
    assert len(np.unique(pixels(slope(cutoff=cutoff))[..., 0])) == 1


def test_the_cutoff_and_the_marks_are_where_they_belong() -> None:
    parts = drawn(slope(cutoff=0.0))
    middle = 10 * CELLS // 2
    ends = re.match(r"M(\d+) \d+l", parts["cutoff"].get("d", ""))
    assert ends
    assert int(ends[1]) == middle
    assert parts["rows"].get("d", "").startswith("M0 0")
    assert parts["hidden"].get("d", "").startswith(f"M{middle * 3 // 2} {middle // 2}")
    assert parts["anomalies"].get("d", "").startswith(f"M{middle * 3 // 2} {middle}")


def table(figures: dict[str, tuple[float, ...]], prevalence: float = 0.1) -> BeautifulSoup:
    """The table of one data set: by detector, the ROC-AUC of each seed."""
    rows = [
        ("digits", detector, seed, "clean", roc_auc, roc_auc / 2, prevalence)
        for detector, seeds in figures.items()
        for seed, roc_auc in enumerate(seeds)
    ]
    columns = [
        "dataset",
        "detector",
        "seed",
        "training",
        "roc_auc",
        "average_precision",
        "prevalence",
    ]
    summary = tables.summary(pd.DataFrame(rows, columns=columns))
    return BeautifulSoup(html.table(summary, ["digits"], [*figures, "other"]), "html.parser")


def cells(page: BeautifulSoup, training: str) -> list[Tag]:
    return page.select(f'tr[data-training="{training}"] td')[2:]


def test_a_cell_shows_mean_and_spread_of_both_figures() -> None:
    first = cells(table({"knn": (0.8, 0.9)}), "clean")[0]
    assert [" ".join(part.get_text().split()) for part in first.select(":scope > span")] == [
        "0.850 ± 0.071",
        "0.425 ± 0.035",
    ]


@pytest.mark.parametrize(
    ("figures", "best"),
    [
        ({"knn": (0.9, 0.92), "pca": (0.7, 0.72)}, ["knn"]),
        ({"knn": (0.8, 0.9), "pca": (0.78, 0.86)}, []),
        ({"knn": (0.9,), "pca": (0.7,)}, []),
        ({"knn": (0.9, 0.92)}, []),
    ],
    ids=["ahead", "overlapping", "one seed", "alone"],
)
def test_the_best_is_marked_where_it_leads_by_more_than_the_spread(
    figures: dict[str, tuple[float, ...]], best: list[str]
) -> None:
    found = cells(table(figures), "clean")
    marked = [name for name, cell in zip(figures, found, strict=False) if cell.select(".best")]
    assert marked == best
    assert all(part.select_one('[aria-label="best"]') for part in table(figures).select(".best"))


def test_what_is_not_measured_says_so() -> None:
    page = table({"knn": (0.8, 0.9)})
    assert [cell.select_one("[aria-label]") is None for cell in cells(page, "clean")] == [
        True,
        False,
    ]
    for cell in cells(page, "contaminated"):
        assert cell.select_one('[aria-label="not recorded"]')


def test_the_tint_begins_at_what_a_coin_reaches() -> None:
    tinted = table({"knn": (0.5, 0.5)}, prevalence=0.25).select("[style*=heat]")
    assert [part["style"] for part in tinted] == ["--heat: 0%", "--heat: 0%"]


# The page


@pytest.fixture(scope="module")
def address(site: Any) -> str:
    return (site / "gallery.html").as_uri()


@pytest.fixture(scope="module")
def page(site: Any) -> BeautifulSoup:
    return BeautifulSoup((site / "gallery.html").read_text("utf-8"), "html.parser")


def test_the_picture_has_every_detector_on_every_set(page: BeautifulSoup, tell: Tell) -> None:
    figures = page.select("table.panels figure.picture")
    told = [PANEL.fullmatch(str(figure.svg["aria-label"])) for figure in figures]
    assert all(told)
    shown = [(match[2], match[1]) for match in told if match]
    assert shown == [
        (case.data.removeprefix("shapes/"), name) for case in sets.PICTURED for name in NAMES
    ]
    size = sum(len(str(figure).encode()) for figure in figures) / 1000
    whole = len(str(page).encode()) / 1000
    tell(f"Gallery: {len(figures)} maps, {size:.0f} kB; the page {whole:.0f} kB.")
    assert size <= PICTURE_KB


def test_heads_of_columns_lead_to_the_detectors(page: BeautifulSoup) -> None:
    links = [str(link["href"]) for link in page.select("table.panels thead a")]
    assert links == [f"gallery/{name}.html" for name in NAMES]


def test_the_table_is_whole(page: BeautifulSoup, tell: Tell) -> None:
    results = page.select_one("table.results")
    assert results is not None
    assert results.select_one("caption")
    heads = results.select("thead th")
    assert [head["data-key"] for head in heads][3:] == NAMES
    rows = results.select("tbody tr")
    shown = [(row.select_one('th[scope="row"] a').get_text(), row["data-training"]) for row in rows]
    assert shown == [(name, training) for name in SETS for training in ("clean", "contaminated")]
    measured = dict.fromkeys(SETS, 0)
    for row, (name, _) in zip(rows, shown, strict=True):
        assert len(row.select("td")) == 2 + len(NAMES)
        measured[name] += len(row.select("td .roc_auc"))
    assert all(measured[name] == 2 * len(NAMES) for name in sets.BUNDLED)
    tell(
        f"Gallery table: {len(rows)} rows x {len(NAMES)} detectors, {sum(measured.values())} of "
        f"{len(rows) * len(NAMES)} cells measured."
    )


def test_every_detector_has_a_card(page: BeautifulSoup) -> None:
    titles = [heading.find(string=True).strip() for heading in page.select(".cards h3")]
    assert titles == [detector.card.title for detector in all_detectors().values()]


@needs_chromium
def test_without_scripts_the_table_is_there_and_nothing_that_needs_them(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    seen = context.new_page()
    seen.goto(address)
    assert seen.locator(".results tbody tr:visible").count() == 2 * len(SETS)
    for figure in ("roc_auc", "average_precision"):
        assert seen.locator(f".results .{figure}").first.is_visible()
    assert not seen.locator("#choose").is_visible()
    assert seen.locator(".results button").count() == 0
    context.close()


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Visit]:
    with visit(browser, address) as seen:
        yield seen
        assert seen.errors == []


def names(page: Page) -> list[str]:
    return page.locator(".results tbody tr:visible th a").all_inner_texts()


def values(page: Page, detector: str, figure: str = "roc_auc") -> list[float]:
    at = 3 + NAMES.index(detector)
    return page.evaluate(
        f"""[...document.querySelectorAll(".results tbody tr:not([hidden])")]
        .map(row => row.cells[{at}].querySelector(".{figure}")?.dataset.value)
        .map(value => value === undefined ? -1 : Number(value))"""
    )


def head(page: Page, key: str) -> Any:
    return page.locator(f'.results th[data-key="{key}"]')


def status(page: Page) -> str:
    return page.locator("[role=status].count").inner_text()


@needs_chromium
def test_a_click_sorts_and_another_turns_the_order(opened: Visit) -> None:
    page, before = opened.page, names(opened.page)
    knn = head(page, "knn")
    assert knn.get_attribute("aria-sort") is None
    knn.get_by_role("button").click()
    assert knn.get_attribute("aria-sort") == "descending"
    assert values(page, "knn") == sorted(values(page, "knn"), reverse=True)
    assert "sorted by knn, descending" in status(page)
    knn.get_by_role("button").click()
    assert knn.get_attribute("aria-sort") == "ascending"
    known = [value for value in values(page, "knn") if value >= 0]
    assert known == sorted(known)
    assert values(page, "knn")[: len(known)] == known  # what is not recorded stays last
    head(page, "set").get_by_role("button").click()
    assert knn.get_attribute("aria-sort") is None
    assert names(page) == sorted(before, key=str.lower)


@needs_chromium
def test_the_keyboard_sorts_too(opened: Visit) -> None:
    page = opened.page
    head(page, "prevalence").get_by_role("button").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert head(page, NAMES[0]).get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert head(page, NAMES[0]).get_attribute("aria-sort") == "ascending"


@needs_chromium
def test_filters_leave_the_rows_that_hold_what_was_asked(opened: Visit) -> None:
    page = opened.page
    assert status(page) == f"{2 * len(SETS)} of {2 * len(SETS)} rows."
    page.get_by_role("searchbox", name="Name").fill("CARD")
    assert set(names(page)) == {name for name in SETS if "card" in name.lower()}
    page.get_by_role("radio", name="clean").check()
    page.get_by_role("combobox", name="Kind of set").select_option("simulated")
    assert names(page) == ["card_transactions_simulated"]
    assert status(page) == f"1 of {2 * len(SETS)} rows."
    page.get_by_role("button", name="Show all").click()
    assert len(names(page)) == 2 * len(SETS)
    assert page.get_by_role("searchbox", name="Name").input_value() == ""
    assert "#" not in page.url


@needs_chromium
def test_the_figure_can_be_chosen_and_is_what_is_sorted_by(opened: Visit) -> None:
    page = opened.page
    one, other = (page.locator(f".results .{name}").first for name in html._FIGURES)
    assert one.is_visible()
    assert not other.is_visible()
    page.get_by_role("radio", name="average precision").check()
    assert not one.is_visible()
    assert other.is_visible()
    head(page, "pca").get_by_role("button").click()
    shown = values(page, "pca", "average_precision")
    assert shown == sorted(shown, reverse=True)


@needs_chromium
def test_a_view_is_linked_to_by_its_address(opened: Visit, browser: Browser) -> None:
    page = opened.page
    page.get_by_role("radio", name="average precision").check()
    page.get_by_role("radio", name="contaminated").check()
    page.get_by_role("searchbox", name="Name").fill("s")
    page.locator("#choose summary").click()
    page.get_by_role("checkbox", name="pca").check()
    page.get_by_role("checkbox", name="lof").check()
    head(page, "knn").get_by_role("button").click()
    with visit(browser, page.url) as again:
        assert names(again.page) == names(page)
        assert values(again.page, "knn") == values(page, "knn")
        assert status(again.page) == status(page)
        assert head(again.page, "knn").get_attribute("aria-sort") == "descending"
        for name in NAMES:
            assert head(again.page, name).is_visible() == (name not in ("pca", "lof"))
        assert again.page.get_by_role("radio", name="average precision").is_checked()
        assert again.page.get_by_role("searchbox", name="Name").input_value() == "s"
        header, form = (
            again.page.locator(part).bounding_box() for part in (".md-header", "#choose")
        )
        assert header["y"] + header["height"] <= form["y"] < DESKTOP[1] / 2


@needs_chromium
@pytest.mark.parametrize(
    "fragment", ["results?sort=nobody&figure=none&kind=x", "results?", "results?sort=knn", "other"]
)
def test_an_address_that_says_little_shows_the_table(
    browser: Browser, address: str, fragment: str
) -> None:
    with visit(browser, f"{address}#{fragment}") as seen:
        assert seen.errors == []
        assert seen.page.locator(".results .roc_auc").first.is_visible()
        assert len(names(seen.page)) == 2 * len(SETS)


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("kind", ["panels", "results"])
def test_heads_stay_in_sight(
    browser: Browser, address: str, kind: str, size: tuple[int, int]
) -> None:
    """Column heads at the top of the box or window, row heads at the left of the box."""
    rows = ".case th > span" if kind == "panels" else "tbody th"
    with visit(browser, address, size) as seen:
        last = seen.page.locator(f".{kind} {rows}").last
        last.scroll_into_view_if_needed()
        seen.page.locator(f".box:has(.{kind})").evaluate("box => box.scrollLeft = 200")
        seen.page.evaluate("window.scrollBy(0, 40)")
        box, left = (
            seen.page.locator(which).bounding_box()
            for which in (f".box:has(.{kind})", f".{kind} {rows} >> nth=-1")
        )
        top = seen.page.locator(f".{kind} thead th").first.bounding_box()
        assert left["x"] == pytest.approx(box["x"], abs=2)
        if size == DESKTOP:
            header = seen.page.locator(".md-header").bounding_box()
            assert top["y"] == pytest.approx(header["y"] + header["height"], abs=2)
        else:
            assert top["y"] == pytest.approx(box["y"], abs=2)


@needs_chromium
def test_the_page_fits_and_is_accessible(browser: Browser, address: str, tell: Tell) -> None:
    view = f"{address}#results?figure=both&sort=knn&order=descending"
    with visit(browser, view, PHONE) as seen:
        assert seen.violations() == []  # on a phone; on a desktop with all the rest
        for size in (PHONE, DESKTOP):
            seen.resize(size)
            panel = seen.page.locator(".panels svg").first.bounding_box()
            tell(f"Gallery at {size[0]} px: maps {panel['width']:.0f} px wide.")
            assert panel["width"] >= 110
        assert list(seen.faults()) == []


@needs_chromium
def test_a_detectors_page_fits_and_is_accessible(site: Path, browser: Browser) -> None:
    found = {name: looked_at(browser, site / "gallery" / f"{name}.html") for name in NAMES}
    assert {name: faults for name, faults in found.items() if faults} == {}


@needs_chromium
def test_all_detectors_are_seen_at_once_on_a_desktop(browser: Browser, address: str) -> None:
    with visit(browser, address, DESKTOP) as seen:
        for kind in ("panels", "results"):
            last = seen.page.locator(f".{kind} thead th").last.bounding_box()
            assert last["x"] + last["width"] <= DESKTOP[0]
