"""What the variational autoencoder promises beyond the contract that every detector keeps."""

import naive
import numpy as np
import pytest
from scipy.stats import norm, spearmanr
from sklearn.metrics import roc_auc_score

from anomaly_lab import CentroidDetector, VariationalAutoencoderDetector, datasets
from anomaly_lab.contract.testing import easy_rows
from anomaly_lab.detectors import variational
from anomaly_lab.errors import InputError
from anomaly_lab.neural import backend, networks
from anomaly_lab.splits import split

FIT, JUDGED, _ = easy_rows()


# Quick to train; tests that use the same settings on as many rows share compiled code.
SMALL = {"hidden": (4,), "kl_weight": 0.25, "epochs": 1}


@pytest.fixture(scope="module")
def fitted():
    return VariationalAutoencoderDetector(**SMALL).fit(FIT)


def told(model, rows):
    """Mean, log variance and rebuilt rows, from the weights alone."""
    code = naive.forward(model.encoder_.get_weights(), rows)
    mean, log_variance = code[:, : code.shape[1] // 2], code[:, code.shape[1] // 2 :]
    return mean, log_variance, naive.forward(model.decoder_.get_weights(), mean)


def test_the_score_is_the_negative_elbo_at_the_mean_code(fitted):
    rows = (JUDGED - FIT.mean(axis=0)) / FIT.std(axis=0)
    mean, log_variance, rebuilt = told(fitted, rows)
    # The decoder's law is normal with variance kl_weight; its constant is left out.
    log_likelihood = norm.logpdf(rows, rebuilt, np.sqrt(0.25)).sum(axis=1)
    constant = rows.shape[1] * norm.logpdf(0, 0, np.sqrt(0.25))
    divergence = (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1) / 2
    expected = 0.25 * (constant - log_likelihood + divergence)
    np.testing.assert_allclose(fitted.anomaly_score(JUDGED), expected, rtol=1e-4)
    np.testing.assert_allclose(fitted.encode(JUDGED), mean, rtol=1e-4, atol=1e-5)
    in_units = rebuilt * FIT.std(axis=0) + FIT.mean(axis=0)
    np.testing.assert_allclose(fitted.reconstruct(JUDGED), in_units, rtol=1e-4, atol=1e-5)


def test_the_divergence_is_that_of_the_code_from_the_prior():
    rng = np.random.default_rng(0)
    mean, deviation = 0.7, 0.4
    drawn = rng.normal(mean, deviation, 200_000)
    by_sampling = np.mean(norm.logpdf(drawn, mean, deviation) - norm.logpdf(drawn))
    outputs = np.array([[0.0, mean, 2 * np.log(deviation)]])
    terms = variational._terms(np, 1.0, np.zeros((1, 1)), outputs)
    assert terms[0, 1] == pytest.approx(by_sampling, abs=0.01)


def test_in_training_the_code_is_drawn_around_its_mean_with_the_noise_given(fitted):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 5)).astype(np.float32)
    inputs = variational._add_draw(rows, rng, width=4)
    np.testing.assert_array_equal(inputs[:, :5], rows)
    mean, log_variance, _ = told(fitted, rows)
    drawn = mean + np.exp(log_variance / 2) * inputs[:, 5:]
    network = variational._sampled(fitted.encoder_, fitted.decoder_)
    outputs = np.asarray(network.predict_on_batch(inputs))
    expected = np.c_[naive.forward(fitted.decoder_.get_weights(), drawn), mean, log_variance]
    np.testing.assert_allclose(outputs, expected, rtol=1e-3, atol=1e-4)


def test_the_draws_are_standard_normal_and_new_each_time():
    rng = np.random.default_rng(0)
    rows = np.zeros((20_000, 1), np.float32)
    first, second = (variational._add_draw(rows, rng, width=1)[:, 1] for _ in range(2))
    assert abs(first.mean()) < 0.03
    assert abs(first.std() - 1) < 0.03
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


def test_the_validation_loss_is_the_mean_of_the_terms_of_held_back_rows(monkeypatch):
    seen = {}
    copies = networks._copies

    def spy(objective, rows, rng):
        seen["examples"] = copies(objective, rows, rng)
        return seen["examples"]

    monkeypatch.setattr(networks, "_copies", spy)
    model = VariationalAutoencoderDetector((4,), kl_weight=0.25, epochs=3).fit(FIT)
    inputs, rows = seen["examples"]
    assert len(rows) >= 2000
    outputs = variational._sampled(model.encoder_, model.decoder_).predict_on_batch(inputs)
    loss = variational._terms(np, 0.25, rows, np.asarray(outputs)).mean()
    np.testing.assert_allclose(loss, model.history_["val_loss"].min(), rtol=1e-3)


