# ---
# title: Comparing methods honestly
# objectives:
#   - compare detectors over several tables and seeds, with a trivial baseline among them
#   - turn a table of figures into mean ranks, and test whether chance alone could give them
#   - name three ways in which a comparison can be made to favour a method, and avoid them
# needs: ["07"]
# data:
#   - breast_cancer
#   - digits
#   - adbench/annthyroid
#   - adbench/cardio
#   - adbench/landsat
#   - adbench/Pima
#   - ecg5000
# ---

# %% [markdown]
# You know four detectors and the distance to the mean. Which one should you use? Papers answer with
# a table in which one line is printed in bold. This lesson makes such tables, first a bad one, then
# a better one, and asks of each what it can tell and what it cannot. (The
# [gallery](../gallery.ipynb) compares all methods of the package. One of your own, once
# [installed](../own-detector.md), joins the figures here too.)

# %% tags=["hide"]
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler

from anomaly_lab import all_detectors, compare, datasets, split
from anomaly_lab.drawing import NORMAL, QUIET, STYLE, look, show

plt.style.use(STYLE)

TITLES = {"autoencoder": "autoencoder", "knn": "kNN", "isolation_forest": "isolation forest"}
TITLES |= {"pca": "PCA", "centroid": "centroid"}
METHODS = list(TITLES)
# Detectors of other packages, yours perhaps: figures show them, and no sentence is about them.
added = [n for n, d in all_detectors().items() if not d.__module__.startswith("anomaly_lab.")]
TITLES |= {name: name for name in added}

# %% [markdown]
# ## One table, one seed
#
# `compare` splits a data set, fits every detector on the same [fitting
# rows](../glossary.md#fitting-rows) and judges all on the same test rows. Its
# [seed](../glossary.md#seed) decides which rows go where. Here are four quick methods on one table,
# measurements of breast tumours, by [ROC-AUC](../glossary.md#roc-auc).

# %%
quick = ["knn", "pca", "isolation_forest", "centroid"]
drawn = compare(datasets.load("breast_cancer"), [*quick, *added], seeds=10).frame()
drawn = drawn.pivot(index="seed", columns="detector", values="roc_auc")
lottery = drawn.drop(columns=added)
chosen = 4
lottery.loc[chosen].sort_values(ascending=False).round(3).rename(TITLES).to_frame("ROC-AUC")

# %% [markdown]
# A true table, and a headline: the isolation forest comes first on real medical data.
#
# > **Predict.** This was seed {{ chosen }}. Each of {{ len(lottery) }} seeds cuts the same file
# > differently. Under how many is the forest first? Do the four figures move together?

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(6, 3.2))
for name in [*quick, *added]:
    colour, line, marker = look(name)
    ax.plot(drawn[name], color=colour, linestyle=line, marker=marker, label=TITLES[name])
ax.plot(lottery.max(axis=1), "o", color="black", fillstyle="none", markersize=12, label="first")
ax.set(xlabel="seed", ylabel="ROC-AUC", xticks=lottery.index)
ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=5, fontsize=8, columnspacing=1.2)
first = lottery.idxmax(axis=1).value_counts()
show(
    ax,
    "ROC-AUC of four methods over ten seeds on one table; a ring marks the first of each seed. "
    + "Times first: "
    + ", ".join(f"{TITLES[name]} {n}" for name, n in first.items())
    + ". The four lines rise and fall together."
    + "".join(f" Added: {name}, {drawn[name].mean():.3f} on average." for name in added),
)

# %% tags=["hide"]
centroid_ahead = int((lottery["centroid"] > lottery["knn"]).sum())
together = lottery.corr().to_numpy()[np.triu_indices(4, 1)].min()
sd, means = lottery.std(), lottery.mean()

# %% tags=["claim"]
assert lottery.loc[chosen].idxmax() == "isolation_forest", "lesson 08 opens with the forest first"
assert first["centroid"] >= 5, "the centroid is first most often"
assert first["isolation_forest"] <= 3
assert first.get("knn", 0) >= 1 and "pca" not in first, "kNN is first once, PCA never"
assert centroid_ahead >= 8, "the centroid is ahead of kNN in nearly all seeds"
assert means["centroid"] - sd["centroid"] < means["knn"] + sd["knn"], "the two spreads overlap"
assert together > 0.5, "the four move together"

# %% [markdown]
# The forest is first in {{ first["isolation_forest"] }} of {{ len(lottery) }} seeds. The distance
# to the mean, a method of one line, is first in {{ first["centroid"] }}. A table that leaves out
# such a [baseline](../glossary.md#baseline) hides that.
#
# The lines move together, since all methods meet the same lucky or unlucky split. So compare them
# *within* a seed. The spreads of the centroid ({{ means["centroid"]:.3f}} ±
# {{ sd["centroid"]:.3f}}, mean and standard deviation) and of kNN ({{ means["knn"]:.3f}} ±
# {{ sd["knn"]:.3f}}) overlap, and still the centroid is ahead of kNN in {{ centroid_ahead }} of
# {{ len(lottery) }} seeds.
#
# More seeds would make that firmer for *this file* and say nothing about any other. Nor are they
# {{ len(lottery) }} independent experiments, since the splits share their rows.
#
# ## More tables, chosen by a rule
#
# Which tables? Whoever picks them freely can pick the winner. So use a rule that sees sizes and
# never a result: real tables of the catalogue, with at least a hundred anomalies (with few, ROC-AUC
# is uncertain in itself) and few enough rows for a laptop, one table of each source.

