"""The compiled calendars this server has met, by the hash of their text; none ever grows stale."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.calendars.compose import standing
from app.clock import now
from app.database import Database
from app.tables import agencies, calendars
from engine.calendar import WorkCalendar
from engine.definition import TimeUnit
from engine.schedule import Schedule
from engine.working_time import CompiledCalendar, Limit


class Calendars:
    """Schedules by calendar and the agency's wishes; each calendar is loaded and compiled once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._compiled: dict[str, CompiledCalendar] = {}
        self._schedules: dict[tuple[str, int, int | None], Schedule] = {}

    async def schedule(self, row: Any) -> Schedule:
        """The schedule of the agency in a row that selected `statements.SCHEDULE` and its id."""
        hash_ = row["agency_calendar"] or await self._given(row["agency_id"])
        wanted = (hash_, row["due_soon_percent"], row["escalate_after_days"])
        known = self._schedules.get(wanted)
        if known is None:
            known = self._schedules[wanted] = await self._made(*wanted)
        return known

    async def calendar(self, hash_: str) -> CompiledCalendar:
        """The compiled calendar of a hash that is known to exist."""
        known = self._compiled.get(hash_)
        if known is None:
            async with self._database.reading() as connection:
                found = await connection.execute(select(calendars.c.content).where(calendars.c.hash == hash_))
                content: str = found.scalar_one()
            known = self._compiled[hash_] = CompiledCalendar(WorkCalendar.model_validate_json(content))
        return known

    async def see_to(self, named: Sequence[UUID]) -> None:
        """Give agencies that have no calendar yet the one they work by anyway."""
        without = select(agencies.c.id).where(agencies.c.id.in_(named), agencies.c.calendar_hash.is_(None))
        async with self._database.reading() as connection:
            found = (await connection.execute(without)).scalars().all()
        for agency_id in found:
            await self._given(agency_id)

    async def _made(self, hash_: str, due_soon_percent: int, escalate_after_days: int | None) -> Schedule:
        return Schedule(
            calendar=await self.calendar(hash_),
            id=hash_,
            due_soon_share=Fraction(due_soon_percent, 100),
            escalate_after=Limit(escalate_after_days, TimeUnit.WORKDAYS) if escalate_after_days else None,
        )

    async def _given(self, agency_id: UUID) -> str:
        """The hash of an agency's calendar, which is the default if it had none yet."""
        async with self._database.transaction() as connection:
            return (await standing(connection, agency_id, now())).hash
