"""Tables become numbers by what the fitting rows say, and by nothing else."""

from __future__ import annotations

import datetime
from collections import Counter

import naive
import numpy as np
import pandas as pd
import pytest

from anomaly_lab.errors import InputError
from anomaly_lab.tables.encoding import Preprocessor, as_frame


def table(seed: int = 0, n: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "amount": rng.lognormal(3, 1, n),
            "kind": rng.choice(["red", "green", "blue"], n),
            "count": rng.integers(0, 9, n),
            "online": rng.random(n) < 0.5,
        }
    )


FIT = table()
KINDS = ["blue", "green", "red"]


def test_numbers_are_scaled_by_mean_and_spread_of_the_fitting_rows():
    other = table(1)
    out = Preprocessor().fit(FIT).transform(other)
    for j, name in enumerate(["amount", "count", "online"]):
        column = FIT[name].astype(float)
        expected = (other[name] - column.mean()) / column.std(ddof=0)
        np.testing.assert_allclose(out[:, j], expected, rtol=1e-12, atol=1e-12)


def test_text_becomes_one_feature_a_category():
    out = Preprocessor().fit(FIT).transform(FIT)
    assert out.shape == (30, 3 + len(KINDS))
    for j, kind in enumerate(KINDS, start=3):
        np.testing.assert_array_equal(out[:, j], FIT["kind"] == kind)


def test_an_unseen_category_is_zeros():
    new = FIT.iloc[:1].assign(kind="violet")
    assert Preprocessor().fit(FIT).transform(new)[0, 3:].tolist() == [0, 0, 0]


def test_rows_are_judged_by_the_fitting_rows_alone():
    model = Preprocessor().fit(FIT)
    alone = model.transform(FIT.iloc[:5])
    extreme = pd.concat([FIT.iloc[:5], FIT.iloc[5:10].assign(amount=1e12, kind="violet")])
    np.testing.assert_array_equal(model.transform(extreme)[:5], alone)
    np.testing.assert_array_equal(model.transform(FIT.iloc[:5]), alone)


def test_a_constant_column_is_only_centred():
    fit = FIT.assign(count=7, amount=0.1)
    out = Preprocessor().fit(fit).transform(fit.assign(count=9, amount=2.1))
    np.testing.assert_allclose(out[:, :2], 2.0, rtol=1e-12)


@pytest.mark.parametrize(
    "dtype", ["int8", "float32", "Int64", "Float64", "int64[pyarrow]", "object", "double[pyarrow]"]
)
def test_numbers_of_any_type_are_the_same_numbers(dtype):
    plain = pd.DataFrame({"a": [1, 5, 3, 1], "b": [0.5, 1.5, 2.5, 0.5]})
    typed = plain.astype({"a": dtype})
    expected = Preprocessor().fit(plain).transform(plain)
    np.testing.assert_allclose(Preprocessor().fit(typed).transform(typed), expected, rtol=1e-12)
    np.testing.assert_allclose(Preprocessor().fit(plain).transform(typed), expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "bool[pyarrow]", "object"])
def test_booleans_are_numbers(dtype):
    plain = pd.DataFrame({"a": [0, 1, 1, 0]})
    typed = plain.astype(bool).astype(dtype)
    expected = Preprocessor().fit(plain).transform(plain)
    np.testing.assert_array_equal(Preprocessor().fit(typed).transform(typed), expected)


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category", "string[pyarrow]"])
@pytest.mark.parametrize("other", ["object", "str", "category"])
def test_text_of_any_type_is_the_same_text(dtype, other):
    fit = FIT[["kind"]].astype(dtype)
    out = Preprocessor().fit(fit).transform(FIT[["kind"]].astype(other))
    np.testing.assert_array_equal(out, np.equal.outer(FIT["kind"].to_numpy(), KINDS))


def test_categories_that_no_fitting_row_has_get_no_feature():
    fit = FIT.assign(kind=pd.Categorical(FIT["kind"], categories=[*KINDS, "violet"]))
    assert Preprocessor().fit(fit).transform(fit).shape == (30, 6)


def test_a_table_of_text_alone_works():
    fit = FIT[["kind"]].assign(size="x" + FIT["kind"].str.len().astype(str))
    out = Preprocessor().fit(fit).transform(fit)
    assert out.shape == (30, 6)
    np.testing.assert_array_equal(out.sum(axis=1), 2)


# --- Missing values ------------------------------------------------------------------------------


