"""What stands still: clocks that were stopped, cycles that were suspended, parties and material that are waited for,
tasks in the hands of somebody who has left the office. Each with since when, by whom and why.
"""

from __future__ import annotations

from collections.abc import Callable
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
    and_,
    any_,
    bindparam,
    cast,
    exists,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.identity.callers import Caller
from app.instances import queries as cycles
from app.instances.drawing import entries
from app.instances.journal import Journal
from app.instances.past import AT, instances_then, is_live, tasks_then
from app.instances.picking import among
from app.instances.surroundings import Surroundings
from app.moments import Asked, Named, asked_of
from app.paging import Listing, Page, chosen, split
from app.reading import Reading
from app.tables import (
    audit_events,
    audit_personal,
    holders,
    instances,
    officials,
    positions,
    role_bindings,
    tasks,
    units,
)
from app.tables.metadata import Instant
from app.tasks import queries as steps
from engine.events import PartyAnswered, PartyAsked
from engine.state import TaskStatus


class Kind(StrEnum):
    """Why something stands still."""

    PAUSED = "paused"
    """Somebody stopped the clock of a step."""
    SUSPENDED = "suspended"
    """Somebody suspended the whole cycle."""
    PARTY = "party"
    """A party was asked and has not answered."""
    MATERIAL = "material"
    """A step collects material, and not all of it is in."""
    HOLDER = "holder"
    """Who claimed a task no longer holds an office that may do it."""


class Stalled(Listing):
    """What to list of what stands still, the longest first."""

    kind: str | None = Field(default=None, description="paused, suspended, party, material, holder")
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    definition: str | None = Field(default=None, description="Keys of SOPs, comma-separated.")
    as_of: Named | None = Field(default=None, description="How things stood then: a moment, or the end of that day.")


class StalledItem(BaseModel):
    """One thing that stands still: since when (also in working time), by whom and why, and on whom it waits.

    Of material, `delivered` parts of `expected` are in, and those of `missing` are not.
    """

    kind: Kind
    since: datetime
    working_minutes: int
    working_days: int
    agency: str
    definition: str
    period: str | None
    title: str
    instance_id: UUID
    task_id: UUID | None
    activity: str | None
    name: str
    unit: str | None
    round: int | None
    position: str | None
    holder: str | None
    held_since: datetime | None
    due_at: datetime | None
    overdue: bool
    party: str | None
    delivered: int | None
    expected: int | None
    missing: list[str]
    by: UUID | None
    by_name: str | None
    reason: str | None

    @classmethod
    def of_task(cls, row: Any, seen: steps.Seen) -> Self:
        view, awaits = seen.view, seen.task.awaits
        missing = list(seen.task.undelivered)
        return cls(
            **_common(row, seen.around),
            task_id=view.id,
            activity=view.activity,
            name=view.name,
            unit=view.unit,
            round=view.round,
            position=view.position,
            holder=view.holder,
            held_since=view.held_since,
            due_at=view.due_at,
            overdue=view.overdue,
            party=None,
            delivered=len(awaits) - len(missing) if awaits else None,
            expected=len(awaits) if awaits else None,
            missing=missing,
        )

    @classmethod
    def of_cycle(cls, row: Any, seen: cycles.Seen) -> Self:
        view = seen.view
        waiting = min(view.open_tasks, key=lambda task: task.id, default=None)
        return cls(
            **_common(row, seen.around),
            **_NO_STEP,
            name=view.title,
            position=waiting.position if waiting else None,
            holder=waiting.holder if waiting else None,
            overdue=view.overdue,
        )

    @classmethod
    def of_party(cls, row: Any, seen: cycles.Seen) -> Self:
        names = {party.id: party.name for party in seen.around.process.definition.parties}
        scope = seen.state.root.find(row["scope"])
        at_once = {"activity": row["node"], "party": row["party"], "unit": scope.unit if scope else None}
        return cls(
            **_common(row, seen.around),
            **_NO_STEP | at_once,
            name=names.get(row["party"], row["party"]),
            position=None,
            holder=None,
            overdue=seen.view.overdue,
        )


_NO_STEP: dict[str, Any] = {
    "task_id": None,
    "activity": None,
    "unit": None,
    "round": None,
    "held_since": None,
    "due_at": None,
    "party": None,
    "delivered": None,
    "expected": None,
    "missing": [],
}


