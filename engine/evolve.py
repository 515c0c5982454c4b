"""What an event does to the state of an instance. Deciding and replaying both go through here; they cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from engine.compiler import ENDED, IDLE, STARTED, CompiledProcess, started_at, undoing
from engine.definition import Activity, Node, NodeKind, Route, RouteKind
from engine.errors import TrailContradiction
from engine.events import (
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
    StepEnded,
    StepEscalated,
    StepEvent,
    StepNoticed,
    StepOpened,
    StepOverdue,
    StepPaused,
    StepReleased,
    StepResumed,
    StepReturned,
    StepUndone,
    StepWithdrawn,
)
from engine.scopes import Setting
from engine.state import (
    ROOT,
    Asked,
    Delivery,
    DueDate,
    Holding,
    InstanceState,
    InstanceStatus,
    Material,
    Notice,
    Pause,
    Scope,
    TaskState,
    TaskStatus,
    Undoable,
    ended,
    lane,
)


@dataclass(frozen=True, slots=True)
class Evolved:
    """The state after an event, and every task the event touched in its new form, closed ones too."""

    state: InstanceState
    touched: tuple[TaskState, ...] = ()


def replay(process: CompiledProcess, trail: Iterable[Event]) -> Evolved:
    """The state a whole trail leads to, and every task it ever opened, in the order of opening.

    Raises TrailContradiction where an event could not have happened, or where one is missing at the end.
    """
    state: InstanceState | None = None
    tasks: dict[UUID, TaskState] = {}
    told: set[UUID] = set()
    moved_by: UUID | None = None
    for event in trail:
        if event.id in told:
            raise TrailContradiction(f"{event.type} happened twice")
        told.add(event.id)
        if isinstance(event, StepOpened) and event.task_id in tasks:
            raise TrailContradiction(f"{event.activity} was opened as a task that was opened before")
        if isinstance(event, (StepOpened, PartyAsked, StepWithdrawn)):
            _require_cause(state, event, moved_by)
        elif isinstance(event, (InstanceStarted, StepEnded, PartyAnswered)):
            moved_by = event.id
        evolved = evolve(process, state, event)
        state = evolved.state
        tasks |= {task.id: task for task in evolved.touched}
    if state is None:
        raise TrailContradiction("the trail is empty")
    if not state.status.is_over and not is_attended(process, state):
        raise TrailContradiction("the trail ends before every token has a task or an awaited answer")
    return Evolved(state, tuple(tasks.values()))


def _require_cause(
    state: InstanceState | None, event: StepOpened | PartyAsked | StepWithdrawn, moved_by: UUID | None
) -> None:
    """What follows from a move names the latest move; what an undo withdraws, the mistake."""
    mistaken = isinstance(event, StepWithdrawn) and state is not None and _opened_by_mistake(state, event)
    if event.cause not in (None, moved_by) and not mistaken:
        raise TrailContradiction(f"{event.type} follows from another event than the one it names")


def is_attended(process: CompiledProcess, state: InstanceState) -> bool:
    """Whether every token that rests on an activity or a waiting node has its task or awaited answer, and no more."""
    resting = {scope.id: scope.node for scope in state.root.leaves() if scope.node != ENDED}
    waiting = {task.scope: task.activity for task in state.tasks} | {one.scope: one.node for one in state.asked}
    return resting == waiting and len(waiting) == len(state.tasks) + len(state.asked)


def evolve(process: CompiledProcess, state: InstanceState | None, event: Event) -> Evolved:
    """Let one event happen. Raises TrailContradiction if it could not have happened in this state."""
    if isinstance(event, InstanceStarted):
        return _started(process, state, event)
    if state is None:
        raise TrailContradiction(f"{event.type} before instance.started")
    if event.at < state.latest_at:
        raise TrailContradiction(f"{event.type} before what happened before it")
    evolved = _evolved(process, state, event)
    return Evolved(evolved.state.model_copy(update={"latest_at": event.at}), evolved.touched)


def _evolved(process: CompiledProcess, state: InstanceState, event: Event) -> Evolved:
    if isinstance(event, StepEvent):
        return _of_a_step(process, state, event)
    if isinstance(event, PartyAsked):
        return _asked(process, state, event)
    if isinstance(event, PartyAnswered):
        return _answered(process, state, event)
    return _of_the_whole(state, event)


def _started(process: CompiledProcess, state: InstanceState | None, event: InstanceStarted) -> Evolved:
    if state is not None:
        raise TrailContradiction("instance.started twice")
    units = dict(event.units or {})
    trigger = started_at(event.start_at) if event.start_at else STARTED
    root = Setting(process, units, at=event.at).settled(Scope(id=ROOT, node=process.fire(IDLE, trigger)))
    begun = InstanceState(
        status=InstanceStatus.RUNNING,
        root=root,
        started_at=event.at,
        latest_at=event.at,
        units=units,
        done=_done_outside(process, event),
        materials=_brought_along(event),
        calendar=event.calendar,
        deadlines=(DueDate(at=event.deadline, since=event.at),) if event.deadline else (),
    )
    return Evolved(begun)


def _done_outside(process: CompiledProcess, event: InstanceStarted) -> tuple[str, ...]:
    """What was done before a cycle was entered in the middle: all that does not follow from there, and what is told."""
    if event.start_at is None:
        return ()
    ahead = process.to_be_done_again(event.start_at)
    before = {activity.id for activity in process.definition.activities} - ahead
    return tuple(sorted(before | {one.activity for one in event.done}))


def _brought_along(event: InstanceStarted) -> tuple[Material, ...]:
    return tuple(
        Material(
            activity=one.activity,
            unit=None,
            round=0,
            by=one.performed_by,
            at=one.performed_at or event.at,
            outputs=one.outputs,
        )
        for one in event.done
        if one.outputs
    )


def _of_a_step(process: CompiledProcess, state: InstanceState, event: StepEvent) -> Evolved:
    _require_running(state, event)
    if isinstance(event, StepOpened):
        return _opened(process, state, event)
    if isinstance(event, StepEnded):
        return _ended(process, state, event)
    if isinstance(event, StepUndone):
        return _undone(process, state, event)
    task = _live(state, event)
    if isinstance(event, StepClaimed):
        return _claimed(state, task, event)
    if isinstance(event, StepReleased):
        return _released(state, task, event)
    if isinstance(event, MaterialReceived):
        return _received(state, task, event)
    if isinstance(event, StepWithdrawn):
        return _withdrawn(state, task, event)
    return _timed(state, task, event)


def _timed(state: InstanceState, task: TaskState, event: StepEvent) -> Evolved:
    """Events that concern the clock of a task alone."""
    if isinstance(event, StepPaused):
        if task.paused is not None:
            raise TrailContradiction(f"{event.activity} was paused while its clock stood still")
        return _changed(state, task.paused_by(Pause(since=event.at, by=event.actor, event=event.id)))
    if isinstance(event, StepResumed):
        if task.paused is None:
            raise TrailContradiction(f"{event.activity} went on although its clock was running")
        return _changed(state, task.going_on(event.at))
    if isinstance(event, StepDueChanged):
        if event.was != task.due_at:
            raise TrailContradiction(f"the due date of {event.activity} was another one before it changed")
        laid = task.due(event.due_at, event.at, event.calendar)
        return _changed(state, laid.model_copy(update={"told": event.told, "notice_at": event.notice_at}))
    if isinstance(event, StepNoticed):
        return _changed(state, _told(task, event))
    raise TrailContradiction(f"nobody knows what {event.type} does")


def _told(task: TaskState, event: StepNoticed) -> TaskState:
    told = Notice.OVERDUE + event.level if isinstance(event, StepEscalated) else _NOTICES[type(event)]
    in_turn = told == task.told + 1 or (told, task.told) == (Notice.OVERDUE, Notice.NONE)
    if task.paused or event.due_at != task.due_at or not in_turn:
        raise TrailContradiction(f"{event.type} of {event.activity} out of turn")
    return task.model_copy(update={"told": told, "notice_at": event.notice_at})


_NOTICES = {StepDueSoon: int(Notice.DUE_SOON), StepOverdue: int(Notice.OVERDUE)}


def _opened(process: CompiledProcess, state: InstanceState, event: StepOpened) -> Evolved:
    scope = state.root.find(event.scope)
    if scope is None or scope.node == ENDED or (scope.node, scope.unit) != (event.activity, event.unit):
        raise TrailContradiction(f"{event.activity} was opened, but no token rests there")
    if any(task.scope == event.scope for task in state.tasks):
        raise TrailContradiction(f"{event.activity} was opened while the token already waits on a task")
    if event.round != state.round_of(event.activity, event.unit) + 1:
        raise TrailContradiction(f"{event.activity} was opened in round {event.round} out of turn")
    opened_at = event.opened_at or event.at
    task = TaskState(
        id=event.task_id,
        activity=event.activity,
        scope=event.scope,
        unit=event.unit,
        round=event.round,
        status=TaskStatus.OPEN,
        opened_at=opened_at,
        held_since=opened_at,
        returned=event.returned,
        awaits=event.awaits,
        due_dates=(DueDate(at=event.due_at, since=opened_at, calendar=event.calendar),) if event.due_at else (),
        held=(Holding(by=None, since=opened_at),),
        notice_at=event.notice_at,
    )
    changes: dict[str, object] = {
        "tasks": (*state.tasks, task),
        "rounds": state.rounds | {lane(event.activity, event.unit): event.round},
        "undoable": tuple(_with_opened(one, event) for one in state.undoable),
    }
    return Evolved(state.model_copy(update=changes), (task,))


def _with_opened(undoable: Undoable, event: StepOpened) -> Undoable:
    if undoable.event != event.cause:
        return undoable
    return undoable.model_copy(update={"opened": (*undoable.opened, event.task_id)})


def _claimed(state: InstanceState, task: TaskState, event: StepClaimed) -> Evolved:
    if task.status is not TaskStatus.OPEN or event.actor != event.assignee:
        raise TrailContradiction(f"{event.activity} was claimed while another held it, or for another")
    return _changed(state, task.claimed(event.assignee, event.at))


def _released(state: InstanceState, task: TaskState, event: StepReleased) -> Evolved:
    _require_holder(task, event)
    if event.assignee != task.assignee:
        raise TrailContradiction(f"{event.activity} was given back in another's name")
    return _changed(state, task.released(event.at))


def _ended(process: CompiledProcess, state: InstanceState, event: StepEnded) -> Evolved:
    task = _live(state, event)
    _require_holder(task, event)
    if event.assignee not in (None, task.assignee):
        raise TrailContradiction(f"{event.type} of {task.activity} while another held it")
    if not _rests(state.root, task):
        raise TrailContradiction(f"{event.type} of {task.activity} after its token had left")
    activity = process.activity(task.activity)
    route = _route(activity, event.outcome)
    if event.sent_to != (() if route.kind is RouteKind.RETURN else activity.sends_to):
        raise TrailContradiction(f"{task.activity} was handed to others than its sheet names")
    rest = process.fire(task.activity, event.outcome)
    if (route.kind is RouteKind.RETURN) != isinstance(event, StepReturned):
        raise TrailContradiction(f"{event.type}, but {event.outcome!r} of {task.activity} is a {route.kind}")
    if (event.from_, event.to) != (task.activity, process.leads_to(rest)):
        raise TrailContradiction(f"{event.outcome!r} of {task.activity} leads to {rest}, not to {event.to}")
    setting = Setting(process, state.units, frozenset(event.units), event.performed_at or event.at)
    root = setting.settled(state.root.moved(event.scope, rest))
    closed = task.completed(event.outcome, event.at, event.actor, event.performed_at)
    moved = state.model_copy(
        update={
            "root": root,
            "tasks": tuple(other for other in state.tasks if other.id != task.id),
            "asked": _still_asked(state.asked, root),
            "done": _done_after(process, state, event),
            "materials": _materials_after(state, event),
        }
    )
    untouched = _not_acted_on(state.undoable, task.id)
    standing = _standing(untouched, root)
    set_aside = tuple(one for one in untouched if one not in standing)
    undoable = (*standing, _how_to_undo(process, state, task, event, moved, set_aside))
    return Evolved(moved.model_copy(update={"undoable": undoable}), (closed,))


def _still_asked(asked: tuple[Asked, ...], root: Scope) -> tuple[Asked, ...]:
    """Those whose token still rests on the waiting node."""
    return tuple(one for one in asked if (scope := root.find(one.scope)) is not None and scope.node == one.node)


def _route(part: Activity | Node, outcome: str) -> Route:
    """The printed route of an outcome; the triggers of the engine's own are nobody's outcomes."""
    for route in part.routes:
        if route.outcome == outcome:
            return route
    raise TrailContradiction(f"{part.id} offers no {outcome!r}")


def _rests(root: Scope, task: TaskState) -> bool:
    """Whether the token of a task still rests on its activity."""
    scope = root.find(task.scope)
    return scope is not None and scope.node == task.activity


def _not_acted_on(undoable: tuple[Undoable, ...], task: UUID) -> tuple[Undoable, ...]:
    return tuple(one for one in undoable if task not in one.opened)


def _standing(undoable: tuple[Undoable, ...], root: Scope) -> tuple[Undoable, ...]:
    """Those whose scope is as they left it."""
    return tuple(one for one in undoable if root.find(one.after.id) == one.after)


def _how_to_undo(
    process: CompiledProcess,
    state: InstanceState,
    task: TaskState,
    event: StepEnded,
    moved: InstanceState,
    set_aside: tuple[Undoable, ...],
) -> Undoable:
    before, after = _all_that_moved(process, state.root, moved.root, event)
    gone = tuple(other for other in moved.tasks if not _rests(moved.root, other))
    return Undoable(
        event=event.id,
        performed_by=event.actor,
        recorded_by=event.recorded_by,
        task=task,
        before=before,
        after=after,
        withdrawn=gone,
        asked_before=tuple(one for one in state.asked if one not in moved.asked),
        newly_done=tuple(sorted(set(moved.done) - set(state.done))),
        no_longer_done=tuple(sorted(set(state.done) - set(moved.done))),
        materials_before=tuple(one for one in state.materials if _is_of(one, event)),
        set_aside=set_aside,
    )


def _all_that_moved(process: CompiledProcess, before: Scope, after: Scope, event: StepEnded) -> tuple[Scope, Scope]:
    """The outermost scope whose token moved, on the way to the one that the event moved, before and after."""
    if before.id == event.scope or before.node != after.node or _begins_again(process, before.node, event):
        return before, after
    child = next(one for one in before.children if event.scope == one.id or event.scope.startswith(f"{one.id}/"))
    same = next(one for one in after.children if one.id == child.id)
    return _all_that_moved(process, child, same, event)


def _begins_again(process: CompiledProcess, node: str, event: StepEnded) -> bool:
    """Whether a token may have left a node and come back to it in one move, which its name alone does not show."""
    described = process.node(node)
    return node == event.to or (described is not None and described.to == node)


def _done_after(process: CompiledProcess, state: InstanceState, event: StepEnded) -> tuple[str, ...]:
    if isinstance(event, StepCompleted) or event.to is None:
        return tuple(sorted({*state.done, lane(event.activity, event.unit)}))
    return _still_done(process, state, event.to, frozenset(event.units or filter(None, (event.unit,))))


def _still_done(process: CompiledProcess, state: InstanceState, to: str, units: frozenset[str]) -> tuple[str, ...]:
    """What need not be done again when work goes back; sent back to some units, it leaves the others' alone."""
    again = process.to_be_done_again(to)

    def stands(done: str) -> bool:
        activity, _, unit = done.partition("@")
        if activity not in again:
            return True
        return bool(unit and units and unit not in units and process.places.share_units(activity, to))

    return tuple(one for one in state.done if stands(one))


