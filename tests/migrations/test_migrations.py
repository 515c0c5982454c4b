"""The migrations lead from nothing to the tables, and back, and the tables' rights are what the grants say."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.embedded import Addresses
from app.migrate import ROOT, migrate
from app.tables import metadata
from app.tables.grants import GRANTS, statements

Fresh = Callable[[], Addresses]


def config(connection: Connection | None = None) -> Config:
    made = Config(str(ROOT / "alembic.ini"))
    made.attributes["connection"] = connection
    return made


async def _through(address: str, deed: Callable[[Connection], Any]) -> Any:
    engine = create_async_engine(address, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(deed)
    finally:
        await engine.dispose()


async def _rows(address: str, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0 ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'public' ORDER BY 1, 2
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
FUNCTIONS = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
RIGHTS = """
SELECT table_name, privilege_type FROM information_schema.role_table_grants
WHERE grantee = 'alur_app' AND table_schema = 'public'
ORDER BY table_name, privilege_type
"""


async def shape(address: str) -> dict[str, list[tuple[Any, ...]]]:
    """Everything of the tables that could differ."""
    asked = {"columns": COLUMNS, "constraints": CONSTRAINTS, "indexes": INDEXES}
    found = {name: await _rows(address, query) for name, query in asked.items()}
    return {name: [row for row in rows if "alembic_version" not in row[0]] for name, rows in found.items()}


@pytest.fixture
def migrated(fresh_database: Fresh, runner: asyncio.Runner) -> Addresses:
    addresses = fresh_database()
    runner.run(migrate(addresses.owner, addresses.application))
    return addresses


def test_they_lead_from_nothing_to_exactly_the_tables(
    fresh_database: Fresh, migrated: Addresses, runner: asyncio.Runner
) -> None:
    made = fresh_database()
    runner.run(_through(made.owner, metadata.create_all))
    expected, found = runner.run(shape(made.owner)), runner.run(shape(migrated.owner))
    assert expected["constraints"]
    for part in expected:
        assert found[part] == expected[part]


def test_alembic_finds_no_difference(migrated: Addresses, runner: asyncio.Runner) -> None:
    def difference(connection: Connection) -> Any:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    assert runner.run(_through(migrated.owner, difference)) == []
    runner.run(_through(migrated.owner, lambda connection: command.check(config(connection))))


def test_they_lead_back_to_nothing_and_forth_again(migrated: Addresses, runner: asyncio.Runner) -> None:
    before = runner.run(shape(migrated.owner))
    runner.run(_through(migrated.owner, lambda connection: command.downgrade(config(connection), "base")))
    assert runner.run(_rows(migrated.owner, TABLES)) == [("alembic_version",)]
    assert runner.run(_rows(migrated.owner, FUNCTIONS)) == []
    runner.run(migrate(migrated.owner, migrated.application))
    assert runner.run(shape(migrated.owner)) == before


def test_migrating_twice_changes_nothing(migrated: Addresses, runner: asyncio.Runner) -> None:
    before = runner.run(shape(migrated.owner)), runner.run(_rows(migrated.owner, RIGHTS))
    runner.run(migrate(migrated.owner, migrated.application))
    assert (runner.run(shape(migrated.owner)), runner.run(_rows(migrated.owner, RIGHTS))) == before


def test_several_who_migrate_at_once_take_turns(
    fresh_database: Fresh, migrated: Addresses, runner: asyncio.Runner
) -> None:
    addresses = fresh_database()
    deed = "import asyncio, sys; from app.migrate import migrate; asyncio.run(migrate(*sys.argv[1:]))"
    once = [sys.executable, "-c", deed, addresses.owner, addresses.application]
    crowd = [subprocess.Popen(once, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]  # noqa: S603
    told = [one.communicate()[1] for one in crowd]
    assert [one.returncode for one in crowd] == [0, 0, 0], told
    assert runner.run(shape(addresses.owner)) == runner.run(shape(migrated.owner))


def test_every_table_has_its_grant_and_the_application_has_no_other_right(
    migrated: Addresses, runner: asyncio.Runner
) -> None:
    assert set(GRANTS) == {*metadata.tables, "alembic_version"}
    assert {row[0] for row in runner.run(_rows(migrated.owner, TABLES))} == set(GRANTS)
    expected = {(table, right) for table, rights in GRANTS.items() for right in rights}
    assert set(runner.run(_rows(migrated.owner, RIGHTS))) == expected


def test_a_right_that_was_given_by_hand_is_taken_back(migrated: Addresses, runner: asyncio.Runner) -> None:
    runner.run(_rows(migrated.owner, "GRANT ALL ON audit_events TO alur_app"))
    runner.run(migrate(migrated.owner, migrated.application))
    rights = {right for table, right in runner.run(_rows(migrated.owner, RIGHTS)) if table == "audit_events"}
    assert rights == {"SELECT", "INSERT"}


def test_the_application_owns_nothing_and_makes_nothing(migrated: Addresses, runner: asyncio.Runner) -> None:
    owners = runner.run(_rows(migrated.owner, "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"))
    assert owners == [("alur_owner",)]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        runner.run(_rows(migrated.application, "CREATE TABLE lain ()"))


def test_the_name_of_a_role_is_quoted() -> None:
    assert all('"dinas ""x"""' in statement for statement in statements('dinas "x"'))


def test_there_is_one_line_of_revisions_each_with_a_way_back_and_a_lock_timeout() -> None:
    revisions = ScriptDirectory.from_config(config())
    assert len(revisions.get_heads()) == 1
    for revision in revisions.walk_revisions():
        text = Path(revision.path).read_text()
        assert "lock_timeout" in text, revision.path
        assert callable(revision.module.downgrade)


def test_nothing_is_half_done_when_a_migration_fails(fresh_database: Fresh, runner: asyncio.Runner) -> None:
    addresses = fresh_database()
    runner.run(_rows(addresses.owner, "CREATE TABLE tasks ()"))
    with pytest.raises(Exception, match='relation "tasks" already exists'):
        runner.run(migrate(addresses.owner, addresses.application))
    assert runner.run(_rows(addresses.owner, TABLES)) == [("tasks",)]
