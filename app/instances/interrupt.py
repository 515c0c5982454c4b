"""Cancels, suspends or resumes an instance as a whole, each with a reason that stays in the trail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
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
    return await _interrupt(journal, ask, instance, reason, decide.cancel, Cancel)


async def suspend(journal: Journal, ask: Ask, instance: UUID, reason: str) -> Answer:
    """Stop everything in an instance until it is resumed. Raises what the engine refuses."""
    return await _interrupt(journal, ask, instance, reason, decide.suspend, Suspend)


async def resume(journal: Journal, ask: Ask, instance: UUID, reason: str) -> Answer:
    """Let a suspended instance go on. Raises what the engine refuses."""
    return await _interrupt(journal, ask, instance, reason, decide.resume, Resume)


async def _interrupt(
    journal: Journal,
    ask: Ask,
    instance: UUID,
    reason: str,
    deed: Callable[..., Decision],
    command: Callable[..., Any],
) -> Answer:
    def decided(held: Held) -> Decision:
        asked = command(by=held.performer, reason=reason)
        return deed(held.around.process, held.state, asked, now=ask.now, new_id=new_id)

    def told(held: Held, decision: Decision) -> Answer:
        return Answer(200, InstanceView.of(decision.state, held.around).model_dump_json())

    return await journal.change(ask, instance, decided, told)
