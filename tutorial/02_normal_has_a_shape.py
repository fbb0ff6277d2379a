# ---
# title: "Normal has a shape: PCA, and why not only PCA"
# objectives:
#   - rebuild rows from a line or a plane with NumPy, and use what is lost as an anomaly score
#   - say which anomalies this score sees and which it cannot, and choose how much to keep
#   - show on a curve where a straight reconstruction fails
# needs: ["01"]
# data: [breast_cancer]
# ---

# %% [markdown]
# The detector of [lesson 01](01_what_is_an_anomaly.ipynb) asks how far a row is from the mean, and
# its border is a circle. Normal rows seldom fill a circle. Tall people weigh more, fast motors draw
# more current: columns go together, and the rows lie along something. This lesson asks another
# question: **how much of a row is lost when it has to fit the shape of the normal rows?**
#
# The shape is a straight one here, a line or a plane. You build it, measure it on real rows, where
# it does not win, and then bend the rows until it breaks. Autoencoders, from [lesson
# 04](04_encoder_bottleneck_decoder.ipynb) on, ask the same question with shapes that bend.

# %% tags=["hide"]
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from anomaly_lab import AnomalyModel, datasets, evaluate, explorables, split
from anomaly_lab.detectors import CentroidDetector, PCADetector
from anomaly_lab.drawing import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, scatter, score_map, show
from anomaly_lab.neural import backend

plt.style.use(STYLE)

# %% [markdown]
# ## Squeeze a row, then rebuild it
#
# A motor reports its speed and its current. We simulate normal rows, with both columns on
# comparable scales: the faster, the more current, give or take some noise. A new row, A, comes from
# a motor whose belt has torn: it turns fast and draws little.


# %%
def motor(seed, rows=200):
    rng = np.random.default_rng(seed)
    speed = rng.normal(size=rows)
    return np.column_stack([speed, 0.9 * speed + 0.3 * rng.normal(size=rows)])


normal = motor(seed=0)
A = np.array([1.0, -0.8])

# %% [markdown]
# Now keep only *one* number of each row, and rebuild both columns from it. The one number is the
# row's place on a line through the mean; the rebuilt row is the point at that place. To find the
# line, subtract the mean from every row and ask NumPy for a *singular value decomposition* (SVD).
# It returns directions of length 1, sorted: along the first one the rows spread most.

# %%
mean = normal.mean(axis=0)
directions = np.linalg.svd(normal - mean, full_matrices=False)[2]  # one direction a row
line = directions[:1]  # keep the first, shape (1, 2)


def rebuild(rows):
    places = (rows - mean) @ line.T  # squeeze: one number a row
    return mean + places @ line  # put back: two columns again


residuals = normal - rebuild(normal)

# %% [markdown]
# The rebuilt row is the [reconstruction](../glossary.md#reconstruction). The row minus its
# reconstruction is the [residual](../glossary.md#residual): what was lost.
#
# > **Predict.** Half of the numbers are gone. Take the squared distances of all normal rows to
# > their mean, added up. What share of that sum do the reconstructions still have: about half,
# > three quarters, nearly all? And for A?

# %% tags=["hide"]
kept = 1 - (residuals**2).sum() / ((normal - mean) ** 2).sum()
kept_of_a = 1 - ((A - rebuild(A[None])[0]) ** 2).sum() / ((A - mean) ** 2).sum()
angles = np.radians(np.arange(180))
turned = np.stack([np.cos(angles), np.sin(angles)])  # the lines through the mean, by the degree
lost = ((normal - mean) ** 2).sum() - (((normal - mean) @ turned) ** 2).sum(axis=0)

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(4.4, 3.7))
some, back = normal[:40], rebuild(normal[:40])
ends = mean + np.array([[-3.35], [3.35]]) @ line
ax.plot(*ends.T, color=QUIET, linewidth=1.4, zorder=0)
for row, point in zip(some, back, strict=True):
    ax.plot(*np.stack([row, point]).T, color=NORMAL, linewidth=1)
ax.plot(*np.stack([A, rebuild(A[None])[0]]).T, color=ANOMALY, linewidth=1.6)
scatter(ax, some, size=12)
scatter(ax, A[None], [1], size=22)
ax.annotate("A", A, (7, -9), textcoords="offset points", fontweight="bold")
ax.text(0.97, -0.58, "residual of A")
top = ends[ends[:, 1].argmax()]
ax.annotate("the line", top, (-8, 0), textcoords="offset points", ha="right", va="center")
ax.set(xlabel="speed", ylabel="current", aspect="equal", xlim=(-2.7, 2.9), ylim=(-2.4, 2.4))
show(
    ax,
    "Normal rows close to a rising line through their mean, each joined to its reconstruction on "
    "the line by a short segment at a right angle. The segment of A, a row far below the line, is "
    f"{np.linalg.norm(A - rebuild(A[None])[0]):.1f} long; the longest of the others is "
    f"{np.linalg.norm(some - back, axis=1).max():.1f}.",
)

# %% tags=["claim"]
assert 0.95 < kept < 0.995, "lesson 02: the line keeps nearly all of the normal rows' spread"
assert kept_of_a < 0.1, "lesson 02: next to nothing of A's distance to the mean is kept"
assert (residuals**2).sum() <= lost.min() + 1e-9, "lesson 02: no other line loses less"

