# ---
# title: Measuring rare events
# objectives:
#   - compute recall, precision, F1 and accuracy from counts; say which move with the prevalence
#   - take a flattering or a confusing result apart, one change at a time, until it is honest
#   - put an interval around a recall, and say how many anomalies a claim needs
# needs: ["06"]
# data: [card_transactions]
# ---

# %% [markdown]
# A public project trains an autoencoder on a million card payments and reports, for frauds, the
# figures below. It was run twice, and nothing was changed in between. Is this good? Which run would
# you believe? In this lesson you learn to read such figures, rebuild the project's pipeline, and
# repair it until its result can be trusted.

# %% tags=["hide"]
import math
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from anomaly_lab import AnomalyModel, datasets, drawing, evaluate, split, thresholds
from anomaly_lab.detectors import AutoencoderDetector, KNNDetector
from anomaly_lab.drawing import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, show
from anomaly_lab.neural import backend

plt.style.use(STYLE)

# %%
# As reported by a public project on card_transdata.csv (the whole table), two runs of one pipeline.
published_prevalence = 0.0874
published = pd.DataFrame(
    {"recall": [0.92063, 0.653], "accuracy": [0.77345, 0.827]}, index=["first run", "second run"]
)
published

# %% [markdown]
# ## Four counts
#
# We have the first rows of the same table. A detector of [lesson
# 03](03_neighbours_and_trees.ipynb), kNN, learns from normal rows, and the threshold rule
# `quantile:0.90` of [lesson 06](06_choosing_the_threshold.ipynb) sets its cutoff.

# %%
cards = datasets.load("card_transactions")
parts = split(cards, seed=0)
model = AnomalyModel("knn", threshold="quantile:0.90").fit(parts.fit).calibrate(parts.calibrate)

labels, scores = parts.test_labels, model.anomaly_score(parts.test)
flagged, fraud = scores > model.cutoff, labels == 1
tp, fn = np.sum(flagged & fraud), np.sum(~flagged & fraud)  # caught, missed
fp, tn = np.sum(flagged & ~fraud), np.sum(~flagged & ~fraud)  # false alarms, left alone

by_hand = {
    "recall": tp / (tp + fn),
    "precision": tp / (tp + fp),
    "f1": 2 * tp / (2 * tp + fp + fn),
    "false_positive_rate": fp / (fp + tn),
    "accuracy": (tp + tn) / (tp + fn + fp + tn),
}

# %% [markdown]
# > **Predict.** About {{ cards.prevalence:.0%}} of the payments are frauds, and this detector finds
# > {{ by_hand["recall"]:.0%}} of them. Flagging nothing finds none. Which of the two has the higher
# > accuracy?

# %% tags=["fold"]
report = evaluate(labels, scores, model.cutoff)
fig, ax = plt.subplots(figsize=(3.6, 3))
drawing.confusion_matrix(report, ax=ax, name="kNN")

# %%
table = pd.DataFrame({"kNN": by_hand, "evaluate": {k: getattr(report, k) for k in by_hand}})
table["flag nothing"] = [0, 0, 0, 0, report.accuracy_all_normal]
table.round(3)

# %% tags=["claim"]
assert np.allclose(table["kNN"], table["evaluate"]), "lesson 07: by hand and evaluate agree"
assert report.accuracy < report.accuracy_all_normal, "lesson 07: flagging nothing is more accurate"
assert 0.4 < report.precision < 0.6, "lesson 07: about half of the alarms are real"

# %% [markdown]
# The figure is the [confusion matrix](../glossary.md#confusion-matrix); every figure of the table
# is made of its four counts. *Recall* asks of the frauds: how many did we find? *Precision* asks of
# the alarms: how many are real? *F1* is their harmonic mean, high only where both are. The
# *false-positive rate* asks of the normal rows: how many were flagged?
#
# *Accuracy* asks of all rows, and nearly all rows are normal. So flagging nothing, at
# {{ report.accuracy_all_normal:.1%}}, beats a detector that finds most of the frauds, at
# {{ report.accuracy:.1%}}. Both runs at the top stay below {{ 1 - published_prevalence:.1%}} too,
# the accuracy of calling every payment of their table genuine. That alone does not make them bad.
# But their two figures are enough to find all the others.

# %% tags=["claim"]
caught = published["recall"] * published_prevalence
alarms = 1 - published["accuracy"] - (published_prevalence - caught)
shares_flagged = (caught + alarms).to_numpy()
precisions = (caught / (caught + alarms)).to_numpy()
published_rates = (alarms / (1 - published_prevalence)).to_numpy()
assert np.allclose(shares_flagged, [0.3, 0.2], atol=0.002), "lesson 07: percentiles 70 and 80"

# %% [markdown] tags=["exercise"]
# ## Exercise 1: what was not reported (7 minutes)
#
# Write `unpack(recall, accuracy, prevalence)`. It returns three shares: of all rows, how many are
# flagged; the precision; the false-positive rate. Then unpack both published runs. How were their
# cutoffs chosen?


# %% tags=["exercise"]
def unpack(recall, accuracy, prevalence):
    # BEGIN SOLUTION
    caught = recall * prevalence
    missed = prevalence - caught
    alarms = (1 - accuracy) - missed
    flagged = caught + alarms
    return flagged, caught / flagged, alarms / (1 - prevalence)
    # END SOLUTION


# %% tags=["check"]
def check_1(unpack):
    """Work with shares of all rows. Which share is caught, given recall and prevalence?

    Accuracy counts two kinds of error. You know how many of one kind there are.

    1 - accuracy is the misses plus the false alarms. Flagged is what is caught plus the false
    alarms; the false-positive rate divides the false alarms by the normal rows.
    """
    rng = np.random.default_rng(0)
    for size in (200, 1000):
        truth, flags = rng.random(size) < 0.2, rng.random(size) < 0.3
        share, precision, rate = unpack(
            flags[truth].mean(), np.mean(truth == flags), np.mean(truth)
        )
        assert np.isclose(share, flags.mean()), "share flagged: are misses errors as well?"
        assert np.isclose(precision, truth[flags].mean()), "precision: a share of the flagged rows"
        assert np.isclose(rate, flags[~truth].mean()), "the rate is a share of the normal rows"


