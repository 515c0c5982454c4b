"""Reads webhook endpoints, their deliveries and replays. What concerns other agencies is not there."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, any_, case, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import NotFound
from app.identity.callers import Caller
from app.moments import Named, span_of
from app.paging import Listing, Page, chosen, ordinal, paged, split
from app.tables import (
    agencies,
    attempts,
    audit_personal,
    deliveries,
    messages,
    replays,
    webhook_endpoints,
    webhook_secrets,
)
from app.webhooks import envelope
from app.webhooks.schemas import (
    AttemptView,
    DeliveryDetail,
    DeliveryStatus,
    DeliveryView,
    EndpointStatus,
    EndpointView,
    ReplayView,
)


class Endpoints(Listing):
    """Which endpoints to list."""

    status: str | None = Field(default=None, description="unverified, enabled, disabled; comma-separated.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")


class Deliveries(Listing):
    """Which deliveries of an endpoint to list, by the time of their events."""

    status: str | None = Field(
        default=None, description="waiting, in_flight, delivered, dead, cancelled; comma-separated."
    )
    type: str | None = Field(default=None, description="Types of events, comma-separated.")
    since: Named | None = Field(default=None, description="Events that happened then or later: a moment or a day.")
    until: Named | None = Field(default=None, description="Events that happened before, or until the end of that day.")


class Replays(Listing):
    """What to list of the replays of one endpoint."""


# Endpoints


async def endpoints(database: Database, caller: Caller, listing: Endpoints) -> Page[EndpointView]:
    """The endpoints all of whose agencies the caller serves, in the order they were made."""
    found = _endpoints(caller).order_by(webhook_endpoints.c.id)
    if (statuses := chosen("status", listing.status, EndpointStatus)) is not None:
        found = found.where(webhook_endpoints.c.status.in_(statuses))
    if (named := split(listing.agency)) is not None:
        wanted = [agency_id for one in named if (agency_id := caller.agency(one))]
        found = found.where(webhook_endpoints.c.agencies.overlap(wanted))
    if (after := listing.after(UUID)) is not None:
        found = found.where(webhook_endpoints.c.id > after)
    async with database.reading() as connection:
        rows = (await connection.execute(found.limit(listing.limit + 1))).mappings().all()
    return paged(listing, [EndpointView.of(row) for row in rows], lambda one: str(one.id))


async def endpoint(database: Database, caller: Caller, endpoint_id: UUID) -> EndpointView:
    """One endpoint. Raises NotFound."""
    async with database.reading() as connection:
        return EndpointView.of(await endpoint_row(connection, caller, endpoint_id))


async def endpoint_row(connection: AsyncConnection, caller: Caller, endpoint_id: UUID, *, held: bool = False) -> Any:
    """The row of an endpoint, which nobody else changes meanwhile if it is `held`. Raises NotFound."""
    found = _endpoints(caller).where(webhook_endpoints.c.id == endpoint_id)
    if held:
        # no key update: what is queued for it, and refers to it, need not wait
        found = found.with_for_update(of=webhook_endpoints, key_share=True)
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def _endpoints(caller: Caller) -> Select[Any]:
    mine = list(caller.agencies.values())
    return ENDPOINTS.where(webhook_endpoints.c.deleted_at.is_(None), webhook_endpoints.c.agencies.contained_by(mine))


def _secrets() -> Any:
    table = webhook_secrets.c
    told = func.jsonb_build_object(
        *("id", table.id, "signature", table.kind, "public_key", table.public),
        *("created_at", table.created_at, "expires_at", table.expires_at),
    )
    live = or_(table.expires_at.is_(None), table.expires_at > func.now())
    newest_first = func.jsonb_agg(aggregate_order_by(told, table.id.desc()), type_=JSONB)
    return select(newest_first).where(table.endpoint_id == webhook_endpoints.c.id, live).scalar_subquery()


ENDPOINTS = select(
    *webhook_endpoints.c,
    select(func.array_agg(agencies.c.key))
    .where(agencies.c.id == any_(webhook_endpoints.c.agencies))
    .scalar_subquery()
    .label("agency_keys"),
    _secrets().label("secrets"),
)


# Deliveries


async def deliveries_of(
    database: Database, caller: Caller, endpoint_id: UUID, listing: Deliveries
) -> Page[DeliveryView]:
    """The deliveries of an endpoint, the latest event first. Raises NotFound."""
    found = _deliveries(caller).where(deliveries.c.endpoint_id == endpoint_id).order_by(deliveries.c.position.desc())
    if (statuses := chosen("status", listing.status, DeliveryStatus)) is not None:
        found = found.where(deliveries.c.status.in_(statuses))
    if (types := split(listing.type)) is not None:
        found = found.where(messages.c.type.in_(types))
    if (after := listing.after(ordinal)) is not None:
        found = found.where(deliveries.c.position < after)
    async with database.reading() as connection:
        row = await endpoint_row(connection, caller, endpoint_id)
    since, until = await span_of(database, row["agencies"][0], listing.since, listing.until)
    if since is not None:
        found = found.where(messages.c.at >= since)
    if until is not None:
        found = found.where(messages.c.at < until)
    async with database.reading() as connection:
        rows = (await connection.execute(found.limit(listing.limit + 1))).mappings().all()
    return paged(listing, [DeliveryView.of(row) for row in rows], lambda one: str(one.position))


async def delivery(database: Database, caller: Caller, delivery_id: UUID) -> DeliveryDetail:
    """One delivery with its attempts. Raises NotFound."""
    async with database.snapshot() as connection:
        row = await delivery_row(connection, caller, delivery_id)
        tried = select(*_ATTEMPT).where(attempts.c.delivery_id == delivery_id)
        tries = (await connection.execute(tried.order_by(attempts.c.at.desc(), attempts.c.id.desc()))).mappings()
        return DeliveryDetail.whole(row, [AttemptView.model_validate(dict(one)) for one in tries])


async def delivery_row(connection: AsyncConnection, caller: Caller, delivery_id: UUID, *, held: bool = False) -> Any:
    """The row of a delivery, which nobody else changes meanwhile if it is `held`. Raises NotFound."""
    found = _deliveries(caller).where(deliveries.c.id == delivery_id)
    if held:
        found = found.with_for_update(of=deliveries)
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


async def body(database: Database, caller: Caller, delivery_id: UUID, public_url: str) -> bytes:
    """The exact bytes that the event of a delivery is sent as. Raises NotFound."""
    granted = (audit_personal.c.event_id == messages.c.id, webhook_endpoints.c.personal)
    words = select(audit_personal.c.words).where(*granted).scalar_subquery()
    wanted = (
        select(*messages.c, agencies.c.key.label("agency"), deliveries.c.previous, words.label("words"))
        .join_from(deliveries, messages, messages.c.id == deliveries.c.message_id)
        .join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id)
        .join(agencies, agencies.c.id == messages.c.agency_id)
    )
    async with database.reading() as connection:
        await delivery_row(connection, caller, delivery_id)
        row = (await connection.execute(wanted.where(deliveries.c.id == delivery_id))).mappings().one()
    personal = json.loads(row["words"]) if row["words"] else None
    return envelope.body(row, previous=row["previous"], public_url=public_url, personal=personal)


def _deliveries(caller: Caller) -> Select[Any]:
    mine = list(caller.agencies.values())
    theirs = webhook_endpoints.c.agencies.contained_by(mine), messages.c.agency_id.in_(mine)
    return DELIVERIES.where(webhook_endpoints.c.deleted_at.is_(None), *theirs)


_ATTEMPT = tuple(attempts.c[name] for name in AttemptView.model_fields)


def _last() -> Any:
    told = func.jsonb_build_object(*(part for one in _ATTEMPT for part in (str(one.name), one)), type_=JSONB)
    latest = select(told).where(attempts.c.delivery_id == deliveries.c.id)
    return latest.order_by(attempts.c.at.desc(), attempts.c.id.desc()).limit(1).scalar_subquery()


DELIVERIES = (
    select(
        *(deliveries.c[name] for name in ("id", "position", "instance_id", "previous", "status", "attempts")),
        *(deliveries.c[name] for name in ("queued_at", "ended_at")),
        deliveries.c.endpoint_id.label("endpoint"),
        deliveries.c.message_id.label("event"),
        case((deliveries.c.ended_at.is_(None), deliveries.c.due_at)).label("due_at"),
        messages.c.type,
        messages.c.at,
        _last().label("last"),
        webhook_endpoints.c.status.label("endpoint_status"),
    )
    .join_from(deliveries, messages, messages.c.id == deliveries.c.message_id)
    .join(webhook_endpoints, webhook_endpoints.c.id == deliveries.c.endpoint_id)
)


# Replays


async def replays_of(database: Database, caller: Caller, endpoint_id: UUID, listing: Replays) -> Page[ReplayView]:
    """The replays of an endpoint, the latest first. Raises NotFound."""
    found = select(replays).where(replays.c.endpoint_id == endpoint_id).order_by(replays.c.id.desc())
    if (after := listing.after(UUID)) is not None:
        found = found.where(replays.c.id < after)
    async with database.reading() as connection:
        await endpoint_row(connection, caller, endpoint_id)
        rows = (await connection.execute(found.limit(listing.limit + 1))).mappings().all()
    return paged(listing, [ReplayView.of(row) for row in rows], lambda one: str(one.id))


async def replay(database: Database, caller: Caller, endpoint_id: UUID, replay_id: UUID) -> ReplayView:
    """One replay of an endpoint. Raises NotFound."""
    async with database.reading() as connection:
        return ReplayView.of(await replay_row(connection, caller, endpoint_id, replay_id))


async def replay_row(
    connection: AsyncConnection, caller: Caller, endpoint_id: UUID, replay_id: UUID, *, held: bool = False
) -> Any:
    """The row of a replay, which nobody else carries on meanwhile if it is `held`. Raises NotFound."""
    await endpoint_row(connection, caller, endpoint_id)
    found = select(replays).where(replays.c.id == replay_id, replays.c.endpoint_id == endpoint_id)
    if held:
        found = found.with_for_update()
    row = (await connection.execute(found)).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row
