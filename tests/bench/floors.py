"""The floor: pgbench doing by hand, on the same tables, the writes of one step. Nothing that an application must do
besides is in it: no authentication, no roster, no rules, no hashing, no HTTP.

Each client works on instances of its own, a dozen steps on each before it takes the next. Everything that a step of
Alur sends as a value goes as a value here, too, so PostgreSQL parses and stores as much.
"""

# ruff: noqa: S608  statements are made of names and values of our own
from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import make_url

from tests.bench.figures import FLOOR_CLASSIC, FLOOR_CTE
from tests.bench.sample import Row, Sample
from tests.bench.stage import Stage

STEPS_IN_A_ROW = 12  # about what a cycle has
INSTANCES = 512  # for each client
MOST_CLIENTS = 16
LIVE = "status IN ('open', 'claimed')"
"""Also the condition of the indexes on live tasks."""

WHICH = "lpad(to_hex(:which::bigint), 32, '0')::uuid"
CHOOSE = f"""\
\\set n :n + 1
\\set which 1 + :client_id * {INSTANCES} + mod(:n / {STEPS_IN_A_ROW}, {INSTANCES})
"""


@dataclass(frozen=True)
class Run:
    """What pgbench said."""

    transactions: int
    per_second: float
    mean_ms: float
    cpu_seconds: float
    """Of pgbench itself."""


@dataclass(frozen=True)
class Floor:
    """A script for pgbench and the values it refers to."""

    script: str
    values: Mapping[str, str]


@dataclass
class Values:
    """Names the values of a script."""

    sample: Sample
    named: dict[str, str] = field(default_factory=dict)

    def of(self, table: str, row: Row, prefix: str, **instead: str) -> dict[str, str]:
        """An expression for each column of a row: a value by name, unless another expression is given."""
        kinds = self.sample.kinds[table]
        return {
            column: instead.get(column) or self._named(f"{prefix}_{column}", row[column], kinds[column])
            for column in kinds
        }

    def changed(self, table: str, before: Row, after: Row, prefix: str) -> str:
        """The SET list that makes one row of another."""
        all_of_it = self.of(table, after, prefix)
        return ", ".join(f"{column} = {all_of_it[column]}" for column in before if before[column] != after[column])

    def _named(self, name: str, value: str | None, kind: str) -> str:
        if value is None:
            return f"NULL::{kind}"
        if kind == "timestamp with time zone":
            away = (datetime.fromisoformat(value) - self.sample.step.at).total_seconds()
            return f"now() + interval '{away} seconds'" if away else "now()"
        if not value:  # pgbench knows no empty variables
            return f"''::{kind}"
        self.named[name] = value
        return f":{name}::{kind}"


def floors(sample: Sample) -> dict[str, Floor]:
    """Both forms of the floor."""
    values = Values(sample)
    forms = {FLOOR_CTE: _two_statements(sample, values), FLOOR_CLASSIC: _statement_by_statement(sample, values)}
    return {name: Floor(script, values.named) for name, script in forms.items()}


def prepare(stage: Stage, sample: Sample) -> None:
    """Make the instances that the floors work on, each as the sampled one stood before its step."""
    values = Values(sample)
    one = {"id": WHICH.replace(":which", "n"), "trail_length": "1", "duplicate_of": f"'{sample.step.instance['id']}'"}
    instance = values.of("instances", sample.step.instance_before, "instance", **one)
    task = values.of("tasks", sample.step.closed_before, "task", id="uuidv7()", instance_id=one["id"], round="1")
    numbers = f"generate_series(1, {INSTANCES * MOST_CLIENTS}) AS n"
    script = f"{_into('instances', instance)} FROM {numbers};\n{_into('tasks', task)} FROM {numbers};\n"
    pgbench(stage, Floor(script, values.named), clients=1, extent=("-t", "1"))


