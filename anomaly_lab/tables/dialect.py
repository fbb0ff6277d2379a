"""How a CSV file is written: noticed in its first lines, unless it is said."""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from anomaly_lab.errors import InputError
from anomaly_lab.tables.notes import Note, listed

_HEAD = 1 << 17  # bytes that are looked at, up to the end of a line
_LONGEST = 1 << 25  # bytes of that line
_SEPARATORS = ",;\t| "
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "blanks"}
_NUMBER = re.compile(r"\s*[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*")
_COMMA = re.compile(r"\s*[+-]?([0-9]{0,3}(\.[0-9]{3})+|[0-9]*),([0-9]{1,2}|[0-9]{4,})\s*")
_LEADING = re.compile(r"\s*[+-]?(0|[0-9]{4,}),[0-9]+\s*")
_POINT = re.compile(r"\s*[+-]?[0-9]*\.([0-9]{1,2}|[0-9]{4,})\s*|\s*[+-]?(0|[0-9]{4,})\.[0-9]+\s*")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written.

    Parameters
    ----------
    encoding, sep, decimal : str
        As pandas takes them.
    skip : int
        Lines before the header, or before the first row where there is no header.
    names : list of str
        The names in the header; x0, x1, ... where there is none.
    notes : tuple of Note
        What is not as in a plain CSV file.
    """

    encoding: str
    sep: str
    decimal: str
    skip: int
    names: list[str]
    notes: tuple[Note, ...] = ()


def notice_dialect(
    path: Path,
    label: str,
    *,
    sep: str | None,
    decimal: str | None,
    encoding: str | None,
    header: bool,
) -> Dialect:
    """Look at the first lines of a file; what is given is not looked for.

    Raises
    ------
    InputError
        Where the file is no text, or its first line looks like data although a header is expected.
    """
    head = _head(path)
    encoding = encoding or _encoding(head)
    lines = re.split(r"\r\n|\r|\n", _decoded(path, head, encoding))
    declared = _declared_separator(lines)
    skip = 1 if declared else 0
    sep = sep or declared or _separator(lines)
    rows = _parted(lines[skip:], sep)
    titles = _titles(rows)
    skip, rows = skip + titles, rows[titles:]
    first = next((row for row in rows if row), [])
    if header and (data := _looks_like_data(first, rows, label)):
        raise InputError(
            f"{path}: the first line looks like data ({data}), not like names. If the file has no "
            "header, say so: --no-header (in Python header=False); the columns are then named "
            "x0, x1, ..."
        )
    decimal = decimal or _decimal(rows[1:], sep)
    names = first if header else [f"x{i}" for i in range(max(map(len, rows[:100]), default=0))]
    notes = _notes(encoding, sep, decimal, lines[:skip])
    return Dialect(encoding, sep, decimal, skip, names, notes)


def _head(path: Path) -> bytes:
    """Return whole lines from the beginning of the file."""
    packed = path.name.lower().endswith(".gz")
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            head: bytes = file.read(_HEAD)
            return head + file.readline(_LONGEST)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} could not be read as {'.csv.gz' if packed else '.csv'}: {error}. Mend it, or "
            "save the file anew."
        ) from error


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    zeros = head.count(0)
    if zeros > len(head) / 4:  # every other byte of plain text
        return "utf-16-le" if head[1::2].count(0) > zeros / 2 else "utf-16-be"
    return "utf-8"


def _decoded(path: Path, head: bytes, encoding: str) -> str:
    try:
        text = head.decode(encoding, errors="replace").removeprefix("\ufeff")
    except (LookupError, ValueError) as error:
        raise InputError(
            f"There is no encoding {encoding!r} of text. Usual ones: utf-8, cp1252 (Windows), "
            "utf-16."
        ) from error
    if "\x00" in text:
        raise InputError(
            f"{path} is no text in the encoding {encoding}: it holds zero bytes. Save the table as "
            "CSV in UTF-8, or say the encoding (--encoding, in Python encoding=...)."
        )
    return text


def _declared_separator(lines: list[str]) -> str | None:
    """Return the separator that Excel's first line ``sep=;`` declares."""
    found = (
        re.fullmatch(r"\"?sep=(.)\"?[,;\t|]*", lines[0].strip(), re.IGNORECASE) if lines else None
    )
    return found[1] if found else None


