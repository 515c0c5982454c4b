"""National holidays, cuti bersama and Ramadan, each year with its decree; and what agencies change of the days off.

No local change is ever rewritten or removed: it is withdrawn, and stays.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    text,
)

from app.tables.metadata import Instant, metadata

holiday_years = Table(
    "holiday_years",
    metadata,
    Column("year", Integer, primary_key=True, autoincrement=False),
    Column("legal_basis", Text, nullable=False),
    Column("joint_leave_basis", Text),
    Column("source", Text, nullable=False),
    Column("loaded_at", Instant, nullable=False),
    CheckConstraint("year BETWEEN 1900 AND 2999", name="year_in_our_time"),
)

holidays = Table(
    "holidays",
    metadata,
    Column("year", Integer, ForeignKey("holiday_years.year"), nullable=False),
    Column("date", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_en", Text),
    Column("source", Text, nullable=False),
    Column("estimated", Boolean, nullable=False),
    PrimaryKeyConstraint("date"),
    CheckConstraint("kind IN ('national', 'joint_leave')", name="kind_known"),
    CheckConstraint("extract(year FROM date) = year", name="in_its_year"),
)

ramadans = Table(
    "ramadans",
    metadata,
    Column("year", Integer, ForeignKey("holiday_years.year"), nullable=False),
    Column("first", Date, nullable=False),
    Column("last", Date, nullable=False),
    Column("name", Text, nullable=False),
    Column("legal_basis", Text, nullable=False),
    Column("estimated", Boolean, nullable=False),
    PrimaryKeyConstraint("first"),
    CheckConstraint("extract(year FROM first) = year", name="begins_in_its_year"),
    CheckConstraint("first <= last", name="ends_after_it_begins"),
)

holiday_changes = Table(
    "holiday_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("date", Date, nullable=False),
    Column("moved_to", Date),
    Column("name", Text, nullable=False),
    Column("name_en", Text),
    Column("legal_basis", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    Column("official_id", Uuid),
    Column("withdrawn_at", Instant),
    Column("withdrawn_by_client", Uuid, ForeignKey("api_keys.id")),
    Column("withdrawn_by_official", Uuid),
    Column("withdrawal_reason", Text),
    Column("withdrawal_basis", Text),
    CheckConstraint("kind IN ('add', 'remove', 'move')", name="kind_known"),
    CheckConstraint("(moved_to IS NOT NULL) = (kind = 'move')", name="moved_somewhere"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawal_reason IS NULL)", name="withdrawn_for_a_reason"),
    CheckConstraint("(withdrawn_at IS NULL) = (withdrawn_by_client IS NULL)", name="withdrawn_by_somebody"),
    Index(
        "uq_holiday_changes_one_per_date",
        "agency_id",
        "date",
        unique=True,
        postgresql_where=text("withdrawn_at IS NULL"),
    ),
)
