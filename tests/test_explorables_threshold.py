"""The threshold explorer: its counts and figures are `evaluate`'s, wherever the cutoff is put."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from browser import DESKTOP, PHONE, needs_chromium, visit
from explorable_page import (
    inside,
    lay,
    picture,
    picture_alone,
    ready,
    scrolled,
    settled,
    speed,
    swipe,
    touched,
)
from playwright.sync_api import Browser, Locator, Page

from anomaly_lab import AnomalyModel, datasets, evaluate, explorables, split, thresholds
from anomaly_lab.drawing.scores import histogram_edges
from anomaly_lab.errors import InputError
from anomaly_lab.explorables import Explorable, Scores
from anomaly_lab.explorables.kinds.threshold import _corners

Array = np.ndarray[Any, Any]
Sets = dict[str, list[Scores]]
RULES = [
    thresholds.Quantile(0.9),
    thresholds.Quantile(0.95),
    thresholds.Quantile(0.99),
    thresholds.MeanStd(3),
    thresholds.MAD(3.5),
    thresholds.POT(0.01),
    thresholds.BestF(1),
    thresholds.Fixed(1),
]
OUTCOMES = ("tn", "fp", "fn", "tp")
PARTS = ["choose", "histogram", "counts", "figures", "curves", "rules"]
PARTS += ["prices", "prevalence", "challenge"]
PRICES = [(1, 10), (1, 1), (10, 1), (1, 500), (0.25, 0.75), (3, 7), (0.01, 1e6), (1e6, 0.01)]


def scores(name: str, detector: str) -> Scores:
    parts = split(datasets.load(name), seed=0, calibrate=0.5, validation=0.2)
    model = AnomalyModel(detector).fit(parts.fit)
    return Scores(
        {"pca": "PCA", "knn": "kNN"}.get(detector, detector),
        model.anomaly_score(parts.calibrate),
        model.anomaly_score(parts.validation),
        parts.validation_labels,
        model.anomaly_score(parts.test),
        parts.test_labels,
    )


def made_up() -> Scores:
    """Few, of either sign, many equal, in four bytes, some far beyond the others."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [80, 20])
    test = np.round(rng.normal(2 * labels, 1), 1).astype("float32")
    test[[5, 95]] = 90, 70
    validation = np.round(rng.normal(2 * labels, 1), 1).astype("float32")
    return Scores("made up", rng.normal(size=10), validation, labels, test, labels)


def perfect() -> Scores:
    labels = np.repeat([0, 1], [40, 10])
    given = np.arange(50) / 100 + labels
    return Scores("perfect", np.arange(40) / 100, given, labels, given, labels)


@pytest.fixture(scope="module")
def sets() -> Sets:
    return {
        "tumours": [scores("breast_cancer", name) for name in ("pca", "knn", "centroid")],
        "digits": [scores("digits", name) for name in ("pca", "knn")],
        "no data": [perfect(), made_up()],
    }


@pytest.fixture(scope="module")
def made(sets: Sets) -> Explorable:
    return explorables.threshold(sets, picture())


@pytest.fixture
def page(shown: Page) -> Page:
    """A page that shows what it shows at first."""
    at(shown)
    return shown


def pairs(sets: Sets, made: Explorable) -> list[tuple[str, Scores, dict[str, Any]]]:
    """Each detector: the address that chooses it, its scores, what the page knows of them."""
    return [
        (f"set={slug(title)}&detector={slug(given.title)}", given, data)
        for (title, detectors), rows in zip(sets.items(), made.data["sets"], strict=True)
        for given, data in zip(detectors, rows["detectors"], strict=True)
    ]


def slug(title: str) -> str:
    return title.lower().replace(" ", "-")


def at(page: Page, settings: str = "") -> None:
    """Show what an address says."""
    named = [f"threshold.{setting}" for setting in settings.split("&") if setting]
    page.evaluate(
        """async hash => {
          if (location.hash === hash) hash += "&"
          const seen = new Promise(done => addEventListener("hashchange", done, { once: true }))
          location.hash = hash
          await seen
        }""",
        f"#explore?{'&'.join(named)}",
    )


def values(page: Page) -> dict[str, float | None]:
    """Every number that the page shows, in full."""
    found = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("#threshold .live data")]
          .map(data => [data.className, data.value]))"""
    )
    return {name: float(value) if value else None for name, value in found.items()}


def counts(page: Page) -> list[float | None]:
    said = values(page)
    return [said[name] for name in OUTCOMES]


def counted(given: Scores, cutoff: float) -> list[int]:
    confusion = evaluate(given.test_labels, given.test, cutoff).confusion
    return [confusion.tn, confusion.fp, confusion.fn, confusion.tp]


def reference(
    given: Scores, cutoff: float, prevalence: float, alarm: float = 1, miss: float = 10
) -> dict[str, float]:
    """The figures, each row weighing as much as its class's share of the prevalence."""
    flagged, abnormal = np.asarray(given.test, float) > cutoff, np.asarray(given.test_labels) == 1
    weight = np.where(abnormal, prevalence / abnormal.sum(), (1 - prevalence) / (~abnormal).sum())
    found, alarms = weight[flagged & abnormal].sum(), weight[flagged & ~abnormal].sum()
    missed = weight[~flagged & abnormal].sum()
    return {
        "precision": found / (found + alarms),
        "recall": found / prevalence,
        "f1": 2 / ((found + alarms) / found + prevalence / found) if found else 0,
        "accuracy": weight[flagged == abnormal].sum(),
        "baseline": 1 - prevalence,
        "rate": alarms / (1 - prevalence),
        "cost": 1000 * (alarm * alarms + miss * missed),
    }