def with_gaps(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = table(seed).astype({"count": "Int64", "online": "boolean"})
    return rows.mask(rng.random(rows.shape) < 0.2)


def test_missing_values_are_refused_by_column_and_count():
    gaps = FIT.astype({"amount": float})
    gaps.loc[:2, "amount"] = np.nan
    gaps.loc[4, "kind"] = None
    model = Preprocessor().fit(FIT)
    for refuse in (Preprocessor().fit, model.transform):
        with pytest.raises(InputError, match=r"'amount' \(3 rows\), 'kind' \(1 rows\).*impute"):
            refuse(gaps)


def test_missing_values_are_filled_in_as_the_fitting_rows_say():
    fit, other = with_gaps(3), with_gaps(4)
    assert fit.isna().any().all()
    assert other.isna().any().all()

    def filled(rows: pd.DataFrame) -> pd.DataFrame:
        columns = {}
        for name in ("amount", "count", "online"):
            middle = naive.median([float(x) for x in fit[name].dropna()])
            columns[name] = [middle if pd.isna(x) else float(x) for x in rows[name]]
        counts = Counter(fit["kind"].dropna())
        commonest = min(counts, key=lambda kind: (-counts[kind], kind))
        columns["kind"] = [commonest if pd.isna(x) else x for x in rows["kind"]]
        return pd.DataFrame(columns)

    expected = Preprocessor().fit(filled(fit)).transform(filled(other))
    model = Preprocessor("median").fit(fit)
    np.testing.assert_allclose(model.transform(other), expected, rtol=1e-12, atol=1e-12)
    one_by_one = [model.transform(other.iloc[i : i + 1])[0] for i in range(len(other))]
    np.testing.assert_array_equal(one_by_one, model.transform(other))


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA])
def test_a_single_row_may_lack_a_value_of_any_column(nothing):
    model = Preprocessor("median").fit(FIT)
    row = pd.DataFrame({name: [nothing] for name in FIT.columns})
    commonest = FIT["kind"].mode()[0]
    out = model.transform(row)[0]
    assert out[3:].tolist() == [kind == commonest for kind in KINDS]
    medians = FIT[["amount", "count", "online"]].astype(float).median().to_frame().T
    np.testing.assert_array_equal(out[:3], model.transform(medians.assign(kind=commonest))[0, :3])
    with pytest.raises(InputError, match=r"missing values in 'amount' \(1 rows\)"):
        Preprocessor().fit(FIT).transform(row)


@pytest.mark.parametrize("impute", [None, "median"])
def test_a_column_without_any_value_cannot_be_learnt_from(impute):
    with pytest.raises(InputError, match=r"'amount' \(no value at all\)"):
        Preprocessor(impute).fit(FIT.assign(amount=np.nan))


def test_an_unknown_way_to_fill_in_is_refused():
    with pytest.raises(InputError, match="'median', got 'mean'"):
        Preprocessor("mean").fit(FIT)


# --- Bad tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("impute", [None, "median"])
@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinities_are_refused_by_column_and_count(impute, value):
    bad = FIT.astype({"amount": float})
    bad.loc[[0, 3], "amount"] = value
    for refuse in (Preprocessor(impute).fit, Preprocessor(impute).fit(FIT).transform):
        with pytest.raises(InputError, match=r"'amount' has 2 infinite values \(rows 0, 3\)"):
            refuse(bad)


def test_columns_are_matched_by_name():
    model = Preprocessor().fit(FIT)
    expected = model.transform(FIT)
    np.testing.assert_array_equal(model.transform(FIT[FIT.columns[::-1]]), expected)
    with pytest.raises(InputError, match=r"missing \['kind'\], unknown none"):
        model.transform(FIT.drop(columns="kind"))
    with pytest.raises(InputError, match=r"missing none, unknown \['extra'\]"):
        model.transform(FIT.assign(extra=1))
    with pytest.raises(InputError, match=r"missing \['kind'\], unknown \['Kind'\]"):
        model.transform(FIT.rename(columns={"kind": "Kind"}))


def test_repeated_column_names_are_refused():
    twice = FIT[["amount", "kind", "count", "online", "amount"]]
    for refuse in (Preprocessor().fit, Preprocessor().fit(FIT).transform):
        with pytest.raises(InputError, match=r"more than once: \['amount'\]"):
            refuse(twice)


def test_column_names_that_are_not_text_are_refused():
    # scikit-learn would take 3, 1, 0 for positions.
    with pytest.raises(InputError, match=r"must be text, got \[3, 1, 0\].*rename"):
        Preprocessor().fit(pd.DataFrame(np.eye(3), columns=[3, 1, 0]))


@pytest.mark.parametrize(
    "values",
    [
        pd.date_range("2020-01-01", periods=3),
        pd.date_range("2020-01-01", periods=3, tz="UTC"),
        pd.to_timedelta([1, 2, 3], unit="s"),
        pd.period_range("2020-01", periods=3, freq="M"),
        [datetime.date(2020, 1, day) for day in (1, 2, 3)],
        np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[ns]"),
    ],
    ids=["datetime", "zone", "timedelta", "period", "objects", "numpy"],
)
def test_dates_are_refused(values):
    with pytest.raises(InputError, match=r"'when' \(dates or times\)"):
        Preprocessor().fit(pd.DataFrame({"a": [1.0, 2.0, 4.0], "when": values}))


