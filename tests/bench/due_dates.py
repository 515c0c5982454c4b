"""What one due date costs, once its calendar is compiled: `python -m tests.bench.due_dates`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from random import Random
from time import perf_counter
from typing import Any

from engine.calendar import REGULAR_HOURS, Holiday, HolidayKind, HolidayYear, WorkCalendar, ramadan
from engine.definition import TimeUnit
from engine.working_time import CompiledCalendar, Limit

LIMITS = {
    "2 jam": Limit(2, TimeUnit.HOURS),
    "1 hari": Limit(1, TimeUnit.WORKDAYS),
    "3 hari": Limit(3, TimeUnit.WORKDAYS),
    "2 minggu": Limit(2, TimeUnit.WEEKS),
    "1 bulan": Limit(1, TimeUnit.MONTHS),
    "12 bulan": Limit(12, TimeUnit.MONTHS),
}
DEMAND = 20.0
"""Microseconds that one due date may take."""


def calendar() -> WorkCalendar:
    """Three years of the law's hours with fifteen holidays each, and their Ramadans."""
    years = (2025, 2026, 2027)
    days = sorted({date(year, 1 + number % 12, 1 + number * 7 % 28) for year in years for number in range(15)})
    return WorkCalendar(
        zone="Asia/Jakarta",
        hours=(REGULAR_HOURS,),
        seasons=tuple(
            ramadan(f"Ramadan {year}", date(year, 3, 1), date(year, 3, 30), legal_basis="-", estimated=True)
            for year in years
        ),
        years=tuple(HolidayYear(year=year, legal_basis="-", joint_leave_basis="-") for year in years),
        holidays=tuple(
            Holiday(date=day, name="Libur", name_en=None, kind=HolidayKind.NATIONAL, source="-") for day in days
        ),
    )


def microseconds(deed: Callable[[datetime], Any], moments: list[datetime]) -> float:
    """What a deed costs, the best of five rounds over all moments."""
    best = float("inf")
    for _ in range(5):
        begun = perf_counter()
        for moment in moments:
            deed(moment)
        best = min(best, perf_counter() - begun)
    return best / len(moments) * 1e6


def main() -> int:
    random, begun = Random(1), perf_counter()  # noqa: S311  no secret, the same every time
    compiled = CompiledCalendar(calendar())
    told = (perf_counter() - begun) * 1e3
    first = datetime(2025, 1, 1, tzinfo=UTC)
    moments = [first + timedelta(minutes=random.randrange(2 * 365 * 1440)) for _ in range(5_000)]
    floor = microseconds(lambda moment: moment + timedelta(days=3), moments)
    print(f"# One due date, over {len(moments):,} random moments of two years\n")
    print(
        f"A calendar of three years is compiled in {told:.1f} ms; the floor, `moment + timedelta`, is {floor:.2f} us.\n"
    )
    print("| limit | us | times the floor | at most |\n|---|---|---|---|")
    missed = 0
    for name, limit in LIMITS.items():
        taken = microseconds(lambda moment, limit=limit: compiled.due(moment, limit), moments)  # type: ignore[misc]
        missed += taken > DEMAND
        print(f"| {name} | {taken:.1f} | {taken / floor:.0f} | {DEMAND:g} |")
    return 1 if missed and "--gate" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