# %%
cards = [datasets.card(name) for name in datasets.names()]
eligible = [
    card.name
    for card in cards
    if card.kind != "simulated"
    and card.features > 1
    and card.anomalies >= 100
    and card.rows <= 7500
]
twins = ["breastw", "Cardiotocography", "satellite", "optdigits"]  # share a source with another one
tables = {name.split("/")[-1]: name for name in eligible if name.split("/")[-1] not in twins}
everyone = [*METHODS, *added]
results = {t: compare(datasets.load(name), everyone, seeds=3) for t, name in tables.items()}

# %% tags=["claim"]
wanted = ["breast_cancer", "digits", "annthyroid", "cardio", "landsat", "Pima", "ecg5000"]
assert list(tables) == wanted, "the rule gives the tables that the front matter names"
frames = pd.concat([results[t].frame() for t in tables])
seconds = frames.groupby("detector")["fit_seconds"].mean()[METHODS]
assert seconds["autoencoder"] > 2 * seconds.drop("autoencoder").max(), "the network costs most"

# %% [markdown]
# That leaves {{ len(tables) }} tables. Every detector keeps the package's default settings on every
# table.
#
# > **Predict.** How many of the five methods will be first somewhere?

# %% tags=["fold"]
frame = pd.concat({table: result.frame() for table, result in results.items()}, names=["table"])
drawn = frame.reset_index(0).pivot(index=["table", "seed"], columns="detector", values="roc_auc")
drawn = drawn.loc[list(tables), everyone]  # one row a table and seed
runs, by_table = drawn[METHODS], drawn.groupby("table", sort=False)
auc = runs.groupby("table", sort=False).mean()
spread = runs.groupby("table", sort=False).std()
cells = by_table.mean().map("{:.3f}".format) + " ± " + by_table.std().map("{:.3f}".format)
cells.rename(columns=TITLES).rename_axis(None).rename_axis(None, axis=1)

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(6.7, 4.4))
for name, offset in zip(everyone, np.linspace(-0.3, 0.3, len(everyone)), strict=True):
    colour, _, marker = look(name)
    at = np.arange(len(auc)) + offset
    ax.hlines(at, by_table[name].min(), by_table[name].max(), color=colour, linewidth=1.6)
    ax.plot(by_table[name].mean(), at, marker, color=colour, markersize=5, label=TITLES[name])
for line in np.arange(1, len(auc)) - 0.5:
    ax.axhline(line, color=QUIET, linewidth=0.5, alpha=0.5)
ax.axvline(0.5, color=QUIET, linewidth=1)
ax.set(xlabel="ROC-AUC", ylim=(len(auc) - 0.5, -0.5))
ax.set_yticks(range(len(auc)), auc.index)
ax.tick_params(axis="y", length=0)
ax.legend(loc="upper center", bbox_to_anchor=(0.45, -0.13), ncols=5, fontsize=8, columnspacing=1.2)
show(
    ax,
    "ROC-AUC of five methods on each table: mean as a mark, lowest to highest seed as a line. "
    + "First: "
    + ", ".join(f"{TITLES[auc.loc[t].idxmax()]} on {t} ({auc.loc[t].max():.3f})" for t in auc.index)
    + ". On landsat, PCA and the centroid lie below one half."
    + "".join(f" Added: {name}, {drawn[name].mean():.3f} on average." for name in added),
)

# %% tags=["hide"]
n_tables, n_runs = len(auc), len(runs)
seeds_each = n_runs // n_tables
leaders = auc.idxmax(axis=1)
led = {name: ", ".join(leaders.index[leaders == name]) for name in METHODS}
n_led = leaders.nunique()
gap = auc["autoencoder"] - auc["knn"]
level = 0.002  # below this, call it level
behind, before = gap.index[gap < -level], gap.index[gap > level]
knn_leads = ", ".join(f"{table} (by {-gap[table]:.3f})" for table in behind)
network_leads = ", ".join(f"{table} ({gap[table]:.3f})" for table in before)
over = {name: list(auc.index[auc[name] > auc["autoencoder"]]) for name in METHODS}
pca_over_knn = list(auc.index[auc["pca"] > auc["knn"]])
wins = runs.idxmax(axis=1).value_counts()
wins_text = ", ".join(f"{TITLES[name]} wins {n}" for name, n in wins.items())
turned = int((runs.loc["landsat", "pca"] < 0.5).sum())

