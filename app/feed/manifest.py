"""Proves what a subscriber was to get on a day: how many messages, and a hash chain over their ids, signed.

The day is that of the messages' own time, in UTC. It is signed once it is over and everything of it has its place: an
hour after its end, when nothing older waits. For an endpoint it tells what was queued for it, for a consumer what fits.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.pool import DatabaseUnavailable
from app.tables import deliveries, event_consumers, feed, manifests, messages, outbox, signing_keys, webhook_endpoints
from app.webhooks import signing
from app.webhooks.sealing import Seal
from app.webhooks.signing import RANDOM_BYTES, Secret, new_secret
from app.webhooks.subscription import fits

log = logging.getLogger("alur")

GRACE = timedelta(hours=1)
"""After the end of a day: no transaction lasts that long."""

DAYS_BACK = 6
"""Days that are still signed where no worker ran: within the time that messages are kept at least."""


async def sign_days(database: Database, seal: Seal, now: datetime) -> int:
    """Sign what is over and was not signed yet; gives how many manifests. Raises SealingRefused."""
    last = (now - GRACE).date() - timedelta(days=1)
    signed = 0
    for back in range(DAYS_BACK, -1, -1):
        day = last - timedelta(days=back)
        subscribers = await _unsigned(database, day)
        if subscribers and await _is_whole(database, day):
            key = await _signing_key(database, seal, now)
            for subscriber, of in subscribers:
                signed += await _tried(database, key, subscriber, of, day, now)
    return signed


def chain(ids: Iterable[UUID]) -> str:
    """The hash chain over ids in their order, as hex."""
    link = bytes(32)
    for one in ids:
        link = hashlib.sha256(link + str(one).encode()).digest()
    return link.hex()


def content(subscriber: UUID, day: date, ids: Sequence[UUID], key: str) -> str:
    """What a manifest says, byte for byte as it is signed."""
    told = {
        "subscriber": str(subscriber),
        "day": str(day),
        "count": len(ids),
        "first": str(ids[0]) if ids else None,
        "last": str(ids[-1]) if ids else None,
        "chain": chain(ids),
        "chain_sorted": chain(sorted(ids)),
        "key": key,
    }
    return json.dumps(told, separators=(",", ":"))


async def _unsigned(database: Database, day: date) -> list[tuple[UUID, str]]:
    """The subscribers there were that day without a manifest of it."""
    after = _midnight(day + timedelta(days=1))
    found: list[tuple[UUID, str]] = []
    async with database.reading() as connection:
        for table, kind in ((webhook_endpoints, "endpoint"), (event_consumers, "consumer")):
            known = exists().where(manifests.c.subscriber_id == table.c.id, manifests.c.day == day)
            there = table.c.created_at < after, or_(table.c.deleted_at.is_(None), table.c.deleted_at >= after)
            rows = await connection.execute(select(table.c.id).where(*there, ~known).order_by(table.c.id))
            found += [(row.id, kind) for row in rows]
    return found


async def _is_whole(database: Database, day: date) -> bool:
    """Whether everything of a day has its place, and nothing of it is forgotten yet."""
    begins, ends = _midnight(day), _midnight(day + timedelta(days=1))
    waits = exists().where(messages.c.id == outbox.c.message_id, messages.c.at < ends)
    oldest = select(feed.c.position, feed.c.at).order_by(feed.c.position).limit(1)
    async with database.reading() as connection:
        if await connection.scalar(select(waits)):
            return False
        first = (await connection.execute(oldest)).one_or_none()
    return first is None or first.position == 1 or first.at < begins


async def _tried(database: Database, key: Secret, subscriber: UUID, of: str, day: date, now: datetime) -> int:
    try:
        return await _sign(database, key, subscriber, of, day, now)
    except DatabaseUnavailable:
        raise
    except Exception:  # whatever is wrong with one must not keep the others waiting
        log.exception("the manifest of %s for %s could not be signed; it is tried again", subscriber, day)
        return 0


async def _sign(database: Database, key: Secret, subscriber: UUID, of: str, day: date, now: datetime) -> int:
    async with database.transaction() as connection:
        theirs = _of_endpoint(subscriber, day) if of == "endpoint" else _of_consumer(subscriber, day)
        ids = (await connection.execute(theirs)).scalars().all()
        text = content(subscriber, day, ids, key.verifies_with)
        made = await connection.execute(
            insert(manifests)
            .values(subscriber_id=subscriber, day=day, content=text, signature=signature(key, text), created_at=now)
            .on_conflict_do_nothing()
        )
        return made.rowcount


def signature(key: Secret, text: str) -> str:
    """The signature of a manifest, in base64."""
    return b64encode(Ed25519PrivateKey.from_private_bytes(key.key).sign(text.encode())).decode()


def _of_endpoint(endpoint: UUID, day: date) -> Select[Any]:
    queued = (deliveries.c.position == feed.c.position) & (deliveries.c.endpoint_id == endpoint)
    return select(feed.c.message_id).join_from(feed, deliveries, queued).where(_on(day)).order_by(feed.c.position)


def _of_consumer(consumer: UUID, day: date) -> Select[Any]:
    theirs = (event_consumers.c.id == consumer) & fits(event_consumers.c)
    return select(feed.c.message_id).join_from(feed, event_consumers, theirs).where(_on(day)).order_by(feed.c.position)


def _on(day: date) -> ColumnElement[bool]:
    return and_(feed.c.at >= _midnight(day), feed.c.at < _midnight(day + timedelta(days=1)))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


async def _signing_key(database: Database, seal: Seal, now: datetime) -> Secret:
    """The key of this installation, made by whoever needs it first."""
    async with database.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_ONE_KEY)))
        newest = select(signing_keys.c.sealed).order_by(signing_keys.c.created_at.desc()).limit(1)
        sealed = await connection.scalar(newest)
        return signing.secret(seal.open(sealed)) if sealed else await _new_key(connection, seal, now)


_ONE_KEY = 0x414C5553
"""The advisory lock of whoever makes the key: "ALUS"."""


async def _new_key(connection: AsyncConnection, seal: Seal, now: datetime) -> Secret:
    key = new_secret("v1a", secrets.token_bytes(RANDOM_BYTES))
    await connection.execute(
        insert(signing_keys).values(public=key.verifies_with, sealed=seal.seal(key.text), created_at=now)
    )
    return key
