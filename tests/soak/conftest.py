"""Where things are broken on purpose: a PostgreSQL with fsync on, servers that are processes, and how often.

Every test here has a short form for every day. `--soak=1` asks for the long form, `--soak=0.1` for a tenth of it.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.embedded import Addresses
from app.migrate import migrate
from engine.definition import Cycle
from tests.soak.installation import Postgres, Server, serving
from tests.world import Agency, World, kalbar_lakip, within

SUMMARY: list[str] = []


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How often to do something: the short form's count, or the share that was asked for of the long form's."""
    share = request.config.getoption("--soak")
    return lambda short, long: max(short, round(long * share))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What everything at random follows from, printed so that it can be given again."""
    given = request.config.getoption("--chaos-seed")
    chosen = random.randrange(2**32) if given is None else given  # noqa: S311 - a test to be repeated, no secret
    print(f"--chaos-seed={chosen}")
    return int(chosen)


@pytest.fixture
def tell(request: pytest.FixtureRequest, seed: int) -> Callable[[object], None]:
    """Keeps a line of figures for the end of the run."""

    def told(figures: object) -> None:
        SUMMARY.append(f"{request.node.name}, --chaos-seed={seed}: {figures}")

    return told


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if SUMMARY and config.getoption("--soak"):
        terminalreporter.section("what stood")
        for line in SUMMARY:
            terminalreporter.line(line)


@pytest.fixture(scope="session")
def postgres_on_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL of our own that keeps what it acknowledged."""
    refuge = Path(tempfile.mkdtemp(prefix="alur-refuge-"))
    refuge.chmod(0o755)
    try:
        postgres = Postgres(tmp_path_factory.mktemp("chaos") / "postgres", refuge)
        try:
            yield postgres
        finally:
            postgres.close()
    finally:
        shutil.rmtree(refuge)


@pytest.fixture(scope="session")
def addresses(postgres_on_disk: Postgres, runner: asyncio.Runner) -> Addresses:
    """A migrated database for all that happens here."""
    addresses = within(postgres_on_disk.addresses, "alur")
    runner.run(migrate(addresses.owner, addresses.application))
    return addresses


@pytest.fixture(scope="session")
def server(addresses: Addresses) -> Iterator[Server]:
    """A server that lives through all of it, but for the times it is killed."""
    with serving(addresses.application) as server:
        yield server


@pytest.fixture(scope="session")
def servers(server: Server, addresses: Addresses) -> Iterator[list[Server]]:
    """Two servers over one database."""
    with serving(addresses.application) as another:
        yield [server, another]


@pytest.fixture
def office(addresses: Addresses, runner: asyncio.Runner) -> Iterator[Agency]:
    """An agency whose SOP runs on demand, so that its people can start as many cycles as they like."""
    world = World(addresses, "", runner)
    yield world.an_agency(kalbar_lakip().model_copy(update={"cycle": (Cycle.ON_DEMAND,)}))
    world.close_clients()
    runner.run(world.database.close())
