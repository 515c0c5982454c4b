"""The feed: in the order of commits, without gaps, and only what is asked for and may be seen."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from app.feed.queries import LOOKED_THROUGH
from tests.app.feed.outbox import events, everything, ids, put, told, writer
from tests.world import Agency, World, refused


@pytest.fixture
def instance(agency: Agency) -> str:
    """An instance that messages can be about."""
    return str(agency.started()["id"])


def test_tells_the_steps_that_were_done_in_their_order(agency: Agency) -> None:
    instance = agency.to_the_end()
    trail = agency.trail(instance)
    read = everything(agency.http)
    assert ids(read) == [one["id"] for one in trail]
    assert [one["type"] for one in read] == [one["type"] for one in trail]
    assert [int(one["sequence"]) for one in read] == [one["seq"] for one in trail]
    assert {one["source"] for one in read} == {f"/v1/agencies/{agency.key}"}


def test_who_comes_second_but_is_numbered_first_is_not_missed(world: World, agency: Agency) -> None:
    http = agency.http

    async def overtaken() -> tuple[str, str]:
        async with writer(world) as slow, writer(world) as fast:
            transaction = slow.transaction()
            await transaction.start()
            first = await put(slow, agency)
            second = await put(fast, agency)
            page = await asyncio.to_thread(events, http)
            assert ids(page["items"]) == [second]
            await transaction.commit()
            after = await asyncio.to_thread(events, http, after=page["next"])
            assert ids(after["items"]) == [first]
            return first, second

    first, second = world.run(overtaken())
    assert ids(everything(agency.http)) == [second, first]


@pytest.mark.parametrize("seed", range(3))
def test_a_reader_beside_writers_that_commit_in_any_order_gets_everything_once(
    world: World, agency: Agency, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  a run to be repeated, no secret
    instances = [UUID(agency.started(str(2000 + number))["id"]) for number in range(6)]
    begin = events(agency.http, after="now")["next"]
    written: dict[str, tuple[UUID, int]] = {}
    ended = asyncio.Event()

    async def writes(instance: UUID) -> None:
        """One instance: its messages one transaction after another, each held open for a while."""
        async with writer(world) as connection:
            for number in range(0, 30, 2):
                async with connection.transaction():
                    for seq in (1_000 + number, 1_001 + number):
                        written[await put(connection, agency, instance=instance, seq=seq)] = instance, seq
                    await asyncio.sleep(chance.random() * 0.03)

    async def reads() -> list[str]:
        cursor, read = begin, list[str]()
        while True:
            is_last = ended.is_set()
            page = await asyncio.to_thread(events, agency.http, after=cursor, limit=chance.randrange(1, 9), wait=1)
            read += ids(page["items"])
            cursor = page["next"]
            if is_last and not page["items"]:
                return read

    async def both() -> list[str]:
        reading = asyncio.create_task(reads())
        await asyncio.gather(*map(writes, instances))
        ended.set()
        return await reading

    read = world.run(both())
    assert len(written) == 180
    assert sorted(read) == sorted(written)
    for instance in instances:
        theirs = [written[one][1] for one in read if written[one][0] == instance]
        assert theirs == sorted(theirs)


def test_next_always_says_where_to_go_on(world: World, agency: Agency) -> None:
    nothing = events(agency.http)
    assert nothing["items"] == []
    first = told(world, agency)
    assert ids(events(agency.http, after=nothing["next"])["items"]) == [first]
    now = events(agency.http, after="now")
    assert now["items"] == []
    second = told(world, agency)
    assert ids(events(agency.http, after=now["next"])["items"]) == [second]
    assert ids(events(agency.http, limit=1)["items"]) == [first]


def test_events_of_other_agencies_are_never_told(
    world: World, agency: Agency, an_agency: Callable[..., Agency]
) -> None:
    stranger = an_agency()
    mine, theirs = told(world, agency), told(world, stranger)
    for params in ({}, {"agency": stranger.key}, {"agency": str(stranger.id)}, {"agency": f"{stranger.key},nowhere"}):
        assert theirs not in ids(everything(agency.http, **params))
    assert everything(agency.http, agency=stranger.key) == []
    both = agency.client(also=[stranger])
    assert {mine, theirs} <= set(ids(everything(both)))
    assert ids(everything(both, agency=stranger.key)) == [theirs]


def test_filters_choose(world: World, agency: Agency) -> None:
    plain = told(world, agency)
    other = told(world, agency, type="instance.commented", definition="sop-lain", roles=("kepala", "sekretaris"))
    assert ids(everything(agency.http, type="instance.*")) == [other]
    assert ids(everything(agency.http, type="step.completed,step.returned")) == [plain]
    assert ids(everything(agency.http, definition="sop-lain")) == [other]
    assert ids(everything(agency.http, candidate_role="sekretaris")) == [other]
    assert ids(everything(agency.http, candidate_role="sekretaris,staf")) == [plain, other]
    assert everything(agency.http, type="step.*", definition="sop-lain") == []
    assert ids(everything(agency.http, type="*")) == [plain, other]


def test_who_asks_for_completed_steps_hears_when_one_is_taken_back(world: World, agency: Agency) -> None:
    told(world, agency, type="step.claimed")
    done, undone = told(world, agency), told(world, agency, type="step.undone")
    assert ids(everything(agency.http, type="step.completed")) == [done, undone]
    assert ids(everything(agency.http, type="step.undone")) == [undone]


def test_previous_is_the_message_before_that_fits_the_same_filters(world: World, agency: Agency, instance: str) -> None:
    begin = events(agency.http, after="now")["next"]
    kinds = ("step.completed", "step.opened", "step.opened", "step.completed")
    one, two, three, four = (
        told(world, agency, instance=instance, seq=900 + number, type=kind) for number, kind in enumerate(kinds)
    )
    told(world, agency, type="step.completed")
    whole = {each["id"]: each.get("previous") for each in everything(agency.http, after=begin)}
    assert (whole[two], whole[three], whole[four]) == (one, two, three)
    completed = everything(agency.http, after=begin, type="step.completed")
    assert [each.get("previous") for each in completed[:2]] == [None, one]
    assert "previous" not in completed[2]


def test_a_page_knows_what_went_before_the_cursor(world: World, agency: Agency, instance: str) -> None:
    first = told(world, agency, instance=instance, seq=900)
    cursor = events(agency.http, after="now")["next"]
    told(world, agency, instance=instance, seq=901)
    (second,) = events(agency.http, after=cursor)["items"]
    assert second["previous"] == first


def test_a_cursor_beyond_the_end_is_refused(agency: Agency) -> None:
    end = int(events(agency.http, after="now")["next"])
    (mistake,) = refused(agency.http.get(f"/v1/events?after={end + 1}"), 422, "request-invalid")["errors"]
    assert mistake["at"] == "after"


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=1e3", "type=langkah", "wait=61", "limit=0", "was=1"])
def test_what_cannot_be_meant_is_refused(agency: Agency, query: str) -> None:
    refused(agency.http.get(f"/v1/events?{query}"), 422, "request-invalid")


def test_a_message_suffices_alone(agency: Agency) -> None:
    started = agency.started()
    first = everything(agency.http)[0]
    assert (first["specversion"], first["datacontenttype"]) == ("1.0", "application/json")
    assert (first["type"], first["subject"], first["partitionkey"]) == ("instance.started", *[started["id"]] * 2)
    assert first["data"]["link"].endswith(started["id"])


def test_what_is_no_longer_kept_is_told_to_be_gone(a_world: Callable[[], World]) -> None:
    world = a_world()
    agency = world.an_agency()
    sent = [told(world, agency) for _ in range(4)]
    assert ids(everything(agency.http)) == sent
    consumer = agency.http.post(
        "/v1/event-consumers", json={"name": "a", "agencies": [agency.key], "from": "oldest"}
    ).json()
    world.sql("DELETE FROM feed WHERE position <= 2")
    assert ids(everything(agency.http)) == sent[2:]
    problem = refused(agency.http.get("/v1/events?after=1"), 410, "events-gone")
    assert "cursor 2" in problem["detail_en"]
    assert "cursor 2" in problem["detail_id"]
    refused(agency.http.get("/v1/events/stream?after=1"), 410, "events-gone")
    refused(agency.http.get(f"/v1/event-consumers/{consumer['id']}/events"), 410, "events-gone")
    ack = f"/v1/event-consumers/{consumer['id']}/ack"
    refused(agency.http.post(ack, json={"cursor": "1"}), 410, "events-gone")
    assert agency.http.post(ack, json={"cursor": "2"}).status_code == 200
    assert ids(events(agency.http, after=2)["items"]) == sent[2:]
    world.close_clients()


def test_what_stands_far_behind_much_that_does_not_fit_is_found(a_world: Callable[[], World]) -> None:
    world = a_world()
    agency = world.an_agency()
    first = told(world, agency)
    assert ids(events(agency.http)["items"]) == [first]
    many = LOOKED_THROUGH * 2 + 10
    world.sql(
        "WITH many AS (INSERT INTO messages (id, agency_id, type, at, subject, data)"
        " SELECT gen_random_uuid(), $1, 'step.opened', now(), '-', $3 FROM generate_series(1, $2::int) RETURNING *)"
        " INSERT INTO feed (position, message_id, agency_id, type, roles, at)"
        " SELECT 1 + row_number() OVER (), id, agency_id, type, roles, at FROM many",
        agency.id,
        many,
        '{"link": "-"}',
    )
    nothing = events(agency.http, after=1, type="endpoint.*")
    assert (nothing["items"], int(nothing["next"])) == ([], many + 1)
    last = told(world, agency, type="endpoint.disabled")
    found = events(agency.http, type="endpoint.*")
    assert (ids(found["items"]), int(found["next"])) == ([last], many + 2)
    assert len(events(agency.http, after=1, type="step.opened", limit=200)["items"]) == 200
    world.close_clients()


def test_many_readers_at_once_are_told_the_same(world: World, agency: Agency) -> None:
    sent = [told(world, agency) for _ in range(20)]
    clients = [agency.client("read") for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        for read in threads.map(lambda client: ids(everything(client, limit=7)), clients):
            assert read == sent
