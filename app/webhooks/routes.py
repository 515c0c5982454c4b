"""Webhook endpoints over HTTP: what is told to whom, how it went, and how it is sent again."""

from __future__ import annotations

from typing import Annotated, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from starlette.background import BackgroundTask

from app.bodies import Sent
from app.errors import PROBLEM, Problem
from app.http import BODY, CSV, From, Now, Reader, Responses, Stored, located, problems
from app.identity.callers import recognise
from app.intake import StrictRoute
from app.paging import Page, respond
from app.versions import tag_of
from app.webhooks import queries
from app.webhooks.change import change
from app.webhooks.create import create
from app.webhooks.envelope import CONTENT_TYPE
from app.webhooks.outside import Outside
from app.webhooks.ping import ping
from app.webhooks.remove import cancel_waiting, remove
from app.webhooks.replay import cancel_replay, replay
from app.webhooks.resend import resend
from app.webhooks.rotate_secret import rotate_secret
from app.webhooks.schemas import (
    DeliveryDetail,
    DeliveryView,
    EndpointAsked,
    EndpointChange,
    EndpointMade,
    EndpointView,
    Pinged,
    ReplayAsked,
    ReplayCount,
    ReplayView,
    Rotated,
    RotationAsked,
    Verified,
)
from app.webhooks.sealing import Seal
from app.webhooks.verify_ownership import try_to_verify, verify_ownership

routes = APIRouter(prefix="/v1", tags=["webhooks"], route_class=StrictRoute)


async def _seal(request: Request) -> Seal | None:
    return cast("Seal | None", request.app.state.seal)


async def _outside(request: Request) -> Outside:
    return cast(Outside, request.app.state.outside)


async def _public_url(request: Request) -> str:
    return cast(str, request.app.state.settings.public_url)


Sealing = Annotated[Seal | None, Depends(_seal)]
World = Annotated[Outside, Depends(_outside)]
PublicUrl = Annotated[str, Depends(_public_url)]
Condition = Annotated[str | None, Header(alias="If-Match", description="The ETag of the endpoint that was seen.")]

_TAGGED: Responses = {
    200: {
        "headers": {
            "ETag": {
                "description": "Names this version, for If-Match.",
                "required": True,
                "schema": {"type": "string"},
            }
        }
    }
}
_EVENT: Responses = {200: {"content": {CONTENT_TYPE: {"schema": {"type": "object"}}}}}
_COUNTED: Responses = {200: {"model": ReplayCount, "description": "What it would send; nothing was done."}}
_CONDITIONS: Responses = {
    status: {"model": Problem, "content": {PROBLEM: {}}, "description": said}
    for status, said in {
        412: "Sudah ada versi lain · another version came between",
        428: "If-Match belum disertakan · If-Match missing",
    }.items()
}


@routes.get("/webhook-endpoints", response_model=Page[EndpointView], responses=CSV | problems(403, 422))
async def list_webhook_endpoints(
    request: Request, database: Stored, caller: Reader, listing: Annotated[queries.Endpoints, Query()]
) -> Response:
    """List the webhook endpoints of your agencies."""
    return respond(request, listing, await queries.endpoints(database, caller, listing), EndpointView)


@routes.post(
    "/webhook-endpoints",
    status_code=201,
    response_model=EndpointMade,
    responses=located(201, "The endpoint.") | problems(403, 404, *BODY),
)
async def create_webhook_endpoint(
    database: Stored, seal: Sealing, outside: World, sender: From, asked: Sent[EndpointAsked]
) -> Response:
    """Make a webhook endpoint. Its secret is shown only now; its receiver is asked for a challenge at once."""
    caller = await recognise(database, sender.credential, "admin")
    answer = await create(database, seal, outside, caller, sender.ask(asked.model_dump_json()), asked)
    made = UUID(str(answer.location).rpartition("/")[2])
    response = answer.response()
    response.background = BackgroundTask(try_to_verify, database, seal, outside, made)
    return response


@routes.get("/webhook-endpoints/{id}", response_model=EndpointView, responses=_TAGGED | problems(403, 404, 422))
async def read_webhook_endpoint(database: Stored, caller: Reader, id: UUID, response: Response) -> EndpointView:
    """Look up one webhook endpoint."""
    view = await queries.endpoint(database, caller, id)
    response.headers["ETag"] = tag_of(view.version)
    return view


@routes.patch(
    "/webhook-endpoints/{id}",
    response_model=EndpointView,
    responses=_TAGGED | _CONDITIONS | problems(403, 404, 409, *BODY),
)
async def change_webhook_endpoint(
    database: Stored,
    seal: Sealing,
    outside: World,
    sender: From,
    now: Now,
    id: UUID,
    asked: Sent[EndpointChange],
    if_match: Condition = None,
) -> Response:
    """Change a webhook endpoint, disable or enable it. Another URL must be verified before it is sent anything."""
    caller = await recognise(database, sender.credential, "admin")
    view = await change(database, outside, caller, id, asked, if_match, now)
    response = Response(view.model_dump_json(), 200, {"ETag": tag_of(view.version)}, "application/json")
    if "url" in asked.model_fields_set:
        response.background = BackgroundTask(try_to_verify, database, seal, outside, id)
    return response


