"""The front door: wires the parts of a server together and answers HTTP."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from app import errors
from app.calendars.catalog import Calendars
from app.calendars.routes import routes as calendars
from app.database import Database
from app.deadlines.routes import routes as deadlines
from app.definitions.catalog import Catalog
from app.definitions.routes import SHAPES
from app.definitions.routes import routes as definitions
from app.docs import routes as docs
from app.docs import truthful
from app.feed.routes import routes as events
from app.feed.waiting import Lookout
from app.guard import Guard
from app.instances.journal import Journal
from app.instances.lay_anew import lay_first
from app.instances.routes import routes as instances
from app.observation import telemetry
from app.observation.metrics import Metrics
from app.observation.observer import Observer
from app.observation.routes import routes as health
from app.observation.traffic import Traffic
from app.observation.watch import Watch
from app.pool import DatabaseUnavailable
from app.reports.routes import routes as reports
from app.settings import Settings
from app.tasks.routes import routes as tasks
from app.upkeep import kept_up
from app.webhooks.outside import Outside, the_world
from app.webhooks.routes import routes as webhooks
from app.webhooks.secrets import seal_of
from app.webhooks.type_routes import describe_webhooks
from app.webhooks.type_routes import routes as event_types
from app.webhooks.wake import Wake
from app.worker import working
from engine.errors import Mistake, Refused
from engine.mistakes import Location, Path, from_validation, rendered

log = logging.getLogger("alur")


class Alur(FastAPI):
    """FastAPI, with an OpenAPI document that tells problems as they are."""

    def openapi(self) -> dict[str, Any]:
        return truthful(super().openapi(), SHAPES)


def create_app(settings: Settings, outside: Outside | None = None) -> FastAPI:
    """The application over one database address. Opens its pools when it starts and closes them when it stops.

    `outside` is how webhooks go out, as in production unless told. Raises TelemetryMissing, SealingRefused.
    """
    app = Alur(
        title="Alur",
        version="1",
        description="Menjalankan lembar SOP instansi pemerintah. · Runs the SOP sheets of government agencies.",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name.removeprefix("_"),
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # it tells queries
    )
    state = app.state
    state.settings, state.traffic, state.spans = settings, Traffic(settings.in_flight_limit), telemetry.spans()
    state.metrics = Metrics(state.traffic)
    state.outside, state.seal = outside or the_world(), seal_of(settings.secret_keys)
    # the busiest first: they are tried in order
    ours = (tasks, instances, definitions, calendars, deadlines, reports, webhooks, events, event_types, health, docs)
    for routes in ours:
        app.include_router(routes)
    describe_webhooks(app.webhooks)
    app.add_api_route("/problems/{slug}", _problem_page, include_in_schema=False)
    app.add_middleware(Guard, limit=settings.body_limit, traffic=state.traffic)
    app.add_middleware(Observer, metrics=state.metrics, spans=state.spans)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(DatabaseUnavailable, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _by_status)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    database, watch = Database.of(state.settings), Watch(state.settings)
    state.database, state.watch = database, watch
    state.journal = Journal(database, Catalog(database), Calendars(database))
    state.follow = partial(lay_first, state.journal)
    try:
        async with AsyncExitStack() as going_on:
            wake = await going_on.enter_async_context(Wake.listening(state.settings.database_url))
            state.journal.wake = wake.rung
            state.lookout = await going_on.enter_async_context(Lookout.keeping(database, wake, state.traffic))
            days = state.settings.idempotency_days, state.settings.event_days
            await going_on.enter_async_context(kept_up(database, *days))
            if state.settings.worker:
                at_work = working(state.journal, wake, state.outside, state.seal, state.settings.public_url)
                await going_on.enter_async_context(at_work)
            yield
    finally:
        await asyncio.gather(*(part.close() for part in (database, watch, state.spans) if part is not None))


async def _problem_page(request: Request, slug: str) -> Response:
    """What a problem type means, in both languages."""
    for kind, told in errors.KINDS.items():
        if errors.slug(kind) == slug:
            meaning = {
                "type": f"/problems/{slug}",
                "status": told.status,
                "title_id": told.title_id,
                "title_en": told.title_en,
                "detail_id": told.detail_id,
                "detail_en": kind.__doc__,
            }
            return JSONResponse(meaning)
    return errors.answer(request, errors.NotFound())


async def _refused(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)  # noqa: S101  registered for nothing else
    return errors.answer(request, refused)


async def _unavailable(request: Request, lost: Exception) -> Response:
    log.warning("database unavailable: %s", lost)
    return errors.answer(request, errors.Unavailable())


async def _invalid(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)  # noqa: S101  registered for nothing else
    found = from_validation(invalid.errors()[: MOST_MISTAKES + 1], _locate(invalid))
    told = found if len(found) <= MOST_MISTAKES else (*found[:MOST_MISTAKES], _AND_MORE)
    return errors.answer(request, errors.RequestInvalid(*told))


MOST_MISTAKES = 100
_AND_MORE = Mistake(
    at="",
    message_id=f"Masih ada kesalahan lain; {MOST_MISTAKES} yang pertama disebutkan di sini.",
    message_en=f"There are further mistakes; the first {MOST_MISTAKES} are listed here.",
)


def _locate(invalid: RequestValidationError) -> Callable[[Path], Location]:
    """Where a mistake stands in the client's own words: `reason`, not `body.reason`; broken JSON by line and column."""

    def locate(path: Path) -> Location:
        where, *inside = path
        if where == "body" and isinstance(invalid.body, str) and inside and isinstance(inside[0], int):
            before = invalid.body[: inside[0]]
            return Location("", before.count("\n") + 1, len(before) - before.rfind("\n"))
        return Location(rendered(tuple(inside)))

    return locate


async def _by_status(request: Request, raised: Exception) -> Response:
    assert isinstance(raised, HTTPException)  # noqa: S101  registered for nothing else
    if raised.status_code == 404:
        return errors.answer(request, errors.NotFound())
    if raised.status_code == 405:
        return errors.answer(request, errors.MethodNotAllowed(), {"Allow": ", ".join(_methods(request))})
    return errors.answer(request, errors.RequestInvalid(_UNREADABLE))


def _methods(request: Request) -> list[str]:
    """The methods that the routes of this address take together."""

    def takes(method: str) -> bool:
        scope = {**request.scope, "method": method}
        return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)

    return [method for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT") if takes(method)]


_UNREADABLE = Mistake(
    at="",
    message_id="Isi permintaan tidak dapat dibaca sebagai JSON UTF-8 yang wajar.",
    message_en="The request body cannot be read as reasonable UTF-8 JSON.",
)
