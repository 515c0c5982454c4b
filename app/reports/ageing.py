"""How long things have been late, in the working days and weeks of the agency they are late in.

A day late is counted as the sheets count days: to the same clock time so many working days on. So the moments that
part one age from the next are the same for a whole agency, and a database can count by them.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from datetime import UTC
from typing import Self

from pydantic import BaseModel

from engine.timeline import Place
from engine.working_time import CompiledCalendar, months_on

BOUNDS = ("within_a_day", "within_three_days", "within_a_week", "within_a_month")
"""What parts one age from the next."""


class Ageing(BaseModel):
    """How many are late by how much, counted from their due dates; `stopped` those whose clock now stands still."""

    up_to_1_day: int
    up_to_3_days: int
    up_to_1_week: int
    up_to_1_month: int
    over_1_month: int
    stopped: int

    @classmethod
    def of(cls, late: int, within: Sequence[int], stopped: int) -> Self:
        """The ages of late ones whose clock runs, of which so many lie within each of the bounds."""
        day, days, week, month = within
        return cls(
            up_to_1_day=day,
            up_to_3_days=days - day,
            up_to_1_week=week - days,
            up_to_1_month=month - week,
            over_1_month=late - month,
            stopped=stopped,
        )

    def __add__(self, other: Ageing) -> Ageing:
        return Ageing(**{name: value + getattr(other, name) for name, value in self})


NOTHING = Ageing.of(0, (0, 0, 0, 0), 0)


def bounds(calendar: CompiledCalendar, at: datetime.datetime) -> tuple[datetime.datetime, ...]:
    """For each of the bounds, the moment since when what is due is late by no more."""
    line = calendar.line
    last = line.reached(line.elapsed(line.place(at)))

    def moment(day: int) -> datetime.datetime:
        return line.moment(line.reached(line.elapsed(Place(day, last.clock)))).astimezone(UTC)

    def working_days_back(days: int) -> int:
        return line.workday(line.workdays_before(last.day) - days)

    month = months_on(datetime.date.fromordinal(last.day), -1).toordinal()
    return (
        moment(working_days_back(1)),
        moment(working_days_back(3)),
        moment(working_days_back(line.week_length(last.day))),
        moment(month),
    )
