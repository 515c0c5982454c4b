"""Positions (jabatan): the offices of an agency, with the office above each."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import metadata

positions = Table(
    "positions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("unit_id", Uuid),
    Column("superior_id", Uuid),
    Column("title", Text, nullable=False),
    UniqueConstraint("agency_id", "id"),
    # both keys carry the agency: a position never hangs under another agency's unit or head
    ForeignKeyConstraint(["agency_id", "unit_id"], ["units.agency_id", "units.id"]),
    ForeignKeyConstraint(["agency_id", "superior_id"], ["positions.agency_id", "positions.id"]),
    CheckConstraint("superior_id <> id", name="not_its_own_superior"),
)