# %% [markdown]
# For the normal rows the reconstructions keep {{ kept:.0%}} of the sum, for A {{ kept_of_a:.0%}}.
# Rebuilt from the line, A becomes a normal motor near the mean. The autoencoders of later lessons
# rest on the same idea: a method that has learnt to rebuild normal rows may give an anomaly away by
# what it loses.
#
# The share that is kept is called the [**explained
# variance**](../glossary.md#explained-variance). Of all lines through the mean, the first direction
# explains most, and so loses least: turn the line degree by degree, and none of the
# {{ len(angles) }} lines leaves a smaller sum of squared residuals,
#
# $$\sum_i \lVert (x_i - \bar{x}) - W^\top W (x_i - \bar{x}) \rVert^2 ,$$
#
# where the rows of $W$ are the directions that are kept. The directions are the
# [**principal components**](../glossary.md#principal-component), the method is
# [PCA](../glossary.md#pca), principal component analysis
# ([Jolliffe and Cadima 2016](https://doi.org/10.1098/rsta.2015.0202)).
#
# > **Note.** This is not the line of a regression. A regression predicts the current from the speed
# > and measures its error upwards. PCA treats all columns alike and measures at a right angle.
#
# As an anomaly score, square the residuals of a row and add them up. `PCADetector` does that:

# %%
rows = np.vstack([normal[:3], A])
by_hand = ((rows - rebuild(rows)) ** 2).sum(axis=1)

detector = PCADetector(n_components=1).fit(normal)
pd.DataFrame({"by hand": by_hand, "PCADetector": detector.anomaly_score(rows)}).round(4)

# %% tags=["claim"]
assert np.allclose(by_hand, detector.anomaly_score(rows)), "lesson 02: by hand and package agree"
assert by_hand[3] > 5 * -detector.offset_, "lesson 02: A is far above the detector's cutoff"

# %% [markdown] tags=["exercise"]
# ## Exercise 1: rebuild from k components (6 minutes)
#
# Write `reconstruct(fit_rows, rows, k)`: learn the mean and the first `k` directions from
# `fit_rows`, and return the reconstructions of `rows`, which may be other rows, in any number.


# %% tags=["exercise"]
def reconstruct(fit_rows, rows, k):
    # BEGIN SOLUTION
    center = fit_rows.mean(axis=0)
    plane = np.linalg.svd(fit_rows - center, full_matrices=False)[2][:k]
    return center + (rows - center) @ plane.T @ plane
    # END SOLUTION


# %% tags=["check"]
def check_1(reconstruct):
    """Which steps learn something, and which rows may they learn from?

    Learn a mean and directions from fit_rows. Then, for rows: subtract the mean, squeeze, put back.
    What is still missing at the end?

    Each *row* of the SVD's third result is a direction, so the first k rows are wanted. Subtract
    the mean of fit_rows, not that of rows, and add it again last.
    """
    rng = np.random.default_rng(0)
    fit_rows = rng.normal(size=(60, 4)) * [3, 2, 1, 0.5] + [5, 0, -3, 1]
    fit_rows[:, 3] += fit_rows[:, 0]
    rows = rng.normal(size=(7, 4)) + np.array([8, 1, -3, 9])
    center = np.array([sum(column) / len(column) for column in fit_rows.T])
    spread, axes = np.linalg.eigh(np.cov(fit_rows.T))
    for k in (1, 2, 3):
        result = np.asarray(reconstruct(fit_rows.copy(), rows.copy(), k))
        assert result.shape == (7, 4), "expected one reconstruction a row, as wide as the row"
        rest = axes[:, np.argsort(spread)[: 4 - k]]
        wanted = center + sum(np.outer((rows - center) @ a, a) for a in axes.T[::-1][:k])
        shifted = np.allclose(result - wanted, (result - wanted)[0])
        assert np.allclose(result, wanted) or not shifted, (
            "right up to a constant: which mean is subtracted, and is it added again?"
        )
        assert np.allclose((result - center) @ rest, 0), (
            f"the reconstructions do not lie on the line or plane that loses least for k = {k}"
        )
        assert np.allclose(result, wanted), "on the plane, but not at the nearest point to the row"


# %% tags=["wrong"]
# hint: right up to a constant
def reconstruct(fit_rows, rows, k):
    plane = np.linalg.svd(fit_rows - fit_rows.mean(axis=0), full_matrices=False)[2][:k]
    return (rows - fit_rows.mean(axis=0)) @ plane.T @ plane


# %% tags=["wrong"]
# hint: right up to a constant
def reconstruct(fit_rows, rows, k):
    plane = np.linalg.svd(fit_rows - fit_rows.mean(axis=0), full_matrices=False)[2][:k]
    return rows.mean(axis=0) + (rows - rows.mean(axis=0)) @ plane.T @ plane


# %% tags=["wrong"]
# hint: do not lie on
def reconstruct(fit_rows, rows, k):
    center = fit_rows.mean(axis=0)
    plane = np.linalg.svd(fit_rows - center, full_matrices=False)[2][:, :k].T
    return center + (rows - center) @ plane.T @ plane


# %% tags=["right"]
def reconstruct(fit_rows, rows, k):
    center = fit_rows.mean(axis=0)
    values, vectors = np.linalg.eigh((fit_rows - center).T @ (fit_rows - center))
    best = vectors[:, np.argsort(values)[::-1][:k]]
    return [center + best @ (best.T @ (row - center)) for row in rows]


# %% [markdown] tags=["solution"]
# `@ plane.T` squeezes each row to `k` numbers, `@ plane` puts it back. The mean and the directions
# are all that is learnt, and both come from the fitting rows. The tempting wrong answer centres the
# new rows on their own mean: a batch of anomalies would then be moved onto the normal rows first.

