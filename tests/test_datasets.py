from __future__ import annotations

import hashlib
import inspect
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_digits

from anomaly_lab import datasets
from anomaly_lab.datasets import Dataset, DatasetCard, cards
from anomaly_lab.errors import InputError, UnknownNameError

ROOT = Path(__file__).parents[1]
NAMES = datasets.names()
CARDS = {name: datasets.card(name) for name in NAMES}
LOCAL = [name for name in NAMES if CARDS[name].kind != "download"]
DOWNLOADS = [name for name in NAMES if CARDS[name].kind == "download"]


def need_files(card: DatasetCard, folder: Path) -> None:
    for file in card.files:
        if not (folder / file.path).is_file():
            pytest.skip(f"{file.path} is not in the folder that ANOMALY_LAB_DATA names")


def agree(dataset: Dataset, card: DatasetCard) -> None:
    assert dataset.name == card.name
    assert dataset.card is card
    assert dataset.X.shape == (card.rows, card.features)
    assert int(dataset.y.sum()) == card.anomalies
    assert dataset.y.dtype == np.int8
    assert not dataset.X.isna().any(axis=None)


@pytest.mark.parametrize("name", LOCAL)
def test_card_agrees_with_what_is_loaded(name):
    agree(datasets.load(name), CARDS[name])


@pytest.mark.parametrize("name", DOWNLOADS)
def test_card_agrees_with_what_is_downloaded(name, data_folder):
    need_files(CARDS[name], data_folder)
    dataset = datasets.load(name)
    agree(dataset, CARDS[name])
    assert dataset.sha256 == CARDS[name].sha256
    assert datasets.fetch(name) == data_folder / CARDS[name].files[0].path


