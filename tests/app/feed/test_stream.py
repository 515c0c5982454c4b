"""Server-Sent Events: the feed as it grows, from wherever its reader was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest

from app.feed import stream as streaming
from tests.app.feed.outbox import events, ids, told
from tests.world import Agency, Client, Json, World, refused


@contextmanager
def streamed(client: Client, last: str | None = None, **params: Any) -> Iterator[Iterator[Json]]:
    """The events of a stream: their fields by name, and null for a comment."""
    headers = {"Last-Event-ID": last} if last else {}
    with client.stream("GET", "/v1/events/stream", params=params, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield blocks(answer.iter_lines())


def blocks(lines: Iterator[str]) -> Iterator[Json]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line == "" and fields:
            yield fields
            fields = {}
        elif name:
            assert name not in fields, "one line each"
            fields[name] = value.strip()


def test_tells_what_was_and_what_comes(world: World, agency: Agency) -> None:
    client = agency.client("read")
    first = told(world, agency)
    with streamed(client) as stream:
        before = next(stream)
        second = told(world, agency, type="step.returned")
        after = next(stream)
    whole = {one["id"]: one for one in events(agency.http)["items"]}
    assert [json.loads(one["data"]) for one in (before, after)] == [whole[first], whole[second]]
    assert [one["event"] for one in (before, after)] == ["step.completed", "step.returned"]
    assert int(after["id"]) > int(before["id"])


def test_goes_on_after_the_last_event_that_was_seen(world: World, agency: Agency) -> None:
    client = agency.client("read")
    sent = [told(world, agency) for _ in range(5)]
    with streamed(client) as stream:
        seen = list(islice(stream, 2))
    with streamed(client, last=seen[-1]["id"], after="0") as stream:
        rest = list(islice(stream, 3))
    assert [json.loads(one["data"])["id"] for one in (*seen, *rest)] == sent


def test_its_ids_are_the_cursors_of_the_feed(world: World, agency: Agency) -> None:
    sent = [told(world, agency) for _ in range(3)]
    with streamed(agency.client("read")) as stream:
        first = next(stream)
    assert ids(events(agency.http, after=first["id"])["items"]) == sent[1:]


def test_filters_as_the_feed_does(world: World, agency: Agency) -> None:
    with streamed(agency.client("read"), after="now", type="step.undone", definition="sop-lain") as stream:
        told(world, agency, type="step.undone")
        told(world, agency, definition="sop-lain")
        wanted = told(world, agency, type="step.undone", definition="sop-lain")
        assert json.loads(next(stream)["data"])["id"] == wanted


def test_says_in_silence_that_it_still_stands(agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.1)
    with agency.client("read").stream("GET", "/v1/events/stream?after=now") as answer:
        lines = [line for line in islice(answer.iter_lines(), 6) if line]
    assert len(lines) == 3
    assert all(line.startswith(":") for line in lines)


def test_ends_in_order_after_a_while(world: World, agency: Agency, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "LONGEST", 0.2)
    monkeypatch.setattr(streaming, "HEARTBEAT", 0.1)
    sent = told(world, agency)
    whole = agency.client("read").get("/v1/events/stream")
    assert whole.status_code == 200
    assert sent in whole.text


@pytest.mark.parametrize("last", ["x", "-1", "now", "99999999999"])
def test_a_last_event_that_never_was_is_refused(agency: Agency, last: str) -> None:
    refused(agency.http.get("/v1/events/stream", headers={"Last-Event-ID": last}), 422, "request-invalid")
