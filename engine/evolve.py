"""What an event does to the state of an instance. Deciding and replaying both go through here and cannot differ."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from engine.compiler import ENDED, IDLE, STARTED, CompiledProcess
from engine.definition import RouteKind
from engine.errors import TrailContradiction
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
    StepEnded,
    StepEvent,
    StepOpened,
    StepReleased,
    StepReturned,
)
from engine.state import (
    ROOT,
    InstanceState,
    InstanceStatus,
    Material,
    Scope,
    TaskState,
    TaskStatus,
    lane,
)


@dataclass(frozen=True, slots=True)
class Evolved:
    """The state after an event, and every task the event touched in its new form, closed ones too."""

    state: InstanceState
    touched: tuple[TaskState, ...] = ()


def replay(process: CompiledProcess, trail: Iterable[Event]) -> Evolved:
    """The state a whole trail leads to, and every task it ever opened, in the order of opening.

    Raises TrailContradiction where an event could not have happened.
    """
    state: InstanceState | None = None
    tasks: dict[UUID, TaskState] = {}
    told: set[UUID] = set()
    for event in trail:
        if event.id in told:
            raise TrailContradiction(f"{event.type} happened twice")
        told.add(event.id)
        if isinstance(event, StepOpened) and event.task_id in tasks:
            raise TrailContradiction(f"{event.activity} was opened as a task that was opened before")
        evolved = evolve(process, state, event)
        state = evolved.state
        tasks |= {task.id: task for task in evolved.touched}
    if state is None:
        raise TrailContradiction("the trail is empty")
    return Evolved(state, tuple(tasks.values()))


def evolve(process: CompiledProcess, state: InstanceState | None, event: Event) -> Evolved:
    """Let one event happen. Raises TrailContradiction if it could not have happened in this state."""
    if isinstance(event, InstanceStarted):
        return _started(process, state, event)
    if state is None:
        raise TrailContradiction(f"{event.type} before instance.started")
    if isinstance(event, StepOpened):
        return _opened(process, state, event)
    if isinstance(event, StepEnded):
        return _ended(process, state, event)
    if isinstance(event, StepClaimed):
        return _claimed(state, event)
    if isinstance(event, StepReleased):
        return _released(state, event)
    return _of_the_whole(state, event)


def _started(process: CompiledProcess, state: InstanceState | None, event: InstanceStarted) -> Evolved:
    if state is not None:
        raise TrailContradiction("instance.started twice")
    root = Scope(id=ROOT, node=process.fire(IDLE, STARTED))
    return Evolved(InstanceState(status=InstanceStatus.RUNNING, root=root, started_at=event.at))


def _opened(process: CompiledProcess, state: InstanceState, event: StepOpened) -> Evolved:
    _require_running(state, event)
    scope = state.root.find(event.scope)
    if scope is None or scope.node != event.activity or scope.node == ENDED:
        raise TrailContradiction(f"{event.activity} was opened, but no token rests there")
    if any(task.scope == event.scope for task in state.tasks):
        raise TrailContradiction(f"{event.activity} was opened while the token already waits on a task")
    if event.round != state.round_of(event.activity, event.unit) + 1:
        raise TrailContradiction(f"{event.activity} was opened in round {event.round} out of turn")
    task = TaskState(
        id=event.task_id,
        activity=event.activity,
        scope=event.scope,
        unit=event.unit,
        round=event.round,
        status=TaskStatus.OPEN,
        opened_at=event.at,
        held_since=event.at,
        returned=event.returned,
    )
    rounds = state.rounds | {lane(event.activity, event.unit): event.round}
    return Evolved(state.model_copy(update={"tasks": (*state.tasks, task), "rounds": rounds}), (task,))


def _claimed(state: InstanceState, event: StepClaimed) -> Evolved:
    task = _live(state, event)
    if task.status is not TaskStatus.OPEN or event.actor != event.assignee:
        raise TrailContradiction(f"{event.activity} was claimed while another held it, or for another")
    return _changed(state, task.claimed(event.assignee, event.at))


def _released(state: InstanceState, event: StepReleased) -> Evolved:
    task = _live(state, event)
    _require_holder(task, event)
    if event.assignee != task.assignee:
        raise TrailContradiction(f"{event.activity} was given back in another's name")
    return _changed(state, task.released(event.at))


def _ended(process: CompiledProcess, state: InstanceState, event: StepEnded) -> Evolved:
    task = _live(state, event)
    _require_holder(task, event)
    node = process.fire(task.activity, event.outcome)
    route = process.route(process.activity(task.activity), event.outcome)
    if (route.kind is RouteKind.RETURN) != isinstance(event, StepReturned):
        raise TrailContradiction(f"{event.type}, but {event.outcome!r} of {task.activity} is a {route.kind}")
    if (event.from_, event.to) != (task.activity, None if node == ENDED else node):
        raise TrailContradiction(f"{event.outcome!r} of {task.activity} leads to {node}, not to {event.to}")
    closed = task.closed(TaskStatus.COMPLETED, event.at, event.outcome, event.actor)
    done = _done_after(process, state, event)
    return Evolved(
        state.model_copy(
            update={
                "root": state.root.moved(event.scope, node),
                "tasks": tuple(other for other in state.tasks if other.id != task.id),
                "done": done,
                "materials": _materials_after(state, event),
            }
        ),
        (closed,),
    )


def _done_after(process: CompiledProcess, state: InstanceState, event: StepEnded) -> tuple[str, ...]:
    if isinstance(event, StepCompleted):
        return tuple(sorted({*state.done, event.activity}))
    again = process.to_be_done_again(event.to) if event.to else frozenset()
    return tuple(sorted(set(state.done) - again))


def _materials_after(state: InstanceState, event: StepEnded) -> tuple[Material, ...]:
    """The latest outputs of each activity; a round that hands over nothing leaves the earlier ones standing."""
    outputs = (*event.outputs, *event.attachments)
    if not outputs:
        return state.materials
    kept = (one for one in state.materials if (one.activity, one.unit) != (event.activity, event.unit))
    latest = Material(
        activity=event.activity, unit=event.unit, round=event.round, by=event.actor, at=event.at, outputs=outputs
    )
    return (*kept, latest)


def _of_the_whole(state: InstanceState, event: Event) -> Evolved:
    """Events that concern the instance as a whole."""
    if isinstance(event, InstanceCommented):
        return Evolved(state)
    if isinstance(event, InstanceSuspended):
        _require_running(state, event)
        return Evolved(_with_status(state, InstanceStatus.SUSPENDED, suspended_at=event.at))
    if isinstance(event, InstanceResumed):
        if state.status is not InstanceStatus.SUSPENDED:
            raise TrailContradiction(f"{event.type} while the instance was {state.status}")
        return Evolved(_with_status(state, InstanceStatus.RUNNING, suspended_at=None))
    if isinstance(event, InstanceCompleted):
        _require_running(state, event)
        if state.root.node != ENDED or state.tasks:
            raise TrailContradiction("instance.completed before the end was reached")
        return Evolved(_with_status(state, InstanceStatus.COMPLETED, ended_at=event.at))
    if isinstance(event, InstanceCancelled):
        closed = tuple(task.closed(TaskStatus.CANCELLED, event.at) for task in state.tasks)
        if {task.id for task in closed} != set(event.tasks):
            raise TrailContradiction("instance.cancelled names other tasks than those that were live")
        ended = _with_status(state, InstanceStatus.CANCELLED, ended_at=event.at, tasks=(), suspended_at=None)
        return Evolved(ended, closed)
    raise TrailContradiction(f"nobody knows what {event.type} does")


def _with_status(state: InstanceState, status: InstanceStatus, **changes: object) -> InstanceState:
    if state.status.is_over:
        raise TrailContradiction(f"an instance that is {state.status} became {status}")
    return state.model_copy(update={"status": status, **changes})


def _require_running(state: InstanceState, event: Event) -> None:
    if state.status is not InstanceStatus.RUNNING:
        raise TrailContradiction(f"{event.type} while the instance was {state.status}")


def _live(state: InstanceState, event: StepEvent) -> TaskState:
    _require_running(state, event)
    task = state.task(event.task_id)
    said = (event.activity, event.scope, event.unit, event.round)
    if task is None or (task.activity, task.scope, task.unit, task.round) != said:
        raise TrailContradiction(f"{event.type} of a task that was not live")
    return task


def _require_holder(task: TaskState, event: StepEvent) -> None:
    if task.status is not TaskStatus.CLAIMED or task.assignee != event.actor:
        raise TrailContradiction(f"{event.type} by somebody who did not hold the task")


def _changed(state: InstanceState, task: TaskState) -> Evolved:
    tasks = tuple(task if other.id == task.id else other for other in state.tasks)
    return Evolved(state.model_copy(update={"tasks": tasks}), (task,))
