"""Records a party's answer, so that the instance goes on. The party's own time is on nobody's clock."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.instances.schemas import AnswerAsked, InstanceView
from engine import commands, decide
from engine.decide import Decision


async def answer(journal: Journal, ask: Ask, instance: UUID, asked: AnswerAsked) -> Answer:
    """Let the token that waits for the party go on. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        command = commands.Answer(
            by=held.performer,
            party=asked.party,
            outcome=asked.outcome,
            node=asked.node,
            unit=asked.unit,
            reference=asked.reference,
            note=asked.note,
        )
        schedule = held.around.schedule
        return decide.answer(held.around.process, held.state, command, now=ask.now, new_id=new_id, schedule=schedule)

    def told(held: Held, decision: Decision) -> Answer:
        return Answer(200, InstanceView.of(decision.state, held.around).model_dump_json())

    return await journal.change(ask, instance, decided, told, scope="answer")
