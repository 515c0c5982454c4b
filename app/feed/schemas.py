"""What is asked of the feed and its consumers, and what is told of them, as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.feed.queries import Wanted
from app.identity.callers import Caller
from app.paging import LARGEST_PAGE, split
from app.webhooks.catalogue import TYPES, patterns, unknown
from engine.calendar import Words

CURSOR = r"(0|[1-9][0-9]{0,17})"

PATTERNS = sorted({pattern for type_ in TYPES for pattern in patterns(type_)})


def _known(type_: str) -> str:
    if unknown([type_]):
        told = {
            "message_id": f"“{type_}” bukan jenis peristiwa; lihat GET /v1/event-types.",
            "message_en": f"“{type_}” is no type of event; see GET /v1/event-types.",
            "expected": "step.completed, step.*, *",
        }
        raise PydanticCustomError("event_type_unknown", told["message_en"], told)
    return type_


def _all_known(types: str) -> str:
    for one in split(types) or ():
        _known(one)
    return types


Cursor = Annotated[str, Field(pattern=rf"^{CURSOR}$", description="`next` of an answer, or the id of a message sent.")]
EventType = Annotated[str, Field(json_schema_extra={"enum": PATTERNS}), AfterValidator(_known)]
_Word = Annotated[str, Field(pattern=r"^[^\x00]*$")]


class Filters(BaseModel):
    """Which part of the feed is asked for, and from where. Without `after` from the oldest message kept."""

    model_config = ConfigDict(extra="forbid")

    after: Annotated[str, Field(pattern=rf"^(now|{CURSOR})$")] | None = Field(
        default=None, description="`next` of the answer before, or `now` for what is still to come."
    )
    type: Annotated[_Word, AfterValidator(_all_known)] | None = Field(
        default=None, description="Types of events, comma-separated, such as step.completed or instance.*."
    )
    definition: _Word | None = Field(default=None, description="Keys of SOPs, comma-separated.")
    agency: _Word | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    candidate_role: _Word | None = Field(
        default=None, description="Roles that take part in a step or for whom one opened, comma-separated."
    )

    def wanted(self, caller: Caller) -> Wanted:
        """The filters, within what the caller may see."""
        named = split(self.agency)
        ids = caller.agencies.values() if named is None else filter(None, map(caller.agency, named))
        return Wanted(
            agencies=tuple(ids),
            types=tuple(split(self.type) or ("*",)),
            definitions=_each(split(self.definition)),
            roles=_each(split(self.candidate_role)),
        )


_Limit = Annotated[
    int,
    Field(ge=1, description="Messages at most; more than 200 gives 200."),
    AfterValidator(lambda wanted: min(wanted, LARGEST_PAGE)),
]
_Wait = Annotated[int, Field(ge=0, le=60, description="Seconds to wait where nothing is there yet.")]


class FeedAsked(Filters):
    """One page of the feed."""

    limit: _Limit = 100
    wait: _Wait = 0


class NextAsked(BaseModel):
    """One page for a consumer, from where it stands."""

    model_config = ConfigDict(extra="forbid")

    limit: _Limit = 100
    wait: _Wait = 0


class CloudEvent(BaseModel):
    """A message as CloudEvents 1.0 (structured JSON), the same as webhooks carry."""

    specversion: Literal["1.0"]
    id: UUID
    source: str
    type: str
    time: datetime
    subject: str
    datacontenttype: Literal["application/json"]
    dataschema: str
    sequence: str = Field(default="", description="Its place in the trail of its instance; only with an instance.")
    previous: UUID = Field(
        default=UUID(int=0), description="The message before it of the same instance that fits, if there is one."
    )
    partitionkey: str = Field(default="", description="The instance; only with one.")
    data: dict[str, Any]


class Events(BaseModel):
    """Messages in the order of commits. `next` is where to go on, also when there is none."""

    items: list[CloudEvent]
    next: str


class Asked(BaseModel):
    """Anything a client sends: no unknown fields, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True)


_Agencies = Annotated[
    tuple[Words, ...], Field(min_length=1, max_length=200, strict=False, description="Keys or ids of agencies.")
]
_Types = Annotated[tuple[EventType, ...], Field(min_length=1, max_length=100, strict=False)]
_Some = Annotated[tuple[Words, ...], Field(min_length=1, max_length=200, strict=False)]


class ConsumerAsked(Asked):
    """A named reader of the feed whose place is kept here. Null definitions or roles stand for all."""

    model_config = ConfigDict(extra="forbid", strict=True, validate_by_name=False, validate_by_alias=True)

    name: Words
    agencies: _Agencies
    types: _Types = ("*",)
    definitions: _Some | None = None
    candidate_roles: _Some | None = None
    from_: Annotated[str, Field(pattern=rf"^(oldest|now|{CURSOR})$")] = Field(default="now", alias="from")


class ConsumerChange(Asked):
    """What is to be different of a consumer; what is left out stays."""

    name: Words = ""
    agencies: _Agencies = ()
    types: _Types = ()
    definitions: _Some | None = None
    candidate_roles: _Some | None = None


class AckAsked(Asked):
    """How far a consumer has come. `rewind` lets it go back."""

    cursor: Cursor
    rewind: bool = False


class ConsumerView(BaseModel):
    """A consumer and its place: `cursor` is the last message it has passed."""

    id: UUID
    version: int
    name: str
    agencies: list[str]
    types: list[str]
    definitions: list[str] | None
    candidate_roles: list[str] | None
    cursor: str
    acked_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, row: Any, caller: Caller) -> Self:
        keys = {id: key for key, id in caller.agencies.items()}
        return cls(
            id=row["id"],
            version=row["version"],
            name=row["name"],
            agencies=sorted(keys[one] for one in row["agencies"]),
            types=row["types"],
            definitions=row["definitions"],
            candidate_roles=row["roles"],
            cursor=str(row["position"]),
            acked_at=row["acked_at"],
            created_at=row["created_at"],
        )


class ManifestView(BaseModel):
    """What a subscriber was to get on one day (UTC). `signature` (Ed25519, base64) is over the bytes of `content`.

    `content` is JSON: `subscriber`, `day`, `count`, `first` and `last` (ids, in the order of the feed), `chain` over
    the ids in that order, `chain_sorted` over the same ids sorted, and `key`, the public key. A chain begins with 32
    bytes of zero; each id makes it the SHA-256 of what it was, followed by the id in lower case; told as hex.
    """

    day: date
    content: str
    signature: str
    created_at: datetime


class ManifestKey(BaseModel):
    """The public key of this installation's manifests: `whpk_` and the 32 bytes of Ed25519 in base64."""

    public: str
    created_at: datetime


def _each(words: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)
