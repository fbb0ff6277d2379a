"""The pictures on a detector's page: how it scores, a case where it fails, what a parameter does.

They are drawn once: what came is kept until the detector, its card, the drawings or the versions
that they depend on change.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import joblib
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anomaly_lab import datasets, figures, pictures
from anomaly_lab.comparison import Progress
from anomaly_lab.contract import Card, Case
from anomaly_lab.detectors import get_detector
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.figures import style
from anomaly_lab.gallery import drawings
from anomaly_lab.gallery.fingerprints import fingerprint, modules
from anomaly_lab.gallery.run import run
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import Floats, Labels, Map, MapResult
from anomaly_lab.paths import cache_folder, write_whole
from anomaly_lab.pictures import Picture, show
from anomaly_lab.splits import split

_DEFAULT = Case("shapes/moons")  # for the idea, where the card names no rows

Results = Mapping[Map, MapResult]


@dataclass(frozen=True)
class Portrait:
    """The pictures of one detector.

    Parameters
    ----------
    idea : Picture
        How a normal row and an anomaly get their scores.
    failure, sweep : Picture, optional
        Maps with and without the cause of its failure; maps for values of a parameter. None where
        the card has no such case.
    """

    idea: Picture
    failure: Picture | None
    sweep: Picture | None

    def pictures(self) -> dict[str, Picture]:
        """Return those that there are, by name."""
        return {name: picture for name, picture in vars(self).items() if picture}


def portraits(
    names: Iterable[str], store: Store, progress: Progress | None = None
) -> dict[str, Portrait]:
    """Return the pictures of detectors, with maps and drawings made side by side.

    Parameters
    ----------
    names : iterable of str
        Names of detectors.
    store : Store
        Where maps are taken from and kept.
    progress : callable, optional
        Called as ``progress(done, total, what)`` while maps are made.

    Returns
    -------
    dict of str to Portrait
        In the order of `names`.

    Raises
    ------
    UnfinishedError
        Where a detector failed.
    """
    wanted = list(names)
    found = {name: _kept(name) for name in wanted}
    todo = [name for name, portrait in found.items() if portrait is None]
    if todo:
        maps = run([task for name in todo for task in _maps(name)], store, progress)
        mine = [{task: maps[task] for task in _maps(name)} for name in todo]
        with warnings.catch_warnings():
            # joblib replaces a worker whose memory has grown, and says so.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
            drawn = joblib.Parallel(n_jobs=-1)(map(joblib.delayed(_drawn), todo, mine))
        for name, portrait in zip(todo, drawn, strict=True):
            _keep(name, portrait)
            found[name] = portrait
    return {name: portrait for name, portrait in found.items() if portrait}


def failure_maps(card: Card) -> tuple[Map, Map]:
    """Return the tasks of a card's failure: with the cause, and without it."""
    assert card.failure
    return Map(card.name, card.failure.case), Map(card.name, card.failure.cure)


def sweep_maps(card: Card) -> list[Map]:
    """Return the tasks of a card's sweep, a value of the parameter each."""
    assert card.sweep
    parameter, case = card.sweep.parameter, card.sweep.case
    return [Map(card.name, case, ((parameter, value),)) for value in card.sweep.values]


def _maps(name: str) -> list[Map]:
    card = get_detector(name).card
    return [
        *(failure_maps(card) if card.failure else ()),
        *(sweep_maps(card) if card.sweep else ()),
    ]


def _idea_case(card: Card) -> Case:
    """Return rows without hidden anomalies, that suit the method where the card names such."""
    if card.sweep:
        return _DEFAULT if card.sweep.case.contamination else card.sweep.case
    return card.failure.cure if card.failure else _DEFAULT


def _drawn(name: str, maps: Results) -> Portrait:
    card = get_detector(name).card
    return Portrait(
        idea=_idea(card),
        failure=_failure(card, maps) if card.failure else None,
        sweep=_sweep(card, maps) if card.sweep else None,
    )


