"""Statutory deadlines: for an SOP everywhere, in one agency, or in one agency and period. None is ever changed.

`event_on` is when the event happened that a deadline follows, once that is known.
"""

from sqlalchemy import Boolean, CheckConstraint, Column, Date, ForeignKey, Index, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.tables.metadata import Instant, metadata

deadline_rules = Table(
    "deadline_rules",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("definition_key", Text, nullable=False),
    Column("agency_id", Uuid, ForeignKey("agencies.id")),
    Column("period", Text),
    Column("rule", JSONB, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("event_on", Date),
    Column("reason", Text),
    Column("created_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id")),
    Column("official_id", Uuid),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by_client", Uuid, ForeignKey("api_keys.id")),
    Column("withdrawn_by_official", Uuid),
    Column("withdrawal_reason", Text),
    Column("withdrawal_basis", Text),
    CheckConstraint("period IS NULL OR agency_id IS NOT NULL", name="a_period_is_an_agency_s"),
    CheckConstraint("event_on IS NULL OR period IS NOT NULL", name="an_event_is_of_a_period"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawal_reason IS NULL)", name="withdrawn_for_a_reason"),
    Index("ix_deadline_rules_of", "definition_key", "agency_id", "period"),
)
"""The most particular rule that was not withdrawn counts; among equals, the youngest."""