# %% tags=["claim"]
assert list(leaders[["breast_cancer", "cardio"]]) == ["centroid"] * 2, "the centroid leads here"
assert list(leaders[["landsat", "Pima"]]) == ["knn"] * 2, "kNN leads here"
assert list(leaders[["digits", "annthyroid"]]) == ["autoencoder"] * 2, "the autoencoder leads here"
assert not led["pca"] and not led["isolation_forest"], "the other two are first nowhere"
assert gap["landsat"] < -0.03 and gap["Pima"] < -0.02, "kNN beats the autoencoder, not by a hair"
assert abs(gap["ecg5000"]) < spread.loc["ecg5000", "knn"], "on ecg5000 the two are level"
assert abs(gap["ecg5000"]) < spread.loc["ecg5000", "autoencoder"], "within either's spread"
assert {"Pima", "cardio"} <= set(over["centroid"]) and len(over["centroid"]) <= 3
assert "Pima" in over["isolation_forest"] and len(over["isolation_forest"]) <= 3
assert not over["pca"], "PCA's mean is nowhere above the autoencoder's"
assert pca_over_knn == ["cardio"]
assert wins[["autoencoder", "knn", "centroid"]].min() >= 2, "three methods win runs"
assert turned == seeds_each, "PCA is below one half on landsat in every seed"

# %% [markdown]
# Each cell is the mean ± standard deviation over {{ seeds_each }} seeds; the figure draws lowest to
# highest seed. {{ n_led }} of {{ len(METHODS) }} methods are first somewhere: the autoencoder on
# {{ led["autoencoder"] }}, kNN on {{ led["knn"] }}, the centroid on {{ led["centroid"] }}.
#
# Plainly, where the autoencoder is beaten:
#
# - by **kNN** on {{ knn_leads }}. The autoencoder leads on {{ network_leads }}. On `ecg5000` they
#   are level: the gap of {{ abs(gap["ecg5000"]):.4f}} is below the spread over seeds.
# - by the **centroid**, which learns nothing but a mean, on {{ ", ".join(over["centroid"]) }}.
# - by the **isolation forest** on {{ ", ".join(over["isolation_forest"]) }}.
# - by **PCA** on none of these. PCA does beat kNN, on {{ ", ".join(pca_over_knn) }}.
#
# On landsat, PCA is below one half in {{ turned }} of {{ seeds_each }} seeds: the anomalies lie
# nearer to its plane than the normal rows do.
#
# > **Note.** "Default settings" is no neutral ground. The defaults of the package's autoencoder and
# > PCA were chosen with tables of this same collection in view (their reference pages say so),
# > perhaps with some of these. Benchmarks by the authors of a method have that flaw in general.
#
# ## From figures to ranks
#
# May we average the ROC-AUC over tables? The average counts a hundredth on an easy table as much as
# on a hard one, and a table with wide gaps, like landsat, outweighs several with narrow ones.
# (Here it would favour kNN, {{ auc["knn"].mean():.3f}} to {{ auc["autoencoder"].mean():.3f}}.)
# *Ranks* ask only for the order ([Demšar 2006](https://www.jmlr.org/papers/v7/demsar06a.html)): on
# each table the best method gets rank 1, the next rank 2, and so on. Methods with equal figures
# share the mean of the ranks they take up: two that tie for second and third place get two and a
# half each. Then average each method's ranks over the tables.

# %% [markdown] tags=["exercise"]
# ## Exercise 1: mean ranks (6 minutes)
#
# Write `mean_ranks(table)`. `table` has one row a data set and one column a method; higher is
# better. Return one mean rank a column. Mind the ties.


# %% tags=["exercise"]
def mean_ranks(table):
    # BEGIN SOLUTION
    table = np.asarray(table)
    ranks = np.empty(table.shape)
    for i, row in enumerate(table):
        better = (row[None, :] > row[:, None]).sum(axis=1)
        equal = (row[None, :] == row[:, None]).sum(axis=1)  # itself included
        ranks[i] = better + (equal + 1) / 2
    return ranks.mean(axis=0)
    # END SOLUTION


# %% tags=["check"]
def check_1(mean_ranks):
    """Take one data set and one method. How many methods are better than it? How many are equal?

    Without ties, the rank is one more than the number of better methods. The best has none above.

    With ties, a method shares the ranks from (better + 1) to (better + equal), where equal counts
    the method itself. What is the mean of the first and the last of these?
    """
    plain = np.array([[0.9, 0.8, 0.7], [0.6, 0.8, 0.7], [0.5, 0.4, 0.3]])
    tied = np.array([[0.9, 0.8, 0.8, 0.7], [0.5, 0.5, 0.5, 0.6], [1.0, 1.0, 0.9, 0.9]])

    def slow(table):
        all_ranks = []
        for row in table.tolist():
            order = sorted(row, reverse=True)
            places = [[i + 1 for i, v in enumerate(order) if v == value] for value in row]
            all_ranks.append([sum(p) / len(p) for p in places])
        return np.mean(all_ranks, axis=0)

    found = np.asarray(mean_ranks(plain.copy()), dtype=float)
    assert found.shape == (3,), "expected one number for each of the 3 methods (columns)"
    assert not np.allclose(found, 4 - slow(plain)), "rank 1 belongs to the highest figure"
    assert np.allclose(found, slow(plain)), "rank within each row, then average down each column"
    found = np.asarray(mean_ranks(tied.copy()), dtype=float)
    assert np.allclose(found, slow(tied)), "equal figures share the mean of the ranks they take up"


