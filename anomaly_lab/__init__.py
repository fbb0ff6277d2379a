"""Anomaly detection with autoencoders, taught step by step and compared honestly.

The public names are imported on first use, so ``import anomaly_lab`` stays light.
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers know it; typing itself takes milliseconds to import
if TYPE_CHECKING:
    from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "AnomalyLabError": "errors",
    "AnomalyModel": "model",
    "AutoencoderDetector": "detectors",
    "CentroidDetector": "detectors",
    "Comparison": "comparison",
    "Dataset": "datasets",
    "Detector": "contract",
    "EmpiricalTailDetector": "detectors",
    "EnsembleDetector": "detectors",
    "IsolationForestDetector": "detectors",
    "KNNDetector": "detectors",
    "LocalOutlierFactorDetector": "detectors",
    "PCADetector": "detectors",
    "Report": "evaluation",
    "Split": "splits",
    "VariationalAutoencoderDetector": "detectors",
    "all_detectors": "detectors",
    "compare": "comparison",
    "evaluate": "evaluation",
    "get_detector": "detectors",
    "split": "splits",
}
_MODULES = ("contract", "datasets", "detectors", "drawing", "errors", "report", "thresholds")

__all__ = sorted([*_HOMES, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
