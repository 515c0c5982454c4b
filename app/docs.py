"""The page that shows the API and lets one try it. Its files come from this server: agencies' networks are closed."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import RedirectResponse

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
