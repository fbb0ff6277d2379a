"""What a lesson's words keep to: numbers from the run, a length, the parts that belong to it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from anomaly_lab.lessons.notebooks import PLACEHOLDER, PREDICT, solved
from anomaly_lab.lessons.source import Cell, Exercise, Lesson, assigned

MOST_WORDS = 2500
# As fast as one reads to remember, by Carver, "Reading Rate", Academic Press 1990: 138 words. To
# read only takes half as long: 238, by Brysbaert 2019, doi:10.1016/j.jml.2019.104047.
WORDS_A_MINUTE = 138
LINES_A_MINUTE = 10  # of code
SECTIONS = ("Break it", "Key points", "Test yourself", "Sources")

_TYPED = re.compile(r"\d+[.,]\d+|\d\d+|\d ?%|\b\d+ of \d+\b")
# What may hold numbers that no run could give: code, maths, links, headings, placeholders.
_NOT_PROSE = re.compile(
    r"```.*?```|`[^`]*`|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|<[^>]+>|^#+ [^\n]*|" + PLACEHOLDER.pattern,
    re.DOTALL | re.MULTILINE,
)


def problems(lesson: Lesson) -> list[str]:
    """Return what is wrong with a lesson that can be seen without running it."""
    return [
        *_typed_numbers(lesson),
        *_typed_numbers_in_alt(lesson),
        *_missing_parts(lesson),
        *_exercise_problems(lesson),
        *_names_used_later(lesson),
        *_names_only_in_claims(lesson),
    ]


def words(lesson: Lesson) -> int:
    """Return the number of words of prose on the lesson's page, solutions included."""
    return sum(len(_readable(cell).split()) for cell in _prose(lesson))


def minutes(lesson: Lesson) -> int:
    """Return how long reading takes, exercises apart.

    Words and shown lines of code take their time; a figure takes a minute, and a guess another.
    """
    code = [cell.source for cell in lesson.cells if cell.kind == "code"]
    shown = [c.source for c in lesson.cells if c.kind == "code" and c.tag in ("", "exercise")]
    lines = sum(len(source.splitlines()) for source in shown)
    figures = sum(len(re.findall(r"\bshow\(|\bdrawing\.\w+\(", source)) for source in code)
    guesses = sum(PREDICT in cell.source for cell in lesson.cells)
    return math.ceil(words(lesson) / WORDS_A_MINUTE + lines / LINES_A_MINUTE + figures + guesses)


def exercise_minutes(lesson: Lesson) -> int:
    """Return the minutes that the headings of the exercises name, added up."""
    headings = [e.cells[0].source for e in lesson.exercises]
    return sum(int(n) for text in headings for n in re.findall(r"\((\d+) minutes\)", text))


def _prose(lesson: Lesson) -> list[Cell]:
    return [cell for cell in lesson.cells if cell.kind == "markdown"]


