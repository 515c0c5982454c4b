"""Messages and endpoints put straight into the tables, for tests of what carries them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id, now
from app.database import Database
from app.identity.credentials import hash_of
from app.identity.issue import issue_key
from app.tables import api_keys, messages, outbox, webhook_endpoints, webhook_secrets
from app.webhooks.deliver import Deliverer
from app.webhooks.outside import Outside
from app.webhooks.sealing import Seal
from app.webhooks.signing import new_secret
from app.webhooks.wake import Wake
from tests.world import HERE, SECRET_KEY, Agency


async def put(
    connection: AsyncConnection,
    agency: Agency,
    *,
    type: str = "step.completed",
    instance: UUID | None = None,
    seq: int | None = None,
    roles: Sequence[str] = ("staf",),
    definition: str | None = None,
) -> UUID:
    """Write a message as a step does; its place comes later."""
    message = new_id()
    await connection.execute(
        insert(messages).values(
            id=message,
            agency_id=agency.id,
            instance_id=instance,
            seq=seq if instance else None,
            type=type,
            definition_key=definition or agency.definition.key,
            roles=list(roles),
            at=now(),
            subject=str(instance or agency.key),
            data=json.dumps({"number": seq, "link": "/v1/instances"}),
        )
    )
    await connection.execute(insert(outbox).values(message_id=message))
    return message


async def listen(connection: AsyncConnection, agency: Agency, url: str = "https://x.example/", **given: Any) -> UUID:
    """An endpoint that has been verified."""
    endpoint, at = new_id(), datetime.fromisoformat("2026-01-01T00:00:00Z")
    scopes, served = ["read"], [agency.key]
    key = await issue_key(connection, "uji", scopes=scopes, agencies=served, officials="", at=at)
    client = select(api_keys.c.id).where(api_keys.c.secret_hash == hash_of(key))
    known: dict[str, Any] = {
        "id": endpoint,
        "agencies": [agency.id],
        "url": url,
        "description": "Uji",
        "owner": "Uji",
        "types": ["*"],
        "status": "enabled",
        "challenge": "-",
        "fifo": False,
        "personal": False,
        "private_networks": [],
        "max_in_flight": 4,
        "created_at": at,
        "verified_at": at,
        "client_id": (await connection.execute(client)).scalar_one(),
    }
    await connection.execute(insert(webhook_endpoints).values(known | given))
    secret = new_secret("v1", bytes(32))
    sealed = Seal([SECRET_KEY]).seal(secret.text)
    await connection.execute(
        insert(webhook_secrets).values(
            id=new_id(), endpoint_id=endpoint, kind="v1", sealed=sealed, created_at=at, expires_at=None
        )
    )
    return endpoint


@asynccontextmanager
async def delivering(database: Database, *, outside: Outside = HERE) -> AsyncIterator[Deliverer]:
    """A worker's sending, while the block lasts."""
    wake = Wake({})  # nobody rings: it looks by itself
    deliverer = Deliverer(database, Seal([SECRET_KEY]), outside, wake, "")
    running = asyncio.create_task(deliverer.run())
    try:
        yield deliverer
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
