"""What the site's explorables show: a picture, and data for a script to bring it to life with.

Notebooks and pages without scripts show the picture alone.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anomaly_lab import plots, thresholds
from anomaly_lab.detectors.pca import PCADetector
from anomaly_lab.errors import InputError
from anomaly_lab.evaluation import Report, evaluate
from anomaly_lab.pictures import Picture

MIME = "application/vnd.anomaly-lab.explorable+json"

# Said in notebooks; the site leaves it out.
STILL = "<p><small>A still picture. On the site it is interactive.</small></p>"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Explorable:
    """Something to touch on the site.

    Parameters
    ----------
    kind : str
        The script that shows it: a file of ``docs/javascripts/explorables/``.
    data : dict
        What the script is given; JSON can hold it.
    picture : Picture
        What stands in its place where no script runs.
    """

    kind: str
    data: dict[str, Any]
    picture: Picture

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        return {
            "text/html": self.picture._repr_html_() + STILL,
            "text/plain": repr(self.picture),
            MIME: {"kind": self.kind, "data": self.data},
        }


def layers(network: Any, *, half: bool = False) -> list[dict[str, Any]]:
    """Return the layers of a Keras network, for a page to compute with.

    Parameters
    ----------
    network : keras.Sequential
        Dense layers, with ReLU or no activation.
    half : bool, default False
        Whether numbers take 2 bytes (IEEE 754 binary16) and not 4. Round the weights first (see
        `rounded`), so that the page and Keras compute with the same.

    Returns
    -------
    list of dict
        Of each layer ``weights``, ``bias`` and ``activation`` (``"relu"`` or ``"linear"``).

    Raises
    ------
    InputError
        If the network has other layers or activations.
    """
    return [_layer(layer, half) for layer in network.layers]


def _layer(layer: Any, half: bool) -> dict[str, Any]:
    activation = getattr(getattr(layer, "activation", None), "__name__", "none")
    known = type(layer).__name__ == "Dense" and activation in ("relu", "linear")
    if not known or not layer.use_bias:
        raise InputError(
            "Expected Dense layers with a bias, and ReLU or no activation, got "
            f"{layer.get_config()}: the page can compute no other."
        )
    weights, bias = map(np.asarray, layer.get_weights())
    return {
        "weights": numbers(weights, half=half),
        "bias": numbers(bias, half=half),
        "activation": activation,
    }


def rounded(network: Any) -> Any:
    """Round the weights of a Keras network to what 2 bytes hold, and return the network."""
    network.set_weights(
        [np.asarray(w).astype(np.float16).astype(np.float32) for w in network.get_weights()]
    )
    return network


def numbers(values: Array, *, half: bool = False) -> dict[str, Any]:
    """Return numbers as base64 of their little-endian bytes, 4 or 2 each, row after row."""
    kept = np.asarray(values).astype("<f2" if half else "<f4")
    return {"bytes": base64.b64encode(kept.tobytes()).decode(), "half": half}


@dataclass(frozen=True)
class Scores:
    """Scores of one detector on one data set, for the threshold explorer.

    Parameters
    ----------
    title : str
        What the detector is called.
    calibration : ndarray of shape (n,)
        Scores of normal rows, which the rules without labels learn from.
    validation, validation_labels : ndarray of shape (m,)
        Scores and labels (1 = anomaly) that the other rules learn from.
    test, test_labels : ndarray of shape (k,)
        Scores and labels that the page counts.
    """

    title: str
    calibration: Array
    validation: Array
    validation_labels: Array
    test: Array
    test_labels: Array


_STEPS = 300  # cutoffs to drag to, beside those of the rules
_RULES = (
    thresholds.Quantile(0.9),
    thresholds.Quantile(0.95),
    thresholds.Quantile(0.99),
    thresholds.MeanStd(3),
    thresholds.MAD(3.5),
    thresholds.POT(0.01),
    thresholds.BestF(1),
    thresholds.Fixed(1),
)


def threshold(sets: Mapping[str, Sequence[Scores]], picture: Picture) -> Explorable:
    """Return the threshold explorer: a cutoff to drag through scores, and all that follows from it.

    Parameters
    ----------
    sets : mapping of str to sequence of Scores
        By the title of a data set, its scores by each detector.
    picture : Picture
        What stands in its place where no script runs.

    Returns
    -------
    Explorable
        Its data have, for each cutoff that can be chosen, how many rows of each kind score above
        it, so that every count in the page is exact.
    """
    shown = [
        {"title": title, "detectors": [_judged(scores) for scores in detectors]}
        for title, detectors in sets.items()
    ]
    return Explorable("threshold", {"sets": shown, "cost": _assumes(thresholds.Cost)}, picture)


def _judged(scores: Scores) -> dict[str, Any]:
    report = evaluate(scores.test_labels, scores.test, float(np.median(scores.test)))
    edges, logarithmic = plots.histogram_edges(report)
    rules = [_rule(rule, scores) for rule in _RULES]
    priced = _corners(scores.validation, scores.validation_labels)
    cheapest = _corners(scores.test, scores.test_labels)
    grid = (np.geomspace if logarithmic else np.linspace)(edges[0], edges[-1], _STEPS)
    ends = [np.nextafter(report.scores.min(), -np.inf), report.scores.max()]  # flag all, nothing
    exact = [rule["cutoff"] for rule in rules if "cutoff" in rule]
    exact += [cutoff for cutoff, *_ in priced + cheapest]
    cutoffs = np.unique([*(float(f"{value:.5g}") for value in grid), *ends, *exact])
    return {
        "title": scores.title,
        "cutoffs": cutoffs.tolist(),
        "logarithmic": logarithmic,
        "axis": [float(edges[0]), float(edges[-1])],
        "normal": _class(report, 0, edges, cutoffs),
        "anomalies": _class(report, 1, edges, cutoffs),
        "rules": rules,
        "priced": priced,
        "cheapest": cheapest,
    }


def _class(report: Report, label: int, edges: Array, cutoffs: Array) -> dict[str, Any]:
    """Count the rows of one class: all, in each bar, and above each cutoff."""
    scores = np.sort(report.scores[report.labels == label])
    bars = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)[0]
    above = len(scores) - np.searchsorted(scores, cutoffs, side="right")
    return {"rows": len(scores), "bars": bars.tolist(), "above": above.tolist()}


def _rule(rule: thresholds.Threshold, scores: Scores) -> dict[str, Any]:
    """Return where a rule puts the cutoff, or why it puts none."""
    about = {"name": str(rule), "assumes": _assumes(type(rule))}
    try:
        if rule.needs_labels:
            rule.fit(scores.validation, scores.validation_labels)
        else:
            rule.fit(scores.calibration)
    except InputError as error:
        return about | {"refuses": str(error)}
    return about | {"cutoff": rule.cutoff_}


def _assumes(rule: type[thresholds.Threshold]) -> str:
    return (rule.__doc__ or "").split("\n")[0]


def _corners(scores: Array, labels: Array) -> list[tuple[float, int, int]]:
    """Return the cutoffs that `Cost` can choose, with false alarms and misses, fewest alarms first.

    Whatever the prices, the cutoff of least cost is a corner of the lower convex hull of false
    alarms and misses; the prices say which one.
    """
    scores = np.asarray(scores, dtype=float)  # in 4 bytes, a cutoff may round to the next score

    def chosen(price: float) -> tuple[float, int, int]:
        cutoff = thresholds.Cost(1, price).fit(scores, labels).cutoff_
        false_alarms, misses = (scores > cutoff) & (labels == 0), (scores <= cutoff) & (labels == 1)
        return float(cutoff), int(false_alarms.sum()), int(misses.sum())

    def between(left: tuple[float, int, int], right: tuple[float, int, int]) -> list[Any]:
        more_alarms, fewer_misses = right[1] - left[1], left[2] - right[2]
        if not (more_alarms and fewer_misses):
            return []
        middle = chosen(more_alarms / fewer_misses)
        if middle in (left, right):
            return []
        return [*between(left, middle), middle, *between(middle, right)]

    ends = chosen(1e-9), chosen(1e9)
    return list(dict.fromkeys([ends[0], *between(*ends), ends[1]]))


def bottleneck(
    networks: Mapping[int, tuple[Any, Any]],
    fit_rows: Array,
    examples: Mapping[str, Array],
    picture: Picture,
) -> Explorable:
    """Return the bottleneck explorer: a row in, its code to turn, what the decoder draws of it.

    Parameters
    ----------
    networks : mapping of int to (encoder, decoder)
        By the width of the bottleneck. Their weights are `rounded` in place.
    fit_rows : ndarray of shape (n, 64)
        What they were fitted on, pixels from 0 to 1. The mean of each code unit over these rows is
        shown; their spread is the unit in which it is turned.
    examples : mapping of str to ndarray of shape (64,)
        Rows to send through, by what they show.
    picture : Picture
        What stands in its place where no script runs.
    """
    shown = []
    for width, (encoder, decoder) in networks.items():
        rounded(encoder), rounded(decoder)
        codes = np.asarray(encoder(fit_rows))
        spread = np.round(codes.std(axis=0, dtype=float), 5)
        shown.append(
            {
                "width": width,
                "encoder": layers(encoder, half=True),
                "decoder": layers(decoder, half=True),
                "mean": np.round(codes.mean(axis=0, dtype=float), 5).tolist(),
                "spread": np.where(spread > 0, spread, 1).tolist(),  # 1 where a unit never moves
            }
        )
    return Explorable("bottleneck", {"networks": shown, "rows": _images(examples)}, picture)


def draw(
    encoder: Any,
    decoder: Any,
    pca: PCADetector,
    calibration: Array,
    examples: Mapping[str, Array],
    picture: Picture,
) -> Explorable:
    """Return the painter: an image of 8 by 8 pixels, and what a network and PCA make of it.

    Parameters
    ----------
    encoder, decoder : keras.Sequential
        The network, from and to rows of shape (n, 64) with pixels from 0 to 1.
    pca : PCADetector
        Fitted to the same rows.
    calibration : ndarray of shape (n, 64)
        Normal rows that neither was fitted on. The cutoff of each lets one in twenty of such rows
        lie above it.
    examples : mapping of str to ndarray of shape (64,)
        Images to begin from, by what they show.
    picture : Picture
        What stands in its place where no script runs.
    """
    rule = thresholds.Quantile(0.95)
    errors = ((calibration - np.asarray(decoder(encoder(calibration)))) ** 2).mean(axis=1)
    data = {
        "encoder": layers(encoder),
        "decoder": layers(decoder),
        "cutoff": rule.fit(errors).cutoff_,
        "pca": {
            "mean": numbers(pca.mean_),
            "components": numbers(pca.components_),
            "cutoff": rule.fit(pca.contributions(calibration).mean(axis=1)).cutoff_,
        },
        "rows": _images(examples),
    }
    return Explorable("draw", data, picture)


def line_and_curve(
    rows: Array,
    calibration: Array,
    pca: PCADetector,
    encoder: Any,
    decoder: Any,
    picture: Picture,
) -> Explorable:
    """Return a point to drag around a curved cloud, put back by a line and by a curve.

    Parameters
    ----------
    rows : ndarray of shape (n, 2)
        The cloud.
    calibration : ndarray of shape (m, 2)
        Normal rows that neither was fitted on. The cutoff of each lets one in twenty of such rows
        lie above it.
    pca : PCADetector
        Fitted to the cloud with one component.
    encoder, decoder : keras.Sequential
        A network with a bottleneck of 1, trained on it.
    picture : Picture
        What stands in its place where no script runs.

    Returns
    -------
    Explorable
        Its cutoffs are in the unit of the rows: lengths of residuals, not squares.
    """
    codes = np.asarray(encoder(rows))
    rule = thresholds.Quantile(0.95)
    residuals = calibration - np.asarray(decoder(encoder(calibration)))
    data = {
        "rows": np.round(np.asarray(rows, float), 4).tolist(),
        "line": {"mean": pca.mean_.tolist(), "direction": pca.components_[0].tolist()},
        "encoder": layers(encoder),
        "decoder": layers(decoder),
        "codes": [float(codes.min()), float(codes.max())],
        "cutoffs": {
            "pca": rule.fit(np.sqrt(pca.contributions(calibration).sum(axis=1))).cutoff_,
            "autoencoder": rule.fit(np.linalg.norm(residuals, axis=1)).cutoff_,
        },
        "places": [
            {"name": name, "x": float(x), "y": float(y)}
            for name, (x, y) in _places(rows, pca, encoder, decoder).items()
        ],
    }
    return Explorable("line_and_curve", data, picture)


def _places(rows: Array, pca: PCADetector, encoder: Any, decoder: Any) -> dict[str, Array]:
    """Return points at which a line and a curve through a cloud differ, by name."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    beyond = 0.2 * (high - low).max()
    codes = np.asarray(encoder(rows))
    quarter, near_tip, tip = np.asarray(decoder(np.quantile(codes, [0.25, 0.95, 1])[:, None]))
    ahead = (tip - near_tip) / np.linalg.norm(tip - near_tip)
    direction = pca.components_[0]
    along = (rows - pca.mean_) @ direction
    return {
        "At the mean": pca.mean_,
        "On the curve": quarter,
        "At its tip": tip,
        "Beyond its tip": tip + beyond * ahead,
        "Far out on the line": pca.mean_ + (along.max() + beyond) * direction,
        "Where the curve is nearer": _astray(low, high, codes, encoder, decoder),
    }


def _astray(low: Array, high: Array, codes: Array, encoder: Any, decoder: Any) -> Array:
    """Return the point of a box that is put back farthest beyond the nearest point of the curve."""
    xs, ys = np.linspace(low, high, 41).T
    points = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)
    curve = np.asarray(decoder(np.linspace(codes.min(), codes.max(), 200)[:, None]))
    nearest = np.linalg.norm(points[:, None] - curve, axis=2).min(axis=1)
    lengths = np.linalg.norm(points - np.asarray(decoder(encoder(points))), axis=1)
    return points[(lengths - nearest).argmax()]


def _images(examples: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Return images with their names, each pixel as a whole number from 0 to 16."""
    return [
        {"name": name, "pixels": np.rint(16 * np.asarray(row)).astype(int).tolist()}
        for name, row in examples.items()
    ]
