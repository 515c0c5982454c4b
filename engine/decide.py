"""Decides what follows when somebody acts on a running SOP. No I/O, no clock.

Every deed takes the compiled process, the state, a command and the time, and either refuses (`engine.errors`)
or returns a Decision: the new state, the events that led to it and the tasks they touched.
`new_id` gives each new task and event its identity; ids are given in the order of the events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from engine.commands import (
    Announce,
    Answer,
    Cancel,
    Claim,
    Comment,
    Complete,
    Deliver,
    GoOn,
    LayAnew,
    Office,
    Pause,
    Performer,
    Resume,
    Start,
    Suspend,
    Unclaim,
    Undo,
)
from engine.compiler import ENDED, CompiledProcess
from engine.definition import Activity, NodeKind, Route, RouteKind
from engine.errors import (
    AlreadyDelivered,
    AssigneeMismatch,
    DeliveriesMissing,
    EvidenceMissing,
    InstanceEnded,
    InstanceNotSuspended,
    Mistake,
    NotACandidate,
    NotThePerformer,
    NotUndoable,
    OutputMissing,
    OutputUnexpected,
    PartyAmbiguous,
    PartyNotAwaited,
    PerformedAtImpossible,
    ReasonMissing,
    SourceUnknown,
    StartNotPossible,
    TaskClaimed,
    TaskNotClaimed,
    TaskNotPaused,
    TaskPaused,
    TaskUnknown,
    UnitsMissing,
    UnitsRequired,
)
from engine.errors import InstanceSuspended as SuspendedRefusal
from engine.events import (
    Because,
    CalendarChanged,
    DeadlineAtRisk,
    DeadlineChanged,
    DeadlinePassed,
    Event,
    InstanceCancelled,
    InstanceCommented,
    InstanceCompleted,
    InstanceResumed,
    InstanceStarted,
    InstanceSuspended,
    MaterialReceived,
    PartyAnswered,
    PartyAsked,
    StepClaimed,
    StepCompleted,
    StepDueChanged,
    StepDueSoon,
    StepEscalated,
    StepOpened,
    StepOverdue,
    StepPaused,
    StepReleased,
    StepResumed,
    StepReturned,
    StepUndone,
    StepWithdrawn,
)
from engine.evolve import evolve
from engine.period import require_period
from engine.places import OUTERMOST
from engine.schedule import Laid, Schedule
from engine.scopes import kinds_of_units, units_missing
from engine.state import (
    Asked,
    InstanceState,
    InstanceStatus,
    Notice,
    Output,
    Returned,
    Scope,
    TaskState,
    TaskStatus,
    lane,
)

NewId = Callable[[], UUID]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a command: the new state, what happened, and every task that was touched."""

    state: InstanceState
    events: tuple[Event, ...]
    tasks: tuple[TaskState, ...]


def start(
    process: CompiledProcess, command: Start, *, now: datetime, new_id: NewId, schedule: Schedule | None = None
) -> Decision:
    """Begin a cycle and open its first activity."""
    require_period(process.definition.cycle, command.period)
    for node, needed, there in units_missing(process, command.units):
        raise UnitsMissing(kind=node.units, needed=needed, there=there)
    _require_start_at(process, command, now)
    began = command.start_at
    course = _Course(process, None, now, new_id, schedule)
    reference = command.reference
    begun = course.happens(
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
        units={kind: command.units.get(kind, ()) for kind in sorted(kinds_of_units(process))} or None,
        start_at=began.activity if began else None,
        done=began.done if began else (),
        definition_hash=command.definition_hash,
        calendar=schedule.id if schedule else None,
        deadline=command.deadline.at if command.deadline else None,
        deadline_basis=command.deadline.legal_basis if command.deadline else None,
        reason="; ".join(filter(None, (command.reason, began.reason if began else None))) or None,
        input=dict(command.input) or None,
    )
    course.open_what_waits(begun)
    return course.decision()