# %% [markdown]
# ## What the residual cannot see
#
# A second new row, B, comes from a motor that turns faster than any in the fitting rows. Its
# current is just what such a speed needs.

# %%
B = np.array([3.4, 3.1])

# %% [markdown]
# > **Predict.** Which of the two rows does the distance to the mean flag? Which does the residual
# > flag?

# %% tags=["hide"]
catches = pd.DataFrame(
    0, index=["distance to the mean", "residual", "Mahalanobis"], columns=[*"AB"]
)
seeds = 10
for seed in range(seeds):
    fitted = (
        CentroidDetector().fit(motor(seed)),
        PCADetector(n_components=1).fit(motor(seed)),
        PCADetector(distance="mahalanobis").fit(motor(seed)),
    )
    for name, one in zip(catches.index, fitted, strict=True):
        catches.loc[name] += one.predict([A, B]) == -1
part_along = ((np.stack([A, B]) - mean) @ line.T)[:, 0] ** 2
part_residual = detector.anomaly_score([A, B])
far_b = ((B - mean) ** 2).sum()

# %% tags=["fold"]
fig, axes = plt.subplots(1, 2, figsize=(6.7, 3.2))
both = {"distance to the mean": CentroidDetector().fit(normal), "residual of the line": detector}
for ax, (name, fitted) in zip(axes, both.items(), strict=True):
    shown = np.vstack([normal[:120], A, B])
    score_map(ax, fitted, shown, np.arange(122) >= 120, cutoff=-fitted.offset_, margin=0.12)
    scatter(ax, [A, B], [1, 1], size=22)
    for letter, row in (("A", A), ("B", B)):
        ax.annotate(letter, row, (-15, -4), textcoords="offset points", fontweight="bold")
    ax.set_title(name, pad=5)
    ax.set(xlabel="speed", aspect="equal")
axes[0].set_ylabel("current")
show(
    fig,
    "Motor rows over two score maps, grey where the score is high, the cutoff dashed. Left, "
    "distance to the mean: the cutoff is a circle, A inside it and B outside. Right, residual: the "
    "cutoff is two lines beside the first direction, A outside of them and B between them.",
)

# %% tags=["claim"]
assert catches.loc["distance to the mean"].tolist() == [0, seeds], "lesson 02: the mean sees B only"
assert catches.loc["residual"].tolist() == [seeds, 0], "lesson 02: the residual sees A only"
assert catches.loc["Mahalanobis"].tolist() == [seeds, seeds], "lesson 02: Mahalanobis sees both"
assert np.allclose(part_along + part_residual, ((np.stack([A, B]) - mean) ** 2).sum(axis=1))
assert part_residual[1] < 0.02 * far_b, "lesson 02: next to nothing of B is residual"
assert B[0] > normal[:, 0].max(), "lesson 02: B turns faster than any fitting row"

# %% [markdown]
# The two are blind on different sides. The dashed cutoffs are the detectors' own: one fitting row
# in twenty scores above them. Draw the motor rows anew with {{ seeds }} seeds, and the distance to
# the mean flags A in {{ catches.loc["distance to the mean", "A"] }} and B in
# {{ catches.loc["distance to the mean", "B"] }} of {{ seeds }}, the residual A in
# {{ catches.loc["residual", "A"] }} and B in {{ catches.loc["residual", "B"] }} of {{ seeds }}.
#
# Pythagoras says why. The way from the mean along the line and the residual meet at a right angle,
# so
#
# $$\text{distance to the mean}^2 = \text{distance along the line}^2 + \text{residual}^2 .$$
#
# B's squared distance is {{ far_b:.1f}}, of which {{ part_residual[1]:.3f}} is residual. PCA can
# rebuild it, and the residual has nothing to say against a motor that runs away along the line. The
# sum of both parts sees B, but in it the small residual of A drowns in the large spread along the
# line.
#
# There is a way to have both: measure each direction, of all $d$, in units of its own spread $s_j$,
# square, and add,
#
# $$\sum_{j=1}^{d} \left( \frac{w_j^\top (x - \bar{x})}{s_j} \right)^2 .$$
#
# That is the square of the [Mahalanobis distance](../glossary.md#mahalanobis-distance),
# `PCADetector(distance="mahalanobis")`; it flags A in {{ catches.loc["Mahalanobis", "A"] }} and B
# in {{ catches.loc["Mahalanobis", "B"] }} of {{ seeds }}. Process engineers often keep two charts
# instead, one for each part ([Jackson and Mudholkar
# 1979](https://doi.org/10.1080/00401706.1979.10489779) give the limits of the residual's), so that
# an alarm tells which kind it is.

# %% [markdown]
# ## Thirty columns
#
# With more columns, keep more directions: a line becomes a plane, then its like in more dimensions
# (a [subspace](../glossary.md#subspace)). How many? The tumours of [lesson
# 01](01_what_is_an_anomaly.ipynb) again: benign ones are the normal rows, and each column is turned
# into a [z-score](../glossary.md#z-score) with the mean and the standard deviation of the fitting
# rows.

# %%
cancer = datasets.load("breast_cancer")
parts = split(cancer, seed=0)
fit_z = ((parts.fit - parts.fit.mean()) / parts.fit.std(ddof=0)).to_numpy()

_, lengths, axes_of_tumours = np.linalg.svd(fit_z, full_matrices=False)
explained = np.cumsum(lengths**2) / np.sum(lengths**2)
some_k = np.array([1, 2, 3, 4, 10, 20])
pd.DataFrame([explained[some_k - 1].round(3)], ["explained, together"], some_k)

