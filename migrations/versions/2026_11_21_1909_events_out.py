"""Events out: messages and their feed, webhook endpoints, deliveries, consumers, manifests."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = ("messages", "feed", "manifests")
"""What is never changed; old messages are removed when their time is over, manifests never."""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '2s'")
    op.create_table(
        "manifests",
        sa.Column("subscriber_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", "day", name=op.f("pk_manifests")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("public", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("public", name=op.f("pk_signing_keys")),
    )
    op.create_table(
        "event_consumers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agencies", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("definitions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("acked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("position >= 0", name=op.f("ck_event_consumers_somewhere_in_the_feed")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_event_consumers_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_consumers")),
    )
    op.create_index(
        "uq_event_consumers_one_name_per_client",
        "event_consumers",
        ["client_id", "name"],
        unique=True,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("agencies", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("definitions", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("challenge", sa.Text(), nullable=False),
        sa.Column("fifo", sa.Boolean(), nullable=False),
        sa.Column("personal", sa.Boolean(), nullable=False),
        sa.Column("private_networks", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("max_in_flight", sa.SmallInteger(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_served", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("slot_at", sa.DateTime(timezone=True), server_default=sa.text("'epoch'"), nullable=False),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("openings", sa.Integer(), server_default="0", nullable=False),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("on_trial", sa.Boolean(), server_default="false", nullable=False),
        sa.CheckConstraint(
            "status <> 'enabled' OR verified_at IS NOT NULL", name=op.f("ck_webhook_endpoints_verified_before_enabled")
        ),
        sa.CheckConstraint(
            "status IN ('unverified', 'enabled', 'disabled')", name=op.f("ck_webhook_endpoints_status_known")
        ),
        sa.CheckConstraint("cardinality(agencies) > 0", name=op.f("ck_webhook_endpoints_of_some_agency")),
        sa.CheckConstraint("cardinality(types) > 0", name=op.f("ck_webhook_endpoints_about_something")),
        sa.CheckConstraint(
            "max_in_flight BETWEEN 1 AND 100", name=op.f("ck_webhook_endpoints_in_flight_within_reason")
        ),
        sa.CheckConstraint("per_minute BETWEEN 1 AND 100000", name=op.f("ck_webhook_endpoints_rate_within_reason")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_webhook_endpoints_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_endpoints")),
    )
    op.create_index(
        "ix_webhook_endpoints_served",
        "webhook_endpoints",
        ["last_served"],
        unique=False,
        postgresql_where=sa.text("status = 'enabled'"),
    )
    op.create_table(
        "replays",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("only_missing", sa.Boolean(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("queued", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("status IN ('running', 'done', 'cancelled')", name=op.f("ck_replays_status_known")),
        sa.ForeignKeyConstraint(["client_id"], ["api_keys.id"], name=op.f("fk_replays_client_id")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_replays_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replays")),
    )
    op.create_index(op.f("ix_replays_endpoint_id"), "replays", ["endpoint_id"], unique=False)
    op.create_index(
        "ix_replays_running", "replays", ["endpoint_id"], unique=False, postgresql_where=sa.text("status = 'running'")
    )
    op.create_table(
        "webhook_secrets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("public", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('v1', 'v1a')", name=op.f("ck_webhook_secrets_kind_known")),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_webhook_secrets_endpoint_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_secrets")),
    )
    op.create_index(op.f("ix_webhook_secrets_endpoint_id"), "webhook_secrets", ["endpoint_id"], unique=False)
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.CheckConstraint("(instance_id IS NULL) = (seq IS NULL)", name=op.f("ck_messages_counted_in_its_instance")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_messages_agency_id")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("fk_messages_instance_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("previous", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("is_retry", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (status IN ('waiting', 'in_flight'))", name=op.f("ck_deliveries_ended_when_over")
        ),
        sa.CheckConstraint("(status = 'in_flight') = (lease IS NOT NULL)", name=op.f("ck_deliveries_leased_in_flight")),
        sa.CheckConstraint(
            "status IN ('waiting', 'in_flight', 'delivered', 'dead', 'cancelled')",
            name=op.f("ck_deliveries_status_known"),
        ),
        sa.ForeignKeyConstraint(["endpoint_id"], ["webhook_endpoints.id"], name=op.f("fk_deliveries_endpoint_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_deliveries_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("message_id", "endpoint_id", name=op.f("uq_deliveries_message_id_endpoint_id")),
    )
    op.create_index(
        "ix_deliveries_ended",
        "deliveries",
        ["ended_at"],
        unique=False,
        postgresql_where=sa.text("ended_at IS NOT NULL"),
    )
    op.create_index(
        "ix_deliveries_in_flight",
        "deliveries",
        ["endpoint_id", "leased_until"],
        unique=False,
        postgresql_where=sa.text("status = 'in_flight'"),
    )
    op.create_index("ix_deliveries_listed", "deliveries", ["endpoint_id", "position"], unique=False)
    op.create_index("ix_deliveries_of_instance", "deliveries", ["endpoint_id", "instance_id", "position"], unique=False)
    op.create_index(
        "ix_deliveries_waiting",
        "deliveries",
        ["endpoint_id", "is_retry", "due_at", "position"],
        unique=False,
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_table(
        "feed",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("agency_id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("definition_key", sa.Text(), nullable=True),
        sa.Column("roles", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("position >= 1", name=op.f("ck_feed_counts_from_one")),
        sa.ForeignKeyConstraint(["agency_id"], ["agencies.id"], name=op.f("fk_feed_agency_id")),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_feed_message_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_feed")),
        sa.UniqueConstraint("message_id", name=op.f("uq_feed_message_id")),
    )
    op.create_index("ix_feed_by_time", "feed", ["at", "position"], unique=False)
    op.create_index("ix_feed_of_agency", "feed", ["agency_id", "position"], unique=False)
    op.create_index("ix_feed_of_instance", "feed", ["instance_id", "position"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], name=op.f("fk_outbox_message_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outbox")),
    )
    op.create_index(op.f("ix_outbox_message_id"), "outbox", ["message_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("status_code", sa.SmallInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("head", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_attempts_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_delivery_id"), "attempts", ["delivery_id"], unique=False)
    for table in APPEND_ONLY:
        op.execute(f"CREATE TRIGGER append_only BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
        op.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER append_only")


def downgrade() -> None:
    op.drop_index(op.f("ix_attempts_delivery_id"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_index(op.f("ix_outbox_message_id"), table_name="outbox")
    op.drop_table("outbox")
    op.drop_index("ix_feed_of_instance", table_name="feed")
    op.drop_index("ix_feed_of_agency", table_name="feed")
    op.drop_index("ix_feed_by_time", table_name="feed")
    op.drop_table("feed")
    op.drop_index("ix_deliveries_waiting", table_name="deliveries", postgresql_where=sa.text("status = 'waiting'"))
    op.drop_index("ix_deliveries_of_instance", table_name="deliveries")
    op.drop_index("ix_deliveries_listed", table_name="deliveries")
    op.drop_index("ix_deliveries_in_flight", table_name="deliveries", postgresql_where=sa.text("status = 'in_flight'"))
    op.drop_index("ix_deliveries_ended", table_name="deliveries", postgresql_where=sa.text("ended_at IS NOT NULL"))
    op.drop_table("deliveries")
    op.drop_table("messages")
    op.drop_index(op.f("ix_webhook_secrets_endpoint_id"), table_name="webhook_secrets")
    op.drop_table("webhook_secrets")
    op.drop_index("ix_replays_running", table_name="replays", postgresql_where=sa.text("status = 'running'"))
    op.drop_index(op.f("ix_replays_endpoint_id"), table_name="replays")
    op.drop_table("replays")
    op.drop_index(
        "ix_webhook_endpoints_served", table_name="webhook_endpoints", postgresql_where=sa.text("status = 'enabled'")
    )
    op.drop_table("webhook_endpoints")
    op.drop_index(
        "uq_event_consumers_one_name_per_client",
        table_name="event_consumers",
        postgresql_where=sa.text("deleted_at IS NULL"),
    )
    op.drop_table("event_consumers")
    op.drop_table("signing_keys")
    op.drop_table("manifests")
