"""The OpenAPI document, told truly, and the page that shows it and lets one try it.

The files of the page come from this server: agencies' networks are closed.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, HTTPException, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse

from app.errors import PROBLEM
from app.idempotency import IDEMPOTENCY_KEY
from app.identity.credentials import ON_BEHALF_OF

routes = APIRouter(include_in_schema=False)

# only the files of this package are used, none of its Python
_FILES = files("fastapi_swagger").joinpath("resources")
_KINDS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_A_DAY = {"Cache-Control": "public, max-age=86400"}


@routes.get("/")
async def lead_on() -> Response:
    """The address that `alur run` prints leads to what can be done with it."""
    return RedirectResponse("docs")


@routes.get("/docs")
async def show_api() -> Response:
    """Swagger UI over the OpenAPI document."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Alur · API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon-32x32.png",
    )


@routes.get("/docs/{name}")
async def give_file(name: str) -> Response:
    """One of the files of the page."""
    if name not in _KINDS:
        raise HTTPException(404)
    return Response(_FILES.joinpath(name).read_bytes(), headers=_A_DAY, media_type=_KINDS[name])


def truthful(document: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """FastAPI's document, corrected where FastAPI cannot know better, with further shapes that are referred to."""
    parts = document["components"]
    parts["securitySchemes"] = {_KEY: _KEY_TOLD}
    parts["headers"] = {_REQUEST_ID: _REQUEST_ID_TOLD}
    for name in ("HTTPValidationError", "ValidationError"):
        parts["schemas"].pop(name, None)
    parts["schemas"] |= shapes
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/"):
                operation["security"] = [{_KEY: []}]
                # FastAPI keeps the document it made, so this may be the second time
                told = [one for one in operation.get("parameters", ()) if one["in"] != "header"]
                operation["parameters"] = [*told, *_headers(method, operation["responses"])]
            _tell_answers(operation["responses"])
            for parameter in operation.get("parameters", ()):
                _tell_parameter(parameter)
    return document


_REQUEST_ID = "Request-Id"
_REQUEST_ID_TOLD = {
    "description": "Names this request; stands beside an unexpected error in the log.",
    "required": True,
    "schema": {"type": "string"},
}


def _tell_answers(responses: dict[str, Any]) -> None:
    for status, response in responses.items():
        response.setdefault("headers", {})[_REQUEST_ID] = {"$ref": f"#/components/headers/{_REQUEST_ID}"}
        if int(status) >= 400:
            response["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}


def _tell_parameter(parameter: dict[str, Any]) -> None:
    """A parameter is there or not and never null."""
    told = parameter["schema"]
    kinds = [one for one in told.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) == 1:
        parameter["schema"] = {name: value for name, value in told.items() if name != "anyOf"} | kinds[0]


def _headers(method: str, responses: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The headers that routes read for themselves; where 400 is answered, an official must be named."""
    official = {"type": "string", "format": "uuid", "title": ON_BEHALF_OF}
    yield {
        "name": ON_BEHALF_OF,
        "in": "header",
        "required": "400" in responses,
        "description": "The official for whom the key acts.",
        "schema": official,
    }
    if method == "post":
        yield {
            "name": IDEMPOTENCY_KEY,
            "in": "header",
            "required": False,
            "description": "Any text of up to 255 characters; makes the request safe to send again.",
            "schema": {"type": "string", "title": IDEMPOTENCY_KEY, "pattern": _RETRY_KEY},
        }


_RETRY_KEY = r'^("[!#-\[\]-~]{1,255}"|[!#-~]{1,255})$'

_KEY = "HTTPBearer"
_KEY_TOLD = {"type": "http", "scheme": "bearer", "description": "An API key of Alur: alur_..."}
