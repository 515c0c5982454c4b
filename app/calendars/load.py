"""Loads the days off of the nation, and gives every agency the calendar that follows: all of it or nothing.

Doing it twice changes nothing. A year that was decreed anew replaces what was loaded of it; what each agency worked by
until then stays in its earlier versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.calendars.compose import Cause, Own, adopt, composed, nation, own_changes, standing, together
from app.calendars.national import PACKAGE, NationalYear, Ramadan, national_year, years_around
from app.database import Database
from app.tables import agencies, holiday_years, holidays, ramadans
from engine.calendar import Holiday
from engine.calendar_checks import CalendarRejected, require_right
from engine.calendar_words import INDONESIAN
from engine.errors import Mistake
from engine.mistakes import from_validation

BY_PACKAGE = PACKAGE.split()[0]
"""How the source begins of a year that came from the package, whichever release."""

MOST_TOLD = 12
"""Differences a reason lists; of the others only the number is given."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading changed: in which years, in what respects, and how many agencies have another calendar since."""

    years: tuple[int, ...] = ()
    differences: tuple[str, ...] = ()
    agencies: int = 0


async def load_missing(database: Database, now: datetime) -> Loaded:
    """Load the years around now that are missing, or that an earlier release of the package told of."""
    async with database.reading() as connection:
        loaded = {year: one.source for year, one in (await stored(connection)).items()}
    wanted = (year for year in years_around(now) if _is_outdated(loaded.get(year)))
    return await load(database, [national_year(year) for year in wanted], now)


def _is_outdated(source: str | None) -> bool:
    # what was loaded from a file knows better than the package
    return source is None or (source.startswith(BY_PACKAGE) and source != PACKAGE)


async def load(database: Database, years: Sequence[NationalYear], now: datetime) -> Loaded:
    """Make these years what is known of them. Raises CalendarRejected where they cannot stand in a calendar."""
    async with database.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_LOADING)))
        before = await stored(connection)
        different = [year for year in years if year != before.get(year.year)]
        for year in different:
            await _replace(connection, year, now)
        require_right(together(await nation(connection), "Asia/Jakarta", Own(), ()))
        told = [line for year in different for line in differences(before.get(year.year), year)]
        if not told:
            return Loaded()
        bases = dict.fromkeys(year.joint_leave_basis or year.legal_basis for year in different)
        moved = await _follow(connection, Cause(_listed(told), "; ".join(bases)), now)
        return Loaded(tuple(year.year for year in different), tuple(told), moved)


_LOADING = 0x414C5548
"""The advisory lock of whoever loads holidays: "ALUH"."""


async def stored(connection: AsyncConnection) -> dict[int, NationalYear]:
    """The years that are loaded."""
    years = (await connection.execute(select(holiday_years).order_by(holiday_years.c.year))).mappings().all()
    days = await _by_year(connection, select(holidays).order_by(holidays.c.date), Holiday)
    fasts = await _by_year(connection, select(ramadans).order_by(ramadans.c.first), Ramadan)
    names = ("year", "legal_basis", "joint_leave_basis", "source")
    return {
        row["year"]: NationalYear(
            **{name: row[name] for name in names},
            holidays=tuple(days.get(row["year"], ())),
            ramadans=tuple(fasts.get(row["year"], ())),
        )
        for row in years
    }


