"""What every detector keeps to: the base class, its card, and the suite that checks both."""

from anomaly_lab.contract.card import Card, Case, Failure, Sweep
from anomaly_lab.contract.detector import Array, Detector, UnfittedError, require_fitted

__all__ = [
    "Array",
    "Card",
    "Case",
    "Detector",
    "Failure",
    "Sweep",
    "UnfittedError",
    "require_fitted",
]
