"""Takes deliveries that are due, a few of each endpoint, those endpoints first that were not served for longest.

Nobody looks along one queue of everything: half a million messages for an endpoint that hangs are never met on the way
to those of another one. An endpoint is given no more at once than it takes, than its rate allows, and one as a trial
while its circuit is half-open. First tries go before retries.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Integer,
    Interval,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Database
from app.reading import Reading
from app.tables import agencies, audit_personal, deliveries, messages, webhook_endpoints, webhook_secrets
from app.tables.metadata import Instant
from app.webhooks.retry import TRIAL

LEASE = timedelta(seconds=90)
"""How long whoever took a delivery may be silent before somebody else takes it: many times the longest attempt."""

ENDPOINTS = 50
"""Endpoints that are served by one claim."""

BURST = timedelta(seconds=1)
"""How much of a rate that was not used may be made up for at once."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to be attempted now, with all that is needed for it."""

    id: UUID
    lease: UUID
    number: int
    previous: UUID | None
    message: Any
    endpoint: Any
    secrets: tuple[str, ...]


_WAITING, _IN_FLIGHT = (literal_column(f"'{status}'", Text) for status in ("waiting", "in_flight"))
"""Written out as in the partial indexes, so that they serve."""


async def claim(database: Database, lease: UUID, now: datetime, limit: int) -> list[Claimed]:
    """Take at most so many deliveries for `LEASE`; nobody else gets them meanwhile."""
    given = {"now": now, "until": now + LEASE, "lease": lease, "limit": limit, "endpoints": ENDPOINTS}
    rows = await _CLAIM.rows(database, **given)
    return [
        Claimed(
            id=row["delivery_id"],
            lease=lease,
            number=row["attempts"],
            previous=row["previous"],
            message=row,
            endpoint=row,
            secrets=tuple(row["secrets"] or ()),
        )
        for row in rows
    ]


async def take_back(database: Database, now: datetime) -> int:
    """Let deliveries wait again whose taker has died; gives how many. Perhaps they arrived: their ids stay the same."""
    return len(await _TAKE_BACK.rows(database, now=now))


# How much of what an endpoint may be given


def _served() -> CTE:
    endpoint, at = webhook_endpoints.c, bindparam("now", type_=Instant)
    # asked of each endpoint along its index: an EXISTS would be planned as a join, which reads a whole backlog
    due = deliveries.c.endpoint_id == endpoint.id, deliveries.c.status == _WAITING, deliveries.c.due_at <= at
    along = deliveries.c.is_retry, deliveries.c.due_at, deliveries.c.position
    waiting = select(true()).where(*due).order_by(*along).limit(1).scalar_subquery().is_not(None)
    under_way = (
        select(func.count())
        .where(deliveries.c.endpoint_id == endpoint.id, deliveries.c.status == _IN_FLIGHT)
        .scalar_subquery()
    )
    interval = func.make_interval(0, 0, 0, 0, 0, 0, 60.0 / func.coalesce(endpoint.per_minute, 1))
    since = func.greatest(endpoint.slot_at, at - literal(BURST, Interval))
    seconds = func.extract("epoch", at - since) / func.extract("epoch", interval)
    by_rate = case(
        (endpoint.per_minute.is_(None), endpoint.max_in_flight), else_=cast(func.floor(seconds), Integer) + 1
    )
    is_trial = endpoint.rests_until.is_not(None)
    room = case((is_trial, 1), else_=func.least(endpoint.max_in_flight - under_way, by_rate))
    return (
        select(
            endpoint.id,
            endpoint.fifo,
            interval.label("interval"),
            since.label("since"),
            room.label("room"),
            is_trial.label("is_trial"),
        )
        .where(
            endpoint.status == "enabled",
            or_(endpoint.rests_until.is_(None), endpoint.rests_until <= at),
            endpoint.slot_at <= at,
            waiting,
            endpoint.max_in_flight > under_way,
        )
        .order_by(endpoint.last_served)
        .limit(bindparam("endpoints", type_=Integer))
        .with_for_update(skip_locked=True, key_share=True)
        .cte("served")
        .prefix_with("MATERIALIZED")
    )


