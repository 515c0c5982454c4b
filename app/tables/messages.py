"""What happened, as outsiders are told it: messages, those that wait for their place, and the feed in commit order.

A message is written in the statement of its event. The relay gives each its place in the feed, once it is committed.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from app.tables.metadata import Instant, metadata

messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("instance_id", Uuid, ForeignKey("instances.id")),
    Column("seq", Integer),
    Column("type", Text, nullable=False),
    Column("definition_key", Text),
    Column("roles", ARRAY(Text), nullable=False, server_default="{}"),
    Column("at", Instant, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", Text, nullable=False),
    CheckConstraint("(instance_id IS NULL) = (seq IS NULL)", name="counted_in_its_instance"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("number", BigInteger, Identity(always=True), primary_key=True),
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False, index=True),
)

feed = Table(
    "feed",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", Uuid, ForeignKey("messages.id"), nullable=False, unique=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("instance_id", Uuid),
    Column("type", Text, nullable=False),
    Column("definition_key", Text),
    Column("roles", ARRAY(Text), nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("position >= 1", name="counts_from_one"),
    Index("ix_feed_of_agency", "agency_id", "position"),
    Index("ix_feed_of_instance", "instance_id", "position"),
    Index("ix_feed_by_time", "at", "position"),
)
