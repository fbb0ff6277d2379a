from __future__ import annotations

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from browser import DESKTOP, PHONE, needs_chromium, visit
from playwright.sync_api import Browser
from test_drawing_scores import HISTORY, comparison_of, explanation_of

from anomaly_lab import datasets, report, results
from anomaly_lab.comparison import Comparison, Run, compare
from anomaly_lab.datasets import Dataset
from anomaly_lab.errors import InputError
from anomaly_lab.evaluation import evaluate
from anomaly_lab.tables.notes import Note

QUICK = ("centroid", "isolation_forest", "knn", "pca")
HOSTILE = "<script>alert('x')</script>\"&{{ 7*7 }} $"


def with_parts(comparison: Comparison, columns: list[str]) -> Comparison:
    """Give the first run of each detector a training curve and an explanation."""
    runs = [
        replace(run, history=HISTORY, explanation=explanation_of(columns)) if run.seed == 0 else run
        for run in comparison.runs
    ]
    return replace(comparison, runs=tuple(runs))


def large(n: int = 150_000) -> Comparison:
    rng = np.random.default_rng(0)
    labels = (rng.random(n) < 0.002).astype(np.int8)
    rows = pd.DataFrame({"amount": np.zeros(n)})
    runs = tuple(
        Run(name, 0, evaluate(labels, rng.lognormal(size=n) + labels, 5.0), 1.0, 1.0)
        for name in ("autoencoder", "centroid", "isolation_forest", "knn", "pca")
    )
    small = comparison_of({"knn": 1.0}, seeds=1)
    big = Comparison(Dataset("shop", rows, labels, "0" * 64), small.protocol, runs)
    return with_parts(big, [f"column {i}" for i in range(30)])


