"""Two callers want the same task at the same moment, each through a server of its own: who was first is told truly."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Barrier

import httpx
import pytest

from engine.definition import Activity
from tests.soak.history import Operation
from tests.soak.installation import Server
from tests.soak.traffic import Request, completing
from tests.soak.verdict import judge
from tests.world import Agency, Json, refused

DECIDES, LAST = "periksa_ketua_tim", "dokumentasikan_dan_kirim"
"""Activities: one with two outcomes that two officials may choose, and the one that ends the instance."""


@dataclass
class Arena:
    """Two callers, each at a server of its own, and everything that was ever asked."""

    agency: Agency
    servers: list[Server]
    clients: list[httpx.Client]
    threads: ThreadPoolExecutor
    operations: list[Operation]
    marks: Iterator[int]

    def mark(self) -> str:
        return f"r{next(self.marks)}"

    def do(self, request: Request) -> httpx.Response:
        """One request by itself, which must succeed."""
        answer = self._asked(0, request)
        assert answer.is_success, answer.text
        return answer

    def race(self, *requests: Request) -> list[httpx.Response]:
        """Both at the same moment."""
        barrier = Barrier(2)

        def one(which: int, request: Request) -> httpx.Response:
            barrier.wait()
            return self._asked(which, request)

        return list(self.threads.map(one, range(2), requests))

    def _asked(self, which: int, request: Request) -> httpx.Response:
        sent = request.send(self.clients[which], self.servers[which].url)
        assert sent is not None
        attempt, answer = sent
        assert answer is not None, attempt
        self.operations.append(request.operation([attempt]))
        return answer

    # Where a race begins

    def opened(self, activity: str | None = None) -> tuple[Json, Activity]:
        """The open task of a new instance that has come as far as an activity, its first unless told."""
        mark = self.mark()
        body = {"definition": self.agency.definition.key, "title": mark}
        view = self.do(Request("instance.started", None, mark, "/v1/instances", body)).json()
        for one in self.agency.definition.activities:
            (task,) = view["open_tasks"]
            if activity in (one.id, None):
                return task | {"instance_id": view["id"]}, one
            view = self.do(self.completing(task, one)).json()["instance"]
        raise AssertionError(activity)

    def completing(self, task: Json, activity: Activity, which: int = 0, outcome: str | None = None) -> Request:
        route = next(one for one in activity.routes if outcome in (one.outcome, None))
        return completing(task["id"], activity, route, self.mark(), official=self.official(activity, which))

    def claiming(self, task: Json, activity: Activity, which: int = 0) -> Request:
        official = self.official(activity, which)
        return Request("step.claimed", task["id"], official, f"/v1/tasks/{task['id']}/claim", None, official)

    def interrupting(self, task: Json, deed: str, done: str) -> Request:
        mark, instance = self.mark(), task["instance_id"]
        return Request(f"instance.{done}", instance, mark, f"/v1/instances/{instance}/{deed}", {"reason": mark})

    def official(self, activity: Activity, which: int) -> str:
        people = self.agency.people[activity.candidate_roles[0]]
        return str(people[which % len(people)])


@pytest.fixture
def arena(office: Agency, servers: list[Server]) -> Iterator[Arena]:
    with ExitStack() as ending:
        headers = {"Authorization": f"Bearer {office.secret()}"}
        clients = [ending.enter_context(httpx.Client(headers=headers, timeout=30)) for _ in servers]
        threads = ending.enter_context(ThreadPoolExecutor(2))
        yield Arena(office, servers, clients, threads, [], itertools.count())


# What may come of it. Each race gives the place of who was first.


def same_outcome(arena: Arena) -> int:
    task, activity = arena.opened()
    first, lost = _one_of(arena.race(arena.completing(task, activity, 0), arena.completing(task, activity, 1)))
    _closed(lost, task, "completed", arena.official(activity, first))
    return first


def another_outcome(arena: Arena) -> int:
    task, activity = arena.opened(DECIDES)
    outcomes = ("approved", "returned")
    first, lost = _one_of(
        arena.race(*(arena.completing(task, activity, which, outcome) for which, outcome in enumerate(outcomes)))
    )
    _closed(lost, task, outcomes[first], arena.official(activity, first))
    return first


def complete_and_cancel(arena: Arena) -> int:
    """A cancellation is lawful before and after a completion, a completion only before."""
    task, activity = arena.opened()
    completed, cancelled = arena.race(arena.completing(task, activity), arena.interrupting(task, "cancel", "cancelled"))
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    if completed.status_code == 200:
        return 0
    _closed(completed, task, "cancelled", None)
    return 1


def end_and_cancel(arena: Arena) -> int:
    """What has ended cannot be cancelled, and what was cancelled not be ended."""
    task, activity = arena.opened(LAST)
    first, lost = _one_of(arena.race(arena.completing(task, activity), arena.interrupting(task, "cancel", "cancelled")))
    if first == 0:
        assert "selesai" in refused(lost, 409, "instance-ended")["detail_id"]
    else:
        _closed(lost, task, "cancelled", None)
    return first


def complete_and_suspend(arena: Arena) -> int:
    """A suspension is lawful before and after a completion, a completion only before."""
    task, activity = arena.opened()
    completed, suspended = arena.race(
        arena.completing(task, activity), arena.interrupting(task, "suspend", "suspended")
    )
    assert (suspended.status_code, suspended.json()["status"]) == (200, "suspended")
    if completed.status_code == 200:
        return 0
    refused(completed, 409, "instance-suspended")
    return 1


def two_claims(arena: Arena) -> int:
    task, activity = arena.opened()
    first, lost = _one_of(arena.race(arena.claiming(task, activity, 0), arena.claiming(task, activity, 1)))
    _held(lost, task, arena.official(activity, first))
    return first


def claim_and_complete(arena: Arena) -> int:
    """By two officials, so that only one of them can have it."""
    task, activity = arena.opened()
    first, lost = _one_of(arena.race(arena.claiming(task, activity, 0), arena.completing(task, activity, 1)))
    if first == 0:
        _held(lost, task, arena.official(activity, 0))
    else:
        _closed(lost, task, "completed", arena.official(activity, 1))
    return first


def undo_and_go_on(arena: Arena) -> int:
    """A step can be undone until the next one is acted on."""
    task, activity = arena.opened()
    done = arena.do(arena.completing(task, activity)).json()
    following, next_ = done["opened"][0], arena.agency.definition.activities[1]
    mark, official = arena.mark(), arena.official(activity, 0)
    undo = Request("step.undone", task["id"], mark, f"/v1/tasks/{task['id']}/undo", {"reason": mark}, official)
    first, lost = _one_of(arena.race(undo, arena.completing(following, next_)))
    if first == 0:
        _closed(lost, following, "withdrawn", None)
    else:
        refused(lost, 409, "not-undoable")
    return first


RACES = (
    same_outcome, another_outcome, complete_and_cancel, end_and_cancel, complete_and_suspend, two_claims,
    claim_and_complete, undo_and_go_on,
)  # fmt: skip


def _one_of(answers: list[httpx.Response]) -> tuple[int, httpx.Response]:
    """Who was first, and what the other was told: exactly one succeeded."""
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    first = [answer.status_code for answer in answers].index(200)
    return first, answers[1 - first]


def _closed(lost: httpx.Response, task: Json, outcome: str, by: str | None) -> None:
    existing = refused(lost, 409, "task-closed")["existing"]
    assert (existing["id"], existing["outcome"], existing["by"]) == (task["id"], outcome, by)
    assert existing["at"]


def _held(lost: httpx.Response, task: Json, by: str) -> None:
    existing = refused(lost, 409, "task-claimed")["existing"]
    assert (existing["id"], existing["outcome"], existing["by"]) == (task["id"], "claimed", by)


def test_of_two_who_come_at_once_one_is_first_and_the_other_is_told_truly(
    arena: Arena, seed: int, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    races = [RACES[number % len(RACES)] for number in range(times(25, 500))]
    random.Random(seed).shuffle(races)  # noqa: S311 - a test to be repeated, no secret
    won: dict[str, list[int]] = {race.__name__: [0, 0] for race in RACES}
    for race in races:
        won[race.__name__][race(arena)] += 1
    tally = judge(arena.agency, arena.operations)
    assert (tally.unknown, tally.acknowledged + tally.refused) == (0, tally.operations)
    tell(f"{len(races)} races, won by the one and by the other {won}; {tally}")
