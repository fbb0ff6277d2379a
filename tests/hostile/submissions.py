"""Submissions that lie, sleep, flood, detach and link: they cost their own points and no others."""

from __future__ import annotations

import csv
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell
from small_lab import HALF, TWICE, worked, write_lessons

from anomaly_lab.lessons import read, source

from .core import Action, Failure, check_said, no_leftover, run_command, snapshot
from .parameters import pick
from .tables import flipped

SLEEPS = "[sys.executable, '-c', 'import time; time.sleep(600) #{mark}']"
STARTS = f"import subprocess, sys; subprocess.Popen({SLEEPS}"
# What a notebook does beside its own answers, which are right: at most two points.
NASTY = [
    "while True: pass",
    "import time; time.sleep(600)",
    "while True: print('x' * 10**6)",
    "import os\nwhile True: os.write(1, b'x' * 10**6); os.write(2, b'x' * 10**6)",
    "x = bytearray(3 * 10**9)",
    "raise ValueError('\\ud800')",
    "raise KeyboardInterrupt",
    "import sys; sys.exit(0)",
    "import os; os._exit(0)",
    "import os; os.closerange(0, 256)",
    "import os; os.abort()",
    "import ctypes; ctypes.string_at(0)",
    "import sys; sys.setrecursionlimit(10**9)\ndef f(): f()\nf()",
    "import sys; sys.stdout = sys.stderr = None",
    "import sys; sys.modules.clear()",
    "import builtins; builtins.open = builtins.print = builtins.isinstance = None",
    "import json; json.dumps = json.loads = lambda *a, **k: 'null'",
    "import time; time.perf_counter = time.monotonic = lambda: 'x'",
    "import signal; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]\nwhile True: pass",
    "import threading; threading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()",
    "import os, shutil; shutil.rmtree(os.getcwd())",
    "import os; os.chdir('/'); os.environ.clear()",
    f"{STARTS})",
    f"{STARTS}, start_new_session=True)",
    "import os, sys\nif not os.fork():\n    os.setsid()\n    if not os.fork():\n        "
    f"os.execv(sys.executable, {SLEEPS})\n"
    "    os._exit(0)",
    "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))",
    "import gc; [o.clear() for o in gc.get_objects() if type(o) is list][:0]",
]
LINE = '{"exercise": "07.%d", "state": "right", "message": "", "seconds": 0.1}'
FORGED = "".join(f"{LINE % n}\\n" for n in (1, 2))
# What a notebook does instead of answers: no point.
LYING = [
    "import sys\nfor a in sys.argv[1:]:\n    try: open(a, 'a').write('" + FORGED + "')\n"
    "    except Exception: pass",
    "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'" + FORGED + "')\n"
    "    except OSError: pass",
    "import os, sys\nfor a in sys.argv[1:]:\n    try: os.remove(a); os.mkfifo(a)\n"
    "    except Exception: pass",
    "print('" + FORGED + "', flush=True)",
    "import os; os.write(1, b'" + FORGED + "'); os._exit(0)",
    "import anomaly_lab.lessons.checks as c\n"
    "c.judge = lambda e, *a: c.Verdict(e.name, 'right', '')\n"
    "import sys; sys.modules['__main__'].judge = c.judge",
    "def check(*a, **k): return 'right'\ncheck_1 = check_2 = check",
]
BAD_FILES = [b"", b"{}", b"[]", b"null", b"[" * 100_000, b"\xff\xfe\x00", b'{"cells": 5}']
BAD_FILES += [b"1" * 9999]
BAD_FILES += [b'{"cells": [{"cell_type": "code", "source": [1]}], "metadata": null, "nbformat": 4}']
BAD_FILES += [b'{"cells": [], "metadata": {}, "nbformat": 99, "nbformat_minor": 1}']
BAD_FILES += [b'{"nbformat": 1e999}']
NAMES = [b"b\nc.ipynb", b"\xff.ipynb", b"=cmd.ipynb", b"-x.ipynb", b"b" * 240 + b".ipynb"]
NAMES += [b"[red].ipynb"]
STATES = {"right", "wrong", "not done", "error", "too slow", "not handed in", "not judged"}
NOT_JUDGED = 3  # the exit code where a submission is no file to be read, such as a link


