"""How long one round of a step took, and whose time that was. No database, no clock.

A round runs from when its task was opened to when the work was done, which for work recorded on paper is when it was
done there. Its time is the agency's working time without the pauses of the task and the suspensions of the instance.
Every stretch of it belongs to one: to who had claimed it, to nobody alone, or to an outside party whose material the
step waited for, whoever held it meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from engine.definition import TimeLimit
from engine.state import Holding, Pause, TaskState
from engine.working_time import CompiledCalendar
from engine.working_time import Pause as Stretch


class Whose(StrEnum):
    """Whose time it was."""

    HOLDER = "holder"
    """Of an official who had claimed the task."""
    UNCLAIMED = "unclaimed"
    """Of the position it waited on, as nobody had claimed it."""
    PARTY = "party"
    """Of outside parties whose material had not come; nobody's own time."""


@dataclass(frozen=True, slots=True)
class Own:
    """A stretch of a round, and who had claimed it then."""

    whose: Whose
    official: UUID | None
    since: datetime
    time: timedelta


@dataclass(frozen=True, slots=True)
class Round:
    """A round that was done. `norm` is what the printed time came to; both are null where none is printed."""

    done_at: datetime
    time: timedelta
    norm: timedelta | None
    in_time: bool | None
    stretches: tuple[Own, ...]


def round_of(
    task: TaskState,
    suspensions: Sequence[Pause],
    limit: TimeLimit | None,
    parties: Collection[str],
    calendar: CompiledCalendar,
) -> Round:
    """The round of a completed task. `parties` are those of its SOP."""
    done = task.performed_at or task.closed_at
    assert done is not None  # noqa: S101  only what was completed is a round
    stops = [one for one in (*task.pauses, *suspensions) if one.since < done]
    cut = [Stretch(one.since, one.until or done) for one in stops]

    def worked(since: datetime, until: datetime) -> timedelta:
        return calendar.working_time(since, until, cut).time

    return Round(
        done_at=done,
        time=worked(task.opened_at, done),
        norm=_norm(task, limit, calendar),
        in_time=_in_time(task, stops, done),
        stretches=tuple(
            Own(whose, official, since, worked(since, until))
            for whose, official, since, until in _stretches(task, parties, done)
        ),
    )


def _norm(task: TaskState, limit: TimeLimit | None, calendar: CompiledCalendar) -> timedelta | None:
    if limit is None:
        return None
    laid = calendar.lay(task.opened_at, limit)
    return timedelta(microseconds=laid.end - laid.begin)


def _in_time(task: TaskState, stops: Iterable[Pause], done: datetime) -> bool | None:
    """By the due date that counted when it was done; while its clock stands still nothing becomes late."""
    counted = [one.at for one in task.due_dates if one.since <= done]
    if not counted:
        return None
    standing = (one.since for one in stops if one.until is None or one.until >= done)
    return min((done, *standing)) <= counted[-1]


def _stretches(
    task: TaskState, parties: Collection[str], done: datetime
) -> Iterator[tuple[Whose, UUID | None, datetime, datetime]]:
    """The stretches in order, none of them empty."""
    waited = _waited_until(task, parties, done)
    if task.opened_at < waited:
        yield Whose.PARTY, None, task.opened_at, waited
    for one, following in pairwise((*_held(task), Holding(by=None, since=done))):
        since, until = max(one.since, waited), min(following.since, done)
        if since < until:
            yield (Whose.HOLDER if one.by else Whose.UNCLAIMED), one.by, since, until


def _held(task: TaskState) -> tuple[Holding, ...]:
    """Who held it when; of a task of old only its last holder is known."""
    known = Holding(by=None, since=task.opened_at), Holding(by=task.assignee, since=task.held_since)
    return task.held or known


def _waited_until(task: TaskState, parties: Collection[str], done: datetime) -> datetime:
    """When the last material of an outside party came; what never came was waited for to the end."""
    came = {one.source: one.at for one in task.deliveries}
    waited = (min(came.get(source, done), done) for source in task.awaits if source in parties)
    return max(waited, default=task.opened_at)


# Figures


class Figures(BaseModel):
    """Several times put in figures, in whole working minutes; null where there is none.

    The 90th percentile is the shortest time within which at least nine of ten were done.
    """

    count: int
    median_minutes: int | None
    p90_minutes: int | None
    total_minutes: int

    @classmethod
    def of(cls, times: Sequence[timedelta]) -> Self:
        in_order, count = sorted(times), len(times)
        return cls(
            count=count,
            median_minutes=minutes((in_order[(count - 1) // 2] + in_order[count // 2]) / 2) if count else None,
            p90_minutes=minutes(in_order[(9 * count + 9) // 10 - 1]) if count else None,
            total_minutes=minutes(sum(in_order, timedelta())),
        )


def minutes(time: timedelta) -> int:
    """Whole minutes, towards zero."""
    return int(time / timedelta(minutes=1))
