"""SOPs, states and people for tests. Each factory fills in what it implies, so a test names only what it is about."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from inspect import signature
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from engine import decide
from engine.calendar import REGULAR_HOURS, Change, ChangeKind, WorkCalendar
from engine.commands import Answer, Claim, Complete, Deliver, Office, Performer, Start, Undo
from engine.compiler import CompiledProcess
from engine.decide import Decision, NewId
from engine.definition import (
    Activity,
    ActivityKind,
    Branch,
    Cycle,
    Node,
    NodeKind,
    Party,
    ProcessDefinition,
    Role,
    Route,
    RouteKind,
    Source,
)
from engine.events import Event, from_record, record
from engine.evolve import is_attended, replay
from engine.schedule import Schedule
from engine.state import ROOT, InstanceState, InstanceStatus, Output, Scope, TaskState, TaskStatus, lane
from engine.working_time import CompiledCalendar

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday 2 March 2026, 08.00 in Jakarta."""


def ids(first: int = 1) -> NewId:
    """Identities that count up, so that a test can name them."""
    numbers = count(first)
    return lambda: UUID(int=next(numbers))


def an_official(name: str) -> UUID:
    """The same official for the same name, in every test."""
    return uuid5(NAMESPACE_URL, f"official:{name}")


# The sheet


def forward(to: str | None, outcome: str = "completed") -> Route:
    return Route(outcome=outcome, kind=RouteKind.FORWARD, to=to)


def back(to: str | None, outcome: str = "returned") -> Route:
    return Route(outcome=outcome, kind=RouteKind.RETURN, to=to)


def an_activity(id: str, *routes: Route, role: str = "pelaksana", number: int = 1, **given: Any) -> Activity:
    """A box that completes; a diamond as soon as one of its routes leads back."""
    routes = routes or (forward(None),)
    decides = len(routes) > 1 or any(route.kind is RouteKind.RETURN for route in routes)
    return Activity(
        **{
            "id": id,
            "number": number,
            "name": id.replace("_", " ").capitalize(),
            "kind": ActivityKind.DECISION if decides else ActivityKind.EXECUTION,
            "candidate_roles": (role,),
            "routes": routes,
            **given,
        }
    )


def a_block(id: str = "blok", *, to: str | None = None, at_least: int | None = None, **branches: Any) -> Node:
    """A parallel node; each further name is a branch with its members."""
    listed = tuple(Branch(id=branch, members=tuple(members)) for branch, members in branches.items())
    return Node(id=id, kind=NodeKind.PARALLEL, branches=listed, at_least=at_least, to=to)


def each_unit(*members: str, id: str = "per_bidang", to: str | None = None, **given: Any) -> Node:
    """The same members once for every bidang."""
    return Node(id=id, kind=NodeKind.EACH_UNIT, members=members, to=to, **({"units": "bidang"} | given))


def a_wait(*routes: Route, id: str = "tunggu", party: str = "bappeda") -> Node:
    return Node(id=id, kind=NodeKind.WAIT, party=party, routes=routes or (forward(None),))


def from_units(kind: str = "bidang") -> Source:
    return Source(units=kind)


def from_party(party: str) -> Source:
    return Source(party=party)


def a_definition(*activities: Activity, **given: Any) -> ProcessDefinition:
    """An SOP of these activities and nodes, with the roles and parties they name."""
    activities = activities or (an_activity("satu"),)
    roles = dict.fromkeys(role for one in activities for role in (*one.candidate_roles, *one.assisting_roles))
    parties = dict.fromkeys(
        filter(
            None,
            (
                *(node.party for node in given.get("nodes", ())),
                *(source.party for one in activities for source in one.awaits),
                *(party for one in activities for party in one.sends_to),
            ),
        )
    )
    return ProcessDefinition(
        **{
            "key": "sop-uji",
            "title": "SOP Uji",
            "agency": "dinas-uji",
            "roles": tuple(Role(id=role, name=role.replace("_", " ").title()) for role in roles),
            "cycle": (Cycle.YEARLY,),
            "activities": activities,
            "parties": tuple(Party(id=party, name=party.title()) for party in parties),
            **given,
        }
    )


def a_process(*activities: Activity, version: int = 1, **given: Any) -> CompiledProcess:
    """A compiled SOP; without activities the ten rows of a LAKIP whose three decisions return one level back."""
    return CompiledProcess(a_definition(*(activities or LAKIP), **given), version)


