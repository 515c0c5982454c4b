"""One run: everything set up on one machine and one PostgreSQL, measured in rounds that take turns, and checked."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from app.database import Database
from tests.bench import machine, processor
from tests.bench.figures import EMPTY, EMPTY_MODEL, EMPTY_RESPONSE, FLOORS, STARTS, STEPS, Reading, percentile
from tests.bench.floors import INSTANCES, Floor, floors, pgbench, prepare
from tests.bench.invariants import Checked, check
from tests.bench.load import Crew, Promised, crew
from tests.bench.processor import Usage, spent
from tests.bench.sample import Sample, sampled
from tests.bench.sections import Section, sections
from tests.bench.stage import (
    Serving,
    Stage,
    alur,
    copy_of,
    database_of,
    demonstration,
    postgres,
    serving,
    settle,
    sql,
    superuser_of,
)

CLIENTS = (1, 4, 16)
OF_STARTS = 1 / 4  # of the seconds; a cycle has a dozen steps, so this is more than enough to do steps in
OF_EMPTY = 1 / 2


@dataclass(frozen=True)
class Options:
    """What a run is asked for."""

    seconds: float = 5
    rounds: int = 3
    clients: tuple[int, ...] = CLIENTS
    with_sections: bool = False
    folder: Path | None = None


@dataclass(frozen=True)
class Results:
    """All that a run found."""

    options: Options
    facts: dict[str, str]
    written: Written
    readings: list[Reading]
    extra_starts: int
    checked: Checked
    sections: list[Section] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """What a step of the floors writes, and how that compares to what Alur writes."""

    rows: dict[str, int]
    characters: int
    characters_of_cycle: tuple[int, ...]
    answer_bytes: int
    elsewhere: dict[str, int]


def measure(options: Options) -> Results:
    """Set up, measure, check."""
    load_before = machine.load()
    with postgres(options.folder) as stage:
        facts = machine.facts(stage) | {"load average before": load_before}
        actors = demonstration(stage)
        by_hand, apart = copy_of(stage, "alur_floor"), copy_of(stage, "alur_sections")
        sample = sampled(by_hand, actors)
        prepare(by_hand, sample)
        settle(by_hand)
        with ExitStack() as running:
            server = running.enter_context(alur(stage))
            servers = {STARTS: server, STEPS: server}
            for what, form in ((EMPTY_MODEL, "model"), (EMPTY_RESPONSE, "response")):
                servers[what] = running.enter_context(_empty(stage, form, sample.step.reply))
            load = running.enter_context(crew(actors.key, actors.course))
            bench = Bench(stage, by_hand, floors(sample), servers, load)
            readings = list(bench.rounds(options))
            promised = load.promised()
        checked = asyncio.run(_checked(stage, promised))
        told = sections(apart, actors) if options.with_sections else []
    return Results(
        options=options,
        facts=facts | {"load average after": machine.load()},
        written=_written(sample),
        readings=readings,
        extra_starts=bench.extra_starts,
        checked=checked,
        sections=told,
    )


@contextmanager
def _empty(stage: Stage, form: str, answer: bytes) -> Iterator[Serving]:
    file = stage.folder / "answer.json"
    file.write_bytes(answer)
    with serving(["tests.bench.empty", form, str(file)], os.environ, stage.folder / f"empty-{form}.log") as server:
        yield server


async def _checked(stage: Stage, promised: Mapping[str, Promised]) -> Checked:
    database = Database(stage.addresses.application)
    try:
        return await check(superuser_of(stage), database, promised)
    finally:
        await database.close()


def _written(sample: Sample) -> Written:
    step = sample.step
    rows = {
        "instances": 1,
        "tasks": 1 + len(step.opened),
        "audit_events": len(step.events),
        "audit_personal": sum(one is not None for one in step.personal),
        "idempotency_answers": 1,
    }
    return Written(rows, step.size, sample.sizes, len(step.reply), dict(sample.elsewhere))


@dataclass
class Bench:
    """Everything that is measured, in turn."""

    stage: Stage
    by_hand: Stage
    floors: Mapping[str, Floor]
    servers: Mapping[str, Serving]
    load: Crew
    extra_starts: int = 0
    used_up: int = 0

    def rounds(self, options: Options) -> Iterator[Reading]:
        """All readings. What is compared stands close together in time."""
        self._warm(max(options.clients))
        for number in range(1, options.rounds + 1):
            for clients in options.clients:
                for what in FLOORS:
                    yield self._floor(what, clients, options.seconds, number)
                yield self._over_http(STARTS, clients, options.seconds * OF_STARTS, number)
                yield self._over_http(STEPS, clients, options.seconds, number)
                for what in EMPTY:
                    yield self._over_http(what, clients, options.seconds * OF_EMPTY, number)

    def _warm(self, clients: int) -> None:
        """Let every connection prepare its statements, then give the planner something to plan with."""
        for what, server in self.servers.items():
            self.load.told(self.load.order(what, server.url, clients, seconds=2))
        settle(self.stage)

    def _floor(self, what: str, clients: int, seconds: float, number: int) -> Reading:
        before, wal, begun = processor.read(None, self.stage.postmaster), self._wal(), time.monotonic()
        extent = ("-T", str(max(1, round(seconds))))
        self.used_up += 101  # not always the same instances: those that were worked on before are slower
        begin = self.used_up % INSTANCES
        run = pgbench(self.by_hand, self.floors[what], clients=clients, extent=extent, begin=begin)
        self._wait_for_backends_to_end()
        used = Used.between(before, processor.read(None, self.stage.postmaster), run.cpu_seconds)
        return Reading(
            what=what,
            clients=clients,
            round=number,
            per_second=run.per_second,
            mean_ms=run.mean_ms,
            postgres_cpu_ms=_each(used.postgres, run.transactions),
            load_cpu_ms=_each(used.load, run.transactions),
            wal_bytes=(self._wal() - wal) / run.transactions,
            others=used.by_others(time.monotonic() - begun),
        )

    def _over_http(self, what: str, clients: int, seconds: float, number: int) -> Reading:
        server, wal = self.servers[what], self._wal()
        order = self.load.order(what, server.url, clients, seconds)
        before = self._read_at(order.begin, server)
        after = self._read_at(order.end, server)
        told = self.load.told(order)
        latencies = [one for part in told for one in part.latencies]
        requests, all_of_them = len(latencies), sum(part.requests for part in told)
        self.extra_starts += sum(part.extra_starts for part in told)
        if not latencies:
            raise SystemExit(f"{what}: not one answer in {seconds:g} s; measure for longer")
        used = Used.between(before, after, sum(part.cpu_seconds for part in told))
        return Reading(
            what=what,
            clients=clients,
            round=number,
            per_second=requests / seconds,
            mean_ms=sum(latencies) / requests * 1000,
            p50_ms=percentile(latencies, 0.50) * 1000,
            p99_ms=percentile(latencies, 0.99) * 1000,
            server_cpu_ms=_each(used.server, requests),
            postgres_cpu_ms=_each(used.postgres, requests) if what in (STARTS, STEPS) else None,
            load_cpu_ms=_each(used.load, requests),
            wal_bytes=(self._wal() - wal) / all_of_them if what in (STARTS, STEPS) else None,
            others=used.by_others(seconds),
        )

    def _read_at(self, moment: float, server: Serving) -> Usage:
        time.sleep(max(0.0, moment - time.monotonic()))
        return processor.read(server.pid, self.stage.postmaster)

    def _wal(self) -> int:
        """How much PostgreSQL has written to its log so far, in bytes."""
        written: int = sql(self.stage.addresses.superuser, "SELECT (pg_current_wal_lsn() - '0/0')::bigint")[0][0]
        return written

    def _wait_for_backends_to_end(self) -> None:
        """Only then is their processor time known."""
        while processor.backends(self.stage.postmaster, database_of(self.by_hand)):
            time.sleep(0.01)  # nobody is told when somebody else's child ends


@dataclass(frozen=True)
class Used:
    """Processor seconds between two moments."""

    server: float | None
    postgres: float | None
    machine: float | None
    load: float

    @classmethod
    def between(cls, before: Usage, after: Usage, load: float) -> Used:
        return cls(
            server=spent(before.server, after.server),
            postgres=spent(before.postgres, after.postgres),
            machine=spent(before.machine, after.machine),
            load=load,
        )

    def by_others(self, seconds: float) -> float | None:
        """The share of the machine that went to programs that are not measured."""
        if self.machine is None or self.postgres is None:
            return None
        rest = self.machine - self.postgres - (self.server or 0.0) - self.load
        return max(0.0, rest / (seconds * machine.cores()))


def _each(seconds: float | None, count: int) -> float | None:
    """Milliseconds for one of many."""
    return None if seconds is None else seconds / count * 1000
