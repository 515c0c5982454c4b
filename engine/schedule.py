"""When things are due in one agency: its work calendar, and how early and how late it wants to be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction

from engine.definition import TimeLimit, TimeUnit
from engine.state import Pause
from engine.working_time import CompiledCalendar, Limit
from engine.working_time import Pause as Stretch


@dataclass(frozen=True, slots=True)
class Laid:
    """A time limit laid on the calendar: when it is due, and when so much of it is used up that people are reminded."""

    due_at: datetime
    soon_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """A compiled calendar under its own hash, and the agency's wishes.

    `due_soon_share` of a time limit is used up when people are reminded; `escalate_after` is the working time after
    which lateness goes one position up, and again after the same time; null: never.
    """

    calendar: CompiledCalendar
    id: str
    due_soon_share: Fraction = Fraction(4, 5)
    escalate_after: Limit | None = Limit(1, TimeUnit.WORKDAYS)  # noqa: RUF009  frozen, so one can be shared

    def lay(self, opened_at: datetime, limit: TimeLimit | None, pauses: Iterable[Pause]) -> Laid | None:
        """When something that opened then is due; null where the sheet prints no time. Open pauses do not count yet."""
        if limit is None:
            return None
        stretches = [Stretch(one.since, one.until) for one in pauses if one.until is not None and one.until > opened_at]
        due = self.calendar.due(opened_at, limit, stretches)
        soon = self.calendar.share_used_at(opened_at, limit, self.due_soon_share, stretches)
        return Laid(due.at.astimezone(UTC), soon.at.astimezone(UTC))

    def escalates_at(self, moment: datetime) -> datetime | None:
        """When lateness goes one position further up."""
        return self.calendar.due(moment, self.escalate_after).at.astimezone(UTC) if self.escalate_after else None