# %% tags=["wrong"]
# hint: rank 1 belongs
def mean_ranks(table):
    return np.apply_along_axis(stats.rankdata, 1, table).mean(axis=0)


# %% tags=["wrong"]
# hint: equal figures share
def mean_ranks(table):
    return 1 + (-np.asarray(table)).argsort(axis=1).argsort(axis=1).mean(axis=0)


# %% tags=["wrong"]
# hint: within each row
def mean_ranks(table):
    return stats.rankdata(-np.asarray(table), axis=0).mean(axis=0)


# %% tags=["right"]
def mean_ranks(table):
    return pd.DataFrame(table).rank(axis=1, ascending=False).mean().tolist()


# %% [markdown] tags=["solution"]
# Why: a method's rank is the number of better ones, plus the mean of 1, 2, ... up to the number of
# equal ones (itself included). Sorting twice gives ranks too, but breaks ties by the order of the
# columns: a method would gain by standing further left.

# %% [markdown]
# ## Is it more than chance?
#
# > **Predict.** pandas does the ranking in one line. If all five methods were equally good, what
# > mean rank would each have in the long run? How far apart would best and worst be with
# > {{ n_tables }} tables?

# %%
ranks = auc.rank(axis=1, ascending=False)
mean_rank = ranks.mean()
widest = mean_rank.max() - mean_rank.min()

rng = np.random.default_rng(0)
copies = np.tile(ranks.to_numpy(), (20_000, 1, 1))  # (shuffles, tables, methods)
shuffled = rng.permuted(copies, axis=2).mean(axis=1)  # mean ranks if names did not matter
chance = shuffled.max(axis=1) - shuffled.min(axis=1)
p_value = np.mean(chance >= widest - 1e-9)
critical = np.quantile(chance, 0.95)

# %% tags=["hide"]
friedman = stats.friedmanchisquare(*(auc[name] for name in METHODS))
k = len(METHODS)
q = stats.studentized_range.ppf(0.95, k, np.inf) / np.sqrt(2)
nemenyi = q * np.sqrt(k * (k + 1) / (6 * n_tables))
order = mean_rank.sort_values()
ahead = int((gap > 0).sum())
sign = stats.binomtest(ahead, n_tables).pvalue
fours = []
for four in combinations(range(n_tables), 4):
    part = ranks.iloc[list(four)].mean()
    best = list(part.index[part == part.min()])
    fours.append(best[0] if len(best) == 1 else "a tie")
fours = pd.Series(fours).value_counts()

# %% tags=["fold"]
figure, (left, right) = plt.subplots(1, 2, figsize=(6.7, 2.8), width_ratios=[1.1, 1])
for y, name in enumerate(order.index):
    colour, _, marker = look(name)
    left.plot(order[name], y, marker, color=colour, markersize=7)
    left.text(order[name] + 0.14, y, f"{TITLES[name]} {order[name]:.2f}", va="center", fontsize=9)
left.plot([1, 1 + critical], [-1, -1], color="black", linewidth=2)
left.text(1 + critical + 0.1, -1, "chance reaches this far", va="center", fontsize=8)
left.set(
    xlabel="mean rank (1 is best)", xlim=(0.8, 5.9), ylim=(4.6, -1.6), yticks=[], xticks=range(1, 6)
)
left.spines["left"].set_visible(False)
bins = (np.arange(0, 4 * n_tables + 2) - 0.5) / n_tables
right.hist(chance, bins=bins[::2], color=QUIET, weights=np.full(len(chance), 1 / len(chance)))
right.axvline(widest, color=NORMAL, linewidth=2)
right.text(widest + 0.06, 0.19, f"observed\n{widest:.2f}", color=NORMAL, fontsize=9, va="top")
right.set(xlabel="best to worst mean rank, shuffled", ylabel="share of shuffles", xlim=(0, 4))
show(
    figure,
    "Left, mean ranks: "
    + ", ".join(f"{TITLES[name]} {order[name]:.2f}" for name in order.index)
    + f"; a bar of {critical:.2f} shows how wide the gap from best to worst gets by chance in "
    f"{0.95:.0%} of shuffles. Right, the gaps of all shuffles; {p_value:.0%} of them reach the "
    f"observed {widest:.2f}.",
)

# %% tags=["claim"]
assert set(mean_rank.nsmallest(2).index) == {"autoencoder", "knn"}, "these two are in front"
assert mean_rank.idxmax() == "pca"
assert 0.05 < p_value < 0.3, "the ranks are not beyond chance at the usual level"
assert 0.05 < friedman.pvalue < 0.3, "Friedman agrees"
assert abs(nemenyi - critical) < 0.15, "the formula's critical difference is the shuffles'"
assert abs(mean_rank["knn"] - mean_rank["autoencoder"]) < critical / 4, "far within chance"
assert mean_rank["centroid"] - order.iloc[0] < 0.8 * critical, "even the centroid"
assert sign > 0.3
assert max(fours["autoencoder"], fours["knn"]) < 0.8 * fours.sum(), "four tables: no sure winner"
assert min(fours["autoencoder"], fours["knn"]) >= 3

