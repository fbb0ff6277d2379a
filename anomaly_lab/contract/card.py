"""What a reader wants to know of a method: its card, and the rows to show it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """Rows in the plane to show a method on.

    Parameters
    ----------
    data : str
        A simulated data set of two features, such as ``"shapes/ring"``.
    contamination : float, default 0
        Share of anomalies among the fitting rows.
    rows : int, default 500
        How many rows to simulate.
    """

    data: str
    contamination: float = 0.0
    rows: int = 500


@dataclass(frozen=True)
class Sweep:
    """What a parameter does, shown for a few of its values.

    Parameters
    ----------
    parameter : str
        Name of the parameter.
    values : tuple
        From one extreme to the other; about three.
    case : Case
        The rows to show it on.
    effect : str
        What is to be seen, in a sentence.
    """

    parameter: str
    values: tuple[Any, ...]
    case: Case
    effect: str


@dataclass(frozen=True)
class Failure:
    """A case in which a method fails, and the same without the cause, where it works.

    Parameters
    ----------
    cause : str
        What makes it fail, in a sentence.
    case, cure : Case
        Rows with the cause, and rows without it.
    """

    cause: str
    case: Case
    cure: Case


@dataclass(frozen=True)
class Card:
    """What a reader wants to know of a method before using it.

    Parameters
    ----------
    name : str
        Lower-case name, as typed on the command line and shown in tables.
    title : str
        The method's name in the literature.
    idea : str
        The idea in at most two sentences.
    score : str
        What the anomaly score is, with its unit.
    works : str
        When the method works.
    fails : str
        When it fails.
    cost : str
        Cost of fitting and scoring in the number of rows n and of features d.
    reference : str
        The paper, with its DOI where there is one.
    formula : str, optional
        The score in LaTeX, without dollar signs.
    sweep : Sweep, optional
        The most important parameter.
    failure : Failure, optional
        The most instructive failure.
    """

    name: str
    title: str
    idea: str
    score: str
    works: str
    fails: str
    cost: str
    reference: str
    formula: str = ""
    sweep: Sweep | None = None
    failure: Failure | None = None
