"""The gallery's engine: what is measured, what is kept, what counts, what is run again."""

import ast
import dataclasses
import importlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import plugin
import pytest
from scipy import stats

from anomaly_lab import AnomalyModel, code, datasets, evaluate, split
from anomaly_lab.cache import Cache
from anomaly_lab.contract import Case
from anomaly_lab.datasets import Dataset
from anomaly_lab.detectors import KNNDetector, all_detectors
from anomaly_lab.errors import InputError, UnknownNameError
from anomaly_lab.gallery import fingerprints, recorded, sets, tables, tasks
from anomaly_lab.gallery import run as running
from anomaly_lab.gallery.fingerprints import fingerprint
from anomaly_lab.gallery.records import Environment, Record, from_dict, key, measured, to_dict
from anomaly_lab.gallery.run import UnfinishedError, WorkerLostError, run
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import (
    Map,
    MapResult,
    Score,
    ScoreResult,
    Timing,
    TimingResult,
)
from anomaly_lab.neural import backend

QUICK = sets.scores(["centroid", "pca"], ["breast_cancer"], 2)
HERE = Environment("Python 3.11, a machine", {"numpy": "2"})
SCORED = ScoreResult(1 / 3, 0.1 + 0.2, 2 / 7, np.nan, np.nan, 0.05, 1e-3, 2e-5, 100, 50, 7)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", use_recorded=False)


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """Detectors of somebody else's that break, found here and by worker processes."""
    folder = tmp_path / "site"
    folder.mkdir()
    plugin.lay(folder, "failing_detectors", plugin.FAULTY)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    yield
    plugin.forget("failing_detectors")


def planted(n_normal, n_anomalies, features=3):
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat([0, 1], [n_normal, n_anomalies]))
    rows = rng.normal(size=(n_normal + n_anomalies, features)) + 2 * labels[:, None]
    return Dataset("planted", pd.DataFrame(rows).rename(columns=str), labels, "0" * 64)


def same(one, other):
    """Whether results are equal but for the time they took."""
    plain = [{task: _timeless(result) for task, result in r.items()} for r in (one, other)]
    return plain[0] == plain[1]


def _timeless(result):
    return dataclasses.replace(result, fit_seconds=0.0, score_seconds=0.0)


# --- What is measured ----------------------------------------------------------------------------


@pytest.mark.parametrize("contamination", [0.0, 0.05])
def test_a_score_is_what_the_package_gives_by_hand(contamination):
    result = Score("isolation_forest", "breast_cancer", 3, contamination).measure()
    data = datasets.load("breast_cancer")
    parts = split(data, seed=3, contamination=contamination)
    forest = all_detectors()["isolation_forest"](random_state=3)
    model = AnomalyModel(forest).fit(parts.fit).calibrate(parts.calibrate)
    report = evaluate(parts.test_labels, model.anomaly_score(parts.test), model.cutoff)
    for name in ("roc_auc", "average_precision", "prevalence", "recall", "false_positive_rate"):
        assert getattr(result, name) == getattr(report, name), name
    assert (result.n_fit, result.n_test, result.features) == (len(parts.fit), 171, 30)
    assert result.contamination == data.y[parts.fit.index].mean()
    assert min(result.fit_seconds, result.score_seconds) > 0


def test_of_many_rows_some_are_drawn_before_the_split(monkeypatch):
    data = planted(11_000, 1_000)
    monkeypatch.setattr(tasks, "_load", lambda name: data)
    first, second = (Score("centroid", "planted", seed).measure() for seed in (0, 1))
    assert first.n_test == pytest.approx(3_000, abs=1)
    assert first.roc_auc != second.roc_auc
    keep = np.random.default_rng(1).choice(12_000, 10_000, replace=False)
    drawn = Dataset("drawn", data.X.iloc[keep], data.y[keep], "0" * 64)
    parts = split(drawn, seed=1)
    assert second.prevalence == parts.test_labels.mean()
    assert second.n_fit == len(parts.fit)


