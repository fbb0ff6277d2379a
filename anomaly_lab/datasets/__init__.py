"""Data sets: bundled, simulated, downloaded, or the user's own file."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np

from anomaly_lab.datasets.cards import DatasetCard, RemoteFile, card, names
from anomaly_lab.datasets.dataset import Dataset, RowsAndLabels, content_sha256
from anomaly_lab.datasets.files import read_table
from anomaly_lab.errors import InputError
from anomaly_lab.parameters import Bounds, Seed, checked
from anomaly_lab.tables.noticing import notice

__all__ = [
    "Dataset",
    "DatasetCard",
    "RemoteFile",
    "card",
    "content_sha256",
    "fetch",
    "function",
    "load",
    "names",
    "read_table",
]

Rows = Annotated[int, Bounds(low=1, high=10_000_000)]


@checked
def load(name: str, *, rows: Rows | None = None, seed: Seed = 0, progress: bool = False) -> Dataset:
    """Load a data set of the catalogue.

    Parameters
    ----------
    name : str
        One of `names()`, in upper or lower case.
    rows : int, optional
        How many rows to simulate, up to ten million; by default as many as the card says.
    seed : int
        Seed of a simulated set; the others are what they are.
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    Dataset
        Rows and labels, with the card, and what was noticed in the rows.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    InputError
        If an argument is of the wrong kind, or `rows` is given for a set that is not simulated.
    DownloadError
        If its files cannot be fetched or have the wrong content.
    """
    about = card(name)
    draw_or_read = function(name)
    if about.kind == "simulated":
        table = about.name.split("/")[1:]
        n = about.rows if rows is None else int(rows)
        X, y = draw_or_read(*table, n, np.random.default_rng(int(seed)))
    elif rows is None:
        X, y = draw_or_read(*_fetch_all(about, progress))
    else:
        raise InputError(
            f"{about.name} has {about.rows:,} rows and is not simulated, so rows={rows} cannot be "
            "had: leave rows out, or load a simulated set such as card_transactions_simulated."
        )
    sha256 = about.sha256 or content_sha256(X, y)
    return Dataset(about.name, X, y, sha256, about, notice(X, y))


@checked
def function(name: str) -> Callable[..., RowsAndLabels]:
    """Return the function that reads or simulates a data set, which its card names.

    Parameters
    ----------
    name : str
        One of `names()`, in upper or lower case.

    Returns
    -------
    callable
        Of a simulated set, called with the number of rows and a NumPy Generator, and before them
        the table's name where the card's file has several; of others, with the paths of the card's
        files. It returns features and labels.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    """
    found: Callable[..., RowsAndLabels] = pkgutil.resolve_name(card(name).function)
    return found


@checked
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
    from anomaly_lab.datasets import download  # what lies in the files is checked by their hashes

    return [download.local(file, progress=progress) for file in about.files]
