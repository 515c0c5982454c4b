"""Picks a page of tasks by ids alone, along an index, and joins to it what is told of them: one statement.

Closed tasks are not looked at where live ones are asked for. A statement is made once for each combination of filters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.instances.drawing import OF_TASK, ids_in, of_instance, returning, state_without, told
from app.instances.past import AT, LIVE, is_late, is_live, tasks_then, was_soon
from app.instances.picking import among, has_words, picked
from app.reading import Reading
from app.tables import agencies, holders, instances, positions, role_bindings, tasks, units
from app.tables.metadata import Instant
from engine.state import Notice


@dataclass(frozen=True, slots=True)
class Shape:
    """Which page is wanted: by which filters, in which order, of how things are or were, of few agencies or many."""

    filters: frozenset[str] = frozenset()
    by_due: bool = False
    is_past: bool = False
    is_wide: bool = False
    is_continued: bool = False


@lru_cache(maxsize=1_024)
def page_of(shape: Shape) -> Reading:
    """The statement that reads a page; its parameters are `agencies`, `now`, `limit` and those of its filters."""
    return Reading(lambda: _told(_picked(shape), shape))


def _told(page: CTE, shape: Shape) -> Select[Any]:
    """Everything that is told of the tasks that were picked, in the order in which they were."""
    place = [one.label(f"place_{one.name}") for one in page.c]
    drawn = (
        select(
            *OF_TASK,
            *of_instance(is_past=shape.is_past),
            state_without("undoable", "tasks", "asked", "rounds", "done", "units"),
            *place,
        )
        .select_from(page)
        .join(tasks, tasks.c.id == page.c.id)
        .join(instances, instances.c.id == tasks.c.instance_id)
        .join(agencies, agencies.c.id == instances.c.agency_id)
        .outerjoin(returning, returning.c.id == tasks.c.returned_event_id)
        .cte("drawn")
    )
    people = [
        select(drawn.c.task_assignee_id),
        select(cast(cast(drawn.c.returned_as, JSONB)["actor"].astext, Uuid)),
        ids_in(drawn, drawn.c.state["materials"], "by"),
        ids_in(drawn, drawn.c.task_pauses, "by"),
    ]
    if shape.is_past:
        people.append(ids_in(drawn, drawn.c.task_held, "by"))
    events = [select(drawn.c.task_returned_event_id), ids_in(drawn, drawn.c.task_pauses, "event")]
    whole = told(drawn, roles=drawn.c.task_candidate_roles, people=people, events=events)
    return whole.order_by(*(drawn.c[one.name] for one in place))


def _picked(shape: Shape) -> CTE:
    seen: FromClause = tasks_then(live_only=bool(shape.filters & LIVE_ONLY)) if shape.is_past else tasks
    order = [seen.c.due_at, seen.c.id] if shape.by_due else [seen.c.id]
    source = seen.join(instances, instances.c.id == seen.c.instance_id) if shape.filters & OF_INSTANCES else seen
    found = select(*order).select_from(source).where(*(FILTERS[name](seen) for name in sorted(shape.filters)))
    if shape.is_continued:
        last = [bindparam("after_due", type_=Instant), bindparam("after_id", type_=Uuid)][-len(order) :]
        found = found.where(tuple_(*order) > tuple_(*last))
    return picked(found, seen.c.agency_id, [one.name for one in order], is_wide=shape.is_wide)


def _is_open_or_claimed(seen: FromClause) -> ColumnElement[bool]:
    return and_(is_live(seen), seen.c.status.in_(LIVE))


def _is_soon(seen: FromClause) -> ColumnElement[bool]:
    """Reminded of its due date, or to be by now; not late, and its clock runs."""
    told = or_(seen.c.told >= int(Notice.DUE_SOON), seen.c.notice_at <= AT) if seen is tasks else was_soon(seen)
    return and_(is_live(seen), seen.c.due_at >= AT, seen.c.stopped_at.is_(None), told)


def _may_do(seen: FromClause) -> ColumnElement[bool]:
    """What waits on an official: claimed by them, or open to a role they hold, in the task's unit if it has one."""
    official = bindparam("official", type_=Uuid)
    in_unit = (
        exists()
        .where(positions.c.id == role_bindings.c.position_id)
        .where(units.c.id == positions.c.unit_id, units.c.key == seen.c.unit)
        .correlate(role_bindings, seen)
    )
    holds = exists().where(
        role_bindings.c.agency_id == seen.c.agency_id,
        or_(role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == instances.c.definition_key),
        role_bindings.c.role == any_(seen.c.candidate_roles),
        holders.c.position_id == role_bindings.c.position_id,
        holders.c.official_id == official,
        or_(seen.c.unit.is_(None), in_unit),
        holders.c.valid_from <= AT,
        or_(holders.c.valid_until.is_(None), holders.c.valid_until > AT),
    )
    theirs = or_(seen.c.assignee_id == official, and_(seen.c.assignee_id.is_(None), holds))
    return and_(_is_open_or_claimed(seen), theirs)


FILTERS: dict[str, Callable[[FromClause], ColumnElement[bool]]] = {
    "statuses": lambda seen: among(seen.c.status, "statuses"),
    "open_or_claimed": _is_open_or_claimed,
    "doers": lambda seen: among(seen.c.performed_by, "doers"),
    "definitions": lambda seen: among(instances.c.definition_key, "definitions"),
    "periods": lambda seen: among(instances.c.period, "periods"),
    "roles": lambda seen: seen.c.candidate_roles.overlap(bindparam("roles", type_=ARRAY(Text))),
    "assignees": lambda seen: among(seen.c.assignee_id, "assignees"),
    "units": lambda seen: among(seen.c.unit, "units"),
    "instances": lambda seen: among(seen.c.instance_id, "instances"),
    "tasks": lambda seen: among(seen.c.id, "tasks"),
    "late": is_late,
    "in_time": lambda seen: not_(func.coalesce(is_late(seen), false())),
    "soon": _is_soon,
    "not_soon": lambda seen: not_(func.coalesce(_is_soon(seen), false())),
    "due_before": lambda seen: seen.c.due_at < bindparam("due_before", type_=Instant),
    "live": is_live,
    "official": _may_do,
    "q": lambda seen: has_words(instances.c.title, instances.c.reference_id, instances.c.letter_number),
}
"""Every filter by its name; one that takes a value has a parameter of the same name."""

OF_INSTANCES = frozenset({"definitions", "periods", "official", "q"})
"""The filters that look at the instance of a task."""

LIVE_ONLY = frozenset({"open_or_claimed", "late", "soon", "live", "official"})
"""The filters that only live tasks pass."""