# %% tags=["hide"]
n_columns = cancer.X.shape[1]
default = PCADetector().fit(fit_z)
raw_share = PCADetector(n_components=1).fit(parts.fit).explained_variance_ratio_[0]
raw_first = PCADetector(n_components=1).fit(parts.fit).components_[0]
n_default = len(default.components_)

# %% tags=["claim"]
assert explained[n_default - 1] >= default.variance > explained[n_default - 2], "the default's k"
assert explained[9] > 0.9, "lesson 02: a third of the columns' number holds nine tenths"
ratio = np.diff(explained, prepend=0)
assert (ratio[:9] / ratio[1:10] < 3).all(), "lesson 02: the tumours' shares fall without a step"
areas = raw_first[["area" in name for name in cancer.X]]
assert raw_share > 0.9 and (areas**2).sum() > 0.98, "lesson 02: unscaled, it is the areas"

# %% [markdown]
# The shares add up as components are added. The {{ n_columns }} columns go together so much that a
# third as many components explain {{ explained[9]:.0%}}. `PCADetector` keeps as many as it takes
# for {{ default.variance:.0%}}, which is {{ n_default }} here, and scores by the rest.
#
# > **Predict.** Surely a detector that knows how {{ n_columns }} columns go together beats the
# > distance to the mean, which knows nothing of it?


# %%
def measure(detector, seed):
    parts = split(cancer, seed=seed)
    model = AnomalyModel(detector).fit(parts.fit).calibrate(parts.calibrate)
    report = evaluate(parts.test_labels, model.anomaly_score(parts.test), model.cutoff)
    return report.roc_auc, report.recall, report.false_positive_rate


detectors = {
    "distance to the mean": CentroidDetector(),
    "PCA, residual": PCADetector(),
    "PCA, Mahalanobis": PCADetector(distance="mahalanobis"),
}
runs = pd.DataFrame(
    [(name, seed, *measure(d, seed)) for name, d in detectors.items() for seed in range(seeds)],
    columns=["detector", "seed", "ROC-AUC", "recall", "false-positive rate"],
)
means = runs.groupby("detector", sort=False).mean().drop(columns="seed")
means.round(3)

# %% tags=["hide"]
auc = runs.pivot(index="seed", columns="detector", values="ROC-AUC")
centroid = auc["distance to the mean"]
ahead = int((centroid > auc["PCA, residual"]).sum())
ahead_maha = int((centroid > auc["PCA, Mahalanobis"]).sum())
gap = centroid - auc["PCA, residual"]

# %% tags=["claim"]
assert ahead >= 9, "lesson 02: the mean beats the residual on breast_cancer"
assert 6 <= ahead_maha <= 10, "lesson 02: the mean is ahead of Mahalanobis in most splits"
assert (centroid - auc["PCA, Mahalanobis"]).mean() < 0.01, "lesson 02: ... by little"
assert 0.01 < gap.mean() < 0.04, "lesson 02: by how much"
worst = means["recall"]["PCA, residual"]
assert worst < means["recall"]["distance to the mean"] - 0.05, "lesson 02: recall is behind too"

# %% [markdown]
# **The simple method wins.** [ROC-AUC](../glossary.md#roc-auc), the chance that a random anomaly
# scores higher than a random normal row, is {{ centroid.mean():.3f}} for the distance to the mean
# and {{ auc["PCA, residual"].mean():.3f}} for the residual, in the mean over {{ seeds }} random
# splits. The distance to the mean is ahead in {{ ahead }} of {{ seeds }} splits, and ahead of the
# Mahalanobis distance, by little, in {{ ahead_maha }}. (The splits share their rows, so they are
# not {{ seeds }} independent trials; they show that it is not the luck of one split.)
#
# Why? Split the squared distance of every test row again into its two parts, for every number of
# components.


# %%
def two_parts(seed):
    parts = split(cancer, seed=seed)
    mean, sd = parts.fit.mean(), parts.fit.std(ddof=0)
    directions = np.linalg.svd(((parts.fit - mean) / sd).to_numpy(), full_matrices=False)[2]
    squares = (((parts.test - mean) / sd).to_numpy() @ directions.T) ** 2
    along = np.cumsum(squares, axis=1)  # column k - 1: with k components
    residual = squares.sum(axis=1, keepdims=True) - along
    return parts.test_labels, along, residual


# %% tags=["hide"]
n_kept = np.arange(1, n_columns)
auc_along, auc_residual, alone = [], [], []
for seed in range(seeds):
    labels, along, residual = two_parts(seed)
    auc_along.append([roc_auc_score(labels, along[:, k - 1]) for k in n_kept])
    auc_residual.append([roc_auc_score(labels, residual[:, k - 1]) for k in n_kept])
    single = np.diff(along, axis=1, prepend=0)
    alone.append([roc_auc_score(labels, single[:, i]) for i in range(n_columns)])
auc_along, auc_residual, alone = map(np.array, (auc_along, auc_residual, alone))
strongest = pd.Series(np.abs(axes_of_tumours[1]), cancer.X.columns).nlargest(8).index
sizes = ("radius", "perimeter", "area")
n_size = sum(name.split()[-1] in sizes for name in strongest)
second_best = int((alone.argmax(axis=1) == 1).sum())
one_ahead = int((auc_residual[:, 0] > centroid).sum())

