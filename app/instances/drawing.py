"""Draws a page of tasks or instances: whatever many of them share (rosters, names, states) is read and made once.

A page is picked first, by ids alone and by index; only what was picked is joined and drawn.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import (
    CTE,
    ColumnElement,
    Label,
    Select,
    TableValuedAlias,
    Text,
    Uuid,
    any_,
    case,
    cast,
    column,
    distinct,
    func,
    null,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.identity.roster import Roster, seats_of
from app.instances.journal import Journal
from app.instances.past import SCHEDULE_THEN
from app.instances.statements import SCHEDULE
from app.instances.surroundings import Surroundings
from app.tables import agencies, audit_events, audit_personal, instances, officials, role_bindings, tasks
from engine.state import Delivery, DueDate, Holding, InstanceState, Pause, Returned, TaskState, TaskStatus

_OF_INSTANCE = (
    instances.c.id.label("instance_id"),
    instances.c.agency_id,
    instances.c.definition_id,
    instances.c.definition_key,
    instances.c.period,
    instances.c.title,
    instances.c.reference_system,
    instances.c.reference_id,
    instances.c.letter_number,
    instances.c.letter_date,
    agencies.c.key.label("agency"),
    agencies.c.timezone,
)


def of_instance(*, is_past: bool) -> tuple[ColumnElement[Any], ...]:
    """What is read of an instance, but for its state and data."""
    return (*_OF_INSTANCE, *(SCHEDULE_THEN if is_past else SCHEDULE))


returning = audit_events.alias("returning")
"""The event that sent a task back."""

OF_TASK = (*(one.label(f"task_{one.name}") for one in tasks.c), returning.c.canonical.label("returned_as"))
"""What is read of a task."""


def state_without(*parts: str) -> Label[Any]:
    """The state of an instance but for some of its parts, in one of the rows of a page that concern it."""
    first = func.row_number().over(partition_by=instances.c.id) == 1
    return case((first, instances.c.state.op("-")(cast(list(parts), ARRAY(Text))))).label("state")


def entries(list_: ColumnElement[Any]) -> TableValuedAlias:
    """What stands in a JSON list, an `entry` a row."""
    return func.jsonb_array_elements(list_).table_valued(column("entry", JSONB)).render_derived()


def ids_in(rows: CTE, list_: ColumnElement[Any], name: str) -> Select[Any]:
    """The ids of that name in the entries of a JSON list of some rows."""
    found = entries(list_)
    return select(cast(found.c.entry[name].astext, Uuid)).select_from(rows.join(found, true()))


def told(
    page: CTE, *, roles: ColumnElement[Any] | None, people: Sequence[Select[Any]], events: Sequence[Select[Any]] = ()
) -> Select[Any]:
    """The rows of a page, JSON as text; in one of them all that they share: rosters, names, reasons of events.

    Of the rosters those seats that play the `roles` of the rows, if they are named; `people` and `events` select the
    ids of those whose names and reasons are told.
    """
    first = func.row_number().over() == 1
    own = [cast(one, Text).label(one.name) if isinstance(one.type, JSONB) else one for one in page.c]
    shared = zip(_SHARED, (_rosters(page, roles), _people(people), _reasons(events)), strict=True)
    return select(*own, *(case((first, cast(one, Text))).label(name) for name, one in shared))


_SHARED = ("rosters", "people", "reasons")


def _rosters(page: CTE, roles: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """The seats of each agency and SOP on the page."""
    pairs = select(page.c.agency_id, page.c.definition_key)
    if roles is None:
        pair = pairs.distinct().subquery("pair")
        seats = seats_of(pair.c.agency_id, pair.c.definition_key)
    else:
        role = func.unnest(roles).table_valued(column("role", Text)).render_derived("played")
        played = func.array_agg(distinct(role.c.role), type_=ARRAY(Text)).label("roles")
        grouped = pairs.add_columns(played).join(role, true()).group_by(page.c.agency_id, page.c.definition_key)
        pair = grouped.subquery("pair")
        seats = seats_of(pair.c.agency_id, pair.c.definition_key).where(role_bindings.c.role == any_(pair.c.roles))
    of_pair = func.jsonb_build_array(pair.c.agency_id, pair.c.definition_key, seats)
    return select(func.jsonb_agg(of_pair)).select_from(pair).scalar_subquery()


def _people(ids: Sequence[Select[Any]]) -> ColumnElement[Any]:
    named = select(func.jsonb_object_agg(officials.c.id, officials.c.name))
    return named.where(officials.c.id == _among(ids)).scalar_subquery()


def _reasons(ids: Sequence[Select[Any]]) -> ColumnElement[Any]:
    """The personal words of events: why work came back, or a clock was stopped."""
    if not ids:
        return null()
    why = cast(audit_personal.c.words, JSONB)["reason"].astext
    given = select(func.jsonb_object_agg(audit_personal.c.event_id, why))
    return given.where(audit_personal.c.event_id == _among(ids)).scalar_subquery()


def _among(ids: Sequence[Select[Any]]) -> ColumnElement[Any]:
    """Any of a few ids: found by an index, where a join would read the whole table."""
    few = union(*ids).subquery()
    return any_(func.array(select(few.c[0]).scalar_subquery(), type_=ARRAY(Uuid)))


class Row(Protocol):
    """One row, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


