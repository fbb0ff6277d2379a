from __future__ import annotations

import copy
import inspect
import math
import pickle
import subprocess
import sys

import naive
import numpy as np
import pytest
from scipy.stats import genpareto

from anomaly_lab.errors import InputError, UnknownNameError
from anomaly_lab.thresholds import (
    MAD,
    POT,
    RULES,
    BestF,
    Cost,
    Fixed,
    MeanStd,
    Quantile,
    Tail,
    Threshold,
    parse,
)

# Rules with parameters that are not the defaults, and the line that names each.
EXAMPLES = {
    "quantile:0.9": Quantile(0.9),
    "meanstd:2": MeanStd(2),
    "mad:2.5": MAD(2.5),
    "pot:0.0001,0.95": POT(1e-4, 0.95),
    "cost:2,0.5": Cost(2, 0.5),
    "bestf:2": BestF(2),
    "fixed:-1.25": Fixed(-1.25),
}
each_rule = pytest.mark.parametrize("rule", EXAMPLES.values(), ids=list(EXAMPLES))
label_free = pytest.mark.parametrize(
    "rule", [rule for rule in EXAMPLES.values() if not rule.needs_labels], ids=repr
)
labelled = pytest.mark.parametrize("rule", [Cost(), BestF()], ids=repr)


def draw(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and labels that they tell apart only partly."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.2).astype(int)
    return np.round(rng.normal(size=n) + 1.5 * labels, 1), labels


# --- what every rule shares


@each_rule
def test_flags_strictly_above_the_cutoff(rule):
    scores, labels = draw()
    fitted = copy.deepcopy(rule).fit(scores, labels)
    probe = np.array([np.nextafter(fitted.cutoff_, -np.inf), fitted.cutoff_, np.inf, -np.inf])
    assert isinstance(fitted.cutoff_, float)
    flags = fitted.predict(np.append(probe, np.nextafter(fitted.cutoff_, np.inf)))
    assert flags.dtype == np.int8
    assert flags.tolist() == [0, 0, 1, 0, 1]


@each_rule
def test_refit_forgets_and_parameters_stay(rule):
    rule = copy.deepcopy(rule)
    before = repr(rule)
    scores, labels = draw(0)
    first = rule.fit(scores, labels).cutoff_
    rule.fit(*draw(1))
    assert rule.fit(scores, labels) is rule
    assert rule.cutoff_ == first
    assert repr(rule) == before


@each_rule
def test_a_fit_that_fails_leaves_the_rule_as_it_was(rule):
    rule = copy.deepcopy(rule).fit(*draw(0))
    before = dict(vars(rule))
    with pytest.raises(InputError):
        rule.fit([])
    assert vars(rule) == before


def test_a_pot_that_cannot_be_fitted_again_keeps_its_cutoff_and_its_tail():
    rule = POT(RISK, LEVEL).fit(np.random.default_rng(0).exponential(size=1000))
    before = dict(vars(rule))
    with pytest.raises(InputError, match="scores above its initial threshold"):
        rule.fit(np.ones(1000))
    assert vars(rule) == before


@each_rule
def test_fit_leaves_its_input_alone(rule):
    scores, labels = draw()
    scores.flags.writeable = labels.flags.writeable = False
    copy.deepcopy(rule).fit(scores, labels)
    assert (scores == draw()[0]).all()
    assert (labels == draw()[1]).all()


@each_rule
def test_equality_is_by_parameters_not_by_cutoff(rule):
    fitted = copy.deepcopy(rule).fit(*draw())
    assert fitted == rule
    assert all(rule != other for other in EXAMPLES.values() if other is not rule)
    name = rule.__match_args__[0]
    changed = copy.deepcopy(rule)
    setattr(changed, name, getattr(rule, name) * 1.01)
    assert changed != rule


@each_rule
@pytest.mark.parametrize("clone", [copy.deepcopy, lambda rule: pickle.loads(pickle.dumps(rule))])
def test_copies_and_pickles_keep_the_cutoff(rule, clone):
    assert not hasattr(clone(rule), "cutoff_")
    fitted = copy.deepcopy(rule).fit(*draw())
    twin = clone(fitted)
    assert twin == fitted
    assert twin.cutoff_ == fitted.cutoff_


@each_rule
def test_repr_rebuilds_the_rule(rule):
    assert eval(repr(rule)) == rule


@each_rule
def test_predict_before_fit_says_what_to_do(rule):
    with pytest.raises(InputError, match="call fit on calibration scores first"):
        rule.predict([1.0])


@each_rule
@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([], "at least one score"),
        ([1.0, np.nan], "must not be NaN, but 1 of 2 are"),
        ([[1.0], [2.0]], r"1-D array.*shape \(2, 1\)"),
        (3.0, "1-D array"),
        (["0.1", "0.2"], "1-D array of numbers"),
        ([1j, 2j], "1-D array of numbers"),
        ([[1.0], [2.0, 3.0]], "ragged"),
    ],
)
def test_unusable_scores(rule, scores, message):
    with pytest.raises(InputError, match=message):
        copy.deepcopy(rule).fit(scores, [0, 1])


