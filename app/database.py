"""The way to PostgreSQL: transactions that a deed owns, and statements prepared once for the hot path.

A deed opens its own transaction (`async with database.transaction()`), so nothing commits after the response left.
A `Prepared` statement is declared in SQLAlchemy Core, compiled to text once, and run on bare asyncpg in autocommit:
one flight, where Core execution would spend a BEGIN and a COMMIT and twice the CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import event, make_url
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.elements import ClauseElement

from app.pool import LOST, WEARY, DatabaseBusy, DatabaseUnavailable, Pool
from app.settings import Settings

Done = TypeVar("Done")

PATIENCE = 5.0
"""Seconds beyond the statement timeout after which a silent server counts as lost."""


class Prepared:
    """A statement with named parameters, compiled to text at its first use."""

    def __init__(self, declare: Callable[[], ClauseElement]) -> None:
        self._declare = declare
        self._compiled = lru_cache(maxsize=1)(self._compile)

    def _compile(self) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        compiled = self._declare().compile(
            dialect=PGDialect_asyncpg(),  # type: ignore[no-untyped-call]
        )
        names = tuple(getattr(compiled, "positiontup", None) or ())
        return str(compiled), names, dict(compiled.params)

    async def one(self, database: Database, **parameters: Any) -> asyncpg.Record | None:
        """Run a statement that changes nothing and give its first row. Raises as `Pool.read`."""
        sql, values = self._filled(parameters)
        return await database.pool.read(sql, values)

    async def change(self, database: Database, **parameters: Any) -> asyncpg.Record | None:
        """Run a statement that changes something, to its end, and give its first row. Raises as `Pool.write`."""
        sql, values = self._filled(parameters)
        return await database.pool.write(sql, values)

    def _filled(self, parameters: dict[str, Any]) -> tuple[str, list[Any]]:
        sql, names, constants = self._compiled()
        values = constants | parameters
        return sql, [values[name] for name in names]


class Database:
    """One address: a pool for the hot path, and as many connections again for everything else."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_wait: float = 5,
        statement_timeout: float = 10,
        lock_timeout: float = 2,
    ) -> None:
        known_to_server = {
            "application_name": "alur",
            "timezone": "UTC",
            "statement_timeout": f"{round(statement_timeout * 1000)}",
            "lock_timeout": f"{round(lock_timeout * 1000)}",
            "idle_in_transaction_session_timeout": "60000",
        }
        longest = statement_timeout + PATIENCE
        self._engine: AsyncEngine = create_async_engine(
            url,
            hide_parameters=True,  # an error in the log must not show keys or personal words
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_wait,
            connect_args={"timeout": 5, "command_timeout": longest, "server_settings": known_to_server},
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_the_dead)
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        address = PGDialect_asyncpg().create_connect_args(make_url(url))[1]  # type: ignore[no-untyped-call]

        async def connect() -> Any:
            # statements stay prepared for as long as the connection lives
            kept = {"max_cached_statement_lifetime": 0, "max_cacheable_statement_size": 0}
            return await asyncpg.connect(**address, **kept, timeout=5, server_settings=known_to_server)

        self.pool = Pool(connect, size=pool_size, wait=pool_wait, patience=longest)
        self._unbroken: set[asyncio.Task[Any]] = set()

    @classmethod
    def of(cls, settings: Settings) -> Database:
        """The application's database, as the settings have it. Raises ValueError where they name none."""
        if settings.database_url is None:
            raise ValueError("ALUR_DATABASE_URL is not set")
        return cls(
            settings.database_url,
            pool_size=settings.pool_size,
            pool_wait=settings.pool_wait,
            statement_timeout=settings.statement_timeout,
            lock_timeout=settings.lock_timeout,
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (*LOST, DBAPIError, NoneFree) as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for reads: one flight a statement."""
        try:
            async with self._reading.connect() as connection:
                yield connection
        except (*LOST, DBAPIError, NoneFree) as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees one moment, however many statements it runs."""
        async with self.reading() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    async def unbroken(self, deed: Coroutine[Any, Any, Done]) -> Done:
        """Carry a deed with its transaction to its end, even if the request that wanted it goes away."""
        doing = asyncio.ensure_future(deed)
        self._unbroken.add(doing)
        doing.add_done_callback(self._unbroken.discard)
        return await asyncio.shield(doing)

    async def close(self) -> None:
        """Wait for what must not break off, then give all connections back to the server."""
        await asyncio.gather(*self._unbroken, return_exceptions=True)
        await self.pool.close()
        await self._engine.dispose()


def _refuse_the_dead(connection: Any, record: Any, proxy: Any) -> None:
    """Let the pool of everything else replace a connection that died while nobody used it."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _translated(error: BaseException) -> BaseException:
    """DatabaseUnavailable for a database that is not there, the error itself for anything it said."""
    if isinstance(error, NoneFree):
        return DatabaseBusy(str(error))
    if isinstance(error, LOST) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable(str(error))
    said = getattr(error, "orig", error).__cause__
    if isinstance(said, WEARY):
        return DatabaseBusy(str(said))
    return DatabaseUnavailable(str(said)) if isinstance(said, LOST) else error
