"""What the gallery draws, and whether each card's failure fails for the reason that it gives."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.contour import ContourSet

from anomaly_lab import KNNDetector, all_detectors, figures, get_detector, pictures
from anomaly_lab.contract import Case, Detector
from anomaly_lab.detectors import centroid
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.figures import ANOMALY, NORMAL, look
from anomaly_lab.gallery import drawings, portraits
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import CELLS, EXTENT, Map, MapResult, centres

CARDS = {name: detector.card for name, detector in all_detectors().items()}
NETWORKS = "autoencoder", "ensemble", "vae"  # take seconds to fit
RESULT = MapResult(
    scores=np.add.outer(np.zeros(CELLS), centres()),  # the score is x
    X=np.array([[0.0, 0.0], [0.1, 0.2], [1.0, 1.0]]),
    hidden=np.array([0, 0, 1], np.int8),
    test=np.array([[0.3, 0.3], [-1.0, 1.5]]),
    labels=np.array([0, 1], np.int8),
    cutoff=0.5,
    roc_auc=0.875,
    fit_seconds=0.1,
    score_seconds=0.1,
)
SECONDS = pd.DataFrame(
    {"knn": [0.01, 0.1, 1.0], "my_own": [0.02, 0.03, 1.1], "pca": [0.001, 0.002, np.nan]},
    index=[100, 1_000, 10_000],
)
RANKS = pd.Series({"pca": 3.0, "knn": 1.5, "lof": 2.0, "vae": 3.5})


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.failure])
def test_a_failure_goes_where_its_cause_is_taken_away(name: str) -> None:
    case, cure = (task.measure().roc_auc for task in portraits.failure_maps(CARDS[name]))
    assert cure >= 0.9
    assert case <= cure - 0.15


@pytest.mark.parametrize("name", [name for name, card in CARDS.items() if card.failure])
def test_cause_and_cure_differ_in_one_thing(name: str) -> None:
    failure = CARDS[name].failure
    pairs = zip(vars(failure.case).items(), vars(failure.cure).items(), strict=True)
    assert sum(mine != other for mine, other in pairs) == 1


@pytest.mark.parametrize("name", CARDS)
def test_a_card_has_what_its_page_shows(name: str) -> None:
    card, detector = CARDS[name], get_detector(name)
    assert card.formula
    assert card.failure
    assert detector._draw is not Detector._draw
    assert detector._draw.__doc__
    settings = set(inspect.signature(detector).parameters) - {"random_state"}
    assert bool(card.sweep) == bool(settings)
    if card.sweep:
        assert card.sweep.parameter in settings
        assert len(set(card.sweep.values)) == len(card.sweep.values) >= 2


def axes() -> Axes:
    return figures.new_axes(3, 3)


def points(ax: Axes) -> list[tuple[Any, list[list[float]]]]:
    """Return colour and places of each kind of mark."""
    scattered = [c for c in ax.collections if not isinstance(c, ContourSet)]
    return [
        (to_rgba(c.get_facecolor()[0], 1), np.asarray(c.get_offsets()).tolist())
        for c in scattered
        if len(c.get_offsets())
    ]


def test_a_panel_shows_rows_hidden_anomalies_and_those_to_find() -> None:
    ax = axes()
    drawings.panel(ax, RESULT)
    assert points(ax) == [
        (to_rgba(NORMAL), [[0.0, 0.0], [0.1, 0.2]]),
        (to_rgba(ANOMALY), [[1.0, 1.0]]),
        (to_rgba(ANOMALY), [[-1.0, 1.5]]),
    ]
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-EXTENT, EXTENT, -EXTENT, EXTENT)
    assert list(ax.images[0].get_extent()) == pytest.approx([-EXTENT, EXTENT, -EXTENT, EXTENT])
    [cutoff] = [drawn for drawn in ax.collections if isinstance(drawn, ContourSet)]
    assert cutoff.get_paths()[0].vertices[:, 0] == pytest.approx(RESULT.cutoff)


def test_a_panel_tells_marks_by_shape_too() -> None:
    ax = axes()
    drawings.panel(ax, RESULT)
    marks = [c for c in ax.collections if not isinstance(c, ContourSet) and len(c.get_offsets())]
    assert len({c.get_paths()[0].vertices.tobytes() for c in marks}) == 3


def test_a_panel_is_told_in_words() -> None:
    told = drawings.describe_panel(RESULT, "shapes/ring")
    assert "shapes/ring: 3 fitting rows, 1 anomalies hidden among them, and 1" in told
    assert "ROC-AUC 0.88" in told
    clean = replace(RESULT, hidden=np.zeros(3, np.int8))
    assert "hidden" not in drawings.describe_panel(clean, "shapes/ring")


class Told(KNNDetector):
    """Keeps what it was asked to draw, and how much of the plane was to be seen then."""

    def _draw(self, ax: Any, row: Any) -> None:
        self.__dict__.setdefault("drawn", []).append((row.tolist(), ax.get_xlim(), ax.get_ylim()))


def test_an_idea_is_drawn_by_the_detector_row_by_row() -> None:
    rows = np.random.default_rng(0).normal(scale=0.3, size=(30, 2))
    detector, explained = Told().fit(rows), [[0.1, 0.0], [1.5, -1.0]]
    ax = axes()
    drawings.idea(ax, detector, rows, explained, [0, 1])
    whole = (-EXTENT, EXTENT)
    assert detector.drawn == [(row, whole, whole) for row in explained]
    marks = [(line.get_marker(), line.get_xydata()[0].tolist()) for line in ax.lines]
    assert marks == [("o", explained[0]), ("^", explained[1])]
    scores = [f"{score:.3g}" for score in detector.anomaly_score(explained)]
    assert [text.get_text() for text in ax.texts] == scores
    assert [text.get_ha() for text in ax.texts] == ["left", "right"]  # none leaves the square
    told = drawings.describe_idea(detector, explained, [0, 1])
    assert f"A normal row {scores[0]}, an anomaly {scores[1]}." in told


@pytest.mark.parametrize("name", [name for name in CARDS if name not in NETWORKS])
def test_what_a_detector_draws_stays_in_the_square(name: str) -> None:
    rows = np.random.default_rng(0).normal(scale=0.3, size=(60, 2))
    detector, ax = get_detector(name)().fit(rows), axes()
    drawings.idea(ax, detector, rows, [[0.1, 0.0]], [0])
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-EXTENT, EXTENT, -EXTENT, EXTENT)
    before = len(ax.get_children())
    detector._draw(ax, np.array([1.0, -1.0]))
    assert len(ax.get_children()) > before


def test_timing_has_a_line_a_detector_in_its_look() -> None:
    ax = axes()
    drawings.timing(ax, SECONDS, "fitting rows")
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlabel()) == ("log", "log", "fitting rows")
    drawn = {text.get_text(): text.get_color() for text in ax.texts}
    assert drawn == {name: look(name)[0] for name in SECONDS}
    assert [line.get_color() for line in ax.lines] == [look(name)[0] for name in SECONDS]
    assert [len(line.get_xdata()) for line in ax.lines] == [3, 3, 2]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["100", "1,000", "10,000"]


def test_timing_is_told_in_words() -> None:
    told = drawings.describe_timing(SECONDS, "seconds to fit against rows")
    assert "seconds to fit against rows" in told
    assert "knn 0.01 s at 100 and 1 s at 10,000" in told
    assert "pca 0.001 s at 100 and 0.002 s at 1,000." in told


def test_timing_leaves_out_what_was_not_measured() -> None:
    ax, seconds = axes(), SECONDS.assign(lof=np.nan)
    drawings.timing(ax, seconds, "fitting rows")
    assert "lof" not in {text.get_text() for text in ax.texts}
    assert "lof" not in drawings.describe_timing(seconds, "seconds")


@pytest.mark.parametrize("heights", [[0.5], [0.2, 0.8], [0.5, 0.5, 0.5], [0.0, 0.01], [0.98, 1.0]])
def test_labels_are_apart_in_order_and_no_further_than_they_need(heights: list[float]) -> None:
    placed = drawings._spread(heights)
    assert all(b - a >= drawings._APART - 1e-9 for a, b in pairwise(placed))
    assert placed.min() >= 0
    assert placed.max() <= 1
    apart = all(b - a >= drawings._APART for a, b in pairwise(heights))
    assert placed.tolist() == pytest.approx(heights) or not apart


@pytest.mark.parametrize(
    ("cd", "groups"),
    [(0.4, []), (0.5, [(0, 1), (2, 3)]), (1.0, [(0, 1), (1, 2), (2, 3)]), (2.0, [(0, 3)])],
)
def test_bars_join_what_the_critical_difference_leaves_together(
    cd: float, groups: list[tuple[int, int]]
) -> None:
    assert drawings.alike(RANKS.sort_values(), cd) == groups


def test_a_critical_difference_diagram_has_marks_bars_and_its_scale() -> None:
    ax = axes()
    drawings.critical_difference(ax, RANKS, 1.0)
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


def test_a_critical_difference_diagram_is_told_in_words() -> None:
    told = drawings.describe_critical_difference(RANKS, 0.5)
    assert "knn 1.50, lof 2.00, pca 3.00, vae 3.50" in told
    assert "Bars join knn to lof; pca to vae." in told
    assert "No two are joined" in drawings.describe_critical_difference(RANKS, 0.1)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path))
    with joblib.parallel_config("sequential"):
        yield tmp_path


def drawn(names: list[str]) -> dict[str, portraits.Portrait]:
    return portraits.portraits(names, Store())


def test_a_portrait_has_the_pictures_that_its_card_names(cache: Path) -> None:
    found = drawn(["knn", "centroid"])
    assert list(found) == ["knn", "centroid"]
    assert list(found["knn"].pictures()) == ["idea", "failure", "sweep"]
    assert list(found["centroid"].pictures()) == ["idea", "failure"]
    for portrait in found.values():
        for picture in portrait.pictures().values():
            assert "ROC-AUC" in picture.alt or "an anomaly" in picture.alt
    assert found["knn"].failure.svg.count("ROC-AUC") == 2 + 2  # titles, and the alternative text


def test_a_card_with_what_is_required_alone_has_an_idea(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(CARDS["centroid"], formula="", failure=None)
    monkeypatch.setattr(get_detector("centroid"), "card", bare)
    assert list(drawn(["centroid"])["centroid"].pictures()) == ["idea"]


def test_a_detector_that_cannot_draw_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_detector("centroid"), "_draw", lambda *args: 1 / 0)
    with pytest.raises(AnomalyLabError, match="centroid: its idea cannot be drawn: ZeroDivision"):
        drawn(["centroid"])


def test_what_was_drawn_is_kept_until_something_changes(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = drawn(["centroid"])
    with monkeypatch.context() as patch:
        patch.setattr(portraits, "_drawn", lambda *args: pytest.fail("drawn again"))
        assert drawn(["centroid"]) == first
        patch.setattr(matplotlib, "__version__", "0")
        with pytest.raises(pytest.fail.Exception, match="drawn again"):
            drawn(["centroid"])
    card = CARDS["centroid"]
    other = replace(card, failure=replace(card.failure, cure=Case("shapes/single")))
    monkeypatch.setattr(get_detector("centroid"), "card", other)
    assert "shapes/single" in drawn(["centroid"])["centroid"].failure.alt


@pytest.mark.parametrize("module", [drawings, figures, pictures, portraits, centroid])
def test_what_was_drawn_is_drawn_again_with_other_code(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = portraits._key("centroid"), Path.read_text

    def edited(path: Path, encoding: str) -> str:
        return read(path, encoding) + "#" * (str(path) == module.__file__)

    monkeypatch.setattr(Path, "read_text", edited)
    assert portraits._key("centroid") != before


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"key": "", "pictures": {"idea": 1}}'])
def test_a_damaged_portrait_is_drawn_again(cache: Path, content: bytes) -> None:
    first = drawn(["centroid"])
    path = cache / "portraits" / "centroid.json"
    assert json.loads(path.read_bytes())["key"]
    path.write_bytes(content)
    assert drawn(["centroid"]) == first


def test_settings_of_a_sweep_are_written_plainly() -> None:
    assert portraits._plain(("knn",)) == "(knn)"
    assert portraits._plain("residual") == "residual"
    assert portraits._plain((0.05, 3.0)) == "(0.05, 3.0)"


def test_an_idea_has_no_hidden_anomalies() -> None:
    for card in CARDS.values():
        assert portraits._idea_case(card).contamination == 0
    assert portraits._idea_case(CARDS["pca"]) == CARDS["pca"].sweep.case
    assert portraits._idea_case(CARDS["centroid"]) == CARDS["centroid"].failure.cure


def test_a_sweep_sets_one_parameter() -> None:
    card = CARDS["knn"]
    assert portraits.sweep_maps(card) == [
        Map("knn", card.sweep.case, (("n_neighbors", k),)) for k in card.sweep.values
    ]
