"""What all deeds on a task share: the task must be live, and a refusal says what was there first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.errors import Existing
from app.idempotency import Answer
from app.instances.journal import Held
from app.tasks.schemas import TaskView
from engine.decide import Decision
from engine.errors import TaskClaimed, TaskClosed
from engine.state import TaskState


@contextmanager
def acting_on(held: Held) -> Iterator[None]:
    """Refuse a closed task, and tell who holds one that is already claimed. Raises TaskClosed, TaskClaimed."""
    closed = held.closed_task
    if closed is not None:
        first = Existing(
            id=str(held.task),
            outcome=closed.outcome or closed.status,
            by=_text(closed.by),
            by_name=held.around.name_of(closed.by),
            at=closed.at,
        )
        raise TaskClosed(status=closed.status, existing=first)
    try:
        yield
    except TaskClaimed as refused:
        task: TaskState = refused.facts["task"]
        first = Existing(
            id=str(task.id),
            outcome=task.status,
            by=_text(task.assignee),
            by_name=held.around.name_of(task.assignee),
            at=task.held_since,
        )
        raise TaskClaimed(existing=first) from refused


def task_in(decision: Decision, task: UUID) -> TaskState:
    """The task as the decision left it."""
    return next(touched for touched in decision.tasks if touched.id == task)


def task_told(held: Held, decision: Decision) -> Answer:
    """The answer that shows the task as the decision left it."""
    assert held.task is not None  # noqa: S101  loaded by its task
    view = TaskView.of(task_in(decision, held.task), decision.state, held.around)
    return Answer(200, view.model_dump_json())


def _text(official: UUID | None) -> str | None:
    return str(official) if official else None
