"""Stands before every route: keeps bodies small, turns the anonymous away, and lets no error out as a stack trace.

Every answer carries a Request-Id, the one that stands beside an unexpected error in the log.
"""

from __future__ import annotations

import logging
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.identity.credentials import is_well_formed
from engine.errors import Refused

log = logging.getLogger("alur")

GUARDED = "/v1/"
"""Under this nothing is open to an anonymous caller, not even the shape of a mistake."""


class Guard:
    """ASGI middleware around the whole application. `limit` is the largest body in bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id, begun = str(uuid4()), False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _mark(MutableHeaders(scope=message), request_id)
            await send(message)

        try:
            await self._guarded(scope, receive, marked)
        except Exception:
            log.exception("unexpected error, request %s: %s %s", request_id, scope["method"], scope["path"])
            if not begun:
                await errors.answer(Request(scope), errors.InternalError())(scope, receive, marked)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        if refused is not None:
            return await errors.answer(Request(scope), refused)(scope, receive, send)
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._limit:
                raise errors.BodyTooLarge(limit=self._limit)
            return message

        async def corrected(message: Message) -> None:
            # FastAPI takes whatever stops it from reading a body for broken JSON
            if read <= self._limit:
                await send(message)
            elif message["type"] == "http.response.start":
                await errors.answer(Request(scope), errors.BodyTooLarge(limit=self._limit))(scope, receive, send)

        await self._app(scope, counted, corrected)

    def _refusal(self, scope: Scope) -> Refused | None:
        headers = Headers(scope=scope)
        if scope["path"].startswith(GUARDED) and not _bears_a_key(headers):
            return errors.IdentityMissing()
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._limit:
            return errors.BodyTooLarge(limit=self._limit)
        return None


def _bears_a_key(headers: Headers) -> bool:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and is_well_formed(key.strip())


def _mark(headers: MutableHeaders, request_id: str) -> None:
    headers["Request-Id"] = request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers.setdefault("Cache-Control", "no-store")
