"""Explains the due date of a task: which calendar, which spans counted, which days were skipped and why, what stopped
its clock, and every due date it had before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Integer, Select, Text, Uuid, any_, bindparam, cast, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.identity.callers import Caller
from app.instances.journal import Journal
from app.reading import Reading
from app.tables import audit_events, audit_personal, calendar_versions
from app.tasks.queries import Seen, seen
from engine.calendar_words import ENGLISH, INDONESIAN, Said
from engine.definition import TimeLimit
from engine.events import Because, StepDueChanged
from engine.explanation import Explanation, explain
from engine.state import DueDate, Pause, TaskStatus
from engine.working_time import CompiledCalendar
from engine.working_time import Pause as Stretch

MOST_TOLD = 50
"""Due dates and stops of the clock that are told of one task; of more, the first and the latest."""


class CalendarUsed(BaseModel):
    """A version of the agency's calendar, and why it came to be; null where no version is known."""

    hash: str
    version: int | None
    reason: str | None
    legal_basis: str | None
    since: datetime | None


class Stop(BaseModel):
    """A stretch in which the clock stood still, with the step alone or with the whole instance."""

    kind: Literal["paused", "suspended"]
    since: datetime
    until: datetime | None
    by: UUID | None
    reason: str | None


class DueDateThen(BaseModel):
    """A due date, since when it counted, and why it became this one; null: it was the first."""

    due_at: datetime
    since: datetime
    calendar: str | None
    calendar_version: int | None
    because: Because | None
    reason: str | None
    legal_basis: str | None


class DueDateView(BaseModel):
    """Why something is due when it is. Without a printed time it is never due, and nothing is explained."""

    task_id: UUID
    instance_id: UUID
    activity: str
    name: str
    round: int
    status: TaskStatus
    timezone: str
    opened_at: datetime
    time_limit: TimeLimit | None
    due_at: datetime | None
    overdue: bool
    working_minutes_late: int | None
    calendar: CalendarUsed | None
    explanation: Explanation | None
    sentences_id: list[str]
    sentences_en: list[str]
    stops: list[Stop]
    stops_left_out: int
    due_dates: list[DueDateThen]
    due_dates_left_out: int


async def due_date(journal: Journal, caller: Caller, task: UUID, now: datetime) -> DueDateView:
    """Why a task is due when it is. Raises NotFound."""
    found = await seen(journal, caller, task, now)
    view, shown = found.view, _shown(found.task.due_dates)
    versions = await _versions(journal, found)
    changes = {one["at"]: one for one in await _CHANGES.rows(journal.database, **_of(found), most=MOST_TOLD)}
    stops = _shown(sorted(_stops(found), key=lambda one: one[1].since))
    reasons = await _reasons(journal, (stop.event for _, stop in stops))
    explained, calendar = None, await _calendar(journal, found)
    if found.task.due_at is not None and view.time_limit is not None:
        explained = _explained(found, calendar, view.time_limit, reasons)
    said = [*_said(found, calendar, explained), *_moves(shown, calendar, versions)]
    return DueDateView(
        **{name: getattr(view, name) for name in _SHARED},
        task_id=view.id,
        timezone=found.around.timezone,
        calendar=_used(found, versions),
        explanation=explained,
        sentences_id=[*(explained.sentences_id if explained else ()), *(one.message_id for one in said)],
        sentences_en=[*(explained.sentences_en if explained else ()), *(one.message_en for one in said)],
        stops=[
            Stop(kind=kind, since=one.since, until=one.until, by=one.by, reason=reasons.get(one.event))
            for kind, one in stops
        ],
        stops_left_out=len(list(_stops(found))) - len(stops),
        due_dates=[_then(one, versions, changes.get(one.since)) for one in shown],
        due_dates_left_out=len(found.task.due_dates) - len(shown),
    )


_SHARED = (
    "instance_id", "activity", "name", "round", "status", "opened_at", "time_limit", "due_at", "overdue",
    "working_minutes_late",
)  # fmt: skip


