"""What goes on without anybody asking: what is due and what was never begun is announced, and due dates are laid anew
where a calendar or deadline changed.

Any number of workers may run, beside a server or inside one; each thing is told once, by the guard of the instance.
Queries never wait for a worker: lateness is reckoned when it is asked for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from app.clock import now
from app.errors import Contended
from app.instances.announce import announce_due, look_ahead
from app.instances.journal import Journal
from app.instances.lay_anew import lay_anew
from app.pool import DatabaseUnavailable
from app.reports.announce_owed import announce_owed

log = logging.getLogger("alur")

INTERVAL = 5.0
"""Seconds between two rounds that found nothing left to do."""

OWED_INTERVAL = 3_600.0
"""Seconds between two looks at what was never begun: that changes by the day."""

BATCH = 100
"""Instances that one part of a round takes on."""


@asynccontextmanager
async def working(journal: Journal) -> AsyncIterator[None]:
    """Work while the block lasts."""
    rounds = asyncio.create_task(work(journal), name="worker")
    try:
        yield
    finally:
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)


async def work(journal: Journal) -> None:
    """Work for ever."""
    looked = monotonic() - OWED_INTERVAL
    while True:
        try:
            done = await once(journal)
            if monotonic() - looked >= OWED_INTERVAL:
                looked = monotonic()
                await announce_owed(journal, now())
        except (DatabaseUnavailable, Contended) as waits:
            log.warning("the worker waits: %s", waits)
            done = 0
        except Exception:
            log.exception("the worker failed, and goes on later")
            done = 0
        if done < BATCH:
            await asyncio.sleep(INTERVAL)


async def once(journal: Journal) -> int:
    """One round; gives in how many instances something was done by the part that did most."""
    return max(
        await lay_anew(journal, None, now(), BATCH),
        await look_ahead(journal, now(), BATCH),
        await announce_due(journal, now(), BATCH),
    )
