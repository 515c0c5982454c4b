"""Reads the trail of an instance, in the order of its sequence."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.schemas import AuditEvent
from app.database import Database
from app.errors import NotFound
from app.identity.callers import Caller
from app.paging import Listing, Page, ordinal, paged, split
from app.tables import audit_events, audit_personal, instances


class Trail(Listing):
    """What to list of a trail."""

    type: str | None = Field(default=None, description="Types of events, comma-separated.")


async def trail(database: Database, caller: Caller, instance: UUID, listing: Trail) -> Page[AuditEvent]:
    """The events of an instance of the caller's agencies. Raises NotFound."""
    table = audit_events
    found = (
        select(table.c.canonical, table.c.hash, audit_personal.c.words, audit_personal.c.salt)
        .outerjoin_from(table, audit_personal, audit_personal.c.event_id == table.c.id)
        .where(table.c.instance_id == instance, table.c.agency_id.in_(caller.agencies.values()))
        .order_by(table.c.seq)
        .limit(listing.limit + 1)
    )
    if (types := split(listing.type)) is not None:
        found = found.where(table.c.type.in_(types))
    if (after := listing.after(ordinal)) is not None:
        found = found.where(table.c.seq > after)
    async with database.reading() as connection:
        rows = (await connection.execute(found)).all()
        if not rows:
            await _require_visible(connection, caller, instance)
    return paged(listing, [AuditEvent.of(*row) for row in rows], lambda event: str(event.seq))


async def _require_visible(connection: AsyncConnection, caller: Caller, instance: UUID) -> None:
    mine = select(instances.c.id).where(instances.c.id == instance, instances.c.agency_id.in_(caller.agencies.values()))
    if (await connection.execute(mine)).one_or_none() is None:
        raise NotFound
