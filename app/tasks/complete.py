"""Completes a task: records it and opens what follows, or nothing at all."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.instances.schemas import InstanceView
from app.tasks.acting import acting_on, task_in
from app.tasks.schemas import CompleteAsked, Completed, TaskView
from engine import decide
from engine.decide import Decision


async def complete(journal: Journal, ask: Ask, task: UUID, asked: CompleteAsked) -> Answer:
    """Complete a task with an outcome. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = asked.command(task, held.performer)
            return decide.complete(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    def told(held: Held, decision: Decision) -> Answer:
        state, around = decision.state, held.around
        opened = [one for one in decision.tasks if one.status.is_live and held.state.task(one.id) is None]
        answer = Completed(
            task=TaskView.of(task_in(decision, task), state, around),
            instance=InstanceView.of(state, around),
            opened=[TaskView.of(one, state, around) for one in opened],
        )
        return Answer(200, answer.model_dump_json())

    return await journal.change_by_task(ask, task, decided, told)
