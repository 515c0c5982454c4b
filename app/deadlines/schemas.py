"""What is asked of statutory deadlines and what is told of them, as JSON."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from app.calendars.schemas import CaveatView, Withdrawn
from engine.calendar import Day, Words
from engine.deadline import AfterEvent, AfterPeriod, DeadlineDate, FixedDate, Roll
from engine.definition import Part

Rule = AfterPeriod | FixedDate | AfterEvent


class DeadlineAsked(Part):
    """A deadline for an agency (the SOP's own unless named), in one period or in all, by what law and why.

    `event_on` is when the event happened that the deadline follows, once that is known.
    """

    definition: Words
    agency: Words | None = None
    period: Words | None = None
    name: Words | None = None
    rule: Rule = Field(discriminator="kind")
    roll: Roll = Roll.NONE
    event_on: Day | None = None
    legal_basis: Words
    verified: bool = True
    reason: Words


class Falls(BaseModel):
    """The day a deadline falls on, the day its rule names before days off move it, and the last moment in time."""

    on: date
    named: date
    at: datetime
    message_id: str
    message_en: str
    caveats: list[CaveatView]

    @classmethod
    def of(cls, found: DeadlineDate) -> Self:
        return cls(
            on=found.on,
            named=found.named,
            at=found.at,
            message_id=found.said.message_id,
            message_en=found.said.message_en,
            caveats=[CaveatView.of(one) for one in found.caveats],
        )


class Terms(BaseModel):
    """What a deadline says. Until somebody has read its source it is not `verified` ("perlu verifikasi")."""

    id: UUID
    agency: str | None
    period: str | None
    name: str
    rule: Rule = Field(discriminator="kind")
    roll: Roll
    event_on: date | None
    legal_basis: str
    verified: bool
    falls: Falls | None


class DeadlineView(Terms):
    """A deadline of an SOP: for every agency and period where these are null.

    It is `in_force` unless it was withdrawn or a younger one has the same agency and period; one that names more goes
    before it. `original` is what would count without it. `falls` is known where a period is.
    """

    definition: str
    in_force: bool
    original: Terms | None
    reason: str | None
    created_at: datetime
    client: UUID | None
    official: UUID | None
    withdrawn: Withdrawn | None

    @classmethod
    def of(cls, row: Any, terms: Terms, original: Terms | None, *, in_force: bool) -> Self:
        """The view of a row of `deadline_rules`."""
        return cls(
            **dict(terms),
            definition=row["definition_key"],
            in_force=in_force,
            original=original,
            reason=row["reason"],
            created_at=row["created_at"],
            client=row["client_id"],
            official=row["official_id"],
            withdrawn=Withdrawn.of(row),
        )
