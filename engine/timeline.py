"""The line of working time: how much has passed up to any moment, and which moment a given amount is reached at.

The line rises inside working hours and rests outside them, in microseconds from an arbitrary beginning. Local clock
time carries it: the four zones know no summer time. A year is compiled when it is first asked for, to arrays by day;
years without holidays, seasons or changes share their few forms, so a thousand years weigh no more than their list.
"""

from __future__ import annotations

import datetime
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple
from zoneinfo import ZoneInfo

from engine.calendar import FIRST_YEAR, LAST_YEAR, ChangeKind, OutsideCalendar, Shift, Weekday, WorkCalendar

MINUTE = 60_000_000
"""Microseconds."""


class Place(NamedTuple):
    """A local date, as its ordinal, and the clock in microseconds."""

    day: int
    clock: int


class DayOffKind(StrEnum):
    """Why nobody works on a day."""

    NATIONAL = "national"
    JOINT_LEAVE = "joint_leave"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class DayOff:
    """A day off as it holds for this agency, after local changes."""

    kind: DayOffKind
    name: str
    name_en: str


def days_off(calendar: WorkCalendar) -> dict[int, DayOff]:
    """Every day off by its ordinal: the holidays, as an administrator changed them."""
    off = {
        one.date.toordinal(): DayOff(DayOffKind(one.kind), one.name, one.name_en or one.name)
        for one in calendar.holidays
    }
    for change in calendar.changes:
        day = change.date.toordinal()
        if change.kind is ChangeKind.ADD:
            off[day] = DayOff(DayOffKind.LOCAL, change.name, change.name_en or change.name)
        else:
            held = off.pop(day)
            if change.to is not None:
                off[change.to.toordinal()] = held
    return off


@dataclass(frozen=True, slots=True)
class WorkingShift:
    """The working spans of one day, as clocks; breaks are what lies between them."""

    spans: tuple[tuple[int, int], ...]
    length: int

    def elapsed(self, clock: int) -> int:
        """The working time of the day that has passed by then."""
        passed = 0
        for start, end in self.spans:
            if clock <= start:
                break
            passed += min(clock, end) - start
        return passed

    def reached(self, passed: int) -> int:
        """The first clock by which so much has passed, above 0: the end of a span rather than the next beginning."""
        for start, end in self.spans:
            if passed <= end - start:
                return start + passed
            passed -= end - start
        raise AssertionError("no more passes in a day than it has")

    def resumed(self, passed: int) -> int:
        """The last clock by which no more has passed, below the whole: a beginning rather than the end before it."""
        for start, end in self.spans:
            if passed < end - start:
                return start + passed
            passed -= end - start
        raise AssertionError("no more passes in a day than it has")


