"""Models come back from their files as they were, and files that are no models do nothing."""

from __future__ import annotations

import copy
import getpass
import io
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import IsolationForest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.neighbors import KDTree, NearestNeighbors
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import anomaly_lab.detectors
from anomaly_lab import AnomalyModel, thresholds
from anomaly_lab.contract import Card, Detector, UnfittedError
from anomaly_lab.detectors import AutoencoderDetector, CentroidDetector, KNNDetector, all_detectors
from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.neural import backend
from anomaly_lab.storage import archive, estimators, networks
from anomaly_lab.thresholds import POT, Fixed, Quantile

NAMES = sorted(all_detectors())
NETWORK_NAMES = ["autoencoder", "vae"]
PLAIN_NAMES = [name for name in NAMES if name not in NETWORK_NAMES]


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.normal(size=(60, 4)), columns=["a", "b", "c", "d"])
    return rows.assign(kind=rng.choice(["red", "green", "blue"], 60))


FIT, CALIBRATE, TEST = table(0), table(1), table(2)


def fitted(detector: Detector) -> AnomalyModel:
    return AnomalyModel(detector, "quantile:0.9").fit(FIT).calibrate(CALIBRATE)


@pytest.fixture(scope="module")
def models() -> dict[str, AnomalyModel]:
    detectors = {name: kind() for name, kind in all_detectors().items()}
    for name in NETWORK_NAMES:
        detectors[name].set_params(hidden=(4,), epochs=2)
    detectors["isolation_forest"].set_params(n_estimators=10)
    detectors["ensemble"].set_params(detectors=("centroid", "knn"))  # no network: quick
    return {name: fitted(detector) for name, detector in detectors.items()}