def test_contamination_is_cut_to_the_anomalies_there_are(monkeypatch):
    monkeypatch.setattr(tasks, "_load", lambda name: planted(400, 10))
    result = Score("centroid", "planted", 0, 0.05).measure()
    assert result.contamination == 7 / result.n_fit  # 3 of the 10 are for testing
    clean = Score("centroid", "planted", 0).measure()
    assert clean.contamination == 0
    assert clean.n_fit == result.n_fit - 7


def test_a_cutoff_that_cannot_keep_its_promise_is_not_judged(monkeypatch):
    monkeypatch.setattr(tasks, "_load", lambda name: planted(90, 20))
    few = Score("centroid", "planted", 0).measure()
    assert math.isnan(few.recall)
    assert math.isnan(few.false_positive_rate)
    assert few.roc_auc > 0.7
    monkeypatch.setattr(tasks, "_load", lambda name: planted(110, 20))
    assert Score("centroid", "planted", 0).measure().recall > 0


def test_a_map_is_what_the_package_gives_by_hand():
    case = Case("shapes/moons", contamination=0.05, rows=300)
    result = Map("knn", case, (("n_neighbors", 1),)).measure()
    data = datasets.load("shapes/moons", rows=300, seed=0)
    parts = split(data, seed=0, contamination=0.05)
    model = AnomalyModel(KNNDetector(1)).fit(parts.fit).calibrate(parts.calibrate)
    edge = 2 - 2 / 60  # the centre of the outermost cell
    corners = pd.DataFrame({"x": [-edge, edge, -edge], "y": [-edge, -edge, edge]})
    found = result.scores[[0, 0, -1], [0, -1, 0]]
    np.testing.assert_allclose(found, model.anomaly_score(corners), rtol=1e-12)
    np.testing.assert_array_equal(result.X, parts.fit)
    np.testing.assert_array_equal(result.hidden, data.y[parts.fit.index])
    assert result.hidden.mean() == pytest.approx(0.05, abs=0.005)
    np.testing.assert_array_equal(result.test, parts.test)
    np.testing.assert_array_equal(result.labels, parts.test_labels)
    assert result.cutoff == model.cutoff
    assert result.roc_auc == evaluate(parts.test_labels, model.anomaly_score(parts.test), 0).roc_auc


def test_a_timing_is_repeated_where_it_is_quick(monkeypatch):
    fits = []
    fit = all_detectors()["centroid"].fit
    monkeypatch.setattr(
        all_detectors()["centroid"], "fit", lambda self, X: (fits.append(X.shape), fit(self, X))[1]
    )
    result = Timing("centroid", 200, 5).measure()
    assert fits == [(200, 5)] * 5
    assert 0 < result.fit_seconds < 1
    assert 0 < result.score_seconds < 1


# --- Which tasks ---------------------------------------------------------------------------------


def test_every_detector_meets_every_set():
    bundled = sets.scores()
    assert len(bundled) == len(set(bundled)) == len(all_detectors()) * 4 * 5 * 2
    everything = sets.scores(["knn"], [*sets.BUNDLED, *sets.DOWNLOADED])
    assert len(everything) == 2 * 2 * (4 * 5 + 27 * 3)
    assert {task.contamination for task in everything} == {0, sets.CONTAMINATION}
    assert {task.detector for task in everything} == {"centroid", "knn"}  # the trivial one, always


def test_sets_exist_and_twins_point_at_sets_that_count():
    for name in (*sets.BUNDLED, *sets.DOWNLOADED, *sets.TWINS.values()):
        assert datasets.card(name).name == name
    assert not set(sets.TWINS) & set(sets.TWINS.values())
    for name in (*sets.BUNDLED, *sets.DOWNLOADED):  # every set whose card names a relative here
        notes = " ".join(datasets.card(name).notes)
        if "hares its source" in notes or "same source" in notes:
            assert name in {*sets.TWINS, *sets.TWINS.values()} or "kddcup99" in notes, name
    for case in sets.PICTURED:
        assert datasets.card(case.data).features == 2