class Timeline:
    """The line of working time of one calendar. Reading it from several threads is safe."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self.zone = ZoneInfo(calendar.zone)
        self._first_midnight = datetime.datetime(1, 1, 1, tzinfo=self.zone)  # that of ordinal 1
        self.days_off = days_off(calendar)
        self._weeks = _Weeks(calendar)
        self._special = self._weeks.years_of_change | {datetime.date.fromordinal(day).year for day in self.days_off}
        self._plain: dict[tuple[int, int, int], _Form] = {}
        start = min((one.year for one in calendar.years), default=2000)
        self._book = _Book([_Year(start, self._form(start), elapsed=0, workdays=0)])

    # Between moments and places

    def place(self, moment: datetime.datetime) -> Place:
        """The local date and clock of a moment. Raises ValueError if it does not name its zone."""
        if moment.tzinfo is None:
            raise ValueError("a moment names its zone")
        local = moment.astimezone(self.zone)
        seconds = (local.hour * 60 + local.minute) * 60 + local.second
        return Place(local.toordinal(), seconds * 1_000_000 + local.microsecond)

    def date(self, moment: datetime.datetime) -> datetime.date:
        """The local date of a moment."""
        return datetime.date.fromordinal(self.place(moment).day)

    def moment(self, place: Place) -> datetime.datetime:
        """The moment a local date and clock mean, in the agency's zone."""
        return self._first_midnight + timedelta(place.day - 1, 0, place.clock)

    # The line

    def elapsed(self, place: Place) -> int:
        """How far the line has risen at a place."""
        year = self._year_of(place.day)
        day = place.day - year.first
        shift = year.form.shifts[day]
        risen = year.elapsed + year.form.elapsed[day]
        return risen if shift is None else risen + shift.elapsed(place.clock)

    def reached(self, elapsed: int) -> Place:
        """The first place at which the line has risen that far: inside a working span, or at its end."""
        book = self._book
        while not book.elapsed[0] < elapsed <= book.elapsed[-1]:
            book = self._grow(back=elapsed <= book.elapsed[0])
        year = book.years[bisect_left(book.elapsed, elapsed) - 1]
        rest = elapsed - year.elapsed
        day = bisect_left(year.form.elapsed, rest) - 1
        return Place(year.first + day, year.form.working(day).reached(rest - year.form.elapsed[day]))

    def resumed(self, elapsed: int) -> Place:
        """The last place at which the line has risen no further: inside a working span, or at its beginning."""
        book = self._book
        while not book.elapsed[0] <= elapsed < book.elapsed[-1]:
            book = self._grow(back=elapsed < book.elapsed[0])
        year = book.years[bisect_right(book.elapsed, elapsed) - 1]
        rest = elapsed - year.elapsed
        day = bisect_right(year.form.elapsed, rest) - 1
        return Place(year.first + day, year.form.working(day).resumed(rest - year.form.elapsed[day]))

    # Days

    def shift(self, day: int) -> WorkingShift | None:
        """The working spans of a day, if it is a working day."""
        year = self._year_of(day)
        return year.form.shifts[day - year.first]

    def workdays_before(self, day: int) -> int:
        """How many working days come before a day, from an arbitrary beginning."""
        year = self._year_of(day)
        return year.workdays + year.form.workdays[day - year.first]

    def workday(self, number: int) -> int:
        """The working day before which there are so many: for the number before a day, that day or the next one."""
        book = self._book
        while not book.workdays[0] <= number < book.workdays[-1]:
            book = self._grow(back=number < book.workdays[0])
        year = book.years[bisect_right(book.workdays, number) - 1]
        return year.first + bisect_right(year.form.workdays, number - year.workdays) - 1

    def week_length(self, day: int) -> int:
        """How many working days the week in force on a day has."""
        return self._weeks.on(day).working_days

    @property
    def shortest_week(self) -> int:
        """The fewest working days any week of this calendar has, holidays apart."""
        return min(week.working_days for week in self._weeks.all)

    # Years

    def _year_of(self, day: int) -> _Year:
        book = self._book
        while not book.firsts[0] <= day < book.end:
            book = self._grow(back=day < book.firsts[0])
        return book.years[bisect_right(book.firsts, day) - 1]

    def _grow(self, *, back: bool) -> _Book:
        """The book with up to as many years again on one side. Raises OutsideCalendar where the years end."""
        years = self._book.years
        edge = years[0].number if back else years[-1].number
        more = min(len(years), edge - FIRST_YEAR if back else LAST_YEAR - edge)
        if more == 0:
            raise OutsideCalendar
        grown = deque(years)
        for step in range(1, more + 1):
            if back:
                grown.appendleft(grown[0].after(self._form(edge - step)))
            else:
                grown.append(grown[-1].before(self._form(edge + step)))
        self._book = _Book(grown)
        return self._book

    def _form(self, number: int) -> _Form:
        first = datetime.date(number, 1, 1).toordinal()
        days = range(first, datetime.date(number, 12, 31).toordinal() + 1)
        if number in self._special:
            return _Form([None if day in self.days_off else self._weeks.shift(day) for day in days])
        kind = (first % 7, len(days), self._weeks.hours_in_force(first))
        if kind not in self._plain:
            self._plain[kind] = _Form([self._weeks.shift(day) for day in days])
        return self._plain[kind]


