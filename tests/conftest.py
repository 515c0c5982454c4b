"""One PostgreSQL for all tests that need one, with Alur served over it. Each test works in an agency of its own."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from app import embedded
from app.embedded import Addresses
from app.migrate import migrate
from app.settings import Settings
from tests.world import SECRET_KEY, Agency, Faults, World, asked, served, within

HASTE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300"}
"""Nothing here outlives the tests, and every world keeps its connections to the end."""


settings.register_profile("soak", max_examples=10_000, deadline=None)
"""For `--hypothesis-profile=soak`: tests that leave the number of examples to the profile run for long."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", type=float, default=0, help="1 for the long forms of tests/soak, or a share of that")
    parser.addoption("--chaos-seed", type=int, default=None, help="what tests/soak do at random follows from it")


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """Carries out what is asynchronous for tests that are not."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    refuge = Path(tempfile.mkdtemp(prefix="alur-refuge-"))
    refuge.chmod(0o755)
    folder = tmp_path_factory.mktemp("postgres") / "postgres"
    try:
        with embedded.running(folder, settings=HASTE, refuge=refuge) as addresses:
            yield addresses
    finally:
        shutil.rmtree(refuge)


@pytest.fixture(scope="session")
def fresh_database(postgres: Addresses, runner: asyncio.Runner) -> Callable[[], Addresses]:
    """Makes an empty database of the owner's."""
    numbers = count(1)

    def make() -> Addresses:
        name = f"alur_{next(numbers)}"
        runner.run(asked(postgres.superuser, f"CREATE DATABASE {name} OWNER alur_owner"))
        return within(postgres, name)

    return make


@pytest.fixture(scope="session")
def a_world(fresh_database: Callable[[], Addresses], runner: asyncio.Runner) -> Iterator[Callable[[], World]]:
    """Makes a migrated database with Alur served over it."""
    with ExitStack() as ending:

        def make() -> World:
            addresses = fresh_database()
            runner.run(migrate(addresses.owner, addresses.application))
            given = Settings(database_url=addresses.application, port=0, secret_keys=SECRET_KEY)
            url = ending.enter_context(served(given))
            world = World(addresses, url, runner)
            ending.callback(lambda: runner.run(world.database.close()))
            return world

        yield make


@pytest.fixture(scope="session")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    """Where tests meet without disturbing each other. Whatever they all did, it can be proved in the end."""
    world = a_world()
    yield world
    assert world.proof().findings == ()


@pytest.fixture
def an_agency(world: World) -> Iterator[Callable[..., Agency]]:
    yield world.an_agency
    world.close_clients()


@pytest.fixture
def agency(an_agency: Callable[..., Agency]) -> Agency:
    return an_agency()


@pytest.fixture(scope="session")
def faults() -> Iterator[Faults]:
    faults = Faults()
    logging.getLogger("alur").addHandler(faults)
    yield faults
    logging.getLogger("alur").removeHandler(faults)


@pytest.fixture(autouse=True)
def no_request_ends_in_500(faults: Faults) -> Iterator[None]:
    faults.taken()
    yield
    assert faults.taken() == []
