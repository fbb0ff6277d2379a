# ---
# title: Choosing the threshold
# objectives:
#   - set a cutoff that keeps a promised false-positive rate, and check that it did
#   - read the trade between misses and false alarms, and find the cutoff of least cost
#   - say what each threshold rule assumes, and show a case where it fails
# needs: ["03", "05"]
# data: [card_transactions]
# ---

# %% [markdown]
# A detector gives every card payment a score. Someone still has to act: block the card, or let the
# payment pass. That takes one number, the *cutoff*: a row is flagged when its score is above it.
# How do you choose it, and what may you promise once you have? A *threshold rule* is a recipe that
# turns scores into a cutoff. This lesson starts with the one rule whose promise needs almost no
# assumptions, shows what a cutoff trades, and then breaks every rule in turn.

# %% tags=["hide"]
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

from anomaly_lab import AnomalyModel, datasets, drawing, evaluate, explorables, split, thresholds
from anomaly_lab.drawing import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, show
from anomaly_lab.errors import InputError
from anomaly_lab.explorables import Scores

plt.style.use(STYLE)

NAMES = ["centroid", "pca", "knn", "isolation_forest", "autoencoder"]
TITLES = {"pca": "PCA", "knn": "kNN", "isolation_forest": "isolation forest"}
TITLES |= {"centroid": "centroid", "autoencoder": "autoencoder"}

# %% [markdown]
# ## One cutoff does not fit all
#
# Five detectors learn from the same [fitting rows](../glossary.md#fitting-rows) of card payments:
# the four of the lessons so far, and the distance to the mean (`centroid`) as a
# [baseline](../glossary.md#baseline). Then each scores the same
# [calibration rows](../glossary.md#calibration-rows), normal rows that no detector has seen.

# %%
card = datasets.load("card_transactions")


def fitted(seed):
    """Split the rows at random and fit every detector on the fitting rows."""
    parts = split(card, seed=seed, calibrate=0.5, validation=0.2)
    return parts, {name: AnomalyModel(name).fit(parts.fit) for name in NAMES}


def scored(models, rows):
    return {name: model.anomaly_score(rows) for name, model in models.items()}


parts, models = fitted(seed=0)
calibration = scored(models, parts.calibrate)
pd.DataFrame(
    {
        "median score": {name: np.median(s) for name, s in calibration.items()},
        "highest score": {name: s.max() for name, s in calibration.items()},
        "share above 1": {name: (s > 1).mean() for name, s in calibration.items()},
    }
).round(2)

# %% tags=["hide"]
n_calibrate = len(parts.calibrate)
above_one = {name: (s > 1).mean() for name, s in calibration.items()}

# %% tags=["claim"]
assert above_one["centroid"] > 0.99, "lesson 06 says 1 flags nearly every row for the centroid"
assert above_one["isolation_forest"] == 0, "lesson 06 says 1 flags none for the isolation forest"

# %% [markdown]
# These are {{ n_calibrate:,}} of {{ len(card.y):,}} payments, {{ card.prevalence:.1%}} of which are
# fraud. (Their author simulated them: nothing here is about real banks.) The rows are the same, the
# units are not. Cut at 1 (the rule `thresholds.Fixed(1)`) and the
# centroid flags {{ above_one["centroid"]:.0%}} of these normal rows, the isolation
# forest {{ above_one["isolation_forest"]:.0%}}. A fixed number carries over from no
# detector to another, nor from one data set to the next. A *rank* does.
#
# ## A cutoff in three lines
#
# Sort the calibration scores, and go far enough up the list. Change `level` and run it again.

# %%
level = 0.95
scores = calibration["autoencoder"]

n = len(scores)
rank = math.ceil((n + 1) * level)
cutoff = np.sort(scores)[rank - 1]

rule = thresholds.Quantile(level).fit(scores)
print(f"by hand {cutoff:.4f}, by Quantile {rule.cutoff_:.4f}")

# %% tags=["claim"]
assert rule.cutoff_ == cutoff, "lesson 06 says the three lines are Quantile"

# %% [markdown]
# Why this works, in one line: a fresh normal row is as likely to take any place among the $n+1$
# scores as any calibration row is. So it lands above the score of rank $r$ with a probability of
# $(n+1-r)/(n+1)$, and the rounding up in `rank` makes that at most `1 - level` ([Vovk, Gammerman
# and Shafer 2005](https://doi.org/10.1007/b106715) built *conformal prediction* on this; with
# calibration rows set apart it is called *split* conformal). It needs no bell curve and no good
# detector; but since no rank is above $n$, it can promise no rate below $1/(n+1)$. It needs fresh
# normal rows that are *exchangeable* with the calibration rows: shuffle
# both together, and nothing tells them apart. (Equal scores only make alarms rarer.)

# %% tags=["fold"]
test = scored(models, parts.test)
report = evaluate(parts.test_labels, test["autoencoder"], cutoff)

fig, ax = plt.subplots(figsize=(5.2, 3))
drawing.score_histogram(report, ax=ax, name="autoencoder")

# %% [markdown]
# That is the cutoff in a picture: a line drawn through the scores. On {{ len(report.labels):,}}
# test rows, {{ report.false_positive_rate:.1%}} of the normal rows lie above it, the false alarms,
# and {{ 1 - report.recall:.1%}} of the frauds do not, the misses.
#
# ## Promised against met
#
# > **Predict.** `Quantile(level)` promises a [false-positive
# > rate](../glossary.md#false-positive-rate) of at most {{ 1 - level:.0%}}. Which of the five
# > detectors keep it on fresh normal rows: all, the good ones, or none?

# %% tags=["fold"]
levels = [0.8, 0.9, 0.95, 0.98, 0.99, 0.995]
fresh = {name: s[parts.test_labels == 0] for name, s in test.items()}
n_fresh = len(fresh["pca"])
met = {
    name: [
        (fresh[name] > thresholds.Quantile(q).fit(calibration[name]).cutoff_).mean() for q in levels
    ]
    for name in NAMES
}
promised = 1 - np.array(levels)


def band(level, n, m, share=0.95):
    """Range of the rate met on `m` fresh rows that chance alone gives in `share` of all cases."""
    r = math.ceil((n + 1) * level)
    return stats.betabinom(m, n + 1 - r, r).ppf([(1 - share) / 2, (1 + share) / 2]) / m


low, high = np.transpose([band(q, n, n_fresh) for q in levels])
ratio = np.array([met[name] for name in NAMES]) / promised
inside = sum(((low <= met[name]) & (met[name] <= high)).sum() for name in NAMES)

