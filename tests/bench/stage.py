"""Sets the stage: a PostgreSQL of its own as Alur ships it, the demonstration, and servers in their own processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from sqlalchemy import make_url, select

from app import embedded
from app.clock import new_id, now
from app.database import Database
from app.definitions.publish import publish
from app.definitions.shipped import FOLDER, publish_shipped
from app.demonstration import seed, write_environment
from app.embedded import Addresses
from app.migrate import migrate
from app.tables import agencies
from engine.reader import read_yaml
from tests.bench.course import Course, course_of
from tests.world import asked, within

ROOT = Path(__file__).resolve().parent.parent.parent
SOP = "kalbar-lakip"
TWINS = 64  # copies of the SOP under other keys: a yearly SOP has only so many periods to start cycles for


@dataclass(frozen=True)
class Stage:
    """A PostgreSQL, where its programs are and which process it is, and a folder for everything else."""

    addresses: Addresses
    programs: Path
    postmaster: int
    folder: Path


@dataclass(frozen=True)
class Actors:
    """Who acts: the demonstration's API key, and the way through the SOP with its officials."""

    key: str
    course: Course


@dataclass(frozen=True)
class Serving:
    """A server in a process of its own."""

    url: str
    pid: int


@contextmanager
def postgres(beside: Path | None = None) -> Iterator[Stage]:
    """A fresh PostgreSQL with the shipped settings, in a temporary folder that goes afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="alur-bench-", dir=beside))
    refuge = Path(tempfile.mkdtemp(prefix="alur-bench-refuge-", dir=beside))
    refuge.chmod(0o755)  # where root keeps what the server's account must reach
    try:
        server = embedded.start(folder / "postgres", refuge=refuge)
        try:
            postmaster = int((server.place.data / "postmaster.pid").read_text().split()[0])
            yield Stage(server.addresses, server.programs, postmaster, folder)
        finally:
            embedded.stop(server)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(refuge)


def sql(address: str, query: str, *values: Any) -> list[Any]:
    """Run one statement as the role of an address."""
    return asyncio.run(asked(address, query, *values))


def demonstration(stage: Stage) -> Actors:
    """Migrate, seed the demonstration, publish the SOPs and the twins of one of them: as `alur run` does."""
    asyncio.run(migrate(stage.addresses.owner, stage.addresses.application))
    environment = stage.folder / "demo.env"
    keys = asyncio.run(_people_and_sops(stage.addresses, environment))
    written = dict(line.split("=", 1) for line in environment.read_text().splitlines())
    definition = read_yaml((FOLDER / f"{SOP}.yaml").read_bytes(), SOP)
    officials = {role.id: written[f"ALUR_OFFICIAL_{role.id.upper()}"] for role in definition.roles}
    return Actors(written["ALUR_KEY"], course_of(definition, keys, officials))


async def _people_and_sops(addresses: Addresses, environment: Path) -> tuple[str, ...]:
    definition = read_yaml((FOLDER / f"{SOP}.yaml").read_bytes(), SOP)
    twins = [definition.model_copy(update={"key": f"{SOP}-{number}"}) for number in range(1, TWINS)]
    database = Database(addresses.application)
    try:
        await seed(database, now())
        await publish_shipped(database)
        await write_environment(database, environment, "", now())
        async with database.transaction() as connection:
            named = select(agencies.c.id).where(agencies.c.key == definition.agency)
            agency = (await connection.execute(named)).scalar_one()
            for twin in twins:
                await publish(connection, twin, agency, client=None, now=now(), new_id=new_id)
    finally:
        await database.close()
    return (SOP, *(twin.key for twin in twins))


def copy_of(stage: Stage, name: str) -> Stage:
    """The same stage with a copy of its database, which nobody may be connected to."""
    owned = f"CREATE DATABASE {name} TEMPLATE {database_of(stage)} OWNER alur_owner"
    sql(stage.addresses.superuser, owned)
    return replace(stage, addresses=within(stage.addresses, name))


def database_of(stage: Stage) -> str:
    """The name of the stage's own database."""
    return str(make_url(stage.addresses.application).database)


def superuser_of(stage: Stage) -> str:
    """The superuser's address of the stage's own database."""
    return within(stage.addresses, database_of(stage)).superuser


def settle(stage: Stage) -> None:
    """Do what autovacuum would do within minutes: statements planned for empty tables stay slow otherwise."""
    sql(superuser_of(stage), "VACUUM ANALYZE")


@contextmanager
def alur(stage: Stage) -> Iterator[Serving]:
    """`alur serve` over the stage's database, with the settings as they are shipped."""
    chosen = {"ALUR_DATABASE_URL": stage.addresses.application, "ALUR_PORT": "0"}
    others = {name: value for name, value in os.environ.items() if not name.startswith("ALUR_")}
    with serving(["app.cli", "serve"], others | chosen, stage.folder / "alur.log") as server:
        yield server


@contextmanager
def serving(module: Sequence[str], environment: Mapping[str, str], log: Path) -> Iterator[Serving]:
    """Run a module that says its address on its standard output, and keep what else it says in a file."""
    with log.open("a") as kept:
        process = subprocess.Popen(  # noqa: S603 - a module of ours
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=kept,
            text=True,
        )
        assert process.stdout is not None
        copier = None
        try:
            url = _announced(process.stdout, kept)
            copier = threading.Thread(target=shutil.copyfileobj, args=(process.stdout, kept))
            copier.start()
            yield Serving(url, process.pid)
        finally:
            process.terminate()
            process.wait()
            if copier:
                copier.join()
            process.stdout.close()


def _announced(told: IO[str], kept: IO[str]) -> str:
    for line in told:
        kept.write(line)
        if "http://" in line:
            return line[line.index("http://") :].split()[0]
    raise SystemExit(f"a server ended before it said where it listens; see {kept.name}")
