"""Picks a page by ids alone: of a few agencies each gives its own first rows, of many one index over all is read.

What was picked is joined afterwards to all that is told of it (`drawing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    ScalarSelect,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    column,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.paging import LARGEST_PAGE

FEW = 64
"""So many agencies are asked one by one."""

_MOST = literal_column(f"{LARGEST_PAGE + 1}", Integer)
"""No page is longer. Written out, so that the planner knows how little is wanted."""


def picked(
    found: Select[Any], agency_id: ColumnElement[Any], order: Sequence[str], *, descending: bool = False, is_wide: bool
) -> CTE:
    """The first rows of `:agencies`, `:limit` of them, in the order of some of the columns that were found."""

    def ordered(columns: Any) -> list[ColumnElement[Any]]:
        return [columns[name].desc() if descending else columns[name] for name in order]

    served, limit = bindparam("agencies", type_=ARRAY(Uuid)), _unseen(bindparam("limit", type_=Integer))
    first = found.order_by(*ordered(found.selected_columns)).limit(_MOST)
    if is_wide:
        mine: FromClause = first.where(agency_id == any_(served)).subquery("mine")
        pages = mine
    else:
        agency = func.unnest(_unseen(served)).table_valued(column("id", Uuid)).render_derived("served")
        mine = first.where(agency_id == agency.c.id).lateral("mine")
        pages = agency.join(mine, true())
    page = select(*mine.c).select_from(pages).order_by(*ordered(mine.c)).limit(limit)
    return page.cte("picked")


def _unseen(given: ColumnElement[Any]) -> ScalarSelect[Any]:
    """What the planner does not look at: a plan for these values looks no better than one for any, and one is kept."""
    return select(given).scalar_subquery()


def among(one: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether a column is one of the values that the parameter of this name lists."""
    return one == any_(bindparam(name, type_=ARRAY(one.type)))


def has_words(*texts: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the words that `:q` is the pattern of stand in one of the texts."""
    return or_(*(text.ilike(bindparam("q", type_=Text), escape="/") for text in texts))


def pattern(words: str | None) -> str | None:
    """What a text looks like that has these words somewhere; null for none."""
    if not words:
        return None
    literal = words.replace("/", "//").replace("%", "/%").replace("_", "/_")
    return f"%{literal}%"
