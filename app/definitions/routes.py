"""Definitions over HTTP: publish an SOP, look it up, see its versions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from app.clock import new_id
from app.definitions import queries
from app.definitions.publish import Publication, publish_once
from app.definitions.schemas import EXAMPLE, DefinitionValid, DefinitionView
from app.errors import DefinitionInvalid, MediaTypeUnsupported
from app.http import BODY, CSV, From, Reader, Responses, Stored, located, problems
from app.idempotency import Answer
from app.identity.callers import Caller, recognise
from app.intake import StrictRoute
from app.paging import Page, respond
from engine.definition import ProcessDefinition
from engine.errors import DefinitionRejected, Mistake
from engine.reader import read_json, read_yaml

routes = APIRouter(prefix="/v1/definitions", tags=["definitions"], route_class=StrictRoute)

READERS = {
    "application/yaml": read_yaml,
    "application/x-yaml": read_yaml,
    "text/yaml": read_yaml,
    "application/json": read_json,
}
"""How a body is read, by its media type."""

_SHEET = ProcessDefinition.model_json_schema(by_alias=False, ref_template="#/components/schemas/{model}")
_SHEET.pop("$defs")  # the same parts as in the answers
SHAPES = {"ProcessDefinition": _SHEET}
"""What may be sent beside what FastAPI knows of, for the OpenAPI document."""

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {"schema": {"type": "string"}, "example": EXAMPLE},
            "application/json": {"schema": {"$ref": "#/components/schemas/ProcessDefinition"}},
        },
    }
}

_ANSWERS: Responses = {
    200: {
        "model": DefinitionView | DefinitionValid,
        "description": "Unchanged, so no new version; or, where only that was asked, valid",
    },
    **located(201, "The version that was published."),
}

Key = Annotated[str, Path(pattern=r"^[^\x00]*$")]
Number = Annotated[int, Path(ge=1, le=1_000_000, alias="n")]


@routes.post(
    "",
    status_code=201,
    response_model=DefinitionView,
    responses=_ANSWERS | problems(403, 409, *BODY),
    openapi_extra=_BODY,
)
async def publish_definition(request: Request, database: Stored, sender: From, validate_only: bool = False) -> Response:
    """Publish an SOP, or only say whether it could be. Unchanged content is not a new version."""
    caller = await recognise(database, sender.credential, "publish")
    body = await request.body()
    definition = _read(body, request.headers.get("content-type", ""))
    agency = caller.agency(definition.agency)
    if agency is None:
        raise DefinitionInvalid(_agency_mistake(definition, caller))
    if validate_only:
        return Response(DefinitionValid().model_dump_json(), media_type="application/json")
    ask = sender.ask(body.decode())
    answer = await publish_once(
        database, definition, agency, client=caller.client, retry=ask.retry, now=ask.now, new_id=new_id, tell=_told
    )
    return answer.response()


@routes.get("", response_model=Page[DefinitionView], responses=CSV | problems(403, 422))
async def list_definitions(
    request: Request, database: Stored, caller: Reader, listing: Annotated[queries.Definitions, Query()]
) -> Response:
    """List the newest version of each SOP of your agencies."""
    return respond(request, listing, await queries.newest(database, caller, listing), DefinitionView)


@routes.get("/{key}", response_model=DefinitionView, responses=problems(403, 404, 422))
async def read_definition(database: Stored, caller: Reader, key: Key) -> DefinitionView:
    """The newest version of an SOP."""
    return await queries.version(database, caller, key)


@routes.get("/{key}/versions", response_model=Page[DefinitionView], responses=CSV | problems(403, 404, 422))
async def list_versions(
    request: Request, database: Stored, caller: Reader, key: Key, listing: Annotated[queries.Versions, Query()]
) -> Response:
    """All versions of an SOP, newest first."""
    return respond(request, listing, await queries.versions(database, caller, key, listing), DefinitionView)


@routes.get("/{key}/versions/{n}", response_model=DefinitionView, responses=problems(403, 404, 422))
async def read_version(database: Stored, caller: Reader, key: Key, number: Number) -> DefinitionView:
    """One version of an SOP."""
    return await queries.version(database, caller, key, number)


def _read(body: bytes, content_type: str) -> ProcessDefinition:
    read = READERS.get(content_type.split(";")[0].strip().lower())
    if read is None:
        raise MediaTypeUnsupported(offered="application/yaml, application/json")
    try:
        return read(body, "body")
    except DefinitionRejected as rejected:
        raise DefinitionInvalid(*rejected.mistakes) from rejected


def _agency_mistake(definition: ProcessDefinition, caller: Caller) -> Mistake:
    return Mistake(
        at="agency",
        message_id=f"Kunci API ini tidak melayani instansi “{definition.agency}”.",
        message_en=f"This API key does not serve the agency “{definition.agency}”.",
        expected=" | ".join(sorted(caller.agencies)),
    )


def _told(publication: Publication) -> Answer:
    view = DefinitionView.of(publication.row)
    place = f"/v1/definitions/{view.key}/versions/{view.version}"
    return Answer(201 if publication.is_new else 200, view.model_dump_json(), place)
