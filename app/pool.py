"""The connections of the hot path: bare asyncpg, one flight a statement, nothing sent to tidy up between two.

A connection that died is seen before it is used, and one that anything is in doubt about is thrown away. What changes
something is carried to its end whatever becomes of the request, so a commit is never abandoned half-way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    OSError,
    TimeoutError,
)
"""What tells that the database is not there; whether a statement in flight took effect is then unknown."""


WEARY = (
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
)
"""What a database says that cannot do its work now: out of time, of locks, of memory or disk, or of its turn to write.

The statement left nothing behind.
"""


class DatabaseUnavailable(Exception):
    """PostgreSQL cannot be reached; nothing was sent that changes anything."""


class DatabaseBusy(DatabaseUnavailable):
    """No connection came free in time, or the database could not do its work; nothing was changed."""


class OutcomeUnclear(DatabaseUnavailable):
    """The connection broke after a change was sent and before its answer came: it stands, or it does not."""


class Pool:
    """At most `size` connections, the one used last used first.

    `wait` is how long somebody waits for one to come free, `patience` how long for an answer; both in seconds.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], *, size: int, wait: float, patience: float) -> None:
        self._connect, self._wait, self._patience = connect, wait, patience
        self.size = size
        self._turns = asyncio.Semaphore(size)
        self._free: list[Any] = []
        self._used: set[Any] = set()
        self._unbroken: set[asyncio.Task[Any]] = set()

    @property
    def in_use(self) -> int:
        """How many connections somebody is using now."""
        return len(self._used)

    async def read(self, sql: str, values: Sequence[Any]) -> asyncpg.Record | None:
        """The first row of a statement that changes nothing; asked once more where a connection died meanwhile.

        Raises DatabaseUnavailable and asyncpg's own errors.
        """
        try:
            return await self._first_row(sql, values)
        except OutcomeUnclear as broken:
            if isinstance(broken.__cause__, TimeoutError):
                raise DatabaseUnavailable(str(broken)) from broken
        try:
            return await self._first_row(sql, values)
        except OutcomeUnclear as again:
            raise DatabaseUnavailable(str(again)) from again

    async def write(self, sql: str, values: Sequence[Any]) -> asyncpg.Record | None:
        """The first row of a statement that changes something; carried to its end even if the caller goes away.

        Raises OutcomeUnclear where the connection broke under it, DatabaseUnavailable where it was never sent, and
        asyncpg's own errors, after which nothing was changed.
        """
        writing = asyncio.ensure_future(self._first_row(sql, values))
        self._unbroken.add(writing)
        writing.add_done_callback(self._let_go)
        return await asyncio.shield(writing)

    def _let_go(self, writing: asyncio.Task[Any]) -> None:
        self._unbroken.discard(writing)
        writing.cancelled() or writing.exception()  # looked at, so that nobody complains when the caller has gone

    async def _first_row(self, sql: str, values: Sequence[Any]) -> asyncpg.Record | None:
        await self._take_turn()
        try:
            connection = await self._connection()
            self._used.add(connection)
            try:
                async with asyncio.timeout(self._patience):
                    row: asyncpg.Record | None = await connection.fetchrow(sql, *values)
            except asyncpg.PostgresError as said:
                if isinstance(said, LOST):
                    connection.terminate()
                    raise OutcomeUnclear(str(said)) from said
                self._free.append(connection)
                if isinstance(said, WEARY):
                    raise DatabaseBusy(str(said)) from said
                raise
            except BaseException as broken:
                # what is still on the wire is nobody's to read
                connection.terminate()
                if isinstance(broken, LOST):
                    raise OutcomeUnclear(repr(broken)) from broken
                raise
            finally:
                self._used.discard(connection)
            self._free.append(connection)
            return row
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._wait):
                await self._turns.acquire()
        except TimeoutError as late:
            raise DatabaseBusy(f"no connection came free within {self._wait:g} s") from late

    async def _connection(self) -> Any:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connect()
        except (*LOST, asyncpg.PostgresError) as lost:
            raise DatabaseUnavailable(str(lost) or repr(lost)) from lost

    async def close(self) -> None:
        """Wait for what changes something, then give all connections back."""
        await asyncio.gather(*self._unbroken, return_exceptions=True)
        while self._free:
            try:
                await self._free.pop().close(timeout=self._wait)
            except LOST:
                continue
