"""What was read off in each round, and what may be said of several rounds: their median and their range."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

FLOOR_CTE = "floor, two statements"
FLOOR_CLASSIC = "floor, statement by statement"
STARTS = "Alur, starts"
STEPS = "Alur, steps"
EMPTY_MODEL = "empty endpoint, model"
EMPTY_RESPONSE = "empty endpoint, response"
FLOORS = (FLOOR_CTE, FLOOR_CLASSIC)
EMPTY = (EMPTY_MODEL, EMPTY_RESPONSE)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One window on one thing. What could not be read on this machine, or does not apply, is null.

    CPU is in milliseconds for each request; `others` is the share of the machine that neither the measured programs
    nor the harness used.
    """

    what: str
    clients: int
    round: int
    per_second: float
    mean_ms: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    server_cpu_ms: float | None = None
    postgres_cpu_ms: float | None = None
    load_cpu_ms: float | None = None
    wal_bytes: float | None = None
    others: float | None = None

    @property
    def cpu_ms(self) -> float | None:
        """All processor time of a request, whoever spent it."""
        if self.postgres_cpu_ms is None or self.load_cpu_ms is None:
            return None
        return (self.server_cpu_ms or 0.0) + self.postgres_cpu_ms + self.load_cpu_ms


@dataclass(frozen=True)
class Spread:
    """Several readings of the same: the middle one and how far they lie apart."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> Spread | None:
        """The spread of what could be read; null where nothing could."""
        known = [value for value in values if value is not None]
        return cls(median(known), min(known), max(known)) if known else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all values does not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]


def readings_of(readings: Iterable[Reading], what: str, clients: int) -> list[Reading]:
    """The readings of one thing at one number of clients, by round."""
    return sorted((one for one in readings if (one.what, one.clients) == (what, clients)), key=lambda one: one.round)


def ratio(
    readings: Sequence[Reading], above: str, below: str, clients: int, field: str = "per_second"
) -> Spread | None:
    """How much more one thing has of a figure than another, round by round: noise that hit both falls out."""
    pairs = zip(readings_of(readings, above, clients), readings_of(readings, below, clients), strict=True)
    both = [(getattr(one, field), getattr(other, field)) for one, other in pairs]
    return Spread.of(one / other if one is not None and other else None for one, other in both)
