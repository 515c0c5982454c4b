"""What is asked of instances and what is told of them, as JSON."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

from app.instances.headline import headline
from app.instances.surroundings import Surroundings, is_overdue, progress
from engine.definition import Route
from engine.plan import plan
from engine.state import DoneOutside, InstanceState, InstanceStatus, Moment, Output, Text
from engine.trail import canonical_json

LARGEST_INPUT = 16_384
DEEPEST_INPUT = 32


class Asked(BaseModel):
    """Anything a client sends: no unknown fields, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    waiting: list[tuple[Any, int]] = [(value, 1)]
    while waiting:
        one, depth = waiting.pop()
        if isinstance(one, float) and one.is_integer() and abs(one) > 2**53:
            raise _too_much("memuat bilangan bulat, paling besar", "of whole numbers at most", "2^53")
        if depth > DEEPEST_INPUT or (isinstance(one, str) and "\0" in one):
            raise _too_much("bersarang paling dalam", "nested at most", f"{DEEPEST_INPUT}")
        parts = [*one, *one.values()] if isinstance(one, dict) else one if isinstance(one, list) else ()
        waiting += [(part, depth + 1) for part in parts]
    try:
        written = canonical_json(value)
    except ValueError as unwritable:
        raise _too_much("memuat bilangan bulat, paling besar", "of whole numbers at most", "2^53") from unwritable
    if len(written) > LARGEST_INPUT:
        raise _too_much("berukuran JSON paling besar", "as JSON at most", f"{LARGEST_INPUT}")
    return value


def _too_much(id_: str, english: str, limit: str) -> PydanticCustomError:
    told = {
        "message_id": f"Isi data {id_} {limit}, tanpa karakter NUL.",
        "message_en": f"data is {english} {limit}, without NUL characters.",
        "expected": limit,
    }
    return PydanticCustomError("data_too_much", "data is too much", told)


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]


def _a_day(value: Any) -> Any:
    """A number would be taken for seconds since 1970, a moment for its day."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise PydanticKnownError("date_parsing", {"error": "not written as year-month-day"})


def _an_instant(value: Any) -> Any:
    """A number, also in quotes, would be taken for seconds since 1970."""
    if isinstance(value, str) and re.match(r"\d{4}-\d{2}-\d{2}", value):
        return value
    raise PydanticKnownError("datetime_parsing", {"error": "not written as date and time"})


Day = Annotated[date, Field(strict=False), BeforeValidator(_a_day)]
"""A day, written `2026-03-02`."""

Instant = Annotated[Moment, Field(strict=False), BeforeValidator(_an_instant)]
"""A moment, written `2026-03-02T08:00:00+07:00`."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


VersionNumber = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)]
"""Of an SOP. JSON knows one kind of number, so 2.0 is 2."""


def _in_the_calendar(day: str) -> str:
    try:
        date.fromisoformat(day)
    except ValueError as wrong:
        told = {
            "message_id": "Tanggal surat ini tidak ada di kalender.",
            "message_en": "This letter date is not in the calendar.",
        }
        raise PydanticCustomError("date_impossible", "This letter date is not in the calendar.", told) from wrong
    return day


class Document(Output):
    """A document that is handed over."""

    letter_date: (
        Annotated[
            str,
            StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$"),
            AfterValidator(_in_the_calendar),
            Field(json_schema_extra={"format": "date"}),
        ]
        | None
    ) = None


class ReferenceAsked(Asked):
    """How the starting system names the cycle; `id` is unique within the client and `system`."""

    system: ShortText
    id: ShortText
    letter_number: ShortText | None = None
    letter_date: Day | None = None


class DuplicateAsked(Asked):
    """Why a second cycle for the same period is wanted."""

    reason: Text


class DoneAsked(DoneOutside):
    """An activity that was done outside before, and by whom, when and with what outputs, as far as is known."""

    activity: ShortText
    performed_at: Instant | None = None
    outputs: Annotated[tuple[Document, ...], Field(max_length=20)] = ()


class StartAtAsked(Asked):
    """Where a cycle already under way begins here, why, and what was done outside before."""

    activity: ShortText
    reason: Text
    done: Annotated[tuple[DoneAsked, ...], Field(max_length=400, strict=False)] = ()


class StartAsked(Asked):
    """A cycle to be started. `agency` and `version` default to the definition's agency and newest version."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"definition": "kalbar-lakip", "period": "2026", "title": "LAKIP 2026"}]}
    )

    definition: ShortText
    period: ShortText | None = None
    agency: ShortText | None = None
    version: VersionNumber | None = None
    title: ShortText | None = None
    data: Annotated[dict[str, Any], AfterValidator(_storable)] = {}
    duplicate: DuplicateAsked | None = None
    reference: ReferenceAsked | None = None
    start_at: StartAtAsked | None = None


class ReasonAsked(Asked):
    """Why an instance is cancelled, suspended or resumed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Menunggu hasil reviu Inspektorat."}]})

    reason: Text


class AnswerAsked(Asked):
    """A party's answer. `outcome` may be left out where there is one; `node` and `unit` where one place awaits it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"party": "diskominfo", "outcome": "direkomendasikan", "reference": "000.8/117/2026"}]
        }
    )

    party: ShortText
    outcome: ShortText | None = None
    node: ShortText | None = None
    unit: ShortText | None = None
    reference: Text | None = None
    note: Text | None = None


class CommentAsked(Asked):
    """A remark for the trail. It can never be changed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "Konsep sudah dibahas bersama Bappeda."}]})

    text: Text


