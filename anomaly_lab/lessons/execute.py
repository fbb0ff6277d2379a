"""Lessons are run in fresh kernels, once: what came is kept until something it came of changes.

The key of what is kept: the lesson's text, this package's lesson code, the versions of everything
installed that the package needs, each of the package's files that the run imported or opened, and,
where the lesson asks for every detector, those that other packages bring; where its data are
downloaded, whether there is a folder of them, and whether downloading is off.
"""

from __future__ import annotations

import ast
import asyncio
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from anomaly_lab import datasets
from anomaly_lab.detectors import ENTRY_POINT_GROUP
from anomaly_lab.errors import DownloadError
from anomaly_lab.lessons.checks import OPEN, RIGHT, WRONG
from anomaly_lab.lessons.notebooks import PLACEHOLDER, blank, said, solved
from anomaly_lab.lessons.source import Exercise, Lesson, LessonError
from anomaly_lab.paths import cache_folder, write_whole

CELL_SECONDS = 1800  # a cell that takes longer is stopped; the gallery's take minutes
_PACKAGE = Path(__file__).parents[1]
_OF_EVERY_DETECTOR = ("anomaly_lab.detectors.all_detectors", "anomaly_lab.gallery.")
_OUTPUTS = "text/html", "text/plain", "text/markdown", "application/vnd.anomaly-lab."
# One BLAS thread and one hash seed: sums and sets come in the same order on every machine.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}

Progress = Callable[[Lesson, float | None], None]


@dataclass(frozen=True)
class Run:
    """What came of running a lesson.

    Parameters
    ----------
    texts : dict of int to str
        Prose with its numbers filled in, by the cell's place in the lesson.
    outputs : dict of int to list
        Outputs of code cells in nbformat's form, by the cell's place.
    seconds : float
        Time it took, the kernel's start included.
    missing : str
        Why the lesson's data cannot be had, or empty; then there are no texts and no outputs.
    """

    texts: dict[int, str] = field(default_factory=dict)
    outputs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    seconds: float = 0.0
    missing: str = ""


class MissingDataError(LessonError, DownloadError):
    """A lesson whose data set cannot be downloaded."""


def run_all(
    lessons: Sequence[Lesson], progress: Progress | None = None, workers: int | None = None
) -> list[Run]:
    """Run lessons side by side, or take what is kept of them.

    Parameters
    ----------
    lessons : sequence of Lesson
        What to run.
    progress : callable, optional
        Called as ``progress(lesson, seconds)`` when a lesson is done; seconds is None where what
        was kept still held.
    workers : int, optional
        How many at a time; by default one a core.

    Returns
    -------
    list of Run

    Raises
    ------
    LessonError
        Where a lesson raises, warns, shows a figure without alt text, has a check that judges
        wrongly, or needs data that cannot be had (unless ``ANOMALY_LAB_OFFLINE`` is set).
    """

    def one(lesson: Lesson) -> Run:
        kept = load(lesson)
        done = kept or run(lesson)
        if progress:
            progress(lesson, None if kept else done.seconds)
        return done

    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        return list(pool.map(one, lessons))


def load(lesson: Lesson) -> Run | None:
    """Return the run that is kept of a lesson, or None where it would come out otherwise now."""
    path = _kept(lesson)
    if path is None or not path.is_file():
        return None
    kept = json.loads(path.read_text("utf-8"))
    if kept["key"] != _key(lesson) or kept["files"] != _digests(kept["files"]):
        return None
    fields = kept["run"]
    places = {name: {int(i): v for i, v in fields[name].items()} for name in ("texts", "outputs")}
    return Run(**{**fields, **places})


def run(lesson: Lesson) -> Run:
    """Run a lesson in a fresh kernel and keep what came.

    Raises
    ------
    LessonError
        As `run_all` says.
    """
    start = time.perf_counter()
    try:
        texts, outputs, files = asyncio.run(_execute(lesson))
    except MissingDataError as error:
        if not os.environ.get("ANOMALY_LAB_OFFLINE"):
            raise
        return Run(missing=str(error))
    done = Run(texts, outputs, time.perf_counter() - start)
    path = _kept(lesson)
    if path:
        kept = {"key": _key(lesson), "files": _digests(files), "run": asdict(done)}
        write_whole(path, json.dumps(kept).encode())
    return done


@dataclass(frozen=True)
class _Step:
    """Code to run for one cell of a lesson: kept, judged, or neither."""

    place: int
    code: str
    keep: bool = False
    verdict: str = ""
    hint: str = ""


