"""Standard output and error: a fault of theirs is told from a fault of a file, and never twice."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO


class OutputLostError(BaseException):
    """Nobody takes what is printed; no `Exception`, so that no library takes it for one of its own.

    Parameters
    ----------
    error : OSError
        What the system said.
    """

    def __init__(self, error: OSError):
        super().__init__(error.strerror or str(error))
        self.closed = isinstance(error, BrokenPipeError)  # as by ``| head``


class Stream(io.TextIOWrapper):
    """A standard stream that can be printed to whatever its encoding; after a fault, to nowhere.

    Parameters
    ----------
    stream : text file
        What it stands for.
    required : bool
        Whether a fault raises `OutputLostError`.
    """

    def __init__(self, stream: TextIO, *, required: bool):
        super().__init__(
            stream.buffer, stream.encoding, "replace", line_buffering=bool(stream.line_buffering)
        )
        self._required = required

    def write(self, text: str) -> int:
        """Write text; a character that the encoding lacks is no reason to stop."""
        with self._fault():
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """Hand on what has been written."""
        with self._fault():
            super().flush()

    @contextlib.contextmanager
    def _fault(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(
                nowhere, self.fileno()
            )  # for what is still in the buffer, at the latest at exit
            os.close(nowhere)
            if self._required:
                raise OutputLostError(error) from error


def prepare() -> bool:
    """Put these streams in place of Python's; return whether there is a standard output.

    Where the caller has closed one of the three, its number is given away, so that no file that is
    opened later gets it, and with it what C code prints there.
    """
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(spare, True)
    os.close(spare)
    if sys.stderr is not None:
        sys.stderr = Stream(sys.stderr, required=False)
    if sys.stdout is None:
        return False
    sys.stdout = Stream(sys.stdout, required=True)
    return True