# %% [markdown]
# The autoencoder ({{ mean_rank["autoencoder"]:.2f}}) and kNN ({{ mean_rank["knn"]:.2f}}) are in
# front, PCA is last. To see what that is worth, take the names off: shuffle the ranks within each
# table, as if order had nothing to do with the method. In {{ p_value:.0%}} of the shuffles, best
# and worst end up at least as far apart as the observed {{ widest:.2f}}. At the usual level of 0.05
# chance is *not* ruled out, not even for the widest gap of all. [Friedman's
# test](https://doi.org/10.1080/01621459.1937.10503522), the classical one, has a p-value of
# {{ friedman.pvalue:.2f}} (its formula wants many tables; the shuffles do not).
#
# Fewer than one shuffle in twenty goes beyond {{ critical:.2f}}: that is the *critical difference*
# (the formula in Demšar gives {{ nemenyi:.2f}}). Between the autoencoder and kNN lie
# {{ abs(mean_rank["autoencoder"] - mean_rank["knn"]):.2f}}; from the first of all to the centroid
# it is {{ mean_rank["centroid"] - order.iloc[0]:.2f}}. School statistics agree: the autoencoder is
# ahead of kNN on {{ ahead }} of {{ n_tables }} tables, and a fair coin is at least that lopsided
# with probability {{ sign:.2f}}. Had we taken only four of the {{ n_tables }} tables, the
# autoencoder would lead in {{ fours["autoencoder"] }} of {{ fours.sum() }} choices and kNN in
# {{ fours["knn"] }}.
#
# This does not show that the methods are equal. It shows that {{ n_tables }} tables are too few to
# tell them apart; nor were these drawn at random from the tables of the world, as every such test
# pretends.

# %% tags=["hide"]
differences = (runs["autoencoder"] - runs["knn"]).groupby("table")
within = float(np.sqrt(differences.var().mean()))
between = float(np.sqrt(differences.mean().var() - within**2 / seeds_each))
BUDGET, SHARE = 60, 0.6
se_here = float(np.sqrt((between**2 + within**2 / seeds_each) / n_tables))

# %% tags=["claim"]
assert between > within, "tables differ more than seeds do"
assert abs(gap.mean()) < 2 * se_here, "the mean difference is within two standard errors of zero"

# %% [markdown] tags=["exercise"]
# ## Exercise 2: tables or seeds? (6 minutes)
#
# Take the ROC-AUC of the autoencoder minus that of kNN. From table to table its true mean varies
# with a standard deviation of `between`, {{ between:.3f}}; within a table it varies from seed to
# seed with `within`, {{ within:.3f}}. Its average over $T$ tables and $S$ seeds on each then has
# the standard error
#
# $$\sqrt{\frac{\mathrm{between}^2 + \mathrm{within}^2 / S}{T}}.$$
#
# With our {{ n_tables }} tables and {{ seeds_each }} seeds that is `se_here`, {{ se_here:.3f}}, for
# a mean difference of {{ gap.mean():.3f}}. You can pay for `BUDGET` runs of each method
# ({{ BUDGET }}), and want at least 2 seeds to see a spread. Choose `n_wanted` tables and `s_wanted`
# seeds so that the standard error is at most `SHARE` ({{ SHARE }}) of ours. Defend the choice in a
# sentence.

# %% tags=["exercise"]
n_wanted = 30  # SOLUTION
s_wanted = 2  # SOLUTION


# %% tags=["check"]
def check_2(n_wanted, s_wanted, between, within, se_here, BUDGET, SHARE):
    """Which of the two terms under the root do more seeds make smaller? And more tables?

    Imagine infinitely many seeds on few tables. What is left of the standard error?

    Tables divide everything, seeds only the smaller part. Spend the runs accordingly.
    """
    n, s = int(n_wanted), int(s_wanted)
    assert s >= 2, "with one seed a table there is no spread to see"
    assert n * s <= BUDGET, f"{n} tables with {s} seeds each are {n * s} runs: too many to pay for"
    error = np.sqrt((between**2 + within**2 / s) / n)
    assert error <= SHARE * se_here, (
        f"the standard error is {error / se_here:.2f} times ours: what varies most is not averaged"
    )


# %% tags=["wrong"]
# hint: what varies most
n_wanted, s_wanted = 6, 10


# %% tags=["wrong"]
# hint: too many to pay for
n_wanted, s_wanted = 60, 2


# %% tags=["wrong"]
# hint: no spread to see
n_wanted, s_wanted = 60, 1


# %% tags=["right"]
n_wanted, s_wanted = 20, 3


# %% [markdown] tags=["solution"]
# Why: tables differ more than seeds do, and more seeds never touch that part. Many tables with few
# seeds each beat few tables with many seeds. The formula treats tables as drawn at random; a
# hand-picked set has an error that no formula shows.

