"""The catalogue of events over HTTP and in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import BaseModel, Field, create_model

from app.errors import NotFound
from app.http import CSV, Reader, Responses, problems
from app.intake import StrictRoute
from app.paging import Listing, Page, paged, respond
from app.webhooks.envelope import CONTENT_TYPE
from app.webhooks.event_types import KINDS, CloudEvent, schema_of

routes = APIRouter(prefix="/v1/event-types", tags=["events"], route_class=StrictRoute)


class EventType(BaseModel):
    """A type of event: what it means, and the JSON Schema of its `data`."""

    type: str
    description_id: str
    description_en: str
    data_schema: dict[str, Any] = Field(description="JSON Schema (2020-12).")

    @classmethod
    def of(cls, type_: str) -> EventType:
        kind = KINDS[type_]
        return cls(
            type=type_,
            description_id=kind.description_id,
            description_en=kind.description_en,
            data_schema=schema_of(type_),
        )


class EventTypes(Listing):
    """The catalogue, by type."""


@routes.get("", response_model=Page[EventType], responses=CSV | problems(403, 422))
async def list_event_types(request: Request, caller: Reader, listing: Annotated[EventTypes, Query()]) -> Response:
    """List what can be subscribed to, in both languages, with the shape of each."""
    last = listing.after(str) or ""
    found = [EventType.of(one) for one in sorted(KINDS) if one > last][: listing.limit + 1]
    return respond(request, listing, paged(listing, found, lambda one: one.type), EventType)


@routes.get("/{type}", response_model=EventType, responses=problems(403, 404, 422))
async def read_event_type(caller: Reader, type_: Annotated[str, Path(alias="type", pattern=r"^[^\x00]*$")]) -> Response:
    """One type of event, with the JSON Schema of its `data`."""
    if type_ not in KINDS:
        raise NotFound
    return Response(EventType.of(type_).model_dump_json(), media_type="application/json")


# The `webhooks` section of the OpenAPI document

_ANSWERS: Responses = {
    204: {"description": "Diterima; setiap 2xx berarti berhasil · received; any 2xx is a success"},
    410: {"description": "Endpoint sudah tidak ada dan dinonaktifkan · gone; the endpoint is disabled"},
    429: {"description": "Terlalu sering; Retry-After ditaati · too many; Retry-After is honoured"},
    "default": {"description": "Dicoba lagi · tried again"},
}


def describe_webhooks(webhooks: APIRouter) -> None:
    """Say in the OpenAPI document what receivers are sent, one entry a type."""
    for type_, kind in sorted(KINDS.items()):
        name = "".join(part.title() for part in type_.replace("_", ".").split(".")) + "Event"
        particular: dict[str, Any] = {"type": (Literal[type_], ...), "data": (kind.data, ...)}
        shape = create_model(name, __base__=CloudEvent, **particular)
        webhooks.post(
            type_,
            operation_id=type_.replace(".", "_"),
            summary=kind.description_en,
            description=f"{kind.description_id} · {kind.description_en}",
            tags=["events"],
            status_code=204,
            responses=_ANSWERS,
        )(_receiver(shape))


def _receiver(shape: type[BaseModel]) -> Any:
    """What FastAPI describes by: a function that takes such a body. Nobody calls it."""

    async def receive(event: Any) -> None: ...

    receive.__annotations__["event"] = Annotated[shape, Body(media_type=CONTENT_TYPE)]
    return receive
