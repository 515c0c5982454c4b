"""A private PostgreSQL that dies under those who use it comes back by itself, and stays stopped when it is stopped."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import httpx
import pytest

from app import embedded
from app.migrate import ROOT
from tests.conftest import HASTE
from tests.world import Client, Faults, asked

WITHIN = 10
"""Seconds in which the server has to serve again."""


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that the tests use one after the other, within reach of every account of this machine."""
    path = Path(tempfile.mkdtemp(prefix="alur-home-"))
    path.chmod(0o755)
    yield path / ".alur"
    shutil.rmtree(path)


def postmaster(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def is_over(home: Path) -> bool:
    """Whether no process of the home's server is left."""
    with (home / "postgres" / "server.lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Told(logging.Handler):
    """Counts the messages that end so, and signals the first."""

    def __init__(self, ending: str) -> None:
        super().__init__()
        self._ending, self.times, self.heard = ending, 0, threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().endswith(self._ending):
            self.times += 1
            self.heard.set()


@contextmanager
def listening(ending: str) -> Iterator[Told]:
    told = Told(ending)
    logging.getLogger("alur").addHandler(told)
    try:
        yield told
    finally:
        logging.getLogger("alur").removeHandler(told)


def test_a_watched_server_that_was_killed_is_back_at_the_same_address_with_everything(
    home: Path, runner: asyncio.Runner
) -> None:
    with embedded.held(home / "postgres") as server, embedded.watched(server), listening(" is back") as back:
        runner.run(asked(server.addresses.owner, "CREATE TABLE memory AS SELECT 'kept' AS word"))
        dead = postmaster(home)
        os.kill(dead, signal.SIGKILL)
        assert back.heard.wait(30)
        assert postmaster(home) != dead
        assert runner.run(asked(server.addresses.owner, "SELECT word FROM memory"))[0]["word"] == "kept"
    assert is_over(home)


def test_a_server_that_lives_is_left_alone(home: Path, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "WATCHING", 0)
    looked, knock = threading.Semaphore(0), embedded._listens

    def counted(socket: Path) -> bool:
        looked.release()
        return knock(socket)

    monkeypatch.setattr(embedded, "_listens", counted)
    with listening(" is back") as back, embedded.held(home / "postgres", settings=HASTE) as server:
        alive = postmaster(home)
        with embedded.watched(server):
            assert all(looked.acquire(timeout=30) for _ in range(100))
        assert (postmaster(home), back.times) == (alive, 0)
        newest = max((home / "postgres" / "log").glob("server-*.log"))
        assert "incomplete startup packet" not in newest.read_text()


def test_two_who_watch_one_server_bring_it_back_once(home: Path, runner: asyncio.Runner) -> None:
    folder = home / "postgres"
    with (
        listening(" is back") as back,
        embedded.held(folder) as one,
        embedded.held(folder) as other,
        embedded.watched(one),
        embedded.watched(other),
    ):
        os.kill(postmaster(home), signal.SIGKILL)
        assert back.heard.wait(30)
        assert runner.run(asked(other.addresses.application, "SELECT 1"))[0][0] == 1
    assert back.times == 1
    assert is_over(home)


def test_a_server_that_dies_while_it_is_stopped_is_not_brought_back(home: Path) -> None:
    with embedded.held(home / "postgres") as server, embedded.watched(server):
        os.kill(postmaster(home), signal.SIGKILL)
    assert is_over(home)
    assert (home / "postgres" / "server.lock").read_text() == ""


def test_a_server_that_cannot_come_back_is_told_and_tried_again(
    home: Path, runner: asyncio.Runner, faults: Faults
) -> None:
    version = home / "postgres" / "data" / "PG_VERSION"
    with (
        embedded.held(home / "postgres") as server,
        listening("restore the dump.") as failed,
        listening(" is back") as back,
    ):
        version.write_text("17\n")
        with embedded.watched(server):
            os.kill(postmaster(home), signal.SIGKILL)
            assert failed.heard.wait(60)
            version.write_text("18\n")
            assert back.heard.wait(60)
        assert runner.run(asked(server.addresses.application, "SELECT 1"))[0][0] == 1
    assert all("was made by PostgreSQL 17" in one for one in faults.taken())


def test_a_killed_backend_is_left_to_postgresql(home: Path, runner: asyncio.Runner) -> None:
    with embedded.held(home / "postgres") as server, embedded.watched(server), listening("bringing it back") as gone:
        alive = postmaster(home)
        with suppress(asyncpg.PostgresConnectionError, asyncpg.ConnectionDoesNotExistError):
            runner.run(asked(server.addresses.superuser, KILL_ITSELF))
        while not runner.run(answers(server.addresses.superuser)):
            assert not gone.heard.is_set()
        assert (postmaster(home), gone.heard.is_set()) == (alive, False)


KILL_ITSELF = "COPY (SELECT pg_backend_pid()) TO PROGRAM 'xargs kill -KILL'"


async def answers(address: str) -> bool:
    try:
        await asked(address, "SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


# `alur run`, as an operator has it


@contextmanager
def running(home: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """`alur run` in a home, up and serving."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ALUR_", "PG"))}
    environment |= {"ALUR_HOME": str(home), "ALUR_PORT": "0"}
    options = {"cwd": ROOT, "env": environment, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "app.cli", "run"]
    with log.open("w") as told, subprocess.Popen(command, stderr=told, **options) as process:  # noqa: S603 - this very Python
        try:
            assert process.stdout
            assert "siap" in process.stdout.readline(), log.read_text()
            yield process
        finally:
            process.terminate()


def client_of(home: Path) -> Client:
    written = dict(line.split("=", 1) for line in (home / "demo.env").read_text().splitlines())
    return Client(written["ALUR_URL"], written["ALUR_KEY"])


def ids(http: Client) -> list[str]:
    return [one["id"] for one in http.all("/v1/instances", limit=200)]


def test_run_serves_again_within_ten_seconds_of_its_database_being_killed_and_nothing_is_lost_or_doubled(
    home: Path, tmp_path: Path
) -> None:
    with running(home, tmp_path / "log") as process, client_of(home) as http:
        before = ids(http)
        acknowledged: list[str] = []
        over, done = threading.Event(), threading.Semaphore(0)

        def work() -> None:
            """Start cycles, each under a key of its own, until each was acknowledged."""
            while not over.is_set():
                key = f"mulai-{len(acknowledged)}"
                again = {"reason": "Uji"}
                while not over.is_set():
                    with suppress(httpx.TransportError):
                        answer = http.start("kalbar-lakip", key=key, period="2026", duplicate=again)
                        if answer.status_code == 201:
                            acknowledged.append(answer.json()["id"])
                            done.release()
                            break
                        assert answer.status_code == 503, answer.text

        worker = threading.Thread(target=work)
        worker.start()
        try:
            for _ in range(3):
                assert all(done.acquire(timeout=30) for _ in range(5))
                dead = postmaster(home)
                killed = time.monotonic()
                os.kill(dead, signal.SIGKILL)
                while done.acquire(blocking=False):  # what was acknowledged before
                    pass
                assert all(done.acquire(timeout=WITHIN) for _ in range(2))  # one may have been on its way
                assert time.monotonic() - killed < WITHIN
                assert postmaster(home) != dead
        finally:
            over.set()
            worker.join()
        assert sorted(ids(http)) == sorted(before + acknowledged)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert is_over(home)


def test_run_told_to_stop_while_its_database_is_dead_ends_in_order_with_nothing_left(
    home: Path, tmp_path: Path, runner: asyncio.Runner
) -> None:
    with running(home, tmp_path / "log") as process:
        os.kill(postmaster(home), signal.SIGKILL)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()
    assert is_over(home)
    with embedded.running(home / "postgres", settings=HASTE) as addresses:
        assert runner.run(asked(addresses.application, "SELECT count(*) FROM agencies"))[0][0] > 0


def test_run_told_to_stop_while_its_database_comes_back_ends_in_order_with_nothing_left(
    home: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with running(home, log) as process:
        os.kill(postmaster(home), signal.SIGKILL)
        while "bringing it back" not in log.read_text():
            assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    assert is_over(home)