@pytest.fixture(scope="module")
def files(models: dict[str, AnomalyModel], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, model in models.items():
        model.save(folder / name)
    return folder


def unzip(source: Path | bytes) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def first(members: dict[str, bytes], suffix: str) -> str:
    return next(name for name in members if name.endswith(suffix))


def forge(source: Path, target: Path, changes: dict[str, bytes | None], **manifest: Any) -> Path:
    """Copy a model with members and manifest entries changed, and with right fingerprints."""
    members = {**unzip(source), **changes}
    members = {name: content for name, content in members.items() if content is not None}
    text = json.loads(members.pop("manifest.json"))
    text["members"] = {name: archive.fingerprint(content) for name, content in members.items()}
    text.update(manifest)
    target.write_bytes(archive.pack({"manifest.json": json.dumps(text).encode(), **members}))
    return target


def refusal(path: Path) -> str:
    with pytest.raises(ModelFileError) as caught:
        AnomalyModel.load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "expected" in message
    return message.replace(str(path), "")  # the folder is named after the test


# Round trips


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_judges_as_the_saved_one(
    name: str, models: dict[str, AnomalyModel], files: Path
) -> None:
    model, loaded = models[name], AnomalyModel.load(files / name)
    np.testing.assert_array_equal(loaded.anomaly_score(TEST), model.anomaly_score(TEST))
    np.testing.assert_array_equal(loaded.flag(TEST), model.flag(TEST))
    assert 0 < loaded.flag(TEST).sum() < len(TEST)
    assert loaded.cutoff == model.cutoff
    assert loaded.threshold_ == model.threshold_
    assert type(loaded.detector_) is type(model.detector_)
    assert loaded.detector_.get_params() == model.detector_.get_params()
    assert vars(loaded.detector_).keys() == vars(model.detector_).keys()
    assert loaded.detector_.offset_ == model.detector_.offset_


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_explains_as_the_saved_one(
    name: str, models: dict[str, AnomalyModel], files: Path
) -> None:
    loaded = AnomalyModel.load(files / name)
    if not hasattr(models[name].detector_, "contributions"):
        assert not hasattr(loaded.detector_, "contributions")
        return
    pd.testing.assert_frame_equal(loaded.explain(TEST), models[name].explain(TEST))


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_model_can_be_fitted_again(
    name: str, models: dict[str, AnomalyModel], files: Path
) -> None:
    again = AnomalyModel.load(files / name).fit(FIT).calibrate(CALIBRATE)
    np.testing.assert_array_equal(again.anomaly_score(TEST), models[name].anomaly_score(TEST))
    assert again.cutoff == models[name].cutoff


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_networks_keep_their_history(
    name: str, models: dict[str, AnomalyModel], files: Path
) -> None:
    history = AnomalyModel.load(files / name).detector_.history_
    pd.testing.assert_frame_equal(history, models[name].detector_.history_)


_IN_A_FRESH_PROCESS = """
import sys
import pandas as pd
from anomaly_lab import AnomalyModel
folder, *names = sys.argv[1:]
rows = pd.read_parquet(folder + "/rows.parquet")
for name in names:
    print(name, "keras" in sys.modules, end=" ")
    model = AnomalyModel.load(f"{folder}/{name}")
    model.save(f"{folder}/copy")
    print(model.anomaly_score(rows).tobytes().hex())
"""


def test_models_load_in_a_fresh_process_and_import_keras_only_for_networks(
    models: dict[str, AnomalyModel], files: Path
) -> None:
    TEST.to_parquet(files / "rows.parquet")
    names = [*PLAIN_NAMES, *NETWORK_NAMES]  # Keras is not there until the last but one is loaded
    command = [sys.executable, "-c", _IN_A_FRESH_PROCESS, str(files), *names]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    for name, line in zip(names, output, strict=False):
        there = str(name == NETWORK_NAMES[-1])
        assert line.split() == [name, there, models[name].anomaly_score(TEST).tobytes().hex()]


def test_a_model_without_cutoff_comes_back_without_one(tmp_path: Path) -> None:
    AnomalyModel("pca").fit(FIT).save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m")
    with pytest.raises(UnfittedError, match="calibrate"):
        _ = loaded.cutoff
    assert loaded.calibrate(CALIBRATE).cutoff == (
        AnomalyModel("pca").fit(FIT).calibrate(CALIBRATE).cutoff
    )


def test_a_rule_that_was_swapped_and_not_calibrated_comes_back_without_a_cutoff(
    tmp_path: Path,
) -> None:
    model = AnomalyModel("pca", "quantile:0.5").fit(FIT).calibrate(CALIBRATE)
    model.threshold = Quantile(0.9)
    model.save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m")
    assert loaded.threshold == Quantile(0.9)
    with pytest.raises(UnfittedError, match="calibrate"):
        _ = loaded.cutoff


def test_a_loaded_model_can_be_cloned_and_shares_nothing_with_its_parameters(
    models: dict[str, AnomalyModel], files: Path
) -> None:
    loaded = AnomalyModel.load(files / "knn")
    assert loaded.detector is not loaded.detector_
    assert not hasattr(loaded.detector, "offset_")
    assert loaded.threshold is not loaded.threshold_
    again = clone(loaded).fit(FIT).calibrate(CALIBRATE)
    np.testing.assert_array_equal(again.flag(TEST), models["knn"].flag(TEST))


@pytest.mark.parametrize("rule", sorted(thresholds.RULES))
def test_every_threshold_rule_comes_back(rule: str, tmp_path: Path) -> None:
    spec = {"fixed": "fixed:0.1", "quantile": "quantile:0.9123", "pot": "pot:0.01,0.5"}
    model = AnomalyModel("centroid", spec.get(rule, rule)).fit(FIT)
    model.calibrate(CALIBRATE, np.arange(60) % 2 if thresholds.RULES[rule].needs_labels else None)
    model.save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m").threshold_
    assert vars(loaded) == vars(model.threshold_)
    assert loaded == model.threshold_


def test_an_infinite_cutoff_comes_back(tmp_path: Path) -> None:
    model = AnomalyModel("centroid").fit(FIT).calibrate(CALIBRATE)
    model.threshold_.cutoff_ = np.inf
    model.save(tmp_path / "m")
    assert AnomalyModel.load(tmp_path / "m").cutoff == np.inf


def test_imputation_and_column_order_come_back(tmp_path: Path) -> None:
    gaps = FIT.copy()
    gaps.loc[3, "a"], gaps.loc[4, "kind"] = np.nan, None
    model = AnomalyModel("pca", impute="median").fit(gaps).calibrate(CALIBRATE)
    model.save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m")
    shuffled = gaps[gaps.columns[::-1]]
    np.testing.assert_array_equal(loaded.anomaly_score(shuffled), model.anomaly_score(gaps))
    assert loaded.preprocessor_.impute == "median"


def test_parameters_of_many_kinds_come_back(tmp_path: Path) -> None:
    detector = KNNDetector(n_neighbors=np.int64(3), method="mean")
    fitted(detector).save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m").detector_.get_params()
    assert loaded == detector.get_params()
    assert type(loaded["n_neighbors"]) is np.int64


# Third parties' detectors, and what cannot be stored


class Committee(Detector):
    """Everything a third party may keep: networks in a dict, estimators, arrays, a frame."""

    card = Card("committee", "Committee", "i", "s", "w", "f", "c", "r")

    def __init__(self, size: int = 2, combine: Any = None, rule: Any = None):
        self.size = size
        self.combine = combine
        self.rule = rule

    def _fit(self, X: np.ndarray) -> np.ndarray:
        keras = backend.load()
        inputs = keras.Input((X.shape[1],))
        hidden = keras.layers.Dense(3, activation="tanh", kernel_regularizer="l2")(inputs)
        functional = keras.Model(inputs, keras.layers.concatenate([hidden, inputs]))
        stack = keras.Sequential([keras.Input((X.shape[1],)), keras.layers.Dense(2)])
        stack.compile("adam", "mse")
        self.networks_ = {"all": [functional, (stack, 1.5)]}
        self.clusters_ = KMeans(self.size, random_state=0, n_init=1).fit(X)
        self.other_ = CentroidDetector().fit(X)
        self.frame_ = pd.DataFrame({"x": [0.1, np.nan], "n": [1, 2], "t": ["u", "v"]}, index=[5, 7])
        self._weights = np.arange(3, dtype=np.float32)
        return self._anomaly_score(X)

    def _anomaly_score(self, X: np.ndarray) -> np.ndarray:
        functional, (stack, factor) = self.networks_["all"]
        networks = [network.predict_on_batch(X).sum(axis=1) for network in (functional, stack)]
        distances = self.clusters_.transform(X).min(axis=1)
        others = self.other_.anomaly_score(X) * self._weights[1]
        return factor * networks[0] + networks[1] + distances + others


class _EntryPoint:
    name = value = "committee"

    def load(self) -> type[Detector]:
        return Committee


@pytest.fixture
def _with_committee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anomaly_lab.detectors, "entry_points", lambda **_: [_EntryPoint()])


