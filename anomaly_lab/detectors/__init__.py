"""The detectors, found by looking: one file here, or one entry point elsewhere, is one detector."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, TypeGuard

from anomaly_lab.contract import Detector
from anomaly_lab.errors import AnomalyLabError, UnknownNameError
from anomaly_lab.parameters import checked

if TYPE_CHECKING:
    from anomaly_lab.detectors.autoencoder import AutoencoderDetector
    from anomaly_lab.detectors.centroid import CentroidDetector
    from anomaly_lab.detectors.empirical_tail import EmpiricalTailDetector
    from anomaly_lab.detectors.ensemble import EnsembleDetector
    from anomaly_lab.detectors.isolation_forest import IsolationForestDetector
    from anomaly_lab.detectors.knn import KNNDetector
    from anomaly_lab.detectors.local_outlier_factor import LocalOutlierFactorDetector
    from anomaly_lab.detectors.pca import PCADetector
    from anomaly_lab.detectors.variational import VariationalAutoencoderDetector

__all__ = [
    "AutoencoderDetector",
    "CentroidDetector",
    "EmpiricalTailDetector",
    "EnsembleDetector",
    "IsolationForestDetector",
    "KNNDetector",
    "LocalOutlierFactorDetector",
    "PCADetector",
    "VariationalAutoencoderDetector",
    "all_detectors",
    "get_detector",
]

ENTRY_POINT_GROUP = "anomaly_lab.detectors"


def __getattr__(name: str) -> Any:
    # Imported on first use. A class needs no entry in a list: its file is looked for.
    if name.endswith("Detector"):
        for detector in _shipped():
            if detector.__name__ == name:
                return detector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def all_detectors() -> dict[str, type[Detector]]:
    """Return every detector class by its card's name: ours, then those of entry points.

    Returns
    -------
    dict of str to type
        Sorted by name.

    Raises
    ------
    AnomalyLabError
        Where two detectors carry the same name, or an entry point does not load a detector.
    """
    found: dict[str, type[Detector]] = {}
    for detector in (*_shipped(), *_installed()):
        other = found.setdefault(detector.card.name, detector)
        if other is not detector:
            raise AnomalyLabError(
                f"Two detectors are named {detector.card.name!r}: {_path(other)} and "
                f"{_path(detector)}. Rename one in its card, or uninstall one."
            )
    return dict(sorted(found.items()))


@checked
def get_detector(name: str) -> type[Detector]:
    """Return the detector class named `name`; `UnknownNameError` suggests the nearest names."""
    known = all_detectors()
    if name not in known:
        raise UnknownNameError("detector", name, known)
    return known[name]


def _shipped() -> Iterator[type[Detector]]:
    for module in pkgutil.iter_modules(__path__):
        members = vars(importlib.import_module(f"{__name__}.{module.name}")).values()
        for member in members:
            if _is_detector(member) and member.__module__ == f"{__name__}.{module.name}":
                yield member


def _installed() -> Iterator[type[Detector]]:
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            detector = entry.load()
        except Exception as error:
            raise AnomalyLabError(
                f"The detector {entry.name!r} of {entry.value} cannot be imported: {error}"
            ) from error
        if not (_is_detector(detector) and hasattr(detector, "card")):
            raise AnomalyLabError(
                f"The entry point {entry.name!r} ({entry.value}) must name a class that derives "
                f"from anomaly_lab.Detector and has a card, got {detector!r}."
            )
        yield detector


def _is_detector(thing: object) -> TypeGuard[type[Detector]]:
    return inspect.isclass(thing) and issubclass(thing, Detector)


def _path(detector: type[Detector]) -> str:
    return f"{detector.__module__}.{detector.__qualname__}"
