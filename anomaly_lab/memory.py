"""What a process may reserve: with too little, libraries in C hang or abort without a word."""

from __future__ import annotations

import os

COMMAND, NETWORK = 1.0, 3.5  # GiB: of any command, and of one that builds a network
_CORE = 1 / 16  # GiB: of the threads that are started for each core


def lacking(least: float) -> str:
    """Return a sentence if less than `least` GiB, and more a core, may be reserved."""
    needed = least + _CORE * (os.cpu_count() or 1)
    if _limit() >= needed:
        return ""
    return (
        f"Out of memory: this process may reserve {_limit():.1f} GiB, and at least {needed:.1f} "
        "are needed. Raise the limit, such as with: ulimit -v unlimited"
    )


def _limit() -> float:
    """Return the address space that this process may use, in GiB."""
    try:
        import resource
    except ImportError:  # on Windows
        return float("inf")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if limit == resource.RLIM_INFINITY else limit / 2**30