def test_same_seed_same_scores_whatever_kerass_generator_holds():
    def scores(seed, global_seed):
        backend.load().utils.set_random_seed(global_seed)
        model = VariationalAutoencoderDetector(**SMALL, random_state=seed)
        return model.fit(FIT).anomaly_score(JUDGED)

    state = np.random.get_state()  # noqa: NPY002
    try:
        first = scores(3, 1)
        assert np.array_equal(first, scores(3, 2))
        assert not np.allclose(first, scores(4, 1))
    finally:
        np.random.set_state(state)  # noqa: NPY002


def test_a_collapsed_one_is_the_distance_to_the_mean():
    parts = split(datasets.load("breast_cancer"), seed=0)
    model = VariationalAutoencoderDetector(kl_weight=100).fit(parts.fit)
    assert np.abs(model.encode(parts.test)).max() < 0.1
    standard = [(rows - model.center_) / model.scale_ for rows in (parts.fit, parts.test)]
    distance = CentroidDetector().fit(standard[0]).anomaly_score(standard[1])
    assert spearmanr(model.anomaly_score(parts.test), distance).statistic > 0.99
    free = VariationalAutoencoderDetector().fit(parts.fit)
    assert spearmanr(free.anomaly_score(parts.test), distance).statistic < 0.98


def test_a_code_uses_as_many_units_as_the_rows_have_dimensions():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 10)) + 0.05 * rng.normal(size=(500, 10))
    model = VariationalAutoencoderDetector(hidden=(16,), bottleneck=6).fit(rows)
    assert (model.encode(rows).std(axis=0) > 0.3).sum() == 2
    assert (model.encode(rows).std(axis=0) < 0.1).sum() == 4


def test_it_learns_a_curve_that_the_mean_misses():
    rng = np.random.default_rng(0)

    def circle(n):
        angle = rng.uniform(0, 2 * np.pi, n)
        return np.c_[np.cos(angle), np.sin(angle)] + 0.05 * rng.normal(size=(n, 2))

    judged = np.r_[circle(100), 0.3 * rng.normal(size=(100, 2))]
    labels = np.repeat([0, 1], 100)
    model = VariationalAutoencoderDetector((32, 16), bottleneck=2, kl_weight=0.01, epochs=20)
    model.fit(circle(800))
    assert roc_auc_score(labels, model.anomaly_score(judged)) > 0.9


def test_layers_are_as_asked(fitted):
    assert fitted.encode(JUDGED).shape == (100, 4)
    model = VariationalAutoencoderDetector(hidden=(6, 4), bottleneck=2)
    encoder, decoder = model._networks(5, np.random.default_rng(0))
    assert [layer.units for layer in encoder.layers] == [6, 4, 4]  # mean and log variance
    assert [layer.units for layer in decoder.layers] == [4, 6, 5]


def test_units_do_not_matter():
    units = 2.0 ** np.array([-20, 0, 10, 20, 5])  # powers of two: no rounding
    plain = VariationalAutoencoderDetector(**SMALL).fit(FIT).anomaly_score(JUDGED)
    model = VariationalAutoencoderDetector(**SMALL).fit(FIT * units)
    np.testing.assert_allclose(model.anomaly_score(JUDGED * units), plain, rtol=1e-9)


@pytest.mark.parametrize(
    "fit",
    [
        np.c_[FIT, np.full(200, 0.1), np.zeros(200)],
        np.c_[FIT, FIT @ np.ones(5), FIT[:, 0]],
        np.repeat(FIT[:4], 50, axis=0),
        FIT[:2],
        FIT[:9],
        FIT[:, :1],
        np.ones((200, 5)),
    ],
    ids=["constant", "combination", "four places", "two rows", "nine rows", "one feature", "same"],
)
def test_scores_are_finite_and_far_rows_stand_out_on_awkward_rows(fit):
    model = VariationalAutoencoderDetector(**SMALL).fit(fit)
    far = model.anomaly_score(np.r_[fit[:1] + 1e6, np.full((1, fit.shape[1]), 1e100)])
    assert np.isfinite(model.training_scores_).all()
    assert np.isfinite(far).all()
    assert far.min() > 1e3 * model.training_scores_.max()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kl_weight": -0.1}, "kl_weight must be a number from 0 .*, got -0.1"),
        ({"kl_weight": float("nan")}, "kl_weight must be a number from 0 .*, got nan"),
        ({"kl_weight": float("inf")}, "kl_weight must be a number from 0 .*, got inf"),
        ({"hidden": (0,)}, "VariationalAutoencoderDetector: hidden"),
        ({"bottleneck": 0}, "whole number from 1 to 10,000"),
        ({"epochs": 0}, "epochs"),
    ],
)
def test_parameters_without_meaning_are_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        VariationalAutoencoderDetector(**parameters).fit(FIT)