def test_predict_checks_its_scores_and_takes_none():
    rule = Fixed(0.5).fit([1])
    assert rule.predict([]).shape == (0,)
    with pytest.raises(InputError, match="must not be NaN"):
        rule.predict([np.nan])


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("value", ["0.9", None, True, np.nan, np.inf, -np.inf, [0.9]])
def test_parameters_are_checked_in_fit_and_stored_unchanged(name, value):
    for parameter in RULES[name].__match_args__:
        kept = RULES[name](**{parameter: value})
        assert getattr(kept, parameter) is value
        with pytest.raises(InputError, match=f": {parameter} must be a .*number.* got"):
            kept.fit(*draw())


@pytest.mark.parametrize(
    "rule",
    [
        *(Quantile(level) for level in (0, 1, 1.5, 95, -0.1)),
        *(kind(k) for kind in (MeanStd, MAD, BestF) for k in (0, -1)),
        *(POT(risk) for risk in (0, 1, -1)),
        *(POT(1e-3, level) for level in (0, 1)),
        *(Cost(*costs) for costs in ((0, 1), (1, 0), (-1, 1))),
    ],
    ids=repr,
)
def test_parameters_out_of_range(rule):
    with pytest.raises(InputError, match="must be a number above"):
        rule.fit(*draw())


def test_numpy_numbers_are_parameters():
    scores, _ = draw()
    assert Quantile(np.float64(0.9)).fit(scores).cutoff_ == Quantile(0.9).fit(scores).cutoff_
    assert MeanStd(np.int64(2)).fit(scores).cutoff_ == MeanStd(2).fit(scores).cutoff_


@pytest.mark.parametrize("rule", [Quantile(), MeanStd(), MAD()], ids=repr)
@pytest.mark.parametrize("value", [0.1, -7.3, 0.0, 1e-300, 12345.678])
def test_constant_scores_flag_nothing(rule, value):
    scores = np.full(57, value)
    assert rule.fit(scores).cutoff_ == value
    assert rule.predict(scores).sum() == 0


def test_promised_rates():
    promised = {rule.name: rule.false_positive_rate for rule in EXAMPLES.values()}
    assert promised.pop("quantile") == 0.1  # not 0.09999999999999998
    assert promised.pop("pot") == 1e-4
    assert set(promised.values()) == {None}


@each_rule
def test_each_rule_says_in_one_sentence_what_it_assumes(rule):
    first = inspect.getdoc(rule).splitlines()[0]
    assert first.startswith(("Assumes", "Picks"))
    assert first.endswith(".")


