"""kill -9 of the server in the middle of its work: whatever it had acknowledged stands, once."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.soak.installation import Server
from tests.soak.traffic import Traffic
from tests.soak.verdict import judge
from tests.world import Agency


def test_what_a_killed_server_acknowledged_stands_once_and_the_rest_is_known_by_key(
    office: Agency, server: Server, seed: int, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    rounds, chance = times(5, 100), random.Random(seed)  # noqa: S311 - a test to be repeated, no secret
    traffic = Traffic(office, [server], seed)
    with traffic.flowing():
        for _ in range(rounds):
            traffic.wait_for(chance.randint(10, 40))
            server.kill()
            server.start()
        traffic.wait_for(10)
    assert traffic.faults == []
    tally = judge(office, traffic.operations)
    assert tally.unknown > 0, "nobody was interrupted"
    tell(f"{rounds} kills, {tally}")
