"""Lets many wait for something new in the feed: one look for all of this process, and none while nobody waits.

Who waits holds no connection to the database and does not count among the requests in flight. At the end of the server
everybody is let go at once, with what there is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any
from uuid import UUID

from fastapi import Request
from sqlalchemy import BigInteger, Select, bindparam, func, select

from app.database import Database
from app.errors import Overloaded
from app.feed.queries import Edges, Found, Wanted, edges, page
from app.observation.traffic import Traffic
from app.pool import DatabaseBusy, DatabaseUnavailable
from app.reading import Reading
from app.tables import feed
from app.webhooks.relay import relay
from app.webhooks.wake import Wake

log = logging.getLogger("alur")

POLL = 1.0
"""Seconds between two looks where nothing is heard."""

TICK = 0.1
"""Seconds after which the end of the server is noticed."""

PRESENT = 5.0
"""Seconds after which it is asked whether whoever waits is still connected."""

READERS = 3
"""How many of those who waited read at once, so that they leave connections to others."""

MOST_WAITING = 1_000
"""Requests that may wait in one process."""


class Lookout:
    """Looks out for all who wait. Made by `keeping`."""

    def __init__(self, database: Database, wake: Wake, traffic: Traffic) -> None:
        self._database, self._wake, self._traffic = database, wake, traffic
        self._turn, self._reading = asyncio.Lock(), asyncio.Semaphore(READERS)
        self._waiting: dict[asyncio.Future[None], frozenset[UUID]] = {}
        self._place = 0

    @classmethod
    @asynccontextmanager
    async def keeping(cls, database: Database, wake: Wake, traffic: Traffic) -> AsyncIterator[Lookout]:
        """Look out while the block lasts."""
        lookout = cls(database, wake, traffic)
        watching = asyncio.create_task(lookout._watch(), name="lookout")
        try:
            yield lookout
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    @property
    def is_over(self) -> bool:
        """Whether nobody shall wait any more."""
        return self._traffic.is_stopping

    async def end(self) -> Edges:
        """How far the feed reaches, all in it that was committed before."""
        far = await edges(self._database)
        if far.is_behind:
            await self._caught_up()
            far = await edges(self._database)
        return far

    async def read(self, wanted: Wanted, after: int | None, limit: int) -> Found:
        """The next that fits, of all that was committed before; empty only at the end. Raises as `page`."""
        found, caught_up = await page(self._database, wanted, after, limit), False
        while len(found.rows) < limit:
            if found.rows and not found.is_all:
                break
            if not found.is_all:
                after = found.place
            elif found.edges.is_behind and not caught_up:
                await self._caught_up()
                caught_up = True
            else:
                break
            found = await page(self._database, wanted, after, limit)
        return found

    async def wait(self, request: Request, wanted: Wanted, after: int | None, limit: int, seconds: float) -> Found:
        """The next that fits, waited for. Raises as `page`, and Overloaded where too many wait."""
        found = await self.read(wanted, after, limit)
        if found.rows or not seconds:
            return found
        ends = monotonic() + seconds
        with self.set_aside():
            while not found.rows and not self.is_over and (left := ends - monotonic()) > 0:
                came = await self.something(wanted, found.place, min(left, PRESENT))
                if came:
                    found = await self.read_gently(wanted, found.place, limit)
                elif await request.is_disconnected():
                    break
        return found

    def set_aside(self) -> Any:
        """Whoever waits does so while this block lasts. Raises Overloaded."""
        if self._traffic.waiting >= MOST_WAITING:
            raise Overloaded
        return self._traffic.set_aside()

    async def read_gently(self, wanted: Wanted, after: int, limit: int) -> Found:
        """The next that fits, read by a few at a time."""
        async with self._reading:
            return await self.read(wanted, after, limit)

    async def something(self, wanted: Wanted, after: int, seconds: float) -> bool:
        """Wait until there may be something after a place, or nobody shall wait any more; false if time ran out."""
        if not self._waiting:
            self._place = max(self._place, after)
        if self._place > after or self.is_over:
            return True
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[told] = frozenset(wanted.agencies)
        try:
            async with asyncio.timeout(seconds):
                await told
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(told, None)
        return True

    async def _caught_up(self) -> None:
        """See to it that what was committed has its place, one at a time; whoever cannot now leaves it to others."""
        async with self._turn:
            try:
                await relay(self._database)
            except DatabaseBusy as busy:
                log.debug("the feed stays behind: %s", busy)

    async def _watch(self) -> None:
        while True:
            heard = self._wake.heard
            try:
                if self._waiting:
                    await self._look()
            except DatabaseUnavailable as lost:
                log.debug("nobody sees the feed: %s", lost)
            except Exception:
                log.exception("the lookout failed, and goes on")
            await self._rest(heard)

    async def _look(self) -> None:
        """Tell whom something new may concern."""
        far = await self.end()
        if far.last <= self._place:
            return
        (news,) = await _NEWS.rows(self._database, after=self._place, until=far.last)
        self._place = far.last
        concerned = frozenset(news["agencies"] or ())
        self._tell(told for told, agencies in self._waiting.items() if agencies & concerned)

    async def _rest(self, heard: int) -> None:
        """Until something is heard or it is time to look; whoever waits is let go when the server stops."""
        ends = monotonic() + POLL
        await asyncio.sleep(TICK / 2)  # no more looks than that, however many ring
        while monotonic() < ends and not await self._wake.wait(TICK, heard):
            if self.is_over:
                self._tell(self._waiting)

    @staticmethod
    def _tell(those: Any) -> None:
        for told in those:
            if not told.done():
                told.set_result(None)


def _news() -> Select[Any]:
    after, until = (bindparam(name, type_=BigInteger) for name in ("after", "until"))
    between = feed.c.position > after, feed.c.position <= until
    return select(func.array_agg(feed.c.agency_id.distinct()).label("agencies")).where(*between)


_NEWS = Reading(_news)
