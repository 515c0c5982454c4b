"""Safe retries: one Idempotency-Key, one effect, one answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest

from tests.world import Agency, Client, Json, World, completion, refused

MANY = 8


def at_once(deed: Callable[[Client], httpx.Response], clients: list[Client]) -> list[httpx.Response]:
    """Do the same through every client at the same moment."""
    barrier = Barrier(len(clients))

    def one(client: Client) -> httpx.Response:
        client.get("/healthz")
        barrier.wait()
        return deed(client)

    with ThreadPoolExecutor(len(clients)) as threads:
        return list(threads.map(one, clients))


def _start(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    return lambda http, key: http.start(agency.definition.key, period="2030", data={"b": 1, "a": [2.5]}, key=key)


def _complete(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    return lambda http, key: http.complete(task, key=key)


def _claim(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    return lambda http, key: http.claim(task, key=key)


def _unclaim(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    official = task["candidates"][0]["official"]
    agency.http.claim(task, by=official)
    return lambda http, key: http.unclaim(task, by=official, key=key)


def _cancel(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    return lambda http, key: http.interrupt({"id": task["instance_id"]}, "cancel", key=key)


def _comment(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    return lambda http, key: http.comment({"id": task["instance_id"]}, "Catatan", key=key)


def _publish(agency: Agency, task: Json) -> Callable[[Client, str], httpx.Response]:
    changed = agency.definition.model_copy(update={"title": "Judul baru"}).model_dump(mode="json")
    return lambda http, key: http.deed("/v1/definitions", changed, key=key)


DEEDS = [_start, _complete, _claim, _unclaim, _cancel, _comment, _publish]
every_deed = pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__.strip("_"))
Deed = Callable[[Agency, Json], Callable[[Client, str], httpx.Response]]


def _effects(agency: Agency) -> tuple[int, ...]:
    """How much stands in the tables of an agency."""
    world, id = agency.world, agency.id
    counted = ("instances", "tasks", "audit_events", "process_definitions")
    return tuple(world.one(f"SELECT count(*) FROM {table} WHERE agency_id = $1", id) for table in counted)  # noqa: S608


@every_deed
def test_the_same_request_again_gets_the_same_answer_and_has_no_second_effect(agency: Agency, deed: Deed) -> None:
    do = deed(agency, agency.opened())
    before = _effects(agency)
    first = do(agency.http, "kunci-1")
    assert first.status_code in (200, 201), first.text
    after = _effects(agency)
    assert after != before
    for key in ("kunci-1", '"kunci-1"'):
        again = do(agency.http, key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again.headers.get("location") == first.headers.get("location")
        assert again.headers["content-type"] == first.headers["content-type"]
    assert _effects(agency) == after


@every_deed
def test_many_senders_of_one_request_have_one_effect_and_get_one_answer(agency: Agency, deed: Deed) -> None:
    do = deed(agency, agency.opened())
    secret = agency.secret()
    before = _effects(agency)
    answers = at_once(lambda http: do(http, "sama"), [agency.world.client(secret) for _ in range(MANY)])
    assert {answer.status_code for answer in answers} <= {200, 201}
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    added = [now - then for now, then in zip(_effects(agency), before, strict=True)]
    once = {
        "_start": [1, 1, 2, 0],
        "_complete": [0, 1, 3, 0],
        "_claim": [0, 0, 1, 0],
        "_unclaim": [0, 0, 1, 0],
        "_cancel": [0, 0, 1, 0],
        "_comment": [0, 0, 1, 0],
        "_publish": [0, 0, 0, 1],
    }
    assert added == once[deed.__name__]


@every_deed
def test_a_key_belongs_to_its_client(agency: Agency, deed: Deed) -> None:
    """Another client's key of the same name is another key: what it asks is decided anew."""
    do = deed(agency, agency.opened())
    first = do(agency.http, "kunci")
    other = do(agency.client(), "kunci")
    assert (other.status_code, other.content) != (first.status_code, first.content)


def test_a_key_belongs_to_its_path(agency: Agency) -> None:
    one, other = agency.started("2024"), agency.started("2025")
    assert agency.http.comment(one, key="k").json()["instance_id"] == one["id"]
    assert agency.http.comment(other, key="k").json()["instance_id"] == other["id"]


