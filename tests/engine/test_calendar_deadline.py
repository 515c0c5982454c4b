"""Statutory deadlines fall where the law puts them, and say whether anybody has read it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from engine.calendar import HolidayYear
from engine.caveats import CaveatKind
from engine.deadline import AfterEvent, AfterPeriod, Deadline, DeadlineDate, FixedDate, Roll, falls_on, period_end
from engine.definition import Cycle
from engine.errors import PeriodMismatch
from engine.mistakes import from_validation
from engine.period import require_period
from engine.working_time import CompiledCalendar
from tests.engine.calendars import YEAR_2026, compiled
from tests.engine.test_calendar import at, rows


@pytest.fixture(scope="module")
def calendar() -> CompiledCalendar:
    years = (YEAR_2026, HolidayYear(year=2027, legal_basis="SKB", joint_leave_basis="SKB"))
    return compiled(years=years)


def a_deadline(rule: AfterPeriod | FixedDate | AfterEvent, **more: Any) -> Deadline:
    return Deadline(**{"name": "Laporan kinerja", "legal_basis": "Perpres 29/2014"} | more, rule=rule)


def fall(calendar: CompiledCalendar, rule: AfterPeriod | FixedDate, period: str, **more: Any) -> DeadlineDate:
    found = falls_on(a_deadline(rule, **more), calendar, period=period)
    assert found is not None
    return found


AFTER_PERIODS = """
2026      | 2  | 2027-02-28
2027      | 2  | 2028-02-29
2026      | 3  | 2027-03-31
2026      | 6  | 2027-06-30
2026      | 0  | 2026-12-31
2026-S1   | 1  | 2026-07-31
2026-S2   | 1  | 2027-01-31
2026-Q1   | 1  | 2026-04-30
2026-Q2   | 1  | 2026-07-31
2026-Q3   | 2  | 2026-11-30
2026-Q4   | 2  | 2027-02-28
2026-03   | 1  | 2026-04-30
2026-12   | 1  | 2027-01-31
2025-2029 | 3  | 2030-03-31
"""


@pytest.mark.parametrize(("period", "months", "day"), rows(AFTER_PERIODS))
def test_months_after_a_period_are_whole_months(calendar, period, months, day):
    assert fall(calendar, AfterPeriod(months=int(months)), period).on == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("period", "day", "on"),
    [
        ("2026-03", 10, "2026-04-10"),
        ("2026-12", 10, "2027-01-10"),
        ("2026-01", 30, "2026-02-28"),
        ("2026-02", 30, "2026-03-30"),
    ],
)
def test_a_day_of_the_next_month_may_be_named(calendar, period, day, on):
    assert fall(calendar, AfterPeriod(months=1, day=day), period).on == date.fromisoformat(on)


@pytest.mark.parametrize(
    ("period", "month", "day", "years_after", "on"),
    [
        ("2026", 3, 31, 1, "2027-03-31"),
        ("2026", 2, 29, 1, "2027-02-28"),
        ("2027", 2, 29, 1, "2028-02-29"),
        ("2027", 7, 1, -1, "2026-07-01"),
        ("2025-2029", 6, 30, 0, "2029-06-30"),
        ("2026-Q4", 1, 15, 1, "2027-01-15"),
    ],
)
def test_a_fixed_date_is_counted_from_the_year_the_period_ends(calendar, period, month, day, years_after, on):
    rule = FixedDate(month=month, day=day, years_after=years_after)
    assert fall(calendar, rule, period).on == date.fromisoformat(on)


@pytest.mark.parametrize(
    ("event", "workdays", "on"),
    [
        ("Sen 2026-08-03 10:00", 3, "2026-08-06"),
        ("Sen 2026-08-03 23:59", 3, "2026-08-06"),
        ("Sab 2026-08-01 10:00", 3, "2026-08-05"),
        ("Jum 2026-08-14 10:00", 1, "2026-08-18"),
        ("Sel 2026-03-17 10:00", 6, "2026-04-01"),
    ],
)
def test_the_day_of_an_event_does_not_count(calendar, event, workdays, on):
    found = falls_on(a_deadline(AfterEvent(workdays=workdays, event="Perda APBD")), calendar, event_at=at(event))
    assert found is not None
    assert found.on == found.named == date.fromisoformat(on)


def test_the_day_of_an_event_is_that_of_the_agency():
    late = datetime(2026, 8, 3, 16, tzinfo=UTC)  # 23:00 WIB, already Tuesday in Jayapura
    rule = a_deadline(AfterEvent(workdays=1, event="Perda APBD"))
    days = [falls_on(rule, compiled(zone=zone), event_at=late) for zone in ("Asia/Jakarta", "Asia/Jayapura")]
    assert [day.on for day in days if day] == [date(2026, 8, 4), date(2026, 8, 5)]


def test_there_is_no_deadline_before_its_period_or_event_is_known(calendar):
    assert falls_on(a_deadline(AfterPeriod(months=2)), calendar) is None
    assert falls_on(a_deadline(AfterPeriod(months=2)), calendar, event_at=at("Sen 2026-08-03 10:00")) is None
    assert falls_on(a_deadline(FixedDate(month=2, day=28, years_after=1)), calendar) is None
    assert falls_on(a_deadline(AfterEvent(workdays=3, event="Perda APBD")), calendar, period="2026") is None


# The moment


def test_a_deadline_is_the_whole_day_in_the_zone_of_the_agency(calendar):
    found = fall(calendar, AfterPeriod(months=2), "2026")
    assert found.at.isoformat() == "2027-02-28T23:59:59.999999+07:00"
    assert found.at.date() == found.on
    assert at("Min 2027-02-28 20:00") < found.at < at("Sen 2027-03-01 00:00")


def test_the_latest_start_for_a_deadline_on_a_sunday_leads_to_the_friday_before(calendar):
    found = fall(calendar, AfterPeriod(months=2), "2026")
    assert calendar.working_time(at("Jum 2027-02-26 15:30"), found.at).time == timedelta(hours=1)


# Days off


@pytest.mark.parametrize(
    ("roll", "on"), [(Roll.NONE, "2027-02-28"), (Roll.NEXT, "2027-03-01"), (Roll.PREVIOUS, "2027-02-26")]
)
def test_days_off_move_a_deadline_only_where_it_says_so(calendar, roll, on):
    found = fall(calendar, AfterPeriod(months=2), "2026", roll=roll)
    assert (found.on, found.named) == (date.fromisoformat(on), date(2027, 2, 28))


@pytest.mark.parametrize("roll", Roll)
def test_a_deadline_on_a_working_day_stays(calendar, roll):
    assert fall(calendar, AfterPeriod(months=3), "2026", roll=roll).on == date(2027, 3, 31)


def test_no_roll_is_the_default():
    assert a_deadline(AfterPeriod(months=2)).roll is Roll.NONE


def test_a_holiday_moves_it_as_a_weekend_does(calendar):
    rule = FixedDate(month=8, day=17, years_after=0)
    assert fall(calendar, rule, "2026", roll=Roll.PREVIOUS).on == date(2026, 8, 14)
    assert fall(calendar, rule, "2026", roll=Roll.NEXT).on == date(2026, 8, 18)


def test_a_date_the_law_names_depends_on_no_calendar_unless_days_off_move_it(calendar):
    rule = FixedDate(month=3, day=31, years_after=2)
    assert fall(calendar, rule, "2026").caveats == ()
    rolled = fall(calendar, rule, "2026", roll=Roll.NEXT).caveats
    assert [(one.kind, one.first.year) for one in rolled] == [(CaveatKind.NOT_LOADED, 2028)]
    counted = falls_on(a_deadline(AfterEvent(workdays=3, event="Perda")), calendar, event_at=at("Sen 2028-01-03 10:00"))
    assert counted is not None
    assert [one.kind for one in counted.caveats] == [CaveatKind.NOT_LOADED]


# Words


def test_says_what_nobody_has_verified(calendar):
    said = fall(calendar, AfterPeriod(months=2), "2026", roll=Roll.PREVIOUS).said
    assert said.message_id == (
        "Laporan kinerja: paling lambat Jumat 26 Februari 2027 (Perpres 29/2014; perlu verifikasi). "
        "Minggu 28 Februari 2027 bukan hari kerja, sehingga berpindah."
    )
    assert said.message_en == (
        "Laporan kinerja: no later than Friday 26 February 2027 (Perpres 29/2014; not verified). "
        "It moved from Sunday 28 February 2027, which is no working day."
    )


def test_says_nothing_more_of_a_verified_one(calendar):
    said = fall(calendar, AfterPeriod(months=3), "2026", verified=True).said
    assert said.message_id == "Laporan kinerja: paling lambat Rabu 31 Maret 2027 (Perpres 29/2014)."


# Periods


@pytest.mark.parametrize("period", ["", "26", "2026-S3", "2026-Q5", "2026-13", "2026-00", "2026-3", "0000", "2026\n"])
def test_what_is_no_period_has_no_end(period):
    with pytest.raises(ValueError, match=r"period|year"):
        period_end(period)


@pytest.mark.parametrize("cycle", [cycle for cycle in Cycle if cycle is not Cycle.ON_DEMAND])
def test_every_form_a_period_may_have_has_an_end(cycle):
    with pytest.raises(PeriodMismatch) as refusal:
        require_period((cycle,), "?")
    shown = refusal.value.errors[0].expected
    assert shown is not None
    assert period_end(shown).year in (2026, 2029)


# As a value


RULES = [AfterPeriod(months=2), FixedDate(month=3, day=31, years_after=1), AfterEvent(workdays=3, event="Perda APBD")]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_a_deadline_is_stored_as_json(rule):
    deadline = a_deadline(rule, roll=Roll.NEXT, verified=True)
    assert Deadline.model_validate_json(deadline.model_dump_json()) == deadline


WRONG = [
    ({"kind": "fixed_date", "month": 13, "day": 1, "years_after": 0}, "rule.fixed_date.month"),
    ({"kind": "fixed_date", "month": 2, "day": 30, "years_after": 0}, "rule.fixed_date.day"),
    ({"kind": "fixed_date", "month": 4, "day": 31, "years_after": 0}, "rule.fixed_date.day"),
    ({"kind": "fixed_date", "month": 4, "day": 30}, "rule.fixed_date.years_after"),
    ({"kind": "after_period", "months": -1}, "rule.after_period.months"),
    ({"kind": "after_period", "months": 1, "day": 32}, "rule.after_period.day"),
    ({"kind": "after_event", "workdays": 0, "event": "Perda"}, "rule.after_event.workdays"),
    ({"kind": "after_event", "workdays": 3, "event": " "}, "rule.after_event.event"),
    ({"kind": "later"}, "rule"),
]


@pytest.mark.parametrize(("rule", "place"), WRONG)
def test_says_what_is_wrong_and_where(rule, place):
    document = {"name": "Laporan", "legal_basis": "Perpres", "rule": rule, "roll": "up"}
    with pytest.raises(ValidationError) as wrong:
        Deadline.model_validate_json(json.dumps(document))
    found = from_validation(wrong.value.errors(), model=Deadline)
    assert [mistake.at for mistake in found] == [place, "roll"]
    assert all(mistake.message_id != mistake.message_en for mistake in found)
