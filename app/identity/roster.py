"""The roster of an agency: which positions may play which roles now, and who holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, ScalarSelect, Uuid, and_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from app.tables import holders, officials, positions, role_bindings, units
from app.tables.metadata import Instant
from engine.commands import Office


class Candidate(BaseModel):
    """Somebody who may complete a task now, and in which position."""

    official: UUID
    name: str
    position: str
    capacity: str = "definitif"


@dataclass(frozen=True, slots=True)
class Seat:
    """A position that may play a role, and one of its holders; `official` is null where it is vacant."""

    role: str
    position: str
    unit: str | None
    official: UUID | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Roster:
    """The seats of one agency for one SOP at one moment."""

    seats: tuple[Seat, ...]

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]] | None) -> Roster:
        """The roster from what `seats_of` selected."""
        return cls(
            tuple(
                Seat(
                    role=row["role"],
                    position=row["position"],
                    unit=row["unit"],
                    official=UUID(row["official"]) if row["official"] else None,
                    name=row["name"],
                )
                for row in rows or ()
            )
        )

    def offices_of(self, official: UUID | None) -> tuple[Office, ...]:
        """The offices somebody holds."""
        return tuple(
            Office(role=seat.role, position=seat.position, unit=seat.unit)
            for seat in self.seats
            if official is not None and seat.official == official
        )

    def seats_for(self, roles: Iterable[str], unit: str | None) -> tuple[Seat, ...]:
        """The seats that may do an activity (of a unit), vacant ones too."""
        wanted = set(roles)
        return tuple(seat for seat in self.seats if seat.role in wanted and (unit is None or seat.unit == unit))

    def candidates(self, roles: Iterable[str], unit: str | None) -> list[Candidate]:
        """Those who may do an activity (of a unit) now, each once."""
        found = {
            seat.official: Candidate(official=seat.official, name=seat.name or "", position=seat.position)
            for seat in self.seats_for(roles, unit)
            if seat.official is not None
        }
        return list(found.values())


def seats_of(agency_id: ColumnElement[UUID], definition_key: ColumnElement[str]) -> ScalarSelect[Any]:
    """The seats of an agency for an SOP at `:now`, as one JSON array, in the order of titles and names."""
    seat = func.jsonb_build_object(
        "role",
        role_bindings.c.role,
        "position",
        positions.c.title,
        "unit",
        units.c.key,
        "official",
        officials.c.id,
        "name",
        officials.c.name,
    )
    return (
        select(func.jsonb_agg(aggregate_order_by(seat, positions.c.title, officials.c.name), type_=JSONB))
        .select_from(role_bindings)
        .join(positions, positions.c.id == role_bindings.c.position_id)
        .outerjoin(units, units.c.id == positions.c.unit_id)
        .outerjoin(holders, and_(holders.c.position_id == positions.c.id, _holds_now()))
        .outerjoin(officials, officials.c.id == holders.c.official_id)
        .where(
            role_bindings.c.agency_id == agency_id,
            or_(role_bindings.c.definition_key.is_(None), role_bindings.c.definition_key == definition_key),
        )
        .scalar_subquery()
    )


def position_of_official() -> ScalarSelect[Any]:
    """The title of the position `:official` holds at `:now`, the first by title where there are several."""
    return (
        select(func.min(positions.c.title))
        .join_from(holders, positions, positions.c.id == holders.c.position_id)
        .where(holders.c.official_id == bindparam("official", type_=Uuid), _holds_now())
        .scalar_subquery()
    )


def _holds_now() -> ColumnElement[bool]:
    return and_(
        holders.c.valid_from <= bindparam("now", type_=Instant),
        or_(holders.c.valid_until.is_(None), holders.c.valid_until > bindparam("now", type_=Instant)),
    )
