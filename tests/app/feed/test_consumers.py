"""Consumers: named readers of the feed whose place the server keeps, and moves only when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.app.feed.outbox import events, ids, told
from tests.world import Agency, Json, World, refused


def registered(agency: Agency, name: str = "pemantau", **given: Any) -> Json:
    answer = agency.http.post("/v1/event-consumers", json={"name": name, "agencies": [agency.key]} | given)
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"/v1/event-consumers/{answer.json()['id']}"
    assert answer.headers["etag"] == '"1"'
    return answer.json()


def unread(agency: Agency, consumer: Json, **params: Any) -> Json:
    return agency.http.json(f"/v1/event-consumers/{consumer['id']}/events", params=params)


def acked(agency: Agency, consumer: Json, cursor: str, **given: Any) -> Any:
    return agency.http.post(f"/v1/event-consumers/{consumer['id']}/ack", json={"cursor": cursor} | given)


def test_reading_moves_nothing_and_acknowledging_does(world: World, agency: Agency) -> None:
    consumer = registered(agency)
    sent = [told(world, agency) for _ in range(3)]
    page = unread(agency, consumer, limit=2)
    assert ids(page["items"]) == sent[:2]
    assert unread(agency, consumer, limit=2) == page
    view = acked(agency, consumer, page["next"]).json()
    assert (view["cursor"], view["acked_at"] is not None) == (page["next"], True)
    assert ids(unread(agency, consumer)["items"]) == sent[2:]
    assert agency.http.json(f"/v1/event-consumers/{consumer['id']}")["cursor"] == page["next"]


@pytest.mark.parametrize("begin", ["oldest", "now", "cursor"])
def test_begins_where_it_asks_to(world: World, agency: Agency, begin: str) -> None:
    first, second = told(world, agency), told(world, agency)
    cursor = events(agency.http, limit=1)["next"]
    consumer = registered(agency, **{"from": cursor if begin == "cursor" else begin})
    third = told(world, agency)
    there = {"oldest": [first, second, third], "now": [third], "cursor": [second, third]}[begin]
    assert ids(unread(agency, consumer)["items"]) == there


def test_its_filters_hold(world: World, agency: Agency) -> None:
    consumer = registered(agency, types=["step.completed"], definitions=["sop-lain"], candidate_roles=["kepala"])
    told(world, agency)
    told(world, agency, definition="sop-lain")
    told(world, agency, roles=["kepala"])
    told(world, agency, type="step.opened", definition="sop-lain", roles=["kepala"])
    done, undone = (
        told(world, agency, type=type_, definition="sop-lain", roles=["kepala", "staf"])
        for type_ in ("step.completed", "step.undone")
    )
    assert ids(unread(agency, consumer)["items"]) == [done, undone]


def test_goes_back_only_when_it_says_so_and_never_beyond_the_end(world: World, agency: Agency) -> None:
    consumer = registered(agency)
    sent = [told(world, agency) for _ in range(2)]
    end = unread(agency, consumer)["next"]
    assert acked(agency, consumer, end).status_code == 200
    assert acked(agency, consumer, end).status_code == 200
    assert refused(acked(agency, consumer, consumer["cursor"]), 409, "cursor-behind")["detail_en"].count(end) == 1
    (mistake,) = refused(acked(agency, consumer, str(int(end) + 1_000)), 422, "request-invalid")["errors"]
    assert mistake["at"] == "cursor"
    assert acked(agency, consumer, consumer["cursor"], rewind=True).status_code == 200
    assert ids(unread(agency, consumer)["items"]) == sent


def test_an_acknowledgement_sent_twice_is_done_once(world: World, agency: Agency) -> None:
    consumer = registered(agency)
    told(world, agency)
    first = unread(agency, consumer)["next"]
    path, key = f"/v1/event-consumers/{consumer['id']}/ack", "sekali"
    once = agency.http.deed(path, {"cursor": first}, key=key)
    told(world, agency)
    assert acked(agency, consumer, unread(agency, consumer)["next"]).status_code == 200
    assert agency.http.deed(path, {"cursor": first}, key=key).json() == once.json()


def test_a_name_is_taken_until_its_consumer_is_dismissed(agency: Agency) -> None:
    consumer = registered(agency)
    body = {"name": "pemantau", "agencies": [agency.key]}
    problem = refused(agency.http.post("/v1/event-consumers", json=body), 409, "consumer-name-taken")
    assert problem["existing"]["id"] == consumer["id"]
    gone = agency.http.delete(f"/v1/event-consumers/{consumer['id']}")
    assert (gone.status_code, gone.content) == (204, b"")
    refused(agency.http.get(f"/v1/event-consumers/{consumer['id']}"), 404, "not-found")
    refused(agency.http.get(f"/v1/event-consumers/{consumer['id']}/events"), 404, "not-found")
    assert registered(agency)["id"] != consumer["id"]
    assert len(agency.http.all("/v1/event-consumers")) == 1


def test_who_changes_one_must_have_seen_it(agency: Agency) -> None:
    consumer, other = registered(agency), registered(agency, "lain")
    path = f"/v1/event-consumers/{consumer['id']}"
    refused(agency.http.patch(path, json={"types": ["step.*"]}), 428, "if-match-missing")
    changed = agency.http.patch(
        path, json={"types": ["step.*"], "definitions": ["sop-lain"]}, headers={"If-Match": '"1"'}
    )
    assert changed.headers["etag"] == '"2"'
    assert changed.json() == consumer | {"version": 2, "types": ["step.*"], "definitions": ["sop-lain"]}
    stale = {"If-Match": '"1"'}
    refused(agency.http.patch(path, json={"name": "baru"}, headers=stale), 412, "version-superseded")
    assert agency.http.patch(path, json={"types": ["step.*"]}, headers=stale).json() == changed.json()
    anyone = {"If-Match": "*"}
    taken = refused(agency.http.patch(path, json={"name": "lain"}, headers=anyone), 409, "consumer-name-taken")
    assert taken["existing"]["id"] == other["id"]
    assert agency.http.patch(path, json={"definitions": None}, headers=anyone).json()["definitions"] is None


def test_only_who_serves_all_its_agencies_sees_it(agency: Agency, an_agency: Callable[..., Agency]) -> None:
    other = an_agency()
    both = agency.client(also=[other])
    mine = registered(agency)
    shared = both.post("/v1/event-consumers", json={"name": "dua", "agencies": [agency.key, str(other.id)]}).json()
    assert shared["agencies"] == sorted([agency.key, other.key])
    assert [one["id"] for one in both.all("/v1/event-consumers")] == [mine["id"], shared["id"]]
    assert [one["id"] for one in agency.http.all("/v1/event-consumers")] == [mine["id"]]
    for path in ("", "/events", "/manifests"):
        refused(agency.http.get(f"/v1/event-consumers/{shared['id']}{path}"), 404, "not-found")
    refused(acked(agency, shared, "0"), 404, "not-found")
    body = {"name": "tiga", "agencies": [agency.key, other.key]}
    refused(agency.http.post("/v1/event-consumers", json=body), 404, "not-found")


@pytest.mark.parametrize(
    "wrong",
    [{"types": ["langkah"]}, {"types": []}, {"agencies": []}, {"name": " "}, {"from": "besok"}, {"from": "9" * 18}],
)
def test_what_cannot_be_is_refused(agency: Agency, wrong: Json) -> None:
    body = {"name": "pemantau", "agencies": [agency.key]} | wrong
    refused(agency.http.post("/v1/event-consumers", json=body), 422, "request-invalid")


def test_whoever_may_read_may_acknowledge_and_only_administrators_register(agency: Agency) -> None:
    consumer, reader = registered(agency), agency.client("read")
    path = f"/v1/event-consumers/{consumer['id']}"
    assert reader.post(f"{path}/ack", json={"cursor": consumer["cursor"]}).status_code == 200
    refused(reader.post("/v1/event-consumers", json={"name": "b", "agencies": [agency.key]}), 403, "scope-missing")
    refused(reader.delete(path), 403, "scope-missing")