# %% tags=["wrong"]
# hint: are misses errors
def unpack(recall, accuracy, prevalence):
    caught, alarms = recall * prevalence, 1 - accuracy
    return caught + alarms, caught / (caught + alarms), alarms / (1 - prevalence)


# %% tags=["wrong"]
# hint: share of the normal rows
def unpack(recall, accuracy, prevalence):
    caught = recall * prevalence
    alarms = 1 - accuracy - (prevalence - caught)
    return caught + alarms, caught / (caught + alarms), alarms


# %% tags=["right"]
def unpack(recall, accuracy, prevalence):
    # tp, fn, fp, tn as shares of all rows: four equations
    equations = [[1, 1, 0, 0], [1, 0, 0, 1], [1, 1, 1, 1], [1 - recall, -recall, 0, 0]]
    tp, _, fp, tn = np.linalg.solve(equations, [prevalence, accuracy, 1, 0])
    return [tp + fp, tp / (tp + fp), fp / (fp + tn)]


# %% [markdown] tags=["solution"]
# Why: recall times prevalence is caught, the rest of the prevalence is missed, and what is left of
# the errors are false alarms. The runs flag {{ shares_flagged[0]:.1%}} and
# {{ shares_flagged[1]:.1%}} of all rows: their cutoffs are round percentiles of the test scores, a
# different one each time. Precision is {{ precisions[0]:.0%}} and {{ precisions[1]:.0%}}, the
# false-positive rate {{ published_rates[0]:.0%}} and {{ published_rates[1]:.0%}}.

# %% [markdown]
# ## Every cutoff at once
#
# Recall and precision belong to one cutoff. Two figures judge the order of the scores, whatever the
# cutoff. [ROC-AUC](../glossary.md#roc-auc) is the chance that a random anomaly scores above a
# random normal row, ties counting half. [Average precision](../glossary.md#average-precision) goes
# down the list from the highest score and notes the precision each time it meets an anomaly; then
# it takes the mean.


# %%
def by_pairs(labels, scores):
    anomalies, normal = scores[labels == 1][:, None], scores[labels == 0][None, :]
    return np.mean(anomalies > normal) + np.mean(anomalies == normal) / 2


def down_the_list(labels, scores):
    ranked = labels[np.argsort(-scores)]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return precision[ranked == 1].mean()


# %% [markdown]
# > **Predict.** Replace the scores by random numbers. What becomes of each of the two figures?

# %%
noise = np.random.default_rng(0).random(len(labels))
order = pd.DataFrame(
    {
        "ROC-AUC, by pairs": [by_pairs(labels, s) for s in (scores, noise)],
        "ROC-AUC, library": [roc_auc_score(labels, s) for s in (scores, noise)],
        "average precision, by hand": [down_the_list(labels, s) for s in (scores, noise)],
        "average precision, library": [average_precision_score(labels, s) for s in (scores, noise)],
    },
    index=["kNN", "random scores"],
)
order.T.round(3)

# %% tags=["claim"]
assert np.allclose(order.iloc[:, 0], order.iloc[:, 1]), "lesson 07: pairs give ROC-AUC"
assert np.allclose(order.iloc[:, 2], order.iloc[:, 3], atol=1e-4), "lesson 07: the list gives AP"
draws = [np.random.default_rng(k).random(len(labels)) for k in range(20)]
assert abs(np.mean([roc_auc_score(labels, d) for d in draws]) - 0.5) < 0.01, "lesson 07: one half"
floor = np.mean([average_precision_score(labels, d) for d in draws])
assert abs(floor - report.prevalence) < 0.005, "lesson 07: the floor of AP is the prevalence"

# %% [markdown]
# Random scores get one half in ROC-AUC, and in average precision about the
# [prevalence](../glossary.md#prevalence), here {{ report.prevalence:.1%}}. So an average precision
# of $0.3$ is poor on one table and excellent on another. Drawn over all cutoffs, the two figures
# belong to the [ROC curve](../glossary.md#roc-curve) and the [precision-recall
# curve](../glossary.md#precision-recall-curve); on the same rows, a detector that is nowhere below
# another on the one is nowhere below it on the other ([Davis and Goadrich
# 2006](https://doi.org/10.1145/1143844.1143874)).
#
# ## The rarer, the harder
#
# Recall looks at anomalies alone, the false-positive rate at normal rows alone. Neither cares how
# many there are of the other kind. Precision mixes both:
#
# $$\text{precision} = \frac{\text{recall} \cdot \text{prevalence}}{\text{recall} \cdot
# \text{prevalence} + \text{false-positive rate} \cdot (1 - \text{prevalence})}$$
#
# > **Predict.** Keep the detector and the cutoff, and let fraud become about a hundred times
# > rarer. What becomes of precision?

# %% tags=["hide"]
prevalences = [report.prevalence, 0.01, 0.001]
rates = [report.false_positive_rate, 0.01, 0.001]
repeats = 40


def thinned(prevalence, seed):
    """All normal test rows, and as many of the frauds as give this prevalence."""
    normal, frauds = np.flatnonzero(~fraud), np.flatnonzero(fraud)
    n = round(prevalence * len(normal) / (1 - prevalence))
    kept = np.random.default_rng(seed).permutation(frauds)[:n]
    rows = np.concatenate([normal, kept])
    return evaluate(labels[rows], scores[rows], model.cutoff)


metrics = {"roc_auc": "ROC-AUC", "average_precision": "average precision", "f1": "F1"}
metrics |= {"precision": "precision", "recall": "recall", "false_positive_rate": "FPR"}
kept = [[thinned(p, seed) for seed in range(repeats)] for p in prevalences]
rarer = pd.DataFrame(
    {
        f"{100 * p:.2g}%": {n: np.mean([getattr(r, m) for r in some]) for m, n in metrics.items()}
        for p, some in zip(prevalences, kept, strict=True)
    }
)
first, last = rarer.iloc[:, 0], rarer.iloc[:, -1]

