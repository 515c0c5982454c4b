"""Due dates and working time on a calendar an official knows: Perpres 21/2023 and the holidays decreed for 2026."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

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
    OutsideCalendar,
    Season,
    Shift,
    Weekday,
    ramadan,
)
from engine.caveats import Caveat, CaveatKind
from engine.definition import TimeLimit, TimeUnit
from engine.trail import digest
from engine.working_time import CompiledCalendar, Limit, Pause
from tests.engine.calendars import RAMADAN_2026, SIX_DAYS, SKB_2026, YEAR_2026, a_calendar, compiled

WIB = ZoneInfo("Asia/Jakarta")
UNITS = {
    "menit": TimeUnit.MINUTES,
    "jam": TimeUnit.HOURS,
    "hari": TimeUnit.WORKDAYS,
    "minggu": TimeUnit.WEEKS,
    "bulan": TimeUnit.MONTHS,
}
DAYS = ("Sen", "Sel", "Rab", "Kam", "Jum", "Sab", "Min")


def at(text: str, zone: ZoneInfo = WIB) -> datetime:
    """`Sen 2026-08-03 07:30`, the weekday checked."""
    weekday, moment = text.split(" ", 1)
    local = datetime.fromisoformat(moment).replace(tzinfo=zone)
    assert DAYS[local.weekday()] == weekday, text
    return local


def waktu(text: str) -> Limit:
    """`1 hari`, `7,5 jam`."""
    amount, unit = text.split(" ")
    return Limit(Decimal(amount.replace(",", ".")) if "," in amount else int(amount), UNITS[unit])


def rows(table: str) -> list[tuple[str, str, str]]:
    return [tuple(cell.strip() for cell in row.split("|")) for row in table.strip().split("\n")]  # type: ignore[misc]


@pytest.fixture(scope="module")
def calendar() -> CompiledCalendar:
    return compiled()


DUE = """
Sen 2026-08-03 14:00 | 1 hari    | Sel 2026-08-04 14:00
Sen 2026-08-03 07:30 | 1 hari    | Sen 2026-08-03 16:00
Min 2026-08-02 20:00 | 1 hari    | Sen 2026-08-03 16:00
Sab 2026-08-01 09:00 | 1 hari    | Sen 2026-08-03 16:00
Sen 2026-08-03 07:31 | 1 hari    | Sel 2026-08-04 07:31
Sen 2026-08-03 06:00 | 2 hari    | Sel 2026-08-04 16:00
Sen 2026-08-03 16:00 | 1 hari    | Sel 2026-08-04 16:00
Sen 2026-08-03 15:59 | 1 hari    | Sel 2026-08-04 15:59
Sen 2026-08-03 12:30 | 1 hari    | Sel 2026-08-04 12:00
Sen 2026-08-03 13:00 | 1 hari    | Sel 2026-08-04 12:00
Sen 2026-08-03 12:00 | 1 hari    | Sel 2026-08-04 12:00
Kam 2026-08-06 14:00 | 1 hari    | Jum 2026-08-07 14:00
Kam 2026-08-06 11:45 | 1 hari    | Jum 2026-08-07 11:30
Jum 2026-08-07 14:00 | 1 hari    | Sen 2026-08-10 14:00
Jum 2026-08-07 16:15 | 1 hari    | Sen 2026-08-10 16:00
Jum 2026-08-07 12:00 | 1 hari    | Sen 2026-08-10 12:00
Jum 2026-08-14 10:00 | 1 hari    | Sel 2026-08-18 10:00
Jum 2026-08-14 10:00 | 3 hari    | Kam 2026-08-20 10:00
Sen 2026-08-03 07:30 | 7,5 jam   | Sen 2026-08-03 16:00
Sen 2026-08-03 07:30 | 5 menit   | Sen 2026-08-03 07:35
Sen 2026-08-03 11:00 | 1 jam     | Sen 2026-08-03 12:00
Sen 2026-08-03 11:30 | 1 jam     | Sen 2026-08-03 13:30
Sen 2026-08-03 15:30 | 2 jam     | Sel 2026-08-04 09:00
Jum 2026-08-07 16:00 | 1 jam     | Sen 2026-08-10 08:00
Jum 2026-08-07 10:30 | 1 jam     | Jum 2026-08-07 11:30
Jum 2026-08-07 11:00 | 1 jam     | Jum 2026-08-07 13:30
Sab 2026-08-01 09:00 | 5 menit   | Sen 2026-08-03 07:35
Sen 2026-08-03 14:00 | 1 minggu  | Sen 2026-08-10 14:00
Sen 2026-08-10 14:00 | 1 minggu  | Sel 2026-08-18 14:00
Sen 2026-08-03 07:30 | 1 minggu  | Jum 2026-08-07 16:30
Rab 2026-08-05 09:00 | 1 bulan   | Sen 2026-09-07 09:00
Sen 2026-08-03 09:00 | 1 bulan   | Kam 2026-09-03 09:00
Jum 2026-07-17 09:00 | 1 bulan   | Sel 2026-08-18 09:00
Jum 2026-01-30 09:00 | 1 bulan   | Sen 2026-03-02 09:00
Jum 2026-07-31 09:00 | 2 bulan   | Rab 2026-09-30 09:00
Sab 2026-02-28 09:00 | 1 bulan   | Kam 2026-04-02 08:00
Sen 2026-02-02 07:30 | 1 bulan   | Jum 2026-02-27 15:30
"""

RAMADAN_AND_LEBARAN = """
Rab 2026-02-18 15:30 | 1 hari    | Kam 2026-02-19 15:00
Rab 2026-02-18 07:45 | 1 hari    | Rab 2026-02-18 16:00
Kam 2026-02-19 07:45 | 1 hari    | Kam 2026-02-19 15:00
Kam 2026-02-19 08:00 | 6 jam     | Kam 2026-02-19 14:30
Kam 2026-02-19 14:00 | 1 hari    | Jum 2026-02-20 14:00
Kam 2026-02-19 11:45 | 1 hari    | Jum 2026-02-20 11:30
Jum 2026-02-20 15:15 | 1 hari    | Sen 2026-02-23 15:00
Kam 2026-02-19 08:00 | 1 minggu  | Rab 2026-02-25 15:00
Sel 2026-03-17 14:00 | 1 hari    | Rab 2026-03-25 14:00
Sel 2026-03-17 14:00 | 1 jam     | Sel 2026-03-17 15:00
Sel 2026-03-17 14:00 | 2 jam     | Rab 2026-03-25 08:30
Rab 2026-03-18 10:00 | 1 hari    | Rab 2026-03-25 16:00
Sab 2026-03-21 10:00 | 1 jam     | Rab 2026-03-25 08:30
Jum 2026-02-20 10:00 | 1 bulan   | Rab 2026-03-25 10:00
Kam 2026-05-14 10:00 | 1 hari    | Sen 2026-05-18 16:00
Rab 2026-05-13 10:00 | 1 hari    | Sen 2026-05-18 10:00
Rab 2026-12-23 10:00 | 1 hari    | Sen 2026-12-28 10:00
"""


@pytest.mark.parametrize(("opened", "limit", "due"), rows(DUE))
def test_is_due_as_an_official_counts(calendar, opened, limit, due):
    assert calendar.due(at(opened), waktu(limit)).at == at(due)


@pytest.mark.parametrize(("opened", "limit", "due"), rows(RAMADAN_AND_LEBARAN))
def test_is_due_as_an_official_counts_around_ramadan_and_lebaran(calendar, opened, limit, due):
    assert calendar.due(at(opened), waktu(limit)).at == at(due)


SIX_DAY_WEEK = """
Jum 2026-08-07 08:00 | 1 hari    | Sab 2026-08-08 08:00
Kam 2026-08-06 14:00 | 1 hari    | Jum 2026-08-07 11:30
Sab 2026-08-08 14:45 | 1 hari    | Sen 2026-08-10 14:30
Sen 2026-08-03 09:00 | 1 minggu  | Sen 2026-08-10 09:00
Sab 2026-08-15 09:00 | 1 hari    | Sel 2026-08-18 09:00
"""


@pytest.mark.parametrize(("opened", "limit", "due"), rows(SIX_DAY_WEEK))
def test_an_agency_may_work_six_days(opened, limit, due):
    assert compiled(hours=(SIX_DAYS,)).due(at(opened), waktu(limit)).at == at(due)


def test_a_week_has_the_days_of_the_hours_in_force_where_the_clock_starts():
    later = SIX_DAYS.model_copy(update={"first": date(2026, 8, 10)})
    calendar = compiled(hours=(REGULAR_HOURS, later))
    assert calendar.due(at("Jum 2026-08-07 10:00"), waktu("1 minggu")).at == at("Jum 2026-08-14 10:00")
    assert calendar.due(at("Sen 2026-08-10 10:00"), waktu("1 minggu")).at == at("Sel 2026-08-18 10:00")


def test_a_limit_of_a_sheet_is_laid_as_it_is():
    limit = TimeLimit(text="1 Hari (kerja)", amount=1, unit=TimeUnit.WORKDAYS)
    assert compiled().due(at("Sen 2026-08-03 14:00"), limit).at == at("Sel 2026-08-04 14:00")


FRACTIONS = """
Sen 2026-08-03 07:30 | 0,5 hari   | Sen 2026-08-03 11:15
Sen 2026-08-03 14:00 | 0,5 hari   | Sel 2026-08-04 09:15
Sen 2026-08-03 07:30 | 1,5 hari   | Sel 2026-08-04 11:15
Kam 2026-08-06 07:30 | 0,2 minggu | Kam 2026-08-06 16:00
Sen 2026-08-03 07:30 | 0,5 minggu | Rab 2026-08-05 11:15
Sen 2026-08-03 07:30 | 0,5 bulan  | Sel 2026-08-18 11:15
Sen 2026-08-03 07:30 | 1,5 jam    | Sen 2026-08-03 09:00
"""


@pytest.mark.parametrize(("opened", "limit", "due"), rows(FRACTIONS))
def test_a_fraction_is_that_share_of_the_working_time_around_it(calendar, opened, limit, due):
    assert calendar.due(at(opened), waktu(limit)).at == at(due)


def test_minutes_may_be_split_too(calendar):
    due = calendar.due(at("Sen 2026-08-03 07:30"), Limit(Fraction(1, 3), TimeUnit.MINUTES)).at
    assert due == at("Sen 2026-08-03 07:30") + timedelta(seconds=20)


def test_seconds_are_kept(calendar):
    opened = at("Sen 2026-08-03 14:00") + timedelta(seconds=7, microseconds=11)
    assert calendar.due(opened, waktu("1 hari")).at == opened + timedelta(days=1)
    assert calendar.due(opened, waktu("3 jam")).at == opened + timedelta(hours=18, minutes=30)


# Zones


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Asia/Jakarta", "WIB"), ("Asia/Pontianak", "WIB"), ("Asia/Makassar", "WITA"), ("Asia/Jayapura", "WIT")],
)
def test_answers_in_the_zone_of_the_agency(zone, name):
    due = compiled(zone=zone).due(datetime(2026, 8, 2, 20, tzinfo=UTC), waktu("1 hari")).at
    assert (due.tzname(), due.isoformat()[:16]) == (name, "2026-08-03T16:00")


def test_the_same_moment_is_working_time_in_one_zone_and_too_late_in_another():
    moment = datetime(2026, 8, 3, 8, 30, tzinfo=UTC)  # 15:30 WIB, 16:30 WITA, 17:30 WIT
    dues = [compiled(zone=zone).due(moment, waktu("1 jam")).at for zone in ("Asia/Jakarta", "Asia/Makassar")]
    assert [due.isoformat() for due in dues] == ["2026-08-04T08:00:00+07:00", "2026-08-04T08:30:00+08:00"]


def test_a_moment_that_names_no_zone_is_refused(calendar):
    naive = datetime(2026, 8, 3, 14)  # noqa: DTZ001 - that is the point
    with pytest.raises(ValueError, match="zone"):
        calendar.due(naive, waktu("1 hari"))


# Pauses


def a_pause(since: str, until: str) -> Pause:
    return Pause(at(since), at(until), "menunggu TAPD")


PAUSED = """
Sen 2026-08-03 14:00 | 1 hari  | Sel 2026-08-04 09:00 - Kam 2026-08-06 09:00 | Kam 2026-08-06 14:00
Sen 2026-08-03 14:00 | 1 hari  | Sab 2026-08-01 09:00 - Sen 2026-08-03 13:00 | Sel 2026-08-04 14:00
Sen 2026-08-03 14:00 | 1 hari  | Sen 2026-08-03 13:00 - Sen 2026-08-03 15:00 | Sel 2026-08-04 15:00
Sen 2026-08-03 14:00 | 1 hari  | Sel 2026-08-04 14:00 - Kam 2026-08-06 09:00 | Sel 2026-08-04 14:00
Jum 2026-08-07 15:30 | 1 hari  | Jum 2026-08-07 16:30 - Sen 2026-08-10 07:30 | Sen 2026-08-10 15:30
Jum 2026-08-07 15:30 | 2 jam   | Jum 2026-08-07 16:00 - Sen 2026-08-10 08:30 | Sen 2026-08-10 10:00
Sen 2026-08-03 09:00 | 1 bulan | Sen 2026-08-10 09:00 - Rab 2026-08-12 09:00 | Sen 2026-09-07 09:00
Rab 2026-08-12 10:00 | 2 hari  | Kam 2026-08-13 07:30 - Sel 2026-08-18 07:30 | Rab 2026-08-19 10:00
"""


@pytest.mark.parametrize(("opened", "limit", "pause", "due"), rows(PAUSED))
def test_a_pause_moves_the_due_date_by_its_working_time(calendar, opened, limit, pause, due):
    stopped = a_pause(*pause.split(" - "))
    assert calendar.due(at(opened), waktu(limit), [stopped]).at == at(due)


def test_what_two_pauses_share_counts_once(calendar):
    one, other = (
        a_pause("Sel 2026-08-04 09:00", "Sel 2026-08-04 11:00"),
        a_pause("Sel 2026-08-04 10:00", "Sel 2026-08-04 12:00"),
    )
    for stopped in ([one, other], [other, one], [one, other, one]):
        assert calendar.due(at("Sen 2026-08-03 14:00"), waktu("1 hari"), stopped).at == at("Rab 2026-08-05 08:30")


def test_a_pause_does_not_end_before_it_begins():
    with pytest.raises(ValueError, match="before it begins"):
        a_pause("Sel 2026-08-04 09:00", "Sen 2026-08-03 09:00")


# Working time


WORKED = """
Sen 2026-08-03 16:00 | Sel 2026-08-04 09:10 | 100
Jum 2026-08-07 11:00 | Jum 2026-08-07 14:00 | 90
Jum 2026-08-07 16:00 | Sen 2026-08-10 08:00 | 60
Sab 2026-08-08 00:00 | Min 2026-08-09 23:59 | 0
Sen 2026-03-16 00:00 | Sen 2026-03-30 00:00 | 2130
Sel 2026-08-04 09:00 | Sen 2026-08-03 15:00 | -150
"""


@pytest.mark.parametrize(("start", "end", "minutes"), rows(WORKED))
def test_working_time_between_two_moments(calendar, start, end, minutes):
    assert calendar.working_time(at(start), at(end)).minutes == int(minutes)


def test_less_than_a_minute_is_no_minute_late(calendar):
    moment = at("Sen 2026-08-03 09:00")
    assert calendar.working_time(moment, moment + timedelta(seconds=59)).minutes == 0
    assert calendar.working_time(moment + timedelta(seconds=59), moment).minutes == 0


def test_working_time_leaves_pauses_out(calendar):
    stopped = [a_pause("Sen 2026-08-03 09:00", "Sen 2026-08-03 10:30")]
    worked = calendar.working_time(at("Sen 2026-08-03 08:00"), at("Sen 2026-08-03 10:00"), stopped)
    assert worked.time == timedelta(hours=1)


def test_the_moment_after_so_much_working_time_ends_it(calendar):
    opened = at("Jum 2026-08-07 16:00")
    assert calendar.after(opened, timedelta(minutes=30)).at == at("Jum 2026-08-07 16:30")
    assert calendar.after(opened, timedelta(minutes=31)).at == at("Sen 2026-08-10 07:31")
    assert calendar.after(opened, timedelta()).at == opened


def test_the_moment_before_so_much_working_time_begins_it(calendar):
    due = at("Sen 2026-08-10 08:00")
    assert calendar.before(due, timedelta(minutes=30)).at == at("Sen 2026-08-10 07:30")
    assert calendar.before(due, timedelta(minutes=31)).at == at("Jum 2026-08-07 16:29")
    assert calendar.before(due, timedelta()).at == due


def test_working_time_runs_forwards(calendar):
    for reckon in (calendar.after, calendar.before):
        with pytest.raises(ValueError, match="forwards"):
            reckon(at("Sen 2026-08-03 09:00"), timedelta(minutes=-1))


SHARES = """
Sen 2026-08-03 07:30 | 1 hari   | 0.8 | Sen 2026-08-03 14:30
Sen 2026-08-03 14:00 | 1 minggu | 0.8 | Jum 2026-08-07 14:30
Sen 2026-08-03 14:00 | 1 minggu | 1   | Sen 2026-08-10 14:00
"""


@pytest.mark.parametrize(("opened", "limit", "share", "warned"), rows(SHARES))
def test_a_share_of_the_limit_is_used_up_before_it_is_due(calendar, opened, limit, share, warned):
    assert calendar.share_used_at(at(opened), waktu(limit), Fraction(share)).at == at(warned)


@pytest.mark.parametrize("share", [0, -0.5, 1.01])
def test_a_share_is_one_of_the_whole(calendar, share):
    with pytest.raises(ValueError, match="share"):
        calendar.share_used_at(at("Sen 2026-08-03 07:30"), waktu("1 hari"), share)


LATEST = """
Sen 2026-08-03 16:00 | 1 hari   | Sen 2026-08-03 07:30
Sen 2026-08-03 23:59 | 1 hari   | Sen 2026-08-03 07:30
Sen 2026-08-03 14:00 | 1 hari   | Jum 2026-07-31 14:00
Sen 2026-08-03 14:00 | 2 jam    | Sen 2026-08-03 11:00
Sen 2026-08-03 16:00 | 7,5 jam  | Sen 2026-08-03 07:30
Sel 2026-08-18 10:00 | 1 hari   | Jum 2026-08-14 10:00
Jum 2026-08-07 16:30 | 1 minggu | Sen 2026-08-03 07:30
Kam 2026-02-19 15:00 | 1 hari   | Kam 2026-02-19 08:00
Rab 2026-03-25 12:00 | 1 hari   | Sel 2026-03-17 13:00
Sel 2026-03-31 23:59 | 1 bulan  | Jum 2026-02-27 15:29
Rab 2026-09-30 10:00 | 1 bulan  | Sen 2026-08-31 10:00
"""


@pytest.mark.parametrize(("due", "limit", "start"), rows(LATEST))
def test_the_latest_start_leaves_the_whole_limit(calendar, due, limit, start):
    assert calendar.latest_start(at(due), waktu(limit)).at == at(start)


def test_a_latest_start_is_a_whole_minute(calendar):
    due = at("Sen 2026-08-03 14:00") + timedelta(seconds=30)
    assert calendar.latest_start(due, waktu("2 jam")).at == at("Sen 2026-08-03 11:00")


# Days


def test_counts_working_days(calendar):
    friday, monday, tuesday = date(2026, 8, 14), date(2026, 8, 17), date(2026, 8, 18)
    assert [calendar.is_working_day(day) for day in (friday, monday, tuesday)] == [True, False, True]
    assert calendar.working_day_from(date(2026, 8, 15)) == tuesday
    assert calendar.working_day_from(friday) == friday
    assert calendar.working_day_until(monday) == friday
    assert calendar.working_day_until(tuesday) == tuesday
    assert calendar.working_days_after(friday, 1) == tuesday
    assert calendar.working_days_after(monday, 3) == date(2026, 8, 20)


WORKING_DAYS_2026 = [20, 18, 17, 21, 16, 20, 23, 19, 22, 22, 21, 21]


@pytest.mark.parametrize(("month", "days"), list(enumerate(WORKING_DAYS_2026, start=1)))
def test_2026_has_the_working_days_it_has(calendar, month, days):
    first = date(2026, month, 1)
    month_days = [first + timedelta(day) for day in range(31) if (first + timedelta(day)).month == month]
    assert sum(calendar.is_working_day(day) for day in month_days) == days


# What Perpres 21/2023 says


def hours_of(shifts: tuple[Shift, ...]) -> float:
    calendar = compiled(hours=(REGULAR_HOURS.model_copy(update={"shifts": shifts}),), seasons=(), holidays=(), years=())
    week = calendar.working_time(at("Sen 2026-08-03 00:00"), at("Sen 2026-08-10 00:00"))
    return week.time / timedelta(hours=1)


def test_a_week_has_37_and_a_half_hours_and_32_and_a_half_in_ramadan():
    assert hours_of(REGULAR_HOURS.shifts) == 37.5
    assert hours_of(RAMADAN_SHIFTS) == 32.5


def test_what_the_perpres_does_not_say_is_named_as_inferred():
    for part in (REGULAR_HOURS, RAMADAN_2026):
        for pointer in part.inferred:
            assert eval_pointer(part, pointer)
        assert "shifts[1].breaks[0].start" in part.inferred
        assert "shifts[0].start" not in part.inferred
    assert [shift.breaks[0].start for shift in REGULAR_HOURS.shifts] == ["12:00", "11:30"]


def eval_pointer(part: Hours | Season, pointer: str) -> object:
    found: object = part
    for step in pointer.replace("]", "").replace("[", ".").split("."):
        found = found[int(step)] if isinstance(found, tuple) else getattr(found, step)
    return found


# Local changes


def a_change(kind: ChangeKind, day: date, to: date | None = None) -> Change:
    return Change(kind=kind, date=day, to=to, name="HUT Kabupaten", legal_basis="SE Bupati 1/2026")


def test_an_administrator_adds_a_day_off():
    calendar = compiled(changes=(a_change(ChangeKind.ADD, date(2026, 8, 4)),))
    assert calendar.due(at("Sen 2026-08-03 14:00"), waktu("1 hari")).at == at("Rab 2026-08-05 14:00")


def test_an_administrator_has_people_work_on_a_holiday():
    calendar = compiled(changes=(a_change(ChangeKind.REMOVE, date(2026, 3, 18)),))
    assert calendar.due(at("Sel 2026-03-17 14:00"), waktu("1 hari")).at == at("Rab 2026-03-18 14:00")


def test_an_administrator_moves_a_holiday():
    calendar = compiled(changes=(a_change(ChangeKind.MOVE, date(2026, 8, 17), date(2026, 8, 18)),))
    assert calendar.due(at("Jum 2026-08-14 10:00"), waktu("1 hari")).at == at("Sen 2026-08-17 10:00")
    assert calendar.due(at("Sen 2026-08-17 10:00"), waktu("1 hari")).at == at("Rab 2026-08-19 10:00")


def test_a_season_may_be_one_saturday_of_duty():
    duty = Season(
        name="Piket",
        first=date(2026, 8, 8),
        last=date(2026, 8, 8),
        shifts=(Shift(days=(Weekday.SATURDAY,), start="08:00", end="12:00"),),
        legal_basis="SE Bupati 2/2026",
    )
    calendar = compiled(seasons=(RAMADAN_2026, duty))
    assert calendar.due(at("Jum 2026-08-07 10:00"), waktu("1 hari")).at == at("Sab 2026-08-08 10:00")
    assert calendar.due(at("Jum 2026-08-07 10:00"), waktu("1 minggu")).at == at("Kam 2026-08-13 10:00")


def test_breaks_may_touch_each_other_and_the_edges():
    breaks = (Break(start="12:30", end="13:00"), Break(start="07:30", end="08:00"), Break(start="12:00", end="12:30"))
    shift = Shift(days=tuple(Weekday)[:5], start="07:30", end="16:00", breaks=breaks)
    calendar = compiled(hours=(REGULAR_HOURS.model_copy(update={"shifts": (shift,)}),))
    assert calendar.due(at("Sen 2026-08-03 07:30"), waktu("1 jam")).at == at("Sen 2026-08-03 09:00")
    assert calendar.due(at("Sen 2026-08-03 11:30"), waktu("1 jam")).at == at("Sen 2026-08-03 13:30")


# What is not settled


def caveats(calendar: CompiledCalendar, opened: str, limit: str = "1 hari") -> list[tuple[CaveatKind, int, int]]:
    found = calendar.due(at(opened), waktu(limit)).caveats
    return [(one.kind, one.first.year, one.last.year) for one in found]


def test_an_answer_within_a_decreed_year_needs_no_caveat(calendar):
    assert caveats(calendar, "Sen 2026-08-03 14:00", "4 bulan") == []


def test_a_year_without_cuti_bersama_says_so_in_every_answer():
    year = HolidayYear(year=2027, legal_basis="SKB")
    calendar = compiled(years=(YEAR_2026, year))
    undecreed = (CaveatKind.NOT_DECREED, 2027, 2027)
    new_year, december = at("Sen 2027-01-04 10:00"), at("Rab 2026-12-16 10:00")
    answers = [
        calendar.due(december, waktu("1 bulan")),
        calendar.due(december, waktu("1 bulan"), [Pause(december, new_year)]),
        calendar.share_used_at(december, waktu("1 bulan"), 0.1),
        calendar.latest_start(new_year, waktu("1 hari")),
        calendar.working_time(december, new_year),
        calendar.working_time(new_year, december),
        calendar.after(december, timedelta(hours=200)),
        calendar.after(new_year, timedelta()),
        calendar.before(new_year, timedelta(hours=200)),
    ]
    for answer in answers:
        assert [(one.kind, one.first.year, one.last.year) for one in answer.caveats] == [undecreed]
    assert calendar.due(december, waktu("1 hari")).caveats == ()


def test_an_estimate_inside_a_year_does_not_hide_that_it_is_not_decreed():
    season = ramadan("Ramadan 1448 H", date(2027, 2, 8), date(2027, 3, 9), estimated=True)
    calendar = compiled(seasons=(season,), years=(YEAR_2026, HolidayYear(year=2027, legal_basis="SKB")))
    assert caveats(calendar, "Sen 2027-08-02 10:00") == [(CaveatKind.NOT_DECREED, 2027, 2027)]
    assert [kind for kind, _, _ in caveats(calendar, "Sen 2027-02-15 10:00")] == [
        CaveatKind.NOT_DECREED,
        CaveatKind.ESTIMATED,
    ]


def test_a_year_that_is_not_loaded_says_so(calendar):
    assert caveats(calendar, "Sen 2027-01-04 10:00") == [(CaveatKind.NOT_LOADED, 2027, 2027)]
    assert caveats(calendar, "Rab 2025-12-31 10:00") == [(CaveatKind.NOT_LOADED, 2025, 2025)]


def test_an_answer_far_beyond_the_loaded_years_names_them_all_at_once(calendar):
    due = calendar.due(at("Sen 2026-08-03 14:00"), Limit(10_000, TimeUnit.MONTHS))
    assert due.at.year == 2859
    assert due.caveats == (Caveat(CaveatKind.NOT_LOADED, date(2027, 1, 1), date(2859, 12, 31)),)


def test_years_between_loaded_ones_are_not_forgotten():
    calendar = compiled(years=(YEAR_2026, HolidayYear(year=2029, legal_basis="SKB", joint_leave_basis="SKB")))
    assert caveats(calendar, "Rab 2026-12-16 10:00", "48 bulan") == [
        (CaveatKind.NOT_LOADED, 2027, 2028),
        (CaveatKind.NOT_LOADED, 2030, 2030),
    ]


@pytest.mark.parametrize(
    ("opened", "depends"),
    [
        ("Sel 2026-02-10 10:00", False),
        ("Rab 2026-02-18 07:30", True),
        ("Kam 2026-02-19 10:00", True),
        ("Jum 2026-03-20 10:00", True),
        ("Kam 2026-03-26 10:00", False),
    ],
)
def test_an_estimated_ramadan_says_so_while_an_answer_depends_on_it(opened, depends):
    season = ramadan("Ramadan 1447 H", date(2026, 2, 19), date(2026, 3, 20), estimated=True)
    calendar = compiled(seasons=(season,))
    found = calendar.due(at(opened), waktu("1 hari")).caveats
    assert found == ((Caveat(CaveatKind.ESTIMATED, season.first, season.last, season.name),) if depends else ())


@pytest.mark.parametrize(
    ("opened", "depends"),
    [("Kam 2026-08-20 10:00", False), ("Sen 2026-08-24 07:30", True), ("Rab 2026-08-26 10:00", True)],
)
def test_an_estimated_holiday_may_be_a_day_off_its_date(opened, depends):
    maulid = Holiday(
        date=date(2026, 8, 25),
        name="Maulid Nabi",
        name_en="Birth of the Prophet",
        kind=HolidayKind.NATIONAL,
        source=SKB_2026,
        estimated=True,
    )
    calendar = compiled(holidays=(maulid,))
    found = calendar.due(at(opened), waktu("1 hari")).caveats
    expected = Caveat(CaveatKind.ESTIMATED, maulid.date, maulid.date, "Maulid Nabi", "Birth of the Prophet")
    assert found == ((expected,) if depends else ())


# Bounds


@pytest.mark.parametrize("unit", TimeUnit)
def test_the_longest_limit_of_every_unit_is_answered(calendar, unit):
    opened = at("Sen 2026-08-03 14:00")
    due = calendar.due(opened, Limit(10_000, unit)).at
    assert calendar.latest_start(due, Limit(10_000, unit)).at == opened


@pytest.mark.parametrize("amount", [0, -1, 10_001, Decimal("0"), Fraction(-1, 2)])
@pytest.mark.parametrize("unit", TimeUnit)
def test_a_limit_that_no_sheet_may_print_is_refused(calendar, amount, unit):
    with pytest.raises(ValueError, match="time limit"):
        calendar.due(at("Sen 2026-08-03 14:00"), Limit(amount, unit))


@pytest.mark.parametrize("unit", TimeUnit)
def test_an_answer_beyond_the_years_there_are_is_refused(calendar, unit):
    last, first = datetime(2999, 12, 30, 3, tzinfo=UTC), datetime(1900, 1, 2, 3, tzinfo=UTC)
    with pytest.raises(OutsideCalendar):
        calendar.due(last, Limit(10_000, unit))
    with pytest.raises(OutsideCalendar):
        calendar.latest_start(first, Limit(10_000, unit))


def test_a_calendar_with_hardly_any_working_time_ends_all_the_same():
    shift = Shift(days=(Weekday.SUNDAY,), start="08:00", end="08:01")
    calendar = compiled(hours=(REGULAR_HOURS.model_copy(update={"shifts": (shift,)}),), seasons=())
    with pytest.raises(OutsideCalendar):
        calendar.due(at("Sen 2026-08-03 14:00"), Limit(10_000, TimeUnit.HOURS))


def test_a_thousand_years_are_compiled_to_the_few_forms_a_year_can_have(calendar):
    opened = at("Sen 2026-08-03 14:00")
    calendar.working_time(opened, calendar.due(opened, Limit(10_000, TimeUnit.MONTHS)).at)
    years = calendar.line._book.years
    assert len(years) > 800
    assert len({id(year.form) for year in years}) <= 14 + 1  # that of 2026 is its own


def test_years_share_a_form_only_where_they_are_alike():
    hours = (REGULAR_HOURS, SIX_DAYS.model_copy(update={"first": date(2030, 7, 1)}))
    warm = compiled(hours=hours, years=(), holidays=())
    for year in range(2020, 2050):
        alone = compiled(hours=hours, years=(HolidayYear(year=year, legal_basis="SKB"),), holidays=())
        first, last = datetime(year, 1, 1, tzinfo=WIB), datetime(year, 12, 31, tzinfo=WIB)
        assert warm.working_time(first, last).time == alone.working_time(first, last).time, year


def test_a_warm_due_date_takes_as_few_calls_however_long_the_limit():
    years = (HolidayYear(year=year, legal_basis="SKB", joint_leave_basis="SKB") for year in range(2026, 2126))
    calendar = compiled(years=tuple(years))
    for unit in TimeUnit:
        short, long = (calls_of(calendar, Limit(amount, unit)) for amount in (1, 1_000))
        assert short == long <= 40, unit


def calls_of(calendar: CompiledCalendar, limit: Limit) -> int:
    """How many Python functions a due date calls once its years are compiled."""
    opened, calls = at("Rab 2026-08-05 10:10"), 0

    def count(frame: object, what: str, _: object) -> None:
        nonlocal calls
        calls += what == "call"

    calendar.due(opened, limit)
    sys.setprofile(count)
    try:
        calendar.due(opened, limit)
    finally:
        sys.setprofile(None)
    return calls


# The value


def test_the_text_of_a_calendar_is_the_same_from_version_to_version():
    assert digest(a_calendar().canonical()) == "68e33e3b1c860d7c523ef9503beffb426297d07566ebcfd50234ea93de6f88da"


def test_the_order_in_which_the_days_of_a_shift_are_named_says_nothing():
    shifts = tuple(shift.model_copy(update={"days": shift.days[::-1]}) for shift in REGULAR_HOURS.shifts)
    turned = a_calendar(hours=(REGULAR_HOURS.model_copy(update={"shifts": shifts}),))
    assert turned != a_calendar()
    assert turned.canonical() == a_calendar().canonical()


def test_a_calendar_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        a_calendar().zone = "Asia/Makassar"  # type: ignore[misc]
