"""A lesson's source: one py:percent file -> its cells, its exercises and what it says of itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jupytext
import yaml

from anomaly_lab.code import is_ours, words
from anomaly_lab.errors import AnomalyLabError, UnknownNameError

TAGS = {"hide", "fold", "claim", "exercise", "check", "wrong", "right", "solution"}
_OF_AN_EXERCISE = {"exercise", "check", "wrong", "right", "solution"}
_FRONT = re.compile(r"\A# ---\n(.*?)^# ---\n", re.MULTILINE | re.DOTALL)
_FIELDS = {"title": str, "objectives": list, "needs": list, "data": list}


class LessonError(AnomalyLabError):
    """A lesson that breaks the format, raises, warns, or shows a figure without alt text."""


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson.

    Parameters
    ----------
    kind : str
        ``"code"`` or ``"markdown"``.
    source : str
        As written, with markers and placeholders.
    tag : str
        One of `TAGS`, or empty.
    """

    kind: str
    source: str
    tag: str = ""


@dataclass(frozen=True)
class Exercise:
    """A task with blanks, what checks it, and answers that must pass or fail.

    Parameters
    ----------
    name : str
        Lesson and number, such as ``"04.2"``.
    cells : tuple of Cell
        Every cell that belongs to it, in order.
    """

    name: str
    cells: tuple[Cell, ...]

    def tagged(self, tag: str, kind: str = "code") -> list[Cell]:
        """Return the cells with one tag, of one kind."""
        return [cell for cell in self.cells if cell.tag == tag and cell.kind == kind]

    @property
    def check(self) -> str:
        """Code of the function that checks it."""
        (cell,) = self.tagged("check")
        return cell.source

    @property
    def needs(self) -> list[str]:
        """Names that its check asks for."""
        return [argument.arg for argument in self._function.args.args]

    @property
    def _function(self) -> ast.FunctionDef:
        function = ast.parse(self.check).body[0]
        assert isinstance(function, ast.FunctionDef)
        return function

    @cached_property
    def answers(self) -> list[str]:
        """Names that its answer defines: those set by statements with a part that is left blank."""
        answers: list[str] = []
        for cell in self.tagged("exercise"):
            lines = cell.source.splitlines()
            for node in ast.parse(cell.source).body:
                if "SOLUTION" in "\n".join(lines[node.lineno - 1 : node.end_lineno]):
                    answers += assigned(node)
        return answers

    @property
    def hints(self) -> list[str]:
        """Three hints, from gentle to nearly there: the paragraphs of the check's docstring."""
        paragraphs = (ast.get_docstring(self._function) or "").split("\n\n")
        return [" ".join(text.split()) for text in paragraphs if text.strip()]