class _Form:
    """A year by day: its shifts, and what has been worked before each day and in all."""

    def __init__(self, shifts: Sequence[WorkingShift | None]) -> None:
        self.shifts = shifts
        self.elapsed = list(accumulate((shift.length if shift else 0 for shift in shifts), initial=0))
        self.workdays = list(accumulate((shift is not None for shift in shifts), initial=0))

    def working(self, day: int) -> WorkingShift:
        """The shift of a day on which the line is known to rise."""
        shift = self.shifts[day]
        assert shift is not None, "the line rises on working days only"  # noqa: S101 - for mypy
        return shift


class _Year:
    """A year in its place: what was worked before it."""

    def __init__(self, number: int, form: _Form, *, elapsed: int, workdays: int) -> None:
        self.number, self.form, self.elapsed, self.workdays = number, form, elapsed, workdays
        self.first = datetime.date(number, 1, 1).toordinal()

    def before(self, form: _Form) -> _Year:
        """The year this one comes before."""
        elapsed, workdays = self.elapsed + self.form.elapsed[-1], self.workdays + self.form.workdays[-1]
        return _Year(self.number + 1, form, elapsed=elapsed, workdays=workdays)

    def after(self, form: _Form) -> _Year:
        """The year this one comes after."""
        elapsed, workdays = self.elapsed - form.elapsed[-1], self.workdays - form.workdays[-1]
        return _Year(self.number - 1, form, elapsed=elapsed, workdays=workdays)


class _Book:
    """Years in a row, and where each begins: in days, on the line, in working days. Replaced whole, never changed."""

    def __init__(self, years: Iterable[_Year]) -> None:
        self.years = tuple(years)
        last = self.years[-1]
        self.firsts = [year.first for year in self.years]
        self.end = last.first + len(last.form.shifts)
        self.elapsed = [*(year.elapsed for year in self.years), last.elapsed + last.form.elapsed[-1]]
        self.workdays = [*(year.workdays for year in self.years), last.workdays + last.form.workdays[-1]]


class _Week:
    """The shifts of a week, from Monday."""

    def __init__(self, shifts: Iterable[Shift]) -> None:
        by_day = {day: _working(shift) for shift in shifts for day in shift.days}
        self.shifts = tuple(by_day.get(day) for day in Weekday)
        self.working_days = len(by_day)


class _Weeks:
    """Which week is in force on a day: that of a season, or that of the latest hours."""

    def __init__(self, calendar: WorkCalendar) -> None:
        hours = sorted(calendar.hours, key=lambda one: one.first or datetime.date.min)
        seasons = sorted(calendar.seasons, key=lambda one: one.first)
        self._begin = [(one.first or datetime.date.min).toordinal() for one in hours]
        self._hours = [_Week(one.shifts) for one in hours]
        self._first = [one.first.toordinal() for one in seasons]
        self._last = [one.last.toordinal() for one in seasons]
        self._seasons = [_Week(one.shifts) for one in seasons]
        self.all = (*self._hours, *self._seasons)
        self.years_of_change = {one.first.year for one in hours if one.first} | {
            year for one in seasons for year in range(one.first.year, one.last.year + 1)
        }

    def hours_in_force(self, day: int) -> int:
        """Which of the hours hold on a day, seasons apart."""
        return bisect_right(self._begin, day) - 1

    def on(self, day: int) -> _Week:
        season = bisect_right(self._first, day) - 1
        if season >= 0 and day <= self._last[season]:
            return self._seasons[season]
        return self._hours[self.hours_in_force(day)]

    def shift(self, day: int) -> WorkingShift | None:
        return self.on(day).shifts[(day - 1) % 7]  # day 1 was a Monday


def _working(shift: Shift) -> WorkingShift:
    """The spans a shift leaves between its breaks."""
    edges = [_clock(shift.start)]
    for one in sorted(shift.breaks, key=lambda one: one.start):
        edges += [_clock(one.start), _clock(one.end)]
    edges.append(_clock(shift.end))
    spans = tuple((start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end)
    return WorkingShift(spans, sum(end - start for start, end in spans))


def _clock(text: str) -> int:
    return (int(text[:2]) * 60 + int(text[3:])) * MINUTE