# %% tags=["fold"]
grid = np.geomspace(0.0004, 0.5, 100)
fig, ax = plt.subplots(figsize=(5.4, 3.2))
for rate, line in zip(rates, ("-", "--", "-."), strict=True):
    curve = report.recall * grid / (report.recall * grid + rate * (1 - grid))
    ax.plot(grid, curve, color=NORMAL, linestyle=line)
    at = 0.0035 * rate / 0.01 if rate < 0.05 else 0.03
    height = report.recall * at / (report.recall * at + rate * (1 - at))
    ax.annotate(
        f"false-positive rate {100 * rate:.2g}%" if rate > 0.05 else f"{100 * rate:.2g}%",
        (at, height),
        (7, -9),
        textcoords="offset points",
        color=NORMAL,
        fontsize=9,
    )
ax.plot(prevalences, rarer.loc["precision"], "o", color=ANOMALY, clip_on=False, zorder=3)
ax.annotate("measured", (prevalences[0], rarer.loc["precision"].iloc[0]), (-8, 3),
            textcoords="offset points", ha="right", color=ANOMALY, fontsize=9)  # fmt: skip
ax.set(xscale="log", xlabel="prevalence", ylabel="precision", ylim=(0, 1.02))
ax.set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1%", "1%", "10%", "50%"])
ax.minorticks_off()
ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
show(
    ax,
    f"Precision against prevalence at a recall of {report.recall:.0%}, one curve for each of three "
    f"false-positive rates. At {rates[0]:.0%}, precision falls from "
    f"{rarer.loc['precision'].iloc[0]:.0%} to {rarer.loc['precision'].iloc[-1]:.1%} as fraud gets "
    "rarer; dots measured on thinned test rows lie on the curve.",
)

# %%
rarer.round(3)

# %% tags=["claim"]
on_curve = report.recall * np.array(prevalences)
on_curve /= on_curve + report.false_positive_rate * (1 - np.array(prevalences))
assert np.allclose(rarer.loc["precision"], on_curve, rtol=0.05), "lesson 07: the dots are on it"
assert last["precision"] < 0.015, "lesson 07: one alarm in a hundred is real"
assert abs(first["ROC-AUC"] - last["ROC-AUC"]) < 0.005, "lesson 07: ROC-AUC stays"
assert abs(first["recall"] - last["recall"]) < 0.02, "lesson 07: recall stays"
assert last["average precision"] < 0.2 * first["average precision"], "lesson 07: AP falls"
assert last["F1"] < 0.05, "lesson 07: F1 falls"

# %% [markdown]
# The dots were measured: frauds were taken out of the test rows at random, {{ repeats }} times for
# each lower prevalence. At {{ prevalences[-1]:.1%}} only {{ last["precision"]:.1%}} of the alarms
# are real: a false-positive rate that sounded small is far too large. ROC-AUC hardly moves,
# {{ first["ROC-AUC"]:.3f}} and {{ last["ROC-AUC"]:.3f}}; average precision falls from
# {{ first["average precision"]:.2f}} to {{ last["average precision"]:.2f}} and F1 from
# {{ first["F1"]:.2f}} to {{ last["F1"]:.2f}}, though nobody touched the detector.
#
# So never compare F1, precision or average precision between splits or data sets of different
# prevalence; which rows are put into the test part is enough to move them ([Fourure and others
# 2021](https://arxiv.org/abs/2106.16020)). And where anomalies are rare, show precision beside
# ROC-AUC, which does not show how many alarms are false ([Saito and Rehmsmeier
# 2015](https://doi.org/10.1371/journal.pone.0118432)).

# %% tags=["hide"]
sides = (64, 16)  # units of the layers before the code, mirrored after it
n_rows, passes, seeds = 8000, 15, range(5)

published_tp = published_prevalence * published["recall"]
published_fp = 1 - published["accuracy"] - published_prevalence + published_tp
precisions = (published_tp / (published_tp + published_fp)).to_numpy()
percentiles = range(50, 100, 5)

# %% [markdown]
# ## Rebuild the pipeline
#
# What is known of the public pipeline: layers that narrow from {{ sides[0] }} units over
# {{ sides[1] }} to a [code](../glossary.md#code) of 2 and widen again in mirror image;
# [ReLU](../glossary.md#relu) at the output; columns [standardised](../glossary.md#standardise) with
# the mean and standard deviation of *all* rows; the mean absolute error for training and as the
# score. Of ten percentiles of the test scores, the best becomes the cutoff. Nothing is seeded.
#
# What is not known, we choose: which percentiles (every fifth from {{ percentiles[0] }} to
# {{ percentiles[-1] }}), what "best" means (F1), how it is trained ({{ passes }}
# [epochs](../glossary.md#epoch) over {{ n_rows:,}} normal rows), a code without ReLU. And we have
# only the first {{ len(cards.y):,}} rows of the table. Expect the same kind of numbers, not the
# same numbers.

# %%
keras = backend.load()
as_found = {"scale_on": "all rows", "output": "relu", "code": 2}


def error_scores(parts, seed, scale_on, output, code):
    """Train the network; return the scores of the test rows and of the calibration rows."""
    scaler = StandardScaler().fit(cards.X if scale_on == "all rows" else parts.fit)
    rows = scaler.transform(parts.fit.head(n_rows))

    keras.utils.set_random_seed(seed)
    dense = keras.layers.Dense
    encoder = [*(dense(n, "relu") for n in sides), dense(code)]
    decoder = [*(dense(n, "relu") for n in reversed(sides)), dense(7, output)]
    network = keras.Sequential([keras.Input((7,)), *encoder, *decoder])
    network.compile(keras.optimizers.Adam(0.003), "mae")
    network.fit(rows, rows, epochs=passes, batch_size=128, verbose=0)

    def score(frame):
        x = scaler.transform(frame)
        return np.abs(x - network.predict(x, batch_size=10_000, verbose=0)).mean(axis=1)

    return score(parts.test), score(parts.calibrate)


def best_percentile(labels, scores):
    reports = [evaluate(labels, scores, np.percentile(scores, q)) for q in percentiles]
    return max(reports, key=lambda report: report.f1)


# %% [markdown]
# An unseeded run starts from other random weights and splits the rows in another way each time. We
# let {{ len(seeds) }} [seeds](../glossary.md#seed) stand for as many such runs.
#
# > **Predict.** The published runs differ by {{ np.ptp(published["recall"]):.0%}} of all frauds.
# > An accident, or how this pipeline is?

