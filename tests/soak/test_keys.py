"""One Idempotency-Key sent by many at once, through two servers: one effect, one answer, and nothing else under it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from threading import Barrier
from uuid import UUID

import httpx
import pytest

from tests.soak.history import Attempt, Operation
from tests.soak.installation import Server
from tests.soak.traffic import Request, completing
from tests.soak.verdict import judge
from tests.world import Agency, Json, refused

MANY = 8
"""How many send the same request at once."""

PUBLISHED = "definition.published"
"""What has no trail; the versions of the SOP tell."""


@dataclass
class Choir:
    """Many senders who say the same thing at the same moment, half of them to either server."""

    agency: Agency
    servers: list[Server]
    clients: list[httpx.Client]
    threads: ThreadPoolExecutor
    chance: random.Random
    operations: list[Operation] = field(default_factory=list)
    published: list[str] = field(default_factory=list)

    @property
    def sung(self) -> int:
        """How many keys were used."""
        return len(self.operations) + len(self.published)

    def sing(self, request: Request, another_body: Json = None) -> Json:
        """What everybody was told: the same, to the byte. Another body or official under the key is refused."""
        request = replace(request, key=str(UUID(int=self.chance.getrandbits(128))))
        barrier = Barrier(MANY)

        def one(which: int) -> tuple[Attempt, httpx.Response]:
            barrier.wait()
            return self._sent(request, which)

        sent = list(self.threads.map(one, range(MANY)))
        told = {(answer.status_code, answer.headers.get("location"), answer.content) for _, answer in sent}
        assert len(told) == 1, told
        answer = sent[0][1]
        assert answer.is_success, answer.text
        if request.type == PUBLISHED:
            self.published.append(request.mark)
        else:
            self.operations.append(request.operation([attempt for attempt, _ in sent]))
        self._refuses_another(request, another_body)
        return answer.json()

    def _refuses_another(self, request: Request, another_body: Json) -> None:
        somebody_else = next(one for one in self.agency.officials() if one != request.official)
        others = [replace(request, official=somebody_else)]
        others += [replace(request, body=another_body)] if another_body else []
        for which, other in enumerate(others):
            refused(self._sent(other, which)[1], 422, "idempotency-key-reused")

    def _sent(self, request: Request, which: int) -> tuple[Attempt, httpx.Response]:
        sent = request.send(self.clients[which], self.servers[which % len(self.servers)].url)
        assert sent is not None
        attempt, answer = sent
        assert answer is not None, attempt
        return attempt, answer

    # The songs: what one led to, the next goes on from

    def cycle(self) -> None:
        """Every kind of POST on one instance, from its start to its cancellation."""
        first, second = self.agency.definition.activities[:2]
        view = self.start()
        instance, (task,) = view["id"], view["open_tasks"]
        self.worded("instance.commented", instance, f"/v1/instances/{instance}/comments", "text")
        official = str(self.agency.people[first.candidate_roles[0]][0])
        self.sing(Request("step.claimed", task["id"], official, f"/v1/tasks/{task['id']}/claim", None, official))
        self.sing(Request("step.released", task["id"], official, f"/v1/tasks/{task['id']}/unclaim", None, official))
        for activity in (first, second):
            official = str(self.agency.people[activity.candidate_roles[0]][0])
            request = completing(task["id"], activity, activity.routes[0], self.mark(), official=official)
            (task,) = self.sing(request, request.body | {"note": "lain"})["opened"]
        for deed, done in (("suspend", "suspended"), ("resume", "resumed"), ("cancel", "cancelled")):
            self.worded(f"instance.{done}", instance, f"/v1/instances/{instance}/{deed}", "reason")

    def start(self) -> Json:
        mark = self.mark()
        body = {"definition": self.agency.definition.key, "title": mark}
        return self.sing(Request("instance.started", None, mark, "/v1/instances", body), body | {"title": "lain"})

    def worded(self, type: str, instance: str, path: str, word: str) -> None:
        mark = self.mark()
        self.sing(Request(type, instance, mark, path, {word: mark}), {word: "lain"})

    def publish(self) -> None:
        """A new version of an SOP beside the one that runs."""
        mark = self.mark()
        sheet = self.agency.definition.model_copy(update={"key": f"{self.agency.definition.key}-2", "title": mark})
        body = sheet.model_dump(mode="json")
        self.sing(Request(PUBLISHED, None, mark, "/v1/definitions", body), body | {"title": "lain"})

    def mark(self) -> str:
        return f"k{self.sung}"


@pytest.fixture
def choir(office: Agency, servers: list[Server], seed: int) -> Iterator[Choir]:
    with ExitStack() as ending:
        headers = {"Authorization": f"Bearer {office.secret()}"}
        clients = [ending.enter_context(httpx.Client(headers=headers, timeout=60)) for _ in range(MANY)]
        threads = ending.enter_context(ThreadPoolExecutor(MANY))
        chance = random.Random(seed)  # noqa: S311 - a test to be repeated, no secret
        yield Choir(office, servers, clients, threads, chance)


def test_many_senders_of_one_key_have_one_effect_and_get_one_answer(
    choir: Choir, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    keys = times(200, 10_000)
    while choir.sung < keys:
        choir.publish()
        for _ in range(4):
            choir.cycle()
    tally = judge(choir.agency, choir.operations)
    assert tally.acknowledged == tally.operations
    versions = choir.agency.world.sql(
        "SELECT title FROM process_definitions WHERE key = $1 ORDER BY version", f"{choir.agency.definition.key}-2"
    )
    assert [row["title"] for row in versions] == choir.published
    tell(f"{choir.sung} keys sent by {MANY} each, {len(choir.published)} of them to publish; {tally}")