@pytest.mark.parametrize(
    "values",
    [[1, "a", 2], ["a", 1.5, "b"], [1j, 2, 3], [{"a": 1}, {"b": 2}, {}], [b"a", b"b", b"c"]],
    ids=str,
)
def test_values_that_are_neither_numbers_nor_text_are_refused(values):
    with pytest.raises(InputError, match=r"'odd' \(neither numbers nor text"):
        Preprocessor().fit(pd.DataFrame({"a": [1.0, 2.0, 4.0], "odd": values}))


def test_words_where_numbers_were_are_refused_and_the_reverse():
    model = Preprocessor().fit(FIT)
    expected = model.transform(FIT)
    np.testing.assert_array_equal(
        model.transform(FIT.assign(count=FIT["count"].astype(str))), expected
    )
    with pytest.raises(InputError, match=r"'count' must hold numbers.*text: 'many' \(rows 0, 1"):
        model.transform(FIT.assign(count="many"))
    with pytest.raises(InputError, match=r"'count' must hold numbers.*holds dates or times"):
        model.transform(FIT.assign(count=pd.Timestamp("2020-01-01")))
    with pytest.raises(InputError, match=r"'kind' must hold text.*holds numbers"):
        model.transform(FIT.assign(kind=1.0))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([1.0, 2.0], r"shape \(2,\).*\[\[\.\.\.\]\]"),
        (3.0, r"shape \(\)"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\)"),
        ([[1.0, 2.0], [3.0]], "ragged"),
        (pd.Series([1.0, 2.0]), r"shape \(2,\)"),
    ],
    ids=["row", "number", "cube", "ragged", "series"],
)
def test_what_is_no_table_is_refused(rows, told):
    with pytest.raises(InputError, match=told):
        Preprocessor().fit(rows)
    with pytest.raises(InputError, match=told):
        Preprocessor().fit(np.eye(2)).transform(rows)


def test_empty_tables_are_refused():
    for empty in (FIT.iloc[:0], FIT[[]], np.empty((0, 3))):
        with pytest.raises(InputError, match="Expected rows and columns"):
            Preprocessor().fit(empty)
    with pytest.raises(InputError, match="at least one row"):
        Preprocessor().fit(FIT).transform(FIT.iloc[:0])


# --- Arrays, features and columns ----------------------------------------------------------------


@pytest.mark.parametrize("kind", [float, int, object, list])
def test_arrays_get_column_names_and_work_like_tables(kind):
    array = np.arange(12).reshape(4, 3) ** 2
    rows = array.tolist() if kind is list else array.astype(kind)
    model = Preprocessor().fit(rows)
    assert model.columns_ == ["x0", "x1", "x2"]
    frame = pd.DataFrame(array, columns=model.columns_)
    np.testing.assert_array_equal(model.transform(rows), Preprocessor().fit(frame).transform(frame))
    with pytest.raises(InputError, match="missing"):
        model.transform(array[:, :2])


@pytest.mark.parametrize("impute", [None, "median"])
def test_values_of_features_add_up_by_column(impute):
    model = Preprocessor(impute).fit(FIT)
    # Features: amount, count, online, then three of kind.
    assert [model.columns_[j] for j in model.sources_] == [
        *("amount", "count", "online"),
        *("kind", "kind", "kind"),
    ]
    values = np.random.default_rng(0).random((5, 6))
    out = model.by_column(values)
    for i in range(5):
        for j in range(4):
            parts = [values[i, k] for k in range(6) if model.sources_[k] == j]
            assert out[i, j] == pytest.approx(sum(parts), abs=1e-12)


def test_the_callers_table_is_left_alone():
    rows = with_gaps()
    before = rows.copy(deep=True)
    Preprocessor("median").fit(rows).transform(rows)
    pd.testing.assert_frame_equal(rows, before)


def test_a_million_rows_of_numbers_never_become_python_objects(monkeypatch):
    kinds = []
    plain = Preprocessor._plain

    def spy(self, frame):
        out = plain(self, frame)
        kinds.extend([*as_frame(frame).dtypes, *out.dtypes])
        return out

    monkeypatch.setattr(Preprocessor, "_plain", spy)
    rows = pd.DataFrame(np.zeros((1_000_000, 7)), columns=list("abcdefg"))
    out = Preprocessor().fit(rows.iloc[:100]).transform(rows)
    assert out.dtype == np.float64
    assert len(kinds) == 28
    assert set(kinds) == {np.dtype(np.float64)}
