"""Messages as they are told to whoever fetches them: the very bytes that webhooks carry."""

from __future__ import annotations

from typing import Any

from app.feed.queries import Found
from app.webhooks import envelope


def text_of(row: Any, public_url: str) -> str:
    """One message as JSON on one line."""
    return envelope.body(row, previous=row["previous"], public_url=public_url).decode()


def page_of(found: Found, public_url: str) -> str:
    """A page as JSON, and where to go on."""
    items = ",".join(text_of(row, public_url) for row in found.rows)
    return f'{{"items":[{items}],"next":"{found.place}"}}'
