"""Statutory deadlines (tenggat): what the law says as a value, and the day it falls on for one instance.

A deadline is a whole day: who hands in at 20:00 on 28 February is in time, and systems that take reports in close at
midnight. So its moment is the last one of that day in the agency's zone, and its date is the date people read.
Days off move it only where its `roll` says so, since no general rule was found in the law.
"""

from __future__ import annotations

import datetime
import re
from calendar import monthrange
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from engine.calendar import Words
from engine.calendar_words import ENGLISH, INDONESIAN, Said
from engine.caveats import Caveat
from engine.definition import Part
from engine.working_time import CompiledCalendar, month_end, months_on


class Roll(StrEnum):
    """What becomes of a deadline on a day off."""

    NONE = "none"
    NEXT = "next"
    PREVIOUS = "previous"


class AfterPeriod(Part):
    """So many months after the period of the instance ends: the last day of that month, or its `day`.

    A period ends with a month, so its months are whole ones: two months after 2026 is the end of February 2027, one
    month after 2026-Q2 is 31 July. With a day: "tanggal 10 bulan berikutnya" is 1 month, day 10.
    """

    kind: Literal["after_period"] = "after_period"
    months: int = Field(ge=0, le=120)
    day: int | None = Field(default=None, ge=1, le=31)


class FixedDate(Part):
    """A day and month: in the year the period ends, or so many years later; 29 February is 28 in shorter years."""

    kind: Literal["fixed_date"] = "fixed_date"
    month: int = Field(ge=1, le=12)
    day: int = Field(ge=1, le=31)
    years_after: int = Field(ge=-5, le=5)

    @field_validator("day")
    @classmethod
    def _in_the_month(cls, day: int, known: ValidationInfo) -> int:
        month = known.data.get("month", 1)
        longest = monthrange(_A_LEAP_YEAR, month)[1]
        if day > longest:
            told = {
                "message_id": f"Bulan {month} tidak mempunyai tanggal {day}. Perbaiki tanggal atau bulannya.",
                "message_en": f"Month {month} has no day {day}. Correct the day or the month.",
                "expected": f"<= {longest}",
            }
            raise PydanticCustomError("day_impossible", "The month has no such day.", told)
        return day


_A_LEAP_YEAR = 2028


class AfterEvent(Part):
    """So many working days after a moment outside the instance; the day of the event itself does not count."""

    kind: Literal["after_event"] = "after_event"
    workdays: int = Field(ge=1, le=1_000)
    event: Words


class Deadline(Part):
    """A deadline the law sets. Until somebody has read the source, it is not `verified` ("perlu verifikasi")."""

    name: Words
    rule: AfterPeriod | FixedDate | AfterEvent = Field(discriminator="kind")
    roll: Roll = Roll.NONE
    legal_basis: Words
    verified: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineDate:
    """The day a deadline falls on, the day its rule named before days off moved it, and the last moment in time."""

    at: datetime.datetime
    on: datetime.date
    named: datetime.date
    caveats: tuple[Caveat, ...]
    said: Said


def falls_on(
    deadline: Deadline,
    calendar: CompiledCalendar,
    *,
    period: str | None = None,
    event_at: datetime.datetime | None = None,
) -> DeadlineDate | None:
    """When a deadline falls for an instance of that period; null while the period or event it follows is not known."""
    rule = deadline.rule
    if isinstance(rule, AfterEvent):
        if event_at is None:
            return None
        after = calendar.line.date(event_at)
        named = calendar.working_days_after(after, rule.workdays)
        return _dated(deadline, calendar, named, named, calendar.caveats(after, named))
    if period is None:
        return None
    named = _after_period(rule, period_end(period)) if isinstance(rule, AfterPeriod) else _fixed(rule, period)
    on = _rolled(deadline.roll, calendar, named)
    # a date the law names depends on no calendar, unless it moves with the days off
    doubts = () if deadline.roll is Roll.NONE else calendar.caveats(min(named, on), max(named, on))
    return _dated(deadline, calendar, named, on, doubts)


def period_end(period: str) -> datetime.date:
    """The last day of a period in one of the forms `engine.period` accepts. Raises ValueError for any other."""
    found = _PERIOD.fullmatch(period)
    if found is None:
        raise ValueError("no period ends there")
    year, half, quarter, month, last_year = (int(part) if part else 0 for part in found.groups())
    ends_with = half * 6 or quarter * 3 or month or 12
    return month_end(datetime.date(last_year or year, ends_with, 1))


_PERIOD = re.compile(r"([0-9]{4})(?:-(?:S([12])|Q([1-4])|(0[1-9]|1[0-2])|([0-9]{4})))?")


def _after_period(rule: AfterPeriod, end: datetime.date) -> datetime.date:
    last = month_end(months_on(end, rule.months))
    return last if rule.day is None else last.replace(day=min(rule.day, last.day))


def _fixed(rule: FixedDate, period: str) -> datetime.date:
    last = month_end(datetime.date(period_end(period).year + rule.years_after, rule.month, 1))
    return last.replace(day=min(rule.day, last.day))


def _rolled(roll: Roll, calendar: CompiledCalendar, day: datetime.date) -> datetime.date:
    if roll is Roll.NEXT:
        return calendar.working_day_from(day)
    return calendar.working_day_until(day) if roll is Roll.PREVIOUS else day


def _dated(
    deadline: Deadline,
    calendar: CompiledCalendar,
    named: datetime.date,
    on: datetime.date,
    caveats: tuple[Caveat, ...],
) -> DeadlineDate:
    at = datetime.datetime.combine(on, datetime.time.max, calendar.line.zone)
    return DeadlineDate(at=at, on=on, named=named, caveats=caveats, said=_said(deadline, named, on))


def _said(deadline: Deadline, named: datetime.date, on: datetime.date) -> Said:
    unread_id, unread_en = ("", "") if deadline.verified else ("; perlu verifikasi", "; not verified")
    moved_id = moved_en = ""
    if on != named:
        moved_id = f" {INDONESIAN.date(named)} bukan hari kerja, sehingga berpindah."
        moved_en = f" It moved from {ENGLISH.date(named)}, which is no working day."
    return Said(
        f"{deadline.name}: paling lambat {INDONESIAN.date(on)} ({deadline.legal_basis}{unread_id}).{moved_id}",
        f"{deadline.name}: no later than {ENGLISH.date(on)} ({deadline.legal_basis}{unread_en}).{moved_en}",
    )
