"""Process instances. `state` is the truth; `trail_length` and `trail_head` are where its trail stands.

Every change writes at least one audit event, so `trail_length` is also the version that guards a change.
`at_risk_at` is when the deadline will be at risk if nothing moves, as it was reckoned when the trail had
`outlook_length` events: only the worker reads it. `clock_version` is that of its agency up to which its due dates and
deadline have been laid.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.tables.metadata import Instant, metadata

UNDER_WAY = text("ended_at IS NULL")
UNDER_WAY_WITH_DEADLINE = text("ended_at IS NULL AND deadline IS NOT NULL")
SUSPENDED = text("suspended_at IS NOT NULL")
ASKING = text("ended_at IS NULL AND (state -> 'asked') <> '[]'::jsonb")
TO_BE_TOLD = text("ended_at IS NULL AND deadline_notice_at IS NOT NULL")

instances = Table(
    "instances",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("definition_id", Uuid, ForeignKey("process_definitions.id"), nullable=False),
    Column("definition_key", Text, nullable=False),
    Column("period", Text),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("state", JSONB, nullable=False),
    Column("trail_length", Integer, nullable=False),
    Column("trail_head", Text, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    Column("reference_system", Text),
    Column("reference_id", Text),
    Column("letter_number", Text),
    Column("letter_date", Date),
    Column("duplicate_of", Uuid),
    Column("data", JSONB, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("suspended_at", Instant),
    Column("suspensions", JSONB, nullable=False, server_default="[]"),
    Column("deadline", Instant),
    Column("deadlines", JSONB, nullable=False, server_default="[]"),
    Column("deadline_notice_at", Instant),
    Column("calendar_hash", Text),
    Column("outlook_length", Integer),
    Column("at_risk_at", Instant),
    Column("clock_version", Integer, nullable=False, server_default="0"),
    UniqueConstraint("client_id", "reference_system", "reference_id"),
    CheckConstraint("status IN ('running', 'suspended', 'completed', 'cancelled')", name="status_known"),
    CheckConstraint("(ended_at IS NOT NULL) = (status IN ('completed', 'cancelled'))", name="ended_when_over"),
    CheckConstraint("trail_length >= 1", name="begins_with_an_event"),
    CheckConstraint("state ->> 'status' = status", name="status_is_the_state_s"),
    CheckConstraint("(reference_system IS NULL) = (reference_id IS NULL)", name="reference_is_whole"),
    Index(
        "uq_instances_one_per_period",
        "agency_id",
        "definition_key",
        "period",
        unique=True,
        postgresql_where=text("status <> 'cancelled' AND duplicate_of IS NULL AND period IS NOT NULL"),
    ),
    Index("ix_instances_of_period", "agency_id", "definition_key", "period"),
    Index("ix_instances_listed", "agency_id", "id"),
    Index("ix_instances_deadline", "agency_id", "deadline", "id", postgresql_where=UNDER_WAY_WITH_DEADLINE),
    Index("ix_instances_deadline_notice", "deadline_notice_at", postgresql_where=TO_BE_TOLD),
    Index("ix_instances_clock", "agency_id", "clock_version", postgresql_where=UNDER_WAY),
    Index("ix_instances_suspended", "agency_id", "id", postgresql_where=SUSPENDED),
    Index("ix_instances_asking", "agency_id", "id", postgresql_where=ASKING),
)
