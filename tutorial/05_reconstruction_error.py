# ---
# title: Reconstruction error
# objectives:
#   - turn a row and its reconstruction into one score, and say which columns made it
#   - read two error histograms and a cutoff, and name what each side of the cutoff costs
#   - show by experiment what abnormal rows among the fitting rows and a wrong output layer do
# needs: ["03", "04"]
# data: [ecg5000]
# ---

# %% [markdown]
# [Lesson 04](04_encoder_bottleneck_decoder.ipynb) built a network that squeezes a row through a
# [bottleneck](../glossary.md#bottleneck) and rebuilds it. Here it goes to work. The idea fits in a
# sentence: a network that has only ever rebuilt normal rows should rebuild other rows badly, so
# what it gets wrong can serve as the anomaly score.
#
# How does the difference between two curves become one number? How good is that number? And when
# does the idea fail? The rows are heartbeats, so you can see every error.

# %% tags=["hide"]
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from anomaly_lab import AnomalyModel, datasets, drawing, evaluate, split
from anomaly_lab.detectors import (
    AutoencoderDetector,
    CentroidDetector,
    KNNDetector,
    PCADetector,
)
from anomaly_lab.drawing import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, show
from anomaly_lab.neural import backend
from anomaly_lab.thresholds import Quantile

plt.style.use(STYLE)

# %% [markdown]
# ## One row is one heartbeat
#
# In [ECG5000](https://doi.org/10.1007/s10618-014-0388-4) a row is one beat of a patient's
# electrocardiogram, and a column is the amplitude at one moment of the beat. Label 1, the
# [anomaly](../glossary.md#anomaly), is an abnormal beat.

# %%
dataset = datasets.load("ecg5000")
parts = split(dataset, seed=0)
dataset

# %% tags=["hide"]
changes = np.flatnonzero(np.diff(dataset.y))
blocks, last_block = 1 + len(changes), len(dataset.y) - 1 - changes[-1]
assert dataset.y[-1] == 1, "the last block is abnormal"

# %% [markdown]
# Two warnings before any result. All beats come from one patient with heart failure, so nothing
# here says how well other hearts would do. And the file is sorted into {{ blocks }} blocks of one
# class each, the last of them {{ last_block:,}} abnormal beats: a test part cut from its end would
# hold no normal beat. `split` shuffles. It also keeps every abnormal beat away from the
# {{ len(parts.fit):,}} [fitting rows](../glossary.md#fitting-rows) and the
# {{ len(parts.calibrate):,}} [calibration rows](../glossary.md#calibration-rows).


# %%
def autoencoder(seed=0, **options):
    """The package's network, trained for 10 epochs and not 30: that takes less time."""
    return AutoencoderDetector(epochs=10, random_state=seed, **options)


model = AnomalyModel(autoencoder(), threshold="quantile:0.95")
model.fit(parts.fit).calibrate(parts.calibrate)
scores = model.anomaly_score(parts.test)
report = evaluate(parts.test_labels, scores, model.cutoff)

# %% [markdown]
# The model standardises each column to mean 0 and standard deviation 1 before the network sees it.
# To draw a [reconstruction](../glossary.md#reconstruction) as a heartbeat, we undo that.
#
# > **Predict.** The network has seen normal beats only. Give it an abnormal one: does it return a
# > blur, the abnormal beat, or something else?

# %%
z = model.preprocessor_.transform(parts.test)  # (rows, 140), standardised
z_rebuilt = model.detector_.reconstruct(z)
rebuilt = z_rebuilt * parts.fit.std(ddof=0).to_numpy() + parts.fit.mean().to_numpy()

# %% tags=["fold"]
beats = parts.test.to_numpy()
is_normal, is_abnormal = parts.test_labels == 0, parts.test_labels == 1


