"""Tasks: the projection of every task an instance ever opened, written in the statement that changes its state."""

from sqlalchemy import (
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.tables.metadata import Instant, metadata

LIVE = text("status IN ('open', 'claimed')")
DUE = text("closed_at IS NULL AND due_at IS NOT NULL")
NOTICED = text("closed_at IS NULL AND stopped_at IS NULL AND notice_at IS NOT NULL")
PAUSED = text("closed_at IS NULL AND paused_event_id IS NOT NULL")
COLLECTING = text("closed_at IS NULL AND awaits <> '{}'::text[]")

tasks = Table(
    "tasks",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("instance_id", Uuid, ForeignKey("instances.id"), nullable=False),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("activity", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("unit", Text),
    Column("round", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("candidate_roles", ARRAY(Text), nullable=False),
    Column("assignee_id", Uuid),
    Column("opened_at", Instant, nullable=False),
    Column("held_since", Instant, nullable=False),
    Column("due_at", Instant),
    Column("closed_at", Instant),
    Column("outcome", Text),
    Column("performed_by", Uuid),
    Column("performed_at", Instant),
    Column("awaits", ARRAY(Text), nullable=False),
    Column("deliveries", JSONB, nullable=False),
    Column("returned_event_id", Uuid, ForeignKey("audit_events.id")),
    Column("notice_at", Instant),
    Column("told", SmallInteger, nullable=False, server_default="0"),
    Column("stopped_at", Instant),
    Column("paused_event_id", Uuid, ForeignKey("audit_events.id")),
    Column("due_dates", JSONB, nullable=False, server_default="[]"),
    Column("pauses", JSONB, nullable=False, server_default="[]"),
    Column("held", JSONB, nullable=False, server_default="[]"),
    UniqueConstraint("instance_id", "activity", "unit", "round", postgresql_nulls_not_distinct=True),
    CheckConstraint("status IN ('open', 'claimed', 'completed', 'withdrawn', 'cancelled')", name="status_known"),
    CheckConstraint("(closed_at IS NULL) = (status IN ('open', 'claimed'))", name="closed_when_not_live"),
    CheckConstraint("(outcome IS NOT NULL) = (status = 'completed')", name="outcome_when_completed"),
    CheckConstraint("status <> 'claimed' OR assignee_id IS NOT NULL", name="claimed_by_somebody"),
    CheckConstraint("status <> 'open' OR assignee_id IS NULL", name="open_to_all"),
    CheckConstraint("round >= 1", name="round_counts_from_one"),
    Index("uq_tasks_one_live_per_scope", "instance_id", "scope", unique=True, postgresql_where=LIVE),
    Index("ix_tasks_live", "agency_id", "id", postgresql_where=LIVE),
    # what is late is decided, counted and put in order without a look at the rows
    Index("ix_tasks_due", "agency_id", "due_at", "id", postgresql_where=DUE, postgresql_include=["stopped_at"]),
    Index(
        "ix_tasks_due_anywhere",
        "due_at",
        "id",
        postgresql_where=DUE,
        postgresql_include=["agency_id", "stopped_at"],
    ),
    Index("ix_tasks_closed", "agency_id", "closed_at"),
    Index("ix_tasks_paused", "agency_id", "id", postgresql_where=PAUSED),
    Index("ix_tasks_collecting", "agency_id", "id", postgresql_where=COLLECTING),
    Index("ix_tasks_notice", "notice_at", postgresql_where=NOTICED),
    Index("ix_tasks_listed", "agency_id", "id"),
    Index("ix_tasks_performed", "performed_by", "id", postgresql_where=text("performed_by IS NOT NULL")),
)
