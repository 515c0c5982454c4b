"""Says what a run found: as JSON for machines, as Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tests.bench.figures import (
    EMPTY,
    EMPTY_MODEL,
    FLOOR_CLASSIC,
    FLOORS,
    STARTS,
    STEPS,
    Reading,
    Spread,
    ratio,
    readings_of,
)
from tests.bench.measure import Results

LEAST_OF_FLOOR = 0.35
MOST_OF_EMPTY = 3.5
AT_CLIENTS = 16


@dataclass(frozen=True)
class Gate:
    """One demand, what was found, and whether that is enough; null where it could not be measured."""

    demand: str
    found: Spread | None
    is_met: bool | None


def gates(results: Results) -> list[Gate]:
    """What is demanded of Alur on any machine: ratios within one run, the middle of the rounds."""
    clients = AT_CLIENTS if AT_CLIENTS in results.options.clients else max(results.options.clients)
    of_floor = ratio(results.readings, STEPS, FLOOR_CLASSIC, clients)
    of_empty = ratio(results.readings, STEPS, EMPTY_MODEL, clients, "server_cpu_ms")
    return [
        Gate(
            f"steps per second, {clients} clients: at least {LEAST_OF_FLOOR:.0%} of the floor, statement by statement",
            of_floor,
            of_floor.middle >= LEAST_OF_FLOOR if of_floor else None,
        ),
        Gate(
            f"CPU per step, {clients} clients: at most {MOST_OF_EMPTY} times the empty endpoint that returns a model",
            of_empty,
            of_empty.middle <= MOST_OF_EMPTY if of_empty else None,
        ),
    ]


def as_json(results: Results) -> str:
    """Everything, every reading of every round."""
    told = asdict(results) | {"gates": [asdict(gate) for gate in gates(results)]}
    return json.dumps(told, indent=2, default=str) + "\n"


def as_markdown(results: Results) -> str:
    """The report."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield "# What a step of Alur costs, and what it could cost at best"
    yield ""
    yield from _verdict(results)
    yield "## Throughput"
    yield ""
    yield (
        f"Per second: the middle of {results.options.rounds} rounds (least-most); everything else: the middle."
        " Where the machine was busy with other things, throughput says little and processor time still does."
    )
    yield ""
    yield from _throughput(results)
    yield "## Ratios, round by round"
    yield ""
    yield from _ratios(results)
    yield "## Processor time, ms for each request"
    yield ""
    yield from _processor(results)
    if results.sections:
        yield "## Where a step's time goes"
        yield ""
        yield from _sections(results)
    yield "## What was compared"
    yield ""
    yield from _compared(results)
    yield "## Machine"
    yield ""
    yield from (f"- {name}: {told}" for name, told in results.facts.items())
    yield f"- rounds: {results.options.rounds}, seconds in each: {results.options.seconds:g}"


def _verdict(results: Results) -> Iterator[str]:
    rows = []
    for gate in gates(results):
        said = {True: "met", False: "**not met**", None: "not measured here"}[gate.is_met]
        rows.append((gate.demand, _spread(gate.found, 2), said))
    yield from _table(("demand", "found", ""), rows)
    checked = results.checked
    yield (
        f"After the run: {checked.instances:,} instances, {checked.events:,} events, {checked.steps:,} acknowledged"
        f" steps; every instance verified: {len(checked.findings)} findings."
    )
    yield ""
    for finding in checked.findings[:20]:
        yield f"- **{finding}**"
    if checked.findings:
        yield ""


def _throughput(results: Results) -> Iterator[str]:
    rows = []
    for what in (*FLOORS, STEPS, STARTS, *EMPTY):
        for clients in results.options.clients:
            mine = readings_of(results.readings, what, clients)
            times = (_of(mine, name, 2) for name in ("mean_ms", "p50_ms", "p99_ms"))
            rest = (_of(mine, "wal_bytes", 0), _share(mine))
            rows.append((what, str(clients), _spread(_field(mine, "per_second"), 0), *times, *rest))
    heads = ("", "clients", "per second", "mean ms", "p50 ms", "p99 ms", "WAL bytes", "busy with other things")
    yield from _table(heads, rows)
    if results.extra_starts:
        yield f"{results.extra_starts} cycles had to be started within windows of steps, which slowed them down."
        yield ""


