"""What every detector keeps to: the base class, its card, and the suite that checks both."""

from anomaly_lab.contract.card import Card, Case, Failure, Sweep
from anomaly_lab.contract.detector import Array, Detector, UnfittedError, require_fitted
from anomaly_lab.parameters import Bounds, Count, Positive, Seed, Share

__all__ = [
    "Array",
    "Bounds",
    "Card",
    "Case",
    "Count",
    "Detector",
    "Failure",
    "Positive",
    "Seed",
    "Share",
    "Sweep",
    "UnfittedError",
    "require_fitted",
]
