"""Brings a database to the newest revision and gives the application's role what it may do, in one transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.pool import LOST, DatabaseUnavailable
from app.tables.grants import statements

ROOT = Path(__file__).resolve().parent.parent


async def migrate(migration_url: str, application_url: str) -> None:
    """Upgrade as the owner of the tables; then grant. Safe to run twice and in two processes at once.

    Raises DatabaseUnavailable.
    """
    engine = create_async_engine(migration_url, poolclass=NullPool)
    role = make_url(application_url).username
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
            for statement in statements(role) if role else ():
                await connection.execute(text(statement))
    except LOST as lost:
        raise DatabaseUnavailable(str(lost)) from lost
    finally:
        await engine.dispose()


def _upgrade(connection: Connection) -> None:
    config = Config(str(ROOT / "alembic.ini"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
