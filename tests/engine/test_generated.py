"""Whatever is drawn and done: the proof is right, nothing contradicts the trail, and the end stays in reach.

The number of examples is that of the Hypothesis profile: few in `make test`, ten thousand in `make soak`.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, assume, event, given, note, settings
from hypothesis import strategies as st

from engine import checks, decide, proof
from engine.commands import (
    Announce,
    Answer,
    Claim,
    Complete,
    Deliver,
    GoOn,
    LayAnew,
    Pause,
    Performer,
    Resume,
    StartAt,
    Suspend,
    Unclaim,
    Undo,
)
from engine.compiler import CompiledProcess
from engine.definition import NodeKind, ProcessDefinition, RouteKind, TimeLimit, TimeUnit
from engine.errors import Refused, UnitsRequired
from engine.evolve import is_attended, replay
from engine.places import OUTERMOST
from engine.scopes import Units
from engine.state import InstanceStatus, TaskState, TaskStatus
from tests.engine.generated import UNITS, broken_definitions, described, sound_definitions
from tests.engine.marking import Game, TooMany, Verdict, judged, units_to_try
from tests.factories import Run, a_performer, a_schedule, a_start, an_office, an_output

MOST_MARKINGS = 500 if settings().max_examples < 1_000 else 5_000
"""What has more is passed over: a few in a hundred, which would take most of the time."""

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


# The proof against the search of whole markings


@THOROUGH
@given(sound_definitions())
def test_what_was_built_soundly_is_proved_sound(definition: ProcessDefinition) -> None:
    for line in described(definition):
        note(line)

    assert checks.findings(definition) == ()
    assert proof.findings(definition) == ()
    assert _verdict(CompiledProcess(definition, 1)).is_sound


@THOROUGH
@given(broken_definitions())
def test_what_was_broken_is_refused_or_is_sound_by_the_search_of_whole_markings(definition: ProcessDefinition) -> None:
    for line in described(definition):
        note(line)
    if checks.findings(definition):
        event("refused for its shape")
        return
    process = CompiledProcess(definition, 1)
    proved, verdict = proof.prove(process), _verdict(process)
    event("sound" if verdict.is_sound else "unsound")

    assert (proved.findings == ()) == verdict.is_sound, (proved.findings, verdict)
    assert _unreached(proved) <= verdict.unreached


@THOROUGH
@given(broken_definitions())
def test_a_counter_example_can_be_walked_and_none_is_shorter(definition: ProcessDefinition) -> None:
    assume(not checks.findings(definition))
    assume(not any(node.units for node in definition.nodes))  # its steps name no unit
    process = CompiledProcess(definition, 1)
    proved, game = proof.prove(process), Game(process, {})
    told = list(zip(proved.findings, proved.counter_examples, strict=True))
    for finding, course in told:
        note(f"{finding.message_en} {course}")
        root = game.begun
        for wanted in course:
            root = {turn.step: turn.after for turn in game.turns(root)}[wanted]
        if "no way left" in finding.message_en:
            event("stuck")
            assert game.is_stuck_somewhere(root)

    verdict = _verdict(process)
    for words, shortest in (("cuts them off", verdict.cut_off), ("never finished", verdict.never_finished)):
        courses = [course for found, course in told if words in found.message_en]
        assert min(map(len, courses), default=None) == (None if shortest is None else len(shortest))


def _verdict(process: CompiledProcess) -> Verdict:
    try:
        return judged(process, units_to_try(process), MOST_MARKINGS)
    except TooMany:
        event("too many markings")
        assume(False)
        raise


def _unreached(proved: proof.Proof) -> set[str]:
    told = zip(proved.findings, proved.counter_examples, strict=True)
    return {finding.message_en.split('"')[1] for finding, course in told if "never reached" in finding.message_en}


# Running it

UNIT_NAMES = ("u1", "u2", "u3")
OFFICES = tuple(an_office("pelaksana", unit=unit) for unit in (None, *UNIT_NAMES))
PEOPLE = tuple(a_performer(name=name, offices=OFFICES) for name in ("Ani", "Budi"))

DEEDS = (
    *["complete"] * 8,
    *["claim", "unclaim", "answer", "deliver", "undo"] * 2,
    *["suspend", "resume", "pause", "go_on", "announce", "another_calendar"],
)
SCHEDULES = (a_schedule(), a_schedule("b" * 64, off=("2026-03-03", "2026-03-05")))
LIMITS = (
    None,
    TimeLimit(text="2 Jam", amount=2, unit=TimeUnit.HOURS),
    TimeLimit(text="1 Hari", amount=1, unit=TimeUnit.WORKDAYS),
)


@THOROUGH
@given(sound_definitions(), st.data())
def test_whatever_is_done_can_be_replayed_and_leads_to_the_end(
    definition: ProcessDefinition, data: st.DataObject
) -> None:
    for line in described(definition):
        note(line)
    run = _started(definition, data)
    _examine(run)
    for _ in range(data.draw(st.integers(8, 40))):
        if run.state.status.is_over:
            break
        if _attempt(run, data):
            _examine(run)

    _to_the_end(run)
    assert run.state.status is InstanceStatus.COMPLETED
    assert not run.state.tasks
    assert not run.state.asked
    assert replay(run.process, run.events).state == run.state


def _started(definition: ProcessDefinition, data: st.DataObject) -> Run:
    timed = tuple(
        one.model_copy(update={"time_limit": LIMITS[index % len(LIMITS)]})
        for index, one in enumerate(definition.activities)
    )
    process = CompiledProcess(definition.model_copy(update={"activities": timed}), 1)
    start = a_start(units=_units(definition, data))
    middle = [one.id for one in definition.activities if process.places.of[one.id] == OUTERMOST]
    if middle and data.draw(st.integers(1, 5)) == 1:
        start = a_start(units=start.units, start_at=StartAt(activity=data.draw(st.sampled_from(middle)), reason="Ya"))
    return Run(process, start, SCHEDULES[0])


def _units(definition: ProcessDefinition, data: st.DataObject) -> Units:
    blocks = [node for node in definition.nodes if node.kind is NodeKind.EACH_UNIT]
    least = max((one.at_least or (0 if one.or_once else 1) for one in blocks), default=0)
    return {UNITS: UNIT_NAMES[: data.draw(st.integers(least, 3))]}


def _examine(run: Run) -> None:
    replayed = replay(run.process, run.events)
    assert replayed.state == run.state
    assert {task.id: task for task in replayed.touched} == run.tasks
    assert is_attended(run.process, run.state)
    _examine_clocks(run)
    rounds = [(task.activity, task.unit, task.round) for task in run.tasks.values()]
    assert len(rounds) == len(set(rounds))


def _examine_clocks(run: Run) -> None:
    """Every clock that runs shows what its calendar says, laid anew from nothing."""
    by_id = {schedule.id: schedule for schedule in SCHEDULES}
    if run.state.status is not InstanceStatus.RUNNING or run.state.calendar is None:
        return
    for task in run.state.tasks:
        limit = run.process.activity(task.activity).time_limit
        laid = by_id[run.state.calendar].lay(task.opened_at, limit, run.state.stops_of(task))
        if task.paused is None:
            assert task.due_at == (laid.due_at if laid else None)


def _attempt(run: Run, data: st.DataObject) -> bool:
    """Do something that is allowed. Whether there was something to do."""
    kind = data.draw(st.sampled_from(DEEDS))
    try:
        _do(run, kind, data)
    except Refused as refused:
        note(f"{kind}: {type(refused).__name__}")
        return False
    note(f"{kind}: {[(one.activity, one.unit, one.round) for one in run.state.tasks]}")
    event(kind)
    return True


def _do(run: Run, kind: str, data: st.DataObject) -> None:
    state = run.state
    if kind in ("complete", "claim", "unclaim", "deliver", "pause", "go_on") and not state.tasks:
        raise Refused
    task = data.draw(st.sampled_from(state.tasks)) if state.tasks else None
    if kind == "suspend":
        run.do(decide.suspend, Suspend(by=Performer(), reason="Anggaran"))
    elif kind == "resume" or state.status is InstanceStatus.SUSPENDED:
        run.do(decide.resume, Resume(by=Performer(), reason="Lanjut"))
    elif kind == "announce":
        run.do(decide.announce, Announce(superiors={one.id: ("Atasan",) for one in state.tasks}))
    elif kind == "another_calendar":
        run.schedule = data.draw(st.sampled_from(SCHEDULES))
        run.do(decide.lay_anew, LayAnew(deadline=None))
    elif kind == "answer":
        _answer(run, data)
    elif kind == "undo":
        _undo(run, data)
    elif task is not None and kind == "pause":
        run.do(decide.pause, Pause(by=_holder(task), task=task.id, reason="Menunggu"))
    elif task is not None and kind == "go_on":
        run.do(decide.go_on, GoOn(by=_holder(task), task=task.id))
    elif task is not None and kind == "claim":
        run.do(decide.claim, Claim(by=data.draw(st.sampled_from(PEOPLE)), task=task.id))
    elif task is not None and kind == "unclaim":
        run.do(decide.unclaim, Unclaim(by=_holder(task), task=task.id))
    elif task is not None and kind == "deliver":
        run.do(decide.deliver, Deliver(by=PEOPLE[0], task=task.id, source=next(iter(task.undelivered), "-")))
    elif task is not None:
        routes = run.process.activity(task.activity).routes
        _complete(run, task, data.draw(st.sampled_from(routes)).outcome, data)


def _holder(task: TaskState) -> Performer:
    return next((one for one in PEOPLE if one.official == task.assignee), PEOPLE[0])


def _complete(run: Run, task: TaskState, outcome: str, data: st.DataObject | None = None) -> None:
    activity = run.process.activity(task.activity)
    route = run.process.route(activity, outcome)
    given: dict[str, Any] = {"by": _holder(task), "task": task.id, "outcome": outcome, "reason": "Ya"}
    if route.kind is RouteKind.FORWARD:
        given |= {"outputs": tuple(an_output(name) for name in activity.expected_outputs)}
    try:
        run.do(decide.complete, Complete(**given))
    except UnitsRequired:
        assert data is not None
        some = st.lists(st.sampled_from(run.state.units[UNITS]), min_size=1, unique=True)
        run.do(decide.complete, Complete(**given, units=tuple(data.draw(some))))


def _answer(run: Run, data: st.DataObject | None = None) -> None:
    if not run.state.asked:
        raise Refused
    asked = data.draw(st.sampled_from(run.state.asked)) if data else run.state.asked[0]
    node = run.process.node(asked.node)
    assert node is not None
    outcome = data.draw(st.sampled_from(node.routes)).outcome if data else node.routes[0].outcome
    scope = run.state.root.find(asked.scope)
    assert scope is not None
    by = PEOPLE[0]
    run.do(decide.answer, Answer(by=by, party=asked.party, node=asked.node, unit=scope.unit, outcome=outcome))


def _undo(run: Run, data: st.DataObject) -> None:
    if not run.state.undoable:
        raise Refused
    one = data.draw(st.sampled_from(run.state.undoable))
    by = next(person for person in PEOPLE if person.official == one.performed_by)
    run.do(decide.undo, Undo(by=by, task=one.task.id, reason="Keliru"))


def _to_the_end(run: Run) -> None:
    """Always on by the first way: it leads forward. The steps are bounded by the parts and units there are."""
    for _ in range(200):
        if run.state.status is InstanceStatus.SUSPENDED:
            run.do(decide.resume, Resume(by=Performer(), reason="Lanjut"))
        if run.state.status.is_over:
            return
        if run.state.tasks:
            task = run.state.tasks[0]
            assert task.status in (TaskStatus.OPEN, TaskStatus.CLAIMED)
            _complete(run, task, run.process.activity(task.activity).routes[0].outcome)
        else:
            _answer(run)
