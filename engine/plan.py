"""Will it be in time? Where the steps that are left would end, and when each must begin for the deadline to hold.

Both go along the happy path: the first forward outcome of everything, every branch, every unit. Parties take no time,
for nobody can promise any for them. A plan is a forecast; no token ever moves by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.compiler import ENDED, CompiledProcess
from engine.definition import Activity, Node, RouteKind
from engine.places import Place, branches_of
from engine.schedule import Schedule
from engine.state import InstanceState, Pause, Scope, TaskState


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """An activity that is left: the latest moment to begin it, and the latest to end it."""

    activity: str
    latest_start: datetime
    latest_end: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """When everything would end, and what the deadline asks of each activity that is left, in the order of the sheet.

    `slack_minutes` is the working time between the expected end and the deadline, negative where it would be missed.
    """

    expected_end: datetime
    slack_minutes: int
    latest_start: datetime
    steps: tuple[PlannedStep, ...]

    @property
    def will_miss(self) -> bool:
        return self.slack_minutes < 0


def plan(
    process: CompiledProcess, state: InstanceState | None, deadline: datetime, schedule: Schedule, now: datetime
) -> Plan:
    """The plan of an instance that runs, or (state null) of one that would be started now."""
    forecast = _Forecast(process, schedule, now)
    first = process.places.first
    end = forecast.end_of(state.root, state) if state else forecast.flow(first, now)
    backward = _Backward(process, schedule, deadline)
    left = [activity.id for activity in process.definition.activities if activity.id in forecast.met]
    steps = tuple(PlannedStep(one, backward.start(one), backward.end(one)) for one in left)
    return Plan(
        expected_end=end.astimezone(UTC),
        slack_minutes=schedule.calendar.working_time(end, deadline).minutes,
        latest_start=min((step.latest_start for step in steps), default=deadline),
        steps=steps,
    )


def _forward(part: Activity | Node) -> str | None:
    """Where the first forward outcome leads; null where the branch ends."""
    if isinstance(part, Node) and not part.routes:
        return part.to
    return next((route.to for route in part.routes if route.kind is RouteKind.FORWARD), None)


class _Forecast:
    """Lays the time limits of what is left one after another. `met` are the parts on the way."""

    def __init__(self, process: CompiledProcess, schedule: Schedule, now: datetime) -> None:
        self._process, self._schedule, self._now = process, schedule, now
        self.met: set[str] = set()

    def end_of(self, scope: Scope, state: InstanceState) -> datetime:
        """When the token of a scope would have ended."""
        if scope.node == ENDED:
            return self._now
        if scope.children:
            ends = sorted(self.end_of(child, state) for child in scope.children)
            return self._onward(scope.node, ends[min(scope.joins_at or len(ends), len(ends)) - 1])
        task = next((one for one in state.tasks if one.scope == scope.id), None)
        self.met.add(scope.node)
        return self._onward(scope.node, self._end_of_task(task, state) if task else self._now)

    def flow(self, part_id: str, start: datetime) -> datetime:
        """When a token that comes to a part then would have ended in the part's own place."""
        if part_id in self.met and self._leads_round(part_id):
            return start
        self.met.add(part_id)
        return self._onward(part_id, self._end(self._process.places.parts[part_id], start))

    def _onward(self, part_id: str, end: datetime) -> datetime:
        places = self._process.places
        to = _forward(places.parts[part_id])
        return end if to is None or places.of[to] != places.of[part_id] else self.flow(to, end)

    def _end(self, part: Activity | Node, start: datetime) -> datetime:
        if isinstance(part, Activity):
            laid = self._schedule.lay(start, part.time_limit, ())
            return laid.due_at if laid else start
        if part.routes:
            return start
        return max((self.flow(members[0], start) for _, members in branches_of(part)), default=start)

    def _end_of_task(self, task: TaskState, state: InstanceState) -> datetime:
        stops = tuple(self._until_now(one) for one in state.stops_of(task))
        laid = self._schedule.lay(task.opened_at, self._process.activity(task.activity).time_limit, stops)
        return max(self._now, laid.due_at) if laid else self._now

    def _until_now(self, pause: Pause) -> Pause:
        return pause if pause.until else pause.model_copy(update={"until": max(self._now, pause.since)})

    def _leads_round(self, part_id: str) -> bool:
        """Whether forward outcomes lead from a part back to itself, which a forecast follows once only."""
        seen: set[str] = set()
        at: str | None = part_id
        while at is not None and at not in seen:
            seen.add(at)
            at = _forward(self._process.places.parts[at])
        return at is not None


class _Backward:
    """Counts back from the deadline, each part once."""

    def __init__(self, process: CompiledProcess, schedule: Schedule, deadline: datetime) -> None:
        self._process, self._schedule, self._deadline = process, schedule, deadline
        self._starts: dict[str, datetime] = {}
        self._under_way: set[str] = set()

    def start(self, part_id: str) -> datetime:
        """The latest moment at which a token may come to a part."""
        if part_id in self._under_way:
            return self._deadline
        if part_id not in self._starts:
            self._under_way.add(part_id)
            self._starts[part_id] = self._start(self._process.places.parts[part_id])
            self._under_way.discard(part_id)
        return self._starts[part_id]

    def end(self, part_id: str) -> datetime:
        """The latest moment at which a token may leave a part."""
        places = self._process.places
        to = _forward(places.parts[part_id])
        if to is not None:
            return self.start(to)
        home: Place = places.of[part_id]
        return self._deadline if home.inside is None else self.end(home.inside)

    def _start(self, part: Activity | Node) -> datetime:
        if isinstance(part, Activity):
            end = self.end(part.id)
            if part.time_limit is None:
                return end
            return self._schedule.calendar.latest_start(end, part.time_limit).at.astimezone(UTC)
        if part.routes:
            return self.end(part.id)
        return min((self.start(members[0]) for _, members in branches_of(part)), default=self.end(part.id))
