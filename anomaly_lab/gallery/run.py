"""Tasks -> results, side by side through joblib; each is stored as it comes.

Where they run is joblib's to say: in processes of this machine, or, within
``joblib.parallel_config("dask")``, on a ``dask.distributed`` cluster.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError
from threadpoolctl import threadpool_limits

from anomaly_lab.comparison import Progress
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.gallery.fingerprints import fingerprint
from anomaly_lab.gallery.records import Record, measured
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import Task

_LISTED = 10  # failures that a message names
_one_at_a_time = threading.Lock()  # where a worker has several threads, or times would mean nothing


class UnfinishedError(AnomalyLabError):
    """Some tasks failed; the results of the others are kept.

    Parameters
    ----------
    results : dict
        The results of the others, by task.
    failures : dict of task to str
        What went wrong.
    """

    def __init__(self, results: dict[Any, Any], failures: dict[Task, str]):
        self.results, self.failures = results, failures
        lines = [f"{task}: {error}" for task, error in list(failures.items())[:_LISTED]]
        if len(failures) > _LISTED:
            lines.append(f"and {len(failures) - _LISTED} more.")
        super().__init__(
            f"{len(failures)} of {len(failures) + len(results)} tasks failed. The results of the "
            "others are kept; the same again does only what is missing.\n" + "\n".join(lines)
        )


class WorkerLostError(AnomalyLabError):
    """The processes that ran the tasks, or the way to them, are gone."""


def run(
    tasks: Iterable[Task],
    store: Store,
    progress: Progress | None = None,
    jobs: int | None = None,
    *,
    fresh: bool = False,
) -> dict[Any, Any]:
    """Measure what is not known yet.

    Parameters
    ----------
    tasks : iterable of task
        What to measure; the same task twice is measured once.
    store : Store
        Where results are taken from, and put by this process as they come.
    progress : callable, optional
        Called as ``progress(done, total, what)`` at the start and after each task.
    jobs : int, optional
        How many at a time; by default one a core, or what joblib is configured to. 1 stays in this
        process.
    fresh : bool, default False
        Whether to measure again what is known.

    Returns
    -------
    dict
        A result for each task, in the order of `tasks`.

    Raises
    ------
    UnfinishedError
        After everything else is done, where a task raised an error.
    WorkerLostError
        Where a process of this machine was killed, or the cluster is gone.
    """
    wanted = list(dict.fromkeys(tasks))
    known = {} if fresh else store.current(wanted)
    results = {task: record.result for task, record in known.items()}
    failures: dict[Task, str] = {}
    todo = [task for task in wanted if task not in results]
    todo.sort(key=store.seconds, reverse=True)  # the longest first, and before these the unknown
    expected = {task: fingerprint(task) for task in todo}

    def tell(what: str) -> None:
        if progress:
            progress(len(results) + len(failures), len(wanted), what)

    tell("starting")
    try:
        for task, outcome in _outcomes(todo, jobs):
            if isinstance(outcome, str):
                failures[task] = outcome
            elif outcome.fingerprint != expected[task]:
                failures[task] = _other_code(outcome)
            else:
                store.put(task, outcome)
                results[task] = outcome.result
            tell(str(task))
    except (TerminatedWorkerError, ConnectionError) as error:
        raise WorkerLostError(
            f"The work broke off: {_why(error)} {len(results)} of {len(wanted)} results are kept; "
            "the same again goes on from there."
        ) from error
    if failures:
        raise UnfinishedError(results, failures)
    return {task: results[task] for task in wanted}


def _outcomes(tasks: list[Task], jobs: int | None) -> Iterator[tuple[Task, Record | str]]:
    """Yield what comes of each task, in whatever order it comes: its record, or its error."""
    backend, configured = joblib.parallel.get_active_backend()
    with _mended(backend):
        parallel = joblib.Parallel(
            n_jobs=jobs or configured or -1, return_as="generator_unordered", batch_size=1
        )
        call = joblib.delayed(_measured)
        with warnings.catch_warnings():  # loky replaces workers that grow, which harms nothing
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            calls = (call(i, task, os.getpid()) for i, task in enumerate(tasks))
            with _closed(parallel(calls)) as outcomes:
                for i, outcome in outcomes:
                    yield tasks[i], outcome


@contextmanager
def _mended(backend: Any) -> Iterator[None]:
    """Use our backend in the block where joblib's own for dask is configured."""
    if type(backend).__name__ != "DaskDistributedBackend":
        yield
        return
    from anomaly_lab.gallery.cluster import Backend

    with joblib.parallel_config(Backend(client=backend.client)):
        yield


def _measured(i: int, task: Task, caller: int) -> tuple[int, Record | str]:
    """Run in a worker: measure a task on one thread; an error is an outcome like another."""
    if os.getpid() != caller:
        os.environ.setdefault("NPROC", "1")  # threads of XLA, read when JAX starts
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller is told, and stops us
    with _one_at_a_time, threadpool_limits(1), joblib.parallel_config("sequential"):
        try:
            return i, measured(task)
        except (Exception, SystemExit) as error:
            return i, f"{type(error).__name__}: {error}"


def _other_code(record: Record) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in record.environment.versions.items())
    return (
        "measured with other code or versions than here, so it does not count. The worker has "
        f"{versions}. Install the same there, and leave the code alone meanwhile."
    )


def _why(error: Exception) -> str:
    if isinstance(error, ConnectionError):
        return str(error)
    return "a worker process ended abruptly: it was killed, or ran out of memory."


@contextmanager
def _closed(outcomes: Generator[Any]) -> Iterator[Generator[Any]]:
    try:
        yield outcomes
    finally:
        with warnings.catch_warnings():  # joblib warns of what was not taken; a rerun will take it
            warnings.simplefilter("ignore")
            outcomes.close()
