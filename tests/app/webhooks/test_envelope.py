"""Messages as they go out: an independent reader understands them, and their bytes are the same each time."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat

from app.webhooks import envelope
from app.webhooks.event_types import CloudEvent
from tests.app.webhooks.outsiders import INSTANCE, everything

PREVIOUS = UUID("018f0000-0000-7000-8000-00000000000f")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """The rows of messages as the database gives them."""
    return [
        one
        | {
            "id": UUID(one["id"]),
            "at": datetime.fromisoformat(one["at"]),
            "agency": "dinas-uji",
            "instance_id": INSTANCE,
            "subject": str(INSTANCE),
        }
        for one in everything().messages
    ]


def read(body: bytes) -> Any:
    """What the SDK of CloudEvents reads."""
    return from_http(HTTPMessage({"content-type": envelope.CONTENT_TYPE}, body), JSONFormat())


def test_an_independent_reader_reads_every_type(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        event = read(envelope.body(row, previous=PREVIOUS))
        assert (event.get_id(), event.get_type(), event.get_time()) == (str(row["id"]), row["type"], row["at"])
        assert (event.get_source(), event.get_subject()) == ("/v1/agencies/dinas-uji", str(INSTANCE))
        assert event.get_datacontenttype() == "application/json"
        assert event.get_dataschema() == f"/v1/event-types/{row['type']}"
        assert event.get_extension("partitionkey") == str(INSTANCE)
        assert event.get_extension("previous") == str(PREVIOUS)
        assert event.get_data() == json.loads(row["data"])


def test_the_bytes_are_the_same_twice_and_hold_the_stored_data_to_the_byte(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        body = envelope.body(row, previous=PREVIOUS)
        assert body == envelope.body(row, previous=PREVIOUS)
        assert row["data"].encode() in body
        assert CloudEvent.model_validate_json(body).id == row["id"]


def test_sequences_sort_as_text(rows: list[dict[str, Any]]) -> None:
    first, later = (envelope.event(rows[0] | {"seq": seq})["sequence"] for seq in (9, 10))
    assert first < later
    assert int(later) == 10


def test_what_is_about_no_instance_has_no_sequence(rows: list[dict[str, Any]]) -> None:
    told = envelope.event(rows[0] | {"instance_id": None, "seq": None})
    assert not {"sequence", "partitionkey", "previous"} & set(told)


def test_links_are_absolute_where_the_address_is_known(rows: list[dict[str, Any]]) -> None:
    for known in ("https://alur.example.go.id", "https://alur.example.go.id/"):
        told = envelope.event(rows[0], public_url=known)
        assert told["data"]["link"] == f"https://alur.example.go.id/v1/instances/{INSTANCE}"
        assert told["dataschema"] == "https://alur.example.go.id/v1/event-types/instance.started"
        assert told["source"] == "/v1/agencies/dinas-uji"


def test_personal_words_are_told_only_where_they_were_granted(rows: list[dict[str, Any]]) -> None:
    words = {"actor_name": "Sumiati", "note": "Rahasia", "input": {"nip": "198001012005011001"}}
    assert b"Sumiati" not in envelope.body(rows[0])
    told = envelope.event(rows[0], personal=words)["data"]
    assert told["personal"] == {"name": "Sumiati", "reason": None, "note": "Rahasia"}
    assert b"198001012005011001" not in envelope.body(rows[0], personal=words)
    bare = {name: value for name, value in told.items() if name != "personal"}
    assert bare == envelope.event(rows[0])["data"]


@pytest.mark.parametrize("letter", ["a", "“", "𒐫", "\u0001"])
def test_long_personal_words_are_cut_and_short_ones_are_not(rows: list[dict[str, Any]], letter: str) -> None:
    note = letter * 4_000
    personal = {"actor_name": "Sumiati", "reason": note, "note": note}
    body = envelope.body(rows[0], personal=personal)
    assert len(body) < 20_000
    told = json.loads(body)["data"]["personal"]
    assert told["name"] == "Sumiati"
    assert told["note"] == note or (told["note"].endswith("…") and len(told["note"]) > 700)
    assert (told["note"] == note) == (letter == "a")
