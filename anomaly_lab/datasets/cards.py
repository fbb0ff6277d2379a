"""The catalogue: one card a data set, read from the TOML files in the folder ``datasets/``.

A file describes one data set, or, where it has ``[[tables]]``, several: each table is named
``<file>/<table>`` and inherits every field that it does not set itself.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anomaly_lab.errors import UnknownNameError
from anomaly_lab.parameters import checked

KINDS = ("bundled", "simulated", "download")


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    Parameters
    ----------
    path : str
        Where it lies in ``ANOMALY_LAB_DATA`` or the cache's ``data``, such as ``ecg5000/ecg.zip``.
    url : str
        Where it comes from.
    sha256 : str
        The SHA-256 it must have, in hexadecimal.
    size : int
        Bytes.
    """

    path: str
    url: str
    sha256: str
    size: int


@dataclass(frozen=True)
class DatasetCard:
    """What a reader should know about a data set before using it.

    Parameters
    ----------
    name, title : str
        The name to load it by, and a title for people.
    kind : str
        ``"bundled"``, ``"simulated"`` or ``"download"``.
    function : str
        What reads or simulates it, such as ``anomaly_lab.datasets.readers:adbench``: see
        `anomaly_lab.datasets.function`.
    task : str
        What is to be found.
    row, units : str
        What one row is, and the units of its features.
    rows, features, anomalies : int
        Counts; of a simulated set, for the default number of rows and seed 0.
    source, licence, citation : str
        ``"not stated"`` where the source does not say.
    notes : tuple of str
        Traps: turned labels, duplicates, sets that share their rows with others.
    files : tuple of RemoteFile
        What is downloaded, the data first; empty unless the kind is ``"download"``.
    """

    name: str
    title: str
    kind: str
    function: str
    task: str
    row: str
    units: str
    rows: int
    features: int
    anomalies: int
    source: str
    licence: str
    citation: str
    notes: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()

    @property
    def prevalence(self) -> float:
        """Share of the rows that are anomalies, 0...1."""
        return self.anomalies / self.rows

    @property
    def sha256(self) -> str:
        """SHA-256 of the data file, or ``""`` where nothing is downloaded."""
        return self.files[0].sha256 if self.files else ""

    @property
    def url(self) -> str:
        """Address of the data file, or ``""`` where nothing is downloaded."""
        return self.files[0].url if self.files else ""

    @property
    def size(self) -> int:
        """Bytes to download, all files together."""
        return sum(file.size for file in self.files)


def names() -> list[str]:
    """Return every name that `load` takes: bundled, then simulated, then downloaded sets."""
    return list(_catalogue())


@checked
def card(name: str) -> DatasetCard:
    """Return the card of a data set.

    Parameters
    ----------
    name : str
        One of `names()`, in upper or lower case.

    Returns
    -------
    DatasetCard
        What is known about it.

    Raises
    ------
    UnknownNameError
        If there is no such data set; the nearest names are suggested.
    """
    by_lower_case = {known.lower(): found for known, found in _catalogue().items()}
    try:
        return by_lower_case[name.lower()]
    except KeyError:
        raise UnknownNameError("data set", name, _catalogue()) from None


@functools.cache
def _catalogue() -> dict[str, DatasetCard]:
    cards = [
        read
        for path in sorted(cards_folder().glob("*.toml"))
        for read in _cards_of(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))
    ]
    cards.sort(key=lambda read: KINDS.index(read.kind))
    return {read.name: read for read in cards}


def cards_folder() -> Path:
    """Return ``_cards`` in an installed package, the top-level ``datasets`` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_cards"
    return installed if installed.is_dir() else package.parent / "datasets"


def _cards_of(collection: str, fields: dict[str, Any]) -> list[DatasetCard]:
    tables = fields.pop("tables", None)
    if tables is None:
        return [_card_of(collection, collection, fields)]
    return [_card_of(collection, f"{collection}/{t.pop('name')}", {**fields, **t}) for t in tables]


def _card_of(collection: str, name: str, fields: dict[str, Any]) -> DatasetCard:
    folder_url = fields.pop("folder_url", "")
    files = tuple(
        RemoteFile(
            f"{collection}/{file['path']}", folder_url + file["path"], file["sha256"], file["size"]
        )
        for file in fields.pop("files", ())
    )
    return DatasetCard(name=name, notes=tuple(fields.pop("notes", ())), files=files, **fields)
