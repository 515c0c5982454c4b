"""What is late, counted by agency, unit, SOP, role or official, with the oldest of each group and how late they are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    column,
    distinct,
    exists,
    func,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from app.identity.callers import Caller
from app.instances.journal import Journal
from app.instances.past import AT, SCHEDULE_THEN, is_late, tasks_then
from app.instances.picking import among
from app.instances.statements import SCHEDULE
from app.moments import Asked, Named, asked_of
from app.paging import Listing, Page, split
from app.reading import Reading
from app.reports.ageing import BOUNDS, NOTHING, Ageing, bounds
from app.tables import (
    agencies,
    holders,
    instances,
    officials,
    positions,
    process_definitions,
    role_bindings,
    tasks,
    units,
)
from app.tables.metadata import Instant
from app.tasks.queries import Seen, by_ids


class GroupBy(StrEnum):
    """By what late tasks are counted."""

    AGENCY = "agency"
    UNIT = "unit"
    """The unit of the task; else that of the position it waits on, if it is only one."""
    DEFINITION = "definition"
    CANDIDATE_ROLE = "candidate_role"
    """A task that waits on several roles counts for each."""
    ASSIGNEE = "assignee"
    """Who claimed it; null where nobody has."""


class Overdue(Listing):
    """What to count of the late tasks. Groups with most of them come first."""

    group_by: GroupBy = GroupBy.AGENCY
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    definition: str | None = Field(default=None, description="Keys of SOPs, comma-separated.")
    as_of: Named | None = Field(default=None, description="How things stood then: a moment, or the end of that day.")


class Oldest(BaseModel):
    """The task of a group that was due first."""

    task_id: UUID
    instance_id: UUID
    agency: str
    definition: str
    period: str | None
    activity: str
    name: str
    unit: str | None
    round: int
    due_at: datetime
    position: str | None
    holder: str | None
    held_since: datetime
    working_minutes_late: int

    @classmethod
    def of(cls, seen: Seen) -> Self:
        view = seen.view
        shared = {name: getattr(view, name) for name in cls.model_fields if name in type(view).model_fields}
        return cls(**shared | {"task_id": view.id, "working_minutes_late": view.working_minutes_late or 0})


class OverdueGroup(BaseModel):
    """The late tasks of one group. `key` names it as it is named elsewhere; null: those that have no such thing."""

    agency: str | None
    key: str | None
    name: str | None
    count: int
    ageing: Ageing
    oldest: Oldest


class OverdueTotals(BaseModel):
    """All late tasks, each once."""

    count: int
    ageing: Ageing


class OverdueReport(Page[OverdueGroup]):
    """One page of groups, and what they come to in all."""

    as_of: datetime
    group_by: GroupBy
    totals: OverdueTotals


class OverdueLine(BaseModel):
    """A group as a line of a spreadsheet."""

    agency: str | None
    key: str | None
    name: str | None
    count: int
    up_to_1_day: int
    up_to_3_days: int
    up_to_1_week: int
    up_to_1_month: int
    over_1_month: int
    stopped: int
    oldest_due_at: datetime
    oldest_task_id: UUID
    oldest_name: str
    oldest_round: int
    oldest_position: str | None
    oldest_holder: str | None
    oldest_working_minutes_late: int

    @classmethod
    def of(cls, group: OverdueGroup) -> Self:
        first = {f"oldest_{name}": value for name, value in group.oldest}
        return cls(**{name: value for name, value in group if name in cls.model_fields}, **dict(group.ageing), **first)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """A group as it was counted, with its oldest task and what it was counted for."""

    agency: str | None
    key: str | None
    name: str | None
    count: int
    ageing: Ageing
    oldest_due: datetime
    oldest: UUID
    asked: Asked

    @property
    def place(self) -> tuple[int, str, str]:
        """Where it stands in the report: those with most late tasks first."""
        return -self.count, self.agency or "", self.key or ""

    def with_those_of(self, other: _Group) -> _Group:
        """The same group, of agencies for which it was counted apart."""
        first = min(self, other, key=lambda group: (group.oldest_due, group.oldest))
        return replace(first, count=self.count + other.count, ageing=self.ageing + other.ageing)


async def overdue(journal: Journal, caller: Caller, listing: Overdue, now: datetime) -> OverdueReport:
    """The late tasks of the caller's agencies, counted."""
    by, definitions, after = listing.group_by, split(listing.definition), listing.after(_place)
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    moments = await asked_of(journal.database, served, now, as_of=listing.as_of)
    groups = [group for asked in moments for group in await _counted(journal, asked, by, definitions)]
    each_once = groups
    if by is GroupBy.CANDIDATE_ROLE:
        each_once = [one for asked in moments for one in await _counted(journal, asked, GroupBy.AGENCY, definitions)]
    following = [group for group in _in_order(groups) if after is None or group.place > after]
    shown = await _told(journal, following[: listing.limit], by)
    more = len(following) > listing.limit
    return OverdueReport(
        items=shown,
        next=listing.cursor_at(json.dumps(following[listing.limit - 1].place)) if more else None,
        as_of=max((asked.at for asked in moments), default=now),
        group_by=by,
        totals=OverdueTotals(
            count=sum(group.count for group in each_once),
            ageing=sum((group.ageing for group in each_once), NOTHING),
        ),
    )


