"""``python -m tests.hostile``: many hostile inputs, how many of each kind, and how each ended."""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from .core import FAILURES, KINDS, LIMIT, Outcome, outcomes, tally, work

# Of 100 inputs: those that need a process, a network or a notebook of their own cost seconds each.
SHARES = dict(zip(KINDS, (30, 15, 25, 20, 7, 2, 1), strict=True))
PART = 50  # cases a child


def parts(kinds: list[str], inputs: int) -> list[tuple[str, range]]:
    """Share out a number of inputs among kinds, in parts for one child each."""
    whole = sum(SHARES[kind] for kind in kinds)
    numbers = {kind: round(inputs * SHARES[kind] / whole) for kind in kinds}
    return [
        (kind, range(start, min(start + PART, n)))
        for kind, n in numbers.items()
        for start in range(0, n, PART)
    ]


def main() -> int:
    """Try them, print the tally and the failures, and return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="how many, over all kinds")
    parser.add_argument("--kind", choices=KINDS, action="append", help="this one only; repeatable")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one case, by its number")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds a case may take")
    asked = parser.parse_args()
    todo = parts(asked.kind or list(KINDS), asked.inputs)
    if asked.only is not None:
        todo = [(asked.kind[0], range(asked.only, asked.only + 1))]
    start, found = time.monotonic(), list[Outcome]()
    with ThreadPoolExecutor(asked.jobs) as pool:
        for some in pool.map(
            lambda part: outcomes(part[0], asked.seed, part[1], asked.limit), todo
        ):
            found += some
            for outcome in some:
                if outcome.ended in FAILURES or asked.only is not None:
                    print(outcome, flush=True)
    print(*tally(found), f"{time.monotonic() - start:.0f} s", sep="\n")
    return any(outcome.ended in FAILURES for outcome in found)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        kind, seed, *numbers = sys.argv[2:]
        work(kind, int(seed), map(int, numbers))
        os._exit(0)  # without waiting for what a case has left
    sys.exit(main())