def typical(mask):
    """The row with the median score among some rows."""
    rows = np.flatnonzero(mask)
    return rows[scores[rows].argsort()[len(rows) // 2]]


pair = typical(is_normal), typical(is_abnormal)
fig, axes = plt.subplots(1, 2, figsize=(6.7, 2.7), sharey=True)
looks = (("a normal beat", NORMAL), ("an abnormal beat", ANOMALY))
for ax, row, (name, colour) in zip(axes, pair, looks, strict=True):
    ax.fill_between(range(140), beats[row], rebuilt[row], color=colour, alpha=0.3, linewidth=0)
    ax.plot(beats[row], color=colour)
    ax.plot(rebuilt[row], color="black", linewidth=1, linestyle=(0, (4, 1)))
    ax.set_title(f"{name}: score {scores[row]:.1f}", fontsize=10, pad=6)
    ax.set(xlabel="moment", xticks=range(0, 141, 35))
axes[1].text(0.72, 0.97, "rebuilt", transform=axes[1].transAxes, ha="right", va="top")
axes[0].set_ylabel("amplitude")
show(
    fig,
    f"Left, a normal beat and its dashed reconstruction lie almost on top of each other (score "
    f"{scores[pair[0]]:.1f}). Right, an abnormal beat and its reconstruction run apart at the "
    f"start and above all towards the end; the area between them is filled (score "
    f"{scores[pair[1]]:.1f}).",
)

# %% [markdown]
# The dashed line is the reconstruction and the filled area is what the network got wrong. Each is
# the beat with the median score of its class. The abnormal beat comes back as something closer to a
# normal one: the network repeats what it knows. The difference, row minus reconstruction, is the
# [residual](../glossary.md#residual).
#
# ## From 140 differences to one score
#
# Here is the abnormal beat's score, worked out for five of its columns. Square the residual, so
# that up and down count alike. Then divide it by the column's **typical error**, the mean squared
# residual of that column over the fitting rows.

# %%
row = pair[1]
squared = (z[row] - z_rebuilt[row]) ** 2
by_hand = squared / model.detector_.error_scale_
table = {"beat": z[row], "rebuilt": z_rebuilt[row], "squared residual": squared}
table |= {"typical error": model.detector_.error_scale_, "ratio": by_hand}
pd.DataFrame(table, index=parts.test.columns).iloc[[0, 35, 70, 105, 139]].round(2)

# %% tags=["claim"]
assert np.isclose(by_hand.mean(), scores[row]), "the score by hand is the package's"
assert np.allclose(model.explain(parts.test).sum(axis=1), scores), "explain adds up to the score"
assert np.allclose(model.explain(parts.test).iloc[row] * by_hand.size, by_hand), "shares of a mean"
fit_z = model.preprocessor_.transform(parts.fit)
fit_squared = (fit_z - model.detector_.reconstruct(fit_z)) ** 2
fit_typical = fit_squared.mean(axis=0)
tenth = fit_typical + 0.1 * fit_typical.mean()
assert np.allclose(model.detector_.error_scale_, tenth, rtol=1e-3), "typical error plus a tenth"

# %% tags=["hide"]
low, high = model.detector_.error_scale_.min(), model.detector_.error_scale_.max()

# %% [markdown]
# The mean of all {{ len(by_hand) }} ratios is {{ by_hand.mean():.2f}}. That is the package's score
# of this beat, to the last digit: the [reconstruction error](../glossary.md#reconstruction-error),
# counted in units of what is usual,
#
# $$\frac{1}{d} \sum_{j=1}^{d} \frac{(x_j - \hat{x}_j)^2}{e_j} .$$
#
# Without the division it would be the plain [mean squared
# error](../glossary.md#mean-squared-error).
#
# Why divide? Some moments are hard to rebuild even for normal beats; here the typical error runs
# from {{ low:.2f}} to {{ high:.2f}}. An error that is large at a calm moment tells more than the
# same error at a restless one. (These figures hold a small extra: the package adds a tenth of the
# mean typical error to each, so that a column that is always rebuilt nearly perfectly cannot blow
# up the score.)

# %% [markdown] tags=["exercise"]
# ## Exercise 1: errors in units of what is usual (6 minutes)
#
# Write `scaled_error(fit_rows, fit_rebuilt, rows, rebuilt)`. It returns one number for each of
# `rows`: the mean over the columns of its squared residuals, each divided by the column's mean
# squared residual over the fitting rows. Leave the added tenth out.


# %% tags=["exercise"]
def scaled_error(fit_rows, fit_rebuilt, rows, rebuilt):
    # BEGIN SOLUTION
    typical_error = ((fit_rows - fit_rebuilt) ** 2).mean(axis=0)  # one a column
    return ((rows - rebuilt) ** 2 / typical_error).mean(axis=1)  # one a row
    # END SOLUTION


# %% tags=["check"]
def check_1(scaled_error):
    """There are two means in the text. Which one is over rows, which one over columns?

    The first mean gives one number a column and sees the fitting rows only. The second gives one
    number a row and sees the rows to be scored.

    In NumPy axis 0 runs over the rows and axis 1 over the columns. Square first, then take means.
    """
    rng = np.random.default_rng(0)
    spread = np.array([1.0, 10.0, 0.1])
    fit_rows, rows = rng.normal(size=(50, 3)), rng.normal(size=(7, 3))
    fit_rebuilt = fit_rows + spread * rng.normal(size=(50, 3))
    rebuilt = rows + 2 * spread * rng.normal(size=(7, 3))
    result = np.asarray(scaled_error(fit_rows, fit_rebuilt, rows, rebuilt))
    assert result.shape == (7,), f"expected one number for each of the 7 rows, got {result.shape}"
    slow = []
    for a, b in zip(rows, rebuilt, strict=True):
        ratios = []
        for j in range(3):
            usual = [(x[j] - y[j]) ** 2 for x, y in zip(fit_rows, fit_rebuilt, strict=True)]
            ratios.append((a[j] - b[j]) ** 2 / (sum(usual) / len(usual)))
        slow.append(sum(ratios) / len(ratios))
    assert np.allclose(result, slow), (
        "divide each column's squared residual by the mean squared residual of that column over "
        "the fitting rows, then take the mean over the columns"
    )


# %% tags=["wrong"]
# hint: over the fitting rows
def scaled_error(fit_rows, fit_rebuilt, rows, rebuilt):
    squared = (rows - rebuilt) ** 2
    return (squared / squared.mean(axis=0)).mean(axis=1)


# %% tags=["wrong"]
# hint: divide each column's
def scaled_error(fit_rows, fit_rebuilt, rows, rebuilt):
    return ((rows - rebuilt) ** 2).mean(axis=1)


# %% tags=["wrong"]
# hint: one number for each
def scaled_error(fit_rows, fit_rebuilt, rows, rebuilt):
    return ((rows - rebuilt) ** 2 / ((fit_rows - fit_rebuilt) ** 2).mean(axis=0)).mean(axis=0)


# %% tags=["right"]
def scaled_error(fit_rows, fit_rebuilt, rows, rebuilt):
    variance = np.square(np.subtract(fit_rows, fit_rebuilt)).sum(axis=0) / len(fit_rows)
    return [np.mean(np.square(a - b) / variance) for a, b in zip(rows, rebuilt, strict=True)]


# %% [markdown] tags=["solution"]
# The unit has to come from the fitting rows. Taken from the rows to be scored, it would grow with
# the anomalies among them, and a row's score would depend on which other rows came along.

# %% [markdown]
# ## Where in the beat the error sits
#
# The ratios are there for every row and every column. Their mean over a row is the row's score, so
# what a column adds to the score is its ratio divided by the number of columns:
# `model.explain(rows)` returns that, and the detector itself does so as `contributions`. The mean
# of the ratios down a column says where in the beat a class goes wrong.
#
# > **Predict.** Look at the beats above once more. At which moments will abnormal beats have large
# > errors? What level do you expect for normal beats?

# %%
errors = len(by_hand) * model.explain(parts.test).to_numpy()  # (rows, 140), the ratios
WIDTH, half = 20, len(errors) // 2  # the other half is for exercise 2
seen, labels_seen = errors[:half], parts.test_labels[:half]
profile = {label: seen[labels_seen == label].mean(axis=0) for label in (0, 1)}

# %% tags=["fold"]
fig, (top, bottom) = plt.subplots(2, 1, figsize=(6.7, 4.2), sharex=True)
for label, name, colour, line in ((0, "normal", NORMAL, "-"), (1, "abnormal", ANOMALY, "--")):
    top.plot(beats[:half][labels_seen == label].mean(axis=0), color=colour, linestyle=line)
    bottom.plot(profile[label], color=colour, linestyle=line)
    bottom.text(141, profile[label][-8:].mean(), name, color=colour, va="center")
bottom.axhline(1, color=QUIET, linewidth=1)
top.set(ylabel="mean beat")
bottom.set(yscale="log", xlabel="moment", ylabel="mean error", xlim=(0, 139))
bottom.set_xticks(range(0, 140, 20))
bottom.set_yticks([1, 10, 100], ["1", "10", "100"])
first, last = profile[1][:WIDTH].mean(), profile[1][-WIDTH:].mean()
middle, calm = profile[1][50:90].mean(), profile[0].mean()
show(
    fig,
    f"Above, the mean normal and the mean abnormal beat, which differ most at the end. Below, the "
    f"mean error by moment on a logarithmic axis: normal beats stay near {profile[0].mean():.1f} "
    f"throughout; abnormal beats reach {first:.0f} on average in the first moments and "
    f"{last:.0f} in the last, and only {middle:.0f} in the middle.",
)

# %% tags=["claim"]
assert profile[0].max() < 0.5 * first, "no moment of normal beats has such an error"
assert last > first > 2 * middle > 2 * calm, "largest at the end, then the start"
assert 1 < calm < 2, "fresh normal beats come out a little above 1"

# %% [markdown]
# By construction a fitting row's error is about 1 at every moment, and fresh normal beats come out
# a little higher, {{ calm:.1f}} on average. Abnormal beats have {{ first:.0f}} over the first
# {{ WIDTH }} moments, {{ middle:.0f}} in the middle and {{ last:.0f}} over the last {{ WIDTH }}. So
# the score does more than raise an alarm: it can point at the end of the beat.
#
# > **Note.** A large error says where the network was surprised, not what caused it. All columns
# > share one code, so a strange start can also spoil the rebuilt end.

# %%
errors_unseen, labels_unseen = errors[half:], parts.test_labels[half:]
WANTED = 0.98

# %% tags=["claim"]
window_auc = [
    evaluate(labels_unseen, errors_unseen[:, i : i + WIDTH].mean(axis=1), cutoff=0).roc_auc
    for i in range(len(by_hand) - WIDTH + 1)
]
assert np.argmax(window_auc) > 90, "the best window is late in the beat"
assert min(window_auc[0], window_auc[-1]) > WANTED, "both ends do"
assert max(window_auc[40:70]) < 0.95, "the middle does not"
assert np.argmax(np.convolve(fit_typical, np.ones(WIDTH), "valid")) in range(35, 80)

# %% [markdown] tags=["exercise"]
# ## Exercise 2: a shorter look (4 minutes)
#
# A wearable device can afford the errors of `WIDTH` moments in a row only. Choose the moment
# `start_at` at which they begin, and defend it from the figure. You saw half of the test rows; the
# check takes the mean error over your window on the other half, and wants a
# [ROC-AUC](../glossary.md#roc-auc) of `WANTED` or more.

# %% tags=["exercise"]
start_at = 118  # SOLUTION


# %% tags=["check"]
def check_2(start_at, errors_unseen, labels_unseen, WIDTH, WANTED):
    """What matters is not where errors are large, but where the two classes differ.

    Read the two lines of the lower panel: where is the gap between them widest?

    The axis is logarithmic: the same distance means the same factor. The window must also fit in
    before the beat is over.
    """
    last = errors_unseen.shape[1] - WIDTH
    assert 0 <= start_at <= last, f"the window must lie inside the beat: start from 0 to {last}"
    part = errors_unseen[:, int(start_at) : int(start_at) + WIDTH].mean(axis=1)
    reached = evaluate(labels_unseen, part, cutoff=0).roc_auc
    assert reached >= WANTED, f"these moments alone reach a ROC-AUC of {reached:.2f}"


# %% tags=["wrong"]
# hint: these moments alone
start_at = 60


# %% tags=["wrong"]
# hint: inside the beat
start_at = 139


# %% tags=["right"]
start_at = 104


# %% [markdown] tags=["solution"]
# Late windows separate the classes best ({{ window_auc[-1]:.3f}} for the last one), early ones
# nearly as well ({{ window_auc[0]:.3f}} for the first), and those in the middle do not
# ({{ window_auc[60]:.2f}} at the middle). Normal beats are hardest to rebuild in the middle, but
# that is not the question. As labels took part in the choice, it had to be judged on other rows.

# %% tags=["hide"]
seeds = range(5)
report_level = model.threshold_.level

# %% [markdown]
# ## Two histograms and a cutoff
#
# A score becomes a decision through a [cutoff](../glossary.md#cutoff). `quantile:0.95` takes the
# value below which that share of the *calibration* scores lies. No abnormal beat takes part, and no
# fitting row: the network has practised on those.

# %%
drawing.score_histogram(report, name="autoencoder")

# %% [markdown]
# Of the normal test beats {{ report.false_positive_rate:.1%}} are [false
# alarms](../glossary.md#false-alarm); the rule aimed at {{ 1 - report_level:.0%}}, and
# {{ len(parts.calibrate):,}} calibration rows set it only roughly. Of the abnormal ones
# {{ report.recall:.1%}} are flagged: that share is the [recall](../glossary.md#recall). Move the
# cutoff to the right and you trade false alarms for [misses](../glossary.md#miss). [Lesson
# 06](06_choosing_the_threshold.ipynb) is about that trade.
#
# ## Is it worth the trouble?
#
# One split is one draw. So we repeat everything on {{ len(seeds) }} random splits, with a fresh
# network each, and let simpler methods judge the same rows: kNN and PCA from lessons
# [03](03_neighbours_and_trees.ipynb) and [02](02_normal_has_a_shape.ipynb), and the squared
# distance to the mean, called *centroid*. Each is taken with the same cutoff rule. The plain error
# comes from the same networks.
#
# > **Predict.** Put the five in order before you look.


# %%
def judge(detector, parts):
    fitted = AnomalyModel(detector).fit(parts.fit).calibrate(parts.calibrate)
    return fitted, evaluate(parts.test_labels, fitted.anomaly_score(parts.test), fitted.cutoff)


def plain_error(fitted, rows):
    """Mean squared error of standardised rows, each column counting alike."""
    z = fitted.preprocessor_.transform(rows)
    return ((z - fitted.detector_.reconstruct(z)) ** 2).mean(axis=1)


def methods(seed):
    return {
        "autoencoder": autoencoder(seed),
        "kNN": KNNDetector(),
        "PCA": PCADetector(),
        "centroid": CentroidDetector(),
    }


# %% tags=["hide"]
def entry(name, share, seed, outcome, **more):
    return {
        "detector": name,
        "share": share,
        "seed": seed,
        "ROC-AUC": outcome.roc_auc,
        "recall": outcome.recall,
        "false-positive rate": outcome.false_positive_rate,
        **more,
    }


# %%
splits = [split(dataset, seed=seed) for seed in seeds]
clean = [{n: judge(d, splits[s]) for n, d in methods(s).items()} for s in seeds]

# %% tags=["fold"]
runs = []
for seed in seeds:
    held = splits[seed]
    runs += [entry(name, 0.0, seed, outcome) for name, (_, outcome) in clean[seed].items()]
    network = clean[seed]["autoencoder"][0]
    rule = Quantile(0.95).fit(plain_error(network, held.calibrate))
    plain = evaluate(held.test_labels, plain_error(network, held.test), rule.cutoff_)
    runs.append(entry("autoencoder, plain error", 0.0, seed, plain))
judged = pd.DataFrame(runs)
grouped = judged.groupby("detector", sort=False)
means = grouped[["ROC-AUC", "recall", "false-positive rate"]].mean()
means["lowest recall"] = grouped["recall"].min()
means["highest recall"] = grouped["recall"].max()
means = means.sort_values("ROC-AUC", ascending=False)
means.round(4)

# %% tags=["hide"]
auc = judged.pivot(index="seed", columns="detector", values="ROC-AUC")
scaled_wins = int((auc["autoencoder"] > auc["autoencoder, plain error"]).sum())
knn_wins = int((auc["kNN"] > auc["autoencoder"]).sum())
gain = (auc["autoencoder"] - auc["autoencoder, plain error"]).mean()
gap = abs(auc["kNN"].mean() - auc["autoencoder"].mean())
near = [
    c["centroid"][1].scores[c["centroid"][1].labels == 1] / c["centroid"][1].cutoff for c in clean
]
crowd = np.mean([np.abs(ratio - 1) < 0.2 for ratio in near])
lax = []  # false-positive rates with a cutoff from the fitting rows
for seed in seeds:
    network, outcome = clean[seed]["autoencoder"]
    own = np.quantile(network.detector_.training_scores_, 0.95)
    lax.append((outcome.scores[outcome.labels == 0] > own).mean())
lax = np.mean(lax)

# %% tags=["claim"]
assert scaled_wins >= 4, "scaling helps"
assert 0.0005 < gain < 0.01, "a little"
assert gap < 0.004, "kNN and the autoencoder are level"
assert 1 <= knn_wins <= 4, "neither kNN nor the autoencoder is always ahead"
assert means["ROC-AUC"]["PCA"] < auc[["kNN", "autoencoder"]].mean().min() - 0.003
assert means["ROC-AUC"].idxmin() == "centroid"
assert means["ROC-AUC"]["centroid"] < 0.96
assert means["recall"]["centroid"] < 0.7 < 0.97 < means["recall"][["kNN", "autoencoder"]].min()
assert means["highest recall"]["centroid"] - means["lowest recall"]["centroid"] > 0.4
assert means["recall"]["autoencoder"] > 0.97
assert crowd > 0.3, "the centroid's scores of abnormal beats crowd around its cutoff"
assert lax > means["false-positive rate"]["autoencoder"] + 0.02, "a cutoff from fitting rows is lax"

# %% [markdown]
# Three findings.
#
# - **kNN is as good.** It has the higher ROC-AUC in {{ knn_wins }} of {{ len(seeds) }} splits, and
#   the means differ by {{ gap:.4f}}. What the network offers beyond that: it keeps no fitting rows,
#   and it shows what it expected instead. (Set `epochs=5` and look at the order again.)
# - **Dividing by the typical error helps a little.** The same networks have the higher ROC-AUC with
#   it in {{ scaled_wins }} of {{ len(seeds) }} splits, by {{ gain:.4f}} on average.
# - **A fair ROC-AUC can hide an unusable cutoff.** The centroid's
#   {{ means['ROC-AUC']['centroid']:.3f}} looks close. Its recall is
#   {{ means['recall']['centroid']:.0%}} on average and anywhere from
#   {{ means['lowest recall']['centroid']:.0%}} to {{ means['highest recall']['centroid']:.0%}},
#   because the abnormal beats' scores crowd around its cutoff: {{ crowd:.0%}} of them lie within a
#   fifth of it.

# %% tags=["hide"]
spoilt_rows = split(dataset, seed=0, contamination=0.01).fit
spoilt = spoilt_rows.index.difference(parts.fit.index)

# %% [markdown]
# ## Fit on normal rows only
#
# Training makes the mean error of the fitting rows small, whatever they are. Nothing in the network
# knows the word *abnormal*. "Normal rows only" is a promise made by whoever gathered the rows, and
# the name for it is [one-class training](../glossary.md#one-class-training). `split` can break the
# promise on purpose: `contamination=0.01` hides abnormal beats, unlabelled, among the fitting rows
# until they are one in a hundred. The calibration rows stay normal.
#
# > **Predict.** With {{ len(spoilt) }} abnormal beats among {{ len(spoilt_rows):,}} fitting rows,
# > what becomes of the recall? And which of the four detectors will suffer least?

# %%
shares, spoilt_networks = (0.01, 0.05, 0.1), {}
for share in shares:
    for seed in seeds:
        held = split(dataset, seed=seed, contamination=share)
        for name, detector in methods(seed).items():
            fitted, outcome = judge(detector, held)
            runs.append(entry(name, share, seed, outcome))
            if name == "autoencoder":
                spoilt_networks[share, seed] = fitted

# %% tags=["fold"]
by_share = pd.DataFrame(runs).groupby(["share", "detector"])[["ROC-AUC", "recall"]].mean()
fig, axes = plt.subplots(1, 2, figsize=(6.7, 3))
for ax, figure_of_merit in zip(axes, by_share, strict=True):
    for name in ("autoencoder", "kNN", "PCA", "centroid"):
        colour, line, marker = LOOKS[name.lower()]
        curve = by_share[figure_of_merit].unstack()[name]
        ax.plot(100 * curve.index, curve, color=colour, linestyle=line, marker=marker)
        if ax is axes[0]:
            ax.text(10.5, curve.iloc[-1], name, color=colour, va="center")
    ax.set(xlabel="% abnormal among fitting rows", xticks=[0, 1, 5, 10], ylabel=figure_of_merit)
axes[0].set(ylim=(0.6, 1.01))
axes[1].set(ylim=(0, 1.04))
one, five, ten = (by_share.loc[share] for share in shares)
none = by_share.loc[0.0]
show(
    fig,
    f"Two panels over the share of abnormal fitting rows. With none, the autoencoder's ROC-AUC is "
    f"{none['ROC-AUC']['autoencoder']:.2f}; with a tenth {ten['ROC-AUC']['autoencoder']:.2f}, "
    f"the lowest of four, and the centroid's {ten['ROC-AUC']['centroid']:.2f} the highest. The "
    f"autoencoder's recall drops from {none['recall']['autoencoder']:.0%} to "
    f"{one['recall']['autoencoder']:.0%} with the first hundredth.",
)

# %% tags=["hide"]
spoilt_runs = pd.DataFrame(runs)
spoilt_runs = spoilt_runs[spoilt_runs["share"] > 0].pivot(
    index=["share", "seed"], columns="detector", values="ROC-AUC"
)
last_place = int((spoilt_runs.idxmin(axis=1) == "autoencoder").sum())
n_spoilt = len(spoilt_runs)
watched = pd.DataFrame(runs).query("share > 0 and detector == 'autoencoder'")
spoilt_rate = watched["false-positive rate"].mean()

# %% tags=["claim"]
assert none["recall"]["autoencoder"] > 0.97
assert one["recall"]["autoencoder"] < 0.6
assert last_place >= 0.9 * n_spoilt, "the autoencoder comes last when fitting rows are spoilt"
for spoilt_share in (five, ten):
    assert spoilt_share["ROC-AUC"].idxmax() == "centroid", "from 5% on the centroid is first"
assert none["ROC-AUC"]["centroid"] - ten["ROC-AUC"]["centroid"] < 0.05, "the centroid hardly moves"
assert none["ROC-AUC"]["autoencoder"] - ten["ROC-AUC"]["autoencoder"] > 0.2
assert 0.04 < spoilt_rate < 0.06, "the false-positive rate does not tell"

# %% tags=["hide"]
carried = []
for seed in seeds:
    held = splits[seed]
    for kind in (0, 1):
        same_rows = held.test[held.test_labels == kind]
        two = clean[seed]["autoencoder"][0], spoilt_networks[0.05, seed]
        carried.append((kind, *(np.median(plain_error(fitted, same_rows)) for fitted in two)))
carried = pd.DataFrame(carried, columns=["label", "before", "after"]).groupby("label").mean()

# %% tags=["claim"]
assert carried.loc[1, "after"] < 0.5 * carried.loc[1, "before"], "abnormal beats are learnt"
assert carried.loc[0, "after"] > 0.8 * carried.loc[0, "before"], "normal beats are not better"

# %% [markdown]
# One abnormal beat in a hundred takes the autoencoder's mean recall from
# {{ none['recall']['autoencoder']:.0%}} to {{ one['recall']['autoencoder']:.0%}}. kNN and PCA fall
# too, but in {{ last_place }} of {{ n_spoilt }} spoilt runs the autoencoder has the lowest ROC-AUC
# of the four. From {{ shares[1]:.0%}} on, the plain distance to the mean has the highest. It learns
# only a mean, and a few rows hardly move a mean. A network learns shapes, and what it learns from a
# few abnormal beats carries over to others: with {{ shares[1]:.0%}} among the fitting rows, the
# median plain error of abnormal *test* beats falls from {{ carried.loc[1, 'before']:.2f}} to
# {{ carried.loc[1, 'after']:.2f}}, while that of normal ones stays at
# {{ carried.loc[0, 'after']:.2f}} (before: {{ carried.loc[0, 'before']:.2f}}).
#
# On other data the damage can be larger or smaller. The [false-positive
# rate](../glossary.md#false-positive-rate), all that can be watched without abnormal rows, does not
# warn you: it stays at {{ spoilt_rate:.1%}} on average. Before you trust a reconstruction error,
# find out who vouches for the fitting rows.
#
# ## Far away and well rebuilt
#
# "Unlike anything seen, so badly rebuilt" is a hope, not a theorem. [Bouman and Heskes
# (2025)](https://arxiv.org/abs/2501.13864) show, by theory for linear autoencoders and by
# experiment for others, that rows far from all fitting rows can be rebuilt perfectly. Let us look
# for such rows. The decoder draws beats from [codes](../glossary.md#code). Take the codes of normal
# test beats, move each away from the mean code by some factor, and let the decoder draw the beats.
# They are artificial: no heart made them.
#
# > **Predict.** At factor 3 they are about three times as far from the mean beat as normal ones.
# > Who flags more of them: the network that drew them, kNN, or the distance to the mean?

# %%
factors = (1, 2, 3, 4, 5, 7, 10)
rows = []
for seed in seeds:
    judges = {name: clean[seed][name][0] for name in ("autoencoder", "kNN", "centroid")}
    network, held = judges["autoencoder"], splits[seed]
    to_z = network.preprocessor_.transform
    middle_code = network.detector_.encode(to_z(held.fit)).mean(axis=0)
    codes = network.detector_.encode(to_z(held.test[held.test_labels == 0]))
    for factor in factors:
        moved = middle_code + factor * (codes - middle_code)
        drawn = np.asarray(network.detector_.decoder_.predict_on_batch(moved))
        for name, fitted in judges.items():
            flagged = fitted.detector_.anomaly_score(drawn) > fitted.cutoff
            rows.append((name, seed, factor, flagged.mean(), np.sqrt((drawn**2).mean())))
far = pd.DataFrame(rows, columns=["detector", "seed", "factor", "flagged", "distance"])

# %% tags=["fold"]
curves = far.groupby(["factor", "detector"])["flagged"].mean().unstack()
fig, ax = plt.subplots()
for name, place in (("autoencoder", (4.3, 0.32)), ("kNN", (2.5, 0.6)), ("centroid", (5.6, 0.72))):
    colour, line, marker = LOOKS[name.lower()]
    ax.plot(curves.index, curves[name], color=colour, linestyle=line, marker=marker)
    ax.text(*place, name, color=colour, ha="right" if name == "kNN" else "left")
ax.set(xlabel="factor the codes are moved by", ylabel="share flagged", ylim=(0, 1.03))
ax.set_xticks(factors)
three = curves.loc[3]
show(
    fig,
    f"Share of drawn beats that are flagged, by factor. All three curves rise from near zero to "
    f"one. At factor 3 the autoencoder flags {three['autoencoder']:.0%}, the centroid "
    f"{three['centroid']:.0%} and kNN {three['kNN']:.0%}.",
)

# %% tags=["hide"]
at_three = far[far["factor"] == 3].pivot(index="seed", columns="detector", values="flagged")
blind = int((at_three["autoencoder"] < at_three[["kNN", "centroid"]].min(axis=1)).sum())
by_factor = far[far["detector"] == "kNN"].groupby("factor")["distance"].mean()
farther = by_factor[3] / by_factor[1]
loud = np.concatenate(
    [clean[s]["autoencoder"][0].flag(2 * splits[s].test[splits[s].test_labels == 0]) for s in seeds]
)

# %% tags=["claim"]
assert blind == len(seeds), "at factor 3 the network flags fewest in every split"
assert three["autoencoder"] < 0.25 < 0.35 < three["centroid"]
assert three["kNN"] > 0.45
assert 2.5 < farther < 3.5, "three times as far from the mean beat"
assert curves.loc[10, "autoencoder"] > 0.98, "far enough out, they are all flagged"
assert loud.mean() > 0.98, "a beat of twice the amplitude is flagged"

# %% [markdown]
# At factor 3 the network flags {{ three['autoencoder']:.0%}} of the beats, kNN
# {{ three['kNN']:.0%}} and the centroid {{ three['centroid']:.0%}}; in {{ blind }} of
# {{ len(seeds) }} splits the network flags fewest. The error measures how far a row is from what
# the decoder can draw, not how far it is from the rows that were seen. Further out the error grows,
# and at factor {{ factors[-1] }} nearly all are flagged. Nor does it miss every far row: of normal
# beats with twice the amplitude it flags {{ loud.sum():,}} of {{ loud.size:,}}. Still, where no row
# far out may pass, keep a distance such as kNN's beside the error.
#
# Images show it best. This is the network of [lesson 04](04_encoder_bottleneck_decoder.ipynb),
# fitted on the digits from zero to eight:
#
# > **Try.** Begin from a digit, and paint one white dot: in a corner, or on a free place beside a
# > stroke. Which of the two raises the network's score more, and why?
#
# <p data-explore="learn/04_encoder_bottleneck_decoder-draw">On the site there is an interactive
# picture here.</p>
#
# <details class="answer">
# <summary>Answer</summary>
#
# The one in the corner. No fitting row has ink there, so the decoder draws none, and the whole dot
# is lost. Beside a stroke it may pass for part of a thicker one, and some of it is rebuilt.
#
# </details>

# %% tags=["hide"]
_, _, _, tutorial_labels = train_test_split(dataset.X, dataset.y, test_size=0.2, random_state=21)
n_abnormal = int(tutorial_labels.sum())
n_normal = len(tutorial_labels) - n_abnormal
called_right = round(0.905 * n_normal)
called_wrong = round(called_right / 0.992) - called_right
caught, false_alarms = n_abnormal - called_wrong, n_normal - called_right
published_recall = caught / n_abnormal
published_precision = caught / (caught + false_alarms)
rare = 0.01
rare_precision = (
    rare * published_recall / (rare * published_recall + (1 - rare) * false_alarms / n_normal)
)

# %% tags=["claim"]
assert round(published_recall, 3) == 0.991
assert round(published_precision, 3) == 0.892
assert np.isclose(called_right / n_normal, 0.905, atol=0.001)
assert np.isclose(called_right / (called_right + called_wrong), 0.992, atol=0.001)
assert blocks == 4
assert rare_precision < 0.15

# %% [markdown]
# ## A published example, read again
#
# [TensorFlow's autoencoder tutorial](https://www.tensorflow.org/tutorials/generative/autoencoder)
# uses these very beats, and reports a precision of 0.992 and a recall of 0.905. In its labels 1
# means *normal*, so both speak of normal beats. Its split can be repeated, since it states its
# seed: the test rows are {{ n_normal }} normal and {{ n_abnormal }} abnormal beats. From that
# follow {{ called_right }} normal beats called normal, {{ false_alarms }} false alarms, and
# {{ called_wrong }} missed abnormal beats. For *abnormal* beats that is a recall of
# {{ published_recall:.1%}} and a precision of {{ published_precision:.1%}}. So ask of any precision
# which class it speaks of, and how common that class was: with one abnormal beat in a hundred, the
# same recall and the same false-positive rate, the precision would be {{ rare_precision:.0%}}
# ([lesson 07](07_measuring_rare_events.ipynb)).
#
# ## Break it: an output that cannot be negative
#
# In some published networks the last layer has a [ReLU](../glossary.md#relu), which turns negative
# values into zero. That is harmless for pixels between 0 and 1. But standardised columns have mean
# 0. `build=` takes a network of your own:


# %%
def relu_networks(d):
    """Layers as wide as the package's default, and a ReLU at the output too."""
    keras = backend.load()
    start = keras.initializers.GlorotUniform(seed=0)
    dense = partial(keras.layers.Dense, kernel_initializer=start)
    encoder = [keras.Input((d,)), dense(128, "relu"), dense(64, "relu"), dense(16)]
    decoder = [keras.Input((16,)), dense(64, "relu"), dense(128, "relu"), dense(d, "relu")]
    return keras.Sequential(encoder), keras.Sequential(decoder)


# %% [markdown]
# > **Predict.** What will the reconstruction of a standardised beat look like? Will the ROC-AUC
# > suffer much, since the output layer treats normal and abnormal beats alike?

# %%
relu = [judge(autoencoder(s, build=relu_networks), splits[s]) for s in seeds]
clipped = relu[0][0].detector_.reconstruct(z)

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 2.7), sharey=True)
for ax, output, name in zip(axes, (z_rebuilt, clipped), ("linear", "ReLU"), strict=True):
    beat = z[pair[0]]
    ax.axhline(0, color=QUIET, linewidth=0.8)
    ax.fill_between(range(140), beat, output[pair[0]], color=NORMAL, alpha=0.3, linewidth=0)
    ax.plot(beat, color=NORMAL)
    ax.plot(output[pair[0]], color="black", linewidth=1, linestyle=(0, (4, 1)))
    ax.set_title(f"{name} output", fontsize=10, pad=6)
    ax.set(xlabel="moment", xticks=range(0, 141, 35))
