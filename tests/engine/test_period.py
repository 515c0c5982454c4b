"""The period an instance reports on fits the cycle of its SOP."""

import pytest

from engine.definition import Cycle
from engine.errors import PeriodMismatch
from engine.period import require_period


@pytest.mark.parametrize(
    ("cycle", "period"),
    [
        (Cycle.YEARLY, "2026"),
        (Cycle.SEMESTER, "2026-S1"),
        (Cycle.SEMESTER, "2026-S2"),
        (Cycle.QUARTERLY, "2026-Q1"),
        (Cycle.QUARTERLY, "2026-Q4"),
        (Cycle.MONTHLY, "2026-01"),
        (Cycle.MONTHLY, "2026-10"),
        (Cycle.MONTHLY, "2026-12"),
        (Cycle.FIVE_YEARLY, "2025-2029"),
        (Cycle.ON_DEMAND, None),
    ],
)
def test_accepts_the_form_of_the_cycle(cycle, period):
    require_period((cycle,), period)


@pytest.mark.parametrize(
    ("cycle", "period"),
    [
        (Cycle.YEARLY, None),
        (Cycle.YEARLY, ""),
        (Cycle.YEARLY, "26"),
        (Cycle.YEARLY, "20266"),
        (Cycle.YEARLY, "2026\n"),
        (Cycle.YEARLY, " 2026"),
        (Cycle.YEARLY, "٢٠٢٦"),
        (Cycle.YEARLY, "2026-S1"),
        (Cycle.SEMESTER, "2026-S3"),
        (Cycle.SEMESTER, "2026-S0"),
        (Cycle.SEMESTER, "2026-s1"),
        (Cycle.SEMESTER, "2026"),
        (Cycle.QUARTERLY, "2026-Q5"),
        (Cycle.QUARTERLY, "2026-Q0"),
        (Cycle.MONTHLY, "2026-13"),
        (Cycle.MONTHLY, "2026-00"),
        (Cycle.MONTHLY, "2026-3"),
        (Cycle.FIVE_YEARLY, "2025-2030"),
        (Cycle.FIVE_YEARLY, "2025-2028"),
        (Cycle.FIVE_YEARLY, "2029-2025"),
        (Cycle.FIVE_YEARLY, "2025"),
        (Cycle.ON_DEMAND, "2026"),
        (Cycle.ON_DEMAND, ""),
    ],
)
def test_refuses_any_other_form(cycle, period):
    with pytest.raises(PeriodMismatch):
        require_period((cycle,), period)


def test_any_of_several_cycles_will_do():
    both = (Cycle.YEARLY, Cycle.ON_DEMAND)
    require_period(both, "2026")
    require_period(both, None)


def test_the_refusal_shows_the_forms_that_would_fit():
    with pytest.raises(PeriodMismatch) as refusal:
        require_period((Cycle.SEMESTER, Cycle.ON_DEMAND), "2026")
    (mistake,) = refusal.value.errors
    assert (mistake.at, mistake.expected) == ("period", "2026-S1 | null")


@pytest.mark.parametrize("cycle", Cycle)
def test_the_form_a_refusal_shows_is_accepted(cycle):
    with pytest.raises(PeriodMismatch) as refusal:
        require_period((cycle,), "?")
    shown = refusal.value.errors[0].expected
    require_period((cycle,), None if shown == "null" else shown)