def all_costs(given: Scores, prevalence: float, alarm: float, miss: float) -> list[float]:
    """What 1,000 rows cost at every cutoff that makes a difference."""
    abnormal = np.asarray(given.test_labels) == 1
    cutoffs = np.unique([-np.inf, *np.asarray(given.test, float)])
    return [
        1000
        * (
            alarm * (1 - prevalence) * (given.test[~abnormal] > cutoff).mean()
            + miss * prevalence * (given.test[abnormal] <= cutoff).mean()
        )
        for cutoff in cutoffs
    ]


def short(number: float) -> str:
    """A number as people read it: three figures."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{float(f'{number:.3g}'):.10g}"


def part(page: Page, name: str) -> Locator:
    return page.locator(f"#threshold [data-part={name}]")


def handle(page: Page) -> Locator:
    return page.get_by_role("slider", name="Cutoff")


def rule(page: Page, name: str) -> Locator:
    return part(page, "rules").get_by_role("button", name=name, exact=True)


def cutoff(page: Page, data: dict[str, Any]) -> float:
    """Where the cutoff is, of all that can be chosen."""
    return data["cutoffs"][int(handle(page).get_attribute("aria-valuenow") or "-1")]


def brief(name: str) -> str:
    return re.sub(r"\w+=", "", name)


def path_points(line: Locator) -> Array:
    """The points of a drawn line."""
    drawn = re.findall(r"[-\d.]+", line.get_attribute("d") or "")
    return np.array(drawn, dtype=float).reshape(-1, 2)


def rates_of(chart: Locator, points: Array) -> Array:
    """The two rates that points of a chart stand for."""
    (left, top), (_, bottom), (right, _) = path_points(chart.locator(".axes"))
    return np.column_stack(
        [(points[:, 0] - left) / (right - left), (bottom - points[:, 1]) / (bottom - top)]
    )


# The data


def test_rows_above_each_cutoff_are_evaluates(sets: Sets, made: Explorable) -> None:
    for _, given, data in pairs(sets, made):
        normal, abnormal = data["normal"], data["anomalies"]
        assert data["cutoffs"] == sorted(set(data["cutoffs"]))
        for i, value in enumerate(data["cutoffs"]):
            alarms, found = normal["above"][i], abnormal["above"][i]
            left, missed = normal["rows"] - alarms, abnormal["rows"] - found
            assert [left, alarms, missed, found] == counted(given, value)


def test_some_cutoff_flags_everything_and_some_nothing(made: Explorable) -> None:
    for rows in made.data["sets"]:
        for data in rows["detectors"]:
            for kind in ("normal", "anomalies"):
                assert data[kind]["rows"] in data[kind]["above"]
                assert 0 in data[kind]["above"]


def test_bars_hold_every_row_in_the_edges_of_the_lessons_figures(
    sets: Sets, made: Explorable
) -> None:
    axes = set()
    for _, given, data in pairs(sets, made):
        report = evaluate(given.test_labels, given.test, float(np.median(given.test)))
        edges, logarithmic = histogram_edges(report)
        axes.add(logarithmic)
        assert (data["axis"], data["logarithmic"]) == ([edges[0], edges[-1]], logarithmic)
        for label, kind in enumerate(("normal", "anomalies")):
            bars = data[kind]["bars"]
            within = report.scores[report.labels == label].clip(edges[0], edges[-1])
            assert bars == np.histogram(within, edges)[0].tolist()
            assert sum(bars) == data[kind]["rows"] == (report.labels == label).sum()
    assert axes == {True, False}


def test_rules_put_their_cutoff_or_say_why_not(sets: Sets, made: Explorable) -> None:
    refused = []
    for _, given, data in pairs(sets, made):
        assert [found["name"] for found in data["rules"]] == [str(rule) for rule in RULES]
        for rule, found in zip(RULES, data["rules"], strict=True):
            expected = outcome(rule, given)
            assert (type(rule).__doc__ or "").startswith(found["assumes"])
            if isinstance(expected, str):
                assert found["refuses"] == expected
                refused.append(found["name"])
            else:
                assert found["cutoff"] == expected
                assert expected in data["cutoffs"]
    assert "Quantile(level=0.95)" in refused, "the page needs another cutoff to begin with"


def fitted(rule: thresholds.Threshold, given: Scores) -> float:
    if rule.needs_labels:
        return rule.fit(given.validation, given.validation_labels).cutoff_
    return rule.fit(given.calibration).cutoff_


def outcome(rule: thresholds.Threshold, given: Scores) -> float | str:
    """Where a rule puts the cutoff, or why it refuses to."""
    try:
        return fitted(rule, given)
    except InputError as error:
        return str(error)


def cheapest(corners: list[tuple[float, int, int]], alarm: float, miss: float) -> float:
    """What the page does with corners and prices."""
    costs = [alarm * alarms + miss * misses for _, alarms, misses in corners]
    return next(
        c for (c, *_), cost in zip(corners, costs, strict=True) if cost <= min(costs) * (1 + 1e-12)
    )


def prices_to_try(corners: list[tuple[float, int, int]]) -> Iterator[tuple[float, float]]:
    """Any prices, round ones, and those at which two corners cost the same."""
    yield from np.exp(np.random.default_rng(0).uniform(-7, 7, (100, 2)))
    yield from ((alarm, miss) for alarm in range(1, 8) for miss in range(1, 8))
    for (_, alarms, misses), (_, more, fewer) in pairwise(corners):
        yield misses - fewer, more - alarms


@pytest.mark.parametrize("rows", ["validation", "test"])
def test_whatever_the_prices_the_corners_hold_the_cutoff_of_cost(
    rows: str, sets: Sets, made: Explorable
) -> None:
    for _, given, data in pairs(sets, made):
        corners = data["priced" if rows == "validation" else "cheapest"]
        values, labels = getattr(given, rows), getattr(given, f"{rows}_labels")
        for alarm, miss in prices_to_try(corners):
            expected = thresholds.Cost(alarm, miss).fit(values, labels).cutoff_
            assert cheapest(corners, alarm, miss) == expected
        assert {value for value, *_ in corners} <= set(data["cutoffs"])
        for value, alarms, misses in corners:
            confusion = evaluate(labels, values, value).confusion
            assert (alarms, misses) == (confusion.fp, confusion.fn)


def test_corners_count_neighbours_in_four_bytes_apart() -> None:
    low = np.nextafter(np.float32(1), np.float32(2))
    high = np.nextafter(low, np.float32(2))  # the middle, in four bytes, is `high` itself
    values, labels = np.array([0, low, high, 2], "float32"), np.array([0, 0, 1, 1])
    assert [tuple(c[1:]) for c in _corners(values, labels)] == [(0, 0)]


def test_the_data_are_json(made: Explorable) -> None:
    assert json.loads(json.dumps(made.data, allow_nan=False))["cost"].startswith("Assumes known")


# The page: what it says of a cutoff


@needs_chromium
def test_counts_and_rates_are_evaluates(sets: Sets, made: Explorable, page: Page) -> None:
    for address, given, data in pairs(sets, made):
        for value in [*data["cutoffs"][::29], data["cutoffs"][-1]]:
            at(page, f"{address}&cutoff={value!r}")
            report = evaluate(given.test_labels, given.test, value)
            said = values(page)
            assert [said[name] for name in OUTCOMES] == counted(given, value)
            assert said["recall"] == pytest.approx(report.recall, abs=1e-9)
            assert said["rate"] == pytest.approx(report.false_positive_rate, abs=1e-9)
            assert said["f1"] == pytest.approx(report.f1, abs=1e-9)
            assert said["accuracy"] == pytest.approx(report.accuracy, abs=1e-9)
            assert said["baseline"] == pytest.approx(report.accuracy_all_normal, abs=1e-9)
            if report.flags.any():
                assert said["precision"] == pytest.approx(report.precision, abs=1e-9)
            else:
                assert said["precision"] is None
            confusion = report.confusion
            cost = 1000 * (confusion.fp + 10 * confusion.fn) / len(report.labels)
            assert said["cost"] == said["yours"] == pytest.approx(cost, abs=1e-9)


@needs_chromium
def test_figures_are_read_as_they_are(page: Page, sets: Sets, made: Explorable) -> None:
    at(page, "set=digits&detector=pca")
    given = sets["digits"][0]
    report = evaluate(given.test_labels, given.test, fitted(RULES[1], given))
    text = part(page, "figures").inner_text()
    assert f"Recall of abnormal rows\t{report.recall:.1%}" in text
    assert f"Precision of flagged rows\t{report.precision:.1%}" in text
    assert f"F1 their harmonic mean\t{report.f1:.3f}" in text
    accuracy = f"Accuracy flag nothing: {report.accuracy_all_normal:.1%}\t{report.accuracy:.1%}"
    assert accuracy in text
    assert f"False-positive rate of normal rows\t{report.false_positive_rate:.1%}" in text


@needs_chromium
def test_precision_of_no_flags_is_a_dash(page: Page, made: Explorable) -> None:
    at(page, f"cutoff={made.data['sets'][0]['detectors'][0]['cutoffs'][-1]!r}")
    assert part(page, "figures").locator(".precision").inner_text() == "–"
    curve = part(page, "curves").get_by_role("img", name=re.compile("^Precision-recall"))
    assert "precision undefined" in (curve.get_attribute("aria-label") or "")
    assert not curve.locator("circle").is_visible()
    rule(page, "Quantile(0.95)").click()
    assert curve.locator("circle").is_visible()


@needs_chromium
@pytest.mark.parametrize("address", ["set=tumours&detector=knn", "set=no-data&detector=made-up"])
def test_areas_are_shares_of_the_class(address: str, page: Page) -> None:
    at(page, address)
    said = values(page)
    recall, rate = said["recall"] or 0, said["rate"] or 0
    drawn = (
        part(page, "counts")
        .locator(".area")
        .evaluate_all(
            """areas => areas.map(area => [area.offsetWidth / area.parentElement.clientWidth,
          area.offsetHeight / area.parentElement.clientHeight])"""
        )
    )
    assert [high for _, high in drawn] == [1] * 4
    assert [wide for wide, _ in drawn] == pytest.approx(
        [1 - rate, rate, 1 - recall, recall], abs=0.01
    )
    assert 0 < rate < recall < 1


@needs_chromium
@pytest.mark.parametrize("prevalence", ["", "&prevalence=0.01"])
def test_curves_run_through_every_cutoff_and_mark_this_one(
    prevalence: str, page: Page, sets: Sets, made: Explorable
) -> None:
    address, given, data = pairs(sets, made)[1]
    value = data["cutoffs"][150]
    at(page, f"{address}&cutoff={value!r}{prevalence}")
    share = 0.01 if prevalence else float(np.mean(given.test_labels))
    flagging = [c for c in data["cutoffs"] if (given.test > c).any()]
    all_rates = [reference(given, c, share) for c in flagging]
    here = reference(given, value, share)
    for title, across, up, base in (
        ("ROC", "rate", "recall", [[0, 0], [1, 1]]),
        ("Precision-recall", "recall", "precision", [[0, share], [1, share]]),
    ):
        chart = part(page, "curves").get_by_role("img", name=re.compile(f"^{title}"))
        drawn = rates_of(chart, path_points(chart.locator(".curve")))
        expected = np.array([[rates[across], rates[up]] for rates in all_rates])
        assert drawn[: len(expected)] == pytest.approx(expected, abs=1e-3)
        assert (drawn[len(expected) :] == 0).all(), "where nothing is flagged"
        assert rates_of(chart, path_points(chart.locator(".chance"))) == pytest.approx(
            np.array(base, float), abs=1e-3
        )
        mark = chart.locator("circle").evaluate(
            "mark => [mark.cx.baseVal.value, mark.cy.baseVal.value]"
        )
        assert rates_of(chart, np.array([mark]))[0] == pytest.approx(
            [here[across], here[up]], abs=1e-3
        )


@needs_chromium
def test_bars_are_shares_of_the_class_and_stronger_beyond_the_cutoff(
    page: Page, sets: Sets, made: Explorable
) -> None:
    for address, _, data in pairs(sets, made):
        value = data["cutoffs"][120]
        at(page, f"{address}&cutoff={value!r}")
        histogram = part(page, "histogram")
        shares = {
            kind: np.array(data[kind]["bars"]) / data[kind]["rows"]
            for kind in ("normal", "anomalies")
        }
        most = max(share.max() for share in shares.values())
        for kind, share in shares.items():
            layers = histogram.locator(f".bars.{kind}").all()
            hatched = "hatch" in layers[-1].evaluate("layer => getComputedStyle(layer).fill")
            assert hatched == (kind == "anomalies")
            assert len({layer.get_attribute("d") for layer in layers}) == 1
            drawn = layers[0].get_attribute("d") or ""
            left, base = map(float, drawn[1 : drawn.index("V")].split())
            tops = np.array(re.findall(r"V([\d.]+)H", drawn), dtype=float)
            assert base - tops == pytest.approx((base - 44) * share / most, abs=0.06)
        right = float(re.findall(r"H([\d.]+)V", drawn)[-1])
        low, high = data["axis"]
        change = np.log if data["logarithmic"] else np.asarray
        place = (change(value) - change(low)) / (change(high) - change(low))
        line = handle(page).evaluate("handle => handle.transform.baseVal[0].matrix.e")
        assert line == pytest.approx(left + place * (right - left), abs=0.1)
        beyond = histogram.locator("clipPath rect").evaluate(
            "rect => [rect.x.baseVal.value, rect.width.baseVal.value]"
        )
        assert beyond[0] == pytest.approx(line)
        assert sum(beyond) >= right


@needs_chromium
def test_the_histogram_says_where_the_cutoff_is_even_beyond_its_axis(
    page: Page, made: Explorable
) -> None:
    label = part(page, "histogram").locator(".at")
    at(page, "detector=knn")
    (usual,) = (
        r["cutoff"] for r in made.data["sets"][0]["detectors"][1]["rules"] if "0.95" in r["name"]
    )
    assert label.text_content() == f"cutoff {short(usual)}"
    rule(page, "Fixed(1)").click()
    assert label.text_content() == "cutoff 1, left of the axis"
    at(page, "set=no-data&detector=made-up&cutoff=90")
    assert label.text_content() == "cutoff 90, right of the axis"
    at(page, "set=no-data&detector=made-up&cutoff=90&miss=0.01&answer=shown")
    left, right = (inside(part(page, "histogram").locator("svg"), end)[0] for end in (0, 1))
    for words in (label, part(page, "histogram").locator(".best text")):
        assert left <= inside(words, 0)[0]
        assert inside(words, 1)[0] <= right


# The page: rules, prices, prevalence, the challenge


@needs_chromium
def test_rule_buttons_put_the_cutoff_where_the_rule_does(
    page: Page, sets: Sets, made: Explorable
) -> None:
    for address, given, data in pairs(sets, made)[::3]:
        at(page, address)
        for each in RULES:
            button = rule(page, brief(str(each)))
            expected = outcome(each, given)
            if isinstance(expected, str):
                assert button.is_disabled()
                assert expected in part(page, "rules").inner_text()
                continue
            button.click()
            assert cutoff(page, data) == expected
            assert counts(page) == counted(given, expected)
            assert button.get_attribute("aria-pressed") == "true"
            about = part(page, "rules").locator(".here").inner_text()
            assumption = (type(each).__doc__ or "").split("\n")[0].removeprefix("Assumes ")
            assert f"{brief(str(each))} assumes {assumption}" in about


@needs_chromium
def test_no_rule_is_pressed_where_none_puts_the_cutoff(page: Page, made: Explorable) -> None:
    data = made.data["sets"][0]["detectors"][0]
    ruled = [rule.get("cutoff") for rule in data["rules"]] + [c for c, *_ in data["priced"]]
    at(page, f"cutoff={next(c for c in data['cutoffs'][50:] if c not in ruled)!r}")
    assert not part(page, "rules").locator("[aria-pressed=true]").count()
    assert part(page, "rules").locator(".here").inner_text().startswith("No rule")


@needs_chromium
def test_without_its_usual_rule_the_cutoff_begins_in_the_middle(
    page: Page, sets: Sets, made: Explorable
) -> None:
    address, given, data = pairs(sets, made)[-1]
    at(page, address)
    middle = data["cutoffs"][len(data["cutoffs"]) // 2]
    assert cutoff(page, data) == middle
    assert counts(page) == counted(given, middle)


@needs_chromium
def test_the_cost_button_is_cost_with_the_readers_prices(
    page: Page, sets: Sets, made: Explorable
) -> None:
    for address, given, data in pairs(sets, made)[::2]:
        at(page, address)
        for alarm, miss in PRICES[len(data["priced"]) % 2 :: 2]:
            for label, price in (("a false alarm", alarm), ("a miss", miss)):
                page.get_by_label(label).fill(f"{price:g}")
            button = part(page, "rules").get_by_role("button", name=re.compile("^Cost"))
            assert button.inner_text() == f"Cost({alarm:.10g}, {miss:.10g})"
            button.click()
            expected = thresholds.Cost(alarm, miss).fit(given.validation, given.validation_labels)
            assert cutoff(page, data) == expected.cutoff_
            share = float(np.mean(given.test_labels))
            cost = reference(given, expected.cutoff_, share, alarm, miss)["cost"]
            assert values(page)["cost"] == pytest.approx(cost, rel=1e-9, abs=1e-9)


@needs_chromium
def test_prices_may_be_half_typed(page: Page) -> None:
    field = page.get_by_label("a miss")
    field.fill("")
    assert field.input_value() == ""
    assert rule(page, "Cost(1, 10)").is_visible()
    field.press_sequentially("0.05")
    assert rule(page, "Cost(1, 0.05)").is_visible()
    field.fill("")
    field.press_sequentially("1.005")
    assert field.input_value() == "1.005"
    assert rule(page, "Cost(1, 1.005)").is_visible()
    field.fill("0")
    field.blur()
    assert field.input_value() == "1.005"


@needs_chromium
def test_prevalence_moves_precision_and_cost_but_not_recall(
    page: Page, sets: Sets, made: Explorable
) -> None:
    for address, given, data in pairs(sets, made)[:5:2]:
        at(page, f"{address}&alarm=2&miss=30")
        before, value = values(page), cutoff(page, data)
        slider = page.get_by_label("Prevalence")
        seen = set()
        for key in ("Home", "PageUp", "ArrowRight", "PageUp", "PageUp", "PageUp", "End"):
            slider.press(key)
            after = values(page)
            prevalence = after["rare"]
            assert prevalence is not None
            assert slider.get_attribute("aria-valuetext") == f"{short(100 * prevalence)}%"
            expected = reference(given, value, prevalence, 2, 30)
            assert {name: after[name] for name in expected} == pytest.approx(expected, abs=1e-9)
            assert [after[name] for name in ("recall", "rate")] == [
                before["recall"],
                before["rate"],
            ]
            assert counts(page) == counted(given, value)
            seen.add(prevalence)
        assert {0.0001, 0.5} < seen
        page.get_by_role("button", name="As in the test rows").click()
        assert values(page) == before


@needs_chromium
@pytest.mark.parametrize("prices", [(1, 10), (5, 1), (1, 300)])
@pytest.mark.parametrize("prevalence", [None, 0.002])
def test_the_answer_is_the_cheapest_of_all_cutoffs(
    prices: tuple[float, float], prevalence: float | None, page: Page, sets: Sets, made: Explorable
) -> None:
    alarm, miss = prices
    for address, given, data in pairs(sets, made):
        rare = f"&prevalence={prevalence}" if prevalence else ""
        at(page, f"{address}&alarm={alarm}&miss={miss}{rare}&answer=shown")
        reply = part(page, "challenge").locator(".reply")
        share = prevalence or float(np.mean(given.test_labels))
        least = min(all_costs(given, share, alarm, miss))
        by_rule = (
            thresholds.Cost(alarm, miss).fit(given.validation, given.validation_labels).cutoff_
        )

        text = reply.inner_text()
        said = re.match(r"The cheapest of all cutoffs is (\S+): 1,000 rows cost (\S+)\. ", text)
        assert said is not None
        assert said[2] == short(least)
        yours, ruled = (
            dearer(reference_cost(given, value, share, alarm, miss), least)
            for value in (cutoff(page, data), by_rule)
        )
        assert f"Yours {yours}. Cost({alarm}, {miss}), at {short(by_rule)}, {ruled}:" in text
        if prevalence is None:
            best = thresholds.Cost(alarm, miss).fit(given.test, given.test_labels).cutoff_
            assert said[1] == short(best)
            at(page, f"{address}&alarm={alarm}&miss={miss}&answer=shown&cutoff={best!r}")
            assert "Yours is as cheap." in reply.inner_text()
            line, mark = (
                page.locator(f"#threshold {name}").evaluate("g => g.transform.baseVal[0].matrix.e")
                for name in (".handle", ".best path")
            )
            assert line == mark


def dearer(cost: float, least: float) -> str:
    """How a cost compares with the least, in the page's words."""
    if cost - least < 1e-9 * cost or cost == least:
        return "is as cheap"
    return f"costs {short(cost - least)} more" + (
        f" ({short(100 * (cost / least - 1))}%)" if least else ""
    )


