"""Time and identity, read here and nowhere else, and handed down as arguments."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """The present moment in UTC, to the microsecond."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562, 5.7): milliseconds, a fraction of 1/4096 of one (6.2, method 3), then 62 random bits.

    Ids of one process sort in the order they were made, as far as its clock can tell moments apart.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0b10 << 62 | secrets.randbits(62))
