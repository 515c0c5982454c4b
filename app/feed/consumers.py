"""Reads consumers and manifests. What concerns an agency the caller does not serve is not there."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import NotFound
from app.feed.queries import Wanted
from app.feed.schemas import ConsumerView, ManifestKey, ManifestView
from app.identity.callers import Caller
from app.paging import Listing, Page, paged
from app.tables import event_consumers, manifests, signing_keys


class Consumers(Listing):
    """What to list of the consumers."""


class Manifests(Listing):
    """What to list of a subscriber's manifests."""


async def listed(database: Database, caller: Caller, listing: Consumers) -> Page[ConsumerView]:
    """The consumers all of whose agencies the caller serves, in the order they were made."""
    found = _mine(caller).order_by(event_consumers.c.id).limit(listing.limit + 1)
    if (after := listing.after(UUID)) is not None:
        found = found.where(event_consumers.c.id > after)
    async with database.reading() as connection:
        rows = (await connection.execute(found)).mappings().all()
    return paged(listing, [ConsumerView.of(row, caller) for row in rows], lambda one: str(one.id))


async def one(database: Database, caller: Caller, consumer: UUID) -> ConsumerView:
    """One consumer. Raises NotFound."""
    async with database.reading() as connection:
        return ConsumerView.of(await consumer_row(connection, caller, consumer), caller)


async def wanted(database: Database, caller: Caller, consumer: UUID) -> tuple[Wanted, int]:
    """What a consumer reads, and from which place. Raises NotFound."""
    async with database.reading() as connection:
        row = await consumer_row(connection, caller, consumer)
    definitions, roles = (None if row[name] is None else tuple(row[name]) for name in ("definitions", "roles"))
    return Wanted(tuple(row["agencies"]), tuple(row["types"]), definitions, roles), row["position"]


async def consumer_row(connection: AsyncConnection, caller: Caller, consumer: UUID, *, held: bool = False) -> Any:
    """The row of a consumer, which nobody else changes meanwhile if it is `held`. Raises NotFound."""
    found = _mine(caller).where(event_consumers.c.id == consumer)
    row = (await connection.execute(found.with_for_update() if held else found)).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def _mine(caller: Caller) -> Select[Any]:
    mine = event_consumers.c.agencies.contained_by(list(caller.agencies.values()))
    return select(event_consumers).where(event_consumers.c.deleted_at.is_(None), mine)


async def manifests_of(database: Database, subscriber: UUID, listing: Manifests) -> Page[ManifestView]:
    """The manifests of a subscriber, the latest day first."""
    found = select(manifests).where(manifests.c.subscriber_id == subscriber)
    if (after := listing.after(date.fromisoformat)) is not None:
        found = found.where(manifests.c.day < after)
    async with database.reading() as connection:
        rows = await connection.execute(found.order_by(manifests.c.day.desc()).limit(listing.limit + 1))
        views = [ManifestView.model_validate(dict(row)) for row in rows.mappings()]
    return paged(listing, views, lambda one: str(one.day))


async def manifest_key(database: Database) -> ManifestKey:
    """The key that manifests are verified with. Raises NotFound before the first was signed."""
    newest = select(signing_keys.c.public, signing_keys.c.created_at).order_by(signing_keys.c.created_at.desc())
    async with database.reading() as connection:
        row = (await connection.execute(newest.limit(1))).mappings().one_or_none()
    if row is None:
        raise NotFound
    return ManifestKey.model_validate(dict(row))