def _steps(lesson: Lesson) -> Iterator[_Step]:
    place = 0
    for block in lesson.blocks:
        if isinstance(block, Exercise):
            yield from _steps_of_exercise(lesson, block, place)
            place += len(block.cells)
        elif block.kind == "code":
            yield _Step(place, block.source, keep=block.tag not in ("hide", "claim"))
            place += 1
        else:
            yield from _steps_of_prose(place, block.source)
            place += 1


def _steps_of_prose(place: int, prose: str) -> Iterator[_Step]:
    if PLACEHOLDER.search(prose):
        yield _Step(place, said(prose), keep=True)


def _steps_of_exercise(lesson: Lesson, exercise: Exercise, first: int) -> Iterator[_Step]:
    """The blank must count as not done, the solution pass, and each other answer as tagged."""
    judge = f"print(_judge(_read({str(lesson.path)!r}).exercise({exercise.name!r}), globals()))"
    places = {id(cell): first + i for i, cell in enumerate(exercise.cells)}
    answers = [(places[id(cell)], cell.source) for cell in exercise.tagged("exercise")]
    last = answers[-1][0]
    for cell in exercise.tagged("exercise", "markdown"):
        yield from _steps_of_prose(places[id(cell)], cell.source)
    yield from (_Step(place, blank(code)) for place, code in answers)
    yield _Step(last, judge, verdict=OPEN)
    yield from (_Step(place, solved(code), keep=True) for place, code in answers)
    yield _Step(last, judge, verdict=RIGHT)
    for tag, verdict in (("wrong", WRONG), ("right", RIGHT)):
        for cell in exercise.tagged(tag):
            hint, code = _hint(cell.source) if tag == "wrong" else ("", cell.source)
            yield from (_Step(place, solved(code)) for place, code in answers)
            yield _Step(places[id(cell)], code)
            yield _Step(places[id(cell)], judge, verdict=verdict, hint=hint)
    yield from (_Step(place, solved(code)) for place, code in answers)
    for cell in exercise.tagged("solution", "markdown"):
        yield from _steps_of_prose(places[id(cell)], cell.source)


def _hint(code: str) -> tuple[str, str]:
    """Split the first line of a wrong answer, ``# hint: fragment``, from its code."""
    match = re.match(r"# hint: (.+)\n", code)
    if not match:
        raise LessonError(
            "A cell tagged 'wrong' should begin with '# hint: ' and a part of the message that "
            f"the check must give; it begins {code[:60]!r}."
        )
    return match[1].strip(), code


async def _execute(
    lesson: Lesson,
) -> tuple[dict[int, str], dict[int, list[dict[str, Any]]], list[str]]:
    texts: dict[int, str] = {}
    outputs: dict[int, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            new_notebook(),
            timeout=CELL_SECONDS,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],
            resources={"metadata": {"path": folder}},
        )
        async with client.async_setup_kernel(env={**os.environ, **_ENVIRONMENT}):
            await _send(client, _WATCH)
            for step in _steps(lesson):
                came = await _try(client, lesson, step)
                if step.verdict:
                    _compare(lesson, step, came)
                elif step.keep and lesson.cells[step.place].kind == "markdown":
                    texts[step.place] = came[0]["data"]["text/markdown"].strip()
                elif step.keep:
                    outputs[step.place] = [_clean(lesson, step, output) for output in came]
            listed = await _send(client, "print(_files())")
    return texts, outputs, json.loads(listed[0]["text"])


# Runs before a lesson: notes each file of the package that is imported or opened.
_WATCH = f"""
import json as _json, sys as _sys
from pathlib import Path as _Path
from IPython.display import Markdown
_opened = set()
def _note(event, args):
    if event == "open" and isinstance(args[0], str) and not args[0].endswith(".pyc"):
        _opened.add(args[0])
_sys.addaudithook(_note)
def _files():
    imported = {{getattr(m, "__file__", None) for m in list(_sys.modules.values())}}
    ours = ({str(_PACKAGE)!r}, {str(_PACKAGE.parent / "datasets")!r})
    paths = [f for f in imported | _opened if f and f.startswith(ours) and _Path(f).is_file()]
    return _json.dumps(sorted(paths))
from anomaly_lab.lessons.checks import judge as _judge
from anomaly_lab.lessons.source import read as _read
"""


