# ---
# title: Your own detector
# objectives:
#   - write a detector of your own, with the card that says when it works and when it fails
#   - run the contract suite on a detector and say what each complaint means
#   - compare your detector with the others on the same splits, and let the package find it
# needs: ["03", "07"]
# data: [breast_cancer, digits, shapes/ring]
# ---

# %% [markdown]
# You have an idea for a method: from a paper, from your field, from a colleague. What does it take
# to place it beside the others, judged in the same way, and to trust that it does what it says?
#
# Here it takes two methods, a card, and a suite of checks that tries to catch you out. In this
# lesson you watch a [detector](../glossary.md#detector) being written from nothing, tested,
# compared and handed on. Then you write one, and mend one.

# %% tags=["hide"]
from typing import ClassVar

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score, roc_curve
from sklearn.neighbors import KernelDensity
from sklearn.utils.estimator_checks import check_estimator

from anomaly_lab import AnomalyModel, compare, datasets, split
from anomaly_lab.contract import Card, Count, Detector, Positive, Seed
from anomaly_lab.contract.testing import CHECKS, check_detector, easy_rows
from anomaly_lab.detectors import (
    AutoencoderDetector,
    CentroidDetector,
    IsolationForestDetector,
    KNNDetector,
    PCADetector,
    all_detectors,
)
from anomaly_lab.drawing import ANOMALY, NORMAL, QUIET, STYLE, score_map, show

plt.style.use(STYLE)
pd.set_option("display.max_colwidth", None)

# %% [markdown]
# ## What a detector promises
#
# A detector is one class that derives from `Detector`. It writes four things:
#
# - `__init__` stores the parameters and does nothing else, because a detector is copied by its
#   parameters whenever it is fitted on another split. A method without parameters needs none.
# - `_fit(X)` learns from the [fitting rows](../glossary.md#fitting-rows), keeps what it learnt in
#   attributes whose names end in `_`, and returns the anomaly scores of those rows.
# - `_anomaly_score(X)` returns one number a row: **the higher, the more anomalous**.
# - `card` says in plain words what the method is.
#
# The base class does the rest, once for all detectors. It refuses rows that cannot be used, sets
# the [cutoff](../glossary.md#cutoff), and offers scikit-learn's methods (`predict`,
# `score_samples`, `decision_function`) with scikit-learn's signs. One more method is optional:
# `_contributions(X)`, what each column adds to the score, where the score is such a sum.

# %% [markdown]
# ## An idea: count bits of surprise
#
# Distances depend on units, as [lesson 03](03_neighbours_and_trees.ipynb) showed. Ranks do not. So
# take one column, and ask of a value: what share $p$ of the fitting rows lie at least as far out?
# Call $\log_2 (1/p)$ the *bits of surprise*: one more bit each time the share halves. It is
# Shannon's measure of how much there is to learn from an event.
#
# Two details make it honest. Far out means on the value's own side, which is chosen after looking,
# so that share is doubled: in the middle of the column it is one, and there is no surprise. And the
# new value counts as one of the rows, so that the share is never zero.


# %%
def surprise(seen, values):
    """Bits of surprise of each value, given the values seen before."""
    at_most = (seen <= values[:, None]).sum(axis=1)
    at_least = (seen >= values[:, None]).sum(axis=1)
    share = 2 * (np.minimum(at_most, at_least) + 1) / (len(seen) + 1)
    return np.log2(1 / np.minimum(share, 1))


tumours = datasets.load("breast_cancer")
parts = split(tumours, seed=0)
radius = parts.fit["mean radius"].to_numpy()

# %% [markdown]
# The rows are tumours, benign ones are the normal rows, and `radius` holds one column of the
# {{ len(radius) }} fitting rows.
#
# > **Predict.** How many bits of surprise has the median radius? One just larger than all those
# > seen? One a thousand times the largest?

# %%
surprise(radius, np.array([np.median(radius), radius.max() + 0.1, 1000 * radius.max()])).round(2)

# %% tags=["hide"]
bits_of = surprise(radius, np.array([np.median(radius), radius.max() + 0.1, 1000 * radius.max()]))
cap = np.log2((len(radius) + 1) / 2)
malignant = parts.test["mean radius"].to_numpy()[parts.test_labels == 1]
at_cap = np.mean(surprise(radius, malignant) > cap - 1e-9)

# %% tags=["claim"]
assert bits_of[0] == 0, "lesson 12 says that the median is no surprise"
assert np.allclose(bits_of[1:], cap), "lesson 12 says that both large values get the cap"
assert 0.3 < at_cap < 0.9, "lesson 12 shows malignant tumours below and at the cap"