def _materials_after(state: InstanceState, event: StepEnded) -> tuple[Material, ...]:
    """The latest documents of each activity; a round replaces only the kind it hands over, outputs or attachments."""
    latest = Material(
        activity=event.activity,
        unit=event.unit,
        round=event.round,
        by=event.actor,
        at=event.performed_at or event.at,
        outputs=event.outputs,
        attachments=event.attachments,
    )
    standing = (_without_kinds(one, event) if _is_of(one, event) else one for one in state.materials)
    return tuple(one for one in (*standing, latest) if one.outputs or one.attachments)


def _without_kinds(material: Material, event: StepEnded) -> Material:
    replaced = {"outputs": event.outputs, "attachments": event.attachments}
    return material.model_copy(update={kind: () for kind, given in replaced.items() if given})


def _is_of(material: Material, event: StepEvent) -> bool:
    return (material.activity, material.unit) == (event.activity, event.unit)


def _undone(process: CompiledProcess, state: InstanceState, event: StepUndone) -> Evolved:
    """Put back what a completion changed. The tasks it opened were withdrawn by events of their own."""
    undoable = next((one for one in state.undoable if one.event == event.undone), None)
    if undoable is None or not _is_about(undoable.task, event):
        raise TrailContradiction(f"{event.activity} was undone although it could not be")
    if event.actor is None or event.actor not in (undoable.performed_by, undoable.recorded_by):
        raise TrailContradiction(f"{event.activity} was undone by somebody who had not done it")
    back = (undoable.task, *undoable.withdrawn)
    if any(task.id in undoable.opened for task in state.tasks):
        raise TrailContradiction(f"{event.activity} was undone before what it opened was withdrawn")
    if {task.id for task in back} & {task.id for task in state.tasks}:
        raise TrailContradiction(f"{event.activity} was undone although what comes back had never gone")
    if process.fire(undoable.after.node, undoing(undoable.before.node)) != undoable.before.node:
        raise TrailContradiction(f"no way leads back to {undoable.before.node}")
    root = state.root.with_scope(undoable.before)
    done = {*state.done, *undoable.no_longer_done} - set(undoable.newly_done)
    changes: dict[str, object] = {
        "root": root,
        "tasks": (*state.tasks, *back),
        "asked": (*_still_asked(state.asked, root), *undoable.asked_before),
        "done": tuple(sorted(done)),
        "materials": _materials_before(state, event, undoable),
        "undoable": _standing((*(one for one in state.undoable if one != undoable), *undoable.set_aside), root),
    }
    return Evolved(state.model_copy(update=changes), back)