# %%
splits = [split(cards, seed=seed) for seed in seeds]
scored = [error_scores(splits[seed], seed, **as_found) for seed in seeds]
found = [best_percentile(splits[seed].test_labels, scored[seed][0]) for seed in seeds]
names = ["roc_auc", "recall", "precision", "accuracy"]
as_found_runs = pd.DataFrame([{n: getattr(r, n) for n in names} for r in found])
as_found_runs.insert(0, "share flagged", [r.flags.mean() for r in found])
as_found_runs.rename_axis("seed").round(3)

# %% tags=["hide"]
lowest, highest = as_found_runs.min(), as_found_runs.max()
all_genuine = report.accuracy_all_normal
below = int((as_found_runs["accuracy"] < all_genuine).sum())
cutoffs_used = as_found_runs["share flagged"].round(2).nunique()

# %% tags=["claim"]
assert below == len(seeds), "lesson 07: accuracy is below calling everything genuine"
# Rounding differs between processors, and training amplifies it: the gap was 0.20 on one and more
# than 0.25 on another.
assert highest["recall"] - lowest["recall"] > 0.15, "lesson 07: recall differs from run to run"
assert highest["roc_auc"] < 0.85, "lesson 07: the order of the scores is poor"
assert highest["precision"] < precisions.min(), "lesson 07: ours are worse than the published"
assert cutoffs_used >= 2, "lesson 07: the best percentile changes"

# %% [markdown]
# It is how this pipeline is. Recall runs from {{ lowest["recall"]:.0%}} to
# {{ highest["recall"]:.0%}}; in {{ below }} of {{ len(seeds) }} runs accuracy is below the
# {{ all_genuine:.1%}} of calling everything genuine. The best percentile changes from run to run
# ({{ cutoffs_used }} different ones): one run buys recall with false alarms, the next does not. No
# single run is to be believed, neither of ours nor of theirs.
#
# The kind of result agrees, the size does not: our precision is
# {{ highest["precision"]:.0%}} at best, theirs {{ precisions[0]:.0%}} and {{ precisions[1]:.0%}}.
# What was done differently, or whether the larger table helps, we do not know.

# %% [markdown]
# ## Take it apart
#
# Now one change at a time, each kept for the next, on the same five splits. At the end stand the
# package's own detectors, fitted on all fitting rows.
#
# > **Predict.** Which of the four changes are about honesty, and would be right even if they
# > lowered the figures? Will the other two raise ROC-AUC in every seed?

# %%
changes = {
    "cutoff from calibration rows": {},  # the same networks
    "scale from fitting rows": {"scale_on": "fitting rows"},
    "linear output": {"output": "linear"},
    "code of 5": {"code": 5},
}
results = {"as found": found}
settings = dict(as_found)
for step, change in changes.items():
    settings |= change
    results[step] = []
    for seed in seeds:
        test, calibration = error_scores(splits[seed], seed, **settings) if change else scored[seed]
        cutoff = thresholds.Quantile(0.90).fit(calibration).cutoff_
        results[step].append(evaluate(splits[seed].test_labels, test, cutoff))


def corrected(seed, detector):
    p = splits[seed]
    model = AnomalyModel(detector, threshold="quantile:0.90").fit(p.fit).calibrate(p.calibrate)
    return evaluate(p.test_labels, model.anomaly_score(p.test), model.cutoff)


results["autoencoder"] = [corrected(s, AutoencoderDetector(random_state=s)) for s in seeds]
results["kNN"] = [corrected(s, KNNDetector()) for s in seeds]


# %% tags=["fold"]
def column(metric):
    return {step: np.array([getattr(r, metric) for r in some]) for step, some in results.items()}


def spread(values):
    return f"{values.mean():.0%} ({values.min():.0%} to {values.max():.0%})"


auc, recall = column("roc_auc"), column("recall")
fpr, accuracy = column("false_positive_rate"), column("accuracy")
steps = pd.DataFrame(
    {
        "ROC-AUC": {s: f"{v.mean():.3f}" for s, v in auc.items()},
        "recall": {s: spread(v) for s, v in recall.items()},
        "FPR": {s: f"{v.mean():.0%}" for s, v in fpr.items()},
        "accuracy": {s: f"{v.mean():.1%}" for s, v in accuracy.items()},
    },
    index=list(results),
)
steps

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 3.1), sharey=True)
places = {step: -i for i, step in enumerate(results)}
looks = {"autoencoder": LOOKS["autoencoder"], "kNN": LOOKS["knn"]}
for ax, values, title in zip(axes, (auc, recall), ("ROC-AUC", "recall"), strict=True):
    for step, at in places.items():
        colour, _, marker = looks.get(step, (ANOMALY if step == "as found" else NORMAL, "-", "v"))
        ax.plot(values[step], np.full(len(seeds), at), marker, color=colour, markersize=5)
        ax.vlines(values[step].mean(), at - 0.32, at + 0.32, color="black", linewidth=1.4)
    ax.set_title(title, pad=6)
    ax.grid(axis="y", color=QUIET, alpha=0.3)
axes[0].set(
    xlim=(0.55, 1.01), xticks=[0.6, 0.7, 0.8, 0.9, 1], ylim=(min(places.values()) - 0.6, 0.6)
)
axes[1].set(xlim=(0, 1.02), xticks=[0.2, 0.4, 0.6, 0.8, 1])
axes[1].xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
axes[0].set_yticks(list(places.values()), list(places))
axes[0].tick_params(axis="y", length=0)
show(
    fig,
    "ROC-AUC and recall of each step, one mark a seed and a bar at the mean. From 'as found' to "
    f"'code of 5' mean ROC-AUC climbs from {auc['as found'].mean():.2f} to "
    f"{auc['code of 5'].mean():.2f}; the package's autoencoder has {auc['autoencoder'].mean():.2f} "
    f"and kNN {auc['kNN'].mean():.2f}. Recall as found is scattered from "
    f"{recall['as found'].min():.0%} to {recall['as found'].max():.0%}; kNN's marks lie nearly on "
    "one spot.",
)