# %% tags=["fold"]
figure, (top, below) = plt.subplots(2, 1, figsize=(4.4, 3.6), sharex=True, height_ratios=[1, 1.3])
grid = np.linspace(5, 29, 481)
top.hist(radius, bins=24, color=NORMAL, alpha=0.6)
top.plot(malignant, np.full(malignant.size, -3.0), "^", color=ANOMALY, ms=4, clip_on=False)
top.text(18.5, 12, "malignant test rows", color=ANOMALY, fontsize=9)
top.annotate(
    "", (20, 0), (20.5, 11), arrowprops={"arrowstyle": "-", "color": ANOMALY, "linewidth": 0.8}
)
top.text(14.5, 22, "fitting rows", color=NORMAL, fontsize=9)
top.set(ylabel="rows", ylim=(-5, None))
below.plot(grid, surprise(radius, grid), color="black")
below.text(28.8, cap - 0.4, f"cap: {cap:.1f} bits", ha="right", va="top", fontsize=9)
below.set(xlabel="mean radius", ylabel="surprise in bits", xlim=(5, 29), ylim=(0, 7.5))
show(
    figure,
    f"Above, the mean radius of benign fitting rows, between {radius.min():.0f} and "
    f"{radius.max():.0f}, and of malignant test rows, between {malignant.min():.0f} and "
    f"{malignant.max():.0f}. Below, the "
    f"surprise: zero in the middle of the benign rows, rising in steps on both sides, and flat at "
    f"{cap:.1f} bits beyond the smallest and the largest of them.",
)

# %% [markdown]
# The median is no surprise. Both large values get {{ bits_of[1]:.2f }} bits: beyond the largest
# value seen, the curve is flat. From {{ len(radius) }} rows you can learn that a value is rarer
# than any of them, not how much rarer. {{ at_cap:.0%}} of the malignant test rows are at this cap
# in this one column. That is a weakness worth stating, which is what the card is for.

# %% [markdown]
# ## The card comes first
#
# If you cannot write `fails`, you do not know your method yet. So write the card before the code.

# %%
TAIL_CARD = Card(
    name="tail",
    title="Empirical tails",
    idea="Ask of each value how rare it is to lie that far out in its column. "
    "Add up the surprise over the columns.",
    score="bits of surprise, summed over the features",
    works="Anomalies are extreme in one feature or in many, whatever the features' units.",
    fails="Each value is ordinary and only their combination is odd; or it matters how far "
    "beyond all fitting rows a value lies.",
    cost="fit O(dn log n), score O(d log n) a row; keeps all rows",
    reference="Close to ECOD: Li et al. (2022), doi:10.1109/TKDE.2022.3159580",
)

# %% [markdown]
# ## The class
#
# Fitting is sorting. In a sorted column, `np.searchsorted` finds how many rows lie on either side
# of a value without looking at them all. One thing needs care: a fitting row is among the sorted
# rows already, a new one is not.


# %%
class TailDetector(Detector):
    """Bits of surprise, summed over the features."""

    card: ClassVar[Card] = TAIL_CARD

    def _fit(self, X):
        self.sorted_ = np.sort(X, axis=0)
        return self._bits(X, new=0).sum(axis=1)

    def _anomaly_score(self, X):
        return self._contributions(X).sum(axis=1)

    def _contributions(self, X):
        return self._bits(X, new=1)

    def _bits(self, X, new):
        columns = list(zip(self.sorted_.T, X.T, strict=True))
        n = len(self.sorted_)
        at_most = np.column_stack([np.searchsorted(seen, x, "right") for seen, x in columns])
        at_least = n - np.column_stack([np.searchsorted(seen, x, "left") for seen, x in columns])
        share = 2 * (np.minimum(at_most, at_least) + new) / (n + new)
        return np.log2(1 / np.minimum(share, 1))


# %% tags=["hide"]
class CountsTwice(TailDetector):
    """Scores fitting rows as if they were new."""

    def _fit(self, X):
        super()._fit(X)
        return self._anomaly_score(X)


def flagged(detector, seed):
    """Return the share of fresh normal rows beyond the cutoff that `fit` set."""
    rng = np.random.default_rng(seed)
    detector.fit(rng.normal(size=(200, 10)))
    return np.mean(detector.predict(rng.normal(size=(500, 10))) == -1)


fitted = TailDetector().fit(parts.fit)
kept = np.mean(fitted.training_scores_ <= -fitted.offset_)
flagged_once = np.mean([flagged(TailDetector(), seed) for seed in range(100)])
flagged_twice = np.mean([flagged(CountsTwice(), seed) for seed in range(100)])

# %% tags=["claim"]
for name, bits in zip(parts.fit, fitted.contributions(parts.test).T, strict=True):
    expected = surprise(parts.fit[name].to_numpy(), parts.test[name].to_numpy())
    assert np.allclose(bits, expected), "lesson 12 says that the class does what surprise does"
logs = TailDetector().fit(np.log1p(parts.fit)).anomaly_score(np.log1p(parts.test))
assert np.allclose(fitted.anomaly_score(parts.test), logs), "lesson 12 says units do not matter"
assert 0.04 < flagged_once < 0.065, "lesson 12 says that the rate is about the promised one"
assert flagged_twice > 0.075, "lesson 12 says that counting twice flags far too many"

