# ---
# title: Where is the middle?
# objectives:
#   - say why a few anomalies among the fitting rows move the mean, and hardly the median
#   - score rows by their distance to the median
# needs: ["01"]
# data: []
# ---

# %% [markdown]
# In [lesson 01](01_what_is_an_anomaly.ipynb) a row was scored by its distance to the mean of normal
# rows. But who makes sure that the rows are normal? This lesson puts anomalies among the fitting
# rows, on purpose, and watches the middle move.

# %% tags=["hide"]
import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_auc_score

from anomaly_lab.detectors import CentroidDetector
from anomaly_lab.drawing import ANOMALY, NORMAL, STYLE, show

plt.style.use(STYLE)

# %% [markdown]
# ## Rows with intruders
#
# Normal rows lie around the origin, anomalies to one side of it. `spoilt` is the share of anomalies
# among the fitting rows.


# %%
def rows(spoilt, seed, n=500):
    """Fitting rows, test rows and the labels of the test rows."""
    rng = np.random.default_rng(seed)
    n_bad = int(spoilt * n)
    fit = rng.normal(size=(n, 2)) + np.repeat([[0, 0], [4, 0]], [n - n_bad, n_bad], axis=0)
    labels = np.repeat([0, 1], n)
    test = rng.normal(size=(2 * n, 2)) + labels[:, None] * [4, 0]
    return fit, test, labels


# %% [markdown]
# > **Predict.** One fitting row in five is an anomaly. How far does the mean move, as a share of
# > the way to the anomalies? And the ROC-AUC of the distance to it?

# %% tags=["hide"]
seeds = range(10)
shares = np.array([0, 0.1, 0.2, 0.3, 0.4])
moved, auc = np.empty((2, len(shares), len(seeds)))
for i, share in enumerate(shares):
    for seed in seeds:
        fit, test, labels = rows(share, seed)
        moved[i, seed] = fit.mean(axis=0)[0] / 4
        auc[i, seed] = roc_auc_score(labels, CentroidDetector().fit(fit).anomaly_score(test))

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(4.8, 3))
ax.plot(100 * shares, auc, ".", color=ANOMALY, alpha=0.4)
ax.plot(100 * shares, auc.mean(axis=1), color=ANOMALY)
ax.set(xlabel="anomalies among the fitting rows, %", ylabel="ROC-AUC", ylim=(0, 1.02))
show(
    ax,
    "ROC-AUC of the distance to the mean against the share of anomalies among the fitting rows, "
    f"a dot for each seed: it falls from {auc[0].mean():.2f} to {auc[-1].mean():.2f}.",
)

# %% [markdown]
# With one in five, the mean goes {{ moved[2].mean():.0%}} of the way, just the share of the
# intruders, and the ROC-AUC falls from {{ auc[0].mean():.2f}} to {{ auc[2].mean():.2f}}. At two in
# five it is {{ auc[-1].mean():.2f}}: nearly half-way between the groups, a distance says little.

# %% tags=["claim"]
assert np.all(np.abs(moved[2] - 0.2) < 0.05), "the mean goes the share of the way"
assert np.all(auc[0] > 0.97)
assert np.all(np.diff(auc.mean(axis=1)) < 0), "it falls"
assert 0.5 < auc[-1].mean() < 0.8, "distance says little"

# %% [markdown] tags=["exercise"]
# ## Exercise 1: the distance to the median (5 minutes)
#
# Write `median_distance(fit, rows)`: for each row its distance to the point whose coordinates are
# the medians of the columns of `fit`.


# %% tags=["exercise"]
def median_distance(fit, rows):
    # BEGIN SOLUTION
    middle = np.median(fit, axis=0)
    return np.linalg.norm(rows - middle, axis=1)
    # END SOLUTION


# %% tags=["check"]
def check_1(median_distance):
    """How many medians are there, if there are three columns?

    `np.median` without an axis takes all numbers together.

    A distance is the root of a sum of squares over the columns of one row.
    """
    rng = np.random.default_rng(3)
    fit = rng.normal([0, 5, -20], size=(9, 3))
    rows = rng.normal(size=(4, 3))
    found = np.asarray(median_distance(fit, rows))
    assert found.shape == (4,), "expected one distance a row"
    far = np.vstack([fit, fit.max(axis=0) + 1, fit.min(axis=0) - 1])
    same = np.allclose(median_distance(far, rows), found)
    assert same, "two far rows, one on each side, should not move the middle"
    middle = [sorted(column)[4] for column in fit.T]
    slow = [sum((x - m) ** 2 for x, m in zip(row, middle, strict=True)) ** 0.5 for row in rows]
    assert np.allclose(found, slow), "take the median of each column on its own"


# %% tags=["wrong"]
# hint: should not move the middle
def median_distance(fit, rows):
    return np.linalg.norm(rows - fit.mean(axis=0), axis=1)


# %% tags=["wrong"]
# hint: each column
def median_distance(fit, rows):
    return np.linalg.norm(rows - np.median(fit), axis=1)


