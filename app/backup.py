"""Writes the embedded database into one file, and brings such a file back into an empty home: all of it or nothing.

A backup is a plain tar of three members, in this order:

    manifest.json   what it is: moment, versions, revision, counts, SHA-256 of the other two; spaces fill it up
    heads.txt       where every trail stood, a line an instance by id: id, length, head
    alur.dump       the whole database at that moment, in pg_dump's custom format

`heads.txt` and `alur.dump` come from one snapshot, so what happens meanwhile is in neither. `demo.env` is no part of
it: it holds a key in clear, and `alur run` writes a new one. The dump holds keys as hashes only, and all personal
words: whoever reads the file reads them, so only its owner may.

The database is restored under another name and takes its own only when everything was proved, so whatever happens on
the way, the home is as empty as before. What the dump wants done is done as the owner of the tables, never as
superuser. Its rows pass the triggers of the trail, which refuse changes and not additions; they stand again, ENABLE
ALWAYS, before the proof.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tarfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal

from alembic.config import Config
from alembic.script import ScriptDirectory
from pydantic import AwareDatetime, BaseModel
from sqlalchemy import URL, Table, func, make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app import embedded
from app.database import Database
from app.embedded import Server
from app.instances.verify import Proof, verify
from app.migrate import ROOT, migrate
from app.pool import LOST, DatabaseUnavailable
from app.settings import Settings
from app.tables import agencies, audit_events, instances, process_definitions, tasks

if sys.platform != "win32":
    import fcntl

MANIFEST, HEADS, DUMP = MEMBERS = ("manifest.json", "heads.txt", "alur.dump")
MANIFEST_SIZE = 4096  # its place is kept while the rest is written
BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20

OWNER, SUPERUSER = "alur_owner", "alur_postgres"
DATABASE, DRAFT = "alur", "alur_restoring"
COUNTED = (process_definitions, instances, tasks, audit_events)
NEVER_OVERWRITTEN = (agencies, process_definitions, instances)


class BackupRefused(Exception):
    """A backup cannot be written or restored; says why and what to do, in both languages."""


class Manifest(BaseModel, frozen=True, extra="forbid"):
    """What a backup says of itself."""

    format: Literal[1] = 1
    taken_at: AwareDatetime
    alur: str
    postgresql: str
    revision: str
    counts: Mapping[str, int]
    heads_sha256: str
    dump_sha256: str


# Writing


async def back_up(server: Server, file: Path, now: datetime, *, overwrite: bool = False) -> Manifest:
    """Write everything the database holds at one moment to a file, while others go on working.

    Raises BackupRefused, DatabaseUnavailable and EmbeddedDatabaseFailed; then no file was made or changed.
    """
    with _refusing(file), _appearing(file, overwrite) as out:
        out.seek(BLOCK + MANIFEST_SIZE)
        async with _snapshot(server) as (connection, snapshot):
            facts = await _facts(connection)
            heads = await _add(out, HEADS, _heads(connection))
            dump = await _add(out, DUMP, _dumped(server, snapshot))
        manifest = Manifest(taken_at=now, alur=version("alur"), heads_sha256=heads, dump_sha256=dump, **facts)
        out.write(bytes(2 * BLOCK))  # the end of a tar
        out.seek(0)
        out.write(_header(MANIFEST, MANIFEST_SIZE))
        out.write(manifest.model_dump_json(indent=2).encode().ljust(MANIFEST_SIZE - 1) + b"\n")
    return manifest


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    """Turn what the file system says about a file into a sentence."""
    try:
        yield
    except OSError as error:
        raise BackupRefused(f"{file}: {error.strerror or error}") from error


@contextmanager
def _appearing(file: Path, overwrite: bool) -> Iterator[IO[bytes]]:
    """Write beside the file, and move it there when it is whole and on the disk. What a crash left is taken over."""
    _require_free(file, overwrite)
    draft = file.with_name(f".{file.name}.partial")
    with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b") as out:
        _require_ours(draft, out)
        try:
            os.fchmod(out.fileno(), 0o600)
            out.truncate(0)
            yield out
            out.flush()
            os.fsync(out.fileno())
            _require_free(file, overwrite)
            draft.replace(file)
        except BaseException:
            draft.unlink()
            raise
    embedded.sync(file.parent)


def _require_free(file: Path, overwrite: bool) -> None:
    if file.is_dir():
        raise BackupRefused(f"{file} adalah folder; beri nama berkas · is a folder; name a file")
    if file.exists() and not overwrite:
        raise BackupRefused(
            f"{file} sudah ada; pilih nama lain, atau tambahkan --overwrite · "
            "is there already; choose another name, or add --overwrite"
        )


def _require_ours(draft: Path, out: IO[bytes]) -> None:
    """Refuse a draft that somebody else made, is writing, or has just finished and moved away."""
    state = os.fstat(out.fileno())
    try:
        fcntl.flock(out, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(state, draft.stat()) and state.st_uid == os.geteuid():
            return
    except (BlockingIOError, FileNotFoundError):
        pass
    raise BackupRefused(f"{draft} sedang ditulis orang lain · is being written by somebody else")


@asynccontextmanager
async def _snapshot(server: Server) -> AsyncIterator[tuple[AsyncConnection, str]]:
    """A transaction that sees one moment, and the name under which pg_dump sees the same."""
    # the superuser: no policy hides a row from it
    async with _connected(_address(server, SUPERUSER, DATABASE), "REPEATABLE READ") as connection:
        yield connection, (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()


async def _facts(connection: AsyncConnection) -> dict[str, Any]:
    revision = await _revision(connection)
    if revision is None:
        raise BackupRefused("Basis data ini masih kosong · there is nothing in this database yet")
    return {
        "postgresql": (await connection.execute(text("SHOW server_version"))).scalar_one(),
        "revision": revision,
        "counts": await _counts(connection),
    }


async def _add(out: IO[bytes], name: str, chunks: AsyncIterator[bytes]) -> str:
    """Append a member whose size shows only at its end; gives its SHA-256."""
    start, digest = out.tell(), hashlib.sha256()
    out.seek(BLOCK, os.SEEK_CUR)
    async for chunk in chunks:
        out.write(chunk)
        digest.update(chunk)
    size = out.tell() - start - BLOCK
    out.write(bytes(-size % BLOCK))
    end = out.tell()
    out.seek(start)
    out.write(_header(name, size))
    out.seek(end)
    return digest.hexdigest()


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member.tobuf(tarfile.GNU_FORMAT)  # knows sizes beyond 8 GiB, in one block


async def _heads(connection: AsyncConnection) -> AsyncIterator[bytes]:
    """Where every trail stands, a line an instance."""
    wanted = select(instances.c.id, instances.c.trail_length, instances.c.trail_head).order_by(instances.c.id)
    async with connection.stream(wanted) as rows:
        async for row in rows:
            yield f"{row.id} {row.trail_length} {row.trail_head}\n".encode()


async def _dumped(server: Server, snapshot: str) -> AsyncIterator[bytes]:
    options = ("--format=custom", f"--snapshot={snapshot}")
    async with embedded.program(server, "pg_dump", *options, role=SUPERUSER, database=DATABASE) as dumping:
        assert dumping.stdout  # noqa: S101  a pipe, as promised
        while chunk := await dumping.stdout.read(CHUNK):
            yield chunk


# Restoring


def inspect(file: Path) -> Manifest:
    """Read what a backup says of itself, and see that it is whole and that this release knows its tables.

    Raises BackupRefused.
    """
    with _refusing(file), _opened(file) as members:
        manifest = Manifest.model_validate_json(members[MANIFEST].read())
        for name, expected in ((HEADS, manifest.heads_sha256), (DUMP, manifest.dump_sha256)):
            if hashlib.file_digest(members[name], "sha256").hexdigest() != expected:
                raise ValueError(f"{name} is not what the manifest tells (SHA-256)")
    _require_known(manifest)
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[dict[str, Any]]:
    """The members of a backup, to be read; nothing is unpacked."""
    try:
        with tarfile.open(file, "r:") as tar:
            found = {member.name: tar.extractfile(member) for member in tar.getmembers()}
            if tuple(found) != MEMBERS or None in found.values():
                raise ValueError(f"it does not hold {', '.join(MEMBERS)}")
            yield found
    except (tarfile.TarError, ValueError) as damaged:
        raise BackupRefused(
            f"{file} bukan cadangan yang utuh; pakai cadangan lain · is no whole backup; use another one: {damaged}"
        ) from damaged


def _require_known(manifest: Manifest) -> None:
    revisions = ScriptDirectory.from_config(Config(str(ROOT / "alembic.ini"))).walk_revisions()
    if manifest.revision not in {known.revision for known in revisions}:
        raise BackupRefused(
            f"Cadangan ini (revisi {manifest.revision}, Alur {manifest.alur}) lebih baru daripada rilis ini; pasang "
            "rilis itu atau yang lebih baru · this backup is newer than this release; install that one or a newer one"
        )


async def restore(server: Server, file: Path, manifest: Manifest, settings: Settings) -> Proof:
    """Bring an inspected backup into the empty database of a server that nobody else uses, and prove it.

    Raises BackupRefused, DatabaseUnavailable and EmbeddedDatabaseFailed; then the database is as empty as before.
    """
    await _require_empty(server)
    await _tell(server, *_FORGET, f"CREATE DATABASE {DRAFT} OWNER {OWNER} TEMPLATE template0")
    try:
        await _fill(server, file)
        proof = await _proved(server, file, manifest, settings)
        # a crash between these two leaves no database; the next start makes an empty one
        await _tell(server, f"DROP DATABASE {DATABASE}", f"ALTER DATABASE {DRAFT} RENAME TO {DATABASE}")
    finally:
        await _tell(server, *_FORGET)
    return proof


_FORGET = (f"DROP DATABASE IF EXISTS {DRAFT} WITH (FORCE)",)
"""What an earlier restore left behind goes, together with a pg_restore that outlived it."""


async def _require_empty(server: Server) -> None:
    async with _connected(_address(server, SUPERUSER, DATABASE)) as connection:
        holding = [table.name for table in NEVER_OVERWRITTEN if await _holds_rows(connection, table)]
    if holding:
        raise BackupRefused(
            f"Basis data ini sudah berisi ({', '.join(holding)}) dan tidak ditimpa; pulihkan ke rumah lain: "
            "ALUR_HOME=/folder/baru alur restore ... · this database holds data and is never overwritten; restore "
            "into another home"
        )


async def _holds_rows(connection: AsyncConnection, table: Table) -> bool:
    if (await connection.execute(select(func.to_regclass(f"public.{table.name}")))).scalar() is None:
        return False
    return (await connection.execute(select(table.c.id).limit(1))).first() is not None


async def _tell(server: Server, *statements: str) -> None:
    """Say something that concerns whole databases."""
    async with _connected(_address(server, SUPERUSER, "postgres"), "AUTOCOMMIT") as connection:
        for statement in statements:
            await connection.execute(text(statement))


async def _fill(server: Server, file: Path) -> None:
    # the owner: what stands in a file must never run with a superuser's powers
    options = ("--exit-on-error", "--no-owner", "--no-privileges")
    async with embedded.program(server, "pg_restore", *options, role=OWNER, database=DRAFT) as restoring:
        assert restoring.stdin  # noqa: S101  a pipe, as promised
        with _opened(file) as members:
            while chunk := members[DUMP].read(CHUNK):
                restoring.stdin.write(chunk)
                try:
                    await restoring.stdin.drain()
                except ConnectionError:  # it gave up; leaving the block says why
                    return


async def _proved(server: Server, file: Path, manifest: Manifest, settings: Settings) -> Proof:
    """Bring the restored database up to date and see that nothing differs from the backup and every trail holds."""
    owner, application = (_address(server, role, DRAFT) for role in (OWNER, "alur_app"))
    async with _connected(owner) as connection:
        differences = _differing({"revision": manifest.revision}, {"revision": await _revision(connection)})
    if not differences:
        await migrate(str(owner), str(application))
        async with _connected(owner) as connection:
            differences += _differing(manifest.counts, await _counts(connection))
            differences += _differing(_told(file), _by_instance([line async for line in _heads(connection)]))
        proof = await _verified(settings.model_copy(update={"database_url": str(application)}))
        differences += [f"{finding.instance}: {finding.what}" for finding in proof.findings]
    if differences:
        raise BackupRefused(
            "\n".join(("Tidak dipulihkan, karena berbeda · not restored, because it differs:", *differences))
        )
    return proof


def _told(file: Path) -> dict[str, str]:
    with _opened(file) as members:
        return _by_instance(members[HEADS])


def _by_instance(lines: Iterable[bytes]) -> dict[str, str]:
    """Length and head of every trail, by instance."""
    return dict(line.decode().rstrip("\n").split(" ", 1) for line in lines)


def _differing(told: Mapping[str, object], found: Mapping[str, object]) -> list[str]:
    return [
        f"{name}: cadangan · backup {told.get(name)}, hasil · restored {found.get(name)}"
        for name in dict.fromkeys(chain(told, found))
        if told.get(name) != found.get(name)
    ]


async def _verified(settings: Settings) -> Proof:
    database = Database.of(settings)
    try:
        return await verify(database)
    finally:
        await database.close()


# What both need


def _address(server: Server, role: str, database: str) -> URL:
    return make_url(server.addresses.superuser).set(username=role, database=database)


@asynccontextmanager
async def _connected(address: URL, isolation: Any = "READ COMMITTED") -> AsyncIterator[AsyncConnection]:
    """A connection of its own, closed at the end. Raises DatabaseUnavailable, and BackupRefused for what it refuses."""
    engine = create_async_engine(address, poolclass=NullPool, isolation_level=isolation)
    try:
        connection = await engine.connect()
    except (*LOST, DBAPIError) as lost:
        raise DatabaseUnavailable(str(lost)) from lost
    try:
        yield connection
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseUnavailable(str(error.orig)) from error
        raise BackupRefused(f"PostgreSQL menolak · refuses: {error.orig}") from error
    finally:
        await connection.close()


async def _revision(connection: AsyncConnection) -> str | None:
    """The revision of the tables, null where there are none."""
    if (await connection.execute(text("SELECT to_regclass('public.alembic_version')"))).scalar() is None:
        return None
    return (await connection.execute(text("SELECT version_num FROM public.alembic_version"))).scalar_one_or_none()


async def _counts(connection: AsyncConnection) -> dict[str, int]:
    return {
        table.name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
        for table in COUNTED
    }
