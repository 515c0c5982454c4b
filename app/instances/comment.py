"""Adds a remark to the trail of an instance. It can never be changed or taken back."""

from __future__ import annotations

from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.instances.schemas import CommentView
from engine import decide
from engine.commands import Comment
from engine.decide import Decision


async def comment(journal: Journal, ask: Ask, instance: UUID, text: str) -> Answer:
    """Record the remark, on an instance that runs or is over."""

    def decided(held: Held) -> Decision:
        command = Comment(by=held.performer, text=text)
        return decide.comment(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    def told(held: Held, decision: Decision) -> Answer:
        event = decision.events[0]
        seq = held.trail_length + 1
        view = CommentView(id=event.id, instance_id=instance, seq=seq, at=event.at, actor=event.actor, text=text)
        return Answer(201, view.model_dump_json(), f"/v1/instances/{instance}/audit")

    return await journal.change(ask, instance, decided, told)
