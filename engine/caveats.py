"""What answers of a work calendar depend on that is not settled: years without holidays or cuti bersama, forecasts."""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from engine.calendar import FIRST_YEAR, LAST_YEAR, WorkCalendar

AN_ESTIMATE_MAY_BE_OFF_BY = 1
"""Days: a month that begins when the moon is sighted begins at most so much earlier or later than forecast."""


class CaveatKind(StrEnum):
    """Why an answer may still change."""

    NOT_DECREED = "not_decreed"
    """The cuti bersama of a year is not yet decreed ("belum ditetapkan")."""
    NOT_LOADED = "not_loaded"
    """The holidays of these years are not known at all; only weekends and local changes count."""
    ESTIMATED = "estimated"
    """A season or a holiday is a forecast ("perkiraan")."""


@dataclass(frozen=True, slots=True)
class Caveat:
    """One thing that is not settled, and the days it concerns. `name` is that of a season or holiday."""

    kind: CaveatKind
    first: datetime.date
    last: datetime.date
    name: str | None = None
    name_en: str | None = None


class Doubts:
    """Everything that is not settled in one calendar, and quick to say that nothing is."""

    def __init__(self, calendar: WorkCalendar) -> None:
        self._all = sorted(_doubts(calendar), key=lambda doubt: doubt[:2])
        self._settled = _gaps(self._all)

    def about(self, first: int, last: int) -> tuple[Caveat, ...]:
        """What is not settled about the days between two ordinals, both included."""
        gap = bisect_right(self._settled, (first, LAST_DAY)) - 1
        if gap >= 0 and last <= self._settled[gap][1]:
            return ()
        return tuple(_cut(caveat, first, last) for begin, end, caveat in self._all if begin <= last and first <= end)


FIRST_DAY = datetime.date(FIRST_YEAR, 1, 1).toordinal()
LAST_DAY = datetime.date(LAST_YEAR, 12, 31).toordinal()

_Doubt = tuple[int, int, Caveat]


def _doubts(calendar: WorkCalendar) -> Iterator[_Doubt]:
    """The days each doubt reaches, as ordinals. What is estimated reaches as far as it may be off."""
    known = sorted(one.year for one in calendar.years)
    for before, after in pairwise([FIRST_YEAR - 1, *known, LAST_YEAR + 1]):
        if after - before > 1:
            first, last = datetime.date(before + 1, 1, 1), datetime.date(after - 1, 12, 31)
            yield first.toordinal(), last.toordinal(), Caveat(CaveatKind.NOT_LOADED, first, last)
    for one in calendar.years:
        if one.joint_leave_basis is None:
            first, last = datetime.date(one.year, 1, 1), datetime.date(one.year, 12, 31)
            yield first.toordinal(), last.toordinal(), Caveat(CaveatKind.NOT_DECREED, first, last)
    seasons = ((one.first, one.last, one.name, None) for one in calendar.seasons if one.estimated)
    holidays = ((one.date, one.date, one.name, one.name_en) for one in calendar.holidays if one.estimated)
    for first, last, name, name_en in (*seasons, *holidays):
        reach = first.toordinal() - AN_ESTIMATE_MAY_BE_OFF_BY, last.toordinal() + AN_ESTIMATE_MAY_BE_OFF_BY
        yield *reach, Caveat(CaveatKind.ESTIMATED, first, last, name, name_en)


def _gaps(doubts: list[_Doubt]) -> list[tuple[int, int]]:
    """The stretches of days no doubt reaches, in order."""
    gaps, free = [], FIRST_DAY
    for first, last, _ in doubts:
        if first > free:
            gaps.append((free, first - 1))
        free = max(free, last + 1)
    return [*gaps, (free, LAST_DAY)] if free <= LAST_DAY else gaps


def _cut(caveat: Caveat, first: int, last: int) -> Caveat:
    """Of the many years whose holidays are unknown, those that were asked about."""
    if caveat.kind is not CaveatKind.NOT_LOADED:
        return caveat
    begin = max(caveat.first, datetime.date.fromordinal(first).replace(month=1, day=1))
    end = min(caveat.last, datetime.date.fromordinal(last).replace(month=12, day=31))
    return Caveat(caveat.kind, begin, end)
