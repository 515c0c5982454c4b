"""Notes that a unit or party handed in the material a collecting step waits for."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.tasks.acting import acting_on, task_told
from app.tasks.schemas import DeliveryAsked
from engine import decide
from engine.commands import Deliver
from engine.decide import Decision


async def deliver(journal: Journal, ask: Ask, task: UUID, asked: DeliveryAsked) -> Answer:
    """Record a delivery. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        with acting_on(held):
            command = Deliver(
                by=held.performer, task=task, source=asked.from_, reference=asked.reference, note=asked.note
            )
            return decide.deliver(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await journal.change_by_task(ask, task, decided, task_told)
