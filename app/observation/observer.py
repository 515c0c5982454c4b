"""Watches every request from outside: gives it its ids, and tells its end as a line, as numbers and as a span."""

from __future__ import annotations

import logging
import re
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.clock import new_id
from app.errors import REFUSED_AS
from app.observation.exchange import CURRENT, Exchange, begun
from app.observation.metrics import Metrics

if TYPE_CHECKING:
    from app.observation.spans import Spans

log = logging.getLogger("alur.request")

UNROUTED = "unrouted"
"""Stands for the route of a request that was answered before one was found."""

LONGEST_PATH = 500


class Observer:
    """ASGI middleware around everything else. `spans` is null where nobody collects them."""

    def __init__(self, app: ASGIApp, metrics: Metrics, spans: Spans | None) -> None:
        self._app, self._metrics, self._spans = app, metrics, spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        started, status = perf_counter(), None
        exchange = begun(scope["headers"], new_id)
        span = self._spans.begin(scope, exchange) if self._spans else None
        request_id = (b"request-id", exchange.request_id.encode())

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), request_id]
            await send(message)

        outer = CURRENT.set(exchange)
        try:
            await self._app(scope, receive, seen)
        finally:
            seconds, route = perf_counter() - started, getattr(scope.get("route"), "path", None)
            self._metrics.count(exchange, scope["method"], route or UNROUTED, status, scope.get(REFUSED_AS), seconds)
            if log.isEnabledFor(logging.INFO):
                _tell(scope, exchange, route, status, seconds)
            if span is not None:
                span.end(route, status)
            CURRENT.reset(outer)


def _tell(scope: Scope, exchange: Exchange, route: str | None, status: int | None, seconds: float) -> None:
    told: dict[str, Any] = {
        "method": scope["method"],
        "route": route,
        "path": _path(scope),
        "status": status,
        "duration_ms": round(seconds * 1000, 2),
    }
    if REFUSED_AS in scope:
        told["problem"] = scope[REFUSED_AS]
    if exchange.client is not None:
        told["client"] = str(exchange.client)
    if exchange.is_repeat:
        told["repeat"] = True
    message = f"{scope['method']} {route or UNROUTED} {status}"
    # made by hand: log.info() would search the stack for its caller, at a fifth of the cost of the line
    record = log.makeRecord(log.name, logging.INFO, __file__, 0, message, (), None)
    record.told = told
    log.handle(record)


def _path(scope: Scope) -> str:
    """The path as it was sent, percent-encoded and without its query; whatever looks like an API key is blotted out."""
    raw = scope.get("raw_path")
    path = raw.decode("latin-1") if raw else quote(scope["path"])
    if "alur_" in path:
        path = _KEY.sub("alur_***", path)
    return path if len(path) <= LONGEST_PATH else f"{path[:LONGEST_PATH]}..."


_KEY = re.compile(r"alur_[0-9A-Za-z]+")
