from __future__ import annotations

import datetime
import decimal
import gzip
import hashlib

import numpy as np
import pandas as pd
import pytest

from anomaly_lab.datasets import read_table
from anomaly_lab.errors import InputError

ROWS = 12


def table(**columns) -> pd.DataFrame:
    """Twelve good rows; keyword arguments replace or add columns."""
    frame = pd.DataFrame(
        {
            "amount": np.linspace(0.5, 6, ROWS),
            "shop": ["kiosk", "web", "web"] * 4,
            "abroad": [True, False, False] * 4,
            "fraud": [0, 0, 1] * 4,
        }
    )
    return frame.assign(**columns)


@pytest.fixture
def read(tmp_path):
    """Write a table and read it back."""

    def write_and_read(frame, suffix=".csv", label="fraud", **options):
        path = tmp_path / f"payments{suffix}"
        if suffix == ".parquet":
            frame.to_parquet(path)
        elif isinstance(frame, str):
            path.write_text(frame, encoding="utf-8")
        else:
            frame.to_csv(path, index=False)
        return read_table(path, label=label, **options)

    return write_and_read


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet", ".CSV", ".Parquet"])
def test_reads_every_kind_of_file(read, tmp_path, suffix):
    if suffix == ".Parquet":
        table().to_parquet(tmp_path / "payments.Parquet")
        dataset = read_table(tmp_path / "payments.Parquet", label="fraud")
    else:
        dataset = read(table(), suffix)
    expected = table().drop(columns="fraud").astype({"shop": "category"})
    pd.testing.assert_frame_equal(dataset.X, expected, check_dtype=False, check_categorical=False)
    assert dataset.y.tolist() == [0, 0, 1] * 4
    assert dataset.name == "payments"
    assert dataset.card is None
    assert [note.kind for note in dataset.notes] == ["few anomalies"]
    assert dataset.X["abroad"].dtype == bool
    content = next(tmp_path.iterdir()).read_bytes()
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()


