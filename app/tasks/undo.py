"""Takes back a mistaken completion or return while nothing it opened has been acted on."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.tasks.complete import told
from engine import decide
from engine.commands import Undo
from engine.decide import Decision


async def undo(journal: Journal, ask: Ask, task: UUID, reason: str) -> Answer:
    """Undo what the official did or recorded last on a task. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        command = Undo(by=held.performer, task=task, reason=reason)
        schedule = held.around.schedule
        return decide.undo(held.around.process, held.state, command, now=ask.now, new_id=new_id, schedule=schedule)

    return await journal.change_by_task(ask, task, decided, told)