fig, ax = plt.subplots(figsize=(5.6, 3.2))
ax.fill_between(promised, low / promised, high / promised, color=QUIET, alpha=0.25, linewidth=0)
ax.axhline(1, color="black", linewidth=1)
for i, name in enumerate(NAMES):
    colour, _, marker = LOOKS[name]
    shifted = promised * 1.07 ** (i - 2)
    ax.plot(shifted, ratio[i], marker, color=colour, markersize=5, label=TITLES[name])
ax.set(
    xscale="log", xlabel="promised false-positive rate", ylabel="met / promised", ylim=(0.4, 1.6)
)
ax.set_xticks(promised, [f"{100 * p:.3g}%" for p in promised])
ax.minorticks_off()
ax.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.2), fontsize=8)
ax.text(promised[0], high[0] / promised[0] + 0.04, "chance", ha="center", fontsize=8)
show(
    ax,
    f"Rate met over rate promised, for five detectors at six promised rates: {inside} of "
    f"{ratio.size} marks lie in the band that chance alone gives, which is wider for small rates.",
)

# %% tags=["hide"]
rng = np.random.default_rng(0)
repeats = 200
low_one, high_one = band(level, n, n_fresh)
means, shares = [], []
for name in NAMES:
    pool = np.concatenate([calibration[name], fresh[name]])
    rates = []
    for _ in range(repeats):
        again = rng.permutation(pool)
        one = thresholds.Quantile(level).fit(again[:n])
        rates.append((again[n:] > one.cutoff_).mean())
    means.append(np.mean(rates))
    shares.append(np.mean((low_one <= rates) & (rates <= high_one)))

# %% tags=["claim"]
assert inside >= 0.8 * ratio.size, "lesson 06 says nearly all marks lie in the band"
assert np.abs(np.array(means) - (1 - level)).max() < 0.001, "lesson 06: the mean is as promised"
assert min(shares) > 0.9, "lesson 06 says the band holds in about 95% of reshuffles"

# %% [markdown]
# All of them, up to chance: {{ inside }} of {{ ratio.size }} marks lie in the grey band. The band
# counts the luck of the test rows (*binomial*: {{ n_fresh:,}} rows, each flagged or not) and the
# luck of the calibration rows; a plain binomial band would be too narrow. One split proves little,
# so shuffle calibration rows and fresh normal rows together, cut again, and repeat {{ repeats }}
# times for each detector: the mean rate met is {{ min(means):.2%}} to {{ max(means):.2%}}, and
# {{ min(shares):.0%}} to {{ max(shares):.0%}} of the rates fall into a band made for {{ 0.95:.0%}}
# of them.
#
# Now read the promise again. It does not contain the word "fraud".
#
# ## What a cutoff trades
#
# > **Predict.** At the same promised rate, do the five detectors miss about the same share of the
# > frauds?
#
# Move the cutoff up, and false alarms become misses. This function reads the trade off the scores:


# %%
def misses(scores, labels, rates):
    """Share of anomalies missed by the cutoffs that flag `rates` of the normal rows."""
    cutoffs = np.quantile(scores[labels == 0], 1 - rates)
    return np.array([(scores[labels == 1] <= cutoff).mean() for cutoff in cutoffs])


# %% tags=["fold"]
grid = np.geomspace(0.002, 1, 70)
at_level = {}
fig, ax = plt.subplots(figsize=(5.6, 3.4))
for name in NAMES:
    colour, line, marker = LOOKS[name]
    ax.plot(grid, misses(test[name], parts.test_labels, grid), color=colour, linestyle=line)
    own = thresholds.Quantile(level).fit(calibration[name])
    at_level[name] = evaluate(parts.test_labels, test[name], own.cutoff_)
    point = at_level[name].false_positive_rate, 1 - at_level[name].recall
    ax.plot(*point, marker, color=colour, linestyle=line, label=TITLES[name])
ax.set(xscale="log", xlabel="false-positive rate", ylabel="share of frauds missed", ylim=(0, 1.02))
ticks = [0.005, 0.01, 0.05, 0.2, 1]
ax.set_xticks(ticks, [f"{100 * t:g}%" for t in ticks])
ax.minorticks_off()
ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
ax.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, -0.18), fontsize=8)
show(
    ax,
    "Share of frauds missed against the false-positive rate, which falls as the other rises. "
    f"At a promised {1 - level:.0%} (marks) "
    + ", ".join(f"{TITLES[k]} misses {1 - r.recall:.0%}" for k, r in at_level.items())
    + ". The curves cross.",
)

# %% tags=["hide"]
validation = scored(models, parts.validation)
runs = [(parts, calibration, test, validation)]
for seed in range(1, 5):
    p, m = fitted(seed)
    runs.append((p, *(scored(m, rows) for rows in (p.calibrate, p.test, p.validation))))


def missed(run, name, rate):
    """Share of the run's test frauds that a promised rate misses."""
    split_, calibration_, test_, _ = run
    cutoff_ = thresholds.Quantile(1 - rate).fit(calibration_[name]).cutoff_
    return 1 - evaluate(split_.test_labels, test_[name], cutoff_).recall


few, many = 0.05, 0.4
small = pd.DataFrame([{name: missed(run, name, few) for name in NAMES} for run in runs])
large = pd.DataFrame([{name: missed(run, name, many) for name in NAMES} for run in runs])
forest_worst = (small.idxmax(axis=1) == "isolation_forest").sum()
network_best = (small.idxmin(axis=1) == "autoencoder").sum()
neighbours_best = (small.idxmin(axis=1) == "knn").sum()
forest_ahead = (large["isolation_forest"] < large["centroid"]).sum()

# %% tags=["claim"]
assert forest_worst == len(runs), "lesson 06 says the isolation forest misses most at 5%"
assert forest_ahead == len(runs), "lesson 06 says the isolation forest passes the centroid at 40%"
assert network_best + neighbours_best == len(runs), "lesson 06: autoencoder or kNN misses fewest"
assert small[["knn", "autoencoder"]].max().max() < 0.3, "lesson 06: kNN and autoencoder miss few"

# %% tags=["hide"]
prices = [2, 10, 50]

# %% [markdown]
# Far from it. All five keep the promise; the share of frauds they miss runs from
# {{ 1 - max(r.recall for r in at_level.values()):.0%}} to
# {{ 1 - min(r.recall for r in at_level.values()):.0%}}. *A threshold rule decides how many false
# alarms you get; the detector decides what you get for them.* Over {{ len(runs) }} random splits
# the autoencoder misses fewest in {{ network_best }} and kNN in {{ neighbours_best }}.
#
# The curves cross: the isolation forest misses most at a promised {{ few:.0%}} ({{ forest_worst }}
# of {{ len(runs) }} splits), but at {{ many:.0%}} it misses fewer than the centroid
# ({{ forest_ahead }} of {{ len(runs) }}). "Which detector is better?" has no answer before you know
# where you will cut.
#
# ## What a miss costs
#
# Suppose you know the price: a miss costs as much as $c$ false alarms. Then each cutoff has a
# [cost](../glossary.md#cost),
#
# $$\text{cost} = \text{false alarms} + c \cdot \text{misses} ,$$
#
# and one cutoff is the cheapest. To count misses you need labels, so
# this is the work of the [validation rows](../glossary.md#validation-rows): labelled, and set apart
# from the test rows.
#
# > **Predict.** The price of a miss rises from {{ prices[0] }} to {{ prices[-1] }} false alarms.
# > Which way does the cheapest cutoff move?