def test_import_pulls_in_numpy_only():
    code = (
        "import sys, anomaly_lab.thresholds; "
        "print({'scipy', 'sklearn', 'pandas'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


# --- Quantile


@pytest.mark.parametrize("level", ["0.5", "0.55", "0.7", "0.9", "0.95", "0.99"])
@pytest.mark.parametrize("n", [99, 100, 101, 199])
def test_quantile_is_the_conformal_order_statistic(level, n):
    scores = draw(n, n)[0].tolist()
    assert Quantile(float(level)).fit(scores).cutoff_ == naive.conformal_cutoff(scores, level)


@pytest.mark.parametrize(
    ("level", "needed"), [(0.5, 1), (0.55, 2), (0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)]
)
def test_quantile_says_how_many_rows_it_needs_and_takes_just_as_many(level, needed):
    rule = Quantile(level)
    assert rule.fit(np.arange(needed)).cutoff_ == needed - 1
    if needed > 1:
        text = f"at least {needed} calibration rows .* got {needed - 1}: calibrate on more rows or"
        with pytest.raises(InputError, match=text):
            rule.fit(np.arange(needed - 1))


@pytest.mark.parametrize("decimals", [None, 1], ids=["continuous", "tied"])
@pytest.mark.parametrize("n", [19, 20, 38, 57, 100])
def test_quantile_keeps_its_promise_on_fresh_rows(n, decimals):
    rng = np.random.default_rng(n)
    draws = 4000
    rows = rng.exponential(size=(draws, n + 1))
    rows = rows if decimals is None else rows.round(decimals)
    rule = Quantile(0.95)
    flagged = sum(int(rule.fit(row[:-1]).predict(row[-1:])[0]) for row in rows)
    exact = 1 - math.ceil((n + 1) * 0.95) / (n + 1)  # for continuous scores; at most 0.05
    error = 3 * math.sqrt(0.05 * 0.95 / draws)
    assert flagged / draws <= 0.05 + error
    if decimals is None:
        assert flagged / draws == pytest.approx(exact, abs=error)


def test_quantile_flags_infinite_scores_unless_the_cutoff_is_infinite():
    some = np.append(np.arange(99.0), np.inf)
    assert Quantile().fit(some).predict(some).tolist() == [0] * 96 + [1] * 4
    many = np.append(np.arange(90.0), [np.inf] * 10)
    assert Quantile().fit(many).cutoff_ == np.inf
    assert Quantile().fit(many).predict(many).sum() == 0
    assert Quantile().fit([-np.inf] * 20).cutoff_ == -np.inf


# --- MeanStd and MAD

LEYS = [1, 3, 3, 6, 8, 10, 10, 1000]  # the worked example of Leys et al. (2013)


def test_mad_on_the_published_example():
    rule = MAD(3).fit(LEYS)
    assert rule.cutoff_ == pytest.approx(7 + 3 * 5.1891, abs=1e-12)
    assert rule.predict(LEYS).tolist() == [0] * 7 + [1]


def test_mean_std_misses_the_outlier_that_inflates_it():
    assert MeanStd(3).fit(LEYS).predict(LEYS).sum() == 0


@pytest.mark.parametrize("n", [1, 2, 3, 50, 51])
def test_mean_std_and_mad_match_the_slow_references(n):
    scores = draw(n, n)[0].tolist()
    assert MeanStd(2.5).fit(scores).cutoff_ == pytest.approx(
        naive.mean_std_cutoff(scores, 2.5), rel=1e-12
    )
    assert MAD(2.5).fit(scores).cutoff_ == pytest.approx(naive.mad_cutoff(scores, 2.5), rel=1e-12)


def test_mad_of_zero_cuts_at_the_median():
    scores = [4.0] * 6 + [3.0, 5.0, 4.1, 9.0]
    assert MAD().fit(scores).cutoff_ == 4.0
    assert MAD().fit(scores).predict(scores).sum() == 3


def test_mad_bears_infinities_up_to_half():
    assert MAD(1).fit([1, 2, 3, np.inf]).cutoff_ == pytest.approx(2.5 + 1.4826)
    assert MAD(1).fit([-np.inf, 1, 2, 3, np.inf]).cutoff_ == pytest.approx(2 + 1.4826)
    with pytest.raises(InputError, match=r"more than half of the scores finite .*, but 2 of 4"):
        MAD().fit([1, 2, np.inf, np.inf])


@pytest.mark.parametrize("rule", [MeanStd(), POT()], ids=repr)
@pytest.mark.parametrize("bad", [np.inf, -np.inf, 1e200])
def test_rules_that_average_refuse_infinities(rule, bad):
    scores = np.append(np.arange(999.0), bad)
    with pytest.raises(InputError, match=r"needs finite scores .* 1 of 1000 are not; use a rule"):
        rule.fit(scores)


# --- POT

N_EXCESSES, LEVEL, RISK, SCALE, START = 2000, 0.98, 1e-3, 2.0, 5.0
SEEDS = range(8)


def scores_with_tail(excesses: np.ndarray) -> np.ndarray:
    """Scores whose LEVEL quantile is START and whose excesses over it are those given."""
    n_below = round(excesses.size * LEVEL / (1 - LEVEL))
    return np.concatenate([START + excesses, np.linspace(0, START, n_below)])


def reach(shape: float, scale: float, ratio: float = RISK / (1 - LEVEL)) -> float:
    """How far beyond START the cutoff lies."""
    return scale * (ratio**-shape - 1) / shape if shape else -scale * math.log(ratio)


def standard_errors(shape: float, n: int) -> tuple[float, float, float]:
    """Of shape, scale and reach: from the Fisher information, the last to first order."""
    covariance = (1 + shape) / n * np.array([[1 + shape, -SCALE], [-SCALE, 2 * SCALE**2]])
    h = 1e-5
    slope = np.array(
        [
            (reach(shape + h, SCALE) - reach(shape - h, SCALE)) / (2 * h),
            (reach(shape, SCALE + h) - reach(shape, SCALE - h)) / (2 * h),
        ]
    )
    return (*np.sqrt(np.diag(covariance)), math.sqrt(slope @ covariance @ slope))


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.2])
def test_pot_recovers_a_known_tail(shape):
    found = []
    for seed in SEEDS:
        excesses = genpareto.rvs(shape, scale=SCALE, size=N_EXCESSES, random_state=seed)
        rule = POT(RISK, LEVEL).fit(scores_with_tail(excesses))
        assert rule.tail_.threshold == START
        assert rule.tail_.n_excesses == N_EXCESSES
        found.append((rule.tail_.shape, rule.tail_.scale, rule.cutoff_ - START))
    errors = np.array(found) - (shape, SCALE, reach(shape, SCALE))
    stated = np.array(standard_errors(shape, N_EXCESSES))
    assert (np.abs(errors) < 4 * stated).all()
    assert (np.abs(errors.mean(axis=0)) < 3 * stated / math.sqrt(len(SEEDS))).all()
    assert (np.abs(errors).mean(axis=0) > 0.2 * stated).all()  # the stated errors are not slack


