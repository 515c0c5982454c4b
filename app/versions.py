"""Entity tags of what can be edited: who changes something names the version they saw, so that no change is lost."""

from __future__ import annotations

from app.errors import IfMatchMissing, VersionSuperseded


def tag_of(version: int) -> str:
    """The entity tag of something in that version."""
    return f'"{version}"'


def required(if_match: str | None) -> str:
    """The condition a change came with. Raises IfMatchMissing."""
    if if_match is None:
        raise IfMatchMissing
    return if_match


def require_seen(version: int, if_match: str) -> None:
    """Refuse a condition that does not hold, by strong comparison (RFC 9110, 13.1.1): a weak tag never does.

    Raises VersionSuperseded.
    """
    named = [part.strip() for part in if_match.split(",")]
    if named != ["*"] and tag_of(version) not in named:
        raise VersionSuperseded(version=version)