@pytest.mark.parametrize(
    ("detectors", "names", "told"),
    [
        (["knnn"], sets.BUNDLED, "'knn'"),
        (None, ["digit"], "'digits'"),
        (None, ["nab/art_daily_small_noise"], "no anomalies"),
    ],
)
def test_unknown_names_are_refused(detectors, names, told):
    with pytest.raises((UnknownNameError, InputError), match=told):
        sets.scores(detectors, names)


# --- Results as JSON, and kept -------------------------------------------------------------------

RESULTS = {
    Score("knn", "digits", 0): SCORED,
    Timing("knn", 100, 3): TimingResult(1 / 3, 5e-324),
    Map("knn", Case("shapes/ring")): MapResult(
        scores=np.array([[np.nan, -0.0, np.inf], [1 / 3, 1e300, np.pi]]).T,  # not contiguous
        X=np.array([[0.1, 0.2]], dtype=">f8"),
        hidden=np.array([1], np.int8),
        test=np.empty((0, 2)),
        labels=np.array([], np.int8),
        cutoff=np.float64(-np.inf),
        roc_auc=np.nextafter(0.5, 1),
        fit_seconds=0.1,
        score_seconds=0.2,
    ),
}


@pytest.mark.parametrize("task", RESULTS, ids=lambda task: type(task).__name__)
def test_results_come_back_bit_for_bit(task):
    result = RESULTS[task]
    text = json.dumps(to_dict(result), allow_nan=False)
    back = from_dict(type(result), json.loads(text))
    for field in dataclasses.fields(result):
        one, other = getattr(result, field.name), getattr(back, field.name)
        np.testing.assert_array_equal(np.signbit(one), np.signbit(other))
        np.testing.assert_array_equal(one, other)
        if isinstance(one, np.ndarray):
            assert other.dtype == one.dtype.newbyteorder("=")
            assert other.flags.writeable
        else:
            assert type(other) is type(to_dict(result)[field.name]) or isinstance(other, float)


@pytest.mark.parametrize("task", RESULTS, ids=lambda task: type(task).__name__)
def test_what_is_kept_counts_while_its_fingerprint_holds(task, store):
    assert store.get(task) is None
    record = Record(RESULTS[task], fingerprint(task), HERE, 0.25)
    store.put(task, record)
    found = store.get(task)
    assert to_dict(found.result) == to_dict(record.result)
    assert (found.environment, found.seconds) == (HERE, 0.25)
    assert store.seconds(task) == 0.25
    store.put(task, dataclasses.replace(record, fingerprint="0" * 12))
    assert store.get(task) is None
    assert store.seconds(task) == 0.25
    assert store.current([task]) == store.known([task]) == {}


def test_equal_tasks_share_a_file_and_others_do_not(store):
    assert Score("knn", "digits", 1, 0) == Score("knn", "digits", 1, 0.0)
    one, other = Score("knn", "digits", 1, 0), Score("knn", "digits", np.int64(1), 0.0)
    assert key(one) == key(other)
    assert store.path(one) == store.path(other)
    many = {
        *RESULTS,
        one,
        Score("knn", "digits", 1, 0.05),
        Score("knn", "digits", 2),
        Score("pca", "digits", 1),
        Timing("knn", 100, 4),
        Map("knn", Case("shapes/ring", 0.05)),
        Map("knn", Case("shapes/ring", rows=100)),
        Map("knn", Case("shapes/ring"), (("n_neighbors", 1),)),
        Map("knn", Case("shapes/ring"), (("n_neighbors", 2),)),
    }
    assert len({store.path(task) for task in many}) == len(many) == 12


def test_what_another_version_stored_in_another_form_counts_as_missing(store):
    task = Score("knn", "digits", 0)
    Cache(store.folder).put(key(task), fingerprint(task), {"result": {"roc_auc": 1}, "seconds": 1})
    assert store.get(task) is None
    assert store.seconds(task) == math.inf


def test_a_store_needs_a_folder_it_can_write_to(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="Cannot make the folder"):
        Store(tmp_path / "file" / "store")
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="ANOMALY_LAB_CACHE"):
        Store()
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path / "cache"))
    assert Store().folder == tmp_path / "cache" / "gallery"


# --- Fingerprints --------------------------------------------------------------------------------

