"""A fitted model in one file that cannot run code when it is loaded.

The file is a zip of uncompressed members: ``manifest.json`` describes preprocessor, detector and
threshold, the versions that wrote them, and the SHA-256 and size of every other member; ``N.skops``
holds a scikit-learn estimator or an array, ``N.keras`` a network. Uncompressed, so that no small
file can unpack to a large one.
"""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sklearn
import skops
from sklearn.base import clone
from sklearn.exceptions import InconsistentVersionWarning

from anomaly_lab import __version__
from anomaly_lab.contract import Detector
from anomaly_lab.errors import BackendError, ModelFileError
from anomaly_lab.neural import backend
from anomaly_lab.paths import located, write_whole
from anomaly_lab.storage import archive
from anomaly_lab.storage.values import Decoder, Encoder
from anomaly_lab.tables.encoding import Preprocessor
from anomaly_lab.thresholds import Threshold

_TRIED = 255  # rows that a loaded model is tried out on, beside one of zeros
Parts: TypeAlias = tuple[Preprocessor, Detector, Threshold]


def save(parts: Parts, path: str | PathLike[str]) -> None:
    """Write the parts of a fitted model to one file, whole or not at all.

    Parameters
    ----------
    parts : (Preprocessor, Detector, Threshold)
        The first two fitted, the third fitted or not.
    path : str or path-like
        The file to write; any suffix, ``.anomaly`` by habit. A file that is there is replaced.

    Raises
    ------
    InputError
        Where the file cannot be written, or the model holds something that cannot be stored.

    Notes
    -----
    What is stored: the detector's parameters and every attribute that `fit` set, as long as these
    are numbers, text, arrays, DataFrames, scikit-learn estimators of the classes that
    `anomaly_lab.storage.estimators` lists, Keras models made of Keras's own layers, other
    detectors, and lists, tuples or dicts of these. Arrays and weights are finite. A *parameter* of
    another kind, such as the function in ``AutoencoderDetector(build=...)``, comes back as None:
    the loaded model scores as before, since its networks are stored, but another `fit` would use
    the default.
    Networks come back without their optimizer. Saving a model twice in a row gives the same
    bytes.
    """
    preprocessor, detector, threshold = parts
    encoder = Encoder()
    content = {
        "preprocessor": encoder.encode(vars(preprocessor), "the preprocessor"),
        "detector": encoder.encode(detector, "the detector"),
        "threshold": encoder.encode(threshold, "the threshold"),
    }
    with_keras = any(name.endswith(".keras") for name in encoder.members)
    manifest = {**content, "versions": _versions(with_keras=with_keras)}
    write_whole(path, archive.seal(manifest, encoder.members))


def load(path: str | PathLike[str]) -> Parts:
    """Read the parts that `save` wrote; nothing in the file is executed.

    They score some rows before they are handed out, so that parts that do not fit together, or not
    the installed versions, are found here and not in use.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    (Preprocessor, Detector, Threshold)
        They score, flag and explain as the saved ones did.

    Raises
    ------
    InputError
        Where there is no such file, it is a folder, a pipe or a device, or it may not be read.
    ModelFileError
        Where the file is damaged, altered, of a newer format, or holds what it may not hold.
    BackendError
        Where the model holds a network and Keras or its backend is missing.

    Warns
    -----
    UserWarning
        Where scikit-learn or Keras is of another version than the one that saved the model.
    """
    source = located(path)
    data = archive.read(source)
    try:
        manifest, members = archive.unseal(data)
        changed = _changed_versions(manifest["versions"])
    except BackendError:
        raise
    except Exception as error:
        raise _refusal(source, error) from error
    if changed:
        warnings.warn(
            f"{source} was saved with {changed}: its scores may differ. "
            "Install the version that saved it, or fit and save the model again.",
            UserWarning,
            stacklevel=3,
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InconsistentVersionWarning)  # said once, above
            return _restore(manifest, Decoder(members))
    except BackendError:
        raise
    except Exception as error:
        raise _refusal(source, error, changed) from error


def _restore(manifest: dict[str, Any], decoder: Decoder) -> Parts:
    preprocessor = Preprocessor()
    preprocessor.__dict__.update(decoder.decode(manifest["preprocessor"]))
    detector = decoder.decode(manifest["detector"])
    threshold = decoder.decode(manifest["threshold"])
    for part, kind in ((detector, Detector), (threshold, Threshold)):
        if not isinstance(part, kind):
            raise ModelFileError(f"its {kind.__name__.lower()} is a {type(part).__name__}")
    _try_out(preprocessor, detector)
    return preprocessor, detector, threshold


def _try_out(preprocessor: Preprocessor, detector: Detector) -> None:
    """Score a row of zeros and empty text, and others: parts that do not fit together fail here."""
    clone(detector)  # as another fit would
    text = preprocessor.schema_.text
    row = {name: ["" if name in text else 0.0] for name in preprocessor.columns_}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = preprocessor.transform(pd.DataFrame(row))
        others = np.random.default_rng(0).normal(scale=3.0, size=(_TRIED, first.shape[1]))
        scores = detector.anomaly_score(np.vstack([first, others]))
    if np.shape(scores) != (_TRIED + 1,):
        raise ModelFileError(f"it gives scores of shape {np.shape(scores)} for {_TRIED + 1} rows")
    parts = np.zeros(0)
    if hasattr(detector, "contributions"):
        parts = preprocessor.by_column(detector.contributions(first))
    if not (np.isfinite(scores).all() and np.isfinite(parts).all()):
        raise ModelFileError("it gives scores that are not finite")


def _versions(*, with_keras: bool) -> dict[str, str]:
    versions = {
        "anomaly_lab": __version__,
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "skops": skops.__version__,
    }
    return versions | ({"keras": backend.load().__version__} if with_keras else {})


def _changed_versions(saved: dict[str, str]) -> str:
    """Name the packages whose version matters and has changed, "" if none has."""
    here = _versions(with_keras="keras" in saved)
    return " and ".join(
        f"{name} {saved[name]} (here {here[name]})"
        for name in ("scikit-learn", "keras")
        if name in here and saved[name] != here[name]
    )


def _refusal(source: Path, error: Exception, changed: str = "") -> ModelFileError:
    reason = str(error) if isinstance(error, ModelFileError) else f"{type(error).__name__}: {error}"
    versions = f" It was saved with {changed}, which may be why." if changed else ""
    return ModelFileError(
        f"{source} cannot be loaded: expected a file as AnomalyModel.save writes it, but {reason}."
        f"{versions} Take an undamaged copy from a source you trust, or fit and save the model "
        "again."
    )