def make(rng: np.random.Generator, folder: Path) -> tuple[str, Action]:
    """Draw what two students hand in beside an honest one, whose two points must be safe."""
    lessons = write_lessons(Path(tempfile.mkdtemp()) / "lessons", "07_small")
    source.folder = lambda: lessons
    lesson = read(lessons / "07_small.py")
    there = folder / "class"
    there.mkdir()
    honest, mark = worked(lesson, TWICE, HALF), f"HOSTILE_{os.getpid()}_{folder.name}"
    (there / "al.ipynb").write_text(nbformat.writes(honest), "utf-8")
    most, said = {"al": 2}, []
    for student in ("bo", "cy"):
        kind = pick(rng, ["nasty", "nasty", "lying", "file", "link", "name", "flipped"])
        made = worked(lesson, *((TWICE, HALF) if kind in ("nasty", "flipped") else ()))
        path, points = there / f"{student}.ipynb", 2 if kind in ("nasty", "flipped", "name") else 0
        content: Any = nbformat.writes(made).encode()
        if kind in ("nasty", "lying"):
            code = pick(rng, NASTY if kind == "nasty" else LYING).replace("{mark}", mark)
            made.cells.insert(int(rng.integers(1, len(made.cells) + 1)), new_code_cell(code))
            content = nbformat.writes(made).encode()
        elif kind == "file":
            code, content = "a file", pick(rng, BAD_FILES)
        elif kind == "flipped":
            code, content = "flipped", flipped(content, rng)
        elif kind == "name":
            code = repr(name := pick(rng, NAMES))
            path = Path(os.fsdecode(os.path.join(os.fsencode(there), name)))
            content = nbformat.writes(honest).encode()
        else:
            code, content = f"link to {(to := pick(rng, LINKS))}", None
            _link(path, to, lessons)
        if content is not None and not os.path.lexists(path):
            path.write_bytes(content)
        most[path.stem] = points
        said.append(f"{kind}: {code}")
    return " | ".join(said), lambda: _grade(folder, most, mark)


LINKS = ["al.ipynb", "absolute", "/dev/zero", "/dev/stdin", "nowhere", "itself", "pipe", ".."]
LINKS += ["lesson"]


def _link(path: Path, to: str, lessons: Path) -> None:
    if to == "pipe":
        os.mkfifo(path)
    elif to == "absolute":
        path.symlink_to(path.with_name("al.ipynb").absolute())
    elif to == "lesson":
        path.symlink_to(lessons / "07_small.py")
    else:
        path.symlink_to(path.name if to == "itself" else to)


def _grade(folder: Path, most: dict[str, int], mark: str) -> None:
    before = snapshot(folder)
    command = ["grade", "class", "--lesson", "07", "--csv", "grades.csv", "--seconds", "8"]
    try:
        code, text = run_command([*command, "--memory", "1", "--workers", "2"])
    finally:
        no_leftover(mark)
    check_said(0 if code == NOT_JUDGED else code, text)
    grades = folder / "grades.csv"
    left = {path: state for path, state in snapshot(folder).items() if path != grades}
    if left != before:
        raise Failure("input changed", sorted(set(left) ^ set(before)) or "a submission")
    lines = list(csv.DictReader(grades.read_text("utf-8").splitlines(keepends=True)))
    points = {line["student"]: 0 for line in lines}
    for line in lines:
        points[line["student"]] += int(line["points"])
        if line["state"] not in STATES or not re.fullmatch(r"\d+\.\d", line["seconds"]):
            raise Failure("wrong", line)
    if len(points) != len(most) or len(lines) != 2 * len(most) or points["al"] != 2:
        raise Failure("wrong", f"grades of {points}")
    if too_many := {name: n for name, n in points.items() if n > most.get(name, 2)}:
        raise Failure("wrong", f"points for nothing: {too_many}")
