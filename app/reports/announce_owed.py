"""Announces once each what an agency owes and has not begun in time. No worker is needed to see it in the report."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.clock import new_id
from app.instances.journal import Journal
from app.moments import Asked
from app.reports.obligations import Owed, owed
from app.tables import agencies, obligation_notices

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
    rows = [
        {
            "id": new_id(),
            "agency_id": one.row["agency_id"],
            "definition_key": one.row["key"],
            "period": one.row["period"],
            "late_since": one.late_since,
            "announced_at": now,
        }
        for one in late
        if one.row["announced_at"] is None
    ]
    if not rows:
        return 0
    once = insert(obligation_notices).values(rows).on_conflict_do_nothing().returning(obligation_notices.c.id)
    async with journal.database.transaction() as connection:
        return len((await connection.execute(once)).all())


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
