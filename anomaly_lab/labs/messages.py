"""Messages between processes: plain data as bytes, and nothing that runs.

Numbers, text, arrays, lists, tuples, sets and dicts as JSON, where ``{kind: content}`` stands for
what JSON has not. Whoever reads it checks every part, since a student's process may write anything.
"""

from __future__ import annotations

import base64
import json
import os
import re
import struct
from collections.abc import Callable
from typing import IO, Any, TypeVar, get_type_hints

import numpy as np

from anomaly_lab.errors import InputError

Record = TypeVar("Record")
LARGEST = 64 * 2**20  # bytes of a message
# How the judge's messages to the grader begin: to be handed on to the student's process, a verdict,
# and the end of a submission.
ASK, VERDICT, DONE = b"?", b"!", b"."
_HEAD = struct.Struct(">Q")
_FIXED = "biufcSU"  # kinds of an array whose bytes are all there is to it
_DTYPE = re.compile(rf"[<>|][{_FIXED}][0-9]+")

# Of what is not plain: a value -> (kind, content), and back.
Describe = Callable[[Any], tuple[str, Any]]
Make = Callable[[str, Any], Any]


class Channel:
    """Two streams that carry messages: each is its length and its bytes."""

    def __init__(self, source: IO[bytes] | None, target: IO[bytes] | None):
        assert source
        assert target
        self._source, self._target = source, target

    def send(self, message: bytes) -> None:
        """Write a message."""
        self._target.write(_HEAD.pack(len(message)) + message)
        self._target.flush()

    def receive(self) -> bytes | None:
        """Read a message; None at the end, and where there is none of a length that may be."""
        head = self._source.read(_HEAD.size)
        size = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else LARGEST + 1
        message = self._source.read(size) if size <= LARGEST else b""
        return message if len(message) == size else None


def own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Return what was standard input and output; what code reads is empty, what it prints lost."""
    streams = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return streams


def dumps(value: Any, describe: Describe) -> bytes:
    """Return a value as bytes; `describe` is asked for parts that are not plain.

    Raises
    ------
    InputError
        If it cannot be written, such as a list within itself, or is too large.
    """
    try:
        message = json.dumps(_encode(value, describe)).encode()
    except (RecursionError, ValueError) as error:
        raise InputError(f"expected plain data, got {type(value).__name__}: {error}") from None
    if len(message) > LARGEST // 2:
        raise InputError(
            f"expected less data: {len(message):,} bytes, {LARGEST // 2:,} are the most"
        )
    return message


def loads(data: bytes, make: Make) -> Any:
    """Return the value that `dumps` was given; `make` is asked for parts that are not plain.

    Raises
    ------
    InputError
        If the bytes are anything else.
    """
    try:
        return _decode(json.loads(data), make)
    except (ArithmeticError, LookupError, MemoryError, RecursionError, TypeError, ValueError) as e:
        raise InputError(f"expected plain data: {type(e).__name__}: {e}") from None


def record(kind: type[Record], fields: Any) -> Record:
    """Return a dataclass made of what JSON holds; `TypeError` where a field is of another type."""
    made = kind(**fields)
    for name, wanted in get_type_hints(kind).items():
        if not isinstance(getattr(made, name), (int, float) if wanted is float else wanted):
            raise TypeError(f"{name} should be a {wanted.__name__}, got {getattr(made, name)!r}")
    return made


def _encode(value: Any, describe: Describe) -> Any:
    if isinstance(value, np.generic) and value.dtype.kind in "biufU":
        value = value.item() if value.dtype.itemsize <= 8 else str(value)
    for plain in (bool, int, float, str):  # bool first: it is an int
        if isinstance(value, plain):
            return plain(value)
    if value is None:
        return None
    if isinstance(value, np.ndarray) and value.dtype.hasobject:
        value = value.tolist()
    if isinstance(value, list):
        return [_encode(item, describe) for item in value]
    kind, content = _content(value, describe)
    return {kind: content}


def _content(value: Any, describe: Describe) -> tuple[str, Any]:
    if value is ...:
        return "blank", None
    if isinstance(value, tuple):
        return "tuple", [_encode(item, describe) for item in value]
    if isinstance(value, set | frozenset):
        return "set", [_encode(item, describe) for item in value]
    if isinstance(value, dict):
        return "dict", [[_encode(k, describe), _encode(v, describe)] for k, v in value.items()]
    if isinstance(value, np.ndarray) and value.dtype.kind in _FIXED:
        content = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return "array", [value.dtype.str, list(value.shape), content]
    kind, content = describe(value)
    return kind, _encode(content, describe)


def _decode(node: Any, make: Make) -> Any:
    if isinstance(node, list):
        return [_decode(item, make) for item in node]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "blank":
        return ...
    if kind == "tuple":
        return tuple(_decode(item, make) for item in content)
    if kind == "set":
        return {_decode(item, make) for item in content}
    if kind == "dict":
        return {_decode(key, make): _decode(value, make) for key, value in content}
    if kind == "array":
        return _array(*content)
    return make(kind, _decode(content, make))


def _array(dtype: str, shape: list[int], content: str) -> Any:
    if not _DTYPE.fullmatch(dtype):
        raise InputError(f"an array of {dtype!r}")
    flat = np.frombuffer(base64.b64decode(content, validate=True), dtype=dtype)
    if flat.dtype.kind == "b":  # a byte of 2 would be neither true nor false
        flat = flat.view(np.uint8) != 0
    return flat.reshape([int(n) for n in shape]).copy()
