"""Whether work is welcome: the truth about the database and its tables, and nothing about load."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.migrate import migrate
from app.observation.watch import PATIENCE, Release, Schema, this_release
from app.settings import Settings
from tests.soak.installation import Postgres
from tests.world import World, refused, served

PROBES = ("/healthz", "/readyz", "/metrics")


@pytest.fixture
def lonely(a_world: Callable[[], World]) -> Iterator[World]:
    """A world that can be spoilt."""
    world = a_world()
    yield world
    world.close_clients()


def ready(url: str) -> httpx.Response:
    return httpx.get(f"{url}/readyz", timeout=30)


def test_a_migrated_database_is_ready(lonely: World) -> None:
    answer = ready(lonely.url)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "revision": this_release().head, "tables": "current"}
    assert httpx.head(f"{lonely.url}/readyz").status_code == 200


def test_tables_of_a_later_release_are_ready_and_said_to_be_newer(lonely: World) -> None:
    lonely.sql("UPDATE alembic_version SET version_num = 'from-the-future'; SELECT 1")
    assert ready(lonely.url).json() == {"status": "ready", "revision": "from-the-future", "tables": "newer"}


@pytest.mark.parametrize(
    "spoil",
    [
        "DELETE FROM alembic_version; SELECT 1",
        "DROP TABLE alembic_version; SELECT 1",
        "REVOKE ALL ON alembic_version FROM alur_app; SELECT 1",
        *(
            f"UPDATE alembic_version SET version_num = '{older}'; SELECT 1"  # noqa: S608 - a revision of ours
            for older in sorted(this_release().known - {this_release().head})
        ),
    ],
)
def test_a_database_that_is_not_migrated_is_not_ready_and_says_what_to_run(lonely: World, spoil: str) -> None:
    lonely.sql(spoil)
    problem = refused(ready(lonely.url), 503, "schema-outdated")
    assert "`alur migrate`" in problem["detail_id"]
    assert "`alur migrate`" in problem["detail_en"]
    assert this_release().head in problem["detail_id"]
    assert httpx.get(f"{lonely.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("revision", "stands"),
    [
        ("0003", Schema.CURRENT),
        ("0002", Schema.OUTDATED),
        ("0001", Schema.OUTDATED),
        (None, Schema.OUTDATED),
        ("0004", Schema.NEWER),
    ],
)
def test_revisions_are_judged_by_what_this_release_knows(revision: str | None, stands: Schema) -> None:
    assert Release("0003", frozenset({"0001", "0002", "0003"})).judge(revision) is stands


def test_this_release_needs_the_newest_of_its_migrations() -> None:
    release = this_release()
    assert release.head in release.known


def test_alive_without_any_database() -> None:
    with served(Settings(database_url="postgresql+asyncpg://alur@127.0.0.1:1/alur", port=0)) as url:
        assert httpx.get(f"{url}/healthz").json() == {"status": "alive"}
        refused(ready(url), 503, "unavailable")
        assert httpx.get(f"{url}/metrics").status_code == 200


@contextmanager
def locked(world: World, table: str) -> Iterator[None]:
    """Nobody gets at a table while the block lasts."""

    async def lock() -> asyncpg.Connection:
        connection = await asyncpg.connect(world.addresses.superuser.replace("+asyncpg", ""))
        await connection.execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        return connection

    holder = world.run(lock())
    try:
        yield
    finally:
        world.run(holder.close())


def test_a_busy_server_is_ready(lonely: World) -> None:
    size = 2
    settings = Settings(database_url=lonely.addresses.application, port=0, pool_size=size, lock_timeout=30)
    with served(settings) as url, ThreadPoolExecutor(2 * size) as threads:
        world = World(lonely.addresses, url, lonely.runner)
        office = world.an_agency()
        tasks = [office.opened(str(2000 + number)) for number in range(2 * size)]
        clients = [office.client() for _ in tasks]
        with locked(lonely, "tasks"):
            steps = [threads.submit(client.complete, task) for client, task in zip(clients, tasks, strict=True)]
            while f"alur_pool_connections_in_use {float(size)}\n" not in httpx.get(f"{url}/metrics", timeout=30).text:
                assert not any(step.done() for step in steps)
            assert ready(url).json()["status"] == "ready"
            assert not any(step.done() for step in steps)
        assert [step.result().status_code for step in steps] == [200] * len(steps)
        world.close_clients()
        world.run(world.database.close())


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL that can be hung."""
    refuge = Path(tempfile.mkdtemp(prefix="alur-refuge-"))
    refuge.chmod(0o755)
    postgres = Postgres(tmp_path / "postgres", refuge)
    yield postgres
    postgres.close()
    shutil.rmtree(refuge)


def test_a_database_that_hangs_is_not_ready_while_it_does(fragile: Postgres, runner: asyncio.Runner) -> None:
    addresses = fragile.addresses
    runner.run(migrate(addresses.owner, addresses.application))
    with served(Settings(database_url=addresses.application, port=0)) as url, ThreadPoolExecutor(8) as threads:
        assert ready(url).status_code == 200
        runner.run(fragile.hang())
        asked = time.monotonic()
        for answer in threads.map(ready, [url] * 8):
            refused(answer, 503, "unavailable")
        waited = time.monotonic() - asked
        assert PATIENCE <= waited < 5
        assert httpx.get(f"{url}/healthz").status_code == 200
        assert "alur_database_up 0.0" in httpx.get(f"{url}/metrics", timeout=30).text
        fragile.wake()
        woken = time.monotonic()
        while ready(url).status_code != 200:
            assert time.monotonic() - woken < 10


def test_the_probes_are_documented(world: World) -> None:
    paths = httpx.get(f"{world.url}/openapi.json").json()["paths"]
    for probe in PROBES:
        assert paths[probe]["get"]["description"].endswith(".")
    assert "503" in paths["/readyz"]["get"]["responses"]