def _place(text: str) -> tuple[int, str, str]:
    count, agency, key = json.loads(text)
    return int(count), str(agency), str(key)


def _in_order(groups: Iterable[_Group]) -> list[_Group]:
    merged: dict[tuple[str | None, str | None], _Group] = {}
    for group in groups:
        known = merged.get((group.agency, group.key))
        merged[group.agency, group.key] = known.with_those_of(group) if known else group
    return sorted(merged.values(), key=lambda group: group.place)


async def _counted(journal: Journal, asked: Asked, by: GroupBy, definitions: list[str] | None) -> list[_Group]:
    """The groups of some agencies, each counted by the bounds of its own calendar."""
    rows = await _working(is_past=asked.is_past).rows(journal.database, agencies=list(asked.agencies), now=asked.at)
    schedules = [await journal.calendars.schedule(row) for row in rows]
    known = {one.id: bounds(one.calendar, asked.at) for one in dict.fromkeys(schedules)}
    apart = {name: [known[one.id][place] for one in schedules] for place, name in enumerate(BOUNDS)}
    given = {"agencies": [row["agency_id"] for row in rows], "now": asked.at, "definitions": definitions}
    counting = counts(by, is_past=asked.is_past, is_narrowed=definitions is not None)
    return [
        _Group(
            agency=row["agency"],
            key=row["key"],
            name=row["name"],
            count=row["late"],
            ageing=Ageing.of(row["late"] - row["stopped"], [row[name] for name in BOUNDS], row["stopped"]),
            oldest_due=row["oldest_due"],
            oldest=row["oldest"],
            asked=asked,
        )
        for row in await counting.rows(journal.database, **given, **apart)
    ]


async def _told(journal: Journal, groups: list[_Group], by: GroupBy) -> list[OverdueGroup]:
    """Groups with all that is told of their oldest tasks."""
    oldest: dict[UUID, Seen] = {}
    for asked in dict.fromkeys(group.asked for group in groups):
        oldest |= await by_ids(journal, asked, list({group.oldest for group in groups if group.asked == asked}))
    return [
        OverdueGroup(
            agency=group.agency,
            key=group.key,
            name=_role(oldest[group.oldest], group.key) if by is GroupBy.CANDIDATE_ROLE else group.name,
            count=group.count,
            ageing=group.ageing,
            oldest=Oldest.of(oldest[group.oldest]),
        )
        for group in groups
        if group.oldest in oldest  # else it was done meanwhile
    ]


def _role(seen: Seen, role: str | None) -> str | None:
    """What the sheet of a task calls one of its roles."""
    return seen.around.process.role(role).name if role else None


# Counting


