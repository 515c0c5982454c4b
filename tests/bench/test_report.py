"""The report says what was found, met or not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.bench.__main__ import verdict
from tests.bench.figures import EMPTY, EMPTY_MODEL, FLOOR_CLASSIC, FLOORS, STARTS, STEPS, Reading
from tests.bench.invariants import Checked
from tests.bench.measure import CLIENTS, Options, Results, Written
from tests.bench.report import as_json, as_markdown, gates
from tests.bench.sections import Section


def results(steps: float = 400, cpu: float | None = 0.7) -> Results:
    """A run with a floor of 1,000 steps a second and an empty endpoint of 0.2 ms."""
    readings = [
        Reading(
            what=what,
            clients=clients,
            round=number,
            per_second=steps if what == STEPS else 1_000,
            mean_ms=2.5,
            p50_ms=None if what in FLOORS else 2.25,
            server_cpu_ms=cpu if what == STEPS else 0.2,
        )
        for what in (*FLOORS, STARTS, STEPS, *EMPTY)
        for clients in CLIENTS
        for number in (1, 2, 3)
    ]
    return Results(
        options=Options(),
        facts={"machine": "2 cores"},
        written=Written({"tasks": 2}, 13_581, (9_629, 17_735), 5_758, {}),
        readings=readings,
        extra_starts=0,
        checked=Checked(instances=12, steps=1_234, events=4_321, findings=()),
    )


@pytest.mark.parametrize(
    ("found", "met"),
    [
        (results(steps=350, cpu=0.7), [True, True]),
        (results(steps=349, cpu=0.71), [False, False]),
        (results(steps=350, cpu=None), [True, None]),
    ],
)
def test_a_gate_is_met_or_not(found: Results, met: list[bool | None]) -> None:
    assert [gate.is_met for gate in gates(found)] == met


def test_a_gate_counts_at_sixteen_clients_and_by_the_middle_round() -> None:
    found = results()
    slow = [
        replace(one, per_second=1.0)
        for one in found.readings
        if one.what == STEPS and (one.clients != 16 or one.round == 2)
    ]
    others = [one for one in found.readings if not (one.what == STEPS and (one.clients != 16 or one.round == 2))]
    assert [gate.is_met for gate in gates(replace(found, readings=others + slow))] == [True, True]


@pytest.mark.parametrize(
    ("found", "gate", "ends_with"),
    [
        (results(), True, 0),
        (results(steps=1), False, 0),
        (results(steps=1), True, 1),
        (results(cpu=None), True, 0),
        (replace(results(), checked=Checked(1, 1, 1, ("a step is missing",))), False, 1),
    ],
)
def test_it_ends_with_1_for_a_broken_promise_and_for_a_missed_gate_if_asked(
    found: Results, gate: bool, ends_with: int
) -> None:
    assert verdict(found, gate=gate) == ends_with


def test_the_markdown_tells_every_figure_and_what_was_not_met() -> None:
    told = as_markdown(results(steps=340))
    assert "| 0.34 (0.34-0.34) | **not met** |" in told
    assert "| 3.50 (3.50-3.50) | met |" in told
    assert f"| {STEPS} | 16 | 340 (340-340) | 2.50 | 2.25 |  |" in told
    assert f"| {FLOOR_CLASSIC} | 4 | 1,000 (1,000-1,000) | 2.50 |  |" in told
    assert f"| {EMPTY_MODEL} | 16 | 0.200 (0.200-0.200) |" in told
    assert "1,234 acknowledged steps" in told
    assert "0 findings" in told
    assert "2 cores" in told


def test_the_markdown_tells_what_is_broken_and_what_the_floors_leave_out() -> None:
    found = results()
    broken = replace(found, checked=replace(found.checked, findings=("one is missing",)), extra_starts=7)
    told = as_markdown(replace(broken, written=replace(found.written, elsewhere={"outbox": 12})))
    assert "**one is missing**" in told
    assert "7 cycles had to be started" in told
    assert "12 rows of outbox, which the floors do not" in told


def test_the_markdown_tells_where_the_time_goes() -> None:
    told = as_markdown(replace(results(), sections=[Section("decide", 100, 100), Section("apply", 50, 250)]))
    assert "| decide | 100 | 0 |" in told
    assert "| together | 150 | 200 |" in told


def test_the_json_holds_every_reading_and_the_gates() -> None:
    told = json.loads(as_json(results()))
    assert len(told["readings"]) == 6 * 3 * 3
    assert [gate["is_met"] for gate in told["gates"]] == [True, True]
    assert told["readings"][0]["what"] in FLOORS