def _materials_before(state: InstanceState, event: StepUndone, undoable: Undoable) -> tuple[Material, ...]:
    """The materials without those the undone round handed over."""
    return (*(one for one in state.materials if not _is_of(one, event)), *undoable.materials_before)


def _received(state: InstanceState, task: TaskState, event: MaterialReceived) -> Evolved:
    if event.source not in task.undelivered:
        raise TrailContradiction(f"{event.source} handed in what {event.activity} does not wait for")
    delivery = Delivery(source=event.source, at=event.at, by=event.actor, reference=event.reference)
    changed = _changed(state, task.delivered(delivery))
    undoable = _not_acted_on(state.undoable, task.id)
    return Evolved(changed.state.model_copy(update={"undoable": undoable}), changed.touched)


def _withdrawn(state: InstanceState, task: TaskState, event: StepWithdrawn) -> Evolved:
    if _rests(state.root, task) and not _opened_by_mistake(state, event):
        raise TrailContradiction(f"{event.activity} was withdrawn although its token still rests there")
    closed = task.closed(TaskStatus.WITHDRAWN, event.at)
    kept = tuple(other for other in state.tasks if other.id != task.id)
    return Evolved(state.model_copy(update={"tasks": kept}), (closed,))


def _opened_by_mistake(state: InstanceState, event: StepWithdrawn) -> bool:
    return any(event.cause == one.event and event.task_id in one.opened for one in state.undoable)


