"""The contract suite: run it on a detector, and it says in plain words what is missing.

In a test of your own::

    import pytest
    from anomaly_lab.contract.testing import CHECKS

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(check):
        check(MyDetector())

Each check gets an unfitted detector and works on copies of it. scikit-learn's own suite,
`sklearn.utils.estimator_checks.check_estimator`, should pass as well; it does not notice a detector
whose every sign is flipped, or one that reads labels, which is why there is this one.
"""

from __future__ import annotations

import pickle
import random
import re
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import partial
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from anomaly_lab.contract import Array, Card, Detector, UnfittedError
from anomaly_lab.errors import InputError


def easy_rows(seed: int = 0) -> tuple[Array, Array, npt.NDArray[np.int8]]:
    """Return 200 normal fitting rows, and 100 rows to judge with their labels.

    The first two of five features are strongly correlated; each of the 20 anomalies is far out in
    some direction, so any method should rank them first.
    """
    rng = np.random.default_rng(seed)

    def normal(n: int) -> Array:
        rows = rng.normal(size=(n, 5))
        rows[:, 1] = 0.9 * rows[:, 0] + 0.3 * rows[:, 1]
        return rows

    far = rng.normal(size=(20, 5))
    far *= 8 / np.linalg.norm(far, axis=1, keepdims=True)
    labels = np.repeat(np.array([0, 1], dtype=np.int8), [80, 20])
    return normal(200), np.vstack([normal(80), far]), labels


def check_card(detector: Detector) -> None:
    """The class says what it is: every field of its card is filled in."""
    card = getattr(type(detector), "card", None)
    assert isinstance(card, Card), "Give the class a `card = Card(...)` that describes the method."
    required = [field.name for field in fields(card) if field.default is MISSING]
    empty = [name for name in required if not str(getattr(card, name)).strip()]
    assert not empty, f"Fill in these fields of the card: {', '.join(empty)}."
    assert re.fullmatch(r"[a-z0-9_]+", card.name), (
        f"card.name is typed on the command line: lower case, digits and _, got {card.name!r}."
    )


def check_parameters_are_stored(detector: Detector) -> None:
    """`__init__` stores parameters and nothing else; `fit` changes none of them."""
    before = detector.get_params()
    extra = set(vars(detector)) - set(before)
    assert not extra, f"__init__ must store its parameters only, it also set {sorted(extra)}."
    model = clone(detector)
    held = model.get_params()
    model.fit(easy_rows()[0])
    # The very objects: a list of detectors does not equal a copy of it.
    changed = [name for name, value in model.get_params().items() if value is not held[name]]
    assert not changed, f"fit must leave the parameters alone, it changed {changed}."


WRONG: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    1.5,
    float("nan"),
    float("inf"),
    "x",
    b"x",
    (),
    [],
    {},
    object(),
)


def check_wrong_parameters(detector: Detector) -> None:
    """A parameter of another kind or out of range is an InputError of `fit`, and nothing else."""
    rows = easy_rows()[0][:30]
    for name in detector.get_params(deep=False):
        for value in WRONG:
            try:
                clone(detector).set_params(**{name: value}).fit(rows)
            except InputError:
                continue
            except Exception as error:
                raise AssertionError(
                    f"{name} = {value!r} must be refused, or mean something: it ended in "
                    f"{type(error).__name__} ({error}). Annotate the parameter in __init__, such "
                    f"as {name}: Positive = 2."
                ) from error


def check_anomalies_score_higher(detector: Detector) -> None:
    """Far-away rows score higher than normal ones."""
    fit, judged, labels = easy_rows()
    auc = roc_auc_score(labels, clone(detector).fit(fit).anomaly_score(judged))
    assert auc > 0.8, (
        f"On an easy set the ROC-AUC is {auc:.3f}, expected above 0.8. Anomalies must score "
        "HIGHER; below 0.5 the sign of the score is flipped."
    )


