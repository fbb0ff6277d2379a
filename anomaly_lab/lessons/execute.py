"""Lessons are run in fresh kernels, once, and again when something that the run came of changes.

That is: the lesson's text, the code that runs lessons, the versions of everything installed that
the package needs, and each of the package's files that the run imported or opened; where the lesson
asks for every detector, which there are; where its data are downloaded, whether there is a folder
of them, and whether downloading is off.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
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
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import joblib
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from anomaly_lab import code, datasets, detectors
from anomaly_lab.cache import Cache, key_of
from anomaly_lab.errors import DownloadError
from anomaly_lab.installation import DISTRIBUTION
from anomaly_lab.lessons.checks import OPEN, RIGHT, WORDS, WRONG
from anomaly_lab.lessons.notebooks import ENVIRONMENT, PLACEHOLDER, blank, said, solved
from anomaly_lab.lessons.source import Exercise, Lesson, LessonError
from anomaly_lab.paths import cache_folder

CELL_SECONDS = 1800  # a cell that takes longer is stopped; the gallery's take minutes
_PACKAGE = Path(__file__).parents[1]
_OUTPUTS = "text/html", "text/plain", "text/markdown", "application/vnd.anomaly-lab."

Progress = Callable[[Lesson, float | None], None]


@dataclass(frozen=True)
class LessonRun:
    """A lesson's prose with its numbers, and the outputs of its code.

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
) -> list[LessonRun]:
    """Run lessons side by side, or take what is stored of them.

    Parameters
    ----------
    lessons : sequence of Lesson
        What to run.
    progress : callable, optional
        Called as ``progress(lesson, seconds)`` when a lesson is done; seconds is None where a
        stored run still holds.
    workers : int, optional
        How many at a time; by default one a core.

    Returns
    -------
    list of LessonRun

    Raises
    ------
    LessonError
        Where a lesson raises, warns, shows a figure without alt text, has a check that judges
        wrongly, or needs data that cannot be had (unless ``ANOMALY_LAB_OFFLINE`` is set).
    """

    def one(lesson: Lesson) -> LessonRun:
        stored = load(lesson)
        done = stored or run(lesson)
        if progress:
            progress(lesson, None if stored else done.seconds)
        return done

    with ThreadPoolExecutor(workers or joblib.cpu_count()) as pool:
        return list(pool.map(one, lessons))


def load(lesson: Lesson) -> LessonRun | None:
    """Return the run that is stored of a lesson, or None where it would come out otherwise now."""
    key, stored = _cache().latest(lesson.slug) or ("", {"files": []})
    if key != _key(lesson, stored["files"]):
        return None
    fields = stored["run"]
    places = {name: {int(i): v for i, v in fields[name].items()} for name in ("texts", "outputs")}
    return LessonRun(**{**fields, **places})


