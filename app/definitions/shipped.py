"""Publishes the SOPs that come with Alur, where their key is missing. An agency's own revision is never overridden."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from app.clock import new_id, now
from app.database import Database
from app.definitions.publish import latest_version, publish
from app.tables import agencies
from engine.definition import ProcessDefinition
from engine.reader import read_yaml

FOLDER = Path(__file__).resolve().parent.parent.parent / "definitions"


def shipped() -> list[ProcessDefinition]:
    """The shipped SOPs, by key. Raises DefinitionRejected for a file with mistakes."""
    files = sorted(FOLDER.glob("*.yaml"))
    return [read_yaml(file.read_bytes(), file.name) for file in files]


async def publish_shipped(database: Database) -> list[str]:
    """Publish what is missing for the agencies that are there; gives the keys that were published."""
    published = []
    for definition in shipped():
        async with database.transaction() as connection:
            agency = (
                await connection.execute(select(agencies.c.id).where(agencies.c.key == definition.agency))
            ).scalar_one_or_none()
            if agency is None or await latest_version(connection, definition.key) is not None:
                continue
            await publish(connection, definition, agency, client=None, now=now(), new_id=new_id)
            published.append(definition.key)
    return published
