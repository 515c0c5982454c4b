"""Makes a webhook endpoint with its first secret. It is sent no event before its owner has shown that it is theirs."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import new_id
from app.database import Database
from app.errors import NotFound, RequestInvalid
from app.idempotency import Answer, Ask
from app.identity.callers import Caller
from app.tables import webhook_endpoints
from app.webhooks import queries
from app.webhooks.catalogue import TYPES, unknown
from app.webhooks.egress import EgressRefused, named_networks
from app.webhooks.outside import Outside
from app.webhooks.schemas import EndpointAsked, EndpointMade
from app.webhooks.sealing import Seal
from app.webhooks.secrets import add_secret, once_sealed, required
from engine.errors import Mistake


async def create(
    database: Database, seal: Seal | None, outside: Outside, caller: Caller, ask: Ask, asked: EndpointAsked
) -> Answer:
    """Make an endpoint. Raises RequestInvalid, NotFound, SecretsUnavailable."""
    sealing, served, beside = required(seal), list[UUID](), list[Mistake]()
    try:
        served = agencies_named(caller, asked.agencies)
    except RequestInvalid as unclear:
        beside = list(unclear.errors)
    require_sound(outside, asked.url, asked.private_networks, asked.types, beside)

    async def deed(connection: AsyncConnection) -> Answer:
        endpoint = new_id()
        await connection.execute(
            insert(webhook_endpoints).values(
                **asked.model_dump(exclude={"agencies", "candidate_roles", "signature"}),
                id=endpoint,
                agencies=served,
                roles=asked.candidate_roles,
                status="unverified",
                challenge=new_challenge(),
                created_at=ask.now,
                client_id=caller.client,
            )
        )
        secret = await add_secret(connection, sealing, endpoint, asked.signature, ask.now)
        row = await queries.endpoint_row(connection, caller, endpoint)
        view = EndpointMade.with_secret(row, secret.verifies_with)
        return Answer(201, view.model_dump_json(), f"/v1/webhook-endpoints/{endpoint}")

    return await once_sealed(database, sealing, caller.client, ask, deed)


def new_challenge() -> str:
    """What a receiver must give back to show that its owner wants to be told; another one for each URL."""
    return secrets.token_urlsafe(32)


def agencies_named(caller: Caller, named: Sequence[str] | None) -> list[UUID]:
    """The agencies an endpoint is for: those named, or the only one that is served. Raises NotFound, RequestInvalid."""
    if named is None:
        if len(caller.agencies) != 1:
            raise RequestInvalid(_WHICH_AGENCY)
        return list(caller.agencies.values())
    found = [caller.agency(one) for one in named]
    strange = [_strange_agency(at, named[at]) for at, one in enumerate(found) if one is None]
    if strange:
        raise NotFound(*strange)
    return list(dict.fromkeys(one for one in found if one is not None))


def require_sound(
    outside: Outside, url: str, networks: Sequence[str], types: Sequence[str], beside: Sequence[Mistake] = ()
) -> None:
    """Refuse where webhooks may not go and what nothing answers to, with every mistake, also those found beside.

    Raises RequestInvalid.
    """
    mistakes = [*beside]
    mistakes += [_unknown_type(types.index(one), one) for one in unknown(types)]
    sound = []
    for at, network in enumerate(networks):
        try:
            named_networks([network])
        except EgressRefused as wrong:
            mistakes.append(_refused(f"private_networks[{at}]", wrong))
        else:
            sound.append(network)
    try:
        outside.egress_for(sound).destination(url)
    except EgressRefused as wrong:
        mistakes.append(_refused("url", wrong))
    if mistakes:
        raise RequestInvalid(*mistakes)


def _refused(at: str, wrong: EgressRefused) -> Mistake:
    return Mistake(at=at, message_id=wrong.message_id, message_en=wrong.message_en)


def _unknown_type(at: int, named: str) -> Mistake:
    return Mistake(
        at=f"types[{at}]",
        message_id=f"Tidak ada jenis peristiwa “{named}”; tulis salah satu yang ada, atau kelompoknya.",
        message_en=f"There is no type of event “{named}”; write one there is, or a group of them.",
        expected=" | ".join(["*", "step.*", *TYPES]),
    )


def _strange_agency(at: int, named: str) -> Mistake:
    return Mistake(
        at=f"agencies[{at}]",
        message_id=f"“{named}” tidak ditemukan di antara instansi yang dilayani kunci API ini.",
        message_en=f"“{named}” is not among the agencies this API key serves.",
    )


_WHICH_AGENCY = Mistake(
    at="agencies",
    message_id="Kunci API ini tidak melayani tepat satu instansi; sebutkan instansinya.",
    message_en="This API key does not serve exactly one agency; name those that are meant.",
)
