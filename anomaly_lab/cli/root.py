"""The command itself: its parts put together, and every error said in a sentence."""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from anomaly_lab import __version__
from anomaly_lab.cli import compare, datasets, detectors, doctor, gallery, labs, streams
from anomaly_lab.cli.terminal import err, out
from anomaly_lab.errors import AnomalyLabError, InputError

_OUT_OF_MEMORY = re.compile(  # as XLA, PyTorch, C++, the system, its loader and its threads say it
    r"out of memory|RESOURCE_?EXHAUSTED|\bOOM\b|bad_alloc|cannot allocate memory"
    r"|failed to map segment|can't start new thread",
    re.IGNORECASE,
)
_LESS_MEMORY = (
    "Use fewer rows or a smaller batch (in Python: AutoencoderDetector(batch_size=64)); where it "
    "is the graphics card's memory, use the processor: set JAX_PLATFORMS=cpu."
)


class PlainErrors(TyperGroup):
    """Say every error in a sentence, with exit code 2 where the user can mend it."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; no traceback reaches the user."""
        try:
            with _interruptible():
                _need_working_folder()
                return super().invoke(ctx)
        except KeyboardInterrupt:
            exec("")  # CPython forgets that an `exec` was interrupted, and ends with our exit code
            err.print("Interrupted. No file was left half-written.")
            raise typer.Exit(130) from None
        except AnomalyLabError as error:
            _say_error("Error", str(error))
            raise typer.Exit(2) from error
        except Exception as error:
            typers_own = isinstance(error, typer.Abort) or hasattr(error, "exit_code")
            if typers_own or os.environ.get("ANOMALY_LAB_DEBUG"):
                raise
            raise typer.Exit(_say_what_was_not_expected(error)) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Have an interrupt raise KeyboardInterrupt in the block, unless it is to be ignored."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _need_working_folder() -> None:
    """Refuse to work where libraries that ask for the working folder would fail one by one."""
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(
            f"The working folder cannot be used: {error.strerror}. Change to another one, such as "
            "with: cd ~"
        ) from error


def _say_what_was_not_expected(error: Exception) -> int:
    """Say what an error of Python's or of a library's means; return the exit code."""
    if _is_out_of_memory(error):
        traceback.clear_frames(error.__traceback__)  # and with them what fills the memory
        _say_error("Out of memory", str(error).split("\n")[0] or "Python has no more to give.")
        err.print(_LESS_MEMORY, markup=False, highlight=False)
        return 2
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        _say_error("Error", f"{where}{error.strerror}. {_what_to_do(error.errno)}")
        return 2
    _say_error(f"Unexpected {type(error).__name__}", str(error) or "it says no more")
    err.print("This should not happen. Set ANOMALY_LAB_DEBUG=1 to see where it comes from.")
    return 1


def _what_to_do(number: int) -> str:
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "Make room there, and run the command again."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Have its permissions changed, or name another place."
    return "See that this can be read and written, and run the command again."


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
    """Run the command line; 141 is the exit code where the reader of its output has gone."""
    if not streams.prepare():
        _say_error("Error", "Standard output is closed. Let it go somewhere, as to /dev/null.")
        sys.exit(1)
    try:
        try:
            app(prog_name="anomaly-lab")
        finally:
            sys.stdout.flush()
    except streams.OutputLostError as error:
        if error.closed:
            sys.exit(128 + 13)  # as of a command that SIGPIPE ends
        _say_error("Error", f"Cannot write to standard output: {error}. Let it go elsewhere.")
        sys.exit(1)
