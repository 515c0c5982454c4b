"""Holders: who fills a position, from when until when (exclusive)."""

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Uuid

from app.tables.metadata import Instant, metadata

holders = Table(
    "holders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, nullable=False),
    Column("position_id", Uuid, nullable=False),
    Column("official_id", Uuid, nullable=False),
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),
    ForeignKeyConstraint(["agency_id", "position_id"], ["positions.agency_id", "positions.id"]),
    ForeignKeyConstraint(["agency_id", "official_id"], ["officials.agency_id", "officials.id"]),
    CheckConstraint("valid_until > valid_from", name="ends_after_it_begins"),
    Index(None, "position_id"),
    Index(None, "official_id"),
)