def reference_cost(
    given: Scores, value: float, prevalence: float, alarm: float, miss: float
) -> float:
    abnormal = np.asarray(given.test_labels) == 1
    test = np.asarray(given.test, float)
    alarms, misses = (test[~abnormal] > value).mean(), (test[abnormal] <= value).mean()
    return float(1000 * (alarm * (1 - prevalence) * alarms + miss * prevalence * misses))


@needs_chromium
def test_a_new_question_hides_the_answer(page: Page) -> None:
    show = page.get_by_role("button", name="Show the answer")
    for change in (
        lambda: page.get_by_label("a miss").fill("3"),
        lambda: page.get_by_label("Prevalence").press("ArrowLeft"),
        lambda: page.get_by_label("Detector").select_option("kNN"),
        lambda: page.get_by_label("Data set").select_option("digits"),
        lambda: page.get_by_role("button", name="Hide the answer").click(),
    ):
        show.click()
        assert page.locator("#threshold .best").is_visible()
        handle(page).press("ArrowRight")
        assert part(page, "challenge").locator(".reply").inner_text() != ""
        change()
        assert part(page, "challenge").locator(".reply").inner_text() == ""
        assert not page.locator("#threshold .best").is_visible()


# The page: mouse, touch, keys, selects


@needs_chromium
def test_a_mouse_drags_the_cutoff_and_clicks_put_it(
    page: Page, sets: Sets, made: Explorable
) -> None:
    address, given, data = pairs(sets, made)[3]
    at(page, address)
    page.mouse.move(*inside(handle(page)))
    page.mouse.down()
    plane = part(page, "histogram").locator("svg > .reach")
    for across in (0.2, 0.4, 0.7):
        x, y = inside(plane, across)
        page.mouse.move(x, y)
        assert inside(handle(page).locator("circle"))[0] == pytest.approx(x, abs=3)
        assert counts(page) == counted(given, cutoff(page, data))
    page.mouse.move(*inside(plane, -0.1))
    assert counts(page)[:3:2] == [0, 0], "beyond the left end everything is flagged"
    assert cutoff(page, data) == np.nextafter(given.test.min(), -np.inf), "but by no far rule"
    page.mouse.move(*inside(plane, 1.1))
    assert counts(page)[1::2] == [0, 0], "beyond the right end nothing is flagged"
    page.mouse.up()
    page.mouse.move(*inside(plane, 0.5))
    assert counts(page)[1::2] == [0, 0], "nothing moves when nothing is held"
    at(page, "set=no-data&detector=made-up")
    page.mouse.click(*inside(plane, 0.999))
    assert counts(page)[1] != 0, "some scores lie beyond the axis"
    page.mouse.move(*inside(handle(page).locator("circle")))
    page.mouse.down()
    page.mouse.move(*inside(plane, 1.1))
    assert counts(page)[1::2] == [0, 0]
    page.mouse.up()
    x, y = inside(plane, 0.3, 0.2)
    page.mouse.click(x, y)
    assert inside(handle(page).locator("circle"))[0] == pytest.approx(x, abs=3)