@pytest.mark.usefixtures("_with_committee")
def test_a_third_partys_detector_comes_back(tmp_path: Path) -> None:
    model = fitted(Committee(size=3, rule=Quantile(0.8)))
    model.save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.anomaly_score(TEST), model.anomaly_score(TEST))
    np.testing.assert_array_equal(loaded.flag(TEST), model.flag(TEST))
    pd.testing.assert_frame_equal(loaded.detector_.frame_, model.detector_.frame_)
    assert loaded.detector_._weights.dtype == np.float32
    assert isinstance(loaded.detector_.networks_["all"][1], tuple)
    assert loaded.detector_.get_params() == model.detector_.get_params()


def test_a_detector_that_is_not_listed_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Committee cannot be stored.*entry point"):
        fitted(Committee()).save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_with_committee")
@pytest.mark.parametrize(
    "value", [lambda x: x, open, io.StringIO(), object(), np.array([io.StringIO()], dtype=object)]
)
def test_an_attribute_that_cannot_be_stored_is_named(tmp_path: Path, value: object) -> None:
    model = fitted(Committee())
    model.detector_.odd_ = value
    with pytest.raises(InputError, match=r"Cannot store committee.odd_"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_with_committee")
def test_a_lambda_layer_is_not_stored(tmp_path: Path) -> None:
    keras = backend.load()
    model = fitted(Committee())
    model.detector_.net_ = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x)])
    with pytest.raises(InputError, match=r"committee.net_.*Lambda"):
        model.save(tmp_path / "m")


def test_a_threshold_of_another_kind_is_not_stored(tmp_path: Path) -> None:
    class Mine(Fixed):
        name = "mine"

    model = AnomalyModel("centroid", Mine(1.0)).fit(FIT).calibrate(CALIBRATE)
    with pytest.raises(InputError, match=r"Mine cannot be stored.*Fixed\(model.cutoff\)"):
        model.save(tmp_path / "m")


def _own_networks(d: int) -> tuple[Any, Any]:
    keras = backend.load()
    encoder = keras.Sequential([keras.Input((d,)), keras.layers.Dense(2)])
    return encoder, keras.Sequential([keras.Input((2,)), keras.layers.Dense(d)])


def test_networks_of_a_build_function_are_stored_and_the_function_is_not(tmp_path: Path) -> None:
    model = fitted(AutoencoderDetector(epochs=2, build=_own_networks))
    model.save(tmp_path / "m")
    loaded = AnomalyModel.load(tmp_path / "m")
    assert loaded.detector_.build is None
    assert loaded.detector_.encode(np.zeros((1, 7))).shape == (1, 2)
    np.testing.assert_array_equal(loaded.anomaly_score(TEST), model.anomaly_score(TEST))


# Saving


def test_an_unfitted_model_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(UnfittedError, match="call fit"):
        AnomalyModel("pca").save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
