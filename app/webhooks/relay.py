"""Gives every message its place in the feed, and queues it for the endpoints that want it.

Messages wait in the outbox, in the order in which their writers numbered them. That is not the order in which they
become visible, so nobody reads along it: one relay at a time takes what is committed, and gives it the next positions.
A reader that has seen position 7 will never see another one before it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import ReturningDelete

from app.clock import now
from app.database import Database
from app.tables import deliveries, feed, messages, outbox, webhook_endpoints
from app.tables.metadata import Instant
from app.webhooks.subscription import fits

ONE_RELAY = 0x52454C41
"""The advisory lock that relays take turns by: "RELA"."""

AT_ONCE = 1_000
"""Messages that are placed in one transaction at most."""

FANNED_OUT = 20_000
"""Pairs of a message and an endpoint that one transaction looks at: many endpoints must not outlast its time."""


async def relay(database: Database, limit: int = AT_ONCE) -> int:
    """Place so much of what is committed; gives how many messages. Fewer where that was all."""
    placed, is_more = 0, True
    while is_more and placed < limit:
        some, is_more = await place(database, limit - placed)
        placed += some
    return placed


async def place(database: Database, limit: int = AT_ONCE) -> tuple[int, bool]:
    """Place what one transaction takes: how many messages, and whether there may be more.

    Whoever comes while another relay works waits for it.
    """
    async with database.transaction() as connection:
        # only a snapshot that is taken after the lock sees all that the relay before placed
        await connection.execute(select(func.pg_advisory_xact_lock(ONE_RELAY)))
        row = (await connection.execute(_PLACE, {"limit": limit, "pairs": FANNED_OUT, "now": now()})).one()
        return row.placed, row.placed == row.room


async def relay_all(database: Database) -> int:
    """Place everything that is committed."""
    placed = 0
    while (more := await relay(database)) > 0:
        placed += more
        if more < AT_ONCE:
            break
    return placed


async def waits(database: Database) -> bool:
    """Whether anything waits to be placed."""
    async with database.reading() as connection:
        return (await connection.execute(select(outbox.c.number).limit(1))).first() is not None


def new_id(at: ColumnElement[datetime]) -> ColumnElement[Any]:
    """A UUIDv7 (RFC 9562, 5.7), which PostgreSQL makes by itself only from 18 on."""
    milliseconds = cast(func.floor(func.extract("epoch", at) * 1000), BigInteger)
    random = func.replace(cast(func.gen_random_uuid(), Text), "-", "")
    return cast(func.lpad(func.to_hex(milliseconds), 12, "0") + literal("7") + func.right(random, 19), Uuid)


def _room() -> CTE:
    each = select(func.count()).where(webhook_endpoints.c.status == "enabled").scalar_subquery()
    most = cast(
        func.greatest(bindparam("pairs", type_=BigInteger) // func.greatest(each, 1, type_=BigInteger), 1), Integer
    )
    return select(func.least(bindparam("limit", type_=Integer), most).label("room")).cte("room")


def _taken(room: CTE) -> ReturningDelete[Any, Any]:
    first = select(outbox.c.number).order_by(outbox.c.number).limit(select(room.c.room).scalar_subquery())
    # as an array: along the index, however many wait
    numbers = func.array(first.scalar_subquery(), type_=ARRAY(BigInteger))
    return delete(outbox).where(outbox.c.number == any_(numbers)).returning(outbox.c.number, outbox.c.message_id)


def _placed(taken: CTE) -> CTE:
    last = select(func.coalesce(func.max(feed.c.position), 0)).scalar_subquery()
    names = ("message_id", "agency_id", "instance_id", "type", "definition_key", "roles", "at")
    rows = select(
        last + func.row_number().over(order_by=taken.c.number),
        *(messages.c.id if name == "message_id" else messages.c[name] for name in names),
    ).join_from(taken, messages, messages.c.id == taken.c.message_id)
    return insert(feed).from_select(["position", *names], rows).returning(*feed.c).cte("placed")


def _queued(placed: CTE) -> CTE:
    """A delivery for each endpoint that wants a message, which names the one before it of the same instance."""
    endpoint, at = webhook_endpoints.c, bindparam("now", type_=Instant)
    before = deliveries.alias("before")
    of_instance = before.c.endpoint_id == endpoint.id, before.c.instance_id == placed.c.instance_id
    known = select(before.c.message_id).where(*of_instance).order_by(before.c.position.desc()).limit(1)
    in_batch = func.lag(placed.c.message_id).over(
        partition_by=(endpoint.id, placed.c.instance_id), order_by=placed.c.position
    )
    previous = case((placed.c.instance_id.is_(None), null()), else_=func.coalesce(in_batch, known.scalar_subquery()))
    # in order: what comes after one that waits to be tried again waits as long
    parked = select(func.max(before.c.due_at)).where(*of_instance, before.c.status == "waiting").scalar_subquery()
    due_at = case((endpoint.fifo, func.greatest(at, parked)), else_=at)
    rows = select(
        new_id(at),
        endpoint.id,
        placed.c.message_id,
        placed.c.position,
        placed.c.instance_id,
        previous,
        literal("waiting"),
        due_at,
        at,
    ).join_from(placed, webhook_endpoints, (endpoint.status == "enabled") & fits(endpoint, placed.c))
    names = ["id", "endpoint_id", "message_id", "position", "instance_id", "previous", "status", "due_at", "queued_at"]
    return insert(deliveries).from_select(names, rows).returning(deliveries.c.id).cte("queued")


def _place() -> Select[Any]:
    room = _room()
    placed = _placed(_taken(room).cte("taken"))
    number = select(func.count()).select_from(placed).scalar_subquery()
    return select(number.label("placed"), room.c.room).add_cte(_queued(placed))


_PLACE = _place()
