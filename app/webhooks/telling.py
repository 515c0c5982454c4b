"""How messages are written down, and those that are about no instance: an obligation that is late, an endpoint that was
disabled. Each is a row of `messages`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.tables import messages, outbox
from app.webhooks.catalogue import ENDPOINT_DISABLED, OBLIGATION_LATE
from engine.calendar_words import ENGLISH, INDONESIAN

Message = dict[str, Any]
"""A row of `messages` that is to be written."""


class Row(Protocol):
    """A row that was read, by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


LONGEST = 500
"""Characters of a name that are told."""

# RFC 8785 for what is written here: ASCII names, texts, whole numbers, nulls
encoded = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False).encode
"""The text of `data`: the same for the same value, to the byte."""


def told_at(moment: datetime | None) -> str | None:
    """A moment as messages tell it, in UTC: `2026-03-02T01:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None


async def tell(connection: AsyncConnection, rows: Sequence[Message]) -> None:
    """Write messages down in the caller's transaction, in this order."""
    if rows:
        await connection.execute(insert(messages), rows)
        await connection.execute(insert(outbox), [{"message_id": row["id"]} for row in rows])


def obligation_late(
    id: UUID,
    agency_id: UUID,
    *,
    agency: str,
    timezone: str,
    definition: str,
    version: int,
    title: str,
    period: str,
    roles: Sequence[str],
    late_since: datetime,
    deadline: datetime | None,
    latest_start: datetime | None,
    at: datetime,
) -> Message:
    """That an agency has not begun in time what it owes; `roles` are those that would begin it."""
    local = late_since.astimezone(ZoneInfo(timezone))
    name = " ".join(title.split())[:LONGEST]
    obligation = {
        "definition": definition,
        "version": version,
        "title": title[:LONGEST],
        "agency": agency,
        "period": period,
        "late_since": told_at(late_since),
        "deadline": told_at(deadline),
        "latest_start": told_at(latest_start),
    }
    said = {
        "id": f"{name} {period} belum berjalan dan terlambat sejak {INDONESIAN.moment(local)}.",
        "en": f"{name} {period} is not under way and has been late since {ENGLISH.moment(local)}.",
    }
    link = f"/v1/reports/obligations?period={period}&agency={agency}&definition={definition}"
    return _row(
        id,
        agency_id,
        OBLIGATION_LATE,
        at,
        subject=f"{definition}/{period}",
        definition_key=definition,
        roles=list(roles),
        data={"obligation": obligation, "link": link, "sentence": said},
    )


def endpoint_disabled(
    id: UUID,
    agency_id: UUID,
    endpoint: Row,
    reason: Literal["gone", "failing", "administrator"],
    at: datetime,
) -> Message:
    """That nothing more is sent to an endpoint, of which `id`, `url` and `failing_since` are given.

    Of the address only the host is told: the rest may hold a secret.
    """
    host = (urlsplit(endpoint["url"]).hostname or "")[:LONGEST]
    why_id, why_en = _WHY[reason]
    told = {"id": str(endpoint["id"]), "host": host, "failing_since": told_at(endpoint["failing_since"])}
    said = {
        "id": f"Pengiriman webhook ke {host} dihentikan karena {why_id}.",
        "en": f"Webhooks are no longer sent to {host} because {why_en}.",
    }
    link = f"/v1/webhook-endpoints/{endpoint['id']}"
    return _row(
        id,
        agency_id,
        ENDPOINT_DISABLED,
        at,
        subject=str(endpoint["id"]),
        data={"endpoint": told, "reason": reason, "link": link, "sentence": said},
    )


_WHY = {
    "gone": ("penerimanya menjawab 410, sudah tidak ada", "the receiver answered 410, it is gone"),
    "failing": ("penerimanya gagal berhari-hari", "the receiver has failed for days"),
    "administrator": ("administrator menonaktifkannya", "an administrator disabled it"),
}


def _row(
    id: UUID,
    agency_id: UUID,
    type_: str,
    at: datetime,
    *,
    subject: str,
    data: dict[str, Any],
    definition_key: str | None = None,
    roles: Sequence[str] = (),
) -> Message:
    return {
        "id": id,
        "agency_id": agency_id,
        "instance_id": None,
        "seq": None,
        "type": type_,
        "definition_key": definition_key,
        "roles": list(roles),
        "at": at,
        "subject": subject,
        "data": encoded(data),
    }