def test_saving_twice_gives_the_same_bytes(
    name: str, models: dict[str, AnomalyModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models[name].save(tmp_path / "one")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    models[name].save(tmp_path / "two")
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_tells_nothing_of_the_machine(name: str, files: Path) -> None:
    content = (files / name).read_bytes()
    private = [str(Path.home()), str(files), os.getcwd(), sys.prefix, os.uname().nodename]
    private += [f'"{getpass.getuser()}"', "/tmp", "date_saved"]
    assert [word for word in private if word.encode() in content] == []


def test_the_manifest_names_versions(files: Path) -> None:
    versions = json.loads(unzip(files / "autoencoder")["manifest.json"])["versions"]
    assert versions.keys() == {"anomaly_lab", "keras", "numpy", "scikit-learn", "skops"}
    assert "keras" not in json.loads(unzip(files / "knn")["manifest.json"])["versions"]


def test_a_file_holds_no_memory_addresses(files: Path) -> None:
    for members in map(unzip, (files / name for name in NAMES)):
        for part in (unzip(members[name]) for name in members if name != "manifest.json"):
            text = part.get("schema.json") or part["config.json"]
            ids = re.findall(rb'"(?:__id__|shared_object_id)": (\d+)', text)
            assert ids
            assert max(map(int, ids)) < 100_000


@pytest.mark.parametrize("step", ["replace", "fsync"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_save_leaves_the_old_file_whole(
    step: str,
    error: type[BaseException],
    models: dict[str, AnomalyModel],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "m"
    models["pca"].save(target)
    before = target.read_bytes()

    def interrupt(*_: object) -> None:
        raise error("stop")

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises((KeyboardInterrupt, InputError)):
        models["knn"].save(target)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_half_way_leaves_the_old_file_whole(
    models: dict[str, AnomalyModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m"
    models["pca"].save(target)
    before = target.read_bytes()

    def fail(*_: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr(networks, "encode", fail)
    with pytest.raises(RuntimeError, match="half way"):
        models["autoencoder"].save(target)
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


def test_saving_where_no_file_can_be_is_refused(
    models: dict[str, AnomalyModel], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="folder"):
        models["pca"].save(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        models["pca"].save(tmp_path / "missing" / "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="folder"):
        models["pca"].save(tmp_path / "file" / "m")


def test_saving_to_a_folder_without_permission_is_refused(
    models: dict[str, AnomalyModel], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(InputError, match="may not be written"):
        models["pca"].save(tmp_path / "m")


# Loading what is no model


def test_a_path_without_a_readable_file_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="There is no file"):
        AnomalyModel.load(tmp_path / "missing")
    with pytest.raises(InputError, match="Cannot read"):
        AnomalyModel.load(tmp_path)

    def deny(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "m").write_bytes(b"")
    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(InputError, match=r"Cannot read .*Permission denied"):
        AnomalyModel.load(tmp_path / "m")


class _Bomb:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"PK\x05\x06" + bytes(18)])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(content)
    refusal(tmp_path / "m")


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps(_Bomb(tmp_path / "marker")))
    assert "zip" in refusal(tmp_path / "m")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["knn", "autoencoder"])
def test_a_truncated_file_is_refused(name: str, files: Path, tmp_path: Path) -> None:
    content = (files / name).read_bytes()
    for end in np.linspace(0, len(content) - 1, 40).astype(int):
        (tmp_path / "m").write_bytes(content[:end])
        refusal(tmp_path / "m")


@pytest.mark.parametrize("name", ["centroid", "autoencoder"])
def test_a_flipped_byte_is_refused_or_does_nothing(
    name: str, models: dict[str, AnomalyModel], files: Path, tmp_path: Path
) -> None:
    content = (files / name).read_bytes()
    rng = np.random.default_rng(0)
    anywhere = rng.integers(0, len(content), 60)
    in_the_directory = rng.integers(len(content) - 600, len(content), 60)
    refused = 0
    for place in [*anywhere, *in_the_directory]:
        altered = bytearray(content)
        altered[place] ^= int(rng.integers(1, 256))
        (tmp_path / "m").write_bytes(altered)
        try:
            scores = AnomalyModel.load(tmp_path / "m").anomaly_score(TEST)
        except ModelFileError:
            refused += 1
        else:
            np.testing.assert_array_equal(scores, models[name].anomaly_score(TEST))
    assert refused > 80


def test_members_must_be_those_of_the_manifest(files: Path, tmp_path: Path) -> None:
    members = unzip(files / "pca")
    name = first(members, ".skops")

    def refused(changed: dict[str, bytes]) -> str:
        (tmp_path / "m").write_bytes(archive.pack(changed))
        return refusal(tmp_path / "m")

    assert name in refused({**members, name: members[name] + b" "})
    assert name in refused({**members, name: bytes(len(members[name]))})
    assert name in refused({key: value for key, value in members.items() if key != name})
    assert "77.skops" in refused({**members, "77.skops": members[name]})
    assert "manifest" in refused({name: members[name]})


@pytest.mark.parametrize(
    "name", ["../m", "/etc/m", "a/0.skops", "0.pkl", "C:\\0.skops", "0.skops\n"]
)
def test_odd_member_names_are_refused(name: str, files: Path, tmp_path: Path) -> None:
    forge(files / "pca", tmp_path / "m", {name: b"x"})
    assert "members that a model does not have" in refusal(tmp_path / "m")


def test_a_member_given_twice_is_refused(files: Path, tmp_path: Path) -> None:
    shutil.copy(files / "pca", tmp_path / "m")
    with ZipFile(tmp_path / "m", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("manifest.json", "{}")
    assert "members" in refusal(tmp_path / "m")


def test_compressed_members_are_refused_unread(files: Path, tmp_path: Path) -> None:
    with ZipFile(tmp_path / "m", "w", ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", unzip(files / "pca")["manifest.json"])
        archive.writestr("0.skops", bytes(10**8))
    assert (tmp_path / "m").stat().st_size < 10**6
    assert "compressed" in refusal(tmp_path / "m")


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "m", "w") as archive:
        archive.writestr("0.skops", bytes(10**5))
        for number in range(1, 50):
            twin = copy.copy(archive.infolist()[0])
            twin.filename = f"{number}.skops"
            archive.filelist.append(twin)
            archive.NameToInfo[twin.filename] = twin
        archive._didModify = True
    assert "its members overlap" in refusal(tmp_path / "m")


def test_a_newer_format_says_so(files: Path, tmp_path: Path) -> None:
    forge(files / "pca", tmp_path / "m", {}, format=archive.FORMAT + 1)
    assert "install a newer anomaly_lab" in refusal(tmp_path / "m")


@pytest.mark.parametrize("wrong", [None, True, "1", 0, 1.0, []])
def test_a_format_that_is_no_number_is_refused(wrong: object, files: Path, tmp_path: Path) -> None:
    forge(files / "pca", tmp_path / "m", {}, format=wrong)
    assert "format" in refusal(tmp_path / "m")


def test_an_unknown_detector_is_refused(files: Path, tmp_path: Path) -> None:
    manifest = json.loads(unzip(files / "pca")["manifest.json"])
    node = manifest["detector"]["detector"] | {"name": "os.system"}
    forge(files / "pca", tmp_path / "m", {}, detector={"detector": node})
    assert "'os.system', which is not installed" in refusal(tmp_path / "m")


WRONG: list[tuple[str, Any]] = [
    (key, value)
    for key in ("preprocessor", "detector", "threshold", "versions", "members")
    for value in (None, 3, "text", [], {}, {"dict": []}, {"eval": "1"}, {"skops": "9.skops"})
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_wrong_types_in_the_manifest_are_refused(
    key: str, value: object, files: Path, tmp_path: Path
) -> None:
    forge(files / "centroid", tmp_path / "m", {}, **{key: value})
    refusal(tmp_path / "m")


def _edit(node: Any, path: str, value: object) -> None:
    *parents, last = path.split(".")
    for key in parents:
        node = node[key]
    node[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("detector.detector.state", {}),
        ("detector.detector.state.mean_", "text"),
        ("detector.detector.state.n_features_in_", None),
        ("detector.detector.state.__class__", "text"),
        ("detector.detector.state.variance", 0.5),
        ("detector.detector.params", {"unknown": 1}),
        ("detector.detector.params", []),
        ("detector.detector.name", ["centroid"]),
        ("threshold.threshold.spec", 5),
        ("threshold.threshold.spec", "nonsense"),
        ("threshold.threshold.cutoff", "5"),
        ("threshold.threshold.cutoff", True),
        ("threshold.threshold.cutoff", float("nan")),
        ("detector", {"threshold": {"spec": "fixed:1", "cutoff": 1.0, "tail": None}}),
    ],
)
def test_wrong_types_deep_in_the_manifest_are_refused(
    path: str, value: object, files: Path, tmp_path: Path
) -> None:
    manifest = json.loads(unzip(files / "pca")["manifest.json"])
    _edit(manifest, path, value)
    forge(files / "pca", tmp_path / "m", {"manifest.json": json.dumps(manifest).encode()})
    refusal(tmp_path / "m")


def test_a_manifest_nested_without_end_is_refused(files: Path, tmp_path: Path) -> None:
    members = unzip(files / "pca")
    members["manifest.json"] = b"[" * 100_000
    (tmp_path / "m").write_bytes(archive.pack(members))
    refusal(tmp_path / "m")


# Hostile scikit-learn parts


def _hostile(loader: str, module: str, name: str, **extra: Any) -> dict[str, Any]:
    return {"__class__": name, "__module__": module, "__loader__": loader, "__id__": 1, **extra}


def _text(content: str) -> dict[str, Any]:
    return _hostile("JsonNode", "builtins", "str", content=json.dumps(content), is_json=True)


def _arguments(*texts: str) -> dict[str, Any]:
    nodes = [_text(text) | {"__id__": i + 10} for i, text in enumerate(texts)]
    return _hostile("TupleNode", "builtins", "tuple", content=nodes) | {"__id__": 2}


HOSTILE: dict[str, Callable[[str], dict[str, Any]]] = {
    "os.system": lambda code: _hostile(
        "ConstructorFromReduceNode", "os", "system", content=_arguments(code)
    ),
    "builtins.eval": lambda code: _hostile(
        "ConstructorFromReduceNode", "builtins", "eval", content=_arguments(code)
    ),
    "posix.system": lambda code: _hostile("FunctionNode", "posix", "system"),
    "builtins.exec": lambda code: _hostile("TypeNode", "builtins", "exec"),
    "operator.methodcaller": lambda code: _hostile(
        "OperatorFuncNode", "operator", "methodcaller", attrs=_arguments("run")
    ),
    "subprocess.Popen": lambda code: _hostile(
        "ObjectNode", "subprocess", "Popen", content=_arguments(code)
    ),
}


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_hostile_scikit_learn_part_is_refused_and_not_run(
    kind: str, files: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    code = f"open({str(marker)!r}, 'w')" if "eval" in kind else f"touch {marker}"
    schema = HOSTILE[kind](code) | {"protocol": 2, "_skops_version": "0.16"}
    part = archive.pack({"schema.json": json.dumps(schema).encode()})
    name = first(unzip(files / "pca"), ".skops")
    message = refusal(forge(files / "pca", tmp_path / "m", {name: part}))
    assert kind in message
    assert not marker.exists()


def test_a_type_outside_the_list_is_refused_though_harmless(files: Path, tmp_path: Path) -> None:
    part = archive.pack(
        {
            "schema.json": json.dumps(
                _hostile("ObjectNode", "pathlib", "PurePosixPath") | {"protocol": 2}
            ).encode()
        }
    )
    name = first(unzip(files / "pca"), ".skops")
    assert "pathlib.PurePosixPath" in refusal(forge(files / "pca", tmp_path / "m", {name: part}))


def test_a_broken_scikit_learn_part_is_refused(files: Path, tmp_path: Path) -> None:
    name = first(unzip(files / "pca"), ".skops")
    for part in (b"", b"PK", pickle.dumps(1), archive.pack({"schema.json": b"{}"})):
        refusal(forge(files / "pca", tmp_path / "m", {name: part}))


def _part_with(estimator: Any) -> bytes:
    return estimators.encode(estimator, "it")


def _nodes_of(content: bytes, field: str, value: int) -> bytes:
    """Set a field of the first node of every tree in a scikit-learn part."""
    members = unzip(content)
    for name in members:
        if name.endswith(".npy"):
            array = np.load(io.BytesIO(members[name]))
            if field in (array.dtype.names or ()):
                array[field].flat[0] = value
                buffer = io.BytesIO()
                np.save(buffer, array)
                members[name] = buffer.getvalue()
    return archive.pack(members)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("left_child", 10**6),
        ("right_child", -7),
        ("left_child", 0),
        ("feature", 99),
        ("feature", -9),
    ],
)
def test_a_forest_that_points_outside_of_itself_is_refused(field: str, value: int) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    part = _part_with(IsolationForest(n_estimators=2, random_state=0).fit(rows))
    estimators.decode(part)
    with pytest.raises(ModelFileError, match=r"Tree .*outside of itself"):
        estimators.decode(_nodes_of(part, field, value))


@pytest.mark.parametrize(
    ("field", "value"), [("idx_start", -5), ("idx_end", 10**6), ("idx_start", 10**6)]
)
def test_a_search_tree_that_points_outside_of_itself_is_refused(field: str, value: int) -> None:
    rows = np.random.default_rng(0).normal(size=(100, 3))
    part = _part_with(NearestNeighbors().fit(rows))
    assert isinstance(estimators.decode(part)._tree, KDTree)
    with pytest.raises(ModelFileError, match=r"KDTree .*outside of itself"):
        estimators.decode(_nodes_of(part, field, value))


def _edited(part: bytes, change: Callable[[Any], None]) -> bytes:
    """A scikit-learn part whose first object's attributes are changed, by name."""
    members = unzip(part)
    schema = json.loads(members["schema.json"])
    change(schema["content"]["content"])
    return archive.pack({**members, "schema.json": json.dumps(schema).encode()})


def _forest() -> bytes:
    rows = np.random.default_rng(0).normal(size=(60, 3))
    return _part_with(IsolationForest(n_estimators=2, random_state=0).fit(rows))


def _without_width(attributes: Any) -> None:
    del attributes["n_features_in_"]


def _of_odd_width(attributes: Any) -> None:
    attributes["n_features_in_"]["content"] = "true"


def _trees_in_a_set(attributes: Any) -> None:
    node = attributes["estimators_"]
    node.update(__class__="set", __loader__="SetNode")


def _parameter_of_a_path(attributes: Any) -> None:
    attributes["bootstrap"] = _hostile("ObjectNode", "pathlib", "PurePosixPath")


def _many_threads(attributes: Any) -> None:
    attributes["n_jobs"] = _hostile(
        "JsonNode", "builtins", "int", content="1000000000", is_json=True
    )


def _without_a_parameter(attributes: Any) -> None:
    del attributes["max_samples"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_without_width, "outside of itself"),
        (_of_odd_width, "features"),
        (_trees_in_a_set, r"may not hold: builtins\.set"),
        (_parameter_of_a_path, r"may not hold: pathlib\.PurePosixPath"),
        (_many_threads, "too many threads"),
        (_without_a_parameter, "max_samples"),
    ],
)
def test_a_forest_that_compiled_code_would_trust_is_refused(
    change: Callable[[Any], None], reason: str
) -> None:
    with pytest.raises((ModelFileError, AttributeError), match=reason):
        estimators.decode(_edited(_forest(), change))


def test_an_estimator_that_could_open_a_file_is_neither_saved_nor_loaded(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not to be read", "utf-8")
    reader = CountVectorizer(input="filename").fit([str(secret)])
    with pytest.raises(InputError, match=r"Cannot store it.*CountVectorizer"):
        _part_with(reader)
    with pytest.raises(ModelFileError, match="CountVectorizer"):
        estimators.decode(skops.io.dumps(reader))
    with pytest.raises(InputError, match="memory"):
        _part_with(Pipeline([("scale", StandardScaler())], memory=str(tmp_path)))


def test_an_array_that_says_it_is_larger_than_it_is_is_refused() -> None:
    members = unzip(_part_with(np.zeros(4)))
    name = first(members, ".npy")
    members[name] = members[name].replace(b"(4,), }           ", b"(40000000000,), }  ")
    assert b"40000000000" in members[name]
    with pytest.raises(ModelFileError, match="not as large as it says"):
        estimators.decode(archive.pack(members))


# Numbers that are not finite


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["pca", "knn", "isolation_forest", "autoencoder"])
def test_a_model_with_a_number_that_is_not_finite_is_not_saved(
    value: float, name: str, models: dict[str, AnomalyModel], tmp_path: Path
) -> None:
    model = copy.deepcopy(models[name])
    if name == "autoencoder":
        network = next(v for v in vars(model.detector_).values() if networks.is_network(v))
        network.set_weights([np.full_like(weights, value) for weights in network.get_weights()])
    elif name == "isolation_forest":
        model.detector_.forest_.estimators_[1].tree_.threshold[0] = value
    else:
        model.detector_.training_scores_[3] = value
    with pytest.raises(InputError, match=r"finite|outside of itself"):
        model.save(tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


def test_a_model_with_a_number_that_is_not_finite_is_not_loaded(
    files: Path, tmp_path: Path
) -> None:
    manifest = json.loads(unzip(files / "pca")["manifest.json"])
    _edit(manifest, "detector.detector.state.offset_", float("nan"))
    forge(files / "pca", tmp_path / "m", {"manifest.json": json.dumps(manifest).encode()})
    assert "offset_" in refusal(tmp_path / "m")
    for name, part in unzip(files / "pca").items():
        if name.endswith(".skops") and b"float64" in part:
            members = unzip(part)
            for inner in [inner for inner in members if inner.endswith(".npy")]:
                array = np.load(io.BytesIO(members[inner]))
                if array.dtype.kind == "f":
                    buffer = io.BytesIO()
                    np.save(buffer, np.full_like(array, np.inf))
                    changed = archive.pack({**members, inner: buffer.getvalue()})
                    assert "finite" in refusal(
                        forge(files / "pca", tmp_path / "m", {name: changed})
                    )


# What is no file


@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "huge", "folder"])
def test_what_is_no_model_file_is_refused_at_once(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link to a device":
        path.symlink_to("/dev/zero")
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(archive.LARGEST + 1)
    elif kind == "folder":
        path.mkdir()
    with pytest.raises(InputError):
        AnomalyModel.load("/dev/zero" if kind == "device" else path)


# Hostile networks


def _with_units(files: Path, units: int) -> bytes:
    config = _config(files)
    dense = [layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense"]
    dense[-1]["config"]["units"] = units
    return _keras_file(config, files)


REPEAT = {"module": "keras.layers", "class_name": "RepeatVector", "config": {"n": 10**9}}


def test_a_layer_of_a_billion_outputs_is_refused_before_it_is_built(
    files: Path, tmp_path: Path
) -> None:
    name = first(unzip(files / "autoencoder"), ".keras")
    part = _with_units(files, 10**9)
    message = refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))
    assert re.search(r"a network in it has [\d,]{13,} weights in [\d,]+ bytes", message)
    part = _keras_file(_with_layer(files, REPEAT), files)
    message = refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))
    assert "outputs a row" in message


def test_weights_in_another_file_are_not_looked_for(files: Path, tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.ones(3)
    members = unzip(files / "autoencoder")
    name = first(members, ".keras")
    inner = unzip(members[name])
    for link in (h5py.ExternalLink(str(tmp_path / "other.h5"), "x"), h5py.SoftLink("/layers")):
        file = io.BytesIO(inner["model.weights.h5"])
        with h5py.File(file, "r+") as weights:
            weights["layers/more"] = link
        part = archive.pack({**inner, "model.weights.h5": file.getvalue()})
        message = refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))
        assert "has weights elsewhere: more" in message


