"""Makes one attempt to send, and tells what came of it. Whatever a receiver does, it does not raise.

A receiver has 15 seconds altogether, however it spreads its bytes. Redirects are not followed, proxies and cookies are
not known here, compressed answers are not unpacked, and of an answer only a beginning is read.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Literal

import httpcore

from app.webhooks.egress import Egress, EgressRefused, NameUnresolved, Unreachable

DEADLINE = 15.0
CONNECT = 5.0
IDLE = 20.0
"""Seconds for an attempt, for each of connecting and TLS, and for a connection to wait for the next."""

BODY_READ, BODY_KEPT, HEADERS_KEPT, TEXT_KEPT = 65_536, 2_048, 4_096, 500
"""Bytes of an answer that are read before hanging up, and characters of what is told."""

HIDDEN = "…"
_SECRET_WORDS = ("cookie", "auth", "token", "secret", "session", "api-key", "apikey", "password", "csrf")

Failure = Literal["refused_by_egress", "dns", "connect", "tls", "timeout", "protocol", "internal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of an attempt.

    The receiver answered wholly: `status`, `headers` and the beginning of `body` are there and `failure` is null.
    Otherwise `failure` says at what it failed (`internal`: with us, before anything was sent) and `said` how, in
    technical words; a status may have come before.
    """

    started_at: datetime
    seconds: float
    status: int | None = None
    status_line: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    failure: Failure | None = None
    said: str = ""

    @property
    def answered(self) -> int | None:
        """The status of a whole answer."""
        return self.status if self.failure is None else None

    def header(self, name: str) -> str | None:
        """The first header of that name (in lower case)."""
        return next((value for each, value in self.headers if each == name), None)


class Client:
    """The few connections to one endpoint. More attempts at once than connections wait, inside their deadline."""

    def __init__(
        self,
        egress: Egress,
        tls: ssl.SSLContext,
        *,
        connections: int = 4,
        deadline: float = DEADLINE,
        connect: float = CONNECT,
    ) -> None:
        self.egress = egress
        self.deadline = deadline
        self.timeouts = {"connect": connect, "read": deadline, "write": deadline, "pool": deadline}
        self.pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=connections, keepalive_expiry=IDLE, network_backend=egress
        )

    async def aclose(self) -> None:
        """Hang up."""
        await self.pool.aclose()


async def post(
    client: Client, url: str, headers: Mapping[str, str], body: bytes, *, started_at: datetime, method: str = "POST"
) -> Attempt:
    """Send the bytes once. `started_at` is noted; how long it took is measured."""
    begun = perf_counter()
    attempt = Attempt(started_at=started_at, seconds=0)
    try:
        request = _request(client, method, url, headers, body)
        async with asyncio.timeout(client.deadline):
            response = await client.pool.handle_async_request(request)
            try:
                attempt = _headed(attempt, response)
                attempt = replace(attempt, body=await _beginning(response))
            finally:
                await response.aclose()
    except Exception as wrong:  # anything a receiver can bring about is an answer, too
        failure, said = _failure(wrong)
        attempt = replace(attempt, failure=failure, said=_legible(said.encode(), TEXT_KEPT))
    return replace(attempt, seconds=perf_counter() - begun)


def _request(client: Client, method: str, url: str, headers: Mapping[str, str], body: bytes) -> httpcore.Request:
    to = client.egress.destination(url)
    return httpcore.Request(
        method,
        httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target),
        headers={
            b"user-agent": b"Alur",
            **{name.lower().encode(): value.encode() for name, value in headers.items()},
            b"host": to.netloc.encode(),
            b"accept-encoding": b"identity",
            b"content-length": b"%d" % len(body),
        },
        content=body,
        extensions={"timeout": client.timeouts},
    )


def _headed(attempt: Attempt, response: httpcore.Response) -> Attempt:
    version, reason = response.extensions["http_version"], response.extensions["reason_phrase"]
    return replace(
        attempt,
        status=response.status,
        status_line=_legible(b"%b %d %b" % (version, response.status, reason), TEXT_KEPT).strip(),
        headers=tuple(_kept(response.headers)),
    )


def _kept(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """As many headers as fit, without what may be secret."""
    room = HEADERS_KEPT
    for raw_name, raw_value in headers:
        name, value = _legible(raw_name, HEADERS_KEPT).lower(), _legible(raw_value, HEADERS_KEPT)
        room -= len(name) + len(value)
        if room < 0:
            return
        yield name, HIDDEN if any(word in name for word in _SECRET_WORDS) else value


async def _beginning(response: httpcore.Response) -> str:
    """The beginning of the body, of which so much is read that connections with modest answers can be used again."""
    read = b""
    async for part in response.aiter_stream():
        read += part
        if len(read) > BODY_READ:
            break
    return _legible(read[:BODY_KEPT], BODY_KEPT)


def _legible(raw: bytes, most: int) -> str:
    """Text that every database and terminal takes: no control characters but line breaks and tabs."""
    text = raw.decode(errors="replace")[:most]
    return "".join(each if each.isprintable() or each in "\n\t" else "\ufffd" for each in text)


def _failure(wrong: Exception) -> tuple[Failure, str]:
    said = f"{type(wrong).__name__}: {wrong}" if str(wrong) else type(wrong).__name__
    match wrong:
        case EgressRefused():
            return "refused_by_egress", f"{wrong.reason}: {wrong}"
        case NameUnresolved():
            return "dns", said
        case Unreachable():
            return "connect", said
        case httpcore.ConnectError():  # whatever else fails before the request is TLS
            return "tls", said
        case TimeoutError() | httpcore.TimeoutException():
            return "timeout", said
        case _:
            return "protocol", said
