"""Carries out a deed and keeps its answer under the Idempotency-Key, both or neither, in one transaction.

For what is done now and then by administrators; steps of instances have a door of their own that costs less.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.database import Database
from app.errors import EffectUnknown
from app.idempotency import Answer, RetryKey
from app.pool import DatabaseUnavailable


async def once(
    database: Database,
    client: UUID,
    retry: RetryKey,
    now: datetime,
    deed: Callable[[AsyncConnection], Awaitable[Answer]],
) -> Answer:
    """The answer of a deed, or the one given first; carried to its end even if the request goes away.

    Where the connection breaks in the end, the stored answer tells whether it was done, and it is done if not.
    Raises EffectUnknown where there is no Idempotency-Key to ask by, and whatever the deed raises.
    """
    ended = False

    async def done() -> Answer:
        nonlocal ended
        async with database.transaction() as connection:
            # senders of one key take turns, so that the second finds the answer of the first
            turn = func.hashtextextended(f"{client}{retry.key}", 1)
            await connection.execute(select(func.pg_advisory_xact_lock(turn)))
            known = await idempotency.look_up(connection, client, retry)
            if known:
                return known
            answer = await deed(connection)
            await idempotency.store(connection, client, retry, answer, now)
            ended = True
        return answer

    try:
        return await database.unbroken(done())
    except DatabaseUnavailable as gone:
        if not ended:
            raise
        if retry.key is None:
            raise EffectUnknown from gone
    try:
        return await database.unbroken(done())
    except DatabaseUnavailable as gone:
        raise EffectUnknown from gone
