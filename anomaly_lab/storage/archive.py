"""The file itself: a zip of uncompressed members, with a manifest that says what is in it."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from anomaly_lab import __version__
from anomaly_lab.errors import InputError, ModelFileError
from anomaly_lab.paths import read_regular

FORMAT = 1
LARGEST = 4 * 2**30  # bytes of a file
_MANIFEST = "manifest.json"
_MEMBER = re.compile(r"manifest\.json|[0-9]+\.(skops|keras)")


def seal(manifest: dict[str, Any], members: dict[str, bytes]) -> bytes:
    """Return a model file: the manifest, with format and fingerprints, and the members."""
    fingerprints = {name: fingerprint(content) for name, content in members.items()}
    text = json.dumps({"format": FORMAT, **manifest, "members": fingerprints}, indent=1)
    return pack({_MANIFEST: text.encode(), **members})


def unseal(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return manifest and members of a model file, as `seal` got them.

    Raises
    ------
    ModelFileError
        Where the format is a newer one, or a member is not as its fingerprint says.
    """
    members = unpack(data, _MEMBER)
    if _MANIFEST not in members:
        raise ModelFileError("it has no manifest.json")
    manifest = json.loads(members.pop(_MANIFEST))
    _check_format(manifest["format"])
    found = {name: fingerprint(content) for name, content in members.items()}
    for name in sorted(found.keys() | manifest["members"].keys()):
        if found.get(name) != manifest["members"].get(name):
            raise ModelFileError(f"its member {name} is missing, added or not as it was saved")
    return manifest, members


def fingerprint(content: bytes) -> dict[str, Any]:
    """Return what the manifest says of a member: its SHA-256 and its size in bytes."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def pack(members: dict[str, bytes]) -> bytes:
    """Return an uncompressed zip of `members`, all dated 1980."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(ZipInfo(name), content)
    return buffer.getvalue()


def unpack(data: bytes, allowed: re.Pattern[str]) -> dict[str, bytes]:
    """Return the members of an uncompressed zip, whose names must match `allowed`."""
    with ZipFile(io.BytesIO(data)) as archive:
        infos = archive.infolist()
        names = [info.filename for info in infos]
        odd = [name for name in names if not allowed.fullmatch(name)]
        if odd or len(set(names)) < len(names):
            raise ModelFileError(f"it has members that a model does not have: {odd or names}")
        if any(info.compress_type != ZIP_STORED for info in infos):
            raise ModelFileError("it is compressed, which model files are not")
        if sum(info.file_size for info in infos) > len(data):
            raise ModelFileError("its members overlap")
        return {name: archive.read(name) for name in names}


def renumber(node: Any, keys: tuple[str, ...], new: dict[Any, Any]) -> Any:
    """Put running numbers in place of the memory addresses under `keys`; `new` collects them."""
    if isinstance(node, list):
        return [renumber(item, keys, new) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: renumber(value, keys, new) for key, value in node.items()}
    for key in keys:
        old = node.get(key)
        if isinstance(old, int):
            node[key] = new.setdefault(old, len(new) + 1)
        elif isinstance(old, str):  # the name of a member, such as "140320.npy"
            node[key] = new.setdefault(old, f"{len(new) + 1}{Path(old).suffix}")
    return node


def read(source: Path) -> bytes:
    """Return the content of a file, or say why it cannot be read."""
    try:
        return read_regular(source, LARGEST)
    except FileNotFoundError:
        raise InputError(
            f"There is no file {source}. Check the path, or save a model there first."
        ) from None
    except OSError as error:
        raise InputError(
            f"Cannot read {source}: {error.strerror or error}. Name a model file that you may read."
        ) from error


def _check_format(number: Any) -> None:
    if type(number) is not int or number < 1:
        raise ModelFileError(f"its format is {number!r}, not a number from 1 to {FORMAT}")
    if number > FORMAT:
        raise ModelFileError(
            f"it has format {number} and this anomaly_lab {__version__} reads up to {FORMAT}; "
            "install a newer anomaly_lab"
        )
