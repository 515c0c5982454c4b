"""Percentiles, spreads and ratios say what they claim, and processor time is read as it is told."""

from __future__ import annotations

import os
import time

import pytest

from tests.bench.figures import FLOOR_CLASSIC, STEPS, Reading, Spread, percentile, ratio
from tests.bench.processor import by_ps, of_process


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1, 100), (0, 1)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert percentile([*range(100, 50, -1), *range(1, 51)], share) == value


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_a_spread_leaves_out_what_could_not_be_read() -> None:
    assert Spread.of([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert Spread.of([None]) is None


def test_a_ratio_compares_readings_of_the_same_round() -> None:
    readings = [
        Reading(what=what, clients=16, round=number, per_second=value, mean_ms=1)
        for what, values in ((FLOOR_CLASSIC, (100, 400, 200)), (STEPS, (50, 100, 150)))
        for number, value in enumerate(values)
    ]
    readings.insert(0, readings.pop())
    assert ratio(readings, STEPS, FLOOR_CLASSIC, 16) == Spread(0.5, 0.25, 0.75)
    assert ratio(readings, STEPS, FLOOR_CLASSIC, 16, "server_cpu_ms") is None


@pytest.mark.parametrize(
    ("told", "seconds"), [("0:01.25", 1.25), ("00:02:03", 123), ("1-00:00:01", 86_401), ("12:34", 754)]
)
def test_what_ps_tells_is_read(told: str, seconds: float) -> None:
    assert by_ps(told) == seconds


def test_the_processor_time_of_a_process_grows_with_its_work() -> None:
    before, begun = of_process(os.getpid()), time.process_time()
    while time.process_time() - begun < 0.1:
        pass
    assert of_process(os.getpid()) - before >= 0.05
