"""API keys: the clients. Only a hash of the secret is kept; a key has scopes, agencies and officials it may act for."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, LargeBinary, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from app.tables.metadata import Instant, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("revoked_at", Instant),
    CheckConstraint("length(secret_hash) = 32", name="secret_hash_is_sha256"),
    CheckConstraint(
        "scopes <@ ARRAY['read', 'start', 'act', 'answer', 'record', 'publish', 'admin']", name="scopes_known"
    ),
)

api_key_agencies = Table(
    "api_key_agencies",
    metadata,
    Column("api_key_id", Uuid, ForeignKey("api_keys.id"), primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), primary_key=True),
)

api_key_officials = Table(
    "api_key_officials",
    metadata,
    Column("api_key_id", Uuid, ForeignKey("api_keys.id"), primary_key=True),
    Column("official_id", Uuid, ForeignKey("officials.id"), primary_key=True),
)
