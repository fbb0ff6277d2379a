"""A fitted model in one file that cannot run code when it is loaded.

The file is a zip of uncompressed members: ``manifest.json`` describes the model, the versions that
wrote it, and the SHA-256 and size of every other member; ``N.skops`` holds a scikit-learn estimator
or an array, ``N.keras`` a network. Uncompressed, so that no small file can unpack to a large one.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
import pandas as pd
import sklearn
import skops
import skops.io
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

from anomaly_lab import __version__, thresholds
from anomaly_lab.contract import Detector, UnfittedError
from anomaly_lab.detectors import all_detectors
from anomaly_lab.errors import BackendError, InputError, ModelFileError
from anomaly_lab.model import AnomalyModel
from anomaly_lab.neural import backend
from anomaly_lab.paths import write_whole
from anomaly_lab.thresholds import POT, Tail, Threshold

FORMAT = 1

# What skops does not trust by itself and scikit-learn's parts are made of.
_TRUSTED = frozenset(
    {
        "numpy.dtype",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
    }
)
# Layers that compute and do nothing else: none holds code, none reads a file.
_LAYERS = re.compile(
    r"Activation|Add|AlphaDropout|Average|AveragePooling1D|AveragePooling2D|"
    r"BatchNormalization|Bidirectional|Concatenate|Conv1D|Conv1DTranspose|Conv2D|"
    r"Conv2DTranspose|Cropping1D|Cropping2D|Dense|DepthwiseConv1D|DepthwiseConv2D|Dot|"
    r"Dropout|EinsumDense|ELU|Embedding|Flatten|GaussianDropout|GaussianNoise|"
    r"GlobalAveragePooling1D|GlobalAveragePooling2D|GlobalMaxPooling1D|GlobalMaxPooling2D|"
    r"GRU|GRUCell|GroupNormalization|Identity|InputLayer|LayerNormalization|LeakyReLU|"
    r"LSTM|LSTMCell|Masking|Maximum|MaxPooling1D|MaxPooling2D|Minimum|MultiHeadAttention|"
    r"Multiply|Normalization|Permute|PReLU|ReLU|RepeatVector|Reshape|RMSNormalization|"
    r"SeparableConv1D|SeparableConv2D|SimpleRNN|SimpleRNNCell|Softmax|SpatialDropout1D|"
    r"SpatialDropout2D|Subtract|TimeDistributed|UnitNormalization|UpSampling1D|"
    r"UpSampling2D|ZeroPadding1D|ZeroPadding2D"
)
_PLAIN = (type(None), bool, int, float, str)
_MEMBER = re.compile(r"manifest\.json|[0-9]+\.(skops|keras)")
_SKOPS_MEMBER = re.compile(r"schema\.json|[0-9]+\.npy")
_ANY_MEMBER = re.compile(r".*")
_KERAS_MEMBER = re.compile(r"(metadata|config)\.json|model\.weights\.h5")


def save(model: AnomalyModel, path: str | PathLike[str]) -> None:
    """Write a fitted model to one file, whole or not at all.

    Parameters
    ----------
    model : AnomalyModel
        Fitted; calibrated or not.
    path : str or path-like
        The file to write; any suffix, ``.anomaly`` by habit. A file that is there is replaced.

    Raises
    ------
    UnfittedError
        Where the model is not fitted.
    InputError
        Where the file cannot be written, or the model holds something that cannot be stored.

    Notes
    -----
    What is stored: the detector's parameters and every attribute that `fit` set, as long as these
    are numbers, text, arrays, DataFrames, scikit-learn estimators, Keras models made of Keras's own
    layers, other detectors, and lists, tuples or dicts of these. A *parameter* of another kind,
    such as the function in ``AutoencoderDetector(build=...)``, comes back as None: the loaded model
    scores as before, since its networks are stored, but another `fit` would use the default.
    Networks come back without their optimizer. Saving a model twice in a row gives the same
    bytes.
    """
    _require_fitted(model)
    writer = _Writer()
    manifest = {
        "format": FORMAT,
        "preprocessor": writer.encode(vars(model.preprocessor), "the preprocessor"),
        "detector": writer.encode(model.detector, "the detector"),
        "threshold": writer.encode(model.threshold, "the threshold"),
        "versions": _versions(with_keras=any(name.endswith(".keras") for name in writer.members)),
        "members": {name: _fingerprint(content) for name, content in writer.members.items()},
    }
    text = json.dumps(manifest, indent=1).encode()
    write_whole(path, _pack({"manifest.json": text, **writer.members}))


def load(path: str | PathLike[str]) -> AnomalyModel:
    """Read a model that `save` wrote; nothing in the file is executed.

    The model scores one row of zeros before it is handed out, so that parts that do not fit
    together, or not the installed versions, are found here and not in use.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    AnomalyModel
        Scores, flags and explains as the saved one did.

    Raises
    ------
    InputError
        Where there is no such file, it is a folder, or it may not be read.
    ModelFileError
        Where the file is damaged, altered, of a newer format, or holds what it may not hold.
    BackendError
        Where the model holds a network and Keras or its backend is missing.

    Warns
    -----
    UserWarning
        Where scikit-learn or Keras is of another version than the one that saved the model.
    """
    source = Path(path).expanduser()
    data = _read(source)
    try:
        members = _unpack(data, _MEMBER)
        manifest = _read_manifest(members)
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
            return _restore(manifest, _Reader(members))
    except BackendError:
        raise
    except Exception as error:
        raise _refusal(source, error, changed) from error


class _Writer:
    """Turns values into JSON; what JSON cannot hold goes into `members`."""

    def __init__(self) -> None:
        self.members: dict[str, bytes] = {}

    def encode(self, value: Any, what: str) -> Any:
        """Return `value` as JSON: plain as it is, else ``{kind: content}``."""
        if type(value) in _PLAIN:
            return value
        if type(value) in (list, tuple, dict):
            return self._container(value, what)
        if isinstance(value, Detector):
            return {"detector": self._detector(value)}
        if isinstance(value, Threshold):
            return {"threshold": _describe_rule(value)}
        if isinstance(value, pd.DataFrame):
            return {"frame": self._frame(value, what)}
        if _is_network(value):
            return {"keras": self._add("keras", _network_bytes(value, what))}
        return {"skops": self._add("skops", _skops_bytes(value, what))}

    def _container(self, value: Any, what: str) -> Any:
        if isinstance(value, dict):
            pairs = [
                [self.encode(k, what), self.encode(v, f"{k} of {what}")] for k, v in value.items()
            ]
            return {"dict": pairs}
        items = [self.encode(item, f"an item of {what}") for item in value]
        return items if isinstance(value, list) else {"tuple": items}

    def _detector(self, detector: Detector) -> dict[str, Any]:
        name = detector.card.name
        if all_detectors().get(name) is not type(detector):
            raise InputError(
                f"{type(detector).__name__} cannot be stored: all_detectors() does not list it, so "
                "it could not be found again. Declare it under the entry point group "
                "'anomaly_lab.detectors' of its package."
            )
        params = detector.get_params(deep=False)
        state = {key: value for key, value in vars(detector).items() if key not in params}
        return {
            "name": name,
            "params": {key: self._parameter(value, key) for key, value in params.items()},
            "state": {key: self.encode(value, f"{name}.{key}") for key, value in state.items()},
        }

    def _parameter(self, value: Any, what: str) -> Any:
        before = dict(self.members)
        try:
            return self.encode(value, what)
        except InputError:
            self.members = before
            return None

    def _frame(self, frame: pd.DataFrame, what: str) -> dict[str, Any]:
        columns = [frame[name] for name in frame.columns]
        return {
            "columns": self.encode(list(frame.columns), what),
            "dtypes": [str(column.dtype) for column in columns],
            "values": [self.encode(column.tolist(), what) for column in columns],
            "index": self.encode(frame.index.tolist(), what),
            "index_name": self.encode(frame.index.name, what),
        }

    def _add(self, kind: str, content: bytes) -> str:
        name = f"{len(self.members)}.{kind}"
        self.members[name] = content
        return name


class _Reader:
    """Turns JSON back into values: the counterpart of `_Writer`."""

    def __init__(self, members: dict[str, bytes]):
        self._members = members

    def decode(self, node: Any) -> Any:
        """Return the value that `_Writer.encode` described."""
        if isinstance(node, list):
            return [self.decode(item) for item in node]
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        readers: dict[str, Callable[[Any], Any]] = {
            "tuple": lambda items: tuple(self.decode(items)),
            "dict": lambda pairs: {self.decode(key): self.decode(value) for key, value in pairs},
            "frame": self._frame,
            "threshold": _make_rule,
            "detector": self._detector,
            "keras": lambda name: _network(self._members[name]),
            "skops": lambda name: _part(self._members[name]),
        }
        if kind not in readers:
            raise ModelFileError(f"its manifest holds a value of the unknown kind {kind!r}")
        return readers[kind](content)

    def _detector(self, node: dict[str, Any]) -> Detector:
        found = all_detectors().get(node["name"])
        if found is None:
            raise ModelFileError(
                f"it needs the detector {node['name']!r}, which is not installed here; install the "
                "package it comes from"
            )
        detector = found(**{key: self.decode(value) for key, value in node["params"].items()})
        state = {key: self.decode(value) for key, value in node["state"].items()}
        odd = [key for key in state if key.startswith("__") or key in node["params"]]
        if odd:
            raise ModelFileError(f"its detector has attributes it may not have: {odd}")
        detector.__dict__.update(state)
        return detector

    def _frame(self, node: dict[str, Any]) -> pd.DataFrame:
        index = pd.Index(self.decode(node["index"]), name=self.decode(node["index_name"]))
        columns = self.decode(node["columns"])
        parts = zip(columns, node["values"], node["dtypes"], strict=True)
        data = {
            name: pd.Series(self.decode(values), index=index, dtype=dtype)
            for name, values, dtype in parts
        }
        return pd.DataFrame(data, index=index, columns=columns)


def _restore(manifest: dict[str, Any], reader: _Reader) -> AnomalyModel:
    detector = reader.decode(manifest["detector"])
    if not isinstance(detector, Detector):
        raise ModelFileError(f"its detector is a {type(detector).__name__}")
    model = AnomalyModel(detector, reader.decode(manifest["threshold"]))
    model.detector = detector  # AnomalyModel takes a copy that is not fitted
    model.preprocessor.__dict__.update(reader.decode(manifest["preprocessor"]))
    _require_fitted(model)
    _try_out(model)
    return model


def _require_fitted(model: AnomalyModel) -> None:
    if not (hasattr(model.preprocessor, "columns_") and hasattr(model.detector, "offset_")):
        raise UnfittedError("This model is not fitted yet: call fit(rows) with normal rows first.")


def _try_out(model: AnomalyModel) -> None:
    """Score one row of zeros and empty text: a file with parts that do not fit fails here."""
    text = model.preprocessor._text
    row = {name: ["" if name in text else 0.0] for name in model.preprocessor.columns_}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = model.anomaly_score(pd.DataFrame(row))
    if scores.shape != (1,):
        raise ModelFileError(f"it gives scores of shape {scores.shape} for one row")


def _describe_rule(rule: Threshold) -> dict[str, Any]:
    if type(rule) not in thresholds.RULES.values():
        raise InputError(
            f"The threshold {type(rule).__name__} cannot be stored. Use a rule of "
            "anomaly_lab.thresholds, such as Fixed(model.cutoff)."
        )
    thresholds.parse(rule.spec)  # raises where the rule could not come back
    tail = getattr(rule, "tail_", None)
    return {
        "spec": rule.spec,
        "cutoff": getattr(rule, "cutoff_", None),
        "tail": None if tail is None else asdict(tail),
    }


def _make_rule(node: dict[str, Any]) -> Threshold:
    rule = thresholds.parse(str(node["spec"]))
    cutoff, tail = node["cutoff"], node["tail"]
    if cutoff is not None:
        if type(cutoff) is not float or np.isnan(cutoff):
            raise ModelFileError(f"its cutoff is {cutoff!r}, not a number")
        rule.cutoff_ = cutoff
    if isinstance(rule, POT) and tail is not None:
        rule.tail_ = Tail(**tail)
    return rule


def _skops_bytes(value: Any, what: str) -> bytes:
    try:
        members = _unpack(skops.io.dumps(value), _ANY_MEMBER)
        names: dict[Any, Any] = {"schema.json": "schema.json"}
        schema = _renumber(json.loads(members["schema.json"]), ("__id__", "file"), names)
        members["schema.json"] = json.dumps(schema).encode()
        content = _pack({names[name]: member for name, member in members.items()})
        _part(content)
    except Exception as error:
        raise InputError(
            f"Cannot store {what}, of type {type(value).__name__}: {error}. A model file holds "
            "numbers, text, arrays, DataFrames, scikit-learn estimators and Keras models."
        ) from error
    return content


def _part(content: bytes) -> Any:
    """Return the scikit-learn part or array in `content`, after looking at all its types."""
    _unpack(content, _SKOPS_MEMBER)
    foreign = set(skops.io.get_untrusted_types(data=content))
    if foreign - _TRUSTED:
        raise ModelFileError(f"it holds types that a model may not hold: {foreign - _TRUSTED}")
    part = skops.io.loads(content, trusted=sorted(foreign))
    for tree, width in _trees(part):
        _check_tree(tree, width)
    return part


def _renumber(node: Any, keys: tuple[str, ...], new: dict[Any, Any]) -> Any:
    """Put running numbers in place of the memory addresses under `keys`; `new` collects them."""
    if isinstance(node, list):
        return [_renumber(item, keys, new) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _renumber(value, keys, new) for key, value in node.items()}
    for key in keys:
        old = node.get(key)
        if isinstance(old, int):
            node[key] = new.setdefault(old, len(new) + 1)
        elif isinstance(old, str):  # the name of a member, such as "140320.npy"
            node[key] = new.setdefault(old, f"{len(new) + 1}{Path(old).suffix}")
    return node


def _is_network(value: Any) -> bool:
    keras = sys.modules.get("keras")  # not imported: then there is no network
    return keras is not None and isinstance(value, keras.Model)


def _network_bytes(network: Any, what: str) -> bytes:
    keras = backend.load()
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "network.keras"
            keras.saving.save_model(network, file)
            members = _unpack(file.read_bytes(), _KERAS_MEMBER)
        config, metadata = (json.loads(members[f"{n}.json"]) for n in ("config", "metadata"))
        config.pop("compile_config", None)
        metadata.pop("date_saved", None)
        members["config.json"] = json.dumps(_renumber(config, ("shared_object_id",), {})).encode()
        members["metadata.json"] = json.dumps(metadata).encode()
        content = _pack(members)
        _check_network(content)
    except Exception as error:
        raise InputError(
            f"Cannot store {what}: {error}. A network is stored if it is a keras.Sequential or "
            "functional model of Keras's own layers, without Lambda and custom classes."
        ) from error
    return content


def _network(content: bytes) -> Any:
    """Return the Keras model in `content`, after looking at all its classes."""
    keras = backend.load()
    _check_network(content)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.keras"
        file.write_bytes(content)
        return keras.saving.load_model(file, compile=False, safe_mode=True)


def _check_network(content: bytes) -> None:
    members = _unpack(content, _KERAS_MEMBER)
    config = json.loads(members["config.json"])
    if config.get("class_name") not in ("Sequential", "Functional"):
        raise ModelFileError(f"it holds a Keras {config.get('class_name')!r} as a network")
    for node in _objects(config):
        if not _is_keras_own(node):
            raise ModelFileError(
                "a network in it is made of more than Keras's own layers: "
                f"{node.get('module')}.{node['class_name']}"
            )


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every part of a Keras configuration that names a class."""
    if isinstance(node, dict) and "class_name" in node:
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _objects(child)


