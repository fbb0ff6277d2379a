"""A lesson's question comes before its answer, and what a reader guessed is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import PHONE, Visit, needs_chromium, visit
from playwright.sync_api import Browser, Locator, expect

from anomaly_lab.lessons import find, lessons
from anomaly_lab.lessons.notebooks import PREDICT, student

ANSWER = "blockquote.predict >> nth=1 >> xpath=following-sibling::*[1]"
PAGE = "learn/01_what_is_an_anomaly.html"


@pytest.fixture
def opened(site: Path, browser: Browser) -> Iterator[Visit]:
    with visit(browser, (site / PAGE).as_uri(), PHONE, answers=False) as seen:
        yield seen


def question(seen: Visit) -> Locator:
    """The second one, whose answer begins with code and a figure."""
    return seen.page.locator("blockquote.predict").nth(1)


def answer(seen: Visit) -> Locator:
    return seen.page.locator(ANSWER)


@needs_chromium
def test_a_guess_comes_before_the_answer_and_stays(opened: Visit) -> None:
    expect(answer(opened)).to_be_hidden()
    question(opened).get_by_role("button", name="Keep it").click()  # with nothing written
    expect(answer(opened)).to_be_hidden()
    question(opened).get_by_label("Your guess").fill("a <b>circle</b>")
    question(opened).get_by_role("button", name="Keep it").click()
    expect(answer(opened)).to_be_visible()
    expect(question(opened)).to_contain_text("You said: “a <b>circle</b>”")
    opened.page.reload()
    expect(answer(opened)).to_be_visible()
    question(opened).get_by_role("button", name="Change it").click()
    question(opened).get_by_label("Your guess").fill("a square")
    question(opened).get_by_role("button", name="Keep it").click()
    expect(question(opened)).to_contain_text("You said: “a square”")
    assert not opened.errors


@needs_chromium
def test_it_can_be_skipped_once_or_for_good(opened: Visit) -> None:
    everything = opened.page.locator(".to-come")
    before = everything.count()
    question(opened).get_by_role("button", name="Skip").click()
    expect(answer(opened)).to_be_visible()
    assert 0 < everything.count() < before
    question(opened).get_by_role("button").first.wait_for(state="hidden")
    opened.page.get_by_role("button", name="Show everything").first.click()
    assert everything.count() == 0
    opened.page.reload()
    assert everything.count() == 0


@needs_chromium
def test_a_link_into_an_answer_shows_it(opened: Visit) -> None:
    hidden = opened.page.locator("h2.to-come[id], .to-come [id]:not(svg *)").first
    name = hidden.get_attribute("id")
    opened.page.evaluate("name => { location.hash = name }", name)
    expect(opened.page.locator(f"[id='{name}']")).to_be_visible()
    assert opened.page.locator(".to-come").count() > 0


@needs_chromium
def test_readers_see_no_fault_while_answers_are_to_come(opened: Visit) -> None:
    assert opened.page.locator(".to-come").count() > 0
    assert list(opened.faults()) == []


@needs_chromium
def test_everything_is_printed_and_there_without_scripts(opened: Visit, browser: Browser) -> None:
    opened.page.emulate_media(media="print")
    expect(answer(opened)).to_be_visible()
    expect(question(opened).get_by_label("Your guess")).to_be_hidden()
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(opened.page.url)
    expect(
        page.locator("blockquote.predict >> nth=1 >> xpath=following-sibling::*[1]")
    ).to_be_visible()
    context.close()


@pytest.mark.parametrize("number", [lesson.number for lesson in lessons()])
def test_a_notebook_has_a_place_for_each_guess(number: str) -> None:
    lesson = find(number)
    asked = sum(PREDICT in cell.source for cell in lesson.cells)
    places = [cell for cell in student(lesson).cells if cell.source.startswith("*My guess")]
    assert len(places) == asked > 0
