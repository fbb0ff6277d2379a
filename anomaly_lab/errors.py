"""The errors the package raises on purpose: each says what was expected, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AnomalyLabError(Exception):
    """Base of every error that this package raises on purpose."""


class InputError(AnomalyLabError, ValueError):
    """Rows, labels, a file or a parameter that cannot be used as given."""


class InputTypeError(InputError, TypeError):
    """Rows that are no numbers at all; scikit-learn's own suite expects a `TypeError` for them."""


class UnknownNameError(AnomalyLabError, LookupError):
    """A detector, data set or threshold rule that does not exist.

    Parameters
    ----------
    kind : str
        What was looked for, such as ``"data set"``.
    name : str
        The name that was asked for.
    known : iterable of str
        The names there are; the nearest ones are suggested.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]):
        known = sorted(known)
        names = ", ".join(known)
        super().__init__(f"There is no {kind} named {name!r}.{hint(name, known)} Known: {names}.")


class DownloadError(AnomalyLabError, OSError):
    """A data set that could not be fetched, or that came with the wrong content."""


class BackendError(AnomalyLabError, ImportError):
    """Keras has no backend that can be imported."""


class ModelFileError(AnomalyLabError, ValueError):
    """A saved model that is damaged, altered, or holds something it may not hold."""


def nearest(name: str, known: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` of the `known` names that look like `name`, the likeliest first."""
    spelled = {word.lower(): word for word in known}
    return [spelled[hit] for hit in difflib.get_close_matches(name.lower(), spelled, n)]


def hint(name: str, known: Iterable[str]) -> str:
    """Return a sentence with the nearest known names, with a space before it, or nothing."""
    near = nearest(name, known)
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