# %% tags=["fold"]
y_valid = parts.validation_labels
no_detector = {c: min(c * y_valid.sum(), (y_valid == 0).sum()) for c in prices}

fig, axes = plt.subplots(1, 3, figsize=(6.7, 3), sharey=True)
lowest = {}
for c, ax in zip(prices, axes, strict=False):
    for name in NAMES:
        colour, line, marker = LOOKS[name]
        lost = misses(validation[name], y_valid, grid)
        cost = (grid * (y_valid == 0).sum() + c * lost * y_valid.sum()) / no_detector[c]
        best = cost.argmin()
        lowest[c, name] = grid[best], cost[best]
        ax.plot(grid, cost, color=colour, linestyle=line, linewidth=1.3)
        ax.plot(grid[best], cost[best], marker, color=colour, linestyle=line, label=TITLES[name])
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xscale="log", ylim=(0, 1.5), title=f"c = {c}")
    ax.set_xticks([0.01, 0.1, 1], ["1%", "10%", "100%"])
    ax.minorticks_off()
axes[1].set_xlabel("false-positive rate")
axes[0].set_ylabel("cost / cost of no detector")
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, columnspacing=1)
show(
    fig,
    "Cost against the false-positive rate for three prices of a miss; marks show the cheapest. The "
    "autoencoder's lies at false-positive rates of "
    + ", ".join(f"{lowest[c, 'autoencoder'][0]:.0%} for c = {c}" for c in prices)
    + f"; at c = {prices[0]} the isolation forest saves almost nothing.",
)

# %% [markdown]
# The line at 1 is the cheaper of the two policies that need no detector: flag nothing, or flag
# everything. The package finds the low points exactly:

# %%
rows = {}
for c in prices:
    rule = thresholds.Cost(1, c).fit(validation["autoencoder"], parts.validation_labels)
    at = evaluate(parts.test_labels, test["autoencoder"], rule.cutoff_)
    rows[c] = {
        "cutoff": rule.cutoff_,
        "false-positive rate": at.false_positive_rate,
        "share missed": 1 - at.recall,
    }
priced = pd.DataFrame(rows).T.rename_axis("price of a miss")
priced.round(3)

# %% tags=["hide"]
falls = 0
for p, _, _, valid in runs:
    rules = [thresholds.Cost(1, c).fit(valid["autoencoder"], p.validation_labels) for c in prices]
    falls += rules[0].cutoff_ > rules[1].cutoff_ > rules[2].cutoff_

# %% tags=["claim"]
assert falls == len(runs), "lesson 06 says a dearer miss lowers the cutoff in every split"
assert lowest[2, "isolation_forest"][1] > 0.95, "lesson 06: at c = 2 the forest saves nothing"

# %% [markdown]
# A dearer miss pulls the cutoff down ({{ falls }} of {{ len(runs) }} splits): you accept more false
# alarms to miss less. A detector can be worth nothing at one price and much at another: with $c =
# 2$, the isolation forest's best cutoff costs {{ lowest[2, "isolation_forest"][1]:.0%}} of what
# flagging nothing costs; with $c = 10$, {{ lowest[10, "isolation_forest"][1]:.0%}}.

# %% [markdown] tags=["exercise"]
# ## Exercise 1: the cheapest cutoff (8 minutes)
#
# Write `cheapest(scores, labels, price)` without the package: return a cutoff of least total cost,
# where a false alarm costs 1 and a miss costs `price`. A row is flagged when its score is above the
# cutoff. Any cutoff of least cost will do.


# %% tags=["exercise"]
def cheapest(scores, labels, price):
    # BEGIN SOLUTION
    candidates = np.append(-np.inf, scores)
    costs = [
        ((scores > c) & (labels == 0)).sum() + price * ((scores <= c) & (labels == 1)).sum()
        for c in candidates
    ]
    return candidates[np.argmin(costs)]
    # END SOLUTION


# %% tags=["check"]
def check_1(cheapest):
    """Which cutoffs are worth trying? Between two neighbouring scores, nothing changes.

    For one candidate, count the normal rows above it and the anomalies that are not above it.

    Try every score as the cutoff, and one number below all scores; keep the one of least cost.
    """

    def cost(scores, labels, price, cutoff):
        flagged = [score > cutoff for score in scores]
        alarms = sum(f and not label for f, label in zip(flagged, labels, strict=False))
        return alarms + price * sum(
            label and not f for f, label in zip(flagged, labels, strict=False)
        )

    def excess(scores, labels, price):
        found = cost(scores, labels, price, float(cheapest(scores, labels, price)))
        tried = [-np.inf, *scores]
        return found - min(cost(scores, labels, price, c) for c in tried)

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [60, 20])
    scores = rng.normal(size=80) + 1.5 * labels
    for price in (12, 3, 0.5, 0.01):
        assert excess(scores, labels, price) < 1e-9, (
            f"there is a cheaper cutoff at price {price}: does each miss cost `price`, and does a "
            "score above the cutoff mean that the row is flagged?"
        )
    scores = np.array([0.0, 1.0, 2.0, 3.0])
    assert excess(scores, np.array([1, 0, 0, 1]), 1000) < 1e-9, (
        "where misses are dear enough, every row should be flagged: can your cutoff do that?"
    )


# %% tags=["wrong"]
# hint: cheaper cutoff
def cheapest(scores, labels, price):
    candidates = np.append(-np.inf, scores)
    return candidates[np.argmin([((scores > c) != (labels == 1)).sum() for c in candidates])]


# %% tags=["wrong"]
# hint: every row should be flagged
def cheapest(scores, labels, price):
    alarms = np.array([((scores > c) & (labels == 0)).sum() for c in scores])
    lost = np.array([((scores <= c) & (labels == 1)).sum() for c in scores])
    return scores[np.argmin(alarms + price * lost)]


# %% tags=["right"]
def cheapest(scores, labels, price):
    order = np.argsort(-np.asarray(scores))
    change = np.where(np.asarray(labels)[order] == 1, -price, 1.0)
    best = int(np.argmin(np.concatenate([[0.0], np.cumsum(change)])))
    ranked = np.asarray(scores)[order]
    return ranked[best] if best < len(ranked) else ranked[-1] - 1


