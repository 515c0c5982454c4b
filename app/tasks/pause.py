"""Stops the clock of a step with a reason, for instance until the files are complete, and lets it run again."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.tasks.acting import acting_on, task_told
from engine import decide
from engine.commands import GoOn, Pause
from engine.decide import Decision


async def pause(journal: Journal, ask: Ask, task: UUID, reason: str) -> Answer:
    """Stop the clock of a task. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = Pause(by=held.performer, task=task, reason=reason)
            return decide.pause(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await journal.change_by_task(ask, task, decided, task_told)


async def go_on(journal: Journal, ask: Ask, task: UUID, reason: str | None) -> Answer:
    """Let the clock of a paused task run again. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command, schedule = GoOn(by=held.performer, task=task, reason=reason), held.around.schedule
            return decide.go_on(held.around.process, held.state, command, now=ask.now, new_id=new_id, schedule=schedule)

    return await journal.change_by_task(ask, task, decided, task_told)
