"""The lean client does what real clients do, and remembers what it was promised."""

from __future__ import annotations

import asyncio
import time

import pytest
from fastapi import FastAPI

from tests.bench.conftest import Sampled, Set, carry
from tests.bench.empty import FORMS
from tests.bench.figures import STARTS, STEPS
from tests.bench.load import Load, Order, Plan, Reply, Unexpected, Window, crew
from tests.bench.sections import Inside


def test_a_cycle_goes_back_once_and_then_to_its_end(bench: Set, url: str) -> None:
    load = bench.load(1)
    case = carry(load, url)
    (promised,) = load.promised.values()
    assert (promised.completed, promised.returned, promised.open_task) == (11, 1, None)
    assert not case.activity


def test_a_cycle_that_is_not_sent_back_takes_its_ten_steps(bench: Set, url: str) -> None:
    load = bench.load(4)
    carry(load, url)
    assert [(one.completed, one.returned) for one in load.promised.values()] == [(10, 0)]


def test_an_answer_that_leads_elsewhere_is_no_success(bench: Set, url: str) -> None:
    load = bench.load(2)
    case = carry(load, url, steps=1)
    with pytest.raises(Unexpected, match="should lead to"):
        load.taken(case, Reply(409, b'{"type":"/problems/task-closed"}'))
    with pytest.raises(Unexpected, match="should lead to"):
        load.taken(case, Reply(200, b'{"open_tasks":[]}'))


def test_a_request_that_is_turned_away_is_no_success(bench: Set, url: str) -> None:
    stranger = Load(Plan("alur_unknown", bench.actors.course, 3, 100))
    with pytest.raises(Unexpected, match="401"):
        carry(stranger, url)


def test_processes_carry_out_orders_and_tell_what_they_were_promised(bench: Set, url: str) -> None:
    with crew(bench.actors.key, bench.actors.course) as load:
        started, done = (load.told(load.order(what, url, clients=3, seconds=0.3)) for what in (STARTS, STEPS))
        promised = load.promised()
    assert (len(started), len(done)) == (2, 2)
    assert len(promised) == sum(part.requests for part in started) + sum(part.extra_starts for part in done)
    assert sum(one.completed + one.returned for one in promised.values()) == sum(part.requests for part in done)


@pytest.mark.parametrize(("begins", "ends", "counts"), [(-9, 9, 1), (8, 9, 0), (-9, -8, 0)])
def test_an_answer_counts_within_its_window_alone(begins: float, ends: float, counts: int) -> None:
    now = time.monotonic()
    window = Window(Order(STEPS, "", 0, 1, begin=now + begins, seconds=ends - begins))
    window.answered(now - 1)
    assert len(window.latencies) == counts
    assert all(latency >= 1 for latency in window.latencies)


@pytest.mark.parametrize("form", FORMS)
def test_the_empty_endpoint_answers_as_a_real_one_did(bench: Set, by_hand: Sampled, form: str) -> None:
    app, answer = FastAPI(), by_hand.sample.step.reply
    app.include_router(FORMS[form](answer.decode()))
    load, replies = bench.load(), []

    async def ask() -> None:
        replies.append(await Inside(app).ask(load.unchanging(b"inside")))

    asyncio.run(ask())
    assert replies[0].status == 200
    assert replies[0].body == answer
