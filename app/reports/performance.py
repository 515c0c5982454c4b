"""How long the steps of an SOP really take beside their norms, round by round, and in whose hands the time went.

Counted is every round that was done within a span of time; work recorded on paper, by when it was done. What was
withdrawn, cancelled or taken back was not done. Steps come in the order of the sheet, those that only older versions
have after the others.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from sqlalchemy import Select, Text, bindparam, cast, func, literal_column, null, select
from sqlalchemy.dialects.postgresql import JSONB

from app.calendars.schemas import CaveatView
from app.definitions import queries as definitions
from app.definitions.schemas import DefinitionView
from app.errors import RequestInvalid
from app.identity.callers import Caller
from app.instances.drawing import task_of
from app.instances.journal import Journal
from app.instances.past import AT
from app.instances.picking import among
from app.instances.statements import SCHEDULE
from app.moments import Asked, Named, asked_of
from app.paging import Listing, Page, ordinal, split
from app.reading import Reading
from app.reports.hands import Hands, Place, Seats
from app.reports.own_time import Figures, Round, Whose, round_of
from app.tables import agencies, instances, tasks
from app.tables.metadata import Instant
from engine.compiler import CompiledProcess
from engine.deadline import period_end
from engine.definition import Activity, TimeLimit
from engine.errors import Mistake
from engine.schedule import Schedule
from engine.state import Pause, TaskState, TaskStatus
from engine.working_time import CompiledCalendar


class Performance(Listing):
    """What to count: a period, or from one day to another (or now), both included, in each agency's zone."""

    period: str | None = Field(default=None, description="2026-S1, 2026, 2026-Q1, 2026-03, 2025-2029")
    from_: Named | None = Field(default=None, alias="from", description="A moment, or the beginning of that day.")
    to: Named | None = Field(default=None, description="A moment, or the end of that day; now unless told.")
    agency: str | None = Field(default=None, description="Keys or ids of agencies, comma-separated.")


class RoundPerformance(Figures):
    """Every first round of a step, every second, and so on."""

    round: int


class HolderPerformance(Figures):
    """What one had of a step's time, in so many rounds.

    `holder` had claimed it; where nobody had, it waited on `position`, and `holder` is its only holder, if there is
    only one. Both are null for parties.
    """

    agency: str
    whose: Whose
    position: str | None
    official: UUID | None
    holder: str | None


class StepPerformance(Figures):
    """A step beside its norm: the printed time, and what it came to in working time (the median of these rounds).

    `count` rounds were done, in so many instances; `latest_round` is the highest one. `in_time` and `late` leave out
    rounds without a due date. What `holders` had adds up to the whole.
    """

    activity: str
    number: int
    name: str
    time_limit: TimeLimit | None
    norm_minutes: int | None
    instances: int
    latest_round: int | None
    in_time: int
    late: int
    rounds: list[RoundPerformance]
    holders: list[HolderPerformance]


class PerformanceReport(Page[StepPerformance]):
    """One page of the steps of an SOP, and the span of time in which they were done.

    `caveats` tell what is not settled about the days these times were reckoned on.
    """

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True, validate_by_alias=True)

    definition: str
    version: int
    title: str
    from_: datetime = Field(alias="from")
    to: datetime
    caveats: list[CaveatView]


class PerformanceLine(BaseModel):
    """A step, one of its rounds, or what one had of its time, as a line of a spreadsheet.

    `of` is `step`, `round`, or whose time it was.
    """

    activity: str
    number: int
    name: str
    norm: str | None
    norm_minutes: int | None
    of: str
    round: int | None = None
    agency: str | None = None
    position: str | None = None
    holder: str | None = None
    count: int
    median_minutes: int | None
    p90_minutes: int | None
    total_minutes: int
    in_time: int | None = None
    late: int | None = None

    @classmethod
    def of_step(cls, step: StepPerformance) -> list[PerformanceLine]:
        """The lines of a step: itself, its rounds, and whose time it was."""
        norm = step.time_limit.text if step.time_limit else None
        same = {name: getattr(step, name) for name in ("activity", "number", "name", "norm_minutes")} | {"norm": norm}

        def line(of: str, told: Figures, *names: str) -> PerformanceLine:
            shown = {name: getattr(told, name) for name in (*Figures.model_fields, *names)}
            return cls(**same, of=of, **shown)

        return [
            line("step", step, "in_time", "late"),
            *(line("round", one, "round") for one in step.rounds),
            *(line(one.whose, one, "agency", "position", "holder") for one in step.holders),
        ]