# %% tags=["fold"]
fig, ax = plt.subplots(figsize=(5.6, 3.2))
ax.axhline(centroid.mean(), color=QUIET, linewidth=1.2)
ax.text(
    n_columns,
    centroid.mean() + 0.004,
    "both together: distance to the mean",
    ha="right",
    va="bottom",
)
for values, colour, look, name, at in (
    (auc_along, NORMAL, "s--", "along the components", (3.1, 0.78)),
    (auc_residual, ANOMALY, "o-", "residual", (10.5, 0.905)),
):
    ax.plot(n_kept, values.mean(axis=0), look, color=colour, markersize=3.5, linewidth=1.2)
    ax.text(*at, name, color=colour, fontsize=9)
ax.set(xlabel="components kept", ylabel="mean ROC-AUC", xlim=(0, n_columns + 0.5))
show(
    ax,
    "ROC-AUC of the two parts of the distance to the mean, by the number of components kept. With "
    f"one component the residual has {auc_residual[:, 0].mean():.2f} and the part along it "
    f"{auc_along[:, 0].mean():.2f}; with two, {auc_residual[:, 1].mean():.2f} and "
    f"{auc_along[:, 1].mean():.2f}. From then on the part along the components stays level with "
    "the distance to the mean, and the residual stays below both.",
)

# %% tags=["claim"]
assert second_best >= 9, "lesson 02: the second direction alone separates best"
assert alone[:, 0].mean() < 0.78, "lesson 02: the first says little about malignant tumours"
assert alone[:, 1].mean() > 0.92, "lesson 02: ... and well"
assert n_size >= 6, "lesson 02: it is mostly size"
on_size = cancer.X[[name for name in strongest if name.split()[-1] in sizes]]
assert (on_size[cancer.y == 1].median() > on_size[cancer.y == 0].quantile(0.9)).all(), "larger"
assert (auc_residual[:, 0] - auc_residual[:, 1] > 0.02).all(), "lesson 02: keeping it costs"
level = auc_along[:, 1:].mean(axis=0) - centroid.mean()
assert np.abs(level).max() < 0.01, "lesson 02: the part along is level with the distance"
assert (auc_residual[:, 1:].mean(axis=0) < centroid.mean() - 0.004).all(), "the residual below"
assert one_ahead >= 8, "lesson 02: one component would be ahead"
assert 0 < (auc_residual[:, 0] - centroid).mean() < 0.015, "lesson 02: ... by little"

# %% [markdown]
# The second direction explains it. Of its {{ len(strongest) }} largest weights, {{ n_size }} are on
# radii, perimeters and areas: for the most part it is *size*. Normal tumours differ in size, so PCA
# keeps that direction. Malignant tumours are mostly larger still. They lie far out along the
# component, as B did, and the residual leaves out the part that gives them away. On its own, the
# squared place along the second direction reaches a ROC-AUC of {{ alone[:, 1].mean():.2f}}, and is
# the best single direction in {{ second_best }} of {{ seeds }} splits.
#
# With one component the residual would be ahead of the distance to the mean, by
# {{ (auc_residual[:, 0] - centroid).mean():.3f}}, in {{ one_ahead }} of {{ seeds }} splits: it
# leaves out a direction that says little about malignant tumours. But we know that from the labels
# of test rows. A number of components that is picked like this has seen the answers
# ([leakage](../glossary.md#leakage)), and its ROC-AUC no longer says what it will do on new rows.

# %% tags=["hide"]
rng = np.random.default_rng(0)
mixing = rng.normal(size=(2, 8))


def plant_rows(rows, rng):
    return rng.normal(size=(rows, 2)) @ mixing + 0.3 * rng.normal(size=(rows, 8))


plant, faults = plant_rows(300, rng), plant_rows(200, rng)
faults[np.arange(200), rng.integers(8, size=200)] += 2.0
lengths = np.linalg.svd(plant - plant.mean(axis=0), compute_uv=False)
shares = lengths**2 / np.sum(lengths**2)
wanted = 0.9

# %% tags=["claim"]
assert len(PCADetector().fit(plant).components_) == 1, "lesson 02: the default stops at one"
assert shares[1] > 10 * shares[2] and shares[2] < 2 * shares[-1], "lesson 02: a step, then level"

# %% [markdown] tags=["exercise"]
# ## Exercise 2: how many components? (6 minutes)
#
# A plant has {{ plant.shape[1] }} sensors. The table shows the explained variance of each
# component, learnt from {{ len(plant) }} normal rows (`plant`). In the rows of `faults` one sensor,
# a different one from row to row, reads too high. Choose `k` so that `PCADetector(n_components=k)`,
# with its usual cutoff, flags at least {{ wanted:.0%}} of the faults. Defend it by the table alone:
# on the day you choose, no fault has happened.

# %% tags=["exercise"]
table = pd.DataFrame([shares.round(3)], ["explained, each"], range(1, 9))
k = 2  # SOLUTION
table


# %% tags=["check"]
def check_2(k, plant, faults, wanted):
    """In which directions do normal rows vary for a reason, and in which is there only noise?

    What varies for a reason should be rebuilt. What is noise should stay in the residual, where a
    fault stands out against it.

    Look for the place in the table where the shares drop and then stay level. Neither a share of
    70% nor one of 99% knows where that is.
    """

    def recall(k):
        return np.mean(PCADetector(n_components=k).fit(plant).predict(faults) == -1)

    assert k == int(k) and 1 <= k < plant.shape[1], (
        "k is a whole number, 1 to one below the columns"
    )
    got = recall(k)
    more = k + 1 < plant.shape[1] and recall(k + 1) > got + 0.2
    assert got >= wanted or not more, (
        f"{got:.0%} of the faults flagged: a direction in which normal rows vary a lot is left in "
        "the residual and drowns them"
    )
    assert got >= wanted, (
        f"{got:.0%} of the faults flagged: so much is rebuilt that the faults are rebuilt too"
    )