LAKIP = (
    an_activity("disposisi", forward("bentuk_tim"), number=1, role="kepala_dinas", output="Lembar disposisi"),
    an_activity("bentuk_tim", forward("kumpulkan_data"), number=2, role="sekretaris", output="SK Tim"),
    an_activity("kumpulkan_data", forward("susun_draf"), number=3, role="kepala_bidang", output="Data kinerja"),
    an_activity(
        "susun_draf",
        forward("periksa_draf"),
        number=4,
        role="kasubbag_program",
        assisting_roles=("kepala_bidang",),
        output="Draf LAKIP",
    ),
    an_activity("periksa_draf", forward("sempurnakan", "approved"), back("susun_draf"), number=5, role="kepala_bidang"),
    an_activity(
        "sempurnakan", forward("verifikasi"), number=6, role="kasubbag_program", output="LAKIP siap verifikasi"
    ),
    an_activity("verifikasi", forward("finalisasi", "approved"), back("sempurnakan"), number=7, role="sekretaris"),
    an_activity("finalisasi", forward("tanda_tangan"), number=8, role="kasubbag_program", output="LAKIP final"),
    an_activity(
        "tanda_tangan",
        forward("kirim", "approved"),
        back("finalisasi"),
        number=9,
        role="kepala_dinas",
        output="LAKIP bertanda tangan",
    ),
    an_activity("kirim", number=10, role="staf_umum", output="Tanda terima"),
)
"""Kegiatan 5, 7 and 9 are decisions; only the last of them prints an output."""


# Time


def a_schedule(id: str = "a" * 64, off: tuple[str, ...] = (), **given: Any) -> Schedule:
    """Regular hours in Jakarta, with some days off of the agency's own."""
    changes = tuple(
        Change(kind=ChangeKind.ADD, date=date.fromisoformat(day), name="Libur daerah", legal_basis="SK Bupati")
        for day in off
    )
    calendar = WorkCalendar(zone="Asia/Jakarta", hours=(REGULAR_HOURS,), changes=changes)
    return Schedule(CompiledCalendar(calendar), id, **given)


# People and documents


def an_office(role: str, **given: Any) -> Office:
    return Office(**{"role": role, "position": f"Jabatan {role}", **given})


def a_performer(*roles: str, name: str | None = None, offices: tuple[Office, ...] = (), **office: Any) -> Performer:
    """An official who holds these roles; without a name the one official who is known by them."""
    name = name or "-".join(roles or (one.role for one in offices))
    held = tuple(an_office(role, **office) for role in roles)
    return Performer(official=an_official(name), name=name, offices=held + offices)


def an_output(name: str = "Dokumen", **given: Any) -> Output:
    """A document that is there, unless told why it is missing."""
    return Output(name=name, **(given or {"reference": "DOK/1"}))


# States


def a_task(activity: str = "satu", *, status: str = "open", **given: Any) -> TaskState:
    """A task with the assignee, performer and times its status implies."""
    stands = TaskStatus(status)
    implied: dict[str, Any] = {}
    if stands in (TaskStatus.CLAIMED, TaskStatus.COMPLETED):
        implied |= {"assignee": an_official("pelaksana")}
    if not stands.is_live:
        implied |= {"closed_at": NOW}
    if stands is TaskStatus.COMPLETED:
        implied |= {"outcome": "completed", "performed_by": an_official("pelaksana")}
    return TaskState(
        **{
            "id": UUID(int=900),
            "activity": activity,
            "scope": ROOT,
            "unit": None,
            "round": 1,
            "status": stands,
            "opened_at": NOW,
            "held_since": NOW,
            **implied,
            **given,
        }
    )


def a_state(task: TaskState | None = None, **given: Any) -> InstanceState:
    """A running instance whose token rests on the activity of its live task."""
    task = task or a_task()
    return InstanceState(
        **{
            "status": InstanceStatus.RUNNING,
            "root": Scope(id=ROOT, node=task.activity),
            "started_at": NOW,
            "latest_at": NOW,
            "tasks": (task,),
            "rounds": {lane(task.activity, task.unit): task.round},
            **given,
        }
    )


def a_start(**given: Any) -> Start:
    return Start(
        **{
            "by": Performer(),
            "agency": "dinas-uji",
            "period": "2026",
            "title": "LAKIP 2026",
            **given,
        }
    )


