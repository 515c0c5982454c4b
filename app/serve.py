"""Serves HTTP until it is told to stop, then finishes what is in flight.

SIGTERM or SIGINT, once: `/readyz` says no at once and every answer bids its connection farewell; after the time to
drain the port closes; what is in flight is finished, or cut off with an answer when time is up. A second signal ends
it there and then.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from app.main import create_app
from app.observation import logs
from app.settings import Settings

log = logging.getLogger("alur")

KEEP_ALIVE = 75
"""Seconds before an unused connection is closed: longer than proxies and clients keep theirs, so that they close first
and none sends a request into a connection that is being closed."""

SILENCE = 1.0
"""Seconds for which a connection must say nothing, once the port is closed, before it counts as unused."""

FAREWELL = 0.5
"""Seconds to tell clients that their requests were cut off."""

CLOSING = 3.0
"""Seconds to send the last spans, and to give connections to the database back."""

TICK = 0.02


class PortTaken(Exception):
    """The port is in use; choose another with ALUR_PORT."""


def bound(settings: Settings) -> socket.socket:
    """A socket on the address of the settings, bound but not yet listening. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as taken:
        listener.close()
        raise PortTaken(f"{settings.host}:{settings.port}") from taken
    return listener


def url_of(listener: socket.socket) -> str:
    """The address that clients on this machine use."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(settings: Settings, listener: socket.socket, started: Callable[[], None]) -> None:
    """Serve on a bound socket; `started` is called once requests are answered. Raises TelemetryMissing."""
    logs.configure(settings.log_level, settings.log_format, sys.stderr)
    Server(create_app(settings), settings, listener, started).run()


class Server(uvicorn.Server):
    """uvicorn, with an end that fails no request."""

    def __init__(self, app: FastAPI, settings: Settings, listener: socket.socket, started: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE,
        )
        super().__init__(config)
        self._traffic, self._settings, self._listener, self._announce = app.state.traffic, settings, listener, started
        self._closes_at: float | None = None

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        super().run([self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        _spare_the_collector()
        if self.started:
            self._announce()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals over for as long as the server runs; an end in order is no death by signal."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._traffic.is_stopping:
            self.force_exit = self.should_exit = True
        self.stop()

    def stop(self) -> None:
        """Begin to stop: as the first signal does, and from any thread."""
        self._traffic.is_stopping = True
        if self._closes_at is None:
            self._closes_at = monotonic() + self._settings.drain_seconds

    async def on_tick(self, counter: int) -> bool:
        if self._closes_at is not None and monotonic() >= self._closes_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        log.info("stopping: the port closes, %d requests are in flight", len(self.server_state.tasks))
        await self._close_port()
        await self._finish()
        await self._cut_off()
        await self._until(CLOSING, asyncio.ensure_future(self.lifespan.shutdown()).done)
        log.info("stopped")

    async def _close_port(self) -> None:
        """Close it, and take in whom the system had let in already: their connections would break unheard."""
        waiting = list(_let_in(self._listener))
        for server in self.servers:
            server.close()
        self._listener.close()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = kind(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    async def _finish(self) -> None:
        """Wait until every request is answered, and close the connections that bring none."""
        silent_at = monotonic() + SILENCE

        def is_done() -> bool:
            if monotonic() >= silent_at:
                for connection in list(self.server_state.connections):
                    _close_if_unused(connection)
            return not self.server_state.connections and not self.server_state.tasks

        await self._until(self._settings.shutdown_seconds, is_done)

    async def _cut_off(self) -> None:
        tasks = self.server_state.tasks
        if tasks:
            log.warning("cut off %d requests", len(tasks))
        for task in tasks:
            task.cancel()
        await self._until(FAREWELL, lambda: not tasks)

    async def _until(self, seconds: float, is_done: Callable[[], bool]) -> None:
        """Wait for something, no longer than told and not beyond a second signal."""
        end = monotonic() + seconds
        while not is_done() and not self.force_exit and monotonic() < end:
            await asyncio.sleep(TICK)


def _spare_the_collector() -> None:
    """Keep Python's garbage collector from looking again and again at what was made for good, and at every request's
    short-lived values; reference counting frees nearly all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _let_in(listener: socket.socket) -> Iterator[socket.socket]:
    """The connections that the system has accepted for us and that nobody has taken yet."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:  # none is left, or the one that was first has gone
            return
        connection.setblocking(False)
        yield connection


def _close_if_unused(connection: Any) -> None:
    """Close a connection on which no request has begun, not even one that has arrived and was not read yet."""
    cycle = connection.cycle
    begun = connection.scope is not (cycle.scope if cycle else None) or (cycle and not cycle.response_complete)
    if begun or connection.transport.is_closing():
        return
    arrived = select.poll()
    arrived.register(connection.transport.get_extra_info("socket").fileno(), select.POLLIN)
    if not arrived.poll(0):
        connection.transport.close()
