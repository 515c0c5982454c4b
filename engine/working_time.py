"""Due dates and working time on an agency's calendar, each answer with what it depends on that is not settled.

- Minutes and hours (menit, jam) run inside working hours.
- Days (hari) lead to the same clock time so many working days on. Weeks (minggu) count as many days as the week in
  force has where the clock starts. Months (bulan) lead to the same day of the month, clipped to its end, and from a
  day off to the next working day.
- A clock starts at the next working moment. A due moment is the last of the working span it ends: where days, weeks
  or months lead to the beginning of a span, or to no working time, it is the end of the span before.
- A fraction of a day, week or month is that share of the working time between the whole ones around it.
- A pause moves the due moment on by the working time that passed in it, whatever the unit.
"""

from __future__ import annotations

import datetime
from bisect import bisect_right
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple, Protocol

from engine.calendar import FIRST_YEAR, LAST_YEAR, OutsideCalendar, WorkCalendar
from engine.calendar_checks import require_right
from engine.caveats import Caveat, Doubts
from engine.definition import TimeUnit
from engine.timeline import MINUTE, Place, Timeline

LARGEST_AMOUNT = 10_000
"""As large as an SOP sheet may print it."""


class TimeNorm(Protocol):
    """A length as sheets print it; `definition.TimeLimit` is one."""

    @property
    def amount(self) -> int | Decimal | Fraction: ...

    @property
    def unit(self) -> TimeUnit: ...


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit that no sheet prints; its amount may be a fraction (`Decimal("7.5")` hours)."""

    amount: int | Decimal | Fraction
    unit: TimeUnit


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which a clock stands still, up to `until`."""

    since: datetime.datetime
    until: datetime.datetime
    reason: str = ""

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise ValueError("a pause does not end before it begins")


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant in the agency's zone, and what it depends on that is not settled."""

    at: datetime.datetime
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True, slots=True)
class Worked:
    """Working time, and what it depends on that is not settled."""

    time: timedelta
    caveats: tuple[Caveat, ...]

    @property
    def minutes(self) -> int:
        """Whole minutes, towards zero."""
        return int(self.time / timedelta(minutes=1))


class Stop(NamedTuple):
    """The stretch of the line that one pause cuts out: what no earlier pause has cut already."""

    first: int
    last: int
    pause: Pause


class Laid(NamedTuple):
    """A time limit laid on the line of working time, from `begin` to `end`, with the stretches cut out of it.

    `named` is the place whole days, weeks or months lead to by their rule, before it is brought back to working time.
    `first_day` and `last_day` bound the days it depends on.
    """

    begin: int
    end: int
    first_day: int
    last_day: int
    named: Place | None = None
    pauses: tuple[Stop, ...] = ()


