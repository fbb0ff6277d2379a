"""What is drawn of several detectors: what they cost, and how they rank."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from anomaly_lab.drawing import critical_difference, look, methods, timing

SECONDS = pd.DataFrame(
    {"knn": [0.01, 0.1, 1.0], "my_own": [0.02, 0.03, 1.1], "pca": [0.001, 0.002, np.nan]},
    index=[100, 1_000, 10_000],
)
RANKS = pd.Series({"pca": 3.0, "knn": 1.5, "lof": 2.0, "vae": 3.5})


def test_timing_has_a_line_a_detector_in_its_look() -> None:
    ax = timing(SECONDS, "fitting rows", "seconds").ax
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel()) == ("log", "log", "fitting rows")
    drawn = {text.get_text(): text.get_color() for text in ax.texts}
    assert drawn == {name: look(name)[0] for name in SECONDS}
    assert [line.get_color() for line in ax.lines] == [look(name)[0] for name in SECONDS]
    assert [len(line.get_xdata()) for line in ax.lines] == [3, 3, 2]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["100", "1,000", "10,000"]


def test_timing_is_put_in_words() -> None:
    alt = timing(SECONDS, "fitting rows", "seconds to fit against rows").alt
    assert "seconds to fit against rows" in alt
    assert "knn 0.01 s at 100 and 1 s at 10,000" in alt
    assert "pca 0.001 s at 100 and 0.002 s at 1,000." in alt


def test_timing_leaves_out_what_was_not_measured() -> None:
    picture = timing(SECONDS.assign(lof=np.nan), "fitting rows", "seconds")
    assert "lof" not in {text.get_text() for text in picture.ax.texts}
    assert "lof" not in picture.alt


@pytest.mark.parametrize("heights", [[0.5], [0.2, 0.8], [0.5, 0.5, 0.5], [0.0, 0.01], [0.98, 1.0]])
def test_labels_are_apart_in_order_and_no_further_than_they_need(heights: list[float]) -> None:
    placed = methods._spread(heights)
    assert all(b - a >= methods._APART - 1e-9 for a, b in pairwise(placed))
    assert placed.min() >= 0
    assert placed.max() <= 1
    apart = all(b - a >= methods._APART for a, b in pairwise(heights))
    assert placed.tolist() == pytest.approx(heights) or not apart


@pytest.mark.parametrize(
    ("cd", "groups"),
    [(0.4, []), (0.5, [(0, 1), (2, 3)]), (1.0, [(0, 1), (1, 2), (2, 3)]), (2.0, [(0, 3)])],
)
def test_bars_join_what_the_critical_difference_leaves_together(
    cd: float, groups: list[tuple[int, int]]
) -> None:
    assert methods.alike(RANKS.sort_values(), cd) == groups


def test_a_critical_difference_diagram_has_marks_bars_and_its_scale() -> None:
    ax = critical_difference(RANKS, 1.0).ax
    lines = [line.get_xydata() for line in ax.lines]
    marks = {line.get_marker(): line.get_xydata()[0].tolist() for line in ax.lines[:4]}
    expected = [("knn", 1.5), ("lof", 2.0), ("pca", 3.0), ("vae", 3.5)]
    assert marks == {look(name)[2]: [rank, y] for y, (name, rank) in enumerate(expected)}
    texts = [text.get_text() for text in ax.texts]
    assert texts[:4] == [f"{name} {rank:.2f}" for name, rank in expected]
    bars, scale = lines[4:-1], lines[-1]
    assert [bar[:, 1].round().tolist() for bar in bars] == [[0, 1], [1, 2], [2, 3]]
    assert all(bar[:, 0].max() < 1.5 for bar in bars)
    assert len({bar[0, 0] for bar in bars}) == 3
    assert scale[:, 0].tolist() == [1.5, 2.5]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the best on top


def test_a_critical_difference_diagram_is_put_in_words() -> None:
    alt = critical_difference(RANKS, 0.5).alt
    assert "knn 1.50, lof 2.00, pca 3.00, vae 3.50" in alt
    assert "Bars join knn to lof; pca to vae." in alt
    assert "No two are joined" in critical_difference(RANKS, 0.1).alt
