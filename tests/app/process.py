"""`alur serve` or `alur work` as a process of its own: where it listens, what it logs, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from app.migrate import ROOT
from tests.world import Json

PATIENCE = 60
"""Seconds for anything to happen on a busy machine."""


class Process:
    """A server or a worker that has been told to start."""

    def __init__(self, address: str, environment: dict[str, str], *command: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ALUR_", "PG", "OTEL_"))}
        self._process = subprocess.Popen(  # noqa: S603  our own command, named by a test
            [sys.executable, "-m", *(command or ("app.cli", "serve"))],
            cwd=ROOT,
            env=kept | {"ALUR_DATABASE_URL": address, "ALUR_PORT": "0"} | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.said: list[str] = []
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen, name="what the server logs")
        self._listener.start()
        assert self._process.stdout
        announced = self._process.stdout.readline()
        self.url = announced.split()[-1] if announced else ""

    def _listen(self) -> None:
        """Take down what it logs, until it ends: a server that nobody listens to would stand still."""
        assert self._process.stderr
        with self._process.stderr:
            for line in self._process.stderr:
                with self._heard:
                    self.said.append(line)
                    self._heard.notify_all()

    def entries(self) -> list[Json]:
        """What it has logged so far, as JSON."""
        return [json.loads(line) for line in self.said]

    def line(self, fits: Callable[[str], bool]) -> str:
        """The first line that fits, waited for."""
        with self._heard:
            came = self._heard.wait_for(lambda: any(map(fits, self.said)), PATIENCE)
            assert came, self.said
        return next(filter(fits, self.said))

    def entry(self, fits: Callable[[Json], bool]) -> Json:
        """The first entry that fits, waited for."""
        return json.loads(self.line(lambda line: fits(json.loads(line))))

    def request(self, request_id: str) -> Json:
        """The one line of a request."""
        return self.entry(lambda entry: entry["logger"] == "alur.request" and entry["request_id"] == request_id)

    def signal(self, which: signal.Signals) -> None:
        self._process.send_signal(which)

    def ended(self) -> int:
        """Wait for its end, and for its last words; gives the exit code."""
        code = self._process.wait(PATIENCE)
        self._listener.join()
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout
        self._process.stdout.close()


@contextmanager
def process(address: str, **environment: str) -> Iterator[Process]:
    """A server that answers, while the block lasts."""
    started = Process(address, environment)
    try:
        assert started.url, started.said
        yield started
    finally:
        started.kill()
