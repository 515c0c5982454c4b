"""The way to PostgreSQL: one pool, transactions that a deed owns, and statements prepared once for the hot path.

A deed opens its own transaction (`async with database.transaction()`), so nothing commits after the response left.
A `Prepared` statement is declared in SQLAlchemy Core, compiled to text once, and run on the pooled asyncpg connection
itself in autocommit: one flight, where Core execution would spend a BEGIN and a COMMIT and twice the CPU.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.elements import ClauseElement

from app.settings import Settings

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""What tells that the database is not there; whether a statement in flight took effect is then unknown."""


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached; whether the last statement took effect is unknown to the caller."""


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
        """Run the statement and give its first row. Raises DatabaseUnavailable and asyncpg's own errors."""
        sql, names, constants = self._compiled()
        values = constants | parameters
        async with database.driver() as connection:
            row: asyncpg.Record | None = await connection.fetchrow(sql, *(values[name] for name in names))
            return row


class Database:
    """A pool of connections to one address."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url,
            hide_parameters=True,  # an error in the log must not show keys or personal words
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            connect_args={"timeout": 5, "server_settings": {"application_name": "alur", "timezone": "UTC"}},
        )
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def of(cls, settings: Settings) -> Database:
        if settings.database_url is None:
            raise ValueError("ALUR_DATABASE_URL is not set")
        return cls(settings.database_url, settings.pool_size)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        try:
            async with self._engine.begin() as connection:
                yield connection
        except (*LOST, DBAPIError) as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection in autocommit, for reads: one flight a statement."""
        try:
            async with self._reading.connect() as connection:
                yield connection
        except (*LOST, DBAPIError) as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees one moment, however many statements it runs."""
        async with self.reading() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def driver(self) -> AsyncIterator[Any]:
        """The pooled asyncpg connection itself. A statement once sent is waited for, even if the request goes away."""
        try:
            async with self._engine.connect() as connection:
                pooled = await connection.get_raw_connection()
                try:
                    yield pooled.driver_connection
                except (*LOST, asyncio.CancelledError):
                    # what is still on the wire is nobody's to read
                    await connection.invalidate()
                    raise
        except (*LOST, DBAPIError) as error:
            raise _translated(error) from error

    async def close(self) -> None:
        """Give all connections back to the server."""
        await self._engine.dispose()


def _translated(error: BaseException) -> BaseException:
    """DatabaseUnavailable for a database that is not there, the error itself for anything it said."""
    if isinstance(error, LOST) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseUnavailable(str(error))
    cause = error.__cause__
    return DatabaseUnavailable(str(error)) if isinstance(cause, LOST) else error
