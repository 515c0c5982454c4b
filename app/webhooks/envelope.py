"""A message as it goes out: a structured CloudEvents 1.0 JSON, the same for webhooks and the feed.

Bytes are made once and signed as they are. The body stays under 20 kB: `data` is small from the start, and personal
words, which only some receivers are granted, are cut to what room is left.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.webhooks.telling import Row, told_at

CONTENT_TYPE = "application/cloudevents+json"

LARGEST = 20_000
"""Bytes that a body never exceeds."""

_PERSONAL = {"name": "actor_name", "reason": "reason", "note": "note"}
"""What is told of the personal words of an event, and how the trail calls it."""


def event(
    row: Row, *, previous: UUID | None = None, public_url: str = "", personal: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A message as a CloudEvent, from a row with the columns of `messages` and the key of its `agency`.

    `previous` is the message of the same instance before it that its receiver was sent; `personal` the words that the
    trail keeps apart, for a receiver that was granted them. With a `public_url` links are absolute.
    """
    base = public_url.rstrip("/")
    data = json.loads(row["data"])
    data["link"] = base + data["link"]
    told = {
        "specversion": "1.0",
        "id": str(row["id"]),
        "source": f"/v1/agencies/{row['agency']}",
        "type": row["type"],
        "time": told_at(row["at"]),
        "subject": row["subject"],
        "datacontenttype": "application/json",
        "dataschema": f"{base}/v1/event-types/{row['type']}",
    }
    if row["instance_id"] is not None:
        told |= {"partitionkey": str(row["instance_id"]), "sequence": f"{row['seq']:010}"}
    if previous is not None:
        told["previous"] = str(previous)
    told["data"] = data
    if personal:
        data["personal"] = _fitting(personal, LARGEST - len(_bytes(told)))
    return told


def body(
    row: Row, *, previous: UUID | None = None, public_url: str = "", personal: Mapping[str, Any] | None = None
) -> bytes:
    """The exact bytes of a message, to be signed and sent as they are."""
    return _bytes(event(row, previous=previous, public_url=public_url, personal=personal))


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def _bytes(value: Any) -> bytes:
    return _encode(value).encode()


def _fitting(personal: Mapping[str, Any], room: int) -> dict[str, str | None]:
    """The name, the reason and the note, each null where there is none, and each with a third of the room."""
    frame = len(_bytes({"personal": dict.fromkeys(_PERSONAL, "")}))
    return {name: _within(personal.get(word), (room - frame) // len(_PERSONAL)) for name, word in _PERSONAL.items()}


def _within(text: str | None, most: int) -> str | None:
    """As much of a text as takes so many bytes when it is written."""
    if text is None or len(_bytes(text)) <= most:
        return text
    while text and (size := len(_bytes(f"{text}…"))) > most:
        text = text[: len(text) * most // size]
    return f"{text}…"
