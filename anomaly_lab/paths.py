"""Files: where the package keeps what it can make again, and writing whole or not at all."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import BinaryIO, TypeAlias

import pooch

from anomaly_lab.errors import InputError

if sys.platform != "win32":
    import fcntl

_Identity: TypeAlias = tuple[int, int]  # device and number of a file
_DRAFT = ".anomaly_lab-draft-"


def located(path: str | PathLike[str]) -> Path:
    """Return a path that a user named, ``~`` filled in, if it can be looked at.

    Parameters
    ----------
    path : str or path-like
        There may be nothing yet.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        Where it is no path, names no user's folder, is too long, is a link that leads back to
        itself, or lies in a folder that may not be entered.
    """
    try:
        place = Path(path).expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            place.stat()
    except RuntimeError as error:
        raise InputError(
            f"{path}: there is no such home folder. Write the path in full, or set HOME."
        ) from error
    except OSError as error:
        raise InputError(
            f"Cannot look at {path}: {error.strerror or error}. Name another path."
        ) from error
    except (TypeError, ValueError) as error:
        raise InputError(f"Expected a path, got {path!r}: {error}.") from error
    return place


def cache_root() -> Path:
    """Return the cache folder: ``ANOMALY_LAB_CACHE`` if set, else one in the user's cache.

    Raises
    ------
    InputError
        Where there can be no such folder.
    """
    try:
        return located(os.environ.get("ANOMALY_LAB_CACHE") or pooch.os_cache("anomaly_lab"))
    except (InputError, RuntimeError) as error:  # the latter of a user without a home
        raise InputError(
            f"There is no cache folder: {str(error).removesuffix('.')}. Set ANOMALY_LAB_CACHE to a "
            "folder that can be written to."
        ) from error


def cache_folder(name: str) -> Path | None:
    """Return the cache subfolder `name`, made where it is missing; None where it cannot be."""
    try:
        folder = cache_root() / name
        folder.mkdir(parents=True, exist_ok=True)
    except (InputError, OSError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def data_folder() -> Path | None:
    """Return the folder that ``ANOMALY_LAB_DATA`` names, or None where it is not set.

    Raises
    ------
    InputError
        Where there is no such folder.
    """
    named = os.environ.get("ANOMALY_LAB_DATA")
    folder = located(named) if named else None
    if folder and not folder.is_dir():
        raise InputError(
            f"ANOMALY_LAB_DATA should name a folder with data sets, but {named!r} is no folder; "
            "correct the variable, or unset it to download what is needed."
        )
    return folder


def check_writable(path: str | PathLike[str]) -> Path:
    """Return the file that `path` leads to, if it can be written: a long run need not be in vain.

    Raises
    ------
    InputError
        Where it is a folder or a device, or it or its folder is missing or may not be written to.
    """
    target = located(path)
    try:
        real = Path(os.path.realpath(target))
    except OSError as error:
        raise InputError(
            f"Cannot write {target}: the working folder is gone. Change to one that exists."
        ) from error
    folder = real.parent
    if real.is_dir():
        raise InputError(f"Expected a file to write to, and {target} is a folder. Name a file.")
    if real.exists() and not real.is_file():  # a rename would put a file in its place
        raise InputError(f"Expected a file to write to, and {target} is a device. Name a file.")
    if not folder.is_dir():
        raise InputError(f"Cannot write {target}: there is no folder {folder}. Make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"Cannot write {target}: the folder {folder} may not be written to.")
    if real.exists() and not os.access(real, os.W_OK):
        raise InputError(f"Cannot write {target}: it may not be written to. Name another file.")
    return real


def check_outputs(
    outputs: Mapping[str, str | PathLike[str] | None], reads: Iterable[str | PathLike[str]] = ()
) -> None:
    """Refuse to write what cannot be written, what is read, or two things to one place.

    Parameters
    ----------
    outputs : mapping of str to path-like or None
        The files, each under the name of its option; None where there is none.
    reads : iterable of path-like
        Files and folders that are read; those that are missing are passed over.

    Raises
    ------
    InputError
        Where an output cannot be written, is another one, is a file that is read, or lies in a
        folder that is read, whatever link or spelling names it.
    """
    files = {name: check_writable(path) for name, path in outputs.items() if path is not None}
    for (one, first), (other, second) in itertools.combinations(files.items(), 2):
        if _same(first, second):
            raise InputError(
                f"{one} and {other} name the same file, {outputs[one]}. Name two different ones."
            )
    for name in files:
        check_apart(name, files[name], reads)


def check_apart(
    name: str, output: str | PathLike[str], reads: Iterable[str | PathLike[str]]
) -> None:
    """Refuse an output, a file or a folder, that is or lies in what is read.

    Raises
    ------
    InputError
        Whatever link or spelling names it.
    """
    real = Path(os.path.realpath(located(output)))
    around = {_identity(place) for place in (real, *real.parents)} - {None}
    for read in reads:
        if around & _contents(located(read)):
            raise InputError(
                f"{name} would write {output}, which is or lies in what is read: {read}. "
                "Nothing that is read is written over. Name another place."
            )


def _identity(path: Path) -> _Identity | None:
    """Return what is the same for all names and links of a file; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _contents(place: Path) -> set[_Identity | None]:
    """Return the identities of a file, or of a folder and of everything in it.

    A link to a file counts as the file, a link at the top of a folder as the folder it leads to.
    """
    found = {_identity(place)}
    for folder, folders, files in os.walk(place):
        names = [".", *files, *(folders if Path(folder) == place else ())]
        found |= {_identity(Path(folder, name)) for name in names}
    return found - {None}


