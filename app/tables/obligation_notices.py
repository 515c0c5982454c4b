"""What an agency owed and had not begun in time, each told once: it has no instance, and so no trail, to tell it in."""

from sqlalchemy import Column, ForeignKey, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import Instant, metadata

obligation_notices = Table(
    "obligation_notices",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("definition_key", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("late_since", Instant, nullable=False),
    Column("announced_at", Instant, nullable=False),
    UniqueConstraint("agency_id", "definition_key", "period"),
)
