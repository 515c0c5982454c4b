"""Units (bidang, bagian): parts of an agency. SOPs speak of all units of a kind ("setiap bidang")."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import metadata

units = Table(
    "units",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("agency_id", "key"),
    UniqueConstraint("agency_id", "id"),
    # a unit stands in the names of lanes and scopes
    CheckConstraint("key ~ '^[a-z][a-z0-9_]*$'", name="key_form"),
    CheckConstraint("kind ~ '^[a-z][a-z0-9_]*$'", name="kind_form"),
)
