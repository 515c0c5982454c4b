"""Cancels, suspends or resumes an instance as a whole, each with a reason that stays in the trail."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.clock import new_id
from app.idempotency import Answer, Ask
from app.instances.journal import Held, Journal
from app.instances.schemas import InstanceView
from engine import decide
from engine.commands import Cancel, Resume, Suspend
from engine.decide import Decision


async def cancel(journal: Journal, ask: Ask, instance: UUID, reason: str) -> Answer:
    """End an instance before its end. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        command = Cancel(by=held.performer, reason=reason)
        return decide.cancel(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await _interrupt(journal, ask, instance, decided)


async def suspend(journal: Journal, ask: Ask, instance: UUID, reason: str) -> Answer:
    """Stop everything in an instance until it is resumed. Raises what the engine refuses."""

    def decided(held: Held) -> Decision:
        command = Suspend(by=held.performer, reason=reason)
        return decide.suspend(held.around.process, held.state, command, now=ask.now, new_id=new_id)

    return await _interrupt(journal, ask, instance, decided)


async def resume(journal: Journal, ask: Ask, instance: UUID, reason: str) -> Answer:
    """Let a suspended instance go on; due dates move on by the working time it stood still. Raises what is refused."""

    def decided(held: Held) -> Decision:
        command, schedule = Resume(by=held.performer, reason=reason), held.around.schedule
        return decide.resume(held.around.process, held.state, command, now=ask.now, new_id=new_id, schedule=schedule)

    return await _interrupt(journal, ask, instance, decided)


async def _interrupt(journal: Journal, ask: Ask, instance: UUID, decided: Callable[[Held], Decision]) -> Answer:
    def told(held: Held, decision: Decision) -> Answer:
        return Answer(200, InstanceView.of(decision.state, held.around).model_dump_json())

    return await journal.change(ask, instance, decided, told)
