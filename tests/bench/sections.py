"""Where the time of one step goes: the whole application in one process of its own, without a socket, one step after
the other, with a watch on each part of the way. What a part calls and has a watch of its own is not counted twice."""

from __future__ import annotations

import asyncio
import functools
import inspect
import multiprocessing
import pkgutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import uvloop

from app.main import create_app
from app.observation import logs
from app.settings import Settings
from tests.bench.load import Load, Plan, Reply
from tests.bench.stage import Actors, Stage

FRAMEWORK = "FastAPI: routing, headers, body"
WAY: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("guard, ids, log line, metrics", ("app.observation.observer:Observer.__call__", "app.guard:Guard.__call__")),
    (FRAMEWORK, ("starlette.middleware.exceptions:ExceptionMiddleware.__call__",)),
    ("the deed itself: what is left between its parts", ("app.tasks.routes:complete",)),
    ("load: the statement", ("app.instances.statements:BY_TASK.one",)),
    ("load: the state from JSON", ("app.instances.journal:InstanceState.model_validate_json",)),
    ("load: roster, names, offices", ("app.instances.journal:Journal._held",)),
    ("decide", ("engine.decide:complete",)),
    ("the answer: views and their JSON", ("app.tasks.complete:told",)),
    ("seal the events", ("app.instances.journal:recorded",)),
    ("task rows as JSON", ("app.instances.journal:projected",)),
    ("the state as JSON", ("engine.state:InstanceState.model_dump_json",)),
    ("apply: the statement", ("app.instances.statements:CHANGE.change",)),
)
"""The parts in order, each with the functions whose time it is."""

WARMING = 10  # cycles


@dataclass(frozen=True)
class Section:
    """One part of the way: microseconds of processor time, and of time altogether."""

    name: str
    cpu: float
    wall: float


@dataclass
class Watches:
    """Knows which part is at work, and charges the time to it."""

    working: list[str] = field(default_factory=lambda: [FRAMEWORK])
    cpu: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    read: tuple[float, float] = (0.0, 0.0)

    def charge(self) -> None:
        now = (time.thread_time(), time.perf_counter())
        self.cpu[self.working[-1]] += now[0] - self.read[0]
        self.wall[self.working[-1]] += now[1] - self.read[1]
        self.read = now

    @contextmanager
    def on(self, part: str) -> Iterator[None]:
        self.charge()
        self.working.append(part)
        try:
            yield
        finally:
            self.charge()
            self.working.pop()

    def taken(self) -> dict[str, tuple[float, float]]:
        """The time of each part since this was last asked."""
        self.charge()
        told = {part: (self.cpu[part], self.wall[part]) for part in self.cpu}
        self.cpu.clear()
        self.wall.clear()
        return told


def sections(stage: Stage, actors: Actors, cycles: int = 60) -> list[Section]:
    """Measure in a process of its own: the watches stay on its functions."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        return apart.submit(_measured, stage, actors, cycles).result()


def _measured(stage: Stage, actors: Actors, cycles: int) -> list[Section]:
    watches = Watches()
    for part, places in WAY:
        for place in places:
            put_watch(watches, part, place)
    with (
        (stage.folder / "sections.log").open("w") as stream,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        steps = runner.run(_steps(stage, actors, watches, stream, cycles))
    return [
        Section(part, *(median(step.get(part, (0.0, 0.0))[which] for step in steps) * 1e6 for which in (0, 1)))
        for part, _ in WAY
    ]


def put_watch(watches: Watches, part: str, place: str) -> None:
    """Charge the time of a function, named `module:Name.attribute`, to a part."""
    owner, name = found(place)
    function = getattr(owner, name)

    @functools.wraps(function)
    def watched(*given: Any, **named: Any) -> Any:
        with watches.on(part):
            return function(*given, **named)

    @functools.wraps(function)
    async def watched_until_done(*given: Any, **named: Any) -> Any:
        with watches.on(part):
            return await function(*given, **named)

    watch: Any = watched_until_done if inspect.iscoroutinefunction(function) else watched
    bound_already = inspect.isclass(owner) and inspect.ismethod(function)
    setattr(owner, name, staticmethod(watch) if bound_already else watch)


def found(place: str) -> tuple[Any, str]:
    """What holds the function that is named `module:Name.attribute`, and its name there."""
    around, _, name = place.rpartition("." if "." in place.partition(":")[2] else ":")
    return pkgutil.resolve_name(around), name


async def _steps(
    stage: Stage, actors: Actors, watches: Watches, stream: Any, cycles: int
) -> list[dict[str, tuple[float, float]]]:
    """What each part took, for each step of many cycles."""
    settings = Settings(database_url=stage.addresses.application)
    logs.configure(settings.log_level, settings.log_format, stream)
    app = create_app(settings)
    inside, steps = Inside(app), []
    load = Load(Plan(actors.key, actors.course, number=0, of=1))
    async with app.router.lifespan_context(app):
        for number in range(WARMING + cycles):
            case, going = await load.start(inside, b"inside"), True
            while going:
                request = inside.scope_of(load.request_for(case, b"inside"))
                watches.taken()
                reply = await inside.answer(*request)
                told = watches.taken()
                going = load.taken(case, reply)
                if number >= WARMING:
                    steps.append(told)
    return steps


@dataclass(frozen=True)
class Inside:
    """Asks an application within this process, in place of a connection to it."""

    app: Callable[..., Any]

    async def ask(self, request: bytes) -> Reply:
        return await self.answer(*self.scope_of(request))

    def scope_of(self, request: bytes) -> tuple[dict[str, Any], bytes]:
        """A request as a server hands it on: its scope and its body."""
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, path, _ = first.decode().split(" ")
        headers = [(name.lower(), value) for name, _, value in (line.partition(b": ") for line in lines)]
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
        }
        scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
        return scope | {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {}}, body

    async def answer(self, scope: dict[str, Any], body: bytes) -> Reply:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return Reply(sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]))
