"""What goes on without anybody asking: what is due and what was never begun is announced, due dates are laid anew where
a calendar or deadline changed, and webhooks are delivered.

Any number of workers may run, beside a server or inside one; the guard of the instance has each thing announced once.
Queries never wait for a worker: lateness is reckoned when it is asked for, and the feed is read without one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

from app.clock import now
from app.database import Database
from app.errors import Contended
from app.feed.manifest import sign_days
from app.instances.announce import announce_due, look_ahead
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from app.pool import DatabaseUnavailable
from app.reports.announce_owed import announce_owed
from app.webhooks.deliver import Deliverer
from app.webhooks.outside import Outside
from app.webhooks.replay import carry_on_replays
from app.webhooks.sealing import Seal
from app.webhooks.wake import Wake

log = logging.getLogger("alur")

INTERVAL = 5.0
"""Seconds between two rounds of announcing that found nothing left to do."""

REPLAYS_INTERVAL = 1.0
"""Seconds between two looks at replays under way."""

SELDOM = 3_600.0
"""Seconds between two looks at what changes by the day: what was never begun, and days to be signed."""

BATCH = 100
"""Instances that one part of a round takes on."""


@asynccontextmanager
async def working(
    journal: Journal, wake: Wake, outside: Outside, seal: Seal | None, public_url: str
) -> AsyncIterator[None]:
    """Work while the block lasts. Without a seal no secret of a webhook can be opened, and none is sent."""
    database = journal.database
    parts = [_announce(journal), _seldom(journal, seal), _replay(database)]
    if seal is None:
        log.warning("ALUR_SECRET_KEYS is not set: no webhooks are sent")
    else:
        parts.append(Deliverer(database, seal, outside, wake, public_url).run())
    tasks = [asyncio.create_task(part, name="worker") for part in parts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _announce(journal: Journal) -> None:
    while True:
        done = await _tried(lambda: once(journal))
        if done < BATCH:
            await asyncio.sleep(INTERVAL)


async def once(journal: Journal) -> int:
    """One round of announcing; gives in how many instances something was done by the part that did most."""
    return max(
        await lay_anew(journal, None, now(), BATCH),
        await look_ahead(journal, now(), BATCH),
        await announce_due(journal, now(), BATCH),
    )


async def _seldom(journal: Journal, seal: Seal | None) -> None:
    while True:
        begun = monotonic()
        await _tried(lambda: announce_owed(journal, now()))
        if seal is not None:
            await _tried(lambda: sign_days(journal.database, seal, now()))
        await asyncio.sleep(max(0.0, begun + SELDOM - monotonic()))


async def _replay(database: Database) -> None:
    while True:
        await _tried(lambda: carry_on_replays(database, now()))
        await asyncio.sleep(REPLAYS_INTERVAL)


async def _tried(deed: Callable[[], Awaitable[int]]) -> int:
    """What a deed did; nothing where it failed, and then it is tried again in its time."""
    try:
        return await deed()
    except (DatabaseUnavailable, Contended) as waits:
        log.warning("the worker waits: %s", waits)
    except Exception:
        log.exception("the worker failed, and goes on later")
    return 0
