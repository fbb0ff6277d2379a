"""Scikit-learn estimators and arrays: written by skops, looked at before they are used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.storage import archive

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
            "numbers, text, arrays, DataFrames, scikit-learn estimators and Keras models."
        ) from error
    return content


def decode(content: bytes) -> Any:
    """Return the scikit-learn part or array in `content`, after looking at all its types."""
    archive.unpack(content, _MEMBER)
    foreign = set(skops.io.get_untrusted_types(data=content))
    if foreign - _TRUSTED:
        raise ModelFileError(f"it holds types that a model may not hold: {foreign - _TRUSTED}")
    part = skops.io.loads(content, trusted=sorted(foreign))
    for tree, width in _trees(part):
        _check_tree(tree, width)
    return part


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
