"""Whether the server is alive, whether it is ready for work, and its numbers. Open to all: they name nobody."""

from __future__ import annotations

import logging
from typing import Any, Literal, cast

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from pydantic import BaseModel

from app import errors
from app.database import Database
from app.observation.metrics import Metrics
from app.observation.traffic import Traffic
from app.observation.watch import Schema, Watch
from app.pool import DatabaseUnavailable

log = logging.getLogger("alur")

routes = APIRouter(tags=["health"])


class Alive(BaseModel):
    """That the process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """That work is welcome here. `tables` are newer where a later release has already migrated the database."""

    status: Literal["ready"] = "ready"
    revision: str
    tables: Literal["current", "newer"]


_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {
        "model": errors.Problem,
        "content": {errors.PROBLEM: {}},
        "description": "The database does not answer or is not migrated, or the server is about to stop",
    }
}

_NUMBERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus text format 0.0.4"}
}


@routes.get("/healthz")
async def alive() -> Alive:
    """Whether the process answers at all. Asks nobody else."""
    return Alive()


@routes.get("/readyz", responses=_NOT_READY)
async def ready(request: Request) -> Ready:
    """Whether work is welcome: the server is not about to stop, and the database answers in time and is migrated.

    Says nothing about load: a busy server is ready, and answers 503 itself to what it cannot take.
    """
    traffic, watch = cast(Traffic, request.app.state.traffic), cast(Watch, request.app.state.watch)
    if traffic.is_stopping:
        raise errors.ShuttingDown
    revision = await watch.revision()
    tables = watch.release.judge(revision)
    if revision is None or tables is Schema.OUTDATED:
        raise errors.SchemaOutdated(found=revision or "-", needed=watch.release.head)
    return Ready(revision=revision, tables="newer" if tables is Schema.NEWER else "current")


@routes.get("/metrics", responses=_NUMBERS, response_class=Response)
async def metrics(request: Request) -> Response:
    """The numbers of this server, for Prometheus."""
    state = request.app.state
    database, metrics, watch = cast(Database, state.database), cast(Metrics, state.metrics), cast(Watch, state.watch)
    try:
        await watch.revision()
    except DatabaseUnavailable:
        census, up = None, False
    else:
        census, up = await watch.census(), True
    numbers = metrics.text(database_up=up, in_use=database.pool.in_use, size=database.pool.size, census=census)
    return Response(numbers, media_type=CONTENT_TYPE_PLAIN_0_0_4)


# load balancers ask so
routes.add_api_route("/healthz", alive, methods=["HEAD"], include_in_schema=False)
routes.add_api_route("/readyz", ready, methods=["HEAD"], include_in_schema=False)
