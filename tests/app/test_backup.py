"""Backing the embedded database up while it is worked with, and bringing it back: the drill, and everything refused."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import embedded
from app.backup import DRAFT, MANIFEST_SIZE, Manifest, back_up
from app.cli import main
from app.clock import now
from app.migrate import ROOT, migrate
from app.settings import Settings
from app.tables.grants import GRANTS
from tests.conftest import HASTE
from tests.world import Agency, Client, Json, World, asked, served, within

Alur = Callable[..., tuple[int, str, str]]
Homes = Callable[[], Path]


@dataclass
class Source:
    """A home that is in use, an agency at work there, and a backup of it."""

    home: Path
    world: World
    agency: Agency
    backup: Path


@pytest.fixture(scope="module")
def homes() -> Iterator[Homes]:
    """Makes homes that every account of this machine can get to."""
    path = Path(tempfile.mkdtemp(prefix="alur-homes-"))
    path.chmod(0o755)
    numbers = count(1)
    yield lambda: path / f"home-{next(numbers)}"
    shutil.rmtree(path)


@contextmanager
def living(home: Path, runner: asyncio.Runner) -> Iterator[World]:
    """Alur served over the database of a home."""
    with embedded.running(home / "postgres", settings=HASTE) as addresses, ExitStack() as ending:
        runner.run(migrate(addresses.owner, addresses.application))
        url = ending.enter_context(served(Settings(database_url=addresses.application, port=0)))
        world = World(within(addresses, "alur"), url, runner)
        ending.callback(lambda: runner.run(world.database.close()))
        ending.callback(world.close_clients)
        yield world


@pytest.fixture(scope="module")
def source(homes: Homes, runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    home, file = homes(), tmp_path_factory.mktemp("backup") / "alur.tar"
    with living(home, runner) as world:
        agency = world.an_agency()
        agency.until("kumpulkan_bahan", "2024")
        agency.to_the_end("2023")
        agency.http.interrupt(agency.started("2022"), "cancel")
        with embedded.held(home / "postgres") as server:
            runner.run(back_up(server, file, now()))
        yield Source(home, world, agency, file)


@pytest.fixture(scope="module")
def restored(source: Source, homes: Homes) -> Path:
    """A home that the backup was restored into."""
    home = homes()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ALUR_HOME", str(home))
        environment.delenv("ALUR_DATABASE_URL", raising=False)
        assert main(["restore", str(source.backup)]) == 0
    return home


@pytest.fixture(scope="module")
def empty(homes: Homes) -> Path:
    """A home with a database that holds nothing. What is refused leaves it so."""
    home = homes()
    with embedded.running(home / "postgres", settings=HASTE):
        return home


@pytest.fixture
def alur(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Alur:
    """Runs one command in a home; gives what it ended with and what it said."""

    def run(home: Path, *arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setenv("ALUR_HOME", str(home))
        for name in ("ALUR_DATABASE_URL", "ALUR_MIGRATION_URL"):
            monkeypatch.delenv(name, raising=False)
        code = main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def started(home: Path, *arguments: str | Path) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ALUR_", "PG"))}
    command = [sys.executable, "-m", "app.cli", *map(str, arguments)]
    return subprocess.Popen(  # noqa: S603 - this very Python
        command, env=environment | {"ALUR_HOME": str(home)}, cwd=ROOT, stderr=subprocess.PIPE, text=True
    )


def manifest_of(file: Path) -> Json:
    with tarfile.open(file) as tar:
        return json.load(tar.extractfile("manifest.json"))


def heads_of(file: Path) -> dict[str, tuple[int, str]]:
    """Length and head of every trail, by instance."""
    with tarfile.open(file) as tar:
        lines = tar.extractfile("heads.txt").read().decode().splitlines()
    return {instance: (int(length), head) for instance, length, head in map(str.split, lines)}


def heads_in(world: World) -> dict[str, tuple[int, str]]:
    rows = world.sql("SELECT id, trail_length, trail_head FROM instances")
    return {str(row["id"]): (row["trail_length"], row["trail_head"]) for row in rows}


def rows_in(home: Path, runner: asyncio.Runner, table: str) -> int | None:
    """How many rows a table in a home has, null where there is no such table."""
    with embedded.running(home / "postgres") as addresses:
        if runner.run(asked(addresses.owner, f"SELECT to_regclass('{table}')"))[0][0] is None:
            return None
        rows: int = runner.run(asked(addresses.owner, f"SELECT count(*) FROM {table}"))[0][0]  # noqa: S608  our word
        return rows


# The drill


class Traffic:
    """Somebody who starts cycles and takes their steps until told to stop; knows what was acknowledged."""

    def __init__(self, agency: Agency) -> None:
        self._http, self._sop, self._year = agency.client(), agency.definition.key, 2000
        self.acknowledged: dict[str, int] = {}
        self.under_way, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._over.is_set()  # so that a whole cycle follows whatever happened before
            self._year += 1
            self._cycle(self._http, str(self._year))
            self.under_way.set()

    def _cycle(self, http: Client, period: str) -> None:
        instance = http.start(self._sop, period=period).json()["id"]
        waiting = http.json(f"/v1/instances/{instance}/tasks?status=open,claimed")["items"]
        done = 1
        while waiting:
            waiting = http.completed(waiting[0])["opened"]
            self.acknowledged[instance] = done = done + 1

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


def test_a_backup_under_traffic_holds_one_moment_and_work_goes_on_from_it(
    source: Source, homes: Homes, runner: asyncio.Runner, alur: Alur, tmp_path: Path
) -> None:
    unfinished = source.agency.opened("2030")
    everybody = [Traffic(source.world.an_agency()) for _ in range(3)]
    assert all(one.under_way.wait(60) for one in everybody)
    before = {instance: steps for one in everybody for instance, steps in one.acknowledged.items()}
    file = tmp_path / "under-traffic.tar"
    code, said, _ = alur(source.home, "backup", file)
    for one in everybody:
        one.stop()
    manifest, heads, later = manifest_of(file), heads_of(file), heads_in(source.world)
    assert (code, manifest["heads_sha256"] in said) == (0, True)
    assert sum(length for length, _ in heads.values()) == manifest["counts"]["audit_events"]
    assert manifest["counts"]["audit_events"] < sum(length for length, _ in later.values())

    home = homes()
    code, said, error = alur(home, "restore", file)
    assert (code, error) == (0, "")
    assert manifest["heads_sha256"] in said
    with living(home, runner) as restored:
        assert heads_in(restored) == heads
        # nothing that was acknowledged before is missing, and every trail is the beginning of what it became
        assert all(heads[instance][0] > steps for instance, steps in before.items())
        for instance, (length, head) in heads.items():
            kept = "SELECT hash FROM audit_events WHERE instance_id = $1 AND seq = $2"
            assert source.world.one(kept, instance, length) == head

        agency = replace(source.agency, world=restored)
        instance = {"id": unfinished["instance_id"]}
        waiting = [agency.waiting(instance)]
        while waiting:
            waiting = agency.http.completed(waiting[0])["opened"]
        assert agency.http.json(f"/v1/instances/{instance['id']}")["status"] == "completed"
        assert restored.proof().findings == ()


def test_what_is_restored_is_owned_granted_and_guarded_as_before(
    source: Source, restored: Path, runner: asyncio.Runner
) -> None:
    with living(restored, runner) as world:
        for question in (
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
            "SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
            "SELECT proname, proowner::regrole::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
            "SELECT datname, datdba::regrole::text FROM pg_database ORDER BY 1",
            "SELECT nspacl::text FROM pg_namespace WHERE nspname = 'public'",
        ):
            assert world.sql(question, role="owner") == source.world.sql(question, role="owner"), question
        given = {tuple(row) for row in world.sql(RIGHTS, role="owner")}
        assert given == {(table, right) for table, rights in GRANTS.items() for right in rights}
        for change in (
            "UPDATE audit_events SET type = ''",
            "DELETE FROM audit_events",
            "TRUNCATE audit_personal",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
                world.sql(f"SET session_replication_role = replica; {change}")


RIGHTS = "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = 'alur_app'"


# The file


def test_a_backup_tells_what_it_is_and_no_secret(source: Source) -> None:
    told = manifest_of(source.backup)
    assert set(told) == {
        "format",
        "taken_at",
        "alur",
        "postgresql",
        "revision",
        "counts",
        "heads_sha256",
        "dump_sha256",
    }
    assert told["postgresql"].startswith("18.")
    assert told["revision"] == source.world.one("SELECT version_num FROM alembic_version")
    with tarfile.open(source.backup) as tar:
        assert tar.getnames() == ["manifest.json", "heads.txt", "alur.dump"]
        for name in ("heads", "dump"):
            content = tar.extractfile({"heads": "heads.txt", "dump": "alur.dump"}[name]).read()
            assert sha256(content).hexdigest() == told[f"{name}_sha256"]


def test_a_backup_is_for_its_owner_alone(source: Source, alur: Alur, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        assert alur(source.home, "backup", tmp_path / "alur.tar")[0] == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "alur.tar").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_overwritten_only_when_told(source: Source, alur: Alur, tmp_path: Path) -> None:
    file = tmp_path / "alur.tar"
    file.write_text("surat")
    code, _, error = alur(source.home, "backup", file)
    assert (code, file.read_text()) == (1, "surat")
    assert "--overwrite" in error
    assert alur(source.home, "backup", file, "--overwrite")[0] == 0
    assert manifest_of(file)["format"] == 1
    assert os.listdir(tmp_path) == ["alur.tar"]


@pytest.mark.parametrize("place", ["tidak-ada/alur.tar", "."])
def test_a_place_that_cannot_be_written_is_a_sentence(source: Source, alur: Alur, tmp_path: Path, place: str) -> None:
    code, _, error = alur(source.home, "backup", tmp_path / place)
    assert code == 1
    assert error.startswith(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_nothing_behind(source: Source, tmp_path: Path) -> None:
    command = 'ulimit -f 16; exec "$0" -m app.cli backup "$1"'
    environment = {**os.environ, "ALUR_HOME": str(source.home)}
    full = subprocess.run(  # noqa: S603 - this very Python, where no file can grow beyond 16 blocks
        ["/bin/sh", "-c", command, sys.executable, tmp_path / "alur.tar"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (full.returncode, os.listdir(tmp_path)) == (1, [])
    assert "File too large" in full.stderr


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_backup_broken_off_is_never_taken_for_a_whole_one(
    source: Source, alur: Alur, tmp_path: Path, how: signal.Signals
) -> None:
    file = tmp_path / "alur.tar"
    with holding(source.world, "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE") as somebody_waits:
        backup = started(source.home, "backup", file)
        while not somebody_waits():
            assert backup.poll() is None, backup.communicate()
        backup.send_signal(how)
        backup.communicate()
    assert backup.returncode in (1, -how)
    assert not file.exists()
    assert how is signal.SIGKILL or os.listdir(tmp_path) == []
    assert alur(source.home, "backup", file)[0] == 0
    assert os.listdir(tmp_path) == ["alur.tar"]


@contextmanager
def holding(world: World, lock: str) -> Iterator[Callable[[], bool]]:
    """Hold a lock in a world's database; tells whether somebody waits for one."""
    connection = world.run(asyncpg.connect(world.addresses.superuser.replace("+asyncpg", "")))
    try:
        world.run(connection.execute(f"BEGIN; {lock}"))
        yield lambda: world.run(connection.fetchval(WAITING))
    finally:
        world.run(connection.close())