# %% tags=["hide"]
chain = list(changes)
up = {b: int((auc[b] > auc[a]).sum()) for a, b in pairwise(chain)}
together = int((auc[chain[-1]] > auc[chain[0]]).sum())
ratio = "ratio_to_median_purchase_price"
own = splits[0].fit[ratio].std(ddof=0)
stretch = cards.X[ratio].std(ddof=0) / own
normal_stretch = cards.X[ratio][cards.y == 0].std(ddof=0) / own
negative = np.mean(StandardScaler().fit_transform(splits[0].fit) < 0)
ahead = int((auc["autoencoder"] > auc["kNN"]).sum())
recall_ahead = int((recall["autoencoder"] > recall["kNN"]).sum())
knn_over_steps = int((auc["kNN"] > np.max([auc[step] for step in chain], axis=0)).sum())
bound = 1 - 0.1 * (1 - cards.prevalence)


def accuracy_at(reports, wanted):
    """Mean accuracy with the cutoff that just reaches a recall, read off the test labels."""
    found = []
    for r in reports:
        caught = np.sort(r.scores[r.labels == 1])[::-1]
        cutoff = np.nextafter(caught[math.ceil(wanted * len(caught)) - 1], -np.inf)
        found.append(evaluate(r.labels, r.scores, cutoff).accuracy)
    return np.mean(found)


wanted = published["recall"].iloc[0]
at_published = {step: accuracy_at(some, wanted) for step, some in results.items()}

# %% tags=["claim"]
assert (auc["as found"] == auc[chain[0]]).all(), "lesson 07: the cutoff does not change ROC-AUC"
assert recall[chain[0]].mean() < 0.35, "lesson 07: at a tenth of false alarms, recall is poor"
for step, seeds_up in up.items():
    assert seeds_up >= 3, f"lesson 07: {step} raises ROC-AUC in most seeds"
gains = np.diff([auc[step].mean() for step in chain])
assert (gains > 0.01).all(), "lesson 07: each step raises mean ROC-AUC"
assert together == len(seeds), "lesson 07: all steps together raise ROC-AUC in every seed"
assert (auc["autoencoder"] > auc["code of 5"]).all(), "lesson 07: the package's is better still"
assert abs(normal_stretch - 1) < 0.1, "lesson 07: normal rows hardly stretch the scale"
assert stretch > 1.2 and 0.4 < negative < 0.8, "lesson 07: what the scale and the ReLU do"
for name in ("autoencoder", "kNN"):
    assert auc[name].min() > 0.96 and recall[name].min() > 0.9, "lesson 07: corrected result"
    assert abs(fpr[name].mean() - 0.1) < 0.01, "lesson 07: the promise is kept on average"
    assert accuracy[name].mean() < all_genuine, "lesson 07: accuracy still below all genuine"
assert 0.002 < (auc["autoencoder"] - auc["kNN"]).mean() < 0.015, "lesson 07: ahead by little"
assert ahead >= 3 and knn_over_steps == len(seeds), "lesson 07: kNN beats every step, not the AE"
assert np.ptp(recall["kNN"]) < 0.4 * np.ptp(recall["autoencoder"]), "lesson 07: kNN is steadier"
assert at_published["kNN"] > at_published["code of 5"] + 0.05, "lesson 07: at the published recall"
assert at_published["autoencoder"] > all_genuine, "lesson 07: accuracy at the published recall"

# %% [markdown]
# *The cutoff.* As found, it was chosen with the labels of the very rows it is judged on. Now
# calibration rows set it, and this line and all below promise to flag {{ 0.1:.0%}} of the normal
# rows. Only now can recalls be compared, and this one is {{ recall[chain[0]].mean():.0%}}. The
# networks are the same, and so is ROC-AUC.
#
# *The scale.* Mean and standard deviation of all rows hold something of the test rows: that is
# [leakage](../glossary.md#leakage), and one expects it to flatter ([Kaufman and others
# 2012](https://doi.org/10.1145/2382577.2382579)). Here it does harm, and the likely reason is the
# frauds: with them, the standard deviation of `{{ ratio }}` is {{ stretch:.2f}} times as large as
# among the fitting rows (over all normal rows, {{ normal_stretch:.2f}} times), so their own values
# look smaller. ROC-AUC rises in {{ up["scale from fitting rows"] }} of {{ len(seeds) }} seeds. The
# change would be right even if it fell: tomorrow's rows cannot set today's scale.
#
# *The output.* A ReLU never goes below zero, but {{ negative:.0%}} of the standardised entries do
# ([lesson 05](05_reconstruction_error.ipynb)). ROC-AUC rises in {{ up["linear output"] }} of
# {{ len(seeds) }} seeds.
#
# *The code.* Five numbers keep more of seven columns than two do. ROC-AUC rises in
# {{ up["code of 5"] }} of {{ len(seeds) }} seeds.
#
# Single steps may fail in single seeds; all together, they raise ROC-AUC in {{ together }} of
# {{ len(seeds) }}. (How much each step gives depends on the order, and {{ len(seeds) }} seeds are
# too few to rank them.)
#
# The package's autoencoder differs in several things at once: noise in training, wider layers,
# squared errors, longer training on more rows. The table says that they help together, and not
# which of them does.
#
# ## The corrected result
#
# With a false-positive rate of {{ fpr["autoencoder"].mean():.1%}}, the package's autoencoder finds
# {{ spread(recall["autoencoder"]) }} of the frauds; its ROC-AUC is
# {{ auc["autoencoder"].mean():.3f}}. With {{ fpr["kNN"].mean():.1%}}, kNN finds
# {{ spread(recall["kNN"]) }}; its ROC-AUC is {{ auc["kNN"].mean():.3f}}. The autoencoder is ahead
# in {{ ahead }} of {{ len(seeds) }} seeds by ROC-AUC and in {{ recall_ahead }} by recall. kNN is
# nearly as good, trains nothing, and its recall hardly moves from seed to seed. It beats every step
# of the rebuilt network in {{ knn_over_steps }} of {{ len(seeds) }} seeds: a single comparison with
# kNN would have found that network out.
#
# Accuracy is *still* below calling everything genuine: {{ accuracy["autoencoder"].mean():.1%}}
# against {{ all_genuine:.1%}}. It has to be: whoever flags {{ 0.1:.0%}} of the normal rows cannot
# get beyond {{ bound:.1%}}. At its better recall, {{ wanted:.1%}}, the project reports an accuracy
# of {{ published["accuracy"].iloc[0]:.1%}}. At that recall our pipeline as found has
# {{ at_published["as found"]:.1%}} on average, with a code of 5 {{ at_published["code of 5"]:.1%}},
# kNN {{ at_published["kNN"]:.1%}} and the package's autoencoder
# {{ at_published["autoencoder"]:.1%}}. (To get this recall, the cutoffs were read off the test
# labels. They serve this comparison and nothing else.)
#
# ## How sure is a recall?

