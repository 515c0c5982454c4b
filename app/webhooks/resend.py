"""Sends one delivery again: it is due now, under the same id; its attempts are counted on."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import null, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import DeliveryUnderWay, EndpointNotEnabled
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.once import once
from app.tables import deliveries
from app.webhooks import queries
from app.webhooks.schemas import DeliveryView


async def resend(database: Database, caller: Caller, delivery_id: UUID, ask: Ask) -> Answer:
    """Let a delivery be attempted now, whether it arrived, died or waits. Raises NotFound, EndpointNotEnabled,
    DeliveryUnderWay.
    """

    async def deed(connection: AsyncConnection) -> Answer:
        row = await queries.delivery_row(connection, caller, delivery_id, held=True)
        if row["endpoint_status"] != "enabled":
            raise EndpointNotEnabled(state=row["endpoint_status"])
        if row["status"] == "in_flight":
            raise DeliveryUnderWay
        again = {"status": "waiting", "due_at": ask.now, "ended_at": null()}
        await connection.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(again))
        row = await queries.delivery_row(connection, caller, delivery_id)
        return Answer(200, DeliveryView.of(row).model_dump_json())

    return await once(database, caller.client, ask.retry, ask.now, deed)
