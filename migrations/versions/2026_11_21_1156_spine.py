"""The spine: agencies and their people, definitions, instances, tasks, the trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit_events", "audit_personal", "process_definitions")
"""Tables in which nothing is ever changed; personal words alone may be removed, by the owner, where the law says so."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "agencies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("timezone", sa.Text(), server_default="Asia/Jakarta", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'", name=op.f("ck_agencies_key_form")),
        sa.CheckConstraint("timezone LIKE 'Asia/%'", name=op.f("ck_agencies_timezone_in_asia")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agencies")),
        sa.UniqueConstraint("key", name=op.f("uq_agencies_key")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "scopes <@ ARRAY['read', 'start', 'act', 'answer', 'record', 'publish', 'admin']",
            name=op.f("ck_api_keys_scopes_known"),
        ),
        sa.CheckConstraint("length(secret_hash) = 32", name=op.f("ck_api_keys_secret_hash_is_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_table(
        "api_key_agencies",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_api_key_agencies_agency_id")),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_api_key_agencies_api_key_id")),
        sa.PrimaryKeyConstraint("api_key_id", "agency_id", name=op.f("pk_api_key_agencies")),
    )
    op.create_table(
        "idempotency_answers",
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("location", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("status BETWEEN 200 AND 299", name=op.f("ck_idempotency_answers_only_effects_are_kept")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_idempotency_answers_client_id")),
        sa.PrimaryKeyConstraint("client_id", "key", "path", "method", name=op.f("pk_idempotency_answers")),
    )
    op.create_index(op.f("ix_idempotency_answers_created_at"), "idempotency_answers", ["created_at"], unique=False)
    op.create_table(
        "officials",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("nip", sa.Text(), nullable=True),
        sa.CheckConstraint("nip ~ '^[0-9]{18}$'", name=op.f("ck_officials_nip_form")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_officials_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_officials")),
        sa.UniqueConstraint("agency_id", "id", name=op.f("uq_officials_agency_id_id")),
        sa.UniqueConstraint("nip", name=op.f("uq_officials_nip")),
    )
    op.create_table(
        "process_definitions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("version >= 1", name=op.f("ck_process_definitions_version_counts_from_one")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_process_definitions_agency_id")),
        sa.ForeignKeyConstraint(["published_by"], ["api_keys.id"], name=op.f("fk_process_definitions_published_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_process_definitions")),
        sa.UniqueConstraint("key", "version", name=op.f("uq_process_definitions_key_version")),
    )
    op.create_table(
        "units",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.CheckConstraint("key ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_units_key_form")),
        sa.CheckConstraint("kind ~ '^[a-z][a-z0-9_]*$'", name=op.f("ck_units_kind_form")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_units_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_units")),
        sa.UniqueConstraint("agency_id", "id", name=op.f("uq_units_agency_id_id")),
        sa.UniqueConstraint("agency_id", "key", name=op.f("uq_units_agency_id_key")),
    )
    op.create_table(
        "api_key_officials",
        sa.Column("api_key_id", sa.Uuid(), nullable=False),
        sa.Column("official_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["api_key_id"], ["api_keys.id"], name=op.f("fk_api_key_officials_api_key_id")),
        sa.ForeignKeyConstraint(["official_id"], ["officials.id"], name=op.f("fk_api_key_officials_official_id")),
        sa.PrimaryKeyConstraint("api_key_id", "official_id", name=op.f("pk_api_key_officials")),
    )
    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("definition_id", sa.Uuid(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("trail_length", sa.Integer(), nullable=False),
        sa.Column("trail_head", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("reference_system", sa.Text(), nullable=True),
        sa.Column("reference_id", sa.Text(), nullable=True),
        sa.Column("letter_number", sa.Text(), nullable=True),
        sa.Column("letter_date", sa.Date(), nullable=True),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('completed', 'cancelled'))", name=op.f("ck_instances_ended_when_over")
        ),
        sa.CheckConstraint("state ->> 'status' = status", name=op.f("ck_instances_status_is_the_state_s")),
        sa.CheckConstraint(
            "status IN ('running', 'suspended', 'completed', 'cancelled')", name=op.f("ck_instances_status_known")
        ),
        sa.CheckConstraint(
            "(reference_system IS NULL) = (reference_id IS NULL)", name=op.f("ck_instances_reference_is_whole")
        ),
        sa.CheckConstraint("trail_length >= 1", name=op.f("ck_instances_begins_with_an_event")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_instances_agency_id")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_instances_client_id")),
        sa.ForeignKeyConstraint(["definition_id"], ["process_definitions.id"], name=op.f("fk_instances_definition_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint(
            "client_id",
            "reference_system",
            "reference_id",
            name=op.f("uq_instances_client_id_reference_system_reference_id"),
        ),
    )
    op.create_index("ix_instances_of_period", "instances", ["agency_id", "definition_key", "period"], unique=False)
    op.create_index("ix_instances_listed", "instances", ["agency_id", "id"], unique=False)
    op.create_index(
        "uq_instances_one_per_period",
        "instances",
        ["agency_id", "definition_key", "period"],
        unique=True,
        postgresql_where=sa.text("status <> 'cancelled' AND duplicate_of IS NULL AND period IS NOT NULL"),
    )
    op.create_table(
        "positions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("superior_id", sa.Uuid(), nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.CheckConstraint("superior_id <> id", name=op.f("ck_positions_not_its_own_superior")),
        sa.ForeignKeyConstraint(
            ["agency_id", "superior_id"],
            ["positions.agency_id", "positions.id"],
            name=op.f("fk_positions_agency_id_superior_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "unit_id"], ["units.agency_id", "units.id"], name=op.f("fk_positions_agency_id_unit_id")
        ),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_positions_agency_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_positions")),
        sa.UniqueConstraint("agency_id", "id", name=op.f("uq_positions_agency_id_id")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("canonical", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "length(prev_hash) = 64 AND length(hash) = 64", name=op.f("ck_audit_events_hashes_are_sha256")
        ),
        sa.CheckConstraint("seq >= 1", name=op.f("ck_audit_events_seq_counts_from_one")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_audit_events_agency_id")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_audit_events_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
        sa.UniqueConstraint("instance_id", "seq", name=op.f("uq_audit_events_instance_id_seq")),
    )
    op.create_index(op.f("ix_audit_events_agency_id_id"), "audit_events", ["agency_id", "id"], unique=False)
    op.create_table(
        "holders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("official_id", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_until > valid_from", name=op.f("ck_holders_ends_after_it_begins")),
        sa.ForeignKeyConstraint(
            ["agency_id", "official_id"],
            ["officials.agency_id", "officials.id"],
            name=op.f("fk_holders_agency_id_official_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "position_id"],
            ["positions.agency_id", "positions.id"],
            name=op.f("fk_holders_agency_id_position_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holders")),
    )
    op.create_index(op.f("ix_holders_official_id"), "holders", ["official_id"], unique=False)
    op.create_index(op.f("ix_holders_position_id"), "holders", ["position_id"], unique=False)
    op.create_table(
        "role_bindings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "position_id"],
            ["positions.agency_id", "positions.id"],
            name=op.f("fk_role_bindings_agency_id_position_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_bindings")),
        sa.UniqueConstraint(
            "agency_id",
            "role",
            "position_id",
            "definition_key",
            name=op.f("uq_role_bindings_agency_id_role_position_id_definition_key"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "audit_personal",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.CheckConstraint("length(salt) = 32", name=op.f("ck_audit_personal_salt_is_32_bytes")),
        sa.ForeignKeyConstraint(["event_id"], ["audit_events.id"], name=op.f("fk_audit_personal_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_audit_personal")),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("activity", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("candidate_roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("assignee_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("performed_by", sa.Uuid(), nullable=True),
        sa.Column("performed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("awaits", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("deliveries", postgresql.JSONB(), nullable=False),
        sa.Column("returned_event_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "(closed_at IS NULL) = (status IN ('open', 'claimed'))", name=op.f("ck_tasks_closed_when_not_live")
        ),
        sa.CheckConstraint(
            "(outcome IS NOT NULL) = (status = 'completed')", name=op.f("ck_tasks_outcome_when_completed")
        ),
        sa.CheckConstraint("status <> 'claimed' OR assignee_id IS NOT NULL", name=op.f("ck_tasks_claimed_by_somebody")),
        sa.CheckConstraint("status <> 'open' OR assignee_id IS NULL", name=op.f("ck_tasks_open_to_all")),
        sa.CheckConstraint(
            "status IN ('open', 'claimed', 'completed', 'withdrawn', 'cancelled')", name=op.f("ck_tasks_status_known")
        ),
        sa.CheckConstraint("round >= 1", name=op.f("ck_tasks_round_counts_from_one")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_tasks_agency_id")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_tasks_instance_id")),
        sa.ForeignKeyConstraint(["returned_event_id"], ["audit_events.id"], name=op.f("fk_tasks_returned_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
        sa.UniqueConstraint(
            "instance_id",
            "activity",
            "unit",
            "round",
            name=op.f("uq_tasks_instance_id_activity_unit_round"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_tasks_listed", "tasks", ["agency_id", "id"], unique=False)
    op.create_index(
        "ix_tasks_live",
        "tasks",
        ["agency_id", "id"],
        unique=False,
        postgresql_where=sa.text("status IN ('open', 'claimed')"),
    )
    op.create_index(
        "ix_tasks_performed",
        "tasks",
        ["performed_by", "id"],
        unique=False,
        postgresql_where=sa.text("performed_by IS NOT NULL"),
    )
    op.create_index(
        "uq_tasks_one_live_per_scope",
        "tasks",
        ["instance_id", "scope"],
        unique=True,
        postgresql_where=sa.text("status IN ('open', 'claimed')"),
    )
    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% on % is not allowed: this table is append-only', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table in APPEND_ONLY:
        forbidden = "UPDATE" if table == "audit_personal" else "UPDATE OR DELETE"
        op.execute(
            f"CREATE TRIGGER append_only BEFORE {forbidden} ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
        # ALWAYS: also in a session that pretends to be a replica
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only_truncate")


def downgrade() -> None:
    op.drop_index(
        "uq_tasks_one_live_per_scope", table_name="tasks", postgresql_where=sa.text("status IN ('open', 'claimed')")
    )
    op.drop_index("ix_tasks_performed", table_name="tasks", postgresql_where=sa.text("performed_by IS NOT NULL"))
    op.drop_index("ix_tasks_live", table_name="tasks", postgresql_where=sa.text("status IN ('open', 'claimed')"))
    op.drop_index("ix_tasks_listed", table_name="tasks")
    op.drop_table("tasks")
    op.drop_table("audit_personal")
    op.drop_table("role_bindings")
    op.drop_index(op.f("ix_holders_position_id"), table_name="holders")
    op.drop_index(op.f("ix_holders_official_id"), table_name="holders")
    op.drop_table("holders")
    op.drop_index(op.f("ix_audit_events_agency_id_id"), table_name="audit_events")
    op.drop_table("audit_events")
    op.drop_table("positions")
    op.drop_index(
        "uq_instances_one_per_period",
        table_name="instances",
        postgresql_where=sa.text("status <> 'cancelled' AND duplicate_of IS NULL AND period IS NOT NULL"),
    )
    op.drop_index("ix_instances_of_period", table_name="instances")
    op.drop_index("ix_instances_listed", table_name="instances")
    op.drop_table("instances")
    op.drop_table("api_key_officials")
    op.drop_table("units")
    op.drop_table("process_definitions")
    op.drop_table("officials")
    op.drop_index(op.f("ix_idempotency_answers_created_at"), table_name="idempotency_answers")
    op.drop_table("idempotency_answers")
    op.drop_table("api_key_agencies")
    op.drop_table("api_keys")
    op.drop_table("agencies")
    op.execute("DROP FUNCTION refuse_change()")