class Drawing:
    """One page as it is drawn, for the moment `now`."""

    def __init__(self, journal: Journal, rows: Sequence[Row], now: datetime) -> None:
        self._journal, self._now = journal, now
        rosters, people, reasons = (next((row[name] for row in rows if row[name]), None) for name in _SHARED)
        self._rosters = {
            (UUID(agency), definition): Roster.of(seats) for agency, definition, seats in json.loads(rosters or "[]")
        }
        self._people, self._reasons = _by_id(people), _by_id(reasons)
        self._states = {
            row["instance_id"]: InstanceState.model_validate_json(row["state"]) for row in rows if row["state"]
        }

    def state(self, row: Row) -> InstanceState:
        """The state of the instance a row concerns."""
        return self._states[row["instance_id"]]

    async def around(self, row: Row, data: dict[str, Any] | None = None) -> Surroundings:
        """What stands around the instance a row concerns."""
        return Surroundings(
            id=row["instance_id"],
            process=await self._journal.catalog.process(row["definition_id"]),
            agency=row["agency"],
            timezone=row["timezone"],
            schedule=await self._journal.calendars.schedule(row),
            now=self._now,
            period=row["period"],
            title=row["title"],
            reference_system=row["reference_system"],
            reference_id=row["reference_id"],
            letter_number=row["letter_number"],
            letter_date=row["letter_date"],
            data=data or {},
            roster=self._rosters[row["agency_id"], row["definition_key"]],
            people=self._people,
            reasons=self._reasons,
        )

    async def around_task(self, row: Row, task: TaskState) -> Surroundings:
        """The same for a task; one that is over stays as late as it was by the calendar it was due by."""
        around = await self.around(row)
        due_by = task.due_dates[-1].calendar if task.due_dates else None
        if task.status.is_live or due_by is None or due_by == around.schedule.id:
            return around
        calendar = await self._journal.calendars.calendar(due_by)
        return replace(around, schedule=replace(around.schedule, calendar=calendar, id=due_by))


def _by_id(text: str | None) -> dict[UUID, str]:
    """A JSON object of words by id."""
    return {UUID(one): words for one, words in json.loads(text).items() if words} if text else {}


def task_of(row: Row) -> TaskState:
    """The task in a row that selected `OF_TASK`."""
    return TaskState(
        id=row["task_id"],
        activity=row["task_activity"],
        scope=row["task_scope"],
        unit=row["task_unit"],
        round=row["task_round"],
        status=TaskStatus(row["task_status"]),
        opened_at=row["task_opened_at"],
        held_since=row["task_held_since"],
        assignee=row["task_assignee_id"],
        returned=_returned(row["returned_as"]),
        closed_at=row["task_closed_at"],
        outcome=row["task_outcome"],
        performed_by=row["task_performed_by"],
        performed_at=row["task_performed_at"],
        awaits=row["task_awaits"],
        deliveries=_DELIVERIES.validate_json(row["task_deliveries"]),
        due_dates=_due_dates(row),
        pauses=_PAUSES.validate_json(row["task_pauses"]),
        held=_HELD.validate_json(row["task_held"]),
        told=row["task_told"],
        notice_at=row["task_notice_at"],
    )


_DUE_DATES = TypeAdapter(tuple[DueDate, ...])
_PAUSES = TypeAdapter(tuple[Pause, ...])
_HELD = TypeAdapter(tuple[Holding, ...])
_DELIVERIES = TypeAdapter(tuple[Delivery, ...])


def _due_dates(row: Row) -> tuple[DueDate, ...]:
    """All it ever had; the column, by which tasks are picked, has the last word."""
    due_dates = _DUE_DATES.validate_json(row["task_due_dates"])
    due_at = row["task_due_at"]
    if due_at is None or (due_dates and due_dates[-1].at == due_at):
        return due_dates
    return (*due_dates, DueDate(at=due_at, since=row["task_opened_at"]))


def _returned(canonical: str | None) -> Returned | None:
    if canonical is None:
        return None
    event = json.loads(canonical)
    return Returned(by=event.get("actor"), at=event["at"], activity=event["activity"], event=event["id"])
