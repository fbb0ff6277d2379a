"""What a result came of, as a fingerprint: where it has changed, the result no longer counts.

It covers the detector's code, this package's code between the rows and the figures, the rows, and
the versions of what computes. Docstrings, comments, layout, cards and drawings do not count.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from anomaly_lab import datasets
from anomaly_lab.detectors import ENTRY_POINT_GROUP, all_detectors, get_detector
from anomaly_lab.errors import BackendError
from anomaly_lab.gallery.tasks import Map, Score, Task
from anomaly_lab.neural import backend

HARNESS = (
    "anomaly_lab.comparison",
    "anomaly_lab.datasets",
    "anomaly_lab.datasets.dataset",
    "anomaly_lab.contract",
    "anomaly_lab.contract.detector",
    "anomaly_lab.evaluation",
    "anomaly_lab.gallery.tasks",
    "anomaly_lab.model",
    "anomaly_lab.tables.encoding",
    "anomaly_lab.splits",
    "anomaly_lab.thresholds",
)
# They change no number: the words of errors, where files lie, which detectors there are.
WITHOUT_EFFECT = (
    "anomaly_lab",
    "anomaly_lab.contract.card",
    "anomaly_lab.contract.testing",
    "anomaly_lab.detectors",
    "anomaly_lab.errors",
    "anomaly_lab.paths",
)
_PACKAGES = ("numpy", "pandas", "scikit-learn", "scipy")
_BACKEND_PACKAGES = {"jax": ("jax", "jaxlib"), "tensorflow": ("tensorflow",), "torch": ("torch",)}
_LENGTH = 12  # hexadecimal digits kept


def fingerprint(task: Task) -> str:
    """Return the fingerprint that a result of the task has now, as hexadecimal digits."""
    parts = {
        "harness": _code(HARNESS),
        "detector": _code(modules(task.detector)),
        "data": _data(task),
        "versions": versions(task.detector),
    }
    return _hash(json.dumps(parts, sort_keys=True).encode())


def versions(detector: str) -> dict[str, str]:
    """Return the versions of what computes a detector's scores, by package name.

    Parameters
    ----------
    detector : str
        Its name.

    Returns
    -------
    dict of str to str
        Of a network also Keras's, its backend's and the backend's name; of a detector that another
        package brings, that package's and those of the packages it imports.
    """
    code = modules(detector)
    found = {name: _version(name) for name in _PACKAGES}
    if backend.__name__ in code:
        found |= _keras_versions()
    if not _ours(code[0]):
        found |= _foreign_versions(code)
    return found


@functools.cache
def modules(detector: str) -> tuple[str, ...]:
    """Return the modules that a detector's code lies in: its own first, then what it imports.

    Followed are imports from this package and from the detector's own, and names of detectors in
    the code, since `get_detector` finds a detector by its name.
    """
    own = get_detector(detector).__module__
    tops = {"anomaly_lab", own.split(".")[0]}
    found: list[str] = []
    todo = [own]
    while todo:
        name = todo.pop()
        if name in found or name in HARNESS or name in WITHOUT_EFFECT:
            continue
        found.append(name)
        tree = _tree(name)
        imported = sorted(_imported(name, tree, tops))
        todo += [*imported, *_detectors_named(name, tree)]
    return tuple(found)


def _data(task: Task) -> str:
    """Hash what the rows come of; `Timing` draws its own, in `tasks`."""
    if isinstance(task, Score):
        name = task.dataset
    elif isinstance(task, Map):
        name = task.case.data
    else:
        return ""
    card = datasets.card(name)
    rows = f"{card.rows} " if card.kind == "simulated" else card.sha256
    return rows + _code([datasets.function(name).__module__])


def _code(names: Iterable[str]) -> str:
    """Hash modules by what they do, whatever their order."""
    return _hash("".join(sorted(_digest(*_file(name)) for name in names)).encode())


def _file(module: str) -> tuple[Path | None, int, int]:
    """Return where a module lies, when it was changed, and its size."""
    path = _path(module)
    if path is None:
        return None, 0, 0
    stat = path.stat()
    return path, stat.st_mtime_ns, stat.st_size


@functools.cache
def _path(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


@functools.cache
def _digest(path: Path | None, modified_ns: int, size: int) -> str:
    if path is None:
        return ""
    content = path.read_bytes()
    if path.suffix == ".py":
        content = ast.unparse(_Bare().visit(ast.parse(content))).encode()
    return _hash(content)


def _tree(module: str) -> ast.Module:
    path = _file(module)[0]
    if path is None or path.suffix != ".py":
        return ast.Module([], [])
    bare: ast.Module = _Bare().visit(ast.parse(path.read_bytes()))
    return bare


class _Bare(ast.NodeTransformer):
    """Takes out what changes no score: docstrings, cards, drawings and the imports for them."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node.name == "_draw" else self._without_docstring(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        return None if _named_card(node.target) else node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        return None if any(map(_named_card, node.targets)) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in ("__future__", "typing", *HARNESS) else node

    def _without_docstring(self, node: Any) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)


def _named_card(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "card"


def _imported(module: str, tree: ast.Module, tops: set[str]) -> Iterator[str]:
    """Yield the modules under `tops` that a module imports, anywhere in it."""
    spec = importlib.util.find_spec(module)
    package = module if spec and spec.submodule_search_locations else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in tops)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            source = importlib.util.resolve_name(source, package)
            if source.split(".")[0] in tops:
                yield source
                yield from (_home(source, alias.name) for alias in node.names)


def _ours(module: str) -> bool:
    return module.startswith("anomaly_lab.")


def _home(module: str, name: str) -> str:
    """Return the module that ``from module import name`` takes the thing from."""
    thing = getattr(importlib.import_module(module), name, None)
    if isinstance(thing, ModuleType):
        return thing.__name__
    return str(getattr(thing, "__module__", module))


def _detectors_named(module: str, tree: ast.Module) -> list[str]:
    """Return the modules of the detectors that code can ask for: those named, or all.

    This package's code names none that another package brings: the same word, such as "median",
    then means something else.
    """
    known = all_detectors()
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    everything = "all_detectors" in names
    if _ours(module):
        texts -= {n for n, cls in known.items() if not _ours(cls.__module__)}
    return [cls.__module__ for name, cls in known.items() if everything or name in texts]


def _keras_versions() -> dict[str, str]:
    try:
        chosen, _ = backend.choose_backend()
    except BackendError:
        return {}
    names = ("keras", *_BACKEND_PACKAGES[chosen])
    return {"backend": chosen} | {name: _version(name) for name in names}


def _foreign_versions(code: tuple[str, ...]) -> dict[str, str]:
    by_top = _distributions()
    found = {
        entry.dist.name: entry.dist.version
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
        if entry.module == code[0] and entry.dist
    }
    for module in code:
        if not _ours(module):
            for top in _tops(_tree(module)) - sys.stdlib_module_names - {"anomaly_lab"}:
                found |= {name: _version(name) for name in by_top.get(top, ())}
    return found


@functools.cache
def _version(package: str) -> str:
    return importlib.metadata.version(package)


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def _tops(tree: ast.Module) -> set[str]:
    names = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [node.module for node in froms if node.module and not node.level]
    return {name.split(".")[0] for name in names}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_LENGTH]