WAITING = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"


def test_two_backups_into_one_file_do_not_mix(source: Source, tmp_path: Path) -> None:
    file = tmp_path / "alur.tar"
    with holding(source.world, "LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE") as somebody_waits:
        first = started(source.home, "backup", file)
        while not somebody_waits():
            assert first.poll() is None, first.communicate()
        second = started(source.home, "backup", file)
        assert "sedang ditulis" in second.communicate(timeout=60)[1]
        assert second.returncode == 1
    assert (first.communicate()[1], first.returncode) == ("", 0)
    assert os.listdir(tmp_path) == ["alur.tar"]


def test_a_backup_of_a_home_that_nobody_uses_leaves_nothing_running(
    source: Source, restored: Path, alur: Alur, tmp_path: Path
) -> None:
    assert alur(restored, "backup", tmp_path / "alur.tar")[0] == 0
    assert heads_of(tmp_path / "alur.tar") == heads_of(source.backup)
    assert (restored / "postgres" / "server.lock").read_text() == ""


def test_there_is_nothing_to_back_up_where_no_database_is(homes: Homes, alur: Alur, tmp_path: Path) -> None:
    home = homes()
    code, _, error = alur(home, "backup", tmp_path / "alur.tar")
    assert (code, "ALUR_HOME" in error, home.exists()) == (1, True, False)
    with embedded.running(home / "postgres", settings=HASTE):
        pass
    code, _, error = alur(home, "backup", tmp_path / "alur.tar")
    assert (code, "masih kosong" in error, os.listdir(tmp_path)) == (1, True, [])


