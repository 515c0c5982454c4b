"""Statements that read many rows, declared in SQLAlchemy Core and compiled to text once.

They run on the connections for everything else, not on those of the hot path, in autocommit: one flight each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import RowMapping

from app.database import Database, Prepared


class Reading(Prepared):
    """A statement with named parameters that gives many rows."""

    def sent(self, **parameters: Any) -> tuple[str, list[Any]]:
        """What goes to the driver: the text, and its values in order. Parameters it does not have are left out."""
        return self._filled(parameters)

    async def rows(self, database: Database, **parameters: Any) -> Sequence[RowMapping]:
        """Every row the statement gives. Raises as `Database.reading`."""
        sql, values = self.sent(**parameters)
        async with database.reading() as connection:
            # as the driver takes it: Core would work the statement out again for every request
            return (await connection.exec_driver_sql(sql, tuple(values))).mappings().all()
