"""The OpenAPI document: clients are generated from it, so it tells the truth about every route."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import PROBLEM
from tests.world import World

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def document(world: World) -> Any:
    anyone = world.client(None)
    first, second = anyone.json("/openapi.json"), anyone.json("/openapi.json")
    assert first == second
    return first


def _operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (method.upper(), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    ]


def test_every_route_documents_its_problems_as_problems(document: Any) -> None:
    for method, path, operation in _operations(document):
        told = operation["responses"]
        if path.startswith("/v1/"):
            assert {"401", "403", "503"} <= set(told), (method, path)
            assert ("404" in told) or "{" not in path, (method, path)
            assert "422" in told, (method, path)
        if "/v1/tasks/" in path and method == "POST":
            assert {"400", "409"} <= set(told), path
        for status, response in told.items():
            if int(status) >= 400:
                assert response["content"] == {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
                assert response["description"]


def test_nothing_of_fastapi_s_own_errors_is_left(document: Any) -> None:
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    assert '"ValidationError' not in text
    assert "Problem" in document["components"]["schemas"]


def test_every_reference_leads_somewhere(document: Any) -> None:
    for part in _references(document):
        found = document
        assert part.startswith("#/")
        for step in part[2:].split("/"):
            found = found[step]


def _references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [found for value in part.values() for found in _references(value)]
    return [found for value in part for found in _references(value)] if isinstance(part, list) else []


def test_every_route_has_a_sentence_and_an_id_of_its_own(document: Any) -> None:
    operations = _operations(document)
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations:
        assert operation["summary"], (method, path)
        assert operation["description"].endswith("."), (method, path)
        assert operation["tags"], (method, path)


def test_every_route_under_v1_asks_for_a_key_and_health_does_not(document: Any) -> None:
    for method, path, operation in _operations(document):
        assert bool(operation.get("security")) == path.startswith("/v1/"), (method, path)
    (scheme,) = document["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


def test_every_post_takes_an_idempotency_key(document: Any) -> None:
    for method, path, operation in _operations(document):
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in names) == (method == "POST"), (method, path)
        if path.startswith("/v1/"):
            assert "Alur-On-Behalf-Of" in names, (method, path)


def test_every_list_takes_limit_cursor_and_format_and_answers_csv(document: Any) -> None:
    lists = [
        (path, operation)
        for method, path, operation in _operations(document)
        if method == "GET" and "Page" in json.dumps(operation["responses"].get("200", {}))
    ]
    assert len(lists) >= 6
    for path, operation in lists:
        names = {parameter["name"] for parameter in operation["parameters"]}
        assert {"limit", "cursor", "format"} <= names, path
        assert "text/csv" in operation["responses"]["200"]["content"], path


def test_a_definition_is_documented_in_the_words_in_which_it_is_given(document: Any) -> None:
    shapes = document["components"]["schemas"]
    assert {"key", "version", "title", "agency", "roles", "activities"} <= set(shapes["DefinitionView"]["properties"])
    assert {"outcome", "kind", "to"} == set(shapes["Route"]["properties"])
    assert "jenis" not in json.dumps(shapes)


def test_what_is_documented_is_what_is_answered(document: Any, world: World) -> None:
    agency = world.an_agency()
    task = agency.opened()
    shapes = document["components"]["schemas"]
    answers = {
        "TaskView": agency.http.json(f"/v1/tasks/{task['id']}"),
        "InstanceDetail": agency.http.json(f"/v1/instances/{task['instance_id']}"),
        "AuditEvent": agency.trail({"id": task["instance_id"]})[0],
        "DefinitionView": agency.http.json(f"/v1/definitions/{agency.definition.key}"),
        "Completed": agency.http.completed(task),
        "CommentView": agency.http.comment({"id": task["instance_id"]}).json(),
        "Problem": agency.http.get("/v1/tasks/x").json(),
    }
    for name, answer in answers.items():
        assert set(answer) <= set(shapes[name]["properties"]), name
        assert set(shapes[name].get("required", [])) <= set(answer), name
    world.close_clients()
