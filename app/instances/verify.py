"""Proves every instance: its chain holds, its trail leads to exactly its state, its tasks are what the trail says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ValidationError
from sqlalchemy import Text, cast, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from app.definitions.catalog import Catalog
from app.instances.record import clocks, task_row
from app.tables import agencies, audit_events, audit_personal, instances, process_definitions, tasks
from engine.compiler import CompiledProcess
from engine.errors import TrailContradiction
from engine.events import from_record
from engine.evolve import replay
from engine.state import Delivery, DueDate, Holding, InstanceState, Pause
from engine.trail import check_chain, check_personal, digest

BATCH = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold in one instance."""

    instance: UUID
    what: str


@dataclass(frozen=True, slots=True)
class Proof:
    """How much was checked and what was found. `erased` counts events whose personal words are gone."""

    instances: int
    events: int
    erased: int
    findings: tuple[Finding, ...]


async def verify(database: Database, only: UUID | None = None) -> Proof:
    """Check every instance, or one. Each is read in one snapshot, so a running server does not disturb the proof."""
    catalog = Catalog(database)
    count = events = erased = 0
    findings: list[Finding] = []
    async for instance_id in _all(database) if only is None else _one(only):
        stored = await _read(database, instance_id)
        process = await catalog.process(stored.row.definition_id)
        count += 1
        events += len(stored.events)
        erased += _erased(stored)
        findings += (Finding(instance_id, what) for what in _faults(stored, process))
    return Proof(count, events, erased, tuple(findings))


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the database holds of one instance."""

    row: Any
    events: tuple[Any, ...]
    tasks: tuple[dict[str, Any], ...]


async def _all(database: Database) -> AsyncIterator[UUID]:
    last: UUID | None = None
    while True:
        page = select(instances.c.id).order_by(instances.c.id).limit(BATCH)
        if last is not None:
            page = page.where(instances.c.id > last)
        async with database.reading() as connection:
            ids = (await connection.execute(page)).scalars().all()
        if not ids:
            return
        for last in ids:
            yield last


async def _one(instance_id: UUID) -> AsyncIterator[UUID]:
    yield instance_id


async def _read(database: Database, instance_id: UUID) -> _Stored:
    async with database.snapshot() as connection:
        return _Stored(
            row=(await connection.execute(_INSTANCE.where(instances.c.id == instance_id))).one(),
            events=tuple((await connection.execute(_EVENTS.where(audit_events.c.instance_id == instance_id))).all()),
            tasks=await _task_rows(connection, instance_id),
        )


async def _task_rows(connection: AsyncConnection, instance_id: UUID) -> tuple[dict[str, Any], ...]:
    rows = await connection.execute(_TASKS.where(tasks.c.instance_id == instance_id))
    return tuple(dict(row) for row in rows.mappings())


_INSTANCE = select(
    instances.c.id,
    instances.c.agency_id,
    instances.c.definition_id,
    instances.c.definition_key,
    instances.c.client_id,
    instances.c.period,
    instances.c.title,
    instances.c.reference_system,
    instances.c.reference_id,
    instances.c.letter_number,
    instances.c.letter_date,
    instances.c.duplicate_of,
    instances.c.status,
    instances.c.started_at,
    instances.c.ended_at,
    instances.c.trail_length,
    instances.c.trail_head,
    instances.c.suspended_at,
    instances.c.suspensions,
    instances.c.deadline,
    instances.c.deadlines,
    instances.c.deadline_notice_at,
    instances.c.calendar_hash,
    cast(instances.c.state, Text).label("state"),
    cast(instances.c.data, Text).label("data"),
    agencies.c.key.label("agency"),
    process_definitions.c.content,
    process_definitions.c.content_hash,
).select_from(
    instances.join(agencies, agencies.c.id == instances.c.agency_id).join(
        process_definitions, process_definitions.c.id == instances.c.definition_id
    )
)
_EVENTS = (
    select(
        audit_events.c.id,
        audit_events.c.agency_id,
        audit_events.c.seq,
        audit_events.c.type,
        audit_events.c.at,
        audit_events.c.canonical,
        audit_events.c.prev_hash,
        audit_events.c.hash,
        audit_personal.c.salt,
        audit_personal.c.words,
    )
    .outerjoin_from(audit_events, audit_personal, audit_personal.c.event_id == audit_events.c.id)
    .order_by(audit_events.c.seq)
)


class _Clocks(BaseModel):
    """The clocks of an instance as its row should hold them."""

    suspended_at: AwareDatetime | None
    suspensions: list[Pause]
    deadline: AwareDatetime | None
    deadlines: list[DueDate]
    deadline_notice_at: AwareDatetime | None
    calendar_hash: str | None


class _TaskRow(BaseModel):
    """A task as its row should be."""

    id: UUID
    agency_id: UUID
    activity: str
    scope: str
    unit: str | None
    round: int
    status: str
    candidate_roles: list[str]
    assignee_id: UUID | None
    opened_at: AwareDatetime
    held_since: AwareDatetime
    closed_at: AwareDatetime | None
    outcome: str | None
    performed_by: UUID | None
    performed_at: AwareDatetime | None
    awaits: list[str]
    deliveries: list[Delivery]
    returned_event_id: UUID | None
    due_at: AwareDatetime | None
    notice_at: AwareDatetime | None
    told: int
    stopped_at: AwareDatetime | None
    paused_event_id: UUID | None
    due_dates: list[DueDate]
    pauses: list[Pause]
    held: list[Holding]


_TASKS = select(*(tasks.c[name] for name in _TaskRow.model_fields))


def _faults(stored: _Stored, process: CompiledProcess) -> Iterable[str]:
    """Everything that does not hold, as sentences."""
    faults, length, head = check_chain((event.canonical, event.hash) for event in stored.events)
    yield from (f"event {fault.seq} {fault.what}" for fault in faults)
    if (length, head) != (stored.row.trail_length, stored.row.trail_head):
        yield f"the trail ends at event {length}, the instance says {stored.row.trail_length}: events are missing"
    records = [_facts(event) for event in stored.events]
    for event, facts in zip(stored.events, records, strict=True):
        yield from _column_faults(event, facts, stored.row)
    if records:
        yield from _row_faults(stored, records[0])
    yield from _replay_faults(stored, records, process)


def _facts(event: Any) -> dict[str, Any]:
    """What the sealed record says; nothing where it is not even JSON, which the chain tells."""
    try:
        facts = json.loads(event.canonical)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _row_faults(stored: _Stored, begun: dict[str, Any]) -> Iterable[str]:
    """What the instance's own columns and its definition say otherwise than its first event."""
    row, data = stored.row, begun.get("data") or {}
    told = {
        "client": str(row.client_id),
        "definition": row.definition_key,
        "agency": row.agency,
        "period": row.period,
        "title": row.title,
        "system": row.reference_system,
        "reference": row.reference_id,
        "letter_number": row.letter_number,
        "letter_date": row.letter_date.isoformat() if row.letter_date else None,
        "duplicate_of": str(row.duplicate_of) if row.duplicate_of else None,
        "definition_hash": digest(row.content),
    }
    for name, value in told.items():
        if (begun | data).get(name) != value:
            yield f"{name} of the instance is not what its first event says"
    words = stored.events[0].words
    if words is not None and (_numbers_alike(words).get("input") or {}) != _numbers_alike(row.data):
        yield "data of the instance is not what its first event says"


