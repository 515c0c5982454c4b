"""What happened in an instance, one class for each thing that can happen.

An event is written down as one flat record: the fields of the trail, and `data` for what only replay needs.
Words that may name or describe a person (`personal`) are kept apart from the record, which holds a commitment to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, ConfigDict, Field

from engine.state import DoneOutside, Output, Returned, Value


class Event(Value):
    """Something that happened, when, and by whom. `actor` is null where the client or the engine acted."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    type: ClassVar[str]
    in_data: ClassVar[frozenset[str]] = frozenset()
    personal: ClassVar[frozenset[str]] = frozenset({"actor_name", "reason", "note", "input"})
    by_engine: ClassVar[bool] = False
    """Whether it follows from another event and is nobody's deed."""

    id: UUID
    at: AwareDatetime
    actor: UUID | None = None
    actor_name: str | None = None
    role: str | None = None
    capacity: str | None = None
    position: str | None = None
    acting_for: UUID | None = None
    mandate: UUID | None = None
    reason: str | None = None
    note: str | None = None


class InstanceStarted(Event):
    """A cycle of an SOP began."""

    type = "instance.started"
    in_data = frozenset(
        {
            "agency", "period", "title", "system", "reference", "letter_number", "letter_date", "duplicate_of",
            "units", "start_at", "done", "definition_hash", "calendar", "deadline", "deadline_basis",
        }
    )  # fmt: skip
    agency: str
    period: str | None = None
    title: str
    system: str | None = None
    reference: str | None = None
    letter_number: str | None = None
    letter_date: date | None = None
    duplicate_of: UUID | None = None
    units: dict[str, tuple[str, ...]] | None = None
    start_at: str | None = None
    definition_hash: str | None = None
    done: tuple[DoneOutside, ...] = ()
    calendar: str | None = None
    """The hash of the calendar that due dates are laid on."""
    deadline: AwareDatetime | None = None
    deadline_basis: str | None = None
    input: dict[str, Any] | None = None


class InstanceCompleted(Event):
    """The last activity ended and nothing is left open."""

    type = "instance.completed"
    by_engine = True


class InstanceCancelled(Event):
    """Somebody ended the instance before its end; its live tasks are cancelled with it."""

    type = "instance.cancelled"
    in_data = frozenset({"tasks"})
    tasks: tuple[UUID, ...] = ()


class InstanceSuspended(Event):
    """Nothing may move until the instance is resumed."""

    type = "instance.suspended"


class InstanceResumed(Event):
    """A suspended instance goes on where it stood."""

    type = "instance.resumed"


class DeadlineChanged(Event):
    """The statutory deadline of the instance became another one; null: it has none any more."""

    type = "instance.deadline_changed"
    by_engine = True
    in_data = frozenset({"deadline", "deadline_basis", "was"})
    deadline: AwareDatetime | None = None
    deadline_basis: str | None = None
    was: AwareDatetime | None = None


class DeadlineAtRisk(Event):
    """If every step that is left takes the time its sheet gives it, the deadline will be missed."""

    type = "instance.deadline_at_risk"
    by_engine = True
    in_data = frozenset({"deadline", "expected_end"})
    deadline: AwareDatetime
    expected_end: AwareDatetime


class DeadlinePassed(Event):
    """The statutory deadline passed before the instance was completed."""

    type = "instance.deadline_passed"
    by_engine = True
    in_data = frozenset({"deadline"})
    deadline: AwareDatetime


class InstanceCommented(Event):
    """Somebody added a remark to the trail; nothing moved."""

    type = "instance.commented"


class StepEvent(Event):
    """Something that happened to one task."""

    task_id: UUID
    activity: str
    unit: str | None = None
    scope: str
    round: int


class StepOpened(StepEvent):
    """An activity began to wait on somebody. `due_at` is null where the sheet prints no time."""

    type = "step.opened"
    by_engine = True
    in_data = frozenset({"due_at", "notice_at", "calendar", "returned", "awaits", "opened_at", "cause"})
    due_at: AwareDatetime | None = None
    notice_at: AwareDatetime | None = None
    """When to remind of the due date."""
    calendar: str | None = None
    """The hash of the calendar the due date was laid on."""
    returned: Returned | None = None
    awaits: tuple[str, ...] = ()
    opened_at: AwareDatetime | None = None
    """When it really began to wait, where that was recorded later."""
    cause: UUID | None = None
    """The event that led here."""


class StepClaimed(StepEvent):
    """An official took the task."""

    type = "step.claimed"
    assignee: UUID
    recorded_by: UUID | None = None


class StepReleased(StepEvent):
    """The official who had claimed the task gave it back to the other candidates."""

    type = "step.released"
    assignee: UUID


class StepEnded(StepEvent):
    """An activity ended with an outcome. `from` and `to` are nodes of the flow; `to` is null at the end."""

    in_data = frozenset({"attachments", "units", "sent_to"})
    outcome: str
    from_: str = Field(alias="from")
    to: str | None = None
    outputs: tuple[Output, ...] = ()
    attachments: tuple[Output, ...] = ()
    units: tuple[str, ...] = ()
    """The units that a return into an each-unit node reopens."""
    sent_to: tuple[str, ...] = ()
    """The parties the output was handed to."""
    assignee: UUID | None = None
    """Who held the task when it ended."""
    performed_at: AwareDatetime | None = None
    recorded_by: UUID | None = None
    evidence: tuple[Output, ...] = ()


