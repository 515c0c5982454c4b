"""The feed over HTTP: pages, a stream, consumers whose place is kept, and daily manifests."""

from __future__ import annotations

import json
from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from app.bodies import Sent
from app.errors import PROBLEM, Problem
from app.feed import consumers
from app.feed.acknowledge import acknowledge
from app.feed.change import change
from app.feed.dismiss import dismiss
from app.feed.queries import Found
from app.feed.register import register
from app.feed.schemas import (
    CURSOR,
    AckAsked,
    ConsumerAsked,
    ConsumerChange,
    ConsumerView,
    Events,
    FeedAsked,
    Filters,
    ManifestKey,
    ManifestView,
    NextAsked,
)
from app.feed.stream import AT_ONCE, Stream
from app.feed.told import page_of
from app.feed.waiting import Lookout
from app.http import BODY, CSV, From, Reader, Responses, Stored, located, problems
from app.idempotency import Answer
from app.identity.callers import recognise
from app.intake import StrictRoute
from app.paging import Page, respond
from app.versions import tag_of
from app.webhooks import queries as endpoints

routes = APIRouter(tags=["events"], route_class=StrictRoute)


async def _lookout(request: Request) -> Lookout:
    return cast(Lookout, request.app.state.lookout)


Waiting = Annotated[Lookout, Depends(_lookout)]
Condition = Annotated[str | None, Header(alias="If-Match", description="The ETag of the consumer that was seen.")]
LastSeen = Annotated[str | None, Header(alias="Last-Event-ID", pattern=rf"^{CURSOR}$")]

_TAG = {"description": "Names this version, for If-Match.", "required": True, "schema": {"type": "string"}}
_TAGGED: Responses = {200: {"headers": {"ETag": _TAG}}}
_BESIDE: Responses = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": said}
    for status, said in {
        410: "Tidak disimpan lagi · no longer kept",
        412: "Sudah ada versi lain · another version came between",
        428: "If-Match belum disertakan · If-Match missing",
    }.items()
}
_GONE: Responses = {410: _BESIDE[410]}
_CONDITIONS: Responses = {status: _BESIDE[status] for status in (412, 428)}
_STREAM: Responses = {
    200: {"content": {"text/event-stream": {"schema": {"type": "object"}}}, "description": "Server-Sent Events."}
}


@routes.get("/v1/events", response_model=Events, responses=_GONE | problems(403, 422))
async def list_events(
    request: Request, lookout: Waiting, caller: Reader, asked: Annotated[FeedAsked, Query()]
) -> Response:
    """The messages of your agencies after a cursor, in the order of commits and without gaps; waits where asked to."""
    wanted, place = asked.wanted(caller), await _place(lookout, asked.after)
    found = await lookout.wait(request, wanted, place, asked.limit, asked.wait)
    return _page(request, found)


@routes.get("/v1/events/stream", response_class=Response, responses=_STREAM | _GONE | problems(403, 422))
async def stream_events(
    request: Request,
    lookout: Waiting,
    caller: Reader,
    asked: Annotated[Filters, Query()],
    last_seen: LastSeen = None,
) -> Response:
    """The same as Server-Sent Events: `id` is the cursor, `data` the message. `Last-Event-ID` goes on from there."""
    wanted, place = asked.wanted(caller), await _place(lookout, last_seen or asked.after)
    begin = await lookout.read(wanted, place, AT_ONCE)
    return Stream(lookout, wanted, begin, request.app.state.settings.public_url)


@routes.get("/v1/event-consumers", response_model=Page[ConsumerView], responses=CSV | problems(403, 422))
async def list_consumers(
    request: Request, database: Stored, caller: Reader, listing: Annotated[consumers.Consumers, Query()]
) -> Response:
    """List the consumers of your agencies."""
    return respond(request, listing, await consumers.listed(database, caller, listing), ConsumerView)


@routes.post(
    "/v1/event-consumers",
    status_code=201,
    response_model=ConsumerView,
    responses=located(201, "The consumer.") | _GONE | problems(403, 404, 409, *BODY),
)
async def add_consumer(database: Stored, lookout: Waiting, sender: From, asked: Sent[ConsumerAsked]) -> Response:
    """Register a reader of the feed whose place is kept here: from the oldest message, from now on, or a cursor."""
    caller = await recognise(database, sender.credential, "admin")
    far = await lookout.end()
    return _tagged(await register(database, caller, sender.ask(_told(asked)), asked, far))


