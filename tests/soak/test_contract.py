"""The API keeps to its OpenAPI document through ten thousand generated requests. The short form is in tests/app."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.contract import DRAWN, PHASES, Told, attacked, insider_of
from tests.world import Agency, World


def test_ten_thousand_generated_requests_are_answered_as_documented(
    world: World,
    an_agency: Callable[..., Agency],
    seed: int,
    times: Callable[[int, int], int],
    tell: Callable[[object], None],
) -> None:
    wanted, told = times(0, 10_000), Told()
    if not wanted:
        pytest.skip("only with --soak")
    insider = insider_of(an_agency, seed)
    while told.cases < wanted:
        phases = DRAWN if told.cases else PHASES
        told += attacked(world.url, insider.http.key, insider, seed=seed + told.cases, examples=100, phases=phases)
        assert not told.failures, told.report
    assert told.done == told.operations, "not all could be carried out"
    tell(f"{told.cases} requests, {sum(told.answers[one] for one in told.answers if one[1] < 300)} carried out")
