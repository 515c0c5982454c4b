"""What supervisors' questions cost at scale: `python -m tests.bench.overdue`.

Seeds a database of its own (migrated for real) with open tasks over many agencies, asks the service's very statements,
then adds closed tasks and asks again: what waits must not cost more because of what is done. Keeps figures and query
plans as Markdown and JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import make_url

from app import embedded
from app.calendars.catalog import Calendars
from app.clock import new_id, now
from app.database import Database
from app.definitions.publish import publish
from app.definitions.shipped import FOLDER
from app.embedded import Addresses
from app.identity.issue import agency_id, issue_key
from app.migrate import migrate
from app.reading import Reading
from app.reports.ageing import BOUNDS, bounds
from app.reports.overdue import GroupBy, counts
from app.tasks.picking import Shape, page_of
from engine import decide
from engine.calendar import REGULAR_HOURS, WorkCalendar
from engine.commands import Complete, Office, Performer, Start
from engine.compiler import CompiledProcess
from engine.definition import ProcessDefinition
from engine.reader import read_yaml
from engine.state import InstanceState, Output
from engine.working_time import CompiledCalendar
from tests.bench.figures import percentile
from tests.world import within

HASTE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "shared_buffers": "4GB",
}
"""Nothing here outlives the measuring, and reading is the same without; memory as a database of this size is given."""

SOP = "kalbar-lakip"
STEP = 6
"""The row of the sheet on which every instance stands."""

AT_ONCE = 20_000
"""Tasks that are written in one statement."""


@dataclass(frozen=True)
class Scale:
    """How much there is: open tasks and closed ones, over how many agencies."""

    open: int
    closed: int
    agencies: int


# Seeding


async def seed(addresses: Addresses, scale: Scale) -> None:
    """Agencies with people and a calendar, and an instance for each open task. Three of ten tasks are late."""
    await migrate(addresses.owner, addresses.application)
    definition = read_yaml((FOLDER / f"{SOP}.yaml").read_bytes(), SOP).model_copy(update={"agency": "dinas-1"})
    state = _state(definition)
    (task,) = state.tasks
    role = CompiledProcess(definition, 1).activity(task.activity).candidate_roles[0]
    async with connected(addresses) as connection:
        await connection.execute("SET session_replication_role = replica")  # references are right by construction
        roles = ", ".join(f"'{role.id}'" for role in definition.roles)
        await connection.execute(_PEOPLE.format(agencies=scale.agencies, roles=roles))
        await _publish(addresses, definition)
        await connection.execute(_SEED.format(role=role))
        for first in range(0, scale.open, AT_ONCE):
            last = min(first + AT_ONCE, scale.open) - 1
            await connection.execute(
                _OPEN, first, last, scale.agencies, task.activity, role, state.model_dump_json(), str(task.id)
            )
        await connection.execute("VACUUM ANALYZE")


async def close_more(addresses: Addresses, scale: Scale) -> None:
    """Add the closed tasks, as many to each instance."""
    each, last = scale.closed // scale.open, UUID(int=0)
    async with connected(addresses) as connection:
        await connection.execute("SET session_replication_role = replica")
        while last is not None:
            last = await connection.fetchval(_CLOSED, last, max(AT_ONCE // each, 1), each)
        await connection.execute("VACUUM ANALYZE")


async def _publish(addresses: Addresses, definition: ProcessDefinition) -> None:
    """What the service itself writes: the SOP, a calendar, a key."""
    database = Database(addresses.application)
    try:
        async with database.transaction() as connection:
            first = await agency_id(connection, "dinas-1")
            await publish(connection, definition, first, client=None, now=now(), new_id=new_id)
            await issue_key(connection, "beban", scopes=["read"], agencies=["dinas-1"], officials="all", at=now())
        await Calendars(database).see_to([first])
    finally:
        await database.close()


def _state(definition: ProcessDefinition) -> InstanceState:
    """An instance that has come to the row on which all of them stand, with what was handed over on the way."""
    process, at = CompiledProcess(definition, 1), datetime(2026, 3, 2, 1, tzinfo=UTC)
    begin = Start(by=Performer(), agency="dinas-1", period="2026", title="LAKIP 2026")
    state = decide.start(process, begin, now=at, new_id=new_id).state
    while (activity := process.activity(state.tasks[0].activity)).number < STEP:
        office = Office(role=activity.candidate_roles[0], position="Jabatan")
        outputs = tuple(Output(name=name, reference="000.8/1") for name in activity.expected_outputs)
        by = Performer(official=new_id(), name="Pejabat", offices=(office,))
        done = Complete(by=by, task=state.tasks[0].id, outcome=activity.routes[0].outcome, outputs=outputs)
        state = decide.complete(process, state, done, now=at, new_id=new_id).state
    return state


_PEOPLE = """
INSERT INTO agencies (id, key, name, created_at)
SELECT uuidv7(), 'dinas-' || n, 'Dinas ' || n, now() FROM generate_series(1, {agencies}) AS n;
INSERT INTO units (id, agency_id, key, kind, name)
SELECT uuidv7(), id, 'bidang_' || n, 'bidang', 'Bidang ' || n FROM agencies, generate_series(1, 4) AS n;
INSERT INTO positions (id, agency_id, unit_id, title)
SELECT uuidv7(), a.id, (SELECT id FROM units u WHERE u.agency_id = a.id AND u.key = 'bidang_' || (1 + n % 4)), role
FROM agencies a, unnest(ARRAY[{roles}]) WITH ORDINALITY AS given(role, n);
INSERT INTO role_bindings (id, agency_id, role, position_id) SELECT uuidv7(), agency_id, title, id FROM positions;
INSERT INTO officials (id, agency_id, name) SELECT uuidv7(), agency_id, 'Pejabat ' || title FROM positions;
INSERT INTO holders (id, agency_id, position_id, official_id, valid_from)
SELECT uuidv7(), p.agency_id, p.id, o.id, '2020-01-01Z'
FROM positions p JOIN officials o ON o.agency_id = p.agency_id AND o.name = 'Pejabat ' || p.title
"""

_SEED = """
UPDATE agencies SET calendar_hash = (SELECT hash FROM calendars);
CREATE TABLE seed AS
SELECT row_number() OVER (ORDER BY a.id) - 1 AS n, a.id AS agency_id, o.id AS official_id,
       (SELECT id FROM process_definitions) AS definition_id, (SELECT id FROM api_keys) AS client_id
