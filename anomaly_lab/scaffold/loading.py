"""From ``module:Class`` or ``path/to/file.py:Class`` to the class, or to a sentence on why not."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType

from anomaly_lab.contract import Detector
from anomaly_lab.errors import InputError, nearest
from anomaly_lab.paths import located

_LONGEST = 300  # characters of a message that are shown


def load(target: str) -> type[Detector]:
    """Import the class that `target` names.

    Parameters
    ----------
    target : str
        ``"module:Class"`` or ``"path/to/file.py:Class"``.

    Returns
    -------
    type
        A class that derives from `Detector`.

    Raises
    ------
    InputError
        Where there is no such module or class, it is no detector, or its import fails.
    """
    where, _, name = target.rpartition(":")
    if not where or not name:
        raise InputError(
            f"Expected MODULE:CLASS or path/to/file.py:CLASS, such as median.py:MedianDetector, "
            f"got {target!r}."
        )
    module = _from_file(Path(where)) if where.endswith(".py") else _import(where, Path.cwd())
    found = getattr(module, name, None)
    if not inspect.isclass(found):
        raise InputError(f"There is no class {name} in {where}. {_other_classes(module, name)}")
    if not issubclass(found, Detector):
        raise InputError(
            f"{name} is not a detector: write class {name}(Detector), with Detector from "
            "anomaly_lab.detectors."
        )
    return found


def _other_classes(module: ModuleType, name: str) -> str:
    members = inspect.getmembers(module, inspect.isclass)
    own = [key for key, value in members if value.__module__ == module.__name__]
    near = nearest(name, own, n=1) or own
    return f"Did you mean {' or '.join(near)}?" if near else "It defines no class."


def _from_file(path: Path) -> ModuleType:
    path = located(path).absolute()
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    name, folder = path.stem, path.parent
    while (folder / "__init__.py").is_file():
        name, folder = f"{folder.name}.{name}", folder.parent
    module = _import(name, folder)
    if not path.samefile(str(module.__file__)):
        raise InputError(f"{path.name} has the name of another module, {name}. Rename the file.")
    return module


def _import(name: str, folder: Path) -> ModuleType:
    """Import a module; those in `folder` go before those that are installed."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name
        if missing and f"{name}.".startswith(f"{missing}."):
            raise InputError(
                f"There is no module {missing}, neither installed nor in this folder. A file is "
                "named with its ending: path/to/file.py:CLASS."
            ) from error
        raise InputError(f"{name} cannot be imported: {sentence(error, name)}.") from error


def sentence(error: BaseException, module: str) -> str:
    """Return an error's kind and message on one line, and where in a module it came up."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    message = f"{type(error).__name__}: {shortened(str(error))}"
    for frame, line in reversed([*traceback.walk_tb(error.__traceback__)]):
        if f"{module}.".startswith(f"{frame.f_globals.get('__name__')}."):
            return f"{message} ({frame.f_code.co_filename}, line {line})"
    return message


def shortened(text: str) -> str:
    """Return a text on one line, and only the beginning of a long one."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