def _asked(process: CompiledProcess, state: InstanceState, event: PartyAsked) -> Evolved:
    _require_running(state, event)
    scope, node = state.root.find(event.scope), process.node(event.node)
    if scope is None or scope.node != event.node or node is None or node.kind is not NodeKind.WAIT:
        raise TrailContradiction(f"{event.party} was asked, but no token waits for it")
    if node.party != event.party or any(one.scope == event.scope for one in state.asked):
        raise TrailContradiction(f"{event.party} was asked out of turn")
    asked = Asked(node=event.node, party=event.party, scope=event.scope, since=event.at)
    return Evolved(state.model_copy(update={"asked": (*state.asked, asked)}))


def _answered(process: CompiledProcess, state: InstanceState, event: PartyAnswered) -> Evolved:
    _require_running(state, event)
    if not any((one.scope, one.node, one.party) == (event.scope, event.node, event.party) for one in state.asked):
        raise TrailContradiction(f"{event.party} answered although nobody waited for it")
    node = process.places.parts[event.node]
    route = _route(node, event.outcome)
    rest = process.fire(event.node, event.outcome)
    if (event.from_, event.to) != (event.node, process.leads_to(rest)):
        raise TrailContradiction(f"{event.outcome!r} of {event.node} leads to {rest}, not to {event.to}")
    # an answer names no units: one that leads back into an each-unit node concerns all of them
    every_unit = frozenset(unit for units in state.units.values() for unit in units)
    root = Setting(process, state.units, every_unit, event.at).settled(state.root.moved(event.scope, rest))
    changes: dict[str, object] = {
        "root": root,
        "asked": _still_asked(tuple(one for one in state.asked if one.scope != event.scope), root),
        "undoable": tuple(one for one in _standing(state.undoable, root) if one.after.find(event.scope) is None),
    }
    if route.kind is RouteKind.RETURN and event.to is not None:
        scope = state.root.find(event.scope)
        unit = scope.unit if scope else None
        changes["done"] = _still_done(process, state, event.to, frozenset(filter(None, (unit,))))
    return Evolved(state.model_copy(update=changes))


