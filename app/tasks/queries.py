"""Reads tasks: one, the inbox of an official, or whatever the filters name."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, and_, exists, false, or_, select

from app.database import Database
from app.definitions.catalog import Catalog
from app.errors import NotFound, RequestInvalid
from app.identity.callers import Caller
from app.instances.journal import surroundings
from app.instances.queries import LIVE
from app.instances.statements import INSTANCE, around_instance
from app.paging import Listing, Page, chosen, paged, split
from app.tables import agencies, audit_events, holders, instances, positions, role_bindings, tasks, units
from app.tasks.schemas import TaskView
from engine.errors import Mistake
from engine.state import InstanceState, Returned, TaskState, TaskStatus


class Tasks(Listing):
    """What to list of the tasks. Every text but `for` and `q` takes a comma list."""

    for_: str | None = Field(default=None, alias="for", description="`me` or an official's id: what they may do now.")
    status: str | None = Field(default=None, description="open, claimed, completed, withdrawn, cancelled")
    done_by: str | None = Field(default=None, description="Ids of officials who did the task.")
    definition: str | None = None
    period: str | None = None
    candidate_role: str | None = None
    assignee: str | None = Field(default=None, description="Ids of officials who claimed the task.")
    agency: str | None = None
    unit: str | None = None
    overdue: bool | None = None
    due_before: datetime | None = None
    instance: str | None = Field(default=None, description="Ids of instances.")
    q: str | None = Field(default=None, max_length=200, description="Words of title, reference or letter number.")


async def one(database: Database, catalog: Catalog, caller: Caller, task: UUID, now: datetime) -> TaskView:
    """One task. Raises NotFound."""
    mine = _visible(caller).where(tasks.c.id == task)
    async with database.reading() as connection:
        row = (await connection.execute(mine, {"now": now})).mappings().one_or_none()
    if row is None:
        raise NotFound
    return await _view(row, catalog)


async def listed(database: Database, catalog: Catalog, caller: Caller, listing: Tasks, now: datetime) -> Page[TaskView]:
    """The tasks of the caller's agencies that fit, in the order they were opened."""
    found = _filtered(_visible(caller), caller, listing, now)
    if (after := listing.after(UUID)) is not None:
        found = found.where(tasks.c.id > after)
    found = found.order_by(tasks.c.id).limit(listing.limit + 1)
    async with database.reading() as connection:
        rows = (await connection.execute(found, {"now": now})).mappings().all()
    return paged(listing, [await _view(row, catalog) for row in rows], lambda view: str(view.id))


def _visible(caller: Caller) -> Select[Any]:
    returning = audit_events.alias("returning")
    columns = [column.label(f"task_{column.name}") for column in tasks.c]
    return (
        select(*columns, returning.c.canonical.label("returned_as"), *INSTANCE, *around_instance())
        .select_from(tasks)
        .join(instances, instances.c.id == tasks.c.instance_id)
        .join(agencies, agencies.c.id == instances.c.agency_id)
        .outerjoin(returning, returning.c.id == tasks.c.returned_event_id)
        .where(tasks.c.agency_id.in_(caller.agencies.values()))
    )


def _filtered(found: Select[Any], caller: Caller, listing: Tasks, now: datetime) -> Select[Any]:
    table = tasks.c
    for column, named in (
        (table.unit, listing.unit),
        (instances.c.definition_key, listing.definition),
        (instances.c.period, listing.period),
    ):
        if (wanted := split(named)) is not None:
            found = found.where(column.in_(wanted))
    if (statuses := chosen("status", listing.status, TaskStatus)) is not None:
        found = found.where(table.status.in_(statuses))
    for column, name in (
        (table.performed_by, "done_by"),
        (table.assignee_id, "assignee"),
        (table.instance_id, "instance"),
    ):
        if (ids := _ids(listing, name)) is not None:
            found = found.where(column.in_(ids))
    if (agencies_named := split(listing.agency)) is not None:
        found = found.where(table.agency_id.in_([one for name in agencies_named if (one := caller.agency(name))]))
    if (roles := split(listing.candidate_role)) is not None:
        found = found.where(table.candidate_roles.overlap(roles))
    if (official := _official(listing, caller)) is not None:
        found = found.where(_may_do(official, now))
    if listing.overdue or listing.due_before:
        found = found.where(false())  # no due dates are laid yet, so nothing is late
    if listing.q:
        texts = (instances.c.title, instances.c.reference_id, instances.c.letter_number)
        found = found.where(or_(*(text.icontains(listing.q, autoescape=True) for text in texts)))
    return found


def _may_do(official: UUID, now: datetime) -> Any:
    """What waits on an official: claimed by them, or open to a role they hold, in the task's unit if it has one."""
    in_unit = (
        exists()
        .where(positions.c.id == role_bindings.c.position_id)
        .where(units.c.id == positions.c.unit_id, units.c.key == tasks.c.unit)
        .correlate(role_bindings, tasks)
    )
    holds = exists().where(
        role_bindings.c.agency_id == tasks.c.agency_id,
        or_(role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == instances.c.definition_key),
        role_bindings.c.role == tasks.c.candidate_roles.any_(),
        holders.c.position_id == role_bindings.c.position_id,
        holders.c.official_id == official,
        or_(tasks.c.unit.is_(None), in_unit),
        holders.c.valid_from <= now,
        or_(holders.c.valid_until.is_(None), holders.c.valid_until > now),
    )
    return and_(
        tasks.c.status.in_(LIVE),
        or_(tasks.c.assignee_id == official, and_(tasks.c.assignee_id.is_(None), holds)),
    )


def _official(listing: Tasks, caller: Caller) -> UUID | None:
    if listing.for_ is None:
        return None
    if listing.for_ != "me":
        return _uuid("for", listing.for_)
    if caller.official is None:
        raise RequestInvalid(_ME_MISTAKE)
    return caller.official


def _ids(listing: Tasks, name: str) -> list[UUID] | None:
    named = split(getattr(listing, name))
    return None if named is None else [_uuid(name, one) for one in named]


def _uuid(at: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as wrong:
        mistake = Mistake(
            at=at,
            message_id=f"“{text}” bukan id yang sah.",
            message_en=f"“{text}” is not an id.",
            expected="01a3f0c2-5b7e-7c11-9d55-3d2f6a8e4b10",
        )
        raise RequestInvalid(mistake) from wrong


_ME_MISTAKE = Mistake(
    at="for",
    message_id="Untuk for=me, sebutkan pejabatnya pada header Alur-On-Behalf-Of.",
    message_en="With for=me, name the official in the header Alur-On-Behalf-Of.",
)


async def _view(row: Any, catalog: Catalog) -> TaskView:
    state = InstanceState.model_validate_json(row["state"])
    return TaskView.of(_task(row), state, await surroundings(row, catalog))


def _task(row: Any) -> TaskState:
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
        returned=_returned(row),
        closed_at=row["task_closed_at"],
        outcome=row["task_outcome"],
        performed_by=row["task_performed_by"],
        performed_at=row["task_performed_at"],
        awaits=row["task_awaits"],
        deliveries=row["task_deliveries"],
    )


def _returned(row: Any) -> Returned | None:
    if row["returned_as"] is None:
        return None
    event = json.loads(row["returned_as"])
    return Returned(by=event.get("actor"), at=event["at"], activity=event["activity"], event=event["id"])
