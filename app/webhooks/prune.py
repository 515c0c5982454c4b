"""Forgets events out when their days are over: deliveries that ended, the feed, and messages nobody refers to any more.

Kept are what still waits, the latest delivery of each endpoint and instance, which the next one names as `previous`,
and the last row of the feed, from which positions are counted on. Manifests stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.tables import deliveries, feed, messages, outbox

AT_ONCE = 1_000
"""Rows that are looked at in one transaction, so that nobody waits for long."""

_PRUNING = 0x414C5045
"""The advisory lock of whoever prunes: "ALPE"."""


async def prune(database: Database, now: datetime, days: int) -> int:
    """Forget what ended or happened more than so many days ago; gives how many deliveries and messages.

    Several processes may want to: one does it, the others have nothing to do.
    """
    before = now - timedelta(days=days)
    return await _deliveries_pruned(database, before) + await _feed_pruned(database, before)


async def _deliveries_pruned(database: Database, before: datetime) -> int:
    """One pass over the old ones in the order they ended: those that are kept are met once, not in every batch."""
    forgotten, place = 0, None
    place_of = tuple_(deliveries.c.ended_at, deliveries.c.id)
    old = select(deliveries.c.ended_at, deliveries.c.id).where(deliveries.c.ended_at < before)
    old = old.order_by(deliveries.c.ended_at, deliveries.c.id).limit(AT_ONCE)
    while True:
        async with database.transaction() as connection:
            if not await _is_mine(connection):
                return forgotten
            found = (await connection.execute(old if place is None else old.where(place_of > place))).all()
            forgotten += await _removed(connection, [row.id for row in found], before)
        if len(found) < AT_ONCE:
            return forgotten
        place = tuple(found[-1])


async def _removed(connection: AsyncConnection, found: Sequence[UUID], before: datetime) -> int:
    """Remove those of some deliveries after which another one came, and with them their attempts.

    One that waits again meanwhile, because it is sent anew, stays.
    """
    later = deliveries.alias("later")
    is_followed = exists().where(
        later.c.endpoint_id == deliveries.c.endpoint_id,
        later.c.instance_id == deliveries.c.instance_id,
        later.c.position > deliveries.c.position,
    )
    followed = deliveries.c.instance_id.is_(None) | is_followed
    old = deliveries.c.id.in_(found), deliveries.c.ended_at < before
    gone = delete(deliveries).where(*old, followed).returning(deliveries.c.message_id)
    of = (await connection.execute(gone)).scalars().all()
    await _forget_messages(connection, of)
    return len(of)


async def _feed_pruned(database: Database, before: datetime) -> int:
    """From its beginning up to the first event that is young enough, so that no hole opens in what is left."""
    forgotten, more = 0, AT_ONCE
    first = select(feed.c.position, feed.c.at, feed.c.message_id).order_by(feed.c.position).limit(AT_ONCE)
    last = select(func.max(feed.c.position)).scalar_subquery()  # of the moment in which the others go
    while more == AT_ONCE:
        async with database.transaction() as connection:
            if not await _is_mine(connection):
                return forgotten
            rows = (await connection.execute(first)).all()
            young = next((row.position for row in rows if row.at >= before), None)
            old = [row.position for row in rows if young is None or row.position < young]
            away = delete(feed).where(feed.c.position.in_(old), feed.c.position < last).returning(feed.c.message_id)
            gone = (await connection.execute(away)).scalars().all()
            await _forget_messages(connection, gone)
        more = len(gone)
        forgotten += more
    return forgotten


async def _forget_messages(connection: AsyncConnection, found: Sequence[UUID]) -> None:
    """Forget those of some messages to which nothing refers."""
    referring = (exists().where(table.c.message_id == messages.c.id) for table in (deliveries, feed, outbox))
    await connection.execute(delete(messages).where(messages.c.id.in_(found), *(~one for one in referring)))


async def _is_mine(connection: AsyncConnection) -> bool:
    return bool(await connection.scalar(select(func.pg_try_advisory_xact_lock(_PRUNING))))