@pytest.mark.parametrize("n", [10, 30, 200])
@pytest.mark.parametrize("shape", [-0.4, -0.2, 0.0, 0.2, 1.0, 3.0])
def test_pot_is_at_least_as_likely_as_a_general_optimiser(shape, n):
    compared = 0
    for seed in range(20):
        excesses = genpareto.rvs(shape, size=n, random_state=seed)
        tail = POT(RISK, LEVEL).fit(scores_with_tail(excesses)).tail_
        # What is left of the excesses after adding START and taking it off again.
        excesses = ((START + excesses) - START).tolist()
        slow_shape, _, slow_scale = genpareto.fit(excesses, floc=0)
        if slow_shape <= -1:  # there the likelihood has no bound, so nothing to compare
            continue
        ours = naive.pareto_log_likelihood(excesses, tail.shape, tail.scale)
        slow = naive.pareto_log_likelihood(excesses, slow_shape, slow_scale)
        assert ours >= slow - 1e-6
        compared += 1
    assert compared >= 5


def test_pot_keeps_its_risk_on_exponential_scores():
    rng = np.random.default_rng(0)
    cutoffs = [POT(RISK).fit(rng.exponential(size=20_000)).cutoff_ for _ in range(20)]
    # To first order (standard_errors, 400 excesses) one cutoff is off by 17% of the risk, so
    # the mean of 20 by 4%; four times that is allowed.
    assert np.exp(-np.array(cutoffs)).mean() == pytest.approx(RISK, rel=0.15)


def test_pot_follows_the_scale_of_the_scores():
    excesses = genpareto.rvs(0.2, size=200, random_state=0)
    one = POT(RISK, LEVEL).fit(scores_with_tail(excesses))
    for factor in (1e-100, 1e100):
        other = POT(RISK, LEVEL).fit(factor * scores_with_tail(excesses))
        assert other.tail_.shape == pytest.approx(one.tail_.shape, rel=1e-9)
        assert other.cutoff_ == pytest.approx(factor * one.cutoff_, rel=1e-9)


@pytest.mark.parametrize(("level", "needed"), [(0.98, 500), (0.9, 100), (0.97, 334)])
def test_pot_says_how_many_scores_it_needs_and_takes_just_as_many(level, needed):
    scores = np.random.default_rng(0).exponential(size=needed)
    rule = POT(RISK, level)
    assert rule.fit(scores).tail_.n_excesses == 10
    text = f"at least {needed} scores, .* but 9 of {needed - 1} lie above"
    with pytest.raises(InputError, match=text):
        rule.fit(scores[1:])


def test_pot_on_excesses_hundreds_of_decades_apart():
    rule = POT(RISK, LEVEL).fit(np.repeat([0.0, 1e-200, 1.0], [980, 19, 1]))
    assert rule.tail_.shape > 1
    assert rule.cutoff_ > 1e-200


