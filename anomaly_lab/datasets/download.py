"""Files that are downloaded once and checked by SHA-256, within limits on size and on time."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pooch
import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn
from urllib3.exceptions import HTTPError, ReadTimeoutError

from anomaly_lab import paths
from anomaly_lab.datasets.cards import RemoteFile, cards_folder
from anomaly_lab.errors import DownloadError, InputError

TIMEOUT = 20.0  # seconds to connect, and seconds of silence before a server counts as stalled
RETRIES = 2
REDIRECTS = 5
PATIENCE = 60.0  # seconds that any file may take in all, and
LEAST_SPEED = 20_000  # bytes a second that a long one has to come at beyond them
_CHUNK = 64 * 1024  # bytes


def places() -> list[Path]:
    """Return the folders that cards and files of the catalogue are read from.

    Raises
    ------
    InputError
        If ``ANOMALY_LAB_DATA`` names a folder that does not exist.
    """
    given = paths.data_folder()
    found = [cards_folder(), *([given] if given else ())]
    with contextlib.suppress(InputError):  # without a cache nothing is read from it
        found.append(paths.cache_root() / "data")
    return found


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
    cached = paths.cache_root() / "data" / file.path
    if not cached.is_file() or _sha256(cached) != file.sha256:
        _download(file, progress)
    return cached


def _in_data_folder(file: RemoteFile) -> Path | None:
    folder = paths.data_folder()
    if folder is None or not (path := folder / file.path).is_file():
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


class _WrongContentError(DownloadError):
    """A file came whole, and is another; something on the way may have altered it."""


def _download(file: RemoteFile, progress: bool) -> None:
    """Fetch a file into the cache, whole or not at all, with another try or two."""
    if os.environ.get("ANOMALY_LAB_OFFLINE"):
        raise DownloadError(
            f"{file.url} is not on this machine, and ANOMALY_LAB_OFFLINE is set. Unset it to "
            "download the file."
        )
    target = paths.cache_root() / "data" / file.path
    problem: DownloadError
    for attempt in range(1 + RETRIES):
        time.sleep(attempt)  # what was wrong may pass
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            paths.write_whole(target, _content(file, progress))
            return
        except requests.RequestException as error:
            problem = _failure(file, _reason(error))
            problem.__cause__ = error
        except _WrongContentError as error:
            problem = error
        except DownloadError:
            raise
        except (InputError, OSError) as error:
            raise DownloadError(
                f"Cannot write to the cache folder {target.parent}: "
                f"{getattr(error, 'strerror', None) or error} "
                "Set ANOMALY_LAB_CACHE to a folder that can be written to."
            ) from error
    raise problem


def _content(file: RemoteFile, progress: bool) -> Iterator[bytes]:
    digest = hashlib.sha256()
    columns = ("{task.description}", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, disable=not progress) as bar:
        task = bar.add_task(file.path, total=file.size)
        for chunk in _chunks(file):
            digest.update(chunk)
            yield chunk
            bar.advance(task, len(chunk))
    if digest.hexdigest() != file.sha256:
        raise _WrongContentError(
            f"{file.url} has the wrong content: expected SHA-256 {file.sha256} but got "
            f"{digest.hexdigest()}. Try again; if it happens again, the file at the source has "
            "changed, or something between here and there alters it."
        )


def _chunks(file: RemoteFile) -> Iterator[bytes]:
    limit = PATIENCE + file.size / LEAST_SPEED
    end = time.monotonic() + limit
    left = file.size
    with requests.Session() as session, _answer(file, session, limit) as response:
        _check_answer(file, response)
        while chunk := _read(response):
            left -= len(chunk)
            if left < 0:
                raise _failure(file, f"the server sent more than its {file.size:,} bytes")
            if time.monotonic() > end:
                raise _too_slow(file, limit)
            yield chunk


def _answer(file: RemoteFile, session: requests.Session, limit: float) -> requests.Response:
    """Wait for an answer, its header included, no longer than `limit` seconds.

    A thread of its own asks, since requests knows no limit on the whole of a header.
    """
    answers: queue.SimpleQueue[requests.Response | Exception] = queue.SimpleQueue()
    session.max_redirects = REDIRECTS
    plain = {"Accept-Encoding": "identity"}  # so that the bytes are those of the file

    def ask() -> None:
        try:
            answers.put(session.get(file.url, stream=True, timeout=TIMEOUT, headers=plain))
        except Exception as error:  # raised below, where it is waited for
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=limit)
    except queue.Empty:
        raise _too_slow(file, limit) from None
    if isinstance(answer, requests.Response):
        return answer
    if isinstance(answer, requests.RequestException):
        raise answer
    reason = f"the server sent us on to an address that is none ({answer})"
    raise _failure(file, reason) from answer


def _check_answer(file: RemoteFile, response: requests.Response) -> None:
    if 400 <= response.status_code < 500:  # asking again would not help
        raise _failure(file, f"the server answered {response.status_code} {response.reason}")
    response.raise_for_status()
    asked = [file.url, *(answer.url for answer in (*response.history, response))]
    if asked[0].startswith("https:") and not all(url.startswith("https:") for url in asked):
        raise _failure(file, f"the server sent us on without encryption, to {response.url}")


def _read(response: requests.Response) -> bytes:
    """Return what has arrived, where requests' own way waits for a chunk to be full."""
    try:
        return response.raw.read1(_CHUNK, decode_content=True)
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"the server sent nothing for {TIMEOUT:g} seconds"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off before the whole file had come"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached (is this machine online?)"
    return str(error).removesuffix(".")


def _too_slow(file: RemoteFile, limit: float) -> DownloadError:
    return _failure(file, f"it was not all here after {limit:.3g} seconds")


def _failure(file: RemoteFile, reason: str) -> DownloadError:
    return DownloadError(
        f"Could not download {file.url}: {reason}. Try again later, or put the "
        f"file into a folder as {file.path} and set ANOMALY_LAB_DATA to that folder."
    )
