"""The gallery's results: what this machine has stored, and what the repository keeps."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from anomaly_lab.cache import Cache
from anomaly_lab.errors import InputError
from anomaly_lab.gallery import recorded
from anomaly_lab.gallery.fingerprints import fingerprint
from anomaly_lab.gallery.records import Environment, Record, from_dict, key, to_dict
from anomaly_lab.gallery.sets import DOWNLOADED
from anomaly_lab.gallery.tasks import (
    Map,
    MapResult,
    Result,
    Score,
    ScoreResult,
    Task,
    Timing,
    TimingResult,
)
from anomaly_lab.paths import cache_folder, located

_RESULTS: dict[type[Task], type[Result]] = {
    Score: ScoreResult,
    Map: MapResult,
    Timing: TimingResult,
}


class Store:
    """The results of one machine, and those that the repository keeps.

    Parameters
    ----------
    folder : path-like, optional
        Where to store one file a task; made where it is missing. By default ``gallery`` in the
        package's cache.
    use_recorded : bool, default True
        Whether the results in the repository's ``recorded.csv`` count where their fingerprints
        hold.

    Raises
    ------
    InputError
        Where the folder cannot be made or written to.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None, *, use_recorded: bool = True):
        self.folder = _folder(folder)
        self.use_recorded = use_recorded
        self._cache = Cache(self.folder)

    def get(self, task: Task) -> Record | None:
        """Return what is known of a task as it is now, or None."""
        now = fingerprint(task)
        for record in (self._stored(task), self._recorded.get(task)):
            if record and record.fingerprint == now:
                return record
        return None

    def current(self, tasks: Iterable[Task]) -> dict[Any, Record]:
        """Return the records of those tasks that have one that counts."""
        found = {task: self.get(task) for task in tasks}
        return {task: record for task, record in found.items() if record}

    def known(self, tasks: Iterable[Task]) -> dict[Any, Record]:
        """Return what there is to show of tasks without running any.

        As `current`, and of timings and of data sets that are downloaded also what the repository
        recorded with other code or versions; a record's environment tells with which.
        """
        wanted = list(tasks)
        dear = [
            task
            for task in wanted
            if isinstance(task, Timing) or getattr(task, "dataset", "") in DOWNLOADED
        ]
        old = {task: self._recorded[task] for task in dear if task in self._recorded}
        return old | self.current(wanted)

    def put(self, task: Task, record: Record) -> None:
        """Store a record, in place of what was stored of its task before.

        Raises
        ------
        InputError
            Where the file cannot be written.
        """
        content = {
            "seconds": record.seconds,
            "environment": asdict(record.environment),
            "result": to_dict(record.result),
        }
        self._cache.put(key(task), record.fingerprint, content)

    def seconds(self, task: Task) -> float:
        """Return how long a task took when last run, whatever has changed; else infinity."""
        record = self._stored(task) or self._recorded.get(task)
        return record.seconds if record else math.inf

    def path(self, task: Task) -> Path:
        """Return the file that a task's record is stored in."""
        return self._cache.path(key(task))

    def _stored(self, task: Task) -> Record | None:
        mark, content = self._cache.latest(key(task)) or ("", {})
        try:
            return Record(
                result=from_dict(_RESULTS[type(task)], content["result"]),
                fingerprint=mark,
                environment=Environment(**content["environment"]),
                seconds=content["seconds"],
            )
        except (ValueError, LookupError, TypeError):  # nothing, or as another version wrote it
            return None

    @cached_property
    def _recorded(self) -> Mapping[Any, Record]:
        return recorded.read() if self.use_recorded else {}


def _folder(asked: str | os.PathLike[str] | None) -> Path:
    if asked is None:
        folder = cache_folder("gallery")
        if folder is None:
            raise InputError(
                "No file can be written to the package's cache folder. Set ANOMALY_LAB_CACHE to a "
                "folder that can be written to."
            )
        return folder
    folder = located(asked)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    return folder