def check_scores(detector: Detector) -> None:
    """One finite float a row, for fitting rows too."""
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    for name, scores, n in (
        ("anomaly_score", model.anomaly_score(judged), len(judged)),
        ("training_scores_ (what _fit returns)", model.training_scores_, len(fit)),
    ):
        assert isinstance(scores, np.ndarray), f"{name} must be a NumPy array, got {type(scores)}."
        assert scores.shape == (n,), f"{name} must have shape ({n},), got {scores.shape}."
        assert np.isfinite(scores).all(), f"{name} must be finite for finite rows."


def check_rows_are_judged_alone(detector: Detector) -> None:
    """A row's score does not depend on the rows beside it."""
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    together = model.anomaly_score(judged)
    rule = "A row's score must not depend on which other rows are scored with it"
    _assert_same(model.anomaly_score(judged[::-1])[::-1], together, f"{rule}: reversed order.")
    try:
        alone = model.anomaly_score(judged[:1])
    except InputError as error:  # such as a spread over one row, which is 0
        raise AssertionError(f"{rule}: alone it cannot be scored ({error})") from error
    _assert_same(alone, together[:1], f"{rule}: scored alone.")


def check_sign_bridge(detector: Detector) -> None:
    """scikit-learn's names keep scikit-learn's meaning."""
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    scores = model.anomaly_score(judged)
    advice = "Leave score_samples, decision_function and predict to the base class"
    _assert_same(model.score_samples(judged), -scores, f"{advice}: score_samples = -anomaly_score.")
    _assert_same(
        model.decision_function(judged),
        -scores - model.offset_,
        f"{advice}: decision_function = score_samples - offset_.",
    )
    flagged = np.where(scores > -model.offset_, -1, 1)
    assert np.array_equal(model.predict(judged), flagged), f"{advice}: predict is -1 when flagged."


def check_cutoff(detector: Detector) -> None:
    """`offset_` is minus the 0.95 quantile of the training scores."""
    model = clone(detector).fit(easy_rows()[0])
    expected = -float(np.quantile(model.training_scores_, 0.95))
    assert model.offset_ == expected, (
        f"Leave offset_ to the base class: expected minus the 0.95 quantile of training_scores_, "
        f"{expected}, got {model.offset_}."
    )


def check_labels_are_never_read(detector: Detector) -> None:
    """`fit` takes `y` and ignores it, whatever it is."""
    fit, judged, _ = easy_rows()
    labels = np.arange(len(fit)) % 2
    without = clone(detector).fit(fit).anomaly_score(judged)
    for y in (labels, 1 - labels):
        _assert_same(
            clone(detector).fit(fit, y).anomaly_score(judged),
            without,
            "fit must never read y: the scores differ when labels are given.",
        )
    clone(detector).fit(fit, _Tripwire())


def check_global_random_state(detector: Detector) -> None:
    """Fitting and scoring neither read nor change the global random state."""
    fit, judged, _ = easy_rows()
    states = (random.getstate(), np.random.get_state())  # noqa: NPY002
    try:
        scores = []
        for seed in (20_260_719, 20_260_720):  # unlikely to be what a detector seeds with
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002 - the global state is what is tested
            before = (random.getstate(), _numpy_state())
            scores.append(clone(detector).fit(fit).anomaly_score(judged))
            assert (random.getstate(), _numpy_state()) == before, (
                "The global random state was changed: draw from "
                "np.random.default_rng(random_state)."
            )
        _assert_same(
            scores[0],
            scores[1],
            "The scores depend on the global random state: "
            "draw from np.random.default_rng(random_state).",
        )
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])  # noqa: NPY002


def check_refit(detector: Detector) -> None:
    """The same object fitted again, also after other rows, gives the same scores."""
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    first = model.anomaly_score(judged)
    scores = model.fit(easy_rows(1)[0]).fit(fit).anomaly_score(judged)
    _assert_same(scores, first, "A refit must give the same scores: nothing may be left over.")


def check_pickle(detector: Detector) -> None:
    """A fitted detector survives pickling with its scores."""
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    copy = pickle.loads(pickle.dumps(model))
    _assert_same(
        copy.anomaly_score(judged), model.anomaly_score(judged), "Pickling changed the scores."
    )


