"""What a detector still lacks: the contract suite, scikit-learn's, and what its card promises."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from unittest import SkipTest

from sklearn.metrics import roc_auc_score
from sklearn.utils.estimator_checks import estimator_checks_generator

from anomaly_lab import datasets
from anomaly_lab.contract import Card, Case, Detector, Failure, Sweep
from anomaly_lab.contract.testing import CHECKS, easy_rows
from anomaly_lab.detectors import all_detectors
from anomaly_lab.model import AnomalyModel
from anomaly_lab.scaffold.loading import sentence, shortened
from anomaly_lab.splits import split

GAP = 0.1  # ROC-AUC that a failure has to cost
_PAGE = {
    "formula": "the score as a formula",
    "sweep": "what the most important parameter does",
    "failure": "a case in which the method fails",
}


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    check : str
        Its name.
    message : str
        What holds; or what should, what came instead and what to do.
    holds : bool
        Whether nothing is missing.
    """

    check: str
    message: str
    holds: bool = True


@dataclass(frozen=True)
class _Step:
    """A check: its name, what should hold, and what raises where it does not."""

    name: str
    should: str
    run: Callable[[], str | None]
    ours: bool = True


def examine(
    detector: type[Detector], progress: Callable[[int, int, str], None] | None = None
) -> list[Finding]:
    """Run every check on a detector's class.

    Parameters
    ----------
    detector : type
        The class; its card need not be complete.
    progress : callable, optional
        Called as ``progress(done, total, check)`` before each check.

    Returns
    -------
    list of Finding
        One a check; of those of scikit-learn's suite the failed ones, or one where all passed. A
        detector that cannot be fitted at all gets that finding alone.
    """
    found = []
    for step in (
        _Step("default_parameters", "It is built without arguments.", partial(_build, detector)),
        _Step("fit_and_score", "It is fitted and scores rows.", partial(_fit, detector)),
    ):
        found.append(_tried(step, detector))
        if not found[-1].holds:
            return found
    steps = [*_contract(detector), *_scikit_learn(detector), *_promises(detector)]
    passed = 0
    for i, step in enumerate(steps):
        if progress:
            progress(i, len(steps), step.name)
        finding = _tried(step, detector)
        if step.ours or not finding.holds:
            found.append(finding)
        else:
            passed += 1
    if passed == sum(not step.ours for step in steps):
        message = f"All {passed} checks of scikit-learn's own suite pass, or do not apply."
        found.append(Finding("check_estimator", message))
    return found


def hints(detector: type[Detector]) -> list[str]:
    """Return what the detector's page in the gallery would lack, which is no fault."""
    card = getattr(detector, "card", None)
    found = [
        f"The card has no {field}, so the detector's page in the gallery will not show {content}."
        for field, content in _PAGE.items()
        if isinstance(card, Card) and not getattr(card, field)
    ]
    docstring = detector.__doc__ or ""
    unknown = [
        name for name in inspect.signature(detector).parameters if f"{name} :" not in docstring
    ]
    if unknown:
        found.append(
            f"The docstring has no '{unknown[0]} : ...' under Parameters, so the page will not "
            f"explain {', '.join(unknown)}."
        )
    if detector._draw is Detector._draw:
        found.append("There is no _draw, so the page will not show how a row gets its score.")
    return found


def _contract(detector: type[Detector]) -> Iterator[_Step]:
    for check in CHECKS:
        should = inspect.getdoc(check) or ""
        yield _Step(check.__name__, should, partial(_run, check, detector))


def _scikit_learn(detector: type[Detector]) -> Iterator[_Step]:
    for estimator, check in estimator_checks_generator(detector()):
        name = check.func.__name__
        should = "scikit-learn's own suite passes."
        yield _Step(name, should, partial(check, estimator), ours=False)


def _promises(detector: type[Detector]) -> Iterator[_Step]:
    card = getattr(detector, "card", None)
    if not isinstance(card, Card):
        return
    yield _Step("card.name", "No other detector has its name.", partial(_name, detector))
    if card.sweep:
        should = "The parameter of the card's sweep takes the values."
        yield _Step("card.sweep", should, partial(_sweep, detector, card.sweep))
    if card.failure:
        should = "The method fails in the case on its card, and not in the cure."
        yield _Step("card.failure", should, partial(_failure, detector, card.failure))


def _build(detector: type[Detector]) -> None:
    abstract = sorted(detector.__abstractmethods__)
    assert not abstract, f"write {' and '.join(abstract)}."
    parameters = list(inspect.signature(detector).parameters.values())
    needed = [p.name for p in parameters if p.default is p.empty]
    assert not needed, f"give every parameter of __init__ a default; {', '.join(needed)} lack one."
    detector()


def _fit(detector: type[Detector]) -> None:
    model = detector()
    model.get_params()
    rows, judged, _ = easy_rows()
    try:
        model.fit(rows.copy())
    except TypeError:
        assert detector()._fit(rows) is not None, "_fit must return the scores of its rows."
        raise
    model.anomaly_score(judged)


def _run(check: Callable[[Detector], None], detector: type[Detector]) -> None:
    check(detector())


def _name(detector: type[Detector]) -> None:
    other = all_detectors().get(detector.card.name, detector)
    same = (other.__module__, other.__qualname__) == (detector.__module__, detector.__qualname__)
    assert same, (
        f"{detector.card.name!r} is the name of {other.__module__}.{other.__qualname__}: give the "
        "card another."
    )


def _sweep(detector: type[Detector], sweep: Sweep) -> None:
    known = detector().get_params()
    assert sweep.parameter in known, (
        f"{sweep.parameter!r} is no parameter; there are {', '.join(known) or 'none'}."
    )
    for value in sweep.values:
        _roc_auc(detector(**{sweep.parameter: value}), sweep.case)


def _failure(detector: type[Detector], failure: Failure) -> str:
    fails, works = (_roc_auc(detector(), case) for case in (failure.case, failure.cure))
    areas = f"ROC-AUC {fails:.2f} on {failure.case.data}, {works:.2f} on {failure.cure.data}"
    assert works - fails >= GAP, (
        f"{areas}: expected the first to be lower by at least {GAP}. Choose another case or cure."
    )
    return f"{areas}."


def _roc_auc(detector: Detector, case: Case) -> float:
    """Judge a detector on a case as the gallery does, whose tasks ask for an installed one."""
    data = datasets.load(case.data, rows=case.rows, seed=0)
    parts = split(data, seed=0, contamination=case.contamination)
    scores = AnomalyModel(detector).fit(parts.fit).anomaly_score(parts.test)
    return float(roc_auc_score(parts.test_labels, scores))


def _tried(step: _Step, detector: type[Detector]) -> Finding:
    try:
        more = step.run()
    except SkipTest:
        return Finding(step.name, "It does not apply here.")
    except AssertionError as error:
        return Finding(step.name, f"{step.should} Not so: {shortened(str(error))}", holds=False)
    except (Exception, SystemExit) as error:
        stopped = f"it stopped with {sentence(error, detector.__module__)}."
        return Finding(step.name, f"{step.should} Not so: {stopped}", holds=False)
    return Finding(step.name, f"{step.should} {more or ''}".strip())