# %% [markdown]
# ## Tuned on the test rows
#
# kNN has one setting, the $k$ of [lesson 03](03_neighbours_and_trees.ipynb). The default is 5. A
# tempting way to do better: try several on each table, and report the best.
#
# > **Predict.** How much does kNN gain if every table may have the `k` that its own test labels
# > like best? And if each table gets the `k` that was best on the *other* tables?

# %%
KS = [1, 2, 3, 5, 10, 20, 50]


def knn_by_k(dataset, seed):
    """ROC-AUC of kNN for every k of KS: one search for neighbours serves them all."""
    parts = split(dataset, seed=seed)
    scaler = StandardScaler().fit(parts.fit)
    search = NearestNeighbors(n_neighbors=max(KS)).fit(scaler.transform(parts.fit))
    distances, _ = search.kneighbors(scaler.transform(parts.test))
    return [roc_auc_score(parts.test_labels, distances[:, k - 1]) for k in KS]


by_k = {t: np.mean([knn_by_k(r.dataset, s) for s in range(3)], axis=0) for t, r in results.items()}
by_k = pd.DataFrame(by_k, index=KS).T  # tables x k
others_like = {t: by_k.drop(index=t).mean().idxmax() for t in by_k.index}
ways = {
    "default, k = 5": by_k[5],
    "k best on the other tables": pd.Series({t: by_k.loc[t, k] for t, k in others_like.items()}),
    "k best on its own test labels": by_k.max(axis=1),
}
tuned = {}
for way, figures in ways.items():
    places = auc.assign(knn=figures).rank(axis=1, ascending=False).mean()
    tuned[way] = [figures.mean(), places["knn"], places["autoencoder"]]
columns = ["mean ROC-AUC of kNN", "its mean rank", "mean rank of autoencoder"]
tuned = pd.DataFrame(tuned, index=columns).T
tuned.round(3)

# %% tags=["hide"]
plain, honest, cheated = (tuned.iloc[i] for i in range(3))
liked = sorted(set(others_like.values()))

# %% tags=["claim"]
assert np.allclose(by_k[5], auc["knn"], atol=1e-6), "k = 5 is the package's kNN"
assert cheated["mean ROC-AUC of kNN"] > plain["mean ROC-AUC of kNN"] + 0.01, "cheating pays"
assert cheated["its mean rank"] < cheated["mean rank of autoencoder"] - 0.4, "and wins"
assert plain["mean ROC-AUC of kNN"] < honest["mean ROC-AUC of kNN"] < cheated["mean ROC-AUC of kNN"]
assert max(liked) <= 3, "the other tables like a small k"

# %% [markdown]
# With $k$ chosen by each table's own test labels, kNN's mean rank falls from
# {{ plain["its mean rank"]:.2f}} to {{ cheated["its mean rank"]:.2f}}, well below the autoencoder's
# {{ cheated["mean rank of autoencoder"]:.2f}}. No method that you could run got better: the test
# rows were used twice, to choose and to judge. It is [leakage](../glossary.md#leakage), the same as
# the cutoff tuned on test rows in [lesson 07](07_measuring_rare_events.ipynb).
#
# The honest way takes $k$ from the other tables ({{ " or ".join(map(str, liked)) }}) and keeps a
# part of the gain: a mean ROC-AUC of {{ honest["mean ROC-AUC of kNN"]:.3f}} after
# {{ plain["mean ROC-AUC of kNN"]:.3f}}. So the order of the two in front depends on who was tuned,
# and how. Where one method was tuned and the others were not, that is what a comparison shows.
#
# ## Ensembles
#
# Can you avoid choosing? An [ensemble](../glossary.md#ensemble) averages several detectors. Their
# scores have different units, so average the *ranks* of the scores. (A rank needs a crowd: here the
# test rows. For a single row, take the share of [calibration
# rows](../glossary.md#calibration-rows) that score lower. The package's `EnsembleDetector` tells
# instead how many standard deviations a score lies above those of rows held back.)
#
# > **Predict.** Average all five. Will the ensemble be ahead of its average member? Of its best?


# %%
def ensemble_auc(result, seed, members):
    """ROC-AUC of the mean rank that some detectors give each test row."""
    reports = [run.report for run in result.runs if run.seed == seed and run.detector in members]
    row_ranks = np.mean([stats.rankdata(report.scores) for report in reports], axis=0)
    return roc_auc_score(reports[0].labels, row_ranks)


five = pd.Series([ensemble_auc(results[t], seed, METHODS) for t, seed in runs.index], runs.index)
ensembles = pd.DataFrame(
    {
        "best member": auc.max(axis=1),
        "average member": auc.mean(axis=1),
        "ensemble of five": five.groupby("table").mean(),
    }
)
ensembles.rename_axis(None).round(3)