class CommentView(BaseModel):
    """A remark as it stands in the trail."""

    id: UUID
    instance_id: UUID
    seq: int
    at: datetime
    actor: UUID | None
    text: str


class ReferenceView(BaseModel):
    """How the starting system names the cycle."""

    system: str
    id: str
    letter_number: str | None
    letter_date: date | None


class Progress(BaseModel):
    """Printed rows that are done and need not be done again, of all."""

    done: int
    total: int


class OpenTask(BaseModel):
    """A live task, as much as its instance tells of it."""

    id: UUID
    activity: str
    unit: str | None
    candidate_roles: list[str]
    position: str | None
    holder: str | None
    assignee: UUID | None
    due_at: datetime | None
    overdue: bool


class AwaitedParty(BaseModel):
    """A party whose answer the instance (or one unit in it) waits for, and the answers it may give."""

    node: str
    party: str
    unit: str | None
    since: datetime
    outcomes: list[Route]


class InstanceView(BaseModel):
    """One cycle of an SOP."""

    id: UUID
    reference: ReferenceView | None
    headline: str
    definition: str
    version: int
    agency: str
    period: str | None
    title: str
    status: InstanceStatus
    started_at: datetime
    ended_at: datetime | None
    deadline: datetime | None
    deadline_passed: bool
    overdue: bool
    progress: Progress
    open_tasks: list[OpenTask]
    awaited_parties: list[AwaitedParty]
    data: dict[str, Any]

    @classmethod
    def of(cls, state: InstanceState, around: Surroundings) -> Self:
        """The view of an instance."""
        done, total = progress(state, around.process)
        passed = state.deadline is not None and (state.ended_at or around.now) > state.deadline
        return cls(
            id=around.id,
            reference=_reference(around),
            headline=headline(state, around),
            definition=around.process.definition.key,
            version=around.process.version,
            agency=around.agency,
            period=around.period,
            title=around.title,
            status=state.status,
            started_at=state.started_at,
            ended_at=state.ended_at,
            deadline=state.deadline,
            deadline_passed=passed,
            overdue=passed or any(is_overdue(task, state, around) for task in state.tasks),
            progress=Progress(done=done, total=total),
            open_tasks=_open_tasks(state, around),
            awaited_parties=_awaited(state, around),
            data=around.data,
        )


class PlannedStep(BaseModel):
    """An activity that is left on the way to the end: when it must begin at the latest, and when it must end."""

    activity: str
    number: int
    name: str
    latest_start: datetime
    latest_end: datetime


class PlanView(BaseModel):
    """What the deadline asks of the steps that are left, if all goes well from here: counted back from it.

    `slack_minutes` is the working time between the expected end and the deadline; negative: it would be missed,
    although no step need be late yet.
    """

    expected_end: datetime
    slack_minutes: int
    will_miss: bool
    latest_start: datetime
    steps: list[PlannedStep]


class InstanceDetail(InstanceView):
    """One cycle of an SOP, with its plan; null where it is over or has no deadline."""

    plan: PlanView | None

    @classmethod
    def with_plan(cls, state: InstanceState, around: Surroundings) -> Self:
        """The view of an instance together with its plan."""
        return cls(**dict(InstanceView.of(state, around)), plan=_plan(state, around))


def _plan(state: InstanceState, around: Surroundings) -> PlanView | None:
    if state.status.is_over or state.deadline is None:
        return None
    process = around.process
    found = plan(process, state, state.deadline, around.schedule, around.now)
    return PlanView(
        expected_end=found.expected_end,
        slack_minutes=found.slack_minutes,
        will_miss=found.will_miss,
        latest_start=found.latest_start,
        steps=[
            PlannedStep(
                activity=step.activity,
                number=process.activity(step.activity).number,
                name=process.activity(step.activity).name,
                latest_start=step.latest_start,
                latest_end=step.latest_end,
            )
            for step in found.steps
        ],
    )


def _reference(around: Surroundings) -> ReferenceView | None:
    if around.reference_system is None or around.reference_id is None:
        return None
    return ReferenceView(
        system=around.reference_system,
        id=around.reference_id,
        letter_number=around.letter_number,
        letter_date=around.letter_date,
    )


def _awaited(state: InstanceState, around: Surroundings) -> list[AwaitedParty]:
    return [
        AwaitedParty(node=one.node, party=one.party, unit=scope.unit, since=one.since, outcomes=list(node.routes))
        for one in state.asked
        if (node := around.process.node(one.node)) and (scope := state.root.find(one.scope))
    ]


def _open_tasks(state: InstanceState, around: Surroundings) -> list[OpenTask]:
    told = []
    for task in state.tasks:
        position, holder = around.position_and_holder(task)
        told.append(
            OpenTask(
                id=task.id,
                activity=task.activity,
                unit=task.unit,
                candidate_roles=list(around.process.activity(task.activity).candidate_roles),
                position=position,
                holder=holder,
                assignee=task.assignee,
                due_at=task.due_at,
                overdue=is_overdue(task, state, around),
            )
        )
    return told