# %% tags=["wrong"]
# hint: drowns them
k = 1

# %% tags=["wrong"]
# hint: faults are rebuilt too
k = 7

# %% tags=["wrong"]
# hint: faults are rebuilt too
k = 5

# %% tags=["right"]
k = 3

# %% [markdown] tags=["solution"]
# The first two components explain {{ shares[0]:.0%}} and {{ shares[1]:.0%}}, each of the others
# about {{ shares[2:].mean():.1%}}: two causes drive the plant, and the rest is noise. With one
# component the second cause stays in the residual, raises the cutoff, and hides the faults; a rule
# such as "explain {{ default.variance:.0%}}", the default of `PCADetector`, stops there. With
# seven, only one direction is left in which a fault could show. The tumours' shares fall without
# such a step; and no step, however clear, knows anything of the anomalies that will come.

# %% [markdown]
# ## Break it: a curve
#
# Everything so far was straight. Now a machine with a setting `x` and a loss `y`: set too low or
# too high, it loses more, so the normal rows lie on a curve. The anomalies lie inside the curve.


# %%
def on_curve(rows, rng):
    x = rng.uniform(-2, 2, rows)
    return np.column_stack([x, x**2 / 2 + 0.08 * rng.normal(size=rows)])


def inside(rows, rng):
    x = rng.uniform(-1.4, 1.4, rows)
    return np.column_stack([x, rng.uniform(x**2 / 2 + 0.5, 2)])


def bend(rows):
    return np.column_stack([rows, rows[:, 0] ** 2])  # a third column: x squared


# %% [markdown]
# > **Predict.** Where does the line run that loses least? Which place does its residual call the
# > most normal, and which normal rows does it flag? (The function `bend` and the third picture are
# > explained below.)

# %% tags=["hide"]
curve_runs = []
for seed in range(seeds):
    rng = np.random.default_rng(seed)
    curve, fresh, odd = on_curve(300, rng), on_curve(500, rng), inside(200, rng)
    new, labels = np.vstack([fresh, odd]), np.repeat([0, 1], [len(fresh), len(odd)])
    for name, one, change in (
        ("distance to the mean", CentroidDetector(), np.asarray),
        ("PCA, residual", PCADetector(n_components=1), np.asarray),
        ("PCA, Mahalanobis", PCADetector(distance="mahalanobis"), np.asarray),
        ("PCA, residual, third column", PCADetector(n_components=2), bend),
    ):
        scores = one.fit(change(curve)).anomaly_score(change(new))
        result = evaluate(labels, scores, -one.offset_)
        figures = (result.roc_auc, result.recall, result.false_positive_rate)
        curve_runs.append((name, seed, *figures))
curve_runs = pd.DataFrame(curve_runs, columns=runs.columns)
curve_means = curve_runs.groupby("detector", sort=False).mean().drop(columns="seed")

# %%
rng = np.random.default_rng(0)
curve, new_rows = on_curve(300, rng), np.vstack([on_curve(70, rng), inside(25, rng)])
straight = PCADetector(n_components=1).fit(curve)
bent = PCADetector(n_components=2).fit(bend(curve))

# %% tags=["fold"]
maps = {
    "distance to the mean": CentroidDetector().fit(curve),
    "residual of the line": straight,
    "with a third column": SimpleNamespace(
        anomaly_score=lambda rows: bent.anomaly_score(bend(rows)), offset_=bent.offset_
    ),
}
fig, axes = plt.subplots(1, 3, figsize=(6.7, 2.5))
for ax, (name, fitted) in zip(axes, maps.items(), strict=True):
    score_map(ax, fitted, new_rows, np.arange(95) >= 70, cutoff=-fitted.offset_, margin=0.15)
    ax.set_title(name, pad=5)
    ax.set_xlabel("x")
axes[0].set_ylabel("y")
line_row = curve_means.loc["PCA, residual"]
bent_row = curve_means.loc["PCA, residual, third column"]
show(
    fig,
    "Rows on a U-shaped curve and anomalies inside it, over three score maps. The distance to the "
    "mean calls the inside normal. The residual of a line leaves a nearly level band without grey, "
    "across the curve and its inside, and flags the tips of the curve. With the third column the "
    "band without grey follows the curve, and the anomalies lie in grey.",
)

# %%
curve_means.round(3)

# %% tags=["hide"]
far_off = 10  # cutoffs, for exercise 3
tips = np.array([[-2.0, 2.0], [2.0, 2.0]])
center_of_curve = curve.mean(axis=0)

# %% tags=["claim"]
wide = curve_runs.pivot(index="seed", columns="detector", values="recall")
assert (wide["PCA, residual"] < 0.4).all(), "lesson 02: the line misses most, in every seed"
assert (wide[["distance to the mean", "PCA, Mahalanobis"]] < 0.15).all(axis=None), "... nearly all"
assert 0.55 < line_row["ROC-AUC"] < 0.75, "lesson 02: the line orders poorly"
assert (curve_means["ROC-AUC"].iloc[[0, 2]] < 0.62).all(), "lesson 02: the others are worse"
assert bent_row["ROC-AUC"] > 0.99 and bent_row["recall"] > 0.98, "lesson 02: the bend repairs it"
assert bent_row["false-positive rate"] < 0.1, "lesson 02: ... at few false alarms"
assert (straight.predict(tips) == -1).all(), "lesson 02: the tips are flagged"
accused_rows = curve[straight.predict(curve) == -1]
assert (np.abs(accused_rows[:, 0]) > 1.6).all(), "lesson 02: ... and no other normal rows"
assert abs(straight.components_[0, 1]) < 0.2, "lesson 02: the line runs level"
middle = straight.anomaly_score(center_of_curve[None])[0]
assert middle < 1e-9, "lesson 02: the mean has residual 0"
assert np.linalg.norm(curve - center_of_curve, axis=1).min() > 0.5, "no row is near it"