async def performance(
    journal: Journal, caller: Caller, key: str, listing: Performance, now: datetime
) -> PerformanceReport:
    """How long the steps of an SOP took in the caller's agencies. Raises NotFound."""
    sop = await definitions.version(journal.database, caller, key)
    served = dict.fromkeys(one for name in split(listing.agency) or caller.agencies if (one := caller.agency(name)))
    moments = await _moments(journal, served, listing, now)
    after = listing.after(ordinal)
    done = _Done()
    for asked in moments:
        await done.read(journal, asked, key)
    steps = done.steps(sop)
    first = 0 if after is None else after
    shown = steps[first : first + listing.limit]
    seats = await Seats.of(journal.database, served, key, done.officials())
    beyond = first + len(shown)
    return PerformanceReport(
        items=[_told(activity, done.rounds[activity.id], seats) for activity in shown],
        next=listing.cursor_at(str(beyond)) if beyond < len(steps) else None,
        definition=key,
        version=sop.version,
        title=sop.title,
        from_=min((asked.before for asked in moments if asked.before), default=now),
        to=max((asked.at for asked in moments), default=now),
        caveats=done.caveats(),
    )


# The span of time


async def _moments(journal: Journal, served: Iterable[UUID], listing: Performance, now: datetime) -> tuple[Asked, ...]:
    """What is asked of the agencies: all that was done from `before` until `at`."""
    if (listing.period is None) == (listing.from_ is None) or (listing.period and listing.to):
        raise RequestInvalid(_SPAN_MISTAKE)
    since, until = _days(listing.period, now) if listing.period else (listing.from_, listing.to)
    moments = await asked_of(journal.database, served, now, as_of=until, due_before=since)
    if any(asked.before and asked.before > asked.at for asked in moments):
        raise RequestInvalid(_EMPTY_SPAN)
    return moments


def _days(period: str, now: datetime) -> tuple[str, str]:
    """The first and the last day of a period, up to today (where the day begins first)."""
    try:
        last = period_end(period)
    except ValueError as wrong:
        raise RequestInvalid(_SPAN_MISTAKE) from wrong
    year, part = int(period[:4]), period[5:]
    if not 1901 <= year < 3000:
        raise RequestInvalid(_SPAN_MISTAKE)
    first = date(year, _FIRST_MONTHS.get(part) or (int(part) if len(part) == 2 else 1), 1)
    return first.isoformat(), min(last, now.astimezone(ZoneInfo("Asia/Jayapura")).date()).isoformat()


