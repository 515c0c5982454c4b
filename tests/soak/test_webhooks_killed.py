"""kill -9 of worker and server under load: whatever was committed is told, once or more, and nothing else is."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from app.database import Database
from tests.app.process import Process
from tests.app.webhooks.outbox import listen
from tests.receiver import Received, receiving
from tests.soak.installation import Server
from tests.soak.traffic import Traffic
from tests.world import SECRET_KEY, Agency, Json

SETTLING = 120.0
"""Seconds for everything that was committed to arrive, once nobody is killed any more."""


class Worker:
    """A worker as a process, started again at will."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._process: Process | None = None

    def start(self) -> None:
        settings = {"ALUR_SECRET_KEYS": SECRET_KEY, "ALUR_LOG_LEVEL": "warning"}
        self._process = Process(self._address, settings, "tests.soak.worker")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


@pytest.fixture
def worker(office: Agency) -> Iterator[Worker]:
    worker = Worker(office.world.addresses.application)
    worker.start()
    yield worker
    worker.kill()


def committed(office: Agency) -> dict[str, tuple[str, int]]:
    """Every event that stands in the agency's trails: its instance and its place there."""
    rows = office.world.sql("SELECT id, instance_id, seq FROM audit_events WHERE agency_id = $1", office.id)
    return {str(id_): (str(instance), seq) for id_, instance, seq in rows}


def listening(office: Agency, url: str) -> UUID:
    async def made() -> UUID:
        database: Database = office.world.database
        async with database.transaction() as connection:
            return await listen(connection, office, url, max_in_flight=20)

    return office.world.run(made())


def require_told(received: list[Received], events: dict[str, tuple[str, int]]) -> int:
    """Every event arrived, no other did, each always the same; gives how often something arrived again."""
    bodies: dict[str, bytes] = {}
    for one in received:
        id_ = one.headers["webhook-id"]
        assert bodies.setdefault(id_, one.body) == one.body, "the same id, another body"
    assert set(bodies) == set(events)
    chains: dict[str, list[Json]] = defaultdict(list)
    for body in bodies.values():
        event = json.loads(body)
        assert (event["subject"], int(event["sequence"])) == events[event["id"]]
        chains[event["subject"]].append(event)
    for chain in chains.values():
        chain.sort(key=lambda event: event["sequence"])
        assert [event.get("previous") for event in chain] == [None, *(event["id"] for event in chain[:-1])]
    return len(received) - len(bodies)


def test_every_committed_event_is_told_and_no_other_while_workers_and_servers_are_killed(
    office: Agency,
    server: Server,
    worker: Worker,
    seed: int,
    times: Callable[[int, int], int],
    tell: Callable[[object], None],
) -> None:
    rounds, chance = times(2, 100), random.Random(seed)  # noqa: S311 - a test to be repeated, no secret
    with receiving() as receiver:
        listening(office, receiver.url)
        traffic = Traffic(office, [server], seed)
        with traffic.flowing():
            for number in range(rounds):
                traffic.wait_for(chance.randint(5, 20))
                for one in (worker, server) if number % 4 == 3 else ((worker,) if number % 2 else (server,)):
                    one.kill()
                    one.start()
            traffic.wait_for(10)
        assert traffic.faults == []
        events, until = committed(office), time.monotonic() + SETTLING
        taken = "UPDATE deliveries SET leased_until = now() WHERE status = 'in_flight' RETURNING 1"
        while {one.headers["webhook-id"] for one in list(receiver.received)} < set(events):
            assert time.monotonic() < until, "not everything arrived"
            office.world.sql(taken)  # what killed workers had taken is not waited for so long
            time.sleep(0.5)
        again = require_told(list(receiver.received), events)
    tell(f"{rounds} kills, {len(events)} events told, {again} told again")
