"""All that draws: what scores, rows and detectors look like, and a picture with its text.

A drawing function returns a `Picture`: a figure and its alternative text in one. A figure of your
own becomes one with `show`. Functions that draw a part (`scatter`, `score_map`, `shade`, `images`,
`panel`) take the axes to draw into.
"""

from anomaly_lab.drawing.maps import compact_map, idea, panel, score_map, shade
from anomaly_lab.drawing.methods import critical_difference, timing
from anomaly_lab.drawing.picture import Picture, show
from anomaly_lab.drawing.rows import images, scatter
from anomaly_lab.drawing.runs import feature_contributions, training_curve
from anomaly_lab.drawing.scores import (
    confusion_matrix,
    precision_recall_curve,
    roc_curve,
    score_histogram,
)
from anomaly_lab.drawing.style import ANOMALY, LOOKS, NORMAL, QUIET, STYLE, look, new_axes

__all__ = [
    "ANOMALY",
    "LOOKS",
    "NORMAL",
    "QUIET",
    "STYLE",
    "Picture",
    "compact_map",
    "confusion_matrix",
    "critical_difference",
    "feature_contributions",
    "idea",
    "images",
    "look",
    "new_axes",
    "panel",
    "precision_recall_curve",
    "roc_curve",
    "scatter",
    "score_histogram",
    "score_map",
    "shade",
    "show",
    "timing",
    "training_curve",
]