def _is_keras_own(node: dict[str, Any]) -> bool:
    keras = backend.load()
    name, module = node["class_name"], node.get("module")
    if node.get("registered_name") not in (None, name):
        return False
    if module == "keras.layers":
        return _LAYERS.fullmatch(name) is not None
    kinds = {
        "keras.initializers": keras.initializers.Initializer,
        "keras.regularizers": keras.regularizers.Regularizer,
        "keras.constraints": keras.constraints.Constraint,
    }
    if module in kinds:
        found = getattr(sys.modules[module], name, None)
        return isinstance(found, type) and issubclass(found, kinds[module])
    return (module, name) in {
        (None, "__keras_tensor__"),
        ("keras", "DTypePolicy"),
        ("keras", "Sequential"),
        ("keras.src.models.functional", "Functional"),
    }


def _trees(part: Any, width: float = np.inf) -> Iterator[tuple[Any, float]]:
    """Yield each tree in `part`, and how many features the rows have that it will be given."""
    if isinstance(part, Tree | KDTree | BallTree):
        yield part, width
    elif isinstance(part, BaseEstimator):
        width = min(width, getattr(part, "n_features_in_", np.inf))
        yield from _trees(list(vars(part).values()), width)
    elif isinstance(part, list | tuple | dict):
        for item in part.values() if isinstance(part, dict) else part:
            yield from _trees(item, width)
    elif isinstance(part, np.ndarray) and part.dtype == object:
        yield from _trees(part.tolist(), width)


