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
from app.webhooks.post import DEADLINE, IDLE, Attempt, Client, post
from app.webhooks.relay import place
from app.webhooks.retry import ATTEMPTS, verdict
from app.webhooks.sealing import Seal
from app.webhooks.wake import Wake

log = logging.getLogger("alur")

MOST = 400
"""Attempts that one worker has under way at once."""

BATCH = 200
"""Outcomes that are written down together."""

GATHER = 0.004
"""Seconds in which more may end or come, before it is looked again."""

INTERVAL = 1.0
"""Seconds after which a worker looks by itself, though nobody woke it."""

TAKE_BACK = 10.0
"""Seconds between two looks for deliveries whose worker died."""

MOMENT = 1.0
"""Seconds that attempts, and then what came of them, have left at the end: a server that stops waits little longer."""

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
    clients: dict[tuple[UUID, int], tuple[Client, float]] = field(default_factory=dict)
    hanging_up: set[asyncio.Task[None]] = field(default_factory=set)
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
                        self._hang_up(looked - IDLE - DEADLINE)
                        await take_back(self.database, now())
                    is_more = await self._placed()
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
                if not claimed and not is_more:
                    await self._pause()

    async def _placed(self) -> bool:
        """Whether more may be to be placed. What has its place is sent, even where nothing more can be placed."""
        try:
            return (await place(self.database))[1]
        except (DatabaseUnavailable, Contended) as waits:
            log.warning("messages wait for their places: %s", waits)
        except Exception:
            log.exception("messages could not be placed, and are later")
        return False

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
            # what is wrong with us is tried until it is mended, and makes no dead letter
            min(one.number, ATTEMPTS - 1) if attempt.failure == "internal" else one.number,
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
        if key in self.clients:
            client, _ = self.clients.pop(key)
        else:
            client = self.outside.client(endpoint["private_networks"], connections=endpoint["max_in_flight"])
        self.clients[key] = client, asyncio.get_running_loop().time()  # the last is the one used latest
        if len(self.clients) > CLIENTS:
            self._close_oldest()
        return client

    def _hang_up(self, before: float) -> None:
        """Close what nobody used since: an idle connection stays open, and counts, until somebody does."""
        while self.clients and next(iter(self.clients.values()))[1] < before:
            self._close_oldest()

    def _close_oldest(self) -> None:
        client, _ = self.clients.pop(next(iter(self.clients)))
        task = asyncio.create_task(client.aclose())
        self.hanging_up.add(task)
        task.add_done_callback(self.hanging_up.discard)

    async def _record(self, ended: asyncio.Queue[Outcome]) -> None:
        """Write outcomes down as they come, many at a time."""
        while True:
            outcomes = [await ended.get()]
            while len(outcomes) < BATCH and not ended.empty():
                outcomes.append(ended.get_nowait())
            await self._written(outcomes)
            for _ in outcomes:
                ended.task_done()

    async def _written(self, outcomes: Sequence[Outcome]) -> None:
        """Write a batch down; a database that is away is waited for. What cannot be written takes no other with it."""
        while True:
            try:
                return await self.database.unbroken(record(self.database, outcomes, now()))
            except (DatabaseUnavailable, Contended) as waits:
                log.warning("outcomes of deliveries wait: %s", waits)
                await asyncio.sleep(INTERVAL)
            except Exception as wrong:
                if len(outcomes) == 1:
                    log.exception("the outcome of delivery %s is lost; it is tried again", outcomes[0].claimed.id)
                    return
                log.warning("outcomes of deliveries are written one by one: %s", type(wrong).__name__)
                break
        for one in outcomes:
            await self._written([one])

    async def _close(self, ended: asyncio.Queue[Outcome], beside: list[asyncio.Task[None]]) -> None:
        if self.under_way:
            await asyncio.wait(self.under_way, timeout=MOMENT)
        try:
            await asyncio.wait_for(ended.join(), MOMENT)
        except TimeoutError:
            log.warning("outcomes of deliveries are left to the next worker")
        for task in (*beside, *self.under_way):
            task.cancel()
        await asyncio.gather(*beside, *self.under_way, return_exceptions=True)
        closing = (client.aclose() for client, _ in self.clients.values())
        await asyncio.gather(*self.hanging_up, *closing, return_exceptions=True)
