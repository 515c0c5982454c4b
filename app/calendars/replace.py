"""Replaces what an agency sets itself of its calendar: hours, seasons, zone, and when it wants to be told.

Who replaces a whole must have seen it: the version it was is named, and another one that came between is refused.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from app.calendars.compose import Cause, Standing, adopt, composed, nation, own_changes, standing
from app.calendars.schemas import CalendarAsked
from app.database import Database
from app.identity.callers import Caller, require_own_official
from app.versions import require_seen, required


async def replace(
    database: Database,
    caller: Caller,
    agency_id: UUID,
    asked: CalendarAsked,
    if_match: str | None,
    now: datetime,
) -> int:
    """Make what was asked the agency's calendar; gives which version that is. Raises IfMatchMissing,
    VersionSuperseded, OfficialNotAllowed.

    What is so already is left as it is, whatever version was named: a request sent twice is not refused (RFC 9110,
    13.1.1).
    """
    seen = required(if_match)
    return await database.unbroken(_replaced(database, caller, agency_id, asked, seen, now))


async def _replaced(
    database: Database, caller: Caller, agency_id: UUID, asked: CalendarAsked, if_match: str, now: datetime
) -> int:
    async with database.transaction() as connection:
        await require_own_official(connection, caller, agency_id)
        found = await standing(connection, agency_id, now)
        if _is_so(found, asked):
            return found.version
        require_seen(found.version, if_match)
        changes = await own_changes(connection, agency_id)
        calendar = composed(await nation(connection), asked.zone or found.zone, asked.own, changes)
        cause = Cause(asked.reason, asked.legal_basis, caller.client, caller.official)
        await adopt(connection, found, calendar, cause, now, own=asked.own, wishes=asked.wishes)
        return found.version + 1


def _is_so(found: Standing, asked: CalendarAsked) -> bool:
    zone = asked.zone or found.zone
    return (found.zone, found.own, found.wishes) == (zone, asked.own, asked.wishes)
