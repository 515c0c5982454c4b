"""Completes a task: records it and opens what follows, or nothing at all."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal, OnPaper
from app.instances.schemas import InstanceView
from app.tasks.acting import acting_on, task_in
from app.tasks.schemas import CompleteAsked, Completed, TaskView
from engine import decide
from engine.decide import Decision


async def complete(journal: Journal, ask: Ask, task: UUID, asked: CompleteAsked) -> Answer:
    """Complete a task with an outcome. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = asked.command(task, held.performer, held.recorded_by)
            return decide.complete(
                held.around.process, held.state, command, now=ask.now, new_id=new_id, schedule=held.around.schedule
            )

    paper = OnPaper(asked.performed_by, asked.performed_at) if asked.performed_by or asked.performed_at else None
    return await journal.change_by_task(ask, task, decided, told, paper)


def told(held: Held, decision: Decision) -> Answer:
    """The task as it was left, where the instance stands, and the tasks that opened."""
    assert held.task is not None  # noqa: S101  loaded by its task
    state, around = decision.state, held.around
    opened = [one for one in decision.tasks if one.status.is_live and held.state.task(one.id) is None]
    answer = Completed(
        task=TaskView.of(task_in(decision, held.task), state, around),
        instance=InstanceView.of(state, around),
        opened=[TaskView.of(one, state, around) for one in opened if one.id != held.task],
    )
    return Answer(200, answer.model_dump_json())
