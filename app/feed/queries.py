"""Reads the feed: what fits somebody's filters, after a place, in the order of commits.

A place is the position of the last message that was passed. Positions have no gaps and are given by one relay at a
time, so whoever has seen one will never miss another before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Select, Text, Uuid, and_, bindparam, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from app.database import Database
from app.errors import EventsGone, RequestInvalid
from app.reading import Reading
from app.tables import agencies, feed, messages, outbox
from app.webhooks.subscription import fits
from engine.errors import Mistake

LOOKED_THROUGH = 50_000
"""Positions that one statement looks through: filters that nothing fits cost no more than that at once."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose messages, and which of them; null definitions or roles stand for all."""

    agencies: tuple[UUID, ...]
    types: tuple[str, ...] = ("*",)
    definitions: tuple[str, ...] | None = None
    roles: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Edges:
    """How far the feed reaches: the place before the oldest message kept, the last one, and whether more is coming."""

    oldest: int
    last: int
    is_behind: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What fits, each row with the id of the message before it, and the place up to which all was looked through."""

    rows: Sequence[Any]
    place: int
    edges: Edges

    @property
    def is_all(self) -> bool:
        """Whether nothing more is in the feed."""
        return self.place == self.edges.last


async def edges(database: Database) -> Edges:
    """How far the feed reaches now."""
    (row,) = await _EDGES.rows(database)
    return _edges(row)


async def page(database: Database, wanted: Wanted, after: int | None, limit: int) -> Found:
    """What comes after a place, or from the oldest on. Raises EventsGone, RequestInvalid for a place to come.

    May be empty where more is to be found from the place it reached.
    """
    rows = await _PAGE.rows(
        database,
        agencies=list(wanted.agencies),
        types=list(wanted.types),
        definitions=_listed(wanted.definitions),
        roles=_listed(wanted.roles),
        after=after or 0,
        limit=limit,
    )
    far = _edges(rows[0])
    require_kept(far, after)
    found = [row for row in rows if row["id"] is not None]
    seen = min(max(after or 0, far.oldest) + LOOKED_THROUGH, far.last)
    return Found(found, found[-1]["position"] if len(found) == limit else seen, far)


def require_kept(far: Edges, place: int | None, at: str = "after") -> None:
    """Refuse a place before which messages are lost, or one to come. Raises EventsGone, RequestInvalid."""
    if place is not None and place < far.oldest:
        raise EventsGone(oldest=far.oldest)
    if place is not None and place > far.last:
        raise RequestInvalid(
            Mistake(
                at=at,
                message_id="Cursor ini melewati akhir umpan; pakai next dari jawaban terakhir.",
                message_en="This cursor lies beyond the end of the feed; use next of the last answer.",
                expected=f"{far.oldest} .. {far.last}",
            )
        )


def _listed(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


def _edges(row: Any) -> Edges:
    return Edges(row["oldest"], row["last"], row["is_behind"])


def _how_far() -> Select[Any]:
    first, last = func.min(feed.c.position), func.max(feed.c.position)
    return select(
        select(func.coalesce(first - 1, 0)).scalar_subquery().label("oldest"),
        select(func.coalesce(last, 0)).scalar_subquery().label("last"),
        # along the index, which forgets what is gone sooner than the table does
        select(func.min(outbox.c.number).is_not(None)).scalar_subquery().label("is_behind"),
    )


_EDGES = Reading(_how_far)

ASKED: Any = SimpleNamespace(
    agencies=bindparam("agencies", type_=ARRAY(Uuid)),
    types=bindparam("types", type_=ARRAY(Text)),
    definitions=bindparam("definitions", type_=ARRAY(Text)),
    roles=bindparam("roles", type_=ARRAY(Text)),
)
"""The filters as parameters of a statement."""


def _page() -> Select[Any]:
    far = _how_far().cte("far")
    # worked out beforehand, so that the index is followed no further than the page is long
    begin = func.greatest(bindparam("after", type_=BigInteger), select(far.c.oldest).scalar_subquery())
    within = and_(feed.c.position > begin, feed.c.position <= begin + literal(LOOKED_THROUGH, BigInteger))
    found = (
        select(feed.c.position, feed.c.message_id, feed.c.instance_id)
        .where(within, fits(ASKED))
        .order_by(feed.c.position)
        .limit(bindparam("limit", type_=BigInteger))
        .subquery("found")
    )
    earlier = (
        select(feed.c.message_id)
        .where(feed.c.instance_id == found.c.instance_id, feed.c.position < found.c.position, fits(ASKED))
        .order_by(feed.c.position.desc())
        .limit(1)
        .correlate(found)
        .scalar_subquery()
    )
    told = (
        select(found.c.position, earlier.label("previous"), messages, agencies.c.key.label("agency"))
        .join_from(found, messages, messages.c.id == found.c.message_id)
        .join(agencies, agencies.c.id == messages.c.agency_id)
        .subquery("told")
    )
    return select(far, told).join_from(far, told, true(), isouter=True).order_by(told.c.position)


_PAGE = Reading(_page)
