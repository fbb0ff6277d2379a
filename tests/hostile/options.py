"""Command lines: junk for numbers, names and paths, outputs that are inputs, and combinations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from .core import Action, Failure, check_files, check_said, run_command, snapshot
from .parameters import pick
from .tables import csv_of, grid

NUMBERS = ["0", "-1", "1", "2", "1.5", "1e3", "nan", "inf", "-inf", "1e400", "1e-400", "1e200", ""]
NUMBERS += ["1000000000", "9" * 13, "9" * 40, " 1", "½", "\uff11", "1_0", "0x10", "true", "--"]
NUMBERS += ["1,2"]
NAMES = ["knn", "KNN", "knn ", "knnn", "../knn", "[red]", "💥", "x" * 5000, "", "\n", "%s", "{0}"]
NAMES += ["\udcff", "digits", "shapes/ring", "shapes", "/etc/passwd", "knn,pca", "-d", "*", "y"]
NAMES += ["a"]
NAMES += [":b:", "\x1b[31m", "None"]
RULES = ["quantile:0.5", "quantile", "quantile:1", "quantile:nan", "quantile:", "mad:1e200"]
RULES += ["mad:-1"]
RULES += ["meanstd:1e308", "pot:1e-300", "pot:0.5,0.1", "cost:1,10", "cost:1e308,1e308"]
RULES += ["bestf:1e200"]
RULES += ["bestf:1e-200", "fixed:1e308", "fixed", "fixed:nan", "mad:1,2,3", ":", "mad:٣", "MAD"]
RULES += ["x:1"]
PATHS = ["t.csv", "./t.csv", "sub/../t.csv", "link.csv", "hard.csv", "sub/link/t.csv", "class", "."]
PATHS += ["out", "out.html", "old.html", "to-old.html", "sub", "sub/new", "no/such/x", "", " ", "~"]
PATHS += ["/proc/self/mem", "pipe", "x" * 300, "a\nb"]
PATHS += ["\udcff"]
PATHS += ["~nouser/x", "gone.csv", "loop", "class/al.ipynb", "class/al/07.ipynb", "class/new.csv"]
PATHS += ["..."]
PATHS += ["a/" * 2000 + "x", "t.csv/x", "[red]", "😀.json", "T.CSV", "t.csv ", "-", "out.html"]

Options = dict[str, Sequence[str]]
COMPARE: Options = {
    "--data": PATHS,
    "--label": NAMES,
    "--normal": NAMES,
    "--drop": NAMES,
    "--impute": ["median", "mean", ""],
    "--detector": NAMES,
    "--threshold": RULES,
    "--contamination": [*NUMBERS, "0.05"],
    "--seeds": NUMBERS,
    "--rows": NUMBERS,
    "--output": PATHS,
    "--json": PATHS,
}
GALLERY: Options = {
    "--detector": NAMES,
    "--dataset": NAMES,
    "--seeds": NUMBERS,
    "--jobs": NUMBERS,
    "--scheduler": ["tcp://127.0.0.1:1", "x", "", "\udcff"],
    "--json": PATHS,
}
GRADE: Options = {
    "--csv": PATHS,
    "--lesson": [*NUMBERS, *NAMES, "01"],
    "--seconds": NUMBERS,
    "--memory": NUMBERS,
    "--workers": NUMBERS,
}
OWN = ("compare", "--data", "t.csv", "--label", "y", "-d", "centroid", "--threshold", "mad")
SET = ("compare", "shapes/ring", "-d", "centroid", "--rows", "60", "--threshold", "mad")
COMMANDS: list[tuple[Sequence[str], Options, Sequence[str]]] = [
    (OWN, COMPARE, ("--seeds", "1")),
    (OWN, COMPARE, ("--seeds", "1")),
    (OWN, {name: COMPARE[name] for name in ("--output", "--json")}, ("--seeds", "1")),
    (SET, COMPARE, ("--seeds", "1")),
    (
        ("gallery", "-d", "centroid", "--dataset", "shapes/ring"),
        GALLERY,
        ("--jobs", "1", "--seeds", "1"),
    ),
    (("grade", "class"), GRADE, ()),
    (("grade", "class"), {"--csv": PATHS}, ()),
    (("check",), {"--folder": PATHS, "--seconds": NUMBERS, "--memory": NUMBERS}, ()),
]
# With one argument, and perhaps a second.
ARGUMENTS: list[tuple[Sequence[str], Sequence[str]]] = [(("datasets", "show"), NAMES)]
ARGUMENTS += [(("datasets", "fetch"), NAMES), (("detectors", "show"), NAMES)]
ARGUMENTS += [
    (("detectors", "check"), [*PATHS, *NAMES, "t.csv:X", "t.csv:", ":X", "a:b:c", "os:path"])
]
ARGUMENTS += [
    (("detectors", "new"), [*NAMES, "class", "import", "my_method", "sklearn", "1a", "a-b"])
]
ARGUMENTS += [(("compare",), NAMES), (("grade",), PATHS), (("check",), [*NUMBERS, *NAMES])]
ARGUMENTS += [((), NAMES)]


def lay(folder: Path) -> None:
    """Write what the paths of a command line may name."""
    (folder / "t.csv").write_bytes(csv_of(grid(np.random.default_rng(0))))
    (folder / "class" / "al").mkdir(parents=True)
    (folder / "class" / "al" / "07.ipynb").write_text("{}")
    (folder / "class" / "al.ipynb").write_text("no notebook")
    (folder / "sub").mkdir()
    (folder / "old.html").write_text("<p>old</p>")
    (folder / "old.html").chmod(0o640)
    (folder / "sub" / "link").symlink_to("..")
    (folder / "link.csv").symlink_to("t.csv")
    (folder / "gone.csv").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "to-old.html").symlink_to("old.html")
    os.link(folder / "t.csv", folder / "hard.csv")
    os.mkfifo(folder / "pipe")


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw a command line."""
    lay(folder)
    if rng.random() < 0.25:
        command, values = pick(rng, ARGUMENTS)
        arguments = [*command, *(pick(rng, values) for _ in range(rng.integers(1, 3)))]
    else:
        command, options, needed = pick(rng, COMMANDS)
        names = rng.choice(list(options), size=min(len(options), rng.integers(1, 4)), replace=False)
        given = [word for name in names for word in (str(name), pick(rng, options[str(name)]))]
        arguments = [*command, *(() if needed and needed[0] in given else needed), *given]
    return " ".join(map(repr, arguments)), lambda: _judge(folder, arguments)