@routes.get("/v1/event-consumers/{id}", response_model=ConsumerView, responses=_TAGGED | problems(403, 404, 422))
async def read_consumer(database: Stored, caller: Reader, id: UUID, response: Response) -> ConsumerView:
    """Look up one consumer and its place."""
    view = await consumers.one(database, caller, id)
    response.headers["ETag"] = tag_of(view.version)
    return view


@routes.patch(
    "/v1/event-consumers/{id}",
    response_model=ConsumerView,
    responses=_TAGGED | _CONDITIONS | problems(403, 404, 409, *BODY),
)
async def change_consumer(
    database: Stored, sender: From, id: UUID, asked: Sent[ConsumerChange], if_match: Condition = None
) -> Response:
    """Change the name or the filters of a consumer; what is left out stays, and so does its place."""
    caller = await recognise(database, sender.credential, "admin")
    return _tagged(await change(database, caller, sender.ask(_told(asked)), id, asked, if_match))


@routes.delete("/v1/event-consumers/{id}", status_code=204, responses=problems(403, 404, 422))
async def remove_consumer(database: Stored, sender: From, id: UUID) -> Response:
    """Dismiss a consumer; its place is forgotten."""
    caller = await recognise(database, sender.credential, "admin")
    await dismiss(database, caller, sender.ask(""), id)
    return Response(status_code=204)


@routes.get("/v1/event-consumers/{id}/events", response_model=Events, responses=_GONE | problems(403, 404, 422))
async def list_events_of_consumer(
    request: Request,
    database: Stored,
    lookout: Waiting,
    caller: Reader,
    id: UUID,
    asked: Annotated[NextAsked, Query()],
) -> Response:
    """What a consumer has not acknowledged yet. Reading moves nothing: acknowledge `next` once all is taken."""
    wanted, place = await consumers.wanted(database, caller, id)
    return _page(request, await lookout.wait(request, wanted, place, asked.limit, asked.wait))


@routes.post(
    "/v1/event-consumers/{id}/ack",
    response_model=ConsumerView,
    responses=_GONE | problems(403, 404, 409, *BODY),
)
async def acknowledge_events(
    database: Stored, lookout: Waiting, sender: From, id: UUID, asked: Sent[AckAsked]
) -> Response:
    """Say that all up to a cursor has been taken. Whoever may read a consumer may do so."""
    caller = await recognise(database, sender.credential, "read")
    far = await lookout.end()
    return (await acknowledge(database, caller, sender.ask(_told(asked)), id, asked, far)).response()


@routes.get(
    "/v1/event-consumers/{id}/manifests",
    response_model=Page[ManifestView],
    responses=CSV | problems(403, 404, 422),
)
async def list_manifests_of_consumer(
    request: Request,
    database: Stored,
    caller: Reader,
    id: UUID,
    listing: Annotated[consumers.Manifests, Query()],
) -> Response:
    """What fitted a consumer on each day that is over, signed; the latest day first."""
    await consumers.one(database, caller, id)
    return respond(request, listing, await consumers.manifests_of(database, id, listing), ManifestView)


@routes.get(
    "/v1/webhook-endpoints/{id}/manifests",
    response_model=Page[ManifestView],
    responses=CSV | problems(403, 404, 422),
)
async def list_manifests_of_webhook_endpoint(
    request: Request,
    database: Stored,
    caller: Reader,
    id: UUID,
    listing: Annotated[consumers.Manifests, Query()],
) -> Response:
    """What was queued for a webhook endpoint on each day that is over, signed; the latest day first."""
    await endpoints.endpoint(database, caller, id)
    return respond(request, listing, await consumers.manifests_of(database, id, listing), ManifestView)


@routes.get("/v1/event-manifests/key", response_model=ManifestKey, responses=problems(403, 404, 422))
async def read_manifest_key(database: Stored, caller: Reader) -> ManifestKey:
    """The public key that manifests are verified with; there is one once the first was signed."""
    return await consumers.manifest_key(database)


async def _place(lookout: Lookout, after: str | None) -> int | None:
    if after == "now":
        return (await lookout.end()).last
    return None if after is None else int(after)


def _page(request: Request, found: Found) -> Response:
    return Response(page_of(found, request.app.state.settings.public_url), media_type="application/json")


def _tagged(answer: Answer) -> Response:
    response = answer.response()
    response.headers["ETag"] = tag_of(json.loads(answer.body)["version"])
    return response


def _told(asked: ConsumerAsked | ConsumerChange | AckAsked) -> str:
    return asked.model_dump_json(exclude_unset=True)
