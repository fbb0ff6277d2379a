"""No score that is not finite, no fit that leaves a mixture, no warning of a library."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from anomaly_lab import (
    AnomalyModel,
    CentroidDetector,
    EnsembleDetector,
    KNNDetector,
    all_detectors,
    thresholds,
)
from anomaly_lab.contract import UnfittedError
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend, networks
from anomaly_lab.neural.encoder_decoder import EncoderDecoder

QUICK = {
    "autoencoder": {"hidden": (4,), "epochs": 1},
    "ensemble": {"detectors": ("centroid", "knn")},
    "isolation_forest": {"n_estimators": 20},
    "vae": {"hidden": (4,), "epochs": 1},
}
DETECTORS = {name: kind(**QUICK.get(name, {})) for name, kind in all_detectors().items()}
PLAIN = {n: d for n, d in DETECTORS.items() if not isinstance(d, EncoderDecoder)}
each_detector = pytest.mark.parametrize("name", DETECTORS)
each_plain_one = pytest.mark.parametrize("name", PLAIN)


def rows(n: int = 40, d: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def changed(value: float, where: tuple[int, int] = (7, 1)) -> np.ndarray:
    table = rows()
    table[where] = value
    return table


# --- Finite but extreme numbers -------------------------------------------------------------------

FAR = [1e13, 1e20, 3.4e38, -3.4e38, 1e100, 1e154, -1e200, 1.7e308]


@each_detector
@pytest.mark.parametrize("value", FAR)
def test_one_far_cell_does_not_make_all_scores_equal_without_a_word(name, value):
    with pytest.raises(InputError, match=r"^Column 1 \(counted from 0\) holds numbers from"):
        clone(DETECTORS[name]).fit(changed(value))


@each_plain_one
@pytest.mark.parametrize("scale", [1e-150, 1e-200, 1e-320, 1e145, 1e160, 1e300])
def test_columns_that_cannot_be_squared_are_refused_by_name(name, scale):
    table = pd.DataFrame(rows() * [1, 1, scale], columns=["a", "b", "c"])
    with pytest.raises(InputError, match=r"^Column 'c' holds numbers from .* cannot be squared"):
        clone(PLAIN[name]).fit(table)


@each_plain_one
@pytest.mark.parametrize("power", [-440, -300, -110, 110, 300, 440])
def test_scores_are_right_wherever_float_can_carry_them(name, power):
    # Powers of two change no digit: neighbours are the same, and scores differ by a factor.
    table, new = rows(60), rows(9, seed=1)
    plain = clone(PLAIN[name]).fit(table)
    scaled = clone(PLAIN[name]).fit(np.ldexp(table, power))
    expected, scores = plain.anomaly_score(new), scaled.anomaly_score(np.ldexp(new, power))
    factor = np.median(scores / expected)
    np.testing.assert_allclose(scores, expected * factor, rtol=1e-7)
    exponent = {"knn": 1, "centroid": 2, "pca": 2}.get(name, 0)
    assert factor == pytest.approx(2.0 ** (exponent * power))


def test_an_ensemble_takes_the_spread_of_scores_too_large_to_square():
    # Nine of ten rows are equal, so that the quartiles of their scores are, too.
    table = np.where(np.arange(200)[:, None] % 10, 1.0, rows(200))
    ensemble = EnsembleDetector(["centroid"])
    expected = clone(ensemble).fit(table).anomaly_score(rows(9))
    scores = clone(ensemble).fit(np.ldexp(table, 460)).anomaly_score(np.ldexp(rows(9), 460))
    np.testing.assert_allclose(scores, expected, rtol=1e-12)


@each_plain_one
@pytest.mark.parametrize("value", [1e20, 3.4e38, -3.5e38, 1e100, 1e139])
def test_a_far_row_is_scored_right_after_an_ordinary_fit(name, value):
    model = clone(PLAIN[name]).fit(rows())
    scores = model.anomaly_score([[0, 0, 0], [0, value, 0]])
    assert np.isfinite(scores).all()
    assert scores[1] > scores[0]
    expected = {"knn": abs(value), "centroid": value**2}
    if name in expected:
        assert scores[1] == pytest.approx(expected[name])


@each_plain_one
@pytest.mark.parametrize("value", [1e141, -1e154, 1e155, 1.7e308])
def test_a_row_too_far_to_reckon_with_is_refused_by_its_column(name, value):
    model = clone(PLAIN[name]).fit(pd.DataFrame(rows(), columns=["a", "b", "c"]))
    table = pd.DataFrame(changed(value), columns=["a", "b", "c"])
    with pytest.raises(InputError, match=r"^Column 'b' holds numbers from .*cannot be squared"):
        model.anomaly_score(table)


def test_a_model_names_the_column_of_the_table():
    table = pd.DataFrame(rows(), columns=["a", "b", "c"]).assign(word=["x", "y"] * 20)
    with pytest.raises(InputError, match="'b"):
        AnomalyModel("knn").fit(table.assign(b=changed(1e300)[:, 1]))
    model = AnomalyModel("knn").fit(table)
    with pytest.raises(InputError, match="'b"):
        model.anomaly_score(table.assign(b=changed(1e300)[:, 1]))


def test_what_varies_by_rounding_alone_is_no_spread_to_lose():
    table = rows()
    table[:, 1] = np.where(np.arange(40) % 4, 1e-17 * table[:, 1], 1.0)
    assert np.isfinite(CentroidDetector().fit(table).training_scores_).all()


def test_a_constant_column_with_one_far_cell_can_be_told():
    table = rows()
    table[:, 1] = 5.0
    table[7, 1] = 1e30
    assert np.argmax(CentroidDetector().fit(table).training_scores_) == 7


class Broken(CentroidDetector):
    """Divides by what its parameter says."""

    def __init__(self, where: str = "score"):
        self.where = where

    def _fit(self, X):
        scores = super()._fit(X)
        return scores / 0 if self.where == "fit" else scores

    def _anomaly_score(self, X):
        return np.where(X[:, 0] > 2, np.nan, super()._anomaly_score(X))

    def _contributions(self, X):
        return np.where(X > 2, np.inf, super()._contributions(X))


def test_a_score_that_is_not_finite_is_never_handed_out():
    with pytest.raises(InputError, match=r"^Broken: 40 of 40 rows have no finite score \(rows 0, "):
        Broken("fit").fit(rows())
    model = Broken().fit(np.minimum(rows(), 2))
    for method in (model.anomaly_score, model.predict, model.score_samples, model.contributions):
        with pytest.raises(InputError, match=r"1 of 3 rows have no finite score \(rows 1,"):
            method([[0, 0, 0], [9, 0, 0], [1, 1, 1]])


# --- Networks that diverge ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["autoencoder", "vae"])
def test_a_network_that_diverges_says_when_and_what_to_lower(name, monkeypatch):
    detector = clone(DETECTORS[name]).set_params(epochs=3)
    ordinary = EncoderDecoder._training

    def hot(self):
        return replace(ordinary(self), learning_rate=1e30, kind=None)

    monkeypatch.setattr(EncoderDecoder, "_training", hot)
    with pytest.raises(InputError, match=r"diverged in epoch \d of 3, with .*Lower learning_rate"):
        detector.fit(rows())
    with pytest.raises(UnfittedError):
        detector.anomaly_score(rows())


@pytest.mark.parametrize(
    "settings", [{"learning_rate": 1e30}, {"noise": 1e308}, {"noise": (0.1, 1e9)}], ids=str
)
def test_settings_that_diverge_are_out_of_range(settings):
    with pytest.raises(InputError, match=next(iter(settings))):
        clone(DETECTORS["autoencoder"]).set_params(**settings).fit(rows())


@pytest.mark.parametrize("precision", ["float16", "mixed_float16", "bfloat16", "float64"])
def test_keras_set_to_another_precision_is_named(precision):
    config = backend.load().config
    before = config.dtype_policy()
    config.set_dtype_policy(precision)
    try:
        with pytest.raises(InputError, match=f"Keras is set to {precision}: call keras.config"):
            clone(DETECTORS["autoencoder"]).fit(rows())
    finally:
        config.set_dtype_policy(before)


# --- Whole or not at all --------------------------------------------------------------------------


def stopped_after(method, error):
    """Return the method with an error at its end."""

    def stopping(self, *args, **kwargs):
        method(self, *args, **kwargs)
        raise error

    return stopping


@each_detector
@pytest.mark.parametrize("error", [InputError("planted"), KeyboardInterrupt(), MemoryError()])
def test_a_second_fit_that_fails_leaves_a_detector_as_it_was(name, error, monkeypatch):
    kind = type(DETECTORS[name])
    if error.args == () and issubclass(kind, EncoderDecoder):
        monkeypatch.setattr(networks, "train", lambda *args: pd.DataFrame({"loss": [0.0]}))
    model = clone(DETECTORS[name]).fit(rows())
    before, state = model.anomaly_score(rows(9, seed=1)), dict(vars(model))
    monkeypatch.setattr(kind, "_fit", stopped_after(kind._fit, error))
    with pytest.raises(type(error)):
        model.fit(rows(50, 4, seed=2))
    monkeypatch.undo()
    assert {name: id(value) for name, value in vars(model).items()} == {
        name: id(value) for name, value in state.items()
    }
    np.testing.assert_array_equal(model.anomaly_score(rows(9, seed=1)), before)
    fresh = clone(DETECTORS[name])
    with pytest.raises(InputError):
        fresh.fit(rows()[:1])
    with pytest.raises(UnfittedError, match="not fitted yet"):
        fresh.anomaly_score(rows())


@pytest.mark.parametrize("stage", ["_fit", "_anomaly_score"])
@pytest.mark.parametrize("error", [InputError("planted"), KeyboardInterrupt()])
def test_a_second_fit_or_calibration_that_fails_leaves_a_model_as_it_was(
    stage, error, monkeypatch, tmp_path
):
    model = AnomalyModel("knn").fit(rows()).calibrate(rows(30, seed=3))
    before, cutoff = model.anomaly_score(rows(9, seed=1)), model.cutoff
    monkeypatch.setattr(KNNDetector, stage, stopped_after(getattr(KNNDetector, stage), error))
    with pytest.raises(type(error)):
        getattr(model, "fit" if stage == "_fit" else "calibrate")(rows(50, seed=2) * 9 + 5)
    monkeypatch.undo()
    np.testing.assert_array_equal(model.anomaly_score(rows(9, seed=1)), before)
    assert model.cutoff == cutoff
    model.save(tmp_path / "after")
    again = AnomalyModel.load(tmp_path / "after")
    np.testing.assert_array_equal(again.anomaly_score(rows(9, seed=1)), before)
    assert again.cutoff == cutoff


def test_an_interrupt_at_any_line_leaves_the_old_model_or_the_new_one():
    """Stop before the first line that runs of `fit`, the second, the third, ..."""
    old, new, judged = rows(), rows(50, seed=2) * 9 + 5, rows(9, seed=1)
    model = AnomalyModel("centroid").fit(old)
    results = {
        name: AnomalyModel("centroid").fit(t).anomaly_score(judged).tobytes()
        for name, t in (("old", old), ("new", new))
    }
    for n in range(10_000):
        model.fit(old)
        finished = interrupted_at(n, lambda: model.fit(new))
        assert model.anomaly_score(judged).tobytes() in results.values()
        if finished:
            break
    assert finished
    assert n > 15


def interrupted_at(n: int, action) -> bool:
    """Run the action and interrupt it at the n-th line of a `fit` of model and detector."""
    lines = 0

    def trace(frame, event, arg):
        nonlocal lines
        code = frame.f_code
        if code.co_name != "fit" or "anomaly_lab" not in code.co_filename:
            return None
        if event == "line":
            lines += 1
            if lines > n:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return False
    finally:
        sys.settrace(before)
    return True


@pytest.mark.parametrize("error", [InputError("planted"), KeyboardInterrupt()])
@pytest.mark.parametrize("rule", thresholds.RULES.values(), ids=lambda rule: rule.name)
def test_a_second_fit_that_fails_leaves_a_rule_as_it_was(rule, error, monkeypatch):
    scores, labels = np.arange(1000.0) ** 1.5, np.arange(1000) > 950
    fitted = rule(1.0) if rule is thresholds.Fixed else rule()
    fitted.fit(scores, labels)
    before = dict(vars(fitted))
    monkeypatch.setattr(rule, "_cutoff", stopped_after(rule._cutoff, error))
    with pytest.raises(type(error)):
        fitted.fit(scores * 2, labels)
    assert vars(fitted) == before


# --- Warnings -------------------------------------------------------------------------------------

NASTY = {
    "constant columns": np.full((30, 3), 4.0),
    "one constant column": rows(30) * [1, 0, 1],
    "copies": np.repeat(rows(3), 10, axis=0),
    "two rows": rows(2),
    "six rows": rows(6),
    "one column": rows(30, 1),
    "more columns than rows": rows(8, 20),
    "huge": rows(30) * 1e139,
    "tiny": rows(30) * 1e-139,
    "huge and tiny": rows(30) * [1e100, 1, 1e-100],
    "large offset": rows(30) + 1e15,
    "whole numbers": np.round(rows(30)),
    "subnormal cells": np.where(rows(30) > 1, rows(30), 5e-324),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("table", NASTY.values(), ids=NASTY)
@each_plain_one
def test_no_warning_of_a_library_is_seen(name, table):
    model = clone(PLAIN[name])
    if hasattr(model, "n_neighbors"):
        model.set_params(n_neighbors=1)
    if hasattr(model, "detectors"):
        model.set_params(detectors=["centroid", "lof"])
    model.fit(table)
    scores = model.anomaly_score(np.vstack([table, table[:1] * 3 + 1]))
    assert np.isfinite(scores).all()
    model.predict(table)
    for rule in (thresholds.Quantile(0.9), thresholds.MAD(), thresholds.MeanStd()):
        try:
            rule.fit(scores).predict(scores)
        except InputError:
            continue