# %% [markdown] tags=["solution"]
# Why: the cost changes only where the cutoff passes a score, so a finite list of candidates holds
# every case. The candidate below all scores is easy to forget; without it nobody can be told to
# flag everything.

# %% tags=["hide"]
times = 10

# %% [markdown]
# ## When fraud gets rarer
#
# The cost counts frauds and normal rows, so it depends on the
# [prevalence](../glossary.md#prevalence). Let fraud become {{ times }} times rarer: count every
# normal validation row {{ times }} times.

# %%
normal = validation["autoencoder"][y_valid == 0]
fraud = validation["autoencoder"][y_valid == 1]
rare_scores = np.concatenate([fraud, np.tile(normal, times)])
rare_labels = np.repeat([1, 0], [len(fraud), times * len(normal)])

today, rare = {}, {}
for rule in (thresholds.Cost(1, 10), thresholds.BestF(1)):
    today[rule.spec] = rule.fit(validation["autoencoder"], y_valid).cutoff_
    rare[rule.spec] = rule.fit(rare_scores, rare_labels).cutoff_
pd.DataFrame({f"fraud {y_valid.mean():.1%}": today, f"fraud {rare_labels.mean():.1%}": rare}).round(
    2
)

# %% tags=["hide"]
too_dear, rises = [], 0
for p, _, tested, valid in runs:
    s, y = valid["autoencoder"], p.validation_labels
    weighted = np.append(s, np.tile(s[y == 0], times - 1))
    weighted_y = np.append(y, np.zeros((times - 1) * (y == 0).sum(), int))
    stale = thresholds.Cost(1, 10).fit(s, y).cutoff_
    right = thresholds.Cost(1, 10).fit(weighted, weighted_y).cutoff_
    sharp = [thresholds.BestF(1).fit(*pair).cutoff_ for pair in ((s, y), (weighted, weighted_y))]
    rises += right > stale and sharp[1] > sharp[0]
    counts = [
        evaluate(p.test_labels, tested["autoencoder"], cut).confusion for cut in (stale, right)
    ]
    totals = [times * c.fp + 10 * c.fn for c in counts]
    too_dear.append(totals[0] / totals[1])
same = thresholds.Cost(1, 1).fit(validation["autoencoder"], y_valid).cutoff_

# %% tags=["claim"]
assert rises == len(runs), "lesson 06 says Cost and BestF cut higher where anomalies are rarer"
assert same == rare["cost:1,10"], "lesson 06: price 10, ten times rarer, is price 1 today"
assert min(too_dear) > 1.3, "lesson 06 says the old cutoff costs much more"

# %% [markdown]
# Both rules that learn from labels cut higher ({{ rises }} of {{ len(runs) }} splits). For `Cost`
# this is exact: a price of {{ times }} with fraud {{ times }} times rarer gives the same cutoff as
# a price of 1 today, {{ same:.2f}}. Keep the old cutoff, and on the test rows, weighted in the same
# way, you pay {{ min(too_dear):.1f}} to {{ max(too_dear):.1f}} times what the right one costs.
# `Quantile` never looked at frauds and stays where it was.
#
# ## Move it yourself
#
# The test rows of this lesson, their scores, and the cutoff in your hand.
#
# > **Try.** (a) `Quantile(0.95)` on the autoencoder: lower the prevalence to one in a thousand.
# > Which figures move? Is a flagged payment still more likely a fraud than not? (b) Go back to the
# > prevalence of the test rows, and let a miss cost {{ prices[1] }} false alarms. Find the cheapest
# > cutoff by hand. Is it where the `Cost` rule puts it?

# %% tags=["hide"]
shown = {}
for name in NAMES:
    given = calibration[name], validation[name], y_valid, test[name], parts.test_labels
    shown[name] = Scores(TITLES[name], *given)
by_rule = thresholds.Cost(1, prices[1]).fit(validation["autoencoder"], y_valid)
rare_fraud = 0.001
flagged = grid[grid < 0.5]  # share of the normal rows
found = 1 - misses(test["autoencoder"], parts.test_labels, flagged)

fig, ax = plt.subplots(figsize=(4.6, 2.4))
for share, line in ((parts.test_labels.mean(), "-"), (rare_fraud, "--")):
    precise = share * found / (share * found + (1 - share) * flagged)
    ax.plot(flagged, precise, color=ANOMALY, linestyle=line, label=f"{100 * share:.2g}% fraud")
ax.set(xscale="log", xlabel="false-positive rate", ylabel="precision", ylim=(0, 1))
ax.set_xticks([0.005, 0.05, 0.5], ["0.5%", "5%", "50%"])
ax.minorticks_off()
ax.legend(fontsize=8)
picture = show(
    ax,
    "Precision of the autoencoder against its false-positive rate, two falling lines: one for the "
    "share of frauds among the test rows, and far below it one for a fraud in a thousand, at most "
    f"{precise.max():.0%}.",
)

# %% tags=["fold"]
explorables.threshold({"card payments": list(shown.values())[::-1]}, picture)

# %% tags=["hide"]
at_quantile = at_level["autoencoder"]
caught, alarms = at_quantile.recall, at_quantile.false_positive_rate
precision_then = rare_fraud * caught / (rare_fraud * caught + (1 - rare_fraud) * alarms)


def cost_on_test(cutoff):
    confusion = evaluate(parts.test_labels, test["autoencoder"], cutoff).confusion
    return confusion.fp + prices[1] * confusion.fn


by_hand = thresholds.Cost(1, prices[1]).fit(test["autoencoder"], parts.test_labels).cutoff_
dearer = cost_on_test(by_rule.cutoff_) / cost_on_test(by_hand) - 1

# %% tags=["claim"]
assert precision_then < 0.1 < 0.5 < at_quantile.precision, "lesson 06: hardly any alarm is a fraud"
assert 0 <= dearer < 0.15, "lesson 06: the rule is a little dearer than the best on the test rows"

# %% [markdown]
# <details class="answer">
# <summary>Answer</summary>
#
# (a) Precision, F1, accuracy and cost move. Recall and the false-positive rate do not: each counts
# within one class. Precision falls from {{ at_quantile.precision:.0%}} to
# {{ precision_then:.1%}}, so nearly every alarm is then a false one. (b) Nearly. The cheapest
# cutoff on the test rows is {{ by_hand:.3f}}; the rule, which saw the validation rows, says
# {{ by_rule.cutoff_:.3f}} and costs {{ dearer:.1%}} more. What is found by hand has seen the
# answers: what it saves on these rows it need not save on the next.
#
# </details>
#
# ## Swap the rule, keep the detector
#
# A rule sees scores and nothing else, so swapping it never refits the detector: set
# `model.threshold`, then `calibrate`.
#
# > **Predict.** Four of these rules aim at flagging one normal row in twenty. `MeanStd` cuts at the
# > mean plus $k$ standard deviations, with the $k$ that leaves one in twenty above it under a bell
# > curve. Will it flag more than that here, or fewer?

