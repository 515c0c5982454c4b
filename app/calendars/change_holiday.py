"""Adds, removes or moves a day off for one agency, with its legal basis; and withdraws such a change again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.calendars import queries
from app.calendars.compose import Cause, adopt, composed, nation, own_changes, standing, together
from app.calendars.schemas import HolidayAsked, WithdrawAsked
from app.clock import new_id
from app.database import Database
from app.errors import AlreadyWithdrawn, CalendarInvalid, Existing
from app.idempotency import Answer, Ask
from app.identity.callers import Caller, require_own_official
from app.once import once
from app.tables import holiday_changes
from engine.calendar import Change, WorkCalendar
from engine.calendar_checks import mistakes_in


async def change_holiday(database: Database, caller: Caller, agency_id: UUID, ask: Ask, asked: HolidayAsked) -> Answer:
    """Change a day off for an agency, and with it its calendar. Raises CalendarInvalid."""

    async def deed(connection: AsyncConnection) -> Answer:
        await require_own_official(connection, caller, agency_id)
        found = await standing(connection, agency_id, ask.now)
        common, others = await nation(connection), await own_changes(connection, agency_id)
        new = Change(**{name: getattr(asked, name) for name in Change.model_fields})
        _require_fitting(together(common, found.zone, found.own, (*others, new)), len(others))
        change = new_id()
        await connection.execute(
            insert(holiday_changes).values(
                id=change,
                agency_id=agency_id,
                moved_to=new.to,
                reason=asked.reason,
                created_at=ask.now,
                client_id=caller.client,
                official_id=caller.official,
                **new.model_dump(exclude={"to"}),
            )
        )
        calendar = composed(common, found.zone, found.own, (*others, new))
        await adopt(connection, found, calendar, _cause(asked, caller), ask.now)
        row = await queries.change_row(connection, caller, change)
        view = queries.change_told(row, common.years, effective=True)
        return Answer(201, view.model_dump_json(), f"/v1/holidays/{change}")

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def withdraw_change(
    database: Database, caller: Caller, change: UUID, agency_id: UUID, ask: Ask, asked: WithdrawAsked
) -> Answer:
    """Let a change of an agency be as if it had never been made, from now on. Raises AlreadyWithdrawn."""

    async def deed(connection: AsyncConnection) -> Answer:
        await require_own_official(connection, caller, agency_id)
        found = await standing(connection, agency_id, ask.now)
        row = await queries.change_row(connection, caller, change)
        if row["withdrawn_at"] is not None:
            raise AlreadyWithdrawn(existing=_first(row))
        gone = {
            "withdrawn_at": ask.now,
            "withdrawn_by_client": caller.client,
            "withdrawn_by_official": caller.official,
            "withdrawal_reason": asked.reason,
            "withdrawal_basis": asked.legal_basis,
        }
        await connection.execute(update(holiday_changes).where(holiday_changes.c.id == change).values(gone))
        common, others = await nation(connection), await own_changes(connection, agency_id)
        calendar = composed(common, found.zone, found.own, others)
        await adopt(connection, found, calendar, _cause(asked, caller), ask.now)
        row = await queries.change_row(connection, caller, change)
        return Answer(200, queries.change_told(row, common.years, effective=False).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


def _cause(asked: HolidayAsked | WithdrawAsked, caller: Caller) -> Cause:
    return Cause(asked.reason, asked.legal_basis, caller.client, caller.official)


def _first(row: Any) -> Existing:
    by = row["withdrawn_by_official"] or row["withdrawn_by_client"]
    return Existing(id=str(row["id"]), outcome="withdrawn", by=str(by), at=row["withdrawn_at"])


def _require_fitting(with_it: WorkCalendar, place: int) -> None:
    """Refuse a change that does not fit the days off as they are, in the client's words: `date`, not `changes[3].date`.

    The mistakes of other changes are not its fault.
    """
    path = f"changes[{place}]"
    found = [
        replace(one, at=one.at.removeprefix(path).removeprefix("."))
        for one in mistakes_in(with_it)
        if one.at.startswith(path)
    ]
    if found:
        raise CalendarInvalid(*found)