# Whatever is altered; more on demand, see tests/hostile/models.py


@pytest.mark.parametrize(
    ("names", "count"), [(PLAIN_NAMES, 40), (NETWORK_NAMES, 8)], ids=["plain", "networks"]
)
def test_an_altered_model_scores_or_is_refused(
    names: list[str], count: int, files: Path, tmp_path: Path
) -> None:
    """In a process of its own, which a crash of compiled code would end."""
    for name in names:
        shutil.copy(files / name, tmp_path / f"{name}.anomaly")
    TEST.to_csv(tmp_path / "rows.csv", index=False)
    script = Path(__file__).parent / "hostile" / "models.py"
    command = [sys.executable, str(script), str(tmp_path), "0", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-300:]
    counts = re.fullmatch(r"(\d+) tried: (\d+) right, (\d+) refused\n", done.stdout)
    assert counts, done.stdout
    tried, right, refused = map(int, counts.groups())
    assert tried == right + refused == count * len(names)
    assert min(right, refused) > tried / 10


def _keras_file(config: Any, files: Path) -> bytes:
    members = unzip(unzip(files / "autoencoder")[first(unzip(files / "autoencoder"), ".keras")])
    return archive.pack({**members, "config.json": json.dumps(config).encode()})


def _config(files: Path) -> Any:
    members = unzip(files / "autoencoder")
    return json.loads(unzip(members[first(members, ".keras")])["config.json"])