async def _by_year(connection: AsyncConnection, query: Any, part: type[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in (await connection.execute(query)).mappings():
        facts = {name: row[name] for name in part.model_fields}
        found.setdefault(row["year"], []).append(part.model_validate(facts, strict=False))
    return found


def read_years(text: str | bytes, name: str) -> list[NationalYear]:
    """The years that a file tells of, written as `alur holidays show` writes them. Raises CalendarRejected."""
    try:
        years = _YEARS.validate_json(text)
    except ValidationError as wrong:
        raise CalendarRejected(from_validation(wrong.errors(include_url=False))) from wrong
    return [year.model_copy(update={"source": f"berkas {name}"}) for year in years]


def written(years: Iterable[NationalYear]) -> str:
    """The years as a JSON text that `read_years` understands."""
    return _YEARS.dump_json([*years], indent=2, exclude_defaults=True).decode()


_YEARS = TypeAdapter(list[NationalYear])


async def _replace(connection: AsyncConnection, year: NationalYear, now: datetime) -> None:
    _require_in_its_year(year)
    facts = year.model_dump(exclude={"holidays", "ramadans"}) | {"loaded_at": now}
    known = upsert(holiday_years).values(facts)
    await connection.execute(known.on_conflict_do_update(index_elements=[holiday_years.c.year], set_=facts))
    for table, parts in ((holidays, year.holidays), (ramadans, year.ramadans)):
        await connection.execute(delete(table).where(table.c.year == year.year))
        rows = [{"year": year.year, **part.model_dump()} for part in parts]
        if rows:
            await connection.execute(insert(table), rows)


def _require_in_its_year(year: NationalYear) -> None:
    """What no calendar could find wrong, for it does not know which year a day was listed under, or how often."""
    lists: dict[str, list[date]] = {
        "holidays": [day.date for day in year.holidays],
        "ramadans": [one.first for one in year.ramadans],
    }
    found = [
        _misplaced(f"{name}[{at}]", day, year.year)
        for name, days in lists.items()
        for at, day in enumerate(days)
        if day.year != year.year or day in days[:at]
    ]
    if found:
        raise CalendarRejected(tuple(found))


def _misplaced(at: str, day: date, year: int) -> Mistake:
    return Mistake(
        at=at,
        message_id=f"{day} bukan tanggal tahun {year}, atau tertulis dua kali.",
        message_en=f"{day} is no day of {year}, or is listed twice.",
        expected=str(year),
    )


async def _follow(connection: AsyncConnection, cause: Cause, now: datetime) -> int:
    """Compose the calendar of every agency anew; gives how many have another one since."""
    common, moved = await nation(connection), 0
    for agency_id in await _agencies(connection):
        found = await standing(connection, agency_id, now)
        changes = await own_changes(connection, agency_id)
        moved += await adopt(connection, found, composed(common, found.zone, found.own, changes), cause, now)
    return moved


async def _agencies(connection: AsyncConnection) -> Sequence[UUID]:
    """Those that have a calendar, in one order for everybody; the others are given theirs when it is first needed."""
    with_calendar = select(agencies.c.id).where(agencies.c.calendar_hash.is_not(None)).order_by(agencies.c.id)
    return (await connection.execute(with_calendar)).scalars().all()


# What is said of the difference


def differences(before: NationalYear | None, after: NationalYear) -> Iterator[str]:
    """What is different in a year, in sentences; nothing where only a later release tells the same."""
    year = after.year
    if before is None:
        leave = "" if after.joint_leave_basis else ", cuti bersama belum ditetapkan"
        yield f"Hari libur {year} dimuat{leave}"
        return
    if (before.legal_basis, before.joint_leave_basis) != (after.legal_basis, after.joint_leave_basis):
        yield f"Dasar hukum {year}: {after.joint_leave_basis or after.legal_basis}"
    old, new = ({day.date: day for day in one.holidays} for one in (before, after))
    for day in sorted({*old, *new}):
        if old.get(day) != new.get(day):
            yield _day_told(old.get(day), new.get(day))
    if before.ramadans != after.ramadans:
        yield "; ".join(map(_ramadan_told, after.ramadans)) or f"Ramadan {year} dihapus"


def _day_told(old: Holiday | None, new: Holiday | None) -> str:
    day = new or old
    assert day is not None  # noqa: S101  one of the two is what differs
    deed = "ditambahkan" if old is None else "dihapus" if new is None else "diubah"
    if old and new and old.estimated and old.model_copy(update={"estimated": False}) == new:
        deed = "dipastikan"
    return f"{INDONESIAN.plain(day.date)} {day.name} {deed}"


def _ramadan_told(ramadan: Ramadan) -> str:
    doubt = " (perkiraan)" if ramadan.estimated else ""
    return f"{ramadan.name}: {INDONESIAN.range(ramadan.first, ramadan.last)}{doubt}"


def _listed(told: Sequence[str]) -> str:
    left = len(told) - MOST_TOLD
    return "; ".join([*islice(told, MOST_TOLD), *([f"dan {left} perubahan lain"] if left > 0 else [])])
