"""The watches stand where a step really passes, and no time is counted twice."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace

import pytest

from tests.bench import sections
from tests.bench.conftest import Set
from tests.bench.sections import WAY, Watches, found, put_watch


@pytest.mark.parametrize("place", [place for _, places in WAY for place in places])
def test_a_watch_stands_at_something_that_is_there(place: str) -> None:
    owner, name = found(place)
    assert callable(getattr(owner, name))


def test_time_is_charged_to_the_innermost_part(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(sections, "time", SimpleNamespace(thread_time=lambda: 0.0, perf_counter=lambda: next(clock)))
    watches = Watches()
    watches.taken()
    with watches.on("outer"), watches.on("inner"):
        pass
    told = {part: wall for part, (_, wall) in watches.taken().items()}
    assert told == {sections.FRAMEWORK: 2, "outer": 2, "inner": 1}


def test_functions_keep_doing_what_they_did() -> None:
    put_watch(watches := Watches(), "sleep", f"{__name__}:Sleeper.sleep")
    put_watch(watches, "made", f"{__name__}:Sleeper.made")
    watches.taken()
    assert asyncio.run(Sleeper(1).made(0.02).sleep()) == "rested"
    told = watches.taken()
    assert told["sleep"][1] >= 0.02
    assert 0 < told["made"][1] < 0.02
    assert inspect.iscoroutinefunction(Sleeper.sleep)


class Sleeper:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    @classmethod
    def made(cls, seconds: float) -> Sleeper:
        return cls(seconds)

    async def sleep(self) -> str:
        await asyncio.sleep(self.seconds)
        return "rested"


def test_every_part_of_a_step_takes_time(bench: Set) -> None:
    told = sections.sections(bench.copy(), bench.actors, cycles=2)
    assert [one.name for one in told] == [part for part, _ in WAY]
    assert [one.name for one in told if not one.cpu > 0] == []
    assert all(one.wall >= one.cpu * 0.5 for one in told)
