"""How often a deed goes to the database and back, counted on the wire: BEGIN and COMMIT are flights, too."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import make_url

from app.embedded import Addresses
from app.migrate import migrate
from app.settings import Settings
from tests.world import Agency, World, served


@dataclass
class Wire:
    """A proxy between Alur and PostgreSQL. A flight begins when Alur sends something after the server spoke last.

    The connection that wakes others is not counted: nobody waits for it.
    """

    socket: Path
    flights: int = 0

    def through(self, address: str) -> str:
        """The same address by way of the proxy."""
        return make_url(address).update_query_dict({"host": str(self.socket.parent)}).render_as_string()

    async def carry(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        server, onward = await asyncio.open_unix_connection(self.origin)
        spoke_last, beside = ["server"], [False]

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, who: str) -> None:
            with suppress(ConnectionError):
                while piece := await source.read(65_536):
                    beside[0] |= b"alur wake" in piece
                    if who == "client" and spoke_last[0] == "server" and not beside[0]:
                        self.flights += 1
                    spoke_last[0] = who
                    sink.write(piece)
                    await sink.drain()
            sink.close()

        await asyncio.gather(pump(client, onward, "client"), pump(server, back, "server"))

    @property
    def origin(self) -> str:
        return self._origin

    @contextmanager
    def stretched(self, origin: str) -> Iterator[Wire]:
        """Carry everything between the proxy's socket and PostgreSQL's while the block lasts."""
        self._origin = origin
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="wire")
        thread.start()
        listening = asyncio.run_coroutine_threadsafe(asyncio.start_unix_server(self.carry, self.socket), loop).result()
        try:
            yield self
        finally:
            loop.call_soon_threadsafe(listening.close)
            asyncio.run_coroutine_threadsafe(_rest(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _rest() -> None:
    """Wait for what is still being carried."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


@dataclass
class Watched:
    """An agency of a server whose only connection to the database is watched."""

    agency: Agency
    wire: Wire

    def flights(self, deed: Callable[[], object]) -> int:
        before = self.wire.flights
        deed()
        return self.wire.flights - before


@pytest.fixture(scope="module")
def watched(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Iterator[Watched]:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    host = str(make_url(addresses.application).query["host"])
    with tempfile.TemporaryDirectory(prefix="alur-wire-") as folder:
        wire = Wire(Path(folder) / ".s.PGSQL.5432")
        with wire.stretched(f"{host}/.s.PGSQL.5432"):
            settings = Settings(database_url=wire.through(addresses.application), port=0, pool_size=1)
            with served(settings) as url:
                world = World(addresses, url, runner)
                watched = Watched(replace(world.an_agency()), wire)
                _warm(watched.agency)
                yield watched
                world.close_clients()
                runner.run(world.database.close())


def _warm(agency: Agency) -> None:
    """Do every deed once, so that each statement is prepared and the process compiled."""
    done = agency.http.completed(agency.opened("1999"), key="hangat")
    agency.http.claim(done["opened"][0])
    for deed in ("suspend", "resume", "cancel"):
        agency.http.interrupt(done["instance"], deed)
    agency.http.comment(done["instance"])


def test_the_wire_is_really_watched(watched: Watched) -> None:
    assert watched.wire.flights > 10
    assert watched.flights(lambda: watched.agency.http.get("/healthz")) == 0


def test_a_step_is_two_flights(watched: Watched) -> None:
    agency = watched.agency
    task = agency.opened("2001")
    for number in range(3):
        opened: list[dict[str, object]] = []
        key = f"langkah-{number}" if number else None
        http, waiting = agency.http, task
        assert watched.flights(lambda: opened.extend(http.completed(waiting, key=key)["opened"])) == 2  # noqa: B023
        task = opened[0]


def test_starting_is_two_flights(watched: Watched) -> None:
    assert watched.flights(lambda: watched.agency.started("2002")) == 2


def test_every_other_deed_is_two_flights(watched: Watched) -> None:
    agency = watched.agency
    http, task = agency.http, agency.opened("2003")
    official, instance = task["candidates"][0]["official"], {"id": task["instance_id"]}
    assert watched.flights(lambda: http.claim(task, by=official)) == 2
    assert watched.flights(lambda: http.unclaim(task, by=official)) == 2
    assert watched.flights(lambda: http.comment(instance)) == 2
    for deed in ("suspend", "resume", "cancel"):
        assert watched.flights(lambda: http.interrupt(instance, deed)) == 2  # noqa: B023 - done at once


def test_a_repeated_request_is_one_flight(watched: Watched) -> None:
    agency = watched.agency
    task = agency.opened("2004")
    assert watched.flights(lambda: agency.http.completed(task, key="ulang")) == 2
    assert watched.flights(lambda: agency.http.completed(task, key="ulang")) == 1


def test_a_refusal_is_one_flight(watched: Watched) -> None:
    agency = watched.agency
    task = agency.opened("2005")
    assert watched.flights(lambda: agency.http.complete(task, outputs=[])) == 1


def test_a_stranger_costs_no_flight_and_a_wrong_key_one(watched: Watched) -> None:
    agency = watched.agency
    task = agency.opened("2006")
    stranger = agency.world.client("rahasia")
    assert watched.flights(lambda: stranger.complete(task)) == 0


def test_looking_something_up_is_two_flights(watched: Watched) -> None:
    agency = watched.agency
    task = agency.opened("2007")
    path = f"/v1/tasks/{task['id']}"
    agency.http.get(path)
    assert watched.flights(lambda: agency.http.get(path)) == 2
