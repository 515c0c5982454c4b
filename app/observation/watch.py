"""Looks at the database from beside the requests, on two connections of its own.

So what it says is about the database, never about load: where requests use up the pool and wait for each other, the
server is busy, and taking it out of service would only make the others busier. Each question has one connection and is
asked once at a time: whoever asks meanwhile waits for the same answer, and nobody longer than `PATIENCE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from time import monotonic
from typing import Generic, TypeVar

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import literal_column, select, table

from app.database import Database, Prepared
from app.migrate import ROOT
from app.observation import census
from app.observation.census import Census
from app.pool import DatabaseUnavailable
from app.settings import Settings

PATIENCE = 2.0
"""Seconds after which a database that says nothing counts as gone."""

FRESH = 30.0
"""Seconds for which a census is told again."""


class Schema(StrEnum):
    """How the tables stand to this release."""

    CURRENT = "current"
    NEWER = "newer"
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class Release:
    """The revisions of the tables that this release knows, and the one it needs."""

    head: str
    known: frozenset[str]

    def judge(self, revision: str | None) -> Schema:
        """How tables at a revision stand to it. A revision it does not know was made by a later one."""
        if revision == self.head:
            return Schema.CURRENT
        return Schema.OUTDATED if revision is None or revision in self.known else Schema.NEWER


@lru_cache(maxsize=1)
def this_release() -> Release:
    """What the migrations of this release say."""
    scripts = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini")))
    head = scripts.get_current_head()
    assert head is not None  # noqa: S101  there is always a first migration
    return Release(head, frozenset(one.revision for one in scripts.walk_revisions()))


class Watch:
    """The database of one server, looked at from beside."""

    def __init__(self, settings: Settings) -> None:
        self.release = this_release()
        own = {"pool_size": 2, "pool_wait": PATIENCE, "statement_timeout": PATIENCE}
        self._database = Database.of(settings.model_copy(update=own))
        self._revision = _Question(self._ask_revision)
        self._census = _Question(lambda: census.taken(self._database))
        self._counted: tuple[float, Census] | None = None

    async def revision(self) -> str | None:
        """The revision of the tables, null where there are none yet. Raises DatabaseUnavailable, in `PATIENCE`."""
        return await self._revision.answer()

    async def census(self) -> Census | None:
        """A count that is fresh enough, null where it cannot be had in `PATIENCE`."""
        if self._counted is None or monotonic() - self._counted[0] >= FRESH:
            try:
                self._counted = (monotonic(), await self._census.answer())
            except (DatabaseUnavailable, asyncpg.PostgresError):  # as with tables that are not there
                self._counted = None
        return self._counted[1] if self._counted else None

    async def close(self) -> None:
        """Ask nothing more, and give the connections back."""
        await self._revision.drop()
        await self._census.drop()
        await self._database.close()

    async def _ask_revision(self) -> str | None:
        try:
            row = await _REVISION.one(self._database)
        except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError):
            return None  # neither migrated nor granted anything
        except asyncpg.PostgresError as said:
            raise DatabaseUnavailable(str(said)) from said
        return row["version_num"] if row else None


_REVISION = Prepared(lambda: select(literal_column("version_num")).select_from(table("alembic_version")))

Known = TypeVar("Known")


class _Question(Generic[Known]):
    """Something to ask the database, once at a time however many want to know."""

    def __init__(self, ask: Callable[[], Awaitable[Known]]) -> None:
        self._ask = ask
        self._asking: asyncio.Future[Known] | None = None
        self._since = 0.0

    async def answer(self) -> Known:
        """The answer, at most `PATIENCE` after it was asked for. Raises DatabaseUnavailable and what asking raises."""
        if self._asking is None or self._asking.done():
            self._asking, self._since = asyncio.ensure_future(self._ask()), monotonic()
            self._asking.add_done_callback(_look_at)
        asking = self._asking
        await asyncio.wait((asking,), timeout=max(0.0, self._since + PATIENCE - monotonic()))
        if not asking.done():
            raise DatabaseUnavailable(f"no answer within {PATIENCE:g} s")
        return asking.result()

    async def drop(self) -> None:
        """Wait for nothing any more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,), timeout=PATIENCE)


def _look_at(asking: asyncio.Future[Known]) -> None:
    """Look at how it ended, so that nobody complains when those who asked have gone."""
    asking.cancelled() or asking.exception()
