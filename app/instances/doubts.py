"""What becomes of a write that did not simply succeed: somebody was first, or nobody heard how it ended.

A write that the database refused undid itself and is decided anew. One whose connection broke may stand or not; its
event is looked for by id, in a snapshot younger than the one the next decision is made on. So nothing is ever done
twice, and nobody is refused for what they did themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from app.database import Database
from app.errors import EffectUnknown
from app.idempotency import Answer
from app.instances import statements
from app.observation.exchange import present
from app.pool import DatabaseUnavailable, OutcomeUnclear
from engine.decide import Decision
from engine.errors import Refused

ATTEMPTS = 12
"""How often a change is decided anew when others were first."""

PATIENCE = 5.0
"""Seconds to wait for the database to come back and tell how a write ended."""

FIRST_ELSEWHERE = (
    asyncpg.UniqueViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
)
"""What the database says of a write that others got in the way of; it left nothing behind."""


class Doubts:
    """The writes of one request whose end nobody heard, each with the answer it would have had."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._answers: dict[UUID, Answer] = {}

    async def written(self, writing: Awaitable[bool], decision: Decision, answer: Answer) -> bool:
        """Whether a write succeeded; false where it must be looked at anew.

        Raises DatabaseUnavailable where it was never sent.
        """
        present().events = tuple(event.type for event in decision.events)
        try:
            return await writing
        except FIRST_ELSEWHERE:
            return False
        except OutcomeUnclear:
            self._answers[decision.events[0].id] = answer
            return False

    async def settled(self, load: Callable[[], Awaitable[Any]]) -> Any:
        """What was loaded, or the answer of the write that turned out to stand.

        Raises EffectUnknown where the database does not come back in time, and whatever loading raises.
        """
        if not self._answers:
            return await load()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._asked_until_it_answers(load)
        except TimeoutError as silent:
            raise EffectUnknown from silent

    async def _asked_until_it_answers(self, load: Callable[[], Awaitable[Any]]) -> Any:
        attempt = 0
        while True:
            attempt += 1
            try:
                loaded = await _loaded(load)
                row = await statements.HAPPENED.one(self._database, events=list(self._answers))
            except DatabaseUnavailable:
                await wait_a_turn(attempt)
                continue
            if row is not None:
                return self._answers[row["id"]]
            if isinstance(loaded, Refused):
                raise EffectUnknown from loaded  # the write may still be on its way
            return loaded


async def _loaded(load: Callable[[], Awaitable[Any]]) -> Any:
    """What was loaded, or the refusal to: the write comes first in what is told."""
    try:
        return await load()
    except Refused as refused:
        return refused


_CHANCE = Random()  # noqa: S311  no secret hangs on it


async def wait_a_turn(attempt: int) -> None:
    """Let others go first: not at all at first, then longer and longer and never in step, at most a second."""
    if attempt:
        await asyncio.sleep(_CHANCE.random() * min(1.0, 0.004 * 2**attempt))
