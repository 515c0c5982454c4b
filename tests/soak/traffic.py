"""Officials at work: callers that do one thing after another over HTTP, and write down what they asked and were told.

Most of them send a key with what they ask, and send it again until they know; some do not, and then may never know.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx

from engine.definition import Activity, Route, RouteKind
from tests.soak.history import Attempt, Operation, Outcome
from tests.soak.installation import Server
from tests.world import PROBLEM, Agency, Json

CALLERS = 6
INSTANCES = 8
"""How many cycles the callers keep under way: few, so that they meet."""

GIVING_UP = 120.0
"""Seconds after which a caller stops sending again; what is unknown then stays so, and is held against the server."""

PAUSE = 0.05
"""Seconds before something is sent again."""

NOT_TOLD = "/problems/effect-unknown"
"""The only problem that does not promise that nothing was done."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask of a server, and the event that it asks for."""

    type: str
    subject: str | None
    mark: str
    path: str
    body: Json
    official: str | None = None
    key: str | None = None

    def send(self, http: httpx.Client, url: str) -> tuple[Attempt, httpx.Response | None] | None:
        """What came of it; nothing where no server was there to hear it."""
        headers = {"Alur-On-Behalf-Of": self.official} if self.official else {}
        headers |= {"Idempotency-Key": self.key} if self.key else {}
        sent_at = time.monotonic()
        try:
            answer = http.post(url + self.path, headers=headers, **({} if self.body is None else {"json": self.body}))
        except httpx.ConnectError:
            return None
        except httpx.TransportError as lost:
            return Attempt(sent_at, time.monotonic(), Outcome.UNKNOWN, repr(lost)), None
        outcome = outcome_of(answer)
        told = f"{answer.status_code} {answer.headers.get('location', '')} {answer.text}"
        names = _names(self.type, answer.json()) if outcome is Outcome.OK else frozenset()
        return Attempt(sent_at, time.monotonic(), outcome, told, names), answer

    def operation(self, attempts: Sequence[Attempt]) -> Operation:
        return Operation(self.type, self.subject, self.mark, self.key, tuple(attempts))


def completing(
    task: str, activity: Activity, route: Route, mark: str, *, official: str, key: str | None = None
) -> Request:
    """The request to end a step by one of its routes, as the sheet wants it."""
    forward = route.kind is RouteKind.FORWARD
    body: Json = {"outcome": route.outcome, "note": mark, "reason": "Perlu."}
    if forward:
        body["outputs"] = [{"name": name, "reference": "000.8/1"} for name in activity.expected_outputs]
    type_ = "step.completed" if forward else "step.returned"
    return Request(type_, task, mark, f"/v1/tasks/{task}/complete", body, official, key)


def outcome_of(answer: httpx.Response) -> Outcome:
    """What an answer tells. A 503 that names its reason says that nothing was done, unless it says it does not know."""
    if answer.is_success:
        return Outcome.OK
    if answer.status_code < 500:
        return Outcome.REFUSED
    named = answer.status_code == 503 and answer.headers.get("content-type") == PROBLEM
    return Outcome.NOT_NOW if named and answer.json()["type"] != NOT_TOLD else Outcome.UNKNOWN


def _names(type: str, told: Json) -> frozenset[str]:
    """What an answer says that its event brought about."""
    if type == "instance.started":
        return frozenset({told["id"], *(task["id"] for task in told["open_tasks"])})
    if type in ("step.completed", "step.returned"):
        return frozenset(task["id"] for task in told["opened"])
    if type in ("step.claimed", "step.released"):
        return frozenset({told["held_since"]})
    return frozenset({told["id"]}) if type == "instance.commented" else frozenset()


class Board:
    """What callers know of the instances: each as it was last told, and the steps somebody could undo."""

    def __init__(self) -> None:
        self._views: dict[str, Json] = {}
        self._done: deque[tuple[str, str]] = deque(maxlen=10)
        self._lock = threading.Lock()

    def learn(self, view: Json) -> None:
        with self._lock:
            self._views[view["id"]] = view

    def did(self, task: str, official: str) -> None:
        with self._lock:
            self._done.append((task, official))

    def under_way(self) -> list[Json]:
        with self._lock:
            return [view for view in self._views.values() if view["ended_at"] is None]

    def undoable(self) -> list[tuple[str, str]]:
        with self._lock:
            return list(self._done)


