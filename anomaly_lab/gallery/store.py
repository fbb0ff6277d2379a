"""Results are kept as they come: one file a task, which counts as long as its fingerprint holds."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

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
from anomaly_lab.paths import cache_folder, write_whole

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
        Where to keep one JSON file a task; made where it is missing. By default ``gallery`` in the
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

    def get(self, task: Task) -> Record | None:
        """Return what is known of a task as it is now, or None."""
        now = fingerprint(task)
        for record in (self._kept(task), self._recorded.get(task)):
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
        """Keep a record, in place of what was kept of its task before.

        Raises
        ------
        InputError
            Where the file cannot be written.
        """
        content = {
            "task": key(task),
            "fingerprint": record.fingerprint,
            "seconds": record.seconds,
            "environment": asdict(record.environment),
            "result": to_dict(record.result),
        }
        text = json.dumps({"sha256": _sha256(content), **content}, indent=1)
        write_whole(self.path(task), text.encode())

    def seconds(self, task: Task) -> float:
        """Return how long a task took when last run, whatever has changed; else infinity."""
        record = self._kept(task) or self._recorded.get(task)
        return record.seconds if record else math.inf

    def path(self, task: Task) -> Path:
        """Return the file that a task's record is kept in."""
        name = re.sub(r"\W+", "-", str(task)).strip("-").lower()[:80]
        return self.folder / f"{name}-{hashlib.sha256(key(task).encode()).hexdigest()[:12]}.json"

    def _kept(self, task: Task) -> Record | None:
        """Read a task's file; None where there is none, or none that is whole."""
        try:
            content = json.loads(self.path(task).read_bytes())
            whole = content.pop("sha256") == _sha256(content)
            if not whole or content["task"] != key(task):
                return None
            return Record(
                result=from_dict(_RESULTS[type(task)], content["result"]),
                fingerprint=content["fingerprint"],
                environment=Environment(**content["environment"]),
                seconds=content["seconds"],
            )
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None

    @cached_property
    def _recorded(self) -> Mapping[Any, Record]:
        return recorded.read() if self.use_recorded else {}


def _sha256(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _folder(asked: str | os.PathLike[str] | None) -> Path:
    if asked is None:
        folder = cache_folder("gallery")
        if folder is None:
            raise InputError(
                "No file can be written to the package's cache folder. Set ANOMALY_LAB_CACHE to a "
                "folder that can be written to."
            )
        return folder
    folder = Path(asked).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"Cannot make the folder {folder}: {error.strerror}.") from error
    return folder
