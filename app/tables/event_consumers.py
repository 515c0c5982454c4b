"""Named readers of the feed whose place the server keeps, and the daily manifests of every subscriber."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, ForeignKey, Index, Integer, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from app.tables.metadata import Instant, metadata

event_consumers = Table(
    "event_consumers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("name", Text, nullable=False),
    Column("agencies", ARRAY(Uuid), nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("definitions", ARRAY(Text)),
    Column("roles", ARRAY(Text)),
    Column("position", BigInteger, nullable=False),
    Column("acked_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("client_id", Uuid, ForeignKey("api_keys.id"), nullable=False),
    Column("deleted_at", Instant),
    CheckConstraint("position >= 0", name="somewhere_in_the_feed"),
    Index(
        "uq_event_consumers_one_name_per_client",
        "client_id",
        "name",
        unique=True,
        postgresql_where=text("deleted_at IS NULL"),
    ),
)

manifests = Table(
    "manifests",
    metadata,
    Column("subscriber_id", Uuid, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("content", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("public", Text, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
)