def _with_layer(files: Path, layer: dict[str, Any]) -> Any:
    config = _config(files)
    config["config"]["layers"].append(layer)
    return config


LAYERS: dict[str, dict[str, Any]] = {
    "os.system": {"module": "os", "class_name": "system", "config": {}},
    "builtins.function": {"module": "builtins", "class_name": "function", "config": "eval"},
    "keras.layers.Lambda": {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"function": {"class_name": "__lambda__", "config": {"value": "AAAA"}}},
    },
    "None.Lambda": {"class_name": "Lambda", "config": {"function": ["AAAA", None, None]}},
    "keras.layers.TFSMLayer": {
        "module": "keras.layers",
        "class_name": "TFSMLayer",
        "config": {"filepath": "/tmp/x"},
    },
    "keras.layers.TextVectorization": {
        "module": "keras.layers",
        "class_name": "TextVectorization",
        "config": {"vocabulary": "/etc/passwd"},
    },
    "keras.utils.get_file": {"module": "keras.utils", "class_name": "get_file", "config": {}},
    "keras.initializers.deserialize": {
        "module": "keras.initializers",
        "class_name": "deserialize",
        "config": {},
    },
    "mine.Layer": {"module": "mine", "class_name": "Layer", "config": {}},
    "keras.layers.Dense": {
        "module": "keras.layers",
        "class_name": "Dense",
        "registered_name": "mine>Dense",
        "config": {"units": 2},
    },
}


