"""Agencies (instansi): whose SOPs run, in which time zone."""

from sqlalchemy import CheckConstraint, Column, Table, Text, Uuid

from app.tables.metadata import Instant, metadata

agencies = Table(
    "agencies",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("timezone", Text, nullable=False, server_default="Asia/Jakarta"),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("key ~ '^[a-z][a-z0-9]*(-[a-z0-9]+)*$'", name="key_form"),
    CheckConstraint("timezone LIKE 'Asia/%'", name="timezone_in_asia"),
)
