"""Gives a webhook endpoint a new secret; those before sign beside it for a while, so that receivers can change over."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import TooManySecrets
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.tables import webhook_secrets
from app.webhooks import queries
from app.webhooks.schemas import Rotated, RotationAsked
from app.webhooks.sealing import Seal
from app.webhooks.secrets import MOST_LIVE, add_secret, counts, once_sealed, required


async def rotate_secret(
    database: Database, seal: Seal | None, caller: Caller, endpoint_id: UUID, ask: Ask, asked: RotationAsked
) -> Answer:
    """Make a new secret of the same kind. Raises NotFound, TooManySecrets, SecretsUnavailable."""
    sealing = required(seal)

    async def deed(connection: AsyncConnection) -> Answer:
        row = await queries.endpoint_row(connection, caller, endpoint_id, held=True)
        before = row["secrets"]
        if asked.overlap_hours and len(before) >= MOST_LIVE:
            raise TooManySecrets(most=MOST_LIVE)
        await _let_expire(connection, endpoint_id, ask.now, ask.now + timedelta(hours=asked.overlap_hours))
        secret = await add_secret(connection, sealing, endpoint_id, before[0]["signature"], ask.now)
        row = await queries.endpoint_row(connection, caller, endpoint_id)
        return Answer(200, Rotated.of(row, secret.verifies_with).model_dump_json())

    return await once_sealed(database, sealing, caller.client, ask, deed)


async def _let_expire(connection: AsyncConnection, endpoint_id: UUID, now: datetime, at: datetime) -> None:
    theirs = update(webhook_secrets).where(webhook_secrets.c.endpoint_id == endpoint_id, counts(now))
    await connection.execute(theirs.values(expires_at=func.least(webhook_secrets.c.expires_at, at)))
