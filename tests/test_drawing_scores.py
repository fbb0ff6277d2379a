from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html import escape
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from sklearn.metrics import auc

from anomaly_lab import drawing
from anomaly_lab.comparison import Comparison, Explanation, Protocol, Run
from anomaly_lab.datasets import Dataset
from anomaly_lab.drawing import runs, scores
from anomaly_lab.evaluation import Report, evaluate

LABELS = np.repeat([0, 1], [90, 10]).astype(np.int8)


def report_of(seed: int, lift: float = 2.0) -> Report:
    rng = np.random.default_rng(seed)
    scores = np.exp(rng.normal(size=100) + lift * LABELS)
    return evaluate(LABELS, scores, 4.0)


def comparison_of(lifts: dict[str, float], seeds: int = 3) -> Comparison:
    rows = pd.DataFrame({"amount": np.arange(100.0), "hour": np.arange(100.0)})
    protocol = Protocol(
        {}, tuple(range(seeds)), "quantile:0.95", 0.05, 0.0, None, 200, 60, 100, leaked=0.0
    )
    runs = tuple(
        Run(name, seed, report_of(seed, lift), 0.5, 0.1)
        for name, lift in lifts.items()
        for seed in range(seeds)
    )
    return Comparison(Dataset("shop", rows, LABELS, "0" * 64), protocol, runs)


def explanation_of(columns: list[str], labels: tuple[int, ...] = (1, 0, 1)) -> Explanation:
    errors = pd.DataFrame(
        np.arange(1.0, len(labels) * len(columns) + 1).reshape(len(labels), -1), columns=columns
    )
    rows = np.arange(7, 7 + len(labels))
    return Explanation(rows, np.arange(len(labels), 0, -1.0), np.array(labels, np.int8), errors)


HISTORY = pd.DataFrame({"loss": [1.0, 0.5, 0.4, 0.3], "val_loss": [0.9, 0.6, 0.5, 0.7]})
SUBJECTS: dict[str, Any] = {
    "score_histogram": report_of(0),
    "confusion_matrix": report_of(0),
    "roc_curve": comparison_of({"knn": 2.0, "pca": 1.0}),
    "precision_recall_curve": comparison_of({"knn": 2.0, "pca": 1.0}),
    "training_curve": HISTORY,
    "feature_contributions": explanation_of(["amount", "hour"]),
}
each_figure = pytest.mark.parametrize("name", SUBJECTS)


def drawn(name: str, subject: Any = None) -> Axes:
    return getattr(drawing, name)(SUBJECTS[name] if subject is None else subject).ax


def words(figure: str, subject: Any, **options: Any) -> str:
    return getattr(drawing, figure)(subject, **options).alt


def svg_of(ax: Axes, prefix: str = "f") -> str:
    return drawing.Picture(ax, "what is seen").svg(prefix)


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag == "text"]


@pytest.fixture
def pyplot() -> Any:
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@each_figure
def test_draws_into_the_axes_it_is_given(name: str) -> None:
    ax = drawing.new_axes()
    assert getattr(drawing, name)(SUBJECTS[name], ax).ax is ax
    assert ax.has_data()


@each_figure
def test_makes_a_figure_that_a_notebook_shows_once(name: str, pyplot: Any) -> None:
    before = dict(matplotlib.rcParams)
    picture = getattr(drawing, name)(SUBJECTS[name], pyplot.subplots()[1])
    alone = getattr(drawing, name)(SUBJECTS[name])
    assert len(pyplot.get_fignums()) == 1  # a figure of its own is not known to pyplot
    for shown in (picture, alone):
        assert f'aria-label="{escape(shown.alt)}"' in shown._repr_html_()
    assert pyplot.get_fignums() == []
    assert dict(matplotlib.rcParams) == before


