"""The caller behind a credential: a client with scopes, the agencies it serves and the officials it may act for."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.errors import IdentityMissing, OfficialNotAllowed, OnBehalfOfMissing, ScopeMissing
from app.identity.credentials import Credential
from app.observation.exchange import present
from app.tables import agencies, api_key_agencies, api_key_officials, api_keys, officials

SCOPES = ("read", "start", "act", "answer", "record", "publish", "admin")


@dataclass(frozen=True, slots=True)
class Caller:
    """A client that was recognised. `agencies` maps the key of each agency it serves to its id."""

    client: UUID
    scopes: frozenset[str]
    agencies: dict[str, UUID]
    official: UUID | None

    def agency(self, named: str) -> UUID | None:
        """The id of an agency this client serves, named by key or id."""
        found = self.agencies.get(named)
        return found or next((one for one in self.agencies.values() if str(one) == named.lower()), None)


def require_scope(scopes: frozenset[str], scope: str) -> None:
    """Refuse a client that lacks a scope. Raises ScopeMissing."""
    if scope not in scopes:
        raise ScopeMissing(scope=scope)


def require_official(official: UUID | None, allowed: bool, *, named: bool) -> None:
    """Refuse an official outside the key's list, or none where one must be named."""
    if official is None and named:
        raise OnBehalfOfMissing
    if official is not None and not allowed:
        raise OfficialNotAllowed


def key_is_valid() -> ColumnElement[bool]:
    """The predicate that recognises a key by its hash (`:secret_hash`) and refuses one that is revoked or expired."""
    return and_(
        api_keys.c.secret_hash == bindparam("secret_hash"),
        api_keys.c.revoked_at.is_(None),
        or_(api_keys.c.expires_at.is_(None), api_keys.c.expires_at > func.now()),
    )


def may_act_for(agency_id: ColumnElement[UUID] | None = None) -> ColumnElement[bool]:
    """Whether the key in the statement may act for `:official`, and, where one is named, in that agency."""
    listed = and_(
        api_key_officials.c.api_key_id == api_keys.c.id,
        api_key_officials.c.official_id == bindparam("official", type_=Uuid),
    )
    if agency_id is None:
        return exists().where(listed)
    theirs = and_(officials.c.id == api_key_officials.c.official_id, officials.c.agency_id == agency_id)
    return exists().where(listed, theirs)


def serves(agency_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    """Whether the key in the statement serves an agency."""
    return exists().where(api_key_agencies.c.api_key_id == api_keys.c.id, api_key_agencies.c.agency_id == agency_id)


async def recognise(database: Database, credential: Credential, scope: str) -> Caller:
    """The caller behind a credential, if it has the scope. Raises IdentityMissing, ScopeMissing, OfficialNotAllowed."""
    async with database.reading() as connection:
        rows = await connection.execute(
            _CALLER, {"secret_hash": credential.secret_hash, "official": credential.official}
        )
        row = rows.one_or_none()
    if row is None:
        raise IdentityMissing
    present().client = row.id
    served = {key: UUID(agency_id) for key, agency_id in (row.agencies or {}).items()}
    caller = Caller(row.id, frozenset(row.scopes), served, credential.official)
    require_scope(caller.scopes, scope)
    require_official(credential.official, row.allowed, named=False)
    return caller


async def require_own_official(connection: AsyncConnection, caller: Caller, agency_id: UUID) -> None:
    """Refuse an official of another agency than the one that is acted in. Raises OfficialNotAllowed."""
    if caller.official is not None:
        theirs = select(officials.c.id).where(officials.c.id == caller.official, officials.c.agency_id == agency_id)
        if (await connection.execute(theirs)).one_or_none() is None:
            raise OfficialNotAllowed


_AGENCIES = (
    select(func.jsonb_object_agg(agencies.c.key, agencies.c.id, type_=JSONB))
    .join_from(api_key_agencies, agencies)
    .where(api_key_agencies.c.api_key_id == api_keys.c.id)
    .scalar_subquery()
)

_CALLER = select(api_keys.c.id, api_keys.c.scopes, may_act_for().label("allowed"), _AGENCIES.label("agencies")).where(
    key_is_valid()
)