# %% [markdown]
# A line cannot follow the curve, so it runs across it, nearly level, through the mean. The mean
# itself has residual 0, and no fitting row is near it. With the usual cutoff the residual finds
# {{ line_row["recall"]:.0%}} of the anomalies, in the mean over {{ seeds }} seeds, and its ROC-AUC
# is {{ line_row["ROC-AUC"]:.2f}}, where guessing has one half. The normal rows that it flags are
# the tips of the curve. The distance to the mean and the Mahalanobis distance, whose border is an
# ellipse around the mean, do worse still. And a second component does not help the residual: two
# directions rebuild every row of two columns, and nothing is lost at all.
#
# The third picture shows what is missing. Give PCA another column, `x` squared, and keep 2 of now 3
# components. In these columns the curve lies on a plane, and the rows inside are beside it. Back in
# the picture, the plane is a line that bends. It finds {{ bent_row["recall"]:.0%}} of the
# anomalies, at a [false-positive rate](../glossary.md#false-positive-rate) of
# {{ bent_row["false-positive rate"]:.1%}}.
#
# We could do that because we know the curve; we drew it. In a table with {{ n_columns }} columns
# nobody tells you which bends to add. There are two ways out. [Lesson
# 03](03_neighbours_and_trees.ipynb) gives up the shape and asks the neighbours. [Lesson
# 04](04_encoder_bottleneck_decoder.ipynb) keeps the idea, squeeze, rebuild, look at what is lost,
# and lets a network learn the bends: an [autoencoder](../glossary.md#autoencoder). Here is a look
# ahead, at one that squeezes each row of the curve to one number, as the line does.

# %% tags=["fold"]
keras = backend.load()
keras.utils.set_random_seed(0)
dense = keras.layers.Dense
encoder = keras.Sequential([keras.Input((2,)), dense(32, "relu"), dense(32, "relu"), dense(1)])
decoder = keras.Sequential([keras.Input((1,)), dense(32, "relu"), dense(32, "relu"), dense(2)])
network = keras.Sequential([encoder, decoder])
network.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
network.fit(curve, curve, batch_size=64, epochs=200, verbose=0)


def put_back(rows):
    """What the line and the network make of rows, shape (method, n, 2)."""
    center, along = straight.mean_, straight.components_
    return np.stack([center + (rows - center) @ along.T @ along, np.asarray(network(rows))])


fig, ax = plt.subplots(figsize=(4.6, 3.6))
scatter(ax, curve, size=8)
codes = np.asarray(encoder(curve))
steps = np.linspace(codes.min(), codes.max(), 200)[:, None]
ax.axline(straight.mean_, straight.mean_ + straight.components_[0], color=LOOKS["pca"][0])
ax.plot(*np.asarray(decoder(steps)).T, color=LOOKS["autoencoder"][0], linewidth=2)
moved = np.array([[0.9, 1.5]])
for name, foot in zip(("pca", "autoencoder"), put_back(moved)[:, 0], strict=True):
    ax.plot(*np.stack([moved[0], foot]).T, color=LOOKS[name][0], linestyle=":")
    ax.plot(*foot, LOOKS[name][2], color=LOOKS[name][0])
ax.plot(*moved[0], "X", color="black")
ax.set(xlabel="x", ylabel="y", aspect="equal", xlim=(-2.6, 2.6), ylim=(-0.6, 2.6))
picture = show(
    ax,
    "Rows on a U-shaped curve. A nearly level line crosses it; a second line, bent, follows the "
    "rows. A point inside the curve is joined to the place where each of the two puts it back.",
)
explorables.line_and_curve(
    curve, on_curve(1000, np.random.default_rng(1)), straight, encoder, decoder, picture
)

# %% tags=["hide"]
grid = np.stack(np.meshgrid(np.linspace(-4, 4, 161), np.linspace(-2, 6, 161)), -1).reshape(-1, 2)
away = np.sqrt(((grid[:, None] - curve) ** 2).sum(axis=2).min(axis=1))
far = grid[away > 1]
lengths_far = np.linalg.norm(far - put_back(far), axis=2)
usual = np.quantile(np.linalg.norm(curve - put_back(curve)[1], axis=1), 0.95)
hiding_place = far[lengths_far[1].argmin()]
at_mean = np.linalg.norm(center_of_curve - put_back(center_of_curve[None])[:, 0], axis=1)

# %% tags=["claim"]
assert at_mean[0] < 1e-6 and at_mean[1] > 4 * usual, "lesson 02: the mean hides from the line alone"
assert lengths_far[1].min() < usual, "lesson 02: the network rebuilds some far row as well as usual"

# %% [markdown]
# > **Try.** Drag the point. Where does the line rebuild it without loss, though no row is near? Is
# > there such a place for the network too?
#
# <details class="answer">
# <summary>Answer</summary>
#
# All along the line, the mean of the rows among it; there the network's residual is
# {{ at_mean[1]:.1f}} long. But yes: beyond a tip its curve runs on, and at
# ({{ hiding_place[0]:.1f}}, {{ hiding_place[1]:.1f}}), more than 1 away from every row, it loses
# {{ lengths_far[1].min():.2f}}, where nineteen rows in twenty lose up to {{ usual:.2f}}. It learnt
# nothing there, it just goes on. A shape that bends still rebuilds everything that lies on it.
#
# </details>

