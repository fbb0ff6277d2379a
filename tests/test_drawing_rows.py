"""Pictures, their colours, and rows; test_drawing_scores.py has what is drawn of reports."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.contour import ContourSet
from matplotlib.markers import MarkerStyle

from anomaly_lab import all_detectors, drawing
from anomaly_lab.drawing import ANOMALY, LOOKS, NORMAL, QUIET, Picture, images, score_map, show
from anomaly_lab.drawing import style as styles
from anomaly_lab.drawing.svg import _ON_DARK
from anomaly_lab.errors import InputError

# Black takes the colour of the page.
COLOURS = sorted(
    {NORMAL, ANOMALY, QUIET, *(colour for colour, *_ in LOOKS.values()), *styles._OTHER_COLOURS}
    - {"#000000"}
)
POINTS = np.array([[0.0, -1.0], [4.0, 1.0], [10.0, 0.5]])


class Scores:
    """A detector by a formula; it keeps the rows it was asked about."""

    def __init__(self, formula: Callable[[np.ndarray], np.ndarray]) -> None:
        self.formula = formula

    def anomaly_score(self, rows: np.ndarray) -> np.ndarray:
        self.rows = rows
        return self.formula(rows)


def mapped(formula: Callable[[np.ndarray], np.ndarray], **options: Any) -> Axes:
    ax = drawing.new_axes()
    score_map(ax, Scores(formula), POINTS, **options)
    return ax


def shades(ax: Axes) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def contours(ax: Axes) -> list[ContourSet]:
    return [drawn for drawn in ax.collections if isinstance(drawn, ContourSet)]


def nodes(svg: str, tag: str) -> list[ET.Element]:
    return [node for node in ET.fromstring(svg).iter() if node.tag == tag]


def texts(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in nodes(svg, "text")]


def a_bit_of_everything() -> Axes:
    rng = np.random.default_rng(0)
    ax = drawing.new_axes()
    score_map(ax, Scores(lambda rows: rows[:, 0]), rng.normal(size=(400, 2)), cutoff=0.1)
    ax.plot([0.1234567, 1], [0.7654321, 1], color=ANOMALY)
    ax.bar([0], [1], hatch="//")
    ax.set_yticks([0.175, 0.003])
    ax.set_title("0.12345 > 0.1234")
    return ax


@pytest.fixture
def pyplot() -> Any:
    matplotlib.use("agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture(scope="module")
def everything() -> str:
    return show(a_bit_of_everything(), "what is seen").svg()


def test_a_picture_is_an_image_with_its_text() -> None:
    alt = 'a "quoted" <b> & more'
    picture = show(drawing.new_axes(), alt)
    root = ET.fromstring(picture.svg())
    assert (root.tag, root.get("role"), root.get("aria-label")) == ("svg", "img", alt)
    assert picture.alt == alt


@pytest.mark.parametrize("alt", ["", " \n"])
def test_a_picture_without_text_is_refused(alt: str) -> None:
    with pytest.raises(InputError, match=r"alt text .* got none: write a sentence"):
        show(drawing.new_axes(), alt)


@pytest.mark.parametrize("of_axes", [False, True], ids=["figure", "axes"])
def test_the_whole_figure_is_shown_and_closed_and_no_other(of_axes: bool, pyplot: Any) -> None:
    other = pyplot.figure()
    figure, axes = pyplot.subplots(1, 2)
    axes[0].set_title("left")
    axes[1].set_title("right")
    picture = show(axes[1] if of_axes else figure, "Two titles.")
    assert {"left", "right"} <= set(texts(picture.svg()))
    assert pyplot.get_fignums() == [other.number]


def test_the_same_figure_gives_the_same_picture(everything: str) -> None:
    assert show(a_bit_of_everything(), "what is seen").svg() == everything


def test_pictures_with_different_texts_share_no_id(everything: str) -> None:
    other = show(a_bit_of_everything(), "something else").svg()
    ids, others = (set(re.findall(r'\bid="([^"]*)"', svg)) for svg in (everything, other))
    assert ids
    assert others
    assert not ids & others


def test_black_takes_the_colour_of_the_page() -> None:
    ax = drawing.new_axes()
    ax.plot([0, 1], [0, 1], color="black")
    svg = show(ax, "A line.").svg()
    assert "stroke: currentColor" in svg
    assert "#000000" not in svg


@pytest.mark.parametrize("colour", COLOURS)
def test_a_fixed_colour_has_a_twin_for_dark_pages(colour: str) -> None:
    ax = drawing.new_axes()
    ax.set_axis_off()
    assert "light-dark" not in show(ax, "Nothing.").svg()
    ax.plot([0, 1], [0, 1], color=colour)
    svg = show(ax, "A line.").svg()
    [(light, dark)] = set(re.findall(r"light-dark\((#\w{6}), (#\w{6})\)", svg))
    assert light == colour.lower()
    assert sum(to_rgba(dark)) > sum(to_rgba(light))
    assert colour.lower() not in re.sub(r"light-dark\([^)]*\)", "", svg)
    defined = set(re.findall(r"(--[\w-]+):", svg))
    assert set(re.findall(r"var\((--[\w-]+)\)", svg)) == defined


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    channels = np.array(to_rgba(colour)[:3])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_stand_out_from_the_page(colour: str) -> None:
    dark_page = "#1e2129"
    assert 1.05 / (luminance(colour) + 0.05) >= 3
    assert (luminance(_ON_DARK[colour.lower()]) + 0.05) / (luminance(dark_page) + 0.05) >= 3


def test_detectors_differ_in_colour_line_and_marker() -> None:
    assert set(LOOKS) >= {name for name, d in all_detectors().items() if ours(d)}
    for column in zip(*LOOKS.values(), strict=True):
        assert len(set(column)) == len(LOOKS)


def ours(detector: type) -> bool:
    return detector.__module__.startswith("anomaly_lab.")


def test_another_detector_has_a_look_by_its_name() -> None:
    assert drawing.look("knn") == LOOKS["knn"]
    names = [f"detector_{i}" for i in range(60)]
    found = [drawing.look(name) for name in names]
    code = f"from anomaly_lab.drawing import look; print([look(n) for n in {names!r}])"
    fresh = {**os.environ, "PYTHONHASHSEED": "1"}
    again = subprocess.run([sys.executable, "-c", code], env=fresh, capture_output=True, text=True)
    assert again.stdout.strip() == str(found)
    assert [len(set(column)) for column in zip(*found, strict=True)] == [3, 4, 5]
    own = {marker for _, _, marker in LOOKS.values()}
    assert not own & {marker for _, _, marker in found}


def test_numbers_in_paths_are_short_and_texts_keep_their_digits(everything: str) -> None:
    assert {"0.175", "0.003", "0.12345 > 0.1234"} <= set(texts(everything))
    root = ET.fromstring(everything)
    places = [node.get(name, "") for node in root.iter() for name in ("d", "x", "y")]
    assert any(re.search(r"\.\d\d\b", place) for place in places)
    assert not [place for place in places if re.search(r"\.\d{3}", place)]


def test_a_picture_refers_to_nothing_outside_itself(everything: str) -> None:
    links = re.findall(r'(?:href|src)="([^"]*)"|url\(([^)]*)\)', everything)
    assert {(a or b).split(",")[0][:1] for a, b in links} == {"#", "d"}
    rest = re.sub(r'"data:image/png;base64,[^"]*"', "", everything)
    assert not re.search(r"//|data:|@import", rest)


def test_a_notebook_shows_the_svg_and_a_console_the_text() -> None:
    picture = Picture(a_bit_of_everything(), "A line.")
    first = picture._repr_html_()
    assert first == picture._repr_html_() == f'<figure class="picture">{picture.svg()}</figure>'
    assert repr(picture) == "<Picture: A line.>"


def test_scatter_tells_anomalies_by_colour_shape_and_size() -> None:
    ax = drawing.new_axes()
    drawing.scatter(ax, POINTS, [0, 1, 0], size=5)
    for drawn, rows, colour, marker, size in zip(
        ax.collections, (POINTS[[0, 2]], POINTS[[1]]), (NORMAL, ANOMALY), "o^", (5, 10), strict=True
    ):
        assert np.array_equal(drawn.get_offsets(), rows)
        assert to_rgba(drawn.get_facecolor()[0], 1) == to_rgba(colour)
        shape = MarkerStyle(marker)
        outline = shape.get_path().transformed(shape.get_transform())
        assert np.array_equal(drawn.get_paths()[0].vertices, outline.vertices)
        assert drawn.get_sizes().tolist() == [size]


def test_scatter_without_labels_draws_every_row_as_normal() -> None:
    ax = drawing.new_axes()
    drawing.scatter(ax, POINTS)
    assert [len(drawn.get_offsets()) for drawn in ax.collections] == [3, 0]


@pytest.mark.parametrize(("n", "marks", "n_images"), [(300, 300, 0), (301, 0, 1)])
def test_many_marks_are_one_image(n: int, marks: int, n_images: int) -> None:
    ax = drawing.new_axes()
    ax.set_axis_off()
    drawing.scatter(ax, np.random.default_rng(0).normal(size=(n, 2)))
    svg = show(ax, "Rows.").svg()
    assert (len(nodes(svg, "use")), len(nodes(svg, "image"))) == (marks, n_images)


@pytest.mark.parametrize("column", [0, 1])
def test_shades_of_a_map_rise_with_the_score_and_equal_scores_share_one(column: int) -> None:
    ax = mapped(lambda rows: rows[:, column])
    n = len(shades(ax))
    rising = np.broadcast_to(np.arange(n) / n, (n, n))
    assert np.array_equal(shades(ax), rising if column == 0 else rising.T)
    assert ax.images[0].origin == "lower"
    low, high = ax.images[0].to_rgba(np.array([[0.0, 1.0]]))[0]
    assert low[3] < high[3]


def test_shades_can_be_weaker() -> None:
    xs, scores = np.linspace(0, 1, 3), np.arange(9.0).reshape(3, 3)
    ax, faint = drawing.new_axes(), drawing.new_axes()
    drawing.shade(ax, xs, xs, scores)
    drawing.shade(faint, xs, xs, scores, strength=0.5)
    assert [drawn.images[0].get_alpha() for drawn in (ax, faint)] == [1, 0.5]


def test_a_map_of_one_score_has_one_shade() -> None:
    assert len(np.unique(shades(mapped(lambda rows: np.zeros(len(rows)))))) == 1


def test_maps_of_detectors_with_different_units_have_the_same_shades() -> None:
    def score(rows: np.ndarray) -> np.ndarray:
        return (rows**2).sum(axis=1)

    ax, other = mapped(score), mapped(lambda rows: 1e6 * np.exp(score(rows) / 50) - 3)
    assert shades(ax) == pytest.approx(shades(other), abs=1e-3)  # rounding may join two scores
    assert ax.images[0].get_clim() == other.images[0].get_clim() == (0, 1)


def test_the_cutoff_is_a_dashed_line_where_the_score_reaches_it() -> None:
    ax = mapped(lambda rows: 3 * rows[:, 0], cutoff=6.0)
    [line] = contours(ax)
    assert line.get_paths()[0].vertices[:, 0] == pytest.approx(2)
    drawn = [
        node for node in nodes(show(ax, "A map.").svg(), "path") if "dasharray" in str(node.attrib)
    ]
    assert len(drawn) == 1


@pytest.mark.parametrize("cutoff", [None, 100.0, -100.0, np.inf], ids=str)
def test_a_cutoff_outside_of_the_map_is_left_out(cutoff: float | None) -> None:
    assert contours(mapped(lambda rows: rows[:, 0], cutoff=cutoff)) == []


@pytest.mark.parametrize(
    ("options", "limits"),
    [({}, (-2.5, 12.5, -1.5, 1.5)), ({"margin": 0.1}, (-1, 11, -1.2, 1.2))],
    ids=["usual", "0.1"],
)
def test_a_map_reaches_beyond_the_rows_by_its_margin(
    options: dict[str, float], limits: tuple[float, ...]
) -> None:
    ax = mapped(lambda rows: rows[:, 0], y=[0, 1, 0], **options)
    assert (*ax.get_xlim(), *ax.get_ylim()) == pytest.approx(limits)
    assert [len(drawn.get_offsets()) for drawn in ax.collections] == [2, 1]
    assert all(drawn.zorder > ax.images[0].zorder for drawn in ax.collections)


def test_the_middle_of_a_cell_is_where_its_score_is_from() -> None:
    ax, detector = drawing.new_axes(), Scores(lambda rows: rows[:, 0])
    score_map(ax, detector, POINTS)
    left, right, bottom, top = ax.images[0].get_extent()
    height, width = shades(ax).shape
    xs = left + (np.arange(width) + 0.5) * (right - left) / width
    ys = bottom + (np.arange(height) + 0.5) * (top - bottom) / height
    cells = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    assert detector.rows == pytest.approx(cells)


def test_images_lie_in_lines_on_a_grey_mat() -> None:
    rows = np.arange(1.0, 31).reshape(5, 6)
    ax = drawing.new_axes()
    images(ax, rows, columns=2, shape=(2, 3))
    canvas = ax.images[0].get_array()
    assert canvas.shape == (10, 9)
    for i, (line, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]):
        tile = canvas[3 * line + 1 : 3 * line + 3, 4 * column + 1 : 4 * column + 4]
        assert tile.tolist() == rows[i].reshape(2, 3).tolist()
    assert canvas.count() == rows.size
    mat = ax.images[0].to_rgba(canvas)[np.ma.getmaskarray(canvas)]
    assert np.unique(mat, axis=0).tolist() == [pytest.approx(to_rgba(QUIET))]
    assert ax.images[0].get_extent() == [-1.5, 7.5, 8.5, -1.5]  # the first pixel is at (0, 0)


@pytest.mark.parametrize(("n", "shape"), [(4, (10, 37)), (1, (10, 10))])
def test_images_are_side_by_side_and_in_the_svg_pixel_for_pixel(
    n: int, shape: tuple[int, int]
) -> None:
    ax = drawing.new_axes()
    images(ax, np.ones(64) if n == 1 else np.ones((n, 64)))
    svg = show(ax, "White squares.").svg()
    [image] = nodes(svg, "image")
    assert (image.get("height"), image.get("width")) == tuple(map(str, shape))
    assert not texts(svg)


def test_an_embedded_image_is_as_wide_as_its_axes() -> None:
    ax = drawing.new_axes(height=4, width=4)
    images(ax, np.zeros((1, 61 * 61)), shape=(61, 61))
    (image,) = nodes(show(ax, "An image.").svg(), "image")
    drawn = ax.get_window_extent().width / ax.figure.dpi * 72  # in points
    scale = re.search(r"matrix\(([\d.]+)", image.attrib.get("transform", ""))
    width = float(image.attrib["width"]) * (float(scale[1]) if scale else 1)
    assert width == pytest.approx(drawn, abs=0.02)


@pytest.mark.parametrize(("vmax", "white"), [(None, 8.0), (16.0, 16.0)])
def test_zero_is_black_and_the_highest_value_white_unless_told(
    vmax: float | None, white: float
) -> None:
    ax = drawing.new_axes()
    images(ax, [[2, 3, 4, 8]], shape=(2, 2), vmax=vmax)
    ends = ax.images[0].to_rgba(np.array([[0, white / 2, white]]))[0, :, 0]
    assert ends == pytest.approx([0, 0.5, 1], abs=0.01)


@pytest.mark.parametrize("shape", [(2, 63), (2, 8, 8), (1, 64, 1), (0, 64)], ids=str)
def test_rows_that_are_no_images_are_refused(shape: tuple[int, ...]) -> None:
    message = rf"rows of 64 pixels for images of 8 x 8, got .*{re.escape(str(shape))}.* as shape="
    with pytest.raises(InputError, match=message):
        images(drawing.new_axes(), np.zeros(shape))
