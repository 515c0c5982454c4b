"""What is asked of calendars and holidays and what is told of them, as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from app.calendars.compose import Own, Wishes
from app.errors import CalendarInvalid
from app.paging import Page
from engine.calendar import Change, Day, HolidayYear, Words, WorkCalendar, Zone
from engine.calendar_checks import CalendarRejected, read_calendar
from engine.calendar_words import caveat_said
from engine.caveats import Caveat, CaveatKind
from engine.definition import Part
from engine.errors import Mistake
from engine.mistakes import from_validation
from engine.working_time import CompiledCalendar

UNDECREED = "belum ditetapkan"


class CalendarAsked(Own):
    """All that an agency sets itself, why, and by what law. What is left out is as the law or the nation has it.

    `due_soon_percent` of a time limit is used up when people are reminded; lateness goes one position up after
    `escalate_after_days` working days and after as many again; null: never.
    """

    zone: Zone | None = None
    due_soon_percent: Annotated[int, Field(ge=1, le=100)] = 80
    escalate_after_days: Annotated[int, Field(ge=1, le=100)] | None = 1
    reason: Words
    legal_basis: Words

    @property
    def own(self) -> Own:
        return Own(hours=self.hours, seasons=self.seasons)

    @property
    def wishes(self) -> Wishes:
        return Wishes(self.due_soon_percent, self.escalate_after_days)


_IN_THE_CALENDAR = ("zone", "hours", "seasons")


@dataclass(frozen=True, slots=True)
class CalendarDraft:
    """What was sent to be an agency's calendar, before anybody looked whether it is right."""

    text: str

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        as_documented = handler.generate_schema(CalendarAsked)
        kept = core_schema.no_info_plain_validator_function(lambda value: cls(json.dumps(value)))
        return core_schema.json_or_python_schema(json_schema=as_documented, python_schema=kept)

    def read(self) -> CalendarAsked:
        """The calendar it says. Raises CalendarInvalid with every mistake: in its form, and between its parts."""
        mistakes: list[Mistake] = []
        asked: CalendarAsked | None = None
        try:
            asked = CalendarAsked.model_validate_json(self.text)
        except ValidationError as wrong:
            beside = [one for one in wrong.errors(include_url=False) if one["loc"][:1] not in _CALENDAR_PLACES]
            mistakes += from_validation(beside, model=CalendarAsked)
        try:
            read_calendar(json.dumps(_as_calendar(json.loads(self.text))))
        except CalendarRejected as rejected:
            mistakes += rejected.mistakes
        if mistakes or asked is None:
            raise CalendarInvalid(*mistakes)
        return asked


_CALENDAR_PLACES = tuple((name,) for name in _IN_THE_CALENDAR)


def _as_calendar(value: Any) -> dict[str, Any]:
    """The part of a draft that is a work calendar, with what it leaves out as anything that is right."""
    given = value if isinstance(value, dict) else {}
    return _ANY | {name: given[name] for name in _IN_THE_CALENDAR if given.get(name) is not None}


_ANY: dict[str, Any] = {
    "zone": "Asia/Jakarta",
    "hours": [{"name": "-", "shifts": [{"days": ["monday"], "start": "08:00", "end": "09:00"}], "legal_basis": "-"}],
}


class CaveatView(BaseModel):
    """What is not settled about some days, so that answers that depend on them may change."""

    kind: CaveatKind
    first: date
    last: date
    name: str | None
    message_id: str
    message_en: str

    @classmethod
    def of(cls, caveat: Caveat) -> Self:
        said = caveat_said(caveat)
        return cls(
            kind=caveat.kind,
            first=caveat.first,
            last=caveat.last,
            name=caveat.name,
            message_id=said.message_id,
            message_en=said.message_en,
        )


def caveats_of(calendar: CompiledCalendar, now: datetime) -> list[CaveatView]:
    """Everything unsettled in the years that a calendar knows, and in this year and the next."""
    known = {one.year for one in calendar.calendar.years} | {now.year, now.year + 1}
    found = calendar.caveats(date(min(known), 1, 1), date(max(known), 12, 31))
    return [CaveatView.of(one) for one in found]


