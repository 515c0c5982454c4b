"""Stored answers are kept as long as promised and then forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from app.clock import now
from app.idempotency import PRUNED_AT_ONCE, prune
from app.settings import Settings
from tests.world import Agency, World, served

KEPT = timedelta(days=7)


def _aged(world: World, key: str, days: float) -> None:
    aged = "UPDATE idempotency_answers SET created_at = created_at - interval '1 day' * $2::float WHERE key = $1"
    world.sql(aged, key, days)


def _known(world: World, key: str) -> bool:
    return bool(world.one("SELECT count(*) FROM idempotency_answers WHERE key = $1", key))


def test_an_answer_is_forgotten_when_its_days_are_over_and_not_before(agency: Agency) -> None:
    world, task = agency.world, agency.opened()
    for key in ("muda", "tua"):
        assert agency.http.comment({"id": task["instance_id"]}, key, key=key).status_code == 201
    _aged(world, "muda", 6.99)
    _aged(world, "tua", 7.01)
    assert world.run(prune(world.database, now() - KEPT)) == 1
    assert (_known(world, "muda"), _known(world, "tua")) == (True, False)


def test_more_than_go_at_once_are_forgotten_all_the_same(agency: Agency) -> None:
    world, task = agency.world, agency.opened()
    agency.http.comment({"id": task["instance_id"]}, "contoh", key="contoh")
    many = PRUNED_AT_ONCE * 2 + 1
    world.sql(
        "INSERT INTO idempotency_answers SELECT client_id, method, path, 'lama-' || n, fingerprint, status, location, "
        "body, created_at - interval '30 days' FROM idempotency_answers, generate_series(1, $2::int) AS n "
        "WHERE key = $1",
        "contoh",
        many,
    )
    assert world.run(prune(world.database, now() - KEPT)) == many


def test_two_who_want_to_forget_do_not_get_in_each_other_s_way(agency: Agency) -> None:
    world, task = agency.world, agency.opened()
    agency.http.comment({"id": task["instance_id"]}, "lama", key="berdua")
    _aged(world, "berdua", 8)

    async def both() -> list[int]:
        return await asyncio.gather(*(prune(world.database, now() - KEPT) for _ in range(2)))

    assert sum(world.run(both())) == 1


def test_a_server_forgets_by_itself(a_world: Callable[[], World]) -> None:
    world = a_world()
    agency = world.an_agency()
    agency.http.comment({"id": agency.opened()["instance_id"]}, "lama", key="lama")
    _aged(world, "lama", 8)
    with served(Settings(database_url=world.addresses.application, port=0, idempotency_days=7)):
        _until(lambda: not _known(world, "lama"))
    world.close_clients()


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = monotonic() + seconds
    while not holds():
        assert monotonic() < deadline, "it did not come to hold"