# %% tags=["hide"]
few, caught_few = 20, 19

# %% [markdown]
# > **Predict.** A test holds {{ few }} frauds and finds {{ caught_few }}: recall is
# > {{ caught_few / few:.0%}}. Which recalls, over all frauds to come, are compatible with that?
#
# Each fraud is found or not, so the number found follows a binomial law, and a 95% *confidence
# interval* is a range built by a recipe that catches the true recall in 95% of all tests. The
# textbook recipe is $p \pm z\sqrt{p(1-p)/n}$ with $z = 1.96$. [Wilson
# (1927)](https://doi.org/10.1080/01621459.1927.10502953) asks which true recalls would make the
# observed one unsurprising:


# %%
def wilson(found, n):
    z = stats.norm.ppf(0.975)
    p = found / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return middle - half, middle + half


def textbook(found, n):
    p = found / n
    half = stats.norm.ppf(0.975) * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


# %% tags=["fold"]
sizes = [20, 60, 100, 200, 500, 1000]
fig, ax = plt.subplots(figsize=(5.4, 3))
for i, n in enumerate(sizes):
    for recipe, shift, colour, width in ((wilson, -0.1, NORMAL, 3), (textbook, 0.1, QUIET, 1.6)):
        ax.vlines(i + shift, *recipe(0.95 * n, n), color=colour, linewidth=width)
ax.axhline(0.95, color="black", linewidth=0.8)
ax.axhline(1, color="black", linewidth=0.8, linestyle=":")
ax.annotate("Wilson", (-0.1, 0.8), (-8, 0), textcoords="offset points", ha="right",
            color=NORMAL, fontsize=9)  # fmt: skip
ax.annotate("textbook", (0.1, 1.03), (8, 0), textcoords="offset points", fontsize=9)
ax.set(xlabel="frauds in the test, 95% of them found", ylabel="true recall", xlim=(-0.9, 5.4))
ax.set_xticks(range(len(sizes)), [f"{n:,}" for n in sizes])
ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
show(
    ax,
    f"Intervals for the recall where the same share is found of more and more frauds. Wilson's "
    f"shrinks from {wilson(19, 20)[0]:.0%} to {wilson(19, 20)[1]:.0%} with {sizes[0]} frauds to "
    f"{wilson(950, 1000)[0]:.1%} to {wilson(950, 1000)[1]:.1%} with {sizes[-1]:,}. With "
    f"{sizes[0]}, the textbook interval reaches beyond all frauds found.",
)


# %% tags=["hide"]
def coverage(recipe, n, truth=0.95):
    """Share of tests whose interval holds the true recall: an exact sum, no simulation."""
    counts = np.arange(n + 1)
    low, high = recipe(counts, n)
    return stats.binom.pmf(counts, n, truth)[(low <= truth) & (truth <= high)].sum()


covered = {recipe.__name__: coverage(recipe, few) for recipe in (wilson, textbook)}
low_few, high_few = wilson(caught_few, few)
n_frauds = int(labels.sum())
by_chance = np.sqrt(recall["autoencoder"].mean() * (1 - recall["autoencoder"].mean()) / n_frauds)
sd = {name: recall[name].std(ddof=1) for name in ("autoencoder", "kNN")}

# %% tags=["claim"]
assert covered["wilson"] > 0.9 and covered["textbook"] < 0.8, "lesson 07: textbook covers too few"
assert low_few < 0.8, "lesson 07: 20 frauds leave a wide range"
assert textbook(20, 20)[0] == 1, "lesson 07: all found, and the textbook is certain"
assert sd["autoencoder"] > 2 * by_chance, "lesson 07: the AE's recall moves more than by chance"
assert sd["kNN"] < 1.5 * by_chance, "lesson 07: kNN's does not"

# %% [markdown]
# From {{ low_few:.0%}} to {{ high_few:.0%}}: so few anomalies tell little. If the true recall is
# {{ 0.95:.0%}}, Wilson's recipe catches it in {{ covered["wilson"]:.0%}} of such tests, the
# textbook's in {{ covered["textbook"]:.0%}}; and where all {{ few }} are found, the textbook has no
# doubt left at all.
#
# The interval counts the luck of the test anomalies, for one fitted detector and one cutoff. It
# does not count the luck of splitting and training. With {{ n_frauds:,}} test frauds, chance alone
# gives a standard deviation of {{ by_chance:.2%}}; over our seeds the autoencoder's recall has
# {{ sd["autoencoder"]:.2%}}, kNN's {{ sd["kNN"]:.2%}} ({{ len(seeds) }} seeds give no more than
# the order of magnitude). So report both, interval and spread.
#
# [Cross-validation](../glossary.md#cross-validation) is another way to a spread: cut the rows into
# five parts and let each be the test part once. Repeated splits, as here, test some rows often and
# others never. Either way the runs share fitting rows, so their spread is a hint, not a standard
# error.

# %% tags=["claim"]
least = next(n for n in range(1, 2000) if wilson(0.95 * n, n)[0] >= 0.9)
textbook_least = next(n for n in range(1, 2000) if textbook(0.95 * n, n)[0] >= 0.9)
assert textbook_least < 0.6 * least, "lesson 07: the textbook promises too early"
assert 120 < least < 150, "lesson 07: how many frauds the claim needs"