def _ratios(results: Results) -> Iterator[str]:
    rows = []
    for clients in results.options.clients:
        floor = (_spread(ratio(results.readings, STEPS, one, clients), 2) for one in FLOORS)
        cost = (_spread(ratio(results.readings, one, STEPS, clients, "cpu_ms"), 2) for one in FLOORS)
        empty = (_spread(ratio(results.readings, STEPS, one, clients, "server_cpu_ms"), 2) for one in EMPTY)
        rows.append((str(clients), *floor, *cost, *empty))
    heads = (
        *(f"steps/s to {one}" for one in FLOORS),
        *(f"all processor time of {one}, to Alur's" for one in FLOORS),
        *(f"server's processor time to {one}" for one in EMPTY),
    )
    yield from _table(("clients", *heads), rows)


def _processor(results: Results) -> Iterator[str]:
    rows = []
    for what in (*FLOORS, STEPS, STARTS, *EMPTY):
        for clients in results.options.clients:
            mine = readings_of(results.readings, what, clients)
            fields = ("server_cpu_ms", "postgres_cpu_ms", "load_cpu_ms")
            rows.append((what, str(clients), *(_spread(_field(mine, name), 3) for name in fields)))
    yield from _table(("", "clients", "server process", "PostgreSQL", "load"), rows)


def _sections(results: Results) -> Iterator[str]:
    yield (
        "One step after the other, in one process, through the whole application; microseconds, the middle of all."
        " Sockets and the parsing of HTTP are not in it. Waiting is mostly PostgreSQL at work."
    )
    yield ""
    waited = [max(0.0, one.wall - one.cpu) for one in results.sections]
    together = sum(one.cpu for one in results.sections)
    rows = [(one.name, f"{one.cpu:.0f}", f"{wait:.0f}") for one, wait in zip(results.sections, waited, strict=True)]
    rows.append(("together", f"{together:.0f}", f"{sum(waited):.0f}"))
    yield from _table(("", "processor", "waiting"), rows)


def _compared(results: Results) -> Iterator[str]:
    written = results.written
    rows = ", ".join(f"{table} {count}" for table, count in written.rows.items())
    sizes = written.characters_of_cycle
    yield (
        f"- A step of the floors writes what a real step of mean size wrote: {rows} rows, {written.characters:,}"
        f" characters (the steps of a cycle write {min(sizes):,} to {max(sizes):,}); its answer has"
        f" {written.answer_bytes:,} bytes, and so has the empty endpoint's."
    )
    yield "- The floors read instance and task, and nothing else: no authentication, roster, rules, hashing or HTTP."
    yield "- Alur's clients send an Idempotency-Key with each request; three cycles of four are sent back once."
    yield "- Everything shares this machine: the load, the server and PostgreSQL; so do pgbench and PostgreSQL."
    for table, count in written.elsewhere.items():
        yield f"- **A cycle of Alur also changes {count} rows of {table}, which the floors do not.**"
    yield ""


def _share(readings: Sequence[Reading]) -> str:
    spread = _field(readings, "others")
    return f"{spread.middle:.0%} ({spread.least:.0%}-{spread.most:.0%})" if spread else ""


def _field(readings: Sequence[Reading], name: str) -> Spread | None:
    return Spread.of(getattr(one, name) for one in readings)


def _of(readings: Sequence[Reading], name: str, digits: int) -> str:
    spread = _field(readings, name)
    return f"{spread.middle:,.{digits}f}" if spread else ""


def _spread(spread: Spread | None, digits: int) -> str:
    if spread is None:
        return ""
    return f"{spread.middle:,.{digits}f} ({spread.least:,.{digits}f}-{spread.most:,.{digits}f})"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
