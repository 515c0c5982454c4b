"""What each agency owes for a period: SOPs that are to run in it, whether they do, and by when. One never started is
late, too, once there is no time left to carry it through.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field
from sqlalchemy import Select, Text, Uuid, any_, bindparam, cast, column, func, or_, select, true, union
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from app.deadlines.law import date_of
from app.errors import RequestInvalid
from app.identity.callers import Caller
from app.identity.roster import Roster, seats_of
from app.instances import queries as cycles
from app.instances.journal import Journal
from app.instances.past import AT, SCHEDULE_THEN, instances_then
from app.instances.picking import among
from app.instances.schemas import InstanceView
from app.instances.statements import SCHEDULE
from app.moments import Asked, Named, asked_of
from app.paging import Listing, Page, chosen, split
from app.reading import Reading
from app.tables import agencies, deadline_rules, instances, obligation_notices, process_definitions
from engine.compiler import CompiledProcess
from engine.deadline import Deadline, DeadlineDate, period_end
from engine.definition import Activity
from engine.errors import Mistake, PeriodMismatch
from engine.period import require_period
from engine.plan import plan
from engine.schedule import Schedule
from engine.state import InstanceStatus


class Progress(StrEnum):
    """How far an agency has come with what it owes."""

    NOT_STARTED = "not_started"
    RUNNING = "running"
    """Also while it is suspended."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    """Started and given up; still owed."""


class Obligations(Listing):
    """What to list of the obligations, by agency, SOP and period."""

    period: str = Field(description="Periods, comma-separated: 2026, 2026-S1, 2026-Q1, 2026-03, 2025-2029.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")
    definition: str | None = Field(default=None, description="Keys of SOPs, comma-separated.")
    status: str | None = Field(default=None, description="not_started, running, completed, cancelled")
    late: bool | None = None
    as_of: Named | None = Field(default=None, description="How things stood then: a moment, or the end of that day.")


class Meeting(BaseModel):
    """The instance by which an obligation is met; `headline` says where it stands."""

    id: UUID
    status: InstanceStatus
    started_at: datetime
    ended_at: datetime | None
    headline: str


class Obligation(BaseModel):
    """One SOP that one agency is to run for one period, and on whom it waits.

    It is late since its deadline; one that is not under way, since the latest moment to start it, and that is announced
    once. `deadline_on` is the day people read, `verified` whether somebody has read the law it rests on.
    """

    agency: str
    definition: str
    version: int
    title: str
    period: str
    status: Progress
    late: bool
    late_since: datetime | None
    announced_at: datetime | None
    working_minutes_late: int | None
    deadline: datetime | None
    deadline_on: date | None
    deadline_name: str | None
    legal_basis: str | None
    verified: bool | None
    latest_start: datetime | None
    position: str | None
    holder: str | None
    instance: Meeting | None


class ObligationTotals(BaseModel):
    """How many obligations there are, how they stand, and how many of them are late."""

    count: int
    not_started: int
    running: int
    completed: int
    cancelled: int
    late: int


class ObligationsReport(Page[Obligation]):
    """One page of obligations, and what all of them come to."""

    as_of: datetime
    totals: ObligationTotals


@dataclass(frozen=True, slots=True)
class Owed:
    """An obligation as it is found, with all that decides whether it is late."""

    row: Any
    process: CompiledProcess
    schedule: Schedule
    asked: Asked
    law: Deadline | None
    falls: DeadlineDate | None
    latest_start: datetime | None

    @property
    def place(self) -> tuple[str, str, str]:
        return self.row["agency"], self.row["key"], self.row["period"]

    @property
    def status(self) -> Progress:
        status = self.row["status"]
        if status is None:
            return Progress.NOT_STARTED
        return Progress.RUNNING if status == InstanceStatus.SUSPENDED else Progress(status)

    @property
    def is_under_way(self) -> bool:
        return self.status in (Progress.RUNNING, Progress.COMPLETED)

    @property
    def deadline(self) -> datetime | None:
        """That of the instance, which knows its own, else the one the law sets."""
        if self.is_under_way and self.row["deadline"] is not None:
            own: datetime = self.row["deadline"]
            return own
        return self.falls.at.astimezone(UTC) if self.falls else None

    @property
    def until(self) -> datetime:
        """Up to when it is judged."""
        ended: datetime | None = self.row["ended_at"] if self.status is Progress.COMPLETED else None
        return ended or self.asked.at

    @property
    def late_since(self) -> datetime | None:
        limits = (self.deadline, None if self.is_under_way else self.latest_start)
        passed = [limit for limit in limits if limit is not None and limit < self.until]
        return min(passed, default=None)


async def obligations(journal: Journal, caller: Caller, listing: Obligations, now: datetime) -> ObligationsReport:
    """What the caller's agencies owe for some periods."""
    statuses, after, periods = chosen("status", listing.status, Progress), listing.after(_place), _periods(listing)
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    moments = await asked_of(journal.database, served, now, as_of=listing.as_of)
    found = [one for asked in moments for one in await owed(journal, asked, periods, split(listing.definition))]
    fitting = sorted((one for one in found if _fits(one, statuses, listing.late)), key=lambda one: one.place)
    following = [one for one in fitting if after is None or one.place > after]
    shown, more = following[: listing.limit], len(following) > listing.limit
    return ObligationsReport(
        items=await _told(journal, shown),
        next=listing.cursor_at(json.dumps(shown[-1].place)) if more else None,
        as_of=max((asked.at for asked in moments), default=now),
        totals=_totals(fitting),
    )


