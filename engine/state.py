"""The state of one running instance: where its tokens rest, which tasks wait, what has been handed over.

The state is the truth about an instance; rows in a task table are a projection of it.
An instance is a tree of scopes, each with one token in the same compiled machine. A sequence needs only the root.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

ROOT = ""
"""The id of the outermost scope."""


class Value(BaseModel):
    """Anything that is compared by what it holds and never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""Words somebody typed: not blank, and without the NUL that no database stores."""


class Output(Value):
    """One document handed over: a link, a reference, a fingerprint, or why there is none."""

    name: Text
    url: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https://[^\s\x00]+$")] | None = None
    reference: Text | None = None
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    letter_date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    missing_reason: Text | None = None

    @property
    def is_present(self) -> bool:
        return bool(self.url or self.reference or self.sha256)


class Returned(Value):
    """Why a task was opened again: who sent the work back, when, from which activity, and the event that says so."""

    by: UUID | None
    at: AwareDatetime
    activity: str
    event: UUID


class TaskState(Value):
    """An activity (of one unit) that waits on somebody, or how it ended."""

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

    def claimed(self, assignee: UUID | None, at: datetime) -> Self:
        return self.model_copy(update={"status": TaskStatus.CLAIMED, "assignee": assignee, "held_since": at})

    def released(self, at: datetime) -> Self:
        return self.model_copy(update={"status": TaskStatus.OPEN, "assignee": None, "held_since": at})

    def closed(
        self, status: TaskStatus, at: datetime, outcome: str | None = None, performed_by: UUID | None = None
    ) -> Self:
        return self.model_copy(
            update={"status": status, "closed_at": at, "outcome": outcome, "performed_by": performed_by}
        )


class Material(Value):
    """What an activity (of one unit) handed over in its latest round; the next official must see it."""

    activity: str
    unit: str | None
    round: int
    by: UUID | None
    at: AwareDatetime
    outputs: tuple[Output, ...]


class Scope(Value):
    """One token and the scopes it owns. `id` is the path from the root, one branch a segment."""

    id: str
    node: str
    children: tuple[Scope, ...] = ()

    def find(self, scope_id: str) -> Scope | None:
        """The scope with this id, here or below."""
        if self.id == scope_id:
            return self
        return next((found for child in self.children if (found := child.find(scope_id))), None)

    def moved(self, scope_id: str, node: str) -> Scope:
        """The same tree with one token moved. Moving a token withdraws the scopes it owned."""
        if self.id == scope_id:
            return Scope(id=self.id, node=node)
        return self.model_copy(update={"children": tuple(child.moved(scope_id, node) for child in self.children)})


class InstanceState(Value):
    """All that decides what may happen next in an instance.

    `tasks` are the live ones only; `rounds` counts how often each activity was opened;
    `done` names the activities that are finished and not to be done again.
    """

    status: InstanceStatus
    root: Scope
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    suspended_at: AwareDatetime | None = None
    tasks: tuple[TaskState, ...] = ()
    rounds: dict[str, int] = {}
    done: tuple[str, ...] = ()
    materials: tuple[Material, ...] = ()

    def task(self, task_id: UUID) -> TaskState | None:
        """The live task with this id."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def round_of(self, activity: str, unit: str | None) -> int:
        """How many times the activity (of this unit) has been opened."""
        return self.rounds.get(lane(activity, unit), 0)


def lane(activity: str, unit: str | None) -> str:
    """The name under which rounds of an activity are counted: its id, with the unit where there is one."""
    return activity if unit is None else f"{activity}@{unit}"
