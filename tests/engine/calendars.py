"""Work calendars for tests: that of 2026 as it was decreed, and generated ones of every shape."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from engine.calendar import (
    RAMADAN_SHIFTS,
    REGULAR_HOURS,
    Break,
    Change,
    ChangeKind,
    Holiday,
    HolidayKind,
    HolidayYear,
    Hours,
    Season,
    Shift,
    Weekday,
    WorkCalendar,
    ramadan,
)
from engine.definition import TimeUnit
from engine.working_time import CompiledCalendar, Limit, Pause

SKB_2026 = "SKB 3 Menteri 1497/2025, 2/2025, 5/2025"

OFF_2026 = """
01-01 Tahun Baru 2026 Masehi
01-16 Isra Mikraj Nabi Muhammad SAW
02-16 * Tahun Baru Imlek
02-17 Tahun Baru Imlek 2577 Kongzili
03-18 * Hari Suci Nyepi
03-19 Hari Suci Nyepi
03-20 * Idul Fitri
03-21 Idul Fitri 1447 H
03-22 Idul Fitri 1447 H
03-23 * Idul Fitri
03-24 * Idul Fitri
04-03 Wafat Yesus Kristus
04-05 Kebangkitan Yesus Kristus
05-01 Hari Buruh Internasional
05-14 Kenaikan Yesus Kristus
05-15 * Kenaikan Yesus Kristus
05-27 Idul Adha 1447 H
05-28 * Idul Adha
05-31 Hari Raya Waisak
06-01 Hari Lahir Pancasila
06-16 Tahun Baru Islam 1448 H
08-17 Proklamasi Kemerdekaan
08-25 Maulid Nabi Muhammad SAW
12-24 * Natal
12-25 Natal
"""
"""Libur nasional and, with a star, cuti bersama, as the decree lists them."""


def holidays_2026() -> tuple[Holiday, ...]:
    holidays = []
    for line in OFF_2026.split("\n")[1:-1]:
        day, name = line.split(" ", 1)
        kind = HolidayKind.JOINT_LEAVE if name.startswith("* ") else HolidayKind.NATIONAL
        when = date.fromisoformat(f"2026-{day}")
        holidays.append(Holiday(date=when, name=name.removeprefix("* "), kind=kind, source=SKB_2026))
    return tuple(holidays)


RAMADAN_2026 = ramadan("Ramadan 1447 H", date(2026, 2, 19), date(2026, 3, 20), estimated=False)

YEAR_2026 = HolidayYear(year=2026, legal_basis=SKB_2026, joint_leave_basis=SKB_2026)


def a_calendar(**parts: Any) -> WorkCalendar:
    """The calendar of an agency in Jakarta as it was decreed for 2026, with other parts where they are given."""
    decreed: dict[str, Any] = {
        "zone": "Asia/Jakarta",
        "hours": (REGULAR_HOURS,),
        "seasons": (RAMADAN_2026,),
        "years": (YEAR_2026,),
        "holidays": holidays_2026(),
    }
    return WorkCalendar(**{**decreed, **parts})


def compiled(**parts: Any) -> CompiledCalendar:
    return CompiledCalendar(a_calendar(**parts))


SIX_DAYS = Hours(
    name="Enam hari kerja",
    shifts=(
        Shift(
            days=tuple(Weekday)[:4], start="07:30", end="14:30", breaks=(Break(start="12:00", end="12:30"),)
        ),
        Shift(days=(Weekday.FRIDAY,), start="07:30", end="11:30"),
        Shift(days=(Weekday.SATURDAY,), start="07:30", end="15:00"),
    ),
    legal_basis="Peraturan Bupati",
)  # fmt: skip


# Generated

remembered = lru_cache(maxsize=1_000)
"""A strategy that is drawn from again need not be built again, which takes longer than the drawing."""

ZONES = ("Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura")

TURNS = [
    *(date(2026, 2, 19), date(2026, 3, 21), date(2026, 8, 17)),  # Ramadan, Lebaran, one holiday alone
    *(date(2026, 12, 31), date(2028, 1, 1)),  # year ends
    *(date(2024, 2, 29), date(2027, 2, 28), date(2028, 2, 29)),  # short months
]
"""Days around which reckoning is hard."""


@remembered
def clocks(first: int, last: int) -> st.SearchStrategy[str]:
    return st.integers(first * 4, last * 4).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")


@st.composite
def shifts(draw: st.DrawFn, days: tuple[Weekday, ...]) -> Shift:
    inner = sorted(draw(st.lists(clocks(9, 14), max_size=4, unique=True)))
    breaks = tuple(Break(start=start, end=end) for start, end in zip(inner[::2], inner[1::2], strict=False))
    return Shift(days=days, start=draw(clocks(0, 8)), end=draw(clocks(15, 23)), breaks=breaks)


@st.composite
def odd_weeks(draw: st.DrawFn) -> tuple[Shift, ...]:
    """Any weekdays, each with hours of its own."""
    days = draw(st.lists(st.sampled_from(Weekday), min_size=2, max_size=7, unique=True))
    return tuple(draw(shifts((day,))) for day in days)


WEEKS = st.one_of(
    st.just(REGULAR_HOURS.shifts), st.just(SIX_DAYS.shifts), st.just(RAMADAN_SHIFTS), odd_weeks()
)  # fmt: skip


@remembered
def days_around(turn: date, reach: int) -> st.SearchStrategy[date]:
    return st.integers(-reach, reach).map(lambda days: turn + timedelta(days))


@st.composite
def calendars(draw: st.DrawFn, turn: date) -> WorkCalendar:
    """A right calendar with seasons, runs of holidays and local changes around a day."""
    words = {"name": "Contoh", "legal_basis": "Keputusan Bupati"}
    hours = [Hours(shifts=draw(WEEKS), **words)]
    if draw(st.booleans()):
        hours.append(Hours(first=draw(days_around(turn, 30)), shifts=draw(WEEKS), **words))
    seasons = []
    if draw(st.booleans()):
        first = draw(days_around(turn, 30))
        last = first + timedelta(draw(st.integers(0, 29)))
        seasons.append(Season(first=first, last=last, shifts=draw(WEEKS), estimated=draw(st.booleans()), **words))
    off = draw(st.sets(days_around(turn, 40), max_size=12))
    if draw(st.booleans()):
        run = draw(days_around(turn, 20))
        off |= {run + timedelta(days) for days in range(draw(st.integers(2, 14)))}
    kinds = st.sampled_from(HolidayKind)
    holidays = [Holiday(date=day, name="Libur", kind=draw(kinds), source="SKB") for day in sorted(off)]
    years = range(turn.year - 2, turn.year + 4)
    return WorkCalendar(
        zone=draw(st.sampled_from(ZONES)),
        hours=tuple(hours),
        seasons=tuple(seasons),
        years=tuple(HolidayYear(year=year, legal_basis="SKB", joint_leave_basis="SKB") for year in years),
        holidays=tuple(holidays),
        changes=tuple(draw(changes(turn, sorted(off)))),
    )


@st.composite
def changes(draw: st.DrawFn, turn: date, off: list[date]) -> list[Change]:
    """Local changes, no two of which meet."""
    words = {"name": "Setempat", "legal_basis": "SE Bupati"}
    free = [day for day in (turn + timedelta(days) for days in range(-20, 21)) if day not in off]
    made = []
    for day in draw(st.lists(st.sampled_from(free), max_size=3, unique=True)):
        if off and draw(st.booleans()):
            made.append(Change(kind=ChangeKind.MOVE, date=off.pop(), to=day, **words))
        else:
            made.append(Change(kind=ChangeKind.ADD, date=day, **words))
    if off and draw(st.booleans()):
        made.append(Change(kind=ChangeKind.REMOVE, date=off.pop(), **words))
    return made


turns = st.sampled_from(TURNS) | st.dates(date(2024, 1, 1), date(2028, 12, 31))


@remembered
def moments(turn: date, reach: int = 12) -> st.SearchStrategy[datetime]:
    """Whole minutes around a day, mostly at hours when people work."""
    midnight = datetime(turn.year, turn.month, turn.day, tzinfo=UTC)
    by_day = st.tuples(st.integers(-reach, reach), st.integers(0, 24 * 60 - 1) | st.integers(0, 10 * 60))
    quarters = st.tuples(st.integers(-reach, reach), st.integers(0, 10 * 4).map(lambda quarter: quarter * 15))
    return (by_day | quarters).map(lambda at: midnight + timedelta(days=at[0], minutes=at[1]))


@remembered
def limits(longest: int) -> st.SearchStrategy[Limit]:
    """Time limits in every unit, up to about so many months."""
    most = {
        TimeUnit.MINUTES: 2_000,
        TimeUnit.HOURS: 60 * longest,
        TimeUnit.WORKDAYS: 20 * longest,
        TimeUnit.WEEKS: 4 * longest,
        TimeUnit.MONTHS: longest,
    }
    amounts = {unit: st.integers(1, amount) for unit, amount in most.items()}
    return st.one_of(*(st.builds(Limit, amounts[unit], st.just(unit)) for unit in TimeUnit))


@remembered
def fractions(longest: int) -> st.SearchStrategy[Limit]:
    """Time limits whose amount is no whole number."""
    parts = st.sampled_from([Fraction(1, 2), Fraction(1, 4), Fraction(2, 3)])
    whole = limits(longest)
    return st.builds(lambda limit, part: Limit(limit.amount - 1 + part, limit.unit), whole, parts)


@remembered
def pauses(turn: date) -> st.SearchStrategy[list[Pause]]:
    edges = st.tuples(moments(turn, 20), moments(turn, 20)).map(sorted)
    return st.lists(edges.map(lambda edge: Pause(edge[0], edge[1], "menunggu")), max_size=3)