@needs_chromium
def test_keys_move_the_cutoff(page: Page, sets: Sets, made: Explorable) -> None:
    address, given, data = pairs(sets, made)[1]
    at(page, address)
    page.get_by_label("Detector").focus()
    page.keyboard.press("Tab")
    last = len(data["cutoffs"]) - 1
    assert handle(page).evaluate("handle => handle === document.activeElement")
    assert handle(page).get_attribute("aria-valuemax") == str(last)
    start = data["cutoffs"].index(cutoff(page, data))
    where = start
    for key, there in (
        ("ArrowRight", start + 1),
        ("ArrowLeft", start),
        ("Shift+ArrowRight", start + 10),
        ("PageDown", start),
        ("Home", 0),
        ("ArrowLeft", 0),
        ("End", last),
        ("ArrowUp", last),
    ):
        page.keyboard.press(key)
        where = data["cutoffs"].index(cutoff(page, data))
        assert where == there
        assert counts(page) == counted(given, data["cutoffs"][there])


@needs_chromium
def test_selects_change_the_detector_and_keep_what_else_is_set(
    page: Page, sets: Sets, made: Explorable
) -> None:
    at(page, "prevalence=0.05&miss=20")
    detector = page.get_by_label("Detector")
    for label, given in (("kNN", sets["tumours"][1]), ("centroid", sets["tumours"][2])):
        handle(page).press("PageUp")
        detector.select_option(label)
        assert counts(page) == counted(given, fitted(RULES[1], given))
    page.get_by_label("Data set").select_option("digits")
    assert detector.locator("option").all_inner_texts() == ["PCA", "kNN"]
    assert counts(page) == counted(sets["digits"][0], fitted(RULES[1], sets["digits"][0]))
    detector.select_option("kNN")
    page.get_by_label("Data set").select_option("tumours")
    given = sets["tumours"][1]
    assert detector.locator("option:checked").inner_text() == "kNN"
    assert counts(page) == counted(given, fitted(RULES[1], given))
    assert values(page)["rare"] == 0.05
    assert page.get_by_label("a miss").input_value() == "20"
    text = part(page, "histogram").inner_text()
    assert "normal (107 rows)" in text
    assert "abnormal (64 rows)" in text


