"""A proxy between Alur and PostgreSQL that breaks at the worst moment: while a deed is being written.

It reads along in what Alur says (PostgreSQL's frontend/backend protocol, version 3) and so knows the message that
writes a certain deed. There it does what a network does: it loses the deed, or its answer, or holds one of them back.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

AT_ONCE, AT_COMMIT = b"INSERT INTO audit_events", b"INSERT INTO process_definitions"
"""What a statement contains that writes a deed: in autocommit, or in a transaction that is committed later."""

PARSE, BIND, QUERY, SYNC, READY = b"P", b"B", b"Q", b"S", b"Z"

PATIENCE = 60
"""Seconds after which something is wrong with the test."""


class Fault(StrEnum):
    """What befalls the connection on which a deed is written."""

    LOST = "cut before the deed arrives"
    UNHEARD = "cut after the deed is done and before its answer is heard"
    SILENT = "the deed is done, and its answer never comes"
    DELAYED = "the deed is held back, and arrives when nobody waits for it any more"


@dataclass
class Plan:
    """What befalls which deeds: each when it comes, or where the database is gone after that, all with the last."""

    faults: Mapping[bytes, Fault]
    gone_after: bool
    """Whether nothing of the database can be reached from then on, until it is mended."""
    met: set[bytes] = field(default_factory=set)
    all_met: asyncio.Event = field(default_factory=asyncio.Event)
    mended: asyncio.Event = field(default_factory=asyncio.Event)
    late: set[bytes] = field(default_factory=set)
    """The deeds that were held back and have been carried out since."""


class Wire:
    """A socket that leads to PostgreSQL's, and a plan for how it breaks."""

    def __init__(self, socket: Path, origin: Path) -> None:
        self._socket, self._origin = socket, origin
        self._loop = asyncio.new_event_loop()
        self._lines: set[_Line] = set()
        self._plan: Plan | None = None
        self._gone = False

    def through(self, address: str) -> str:
        """The same address by way of the proxy."""
        return make_url(address).update_query_dict({"host": str(self._socket.parent)}).render_as_string()

    @contextmanager
    def stretched(self) -> Iterator[Wire]:
        """Carry everything between both sockets while the block lasts."""
        thread = threading.Thread(target=self._loop.run_forever, name="wire")
        thread.start()
        listening = self._run(asyncio.start_unix_server(self._carry, self._socket))
        try:
            yield self
        finally:
            self._run(self._end(listening))
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def expect(self, faults: Mapping[str, Fault], *, gone_after: bool = False) -> None:
        """Let the faults befall the deeds that have these words in them."""
        self._plan = Plan({mark.encode(): fault for mark, fault in faults.items()}, gone_after)

    def mend(self) -> set[str]:
        """Let everything be well again, and what was held back arrive; gives the marks of what was spared."""
        spared: set[bytes] = self._run(self._mended())
        return {mark.decode() for mark in spared}

    def _run(self, deed: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(deed, self._loop).result(PATIENCE)

    async def _mended(self) -> set[bytes]:
        plan = self._plan
        assert plan
        self._gone = False
        plan.all_met.set()
        plan.mended.set()
        await asyncio.gather(*(line.over.wait() for line in self._lines if line.held))
        return {
            mark
            for mark, fault in plan.faults.items()
            if mark not in (plan.late if fault is Fault.DELAYED else plan.met)
        }

    async def _end(self, listening: asyncio.Server) -> None:
        listening.close()
        for line in self._lines:
            line.held = False
            line.cut()
        await asyncio.gather(*(line.over.wait() for line in self._lines))

    async def _carry(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self._gone:
            await _cut(back)
            return
        server, onward = await asyncio.open_unix_connection(self._origin)
        line = _Line(client, back, server, onward)
        self._lines.add(line)
        speaking = asyncio.ensure_future(self._speak(line))
        await line.hear()
        speaking.cancel()
        await asyncio.gather(speaking, _cut(back), _cut(onward), return_exceptions=True)
        self._lines.discard(line)
        line.over.set()

    async def _speak(self, line: _Line) -> None:
        """Carry what Alur says, up to a deed that a fault is planned for."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await line.greet()
            while True:
                message = await _message(line.client)
                plan = self._plan
                mark = line.deed(message, set(plan.faults) - plan.met if plan else ())
                if plan is None or mark is None:
                    await line.say(message)
                else:
                    await self._befall(plan, mark, line, message)
        if not line.held:
            line.cut()

    async def _befall(self, plan: Plan, mark: bytes, line: _Line, message: bytes) -> None:
        fault = plan.faults[mark]
        if fault is Fault.DELAYED:
            await self._hold_back(plan, mark, line, message)
            return
        if fault is not Fault.LOST:
            line.muted = True
            await line.say(message)
            while message[:1] not in (SYNC, QUERY):
                message = await _message(line.client)
                await line.say(message)
            await line.ready.wait()
        await self._meet(plan, mark)
        if fault is not Fault.SILENT:
            line.cut()

    async def _hold_back(self, plan: Plan, mark: bytes, line: _Line, message: bytes) -> None:
        line.held = line.muted = True
        await line.say(SYNC + b"\0\0\0\4")  # else PostgreSQL's timer runs on since it parsed the statement
        await line.ready.wait()
        line.ready.clear()
        said = [message]
        while said[-1][:1] not in (SYNC, QUERY):
            said.append(await _message(line.client))
        await self._meet(plan, mark)
        await plan.mended.wait()
        for late in said:
            await line.say(late)
        await line.ready.wait()
        plan.late.add(mark)
        line.held = False
        line.cut()

    async def _meet(self, plan: Plan, mark: bytes) -> None:
        """Note that a deed has come to where its fault happens; wait for the others if all are to fall together."""
        plan.met.add(mark)
        if not plan.gone_after:
            return
        if plan.met == set(plan.faults):
            self._gone = True
            for line in self._lines:
                line.cut()
            plan.all_met.set()
        await plan.all_met.wait()


class _Line:
    """A connection through the proxy. While it is muted, Alur hears nothing; while held, it outlives Alur's end."""

    def __init__(
        self,
        client: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        onward: asyncio.StreamWriter,
    ) -> None:
        self.client, self._back, self._server, self._onward = client, back, server, onward
        self.muted = self.held = False
        self.ready, self.over = asyncio.Event(), asyncio.Event()
        self._writing: dict[bytes, bytes] = {}
        self._uncommitted: bytes | None = None

    async def greet(self) -> None:
        """The first message has no type."""
        length = await self.client.readexactly(4)
        await self.say(length + await self.client.readexactly(int.from_bytes(length) - 4))

    async def say(self, message: bytes) -> None:
        self._onward.write(message)
        await self._onward.drain()

    async def hear(self) -> None:
        """Carry what PostgreSQL says, unless muted."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                message = await _message(self._server)
                if not self.muted:
                    self._back.write(message)
                    await self._back.drain()
                elif message[:1] == READY:
                    self.ready.set()

    def cut(self) -> None:
        """Break off on both sides, as a network does."""
        self._back.transport.abort()
        if not self.held:
            self._onward.transport.abort()

    def deed(self, message: bytes, marks: Collection[bytes]) -> bytes | None:
        """The mark of the deed that this message makes stand."""
        type, said = message[:1], message[5:]
        if type == PARSE:
            name, query = said.split(b"\0", 2)[:2]
            self._writing[name] = AT_ONCE if AT_ONCE in query else AT_COMMIT if AT_COMMIT in query else b""
        elif type == BIND:
            when = self._writing.get(said.split(b"\0", 2)[1])
            mark = next((mark for mark in marks if mark in said), None)
            if when == AT_ONCE:
                return mark
            if when == AT_COMMIT:
                self._uncommitted = mark
        elif type == QUERY:
            mark, self._uncommitted = self._uncommitted, None
            return mark if said.startswith(b"COMMIT") else None
        return None


async def _cut(stream: asyncio.StreamWriter) -> None:
    stream.transport.abort()
    with suppress(ConnectionError):
        await stream.wait_closed()


async def _message(source: asyncio.StreamReader) -> bytes:
    """One message of either side: its type, its length, what it says."""
    head = await source.readexactly(5)
    return head + await source.readexactly(int.from_bytes(head[1:]) - 4)
