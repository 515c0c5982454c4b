"""Stands before every route: keeps bodies small, turns the anonymous away, takes no more work than the server can do,
and lets no error out as a stack trace.
"""

from __future__ import annotations

import asyncio
import logging

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors
from app.identity.credentials import is_well_formed
from app.observation.traffic import Traffic
from engine.errors import Refused

log = logging.getLogger("alur")

GUARDED = "/v1/"
"""Under this nothing is open to an anonymous caller, not even the shape of a mistake, and requests are counted."""


class Guard:
    """ASGI middleware around the whole application. `limit` is the largest body in bytes."""

    def __init__(self, app: ASGIApp, limit: int, traffic: Traffic) -> None:
        self._app, self._limit, self._traffic = app, limit, traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                _mark(message, self._traffic.is_stopping)
            await send(message)

        async def told(refused: Refused) -> None:
            await errors.answer(Request(scope), refused)(scope, receive, marked)

        try:
            await self._guarded(scope, receive, marked)
        except ClientDisconnect:
            return  # nobody is left to be told anything
        except asyncio.CancelledError:
            if begun or not self._traffic.is_stopping:
                raise
            log.warning("cut off: there was no more time to finish it")
            await told(errors.ShuttingDown() if scope["method"] in _HARMLESS else errors.EffectUnknown())
        except Exception:
            log.exception("unexpected error")
            if not begun:
                await told(errors.InternalError())

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        if refused is not None:
            return await errors.answer(Request(scope), refused)(scope, receive, send)
        if not scope["path"].startswith(GUARDED):
            return await self._limited(scope, receive, send)
        self._traffic.in_flight += 1
        try:
            await self._limited(scope, receive, send)
        finally:
            self._traffic.in_flight -= 1

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
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
        if scope["path"].startswith(GUARDED):
            if not _bears_a_key(headers):
                return errors.IdentityMissing()
            if self._traffic.in_flight >= self._traffic.limit:
                return errors.Overloaded()
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._limit:
            return errors.BodyTooLarge(limit=self._limit)
        return None


_HARMLESS = ("GET", "HEAD")


def _bears_a_key(headers: Headers) -> bool:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and is_well_formed(key.strip())


def _mark(start: Message, is_stopping: bool) -> None:
    headers = [*start.get("headers", ()), (b"x-content-type-options", b"nosniff")]
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))
    if is_stopping:
        headers.append((b"connection", b"close"))
    start["headers"] = headers
