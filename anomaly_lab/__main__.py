"""The way in, ``anomaly-lab`` and ``python -m anomaly_lab``: light, so that it can be interrupted.

Nothing is at work while modules are imported, and a library that is interrupted then may take it
for a fault of its own. So an interrupt ends the process, until the command says otherwise. So does
a lack of memory that leaves too little even for the words.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # signal imports enum and re first
import os

from anomaly_lab import memory


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored
        signal.signal(signal.SIGINT, lambda *_: _end("Interrupted.", 130))
    if lacking := memory.lacking(memory.COMMAND):
        _end(lacking, 2)
    try:
        from anomaly_lab.cli import main as command

        command()
    except MemoryError:
        _end("Out of memory. End other programs, use fewer rows, or raise the limit.", 2)


def _end(message: str, code: int) -> None:
    try:
        os.write(2, f"{message}\n".encode())
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