def pgbench(stage: Stage, floor: Floor, *, clients: int, extent: tuple[str, str], begin: int = 0) -> Run:
    """Run a floor for an extent: ("-T", seconds) or ("-t", transactions). `begin` is the instance to begin with."""
    address = make_url(stage.addresses.application)
    file = stage.folder / "floor.sql"
    file.write_text(floor.script)
    where = ("-h", str(address.query["host"]), "-p", str(address.query["port"]), "-U", str(address.username))
    how = ("-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), *extent, "-f", str(file))
    values = (f"-D{name}={value}" for name, value in {"n": str(begin * STEPS_IN_A_ROW), **floor.values}.items())
    before = os.times()
    ended = subprocess.run(  # noqa: S603 - PostgreSQL's own program, by full path
        [stage.programs / "pgbench", *where, *how, *values, str(address.database)], capture_output=True, text=True
    )
    after = os.times()
    if ended.returncode:
        raise SystemExit(f"pgbench ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return Run(
        transactions=int(_said(r"actually processed: (\d+)", ended.stdout)),
        per_second=float(_said(r"tps = ([\d.]+) \(without", ended.stdout)),
        mean_ms=float(_said(r"latency average = ([\d.]+) ms", ended.stdout)),
        cpu_seconds=spent,
    )


def _said(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"pgbench did not say {pattern}:\n{text}")
    return found[1]


def _two_statements(sample: Sample, values: Values) -> str:
    """One SELECT, and one data-modifying statement in autocommit."""
    step, rows = sample.step, _new_rows(sample, values, "changed.id", "changed.agency_id")
    parts = [
        f"closed AS (UPDATE tasks SET {values.changed('tasks', step.closed_before, step.closed, 'closed')}"
        f" FROM changed WHERE tasks.id = :task::uuid AND tasks.{LIVE} RETURNING tasks.id)",
        # from the closed task: it must be closed first, and the parts of a WITH come in no order of their own
        *(f"opened_{n} AS ({_into('tasks', row)} FROM changed, closed)" for n, row in enumerate(rows.opened)),
        f"recorded AS ({_into('audit_events', *rows.events, source='FROM changed')} RETURNING id, seq)",
        *(
            f"apart_{n} AS ({_into('audit_personal', row | {'event_id': 'recorded.id'})}"
            f" FROM recorded WHERE seq = :length::int + {n})"
            for n, row in rows.personal.items()
        ),
        f"answered AS ({_into('idempotency_answers', rows.answer)} FROM changed)",
    ]
    read = (
        "SELECT instances.id AS instance, tasks.id AS task, instances.agency_id AS agency, trail_length AS length,"
        " trail_head AS head, state AS was"
        f" FROM instances JOIN tasks ON instance_id = instances.id AND tasks.{LIVE} WHERE instances.id = {WHICH} \\gset"
    )
    writes = (
        f"WITH changed AS ({update} RETURNING id, agency_id), {', '.join(parts)} SELECT count(*) FROM changed;"
        for update in _moves(sample, values)
    )
    return f"{CHOOSE}{read}\n{_in_turn(*writes)}"


def _statement_by_statement(sample: Sample, values: Values) -> str:
    """Lock and read the instance, read the task, and then a statement for each row, between BEGIN and COMMIT."""
    step, rows = sample.step, _new_rows(sample, values, ":instance::uuid", ":agency::uuid")
    lines = [
        "BEGIN;",
        "SELECT id AS instance, agency_id AS agency, trail_length AS length, trail_head AS head, state AS was"
        f" FROM instances WHERE id = {WHICH} FOR UPDATE \\gset",
        f"SELECT id AS task, status AS waiting FROM tasks WHERE instance_id = :instance::uuid AND {LIVE} \\gset",
        _in_turn(*(f"{update};" for update in _moves(sample, values))),
        f"UPDATE tasks SET {values.changed('tasks', step.closed_before, step.closed, 'closed')}"
        f" WHERE id = :task::uuid AND {LIVE};",
        *(f"{_into('tasks', row)};" for row in rows.opened),
    ]
    for n, row in enumerate(rows.events, 1):
        lines.append(f"{_into('audit_events', row)} RETURNING id AS event \\gset")
        if n in rows.personal:
            lines.append(f"{_into('audit_personal', rows.personal[n] | {'event_id': ':event::uuid'})};")
    lines += [f"{_into('idempotency_answers', rows.answer)};", "COMMIT;"]
    return CHOOSE + "\n".join(lines) + "\n"


def _moves(sample: Sample, values: Values) -> Iterator[str]:
    """Move an instance on: to the state after the step, and to the one before, which is as new to what is after.

    PostgreSQL logs only what an update changes, so the same state again would cost less than a step does.
    """
    before, after, length = sample.step.instance_before, sample.step.instance, len(sample.step.events)
    earlier = {**after, "state": before["state"], "trail_head": before["trail_head"]}
    for prefix, row in (("instance", after), ("earlier", earlier)):
        every = values.of("instances", row, prefix, trail_length=f":length::int + {length}")
        moved = ", ".join(f"{column} = {every[column]}" for column in before if before[column] != after[column])
        yield f"UPDATE instances SET {moved} WHERE id = :instance::uuid AND trail_length = :length::int"


def _in_turn(odd: str, even: str) -> str:
    """One statement in every other transaction of a client, the other one in those between."""
    return f"\\if mod(:n, 2) = 1\n{odd}\n\\else\n{even}\n\\endif\n"


@dataclass(frozen=True)
class NewRows:
    """Expressions for every new row of a step; `personal` by the number of its event, which begins at 1."""

    opened: list[dict[str, str]]
    events: list[dict[str, str]]
    personal: dict[int, dict[str, str]]
    answer: dict[str, str]


def _new_rows(sample: Sample, values: Values, instance: str, agency: str) -> NewRows:
    step = sample.step
    whose = {"id": "uuidv7()", "instance_id": instance, "agency_id": agency}
    return NewRows(
        opened=[
            values.of("tasks", row, f"opened{n}", **whose, round=":length::int") for n, row in enumerate(step.opened)
        ],
        events=[
            values.of("audit_events", row, f"event{n}", **whose, seq=f":length::int + {n}")
            for n, row in enumerate(step.events, 1)
        ],
        personal={
            n: values.of("audit_personal", row, f"apart{n}")
            for n, row in enumerate(step.personal, 1)
            if row is not None
        },
        answer=values.of("idempotency_answers", step.answer, "answer", key="uuidv7()::text"),
    )


def _into(table: str, *rows: dict[str, str], source: str = "") -> str:
    """An INSERT of rows, each selected from a source."""
    selected = " UNION ALL ".join(f"SELECT {', '.join(row.values())} {source}".rstrip() for row in rows)
    return f"INSERT INTO {table} ({', '.join(rows[0])}) {selected}"
