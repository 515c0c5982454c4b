"""What was decided can be decided again from the trail alone, and nothing else can.

Whoever could rewrite a whole trail with fresh hashes would still have to tell a story that the compiled machine allows,
and that ends where the instance stands.
"""

import json
import re
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from engine import decide
from engine.commands import Answer, Cancel, Claim, Comment, Complete, Deliver, Performer, Resume, Suspend, Unclaim, Undo
from engine.compiler import ENDED, CompiledProcess
from engine.definition import ActivityKind, Route, RouteKind
from engine.errors import Refused, TrailContradiction, UnitsRequired
from engine.events import Event, InstanceCancelled, InstanceCompleted, from_record, record
from engine.evolve import Evolved, replay
from engine.state import InstanceState, InstanceStatus, Scope, TaskState, TaskStatus, lane
from engine.trail import GENESIS, SALT_BYTES, Chapter, canonical_json, check_chain, digest, seal
from tests.factories import (
    Run,
    a_block,
    a_performer,
    a_process,
    a_start,
    a_wait,
    an_activity,
    an_office,
    an_output,
    back,
    each_unit,
    forward,
    from_party,
    from_units,
)

CHAPTER = Chapter(instance_id=UUID(int=42), definition="sop-uji", version=1)
ROLES = ("camat", "lurah", "staf")
NAMES = tuple("abcdef")


# Small SOPs, whole or odd


@st.composite
def processes(draw: st.DrawFn) -> CompiledProcess:
    """Up to six activities: on to the next one or the end, now and then a jump, decisions that go back."""
    names = NAMES[: draw(st.sampled_from([1, 2, 3, 4, 5, 6, 6, 6]))]
    activities = []
    for place, name in enumerate(names):
        later = [*names[place + 1 :], None]
        routes = [forward(draw(st.sampled_from(later[:2])), "completed")]
        if draw(st.booleans()):
            routes.append(back(draw(st.sampled_from(names[: place + 1])), "returned"))
        if draw(st.integers(0, 3)) == 0:
            routes.append(forward(draw(st.sampled_from((*names, None))), "lompat"))
        activities.append(
            an_activity(
                name,
                *routes,
                kind=ActivityKind.EXECUTION if len(routes) == 1 else ActivityKind.DECISION,
                candidate_roles=tuple(draw(st.lists(st.sampled_from(ROLES), min_size=1, max_size=2, unique=True))),
                output=draw(st.none() | st.just(f"Output {name}")),
            )
        )
    return a_process(*activities)


UNITS = {"bidang": ("a", "ab", "abc")}
BLOCKS = (
    a_process(
        an_activity("a", forward("blok"), role="camat", sends_to=("bkad",)),
        an_activity("b", forward("c"), role="lurah", output="Draf", awaits=(from_party("bkad"), from_units())),
        an_activity("c", forward(None), back("b"), back("a", "keluar"), back("blok", "ulang"), role="camat"),
        an_activity("d", forward(None), back("blok", "ulang"), role="staf"),
        an_activity("e", forward(None), back("c"), back("d", "lompat"), role="camat"),
        nodes=(
            a_block(to="e", b=("b", "c"), d=("d", "tunggu")),
            a_wait(forward(None, "completed"), back("d"), forward("tunggu", "lompat")),
        ),
    ),
    a_process(
        an_activity("a", forward("b"), back("a"), role="staf"),
        an_activity("b", forward("sisi"), role="lurah", output="Data"),
        an_activity("c", forward(None), back("b"), back("a", "keluar"), back("sisi", "ulang"), role="camat"),
        an_activity("d", forward(None), role="staf"),
        an_activity("e", forward("tunggu"), back("d"), back("b", "lompat"), role="camat"),
        an_activity("f", forward(None), back("b"), back("per_bidang", "ulang"), role="camat"),
        nodes=(
            each_unit("b", "sisi", "e", "tunggu", to="f", at_least=2),
            a_block("sisi", to="e", at_least=1, kiri=("c",), kanan=("d",)),
            a_wait(forward(None, "completed"), back("e")),
        ),
    ),
    a_process(
        an_activity("a", forward("luar")),
        an_activity("b", forward(None), back("dalam", "ulang"), back("luar"), back("a", "keluar")),
        an_activity("c", forward(None)),
        an_activity("d", forward(None), back("luar")),
        an_activity("e", forward(None), back("d"), back("luar", "ulang")),
        nodes=(
            a_block("luar", to="e", x=("dalam",), y=("d",)),
            a_block("dalam", l=("b",), r=("c",)),
        ),
    ),
)
"""Branches, units and parties, with every way in and out of them."""

