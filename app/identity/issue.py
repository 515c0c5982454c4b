"""Issues API keys. A key is shown once; only its hash stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.identity.callers import SCOPES
from app.identity.credentials import hash_of, new_key
from app.tables import agencies, api_key_agencies, api_key_officials, api_keys, officials


class UnknownName(Exception):
    """A scope, agency or official was named that does not exist."""


async def issue_key(
    connection: AsyncConnection,
    name: str,
    *,
    scopes: Sequence[str],
    agencies: Sequence[str],
    officials: str,
    at: datetime,
) -> str:
    """A new key for a client. `officials` is a comma list of ids, or `all` of the agencies. Raises UnknownName."""
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise UnknownName(f"scope {', '.join(unknown)}: {', '.join(SCOPES)}")
    served = [await agency_id(connection, key) for key in agencies]
    acting = await _officials(connection, officials, served)
    key, key_id = new_key(), new_id()
    row = {"id": key_id, "name": name, "secret_hash": hash_of(key), "scopes": list(scopes), "created_at": at}
    await connection.execute(insert(api_keys).values(row))
    for one in served:
        await connection.execute(insert(api_key_agencies).values(api_key_id=key_id, agency_id=one))
    for one in acting:
        await connection.execute(insert(api_key_officials).values(api_key_id=key_id, official_id=one))
    return key


async def agency_id(connection: AsyncConnection, key: str) -> UUID:
    """The id of an agency by its key. Raises UnknownName."""
    named = select(agencies.c.id).where(agencies.c.key == key)
    found: UUID | None = (await connection.execute(named)).scalar_one_or_none()
    if found is None:
        raise UnknownName(f"instansi · agency {key}")
    return found


async def _officials(connection: AsyncConnection, named: str, served: Sequence[UUID]) -> Sequence[UUID]:
    mine = select(officials.c.id).where(officials.c.agency_id.in_(served))
    known = (await connection.execute(mine)).scalars().all()
    if named == "all":
        return known
    wanted = {part.strip() for part in named.split(",") if part.strip()}
    if unknown := sorted(wanted - {str(one) for one in known}):
        raise UnknownName(f"pejabat · official {', '.join(unknown)}")
    return [one for one in known if str(one) in wanted]
