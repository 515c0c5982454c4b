"""Everything that can be set from outside, read once and handed down. Every variable begins with `ALUR_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

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
    pool_wait: float = Field(
        default=5, gt=0, le=60, description="Seconds a request waits for a free connection before it is answered 503."
    )
    statement_timeout: float = Field(
        default=10, ge=0.1, le=600, description="Seconds after which PostgreSQL gives a statement up."
    )
    lock_timeout: float = Field(
        default=2, ge=0.1, le=600, description="Seconds after which PostgreSQL gives waiting for a lock up."
    )
    in_flight_limit: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Requests a process works on at once; one more is answered 503 with Retry-After.",
    )
    idempotency_days: int = Field(
        default=7, ge=7, le=3_650, description="Days the first answer to an Idempotency-Key is kept, at least."
    )
    drain_seconds: float = Field(
        default=0,
        ge=0,
        le=300,
        description="Seconds between SIGTERM and closing the port, for load balancers to look elsewhere.",
    )
    shutdown_seconds: int = Field(
        default=25, ge=1, le=300, description="Seconds that requests in flight have to finish once the port is closed."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is logged: info has one line a request."
    )
    log_format: Literal["json", "text"] | None = Field(
        default=None, description="How lines look. Unset: text on a terminal, JSON otherwise."
    )
    worker: bool = Field(
        default=False,
        description="Whether a server also does the work of `alur work`, as `alur run` does.",
    )
    secret_keys: str = Field(
        default="",
        description="Fernet keys that secrets of webhooks are sealed with, comma-separated: the first seals, all open."
        " Unset: `alur run` makes one in ALUR_HOME.",
    )
    public_url: str = Field(
        default="", description="Where people reach Alur, for links in messages, such as https://alur.example.go.id."
    )
    event_days: int = Field(
        default=90, ge=7, le=3_650, description="Days that messages, deliveries and the feed are kept, at least."
    )
    body_limit: int = Field(default=1_048_576, ge=1_024, description="Largest request body in bytes.")


def described() -> str:
    """Every setting as a Markdown table: its variable, its default, what it is."""
    rows = [
        f"| `ALUR_{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | |", "|---|---|---|", *rows]) + "\n"


def _default(value: object) -> str:
    return "unset" if value is None else f"`{value}`"
