"""Loads the statutory deadlines that come with Alur, for SOPs that have none for everybody yet.

What is there, or was there and has been withdrawn, is never set again; an agency's own goes before it in any case.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml
from pydantic import Field
from sqlalchemy import func, insert, select

from app.clock import new_id, now
from app.database import Database
from app.deadlines.set_deadline import moved
from app.definitions.shipped import FOLDER
from app.tables import deadline_rules
from engine.deadline import Deadline
from engine.definition import Key

FILE = FOLDER / "statutory" / "deadlines.yaml"


class Shipped(Deadline):
    """A deadline and the SOPs it is one of."""

    definitions: tuple[Key, ...] = Field(min_length=1)


def shipped_deadlines() -> Iterator[tuple[str, Deadline]]:
    """The shipped deadlines, each with the key of an SOP."""
    for entry in yaml.safe_load(FILE.read_text()):
        found = Shipped.model_validate(entry, strict=False)
        law = Deadline(**{name: getattr(found, name) for name in Deadline.model_fields})
        yield from ((key, law) for key in found.definitions)


async def load_shipped_deadlines(database: Database) -> list[str]:
    """Load what is missing; gives the keys of the SOPs that have a deadline since."""
    async with database.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(_LOADING)))
        everybody_s = select(deadline_rules.c.definition_key).where(deadline_rules.c.agency_id.is_(None))
        known = set((await connection.execute(everybody_s)).scalars())
        missing = [
            {
                "id": new_id(),
                "definition_key": key,
                "rule": law.model_dump(mode="json"),
                "verified": law.verified,
                "created_at": now(),
            }
            for key, law in shipped_deadlines()
            if key not in known
        ]
        if missing:
            await connection.execute(insert(deadline_rules), missing)
            await moved(connection, None)
    return [str(one["definition_key"]) for one in missing]


_LOADING = 0x414C5554
"""The advisory lock of whoever loads deadlines: "ALUT"."""
