"""Waiting for what is to come: told soon, never before time, at nobody's expense, and let go when the server stops."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import httpx
import pytest

from app.embedded import Addresses
from app.migrate import migrate
from app.webhooks.wake import CHANNEL, Wake
from tests.app.feed.outbox import events, ids, told, writer
from tests.app.process import PATIENCE, process
from tests.world import Agency, Client, Json, World

SOON = 1.0
"""Seconds from a commit until whoever waits is told, at most."""


def waiting(server: str) -> int:
    """How many requests a server has set aside, as its metrics say nothing of it: by what is left in flight."""
    line = next(
        one for one in httpx.get(f"{server}/metrics").text.splitlines() if one.startswith("alur_http_requests_in")
    )
    return int(float(line.split()[-1]))


def asks(client: Client, **params: Any) -> tuple[Json, float]:
    """A page, and when it came."""
    return events(client, **params), monotonic()


def test_is_told_within_a_second_of_the_commit(world: World, agency: Agency) -> None:
    task, client = agency.opened(), agency.client("read")
    cursor = events(client, after="now")["next"]
    with ThreadPoolExecutor(1) as threads:
        for _ in range(3):
            answer = threads.submit(asks, client, after=cursor, wait=60, type="step.completed")
            with pytest.raises(TimeoutError):
                answer.result(0.5)
            task = agency.http.completed(task)["opened"][0]
            committed = monotonic()
            page, came = answer.result(PATIENCE)
            assert [one["type"] for one in page["items"]] == ["step.completed"]
            assert came - committed < SOON
            cursor = events(client, after="now")["next"]


def test_what_nobody_rang_for_is_found_as_well(world: World, agency: Agency) -> None:
    client = agency.client("read")
    cursor = events(client, after="now")["next"]
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(events, client, after=cursor, wait=60)
        with pytest.raises(TimeoutError):
            answer.result(0.5)
        sent = told(world, agency)
        assert ids(answer.result(PATIENCE)["items"]) == [sent]


def test_nothing_is_told_before_time_is_up_where_nothing_fits(
    world: World, agency: Agency, an_agency: Callable[..., Agency]
) -> None:
    stranger, client = an_agency(), agency.client("read")
    cursor = events(client, after="now")["next"]
    with ThreadPoolExecutor(1) as threads:
        began = monotonic()
        answer = threads.submit(asks, client, after=cursor, wait=2, type="endpoint.*")
        told(world, stranger, type="endpoint.disabled")
        told(world, agency, type="step.completed")
        page, came = answer.result(PATIENCE)
    assert page["items"] == []
    assert came - began >= 2
    assert int(page["next"]) > int(cursor)


def test_three_hundred_who_wait_keep_no_step_from_being_done(world: World, agency: Agency) -> None:
    task, key, other = agency.opened(), agency.secret("read"), agency.client()
    cursor = events(agency.http, after="now")["next"]

    async def crowd() -> tuple[list[Json], list[Json]]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=world.url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE, limits=limits
        ) as client:

            async def wait(type_: str) -> Json:
                answer = await client.get("/v1/events", params={"after": cursor, "wait": 30, "type": type_})
                assert answer.status_code == 200, answer.text
                return answer.json()

            # a few at a time: the limit on requests in flight counts until they wait
            patient, hopeful = list[asyncio.Task[Json]](), list[asyncio.Task[Json]]()
            for number in range(300):
                those, type_ = (hopeful, "step.completed") if number % 10 == 0 else (patient, "step.undone")
                those.append(asyncio.create_task(wait(type_)))
                if number % 50 == 49:
                    await asyncio.to_thread(until_set_aside, world)
            done = await asyncio.to_thread(agency.http.completed, task)
            assert done["task"]["status"] == "completed"
            assert (await asyncio.to_thread(other.get, "/v1/tasks")).status_code == 200
            heard = await asyncio.gather(*hopeful)
            assert not any(one.done() for one in patient)
            undone = await asyncio.to_thread(agency.http.undo, done["task"])
            assert undone.status_code == 200, undone.text
            return heard, await asyncio.gather(*patient)

    heard, last = world.run(crowd())
    assert (len(heard), len(last)) == (30, 270)
    assert all([one["type"] for one in page["items"]] == ["step.completed"] for page in heard)
    assert all([one["type"] for one in page["items"]] == ["step.undone"] for page in last)


def until_set_aside(world: World) -> None:
    """Wait until nothing but who waits is left in the hands of the server."""
    ends = monotonic() + PATIENCE
    while waiting(world.url):
        assert monotonic() < ends


@pytest.fixture(scope="module")
def addresses(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Addresses:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    return addresses


@pytest.mark.parametrize("drain", ["0", "300"])
def test_whoever_waits_is_answered_at_once_when_the_server_stops(
    addresses: Addresses, runner: asyncio.Runner, drain: str
) -> None:
    with process(addresses.application, ALUR_DRAIN_SECONDS=drain) as server:
        world = World(addresses, server.url, runner)
        agency = world.an_agency()
        client, stream = agency.client("read"), agency.client("read")
        cursor = events(client, after="now")["next"]
        with ThreadPoolExecutor(2) as threads:
            answer = threads.submit(asks, client, after=cursor, wait=60)
            streamed = threads.submit(stream.get, "/v1/events/stream?after=now")
            with pytest.raises(TimeoutError):
                answer.result(1)
            told_to_stop = monotonic()
            server.signal(signal.SIGTERM)
            page, came = answer.result(PATIENCE)
            assert (page["items"], page["next"]) == ([], cursor)
            assert streamed.result(PATIENCE).status_code == 200
            assert came - told_to_stop < 10
        if drain == "0":
            assert server.ended() == 0
            assert {entry["level"] for entry in server.entries()} == {"info"}
        world.close_clients()
        runner.run(world.database.close())


def test_a_step_done_in_one_process_wakes_who_waits_in_another(world: World, agency: Agency) -> None:
    async def heard() -> bool:
        address = world.addresses.application
        async with Wake.listening(address) as one, Wake.listening(address) as other:
            while not (one.heard and other.heard):
                await asyncio.sleep(0)
            since = other.heard
            one.rung()
            return await other.wait(PATIENCE, since)

    assert world.run(heard())


def test_notifications_are_few_however_many_ring(world: World) -> None:
    async def heard() -> int:
        address = world.addresses.application
        async with Wake.listening(address) as one, Wake.listening(address) as other:
            while not (one.heard and other.heard):
                await asyncio.sleep(0)
            before, ends = other.heard, monotonic() + 0.5
            while monotonic() < ends:
                one.rung()
                await asyncio.sleep(0.001)
            return other.heard - before

    assert 1 <= world.run(heard()) <= 12


def test_a_broken_connection_is_made_anew(world: World) -> None:
    async def heard() -> bool:
        address = world.addresses.application
        async with Wake.listening(address) as one, writer(world) as teller:
            while not one.heard:
                await asyncio.sleep(0)
            since = one.heard
            await teller.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'alur wake' AND datname = current_database()"
            )
            assert await one.wait(PATIENCE, since), "what was told meanwhile is looked for"
            since = one.heard
            await teller.execute(f"NOTIFY {CHANNEL}")
            return await one.wait(PATIENCE, since)

    assert world.run(heard())


def test_ringing_without_a_database_fails_nobody() -> None:
    async def rung() -> bool:
        async with Wake.listening("postgresql+asyncpg://nobody@127.0.0.1:9/none") as wake:
            wake.rung()
            return await wake.wait(0.2)

    assert asyncio.run(rung()) is False