class Outline(HTMLParser):
    """The tags of a page with their attributes, and its text outside of pictures."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# The table


def test_table_is_in_the_order_and_the_words_of_the_comparison() -> None:
    comparison = comparison_of({"pca": 1.0, "knn": 3.0})
    table = results.results_table(comparison)
    assert table.headers == [
        "Detector",
        "ROC-AUC",
        "Average precision\nprevalence 0.1",
        "Precision",
        "Recall",
        "F1",
        "Accuracy\nall normal 0.900",
        "False-positive rate\npromised 0.05",
        "Fit, s",
        "Score, s",
    ]
    assert [row[0] for row in table.rows] == ["knn", "pca"]
    stats = comparison.table().loc["knn"]
    assert table.rows[0][1] == f"{stats['roc_auc', 'mean']:.3f} ± {stats['roc_auc', 'sd']:.3f}"
    assert table.rows[0][-2:] == ["0.500 ± 0.000", "0.100 ± 0.000"]
    assert all(len(row) == len(table.headers) for row in table.rows)


def test_the_best_is_marked_only_beyond_the_spread() -> None:
    clear = results.results_table(comparison_of({"knn": 6.0, "pca": 0.5}))
    assert (0, 1) in clear.best
    assert results.results_table(comparison_of({"knn": 1.0, "pca": 1.0})).best == set()
    one_seed = results.results_table(comparison_of({"knn": 6.0, "pca": 0.5}, seeds=1))
    assert one_seed.best == set()
    assert "One seed" in one_seed.note
    assert one_seed.rows[1][1].count("±") == 0


def test_seconds_keep_as_many_digits_as_the_slowest_needs() -> None:
    comparison = comparison_of({"knn": 1.0, "pca": 1.0})
    runs = [
        replace(run, fit_seconds=123.456 if run.detector == "knn" else 0.02)
        for run in comparison.runs
    ]
    table = results.results_table(replace(comparison, runs=tuple(runs)))
    assert sorted(row[-2] for row in table.rows) == ["0.0 ± 0.0", "123.5 ± 0.0"]


# The words


@pytest.mark.parametrize(
    ("lifts", "seeds", "told"),
    [
        ({"knn": 6.0, "centroid": 0.5}, 3, "ahead of every other detector by more than the spread"),
        ({"knn": 6.0, "centroid": 0.5}, 3, "knn beats it by more than the spread."),
        ({"knn": 6.0, "pca": 6.0, "centroid": 0.0}, 3, "No detector leads"),
        ({"knn": 6.0, "pca": 6.0, "centroid": 0.0}, 3, "beat it by more than the spread."),
        ({"knn": 1.0, "centroid": 1.0}, 3, "no other detector beats it by more than the spread."),
        ({"knn": 6.0, "centroid": 0.5}, 1, "one seed cannot tell"),
        ({"knn": 6.0, "centroid": 0.5}, 1, "knn beats it in this one run."),
        ({"knn": 6.0}, 3, "knn has a ROC-AUC of"),
    ],
)
def test_summary_says_no_more_than_the_spread_allows(
    lifts: dict[str, float], seeds: int, told: str
) -> None:
    sentences = results.summary(comparison_of(lifts, seeds))
    assert told in " ".join(sentences)
    assert ("centroid" in " ".join(sentences)) == ("centroid" in lifts)


def test_a_detector_within_the_spread_of_the_baseline_does_not_beat_it() -> None:
    comparison = comparison_of({"knn": 1.3, "centroid": 1.0})
    knn, centroid = (comparison.table().loc[name, "roc_auc"] for name in ("knn", "centroid"))
    assert centroid["mean"] < knn["mean"] - knn["sd"] < centroid["mean"] + centroid["sd"]
    assert "no other detector beats it" in results.summary(comparison)[1]


def cutoffs(comparison: Comparison, cutoff: float, promised: float | None) -> Comparison:
    runs = [replace(run, report=replace(run.report, cutoff=cutoff)) for run in comparison.runs]
    protocol = replace(comparison.protocol, promised_rate=promised)
    return replace(comparison, runs=tuple(runs), protocol=protocol)


def test_summary_tells_how_the_promised_rate_was_met() -> None:
    comparison = comparison_of({"knn": 1.0, "pca": 1.0})
    met = float(comparison.table()["false_positive_rate"]["mean"]["knn"])
    assert "within the spread" in results.summary(cutoffs(comparison, 4.0, met))[-1]
    missed = results.summary(cutoffs(comparison, 0.0, 0.05))[-1]
    assert missed.endswith("Further from the promise than the spread: knn and pca.")
    assert "100% (knn) to 100% (pca)" in missed
    assert "promise no false-positive rate" in results.summary(cutoffs(comparison, 4.0, None))[-1]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.05, "5%"), (0.374, "37.4%"), (1.0, "100%"), (0.0, "0%"), (0.000123, "0.0123%")],
)
def test_percent(share: float, text: str) -> None:
    assert results.percent(share) == text


# The page


def test_page_shows_everything_in_order() -> None:
    comparison = with_parts(comparison_of({"knn": 2.0, "centroid": 1.0}), ["amount", "hour"])
    page = report.to_html(comparison, command="anomaly-lab compare --data 'shop & co.csv'")
    outline = Outline(page)
    headings = [tag for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1"
    assert headings.count("h1") == 1
    parts = ("promised 0.05", "Each detector", "At every cutoff", "Training", "What drives")
    positions = [outline.text.index(words) for words in (*results.summary(comparison), *parts)]
    assert positions == sorted(positions)
    assert "--data 'shop & co.csv'" in outline.text
    pictures = [attrs for tag, attrs in outline.tags if tag == "svg"]
    assert len(pictures) == 2 * 2 + 2 + 2 + 2
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)
    ids = [attrs["id"] for _, attrs in outline.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_page_without_network_or_explanations_leaves_those_parts_out() -> None:
    text = Outline(report.to_html(comparison_of({"knn": 2.0}))).text
    assert "Training" not in text
    assert "What drives" not in text
    assert "Command" not in text


def test_page_escapes_what_comes_from_the_user() -> None:
    comparison = with_parts(comparison_of({HOSTILE: 2.0, "centroid": 1.0}), [HOSTILE, "hour"])
    data = replace(comparison.dataset, name=HOSTILE, notes=(Note("far value", HOSTILE, HOSTILE),))
    page = report.to_html(replace(comparison, dataset=data), command=HOSTILE)
    outline = Outline(page)
    assert "script" not in {tag for tag, _ in outline.tags}
    assert outline.text.count(HOSTILE) >= 6
    assert HOSTILE not in page


def test_page_of_a_catalogued_set_shows_its_card() -> None:
    data = datasets.load("breast_cancer")
    runs = comparison_of({"knn": 2.0})
    text = Outline(report.to_html(replace(runs, dataset=data))).text
    assert data.card is not None
    for fact in (data.card.title, data.card.source, data.card.licence, data.card.citation):
        assert fact in text
    assert data.sha256 in text


def test_page_of_many_rows_stays_small() -> None:
    assert len(report.to_html(large()).encode()) < 1_000_000


# The file


def test_written_file_is_the_page(tmp_path: Path) -> None:
    comparison = comparison_of({"knn": 2.0})
    path = tmp_path / "report.html"
    path.write_text("old")
    report.write(comparison, path, command="x")
    assert path.read_text(encoding="utf-8") == report.to_html(comparison, command="x")
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize("name", ["missing/report.html", "folder", "file/report.html"])
def test_refuses_a_path_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        report.write(comparison_of({"knn": 2.0}), tmp_path / name)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


def test_a_write_that_fails_leaves_the_old_page_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(InputError, match="No space left"):
        report.write(comparison_of({"knn": 2.0}), path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


# In a browser


@pytest.fixture(scope="module")
def real() -> Comparison:
    return compare(datasets.load("breast_cancer"), QUICK, seeds=2)


def test_report_of_a_real_comparison(real: Comparison) -> None:
    page = report.to_html(real)
    assert page.count("<svg") == 2 * 4 + 2 + 2  # of the four, two have contributions
    assert len(page.encode()) < 1_500_000


@pytest.fixture(scope="module")
def address(real: Comparison, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with every part, and with the names that a user may bring."""
    long = replace(
        real.dataset,
        name="transactions_" * 12,
        card=None,
        notes=(Note("far value", HOSTILE, HOSTILE),),
    )
    path = tmp_path_factory.mktemp("report") / "report.html"
    whole = with_parts(replace(real, dataset=long), [HOSTILE, "x" * 80, "hour"])
    report.write(whole, path, command="anomaly-lab compare --data " + "a" * 200)
    return path.as_uri()


