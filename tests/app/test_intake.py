"""A request that says two things is refused, and so is one of another kind; to nobody anything is told."""

from __future__ import annotations

import httpx
import pytest

from app.identity.credentials import new_key
from tests.world import Agency, Json, World, refused

JSON = {"Content-Type": "application/json"}


def mistakes(problem: Json) -> list[str]:
    for mistake in problem["errors"]:
        assert mistake["message_id"] != mistake["message_en"]
    return [mistake["at"] for mistake in problem["errors"]]


# Keys


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ('{"definition": "a", "definition": "b"}', ["definition"]),
        ('{"definition": "a", "definition": "a", "definition": "a"}', ["definition", "definition"]),
        ('{"reference": {"id": "1", "id": "2"}, "x": 1, "x": 2}', ["x", "reference.id"]),
        ('{"data": {"a": [1, {"b": 1, "b": 2}]}}', ["data.a[1].b"]),
        ('{"definition": "a", "d\\u0065finition": "b"}', ["definition"]),
        ('{"\\ud800": 1, "\\ud800": 2}', ["?"]),
        ('{"": 1, "": 2}', [""]),
        ('{"a": ' + "[" * 900 + '{"b": 1, "b": 2}' + "]" * 900 + "}", None),
    ],
)
def test_a_repeated_key_is_a_mistake_that_names_its_place(agency: Agency, body: str, places: list[str] | None) -> None:
    found = mistakes(refused(agency.http.post("/v1/instances", content=body, headers=JSON), 422, "request-invalid"))
    assert found == places or (places is None and len(found) == 1)
    assert agency.http.all("/v1/instances") == []


def test_no_more_repeated_keys_are_told_than_anybody_reads(agency: Agency) -> None:
    body = "{" + ", ".join('"a": 1' for _ in range(10_000)) + "}"
    assert (
        len(mistakes(refused(agency.http.post("/v1/instances", content=body, headers=JSON), 422, "request-invalid")))
        == 101
    )


def test_the_same_key_in_two_places_is_none_repeated(agency: Agency) -> None:
    data = {"a": {"a": [{"a": 1}, {"a": 2}]}, "b": {"a": 3}}
    assert agency.started(data=data)["data"] == data


# Headers and parameters


@pytest.mark.parametrize("name", ["Authorization", "Alur-On-Behalf-Of", "Idempotency-Key", "Content-Type"])
def test_a_header_that_stands_twice_is_a_mistake(agency: Agency, name: str) -> None:
    instance = agency.started()
    headers = {
        "Authorization": agency.http.headers["Authorization"],
        "Alur-On-Behalf-Of": agency.official(),
        "Idempotency-Key": "kunci",
        "Content-Type": "application/json",
    }
    address = f"{agency.world.url}/v1/instances/{instance['id']}/comments"
    twice = [*headers.items(), (name, headers[name])]
    answer = httpx.post(address, headers=twice, content=b'{"text": "a"}')
    assert mistakes(refused(answer, 422, "request-invalid")) == [name]
    assert httpx.post(address, headers=headers, content=b'{"text": "a"}').status_code == 201


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("/v1/tasks?status=open&status=claimed", ["status"]),
        ("/v1/instances?limit=1&q=a&limit=1", ["limit"]),
        ("/v1/tasks/00000000-0000-7000-8000-000000000000?fields=id", ["fields"]),
        ("/v1/definitions/a?q=1", ["q"]),
    ],
)
def test_a_parameter_that_stands_twice_or_is_unknown_is_a_mistake(agency: Agency, path: str, places: list[str]) -> None:
    assert mistakes(refused(agency.http.get(path), 422, "request-invalid")) == places


