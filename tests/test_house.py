"""The map of the house in CONTRIBUTING.md agrees with the tree; so do the dependencies."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "anomaly_lab"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAP = re.findall(r"^\| `(\w+/?)` \|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.MULTILINE)
# Those whose name is not that of what is imported.
DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def test_the_map_names_every_room_once_and_nothing_else():
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(MAP) == sorted(modules | folders)


def test_the_map_has_the_order_of_the_layers():
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    level = {name: i for i, layer in enumerate(layers) for name in layer.split(" | ")}
    levels = [level[room.rstrip("/")] for room in MAP]
    assert levels == sorted(levels, reverse=True)


def imported() -> set[str]:
    """Return the top-level names that the package imports, anywhere in it."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "template" not in path.parts:  # imports its own modules, as a package of its own
            nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
            found |= {a.name for node in nodes if isinstance(node, ast.Import) for a in node.names}
            froms = [n for n in nodes if isinstance(n, ast.ImportFrom) and not n.level]
            found |= {node.module for node in froms}
    return {name.split(".")[0] for name in found} - sys.stdlib_module_names - {"anomaly_lab"}


def declared(*groups: list[str]) -> set[str]:
    return {re.split(r"[<>=!\[; ]", name)[0].lower() for group in groups for name in group}


def test_dependencies_are_what_the_package_imports():
    extras = PROJECT["project"]["optional-dependencies"]
    needed = declared(PROJECT["project"]["dependencies"])
    optional = declared(
        *(extras[name] for name in ("cluster", "docs", "lab", "tensorflow", "torch"))
    )
    used = {DISTRIBUTIONS.get(name, name).lower() for name in imported()}
    assert needed <= used <= needed | optional


VAGUE = {"told", "came", "kept"}


def names(path: Path) -> set[str]:
    """Return the names that a module gives to values, functions, classes and parameters."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    variables = {n.id for n in nodes if isinstance(n, ast.Name)}
    attributes = {n.attr for n in nodes if isinstance(n, ast.Attribute)}
    parameters = {n.arg for n in nodes if isinstance(n, ast.arg | ast.keyword) and n.arg}
    defined = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return variables | attributes | parameters | defined


def test_no_value_has_a_name_that_says_nothing():
    modules = [*PACKAGE.rglob("*.py"), *(ROOT / "docs" / "_hooks").glob("*.py")]
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in modules
        for name in names(path)
        if name.strip("_").lower() in VAGUE
    }
    assert found == set()


MOST_LINES = 40


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the number of lines of a function's body, its docstring left out."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_long():
    long = [
        f"{path.relative_to(ROOT)}: {node.name}, {body_lines(node)} lines"
        for path in [*PACKAGE.rglob("*.py"), *(ROOT / "docs" / "_hooks").glob("*.py")]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if body_lines(node) > MOST_LINES
    ]
    assert long == []
