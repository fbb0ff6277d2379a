"""What code a result comes of: the modules that imports lead to, and a hash of what they do.

What changes no number does not count: comments, layout, docstrings, annotations, the words of
errors, the cards of detectors and how they draw, and the imports that only these need. Within this
package an import inside a function does not count either: saving and downloading, say, are no part
of what is computed.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

_PACKAGE = __name__.split(".")[0]
_ERRORS = ("Error", "Exception", "Warning")
_packages = functools.cache(importlib.metadata.packages_distributions)


def modules(
    *roots: str,
    named: Callable[[str], Iterable[str]] = lambda module: (),
    without: Collection[str] = (),
    whole: bool = False,
) -> list[str]:
    """Return modules and what they import, directly or not, from this package and from their own.

    Parameters
    ----------
    *roots : str
        Names of modules.
    named : callable, optional
        Module -> further modules, which it asks for in another way than by importing them.
    without : collection of str
        Modules to leave out, with what only they import.
    whole : bool, default False
        Whether what changes no number counts, too.

    Returns
    -------
    list of str
        The roots first; those without a file are left out.
    """
    tops = {_PACKAGE, *map(_top, roots)}
    found: list[str] = []
    todo = list(roots)
    while todo:
        module = todo.pop(0)
        if module in found or module in without or not _path(module):
            continue
        found.append(module)
        taken = _code(module, whole).taken
        todo += sorted(_home(source, name) for source, name in taken if _top(source) in tops)
        todo += named(module)
    return found


def digest(names: Iterable[str], *, whole: bool = False) -> str:
    """Hash modules by what they do, whatever their order.

    Parameters
    ----------
    names : iterable of str
        Names of modules.
    whole : bool, default False
        Whether all but comments and layout counts.

    Returns
    -------
    str
        SHA-256 in hexadecimal.
    """
    digests = sorted(_code(name, whole).digest for name in names)
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Hash a file: Python without comments and layout, any other by its content."""
    return _code_in(path, "", True).digest if path.is_file() else "missing"


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return the version of each installed package that modules import, by name."""
    tops = {_top(source) for module in names for source, _ in _code(module).taken}
    known = _packages()
    found = {name for top in tops - {_PACKAGE} for name in known.get(top, ())}
    return {name: version(name) for name in sorted(found)}


@functools.cache
def version(package: str) -> str:
    """Return the version of an installed package."""
    return importlib.metadata.version(package)


def is_ours(module: str) -> bool:
    """Whether a module, named in full, is this package's."""
    return _top(module) == _PACKAGE


def tree(module: str) -> ast.Module:
    """Return a module's code without what changes no number."""
    return _code(module).tree


def words(code: ast.AST) -> tuple[set[str], set[str]]:
    """Return the names that code reads, those after a dot included, and its texts.

    A branch that ends in an error does not count: it serves the words of that error.
    """
    nodes = list(_without_errors(code))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return names, {text for text in texts if isinstance(text, str)}


def _without_errors(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise):
        children = [node.test, *node.orelse]
    for child in children:
        yield from _without_errors(child)


def _top(module: str) -> str:
    return module.split(".")[0]


