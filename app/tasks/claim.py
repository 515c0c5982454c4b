"""Takes a task out of the other candidates' hands, or gives it back to them."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.tasks.acting import acting_on, task_told
from engine import decide
from engine.commands import Claim, Unclaim
from engine.decide import Decision


async def claim(journal: Journal, ask: Ask, task: UUID) -> Answer:
    """Claim an open task. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = Claim(by=held.performer, task=task)
            return decide.claim(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await journal.change_by_task(ask, task, decided, task_told)


async def unclaim(journal: Journal, ask: Ask, task: UUID) -> Answer:
    """Give a claimed task back. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = Unclaim(by=held.performer, task=task)
            return decide.unclaim(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await journal.change_by_task(ask, task, decided, task_told)
