"""Messages put straight into the tables as a step puts them, in transactions that a test ends when it likes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from app.clock import new_id, now
from tests.world import Agency, Client, Json, World

ROLES = ("staf",)


@asynccontextmanager
async def writer(world: World) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the application's role."""
    connection = await asyncpg.connect(world.addresses.application.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


async def put(
    connection: asyncpg.Connection,
    agency: Agency,
    *,
    type: str = "step.completed",
    instance: UUID | str | None = None,
    seq: int | None = None,
    roles: Sequence[str] = ROLES,
    definition: str | None = None,
    at: datetime | None = None,
) -> str:
    """Write a message; its place comes later. With an instance, `seq` is its place there."""
    message = new_id()
    await connection.execute(
        "INSERT INTO messages (id, agency_id, instance_id, seq, type, definition_key, roles, at, subject, data)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        message,
        agency.id,
        instance,
        seq,
        type,
        definition or agency.definition.key,
        list(roles),
        at or now(),
        str(instance or message),
        json.dumps({"link": "/v1/uji", "number": seq}),
    )
    await connection.execute("INSERT INTO outbox (message_id) VALUES ($1)", message)
    return str(message)


def told(world: World, agency: Agency, **given: Any) -> str:
    """One message, committed."""

    async def one() -> str:
        async with writer(world) as connection:
            return await put(connection, agency, **given)

    return world.run(one())


def events(client: Client, **params: Any) -> Json:
    """One page of the feed."""
    return client.json("/v1/events", params=params)


def everything(client: Client, path: str = "/v1/events", **params: Any) -> list[Json]:
    """All there is in the feed now, by its cursors."""
    read: list[Json] = []
    page = client.json(path, params=params)
    while page["items"]:
        read += page["items"]
        page = client.json(path, params=params | {"after": page["next"]})
    return read


def ids(items: list[Json]) -> list[str]:
    return [one["id"] for one in items]
