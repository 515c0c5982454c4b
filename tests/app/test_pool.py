"""The connections of the hot path: what becomes of a statement when its caller, its time or its server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.database import Database
from app.embedded import Addresses
from app.pool import DatabaseBusy, DatabaseUnavailable, OutcomeUnclear
from tests.world import asked

Notes = Callable[[], Awaitable[list[str]]]

NOTE = "INSERT INTO notes VALUES ($1) RETURNING word"


@pytest.fixture(scope="module")
def addresses(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Addresses:
    made = fresh_database()
    runner.run(asked(made.owner, "CREATE TABLE notes (word text PRIMARY KEY); GRANT ALL ON notes TO alur_app;"))
    return made


@pytest_asyncio.fixture
async def database(addresses: Addresses) -> AsyncIterator[Database]:
    opened = Database(addresses.application, pool_size=2, pool_wait=0.2, statement_timeout=1, lock_timeout=0.3)
    yield opened
    await opened.close()


@pytest.fixture
def notes(addresses: Addresses) -> Notes:
    """What has been noted."""

    async def read() -> list[str]:
        return [row["word"] for row in await asked(addresses.superuser, "SELECT word FROM notes ORDER BY word")]

    return read


async def _backend(database: Database) -> int:
    row = await database.pool.read("SELECT pg_backend_pid() AS pid", ())
    assert row is not None
    return int(row["pid"])


async def test_a_change_is_carried_to_its_end_when_its_caller_goes_away(database: Database, notes: Notes) -> None:
    slow = "INSERT INTO notes SELECT $1::text FROM pg_sleep(0.3) RETURNING word"
    caller = asyncio.create_task(database.pool.write(slow, ("ditinggalkan",)))
    while not database.pool.in_use:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert await notes() == []
    await database.close()
    assert await notes() == ["ditinggalkan"]


async def test_a_read_ends_with_its_caller_and_its_connection_is_not_used_again(database: Database) -> None:
    before = await _backend(database)
    caller = asyncio.create_task(database.pool.read("SELECT pg_sleep(30)", ()))
    while not database.pool.in_use:
        await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert (database.pool.in_use, await _backend(database) == before) == (0, False)


async def test_a_connection_that_died_unused_is_replaced_unseen(database: Database, addresses: Addresses) -> None:
    died = await _backend(database)
    await asked(addresses.superuser, "SELECT pg_terminate_backend($1)", died)
    while any(not one.is_closed() for one in database.pool._free):  # the farewell is on its way
        await asyncio.sleep(0.001)
    assert await _backend(database) != died
    row = await database.pool.write(NOTE, ("sesudah putus",))
    assert row is not None
    assert row["word"] == "sesudah putus"


async def test_a_read_whose_server_dies_is_asked_once_more(database: Database, addresses: Addresses) -> None:
    """A backend that ends itself at the first try: the second finds another one."""
    suicidal = "SELECT pg_terminate_backend(pg_backend_pid())"
    with pytest.raises(DatabaseUnavailable) as lost:
        await database.pool.read(suicidal, ())
    assert not isinstance(lost.value, OutcomeUnclear)
    assert await _backend(database)


async def test_a_change_whose_server_dies_is_in_doubt(database: Database) -> None:
    with pytest.raises(OutcomeUnclear):
        await database.pool.write("SELECT pg_terminate_backend(pg_backend_pid())", ())


async def test_nobody_waits_for_ever_for_a_connection(database: Database) -> None:
    busy = [asyncio.create_task(database.pool.read("SELECT pg_sleep(0.8)", ())) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(DatabaseBusy):
        await database.pool.read("SELECT 1", ())
    await asyncio.gather(*busy)
    assert await _backend(database)


async def test_a_statement_that_takes_too_long_is_given_up_and_leaves_nothing(database: Database, notes: Notes) -> None:
    before = await notes()
    with pytest.raises(DatabaseBusy):
        await database.pool.write("INSERT INTO notes SELECT $1::text FROM pg_sleep(30)", ("terlambat",))
    with pytest.raises(DatabaseBusy):
        async with database.reading() as connection:
            await connection.execute(text("SELECT pg_sleep(30)"))
    assert await notes() == before


async def test_a_lock_that_does_not_come_free_is_given_up(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("LOCK TABLE notes"))
        with pytest.raises(DatabaseBusy):
            await database.pool.write(NOTE, ("terkunci",))


async def test_what_the_database_refuses_is_told_as_it_is_and_the_connection_lives_on(database: Database) -> None:
    before = await _backend(database)
    with pytest.raises(Exception, match="division by zero"):
        await database.pool.write("SELECT 1 / 0", ())
    assert await _backend(database) == before


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    nowhere = Database("postgresql+asyncpg://alur_app@/alur?host=/nonexistent&port=5432")
    with pytest.raises(DatabaseUnavailable) as lost:
        await nowhere.pool.write("SELECT 1", ())
    assert not isinstance(lost.value, OutcomeUnclear)
    await nowhere.close()