MARKED = {
    "knn": Score("knn", "digits", 0),
    "net": Score("autoencoder", "digits", 0),
    "beats": Score("knn", "heartbeats_simulated", 0),
    "cards": Score("knn", "card_transactions_simulated", 0),
    "adbench": Score("knn", "adbench/cardio", 0),
    "nab": Score("knn", "nab/art_daily_flatmiddle", 0),
    "map": Map("knn", Case("shapes/ring")),
    "timing": Timing("knn", 300, 10),
}
EVERYTHING = set(MARKED)
CHANGES = {
    "knn.py": EVERYTHING - {"net"},
    "networks.py": {"net"},
    "backend.py": {"net"},
    "heartbeats.py": {"beats"},
    "shapes.py": {"map"},
    "transactions.py": {"cards"},
    "readers.py": {"knn", "net", "adbench", "nab"},
    "errors.py": set(),
    "paths.py": set(),
    "storage.py": set(),
    "download.py": set(),
    "report.py": set(),
    **dict.fromkeys(
        ("detector.py", "splits.py", "encoding.py", "model.py", "thresholds.py"), EVERYTHING
    ),
    **dict.fromkeys(("evaluation.py", "comparison.py", "tasks.py", "dataset.py"), EVERYTHING),
}


@pytest.mark.parametrize("file", CHANGES)
def test_code_that_makes_a_result_is_in_its_fingerprint(file, monkeypatch):
    before = {name: fingerprint(task) for name, task in MARKED.items()}
    digest = code.digest

    def of_the_others(modules):
        return digest(module for module in modules if code._path(module).name != file)

    monkeypatch.setattr(code, "digest", of_the_others)
    after = {name: fingerprint(task) for name, task in MARKED.items()}
    assert {name for name in MARKED if before[name] != after[name]} == CHANGES[file]


