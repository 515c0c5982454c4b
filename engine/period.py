"""The period an instance reports on, and whether it fits the cycle of its SOP."""

from __future__ import annotations

import re
from collections.abc import Iterable

from engine.definition import Cycle
from engine.errors import Mistake, PeriodMismatch

_FORMS: dict[Cycle, tuple[re.Pattern[str], str]] = {
    Cycle.YEARLY: (re.compile(r"(?:19|20|21)[0-9]{2}"), "2026"),
    Cycle.SEMESTER: (re.compile(r"(?:19|20|21)[0-9]{2}-S[12]"), "2026-S1"),
    Cycle.QUARTERLY: (re.compile(r"(?:19|20|21)[0-9]{2}-Q[1-4]"), "2026-Q1"),
    Cycle.MONTHLY: (re.compile(r"(?:19|20|21)[0-9]{2}-(0[1-9]|1[0-2])"), "2026-03"),
    Cycle.FIVE_YEARLY: (re.compile(r"((?:19|20|21)[0-9]{2})-((?:19|20|21)[0-9]{2})"), "2025-2029"),
}


def require_period(cycle: Iterable[Cycle], period: str | None) -> None:
    """Refuse a period that none of the cycles has; null is for SOPs that run on demand. Raises PeriodMismatch."""
    cycles = tuple(cycle)
    if any(_fits(one, period) for one in cycles):
        return
    wanted = " | ".join(_FORMS[one][1] if one in _FORMS else "null" for one in cycles)
    raise PeriodMismatch(
        Mistake(
            at="period",
            message_id="Periode tidak sesuai dengan siklus SOP ini.",
            message_en="The period does not fit the cycle of this SOP.",
            expected=wanted,
        )
    )


def _fits(cycle: Cycle, period: str | None) -> bool:
    if cycle is Cycle.ON_DEMAND or period is None:
        return cycle is Cycle.ON_DEMAND and period is None
    found = _FORMS[cycle][0].fullmatch(period)
    if cycle is Cycle.FIVE_YEARLY and found:
        return int(found[2]) - int(found[1]) == 4
    return found is not None