# %% tags=["hide"]
pair = [ensemble_auc(results[t], seed, ["autoencoder", "knn"]) for t, seed in runs.index]
pair = pd.Series(pair, runs.index).groupby("table", sort=False).mean()
above_average = int((five > runs.mean(axis=1)).sum())
above_best = int((five > runs.max(axis=1)).sum())
drag = ensembles.loc["landsat"]

# %% tags=["claim"]
assert above_average >= 0.9 * n_runs, "the ensemble is ahead of its average member"
assert above_best <= 0.1 * n_runs, "hardly ever ahead of its best"
assert five.mean() < min(auc["autoencoder"].mean(), auc["knn"].mean()) - 0.01
assert drag["best member"] - drag["ensemble of five"] > 0.08, "weak members drag it down"
assert pair.mean() > max(auc["autoencoder"].mean(), auc["knn"].mean()), "the pair looks better"

# %% [markdown]
# In {{ above_average }} of {{ n_runs }} runs the ensemble is ahead of its average member, in
# {{ above_best }} of {{ n_runs }} ahead of its best. Averaging cancels errors that the members do
# not share ([Aggarwal and Sathe 2015](https://doi.org/10.1145/2830544.2830549)), but it cannot tell
# the good from the bad: on landsat two members are worse than guessing, and pull the five down to
# {{ drag["ensemble of five"]:.3f}}. Over all tables it has a mean ROC-AUC of {{ five.mean():.3f}},
# and loses to the autoencoder ({{ auc["autoencoder"].mean():.3f}}) and to kNN
# ({{ auc["knn"].mean():.3f}}) alone. Here it insures you against the worst choice, and no more.
#
# The pair of autoencoder and kNN reaches {{ pair.mean():.3f}}. Do not print that in bold: we chose
# the pair after looking at the table. `EnsembleDetector` takes this pair by default, so the same
# holds for its figures on these tables in the [gallery](../gallery.ipynb).
#
# ## What others found
#
# - [Han and others (2022)](https://arxiv.org/abs/2206.09426), *ADBench*: 57 data sets, 14
#   unsupervised methods that fit on unlabelled rows with the anomalies among them. None is
#   statistically better than the rest.
# - [Livernoche and others (2024)](https://arxiv.org/abs/2305.18593) fit on normal rows only, as
#   here. Their mean ROC-AUC over the same 57 sets is 80.9 (in percent) for kNN, 75.8 for the
#   isolation forest and 74.0 for PCA.
# - [Bouman, Bukhsh and Heskes (2024)](https://jmlr.org/papers/v25/23-0570.html): 33 unsupervised
#   methods on 52 tables, and there the extended isolation forest *is* significantly better than
#   most. The answer depends on the tables, the settings and the rows fitted on.
#
# You will read that "no free lunch" theorems explain this. They say that averaged over *all
# conceivable* problems, each weighted alike, all methods do equally well ([Wolpert and Macready
# 1997](https://doi.org/10.1109/4235.585893), for search). Real tables are not drawn like that: most
# conceivable ones have no structure at all. So the theorems neither predict our table nor forbid a
# method that is best on every table you will meet.

# %% tags=["hide"]
regret = auc.rsub(auc.max(axis=1), axis=0).max()
safe = regret[["autoencoder", "knn"]].max()
unsafe = regret.drop(["autoencoder", "knn"])
n_fit = pd.Series({t: result.protocol.n_fit for t, result in results.items()}).sort_values()
fewest = n_fit.index[:2]

# %% tags=["claim"]
assert safe < 0.08, "kNN and the autoencoder are nowhere far behind"
assert unsafe.min() > 0.1, "each of the others is, somewhere"
assert set(fewest) <= set(over["centroid"]), "with fewest rows the network loses to the centroid"
assert "landsat" not in fewest, "the many rows of landsat did not save it from kNN"

# %% [markdown]
# ## On your own data
#
# What this run supports:
#
# 1. Start with the centroid and kNN. The centroid shows what any method has to beat. kNN is quick,
#    and on these tables it was at most {{ regret["knn"]:.3f}} behind the best.
# 2. Add the autoencoder when you have many normal rows and can afford its training, the longest of
#    the five. It was at most {{ regret["autoencoder"]:.3f}} behind the best; PCA, forest and
#    centroid were each {{ unsafe.min():.3f}} or more behind somewhere. On the two tables with the
#    fewest fitting rows ({{ " and ".join(fewest) }}) it lost to the centroid: a hint, not a proof.
# 3. Keep the more costly method only if it is ahead within most seeds on *your* labelled test rows.
#    Nothing here tells beforehand which table suits which method.
# 4. Fix settings, seeds and tables before you look, and report every one that you ran.
#
# ## Break it: one seed, one data set
#
# You are now the marketing department. `lottery` holds {{ len(lottery) }} seeds of one table, four
# methods, defaults throughout. Everything you print will be true.

# %% [markdown] tags=["exercise"]
# ## Exercise 3: a headline for everyone (5 minutes)
#
# Make `headline` a dict: for every method that is first under some seed of `lottery`, its column
# name and one such seed. Then say in one sentence why none of the headlines is evidence, although
# each comes from a correct run.

