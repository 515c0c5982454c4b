"""Records what came of attempts: each delivery, each attempt, and how its endpoint has been doing since.

A batch is one transaction. Endpoints are only looked at where their circuit moves, so that those that answer cost
nothing more. A delivery whose lease somebody else took over meanwhile is left to them; its attempt is noted anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    Update,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    func,
    insert,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.tables import attempts, deliveries, webhook_endpoints
from app.tables.metadata import Instant
from app.webhooks.claim import Claimed
from app.webhooks.disable import disable
from app.webhooks.post import Attempt
from app.webhooks.retry import LONGEST_WAIT, SCHEDULE, Circuit, Verdict, wait_asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt that was made, and what follows from it."""

    claimed: Claimed
    attempt: Attempt
    verdict: Verdict

    @property
    def is_theirs(self) -> bool:
        """Whether it tells of the receiver; what went wrong with us is not held against anybody."""
        return self.attempt.failure != "internal"


STATUS = {"delivered": "delivered", "retry": "waiting", "exhausted": "dead", "gone": "dead"}
"""What becomes of a delivery by the outcome of its attempt."""


async def record(database: Database, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Write a batch down, all or nothing."""
    async with database.transaction() as connection:
        moved = await _circuits_of(connection, outcomes)
        await connection.execute(_END, {"given": [_row(one) for one in outcomes], "now": now})
        await connection.execute(insert(attempts), [_attempt(one) for one in outcomes])
        for one in outcomes:
            if not one.claimed.endpoint["fifo"]:
                continue
            if one.verdict.outcome == "retry":
                await connection.execute(_PARK, _place(one) | {"again_at": one.verdict.again_at})
            elif one.claimed.number > 1:
                await connection.execute(_LET_GO, _place(one) | {"now": now})
        for endpoint, (url, circuit) in moved.items():
            await _note(connection, endpoint, circuit, [one for one in outcomes if _is_of(one, endpoint, url)], now)


def _endpoint(one: Outcome) -> UUID:
    endpoint: UUID = one.claimed.endpoint["endpoint_id"]
    return endpoint


def _is_of(one: Outcome, endpoint: UUID, url: str) -> bool:
    """Whether it tells of an endpoint where it is now; what an address that was left behind said does not count."""
    return _endpoint(one) == endpoint and bool(one.claimed.endpoint["url"] == url)


def _row(one: Outcome) -> dict[str, Any]:
    again_at = one.verdict.again_at
    return {
        "id": str(one.claimed.id),
        "lease": str(one.claimed.lease),
        "status": STATUS[one.verdict.outcome],
        "again_at": again_at.isoformat() if again_at else None,
    }


def _attempt(one: Outcome) -> dict[str, Any]:
    attempt = one.attempt
    return {
        "id": new_id(),
        "delivery_id": one.claimed.id,
        "number": one.claimed.number,
        "at": attempt.started_at,
        "milliseconds": round(attempt.seconds * 1000),
        "status_code": attempt.status,
        "error": f"{attempt.failure}: {attempt.said}" if attempt.failure else None,
        "head": head(attempt) or None,
    }


def head(attempt: Attempt) -> str:
    """The beginning of an answer as people are shown it: status line, headers, a little of the body."""
    lines = [attempt.status_line, *(f"{name}: {value}" for name, value in attempt.headers), "", attempt.body]
    return "\n".join(lines).strip().replace("\x00", "")


# How an endpoint has been doing


async def _circuits_of(connection: AsyncConnection, outcomes: Sequence[Outcome]) -> dict[UUID, tuple[str, Circuit]]:
    """The circuits that a batch moves, with the URLs they stand for, held until the transaction ends."""
    named = sorted({_endpoint(one) for one in outcomes})
    failed = {_endpoint(one) for one in outcomes if one.verdict.outcome != "delivered" and one.is_theirs}
    endpoint = webhook_endpoints.c
    troubled = or_(endpoint.failures > 0, endpoint.id.in_(failed))
    theirs = select(*(endpoint[name] for name in ("id", "url", *_CIRCUIT))).where(endpoint.id.in_(named), troubled)
    rows = await connection.execute(theirs.order_by(endpoint.id).with_for_update(key_share=True))
    return {row.id: (row.url, Circuit(*(getattr(row, name) for name in _CIRCUIT))) for row in rows}


_CIRCUIT = ("failures", "openings", "rests_until", "on_trial", "failing_since")


async def _note(
    connection: AsyncConnection, endpoint: UUID, circuit: Circuit, outcomes: Sequence[Outcome], now: datetime
) -> None:
    """Fold a batch into the circuit of an endpoint, which ends its service where it is gone or hopeless."""
    rests: datetime | None = None
    for one in filter(lambda one: one.is_theirs, outcomes):
        circuit = circuit.succeeded() if one.verdict.outcome == "delivered" else circuit.failed(now)
        if one.verdict.throttled:
            rests = max(rests or now, now + _rest(one, now))
    values: dict[str, Any] = {name: getattr(circuit, name) for name in _CIRCUIT}
    if rests is not None:
        values["slot_at"] = func.greatest(webhook_endpoints.c.slot_at, rests)
    await connection.execute(update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint).values(values))
    if any(one.verdict.outcome == "gone" for one in outcomes):
        await disable(connection, endpoint, "gone", now)
    elif circuit.hopeless(now):
        await disable(connection, endpoint, "failing", now)


def _rest(one: Outcome, now: datetime) -> timedelta:
    """How long a receiver with too much to do is left in peace: as it asks, however long this one message waits."""
    said = one.attempt.header("retry-after")
    asked = wait_asked(said, now) if said else None
    return max(SCHEDULE[0], min(asked or SCHEDULE[0], LONGEST_WAIT))


# Statements


def _end() -> Update:
    given = (
        func.jsonb_to_recordset(bindparam("given", type_=JSONB))
        .table_valued(column("id", Uuid), column("lease", Uuid), column("status", Text), column("again_at", Instant))
        .render_derived("given", with_types=True)
    )
    is_over = given.c.status != "waiting"
    now = bindparam("now", type_=Instant)
    return (
        update(deliveries)
        .where(deliveries.c.id == given.c.id, deliveries.c.lease == given.c.lease)
        .values(
            status=given.c.status,
            lease=null(),
            leased_until=null(),
            is_retry=true(),
            due_at=func.coalesce(given.c.again_at, deliveries.c.due_at),
            ended_at=case((is_over, now)),
        )
    )


def _later() -> ColumnElement[bool]:
    """What waits for the same endpoint and follows in the same instance."""
    table = deliveries.c
    return and_(
        table.endpoint_id == bindparam("of_endpoint", type_=Uuid),
        table.instance_id == bindparam("of_instance", type_=Uuid),
        table.position
        > select(_TRIED.c.position).where(_TRIED.c.id == bindparam("tried", type_=Uuid)).scalar_subquery(),
        table.status == "waiting",
    )


def _park() -> Update:
    """Let what follows in the same instance wait as long as what failed; nothing else waits for it."""
    again_at = bindparam("again_at", type_=Instant)
    return update(deliveries).where(_later(), deliveries.c.due_at < again_at).values(due_at=again_at)


def _let_go() -> Update:
    """Let what was parked go on: what it waited for ended sooner than that, because somebody sent it again."""
    now = bindparam("now", type_=Instant)
    parked = deliveries.c.attempts == 0, deliveries.c.due_at > now
    return update(deliveries).where(_later(), *parked).values(due_at=now)


def _place(one: Outcome) -> dict[str, Any]:
    return {
        "of_endpoint": _endpoint(one),
        "of_instance": one.claimed.message["instance_id"],
        "tried": one.claimed.id,
    }


_TRIED = deliveries.alias("tried")
_END = _end()
_PARK = _park()
_LET_GO = _let_go()
