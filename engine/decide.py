"""Decides what follows when somebody acts on a running SOP. No I/O, no clock.

Every deed takes the compiled process, the state, a command and the time, and either refuses (`engine.errors`)
or returns a Decision: the new state, the events that led to it and the tasks they touched.
`new_id` gives each new task and event its identity; ids are given in the order of the events.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.commands import Cancel, Claim, Comment, Complete, Office, Performer, Resume, Start, Suspend, Unclaim
from engine.compiler import ENDED, CompiledProcess
from engine.definition import Activity, RouteKind
from engine.errors import (
    AssigneeMismatch,
    InstanceEnded,
    InstanceNotSuspended,
    Mistake,
    NotACandidate,
    OutputMissing,
    OutputUnexpected,
    ReasonMissing,
    TaskClaimed,
    TaskNotClaimed,
    TaskUnknown,
)
from engine.errors import InstanceSuspended as SuspendedRefusal
from engine.events import (
    Event,
    InstanceCancelled,
    InstanceCommented,
    InstanceCompleted,
    InstanceResumed,
    InstanceStarted,
    InstanceSuspended,
    StepClaimed,
    StepCompleted,
    StepOpened,
    StepReleased,
    StepReturned,
)
from engine.evolve import evolve
from engine.period import require_period
from engine.state import InstanceState, InstanceStatus, Output, Returned, Scope, TaskState, TaskStatus

NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a command: the new state, what happened, and every task that was touched."""

    state: InstanceState
    events: tuple[Event, ...]
    tasks: tuple[TaskState, ...]


def start(process: CompiledProcess, command: Start, *, now: datetime, new_id: NewId) -> Decision:
    """Begin a cycle and open its first activity."""
    require_period(process.definition.cycle, command.period)
    course = _Course(process, None, now, new_id)
    reference = command.reference
    course.happens(
        InstanceStarted,
        command.by,
        agency=command.agency,
        period=command.period,
        title=command.title,
        system=reference.system if reference else None,
        reference=reference.id if reference else None,
        letter_number=reference.letter_number if reference else None,
        letter_date=reference.letter_date if reference else None,
        duplicate_of=command.duplicate_of,
        reason=command.reason,
        input=dict(command.input) or None,
    )
    course.open_what_waits()
    return course.decision()


def claim(process: CompiledProcess, state: InstanceState, command: Claim, *, now: datetime, new_id: NewId) -> Decision:
    """Take an open task out of the other candidates' hands."""
    task = _require_live_task(state, command.task)
    office = _require_candidate(process.activity(task.activity), task, command.by)
    if task.status is TaskStatus.CLAIMED:
        raise TaskClaimed(task=task)
    course = _Course(process, state, now, new_id)
    course.happens(StepClaimed, command.by, office, task=task, assignee=command.by.official)
    return course.decision()


def unclaim(
    process: CompiledProcess, state: InstanceState, command: Unclaim, *, now: datetime, new_id: NewId
) -> Decision:
    """Give a claimed task back to the other candidates."""
    task = _require_live_task(state, command.task)
    if task.status is not TaskStatus.CLAIMED:
        raise TaskNotClaimed(task=task)
    if task.assignee != command.by.official:
        raise AssigneeMismatch(task=task)
    office = _office_for(process.activity(task.activity), task, command.by)
    course = _Course(process, state, now, new_id)
    course.happens(StepReleased, command.by, office, task=task, assignee=task.assignee)
    return course.decision()


def complete(
    process: CompiledProcess, state: InstanceState, command: Complete, *, now: datetime, new_id: NewId
) -> Decision:
    """Complete a live task with an outcome and open what the outcome leads to."""
    task = _require_live_task(state, command.task)
    activity = process.activity(task.activity)
    office = _require_candidate(activity, task, command.by)
    if task.status is TaskStatus.CLAIMED and task.assignee != command.by.official:
        raise TaskClaimed(task=task)
    route = process.route(activity, command.outcome)
    returns = route.kind is RouteKind.RETURN
    _require_papers(command, activity.expected_outputs if not returns else (), reason=returns)

    course = _Course(process, state, now, new_id)
    if task.status is TaskStatus.OPEN:
        course.happens(StepClaimed, command.by, office, task=task, assignee=command.by.official)
    ended = course.happens(
        StepReturned if returns else StepCompleted,
        command.by,
        office,
        task=task,
        outcome=route.outcome,
        **{"from": task.activity},
        to=route.to,
        outputs=command.outputs,
        attachments=command.attachments,
        note=command.note,
        reason=command.reason,
    )
    back = Returned(by=command.by.official, at=now, activity=task.activity, event=ended.id) if returns else None
    course.open_what_waits(back)
    return course.decision()


