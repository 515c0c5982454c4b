"""Safe retries: the first answer to an Idempotency-Key is stored with its effect and given again.

A key belongs to client, method and concrete path; the body and the named official must be the same (draft-ietf-httpapi-
idempotency-key-header-07). Refusals are not stored: a retry decides anew.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Delete, and_, bindparam, delete, func, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from app.database import Database
from app.errors import IdempotencyKeyReused, RequestInvalid
from app.identity.credentials import Credential
from app.observation.exchange import present
from app.tables import idempotency_answers
from engine.errors import Mistake

_FORM = re.compile(r'"(?P<quoted>[!#-\[\]-~]{1,255})"|(?P<bare>[!#-~]{1,255})')


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that has been or will be given: JSON text, status, and where the new thing stands."""

    status: int
    body: str
    location: str | None = None

    def response(self) -> Response:
        headers = {"Location": self.location} if self.location else None
        return Response(self.body, self.status, headers, media_type="application/json")


@dataclass(frozen=True, slots=True)
class RetryKey:
    """Which request this is, should it come again. `key` is null where the client named none."""

    method: str
    path: str
    key: str | None
    fingerprint: bytes

    def first_answer(self, row: Any) -> Answer | None:
        """The stored answer in a row that selected `STORED`, if there is one. Raises IdempotencyKeyReused."""
        if row["answer_status"] is None:
            return None
        if bytes(row["answer_fingerprint"]) != self.fingerprint:
            raise IdempotencyKeyReused
        present().is_repeat = True
        return Answer(row["answer_status"], row["answer_body"], row["answer_location"])


@dataclass(frozen=True, slots=True)
class RetryHeader:
    """The Idempotency-Key of a request, before its body is known."""

    method: str
    path: str
    key: str | None

    def over(self, content: str, official: UUID | None) -> RetryKey:
        """The key together with what must be the same when it comes again."""
        fingerprint = hashlib.sha256(f"{official}\n{content}".encode()).digest()
        return RetryKey(self.method, self.path, self.key, fingerprint)


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks, when, and which request it is should it come again."""

    credential: Credential
    retry: RetryKey
    now: datetime


def retry_header(request: Request) -> RetryHeader:
    """The Idempotency-Key of a request, bare or quoted. Raises RequestInvalid for one that is neither."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is None:
        return RetryHeader(request.method, request.scope["path"], None)
    found = _FORM.fullmatch(key)
    if found is None:
        raise RequestInvalid(_KEY_MISTAKE)
    return RetryHeader(request.method, request.scope["path"], found["quoted"] or found["bare"])


IDEMPOTENCY_KEY = "Idempotency-Key"

_KEY_MISTAKE = Mistake(
    at="Idempotency-Key",
    message_id="Idempotency-Key harus 1 sampai 255 karakter ASCII tanpa spasi.",
    message_en="An Idempotency-Key is 1 to 255 ASCII characters without spaces.",
    expected='"8e03978e-40d5-43dd-bc93-6894a57f9324"',
)

STORED = (
    idempotency_answers.c.status.label("answer_status"),
    idempotency_answers.c.fingerprint.label("answer_fingerprint"),
    idempotency_answers.c.body.label("answer_body"),
    idempotency_answers.c.location.label("answer_location"),
)
"""What a statement that reads the stored answer selects."""


def is_mine(client_id: Any) -> Any:
    """The predicate that finds the answer stored for a client under `:retry_key`, `:retry_path`, `:retry_method`."""
    return and_(
        idempotency_answers.c.client_id == client_id,
        idempotency_answers.c.key == bindparam("retry_key"),
        idempotency_answers.c.path == bindparam("retry_path"),
        idempotency_answers.c.method == bindparam("retry_method"),
    )


def parameters(retry: RetryKey) -> dict[str, Any]:
    """The parameters of `is_mine`."""
    return {"retry_key": retry.key, "retry_path": retry.path, "retry_method": retry.method}


async def look_up(connection: AsyncConnection, client: UUID, retry: RetryKey) -> Answer | None:
    """The answer first given to this request, if it is known. Raises IdempotencyKeyReused."""
    if retry.key is None:
        return None
    rows = await connection.execute(select(*STORED).where(is_mine(client)), parameters(retry))
    row = rows.mappings().one_or_none()
    return retry.first_answer(row) if row else None


async def store(connection: AsyncConnection, client: UUID, retry: RetryKey, answer: Answer, now: datetime) -> None:
    """Keep the answer in the transaction of its effect. A second sender waits here and then collides."""
    if retry.key is None:
        return
    await connection.execute(
        insert(idempotency_answers).values(
            client_id=client,
            method=retry.method,
            path=retry.path,
            key=retry.key,
            fingerprint=retry.fingerprint,
            status=answer.status,
            location=answer.location,
            body=answer.body,
            created_at=now,
        )
    )


async def prune(database: Database, before: datetime) -> int:
    """Forget the answers given before a moment, little by little so that nobody waits; gives how many.

    Several processes may want to: one does it, the others have nothing to do.
    """
    forgotten, removed = 0, PRUNED_AT_ONCE
    while removed == PRUNED_AT_ONCE:
        async with database.transaction() as connection:
            mine = await connection.scalar(select(func.pg_try_advisory_xact_lock(_PRUNING)))
            removed = (await connection.execute(_oldest_removed(before))).rowcount if mine else 0
        forgotten += removed
    return forgotten


PRUNED_AT_ONCE = 1_000
_PRUNING = 0x414C5550
"""The advisory lock of whoever prunes: "ALUP"."""


def _oldest_removed(before: datetime) -> Delete:
    key = tuple(idempotency_answers.primary_key)
    old = select(*key).where(idempotency_answers.c.created_at < before).order_by(idempotency_answers.c.created_at)
    return delete(idempotency_answers).where(tuple_(*key).in_(old.limit(PRUNED_AT_ONCE)))