def check_input_is_left_alone(detector: Detector) -> None:
    """Neither fitting nor scoring changes the caller's rows."""
    fit, judged, _ = easy_rows()
    fit_copy, judged_copy = fit.copy(), judged.copy()
    clone(detector).fit(fit).anomaly_score(judged)
    untouched = np.array_equal(fit, fit_copy) and np.array_equal(judged, judged_copy)
    assert untouched, "The caller's rows were changed in place: work on a copy."


def check_column_names(detector: Detector) -> None:
    """Column names of a DataFrame are remembered, and others refused."""
    fit, judged, _ = easy_rows()
    names = list("abcde")
    model = clone(detector).fit(pd.DataFrame(fit, columns=names))
    assert list(model.feature_names_in_) == names, "feature_names_in_ must hold the column names."
    wrong = pd.DataFrame(judged, columns=names[::-1])
    _assert_raises(InputError, lambda: model.anomaly_score(wrong), "columns in another order")


def check_bad_input(detector: Detector) -> None:
    """Wrong width, missing values, infinities and unfitted use give the package's errors."""
    fit, judged, _ = easy_rows()
    _assert_raises(UnfittedError, lambda: clone(detector).anomaly_score(judged), "use before fit")
    model = clone(detector).fit(fit)
    _assert_raises(InputError, lambda: model.anomaly_score(judged[:, :3]), "rows of another width")
    for value in (np.nan, np.inf):
        bad = np.where(np.indices(judged.shape).sum(axis=0) == 4, value, judged)
        _assert_raises(InputError, partial(model.anomaly_score, bad), f"{value} when scoring")
        _assert_raises(InputError, partial(clone(detector).fit, bad), f"{value} when fitting")


def check_contributions(detector: Detector) -> None:
    """Where there are contributions: finite, none negative, and each row's sum is its score."""
    if not hasattr(detector, "contributions"):
        return
    fit, judged, _ = easy_rows()
    model = clone(detector).fit(fit)
    parts, scores = model.contributions(judged), model.anomaly_score(judged)
    assert parts.shape == judged.shape, (
        f"contributions must have the shape of the rows, {judged.shape}, got {parts.shape}."
    )
    assert np.isfinite(parts).all(), "contributions must be finite."
    assert (parts >= 0).all(), (
        "contributions must not be negative, since they are shown as shares of the score. Leave "
        "_contributions out where the score is no sum of such terms."
    )
    assert np.allclose(parts.sum(axis=1), scores, rtol=1e-9, atol=0), (
        "Each row's contributions must add up to its anomaly score. Leave _contributions out where "
        "the score is no sum over the features."
    )


CHECKS: tuple[Callable[[Detector], None], ...] = (
    check_card,
    check_parameters_are_stored,
    check_wrong_parameters,
    check_anomalies_score_higher,
    check_scores,
    check_rows_are_judged_alone,
    check_sign_bridge,
    check_cutoff,
    check_labels_are_never_read,
    check_global_random_state,
    check_refit,
    check_pickle,
    check_input_is_left_alone,
    check_column_names,
    check_bad_input,
    check_contributions,
)


def check_detector(detector: Detector) -> None:
    """Run every check and report all that fail at once.

    Parameters
    ----------
    detector : Detector
        Unfitted; copies of it are fitted.

    Raises
    ------
    AssertionError
        One line for each check that failed, saying what is missing.
    """
    failures = []
    for check in CHECKS:
        try:
            check(detector)
        except Exception as error:
            failures.append(f"{check.__name__}: {error}")
    assert not failures, "\n".join(failures)


class _Tripwire:
    """Labels that cannot be read."""

    def _trip(self, *args: object) -> NoReturn:
        raise AssertionError("fit must never read y, and it did.")

    __array__ = __bool__ = __getitem__ = __iter__ = __len__ = _trip


def _numpy_state() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (name, keys.tobytes() if isinstance(keys, np.ndarray) else keys, *rest)


def _assert_same(scores: Array, expected: Array, message: str) -> None:
    assert np.allclose(scores, expected, rtol=1e-6, atol=1e-9), message


def _assert_raises(kind: type[Exception], action: Callable[[], object], what: str) -> None:
    try:
        action()
    except kind:
        return
    except Exception as error:
        raise AssertionError(
            f"Expected {kind.__name__} for {what}, got {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"Expected {kind.__name__} for {what}, and nothing was raised.")
