# ---
# title: Gallery
# objectives: []
# needs: []
# data: [breast_cancer, digits, card_transactions_simulated, heartbeats_simulated]
# ---

# %% tags=["hide"]
from dataclasses import asdict

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML

from anomaly_lab import all_detectors, drawing
from anomaly_lab.drawing import STYLE
from anomaly_lab.gallery import html, sets, tables, tasks
from anomaly_lab.gallery.run import run
from anomaly_lab.gallery.store import Store

plt.style.use(STYLE)

detectors = all_detectors()
ours = [name for name, kind in detectors.items() if kind.__module__.startswith("anomaly_lab.")]
store = Store()

# %% tags=["hide"]
maps = run(sets.maps(), store)

# %% [markdown]
# # Gallery
#
# {{ len(detectors) }} methods with their default settings, side by side: what each takes for
# normal, how well that finds anomalies, and what it costs. None is the best everywhere.

# %% tags=["fold"]
look_at = {
    "blobs": "Three groups. The mean lies in the gap between them: centroid and pca call the gap "
    "normal, knn and lof do not.",
    "densities": "A dense group and a wide one. The anomalies are far off by the measure of the "
    "dense group and near by that of the wide one; lof measures by the rows around.",
    "ring": "The mean lies in the middle, where there is nothing: centroid and pca call it normal; "
    "knn, lof and isolation forest flag it.",
    "moons": "Two curved bands. pca knows straight lines alone, and comes last.",
    "spiral": "One thin curve. knn follows it all the way; centroid, isolation forest and "
    "autoencoder fill in much of what lies between its turns.",
    "diagonal": "Each coordinate by itself is ordinary, only the pair is odd: empirical tail looks "
    "at one coordinate at a time, pca at both.",
    "clump": "Anomalies close together, some of them among the fitting rows: to knn they vouch for "
    "each other. The mean hardly moves, so centroid is not taken in.",
    "noise": "Nothing to find: the labels are drawn at random. What differs from 0.50 is chance.",
}
HTML(html.maps(maps, {f"shapes/{name}": words for name, words in look_at.items()}))