def claim(process: CompiledProcess, state: InstanceState, command: Claim, *, now: datetime, new_id: NewId) -> Decision:
    """Take an open task out of the other candidates' hands."""
    task = _require_live_task(state, command.task)
    office = _require_candidate(process, task, command.by)
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
    process: CompiledProcess,
    state: InstanceState,
    command: Complete,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule | None = None,
) -> Decision:
    """Complete a live task with an outcome and open what the outcome leads to."""
    task = _require_live_task(state, command.task)
    activity = process.activity(task.activity)
    if command.performed_at is not None and not task.opened_at <= command.performed_at <= now:
        raise PerformedAtImpossible
    office = _require_free_for(process, task, command.by)
    route = process.route(activity, command.outcome)
    returns = route.kind is RouteKind.RETURN
    _require_papers(command, activity.expected_outputs if not returns else (), reason=returns)
    if not returns and task.undelivered and not _says(command.reason):
        raise DeliveriesMissing(missing=", ".join(task.undelivered))
    _require_units(process, state, task, route, command)
    _require_paper_trail(command)

    course = _Course(process, state, now, new_id, schedule)
    if task.status is TaskStatus.OPEN:
        course.happens(
            StepClaimed, command.by, office, task=task, assignee=command.by.official, recorded_by=command.recorded_by
        )
    ended = course.happens(
        StepReturned if returns else StepCompleted,
        command.by,
        office,
        task=task,
        outcome=route.outcome,
        from_=task.activity,
        to=route.to,
        outputs=command.outputs,
        attachments=command.attachments,
        units=command.units,
        sent_to=activity.sends_to if not returns else (),
        assignee=command.by.official,
        performed_at=command.performed_at,
        recorded_by=command.recorded_by,
        evidence=command.evidence,
        note=command.note,
        reason=command.reason,
    )
    at = command.performed_at or now
    back = Returned(by=command.by.official, at=at, activity=task.activity, event=ended.id) if returns else None
    opened_at = command.performed_at
    if opened_at is not None and route.to is None:
        joined = course.decision().state.root
        opened_at = max((opened_at, *_ends_of_what_joined(state.root, joined, task.scope)))
    course.open_what_waits(ended, back, opened_at)
    return course.decision()


def undo(
    process: CompiledProcess,
    state: InstanceState,
    command: Undo,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule | None = None,
) -> Decision:
    """Take back a mistaken completion or return while nothing it opened has been acted on."""
    _require_moving(state)
    undoable = next((one for one in reversed(state.undoable) if one.task.id == command.task), None)
    if undoable is None:
        raise NotUndoable
    official = command.by.official
    if official is None or official not in (undoable.task.assignee, undoable.performed_by, undoable.recorded_by):
        raise NotThePerformer
    course = _Course(process, state, now, new_id, schedule)
    course.withdraw([task for task in state.tasks if task.id in undoable.opened], undoable.event)
    activity = process.activity(undoable.task.activity)
    office = _office_for(activity, undoable.task, command.by)
    undone = course.happens(
        StepUndone, command.by, office, task=undoable.task, undone=undoable.event, reason=command.reason
    )
    course.lay_anew(Because.UNDONE, undone.id)
    return course.decision()


def deliver(
    process: CompiledProcess, state: InstanceState, command: Deliver, *, now: datetime, new_id: NewId
) -> Decision:
    """Note that a unit or party handed in what a collecting step waits for."""
    task = _require_live_task(state, command.task)
    if command.source not in task.awaits:
        raise SourceUnknown(source=command.source, awaited=", ".join(task.awaits) or "-")
    if command.source not in task.undelivered:
        raise AlreadyDelivered(source=command.source)
    course = _Course(process, state, now, new_id)
    course.happens(
        MaterialReceived,
        command.by,
        _office_for(process.activity(task.activity), task, command.by),
        task=task,
        source=command.source,
        reference=command.reference,
        note=command.note,
    )
    return course.decision()