FROM agencies a JOIN officials o ON o.agency_id = a.id AND o.name = 'Pejabat {role}';
CREATE INDEX ON seed (n);
ANALYZE seed
"""

_OPEN = """
WITH wanted AS MATERIALIZED (
    SELECT seed.*, number, now() - age AS at,
           uuidv7(-age) AS instance_id, uuidv7(-age + interval '1 second') AS task_id,
           CASE WHEN number / $3 % 10 < 3 THEN now() - interval '90 days' * random()
                ELSE now() + interval '1 hour' + interval '30 days' * random() END AS due_at,
           CASE WHEN number % 100 < 2 THEN now() - age / 2 END AS stopped_at,
           CASE WHEN number % 5 < 2 THEN official_id END AS assignee_id
    FROM generate_series($1::int, $2::int) AS number
    JOIN seed ON seed.n = number % $3
    CROSS JOIN LATERAL (SELECT interval '91 days' + interval '30 days' * random() AS age OFFSET 0 * number)
), begun AS (
    INSERT INTO instances (id, agency_id, definition_id, definition_key, period, title, status, state, trail_length,
                           trail_head, client_id, data, started_at, duplicate_of)
    SELECT instance_id, agency_id, definition_id, 'kalbar-lakip', '2026', 'LAKIP 2026', 'running',
           replace($6, $7, task_id::text)::jsonb, 1, repeat('0', 64), client_id, '{}', at, instance_id
    FROM wanted
)
INSERT INTO tasks (id, instance_id, agency_id, activity, scope, round, status, candidate_roles, assignee_id, opened_at,
                   held_since, due_at, awaits, deliveries, stopped_at, due_dates, held)
SELECT task_id, instance_id, agency_id, $4::text, '', 1, CASE WHEN assignee_id IS NULL THEN 'open' ELSE 'claimed' END,
       ARRAY[$5::text], assignee_id, at, at, due_at, '{}', '[]', stopped_at,
       jsonb_build_array(jsonb_build_object('at', due_at, 'since', at, 'calendar', NULL)),
       jsonb_build_array(jsonb_build_object('by', assignee_id, 'since', at))