# %% tags=["claim"]
seen = pd.DataFrame(
    {
        "shape": task.case.data.removeprefix("shapes/"),
        "detector": task.detector,
        "roc_auc": result.roc_auc,
        "normal": np.mean(result.scores <= result.cutoff),  # share of the plane
        "middle": result.scores[tasks.CELLS // 2, tasks.CELLS // 2]
        > result.cutoff,  # is it flagged?
        "counts": np.bincount(result.labels),
    }
    for task, result in maps.items()
    if task.detector in ours  # the words are about these
)
counts = seen.groupby("shape")["counts"].first()["noise"]
auc, normal, middle = (
    seen.pivot(index="detector", columns="shape", values=column)
    for column in ("roc_auc", "normal", "middle")
)
assert not middle.loc[["centroid", "pca"], ["blobs", "ring"]].any(axis=None)
assert middle.loc[["knn", "lof"], ["blobs", "ring"]].all(axis=None)
assert middle.loc["isolation_forest", "ring"]
assert auc.loc["lof", "densities"] == auc["densities"].max() > auc.loc["knn", "densities"]
assert auc.loc["pca", "moons"] == auc["moons"].min()
assert auc.loc["knn", "spiral"] > 0.99
filling = ["centroid", "isolation_forest", "autoencoder"]
assert (normal.loc[filling, "spiral"] > 1.5 * normal.loc["knn", "spiral"]).all()
assert auc.loc["empirical_tail", "diagonal"] < 0.7 < 0.98 < auc.loc["pca", "diagonal"]
assert auc.loc["knn", "clump"] < 0.8 < 0.98 < auc.loc["centroid", "clump"]
# Scores that say nothing have a ROC-AUC with this standard deviation (Mann and Whitney, 1947).
chance = np.sqrt((counts.sum() + 1) / (12 * counts.prod()))
assert (abs(auc["noise"] - 0.5) < 3 * chance).all()

# %% tags=["hide"]
# A cell a set, since a cell may take only so long.
bundled = run(sets.scores(sets=["breast_cancer"]), store)

# %% tags=["hide"]
bundled |= run(sets.scores(sets=["digits"]), store)

# %% tags=["hide"]
bundled |= run(sets.scores(sets=["card_transactions_simulated"]), store)

# %% tags=["hide"]
bundled |= run(sets.scores(sets=["heartbeats_simulated"]), store)

# %% tags=["claim"]
assert set(bundled) == set(sets.scores()), "a bundled set is left out"

# %% tags=["hide"]
downloaded = store.known(sets.scores(sets=sets.DOWNLOADED))
scores = {**bundled, **{task: record.result for task, record in downloaded.items()}}
summary = tables.summary(tables.frame(scores))


def made_with(tasks):
    """Say where figures were measured, and with which versions."""
    environments = [record.environment for record in store.known(tasks).values()]
    machines = sorted({environment.machine for environment in environments})
    pairs = {pair for environment in environments for pair in environment.versions.items()}
    return f"{', '.join(machines)}; {', '.join(' '.join(pair) for pair in sorted(pairs))}"


recorded = len({task.dataset for task in downloaded})
of_seeds = len({task.seed for task in downloaded})
here, there = made_with(bundled), made_with(downloaded)
origin = f"The others were measured for this page ({here}), these before ({there})."
if not recorded or here == there:
    origin = f"Measured with: {here}."

# %% [markdown]
# ## On real data
#
# Every method on the same random splits: {{ sets.BUNDLED_SEEDS }} of each bundled or simulated set,
# {{ of_seeds }} of each one that is downloaded; {{ f"{tasks.MOST_ROWS:,}" }} rows are drawn from
# larger ones. A single split has no spread, and shows no leader. The distance to the mean,
# centroid, is the trivial baseline: a method that does not beat it has found no structure worth
# its cost.

# %% tags=["fold"]
HTML(html.table(summary, (*sets.BUNDLED, *sets.DOWNLOADED), list(detectors)))

# %% [markdown]
# Contaminated: {{ f"{sets.CONTAMINATION:.0%}" }} of the fitting rows are anomalies, or as many as
# the set can spare. Downloaded sets are never measured by the build of this page: their figures are
# kept in the repository, {{ recorded }} of {{ len(sets.DOWNLOADED) }} so far, and a dash stands for
# what is not. {{ origin }}

# %% tags=["hide"]
ranking = tables.ranking(summary, "clean")
ranks, gap = ranking.ranks, ranking.critical_difference


def listed(names):
    """Join names as a sentence does."""
    *most, last = (name.replace("_", " ") for name in names)
    return f"{', '.join(most)} and {last}" if most else last


ahead = {one: list(ranks.index[ranks > ranks[one] + gap]) for one in ranks.index}
holds = [f"{listed([one])} ahead of {listed(others)}" for one, others in ahead.items() if others]
pairs = len(ranks) * (len(ranks) - 1) // 2
shown = sum(map(len, ahead.values()))

# %% [markdown]
# ## Which differences hold
#
# Rank the methods on each of {{ len(ranking.datasets) }} sets, clean fitting rows, one set a
# source, and take the mean: a difference smaller than {{ gap:.2f}} may be luck (Friedman's test, p
# = {{ ranking.p_value:.2g}}; Nemenyi's, level {{ ranking.level:.0%}};
# [Demšar, 2006](https://www.jmlr.org/papers/v7/demsar06a.html)). {{ shown }} of {{ pairs }} pairs
# differ by more{{ ": " + "; ".join(holds) if holds else "" }}. For the others these data sets show
# no order.

# %% tags=["fold"]
figure, ax = plt.subplots(figsize=(5, 0.3 * len(ranks) + 1), layout="constrained")
drawing.critical_difference(ranks, gap, ax=ax)

# %% tags=["hide"]
known = store.known(sets.timings())
missing = [task for task in sets.timings() if task not in known]
timings = {**{task: record.result for task, record in known.items()}, **run(missing, store)}

# %% tags=["hide"]
times = pd.DataFrame({**asdict(task), **asdict(cost)} for task, cost in timings.items())
usual = {"rows": 3_000, "features": 10}  # of what does not change in a figure


def costs(what, size):
    """Return the figure of a cost against rows or features."""
    other = "features" if size == "rows" else "rows"
    line = times[times[other] == usual[other]].pivot(index=size, columns="detector", values=what)
    title = {"fit_seconds": "Fit", "score_seconds": "Score 1,000 rows"}[what]
    ax = plt.subplots(figsize=(5, 3.4), layout="constrained")[1]
    ax.set_title(title)
    what = f"seconds to {title.lower()} by {size}"
    return drawing.timing(line, f"{size} ({usual[other]:,} {other})", what, ax=ax)


# %% [markdown]
# ## What it costs
#
# On rows from a mixture of normal distributions, one thread, the median of a few runs
# ({{ made_with(timings) }}).

# %% tags=["fold"]
kinds = [(what, size) for what in ("fit_seconds", "score_seconds") for size in usual]
HTML(html.side_by_side([costs(what, size) for what, size in kinds]))

# %% [markdown]
# ## The methods

# %% tags=["fold"]
HTML(html.cards(detectors))

# %% [markdown]
# ## Add yours, or measure again
#
# One file is enough: [write a detector](own-detector.md). Once it is installed it has a column in
# the picture and in the table, a line in the figures, and a page of its own.
#
# ```console
# anomaly-lab gallery
# ```
#
# measures what is missing or has changed, and keeps each result as it comes.
