"""The floors write by hand what a real step wrote, no row more and none less."""

# ruff: noqa: S608  statements are made of names and values of our own
from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.conftest import Sampled
from tests.bench.figures import FLOORS
from tests.bench.floors import STEPS_IN_A_ROW, WHICH, floors, pgbench, prepare
from tests.bench.sample import TABLES, Step
from tests.bench.stage import Stage, sql, superuser_of

CLIENTS, EACH = 2, 15


@pytest.fixture(scope="module")
def prepared(by_hand: Sampled) -> Sampled:
    prepare(by_hand.stage, by_hand.sample)
    return by_hand


def rows(stage: Stage) -> dict[str, int]:
    return {table: sql(superuser_of(stage), f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}


def first_instance(stage: Stage) -> tuple[int, str, str]:
    query = f"SELECT trail_length, trail_head, state::text FROM instances WHERE id = {WHICH.replace(':which', '1')}"
    length, head, state = sql(superuser_of(stage), query)[0]
    return length, head, state


def test_the_sampled_step_is_one_of_mean_size(by_hand: Sampled) -> None:
    step, sizes = by_hand.sample.step, by_hand.sample.sizes
    assert step.is_plain
    assert len(sizes) == 12
    assert min(sizes) < step.size < max(sizes)
    assert [event["type"] for event in step.events][-2:] == ["step.completed", "step.opened"]


def test_a_return_and_the_last_step_are_not_taken_for_a_sample(by_hand: Sampled) -> None:
    step = by_hand.sample.step
    returned = tuple(dict(event) | {"type": "step.returned"} for event in step.events)
    assert not replace(step, events=returned).is_plain
    assert not replace(step, opened=()).is_plain


@pytest.mark.parametrize("form", FLOORS)
def test_a_floor_writes_the_rows_of_a_step(prepared: Sampled, form: str) -> None:
    stage, step = prepared.stage, prepared.sample.step
    before, (length, _, _) = rows(stage), first_instance(stage)
    run = pgbench(stage, floors(prepared.sample)[form], clients=CLIENTS, extent=("-t", str(EACH)))
    assert run.transactions == CLIENTS * EACH
    written = {table: count - before[table] for table, count in rows(stage).items()}
    assert written == {table: count * run.transactions for table, count in _new_rows(step).items()}
    done = STEPS_IN_A_ROW - 1  # the counter stands at one before the first
    moved_on = (length + done * len(step.events), step.instance["trail_head"], step.instance["state"])
    assert first_instance(stage) == moved_on


@pytest.mark.parametrize("form", FLOORS)
def test_a_floor_writes_another_state_each_time(prepared: Sampled, form: str) -> None:
    floor, step = floors(prepared.sample)[form], prepared.sample.step
    for steps, state in ((1, step.instance["state"]), (2, step.instance_before["state"])):
        pgbench(prepared.stage, floor, clients=1, extent=("-t", str(steps)))
        assert first_instance(prepared.stage)[2] == state


@pytest.mark.parametrize("form", FLOORS)
def test_a_floor_leaves_one_open_task_in_each_instance(prepared: Sampled, form: str) -> None:
    pgbench(prepared.stage, floors(prepared.sample)[form], clients=CLIENTS, extent=("-t", str(EACH)))
    many = (
        "SELECT count(*) FROM instances WHERE 1 <>"
        " (SELECT count(*) FROM tasks WHERE instance_id = instances.id AND tasks.status IN ('open', 'claimed'))"
        " AND duplicate_of IS NOT NULL"
    )
    assert sql(superuser_of(prepared.stage), many)[0][0] == 0


def _new_rows(step: Step) -> dict[str, int]:
    return {
        "instances": 0,
        "tasks": 1,
        "audit_events": len(step.events),
        "audit_personal": sum(one is not None for one in step.personal),
        "idempotency_answers": 1,
    }