@dataclass(frozen=True)
class Lesson:
    """A lesson as its file has it.

    Parameters
    ----------
    path : Path
        The file, ``NN_name.py``.
    title : str
        Without the number.
    objectives, needs, data : tuple of str
        What the reader will be able to do, numbers of the lessons to read first, and names of the
        data sets it loads.
    cells : tuple of Cell
        In order.
    """

    path: Path
    title: str
    objectives: tuple[str, ...]
    needs: tuple[str, ...]
    data: tuple[str, ...]
    cells: tuple[Cell, ...]

    @property
    def number(self) -> str:
        """Two digits, as the file's name has them."""
        return self.path.stem[:2]

    @property
    def slug(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @cached_property
    def blocks(self) -> list[Cell | Exercise]:
        """The cells in order, those of an exercise together."""
        blocks: list[Cell | Exercise] = []
        for cell in self.cells:
            if cell.tag not in _OF_AN_EXERCISE:
                blocks.append(cell)
            elif cell.tag == "exercise" and cell.kind == "markdown":
                number = 1 + sum(isinstance(block, Exercise) for block in blocks)
                blocks.append(Exercise(f"{self.number}.{number}", (cell,)))
            elif blocks and isinstance(blocks[-1], Exercise):
                blocks[-1] = Exercise(blocks[-1].name, (*blocks[-1].cells, cell))
            else:
                raise LessonError(
                    f"{self.path.name}: a cell tagged {cell.tag!r} stands outside an exercise; an "
                    "exercise begins with a Markdown cell tagged 'exercise'."
                )
        return blocks

    @property
    def exercises(self) -> list[Exercise]:
        """The exercises in order."""
        return [block for block in self.blocks if isinstance(block, Exercise)]

    def exercise(self, name: str) -> Exercise:
        """Return an exercise by name; `UnknownNameError` lists those there are."""
        for exercise in self.exercises:
            if exercise.name == name:
                return exercise
        raise UnknownNameError("exercise", name, [e.name for e in self.exercises])

    @cached_property
    def code(self) -> ast.Module:
        """The code of all its cells, parsed."""
        parts = [ast.parse(cell.source) for cell in self.cells if cell.kind == "code"]
        return ast.Module([node for part in parts for node in part.body], [])

    @cached_property
    def uses(self) -> list[str]:
        """Dotted names of what it imports from this package, as defined there, sorted."""
        return sorted(".".join(filter(None, pair)) for pair in self._imports if pair != ("", ""))

    @cached_property
    def modules(self) -> set[str]:
        """The modules that define what it imports from this package."""
        return {module for module, _ in self._imports} - {""}

    @cached_property
    def detectors(self) -> list[str]:
        """Names of the detectors that it uses: those it imports, or names where names are taken.

        Where it asks for all, those of other packages are among them; ours it names.
        """
        from anomaly_lab import AnomalyModel, all_detectors  # they take seconds; labs need them not

        names, texts = words(self.code)
        if any(map(_takes_the_default, ast.walk(self.code))):
            texts.add(inspect.signature(AnomalyModel).parameters["detector"].default)
        return [
            name
            for name, detector in all_detectors().items()
            if detector.__name__ in names
            or (name in texts and is_ours(detector.__module__))
            or ("all_detectors" in names and not is_ours(detector.__module__))
        ]

    @cached_property
    def _imports(self) -> set[tuple[str, str]]:
        return {
            _defined(str(node.module), alias.name)
            for node in ast.walk(self.code)
            if isinstance(node, ast.ImportFrom) and is_ours(node.module or "")
            for alias in node.names
        }


def _defined(module: str, name: str) -> tuple[str, str]:
    """Return where something importable is defined, such as ``anomaly_lab.splits``, ``split``."""
    holder = importlib.import_module(module)
    if not hasattr(holder, name):  # a module that nothing has imported yet
        return importlib.import_module(f"{module}.{name}").__name__, ""
    thing = getattr(holder, name)
    if inspect.ismodule(thing):
        return thing.__name__, ""
    # What has no name of its own, such as `Annotated[float, ...]`, answers with another's.
    named = hasattr(thing, "__qualname__") and is_ours(thing.__module__)
    return (thing.__module__, thing.__qualname__) if named else ("", "")


def _takes_the_default(node: ast.AST) -> bool:
    """Whether code makes an `AnomalyModel` without naming a detector."""
    if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "AnomalyModel":
        return False
    return not node.args and "detector" not in {keyword.arg for keyword in node.keywords}


def assigned(node: ast.stmt) -> list[str]:
    """Return the names that a statement defines: those of a function, a class or an assignment."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if not isinstance(node, ast.Assign):
        return []
    return [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]


def folder() -> Path:
    """Return the folder of the lessons: in the installed package, or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_tutorial"
    return installed if installed.is_dir() else package.parent / "tutorial"


def lessons(where: Path | None = None) -> list[Lesson]:
    """Return the lessons of a folder, by default those of this package, in order."""
    return [read(path) for path in sorted((where or folder()).glob("[0-9][0-9]_*.py"))]


def find(number: str) -> Lesson:
    """Return the lesson of this package with a number such as ``"04"`` or ``"4"``."""
    number = number.zfill(2)
    known = {path.stem[:2]: path for path in folder().glob("[0-9][0-9]_*.py")}
    if number not in known:
        raise UnknownNameError("lesson", number, known)
    return read(known[number])


def read(path: str | Path) -> Lesson:
    """Read a lesson's file.

    Raises
    ------
    LessonError
        Where the file breaks the format.
    """
    path = Path(path)
    text = path.read_text("utf-8")
    front = _FRONT.match(text)
    if not front:
        raise LessonError(
            f"{path.name} should begin with a front matter between two lines '# ---' that gives "
            f"{', '.join(_FIELDS)}; there is none."
        )
    fields = _checked(path, yaml.safe_load(re.sub(r"^# ?", "", front[1], flags=re.MULTILINE)))
    notebook = jupytext.reads(text[front.end() :], fmt="py:percent")
    cells = tuple(_cell(path, cell) for cell in notebook.cells if cell.source.strip())
    return Lesson(path, cells=cells, **fields)


def _checked(path: Path, fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict) or fields.keys() != _FIELDS.keys():
        found = ", ".join(map(str, fields)) if isinstance(fields, dict) else repr(fields)
        raise LessonError(
            f"{path.name}: the front matter should give {', '.join(_FIELDS)}, and gives {found}."
        )
    for name, wanted in _FIELDS.items():
        if not isinstance(fields[name], wanted):
            raise LessonError(
                f"{path.name}: {name} in the front matter should be a {wanted.__name__}, got "
                f"{fields[name]!r}."
            )
    return {k: tuple(map(str, v)) if isinstance(v, list) else v for k, v in fields.items()}


def _cell(path: Path, cell: Any) -> Cell:
    tags = cell.metadata.get("tags", [])
    if len(tags) > 1 or not TAGS.issuperset(tags):
        raise LessonError(
            f"{path.name}: expected one tag of {', '.join(sorted(TAGS))} or none, got {tags} on "
            f"the cell that begins {cell.source[:60]!r}."
        )
    return Cell(cell.cell_type, cell.source.strip(), *tags)
