"""Deliveries over real HTTP: signed, tried again, given up, taken back, in order where that is asked for, and fair."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from standardwebhooks.webhooks import Webhook

from app.clock import now
from app.serve import CLOSING
from app.webhooks.claim import ENDPOINTS, LEASE, claim, take_back
from app.webhooks.outcome import Outcome, record
from app.webhooks.post import Attempt
from app.webhooks.relay import ONE_RELAY, relay_all
from app.webhooks.retry import Verdict
from app.webhooks.signing import new_secret
from tests.app.webhooks.outbox import delivering, listen, put
from tests.receiver import Receiver, answer, hang, receiving
from tests.world import Agency, Faults, World, asked

PATIENCE = 30.0


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """A world of its own: workers send everything in theirs."""
    made = a_world()
    yield made
    made.close_clients()


@pytest.fixture
def agency(world: World) -> Agency:
    world.sql("UPDATE webhook_endpoints SET status = 'disabled' RETURNING 1")
    world.run(relay_all(world.database))
    return world.an_agency()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def listening(world: World, agency: Agency, url: str = "https://x.example/", **given: Any) -> UUID:
    async def made() -> UUID:
        async with world.database.transaction() as connection:
            return await listen(connection, agency, url, **given)

    return world.run(made())


def tell(
    world: World, agency: Agency, number: int = 1, instance: UUID | None = None, type: str = "step.completed"
) -> list[UUID]:
    """Write so many messages, each in a transaction of its own."""

    async def written() -> list[UUID]:
        told = []
        for seq in range(1, number + 1):
            async with world.database.transaction() as connection:
                told.append(await put(connection, agency, type=type, instance=instance, seq=10_000 + seq))
        await relay_all(world.database)
        return told

    return world.run(written())


def deliver(world: World, is_done: Callable[[], bool], workers: int = 1) -> None:
    """Let workers deliver until something is so."""

    async def until() -> None:
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE):
            for _ in range(workers):
                await stack.enter_async_context(delivering(world.database))
            while not await asyncio.to_thread(is_done):
                await asyncio.sleep(0.02)

    world.run(until())


def statuses(world: World, endpoint: UUID) -> list[str]:
    """Of what was queued for an endpoint, in order; read by the test's own connection."""
    found = "SELECT status FROM deliveries WHERE endpoint_id = $1 ORDER BY position"
    return [status for (status,) in asyncio.run(asked(world.addresses.superuser, found, endpoint))]


def sooner(world: World, endpoint: UUID) -> None:
    """Let the time pass that retries of an endpoint wait for."""
    world.sql(
        "UPDATE deliveries SET due_at = now() WHERE endpoint_id = $1 AND status = 'waiting' RETURNING 1", endpoint
    )
    world.sql("UPDATE webhook_endpoints SET rests_until = NULL, slot_at = 'epoch' WHERE id = $1 RETURNING 1", endpoint)


def test_a_message_arrives_signed_and_is_a_cloud_event(world: World, agency: Agency, receiver: Receiver) -> None:
    endpoint = listening(world, agency, f"{receiver.url}/masuk")
    instance = UUID(agency.started()["id"])
    (message,) = tell(world, agency, instance=instance)
    deliver(world, lambda: set(statuses(world, endpoint)) == {"delivered"})
    got = next(one for one in receiver.received if one.headers["webhook-id"] == str(message))
    assert (got.method, got.path) == ("POST", "/masuk")
    Webhook(new_secret("v1", bytes(32)).text).verify(got.body.decode(), dict(got.headers))
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    event = json.loads(got.body)
    assert (event["id"], event["subject"], event["type"]) == (str(message), str(instance), "step.completed")


def test_a_failure_is_tried_again_with_the_same_id_and_body_and_another_time(
    world: World, agency: Agency, receiver: Receiver
) -> None:
    receiver.behave(answer(500))
    endpoint = listening(world, agency, receiver.url)
    (message,) = tell(world, agency)
    deliver(world, lambda: len(receiver.received) == 1 and statuses(world, endpoint) == ["waiting"])
    (due_at,) = world.sql("SELECT due_at - now() FROM deliveries WHERE endpoint_id = $1", endpoint)[0]
    assert timedelta(0) < due_at <= timedelta(seconds=6)
    receiver.behave(answer(204))
    sooner(world, endpoint)
    deliver(world, lambda: statuses(world, endpoint) == ["delivered"])
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(message)
    assert first.body == second.body
    assert world.sql(
        "SELECT number, status_code FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"
        " WHERE d.endpoint_id = $1 ORDER BY number",
        endpoint,
    ) == [(1, 500), (2, 204)]


