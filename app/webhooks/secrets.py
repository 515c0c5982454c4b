"""The secrets of endpoints: those that count now, new ones, and answers that show one and so are kept sealed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from uuid import UUID

from cryptography.fernet import Fernet
from sqlalchemy import ColumnElement, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.errors import SecretsUnavailable
from app.idempotency import Answer, Ask
from app.once import once
from app.tables import webhook_secrets
from app.webhooks.sealing import Seal, SealingKeyMissing, SealingRefused, listed
from app.webhooks.signing import RANDOM_BYTES, Scheme, Secret, new_secret, secret
from engine.errors import Mistake

MOST_LIVE = 5
"""Secrets of one endpoint that sign at the same time."""


def seal_of(setting: str) -> Seal | None:
    """The seal that a setting configures, null where it names no key. Raises SealingRefused for what is no key."""
    keys = listed(setting)
    return Seal(keys) if keys else None


def kept_key(file: Path) -> str:
    """The sealing key in a file that only its owner may read; made there where there is none yet."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text().strip()
    with open(made, "w") as written:
        written.write(key := Fernet.generate_key().decode())
    return key


def required(seal: Seal | None) -> Seal:
    """The seal, which must be there. Raises SecretsUnavailable."""
    if seal is None:
        raise unavailable(SealingKeyMissing())
    return seal


def unavailable(why: SealingRefused) -> SecretsUnavailable:
    """What is told where secrets cannot be kept or read."""
    return SecretsUnavailable(Mistake(at="", message_id=why.message_id, message_en=why.message_en))


async def secrets_of(connection: AsyncConnection, seal: Seal, endpoint_id: UUID, now: datetime) -> list[Secret]:
    """The secrets of an endpoint that count now, the newest first. Raises SecretsUnavailable."""
    theirs = select(webhook_secrets.c.sealed).where(webhook_secrets.c.endpoint_id == endpoint_id, counts(now))
    found = (await connection.execute(theirs.order_by(webhook_secrets.c.id.desc()))).scalars()
    try:
        return [secret(seal.open(sealed)) for sealed in found]
    except SealingRefused as wrong:
        raise unavailable(wrong) from wrong


def counts(now: datetime) -> ColumnElement[bool]:
    """The predicate of secrets that sign at a moment."""
    return or_(webhook_secrets.c.expires_at.is_(None), webhook_secrets.c.expires_at > now)


async def add_secret(
    connection: AsyncConnection, seal: Seal, endpoint_id: UUID, scheme: Scheme, now: datetime
) -> Secret:
    """A new secret of an endpoint, kept sealed."""
    made = new_secret(scheme, secrets.token_bytes(RANDOM_BYTES))
    await connection.execute(
        insert(webhook_secrets).values(
            id=new_id(),
            endpoint_id=endpoint_id,
            kind=scheme,
            sealed=seal.seal(made.text),
            public=made.verifies_with if scheme == "v1a" else None,
            created_at=now,
        )
    )
    return made


async def once_sealed(
    database: Database, seal: Seal, client: UUID, ask: Ask, deed: Callable[[AsyncConnection], Awaitable[Answer]]
) -> Answer:
    """The answer of a deed, or the one given first, which is kept sealed because it shows a secret.

    Raises SecretsUnavailable, and as `once`.
    """

    async def sealed(connection: AsyncConnection) -> Answer:
        answer = await deed(connection)
        return replace(answer, body=seal.seal(answer.body))

    answer = await once(database, client, ask.retry, ask.now, sealed)
    try:
        return replace(answer, body=seal.open(answer.body))
    except SealingRefused as wrong:
        raise unavailable(wrong) from wrong
