"""Callers who come at the same moment: one of them was first, and nothing is ever done twice or half."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from tests.world import Agency, Client, Json, refused

ROUNDS = 24


class Pair:
    """Two clients that do their deeds at the same moment."""

    def __init__(self, agency: Agency) -> None:
        secret = agency.secret()
        self.clients = [agency.world.client(secret) for _ in range(2)]
        self.threads = ThreadPoolExecutor(2)
        for client in self.clients:
            client.get("/healthz")

    def do(self, *deeds: Callable[[Client], httpx.Response]) -> list[httpx.Response]:
        barrier = Barrier(2)

        def one(client: Client, deed: Callable[[Client], httpx.Response]) -> httpx.Response:
            barrier.wait()
            return deed(client)

        return list(self.threads.map(one, self.clients, deeds))


Deed = Callable[[Client], httpx.Response]


def starting(agency: Agency, **given: Any) -> Deed:
    return lambda http: http.start(agency.definition.key, **given)


def completing(task: Json, **given: Any) -> Deed:
    return lambda http: http.complete(task, **given)


def claiming(task: Json, **given: Any) -> Deed:
    return lambda http: http.claim(task, **given)


def interrupting(instance: Json, deed: str) -> Deed:
    return lambda http: http.interrupt(instance, deed)


@pytest.fixture
def pair(agency: Agency) -> Pair:
    return Pair(agency)


def _told(agency: Agency, instance: Json, type: str) -> int:
    return sum(event["type"] == type for event in agency.trail(instance))


def test_of_two_who_complete_one_task_the_first_does_and_the_second_learns_who(agency: Agency, pair: Pair) -> None:
    first, second = agency.officials()[:2]
    for period in range(2000, 2000 + ROUNDS):
        task = agency.opened(str(period))
        answers = pair.do(completing(task, by=first), completing(task, by=second))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 200, won.text
        existing = refused(lost, 409, "task-closed")["existing"]
        assert (existing["id"], existing["by"]) == (task["id"], won.json()["task"]["performed_by"])
        instance = won.json()["instance"]
        assert (_told(agency, instance, "step.completed"), _told(agency, instance, "step.opened")) == (1, 2)


def test_of_two_who_claim_one_task_the_first_has_it_and_the_second_learns_who(agency: Agency, pair: Pair) -> None:
    first, second = agency.officials()[:2]
    for period in range(2000, 2000 + ROUNDS):
        task = agency.opened(str(period))
        answers = pair.do(claiming(task, by=first), claiming(task, by=second))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 200, won.text
        existing = refused(lost, 409, "task-claimed")["existing"]
        assert existing["by"] == won.json()["assignee"]
        assert _told(agency, {"id": task["instance_id"]}, "step.claimed") == 1


def test_completing_against_cancelling_leaves_a_cancelled_instance_either_way(agency: Agency, pair: Pair) -> None:
    for period in range(2000, 2000 + ROUNDS):
        task = agency.opened(str(period))
        instance = {"id": task["instance_id"]}
        completed, cancelled = pair.do(completing(task), interrupting(instance, "cancel"))
        assert cancelled.status_code == 200, cancelled.text
        if completed.status_code != 200:
            assert refused(completed, 409, "task-closed")["existing"]["outcome"] == "cancelled"
        after = agency.http.json(f"/v1/instances/{instance['id']}")
        assert (after["status"], after["open_tasks"]) == ("cancelled", [])
        assert _told(agency, instance, "step.completed") == (completed.status_code == 200)


def test_of_two_starts_for_one_period_one_starts_and_the_other_names_it(agency: Agency, pair: Pair) -> None:
    for period in map(str, range(2000, 2000 + ROUNDS)):
        answers = pair.do(starting(agency, period=period), starting(agency, period=period))
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 201, won.text
        assert refused(lost, 409, "duplicate-instance")["existing"]["id"] == won.json()["id"]


def test_two_starts_with_a_reason_both_start_and_the_second_names_the_first(agency: Agency, pair: Pair) -> None:
    for period in map(str, range(2000, 2000 + ROUNDS // 2)):
        wanted = starting(agency, period=period, duplicate={"reason": "Revisi"})
        answers = pair.do(wanted, wanted)
        assert [answer.status_code for answer in answers] == [201, 201]
        named = [agency.trail(answer.json())[0]["data"].get("duplicate_of") for answer in answers]
        ids = [answer.json()["id"] for answer in answers]
        assert sorted(named, key=bool) in ([None, ids[0]], [None, ids[1]])


def test_of_two_starts_with_one_reference_one_starts(agency: Agency, pair: Pair) -> None:
    for number in range(ROUNDS // 2):
        reference = {"system": "e-sakip", "id": f"L/{number}"}
        one, other = str(2000 + 2 * number), str(2001 + 2 * number)
        answers = pair.do(
            starting(agency, period=one, reference=reference), starting(agency, period=other, reference=reference)
        )
        won, lost = sorted(answers, key=lambda answer: answer.status_code)
        assert won.status_code == 201, won.text
        assert refused(lost, 409, "reference-taken")["existing"]["id"] == won.json()["id"]


def test_a_crowd_of_comments_is_recorded_whole_and_in_order(agency: Agency) -> None:
    """In such a crowd somebody may be told to try again; who does so under the same key is heard once."""
    instance, secret = agency.started(), agency.secret()
    crowd = [agency.world.client(secret) for _ in range(6)]

    def said(which: int) -> list[int]:
        return [_until_heard(crowd[which], instance, f"{which}-{number}") for number in range(5)]

    with ThreadPoolExecutor(len(crowd)) as threads:
        told = [seq for many in threads.map(said, range(len(crowd))) for seq in many]
    trail = agency.trail(instance)
    assert [event["seq"] for event in trail] == list(range(1, len(trail) + 1))
    assert sorted(told) == [event["seq"] for event in trail if event["type"] == "instance.commented"]


def _until_heard(http: Client, instance: Json, key: str) -> int:
    while (answer := http.comment(instance, key=key)).status_code != 201:
        refused(answer, 503, "contended")
        assert answer.headers["retry-after"] == "1"
    seq: int = answer.json()["seq"]
    return seq


def test_what_the_racers_left_can_be_proved(agency: Agency, pair: Pair) -> None:
    task = agency.opened()
    instance = {"id": task["instance_id"]}
    pair.do(completing(task), lambda http: http.comment(instance))
    pair.do(interrupting(instance, "suspend"), interrupting(instance, "cancel"))
    assert agency.world.findings(instance) == []