def _readable(cell: Cell) -> str:
    """Return prose as it is read: links are their text, placeholders one word."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", PLACEHOLDER.sub("0", cell.source))
    replaced = r"<p data-explore=[^<]*</p>"  # on the page, by an explorable
    return re.sub(rf"{replaced}|<[^>]+>|^[#>*-]+ ", "", text, flags=re.MULTILINE)


def _typed_numbers(lesson: Lesson) -> Iterator[str]:
    for cell in _prose(lesson):
        for paragraph in re.split(r"\n\s*\n|\n(?=- )", cell.source):
            cited = re.search(r"\]\(https?://", paragraph)
            for number in [] if cited else _TYPED.findall(_NOT_PROSE.sub(" ", paragraph)):
                yield (
                    f"{lesson.path.name}: {number!r} is typed by hand in {paragraph[:60]!r}...: "
                    "take it from the run, as {{ expression }}, or link its source there"
                )


def _typed_numbers_in_alt(lesson: Lesson) -> Iterator[str]:
    for node in ast.walk(lesson.code):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "show":
            for part in ast.walk(ast.Tuple(node.args[1:], ast.Load())):
                text = part.value if isinstance(part, ast.Constant) else None
                if isinstance(text, str) and " " in text and _TYPED.search(text):
                    yield f"{lesson.path.name}: typed number in the alt text {text[:60]!r}"


def _missing_parts(lesson: Lesson) -> Iterator[str]:
    text = "\n".join(cell.source for cell in _prose(lesson))
    for section in SECTIONS:
        if not re.search(rf"^## .*{section}", text, re.MULTILINE):
            yield f"{lesson.path.name}: there is no section '## {section}'"
    if re.search(r"^# ", text, re.MULTILINE):
        yield f"{lesson.path.name}: '# ' is the title's alone: sections begin with '## '"
    if (n := text.count("<details>")) != 3:
        yield f"{lesson.path.name}: expected three self-test questions in <details>, found {n}"
    if not 2 <= len(lesson.objectives) <= 3:
        yield f"{lesson.path.name}: expected 2 or 3 objectives, found {len(lesson.objectives)}"
    if (n := words(lesson)) > MOST_WORDS:
        yield f"{lesson.path.name}: {n} words, {MOST_WORDS} are the most"


def _exercise_problems(lesson: Lesson) -> Iterator[str]:
    if len(lesson.exercises) < 2:
        yield f"{lesson.path.name}: expected two exercises or more, found {len(lesson.exercises)}"
    for exercise in lesson.exercises:
        heading = exercise.cells[0].source.splitlines()[0]
        expected = f"## Exercise {exercise.name[-1]}: "
        if not (heading.startswith(expected) and re.search(r"\(\d+ minutes\)$", heading)):
            yield f"{exercise.name}: the heading should be '{expected}... (N minutes)': {heading!r}"
        counts = {tag: len(exercise.tagged(tag)) for tag in ("exercise", "check", "wrong", "right")}
        if counts["exercise"] < 1 or counts["check"] != 1:
            yield f"{exercise.name}: expected code to fill in and one check, found {counts}"
            continue
        if counts["wrong"] < 2 or counts["right"] < 1:
            yield f"{exercise.name}: expected two wrong answers and a right one, found {counts}"
        if not exercise.tagged("solution", "markdown"):
            yield f"{exercise.name}: a cell tagged 'solution' should say why"
        if "SOLUTION" not in "".join(cell.source for cell in exercise.tagged("exercise")):
            yield f"{exercise.name}: no part of its code is marked as the solution"
        if len(exercise.hints) != 3:
            yield f"{exercise.name}: expected three hints, found {len(exercise.hints)}"


def _names_used_later(lesson: Lesson) -> Iterator[str]:
    """What an exercise defines must not be read after it: a student may leave it undone."""
    defined: dict[str, str] = {}
    for block in lesson.blocks:
        if isinstance(block, Exercise):
            for cell in block.tagged("exercise"):
                defined |= dict.fromkeys(_assigned(cell.source), block.name)
        else:
            for name in sorted(_names(block, ast.Load) & defined.keys()):
                yield f"{lesson.path.name}: {name!r} of exercise {defined[name]} is used after it"


def _names_only_in_claims(lesson: Lesson) -> Iterator[str]:
    """What a claim defines is not there in the student's notebook, which has no claims."""
    claims = [cell for cell in lesson.cells if cell.tag == "claim"]
    others = [cell for cell in lesson.cells if cell.tag in ("", "fold", "hide")]
    given = {name for cell in others if cell.kind == "code" for name in _assigned(cell.source)}
    only = {name for cell in claims for name in _assigned(cell.source)} - given
    for cell in others:
        for name in sorted(_names(cell, ast.Load) & only - _names(cell, ast.Store)):
            yield f"{lesson.path.name}: {name!r} is defined in a claim, and used outside of one"


def _assigned(code: str) -> set[str]:
    return {name for node in ast.parse(solved(code)).body for name in assigned(node)}


def _names(cell: Cell, context: type[ast.expr_context]) -> set[str]:
    """Return the names that a cell reads, or sets, anywhere: in functions and placeholders too."""
    if cell.kind == "code":
        trees = [ast.parse(cell.source)]
    else:
        trees = [ast.parse(f'f"""{{{m[1].strip()}}}"""') for m in PLACEHOLDER.finditer(cell.source)]
    names = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)]
    return {name.id for name in names if isinstance(name.ctx, context)}