@each_figure
def test_svg_is_the_same_each_time_and_fits_any_page(name: str) -> None:
    svg = svg_of(drawn(name), "one")
    assert svg == svg_of(drawn(name), "one")
    root = ET.fromstring(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", "what is seen")
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert ids
    assert all(id_.startswith("one-") for id_ in ids)
    used = re.findall(r'href="#([^"]*)"|url\(#([^)]*)\)', svg)
    assert {a or b for a, b in used} <= set(ids)
    assert not re.search(r"<style|<metadata|http|#000000|DejaVu", svg)


def test_saving_needs_no_pyplot() -> None:
    code = (
        "import sys, pandas; from anomaly_lab import drawing; "
        "picture = drawing.training_curve(pandas.DataFrame({'loss': [2., 1.]})); "
        "assert '<svg' in picture.svg('f'); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_alternative_text_is_escaped_in_the_svg() -> None:
    svg = drawing.Picture(drawn("training_curve"), 'a "quoted" <b>').svg()
    assert ET.fromstring(svg).get("aria-label") == 'a "quoted" <b>'


def test_histogram_shows_each_class_in_full_and_the_cutoff() -> None:
    report = report_of(0)
    ax = drawn("score_histogram", report)
    for patch in ax.patches:
        assert patch.get_data().values.sum() == pytest.approx(1)
    assert ax.lines[0].get_xdata() == [4.0, 4.0]
    assert "cutoff 4" in texts(svg_of(ax))
    assert ax.get_xscale() == "log"
    assert len({patch.get_hatch() for patch in ax.patches}) == 2


def test_histogram_of_ordinary_scores_is_linear() -> None:
    report = evaluate(LABELS, np.linspace(0, 1, 100), 0.9)
    assert drawn("score_histogram", report).get_xscale() == "linear"


@pytest.mark.parametrize(
    ("scores", "cutoff"),
    [
        (np.zeros(100), 0.0),
        (np.full(100, np.inf), np.inf),
        (np.r_[np.zeros(50), np.full(50, 1e300)], 1.0),
        (np.r_[-np.ones(60), np.full(38, 2.0), np.inf, -np.inf], 1e9),
        (np.r_[np.linspace(-1, 0, 99), 1e12], -0.1),
        (np.linspace(1, 2, 100), -np.inf),
    ],
    ids=["constant", "infinite", "two values far apart", "cutoff far off", "tail", "all flagged"],
)
def test_histogram_of_odd_scores_still_holds_every_row(scores: np.ndarray, cutoff: float) -> None:
    ax = drawn("score_histogram", evaluate(LABELS, scores, cutoff))
    for patch in ax.patches:
        assert patch.get_data().values.sum() == pytest.approx(1)
    assert texts(svg_of(ax))


def test_histogram_of_many_rows_stays_small() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random(150_000) < 0.01).astype(np.int8)
    report = evaluate(labels, rng.lognormal(size=150_000), 3.0)
    assert len(svg_of(drawn("score_histogram", report))) < 40_000


def test_confusion_matrix_shows_counts_and_row_shares() -> None:
    report = evaluate([0, 0, 0, 0, 1, 1], [1.0, 2.0, 3.0, 9.0, 1.0, 9.0], 5.0)
    shown = [text.get_text() for text in drawn("confusion_matrix", report).texts]
    assert shown == ["3\n75.0%", "1\n25.0%", "1\n50.0%", "1\n50.0%"]


def test_the_area_below_the_drawn_curves_is_the_figure_in_the_table() -> None:
    comparison = comparison_of({"knn": 1.0})
    table = comparison.table().loc["knn"]
    roc = drawn("roc_curve", comparison).lines[1].get_data()
    assert auc(*roc) == pytest.approx(table["roc_auc", "mean"], abs=2e-3)
    recall, precision = drawn("precision_recall_curve", comparison).lines[1].get_data()
    assert np.mean(precision) == pytest.approx(table["average_precision", "mean"], abs=2e-3)
    assert len(recall) <= 501


def test_curves_pass_through_the_mean_of_the_seeds_by_hand() -> None:
    # Precision where recall 1/2 is first reached, 2/3 of the way down: 1 and 1/2; mean 3/4.
    reports = [evaluate([0, 0, 1, 1], s, 0.5) for s in ([0, 0.1, 0.2, 1], [0, 1, 0.2, 0.9])]
    at_half = scores._mean_precision(reports)[249]
    assert at_half == pytest.approx(0.75)
    assert scores._mean_roc(reports)[0] == pytest.approx(0.5)  # 1 and 0 without a false alarm


def test_curves_mark_the_cutoff_and_name_every_detector() -> None:
    comparison = comparison_of({"knn": 2.0, "my_own": 1.5, "another": 1.0})
    means = comparison.table().loc["knn"]
    ax = drawn("roc_curve", comparison)
    points = {line.get_label().split()[0]: line for line in ax.lines if len(line.get_xdata()) == 1}
    assert set(points) == {"knn", "my_own", "another"}
    assert points["knn"].get_xdata()[0] == means["false_positive_rate", "mean"]
    assert points["knn"].get_ydata()[0] == means["recall", "mean"]
    looks = {name: (line.get_color(), line.get_marker()) for name, line in points.items()}
    assert looks == {name: drawing.look(name)[::2] for name in points}
    alone = drawn("roc_curve", comparison_of({"my_own": 1.5})).lines[-1]
    assert (alone.get_color(), alone.get_marker()) == looks["my_own"]
    prevalence = drawn("precision_recall_curve", comparison).lines[0].get_ydata()
    assert list(prevalence) == [0.1, 0.1]


def test_curves_of_one_report_and_of_infinite_scores() -> None:
    report = evaluate([0, 0, 1, 1], [0.0, 1.0, np.inf, np.inf], 5.0)
    assert drawn("roc_curve", report).lines[1].get_ydata()[1] == 1
    assert "precision 1.00 at recall 1.00" in words("precision_recall_curve", report)


def test_training_curve_marks_the_epoch_of_the_weights() -> None:
    ax = drawn("training_curve")
    assert [list(data) for data in ax.lines[-1].get_data()] == [[3], [0.5]]
    assert {"fitting rows", "held back"} <= set(texts(svg_of(ax)))


@pytest.mark.parametrize(
    "losses", [[3.0, 2.0, 1.0], [1.0, 2.0, 3.0], [2.0, 0.0, 1.0]], ids=["last", "first", "no loss"]
)
def test_training_curve_shows_the_whole_circle(losses: list[float]) -> None:
    ax = drawn("training_curve", pd.DataFrame({"loss": losses}))
    circle = ax.lines[-1]
    box = circle.get_window_extent()
    inside = ax.bbox.containsx(box.x0) and ax.bbox.containsx(box.x1) and ax.bbox.containsy(box.y0)
    assert inside or not circle.get_clip_on()


@pytest.mark.parametrize("losses", [[0.1], [100.0, 1.0, 0.01], [0.0, 0.0]])
def test_training_curve_without_held_back_rows(losses: list[float]) -> None:
    svg = svg_of(drawn("training_curve", pd.DataFrame({"loss": losses})))
    assert "fitting rows" in texts(svg)
    assert "held back" not in texts(svg)


def test_contributions_show_ten_columns_and_sum_up_the_others() -> None:
    columns = [f"column {i}" for i in range(25)]
    ax = drawn("feature_contributions", explanation_of(columns))
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == [f"column {i}" for i in range(24, 14, -1)] + ["15 other columns"]
    assert runs._shares(explanation_of(columns)).sum().tolist() == pytest.approx([1, 1, 1])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["7", "8", "9"]


@pytest.mark.parametrize(
    "column", ["cost in $ and $", "a\nb\x00c", "x" * 300, "金额 <b>&", "15 other columns"]
)
def test_contributions_take_any_column_name(column: str) -> None:
    explanation = explanation_of([*(f"c{i}" for i in range(24)), column])
    svg = svg_of(drawn("feature_contributions", explanation))
    assert any(runs._fit(column) == text for text in texts(svg))


def test_contributions_of_rows_without_any_error() -> None:
    explanation = explanation_of(["a", "b"])
    explanation.contributions.iloc[0] = 0.0
    assert runs._shares(explanation)[0].tolist() == [0, 0]
    assert texts(svg_of(drawn("feature_contributions", explanation)))


DESCRIPTIONS = {
    "score_histogram": "Histogram of knn scores: 75% of 4 normal rows do not exceed the cutoff 5; "
    "1 of 2 anomalies do.",
    "confusion_matrix": "Confusion matrix of knn: 1 of 4 normal rows are flagged (25.0%), and 1 of "
    "2 anomalies (50.0%).",
}


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_description_of_a_report(name: str) -> None:
    report = evaluate([0, 0, 0, 0, 1, 1], [1.0, 2.0, 3.0, 9.0, 1.0, 9.0], 5.0)
    assert words(name, report, name="knn") == DESCRIPTIONS[name]


def test_description_of_curves_names_detectors_and_figures() -> None:
    comparison = comparison_of({"knn": 9.0, "pca": 1.0})
    assert "knn 1.000, reaches recall 1.00 at" in words("roc_curve", comparison)
    alt = words("precision_recall_curve", comparison)
    assert "prevalence of 0.100" in alt
    assert "pca" in alt


def test_description_of_training() -> None:
    assert words("training_curve", HISTORY) == (
        "Loss over 4 epochs: from 1 to 0.3 on fitting rows and from 0.9 to 0.7 on held-back rows. "
        "The lowest, 0.5, is that of epoch 3."
    )


def test_description_of_contributions() -> None:
    assert words("feature_contributions", explanation_of(["amount", "hour"])) == (
        "Heat map of the 3 highest-scoring rows, 2 of them anomalies, by column. Largest mean "
        "shares of the score: hour (59%), amount (41%). Row 7, the highest, owes most to hour "
        "(67%)."
    )