@pytest.mark.parametrize("name", DOWNLOADS)
def test_card_states_the_true_hash_and_size(name, data_folder):
    need_files(CARDS[name], data_folder)
    for file in CARDS[name].files:
        content = (data_folder / file.path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size


@pytest.mark.parametrize("name", NAMES)
def test_card_is_complete(name):
    card = CARDS[name]
    texts = (card.title, card.task, card.row, card.units, card.source, card.licence, card.citation)
    assert all(text.strip() == text != "" for text in texts)
    assert card.kind in ("bundled", "simulated", "download")
    assert bool(card.files) == (card.kind == "download")
    assert all(note.endswith(".") for note in card.notes)
    assert card.prevalence == card.anomalies / card.rows
    for file in card.files:
        assert file.url.startswith("https://")
        assert file.url.endswith(file.path.split("/", 1)[1])
        assert len(file.sha256) == 64


@pytest.mark.parametrize("name", NAMES)
def test_a_card_names_the_one_function_that_reads_or_simulates_the_set(name):
    found = datasets.function(name)
    assert found.__module__.startswith("anomaly_lab.datasets.")
    given = ["blobs"] if "/" in name else []
    given = [*given, 100, "rng"] if CARDS[name].kind == "simulated" else CARDS[name].files
    inspect.signature(found).bind(*given)


def test_a_data_set_is_its_card_and_one_function(tmp_path, monkeypatch):
    function = "def draw(rows, rng):\n    X = pd.DataFrame({'x': rng.random(rows)})\n"
    code = f"import pandas as pd\n\n{function}    return X, X['x'].to_numpy() > 0.9\n"
    (tmp_path / "drawn.py").write_text(code)
    card = (ROOT / "datasets" / "heartbeats_simulated.toml").read_text()
    card = card.replace("anomaly_lab.datasets.heartbeats:heartbeats", "drawn:draw")
    (tmp_path / "new_set.toml").write_text(card)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(cards, "cards_folder", lambda: tmp_path)
    cards._catalogue.cache_clear()
    try:
        assert datasets.names() == ["new_set"]
        assert list(datasets.load("new_set", rows=7).X) == ["x"]
    finally:
        cards._catalogue.cache_clear()


def test_kddcup99_is_mostly_attacks_and_its_card_says_so():
    assert CARDS["kddcup99"].prevalence == pytest.approx(0.803, abs=0.0005)
    assert any("80.3%" in note for note in CARDS["kddcup99"].notes)


REPETITIVE = ("breastw", "donors", "http", "mammography", "skin", "smtp")


@pytest.mark.parametrize("name", [*(f"adbench/{table}" for table in REPETITIVE), "kddcup99"])
def test_cards_state_the_share_of_repeated_rows(name, data_folder):
    need_files(CARDS[name], data_folder)
    share = datasets.load(name).X.duplicated().mean()
    assert any(f"{share:.0%} of the rows repeat" in note for note in CARDS[name].notes)


def test_names_are_ordered_by_kind():
    kinds = [CARDS[name].kind for name in NAMES]
    assert kinds == sorted(kinds, key=["bundled", "simulated", "download"].index)
    assert NAMES[:3] == ["breast_cancer", "digits", "card_transactions_simulated"]
    assert {"adbench/cardio", "ecg5000", "kddcup99", "nab/nyc_taxi"} < set(NAMES)
    assert len(set(map(str.lower, NAMES))) == len(NAMES)


def test_names_match_in_any_case():
    assert datasets.card("ADBench/CARDIO") is datasets.card("adbench/cardio")
    assert datasets.load("Digits").name == "digits"


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(
        UnknownNameError, match=r"no data set named 'brest_cancer'.*'breast_cancer'"
    ):
        datasets.load("brest_cancer")
    with pytest.raises(UnknownNameError, match="'adbench/cardio'"):
        datasets.fetch("adbench/cardi")


def test_malignant_tumours_are_the_anomalies():
    source = load_breast_cancer()
    dataset = datasets.load("breast_cancer")
    malignant = list(source.target_names).index("malignant")
    np.testing.assert_array_equal(dataset.y == 1, source.target == malignant)
    np.testing.assert_array_equal(dataset.X, source.data)


def test_nines_are_the_anomalies():
    dataset = datasets.load("digits")
    np.testing.assert_array_equal(dataset.y == 1, load_digits().target == 9)
    assert dataset.X.columns[0] == "pixel_0_0"


def test_abnormal_beats_are_the_anomalies(data_folder):
    need_files(CARDS["ecg5000"], data_folder)
    raw = pd.read_csv(data_folder / "ecg5000/ecg.zip", header=None)
    dataset = datasets.load("ecg5000")
    np.testing.assert_array_equal(dataset.y, 1 - raw[140])
    np.testing.assert_array_equal(dataset.X, raw.iloc[:, :140])
    assert [*dataset.X.columns[[0, 139]]] == ["t000", "t139"]


def test_kddcup99_columns(data_folder):
    need_files(CARDS["kddcup99"], data_folder)
    X = datasets.load("kddcup99").X
    text = [c for c in X if not pd.api.types.is_numeric_dtype(X[c])]
    assert text == ["protocol_type", "service", "flag"]
    assert set(X["protocol_type"]) == {"icmp", "tcp", "udp"}
    assert X.columns[-1] == "dst_host_srv_rerror_rate"


def test_series_are_labelled_inside_their_windows(data_folder):
    name = "nab/art_daily_flatmiddle"
    need_files(CARDS[name], data_folder)
    raw = pd.read_csv(data_folder / CARDS[name].files[0].path)
    inside = raw["timestamp"].between("2014-04-10 07:15:00", "2014-04-11 16:45:00")
    dataset = datasets.load(name)
    np.testing.assert_array_equal(dataset.y == 1, inside)
    assert list(dataset.X) == ["value"]


@pytest.mark.parametrize("name", ["breast_cancer", "ecg5000"])
def test_rows_can_only_be_chosen_for_simulated_sets(name):
    with pytest.raises(InputError, match=f"{name} has .* not simulated.*leave rows out"):
        datasets.load(name, rows=100)


@pytest.mark.parametrize("name", ["breast_cancer", "card_transactions_simulated"])
def test_nothing_to_fetch(name):
    with pytest.raises(InputError, match="nothing to fetch"):
        datasets.fetch(name)


def test_content_hash_is_as_documented():
    dataset = Dataset("mine", pd.DataFrame({"a": [1, 2], "b": [0.5, -1]}), np.array([0, 1]), "")
    by_hand = b"a\nb" + struct.pack("<4d", 1, 2, 0.5, -1) + bytes([0, 1])
    assert datasets.content_sha256(dataset.X, dataset.y) == hashlib.sha256(by_hand).hexdigest()
    assert datasets.load("digits").sha256 == datasets.content_sha256(
        datasets.load("digits").X, datasets.load("digits").y
    )


def test_dataset_gets_a_fresh_index_and_small_labels():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0]}, index=[7, 7, 9])
    dataset = Dataset("mine", X, [False, True, False], "")
    assert list(dataset.X.index) == [0, 1, 2]
    assert list(X.index) == [7, 7, 9]
    assert dataset.y.dtype == np.int8
    assert dataset.prevalence == 1 / 3
    assert repr(dataset) == "Dataset('mine': 3 rows x 1 features, 1 anomalies, 33.33%)"


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((2, 2)), [0, 1], "X should be a pandas DataFrame, got ndarray"),
        (pd.DataFrame({"a": []}), [], "at least one row and one column"),
        (pd.DataFrame(index=[0, 1]), [0, 1], "at least one row and one column"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), [0], "more than once: \\['a'\\]"),
        (pd.DataFrame([[1, 2]]), [0], "column names should be text"),
        (pd.DataFrame({"a": [1, 2]}), [0], "expected 2 labels"),
        (pd.DataFrame({"a": [1, 2]}), [[0, 1]], "expected 2 labels"),
        (pd.DataFrame({"a": [1, 2]}), [0, 2], "1 \\(anomaly\\) or 0 \\(normal\\)"),
        (pd.DataFrame({"a": [1, 2]}), [0, np.nan], "1 \\(anomaly\\) or 0 \\(normal\\)"),
    ],
)
def test_dataset_refuses(X, y, message):
    with pytest.raises(InputError, match=message):
        Dataset("mine", X, y, "")