def _of_the_whole(state: InstanceState, event: Event) -> Evolved:
    """Events that concern the instance as a whole."""
    if isinstance(event, InstanceCommented):
        return Evolved(state)
    if isinstance(event, InstanceSuspended):
        _require_running(state, event)
        stop = Pause(since=event.at, by=event.actor, event=event.id)
        suspended = {"suspended_at": event.at, "suspensions": (*state.suspensions, stop)}
        return Evolved(_with_status(state, InstanceStatus.SUSPENDED, **suspended), state.tasks)
    if isinstance(event, InstanceResumed):
        if state.status is not InstanceStatus.SUSPENDED:
            raise TrailContradiction(f"{event.type} while the instance was {state.status}")
        going_on = {"suspended_at": None, "suspensions": ended(state.suspensions, event.at)}
        return Evolved(_with_status(state, InstanceStatus.RUNNING, **going_on), state.tasks)
    if isinstance(event, (CalendarChanged, DeadlineChanged, DeadlineAtRisk, DeadlinePassed)):
        return Evolved(_of_the_deadline(state, event))
    if isinstance(event, InstanceCompleted):
        _require_running(state, event)
        if state.root.node != ENDED or state.tasks or state.asked:
            raise TrailContradiction("instance.completed before the end was reached")
        return Evolved(_over(state, InstanceStatus.COMPLETED, event.at))
    if isinstance(event, InstanceCancelled):
        closed = tuple(task.closed(TaskStatus.CANCELLED, event.at) for task in state.tasks)
        if {task.id for task in closed} != set(event.tasks):
            raise TrailContradiction("instance.cancelled names other tasks than those that were live")
        return Evolved(_over(state, InstanceStatus.CANCELLED, event.at), closed)
    raise TrailContradiction(f"nobody knows what {event.type} does")


