"""Removes a webhook endpoint: nothing more is sent to it, and its secrets are forgotten. What was sent stays known."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update

from app.database import Database
from app.identity.callers import Caller
from app.tables import deliveries, replays, webhook_endpoints, webhook_secrets
from app.webhooks import queries

AT_ONCE = 5_000


async def remove(database: Database, caller: Caller, endpoint_id: UUID, now: datetime) -> None:
    """Remove an endpoint; `cancel_waiting` does away with what waits for it. Raises NotFound."""
    await database.unbroken(_removed(database, caller, endpoint_id, now))


async def _removed(database: Database, caller: Caller, endpoint_id: UUID, now: datetime) -> None:
    async with database.transaction() as connection:
        await queries.endpoint_row(connection, caller, endpoint_id, held=True)
        gone = {"deleted_at": now, "status": "disabled", "version": webhook_endpoints.c.version + 1}
        await connection.execute(update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id).values(gone))
        under_way = update(replays).where(replays.c.endpoint_id == endpoint_id, replays.c.status == "running")
        await connection.execute(under_way.values(status="cancelled", moved_at=now))
        await connection.execute(delete(webhook_secrets).where(webhook_secrets.c.endpoint_id == endpoint_id))


async def cancel_waiting(database: Database, now: datetime) -> int:
    """Cancel what waits for endpoints that were removed, little by little because it may be much; gives how many."""
    waiting = (
        select(deliveries.c.id)
        .join_from(webhook_endpoints, deliveries, deliveries.c.endpoint_id == webhook_endpoints.c.id)
        .where(webhook_endpoints.c.deleted_at.is_not(None), deliveries.c.status == "waiting")
        .limit(AT_ONCE)
        .with_for_update(of=deliveries, skip_locked=True)
    )
    over = update(deliveries).where(deliveries.c.id.in_(waiting)).values(status="cancelled", ended_at=now)
    cancelled, more = 0, AT_ONCE
    while more == AT_ONCE:
        async with database.transaction() as connection:
            more = (await connection.execute(over)).rowcount
        cancelled += more
    return cancelled
