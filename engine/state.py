"""The state of one running instance: where its tokens rest, which tasks wait, what has been handed over.

The state is the truth about an instance; rows in a task table are a projection of it.
An instance is a tree of scopes, each with one token in the same compiled machine. A sequence needs only the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

ROOT = ""
"""The id of the outermost scope."""


class Value(BaseModel):
    """Anything that is compared by what it holds and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """The same with some parts replaced. All that is in here is frozen, so nothing needs copying, however deep."""
        given = update or {}
        copy = object.__new__(type(self))
        object.__setattr__(copy, "__dict__", {**self.__dict__, **given})
        object.__setattr__(copy, "__pydantic_fields_set__", {*self.__pydantic_fields_set__, *given})
        object.__setattr__(copy, "__pydantic_extra__", None)
        object.__setattr__(copy, "__pydantic_private__", None)
        return copy


class InstanceStatus(StrEnum):
    """The life of an instance. Suspended stops every step's clock."""

    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPLETED = "completed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (InstanceStatus.COMPLETED, InstanceStatus.CANCELLED)


class TaskStatus(StrEnum):
    """The life of a task. Only open and claimed tasks wait on somebody."""

    OPEN = "open"
    CLAIMED = "claimed"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"

    @property
    def is_live(self) -> bool:
        return self in (TaskStatus.OPEN, TaskStatus.CLAIMED)


WORDS = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""Not blank, and without the NUL that no database stores."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=WORDS)]
"""Words somebody typed: not blank, and without the NUL that no database stores."""


Line = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=WORDS)]
"""A short text somebody typed, such as the name of a document."""


class Output(Value):
    """One document handed over: a link, a reference, a fingerprint, or why there is none."""

    name: Line
    url: Annotated[str, StringConstraints(max_length=1_000, pattern=r"^https://[^\s\x00]+$")] | None = None
    reference: Line | None = None
    sha256: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-f]{64}$")] | None = None
    letter_date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    missing_reason: Line | None = None

    @property
    def is_present(self) -> bool:
        return bool(self.url or self.reference or self.sha256)


class Returned(Value):
    """Why a task was opened again: who sent the work back, when, from which activity or node, by which event."""

    by: UUID | None = None
    at: AwareDatetime
    activity: str
    event: UUID


class Delivery(Value):
    """Material that a unit or party handed in to a collecting step."""

    source: str
    at: AwareDatetime
    by: UUID | None
    reference: str | None = None


class Pause(Value):
    """A stretch in which a clock stood still; it still does while `until` is null. The event has the reason."""

    since: AwareDatetime
    until: AwareDatetime | None = None
    by: UUID | None = None
    event: UUID


class DueDate(Value):
    """A due date, since when it has counted, and the hash of the calendar it was laid on."""

    at: AwareDatetime
    since: AwareDatetime
    calendar: str | None = None


class Holding(Value):
    """Who has held a task since when; null: nobody alone, it waited on all candidates."""

    by: UUID | None
    since: AwareDatetime


class Notice(IntEnum):
    """What has been announced of a task's due date; each further escalation counts one more."""

    NONE = 0
    DUE_SOON = 1
    OVERDUE = 2