def cancel(
    process: CompiledProcess, state: InstanceState, command: Cancel, *, now: datetime, new_id: NewId
) -> Decision:
    """End an instance before its end."""
    _require_not_over(state)
    course = _Course(process, state, now, new_id)
    live = tuple(task.id for task in state.tasks)
    course.happens(InstanceCancelled, command.by, tasks=live, reason=command.reason)
    return course.decision()


def suspend(
    process: CompiledProcess, state: InstanceState, command: Suspend, *, now: datetime, new_id: NewId
) -> Decision:
    """Stop everything in an instance until it is resumed."""
    _require_moving(state)
    course = _Course(process, state, now, new_id)
    course.happens(InstanceSuspended, command.by, reason=command.reason)
    return course.decision()


def resume(
    process: CompiledProcess, state: InstanceState, command: Resume, *, now: datetime, new_id: NewId
) -> Decision:
    """Let a suspended instance go on where it stood."""
    _require_not_over(state)
    if state.status is not InstanceStatus.SUSPENDED:
        raise InstanceNotSuspended
    course = _Course(process, state, now, new_id)
    course.happens(InstanceResumed, command.by, reason=command.reason)
    return course.decision()


def comment(
    process: CompiledProcess, state: InstanceState, command: Comment, *, now: datetime, new_id: NewId
) -> Decision:
    """Add a remark to the trail of an instance, running or over."""
    course = _Course(process, state, now, new_id)
    course.happens(InstanceCommented, command.by, note=command.text)
    return course.decision()


class _Course:
    """The course of events of one decision, each let happen as soon as it is known."""

    def __init__(self, process: CompiledProcess, state: InstanceState | None, now: datetime, new_id: NewId) -> None:
        self._process, self._state, self._now, self._new_id = process, state, now, new_id
        self._events: list[Event] = []
        self._tasks: dict[UUID, TaskState] = {}

    def happens(
        self,
        kind: type[Event],
        by: Performer,
        office: Office | None = None,
        *,
        task: TaskState | None = None,
        **facts: Any,
    ) -> Event:
        """Let one event happen, said of the task it concerns and of who did it in which office."""
        if task is not None:
            facts |= {
                "task_id": task.id,
                "activity": task.activity,
                "unit": task.unit,
                "scope": task.scope,
                "round": task.round,
            }
        if office is not None:
            facts |= {
                "role": office.role,
                "position": office.position,
                "capacity": office.capacity,
                "acting_for": office.acting_for,
                "mandate": office.mandate,
            }
        event = kind(id=self._new_id(), at=self._now, actor=by.official, actor_name=by.name, **facts)
        evolved = evolve(self._process, self._state, event)
        self._state = evolved.state
        self._tasks |= {touched.id: touched for touched in evolved.touched}
        self._events.append(event)
        return event

    def open_what_waits(self, returned: Returned | None = None) -> None:
        """Open a task wherever a token rests on an activity without one; end the instance when the root has ended."""
        assert self._state is not None  # noqa: S101  the first event of every course makes a state
        if self._state.root.node == ENDED:
            self.happens(InstanceCompleted, Performer())
            return
        waiting = {task.scope for task in self._state.tasks}
        for scope in _leaves(self._state.root):
            if scope.id not in waiting:
                self._open(scope, returned)

    def _open(self, scope: Scope, returned: Returned | None) -> None:
        assert self._state is not None  # noqa: S101  as above
        self.happens(
            StepOpened,
            Performer(),
            task_id=self._new_id(),
            activity=scope.node,
            scope=scope.id,
            round=self._state.round_of(scope.node, None) + 1,
            returned=returned,
        )

    def decision(self) -> Decision:
        assert self._state is not None  # noqa: S101  as above
        return Decision(self._state, tuple(self._events), tuple(self._tasks.values()))


