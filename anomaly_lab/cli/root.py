"""The command itself: its parts put together, and every error said in a sentence."""

from __future__ import annotations

import os
import re
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from anomaly_lab import __version__
from anomaly_lab.cli import compare, datasets, detectors, doctor, gallery, labs
from anomaly_lab.cli.terminal import err, out
from anomaly_lab.errors import AnomalyLabError

_OUT_OF_MEMORY = re.compile(r"out of memory|RESOURCE_?EXHAUSTED|\bOOM\b", re.IGNORECASE)
_LESS_MEMORY = (
    "Use fewer rows or a smaller batch (in Python: AutoencoderDetector(batch_size=64)); where it "
    "is the graphics card's memory, use the processor: set JAX_PLATFORMS=cpu."
)


class PlainErrors(TyperGroup):
    """Say every error in a sentence, with exit code 2 where the user can mend it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; no traceback reaches the user."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            err.print("Interrupted. No file was left half-written.")
            raise typer.Exit(130) from None
        except AnomalyLabError as error:
            _say_error("Error", str(error))
            raise typer.Exit(2) from error
        except Exception as error:
            typers_own = isinstance(error, typer.Abort) or hasattr(error, "exit_code")
            if typers_own or os.environ.get("ANOMALY_LAB_DEBUG"):
                raise
            if _is_out_of_memory(error):
                _say_error("Out of memory", str(error).split("\n")[0])
                err.print(_LESS_MEMORY, markup=False, highlight=False)
                raise typer.Exit(2) from error
            _say_error(f"Unexpected {type(error).__name__}", str(error) or "it says no more")
            err.print("This should not happen. Set ANOMALY_LAB_DEBUG=1 to see where it comes from.")
            raise typer.Exit(1) from error


def _say_error(kind: str, text: str) -> None:
    err.print(f"[bold red]{kind}:[/]", end=" ")
    err.print(text, markup=False, highlight=False)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell by the words: JAX and PyTorch raise a RuntimeError, TensorFlow an error of its own."""
    words = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or bool(_OUT_OF_MEMORY.search(words))


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
