"""Decides what follows an attempt: delivered, tried again and when, given up; and whether an endpoint is left in peace.

No I/O, no clock, no chance: moments and the random share are arguments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""How long after each failed attempt the next one is made; none follows the last."""

ATTEMPTS = len(SCHEDULE) + 1

LONGEST_WAIT = timedelta(hours=24)
"""The most a receiver can ask to be left in peace for one message."""

_JITTER = 0.2
_THROTTLING = {429, 502, 503, 504}  # with 502 and 504 something in between is overwhelmed
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a message after an attempt.

    delivered   the receiver has it
    retry       the next attempt is due at `again_at`; if `throttled`, the receiver has too much to do altogether
    exhausted   the last attempt failed: a dead letter
    gone        the receiver wants no more of these (410): disable the endpoint
    """

    outcome: Literal["delivered", "retry", "exhausted", "gone"]
    again_at: datetime | None = None
    throttled: bool = False


def verdict(
    status: int | None, number: int, *, now: datetime, random: float, retry_after: str | None = None
) -> Verdict:
    """Judge attempt `number` (from 1), ended now; `status` is null without a whole answer, `random` in [0, 1)."""
    if status is not None and 200 <= status < 300:
        return Verdict("delivered")
    if status == 410:
        return Verdict("gone")
    throttled = status in _THROTTLING
    if number >= ATTEMPTS:
        return Verdict("exhausted", throttled=throttled)
    wait = SCHEDULE[number - 1] * (1 + _JITTER * (2 * random - 1))
    asked = wait_asked(retry_after, now) if throttled and retry_after else None
    return Verdict("retry", now + max(wait, min(asked or wait, LONGEST_WAIT)), throttled)


def wait_asked(retry_after: str, now: datetime) -> timedelta | None:
    """How long a Retry-After asks to wait (RFC 9110, 10.2.3: seconds or a date); null if it cannot be read."""
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        return timedelta(seconds=int(text))
    try:
        until = parsedate_to_datetime(text)
        return (until if until.tzinfo else until.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None


TRIP = 5
"""Failures in a row that open a circuit."""

FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=15)
"""How long a circuit stays open at first, and at most: it doubles each time the trial fails."""

TRIAL = timedelta(seconds=60)
"""How long a trial may take before another one is let through: whoever made it may have died."""

DISABLE_AFTER = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Circuit:
    """How an endpoint has been doing, and so whether anything is sent to it now.

    closed      all is sent
    open        nothing is sent until `rests_until`
    half-open   the rest is over: one attempt is let through, and decides
    """

    failures: int = 0
    openings: int = 0
    rests_until: datetime | None = None
    on_trial: bool = False
    failing_since: datetime | None = None

    def state(self, now: datetime) -> Literal["closed", "open", "half-open"]:
        if self.rests_until is None:
            return "closed"
        return "open" if now < self.rests_until else "half-open"

    def admits(self, now: datetime) -> bool:
        """Whether an attempt may be made now; whoever makes it keeps what `admitted` gives."""
        return self.state(now) != "open"

    def admitted(self, now: datetime) -> Circuit:
        """After letting an attempt through: from half-open, nobody else follows before it has ended."""
        if self.state(now) == "half-open":
            return replace(self, on_trial=True, rests_until=now + TRIAL)
        return self

    def succeeded(self) -> Circuit:
        """All is forgiven."""
        return Circuit()

    def failed(self, now: datetime) -> Circuit:
        """One more failure. What was under way when the circuit opened does not prolong its rest."""
        counted = replace(self, failures=self.failures + 1, failing_since=self.failing_since or now)
        if counted.failures < TRIP or (self.state(now) == "open" and not self.on_trial):
            return counted
        rest = min(FIRST_REST * 2 ** min(self.openings, 10), LONGEST_REST)
        return replace(counted, openings=self.openings + 1, rests_until=now + rest, on_trial=False)

    def hopeless(self, now: datetime) -> bool:
        """Whether the endpoint is to be disabled: for five days nothing arrived, of more than one message."""
        since = self.failing_since
        return since is not None and now - since >= DISABLE_AFTER and self.failures > ATTEMPTS