axes[0].set_ylabel("standard deviations")
below = (z[pair[0]] < 0).mean()
show(
    fig,
    f"The same standardised normal beat twice, {below:.0%} of it below zero. With a linear output "
    f"the dashed reconstruction follows it on both sides of zero; with a ReLU output it never goes "
    f"below zero, and everything under the line is error.",
)

# %% tags=["hide"]
relu_auc = np.array([outcome.roc_auc for _, outcome in relu])
relu_recall = np.mean([outcome.recall for _, outcome in relu])
relu_losses = int((relu_auc < auc["autoencoder"].to_numpy()).sum())
negative = (z < 0).mean()

# %% tags=["claim"]
assert clipped.min() > -1e-6, "the ReLU output is never negative"
assert relu_losses == len(seeds)
assert relu_auc.mean() < auc["autoencoder"].mean() - 0.02
assert abs(relu_auc.mean() - means["ROC-AUC"]["centroid"]) < 0.02, "about the centroid's"
assert relu_recall < 0.8
normal_z = z[is_normal]
least = (np.minimum(normal_z, 0) ** 2).mean(axis=1).mean()
linear_mean = plain_error(model, parts.test[is_normal]).mean()
relu_mean = plain_error(relu[0][0], parts.test[is_normal]).mean()
assert linear_mean < 0.5 * least < least < relu_mean, "no training gets below the floor"

