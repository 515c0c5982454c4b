"""What is to be told to which endpoint, every attempt to do so, and replays under way."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from app.tables.metadata import Instant, metadata

WAITING = text("status = 'waiting'")
IN_FLIGHT = text("status = 'in_flight'")

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("instance_id", Uuid),
    Column("previous", Uuid),
    Column("status", Text, nullable=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("is_retry", Boolean, nullable=False, server_default="false"),
    Column("due_at", Instant, nullable=False),
    Column("lease", Uuid),
    Column("leased_until", Instant),
    Column("queued_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("message_id", "endpoint_id"),
    CheckConstraint("status IN ('waiting', 'in_flight', 'delivered', 'dead', 'cancelled')", name="status_known"),
    CheckConstraint("(status = 'in_flight') = (lease IS NOT NULL)", name="leased_in_flight"),
    CheckConstraint("(ended_at IS NULL) = (status IN ('waiting', 'in_flight'))", name="ended_when_over"),
    Index("ix_deliveries_waiting", "endpoint_id", "is_retry", "due_at", "position", postgresql_where=WAITING),
    Index("ix_deliveries_in_flight", "endpoint_id", "leased_until", postgresql_where=IN_FLIGHT),
    Index("ix_deliveries_of_instance", "endpoint_id", "instance_id", "position"),
    Index("ix_deliveries_listed", "endpoint_id", "position"),
    Index("ix_deliveries_ended", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("delivery_id", Uuid, ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("number", SmallInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("status_code", SmallInteger),
    Column("error", Text),
    Column("head", Text),
)

replays = Table(
    "replays",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id"), nullable=False, index=True),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("only_missing", Boolean, nullable=False),
    Column("per_minute", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("reached", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    CheckConstraint("status IN ('running', 'done', 'cancelled')", name="status_known"),
    Index("ix_replays_running", "endpoint_id", postgresql_where=text("status = 'running'")),
)