# %% [markdown]
# That is all. Every number that `surprise` gives for one column, the class gives for all of them;
# and since it only ever asks what is larger, taking the logarithm of a column changes no score.
#
# Its published relative, ECOD, is in the package as `EmpiricalTailDetector`. Where `tail` takes the
# nearer end of each column and adds up once, that one adds up three times (all left ends, all right
# ends, and of each column the end it is skewed to) and takes the largest sum.
#
# > **Note.** `_fit` returns the scores of the fitting rows, and `fit` takes a first cutoff from
# > them, above {{ kept:.0%}} of them. Score the fitting rows as if they were new, and each is
# > counted twice: their scores come out too low, and so does the cutoff. Of fresh normal rows
# > (simulated) {{ flagged_twice:.1%}} are then flagged; with the class above it is
# > {{ flagged_once:.1%}}. For the same reason `KNNDetector` leaves each fitting row out of its own
# > neighbours.

# %% [markdown]
# ## Let the suite judge
#
# > **Predict.** What could be wrong with a detector that runs without an error? Name three faults
# > before you look at the list.

# %%
check_detector(TailDetector())  # silent: every check passed
pd.DataFrame({"the check": [c.__name__ for c in CHECKS], "holds if": [c.__doc__ for c in CHECKS]})

# %% [markdown]
# `check_detector` runs {{ len(CHECKS) }} checks on an easy data set of its own and reports all that
# fail, in words. Each stands for a fault that leaves no trace until it has spoilt a result: labels
# that are read make the figures look better than they are; a row whose score depends on the rows
# beside it cannot be scored when it comes alone; a score that follows the global random state
# cannot be repeated by anyone.

# %% [markdown] tags=["exercise"]
# ## Exercise 1: wrap a method that exists (5 minutes)
#
# Often somebody has written the hard part. scikit-learn's `KernelDensity` puts a small bump on
# every fitting row and adds the bumps up, which gives a density: high where there are many rows
# like this one. Its method `score_samples(X)` returns the logarithm of the density. (What a
# parameter may be, its annotation says; the base class checks it.) Write `_anomaly_score`.


# %% tags=["exercise"]
class DensityDetector(Detector):
    card = Card(
        name="density",
        title="Kernel density",
        idea="Add up a bump around every fitting row. Where the sum is low, a row is anomalous.",
        score="negative logarithm of the density, in nats",
        works="Few features, many rows, and bumps about as wide as the gaps between rows.",
        fails="Many features: every row is far from every other.",
        cost="fit O(nd log n), score O(nd) a row; keeps all rows",
        reference="Parzen (1962), doi:10.1214/aoms/1177704472",
    )

    def __init__(self, bandwidth: Positive = 1.0):
        self.bandwidth = bandwidth

    def _fit(self, X):
        self.density_ = KernelDensity(bandwidth=self.bandwidth).fit(X)
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        # BEGIN SOLUTION
        return -self.density_.score_samples(X)
        # END SOLUTION


# %% tags=["check"]
def check_1(DensityDetector):
    """What does a high density say about a row?

    The one promise of `_anomaly_score` is: the higher, the more anomalous, one number a row.

    The density is low where a row is anomalous. Which small change makes low numbers high?
    """
    rows = np.asarray(easy_rows()[0])
    scores = DensityDetector()._fit(rows)  # the scores of these rows
    assert np.shape(scores) == (len(rows),), "expected one number a row"
    check_detector(DensityDetector())


# %% tags=["wrong"]
# hint: the sign of the score is flipped
class DensityDetector(DensityDetector):
    def _anomaly_score(self, X):
        return self.density_.score_samples(X)


# %% tags=["wrong"]
# hint: which other rows are scored with it
class DensityDetector(DensityDetector):
    def _anomaly_score(self, X):
        scores = -self.density_.score_samples(X)
        return (scores - scores.min()) / (scores.max() - scores.min() + 1e-9)


# %% tags=["wrong"]
# hint: one number a row
class DensityDetector(DensityDetector):
    def _anomaly_score(self, X):
        return -self.density_.score(X)


# %% tags=["right"]
class DensityDetector(DensityDetector):
    def _anomaly_score(self, X):
        return np.array([-self.density_.score_samples(row[None])[0] for row in X])


# %% [markdown] tags=["solution"]
# Why: a density is a measure of how normal a row is, so its sign has to be turned. Scaling the
# scores to lie between zero and one is tempting, and wrong where the scale is taken from the rows
# being scored: the same row would then get another score tomorrow. The order is all that ROC-AUC
# looks at; if you want a scale, learn it in `_fit`.

# %% [markdown]
# ## Beside the others
#
# `compare` takes your detector under a name of your own. Every detector gets the same splits, and
# is judged on the same test rows.

# %%
others = {
    "autoencoder": AutoencoderDetector(),
    "centroid": CentroidDetector(),
    "isolation_forest": IsolationForestDetector(),
    "knn": KNNDetector(),
    "pca": PCADetector(),
}
on_tumours = compare(tumours, {"tail": TailDetector(), **others}, seeds=5)
on_digits = compare(datasets.load("digits"), {"tail": TailDetector(), **others}, seeds=5)

# %% [markdown]
# > **Predict.** Tumours: malignant ones tend to be larger and more ragged, in many columns at once.
# > Digits: the normal rows are images of all digits but the nine, one column a pixel, and a nine is
# > an anomaly. On which of the two will the tail detector do well? What does its card say?

