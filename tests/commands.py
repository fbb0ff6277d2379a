"""Every command with its parameters, found by walking the application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import typer

from anomaly_lab import cli


@dataclass(frozen=True)
class Parameter:
    """One option or argument: of which command, its name, what it holds, what typer knows of it."""

    command: str  # such as "detectors new"
    name: str
    kinds: tuple[type, ...]  # such as (Path, NoneType)
    info: Any


def parameters(app: typer.Typer = cli.app, group: str = "") -> Iterator[Parameter]:
    """Yield the parameters of every command."""
    for command in app.registered_commands:
        name = f"{group} {command.name or command.callback.__name__}".strip()
        for key, hint in get_type_hints(command.callback, include_extras=True).items():
            if key != "return":
                kind, *more = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
                yield Parameter(name, key, get_args(kind) or (kind,), more[0] if more else None)
    for inner in app.registered_groups:
        yield from parameters(inner.typer_instance, f"{group} {inner.name}".strip())
