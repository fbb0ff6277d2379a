"""What the gallery draws, and whether each card's failure fails for the reason that it gives."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.contour import ContourSet

from anomaly_lab import KNNDetector, all_detectors, code, drawing, get_detector
from anomaly_lab.contract import Case, Detector
from anomaly_lab.detectors import centroid
from anomaly_lab.drawing import ANOMALY, NORMAL, maps, picture, rows, style, svg
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.gallery import portraits
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
    return drawing.new_axes(3, 3)


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
    portraits.panel(ax, RESULT)
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
    portraits.panel(ax, RESULT)
    marks = [c for c in ax.collections if not isinstance(c, ContourSet) and len(c.get_offsets())]
    assert len({c.get_paths()[0].vertices.tobytes() for c in marks}) == 3


def test_a_panel_is_put_in_words() -> None:
    words = portraits.panel_in_words(RESULT, "shapes/ring")
    assert "shapes/ring: 3 fitting rows, 1 anomalies hidden among them, and 1" in words
    assert "ROC-AUC 0.88" in words
    clean = replace(RESULT, hidden=np.zeros(3, np.int8))
    assert "hidden" not in portraits.panel_in_words(clean, "shapes/ring")


class Asked(KNNDetector):
    """Keeps what it was asked to draw, and how much of the plane was to be seen then."""

    def _draw(self, ax: Any, row: Any) -> None:
        self.__dict__.setdefault("drawn", []).append((row.tolist(), ax.get_xlim(), ax.get_ylim()))


def test_an_idea_is_drawn_by_the_detector_row_by_row() -> None:
    rows = np.random.default_rng(0).normal(scale=0.3, size=(30, 2))
    detector, explained = Asked().fit(rows), [[0.1, 0.0], [1.5, -1.0]]
    picture = drawing.idea(detector, rows, explained, [0, 1], centres())
    ax = picture.ax
    whole = (-EXTENT, EXTENT)
    assert detector.drawn == [(row, whole, whole) for row in explained]
    marks = [(line.get_marker(), line.get_xydata()[0].tolist()) for line in ax.lines]
    assert marks == [("o", explained[0]), ("^", explained[1])]
    scores = [f"{score:.3g}" for score in detector.anomaly_score(explained)]
    assert [text.get_text() for text in ax.texts] == scores
    assert [text.get_ha() for text in ax.texts] == ["left", "right"]  # none leaves the square
    assert f"A normal row {scores[0]}, an anomaly {scores[1]}." in picture.alt


@pytest.mark.parametrize("name", [name for name in CARDS if name not in NETWORKS])
def test_what_a_detector_draws_stays_in_the_square(name: str) -> None:
    rows = np.random.default_rng(0).normal(scale=0.3, size=(60, 2))
    detector = get_detector(name)().fit(rows)
    ax = drawing.idea(detector, rows, [[0.1, 0.0]], [0], centres()).ax
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-EXTENT, EXTENT, -EXTENT, EXTENT)
    before = len(ax.get_children())
    detector._draw(ax, np.array([1.0, -1.0]))
    assert len(ax.get_children()) > before


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
    assert list(found["knn"]) == ["idea", "failure", "sweep"]
    assert list(found["centroid"]) == ["idea", "failure"]
    for portrait in found.values():
        for kind, figure in portrait.items():
            (alt,) = re.findall(r'aria-label="([^"]*)"', figure)
            assert ("an anomaly" if kind == "idea" else "ROC-AUC") in alt
    assert found["knn"]["failure"].count("ROC-AUC") == 2 + 2  # titles, and the alternative text


def test_a_card_with_what_is_required_alone_has_an_idea(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = replace(CARDS["centroid"], formula="", failure=None)
    monkeypatch.setattr(get_detector("centroid"), "card", bare)
    assert list(drawn(["centroid"])["centroid"]) == ["idea"]


def test_a_detector_that_cannot_draw_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get_detector("centroid"), "_draw", lambda *args: 1 / 0)
    with pytest.raises(AnomalyLabError, match="centroid: its idea cannot be drawn: ZeroDivision"):
        drawn(["centroid"])


def test_what_was_drawn_is_kept_until_something_changes(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, version = drawn(["centroid"]), code.version
    with monkeypatch.context() as patch:
        patch.setattr(portraits, "_drawn", lambda *args: pytest.fail("drawn again"))
        assert drawn(["centroid"]) == first
        patch.setattr(code, "version", lambda name: "0" if name == "matplotlib" else version(name))
        with pytest.raises(pytest.fail.Exception, match="drawn again"):
            drawn(["centroid"])
    card = CARDS["centroid"]
    other = replace(card, failure=replace(card.failure, cure=Case("shapes/single")))
    monkeypatch.setattr(get_detector("centroid"), "card", other)
    assert "shapes/single" in drawn(["centroid"])["centroid"]["failure"]


@pytest.mark.parametrize("module", [maps, rows, picture, style, svg, portraits, centroid])
def test_what_was_drawn_is_drawn_again_with_other_code(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, digest = portraits._key("centroid"), code.digest

    def of_the_others(modules: list[str], whole: bool = False) -> str:
        return digest([name for name in modules if name != module.__name__], whole=whole)

    monkeypatch.setattr(code, "digest", of_the_others)
    assert portraits._key("centroid") != before


def test_what_was_drawn_is_drawn_again_in_another_style(monkeypatch: pytest.MonkeyPatch) -> None:
    before = portraits._key("centroid")
    monkeypatch.setattr(drawing, "STYLE", Path(__file__))
    assert portraits._key("centroid") != before


def test_a_damaged_portrait_is_drawn_again(cache: Path) -> None:
    first = drawn(["centroid"])
    (path,) = (cache / "portraits").iterdir()
    path.write_bytes(path.read_bytes()[:-1])
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
