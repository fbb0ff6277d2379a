# ---
# title: Threshold explorer
# objectives: []
# needs: []
# data:
#   [breast_cancer, digits, card_transactions, card_transactions_simulated, ecg5000,
#   heartbeats_simulated]
# ---

# %% tags=["hide"]
import matplotlib.pyplot as plt

from anomaly_lab import AnomalyModel, datasets, drawing, evaluate, explorables, split, thresholds
from anomaly_lab.drawing import STYLE
from anomaly_lab.errors import DownloadError
from anomaly_lab.explorables import Scores

plt.style.use(STYLE)

NAMES = {
    "breast_cancer": "tumours",
    "digits": "digits",
    "card_transactions": "card payments",
    "card_transactions_simulated": "card payments, simulated here",
    "ecg5000": "heartbeats",
    "heartbeats_simulated": "heartbeats, simulated here",
}
DETECTORS = {
    "autoencoder": "autoencoder",
    "isolation_forest": "isolation forest",
    "knn": "kNN",
    "pca": "PCA",
    "centroid": "centroid",
}


def scores(parts, detector):
    model = AnomalyModel(detector).fit(parts.fit)
    return Scores(
        DETECTORS[detector],
        model.anomaly_score(parts.calibrate),
        model.anomaly_score(parts.validation),
        parts.validation_labels,
        model.anomaly_score(parts.test),
        parts.test_labels,
    )


# %% tags=["hide"]
judged, missing = {}, []
for name, title in NAMES.items():
    try:
        data = datasets.load(name)
    except DownloadError:
        missing.append(name)
        continue
    parts = split(data, seed=0, calibrate=0.5, validation=0.2)
    judged[title] = [scores(parts, detector) for detector in DETECTORS]
left_out = (
    f" Not here, since they could not be downloaded: {', '.join(missing)}." if missing else ""
)

# %% [markdown]
# # Threshold explorer
#
# The scores of {{ len(DETECTORS) }} detectors on {{ len(judged) }} data sets of the lessons, one
# random split each, and a cutoff to move. Every figure follows from where it stands: [lesson
# 06](learn/06_choosing_the_threshold.ipynb) says how to choose it, [lesson
# 07](learn/07_measuring_rare_events.ipynb) what the figures mean.{{ left_out }}

# %% tags=["fold"]
first = judged["tumours"][0]
cutoff = thresholds.Quantile(0.95).fit(first.calibration).cutoff_
report = evaluate(first.test_labels, first.test, cutoff)
fig, ax = plt.subplots(figsize=(5.2, 3))
picture = drawing.score_histogram(report, ax=ax, name=first.title)
explorables.threshold(judged, picture)

# %% [markdown]
# A teacher can link to a setting: "Copy link" gives the address of what is seen, and
# `&threshold.hide=prices,prevalence` at its end leaves parts out. The parts are `choose`,
# `histogram`, `counts`, `figures`, `curves`, `rules`, `prices`, `prevalence` and `challenge`.