# %% tags=["right"]
def median_distance(fit, rows):
    half = np.sort(fit, axis=0)[len(fit) // 2]
    even = np.sort(fit, axis=0)[(len(fit) - 1) // 2]
    return np.sqrt(((rows - (half + even) / 2) ** 2).sum(axis=1))


# %% [markdown] tags=["solution"]
# The median of a column is its middle value. Put a huge value among the others, and the middle is
# at most one place further.

# %% [markdown]
# ## Break it: half and more
#
# The median holds while normal rows are the majority. Then?

# %% tags=["hide"]
shares_2 = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7])
auc_2 = np.empty((2, len(shares_2), len(seeds)))
WANTED = 0.9
for i, share in enumerate(shares_2):
    for seed in seeds:
        fit, test, labels = rows(share, seed)
        for j, middle in enumerate((fit.mean(axis=0), np.median(fit, axis=0))):
            auc_2[j, i, seed] = roc_auc_score(labels, np.linalg.norm(test - middle, axis=1))

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(4.8, 3))
for scores, name, colour, look in zip(
    auc_2, ("mean", "median"), (ANOMALY, NORMAL), ("-", "--"), strict=True
):
    ax.plot(100 * shares_2, scores.mean(axis=1), look, color=colour, label=name)
ax.axhline(0.5, color="black", linewidth=0.8)
ax.set(xlabel="anomalies among the fitting rows, %", ylabel="ROC-AUC", ylim=(0, 1.02))
ax.legend()
show(
    ax,
    "ROC-AUC of the distance to the mean and to the median against the share of anomalies among "
    f"the fitting rows. At {shares_2[2]:.0%} the median has {auc_2[1, 2].mean():.2f}, the mean "
    f"{auc_2[0, 2].mean():.2f}; above a half both are below chance.",
)

# %% [markdown]
# At {{ shares_2[2]:.0%}} the median still has {{ auc_2[1, 2].mean():.2f}}, against
# {{ auc_2[0, 2].mean():.2f}} for the mean. Above a half both fall below chance, and the median
# faster: the majority is what it calls normal.

# %% tags=["claim"]
assert np.all(auc_2[1, :4] > auc_2[0, :4]), "median ahead in every seed below a half"
assert np.all(auc_2[:, 4:] < 0.5), "both below chance above it"
assert np.all(auc_2[1, 4:] < auc_2[0, 4:])

# %% [markdown] tags=["exercise"]
# ## Exercise 2: how much can you trust? (3 minutes)
#
# A colleague labels fitting rows by hand and lets some anomalies through. From the figure: set
# `tolerated` to a share at which the distance to the median still has a ROC-AUC above `WANTED`, and
# the distance to the mean does not. Say in a sentence who should use which.

# %% tags=["exercise"]
tolerated = 0.3  # SOLUTION


# %% tags=["check"]
def check_2(tolerated):
    """Look for a share at which one line is above, the other below.

    Both are above at a small share, both below at a large one.

    Try a few shares between a tenth and a half.
    """
    assert 0 < tolerated < 1, "expected a share between 0 and 1"
    found = []
    for middle in (np.mean, np.median):
        fit, test, labels = rows(tolerated, seed=0)
        found.append(roc_auc_score(labels, np.linalg.norm(test - middle(fit, axis=0), axis=1)))
    assert found[1] > WANTED, "at this share the median is too far off as well"
    assert found[0] <= WANTED, "at this share the mean is still good enough"


# %% tags=["wrong"]
# hint: mean is still good enough
tolerated = 0.01

# %% tags=["wrong"]
# hint: median is too far off
tolerated = 0.6

# %% tags=["wrong"]
# hint: between 0 and 1
tolerated = 25

# %% tags=["right"]
tolerated = 0.35

# %% [markdown] tags=["solution"]
# Whoever is sure of the fitting rows may use the mean, which varies less from sample to sample.
# Whoever is not sure gives that up for a middle that a minority cannot move far.

# %% [markdown]
# ## Key points
#
# - Anomalies among the fitting rows pull the mean towards them, by their share of the way.
# - The median moves little while they are a minority, and changes sides when they are not.
#
# ## Test yourself
#
# <details>
# <summary>One fitting row has a value a million times too large. What happens to the mean of its
# column, what to the median?</summary>
#
# The mean follows it far away. The median moves by one place in the order at most.
#
# </details>
#
# <details>
# <summary>Is the median always better?</summary>
#
# No. With clean rows the mean varies less from sample to sample.
#
# </details>
#
# <details>
# <summary>Most of the fitting rows are anomalies. Which method without labels helps?</summary>
#
# None that takes the majority for normal. Somebody has to look at the rows.
#
# </details>
#
# ## Sources
#
# - Peter J. Rousseeuw and Mia Hubert, "Robust statistics for outlier detection", WIREs Data Mining
#   and Knowledge Discovery 1, 2011, [doi:10.1002/widm.2](https://doi.org/10.1002/widm.2).