@needs_chromium
def test_a_finger_drags_the_cutoff_and_scrolls_elsewhere(
    browser: Browser, url: str, sets: Sets, made: Explorable
) -> None:
    _, given, data = pairs(sets, made)[0]
    with touched(browser, url) as seen:
        page = seen.page
        before = cutoff(page, data)
        plane = part(page, "histogram").locator("svg > .reach")
        assert scrolled(page, plane, 0.7) > 50
        assert cutoff(page, data) == before
        x, y = inside(handle(page))
        swipe(page, [(x + 8 * step, y) for step in range(11)])
        assert inside(handle(page).locator("circle"))[0] == pytest.approx(x + 80, abs=3)
        assert counts(page) == counted(given, cutoff(page, data)) != counted(given, before)
        x, y = inside(plane, 0.2, 0.5)
        page.touchscreen.tap(x, y)
        assert inside(handle(page).locator("circle"))[0] == pytest.approx(x, abs=3)
        rule(page, "MAD(3.5)").tap()
        assert cutoff(page, data) == fitted(RULES[4], given)
        page.get_by_role("button", name="Show the answer").tap()
        assert part(page, "challenge").locator(".reply").is_visible()
        assert not seen.errors


# The page: address, ears, sizes, schemes


@needs_chromium
def test_the_copied_address_opens_the_same(browser: Browser, url: str, made: Explorable) -> None:
    def all_of(page: Page) -> tuple[Any, ...]:
        fields = "#threshold :is(select, input)"
        return (
            values(page),
            page.locator(fields).evaluate_all("all => all.map(field => field.value)"),
            page.locator("#threshold [data-part]").all_inner_texts(),
        )

    with visit(browser, url) as seen:
        page = seen.page
        ready(page)
        assert settled(page) == url
        page.get_by_label("Data set").select_option("digits")
        page.get_by_label("Detector").select_option("kNN")
        page.get_by_label("a false alarm").fill("2.5")
        page.get_by_label("Prevalence").press("PageDown")
        handle(page).press("PageUp")
        page.get_by_role("button", name="Show the answer").click()
        address, before = settled(page), all_of(page)
        with visit(browser, address) as other:
            ready(other.page)
            assert all_of(other.page) == before
            other.page.get_by_role("button", name="Start again").click()
            assert settled(other.page) == url
            assert values(other.page)["cost"] != values(page)["cost"]
        assert not seen.errors