# %% [markdown] tags=["exercise"]
# ## Exercise 2: how many frauds? (5 minutes)
#
# You expect that your detector finds {{ 0.95:.0%}} of the frauds, and want to claim, by Wilson's
# interval, "recall is at least {{ 0.9:.0%}}". Each fraud in the test costs an investigator's day.
# Choose `n_test`, enough for the claim and at most a quarter more than needed. What would you tell
# someone who has {{ few }}?

# %% tags=["exercise"]
n_test = 150  # SOLUTION


# %% tags=["check"]
def check_2(n_test, wilson):
    """The claim is about the lower end of the interval. What does it depend on?

    Try sizes: `wilson(0.95 * n, n)[0]` for some n. Does it rise or fall with n?

    The lower end first reaches the claim somewhere between 100 and 200 frauds.
    """
    assert float(n_test) == int(n_test) > 0, "a whole number of frauds is wanted"
    least = next(n for n in range(1, 2000) if wilson(0.95 * n, n)[0] >= 0.9)
    low = wilson(0.95 * n_test, n_test)[0]
    assert n_test >= least, f"too few for the claim: the lower end is {low:.1%}"
    assert n_test <= 1.25 * least, "enough for the claim, but over a quarter more than needed"


# %% tags=["wrong"]
# hint: too few
n_test = 75

# %% tags=["wrong"]
# hint: quarter more than needed
n_test = 400

# %% tags=["right"]
n_test = next(n for n in range(20, 1000, 20) if wilson(0.95 * n, n)[0] > 0.9)

# %% [markdown] tags=["solution"]
# Why: the lower end reaches {{ 0.9:.0%}} with {{ least }} frauds; a few more guard against finding
# slightly less than expected. The textbook recipe would be content with {{ textbook_least }}. With
# {{ few }} you can claim {{ low_few:.0%}}. And frauds have to occur to be tested: at a prevalence
# of {{ 0.001:.1%}}, {{ least }} of them take about {{ least / 0.001:,.0f}} rows.

# %% [markdown]
# ## Break it: a cutoff tuned on the test rows
#
# The project chose the best of ten cutoffs on the test rows. How much does that flatter? Take the
# package's autoencoder, draw small test sets from its test rows, choose the cutoff of best F1 on
# the drawn rows, and see what F1 the same cutoff has on the rows that were not drawn.
#
# > **Predict.** Is the gap larger with ten cutoffs or with every possible one to choose from? Does
# > it go away with more frauds?


# %%
def f1(labels, flags):
    return 2 * np.sum(flags & (labels == 1)) / (np.sum(flags) + np.sum(labels))


def best_of_ten(labels, scores):
    cutoffs = np.percentile(scores, percentiles)
    return cutoffs[np.argmax([f1(labels, scores > c) for c in cutoffs])]


def best_of_all(labels, scores):
    return thresholds.BestF(1).fit(scores, labels).cutoff_


def claimed_and_true(report, n_frauds, choose, rng):
    n = round(n_frauds / report.prevalence)
    frauds = rng.permutation(np.flatnonzero(report.labels == 1))
    normal = rng.permutation(np.flatnonzero(report.labels == 0))
    drawn = np.concatenate([frauds[:n_frauds], normal[: n - n_frauds]])
    rest = np.concatenate([frauds[n_frauds:], normal[n - n_frauds :]])
    cutoff = choose(report.labels[drawn], report.scores[drawn])
    return [f1(report.labels[rows], report.scores[rows] > cutoff) for rows in (drawn, rest)]


# %% tags=["hide"]
counts, draws_each = [5, 10, 20, 50, 100, 300], 60
tuned = {}
for choose in (best_of_ten, best_of_all):
    for count in counts:
        rng = np.random.default_rng(count)
        tuned[choose.__name__, count] = np.array(
            [
                claimed_and_true(r, count, choose, rng)
                for r in results["autoencoder"]
                for _ in range(draws_each)
            ]
        )
gap = {key: np.mean(v[:, 0] - v[:, 1]) for key, v in tuned.items()}
last_gap = max(abs(gap[choose, counts[-1]]) for choose in ("best_of_ten", "best_of_all"))
rng = np.random.default_rng(1)
as_found_gap = np.array(
    [claimed_and_true(r, counts[-1], best_of_ten, rng) for r in found for _ in range(draws_each)]
)
as_found_gap = np.mean(as_found_gap[:, 0] - as_found_gap[:, 1])
flattered = np.mean(tuned["best_of_all", 20][:, 0] > tuned["best_of_all", 20][:, 1])

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 3), sharey=True)
titles = {"best_of_ten": "best of ten percentiles", "best_of_all": "best of all cutoffs"}
for ax, (choice, title) in zip(axes, titles.items(), strict=True):
    both = np.array([tuned[choice, count].mean(axis=0) for count in counts])
    ax.fill_between(counts, both[:, 0], both[:, 1], color=QUIET, alpha=0.25, linewidth=0)
    ax.plot(counts, both[:, 0], "^--", color=ANOMALY)
    ax.plot(counts, both[:, 1], "o-", color=NORMAL)
    ax.set(xscale="log", title=title, ylim=(0.65, 0.9))
    ax.set_xticks(counts, counts)
    ax.minorticks_off()
axes[0].set_ylabel("mean F1")
axes[1].annotate("claimed", (12, 0.83), color=ANOMALY, fontsize=9)
axes[1].annotate("on other rows", (12, 0.715), color=NORMAL, fontsize=9)
fig.supxlabel("frauds among the rows it was tuned on", fontsize=10)
show(
    fig,
    "Mean F1 claimed on the rows the cutoff was tuned on, and F1 of the same cutoff on other rows. "
    f"With {counts[0]} frauds and all cutoffs to choose from, the claim is "
    f"{gap['best_of_all', counts[0]]:.2f} too high; with {counts[-1]}, "
    f"{gap['best_of_all', counts[-1]]:.2f}. With ten percentiles the gap is smaller.",
)

# %% tags=["claim"]
for count in counts[:4]:
    assert gap["best_of_all", count] > gap["best_of_ten", count], "lesson 07: more choice, more gap"
