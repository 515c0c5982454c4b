"""How many tasks wait and how many instances have not ended, over all agencies: one statement."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, Table, func, literal_column, select

from app.database import Database, Prepared
from app.tables import instances, tasks

TASKS = ("open", "claimed")
INSTANCES = ("running", "suspended")


@dataclass(frozen=True, slots=True)
class Census:
    """Numbers by status."""

    tasks: dict[str, int]
    instances: dict[str, int]


async def taken(database: Database) -> Census:
    """Count. Raises DatabaseUnavailable."""
    row = await _COUNTED.one(database)
    assert row is not None  # noqa: S101  counting always gives a row
    return Census({one: row[one] for one in TASKS}, {one: row[one] for one in INSTANCES})


def _live(table: Table, statuses: tuple[str, ...]) -> Subquery:
    numbers = (func.count().filter(table.c.status == one).label(one) for one in statuses)
    # written out as in the partial indexes, so that they serve
    named: list[ColumnElement[str]] = [literal_column(f"'{one}'") for one in statuses]
    return select(*numbers).where(table.c.status.in_(named)).subquery()


_COUNTED = Prepared(lambda: select(_live(tasks, TASKS), _live(instances, INSTANCES)))