def test_byte_order_mark_and_spaces_after_commas_do_no_harm(read):
    dataset = read("\ufefffraud, a, b\n0, 1, x\n1, 2, x\n0, 3, x\n1, 4, y\n0, 2, x\n")
    assert list(dataset.X) == ["a", "b"]
    assert dataset.y.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "normal", "anomalous"),
    [
        ([0, 1], None, [0, 1]),
        ([0.0, 1.0], None, [0, 1]),
        ([True, False], None, [1, 0]),
        (["true", "false"], None, [1, 0]),
        ([-1, 1], 1, [1, 0]),
        ([-1, 1], "1", [1, 0]),
        ([0, 1], 1, [1, 0]),
        ([1.0, 2.0], "1", [0, 1]),
        ([True, False], "True", [0, 1]),
        (["good", "bad"], "good", [0, 1]),
        (["good", "bad", "worse"], "good", [0, 1, 1]),
        ([1, 2, 3], 2, [1, 0, 1]),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_labels(read, labels, normal, anomalous, suffix):
    repeat = ROWS // len(labels)
    assert read(table(fraud=labels * repeat), suffix, normal=normal).y.tolist() == (
        anomalous * repeat
    )


def test_labels_as_text_and_as_categories(read):
    assert read(table(fraud=["0", "0", "1"] * 4), ".parquet").y.tolist() == [0, 0, 1] * 4
    categories = pd.Categorical(["ok", "ok", "bad"] * 4)
    dataset = read(table(fraud=categories), ".parquet", normal="ok")
    assert dataset.y.tolist() == [0, 0, 1] * 4


@pytest.mark.parametrize(
    ("labels", "normal", "message"),
    [
        (["a", "b", "c"], None, "3 values: 'a', 'b', 'c'. Name the normal one .*--normal VALUE"),
        ([1, 2], None, "should hold 0 .* but it has 2 values: '1', '2'"),
        ([-1, 1], None, "2 values: '-1', '1'"),
        ([*"abcdef"], None, "6 values: 'a', 'b', 'c', 'd', 'e', ...\\. Name"),
        (["a", "b"], "c", "the normal value 'c'; its 2 values are 'a', 'b'"),
        ([0], None, "'fraud' has one value only, '0'"),
        (["a"], "a", "'fraud' has one value only, 'a'"),
        ([0, 1, None], None, "'fraud' has 4 missing values"),
    ],
)
def test_labels_refused(read, labels, normal, message):
    with pytest.raises(InputError, match=message):
        read(table(fraud=labels * (ROWS // len(labels))), normal=normal)


def test_label_column_not_there(read):
    with pytest.raises(InputError, match=r"no column 'fruad'\. Did you mean 'fraud'\?.*'amount'"):
        read(table(), label="fruad")


def test_drop(read):
    assert list(read(table(), drop=["shop", "abroad"]).X) == ["amount"]
    assert list(read(table(), drop="shop").X) == ["amount", "abroad"]
    with pytest.raises(InputError, match=r"no column 'shopp'\. Did you mean 'shop'\?"):
        read(table(), drop=["shopp"])
    with pytest.raises(InputError, match="both the label and dropped"):
        read(table(), drop=["fraud"])
    with pytest.raises(InputError, match="No feature column is left"):
        read(table(), drop=["amount", "shop", "abroad"])


def test_missing_file_suggests_the_nearest(tmp_path):
    (tmp_path / "payments.csv").write_text("a,fraud\n1,0\n")
    with pytest.raises(InputError, match=r"no file .*paymens.csv\. Did you mean 'payments.csv'\?"):
        read_table(tmp_path / "paymens.csv", label="fraud")
    with pytest.raises(InputError, match=r"There is no file .*x\.csv\.$"):
        read_table(tmp_path / "nowhere" / "x.csv", label="fraud")


def test_folder_and_unknown_suffix(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_table(tmp_path, label="fraud")
    (tmp_path / "payments.xlsx").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"ending in \.csv, \.csv\.gz, \.parquet"):
        read_table(tmp_path / "payments.xlsx", label="fraud")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "No columns to parse"),
        (b"amount,fraud\n", "has a header but no rows"),
        (b"amount,amount,fraud\n1,2,0\n", "columns of the same name: 'amount'"),
        (b"amount,amount ,fraud\n1,2,0\n", "columns of the same name: 'amount'"),
        (b"amount,fraud\n1,0\n2,1,7\n", "Expected 2 fields in line 3, saw 3"),
        (b"amount,fraud\n1,0,5\n2,1,5\n", r"more values than the header has names \(2\)"),
        (b'amount,fraud\n1,0\n"2,1\n', "could not be read as .csv: .*EOF inside string"),
        (b"amount,fraud\n\x81,1\n", "read as cp1252 .*nor in UTF-8"),
        (b"amount,fraud\n1\x00,1\n", "zero bytes"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "it is a PNG image"),
        (b'[{"amount": 1, "fraud": 0}]', "it is JSON"),
        (b"<!DOCTYPE html><table>", "it is HTML or XML"),
        (b"PK\x03\x04...", "it is a spreadsheet"),
    ],
)
def test_broken_csv(tmp_path, content, message):
    path = tmp_path / "payments.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_table(path, label="fraud")


def test_commas_at_the_ends_of_lines_do_no_harm(read):
    dataset = read("amount,fraud\n5,0,\n7,1,\n")
    assert dataset.X["amount"].tolist() == [5, 7]
    assert dataset.y.tolist() == [0, 1]


@pytest.mark.parametrize("suffix", [".csv.gz", ".parquet"])
def test_broken_compressed_files(tmp_path, suffix):
    good = tmp_path / "good.parquet"
    table().to_parquet(good)
    whole = gzip.compress(table().to_csv().encode()) if suffix == ".csv.gz" else good.read_bytes()
    path = tmp_path / f"payments{suffix}"
    for content in (whole[: len(whole) // 2], b"amount,fraud\n1,0\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"could not be read as {suffix}"):
            read_table(path, label="fraud")


DATES = pd.date_range("2024-01-30", periods=ROWS, freq="13h")


@pytest.mark.parametrize(
    "dates",
    [
        DATES,
        DATES.tz_localize("UTC"),
        [str(date) for date in DATES],
        [date.strftime("%d.%m.%Y") for date in DATES],
        [date.strftime("%m/%d/%Y %H:%M") for date in DATES],
        [date.strftime("%H:%M") for date in DATES],
        [date.strftime("%d %B %Y") for date in DATES],
        ["2024-01-30"] * ROWS,
        ["2024-01-30", None] * (ROWS // 2),
        [datetime.date(2024, 1, 30)] * ROWS,
        pd.to_timedelta(range(ROWS), unit="s"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_dates_are_refused(read, dates, suffix):
    if suffix == ".csv" and isinstance(dates, pd.TimedeltaIndex):
        dates = dates + pd.Timestamp("2024-01-30")
    with pytest.raises(InputError, match=r"'when' \(dates or times\).*--drop when.*the hour"):
        read(table(when=dates), suffix)


@pytest.mark.parametrize(
    "texts",
    [
        ["1-5", "6-10", "11-15"],
        ["v1.2", "v1.3"],
        ["10.0.0.1", "10.0.0.2"],
        ["may", "march"],
        ["2 kg", "3 lb"],
        ["big", None, "small"],
    ],
)
def test_categories_are_no_dates(read, texts):
    column = (texts * ROWS)[:ROWS]
    assert read(table(size=column)).X["size"].astype(object).fillna("none").tolist() == [
        text or "none" for text in column
    ]


def test_every_unusable_column_is_named_in_one_error(read):
    many = [f"word {i}" for i in range(ROWS)]
    frame = table(when=DATES, **{"free comment": many, "city": many})
    message = (
        r"'when' \(dates or times\), 'free comment' \(free text, 12 different values\), "
        r"'city' \(free text, 12 different values\).*"
        r"drop=\['when', 'free comment', 'city'\].*--drop when --drop 'free comment' --drop city"
    )
    with pytest.raises(InputError, match=message):
        read(frame)
    assert list(read(frame, drop=["when", "free comment", "city"]).X) == [
        "amount",
        "shop",
        "abroad",
    ]


@pytest.mark.parametrize(
    ("distinct", "text", "reason"),
    [
        (100, "word {}", None),
        (101, "word {}", r"'word' \(free text, 101 different values\)"),
        (101, "w-{}", r"'word' \(identifier, 101 different values\)"),
    ],
)
def test_text_that_hardly_repeats_is_no_category(read, distinct, text, reason):
    frame = pd.DataFrame({"a": np.arange(200) % 7, "fraud": [0, 1] * 100})
    frame["word"] = [text.format(i % distinct) for i in range(200)]
    if reason is None:
        assert read(frame).X["word"].nunique() == distinct
    else:
        with pytest.raises(InputError, match=reason):
            read(frame)


def test_other_objects_are_refused(read):
    with pytest.raises(InputError, match=r"'tags' .neither numbers nor text"):
        read(table(tags=[[1, 2]] * ROWS), ".parquet")
    with pytest.raises(InputError, match=r"'blob' .neither numbers nor text"):
        read(table(blob=[b"x"] * ROWS), ".parquet")


def test_infinities_are_refused_by_column_and_count(read):
    amount = table()["amount"].replace({0.5: np.inf, 1.0: -np.inf})
    with pytest.raises(InputError, match=r"'amount' has 2 infinite.*'b' has 12 infinite"):
        read(table(amount=amount, b=np.inf, c=1.5))


def test_columns_without_values_are_refused(read):
    with pytest.raises(InputError, match=r"'a' \(no value.*'b' \(no value.*--drop a --drop b"):
        read(table(a=np.nan, b=None))


def test_a_table_without_a_column_of_numbers(read):
    assert list(read(table(), drop=["amount", "abroad"]).X) == ["shop"]
    assert list(read(table(), drop=["amount"]).X) == ["shop", "abroad"]


def test_missing_values_constants_and_twins_stay(read):
    amount = table()["amount"].mask(table()["amount"] < 1.2)
    flag = [True, None, False] * 4
    X = read(table(amount=amount, twin=amount, same=7, flag=flag)).X
    assert X.isna().sum().to_dict() == {
        "amount": 2,
        "shop": 0,
        "abroad": 0,
        "twin": 2,
        "same": 0,
        "flag": 4,
    }
    assert X["flag"].dtype == float


def test_nullable_and_decimal_numbers_become_floats(read):
    frame = table(
        count=pd.array([1, None, 3] * 4, dtype="Int64"),
        seen=pd.array([True, None, False] * 4, dtype="boolean"),
        price=[decimal.Decimal("1.25"), None, decimal.Decimal("2")] * 4,
    )
    X = read(frame, ".parquet").X[["count", "seen", "price"]]
    assert set(X.dtypes) == {np.dtype(float)}
    np.testing.assert_array_equal(X.iloc[:3], [[1, 1, 1.25], [np.nan] * 3, [3, 0, 2]])


@pytest.mark.parametrize(
    ("name", "values", "noted"),
    [
        ("id", range(1, ROWS + 1), True),
        ("Unnamed: 0", range(ROWS), True),
        ("customer_id", range(3, 3 * ROWS + 3, 3), True),
        ("age", range(3, 3 * ROWS + 3, 3), False),
        ("id", range(ROWS, 0, -1), True),
        ("id", [1] * ROWS, False),
        ("valid", range(3, 3 * ROWS + 3, 3), False),
    ],
)
def test_identifiers_are_noted(read, name, values, noted):
    notes = [n for n in read(table(**{name: list(values)})).notes if n.kind == "identifier"]
    assert len(notes) == noted
    assert all(note.column == name and "--drop " in str(note) for note in notes)
