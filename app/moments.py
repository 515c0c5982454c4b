"""Moments that a question names: to the microsecond (RFC 3339), or a plain date, which means that day in the zone of
whose agency is asked about.

`as_of` a day is its end, or now while it lasts; `due_before` a day is its beginning. What is still to come is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Uuid, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Database
from app.errors import RequestInvalid
from app.tables import agencies
from engine.errors import Mistake

_DAY, _CLOCK = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_FORM = re.compile(rf"({_DAY})(?:[Tt ]({_CLOCK})([Zz]|[+ -][0-9]{{2}}:[0-9]{{2}}))?")

_TOLD = {
    "message_id": "Tulis tanggal, atau tanggal dan jam beserta zonanya, dalam tahun 1901 sampai 2999.",
    "message_en": "Write a date, or a date and time with its zone, in the years 1901 to 2999.",
    "expected": "2026-03-31, 2026-03-31T16:00:00+07:00",
}


def _readable(text: str) -> str:
    try:
        _read(text)
    except ValueError as wrong:
        raise PydanticCustomError("moment_unreadable", _TOLD["message_en"], _TOLD) from wrong
    return text


def _read(text: str) -> date | datetime:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("neither a date nor a moment with its zone")
    day, clock, zone = found.groups()
    # a plus that was not written as %2B arrives as a space
    named = (
        datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace(' ', '+')}") if clock else date.fromisoformat(day)
    )
    if not 1901 <= named.year < 3000:
        raise ValueError("out of range")
    return named


Named = Annotated[
    str,
    AfterValidator(_readable),
    Field(json_schema_extra={"anyOf": [{"format": "date"}, {"format": "date-time"}]}),
]
"""A moment, or a day whose zone is known only with the agency; kept as it was written."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of some agencies: how things stood `at` a moment, up to `before` another where that matters.

    `is_past` unless the moment is now.
    """

    agencies: tuple[UUID, ...]
    at: datetime
    before: datetime | None
    is_past: bool


async def asked_of(
    database: Database,
    served: Iterable[UUID],
    now: datetime,
    *,
    as_of: str | None = None,
    due_before: str | None = None,
) -> tuple[Asked, ...]:
    """The agencies by what is asked of them: a plain date is another moment in another zone.

    Raises RequestInvalid for a moment to come.
    """
    then, before = (_read(text) if text else None for text in (as_of, due_before))
    by_zone: Mapping[ZoneInfo, Iterable[UUID]] = {_ANY: served}
    if _is_day(then) or _is_day(before):
        by_zone = await _by_zone(database, served)
    return tuple(
        Asked(
            agencies=tuple(theirs),
            at=(at := _as_of(then, zone, now)),
            before=_beginning(before, zone),
            is_past=at < now,
        )
        for zone, theirs in by_zone.items()
    )


_ANY = ZoneInfo("UTC")
"""Stands for all zones where no day is named."""


def _is_day(named: date | datetime | None) -> bool:
    return named is not None and not isinstance(named, datetime)


def _as_of(named: date | datetime | None, zone: ZoneInfo, now: datetime) -> datetime:
    if named is None:
        return now
    if isinstance(named, datetime):
        if named > now:
            raise RequestInvalid(_TO_COME)
        return named.astimezone(UTC)
    if named > _latest_day(now):
        raise RequestInvalid(_TO_COME)
    return min(datetime.combine(named, time.max, zone).astimezone(UTC), now)


def _latest_day(now: datetime) -> date:
    """Today, where the day begins first."""
    return now.astimezone(ZoneInfo("Asia/Jayapura")).date()


def _beginning(named: date | datetime | None, zone: ZoneInfo) -> datetime | None:
    if named is None or isinstance(named, datetime):
        return named
    return datetime.combine(named, time.min, zone).astimezone(UTC)


async def _by_zone(database: Database, served: Iterable[UUID]) -> dict[ZoneInfo, list[UUID]]:
    by_zone: dict[ZoneInfo, list[UUID]] = {}
    async with database.reading() as connection:
        for row in await connection.execute(_ZONES, {"agencies": list(served)}):
            by_zone.setdefault(ZoneInfo(row.timezone), []).append(row.id)
    return by_zone


_ZONES = select(agencies.c.id, agencies.c.timezone).where(
    agencies.c.id == any_(bindparam("agencies", type_=ARRAY(Uuid)))
)


async def span_of(
    database: Database, agency_id: UUID, since: str | None, until: str | None
) -> tuple[datetime | None, datetime | None]:
    """The moments from and before which something is asked of an agency; `until` a day is until that day is over."""
    first, last = (_read(text) if text else None for text in (since, until))
    zone = _ANY
    if _is_day(first) or _is_day(last):
        (zone,) = await _by_zone(database, [agency_id])
    if last is not None and not isinstance(last, datetime):
        last += timedelta(days=1)
    return _beginning(first, zone), _beginning(last, zone)


_TO_COME = Mistake(
    at="as_of",
    message_id="Keadaan pada waktu yang akan datang belum diketahui; sebutkan waktu yang sudah lewat.",
    message_en="How things will stand is not known yet; name a moment that has passed.",
)
