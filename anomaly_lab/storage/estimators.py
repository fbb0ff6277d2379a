"""Scikit-learn estimators and arrays: written by skops, looked at before they are used."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree import ExtraTreeRegressor
from sklearn.tree._tree import Tree

from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.storage import archive

# The classes that a part may be made of: they compute and do nothing else. None opens a file, and
# what the compiled code of each indexes is checked below.
CLASSES = frozenset(
    {
        "sklearn.cluster._kmeans.KMeans",
        "sklearn.compose._column_transformer.ColumnTransformer",
        "sklearn.covariance._elliptic_envelope.EllipticEnvelope",
        "sklearn.covariance._empirical_covariance.EmpiricalCovariance",
        "sklearn.covariance._robust_covariance.MinCovDet",
        "sklearn.covariance._shrunk_covariance.LedoitWolf",
        "sklearn.covariance._shrunk_covariance.OAS",
        "sklearn.covariance._shrunk_covariance.ShrunkCovariance",
        "sklearn.decomposition._pca.PCA",
        "sklearn.ensemble._iforest.IsolationForest",
        "sklearn.impute._base.SimpleImputer",
        "sklearn.mixture._gaussian_mixture.GaussianMixture",
        "sklearn.neighbors._kde.KernelDensity",
        "sklearn.neighbors._unsupervised.NearestNeighbors",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.MaxAbsScaler",
        "sklearn.preprocessing._data.MinMaxScaler",
        "sklearn.preprocessing._data.RobustScaler",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.preprocessing._encoders.OneHotEncoder",
        "sklearn.tree._classes.ExtraTreeRegressor",
    }
)
# What skops does not trust by itself and these are made of.
_INNER = frozenset(
    {
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.tree._tree.Tree",
    }
)
_TRUSTED = _INNER | {"numpy.dtype"}
# What else, by what skops reads it with.
_PLAIN = re.compile(
    r"DTypeNode numpy\.dtype|DictNode builtins\.dict|ListNode builtins\.list|"
    r"JsonNode builtins\.(NoneType|bool|float|int|str)|NdArrayNode numpy\.\w+|"
    r"SliceNode builtins\.slice|TupleNode builtins\.tuple|"
    r"TypeNode builtins\.(bool|float|int|object|str)|"
    r"TypeNode numpy\.(bool_?|float\d+|u?int\d+|object_|str_)"
)
_MOST_THREADS = 256
_ANY_MEMBER = re.compile(r".*")
_MEMBER = re.compile(r"schema\.json|[0-9]+\.npy")


def encode(value: Any, what: str) -> bytes:
    """Return an estimator or array as bytes; `what` names it in errors."""
    try:
        members = archive.unpack(skops.io.dumps(value), _ANY_MEMBER)
        names: dict[Any, Any] = {"schema.json": "schema.json"}
        schema = archive.renumber(json.loads(members["schema.json"]), ("__id__", "file"), names)
        members["schema.json"] = json.dumps(schema).encode()
        content = archive.pack({names[name]: member for name, member in members.items()})
        decode(content)
    except Exception as error:
        raise InputError(
            f"Cannot store {what}, of type {type(value).__name__}: {error}. A model file holds "
            "finite numbers, text, arrays, DataFrames, Keras models, and of scikit-learn "
            f"{', '.join(sorted(name.rpartition('.')[2] for name in CLASSES))}."
        ) from error
    return content


def decode(content: bytes) -> Any:
    """Return the scikit-learn part or array in `content`, after looking at all that is in it."""
    members = archive.unpack(content, _MEMBER)
    _check_types(json.loads(members["schema.json"]))
    for name, member in members.items():
        if name.endswith(".npy"):
            _check_size(name, member)
    foreign = set(skops.io.get_untrusted_types(data=content))
    if foreign - _TRUSTED:
        raise ModelFileError(f"it holds types that a model may not hold: {foreign - _TRUSTED}")
    part = skops.io.loads(content, trusted=sorted(foreign))
    _check(part, _UNKNOWN)
    return part


def _check_types(node: Any) -> None:
    """Refuse a part that names a class which is not among those above."""
    if isinstance(node, dict) and "__class__" in node:
        name = f"{node['__module__']}.{node['__class__']}"
        allowed = {"ObjectNode": CLASSES | _INNER, "TreeNode": _INNER}.get(node["__loader__"], ())
        if name not in allowed and not _PLAIN.fullmatch(f"{node['__loader__']} {name}"):
            raise ModelFileError(f"it holds types that a model may not hold: {name}")
    for child in node.values() if isinstance(node, dict) else node if type(node) is list else ():
        _check_types(child)


def _check_size(name: str, member: bytes) -> None:
    """Refuse an array that says it is larger than it is: room would be made for it."""
    file = io.BytesIO(member)
    if np.lib.format.read_magic(file) == (1, 0):
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, _, dtype = np.lib.format.read_array_header_2_0(file)
    if math.prod(shape) * dtype.itemsize != len(member) - file.tell():
        raise ModelFileError(f"its array {name} is not as large as it says")


_UNKNOWN = -1  # how many features the rows have that an estimator will be given


def _check(part: Any, width: int) -> None:
    """Refuse what would lead compiled code, which trusts it, astray, and numbers not finite."""
    if isinstance(part, Tree | KDTree | BallTree):
        sound = _decides(part, width) if isinstance(part, Tree) else _searches(part)
        if not sound:
            raise ModelFileError(f"a {type(part).__name__} in it points outside of itself")
    elif isinstance(part, BaseEstimator):
        width = _width(part, width)
        _check_estimator(part, width)
        for value in vars(part).values():
            _check(value, width)
    elif isinstance(part, list | tuple | dict):
        for item in part.values() if isinstance(part, dict) else part:
            _check(item, width)
    elif isinstance(part, np.ndarray) and part.dtype == object:
        _check(part.tolist(), width)
    elif not _is_finite(part):
        raise ModelFileError("an array in it has values that are not finite")


def _is_finite(value: Any) -> bool:
    floating = isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fc"
    return not floating or bool(np.isfinite(value).all())


def _width(estimator: BaseEstimator, outer: int) -> int:
    """Return the least number of features that an estimator may be given, as far as it is known."""
    widths = [vars(estimator).get("n_features_in_", outer)]
    subsets = vars(estimator).get("estimators_features_", ())  # of an IsolationForest
    widths += [len(subset) for subset in subsets]
    if any(type(width) is not int or width < 1 for width in widths if width != _UNKNOWN):
        raise ModelFileError(f"a {type(estimator).__name__} in it is given {widths} features")
    if isinstance(estimator, ExtraTreeRegressor):  # it looks at those that its forest gives it
        widths.append(outer)
    return min(widths)


def _check_estimator(estimator: BaseEstimator, width: int) -> None:
    """Refuse parameters of other kinds than plain ones, and arrays that do not fit together."""
    for name, value in estimator.get_params(deep=False).items():
        if not _is_parameter(value) or (name == "memory" and value is not None):
            raise ModelFileError(f"a {type(estimator).__name__} in it has the {name} {value!r}")
    threads = [vars(estimator).get(name) for name in ("n_jobs", "_n_threads")]
    if any(n is not None and not -1 <= n <= _MOST_THREADS for n in threads):
        raise ModelFileError(f"a {type(estimator).__name__} in it asks for too many threads")
    for name in ("_fit_X", "cluster_centers_"):
        array = vars(estimator).get(name)
        if array is not None and np.shape(array) != (len(array), width):
            raise ModelFileError(f"the {name} of a {type(estimator).__name__} in it does not fit")


def _is_parameter(value: Any) -> bool:
    if isinstance(value, list | tuple | dict):
        return all(map(_is_parameter, value.values() if isinstance(value, dict) else value))
    plain = (type(None), bool, int, float, str, slice, type, np.generic, np.dtype, BaseEstimator)
    return isinstance(value, plain)


def _decides(tree: Tree, width: int) -> bool:
    if not 1 <= tree.node_count == tree.capacity or tree.n_outputs < 1:
        return False
    nodes = np.arange(tree.node_count)
    inner = tree.children_left != -1
    children = np.stack([tree.children_left, tree.children_right])[:, inner]
    features = tree.feature[inner]
    forward = (nodes[inner] < children) & (children < tree.node_count)  # so it cannot circle
    finite = np.isfinite(tree.threshold).all() and np.isfinite(tree.value).all()
    return bool(
        forward.all()
        and finite
        and (features >= 0).all()
        and (features < min(width, tree.n_features)).all()
    )


def _searches(tree: Any) -> bool:
    rows, order, nodes, bounds, leaf_size, n_levels, n_nodes = tree.__getstate__()[:7]
    weights = tree.__getstate__()[-1]
    n, d = rows.shape
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    return bool(
        leaf_size > 0
        and len(nodes) == n_nodes == 2**n_levels - 1 > 0
        and bounds.shape == (2 if isinstance(tree, KDTree) else 1, n_nodes, d)
        and np.array_equal(np.sort(order), np.arange(n))
        and ((starts >= 0) & (starts <= ends) & (ends <= n)).all()
        and (2 * inner + 2 < n_nodes).all()
        and np.isfinite(rows).all()
        and np.isfinite(bounds).all()
        and (weights is None or len(weights) == n)
    )
