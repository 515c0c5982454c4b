"""Sets a statutory deadline for one agency, always or in one period, and withdraws one; none is ever overwritten."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.calendars.catalog import Calendars
from app.calendars.schemas import WithdrawAsked
from app.clock import new_id
from app.database import Database
from app.deadlines import queries
from app.deadlines.schemas import DeadlineAsked
from app.errors import AlreadyWithdrawn, DeadlineShared, Existing, NotFound, RequestInvalid
from app.idempotency import Answer, Ask
from app.identity.callers import Caller, require_own_official
from app.once import once
from app.tables import agencies, deadline_rules, process_definitions
from engine.deadline import Deadline
from engine.definition import ProcessDefinition
from engine.errors import Mistake
from engine.period import require_period


async def set_deadline(
    database: Database, calendars: Calendars, caller: Caller, agency_id: UUID, ask: Ask, asked: DeadlineAsked
) -> Answer:
    """Set a deadline for an agency, which goes before what held until then. Raises NotFound, PeriodMismatch."""
    _require_event(asked)
    await calendars.see_to([agency_id])  # beforehand: who is given one waits for the agency, as the deed does

    async def deed(connection: AsyncConnection) -> Answer:
        await require_own_official(connection, caller, agency_id)
        definition = await _definition(connection, caller, asked.definition)
        if asked.period is not None:
            require_period(definition.cycle, asked.period)
        law = Deadline(
            name=asked.name or definition.title[:300],
            rule=asked.rule,
            roll=asked.roll,
            legal_basis=asked.legal_basis,
            verified=asked.verified,
        )
        deadline = new_id()
        await connection.execute(
            insert(deadline_rules).values(
                id=deadline,
                definition_key=asked.definition,
                agency_id=agency_id,
                period=asked.period,
                rule=law.model_dump(mode="json"),
                verified=asked.verified,
                event_on=asked.event_on,
                reason=asked.reason,
                created_at=ask.now,
                client_id=caller.client,
                official_id=caller.official,
            )
        )
        await moved(connection, agency_id)
        view = await queries.told(connection, calendars, caller, deadline)
        return Answer(201, view.model_dump_json(), f"/v1/deadlines/{deadline}")

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def withdraw_deadline(
    database: Database,
    calendars: Calendars,
    caller: Caller,
    deadline: UUID,
    agency_id: UUID,
    ask: Ask,
    asked: WithdrawAsked,
) -> Answer:
    """Let what held before an agency's deadline hold again. Raises AlreadyWithdrawn."""
    await calendars.see_to([agency_id])

    async def deed(connection: AsyncConnection) -> Answer:
        await require_own_official(connection, caller, agency_id)
        await moved(connection, agency_id)  # first, for it makes those who withdraw at once take turns
        row = await queries.rule_row(connection, caller, deadline)
        if row["withdrawn_at"] is not None:
            raise AlreadyWithdrawn(existing=_first(row))
        gone = {
            "withdrawn_at": ask.now,
            "withdrawn_by_client": caller.client,
            "withdrawn_by_official": caller.official,
            "withdrawal_reason": asked.reason,
            "withdrawal_basis": asked.legal_basis,
        }
        await connection.execute(update(deadline_rules).where(deadline_rules.c.id == deadline).values(gone))
        return Answer(200, (await queries.told(connection, calendars, caller, deadline)).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)


async def agency_of(database: Database, caller: Caller, asked: DeadlineAsked) -> UUID:
    """The agency a deadline is set for: the one named, or the SOP's own. Raises NotFound."""
    async with database.reading() as connection:
        definition = await _definition(connection, caller, asked.definition)
    found = caller.agency(asked.agency or definition.agency)
    if found is None:
        raise NotFound(_unknown("agency", asked.agency or definition.agency))
    return found


async def agency_of_deadline(database: Database, caller: Caller, deadline: UUID) -> UUID:
    """The agency whose deadline it is. Raises NotFound, and DeadlineShared where it is everybody's."""
    async with database.reading() as connection:
        row = await queries.rule_row(connection, caller, deadline)
    if row["agency_id"] is None:
        raise DeadlineShared
    agency_id: UUID = row["agency_id"]
    return agency_id


async def moved(connection: AsyncConnection, agency_id: UUID | None) -> None:
    """Note that running instances of an agency, or of all, may have another deadline now."""
    concerned = update(agencies).values(clock_version=agencies.c.clock_version + 1)
    await connection.execute(concerned.where(agencies.c.id == agency_id) if agency_id else concerned)


async def _definition(connection: AsyncConnection, caller: Caller, key: str) -> ProcessDefinition:
    mine = select(process_definitions.c.content).where(
        process_definitions.c.key == key, process_definitions.c.agency_id.in_(caller.agencies.values())
    )
    newest = mine.order_by(process_definitions.c.version.desc()).limit(1)
    content: str | None = (await connection.execute(newest)).scalar_one_or_none()
    if content is None:
        raise NotFound(_unknown("definition", key))
    return ProcessDefinition.model_validate_json(content)


def _unknown(at: str, named: str) -> Mistake:
    return Mistake(
        at=at,
        message_id=f"“{named}” tidak ditemukan di antara instansi yang dilayani kunci API ini.",
        message_en=f"“{named}” is not among what this API key serves.",
    )


def _require_event(asked: DeadlineAsked) -> None:
    """An event has a date only where the deadline follows one, and each period has its own."""
    if asked.event_on is not None and (asked.rule.kind != "after_event" or asked.period is None):
        raise RequestInvalid(_EVENT_MISTAKE)


_EVENT_MISTAKE = Mistake(
    at="event_on",
    message_id="Tanggal peristiwa hanya untuk tenggat yang mengikuti peristiwa (after_event), beserta periodenya.",
    message_en="An event has a date only where the deadline follows one (after_event), together with its period.",
    expected="after_event, period",
)


def _first(row: Any) -> Existing:
    by = row["withdrawn_by_official"] or row["withdrawn_by_client"]
    return Existing(id=str(row["id"]), outcome="withdrawn", by=str(by), at=row["withdrawn_at"])