class Traffic:
    """Callers at work while the block lasts. When it ends, all of them know what came of what they asked with a key."""

    def __init__(self, agency: Agency, servers: Sequence[Server], seed: int, callers: int = CALLERS) -> None:
        self.agency, self.servers = agency, servers
        self.operations: list[Operation] = []
        self.faults: list[str] = []
        self.board = Board()
        self.over = threading.Event()
        self._acknowledged = 0
        self._heard = threading.Condition()
        secret = agency.secret()
        self._callers = [_Caller(self, number, secret, f"{seed}/{number}") for number in range(callers)]
        self._working: list[Future[None]] = []

    @contextmanager
    def flowing(self) -> Iterator[Traffic]:
        with ThreadPoolExecutor(len(self._callers)) as threads:
            self._working = [threads.submit(caller.work) for caller in self._callers]
            try:
                yield self
            finally:
                self.over.set()
        for working in self._working:
            working.result()

    def wait_for(self, more: int, within: float = 60) -> None:
        """Wait until so many more requests were acknowledged; fails if that takes longer than some seconds."""
        with self._heard:
            wanted = self._acknowledged + more
            came = self._heard.wait_for(lambda: self._acknowledged >= wanted or self._is_broken(), within)
            assert came, f"{more - (wanted - self._acknowledged)} of {more} acknowledged within {within:g} s"
        assert not self._is_broken(), [working.exception() for working in self._working if working.done()]

    def _is_broken(self) -> bool:
        return any(working.done() for working in self._working)

    def wrote_down(self, operation: Operation) -> None:
        self.operations.append(operation)
        if operation.outcome is Outcome.OK:
            with self._heard:
                self._acknowledged += 1
                self._heard.notify_all()


