"""Files: where the package keeps what it can make again, and writing whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from os import PathLike
from pathlib import Path

import pooch

from anomaly_lab.errors import InputError


def cache_root() -> Path:
    """Return the cache folder: ``ANOMALY_LAB_CACHE`` if set, else one in the user's cache."""
    return Path(os.environ.get("ANOMALY_LAB_CACHE") or pooch.os_cache("anomaly_lab")).expanduser()


def cache_folder(name: str) -> Path | None:
    """Return the cache subfolder `name`, made where it is missing; None where it cannot be."""
    folder = cache_root() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def data_folder() -> Path | None:
    """Return the folder that ``ANOMALY_LAB_DATA`` names, or None where it is not set.

    Raises
    ------
    InputError
        Where there is no such folder.
    """
    named = os.environ.get("ANOMALY_LAB_DATA")
    folder = Path(named).expanduser() if named else None
    if folder and not folder.is_dir():
        raise InputError(
            f"ANOMALY_LAB_DATA should name a folder with data sets, but {named!r} is no folder; "
            "correct the variable, or unset it to download what is needed."
        )
    return folder


def check_writable(path: str | PathLike[str]) -> Path:
    """Return `path` if a file can be written there, so that a long run need not end in vain.

    Raises
    ------
    InputError
        Where it is a folder or a device, or its folder is missing or may not be written to.
    """
    target = Path(path).expanduser()
    folder = target.absolute().parent
    if target.is_dir():
        raise InputError(f"Expected a file to write to, and {target} is a folder. Name a file.")
    if target.exists() and not target.is_file():  # a rename would put a file in its place
        raise InputError(f"Expected a file to write to, and {target} is a device. Name a file.")
    if not folder.is_dir():
        raise InputError(f"Cannot write {target}: there is no folder {folder}. Make it first.")
    if not os.access(folder, os.W_OK):
        raise InputError(f"Cannot write {target}: the folder {folder} may not be written to.")
    return target


def read_regular(path: str | PathLike[str], largest: int, *, links: bool = True) -> bytes:
    """Read a regular file, and nothing that could last forever, such as a pipe.

    Parameters
    ----------
    path : str or path-like
        The file.
    largest : int
        Bytes that it may have.
    links : bool, default True
        Whether the path may be a link to the file.

    Raises
    ------
    OSError
        As the system raises it, also where the path is a folder.
    InputError
        Where it is no regular file, or a larger one.
    """
    name = Path(path).name.encode("utf-8", "backslashreplace").decode()
    if not links and Path(path).is_symlink():
        raise InputError(f"{name} is a link: put the file itself in its place")
    # A pipe is opened without waiting for somebody to write into it.
    wanted = ("O_BINARY", "O_NONBLOCK", *(() if links else ("O_NOFOLLOW",)))
    flags = sum(getattr(os, flag, 0) for flag in wanted)  # those that the system has
    with os.fdopen(os.open(path, os.O_RDONLY | flags), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{name} should be a file, and is a pipe or a device")
        if status.st_size > largest:
            raise InputError(f"{name} has {status.st_size:,} bytes; {largest:,} are the most")
        return file.read(largest + 1)


def write_whole(path: str | PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all: an interruption leaves the old file as it was.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    target = check_writable(path)
    draft = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=target.absolute().parent, prefix=f".{target.name}.", delete=False
        ) as file:
            draft = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(0o666 & ~_umask())
        draft.replace(target)
    except OSError as error:
        raise InputError(f"Cannot write {target}: {error.strerror or error}.") from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _umask() -> int:
    """Return the permissions that new files of this user lack."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