@needs_chromium
@pytest.mark.parametrize(
    ("junk", "as_if"),
    [
        ("set=<b>&detector=%00&cutoff=abc&alarm=x&miss=&prevalence=%C3&answer=42", ""),
        ("set=tumours&detector=__proto__&cutoff=1e999&prevalence=-1&nothing=1", ""),
        (
            "cutoff=-1e99&alarm=-3&miss=1e99&prevalence=7",
            "alarm=0.01&miss=1e6&prevalence=0.5&cutoff=0",
        ),
        ("set=digits&detector=centroid&cutoff=3e200", "set=digits&detector=pca&cutoff=1e9"),
    ],
)
def test_junk_in_the_address_does_no_harm(junk: str, as_if: str, page: Page) -> None:
    at(page, as_if)
    expected = values(page)
    at(page, junk)
    assert values(page) == expected


@needs_chromium
def test_a_cutoff_in_the_address_is_that_next_to_it(page: Page, made: Explorable) -> None:
    data = made.data["sets"][0]["detectors"][0]
    first, second = data["cutoffs"][100:102]
    at(page, f"cutoff={first + 0.4 * (second - first)!r}")
    assert cutoff(page, data) == first
    at(page, f"cutoff={first + 0.6 * (second - first)!r}")
    assert cutoff(page, data) == second