def _shown(all_of_them: Sequence[Any]) -> Sequence[Any]:
    """All of them, or the first and the latest."""
    return all_of_them if len(all_of_them) <= MOST_TOLD else (all_of_them[0], *all_of_them[1 - MOST_TOLD :])


# What stopped the clock


def _stops(found: Seen) -> Iterator[tuple[Literal["paused", "suspended"], Pause]]:
    """Everything that stopped the clock of a task while it was open."""
    task, state = found.task, found.state
    for pause in task.pauses:
        yield "paused", pause
    for suspension in state.suspensions:
        ended = suspension.until
        if (task.closed_at is None or suspension.since < task.closed_at) and (ended is None or ended > task.opened_at):
            yield "suspended", suspension


async def _reasons(journal: Journal, events: Iterable[UUID]) -> dict[UUID, str]:
    rows = await _REASONS.rows(journal.database, events=list(events))
    return {row["event_id"]: row["reason"] for row in rows if row["reason"]}


def _reasons_of() -> Select[Any]:
    reason = cast(audit_personal.c.words, JSONB)["reason"].astext.label("reason")
    of_these = audit_personal.c.event_id == any_(bindparam("events", type_=ARRAY(Uuid)))
    return select(audit_personal.c.event_id, reason).where(of_these)


_REASONS = Reading(_reasons_of)


# The explanation


async def _calendar(journal: Journal, found: Seen) -> CompiledCalendar:
    """The calendar the due date was laid on; that of today for one that does not say."""
    laid_on = found.task.due_dates[-1].calendar if found.task.due_dates else None
    return await journal.calendars.calendar(laid_on) if laid_on else found.around.schedule.calendar


def _explained(
    found: Seen, calendar: CompiledCalendar, limit: TimeLimit, reasons: dict[UUID, str]
) -> Explanation | None:
    """How the due date came about; null where it is another one than the calendar leads to."""
    opened_at, until = found.task.opened_at, found.task.closed_at
    stretches = [
        Stretch(stop.since, stop.until, reasons.get(stop.event, ""))
        for _, stop in _stops(found)
        if stop.until is not None and stop.until > opened_at and (until is None or stop.until <= until)
    ]
    told = explain(calendar, opened_at, limit, stretches)
    return told if told.due_at == found.task.due_at else None


def _said(found: Seen, calendar: CompiledCalendar, explained: Explanation | None) -> Iterator[Said]:
    """What the explanation does not say."""
    if found.task.due_at is None:
        yield _NO_TIME
    elif explained is None:
        yield _NOT_BY_THE_CALENDAR
    stopped = found.state.stopped_since(found.task)
    if stopped is not None and found.task.status.is_live:
        since, due_at = stopped.astimezone(calendar.line.zone), found.task.due_at
        if due_at is None or due_at >= stopped:
            following_id, following_en = (
                "batas waktunya diundur ketika dilanjutkan",
                "its due date moves when it goes on",
            )
        else:
            following_id, following_en = "selama itu keterlambatannya tidak bertambah", "it grows no later meanwhile"
        yield Said(
            f"Waktu kegiatan ini dihentikan sejak {INDONESIAN.moment(since)}; {following_id}.",
            f"The clock of this step has stood still since {ENGLISH.moment(since)}; {following_en}.",
        )


def _moves(due_dates: Iterable[DueDate], calendar: CompiledCalendar, versions: dict[str, list[Any]]) -> Iterator[Said]:
    """What it was before another calendar, and why that came to be."""
    zone = calendar.line.zone
    for before, after in pairwise(due_dates):
        version = _version_at(after, versions)
        if version is None or before.calendar in (None, after.calendar):
            continue
        was, moved = before.at.astimezone(zone), after.since.astimezone(zone)
        why = f"{version['reason'].rstrip('.')} ({version['legal_basis']})"
        yield Said(
            f"Sampai {INDONESIAN.moment(moved)} batas waktunya {INDONESIAN.moment(was)}; berubah karena kalender kerja "
            f"berubah: {why}.",
            f"Until {ENGLISH.moment(moved)} it was due {ENGLISH.moment(was)}; that moved because the work calendar "
            f"changed: {why}.",
        )


