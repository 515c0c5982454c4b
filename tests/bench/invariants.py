"""Holds the database against what was promised: every acknowledged step is in the trail once, every instance waits
for exactly the task that its client was told of, and every trail proves its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.database import Database
from app.instances.verify import verify
from engine.state import InstanceState
from tests.bench.load import Promised


@dataclass(frozen=True)
class Checked:
    """How much was checked, and everything that does not hold."""

    instances: int
    steps: int
    events: int
    findings: tuple[str, ...]


async def check(superuser: str, database: Database, promised: Mapping[str, Promised]) -> Checked:
    """Check all instances of a database that nobody else wrote to."""
    connection = await asyncpg.connect(superuser.replace("+asyncpg", ""))
    try:
        standing = {row["id"]: row for row in await connection.fetch(_STANDING)}
    finally:
        await connection.close()
    proof = await verify(database)
    proved = [f"{finding.instance}: {finding.what}" for finding in proof.findings]
    steps = sum(one.completed + one.returned for one in promised.values())
    return Checked(proof.instances, steps, proof.events, (*_broken(standing, promised), *proved))


_STANDING = """
SELECT instances.id::text AS id, state::text AS state, completed, returned, open_tasks
FROM instances
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE type = 'step.completed') AS completed,
           count(*) FILTER (WHERE type = 'step.returned') AS returned
    FROM audit_events WHERE instance_id = instances.id
) AS trail ON true
LEFT JOIN LATERAL (
    SELECT array_agg(tasks.id::text) AS open_tasks
    FROM tasks WHERE instance_id = instances.id AND tasks.status IN ('open', 'claimed')
) AS waiting ON true
"""


def _broken(standing: Mapping[str, Any], promised: Mapping[str, Promised]) -> Iterator[str]:
    for instance in sorted(promised.keys() - standing.keys()):
        yield f"{instance}: was acknowledged and is not there"
    for instance, row in standing.items():
        told = promised.get(instance)
        if told is None:
            yield f"{instance}: nobody was told of it"
            continue
        recorded = (row["completed"], row["returned"])
        if recorded != (told.completed, told.returned):
            promise = f"{told.completed} completions and {told.returned} returns acknowledged"
            yield f"{instance}: {promise}, {recorded} recorded"
        live = set(row["open_tasks"] or ())
        if live != {str(task.id) for task in InstanceState.model_validate_json(row["state"]).tasks}:
            yield f"{instance}: the open tasks are not those of the state"
        if live != ({told.open_task} if told.open_task else set()):
            yield f"{instance}: the open task is not the one its client was told of"
