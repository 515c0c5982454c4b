"""What an instance is beside its state: names, agency, roster, people. Views are drawn from both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from app.identity.roster import Roster
from engine.compiler import CompiledProcess
from engine.state import InstanceState, Scope, TaskState, lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """An instance as the database knows it. `people` names officials; `reasons` tells, by event, why work came back."""

    id: UUID
    process: CompiledProcess
    agency: str
    timezone: str
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


def progress(state: InstanceState, process: CompiledProcess) -> tuple[int, int]:
    """How many printed rows are done and need not be done again, of how many."""
    finished = sum(_is_finished(activity.id, state, process) for activity in process.definition.activities)
    return finished, len(process.definition.activities)


def _is_finished(activity: str, state: InstanceState, process: CompiledProcess) -> bool:
    """Done, and by every unit that is still at work in the node around it."""
    around = process.places.of[activity].inside
    at_work = [child.unit for scope in _all(state.root) if scope.node == around for child in scope.children]
    if at_work:
        return all(lane(activity, unit) in state.done for unit in at_work)
    return any(one == activity or one.startswith(f"{activity}@") for one in state.done)


def _all(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.children:
        yield from _all(child)