# %%
k = stats.norm.isf(0.05)
bell = [thresholds.MeanStd(k), thresholds.MAD(k)]
others = [thresholds.Cost(1, 10), thresholds.BestF(1), thresholds.Fixed(1)]

model = models["autoencoder"]
table = {}
for rule in [thresholds.Quantile(0.95), *bell, thresholds.POT(0.05, level=0.9), *others]:
    model.threshold = rule
    if rule.needs_labels:
        model.calibrate(parts.validation, parts.validation_labels)
    else:
        model.calibrate(parts.calibrate)
    at = evaluate(parts.test_labels, test["autoencoder"], model.cutoff)
    table[type(rule).__name__] = {
        "cutoff": model.cutoff,
        "promised": rule.false_positive_rate,
        "met": at.false_positive_rate,
        "frauds caught": at.recall,
    }
rules = pd.DataFrame(table).T.astype(float)
rules.round(3).astype(object).fillna("no promise")

# %% tags=["hide"]
unchanged = np.array_equal(model.anomaly_score(parts.test), test["autoencoder"])
rates = np.array([0.05, 0.02, 0.01, 0.005, 0.002, 0.001])
FAMILIES = {
    "mean + k sd": lambda p: thresholds.MeanStd(stats.norm.isf(p)),
    "median + k MAD": lambda p: thresholds.MAD(stats.norm.isf(p)),
    "POT": lambda p: thresholds.POT(p, level=0.9),
}


def met_by(run, family, name):
    """Rates that a family of rules meets on the run's fresh normal rows, for each of `rates`."""
    split_, calibration_, test_, _ = run
    normal_ = test_[name][split_.test_labels == 0]
    cutoffs = [FAMILIES[family](p).fit(calibration_[name]).cutoff_ for p in rates]
    return np.array([(normal_ > cutoff_).mean() for cutoff_ in cutoffs])


spread = np.sort((scores - scores.mean()) ** 2)
top_share = spread[-10:].sum() / spread.sum()
tail = thresholds.POT(0.001, level=0.9).fit(scores).tail_

# %% tags=["fold"]
fig, axes = plt.subplots(1, 3, figsize=(6.7, 3.1), sharey=True)
lines = {}
for family, ax in zip(FAMILIES, axes, strict=False):
    for name in NAMES:
        colour, line, marker = LOOKS[name]
        lines[family, name] = met_by(runs[0], family, name)
        drawn = np.maximum(lines[family, name], 1e-4)
        ax.plot(
            rates,
            drawn,
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=4,
            linewidth=1.2,
            label=TITLES[name],
        )
    ax.plot(rates, rates, color="black", linewidth=1)
    ax.set(xscale="log", yscale="log", title=family, ylim=(3e-4, 0.3))
    ax.set_xticks([0.001, 0.01, 0.05], ["0.1%", "1%", "5%"])
    ax.set_yticks([0.001, 0.01, 0.1], ["0.1%", "1%", "10%"])
    ax.minorticks_off()
axes[0].set_ylabel("flagged normal rows")
axes[1].set_xlabel("aimed at")
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside lower center", ncols=5, fontsize=8, columnspacing=1)
network = {family: lines[family, "autoencoder"] for family in FAMILIES}
show(
    fig,
    "Share of normal rows flagged against the share aimed at, by rule; the black line is a kept "
    f"aim. On the autoencoder's scores, aiming at {rates[0]:.0%} and at {rates[-1]:.1%}, mean + "
    f"k sd flags {network['mean + k sd'][0]:.1%} and {network['mean + k sd'][-1]:.2%}, median + "
    f"k MAD {network['median + k MAD'][0]:.0%} and {network['median + k MAD'][-1]:.0%}; POT keeps "
    "near the line.",
)

# %% tags=["hide"]
by_family = {f: np.array([met_by(run, f, "autoencoder") for run in runs]) for f in FAMILIES}
sd_at_5, sd_at_01 = by_family["mean + k sd"][:, 0], by_family["mean + k sd"][:, -1]
mad_at_5, mad_at_01 = by_family["median + k MAD"][:, 0], by_family["median + k MAD"][:, -1]
pot_ratio = by_family["POT"] / rates

# %% tags=["claim"]
assert unchanged, "lesson 06 says swapping a rule leaves the detector alone"
assert rules.loc["MeanStd", "met"] < 0.03, "lesson 06 says MeanStd flags too few at 5%"
assert sd_at_5.max() < 0.03, "lesson 06 says MeanStd flags too few at 5% in every split"
assert sd_at_01.min() > 0.0011, "lesson 06 says MeanStd flags too many at 0.1% in every split"
assert mad_at_5.min() > 0.08, "lesson 06 says MAD flags too many at 5% in every split"
assert mad_at_01.min() > 0.05, "lesson 06 says MAD flags many times 0.1% in every split"
assert pot_ratio.min() > 0.25 and pot_ratio.max() < 2, "lesson 06 says POT stays near its aim"
assert top_share > 0.5, "lesson 06 says ten rows make up most of the variance"
assert tail.shape > 0.5, "lesson 06 says the fitted tail has no variance"

# %% [markdown]
# On the autoencoder's scores, `MeanStd` flags {{ sd_at_5.min():.1%}} to {{ sd_at_5.max():.1%}}
# instead of {{ rates[0]:.0%}} (range over {{ len(runs) }} splits). Aim at {{ rates[-1]:.1%}} and it
# errs the other way: {{ sd_at_01.min():.2%}} to {{ sd_at_01.max():.2%}}. Squared errors have a long
# right tail: here the ten highest of {{ n:,}} scores make up {{ top_share:.0%}} of the variance, so
# a standard deviation describes those ten rows and no others.
#
# Each rule, what it assumes and how it fails (more in [Threshold rules](../thresholds.md)):
#
# - **Quantile** assumes that calibration rows are normal and exchangeable with those to come. It
#   fails with anomalies among them, and refuses when they are too few.
# - **MeanStd** assumes scores like a bell curve. It fails on skewed scores, in both directions.
# - **MAD**, $\text{median} + k \cdot 1.4826 \cdot \text{MAD}$ with the [median absolute
#   deviation](../glossary.md#mad) (the factor makes it the standard deviation of a bell curve),
#   assumes a symmetric bulk, and is hardly moved by outliers ([Leys et al.
#   2013](https://doi.org/10.1016/j.jesp.2013.03.013)). On these skewed scores it flags
#   {{ mad_at_5.min():.0%}} to {{ mad_at_5.max():.0%}} where {{ rates[0]:.0%}} was the aim.
# - **POT** ([Siffer et al. 2017](https://doi.org/10.1145/3097983.3098144)) fits a [tail
#   law](../glossary.md#extreme-value-tail) to the highest scores and can reach rates rarer than one
#   in the number of rows. It assumes that the law holds beyond the data. Here it flags
#   {{ pot_ratio.min():.1f}} to {{ pot_ratio.max():.1f}} times its aim.
# - **Cost** and **BestF** (the cutoff of highest [F1](../glossary.md#f1)) assume labelled rows with
#   the prevalence to come; you saw them move.
# - **Fixed** assumes that you know the scale of the scores.
#
# Three of them say so when they cannot work, which is better than a cutoff that means nothing.
# `MAD` cannot tell: with more than half of the scores equal, the deviation is 0.

