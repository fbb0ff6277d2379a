"""``detectors``: list and show them, write one of your own, check it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anomaly_lab.cli.terminal import new_table, out, print_card, progress_bar, say

app = typer.Typer(help="List and show the detectors; write one and check it.")


@app.callback(invoke_without_command=True)
def _detectors(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        from anomaly_lab.detectors import all_detectors

        table = new_table("name", "method", "idea")
        for name, detector in all_detectors().items():
            table.add_row(name, detector.card.title, detector.card.idea)
        out.print(table)


@app.command("show")
def show_detector(name: str) -> None:
    """Show the card of one detector, with its parameters and their defaults."""
    from anomaly_lab.detectors import get_detector

    detector = get_detector(name)
    print_card(detector.card)
    defaults = ", ".join(f"{key}={value!r}" for key, value in detector().get_params().items())
    out.print(f"\n{detector.__name__}({defaults})", markup=False, highlight=False)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Of the detector, such as my_method.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to put it. [./NAME]")
    ] = None,
) -> None:
    """Write a small package with a detector that works: to be changed into yours."""
    from anomaly_lab.scaffold import package

    place = folder or Path(name)
    package.write(name, place)
    for file in package.contents(name):
        say(str(place / file))
    say(f"Change {place / f'{name}.py'} into your method. Then, whenever you like:")
    say(f"  anomaly-lab detectors check {place / f'{name}.py'}:{package.class_name(name)}")
    say("and to let every command and the gallery find it:")
    say(f"  python -m pip install {place if place.is_absolute() else f'./{place}'}")


@app.command()
def check(
    detector: Annotated[
        str, typer.Argument(metavar="MODULE:CLASS", help="Or path/to/file.py:CLASS.")
    ],
) -> None:
    """Say in plain words what a detector still lacks.

    Runs the contract suite and scikit-learn's on it, and whether what its card promises is so.
    """
    from anomaly_lab.scaffold import checking
    from anomaly_lab.scaffold.loading import load

    found = load(detector)
    with progress_bar() as progress:
        findings = checking.examine(found, progress)
    marks = (
        ("[green]OK  [/]", "[red]MEND[/]")
        if out.options.ascii_only
        else ("[green]✓[/]", "[red]✗[/]")
    )
    for finding in findings:
        out.print(marks[not finding.holds], end=" ")
        say(f"{finding.check}: {finding.message}")
    for hint in checking.hints(found):
        say(f"Hint: {hint}")
    missing = sum(not finding.holds for finding in findings)
    if missing:
        say(f"{missing} to mend.")
        raise typer.Exit(1)
    say("All is well.")
