"""The pages of the built site, and looking at one: each is opened once for all there is to see."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from browser import PHONE, visit
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from anomaly_lab import all_detectors, datasets
from anomaly_lab.errors import DownloadError
from anomaly_lab.lessons import lessons

# Two groups of pages have tests of their own; tests/test_site.py looks at all the others.
LESSONS = [f"learn/{lesson.slug}" for lesson in lessons()]
LEARN = [*LESSONS, "threshold_explorer", "heartbeat", "index"]
GALLERY = ["gallery", *(f"gallery/{name}" for name in all_detectors())]


def pages(site: Path) -> list[Path]:
    """Every page but the one whose addresses are those of the host's root."""
    return sorted(page for page in site.rglob("*.html") if page.name != "404.html")


def named(site: Path, page: Path) -> str:
    return page.relative_to(site).with_suffix("").as_posix()


@cache
def soup(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text("utf-8"), "html.parser")


def has_data(*names: str) -> bool:
    """Whether data sets can be had without downloading them."""
    return all(map(_at_hand, names))


@cache
def _at_hand(dataset: str) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANOMALY_LAB_OFFLINE", "1")
        try:
            datasets.load(dataset)
        except DownloadError:
            return False
    return True


def looked_at(browser: Browser, page: Path) -> list[str]:
    """What is wrong with a page on a phone and on a desktop, in light and in dark."""
    with visit(browser, page.as_uri(), PHONE) as seen:
        return list(seen.faults())
