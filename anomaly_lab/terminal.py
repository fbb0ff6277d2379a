"""What the commands print with: two consoles, a table, a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

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

        def move(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        yield move


def new_table(*headers: str) -> Table:
    """Return a plain table; columns of numbers are set to the right."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for header in headers:
        right = header in ("rows", "features", "anomalies", "points", "seconds")
        table.add_column(header, justify="right" if right else "left", no_wrap=header == "name")
    return table
