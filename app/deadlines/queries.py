"""Reads statutory deadlines: everybody's, and those of the caller's agencies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from app.calendars.catalog import Calendars
from app.database import Database
from app.deadlines.law import date_of
from app.deadlines.schemas import DeadlineView, Falls, Terms
from app.errors import NotFound
from app.identity.callers import Caller
from app.paging import Listing, Page, paged, split
from app.tables import agencies, deadline_rules, process_definitions
from engine.deadline import Deadline
from engine.working_time import CompiledCalendar

PERIOD = r"^(19|20|21)[0-9]{2}(-S[12]|-Q[1-4]|-0[1-9]|-1[0-2]|-(19|20|21)[0-9]{2})?$"
"""The forms of `engine.period`, whatever the cycle."""


class Deadlines(Listing):
    """Which deadlines to list; with an agency or a period, all that concern it."""

    definition: str | None = Field(default=None, description="Keys of SOPs, comma-separated.")
    agency: str | None = Field(default=None, description="The key or id of an agency.")
    period: str | None = Field(
        default=None, pattern=PERIOD, description="A period; says on which day each deadline falls in it."
    )
    withdrawn: Annotated[bool, Field(description="Whether to list withdrawn ones, too.")] = False


async def listed(database: Database, calendars: Calendars, caller: Caller, listing: Deadlines) -> Page[DeadlineView]:
    """The deadlines of the caller's SOPs and agencies, in the order they were set."""
    agency_id = caller.agency(listing.agency) if listing.agency else None
    if listing.agency and agency_id is None:
        return Page(items=[], next=None)
    concerned = _visible(caller)
    if (keys := split(listing.definition)) is not None:
        concerned = concerned.where(deadline_rules.c.definition_key.in_(keys))
    async with database.reading() as connection:
        rows = (await connection.execute(concerned)).mappings().all()
        places = await _places(connection, caller)
    shown = [row for row in rows if _concerns(row, agency_id, listing)]
    if (after := listing.after(UUID)) is not None:
        shown = [row for row in shown if row["id"] > after]
    told = _Told(rows, places, calendars)
    views = [await told.view(row, agency_id, listing.period) for row in shown[: listing.limit + 1]]
    return paged(listing, views, lambda view: str(view.id))


async def one(database: Database, calendars: Calendars, caller: Caller, deadline: UUID) -> DeadlineView:
    """One deadline. Raises NotFound."""
    async with database.reading() as connection:
        return await told(connection, calendars, caller, deadline)


async def told(connection: AsyncConnection, calendars: Calendars, caller: Caller, deadline: UUID) -> DeadlineView:
    """One deadline as a transaction sees it. Raises NotFound."""
    row = await rule_row(connection, caller, deadline)
    same = _visible(caller).where(deadline_rules.c.definition_key == row["definition_key"])
    rows = (await connection.execute(same)).mappings().all()
    return await _Told(rows, await _places(connection, caller), calendars).view(row)


async def rule_row(connection: AsyncConnection, caller: Caller, deadline: UUID) -> Any:
    """The row of a deadline that concerns the caller. Raises NotFound."""
    found = await connection.execute(_visible(caller).where(deadline_rules.c.id == deadline))
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound
    return row


def _visible(caller: Caller) -> Select[Any]:
    """The rules of the caller's agencies, and everybody's for the SOPs of these."""
    mine = list(caller.agencies.values())
    sops = select(process_definitions.c.key).where(process_definitions.c.agency_id.in_(mine))
    shared = deadline_rules.c.agency_id.is_(None) & deadline_rules.c.definition_key.in_(sops)
    return select(deadline_rules).where(or_(shared, deadline_rules.c.agency_id.in_(mine))).order_by(deadline_rules.c.id)


def _concerns(row: Any, agency_id: UUID | None, listing: Deadlines) -> bool:
    """Whether a rule says something about the agency and period that were asked about."""
    return (
        (agency_id is None or row["agency_id"] in (None, agency_id))
        and (listing.period is None or row["period"] in (None, listing.period))
        and (listing.withdrawn or row["withdrawn_at"] is None)
    )


async def _places(connection: AsyncConnection, caller: Caller) -> dict[str, Any]:
    """The caller's agencies by id, and the one of each SOP by its key."""
    mine = list(caller.agencies.values())
    served = select(agencies.c.id, agencies.c.id.label("agency_id"), agencies.c.key, *_SCHEDULE)
    found = (await connection.execute(served.where(agencies.c.id.in_(mine)))).mappings().all()
    by_id: dict[Any, Any] = {row["id"]: row for row in found}
    owners = (
        select(process_definitions.c.key, process_definitions.c.agency_id)
        .ext(distinct_on(process_definitions.c.key))
        .where(process_definitions.c.agency_id.in_(mine))
    )
    return by_id | {row.key: by_id[row.agency_id] for row in await connection.execute(owners)}


_SCHEDULE = (
    agencies.c.calendar_hash.label("agency_calendar"),
    agencies.c.due_soon_percent,
    agencies.c.escalate_after_days,
)


def _rank(row: Any) -> tuple[bool, bool, Any, UUID]:
    """The order in which rules go before one another, as in `law.counting`."""
    return row["period"] is not None, row["agency_id"] is not None, row["created_at"], row["id"]


class _Told:
    """Views of rules, each among all that concern the same SOPs."""

    def __init__(self, rows: Sequence[Any], places: dict[Any, Any], calendars: Calendars) -> None:
        self._standing = [row for row in rows if row["withdrawn_at"] is None]
        self._places, self._calendars = places, calendars

    async def view(self, row: Any, agency_id: UUID | None = None, period: str | None = None) -> DeadlineView:
        """A rule, with the day it falls on in a period for an agency, those it names itself first."""
        place = self._places.get(row["agency_id"] or agency_id or row["definition_key"])
        calendar = (await self._calendars.schedule(place)).calendar if place else None
        period = row["period"] or period
        beneath = max(self._beneath(row), key=_rank, default=None)
        return DeadlineView.of(
            row,
            self._terms(row, calendar, period),
            self._terms(beneath, calendar, period) if beneath else None,
            in_force=row["withdrawn_at"] is None and not any(self._replaces(other, row) for other in self._standing),
        )

    def _beneath(self, row: Any) -> Iterable[Any]:
        """The rules that would speak for all that a rule speaks for, were it not there."""
        return (
            other
            for other in self._standing
            if other["definition_key"] == row["definition_key"]
            and other["agency_id"] in (None, row["agency_id"])
            and other["period"] in (None, row["period"])
            and _rank(other) < _rank(row)
        )

    def _replaces(self, other: Any, row: Any) -> bool:
        same = all(other[name] == row[name] for name in ("definition_key", "agency_id", "period"))
        return same and _rank(other) > _rank(row)

    def _terms(self, row: Any, calendar: CompiledCalendar | None, period: str | None) -> Terms:
        law = Deadline.model_validate(row["rule"], strict=False)
        falls = date_of(law, calendar, period, row["event_on"]) if calendar else None
        agency = self._places.get(row["agency_id"])
        return Terms(
            **dict(law),
            id=row["id"],
            agency=agency["key"] if agency else None,
            period=row["period"],
            event_on=row["event_on"],
            falls=Falls.of(falls) if falls else None,
        )
