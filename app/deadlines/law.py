"""Which statutory deadline counts for an SOP, an agency and a period, and the day it falls on.

The most particular rule counts that was not withdrawn: an agency's for one period, then an agency's, then everybody's;
among equals the youngest.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, or_, select

from app.tables import deadline_rules
from engine.calendar import OutsideCalendar
from engine.commands import Deadline
from engine.deadline import Deadline as StatutoryDeadline
from engine.deadline import DeadlineDate, falls_on
from engine.schedule import Schedule
from engine.working_time import CompiledCalendar


def counting(
    column: ColumnElement[Any],
    definition_key: ColumnElement[str],
    agency_id: ColumnElement[Any],
    period: ColumnElement[Any],
) -> ScalarSelect[Any]:
    """A column of the rule that counts; null where there is none."""
    rules = deadline_rules.c
    mine = or_(rules.agency_id.is_(None), rules.agency_id == agency_id)
    then = or_(rules.period.is_(None), rules.period == period)
    return (
        select(column)
        .where(rules.definition_key == definition_key, mine, then, rules.withdrawn_at.is_(None))
        .order_by(rules.period.is_(None), rules.agency_id.is_(None), rules.created_at.desc(), rules.id.desc())
        .limit(1)
        .scalar_subquery()
    )


def deadline_of(
    rule: str | None, schedule: Schedule, period: str | None, event_on: date | None = None
) -> Deadline | None:
    """The statutory deadline that a stored rule gives an instance of a period; null where there is none (yet)."""
    if rule is None:
        return None
    law = StatutoryDeadline.model_validate_json(rule)
    found = date_of(law, schedule.calendar, period, event_on)
    return Deadline(at=found.at.astimezone(UTC), legal_basis=law.legal_basis) if found else None


def date_of(
    law: StatutoryDeadline, calendar: CompiledCalendar, period: str | None, event_on: date | None
) -> DeadlineDate | None:
    """The day a deadline falls on; null while the period or event is not known, or beyond what can be reckoned."""
    event_at = datetime.combine(event_on, time(12), calendar.line.zone) if event_on else None
    try:
        return falls_on(law, calendar, period=period, event_at=event_at)
    except OutsideCalendar:
        return None
