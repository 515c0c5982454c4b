"""Units (bidang, bagian): parts of an agency."""

from sqlalchemy import Column, ForeignKey, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import metadata

units = Table(
    "units",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("agency_id", "key"),
    UniqueConstraint("agency_id", "id"),
)
