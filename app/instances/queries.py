"""Reads instances, as they are or were. What belongs to other agencies is not there.

A statement is made once for each combination of filters.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.errors import NotFound
from app.identity.callers import Caller
from app.instances.drawing import OF_TASK, Drawing, ids_in, of_instance, returning, state_without, task_of, told
from app.instances.journal import Journal
from app.instances.past import AT, instances_then, is_late, is_live, state_then, task_then, tasks_then, told_by_trail
from app.instances.picking import FEW, among, has_words, pattern, picked
from app.instances.schemas import InstanceDetail, InstanceView
from app.instances.surroundings import Surroundings
from app.moments import Asked, Named, asked_of
from app.paging import LARGEST_PAGE, Listing, Page, chosen, paged, split
from app.reading import Reading
from app.tables import agencies, instances, tasks
from engine.state import InstanceState, InstanceStatus, TaskState


class Instances(Listing):
    """What to list of the instances. Every text but `q` takes a comma list."""

    definition: str | None = Field(default=None, description="Keys of SOPs.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies.")
    period: str | None = None
    status: str | None = Field(default=None, description="running, suspended, completed, cancelled")
    overdue: bool | None = Field(default=None, description="Past their deadline, or with a step that is late.")
    deadline_passed: bool | None = Field(default=None, description="Not ended, or ended too late.")
    candidate_role: str | None = Field(default=None, description="Instances that wait on one of these roles.")
    as_of: Named | None = Field(default=None, description="How things stood then: a moment, or the end of that day.")
    order: Literal["newest", "oldest"] = "newest"
    q: str | None = Field(default=None, max_length=200, description="Words of title, reference or letter number.")


@dataclass(frozen=True, slots=True)
class Seen:
    """An instance as it is or was, with all that stands around it."""

    state: InstanceState
    around: Surroundings

    @property
    def view(self) -> InstanceView:
        return InstanceView.of(self.state, self.around)


async def one(journal: Journal, caller: Caller, instance: UUID, now: datetime) -> InstanceDetail:
    """One instance, with its plan. Raises NotFound."""
    found = await by_ids(journal, Asked(tuple(caller.agencies.values()), now, None, is_past=False), [instance])
    if instance not in found:
        raise NotFound
    seen = found[instance]
    return InstanceDetail.with_plan(seen.state, seen.around)


async def by_ids(journal: Journal, asked: Asked, ids: Sequence[UUID]) -> dict[UUID, Seen]:
    """Some instances of some agencies, as they are or were."""
    shape = _Shape(frozenset({"ids"}), is_past=asked.is_past, is_wide=True)
    found: dict[UUID, Seen] = {}
    for first in range(0, len(ids), LARGEST_PAGE):
        some = list(ids[first : first + LARGEST_PAGE])
        found |= {seen.around.id: seen for seen in await _page(journal, asked, shape, limit=len(some), ids=some)}
    return found


async def listed(journal: Journal, caller: Caller, listing: Instances, now: datetime) -> Page[InstanceView]:
    """The instances of the caller's agencies that fit, newest first unless asked otherwise."""
    wanted, newest, after = _wanted(listing), listing.order == "newest", listing.after(UUID)
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    found: list[InstanceView] = []
    for asked in await asked_of(journal.database, served, now, as_of=listing.as_of):
        shape = _Shape(
            frozenset(wanted),
            newest=newest,
            is_past=asked.is_past,
            is_wide=len(asked.agencies) > FEW,
            is_continued=after is not None,
        )
        seen = await _page(journal, asked, shape, limit=listing.limit + 1, after=after, **wanted)
        found += [one.view for one in seen]
    found.sort(key=lambda view: view.id, reverse=newest)
    return paged(listing, found, lambda view: str(view.id))


def _wanted(listing: Instances) -> dict[str, Any]:
    """The filters that are asked for, with what they are given."""
    given = {
        "definitions": split(listing.definition),
        "periods": split(listing.period),
        "statuses": chosen("status", listing.status, InstanceStatus),
        "roles": split(listing.candidate_role),
        "q": pattern(listing.q),
    }
    plain = {
        "overdue": listing.overdue is True,
        "in_time": listing.overdue is False,
        "passed": listing.deadline_passed is True,
        "not_passed": listing.deadline_passed is False,
    }
    return {name: value for name, value in given.items() if value is not None} | {
        name: True for name, is_wanted in plain.items() if is_wanted
    }


async def _page(journal: Journal, asked: Asked, shape: _Shape, *, limit: int, **given: Any) -> list[Seen]:
    served = list(asked.agencies)
    rows = await _page_of(shape).rows(journal.database, agencies=served, now=asked.at, limit=limit, **given)
    drawing = Drawing(journal, rows, asked.at)
    around = {row["instance_id"]: await drawing.around(row, data=json.loads(row["data"])) for row in rows}
    states = {row["instance_id"]: drawing.state(row) for row in rows}
    if asked.is_past:
        known = {one: (around[one].process, state) for one, state in states.items()}
        trails = await told_by_trail(journal.database, known, asked.at)
        live = await _live_then(journal, list(trails), asked.at)
        states = {
            one: state_then(state, asked.at).model_copy(update={"tasks": tuple(live.get(one, ()))})
            for one, state in trails.items()
        }
    return [Seen(states[one], around[one]) for one in around]