def _leaves(scope: Scope) -> tuple[Scope, ...]:
    if not scope.children:
        return (scope,)
    return tuple(leaf for child in scope.children for leaf in _leaves(child))


def _require_not_over(state: InstanceState) -> None:
    if state.status.is_over:
        raise InstanceEnded(status=state.status)


def _require_moving(state: InstanceState) -> None:
    _require_not_over(state)
    if state.status is InstanceStatus.SUSPENDED:
        raise SuspendedRefusal


def _require_live_task(state: InstanceState, task_id: UUID) -> TaskState:
    task = state.task(task_id)
    _require_moving(state)
    if task is None:
        raise TaskUnknown
    return task


def _require_candidate(activity: Activity, task: TaskState, performer: Performer) -> Office:
    office = _office_for(activity, task, performer)
    if office is None or performer.official is None:
        raise NotACandidate(roles=", ".join(activity.candidate_roles))
    return office


def _office_for(activity: Activity, task: TaskState, performer: Performer) -> Office | None:
    """The office in which the performer may do this activity: a definitive one before an acting one."""
    fitting = [
        office
        for office in performer.offices
        if office.role in activity.candidate_roles and (task.unit is None or office.unit == task.unit)
    ]
    return min(fitting, key=lambda office: office.capacity != "definitif", default=None)


def _require_papers(command: Complete, expected: tuple[str, ...], *, reason: bool) -> None:
    """One entry for each printed output, each present or excused, never both; a reason where one is due.

    The first kind of mistake gives the refusal its name; it holds the mistakes of every kind.
    """
    given = len(command.outputs)
    documents = [
        mistake
        for field, documents in (("outputs", command.outputs), ("attachments", command.attachments))
        for index, document in enumerate(documents)
        if (mistake := _document_mistake(f"{field}[{index}]", document))
    ]
    missing = [_missing_mistake(index, expected[index]) for index in range(given, len(expected))]
    surplus = [_unexpected_mistake(index, len(expected)) for index in range(len(expected), given)]
    unsaid = [_reason_mistake()] if reason and not (command.reason or "").strip() else []
    for refusal, found in ((OutputMissing, documents + missing), (OutputUnexpected, surplus), (ReasonMissing, unsaid)):
        if found:
            raise refusal(*documents, *missing, *surplus, *unsaid)


def _document_mistake(at: str, document: Output) -> Mistake | None:
    if document.is_present and document.missing_reason:
        return Mistake(
            at=f"{at}.missing_reason",
            message_id="Dokumen ini ada, jadi alasan ketiadaannya harus dihapus.",
            message_en="The document is present, so it cannot have a reason for being missing.",
        )
    if not document.is_present and not document.missing_reason:
        return Mistake(
            at=at,
            message_id="Sertakan tautan, nomor rujukan atau SHA-256 dokumen ini, atau alasan mengapa belum ada.",
            message_en="Give a link, a reference or the SHA-256 of this document, or the reason why it is missing.",
            expected="url | reference | sha256 | missing_reason",
        )
    return None


def _missing_mistake(index: int, name: str) -> Mistake:
    return Mistake(
        at=f"outputs[{index}]",
        message_id=f"Output “{name}” belum disertakan.",
        message_en=f"The output “{name}” has no entry.",
        expected=name,
    )


def _unexpected_mistake(index: int, allowed: int) -> Mistake:
    return Mistake(
        at=f"outputs[{index}]",
        message_id="Lembar SOP tidak mencantumkan output ini; gunakan attachments.",
        message_en="The sheet prints no such output; use attachments.",
        expected=f"{allowed}",
    )


def _reason_mistake() -> Mistake:
    return Mistake(
        at="reason",
        message_id="Tuliskan alasan pengembalian agar penyusun tahu apa yang harus diperbaiki.",
        message_en="Say why the work goes back, so that the drafter knows what to mend.",
    )
