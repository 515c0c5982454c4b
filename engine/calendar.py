"""The work calendar of an agency as a value: its zone, working hours, Ramadan, days off and local changes.

One frozen document, stored as JSON; what is wrong in one is said by `calendar_checks`, the arithmetic is in
`working_time`. Nothing is law here but the defaults at the end: every range, holiday and change carries its legal
basis, and what is not yet decreed, or only estimated, says so.
"""

from __future__ import annotations

import datetime
import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from engine.definition import Part, Pointers
from engine.trail import canonical_json

FIRST_YEAR, LAST_YEAR = 1900, 2999
"""The years that can be reckoned with. Holidays are known for a few of them only, and answers say so."""


class OutsideCalendar(Exception):
    """The answer lies outside the years that can be reckoned with."""


def _on_the_clock(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        told = {
            "message_id": "Tulis pukul sebagai jam:menit, dari 00:00 sampai 23:59.",
            "message_en": "Write the time as hours:minutes, from 00:00 to 23:59.",
            "expected": "07:30",
        }
        raise PydanticCustomError("clock_impossible", "Write the time as hours:minutes.", told)
    return text


Zone = Literal["Asia/Jakarta", "Asia/Pontianak", "Asia/Makassar", "Asia/Jayapura"]
"""WIB (the first two), WITA, WIT."""

Clock = Annotated[str, AfterValidator(_on_the_clock)]
"""A time of the day in whole minutes: `07:30`."""

Day = Annotated[datetime.date, Field(ge=datetime.date(FIRST_YEAR, 1, 1), le=datetime.date(LAST_YEAR, 12, 31))]

Words = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
"""A name or a legal basis."""


class Weekday(StrEnum):
    """The days of the week, in order."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class Break(Part):
    """A stretch inside a shift that is no working time."""

    start: Clock
    end: Clock


class Shift(Part):
    """The working hours of some days of the week. They begin and end on the same day."""

    days: tuple[Weekday, ...] = Field(min_length=1, max_length=7)
    start: Clock
    end: Clock
    breaks: tuple[Break, ...] = Field(default=(), max_length=5)


Shifts = Annotated[tuple[Shift, ...], Field(max_length=7)]
"""A week: days that no shift names are no working days."""


class Hours(Part):
    """Working hours from one date on, until others follow. The first have no date: they always were.

    `inferred` names what the legal basis does not say (`shifts[0].breaks[0].start`).
    """

    name: Words
    first: Day | None = None
    shifts: Shifts
    legal_basis: Words
    inferred: Pointers = ()


class Season(Part):
    """Other hours for a range of dates, both included, such as Ramadan. `estimated` until it is confirmed."""

    name: Words
    first: Day
    last: Day
    shifts: Shifts
    legal_basis: Words
    estimated: bool = False
    inferred: Pointers = ()


class HolidayKind(StrEnum):
    """Why a day is off in the whole country."""

    NATIONAL = "national"
    """Libur nasional."""
    JOINT_LEAVE = "joint_leave"
    """Cuti bersama."""


class HolidayYear(Part):
    """A year whose holidays are loaded. While `joint_leave_basis` is null its cuti bersama is not yet decreed."""

    year: int = Field(ge=FIRST_YEAR, le=LAST_YEAR)
    legal_basis: Words
    joint_leave_basis: Words | None = None


class Holiday(Part):
    """A day off in the whole country. `estimated` while its date is a forecast."""

    date: Day
    name: Words
    name_en: Words | None = None
    kind: HolidayKind
    source: Words
    estimated: bool = False

    @property
    def year(self) -> int:
        return self.date.year


class ChangeKind(StrEnum):
    """What an administrator may do to the days off of an agency."""

    ADD = "add"
    REMOVE = "remove"
    MOVE = "move"


class Change(Part):
    """A day off of this agency alone, a holiday it works on, or one it takes on another day (`to`)."""

    kind: ChangeKind
    date: Day
    to: Day | None = None
    name: Words
    name_en: Words | None = None
    legal_basis: Words


class WorkCalendar(Part):
    """Everything that says when an agency works."""

    zone: Zone
    hours: tuple[Hours, ...] = Field(min_length=1, max_length=50)
    seasons: tuple[Season, ...] = Field(default=(), max_length=200)
    years: tuple[HolidayYear, ...] = Field(default=(), max_length=200)
    holidays: tuple[Holiday, ...] = Field(default=(), max_length=5_000)
    changes: tuple[Change, ...] = Field(default=(), max_length=2_000)

    def canonical(self) -> str:
        """The one text of this calendar (RFC 8785), whatever order its rows came in: what is stored and hashed.

        Fields at their default are left out, so a field added later leaves the texts of today as they are.
        """
        document = self.model_dump(mode="json", exclude_defaults=True)
        for rows, key in _ROWS.items():
            document[rows] = sorted(document.get(rows, ()), key=lambda row: str(row.get(key, "")))
        for range_ in (*document["hours"], *document["seasons"]):
            for shift in range_["shifts"]:  # shifts and breaks keep their order: `inferred` points at it
                shift["days"] = sorted(shift["days"], key=_WEEK.__getitem__)
        return canonical_json(document)


_ROWS = {"hours": "first", "seasons": "first", "years": "year", "holidays": "date", "changes": "date"}
_WEEK = {str(day): place for place, day in enumerate(Weekday)}


# What Perpres 21/2023 says, for an agency that has not set its own hours. The articles fix the week of five days
# (3), its 37.5 or in Ramadan 32.5 hours without breaks (4.1, 4.2), the beginning (4.3, 4.4) and the length of the
# breaks (4.5, 4.6). When a break begins they do not say, and the end of the day follows from the rest.

PERPRES_21_2023 = "Peraturan Presiden Nomor 21 Tahun 2023, Pasal 3 dan 4"

_INFERRED = tuple(f"shifts[{shift}].{what}" for shift in (0, 1) for what in ("end", "breaks[0].start"))
_MONDAY_TO_THURSDAY = tuple(Weekday)[:4]


def _five_days(start: str, end: str, until: str, friday_end: str, friday_until: str) -> tuple[Shift, ...]:
    """From Monday to Thursday with a break at 12:00, on Friday with one at 11:30."""
    return (
        Shift(days=_MONDAY_TO_THURSDAY, start=start, end=end, breaks=(Break(start="12:00", end=until),)),
        Shift(days=(Weekday.FRIDAY,), start=start, end=friday_end, breaks=(Break(start="11:30", end=friday_until),)),
    )


REGULAR_HOURS = Hours(
    name="Jam kerja",
    shifts=_five_days("07:30", "16:00", "13:00", "16:30", "13:00"),
    legal_basis=PERPRES_21_2023,
    inferred=_INFERRED,
)
"""37.5 hours a week."""

RAMADAN_SHIFTS = _five_days("08:00", "15:00", "12:30", "15:30", "12:30")
"""32.5 hours a week."""


def ramadan(
    name: str, first: datetime.date, last: datetime.date, *, legal_basis: str = PERPRES_21_2023, estimated: bool
) -> Season:
    """The hours of Perpres 21/2023 for one Ramadan. Its dates come from the Ministry of Religious Affairs."""
    return Season(
        name=name,
        first=first,
        last=last,
        shifts=RAMADAN_SHIFTS,
        legal_basis=legal_basis,
        estimated=estimated,
        inferred=_INFERRED,
    )
