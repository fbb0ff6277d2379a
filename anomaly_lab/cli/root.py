"""The command itself: its parts put together, and every error told in a sentence."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from anomaly_lab import __version__
from anomaly_lab.cli import compare, datasets, detectors, doctor, gallery, labs
from anomaly_lab.cli.terminal import err, out
from anomaly_lab.errors import AnomalyLabError


class PlainErrors(TyperGroup):
    """Tell every error in a sentence, with exit code 2 where the user can mend it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; no traceback reaches the user."""
        try:
            return super().invoke(ctx)
        except AnomalyLabError as error:
            err.print("[bold red]Error:[/]", end=" ")
            err.print(str(error), markup=False, highlight=False)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            err.print("Interrupted. No file was left half-written.")
            raise typer.Exit(130) from None
        except (OSError, ArithmeticError, LookupError, MemoryError, TypeError, ValueError) as error:
            if os.environ.get("ANOMALY_LAB_DEBUG"):
                raise
            err.print(f"[bold red]Unexpected {type(error).__name__}:[/]", end=" ")
            err.print(str(error), markup=False, highlight=False)
            err.print("This should not happen. Set ANOMALY_LAB_DEBUG=1 to see where it comes from.")
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=PlainErrors,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(datasets.app, name="datasets")
app.add_typer(detectors.app, name="detectors")
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=gallery.EXAMPLES)(gallery.gallery)
app.command()(doctor.doctor)
app.command()(labs.start)
app.command()(labs.check)
app.command()(labs.grade)


def _tell_version(asked: bool) -> None:
    if asked:
        out.print(f"anomaly-lab {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _anomaly_lab(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Compare anomaly detectors: PCA, k-nearest neighbours, isolation forest, autoencoder."""


def main() -> None:
    """Run the command line."""
    # Windows consoles may not speak UTF-8; a character that cannot be shown is no reason to stop.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="anomaly-lab")
