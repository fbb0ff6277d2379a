"""What a result comes of, as a fingerprint: where it has changed, the result no longer counts.

It covers the code that imports lead to, from the tasks, the detector and what makes the rows; the
downloaded files; and the versions of what computes. `anomaly_lab.code` says what changes no number.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from anomaly_lab import code, datasets
from anomaly_lab.cache import key_of
from anomaly_lab.detectors import ENTRY_POINT_GROUP, all_detectors, get_detector
from anomaly_lab.errors import BackendError
from anomaly_lab.gallery import tasks
from anomaly_lab.gallery.tasks import Map, Score, Task
from anomaly_lab.neural import backend

_BACKEND_PACKAGES = {"jax": ("jax", "jaxlib"), "tensorflow": ("tensorflow",), "torch": ("torch",)}
_LENGTH = 12  # hexadecimal digits


def fingerprint(task: Task) -> str:
    """Return the fingerprint that a result of the task has now, as hexadecimal digits."""
    parts = {
        "harness": code.digest(harness()),
        "detector": code.digest(modules(task.detector)),
        "data": _data(task),
        "versions": versions(task.detector),
    }
    return key_of(parts)[:_LENGTH]


def versions(detector: str) -> dict[str, str]:
    """Return the versions of what computes a detector's scores, by package name.

    Parameters
    ----------
    detector : str
        Its name.

    Returns
    -------
    dict of str to str
        Of what its code and that of the tasks import, and SciPy's, which scikit-learn computes
        with; of a network also Keras's, its backend's and the backend's name; of a detector that
        another package brings, that package's.
    """
    own = modules(detector)
    found = code.versions([*harness(), *own]) | {"scipy": code.version("scipy")}
    if backend.__name__ in own:
        found |= _keras_versions()
    if not code.is_ours(own[0]):
        for entry in entry_points(group=ENTRY_POINT_GROUP):
            if entry.module == own[0] and entry.dist:
                found[entry.dist.name] = entry.dist.version
    return found


@functools.cache
def harness() -> tuple[str, ...]:
    """Return the modules between rows and figures, whatever the detector and the data set."""
    return tuple(code.modules(tasks.__name__))


@functools.cache
def modules(detector: str) -> tuple[str, ...]:
    """Return the modules of a detector's code beside the harness, its own first.

    Those of detectors that it names are among them: `get_detector` finds a detector by its name.
    """
    own = get_detector(detector).__module__
    return tuple(code.modules(own, named=_detectors_named, without=harness()))


def _data(task: Task) -> object:
    """Return what the rows come of; `Timing` draws its own, in `tasks`."""
    if isinstance(task, Score):
        name = task.dataset
    elif isinstance(task, Map):
        name = task.case.data
    else:
        return None
    card = datasets.card(name)
    made_by = code.modules(datasets.function(name).__module__, without=harness())
    return {
        "rows": card.rows if card.kind == "simulated" else None,
        "files": [file.sha256 for file in card.files],
        "code": code.digest(made_by),
        "versions": code.versions(made_by),
    }


def _detectors_named(module: str) -> list[str]:
    """Return the modules of the detectors that code can ask for: those it names, or all.

    This package's code names none that another package brings: the same word, such as "median",
    then means something else.
    """
    names, texts = code.words(code.tree(module))
    known = all_detectors()
    if "all_detectors" not in names:
        ours = code.is_ours(module)
        known = {
            name: cls
            for name, cls in known.items()
            if (name in texts or cls.__name__ in names)
            and (code.is_ours(cls.__module__) or not ours)
        }
    return [cls.__module__ for cls in known.values()]


def _keras_versions() -> dict[str, str]:
    try:
        chosen, _ = backend.choose_backend()
    except BackendError:
        return {}
    names = ("keras", *_BACKEND_PACKAGES[chosen])
    return {"backend": chosen} | {name: code.version(name) for name in names}
