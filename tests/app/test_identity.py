"""Who may do what: nothing is open to the anonymous, and what belongs to other agencies is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.identity.credentials import hash_of, is_well_formed, new_key
from app.main import create_app
from app.settings import Settings
from tests.app.webhooks.endpoint import happened
from tests.world import Agency, Json, World, completion, refused

METHODS = ("get", "post", "put", "patch", "delete")


def _routes() -> list[tuple[str, str]]:
    """Every operation of the API, as the OpenAPI document has it."""
    document = create_app(Settings(database_url="postgresql+asyncpg://nowhere/none")).openapi()
    return [
        (method.upper(), path)
        for path, operations in document["paths"].items()
        if path.startswith("/v1/")
        for method in METHODS
        if method in operations
    ]


ROUTES = _routes()
WITH_AN_ID = [(method, path) for method, path in ROUTES if "{" in path and "{type}" not in path]
"""Those about something of an agency's; types of events are the same for everybody."""


WHY = {"reason": "Uji", "legal_basis": "Surat Edaran Uji"}
DAYS = (str(date(2040, 1, 4) + timedelta(weeks=number)) for number in count())
"""Wednesdays, each once: a day has one change."""


ADMINISTERED = (
    "/v1/calendars",
    "/v1/holidays",
    "/v1/deadlines",
    "/v1/webhook-endpoints",
    "/v1/deliveries",
    "/v1/event-consumers",
)
VERIFIED = "UPDATE webhook_endpoints SET status = 'enabled', verified_at = now() WHERE id = $1"


@dataclass
class Subject:
    """Something to act on, and a good request for each route."""

    agency: Agency
    task: Json

    def path(self, path: str) -> str:
        path = path.replace("/v1/definitions/{key}", f"/v1/definitions/{self.agency.definition.key}")
        path = path.replace("{agency}", self.agency.key).replace("{type}", "step.completed")
        path = path.replace("/v1/instances/{id}", f"/v1/instances/{self.task['instance_id']}")
        path = path.replace("/v1/tasks/{id}", f"/v1/tasks/{self.task['id']}").replace("{n}", "1")
        for kind in ("holidays", "deadlines", "webhook-endpoints", "event-consumers"):
            if f"/v1/{kind}/{{id}}" in path:
                path = path.replace("{id}", self.administered(kind))
        if "/v1/deliveries/{id}" in path:
            path = path.replace("{id}", self.told())
        if path.startswith("/v1/webhook-endpoints") and "{replay}" in path:
            path = path.replace("{replay}", self.replayed(path.split("/")[3]))
        if "/performance" in path:
            path += "?period=2025"
        assert "{" not in path, f"this test does not know {path}"
        return path

    def administered(self, kind: str) -> str:
        """The id of a day off, a deadline, a webhook endpoint or a consumer of the agency's own."""
        answer = self.agency.client().post(f"/v1/{kind}", json=self.body("POST", f"/v1/{kind}"))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def told(self) -> str:
        """The id of a delivery to an endpoint of the agency's own."""
        endpoint = self.administered("webhook-endpoints")
        self.agency.world.sql(VERIFIED, UUID(endpoint))
        happened(self.agency, 1)
        deliveries = self.agency.client().json(f"/v1/webhook-endpoints/{endpoint}/deliveries")
        return str(deliveries["items"][0]["id"])

    def replayed(self, endpoint: str) -> str:
        """The id of a replay to an endpoint."""
        self.agency.world.sql(VERIFIED, UUID(endpoint))
        asked = self.agency.client().post(f"/v1/webhook-endpoints/{endpoint}/replays", json={"since": "2026-01-01"})
        assert asked.status_code == 201, asked.text
        return str(asked.json()["id"])

    def body(self, method: str, path: str) -> Json:
        """A body that would be accepted; null where none is taken."""
        if method in ("GET", "DELETE") or path.endswith(("/claim", "/unclaim", "/verify", "/test", "/resend")):
            return None
        if "/replays/" in path:
            return None
        return {
            "/v1/definitions": self.agency.definition.model_dump(mode="json"),
            "/v1/instances": {"definition": self.agency.definition.key, "period": "2031"},
            "/v1/instances/{id}/cancel": {"reason": "Uji"},
            "/v1/instances/{id}/suspend": {"reason": "Uji"},
            "/v1/instances/{id}/resume": {"reason": "Uji"},
            "/v1/instances/{id}/comments": {"text": "Uji"},
            "/v1/instances/{id}/answers": {"party": "bappeda"},
            "/v1/tasks/{id}/complete": completion(self.task),
            "/v1/tasks/{id}/undo": {"reason": "Uji"},
            "/v1/tasks/{id}/pause": {"reason": "Uji"},
            "/v1/tasks/{id}/resume": {"reason": "Uji"},
            "/v1/calendars/{agency}": WHY,
            "/v1/holidays": WHY | {"agency": self.agency.key, "kind": "add", "date": next(DAYS), "name": "Hari Uji"},
            "/v1/holidays/{id}/withdraw": WHY,
            "/v1/deadlines": WHY
            | {"definition": self.agency.definition.key, "rule": {"kind": "after_period", "months": 2}},
            "/v1/deadlines/{id}/withdraw": WHY,
            "/v1/tasks/{id}/deliveries": {"from": "bappeda"},
            "/v1/event-consumers": {"name": f"Pembaca {next(DAYS)}", "agencies": [self.agency.key]},
            "/v1/event-consumers/{id}": {"types": ["step.*"]},
            "/v1/event-consumers/{id}/ack": {"cursor": "0", "rewind": True},
            "/v1/webhook-endpoints": {"url": "http://127.0.0.1:9/", "types": ["*"], "agencies": [self.agency.key]},
            "/v1/webhook-endpoints/{id}": {"description": "Uji"},
            "/v1/webhook-endpoints/{id}/rotate-secret": {"overlap_hours": 1},
            "/v1/webhook-endpoints/{id}/replays": {"since": "2026-01-01", "dry_run": True},
        }[path]

    def ask(self, key: str | None, method: str, path: str, official: str | None = None) -> httpx.Response:
        headers = {"If-Match": "*"} | ({"Alur-On-Behalf-Of": official} if official else {})
        body = self.body(method, path)
        return self.agency.world.client(key).request(
            method, self.path(path), headers=headers, **({} if body is None else {"json": body})
        )