def _common(row: Any, around: Surroundings) -> dict[str, Any]:
    calendar, since = around.schedule.calendar, row["since"]
    line = calendar.line
    first, last = (line.place(moment).day + 1 for moment in (since, around.now))
    return {
        "kind": Kind(row["kind"]),
        "since": since,
        "working_minutes": calendar.working_time(since, around.now).minutes,
        "working_days": line.workdays_before(last) - line.workdays_before(first),
        "agency": around.agency,
        "definition": around.process.definition.key,
        "period": around.period,
        "title": around.title,
        "instance_id": around.id,
        "by": row["by"],
        "by_name": row["by_name"],
        "reason": row["reason"],
    }


async def stalled(journal: Journal, caller: Caller, listing: Stalled, now: datetime) -> Page[StalledItem]:
    """What stands still in the caller's agencies, the longest first."""
    kinds, after = chosen("kind", listing.kind, Kind) or list(Kind), listing.after(_place) or {}
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    given = {"limit": listing.limit + 1, "definitions": split(listing.definition), **after}
    found: list[tuple[Any, StalledItem | None]] = []
    for asked in await asked_of(journal.database, served, now, as_of=listing.as_of):
        shape = frozenset(map(Kind, kinds)), asked.is_past, bool(given["definitions"]), bool(after)
        rows = await _picked(*shape).rows(journal.database, agencies=list(asked.agencies), now=asked.at, **given)
        found += await _drawn(journal, asked, rows)
    found.sort(key=lambda one: (one[0]["since"], one[0]["key"]))
    shown, more = found[: listing.limit], len(found) > listing.limit
    last = shown[-1][0] if more else None
    return Page(
        items=[item for _, item in shown if item is not None],
        next=listing.cursor_at(f"{last['since'].isoformat()} {last['key']}") if last else None,
    )


def _place(text: str) -> dict[str, Any]:
    since, key = text.split(" ", 1)
    moment = datetime.fromisoformat(since)
    if moment.tzinfo is None or not 1900 <= moment.year < 3000:
        raise ValueError(f"{since} is no moment")
    return {"after_since": moment, "after_key": key}


async def _drawn(journal: Journal, asked: Asked, rows: Any) -> list[tuple[Any, StalledItem | None]]:
    """Each row with what is told of it; null for a party that by the trail was no longer waited for."""
    tasks_ = await steps.by_ids(journal, asked, [row["task_id"] for row in rows if row["task_id"]])
    whole = await cycles.by_ids(journal, asked, list({row["instance_id"] for row in rows if not row["task_id"]}))
    return [(row, _item(row, tasks_.get(row["task_id"]), whole.get(row["instance_id"]))) for row in rows]


def _item(row: Any, task: steps.Seen | None, cycle: cycles.Seen | None) -> StalledItem | None:
    if task is not None:
        return StalledItem.of_task(row, task)
    if cycle is None:
        return None
    if row["kind"] == Kind.SUSPENDED:
        return StalledItem.of_cycle(row, cycle)
    waited_for = any((one.scope, one.node) == (row["scope"], row["node"]) for one in cycle.state.asked)
    return StalledItem.of_party(row, cycle) if waited_for else None


# Picking


@lru_cache(maxsize=256)
def _picked(kinds: frozenset[Kind], is_past: bool, is_narrowed: bool, is_continued: bool) -> Reading:
    return Reading(lambda: _told(_all(kinds, is_past, is_narrowed), is_continued))


def _all(kinds: frozenset[Kind], is_past: bool, is_narrowed: bool) -> FromClause:
    found = (_KINDS[kind](is_past, is_narrowed) for kind in sorted(kinds))
    return union_all(*found).subquery("found")


