"""What a subscriber wants to be told of: the same filters for endpoints, consumers and the feed, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, any_, case, cast, func, literal, or_
from sqlalchemy.dialects.postgresql import ARRAY, array

from app.tables import feed
from app.webhooks.catalogue import TAKEN_BACK


def fits(subscriber: Any, placed: Any = feed.c) -> ColumnElement[bool]:
    """Whether a row of the feed is for a subscriber: something with `agencies`, `types`, `definitions`, `roles`.

    Null definitions or roles stand for all of them. `placed` has the columns of the feed.
    """
    asked = cast(
        array(
            [
                placed.type,
                func.split_part(placed.type, ".", 1) + literal(".*"),
                literal("*"),
                case(TAKEN_BACK, value=placed.type, else_=placed.type),
            ]
        ),
        ARRAY(Text),
    )
    return and_(
        placed.agency_id == any_(subscriber.agencies),
        subscriber.types.overlap(asked),
        or_(subscriber.definitions.is_(None), placed.definition_key == any_(subscriber.definitions)),
        or_(subscriber.roles.is_(None), subscriber.roles.overlap(placed.roles)),
    )