def _judge(folder: Path, arguments: Sequence[str]) -> None:
    before = snapshot(folder)
    code, text = run_command(arguments)
    outputs = _outputs(arguments)
    makes = arguments[:2] == ["detectors", "new"]
    allowed = [path for path in snapshot(folder) if path not in before] if makes else []
    for path in outputs:  # a link is written through
        if not _is_read(path, arguments):
            allowed += [_real(path.parent) / path.name, _real(path)]
    check_files(before, folder, allowed)
    check_said(code, text, (0, 1, 2) if arguments[:2] == ["detectors", "check"] else (0, 2))
    if missing := [path for path in outputs[1:] if not path.is_file()]:
        raise Failure("half-written file", f"{missing} not there")
    if len(set(map(_real, outputs))) < len(outputs):
        raise Failure("half-written file", "two outputs written to one file")


def _real(path: Path | str) -> Path:
    return Path(os.path.realpath(path))


def _outputs(arguments: Sequence[str]) -> list[Path]:
    """Return the files that a command line may write, the default of ``grade`` first."""
    named = [
        value for option, value in pairwise(arguments) if option in ("--output", "--json", "--csv")
    ]
    return [Path("grades.csv"), *(Path(os.path.expanduser(value)) for value in named)]


def _is_read(path: Path, arguments: Sequence[str]) -> bool:
    """Tell whether a command reads a file: its table, or a submission."""
    if arguments[:1] == ["grade"]:
        return _real(path).is_relative_to(_real(arguments[1]))
    tables = [value for option, value in pairwise(arguments) if option == "--data"]
    return bool(tables) and _real(path) == _real(tables[-1])