async def _try(client: NotebookClient, lesson: Lesson, step: _Step) -> list[dict[str, Any]]:
    try:
        return await _send(client, step.code)
    except CellTimeoutError:
        problem = f"takes longer than {CELL_SECONDS} s"
    except DeadKernelError:
        problem = "kills Python (too little memory?)"
    except CellExecutionError as error:
        problem = f"raises {error.ename}: {error.evalue}"
        if error.ename == "DownloadError":
            raise MissingDataError(f"{_where(lesson, step)} {problem}") from None
    raise LessonError(f"{_where(lesson, step)} {problem}")


async def _send(client: NotebookClient, code: str) -> list[dict[str, Any]]:
    cell = new_code_cell(code)
    client.nb.cells.append(cell)
    await client.async_execute_cell(cell, len(client.nb.cells) - 1)
    return [dict(output) for output in cell.outputs]


def _where(lesson: Lesson, step: _Step) -> str:
    first = next(line for line in step.code.splitlines() if line.strip() and "rf" not in line)
    return f"{lesson.path.name}: the cell that begins {first.strip()[:70]!r}"


def _compare(lesson: Lesson, step: _Step, came: Iterable[dict[str, Any]]) -> None:
    said = "".join(output["text"] for output in came).strip()
    states = {OPEN: "not done yet", RIGHT: "right.", WRONG: "not right yet"}
    if states[step.verdict] not in said or step.hint.lower() not in said.lower():
        wanted = f"{step.verdict}, saying {step.hint!r}" if step.hint else step.verdict
        code = lesson.cells[step.place].source
        raise LessonError(
            f"{lesson.path.name}: the check should find this answer {wanted}, and says {said!r}:\n"
            f"{blank(code) if step.verdict == OPEN else code}"
        )


def _clean(lesson: Lesson, step: _Step, output: dict[str, Any]) -> dict[str, Any]:
    """Return an output as it goes to the page; refuse what must not be there."""
    where = _where(lesson, step)
    if output["output_type"] == "stream" and output["name"] == "stderr":
        raise LessonError(f"{where} writes to stderr: {output['text'].strip()[:300]}")
    data = output.get("data", {})
    if any(kind.startswith("image/") for kind in data):
        raise LessonError(
            f"{where} shows a figure without alt text: end it with show(figure, 'what is seen')."
        )
    if output["output_type"] != "stream":
        kept = {kind: text for kind, text in data.items() if kind.startswith(_OUTPUTS)}
        return {"output_type": "display_data", "data": kept, "metadata": {}}
    return {**output}


def _kept(lesson: Lesson) -> Path | None:
    folder = cache_folder("lessons")
    return folder / f"{lesson.slug}.json" if folder else None


def _key(lesson: Lesson) -> str:
    parts: dict[str, Any] = {
        "lesson": lesson.path.read_text("utf-8"),
        "engine": _digests(map(str, sorted(Path(__file__).parent.glob("*.py")))),
        "python": [sys.version, platform.machine()],
        "versions": versions(),
    }
    if any(name.startswith(_OF_EVERY_DETECTOR) for name in lesson.uses):
        parts["detectors"] = _brought()
    if any(datasets.card(name).kind == "download" for name in lesson.data):
        parts["data"] = [name in os.environ for name in ("ANOMALY_LAB_DATA", "ANOMALY_LAB_OFFLINE")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _brought() -> list[list[str]]:
    """Return name, class, version and digest of each detector that another package brings."""
    return sorted(
        [entry.name, entry.value, entry.dist.version if entry.dist else "", _code_of(entry.module)]
        for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)
    )


def _code_of(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ImportError:
        spec = None
    return _digest(Path(spec.origin if spec and spec.origin else "gone"))


def _digests(files: Iterable[str]) -> dict[str, str]:
    """Hash files by their paths from the package's folder, so that a copy of it counts the same."""
    names = [os.path.relpath(_PACKAGE / file, _PACKAGE) for file in files]
    return {name: _digest(_PACKAGE / name) for name in names}


def _digest(path: Path) -> str:
    """Hash a file's content; of Python code, what it does: comments and layout do not count."""
    if not path.is_file():
        return "gone"
    content = path.read_bytes()
    if path.suffix == ".py":
        content = ast.dump(ast.parse(content)).encode()
    return hashlib.sha256(content).hexdigest()


def versions(package: str = "anomaly-lab") -> dict[str, str]:
    """Return the versions of everything installed that a package needs, sorted by name."""
    found: dict[str, str] = {}
    todo = [package]
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = distribution.version
        needs = [need for need in distribution.requires or () if "extra ==" not in need]
        todo += [re.match(r"[\w.-]+", need)[0] for need in needs]  # type: ignore[index]
    return dict(sorted(found.items()))