def run(lesson: Lesson) -> LessonRun:
    """Run a lesson in a fresh kernel and store the run.

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
        return LessonRun(missing=str(error))
    done = LessonRun(texts, outputs, time.perf_counter() - start)
    read = [os.path.relpath(file, _PACKAGE) for file in files]  # so that a copy of it counts alike
    _cache().put(lesson.slug, _key(lesson, read), {"files": read, "run": asdict(done)})
    return done


@dataclass(frozen=True)
class _Step:
    """Code to run for one cell of a lesson: shown, judged, or neither."""

    place: int
    code: str
    shown: bool = False
    verdict: str = ""
    hint: str = ""
    source: str = ""  # what the code was made of, where its author did not write it


def _steps(lesson: Lesson) -> Iterator[_Step]:
    places = {id(cell): i for i, cell in enumerate(lesson.cells)}
    for block in lesson.blocks:
        if isinstance(block, Exercise):
            yield from _steps_of_exercise(lesson, block, places)
        elif block.kind == "code":
            yield _Step(places[id(block)], block.source, shown=block.tag not in ("hide", "claim"))
        else:
            yield from _steps_of_prose(places[id(block)], block.source)


def _steps_of_prose(place: int, prose: str) -> Iterator[_Step]:
    if PLACEHOLDER.search(prose):
        yield _Step(place, said(prose), shown=True, source=prose)


def _steps_of_exercise(
    lesson: Lesson, exercise: Exercise, places: dict[int, int]
) -> Iterator[_Step]:
    """The blank must count as not done, the solution pass, and each other answer as tagged."""
    judge = f"print(_judge(_read({str(lesson.path)!r}).exercise({exercise.name!r}), globals()))"
    answers = [(places[id(cell)], cell.source) for cell in exercise.tagged("exercise")]
    last = answers[-1][0]
    for cell in exercise.tagged("exercise", "markdown"):
        yield from _steps_of_prose(places[id(cell)], cell.source)
    yield from (_Step(place, blank(code)) for place, code in answers)
    yield _Step(last, judge, verdict=OPEN)
    yield from (_Step(place, solved(code), shown=True) for place, code in answers)
    yield _Step(last, judge, verdict=RIGHT)
    for tag, verdict in (("wrong", WRONG), ("right", RIGHT)):
        for cell in exercise.tagged(tag):
            hint = _hint(cell.source) if tag == "wrong" else ""
            yield from (_Step(place, solved(code)) for place, code in answers)
            yield _Step(places[id(cell)], cell.source)
            yield _Step(places[id(cell)], judge, verdict=verdict, hint=hint)
    yield from (_Step(place, solved(code)) for place, code in answers)
    for cell in exercise.tagged("solution", "markdown"):
        yield from _steps_of_prose(places[id(cell)], cell.source)


def _hint(code: str) -> str:
    """Return the fragment in the first line of a wrong answer, ``# hint: fragment``."""
    match = re.match(r"# hint: (.+)\n", code)
    if not match:
        raise LessonError(
            "A cell tagged 'wrong' should begin with '# hint: ' and a part of the message that "
            f"the check must give; it begins {code[:60]!r}."
        )
    return match[1].strip()


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
        async with client.async_setup_kernel(env={**os.environ, **ENVIRONMENT}):
            await _send(client, _WATCH)
            for step in _steps(lesson):
                made = await _try(client, lesson, step)
                if step.verdict:
                    _compare(lesson, step, made)
                elif step.shown and step.source:
                    texts[step.place] = made[0]["data"]["text/markdown"].strip()
                elif step.shown:
                    outputs[step.place] = [_clean(lesson, step, output) for output in made]
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
    first = (step.source or step.code).strip().partition("\n")[0]
    return f"{lesson.path.name}: the cell that begins {first[:70]!r}"


def _compare(lesson: Lesson, step: _Step, outputs: Iterable[dict[str, Any]]) -> None:
    message = "".join(output["text"] for output in outputs).strip()
    if WORDS[step.verdict] not in message or step.hint.lower() not in message.lower():
        wanted = f"{step.verdict}, saying {step.hint!r}" if step.hint else step.verdict
        answer = lesson.cells[step.place].source
        raise LessonError(
            f"{lesson.path.name}: the check should find this answer {wanted}, and says "
            f"{message!r}:\n{blank(answer) if step.verdict == OPEN else answer}"
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
        shown = {kind: text for kind, text in data.items() if kind.startswith(_OUTPUTS)}
        return {"output_type": "display_data", "data": shown, "metadata": {}}
    return {**output}


def _cache() -> Cache:
    return Cache(cache_folder("lessons"))


def _key(lesson: Lesson, files: Iterable[str]) -> str:
    """Hash what a run comes of; `files` are those that it read, from the package's folder."""
    engine = code.modules(__name__, whole=True)
    parts: dict[str, Any] = {
        "lesson": lesson.path.read_text("utf-8"),
        "engine": code.digest((m for m in engine if m.startswith(__package__)), whole=True),
        "python": [sys.version, platform.machine()],
        "versions": installed_versions(),
        "files": {name: code.file_digest(_PACKAGE / name) for name in files},
    }
    if _asks_for_every_detector(lesson):
        shipped = Path(detectors.__file__).parent.glob("*.py")
        parts["detectors"] = [sorted(path.name for path in shipped), _brought()]
    if any(datasets.card(name).kind == "download" for name in lesson.data):
        parts["data"] = [name in os.environ for name in ("ANOMALY_LAB_DATA", "ANOMALY_LAB_OFFLINE")]
    return key_of(parts)


def _asks_for_every_detector(lesson: Lesson) -> bool:
    """Whether its code does, or the code that it imports from this package."""
    trees = [lesson.code, *(code.tree(name) for name in lesson.modules - {detectors.__name__})]
    return any("all_detectors" in code.words(tree)[0] for tree in trees)


def _brought() -> list[list[str]]:
    """Return name, class, version and digest of each detector that another package brings."""
    return sorted(
        [
            *(entry.name, entry.value, entry.dist.version if entry.dist else ""),
            code.digest([entry.module], whole=True),
        ]
        for entry in entry_points(group=detectors.ENTRY_POINT_GROUP)
    )


def installed_versions(package: str = DISTRIBUTION) -> dict[str, str]:
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