@pytest.fixture(scope="module")
def subject(world: World) -> Iterator[Subject]:
    agency = world.an_agency()
    yield Subject(agency, agency.opened())
    world.close_clients()


def test_the_document_lists_the_routes_that_are_asked_here() -> None:
    assert ("POST", "/v1/tasks/{id}/complete") in ROUTES
    assert ("GET", "/v1/instances/{id}/audit") in ROUTES
    assert len(ROUTES) >= 19


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_gets_in_without_a_valid_key(subject: Subject, method: str, path: str) -> None:
    wrong = new_key()
    for key in (None, "", "rahasia", wrong, wrong[:-1], f"{wrong}x"):
        answer = subject.ask(key, method, path, subject.agency.official())
        refused(answer, 401, "identity-missing")
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), WITH_AN_ID)
def test_what_belongs_to_another_agency_is_not_there(
    subject: Subject, an_agency: Callable[..., Agency], method: str, path: str
) -> None:
    stranger = an_agency()
    refused(subject.ask(stranger.secret(), method, path, stranger.official()), 404, "not-found")


@pytest.mark.parametrize(("method", "path"), WITH_AN_ID)
def test_to_its_own_agency_the_same_is_there(world: World, method: str, path: str) -> None:
    agency = world.an_agency()
    task = agency.opened()
    answer = Subject(agency, task).ask(agency.secret(), method, path, agency.official())
    assert answer.status_code in (200, 201, 204, 409) or "source-unknown" in answer.text, answer.text


@pytest.mark.parametrize("path", ["/v1/definitions", "/v1/instances", "/v1/tasks"])
def test_lists_show_nothing_of_another_agency(subject: Subject, an_agency: Callable[..., Agency], path: str) -> None:
    stranger = an_agency()
    stranger.started()
    for params in ({}, {"agency": f"{subject.agency.key},{stranger.key}"}):
        told = stranger.http.all(path, **params)
        assert {one["agency"] for one in told} == {stranger.key}
    assert stranger.http.all(path, agency=subject.agency.key) == []


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_every_route_wants_its_scope(subject: Subject, method: str, path: str) -> None:
    special = {
        "/v1/definitions": "publish",
        "/v1/instances": "start",
        "/v1/instances/{id}/answers": "answer",
        "/v1/event-consumers/{id}/ack": "read",
    }
    administered = path.startswith(ADMINISTERED)
    wanted = "read" if method == "GET" else special.get(path, "admin" if administered else "act")
    others = {"read", "start", "act", "answer", "record", "publish", "admin"} - {wanted}
    answer = subject.ask(subject.agency.secret(*others), method, path, subject.agency.official())
    assert wanted in refused(answer, 403, "scope-missing")["detail_en"]