def _told(found: FromClause, is_continued: bool) -> Select[Any]:
    """The first of what was found, with the names and reasons that belong to it."""
    ids = (found.c.instance_id, found.c.task_id, found.c.scope, found.c.node)
    key = func.concat_ws("/", found.c.kind, *(cast(one, Text) for one in ids)).label("key")
    first = select(found, key).order_by(found.c.since, key).limit(bindparam("limit", type_=Integer))
    if is_continued:
        place = bindparam("after_since", type_=Instant), bindparam("after_key", type_=Text)
        first = first.where(tuple_(found.c.since, key) > tuple_(*place))
    page = first.subquery("page")
    reason = cast(audit_personal.c.words, JSONB)["reason"].astext.label("reason")
    return (
        select(page, officials.c.name.label("by_name"), reason)
        .select_from(page)
        .outerjoin(officials, officials.c.id == page.c.by)
        .outerjoin(audit_personal, audit_personal.c.event_id == page.c.event)
        .order_by(page.c.since, page.c.key)
    )


def _row(
    kind: Kind,
    of: FromClause,
    since: ColumnElement[Any],
    *,
    instance_id: ColumnElement[Any],
    task_id: ColumnElement[Any] | None = None,
    by: ColumnElement[Any] | None = None,
    event: ColumnElement[Any] | None = None,
    scope: ColumnElement[Any] | None = None,
    node: ColumnElement[Any] | None = None,
    party: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """What is known of one thing that stands still, in the same columns for every kind."""

    def told(value: ColumnElement[Any] | None, type_: Any, name: str) -> ColumnElement[Any]:
        return cast(null() if value is None else value, type_).label(name)

    return select(
        literal_column(f"'{kind}'", Text).label("kind"),
        since.label("since"),
        instance_id.label("instance_id"),
        told(task_id, Uuid, "task_id"),
        told(by, Uuid, "by"),
        told(event, Uuid, "event"),
        told(scope, Text, "scope"),
        told(node, Text, "node"),
        told(party, Text, "party"),
    ).select_from(of)


def _words(entry: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    return entry.op("->>")(name)


def _steps(is_past: bool, is_narrowed: bool) -> tuple[FromClause, FromClause, list[ColumnElement[bool]]]:
    """The tasks as they are or were, joined to what is needed to narrow them, and what narrows them."""
    seen: FromClause = tasks_then(live_only=True) if is_past else tasks
    which = [among(seen.c.agency_id, "agencies"), is_live(seen)]
    if not is_narrowed:
        return seen, seen, which
    whole = seen.join(instances, instances.c.id == seen.c.instance_id)
    return seen, whole, [*which, among(instances.c.definition_key, "definitions")]


def _paused(is_past: bool, is_narrowed: bool) -> Select[Any]:
    seen, whole, which = _steps(is_past, is_narrowed)
    stop = seen.c.pause if is_past else seen.c.pauses[-1]
    paused = stop.is_not(None) if is_past else seen.c.paused_event_id.is_not(None)
    since, by, event = cast(_words(stop, "since"), Instant), _words(stop, "by"), _words(stop, "event")
    mine = {"instance_id": seen.c.instance_id, "task_id": seen.c.id}
    return _row(Kind.PAUSED, whole, since, **mine, by=by, event=event).where(*which, paused)


def _material(is_past: bool, is_narrowed: bool) -> Select[Any]:
    seen, whole, which = _steps(is_past, is_narrowed)
    handed = entries(seen.c.deliveries)
    by_then = cast(_words(handed.c.entry, "at"), Instant) <= AT
    delivered = select(func.count()).select_from(handed).where(by_then).scalar_subquery()
    collects = seen.c.awaits != literal_column("'{}'::text[]")
    mine = {"instance_id": seen.c.instance_id, "task_id": seen.c.id}
    waits = _row(Kind.MATERIAL, whole, seen.c.opened_at, **mine)
    return waits.where(*which, collects, func.cardinality(seen.c.awaits) > delivered)


def _left_office(is_past: bool, is_narrowed: bool) -> Select[Any]:
    """Claimed by somebody who holds no office that may do it; since they left it, or since they claimed it."""
    seen, _, which = _steps(is_past, True)
    if not is_narrowed:
        which = which[:-1]
    whole = seen.join(instances, instances.c.id == seen.c.instance_id)
    office = and_(
        role_bindings.c.agency_id == seen.c.agency_id,
        role_bindings.c.role == any_(seen.c.candidate_roles),
        or_(role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == instances.c.definition_key),
        positions.c.id == role_bindings.c.position_id,
        holders.c.position_id == positions.c.id,
        holders.c.official_id == seen.c.assignee_id,
    )
    in_unit = exists().where(units.c.id == positions.c.unit_id, units.c.key == seen.c.unit).correlate(positions, seen)
    fits = and_(office, or_(seen.c.unit.is_(None), in_unit))
    holds = and_(holders.c.valid_from <= AT, or_(holders.c.valid_until.is_(None), holders.c.valid_until > AT))
    left = select(func.max(holders.c.valid_until)).where(fits, holders.c.valid_until <= AT).correlate(seen, instances)
    since = func.coalesce(func.greatest(left.scalar_subquery(), seen.c.held_since), seen.c.held_since)
    claimed = seen.c.status == literal_column(f"'{TaskStatus.CLAIMED}'", Text)
    nobody = not_(exists().where(fits, holds).correlate(seen, instances))
    mine = {"instance_id": seen.c.instance_id, "task_id": seen.c.id, "by": seen.c.assignee_id}
    return _row(Kind.HOLDER, whole, since, **mine).where(*which, claimed, nobody)


def _suspended(is_past: bool, is_narrowed: bool) -> Select[Any]:
    seen: FromClause = instances_then() if is_past else instances
    stop = seen.c.suspension if is_past else seen.c.suspensions[-1]
    since = cast(_words(stop, "since"), Instant)
    which: list[ColumnElement[bool]] = [stop.is_not(None) if is_past else seen.c.suspended_at.is_not(None)]
    if is_narrowed:
        which.append(among(seen.c.definition_key, "definitions"))
    by, event = _words(stop, "by"), _words(stop, "event")
    found = _row(
        Kind.SUSPENDED,
        seen,
        since if is_past else func.coalesce(since, seen.c.suspended_at),
        instance_id=seen.c.id,
        by=by,
        event=event,
    )
    return found.where(among(seen.c.agency_id, "agencies"), *which)


def _parties(is_past: bool, is_narrowed: bool) -> Select[Any]:
    narrowed = [among(instances.c.definition_key, "definitions")] if is_narrowed else []
    which = [among(instances.c.agency_id, "agencies"), *narrowed]
    return _parties_then(which) if is_past else _parties_now(which)


def _parties_now(which: list[ColumnElement[bool]]) -> Select[Any]:
    asked = entries(instances.c.state["asked"])
    entry = asked.c.entry
    asking: ColumnElement[bool] = literal_column("(instances.state -> 'asked') <> '[]'::jsonb")  # as its index has it
    since = cast(_words(entry, "since"), Instant)
    named = {name: _words(entry, name) for name in ("scope", "node", "party")}
    found = _row(Kind.PARTY, instances.join(asked, true()), since, instance_id=instances.c.id, **named)
    return found.where(*which, instances.c.ended_at.is_(None), asking)


def _parties_then(which: list[ColumnElement[bool]]) -> Select[Any]:
    """Asked by then and not answered by then, in instances that were not over; whether the branch was left since,
    only the whole trail tells.
    """
    later = audit_events.alias("later")
    record, answer = cast(audit_events.c.canonical, JSONB), cast(later.c.canonical, JSONB)
    answered = exists().where(
        later.c.instance_id == audit_events.c.instance_id,
        later.c.seq > audit_events.c.seq,
        later.c.type == literal_column(f"'{PartyAnswered.type}'"),
        later.c.at <= AT,
        _words(answer, "scope") == _words(record, "scope"),
    )
    asked = audit_events.join(instances, instances.c.id == audit_events.c.instance_id)
    data = record["data"]
    named = {"scope": _words(record, "scope"), "node": _words(data, "node"), "party": _words(data, "party")}
    found = _row(Kind.PARTY, asked, audit_events.c.at, instance_id=instances.c.id, **named)
    return found.where(
        *which,
        audit_events.c.type == literal_column(f"'{PartyAsked.type}'"),
        audit_events.c.at <= AT,
        or_(instances.c.ended_at.is_(None), instances.c.ended_at > AT),
        not_(answered),
    )


_KINDS: dict[Kind, Callable[[bool, bool], Select[Any]]] = {
    Kind.PAUSED: _paused,
    Kind.SUSPENDED: _suspended,
    Kind.PARTY: _parties,
    Kind.MATERIAL: _material,
    Kind.HOLDER: _left_office,
}
