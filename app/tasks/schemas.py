"""What is asked of tasks and what is told of them, as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.identity.roster import Candidate
from app.instances.schemas import Asked, Document, InstanceView, Instant, ShortText
from app.instances.surroundings import Surroundings, is_overdue, lateness
from engine.commands import Complete, Performer
from engine.definition import Route, SubStep, TimeLimit
from engine.state import InstanceState, InstanceStatus, Line, Output, TaskState, TaskStatus, Text


class Evidence(Asked):
    """What shows that somebody signed on paper: a reference or a link, with its fingerprint where there is one."""

    name: ShortText = "bukti"
    url: Annotated[str, Field(max_length=1_000, pattern=r"^https://[^\s\x00]+$")] | None = None
    reference: Line | None = None
    sha256: Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9a-f]{64}$")] | None = None

    @property
    def output(self) -> Output:
        return Output(name=self.name, url=self.url, reference=self.reference, sha256=self.sha256)


class UndoAsked(Asked):
    """Why a completion or return is taken back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Salah memilih hasil."}]})

    reason: Text


class PauseAsked(Asked):
    """Why the clock of a task is stopped."""

    reason: Text


class ResumeTaskAsked(Asked):
    """Why, if there is something to say, the clock of a task runs again."""

    reason: Text | None = None


class DeliveryAsked(Asked):
    """Material that a unit or party handed in. `from` is the unit's key or the party's id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "bidang-koperasi", "reference": "800/12/KOP"}]})

    from_: ShortText = Field(alias="from")
    reference: Text | None = None
    note: Text | None = None


class CompleteAsked(Asked):
    """How an activity ended. One output for each printed one on a forward outcome, none on a return."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"outputs": [{"name": "SK Tim Penyusunan LAKIP", "reference": "188.4/12/2026"}]},
                {"outcome": "returned", "reason": "Angka pada tabel 3 belum sama dengan data bidang."},
            ]
        }
    )

    outcome: Annotated[str, Field(max_length=60)] | None = None
    outputs: Annotated[tuple[Document, ...], Field(max_length=20, strict=False)] = ()
    attachments: Annotated[tuple[Document, ...], Field(max_length=20, strict=False)] = ()
    note: Text | None = None
    reason: Text | None = None
    units: Annotated[tuple[ShortText, ...], Field(max_length=200, strict=False)] = ()
    performed_at: Instant | None = None
    performed_by: Annotated[UUID, Field(strict=False)] | None = None
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=20, strict=False)] = ()

    def command(self, task: UUID, by: Performer, recorded_by: UUID | None) -> Complete:
        return Complete(
            by=by,
            task=task,
            outcome=self.outcome,
            outputs=self.outputs,
            attachments=self.attachments,
            note=self.note,
            reason=self.reason,
            units=self.units,
            performed_at=self.performed_at,
            recorded_by=recorded_by,
            evidence=tuple(one.output for one in self.evidence),
        )


class MaterialView(BaseModel):
    """A document that an earlier activity handed over: what the next official must see."""

    name: str
    url: str | None
    reference: str | None
    sha256: str | None
    letter_date: str | None
    missing_reason: str | None
    activity: str
    round: int
    by: UUID | None
    by_name: str | None
    at: datetime


class AwaitView(BaseModel):
    """A unit or party whose material the step collects; `delivered_at` is null until it has handed in."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    from_: str = Field(alias="from")
    asked_at: datetime
    delivered_at: datetime | None
    by: UUID | None
    reference: str | None


class PausedView(BaseModel):
    """Since when the clock of a task stands still, by whom, and why."""

    since: datetime
    by: UUID | None
    by_name: str | None
    reason: str | None


class ReturnedView(BaseModel):
    """Why the work came back. `from` is the activity that sent it."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    by: UUID | None
    by_name: str | None
    at: datetime
    reason: str | None
    from_: str = Field(alias="from")