def _place(text: str) -> tuple[str, str, str]:
    agency, definition, period = json.loads(text)
    return str(agency), str(definition), str(period)


def _periods(listing: Obligations) -> list[str]:
    periods = list(dict.fromkeys(split(listing.period) or [""]))
    for period in periods:
        try:
            period_end(period)
        except ValueError as wrong:
            raise RequestInvalid(_PERIOD_MISTAKE) from wrong
    return periods


_PERIOD_MISTAKE = Mistake(
    at="period",
    message_id="Sebutkan periode yang dilaporkan.",
    message_en="Name the periods that are reported on.",
    expected="2026, 2026-S1, 2026-Q1, 2026-03, 2025-2029",
)


def _fits(one: Owed, statuses: list[str] | None, late: bool | None) -> bool:
    is_late = one.late_since is not None
    return (statuses is None or one.status in statuses) and late in (None, is_late)


def _totals(found: list[Owed]) -> ObligationTotals:
    by_status = Counter(one.status for one in found)
    return ObligationTotals(
        count=len(found),
        late=sum(one.late_since is not None for one in found),
        **{str(status): by_status[status] for status in Progress},
    )


async def owed(journal: Journal, asked: Asked, periods: list[str], definitions: list[str] | None) -> list[Owed]:
    """What some agencies owe for some periods, as it stood when it was asked about."""
    given = {"agencies": list(asked.agencies), "now": asked.at, "periods": periods, "definitions": definitions}
    found, starts = [], _LatestStarts(asked.at)
    for row in await _OWED[asked.is_past].rows(journal.database, **given):
        process = await journal.catalog.process(row["definition_id"])
        if not _is_of_cycle(process, row["period"]):
            continue
        schedule = await journal.calendars.schedule(row)
        law = Deadline.model_validate_json(row["rule"]) if row["rule"] else None
        falls = date_of(law, schedule.calendar, row["period"], row["event_on"]) if law else None
        start = starts.of(row["definition_id"], process, schedule, falls) if falls else None
        found.append(Owed(row, process, schedule, asked, law, falls, start))
    return found


def _is_of_cycle(process: CompiledProcess, period: str) -> bool:
    try:
        require_period(process.definition.cycle, period)
    except PeriodMismatch:
        return False
    return True


