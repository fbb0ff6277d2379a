"""What the site's explorables show: a picture, and data for a script to bring it to life with.

Notebooks and pages without scripts show the picture alone. A folder of `kinds` is an explorable:
the Python that makes its data, its script and its style.
"""

from anomaly_lab.explorables.explorable import MIME, STILL, Explorable, assets
from anomaly_lab.explorables.kinds.bottleneck import bottleneck
from anomaly_lab.explorables.kinds.draw import draw
from anomaly_lab.explorables.kinds.heartbeat import heartbeat
from anomaly_lab.explorables.kinds.line_and_curve import line_and_curve
from anomaly_lab.explorables.kinds.threshold import Scores, threshold
from anomaly_lab.explorables.networks import layers, numbers, rounded

__all__ = [
    "MIME",
    "STILL",
    "Explorable",
    "Scores",
    "assets",
    "bottleneck",
    "draw",
    "heartbeat",
    "layers",
    "line_and_curve",
    "numbers",
    "rounded",
    "threshold",
]
