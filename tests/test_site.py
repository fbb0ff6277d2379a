"""The built site: whole, alone (no other host), light, and good to look at and to hear."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from browser import needs_chromium, visit
from playwright.sync_api import Browser
from site_pages import GALLERY, LEARN, has_data, looked_at, named, pages, soup

from anomaly_lab import all_detectors, datasets
from anomaly_lab.lessons import execute, lessons
from anomaly_lab.lessons.prose import minutes, words

LESSONS = lessons()
COMPUTED = Path(__file__).parents[1] / "docs" / "computed"
LESSON_KB = 150
Tell = Callable[[str], None]


@cache
def anchors(page: Path) -> set[str]:
    return {str(tag["id"]) for tag in soup(page).select("[id]")}


def lesson_pages(site: Path) -> list[Path]:
    return [site / "learn" / f"{lesson.slug}.html" for lesson in LESSONS]


def references(page: Path) -> Iterator[str]:
    for tag in soup(page).select("[href], [src]"):
        yield str(tag.get("href") or tag.get("src"))


def test_every_link_and_anchor_leads_somewhere(site: Path, tell: Tell) -> None:
    broken, n = [], 0
    for page in pages(site):
        for reference in references(page):
            parts = urlsplit(reference)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            n += 1
            anchored = parts.fragment and target.suffix == ".html"
            # A link may say how an explorable is set: #explore?threshold.hide=rules
            setting = re.match(r"explore\?(\w+)\.", parts.fragment)
            anchor = setting[1] if setting else parts.fragment
            if not target.is_file() or (anchored and anchor not in anchors(target)):
                broken.append(f"{page.relative_to(site)}: {reference}")
    tell(f"{n} links within the site's {len(pages(site))} pages, {len(broken)} broken.")
    assert broken == []


def test_nothing_is_asked_of_another_host(site: Path) -> None:
    asked = []
    for page in pages(site):
        loaded = soup(page).select("script[src], link[href], img[src], iframe[src]")
        urls = [str(tag.get("src") or tag.get("href")) for tag in loaded]
        asked += [f"{page.relative_to(site)}: {url}" for url in urls if urlsplit(url).netloc]
    for sheet in site.rglob("*.css"):
        urls = re.findall(r"url\(([^)]*)\)|@import", sheet.read_text("utf-8"))
        asked += [f"{sheet.name}: {url}" for url in urls if re.match(r"['\"]?(https?:)?//", url)]
    assert asked == []


def test_nothing_of_the_machinery_shows(site: Path) -> None:
    for page in lesson_pages(site):
        text = page.read_text("utf-8")
        assert not re.search(r"celltag|jp-|clipboard-copy|mathjax|BEGIN SOLUTION|\{\{", text), page
        assert not re.search(r"\$[^$<\n]{1,80}\$", soup(page).select_one("article").get_text())


def test_no_placeholder_is_left(site: Path) -> None:
    for page in pages(site):
        # Code may say how placeholders are written.
        text = re.sub(r"<code.*?</code>", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert not re.search(r"\{\{|<!-- version", text), page


def test_every_figure_has_alt_text(site: Path) -> None:
    for page in pages(site):
        for figure in soup(page).select("figure.picture svg"):
            assert len(str(figure.get("aria-label", ""))) > 20, page
            assert figure["role"] == "img"
        for image in soup(page).select("article img"):
            assert image.get("alt"), (page, image)


def test_each_figure_is_the_one_that_the_cell_shows(site: Path) -> None:
    """In the order of the cells, of every computed page; other pages' explorables left out."""
    pages = {f"learn/{lesson.slug}": lesson for lesson in LESSONS}
    pages |= {lesson.slug[3:]: lesson for lesson in lessons(COMPUTED)}
    for page, lesson in pages.items():
        run = execute.load(lesson)
        assert labels_on(site / f"{page}.html", page) == (labels_of(run) if run else []), page


def labels_on(file: Path, page: str) -> list[str]:
    own = []
    for figure in soup(file).select("article figure.picture svg"):
        explorable = figure.find_parent(attrs={"data-explorable": True})
        if explorable is None or str(explorable["data-explorable"]).startswith(f"{page}-"):
            own.append(str(figure["aria-label"]))
    return own


def labels_of(run: execute.LessonRun) -> list[str]:
    html = "".join(
        output.get("data", {}).get("text/html", "")
        for place in sorted(run.outputs)
        for output in run.outputs[place]
    )
    labels = re.findall(r'<figure class="picture"><svg [^>]*?aria-label="([^"]*)"', html)
    assert len(labels) == html.count('<figure class="picture">')
    return [unescape(label) for label in labels]


def test_a_lesson_page_is_light(site: Path, tell: Tell) -> None:
    for lesson, page in zip(LESSONS, lesson_pages(site), strict=True):
        text = re.sub(r"<figure.*?</figure>", "", page.read_text("utf-8"), flags=re.DOTALL)
        size = len(text.encode())
        kept = execute.load(lesson)
        taken = f", computes {kept.seconds:.0f} s" if kept else ""
        tell(
            f"Lesson {lesson.number}: {words(lesson)} words, {minutes(lesson)} minutes, "
            f"{size / 1000:.0f} kB without figures{taken}."
        )
        assert size <= 1000 * LESSON_KB, page.name


