"""Work calendars by the hash of their text, and which agency has worked by which one since when, and why.

`own` is what an agency set itself (hours, seasons); all else in a calendar is the nation's, or a local change.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, SmallInteger, Table, Text, UniqueConstraint, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.tables.metadata import Instant, metadata

calendars = Table(
    "calendars",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("content", Text, nullable=False),
    CheckConstraint("length(hash) = 64", name="hash_is_sha256"),
)

calendar_versions = Table(
    "calendar_versions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("calendar_hash", Text, ForeignKey("calendars.hash"), nullable=False),
    Column("own", JSONB, nullable=False),
    Column("due_soon_percent", SmallInteger, nullable=False),
    Column("escalate_after_days", SmallInteger),
    Column("reason", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id")),
    Column("official_id", Uuid),
    UniqueConstraint("agency_id", "version"),
    CheckConstraint("version >= 1", name="version_counts_from_one"),
)
