"""A world to act in: a database on the test server, Alur served over it, and agencies with people and keys."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from ipaddress import ip_network
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
from sqlalchemy import insert, make_url

from app.clock import new_id, now
from app.database import Database
from app.definitions.publish import publish
from app.definitions.shipped import FOLDER
from app.embedded import Addresses
from app.identity.callers import SCOPES
from app.identity.issue import issue_key
from app.instances.verify import Proof, verify
from app.main import create_app
from app.serve import Server, bound, url_of
from app.settings import Settings
from app.tables import agencies, holders, officials, positions, role_bindings, units
from app.webhooks.egress import Egress, named_networks
from app.webhooks.outside import Outside
from engine.definition import NodeKind, ProcessDefinition
from engine.places import Places
from engine.reader import read_yaml

Json = Any
Done = TypeVar("Done")

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PROBLEM = "application/problem+json"

SECRET_KEY = "mKk5H5pCAU2hWQm1hIYl9rsmDmFXfwJ3KAVoVZ8dRwo="  # noqa: S105  seals nothing but what tests make up
"""What the secrets of webhooks are sealed with here."""

_numbers = count(1)


@cache
def kalbar_lakip() -> ProcessDefinition:
    """The shipped SOP."""
    file = FOLDER / "kalbar-lakip.yaml"
    return read_yaml(file.read_bytes(), file.name)


async def _here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


HERE = Outside(
    lambda networks: Egress(
        allowed=(*named_networks(networks), ip_network("127.0.0.0/8")),
        plain=True,
        ports=range(1, 65_536),
        never=(),
        resolve=_here,
    ),
    ssl.create_default_context(),
)
"""A way out for webhooks that reaches receivers on this machine, whatever they are called, and nothing else."""


@contextmanager
def served(settings: Settings, outside: Outside = HERE) -> Iterator[str]:
    """Serve Alur over real HTTP in a thread, on a free port, and give its address."""
    listener, answers = bound(settings), threading.Event()
    server = Server(create_app(settings, outside), settings, listener, answers.set)
    thread = threading.Thread(target=server.run, name="alur")
    thread.start()
    try:
        assert answers.wait(30), "the server did not start"
        yield url_of(listener)
    finally:
        server.stop()
        thread.join()


class Faults(logging.Handler):
    """Keeps what the server logs as an error: a test that provokes a 500 fails, whatever else it looked at."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    def taken(self) -> list[str]:
        """What was logged since the last time."""
        told = [logging.Formatter().format(record) for record in self.records]
        self.records.clear()
        return told


@dataclass
class World:
    """One database with Alur served over it. `run` carries out what is asynchronous, on a loop of its own."""

    addresses: Addresses
    url: str
    runner: asyncio.Runner
    clients: list[Client] = field(default_factory=list)

    @cached_property
    def database(self) -> Database:
        return Database(self.addresses.application)

    def run(self, deed: Coroutine[Any, Any, Done]) -> Done:
        return self.runner.run(deed)

    def sql(self, query: str, *values: Any, role: str = "superuser") -> list[Any]:
        """Run one statement, or a script without values, as a role: superuser, owner or application."""
        return self.run(asked(getattr(self.addresses, role), query, *values))

    def one(self, query: str, *values: Any) -> Any:
        """The only value of the only row."""
        (row,) = self.sql(query, *values)
        return row[0]

    def proof(self) -> Proof:
        return self.run(verify(self.database))

    def findings(self, instance: Json) -> list[str]:
        """What `alur verify` says about one instance."""
        proof = self.run(verify(self.database, UUID(instance["id"])))
        return [found.what for found in proof.findings]

    def an_agency(self, definition: ProcessDefinition | None = None, **given: Any) -> Agency:
        """An agency of its own with an SOP of its own (kalbar-lakip unless told), its people, and nothing started.

        `bidang` are the keys of its units of that kind.
        """
        key = f"dinas-{next(_numbers)}"
        own = (definition or kalbar_lakip()).model_copy(update={"key": f"sop-{key}", "agency": key})
        return self.run(self._made(key, own, **given))

    def client(self, key: str | None, official: UUID | str | None = None) -> Client:
        """An HTTP client for a key, closed at the end of the test."""
        client = Client(self.url, key, official)
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        while self.clients:
            self.clients.pop().close()

    async def _made(
        self, key: str, definition: ProcessDefinition, timezone: str = "Asia/Jakarta", bidang: Iterable[str] = ()
    ) -> Agency:
        """A position for each role, in the secretariat, or one in every bidang for what each of them does itself.

        Two officials hold the first role, one each other position.
        """
        agency = Agency(self, key, new_id(), definition, {}, {})
        async with self.database.transaction() as connection:

            async def add(table: Any, **values: Any) -> UUID:
                made: UUID = values.pop("id", None) or new_id()
                await connection.execute(insert(table).values(id=made, **values))
                return made

            await add(agencies, id=agency.id, key=key, name=key.title(), timezone=timezone, created_at=now())
            unit = await add(units, agency_id=agency.id, key="sekretariat", kind="sekretariat", name="Sekretariat")
            parts = {
                one: await add(units, agency_id=agency.id, key=one, kind="bidang", name=f"Bidang {one}")
                for one in bidang
            }
            own = _roles_of_units(definition) if parts else frozenset()
            for index, role in enumerate(definition.roles):
                for part, unit_id in parts.items() if role.id in own else [(None, unit)]:
                    title = " ".join(filter(None, ("Jabatan", role.id, part)))
                    position = await add(positions, agency_id=agency.id, unit_id=unit_id, title=title)
                    await add(role_bindings, agency_id=agency.id, role=role.id, position_id=position)
                    for which in range(1 if index or part else 2):
                        name = " ".join(filter(None, ("Pejabat", role.id, part, str(which + 1))))
                        official = await add(officials, agency_id=agency.id, name=name)
                        whose = {"agency_id": agency.id, "position_id": position, "official_id": official}
                        await add(holders, **whose, valid_from=LONG_AGO)
                        agency.people.setdefault(role.id, []).append(official)
                        agency.names[official] = name
                        if part:
                            agency.of_units[role.id, part] = official
            await publish(connection, definition, agency.id, client=None, now=now(), new_id=new_id)
        return agency


