"""Working time: calendars, holidays, statutory deadlines, and what is known of every due date."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("calendars", "calendar_versions")
ONLY_WITHDRAWN = {
    "holiday_changes": (
        "id, agency_id, kind, date, moved_to, name, name_en, legal_basis, reason, created_at, client_id, official_id"
    ),
    "deadline_rules": (
        "id, definition_key, agency_id, period, rule, verified, event_on, reason, created_at, client_id, official_id"
    ),
}
"""What is withdrawn and never changed, and the columns that say what it is."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "calendars",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.CheckConstraint("length(hash) = 64", name=op.f("ck_calendars_hash_is_sha256")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_calendars")),
    )
    op.create_table(
        "holiday_years",
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("joint_leave_basis", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("year BETWEEN 1900 AND 2999", name=op.f("ck_holiday_years_year_in_our_time")),
        sa.PrimaryKeyConstraint("year", name=op.f("pk_holiday_years")),
    )
    op.create_table(
        "holidays",
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kind IN ('national', 'joint_leave')", name=op.f("ck_holidays_kind_known")),
        sa.CheckConstraint("extract(year FROM date) = year", name=op.f("ck_holidays_in_its_year")),
        sa.ForeignKeyConstraint(["year"], ["holiday_years.year"], name=op.f("fk_holidays_year")),
        sa.PrimaryKeyConstraint("date", name=op.f("pk_holidays")),
    )
    op.create_table(
        "ramadans",
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.CheckConstraint("extract(year FROM first) = year", name=op.f("ck_ramadans_begins_in_its_year")),
        sa.CheckConstraint("first <= last", name=op.f("ck_ramadans_ends_after_it_begins")),
        sa.ForeignKeyConstraint(["year"], ["holiday_years.year"], name=op.f("fk_ramadans_year")),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_ramadans")),
    )
    op.create_table(
        "holiday_changes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("date", sa.Date(), nullable=False),
        sa.Column("moved_to", sa.Date(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=True),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("official_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by_client", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_by_official", sa.Uuid(), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=True),
        sa.Column("withdrawal_basis", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('add', 'remove', 'move')", name=op.f("ck_holiday_changes_kind_known")),
        sa.CheckConstraint("(moved_to IS NOT NULL) = (kind = 'move')", name=op.f("ck_holiday_changes_moved_somewhere")),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawal_reason IS NULL)",
            name=op.f("ck_holiday_changes_withdrawn_for_a_reason"),
        ),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by_client IS NULL)",
            name=op.f("ck_holiday_changes_withdrawn_by_somebody"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_holiday_changes_agency_id")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_holiday_changes_client_id")),
        sa.ForeignKeyConstraint(
            ["withdrawn_by_client"], ["api_keys.id"], name=op.f("fk_holiday_changes_withdrawn_by_client")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holiday_changes")),
    )
    op.create_index(
        "uq_holiday_changes_one_per_date",
        "holiday_changes",
        ["agency_id", "date"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.create_table(
        "calendar_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("calendar_hash", sa.Text(), nullable=False),
        sa.Column("own", postgresql.JSONB(), nullable=False),
        sa.Column("due_soon_percent", sa.SmallInteger(), nullable=False),
        sa.Column("escalate_after_days", sa.SmallInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("legal_basis", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("official_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_calendar_versions_version_counts_from_one")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_calendar_versions_agency_id")),
        sa.ForeignKeyConstraint(["calendar_hash"], ["calendars.hash"], name=op.f("fk_calendar_versions_calendar_hash")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_calendar_versions_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_versions")),
        sa.UniqueConstraint("agency_id", "version", name=op.f("uq_calendar_versions_agency_id_version")),
    )
    op.create_table(
        "deadline_rules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=True),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("rule", postgresql.JSONB(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("event_on", sa.Date(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=True),
        sa.Column("official_id", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by_client", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_by_official", sa.Uuid(), nullable=True),
        sa.Column("withdrawal_reason", sa.Text(), nullable=True),
        sa.Column("withdrawal_basis", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "period IS NULL OR agency_id IS NOT NULL", name=op.f("ck_deadline_rules_a_period_is_an_agency_s")
        ),
        sa.CheckConstraint(
            "event_on IS NULL OR period IS NOT NULL", name=op.f("ck_deadline_rules_an_event_is_of_a_period")
        ),
        sa.CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawal_reason IS NULL)",
            name=op.f("ck_deadline_rules_withdrawn_for_a_reason"),
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_deadline_rules_agency_id")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_deadline_rules_client_id")),
        sa.ForeignKeyConstraint(
            ["withdrawn_by_client"], ["api_keys.id"], name=op.f("fk_deadline_rules_withdrawn_by_client")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deadline_rules")),
    )
    op.create_table(
        "obligation_notices",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("late_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("announced_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_obligation_notices_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_obligation_notices")),
        sa.UniqueConstraint(
            "agency_id", "definition_key", "period", name=op.f("uq_obligation_notices_agency_id_definition_key_period")
        ),
    )
    op.create_index("ix_deadline_rules_of", "deadline_rules", ["definition_key", "agency_id", "period"], unique=False)
    op.add_column("agencies", sa.Column("calendar_hash", sa.Text(), nullable=True))
    op.add_column("agencies", sa.Column("due_soon_percent", sa.SmallInteger(), server_default="80", nullable=False))
    op.add_column("agencies", sa.Column("escalate_after_days", sa.SmallInteger(), server_default="1", nullable=True))
    op.add_column("agencies", sa.Column("clock_version", sa.Integer(), server_default="0", nullable=False))
    op.create_check_constraint(
        op.f("ck_agencies_due_soon_is_a_share"), "agencies", "due_soon_percent BETWEEN 1 AND 100"
    )
    op.create_check_constraint(
        op.f("ck_agencies_escalates_within_reason"), "agencies", "escalate_after_days BETWEEN 1 AND 100"
    )
    op.create_foreign_key(op.f("fk_agencies_calendar_hash"), "agencies", "calendars", ["calendar_hash"], ["hash"])
    op.add_column("instances", sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("instances", sa.Column("suspensions", postgresql.JSONB(), server_default="[]", nullable=False))
    op.add_column("instances", sa.Column("deadline", sa.DateTime(timezone=True), nullable=True))
    op.add_column("instances", sa.Column("deadlines", postgresql.JSONB(), server_default="[]", nullable=False))
    op.add_column("instances", sa.Column("deadline_notice_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("instances", sa.Column("calendar_hash", sa.Text(), nullable=True))
    op.add_column("instances", sa.Column("outlook_length", sa.Integer(), nullable=True))
    op.add_column("instances", sa.Column("at_risk_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("instances", sa.Column("clock_version", sa.Integer(), server_default="0", nullable=False))
    op.create_index(
        "ix_instances_clock",
        "instances",
        ["agency_id", "clock_version"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_index(
        "ix_instances_deadline",
        "instances",
        ["agency_id", "deadline", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND deadline IS NOT NULL"),
    )
    op.create_index(
        "ix_instances_deadline_notice",
        "instances",
        ["deadline_notice_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND deadline_notice_at IS NOT NULL"),
    )
    op.create_index(
        "ix_instances_suspended",
        "instances",
        ["agency_id", "id"],
        unique=False,
        postgresql_where=sa.text("suspended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_instances_asking",
        "instances",
        ["agency_id", "id"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NULL AND (state -> 'asked') <> '[]'::jsonb"),
    )
    op.add_column("tasks", sa.Column("notice_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("told", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("tasks", sa.Column("paused_event_id", sa.Uuid(), nullable=True))
    op.add_column("tasks", sa.Column("due_dates", postgresql.JSONB(), server_default="[]", nullable=False))
    op.add_column("tasks", sa.Column("pauses", postgresql.JSONB(), server_default="[]", nullable=False))
    op.add_column("tasks", sa.Column("held", postgresql.JSONB(), server_default="[]", nullable=False))
    op.create_index(
        "ix_tasks_due",
        "tasks",
        ["agency_id", "due_at", "id"],
        unique=False,
        postgresql_include=["stopped_at"],
        postgresql_where=sa.text("closed_at IS NULL AND due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_due_anywhere",
        "tasks",
        ["due_at", "id"],
        unique=False,
        postgresql_include=["agency_id", "stopped_at"],
        postgresql_where=sa.text("closed_at IS NULL AND due_at IS NOT NULL"),
    )
    op.create_index("ix_tasks_closed", "tasks", ["agency_id", "closed_at"], unique=False)
    op.create_index(
        "ix_tasks_paused",
        "tasks",
        ["agency_id", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND paused_event_id IS NOT NULL"),
    )
    op.create_index(
        "ix_tasks_collecting",
        "tasks",
        ["agency_id", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND awaits <> '{}'::text[]"),
    )
    op.create_index(
        "ix_tasks_notice",
        "tasks",
        ["notice_at"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL AND stopped_at IS NULL AND notice_at IS NOT NULL"),
    )
    op.create_foreign_key(op.f("fk_tasks_paused_event_id"), "tasks", "audit_events", ["paused_event_id"], ["id"])
    op.execute("UPDATE instances SET suspended_at = (state ->> 'suspended_at')::timestamptz WHERE status = 'suspended'")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only_truncate")
    for table, columns in ONLY_WITHDRAWN.items():
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OF {columns} OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")

    op.drop_constraint(op.f("fk_tasks_paused_event_id"), "tasks", type_="foreignkey")
    op.drop_index(
        "ix_tasks_notice",
        table_name="tasks",
        postgresql_where=sa.text("closed_at IS NULL AND stopped_at IS NULL AND notice_at IS NOT NULL"),
    )
    op.drop_index("ix_tasks_collecting", table_name="tasks")
    op.drop_index("ix_tasks_paused", table_name="tasks")
    op.drop_index("ix_tasks_closed", table_name="tasks")
    op.drop_index("ix_tasks_due_anywhere", table_name="tasks")
    op.drop_index("ix_tasks_due", table_name="tasks")
    op.drop_column("tasks", "held")
    op.drop_column("tasks", "pauses")
    op.drop_column("tasks", "due_dates")
    op.drop_column("tasks", "paused_event_id")
    op.drop_column("tasks", "stopped_at")
    op.drop_column("tasks", "told")
    op.drop_column("tasks", "notice_at")
    op.drop_index("ix_instances_asking", table_name="instances")
    op.drop_index("ix_instances_suspended", table_name="instances")
    op.drop_index(
        "ix_instances_deadline_notice",
        table_name="instances",
        postgresql_where=sa.text("ended_at IS NULL AND deadline_notice_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_instances_deadline",
        table_name="instances",
        postgresql_where=sa.text("ended_at IS NULL AND deadline IS NOT NULL"),
    )
    op.drop_index("ix_instances_clock", table_name="instances", postgresql_where=sa.text("ended_at IS NULL"))
    op.drop_column("instances", "clock_version")
    op.drop_column("instances", "at_risk_at")
    op.drop_column("instances", "outlook_length")
    op.drop_column("instances", "calendar_hash")
    op.drop_column("instances", "deadline_notice_at")
    op.drop_column("instances", "deadlines")
    op.drop_column("instances", "deadline")
    op.drop_column("instances", "suspensions")
    op.drop_column("instances", "suspended_at")
    op.drop_constraint(op.f("fk_agencies_calendar_hash"), "agencies", type_="foreignkey")
    op.drop_column("agencies", "clock_version")
    op.drop_column("agencies", "escalate_after_days")
    op.drop_column("agencies", "due_soon_percent")
    op.drop_column("agencies", "calendar_hash")
    op.drop_table("obligation_notices")
    op.drop_index("ix_deadline_rules_of", table_name="deadline_rules")
    op.drop_table("deadline_rules")
    op.drop_table("calendar_versions")
    op.drop_index(
        "uq_holiday_changes_one_per_date",
        table_name="holiday_changes",
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
    op.drop_table("holiday_changes")
    op.drop_table("ramadans")
    op.drop_table("holidays")
    op.drop_table("holiday_years")
    op.drop_table("calendars")