# %% tags=["fold"]
results = {"tumours": on_tumours, "digits": on_digits}
figure, axes = plt.subplots(1, 2, figsize=(6.7, 2.7), sharex=True)
for ax, (name, result) in zip(axes, results.items(), strict=True):
    for place, detector in enumerate(reversed(result.detectors)):
        areas = [run.report.roc_auc for run in result.of(detector)]
        own = detector == "tail"
        colour = "black" if own else QUIET
        mark = {"marker": "D" if own else "o", "ms": 5, "mfc": "none", "color": colour}
        ax.plot(areas, [place] * len(areas), linestyle="none", **mark)
        ax.plot([np.mean(areas)] * 2, [place - 0.3, place + 0.3], color=colour, linewidth=2)
    ax.set_yticks(range(6), [d.replace("_", " ") for d in reversed(result.detectors)])
    ax.axvline(0.5, color=QUIET, linewidth=0.8, linestyle=":")
    ax.text(0.51, 5.6, "chance", fontsize=8, va="center")
    ax.set(title=name, xlabel="ROC-AUC", xlim=(0.42, 1))
means = {name: result.table()[("roc_auc", "mean")] for name, result in results.items()}
show(
    figure,
    f"ROC-AUC of {len(means['digits'])} detectors for {len(on_digits.protocol.seeds)} seeds, "
    "each with its mean as a bar. On the tumours all lie close "
    f"together, means from {means['tumours'].min():.2f} to {means['tumours'].max():.2f}, tail at "
    f"{means['tumours']['tail']:.2f}. On the digits they lie far apart: autoencoder at "
    f"{means['digits']['autoencoder']:.2f}, knn at {means['digits']['knn']:.2f}, tail at "
    f"{means['digits']['tail']:.2f}, centroid at {means['digits']['centroid']:.2f}.",
)

# %% tags=["hide"]
seeds = len(on_digits.protocol.seeds)
area = {name: result.frame().pivot(index="seed", columns="detector", values="roc_auc")
        for name, result in results.items()}  # fmt: skip
behind = area["tumours"]["centroid"] - area["tumours"]["tail"]
below_centroid = int((behind > 0).sum())
above_network = int((area["tumours"]["tail"] > area["tumours"]["autoencoder"]).sum())
below_knn = int((area["digits"]["tail"] < area["digits"]["knn"]).sum())
above_centroid = int((area["digits"]["tail"] > area["digits"]["centroid"]).sum())

# %% tags=["claim"]
assert below_centroid == seeds, "lesson 12 says that the centroid is steadily ahead on the tumours"
assert behind.mean() < 0.02, "lesson 12 says that it is ahead by little"
assert 0 < above_network < seeds, "lesson 12 says that tail and autoencoder take turns"
assert below_knn == seeds, "lesson 12 says that kNN beats tail on the digits in every seed"
assert above_centroid == seeds, "lesson 12 says that tail beats the centroid on the digits"
assert means["digits"]["tail"] < 0.7, "lesson 12 says that tail does badly on the digits"
assert list(means["digits"].nlargest(2).index) == ["autoencoder", "knn"], "lesson 12 names the best"

# %% [markdown]
# On the tumours the tail detector reaches {{ means["tumours"]["tail"]:.3f }}, and beats the
# autoencoder in {{ above_network }} of {{ seeds }} seeds. But the
# [centroid](../glossary.md#centroid), which knows nothing but the mean, is ahead of it in
# {{ below_centroid }} of {{ seeds }}, by {{ behind.mean():.3f }} on average. The gap is small and,
# on the same splits, steady. So on this table the new method is not worth its trouble: malignant
# tumours are extreme column by column, and any method sees that.
#
# On the digits it reaches {{ means["digits"]["tail"]:.2f }}: above the centroid in
# {{ above_centroid }} of {{ seeds }} seeds, and below [kNN](../glossary.md#k-nearest-neighbours) in
# {{ below_knn }} of {{ seeds }}. The autoencoder leads with
# {{ means["digits"]["autoencoder"]:.2f }}. Pixel by pixel a nine is little odder than the other
# digits. Its combination of pixels is odd, and that the card said it would miss.
#
# A picture of two columns shows what "column by column" means.

# %% tags=["fold"]
ring = split(datasets.load("shapes/ring"), seed=0)
figure, axes = plt.subplots(1, 2, figsize=(6.7, 3.6))
ring_areas = {}
for ax, detector in zip(axes, (TailDetector(), KNNDetector()), strict=True):
    detector.fit(ring.fit.to_numpy())
    score_map(ax, detector, ring.test, ring.test_labels, cutoff=-detector.offset_)
    ax.set_box_aspect(1)
    scores = detector.anomaly_score(ring.test.to_numpy())
    ring_areas[detector.card.name] = roc_auc_score(ring.test_labels, scores)
    ax.set_title(f"{detector.card.name}: ROC-AUC {ring_areas[detector.card.name]:.2f}")
show(
    figure,
    "Normal rows form a ring, anomalies lie inside and around it; the stronger the grey, the "
    "higher the score, and a dashed line is the cutoff. The tail detector's map has no grey in "
    "the middle of the ring and a square for a cutoff: "
    f"ROC-AUC {ring_areas['tail']:.2f}. The map of kNN is grey inside and outside, and its cutoff "
    f"follows the ring on both sides: {ring_areas['knn']:.2f}.",
)