def answer(
    process: CompiledProcess,
    state: InstanceState,
    command: Answer,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule | None = None,
) -> Decision:
    """Record a party's answer and open what it leads to."""
    _require_moving(state)
    asked = _require_awaited(state, command)
    node = process.node(asked.node)
    assert node is not None  # noqa: S101  only waiting nodes are asked
    route = process.route(node, command.outcome)
    course = _Course(process, state, now, new_id, schedule)
    answered = course.happens(
        PartyAnswered,
        command.by,
        scope=asked.scope,
        node=asked.node,
        party=asked.party,
        outcome=route.outcome,
        from_=asked.node,
        to=route.to,
        reference=command.reference,
        note=command.note,
    )
    returns = route.kind is RouteKind.RETURN
    back = Returned(by=command.by.official, at=answered.at, activity=asked.node, event=answered.id) if returns else None
    course.open_what_waits(answered, back)
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
    process: CompiledProcess,
    state: InstanceState,
    command: Resume,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule | None = None,
) -> Decision:
    """Let a suspended instance go on where it stood."""
    _require_not_over(state)
    if state.status is not InstanceStatus.SUSPENDED:
        raise InstanceNotSuspended
    course = _Course(process, state, now, new_id, schedule)
    resumed = course.happens(InstanceResumed, command.by, reason=command.reason)
    course.lay_anew(Because.RESUMED, resumed.id)
    return course.decision()


def comment(
    process: CompiledProcess, state: InstanceState, command: Comment, *, now: datetime, new_id: NewId
) -> Decision:
    """Add a remark to the trail of an instance, running or over."""
    course = _Course(process, state, now, new_id)
    course.happens(InstanceCommented, command.by, note=command.text)
    return course.decision()


def pause(process: CompiledProcess, state: InstanceState, command: Pause, *, now: datetime, new_id: NewId) -> Decision:
    """Stop the clock of a step, for instance until the files are complete."""
    task = _require_live_task(state, command.task)
    if task.paused is not None:
        raise TaskPaused(task=task)
    course = _Course(process, state, now, new_id)
    office = _require_free_for(process, task, command.by)
    course.happens(StepPaused, command.by, office, task=task, reason=command.reason)
    return course.decision()


def go_on(
    process: CompiledProcess,
    state: InstanceState,
    command: GoOn,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule | None = None,
) -> Decision:
    """Let the clock of a paused step run again; its due date moves on by the working time it stood still."""
    task = _require_live_task(state, command.task)
    if task.paused is None:
        raise TaskNotPaused(task=task)
    course = _Course(process, state, now, new_id, schedule)
    office = _require_free_for(process, task, command.by)
    went_on = course.happens(StepResumed, command.by, office, task=task, reason=command.reason)
    course.lay_anew(Because.RESUMED, went_on.id)
    return course.decision()


def lay_anew(
    process: CompiledProcess,
    state: InstanceState,
    command: LayAnew,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule,
) -> Decision:
    """Lay what is open on another calendar, and take another statutory deadline. Closed steps stay as they were.

    A decision without events where nothing changes.
    """
    course = _Course(process, state, now, new_id, schedule)
    if state.status.is_over:
        return course.decision()
    course.take_calendar(command.legal_basis)
    deadline = command.deadline.at if command.deadline else None
    if deadline != state.deadline:
        basis = command.deadline.legal_basis if command.deadline else None
        course.happens(DeadlineChanged, Performer(), deadline=deadline, deadline_basis=basis, was=state.deadline)
    return course.decision()


def announce(
    process: CompiledProcess,
    state: InstanceState,
    command: Announce,
    *,
    now: datetime,
    new_id: NewId,
    schedule: Schedule,
) -> Decision:
    """Tell what has become due since it was last told; a decision without events where there is nothing to tell."""
    course = _Course(process, state, now, new_id, schedule)
    if state.status.is_over:
        return course.decision()
    if state.status is InstanceStatus.RUNNING:
        for task in state.tasks:
            course.notice(task, command.superiors.get(task.id, ()))
    course.notice_deadline(command.expected_end)
    return course.decision()