def _picked(served: CTE) -> CTE:
    at = bindparam("now", type_=Instant)
    before = deliveries.alias("before")
    in_order = not_(
        exists().where(
            before.c.endpoint_id == deliveries.c.endpoint_id,
            before.c.instance_id == deliveries.c.instance_id,
            before.c.position < deliveries.c.position,
            or_(before.c.status == _WAITING, before.c.status == _IN_FLIGHT),
        )
    )
    due = (
        deliveries.c.endpoint_id == served.c.id,
        deliveries.c.status == _WAITING,
        deliveries.c.due_at <= at,
        or_(not_(served.c.fifo), in_order),
    )

    def some(is_retry: bool) -> Any:
        wanted = deliveries.c.is_retry.is_(is_retry)
        first = select(deliveries.c.id, deliveries.c.is_retry).where(*due, wanted)
        ordered = first.order_by(deliveries.c.due_at, deliveries.c.position).limit(served.c.room)
        return select(ordered.correlate(served).subquery())

    both = union_all(some(False), some(True)).subquery("both")
    mine = select(both.c.id).order_by(both.c.is_retry).limit(served.c.room).correlate(served).lateral("mine")
    return (
        select(mine.c.id, served.c.id.label("endpoint_id"))
        .select_from(served.join(mine, true()))
        .limit(bindparam("limit", type_=Integer))
        .cte("picked")
    )


def _claim() -> Select[Any]:
    at = bindparam("now", type_=Instant)
    served = _served()
    picked = _picked(served)
    chosen = select(picked.c.id).scalar_subquery()
    taken = (
        update(deliveries)
        .where(deliveries.c.id == any_(func.array(chosen, type_=ARRAY(Uuid))), deliveries.c.status == _WAITING)
        .values(
            status="in_flight",
            lease=bindparam("lease", type_=Uuid),
            leased_until=bindparam("until", type_=Instant),
            attempts=deliveries.c.attempts + 1,
        )
        .returning(
            deliveries.c.id,
            deliveries.c.endpoint_id,
            deliveries.c.message_id,
            deliveries.c.previous,
            deliveries.c.attempts,
        )
        .cte("taken")
    )
    given = (
        select(served.c.id, func.count(taken.c.id).label("number"))
        .select_from(served.outerjoin(taken, taken.c.endpoint_id == served.c.id))
        .group_by(served.c.id)
        .cte("given")
    )
    is_given = given.c.number > 0
    # what is due there follows something under way: it goes behind those that can be given something
    is_passed_over = select(func.count()).select_from(picked).scalar_subquery() < bindparam("limit", type_=Integer)
    is_trial = and_(served.c.is_trial, is_given)
    endpoint = webhook_endpoints.c
    noted = (
        update(webhook_endpoints)
        .where(endpoint.id == served.c.id, given.c.id == endpoint.id, or_(is_given, is_passed_over))
        .values(
            last_served=func.clock_timestamp(),
            slot_at=case(
                (endpoint.per_minute.is_(None), endpoint.slot_at),
                else_=served.c.since + served.c.interval * given.c.number,
            ),
            on_trial=or_(endpoint.on_trial, is_trial),
            rests_until=case((is_trial, at + literal(TRIAL, Interval)), else_=endpoint.rests_until),
        )
        .returning(endpoint.id)
        .cte("noted")
    )
    live = or_(webhook_secrets.c.expires_at.is_(None), webhook_secrets.c.expires_at > at)
    secrets = (
        select(func.array_agg(webhook_secrets.c.sealed))
        .where(webhook_secrets.c.endpoint_id == endpoint.id, live)
        .correlate(webhook_endpoints)
        .scalar_subquery()
    )
    words = (
        select(audit_personal.c.words)
        .where(audit_personal.c.event_id == messages.c.id)
        .correlate(messages)
        .scalar_subquery()
    )
    return (
        select(
            taken.c.id.label("delivery_id"),
            taken.c.attempts,
            taken.c.previous,
            *messages.c,
            agencies.c.key.label("agency"),
            endpoint.id.label("endpoint_id"),
            endpoint.version.label("endpoint_version"),
            endpoint.url,
            endpoint.fifo,
            endpoint.personal,
            endpoint.private_networks,
            endpoint.max_in_flight,
            secrets.label("secrets"),
            case((endpoint.personal, words)).label("words"),
        )
        .select_from(taken)
        .join(messages, messages.c.id == taken.c.message_id)
        .join(agencies, agencies.c.id == messages.c.agency_id)
        .join(webhook_endpoints, endpoint.id == taken.c.endpoint_id)
        .add_cte(noted)
    )


def _take_back() -> Any:
    at = bindparam("now", type_=Instant)
    dead = (deliveries.c.status == _IN_FLIGHT, deliveries.c.leased_until < at)
    return (
        update(deliveries)
        .where(*dead)
        .values(status="waiting", lease=null(), leased_until=null(), is_retry=true(), due_at=at)
        .returning(deliveries.c.id)
    )


_CLAIM = Reading(_claim)
_TAKE_BACK = Reading(_take_back)
