"""The trail. `canonical` is the text that was hashed and the truth; the other columns repeat parts of it for queries.

The application may add to both tables and read them, nothing else: privileges and triggers forbid the rest.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from app.tables.metadata import Instant, metadata

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("instance_id", Uuid, ForeignKey("instances.id"), nullable=False),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("canonical", Text, nullable=False),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("instance_id", "seq"),
    CheckConstraint("seq >= 1", name="seq_counts_from_one"),
    CheckConstraint("length(prev_hash) = 64 AND length(hash) = 64", name="hashes_are_sha256"),
    Index(None, "agency_id", "id"),
)

audit_personal = Table(
    "audit_personal",
    metadata,
    Column("event_id", Uuid, ForeignKey("audit_events.id"), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("words", Text, nullable=False),
    CheckConstraint("length(salt) = 32", name="salt_is_32_bytes"),
)