class StepCompleted(StepEnded):
    """An activity ended with an outcome that leads on."""

    type = "step.completed"


class StepReturned(StepEnded):
    """An activity ended by sending the work back, with a reason."""

    type = "step.returned"


class StepUndone(StepEvent):
    """A mistaken completion or return was taken back before anything it opened was acted on."""

    type = "step.undone"
    in_data = frozenset({"undone"})
    undone: UUID


class StepWithdrawn(StepEvent):
    """A task is no longer needed: its branch was left, enough others ended, or what opened it was undone."""

    type = "step.withdrawn"
    by_engine = True
    in_data = frozenset({"cause"})
    cause: UUID


class MaterialReceived(StepEvent):
    """A unit or party handed in what a collecting step waits for."""

    type = "step.material_received"
    in_data = frozenset({"source", "reference"})
    source: str
    reference: str | None = None


class StepPaused(StepEvent):
    """The clock of a step was stopped, with a reason."""

    type = "step.paused"


class StepResumed(StepEvent):
    """The clock of a step runs again."""

    type = "step.resumed"


class Because(StrEnum):
    """Why a due date changed."""

    CALENDAR = "calendar"
    RESUMED = "resumed"
    UNDONE = "undone"


class StepDueChanged(StepEvent):
    """The due date of an open step became another one. `was` is the old one; the calendar's change has its own name."""

    type = "step.due_changed"
    by_engine = True
    in_data = frozenset({"due_at", "was", "notice_at", "told", "calendar", "because", "cause", "legal_basis"})
    due_at: AwareDatetime
    was: AwareDatetime | None = None
    notice_at: AwareDatetime | None = None
    told: int = 0
    calendar: str
    because: Because
    cause: UUID | None = None
    legal_basis: str | None = None


class CalendarChanged(Event):
    """The agency's calendar became another one; open due dates that this moves follow as events of their own."""

    type = "instance.calendar_changed"
    by_engine = True
    in_data = frozenset({"calendar", "was", "legal_basis"})
    calendar: str
    was: str | None = None
    legal_basis: str | None = None


class StepNoticed(StepEvent):
    """Something about a due date was announced; `notice_at` is when the next is to be."""

    by_engine = True
    in_data = frozenset({"due_at", "notice_at"})
    due_at: AwareDatetime
    notice_at: AwareDatetime | None = None


class StepDueSoon(StepNoticed):
    """So much of the time limit is used up that people are reminded."""

    type = "step.due_soon"


class StepOverdue(StepNoticed):
    """The due date passed and the step is still open."""

    type = "step.overdue"


class StepEscalated(StepNoticed):
    """A late step was brought before the next position up. `level` counts from 1."""

    type = "step.escalated"
    in_data = frozenset({"due_at", "notice_at", "level", "superior"})
    level: int
    superior: str


class PartyAsked(Event):
    """A token came to wait for a party's answer. No task, no clock."""

    type = "party.asked"
    by_engine = True
    in_data = frozenset({"node", "party", "cause"})
    scope: str
    node: str
    party: str
    cause: UUID | None = None


class PartyAnswered(Event):
    """A party's answer came in, and the token went on."""

    type = "party.answered"
    in_data = frozenset({"node", "party", "reference"})
    scope: str
    node: str
    party: str
    outcome: str
    from_: str = Field(alias="from")
    to: str | None = None
    reference: str | None = None


KINDS: dict[str, type[Event]] = {
    kind.type: kind
    for kind in (
        InstanceStarted,
        InstanceCompleted,
        InstanceCancelled,
        InstanceSuspended,
        InstanceResumed,
        InstanceCommented,
        StepOpened,
        StepClaimed,
        StepReleased,
        StepCompleted,
        StepReturned,
        StepUndone,
        StepWithdrawn,
        MaterialReceived,
        StepPaused,
        StepResumed,
        StepDueChanged,
        StepDueSoon,
        StepOverdue,
        StepEscalated,
        CalendarChanged,
        DeadlineChanged,
        DeadlineAtRisk,
        DeadlinePassed,
        PartyAsked,
        PartyAnswered,
    )
}
"""Every kind of event by its dotted name."""


def record(event: Event) -> tuple[dict[str, Any], dict[str, Any]]:
    """The event as a flat record without personal words, and the personal words. Nulls and empty lists are left out."""
    written = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    personal = {name: written.pop(name) for name in event.personal if name in written}
    said = {name: value for name, value in written.items() if value != []}
    data = {name: said.pop(name) for name in event.in_data if name in said}
    return {"type": event.type} | said | ({"data": data} if data else {}), personal


def from_record(facts: Mapping[str, Any]) -> Event:
    """The event that a record was written from, without its personal words.

    Raises KeyError for a type nobody knows and pydantic.ValidationError for a record that no event wrote.
    """
    kind = KINDS[facts["type"]]
    names = {field.alias or name for name, field in kind.model_fields.items()} - kind.in_data
    in_front = {name: value for name, value in facts.items() if name in names}
    return kind.model_validate(
        in_front | {name: value for name, value in facts.get("data", {}).items() if name in kind.in_data}
    )
