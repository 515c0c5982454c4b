"""`alur work` beside servers: everything late is announced once, however many work and whoever is killed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from app.reports.announce_owed import announce_owed, periods_around
from tests.app.past import MONDAY, Past, a_reviewed_draft, at
from tests.app.process import PATIENCE, Process
from tests.world import Agency, Json, World

CYCLES = 40


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: workers look at everything in theirs."""
    made = a_world()
    yield made
    made.close_clients()
    assert made.proof().findings == ()


@pytest.fixture
def late(world: World) -> Past:
    """Cycles whose first step has been late for long, and nobody was told."""
    past = Past(world.an_agency(a_reviewed_draft()))
    for number in range(CYCLES):
        past.opened(at(MONDAY, "08:00"), str(1950 + number))
    return past


def announced(world: World) -> Counter[str]:
    """How often each task has been announced to be late."""
    rows = world.sql("SELECT canonical::jsonb ->> 'task_id' FROM audit_events WHERE type = 'step.overdue'")
    return Counter(task for (task,) in rows)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until, "nothing came of it"
        time.sleep(0.02)


def test_what_is_late_is_announced_once_by_many_workers_of_which_one_is_killed(world: World, late: Past) -> None:
    assert announced(world) == Counter()
    with ExitStack() as ending:

        def begin() -> Process:
            worker = Process(world.addresses.application, {}, "app.cli", "work")
            ending.callback(worker.kill)
            return worker

        first, second = begin(), begin()
        wait_until(lambda: len(announced(world)) > 0)
        first.kill()
        third = begin()
        wait_until(lambda: len(announced(world)) == CYCLES)
        for worker in (second, third):
            worker.signal(signal.SIGTERM)
            assert worker.ended() == 0
    assert set(announced(world).values()) == {1}
    (one, *_) = late.agency.http.all("/v1/tasks", overdue=True, limit=1)
    assert one["overdue"], "it was late before anybody announced it, and is now"


def test_what_was_never_begun_is_announced_once_however_many_look(world: World) -> None:
    past = Past(world.an_agency(a_reviewed_draft()))
    begun, owed = past.agency, Past(world.an_agency(a_reviewed_draft()))
    for one in (past, owed):
        one.obliged("02-28", at(MONDAY, "08:00"))
    past.started(at(MONDAY, "09:00"), "2025")
    moment = datetime(2026, 2, 28, tzinfo=UTC)
    world.run(announce_owed(owed.journal, datetime(2025, 12, 1, tzinfo=UTC)))

    def told(agency: Agency) -> list[Json]:
        items = agency.http.json("/v1/reports/obligations", params={"period": "2025"})["items"]
        return [one for one in items if one["announced_at"]]

    assert told(owed.agency) == []

    async def all_at_once() -> None:
        await asyncio.gather(*(announce_owed(owed.journal, moment) for _ in range(4)))

    world.run(all_at_once())
    world.run(announce_owed(owed.journal, moment + timedelta(days=1)))
    (one,) = told(owed.agency)
    assert (one["status"], one["period"]) == ("not_started", "2025")
    assert datetime.fromisoformat(one["announced_at"]) == moment
    counted = "SELECT count(*) FROM obligation_notices WHERE agency_id = $1 AND period = '2025'"
    assert (world.one(counted, owed.agency.id), world.one(counted, begun.id)) == (1, 0)


def test_the_periods_around_a_moment_are_the_one_that_runs_and_the_one_before() -> None:
    assert periods_around(datetime(2026, 1, 15, tzinfo=UTC)) == [
        *("2025", "2026", "2025-S2", "2026-S1", "2025-Q4", "2026-Q1", "2025-12", "2026-01"),
    ]
    assert "2026-S2" in periods_around(datetime(2026, 7, 1, tzinfo=UTC))
