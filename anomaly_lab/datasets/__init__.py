"""Data sets: bundled, simulated, downloaded, or the user's own file."""

from __future__ import annotations

from pathlib import Path

from anomaly_lab.datasets import download, simulate, sources
from anomaly_lab.datasets.cards import DatasetCard, RemoteFile, card, names
from anomaly_lab.datasets.dataset import Dataset, content_sha256
from anomaly_lab.datasets.files import read_table
from anomaly_lab.errors import InputError

__all__ = [
    "Dataset",
    "DatasetCard",
    "RemoteFile",
    "card",
    "content_sha256",
    "fetch",
    "load",
    "names",
    "read_table",
]


def load(name: str, *, rows: int | None = None, seed: int = 0, progress: bool = False) -> Dataset:
    """Load a data set of the catalogue.

    Parameters
    ----------
    name : str
        One of `names()`, in upper or lower case.
    rows : int, optional
        How many rows to simulate; by default as many as the card says.
    seed : int
        Seed of a simulated set; the others are what they are.
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    Dataset
        Rows and labels, with the card.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    InputError
        If `rows` is given for a set that is not simulated, or is not a positive whole number.
    DownloadError
        If its files cannot be fetched or have the wrong content.
    """
    about = card(name)
    if about.kind == "simulated":
        X, y = simulate.simulate(about.name, about.rows if rows is None else rows, seed)
        return Dataset(about.name, X, y, content_sha256(X, y), about)
    if rows is not None:
        raise InputError(
            f"{about.name} has {about.rows:,} rows and is not simulated, so rows={rows} cannot be "
            "had: leave rows out, or load a simulated set such as card_transactions_simulated."
        )
    if about.kind == "bundled":
        X, y = sources.BUNDLED[about.name]()
        return Dataset(about.name, X, y, content_sha256(X, y), about)
    X, y = sources.read(about.name, _fetch_all(about, progress))
    return Dataset(about.name, X, y, about.sha256, about)


def fetch(name: str, progress: bool = False) -> Path:
    """Make sure that a data set's files are on this machine.

    Parameters
    ----------
    name : str
        A data set that is downloaded.
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    Path
        The data file.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    InputError
        If there is nothing to download.
    DownloadError
        If its files cannot be fetched or have the wrong content.
    """
    about = card(name)
    if not about.files:
        raise InputError(f"{about.name} is {about.kind}: there is nothing to fetch, just load it.")
    return _fetch_all(about, progress)[0]


def _fetch_all(about: DatasetCard, progress: bool) -> list[Path]:
    return [download.local(file, progress=progress) for file in about.files]
