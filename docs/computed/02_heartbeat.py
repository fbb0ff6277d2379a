# ---
# title: The picture on Home
# objectives: []
# needs: []
# data: [heartbeats_simulated]
# ---

# %% [markdown]
# # The picture on Home
#
# What stands on the [home page](index.md), and the code that made it: a network that has seen
# normal heartbeats only, and beats that it has not seen, a few of them abnormal.

# %%
import matplotlib.pyplot as plt
import numpy as np

from anomaly_lab import AutoencoderDetector, datasets, explorables, split
from anomaly_lab.drawing import ANOMALY, NORMAL, STYLE, Picture
from anomaly_lab.thresholds import Quantile

plt.style.use(STYLE)
parts = split(datasets.load("heartbeats_simulated"), seed=0)
network = AutoencoderDetector(random_state=0).fit(parts.fit)
cutoff = Quantile(0.95).fit(network.anomaly_score(parts.calibrate)).cutoff_

# %%
rng = np.random.default_rng(0)
normal = rng.choice(np.flatnonzero(parts.test_labels == 0), 48, replace=False)
abnormal = rng.choice(np.flatnonzero(parts.test_labels == 1), 12, replace=False)
shown = rng.permutation([*normal, *abnormal])
beats, labels = parts.test.iloc[shown], parts.test_labels[shown]
rebuilt = network.reconstruct(beats)
scores = network.anomaly_score(beats)

# %% [markdown]
# The cutoff has one in twenty of the calibration beats above it: normal ones, not among those that
# the network was fitted on. Of the test beats, {{ len(normal) }} normal and {{ len(abnormal) }}
# abnormal ones are shown, drawn at random.

# %% tags=["claim"]
flagged = scores > cutoff
assert flagged[labels == 1].sum() >= 6, "most abnormal beats are above the cutoff"
assert flagged[labels == 0].sum() <= 6, "few normal ones are"
assert not (scores[labels == 1].min() > scores[labels == 0].max()), "no cutoff parts them all"

# %% tags=["fold"]
fig, (left, right) = plt.subplots(2, 1, figsize=(6.4, 4), height_ratios=(2, 1))
row = scores.argsort()[-3]
beat = beats.iloc[row].to_numpy()
left.fill_between(range(140), beat, rebuilt[row], color="#aa4499", alpha=0.25, linewidth=0)
left.plot(beat, color="black")
left.plot(rebuilt[row], color="#aa4499", linestyle=(0, (5, 3)))
left.set(title="one heartbeat, and what the network makes of it", ylabel="millivolts", xticks=[])
for label, colour, mark in ((0, NORMAL, "o"), (1, ANOMALY, "^")):
    mine = scores[labels == label]
    right.scatter(mine, rng.uniform(0, 1, len(mine)), color=colour, marker=mark, s=25)
right.axvline(cutoff, color="black", linestyle="--")
right.set(xscale="log", yticks=[], xlabel="anomaly score; dashed: the cutoff")
alt = (
    f"Above, an abnormal heartbeat and a dashed reconstruction that runs apart from it. Below, the "
    f"scores of {len(shown)} beats on a line: the cutoff has {flagged[labels == 1].sum()} of "
    f"{len(abnormal)} abnormal beats above it, and {flagged[labels == 0].sum()} of {len(normal)} "
    "normal ones."
)
explorables.heartbeat(beats.to_numpy(), rebuilt, scores, labels, cutoff, Picture(left, alt))

# %% [markdown]
# [Lesson 05](learn/05_reconstruction_error.ipynb) builds it step by step on real heartbeats, and
# says when it fails; [lesson 06](learn/06_choosing_the_threshold.ipynb) is about the line.