@pytest.mark.parametrize("kind", sorted(LAYERS))
@pytest.mark.parametrize("deep", [False, True])
def test_a_network_of_more_than_keras_layers_is_refused(
    kind: str, deep: bool, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = LAYERS[kind]
    if deep:  # as an argument of an innocent layer
        layer = {
            "module": "keras.layers",
            "class_name": "TimeDistributed",
            "config": {"layer": layer},
        }
    part = _keras_file(_with_layer(files, layer), files)
    name = first(unzip(files / "autoencoder"), ".keras")
    loaded: list[object] = []
    monkeypatch.setattr(backend.load().saving, "load_model", lambda *a, **k: loaded.append(a))
    assert kind in refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))
    assert loaded == []


def test_a_real_lambda_network_is_refused(files: Path, tmp_path: Path) -> None:
    keras = backend.load()
    marker = tmp_path / "marker"
    layer = keras.layers.Lambda(lambda x, path=str(marker): (Path(path).touch(), x)[1])
    keras.Sequential([keras.Input((2,)), layer]).save(tmp_path / "n.keras")
    marker.unlink(missing_ok=True)
    part = (tmp_path / "n.keras").read_bytes()
    name = first(unzip(files / "autoencoder"), ".keras")
    assert "Lambda" in refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))
    assert not marker.exists()