class TaskView(BaseModel):
    """An activity that waits on somebody, or how it ended."""

    id: UUID
    instance_id: UUID
    definition: str
    version: int
    agency: str
    period: str | None
    unit: str | None
    activity: str
    number: int
    name: str
    round: int
    status: TaskStatus
    candidate_roles: list[str]
    candidates: list[Candidate]
    assisting_roles: list[str]
    assignee: UUID | None
    position: str | None
    holder: str | None
    held_since: datetime
    opened_at: datetime
    closed_at: datetime | None
    due_at: datetime | None
    overdue: bool
    working_minutes_late: int | None
    time_limit: TimeLimit | None
    requirements: list[str]
    expected_outputs: list[str]
    outcomes: list[Route]
    outcome: str | None
    performed_by: UUID | None
    performed_at: datetime | None
    awaits: list[AwaitView]
    sub_steps: list[SubStep]
    materials: list[MaterialView]
    suspended: bool
    paused: PausedView | None
    returned: ReturnedView | None

    @classmethod
    def of(cls, task: TaskState, state: InstanceState, around: Surroundings) -> Self:
        """The view of a task of an instance."""
        activity = around.process.activity(task.activity)
        position, holder = around.position_and_holder(task)
        return cls(
            id=task.id,
            instance_id=around.id,
            definition=around.process.definition.key,
            version=around.process.version,
            agency=around.agency,
            period=around.period,
            unit=task.unit,
            activity=task.activity,
            number=activity.number,
            name=activity.name,
            round=task.round,
            status=task.status,
            candidate_roles=list(activity.candidate_roles),
            candidates=_candidates(task, state, around),
            assisting_roles=list(activity.assisting_roles),
            assignee=task.assignee,
            position=position,
            holder=holder,
            held_since=task.held_since,
            opened_at=task.opened_at,
            closed_at=task.closed_at,
            due_at=task.due_at,
            overdue=is_overdue(task, state, around),
            working_minutes_late=_late(task, state, around),
            time_limit=activity.time_limit,
            requirements=list(activity.requirements),
            expected_outputs=list(activity.expected_outputs),
            outcomes=list(activity.routes),
            outcome=task.outcome,
            performed_by=task.performed_by,
            performed_at=task.performed_at,
            awaits=_awaits(task),
            sub_steps=list(activity.sub_steps),
            materials=_materials(task, state, around),
            suspended=state.status is InstanceStatus.SUSPENDED,
            paused=_paused(task, around),
            returned=_returned(task, around),
        )


class Completed(BaseModel):
    """What completing led to: the task as it ended, where the instance stands, and the tasks that opened."""

    task: TaskView
    instance: InstanceView
    opened: list[TaskView]


def _candidates(task: TaskState, state: InstanceState, around: Surroundings) -> list[Candidate]:
    """Only who may complete it now: nobody once it is closed or suspended, the assignee alone while it is claimed."""
    if not task.status.is_live or state.status is not InstanceStatus.RUNNING:
        return []
    may = around.roster.candidates(around.process.activity(task.activity).candidate_roles, task.unit)
    return [one for one in may if task.assignee in (None, one.official)]


def _awaits(task: TaskState) -> list[AwaitView]:
    delivered = {delivery.source: delivery for delivery in task.deliveries}
    return [
        AwaitView(
            from_=source,
            asked_at=task.opened_at,
            delivered_at=delivered[source].at if source in delivered else None,
            by=delivered[source].by if source in delivered else None,
            reference=delivered[source].reference if source in delivered else None,
        )
        for source in task.awaits
    ]


def _materials(task: TaskState, state: InstanceState, around: Surroundings) -> list[MaterialView]:
    """The latest documents of what was done before the task opened; the reviewer must see the draft."""
    order = {activity.id: activity.number for activity in around.process.definition.activities}
    return [
        MaterialView(
            name=output.name,
            url=output.url,
            reference=output.reference,
            sha256=output.sha256,
            letter_date=output.letter_date,
            missing_reason=output.missing_reason,
            activity=material.activity,
            round=material.round,
            by=material.by,
            by_name=around.name_of(material.by),
            at=material.at,
        )
        for material in sorted(state.materials, key=lambda one: order[one.activity])
        if material.at <= task.opened_at
        for output in (*material.outputs, *material.attachments)
    ]


def _late(task: TaskState, state: InstanceState, around: Surroundings) -> int | None:
    """By how many whole working minutes, null where it is not late or not yet by one."""
    return late if (late := lateness(task, state, around)) > 0 else None


def _paused(task: TaskState, around: Surroundings) -> PausedView | None:
    stop = task.paused
    if stop is None or not task.status.is_live:
        return None
    reason = around.reasons.get(stop.event)
    return PausedView(since=stop.since, by=stop.by, by_name=around.name_of(stop.by), reason=reason)


def _returned(task: TaskState, around: Surroundings) -> ReturnedView | None:
    if task.returned is None:
        return None
    back = task.returned
    return ReturnedView(
        by=back.by,
        by_name=around.name_of(back.by),
        at=back.at,
        reason=around.reasons.get(back.event),
        from_=back.activity,
    )
