"""The one store of results: a key's parts in, a result out, whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from anomaly_lab.paths import write_whole


def key_of(parts: Any) -> str:
    """Hash what a result comes of.

    Parameters
    ----------
    parts : object
        Anything that JSON can hold, such as a dict with a part under each name.

    Returns
    -------
    str
        SHA-256 in hexadecimal; the same for equal parts, whatever the order of names.
    """
    plain = json.loads(json.dumps(parts))  # numbers that name parts sort as the texts they become
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class Cache:
    """A folder with one JSON file a result. A file that is damaged or another's is no result.

    Parameters
    ----------
    folder : Path or None
        An existing folder; with None nothing is stored and nothing found.
    """

    def __init__(self, folder: Path | None):
        self.folder = folder

    def get(self, name: str, key: str) -> Any | None:
        """Return the result stored under a name, or None where it was stored with another key."""
        stored_key, result = self.latest(name) or (None, None)
        return result if stored_key == key else None

    def latest(self, name: str) -> tuple[str, Any] | None:
        """Return key and result last stored under a name, whatever has changed, or None."""
        if self.folder is None:
            return None
        try:
            content = json.loads(self.path(name).read_bytes())
            whole = content.pop("sha256") == key_of(content) and content["name"] == name
            return (content["key"], content["result"]) if whole else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None

    def put(self, name: str, key: str, result: Any) -> None:
        """Store a result that JSON can hold, in place of the one stored under its name before.

        Raises
        ------
        InputError
            Where the file cannot be written.
        """
        if self.folder:
            content = {"name": name, "key": key, "result": result}
            text = json.dumps({"sha256": key_of(content), **content})
            write_whole(self.path(name), text)

    def path(self, name: str) -> Path:
        """Return the file of a name, below a folder that is not None."""
        assert self.folder is not None
        readable = re.sub(r"\W+", "-", name).strip("-").lower()[:80]
        return self.folder / f"{readable}-{hashlib.sha256(name.encode()).hexdigest()[:12]}.json"