def _idea(card: Card) -> Picture:
    case = _idea_case(card)
    parts = split(datasets.load(case.data, rows=case.rows, seed=0), seed=0)
    rows, test = parts.fit.to_numpy(), parts.test.to_numpy()
    detector = get_detector(card.name)().fit(rows)
    chosen = _middling(detector.anomaly_score(test), parts.test_labels)
    explained, labels = test[chosen], parts.test_labels[chosen]

    def draw(ax: Axes) -> None:
        try:
            drawings.idea(ax, detector, rows, explained, labels)
        except Exception as error:
            raise AnomalyLabError(
                f"{card.name}: its idea cannot be drawn: {type(error).__name__}: {error}. Mend "
                "_draw, or leave it out: it is optional."
            ) from error

    alt = drawings.describe_idea(detector, explained, labels)
    return _picture([draw], f"{card.title}. {alt}", 3.4, 3.4)


def _middling(scores: Floats, labels: Labels) -> list[int]:
    """Return the normal row and the anomaly whose scores are in the middle of their kind."""
    kinds = [np.flatnonzero(labels == label) for label in (0, 1)]
    return [int(rows[np.argsort(scores[rows])[len(rows) // 2]]) for rows in kinds]


def _failure(card: Card, maps: Results) -> Picture:
    titles = ["With the cause", "Without it"]
    return _panels(card, maps, failure_maps(card), titles, width=4.6)


def _sweep(card: Card, maps: Results) -> Picture:
    tasks = sweep_maps(card)
    titles = [f"{name} = {_plain(value)}" for task in tasks for name, value in task.settings]
    return _panels(card, maps, tasks, titles, width=2.3 * len(tasks))


def _plain(value: Any) -> str:
    """Write a value of a parameter without what only Python needs."""
    return str(value).replace("'", "").replace(",)", ")")


def _panels(
    card: Card, maps: Results, tasks: Iterable[Map], titles: list[str], width: float
) -> Picture:
    drawn: list[Callable[[Axes], None]] = []
    told = [f"{card.title}, {len(titles)} maps."]
    for task, title in zip(tasks, titles, strict=True):
        result = maps[task]

        def draw(ax: Axes, result: MapResult = result, title: str = title) -> None:
            drawings.panel(ax, result)
            ax.set_title(f"{title}\nROC-AUC {result.roc_auc:.2f}", pad=6, fontsize=10)

        drawn.append(draw)
        told.append(f"{title}: {drawings.describe_panel(result, task.case.data)}")
    return _picture(drawn, " ".join(told), width, width / len(titles) + 0.45)


def _picture(drawn: list[Callable[[Axes], None]], alt: str, width: float, height: float) -> Picture:
    with style():
        figure = Figure(figsize=(width, height))
        for draw, ax in zip(drawn, figure.subplots(1, len(drawn), squeeze=False)[0], strict=True):
            draw(ax)
    return show(figure, alt)


def _kept(name: str) -> Portrait | None:
    """Return what was drawn before, if it would be drawn the same today."""
    path = _path(name)
    try:
        content = json.loads(path.read_bytes()) if path else {}
        drawn = {
            kind: picture and Picture(**picture) for kind, picture in content["pictures"].items()
        }
        return Portrait(**drawn) if content["key"] == _key(name) else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _keep(name: str, portrait: Portrait) -> None:
    path = _path(name)
    drawn = {kind: picture and asdict(picture) for kind, picture in vars(portrait).items()}
    if path:
        write_whole(path, json.dumps({"key": _key(name), "pictures": drawn}).encode())


def _path(name: str) -> Path | None:
    folder = cache_folder("portraits")
    return folder / f"{name}.json" if folder else None


def _key(name: str) -> str:
    """Hash what the pictures come of: what their maps come of, and what draws them."""
    tasks = [Map(name, _idea_case(get_detector(name).card)), *_maps(name)]
    drawing = (__name__, drawings.__name__, pictures.__name__, figures.__name__)
    files = [importlib.util.find_spec(module) for module in (*modules(name), *drawing)]
    parts = [
        matplotlib.__version__,
        *map(str, tasks),
        *map(fingerprint, tasks),
        *(Path(spec.origin).read_text("utf-8") for spec in files if spec and spec.origin),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
