"""What can be said of the container without building it: what goes in, how it is asked for its health, who it is."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch

import pytest

from app.migrate import ROOT
from tests.test_cli import a_free_port
from tests.world import World

DOCKERFILE = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} +(.+?) *$", DOCKERFILE, re.MULTILINE)


def locked(name: str) -> dict[str, tuple[str, set[str]]]:
    """Each distribution of a lock with its version and hashes."""
    lines = re.findall(r"^([a-z0-9-]+)==(\S+)(.+)$", (ROOT / name).read_text().replace("\\\n", " "), re.MULTILINE)
    return {name: (version, set(re.findall(r"--hash=sha256:(\S+)", rest))) for name, version, rest in lines}


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in requirements}


def test_the_container_s_lock_is_the_other_without_what_only_developers_need() -> None:
    everything, running = locked("requirements.lock"), locked("requirements-run.lock")
    assert all(hashes for _, hashes in running.values())
    assert {name: everything.get(name) for name in running} == running
    extras = PROJECT["optional-dependencies"]
    wanted = named(PROJECT["dependencies"]) | named(extras["telemetry"])
    assert wanted <= set(running)
    assert named(extras["dev"]) - wanted - {"alur"} <= set(everything) - set(running)


def test_the_image_is_made_of_what_is_sent_and_all_that_is_sent_is_used() -> None:
    copied = {source for line in instructions("COPY") if "--from" not in line for source in line.split()[:-1]}
    sent = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    assert IGNORED[0] == "*"
    assert copied == sent
    assert all((ROOT / source).exists() for source in copied)
    assert not any(fnmatch(name, pattern) for name in (".git", ".alur", "tests", ".venv") for pattern in sent)


def test_the_base_image_has_no_host_and_both_stages_the_same() -> None:
    assert instructions("ARG") == ["BASE=python:3.13-slim"]
    assert [line.split()[0] for line in instructions("FROM")] == ["${BASE}", "${BASE}"]


def test_it_runs_as_a_number_that_is_not_root_and_tells_its_version() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    assert f"--uid {user.split(':')[0]} " in DOCKERFILE
    assert f'image.version="{PROJECT["version"]}"' in DOCKERFILE


HEALTHCHECK = json.loads(re.findall(r"^HEALTHCHECK .*CMD (\[.+\])", DOCKERFILE, re.MULTILINE)[0])


def health(port: int) -> int:
    """What the container's own question ends with; a proxy of the house is none of its business."""
    proxies = {"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"}
    asking = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, *HEALTHCHECK[1:]],
        env={**os.environ, **proxies, "ALUR_PORT": str(port)},
        stderr=subprocess.DEVNULL,
    )
    return asking.returncode


def test_a_server_that_answers_is_healthy(world: World) -> None:
    assert HEALTHCHECK[0] == "python3"
    assert health(int(world.url.rsplit(":", 1)[1])) == 0


def test_a_closed_port_is_not_healthy() -> None:
    assert health(a_free_port()) == 1


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_server_that_answers_otherwise_is_not_healthy(status: int) -> None:
    with answering(status) as port:
        assert health(port) == 1


def test_a_server_that_keeps_silent_is_not_healthy() -> None:
    with answering(None) as port:
        assert health(port) == 1


@contextmanager
def answering(status: int | None) -> Iterator[int]:
    """A server that answers everything with one status, or takes the question and says nothing."""
    over = threading.Event()

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if status is None:
                over.wait()
            else:
                self.send_response(status)
                self.end_headers()

        def log_message(self, *told: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_address[1]
        finally:
            over.set()
            server.shutdown()
            serving.join()
