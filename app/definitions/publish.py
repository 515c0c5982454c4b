"""Publishes an SOP: a changed one becomes the next version, an unchanged one stays what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app import idempotency
from app.database import Database
from app.errors import DefinitionOfAnotherAgency, EffectUnknown
from app.idempotency import Answer, RetryKey
from app.pool import DatabaseUnavailable
from app.tables import process_definitions
from engine.compiler import CompiledProcess
from engine.definition import ProcessDefinition
from engine.trail import canonical_json, digest


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing led to: the row of the version, and whether it is a new one."""

    row: Any
    is_new: bool


async def publish(
    connection: AsyncConnection,
    definition: ProcessDefinition,
    agency_id: UUID,
    *,
    client: UUID | None,
    now: datetime,
    new_id: Callable[[], UUID],
) -> Publication:
    """Publish a definition in the caller's transaction. Raises DefinitionOfAnotherAgency."""
    content = canonical_json(definition.model_dump(mode="json"))
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(definition.key, 0))))
    latest = await latest_version(connection, definition.key)
    if latest is not None and latest.agency_id != agency_id:
        raise DefinitionOfAnotherAgency(key=definition.key)
    if latest is not None and latest.content_hash == digest(content):
        return Publication(latest, is_new=False)
    version = latest.version + 1 if latest else 1
    CompiledProcess(definition, version)  # what cannot be compiled is not published
    published = (
        insert(process_definitions)
        .values(
            id=new_id(),
            agency_id=agency_id,
            key=definition.key,
            version=version,
            title=definition.title,
            content=content,
            content_hash=digest(content),
            published_at=now,
            published_by=client,
        )
        .returning(process_definitions)
    )
    return Publication((await connection.execute(published)).one(), is_new=True)


async def publish_once(
    database: Database,
    definition: ProcessDefinition,
    agency_id: UUID,
    *,
    client: UUID,
    retry: RetryKey,
    now: datetime,
    new_id: Callable[[], UUID],
    tell: Callable[[Publication], Answer],
) -> Answer:
    """Publish and keep the answer under its Idempotency-Key, both or neither, even if the request goes away.

    Where the connection breaks it is published once more: content that stands already makes no second version.
    Raises DefinitionOfAnotherAgency, DatabaseUnavailable before anything was written, and EffectUnknown after.
    """
    written = False

    async def deed() -> Answer:
        nonlocal written
        async with database.transaction() as connection:
            # senders of one key take turns, so that the second finds the answer of the first
            turn = func.hashtextextended(f"{client}{retry.key}", 1)
            await connection.execute(select(func.pg_advisory_xact_lock(turn)))
            known = await idempotency.look_up(connection, client, retry)
            if known:
                return known
            publication = await publish(connection, definition, agency_id, client=client, now=now, new_id=new_id)
            answer = tell(publication)
            await idempotency.store(connection, client, retry, answer, now)
            written = True
        return answer

    try:
        return await database.unbroken(deed())
    except DatabaseUnavailable:
        if not written:
            raise
    try:
        return await database.unbroken(deed())
    except DatabaseUnavailable as gone:
        raise EffectUnknown from gone


async def latest_version(connection: AsyncConnection, key: str) -> Any | None:
    """The newest version of an SOP, null where there is none."""
    newest = select(process_definitions).where(process_definitions.c.key == key)
    rows = await connection.execute(newest.order_by(process_definitions.c.version.desc()).limit(1))
    return rows.one_or_none()
