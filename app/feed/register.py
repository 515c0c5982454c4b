"""Registers a consumer: a named reader of the feed whose place is kept here."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.errors import ConsumerNameTaken, Existing
from app.feed.queries import Edges, require_kept
from app.feed.schemas import ConsumerAsked, ConsumerView
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.tables import event_consumers
from app.webhooks.create import agencies_named


async def register(database: Database, caller: Caller, ask: Ask, asked: ConsumerAsked, far: Edges) -> Answer:
    """Make a consumer that begins where it asks. Raises NotFound, ConsumerNameTaken, and as `require_kept`."""
    agencies = agencies_named(caller, asked.agencies)

    async def deed(connection: AsyncConnection) -> Answer:
        place = {"oldest": far.oldest, "now": far.last}.get(asked.from_)
        if place is None:
            place = int(asked.from_)
            require_kept(far, place, "from")
        made = await connection.execute(
            insert(event_consumers)
            .values(
                id=new_id(),
                name=asked.name,
                agencies=agencies,
                types=list(asked.types),
                definitions=asked.definitions,
                roles=asked.candidate_roles,
                position=place,
                created_at=ask.now,
                client_id=caller.client,
            )
            .on_conflict_do_nothing()
            .returning(event_consumers)
        )
        row = made.mappings().one_or_none()
        if row is None:
            raise ConsumerNameTaken(existing=await first_of_that_name(connection, caller.client, asked.name))
        view = ConsumerView.of(row, caller)
        return Answer(201, view.model_dump_json(), f"/v1/event-consumers/{view.id}")

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def first_of_that_name(connection: AsyncConnection, client: UUID, name: str) -> Existing | None:
    """The consumer of the client that has the name."""
    theirs = select(event_consumers).where(
        event_consumers.c.client_id == client,
        event_consumers.c.name == name,
        event_consumers.c.deleted_at.is_(None),
    )
    row: Any = (await connection.execute(theirs)).mappings().one_or_none()
    return Existing(id=str(row["id"]), by=str(row["client_id"]), at=row["created_at"]) if row else None
