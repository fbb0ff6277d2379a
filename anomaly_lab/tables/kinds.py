"""What kind of file a table comes in: told by its first bytes, before anything is parsed."""

from __future__ import annotations

import codecs
import contextlib
import gzip
import os
import re
import zlib
from pathlib import Path

from anomaly_lab.errors import InputError, hint

SUFFIXES = (".csv", ".csv.gz", ".parquet")
MOST_COLUMNS = 20_000
_LONGEST_LINE = 1_000_000  # bytes, of a header
_LINES = 20  # in which there are titles, and the header

_KINDS = {
    b"PK\x03\x04": "a spreadsheet (Excel, LibreOffice) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel or Office file",
    b"%PDF": "a PDF",
    b"{\\rtf": "an RTF document",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"PAR1": "a Parquet file; name it .parquet",
    b"\x1f\x8b": "compressed by gzip; name it .csv.gz",
    b"BZh": "compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "compressed by xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"ARROW1": "an Arrow (Feather) file",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
}
_MARKUP = re.compile(
    rb"\s*(?P<markup><!doctype|<html|<table|<\?xml|<svg)|\s*([{]\s*[\"}]|\[\s*[\[{])", re.IGNORECASE
)


def check_file(path: Path) -> None:
    """Refuse a file that holds no table in CSV, CSV.gz or Parquet, or one without bounds.

    Raises
    ------
    InputError
        With what the file is, and what to do.
    """
    _check_place(path)
    ending = suffix(path)
    with path.open("rb") as file:
        head = file.read(2 * _LONGEST_LINE)
    if ending == ".parquet":
        _check_start(path, head, b"PAR1")
        _check_columns(path, _parquet_columns(path))
        return
    if ending == ".csv.gz":
        _check_start(path, head, b"\x1f\x8b")
        head = _unpacked(path)
    if kind := _kind(head):
        raise InputError(
            f"{path} does not hold a CSV table: it is {kind}. Save the table as CSV, in the "
            "program that made it."
        )
    _check_lines(path, head)


def suffix(path: Path) -> str:
    """Return the ending of a file that can be read; `InputError` names those there are."""
    for ending in SUFFIXES:
        if path.name.lower().endswith(ending):
            return ending
    raise InputError(f"{path}: expected a file ending in {', '.join(SUFFIXES)}; convert it first.")


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file ending in {', '.join(SUFFIXES)}.")
    if not path.exists():
        siblings = []
        with contextlib.suppress(OSError):  # no folder, or one that may not be listed
            siblings = [sibling.name for sibling in path.parent.iterdir()]
        raise InputError(f"There is no file {path}.{hint(path.name, siblings)}")
    if not path.is_file():
        raise InputError(f"{path} is a pipe or a device. Save what comes from it as a file first.")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path} may not be read. Have its permissions changed, or copy it.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty; expected a header and rows.")


def _kind(head: bytes) -> str | None:
    """Return what a file that begins so is, if not text with columns."""
    for start, kind in _KINDS.items():
        if head.startswith(start):
            return kind
    found = _MARKUP.match(head.removeprefix(codecs.BOM_UTF8))
    return ("HTML or XML" if found["markup"] else "JSON") if found else None


def _check_start(path: Path, head: bytes, start: bytes) -> None:
    if not head.startswith(start):
        found = _kind(head) or "something else, maybe plain text; name it .csv then"
        raise InputError(f"{path} could not be read as {suffix(path)}: it is {found}.")


def _unpacked(path: Path) -> bytes:
    """Return how a file begins that is compressed; what is wrong with it, its reader will say."""
    with contextlib.suppress(EOFError, OSError, zlib.error), gzip.open(path) as file:
        return file.read(2 * _LONGEST_LINE)
    return b""


def _check_lines(path: Path, head: bytes) -> None:
    lines = re.split(rb"\r\n?|\n", head, maxsplit=_LINES)[:_LINES]
    if max(map(len, lines)) >= _LONGEST_LINE:
        raise InputError(
            f"{path} has a line of more than {_LONGEST_LINE:,} bytes among its first {_LINES}; "
            "expected a header and rows below it. Is this a table?"
        )
    _check_columns(path, 1 + max(line.count(sep) for line in lines for sep in (b",", b";", b"\t")))


def _parquet_columns(path: Path) -> int:
    import pyarrow.parquet  # takes a while

    with contextlib.suppress(OSError, ValueError):  # what is wrong with it, its reader will say
        return int(pyarrow.parquet.read_metadata(path).num_columns)
    return 0


def _check_columns(path: Path, n: int) -> None:
    if n > MOST_COLUMNS:
        raise InputError(
            f"{path} has {n:,} columns, and at most {MOST_COLUMNS:,} are read. Leave out those "
            "that do not matter, or turn the table if its rows are columns."
        )
