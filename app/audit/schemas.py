"""An audit event as it is given out: every field of the contract, personal words joined in where they still exist."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class AuditEvent(BaseModel):
    """One thing that happened. `from` and `to` are nodes of the flow.

    `hash` is SHA-256 over the text `canonical`; `personal` in it is SHA-256 over `salt` (hex) and the text `words`.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_alias=True, validate_by_name=True)

    id: UUID
    instance_id: UUID
    seq: int
    type: str
    at: datetime
    definition: str
    version: int
    activity: str | None = None
    task_id: UUID | None = None
    round: int | None = None
    unit: str | None = None
    scope: str | None = None
    outcome: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    performed_at: datetime | None = None
    actor: UUID | None = None
    actor_name: str | None = None
    role: str | None = None
    client: UUID | None = None
    capacity: str | None = None
    acting_for: UUID | None = None
    mandate: UUID | None = None
    position: str | None = None
    recorded_by: UUID | None = None
    assignee: UUID | None = None
    reason: str | None = None
    note: str | None = None
    outputs: list[dict[str, Any]] = []
    evidence: list[dict[str, Any]] = []
    data: dict[str, Any] = {}
    hash: str
    prev_hash: str
    canonical: str
    personal: str | None = None
    words: str | None = None
    salt: str | None = None

    @classmethod
    def of(cls, canonical: str, digest: str, words: str | None, salt: bytes | None) -> Self:
        """The view of a stored event and of the personal words kept apart from it."""
        facts = json.loads(canonical)
        personal = json.loads(words) if words else {}
        shown = {name: personal[name] for name in ("actor_name", "reason", "note") if name in personal}
        shown |= {"words": words, "salt": salt.hex() if salt else None}
        return cls.model_validate(facts | shown | {"hash": digest, "canonical": canonical})
