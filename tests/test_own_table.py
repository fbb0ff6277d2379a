"""Tables as people have them: the figure of the clean table, or a refusal, or a note that names it.

Each part is a situation from public bug reports, made here, looked at from the command and from
Python.
"""

from __future__ import annotations

import decimal
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from typer.testing import CliRunner

from anomaly_lab import AnomalyModel, cli, comparison
from anomaly_lab.datasets import Dataset, read_table
from anomaly_lab.errors import InputError
from anomaly_lab.tables.encoding import Preprocessor
from anomaly_lab.tables.notes import Note
from anomaly_lab.tables.noticing import notice

N = 200
RNG = np.random.default_rng(0)
CLEAN = pd.DataFrame(
    {
        "level": RNG.integers(1, 11, N).astype(float),
        "price": (RNG.lognormal(7, 1, N) * 4).round() / 4,
        "shop": RNG.choice(["kiosk", "web", "mall"], N),
        "fraud": [1, *[0] * 9] * (N // 10),
    }
)
CLEAN.loc[CLEAN["fraud"] == 1, "price"] *= 6
CELL = CLEAN.index == 41


@pytest.fixture
def write(tmp_path):
    """Write a table, or text, or bytes, to a file; give its path."""

    def _write(content, name="own.csv", **options):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_csv(path, index=False, **options)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            path.write_bytes(content)
        return path

    return _write


def read(path, **options) -> Dataset:
    return read_table(path, **{"label": "fraud", **options})


def command(path, *options):
    """Run the command on a file; give exit code, what was printed, and the results if any."""
    results = path.with_name("results.json")
    arguments = ["compare", "--data", path, "--label", "fraud", "-d", "knn", "-d", "centroid"]
    done = CliRunner().invoke(
        cli.app, [str(a) for a in (*arguments, "--seeds", 2, "--json", results, *options)]
    )
    content = json.loads(results.read_text("utf-8")) if results.exists() else None
    return done.exit_code, " ".join(done.output.split()), content


def figures(content) -> list[float]:
    return [run["roc_auc"] for run in content["runs"]]


def kinds(notes) -> list[str]:
    return [note.kind for note in notes]


def texts(values, spell) -> list[str]:
    return [spell(value) for value in values]


def same_numbers(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Both tables have the same columns, which mean the same to a model."""
    assert list(left) == list(right)
    model = Preprocessor("median").fit(right)
    encoded = Preprocessor("median").fit_transform(left)
    np.testing.assert_array_equal(encoded, model.transform(right))
    np.testing.assert_array_equal(encoded, Preprocessor("median").fit(left).transform(left))


# --- 1, 2: numbers with markers of missing values, and numbers spelled in other ways -------------


@pytest.mark.parametrize(
    "marker", ["?", "-", "n/a", "NA", "#N/A", "#DIV/0!", "NULL", "None", "nan", " ", "unknown"]
)
def test_markers_among_numbers_are_missing_values(write, marker):
    gaps = CLEAN.assign(level=CLEAN["level"].mask(CLEAN.index % 33 == 2))
    marked = gaps.assign(level=[marker if pd.isna(v) else f"{v:g}" for v in gaps["level"]])
    seen = read(write(marked))
    same_numbers(seen.X, gaps.drop(columns="fraud"))
    same_numbers(marked.drop(columns="fraud"), gaps.drop(columns="fraud"))
    (note,) = seen.notes if marker.strip() else [Note("spelling", "level", "")]
    assert (note.kind, note.column) == ("spelling", "level")
    assert marker.strip() in str(note)


def test_markers_give_the_figures_of_the_table_with_gaps(write):
    gaps = CLEAN.assign(level=CLEAN["level"].mask(CLEAN.index % 33 == 2))
    marked = gaps.assign(level=[("?" if pd.isna(v) else f"{v:g}") for v in gaps["level"]])
    _, _, expected = command(write(gaps), "--impute", "median")
    code, shown, content = command(write(marked), "--impute", "median")
    assert code == 0
    assert figures(content) == figures(expected)
    assert content["notes"][0]["kind"] == "spelling"
    assert "'?' in 6 cells" in shown
    code, shown, _ = command(write(marked))
    assert code == 2
    assert "'level' (" in shown  # missing values, as without a marker


def grouped(value: float, group: str, decimal: str) -> str:
    return f"{value:,.2f}".replace(",", "_").replace(".", decimal).replace("_", group)


SPELLINGS = {
    "percent": lambda v: f"{v:.2f}%",
    "decimal comma": lambda v: f"{v:.2f}".replace(".", ","),
    "thousands, comma": lambda v: grouped(v, ",", "."),
    "thousands, dot": lambda v: grouped(v, ".", ","),
    "thousands, blank": lambda v: grouped(v, " ", ","),
    "thousands, no-break blank": lambda v: grouped(v, "\u00a0", ","),
    "thousands, narrow blank": lambda v: grouped(v, "\u202f", ","),
    "thousands, apostrophe": lambda v: grouped(v, "'", "."),
    "thousands, curly apostrophe": lambda v: grouped(v, "\u2019", "."),
    "dollars": lambda v: f"${v:,.2f}",
    "dollars, whole thousands": lambda v: f"${v:,.2f}".removesuffix(".00"),
    "euros": lambda v: grouped(v, ".", ",") + " \u20ac",
    "francs": lambda v: "CHF " + grouped(v, "'", "."),
    "unit": lambda v: f"{v:.2f} kg",
    "unit of two": lambda v: f"{v:.2f} km/h",
    "exponent": lambda v: f"{v:.6e}",
    "plus": lambda v: f"+{v:.2f}",
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_numbers_however_they_are_spelled(write, spell):
    spelled = CLEAN.assign(price=texts(CLEAN["price"], spell))
    seen = read(write(spelled))
    np.testing.assert_array_equal(seen.X["price"], CLEAN["price"])
    same_numbers(spelled.drop(columns="fraud"), CLEAN.drop(columns="fraud"))
    # pandas itself reads an exponent and a plus; of a decimal comma the file's note tells.
    plain = spell(1.5) in ("1.500000e+00", "+1.50")
    assert kinds(seen.notes) == ([] if plain else [seen.notes[0].kind])


@pytest.mark.parametrize("minus", ["-{}", "\u2212{}", "\u2013{}", "({})", "- {}"])
def test_minus_signs(write, minus):
    numbers = CLEAN["price"].where(CLEAN.index % 3 == 0, -CLEAN["price"])
    spelled = [minus.format(-v) if v < 0 else str(v) for v in numbers]
    np.testing.assert_array_equal(read(write(CLEAN.assign(price=spelled))).X["price"], numbers)


def test_what_was_done_is_said(write):
    spelled = CLEAN.assign(price=texts(CLEAN["price"], SPELLINGS["euros"]))
    (note,) = read(write(spelled)).notes
    first = CLEAN["price"][0]
    assert note.values[0] == spelled["price"][0]
    assert f"is {first:.12g}" in str(note)
    assert "decimal comma" in str(note)
    assert AnomalyModel("centroid").fit(spelled.drop(columns="fraud")).notes_ == (note,)


def test_an_ambiguous_spelling_is_asked_about(write):
    whole = CLEAN["price"].clip(1000, 9999).round()
    spelled = CLEAN.assign(price=texts(whole, lambda v: f"{v:,.0f}"))
    path = write(spelled)
    with pytest.raises(InputError, match=r"'price' \(numbers that can be read in two ways"):
        read(path)
    with pytest.raises(InputError, match="two ways"):
        AnomalyModel("centroid").fit(spelled.drop(columns="fraud"))
    code, shown, _ = command(path)
    assert code == 2
    assert "--decimal ," in shown
    np.testing.assert_array_equal(read(path, decimal=".").X["price"], whole)
    np.testing.assert_array_equal(read(path, decimal=",").X["price"], whole / 1000)


def test_two_spellings_in_one_column_are_refused(write):
    prices = [f"{v:.2f}".replace(".", "," if i % 2 else ".") for i, v in enumerate(CLEAN["price"])]
    path = write(CLEAN.assign(price=prices))
    with pytest.raises(InputError, match=r"'price' .numbers, but for '\d+,\d\d' .line"):
        read(path)
    assert command(path)[0] == 2


def test_categories_that_differ_in_case_or_blanks_are_noted(write):
    table = CLEAN.assign(shop=CLEAN["shop"].where(CLEAN.index % 9 != 4, "Web "))
    (note,) = read(write(table)).notes
    assert (note.kind, note.column) == ("level spelling", "shop")
    assert "'Web ', 'web'" in str(note)


def test_whole_numbers_of_few_bits_and_booleans_are_compared_as_numbers(tmp_path):
    table = CLEAN.assign(
        bits=(CLEAN.index % 2 * 200 + CLEAN.index % 3).astype(np.uint8), flag=CLEAN["level"] > 5
    )
    table.to_parquet(tmp_path / "own.parquet")
    assert read(tmp_path / "own.parquet").notes == ()


def test_percent_beside_bare_numbers_is_refused(write):
    mixed = CLEAN.assign(level=[f"{v}%" if i % 2 else f"{v}" for i, v in enumerate(CLEAN["level"])])
    with pytest.raises(InputError, match=r"'level' .numbers, but for"):
        read(write(mixed))


@pytest.mark.parametrize("marker", ["NA", "None", "?", "n/a"])
def test_a_marker_among_categories_is_asked_about(write, marker):
    country = np.where(CLEAN.index % 7 == 3, marker, CLEAN["shop"])
    table = CLEAN.assign(shop=country)
    path = write(table)
    with pytest.raises(InputError, match=r"'shop' \(categories, with .*lines 5, 12"):
        read(path)
    with pytest.raises(InputError, match="'category'"):
        AnomalyModel("centroid").fit(table.drop(columns="fraud"))
    assert command(path)[0] == 2
    assert read(path, missing=marker).X["shop"].isna().sum() == (country == marker).sum()
    assert set(read(path, missing="").X["shop"]) == {"kiosk", "web", "mall", marker}
    declared = table.drop(columns="fraud").astype({"shop": "category"})
    assert AnomalyModel("centroid").fit(declared).notes_ == ()


@pytest.mark.parametrize(
    "texts",
    [
        ["12A", "12B", "7C"],  # seats
        ["1-5", "6-10"],
        ["Q1", "Q2"],
        ["v1.2", "v1.3"],
        ["10.0.0.1", "10.0.0.2"],
        ["007", "008"],  # codes
        ["1st", "2nd"],
        ["1_0", "2_0"],
        ["2 kg", "3 lb"],
    ],
)
def test_codes_are_no_numbers(write, texts):
    codes = (texts * N)[:N]
    table = CLEAN.assign(code=codes).drop(columns="fraud")
    assert Preprocessor().fit(table).schema_.columns[-1].kind == "category"
    assert Preprocessor().fit(table).schema_.text == ["shop", "code"]


def test_text_in_later_rows_is_read_as_the_fitting_rows_say():
    fit = CLEAN.drop(columns="fraud")
    model = AnomalyModel("centroid").fit(fit.assign(price=texts(fit["price"], SPELLINGS["euros"])))
    expected = AnomalyModel("centroid").fit(fit).anomaly_score(fit)
    # 1.234 alone would be ambiguous: the fitting rows said what it is.
    later = fit.assign(price=texts(fit["price"], SPELLINGS["thousands, dot"]))
    np.testing.assert_array_equal(model.anomaly_score(later), expected)
    np.testing.assert_array_equal(model.anomaly_score(fit), expected)
    with pytest.raises(InputError, match=r"'price' must hold numbers.*'dear' \(row 3\)"):
        model.anomaly_score(later.assign(price=later["price"].where(later.index != 3, "dear")))


# --- 7, 8, 9: far values -------------------------------------------------------------------------


def far_note(write, **change) -> Note:
    table = CLEAN.assign(**change)
    (note,) = read(write(table)).notes
    (again,) = AnomalyModel("centroid").fit(table.drop(columns="fraud")).notes_
    assert (note.kind, note.column, note.values) == (again.kind, again.column, again.values)
    return note


def test_a_cell_far_beyond_all_others_is_named(write):
    note = far_note(write, level=CLEAN["level"].where(CLEAN.index != 40, 1999000))
    assert (note.kind, note.column, note.values) == ("far cell", "level", ("1999000",))
    assert note.lines == "line 42"
    _, shown, content = command(
        write(CLEAN.assign(level=CLEAN["level"].replace(5, 5e6))), "--seeds", 1
    )
    assert "5000000" in shown
    assert content["notes"][0]["kind"] == "far value"


@pytest.mark.parametrize("value", [-999, 9999, 999, -99.0])
def test_a_far_value_that_repeats_is_named(write, value):
    column = CLEAN["level"].where(CLEAN.index % 30 != 4, value)
    note = far_note(write, level=column)
    assert (note.kind, note.values) == ("far value", (f"{value:.12g}",))
    assert note.lines == "lines 6, 36, 66, 96, 126, ..."
    assert f"--missing {value:.12g}" in str(note)
    gaps = CLEAN.assign(level=column.where(column != value))
    path = write(CLEAN.assign(level=column))
    same_numbers(read(path, missing=str(value)).X, gaps.drop(columns="fraud"))


def test_the_largest_number_of_float32_is_named_and_no_model_is_fitted_on_it(write):
    largest = 3.4028234663852886e38
    table = CLEAN.assign(level=CLEAN["level"].where(CLEAN.index % 30 != 4, largest))
    (note,) = read(write(table)).notes
    assert (note.kind, note.values) == ("far value", (f"{largest:.12g}",))
    with pytest.raises(InputError, match=r"'level' holds numbers from 1 to 3\.40282e"):
        AnomalyModel("centroid").fit(table.drop(columns="fraud"))


def test_the_only_negative_number_is_named_where_it_stands_for_none(write):
    note = far_note(write, price=CLEAN["price"].where(CLEAN.index % 30 != 4, -99))
    assert (note.kind, note.values) == ("far value", ("-99",))


@pytest.mark.parametrize("value", [1e160, -1e151, 1e300])
@pytest.mark.parametrize("row", [0, 7])
def test_what_float_cannot_square_is_refused_by_column(write, value, row):
    table = CLEAN.assign(price=CLEAN["price"].where(CLEAN.index != row, value))
    with pytest.raises(
        InputError, match=rf"'price' has values that are too large.*line {row + 2}\)"
    ):
        read(write(table))
    rows, good = table.drop(columns="fraud"), CLEAN.drop(columns="fraud")
    for refuse in (AnomalyModel("knn").fit, AnomalyModel("knn").fit(good).anomaly_score):
        with pytest.raises(InputError, match=rf"'price' has values.*row {row}\)"):
            refuse(rows)
    assert command(write(table))[0] == 2


def test_differences_that_float_cannot_square_are_refused():
    with pytest.raises(InputError, match=r"'price' holds .* a spread below"):
        AnomalyModel("knn").fit(CLEAN[["price", "level"]].assign(price=CLEAN["price"] * 1e-170))
    model = AnomalyModel("knn").fit(CLEAN[["level"]] * 1e-130)
    with pytest.raises(InputError, match="'level' lie too far"):
        model.anomaly_score(CLEAN[["level"]] * 1e100)


# --- 10, 11, 12, 13: labels ----------------------------------------------------------------------


@pytest.mark.parametrize("other", ["Benign", "BENIGN ", " benign", "benign"])
def test_labels_that_differ_in_case_or_blanks_are_one(write, other):
    names = np.where(CLEAN["fraud"] == 1, "DoS", np.where(CLEAN.index % 3 == 0, other, "BENIGN"))
    path = write(CLEAN.assign(fraud=names))
    seen = read(path, normal="BENIGN")
    assert seen.y.tolist() == CLEAN["fraud"].tolist()
    assert kinds(seen.notes) == ["label spelling"]
    code, shown, content = command(path, "--normal", "BENIGN")
    assert code == 0
    assert content["dataset"]["anomalies"] == CLEAN["fraud"].sum()
    assert "differ in case or blanks" in shown


@pytest.mark.parametrize(
    ("normal", "other"),
    [
        (9007199254740993, 9007199254740992),
        ("12e3", "12000"),
        ("1_0", "10"),
        ("1e400", "1e401"),
        ("0x10", "16"),
        ("None", "dos"),
        ("NA", "dos"),
    ],
)
def test_labels_are_compared_as_they_are_written(write, normal, other):
    path = write(CLEAN.assign(fraud=np.where(CLEAN["fraud"] == 1, other, normal)))
    for one in (normal, str(normal)):
        assert read(path, normal=one).y.tolist() == CLEAN["fraud"].tolist()
    assert read(path, normal=other).y.tolist() == (1 - CLEAN["fraud"]).tolist()


def test_a_majority_of_anomalies_is_asked_about(write):
    path = write(CLEAN.assign(fraud=1 - CLEAN["fraud"]))
    (note,) = read(path).notes
    assert note.kind == "majority"
    assert "is 1 normal? Then say --normal 1" in str(note)
    assert "--normal 1" in command(path)[1]
    assert read(path, normal=1).notes == ()


def test_no_detector_leads_with_few_anomalies(write):
    path = write(CLEAN.assign(fraud=(CLEAN.index == 4).astype(int)))
    (note,) = read(path).notes
    assert note.kind == "few anomalies"
    assert "Only 1 row of 200" in str(note)
    code, shown, _ = command(path)
    assert code == 0
    assert "No detector leads" in shown
    assert "1 anomaly in the table" in shown
    assert "★" not in shown.split("Note:")[0].split("Mean ±")[0]


@pytest.mark.parametrize(("anomalies", "best"), [(9, None), (10, "knn")])
def test_nine_anomalies_are_too_few_and_ten_are_not(anomalies, best):
    X = pd.DataFrame(RNG.normal(0, 1, (200, 2)), columns=["a", "b"])
    X["a"] += np.where(np.arange(200) % 2, 20, -20)  # the anomalies lie in between
    X.iloc[:anomalies] = RNG.normal(0, 1, (anomalies, 2))
    data = Dataset("few", X, (np.arange(200) < anomalies).astype(int), "ab" * 32)
    result = comparison.compare(data, ["knn", "centroid"], seeds=2)
    assert comparison.leader(result.table()["roc_auc"], "roc_auc") == "knn"
    assert result.best("roc_auc") == best


def test_a_column_that_tells_the_label_is_named(write):
    attacks = np.where(
        CLEAN["fraud"] == 0, "none of them", np.where(CLEAN.index % 4, "dos", "scan")
    )
    twins = {
        "attack": attacks,
        "code": np.where(CLEAN["fraud"] == 1, 3, CLEAN.index % 3),
        "severity": CLEAN["fraud"] * RNG.uniform(1, 9, N),
        "risk": CLEAN["fraud"] + RNG.normal(0, 0.02, N),
        "loss": np.where(CLEAN["fraud"] == 1, RNG.uniform(1, 9, N), np.nan),
        "found": np.where(CLEAN["fraud"] == 1, "yes", None),
    }
    for name, values in twins.items():
        (note,) = [
            n for n in read(write(CLEAN.assign(**{name: values}))).notes if n.kind != "constant"
        ]
        assert (note.kind, note.column) == ("tells the label", name)
    path = write(CLEAN.assign(attack=attacks))
    assert "'attack' tells the label" in command(path)[1]
    assert read(path, drop="attack").notes == ()


# --- 16, 17: dates, identifiers, many levels -----------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pd.date_range("2024-01-30", periods=N, freq="h").astype(str), "dates or times"),
        ([f"2024-01-{1 + i % 28:02d}" for i in range(N)], "dates or times"),
        ([f"id{i}" for i in range(N)], "identifier, 200 different values"),
        ([f"note number {i}" for i in range(N)], "free text, 200 different values"),
    ],
    ids=["times", "days", "ids", "notes"],
)
def test_dates_and_identifiers_are_refused_alike(write, values, reason):
    table = CLEAN.assign(when=values)
    path = write(table)
    refused = rf"'when' \({reason}\).*--drop when"
    with pytest.raises(InputError, match=refused) as from_file:
        read(path)
    with pytest.raises(InputError, match=refused) as from_rows:
        AnomalyModel("centroid").fit(table.drop(columns="fraud"))
    assert str(from_file.value) == str(from_rows.value)
    assert command(path)[0] == 2


@pytest.mark.parametrize("levels", [66, 51, 40])
def test_many_levels_are_a_category(write, levels):
    # The first levels are more frequent.
    draws = np.minimum(RNG.geometric(0.08, 4000) - 1, levels - 1)
    draws[:levels] = np.arange(levels)
    rows = pd.DataFrame({"a": RNG.normal(size=4000), "service": [f"s{i:02d}" for i in draws]})
    model = Preprocessor().fit(rows)
    assert model.schema_.columns[1].kind == "category"
    out = model.transform(rows)
    assert out.shape == (4000, 1 + min(levels, 51))
    np.testing.assert_array_equal(out[:, 1:].sum(axis=1), 1)
    assert len(model.sources_) == out.shape[1]
    if levels == 66:
        counts = rows["service"].value_counts()
        rest = out[:, 1:].sum(axis=0) == counts[counts.index[50:]].sum()
        assert rest.any()
    labelled = rows.assign(fraud=(np.arange(4000) % 10 == 0).astype(int))
    assert read(write(labelled)).X["service"].nunique() == levels


# --- 18, 19, 20: how files are written -----------------------------------------------------------


def test_a_missing_header_is_asked_about(write):
    path = write(CLEAN.to_csv(index=False, header=False))
    for label in ("fraud", "x3"):
        with pytest.raises(InputError, match=r"first line looks like data .*--no-header"):
            read(path, label=label)
    seen = read(path, label="x3", header=False)
    expected = CLEAN.drop(columns="fraud").set_axis(["x0", "x1", "x2"], axis=1)
    same_numbers(seen.X, expected)
    assert seen.y.tolist() == CLEAN["fraud"].tolist()
    code, _, content = command(path, "--label", "x3", "--no-header")
    assert code == 0
    assert figures(content) == figures(command(write(CLEAN, "clean.csv"))[2])


def test_a_wide_header_is_read_whole(write):
    names = [f"{j} {'sensor' * 200}" for j in range(130)]
    table = pd.DataFrame([[i % 3 + j % 2 for j in range(130)] for i in range(4)], columns=names)
    assert list(read(write(table.assign(fraud=[0, 1, 0, 1]))).X) == names


def test_a_missing_value_is_none_of_the_label(write):
    table = CLEAN.assign(fraud=np.where(CLEAN["fraud"] == 1, "dos", "NA"))
    table["shop"] = table["shop"].where(CLEAN.index % 9 != 2, "NA")
    seen = read(write(table), normal="NA", missing="NA")
    assert seen.y.tolist() == CLEAN["fraud"].tolist()
    assert seen.X["shop"].isna().any()


def test_a_long_cell_is_shown_in_part(write):
    with pytest.raises(InputError) as refused:
        read(write(CLEAN.assign(level=CLEAN["level"].astype(object).where(~CELL, "x" * 10_000))))
    assert len(str(refused.value)) < 1000


@pytest.mark.parametrize("names", [["2019", "2020"], ["0", "1"]])
def test_numbers_can_be_names(write, names):
    table = CLEAN[["level", "price", "fraud"]].set_axis([*names, "fraud"], axis=1)
    assert list(read(write(table)).X) == names


def german(table: pd.DataFrame) -> str:
    return table.to_csv(index=False, sep=";", decimal=",")


FILES = {
    "semicolons and decimal commas": (german(CLEAN).encode(), ["reading"]),
    "tabs": (CLEAN.to_csv(index=False, sep="\t").encode(), ["reading"]),
    "blanks": (CLEAN.to_csv(index=False, sep=" ").encode(), ["reading"]),
    "bars": (CLEAN.to_csv(index=False, sep="|").encode(), ["reading"]),
    "sep line": (b"sep=;\r\n" + german(CLEAN).encode(), ["reading"]),
    "quoted sep line": (b'"sep=;"\r\n' + german(CLEAN).encode(), ["reading"]),
    "title": (b"Payments of May\n\n" + CLEAN.to_csv(index=False).encode(), ["reading"]),
    "title, filled up": (b"Payments of May;;;\n;;;\n" + german(CLEAN).encode(), ["reading"]),
    "byte order mark": (CLEAN.to_csv(index=False).encode("utf-8-sig"), []),
    "utf-16": (CLEAN.to_csv(index=False).encode("utf-16"), ["reading"]),
    "utf-16 without a mark": (CLEAN.to_csv(index=False).encode("utf-16-le"), ["reading"]),
    "cp1252": (
        CLEAN.replace("kiosk", "Caf\u00e9").to_csv(index=False).encode("cp1252"),
        ["reading"],
    ),
    "blank lines": (CLEAN.to_csv(index=False).replace("\n", "\n\n").encode(), []),
    "carriage returns": (CLEAN.to_csv(index=False, lineterminator="\r\n").encode(), []),
    "blanks after commas": (CLEAN.to_csv(index=False).replace(",", ", ").encode(), []),
    "quoted": (CLEAN.to_csv(index=False, quoting=1).encode(), []),
}


@pytest.mark.parametrize(("content", "noted"), FILES.values(), ids=FILES)
def test_how_a_file_is_written_is_noticed(write, content, noted):
    seen = read(write(content))
    expected = CLEAN.drop(columns="fraud")
    if b"Caf" in content:
        expected = expected.replace("kiosk", "Caf\u00e9")
    same_numbers(seen.X, expected)
    assert seen.X["shop"].tolist() == expected["shop"].tolist()
    assert kinds(seen.notes) == noted


def test_how_a_file_is_written_can_be_said(write):
    content = german(CLEAN).replace(";", "^").encode("cp1250")
    said = {"sep": "^", "decimal": ",", "encoding": "cp1250"}
    path = write(content)
    same_numbers(read(path, **said).X, CLEAN.drop(columns="fraud"))
    code, _, content = command(path, "--sep", "^", "--decimal", ",", "--encoding", "cp1250")
    assert code == 0
    assert figures(content) == figures(command(write(CLEAN, "clean.csv"))[2])
    for wrong in (
        {"sep": ";;"},
        {"decimal": "x"},
        {"encoding": "utf-9"},
        {"sep": ",", "decimal": ","},
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            read(path, **wrong)
    refused = CliRunner().invoke(cli.app, ["compare", "digits", "--sep", ";", "--no-header"])
    assert refused.exit_code == 2
    assert "--sep, --no-header only mean something with --data" in " ".join(refused.output.split())


def test_a_header_repeated_inside_is_left_out(write):
    head, rest = CLEAN.iloc[:90].to_csv(index=False), CLEAN.iloc[90:].to_csv(index=False)
    seen = read(write(head + rest))
    same_numbers(seen.X, CLEAN.drop(columns="fraud"))
    assert seen.y.tolist() == CLEAN["fraud"].tolist()
    assert [note.lines for note in seen.notes] == ["line 92"]


@pytest.mark.parametrize("odd", ["<0.01", "err", "#VALUE", "12:30"])
def test_odd_values_and_their_lines_are_named(write, odd):
    rows = [40, 99]
    column = CLEAN["price"].astype(str).where(~CLEAN.index.isin(rows), odd)
    path = write("\n" + CLEAN.assign(price=column).to_csv(index=False))
    named = rf"'price' \(numbers, but for '{odd}' \(lines 43, 102\)\)"
    with pytest.raises(InputError, match=named):
        read(path)
    with pytest.raises(InputError, match=r"\(rows 40, 99\)"):
        AnomalyModel("centroid").fit(CLEAN.assign(price=column).drop(columns="fraud"))
    code, shown, _ = command(path)
    assert code == 2
    assert "lines 43, 102" in shown
    assert read(path, missing=odd).X["price"].isna().sum() == 2


# --- Notes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("constant", [7.5] * N),
        ("constant", ["same"] * N),
        ("nearly constant", [0] * 150 + [1] + [0] * 49),
        ("identifier", range(1, N + 1)),
        ("group", [i // 8 for i in range(N)]),
        ("date", [20240101 + i % 28 for i in range(N)]),
    ],
)
def test_what_could_spoil_the_figures_is_noted(write, kind, values):
    table = CLEAN.assign(patient_id=values).sample(frac=1, random_state=0)
    if kind == "identifier":
        table = table.sort_values("patient_id")
    (note,) = read(write(table)).notes
    assert (note.kind, note.column) == (kind, "patient_id")


def test_a_clean_table_has_no_notes(write):
    assert read(write(CLEAN)).notes == ()
    assert AnomalyModel("centroid").fit(CLEAN.drop(columns="fraud")).notes_ == ()
    assert "Note:" not in command(write(CLEAN))[1]


def test_of_a_large_table_the_ends_are_exact_and_the_rest_is_drawn():
    n = 100_050
    X = pd.DataFrame({"a": np.arange(n) % 97.0, "b": np.arange(n) % 89.0})
    X.loc[77, "a"] = 1e7
    (note,) = notice(X)
    assert (note.kind, note.column, note.lines) == ("far cell", "a", "row 77")
    assert "100,000 rows, drawn at random" in str(note)
    assert notice(X) == (note,)
    assert notice(X.drop(columns="a")) == ()


def test_copies_of_rows_are_noted():
    half = CLEAN.iloc[:100].drop(columns="fraud")
    X = pd.concat([half, half], ignore_index=True)
    data = Dataset("copies", X, np.tile(CLEAN["fraud"].iloc[:100], 2), "ab" * 32)
    result = comparison.compare(data, ["knn"], seeds=1)
    assert kinds(result.notes) == ["copies"]
    assert result.to_dict()["notes"][0]["kind"] == "copies"


def test_a_saved_model_has_its_schema_and_notes(tmp_path):
    rows = CLEAN.drop(columns="fraud").assign(price=texts(CLEAN["price"], SPELLINGS["euros"]))
    model = AnomalyModel("centroid").fit(rows)
    model.save(tmp_path / "model.anomaly")
    loaded = AnomalyModel.load(tmp_path / "model.anomaly")
    assert loaded.preprocessor_.schema_ == model.preprocessor_.schema_
    assert loaded.notes_ == model.notes_ != ()
    np.testing.assert_array_equal(loaded.anomaly_score(rows), model.anomaly_score(rows))


# --- Tables of other libraries -------------------------------------------------------------------


def others():
    yield "pyarrow", pyarrow.Table.from_pandas
    try:
        import polars
    except ImportError:
        return
    yield "polars", polars.from_pandas


@pytest.mark.parametrize("make", [make for _, make in others()], ids=[name for name, _ in others()])
def test_tables_of_other_libraries_are_taken_as_those_of_pandas(make):
    rows = CLEAN.drop(columns="fraud")
    model = AnomalyModel("centroid").fit(make(rows))
    expected = AnomalyModel("centroid").fit(rows)
    assert model.preprocessor_.schema_ == expected.preprocessor_.schema_
    np.testing.assert_array_equal(model.anomaly_score(rows), expected.anomaly_score(rows))
    np.testing.assert_array_equal(expected.anomaly_score(make(rows)), expected.anomaly_score(rows))
    same_numbers(Dataset("own", make(rows), CLEAN["fraud"], "ab" * 32).X, rows)


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ([10**400, 1], "too large to be squared"),
        (np.full(2, np.longdouble("1e4000")), "infinite"),
        ([decimal.Decimal("1e400"), decimal.Decimal(1)], "infinite"),
        (["9" * 5000, "1"], "infinite"),
        ([pd.NA, 1], "missing values in 'x'"),
        (pd.Categorical([1, "a"]), "categories of several types"),
        ([1, "a"], "neither numbers nor text"),
    ],
    ids=["int", "long double", "Decimal", "text", "NA", "categories", "mixed"],
)
def test_values_of_every_type_are_used_or_refused(values, refused):
    fit = pd.DataFrame({"a": np.arange(40.0), "x": pd.Series(values).repeat(20).array})
    with pytest.raises(InputError, match=refused):
        AnomalyModel("centroid").fit(fit)


def test_later_rows_may_lack_all_values_of_a_column_or_come_as_categories():
    fit = CLEAN[["level", "price"]]
    model = AnomalyModel("centroid", impute="median").fit(fit)
    empty = model.anomaly_score(fit.assign(level=np.nan))
    np.testing.assert_array_equal(model.anomaly_score(fit.assign(level="?")), empty)
    as_categories = fit.astype({"level": "category"})
    np.testing.assert_array_equal(model.anomaly_score(as_categories), model.anomaly_score(fit))


def test_what_is_masked_is_missing():
    rows = np.ma.masked_equal(CLEAN[["level", "price"]].to_numpy(), 5)
    with pytest.raises(InputError, match=r"missing values in 'x0' \("):
        AnomalyModel("centroid").fit(rows)


# --- The page -------------------------------------------------------------------------------------

PAGE = Path(__file__).parents[1] / "docs" / "own-data.md"
SHOP = CLEAN["shop"]


def among(column: str, value, every: int = 33) -> pd.DataFrame:
    return CLEAN.assign(
        **{column: CLEAN[column].astype(object).where(CLEAN.index % every != 2, value)}
    )


def spelled(spell) -> pd.DataFrame:
    return CLEAN.assign(price=texts(CLEAN["price"], spell))


# For each row of the page's table: files, options, and kinds of notes or words of the error.
ROWS = {
    "numbers": ([CLEAN], {}, []),
    "`1,234.5`, `1 234,5`, `5%`, `$1,000`, `3 kg`, `−2`, `(2)`": (  # noqa: RUF001
        [spelled(SPELLINGS[name]) for name in ("thousands, blank", "percent", "dollars", "unit")],
        {},
        ["spelling"],
    ),
    "`1,234` alone, which could be 1.234": (
        [
            CLEAN.assign(price="1,234"),
            CLEAN.assign(price=[f"{i % 9 + 1},{i + 100}" for i in range(N)]),
        ],
        {},
        "--decimal , or --decimal .",
    ),
    "`?`, `-`, `n/a`, `#DIV/0!`, ... among numbers": (
        [among("level", marker) for marker in ("?", "-", "n/a", "#DIV/0!")],
        {},
        ["spelling"],
    ),
    "`NA`, `None`, `?`, ... among categories": (
        [among("shop", marker) for marker in ("NA", "None", "?")],
        {},
        "--missing",
    ),
    "other text among numbers, such as `<0.01`": (
        [among("level", "<0.01")],
        {},
        "'<0.01' (lines 4",
    ),
    "text whose values repeat": ([CLEAN.assign(shop=[f"s{i % 70}" for i in range(N)])], {}, []),
    "values that differ in case or blanks": ([among("shop", "KIOSK")], {}, ["level spelling"]),
    "dates, identifiers, free text": (
        [
            CLEAN.assign(shop=[f"2024-01-{i % 28 + 1:02d}" for i in range(N)]),
            CLEAN.assign(shop=[f"s{i}" for i in range(N)]),
            CLEAN.assign(shop=[f"shop number {i}" for i in range(N)]),
        ],
        {},
        "--drop shop",
    ),
    "missing values": ([among("level", None)], {}, []),
    "infinities, and numbers above 1e140": (
        [among("level", np.inf), among("level", -2e150)],
        {},
        "(lines 4",
    ),
    "a far value that repeats, such as -999": ([among("level", -999)], {}, ["far value"]),
    "a cell far beyond all others": ([among("level", 1e6, N)], {}, ["far cell"]),
    "a constant column, or nearly so": (
        [CLEAN.assign(level=1), CLEAN.assign(level=CELL.astype(int))],
        {},
        ["constant", "nearly constant"],
    ),
    "a running number, another number in every row": (
        [CLEAN.assign(id=range(N)), CLEAN.assign(id=[7 * i % 1009 for i in range(N)])],
        {},
        ["identifier"],
    ),
    "an identifier that repeats": ([CLEAN.assign(patient_id=np.arange(N) // 8)], {}, ["group"]),
    "dates as numbers, such as 20240131": (
        [CLEAN.assign(day=[20240101 + i % 31 for i in range(N)])],
        {},
        ["date"],
    ),
    "a column that tells the label": (
        [CLEAN.assign(attack=np.where(CLEAN["fraud"] == 1, "dos", "-none"))],
        {},
        ["tells the label"],
    ),
    "copies of rows in the parts to fit and to test on": (
        [CLEAN.assign(level=np.arange(N) % 5, price=np.arange(N) % 4)],
        {"compared": True},
        ["copies"],
    ),
    "labels that differ in case or blanks": (
        [CLEAN.assign(fraud=np.where(CLEAN["fraud"] == 1, "bad", np.where(CELL, "OK ", "ok")))],
        {"normal": "ok"},
        ["label spelling"],
    ),
    "more anomalies than normal rows": ([CLEAN.assign(fraud=1 - CLEAN["fraud"])], {}, ["majority"]),
    "fewer than 10 anomalies": ([CLEAN.assign(fraud=CELL.astype(int))], {}, ["few anomalies"]),
    "semicolons, tabs, decimal commas, UTF-16, Windows-1252, `sep=;`, lines above the header": (
        [content for content, noted in FILES.values() if noted],
        {},
        ["reading"],
    ),
    "no line of names": ([CLEAN.to_csv(index=False, header=False)], {}, "--no-header"),
    "the header repeated inside": (
        [CLEAN.to_csv(index=False) + CLEAN.to_csv(index=False)],
        {},
        ["reading"],
    ),
}


def rows_of_the_page() -> list[str]:
    table = PAGE.read_text("utf-8").split("|---|---|\n")[1].split("\n\n")[0]
    return [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()]


@pytest.mark.parametrize("row", rows_of_the_page())
def test_every_row_of_the_page(write, row):
    contents, options, expected = ROWS[row]
    for content in contents:
        path = write(content)
        compared = options.get("compared", False)
        said = {name: value for name, value in options.items() if name != "compared"}
        if isinstance(expected, str):
            with pytest.raises(InputError, match=re.escape(expected)):
                read(path, **said)
            continue
        seen = read(path, **said)
        notes = comparison.compare(seen, ["centroid"], seeds=1).notes if compared else seen.notes
        assert set(kinds(notes)) <= set(expected)
        assert bool(notes) == bool(expected)


def test_every_row_of_the_page_has_its_check():
    assert rows_of_the_page() == list(ROWS)


def test_a_truth_word_among_numbers_is_named_and_no_number():
    frame = pd.DataFrame({"a": [*map(str, range(30)), "FALSE"]})
    with pytest.raises(InputError, match=r"'a' \(numbers, but for 'FALSE' \(row 30\)\)"):
        AnomalyModel("centroid").fit(frame)
    fitted = AnomalyModel("centroid").fit(frame[:30])
    with pytest.raises(InputError, match="'FALSE'"):
        fitted.anomaly_score(frame[29:])