# %% [markdown] tags=["exercise"]
# ## Exercise 3: break it both ways (6 minutes)
#
# Find two spots, each `[x, y]`. `hidden` is far from the curve (its `bent` score is at least
# {{ far_off }} times the cutoff of `bent`), yet the line all but rebuilds it (its `straight` score
# is below a hundredth of the cutoff of `straight`). `accused` is normal (`bent` does not flag it),
# yet `straight` flags it. The cutoff of a detector is `-detector.offset_`.

# %% tags=["exercise"]
hidden = [0.0, 0.65]  # SOLUTION
accused = [2.0, 2.0]  # SOLUTION


# %% tags=["check"]
def check_3(hidden, accused, straight, bent, far_off):
    """What does the line rebuild without loss, and where is the curve far from that?

    Print `curve.mean(axis=0)`. The line runs through it, almost level. And which places on the
    curve are farthest from such a level line?

    For hidden, take a point of the line between the two arms of the curve. For accused, put x at an
    end of its range, and y on the curve.
    """
    spots = np.array([hidden, accused], dtype=float)
    assert spots.shape == (2, 2), "each spot is two numbers, [x, y]"
    with_square = np.column_stack([spots, spots[:, 0] ** 2])
    by_line = straight.anomaly_score(spots) / -straight.offset_
    by_curve = bent.anomaly_score(with_square) / -bent.offset_
    assert by_curve[0] >= far_off, (
        f"hidden is too near the curve: {by_curve[0]:.0f} times the cutoff"
    )
    assert by_line[0] < 0.01, f"the line loses {by_line[0]:.3f} of its cutoff on hidden: too much"
    assert by_curve[1] <= 1, "accused is not normal: bent flags it"
    assert by_line[1] > 1, "straight does not flag accused: it is too near the line"


# %% tags=["wrong"]
# hint: hidden is too near the curve
hidden = [1.1, 0.65]
accused = [2.0, 2.0]

# %% tags=["wrong"]
# hint: on hidden: too much
hidden = [0.0, 1.6]
accused = [2.0, 2.0]

# %% tags=["wrong"]
# hint: straight does not flag accused
hidden = [0.0, 0.65]
accused = [0.0, 0.0]

# %% tags=["right"]
hidden = curve.mean(axis=0)
accused = (-1.95, 1.9)

# %% [markdown] tags=["solution"]
# Any point on the line, well between the arms, hides: a reconstruction error of next to 0 says that
# the method *can* rebuild the row, not that such a row was ever seen. The tips are the other side
# of the same fault, since the line is farthest from the curve there. Keep both in mind when the
# reconstruction comes from a network.

# %% [markdown]
# ## Key points
#
# - PCA squeezes a row to its places along a few directions and rebuilds it. What is lost, squared
#   and added up, is the anomaly score.
# - Squared distance to the mean = squared distance along the components + squared residual. The
#   residual sees rows that break the rule, and not rows that overdo it.
# - More components: smaller residuals for anomalies too. Choose the number from normal rows, not
#   from the test labels.
# - On the tumours the distance to the mean beats the residual. Always measure the simple method
#   too.
# - A straight shape rebuilds everything on it, whether or not normal rows are there.

# %% [markdown]
# ## Test yourself
#
# <details>
# <summary>A table has three columns, and a PCA keeps all three components. What are its anomaly
# scores?</summary>
#
# All 0. Three directions span the whole space, so every row is rebuilt without loss, anomalies too.
# `PCADetector` refuses to do it. An autoencoder whose narrow layer is not narrow has the same
# fault.
#
# </details>
#
# <details>
# <summary>One fitting row is a gross error, a hundred times larger than the others in every column.
# What may happen to the first component?</summary>
#
# It may turn towards that row, since the direction with the largest spread now leads there. The row
# then has a small residual, and so have others out in its direction. PCA squares distances, so one
# row can outweigh many. Fitting rows should be normal.
#
# </details>
#
# <details>
# <summary>You run PCA on the tumours as measured, without z-scores, and one component explains
# {{ raw_share:.0%}} of the variance. Have you found the shape of normal tumours?</summary>
#
# No, mostly a unit. The areas are the largest numbers in the table, so the direction of largest
# spread is nearly theirs alone, and the share says that areas are large numbers, not that the other
# columns go along with them. Scale the columns first, with what the fitting rows say.
#
# </details>

# %% [markdown]
# ## Sources
#
# - Jolliffe, I. T. and Cadima, J. (2016). Principal component analysis: a review and recent
#   developments. *Philosophical Transactions of the Royal Society A* 374, 20150202.
#   [doi:10.1098/rsta.2015.0202](https://doi.org/10.1098/rsta.2015.0202)
# - Shlens, J. (2014). A tutorial on principal component analysis.
#   [arXiv:1404.1100](https://arxiv.org/abs/1404.1100). Gentle, with the linear algebra.
# - Jackson, J. E. and Mudholkar, G. S. (1979). Control procedures for residuals associated with
#   principal component analysis. *Technometrics* 21, 341-349.
#   [doi:10.1080/00401706.1979.10489779](https://doi.org/10.1080/00401706.1979.10489779)
# - The tumours: Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository,
#   [doi:10.24432/C5DW2B](https://doi.org/10.24432/C5DW2B), CC BY 4.0.