# %% tags=["hide"]
rings, ring_wins = 10, 0
for seed in range(rings):
    again = split(datasets.load("shapes/ring", seed=seed), seed=seed)
    tail, knn = (
        roc_auc_score(again.test_labels, d.fit(again.fit).anomaly_score(again.test))
        for d in (TailDetector(), KNNDetector())
    )
    ring_wins += int(knn > tail)

# %% tags=["claim"]
assert ring_wins == rings, "lesson 12 says that kNN beats the tail detector on the ring"
on_ring = TailDetector().fit(ring.fit.to_numpy())
middle = on_ring.anomaly_score([[0.0, 0.0]])[0]
assert middle < np.quantile(on_ring.training_scores_, 0.05), (
    "lesson 12 says that the middle is hardly odd"
)

# %% [markdown]
# The middle of the ring, where no normal row has ever been, gets nearly the lowest score there is:
# it is in the middle of both columns. kNN is better in {{ ring_wins }} of {{ rings }} rings drawn
# anew.
#
# Since the class has `_contributions`, it can also say which columns made a row stand out. Here is
# the malignant tumour that was flagged most narrowly on the first split:

# %%
model = AnomalyModel(TailDetector()).fit(parts.fit).calibrate(parts.calibrate)
scores = model.anomaly_score(parts.test)
caught = np.flatnonzero((parts.test_labels == 1) & (scores > model.cutoff))
narrowest = parts.test.iloc[[caught[scores[caught].argmin()]]]
bits = model.explain(narrowest).iloc[0]
bits.nlargest(4).round(1).to_frame("bits of surprise")

# %% tags=["claim"]
assert np.isclose(bits.max(), cap), "lesson 12 says that its first column is at the cap"

# %% [markdown]
# Its score is {{ bits.sum():.1f }} bits over {{ bits.size }} columns, and the cutoff is
# {{ model.cutoff:.1f }}. In {{ int((bits > cap - 1e-9).sum()) }} columns it is at the cap. "More
# extreme in {{ bits.idxmax() }} than any of {{ len(radius) }} benign tumours" is a sentence that a
# physician can dispute, and that is what a unit is good for.

# %% [markdown] tags=["exercise"]
# ## Exercise 2: defend the card (7 minutes)
#
# The card claims that the tail detector fails where "each value is ordinary and only their
# combination is odd". A claim on a card should come with its evidence. Choose the data: write
# `evidence(rng)`, which returns `fit` and `test` (two columns each) and the `labels` of the test
# rows, 1 for an anomaly, such that the tail detector's ROC-AUC is below `0.6` and that of kNN is
# above `0.95`. Draw at least `200` fitting rows and `20` anomalies, from `rng`.


# %% tags=["exercise"]
def evidence(rng):
    # BEGIN SOLUTION
    def normal(n):
        x = rng.normal(size=n)
        return np.column_stack([x, x + 0.05 * rng.normal(size=n)])

    x = rng.uniform(0.4, 1.0, size=50)  # within a standard deviation of the mean
    test = np.vstack([normal(200), np.column_stack([x, -x])])
    return normal(300), test, np.repeat([0, 1], [200, 50])
    # END SOLUTION


# %% tags=["check"]
def check_2(evidence, TailDetector):
    """If you look at one column at a time, nothing may seem odd. What is left to be odd?

    Let the two columns be tied together in normal rows, so tightly that one tells the other.

    Draw x, and let the second column follow it closely. For an anomaly, break the tie, but keep
    the values in the range of each column.
    """
    tail, knn = [], []
    for seed in (0, 1, 2):
        fit, test, labels = evidence(np.random.default_rng(seed))
        fit, test, labels = np.asarray(fit, float), np.asarray(test, float), np.asarray(labels)
        assert fit.shape[1:] == (2,), "fit should have two columns"
        assert test.shape == (labels.size, 2), "test should have two columns, and a label a row"
        assert set(np.unique(labels)) == {0, 1}, "labels should be 0 and 1, and both should occur"
        assert len(fit) >= 200, "too few fitting rows"
        assert labels.sum() >= 20, "too few anomalies"
        for areas, detector in ((tail, TailDetector()), (knn, KNNDetector())):
            areas.append(roc_auc_score(labels, detector.fit(fit).anomaly_score(test)))
    assert max(tail) < 0.6, (
        f"the tail detector still tells them apart (ROC-AUC {max(tail):.2f}): "
        "each column on its own should look ordinary"
    )
    assert min(knn) > 0.95, (
        f"kNN does not find them either (ROC-AUC {min(knn):.2f}): "
        "there has to be something odd about the combination"
    )


# %% tags=["wrong"]
# hint: still tells them apart
def evidence(rng):
    fit = rng.normal(size=(300, 2))
    test = np.vstack([rng.normal(size=(100, 2)), rng.normal(size=(30, 2)) + 6])
    return fit, test, np.repeat([0, 1], [100, 30])


# %% tags=["wrong"]
# hint: does not find them either
def evidence(rng):
    rows = rng.normal(size=(500, 2))
    return rows[:300], rows[300:], np.repeat([0, 1], [150, 50])


