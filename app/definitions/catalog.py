"""The compiled processes this server has met. A published version never changes, so none ever grows stale."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.database import Database
from app.tables import process_definitions
from engine.compiler import CompiledProcess
from engine.definition import ProcessDefinition


class Catalog:
    """Compiled processes by the id of their version; each is loaded and compiled once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._processes: dict[UUID, CompiledProcess] = {}

    async def process(self, definition_id: UUID) -> CompiledProcess:
        """The compiled process of a version that is known to exist."""
        known = self._processes.get(definition_id)
        if known is None:
            known = self._processes[definition_id] = await self._compiled(definition_id)
        return known

    async def _compiled(self, definition_id: UUID) -> CompiledProcess:
        version = select(process_definitions.c.content, process_definitions.c.version)
        async with self._database.reading() as connection:
            row = (await connection.execute(version.where(process_definitions.c.id == definition_id))).one()
        return CompiledProcess(ProcessDefinition.model_validate_json(row.content), row.version)