class _Course:
    """The course of events of one decision, each let happen as soon as it is known."""

    def __init__(
        self,
        process: CompiledProcess,
        state: InstanceState | None,
        now: datetime,
        new_id: NewId,
        schedule: Schedule | None = None,
    ) -> None:
        self._process, self._state, self._new_id, self._schedule = process, state, new_id, schedule
        # two servers' clocks may differ; within an instance time never runs backwards
        self._now = max(now, state.latest_at) if state else now
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
        elif by.position is not None:
            facts |= {"position": by.position, "capacity": "definitif"}
        event = kind(id=self._new_id(), at=self._now, actor=by.official, actor_name=by.name, **facts)
        evolved = evolve(self._process, self._state, event)
        self._state = evolved.state
        self._tasks |= {touched.id: touched for touched in evolved.touched}
        self._events.append(event)
        return event

    def open_what_waits(
        self, cause: Event, returned: Returned | None = None, opened_at: datetime | None = None
    ) -> None:
        """Withdraw the tasks whose token left, open one wherever a token came to rest, ask the parties it waits for.

        Ends the instance when the outermost token has ended. `opened_at` is when the cause really happened, if earlier.
        """
        state = self._now_state()
        self.withdraw([task for task in state.tasks if not _rests(state, task)], cause.id)
        self.take_calendar(None)
        if state.root.node == ENDED:
            self.happens(InstanceCompleted, Performer())
            return
        attended = {task.scope for task in self._now_state().tasks} | {one.scope for one in state.asked}
        for scope in state.root.leaves():
            if scope.id not in attended and scope.node != ENDED:
                self._attend(scope, cause, returned, opened_at)

    def withdraw(self, tasks: list[TaskState], cause: UUID) -> None:
        """Withdraw tasks, each with an event of its own."""
        for task in tasks:
            self.happens(StepWithdrawn, Performer(), task=task, cause=cause)

    def _attend(self, scope: Scope, cause: Event, returned: Returned | None, opened_at: datetime | None) -> None:
        node = self._process.node(scope.node)
        if node is not None:
            self.happens(PartyAsked, Performer(), scope=scope.id, node=node.id, party=node.party, cause=cause.id)
            return
        state = self._now_state()
        limit = self._process.activity(scope.node).time_limit
        laid = self._schedule.lay(opened_at or self._now, limit, state.suspensions) if self._schedule else None
        self.happens(
            StepOpened,
            Performer(),
            due_at=laid.due_at if laid else None,
            notice_at=laid.soon_at if laid else None,
            calendar=self._schedule.id if laid and self._schedule else None,
            task_id=self._new_id(),
            activity=scope.node,
            unit=scope.unit,
            scope=scope.id,
            round=state.round_of(scope.node, scope.unit) + 1,
            returned=returned,
            awaits=_awaited(self._process.activity(scope.node), state),
            opened_at=opened_at,
            cause=cause.id,
        )

    def take_calendar(self, legal_basis: str | None) -> None:
        """Lay open due dates on the schedule's calendar, if it is another one than they were laid on."""
        state = self._now_state()
        if self._schedule is None or state.calendar == self._schedule.id:
            return
        changed = self.happens(
            CalendarChanged, Performer(), calendar=self._schedule.id, was=state.calendar, legal_basis=legal_basis
        )
        self.lay_anew(Because.CALENDAR, changed.id, legal_basis)

    def lay_anew(self, because: Because, cause: UUID, legal_basis: str | None = None) -> None:
        """Change the due dates of open steps that the calendar, a pause or an undoing has moved.

        Those of a suspended instance follow when it is resumed, those of a paused step when it goes on.
        """
        state = self._now_state()
        if self._schedule is None or state.status is not InstanceStatus.RUNNING:
            return
        for task in state.tasks:
            limit = self._process.activity(task.activity).time_limit
            laid = self._schedule.lay(task.opened_at, limit, state.stops_of(task))
            if laid is None or task.paused is not None or laid.due_at == task.due_at:
                continue
            told = task.told if laid.due_at <= self._now else min(task.told, Notice.DUE_SOON)
            if laid.soon_at > self._now:
                told = Notice.NONE
            self.happens(
                StepDueChanged,
                Performer(),
                task=task,
                due_at=laid.due_at,
                was=task.due_at,
                notice_at=_next_notice(told, laid, task.notice_at),
                told=told,
                calendar=self._schedule.id,
                because=because,
                cause=cause,
                legal_basis=legal_basis,
            )

    def notice(self, task: TaskState, superiors: tuple[str, ...]) -> None:
        """Announce what has become due of a task: that it soon is, that it is late, and then position by position."""
        assert self._schedule is not None  # noqa: S101  nothing is announced without one
        if task.paused or task.due_at is None or task.notice_at is None or task.notice_at > self._now:
            return
        higher = self._schedule.escalates_at(self._now)
        if task.told >= Notice.OVERDUE:
            level = task.told - Notice.OVERDUE + 1
            if level > len(superiors):
                return
            further = higher if level < len(superiors) else None
            self.happens(
                StepEscalated,
                Performer(),
                task=task,
                due_at=task.due_at,
                level=level,
                superior=superiors[level - 1],
                notice_at=further,
            )
        elif task.due_at < self._now:
            further = higher if superiors else None
            self.happens(StepOverdue, Performer(), task=task, due_at=task.due_at, notice_at=further)
        elif task.told == Notice.NONE:
            self.happens(StepDueSoon, Performer(), task=task, due_at=task.due_at, notice_at=task.due_at)

    def notice_deadline(self, expected_end: datetime | None) -> None:
        """Announce that the statutory deadline passed, or that it will if every step takes its time."""
        state = self._now_state()
        if state.deadline is None:
            return
        if state.deadline < self._now:
            if DeadlinePassed.type not in state.deadline_told:
                self.happens(DeadlinePassed, Performer(), deadline=state.deadline)
        elif expected_end is not None and expected_end > state.deadline:
            if DeadlineAtRisk.type not in state.deadline_told:
                self.happens(DeadlineAtRisk, Performer(), deadline=state.deadline, expected_end=expected_end)

    def _now_state(self) -> InstanceState:
        assert self._state is not None  # noqa: S101  the first event of every course makes a state
        return self._state

    def decision(self) -> Decision:
        return Decision(self._now_state(), tuple(self._events), tuple(self._tasks.values()))


