"""The package that a detector of your own starts from: `template/`, with a name filled in."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from anomaly_lab import paths
from anomaly_lab.detectors import all_detectors
from anomaly_lab.errors import InputError

# Stand for the name and for the class in the template and in the names of its files.
_NAME, _CLASS = "my_detector", "MyDetector"


def class_name(name: str) -> str:
    """Return the class that a detector named `name` is: ``"my_tail"`` -> ``"MyTailDetector"``."""
    words = name.removesuffix("_detector").split("_")
    return "".join(word.capitalize() for word in words) + "Detector"


def contents(name: str) -> dict[str, str]:
    """Return what a package for a detector named `name` holds, by name of the file."""

    def named(text: str) -> str:
        return text.replace(_NAME, name).replace(_CLASS, class_name(name))

    template = files(__package__).joinpath("template")
    found = {file.name: file for file in template.iterdir() if file.is_file()}
    return {named(file): named(found[file].read_text("utf-8")) for file in sorted(found)}


def write(name: str, folder: Path) -> None:
    """Write a package for a detector named `name`, whole or not at all.

    Parameters
    ----------
    name : str
        As it is typed on the command line; also the name of the module.
    folder : Path
        Where; there must be nothing yet.

    Raises
    ------
    InputError
        Where the name cannot be used, or the folder is there or cannot be written.
    """
    _refuse(name)
    folder = paths.located(folder)
    paths.check_apart("new", folder, [Path(__file__).parent])
    if folder.is_symlink() or folder.exists():
        raise InputError(f"{folder} is there already, and nothing is overwritten. Name another.")
    paths.check_writable(folder)
    try:
        with TemporaryDirectory(dir=folder.absolute().parent, prefix=f".{folder.name}.") as draft:
            made = Path(draft, folder.name)
            made.mkdir()
            for file, text in contents(name).items():
                (made / file).write_text(text, "utf-8")
            made.rename(folder)
    except OSError as error:
        raise InputError(f"Cannot write {folder}: {error.strerror or error}.") from error


def _refuse(name: str) -> None:
    """Raise where `name` cannot name a detector and its module."""
    if not re.fullmatch(r"[a-z]([a-z0-9_]*[a-z0-9])?", name):
        raise InputError(
            "Expected a name of lower-case letters, digits and _ between them, such as my_method, "
            f"got {name!r}."
        )
    if keyword.iskeyword(name):
        raise InputError(f"{name!r} is a word of Python's own. Choose another name.")
    if name in all_detectors():
        raise InputError(f"There is a detector named {name!r} already. Choose another name.")
    if importlib.util.find_spec(name):
        raise InputError(
            f"Python already has a module named {name!r}, which yours would hide. Choose another "
            "name."
        )
