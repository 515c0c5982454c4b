"""The API keeps to its OpenAPI document, whoever asks whatever: generated requests, none answered with anything untold.

The long form is in tests/soak.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis

from tests.contract import DRAWN, ENDLESS, Insider, Stranger, attacked, insider_of
from tests.world import Agency, World, refused


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What is drawn at random follows from it; printed, so that it can be given again."""
    given = request.config.getoption("--chaos-seed")
    chosen = random.randrange(2**32) if given is None else int(given)  # noqa: S311  a run to be repeated, no secret
    print(f"--chaos-seed={chosen}")
    return chosen


@pytest.fixture
def insider(an_agency: Callable[..., Agency], seed: int) -> Insider:
    return insider_of(an_agency, seed)


@pytest.fixture(scope="module")
def document(world: World) -> Any:
    return world.client(None).json("/openapi.json")


def operations(document: Any, *methods: str) -> dict[str, Any]:
    """The operations under /v1 with these methods, by their ids."""
    return {
        operation["operationId"]: operation
        for path, told in document["paths"].items()
        for method, operation in told.items()
        if path.startswith("/v1/") and method in methods
    }


# The document


def test_the_document_is_openapi(document: Any) -> None:
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"].startswith("3.1")


def test_every_operation_tells_how_its_request_may_be_wrong(document: Any) -> None:
    for name, operation in operations(document, "get", "post").items():
        told, takes = set(operation["responses"]), "requestBody" in operation
        assert {"401", "403", "422", "503"} <= told, name
        assert ({"413", "415"} <= told) == takes, name
        official = next(one for one in operation["parameters"] if one["name"] == "Alur-On-Behalf-Of")
        assert official["required"] == ("400" in told), name


def test_every_header_that_answers_carry_is_told(document: Any) -> None:
    for name, operation in operations(document, "get", "post").items():
        for status, answer in operation["responses"].items():
            assert "Request-Id" in answer["headers"], (name, status)
            assert ("Location" in answer["headers"]) == (status == "201"), (name, status)
            assert ("WWW-Authenticate" in answer["headers"]) == (status == "401"), (name, status)
            assert ("Retry-After" in answer["headers"]) == (status == "503"), (name, status)


def test_every_object_is_a_shape_with_a_name(document: Any) -> None:
    for name, part in (document["components"]["schemas"] | document["paths"]).items():
        assert [one for one in _parts(part) if "properties" in one and one is not part] == [], name


def _parts(told: Any) -> Iterator[Any]:
    if isinstance(told, dict):
        yield told
    for one in told.values() if isinstance(told, dict) else told if isinstance(told, list) else ():
        yield from _parts(one)


def test_every_example_is_a_sound_request(document: Any, agency: Agency) -> None:
    """Each is about something that is not there, and so it is refused for that alone."""
    given = 0
    for path, told in document["paths"].items():
        body = told.get("post", {}).get("requestBody", {"content": {}})["content"]
        shape = document["components"]["schemas"][_shape(body)] if body else {}
        for example in shape.get("examples", ()):
            answer = agency.http.deed(path.format(id=agency.id), example, by=agency.official())
            assert answer.status_code == 404, answer.text
            given += 1
    assert given >= 10


def _shape(body: Any) -> str:
    return str(body["application/json"]["schema"]["$ref"].rpartition("/")[2])


def test_the_sop_that_is_given_as_an_example_is_sound_but_for_its_agency(document: Any, agency: Agency) -> None:
    example = document["paths"]["/v1/definitions"]["post"]["requestBody"]["content"]["application/yaml"]["example"]
    yaml = {"Content-Type": "application/yaml"}
    path = "/v1/definitions?validate_only=true"
    problem = refused(agency.http.post(path, content=example, headers=yaml), 422, "definition-invalid")
    assert [one["at"] for one in problem["errors"]] == ["agency"]
    own = example.replace("dinas-contoh", agency.key)
    assert agency.http.post(path, content=own, headers=yaml).json() == {"valid": True}


def test_a_csv_names_its_columns_also_where_there_is_no_row(agency: Agency, document: Any) -> None:
    started = agency.started()
    for path, shape in (
        ("/v1/definitions", "DefinitionView"),
        ("/v1/instances", "InstanceView"),
        ("/v1/tasks", "TaskView"),
        (f"/v1/instances/{started['id']}/audit", "AuditEvent"),
    ):
        nothing = {"type": "nothing"} if "audit" in path else {"agency": "nowhere"}
        full, empty = (agency.http.get(path, params=some | {"format": "csv"}).text for some in ({}, nothing))
        assert empty.splitlines() == full.splitlines()[:1]
        assert set(empty.strip().split(",")) == set(document["components"]["schemas"][shape]["properties"])


# Generated requests


def test_every_answer_to_a_key_that_may_do_everything_is_documented(world: World, insider: Insider, seed: int) -> None:
    told = attacked(world.url, insider.http.key, insider, seed=seed, examples=4, skipped=["publish_definition"])
    assert not told.failures, told.report
    assert told.cases > 2_000
    assert told.done == told.operations, "not all could be carried out"


def test_a_key_that_may_only_read_does_nothing(world: World, insider: Insider, seed: int, document: Any) -> None:
    key = insider.agency.secret("read", also=[insider.collecting, insider.asking])
    told = attacked(world.url, key, insider, seed=seed, examples=3, phases=DRAWN, modes="positive")
    assert not told.failures, told.report
    assert told.done >= set(operations(document, "get")) - {*ENDLESS}
    assert told.done & set(operations(document, "post")) <= {"acknowledge_events"}, "who reads says how far"


def test_a_key_that_may_only_act_starts_and_reads_nothing(
    world: World, insider: Insider, seed: int, document: Any
) -> None:
    key = insider.agency.secret("act", also=[insider.collecting, insider.asking])
    told = attacked(world.url, key, insider, seed=seed, examples=3, phases=DRAWN, modes="positive")
    assert not told.failures, told.report
    assert {"complete_task", "cancel_instance"} <= told.done
    forbidden = {*operations(document, "get"), "start_instance", "answer_for_party", "publish_definition"}
    assert told.done & forbidden == set()


def test_a_key_of_another_agency_meets_nothing(
    world: World, an_agency: Callable[..., Agency], insider: Insider, seed: int
) -> None:
    stranger = Stranger.of(an_agency(), insider)
    key = stranger.own.secret()
    told = attacked(world.url, key, stranger, seed=seed, examples=3, phases=DRAWN, modes="positive")
    assert not told.failures, told.report
    assert stranger.met == []
    assert told.answers["read_task", 404] > 0
    assert told.answers["complete_task", 404] > 0