# %% [markdown]
# Here {{ negative:.0%}} of all standardised values are negative, and none can be rebuilt. The
# ROC-AUC falls in {{ relu_losses }} of {{ len(seeds) }} splits, on average from
# {{ auc['autoencoder'].mean():.3f}} to {{ relu_auc.mean():.3f}}, and the mean recall from
# {{ means['recall']['autoencoder']:.0%}} to {{ relu_recall:.0%}}. That is about the centroid's
# level ({{ means['ROC-AUC']['centroid']:.3f}}): where the output is stuck at zero, the squared
# residual is the squared distance to the mean. The program ran without a warning. Only the picture
# and the baseline give it away.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: the floor under every such network (6 minutes)
#
# However long you train, a network whose output is never negative cannot rebuild row `z` better
# than some least mean squared error. Write `floor(z)`: that error for each row of `z`.


# %% tags=["exercise"]
def floor(z):
    # BEGIN SOLUTION
    return (np.minimum(z, 0) ** 2).mean(axis=1)
    # END SOLUTION


# %% tags=["check"]
def check_3(floor):
    """Think of one column alone. Its value is 2: which output of 0 or more is nearest? And when it
    is -2?

    The best output is the value itself where that is allowed. Where it is not, how near can it get?

    Write down the best possible output of a whole row, then take the mean squared error to it.
    """
    rng = np.random.default_rng(0)
    z = rng.normal(size=(6, 5))
    lowest = np.asarray(floor(z))
    assert lowest.shape == (6,), f"expected one number for each of the 6 rows, got {lowest.shape}"
    for _ in range(300):
        output = np.abs(z + rng.normal(scale=0.3, size=z.shape)) * rng.integers(0, 2, z.shape)
        error = ((z - output) ** 2).mean(axis=1)
        assert (error >= lowest - 1e-9).all(), "some outputs without negative values do better"
    reached = [np.mean([min((v - o) ** 2 for o in (0.0, abs(v))) for v in row]) for row in z]
    assert (lowest >= np.array(reached) - 1e-9).all(), (
        "no output without negative values does so well"
    )