# %% tags=["wrong"]
# hint: both should occur
def evidence(rng):
    x = rng.normal(size=400)
    rows = np.column_stack([x, x])
    return rows[:300], rows[300:], np.zeros(100)


# %% tags=["right"]
def evidence(rng):
    angle = rng.uniform(0, 2 * np.pi, 500)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.02 * rng.normal(size=(500, 2))
    middle = 0.2 * rng.normal(size=(40, 2))
    return ring[:300], np.vstack([ring[300:], middle]), [0] * 200 + [1] * 40


# %% [markdown] tags=["solution"]
# Why: each value of an anomaly is one that normal rows often have, and only the tie between the
# columns is broken, so no column on its own can tell. kNN looks at both at once, and near a row
# that breaks the tie there are no normal rows. Moving anomalies far out is the tempting mistake;
# that is where the tail detector is at its best.

# %% [markdown]
# ## Let it be found
#
# So far the class lives in this notebook. To appear in `anomaly-lab detectors` and in every
# `anomaly-lab compare`, and to be saved inside a model and loaded again, a detector has to be
# found. Give it a small package of its own. One command writes it:
#
# ```console
# anomaly-lab detectors new tail
# anomaly-lab detectors check tail/tail.py:TailDetector
# python -m pip install ./tail
# ```
#
# `tail/tail.py` holds a detector that works, for you to put yours in its place. `check` runs both
# suites on it and says what is missing. `pyproject.toml` names the class as an [entry
# point](../glossary.md#entry-point):
#
# ```toml
# [project.entry-points."anomaly_lab.detectors"]
# tail = "tail:TailDetector"
# ```
#
# Once it is installed beside this package, the command line, the gallery and the site built from
# there know your detector by its card's name. If two cards carry the same name, you get an error
# that names both classes, not the one that happened to come last. [Add a
# detector](../own-detector.md) goes through the file line by line. In this package itself, one file
# `anomaly_lab/detectors/tail.py` is enough: there is no list to add it to.

# %%
sorted(all_detectors())  # what is found now; 'tail' lives in this notebook only

# %% tags=["claim"]
assert "tail" not in all_detectors(), "lesson 12 says that tail is not found yet"

# %% [markdown]
# ## Break it: turn the sign
#
# Some libraries score normal rows high, others anomalies. scikit-learn's `decision_function` [gives
# negative values to outliers](https://scikit-learn.org/stable/modules/outlier_detection.html); in
# PyOD, under the same name, [outliers get the higher
# scores](https://github.com/yzhao062/pyod/blob/v1.1.3/pyod/models/base.py). Whoever wraps the one
# as if it were the other writes this:


# %%
class FlippedDetector(TailDetector):
    """The tail detector with the sign of its score turned."""

    def _fit(self, X):
        return -super()._fit(X)

    def _anomaly_score(self, X):
        return -super()._anomaly_score(X)


# %% [markdown]
# > **Predict.** Which of the two suites notices: scikit-learn's `check_estimator`, the one in this
# > package, both, or neither? And what does ROC-AUC become?


# %%
def complaints(detector):
    """Return what the contract suite says against a detector, a line a fault."""
    try:
        check_detector(detector)
    except AssertionError as error:
        return str(error).splitlines()
    return []


verdicts = check_estimator(FlippedDetector(), on_fail=None, on_skip=None)
print(pd.Series([verdict["status"] for verdict in verdicts]).value_counts().to_string())
print(*complaints(FlippedDetector()), sep="\n")

# %% tags=["fold"]
both = compare(tumours, {"tail": TailDetector(), "flipped": FlippedDetector()}, seeds=5)
turned_mean, right_mean = np.sort(both.table()[("roc_auc", "mean")])
figure, ax = plt.subplots(figsize=(3.8, 3.6))
for name, colour, line in (("tail", "black", "-"), ("flipped", QUIET, "--")):
    for run in both.of(name):
        rate, recall, _ = roc_curve(run.report.labels, run.report.scores)
        ax.plot(rate, recall, color=colour, linestyle=line, linewidth=1)