class _LatestStarts:
    """The latest moment to start an SOP for a deadline, found once for all agencies that work alike."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._known: dict[tuple[UUID, str, datetime], datetime] = {}

    def of(self, definition: UUID, process: CompiledProcess, schedule: Schedule, falls: DeadlineDate) -> datetime:
        case = definition, schedule.id, falls.at
        if case not in self._known:
            self._known[case] = plan(process, None, falls.at, schedule, self._now).latest_start.astimezone(UTC)
        return self._known[case]


async def _told(journal: Journal, shown: list[Owed]) -> list[Obligation]:
    told = []
    for asked in dict.fromkeys(one.asked for one in shown):
        mine = [one for one in shown if one.asked == asked]
        seen = await cycles.by_ids(journal, asked, [one.row["instance_id"] for one in mine if one.row["instance_id"]])
        rosters = await _rosters(journal, asked, [one for one in mine if not one.is_under_way])
        told += [_told_of(one, seen.get(one.row["instance_id"]), rosters.get(one.place[:2])) for one in mine]
    return sorted(told, key=lambda one: (one.agency, one.definition, one.period))


def _told_of(one: Owed, seen: cycles.Seen | None, roster: Roster | None) -> Obligation:
    instance = seen.view if seen else None
    position, holder = _begins(one.process, roster) if roster else _goes_on(instance)
    since, deadline = one.late_since, one.deadline
    return Obligation(
        agency=one.row["agency"],
        definition=one.row["key"],
        version=one.row["version"],
        title=one.row["title"],
        period=one.row["period"],
        status=one.status,
        late=since is not None,
        late_since=since,
        announced_at=one.row["announced_at"],
        working_minutes_late=one.schedule.calendar.working_time(since, one.until).minutes if since else None,
        deadline=deadline,
        deadline_on=one.schedule.calendar.line.date(deadline) if deadline else None,
        deadline_name=one.law.name if one.law else None,
        legal_basis=one.law.legal_basis if one.law else None,
        verified=one.row["verified"],
        latest_start=one.latest_start,
        position=position,
        holder=holder,
        instance=Meeting.model_validate(instance, from_attributes=True) if instance else None,
    )


def _goes_on(instance: InstanceView | None) -> tuple[str | None, str | None]:
    """The position and the holder that the task due first waits on."""
    waiting = sorted(instance.open_tasks if instance else (), key=lambda task: (task.due_at or LATEST, task.id))
    return (waiting[0].position, waiting[0].holder) if waiting else (None, None)


LATEST = datetime.max.replace(tzinfo=UTC)


def _begins(process: CompiledProcess, roster: Roster) -> tuple[str | None, str | None]:
    """The position that would begin, and its holder if there is only one."""
    first = process.places.parts[process.places.first]
    seats = roster.seats_for(first.candidate_roles, None) if isinstance(first, Activity) else ()
    titles = dict.fromkeys(seat.position for seat in seats)
    names = {seat.official: seat.name for seat in seats if seat.official}
    return " / ".join(titles) or None, next(iter(names.values())) if len(names) == 1 else None


async def _rosters(journal: Journal, asked: Asked, owed: list[Owed]) -> dict[tuple[str, str], Roster]:
    """Who may play which roles in each agency and SOP."""
    agencies_, keys = [one.row["agency_id"] for one in owed], [one.row["key"] for one in owed]
    rows = await _SEATS.rows(journal.database, agencies=agencies_, keys=keys, now=asked.at)
    return {(row["agency"], row["key"]): Roster.of(json.loads(row["roster"] or "[]")) for row in rows}


# What is owed


def _owed_rows(is_past: bool) -> Select[Any]:
    """The newest version of each SOP for each agency that is to run it, with its instance and rule for each period."""
    served = bindparam("agencies", type_=ARRAY(Uuid))
    sop = process_definitions.c
    newest = (
        select(sop.id, sop.key, sop.version, sop.title, sop.agency_id)
        .ext(distinct_on(sop.key))
        .order_by(sop.key, sop.version.desc())
        .subquery("newest")
    )
    rules = deadline_rules.c
    obliged = union(
        select(newest.c.agency_id, newest.c.key).where(newest.c.agency_id == any_(served)),
        select(instances.c.agency_id, instances.c.definition_key).where(instances.c.agency_id == any_(served)),
        select(rules.agency_id, rules.definition_key).where(rules.agency_id == any_(served), _held_then()),
    ).subquery("obliged")
    period = func.unnest(bindparam("periods", type_=ARRAY(Text))).table_valued(column("name", Text))
    of_period = period.render_derived("period")
    then = instances_then()
    meeting = (
        select(then.c.id, then.c.status, then.c.ended_at, then.c.deadline)
        .where(
            then.c.agency_id == obliged.c.agency_id,
            then.c.definition_key == obliged.c.key,
            then.c.period == of_period.c.name,
        )
        .order_by(then.c.status == str(InstanceStatus.CANCELLED), then.c.id)
        .limit(1)
        .lateral("meeting")
    )
    counting = _counting(obliged.c.key, obliged.c.agency_id, of_period.c.name)
    return (
        select(
            obliged.c.agency_id,
            obliged.c.key,
            of_period.c.name.label("period"),
            newest.c.id.label("definition_id"),
            newest.c.version,
            newest.c.title,
            agencies.c.key.label("agency"),
            agencies.c.timezone,
            *(SCHEDULE_THEN if is_past else SCHEDULE),
            meeting.c.id.label("instance_id"),
            meeting.c.status,
            meeting.c.ended_at,
            meeting.c.deadline,
            cast(counting.c.rule, Text).label("rule"),
            counting.c.verified,
            counting.c.event_on,
            _announced(obliged.c.agency_id, obliged.c.key, of_period.c.name).label("announced_at"),
        )
        .select_from(obliged)
        .join(newest, newest.c.key == obliged.c.key)
        .join(agencies, agencies.c.id == obliged.c.agency_id)
        .join(of_period, true())
        .outerjoin(meeting, true())
        .outerjoin(counting, true())
        .where(or_(bindparam("definitions", type_=ARRAY(Text)).is_(None), among(obliged.c.key, "definitions")))
    )


def _announced(agency_id: Any, definition_key: Any, period: Any) -> Any:
    """When it was told by then that it had not been started in time."""
    told = obligation_notices.c
    mine = told.agency_id == agency_id, told.definition_key == definition_key, told.period == period
    return select(told.announced_at).where(*mine, told.announced_at <= AT).scalar_subquery()


def _held_then() -> Any:
    """Not withdrawn by `:now`, and made by then; what no client made is the law, which was there before us."""
    rules = deadline_rules.c
    made = or_(rules.client_id.is_(None), rules.created_at <= AT)
    return made & or_(rules.withdrawn_at.is_(None), rules.withdrawn_at > AT)


def _counting(definition_key: Any, agency_id: Any, period: Any) -> Any:
    """The rule that counted then: the most particular one, among equals the youngest."""
    rules = deadline_rules.c
    mine = or_(rules.agency_id.is_(None), rules.agency_id == agency_id)
    of_period = or_(rules.period.is_(None), rules.period == period)
    return (
        select(rules.rule, rules.verified, rules.event_on)
        .where(rules.definition_key == definition_key, mine, of_period, _held_then())
        .order_by(rules.period.is_(None), rules.agency_id.is_(None), rules.created_at.desc(), rules.id.desc())
        .limit(1)
        .lateral("counting")
    )


_OWED = {is_past: Reading(partial(_owed_rows, is_past)) for is_past in (True, False)}


def _seats() -> Select[Any]:
    given = bindparam("agencies", type_=ARRAY(Uuid)), bindparam("keys", type_=ARRAY(Text))
    pair = func.unnest(*given).table_valued(column("agency_id", Uuid), column("key", Text)).render_derived("pair")
    seats = cast(seats_of(pair.c.agency_id, pair.c.key), Text).label("roster")
    return select(agencies.c.key.label("agency"), pair.c.key, seats).join_from(
        pair, agencies, agencies.c.id == pair.c.agency_id
    )


_SEATS = Reading(_seats)
