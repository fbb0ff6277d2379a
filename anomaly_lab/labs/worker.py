"""The student's process: runs a notebook's cells, and answers what the judge asks of it.

Called as ``python -m anomaly_lab.labs.worker NOTEBOOK``. It is told neither the lesson nor what an
answer should be, and it holds no results: the judge, in another process, asks for the names that an
exercise defines, calls them with inputs of its own, and gets plain data back.
"""

from __future__ import annotations

import inspect
import numbers
import os
import pickle
import random
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from anomaly_lab.labs.messages import Channel, dumps, loads, own_streams
from anomaly_lab.labs.notebook import opened, printable
from anomaly_lab.lessons.notebooks import EXERCISE

_LONGEST = 1000  # characters of a message: an error may carry a whole table
_SEED = 20_260_000  # unlikely to be what somebody seeds with
_TEXTS = ("name", "title", "idea", "score", "works", "fails", "cost", "reference")  # of a card


def main(notebook: str) -> None:
    """Run a notebook as far as it is asked to, and answer until nobody asks any more."""
    channel = Channel(*own_streams())
    cells = [cell for cell in opened(Path(notebook)).cells if cell.cell_type == "code"]
    config = Config({"HistoryManager": {"enabled": False}})
    answers = _Answers(_Shell.instance(config=config), cells)
    sys.path.insert(0, "")  # not before: a student's file must not stand in for a package of ours
    while (request := channel.receive()) is not None:
        channel.send(answers.to(request))
    os._exit(0)  # without waiting for threads that the notebook left running


class _Answers:
    """A notebook being run, and its names, functions and objects as the judge may ask for them."""

    def __init__(self, shell: InteractiveShell, cells: list[Any]):
        self._shell, self._cells = shell, cells
        self._last = {cell.metadata.get(EXERCISE): i for i, cell in enumerate(cells)}
        self._stopped: dict[str, str] = {}
        self._place = self._calls = 0
        self._objects: list[Any] = []  # by number, as the judge names them

    def to(self, request: bytes) -> bytes:
        """Return the answer to a request, whatever the notebook's code does meanwhile."""
        answer: dict[str, Any]
        try:
            do, what = loads(request, self._make)
            arrays = [(i, a, a.copy()) for i, a in enumerate(what.get("args", ())) if _is_array(a)]
            answer = getattr(self, f"_{do}")(**what)
            changed = [(i, a) for i, a, was in arrays if not np.array_equal(a, was, _floats(a))]
            return dumps({**answer, "changed": changed}, self._describe)
        except BaseException as error:  # a student's function may call sys.exit
            return dumps({"raised": (type(error).__name__, _text(error))}, self._describe)

    def _next(self) -> dict[str, Any]:
        """Run cells until an exercise has had its last; name it, and what stopped it."""
        while self._place < len(self._cells):
            place, cell = self._place, self._cells[self._place]
            self._place += 1
            name = cell.metadata.get(EXERCISE, "")
            error = _run(self._shell, cell.source)
            if error and not cell.source.startswith("check("):
                self._stopped.setdefault(name, error)
            if name and self._last[name] == place:
                return {"exercise": name, "stopped": self._stopped.get(name, "")}
        return {"exercise": None}

    def _get(self, name: str) -> dict[str, Any]:
        names = self._shell.user_ns
        return {"value": names[name]} if name in names else {}

    def _call(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        # Another state each time: a function that sets it as it was is found to change it as well.
        self._calls += 1
        random.seed(self._calls + _SEED)
        np.random.seed(self._calls + _SEED)  # noqa: NPY002
        before = _random_states()
        value = function(*args, **kwargs)
        return {"value": value, "drew": _random_states() != before}

    def _attribute(self, of: Any, name: str) -> dict[str, Any]:
        return {"value": getattr(of, name)}

    def _array(self, of: Any) -> dict[str, Any]:
        return {"value": np.asarray(of)}

    def _copy(self, of: Any) -> dict[str, Any]:
        return {"value": _Held(pickle.loads(pickle.dumps(of)))}

    def _describe(self, value: Any) -> tuple[str, Any]:
        if isinstance(value, numbers.Real):
            return "number", float(value)
        if (rules := _imported("thresholds")) and type(value) in rules.RULES.values():
            return "rule", value.spec
        if isinstance(value, _Held):
            value = value.value
        self._objects.append(value)
        number = len(self._objects) - 1
        if _is_detector(value):
            return "detector", (number, _card(value), _parameters(value))
        if hasattr(type(value), "__array__"):  # such as a DataFrame, or an array of JAX
            return "like an array", (number, np.asarray(value))
        return "object", (number, type(value).__name__)

    def _make(self, kind: str, content: Any) -> Any:
        if kind == "object":
            return self._objects[content]
        if kind == "name":
            return self._shell.user_ns[content]
        if kind == "frame":
            import pandas as pd  # as late as the notebook does

            names, columns, index = content
            return pd.DataFrame(dict(zip(names, columns, strict=True)), index=index, columns=names)
        generator = np.random.default_rng()
        generator.bit_generator.state = content
        return generator


class _Held:
    """What is to be named by a number, even if it is plain."""

    def __init__(self, value: Any):
        self.value = value


def _imported(name: str) -> Any:
    """Return a module of the package if the notebook has imported it; it takes seconds."""
    return sys.modules.get(f"anomaly_lab.{name}")


def _is_detector(value: Any) -> bool:
    contract = _imported("contract")
    return contract is not None and isinstance(value, type) and issubclass(value, contract.Detector)


def _card(kind: type) -> dict[str, str] | None:
    card: Any = getattr(kind, "card", None)
    described = asdict(card) if type(card) is _imported("contract").Card else {}
    return {key: text for key, text in described.items() if key in _TEXTS} or None


def _parameters(kind: type) -> list[tuple[str, Any]]:
    own = inspect.signature(kind).parameters.values()
    return [(p.name, None if p.default is p.empty else p.default) for p in own]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _floats(array: Any) -> bool:
    return array.dtype.kind in "fc"  # whose NaNs are equal


def _random_states() -> tuple[Any, ...]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (random.getstate(), name, np.asarray(keys).tobytes(), *rest)


class _Shell(InteractiveShell):
    """IPython without a screen: what would open or close one does nothing."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Do nothing: %matplotlib asks for this."""

    def ask_exit(self) -> None:
        """Do nothing: exit() and quit() ask for this."""

    def showtraceback(self, *_: Any, **__: Any) -> None:
        """Do nothing: of an endless recursion it takes seconds, and nobody sees it."""


def _run(shell: InteractiveShell, code: str) -> str:
    """Run a cell; return what stopped it, or an empty string."""
    try:
        result = shell.run_cell(code, store_history=False)
    except BaseException as error:  # where IPython fails to show a student's error
        return _message(error)
    stopped = result.error_before_exec or result.error_in_exec
    return "" if stopped is None or isinstance(stopped, NotImplementedError) else _message(stopped)


def _message(error: BaseException) -> str:
    return f"{type(error).__name__}: {_text(error)}".rstrip(": ")


def _text(error: BaseException) -> str:
    try:
        return printable(str(error)[:_LONGEST])
    except Exception:  # a student's error need not be printable
        return ""


if __name__ == "__main__":
    main(*sys.argv[1:])