class VersionView(BaseModel):
    """One version of an agency's calendar: since when it was worked by, by whose deed and why.

    `client` is null where the days off of the nation changed; `own` names what the agency sets itself.
    """

    agency: str
    version: int
    hash: str
    since: datetime
    reason: str
    legal_basis: str
    client: UUID | None
    official: UUID | None
    own: list[str]
    due_soon_percent: int
    escalate_after_days: int | None

    @classmethod
    def of(cls, row: Any) -> Self:
        return cls(**_version(row))


def _version(row: Any) -> dict[str, Any]:
    return {
        "agency": row["agency"],
        "version": row["version"],
        "hash": row["calendar_hash"],
        "since": row["created_at"],
        "reason": row["reason"],
        "legal_basis": row["legal_basis"],
        "client": row["client_id"],
        "official": row["official_id"],
        "own": sorted(row["own"]),
        "due_soon_percent": row["due_soon_percent"],
        "escalate_after_days": row["escalate_after_days"],
    }


class CalendarView(VersionView, WorkCalendar):
    """A version of an agency's calendar, whole, and what is not settled in it."""

    caveats: list[CaveatView]

    @classmethod
    def whole(cls, row: Any, calendar: CompiledCalendar, now: datetime) -> CalendarView:
        parts = {name: getattr(calendar.calendar, name) for name in WorkCalendar.model_fields}
        return cls.model_construct(**parts, **_version(row), caveats=caveats_of(calendar, now))


class CalendarRow(VersionView):
    """By which calendar an agency works now, and what is not settled in it."""

    zone: str
    caveats: list[CaveatView]

    @classmethod
    def summed_up(cls, row: Any, calendar: CompiledCalendar, now: datetime) -> Self:
        return cls(**_version(row), zone=calendar.calendar.zone, caveats=caveats_of(calendar, now))


class HolidayAsked(Change):
    """A day off that an agency adds, removes or moves (`to`), and why."""

    agency: Words
    reason: Words


class WithdrawAsked(Part):
    """Why something is withdrawn, and by what law."""

    reason: Words
    legal_basis: Words


class Withdrawn(BaseModel):
    """When something was withdrawn, by whom, why, and by what law."""

    at: datetime
    client: UUID
    official: UUID | None
    reason: str
    legal_basis: str

    @classmethod
    def of(cls, row: Any) -> Self | None:
        """How the row of something that can be withdrawn tells that it was."""
        if row["withdrawn_at"] is None:
            return None
        return cls(
            at=row["withdrawn_at"],
            client=row["withdrawn_by_client"],
            official=row["withdrawn_by_official"],
            reason=row["withdrawal_reason"],
            legal_basis=row["withdrawal_basis"],
        )


class HolidayView(BaseModel):
    """A day off of the nation (`national`, `joint_leave`), or what an agency changes of them (`add`, `remove`, `move`).

    `joint_leave` is the decree on the year's cuti bersama, or "belum ditetapkan"; null for a year that is not loaded.
    A change has an id, and is not `effective` where it was withdrawn or the nation has taken it over or given it up.
    """

    id: UUID | None = None
    agency: str | None = None
    date: Day
    kind: str
    to: Day | None = None
    name: str
    name_en: str | None
    legal_basis: str
    source: str | None = None
    estimated: bool = False
    joint_leave: str | None = None
    effective: bool = True
    reason: str | None = None
    created_at: datetime | None = None
    client: UUID | None = None
    official: UUID | None = None
    withdrawn: Withdrawn | None = None


class HolidayPage(Page[HolidayView]):
    """One page of holidays, and what is not settled about the years that were asked for."""

    caveats: list[CaveatView]


def joint_leave_of(year: HolidayYear | None) -> str | None:
    """The decree on a year's cuti bersama, or that there is none yet."""
    return (year.joint_leave_basis or UNDECREED) if year else None
