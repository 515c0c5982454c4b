"""Events out are kept as long as promised and then forgotten, but for what is still needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from app.clock import now
from app.settings import Settings
from app.webhooks.prune import AT_ONCE, prune
from tests.app.webhooks.endpoint import PATH, enabled, happened, until
from tests.world import World, served

DAYS = 90


@pytest.fixture
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: pruning goes through everything in it."""
    made = a_world()
    yield made
    made.close_clients()


def ended(world: World, days: float, status: str = "delivered") -> None:
    """Let everything that waits have ended so many days ago."""
    over = "UPDATE deliveries SET status = $1, ended_at = now() - interval '1 day' * $2::float WHERE status = 'waiting'"
    world.sql(over, status, days)


def aged(world: World, table: str, ids: list[UUID], days: float) -> None:
    column = "id" if table == "messages" else "message_id"
    world.sql(f"ALTER TABLE {table} DISABLE TRIGGER append_only", role="owner")
    past = f"UPDATE {table} SET at = at - interval '1 day' * $1::float WHERE {column} = ANY($2)"  # noqa: S608 - so
    world.sql(past, days, ids)
    world.sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only", role="owner")


def pruned(world: World) -> int:
    return world.run(prune(world.database, now(), DAYS))


def counted(world: World, table: str) -> int:
    return int(world.one(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a table named here


def test_what_ended_is_forgotten_when_its_days_are_over_and_not_before(world: World) -> None:
    agency = world.an_agency()
    endpoint = enabled(agency)
    happened(agency, 2)
    ended(world, DAYS + 0.01)
    happened(agency, 1)
    ended(world, DAYS + 0.01, "dead")
    happened(agency, 4)
    ended(world, DAYS - 0.01)
    old = agency.http.all(f"{PATH}/{endpoint['id']}/deliveries")[-1]
    world.sql(
        "INSERT INTO attempts (id, delivery_id, number, at, milliseconds) VALUES ($1, $1, 1, now(), 1)", UUID(old["id"])
    )
    assert pruned(world) == 3
    assert (counted(world, "deliveries"), counted(world, "attempts")) == (4, 0)
    assert counted(world, "messages") == 7, "the feed still tells of them"
    assert pruned(world) == 0


def test_what_waits_is_kept_however_old(world: World) -> None:
    agency = world.an_agency()
    enabled(agency)
    ids = happened(agency, 2)
    world.sql("UPDATE deliveries SET queued_at = '2020-01-01', due_at = '2020-01-01'")
    aged(world, "messages", ids, 1_000)
    aged(world, "feed", ids, 1_000)
    pruned(world)
    assert (counted(world, "deliveries"), counted(world, "messages")) == (2, 2)


def test_the_latest_of_an_endpoint_and_instance_is_kept_for_the_next_one_to_name(world: World) -> None:
    agency = world.an_agency()
    endpoint = enabled(agency, types=["step.completed"])
    one, other = agency.started("2024"), agency.started("2025")
    last = [happened(agency, 3, instance)[-1] for instance in (one, other)]
    ended(world, 1_000)
    assert pruned(world) == 4
    (new,) = happened(agency, 1, one)
    told = agency.http.all(f"{PATH}/{endpoint['id']}/deliveries")
    assert {each["event"] for each in told} == {str(new), *map(str, last)}
    assert told[0]["previous"] == str(last[0])


def test_the_feed_is_forgotten_from_its_beginning_without_a_hole(world: World) -> None:
    agency = world.an_agency()
    ids = happened(agency, 6)
    for table in ("messages", "feed"):
        aged(world, table, [*ids[:3], ids[4]], DAYS + 1)
    assert pruned(world) == 3
    assert [row[0] for row in world.sql("SELECT position FROM feed ORDER BY position")] == [4, 5, 6]
    assert {row[0] for row in world.sql("SELECT id FROM messages")} == set(ids[3:])


def test_positions_are_counted_on_though_everything_is_old(world: World) -> None:
    agency = world.an_agency()
    ids = happened(agency, 3)
    aged(world, "feed", ids, DAYS + 1)
    pruned(world)
    happened(agency, 1)
    assert [row[0] for row in world.sql("SELECT position FROM feed ORDER BY position")] == [3, 4]


def test_a_message_goes_with_the_last_that_refers_to_it(world: World) -> None:
    agency = world.an_agency()
    enabled(agency)
    ids = happened(agency, 2)
    aged(world, "feed", ids, DAYS + 1)
    pruned(world)
    assert (counted(world, "messages"), counted(world, "deliveries"), counted(world, "feed")) == (2, 2, 1)
    ended(world, DAYS + 1)
    pruned(world)
    assert (counted(world, "messages"), counted(world, "deliveries"), counted(world, "feed")) == (1, 0, 1)


def test_more_than_go_at_once_are_forgotten_by_one_of_those_who_want_to(world: World) -> None:
    agency = world.an_agency()
    enabled(agency)
    number = AT_ONCE * 2 + 1
    for _ in range(3):
        happened(agency, number // 3)
    ids = [row[0] for row in world.sql("SELECT message_id FROM feed")]
    ended(world, DAYS + 1)
    aged(world, "feed", ids, DAYS + 1)

    async def both() -> list[int]:
        return await asyncio.gather(*(prune(world.database, now(), DAYS) for _ in range(2)))

    world.run(both())
    pruned(world)
    assert (counted(world, "deliveries"), counted(world, "feed"), counted(world, "messages")) == (0, 1, 1)


def test_a_server_forgets_by_itself_and_cancels_what_waits_for_nobody(world: World) -> None:
    agency = world.an_agency()
    enabled(agency)
    happened(agency, 1)
    ended(world, 8)
    happened(agency, 1)
    world.sql("UPDATE webhook_endpoints SET deleted_at = now(), status = 'disabled'")
    with served(Settings(database_url=world.addresses.application, port=0, event_days=7)):
        until(lambda: counted(world, "deliveries") == 1)
    assert world.one("SELECT status FROM deliveries") == "cancelled"
