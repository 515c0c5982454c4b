"""Moves a consumer on: all up to the cursor has been taken, and is not given again. Reading moves nothing."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import CursorBehind
from app.feed.consumers import consumer_row
from app.feed.queries import Edges, require_kept
from app.feed.schemas import AckAsked, ConsumerView
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.tables import event_consumers


async def acknowledge(
    database: Database, caller: Caller, ask: Ask, consumer: UUID, asked: AckAsked, far: Edges
) -> Answer:
    """Let a consumer stand at a cursor. Raises NotFound, CursorBehind unless it rewinds, and as `require_kept`."""
    place = int(asked.cursor)

    async def deed(connection: AsyncConnection) -> Answer:
        row = await consumer_row(connection, caller, consumer, held=True)
        if place < row["position"] and not asked.rewind:
            raise CursorBehind(cursor=row["position"])
        require_kept(far, place, "cursor")
        moved = update(event_consumers).where(event_consumers.c.id == consumer)
        moved = moved.values(position=place, acked_at=ask.now)
        row = (await connection.execute(moved.returning(event_consumers))).mappings().one()
        return Answer(200, ConsumerView.of(row, caller).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)
