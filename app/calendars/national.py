"""The days off of the nation as the `holidays` package knows them: national holidays, cuti bersama and Ramadan.

The package lists what was decreed and reckons the rest by the moon, and says which is which. It names no decrees; those
that are known to us stand below. A year without cuti bersama in it is one whose decree has not come out.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from importlib.metadata import version

import holidays
from holidays.countries.indonesia import IndonesiaIslamicHolidays
from pydantic import Field

from engine.calendar import PERPRES_21_2023, Day, Holiday, HolidayKind, HolidayYear, Words
from engine.definition import Part

PACKAGE = f"holidays {version('holidays')} (Python)"
"""Where a year was loaded from, with the release: a later one may know more."""

FIRST_YEAR, LAST_YEAR = 2002, 2100
"""Cuti bersama exists since 2002; beyond 2100 nobody reckons the moon."""


class Ramadan(Part):
    """The days of one Ramadan, both included. `estimated` until the Minister of Religious Affairs has said so."""

    name: Words
    first: Day
    last: Day
    legal_basis: Words
    estimated: bool = False


class NationalYear(HolidayYear):
    """All that is known of the days off of one year, and from where. A Ramadan belongs to the year it begins in."""

    source: Words
    holidays: tuple[Holiday, ...] = Field(max_length=366)
    ramadans: tuple[Ramadan, ...] = Field(default=(), max_length=2)


def years_around(now: datetime.datetime) -> range:
    """The years that are loaded by themselves: last year, for work recorded late, to the year after next."""
    return range(now.year - 1, now.year + 3)


def national_year(year: int) -> NationalYear:
    """What the package says of a year. Raises ValueError outside FIRST_YEAR to LAST_YEAR."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"{year}: {FIRST_YEAR}-{LAST_YEAR}")
    leave = _days(year, HolidayKind.JOINT_LEAVE)
    days = {day.date: day for day in (*leave, *_days(year, HolidayKind.NATIONAL))}
    decree = DECREES.get(year, f"SKB 3 Menteri tentang Hari Libur Nasional dan Cuti Bersama Tahun {year}")
    return NationalYear(
        year=year,
        legal_basis=decree if leave else UNDECREED,
        joint_leave_basis=f"{decree}{BESIDES.get(year, '')}" if leave else None,
        source=PACKAGE,
        holidays=tuple(days[date] for date in sorted(days)),
        ramadans=tuple(_ramadans(year)),
    )


DECREES = {
    2025: "SKB 3 Menteri tentang Hari Libur Nasional dan Cuti Bersama Tahun 2025, dengan perubahan Agustus 2025",
    2026: "SKB 3 Menteri Nomor 1497 Tahun 2025, Nomor 2 Tahun 2025 dan Nomor 5 Tahun 2025",
}
"""What the joint decree of a year is called, where more than its title is known."""

BESIDES = {2024: "; untuk ASN Keputusan Presiden Nomor 7 Tahun 2024"}
"""What else orders the cuti bersama of a year."""

UNDECREED = "Keputusan Presiden Nomor 8 Tahun 2024 tentang Hari-Hari Libur"
"""Which days are national holidays, where no joint decree has given a year its dates yet."""

_CATEGORIES = {HolidayKind.NATIONAL: holidays.PUBLIC, HolidayKind.JOINT_LEAVE: holidays.GOVERNMENT}
_ESTIMATES = {"id": " (perkiraan)", "en_US": " (estimated)"}


def _days(year: int, kind: HolidayKind) -> list[Holiday]:
    """The days of one category. The languages are named: left to itself the package asks the machine's."""
    said, said_in_english = (
        holidays.country_holidays("ID", years=year, categories=(_CATEGORIES[kind],), language=language)
        for language in _ESTIMATES
    )
    return [
        Holiday(
            date=date,
            name=name.replace(_ESTIMATES["id"], ""),
            name_en=said_in_english[date].replace(_ESTIMATES["en_US"], ""),
            kind=kind,
            source="holidays (Python)",  # without the release, which would make every calendar another one
            estimated=_ESTIMATES["id"] in name,
        )
        for date, name in said.items()
    ]


def _ramadans(year: int) -> Iterator[Ramadan]:
    """Every Ramadan that begins in a year: from its first day to the one before Idul Fitri."""
    moon = IndonesiaIslamicHolidays()
    feasts = sorted({*_dates(moon.eid_al_fitr_dates(year)), *_dates(moon.eid_al_fitr_dates(year + 1))})
    for first in sorted(set(_dates(moon.ramadan_beginning_dates(year)))):
        if first.year == year:
            yield Ramadan(
                name=f"Ramadan {_hijri_year(first)} H",
                first=first,
                last=next(feast for feast in feasts if feast > first) - datetime.timedelta(days=1),
                legal_basis=f"{PERPRES_21_2023}; tanggalnya menurut perhitungan MABIMS, menunggu Menteri Agama",
                estimated=True,
            )


def _dates(reckoned: Iterable[tuple[datetime.date, bool]]) -> Iterator[datetime.date]:
    return (date for date, _ in reckoned)


def _hijri_year(ramadan: datetime.date) -> int:
    """The year of the Hijri calendar: Ramadan 1447 began in February 2026, and 354.37 days make a year."""
    return 1447 + round((ramadan - datetime.date(2026, 2, 19)).days / 354.36708)
