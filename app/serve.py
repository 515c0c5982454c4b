"""Serves HTTP until it is told to stop, then finishes what is in flight."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from app.main import create_app
from app.settings import Settings


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
    """Serve on a bound socket; `started` is called once requests are answered."""
    config = uvicorn.Config(
        create_app(settings),
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=25,
        lifespan="on",
    )
    _Announcing(config, started).run(sockets=[listener])


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()
