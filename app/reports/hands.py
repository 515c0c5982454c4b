"""In whose hands the time of a step was: which position, and who held it then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Text, bindparam, or_, select

from app.database import Database
from app.instances.picking import among
from app.reading import Reading
from app.reports.own_time import Own, Whose
from app.tables import holders, officials, positions, role_bindings, units


class Hands(NamedTuple):
    """Whose time it was, in which position."""

    agency: str
    whose: Whose
    position: str | None
    official: UUID | None


class Place(NamedTuple):
    """Where a step was to be done: by which roles, of which agency and unit."""

    agency: str
    agency_id: UUID
    roles: tuple[str, ...]
    unit: str | None


class Seats:
    """Who held the positions that may play the roles of an SOP, and when; and the names of all concerned."""

    def __init__(self, rows: Sequence[Any], names: Mapping[UUID, str]) -> None:
        self._by_role: dict[tuple[UUID, str], list[Any]] = defaultdict(list)
        for row in rows:
            self._by_role[row["agency_id"], row["role"]].append(row)
        self.names = names

    @classmethod
    async def of(cls, database: Database, served: Iterable[UUID], key: str, concerned: Sequence[UUID]) -> Seats:
        rows = await _SEATS.rows(database, agencies=list(served), definition=key)
        everybody = {*concerned, *(row["official_id"] for row in rows if row["official_id"])}
        names = await _NAMES.rows(database, officials=list(everybody))
        return cls(rows, {row["id"]: row["name"] for row in names})

    def hands(self, place: Place, own: Own) -> Hands:
        """Who had a stretch of a round: by the offices at its beginning."""
        if own.whose is Whose.PARTY:
            return Hands(place.agency, own.whose, None, None)
        seats = list(self._seats(place, own.since))
        if own.official:
            title = next((row["position"] for row in seats if row["official_id"] == own.official), None)
            return Hands(place.agency, own.whose, title, own.official)
        titles = dict.fromkeys(row["position"] for row in seats)
        people = {row["official_id"] for row in seats if row["official_id"]}
        only = people.pop() if len(people) == 1 else None
        return Hands(place.agency, own.whose, " / ".join(titles) or None, only)

    def _seats(self, place: Place, at: datetime) -> Iterator[Mapping[str, Any]]:
        """The seats that might do the task; one that nobody held at that moment is vacant."""
        for role in place.roles:
            for row in self._by_role[place.agency_id, role]:
                if place.unit in (None, row["unit"]):
                    begun, ended = row["valid_from"], row["valid_until"]
                    held = begun is not None and begun <= at and (ended is None or ended > at)
                    yield row if held else {"position": row["position"], "official_id": None}


def _seats() -> Select[Any]:
    """Every holder a position that may play a role of an SOP ever had, in the order of titles."""
    return (
        select(
            role_bindings.c.agency_id,
            role_bindings.c.role,
            positions.c.title.label("position"),
            units.c.key.label("unit"),
            holders.c.official_id,
            holders.c.valid_from,
            holders.c.valid_until,
        )
        .join_from(role_bindings, positions, positions.c.id == role_bindings.c.position_id)
        .outerjoin(units, units.c.id == positions.c.unit_id)
        .outerjoin(holders, holders.c.position_id == positions.c.id)
        .where(
            among(role_bindings.c.agency_id, "agencies"),
            or_(
                role_bindings.c.definition_key.is_(None),
                role_bindings.c.definition_key == bindparam("definition", type_=Text),
            ),
        )
        .order_by(positions.c.title, holders.c.valid_from, holders.c.id)
    )


_SEATS = Reading(_seats)
_NAMES = Reading(lambda: select(officials.c.id, officials.c.name).where(among(officials.c.id, "officials")))