def _next_notice(told: int, laid: Laid, planned: datetime | None) -> datetime | None:
    """When something is to be announced next of a due date that was laid anew."""
    if told == Notice.NONE:
        return laid.soon_at
    return laid.due_at if told == Notice.DUE_SOON else planned


def _rests(state: InstanceState, task: TaskState) -> bool:
    scope = state.root.find(task.scope)
    return scope is not None and scope.node == task.activity


def _ends_of_what_joined(before: Scope, after: Scope, moved: str) -> Iterator[datetime]:
    """When the other branches of what joined had ended: what follows them could not begin earlier."""
    now = after.find(before.id)
    if now is None or now.node != before.node:
        yield from (child.ended_at for child in before.children if child.ended_at is not None)
    for child in before.children:
        if moved.startswith(f"{child.id}/"):
            yield from _ends_of_what_joined(child, after, moved)


def _awaited(activity: Activity, state: InstanceState) -> tuple[str, ...]:
    """The units and parties whose material an activity collects, units as they were frozen at the start."""
    named: list[str] = []
    for source in activity.awaits:
        named += state.units.get(source.units, ()) if source.units else filter(None, (source.party,))
    return tuple(dict.fromkeys(named))


def _require_awaited(state: InstanceState, command: Answer) -> Asked:
    """The one place where the party is awaited, named by node and unit as far as that is needed."""
    waiting: dict[str, Asked] = {}
    for one in state.asked:
        scope = state.root.find(one.scope)
        unit = scope.unit if scope else None
        if one.party == command.party and command.node in (None, one.node) and command.unit in (None, unit):
            waiting[lane(one.node, unit)] = one
    if not waiting:
        raise PartyNotAwaited(party=command.party)
    if len(waiting) > 1:
        raise PartyAmbiguous(party=command.party, nodes=", ".join(sorted(waiting)))
    return next(iter(waiting.values()))


