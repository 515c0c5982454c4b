"""Reads calendars and holidays. What belongs to other agencies is not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from app.calendars.catalog import Calendars
from app.calendars.compose import nation
from app.calendars.schemas import (
    CalendarRow,
    CalendarView,
    CaveatView,
    HolidayPage,
    HolidayView,
    VersionView,
    Withdrawn,
    joint_leave_of,
)
from app.database import Database
from app.errors import NotFound, RequestInvalid
from app.identity.callers import Caller
from app.paging import Listing, Page, ordinal, paged, split
from app.tables import agencies, calendar_versions, holiday_changes
from engine.calendar import FIRST_YEAR, LAST_YEAR, Holiday, HolidayYear, WorkCalendar
from engine.caveats import Doubts
from engine.errors import Mistake


class CalendarList(Listing):
    """Whose calendars to list."""

    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")


class VersionList(Listing):
    """What to list of the versions of one calendar."""


class Holidays(Listing):
    """Which holidays to list: those of the nation, and what the caller's agencies change of them."""

    year: str | None = Field(default=None, description="Years, comma-separated; all that are loaded unless told.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    withdrawn: Annotated[bool, Field(description="Whether to list withdrawn changes, too.")] = False


async def current(
    database: Database, calendars: Calendars, caller: Caller, listing: CalendarList, now: datetime
) -> Page[CalendarRow]:
    """By which calendar each of the caller's agencies works now."""
    named = _agencies(caller, listing.agency)
    await calendars.see_to(named)
    latest = (
        _VERSIONS.ext(distinct_on(agencies.c.key))
        .where(agencies.c.id.in_(named))
        .order_by(agencies.c.key, calendar_versions.c.version.desc())
    )
    if (after := listing.after(str)) is not None:
        latest = latest.where(agencies.c.key > after)
    async with database.reading() as connection:
        rows = (await connection.execute(latest.limit(listing.limit + 1))).mappings().all()
    told = [CalendarRow.summed_up(row, await calendars.calendar(row["calendar_hash"]), now) for row in rows]
    return paged(listing, told, lambda one: one.agency)


async def versions(
    database: Database, calendars: Calendars, caller: Caller, agency: str, listing: VersionList
) -> Page[VersionView]:
    """All versions of an agency's calendar, newest first. Raises NotFound."""
    agency_id = served(caller, agency)
    await calendars.see_to([agency_id])
    mine = _VERSIONS.where(agencies.c.id == agency_id).order_by(calendar_versions.c.version.desc())
    if (after := listing.after(ordinal)) is not None:
        mine = mine.where(calendar_versions.c.version < after)
    async with database.reading() as connection:
        rows = (await connection.execute(mine.limit(listing.limit + 1))).mappings().all()
    return paged(listing, [VersionView.of(row) for row in rows], lambda one: str(one.version))


async def version(
    database: Database, calendars: Calendars, caller: Caller, agency: str, now: datetime, number: int | None = None
) -> CalendarView:
    """One version of an agency's calendar, whole; the one it works by now unless a number is given. Raises NotFound."""
    agency_id = served(caller, agency)
    await calendars.see_to([agency_id])
    async with database.reading() as connection:
        row = await version_row(connection, agency_id, number)
    if row is None:
        raise NotFound
    return CalendarView.whole(row, await calendars.calendar(row["calendar_hash"]), now)


async def version_row(connection: AsyncConnection, agency_id: UUID, number: int | None = None) -> Any | None:
    """The row of a version, the latest unless a number is given; null where there is none."""
    mine = _VERSIONS.where(agencies.c.id == agency_id)
    if number is not None:
        mine = mine.where(calendar_versions.c.version == number)
    found = await connection.execute(mine.order_by(calendar_versions.c.version.desc()).limit(1))
    return found.mappings().one_or_none()


async def holidays(
    database: Database, calendars: Calendars, caller: Caller, listing: Holidays, now: datetime
) -> HolidayPage:
    """The days off of the nation and the changes of the caller's agencies, by date."""
    wanted = _years(listing.year)
    async with database.snapshot() as connection:
        common = await nation(connection)
        changed = (await connection.execute(_changes(caller, listing))).mappings().all()
    years = {one.year: one for one in common.years}
    local = [_change(row, years, await _effective(calendars, row)) for row in changed]
    everything = [*(_national(one, years) for one in common.holidays), *local]
    found = sorted((one for one in everything if not wanted or one.date.year in wanted), key=_place)
    if (after := listing.after(str)) is not None:
        found = [one for one in found if _place(one) > after]
    page = paged(listing, found[: listing.limit + 1], _place)
    return HolidayPage(items=page.items, next=page.next, caveats=_unsettled(common.years, common.holidays, wanted, now))


async def holiday(database: Database, calendars: Calendars, caller: Caller, change: UUID) -> HolidayView:
    """One change that an agency of the caller's made. Raises NotFound."""
    async with database.reading() as connection:
        row = await change_row(connection, caller, change)
        years = (await nation(connection)).years
    return change_told(row, years, await _effective(calendars, row))


async def agency_of_change(database: Database, caller: Caller, change: UUID) -> UUID:
    """The agency that made a change, one of the caller's. Raises NotFound."""
    async with database.reading() as connection:
        agency_id: UUID = (await change_row(connection, caller, change))["agency_id"]
    return agency_id


async def change_row(connection: AsyncConnection, caller: Caller, change: UUID) -> Any:
    """The row of a change that an agency of the caller's made. Raises NotFound."""
    mine = _CHANGES.where(holiday_changes.c.id == change, agencies.c.id.in_(caller.agencies.values()))
    row = (await connection.execute(mine)).mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def change_told(row: Any, years: Iterable[HolidayYear], effective: bool) -> HolidayView:
    """The view of a change, `effective` where its agency works by it."""
    return _change(row, {one.year: one for one in years}, effective)


def served(caller: Caller, agency: str) -> UUID:
    """The id of an agency the caller serves. Raises NotFound."""
    found = caller.agency(agency)
    if found is None:
        raise NotFound
    return found


def _agencies(caller: Caller, named: str | None) -> list[UUID]:
    wanted = split(named)
    if wanted is None:
        return list(caller.agencies.values())
    return [found for name in wanted if (found := caller.agency(name))]


_VERSIONS = select(
    agencies.c.key.label("agency"),
    *(one for one in calendar_versions.c if one.name not in ("id", "agency_id")),
).join_from(calendar_versions, agencies, agencies.c.id == calendar_versions.c.agency_id)

_CHANGES = select(agencies.c.key.label("agency"), agencies.c.calendar_hash, *holiday_changes.c).join_from(
    holiday_changes, agencies, agencies.c.id == holiday_changes.c.agency_id
)


def _changes(caller: Caller, listing: Holidays) -> Select[Any]:
    mine = _CHANGES.where(agencies.c.id.in_(_agencies(caller, listing.agency)))
    return mine if listing.withdrawn else mine.where(holiday_changes.c.withdrawn_at.is_(None))


def _years(named: str | None) -> set[int] | None:
    """The years of a comma list. Raises RequestInvalid."""
    wanted = split(named)
    if wanted is None:
        return None
    if any(not one.isascii() or not one.isdigit() or not FIRST_YEAR <= int(one[:5]) <= LAST_YEAR for one in wanted):
        raise RequestInvalid(_YEAR_MISTAKE)
    return {int(one) for one in wanted}


_YEAR_MISTAKE = Mistake(
    at="year",
    message_id="Tulis tahun dengan empat angka, beberapa tahun dipisahkan koma.",
    message_en="Write years with four digits, several of them separated by commas.",
    expected="2026,2027",
)


def _place(one: HolidayView) -> str:
    """Where a holiday stands in the list: the nation's before an agency's."""
    return f"{one.date} {one.id or ''}"


def _national(one: Holiday, years: dict[int, HolidayYear]) -> HolidayView:
    year = years[one.year]
    basis = year.joint_leave_basis if one.kind == "joint_leave" else None
    facts = one.model_dump() | {"legal_basis": basis or year.legal_basis, "joint_leave": joint_leave_of(year)}
    return HolidayView.model_validate(facts)


def _change(row: Any, years: dict[int, HolidayYear], effective: bool) -> HolidayView:
    facts = {name: row[name] for name in ("id", "agency", "date", "kind", "name", "name_en", "legal_basis", "reason")}
    return HolidayView(
        **facts,
        to=row["moved_to"],
        joint_leave=joint_leave_of(years.get(row["date"].year)),
        effective=effective,
        created_at=row["created_at"],
        client=row["client_id"],
        official=row["official_id"],
        withdrawn=Withdrawn.of(row),
    )


async def _effective(calendars: Calendars, row: Any) -> bool:
    """Whether the agency works by a change now."""
    if row["withdrawn_at"] is not None or row["calendar_hash"] is None:
        return False
    calendar = (await calendars.calendar(row["calendar_hash"])).calendar
    return any((one.date, one.kind) == (row["date"], row["kind"]) for one in calendar.changes)


def _unsettled(
    years: Sequence[HolidayYear], days: Iterable[Holiday], wanted: set[int] | None, now: datetime
) -> list[CaveatView]:
    """What is not settled about the days off of the years that were asked for, or of all and this one."""
    calendar = WorkCalendar.model_construct(
        zone="Asia/Jakarta", hours=(), seasons=(), years=tuple(years), holidays=tuple(days), changes=()
    )
    doubts = Doubts(calendar)
    asked = sorted(wanted or {one.year for one in years} | {now.year})
    found = (
        one for year in asked for one in doubts.about(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal())
    )
    return [CaveatView.of(one) for one in dict.fromkeys(found)]
