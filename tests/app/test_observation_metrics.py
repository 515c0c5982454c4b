"""The numbers at /metrics: right, bounded, and there even when the database is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.observation import watch
from app.settings import Settings
from tests.world import Agency, World, asked, served, within

Labels = frozenset[tuple[str, str]]


@pytest.fixture
def lonely(a_world: Callable[[], World]) -> World:
    """A world whose numbers nobody else changes."""
    return a_world()


@pytest.fixture
def office(lonely: World) -> Iterator[Agency]:
    yield lonely.an_agency()
    lonely.close_clients()


def scraped(url: str) -> dict[str, dict[Labels, float]]:
    """The samples that a server tells, by name and labels."""
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    samples: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(answer.text):
        for sample in family.samples:
            assert samples.setdefault(sample.name, {}).setdefault(frozenset(sample.labels.items()), sample.value) == (
                sample.value
            ), "told twice"
    return samples


def value(url: str, name: str, **labels: str) -> float | None:
    return scraped(url).get(name, {}).get(frozenset(labels.items()))


def test_requests_are_counted_by_route_method_and_status(office: Agency, lonely: World) -> None:
    tasks = {"route": "/v1/tasks/{id}", "method": "GET"}
    task = office.opened()
    for _ in range(3):
        office.http.get(f"/v1/tasks/{task['id']}")
    office.http.get(f"/v1/tasks/{office.id}")
    told = scraped(lonely.url)
    requests = told["alur_http_requests_total"]
    assert requests[frozenset({**tasks, "status": "200"}.items())] == 3
    assert requests[frozenset({**tasks, "status": "404"}.items())] == 1
    started = {"route": "/v1/instances", "method": "POST", "status": "201"}
    assert requests[frozenset(started.items())] == 1
    durations = told["alur_http_request_duration_seconds_count"]
    assert durations[frozenset(tasks.items())] == 4
    counted = {(dict(labels)["route"], dict(labels)["method"]) for labels in durations}
    assert counted == {(dict(labels)["route"], dict(labels)["method"]) for labels in requests}


def test_a_client_cannot_invent_labels(office: Agency, lonely: World) -> None:
    before = {name: len(samples) for name, samples in scraped(lonely.url).items()}
    anyone = lonely.client(None)
    for number in range(20):
        anyone.get(f"/tidak-ada/{number}")
        anyone.get(f"/v1/tidak-ada/{number}")
        office.http.get(f"/v1/tidak-ada/{number}")
        office.http.get(f"/v1/tasks/{number}")
        anyone.get(f"/problems/{number}")
    for method in ("PROPFIND", "LOCK", "TRACE", "MKCOL", "SUBSCRIBE"):
        anyone.request(method, "/healthz")
    told = scraped(lonely.url)
    labels = [dict(one) for one in told["alur_http_requests_total"]]
    assert {one["route"] for one in labels} <= {
        "unrouted", "/v1/tasks/{id}", "/problems/{slug}", "/healthz", "/metrics",
    }  # fmt: skip
    assert {one["method"] for one in labels} == {"GET", "other"}
    assert (
        told["alur_http_requests_total"][frozenset({"route": "unrouted", "method": "GET", "status": "404"}.items())]
        == 40
    )
    grown = {name: len(samples) - before.get(name, 0) for name, samples in told.items()}
    assert grown["alur_http_requests_total"] <= 7


def test_refusals_are_counted_by_problem_type(office: Agency, lonely: World) -> None:
    task = office.opened()
    for _ in range(2):
        office.http.complete(task, outputs=[])
    lonely.client(None).get("/v1/tasks")
    assert scraped(lonely.url)["alur_refusals_total"] == {
        frozenset({("reason", "output-missing")}): 2,
        frozenset({("reason", "identity-missing")}): 1,
    }


def test_tasks_and_instances_are_counted_over_all_agencies(lonely: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "FRESH", 0)
    one, two = lonely.an_agency(), lonely.an_agency()
    one.http.claim(one.opened("2001"))
    one.http.interrupt(one.started("2002"), "suspend")
    one.http.interrupt(one.started("2003"), "cancel")
    two.to_the_end("2004")
    two.started("2005")
    told = scraped(lonely.url)
    for table, name in (("tasks", "alur_tasks"), ("instances", "alur_instances")):
        rows = lonely.sql(f"SELECT status, count(*) FROM {table} GROUP BY status")  # noqa: S608 - two names of our own
        live = {status: count for status, count in rows if status in ("open", "claimed", "running", "suspended")}
        assert told[name] == {frozenset({("status", status)}): count for status, count in live.items()}
    lonely.close_clients()


def test_late_tasks_are_counted_by_the_clock_of_the_database(
    office: Agency, lonely: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FRESH", 0)
    office.http.claim(office.opened("2001"))
    office.started("2002")
    assert value(lonely.url, "alur_tasks_overdue", status="claimed") == 0
    late = "UPDATE tasks SET due_at = now() - interval '1 day'"
    lonely.sql(f"{late}, stopped_at = now() - interval '2 days' WHERE status = 'open' RETURNING 1")
    lonely.sql(f"{late} WHERE status = 'claimed' RETURNING 1")
    assert value(lonely.url, "alur_tasks_overdue", status="claimed") == 1
    assert value(lonely.url, "alur_tasks_overdue", status="open") == 0, "its clock was stopped in time"


def test_the_census_is_not_taken_at_every_scrape(
    office: Agency, lonely: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FRESH", 3_600)
    before = value(lonely.url, "alur_instances", status="running")
    office.started()
    assert value(lonely.url, "alur_instances", status="running") == before
    monkeypatch.setattr(watch, "FRESH", 0)
    assert value(lonely.url, "alur_instances", status="running") == 1


def test_nobody_is_named(office: Agency, lonely: World) -> None:
    task = office.opened()
    office.http.completed(task)
    text = httpx.get(f"{lonely.url}/metrics").text
    named = [office.key, str(office.id), office.definition.key, task["id"], *office.officials(), *office.names.values()]
    assert not [name for name in named if name in text]


def test_the_server_tells_its_version_its_connections_and_its_limits(lonely: World) -> None:
    told = scraped(lonely.url)
    assert [dict(labels)["version"] for labels in told["alur_build_info"]] == [version("alur")]
    nothing: Labels = frozenset()
    assert told["alur_database_up"][nothing] == 1
    assert told["alur_http_requests_in_flight"][nothing] == 0
    assert told["alur_http_requests_in_flight_limit"][nothing] == Settings().in_flight_limit
    assert told["alur_pool_connections_limit"][nothing] == Settings().pool_size
    assert 0 <= told["alur_pool_connections_in_use"][nothing] <= Settings().pool_size
    assert told["process_resident_memory_bytes"][nothing] > 0


def test_two_servers_of_one_process_count_apart(lonely: World) -> None:
    with served(Settings(database_url=lonely.addresses.application, port=0)) as other:
        httpx.get(f"{other}/healthz")
        probed = {"route": "/healthz", "method": "GET", "status": "200"}
        assert value(other, "alur_http_requests_total", **probed) == 1
        assert value(lonely.url, "alur_http_requests_total", **probed) is None


@contextmanager
def closed(world: World) -> Iterator[None]:
    """The database lets nobody in while the block lasts, and throws everybody out."""
    name = world.one("SELECT current_database()")
    beside = within(world.addresses, "postgres").superuser
    world.run(asked(beside, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
    world.run(asked(beside, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name))
    try:
        yield
    finally:
        world.run(asked(beside, f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"))


def test_the_scrape_answers_when_the_database_is_gone_and_says_so(
    office: Agency, lonely: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FRESH", 3_600)
    office.started()
    assert value(lonely.url, "alur_instances", status="running") == 1
    with closed(lonely):
        told = scraped(lonely.url)
        assert told["alur_database_up"][frozenset()] == 0
        assert not {"alur_tasks", "alur_tasks_overdue", "alur_instances"} & set(told)
        assert told["alur_http_requests_total"]
    assert value(lonely.url, "alur_database_up") == 1


def test_tables_that_cannot_be_counted_do_not_spoil_the_scrape(lonely: World) -> None:
    lonely.sql("ALTER TABLE tasks RENAME TO duties; SELECT 1")
    told = scraped(lonely.url)
    assert told["alur_database_up"][frozenset()] == 1
    assert not {"alur_tasks", "alur_tasks_overdue", "alur_instances"} & set(told)


def test_the_numbers_are_documented(world: World) -> None:
    document = httpx.get(f"{world.url}/openapi.json").json()
    assert "text/plain" in document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]
