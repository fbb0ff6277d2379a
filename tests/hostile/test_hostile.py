"""A thousand hostile inputs: right or refused. Thousands more: ``python -m tests.hostile``."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hostile.core import FAILURES, outcomes, tally

# In parts of seconds, so that workers can share them. These are the first cases of those that
# ``python -m tests.hostile`` tries, under the same numbers.
PARTS = [
    ("tables", range(150)),
    ("tables", range(150, 300)),
    ("options", range(120)),
    ("parameters", range(200)),
    ("dtypes", range(200)),
    ("model_files", range(160)),
    ("faults", range(12)),
    ("submissions", range(4)),
]
IDS = [f"{kind}-{numbers.start}" for kind, numbers in PARTS]


def test_at_least_a_thousand_are_tried():
    assert sum(len(numbers) for _, numbers in PARTS) >= 1000


@pytest.mark.parametrize(("kind", "numbers"), PARTS, ids=IDS)
def test_every_input_is_judged_right_or_refused(
    kind: str, numbers: range, tell: Callable[[str], None]
):
    found = outcomes(kind, 0, numbers)
    for line in tally(found):
        tell(f"Hostile {line}")
    assert not [str(outcome) for outcome in found if outcome.ended in FAILURES]
    assert len(found) == len(numbers)
