"""Judges what clients were told by what stands in the trails: nothing lost, doubled, invented or told untruly.

Clients write down every operation: what they asked for, when they sent it and what came back, as often as they sent it.
No search is needed, because the trail of an instance is one order of everything that happened in it: each operation
names the event it asks for, and that event stands there once or not at all.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

Json = Any

MARKED_BY = {
    "instance.started": "title",
    "instance.commented": "note",
    "instance.cancelled": "reason",
    "instance.suspended": "reason",
    "instance.resumed": "reason",
    "step.completed": "note",
    "step.returned": "note",
    "step.undone": "reason",
    "step.claimed": "actor",
    "step.released": "actor",
}
"""Every event that is somebody's deed, and which of its words the client chose. A claim repeats only its official."""

ENDS_A_STEP = ("step.completed", "step.returned")


class Outcome(StrEnum):
    """What a client knows about its request."""

    OK = "ok"
    REFUSED = "refused"  # definitely: it had no effect
    NOT_NOW = "not now"  # this sending had no effect; another one may have had
    UNKNOWN = "unknown"  # no answer, or one that does not tell


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sending of a request, in seconds of one clock.

    `answer` is all that came back; `names` are the ids and moments in it that its event must have brought about.
    """

    sent_at: float
    ended_at: float
    outcome: Outcome
    answer: str = ""
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.outcome} {self.sent_at:.3f}-{self.ended_at:.3f} {self.answer[:300]}"


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client wanted: an event of a type, about a task or an instance (null for a start), under its mark.

    No two operations share a mark, but claims of one task by one official do: their event has no word to spare.
    """

    type: str
    subject: str | None
    mark: str
    key: str | None
    attempts: tuple[Attempt, ...]

    @property
    def identity(self) -> Identity:
        return self.type, self.subject, self.mark

    @property
    def outcome(self) -> Outcome:
        """Acknowledged if ever; else what was heard last that says something about all of it."""
        if self.acknowledged:
            return Outcome.OK
        heard = [attempt for attempt in self.attempts if attempt.outcome is not Outcome.NOT_NOW]
        return max(heard, key=lambda attempt: attempt.ended_at).outcome if heard else Outcome.NOT_NOW

    @property
    def acknowledged(self) -> tuple[Attempt, ...]:
        return tuple(attempt for attempt in self.attempts if attempt.outcome is Outcome.OK)

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(attempt.names for attempt in self.acknowledged))

    @property
    def sent_at(self) -> float:
        """Before this it cannot have taken effect."""
        return min(attempt.sent_at for attempt in self.attempts)

    @property
    def known_at(self) -> float:
        """After this it must have taken effect; never, if nobody said so."""
        return min((attempt.ended_at for attempt in self.acknowledged), default=math.inf)

    def __str__(self) -> str:
        told = "; ".join(map(str, self.attempts))
        return f"{self.type} of {self.subject or 'a new instance'} ({self.mark}, key {self.key}: {told})"


Identity = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """An event of a trail, as far as it is needed to judge. `mark` is empty where the engine followed `cause`."""

    id: str
    seq: int
    type: str
    at: str
    subject: str | None
    mark: str = ""
    cause: str | None = None
    brings: str | None = None
    """The task that it opened, or the instance that it began."""

    @classmethod
    def of(cls, facts: Json) -> Self:
        """The event of a sealed record with the personal words joined in."""
        type_, instance, task = facts["type"], facts["instance_id"], facts.get("task_id")
        data = facts.get("data", {})
        started = type_ == "instance.started"
        return cls(
            id=facts["id"],
            seq=facts["seq"],
            type=type_,
            at=facts["at"],
            subject=None if started else task or instance,
            mark=(data | facts).get(MARKED_BY[type_], "") if type_ in MARKED_BY else "",
            cause=data.get("cause"),
            brings=instance if started else task if type_ == "step.opened" else None,
        )

    @property
    def is_a_deed(self) -> bool:
        return self.type in MARKED_BY

    @property
    def identity(self) -> Identity:
        return self.type, self.subject, self.mark

    def __str__(self) -> str:
        return f"event {self.seq}, {self.type} of {self.subject or self.brings} ({self.mark})"


