"""What one step really leaves in the tables, row by row: what the floors write by hand is made of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import mean
from typing import Any

import asyncpg

from tests.bench.load import Case, Link, Load, Plan
from tests.bench.stage import Actors, Serving, Stage, alur, sql, superuser_of

Row = Mapping[str, str | None]
"""The columns of a row, each as PostgreSQL writes it as text."""

TABLES = ("instances", "tasks", "audit_events", "audit_personal", "idempotency_answers")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step that was done: the instance and the task before and after, and the rows that are new."""

    at: datetime
    instance_before: Row
    instance: Row
    closed_before: Row
    closed: Row
    opened: tuple[Row, ...]
    events: tuple[Row, ...]
    personal: tuple[Row | None, ...]
    """For each event, what stands apart of it."""
    answer: Row
    reply: bytes

    @property
    def size(self) -> int:
        """The characters written, all columns together."""
        written = (self.instance, self.closed, *self.opened, *self.events, *self.personal, self.answer)
        return sum(len(value or "") for row in written if row for value in row.values())

    @property
    def is_plain(self) -> bool:
        """Whether a task was completed and one task opened."""
        return len(self.opened) == 1 and all(event["type"] != "step.returned" for event in self.events)


@dataclass(frozen=True)
class Sample:
    """A plain step of about the mean size of a whole cycle's steps, and the type of every column it wrote."""

    step: Step
    kinds: Mapping[str, Mapping[str, str]]
    sizes: tuple[int, ...]
    """The characters that each step of the cycle wrote."""
    elsewhere: Mapping[str, int]
    """How many rows the whole cycle changed in tables that are not among `TABLES`."""


def sampled(stage: Stage, actors: Actors) -> Sample:
    """Carry a cycle through over HTTP, sent back once on the way, and look at what each step left."""
    before = _changes(stage)
    with alur(stage) as server:
        steps, kinds = asyncio.run(_carried(stage, actors, server))
    after = _changes(stage)
    plain = [step for step in steps if step.is_plain]
    typical = min(plain, key=lambda step: abs(step.size - mean(one.size for one in steps)))
    elsewhere = {table: count - before.get(table, 0) for table, count in after.items() if table not in TABLES}
    told = {table: count for table, count in elsewhere.items() if count}
    return Sample(typical, kinds, tuple(step.size for step in steps), told)


def _changes(stage: Stage) -> dict[str, int]:
    """Rows inserted, updated or deleted so far, by table; complete once everybody else has left the database."""
    alone = "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    within = superuser_of(stage)
    while not sql(within, alone)[0][0]:
        time.sleep(0.05)  # a backend says nothing when it leaves
    changed = "SELECT relname, n_tup_ins + n_tup_upd + n_tup_del AS changed FROM pg_stat_user_tables"
    return {row["relname"]: row["changed"] for row in sql(within, changed)}


async def _carried(stage: Stage, actors: Actors, server: Serving) -> tuple[list[Step], dict[str, dict[str, str]]]:
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    load, steps = Load(Plan(actors.key, actors.course, 1, 2)), []  # the second cycle of a load is sent back once
    link = await Link.to(host, int(port))
    connection = await asyncpg.connect(superuser_of(stage).replace("+asyncpg", ""))
    try:
        tables = Tables(connection, {table: await _kinds(connection, table) for table in TABLES})
        case, going = await load.start(link, host.encode()), True
        while going:
            before = await tables.of_case(case)
            reply = await link.ask(load.request_for(case, host.encode()))
            task, going = case.task, load.taken(case, reply)
            steps.append(await tables.step(case.instance, task, before, reply.body))
    finally:
        link.close()
        await connection.close()
    return steps, tables.kinds


async def _kinds(connection: Any, table: str) -> dict[str, str]:
    columns = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) AS kind FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        table,
    )
    return {column["attname"]: column["kind"] for column in columns}


@dataclass(frozen=True)
class Before:
    """An instance before a step, the task to be done, and the ids of all its tasks."""

    instance: Row
    task: Row
    tasks: frozenset[str | None]


@dataclass(frozen=True)
class Tables:
    """The tables a step writes, read column by column."""

    connection: Any
    kinds: dict[str, dict[str, str]]

    async def of_case(self, case: Case) -> Before:
        (instance,) = await self._rows("instances", "id = $1::text::uuid", case.instance)
        tasks = await self._rows("tasks", "instance_id = $1::text::uuid", case.instance)
        (task,) = (row for row in tasks if row["id"] == case.task)
        return Before(instance, task, frozenset(row["id"] for row in tasks))

    async def step(self, instance: str, task: str, before: Before, reply: bytes) -> Step:
        (now,) = await self._rows("instances", "id = $1::text::uuid", instance)
        tasks = await self._rows("tasks", "instance_id = $1::text::uuid ORDER BY id", instance)
        length = int(before.instance["trail_length"] or 0)
        events = await self._rows(
            "audit_events", "instance_id = $1::text::uuid AND seq > $2 ORDER BY seq", instance, length
        )
        apart = {
            row["event_id"]: row
            for event in events
            for row in await self._rows("audit_personal", "event_id = $1::text::uuid", event["id"])
        }
        (answer,) = await self._rows("idempotency_answers", "path = $1", f"/v1/tasks/{task}/complete")
        (closed,) = (row for row in tasks if row["id"] == task)
        return Step(
            at=datetime.fromisoformat(events[0]["at"] or ""),
            instance_before=before.instance,
            instance=now,
            closed_before=before.task,
            closed=closed,
            opened=tuple(row for row in tasks if row["id"] not in before.tasks),
            events=tuple(events),
            personal=tuple(apart.get(event["id"]) for event in events),
            answer=answer,
            reply=reply,
        )

    async def _rows(self, table: str, where: str, *values: Any) -> list[Row]:
        columns = ", ".join(f'"{column}"::text' for column in self.kinds[table])
        rows = await self.connection.fetch(f"SELECT {columns} FROM {table} WHERE {where}", *values)  # noqa: S608 - names of our own tables
        return [dict(row) for row in rows]