_FIRST_MONTHS = {"S1": 1, "S2": 7, "Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10}

_SPAN_MISTAKE = Mistake(
    at="period",
    message_id="Sebutkan periode, atau tanggal awal (from) dengan atau tanpa tanggal akhir (to); jangan keduanya.",
    message_en="Name a period, or a first day (from) with or without a last one (to), but not both.",
    expected="period=2026-S1 | from=2026-01-01&to=2026-06-30",
)
_EMPTY_SPAN = Mistake(
    at="from",
    message_id="Awal masa ini sesudah akhirnya, atau belum tiba. Sebutkan waktu yang lebih awal.",
    message_en="This span begins after its end, or has not begun yet. Name an earlier moment.",
)


# What was done


@dataclass(frozen=True, slots=True)
class _Counted:
    """A round with what it was counted for."""

    task: TaskState
    round: Round
    place: Place
    instance: UUID


class _Done:
    """The rounds that were done, by activity; which version had each activity last; and what days were reckoned on."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[_Counted]] = defaultdict(list)
        self.latest: dict[str, tuple[int, Activity]] = {}
        self._days: dict[str, tuple[CompiledCalendar, date, date]] = {}

    async def read(self, journal: Journal, asked: Asked, key: str) -> None:
        """Add what was done in some agencies."""
        given = {"agencies": list(asked.agencies), "now": asked.at, "since": asked.before, "definition": key}
        for number, row in enumerate(await _ROUNDS.rows(journal.database, **given)):
            if number % 100 == 0:
                await asyncio.sleep(0)  # thousands of rounds keep nobody else waiting
            process, schedule = (
                await journal.catalog.process(row["definition_id"]),
                await journal.calendars.schedule(row),
            )
            self._add(row, process, schedule)

    def _add(self, row: Any, process: CompiledProcess, schedule: Schedule) -> None:
        task, activity = task_of(row), process.activity(row["task_activity"])
        parties = {party.id for party in process.definition.parties}
        suspensions = _SUSPENSIONS.validate_json(row["suspensions"])
        done = round_of(task, suspensions, activity.time_limit, parties, schedule.calendar)
        place = Place(row["agency"], row["agency_id"], activity.candidate_roles, task.unit)
        self.rounds[activity.id].append(_Counted(task, done, place, row["instance_id"]))
        self.latest[activity.id] = max(
            (process.version, activity), self.latest.get(activity.id, (0, activity)), key=lambda one: one[0]
        )
        begun, ended = (schedule.calendar.line.date(moment) for moment in (task.opened_at, done.done_at))
        _, first, last = self._days.get(schedule.id, (None, begun, ended))
        self._days[schedule.id] = schedule.calendar, min(first, begun), max(last, ended)

    def steps(self, sop: DefinitionView) -> list[Activity]:
        """The activities of the sheet in its order, and then those that only older versions have."""
        printed = {activity.id for activity in sop.activities}
        former = (activity for id_, (_, activity) in self.latest.items() if id_ not in printed)
        return [*sop.activities, *sorted(former, key=lambda one: (one.number, one.id))]

    def officials(self) -> list[UUID]:
        """Everybody who held one of them."""
        held = (own.official for rounds in self.rounds.values() for one in rounds for own in one.round.stretches)
        return list({official for official in held if official})

    def caveats(self) -> list[CaveatView]:
        found = (one for calendar, first, last in self._days.values() for one in calendar.caveats(first, last))
        return [CaveatView.of(one) for one in dict.fromkeys(found)]


_SUSPENSIONS = TypeAdapter(tuple[Pause, ...])


def _rounds() -> Select[Any]:
    """The tasks of an SOP that were done from `:since` until `:now`."""
    done = func.coalesce(tasks.c.performed_at, tasks.c.closed_at)
    since = bindparam("since", type_=Instant)
    own = (cast(one, Text) if isinstance(one.type, JSONB) else one for one in tasks.c)
    return (
        select(
            *(one.label(f"task_{name}") for name, one in zip(tasks.c.keys(), own, strict=True)),
            null().label("returned_as"),
            tasks.c.agency_id,
            tasks.c.instance_id,
            instances.c.definition_id,
            cast(instances.c.suspensions, Text).label("suspensions"),
            agencies.c.key.label("agency"),
            *SCHEDULE,
        )
        .join_from(tasks, instances, instances.c.id == tasks.c.instance_id)
        .join(agencies, agencies.c.id == tasks.c.agency_id)
        .where(
            among(tasks.c.agency_id, "agencies"),
            instances.c.definition_key == bindparam("definition", type_=Text),
            tasks.c.status == literal_column(f"'{TaskStatus.COMPLETED}'", Text),
            tasks.c.closed_at >= since,  # nothing is recorded before it is done; by an index
            done >= since,
            done <= AT,
        )
        .order_by(tasks.c.id)
    )


_ROUNDS = Reading(_rounds)


# What is told of a step


def _told(activity: Activity, done: Sequence[_Counted], seats: Seats) -> StepPerformance:
    norms = [one.round.norm for one in done if one.round.norm is not None]
    judged = [one.round.in_time for one in done if one.round.in_time is not None]
    return StepPerformance(
        **dict(Figures.of([one.round.time for one in done])),
        activity=activity.id,
        number=activity.number,
        name=activity.name,
        time_limit=activity.time_limit,
        norm_minutes=Figures.of(norms).median_minutes,
        instances=len({one.instance for one in done}),
        latest_round=max((one.task.round for one in done), default=None),
        in_time=sum(judged),
        late=len(judged) - sum(judged),
        rounds=_by_round(done),
        holders=_by_holder(done, seats),
    )


def _by_round(done: Sequence[_Counted]) -> list[RoundPerformance]:
    times: dict[int, list[timedelta]] = defaultdict(list)
    for one in done:
        times[one.task.round].append(one.round.time)
    return [RoundPerformance(round=number, **dict(Figures.of(times[number]))) for number in sorted(times)]


def _by_holder(done: Sequence[_Counted], seats: Seats) -> list[HolderPerformance]:
    """Those who had most of the time first."""
    times: dict[Hands, list[timedelta]] = defaultdict(list)
    for one in done:
        mine: dict[Hands, timedelta] = defaultdict(timedelta)
        for own in one.round.stretches:
            mine[seats.hands(one.place, own)] += own.time
        for hands, time in mine.items():
            times[hands].append(time)
    told = [
        HolderPerformance(
            agency=hands.agency,
            whose=hands.whose,
            position=hands.position,
            official=hands.official,
            holder=seats.names.get(hands.official) if hands.official else None,
            **dict(Figures.of(theirs)),
        )
        for hands, theirs in times.items()
    ]
    return sorted(
        told, key=lambda one: (-one.total_minutes, one.agency, one.whose, one.position or "", str(one.official))
    )
