"""What an instance is beside its state: names, agency, roster, people. Views are drawn from both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.identity.roster import Roster
from engine.compiler import CompiledProcess
from engine.schedule import Schedule
from engine.state import InstanceState, Scope, TaskState, lane
from engine.working_time import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """An instance as the database knows it at the moment `now`.

    `people` names officials; `reasons` tells, by event, why work came back or a clock was stopped.
    """

    id: UUID
    process: CompiledProcess
    agency: str
    timezone: str
    schedule: Schedule
    now: datetime
    period: str | None
    title: str
    reference_system: str | None = None
    reference_id: str | None = None
    letter_number: str | None = None
    letter_date: date | None = None
    data: dict[str, Any] = field(default_factory=dict)
    roster: Roster = Roster(())  # noqa: RUF009  frozen, so one can be shared
    people: dict[UUID, str] = field(default_factory=dict)
    reasons: dict[UUID, str] = field(default_factory=dict)

    def name_of(self, official: UUID | None) -> str | None:
        """The name of an official, null where nobody or somebody erased is meant."""
        return self.people.get(official) if official else None

    def position_and_holder(self, task: TaskState) -> tuple[str | None, str | None]:
        """The position that holds a task now, and who: the assignee or the only candidate, else null."""
        roles = self.process.activity(task.activity).candidate_roles
        seats = self.roster.seats_for(roles, task.unit)
        if task.assignee is not None:
            held = [seat.position for seat in seats if seat.official == task.assignee]
            return (held[0] if held else None), self.name_of(task.assignee)
        titles = list(dict.fromkeys(seat.position for seat in seats))
        officials = {seat.official: seat.name for seat in seats if seat.official}
        holder = next(iter(officials.values())) if len(officials) == 1 else None
        return (" / ".join(titles) or None), holder


def lateness(task: TaskState, state: InstanceState, around: Surroundings) -> int:
    """Whole working minutes by which a task is late now, or was when it ended; negative while it is in time, 0 without
    a due date."""
    if task.due_at is None:
        return 0
    until = task.performed_at or task.closed_at or state.stopped_since(task) or around.now
    stops = [Pause(one.since, one.until or until) for one in state.stops_of(task) if one.since < until]
    return around.schedule.calendar.working_time(task.due_at, until, stops).minutes


def is_overdue(task: TaskState, state: InstanceState, around: Surroundings) -> bool:
    """Whether a live task is past its due date, or was when its clock was stopped."""
    if not task.status.is_live or task.due_at is None:
        return False
    return (state.stopped_since(task) or around.now) > task.due_at


def progress(state: InstanceState, process: CompiledProcess) -> tuple[int, int]:
    """How many printed rows are done and need not be done again, of how many.

    A row inside a node counts once every unit (or branch) that is still at work in there has done it.
    """
    done, by_anyone = set(state.done), {one.partition("@")[0] for one in state.done}
    at_work = _at_work(state.root)
    finished = 0
    for activity in process.definition.activities:
        units = at_work.get(process.places.of[activity.id].inside)
        finished += all(lane(activity.id, unit) in done for unit in units) if units else activity.id in by_anyone
    return finished, len(process.definition.activities)


def _at_work(root: Scope) -> dict[str | None, list[str | None]]:
    """The units (null for a branch) of the scopes that each composite node owns now."""
    at_work: dict[str | None, list[str | None]] = {}
    for scope in _all(root):
        if scope.children:
            at_work.setdefault(scope.node, []).extend(child.unit for child in scope.children)
    return at_work


def _all(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.children:
        yield from _all(child)