def test_pot_on_tied_scores():
    equal = POT(RISK, LEVEL).fit(np.repeat([1.0, 3.0], [980, 20]))
    assert equal.tail_ == Tail(shape=0.0, scale=2.0, threshold=1.0, n_excesses=20)
    assert equal.cutoff_ == pytest.approx(1 + 2 * math.log(20))  # the exponential law
    with pytest.raises(InputError, match="not too many of them equal, but 0 of 1000 lie above"):
        POT().fit(np.ones(1000))


def test_pot_never_cuts_below_its_initial_threshold():
    # Ties leave 0.1% of the scores above it: already fewer than the risk asks for.
    scores = np.concatenate([np.ones(9990), 2 + np.random.default_rng(0).random(10)])
    assert POT(0.015, 0.98).fit(scores).cutoff_ == 1.0


def test_pot_with_a_tail_too_heavy_to_compute_flags_nothing():
    tail = np.exp(np.linspace(0, 300, 20))
    rule = POT(1e-300, LEVEL).fit(np.concatenate([np.linspace(0, 1, 980), 1 + tail]))
    assert rule.tail_.shape > 10
    assert rule.cutoff_ == np.inf


def test_pot_risk_must_lie_beyond_its_level():
    scores = np.arange(1000.0)
    for rule in (POT(0.02, 0.98), POT(0.1, 0.95)):
        with pytest.raises(InputError, match=r"risk of POT must be below 1 - level = 0\.0[25]"):
            rule.fit(scores)
    assert POT(0.0199, 0.98).fit(scores).cutoff_ > scores[979]


# --- Cost and BestF


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("costs", [("1", "10"), ("1", "1"), ("3", "1"), ("0.1", "0.3")])
def test_cost_matches_the_slow_reference(seed, costs):
    scores, labels = draw(seed, 40 + seed)
    expected = naive.labelled_cutoff(scores.tolist(), labels.tolist(), naive.total_cost(*costs))
    assert Cost(*map(float, costs)).fit(scores, labels).cutoff_ == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("beta", ["1", "2", "0.3"])
def test_best_f_matches_the_slow_reference(seed, beta):
    scores, labels = draw(seed, 40 + seed)
    expected = naive.labelled_cutoff(scores.tolist(), labels.tolist(), naive.f_beta(beta))
    assert BestF(float(beta)).fit(scores, labels).cutoff_ == pytest.approx(expected)


def test_equal_costs_take_fewer_alarms_whatever_the_rounding():
    # Three missed at 0.1 (0.30000000000000004 in floats) cost as much as one false alarm at 0.3.
    scores, labels = [4, 3, 3, 3, 0], [0, 1, 1, 1, 0]
    assert Cost(0.3, 0.1).fit(scores, labels).cutoff_ == 4


def test_cost_can_flag_nothing_or_everything():
    scores = [1.0, 2.0, 3.0]
    assert Cost(100, 1).fit(scores, [1, 0, 0]).cutoff_ == 3.0
    everything = Cost(1, 100).fit(scores, [1, 0, 0])
    assert everything.cutoff_ == np.nextafter(1.0, -np.inf)
    assert everything.predict(scores).tolist() == [1, 1, 1]


@labelled
def test_the_cutoff_lies_midway(rule):
    assert rule.fit([0, 1, 4, 6], [0, 0, 1, 1]).cutoff_ == 2.5


@labelled
@pytest.mark.parametrize(
    ("low", "high"),
    [
        (1.0, np.nextafter(1.0, 2)),
        (-1.0, np.nextafter(-1.0, 0)),
        (np.nextafter(1.0, 2), np.nextafter(np.nextafter(1.0, 2), 2)),
        (1.0, np.inf),
        (-np.inf, 1.0),
        (-np.inf, np.inf),
        (-1.7e308, 1.7e308),
        (0.0, 5e-324),
    ],
)
def test_neighbours_without_a_middle_are_still_told_apart(rule, low, high):
    scores = [low, high, low, high]
    assert rule.fit(scores, [0, 1, 0, 1]).predict(scores).tolist() == [0, 1, 0, 1]


@labelled
def test_scores_of_minus_infinity_are_never_flagged(rule):
    # The only anomaly is out of reach, so every alarm would be false.
    assert rule.fit([-np.inf, 1.0, 2.0, 3.0], [1, 0, 0, 0]).cutoff_ == 3.0