# %%
too_little = [
    (thresholds.Quantile(0.95), 18),
    (thresholds.POT(0.001), 499),
    (thresholds.BestF(1), n),
]
for rule, size in too_little:
    try:
        rule.fit(scores[:size])
    except InputError as error:
        print(error, end="\n\n")

tied = np.maximum(scores, 1)  # a detector that reports nothing below 1
for k in (3.5, 100):
    rule = thresholds.MAD(k).fit(tied)
    print(f"MAD({k}): cutoff {rule.cutoff_}, flags {rule.predict(tied).mean():.1%}")

# %% tags=["claim"]
assert (tied == 1).mean() > 0.5, "lesson 06 says more than half of the scores are equal"
assert rule.cutoff_ == 1, "lesson 06 says MAD's cutoff is the median, whatever k"

# %% tags=["hide"]
shares_hidden = np.array([0, 0.01, 0.02, 0.04, 0.06, 0.08])

# %% [markdown]
# ## Frauds among the calibration rows
#
# So far the calibration rows were all normal. In practice they are often rows "as they come", with
# unlabelled frauds among them.
#
# > **Predict.** {{ shares_hidden[-1]:.0%}} of the calibration rows are frauds that nobody marked.
# > Does `Quantile(0.95)` now flag more rows, or fewer?

# %% tags=["hide"]
CLEAN = 5000
AIMED = {"Quantile": thresholds.Quantile(0.95), "MeanStd": bell[0], "MAD": bell[1]}
AIMED["POT"] = thresholds.POT(0.05, level=0.9)


def with_frauds(run, share):
    """Calibration scores of the run's autoencoder, `share` of them of unlabelled frauds."""
    split_, calibration_, _, validation_ = run
    hidden_ = validation_["autoencoder"][split_.validation_labels == 1]
    count = round(share / (1 - share) * CLEAN)
    return np.append(calibration_["autoencoder"][:CLEAN], hidden_[:count])


def judged(run, rule, share):
    """False-positive rate and recall on the run's test rows after such a calibration."""
    cutoff_ = rule.fit(with_frauds(run, share)).cutoff_
    at_ = evaluate(run[0].test_labels, run[2]["autoencoder"], cutoff_)
    return at_.false_positive_rate, at_.recall


# split x rule x share x (false-positive rate, recall)
dirty = np.array(
    [[[judged(run, r, s) for s in shares_hidden] for r in AIMED.values()] for run in runs]
)
start, end = dirty[:, :, 0], dirty[:, :, -1]

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 3))
styles = {"Quantile": (NORMAL, "-", "o"), "MeanStd": ("#A67C00", "-.", "^")}
styles |= {"MAD": ("#009E73", "--", "s"), "POT": (ANOMALY, ":", "D")}
for which, ax in enumerate(axes):
    for i, (name, (colour, line, marker)) in enumerate(styles.items()):
        ax.plot(
            100 * shares_hidden,
            dirty[0, i, :, which],
            color=colour,
            linestyle=line,
            marker=marker,
            markersize=4,
            label=name,
        )
axes[0].set(yscale="log", ylabel="false-positive rate")
axes[0].set_yticks([0.003, 0.01, 0.05, 0.1], ["0.3%", "1%", "5%", "10%"])
axes[0].minorticks_off()
axes[1].set(ylim=(0, 1), ylabel="share of frauds caught")
axes[1].yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
fig.supxlabel("frauds among the calibration rows, %", fontsize=10)
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside upper center", ncols=4, fontsize=8)
show(
    fig,
    "False-positive rate and share of frauds caught against the share of frauds among the "
    f"calibration rows. Up to {shares_hidden[-1]:.0%}, "
    + ", ".join(
        f"{name} falls from {start[0, i, 1]:.0%} to {end[0, i, 1]:.0%} caught"
        for i, name in enumerate(AIMED)
    )
    + ".",
)

# %% tags=["claim"]
assert (end[:, :, 0] < start[:, :, 0]).all(), "lesson 06 says every rule flags less"
lost_recall = start[:, :, 1] - end[:, :, 1]
assert lost_recall[:, 0].min() > 0.2, "lesson 06 says Quantile loses much recall in every split"
assert lost_recall[:, 2].max() < 0.1, "lesson 06 says MAD is hardly moved"

# %% [markdown]
# Fewer. The hidden frauds take the top ranks and lift the cutoff above their like, which is called
# [masking](../glossary.md#masking). `Quantile` still "keeps" its promise, with
# {{ end[:, 0, 0].min():.1%}} to {{ end[:, 0, 0].max():.1%}} false alarms, but the frauds it catches
# fall from {{ start[0, 0, 1]:.0%}} to {{ end[0, 0, 1]:.0%}}. `MAD` is hardly moved: it catches
# {{ start[0, 2, 1]:.0%}} before and {{ end[0, 2, 1]:.0%}} after. The rule that keeps a promise and
# the rule that withstands dirt are not the same.

# %% [markdown] tags=["exercise"]
# ## Exercise 2: choose and defend (6 minutes)
#
# Your calibration rows come unlabelled: `as_they_come` below holds their scores,
# {{ shares_hidden[-1]:.0%}} of them frauds. The bank states the least share of frauds to catch and
# the highest share of normal payments to flag, in the first line below. Choose a rule that needs no
# labels, with its parameter; `Fixed` is out, since you cannot know the scale.

# %% tags=["exercise"]
least_caught, most_flagged = 0.85, 0.09
as_they_come = with_frauds(runs[0], 0.08)

chosen = thresholds.Quantile(0.87)  # SOLUTION