class Kind(StrEnum):
    """What can be wrong."""

    LOST = "acknowledged, and not in the trail"
    DOUBLED = "asked for once, and more than once in the trail"
    PHANTOM = "in the trail, and asked for by nobody"
    REFUSED_YET_DONE = "refused, and in the trail"
    UNRESOLVED = "sent again under its key, and still without a definite answer"
    TWO_ANSWERS = "sent again under its key, and answered otherwise"
    FALSE_ANSWER = "answered with what the trail does not say"
    BROKEN_SEQUENCE = "the trail does not count from one without a gap"
    OUT_OF_ORDER = "acknowledged before another was sent, and later in the trail"
    FALSE_STATE = "the stored state is not what the trail leads to"


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong."""

    kind: Kind
    what: str


def violations(
    operations: Iterable[Operation], trails: Mapping[str, Sequence[Entry]], findings: Iterable[str] = ()
) -> tuple[Violation, ...]:
    """Everything wrong in a history, given the trail of every instance and the findings of `alur verify`."""
    return tuple(_found(list(operations), trails, findings))


def _found(
    operations: Collection[Operation], trails: Mapping[str, Sequence[Entry]], findings: Iterable[str]
) -> Iterator[Violation]:
    for what in findings:
        yield Violation(Kind.FALSE_STATE, what)
    for instance, trail in trails.items():
        yield from _out_of_sequence(instance, trail)
        yield from _following_nothing(trail)
    for operation in operations:
        yield from _ill_answered(operation)
    matched = _Matched(operations, trails)
    yield from matched.violations
    for placed in matched.by_instance.values():
        yield from _out_of_order(placed)


def _out_of_sequence(instance: str, trail: Sequence[Entry]) -> Iterator[Violation]:
    counted = [entry.seq for entry in trail]
    if counted != list(range(1, len(trail) + 1)):
        yield Violation(Kind.BROKEN_SEQUENCE, f"{instance}: {counted}")


def _following_nothing(trail: Sequence[Entry]) -> Iterator[Violation]:
    """What the engine did without a deed that led to it."""
    deeds: set[str] = set()
    for entry in trail:
        if entry.is_a_deed:
            deeds.add(entry.id)
        elif (entry.cause is None and not deeds) or (entry.cause is not None and entry.cause not in deeds):
            yield Violation(Kind.PHANTOM, f"{entry} follows from nothing")


def _ill_answered(operation: Operation) -> Iterator[Violation]:
    if operation.key is None:
        return
    if operation.outcome is Outcome.UNKNOWN:
        yield Violation(Kind.UNRESOLVED, str(operation))
    answers = {attempt.answer for attempt in operation.acknowledged}
    if len(answers) > 1:
        yield Violation(Kind.TWO_ANSWERS, f"{operation}: {sorted(answers)}")
    for attempt in operation.attempts:
        if attempt.outcome is Outcome.REFUSED and attempt.sent_at > operation.known_at:
            yield Violation(Kind.TWO_ANSWERS, f"{operation}: first done, then refused: {attempt.answer}")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a deed stands."""

    instance: str
    entry: Entry
    tells: frozenset[str]
    """What an answer may name: the event, its moment, and all it brought about."""
    implied: bool
    """A claim that is part of the completion after it, so that nobody need have asked for it."""


class _Matched:
    """Operations and the deeds they led to, and what is wrong with that. `by_instance` is in the order of the trail."""

    def __init__(self, operations: Collection[Operation], trails: Mapping[str, Sequence[Entry]]) -> None:
        self.violations: list[Violation] = []
        self.by_instance: dict[str, list[tuple[Entry, Operation]]] = defaultdict(list)
        asked: dict[Identity, list[Operation]] = defaultdict(list)
        written: dict[Identity, list[_Place]] = defaultdict(list)
        for operation in operations:
            asked[operation.identity].append(operation)
        for place in _places(trails):
            written[place.entry.identity].append(place)
        for identity in dict.fromkeys((*asked, *written)):
            self._match(asked[identity], written[identity])
        for placed in self.by_instance.values():
            placed.sort(key=lambda one: one[0].seq)

    def _match(self, operations: list[Operation], places: list[_Place]) -> None:
        left = list(places)
        for operation in sorted(operations, key=lambda one: (one.known_at, one.sent_at)):
            place = None
            if operation.outcome is Outcome.OK:
                place = self._acknowledged(operation, left)
            elif operation.outcome is Outcome.UNKNOWN:
                place = next((one for one in left if not one.implied), None)
            if place is not None:
                left.remove(place)
                self.by_instance[place.instance].append((place.entry, operation))
        for place in left:
            if not place.implied:
                asked = ", ".join(map(str, operations))
                self.violations.append(Violation(_uncalled_for(operations), f"{place.entry}; {asked}"))

    def _acknowledged(self, operation: Operation, left: list[_Place]) -> _Place | None:
        """The deed that an answer tells of; its like where the answer is not true."""
        if not left:
            self.violations.append(Violation(Kind.LOST, str(operation)))
            return None
        place = next((one for one in left if operation.names <= one.tells), None)
        if place is None:
            place = left[0]
            untold = sorted(operation.names - place.tells)
            self.violations.append(Violation(Kind.FALSE_ANSWER, f"{operation} names {untold}; {place.entry}"))
        return place


def _uncalled_for(operations: Sequence[Operation]) -> Kind:
    if any(operation.outcome in (Outcome.REFUSED, Outcome.NOT_NOW) for operation in operations):
        return Kind.REFUSED_YET_DONE
    return Kind.DOUBLED if operations else Kind.PHANTOM


def _places(trails: Mapping[str, Sequence[Entry]]) -> Iterator[_Place]:
    for instance, trail in trails.items():
        brought: dict[str | None, set[str]] = defaultdict(set)
        for entry in trail:
            brought[entry.cause].update(filter(None, (entry.id, entry.brings)))
        for entry, after in zip(trail, (*trail[1:], None), strict=True):
            if entry.is_a_deed:
                told = {entry.id, entry.at, *filter(None, [entry.brings]), *brought[entry.id]}
                yield _Place(instance, entry, frozenset(told), _is_implied(entry, after))


def _is_implied(entry: Entry, after: Entry | None) -> bool:
    if entry.type != "step.claimed" or after is None or after.type not in ENDS_A_STEP:
        return False
    return (after.subject, after.at) == (entry.subject, entry.at)


def _out_of_order(placed: Sequence[tuple[Entry, Operation]]) -> Iterator[Violation]:
    """Deeds that stand after one that was sent only when they were already known."""
    latest: Operation | None = None
    for entry, operation in placed:
        if latest is not None and operation.known_at < latest.sent_at:
            yield Violation(Kind.OUT_OF_ORDER, f"{entry} after {latest}")
        if latest is None or operation.sent_at > latest.sent_at:
            latest = operation