SOPS = processes() | st.sampled_from(BLOCKS)


# Commands, allowed and forbidden


PEOPLE = st.sampled_from(
    [
        *(a_performer(role, name=f"{role} {which}") for role in ROLES for which in "xy"),
        a_performer("camat", "lurah", capacity="plt", acting_for=UUID(int=5), mandate=UUID(int=6), name="Plt"),
        a_performer(name="Tamu"),
        Performer(),
    ]
)
REASONS = st.sampled_from([None, "", "Perbaiki tabel", "Ulangi"])
PAPERS = st.lists(
    st.builds(an_output, reference=st.just("R")) | st.builds(an_output, missing_reason=st.just("Belum ada")), max_size=2
).map(tuple)
TASKS = st.sampled_from(["live", "live", "live", "closed", "unknown"])
OUTCOMES = st.sampled_from([None, "completed", "returned", "lompat", "mustahil"])
UNIT = st.sampled_from([None, None, "a", "ab"])
NODE = st.sampled_from([None, "tunggu", "a"])


def wild(kind: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """A command of this kind that may be forbidden for any reason."""
    fields: dict[str, Any] = {"by": PEOPLE}
    if kind in ("claim", "unclaim", "complete"):
        fields |= {"task": TASKS}
    if kind == "complete":
        fields |= {"outcome": OUTCOMES, "outputs": PAPERS, "attachments": PAPERS, "reason": REASONS, "note": REASONS}
    if kind in ("cancel", "suspend", "resume"):
        fields |= {"reason": st.just("Perintah")}
    if kind == "comment":
        fields |= {"text": st.just("Catatan")}
    if kind == "deliver":
        fields |= {"task": TASKS, "source": st.sampled_from(["bkad", "a", "ab", "abc", "abcd"])}
    if kind == "answer":
        fields |= {"party": st.sampled_from(["bappeda", "bkad"]), "outcome": OUTCOMES, "unit": UNIT, "node": NODE}
    if kind == "undo":
        fields |= {"task": TASKS, "reason": st.just("Keliru")}
    return st.tuples(st.just(kind), st.fixed_dictionaries(fields))


def a_move(kind: str) -> st.SearchStrategy[tuple[str, Any]]:
    if kind in ("right", "take back"):
        return st.tuples(st.just(kind), st.integers(0, 11))
    if kind == "go on":
        return st.just(("resume", {"by": Performer(), "reason": "Lanjut"}))
    return wild(kind)


# mostly right moves of the holder, and a way out of every suspension, or the trails would stay short
USUAL = ["right"] * 16 + ["go on"] * 3 + ["complete", "claim", "unclaim"] * 2
RARE = ["suspend", "resume", "comment", "cancel", "take back", "take back", "undo", "deliver", "answer"]
EVERY_MOVE = {kind: a_move(kind) for kind in USUAL + RARE}
MOVES = st.lists(st.sampled_from(USUAL + RARE).flatmap(EVERY_MOVE.__getitem__), min_size=6, max_size=25)

DEEDS = {
    "claim": (decide.claim, Claim),
    "unclaim": (decide.unclaim, Unclaim),
    "complete": (decide.complete, Complete),
    "cancel": (decide.cancel, Cancel),
    "suspend": (decide.suspend, Suspend),
    "resume": (decide.resume, Resume),
    "comment": (decide.comment, Comment),
    "deliver": (decide.deliver, Deliver),
    "answer": (decide.answer, Answer),
    "undo": (decide.undo, Undo),
}


def attempt(run: Run, move: tuple[str, Any]) -> bool:
    """Try one move. Whether it was allowed."""
    kind, given = move
    try:
        if kind == "right":
            _the_right_thing(run, given)
            return True
        if kind == "take back":
            _take_back(run, given)
            return True
        if "task" in given:
            given = given | {"task": _task(run, given["task"])}
        deed, command = DEEDS[kind]
        run.do(deed, command(**given))
    except Refused:
        return False
    return True


def _the_right_thing(run: Run, choice: int) -> None:
    waiting = [*run.state.tasks, *run.state.asked]
    if not waiting:
        raise Refused
    one = waiting[choice // 3 % len(waiting)]
    part = run.process.places.parts[one.activity if isinstance(one, TaskState) else one.node]
    route = part.routes[choice % len(part.routes)]
    if isinstance(one, TaskState):
        _complete_rightly(run, one, route)
    else:
        run.answer(route.outcome, node=one.node, unit=run.state.root.find(one.scope).unit)


def _complete_rightly(run: Run, task: TaskState, route: Route) -> UUID:
    offices = tuple(an_office(role, unit=task.unit) for role in run.process.activity(task.activity).candidate_roles)
    holder = Performer(official=task.assignee, name="Pemegang", offices=offices)
    given = {
        "by": holder if task.assignee else run.candidate(task),
        "reason": "Ulangi" if route.kind is RouteKind.RETURN or task.undelivered else None,
    }
    try:
        return run.finish(task.activity, route.outcome, task.unit, **given)
    except UnitsRequired:
        return run.finish(task.activity, route.outcome, task.unit, **given, units=("a", "abc"))


def _take_back(run: Run, choice: int) -> None:
    if not run.state.undoable:
        raise Refused
    one = run.state.undoable[choice % len(run.state.undoable)]
    run.undo(one.task.id)


def _task(run: Run, which: str) -> UUID:
    closed = [task.id for task in run.tasks.values() if not task.status.is_live]
    live = [task.id for task in run.state.tasks]
    return ({"live": live, "closed": closed, "unknown": []}[which] or [UUID(int=10**6)])[-1]


def a_run(process: CompiledProcess, moves: list[tuple[str, Any]]) -> Run:
    run = Run(process, a_start(units=UNITS))
    for move in moves:
        attempt(run, move)
    return run


# The trail as it is stored


def stored(events: list[Event]) -> list[str]:
    return [
        one.canonical
        for one in seal(((event, bytes(SALT_BYTES)) for event in events), CHAPTER, None, length=0, head=GENESIS)
    ]


def read(texts: list[str]) -> list[Event]:
    return [from_record(json.loads(text)) for text in texts]


def retold(process: CompiledProcess, texts: list[str]) -> Evolved | None:
    """Where a trail leads; nothing if it tells what cannot have happened."""
    try:
        return replay(process, read(texts))
    except (TrailContradiction, KeyError, ValidationError) as contradiction:
        note(str(contradiction))
        return None


def leads_to(run: Run, told: Evolved | None) -> bool:
    return told is not None and told.state == run.state and told.touched == tuple(run.tasks.values())


composed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@composed
@given(SOPS, MOVES)
def test_the_trail_alone_leads_to_the_decided_state_and_tasks(process, moves):
    run = a_run(process, moves)
    assert leads_to(run, replay(process, read(stored(run.events))))


@composed
@given(SOPS, MOVES)
def test_one_task_or_question_waits_where_a_token_rests_and_none_after_the_end(process, moves):
    run = Run(process, a_start(units=UNITS))
    for move in (("comment", {"by": Performer(), "text": "Mulai"}), *moves):
        attempt(run, move)
        state = run.state
        assert len({event.id for event in run.events} | run.tasks.keys()) == len(run.events) + len(run.tasks)
        assert {task.id for task in run.tasks.values() if task.status.is_live} == {task.id for task in state.tasks}
        assert (state.suspended_at is not None) == (state.status is InstanceStatus.SUSPENDED)
        waiting = [(task.scope, task.activity) for task in state.tasks]
        waiting += [(asked.scope, asked.node) for asked in state.asked]
        assert (state.ended_at is not None) == state.status.is_over == (not waiting)
        if not state.status.is_over:
            assert sorted(waiting) == [(one.id, one.node) for one in by_id(state) if one.node != ENDED]
        assert all(task.round <= state.rounds[lane(task.activity, task.unit)] for task in state.tasks)
        known = {activity.id for activity in process.definition.activities}
        assert {done.partition("@")[0] for done in state.done} <= known
        assert sum(state.rounds.values()) == len(run.tasks)


def by_id(state: InstanceState) -> list[Scope]:
    return sorted(state.root.leaves(), key=lambda one: one.id)


@settings(composed, max_examples=60)
@given(SOPS, MOVES)
def test_whatever_is_done_can_be_taken_back_at_once_and_leaves_all_as_it_was(process, moves):
    run = a_run(process, moves)
    if run.state.status is not InstanceStatus.RUNNING:
        return
    for task in run.state.tasks:
        for route in process.activity(task.activity).routes:
            live = run.state.task(task.id)
            if live.status is TaskStatus.OPEN:
                run.claim(task=live)
            before = substance(run.state)
            done = _complete_rightly(run, run.state.task(task.id), route)
            if run.state.status.is_over:
                return
            run.undo(done)
            assert substance(run.state) == before
    assert leads_to(run, replay(process, read(stored(run.events))))


def substance(state: InstanceState) -> dict[str, Any]:
    """All of a state but the clock, what was counted, and what else may be taken back."""
    held = state.model_dump(exclude={"latest_at", "rounds", "undoable"})
    return held | {listed: sorted(held[listed], key=repr) for listed in ("tasks", "asked", "materials")}


@composed
@given(SOPS, MOVES)
def test_a_refused_command_changes_nothing(process, moves):
    run = Run(process, a_start(units=UNITS))
    for move in moves:
        before = (run.state.model_dump_json(), len(run.events), dict(run.tasks), run.now)
        if not attempt(run, move):
            assert (run.state.model_dump_json(), len(run.events), run.tasks, run.now) == before


@composed
@given(SOPS, MOVES)
def test_who_closed_a_task_held_a_role_of_it_and_had_claimed_it(process, moves):
    run = a_run(process, moves)
    holder: dict[UUID, UUID] = {}
    for event in run.events:
        if event.type == "step.claimed":
            assert event.task_id not in holder
            holder[event.task_id] = event.actor
        elif event.type == "step.released":
            assert holder.pop(event.task_id) == event.actor
        elif event.type in ("step.completed", "step.returned"):
            activity = process.activity(event.activity)
            route = process.route(activity, event.outcome)
            assert event.role in activity.candidate_roles
            assert holder[event.task_id] == event.actor
            assert (event.type == "step.returned") == (route.kind is RouteKind.RETURN)
            assert bool(event.reason) or event.type == "step.completed"
            assert len(event.outputs) == (len(activity.expected_outputs) if event.type == "step.completed" else 0)


@composed
@given(SOPS, MOVES)
def test_the_state_can_be_stored_as_json_between_any_two_commands(process, moves):
    run = Run(process, a_start(units=UNITS))
    for move in moves:
        run.state = InstanceState.model_validate_json(run.state.model_dump_json())
        attempt(run, move)
    assert leads_to(run, replay(process, read(stored(run.events))))


# Tampering


def rechained(texts: list[str]) -> list[tuple[str, str]]:
    """The forger's best: the same records, numbered and chained anew."""
    head, chain = GENESIS, []
    for seq, text in enumerate(texts, start=1):
        renewed = canonical_json(json.loads(text) | {"seq": seq, "prev_hash": head})
        head = digest(renewed)
        chain.append((renewed, head))
    return chain


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name in value for leaf in leaves(value[name], (*path, name))]
    if isinstance(value, list):
        return [leaf for place, item in enumerate(value) for leaf in leaves(item, (*path, place))]
    return [path]


def altered(text: str, path: tuple[Any, ...]) -> str:
    facts = json.loads(text)
    group = facts
    for step in path[:-1]:
        group = group[step]
    group[path[-1]] = another(group[path[-1]])
    return canonical_json(facts)


def another(value: Any) -> Any:
    """Another value of the same form: identities and times stay identities and times."""
    if isinstance(value, int):
        return value + 1
    if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", value):
        return str(UUID(int=UUID(value).int ^ 1))
    return value.replace("2026-", "2027-") if value.startswith("2026-") else f"{value}x"


@st.composite
def tampered(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The chain of a run, and the chain after one thing was done to it."""
    run = a_run(draw(SOPS), draw(MOVES))
    chain = rechained(stored(run.events))
    forged = list(chain)
    at = draw(st.integers(0, len(chain) - 1))
    text, hashed = chain[at]
    what = draw(
        st.sampled_from(["edit", "hash", "swap", "delete", "insert", "cut head", "cut tail", "edit and rechain"])
    )
    note(f"{what} at {at}")
    if what == "edit":
        forged[at] = (altered(text, draw(st.sampled_from(leaves(json.loads(text))))), hashed)
    elif what == "hash":
        forged[at] = (text, digest(hashed))
    elif what == "swap":
        other = draw(st.integers(0, len(chain) - 1).filter(lambda one: one != at))
        forged[at], forged[other] = forged[other], forged[at]
    elif what == "delete":
        del forged[at]
    elif what == "insert":
        forged.insert(draw(st.integers(0, len(chain))), (text, hashed))
    elif what == "cut head":
        forged = forged[at + 1 :]
    elif what == "cut tail":
        forged = forged[:at]
    else:
        texts = [one for one, _ in chain]
        meant = [leaf for leaf in leaves(json.loads(text)) if leaf[0] not in ("seq", "prev_hash")]
        texts[at] = altered(text, draw(st.sampled_from(meant)))
        forged = rechained(texts)
    return chain, forged


@composed
@given(tampered())
def test_no_single_tampering_goes_unseen(case):
    chain, forged = case
    assert check_chain(chain) == ([], len(chain), chain[-1][1])
    faults, length, head = check_chain(forged)
    assert faults or (length, head) != (len(chain), chain[-1][1])
    if not faults:
        note("only the length and the head tell")


@composed
@given(SOPS, MOVES, st.data())
def test_a_rechained_trail_cannot_leave_out_what_moved_the_instance(process, moves, data):
    run = a_run(process, moves)
    texts = stored(run.events)
    at = data.draw(st.integers(0, len(texts) - 1))
    left_out = run.events[at]
    told = retold(process, texts[:at] + texts[at + 1 :])
    if left_out.type == "instance.resumed" and run.state.status is InstanceStatus.CANCELLED:
        return  # cancelled while suspended is the same end; only the head of the chain can tell
    # the moment of the latest event is part of the state
    assert leads_to(run, told) == (left_out.type == "instance.commented" and left_out is not run.events[-1])


@composed
@given(SOPS, MOVES, st.data())
def test_a_rechained_trail_cannot_tell_an_event_twice(process, moves, data):
    run = a_run(process, moves)
    texts = stored(run.events)
    at = data.draw(st.integers(0, len(texts) - 1))
    to = data.draw(st.integers(0, len(texts)))
    told = retold(process, [*texts[:to], texts[at], *texts[to:]])
    assert told is None


@composed
@given(SOPS, MOVES, st.data())
def test_a_rechained_trail_cannot_change_what_replay_lives_on(process, moves, data):
    """Everything the state is made of, but documents: a later round may have replaced those."""
    run = a_run(process, moves)
    texts = stored(run.events)
    at = data.draw(st.integers(0, len(texts) - 1))
    lived_on = {"type", "task_id", "activity", "unit", "scope", "round", "outcome", "from", "to", "assignee", "data"}
    facts = json.loads(texts[at])
    if facts["type"] == "instance.started":
        lived_on = {"type", "at"}
    elif facts["type"] in ("step.opened", "step.completed", "step.returned"):
        lived_on |= {"at"}
    elif facts["type"] in ("step.claimed", "step.undone"):
        lived_on |= {"actor"}
    elif facts["type"] == "party.answered":
        lived_on |= {"node", "party"}
    documents = ("data", "attachments")
    paths = [path for path in leaves(facts) if path[0] in lived_on and path[:2] != documents]
    texts[at] = altered(texts[at], data.draw(st.sampled_from(paths)))
    assert not leads_to(run, retold(process, texts))


# Stories that contradict themselves, one by one


@pytest.fixture
def told() -> Run:
    """Claimed, given back, completed, suspended, resumed, returned, and on to the end."""
    run = Run()
    run.claim()
    run.do(decide.unclaim, Unclaim(by=run.candidate(), task=run.task.id))
    run.until("periksa_draf")
    run.do(decide.suspend, Suspend(by=Performer(), reason="Audit"))
    run.do(decide.resume, Resume(by=Performer(), reason="Selesai"))
    run.complete("returned")
    return run.to_the_end()


def place(run: Run, type_: str, activity: str | None = None) -> int:
    return next(
        at
        for at, event in enumerate(run.events)
        if event.type == type_ and activity in (None, getattr(event, "activity", None))
    )


def contradicts(run: Run, events: list[Event]) -> bool:
    """Whether a story contradicts itself by what it tells, whatever identities its events have."""
    try:
        replay(run.process, renamed(events))
    except TrailContradiction:
        return True
    return False


def renamed(events: list[Event]) -> list[Event]:
    """The same story with new identities; an event that names another still names it."""
    names: dict[UUID, UUID] = {}
    told = []
    for at, event in enumerate(events):
        named = {field: getattr(event, field, None) for field in ("cause", "undone")}
        new = {field: names.get(old, old) for field, old in named.items() if old is not None}
        names[event.id] = UUID(int=at)
        told.append(event.model_copy(update={"id": UUID(int=at), **new}))
    return told


def with_fields(run: Run, at: int, **fields: Any) -> list[Event]:
    return [*run.events[:at], run.events[at].model_copy(update=fields), *run.events[at + 1 :]]


def test_the_honest_story_does_not_contradict_itself(told):
    assert not contradicts(told, told.events)


def test_an_empty_trail_is_no_story():
    with pytest.raises(TrailContradiction, match="empty"):
        replay(a_process(), [])


def test_no_event_happens_twice(told):
    told.do(decide.comment, Comment(by=Performer(), text="Arsip"))
    with pytest.raises(TrailContradiction, match="twice"):
        replay(told.process, [*told.events, told.events[-1]])


def test_nothing_happens_before_the_start(told):
    assert contradicts(told, told.events[1:])


def test_nothing_starts_twice(told):
    assert contradicts(told, [told.events[0], *told.events])


STEP = ("step.completed", "susun_draf")


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "kirim"},
        {"to": None},
        {"from_": "disposisi"},
        {"outcome": "approved"},
        {"outcome": ">started"},
        {"activity": "periksa_draf"},
        {"round": 2},
        {"scope": "cabang"},
        {"unit": "anggaran"},
        {"task_id": UUID(int=404)},
        {"actor": UUID(int=404)},
        {"actor": None},
    ],
    ids=str,
)
def test_a_completion_that_could_not_be_is_seen(told, fields):
    assert contradicts(told, with_fields(told, place(told, *STEP), **fields))


@pytest.mark.parametrize("fields", [{"round": 2}, {"round": 0}, {"activity": "kirim"}, {"scope": "cabang"}], ids=str)
def test_an_opening_that_could_not_be_is_seen_at_once(told, fields):
    at = place(told, "step.opened", "susun_draf")
    assert contradicts(told, with_fields(told, at, **fields)[: at + 1])


def test_a_token_waits_on_one_task_only(told):
    at = place(told, "step.opened", "susun_draf")
    second = told.events[at].model_copy(update={"task_id": UUID(int=404), "round": 2})
    assert contradicts(told, [*told.events[: at + 1], second])


def test_the_end_is_nothing_to_wait_on(told):
    opened = told.events[place(told, "step.opened")]
    at_the_end = opened.model_copy(update={"activity": told.state.root.node, "task_id": UUID(int=404)})
    assert contradicts(told, [*told.events[:-1], at_the_end])


def test_a_task_is_not_opened_under_the_identity_of_an_earlier_one(told):
    first = told.events[place(told, "step.opened")].task_id
    at = place(told, "step.opened", "susun_draf")
    new = told.events[at].task_id
    swapped = [
        event.model_copy(update={"task_id": first}) if getattr(event, "task_id", None) == new else event
        for event in told.events
    ]
    assert contradicts(told, swapped)


def test_a_return_cannot_be_told_as_a_completion(told):
    at = place(told, "step.returned")
    facts, _ = record(told.events[at])
    assert contradicts(
        told, [*told.events[:at], from_record(facts | {"type": "step.completed"}), *told.events[at + 1 :]]
    )


def test_a_completion_cannot_be_told_as_a_return(told):
    at = place(told, *STEP)
    facts, _ = record(told.events[at])
    assert contradicts(
        told, [*told.events[:at], from_record(facts | {"type": "step.returned"}), *told.events[at + 1 :]]
    )


def test_nobody_claims_in_anothers_name(told):
    at = place(told, "step.claimed")
    assert contradicts(told, with_fields(told, at, actor=UUID(int=404)))


def test_nobody_claims_what_is_claimed(told):
    at = place(told, "step.claimed")
    assert contradicts(told, [*told.events[: at + 1], *told.events[at:]])


def test_nobody_gives_back_what_another_holds(told):
    at = place(told, "step.released")
    assert contradicts(told, with_fields(told, at, actor=UUID(int=404)))
    assert contradicts(told, with_fields(told, at, assignee=UUID(int=404)))


def test_nobody_completes_what_nobody_holds(told):
    at = place(told, "step.completed")
    assert told.events[at - 1].type == "step.claimed"
    assert contradicts(told, [*told.events[: at - 1], *told.events[at:]])
    by_nobody = told.events[at].model_copy(update={"actor": None})
    assert contradicts(told, [*told.events[: at - 1], by_nobody])


def test_no_step_is_taken_while_suspended(told):
    suspended, resumed = place(told, "instance.suspended"), place(told, "instance.resumed")
    without_resuming = [*told.events[:resumed], *told.events[resumed + 1 :]]
    assert contradicts(told, without_resuming)
    assert contradicts(told, [*told.events[: suspended + 1], told.events[suspended]])


def test_nothing_is_resumed_that_was_not_suspended(told):
    at = place(told, "instance.suspended")
    assert contradicts(told, [*told.events[:at], *told.events[at + 1 :]])


def test_nothing_ends_before_the_end_is_reached(told):
    at = place(told, *STEP)
    assert contradicts(told, [*told.events[: at + 2], told.events[-1]])


def test_nothing_but_a_comment_follows_the_end(told):
    last = told.events[-1]
    assert isinstance(last, InstanceCompleted)
    told.do(decide.comment, Comment(by=Performer(), text="Arsip"))
    assert not contradicts(told, told.events)
    opened = told.events[place(told, "step.opened")]
    cancelled = InstanceCancelled(id=UUID(int=405), at=told.now)
    for event in (
        last,
        told.events[0],
        opened.model_copy(update={"activity": told.state.root.node, "task_id": UUID(int=404)}),
        told.events[place(told, "instance.suspended")],
        told.events[place(told, "step.claimed")],
        cancelled,
    ):
        assert contradicts(told, [*told.events, event])


def test_nothing_is_opened_again_in_a_cancelled_instance():
    run = Run()
    opened = run.events[-1]
    run.do(decide.cancel, Cancel(by=Performer(), reason="Keliru"))
    again = opened.model_copy(update={"task_id": UUID(int=404), "round": 2})
    assert contradicts(run, [*run.events, again])


@pytest.mark.parametrize("tasks", [(), (UUID(int=404),)])
def test_a_cancellation_names_the_tasks_that_were_live(tasks):
    run = Run()
    run.do(decide.cancel, Cancel(by=Performer(), reason="Keliru"))
    assert contradicts(run, [*run.events[:-1], run.events[-1].model_copy(update={"tasks": tasks})])


def test_the_trail_of_one_version_is_not_a_story_of_another(told):
    disposisi, _, *rest = told.process.definition.activities
    shorter = disposisi.model_copy(update={"routes": (forward("kumpulkan_data"),)})
    other = a_process(shorter, *rest, version=2)
    with pytest.raises(TrailContradiction):
        replay(other, told.events)


def test_a_trail_without_personal_words_leads_to_the_same_state(told):
    assert leads_to(told, replay(told.process, read(stored(told.events))))
    assert leads_to(told, replay(told.process, told.events))
