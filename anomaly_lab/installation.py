"""How this copy was installed: what pip calls it, and from where an extra of it is to be had."""

from __future__ import annotations

import json
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

# Not "anomaly-lab": the public index takes no name that differs by a dash alone from one it has,
# and an unrelated package is called anomalylab there.
DISTRIBUTION = "anomaly-lab-kit"


def install_line(extra: str = "") -> str:
    """Return the command that installs this package from where this copy came, with an extra.

    Parameters
    ----------
    extra : str, optional
        Such as ``lab``, for what the notebooks need.

    Returns
    -------
    str
        ``python -m pip install`` and what pip is to install. pip notes the origin of what it does
        not take from an index (https://packaging.python.org/specifications/direct-url/).
    """
    try:
        noted = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # a checkout that was not installed
        noted = None
    return f"python -m pip install {_requirement(extra, json.loads(noted) if noted else None)}"


def _requirement(extra: str, origin: dict[str, Any] | None) -> str:
    """Return what pip is to install, by its own note on the origin."""
    wanted = f"[{extra}]" if extra else ""
    if origin is None:
        return f'"{DISTRIBUTION}{wanted}"' if extra else DISTRIBUTION
    url = origin["url"]
    if "dir_info" in origin:  # a folder, such as a checkout
        editable = "-e " if origin["dir_info"].get("editable") else ""
        return f'{editable}"{url2pathname(urlsplit(url).path)}{wanted}"'
    if vcs := origin.get("vcs_info"):
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    return f'"{DISTRIBUTION}{wanted} @ {url}"'
