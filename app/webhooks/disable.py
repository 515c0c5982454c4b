"""Ends the service of an endpoint that is gone or has failed for days, and tells of it: in the log and in the feed."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.tables import webhook_endpoints
from app.webhooks.telling import endpoint_disabled, tell

log = logging.getLogger("alur")

Reason = Literal["gone", "failing"]


async def disable(connection: AsyncConnection, endpoint: UUID, reason: Reason, now: datetime) -> bool:
    """Send nothing more to an endpoint; what waits stays, until it is enabled again. False where it was so already."""
    table = webhook_endpoints.c
    ended = (
        update(webhook_endpoints)
        .where(table.id == endpoint, table.status != "disabled")
        .values(status="disabled", reason=reason, version=table.version + 1)
        .returning(table.id, table.url, table.agencies, table.failing_since)
    )
    row = (await connection.execute(ended)).mappings().one_or_none()
    if row is None:
        return False
    log.warning("webhook endpoint %s is disabled: %s", endpoint, reason)
    await tell(connection, [endpoint_disabled(new_id(), agency, row, reason, now) for agency in row["agencies"]])
    return True
