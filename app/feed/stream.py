"""Server-Sent Events (HTML Living Standard, 9.2): the feed as it grows, over one answer that does not end by itself.

`id` is the cursor after the message, so that a browser that connects again goes on where it was. A stream ends in order
when the server stops, and after ten minutes: whoever comes again is recognised anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.feed.queries import Found, Wanted
from app.feed.told import text_of
from app.feed.waiting import Lookout
from app.pool import DatabaseUnavailable
from engine.errors import Refused

HEARTBEAT = 15.0
"""Seconds of silence after which a comment says that the connection stands."""

LONGEST = 600.0
"""Seconds after which a stream ends."""

AT_ONCE = 100


class Stream(StreamingResponse):
    """The feed from a place on, to whoever reads it."""

    def __init__(self, lookout: Lookout, wanted: Wanted, begin: Found, public_url: str) -> None:
        headers = {"X-Accel-Buffering": "no"}
        super().__init__(_told(lookout, wanted, begin, public_url), 200, headers, "text/event-stream")
        self._lookout = lookout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._lookout.set_aside():
            await super().__call__(scope, receive, send)


async def _told(lookout: Lookout, wanted: Wanted, found: Found, public_url: str) -> AsyncIterator[str]:
    ends = monotonic() + LONGEST
    yield ": alur\n\n"
    while True:
        for row in found.rows:
            yield f"id: {row['position']}\nevent: {row['type']}\ndata: {text_of(row, public_url)}\n\n"
        if lookout.is_over or monotonic() >= ends:
            return
        if not found.rows and not await lookout.something(wanted, found.place, HEARTBEAT):
            yield ":\n\n"
        try:
            found = await lookout.read_gently(wanted, found.place, AT_ONCE)
        except (DatabaseUnavailable, Refused):
            return  # whoever comes again is told why
