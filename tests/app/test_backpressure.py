"""No more work is taken than fits: what is too much is sent away at once, and what was left behind is let go."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.settings import Settings
from engine.definition import Cycle
from tests.world import Agency, Json, World, kalbar_lakip, refused, served

LIMIT = 2


@dataclass
class Narrow:
    """A server that works on two requests at once, and somebody who can make it wait for the database."""

    url: str
    office: Agency

    def in_flight(self) -> int:
        text = httpx.get(f"{self.url}/metrics", timeout=30).text
        (line,) = [line for line in text.splitlines() if line.startswith("alur_http_requests_in_flight ")]
        return int(float(line.split()[1]))

    def until(self, number: int) -> None:
        """Wait until so many requests are in flight."""
        while self.in_flight() != number:
            pass

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """No step gets on while the block lasts."""
        world = self.office.world

        async def lock() -> asyncpg.Connection:
            connection = await asyncpg.connect(world.addresses.superuser.replace("+asyncpg", ""))
            await connection.execute("BEGIN; LOCK TABLE idempotency_answers IN ACCESS EXCLUSIVE MODE")
            return connection

        holder = world.run(lock())
        try:
            yield
        finally:
            world.run(holder.close())

    @contextmanager
    def full(self) -> Iterator[list[Future[httpx.Response]]]:
        """Nothing more fits while the block lasts."""
        waiting = [(self.office.client(), self.office.opened(None)) for _ in range(LIMIT)]
        with ThreadPoolExecutor(LIMIT) as threads, self.standing_still():
            steps = [threads.submit(client.complete, task) for client, task in waiting]
            self.until(LIMIT)
            yield steps
            assert not any(step.done() for step in steps)


@pytest.fixture(scope="module")
def narrow(a_world: Callable[[], World]) -> Iterator[Narrow]:
    outer = a_world()
    settings = Settings(
        database_url=outer.addresses.application, port=0, in_flight_limit=LIMIT, lock_timeout=60, statement_timeout=60
    )
    with served(settings) as url:
        world = World(outer.addresses, url, outer.runner)
        yield Narrow(url, world.an_agency(kalbar_lakip().model_copy(update={"cycle": (Cycle.ON_DEMAND,)})))
        world.close_clients()
        world.run(world.database.close())


def test_one_more_is_sent_away_at_once_and_told_when_to_come_again(narrow: Narrow) -> None:
    with narrow.full() as steps:
        answer = narrow.office.http.get("/v1/tasks")
        problem = refused(answer, 503, "overloaded")
        assert problem["detail_en"]
        assert int(answer.headers["retry-after"]) >= 1
    assert [step.result().status_code for step in steps] == [200] * LIMIT
    assert narrow.in_flight() == 0
    assert narrow.office.http.get("/v1/tasks").status_code == 200


def test_whoever_watches_the_server_always_passes(narrow: Narrow) -> None:
    with narrow.full():
        for path in ("/healthz", "/readyz", "/metrics", "/problems/overloaded", "/openapi.json"):
            assert httpx.get(f"{narrow.url}{path}", timeout=30).status_code == 200, path


def test_a_stranger_is_turned_away_as_a_stranger(narrow: Narrow) -> None:
    with narrow.full():
        refused(narrow.office.world.client(None).get("/v1/tasks"), 401, "identity-missing")


@contextmanager
def connected(narrow: Narrow) -> Iterator[socket.socket]:
    where = urlsplit(narrow.url)
    with socket.create_connection((where.hostname, where.port), timeout=30) as connection:
        yield connection


def head(narrow: Narrow, path: str, length: int, **headers: Any) -> bytes:
    """What comes before the body of a POST."""
    named = {
        "Host": "alur",
        "Authorization": f"Bearer {narrow.office.http.key}",
        "Content-Type": "application/json",
        "Content-Length": length,
    }
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (named | headers).items()), "", ""]
    return "\r\n".join(lines).encode()


def heard(connection: socket.socket) -> tuple[int, Json]:
    """The status and body of one answer."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += connection.recv(65_536)
    start, _, body = answer.partition(b"\r\n\r\n")
    length = int(next(line for line in start.lower().split(b"\r\n") if line.startswith(b"content-length")).split()[1])
    while len(body) < length:
        body += connection.recv(65_536)
    return int(start.split()[1]), json.loads(body)


def test_what_is_sent_away_is_not_read_first(narrow: Narrow) -> None:
    with narrow.full(), connected(narrow) as connection:
        connection.sendall(head(narrow, "/v1/instances", 1_000_000))
        status, problem = heard(connection)
    assert (status, problem["type"]) == (503, "/problems/overloaded")


def test_the_connection_can_be_used_again_once_the_rest_has_arrived(narrow: Narrow) -> None:
    with connected(narrow) as connection:
        with narrow.full():
            connection.sendall(head(narrow, "/v1/instances", 1_000))
            assert heard(connection)[0] == 503
        connection.sendall(b" " * 1_000 + head(narrow, "/v1/instances", 2) + b"{}")
        assert heard(connection)[0] == 422


def test_a_client_that_hangs_up_is_counted_for_as_long_as_its_work_lasts(narrow: Narrow) -> None:
    task = narrow.office.opened(None)
    acting = {"Alur-On-Behalf-Of": narrow.office.official()}
    with narrow.standing_still():
        with connected(narrow) as connection:
            body = b'{"outputs": [{"name": "SK", "reference": "1"}]}'
            connection.sendall(head(narrow, f"/v1/tasks/{task['id']}/complete", len(body), **acting) + body)
            narrow.until(1)
        assert narrow.in_flight() == 1
    narrow.until(0)
    assert narrow.office.http.json(f"/v1/tasks/{task['id']}")["status"] == "completed"


def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_forgotten(narrow: Narrow) -> None:
    for path in ("/v1/instances", "/v1/definitions"):
        with connected(narrow) as connection:
            connection.sendall(head(narrow, path, 1_000) + b'{"definition": ')
            narrow.until(1)
        narrow.until(0)


def test_a_body_that_trickles_in_is_in_flight(narrow: Narrow) -> None:
    with connected(narrow) as first, connected(narrow) as second:
        for connection in (first, second):
            connection.sendall(head(narrow, "/v1/instances", 2) + b"{")
        narrow.until(LIMIT)
        refused(narrow.office.http.get("/v1/tasks"), 503, "overloaded")
        for connection in (first, second):
            connection.sendall(b"}")
            assert heard(connection)[0] == 422
    assert narrow.office.http.get("/v1/tasks").status_code == 200
