"""Servers replaced one after another under load: nobody who was let in goes unanswered, and nothing is done twice."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from uuid import UUID

import httpx

from app.embedded import Addresses
from tests.app.process import Process
from tests.world import Agency, Json

CALLERS = 8

LONGEST_EXIT = 30.0


class Replaceable:
    """A server that can be replaced by another over the same database. `url` is where the newest answers."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._newest = self._started()
        self.exits: list[float] = []

    @property
    def url(self) -> str:
        return self._newest.url

    def replace(self) -> None:
        """Start the next one, and tell the last one to stop in the midst of its work."""
        last, self._newest = self._newest, self._started()
        told = time.monotonic()
        last.signal(signal.SIGTERM)
        code = last.ended()
        self.exits.append(time.monotonic() - told)
        last.kill()
        assert (code, last.said) == (0, [])

    def close(self) -> None:
        self._newest.kill()

    def _started(self) -> Process:
        process = Process(self._address, {"ALUR_LOG_LEVEL": "warning"})
        assert process.url, process.said
        return process


class Caller:
    """A client that keeps its connection and never rests: it writes one remark after another, and looks in between.

    It stays with a server until no connection comes about, so that nothing was sent; then it turns to the newest.
    """

    def __init__(self, secret: str, server: Replaceable) -> None:
        self._http = httpx.Client(headers={"Authorization": f"Bearer {secret}"}, timeout=60)
        self._server, self._url = server, server.url
        self.instance = ""
        self.written: list[str] = []
        self.answers: Counter[str] = Counter()

    def work(self, definition: str, over: threading.Event) -> None:
        with self._http:
            self.instance = self._asked("POST", "/v1/instances", 201, {"definition": definition}).json()["id"]
            here = f"/v1/instances/{self.instance}"
            for number in count():
                if over.is_set():
                    return
                remark = {"text": f"catatan {number}"}
                self._asked("POST", f"{here}/comments", 201, remark)
                self.written.append(remark["text"])
                self._asked("GET", here, 200)

    def _asked(self, method: str, path: str, expected: int, body: Json = None) -> httpx.Response:
        while True:
            try:
                answer = self._http.request(method, self._url + path, json=body)
            except httpx.ConnectError:
                assert self._url != self._server.url, "the newest server lets nobody in"
                self._url = self._server.url
                continue
            self.answers[answer.headers.get("connection", "keep-alive")] += 1
            assert answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text}"
            return answer


def test_no_request_fails_while_one_server_after_another_is_replaced(
    office: Agency, addresses: Addresses, times: Callable[[int, int], int], tell: Callable[[object], None]
) -> None:
    rounds, between = times(2, 20), times(100, 500)
    server, over = Replaceable(addresses.application), threading.Event()
    secret = office.secret()
    callers = [Caller(secret, server) for _ in range(CALLERS)]
    try:
        with ThreadPoolExecutor(CALLERS) as threads:
            working = [threads.submit(caller.work, office.definition.key, over) for caller in callers]
            try:
                for _ in range(rounds):
                    _until_answered(callers, between, working)
                    server.replace()
                _until_answered(callers, between, working)
            finally:
                over.set()
        for one in working:
            one.result()
    finally:
        server.close()
    assert max(server.exits) < LONGEST_EXIT
    assert sum(caller.answers["close"] for caller in callers) > 0, "nobody was there when a server stopped"
    for caller in callers:
        noted = office.world.sql(
            "SELECT words::json ->> 'note' AS note FROM audit_personal JOIN audit_events ON id = event_id "
            "WHERE instance_id = $1 AND type = 'instance.commented' ORDER BY seq",
            UUID(caller.instance),
        )
        assert [row["note"] for row in noted] == caller.written
    answers = sum((caller.answers for caller in callers), Counter[str]())
    exits = f"{min(server.exits):.1f}-{max(server.exits):.1f} s"
    tell(f"{rounds} servers replaced, {answers.total()} answers, none failed, exits {exits}")


def _until_answered(callers: list[Caller], more: int, working: list[Future[None]]) -> None:
    """Wait for so many more answers, or for somebody to give up."""
    wanted = more + sum(caller.answers.total() for caller in callers)
    while sum(caller.answers.total() for caller in callers) < wanted and not any(one.done() for one in working):
        time.sleep(0.01)
