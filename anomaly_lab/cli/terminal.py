"""What the commands print with: two consoles, a table, a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """Print a line as it is: no markup, no colours, not broken, so that paths can be copied."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None]]:
    """Show a progress bar while the block runs, and give the function that moves it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, TextColumn("{task.description}"), console=err, transient=True
    ) as progress:
        task = progress.add_task("starting", total=None)

        def move(done: int, total: int, step: str) -> None:
            progress.update(task, completed=done, total=total, description=step)

        yield move


def new_table(*headers: str) -> Table:
    """Return a plain table; columns of numbers are set to the right."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        right = header in ("rows", "features", "anomalies", "points", "seconds")
        table.add_column(header, justify="right" if right else "left", no_wrap=header == "name")
    return table


def print_card(card: Any) -> None:
    """Print the fields of a card that are filled in, a row each."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column()
    for name, value in vars(card).items():
        if value not in ("", (), None):
            table.add_row(name, Text(_text(value)))
    out.print(table)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return "\n".join(map(str, value))
    if hasattr(value, "effect"):  # what a parameter does
        values = ", ".join(map(repr, value.values))
        return f"{value.effect} ({value.parameter} = {values} on {_rows(value.case)})"
    if hasattr(value, "cure"):  # a failure
        return f"{value.cause} (Fails on {_rows(value.case)}; works on {_rows(value.cure)}.)"
    return str(value)


def _rows(case: Any) -> str:
    hidden = f", {case.contamination:.1%} hidden anomalies" if case.contamination else ""
    return f"{case.rows} rows of {case.data}{hidden}"
