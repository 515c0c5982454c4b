"""Agencies (instansi): whose SOPs run, in which time zone, by which calendar.

`clock_version` counts the changes of its calendar and of the statutory deadlines that concern it.
"""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, SmallInteger, Table, Text, Uuid

from app.tables.metadata import Instant, metadata

agencies = Table(
    "agencies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default="Asia/Jakarta"),
    Column("created_at", Instant, nullable=False),
    Column("calendar_hash", Text, ForeignKey("calendars.hash")),
    Column("due_soon_percent", SmallInteger, nullable=False, server_default="80"),
    Column("escalate_after_days", SmallInteger, server_default="1"),
    Column("clock_version", Integer, nullable=False, server_default="0"),
    CheckConstraint("key ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'", name="key_form"),
    CheckConstraint("due_soon_percent BETWEEN 1 AND 100", name="due_soon_is_a_share"),
    CheckConstraint("escalate_after_days BETWEEN 1 AND 100", name="escalates_within_reason"),
    CheckConstraint("timezone LIKE 'Asia/%'", name="timezone_in_asia"),
)