ax.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
ax.text(0.14, 0.74, f"tail, mean {right_mean:.2f}")
ax.text(0.86, 0.22, f"flipped, mean {turned_mean:.2f}", ha="right")
ax.set(xlabel="false-positive rate", ylabel="recall", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
ax.set_aspect("equal")
show(
    figure,
    f"ROC curves for {len(both.protocol.seeds)} seeds. Those of the tail detector bulge into the "
    f"upper left corner, mean area {right_mean:.2f}; those of the flipped one have the same shape "
    f"turned by half a turn, into the lower right corner, mean area {turned_mean:.2f}.",
)

# %% tags=["hide"]
passed = sum(verdict["status"] == "passed" for verdict in verdicts)
failed = sum(verdict["status"] == "failed" for verdict in verdicts)
aside = len(verdicts) - passed - failed
right = np.array([run.report.roc_auc for run in both.of("tail")])
turned = np.array([run.report.roc_auc for run in both.of("flipped")])
flipped_table = both.table().loc["flipped"]
flipped_recall = flipped_table[("recall", "mean")]
flipped_rate = flipped_table[("false_positive_rate", "mean")]

# %% tags=["claim"]
unflipped = check_estimator(TailDetector(), on_fail=None, on_skip=None)
statuses = [[verdict["status"] for verdict in run] for run in (verdicts, unflipped)]
assert statuses[0] == statuses[1], "lesson 12 says that both signs pass the same checks"
assert failed == 0, "lesson 12 says that scikit-learn's checks pass with the sign flipped"
assert passed > 30, "lesson 12 says that they ran"
named = [line.split(":")[0] for line in complaints(FlippedDetector())]
assert named == ["check_anomalies_score_higher", "check_contributions"], "lesson 12 names them"
assert np.allclose(right + turned, 1), "lesson 12 says that ROC-AUC becomes 1 - ROC-AUC"
assert flipped_recall < 0.01, "lesson 12 says that the flipped detector finds next to nothing"
assert flipped_rate < 0.15, "lesson 12 says that the flipped false-positive rate looks harmless"

# %% [markdown]
# Of scikit-learn's checks {{ passed }} passed, {{ failed }} failed and {{ aside }} did not run
# here; it is the same for the detector with the right sign. So none of them depends on which way
# the score points: a flipped detector agrees with itself in everything. It takes rows whose answer
# is known to find it out, and `check_anomalies_score_higher` brings some along. Of our other checks
# one complains: what the columns add to the score was not flipped, and no longer adds up to it. A
# detector without `_contributions` would have passed that one.
#
# In each of the {{ seeds }} seeds the two ROC-AUC add up to one, since the chance that an anomaly
# outscores a normal row becomes the chance that it does not. At the cutoff the fault is harder to
# notice: the [false-positive rate](../glossary.md#false-positive-rate) is {{ flipped_rate:.1%}},
# about the {{ both.protocol.promised_rate:.0%}} that was promised, while recall is
# {{ flipped_recall:.1%}}.
#
# A ROC-AUC well below one half is therefore a finding. Either a sign or the meaning of the labels
# is turned, or your anomalies are more ordinary than normal rows, by this idea of ordinary: those
# in the middle of the ring are. The suite tells you whether it is the sign. Do not turn one to
# please the labels.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: mend it (8 minutes)
#
# A colleague sends you the next cell: the *directions detector*. It looks at the rows along many
# random directions and takes the largest distance from the median, in typical deviations (the
# median absolute deviation, [MAD](../glossary.md#mad)). On a good day its figures are fine, and
# they are never the same twice. Run `complaints(DirectionsDetector())`: the lines come from two
# faults, and one line points the wrong way. Mend both faults in `MendedDetector`.


# %% tags=["exercise"]
class DirectionsDetector(Detector):
    card = Card(
        name="directions",
        title="Largest deviation along random directions",
        idea="An outlier is far out in some direction. Try many, and take the worst.",
        score="largest distance to the median over the directions, in MAD",
        works="Normal rows form one cloud, round or long; features may be correlated.",
        fails="Normal rows form a curve or several groups.",
        cost="fit and score O(nd) a direction",
        reference="Donoho and Gasko (1992), doi:10.1214/aos/1176348890",
    )

    def __init__(self, n_directions: Count = 200, random_state: Seed = 0):
        self.n_directions = n_directions
        self.random_state = random_state

    def _fit(self, X):
        self.directions_ = np.random.normal(size=(X.shape[1], self.n_directions))
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        along = X @ self.directions_  # (n, n_directions)
        distance = np.abs(along - np.median(along, axis=0))
        return (distance / np.median(distance, axis=0)).max(axis=1)


# %% tags=["exercise"]
class MendedDetector(DirectionsDetector):
    def _fit(self, X):
        # BEGIN SOLUTION
        rng = np.random.default_rng(self.random_state)
        self.directions_ = rng.normal(size=(X.shape[1], self.n_directions))
        along = X @ self.directions_
        self.median_ = np.median(along, axis=0)
        self.mad_ = np.median(np.abs(along - self.median_), axis=0)
        return self._anomaly_score(X)
        # END SOLUTION

    def _anomaly_score(self, X):
        # BEGIN SOLUTION
        return (np.abs(X @ self.directions_ - self.median_) / self.mad_).max(axis=1)
        # END SOLUTION


# %% tags=["check"]
def check_3(MendedDetector):
    """Which lines of the colleague's code look at more than the row to be scored?

    Two things belong into `_fit`: what is drawn, and what is learnt. Scoring only applies them.

    Draw with a generator that `random_state` starts, and keep median and MAD of the fitting rows.
    """
    fit, judged, _ = easy_rows()
    MendedDetector().fit(fit).anomaly_score(judged)
    check_detector(MendedDetector())
    one, other = (
        MendedDetector(random_state=seed).fit(fit).anomaly_score(judged) for seed in (1, 2)
    )
    assert not np.allclose(one, other), "random_state should choose the directions, and does not"
    scaled = MendedDetector().fit(3 * fit + 1).anomaly_score(3 * judged + 1)
    same = np.allclose(scaled, MendedDetector().fit(fit).anomaly_score(judged))
    assert same, "in units of the MAD, scores should not change when all rows are scaled and moved"


# %% tags=["wrong"]
# hint: which other rows are scored with it
class MendedDetector(DirectionsDetector):
    def _fit(self, X):
        rng = np.random.default_rng(self.random_state)
        self.directions_ = rng.normal(size=(X.shape[1], self.n_directions))
        return self._anomaly_score(X)


# %% tags=["wrong"]
# hint: a refit must give the same scores
class MendedDetector(MendedDetector):
    def _fit(self, X):
        self.directions_ = np.random.default_rng().normal(size=(X.shape[1], self.n_directions))
        along = X @ self.directions_
        self.median_ = np.median(along, axis=0)
        self.mad_ = np.median(np.abs(along - self.median_), axis=0)
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        return (np.abs(X @ self.directions_ - self.median_) / self.mad_).max(axis=1)


# %% tags=["wrong"]
# hint: global random state
class MendedDetector(MendedDetector):
    def _fit(self, X):
        np.random.seed(self.random_state)
        self.directions_ = np.random.normal(size=(X.shape[1], self.n_directions))
        along = X @ self.directions_
        self.median_ = np.median(along, axis=0)
        self.mad_ = np.median(np.abs(along - self.median_), axis=0)
        return self._anomaly_score(X)


# %% tags=["right"]
class MendedDetector(DirectionsDetector):
    def _fit(self, X):
        draw = np.random.RandomState(self.random_state)
        self.directions_ = draw.standard_normal((self.n_directions, X.shape[1]))
        self.rows_ = X.copy()
        return self._anomaly_score(X)

    def _anomaly_score(self, X):
        seen = self.rows_ @ self.directions_.T
        middle = np.median(seen, axis=0)
        mad = np.median(np.abs(seen - middle), axis=0)
        return np.array([np.max(np.abs(self.directions_ @ row - middle) / mad) for row in X])


# %% [markdown] tags=["solution"]
# Why: the directions came from the global random state, so every fit drew others and nobody could
# repeat a result. That also explains the complaint about labels, which nobody read: two fits were
# compared, and differed for another reason. The second fault: median and MAD were taken from the
# rows being scored, so a row's score depended on its company, and a row scored alone was compared
# with itself. `np.random.seed(...)` inside `_fit` is the tempting repair. It makes this detector
# repeatable and meddles with every other draw in the program.

# %% [markdown]
# ## Key points
#
# - A detector is `__init__`, `_fit`, `_anomaly_score` and a card; the base class does the rest.
# - Write `fails` first, and back it with data on which the method does fail.
# - A suite that only asks whether the parts agree cannot see a flipped sign; test on rows whose
#   answer is known.
# - A ROC-AUC well below one half means a turned sign, turned labels, or anomalies that look more
#   normal than the normal rows. Find out which.
# - Compare on the same splits, beside the trivial baseline, on more than one table: here a sum of
#   surprises keeps up with the autoencoder on one and falls far behind it on the other.

# %% [markdown]
# ## Test yourself
#
# <details>
# <summary>Why may a detector not divide scores by the largest of the rows given?</summary>
#
# Because a row's score would then depend on the rows that happen to come with it. The cutoff,
# learnt on other rows, would mean something else each time, and a row that comes alone would always
# score one.
#
# </details>
#
# <details>
# <summary>With twice the fitting rows, what is the tail detector's largest score?</summary>
#
# About one bit a column larger than before, since the rarest share that can be seen is halved. The
# order of rows that lie beyond everything seen stays undecided all the same.
#
# </details>
#
# <details>
# <summary>All checks pass, and on your data ROC-AUC is one half. Is it broken?</summary>
#
# Not by what the checks say. They show that it keeps the contract, and finds rows that are far out
# on an easy set. Whether its idea of normal fits your data is another question, and the card's
# `fails` is the place to look first.
#
# </details>

# %% [markdown]
# ## Sources
#
# - C. E. Shannon, A Mathematical Theory of Communication (1948): the bit, and what an event tells.
#   [doi:10.1002/j.1538-7305.1948.tb01338.x](https://doi.org/10.1002/j.1538-7305.1948.tb01338.x)
# - Z. Li, Y. Zhao, X. Hu, N. Botta, C. Ionescu, G. H. Chen, ECOD: Unsupervised Outlier Detection
#   Using Empirical Cumulative Distribution Functions (2022): the published relative of the tail
#   detector. [doi:10.1109/TKDE.2022.3159580](https://doi.org/10.1109/TKDE.2022.3159580)
# - E. Parzen, On Estimation of a Probability Density Function and Mode (1962).
#   [doi:10.1214/aoms/1177704472](https://doi.org/10.1214/aoms/1177704472)
# - D. L. Donoho, M. Gasko, Breakdown Properties of Location Estimates Based on Halfspace Depth and
#   Projected Outlyingness (1992).
#   [doi:10.1214/aos/1176348890](https://doi.org/10.1214/aos/1176348890)
# - scikit-learn's user guide, [Novelty and Outlier
#   Detection](https://scikit-learn.org/stable/modules/outlier_detection.html), and PyOD's [base
#   class](https://github.com/yzhao062/pyod/blob/v1.1.3/pyod/models/base.py), for the two meanings
#   of `decision_function`.
