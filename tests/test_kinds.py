"""A file of another kind is told as what it is, and one without bounds is not read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anomaly_lab import datasets
from anomaly_lab.errors import InputError
from anomaly_lab.tables import kinds

TEXT = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{int(i % 10 == 0)}\n" for i in range(50))
FRAME = pd.read_csv(io.StringIO(TEXT))


def written(write) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def zipped() -> bytes:
    def write(buffer):
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("xl/worksheets/sheet1.xml", "<x/>")

    return written(write)


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        FRAME.to_sql("table", connection)
        return connection.serialize()


KINDS = {
    "spreadsheet": (zipped, "spreadsheet"),
    "old spreadsheet": (lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "old Excel"),
    "parquet": (lambda: written(FRAME.to_parquet), "Parquet"),
    "gzip": (lambda: gzip.compress(TEXT.encode()), "gzip"),
    "bzip2": (lambda: bz2.compress(TEXT.encode()), "bzip2"),
    "xz": (lambda: lzma.compress(TEXT.encode()), "xz"),
    "pdf": (lambda: b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", "PDF"),
    "database": (database, "SQLite"),
    "array": (lambda: written(lambda b: np.save(b, np.zeros((9, 2)))), "NumPy"),
    "feather": (lambda: written(FRAME.to_feather), "Arrow"),
    "pickle": (lambda: pickle.dumps([1, 2], protocol=4), "pickle"),
    "html": (lambda: b"\xef\xbb\xbf\n<!DOCTYPE html><table><tr><td>1", "HTML"),
    "html table": (lambda: FRAME.to_html().encode(), "HTML"),
    "xml": (lambda: b'<?xml version="1.0"?><rows/>', "XML"),
    "json records": (lambda: FRAME.to_json(orient="records").encode(), "JSON"),
    "json lines": (lambda: FRAME.to_json(orient="records", lines=True).encode(), "JSON"),
    "json columns": (lambda: json.dumps(FRAME.to_dict("list"), indent=1).encode(), "JSON"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_told_as_what_it_is(tmp_path: Path, kind: str) -> None:
    content, sentence = KINDS[kind][0](), KINDS[kind][1]
    plain, packed, parquet = (tmp_path / f"t{ending}" for ending in kinds.SUFFIXES)
    plain.write_bytes(content)
    packed.write_bytes(content if kind == "gzip" else gzip.compress(content))
    parquet.write_bytes(content)
    for path in (plain, packed, parquet):
        right = (path, kind) in [(packed, "gzip"), (parquet, "parquet")]
        if right:
            datasets.read_table(path, label="y")
            continue
        with pytest.raises(InputError, match=sentence) as caught:
            datasets.read_table(path, label="y")
        assert str(path) in str(caught.value)


def test_what_is_named_gzip_or_parquet_and_is_text_is_told(tmp_path: Path) -> None:
    for name in ("t.csv.gz", "t.parquet"):
        (tmp_path / name).write_text(TEXT)
        with pytest.raises(InputError, match=f"read as {name[1:]}: it is .*name it .csv then"):
            datasets.read_table(tmp_path / name, label="y")


@pytest.mark.parametrize("header", ["<b,y", "{a},y", "[a],y", '"[1]",y', "%,y", "BZ,y", "PK,y"])
def test_a_header_may_begin_as_it_likes(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\n" + "1,0\n2,0\n3,1\n")
    assert len(datasets.read_table(tmp_path / "t.csv", label="y").X) == 3


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["csv", "csv.gz"])
@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        (b"a" * 30_000_000, "more than 1,000,000 bytes"),
        (b"title\n" + b"a" * 1_000_000 + b",y\n", "more than 1,000,000 bytes"),
        (b",".join(b"c%d" % i for i in range(50_000)) + b",y\n1", "50,001 columns"),
        (b";".join(b"c%d" % i for i in range(50_000)) + b";y\n1", "50,001 columns"),
    ],
    ids=["one line", "after a title", "many", "many by semicolons"],
)
def test_a_table_without_bounds_is_refused_early(tmp_path, pack, head, sentence) -> None:
    path = tmp_path / ("t.csv" if pack is bytes else "t.csv.gz")
    path.write_bytes(pack(head))
    with pytest.raises(InputError, match=sentence):
        datasets.read_table(path, label="y")


def test_a_parquet_of_too_many_columns_is_refused_early(tmp_path, monkeypatch) -> None:
    FRAME.to_parquet(tmp_path / "t.parquet")
    monkeypatch.setattr(kinds, "MOST_COLUMNS", 2)
    with pytest.raises(InputError, match="3 columns, and at most 2 are read"):
        datasets.read_table(tmp_path / "t.parquet", label="y")


@pytest.mark.skipif(os.name != "posix", reason="needs a named pipe")
def test_a_pipe_and_a_device_are_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    (tmp_path / "zeros.csv").symlink_to("/dev/zero")
    for name in ("t.csv", "zeros.csv"):
        with pytest.raises(InputError, match="is a pipe or a device"):
            datasets.read_table(tmp_path / name, label="y")