@labelled
def test_labelled_rules_on_constant_scores(rule):
    # One choice flags all, the other none; five anomalies in six make flagging all the better.
    rule.fit(np.ones(6), [1, 1, 1, 1, 1, 0])
    assert rule.cutoff_ == np.nextafter(1.0, -np.inf)


@labelled
@pytest.mark.parametrize("kind", [bool, float, np.int8])
def test_labels_of_any_numeric_type(rule, kind):
    scores, labels = draw()
    expected = rule.fit(scores, labels).cutoff_
    assert rule.fit(scores, labels.astype(kind)).cutoff_ == expected


@labelled
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "needs labels: .* validation part .* never those of the test rows"),
        ([0, 1], r"one label for each of 3 scores, got \(2,\)"),
        ([[0], [1], [1]], "one label for each"),
        ([0, 1, 2], "labels 0 .normal. and 1 .anomaly., but got '0', '1', '2'"),
        ([-1, 1, 1], "but got '-1', '1'"),
        ([0, 1, np.nan], "but got .*'nan'"),
        ([0.5, 1, 0], "but got .*'0.5'"),
        (["0", "1", "1"], "but got '0', '1'"),
        ([0, 0, 0], "every label is 0"),
        ([1, 1, 1], "every label is 1"),
    ],
)
def test_unusable_labels(rule, labels, message):
    with pytest.raises(InputError, match=message):
        rule.fit([1.0, 2.0, 3.0], labels)


@label_free
def test_rules_without_labels_never_read_them(rule):
    scores, _ = draw()
    plain = copy.deepcopy(rule).fit(scores).cutoff_
    assert copy.deepcopy(rule).fit(scores, "nonsense").cutoff_ == plain


# --- Fixed


def test_fixed_is_the_value_whatever_the_scores():
    assert Fixed(0.7).fit([1.0, np.inf]).cutoff_ == 0.7
    assert Fixed(0.7).fit([-1.0]).predict([0.7, 0.71]).tolist() == [0, 1]


# --- parse


@pytest.mark.parametrize(("text", "rule"), EXAMPLES.items())
def test_parse_and_spec_are_inverse(text, rule):
    assert parse(text) == rule
    assert rule.spec == text
    assert parse(text.upper()) == rule


def test_examples_cover_every_rule():
    assert list(RULES.values()) == [type(rule) for rule in EXAMPLES.values()]


@pytest.mark.parametrize("value", [1 / 3, 1e-7, 1e22, 5e-324, 123456789.123456789])
def test_spec_loses_no_digit(value):
    assert parse(MeanStd(value).spec) == MeanStd(value)


@pytest.mark.parametrize("name", [name for name in RULES if name != "fixed"])
def test_a_bare_name_means_the_defaults(name):
    assert parse(name) == RULES[name]()
    assert parse(RULES[name]().spec) == RULES[name]()


def test_parse_takes_leading_parameters_spaces_and_rules():
    assert parse("pot:0.01") == POT(0.01, 0.98)
    assert parse(" POT : 0.001, 0.98 ") == POT()
    rule = Quantile(0.8)
    assert parse(rule) is rule


def test_parse_suggests_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"no threshold rule named 'quantil'.*'quantile'"):
        parse("quantil:0.9")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quantile:", "reads quantile:LEVEL with numbers, but got 'quantile:'"),
        ("quantile:95%", "reads quantile:LEVEL"),
        ("quantile:0.9,0.8", "reads quantile:LEVEL"),
        ("pot:0.1,", "reads pot:RISK,LEVEL"),
        ("cost:1,2,3", "reads cost:FALSE_POSITIVE,FALSE_NEGATIVE"),
        ("fixed", "reads fixed:VALUE"),
        ("fixed:nan", "Fixed: value must be a finite number, got nan"),
        ("fixed:inf", "Fixed: value must be a finite number, got inf"),
        ("quantile:1.5", "Quantile: level must be a number above 0 and below 1, got 1.5"),
        ("pot:0.5,0.9", "risk of POT must be below"),
        (0.95, "must be text or a Threshold"),
        (Quantile, "must be text or a Threshold"),
    ],
)
def test_parse_refuses_what_it_cannot_read(text, message):
    with pytest.raises(InputError, match=message):
        parse(text)


def test_the_base_class_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Threshold()
