"""Files with a table, spoilt: read as they should be, or refused, and never changed."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .core import Action, Failure, RefusedError, check_files, check_said, run_command, snapshot
from .parameters import pick

Grid = list[list[str]]
Rng = np.random.Generator
ROWS, ANOMALIES = 40, 8

SPELLED = ["1,5", "1.234,5", "1,234.5", "1 000", "1\u00a0000", "1'000", "50%", "€5", "$1", "5 kg"]
SPELLED += ["\u22123", "+3", "1e3", "1E400", "-1e400", "1e308", "1e-320", "0x10", "1_0", "007"]
SPELLED += ["-0"]
SPELLED += ["inf", "-Infinity", "nan", "9" * 30, "9" * 400, "9007199254740993", "½", "٣", "1.2.3"]
SPELLED += ["2026-01-01", "12:30", "true", "FALSE", "yes", "=1+1", "-999", "3.4e38", "1.8e308"]
SPELLED += ["1j"]
SPELLED += ["text", "a,b", 'a"b', "a\nb", "[red]x[/]", "<script>", "{}", "%s", "💥", "\x00"]
SPELLED += ["\x1b[2J"]
SPELLED += ["x" * 5000, " 1 ", "\ufeff1", "\u200b", "1;2", "1\t2"]
MARKERS = ["", " ", "?", "-", "--", ".", "n/a", "NA", "N/A", "#N/A", "#DIV/0!", "NULL", "null"]
MARKERS += ["None", "nan", "NaN", "-nan", "missing", "\\N", "<NA>", "*"]
NAMES = ["", " ", "a", "y", "Unnamed: 0", "x" * 300, "a\nb", 'a"b', "a,b", "[bold]", "<b>", "💥"]
NAMES += ["__class__", "0", "1.5", "index", "id", "=cmd", "\u202e", "\x00", "{0}", "%d", "$(x)"]
# Normal and anomalous, spelled. Those that are distinct are one number where read as floats.
LABELS = [("0.0", "1.0"), ("0", "1e0"), ("False", "True"), ("false", "TRUE"), ("no", "yes")]
LABELS += [("normal", "attack"), ("1", "2"), ("", "1"), ("0", "1 "), ("NA", "x"), ("1", "0")]
LABELS += [("0", "-1"), ("inf", "nan"), ("\u0660", "\u0661"), ("0", "1,0"), ("a", "A"), ("00", "0")]
LABELS += [("1", "01")]
DISTINCT = [("9007199254740992", "9007199254740993"), ("12000", "12e3"), ("10", "1_0")]
JUNK = [b"", b"\n", b",", b"\x00" * 100, b"a,b,y", b"\xff\xfe", b"PK\x03\x04" + b"\0" * 50]
JUNK += [b"\r" * 9]
JUNK += [b'{"a": [1, 2], "y": [0, 1]}', b'[{"a": 1, "y": 0}]', b"<!doctype html><html><table>"]
JUNK += [b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"PAR1" + b"\0" * 20 + b"PAR1", b"\x1f\x8b\x08"]
JUNK += [b"#!/bin/sh\n"]
JUNK += [b"%PDF-1.7\n", b"y\n" + b"0\n" * 40, b'"' * 999, b"a,y\n" + b'"1,0\n' * 40, b"\x7fELF"]
ENCODINGS = ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp500"]
ENCODINGS += ["shift_jis"]


def grid(rng: Rng) -> Grid:
    """Return a table that can be used: a header, 40 rows, 8 of them anomalies."""
    y = (np.arange(ROWS) % 5 == 0).astype(int)
    a, b = rng.normal(size=(2, ROWS)).round(4) + 4 * y
    shop = rng.choice(["food", "fuel", "toys"], ROWS)
    return [["a", "b", "shop", "y"], *np.column_stack([a, b, shop, y]).tolist()]


def _cells(table: Grid, rng: Rng, values: list[str]) -> None:
    share, column, value = pick(rng, [0.03, 0.2, 1.0]), rng.integers(3), pick(rng, values)
    for row in table[1:]:
        if rng.random() < share:
            row[column] = value


def _header(table: Grid, rng: Rng) -> None:
    for _ in range(rng.integers(1, 3)):
        table[0][rng.integers(4)] = pick(rng, NAMES)


def _ragged(table: Grid, rng: Rng) -> None:
    row = table[rng.integers(len(table))]
    row[pick(rng, [0, -1, len(row)]) :] = pick(rng, [[], ["1"], ["", "", ""]])


def _lines(table: Grid, rng: Rng) -> None:
    line = pick(rng, [[], [""], ["Sales of May"], list(table[0]), ["total", "1", "", "0"], ["#"]])
    table.insert(rng.integers(len(table) + 1), line)


def _label(table: Grid, rng: Rng) -> None:
    for row in table[1:]:
        if rng.random() < pick(rng, [0.05, 1.0]):
            row[-1] = pick(rng, ["", "0", "1", "2", "NA", "x"])


def _columns(table: Grid, rng: Rng) -> None:
    n = pick(rng, [1, 1, 1, 300])
    kinds: list[Callable[[int], str]] = [str, lambda i: "7", lambda i: "", lambda i: f"text {i}"]
    kinds += [lambda i: f"2026-01-{i % 28 + 1:02}", lambda i: str(10**15 + i), lambda i: str(i % 2)]
    kinds += [lambda i: "7" if i else "8", lambda i: f"{i},5", lambda i: str(i % 3 == 0)]
    kind = pick(rng, kinds)
    for i, row in enumerate(table):
        row[:0] = [kind(i) for _ in range(n)] if i else [f"c{j}" for j in range(n)]


def _fewer(table: Grid, rng: Rng) -> None:
    del table[pick(rng, [1, 2, 3, 6, 12]) :]


def _narrow(table: Grid, rng: Rng) -> None:
    table[:] = [row[pick(rng, [0, 2, 3]) :] for row in table]


# In the order in which they are made: the last ones leave rows without cells.
CHANGES: list[Callable[[Grid, Rng], None]] = [lambda t, r: _cells(t, r, SPELLED)] * 3
CHANGES += [lambda t, r: _cells(t, r, MARKERS)] * 3
CHANGES += [_header, _label, _columns, _narrow, _ragged, _lines, _fewer]


def as_bytes(table: Grid, rng: Rng) -> bytes:
    """Write it as CSV, mostly as one would."""
    text = io.StringIO()
    separator = pick(rng, [","] * 24 + [";", "\t", "|", ":"])
    ends = pick(rng, ["\n"] * 4 + ["\r\n", "\r"])
    quoting = pick(rng, [csv.QUOTE_MINIMAL] * 4 + [csv.QUOTE_ALL])
    csv.writer(text, delimiter=separator, lineterminator=ends, quoting=quoting).writerows(table)
    encoding = pick(rng, ["utf-8"] * 60 + ENCODINGS)
    data = text.getvalue().encode(encoding, "replace")
    if rng.random() < 0.1:
        data = data[: rng.integers(len(data))]
    if rng.random() < 0.1:
        data = flipped(data, rng)
    return data


def flipped(data: bytes, rng: Rng, most: int = 20) -> bytes:
    """Change a few bytes."""
    changed = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, most)) if data else ():
        changed[place] = rng.integers(256)
    return bytes(changed)


def _parquet(table: Grid, rng: Rng) -> bytes:
    frame = pd.DataFrame(table[1:], columns=table[0]).astype({"a": float, "b": float, "y": int})
    odd: list[Callable[[], object]] = [
        lambda: [[1, 2]] * ROWS,
        lambda: [{"k": 1}] * ROWS,
        lambda: [b"\xff"] * ROWS,
        lambda: [None] * ROWS,
        lambda: pd.date_range("2026", periods=ROWS),
        lambda: pd.to_timedelta(range(ROWS), unit="D"),
        lambda: pd.Categorical(["u", "v"] * (ROWS // 2)),
        lambda: np.arange(ROWS) + 2**60,
        lambda: np.arange(ROWS, dtype=np.uint64) + 2**63,
        lambda: np.arange(ROWS, dtype=np.float16),
        lambda: pd.array([True, None] * (ROWS // 2), dtype="boolean"),
        lambda: pd.array([1, None] * (ROWS // 2), dtype="Int64"),
        lambda: frame["a"] * 1e160,
        lambda: frame["a"] * np.inf,
    ]
    frame[pick(rng, ["a", "c", "y"])] = pick(rng, odd)()
    if rng.random() < 0.1 and frame["a"].dtype != np.float16:  # which pandas takes for no index
        frame = frame.set_index("a")
    data = frame.to_parquet()
    return flipped(data, rng) if rng.random() < 0.3 else data


def make(rng: Rng, folder: Path) -> tuple[str, Action]:
    """Draw a spoilt table, and compare on it."""
    table, said, anomalies, distinct = grid(rng), [], None, False
    options = ["--label", "y"]
    if rng.random() < 0.15:
        normal, other = pair = pick(rng, LABELS + DISTINCT)
        for row in table[1:]:
            row[-1] = other if row[-1] == "1" else normal
        said, data = [f"labels {normal!r} and {other!r}"], csv_of(table)
        if rng.random() < 0.8:
            options, anomalies = [*options, "--normal", normal], ANOMALIES
        name, distinct = "t.csv", pair in DISTINCT
    elif rng.random() < 0.1:
        name, data = "t.parquet", _parquet(table, rng)
    elif rng.random() < 0.08:
        name, data = pick(rng, ["t.csv", "t.csv.gz", "t.parquet"]), pick(rng, JUNK)
    else:
        for i in sorted(rng.integers(len(CHANGES), size=rng.integers(4))):
            CHANGES[i](table, rng)
        name, data = "t.csv", as_bytes(table, rng)
        if rng.random() < 0.1:
            name = "t.csv.gz"
            packed = gzip.compress(data, mtime=0)
            data = pick(rng, [packed, packed, packed[:-9], gzip.compress(packed, mtime=0), data])
    (folder / name).write_bytes(data)
    options += ["--impute", "median"] if rng.random() < 0.3 else []
    more = pick(rng, [[]] * 8 + [["--drop", "a"], ["--drop", "shop"], ["--normal", "0"]])
    options += [] if more[:1] == ["--normal"] and "--normal" in options else more
    arguments = ["compare", "--data", name, *options, "-d", pick(rng, ["knn", "centroid", "pca"])]
    arguments += ["--seeds", "1", "--threshold", "mad", "--json", "out.json"]
    arguments += ["-o", "out.html"] if rng.random() < 0.02 else []

    def action() -> None:
        try:
            compare(folder, arguments, anomalies)
        except RefusedError as refusal:
            if distinct and "one value" in str(refusal):
                raise Failure("wrong", refusal) from refusal
            raise

    return f"{' '.join([*said, *options])}: {data[:60]!r}... ({len(data)} bytes, {name})", action


def csv_of(table: Grid) -> bytes:
    """Write a table as CSV, as one would."""
    text = io.StringIO()
    csv.writer(text).writerows(table)
    return text.getvalue().encode()


def compare(folder: Path, arguments: list[str], anomalies: int | None = None) -> None:
    """Compare on a table in a folder; judge what is printed, written and counted."""
    before = snapshot(folder)
    code, text = run_command(arguments)
    out = folder / "out.json"
    check_files(before, folder, (out, folder / "out.html"))
    check_said(code, text)
    if not out.exists():
        raise Failure("half-written file", "no results")
    found = json.loads(out.read_text("utf-8"))
    if anomalies and found["dataset"]["anomalies"] != anomalies:
        raise Failure("wrong", f"{found['dataset']['anomalies']} anomalies, not {anomalies}")
    for run in found["runs"]:
        if run["cutoff"] is None or not 0 <= run["roc_auc"] <= 1:
            raise Failure("not finite", run)
