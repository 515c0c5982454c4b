"""Sends what is due: relays, claims, signs, posts, records. Any number of workers may do it side by side.

Each endpoint has a client of its own with a few connections, and never more attempts at once than those; so one that
hangs holds up nobody else. What was claimed by a worker that died is taken back when its lease is over.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID

from app.clock import new_id, now
from app.database import Database
from app.errors import Contended
from app.pool import DatabaseUnavailable
from app.webhooks import envelope, signing
from app.webhooks.claim import Claimed, claim, take_back
from app.webhooks.outcome import Outcome, record
from app.webhooks.outside import Outside
from app.webhooks.post import Attempt, Client, post
from app.webhooks.relay import AT_ONCE, relay
from app.webhooks.retry import verdict
from app.webhooks.sealing import Seal
from app.webhooks.wake import Wake

log = logging.getLogger("alur")

MOST = 400
"""Attempts that one worker has under way at once."""

BATCH = 200
"""Outcomes that are written down together."""

GATHER = 0.01
"""Seconds in which more may end or come, before it is looked again."""

INTERVAL = 1.0
"""Seconds after which a worker looks by itself, though nobody woke it."""

TAKE_BACK = 10.0
"""Seconds between two looks for deliveries whose worker died."""

_CHANCE = Random()  # noqa: S311  spreads retries, no secret

CLIENTS = 2_000
"""Clients that are kept; the one that was not used for longest goes."""


@dataclass
class Deliverer:
    """One worker's sending."""

    database: Database
    seal: Seal
    outside: Outside
    wake: Wake
    public_url: str
    lease: UUID = field(default_factory=new_id)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)
    clients: dict[tuple[UUID, int], Client] = field(default_factory=dict)
    opened: dict[str, signing.Secret] = field(default_factory=dict, repr=False)

    async def run(self) -> None:
        """Deliver until cancelled; what is under way then is given a moment to end, and recorded."""
        ended: asyncio.Queue[Outcome] = asyncio.Queue()
        beside = [asyncio.create_task(self._record(ended)), asyncio.create_task(self._hear())]
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._close, ended, beside)
            looked = 0.0
            while True:
                try:
                    if asyncio.get_running_loop().time() - looked >= TAKE_BACK:
                        looked = asyncio.get_running_loop().time()
                        await take_back(self.database, now())
                    placed = await relay(self.database)
                    claimed = await self._claimed()
                except (DatabaseUnavailable, Contended) as waits:
                    log.warning("deliveries wait: %s", waits)
                    await asyncio.sleep(INTERVAL)
                    continue
                except Exception:
                    log.exception("the worker could not take deliveries, and goes on later")
                    await asyncio.sleep(INTERVAL)
                    continue
                for one in claimed:
                    task = asyncio.create_task(self._attempt(one, ended))
                    self.under_way.add(task)
                    task.add_done_callback(self._ended)
                if not claimed and placed < AT_ONCE:
                    await self._pause()

    async def _claimed(self) -> Sequence[Claimed]:
        room = MOST - len(self.under_way)
        return await claim(self.database, self.lease, now(), room) if room > 0 else ()

    async def _pause(self) -> None:
        """Until something is committed, or attempts have ended and made room, or `INTERVAL` is over."""
        try:
            await asyncio.wait_for(self.stirred.wait(), INTERVAL)
            await asyncio.sleep(GATHER)
        except TimeoutError:
            pass
        self.stirred.clear()

    async def _hear(self) -> None:
        heard = self.wake.heard
        while True:
            if await self.wake.wait(INTERVAL, heard):
                heard = self.wake.heard
                self.stirred.set()

    async def _attempt(self, one: Claimed, ended: asyncio.Queue[Outcome]) -> None:
        at = now()
        try:
            attempt = await self._sent(one, at)
        except Exception as ours:
            log.exception("delivery %s could not be attempted", one.id)
            attempt = Attempt(started_at=at, seconds=0, failure="internal", said=type(ours).__name__)
        told = verdict(
            attempt.answered,
            one.number,
            now=now(),
            random=_CHANCE.random(),
            retry_after=attempt.header("retry-after"),
        )
        ended.put_nowait(Outcome(one, attempt, told))

    async def _sent(self, one: Claimed, at: datetime) -> Attempt:
        secrets = [self._opened(sealed) for sealed in one.secrets]
        personal = json.loads(one.message["words"]) if one.message["words"] else None
        body = envelope.body(one.message, previous=one.previous, public_url=self.public_url, personal=personal)
        headers = signing.headers(secrets, str(one.message["id"]), at, body)
        headers |= {"content-type": f"{envelope.CONTENT_TYPE}; charset=utf-8", "user-agent": "alur"}
        return await post(self._client(one.endpoint), one.endpoint["url"], headers, body, started_at=at)

    def _opened(self, sealed: str) -> signing.Secret:
        """The secret in a seal, opened once: that takes longer than to sign with it."""
        secret = self.opened.get(sealed)
        if secret is None:
            if len(self.opened) >= CLIENTS:
                self.opened.clear()
            secret = self.opened[sealed] = signing.secret(self.seal.open(sealed))
        return secret

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        self.stirred.set()

    def _client(self, endpoint: Any) -> Client:
        key = (endpoint["endpoint_id"], endpoint["endpoint_version"])
        client = self.clients.pop(key, None)
        if client is None:
            client = self.outside.client(endpoint["private_networks"], connections=endpoint["max_in_flight"])
        self.clients[key] = client  # the last is the one used latest
        if len(self.clients) > CLIENTS:
            oldest = next(iter(self.clients))
            task = asyncio.create_task(self.clients.pop(oldest).aclose())
            self.under_way.add(task)
            task.add_done_callback(self._ended)
        return client

    async def _record(self, ended: asyncio.Queue[Outcome]) -> None:
        """Write outcomes down as they come, many at a time; a database that is away is waited for."""
        while True:
            outcomes = [await ended.get()]
            while len(outcomes) < BATCH and not ended.empty():
                outcomes.append(ended.get_nowait())
            while True:
                try:
                    await self.database.unbroken(record(self.database, outcomes, now()))
                    break
                except (DatabaseUnavailable, Contended) as waits:
                    log.warning("outcomes of deliveries wait: %s", waits)
                    await asyncio.sleep(INTERVAL)
                except Exception:
                    log.exception("outcomes of %d deliveries are lost; they are tried again", len(outcomes))
                    break
            for _ in outcomes:
                ended.task_done()

    async def _close(self, ended: asyncio.Queue[Outcome], beside: list[asyncio.Task[None]]) -> None:
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=5)
        try:
            await asyncio.wait_for(ended.join(), 5)
        except TimeoutError:
            log.warning("outcomes of deliveries are left to the next worker")
        for task in (*beside, *self.under_way):
            task.cancel()
        await asyncio.gather(*beside, *self.under_way, return_exceptions=True)
        await asyncio.gather(*(client.aclose() for client in self.clients.values()), return_exceptions=True)
