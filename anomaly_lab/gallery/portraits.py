"""The pictures on a detector's page: how it scores, a case where it fails, what a parameter does.

They are drawn once, and again when the detector, its card, what draws or the versions that they
depend on change.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import joblib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anomaly_lab import code, datasets, drawing
from anomaly_lab.cache import Cache, key_of
from anomaly_lab.comparison import Progress
from anomaly_lab.contract import Card, Case
from anomaly_lab.detectors import get_detector
from anomaly_lab.drawing.style import style
from anomaly_lab.errors import AnomalyLabError
from anomaly_lab.gallery.fingerprints import fingerprint
from anomaly_lab.gallery.run import run
from anomaly_lab.gallery.store import Store
from anomaly_lab.gallery.tasks import Floats, Labels, Map, MapResult, centres
from anomaly_lab.paths import cache_folder
from anomaly_lab.splits import split

_DEFAULT = Case("shapes/moons")  # for the idea, where the card names no rows

Results = Mapping[Map, MapResult]
# HTML figures by name: "idea", how a normal row and an anomaly get their scores; where the card has
# them, "failure", maps with and without its cause, and "sweep", maps for values of a parameter.
Portrait: TypeAlias = dict[str, str]


def portraits(
    names: Iterable[str], store: Store, progress: Progress | None = None
) -> dict[str, Portrait]:
    """Return the pictures of detectors, with maps and drawings made side by side.

    Parameters
    ----------
    names : iterable of str
        Names of detectors.
    store : Store
        Where maps are taken from and stored.
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
    found = {name: _cache().get(name, _key(name)) for name in wanted}
    todo = [name for name, portrait in found.items() if portrait is None]
    if todo:
        maps = run([task for name in todo for task in _maps(name)], store, progress)
        mine = [{task: maps[task] for task in _maps(name)} for name in todo]
        with warnings.catch_warnings():
            # joblib replaces a worker whose memory has grown, and says so.
            warnings.filterwarnings("ignore", "A worker stopped while some jobs were given")
            drawn = joblib.Parallel(n_jobs=-1)(map(joblib.delayed(_drawn), todo, mine))
        for name, portrait in zip(todo, drawn, strict=True):
            _cache().put(name, _key(name), portrait)
            found[name] = portrait
    return {name: portrait for name, portrait in found.items() if portrait}


def failure_maps(card: Card) -> dict[str, Map]:
    """Return the tasks of a card's failure by title: with the cause, and without it."""
    if card.failure is None:
        return {}
    case, cure = card.failure.case, card.failure.cure
    return {"With the cause": Map(card.name, case), "Without it": Map(card.name, cure)}


def sweep_maps(card: Card) -> dict[str, Map]:
    """Return the tasks of a card's sweep by title, a value of the parameter each."""
    if card.sweep is None:
        return {}
    parameter, case = card.sweep.parameter, card.sweep.case
    return {
        f"{parameter} = {_plain(value)}": Map(card.name, case, ((parameter, value),))
        for value in card.sweep.values
    }


def _maps(name: str) -> list[Map]:
    card = get_detector(name).card
    return [*failure_maps(card).values(), *sweep_maps(card).values()]


def _idea_case(card: Card) -> Case:
    """Return rows without hidden anomalies, that suit the method where the card names such."""
    if card.sweep:
        return _DEFAULT if card.sweep.case.contamination else card.sweep.case
    return card.failure.cure if card.failure else _DEFAULT


def _drawn(name: str, maps: Results) -> Portrait:
    card = get_detector(name).card
    kinds = {"failure": failure_maps(card), "sweep": sweep_maps(card)}
    drawn = {kind: _panels(card, tasks, maps) for kind, tasks in kinds.items() if tasks}
    return {"idea": _idea(card), **drawn}


def _idea(card: Card) -> str:
    case = _idea_case(card)
    parts = split(datasets.load(case.data, rows=case.rows, seed=0), seed=0)
    rows, test = parts.fit.to_numpy(), parts.test.to_numpy()
    detector = get_detector(card.name)().fit(rows)
    chosen = _middling(detector.anomaly_score(test), parts.test_labels)
    try:
        picture = drawing.idea(detector, rows, test[chosen], parts.test_labels[chosen], centres())
    except Exception as error:
        raise AnomalyLabError(
            f"{card.name}: its idea cannot be drawn: {type(error).__name__}: {error}. Mend "
            "_draw, or leave it out: it is optional."
        ) from error
    return picture._repr_html_()


def _middling(scores: Floats, labels: Labels) -> list[int]:
    """Return the normal row and the anomaly whose scores are in the middle of their kind."""
    kinds = [np.flatnonzero(labels == label) for label in (0, 1)]
    return [int(rows[np.argsort(scores[rows])[len(rows) // 2]]) for rows in kinds]


def _plain(value: Any) -> str:
    """Write a value of a parameter without what only Python needs."""
    return str(value).replace("'", "").replace(",)", ")")


def _panels(card: Card, tasks: Mapping[str, Map], maps: Results) -> str:
    words = [f"{card.title}, {len(tasks)} maps."]
    with style():
        figure = Figure(figsize=(2.3 * len(tasks), 2.75))
        axes = figure.subplots(1, len(tasks), squeeze=False)[0]
        for ax, (title, task) in zip(axes, tasks.items(), strict=True):
            result = maps[task]
            panel(ax, result)
            ax.set_title(f"{title}\nROC-AUC {result.roc_auc:.2f}", pad=6, fontsize=10)
            words.append(f"{title}: {panel_in_words(result, task.case.data)}")
    return drawing.show(figure, " ".join(words))._repr_html_()


def panel(ax: Axes, result: MapResult) -> None:
    """Draw a map: scores, cutoff, fitting rows, and the anomalies among the test rows."""
    anomalies = result.test[result.labels == 1]
    drawing.panel(ax, centres(), result.scores, result.cutoff, result.X, result.hidden, anomalies)


def panel_in_words(result: MapResult, where: str) -> str:
    """Return what a map shows, of rows called `where`."""
    hidden = int(result.hidden.sum())
    among = f", {hidden} anomalies hidden among them" if hidden else ""
    return (
        f"Map of the scores on {where}: {len(result.X)} fitting rows{among}, and "
        f"{int(result.labels.sum())} anomalies to find; ROC-AUC {result.roc_auc:.2f}."
    )


def _cache() -> Cache:
    return Cache(cache_folder("portraits"))


def _key(name: str) -> str:
    """Hash what the pictures come of: what their maps come of, and what draws them."""
    detector = get_detector(name)
    tasks = [Map(name, _idea_case(detector.card)), *_maps(name)]
    drawn_by = [__name__, *code.modules(drawing.__name__, detector.__module__, whole=True)]
    parts = {
        "maps": [[str(task), fingerprint(task)] for task in tasks],
        "code": code.digest(drawn_by, whole=True),
        "style": code.file_digest(drawing.STYLE),
        "versions": code.versions(drawn_by),
    }
    return key_of(parts)
