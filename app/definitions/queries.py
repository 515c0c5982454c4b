"""Reads published SOPs. What belongs to other agencies is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from app.database import Database
from app.definitions.schemas import DefinitionView
from app.errors import NotFound
from app.identity.callers import Caller
from app.paging import Listing, Page, ordinal, paged, split
from app.tables import process_definitions


class Definitions(Listing):
    """What to list of the published SOPs."""

    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    q: str | None = Field(default=None, max_length=200, description="Words of the title.")


class Versions(Listing):
    """What to list of the versions of one SOP."""


async def newest(database: Database, caller: Caller, listing: Definitions) -> Page[DefinitionView]:
    """The newest version of each SOP of the caller's agencies, by key."""
    table = process_definitions
    latest = select(table).ext(distinct_on(table.c.key)).order_by(table.c.key, table.c.version.desc())
    found = latest.where(table.c.agency_id.in_(_agencies(caller, listing.agency)))
    if listing.q:
        found = found.where(table.c.title.icontains(listing.q, autoescape=True))
    if (after := listing.after(str)) is not None:
        found = found.where(table.c.key > after)
    return paged(listing, await _views(database, found.limit(listing.limit + 1)), lambda view: view.key)


async def versions(database: Database, caller: Caller, key: str, listing: Versions) -> Page[DefinitionView]:
    """All versions of an SOP, newest first. Raises NotFound."""
    table = process_definitions
    mine = select(table).where(table.c.key == key, table.c.agency_id.in_(caller.agencies.values()))
    if (after := listing.after(ordinal)) is not None:
        mine = mine.where(table.c.version < after)
    found = await _views(database, mine.order_by(table.c.version.desc()).limit(listing.limit + 1))
    if not found and after is None:
        raise NotFound
    return paged(listing, found, lambda view: str(view.version))


async def version(database: Database, caller: Caller, key: str, number: int | None = None) -> DefinitionView:
    """One version of an SOP, the newest unless a number is given. Raises NotFound."""
    table = process_definitions
    mine = select(table).where(table.c.key == key, table.c.agency_id.in_(caller.agencies.values()))
    if number is not None:
        mine = mine.where(table.c.version == number)
    found = await _views(database, mine.order_by(table.c.version.desc()).limit(1))
    if not found:
        raise NotFound
    return found[0]


async def _views(database: Database, statement: Any) -> Sequence[DefinitionView]:
    async with database.reading() as connection:
        return [DefinitionView.of(row) for row in await connection.execute(statement)]


def _agencies(caller: Caller, named: str | None) -> list[Any]:
    wanted = split(named)
    if wanted is None:
        return list(caller.agencies.values())
    return [found for name in wanted if (found := caller.agency(name))]
