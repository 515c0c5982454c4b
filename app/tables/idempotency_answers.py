"""The first answer given for each idempotency key, stored in the transaction of its effect."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Uuid,
)

from app.tables.metadata import Instant, metadata

idempotency_answers = Table(
    "idempotency_answers",
    metadata,
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("location", Text),
    Column("body", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("client_id", "key", "path", "method"),
    CheckConstraint("status BETWEEN 200 AND 299", name="only_effects_are_kept"),
    Index(None, "created_at"),
)