def _same(one: Path, other: Path) -> bool:
    """Tell whether two outputs are one file; of files yet to be made, also if only case differs."""
    if one.exists() or other.exists():
        return _identity(one) == _identity(other)
    alike = one.name.casefold() == other.name.casefold()
    return alike and _identity(one.parent) == _identity(other.parent)


def write_whole(path: str | PathLike[str], content: str | bytes | Iterable[bytes]) -> None:
    """Write a file whole or not at all: an interruption leaves the old file as it was.

    A file that is there keeps its permissions; where `path` is a link, it stays one, and what it
    leads to is written. A draft that a killed process has left in the folder is removed.

    Parameters
    ----------
    path : str or path-like
        The file.
    content : str, bytes or iterable of bytes
        Text is written as UTF-8, and what is not text in it, as in the name of a file, as an
        escape. Whatever error an iterable raises leaves nothing behind, and is handed on.

    Raises
    ------
    InputError
        Where the file cannot be written.
    """
    target = check_writable(path)
    if isinstance(content, str):
        content = content.encode("utf-8", "backslashreplace")
    with _reasons(target):
        _remove_left_drafts(target.parent)
        draft = _draft(target.parent)
    name = Path(draft.name)
    try:
        with _reasons(target):
            _adopt_permissions(name, target)
        for chunk in [content] if isinstance(content, bytes) else content:
            with _reasons(target):
                draft.write(chunk)
        with _reasons(target):
            draft.flush()
            os.fsync(draft.fileno())
            if sys.platform == "win32":  # which renames no open file
                draft.close()
            name.replace(target)
    finally:
        with contextlib.suppress(OSError):  # of what could not be written before
            draft.close()
        name.unlink(missing_ok=True)


@contextlib.contextmanager
def _reasons(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Cannot write {target}: {error.strerror or error}. Mend that, or name another place."
        ) from error


def _draft(folder: Path) -> BinaryIO:
    """Return a new file, open and locked: as long as it is locked, somebody is writing to it."""
    while True:
        draft = (folder / f"{_DRAFT}{secrets.token_hex(8)}").open("xb")
        with contextlib.suppress(OSError):  # where files cannot be locked
            _lock(draft)
        if Path(draft.name).exists():  # nobody took it for a left one before it was locked
            return draft
        draft.close()


def _remove_left_drafts(folder: Path) -> None:
    for left in folder.glob(f"{_DRAFT}*"):
        with contextlib.suppress(OSError):  # it is being written to, or is another user's
            if sys.platform == "win32":  # which removes no open file
                left.unlink()
            elif left.is_file():
                with left.open("rb") as file:
                    _lock(file, wait=False)
                    left.unlink()


def _lock(file: BinaryIO, *, wait: bool = True) -> None:
    """Hold a file until it is closed, or its process ends in whatever way."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _adopt_permissions(draft: Path, target: Path) -> None:
    """Give a draft the permissions, and where that is allowed the owner, of what it replaces."""
    try:
        there = target.stat()
    except FileNotFoundError:
        return
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(draft, there.st_uid, there.st_gid)
    draft.chmod(stat.S_IMODE(there.st_mode))