@needs_chromium
def test_page_in_a_browser(browser: Browser, address: str) -> None:
    with visit(browser, address, PHONE) as seen:
        assert seen.violations() == []
        assert seen.requests == [address]
        assert list(seen.faults()) == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_figures_follow_the_colours_of_the_page(
    browser: Browser, address: str, scheme: Any
) -> None:
    ink = "getComputedStyle(document.body).color"
    with visit(browser, address, DESKTOP, scheme) as seen:
        colours = seen.page.evaluate(
            f"[{ink}, getComputedStyle(document.querySelector('svg text')).fill,"
            " getComputedStyle(document.querySelector('svg path[stroke-dasharray], "
            "svg path[style*=dasharray]')).stroke]"
        )
        assert len(set(colours)) == 1
        assert (sum(map(int, re.findall(r"\d+", colours[0]))) > 384) == (scheme == "dark")


@needs_chromium
def test_the_browser_tests_can_fail(browser: Browser, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<div style='width: 900px'>wide</div><img src='missing.png'><script>nonsense()</script>"
    )
    with visit(browser, bad.as_uri(), PHONE) as seen:
        assert len(seen.requests) == 2
        assert any("nonsense" in error for error in seen.errors)
        assert seen.overflow() > 0
        assert any(rule.startswith("image-alt") for rule in seen.violations())
