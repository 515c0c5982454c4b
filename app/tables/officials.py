"""Officials (pejabat): the people. A NIP tells birth date and sex, so it leaves this table only where it must."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Table, Text, UniqueConstraint, Uuid

from app.tables.metadata import metadata

officials = Table(
    "officials",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("agency_id", Uuid, ForeignKey("agencies.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("nip", Text, unique=True),
    UniqueConstraint("agency_id", "id"),
    CheckConstraint("nip ~ '^[0-9]{18}$'", name="nip_form"),
)
