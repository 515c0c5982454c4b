"""An installation that can be hurt: a PostgreSQL that is stopped, killed and hung, and servers that are killed.

Everything is a process of its own, as in life. What PostgreSQL acknowledges is on disk: fsync is on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import asyncpg

from app import embedded
from app.embedded import Addresses
from tests.app.process import Process

STARTING = 60
"""Seconds a process has to come up on a busy machine."""


class Postgres:
    """The embedded PostgreSQL of a folder, ended in every way there is."""

    def __init__(self, folder: Path, refuge: Path) -> None:
        self._folder, self._refuge = folder, refuge
        self._share = embedded.start(folder, refuge=refuge)
        self._hung: list[int] = []

    @property
    def addresses(self) -> Addresses:
        return self._share.addresses

    def stop(self, mode: Literal["fast", "immediate"]) -> None:
        """Let nobody finish: a fast stop rolls back and writes everything out, an immediate one just dies."""
        place, account = self._share.place, self._share.place.account
        command = [self._share.programs / "pg_ctl", "stop", "-D", place.path, "-m", mode, "-s", "-w", "-t", "60"]
        other = {"user": account.uid, "group": account.gid, "extra_groups": []} if account.is_another else {}
        subprocess.run(command, cwd="/", check=True, start_new_session=True, **other)  # noqa: S603 - the wheel's own

    def kill(self) -> None:
        """kill -9 the postmaster; its backends follow by themselves."""
        os.kill(self._postmaster(), signal.SIGKILL)

    def start(self) -> None:
        """Bring it back, recovering what there is to recover."""
        before, self._share = self._share, embedded.start(self._folder, refuge=self._refuge)
        embedded.stop(before)  # the new share keeps it up

    async def terminate_backends(self, application: str, most: int) -> int:
        """End some of the connections of an application as an administrator does; gives how many."""
        return int(await self._asked(
            "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity "
            "WHERE application_name = $1 ORDER BY random() LIMIT $2) AS chosen",
            application, most,
        ))  # fmt: skip

    async def hang(self) -> None:
        """Stop every process of it where it stands: connections stay open, new ones too, and nobody answers."""
        postmaster = self._postmaster()
        connection = await self._superuser()
        try:
            backends = await connection.fetch("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            self._signal(postmaster, signal.SIGSTOP)  # first, so that it starts no more of them
            for row in backends:
                self._signal(row["pid"], signal.SIGSTOP)
        finally:
            await connection.close()

    def wake(self) -> None:
        """Let those that were stopped go on as if nothing had been."""
        while self._hung:
            with suppress(ProcessLookupError):
                os.kill(self._hung.pop(), signal.SIGCONT)

    def close(self) -> None:
        self.wake()
        embedded.stop(self._share)

    def _signal(self, pid: int, which: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, which)
            self._hung.append(pid)

    def _postmaster(self) -> int:
        return int((self._share.place.data / "postmaster.pid").read_text().split()[0])

    async def _superuser(self) -> asyncpg.Connection:
        return await asyncpg.connect(self.addresses.superuser.replace("+asyncpg", ""))

    async def _asked(self, query: str, *values: object) -> object:
        connection = await self._superuser()
        try:
            return await connection.fetchval(query, *values)
        finally:
            await connection.close()


class Server:
    """`alur serve` over an address, started again at will. Each time it listens elsewhere; `url` waits for that."""

    def __init__(self, address: str, settings: Mapping[str, str]) -> None:
        self._address, self._settings = address, {"ALUR_LOG_LEVEL": "warning", **settings}
        self._answers = threading.Event()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        assert self._answers.wait(STARTING), "the server does not come up"
        assert self._process
        return self._process.url

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = Process(self._address, self._settings)
        assert self._process.url, self._process.said
        self._answers.set()

    def kill(self) -> None:
        """kill -9, in the middle of whatever it is doing."""
        self._answers.clear()
        if self._process is not None:
            self._process.kill()


@contextmanager
def serving(address: str, **settings: str) -> Iterator[Server]:
    """A server while the block lasts, whatever becomes of it meanwhile."""
    server = Server(address, settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
