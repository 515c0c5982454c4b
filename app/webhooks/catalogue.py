"""What outsiders can be told of, and which of it a list of types asks for."""

from __future__ import annotations

from collections.abc import Iterable

from engine.events import KINDS

ENDPOINT_DISABLED = "endpoint.disabled"
OBLIGATION_LATE = "obligation.late"
PING = "endpoint.ping"
"""Only ever sent when somebody asks for a test; it has no place in the feed."""

TYPES = tuple(sorted({*KINDS, ENDPOINT_DISABLED, OBLIGATION_LATE}))
"""Every type of the feed."""

TAKEN_BACK = {"step.undone": "step.completed"}
"""Who is told of the one is told of the other, too: what was told may have been taken back."""


def patterns(type_: str) -> tuple[str, ...]:
    """What may stand in a list of types for this one to be asked for: `step.completed`, `step.*`, `*`."""
    first = TAKEN_BACK.get(type_)
    return (type_, f"{type_.partition('.')[0]}.*", "*", *((first,) if first else ()))


def unknown(types: Iterable[str]) -> list[str]:
    """Those of a list of types that nothing answers to."""
    known = {pattern for type_ in TYPES for pattern in patterns(type_)}
    return [one for one in types if one not in known]
