"""The command `alur`, as an operator types it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.cli import main
from app.embedded import Addresses
from app.migrate import ROOT
from app.tables.grants import GRANTS
from tests.world import World

SHEET = ROOT / "definitions" / "kalbar-lakip.yaml"

Said = pytest.CaptureFixture[str]


@pytest.fixture
def database(
    fresh_database: Callable[[], Addresses], monkeypatch: pytest.MonkeyPatch, runner: asyncio.Runner
) -> Iterator[World]:
    """A migrated database that the environment names, without a server."""
    addresses = fresh_database()
    monkeypatch.setenv("ALUR_DATABASE_URL", addresses.application)
    monkeypatch.setenv("ALUR_MIGRATION_URL", addresses.owner)
    assert main(["migrate"]) == 0
    world = World(addresses, "http://nowhere", runner)
    yield world
    runner.run(world.database.close())


def test_check_says_that_a_good_sop_is_valid(capsys: Said) -> None:
    assert main(["check", str(SHEET)]) == 0
    assert "kalbar-lakip, 10 kegiatan" in capsys.readouterr().out


def test_check_says_every_mistake_with_its_place_and_looks_at_every_file(tmp_path: Path, capsys: Said) -> None:
    wrong = tmp_path / "salah.yaml"
    wrong.write_text(SHEET.read_text().replace("ke: kumpulkan_bahan", "ke: kumpulkan").replace("nomor: 7", "nomor: x"))
    assert main(["check", str(wrong), str(SHEET), str(tmp_path / "tidak-ada.yaml")]) == 1
    out, err = capsys.readouterr()
    assert re.search(rf"^{re.escape(str(wrong))}:\d+:\d+: kegiatan\[\d\]\.", err, re.MULTILINE)
    assert "tidak-ada.yaml: No such file" in err
    assert "kalbar-lakip" in out


def test_migrate_prints_the_grants_for_a_role_and_touches_nothing(capsys: Said) -> None:
    assert main(["migrate", "--print-grants", "aplikasi"]) == 0
    printed = capsys.readouterr().out
    for table in GRANTS:
        assert re.search(rf'^GRANT [A-Z, ]+ ON public\.{table} TO "aplikasi";$', printed, re.MULTILINE)
    assert 'GRANT SELECT, INSERT ON public.audit_events TO "aplikasi";' in printed


def test_migrate_tells_the_address_without_its_password(
    fresh_database: Callable[[], Addresses], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    addresses = fresh_database()
    monkeypatch.setenv("ALUR_DATABASE_URL", addresses.application)
    monkeypatch.setenv("ALUR_MIGRATION_URL", addresses.owner.replace("alur_owner@", "alur_owner:rahasia@"))
    assert main(["migrate"]) == 0
    assert "rahasia" not in capsys.readouterr().out


def test_publish_publishes_and_says_what_is_unchanged(database: World, tmp_path: Path, capsys: Said) -> None:
    agency = database.an_agency()
    sheet = tmp_path / "sop.yaml"
    sheet.write_text(SHEET.read_text().replace("instansi: diskopukm-kalbar", f"instansi: {agency.key}"))
    assert main(["publish", str(sheet)]) == 0
    assert "kalbar-lakip versi 1: diterbitkan" in capsys.readouterr().out
    assert main(["publish", str(sheet)]) == 0
    assert "kalbar-lakip versi 1: tidak berubah" in capsys.readouterr().out
    sheet.write_text(sheet.read_text().replace("SK Tim Penyusunan LAKIP\n", "SK Tim\n"))
    assert main(["publish", str(sheet)]) == 0
    assert "kalbar-lakip versi 2: diterbitkan" in capsys.readouterr().out


def test_publish_refuses_a_wrong_sop_and_one_of_an_agency_that_is_not_there(
    database: World, tmp_path: Path, capsys: Said
) -> None:
    wrong = tmp_path / "salah.yaml"
    wrong.write_text("kunci: x")
    assert main(["publish", str(wrong)]) == 1
    assert main(["publish", str(SHEET)]) == 1
    assert "diskopukm-kalbar" in capsys.readouterr().err
    assert database.one("SELECT count(*) FROM process_definitions") == 0


def test_key_issues_a_key_that_is_shown_once(database: World, capsys: Said) -> None:
    agency = database.an_agency()
    capsys.readouterr()
    assert main(["key", "e-SAKIP", "--scopes", "read,start", "--agencies", agency.key, "--officials", "all"]) == 0
    shown = capsys.readouterr().out.strip()
    assert re.fullmatch(r"alur_[0-9A-Za-z]{49}", shown)
    assert database.sql("SELECT name, scopes FROM api_keys")[0]["scopes"] == ["read", "start"]
    assert database.one("SELECT count(*) FROM api_key_officials") == len(agency.officials())


@pytest.mark.parametrize(
    "wrong",
    [["--scopes", "terbang"], ["--agencies", "tidak-ada"], ["--officials", "00000000-0000-7000-8000-000000000000"]],
)
def test_key_refuses_what_it_does_not_know(database: World, capsys: Said, wrong: list[str]) -> None:
    agency = database.an_agency()
    assert main(["key", "x", "--agencies", agency.key, *wrong]) == 1
    assert wrong[1] in capsys.readouterr().err
    assert database.one("SELECT count(*) FROM api_keys") == 0


def test_verify_proves_what_is_whole_and_names_what_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv("ALUR_DATABASE_URL", world.addresses.application)
    world.an_agency().started()
    world.close_clients()
    assert main(["verify"]) == 0
    assert re.search(r"^\d+ instances, \d+ events.*: 0 findings$", capsys.readouterr().out, re.MULTILINE)


def test_verify_ends_with_an_error_where_something_does_not_hold(
    a_world: Callable[[], World], monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    world = a_world()
    monkeypatch.setenv("ALUR_DATABASE_URL", world.addresses.application)
    instance = world.an_agency().started()
    world.close_clients()
    world.sql("UPDATE instances SET trail_length = trail_length + 1; SELECT 1")
    assert main(["verify"]) == 1
    assert instance["id"] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value"), [("ALUR_PORT", "delapan"), ("ALUR_POOL_SIZE", "0"), ("ALUR_BODY_LIMIT", "-1")]
)
def test_a_wrong_setting_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Said, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert main(["serve"]) == 1
    assert name.removeprefix("ALUR_").lower() in capsys.readouterr().err


def test_a_database_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("ALUR_DATABASE_URL", "postgresql+asyncpg://alur@127.0.0.1:1/alur")
    monkeypatch.setenv("ALUR_MIGRATION_URL", "postgresql+asyncpg://alur@127.0.0.1:1/alur")
    for command in ("verify", "migrate"):
        assert main([command]) == 1
        assert "Basis data tidak terjangkau" in capsys.readouterr().err


def test_serve_without_an_address_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.delenv("ALUR_DATABASE_URL", raising=False)
    assert main(["serve"]) == 1
    assert "ALUR_DATABASE_URL" in capsys.readouterr().err


def test_a_port_that_is_taken_is_a_sentence(database: World, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("ALUR_PORT", str(taken.getsockname()[1]))
        assert main(["serve"]) == 1
    assert "ALUR_PORT" in capsys.readouterr().err


# Everything at once, as a newcomer has it


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that every account of this machine can get to."""
    path = Path(tempfile.mkdtemp(prefix="alur-home-"))
    path.chmod(0o755)
    yield path / ".alur"
    shutil.rmtree(path)