def test_what_is_exhausted_is_a_dead_letter(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(answer(500))
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency)
    world.sql("UPDATE deliveries SET attempts = 7 WHERE endpoint_id = $1 RETURNING 1", endpoint)
    deliver(world, lambda: statuses(world, endpoint) == ["dead"])
    assert len(receiver.received) == 1


def test_one_that_is_gone_is_disabled_and_that_is_told(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(answer(410))
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency)
    deliver(world, lambda: statuses(world, endpoint) == ["dead"])
    assert world.sql("SELECT status, reason FROM webhook_endpoints WHERE id = $1", endpoint) == [("disabled", "gone")]
    (told,) = world.sql("SELECT data FROM messages WHERE type = 'endpoint.disabled' AND agency_id = $1", agency.id)[0]
    assert json.loads(told)["endpoint"]["id"] == str(endpoint)
    tell(world, agency)
    assert statuses(world, endpoint) == ["dead"], "nothing more is queued"


def test_one_that_failed_for_five_days_is_disabled(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(answer(500))
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency)
    world.sql(
        "UPDATE webhook_endpoints SET failing_since = now() - interval '5 days', failures = 20"
        " WHERE id = $1 RETURNING 1",
        endpoint,
    )
    deliver(world, lambda: statuses(world, endpoint) == ["waiting"] and len(receiver.received) == 1)
    assert world.sql("SELECT status, reason FROM webhook_endpoints WHERE id = $1", endpoint) == [
        ("disabled", "failing")
    ]


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_to_wait_is_sent_nothing_at_all_meanwhile(
    world: World, agency: Agency, receiver: Receiver, status: int
) -> None:
    receiver.behave(answer(status, {"Retry-After": "120"}))
    endpoint = listening(world, agency, receiver.url, max_in_flight=1)
    tell(world, agency, 3)
    deliver(world, lambda: len(receiver.received) == 1 and "in_flight" not in statuses(world, endpoint))
    (slot,) = world.sql("SELECT slot_at - now() FROM webhook_endpoints WHERE id = $1", endpoint)[0]
    assert timedelta(seconds=100) < slot <= timedelta(seconds=120)
    assert world.run(claim(world.database, uuid4(), now(), 10)) == []


def test_one_that_keeps_failing_rests_and_then_has_one_trial(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(answer(500))
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency, 8)
    deliver(world, lambda: len(receiver.received) >= 5 and "in_flight" not in statuses(world, endpoint))
    (rests,) = world.sql("SELECT rests_until FROM webhook_endpoints WHERE id = $1", endpoint)[0]
    assert rests > now()
    world.sql(
        "UPDATE deliveries SET due_at = now() WHERE endpoint_id = $1 AND status = 'waiting' RETURNING 1", endpoint
    )
    assert world.run(claim(world.database, uuid4(), now(), 10)) == []
    later = rests + timedelta(seconds=1)
    assert len(world.run(claim(world.database, uuid4(), later, 10))) == 1
    assert world.run(claim(world.database, uuid4(), later, 10)) == [], "until the trial has ended"


def test_what_a_dead_worker_took_is_taken_back_when_its_lease_is_over(world: World, agency: Agency) -> None:
    endpoint = listening(world, agency, "https://x.example/")
    tell(world, agency)
    lease, at = uuid4(), now()
    assert len(world.run(claim(world.database, lease, at, 10))) == 1
    assert world.run(claim(world.database, uuid4(), at, 10)) == []
    assert world.run(take_back(world.database, at + LEASE - timedelta(seconds=1))) == 0
    assert world.run(take_back(world.database, at + LEASE + timedelta(seconds=1))) == 1
    assert statuses(world, endpoint) == ["waiting"]
    (again,) = world.run(claim(world.database, uuid4(), at + LEASE + timedelta(seconds=2), 10))
    assert again.number == 2


def test_first_tries_go_before_retries(world: World, agency: Agency) -> None:
    endpoint = listening(world, agency, "https://x.example/", max_in_flight=2)
    old = tell(world, agency, 3)
    world.sql(
        "UPDATE deliveries SET is_retry = true, due_at = now() - interval '1 day' WHERE endpoint_id = $1 RETURNING 1",
        endpoint,
    )
    new = tell(world, agency, 2)
    claimed = world.run(claim(world.database, uuid4(), now(), 10))
    assert {one.message["id"] for one in claimed} == set(new)
    assert not {one.message["id"] for one in claimed} & set(old)


