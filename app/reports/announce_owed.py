"""Announces once each what an agency owes and has not begun in time. No worker is needed to see it in the report."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.clock import new_id
from app.instances.journal import Journal
from app.moments import Asked
from app.reports.obligations import Owed, owed
from app.tables import agencies, obligation_notices
from app.webhooks.telling import Message, obligation_late, tell
from engine.definition import Activity

AT_ONCE = 50
"""Agencies that are looked at together."""


async def announce_owed(journal: Journal, now: datetime) -> int:
    """Announce what is late and not under way, of the periods around now; gives how many things were told."""
    async with journal.database.reading() as connection:
        everyone = (await connection.execute(select(agencies.c.id).order_by(agencies.c.id))).scalars().all()
    told = 0
    for first in range(0, len(everyone), AT_ONCE):
        asked = Asked(tuple(everyone[first : first + AT_ONCE]), now, None, is_past=False)
        found = await owed(journal, asked, periods_around(now), None)
        told += await _told(journal, [one for one in found if one.late_since and not one.is_under_way], now)
    return told


async def _told(journal: Journal, late: list[Owed], now: datetime) -> int:
    new = {new_id(): one for one in late if one.row["announced_at"] is None}
    if not new:
        return 0
    rows = [_notice(notice, one, now) for notice, one in new.items()]
    once = insert(obligation_notices).values(rows).on_conflict_do_nothing().returning(obligation_notices.c.id)
    async with journal.database.transaction() as connection:
        first_told = (await connection.execute(once)).scalars().all()
        await tell(connection, [_message(notice, new[notice], now) for notice in first_told])
    return len(first_told)


def _notice(notice: UUID, one: Owed, now: datetime) -> dict[str, Any]:
    return {
        "id": notice,
        "agency_id": one.row["agency_id"],
        "definition_key": one.row["key"],
        "period": one.row["period"],
        "late_since": one.late_since,
        "announced_at": now,
    }


def _message(notice: UUID, one: Owed, now: datetime) -> Message:
    """What outsiders are told of a notice, under its id."""
    assert one.late_since is not None  # noqa: S101  nothing else is announced
    first = one.process.places.parts[one.process.places.first]
    return obligation_late(
        notice,
        one.row["agency_id"],
        agency=one.row["agency"],
        timezone=one.row["timezone"],
        definition=one.row["key"],
        version=one.row["version"],
        title=one.row["title"],
        period=one.row["period"],
        roles=first.candidate_roles if isinstance(first, Activity) else (),
        late_since=one.late_since,
        deadline=one.deadline,
        latest_start=one.latest_start,
        at=now,
    )


def periods_around(now: datetime) -> list[str]:
    """The period of each cycle that runs now, and the one before it, on which reports are due now."""
    return [
        name
        for months, form in ((12, _year), (6, _semester), (3, _quarter), (1, _month))
        for name in dict.fromkeys(form(*divmod(now.year * 12 + now.month - 1 - back, 12)) for back in (months, 0))
    ]


def _year(year: int, month: int) -> str:
    return f"{year}"


def _semester(year: int, month: int) -> str:
    return f"{year}-S{month // 6 + 1}"


def _quarter(year: int, month: int) -> str:
    return f"{year}-Q{month // 3 + 1}"


def _month(year: int, month: int) -> str:
    return f"{year}-{month + 1:02}"