# %% tags=["wrong"]
# hint: do better
def floor(z):
    return (z**2).mean(axis=1)


# %% tags=["wrong"]
# hint: does so well
def floor(z):
    return np.zeros(len(z))


# %% tags=["wrong"]
# hint: one number for each
def floor(z):
    return (np.minimum(z, 0) ** 2).mean()


# %% tags=["right"]
def floor(z):
    best = np.where(np.asarray(z) > 0, z, 0.0)
    return ((z - best) ** 2).sum(axis=1) / np.shape(z)[1]


# %% [markdown] tags=["solution"]
# The best such output copies what is positive and puts zero elsewhere, so the negative part
# remains. For the normal test beats of the first split the floor is {{ least:.2f}} on average. The
# network with a ReLU output ends at {{ relu_mean:.2f}}; the linear one reaches
# {{ linear_mean:.2f}}.

# %% [markdown]
# ## Key points
#
# - The score of a row is the mean of its squared residuals, each divided by the column's typical
#   error on fitting rows; `explain` shows the parts, so it says where a row looks wrong.
# - The cutoff comes from calibration rows: normal ones that were not fitted on.
# - On these heartbeats kNN is as good as the autoencoder; both beat PCA and the distance to the
#   mean.
# - A network learns whatever is among the fitting rows. One abnormal beat in a hundred took its
#   recall from {{ none['recall']['autoencoder']:.0%}} to {{ one['recall']['autoencoder']:.0%}}
#   here.
# - A small error means *the decoder can draw this row*, which is not the same as *it is normal*.