@pytest.mark.parametrize("path", ["/v1/instances", "/v1/tasks", "/v1/instances/{id}/cancel", "/v1/tasks/{id}/complete"])
def test_a_key_acts_only_for_the_officials_in_its_list(
    subject: Subject, an_agency: Callable[..., Agency], path: str
) -> None:
    agency = subject.agency
    mine, other, *_ = agency.officials()
    key = agency.secret(officials=mine)
    method = "GET" if path == "/v1/tasks" else "POST"
    for official in (other, an_agency().official(), str(agency.id)):
        refused(subject.ask(key, method, path, official), 403, "official-not-allowed")


@pytest.mark.parametrize("deed", ["claim", "unclaim", "complete"])
def test_a_deed_on_a_task_must_name_the_official(subject: Subject, deed: str) -> None:
    answer = subject.ask(subject.agency.secret(), "POST", f"/v1/tasks/{{id}}/{deed}")
    refused(answer, 400, "on-behalf-of-missing")


def test_an_official_is_named_by_an_id(subject: Subject) -> None:
    answer = subject.ask(subject.agency.secret(), "POST", "/v1/tasks/{id}/claim", "Bernadeta")
    (mistake,) = refused(answer, 422, "request-invalid")["errors"]
    assert mistake["at"] == "Alur-On-Behalf-Of"


def test_the_inbox_of_me_needs_to_know_who_that_is(agency: Agency) -> None:
    (mistake,) = refused(agency.http.get("/v1/tasks?for=me"), 422, "request-invalid")["errors"]
    assert mistake["at"] == "for"


@pytest.mark.parametrize("column", ["revoked_at", "expires_at"])
def test_a_revoked_or_expired_key_opens_nothing_any_more(agency: Agency, world: World, column: str) -> None:
    task, secret = agency.opened(), agency.secret()
    http = world.client(secret)
    assert http.get("/v1/tasks").status_code == 200
    world.sql(f"UPDATE api_keys SET {column} = now() WHERE secret_hash = $1", hash_of(secret))  # noqa: S608 - above
    refused(http.get("/v1/tasks"), 401, "identity-missing")
    refused(http.complete(task), 401, "identity-missing")
    refused(http.start(agency.definition.key, period="2026"), 401, "identity-missing")


def test_a_key_that_expires_later_still_opens(agency: Agency, world: World) -> None:
    secret = agency.secret()
    world.sql("UPDATE api_keys SET expires_at = now() + interval '1 hour' WHERE secret_hash = $1", hash_of(secret))
    assert world.client(secret).get("/v1/tasks").status_code == 200


@pytest.mark.parametrize("scheme", ["Basic {}", "bearer  {}", "{}", "Token {}"])
def test_only_a_bearer_key_is_taken(agency: Agency, world: World, scheme: str) -> None:
    answer = world.client(None).get("/v1/tasks", headers={"Authorization": scheme.format(agency.secret())})
    assert answer.status_code == (200 if scheme.startswith("bearer") else 401)


def test_a_key_is_never_kept_only_its_hash(agency: Agency, world: World) -> None:
    secret = agency.secret()
    assert is_well_formed(secret)
    assert world.one("SELECT count(*) FROM api_keys WHERE secret_hash = $1", hash_of(secret)) == 1
    agency.world.client(secret).start(agency.definition.key, period="2025")
    tables = [row[0] for row in world.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    assert "api_keys" in tables
    for table in tables:
        stored: Any = world.sql(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE $1', f"%{secret[5:40]}%")  # noqa: S608
        assert stored[0][0] == 0, table


def test_a_key_with_a_wrong_checksum_is_refused_without_asking_the_database() -> None:
    key = new_key()
    assert is_well_formed(key)
    assert not any(is_well_formed(wrong) for wrong in (key[:-1], key + "0", "x" + key, key.swapcase(), "alur_"))


def test_keys_differ() -> None:
    assert len({new_key() for _ in range(100)}) == 100


def test_health_is_open_to_all_and_tells_nothing_else(world: World) -> None:
    anyone = world.client(None)
    assert anyone.get("/healthz").json() == {"status": "alive"}
    assert anyone.get("/readyz").json()["status"] == "ready"
    assert anyone.get("/openapi.json").status_code == 200