@lru_cache(maxsize=32)
def counts(by: GroupBy, *, is_past: bool, is_narrowed: bool) -> Reading:
    """The statement that counts late tasks, given `agencies` with the bounds of each, `now` and `definitions`.

    By agency it reads an index and nothing else, as long as all SOPs count.
    """
    return Reading(lambda: _BY[by](_Late(is_past=is_past, is_narrowed=is_narrowed)))


class _Late:
    """The late tasks of the agencies that are asked about, beside the bounds of each agency."""

    def __init__(self, *, is_past: bool, is_narrowed: bool) -> None:
        self.seen: FromClause = tasks_then(live_only=True) if is_past else tasks
        self.agency = (
            func.unnest(
                bindparam("agencies", type_=ARRAY(Uuid)), *(bindparam(name, type_=ARRAY(Instant)) for name in BOUNDS)
            )
            .table_valued(column("id", Uuid), *(column(name, Instant) for name in BOUNDS))
            .render_derived("agency")
        )
        self.instance = instances.c.id == self.seen.c.instance_id
        narrowed = [self.instance, among(instances.c.definition_key, "definitions")] if is_narrowed else []
        self.which = [self.seen.c.agency_id == self.agency.c.id, is_late(self.seen), *narrowed]

    @property
    def counted(self) -> list[ColumnElement[Any]]:
        """How many there are, how many of them stand still, and how many of the others lie within each bound."""
        running, due_at = self.seen.c.stopped_at.is_(None), self.seen.c.due_at
        return [
            func.count().label("late"),
            func.count(self.seen.c.stopped_at).label("stopped"),
            *(func.count().filter(running, due_at >= self.agency.c[name]).label(name) for name in BOUNDS),
        ]

    @property
    def first(self) -> list[ColumnElement[Any]]:
        """The one that was due first."""
        ids = aggregate_order_by(self.seen.c.id, self.seen.c.due_at, self.seen.c.id)
        in_order = func.array_agg(ids, type_=ARRAY(Uuid))
        return [func.min(self.seen.c.due_at).label("oldest_due"), in_order[1].label("oldest")]


_COUNTS = ("late", "stopped", *BOUNDS)
_NOBODY = cast(null(), Text)


def _by_agency(late: _Late) -> Select[Any]:
    mine = select(*late.counted).where(*late.which).lateral("mine")
    order = (late.seen.c.due_at, late.seen.c.id)
    first = select(*order).where(*late.which).order_by(*order).limit(1).lateral("first")
    return (
        select(
            agencies.c.key.label("agency"),
            agencies.c.key,
            agencies.c.name,
            *(mine.c[name] for name in _COUNTS),
            first.c.due_at.label("oldest_due"),
            first.c.id.label("oldest"),
        )
        .select_from(late.agency)
        .join(mine, true())
        .join(first, true())
        .join(agencies, agencies.c.id == late.agency.c.id)
    )


def _by_definition(late: _Late) -> Select[Any]:
    key = instances.c.definition_key
    mine = select(key, *late.counted, *late.first).where(*late.which, late.instance).group_by(key).subquery("mine")
    versions = process_definitions.c
    title = select(versions.title).where(versions.key == mine.c.definition_key).order_by(versions.version.desc())
    return select(
        _NOBODY.label("agency"),
        mine.c.definition_key.label("key"),
        title.limit(1).scalar_subquery().label("name"),
        *(mine.c[name] for name in (*_COUNTS, "oldest_due", "oldest")),
    )


def _by_role(late: _Late) -> Select[Any]:
    role = func.unnest(late.seen.c.candidate_roles).table_valued(column("role", Text)).render_derived("role")
    return (
        select(
            _NOBODY.label("agency"),
            role.c.role.label("key"),
            _NOBODY.label("name"),
            *late.counted,
            *late.first,
        )
        .select_from(late.seen)
        .join(role, true())
        .where(*late.which)
        .group_by(role.c.role)
    )


