"""Dismisses a consumer: its place is forgotten and its name free again. Its manifests stay."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.feed.consumers import consumer_row
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.tables import event_consumers


async def dismiss(database: Database, caller: Caller, ask: Ask, consumer: UUID) -> Answer:
    """Dismiss a consumer. Raises NotFound."""

    async def deed(connection: AsyncConnection) -> Answer:
        await consumer_row(connection, caller, consumer, held=True)
        gone = update(event_consumers).where(event_consumers.c.id == consumer)
        await connection.execute(gone.values(deleted_at=ask.now, version=event_consumers.c.version + 1))
        return Answer(204, "")

    return await once(database, caller.client, ask.retry, ask.now, deed)