def _parted(lines: list[str], sep: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=sep, skipinitialspace=True))
    except csv.Error:  # a cell of more than 128 kB, as where a quotation mark is left open
        return [line.split(sep) if line else [] for line in lines]


def _separator(lines: list[str]) -> str:
    """Return the character that parts most lines into the same number of cells, at least two."""
    best, most = ",", 0.0
    for sep in _SEPARATORS:
        rows = [row for row in _parted(lines, sep) if row]
        if not rows:
            continue
        (width, count), *_ = Counter(map(len, rows)).most_common(1)
        header = next((row for row in rows if len(row) == width), rows[0])
        # Decimal commas part rows and leave the header whole: it has to be parted as well.
        agree = count / len(rows) if width > 1 and rows.index(header) < len(rows) / 2 else 0.0
        if len(rows[0]) != width and count < len(rows) - 1:
            agree /= 2
        if agree > most:
            best, most = sep, agree
    return best


def _titles(rows: list[list[str]]) -> int:
    """Return how many lines stand above the header: nearly empty beside those below."""
    widths = Counter(len([cell for cell in row if cell.strip()]) for row in rows)
    full = max(widths, key=lambda width: (widths[width], width), default=0)
    for i, row in enumerate(rows[:20]):
        filled = len([cell for cell in row if cell.strip()])
        if filled > max(1, full / 2) or full < 2:
            return i if full >= 2 else 0
    return 0


def _looks_like_data(first: list[str], rows: list[list[str]], label: str) -> str:
    """Return what in a header looks like values, "" where it can be names.

    Whole numbers in rising order can be names (years, positions), others cannot; nor can a line
    with a cell that is found again below, unless that is the header once more.
    """
    numbers = [cell for cell in first if _NUMBER.fullmatch(cell)]
    if numbers:
        whole = [int(cell) for cell in numbers if re.fullmatch(r"\s*[0-9]+\s*", cell)]
        rising = len(whole) == len(numbers) and whole == sorted(set(whole))
        names = [cell.strip() for cell in first]
        return "" if rising and label in names else listed(numbers)
    again = [
        cell
        for i, cell in enumerate(first)
        if cell.strip()
        and sum(row[i : i + 1] == [cell] and row != first for row in rows) > len(rows) / 20
    ]
    return listed(again) if again and label not in [cell.strip() for cell in first] else ""


def _decimal(rows: list[list[str]], sep: str) -> str:
    """Return the decimal sign: a comma where cells show it and none shows a point."""
    cells = [cell for row in rows for cell in row]
    commas = any(_COMMA.fullmatch(cell) or _LEADING.fullmatch(cell) for cell in cells)
    return "," if commas and not any(_POINT.fullmatch(cell) for cell in cells) else "."


def _notes(encoding: str, sep: str, decimal: str, above: list[str]) -> tuple[Note, ...]:
    said = [
        f"columns parted by {_NAMES.get(sep, repr(sep))}" if sep != "," else "",
        "decimal commas" if decimal == "," else "",
        f"encoded as {encoding}" if encoding.lower() not in ("utf-8", "utf8", "utf-8-sig") else "",
        f"{listed(above)} above the table left out" if above else "",
    ]
    if not (words := ", ".join(word for word in said if word)):
        return ()
    return (
        Note(
            "reading",
            None,
            f"The file is read as it seems to be written: {words}. If that is wrong, say "
            "--sep, --decimal or --encoding (in Python by the same names).",
            tuple(above),
        ),
    )
