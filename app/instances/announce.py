"""Announces what has become due, once each: through the same guarded door as every deed, so that it does not matter how
many workers there are or how often one is restarted. Nothing is late because it was announced; queries ask the clock.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, union, update

from app.clock import new_id
from app.database import Database
from app.errors import Contended
from app.instances.journal import Held, Journal
from app.tables import instances, positions, role_bindings, tasks, units
from engine import decide
from engine.commands import Announce
from engine.decide import Decision
from engine.errors import TrailContradiction
from engine.plan import Plan, plan
from engine.state import InstanceState, TaskState

log = logging.getLogger("alur")

NEXT_LOOK = timedelta(days=1)
"""When to look again at a deadline while clocks stand still: what is expected then changes by itself."""


async def announce_due(journal: Journal, now: datetime, limit: int) -> int:
    """Announce what has become due in at most so many instances; gives in how many there was something to tell."""
    async with journal.database.reading() as connection:
        due = (await connection.execute(_due(now, limit))).scalars().all()
    told = 0
    for instance in due:
        try:
            told += await announce(journal, instance, now)
        except (Contended, TrailContradiction):  # one instance must not keep the others from being told
            log.exception("nothing could be announced in instance %s; it is tried again", instance)
    return told


async def announce(journal: Journal, instance: UUID, now: datetime) -> bool:
    """Announce what has become due in one instance; false where there was nothing to tell."""
    ladder = await Ladder.of(journal.database, instance)
    told = await journal.change_as_engine(instance, now, partial(_decided, ladder, now))
    await _note_outlook(journal, instance, now)
    return told


async def look_ahead(journal: Journal, now: datetime, limit: int) -> int:
    """Reckon anew when deadlines will be at risk, in at most so many instances that moved; gives in how many."""
    async with journal.database.reading() as connection:
        moved = (await connection.execute(_moved(limit))).scalars().all()
    for instance in moved:
        await _note_outlook(journal, instance, now)
    return len(moved)


def _decided(ladder: Ladder, now: datetime, held: Held) -> Decision:
    outlook = _outlook(held, now)
    command = Announce(
        superiors={task.id: ladder.above(task, held) for task in held.state.tasks},
        expected_end=outlook.expected_end if outlook else None,
    )
    schedule = held.around.schedule
    return decide.announce(held.around.process, held.state, command, now=now, new_id=new_id, schedule=schedule)


def _outlook(held: Held, now: datetime) -> Plan | None:
    """The plan of an instance whose deadline has neither passed nor been told to be at risk."""
    state = held.state
    if state.status.is_over or state.deadline is None or state.deadline_told:
        return None
    return plan(held.around.process, state, state.deadline, held.around.schedule, now)


async def _note_outlook(journal: Journal, instance: UUID, now: datetime) -> None:
    held = await journal.hold(instance, now)
    outlook = _outlook(held, now)
    noted = {"at_risk_at": _at_risk_at(held.state, outlook, now) if outlook else None}
    seen = update(instances).where(instances.c.id == instance)
    async with journal.database.transaction() as connection:
        await connection.execute(seen.values(outlook_length=held.trail_length, **noted))


def _at_risk_at(state: InstanceState, outlook: Plan, now: datetime) -> datetime:
    """When the deadline will be at risk if nothing moves: when a step that waits should have ended."""
    if outlook.will_miss:
        return now
    waiting = {task.activity for task in state.tasks}
    ends = [step.latest_end for step in outlook.steps if step.activity in waiting]
    stands_still = any(state.stopped_since(task) for task in state.tasks) or not waiting
    looks = [now + NEXT_LOOK] if stands_still else []
    return max(min([*ends, *looks], default=outlook.latest_start), now + timedelta(minutes=1))


def _due(now: datetime, limit: int) -> Select[Any]:
    """The instances in which a reminder, a lateness, an escalation or a deadline is to be announced."""
    noticed = select(tasks.c.instance_id.label("id")).where(
        tasks.c.closed_at.is_(None), tasks.c.stopped_at.is_(None), tasks.c.notice_at <= now
    )
    under_way = instances.c.ended_at.is_(None)
    passed = select(instances.c.id).where(under_way, instances.c.deadline_notice_at < now)
    at_risk = select(instances.c.id).where(under_way, instances.c.at_risk_at <= now)
    first = [part.limit(limit).subquery() for part in (noticed, passed, at_risk)]
    together = union(*(select(part.c.id) for part in first)).subquery()
    return select(together.c.id).limit(limit)


def _moved(limit: int) -> Select[Any]:
    """The instances with a deadline that moved since it was last looked at."""
    unseen = instances.c.outlook_length.is_distinct_from(instances.c.trail_length)
    return (
        select(instances.c.id)
        .where(instances.c.ended_at.is_(None), instances.c.deadline_notice_at.is_not(None), unseen)
        .limit(limit)
    )


@dataclass(frozen=True, slots=True)
class _Rung:
    """A position, its unit and roles, and the position above it."""

    title: str
    unit: str | None
    roles: frozenset[str]
    superior: UUID | None


@dataclass(frozen=True, slots=True)
class Ladder:
    """The positions of an agency, each under another."""

    rungs: Mapping[UUID, _Rung]

    @classmethod
    async def of(cls, database: Database, instance: UUID) -> Ladder:
        """The ladder of the agency an instance belongs to, with the roles of its SOP."""
        async with database.reading() as connection:
            rows = (await connection.execute(_positions(instance))).mappings().all()
        return cls(
            {
                row["id"]: _Rung(row["title"], row["unit"], frozenset(filter(None, row["roles"])), row["superior_id"])
                for row in rows
            }
        )

    def above(self, task: TaskState, held: Held) -> tuple[str, ...]:
        """The titles above the position that a task waits on, nearest first."""
        roles = set(held.around.process.activity(task.activity).candidate_roles)
        found = (
            rung for rung in self.rungs.values() if rung.roles & roles and (task.unit is None or rung.unit == task.unit)
        )
        titles: list[str] = []
        rung = next(found, None)
        while rung is not None and rung.superior is not None and len(titles) < len(self.rungs):
            rung = self.rungs[rung.superior]
            titles.append(rung.title)
        return tuple(titles)


def _positions(instance: UUID) -> Select[Any]:
    for_this = or_(
        role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == instances.c.definition_key
    )
    bound = and_(role_bindings.c.position_id == positions.c.id, for_this)
    return (
        select(
            positions.c.id,
            positions.c.title,
            positions.c.superior_id,
            units.c.key.label("unit"),
            func.array_agg(role_bindings.c.role).label("roles"),
        )
        .select_from(instances)
        .join(positions, positions.c.agency_id == instances.c.agency_id)
        .outerjoin(units, units.c.id == positions.c.unit_id)
        .outerjoin(role_bindings, bound)
        .where(instances.c.id == instance)
        .group_by(positions.c.id, positions.c.title, positions.c.superior_id, units.c.key)
        .order_by(positions.c.title)
    )