# Kinds of bodies


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/yaml", "json", None])
def test_a_body_of_another_kind_is_not_read(agency: Agency, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    path = f"/v1/instances/{agency.started()['id']}/comments"
    problem = refused(agency.http.post(path, content=b'{"text": "a"}', headers=headers), 415, "media-type-unsupported")
    assert "application/json" in problem["detail_id"]


def test_without_any_body_it_is_the_fields_that_are_missed(agency: Agency) -> None:
    path = f"/v1/instances/{agency.started()['id']}/comments"
    assert refused(agency.http.post(path), 422, "request-invalid")["errors"]


@pytest.mark.parametrize("body", [b'\xef\xbb\xbf{"text": "a"}', b'{"text": "a"}'])
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_read_however_it_is_announced(agency: Agency, body: bytes, kind: str) -> None:
    path = f"/v1/instances/{agency.started()['id']}/comments"
    assert agency.http.post(path, content=body, headers={"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize("body", ['{"data": {"a": NaN}}', '{"data": {"a": -Infinity}}', '{"text": "a"}'])
def test_what_is_no_json_is_refused(agency: Agency, body: str) -> None:
    content = body.encode("utf-16") if "text" in body else body.encode()
    refused(agency.http.post("/v1/instances", content=content, headers=JSON), 422, "request-invalid")


# Numbers and days


@pytest.mark.parametrize(("number", "status"), [("1", 201), ("1.0", 201), ("1.5", 422), ('"1"', 422), ("true", 422)])
def test_a_whole_number_is_one_however_it_is_written(agency: Agency, number: str, status: int) -> None:
    body = f'{{"definition": "{agency.definition.key}", "period": "2025", "version": {number}}}'
    assert agency.http.post("/v1/instances", content=body, headers=JSON).status_code == status


@pytest.mark.parametrize("day", [0, 1_700_000_000, "1700000000", "2026-01-01T00:00:00", "2026-02-30", "2026-1-1"])
def test_a_day_is_written_as_one(agency: Agency, day: object) -> None:
    reference = {"system": "e-office", "id": "1", "letter_date": day}
    answer = agency.http.start(agency.definition.key, period="2025", reference=reference)
    assert mistakes(refused(answer, 422, "request-invalid")) == ["reference.letter_date"]


@pytest.mark.parametrize("moment", [0, 1_700_000_000, "1700000000", "2026-01-01", "2026-01-01T08:00:00"])
def test_a_moment_is_written_as_one_with_its_zone(agency: Agency, moment: object) -> None:
    task = agency.opened()
    answer = agency.http.complete(task, performed_at=moment, reason="Di atas kertas.")
    assert mistakes(refused(answer, 422, "request-invalid")) == ["performed_at"]
    start_at = {"activity": "susun_konsep", "reason": "Sudah berjalan.", "done": [{"activity": "susun_sk_tim"}]}
    start_at["done"][0]["performed_at"] = moment  # type: ignore[index]
    answer = agency.http.start(agency.definition.key, period="2026", start_at=start_at)
    assert mistakes(refused(answer, 422, "request-invalid")) == ["start_at.done[0].performed_at"]


def test_a_letter_cannot_be_of_a_day_that_is_not(agency: Agency) -> None:
    task = agency.opened()
    output = {"name": "SK", "reference": "1", "letter_date": "2026-13-01"}
    answer = agency.http.complete(task, outputs=[output])
    assert mistakes(refused(answer, 422, "request-invalid")) == ["outputs[0].letter_date"]


@pytest.mark.parametrize("evidence", [{"url": "https://x/" + "a" * 1_500}, {"reference": "a" * 501}])
def test_evidence_is_no_longer_than_what_is_kept_of_it(agency: Agency, evidence: dict[str, str]) -> None:
    task = agency.opened()
    (place,) = (f"evidence[0].{name}" for name in evidence)
    answer = agency.http.complete(task, performed_by=agency.officials()[1], reason="Kertas.", evidence=[evidence])
    assert mistakes(refused(answer, 422, "request-invalid")) == [place]


# Addresses


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PUT"])
def test_another_method_is_refused_with_those_that_are_taken(agency: Agency, method: str) -> None:
    answer = agency.http.request(method, "/v1/tasks")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert (answer.content == b"") == (method == "HEAD")


def test_an_address_means_the_same_however_it_is_written(agency: Agency) -> None:
    task = agency.opened()
    plain = agency.http.json(f"/v1/tasks/{task['id']}")
    assert agency.http.json(f"/v1/%74asks/{task['id']}") == plain
    assert agency.http.json(f"/v1/tasks/{task['id'].upper()}") == plain
    assert agency.http.request("GET", f"/v1/tasks/{task['id']}", content=b'{"a": 1}', headers=JSON).json() == plain


# Nobody


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "/v1/instances", b"{", "application/json"),
        ("POST", "/v1/instances", b'{"a": 1, "a": 2}', "application/json"),
        ("POST", "/v1/instances", b"{}", "text/plain"),
        ("POST", "/v1/definitions", b"{}", "text/plain"),
        ("POST", "/v1/definitions?x=1", b"{}", "application/json"),
        ("GET", "/v1/tasks/x", b"", "application/json"),
        ("GET", "/v1/tasks?status=open&status=open", b"", "application/json"),
        ("GET", "/v1/tasks?colour=blue", b"", "application/json"),
    ],
)
def test_no_mistake_is_told_to_a_key_that_nobody_has(
    world: World, agency: Agency, method: str, path: str, body: bytes, kind: str
) -> None:
    for client, status in ((world.client(new_key()), 401), (agency.http, None)):
        answer = client.request(method, path, content=body, headers={"Content-Type": kind})
        assert answer.status_code == status or (status is None and answer.status_code in (415, 422)), answer.text