# %% [markdown]
# ## Test yourself
#
# <details>
# <summary>Why is the cutoff not taken from the scores of the fitting rows?</summary>
#
# The network was trained to make just those errors small. Fresh normal rows score a little higher,
# so more of them than promised are flagged: on the {{ len(seeds) }} splits above {{ lax:.1%}} on
# average, where calibration rows give {{ means['false-positive rate']['autoencoder']:.1%}}.
#
# </details>
#
# <details>
# <summary>A colleague trains on all rows, without labels, since "anomalies are rare anyway". What
# do you say?</summary>
#
# Rare is not none. Here one abnormal beat in a hundred was enough to lose most of the abnormal test
# beats. How bad it gets depends on the data, and finding out takes labelled rows.
#
# </details>
#
# <details>
# <summary>A row's reconstruction error is well below the cutoff. Name two ways in which it can
# still be an anomaly.</summary>
#
# Rows like it were among the fitting rows, so the network learnt to rebuild them. Or it is far from
# every fitting row, yet the decoder happens to be able to draw it.
#
# </details>

# %% [markdown]
# ## Sources
#
# - Y. Chen, Y. Hao, T. Rakthanmanon, J. Zakaria, B. Hu and E. Keogh, A general framework for
#   never-ending learning from time series streams, 2015,
#   [doi:10.1007/s10618-014-0388-4](https://doi.org/10.1007/s10618-014-0388-4): ECG5000. The beats
#   come from PhysioNet: A. L. Goldberger and others, 2000,
#   [doi:10.1161/01.CIR.101.23.e215](https://doi.org/10.1161/01.CIR.101.23.e215).
# - S. Hawkins, H. He, G. Williams and R. Baxter, Outlier detection using replicator neural
#   networks, 2002, [doi:10.1007/3-540-46145-0_17](https://doi.org/10.1007/3-540-46145-0_17): the
#   reconstruction error as an anomaly score.
# - R. Bouman and T. Heskes, Autoencoders for anomaly detection are unreliable, 2025,
#   [arXiv:2501.13864](https://arxiv.org/abs/2501.13864).
# - TensorFlow, Intro to autoencoders,
#   [tensorflow.org](https://www.tensorflow.org/tutorials/generative/autoencoder).
