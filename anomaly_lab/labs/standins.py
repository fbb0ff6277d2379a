"""Stand-ins, in the judge, for what a student's process holds: functions, objects, detectors.

A check of a lesson uses them as if they were there. A call sends its inputs over and gives what
comes back, which is plain data or another stand-in; nothing of the student's runs in the judge.
"""

from __future__ import annotations

import builtins
import inspect
import random
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from anomaly_lab import errors, thresholds
from anomaly_lab.contract import Array, Card, Detector
from anomaly_lab.errors import InputError
from anomaly_lab.labs.messages import ASK, Channel, dumps, loads


class Gone(BaseException):
    """The student's process has ended, or was ended."""


class Student:
    """The student's process, as the judge sees it.

    Parameters
    ----------
    channel : Channel
        Leads to the grader, which hands on what begins with `ASK`, and answers with nothing where
        the process is gone.
    """

    current: ClassVar[Student]  # one at a time

    def __init__(self, channel: Channel):
        self._channel = channel
        self._arrays: dict[int, tuple[Any, StandIn]] = {}  # by `id`
        self.given: Mapping[str, Any] = {}
        Student.current = self

    def ask(self, do: str, **what: Any) -> dict[str, Any]:
        """Ask for something and return the answer.

        Raises
        ------
        InputError
            If the answer is not plain data.
        Exception
            As the student's code raised it, by its name.
        Gone
            If there is no answer.
        """
        self.send(do, **what)
        answer = self.answer()
        for i, content in answer.get("changed", ()):
            what["args"][i][...] = content
        if answer.get("drew"):  # so that a check finds it changed here as well
            random.random()
            np.random.random()  # noqa: NPY002
        return answer

    def send(self, do: str, **what: Any) -> None:
        """Ask for something whose `answer` is taken later."""
        if "args" in what:
            what["args"] = [self._original(value) for value in what["args"]]
        self._channel.send(ASK + dumps((do, what), self._describe))

    def answer(self) -> dict[str, Any]:
        """Take the answer to what was sent; see `ask` for what is raised."""
        message = self._channel.receive()
        if not message:
            raise Gone
        answer = loads(message, self._make)
        if not isinstance(answer, dict):
            raise InputError(f"expected an answer, got {type(answer).__name__}")
        if "raised" in answer:
            raise _error(*map(str, answer["raised"]))
        return answer

    def _original(self, value: Any) -> Any:
        """Return what an array was made of in the student's process, such as a DataFrame."""
        array, original = self._arrays.get(id(value), (None, None))
        return value if array is None else original

    def _describe(self, value: Any) -> tuple[str, Any]:
        if isinstance(value, StandIn):
            return "object", value._number
        if isinstance(value, np.random.Generator):
            return "generator", value.bit_generator.state
        if isinstance(value, pd.DataFrame):
            columns = [value[name].to_numpy() for name in value.columns]
            return "frame", (list(value.columns), columns, value.index.to_numpy())
        for name, given in self.given.items():
            if given is value:
                return "name", name
        raise InputError(f"a {type(value).__name__} cannot be handed to a student's function")

    def _make(self, kind: str, content: Any) -> Any:
        if kind == "number":
            return float(content)
        if kind == "rule":
            return thresholds.parse(str(content))
        if kind == "detector":
            return _detector(*content)
        number, shown = content
        if kind == "like an array":
            self._arrays[id(shown)] = shown, StandIn(int(number), "array")
            return shown
        if kind == "object":
            return StandIn(int(number), str(shown))
        raise InputError(f"{kind!r} is unknown")


class StandIn:
    """A function or an object of the student's process: called, or asked for an attribute.

    Parameters
    ----------
    number : int
        What that process calls it.
    shown : str
        Name of its type.
    """

    def __init__(self, number: int, shown: str):
        self._number, self._shown = number, shown

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it in the student's process."""
        answer = Student.current.ask("call", function=self, args=list(args), kwargs=kwargs)
        return answer.get("value")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python, NumPy and pickle ask of anything
            raise AttributeError(f"a {self._shown} has no {name}")
        return Student.current.ask("attribute", of=self, name=name).get("value")

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy in the student's process; what is left here is another number."""
        twin = Student.current.ask("copy", of=self).get("value")
        if not isinstance(twin, StandIn):
            raise InputError(f"a copy of a {self._shown} should be an object, got {twin!r}")
        return StandIn, (twin._number, twin._shown)

    def __repr__(self) -> str:
        return f"a {self._shown} of the notebook"


def _detector(number: int, card: Any, parameters: Any) -> type[Detector]:
    """Return a detector class that fits and scores in the student's process.

    All else is the base class's, so that the contract suite judges what comes back: scores.
    """
    theirs = StandIn(int(number), "class")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    own = [inspect.Parameter(str(name), kind, default=value) for name, value in parameters]
    signature = inspect.Signature([inspect.Parameter("self", kind), *own])

    def _init(self: Any, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        self.__dict__.update(list(bound.arguments.items())[1:])

    def _fit(self: Any, X: Array) -> Any:
        parameters, there = self.get_params(deep=False), vars(self).get("there_")
        # The same object once more, so that what it has left over of a fit before is found.
        one = theirs(**parameters) if there is None else there.set_params(**parameters)
        self.there_ = one.fit(X)
        return self.there_.training_scores_

    def _anomaly_score(self: Any, X: Array) -> Any:
        return self.there_.anomaly_score(X)

    _init.__signature__ = signature  # type: ignore[attr-defined]
    name = f"Detector{number}"
    parts = {"__init__": _init, "_fit": _fit, "_anomaly_score": _anomaly_score}
    described = {} if card is None else {"card": Card(**card)}
    made = type(name, (Detector,), {**parts, **described, "__module__": __name__})
    globals()[name] = made  # where pickle looks for it
    return made


def _error(name: str, message: str) -> Exception:
    """Return what a student's code raised: an error of the same name, which a check may expect."""
    known = getattr(errors, name, None) or getattr(builtins, name, None)
    base = known if isinstance(known, type) and issubclass(known, Exception) else Exception
    kind = type(name, (base,), {"__init__": lambda _: None, "__str__": lambda _: message})
    return kind()