def _check_tree(tree: Any, width: float) -> None:
    """Refuse a tree that would lead scikit-learn's compiled code, which trusts it, astray."""
    sound = _decides(tree, width) if isinstance(tree, Tree) else _searches(tree)
    if not sound:
        raise ModelFileError(f"a {type(tree).__name__} in it points outside of itself")


def _decides(tree: Any, width: float) -> bool:
    if not 1 <= tree.node_count == tree.capacity:
        return False
    nodes = np.arange(tree.node_count)
    inner = tree.children_left != -1
    children = np.stack([tree.children_left, tree.children_right])[:, inner]
    features = tree.feature[inner]
    forward = (nodes[inner] < children) & (children < tree.node_count)  # so it cannot circle
    return bool(forward.all() and (features >= 0).all() and (features < width).all())


def _searches(tree: Any) -> bool:
    rows, order, nodes, bounds, leaf_size, _, n_nodes = tree.__getstate__()[:7]
    n, d = rows.shape
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    return bool(
        leaf_size > 0
        and len(nodes) == n_nodes > 0
        and bounds.shape == (2 if isinstance(tree, KDTree) else 1, n_nodes, d)
        and np.array_equal(np.sort(order), np.arange(n))
        and ((starts >= 0) & (starts <= ends) & (ends <= n)).all()
        and (2 * inner + 2 < n_nodes).all()
    )