class Run:
    """A running instance: its state, all its events, and its tasks as they were last touched.

    An hour passes with every deed, so that no two of them are confused.
    """

    def __init__(
        self, process: CompiledProcess | None = None, start: Start | None = None, schedule: Schedule | None = None
    ) -> None:
        self.process = process or a_process()
        self.schedule = schedule
        self.new_id = ids()
        self.now = NOW
        self.events: list[Event] = []
        self.tasks: dict[UUID, TaskState] = {}
        begin = start or a_start()
        self._took(decide.start(self.process, begin, now=self.now, new_id=self.new_id, schedule=schedule))

    @property
    def task(self) -> TaskState:
        """The one live task."""
        (task,) = self.state.tasks
        return task

    @property
    def activity(self) -> Activity:
        return self.process.activity(self.task.activity)

    @property
    def open(self) -> list[str]:
        """What waits: each lane, in order, with its round from the second on (`satu`, `satu@aset #2`)."""
        return sorted(
            lane(task.activity, task.unit) + (f" #{task.round}" if task.round > 1 else "") for task in self.state.tasks
        )

    def at(self, activity: str, unit: str | None = None) -> TaskState:
        """The live task of an activity (of a unit)."""
        (task,) = (one for one in self.state.tasks if (one.activity, one.unit) == (activity, unit))
        return task

    def do(self, deed: Callable[..., Decision], command: Any, at: datetime | None = None) -> Decision:
        """Carry out a command, an hour later unless told when; a refusal leaves everything as it was."""
        later = at or self.now + timedelta(hours=1)
        timed = {"schedule": self.schedule} if "schedule" in signature(deed).parameters else {}
        decision = deed(self.process, self.state, command, now=later, new_id=self.new_id, **timed)
        self.now = later
        return self._took(decision)

    def claim(self, by: Performer | None = None, task: TaskState | None = None) -> Decision:
        task = task or self.task
        return self.do(decide.claim, Claim(by=by or self.candidate(task), task=task.id))

    def complete(self, outcome: str | None = None, **given: Any) -> Decision:
        """Complete the live task as the sheet wants it: the outputs it prints, a reason for a return."""
        return self.do(decide.complete, self.completion(outcome, **given))

    def finish(self, activity: str, outcome: str | None = None, unit: str | None = None, **given: Any) -> UUID:
        """Complete one of several live tasks as the sheet wants it. Which task it was."""
        task = self.at(activity, unit)
        self.do(decide.complete, self.completion(outcome, task, **given))
        return task.id

    def completion(self, outcome: str | None = None, live: TaskState | None = None, **given: Any) -> Complete:
        task = live or self.task
        activity = self.process.activity(task.activity)
        implied: dict[str, Any] = {"by": self.candidate(task), "task": task.id, "outcome": outcome}
        route = next((route for route in activity.routes if route.outcome == outcome), activity.routes[0])
        if route.kind is RouteKind.RETURN:
            implied |= {"reason": "Angka belum cocok"}
        else:
            implied |= {"outputs": tuple(an_output(name) for name in activity.expected_outputs)}
        return Complete(**(implied | given))

    def undo(self, task: UUID, by: Performer | None = None, reason: str = "Salah pilih") -> Decision:
        """Take back how a task ended, as the one who ended it."""
        closed = self.tasks[task]
        by = by or Performer(official=closed.performed_by, name="Pelaku")
        return self.do(decide.undo, Undo(by=by, task=task, reason=reason))

    def answer(self, outcome: str | None = None, party: str = "bappeda", **given: Any) -> Decision:
        return self.do(decide.answer, Answer(**{"by": Performer(), "party": party, "outcome": outcome, **given}))

    def deliver(self, source: str, **given: Any) -> Decision:
        task = given.pop("task", None) or self.task.id
        return self.do(decide.deliver, Deliver(**{"by": Performer(), "task": task, "source": source, **given}))

    def candidate(self, task: TaskState | None = None) -> Performer:
        """Somebody who may do the live task: its first candidate role, in its unit."""
        task = task or self.task
        role = self.process.activity(task.activity).candidate_roles[0]
        return a_performer(role, name=lane(role, task.unit), unit=task.unit)

    def forward(self) -> Decision:
        """Complete the live task with its first outcome that leads on."""
        ahead = next(route for route in self.activity.routes if route.kind is RouteKind.FORWARD)
        return self.complete(ahead.outcome)

    def until(self, activity: str) -> Run:
        """Go on until this activity waits."""
        while self.task.activity != activity:
            self.forward()
        return self

    def to_the_end(self) -> Run:
        while not self.state.status.is_over:
            self.forward()
        return self

    def _took(self, decision: Decision) -> Decision:
        self.state = decision.state
        self.events += decision.events
        self.tasks |= {task.id: task for task in decision.tasks}
        return decision


class Retold(Run):
    """A run that is told again from its trail after every deed, and must be the same run."""

    def _took(self, decision: Decision) -> Decision:
        super()._took(decision)
        told = replay(self.process, [from_record(record(event)[0]) for event in self.events])
        assert told.state == self.state == InstanceState.model_validate_json(self.state.model_dump_json())
        assert told.touched == tuple(self.tasks.values())
        assert self.state.status.is_over or is_attended(self.process, self.state)
        return decision