FROM wanted
"""

_CLOSED = """
WITH live AS MATERIALIZED (
    SELECT * FROM tasks WHERE id > $1 AND closed_at IS NULL ORDER BY id LIMIT $2
), done AS (
    INSERT INTO tasks (id, instance_id, agency_id, activity, scope, round, status, candidate_roles, assignee_id,
                       opened_at, held_since, due_at, closed_at, outcome, performed_by, awaits, deliveries, due_dates,
                       held)
    SELECT uuidv7(opened_at - now() - interval '1 day' * number), instance_id, agency_id, 'selesai_' || number, '', 1,
           'completed', candidate_roles, official_id, opened_at - interval '1 day' * number,
           opened_at - interval '1 day' * number, due_at - interval '1 day' * number,
           opened_at - interval '12 hours' * number, 'completed', official_id, '{}', '[]', due_dates, held
    FROM live JOIN seed USING (agency_id), generate_series(1, $3::int) AS number
)
SELECT max(id::text)::uuid FROM live
"""


# Asking


@dataclass(frozen=True)
class Question:
    """One of the service's statements, and what it is asked each time. `demand` is the most it may take at p99."""

    name: str
    statement: Reading
    given: Callable[[Random], dict[str, Any]]
    demand: float | None = None
    warming: int = 10
    """Questions that are not counted: the first five of a prepared statement are planned anew."""