class _Caller:
    """One client with a mind of its own."""

    def __init__(self, traffic: Traffic, number: int, secret: str, seed: str) -> None:
        self._traffic, self._number, self._secret = traffic, number, secret
        self._random = random.Random(seed)  # noqa: S311 - a test to be repeated, no secret
        self._asked = 0
        self._activities = {one.id: one for one in traffic.agency.definition.activities}

    def work(self) -> None:
        """Ask for one thing after another, until told that it is over."""
        headers = {"Authorization": f"Bearer {self._secret}"}
        with httpx.Client(headers=headers, timeout=30) as self._http:
            while not self._traffic.over.is_set():
                self._carry_out(self._wish())

    def _carry_out(self, request: Request) -> None:
        attempts: list[Attempt] = []
        giving_up = time.monotonic() + GIVING_UP
        answer = None
        while time.monotonic() < giving_up:
            sent = request.send(self._http, self._server().url)
            if sent is not None:
                attempt, answer = sent
                attempts.append(attempt)
                if answer is not None and answer.status_code == 500:
                    self._traffic.faults.append(f"{request.path}: {answer.text}")
                if not _is_worth_repeating(request, attempt):
                    break
            elif self._traffic.over.is_set() and not attempts:
                return
            time.sleep(PAUSE)
        if not attempts:
            return
        if request.key and attempts[-1].outcome is Outcome.OK and self._random.random() < 0.1:
            once_more = request.send(self._http, self._server().url)
            attempts += [once_more[0]] if once_more else []
        if answer is not None:
            self._learn(request, answer)
        self._traffic.wrote_down(request.operation(attempts))

    def _server(self) -> Server:
        return self._random.choice(self._traffic.servers)

    def _learn(self, request: Request, answer: httpx.Response) -> None:
        """Tell the others where an instance stands now."""
        board = self._traffic.board
        if answer.status_code == 409:
            self._look(request)
        if not answer.is_success:
            return
        told = answer.json()
        if request.type in ("step.completed", "step.returned"):
            board.did(told["task"]["id"], told["task"]["performed_by"])
        view = told.get("instance", told)
        if "open_tasks" in view:
            board.learn(view)

    def _look(self, request: Request) -> None:
        """Look up the instances that seem to be under way: somebody else was first."""
        for view in self._traffic.board.under_way():
            if request.subject in (view["id"], *(task["id"] for task in view["open_tasks"])):
                try:
                    now = self._http.get(f"{self._server().url}/v1/instances/{view['id']}")
                except httpx.TransportError:
                    return
                if now.is_success:
                    self._traffic.board.learn(now.json())

    # What to ask for

    def _wish(self) -> Request:
        under_way = self._traffic.board.under_way()
        if len(under_way) < INSTANCES:
            return self._start()
        view = self._random.choice(under_way)
        if view["status"] == "suspended" and self._random.random() < 0.7:
            return self._interrupt(view, "resume", "resumed")
        deeds = {
            self._complete: 45, self._comment: 20, self._claim: 10, self._release: 5, self._undo: 6,
            self._suspend: 5, self._cancel: 3, self._start_another: 3,
        }  # fmt: skip
        (deed,) = self._random.choices(list(deeds), list(deeds.values()))
        return deed(view)

    def _start_another(self, view: Json) -> Request:
        return self._start()

    def _start(self) -> Request:
        mark = self._mark()
        body = {"definition": self._traffic.agency.definition.key, "title": mark}
        return Request("instance.started", None, mark, "/v1/instances", body, None, self._key())

    def _comment(self, view: Json) -> Request:
        mark = self._mark()
        path = f"/v1/instances/{view['id']}/comments"
        return Request("instance.commented", view["id"], mark, path, {"text": mark}, None, self._key())

    def _suspend(self, view: Json) -> Request:
        return self._interrupt(view, "suspend", "suspended")

    def _cancel(self, view: Json) -> Request:
        return self._interrupt(view, "cancel", "cancelled")

    def _interrupt(self, view: Json, deed: str, done: str) -> Request:
        mark = self._mark()
        path = f"/v1/instances/{view['id']}/{deed}"
        return Request(f"instance.{done}", view["id"], mark, path, {"reason": mark}, None, self._key())

    def _complete(self, view: Json) -> Request:
        if not view["open_tasks"]:
            return self._comment(view)
        task, mark = self._random.choice(view["open_tasks"]), self._mark()
        activity = self._activities[task["activity"]]
        likely = [5 if route.kind is RouteKind.FORWARD else 1 for route in activity.routes]
        (route,) = self._random.choices(activity.routes, likely)
        return completing(task["id"], activity, route, mark, official=self._official(task), key=self._key())

    def _claim(self, view: Json) -> Request:
        return self._by_hand(view, "claim", "step.claimed")

    def _release(self, view: Json) -> Request:
        return self._by_hand(view, "unclaim", "step.released")

    def _by_hand(self, view: Json, deed: str, type_: str) -> Request:
        if not view["open_tasks"]:
            return self._comment(view)
        task = self._random.choice(view["open_tasks"])
        official = self._official(task)
        return Request(type_, task["id"], official, f"/v1/tasks/{task['id']}/{deed}", None, official, self._key())

    def _undo(self, view: Json) -> Request:
        undoable = self._traffic.board.undoable()
        if not undoable:
            return self._comment(view)
        (task, official), mark = self._random.choice(undoable), self._mark()
        return Request("step.undone", task, mark, f"/v1/tasks/{task}/undo", {"reason": mark}, official, self._key())

    def _official(self, task: Json) -> str:
        role = self._random.choice(task["candidate_roles"])
        return str(self._random.choice(self._traffic.agency.people[role]))

    def _mark(self) -> str:
        self._asked += 1
        return f"p{self._number}-{self._asked}"

    def _key(self) -> str | None:
        """Three in four send one."""
        return str(UUID(int=self._random.getrandbits(128))) if self._random.random() < 0.75 else None


def _is_worth_repeating(request: Request, attempt: Attempt) -> bool:
    """What had no effect, and with a key also what may have had one."""
    return attempt.outcome is Outcome.NOT_NOW or (attempt.outcome is Outcome.UNKNOWN and request.key is not None)