@needs_chromium
def test_parts_can_be_left_out(page: Page) -> None:
    for name in PARTS:
        at(page, f"hide={name}")
        assert [other for other in PARTS if not part(page, other).is_visible()] == [name]
    at(page, "hide=histogram,curves,rules&cutoff=20")
    assert part(page, "counts").is_visible()
    assert not part(page, "rules").is_visible()


@needs_chromium
def test_one_data_set_needs_no_choice(
    browser: Browser, sets: Sets, tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = explorables.threshold({"tumours": sets["tumours"]}, picture())
    with visit(browser, lay(tmp_path_factory.mktemp("one"), one)) as seen:
        ready(seen.page)
        assert not seen.page.get_by_label("Data set").is_visible()
        assert seen.page.get_by_label("Detector").is_visible()
        assert not seen.errors


@needs_chromium
def test_changes_are_told(page: Page, sets: Sets) -> None:
    rule(page, "MAD(3.5)").click()
    page.wait_for_timeout(300)
    given = sets["tumours"][0]
    report = evaluate(given.test_labels, given.test, fitted(RULES[4], given))
    status = page.locator("#threshold [role=status]").text_content() or ""
    assert f"recall {report.recall:.1%}, precision {report.precision:.1%}, cost" in status
    words = handle(page).get_attribute("aria-valuetext") or ""
    confusion = report.confusion
    found = f"{confusion.fp} false alarms, {confusion.tp} of 64 abnormal rows found"
    assert words == f"{short(report.cutoff)}: {found}"


@needs_chromium
@pytest.mark.parametrize("size", [PHONE, DESKTOP])
def test_it_fits_and_anyone_can_use_it(size: tuple[int, int], browser: Browser, url: str) -> None:
    address = f"{url}#explore?threshold.set=digits&threshold.answer=shown"
    with visit(browser, address, size) as seen:
        page = seen.page
        ready(page)
        page.wait_for_timeout(100)
        assert seen.overflow() <= 0
        assert not seen.errors
        assert seen.violations() + seen.violations_in_the_dark() == []
        letters = page.locator("#threshold .live svg text").evaluate_all(
            """all => all.map(text => text.ownerSVGElement.getScreenCTM().a
              * parseFloat(getComputedStyle(text).fontSize))"""
        )
        assert min(letters) >= 10
        for target in page.locator("#threshold :is(button, select, input)").all():
            box = target.bounding_box()
            assert box is not None
            if target.get_attribute("type") != "range":  # its thumb is the browser's
                assert min(box["width"], box["height"]) >= 24
        grip = handle(page).locator(".reach").bounding_box()
        assert grip is not None
        assert grip["width"] >= 44
        heights = [inside(part(page, name), down=0)[1] for name in ("counts", "figures")]
        assert (heights[0] == heights[1]) == (size == DESKTOP), "side by side where there is room"


@needs_chromium
def test_drawings_follow_the_width_of_the_window(browser: Browser, url: str) -> None:
    with visit(browser, url, DESKTOP) as seen:
        page = seen.page
        ready(page)
        for width in (PHONE[0], 700, DESKTOP[0]):
            page.set_viewport_size({"width": width, "height": 800})
            page.wait_for_timeout(100)
            scale = part(page, "histogram").locator("svg").evaluate("svg => svg.getScreenCTM().a")
            assert scale == pytest.approx(1, abs=0.01)
        assert not seen.errors


@needs_chromium
def test_without_scripts_the_picture_stays(browser: Browser, url: str, page: Page) -> None:
    assert picture_alone(browser, url)
    assert not page.locator("#threshold > figure").is_visible()


@needs_chromium
def test_speed_is_told(browser: Browser, url: str, tell: Callable[[str], None]) -> None:
    with visit(browser, url) as seen:
        ready(seen.page)
        moves = [(0.5 + 0.2 * step, 0.5) for step in range(-8, 40)]
        tell(speed(seen.page, "threshold", ".handle", moves))