@contextmanager
def running(home: Path, port: int = 0) -> Iterator[subprocess.Popen[str]]:
    """`alur run` in a home, ended by SIGTERM if it still runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ALUR_", "PG"))}
    environment |= {"ALUR_HOME": str(home), "ALUR_PORT": str(port)}
    command = [sys.executable, "-m", "app.cli", "run"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT, "env": environment}
    with subprocess.Popen(command, **options) as process:  # noqa: S603 - this very Python
        try:
            yield process
        finally:
            process.terminate()


def ended(process: subprocess.Popen[str], home: Path) -> str:
    """End it with SIGTERM and see that nothing of its database is left running; gives its last words."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    with (home / "postgres" / "server.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return said


def written(home: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (home / "demo.env").read_text().splitlines())


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until_it_answers(process: subprocess.Popen[str], port: int) -> None:
    """Knock until the port opens."""
    while True:
        with socket.socket() as knocking:
            if knocking.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        select.select([process.stdout], [], [], 0.01)


def test_run_serves_and_demo_carries_a_cycle_and_a_second_run_keeps_everything(home: Path) -> None:
    port = a_free_port()
    with running(home, port) as process:
        until_it_answers(process, port)
        environment = written(home)
        assert environment["ALUR_URL"] == f"http://127.0.0.1:{port}"
        assert stat.S_IMODE((home / "demo.env").stat().st_mode) == 0o600
        assert {"ALUR_KEY", "ALUR_OFFICIAL_KETUA_TIM_KERJA", "ALUR_OFFICIAL_PEJABAT_LEVEL_I"} <= set(environment)
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(3)]
        assert environment["ALUR_URL"] in lines[0]
        assert str(home / "demo.env") in lines[1]
        assert environment["ALUR_KEY"] not in "".join(lines)
        instance = _carried(home)
        ended(process, home)

    with running(home) as process:
        assert process.stdout
        process.stdout.readline()
        again = written(home)
        assert again["ALUR_URL"] != environment["ALUR_URL"]
        assert again["ALUR_KEY"] == environment["ALUR_KEY"]
        headers = {"Authorization": f"Bearer {again['ALUR_KEY']}"}
        kept = httpx.get(f"{again['ALUR_URL']}/v1/instances/{instance}", headers=headers)
        assert kept.json()["status"] == "completed"
        sops = httpx.get(f"{again['ALUR_URL']}/v1/definitions/kalbar-lakip/versions", headers=headers)
        assert len(sops.json()["items"]) == 1
        ended(process, home)


def _carried(home: Path) -> str:
    """Run the demonstration; gives the id of the instance it carried to the archive."""
    environment = {**os.environ, "ALUR_HOME": str(home)}
    demo = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.count("step.completed") == 11
    assert demo.stdout.count("step.returned") == 1
    assert "instance.completed" in demo.stdout
    assert demo.stdout.rstrip().splitlines()[-1].startswith("Selesai ")
    (instance,) = re.findall(r"/v1/instances/([0-9a-f-]{36})", demo.stdout.splitlines()[0])
    return str(instance)


def test_demo_starts_a_server_of_its_own_where_none_runs_and_ends_it(home: Path) -> None:
    _carried(home)
    with (home / "postgres" / "server.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
