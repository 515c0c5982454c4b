"""Asks over HTTP as fast as possible with as little as possible: raw sockets, ready-made requests, answers read by
their marks. Each process keeps what was promised to it, so that the trail can be held against it afterwards."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import time
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import uvloop

from tests.bench.course import Course, Deed
from tests.bench.figures import STARTS, STEPS

PROCESSES = 2
WARMING = 0.5  # seconds of the same load before a window opens
PERIODS = range(1900, 2200)  # the years a yearly SOP can be about
STANDING = re.compile(rb'"open_tasks":\[(?:\{"id":"([0-9a-f-]{36})","activity":"([a-z0-9_]+)")?')
NAMED = re.compile(rb'"id":"([0-9a-f-]{36})"')


class Unexpected(Exception):
    """An answer that a measured run must not meet."""


@dataclass(frozen=True)
class Plan:
    """What a process needs to know for the whole run. `number` of `of` processes."""

    key: str
    course: Course
    number: int
    of: int


@dataclass(frozen=True)
class Order:
    """One window of load. `begin` is when it opens, by the monotonic clock that all processes share."""

    what: str
    host: str
    port: int
    clients: int
    begin: float
    seconds: float

    @property
    def end(self) -> float:
        return self.begin + self.seconds


@dataclass(frozen=True)
class Told:
    """What came of an order: how long each answer within the window took, and what that cost here."""

    latencies: tuple[float, ...]
    requests: int
    """Those before the window opened, too."""
    extra_starts: int
    """Cycles started because there was none left to do a step in; they slow the steps down and are not counted."""
    cpu_seconds: float


@dataclass
class Promised:
    """What the server acknowledged of one instance, and the task that is open then."""

    completed: int = 0
    returned: int = 0
    open_task: str | None = None


@dataclass
class Case:
    """An instance on its way. It is sent back once, at the review `back_at`, if there is one."""

    instance: str
    task: str
    activity: str
    back_at: str | None


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: bytes


class Asking(Protocol):
    """Whatever takes a request and gives its answer."""

    def ask(self, request: bytes) -> Awaitable[Reply]: ...


class Link(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection: a request, its answer, the next request."""

    def __init__(self) -> None:
        self._read = bytearray()
        self._waiting: asyncio.Future[Reply] | None = None

    @classmethod
    async def to(cls, host: str, port: int) -> Link:
        _, link = await asyncio.get_running_loop().create_connection(cls, host, port)
        return link

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def ask(self, request: bytes) -> Awaitable[Reply]:
        """Send a request; gives the answer when all of it is there."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._read += data
        ended = self._read.find(b"\r\n\r\n")
        if ended < 0 or self._waiting is None:
            return
        begun = self._read.find(b"content-length: ", 0, ended) + 16
        if begun < 16:
            self._waiting.set_exception(Unexpected(f"an answer without its length: {bytes(self._read[:ended])!r}"))
            return
        whole = ended + 4 + int(self._read[begun : self._read.index(b"\r\n", begun)])
        if len(self._read) >= whole:
            waiting, self._waiting = self._waiting, None
            waiting.set_result(Reply(int(self._read[9:12]), bytes(self._read[ended + 4 : whole])))
            del self._read[:whole]

    def connection_lost(self, reason: Exception | None) -> None:
        if self._waiting and not self._waiting.done():
            self._waiting.set_exception(Unexpected(f"the connection was lost before the answer: {reason}"))

    def close(self) -> None:
        self._transport.close()


@dataclass
class Load:
    """The load of one process."""

    plan: Plan
    waiting: list[Case] = field(default_factory=list)
    promised: dict[str, Promised] = field(default_factory=dict)
    started: int = 0

    async def carry_out(self, order: Order) -> Told:
        """Keep the clients of an order busy until its window closes; what is asked by then is waited for."""
        window, before = Window(order), self.started
        links = [await Link.to(order.host, order.port) for _ in range(order.clients)]
        try:
            watched = asyncio.ensure_future(window.watched())
            requests = await asyncio.gather(*(self._client(link, order, window) for link in links))
            await watched
        finally:
            for link in links:
                link.close()
        extra = self.started - before if order.what == STEPS else 0
        return Told(tuple(window.latencies), sum(requests), extra, window.cpu_seconds)

    async def _client(self, link: Link, order: Order, window: Window) -> int:
        """Ask without a pause; gives how often."""
        host, requests = f"{order.host}:{order.port}".encode(), 0
        fixed = self.unchanging(host)
        while (asked_at := time.monotonic()) < order.end:
            if order.what == STARTS:
                self.waiting.append(await self.start(link, host))
            elif order.what == STEPS:
                case = self.waiting.pop() if self.waiting else await self.start(link, host)
                asked_at = time.monotonic()
                if await self._step(link, host, case):
                    self.waiting.append(case)
            elif (reply := await link.ask(fixed)).status != 200:
                raise Unexpected(f"{reply.status} {reply.body!r}")
            requests += 1
            window.answered(asked_at)
        return requests

    async def start(self, link: Asking, host: bytes) -> Case:
        """Start one cycle."""
        number = self.plan.number + self.started * self.plan.of
        self.started += 1
        course = self.plan.course
        reply = await link.ask(
            _request(host, self.plan.key, b"/v1/instances", _start_body(course, number), f"{number}-mulai")
        )
        instance, standing = NAMED.search(reply.body), STANDING.search(reply.body)
        if reply.status != 201 or not instance or not standing or standing[2] != course.first.encode():
            raise Unexpected(f"{reply.status} {reply.body!r}")
        task = standing[1].decode()
        self.promised[instance[1].decode()] = Promised(open_task=task)
        backs = (None, *course.reviews)
        return Case(instance[1].decode(), task, course.first, backs[number % len(backs)])

    async def _step(self, link: Asking, host: bytes, case: Case) -> bool:
        """Do one step of a case; whether there is another one."""
        return self.taken(case, await link.ask(self.request_for(case, host)))

    def request_for(self, case: Case, host: bytes) -> bytes:
        """The request that does the next step of a case."""
        path = f"/v1/tasks/{case.task}/complete".encode()
        stop, once = self.plan.course.stops[case.activity], f"langkah-{case.task}"
        return _request(host, self.plan.key, path, self._deed(case).body, once, stop.official)

    def unchanging(self, host: bytes) -> bytes:
        """The completion that an endpoint which does nothing is asked for every time."""
        first = self.plan.course.first
        return self.request_for(Case("", "00000000-0000-7000-8000-000000000000", first, None), host)

    def taken(self, case: Case, reply: Reply) -> bool:
        """Note what a step led to; whether there is another one."""
        deed, standing = self._deed(case), STANDING.search(reply.body)
        opened = standing[2].decode() if standing and standing[2] else None
        if reply.status != 200 or standing is None or opened != deed.leads_to:
            raise Unexpected(f"{case.activity} should lead to {deed.leads_to}: {reply.status} {reply.body!r}")
        promised = self.promised[case.instance]
        if case.back_at == case.activity:
            promised.returned += 1
            case.back_at = None
        else:
            promised.completed += 1
        promised.open_task = standing[1].decode() if standing[1] else None
        case.task, case.activity = promised.open_task or "", opened or ""
        return opened is not None

    def _deed(self, case: Case) -> Deed:
        stop = self.plan.course.stops[case.activity]
        return stop.back if stop.back and case.back_at == case.activity else stop.forward


class Window:
    """The part of a load that counts."""

    def __init__(self, order: Order) -> None:
        self._begin, self._end = order.begin, order.end
        self.latencies: list[float] = []
        self.cpu_seconds = 0.0

    def answered(self, asked_at: float) -> None:
        now = time.monotonic()
        if self._begin <= now < self._end:
            self.latencies.append(now - asked_at)

    async def watched(self) -> None:
        """Read what the window costs this process."""
        await asyncio.sleep(self._begin - time.monotonic())
        before = time.process_time()
        await asyncio.sleep(self._end - time.monotonic())
        self.cpu_seconds = time.process_time() - before


def _start_body(course: Course, number: int) -> bytes:
    """One cycle of each period, SOP by SOP; further ones give a reason."""
    period, sop = number // len(course.definitions), number % len(course.definitions)
    told = f'{{"definition": "{course.definitions[sop]}", "period": "{PERIODS[period % len(PERIODS)]}"'
    again = ', "duplicate": {"reason": "Pengukuran ulang"}' if period >= len(PERIODS) else ""
    return f"{told}{again}}}".encode()


def _request(host: bytes, key: str, path: bytes, body: bytes, once: str, official: str | None = None) -> bytes:
    behalf = f"Alur-On-Behalf-Of: {official}\r\n" if official else ""
    head = (
        f"Authorization: Bearer {key}\r\n{behalf}Idempotency-Key: {once}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return b"POST " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n" + head.encode() + body


@dataclass(frozen=True)
class Crew:
    """The processes of the load."""

    members: tuple[tuple[BaseProcess, Connection], ...]

    def order(self, what: str, url: str, clients: int, seconds: float) -> Order:
        """Let the load begin; the window opens when it is warm."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        begin = time.monotonic() + WARMING
        shares = [share for index in range(PROCESSES) if (share := len(range(index, clients, PROCESSES)))]
        for (_, pipe), share in zip(self.members, shares, strict=False):
            pipe.send(Order(what, host, int(port), share, begin, seconds))
        return Order(what, host, int(port), clients, begin, seconds)

    def told(self, order: Order) -> list[Told]:
        """What came of an order, from each process that had a part in it. Raises Unexpected."""
        return [_answer(pipe) for _, pipe in self.members[: min(order.clients, PROCESSES)]]

    def promised(self) -> dict[str, Promised]:
        """Everything that was acknowledged so far, by instance."""
        known: dict[str, Promised] = {}
        for _, pipe in self.members:
            pipe.send(None)
            known |= _answer(pipe)
        return known


def _answer(pipe: Connection) -> Any:
    answer = pipe.recv()
    if isinstance(answer, Unexpected):
        raise answer
    return answer


@contextmanager
def crew(key: str, course: Course) -> Iterator[Crew]:
    """Processes that wait for orders while the block lasts."""
    context = multiprocessing.get_context("spawn")
    members: list[tuple[BaseProcess, Connection]] = []
    try:
        for number in range(PROCESSES):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(
                target=_serve_orders, args=(theirs, Plan(key, course, number, PROCESSES))
            )
            process.start()
            theirs.close()
            members.append((process, ours))
        yield Crew(tuple(members))
    finally:
        for process, pipe in members:
            pipe.close()  # it ends when nobody can order any more
            process.join()


def _serve_orders(pipe: Connection, plan: Plan) -> None:
    load = Load(plan)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, suppress(BrokenPipeError):
        while (order := _next(pipe)) is not ENDED:
            try:
                told: Any = runner.run(load.carry_out(order)) if order else load.promised
            except (Unexpected, OSError) as unexpected:
                told = Unexpected(str(unexpected))
            pipe.send(told)


ENDED: Any = object()


def _next(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError, KeyboardInterrupt):
        return ENDED
