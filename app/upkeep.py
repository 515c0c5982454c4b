"""What a server does beside answering: forgets what is old enough, stored answers and events that went out.

Every process may do it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from app.clock import now
from app.database import Database
from app.idempotency import prune
from app.pool import DatabaseUnavailable
from app.webhooks.prune import prune as prune_events
from app.webhooks.remove import cancel_waiting

log = logging.getLogger("alur")

INTERVAL = 3_600.0
"""Seconds between two rounds."""


@asynccontextmanager
async def kept_up(database: Database, idempotency_days: int, event_days: int) -> AsyncIterator[None]:
    """Keep the database tidy while the block lasts."""
    rounds = asyncio.create_task(_rounds(database, timedelta(days=idempotency_days), event_days), name="upkeep")
    try:
        yield
    finally:
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)


async def _rounds(database: Database, kept: timedelta, event_days: int) -> None:
    while True:
        try:
            forgotten = await prune(database, now() - kept)
            cancelled = await cancel_waiting(database, now())
            events = await prune_events(database, now(), event_days)
        except DatabaseUnavailable as lost:
            log.warning("upkeep waits for the database: %s", lost)
        except Exception:
            log.exception("upkeep failed, and is tried again later")
        else:
            log.info("upkeep: %d stored answers, %d deliveries and events forgotten", forgotten, events)
            log.info("upkeep: %d deliveries to removed endpoints cancelled", cancelled)
        await asyncio.sleep(INTERVAL)