# %% tags=["check"]
def check_2(chosen, as_they_come, validation, parts, least_caught, most_flagged):
    """Which rules can promise you something when 8 in 100 of the rows they see are frauds?

    Quantile works if you tell it how many rows are above the cutoff, frauds included. MAD needs no
    such knowledge, but its usual k was made for a bell curve.

    If the highest scores were mostly frauds, how many rows would you have to let through before the
    first normal ones are flagged? Move the parameter in the direction the message asks for.
    """
    assert isinstance(chosen, thresholds.Threshold), "choose a rule, such as thresholds.MAD(3.5)"
    assert not chosen.needs_labels, "the calibration rows have no labels: choose a rule without"
    assert not isinstance(chosen, thresholds.Fixed), "Fixed is out: you cannot know the scale"
    seen = set(as_they_come)
    kept = np.array([score not in seen for score in validation["autoencoder"]])
    cutoff = thresholds.parse(chosen.spec).fit(as_they_come)
    flags, labels = cutoff.predict(validation["autoencoder"][kept]), parts.validation_labels[kept]
    caught, alarms = flags[labels == 1].mean(), flags[labels == 0].mean()
    assert caught >= least_caught, (
        f"only {caught:.1%} of the frauds are caught: the cutoff is too high"
    )
    assert alarms <= most_flagged, (
        f"{alarms:.1%} of the normal rows are flagged: the cutoff is too low"
    )


# %% tags=["wrong"]
# hint: too high
chosen = thresholds.Quantile(0.95)

# %% tags=["wrong"]
# hint: too low
chosen = thresholds.MAD(3.5)

# %% tags=["wrong"]
# hint: no labels
chosen = thresholds.Cost(1, 10)

# %% tags=["right"]
chosen = thresholds.MAD(k=6.5)

# %% [markdown] tags=["solution"]
# Why: if you know roughly how many frauds hide in the rows, lower the level: they fill the top
# ranks, and a level of `0.87` leaves room for them and for some normal rows. If you do not know,
# MAD with a larger `k` gives about the same cutoff whatever the dirt, but no promise.
# `Quantile(0.95)` puts the cutoff among the frauds.

# %% tags=["hide"]
sizes = [19, 50, 100, 200, 500, 1000, 2000]
repeats = 1000
pool = np.concatenate([calibration["autoencoder"], fresh["autoencoder"]])

# %% [markdown]
# ## Break it: too few calibration rows
#
# `Quantile(0.95)` accepts {{ sizes[0] }} calibration rows and no fewer. The promise then holds *on
# average over calibration sets*. You have one set.
#
# > **Predict.** You calibrate on {{ sizes[0] }} rows. How often will the rate met be more than
# > twice the rate promised?


# %%
def rates_met(size, repeats, level=0.95):
    """Rates met by cutoffs from `size` calibration rows, drawn again and again."""
    rng = np.random.default_rng(size)
    rates = []
    for _ in range(repeats):
        shuffled = rng.permutation(pool)  # scores of normal rows that no detector was fitted on
        cutoff = thresholds.Quantile(level).fit(shuffled[:size]).cutoff_
        rates.append((shuffled[size:] > cutoff).mean())
    return np.array(rates)


met_with = {size: rates_met(size, repeats) for size in sizes}


# %% tags=["fold"]
def law(size, level=0.95):
    """The Beta law of the rate met with `size` calibration rows."""
    r = math.ceil((size + 1) * level)
    return stats.beta(size + 1 - r, r)


fig, (left, right) = plt.subplots(1, 2, figsize=(6.7, 3), width_ratios=[1, 1.3])
bins = np.linspace(0, 0.2, 41)
for size, colour, line in ((19, ANOMALY, "-"), (200, NORMAL, "--")):
    left.stairs(
        np.histogram(met_with[size], bins, density=True)[0],
        bins,
        fill=True,
        color=colour,
        alpha=0.35,
    )
    x = np.linspace(0.001, 0.2, 100)
    left.plot(x, law(size).pdf(x), color=colour, linestyle=line)
left.text(0.07, 22, "200 rows", color=NORMAL, fontsize=9)
left.text(0.1, 5, "19 rows", color=ANOMALY, fontsize=9)
left.set(xlabel="rate met", ylabel="density")
left.set_xticks([0, 0.05, 0.1, 0.15, 0.2], ["0", "5%", "10%", "15%", "20%"])
ends = np.array([np.quantile(met_with[s], [0.05, 0.95]) for s in sizes])
every = np.unique(np.geomspace(19, 2000, 120).astype(int))
right.fill_between(
    every,
    *np.transpose([law(s).ppf([0.05, 0.95]) for s in every]),
    color=QUIET,
    alpha=0.3,
    linewidth=0,
)
right.vlines(sizes, *ends.T, color=NORMAL)
right.plot(sizes, [m.mean() for m in met_with.values()], "o", color=NORMAL, markersize=4)
right.axhline(0.05, color="black", linestyle="--", linewidth=1)
right.set(xscale="log", xlabel="calibration rows", ylim=(0, 0.16))
right.set_xticks([20, 100, 500, 2000], ["20", "100", "500", "2,000"])
right.set_yticks([0, 0.05, 0.1, 0.15], ["0", "5%", "10%", "15%"])
right.minorticks_off()
show(
    fig,
    f"Left: rates met in {repeats:,} repeats with {sizes[0]} and {sizes[3]} calibration rows, with "
    f"the Beta densities on top. Right: the range of nine repeats in ten narrows from "
    f"{ends[0, 0]:.1%} to {ends[0, 1]:.0%} with {sizes[0]} rows to {ends[-1, 0]:.1%} to "
    f"{ends[-1, 1]:.1%} with {sizes[-1]:,}; it follows the Beta law.",
)

# %% tags=["hide"]
double = {size: (m > 0.1).mean() for size, m in met_with.items()}
double_law = {size: law(size).sf(0.1) for size in sizes}
covered = [np.mean((law(s).ppf(0.05) <= m) & (m <= law(s).ppf(0.95))) for s, m in met_with.items()]
near = next(s for s in range(20, 10_000, 20) if law(s).cdf(0.06) - law(s).cdf(0.04) > 0.9)

# %% tags=["claim"]
assert all(0.86 < c < 0.94 for c in covered), "lesson 06 says the rates met follow the Beta law"
assert abs(double[19] - double_law[19]) < 0.04, "lesson 06: how often 19 rows give twice the rate"
assert double[100] < 0.06 and double[500] < 0.005, "lesson 06: with more rows it becomes rare"
assert max(m.mean() for m in met_with.values()) < 0.055, "lesson 06: on average the promise holds"

