"""Keeps request bodies small: a larger one is refused before it is read whole."""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import errors


class BodyLimit:
    """ASGI middleware that refuses bodies of more than `limit` bytes, announced or not."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app, self._limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        if not announced.isdigit() or int(announced) > self._limit:
            return await errors.answer(Request(scope), errors.BodyTooLarge(limit=self._limit))(scope, receive, send)
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
