"""Runs the migrations on the connection it is given, in one transaction, one migrator at a time."""

from alembic import context
from sqlalchemy import Connection, text

from app.tables import metadata

ONE_MIGRATOR = 0x414C5552
"""The advisory lock that keeps two migrators apart: "ALUR"."""


def run(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ONE_MIGRATOR})
    # a migration that cannot get its lock gives up rather than queue every reader behind it
    connection.execute(text("SET LOCAL lock_timeout = '2s'"))
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


run(context.config.attributes["connection"])
