"""The catalogue of events: every type in both languages with its JSON Schema, over REST and in the OpenAPI document."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

from app.webhooks.catalogue import TYPES
from app.webhooks.event_types import KINDS, schema_of
from tests.app.webhooks.outsiders import everything
from tests.world import Agency, World, refused


def test_every_type_has_a_meaning_in_both_languages() -> None:
    assert sorted(KINDS) == sorted(TYPES)
    for kind in KINDS.values():
        assert kind.description_id.endswith(".")
        assert kind.description_en.endswith(".")
        assert kind.description_id != kind.description_en


@pytest.mark.parametrize("type_", TYPES)
def test_every_schema_is_one_and_refuses_what_it_does_not_describe(type_: str) -> None:
    schema = schema_of(type_)
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.validator_for(schema)
    assert not validator.is_valid({})
    for one in everything().messages:
        if one["type"] == type_:
            data = json.loads(one["data"])
            assert validator.is_valid(data)
            assert not validator.is_valid(data | {"nip": "198001012005011001"})


def test_the_catalogue_is_read_with_scope_read_alone(agency: Agency) -> None:
    reader = agency.client("read")
    items = reader.all("/v1/event-types", limit=10)
    assert [one["type"] for one in items] == sorted(TYPES)
    for one in items:
        assert one == reader.json(f"/v1/event-types/{one['type']}")
        assert one["data_schema"] == schema_of(one["type"])
    refused(agency.world.client(None).get("/v1/event-types"), 401, "identity-missing")
    refused(reader.get("/v1/event-types/step.invented"), 404, "not-found")


def test_the_catalogue_opens_in_a_spreadsheet(agency: Agency) -> None:
    answer = agency.http.get("/v1/event-types", params={"format": "csv"})
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["type"] for row in rows] == sorted(TYPES)


@pytest.fixture(scope="module")
def document(world: World) -> Iterator[Any]:
    yield world.client(None).json("/openapi.json")
    world.close_clients()


def test_the_openapi_document_tells_every_type_a_receiver_is_sent(document: Any) -> None:
    assert sorted(document["webhooks"]) == sorted(TYPES)
    shapes = document["components"]["schemas"]
    for type_, told in document["webhooks"].items():
        operation = told["post"]
        assert KINDS[type_].description_id in operation["description"]
        (content,) = operation["requestBody"]["content"].items()
        assert content[0] == "application/cloudevents+json"
        shape = shapes[content[1]["schema"]["$ref"].rsplit("/", 1)[-1]]
        assert shape["properties"]["type"]["const"] == type_
        assert {"204", "410", "429", "default"} == set(operation["responses"])
        assert "422" not in operation["responses"]


def test_what_was_documented_before_keeps_its_name(document: Any) -> None:
    mine = {name for name in document["components"]["schemas"] if "event_types" in name}
    assert mine == set()
    assert {"Party", "Obligation", "Activity"} <= set(document["components"]["schemas"])