class CompiledCalendar:
    """A work calendar made ready for reckoning, once for each version of it. Safe to share between threads.

    Raises CalendarRejected where the calendar is wrong; its answers raise OutsideCalendar before 1900 and after 2999.
    """

    def __init__(self, calendar: WorkCalendar) -> None:
        require_right(calendar)
        self.calendar = calendar
        self.line = Timeline(calendar)
        self._doubts = Doubts(calendar)

    # Due dates

    def due(self, opened_at: datetime.datetime, limit: TimeNorm, pauses: Sequence[Pause] = ()) -> Moment:
        """The last moment that is in time for something opened then."""
        return self._at_end(self.lay(opened_at, limit, pauses))

    def share_used_at(
        self, opened_at: datetime.datetime, limit: TimeNorm, share: float | Fraction, pauses: Sequence[Pause] = ()
    ) -> Moment:
        """When that share of a time limit, above 0 and at most 1, is used up: for a warning before the due date."""
        if not 0 < share <= 1:
            raise ValueError("a share is above 0 and at most 1")
        laid = self.lay(opened_at, limit)
        part = laid._replace(end=laid.begin + ceil((laid.end - laid.begin) * Fraction(share)))
        return self._at_end(self._interrupted(part, pauses))

    def latest_start(self, due_at: datetime.datetime, limit: TimeNorm) -> Moment:
        """The last whole minute of working time at which something with that limit can open and be due in time."""
        due = self.line.place(due_at)
        end = self.line.elapsed(due)
        start = self._latest_start(end, limit)
        return Moment(self.line.moment(start), self._doubts.about(start.day, max(due.day, self.line.resumed(end).day)))

    def lay(self, opened_at: datetime.datetime, limit: TimeNorm, pauses: Sequence[Pause] = ()) -> Laid:
        """A time limit that opens at a moment, as a stretch of the line of working time."""
        return self._interrupted(self._laid(self.line.place(opened_at), limit), pauses)

    # Working time

    def working_time(self, start: datetime.datetime, end: datetime.datetime, pauses: Sequence[Pause] = ()) -> Worked:
        """The working time between two moments but for pauses; negative if the end comes first."""
        if end < start:
            other = self.working_time(end, start, pauses)
            return Worked(-other.time, other.caveats)
        since, until = self.line.place(start), self.line.place(end)
        begin, stop = self.line.elapsed(since), self.line.elapsed(until)
        paused = sum(min(one.last, stop) - one.first for one in self._stops(pauses, begin) if one.first < stop)
        return Worked(timedelta(microseconds=stop - begin - paused), self._doubts.about(since.day, until.day))

    def after(self, moment: datetime.datetime, working: timedelta, pauses: Sequence[Pause] = ()) -> Moment:
        """The first moment by which so much working time has passed since another; for none, that one itself."""
        place = self.line.place(moment)
        if not working:
            return Moment(self.line.moment(place), self._doubts.about(place.day, place.day))
        begin = self.line.elapsed(place)
        laid = Laid(begin, begin + _microseconds(working), place.day, place.day)
        return self._at_end(self._interrupted(laid, pauses))

    def before(self, moment: datetime.datetime, working: timedelta) -> Moment:
        """The last moment from which so much working time is left until another; for none, that one itself."""
        place = self.line.place(moment)
        start = self.line.resumed(self.line.elapsed(place) - _microseconds(working)) if working else place
        return Moment(self.line.moment(start), self._doubts.about(start.day, place.day))

    # Days

    def is_working_day(self, day: datetime.date) -> bool:
        return self.line.shift(day.toordinal()) is not None

    def working_day_from(self, day: datetime.date) -> datetime.date:
        """That day, or the next working day."""
        return datetime.date.fromordinal(self.line.workday(self.line.workdays_before(day.toordinal())))

    def working_day_until(self, day: datetime.date) -> datetime.date:
        """That day, or the working day before."""
        return datetime.date.fromordinal(self.line.workday(self.line.workdays_before(day.toordinal() + 1) - 1))

    def working_days_after(self, day: datetime.date, days: int) -> datetime.date:
        """The last of so many working days that follow a day, which itself does not count."""
        return datetime.date.fromordinal(self.line.workday(self.line.workdays_before(day.toordinal() + 1) + days - 1))

    def caveats(self, first: datetime.date, last: datetime.date) -> tuple[Caveat, ...]:
        """What is not settled about the days from one date to another, both included."""
        return self._doubts.about(first.toordinal(), last.toordinal())

    # Laying a limit

    def _laid(self, opened: Place, limit: TimeNorm) -> Laid:
        begin = self.line.elapsed(opened)
        amount, unit = limit.amount, limit.unit
        if not 0 < amount <= LARGEST_AMOUNT:
            raise ValueError(f"a time limit is above 0 and at most {LARGEST_AMOUNT}")
        length = _length(limit)
        if length is not None:
            return Laid(begin, begin + length, opened.day, opened.day)
        start = self.line.resumed(begin)
        if unit is TimeUnit.WEEKS:
            amount, unit = _exact(amount) * self.line.week_length(start.day), TimeUnit.WORKDAYS
        whole = floor(amount)
        named = self._led(start, whole, unit)
        end = self.line.elapsed(named)
        if whole == amount:
            return Laid(begin, end, opened.day, named.day, named)
        beyond = self._led(start, whole + 1, unit)
        part = ceil((self.line.elapsed(beyond) - end) * (_exact(amount) - whole))
        return Laid(begin, end + part, opened.day, beyond.day)

    def _led(self, start: Place, amount: int, unit: TimeUnit) -> Place:
        """Where so many whole working days or months lead, by the clock."""
        if unit is TimeUnit.MONTHS:
            named = months_on(datetime.date.fromordinal(start.day), amount)
            number = self.line.workdays_before(named.toordinal())
        else:
            number = self.line.workdays_before(start.day) + amount
        return Place(self.line.workday(number), start.clock)

    def _interrupted(self, laid: Laid, pauses: Sequence[Pause]) -> Laid:
        """What pauses make of a limit: each that comes before it is used up moves its end on."""
        if not pauses:
            return laid
        cut: list[Stop] = []
        end = laid.end
        for stop in self._stops(pauses, laid.begin):
            if stop.first >= end:
                break
            cut.append(stop)
            end += stop.last - stop.first
        return laid._replace(end=end, pauses=tuple(cut))

    def _stops(self, pauses: Sequence[Pause], begin: int) -> list[Stop]:
        """What pauses cut out of the line from `begin` on: in order, nothing twice, nothing empty."""
        stops: list[Stop] = []
        reach = begin
        for pause in sorted(pauses, key=lambda pause: (pause.since, pause.until)):
            first = max(self.line.elapsed(self.line.place(pause.since)), reach)
            last = self.line.elapsed(self.line.place(pause.until))
            if first < last:
                stops.append(Stop(first, last, pause))
                reach = last
        return stops

    def _at_end(self, laid: Laid) -> Moment:
        place = self.line.reached(laid.end)
        return Moment(self.line.moment(place), self._doubts.about(laid.first_day, max(laid.last_day, place.day)))

    # Backwards

    def _latest_start(self, end: int, limit: TimeNorm) -> Place:
        """The last minute whose limit is used up by `end`: the days that can still be it are tried, last first."""
        length = _length(limit)
        if length is not None:
            start = self.line.resumed(end - length)
            return Place(start.day, start.clock - start.clock % MINUTE)
        number = self.line.workdays_before(self._last_day_to_try(end, limit) + 1) - 1
        while True:
            found = self._last_minute_in_time(self.line.workday(number), end, limit)
            if found is not None:
                return found
            number -= 1

    def _last_day_to_try(self, end: int, limit: TimeNorm) -> int:
        """No later day can be one to start on: its limit would lead beyond the first working moment after `end`."""
        last = self.line.resumed(end).day
        if limit.unit is TimeUnit.MONTHS:
            date = datetime.date.fromordinal(last)
            back = months_on(date, -floor(limit.amount))
            return (month_end(back) if date == month_end(date) else back).toordinal()
        week = self.line.shortest_week if limit.unit is TimeUnit.WEEKS else 1
        return self.line.workday(self.line.workdays_before(last) - floor(limit.amount * week))

    def _last_minute_in_time(self, day: int, end: int, limit: TimeNorm) -> Place | None:
        """Within a day a later start is never due earlier, so the last minute in time is found by halving."""
        minutes = (self.line.elapsed(Place(day + 1, 0)) - self.line.elapsed(Place(day, 0))) // MINUTE
        late = bisect_right(range(minutes), end, key=lambda minute: self._laid(self._minute(day, minute), limit).end)
        return self._minute(day, late - 1) if late else None

    def _minute(self, day: int, minute: int) -> Place:
        """The beginning of a working minute of a day, counted from 0."""
        return self.line.resumed(self.line.elapsed(Place(day, 0)) + minute * MINUTE)


def _length(limit: TimeNorm) -> int | None:
    """What a limit in minutes or hours is worth on the line."""
    if limit.unit is TimeUnit.HOURS:
        return ceil(_exact(limit.amount) * 60 * MINUTE)
    return ceil(_exact(limit.amount) * MINUTE) if limit.unit is TimeUnit.MINUTES else None


def _exact(amount: int | Decimal | Fraction) -> int | Fraction:
    return amount if isinstance(amount, int) else Fraction(amount)


def _microseconds(working: timedelta) -> int:
    if working < timedelta():
        raise ValueError("working time runs forwards")
    return working // timedelta(microseconds=1)


def months_on(date: datetime.date, months: int) -> datetime.date:
    """The same day so many months on (or back), or the last of that month if it is shorter."""
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise OutsideCalendar
    return date.replace(year=year, month=month + 1, day=min(date.day, monthrange(year, month + 1)[1]))


def month_end(date: datetime.date) -> datetime.date:
    """The last day of the month a date is in."""
    return date.replace(day=monthrange(date.year, date.month)[1])
