"""How many tasks wait and are late, and how many instances have not ended, over all agencies: one statement."""

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
    overdue: dict[str, int]


async def taken(database: Database) -> Census:
    """Count. Raises DatabaseUnavailable."""
    row = await _COUNTED.one(database)
    assert row is not None  # noqa: S101  counting always gives a row
    overdue = {one: row[f"late_{one}"] for one in TASKS}
    return Census({one: row[one] for one in TASKS}, {one: row[one] for one in INSTANCES}, overdue)


def _live(table: Table, statuses: tuple[str, ...]) -> Subquery:
    numbers = (func.count().filter(table.c.status == one).label(one) for one in statuses)
    # written out as in the partial indexes, so that they serve
    named: list[ColumnElement[str]] = [literal_column(f"'{one}'") for one in statuses]
    return select(*numbers).where(table.c.status.in_(named)).subquery()


def _late() -> Subquery:
    """Those that are due are found by index; a clock that was stopped in time keeps its task from being late."""
    past = func.coalesce(tasks.c.stopped_at, func.now()) > tasks.c.due_at
    live = tasks.c.closed_at.is_(None), tasks.c.due_at < func.now()
    numbers = (func.count().filter(tasks.c.status == one).label(f"late_{one}") for one in TASKS)
    return select(*numbers).where(*live, past).subquery()


_COUNTED = Prepared(lambda: select(_live(tasks, TASKS), _live(instances, INSTANCES), _late()))