@pytest.mark.parametrize("config", [None, 3, [], {}, {"class_name": "Dense"}, "text"])
def test_a_configuration_that_is_no_network_is_refused(
    config: object, files: Path, tmp_path: Path
) -> None:
    name = first(unzip(files / "autoencoder"), ".keras")
    part = _keras_file(config, files)
    refusal(forge(files / "autoencoder", tmp_path / "m", {name: part}))


# Versions


@pytest.mark.parametrize(("name", "package"), [("pca", "scikit-learn"), ("autoencoder", "keras")])
def test_another_version_is_a_warning_and_named_in_later_errors(
    name: str, package: str, models: dict[str, AnomalyModel], files: Path, tmp_path: Path
) -> None:
    versions = json.loads(unzip(files / name)["manifest.json"])["versions"]
    old = versions | {package: "0.0.1"}
    forge(files / name, tmp_path / "m", {}, versions=old)
    with pytest.warns(UserWarning, match=rf"{package} 0\.0\.1 \(here {versions[package]}\)"):
        loaded = AnomalyModel.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.anomaly_score(TEST), models[name].anomaly_score(TEST))
    forge(files / name, tmp_path / "m", {first(unzip(files / name), ".skops"): b""}, versions=old)
    with pytest.warns(UserWarning, match="saved with"):
        assert f"{package} 0.0.1 (here {versions[package]})" in refusal(tmp_path / "m")


# Pickling and copying


@pytest.mark.parametrize("name", NAMES)
def test_fitted_models_pickle_and_copy(name: str, models: dict[str, AnomalyModel]) -> None:
    model = models[name]
    for twin in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        np.testing.assert_array_equal(twin.anomaly_score(TEST), model.anomaly_score(TEST))
        assert twin.cutoff == model.cutoff


def test_pot_keeps_its_tail(tmp_path: Path) -> None:
    model = AnomalyModel("centroid", POT(0.01, 0.5)).fit(FIT).calibrate(CALIBRATE)
    model.save(tmp_path / "m")
    assert AnomalyModel.load(tmp_path / "m").threshold_.tail_ == model.threshold_.tail_