def _roles_of_units(definition: ProcessDefinition) -> frozenset[str]:
    """The roles that do something once for every unit."""
    places = Places(definition)
    inside = {node.id for node in definition.nodes if node.kind is NodeKind.EACH_UNIT}
    done_by = (
        activity.candidate_roles
        for activity in definition.activities
        if any(place.inside in inside for place in places.around(places.of[activity.id]))
    )
    return frozenset(role for roles in done_by for role in roles)


async def asked(address: str, query: str, *values: Any) -> list[Any]:
    connection = await asyncpg.connect(address.replace("+asyncpg", ""))
    try:
        if values:
            return list(await connection.fetch(query, *values))
        if ";" in query:
            await connection.execute(query)
            return []
        return list(await connection.fetch(query))
    finally:
        await connection.close()


def within(addresses: Addresses, database: str) -> Addresses:
    """The same server and roles, another database."""
    moved = {
        role: make_url(getattr(addresses, role)).set(database=database).render_as_string(hide_password=False)
        for role in ("application", "owner", "superuser")
    }
    return Addresses(**moved)


@dataclass
class Agency:
    """An agency with its SOP. `people` are its officials by role, `of_units` by role and unit, `names` theirs."""

    world: World
    key: str
    id: UUID
    definition: ProcessDefinition
    people: dict[str, list[UUID]]
    names: dict[UUID, str]
    of_units: dict[tuple[str, str], UUID] = field(default_factory=dict)

    @cached_property
    def http(self) -> Client:
        """A client with every scope that may act for every official of the agency."""
        return self.client()

    def official(self, role: str | None = None) -> str:
        """Somebody who holds a role, the first of the sheet unless told."""
        return str(self.people[role or self.definition.roles[0].id][0])

    def official_of(self, role: str, unit: str) -> str:
        """Who holds a role in a unit."""
        return str(self.of_units[role, unit])

    def officials(self) -> list[str]:
        return [str(one) for holding in self.people.values() for one in holding]

    def secret(self, *scopes: str, officials: str = "all", also: Iterable[Agency] = ()) -> str:
        """A new API key, with every scope unless told."""
        return self.world.run(self._issued(scopes or SCOPES, officials, [self.key, *(other.key for other in also)]))

    async def _issued(self, scopes: Iterable[str], officials: str, served: list[str]) -> str:
        async with self.world.database.transaction() as connection:
            return await issue_key(
                connection, "uji", scopes=list(scopes), agencies=served, officials=officials, at=now()
            )

    def client(self, *scopes: str, official: str | None = None, **given: Any) -> Client:
        return self.world.client(self.secret(*scopes, **given), official)

    def started(self, period: str | None = "2025", **given: Any) -> Json:
        """A cycle that was just started."""
        answer = self.http.start(self.definition.key, period=period, **given)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def waiting(self, instance: Json) -> Json:
        """The one task that waits, whole."""
        (task,) = self.http.json(f"/v1/instances/{instance['id']}/tasks?status=open,claimed")["items"]
        return task

    def opened(self, period: str | None = "2025") -> Json:
        """The first task of a cycle that was just started."""
        return self.waiting(self.started(period))

    def until(self, activity: str, period: str | None = "2025") -> Json:
        """The task of an activity, reached by the forward outcomes."""
        task = self.opened(period)
        while task["activity"] != activity:
            task = self.http.completed(task)["opened"][0]
        return task

    def to_the_end(self, period: str | None = "2025") -> Json:
        """A finished cycle."""
        waiting = [self.opened(period)]
        while waiting:
            done = self.http.completed(waiting[0])
            waiting = done["opened"]
        return done["instance"]

    def trail(self, instance: Json) -> list[Json]:
        return self.http.all(f"/v1/instances/{instance['id']}/audit")