def _numbers_alike(text: str) -> dict[str, Any]:
    """JSON with every number a double, as RFC 8785 has them: jsonb writes 1e23 out as an integer."""
    facts: dict[str, Any] = json.loads(text, parse_int=float)
    return facts


def _column_faults(event: Any, facts: dict[str, Any], instance: Any) -> Iterable[str]:
    told = {"id": str(event.id), "seq": event.seq, "type": event.type, "prev_hash": event.prev_hash}
    told["instance_id"] = str(instance.id)
    for name, value in told.items():
        if facts.get(name) != value:
            yield f"event {event.seq}: the column {name} says otherwise than the sealed record"
    if _moment(facts.get("at")) != event.at:
        yield f"event {event.seq}: the column at says otherwise than the sealed record"
    if event.agency_id != instance.agency_id:
        yield f"event {event.seq} stands with another agency than its instance"
    if event.words is not None and not check_personal(facts, event.salt, event.words):
        yield f"event {event.seq}: the personal words are not those the record committed to"


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None


def _replay_faults(stored: _Stored, records: list[dict[str, Any]], process: CompiledProcess) -> Iterable[str]:
    try:
        replayed = replay(process, [from_record(facts) for facts in records])
    except (TrailContradiction, ValidationError, KeyError) as contradiction:
        yield f"the trail cannot be replayed: {contradiction}"
        return
    if replayed.state != _state(stored):
        yield "the stored state is not the one the trail leads to"
    if (stored.row.status, stored.row.started_at, stored.row.ended_at) != (
        replayed.state.status,
        replayed.state.started_at,
        replayed.state.ended_at,
    ):
        yield "status, start or end of the instance are not those the trail leads to"
    if not _has_the_clocks_of(stored.row, replayed.state):
        yield "the clocks of the instance are not those the trail leads to"
    expected = [
        _comparable(task_row(task, replayed.state, process) | {"agency_id": stored.row.agency_id})
        for task in replayed.touched
    ]
    found = [_comparable(row) for row in stored.tasks]
    if sorted(expected) != sorted(found):
        yield "the tasks are not those the trail leads to"


def _state(stored: _Stored) -> InstanceState | None:
    try:
        return InstanceState.model_validate_json(stored.row.state)
    except ValidationError:
        return None


def _has_the_clocks_of(row: Any, state: InstanceState) -> bool:
    lists = {"suspensions": state.suspensions, "deadlines": state.deadlines}
    held = _Clocks.model_validate({name: getattr(row, name) for name in _Clocks.model_fields})
    return held == _Clocks.model_validate(clocks(state) | lists)


def _comparable(row: dict[str, Any]) -> str:
    """A task row as text: moments and ids read the same whether they come from JSON or from a column."""
    return _TaskRow.model_validate(row).model_dump_json()


def _erased(stored: _Stored) -> int:
    return sum(1 for event in stored.events if event.words is None and "personal" in _facts(event))
