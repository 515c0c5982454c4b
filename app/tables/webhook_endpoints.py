"""Where agencies want to be told by webhook, about what, and with which secrets it is signed."""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.tables.metadata import Instant, metadata

LISTENING = text("status = 'enabled'")

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("agencies", ARRAY(Uuid), nullable=False),
    Column("url", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("definitions", ARRAY(Text)),
    Column("roles", ARRAY(Text)),
    Column("status", Text, nullable=False),
    Column("reason", Text),
    Column("challenge", Text, nullable=False),
    Column("fifo", Boolean, nullable=False),
    Column("personal", Boolean, nullable=False),
    Column("private_networks", ARRAY(Text), nullable=False),
    Column("max_in_flight", SmallInteger, nullable=False),
    Column("per_minute", Integer),
    Column("created_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    Column("verified_at", Instant),
    Column("deleted_at", Instant),
    # how it answers: told by the worker after each attempt
    Column("last_served", Instant, nullable=False, server_default=text("'epoch'")),
    Column("slot_at", Instant, nullable=False, server_default=text("'epoch'")),
    Column("failing_since", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("openings", Integer, nullable=False, server_default="0"),
    Column("rests_until", Instant),
    Column("on_trial", Boolean, nullable=False, server_default="false"),
    CheckConstraint("status IN ('unverified', 'enabled', 'disabled')", name="status_known"),
    CheckConstraint("cardinality(agencies) > 0", name="of_some_agency"),
    CheckConstraint("cardinality(types) > 0", name="about_something"),
    CheckConstraint("status <> 'enabled' OR verified_at IS NOT NULL", name="verified_before_enabled"),
    CheckConstraint("max_in_flight BETWEEN 1 AND 100", name="in_flight_within_reason"),
    CheckConstraint("per_minute BETWEEN 1 AND 100000", name="rate_within_reason"),
    Index("ix_webhook_endpoints_served", "last_served", postgresql_where=LISTENING),
)

webhook_secrets = Table(
    "webhook_secrets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("endpoint_id", Uuid, ForeignKey("webhook_endpoints.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("public", Text),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    CheckConstraint("kind IN ('v1', 'v1a')", name="kind_known"),
)