def test_a_rate_is_kept(world: World, agency: Agency) -> None:
    listening(world, agency, "https://x.example/", per_minute=120, max_in_flight=100)
    tell(world, agency, 30)
    at = now()
    taken = [
        len(world.run(claim(world.database, uuid4(), at + timedelta(seconds=second), 100))) for second in range(10)
    ]
    assert sum(taken) <= 22, "two a second, and one second's worth at first"
    assert sum(taken) >= 19


def test_an_instance_keeps_its_order_where_that_is_asked_for_and_holds_up_no_other(
    world: World, agency: Agency, receiver: Receiver
) -> None:
    one, other = (UUID(agency.started(period)["id"]) for period in ("2001", "2002"))
    world.run(relay_all(world.database))
    endpoint = listening(world, agency, f"{receiver.url}/urut", fifo=True, types=["step.completed"])
    receiver.behave(answer(500))
    first = tell(world, agency, 3, one)
    deliver(world, lambda: len(receiver.received) == 1 and "in_flight" not in statuses(world, endpoint))
    receiver.behave(answer(204))
    second = tell(world, agency, 3, other)
    deliver(world, lambda: statuses(world, endpoint).count("delivered") == 3)
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert ids == [str(first[0]), *map(str, second)], "the first instance is parked, the second is not"
    sooner(world, endpoint)
    deliver(world, lambda: statuses(world, endpoint).count("delivered") == 6)
    ids = [received.headers["webhook-id"] for received in receiver.received][4:]
    assert ids == [str(message) for message in first]


