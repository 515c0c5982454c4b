"""A server that is told to stop: it says so, finishes what it has in hand, and goes."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest

from app.embedded import Addresses
from app.migrate import migrate
from engine.definition import Cycle
from tests.app.process import PATIENCE, Process, process
from tests.world import Agency, World, kalbar_lakip, refused

BOTH = pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])

ALIVE = b"GET /healthz HTTP/1.1\r\nHost: alur\r\n\r\n"


@pytest.fixture(scope="module")
def addresses(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Addresses:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    return addresses


@contextmanager
def working(addresses: Addresses, runner: asyncio.Runner, **environment: str) -> Iterator[tuple[Process, Agency]]:
    """A server, and an agency that it serves."""
    patient = {"ALUR_LOCK_TIMEOUT": "60", "ALUR_STATEMENT_TIMEOUT": "60"}
    with process(addresses.application, **(patient | environment)) as server:
        world = World(addresses, server.url, runner)
        try:
            yield server, world.an_agency(kalbar_lakip().model_copy(update={"cycle": (Cycle.ON_DEMAND,)}))
        finally:
            world.close_clients()
            runner.run(world.database.close())


@contextmanager
def standing_still(world: World) -> Iterator[Callable[[], None]]:
    """No step gets on while the block lasts, or until what is given is called."""

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(world.addresses.superuser.replace("+asyncpg", ""))
        await connection.execute("BEGIN; LOCK TABLE idempotency_answers IN ACCESS EXCLUSIVE MODE")
        return connection

    holder = world.run(lock())
    try:
        yield lambda: world.run(holder.close())
    finally:
        world.run(holder.close())


def connected(server: Process) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((where.hostname, where.port), timeout=PATIENCE)


def until_closed(server: Process) -> None:
    """Wait until the port lets nobody in."""
    while True:
        try:
            connected(server).close()
        except ConnectionError:
            return


def until_in_flight(server: Process, number: int) -> None:
    while f"alur_http_requests_in_flight {float(number)}\n" not in httpx.get(f"{server.url}/metrics").text:
        pass


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    heard = b""
    while piece := connection.recv(65_536):
        heard += piece
    return heard


def alive(connection: socket.socket) -> bytes:
    """The answer of a server that keeps the connection."""
    connection.sendall(ALIVE)
    answer = b""
    while not answer.endswith(b'{"status":"alive"}'):
        answer += connection.recv(65_536)
    return answer


@BOTH
def test_what_is_in_flight_is_finished(addresses: Addresses, runner: asyncio.Runner, which: signal.Signals) -> None:
    with working(addresses, runner) as (server, office):
        task = office.opened(None)
        client = office.client()
        with ThreadPoolExecutor() as threads, standing_still(office.world) as go_on:
            step = threads.submit(client.complete, task)
            until_in_flight(server, 1)
            server.signal(which)
            until_closed(server)
            assert not step.done()
            go_on()
            answer = step.result(PATIENCE)
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert server.ended() == 0
        assert office.world.one(f"SELECT status FROM tasks WHERE id = '{task['id']}'") == "completed"  # noqa: S608
        assert [entry["message"] for entry in server.entries() if entry["logger"] == "alur"][-1] == "stopped"


def test_whatever_was_connected_when_the_port_closed_is_answered(addresses: Addresses, runner: asyncio.Runner) -> None:
    with working(addresses, runner) as (server, _):
        used, begun, fresh, silent = (connected(server) for _ in range(4))
        with used, begun, fresh, silent:
            assert b"connection: close" not in alive(used)
            begun.sendall(ALIVE[:20])
            server.signal(signal.SIGTERM)
            until_closed(server)
            for connection in (used, fresh):
                connection.sendall(ALIVE)
            assert everything(silent) == b""  # from now on nobody may begin
            begun.sendall(ALIVE[20:])
            for connection in (used, fresh, begun):
                answer = everything(connection)
                assert answer.startswith(b"HTTP/1.1 200 OK")
                assert b"connection: close" in answer
        assert server.ended() == 0


def test_connections_that_say_nothing_hold_nobody_up(addresses: Addresses, runner: asyncio.Runner) -> None:
    with working(addresses, runner) as (server, _):
        used, silent = connected(server), connected(server)
        with used, silent:
            alive(used)
            told = time.monotonic()
            server.signal(signal.SIGTERM)
            assert everything(silent) == b""
            assert everything(used) == b""
            assert server.ended() == 0
            assert time.monotonic() - told < 25, "it waited for them"


@BOTH
def test_while_it_drains_it_works_on_and_sends_everybody_away(
    addresses: Addresses, runner: asyncio.Runner, which: signal.Signals
) -> None:
    with working(addresses, runner, ALUR_DRAIN_SECONDS="300") as (server, office):
        assert httpx.get(f"{server.url}/readyz").status_code == 200
        server.signal(which)
        while (answer := httpx.get(f"{server.url}/readyz")).status_code == 200:
            pass
        refused(answer, 503, "shutting-down")
        assert httpx.get(f"{server.url}/healthz").status_code == 200
        for _ in range(3):
            step = office.http.complete(office.opened(None))
            assert (step.status_code, step.headers["connection"]) == (200, "close")
        server.signal(which)
        assert server.ended() == 0


def test_a_second_signal_ends_it_there_and_then(addresses: Addresses, runner: asyncio.Runner) -> None:
    with working(addresses, runner, ALUR_SHUTDOWN_SECONDS="300") as (server, office):
        task, client = office.opened(None), office.client()
        with ThreadPoolExecutor() as threads, standing_still(office.world):
            step = threads.submit(client.complete, task)
            until_in_flight(server, 1)
            server.signal(signal.SIGTERM)
            until_closed(server)
            assert not step.done()
            server.signal(signal.SIGTERM)
            assert server.ended() == 0
            refused(step.result(PATIENCE), 503, "effect-unknown")


def test_what_takes_too_long_is_cut_off_and_told_so(addresses: Addresses, runner: asyncio.Runner) -> None:
    with working(addresses, runner, ALUR_SHUTDOWN_SECONDS="1") as (server, office):
        task, changing, reading = office.opened(None), office.client(), office.client()
        with ThreadPoolExecutor() as threads, standing_still(office.world), locked_keys(office.world):
            step = threads.submit(changing.complete, task)
            look = threads.submit(reading.get, "/v1/tasks")
            until_in_flight(server, 2)
            server.signal(signal.SIGTERM)
            refused(step.result(PATIENCE), 503, "effect-unknown")
            refused(look.result(PATIENCE), 503, "shutting-down")
            assert server.ended() == 0
        assert {entry["level"] for entry in server.entries()} == {"info", "warning"}


@contextmanager
def locked_keys(world: World) -> Iterator[None]:
    """Nobody is recognised while the block lasts."""

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(world.addresses.superuser.replace("+asyncpg", ""))
        await connection.execute("BEGIN; LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        return connection

    holder = world.run(lock())
    try:
        yield
    finally:
        world.run(holder.close())


def test_whoever_was_waiting_to_be_let_in_is_answered(addresses: Addresses, runner: asyncio.Runner) -> None:
    with working(addresses, runner) as (server, _):
        server.signal(signal.SIGSTOP)
        waiting = [connected(server) for _ in range(20)]
        for connection in waiting:
            connection.sendall(ALIVE)
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        for connection in waiting:
            with connection:
                assert everything(connection).startswith(b"HTTP/1.1 200 OK")
        assert server.ended() == 0
