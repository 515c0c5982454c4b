"""What is late now, and what an instance and its tasks were at an earlier moment, by what they remember of themselves.

A task knows who held it and which due date counted since when, and from when to when its clock stood still. Work done
on paper counts from when it was done, and what an undo took back never was. How far an instance had come, and whom it
waited for, its trail tells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database import Database
from app.reading import Reading
from app.tables import agencies, audit_events, calendar_versions, instances, tasks
from app.tables.metadata import Instant
from engine.compiler import CompiledProcess
from engine.events import (
    DeadlineAtRisk,
    DeadlinePassed,
    InstanceCommented,
    StepDueChanged,
    StepOpened,
    StepUndone,
    from_record,
)
from engine.evolve import replay
from engine.state import DueDate, Holding, InstanceState, InstanceStatus, Notice, Pause, TaskState, TaskStatus

AT = select(bindparam("now", type_=Instant)).scalar_subquery()
"""The moment a statement is asked about. The planner does not look at it: one plan serves every moment."""


SCHEDULE_THEN = (
    func.coalesce(
        select(calendar_versions.c.calendar_hash)
        .where(calendar_versions.c.agency_id == agencies.c.id, calendar_versions.c.created_at <= AT)
        .order_by(calendar_versions.c.version.desc())
        .limit(1)
        .correlate(agencies)
        .scalar_subquery(),
        agencies.c.calendar_hash,
    ).label("agency_calendar"),
    agencies.c.due_soon_percent,
    agencies.c.escalate_after_days,
)
"""What `statements.SCHEDULE` reads, with the calendar by which an agency worked at `:now`."""


def _word(status: StrEnum) -> ColumnElement[str]:
    """Written out, so that partial indexes are found."""
    return literal_column(f"'{status}'", Text)


LIVE = tuple(_word(status) for status in TaskStatus if status.is_live)
"""The states of tasks that wait on somebody."""


def is_live(seen: FromClause) -> ColumnElement[bool]:
    """Whether a task waits on somebody; `seen` are the tasks as they are (`tasks`) or were (`tasks_then`)."""
    return seen.c.closed_at.is_(None) if seen is tasks else seen.c.live


def is_late(seen: FromClause) -> ColumnElement[bool]:
    """Whether a task waits past its due date, or was past it when its clock was stopped."""
    return and_(is_live(seen), seen.c.due_at < AT, or_(seen.c.stopped_at.is_(None), seen.c.stopped_at > seen.c.due_at))


def tasks_then(*, live_only: bool) -> Subquery:
    """The tasks that had been opened by `:now`, with what may have changed since as it was then."""
    table, done = tasks.c, func.coalesce(tasks.c.performed_at, tasks.c.closed_at)
    was_live = or_(table.closed_at.is_(None), done > AT)
    assignee = case((was_live, _assignee_then()), else_=table.assignee_id)
    held = case((assignee.is_not(None), _word(TaskStatus.CLAIMED)), else_=LIVE[0])
    own, whole = _stop_then(table.pauses), _stop_then(instances.c.suspensions)
    # closed later than that, by an index; and then by when it was really done
    narrowed = and_(or_(table.closed_at.is_(None), table.closed_at > AT), was_live) if live_only else true()
    return (
        select(
            table.id,
            table.instance_id,
            table.agency_id,
            table.activity,
            table.unit,
            table.round,
            table.candidate_roles,
            table.closed_at,
            table.performed_by,
            table.awaits,
            table.deliveries,
            table.opened_at,
            was_live.label("live"),
            case((was_live, held), else_=table.status).label("status"),
            assignee.label("assignee_id"),
            case((table.held_since > AT, _latest(table.held, "since", Instant)), else_=table.held_since).label(
                "held_since"
            ),
            _due_then().label("due_at"),
            case((was_live, func.least(_since(own), _since(whole)))).label("stopped_at"),
            case((was_live, own)).label("pause"),
        )
        .join_from(tasks, instances, instances.c.id == table.instance_id)
        .where(table.opened_at <= AT, not_(_opened_by_mistake()), narrowed)
        .subquery("then")
    )


def instances_then() -> Subquery:
    """The instances that had begun by `:now`, with what may have changed since as it was then."""
    table = instances.c
    over = and_(table.ended_at.is_not(None), table.ended_at <= AT)
    stop = case((not_(over), _stop_then(table.suspensions)))
    running = case((stop.is_not(None), _word(InstanceStatus.SUSPENDED)), else_=_word(InstanceStatus.RUNNING))
    return (
        select(
            table.id,
            table.agency_id,
            table.definition_key,
            table.period,
            table.title,
            table.reference_id,
            table.letter_number,
            case((over, table.status), else_=running).label("status"),
            case((over, table.ended_at)).label("ended_at"),
            _counted_then(table.deadline, table.deadlines).label("deadline"),
            stop.label("suspension"),
        )
        .where(table.started_at <= AT)
        .subquery("then_instance")
    )


def was_soon(then: FromClause) -> ColumnElement[bool]:
    """Whether so much of a time limit was used up by `:now` that people were to be reminded; the trail tells."""
    record, laid = cast(audit_events.c.canonical, JSONB), (StepOpened.type, StepDueChanged.type)
    latest = (
        select(record["data"].label("data"))
        .where(
            audit_events.c.instance_id == then.c.instance_id,
            audit_events.c.type.in_([literal_column(f"'{kind}'") for kind in laid]),
            audit_events.c.at <= AT,
            record["task_id"].astext == cast(then.c.id, Text),
        )
        .correlate(then)
        .order_by(audit_events.c.seq.desc())
        .limit(1)
        .subquery("latest")
    )
    told, notice_at = latest.c.data["told"].astext, latest.c.data["notice_at"].astext
    reminded = or_(cast(told, Integer) >= int(Notice.DUE_SOON), cast(notice_at, Instant) <= AT)
    return select(reminded).select_from(latest).scalar_subquery()


def _opened_by_mistake() -> ColumnElement[bool]:
    """Withdrawn by the undo of what had opened it: both happened at one moment."""
    undone = exists().where(
        audit_events.c.instance_id == tasks.c.instance_id,
        audit_events.c.type == literal_column(f"'{StepUndone.type}'"),
        audit_events.c.at == tasks.c.closed_at,
    )
    return and_(tasks.c.status == _word(TaskStatus.WITHDRAWN), undone)


def _due_then() -> ColumnElement[Any]:
    """Most tasks only ever had one due date, from the beginning."""
    return _counted_then(tasks.c.due_at, tasks.c.due_dates)


def _counted_then(latest: ColumnElement[Any], all_of_them: ColumnElement[Any]) -> ColumnElement[Any]:
    since = cast(all_of_them[-1]["since"].astext, Instant)
    return case((since > AT, _latest(all_of_them, "at", Instant)), else_=latest)


def _assignee_then() -> ColumnElement[Any]:
    latest = _latest(tasks.c.held, "by", Uuid)
    return case((tasks.c.held_since > AT, latest), else_=tasks.c.assignee_id)


def _stop_then(stops: ColumnElement[Any]) -> ColumnElement[Any]:
    """The stop of a clock in which `:now` lies, of a list of stops that mostly is empty."""
    entry = func.jsonb_array_elements(stops).table_valued(column("entry", JSONB)).render_derived().c.entry
    since, until = (cast(entry[name].astext, Instant) for name in ("since", "until"))
    found = select(entry).where(since <= AT, or_(until.is_(None), until > AT)).limit(1).scalar_subquery()
    return case((func.jsonb_array_length(stops) > 0, found))


def _since(entry: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(entry.op("->>")("since"), Instant)


def _latest(entries: ColumnElement[Any], name: str, kind: Any) -> ScalarSelect[Any]:
    """What the latest entry of a list said by `:now`, each with the moment `since` which it counts."""
    one = (
        func.jsonb_array_elements(entries)
        .table_valued(column("entry", JSONB), with_ordinality="place")
        .render_derived()
    )
    entry = one.c.entry
    return (
        select(cast(entry[name].astext, kind))
        .select_from(one)
        .where(cast(entry["since"].astext, Instant) <= AT)
        .order_by(one.c.place.desc())
        .limit(1)
        .scalar_subquery()
    )


def task_then(task: TaskState, at: datetime) -> TaskState:
    """A task that had been opened by then, as it was then."""
    ended = task.performed_at or task.closed_at
    was_live = ended is None or ended > at
    known = {
        "due_dates": _by(task.due_dates, at),
        "held": _by(task.held, at),
        "pauses": _stops(task.pauses, at),
        "deliveries": tuple(one for one in task.deliveries if one.at <= at),
    }
    if not was_live:
        return task.model_copy(update=known)
    open_again = {"closed_at": None, "outcome": None, "performed_by": None, "performed_at": None}
    return task.model_copy(update=known | open_again | _held_then(task, at))


def _held_then(task: TaskState, at: datetime) -> dict[str, Any]:
    assignee, since = task.assignee, task.held_since
    if since > at:
        held = _by(task.held, at)
        assignee, since = (held[-1].by, held[-1].since) if held else (None, task.opened_at)
    status = TaskStatus.CLAIMED if assignee else TaskStatus.OPEN
    return {"status": status, "assignee": assignee, "held_since": since}


def state_then(state: InstanceState, at: datetime) -> InstanceState:
    """An instance that had begun by then: whether it ran and since when not, and the deadline that counted."""
    over = state.ended_at is not None and state.ended_at <= at
    stops = _stops(state.suspensions, at)
    stopped = stops[-1].since if stops and stops[-1].until is None and not over else None
    running = InstanceStatus.SUSPENDED if stopped else InstanceStatus.RUNNING
    return state.model_copy(
        update={
            "status": state.status if over else running,
            "ended_at": state.ended_at if over else None,
            "suspended_at": stopped,
            "suspensions": stops,
            "deadlines": _by(state.deadlines, at),
        }
    )


Entry = TypeVar("Entry", DueDate, Holding)


def _by(entries: tuple[Entry, ...], at: datetime) -> tuple[Entry, ...]:
    """What counted by then."""
    return tuple(one for one in entries if one.since <= at)


def _stops(stops: tuple[Pause, ...], at: datetime) -> tuple[Pause, ...]:
    """The stops that had begun by then; one that ended later had not ended."""
    begun = (one for one in stops if one.since <= at)
    return tuple(one if one.until is None or one.until <= at else _unended(one) for one in begun)


def _unended(stop: Pause) -> Pause:
    return stop.model_copy(update={"until": None})


async def told_by_trail(
    database: Database, found: Mapping[UUID, tuple[CompiledProcess, InstanceState]], at: datetime
) -> dict[UUID, InstanceState]:
    """The states of instances as far as their trails went by then; as they are where nothing happened since."""
    changed = [instance for instance, (_, state) in found.items() if state.latest_at > at]
    states = {instance: state for instance, (_, state) in found.items()}
    if changed:
        rows = await _TRAILS.rows(database, instances=changed, now=at)
        for instance, told in groupby(rows, key=itemgetter("instance_id")):
            events = [from_record(json.loads(row["canonical"])) for row in told]
            states[instance] = replay(found[instance][0], events).state
    return states


def _trails() -> Select[Any]:
    """What moved the instances by `:now`; remarks and announcements move nothing."""
    silent = (InstanceCommented, DeadlineAtRisk, DeadlinePassed)
    return (
        select(audit_events.c.instance_id, audit_events.c.canonical)
        .where(
            audit_events.c.instance_id == any_(bindparam("instances", type_=ARRAY(Uuid))),
            audit_events.c.at <= AT,
            audit_events.c.type.not_in([literal_column(f"'{kind.type}'") for kind in silent]),
        )
        .order_by(audit_events.c.instance_id, audit_events.c.seq)
    )


_TRAILS = Reading(_trails)
