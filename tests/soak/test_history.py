"""The checker of histories: silent about what is true, and loud about everything that is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import KINDS
from tests.soak.history import ENDS_A_STEP, MARKED_BY, Attempt, Entry, Kind, Operation, Outcome, violations

Trails = dict[str, list[Entry]]


@dataclass(frozen=True)
class History:
    """What clients wrote down, what stands in the trails, and what `alur verify` finds."""

    operations: list[Operation]
    trails: Trails
    findings: tuple[str, ...] = ()

    def kinds(self) -> set[Kind]:
        return {found.kind for found in violations(self.operations, self.trails, self.findings)}

    def operation(self, mark: str) -> Operation:
        return next(one for one in self.operations if one.mark == mark)

    def with_operation(self, changed: Operation) -> History:
        """The same, with the operation of that mark replaced."""
        kept = [changed if one.mark == changed.mark else one for one in self.operations]
        return replace(self, operations=kept)

    def entry(self, mark: str) -> Entry:
        return next(entry for trail in self.trails.values() for entry in trail if entry.mark == mark)

    def rewritten(self, change: Callable[[list[Entry]], list[Entry]]) -> History:
        """The same, with the trail of the first instance changed and counted anew."""
        first, *others = self.trails.items()
        return replace(self, trails=dict([(first[0], _numbered(change(first[1]))), *others]))


def _numbered(trail: list[Entry]) -> list[Entry]:
    return [replace(entry, seq=seq) for seq, entry in enumerate(trail, 1)]


def _deed(type: str, mark: str, subject: str | None, at: float, brings: str | None = None) -> list[Entry]:
    """The event of a deed with what follows from it: a step that ends opens the next, and may have been unclaimed."""
    deed = Entry(f"{mark or type}@{at}", 0, type, str(at), subject, mark, brings=brings)
    if type in ENDS_A_STEP or type == "instance.started":
        task = f"task of {deed.id}"
        return [deed, Entry(f"opened by {deed.id}", 0, "step.opened", str(at), task, cause=deed.id, brings=task)]
    return [deed]


def _answer(written: list[Entry]) -> frozenset[str]:
    """What an answer names of these events."""
    deed = written[0]
    if deed.type == "step.claimed":
        return frozenset({deed.at})
    return frozenset(entry.brings for entry in written if entry.brings) or frozenset({deed.id})


def a_true_history() -> History:
    """One instance, with everything in it that can truly happen to a request."""
    written = {
        "mulai": _deed("instance.started", "mulai", None, 1, brings="i"),
        "budi": _deed("step.claimed", "budi", "t1", 3),
        "selesai": _deed("step.completed", "selesai", "t1", 5),
        "antara": _deed("instance.commented", "antara", "i", 5.8),
        "catatan": _deed("instance.commented", "catatan", "i", 7),
        "sekali": _deed("instance.commented", "sekali", "i", 9),
        "siti": [Entry("tersirat", 0, "step.claimed", "11", "t2", "siti")],
        "kembali": _deed("step.returned", "kembali", "t2", 11),
    }

    def asked(mark: str, sent: float, known: float, key: str | None, *before: Attempt) -> Operation:
        deed = written[mark][0]
        ok = Attempt(sent, known, Outcome.OK, f"jawaban {mark}", _answer(written[mark]))
        return Operation(deed.type, deed.subject, mark, key, (*before, ok))

    again = Attempt(5.6, 6, Outcome.OK, "jawaban selesai", _answer(written["selesai"]))
    completed = asked("selesai", 4, 5.5, "k2", Attempt(3.5, 3.6, Outcome.REFUSED, "ditangguhkan"))
    operations = [
        asked("mulai", 0.5, 2, "k1", Attempt(0, 0.4, Outcome.NOT_NOW, "basis data tidak terjangkau")),
        asked("budi", 2.5, 3.5, None),
        replace(completed, attempts=(*completed.attempts, again, Attempt(6, 6.1, Outcome.NOT_NOW, "terlalu ramai"))),
        asked("antara", 5.7, 5.9, None),
        asked("catatan", 7.5, 8, "k3", Attempt(6.5, 7.5, Outcome.UNKNOWN)),
        Operation("instance.commented", "i", "sekali", None, (Attempt(8.5, 9.5, Outcome.UNKNOWN),)),
        Operation("instance.commented", "i", "hilang", None, (Attempt(8.5, 9.5, Outcome.UNKNOWN),)),
        Operation("instance.cancelled", "i", "batal", "k4", (Attempt(8.5, 9.6, Outcome.REFUSED, "selesai"),)),
        asked("kembali", 10, 12, "k5"),
        Operation("step.claimed", "t2", "siti", None, (Attempt(13, 14, Outcome.UNKNOWN),)),
    ]
    return History(operations, {"i": _numbered([entry for many in written.values() for entry in many])})


def test_a_true_history_is_passed() -> None:
    history = a_true_history()
    assert violations(history.operations, history.trails) == ()


# Every way in which a history can be untrue


def _without(mark: str) -> Callable[[History], History]:
    """The deed is gone, with all that followed from it."""

    def change(history: History) -> History:
        gone = history.entry(mark).id
        return history.rewritten(lambda trail: [one for one in trail if gone not in (one.id, one.cause)])

    return change


def _twice(mark: str) -> Callable[[History], History]:
    def change(history: History) -> History:
        again = replace(history.entry(mark), id="lain", at="99")
        return history.rewritten(lambda trail: [*trail, again])

    return change


def _also(*entries: Entry) -> Callable[[History], History]:
    return lambda history: history.rewritten(lambda trail: [*trail, *entries])


def _attempts(mark: str, change: Callable[[tuple[Attempt, ...]], tuple[Attempt, ...]]) -> Callable[[History], History]:
    def changed(history: History) -> History:
        operation = history.operation(mark)
        return history.with_operation(replace(operation, attempts=change(operation.attempts)))

    return changed


def _naming_another(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    return tuple(replace(attempt, names=frozenset({"yang lain"})) for attempt in attempts)


def _order(*marks: str) -> Callable[[History], History]:
    """These deeds come last, in this order, with all that followed from them."""

    def change(history: History) -> History:
        places = {history.entry(mark).id: place for place, mark in enumerate(marks)}
        return history.rewritten(
            lambda trail: sorted(trail, key=lambda one: places.get(one.id, places.get(one.cause or "", -1)))
        )

    return change


def _long_before_what_was_known(history: History) -> History:
    """Between a deed and the one that should stand before it comes one that may stand anywhere."""
    anywhere = Operation("instance.commented", "i", "awal", None, (Attempt(0.6, 0.7, Outcome.UNKNOWN),))
    begun = replace(history, operations=[*history.operations, anywhere])
    written = begun.rewritten(lambda trail: [*trail, *_deed("instance.commented", "awal", "i", 1.5)])
    return _order("kembali", "awal", "budi")(written)


def _claim_lost_behind_a_completion(history: History) -> History:
    """Siti was told that she had claimed the task; only the claim within her completion stands."""
    claim = Attempt(9.7, 9.9, Outcome.OK, "siti memegang", frozenset({"9.8"}))
    return replace(history, operations=[*history.operations, Operation("step.claimed", "t2", "siti", None, (claim,))])


def _counted(*counted: int) -> Callable[[History], History]:
    def change(history: History) -> History:
        trail = [replace(entry, seq=seq) for entry, seq in zip(history.trails["i"], counted, strict=False)]
        return replace(history, trails={"i": trail + history.trails["i"][len(trail) :]})

    return change


def _in_another_instance(history: History) -> History:
    """The comment was asked for one instance and stands in another."""
    moved = history.entry("catatan")
    without = history.rewritten(lambda trail: [one for one in trail if one is not moved])
    begun = Operation("instance.started", None, "lain", None, (Attempt(0, 1, Outcome.UNKNOWN),))
    other = [*_deed("instance.started", "lain", None, 1, brings="j"), replace(moved, subject="j")]
    return replace(without, operations=[*history.operations, begun], trails=without.trails | {"j": _numbered(other)})


SEEDED: list[tuple[str, Kind | set[Kind], Callable[[History], History]]] = [
    ("a start is lost", Kind.LOST, lambda history: replace(history, trails={}, operations=history.operations[:1])),
    ("a completion is lost", Kind.LOST, _without("selesai")),
    ("a claim is lost", Kind.LOST, _without("budi")),
    ("a claim is lost, and its official completes", Kind.FALSE_ANSWER, _claim_lost_behind_a_completion),
    ("what was resolved is lost", Kind.LOST, _without("catatan")),
    ("a completion is doubled", Kind.DOUBLED, _twice("selesai")),
    ("a claim is doubled", Kind.DOUBLED, _twice("budi")),
    ("a start is doubled", Kind.DOUBLED, _twice("mulai")),
    ("what was resolved is doubled", Kind.DOUBLED, _twice("catatan")),
    ("what stayed unknown is doubled", Kind.DOUBLED, _twice("sekali")),
    ("nobody commented", Kind.PHANTOM, _also(Entry("hantu", 0, "instance.commented", "13", "i", "hantu"))),
    ("nobody claimed", Kind.PHANTOM, _also(Entry("hantu", 0, "step.claimed", "13", "t2", "hantu"))),
    ("nothing led to it", Kind.PHANTOM, _also(Entry("hantu", 0, "step.opened", "13", "t9", cause="hantu"))),
    (
        "nothing led to the first event",
        Kind.PHANTOM,
        lambda history: replace(
            history, trails=history.trails | {"j": [Entry("hantu", 1, "instance.completed", "13", "j")]}
        ),
    ),
    ("another task was completed", {Kind.LOST, Kind.PHANTOM}, _in_another_instance),
    (
        "what was refused was done",
        Kind.REFUSED_YET_DONE,
        _also(Entry("batal", 0, "instance.cancelled", "9.55", "i", "batal")),
    ),
    (
        "what could not be done now was done",
        Kind.REFUSED_YET_DONE,
        _attempts("sekali", lambda made: (replace(made[0], outcome=Outcome.NOT_NOW),)),
    ),
    (
        "what was refused in the end was done in the beginning",
        Kind.REFUSED_YET_DONE,
        _attempts("catatan", lambda made: (made[0], replace(made[1], outcome=Outcome.REFUSED, names=frozenset()))),
    ),
    ("a key stays without an answer", Kind.UNRESOLVED, _attempts("catatan", lambda made: made[:1])),
    (
        "a key stays without an answer but that it cannot be told now",
        Kind.UNRESOLVED,
        _attempts("catatan", lambda made: (made[0], Attempt(7.5, 8, Outcome.NOT_NOW))),
    ),
    (
        "a key is answered otherwise",
        Kind.TWO_ANSWERS,
        _attempts("selesai", lambda made: (*made, replace(made[1], answer="jawaban lain"))),
    ),
    (
        "a key is refused after it was done",
        Kind.TWO_ANSWERS,
        _attempts("selesai", lambda made: (*made, Attempt(13, 14, Outcome.REFUSED, "sudah ditutup"))),
    ),
    ("an answer names another step", Kind.FALSE_ANSWER, _attempts("selesai", _naming_another)),
    ("an answer names another instance", Kind.FALSE_ANSWER, _attempts("mulai", _naming_another)),
    ("an answer names another comment", Kind.FALSE_ANSWER, _attempts("catatan", _naming_another)),
    ("a number is left out", Kind.BROKEN_SEQUENCE, _counted(1, 2, 4)),
    ("a number comes twice", Kind.BROKEN_SEQUENCE, _counted(1, 2, 2)),
    ("the first number is missing", Kind.BROKEN_SEQUENCE, _counted(2)),
    ("a claim comes after what came after it", Kind.OUT_OF_ORDER, _order("budi")),
    ("a comment comes after what came after it", Kind.OUT_OF_ORDER, _order("catatan")),
    (
        "a deed comes after what came between it and its repetition",
        Kind.OUT_OF_ORDER,
        _order("antara", "selesai", "catatan", "sekali", "siti", "kembali"),
    ),
    ("a deed comes long after what came after it", Kind.OUT_OF_ORDER, _long_before_what_was_known),
    ("the state is another", Kind.FALSE_STATE, lambda history: replace(history, findings=("the tasks are not those",))),
]


@pytest.mark.parametrize(("kind", "seed"), [one[1:] for one in SEEDED], ids=[one[0] for one in SEEDED])
def test_everything_untrue_is_called_by_its_name(kind: Kind | set[Kind], seed: Callable[[History], History]) -> None:
    assert seed(a_true_history()).kinds() == (kind if isinstance(kind, set) else {kind})


def test_every_kind_of_violation_was_seeded() -> None:
    assert {kind for _, kind, _ in SEEDED if isinstance(kind, Kind)} == set(Kind)


def test_every_event_that_is_somebody_s_deed_is_known_to_the_checker() -> None:
    never_asked_for = {"step.material_received", "step.paused", "step.resumed", "party.answered"}
    assert {name for name, kind in KINDS.items() if not kind.by_engine} == set(MARKED_BY) | never_asked_for


# Whatever truly happens, there is no alarm


FATES = ("ok", "ok", "again", "refused", "not now", "unheard", "unheard and undone", "refused and then done")


@st.composite
def true_histories(draw: st.DrawFn) -> History:
    """Requests that overlap at random and meet every fate, on instances whose trails record what was done."""
    instances = [f"i{number}" for number in range(draw(st.integers(1, 3)))]
    done: list[tuple[float, str, list[Entry]]] = []
    operations: list[Operation] = []

    def asks(type: str, subject: str | None, mark: str, instance: str, earliest: int) -> None:
        """Draw one request: its effect falls between its first sending and the first answer."""
        fate, keyed = draw(st.sampled_from(FATES)), draw(st.booleans())
        sent = earliest + draw(st.integers(0, 30))
        heard, later = (sent + draw(st.integers(2, 9)) for _ in range(2))
        later += heard
        resent = draw(st.integers(heard, later - 1))
        key = mark if keyed or fate in ("again", "refused and then done") else None
        written: list[Entry] = []

        def happens(first: float, last: float) -> Attempt:
            at = draw(st.floats(first, last, exclude_min=True, exclude_max=True))
            begun = instance if type == "instance.started" else None
            written.extend(_deed(type, mark, subject, at, begun))
            implied = [Entry(f"claim {at}", 0, "step.claimed", str(at), subject, "budi")] if draw(st.booleans()) else []
            done.append((at, instance, [*(implied if type in ENDS_A_STEP else []), *written]))
            return Attempt(first, last, Outcome.OK, f"jawaban {mark}", _answer(written))

        unheard, refused = Attempt(sent, heard, Outcome.UNKNOWN), Attempt(sent, heard, Outcome.REFUSED, "ditolak")
        attempts: tuple[Attempt, ...]
        if fate == "ok":
            attempts = (happens(sent, heard),)
        elif fate == "again":
            first = happens(sent, heard)
            attempts = (first, replace(first, sent_at=resent, ended_at=later))
        elif fate == "refused":
            attempts = (refused,)
        elif fate == "refused and then done":
            attempts = (refused, happens(resent, later))
        elif fate == "not now":
            attempts = (Attempt(sent, heard, Outcome.NOT_NOW), happens(resent, later))
        elif fate == "unheard" and key is None:
            happens(sent, heard)
            attempts = (unheard,)
        elif fate == "unheard":
            attempts = (unheard, replace(happens(sent, later), sent_at=resent))
        elif key is None:
            attempts = (unheard,)
        else:
            attempts = (unheard, Attempt(resent, later, Outcome.REFUSED, "ditolak"))
        operations.append(Operation(type, subject, mark, key, attempts))

    for instance in instances:
        begun = _deed("instance.started", f"mulai {instance}", None, -2, brings=instance)
        done.append((-2, instance, begun))
        told = Attempt(-4, draw(st.integers(-1, 40)), Outcome.OK, "dimulai", _answer(begun))
        operations.append(Operation("instance.started", None, f"mulai {instance}", instance, (told,)))
    for number in range(draw(st.integers(0, 14))):
        instance, type = draw(st.sampled_from(instances)), draw(st.sampled_from(sorted(MARKED_BY)))
        if type == "instance.started":
            continue
        subject = f"{instance} t{draw(st.integers(0, 1))}" if type.startswith("step.") else instance
        official = draw(st.sampled_from(("budi", "siti")))
        mark = official if MARKED_BY[type] == "actor" else f"m{number}"
        asks(type, subject, mark, instance, 0)

    trails: Trails = {instance: [] for instance in instances}
    for _, instance, written in sorted(done, key=lambda one: one[0]):
        trails[instance] += written
    return History(operations, {instance: _numbered(trail) for instance, trail in trails.items()})


@given(true_histories())
def test_no_true_history_raises_an_alarm(history: History) -> None:
    assert violations(history.operations, history.trails) == ()


@given(true_histories(), st.data())
def test_a_marked_deed_taken_out_of_any_true_history_or_done_again_is_noticed(history: History, data: Any) -> None:
    told = [one for one in history.operations if one.outcome is Outcome.OK and MARKED_BY[one.type] != "actor"]
    mark = data.draw(st.sampled_from(told)).mark
    instance = next(name for name, trail in history.trails.items() if any(one.mark == mark for one in trail))
    trail = history.trails[instance]
    less = _numbered([entry for entry in trail if entry.mark != mark])
    more = _numbered([*trail, replace(history.entry(mark), id="lain")])
    assert Kind.LOST in replace(history, trails=history.trails | {instance: less}).kinds()
    assert Kind.DOUBLED in replace(history, trails=history.trails | {instance: more}).kinds()


def test_a_sealed_record_is_read_as_it_was_written() -> None:
    facts = {"id": "e", "instance_id": "i", "seq": 2, "type": "step.completed", "at": "2026-01-01T00:00:00Z"}
    facts |= {"task_id": "t", "note": "selesai", "actor": "budi"}
    assert Entry.of(facts) == Entry("e", 2, "step.completed", facts["at"], "t", "selesai")
    opened = {"id": "f", "instance_id": "i", "seq": 3, "type": "step.opened", "at": "x", "task_id": "u"}
    assert Entry.of(opened | {"data": {"cause": "e"}}) == Entry("f", 3, "step.opened", "x", "u", "", "e", "u")
    started = {"id": "g", "instance_id": "i", "seq": 1, "type": "instance.started", "at": "x", "data": {"title": "A"}}
    assert Entry.of(started) == Entry("g", 1, "instance.started", "x", None, "A", brings="i")
