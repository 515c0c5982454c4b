"""Webhook endpoints made over REST, and events in the feed, for tests of what people do with them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from time import monotonic
from typing import Any
from uuid import UUID

import httpx

from app.webhooks.relay import relay_all
from tests.app.webhooks.outbox import put
from tests.receiver import PATIENCE, Behaviour, Receiver, answer
from tests.world import Agency, Json

PATH = "/v1/webhook-endpoints"


def gives_back(receiver: Receiver) -> Behaviour:
    """Answer what comes with the challenge it holds, or with nothing if it holds none."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        challenge = json.loads(receiver.received[-1].body)["data"].get("challenge", "")
        await answer(200, body=challenge.encode())(writer)

    return behave


def made(agency: Agency, url: str, *, key: str | None = None, **given: Any) -> httpx.Response:
    """The answer to asking for an endpoint of everything."""
    return agency.http.deed(PATH, {"url": url, "types": ["*"]} | given, key=key)


def unverified(agency: Agency, url: str = "http://127.0.0.1:9/", **given: Any) -> Json:
    """An endpoint that nothing answers for, unless told."""
    answered = made(agency, url, **given)
    assert answered.status_code == 201, answered.text
    return answered.json()


def enabled(agency: Agency, url: str = "http://127.0.0.1:9/", **given: Any) -> Json:
    """An endpoint that counts as verified, with its secret."""
    endpoint = unverified(agency, url, **given)
    verified = "UPDATE webhook_endpoints SET status = 'enabled', verified_at = now() WHERE id = $1"
    agency.world.sql(verified, UUID(endpoint["id"]))
    return endpoint


def changed(agency: Agency, endpoint: Json, body: Json, seen: str = "*") -> httpx.Response:
    return agency.http.patch(f"{PATH}/{endpoint['id']}", json=body, headers={"If-Match": seen})


def happened(agency: Agency, number: int, instance: Json | None = None, **given: Any) -> list[UUID]:
    """Let so many events take place and be told; gives their ids in order."""
    return agency.world.run(_happened(agency, number, instance, given))


async def _happened(agency: Agency, number: int, instance: Json | None, given: Any) -> list[UUID]:
    database, of = agency.world.database, UUID(instance["id"]) if instance else None
    async with database.transaction() as connection:
        ids = [await put(connection, agency, instance=of, seq=1_000 + at, **given) for at in range(number)]
    await relay_all(database)
    return ids


def until(holds: Callable[[], bool]) -> None:
    """Wait for something to come to hold."""
    deadline = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < deadline, "it did not come to hold"
