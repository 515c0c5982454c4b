"""A second, slow reckoning of working time: minute by minute, from the sentences of the requirement alone.

It reads the JSON of a calendar and knows one thing, whether a minute is working time. Nothing of the engine is used.
Moments are whole minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import count, takewhile
from typing import Any
from zoneinfo import ZoneInfo

DAY = 24 * 60
CLOCKS = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(DAY)]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Stretch = tuple[datetime, datetime]


class Minutes:
    """A calendar as the set of its working minutes."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.zone = ZoneInfo(document["zone"])
        self.free = {holiday["date"] for holiday in document["holidays"]}
        for change in document["changes"]:
            if change["kind"] == "add":
                self.free.add(change["date"])
            else:
                self.free.remove(change["date"])
                if change["kind"] == "move":
                    self.free.add(change["to"])
        self.days: dict[int, tuple[int, ...]] = {}
        self.shifts: dict[int, tuple[int, ...]] = {}

    # What is working time

    def week(self, day: date) -> dict[str, dict[str, Any]]:
        """The shifts in force on a day, by weekday."""
        holding = [one for one in self.document["hours"] if "first" not in one]
        later = [one for one in self.document["hours"] if "first" in one and one["first"] <= day.isoformat()]
        holding += sorted(later, key=lambda one: one["first"])
        holding += [one for one in self.document["seasons"] if one["first"] <= day.isoformat() <= one["last"]]
        return {weekday: shift for shift in holding[-1]["shifts"] for weekday in shift["days"]}

    def of(self, number: int) -> tuple[int, ...]:
        """The working minutes of a day, in order, given by its ordinal."""
        if number not in self.days:
            day = date.fromordinal(number)
            shift = self.week(day).get(WEEKDAYS[day.weekday()])
            free = shift is None or day.isoformat() in self.free
            self.days[number] = () if free else self.listed(shift)
        return self.days[number]

    def listed(self, shift: dict[str, Any]) -> tuple[int, ...]:
        """The working minutes of a shift, listed once."""
        if id(shift) not in self.shifts:
            breaks = [(one["start"], one["end"]) for one in shift.get("breaks", ())]
            self.shifts[id(shift)] = tuple(
                minute
                for minute, clock in enumerate(CLOCKS)
                if shift["start"] <= clock < shift["end"] and not any(start <= clock < end for start, end in breaks)
            )
        return self.shifts[id(shift)]

    def works(self, minute: int) -> bool:
        return minute % DAY in self.of(minute // DAY)

    def since(self, first: int) -> Iterator[int]:
        """Every working minute from one on, one after the other."""
        for day in count(first // DAY):
            for minute in self.of(day):
                if day * DAY + minute >= first:
                    yield day * DAY + minute

    # Between moments and minutes

    def minute(self, moment: datetime) -> int:
        local = moment.astimezone(self.zone)
        assert local.second == local.microsecond == 0
        return local.toordinal() * DAY + local.hour * 60 + local.minute

    def moment(self, minute: int) -> datetime:
        day = datetime.combine(date.fromordinal(minute // DAY), datetime.min.time(), self.zone)
        return day + timedelta(minutes=minute % DAY)

    # The sentences

    def count(self, first: int, end: int, pauses: list[tuple[int, int]]) -> int:
        """Working time inside a pause does not count."""
        working = takewhile(lambda minute: minute < end, self.since(first))
        return sum(1 for minute in working if not any(a <= minute < b for a, b in pauses))

    def run(self, first: int, length: int, pauses: list[tuple[int, int]]) -> int:
        """The end of the working minute with which a length is used up."""
        for minute in self.since(first):
            if not any(a <= minute < b for a, b in pauses):
                length -= 1
            if length == 0:
                return minute + 1
        raise AssertionError

    def start(self, minute: int) -> int:
        """What is opened outside working hours starts at the next working moment."""
        return next(self.since(minute))

    def back(self, minute: int) -> int:
        """A due moment belongs to the span it ends; where there is no working moment, the last one before."""
        while not self.works(minute - 1):
            minute -= 1
        return minute

    def next_working_day(self, day: int) -> int:
        while not self.of(day):
            day += 1
        return day

    def led(self, start: int, amount: int, unit: str) -> int:
        """Where whole days or months lead, brought to the end of working time."""
        day = start // DAY
        if unit == "workdays":
            for _ in range(amount):
                day = self.next_working_day(day + 1)
        else:
            day = self.next_working_day(months_later(date.fromordinal(day), amount).toordinal())
        return self.back(day * DAY + start % DAY)

    def length(self, opened: int, amount: Fraction, unit: str) -> int:
        """What a limit is worth in working minutes, rounded up."""
        if unit in ("minutes", "hours"):
            return -int(-amount * (60 if unit == "hours" else 1) // 1)
        start = self.start(opened)
        if unit == "weeks":
            amount, unit = amount * len(self.week(date.fromordinal(start // DAY))), "workdays"
        whole = int(amount)
        lower = self.count(opened, self.led(start, whole, unit), []) if whole else 0
        if whole == amount:
            return lower
        upper = self.count(opened, self.led(start, whole + 1, unit), [])
        return -int(-(lower + (upper - lower) * (amount - whole)) // 1)

    def due(self, opened_at: datetime, amount: Fraction, unit: str, pauses: list[Stretch] = []) -> datetime:  # noqa: B006 - only read
        """The due moment moves on by the working time that passed during a pause."""
        opened = self.minute(opened_at)
        stopped = [(self.minute(since), self.minute(until)) for since, until in pauses]
        return self.moment(self.run(opened, self.length(opened, amount, unit), stopped))

    def working_minutes(self, start: datetime, end: datetime, pauses: list[Stretch]) -> int:
        stopped = [(self.minute(since), self.minute(until)) for since, until in pauses]
        return self.count(self.minute(start), self.minute(end), stopped)


def months_later(day: date, months: int) -> date:
    """The same day of the month, clipped to the month's end."""
    year, month = day.year, day.month
    for _ in range(months):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    for last in range(day.day, 27, -1):
        try:
            return date(year, month, last)
        except ValueError:
            continue
    return date(year, month, day.day)
