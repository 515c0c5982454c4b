"""Sends a receiver something outside the feed, signed as everything is, and tells how it answered: a test."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.clock import new_id
from app.database import Database
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.webhooks import queries, signing
from app.webhooks.catalogue import PING
from app.webhooks.envelope import CONTENT_TYPE
from app.webhooks.outside import Outside
from app.webhooks.post import Attempt, post
from app.webhooks.schemas import Answered, Pinged
from app.webhooks.sealing import Seal
from app.webhooks.secrets import required, secrets_of
from app.webhooks.telling import told_at


async def ping(
    database: Database, seal: Seal | None, outside: Outside, caller: Caller, endpoint_id: UUID, ask: Ask
) -> Answer:
    """Send a test now, whatever the endpoint's status. Raises NotFound, SecretsUnavailable."""
    async with database.reading() as connection:
        row = await queries.endpoint_row(connection, caller, endpoint_id)
        known = await idempotency.look_up(connection, caller.client, ask.retry)
        if known:
            return known
        secrets = await secrets_of(connection, required(seal), endpoint_id, ask.now)
    # no connection is held while the receiver takes its time
    event = new_id()
    attempt = await told_now(outside, row, secrets, event, PING, {}, ask.now)
    delivered = attempt.answered is not None and 200 <= attempt.answered < 300
    view = Pinged(event=event, delivered=delivered, answer=Answered.of(attempt))

    async def deed(connection: AsyncConnection) -> Answer:
        return Answer(200, view.model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def told_now(
    outside: Outside,
    endpoint: Any,
    secrets: list[signing.Secret],
    event: UUID,
    type_: str,
    data: dict[str, str],
    now: datetime,
) -> Attempt:
    """Send one event about an endpoint itself to it, once. Does not raise."""
    written = {
        "specversion": "1.0",
        "id": str(event),
        "source": f"/v1/webhook-endpoints/{endpoint['id']}",
        "type": type_,
        "time": told_at(now),
        "subject": str(endpoint["id"]),
        "datacontenttype": "application/json",
        "data": data,
    }
    body = json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"content-type": CONTENT_TYPE} | signing.headers(secrets, str(event), now, body)
    client = outside.client(endpoint["private_networks"], connections=1)
    try:
        return await post(client, endpoint["url"], headers, body, started_at=now)
    finally:
        await client.aclose()