def _require_start_at(process: CompiledProcess, command: Start, now: datetime) -> None:
    """A cycle can begin in the middle only at the outermost level; what is brought along must be activities."""
    if command.start_at is None:
        return
    places = process.places
    possible = [one.id for one in process.definition.activities if places.of[one.id] == OUTERMOST]
    named = (command.start_at.activity, *(done.activity for done in command.start_at.done))
    if named[0] not in possible:
        raise StartNotPossible(activity=named[0], offered=", ".join(possible))
    known = {one.id for one in process.definition.activities}
    for unknown in (one for one in named if one not in known):
        raise StartNotPossible(activity=unknown, offered=", ".join(sorted(known)))
    ahead = process.to_be_done_again(named[0])
    for one in (done.activity for done in command.start_at.done if done.activity in ahead):
        before = ", ".join(sorted(known - ahead))
        raise StartNotPossible(activity=one, offered=before)
    if any(done.performed_at is not None and done.performed_at > now for done in command.start_at.done):
        raise PerformedAtImpossible


def _require_units(
    process: CompiledProcess, state: InstanceState, task: TaskState, route: Route, command: Complete
) -> None:
    """A return into an each-unit node from outside says which units it goes back to."""
    place = process.places.of[route.to] if route.to else OUTERMOST
    node = process.node(place.inside) if place.inside else None
    inside = place in process.places.around(process.places.of[task.activity])
    enters = node is not None and node.kind is NodeKind.EACH_UNIT and not inside
    known = state.units.get(str(node.units), ()) if node and enters else ()
    if not enters and not command.units:
        return
    if (known and not command.units) or set(command.units) - set(known):
        raise UnitsRequired(offered=", ".join(known) or "-")


def _require_paper_trail(command: Complete) -> None:
    """Work done on paper earlier, and what must show it."""
    by_another = command.recorded_by is not None
    if (command.performed_at is not None or by_another) and not _says(command.reason):
        raise EvidenceMissing
    if by_another and not any(document.reference or document.url for document in command.evidence):
        raise EvidenceMissing


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


def _require_candidate(process: CompiledProcess, task: TaskState, performer: Performer) -> Office:
    activity = process.activity(task.activity)
    office = _office_for(activity, task, performer)
    if office is None or performer.official is None:
        raise NotACandidate(roles=", ".join(process.role(role).name for role in activity.candidate_roles))
    return office


def _require_free_for(process: CompiledProcess, task: TaskState, performer: Performer) -> Office:
    """The office of a candidate, while nobody else holds the task."""
    office = _require_candidate(process, task, performer)
    if task.status is TaskStatus.CLAIMED and task.assignee != performer.official:
        raise TaskClaimed(task=task)
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
        for field, documents in (
            ("outputs", command.outputs),
            ("attachments", command.attachments),
            ("evidence", command.evidence),
        )
        for index, document in enumerate(documents)
        if (mistake := _document_mistake(f"{field}[{index}]", document))
    ]
    missing = [_missing_mistake(index, expected[index]) for index in range(given, len(expected))]
    surplus = [_unexpected_mistake(index, len(expected)) for index in range(len(expected), given)]
    unsaid = [_reason_mistake()] if reason and not _says(command.reason) else []
    for refusal, found in ((OutputMissing, documents + missing), (OutputUnexpected, surplus), (ReasonMissing, unsaid)):
        if found:
            raise refusal(*documents, *missing, *surplus, *unsaid)


def _says(words: str | None) -> bool:
    return bool(words and words.strip())


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