def test_imports_inside_functions_change_no_number():
    """They are not followed: each of those between rows and figures must be known."""
    detectors = [module for name in all_detectors() for module in fingerprints.modules(name)]
    sources = [datasets.function(name).__module__ for name in datasets.names()]
    trees = [code.tree(module) for module in {*fingerprints.harness(), *detectors, *sources}]
    functions = [n for tree in trees for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    nodes = [node for function in functions for node in ast.walk(function)]
    late = {ast.unparse(node) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {line for line in late if "anomaly_lab" in line} == {
        "from anomaly_lab import memory",
        "from anomaly_lab import storage",
        "from anomaly_lab.datasets import download",
        "from anomaly_lab.paths import cache_folder",
    }


def test_versions_and_data_are_in_the_fingerprint(monkeypatch):
    before = {name: fingerprint(task) for name, task in MARKED.items()}

    def changed():
        return {name for name, task in MARKED.items() if fingerprint(task) != before[name]}

    with monkeypatch.context() as patch:
        patch.setattr(code, "version", lambda name: "0" if name == "scipy" else "1")
        assert changed() == EVERYTHING
    with monkeypatch.context() as patch:
        patch.setattr(backend, "choose_backend", lambda: ("torch", "test"))
        patch.setitem(fingerprints._BACKEND_PACKAGES, "torch", ())
        assert changed() == {"net"}
    card = datasets.card
    with monkeypatch.context() as patch:

        def with_another_last_file(name):
            last = [dataclasses.replace(file, sha256="0" * 64) for file in card(name).files[-1:]]
            return dataclasses.replace(card(name), files=(*card(name).files[:-1], *last))

        patch.setattr(datasets, "card", with_another_last_file)
        assert changed() == {"adbench", "nab"}  # NAB's labels are its last file
    with monkeypatch.context() as patch:
        patch.setattr(
            datasets, "card", lambda name: dataclasses.replace(card(name), rows=card(name).rows + 1)
        )
        assert changed() >= {"beats", "cards"}
    assert changed() == set()


def test_rows_count_with_what_makes_them_wherever_that_lies(tmp_path, monkeypatch):
    parts = tmp_path / "own_rows" / "parts.py"
    parts.parent.mkdir()
    init = "from .parts import draw\ndef rows(): return draw()\n"
    parts.with_name("__init__.py").write_text(init)
    parts.write_text("def draw(): return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("own_rows").rows
    monkeypatch.setattr(datasets, "function", lambda name: function)
    before = fingerprint(MARKED["beats"])
    parts.write_text("def draw(): return 2\n")
    assert fingerprint(MARKED["beats"]) != before
    plugin.forget("own_rows", "own_rows.parts")


def test_what_an_ensemble_is_made_of_is_in_its_fingerprint():
    found = fingerprints.modules("ensemble")
    assert found[0] == "anomaly_lab.detectors.ensemble"
    assert {"anomaly_lab.detectors.knn", "anomaly_lab.detectors.autoencoder"} <= set(found)


def test_a_foreign_detector_counts_with_its_package(tmp_path, monkeypatch):
    body = '"""Fit."""\nreturn super()._fit(X)'
    plugin.lay(tmp_path, "foreign_detectors", {"foreign": body})
    (tmp_path / "foreign_helper.py").write_text("factor = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    task = Score("foreign", "digits", 0)

    def now():
        plugin.forget()
        return fingerprint(task)

    first = now()
    module = tmp_path / "foreign_detectors.py"
    text = module.read_text()
    for harmless in (
        text.replace('"""Fit."""', '"""Fit the thing."""  # a comment'),
        text.replace('"Idea."', '"Another idea."'),
        text + "\n    def _draw(self, ax, row):\n        ax.plot(*row)\n",
    ):
        module.write_text(harmless)
        assert now() == first
    module.write_text(text.replace("return super", "X = X * 2\n        return super"))
    assert now() != first
    module.write_text(text)
    assert now() == first
    assert fingerprints.versions("foreign")["foreign_detectors"] == "1.0"
    assert "threadpoolctl" in fingerprints.versions("foreign")
    assert "anomaly_lab.detectors.centroid" in fingerprints.modules("foreign")
    about = tmp_path / "foreign_detectors-1.0.dist-info"
    about.rename(tmp_path / "foreign_detectors-1.1.dist-info")
    plugin.lay(tmp_path, "foreign_detectors", {"foreign": body}, version="1.1")
    assert now() != first
    plugin.forget("foreign_detectors")


def test_a_foreign_detector_called_like_an_option_of_another_changes_nothing(tmp_path, monkeypatch):
    def now():
        plugin.forget()
        return [fingerprint(Score(name, "digits", 0)) for name in ("knn", "ensemble")]

    before = now()
    plugin.lay(tmp_path, "foreign_median", {"median": "return super()._fit(X)"})
    monkeypatch.syspath_prepend(tmp_path)
    assert "median" in all_detectors()
    assert now() == before
    plugin.forget("foreign_median")


# --- What the repository keeps -------------------------------------------------------------------


def test_recorded_results_come_back_to_six_digits(tmp_path):
    path = tmp_path / "recorded.csv"
    there = Environment("Python 3.12, another", {"numpy": "3"})
    records = {
        Score("knn", "digits", 2, 0.05): Record(SCORED, "a" * 12, HERE, 1.23456),
        Score("knn", "adbench/cardio", 0): Record(SCORED, "b" * 12, there, 1),
        Timing("knn", 300, 10): Record(TimingResult(0.123456, 3e-05), "c" * 12, HERE, 2),
    }
    assert recorded.read(path) == {}
    recorded.write(records, path)
    back = recorded.read(path)
    assert set(back) == set(records)
    for task, record in records.items():
        assert back[task].fingerprint == record.fingerprint
        assert back[task].environment == record.environment
        assert back[task].seconds == pytest.approx(record.seconds, rel=5e-3)
        for name, value in vars(record.result).items():
            digits = 5e-3 if name.endswith("_seconds") else 2e-6
            expected = pytest.approx(value, rel=digits, nan_ok=True)
            assert getattr(back[task].result, name) == expected
            assert type(getattr(back[task].result, name)) is type(value)
    recorded.write(back, path)  # what is rounded stays as it is
    assert to_dicts(recorded.read(path)) == to_dicts(back)
    other = {Score("knn", "digits", 2, 0.05): Record(SCORED, "d" * 12, there, 1)}
    recorded.add(other, path)
    assert {task: r.fingerprint[0] for task, r in recorded.read(path).items()} == dict(
        zip(records, "dbc", strict=True)
    )
    map_task = next(task for task in RESULTS if isinstance(task, Map))
    with pytest.raises(InputError, match="Only scores and timings"):
        recorded.write({map_task: Record(RESULTS[map_task], "", HERE, 1)}, path)


def to_dicts(records):
    return {task: (to_dict(r.result), r.fingerprint, r.environment) for task, r in records.items()}


def test_the_whole_record_is_small_enough_for_a_repository(tmp_path):
    rng = np.random.default_rng(0)
    result = ScoreResult(*rng.random(8), 10_000, 3_000, 274)
    every = [*sets.BUNDLED, *sets.DOWNLOADED]
    tasks = [*sets.scores(None, every), *sets.timings()]
    records = {
        task: Record(
            result if isinstance(task, Score) else TimingResult(1.0, 2.0), "a" * 12, HERE, 1
        )
        for task in tasks
    }
    recorded.write(records, tmp_path / "recorded.csv")
    bytes_a_detector = (tmp_path / "recorded.csv").stat().st_size / len(all_detectors())
    assert 9 * bytes_a_detector < 250_000


def test_recorded_results_count_where_the_fingerprint_holds(tmp_path, monkeypatch):
    path = tmp_path / "recorded.csv"
    bundled, downloaded = Score("knn", "digits", 0), Score("knn", "adbench/cardio", 0)
    monkeypatch.setattr(recorded, "PATH", path)
    for mark in (fingerprint, lambda task: "0" * 12):
        records = {task: Record(SCORED, mark(task), HERE, 3) for task in (bundled, downloaded)}
        recorded.write(records, path)
        store = Store(tmp_path / "store")
        holds = mark is fingerprint
        assert set(store.current([bundled, downloaded])) == set(records if holds else ())
        shown = store.known([bundled, downloaded])
        assert set(shown) == ({bundled, downloaded} if holds else {downloaded})
        assert shown[downloaded].environment == HERE
        assert store.seconds(bundled) == 3
        assert Store(tmp_path / "store", use_recorded=False).known([downloaded]) == {}


def test_what_is_recorded_is_read_and_names_no_one():
    detectors = all_detectors()
    for task, record in recorded.read().items():
        assert task.detector in detectors
        assert isinstance(record.result, ScoreResult | TimingResult)
        assert "/" not in record.environment.machine


def test_recording_needs_a_checkout(monkeypatch, tmp_path):
    recorded.check_checkout()
    monkeypatch.setattr(recorded, "_ROOT", tmp_path)
    with pytest.raises(InputError, match="pip install -e"):
        recorded.check_checkout()


# --- Running -------------------------------------------------------------------------------------


@pytest.fixture
def ran(monkeypatch):
    """The tasks that are measured in this process, in order."""
    seen = []

    def note(task):
        seen.append(task)
        return measured(task)

    monkeypatch.setattr(running, "measured", note)
    return seen


def test_a_rerun_does_only_what_is_missing_or_has_changed(store, ran):
    told = []
    first = run(QUICK, store, lambda *step: told.append(step), jobs=1)
    assert list(first) == QUICK == ran
    assert told[0] == (0, 8, "starting")
    assert told[1:] == [(i + 1, 8, str(task)) for i, task in enumerate(QUICK)]
    del ran[:], told[:]
    assert run(QUICK, store, lambda *step: told.append(step), jobs=1) == first
    assert (ran, told) == ([], [(8, 8, "starting")])
    store.path(QUICK[2]).unlink()
    store.put(QUICK[5], Record(first[QUICK[5]], "0" * 12, HERE, 1))
    assert same(run(QUICK, store, jobs=1), first)
    assert set(ran) == {QUICK[2], QUICK[5]}
    del ran[:]
    assert same(run(QUICK[:2], store, jobs=1, fresh=True), {t: first[t] for t in QUICK[:2]})
    assert set(ran) == set(QUICK[:2])


def test_equal_tasks_are_measured_once(store, ran):
    twice = [QUICK[0], QUICK[1], QUICK[0]]
    assert list(run(twice, store, jobs=1)) == QUICK[:2] == ran


def test_the_longest_come_first_and_the_unknown_before_them(store, ran):
    for task, seconds in zip(QUICK[:3], (1, 3, 2), strict=True):
        store.put(task, Record(SCORED, "old", HERE, seconds))
    run(QUICK[:4], store, jobs=1)
    assert ran == [QUICK[3], QUICK[1], QUICK[2], QUICK[0]]


def test_an_interruption_loses_nothing_that_is_done(store, ran):
    def interrupt(done, total, what):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(QUICK, store, interrupt, jobs=1)
    assert len(store.current(QUICK)) == 3
    del ran[:]
    run(QUICK, store, jobs=1)
    assert len(ran) == 5


def test_a_task_that_fails_does_not_stop_the_others(store, faulty):
    tasks = [*QUICK[:3], Score("broken", "breast_cancer", 0), QUICK[3]]
    with pytest.raises(UnfinishedError) as caught:
        run(tasks, store, jobs=1)
    assert list(caught.value.failures) == [tasks[3]]
    assert set(caught.value.results) == set(QUICK[:4]) == set(store.current(tasks))
    said = str(caught.value)
    assert "1 of 5 tasks failed" in said
    assert "broken on breast_cancer, seed 0: ZeroDivisionError: broken on purpose" in said
    assert not store.path(tasks[3]).exists()


def test_a_result_of_other_code_does_not_count(store, monkeypatch):
    def elsewhere(task):
        return dataclasses.replace(measured(task), fingerprint="0" * 12)

    monkeypatch.setattr(running, "measured", elsewhere)
    with pytest.raises(UnfinishedError, match=r"other code or versions.*numpy 2"):
        run(QUICK[:1], store, jobs=1)
    assert list(store.folder.iterdir()) == []


def test_processes_give_the_same_results_and_use_one_thread_each(store, tmp_path, faulty):
    serial = run(QUICK, store, jobs=1)
    beside = Store(tmp_path / "beside", use_recorded=False)
    nosy = Score("nosy", "breast_cancer", 0)
    with pytest.raises(UnfinishedError, match=r"RuntimeError: threads \{1\}, "):
        run([nosy], store, jobs=1)
    with pytest.raises(UnfinishedError) as caught:
        run([*QUICK, nosy], beside, jobs=2)
    assert same(caught.value.results, serial)
    assert caught.value.failures == {nosy: "RuntimeError: threads {1}, XLA 1"}
    assert same({t: r.result for t, r in beside.current(QUICK).items()}, serial)


def test_a_process_that_is_killed_is_told_and_a_rerun_goes_on(store, faulty, ran):
    lethal = Score("lethal", "breast_cancer", 0)
    for task in QUICK:  # so that the lethal one comes last
        store.put(task, Record(SCORED, "old", HERE, 10))
    store.put(lethal, Record(SCORED, "old", HERE, 1))
    with pytest.raises(WorkerLostError, match="killed, or ran out of memory") as caught:
        run([*QUICK, lethal], store, jobs=2)
    kept = len(store.current(QUICK))
    assert kept > 0
    assert f"{kept} of 9 results are kept" in str(caught.value)
    run(QUICK, store, jobs=1)
    assert len(ran) == len(QUICK) - kept


# --- Tables --------------------------------------------------------------------------------------


def results_of(aucs):
    """Results with the ROC-AUCs given as {(detector, dataset): one a seed}."""
    return {
        Score(detector, dataset, seed): dataclasses.replace(SCORED, roc_auc=auc)
        for (detector, dataset), values in aucs.items()
        for seed, auc in enumerate(values)
    }


def ranked(aucs):
    return tables.ranking(tables.summary(tables.frame(results_of(aucs))), "clean")


def test_the_long_table_has_a_row_a_score():
    mixed = {
        Score("knn", "digits", 4, 0.05): SCORED,
        Timing("knn", 300, 10): TimingResult(1.0, 2.0),
        Score("pca", "digits", 4): SCORED,
    }
    frame = tables.frame(mixed)
    assert frame["training"].tolist() == ["contaminated", "clean"]
    assert frame["detector"].tolist() == ["knn", "pca"]
    assert frame["roc_auc"].tolist() == [1 / 3, 1 / 3]
    content = json.loads(tables.to_json(frame))
    assert content["version"] == 1
    assert content["results"][0]["recall"] is None
    assert content["results"][0]["average_precision"] == 0.1 + 0.2
    assert set(content["results"][0]) == set(frame.columns)
    page = (Path(__file__).parents[1] / "docs" / "gallery-results.md").read_text("utf-8")
    documented = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    keys = {*content, "environment.python", "environment.packages"}
    assert documented == keys | {f"results[].{name}" for name in frame.columns}
    assert "numpy" in content["environment"]["packages"]


def test_means_and_spreads_are_over_seeds():
    frame = tables.frame(results_of({("knn", "digits"): [0.7, 0.9], ("pca", "digits"): [0.5]}))
    table = tables.summary(frame)
    knn, pca = ("digits", "clean", "knn"), ("digits", "clean", "pca")
    assert table.loc[knn, ("roc_auc", "mean")] == pytest.approx(0.8)
    assert table.loc[knn, ("roc_auc", "sd")] == pytest.approx(np.std([0.7, 0.9], ddof=1))
    assert math.isnan(table.loc[pca, ("roc_auc", "sd")])


def test_best_is_best_by_more_than_the_spread():
    aucs = {
        ("knn", "digits"): [0.90, 0.92],
        ("pca", "digits"): [0.70, 0.72],
        ("knn", "ecg5000"): [0.60, 0.92],
        ("pca", "ecg5000"): [0.70, 0.72],
    }
    table = tables.summary(tables.frame(results_of(aucs)))
    assert tables.best(table, "digits", "clean") == "knn"
    assert tables.best(table, "ecg5000", "clean") is None


def test_ranks_are_means_over_sets_and_equals_share_them():
    found = ranked(
        {
            ("a", "digits"): [0.9],
            ("b", "digits"): [0.8],
            ("c", "digits"): [0.8],
            ("a", "ecg5000"): [0.5],
            ("b", "ecg5000"): [0.9],
            ("c", "ecg5000"): [0.8],
        }
    )
    assert found.ranks.to_dict() == {"b": 1.75, "a": 2.0, "c": 2.25}
    assert list(found.ranks) == sorted(found.ranks)
    friedman = stats.friedmanchisquare([0.9, 0.5], [0.8, 0.9], [0.8, 0.8])
    assert found.p_value == pytest.approx(friedman.pvalue)


def test_ranks_count_one_set_a_source_and_only_whole_ones():
    sets_of = ["adbench/WBC", "adbench/WDBC", "adbench/cardio", "adbench/Cardiotocography"]
    aucs = {(d, name): [0.9] for d in ("a", "b") for name in sets_of}
    assert set(ranked(aucs).datasets) == {"adbench/WBC", "adbench/Cardiotocography"}
    aucs |= {(d, "breast_cancer"): [0.9] for d in ("a", "b")}
    assert set(ranked(aucs).datasets) == {"breast_cancer", "adbench/Cardiotocography"}
    aucs.pop(("b", "breast_cancer"))
    assert set(ranked(aucs).datasets) == {"adbench/WBC", "adbench/Cardiotocography"}
    with pytest.raises(InputError, match="two detectors"):
        ranked({("a", "digits"): [0.9]})


# Demšar (2006), Table 5a: critical values of Nemenyi's two-tailed test at the level 0.05.
DEMSAR = [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164]


@pytest.mark.parametrize(("k", "q"), list(enumerate(DEMSAR, start=2)))
def test_the_critical_difference_is_demsars(k, q):
    assert tables.critical_difference(k, 14) == pytest.approx(
        q * math.sqrt(k * (k + 1) / (6 * 14)), rel=5e-4
    )
