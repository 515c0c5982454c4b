"""Process definitions: every published version of every SOP. Superseded, never edited; a trigger sees to it."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import Instant, metadata

process_definitions = Table(
    "process_definitions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("key", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("published_by", Uuid, ForeignKey("api_keys.id")),
    UniqueConstraint("key", "version"),
    CheckConstraint("version >= 1", name="version_counts_from_one"),
)