def _by_assignee(late: _Late) -> Select[Any]:
    of = late.seen.c
    mine = (
        select(of.agency_id, of.assignee_id, *late.counted, *late.first)
        .where(*late.which)
        .group_by(of.agency_id, of.assignee_id)
        .subquery("mine")
    )
    return (
        select(
            agencies.c.key.label("agency"),
            cast(mine.c.assignee_id, Text).label("key"),
            officials.c.name,
            *(mine.c[name] for name in (*_COUNTS, "oldest_due", "oldest")),
        )
        .join_from(mine, agencies, agencies.c.id == mine.c.agency_id)
        .outerjoin(officials, officials.c.id == mine.c.assignee_id)
    )


def _by_unit(late: _Late) -> Select[Any]:
    """First by everything the unit follows from, so that it is found once for many tasks."""
    of = late.seen.c
    alike = (of.agency_id, of.unit, of.candidate_roles, of.assignee_id, instances.c.definition_key)
    cell = select(*alike, *late.counted, *late.first).where(*late.which, late.instance).group_by(*alike).cte("cell")
    unit = case((cell.c.unit.is_not(None), cell.c.unit), else_=_unit_of_position(cell)).label("unit_key")
    placed = select(cell, unit).subquery("placed")
    ids = aggregate_order_by(placed.c.oldest, placed.c.oldest_due, placed.c.oldest)
    mine = (
        select(
            placed.c.agency_id,
            placed.c.unit_key,
            *(cast(func.sum(placed.c[name]), Integer).label(name) for name in _COUNTS),
            func.min(placed.c.oldest_due).label("oldest_due"),
            func.array_agg(ids, type_=ARRAY(Uuid))[1].label("oldest"),
        )
        .group_by(placed.c.agency_id, placed.c.unit_key)
        .subquery("mine")
    )
    named = (units.c.agency_id == mine.c.agency_id) & (units.c.key == mine.c.unit_key)
    return (
        select(
            agencies.c.key.label("agency"),
            mine.c.unit_key.label("key"),
            units.c.name,
            *(mine.c[name] for name in (*_COUNTS, "oldest_due", "oldest")),
        )
        .join_from(mine, agencies, agencies.c.id == mine.c.agency_id)
        .outerjoin(units, named)
    )


def _unit_of_position(cell: FromClause) -> ColumnElement[Any]:
    """The unit of the positions that tasks wait on, if it is the same for all of them."""
    held = exists().where(
        holders.c.position_id == positions.c.id,
        holders.c.official_id == cell.c.assignee_id,
        holders.c.valid_from <= AT,
        or_(holders.c.valid_until.is_(None), holders.c.valid_until > AT),
    )
    theirs = held.correlate(positions, cell)  # two selects away, which is not seen by itself
    only = case((func.count(distinct(func.coalesce(units.c.key, ""))) == 1, func.min(units.c.key)))
    return (
        select(only)
        .join_from(role_bindings, positions, positions.c.id == role_bindings.c.position_id)
        .outerjoin(units, units.c.id == positions.c.unit_id)
        .where(
            role_bindings.c.agency_id == cell.c.agency_id,
            role_bindings.c.role == any_(cell.c.candidate_roles),
            or_(role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == cell.c.definition_key),
            or_(cell.c.assignee_id.is_(None), theirs),
        )
        .scalar_subquery()
    )


_BY = {
    GroupBy.AGENCY: _by_agency,
    GroupBy.UNIT: _by_unit,
    GroupBy.DEFINITION: _by_definition,
    GroupBy.CANDIDATE_ROLE: _by_role,
    GroupBy.ASSIGNEE: _by_assignee,
}


@lru_cache(maxsize=2)
def _working(*, is_past: bool) -> Reading:
    """By which calendar each agency works, or worked."""
    schedule = SCHEDULE_THEN if is_past else SCHEDULE
    found = select(agencies.c.id.label("agency_id"), agencies.c.timezone, *schedule)
    return Reading(lambda: found.where(among(agencies.c.id, "agencies")))