@routes.delete("/webhook-endpoints/{id}", status_code=204, responses=problems(403, 404, 422))
async def remove_webhook_endpoint(database: Stored, sender: From, now: Now, id: UUID) -> Response:
    """Remove a webhook endpoint. What waits for it is cancelled."""
    caller = await recognise(database, sender.credential, "admin")
    await remove(database, caller, id, now)
    return Response(status_code=204, background=BackgroundTask(cancel_waiting, database, now))


@routes.post("/webhook-endpoints/{id}/verify", response_model=Verified, responses=problems(403, 404, 422))
async def verify_webhook_endpoint(database: Stored, seal: Sealing, outside: World, sender: From, id: UUID) -> Response:
    """Ask the receiver to give a challenge back; if it does, the endpoint is enabled."""
    caller = await recognise(database, sender.credential, "admin")
    return (await verify_ownership(database, seal, outside, caller, id, sender.ask(""))).response()


@routes.post("/webhook-endpoints/{id}/test", response_model=Pinged, responses=problems(403, 404, 422))
async def test_webhook_endpoint(database: Stored, seal: Sealing, outside: World, sender: From, id: UUID) -> Response:
    """Send a signed `endpoint.ping` now, and tell how the receiver answered."""
    caller = await recognise(database, sender.credential, "admin")
    return (await ping(database, seal, outside, caller, id, sender.ask(""))).response()


@routes.post("/webhook-endpoints/{id}/rotate-secret", response_model=Rotated, responses=problems(403, 404, 409, *BODY))
async def rotate_webhook_secret(
    database: Stored, seal: Sealing, sender: From, id: UUID, asked: Sent[RotationAsked]
) -> Response:
    """Make a new secret, shown only now. Those before go on signing beside it for `overlap_hours`."""
    caller = await recognise(database, sender.credential, "admin")
    return (await rotate_secret(database, seal, caller, id, sender.ask(asked.model_dump_json()), asked)).response()


@routes.get(
    "/webhook-endpoints/{id}/deliveries",
    response_model=Page[DeliveryView],
    responses=CSV | problems(403, 404, 422),
)
async def list_deliveries(
    request: Request, database: Stored, caller: Reader, id: UUID, listing: Annotated[queries.Deliveries, Query()]
) -> Response:
    """List what was or is to be told to a webhook endpoint, the latest event first."""
    return respond(request, listing, await queries.deliveries_of(database, caller, id, listing), DeliveryView)


@routes.get("/deliveries/{id}", response_model=DeliveryDetail, responses=problems(403, 404, 422))
async def read_delivery(database: Stored, caller: Reader, id: UUID) -> DeliveryDetail:
    """Look up one delivery with its attempts: when, how long, and how the receiver answered."""
    return await queries.delivery(database, caller, id)


@routes.get("/deliveries/{id}/body", response_class=Response, responses=_EVENT | problems(403, 404, 422))
async def read_delivery_body(database: Stored, caller: Reader, public_url: PublicUrl, id: UUID) -> Response:
    """The exact event that a delivery carries."""
    return Response(await queries.body(database, caller, id, public_url), media_type=CONTENT_TYPE)


@routes.post("/deliveries/{id}/resend", response_model=DeliveryView, responses=problems(403, 404, 409, 422))
async def resend_delivery(database: Stored, sender: From, id: UUID) -> Response:
    """Send one delivery again now, under the same id."""
    caller = await recognise(database, sender.credential, "admin")
    return (await resend(database, caller, id, sender.ask(""))).response()


@routes.get("/webhook-endpoints/{id}/replays", response_model=Page[ReplayView], responses=CSV | problems(403, 404, 422))
async def list_replays(
    request: Request, database: Stored, caller: Reader, id: UUID, listing: Annotated[queries.Replays, Query()]
) -> Response:
    """List the replays of a webhook endpoint, the latest first."""
    return respond(request, listing, await queries.replays_of(database, caller, id, listing), ReplayView)


@routes.post(
    "/webhook-endpoints/{id}/replays",
    status_code=201,
    response_model=ReplayView,
    responses=located(201, "The replay.") | _COUNTED | problems(403, 404, 409, *BODY),
)
async def replay_events(database: Stored, sender: From, id: UUID, asked: Sent[ReplayAsked]) -> Response:
    """Send the events of a time range again, no faster than `per_minute`; or with `dry_run` only count them."""
    caller = await recognise(database, sender.credential, "admin")
    return (await replay(database, caller, id, sender.ask(asked.model_dump_json()), asked)).response()


@routes.get("/webhook-endpoints/{id}/replays/{replay}", response_model=ReplayView, responses=problems(403, 404, 422))
async def read_replay(database: Stored, caller: Reader, id: UUID, replay: UUID) -> ReplayView:
    """Look up one replay and how far it is."""
    return await queries.replay(database, caller, id, replay)


@routes.post(
    "/webhook-endpoints/{id}/replays/{replay}/cancel",
    response_model=ReplayView,
    responses=problems(403, 404, 409, 422),
)
async def cancel_one_replay(database: Stored, sender: From, id: UUID, replay: UUID) -> Response:
    """Queue no more of a replay. What it has queued is sent."""
    caller = await recognise(database, sender.credential, "admin")
    return (await cancel_replay(database, caller, id, replay, sender.ask(""))).response()