def _of_the_deadline(
    state: InstanceState, event: CalendarChanged | DeadlineChanged | DeadlineAtRisk | DeadlinePassed
) -> InstanceState:
    if state.status.is_over:
        raise TrailContradiction(f"{event.type} after the instance had ended")
    if isinstance(event, CalendarChanged):
        return state.model_copy(update={"calendar": event.calendar})
    if isinstance(event, DeadlineChanged):
        if event.was != state.deadline:
            raise TrailContradiction("the deadline was another one before it changed")
        changed = (*state.deadlines, DueDate(at=event.deadline, since=event.at)) if event.deadline else ()
        return state.model_copy(update={"deadlines": changed, "deadline_told": ()})
    if event.deadline != state.deadline or event.type in state.deadline_told:
        raise TrailContradiction(f"{event.type} out of turn")
    return state.model_copy(update={"deadline_told": (*state.deadline_told, event.type)})


def _over(state: InstanceState, status: InstanceStatus, at: datetime) -> InstanceState:
    return _with_status(state, status, ended_at=at, tasks=(), asked=(), undoable=(), suspended_at=None)


def _with_status(state: InstanceState, status: InstanceStatus, **changes: object) -> InstanceState:
    if state.status.is_over:
        raise TrailContradiction(f"an instance that is {state.status} became {status}")
    return state.model_copy(update={"status": status, **changes})


def _require_running(state: InstanceState, event: Event) -> None:
    if state.status is not InstanceStatus.RUNNING:
        raise TrailContradiction(f"{event.type} while the instance was {state.status}")


def _require_holder(task: TaskState, event: StepEvent) -> None:
    if task.status is not TaskStatus.CLAIMED or task.assignee != event.actor:
        raise TrailContradiction(f"{event.type} by somebody who did not hold the task")


def _live(state: InstanceState, event: StepEvent) -> TaskState:
    task = state.task(event.task_id)
    if task is None or not _is_about(task, event):
        raise TrailContradiction(f"{event.type} of a task that was not live")
    return task


def _is_about(task: TaskState, event: StepEvent) -> bool:
    said = (event.task_id, event.activity, event.scope, event.unit, event.round)
    return (task.id, task.activity, task.scope, task.unit, task.round) == said


def _changed(state: InstanceState, task: TaskState) -> Evolved:
    tasks = tuple(task if other.id == task.id else other for other in state.tasks)
    return Evolved(state.model_copy(update={"tasks": tasks}), (task,))
