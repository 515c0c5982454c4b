"""The connection to the database breaks while a deed is written: what the client is told is true, or that nobody knows.

A success stands in the trail. A problem that does not say otherwise promises that nothing was done. Whoever sent a key
learns the truth by sending it again.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx
import pytest
from sqlalchemy import make_url

from app.embedded import Addresses
from tests.soak.history import Attempt, Outcome
from tests.soak.installation import Server, serving
from tests.soak.traffic import NOT_TOLD, Request, completing
from tests.soak.verdict import Tally, judge
from tests.soak.wire import Fault, Wire
from tests.world import Agency, Json

PUBLISHED = "definition.published"
"""What has no trail; the versions of the SOP tell."""

MANY = 32
"""How many deeds break at once: four kinds, with a key and without, by every fault there is."""

TOLD_WITHIN = 20
"""Seconds until somebody who sends a key again knows, once the database is back."""


@dataclass
class Callers:
    """Clients that do many things at once, each of them one, with a key or without."""

    agency: Agency
    server: Server
    clients: list[httpx.Client]
    threads: ThreadPoolExecutor
    numbers: Iterator[int] = field(default_factory=count)
    asked: list[tuple[Request, httpx.Client, list[Attempt]]] = field(default_factory=list)

    def mark(self) -> str:
        return f"tanda-{next(self.numbers):05}-"

    def prepared(self) -> list[Request]:
        """One request of each kind, with a key and without, each where no other is in its way."""
        made = (self.starting, self.completing, self.commenting, self.publishing)
        return [make(f"kunci-{next(self.numbers)}" if keyed else None) for make in made for keyed in (True, False)]

    def starting(self, key: str | None) -> Request:
        mark = self.mark()
        body = {"definition": self.agency.definition.key, "title": mark}
        return Request("instance.started", None, mark, "/v1/instances", body, None, key)

    def completing(self, key: str | None) -> Request:
        (task,), activity = self.opened()["open_tasks"], self.agency.definition.activities[0]
        official = self.agency.official(activity.candidate_roles[0])
        return completing(task["id"], activity, activity.routes[0], self.mark(), official=official, key=key)

    def commenting(self, key: str | None) -> Request:
        mark, instance = self.mark(), self.opened()["id"]
        path = f"/v1/instances/{instance}/comments"
        return Request("instance.commented", instance, mark, path, {"text": mark}, None, key)

    def publishing(self, key: str | None) -> Request:
        mark = self.mark()
        own = f"{self.agency.definition.key}-{next(self.numbers)}"
        sheet = self.agency.definition.model_copy(update={"key": own, "title": mark})
        return Request(PUBLISHED, None, mark, "/v1/definitions", sheet.model_dump(mode="json"), None, key)

    def opened(self) -> Json:
        attempt, answer = self._asked(self.starting(None), self.clients[0])
        assert answer is not None, attempt
        assert answer.status_code == 201, attempt
        return answer.json()

    def ask(self, requests: list[Request]) -> list[Attempt]:
        """Ask all of it at once; what came of it."""
        return [attempt for attempt, _ in self.threads.map(self._asked, requests, self.clients)]

    def _asked(self, request: Request, http: httpx.Client) -> tuple[Attempt, httpx.Response | None]:
        sent = request.send(http, self.server.url)
        assert sent is not None
        self.asked.append((request, http, [sent[0]]))
        return sent

    def ask_again(self) -> None:
        """Send again whatever has a key and is not known, until it is."""
        until = time.monotonic() + TOLD_WITHIN
        for request, http, attempts in self.asked:
            while request.key and attempts[-1].outcome in (Outcome.UNKNOWN, Outcome.NOT_NOW):
                assert time.monotonic() < until, f"not told: {attempts[-1]}"
                sent = request.send(http, self.server.url)
                assert sent is not None
                attempts.append(sent[0])

    def judged(self) -> Tally:
        """Assert that all of it is true."""
        operations = [request.operation(attempts) for request, _, attempts in self.asked]
        published = [one for one in operations if one.type == PUBLISHED]
        stand = self.agency.world.sql("SELECT title FROM process_definitions WHERE agency_id = $1", self.agency.id)
        titles = [row["title"] for row in stand]
        for operation in published:
            stands = titles.count(operation.mark)
            if operation.outcome is Outcome.UNKNOWN:
                assert operation.key is None
                assert stands <= 1
            else:
                assert stands == (operation.outcome is Outcome.OK), operation
        return judge(self.agency, [one for one in operations if one.type != PUBLISHED])


@pytest.fixture(scope="module")
def wire(addresses: Addresses) -> Iterator[Wire]:
    url = make_url(addresses.application)
    name = f".s.PGSQL.{url.query['port']}"
    with tempfile.TemporaryDirectory(prefix="alur-wire-") as folder:
        with Wire(Path(folder) / name, Path(str(url.query["host"])) / name).stretched() as wire:
            yield wire


@pytest.fixture(scope="module")
def wired(addresses: Addresses, wire: Wire) -> Iterator[Server]:
    """A server that reaches its database over the wire, and soon gives up one that says nothing."""
    with serving(wire.through(addresses.application), ALUR_STATEMENT_TIMEOUT="2", ALUR_POOL_SIZE=str(MANY)) as server:
        yield server


@pytest.fixture
def callers(office: Agency, wired: Server) -> Iterator[Callers]:
    with ExitStack() as ending:
        clients = [
            ending.enter_context(httpx.Client(headers={"Authorization": f"Bearer {office.secret()}"}, timeout=60))
            for _ in range(MANY)
        ]
        yield Callers(office, wired, clients, ending.enter_context(ThreadPoolExecutor(MANY)))


def test_where_the_database_stays_everybody_learns_what_became_of_a_deed(
    callers: Callers, wire: Wire, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    rounds = times(1, 40)
    for _ in range(rounds):
        befallen = [(fault, request) for fault in Fault for request in callers.prepared()]
        wire.expect({request.mark: fault for fault, request in befallen})
        answers = callers.ask([request for _, request in befallen])
        spared = wire.mend()
        for (fault, request), told in zip(befallen, answers, strict=True):
            may_be_on_its_way = fault is Fault.DELAYED and _is_unclear(told)
            assert told.outcome is Outcome.OK or may_be_on_its_way, f"{fault}: {told}"
            assert request.mark not in spared, f"spared from being {fault}: {told}"
        callers.ask_again()
    tell(f"{rounds} rounds; {callers.judged()}")


def test_where_the_database_is_gone_everybody_is_told_that_nobody_knows_and_by_key_the_truth(
    callers: Callers, wire: Wire, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    rounds = times(1, 40)
    for _ in range(rounds):
        befallen = [(fault, request) for fault in (Fault.LOST, Fault.UNHEARD) for request in callers.prepared()]
        wire.expect({request.mark: fault for fault, request in befallen}, gone_after=True)
        answers = callers.ask([request for _, request in befallen])
        spared = wire.mend()
        for (fault, request), told in zip(befallen, answers, strict=True):
            assert _is_unclear(told), f"{fault}: {told}"
            assert request.mark not in spared, f"spared from being {fault}: {told}"
        callers.ask_again()
    tell(f"{rounds} rounds; {callers.judged()}")


def _is_unclear(told: Attempt) -> bool:
    """Whether it was said that nobody knows; a missing answer is none."""
    return told.outcome is Outcome.UNKNOWN and NOT_TOLD in told.answer
