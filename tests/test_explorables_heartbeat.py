"""The heartbeats of Home: what is drawn and said is what was measured."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from browser import DESKTOP, PHONE, needs_chromium, visit
from explorable_page import (
    KB,
    bytes_sent,
    faults,
    go,
    inside,
    picture,
    picture_alone,
    settled,
    speed,
    straight,
    swipe,
    touched,
)
from playwright.sync_api import Browser, Page

from anomaly_lab import explorables
from anomaly_lab.errors import InputError
from anomaly_lab.explorables import Explorable

SENT = 60 * KB
LABELS = np.array([0] * 20 + [1] * 5)
CUTOFF = 2.0
SCORES = np.r_[np.geomspace(0.5, 3, 20), np.geomspace(1.5, 40, 5)]
BEATS = np.random.default_rng(0).normal(size=(25, 140)).cumsum(axis=1)


@pytest.fixture(scope="module")
def made() -> Explorable:
    return explorables.heartbeat(BEATS, BEATS * 0.5, SCORES, LABELS, CUTOFF, picture())


def verdict(cutoff: float) -> str:
    found, alarms = (int((SCORES[label == LABELS] > cutoff).sum()) for label in (1, 0))
    return (
        f"At this cutoff {found} of 5 abnormal beats are flagged, and {alarms} of 20 normal ones "
        "with them."
    )


@pytest.mark.parametrize("abnormal", [0, 25, 100])
def test_what_cannot_be_shown_is_refused(abnormal: int) -> None:
    rows = max(25, abnormal)
    labels, beats = np.zeros(rows, int), np.zeros((rows, 3))
    labels[:abnormal] = 1
    with pytest.raises(InputError, match=f"got {rows} with {abnormal} abnormal"):
        explorables.heartbeat(beats, beats, labels + 1.0, labels, 1, picture())


@needs_chromium
def test_it_is_light_and_its_picture_is_there_without_scripts(
    made: Explorable, browser: Browser, url: str
) -> None:
    assert bytes_sent(made) < SENT
    assert picture_alone(browser, url)


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_it_can_be_read_and_used(browser: Browser, url: str, size: tuple[int, int]) -> None:
    with visit(browser, url, size) as seen:
        assert faults(seen) == []


@needs_chromium
@pytest.mark.parametrize("cutoff", [0.45, 1.0, CUTOFF, 3.001, 40, 50])
def test_the_sentence_counts_what_lies_above_the_cutoff(shown: Page, cutoff: float) -> None:
    go(shown, f"heartbeat.cutoff={cutoff}")
    assert verdict(cutoff) in shown.locator(".verdict").inner_text()
    flagged = shown.locator(".scores path.flagged")
    assert flagged.count() == (cutoff < SCORES).sum()
    assert shown.locator(".handle").get_attribute("aria-valuetext") is not None


@needs_chromium
@pytest.mark.parametrize("beat", [1, 20, 21, 25])
def test_the_beat_and_its_reconstruction_are_drawn(shown: Page, beat: int) -> None:
    go(shown, f"heartbeat.beat={beat}")
    names = ("beat", "back")
    said = shown.locator(".seen").inner_text()
    assert ("abnormal" in said) == bool(LABELS[beat - 1])
    assert ("not flagged" in said) == (SCORES[beat - 1] <= CUTOFF)
    drawn, rebuilt = (
        np.array([point.split() for point in path.strip("M").split("L")], dtype=float)
        for path in [shown.locator(f".curves .{name}").get_attribute("d") for name in names]
    )
    low, high = BEATS.min(), BEATS.max()
    for points, values in ((drawn, BEATS[beat - 1]), (rebuilt, BEATS[beat - 1] * 0.5)):
        inside_range = np.clip((values - low) / (high - low), 0, 1)
        np.testing.assert_allclose(points[:, 1], 8 + 154 * (1 - inside_range), atol=0.3)


@needs_chromium
@pytest.mark.parametrize("junk", ["heartbeat.beat=x", "heartbeat.beat=99", "heartbeat.cutoff=-1"])
def test_junk_in_the_address_shows_something_that_can_be(shown: Page, junk: str) -> None:
    go(shown, junk)
    assert "of 5 abnormal beats" in shown.locator(".verdict").inner_text()


@needs_chromium
def test_keys_move_the_cutoff_and_buttons_the_beat(shown: Page) -> None:
    go(shown, f"heartbeat.cutoff={CUTOFF}")
    shown.locator(".handle").focus()
    shown.keyboard.press("End")
    assert verdict(1000) in shown.locator(".verdict").inner_text()
    shown.keyboard.press("Home")
    assert verdict(0) in shown.locator(".verdict").inner_text()
    assert "heartbeat.cutoff=" in settled(shown)
    go(shown, "heartbeat.beat=25")  # the one with the highest score
    shown.get_by_role("button", name="Back").click()
    assert "40" not in shown.locator(".seen").inner_text()
    shown.get_by_role("button", name="Next").click()
    assert "score, 40" in shown.locator(".seen").inner_text()


@needs_chromium
def test_a_finger_drags_the_line(browser: Browser, url: str) -> None:
    with touched(browser, url) as seen:
        page = seen.page
        start, end = inside(page.locator(".handle circle")), inside(page.locator(".scores"), 0.98)
        swipe(page, straight(start, (end[0], start[1])))
        assert verdict(1000) in page.locator(".verdict").inner_text()


@needs_chromium
def test_how_fast(shown: Page, tell: Callable[[str], None]) -> None:
    words = speed(shown, "heartbeat", ".handle", [(0.5 + i / 10, 0.9) for i in range(-20, 40)])
    tell(words)
    assert "heartbeat" in words
