"""Role bindings: which positions may play a role (a pelaksana column) in an agency, for all SOPs or for one."""

from sqlalchemy import Column, ForeignKeyConstraint, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import metadata

role_bindings = Table(
    "role_bindings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, nullable=False),
    Column("definition_key", Text),
    Column("role", Text, nullable=False),
    Column("position_id", Uuid, nullable=False),
    ForeignKeyConstraint(["agency_id", "position_id"], ["positions.agency_id", "positions.id"]),
    UniqueConstraint("agency_id", "role", "position_id", "definition_key", postgresql_nulls_not_distinct=True),
)