async def _live_then(journal: Journal, ids: list[UUID], at: datetime) -> dict[UUID, list[TaskState]]:
    """The tasks of instances that waited on somebody then, in the order in which they were opened."""
    live: dict[UUID, list[TaskState]] = {}
    for row in await _LIVE_THEN.rows(journal.database, instances=ids, now=at):
        live.setdefault(row["task_instance_id"], []).append(task_then(task_of(row), at))
    return live


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which page is wanted: by which filters, in which order, of how things are or were, of few agencies or many."""

    filters: frozenset[str] = frozenset()
    newest: bool = True
    is_past: bool = False
    is_wide: bool = False
    is_continued: bool = False


@lru_cache(maxsize=512)
def _page_of(shape: _Shape) -> Reading:
    return Reading(lambda: _told(_picked(shape), shape))


def _told(page: CTE, shape: _Shape) -> Select[Any]:
    """Everything that is told of the instances that were picked, in the order in which they were."""
    drawn = (
        select(*of_instance(is_past=shape.is_past), instances.c.data, state_without("undoable", "rounds"))
        .select_from(page)
        .join(instances, instances.c.id == page.c.id)
        .join(agencies, agencies.c.id == instances.c.agency_id)
        .cte("drawn")
    )
    people = [ids_in(drawn, drawn.c.state["tasks"], "assignee")]
    if shape.is_past:
        theirs = select(tasks.c.held).join_from(drawn, tasks, tasks.c.instance_id == drawn.c.instance_id).cte("theirs")
        people.append(ids_in(theirs, theirs.c.held, "by"))
    whole = told(drawn, roles=None, people=people)
    return whole.order_by(drawn.c.instance_id.desc() if shape.newest else drawn.c.instance_id)


def _picked(shape: _Shape) -> CTE:
    seen: FromClause = instances_then() if shape.is_past else instances
    steps: FromClause = tasks_then(live_only=True) if shape.is_past else tasks
    found = select(seen.c.id).where(*(_FILTERS[name](seen, steps) for name in sorted(shape.filters)))
    if shape.is_continued:
        after = bindparam("after", type_=Uuid)
        found = found.where(seen.c.id < after if shape.newest else seen.c.id > after)
    return picked(found, seen.c.agency_id, ["id"], descending=shape.newest, is_wide=shape.is_wide)


def _passed(seen: FromClause) -> ColumnElement[bool]:
    """Ended after its deadline, or not ended although it is past."""
    return func.coalesce(seen.c.ended_at, AT) > seen.c.deadline


def _overdue(seen: FromClause, steps: FromClause) -> ColumnElement[bool]:
    late = exists().where(steps.c.instance_id == seen.c.id, is_late(steps))
    return or_(_passed(seen), late)


def _waits_on(seen: FromClause, steps: FromClause) -> ColumnElement[bool]:
    wanted = bindparam("roles", type_=ARRAY(Text))
    return exists().where(steps.c.instance_id == seen.c.id, is_live(steps), steps.c.candidate_roles.overlap(wanted))


_FILTERS: dict[str, Callable[[FromClause, FromClause], ColumnElement[bool]]] = {
    "ids": lambda seen, steps: among(seen.c.id, "ids"),
    "definitions": lambda seen, steps: among(seen.c.definition_key, "definitions"),
    "periods": lambda seen, steps: among(seen.c.period, "periods"),
    "statuses": lambda seen, steps: among(seen.c.status, "statuses"),
    "roles": _waits_on,
    "overdue": _overdue,
    "in_time": lambda seen, steps: not_(func.coalesce(_overdue(seen, steps), false())),
    "passed": lambda seen, steps: _passed(seen),
    "not_passed": lambda seen, steps: not_(func.coalesce(_passed(seen), false())),
    "q": lambda seen, steps: has_words(seen.c.title, seen.c.reference_id, seen.c.letter_number),
}
"""Every filter by its name, on instances and their tasks; one that takes a value has a parameter of that name."""


def _live_tasks_then() -> Select[Any]:
    then = tasks_then(live_only=True)
    of_task = [cast(one, Text).label(one.name) if isinstance(one.type, JSONB) else one for one in OF_TASK]
    return (
        select(*of_task)
        .select_from(then.join(tasks, tasks.c.id == then.c.id))
        .outerjoin(returning, returning.c.id == tasks.c.returned_event_id)
        .where(then.c.live, among(then.c.instance_id, "instances"))
        .order_by(tasks.c.id)
    )


_LIVE_THEN = Reading(_live_tasks_then)