def test_an_endpoint_that_hangs_holds_up_nobody_else(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(hang(), path="/macet")
    stuck = listening(world, agency, f"{receiver.url}/macet", max_in_flight=4)
    tell(world, agency, 300)
    healthy = [listening(world, agency, f"{receiver.url}/sehat/{number}") for number in range(8)]
    told = tell(world, agency, 5)
    deliver(world, lambda: all(statuses(world, one) == ["delivered"] * 5 for one in healthy))
    assert len(told) == 5
    assert set(statuses(world, stuck)) <= {"waiting", "in_flight"}


def test_two_workers_send_nothing_twice(world: World, agency: Agency, receiver: Receiver) -> None:
    endpoint = listening(world, agency, receiver.url, max_in_flight=20)
    told = tell(world, agency, 60)
    deliver(world, lambda: statuses(world, endpoint) == ["delivered"] * 60, workers=3)
    ids = [received.headers["webhook-id"] for received in receiver.received]
    assert sorted(ids) == sorted(map(str, told))


def test_a_secret_that_cannot_be_opened_is_not_held_against_the_receiver(
    world: World, agency: Agency, receiver: Receiver, faults: Faults
) -> None:
    endpoint = listening(world, agency, receiver.url)
    world.sql("UPDATE webhook_secrets SET sealed = 'rusak' WHERE endpoint_id = $1 RETURNING 1", endpoint)
    tell(world, agency)
    found = "SELECT error FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE d.endpoint_id = $1"
    deliver(world, lambda: bool(asyncio.run(asked(world.addresses.superuser, found, endpoint))))
    assert world.sql(found, endpoint) == [("internal: SealUnbroken",)]
    assert world.sql("SELECT failures FROM webhook_endpoints WHERE id = $1", endpoint) == [(0,)]
    assert receiver.received == []
    assert len(faults.taken()) == 1, "it is an error of ours, and told as one"


def test_those_that_wait_for_something_under_way_hold_up_nobody_else(world: World, agency: Agency) -> None:
    instance = UUID(agency.started()["id"])
    world.run(relay_all(world.database))
    for _ in range(ENDPOINTS):
        listening(world, agency, fifo=True, types=["step.completed"])
    tell(world, agency, 2, instance)
    assert len(world.run(claim(world.database, uuid4(), now(), 100))) == ENDPOINTS
    late = listening(world, agency, types=["step.opened"], last_served=now())
    tell(world, agency, type="step.opened")
    claimed = [one for _ in range(2) for one in world.run(claim(world.database, uuid4(), now(), 100))]
    assert [one.endpoint["endpoint_id"] for one in claimed] == [late]


def test_an_endpoint_rests_for_as_long_as_it_asks_and_not_for_as_long_as_one_old_message(
    world: World, agency: Agency
) -> None:
    endpoint = listening(world, agency)
    tell(world, agency)
    (claimed,) = world.run(claim(world.database, uuid4(), now(), 10))
    attempt = Attempt(started_at=now(), seconds=0, status=503)
    retry = Verdict("retry", now() + timedelta(hours=10), throttled=True)
    world.run(record(world.database, [Outcome(claimed, attempt, retry)], now()))
    (slot,) = world.sql("SELECT slot_at - now() FROM webhook_endpoints WHERE id = $1", endpoint)[0]
    assert timedelta(0) < slot <= timedelta(seconds=5)


def test_what_was_parked_goes_on_once_what_it_waits_for_was_sent_again(world: World, agency: Agency) -> None:
    instance = UUID(agency.started()["id"])
    world.run(relay_all(world.database))
    listening(world, agency, fifo=True, types=["step.completed"])
    first, second = tell(world, agency, 2, instance)
    later = now() + timedelta(hours=10)

    def ended(verdict: Verdict) -> None:
        (claimed,) = world.run(claim(world.database, uuid4(), now(), 10))
        assert claimed.message["id"] == first
        attempt = Attempt(started_at=now(), seconds=0, status=204)
        world.run(record(world.database, [Outcome(claimed, attempt, verdict)], now()))

    ended(Verdict("retry", later))
    world.sql("UPDATE deliveries SET due_at = now() WHERE message_id = $1 RETURNING 1", first)
    ended(Verdict("delivered"))
    (claimed,) = world.run(claim(world.database, uuid4(), now(), 10))
    assert claimed.message["id"] == second


def test_an_outcome_that_cannot_be_written_takes_no_other_with_it(world: World, agency: Agency, faults: Faults) -> None:
    endpoint = listening(world, agency)
    tell(world, agency, 2)
    first, second = world.run(claim(world.database, uuid4(), now(), 10))
    world.sql("DELETE FROM deliveries WHERE id = $1 RETURNING 1", first.id)
    attempt = Attempt(started_at=now(), seconds=0, status=204)
    outcomes = [Outcome(one, attempt, Verdict("delivered")) for one in (first, second)]

    async def written() -> None:
        async with delivering(world.database) as deliverer:
            await deliverer._written(outcomes)

    world.run(written())
    assert statuses(world, endpoint) == ["delivered"]
    assert len(faults.taken()) == 1


def test_what_an_address_says_that_was_left_behind_does_not_end_the_service(world: World, agency: Agency) -> None:
    endpoint = listening(world, agency)
    tell(world, agency)
    (claimed,) = world.run(claim(world.database, uuid4(), now(), 10))
    world.sql("UPDATE webhook_endpoints SET url = 'https://y.example/' WHERE id = $1 RETURNING 1", endpoint)
    attempt = Attempt(started_at=now(), seconds=0, status=410)
    world.run(record(world.database, [Outcome(claimed, attempt, Verdict("gone"))], now()))
    assert world.sql("SELECT status, failures FROM webhook_endpoints WHERE id = $1", endpoint) == [("enabled", 0)]


def test_what_has_its_place_is_sent_though_nothing_more_can_be_placed(
    world: World, agency: Agency, receiver: Receiver
) -> None:
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency)

    async def while_another_relays() -> None:
        async with world.database.transaction() as connection:
            await connection.execute(select(func.pg_advisory_xact_lock(ONE_RELAY)))
            async with delivering(world.database), asyncio.timeout(PATIENCE):
                while await asyncio.to_thread(statuses, world, endpoint) != ["delivered"]:
                    await asyncio.sleep(0.02)

    world.run(while_another_relays())


def test_a_connection_that_nobody_uses_is_hung_up(world: World, agency: Agency, receiver: Receiver) -> None:
    endpoint = listening(world, agency, receiver.url)
    tell(world, agency)

    async def unused() -> bool:
        async with delivering(world.database) as deliverer, asyncio.timeout(PATIENCE):
            while await asyncio.to_thread(statuses, world, endpoint) != ["delivered"]:
                await asyncio.sleep(0.02)
            ((client, used),) = deliverer.clients.values()
            deliverer._hang_up(used)
            kept = bool(deliverer.clients and client.pool.connections)
            deliverer._hang_up(used + 1)
            await asyncio.gather(*deliverer.hanging_up)
            return kept and not deliverer.clients and not client.pool.connections

    assert world.run(unused())


def test_one_that_hangs_does_not_keep_a_server_from_stopping(world: World, agency: Agency, receiver: Receiver) -> None:
    receiver.behave(hang())
    listening(world, agency, receiver.url)
    tell(world, agency)

    async def stopped() -> None:
        stack = AsyncExitStack()
        await stack.enter_async_context(delivering(world.database))
        await asyncio.to_thread(receiver.wait, 1)
        async with asyncio.timeout(CLOSING):
            await stack.aclose()

    world.run(stopped())