# %% tags=["exercise"]
headline = {lottery.loc[seed].idxmax(): seed for seed in lottery.index}  # SOLUTION


# %% tags=["check"]
def check_3(headline, lottery):
    """`headline` is a dict from a method's name, a column of lottery, to a seed.

    `lottery.loc[seed]` is the comparison that you would print. Which name has the highest figure?

    `lottery.idxmax(axis=1)` names the first of every seed. Look for a seed for each of the names in
    it.
    """
    assert isinstance(headline, dict), "expected a dict: the name of a method to a seed"
    for name, seed in headline.items():
        assert name in lottery.columns, f"{name!r} is no column of lottery"
        assert seed in lottery.index, f"there is no seed {seed} in lottery"
        best = lottery.loc[seed].idxmax()
        assert best == name, f"under seed {seed}, {name} is not first"
    missing = set(lottery.idxmax(axis=1)) - set(headline)
    assert not missing, "another method is first under some seed, and has no headline yet"


# %% tags=["wrong"]
# hint: is not first
headline = {"centroid": 0, "isolation_forest": 0, "knn": 0}


# %% tags=["wrong"]
# hint: no headline yet
headline = {"isolation_forest": chosen}


# %% tags=["right"]
headline = {}
for row_seed, row_best in lottery.idxmax(axis=1).items():
    headline[row_best] = row_seed

# %% [markdown] tags=["solution"]
# Why it is no evidence: the seed was chosen *after* seeing the result, so the headline would exist
# whichever method is better. Here {{ len(first) }} of {{ len(quick) }} methods get one. PCA gets
# none, on this table. The cure is to fix the seeds beforehand and to print all of them.

# %% [markdown]
# Choosing the table too gives more freedom still. Of the {{ n_runs }} runs of the larger
# comparison, {{ wins_text }}. Each run would make a headline.

# %% [markdown]
# ## Key points
#
# - One table and one seed prove nothing: other seeds named other winners. Compare methods within a
#   seed, over several tables chosen by a rule.
# - Put a trivial baseline into every table. Here the distance to the mean was first on
#   {{ led["centroid"] }}.
# - Neither kNN nor the autoencoder is ahead beyond chance here. kNN beat the autoencoder on
#   {{ ", ".join(behind) }}.
# - Mean ranks need a test, and few tables rarely pass one. "Not shown to differ" is not "equal".
# - Choosing settings, seeds or tables by the test labels makes winners. An ensemble insured against
#   the worst member here and lost to the best.
#
# ## Test yourself
#
# <details>
# <summary>A paper compares its new network on twenty tables with PCA, and wins on all of them. What
# do you ask?</summary>
#
# Where kNN and the distance to the mean are; by which rule the tables were chosen; whether the
# network's settings were chosen on the test labels while PCA kept its default.
#
# </details>
#
# <details>
# <summary>Two methods' means lie closer than their standard deviations over seeds. May you conclude
# that neither is better on this table?</summary>
#
# No. Both meet the same splits, so the standard deviations hold a part that they share. Look at the
# differences within each seed: one method may be ahead in nearly all of them.
#
# </details>
#
# <details>
# <summary>A test over seven tables gives a p-value of one half for kNN against the autoencoder. A
# colleague writes "kNN and the autoencoder perform equally". Correct it.</summary>
#
# "These seven tables do not show a difference." On single tables there are clear ones, in both
# directions, and they matter to whoever has such a table.
#
# </details>
#
# ## Sources
#
# - Janez Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006,
#   pages 1 to 30, [jmlr.org](https://www.jmlr.org/papers/v7/demsar06a.html).
# - Milton Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis
#   of variance", JASA 32, 1937,
#   [doi:10.1080/01621459.1937.10503522](https://doi.org/10.1080/01621459.1937.10503522).
# - Songqiao Han, Xiyang Hu, Hailiang Huang, Minqi Jiang and Yue Zhao, "ADBench: anomaly detection
#   benchmark", NeurIPS 2022, [arXiv:2206.09426](https://arxiv.org/abs/2206.09426); also the source
#   of four of the tables.
# - Victor Livernoche, Vineet Jain, Yashar Hezaveh and Siamak Ravanbakhsh, "On diffusion modeling
#   for anomaly detection", ICLR 2024, [arXiv:2305.18593](https://arxiv.org/abs/2305.18593).
# - Roel Bouman, Zaharah Bukhsh and Tom Heskes, "Unsupervised anomaly detection algorithms on
#   real-world data: how many do we need?", JMLR 25, 2024,
#   [jmlr.org](https://jmlr.org/papers/v25/23-0570.html).
# - Charu C. Aggarwal and Saket Sathe, "Theoretical foundations and algorithms for outlier
#   ensembles", SIGKDD Explorations 17, 2015,
#   [doi:10.1145/2830544.2830549](https://doi.org/10.1145/2830544.2830549).
# - David H. Wolpert and William G. Macready, "No free lunch theorems for optimization", IEEE
#   Transactions on Evolutionary Computation 1, 1997,
#   [doi:10.1109/4235.585893](https://doi.org/10.1109/4235.585893).