def test_another_postgresql_is_not_ours_to_back_up(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALUR_DATABASE_URL", source.world.addresses.application)
    for command in (["backup", str(tmp_path / "alur.tar")], ["restore", str(source.backup)]):
        assert main(command) == 1
        assert "pg_dump" in capsys.readouterr().err


# What is not restored


def rewritten(backup: Path, file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of a backup with other members."""
    with tarfile.open(backup) as tar:
        members = {name: tar.extractfile(name).read() for name in tar.getnames()}
    change(members)
    with tarfile.open(file, "w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file


def telling(members: dict[str, bytes], **told: Any) -> None:
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | told).encode()


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda members: members.update({"alur.dump": flipped(members["alur.dump"])}),
        lambda members: members.update({"heads.txt": flipped(members["heads.txt"])}),
        lambda members: members.update({"manifest.json": b"{}"}),
        lambda members: members.update({"manifest.json": b"\xff" * MANIFEST_SIZE}),
        lambda members: members.update({"../surat.txt": b"x"}),
        lambda members: members.pop("heads.txt"),
        lambda members: telling(members, format=2),
    ],
)
def test_a_changed_file_is_refused_and_makes_nothing(
    source: Source, homes: Homes, alur: Alur, tmp_path: Path, damage: Callable[[dict[str, bytes]], None]
) -> None:
    home = homes()
    code, _, error = alur(home, "restore", rewritten(source.backup, tmp_path / "alur.tar", damage))
    assert (code, "bukan cadangan yang utuh" in error, home.exists()) == (1, True, False)


@pytest.mark.parametrize("kept", [0, 100, 6_000, 20_000, -1_500])
def test_a_file_cut_short_is_refused_and_makes_nothing(
    source: Source, homes: Homes, alur: Alur, tmp_path: Path, kept: int
) -> None:
    home, cut = homes(), tmp_path / "alur.tar"
    cut.write_bytes(source.backup.read_bytes()[:kept])
    code, _, error = alur(home, "restore", cut)
    assert (code, "bukan cadangan yang utuh" in error, home.exists()) == (1, True, False)


def test_a_file_that_is_not_there_is_a_sentence(homes: Homes, alur: Alur, tmp_path: Path) -> None:
    home = homes()
    code, _, error = alur(home, "restore", tmp_path / "alur.tar")
    assert (code, "No such file" in error, home.exists()) == (1, True, False)


def test_a_backup_of_a_newer_release_is_refused(source: Source, homes: Homes, alur: Alur, tmp_path: Path) -> None:
    newer = rewritten(source.backup, tmp_path / "alur.tar", lambda members: telling(members, revision="9999"))
    home = homes()
    code, _, error = alur(home, "restore", newer)
    assert (code, "9999" in error, home.exists()) == (1, True, False)


def test_a_home_in_use_is_left_alone(source: Source, alur: Alur) -> None:
    before = heads_in(source.world)
    code, _, error = alur(source.home, "restore", source.backup)
    assert (code, "somebody else is using it" in error) == (1, True)
    assert heads_in(source.world) == before


def test_a_home_that_holds_data_is_never_overwritten(
    source: Source, homes: Homes, runner: asyncio.Runner, alur: Alur
) -> None:
    home, before = homes(), None
    for table, row in LONE_ROWS.items():
        with embedded.running(home / "postgres", settings=HASTE) as addresses:
            runner.run(migrate(addresses.owner, addresses.application))
            if before:
                assert runner.run(asked(addresses.owner, f"DELETE FROM {before} RETURNING 1"))  # noqa: S608  our word
            runner.run(asked(within(addresses, "alur").superuser, f"SET session_replication_role = replica; {row}"))
        before = table
        code, _, error = alur(home, "restore", source.backup)
        assert (code, f"({table})" in error, "ALUR_HOME=" in error) == (1, True, True)
    assert before
    assert rows_in(home, runner, before) == 1


LONE_ROWS = {
    "agencies": "INSERT INTO agencies (id, key, name, created_at) VALUES (gen_random_uuid(), 'lain', 'Lain', now())",
    "instances": """
        INSERT INTO instances (id, agency_id, definition_id, definition_key, title, status, state, trail_length,
            trail_head, client_id, data, started_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'lain', '', 'running',
            '{"status": "running"}', 1, '', gen_random_uuid(), '{}', now())""",
    "process_definitions": """
        INSERT INTO process_definitions (id, agency_id, key, version, title, content, content_hash, published_at)
        VALUES (gen_random_uuid(), gen_random_uuid(), 'lain', 1, '', '', '', now())""",
}
"""A row alone in its table; made as a replica, since what it belongs to is not there."""


def other_head(members: dict[str, bytes]) -> None:
    length, head = members["heads.txt"].splitlines()[0].split()[1:]
    members["heads.txt"] = members["heads.txt"].replace(b"%s %s" % (length, head), b"%s %s" % (length, b"0" * 64), 1)
    telling(members, heads_sha256=sha256(members["heads.txt"]).hexdigest())


def missing_instance(members: dict[str, bytes]) -> None:
    members["heads.txt"] = members["heads.txt"].split(b"\n", 1)[1]
    telling(members, heads_sha256=sha256(members["heads.txt"]).hexdigest())


def other_counts(members: dict[str, bytes]) -> None:
    counts = json.loads(members["manifest.json"])["counts"]
    telling(members, counts={table: rows + 1 for table, rows in counts.items()})


def test_every_difference_from_the_manifest_is_named_and_nothing_is_restored(
    source: Source, empty: Path, runner: asyncio.Runner, alur: Alur, tmp_path: Path
) -> None:
    first, (length, head) = next(iter(heads_of(source.backup).items()))
    counts = manifest_of(source.backup)["counts"]
    for change, expected in {
        other_head: [f"{first}: cadangan · backup {length} {'0' * 64}, hasil · restored {length} {head}"],
        missing_instance: [f"{first}: cadangan · backup None, hasil · restored {length} {head}"],
        other_counts: [
            f"{table}: cadangan · backup {rows + 1}, hasil · restored {rows}" for table, rows in counts.items()
        ],
    }.items():
        code, _, error = alur(empty, "restore", rewritten(source.backup, tmp_path / "alur.tar", change))
        assert (code, error.splitlines()[1:]) == (1, expected)
    assert rows_in(empty, runner, "agencies") is None


def test_a_tampered_head_is_found_and_nothing_is_restored(
    source: Source, empty: Path, runner: asyncio.Runner, alur: Alur, tmp_path: Path
) -> None:
    file, (tampered, (_, head)) = tmp_path / "alur.tar", next(iter(heads_of(source.backup).items()))
    with changed(source.world, SET_HEAD.format("0" * 64, tampered), SET_HEAD.format(head, tampered)):
        assert alur(source.home, "backup", file)[0] == 0
    code, _, error = alur(empty, "restore", file)
    found = error.splitlines()[1:]
    assert (code, len(found) > 0) == (1, True)
    assert all(line.startswith(f"{tampered}: ") for line in found)
    assert rows_in(empty, runner, "instances") is None


SET_HEAD = "UPDATE instances SET trail_head = '{}' WHERE id = '{}'"


def test_what_a_dump_wants_done_is_never_done_as_superuser(
    source: Source, empty: Path, runner: asyncio.Runner, alur: Alur, tmp_path: Path
) -> None:
    file = tmp_path / "alur.tar"
    with changed(source.world, FOR_SUPERUSERS_ALONE, "DROP FUNCTION watch() CASCADE"):
        assert alur(source.home, "backup", file)[0] == 0
    code, _, error = alur(empty, "restore", file)
    assert (code, "Must be superuser" in error) == (1, True)
    assert rows_in(empty, runner, "instances") is None


FOR_SUPERUSERS_ALONE = """
    CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
    CREATE EVENT TRIGGER watch ON sql_drop EXECUTE FUNCTION watch()
"""


@contextmanager
def changed(world: World, there: str, back: str) -> Iterator[None]:
    """Change something for the length of a with block."""
    world.sql(f"{there};")
    try:
        yield
    finally:
        world.sql(f"{back};")


def test_a_restore_killed_half_way_leaves_an_empty_home_that_can_be_restored_into(
    source: Source, empty: Path, runner: asyncio.Runner, alur: Alur
) -> None:
    home = empty  # after all that was refused before
    restoring = started(home, "restore", source.backup)
    connection = runner.run(connected_to_the_draft(home, restoring))
    try:
        # nothing more can be made in it now
        runner.run(connection.execute("BEGIN; LOCK TABLE pg_class IN SHARE ROW EXCLUSIVE MODE"))
        while not runner.run(connection.fetchval(WAITING)):
            assert restoring.poll() is None, restoring.communicate()
        code, _, error = alur(home, "verify")
        assert (code, "it is being restored" in error) == (1, True)
        restoring.kill()
        restoring.communicate()
    finally:
        runner.run(connection.close())
    assert rows_in(home, runner, "instances") is None
    code, _, error = alur(home, "restore", source.backup)
    assert (code, error) == (0, "")
    assert rows_in(home, runner, "instances") == len(heads_of(source.backup))


async def connected_to_the_draft(home: Path, restoring: subprocess.Popen[str]) -> Any:
    """Knock until the database that is being restored is there."""
    while restoring.poll() is None:
        with suppress(OSError, asyncpg.PostgresError):
            socket = Path((home / "postgres" / "server.lock").read_text() or "/not-yet")
            address = within(embedded._addresses(socket), DRAFT).superuser
            return await asyncpg.connect(address.replace("+asyncpg", ""))
    pytest.fail(f"it ended too early: {restoring.communicate()}")


def test_the_manifest_has_room_for_what_will_stand_in_it() -> None:
    most = Manifest(
        taken_at=now(),
        alur="1" * 100,
        postgresql="1" * 100,
        revision="1" * 100,
        counts={f"{number:063}": 10**15 for number in range(10)},
        heads_sha256="0" * 64,
        dump_sha256="0" * 64,
    )
    assert len(most.model_dump_json(indent=2).encode()) < MANIFEST_SIZE