class TaskState(Value):
    """An activity (of one unit) that waits on somebody, or how it ended.

    `awaits` names the units and parties whose material it collects. `performed_at` is when it was really done, where
    that was recorded later. `due_dates` are all it ever had, the last one counts; `pauses` are its own, those of the
    whole instance stand with the instance; `held` says who held it when. `told` is what has been announced of its due
    date (a `Notice`, or how far beyond one it escalated), `notice_at` when the next is to be.
    """

    id: UUID
    activity: str
    scope: str
    unit: str | None
    round: int
    status: TaskStatus
    opened_at: AwareDatetime
    held_since: AwareDatetime
    assignee: UUID | None = None
    returned: Returned | None = None
    closed_at: AwareDatetime | None = None
    outcome: str | None = None
    performed_by: UUID | None = None
    performed_at: AwareDatetime | None = None
    awaits: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    due_dates: tuple[DueDate, ...] = ()
    pauses: tuple[Pause, ...] = ()
    held: tuple[Holding, ...] = ()
    told: int = Notice.NONE
    notice_at: AwareDatetime | None = None

    @property
    def due_at(self) -> datetime | None:
        """The due date that counts now."""
        return self.due_dates[-1].at if self.due_dates else None

    @property
    def paused(self) -> Pause | None:
        """The pause that its clock is in."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].until is None else None

    @property
    def undelivered(self) -> tuple[str, ...]:
        """The units and parties that have not handed in yet."""
        delivered = {delivery.source for delivery in self.deliveries}
        return tuple(source for source in self.awaits if source not in delivered)

    def claimed(self, assignee: UUID | None, at: datetime) -> Self:
        return self._held_by(TaskStatus.CLAIMED, assignee, at)

    def released(self, at: datetime) -> Self:
        return self._held_by(TaskStatus.OPEN, None, at)

    def _held_by(self, status: TaskStatus, assignee: UUID | None, at: datetime) -> Self:
        held = (*self.held, Holding(by=assignee, since=at))
        return self.model_copy(update={"status": status, "assignee": assignee, "held_since": at, "held": held})

    def due(self, due_at: datetime, since: datetime, calendar: str | None) -> Self:
        """The same with another due date from a moment on."""
        return self.model_copy(
            update={"due_dates": (*self.due_dates, DueDate(at=due_at, since=since, calendar=calendar))}
        )

    def paused_by(self, pause: Pause) -> Self:
        return self.model_copy(update={"pauses": (*self.pauses, pause)})

    def going_on(self, at: datetime) -> Self:
        """The same with its clock running again."""
        return self.model_copy(update={"pauses": ended(self.pauses, at)})

    def delivered(self, delivery: Delivery) -> Self:
        return self.model_copy(update={"deliveries": (*self.deliveries, delivery)})

    def closed(self, status: TaskStatus, at: datetime) -> Self:
        return self.model_copy(update={"status": status, "closed_at": at})

    def completed(self, outcome: str, at: datetime, by: UUID | None, performed_at: datetime | None) -> Self:
        done = {"outcome": outcome, "performed_by": by, "performed_at": performed_at}
        return self.closed(TaskStatus.COMPLETED, at).model_copy(update=done)


class Material(Value):
    """What an activity (of one unit) handed over in its latest round; the next official must see it."""

    activity: str
    unit: str | None
    round: int
    by: UUID | None
    at: AwareDatetime
    outputs: tuple[Output, ...]
    attachments: tuple[Output, ...] = ()


def _in_our_time(at: datetime) -> datetime:
    if not 1900 <= at.year < 3000:
        told = {
            "message_id": "Waktu ini di luar jangkauan; tulis tahun 1900 sampai 2999.",
            "message_en": "This moment is out of range; the year must be 1900 to 2999.",
            "expected": "1900-2999",
        }
        raise PydanticCustomError("moment_impossible", "This moment is out of range.", told)
    return at


Moment = Annotated[AwareDatetime, AfterValidator(_in_our_time)]
"""A moment somebody named. Far years would leave what a database or another time zone can hold."""


class DoneOutside(Value):
    """An activity that was done before the cycle was entered here."""

    activity: str
    performed_by: UUID | None = None
    performed_at: Moment | None = None
    outputs: tuple[Output, ...] = ()


class Scope(Value):
    """One token and the scopes it owns. `id` is the path from the root, one branch or unit a segment.

    While the token rests on a composite node, it owns a scope for each branch or unit, and `joins_at` of them must end.
    `ended_at` is when its work really ended, which may be before that was recorded.
    """

    id: str
    node: str
    branch: str | None = None
    unit: str | None = None
    children: tuple[Scope, ...] = ()
    joins_at: int = 0
    ended_at: AwareDatetime | None = None

    def find(self, scope_id: str) -> Scope | None:
        """The scope with this id, here or below."""
        if self.id == scope_id:
            return self
        return next((found for child in self.children if (found := child.find(scope_id))), None)

    def resting(self, node: str) -> Scope:
        """The same scope with its token on another node. Moving a token withdraws the scopes it owned."""
        return self.model_copy(update={"node": node, "children": (), "joins_at": 0, "ended_at": None})

    def moved(self, scope_id: str, node: str) -> Scope:
        """The same tree with one token moved."""
        found = self.find(scope_id)
        return self.with_scope(found.resting(node)) if found else self

    def with_scope(self, scope: Scope) -> Scope:
        """The same tree with one scope in another form."""
        if self.id == scope.id:
            return scope
        if not scope.id.startswith(self.id):
            return self
        return self.model_copy(update={"children": tuple(child.with_scope(scope) for child in self.children)})

    def leaves(self) -> tuple[Scope, ...]:
        """The scopes that own no others, in order."""
        return tuple(leaf for child in self.children for leaf in child.leaves()) if self.children else (self,)


class Asked(Value):
    """A party whose answer a token waits for."""

    node: str
    party: str
    scope: str
    since: AwareDatetime


class Undoable(Value):
    """All that is needed to take back a completion while nothing it opened has been acted on.

    `event` is the completion; `before` and `after` the outermost scope it moved, then and now;
    `set_aside` what could be undone in there until it moved.
    """

    event: UUID
    performed_by: UUID | None
    recorded_by: UUID | None
    task: TaskState
    before: Scope
    after: Scope
    opened: tuple[UUID, ...] = ()
    withdrawn: tuple[TaskState, ...] = ()
    asked_before: tuple[Asked, ...] = ()
    newly_done: tuple[str, ...] = ()
    no_longer_done: tuple[str, ...] = ()
    materials_before: tuple[Material, ...] = ()
    set_aside: tuple[Undoable, ...] = ()


class InstanceState(Value):
    """All that decides what may happen next in an instance.

    `units` are the agency's by kind, frozen at the start; `tasks` are the live ones only; `asked` the parties awaited;
    `rounds` counts how often each activity (of a unit) was opened; `done` names those that are finished and not to be
    done again. `latest_at` is the moment of the latest event; time never runs backwards in an instance.
    `calendar` is the hash of the one its open due dates were laid on; `deadlines` are all it ever had, the last counts;
    `deadline_told` is what has been announced of the one that counts.
    """

    status: InstanceStatus
    root: Scope
    started_at: AwareDatetime
    latest_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    suspended_at: AwareDatetime | None = None
    units: dict[str, tuple[str, ...]] = {}
    tasks: tuple[TaskState, ...] = ()
    asked: tuple[Asked, ...] = ()
    rounds: dict[str, int] = {}
    done: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()
    undoable: tuple[Undoable, ...] = ()
    calendar: str | None = None
    suspensions: tuple[Pause, ...] = ()
    deadlines: tuple[DueDate, ...] = ()
    deadline_told: tuple[str, ...] = ()

    @property
    def deadline(self) -> datetime | None:
        """The statutory deadline that counts now."""
        return self.deadlines[-1].at if self.deadlines else None

    def stops_of(self, task: TaskState) -> tuple[Pause, ...]:
        """Every stretch in which the clock of a task stood still: its own pauses and the instance's suspensions."""
        return (*task.pauses, *self.suspensions)

    def stopped_since(self, task: TaskState) -> datetime | None:
        """Since when the clock of a task has stood still, by its own pause or with the whole instance."""
        whole = self.suspended_at if task.status.is_live else None
        own = task.paused.since if task.paused else None
        return min(filter(None, (whole, own)), default=None)

    def task(self, task_id: UUID) -> TaskState | None:
        """The live task with this id."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def round_of(self, activity: str, unit: str | None) -> int:
        """How many times the activity (of this unit) has been opened."""
        return self.rounds.get(lane(activity, unit), 0)


def ended(pauses: tuple[Pause, ...], at: datetime) -> tuple[Pause, ...]:
    """The pauses with the last one over."""
    return (*pauses[:-1], pauses[-1].model_copy(update={"until": at}))


def lane(activity: str, unit: str | None) -> str:
    """The name under which rounds of an activity are counted: its id, with the unit where there is one."""
    return activity if unit is None else f"{activity}@{unit}"
