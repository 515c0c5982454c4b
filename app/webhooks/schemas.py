"""What is asked of webhook endpoints, deliveries and replays, and what is told of them, as JSON. No secret but once."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from app.moments import Named
from app.webhooks.outcome import head
from app.webhooks.post import Attempt
from app.webhooks.signing import Scheme
from engine.calendar import Words
from engine.definition import Part

Url = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
Words_ = Annotated[tuple[Words, ...], Field(min_length=1, max_length=200)]
Networks = Annotated[tuple[Words, ...], Field(max_length=50)]
Remark = Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^\x00]*$")]
AtOnce = Annotated[int, Field(ge=1, le=100)]
PerMinute = Annotated[int, Field(ge=1, le=100_000)]


class EndpointAsked(Part):
    """Where an agency wants to be told, about what, and how fast; of all SOPs and roles where these are null.

    `types` are types of events, `step.*` or `*`. `agencies` may be left out by a key that serves only one. `personal`
    grants names and notes. `fifo` keeps the order inside an instance. `private_networks` (CIDR) may be reached though
    they are private.
    """

    url: Url
    agencies: Words_ | None = None
    types: Words_
    definitions: Words_ | None = None
    candidate_roles: Words_ | None = None
    description: Remark = ""
    owner: Remark = ""
    signature: Scheme = "v1"
    fifo: bool = False
    personal: bool = False
    private_networks: Networks = ()
    max_in_flight: AtOnce = 4
    per_minute: PerMinute | None = None


class EndpointChange(Part):
    """What is to be otherwise of an endpoint; what is left out stays. Another `url` must be verified anew.

    `status` `disabled` wants a reason. Once enabled again, an endpoint is sent what has been waiting.
    """

    # a factory keeps what only stands for "left out" away from the document
    url: Url = Field(default_factory=str)
    agencies: Words_ = Field(default_factory=tuple)
    types: Words_ = Field(default_factory=tuple)
    definitions: Words_ | None = None
    candidate_roles: Words_ | None = None
    description: Remark = Field(default_factory=str)
    owner: Remark = Field(default_factory=str)
    fifo: bool = Field(default_factory=bool)
    personal: bool = Field(default_factory=bool)
    private_networks: Networks = Field(default_factory=tuple)
    max_in_flight: AtOnce = Field(default_factory=int)
    per_minute: PerMinute | None = None
    status: Literal["enabled", "disabled"] | None = None
    reason: Words | None = None


class RotationAsked(Part):
    """For how long the secrets before go on signing beside the new one."""

    overlap_hours: Annotated[int, Field(ge=0, le=168)] = 24


class ReplayAsked(Part):
    """Which events are to be sent again: those that happened from `since` and before `until` (now, unless told).

    A date is that day in the agency's zone. `only_missing`: what was never delivered. `dry_run` only counts.
    """

    since: Named
    until: Named | None = None
    only_missing: bool = True
    per_minute: PerMinute = 600
    dry_run: bool = False


class EndpointStatus(StrEnum):
    """Whether an endpoint is sent anything."""

    UNVERIFIED = "unverified"
    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryStatus(StrEnum):
    """How far a delivery is. `dead`: every attempt failed."""

    WAITING = "waiting"
    IN_FLIGHT = "in_flight"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


class SecretView(BaseModel):
    """A secret that signs, without what is secret; v1a has a `public_key` (`whpk_`). Some never expire (null)."""

    id: UUID
    signature: Scheme
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None


class EndpointView(BaseModel):
    """A webhook endpoint. `version` counts what people changed; it is the ETag.

    It is sent nothing unless `enabled`; `reason` says why it is disabled. `failing_since` and `rests_until` tell of one
    that does not answer as it should.
    """

    id: UUID
    version: int
    agencies: list[str]
    url: str
    types: list[str]
    definitions: list[str] | None
    candidate_roles: list[str] | None
    description: str
    owner: str
    status: EndpointStatus
    reason: str | None
    fifo: bool
    personal: bool
    private_networks: list[str]
    max_in_flight: int
    per_minute: int | None
    secrets: list[SecretView]
    created_at: datetime
    client: UUID
    verified_at: datetime | None
    failing_since: datetime | None
    rests_until: datetime | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """The view of a row that `queries.ENDPOINTS` selected."""
        return cls.model_validate(_facts(row))


def _facts(row: Any) -> dict[str, Any]:
    facts = {name: row[name] for name in EndpointView.model_fields if name in row}
    return facts | {
        "agencies": sorted(row["agency_keys"]),
        "candidate_roles": row["roles"],
        "client": row["client_id"],
        "secrets": row["secrets"] or [],
    }


class EndpointMade(EndpointView):
    """A new endpoint with what its receiver verifies by: `secret` (told only now), or `public_key` for v1a."""

    secret: str | None
    public_key: str | None

    @classmethod
    def with_secret(cls, row: Any, verifies_with: str) -> Self:
        return cls.model_validate(_facts(row) | _shown(verifies_with))


class Rotated(BaseModel):
    """The new `secret` (told only now), or `public_key` for v1a; and all secrets that sign, the new one first."""

    secret: str | None
    public_key: str | None
    secrets: list[SecretView]

    @classmethod
    def of(cls, row: Any, verifies_with: str) -> Self:
        return cls.model_validate({"secrets": row["secrets"]} | _shown(verifies_with))


def _shown(verifies_with: str) -> dict[str, str | None]:
    is_secret = verifies_with.startswith("whsec_")
    return {"secret": verifies_with if is_secret else None, "public_key": None if is_secret else verifies_with}


class Answered(BaseModel):
    """How a receiver answered, or what it failed at: the status it gave, after how long, and how its answer began."""

    at: datetime
    milliseconds: int
    status_code: int | None
    error: str | None
    head: str | None

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        return cls(
            at=attempt.started_at,
            milliseconds=round(attempt.seconds * 1000),
            status_code=attempt.status,
            error=f"{attempt.failure}: {attempt.said}" if attempt.failure else None,
            head=head(attempt) or None,
        )


class Pinged(BaseModel):
    """What came of a test: `delivered` if the receiver took the event of that id."""

    event: UUID
    delivered: bool
    answer: Answered


class Verified(BaseModel):
    """What came of asking a receiver for its challenge: `verified` if it gave it back; how the endpoint stands now."""

    verified: bool
    status: EndpointStatus
    answer: Answered


class AttemptView(Answered):
    """One attempt of a delivery."""

    number: int


class DeliveryView(BaseModel):
    """What is told, or to be told, to an endpoint: the `event` of that type, which happened `at` that time.

    `previous` is the event of the same instance that was queued before it. `due_at` is when it is attempted next, null
    once it is over; `last` is the latest attempt.
    """

    id: UUID
    endpoint: UUID
    event: UUID
    type: str
    at: datetime
    instance_id: UUID | None
    previous: UUID | None
    position: int
    status: DeliveryStatus
    attempts: int
    queued_at: datetime
    due_at: datetime | None
    ended_at: datetime | None
    last: AttemptView | None

    @classmethod
    def of(cls, row: Any) -> Self:
        """The view of a row that `queries.DELIVERIES` selected."""
        return cls.model_validate({name: row[name] for name in DeliveryView.model_fields})


class DeliveryDetail(DeliveryView):
    """A delivery with every attempt that was made, the latest first."""

    tries: list[AttemptView]

    @classmethod
    def whole(cls, row: Any, tries: list[AttemptView]) -> Self:
        return cls.model_validate({name: row[name] for name in DeliveryView.model_fields} | {"tries": tries})


class ReplayCount(BaseModel):
    """How many events a replay would send."""

    total: int


class ReplayView(BaseModel):
    """A replay and how far it is: `queued` of `total`, at most `per_minute`. It rests while the endpoint does."""

    id: UUID
    endpoint: UUID
    since: datetime
    until: datetime
    only_missing: bool
    per_minute: int
    total: int
    queued: int
    status: Literal["running", "done", "cancelled"]
    created_at: datetime
    moved_at: datetime
    client: UUID

    @classmethod
    def of(cls, row: Any) -> Self:
        """The view of a row of `replays`."""
        facts = {name: row[name] for name in cls.model_fields if name in row}
        return cls(**facts, endpoint=row["endpoint_id"], client=row["client_id"])
