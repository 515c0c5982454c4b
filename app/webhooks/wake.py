"""Wakes whoever waits for messages, in every process, soon after a step is committed.

A step's own transaction never notifies: that takes a lock on the whole server through its commit, so that commits go
one by one. It rings here instead, and at most every 50 ms somebody tells it on, on a connection of its own. Nothing is
promised: whoever waits looks for itself from time to time, and finds what it was not told of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from app.pool import LOST

log = logging.getLogger("alur")

CHANNEL = "alur_outbox"

REST = 0.05
"""Seconds between two notifications of one process."""

RETRY = 1.0
"""Seconds after which a lost connection is made anew."""

ALIVE = 30.0
"""Seconds of silence after which the connection is asked whether it still stands."""


class Wake:
    """One connection of a process that tells others and hears them. Made by `listening`."""

    def __init__(self, address: dict[str, Any]) -> None:
        self._address = address
        self._rung = asyncio.Event()
        self._next = asyncio.Event()
        self.heard = 0
        """How often something was heard."""

    @classmethod
    @asynccontextmanager
    async def listening(cls, database_url: str) -> AsyncIterator[Wake]:
        """Tell and hear while the block lasts, whether or not the database is there."""
        wake = cls(PGDialect_asyncpg().create_connect_args(make_url(database_url))[1])  # type: ignore[no-untyped-call]
        connected = asyncio.create_task(wake._stay_connected(), name="wake")
        try:
            yield wake
        finally:
            connected.cancel()
            await asyncio.gather(connected, return_exceptions=True)

    def rung(self) -> None:
        """Say that something was committed. Costs nothing and never fails."""
        self._rung.set()

    async def wait(self, seconds: float, since: int | None = None) -> bool:
        """Wait until something is heard, or has been since `heard` was that; false if nothing was in that time."""
        if since is not None and since != self.heard:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._next.wait()
        except TimeoutError:
            return False
        return True

    def _hear(self, *_: object) -> None:
        self.heard += 1
        self._next.set()
        self._next = asyncio.Event()

    async def _stay_connected(self) -> None:
        while True:
            try:
                await self._connected()
            except (*LOST, asyncpg.PostgresError) as lost:
                log.debug("nobody is woken: %r", lost)
            await asyncio.sleep(RETRY)

    async def _connected(self) -> None:
        """Tell what is rung until the connection breaks."""
        named = {"application_name": "alur wake"}
        connection = await asyncpg.connect(**self._address, timeout=5, command_timeout=5, server_settings=named)
        try:
            connection.add_termination_listener(lambda _: self._rung.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._hear()  # something may have been told while nobody listened here
            while not connection.is_closed():
                await self._tell(connection)
        finally:
            connection.terminate()

    async def _tell(self, connection: Any) -> None:
        try:
            async with asyncio.timeout(ALIVE):
                await self._rung.wait()
        except TimeoutError:
            await connection.execute("SELECT 1")
            return
        self._rung.clear()
        try:
            await connection.execute(f"NOTIFY {CHANNEL}")
        except BaseException:
            self._rung.set()
            raise
        await asyncio.sleep(REST)
