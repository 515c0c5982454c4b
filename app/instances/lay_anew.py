"""Lays running instances anew when the calendar of their agency or a statutory deadline became another one.

An agency counts such changes, an instance remembers up to which it was laid: those behind are found, however long ago
that was. Open due dates move, closed ones stay; the trail keeps the old value and the reason.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    Integer,
    ScalarSelect,
    Select,
    Text,
    Update,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.clock import new_id, now
from app.database import Prepared
from app.deadlines.law import counting, deadline_of
from app.instances.journal import Held, Journal
from app.pool import DatabaseUnavailable
from app.tables import agencies, calendar_versions, deadline_rules, instances
from engine import decide
from engine.commands import LayAnew
from engine.decide import Decision

log = logging.getLogger("alur")

AT_ONCE = 100
"""Instances that are looked for at a time."""

FIRST = 200
"""Instances that are laid anew right after a change; the worker does the rest."""


async def lay_anew(journal: Journal, agency_id: UUID | None, now: datetime, limit: int) -> int:
    """Lay at most so many instances anew, of one agency or of all; gives how many. What fails is left for next time."""
    done, failed = 0, list[UUID]()
    while done < limit:
        found = await _behind(journal, agency_id, failed, min(AT_ONCE, limit - done))
        for row in found:
            try:
                await _lay(journal, row, now)
                done += 1
            except DatabaseUnavailable:
                raise
            except Exception:  # whatever is wrong with one must not keep the others waiting
                log.exception("instance %s could not be laid anew; it is tried again", row["id"])
                failed.append(row["id"])
        if not found:
            break
    return done


async def lay_first(journal: Journal, agency_id: UUID) -> None:
    """Lay the first instances of an agency anew, right after what changed; the worker does the rest."""
    try:
        await lay_anew(journal, agency_id, now(), FIRST)
    except DatabaseUnavailable as lost:
        log.warning("instances wait for the worker to lay them anew: %s", lost)


async def _lay(journal: Journal, row: Any, now: datetime) -> None:
    await journal.change_as_engine(row["id"], now, partial(_decided, row, now))
    # no state and no trail: only that this instance need not be looked at again
    await _SEEN.change(journal.database, instance_id=row["id"], version=row["clock_version"])


def _decided(row: Any, now: datetime, held: Held) -> Decision:
    around = held.around
    deadline = deadline_of(row["deadline_rule"], around.schedule, around.period, row["deadline_event_on"])
    command = LayAnew(deadline=deadline, legal_basis=row["legal_basis"])
    return decide.lay_anew(around.process, held.state, command, now=now, new_id=new_id, schedule=around.schedule)


async def _behind(journal: Journal, agency_id: UUID | None, failed: Sequence[UUID], limit: int) -> Sequence[Any]:
    """Instances that are behind their agency, with what holds for them now."""
    asked = {"agency": agency_id, "failed": list(failed), "limit": limit}
    async with journal.database.reading() as connection:
        rows: Sequence[Any] = (await connection.execute(_BEHIND, asked)).mappings().all()
    return rows


def _found() -> Select[Any]:
    behind = (
        select(instances.c.id)
        .where(
            instances.c.agency_id == agencies.c.id,
            instances.c.ended_at.is_(None),
            instances.c.clock_version < agencies.c.clock_version,
            instances.c.id.not_in(select(func.unnest(bindparam("failed", type_=ARRAY(Uuid))))),
        )
        .order_by(instances.c.clock_version)
        .limit(bindparam("limit", type_=Integer))
        .correlate(agencies)
        .lateral("behind")
    )
    named = bindparam("agency", type_=Uuid)
    return (
        select(behind.c.id, agencies.c.id.label("agency_id"), agencies.c.clock_version)
        .select_from(agencies)
        .join(behind, true())
        .where(or_(named.is_(None), agencies.c.id == named))
        .limit(bindparam("limit", type_=Integer))
    )


def _with_what_holds() -> Select[Any]:
    found = _found().cte("found").prefix_with("MATERIALIZED")
    of = (instances.c.definition_key, found.c.agency_id, instances.c.period)
    return select(
        found.c.id,
        found.c.clock_version,
        cast(counting(deadline_rules.c.rule, *of), Text).label("deadline_rule"),
        counting(deadline_rules.c.event_on, *of).label("deadline_event_on"),
        _legal_basis(found).label("legal_basis"),
    ).join_from(found, instances, instances.c.id == found.c.id)


def _legal_basis(found: CTE) -> ScalarSelect[Any]:
    """What the changes of the calendar rest on that an instance has not seen yet."""
    seen = calendar_versions.alias("seen")
    last_seen = (
        select(func.coalesce(func.max(seen.c.version), 0))
        .where(seen.c.agency_id == found.c.agency_id, seen.c.calendar_hash == instances.c.calendar_hash)
        .correlate(found, instances)
        .scalar_subquery()
    )
    since = calendar_versions
    return (
        select(func.string_agg(since.c.legal_basis, aggregate_order_by(literal("; "), since.c.version)))
        .where(since.c.agency_id == found.c.agency_id, since.c.version > last_seen)
        .scalar_subquery()
    )


def _seen() -> Update:
    version = bindparam("version", type_=Integer)
    mine = instances.c.id == bindparam("instance_id", type_=Uuid)
    return update(instances).where(mine, instances.c.clock_version < version).values(clock_version=version)


_BEHIND = _with_what_holds()
_SEEN = Prepared(_seen)
