"""Reads instances. What belongs to other agencies is not there."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, exists, false, or_, select

from app.database import Database
from app.definitions.catalog import Catalog
from app.errors import NotFound
from app.identity.callers import Caller
from app.instances.journal import surroundings
from app.instances.schemas import InstanceView
from app.instances.statements import INSTANCE, around_instance
from app.paging import Listing, Page, chosen, paged, split
from app.tables import agencies, instances, tasks
from engine.state import InstanceState, InstanceStatus, TaskStatus

LIVE = (TaskStatus.OPEN, TaskStatus.CLAIMED)


class Instances(Listing):
    """What to list of the instances. Every text but `q` takes a comma list."""

    definition: str | None = Field(default=None, description="Keys of SOPs.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies.")
    period: str | None = None
    status: str | None = Field(default=None, description="running, suspended, completed, cancelled")
    overdue: bool | None = None
    deadline_passed: bool | None = None
    candidate_role: str | None = Field(default=None, description="Instances that wait on one of these roles.")
    order: Literal["newest", "oldest"] = "newest"
    q: str | None = Field(default=None, max_length=200, description="Words of title, reference or letter number.")


async def one(database: Database, catalog: Catalog, caller: Caller, instance: UUID, now: Any) -> InstanceView:
    """One instance. Raises NotFound."""
    mine = _visible(caller).where(instances.c.id == instance)
    async with database.reading() as connection:
        row = (await connection.execute(mine, {"now": now})).mappings().one_or_none()
    if row is None:
        raise NotFound
    return await _view(row, catalog)


async def listed(
    database: Database, catalog: Catalog, caller: Caller, listing: Instances, now: Any
) -> Page[InstanceView]:
    """The instances of the caller's agencies that fit, newest first unless asked otherwise."""
    found = _filtered(_visible(caller), caller, listing)
    newest = listing.order == "newest"
    if (after := listing.after(UUID)) is not None:
        found = found.where(instances.c.id < after if newest else instances.c.id > after)
    found = found.order_by(instances.c.id.desc() if newest else instances.c.id).limit(listing.limit + 1)
    async with database.reading() as connection:
        rows = (await connection.execute(found, {"now": now})).mappings().all()
    return paged(listing, [await _view(row, catalog) for row in rows], lambda view: str(view.id))


def _visible(caller: Caller) -> Select[Any]:
    return (
        select(*INSTANCE, *around_instance())
        .join_from(instances, agencies, agencies.c.id == instances.c.agency_id)
        .where(instances.c.agency_id.in_(caller.agencies.values()))
    )


def _filtered(found: Select[Any], caller: Caller, listing: Instances) -> Select[Any]:
    table = instances.c
    for column, named in (
        (table.definition_key, listing.definition),
        (table.period, listing.period),
    ):
        if (wanted := split(named)) is not None:
            found = found.where(column.in_(wanted))
    if (statuses := chosen("status", listing.status, InstanceStatus)) is not None:
        found = found.where(table.status.in_(statuses))
    if (agencies_named := split(listing.agency)) is not None:
        found = found.where(table.agency_id.in_([one for name in agencies_named if (one := caller.agency(name))]))
    if (roles := split(listing.candidate_role)) is not None:
        waits = exists().where(
            tasks.c.instance_id == table.id, tasks.c.status.in_(LIVE), tasks.c.candidate_roles.overlap(roles)
        )
        found = found.where(waits)
    if listing.overdue or listing.deadline_passed:
        found = found.where(false())  # no due dates are laid yet, so nothing is late
    if listing.q:
        found = found.where(
            or_(
                *(
                    column.icontains(listing.q, autoescape=True)
                    for column in (table.title, table.reference_id, table.letter_number)
                )
            )
        )
    return found


async def _view(row: Any, catalog: Catalog) -> InstanceView:
    state = InstanceState.model_validate_json(row["state"])
    return InstanceView.of(state, await surroundings(row, catalog))
