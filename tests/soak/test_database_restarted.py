"""PostgreSQL goes and comes back under load, in every way it can, while the server lives on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.soak.installation import Postgres, Server
from tests.soak.traffic import Traffic
from tests.soak.verdict import judge
from tests.world import Agency

BACK_WITHIN = 10
"""Seconds from the return of the database until requests are acknowledged again."""

WAYS: dict[str, Callable[[Postgres], None]] = {
    "fast": lambda postgres: postgres.stop("fast"),
    "immediate": lambda postgres: postgres.stop("immediate"),
    "killed": lambda postgres: postgres.kill(),
}


def test_a_server_outlives_its_database_s_restarts_and_nothing_is_lost_or_doubled(
    office: Agency,
    server: Server,
    postgres_on_disk: Postgres,
    runner: asyncio.Runner,
    seed: int,
    times: Callable[[int, int], int],
    tell: Callable[[object], None],
) -> None:
    restarts, chance = times(5, 100), random.Random(seed)  # noqa: S311 - a test to be repeated, no secret
    ways = [list(WAYS)[number % len(WAYS)] for number in range(restarts)]
    chance.shuffle(ways)
    ended = 0
    traffic = Traffic(office, [server], seed)
    with traffic.flowing():
        for way in ways:
            traffic.wait_for(chance.randint(5, 30))
            ended += runner.run(postgres_on_disk.terminate_backends("alur", most=chance.randint(1, 3)))
            traffic.wait_for(5, BACK_WITHIN)
            WAYS[way](postgres_on_disk)
            postgres_on_disk.start()
            traffic.wait_for(5, BACK_WITHIN)
    assert traffic.faults == []
    assert ended >= restarts
    tell(f"{restarts} restarts, {ended} connections terminated, {judge(office, traffic.operations)}")


def test_what_is_acknowledged_is_on_disk(office: Agency) -> None:
    """Else a killed database proves nothing."""
    said = {name: office.world.one(f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")}
    assert set(said.values()) == {"on"}
