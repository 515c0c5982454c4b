"""The relay: places follow commits without a gap, and each endpoint is queued what it asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from app.database import Database
from app.webhooks.relay import place, relay, relay_all, waits
from tests.app.webhooks.outbox import listen, put
from tests.world import Agency, World


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: positions count over everybody."""
    made = a_world()
    yield made
    made.close_clients()


@pytest.fixture
def agency(world: World) -> Agency:
    agency = world.an_agency()
    world.run(relay_all(world.database))
    return agency


def placed(world: World, agency: Agency) -> list[UUID]:
    rows = world.sql("SELECT message_id FROM feed WHERE agency_id = $1 ORDER BY position", agency.id)
    return [message for (message,) in rows]


def queued(world: World, endpoint: UUID) -> list[tuple[UUID, UUID | None]]:
    """What an endpoint is to be told, each with the one before it."""
    found = "SELECT message_id, previous FROM deliveries WHERE endpoint_id = $1 ORDER BY position"
    return [(row[0], row[1]) for row in world.sql(found, endpoint)]


async def written(database: Database, agency: Agency, **given: Any) -> UUID:
    async with database.transaction() as connection:
        return await put(connection, agency, **given)


def test_who_commits_later_stands_later_whoever_began_first(world: World, agency: Agency) -> None:
    seen: list[list[UUID]] = []

    async def out_of_order() -> tuple[UUID, UUID]:
        async with world.database.transaction() as slow:
            first = await put(slow, agency)
            second = await written(world.database, agency)
            await relay(world.database)
            async with world.database.reading() as connection:
                found = await connection.exec_driver_sql(
                    "SELECT message_id FROM feed WHERE agency_id = $1", (agency.id,)
                )
                seen.append([row[0] for row in found])
        await relay(world.database)
        return first, second

    first, second = world.run(out_of_order())
    assert seen == [[second]], "the one that was not committed yet has no place"
    assert placed(world, agency) == [second, first]


def test_places_have_no_gap_and_keep_the_order_of_each_instance_however_many_write_and_relay(
    world: World, agency: Agency
) -> None:
    instances = [UUID(agency.started(str(2000 + number))["id"]) for number in range(6)]
    world.run(relay_all(world.database))
    before = world.one("SELECT coalesce(max(position), 0) FROM feed")

    async def write(instance: UUID) -> None:
        for seq in range(20):
            await written(world.database, agency, instance=instance, seq=1_000 + seq)

    async def everything() -> None:
        writing = asyncio.gather(*map(write, instances))
        while not writing.done():
            await asyncio.gather(relay(world.database, 7), relay(world.database, 3))
        await writing
        await relay_all(world.database)

    world.run(everything())
    rows = world.sql(
        "SELECT f.position, m.instance_id, m.seq FROM feed f JOIN messages m ON m.id = f.message_id"
        " WHERE f.position > $1 ORDER BY f.position",
        before,
    )
    assert [position for position, _, _ in rows] == list(range(before + 1, before + 121))
    for instance in instances:
        assert [seq for _, of, seq in rows if of == instance] == list(range(1_000, 1_020))


def test_an_endpoint_is_queued_what_it_asked_for_each_with_the_one_before_it(world: World, agency: Agency) -> None:
    one, other = (UUID(agency.started(period)["id"]) for period in ("2001", "2002"))
    world.run(relay_all(world.database))

    async def told() -> tuple[UUID, UUID, list[UUID]]:
        async with world.database.transaction() as connection:
            steps = await listen(connection, agency, types=["step.completed"])
            roles = await listen(connection, agency, roles=["kabid"], definitions=[agency.definition.key])
        put_in: list[UUID] = []
        for number, (type_, instance, role) in enumerate(
            [
                ("step.completed", one, "staf"),
                ("step.opened", one, "staf"),
                ("step.completed", other, "kabid"),
                ("step.undone", one, "staf"),
                ("step.completed", one, "kabid"),
            ]
        ):
            put_in.append(
                await written(world.database, agency, type=type_, instance=instance, seq=500 + number, roles=[role])
            )
            if number in (0, 2):  # the one before is found in this batch or in an earlier one
                await relay(world.database)
        await relay_all(world.database)
        return steps, roles, put_in

    steps, roles, (first, _opened, of_other, undone, last) = world.run(told())
    assert queued(world, steps) == [(first, None), (of_other, None), (undone, first), (last, undone)]
    assert queued(world, roles) == [(of_other, None), (last, None)]


def test_nothing_is_queued_for_an_endpoint_that_is_not_enabled_or_of_another_agency(
    world: World, agency: Agency
) -> None:
    stranger = world.an_agency()

    async def told() -> list[UUID]:
        async with world.database.transaction() as connection:
            quiet = [
                await listen(connection, agency, status="unverified", verified_at=None),
                await listen(connection, agency, status="disabled"),
                await listen(connection, stranger),
            ]
        await written(world.database, agency)
        await relay_all(world.database)
        return quiet

    for endpoint in world.run(told()):
        assert queued(world, endpoint) == []


def test_ids_of_deliveries_are_made_as_everywhere(world: World, agency: Agency) -> None:
    async def told() -> UUID:
        async with world.database.transaction() as connection:
            endpoint = await listen(connection, agency)
        await written(world.database, agency)
        assert await waits(world.database)
        await relay_all(world.database)
        assert not await waits(world.database)
        return endpoint

    endpoint = world.run(told())
    (id_, queued_at) = world.sql("SELECT id, queued_at FROM deliveries WHERE endpoint_id = $1", endpoint)[0]
    assert (id_.version, id_.variant) == (7, "specified in RFC 4122")
    assert id_.int >> 80 == int(queued_at.timestamp() * 1000)


def test_the_more_endpoints_there_are_the_fewer_messages_one_transaction_places(
    world: World, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.relay.FANNED_OUT", 40)
    enabled = world.one("SELECT count(*) FROM webhook_endpoints WHERE status = 'enabled'")

    async def told() -> tuple[UUID, list[UUID], list[int | tuple[int, bool]]]:
        async with world.database.transaction() as connection:
            endpoints = [await listen(connection, agency) for _ in range(20 - enabled)]
        put_in = [await written(world.database, agency) for _ in range(6)]
        return endpoints[0], put_in, [await place(world.database), await relay(world.database)]

    endpoint, put_in, seen = world.run(told())
    assert seen == [(2, True), 4], "two for twenty endpoints each, and then whatever is left"
    assert [message for message, _ in queued(world, endpoint)] == put_in
