"""Files that are downloaded once, checked by SHA-256 and kept."""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pooch
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from anomaly_lab.datasets.cards import RemoteFile
from anomaly_lab.errors import DownloadError, InputError

TIMEOUT = 20.0  # seconds to connect, and seconds of silence before a server counts as stalled
ATTEMPTS = 3
PAUSE = 1.0  # seconds before another attempt
_CHUNK = 64 * 1024  # bytes


def cache_folder() -> Path:
    """Return the folder that downloads are kept in; ``ANOMALY_LAB_CACHE`` names another."""
    return Path(os.environ.get("ANOMALY_LAB_CACHE") or pooch.os_cache("anomaly_lab"))


def local(file: RemoteFile, *, progress: bool = False) -> Path:
    """Return the path of a file, downloading it if it is not on this machine.

    The folder that ``ANOMALY_LAB_DATA`` names is looked in first, then the cache.

    Parameters
    ----------
    file : RemoteFile
        What to get.
    progress : bool
        Show a progress bar while downloading.

    Returns
    -------
    Path
        A file with the right content.

    Raises
    ------
    InputError
        If ``ANOMALY_LAB_DATA`` names a folder that does not exist.
    DownloadError
        If the file cannot be fetched or has the wrong content.
    """
    given = _in_data_folder(file)
    if given is not None:
        return given
    cached = cache_folder() / file.path
    if not cached.is_file() or _sha256(cached) != file.sha256:
        _download(file, cached, progress)
    return cached


def _in_data_folder(file: RemoteFile) -> Path | None:
    folder = os.environ.get("ANOMALY_LAB_DATA")
    if not folder:
        return None
    if not Path(folder).is_dir():
        raise InputError(
            f"ANOMALY_LAB_DATA should name a folder with data sets, but {folder!r} is no folder; "
            "correct the variable, or unset it to download what is needed."
        )
    path = Path(folder) / file.path
    if not path.is_file():
        return None
    if (found := _sha256(path)) != file.sha256:
        raise DownloadError(
            f"{path} has the wrong content: expected SHA-256 {file.sha256}, got {found}. "
            "Replace the file, or unset ANOMALY_LAB_DATA to download a good one."
        )
    return path


def _sha256(path: Path) -> str:
    stat = path.stat()
    return _hash_once(path, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _hash_once(path: Path, modified_ns: int, size: int) -> str:
    return pooch.file_hash(str(path))


def _download(file: RemoteFile, target: Path, progress: bool) -> None:
    """Fetch into a temporary file beside `target`, and move it there once it is right."""
    if os.environ.get("ANOMALY_LAB_OFFLINE"):
        raise DownloadError(
            f"{file.url} is not on this machine, and ANOMALY_LAB_OFFLINE is set. Unset it to "
            "download the file."
        )
    part = _temporary_beside(target)
    try:
        _fetch(file, part, progress)
        if (found := pooch.file_hash(str(part))) != file.sha256:
            raise DownloadError(
                f"{file.url} came with the wrong content and was thrown away: expected SHA-256 "
                f"{file.sha256}, got {found}. Try again; if it happens twice, the file at the "
                "source has changed, or something between here and there alters it."
            )
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _temporary_beside(target: Path) -> Path:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f"{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise DownloadError(
            f"Cannot write to the cache folder {target.parent}: {error.strerror}. "
            "Set ANOMALY_LAB_CACHE to a folder that can be written to."
        ) from error
    os.close(handle)
    return Path(name)


def _fetch(file: RemoteFile, part: Path, progress: bool) -> None:
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, disable=not progress) as bar:
        task = bar.add_task(file.path, total=file.size)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _stream(file.url, part, lambda n_bytes: bar.advance(task, n_bytes))
            except OSError as error:  # every error of requests is one
                if attempt == ATTEMPTS or not _worth_another_try(error):
                    raise DownloadError(_explain(file, error)) from error
            bar.reset(task)
            time.sleep(PAUSE)


def _stream(url: str, part: Path, advance: Callable[[int], None]) -> None:
    with requests.get(url, stream=True, timeout=TIMEOUT) as response, part.open("wb") as output:
        response.raise_for_status()
        for chunk in response.iter_content(_CHUNK):
            output.write(chunk)
            advance(len(chunk))


def _worth_another_try(error: OSError) -> bool:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code >= 500
    return isinstance(error, requests.RequestException)


def _explain(file: RemoteFile, error: OSError) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        reason = f"the server answered {error.response.status_code} {error.response.reason}"
    elif isinstance(error, requests.Timeout) or "timed out" in str(error):
        reason = f"the server sent nothing for {TIMEOUT:g} seconds"
    elif isinstance(error, requests.exceptions.ChunkedEncodingError):
        reason = "the connection broke off before the whole file had come"
    elif isinstance(error, requests.ConnectionError):
        reason = "the server cannot be reached (is this machine online?)"
    else:
        reason = str(error)
    return (
        f"Could not download {file.url}: {reason.removesuffix('.')}. Try again later, or put the "
        f"file into a folder as {file.path} and set ANOMALY_LAB_DATA to that folder."
    )
