"""The gallery on a real cluster: two worker processes, of which one is killed half-way."""

import dataclasses
import logging
import os
import signal

import dask
import joblib
import plugin
import pytest
from distributed import Client, LocalCluster
from typer.testing import CliRunner

from anomaly_lab import cli
from anomaly_lab.errors import InputError
from anomaly_lab.gallery import cluster as clusters
from anomaly_lab.gallery import recorded, sets
from anomaly_lab.gallery.cluster import connected
from anomaly_lab.gallery.run import UnfinishedError, WorkerLostError, run
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import Score

TASKS = sets.scores(["centroid", "knn", "pca"], ["breast_cancer"], 2)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes of one thread, which know the faulty detectors."""
    folder = tmp_path_factory.mktemp("site")
    plugin.lay(folder, "failing_detectors", plugin.FAULTY)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it tells of killed workers
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", str(folder))
        # A task is given up after the second worker that dies of it, not after the fourth.
        with (
            dask.config.set({"distributed.scheduler.allowed-failures": 1}),
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        ):
            yield cluster
    plugin.forget("failing_detectors")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", use_recorded=False)


def timeless(results):
    return {
        task: dataclasses.replace(result, fit_seconds=0.0, score_seconds=0.0)
        for task, result in results.items()
    }


def test_with_a_worker_killed_half_way_nothing_is_lost_and_nothing_counts_twice(
    cluster, store, tmp_path
):
    told = []
    with Client(cluster, set_as_default=False) as client:
        workers = client.run(os.getpid)

    def kill_one(done, total, what):
        told.append((done, what))
        if done == 4:  # each worker has tasks, and there are more to come
            os.kill(next(iter(workers.values())), signal.SIGKILL)

    with Client(cluster), joblib.parallel_config("dask"):  # as anybody would, without `connected`
        results = run(TASKS, store, kill_one)
    assert list(results) == TASKS
    assert [done for done, _ in told] == list(range(len(TASKS) + 1))
    assert sorted(what for _, what in told[1:]) == sorted(map(str, TASKS))
    serial = run(TASKS, Store(tmp_path / "serial", use_recorded=False), jobs=1)
    assert timeless(results) == timeless(serial)
    kept = {task: record.result for task, record in store.current(TASKS).items()}
    assert kept == results
    assert len(list(store.folder.iterdir())) == len(TASKS)


def test_the_command_runs_on_it(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("ANOMALY_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(clusters, "WORKER_SECONDS", 60)
    monkeypatch.setattr(recorded, "PATH", tmp_path / "nothing.csv")
    arguments = ["gallery", "-d", "pca", "--dataset", "breast_cancer", "--seeds", "1"]
    address = cluster.scheduler_address
    done = CliRunner().invoke(cli.app, [*arguments, "--scheduler", address])
    assert done.exit_code == 0, done.output
    assert "4 results: 0 known from before, 4 run" in done.output
    again = CliRunner().invoke(cli.app, [*arguments, "--jobs", "1"])
    assert "4 results: 4 known from before, 0 run" in again.output


def test_a_task_that_kills_worker_after_worker_is_given_up_and_told(cluster, store):
    lethal = Score("lethal", "breast_cancer", 0)
    with connected(cluster.scheduler_address), pytest.raises(UnfinishedError) as caught:
        run([lethal], store)
    assert "KilledWorker" in caught.value.failures[lethal]


def test_a_cluster_that_goes_away_is_told_and_a_rerun_goes_on(cluster, store):
    def close(done, total, what):
        if done == 3:
            cluster.close()

    with connected(cluster.scheduler_address), pytest.raises(WorkerLostError) as caught:
        run(TASKS, store, close)
    kept = len(store.current(TASKS))
    assert kept >= 3
    assert f"the scheduler is gone. {kept} of {len(TASKS)} results are kept" in str(caught.value)
    assert len(run(TASKS, store, jobs=1)) == len(TASKS)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://no.such.host:1"])
def test_a_scheduler_that_is_not_there_is_told(address):
    with pytest.raises(InputError, match=f"No scheduler answers at '{address}'"):
        connected(address).__enter__()
