"""The labs' commands: parsing and printing, nothing else."""

from __future__ import annotations

import importlib.util
import os
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from anomaly_lab.cli.terminal import new_table, out, progress_bar, say
from anomaly_lab.errors import InputError
from anomaly_lab.installation import install_line

if TYPE_CHECKING:
    from anomaly_lab.labs.grading import Grade
    from anomaly_lab.labs.running import Result
    from anomaly_lab.lessons import Lesson

HERE = Path("anomaly-lab-notebooks")
_COLOURS = {"right": "green", "wrong": "red", "error": "red", "too slow": "red"}

Seconds = Annotated[float, typer.Option(min=1, max=86_400, help="Time a notebook may take.")]
Memory = Annotated[
    float, typer.Option(min=0.1, max=1024, help="Memory a notebook may use, in GiB.")
]


def start(
    folder: Annotated[Path, typer.Argument(help="Where to put the notebooks.")] = HERE,
    open_lab: Annotated[
        bool | None,
        typer.Option("--open/--no-open", help="Open JupyterLab. [where there is a screen]"),
    ] = None,
) -> None:
    """Lay down the notebooks of all lessons, with blanks to fill in, and open JupyterLab.

    A notebook that was worked in is never overwritten: where its lesson has changed since, the new
    one is put beside it.
    """
    _need_lab()
    from anomaly_lab import paths
    from anomaly_lab.labs.folder import lay
    from anomaly_lab.lessons import lessons
    from anomaly_lab.lessons.source import folder as lessons_folder

    folder = paths.located(folder)
    paths.check_apart("start", folder, [lessons_folder()])
    for laid in lay(folder, lessons()):
        say(f"{laid.path}  {laid.status}")
    if open_lab is None:
        open_lab = _has_screen()
    if open_lab and importlib.util.find_spec("jupyterlab"):
        say("Opening JupyterLab; end it with Ctrl+C.")
        subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False)
    else:
        say(f"Open them with: {Path(sys.executable).name} -m jupyterlab {_quoted(folder)}")
    found = _folder().resolve() == folder.resolve()
    option = "" if found else f" --folder {_quoted(folder)}"
    say(f"See how far you are with: anomaly-lab check{option}")


def check(
    lesson: Annotated[str | None, typer.Argument(help="Such as 04. [all you worked in]")] = None,
    folder: Annotated[
        Path | None, typer.Option(help=f"Where the notebooks are. [here, or ./{HERE}]")
    ] = None,
    seconds: Seconds = 300,
    memory: Memory = 4,
) -> None:
    """Run your notebooks from top to bottom and see which exercises are right.

    Results are remembered: a notebook is run again only where it has changed.
    """
    _need_lab()
    from anomaly_lab import paths
    from anomaly_lab.labs import folder as labs
    from anomaly_lab.labs.running import Limits
    from anomaly_lab.lessons import find, lessons

    wanted = [find(lesson)] if lesson else lessons()
    place = paths.located(folder or _folder())
    there = labs.notebooks(place, wanted)
    if not there:
        raise InputError(
            f"There is no notebook of {'lesson ' + lesson if lesson else 'a lesson'} in "
            f"{place.absolute()}. Lay them down with 'anomaly-lab start', or name their folder "
            "with --folder."
        )
    state = labs.State.of(place)
    results: list[Result] = []
    with progress_bar() as progress:
        for i, one in enumerate(one for one in wanted if one.number in there):
            progress(i, len(there), there[one.number].name)
            limits = Limits(seconds, memory)
            results += labs.checked(place, one, there[one.number], state, limits)
    _print_results(results)
    _print_next([*wanted, *lessons()], state.results, labs.notebooks(place, lessons()))


