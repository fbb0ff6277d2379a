"""What the autoencoder promises beyond the contract that every detector keeps."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from anomaly_lab import AutoencoderDetector
from anomaly_lab.contract.testing import easy_rows
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend, networks

# Quick to train; tests that use the same settings on as many rows share compiled code.
SMALL = {"hidden": (4,), "epochs": 1}


@pytest.fixture(scope="module")
def fitted():
    return AutoencoderDetector(**SMALL).fit(easy_rows()[0])


def circle(n, rng, spread=0.05):
    """Rows on a circle of radius 1, a shape that no plane of one dimension fits."""
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)] + spread * rng.normal(size=(n, 2))


def test_it_learns_a_curve_that_the_mean_and_a_plane_miss():
    rng = np.random.default_rng(0)
    inside = 0.3 * rng.normal(size=(100, 2))
    judged = np.r_[circle(100, rng), inside]
    labels = np.repeat([0, 1], 100)
    model = AutoencoderDetector((32, 16), noise=(0.05, 0.5), epochs=10).fit(circle(800, rng))
    assert roc_auc_score(labels, model.anomaly_score(judged)) > 0.95


def test_same_seed_same_scores_and_another_seed_others():
    fit, judged, _ = easy_rows()

    def scores(seed):
        model = AutoencoderDetector(**SMALL, random_state=seed)
        return model.fit(fit).anomaly_score(judged)

    first = scores(3)
    assert np.array_equal(first, scores(3))
    assert not np.allclose(first, scores(4))


@pytest.mark.parametrize("d", [1, 2, 3, 5, 7, 20, 21, 64, 140, 1000])
def test_the_default_network_always_has_a_bottleneck(d):
    encoder, decoder = AutoencoderDetector()._networks(d, np.random.default_rng(0))
    k = encoder.output_shape[-1]
    assert encoder.input_shape[-1] == decoder.output_shape[-1] == d
    assert decoder.input_shape[-1] == k
    assert 1 <= k <= max(d - 1, 1)


def test_hidden_layers_and_bottleneck_are_as_asked():
    model = AutoencoderDetector(hidden=(6, 4), bottleneck=2)
    encoder, decoder = model._networks(5, np.random.default_rng(0))
    assert [layer.units for layer in encoder.layers] == [6, 4, 2]
    assert [layer.units for layer in decoder.layers] == [4, 6, 5]


def test_code_and_output_are_linear():
    for network in AutoencoderDetector()._networks(5, np.random.default_rng(0)):
        activations = [layer.activation.__name__ for layer in network.layers]
        assert activations == ["relu", "relu", "linear"]


def test_units_do_not_matter():
    fit, judged, _ = easy_rows()
    units = 2.0 ** np.array([-20, 0, 10, 20, 5])  # powers of two: no rounding
    plain = AutoencoderDetector(**SMALL).fit(fit).anomaly_score(judged)
    scaled = AutoencoderDetector(**SMALL).fit(fit * units).anomaly_score(judged * units)
    np.testing.assert_allclose(scaled, plain, rtol=1e-9)


def test_rows_are_rebuilt_in_their_own_units():
    rng = np.random.default_rng(0)
    fit = 1000 + 50 * rng.normal(size=(500, 1)) * np.array([1.0, 2.0, -1.0])
    model = AutoencoderDetector(hidden=(8,), epochs=10).fit(fit)
    error = np.abs(model.reconstruct(fit) - fit).mean(axis=0)
    assert (error < 0.2 * fit.std(axis=0)).all()


def test_the_typical_fitting_row_scores_about_one(fitted):
    assert 0.8 < fitted.training_scores_.mean() < 1
    plain = AutoencoderDetector(**SMALL, scale_errors=False).fit(easy_rows()[0])
    assert np.array_equal(plain.error_scale_, np.ones(5))


def test_the_history_has_a_row_an_epoch_and_the_loss_falls():
    history = AutoencoderDetector(hidden=(4,), epochs=5).fit(easy_rows()[0]).history_
    assert list(history.columns) == ["loss", "val_loss"]
    assert history.index.name == "epoch"
    assert len(history) == 5
    assert history["val_loss"].iloc[-1] < history["val_loss"].iloc[0]


def test_training_stops_early_and_keeps_the_best_weights(monkeypatch):
    fit, _, _ = easy_rows()
    seen = {}
    copies = networks._copies

    def spy(objective, rows, rng):
        seen["checked"] = copies(objective, rows, rng)
        return seen["checked"]

    monkeypatch.setattr(networks, "_copies", spy)
    # So high a rate that the loss jumps about and the last epoch is not the best.
    model = AutoencoderDetector((8,), epochs=30, patience=2, learning_rate=0.1).fit(fit)
    history = model.history_
    assert len(history) < 30
    assert history["val_loss"].idxmin() == len(history) - 3
    noisy, clean = seen["checked"]
    rebuilt = model.decoder_.predict_on_batch(model.encoder_.predict_on_batch(noisy))
    loss = np.mean((rebuilt - clean) ** 2)
    np.testing.assert_allclose(loss, history["val_loss"].min(), rtol=1e-3)


def test_held_back_rows_are_not_learnt_from(monkeypatch):
    fit, _, _ = easy_rows()
    given = {}

    def spy(layers, objective, fit, held_back, how, rng):
        given.update(fit=fit, held_back=held_back)
        return train(layers, objective, fit, held_back, how, rng)

    train = networks.train
    monkeypatch.setattr(networks, "train", spy)
    AutoencoderDetector(**SMALL, validation_fraction=0.25).fit(fit)
    assert (len(given["fit"]), len(given["held_back"])) == (150, 50)
    together = np.r_[given["fit"], given["held_back"]]
    assert len(np.unique(together, axis=0)) == 200


@pytest.mark.parametrize("n", [2, 9, 10, 72])  # none, none, 1 and 7 of them are held back
def test_few_rows_can_be_fitted(n):
    fit, judged, _ = easy_rows()
    model = AutoencoderDetector(**SMALL).fit(fit[:n])
    assert np.isfinite(model.anomaly_score(judged)).all()
    assert ("val_loss" in model.history_) == (n >= 10)


@pytest.mark.parametrize("d", [1, 2])
def test_one_or_two_features_can_be_fitted(d):
    fit, judged, _ = easy_rows()
    scores = AutoencoderDetector(**SMALL).fit(fit[:, :d]).anomaly_score(judged[:, :d])
    assert np.isfinite(scores).all()


def test_constant_features_and_extreme_rows_give_finite_scores():
    fit, judged, _ = easy_rows()
    fit = np.c_[fit, np.full(len(fit), 0.1), np.zeros(len(fit))]
    model = AutoencoderDetector(**SMALL).fit(fit)
    far = np.full((1, 7), 1e100)
    near = np.c_[judged[:1], 0.1, 0.0]
    assert np.isfinite(model.anomaly_score(np.r_[near, far])).all()
    assert model.anomaly_score(far) > 1e6 * model.anomaly_score(near)


def test_rows_that_are_all_the_same_have_one_score_and_others_a_higher_one():
    model = AutoencoderDetector(**SMALL).fit(np.ones((200, 5)))
    assert np.ptp(model.training_scores_) == 0
    assert model.anomaly_score(np.full((1, 5), 5.0)) > model.training_scores_[0]


def test_many_rows_are_scored_in_blocks_as_one_by_one(fitted):
    rows = np.random.default_rng(0).normal(size=(2500, 5))
    scores = fitted.anomaly_score(rows)
    for i in (0, 1023, 1024, 2499):
        np.testing.assert_allclose(fitted.anomaly_score(rows[i : i + 1]), scores[i], rtol=1e-6)


def test_noise_zero_trains_on_the_rows_as_they_are():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 3)).astype(np.float32)
    assert AutoencoderDetector(noise=0)._objective(3).examples(rows, rng)[0] is rows
    objective = AutoencoderDetector(noise=(0.1, 10.0))._objective(50)
    noisy, _ = objective.examples(np.zeros((4000, 50), np.float32), rng)
    spread = noisy.std(axis=1)
    assert 0.05 < spread.min() < 0.2
    assert 5 < spread.max() < 20
    assert 0.8 < np.exp(np.log(spread).mean()) < 1.25  # the geometric middle of the range


def own_networks(d):
    keras = backend.load()
    encoder = keras.Sequential([keras.Input((d,)), keras.layers.Dense(2)])
    decoder = keras.Sequential([keras.Input((2,)), keras.layers.Dense(d)])
    return encoder, decoder


def mismatched_networks(d):
    keras = backend.load()
    encoder = keras.Sequential([keras.Input((d,)), keras.layers.Dense(2)])
    decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(d)])
    return encoder, decoder


def test_own_networks_can_be_built():
    model = AutoencoderDetector(build=own_networks, epochs=1).fit(easy_rows()[0])
    assert model.encode(easy_rows()[1]).shape == (100, 2)


def test_networks_that_do_not_fit_together_are_refused():
    model = AutoencoderDetector(build=mismatched_networks)
    with pytest.raises(InputError, match="5 -> 2 and 3 -> 5"):
        model.fit(easy_rows()[0])


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"hidden": 64}, "hidden must be a list"),
        ({"hidden": (0,)}, "whole number from 1 to 10,000"),
        ({"bottleneck": 0}, "whole number from 1 to 10,000"),
        ({"activation": "rleu"}, "rleu"),
        ({"noise": -1}, "noise"),
        ({"noise": (2.0, 1.0)}, "noise"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0}, "learning_rate"),
        ({"validation_fraction": 1}, "validation_fraction"),
        ({"patience": 0}, "patience"),
    ],
)
def test_parameters_without_meaning_are_refused(parameters, told):
    with pytest.raises(InputError, match=told):
        AutoencoderDetector(**parameters).fit(easy_rows()[0])


def test_progress_is_shown_when_asked_and_not_otherwise(capfd):
    fit, _, _ = easy_rows()
    AutoencoderDetector(**SMALL).fit(fit)
    assert capfd.readouterr().out == ""
    AutoencoderDetector(**SMALL, verbose=True).fit(fit)
    assert "1/1 loss" in capfd.readouterr().out


def test_trainings_of_one_kind_share_compiled_code_and_no_scores():
    fit, judged, _ = easy_rows()

    def scores(**settings):
        model = AutoencoderDetector(**SMALL, **settings).fit(fit)
        return model.anomaly_score(judged)

    settings = [{}, {"random_state": 1}, {"learning_rate": 0.1}, {"build": own_networks}]
    networks._compiled.cache_clear()
    shared = [scores(**one) for one in settings]
    found = networks._compiled.cache_info()
    assert (found.hits, found.misses) == (1, 2)
    for one, expected in zip(settings[:3], shared, strict=False):
        networks._compiled.cache_clear()
        np.testing.assert_array_equal(scores(**one), expected)
