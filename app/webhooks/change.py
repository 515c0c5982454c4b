"""Changes a webhook endpoint: what it is told, where, how fast, and whether at all.

Who changes something must have seen it: the version it was is named, and another one that came between is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.errors import EndpointUnverified, RequestInvalid
from app.identity.callers import Caller
from app.tables import deliveries, messages, webhook_endpoints
from app.versions import require_seen, required
from app.webhooks import queries
from app.webhooks.create import agencies_named, new_challenge, require_sound
from app.webhooks.outside import Outside
from app.webhooks.schemas import EndpointChange, EndpointView
from app.webhooks.telling import endpoint_disabled, tell
from engine.errors import Mistake

FORGIVEN: dict[str, Any] = {
    "failing_since": None,
    "failures": 0,
    "openings": 0,
    "rests_until": None,
    "on_trial": False,
    "slot_at": datetime.fromtimestamp(0, UTC),
}
"""How an endpoint stands that begins anew."""


async def change(
    database: Database,
    outside: Outside,
    caller: Caller,
    endpoint_id: UUID,
    asked: EndpointChange,
    if_match: str | None,
    now: datetime,
) -> EndpointView:
    """Change an endpoint, and give how it is then.

    What is so already is left as it is, whatever version was named: a request sent twice is not refused (RFC 9110,
    13.1.1). Raises IfMatchMissing, VersionSuperseded, RequestInvalid, NotFound, EndpointUnverified.
    """
    seen = required(if_match)
    return await database.unbroken(_changed(database, outside, caller, endpoint_id, asked, seen, now))


async def _changed(
    database: Database,
    outside: Outside,
    caller: Caller,
    endpoint_id: UUID,
    asked: EndpointChange,
    if_match: str,
    now: datetime,
) -> EndpointView:
    async with database.transaction() as connection:
        row = await queries.endpoint_row(connection, caller, endpoint_id, held=True)
        values = _named(caller, asked) | _standing(row, asked)
        different = {name: value for name, value in values.items() if row[name] != value}
        if not different:
            return EndpointView.of(row)
        require_seen(row["version"], if_match)
        after = dict(row) | different
        require_sound(outside, after["url"], after["private_networks"], after["types"])
        await connection.execute(
            update(webhook_endpoints)
            .where(webhook_endpoints.c.id == endpoint_id)
            .values(different | {"version": row["version"] + 1})
        )
        if set(row["agencies"]) - set(after["agencies"]):
            await _cancel_of_others(connection, endpoint_id, after["agencies"], now)
        if different.get("status") == "disabled":
            told = [endpoint_disabled(new_id(), agency, row, "administrator", now) for agency in row["agencies"]]
            await tell(connection, told)
        return EndpointView.of(await queries.endpoint_row(connection, caller, endpoint_id))


async def _cancel_of_others(connection: AsyncConnection, endpoint_id: UUID, served: list[UUID], now: datetime) -> None:
    """Cancel what waits of agencies that the endpoint is no longer for."""
    of_others = (
        deliveries.c.endpoint_id == endpoint_id,
        deliveries.c.status == "waiting",
        messages.c.id == deliveries.c.message_id,
        messages.c.agency_id.not_in(served),
    )
    await connection.execute(update(deliveries).where(*of_others).values(status="cancelled", ended_at=now))


def _named(caller: Caller, asked: EndpointChange) -> dict[str, Any]:
    """The columns that were named, but for how the endpoint stands."""
    values = asked.model_dump(exclude_unset=True, exclude={"status", "reason"})
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    if "candidate_roles" in values:
        values["roles"] = values.pop("candidate_roles")
    if "agencies" in values:
        values["agencies"] = agencies_named(caller, asked.agencies)
    return values


def _standing(row: Any, asked: EndpointChange) -> dict[str, Any]:
    """Whether it is sent anything from now on, and why not. Raises EndpointUnverified, RequestInvalid."""
    if (asked.status == "disabled") != (asked.reason is not None):
        raise RequestInvalid(_REASON)
    moved = "url" in asked.model_fields_set and asked.url != row["url"]
    anew: dict[str, Any] = {"verified_at": None, "challenge": new_challenge()} | FORGIVEN if moved else {}
    if asked.status == "disabled":
        return anew | {"status": "disabled", "reason": asked.reason}
    if asked.status == "enabled":
        if moved or row["verified_at"] is None:
            raise EndpointUnverified
        return {"status": "enabled", "reason": None} | (FORGIVEN if row["status"] == "disabled" else {})
    # what somebody disabled stays so, also elsewhere
    return anew | ({"status": "unverified"} if moved and row["status"] == "enabled" else {})


_REASON = Mistake(
    at="reason",
    message_id="Alasan disertakan bila, dan hanya bila, status diubah menjadi disabled.",
    message_en="A reason is given when, and only when, status becomes disabled.",
)