def _path(module: str) -> Path | None:
    """Return the file of a module; None where it has none, or is no module."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _home(module: str, name: str) -> str:
    """Return the module that defines what ``from module import name`` gives."""
    if not name or _path(f"{module}.{name}"):
        return f"{module}.{name}".rstrip(".")
    code = _code(module, whole=True)
    for node in _run(code.tree, late=False):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return _home(code.source(node), alias.name)
    if any(getattr(node, "name", "") == "__getattr__" for node in code.tree.body):
        thing = getattr(importlib.import_module(module), name, None)
        return str(getattr(thing, "__module__", module))
    return module


def _code(module: str, whole: bool = False) -> _Code:
    return _code_in(_path(module), module, whole)


def _code_in(path: Path | None, module: str, whole: bool) -> _Code:
    stat = path.stat() if path else None
    return _version_of(path, module, whole, stat and (stat.st_mtime_ns, stat.st_size))


@functools.cache
def _version_of(path: Path | None, module: str, whole: bool, state: object) -> _Code:
    return _Code(path, module, whole)


class _Code:
    """A file as it is now, whole or without what changes no number."""

    def __init__(self, path: Path | None, module: str, whole: bool):
        self.module, self.whole = module, whole
        self.content = path.read_bytes() if path else b""
        self.python = path is not None and path.suffix == ".py"

    @cached_property
    def tree(self) -> ast.Module:
        tree = ast.parse(self.content if self.python else b"")
        return tree if self.whole else _bare(tree)

    @cached_property
    def digest(self) -> str:
        content = ast.unparse(self.tree).encode() if self.python else self.content
        return hashlib.sha256(content).hexdigest()

    @cached_property
    def taken(self) -> set[tuple[str, str]]:
        """What is imported: names of modules, each with a name in it or ``""``.

        Of a module that is imported as a whole, also what is read from it.
        """
        attributes = (node for node in ast.walk(self.tree) if isinstance(node, ast.Attribute))
        read = {(ast.unparse(node.value), node.attr) for node in attributes}
        found: set[tuple[str, str]] = set()
        for node in _run(self.tree, late=self.whole or not is_ours(self.module)):
            if not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            source = self.source(node) if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                here, thing = alias.asname or alias.name, f"{source}.{alias.name}".lstrip(".")
                found.add((source, alias.name) if source else (thing, ""))
                found |= {(thing, name) for of, name in read if of == here}
        # A name such as __version__ says what a package is, not what it does.
        return {(source, name) for source, name in found if not name.startswith("__")}

    def source(self, node: ast.ImportFrom) -> str:
        """Return the absolute name of the module that ``from module import ...`` names."""
        path = _path(self.module)
        own = path is not None and path.stem == "__init__"
        package = self.module if own else self.module.rpartition(".")[0]
        return importlib.util.resolve_name("." * node.level + (node.module or ""), package)


def _run(tree: ast.AST, *, late: bool) -> Iterator[ast.AST]:
    """Yield the nodes of code that are run: on import alone, or late, when functions are called."""
    for node in ast.iter_child_nodes(tree):
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if not _for_types(node) and (late or not function):
            yield node
            yield from _run(node, late=late)


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _bare(tree: ast.Module) -> ast.Module:
    """Take out what changes no number, and then the imports that are not used any more."""
    bare = _Bare().visit(tree)
    return _Imports(_used(bare)).visit(bare)


class _Bare(ast.NodeTransformer):
    """Takes out what changes no number; the imports for it are left."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if any(ast.unparse(base).endswith(_ERRORS) for base in node.bases):
            return ast.Pass()
        node.body = [part for part in node.body if not _shown(part)]
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.returns = None
        return self._without_docstring(node)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815, which is the name that ast calls

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(...)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        what = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(what)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        return node.orelse if _for_types(node) else self.generic_visit(node)

    def _without_docstring(self, node: Any) -> ast.AST:
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        self.generic_visit(node)
        node.body = node.body or [ast.Pass()]
        return node


def _shown(part: ast.stmt) -> bool:
    """Whether a part of a class is its card, or draws."""
    if isinstance(part, ast.FunctionDef):
        return part.name == "_draw"
    targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == "card" for target in targets)


class _Imports(ast.NodeTransformer):
    """Takes out the names that are imported from modules and not used."""

    def __init__(self, used: set[str]):
        self.used = used | {"*"}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        node.names = [alias for alias in node.names if (alias.asname or alias.name) in self.used]
        return node if node.names else None


def _used(node: ast.AST) -> set[str]:
    """Return the names that code reads, those of errors it raises or catches apart."""
    if isinstance(node, ast.Name):
        return {node.id}
    error = getattr(node, "exc" if isinstance(node, ast.Raise) else "type", None)
    counted = (child for child in ast.iter_child_nodes(node) if child is not error)
    return set().union(*map(_used, counted))
