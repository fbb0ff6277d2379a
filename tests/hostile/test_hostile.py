"""A thousand hostile inputs: right or refused. Thousands more: ``python -m tests.hostile``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hostile.core import FAILURES, RIGHT, Case, outcomes, tally
from hostile.planted import ENDS

ROOT = Path(__file__).parents[2]
# In parts, so that workers can share them. They are the first of those that
# ``python -m tests.hostile`` tries, under the same numbers.
PARTS = [
    ("tables", range(350)),
    ("options", range(80)),
    ("parameters", range(260)),
    ("dtypes", range(260)),
    ("model_files", range(50)),
    ("faults", range(6)),
    ("submissions", range(3)),
]


def test_at_least_a_thousand_are_tried():
    assert sum(len(numbers) for _, numbers in PARTS) >= 1000


@pytest.mark.parametrize(("kind", "numbers"), PARTS, ids=[kind for kind, _ in PARTS])
def test_every_input_is_judged_right_or_refused(
    kind: str, numbers: range, tell: Callable[[str], None]
):
    if kind in ("faults", "submissions") and sys.platform != "linux":
        pytest.skip("what is left behind is looked up in Linux's /proc")
    found = outcomes(kind, 0, numbers)
    for line in tally(found):
        tell(f"Hostile {line}")
    assert len(found) == len(numbers)
    assert not [str(outcome) for outcome in found if outcome.ended in FAILURES]


def test_the_harness_sees_every_failure(tmp_path: Path):
    first: dict[str, int] = {}
    for number in range(200):
        what, _ = Case("planted", 0, number).make(tmp_path)
        first.setdefault(what, number)
    assert len(first) == len(ENDS)
    found = outcomes("planted", 0, sorted(first.values()), limit=8)
    assert [outcome.ended for outcome in found] == [
        outcome.what.split(" #")[0] for outcome in found
    ]
    assert {outcome.ended for outcome in found} == {RIGHT, *FAILURES}
    assert f"--kind planted --seed 0 --only {first['crash #3']}" in "".join(map(str, found))


def test_the_page_of_promises_names_tests_that_are_there():
    page = (ROOT / "docs" / "about" / "promises.md").read_text("utf-8")
    named = set(re.findall(r"`(tests/\w+(?:/\w+)*\.py)`", page))
    assert len(named) > 5
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