assert gap["best_of_ten", 10] > 0.02 and gap["best_of_all", 10] > 0.05, "lesson 07: it flatters"
assert last_gap < 0.025 and abs(as_found_gap) < 0.02, "lesson 07: with many frauds it goes away"
assert 0.7 < flattered < 0.97, "lesson 07: mostly, not always"

# %% [markdown]
# With {{ counts[1] }} frauds, the best of all cutoffs claims {{ gap["best_of_all", 10]:.2f}} too
# much on average, the best of ten {{ gap["best_of_ten", 10]:.2f}}. With {{ counts[2] }}, it is
# {{ gap["best_of_all", 20]:.2f}} and {{ gap["best_of_ten", 20]:.2f}}, and the claim from all
# cutoffs is above the truth in {{ flattered:.0%}} of the draws. With {{ counts[-1] }} frauds both
# gaps are at most {{ last_gap:.2f}}, and that of our pipeline as found, with the best of ten, is
# {{ abs(as_found_gap):.2f}}. A table of a million rows holds thousands of frauds to test on: the
# project broke the rule where that gains hardly anything. With few anomalies it would have
# mattered. If you aim at F1, tune it with `BestF` on
# [validation rows](../glossary.md#validation-rows).
#
# Cutoffs are not the only thing one can choose on test rows. An unseeded pipeline can be run until
# its result pleases.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: make a coin shine (4 minutes)
#
# A detector gives random scores. You run it `tries` times and report the best ROC-AUC. The test
# holds `frauds` frauds and $200$ normal rows. Choose both, with at most $50$ tries, so that on
# average you report $0.8$ or more.

# %% tags=["exercise"]
frauds = 3  # SOLUTION
tries = 50  # SOLUTION


# %% tags=["check"]
def check_3(frauds, tries):
    """A coin has a ROC-AUC of one half on average. What makes single runs stray from that?

    The fewer frauds, the more ROC-AUC strays; the more tries, the higher the best of them.

    Use all the tries you may, and fewer frauds than you have fingers on one hand.
    """
    assert 1 <= int(tries) == tries <= 50, "tries: a whole number up to 50"
    assert 1 <= int(frauds) == frauds <= 500, "frauds: a whole number up to 500"
    rng = np.random.default_rng(0)
    best = []
    for _ in range(100):
        scores = rng.random((int(tries), int(frauds) + 200))
        ranks = scores.argsort(axis=1).argsort(axis=1)[:, : int(frauds)]
        above = ranks.sum(axis=1) - frauds * (frauds - 1) / 2  # pairs a fraud wins
        best.append(above.max() / (200 * frauds))
    reached = np.mean(best)
    assert reached >= 0.8, f"the best ROC-AUC is {reached:.2f} on average: let chance do more"


# %% tags=["wrong"]
# hint: let chance do more
frauds, tries = 20, 50

# %% tags=["wrong"]
# hint: a whole number up to 50
frauds, tries = 3, 1000

# %% tags=["right"]
frauds, tries = 2, 40

# %% [markdown] tags=["solution"]
# Why: with three frauds, ROC-AUC is the mean of three random ranks and strays far; the best of many
# tries picks the farthest stray. Two hundred normal rows do not help, since the rarer class sets
# the spread. Defences: fix the seeds beforehand, report all of them, and keep rows that nobody
# looks at until the end.

# %% [markdown]
# ## Key points
#
# - Where anomalies are rare, accuracy reports on normal rows. Report recall and false-positive
#   rate, and precision at a stated prevalence.
# - ROC-AUC does not move with the prevalence; precision, F1 and average precision do. Compare those
#   on the same rows only.
# - Scale and cutoff come from fitting and calibration rows, whether that raises the figures or not.
# - Change one thing at a time, over several seeds, with a baseline beside it: here kNN beats every
#   step of the rebuilt network and comes close to the package's autoencoder.
# - Few anomalies make a wide interval, and choosing on the test rows flatters most when they are
#   few.
#
# ## Test yourself
#
# <details>
# <summary>A paper reports an average precision of a third. In its test, one row in three is an
# anomaly. What do you conclude?</summary>
#
# Random scores would get about a third too: by this figure, the detector is no better than a coin.
#
# </details>
#
# <details>
# <summary>A detector was tested on as many frauds as normal rows: precision is high. In use, fraud
# is rare. Which of recall, false-positive rate, precision, F1 and ROC-AUC carry over?</summary>
#
# Recall, false-positive rate and ROC-AUC, if the rows of each class are of the same kind as before.
# Precision and F1 will be lower; with the formula above you can compute them for the new
# prevalence.
#
# </details>
#
# <details>
# <summary>You scale with all rows, repeat with fitting rows only, and every figure stays the same
# to three digits. May you keep the first version?</summary>
#
# No. Here it did not matter, and you only know because you tried. In use, the rows to be judged are
# not there when the scale is set, so the first version measures something that cannot be run.
#
# </details>
#
# ## Sources
#
# - Damien Fourure and others, "Anomaly detection: how to artificially increase your F1-score with a
#   biased evaluation protocol", 2021, [arXiv:2106.16020](https://arxiv.org/abs/2106.16020).
# - Takaya Saito and Marc Rehmsmeier, "The precision-recall plot is more informative than the ROC
#   plot when evaluating binary classifiers on imbalanced datasets", PLOS ONE 2015,
#   [doi:10.1371/journal.pone.0118432](https://doi.org/10.1371/journal.pone.0118432).
# - Jesse Davis and Mark Goadrich, "The relationship between precision-recall and ROC curves", ICML
#   2006, [doi:10.1145/1143844.1143874](https://doi.org/10.1145/1143844.1143874).
# - Shachar Kaufman, Saharon Rosset, Claudia Perlich and Ori Stitelman, "Leakage in data mining:
#   formulation, detection, and avoidance", ACM TKDD 2012,
#   [doi:10.1145/2382577.2382579](https://doi.org/10.1145/2382577.2382579).
# - Edwin B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA
#   1927, [doi:10.1080/01621459.1927.10502953](https://doi.org/10.1080/01621459.1927.10502953).
# - Data: dhanushnarayananr, "Credit Card Fraud",
#   [Kaggle](https://www.kaggle.com/datasets/dhanushnarayananr/credit-card-fraud); the first rows of
#   a public copy.