def test_a_lesson_page_has_what_a_lesson_needs(site: Path) -> None:
    for lesson, page in zip(LESSONS, lesson_pages(site), strict=True):
        article = soup(page).select_one("article")
        assert article is not None
        assert article.select_one("h1").get_text() == lesson.title
        assert f"about {minutes(lesson)} minutes" in " ".join(article.get_text().split())
        assert len(article.select("details.solution")) == len(lesson.exercises)
        assert all(not details.has_attr("open") for details in article.select("details.solution"))
        assert article.select_one('[aria-current="step"]').get_text().strip() == lesson.number
        assert soup(page).select_one("footer .md-footer__link--next") or lesson is LESSONS[-1]
        used = {a.get_text() for a in article.select("p.used a")}
        assert {name.split(".")[-1] for name in lesson.uses} <= used


def test_the_notebook_to_download_is_the_students(site: Path) -> None:
    for lesson, page in zip(LESSONS, lesson_pages(site), strict=True):
        link = soup(page).select_one("a[download]")
        assert link is not None
        notebook = nbformat.read((page.parent / str(link["href"])).resolve(), as_version=4)
        nbformat.validate(notebook)
        code = "\n".join(cell.source for cell in notebook.cells)
        assert "raise NotImplementedError" in code or "= ..." in code
        assert all(f'check("{exercise.name}")' in code for exercise in lesson.exercises)


def test_every_detector_has_a_page_with_pictures_and_a_formula(site: Path) -> None:
    for name, detector in all_detectors().items():
        article = soup(site / "gallery" / f"{name}.html").select_one("article")
        card = detector.card
        assert article.select_one("h1").get_text().rstrip("¶") == card.title
        told = [str(figure["aria-label"]) for figure in article.select("figure.picture svg")]
        assert len(told) == 1 + bool(card.failure) + bool(card.sweep), name
        assert "an anomaly" in told[0]
        assert all("ROC-AUC" in alt for alt in told[1:])
        assert bool(article.select_one("math[display='block']")) == bool(card.formula), name
        assert "$" not in article.get_text()
        words = " ".join(article.get_text().split())
        for part in (card.idea, card.score, card.works, card.fails, card.cost):
            assert part in words
        assert not card.failure or card.failure.cause in words
        assert not card.sweep or card.sweep.effect in words
        named = {code.get_text() for code in article.select("table td:first-child code")}
        assert named == set(inspect.signature(detector).parameters), name


def test_every_detector_page_links_its_api_and_its_lessons(site: Path) -> None:
    taught = set()
    for name, detector in all_detectors().items():
        path = f"{detector.__module__}.{detector.__qualname__}"
        using = {f"{lesson.slug}.html" for lesson in LESSONS if name in lesson.detectors}
        page = soup(site / "gallery" / f"{name}.html")
        linked = {str(a["href"]).split("/")[-1] for a in page.select("article a[href]")}
        assert using | {f"{name}.html"} <= linked
        api = site / "reference" / "detectors" / f"{name}.html"
        assert path in anchors(api)
        assert soup(api).select(f"article a[href='../../gallery/{name}.html']")
        taught |= {name} if using else set()
    assert {"autoencoder", "centroid", "isolation_forest", "knn", "pca"} <= taught


def test_every_data_set_is_listed(site: Path) -> None:
    text = soup(site / "datasets.html").get_text()
    assert all(name in text for name in datasets.names())


def test_a_lesson_without_its_data_says_so_and_the_others_do_not(site: Path) -> None:
    for lesson, page in zip(LESSONS, lesson_pages(site), strict=True):
        downloaded = any(datasets.card(name).kind == "download" for name in lesson.data)
        missing = downloaded and not has_data(*lesson.data)
        assert bool(soup(page).select_one(".admonition.warning")) == missing, page.name
        assert bool(soup(page).select_one("figure.picture")) != missing, page.name


@needs_chromium
def test_pages_of_prose_and_reference_in_a_browser(site: Path, browser: Browser) -> None:
    found = {
        named(site, page): looked_at(browser, page)
        for page in pages(site)
        if named(site, page) not in [*LEARN, *GALLERY]  # tests of their own look at these
    }
    assert {page: faults for page, faults in found.items() if faults} == {}


@needs_chromium
def test_the_search_works_from_the_file_system(site: Path, browser: Browser) -> None:
    with visit(browser, (site / "index.html").as_uri()) as seen:
        seen.page.locator("input.md-search__input").click()
        seen.page.keyboard.type("bottleneck")
        first = seen.page.locator(".md-search-result__link").first
        first.wait_for()
        assert seen.errors == []
        first.click()
        seen.page.wait_for_url("**/*.html*")
        assert "bottleneck" in seen.page.content().lower()


@needs_chromium
def test_a_solution_is_folded_until_it_is_asked_for(site: Path, browser: Browser) -> None:
    page = lesson_pages(site)[0]
    with visit(browser, page.as_uri()) as seen:
        solution = seen.page.locator("details.solution").first
        code = solution.locator("pre").first
        assert not code.is_visible()
        solution.locator("summary").click()
        assert code.is_visible()


@needs_chromium
def test_light_and_dark_change_the_figures_too(site: Path, browser: Browser) -> None:
    colours = []
    for scheme in ("light", "dark"):
        with visit(browser, lesson_pages(site)[0].as_uri(), scheme=scheme) as seen:
            text = seen.page.locator("figure.picture svg text").first
            colours.append(text.evaluate("node => getComputedStyle(node).fill"))
    assert colours[0] != colours[1]