class Client(httpx.Client):
    """An HTTP client that sends a key, and the official it acts for unless a request names another."""

    def __init__(self, url: str, key: str | None, official: UUID | str | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        if official:
            headers["Alur-On-Behalf-Of"] = str(official)
        super().__init__(base_url=url, headers=headers, timeout=30)
        self.key = key

    def json(self, path: str, **given: Any) -> Json:
        """What a GET answers, which must be a success."""
        answer = self.get(path, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def all(self, path: str, **params: Any) -> list[Json]:
        """The items of all pages."""
        page = self.json(path, params=params)
        items = list(page["items"])
        while page["next"]:
            page = self.json(path, params={**params, "cursor": page["next"]})
            items += page["items"]
        return items

    def start(self, definition: str, *, key: str | None = None, by: str | None = None, **given: Any) -> httpx.Response:
        return self.deed("/v1/instances", {"definition": definition} | given, key=key, by=by)

    def complete(
        self, task: Json, outcome: str | None = None, *, by: str | None = None, key: str | None = None, **given: Any
    ) -> httpx.Response:
        """Complete a task as the sheet wants it, as its first candidate: outputs it prints, a reason for a return."""
        body = completion(task, outcome) | given
        by = by or task["candidates"][0]["official"]
        return self.deed(f"/v1/tasks/{task['id']}/complete", body, by=by, key=key)

    def completed(self, task: Json, outcome: str | None = None, **given: Any) -> Json:
        """What completing led to; it must succeed."""
        answer = self.complete(task, outcome, **given)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def claim(self, task: Json, *, by: str | None = None, key: str | None = None) -> httpx.Response:
        return self.deed(f"/v1/tasks/{task['id']}/claim", None, by=by or task["candidates"][0]["official"], key=key)

    def unclaim(self, task: Json, *, by: str, key: str | None = None) -> httpx.Response:
        return self.deed(f"/v1/tasks/{task['id']}/unclaim", None, by=by, key=key)

    def undo(
        self, task: Json, *, by: str | None = None, key: str | None = None, reason: str = "Salah tekan."
    ) -> httpx.Response:
        """Take a completion back, as who did it unless told."""
        return self.deed(f"/v1/tasks/{task['id']}/undo", {"reason": reason}, by=by or task["performed_by"], key=key)

    def deliver(self, task: Json, source: str, *, by: str, key: str | None = None, **given: Any) -> httpx.Response:
        return self.deed(f"/v1/tasks/{task['id']}/deliveries", {"from": source} | given, by=by, key=key)

    def answer(
        self, instance: Json, party: str, *, by: str | None = None, key: str | None = None, **given: Any
    ) -> httpx.Response:
        return self.deed(f"/v1/instances/{instance['id']}/answers", {"party": party} | given, by=by, key=key)

    def interrupt(self, instance: Json, deed: str, reason: str = "Perlu", **given: Any) -> httpx.Response:
        return self.deed(f"/v1/instances/{instance['id']}/{deed}", {"reason": reason}, **given)

    def comment(self, instance: Json, text: str = "Catatan", **given: Any) -> httpx.Response:
        return self.deed(f"/v1/instances/{instance['id']}/comments", {"text": text}, **given)

    def deed(self, path: str, body: Json, *, by: str | None = None, key: str | None = None) -> httpx.Response:
        """POST a body on behalf of an official, under an Idempotency-Key."""
        headers = {"Alur-On-Behalf-Of": by} if by else {}
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.post(path, headers=headers, **({} if body is None else {"json": body}))


def completion(task: Json, outcome: str | None = None) -> Json:
    """What the sheet wants to be told at the end of a task; its forward outcome unless another is named."""
    routes: list[Json] = task["outcomes"]
    route = next(one for one in routes if (one["outcome"] == outcome if outcome else one["kind"] == "forward"))
    if route["kind"] == "return":
        return {"outcome": route["outcome"], "reason": "Angka belum cocok dengan data bidang."}
    outputs = [{"name": name, "reference": f"000.8/{task['number']}"} for name in task["expected_outputs"]]
    missing = [one["from"] for one in task["awaits"] if one["delivered_at"] is None]
    reason = {"reason": f"Tanpa {', '.join(missing)}"} if missing else {}
    return {"outcome": route["outcome"], "outputs": outputs} | reason


def refused(answer: httpx.Response, status: int, slug: str) -> Json:
    """Assert that an answer is this problem, whole and in both languages; gives it."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    problem: Mapping[str, Any] = answer.json()
    assert (problem["type"], problem["status"]) == (f"/problems/{slug}", status), answer.text
    for name in ("title", "detail", "detail_id", "detail_en"):
        assert problem[name], f"{name} is missing: {answer.text}"
    assert problem["detail_id"] != problem["detail_en"]
    return problem
