"""Asks a receiver to give a challenge back, so that nobody is sent events who did not want them.

The challenge is an event `endpoint.verification` with `data.challenge`; a receiver answers 2xx with the challenge as
its body, plain or as JSON: {"challenge": "..."}.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.clock import new_id, now
from app.database import Database
from app.errors import NotFound
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.pool import DatabaseUnavailable
from app.tables import webhook_endpoints
from app.webhooks import queries
from app.webhooks.outside import Outside
from app.webhooks.ping import told_now
from app.webhooks.post import Attempt
from app.webhooks.schemas import Answered, Verified
from app.webhooks.sealing import Seal
from app.webhooks.secrets import required, secrets_of
from engine.errors import Refused

log = logging.getLogger("alur")

VERIFICATION = "endpoint.verification"


async def verify_ownership(
    database: Database, seal: Seal | None, outside: Outside, caller: Caller, endpoint_id: UUID, ask: Ask
) -> Answer:
    """Ask the receiver now; if it gives the challenge back, an unverified endpoint is enabled.

    Raises NotFound, SecretsUnavailable.
    """
    async with database.reading() as connection:
        row = await queries.endpoint_row(connection, caller, endpoint_id)
        known = await idempotency.look_up(connection, caller.client, ask.retry)
    if known:
        return known
    attempt = await _asked(database, required(seal), outside, row, ask.now)
    proven = gives_back(row["challenge"], attempt)

    async def deed(connection: AsyncConnection) -> Answer:
        if proven:
            await _noted(connection, row, ask.now)
        status = (await queries.endpoint_row(connection, caller, endpoint_id))["status"]
        view = Verified(verified=proven, status=status, answer=Answered.of(attempt))
        return Answer(200, view.model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def try_to_verify(database: Database, seal: Seal | None, outside: Outside, endpoint_id: UUID) -> None:
    """Ask the receiver of an endpoint whose URL is new, without anybody waiting for it."""
    wanted = select(webhook_endpoints).where(
        webhook_endpoints.c.id == endpoint_id,
        webhook_endpoints.c.status == "unverified",
    )
    try:
        async with database.reading() as connection:
            row = (await connection.execute(wanted)).mappings().one_or_none()
        if row is None:
            return
        if gives_back(row["challenge"], await _asked(database, required(seal), outside, row, now())):
            async with database.transaction() as connection:
                await _noted(connection, row, now())
    except (DatabaseUnavailable, Refused) as lost:
        log.warning("webhook endpoint %s is not verified yet: %s", endpoint_id, lost)


async def _asked(database: Database, seal: Seal, outside: Outside, row: Any, now: datetime) -> Attempt:
    async with database.reading() as connection:
        secrets = await secrets_of(connection, seal, row["id"], now)
    if not secrets:  # it was removed meanwhile
        raise NotFound
    return await told_now(outside, row, secrets, new_id(), VERIFICATION, {"challenge": row["challenge"]}, now)


def gives_back(challenge: str, attempt: Attempt) -> bool:
    """Whether an answer is the challenge, and not just something that holds it, such as an echo of the request."""
    if attempt.answered is None or not 200 <= attempt.answered < 300:
        return False
    said = attempt.body.strip()
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        told = said
    return challenge == (told.get("challenge") if isinstance(told, dict) else said)


async def _noted(connection: AsyncConnection, row: Any, now: datetime) -> None:
    """Note that the receiver at the URL that was asked is theirs; another URL has another challenge."""
    table = webhook_endpoints.c
    same = update(webhook_endpoints).where(
        table.id == row["id"], table.challenge == row["challenge"], table.deleted_at.is_(None)
    )
    status = case((table.status == "unverified", "enabled"), else_=table.status)
    await connection.execute(same.values(verified_at=now, status=status))
