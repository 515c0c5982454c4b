"""Composes an agency's work calendar: its own hours, or the law's; the days off of the nation; its changes of them.

A calendar is made anew from its parts whenever one of them changes, and becomes the agency's next version. Those who
change one agency take turns: each begins with `standing`, which holds until the transaction ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.tables import agencies, calendar_versions, calendars, holiday_changes, holiday_years, holidays, ramadans
from engine.calendar import (
    PERPRES_21_2023,
    REGULAR_HOURS,
    Change,
    Holiday,
    HolidayYear,
    Hours,
    Season,
    WorkCalendar,
    ramadan,
)
from engine.calendar_checks import mistakes_in
from engine.definition import Part
from engine.trail import digest

DEFAULT_REASON = "Jam kerja Perpres 21/2023 dan hari libur nasional yang sudah dimuat"


class Own(Part):
    """What an agency sets itself. Where it sets nothing (null), the hours of the law hold and the nation's Ramadan."""

    hours: Annotated[tuple[Hours, ...], Field(min_length=1, max_length=50)] | None = None
    seasons: Annotated[tuple[Season, ...], Field(max_length=200)] | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """When an agency wants to be told: at which share of a time limit, and after how many late days the next above.

    Null: lateness goes no further up.
    """

    due_soon_percent: int = 80
    escalate_after_days: int | None = 1


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a calendar becomes another one, and by whose deed; nobody's where the nation's days off changed."""

    reason: str
    legal_basis: str
    client: UUID | None = None
    official: UUID | None = None


@dataclass(frozen=True, slots=True)
class Nation:
    """What the calendars of all agencies have in common."""

    years: tuple[HolidayYear, ...]
    holidays: tuple[Holiday, ...]
    ramadans: tuple[Season, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What an agency works by, whose turn it is to change it."""

    agency_id: UUID
    zone: str
    version: int
    hash: str
    own: Own
    wishes: Wishes


async def standing(connection: AsyncConnection, agency_id: UUID, now: datetime) -> Standing:
    """What an agency works by, once it is the caller's turn to change it; the default where it had nothing yet."""
    mine = select(agencies).where(agencies.c.id == agency_id)
    # no key update: starts and steps, which refer to the agency, need not wait
    row = (await connection.execute(mine.with_for_update(key_share=True))).one()
    if row.calendar_hash is None:
        nothing = Standing(agency_id, row.timezone, 0, "", Own(), Wishes(row.due_soon_percent, row.escalate_after_days))
        changes = await own_changes(connection, agency_id)
        calendar = composed(await nation(connection), nothing.zone, nothing.own, changes)
        await adopt(connection, nothing, calendar, Cause(DEFAULT_REASON, PERPRES_21_2023), now)
        return await standing(connection, agency_id, now)
    versions = select(calendar_versions.c.version, calendar_versions.c.own)
    latest = versions.where(calendar_versions.c.agency_id == agency_id).order_by(calendar_versions.c.version.desc())
    found = (await connection.execute(latest.limit(1))).one()
    return Standing(
        agency_id=agency_id,
        zone=row.timezone,
        version=found.version,
        hash=row.calendar_hash,
        own=Own.model_validate(found.own, strict=False),
        wishes=Wishes(row.due_soon_percent, row.escalate_after_days),
    )


async def nation(connection: AsyncConnection) -> Nation:
    """The days off of the nation, as far as they are loaded."""
    years = (await connection.execute(select(holiday_years).order_by(holiday_years.c.year))).mappings()
    days = (await connection.execute(select(holidays).order_by(holidays.c.date))).mappings()
    fasts = (await connection.execute(select(ramadans).order_by(ramadans.c.first))).all()
    return Nation(
        years=tuple(HolidayYear.model_validate(_picked(row, HolidayYear)) for row in years),
        holidays=tuple(Holiday.model_validate(_picked(row, Holiday), strict=False) for row in days),
        ramadans=tuple(
            ramadan(one.name, one.first, one.last, legal_basis=one.legal_basis, estimated=one.estimated)
            for one in fasts
        ),
    )


def _picked(row: Any, part: type[Part]) -> dict[str, Any]:
    return {name: row[name] for name in part.model_fields}


async def own_changes(connection: AsyncConnection, agency_id: UUID) -> tuple[Change, ...]:
    """What an agency changes of the days off of the nation, by date."""
    mine = select(holiday_changes).where(
        holiday_changes.c.agency_id == agency_id, holiday_changes.c.withdrawn_at.is_(None)
    )
    rows = (await connection.execute(mine.order_by(holiday_changes.c.date))).mappings()
    return tuple(change_of(row) for row in rows)


def change_of(row: Any) -> Change:
    """The change in a row of `holiday_changes`."""
    named = {name: row[name] for name in Change.model_fields if name != "to"}
    return Change.model_validate(named | {"to": row["moved_to"]}, strict=False)


def composed(nation: Nation, zone: str, own: Own, changes: Iterable[Change]) -> WorkCalendar:
    """The calendar made of its parts. What an agency changed and the nation then took over or gave up is left out."""
    whole = together(nation, zone, own, changes)
    unfit = {int(found[1]) for one in mistakes_in(whole) if (found := _A_CHANGE.match(one.at))}
    fit = tuple(change for at, change in enumerate(whole.changes) if at not in unfit)
    return whole.model_copy(update={"changes": fit})


_A_CHANGE = re.compile(r"changes\[([0-9]+)\]")


def together(nation: Nation, zone: str, own: Own, changes: Iterable[Change]) -> WorkCalendar:
    """The calendar made of its parts, whether they fit or not."""
    return WorkCalendar.model_validate(
        {
            "zone": zone,
            "hours": (REGULAR_HOURS,) if own.hours is None else own.hours,
            "seasons": nation.ramadans if own.seasons is None else own.seasons,
            "years": nation.years,
            "holidays": nation.holidays,
            "changes": tuple(changes),
        }
    )


async def adopt(
    connection: AsyncConnection,
    standing: Standing,
    calendar: WorkCalendar,
    cause: Cause,
    now: datetime,
    *,
    own: Own | None = None,
    wishes: Wishes | None = None,
) -> bool:
    """Make a calendar the one an agency works by, as its next version; false where nothing is different.

    `own` and `wishes` stay as they were unless given.
    """
    own, wishes = own or standing.own, wishes or standing.wishes
    content = calendar.canonical()
    hash_ = digest(content)
    if (hash_, own, wishes) == (standing.hash, standing.own, standing.wishes):
        return False
    wished = {"due_soon_percent": wishes.due_soon_percent, "escalate_after_days": wishes.escalate_after_days}
    await connection.execute(upsert(calendars).values(hash=hash_, content=content).on_conflict_do_nothing())
    await connection.execute(
        insert(calendar_versions).values(
            id=new_id(),
            agency_id=standing.agency_id,
            version=standing.version + 1,
            calendar_hash=hash_,
            own=own.model_dump(mode="json", exclude_none=True),
            reason=cause.reason,
            legal_basis=cause.legal_basis,
            created_at=now,
            client_id=cause.client,
            official_id=cause.official,
            **wished,
        )
    )
    moved = {"clock_version": agencies.c.clock_version + 1} if hash_ != standing.hash else {}
    works_by = update(agencies).where(agencies.c.id == standing.agency_id)
    await connection.execute(works_by.values(calendar_hash=hash_, timezone=calendar.zone, **wished, **moved))
    return True