def questions(agencies: Sequence[UUID]) -> list[Question]:
    """What a supervisor of one agency asks, and one of all of them."""
    everyone, late = list(agencies), frozenset({"late"})
    warming = 3 * len(everyone)  # until what is asked for every day is in memory, as it is in a service that runs

    def of_one(random: Random) -> dict[str, Any]:
        return {"agencies": [random.choice(everyone)], "now": now(), "limit": 51}

    def of_all(random: Random) -> dict[str, Any]:
        return {"agencies": everyone, "now": now(), "limit": 51}

    calendar = CompiledCalendar(WorkCalendar(zone="Asia/Jakarta", hours=(REGULAR_HOURS,)))

    def by_agency(random: Random) -> dict[str, Any]:
        at = now()
        apart = {name: [bound] * len(everyone) for name, bound in zip(BOUNDS, bounds(calendar, at), strict=True)}
        return {"agencies": everyone, "now": at, "definitions": None} | apart

    return [
        Question("late tasks of one agency, first page", page_of(Shape(late, by_due=True)), of_one, 5, warming),
        Question(
            "late tasks of all agencies, first page",
            page_of(Shape(late, by_due=True, is_wide=True)),
            of_all,
            10,
            warming,
        ),
        Question(
            "late tasks counted by agency", counts(GroupBy.AGENCY, is_past=False, is_narrowed=False), by_agency, 150
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one question took, in milliseconds from sending it to having its rows, and how it was carried out."""

    question: str
    with_closed: int
    times: int
    rows: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    demand_ms: float | None
    indexes: list[str]
    plan: Any


async def measured(addresses: Addresses, asked: Sequence[Question], times: int, with_closed: int) -> list[Measured]:
    """Ask each question so often, on one connection, as the service does: prepared once."""
    found = []
    connection = await asyncpg.connect(addresses.application.replace("+asyncpg", ""))
    try:
        for question in asked:
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            random, taken, rows, worked = Random(1), [], 0, 0.0  # noqa: S311  no secret, the same every time
            for number in range(times + question.warming):
                if number == question.warming:
                    worked = _cpu_seconds(backend)
                sql, values = question.statement.sent(**question.given(random))
                begun = time.perf_counter()
                rows = len(await connection.fetch(sql, *values))
                taken.append((time.perf_counter() - begun) * 1e3)
            worked = (_cpu_seconds(backend) - worked) / times * 1e3
            plan = await explained(connection, sql, values)
            found.append(
                Measured(
                    question=question.name,
                    with_closed=with_closed,
                    times=times,
                    rows=rows,
                    p50_ms=percentile(taken[question.warming :], 0.5),
                    p99_ms=percentile(taken[question.warming :], 0.99),
                    cpu_ms=worked,
                    demand_ms=question.demand,
                    indexes=sorted(set(indexes(plan))),
                    plan=plan,
                )
            )
    finally:
        await connection.close()
    return found


def _cpu_seconds(process: int) -> float:
    """The processor time of a process so far; 0 where the machine does not tell."""
    table = Path(f"/proc/{process}/stat")
    if not table.exists():
        return 0
    user, system = table.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def explained(connection: asyncpg.Connection, sql: str, values: Sequence[Any]) -> Any:
    """How a statement is carried out."""
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *values)
    return json.loads(rows[0][0])[0]


def indexes(plan: Any) -> Iterator[str]:
    """The names of the indexes that a plan reads."""
    if isinstance(plan, dict):
        if "Index Name" in plan:
            yield plan["Index Name"]
        for part in plan.values():
            yield from indexes(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from indexes(part)


# Telling


def as_markdown(scale: Scale, found: Sequence[Measured]) -> str:
    """The report."""
    lines = [
        f"# {scale.open:,} open tasks over {scale.agencies:,} agencies, before and after {scale.closed:,} closed ones",
        "",
        "| | closed tasks | rows | p50 ms | p99 ms | at most | PostgreSQL's CPU ms | indexes of tasks |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in found:
        used = ", ".join(name for name in one.indexes if name.startswith(("ix_tasks", "pk_tasks", "uq_tasks")))
        demand = "" if one.demand_ms is None else f"{one.demand_ms:g}"
        lines.append(
            f"| {one.question} | {one.with_closed:,} | {one.rows:,} | {one.p50_ms:.2f} | {one.p99_ms:.2f} "
            f"| {demand} | {one.cpu_ms:.2f} | {used} |"
        )
    for one in found:
        lines += ["", f"## {one.question}, {one.with_closed:,} closed", "", "```", *outline(one.plan["Plan"]), "```"]
    return "\n".join(lines) + "\n"


def outline(plan: Any, depth: int = 0) -> Iterator[str]:
    """A plan in lines: what is done, on what, how many rows it gave and in which time, how many pages it looked at."""
    on = plan.get("Index Name") or plan.get("Relation Name") or plan.get("CTE Name") or plan.get("Function Name") or ""
    pages = plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0)
    loops = plan["Actual Loops"]
    yield (
        f"{'  ' * depth}{plan['Node Type']} {on}: {plan['Actual Rows']:g} rows x {loops:g}"
        f", {plan['Actual Total Time'] * max(loops, 1):.3f} ms, {pages} pages"
    )
    for part in plan.get("Plans", ()):
        yield from outline(part, depth + 1)


@asynccontextmanager
async def connected(addresses: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to the database that is measured."""
    here = within(addresses, str(make_url(addresses.application).database)).superuser
    connection = await asyncpg.connect(here.replace("+asyncpg", ""), command_timeout=None)
    try:
        yield connection
    finally:
        await connection.close()


async def run(addresses: Addresses, scale: Scale, times: int) -> list[Measured]:
    """Seed, ask, add what is closed, ask again."""
    await seed(addresses, scale)
    async with connected(addresses) as connection:
        agencies = [row[0] for row in await connection.fetch("SELECT id FROM agencies")]
    before = await measured(addresses, questions(agencies), times, 0)
    await close_more(addresses, scale)
    return before + await measured(addresses, questions(agencies), times, scale.closed)


@contextmanager
def postgres(beside: Path | None) -> Iterator[Addresses]:
    """A PostgreSQL of its own in a temporary folder that goes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="alur-bench-", dir=beside))
    refuge = Path(tempfile.mkdtemp(prefix="alur-bench-refuge-", dir=beside))
    refuge.chmod(0o755)  # where root keeps what the server's account must reach
    try:
        with embedded.running(folder / "postgres", settings=HASTE, refuge=refuge) as addresses:
            yield addresses
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(refuge)


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    scale = Scale(20_000, 60_000, 50) if asked.quick else Scale(asked.open, asked.closed, asked.agencies)
    with postgres(asked.folder) as addresses:
        found = asyncio.run(run(addresses, scale, asked.times))
    told = as_markdown(scale, found)
    print(told, end="")
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "overdue.md").write_text(told)
    kept = {"scale": asdict(scale), "measured": [asdict(one) for one in found]}
    (asked.out / "overdue.json").write_text(json.dumps(kept, indent=1, default=str))
    print(f"\nKept in {asked.out}/overdue.md and overdue.json.")
    missed = [one for one in found if one.demand_ms is not None and one.p99_ms > one.demand_ms]
    return 1 if asked.gate and missed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.overdue", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--open", type=int, default=1_000_000, help="tasks that wait")
    parser.add_argument("--closed", type=int, default=9_000_000, help="tasks that are done")
    parser.add_argument("--agencies", type=int, default=1_000)
    parser.add_argument("--times", type=int, default=500, help="how often each question is asked")
    parser.add_argument("--quick", action="store_true", help="a small scale: to see that it works")
    parser.add_argument("--gate", action="store_true", help="end with 1 if a demand is not met")
    parser.add_argument("--folder", type=Path, help="where PostgreSQL's temporary folder is made (which disk)")
    parser.add_argument("--out", type=Path, default=Path("build/bench"), help="where the report is kept")
    return parser


if __name__ == "__main__":
    sys.exit(main())