def test_without_a_key_the_same_request_is_another_one(agency: Agency) -> None:
    instance = agency.started()
    assert agency.http.comment(instance).json()["id"] != agency.http.comment(instance).json()["id"]


def test_another_body_under_the_same_key_is_refused(agency: Agency) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    http = agency.http
    http.comment(instance, "satu", key="k")
    refused(http.comment(instance, "dua", key="k"), 422, "idempotency-key-reused")
    http.completed(task, key="k")
    refused(http.complete(task, note="lain", key="k"), 422, "idempotency-key-reused")
    http.start(agency.definition.key, period="2030", key="k")
    refused(http.start(agency.definition.key, period="2031", key="k"), 422, "idempotency-key-reused")
    changed = agency.definition.model_copy(update={"title": "Satu"})
    http.deed("/v1/definitions", changed.model_dump(mode="json"), key="k")
    changed = agency.definition.model_copy(update={"title": "Dua"})
    refused(http.deed("/v1/definitions", changed.model_dump(mode="json"), key="k"), 422, "idempotency-key-reused")
    http.interrupt(instance, "cancel", "satu", key="k")
    refused(http.interrupt(instance, "cancel", "dua", key="k"), 422, "idempotency-key-reused")


def test_another_official_under_the_same_key_is_refused(agency: Agency) -> None:
    task = agency.opened()
    first, second = (one["official"] for one in task["candidates"])
    assert agency.http.claim(task, by=first, key="k").status_code == 200
    refused(agency.http.claim(task, by=second, key="k"), 422, "idempotency-key-reused")
    instance = {"id": task["instance_id"]}
    agency.http.comment(instance, by=first, key="k")
    for official in (second, None):
        refused(agency.http.comment(instance, by=official, key="k"), 422, "idempotency-key-reused")


def test_the_first_answer_is_given_even_when_the_task_has_moved_on(agency: Agency) -> None:
    task = agency.opened()
    first = agency.http.complete(task, key="k")
    agency.http.completed(first.json()["opened"][0])
    agency.http.interrupt({"id": task["instance_id"]}, "cancel")
    assert agency.http.complete(task, key="k").content == first.content


def test_a_refusal_is_not_stored(agency: Agency, world: World) -> None:
    task = agency.opened()
    http, path = agency.http, f"/v1/tasks/{task['id']}/complete"
    refused(http.deed(path, {}, by=agency.official(), key="k"), 422, "output-missing")
    assert http.deed(path, completion(task), by=agency.official(), key="k").status_code == 200
    instance = agency.started("2030")
    refused(http.start(agency.definition.key, period="2030", key="k"), 409, "duplicate-instance")
    http.interrupt(instance, "cancel")
    assert http.start(agency.definition.key, period="2030", key="k").status_code == 201
    kept = world.sql("SELECT status FROM idempotency_answers WHERE key = 'k' AND path = $1", path)
    assert [row["status"] for row in kept] == [200]


def test_a_revoked_key_gets_no_stored_answer(agency: Agency, world: World) -> None:
    instance, secret = agency.started(), agency.secret()
    http = world.client(secret)
    assert http.comment(instance, key="k").status_code == 201
    world.sql(
        "UPDATE api_keys SET revoked_at = now() WHERE name = 'uji' AND id IN "
        "(SELECT client_id FROM idempotency_answers WHERE path = $1)",
        f"/v1/instances/{instance['id']}/comments",
    )
    refused(http.comment(instance, key="k"), 401, "identity-missing")


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a:b/c=d", "!#~"])
def test_every_printable_key_is_taken(agency: Agency, key: str) -> None:
    instance = agency.started()
    first = agency.http.comment(instance, key=key)
    assert first.status_code == 201
    assert agency.http.comment(instance, key=key).content == first.content


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "a b", '"a', 'a"', '"a"b"', "kunci\tdua"])
def test_a_malformed_key_is_refused_and_has_no_effect(agency: Agency, key: str) -> None:
    instance = agency.started()
    (mistake,) = refused(agency.http.comment(instance, key=key), 422, "request-invalid")["errors"]
    assert mistake["at"] == "Idempotency-Key"
    assert len(agency.trail(instance)) == 2
