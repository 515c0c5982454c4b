"""Daily manifests: what was received can be held against what was sent, by whoever has the public key."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.feed.manifest import sign_days
from app.webhooks.relay import relay
from app.webhooks.sealing import Seal, SealUnbroken
from tests.app.feed.outbox import everything, ids, told
from tests.app.webhooks.outbox import listen
from tests.world import Agency, Client, Json, World

NOON = datetime(2030, 3, 15, 12, tzinfo=UTC)
DAY, BEFORE = NOON - timedelta(days=1), NOON - timedelta(days=2)


@pytest.fixture
def world(a_world: Callable[[], World]) -> World:
    """One of its own, because all its subscribers get a manifest."""
    return a_world()


@pytest.fixture
def seal() -> Seal:
    return Seal([Fernet.generate_key().decode()])


@pytest.fixture
def agency(world: World) -> Any:
    yield world.an_agency()
    world.close_clients()


def chained(received: Sequence[str]) -> str:
    """What a receiver reckons."""
    link = b"\0" * 32
    for one in received:
        link = hashlib.sha256(link + one.encode("ascii")).digest()
    return link.hex()


def proves(client: Client, manifest: Json, received: Sequence[str]) -> bool:
    """Whether a manifest is the installation's own, and what was received is what it tells, in that order."""
    key = client.json("/v1/event-manifests/key")["public"]
    Ed25519PublicKey.from_public_bytes(b64decode(key.removeprefix("whpk_"))).verify(
        b64decode(manifest["signature"]), manifest["content"].encode()
    )
    says = json.loads(manifest["content"])
    ends = (received[0], received[-1]) if received else (None, None)
    assert says["key"] == key
    return (says["count"], says["first"], says["last"], says["chain"]) == (len(received), *ends, chained(received))


def signed(world: World, seal: Seal, now: datetime = NOON) -> int:
    return world.run(sign_days(world.database, seal, now))


def consumer(world: World, agency: Agency, **given: Any) -> Json:
    body = {"name": "pemantau", "agencies": [agency.key], "from": "oldest"} | given
    made: Json = agency.http.post("/v1/event-consumers", json=body).json()
    world.sql("UPDATE event_consumers SET created_at = $1", BEFORE - timedelta(hours=1))
    return made


def test_what_a_consumer_received_is_what_was_sent(world: World, agency: Agency, seal: Seal) -> None:
    mine = consumer(world, agency, types=["step.completed"])
    told(world, agency, at=BEFORE)
    for number in range(5):
        told(
            world,
            agency,
            at=DAY + timedelta(minutes=5 - number),
            type="step.opened" if number == 2 else "step.completed",
        )
    told(world, agency, at=NOON)
    received = [
        one["id"] for one in everything(agency.http, type="step.completed") if one["time"].startswith(str(DAY.date()))
    ]
    assert len(received) == 4
    assert signed(world, seal) == 2  # two days are over since it is there
    latest, *_ = agency.http.all(f"/v1/event-consumers/{mine['id']}/manifests")
    assert latest["day"] == str(DAY.date())
    assert proves(agency.http, latest, received)
    assert json.loads(latest["content"])["chain_sorted"] == chained(sorted(received))


def test_one_that_is_missing_or_out_of_its_place_is_noticed(world: World, agency: Agency, seal: Seal) -> None:
    mine = consumer(world, agency)
    for _ in range(4):
        told(world, agency, at=DAY)
    received = ids(everything(agency.http))
    signed(world, seal)
    manifest = agency.http.all(f"/v1/event-consumers/{mine['id']}/manifests")[0]
    first, second, third, fourth = received
    assert proves(agency.http, manifest, received)
    assert not proves(agency.http, manifest, [first, second, fourth])
    assert not proves(agency.http, manifest, [first, third, second, fourth])
    assert not proves(agency.http, manifest, [*received, third])
    assert not proves(agency.http, manifest, [])
    with pytest.raises(InvalidSignature):
        proves(agency.http, manifest | {"content": manifest["content"].replace('"count":4', '"count":3')}, received)


def test_what_was_queued_for_an_endpoint_is_told(world: World, agency: Agency, seal: Seal) -> None:
    async def listening() -> Any:
        async with world.database.transaction() as connection:
            return await listen(connection, agency, types=["step.completed"], created_at=BEFORE)

    told(world, agency, at=DAY)  # before anybody listened
    world.run(relay(world.database))
    endpoint = world.run(listening())
    queued = [told(world, agency, at=DAY, type=type_) for type_ in ("step.completed", "step.undone")]
    told(world, agency, at=DAY, type="step.opened")
    world.run(relay(world.database))
    signed(world, seal)
    manifest = agency.http.all(f"/v1/webhook-endpoints/{endpoint}/manifests")[0]
    assert proves(agency.http, manifest, queued)


def test_a_day_without_messages_is_told_as_such(world: World, agency: Agency, seal: Seal) -> None:
    mine = consumer(world, agency)
    signed(world, seal)
    assert proves(agency.http, agency.http.all(f"/v1/event-consumers/{mine['id']}/manifests")[0], [])


def test_each_day_is_signed_once_and_all_with_one_key(world: World, agency: Agency, seal: Seal) -> None:
    mine = consumer(world, agency)
    assert signed(world, seal) == 2
    assert signed(world, seal) == 0
    assert signed(world, seal, NOON + timedelta(days=1)) == 1
    manifests = agency.http.all(f"/v1/event-consumers/{mine['id']}/manifests")
    days = [one["day"] for one in manifests]
    assert days == sorted(days, reverse=True)
    assert len({json.loads(one["content"])["key"] for one in manifests}) == 1
    assert world.one("SELECT count(*) FROM signing_keys") == 1
    with pytest.raises(SealUnbroken):
        signed(world, Seal([Fernet.generate_key().decode()]), NOON + timedelta(days=2))


def test_a_day_is_signed_only_once_it_is_over_and_everything_of_it_has_its_place(
    world: World, agency: Agency, seal: Seal
) -> None:
    mine = consumer(world, agency)
    midnight = datetime(2030, 3, 16, tzinfo=UTC)
    assert signed(world, seal, midnight) == 2
    path = f"/v1/event-consumers/{mine['id']}/manifests"
    assert agency.http.all(path)[0]["day"] == "2030-03-14"
    late = told(world, agency, at=midnight - timedelta(microseconds=1))
    assert signed(world, seal, midnight + timedelta(hours=1)) == 0
    world.run(relay(world.database))
    assert signed(world, seal, midnight + timedelta(hours=1)) == 1
    assert proves(agency.http, agency.http.all(path)[0], [late])


def test_a_day_of_which_something_is_forgotten_is_not_signed(world: World, agency: Agency, seal: Seal) -> None:
    consumer(world, agency)
    for _ in range(3):
        told(world, agency, at=DAY)
    world.run(relay(world.database))
    world.sql("DELETE FROM feed WHERE position = 1")
    assert signed(world, seal) == 0
