"""Everything that can be set from outside, read once and handed down. Every variable begins with `ALUR_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SettingsConfigDict(env_prefix="ALUR_", frozen=True)

    database_url: str | None = Field(
        default=None,
        description="PostgreSQL address of the application's role. Unset: the embedded PostgreSQL is started.",
    )
    migration_url: str | None = Field(
        default=None, description="PostgreSQL address of the owner of the tables; only migrations use it."
    )
    home: Path = Field(default=Path(".alur"), description="Folder for the embedded PostgreSQL and demo.env.")
    host: str = Field(default="127.0.0.1", description="Address the server listens on.")
    port: int = Field(default=8000, ge=0, le=65_535, description="Port the server listens on; 0 takes a free one.")
    pool_size: int = Field(default=10, ge=1, le=1_000, description="Connections to PostgreSQL a process keeps.")
    body_limit: int = Field(default=1_048_576, ge=1_024, description="Largest request body in bytes.")
