"""Changes what a consumer reads. Its place stays; whoever changes it must have seen it as it is."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import ConsumerNameTaken
from app.feed.consumers import consumer_row
from app.feed.register import first_of_that_name
from app.feed.schemas import ConsumerChange, ConsumerView
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.tables import event_consumers
from app.versions import require_seen, required
from app.webhooks.create import agencies_named


async def change(
    database: Database, caller: Caller, ask: Ask, consumer: UUID, asked: ConsumerChange, if_match: str | None
) -> Answer:
    """Change a consumer, and give how it is then. What is so already is left as it is, whatever version was named.

    Raises IfMatchMissing, VersionSuperseded, NotFound, ConsumerNameTaken.
    """
    seen = required(if_match)

    async def deed(connection: AsyncConnection) -> Answer:
        row = await consumer_row(connection, caller, consumer, held=True)
        named = _columns(caller, asked)
        different = {name: value for name, value in named.items() if row[name] != value}
        if different:
            require_seen(row["version"], seen)
            await _require_free(connection, row, different)
            changed = update(event_consumers).where(event_consumers.c.id == consumer)
            different["version"] = row["version"] + 1
            row = (await connection.execute(changed.values(different).returning(event_consumers))).mappings().one()
        return Answer(200, ConsumerView.of(row, caller).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


def _columns(caller: Caller, asked: ConsumerChange) -> dict[str, Any]:
    values = asked.model_dump(exclude_unset=True)
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    if "candidate_roles" in values:
        values["roles"] = values.pop("candidate_roles")
    if "agencies" in values:
        values["agencies"] = agencies_named(caller, asked.agencies)
    return values


async def _require_free(connection: AsyncConnection, row: Any, different: dict[str, Any]) -> None:
    if "name" not in different:
        return
    same = event_consumers.c.client_id == row["client_id"], event_consumers.c.name == different["name"]
    if await connection.scalar(select(event_consumers.c.id).where(*same, event_consumers.c.deleted_at.is_(None))):
        raise ConsumerNameTaken(existing=await first_of_that_name(connection, row["client_id"], different["name"]))
