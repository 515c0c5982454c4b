"""Sends a range of events again, no faster than is asked for: counts them, or queues them little by little.

What never was delivered to the endpoint, or on request everything, is queued under the ids it has. What waits already
is left alone. A delivery that had ended begins its attempts anew.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, insert, null, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.errors import EndpointNotEnabled, Existing, ReplayEnded, RequestInvalid
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.moments import span_of
from app.once import once
from app.pool import DatabaseUnavailable
from app.tables import deliveries, feed, replays, webhook_endpoints
from app.webhooks import queries
from app.webhooks.schemas import ReplayAsked, ReplayCount, ReplayView
from app.webhooks.subscription import fits
from engine.errors import Mistake

log = logging.getLogger("alur")

AT_ONCE = 1_000
"""Events of one replay that are queued in one transaction."""

MADE_UP = timedelta(minutes=1)
"""How much of a rate that was not used, because nobody carried on, may be made up for at once."""


async def replay(database: Database, caller: Caller, endpoint_id: UUID, ask: Ask, asked: ReplayAsked) -> Answer:
    """Begin a replay, or only count what it would send. Raises NotFound, RequestInvalid, EndpointNotEnabled."""
    async with database.reading() as connection:
        row = await queries.endpoint_row(connection, caller, endpoint_id)
    since, until = await span_of(database, row["agencies"][0], asked.since, asked.until)
    until = min(until or ask.now, ask.now)
    if since is None or since >= until:
        raise RequestInvalid(_NOTHING_BETWEEN)
    wanted = {"endpoint_id": endpoint_id, "since": since, "until": until, "only_missing": asked.only_missing}

    async def deed(connection: AsyncConnection) -> Answer:
        row = await queries.endpoint_row(connection, caller, endpoint_id, held=True)
        total, first, last = (await connection.execute(_counted(wanted))).one()
        if asked.dry_run:
            return Answer(200, ReplayCount(total=total).model_dump_json())
        if row["status"] != "enabled":
            raise EndpointNotEnabled(state=row["status"])
        made = wanted | {
            "id": new_id(),
            "per_minute": asked.per_minute,
            "total": total,
            "reached": (first or 1) - 1,
            "last": last or 0,
            "status": "running" if total else "done",
            "created_at": ask.now,
            "moved_at": ask.now,
            "client_id": caller.client,
        }
        await connection.execute(insert(replays).values(made))
        view = ReplayView.of(made | {"queued": 0})
        return Answer(201, view.model_dump_json(), f"/v1/webhook-endpoints/{endpoint_id}/replays/{view.id}")

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def cancel_replay(database: Database, caller: Caller, endpoint_id: UUID, replay_id: UUID, ask: Ask) -> Answer:
    """Queue no more of a replay; what it has queued is sent. Raises NotFound, ReplayEnded."""

    async def deed(connection: AsyncConnection) -> Answer:
        row = await queries.replay_row(connection, caller, endpoint_id, replay_id, held=True)
        if row["status"] != "running":
            raise ReplayEnded(existing=Existing(id=str(row["id"]), outcome=row["status"], at=row["moved_at"]))
        ended = {"status": "cancelled", "moved_at": ask.now}
        await connection.execute(update(replays).where(replays.c.id == replay_id).values(ended))
        return Answer(200, ReplayView.of(dict(row) | ended).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def carry_on_replays(database: Database, now: datetime) -> int:
    """Queue as much of every replay under way as its rate allows by now; gives how many events.

    Those of endpoints that are not enabled stand still. Several workers may carry on at once.
    """
    running = (
        select(replays.c.id)
        .join_from(replays, webhook_endpoints, webhook_endpoints.c.id == replays.c.endpoint_id)
        .where(replays.c.status == "running", webhook_endpoints.c.status == "enabled")
    )
    async with database.reading() as connection:
        found = (await connection.execute(running)).scalars().all()
    return sum([await _tried(database, one, now) for one in found])


async def _tried(database: Database, replay_id: UUID, now: datetime) -> int:
    try:
        return await _carried_on(database, replay_id, now)
    except DatabaseUnavailable:
        raise
    except Exception:  # whatever is wrong with one must not keep the others waiting
        log.exception("replay %s could not be carried on; it is tried again", replay_id)
        return 0


async def _carried_on(database: Database, replay_id: UUID, now: datetime) -> int:
    async with database.transaction() as connection:
        mine = select(replays).where(replays.c.id == replay_id, replays.c.status == "running")
        found = await connection.execute(mine.with_for_update(skip_locked=True))
        row = found.mappings().one_or_none()
        if row is None:
            return 0
        one = timedelta(minutes=1) / row["per_minute"]
        since = max(row["moved_at"], now - MADE_UP)
        allowed = min((now - since) // one, AT_ONCE)
        if allowed < 1:
            return 0
        queued = (await connection.execute(_next_of(row, allowed))).mappings().all()
        await _queued(connection, row["endpoint_id"], queued, now)
        is_over = len(queued) < allowed
        moved = {
            "queued": row["queued"] + len(queued),
            "reached": row["last"] if is_over else queued[-1]["position"],
            "status": "done" if is_over else "running",
            "moved_at": now if is_over else since + allowed * one,
        }
        await connection.execute(update(replays).where(replays.c.id == replay_id).values(moved))
    return len(queued)


async def _queued(connection: AsyncConnection, endpoint_id: UUID, rows: Sequence[Any], now: datetime) -> None:
    """Let what had ended wait again, and queue what was missing, each after the one before it of its instance."""
    again = [row["delivery"] for row in rows if row["delivery"]]
    if again:
        waiting = {"status": "waiting", "attempts": 0, "due_at": now, "ended_at": null()}
        await connection.execute(update(deliveries).where(deliveries.c.id.in_(again)).values(waiting))
    latest: dict[UUID, tuple[int, UUID]] = {}
    missing = []
    for row in rows:
        place = (row["position"], row["message_id"])
        if row["delivery"] is None:
            before = max(filter(None, (_before(row), latest.get(row["instance_id"]))), default=None)
            missing.append(_missing(endpoint_id, row, before, now))
        if row["instance_id"]:
            latest[row["instance_id"]] = place
    if missing:
        await connection.execute(insert(deliveries), missing)


def _before(row: Any) -> tuple[int, UUID] | None:
    return (row["before_position"], row["before_id"]) if row["before_id"] else None


def _missing(endpoint_id: UUID, row: Any, before: tuple[int, UUID] | None, now: datetime) -> dict[str, Any]:
    return {
        "id": new_id(),
        "endpoint_id": endpoint_id,
        "message_id": row["message_id"],
        "position": row["position"],
        "instance_id": row["instance_id"],
        "previous": before[1] if before else None,
        "status": "waiting",
        "due_at": now,
        "queued_at": now,
    }


# Which events of the feed


def _counted(wanted: Any) -> Select[Any]:
    return _wanted(wanted, func.count(), func.min(feed.c.position), func.max(feed.c.position))


def _next_of(row: Any, limit: int) -> Select[Any]:
    before = deliveries.alias("before")
    latest = (
        select(before.c.position, before.c.message_id)
        .where(
            before.c.endpoint_id == row["endpoint_id"],
            before.c.instance_id == feed.c.instance_id,
            before.c.position < feed.c.position,
        )
        .order_by(before.c.position.desc())
        .limit(1)
        .lateral("latest")
    )
    columns = (
        *(feed.c[name] for name in ("position", "message_id", "instance_id")),
        deliveries.c.id.label("delivery"),
        latest.c.position.label("before_position"),
        latest.c.message_id.label("before_id"),
    )
    some = _wanted(row, *columns, beside=latest)
    return some.where(feed.c.position.between(row["reached"] + 1, row["last"])).order_by(feed.c.position).limit(limit)


def _wanted(wanted: Any, *columns: Any, beside: Any = None) -> Select[Any]:
    """What fits the endpoint now, happened in the range, and is not under way to it."""
    table = deliveries.c
    theirs = and_(table.message_id == feed.c.message_id, table.endpoint_id == wanted["endpoint_id"])
    source = feed.join(webhook_endpoints, webhook_endpoints.c.id == wanted["endpoint_id"])
    source = source.outerjoin(deliveries, theirs)
    if beside is not None:
        source = source.outerjoin(beside, true())
    return (
        select(*columns)
        .select_from(source)
        .where(
            feed.c.at >= wanted["since"],
            feed.c.at < wanted["until"],
            fits(webhook_endpoints.c),
            or_(table.id.is_(None), _over(wanted["only_missing"])),
        )
    )


def _over(only_missing: bool) -> ColumnElement[bool]:
    ended = ("dead", "cancelled") if only_missing else ("dead", "cancelled", "delivered")
    return deliveries.c.status.in_(ended)


_NOTHING_BETWEEN = Mistake(
    at="since",
    message_id="Rentang ini kosong; since harus sebelum until dan sudah lewat.",
    message_en="This range is empty; since must be before until, and past.",
    expected="2026-03-31, 2026-03-31T16:00:00+07:00",
)