def grade(
    submissions: Annotated[Path, typer.Argument(help="One file or one folder a student.")],
    csv: Annotated[Path, typer.Option(help="Write the grades here.")] = Path("grades.csv"),
    lesson: Annotated[
        list[str] | None,
        typer.Option(help="A lesson that was set. Repeatable. [those handed in by anybody]"),
    ] = None,
    seconds: Seconds = 300,
    memory: Memory = 4,
    workers: Annotated[
        int | None, typer.Option(min=1, max=512, help="Notebooks to run at a time. [one a core]")
    ] = None,
) -> None:
    """Grade a folder of submissions: one point an exercise, and why where there is none.

    Each notebook runs in a process and a folder of its own, within limits. This is no sandbox:
    the code may do what you may do, so grade what you do not trust in a container.
    """
    _need_lab()
    from anomaly_lab import paths
    from anomaly_lab.labs import grading
    from anomaly_lab.labs.running import Limits
    from anomaly_lab.lessons import find
    from anomaly_lab.lessons.source import folder as lessons_folder

    submissions, csv = paths.located(submissions), paths.check_writable(csv)
    partly = csv.with_name(f".{csv.name}.partly")
    paths.check_outputs(
        {"--csv": csv, "--csv, until all are graded,": partly}, [submissions, lessons_folder()]
    )
    wanted = [find(number) for number in lesson] if lesson else _handed_in(submissions)
    try:
        with progress_bar() as progress:
            grades = grading.grade(
                submissions,
                wanted,
                resume=partly,
                limits=Limits(seconds, memory),
                workers=workers,
                progress=progress,
            )
    except KeyboardInterrupt:
        say("Interrupted. The same command goes on from here.")
        raise typer.Exit(130) from None
    grading.write(grades, csv)
    partly.unlink(missing_ok=True)
    _print_grades(grades)
    say(f"Grades: {csv}")


def _folder() -> Path:
    """Return where notebooks are looked for where no folder is named."""
    return HERE if not list(Path().glob("*.ipynb")) and HERE.is_dir() else Path()


def _quoted(folder: Path) -> str:
    """Return a folder's name as the shell takes it for one word."""
    return subprocess.list2cmdline([str(folder)]) if os.name == "nt" else shlex.quote(str(folder))


def _need_lab() -> None:
    missing = [
        name
        for name in ("IPython", "jupytext", "nbformat", "psutil")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise InputError(
            f"The labs need {', '.join(missing)}, which this installation lacks. Install them "
            f"with: {install_line('lab')}"
        )


def _has_screen() -> bool:
    if not sys.stdout.isatty():
        return False
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) or sys.platform in ("win32", "darwin")


def _handed_in(submissions: Path) -> list[Lesson]:
    from anomaly_lab.labs.notebook import lesson_of
    from anomaly_lab.lessons import lessons

    numbers = {lesson_of(path) for path in submissions.rglob("*.ipynb")}
    found = [lesson for lesson in lessons() if lesson.number in numbers]
    if submissions.is_dir() and not found:
        raise InputError(
            f"No file in {submissions} is a notebook of a lesson. Expected one file or one folder "
            "a student; say which lesson was set with --lesson, to grade what there is."
        )
    return found


def _print_results(results: list[Result]) -> None:
    table = new_table("exercise", "", "what is missing")
    for result in results:
        style = _COLOURS.get(result.state, "dim")
        table.add_row(result.exercise, Text(result.state, style), Text(result.message))
    out.print(table)
    say(f"{sum(result.right for result in results)} of {len(results)} right.")


def _print_next(order: list[Lesson], known: dict[str, Result], there: dict[str, Path]) -> None:
    for lesson in order:
        for exercise in lesson.exercises:
            done = exercise.name in known and known[exercise.name].right
            if lesson.number in there and not done:
                title = exercise.cells[0].source.split("\n")[0].lstrip("# ")
                say(f"Next: {exercise.name} in {there[lesson.number].name}. {title}")
                return
    say("All done.")


def _print_grades(grades: list[Grade]) -> None:
    points: Counter[str] = Counter()
    of = Counter(line.student for line in grades)
    for line in grades:
        points[line.student] += line.points
    table = new_table("student", "points", "")
    for student in sorted(of):
        states = Counter(line.state for line in grades if line.student == student)
        counts = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        table.add_row(Text(student), f"{points[student]}/{of[student]}", counts)
    out.print(table)