def _pack(members: dict[str, bytes]) -> bytes:
    """Return an uncompressed zip of `members`, all dated 1980."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(ZipInfo(name), content)
    return buffer.getvalue()


def _unpack(data: bytes, allowed: re.Pattern[str]) -> dict[str, bytes]:
    """Return the members of an uncompressed zip, whose names must match `allowed`."""
    with ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        odd = [name for name in names if not allowed.fullmatch(name)]
        if odd or len(set(names)) < len(names):
            raise ModelFileError(f"it has members that a model does not have: {odd or names}")
        if any(info.compress_type != ZIP_STORED for info in infos):
            raise ModelFileError("it is compressed, which model files are not")
        if sum(info.file_size for info in infos) > len(data):
            raise ModelFileError("its members overlap")
        return {name: archive.read(name) for name in names}


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"There is no file {source}. Check the path, or save a model there first."
        ) from None
    except OSError as error:
        raise InputError(
            f"Cannot read {source}: {error.strerror or error}. Name a model file that you may read."
        ) from error


def _read_manifest(members: dict[str, bytes]) -> dict[str, Any]:
    if "manifest.json" not in members:
        raise ModelFileError("it has no manifest.json")
    manifest = json.loads(members["manifest.json"])
    _check_format(manifest["format"])
    stored = {name: _fingerprint(content) for name, content in members.items()}
    del stored["manifest.json"]
    for name in sorted(stored.keys() | manifest["members"].keys()):
        if stored.get(name) != manifest["members"].get(name):
            raise ModelFileError(f"its member {name} is missing, added or not as it was saved")
    return manifest


def _check_format(number: Any) -> None:
    if type(number) is not int or number < 1:
        raise ModelFileError(f"its format is {number!r}, not a number from 1 to {FORMAT}")
    if number > FORMAT:
        raise ModelFileError(
            f"it has format {number} and this anomaly_lab {__version__} reads up to {FORMAT}; "
            "install a newer anomaly_lab"
        )


def _fingerprint(content: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


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