# %% [markdown]
# In {{ double[19]:.0%}} of the repeats; with {{ sizes[2] }} rows, in {{ double[100]:.1%}}. The mean
# (dots) stays at the promise or a little below, where `rank` was rounded up; the spread is what
# kills. It needs no simulation: with calibration rank $r$, the rate met is a draw from the
# $\mathrm{Beta}(n+1-r,\ r)$ law, drawn in grey and as curves, whatever the detector and the data
# ([Vovk 2012](https://arxiv.org/abs/1209.2673); for finitely many test rows [Marques F.
# 2023](https://arxiv.org/abs/2303.02770) adds the binomial luck, which gave the band above). That
# holds for scores without ties. The middle nine tenths of the law hold {{ min(covered):.0%}} to
# {{ max(covered):.0%}} of the repeats. To be within one point of {{ 0.05:.0%}} in nine cases of ten
# takes about {{ near:,}} rows.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: break the promise (8 minutes)
#
# Write `chance_above(size, level, limit)`: the probability that the false-positive rate met is
# above `limit` when `Quantile(level)` is calibrated on `size` rows. Simulate it (uniform random
# numbers will do as scores: why?) or use `scipy.stats`; an error of two points is fine.


# %% tags=["exercise"]
def chance_above(size, level, limit):
    # BEGIN SOLUTION
    rank = math.ceil((size + 1) * level)
    return stats.beta(size + 1 - rank, rank).sf(limit)
    # END SOLUTION


# %% tags=["check"]
def check_3(chance_above):
    """The promise is about ranks, so any scores without ties give the same answer.

    With uniform scores between 0 and 1, a cutoff of c is exceeded by a share 1 - c of fresh rows.

    Simulate: draw `size` uniform numbers, find the cutoff as `Quantile` does, note one minus the
    cutoff; repeat a few thousand times and count how often that is above the limit.
    """

    def reference(size, level, limit):
        # Above the limit: at most size - rank of the calibration scores lie in the top `limit`.
        at_most = size - math.ceil((size + 1) * level)
        chances = (
            math.comb(size, j) * limit**j * (1 - limit) ** (size - j) for j in range(at_most + 1)
        )
        return sum(chances)

    for size, level, limit in ((19, 0.95, 0.1), (30, 0.9, 0.15), (60, 0.9, 0.1), (400, 0.95, 0.06)):
        found = float(chance_above(size, level, limit))
        assert 0 <= found <= 1, "expected a probability, between 0 and 1"
        wanted = reference(size, level, limit)
        assert found < wanted + 0.03, f"too high for {size} rows, level {level}, limit {limit}"
        assert found > wanted - 0.03, f"too low for {size} rows, level {level}, limit {limit}"


# %% tags=["wrong"]
# hint: too high
def chance_above(size, level, limit):
    rank = math.ceil((size + 1) * level)
    return stats.beta(rank, size + 1 - rank).sf(limit)


# %% tags=["wrong"]
# hint: too high for 60 rows
def chance_above(size, level, limit):
    spread = math.sqrt(level * (1 - level) / size)
    return stats.norm(1 - level, spread).sf(limit)


# %% tags=["right"]
def chance_above(size, level, limit):
    rng = np.random.default_rng(5)
    scores = np.sort(rng.random((4000, size)), axis=1)
    cutoffs = scores[:, math.ceil((size + 1) * level) - 1]
    return ((1 - cutoffs) > limit).mean()


# %% [markdown] tags=["solution"]
# Why: only ranks matter, and ranks of uniform numbers are as good as any. With {{ sizes[0] }} rows
# the cutoff is the highest score, and all {{ sizes[0] }} stay below the top tenth with a
# probability of $0.9^{19}$, {{ 0.9**19:.1%}}. The bell curve around the promise is too symmetric
# for so few rows.

# %% [markdown]
# ## Key points
#
# - The cutoff is one number on the score's scale; the threshold rule is how you find it. Swapping
#   the rule never refits the detector.
# - `Quantile` promises a false-positive rate for any detector, if calibration rows are normal and
#   exchangeable with those to come. On average: one small calibration set may be far off.
# - The promise says nothing about misses. Those depend on the detector, and curves of two detectors
#   can cross.
# - With prices, the cheapest cutoff follows from labelled rows; it moves with the price and with
#   the prevalence.
# - `MeanStd` and `MAD` promise what they promise under a bell curve only. Unlabelled anomalies
#   among the calibration rows lift `Quantile`'s cutoff far, and `MAD`'s little.
#
# ## Test yourself
#
# <details>
# <summary>A detector gives random scores. Does the quantile rule keep its promise?</summary>
#
# Yes. The argument uses ranks of normal rows only. Where one normal row in twenty was promised, it
# flags that, and one anomaly in twenty too: the promise is kept and worth nothing.
#
# </details>
#
# <details>
# <summary>You set the cutoff on the fitting rows, since there are more of them. What goes
# wrong?</summary>
#
# Fitting rows are not exchangeable with fresh ones: the detector has adapted to them, so their
# scores tend to be lower. The cutoff then comes out too low and fresh normal rows are flagged too
# often.
#
# </details>
#
# <details>
# <summary>A colleague chose a cutoff of least cost on a file where half of the rows are fraud. May
# you use it where fraud is one row in a hundred?</summary>
#
# No: `Cost` weighs false alarms by how many normal rows there are. With far more normal rows for
# each fraud, the cheapest cutoff lies higher. Weight the validation rows to the prevalence to come,
# then fit the rule again.
#
# </details>
#
# ## Sources
#
# - Vovk, Gammerman and Shafer, *Algorithmic Learning in a Random World*, Springer 2005,
#   [doi:10.1007/b106715](https://doi.org/10.1007/b106715): exchangeability and the rank argument.
# - Vovk, "Conditional validity of inductive conformal predictors", 2012,
#   [arXiv:1209.2673](https://arxiv.org/abs/1209.2673): what one calibration set guarantees.
# - Marques F., "Universal distribution of the empirical coverage in split conformal prediction",
#   2023, [arXiv:2303.02770](https://arxiv.org/abs/2303.02770): the Beta and beta-binomial laws.
# - Siffer, Fouque, Termier and Largouët, "Anomaly detection in streams with extreme value theory",
#   KDD 2017, [doi:10.1145/3097983.3098144](https://doi.org/10.1145/3097983.3098144): POT.
# - Leys, Ley, Klein, Bernard and Licata, "Detecting outliers: do not use standard deviation around
#   the mean, use absolute deviation around the median", Journal of Experimental Social Psychology
#   49, 2013, [doi:10.1016/j.jesp.2013.03.013](https://doi.org/10.1016/j.jesp.2013.03.013): MAD.
# - Data: dhanushnarayananr, "Credit Card Fraud",
#   [Kaggle](https://www.kaggle.com/datasets/dhanushnarayananr/credit-card-fraud); the first rows of
#   a public copy.
