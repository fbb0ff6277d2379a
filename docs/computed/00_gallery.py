# ---
# title: Gallery
# objectives: []
# needs: []
# data: [breast_cancer, digits, card_transactions_simulated, heartbeats_simulated]
# ---

# %% [markdown]
# # Gallery
#
# Every detector on the data sets that need no download: mean and spread of the ROC-AUC over seeds,
# the same splits for all, fitted on normal rows. The distance to the mean, `centroid`, is the
# trivial baseline that a method has to beat.

# %% tags=["hide"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from anomaly_lab import compare, datasets
from anomaly_lab.pictures import QUIET, STYLE, show

plt.style.use(STYLE)

SETS = ["breast_cancer", "digits", "card_transactions_simulated", "heartbeats_simulated"]
SEEDS = 3

# %% tags=["hide"]
results = {name: compare(datasets.load(name), seeds=SEEDS).table() for name in SETS}

# %% tags=["fold"]
means = pd.DataFrame({name: table["roc_auc", "mean"] for name, table in results.items()})
spread = pd.DataFrame({name: table["roc_auc", "sd"] for name, table in results.items()})
means = means.loc[means.mean(axis=1).sort_values(ascending=False).index]
cells = means.map("{:.3f}".format) + " ± " + spread.loc[means.index].map("{:.3f}".format)
cells.rename(columns=lambda name: name.replace("_", " ")).rename_axis(None)

# %% [markdown]
# Mean ± standard deviation over {{ SEEDS }} seeds. Where the spreads overlap, no order is shown by
# these runs. The same as a picture:

# %% tags=["fold"]
figure, axes = plt.subplots(1, len(SETS), figsize=(6.7, 2.4), sharex=True, sharey=True)
for ax, name in zip(axes, SETS, strict=True):
    at = np.arange(len(means))[::-1]
    ax.errorbar(means[name], at, xerr=spread.loc[means.index, name], fmt="o", color="#0072B2")
    ax.axvline(0.5, color=QUIET, linewidth=1)
    ax.set_title(name.replace("_simulated", "\n(simulated)").replace("_", " "), fontsize=9)
    ax.set_yticks(at, means.index)
    ax.set(xlim=(0.4, 1.02), xlabel="ROC-AUC")
best = means.idxmax()
show(
    figure,
    "Dot plots of the mean ROC-AUC with its spread, a panel a data set. Highest mean: "
    + ", ".join(f"{best[name]} ({means[name].max():.3f}) on {name}" for name in SETS)
    + ".",
)
