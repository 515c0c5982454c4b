"""One request as it is told of afterwards: its ids while it lasts, and what came of it.

Whoever learns something worth telling notes it with `present()`: `present().client = caller.client`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Parent:
    """The span of the caller that a request continues (W3C Trace Context, `traceparent`)."""

    trace_id: str
    span_id: str
    flags: int


@dataclass(slots=True)
class Exchange:
    """The ids of a request, and what is known of it by its end."""

    request_id: str
    trace_id: str
    span_id: str
    parent: Parent | None = None
    client: UUID | None = None
    events: tuple[str, ...] = ()
    is_repeat: bool = False


CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


def present() -> Exchange:
    """The exchange of the request under way; one that nobody hears of where there is none, as in a command."""
    return CURRENT.get() or Exchange("", "", "")


def begun(headers: Headers, new_id: Callable[[], UUID]) -> Exchange:
    """The exchange that a request with these headers begins.

    A sane Request-Id is taken over and a valid traceparent continued with a span of our own; the rest is made.
    """
    request_id, parents = None, []
    for name, value in headers:
        if name == b"request-id" and _REQUEST_ID.fullmatch(value):
            request_id = value.decode()
        elif name == b"traceparent":
            parents.append(value)
    parent = parent_in(parents[0]) if len(parents) == 1 else None
    own = new_id()  # one for all three: the end of a UUIDv7 is random enough to name a span
    return Exchange(
        request_id=request_id or str(own),
        trace_id=parent.trace_id if parent else own.hex,
        span_id=own.hex[16:],
        parent=parent,
    )


_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")


def parent_in(header: bytes) -> Parent | None:
    """The caller's span in a traceparent, null where it is not valid to the letter (Trace Context, 3.2 and 3.3).

    Of a version to come only the four known fields are read.
    """
    found = _TRACEPARENT.fullmatch(header.strip(b" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    if not trace_id.strip(b"0") or not span_id.strip(b"0"):
        return None
    return Parent(trace_id.decode(), span_id.decode(), int(flags, 16))


_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
