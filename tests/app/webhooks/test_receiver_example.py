"""The receiver in the documentation, run as a reader would run it: verified, told of a step, and tried by curl."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.migrate import ROOT
from tests.app.webhooks.endpoint import PATH
from tests.app.webhooks.outbox import delivering
from tests.world import World

PATIENCE = 30
VECTOR = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Example:
    """docs/receiver.py as a process, and what it prints."""

    def __init__(self, secret: str, port: int) -> None:
        self.port = port
        self._process = subprocess.Popen(  # noqa: S603  our own example
            [sys.executable, ROOT / "docs" / "receiver.py"],
            env={"PATH": os.environ["PATH"], "ALUR_WEBHOOK_SECRET": secret, "PORT": str(port)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.said: list[str] = []
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        for _ in range(PATIENCE * 50):
            with socket.socket() as probe:
                probe.settimeout(0.02)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            threading.Event().wait(0.02)

    def _listen(self) -> None:
        assert self._process.stdout
        with self._process.stdout:
            for line in self._process.stdout:
                with self._heard:
                    self.said.append(line.strip())
                    self._heard.notify_all()

    def heard(self, fits: Callable[[str], bool]) -> bool:
        """Whether it says such a line in good time."""
        with self._heard:
            return self._heard.wait_for(lambda: any(map(fits, self.said)), PATIENCE)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()


@contextmanager
def example(secret: str, port: int) -> Iterator[Example]:
    running = Example(secret, port)
    try:
        yield running
    finally:
        running.end()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def world(a_world: Callable[[], World]) -> Iterator[World]:
    made = a_world()
    yield made
    made.close_clients()


def test_it_has_fifteen_lines() -> None:
    lines = (ROOT / "docs" / "receiver.py").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.lstrip().startswith(("import", "from", "class"))]
    assert len(code) <= 15


def test_it_proves_its_address_and_is_told_of_a_step(world: World, port: int) -> None:
    agency = world.an_agency()
    asked = {"url": f"http://127.0.0.1:{port}/", "types": ["step.completed"]}
    endpoint = agency.http.post(PATH, json=asked).json()
    with example(endpoint["secret"], port) as receiver:
        verified = agency.http.post(f"{PATH}/{endpoint['id']}/verify")
        assert verified.status_code == 200, verified.text
        assert agency.http.json(f"{PATH}/{endpoint['id']}")["status"] == "enabled"
        agency.http.completed(agency.opened())

        async def until_told() -> bool:
            async with delivering(world.database):
                return await asyncio.to_thread(receiver.heard, lambda line: "selesai" in line.lower())

        assert world.run(until_told()), receiver.said


@pytest.mark.skipif(not all(map(shutil.which, ("sh", "curl", "openssl", "od"))), reason="curl and openssl are not here")
def test_the_curl_in_the_documentation_is_taken_and_a_forged_one_is_not(port: int) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    (curl,) = (block for block in blocks if "curl" in block)
    with example(VECTOR, port) as receiver:
        given = {"PATH": os.environ["PATH"], "PORT": str(port)}
        for script, status in ((curl, "200"), (curl.replace("SECRET=M", "SECRET=N"), "401")):
            done = subprocess.run(["sh", "-ec", script], env=given, capture_output=True, text=True, check=True)  # noqa: S603, S607
            assert status in done.stdout.splitlines()[0]
        assert receiver.said == ["msg_1 Langkah 1 selesai.", "msg_1 refused"]
