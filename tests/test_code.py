"""What code a result comes of: which modules are followed, and which changes of them count."""

import ast

import plugin
import pytest

from anomaly_lab import code

BODY = '''
"""A detector."""

from __future__ import annotations

import numpy as np
from mine.errors import Odd
from mine.numbers import FACTOR, halve
from typing import TYPE_CHECKING
from mine.pictures import colour

if TYPE_CHECKING:
    from mine.types import Rows


class Wrong(ValueError):
    """Not right."""


class One:
    """Learns nothing."""

    card = {"title": "One"}
    width: float = 1.0

    def fit(self, rows: Rows) -> One:
        """Fit."""
        if len(rows) < 2:
            raise Odd(f"Expected two rows, got {len(rows)}.")
        try:
            self.mean_ = halve(np.sum(rows))
        except Odd as error:
            raise Wrong("Too odd.") from error
        assert self.mean_ > 0, "too small"
        return self

    def _draw(self, ax, row):
        ax.plot(*row, colour)
'''
HARMLESS = {
    "comment": ("return self", "return self  # fitted"),
    "layout": ("import numpy as np\n", "import numpy as np\n\n\n"),
    "docstring of the module": ("A detector.", "The detector."),
    "docstring of a class": ("Learns nothing.", "Learns little."),
    "docstring of a method": ('"""Fit."""', '"""Fit it."""'),
    "words of an error": ("Expected two rows", "Two rows are needed"),
    "words of an assertion": ("too small", "too low"),
    "class of errors": ('"""Not right."""', "code = 3"),
    "annotation": ("rows: Rows", "rows: list[int]"),
    "annotation of a field": ("width: float", "width: int"),
    "annotation of what is returned": ("-> One", "-> object"),
    "import for types": ("from mine.types import Rows", "from mine.types import Other"),
    "import of an error": ("from mine.errors import Odd", "from mine.errors import Odd, Even"),
    "card": ('"title": "One"', '"title": "The one"'),
    "drawing": ("ax.plot(*row, colour)", "ax.scatter(*row, colour)"),
}
HARMFUL = {
    "number": ("< 2", "< 3"),
    "type of an error": ("raise Wrong(", "raise Odd("),
    "error that is caught": ("except Odd", "except Wrong"),
    "assertion": ("self.mean_ > 0", "self.mean_ >= 0"),
    "default": ("width: float = 1.0", "width: float = 2.0"),
    "parameter": ("rows: Rows", "row: Rows"),
    "where a name comes from": (
        "from mine.numbers import FACTOR, halve",
        "from mine.other import halve",
    ),
    "name": ("self.mean_ = halve", "self.means_ = halve"),
}
LATE = """
def thing():
    from mine import lazy
    from mine.dynamic import Sum
    return lazy, Sum
"""
DYNAMIC = """
def __getattr__(name):
    from mine import hidden
    return getattr(hidden, name)
"""
NUMBERS = """
from . import factors
FACTOR = factors.FACTOR
def halve(x): return x / 2
def other():
    from mine.lazy import halve
"""
FILES = {
    "__init__": "from mine.numbers import FACTOR\nfrom mine.late import thing\n",
    "one": BODY,
    "errors": "class Odd(Exception): pass\n",
    "numbers": NUMBERS,
    "factors": "from mine import numbers\nFACTOR = 3\n",
    "pictures": "colour = 'red'\n",
    "types": "Rows = list\n",
    "other": "from mine import FACTOR, thing\nimport mine.whole\nboth = FACTOR, thing\n",
    "whole": "import mine.tools\nfrom mine import more\nmine.tools.cut(more.cut)\n",
    "tools/__init__": "from mine.tools.knife import cut\n",
    "tools/knife": "def cut(x): return x\n",
    "more/__init__": "from mine.more.saw import cut, hew\n",
    "more/saw": "from mine.more.axe import hew\ndef cut(x): return x\n",
    "more/axe": "def hew(x): return x\n",
    "late": LATE,
    "lazy": "import json, scipy.stats\n",
    "dynamic": DYNAMIC,
    "hidden": "class Sum: pass\n",
}


@pytest.fixture(scope="module", autouse=True)
def mine(tmp_path_factory):
    """A package of somebody else's."""
    folder = tmp_path_factory.mktemp("site") / "mine"
    folder.mkdir()
    for name, text in FILES.items():
        path = folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder.parent)
        yield folder
    plugin.forget("mine", "mine.dynamic", "mine.hidden")


def changed(folder, change, **how):
    """Whether a digest of the module is another after a change of its text."""
    before = code.digest(["mine.one"], **how)
    assert BODY.count(change[0]), "there is nothing to change"
    (folder / "one.py").write_text(BODY.replace(*change))
    after = code.digest(["mine.one"], **how)
    (folder / "one.py").write_text(BODY)
    return after != before


@pytest.mark.parametrize("change", HARMLESS)
def test_what_changes_no_number_does_not_count(change, mine):
    assert not changed(mine, HARMLESS[change])


@pytest.mark.parametrize("change", HARMFUL)
def test_what_changes_a_number_counts(change, mine):
    assert changed(mine, HARMFUL[change])


def test_of_the_whole_all_but_comments_and_layout_counts(mine):
    counts = {name for name, change in HARMLESS.items() if changed(mine, change, whole=True)}
    assert counts == HARMLESS.keys() - {"comment", "layout"}


def test_imports_are_followed_to_where_names_are_defined():
    assert code.modules("mine.one") == ["mine.one", "mine.numbers", "mine.factors"]
    found = code.modules("mine.other")
    assert found[0] == "mine.other"
    assert sorted(found[1:]) == [
        *("mine.factors", "mine.hidden", "mine.late", "mine.lazy", "mine.more", "mine.more.saw"),
        *("mine.numbers", "mine.tools", "mine.tools.knife", "mine.whole"),
    ]


def test_modules_can_be_left_out_with_what_only_they_import():
    assert code.modules("mine.one", without=["mine.numbers"]) == ["mine.one"]


def test_of_the_whole_errors_and_drawings_are_followed_and_types_are_not():
    found = code.modules("mine.one", whole=True)
    assert {"mine.errors", "mine.pictures"} <= set(found)
    assert "mine.types" not in found


def test_modules_can_be_asked_for_by_name():
    named = {"mine.factors": ["mine.lazy"]}
    found = code.modules("mine.one", named=lambda module: named.get(module, ()))
    assert found[-1] == "mine.lazy"


def test_versions_are_those_of_other_packages_that_are_imported():
    assert set(code.versions(code.modules("mine.other"))) == {"scipy"}
    assert set(code.versions(["mine.one"])) == {"numpy"}


def test_this_packages_imports_inside_functions_are_not_followed():
    assert "anomaly_lab.storage" not in code.modules("anomaly_lab.model")
    assert "anomaly_lab.storage" in code.modules("anomaly_lab.model", whole=True)


def test_a_file_counts_by_its_content(tmp_path):
    path = tmp_path / "style"
    assert code.file_digest(path) == "missing"
    path.write_text("red")
    red = code.file_digest(path)
    path.write_text("blue  # red")
    assert code.file_digest(path) != red


def test_words_of_a_branch_that_ends_in_an_error_do_not_count():
    names, texts = code.words(
        ast.parse(
            "if odd(rows):\n    able = everything('error')\n    raise Odd(able)\n"
            "elif even.rows:\n    halve('half')\nelse:\n    double('twice')\n"
        )
    )
    assert names == {"odd", "rows", "even", "halve", "double"}
    assert texts == {"half", "twice"}