_NO_TIME = Said(
    "Lembar SOP tidak mencantumkan waktu untuk kegiatan ini, sehingga tidak ada batas waktunya.",
    "The sheet prints no time for this activity, so it is never due.",
)
_NOT_BY_THE_CALENDAR = Said(
    "Batas waktu ini tidak dapat dijelaskan dari kalender kerja yang berlaku ketika ditetapkan.",
    "This due date cannot be explained by the work calendar it was laid on.",
)


# What the calendar and the trail tell


async def _versions(journal: Journal, found: Seen) -> dict[str, list[Any]]:
    """The agency's versions of the calendars that due dates were laid on, oldest first, by hash."""
    hashes = list({one.calendar for one in found.task.due_dates if one.calendar})
    versions: dict[str, list[Any]] = {}
    for row in await _VERSIONS.rows(journal.database, agency=found.agency_id, hashes=hashes):
        versions.setdefault(row["calendar_hash"], []).append(row)
    return versions


def _versions_of() -> Select[Any]:
    table = calendar_versions.c
    return (
        select(table.calendar_hash, table.version, table.reason, table.legal_basis, table.created_at)
        .where(
            table.agency_id == bindparam("agency", type_=Uuid),
            table.calendar_hash == any_(bindparam("hashes", type_=ARRAY(Text))),
        )
        .order_by(table.version)
    )


_VERSIONS = Reading(_versions_of)


def _version_at(one: DueDate, versions: dict[str, list[Any]]) -> Any:
    """The version by which a due date was laid: the latest of its calendar by then, else the first."""
    of_calendar = versions.get(one.calendar or "", [])
    by_then = [version for version in of_calendar if version["created_at"] <= one.since]
    return (by_then or of_calendar[:1] or [None])[-1]


def _used(found: Seen, versions: dict[str, list[Any]]) -> CalendarUsed | None:
    if not found.task.due_dates or found.task.due_dates[-1].calendar is None:
        return None
    latest = found.task.due_dates[-1]
    version = _version_at(latest, versions)
    return CalendarUsed(
        hash=str(latest.calendar),
        version=version["version"] if version else None,
        reason=version["reason"] if version else None,
        legal_basis=version["legal_basis"] if version else None,
        since=version["created_at"] if version else None,
    )


def _of(found: Seen) -> dict[str, Any]:
    return {"instance": found.around.id, "task": str(found.task.id)}


def _changes_of() -> Select[Any]:
    """The latest changes of a task's due date, with the words of the event that led to each."""
    record = cast(audit_events.c.canonical, JSONB)
    led = audit_personal.alias("led")
    return (
        select(
            audit_events.c.at,
            record["data"]["because"].astext.label("because"),
            record["data"]["legal_basis"].astext.label("legal_basis"),
            cast(led.c.words, JSONB)["reason"].astext.label("reason"),
        )
        .outerjoin_from(audit_events, led, led.c.event_id == cast(record["data"]["cause"].astext, Uuid))
        .where(
            audit_events.c.instance_id == bindparam("instance", type_=Uuid),
            audit_events.c.type == StepDueChanged.type,
            record["task_id"].astext == bindparam("task", type_=Text),
        )
        .order_by(audit_events.c.seq.desc())
        .limit(bindparam("most", type_=Integer))
    )


_CHANGES = Reading(_changes_of)


def _then(one: DueDate, versions: dict[str, list[Any]], change: Any) -> DueDateThen:
    version = _version_at(one, versions)
    because = Because(change["because"]) if change else None
    of_calendar = version["reason"] if version and because is Because.CALENDAR else None
    return DueDateThen(
        due_at=one.at.astimezone(UTC),
        since=one.since,
        calendar=one.calendar,
        calendar_version=version["version"] if version else None,
        because=because,
        reason=of_calendar or (change["reason"] if change else None),
        legal_basis=change["legal_basis"] if change else None,
    )
