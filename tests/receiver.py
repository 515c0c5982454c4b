"""A receiver of webhooks: an HTTP server of its own, which keeps what it was sent and behaves as it is told.

    with receiving() as receiver:
        receiver.behave(answer(503, {"Retry-After": "7"}))            # for every path that has no behaviour of its own
        receiver.behave(hang(), path="/hangs")
        ...                                                           # send to receiver.url + "/anything"
        first = receiver.wait(1)[0]                                   # method, path, headers, the exact body
        assert receiver.connections == 1                              # every connection accepted, also those unused

Behaviours: `answer`, `redirect`, `hang`, `drip`, `hang_up`, `cut_short`, `flood_body`, `flood_head`, `say` (any bytes).
Without one, it answers 204. It runs in a thread of its own, so that neither side's event loop depends on the other's.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

PATIENCE = 60
"""Seconds for anything to arrive on a busy machine."""

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one request. The connection is kept for the next if it returns, and closed if it raises ConnectionError."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came. The names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def answer(status: int = 204, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Behaviour:
    """Answer wholly and at once."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    if status != 204:
        lines.append(f"Content-Length: {len(body)}")
    return say("\r\n".join([*lines, "", ""]).encode() + body)


def redirect(to: str, status: int = 302) -> Behaviour:
    """Send the sender elsewhere."""
    return answer(status, {"Location": to})


def say(raw: bytes) -> Behaviour:
    """Answer exactly these bytes."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    return behave


def hang() -> Behaviour:
    """Never answer."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    return behave


def drip(raw: bytes, seconds: float, first: bytes = b"") -> Behaviour:
    """Answer a byte at a time, after what comes first at once."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for byte in raw:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(seconds)

    return behave


def hang_up() -> Behaviour:
    """Close without a word."""
    return cut_short(b"")


def cut_short(raw: bytes) -> Behaviour:
    """Say so much and close."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        await say(raw)(writer)
        raise ConnectionAbortedError

    return behave


def flood_body(status: int = 200) -> Behaviour:
    """Answer with a body that does not end."""
    return _flood(f"HTTP/1.1 {status} Said\r\n\r\n".encode(), b"x" * 65_536)


def flood_head() -> Behaviour:
    """Answer with headers that do not end."""
    return _flood(b"HTTP/1.1 200 Said\r\n", b"X-More: " + b"x" * 1_000 + b"\r\n")


def _flood(first: bytes, forever: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            writer.write(forever)
            await writer.drain()

    return behave


class Receiver:
    """The server, seen from the tests."""

    def __init__(self) -> None:
        self.url = ""
        self.port = 0
        self.connections = 0
        self.received: list[Received] = []
        self._behaviours: dict[str, Behaviour] = {}
        self._usual = answer()
        self._heard = threading.Condition()
        self._open: set[asyncio.Task[None]] = set()

    def behave(self, behaviour: Behaviour, path: str | None = None) -> None:
        """From now on, on this path or on all that have no behaviour of their own."""
        if path is None:
            self._usual = behaviour
        else:
            self._behaviours[path] = behaviour

    def wait(self, number: int, path: str | None = None) -> list[Received]:
        """Wait until so many requests have come (on that path), and give them."""
        with self._heard:
            came = self._heard.wait_for(lambda: len(self._on(path)) >= number, PATIENCE)
            assert came, f"{len(self._on(path))} of {number} came"
            return self._on(path)

    def _on(self, path: str | None) -> list[Received]:
        return [each for each in self.received if path is None or each.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                request = await _read(reader)
                with self._heard:
                    self.received.append(request)
                    self._heard.notify_all()
                await self._behaviours.get(request.path, self._usual)(writer)
        self._open.discard(task)
        writer.transport.abort() if self._is_stuck(writer) else writer.close()

    @staticmethod
    def _is_stuck(writer: asyncio.StreamWriter) -> bool:
        return writer.transport.get_write_buffer_size() > 0

    async def _run(self, ready: threading.Event, stop: asyncio.Event, tls: ssl.SSLContext | None) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls, backlog=1_024)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        ready.set()
        await stop.wait()
        server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, path, _ = request.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, body)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver that listens on a free port of 127.0.0.1 while the block lasts."""
    receiver, ready, stop, loops = Receiver(), threading.Event(), asyncio.Event(), []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        await receiver._run(ready, stop, tls)

    thread = threading.Thread(target=asyncio.run, args=[run()], name="receiver")
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield receiver
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()
