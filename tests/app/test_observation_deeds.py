"""What was done is counted once, by what was done; who asked stands in the line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.app.process import process
from tests.app.test_observation_metrics import scraped
from tests.world import Agency, World, refused


@pytest.fixture
def office(a_world: Callable[[], World]) -> Iterator[Agency]:
    world = a_world()
    yield world.an_agency()
    world.close_clients()


def counted(office: Agency) -> dict[str, float]:
    """Starts, steps by kind and repeated answers."""
    told = scraped(office.world.url)
    steps = {dict(labels)["kind"]: value for labels, value in told["alur_steps_total"].items()}
    nothing: frozenset[tuple[str, str]] = frozenset()
    return steps | {
        "started": told["alur_starts_total"][nothing],
        "repeated": told["alur_repeated_answers_total"][nothing],
    }


def test_starts_and_steps_are_counted_once_however_often_they_are_sent(office: Agency) -> None:
    for _ in range(3):
        assert office.http.start(office.definition.key, period="2001", key="mulai").status_code == 201
    task = office.until("paraf_sekretaris", "2002")
    before = counted(office)
    assert (before["started"], before["repeated"], before["returned"]) == (2, 2, 0)
    for _ in range(2):
        done = office.http.completed(task, "returned", key="kembali")
    office.http.completed(done["opened"][0])
    assert counted(office) == before | {"returned": 1, "completed": before["completed"] + 1, "repeated": 3}


def test_what_was_refused_or_taken_back_is_no_step(office: Agency) -> None:
    task = office.opened("2001")
    refused(office.http.complete(task, outputs=[]), 422, "output-missing")
    refused(office.http.start(office.definition.key, period="2001"), 409, "duplicate-instance")
    office.http.claim(task)
    before = counted(office)
    assert (before["started"], before["completed"]) == (1, 0)
    done = office.http.completed(task)["task"]
    office.http.undo(done)
    assert counted(office) == before | {"completed": 1}


def test_a_definition_published_again_under_its_key_is_a_repeated_answer(office: Agency) -> None:
    content = office.definition.model_dump(mode="json")
    for _ in range(2):
        answer = office.http.post("/v1/definitions", json=content, headers={"Idempotency-Key": "sop"})
        assert answer.status_code == 200
    assert counted(office)["repeated"] == 1


def test_the_line_of_a_request_names_the_key_that_sent_it(office: Agency) -> None:
    world = office.world
    with process(world.addresses.application) as server:
        there = World(world.addresses, server.url, world.runner)
        client = there.client(office.secret())
        (key,) = world.sql("SELECT id::text FROM api_keys ORDER BY created_at DESC LIMIT 1")
        started = client.start(office.definition.key, period="2001", key="mulai")
        answers = [
            started,
            client.start(office.definition.key, period="2001", key="mulai"),
            client.comment(started.json()),
            client.get("/v1/tasks"),
            client.comment({"id": office.id}),
        ]
        for answer in answers:
            assert server.request(answer.headers["request-id"])["client"] == key["id"]
        assert [server.request(answer.headers["request-id"]).get("repeat") for answer in answers] == [
            None,
            True,
            None,
            None,
            None,
        ]
        stranger = server.request(there.client(None).get("/v1/tasks").headers["request-id"])
        assert "client" not in stranger
        there.close_clients()
