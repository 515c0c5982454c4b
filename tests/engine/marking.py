"""The oracle: is an SOP sound? Found by searching whole markings, every branch and unit multiplied. Tests only.

It shares nothing with the proof but the engine's own settling of tokens. A marking is the tree of scopes, and for each
block in it whether it was last left by having finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations

from engine.compiler import ENDED, IDLE, STARTED, CompiledProcess
from engine.definition import NodeKind, RouteKind
from engine.scopes import Setting, Units
from engine.state import ROOT, Scope

MOST_MARKINGS = 50_000

Finished = frozenset[tuple[str, str]]
"""The blocks, each of a scope, that were last left by having finished."""

Marking = tuple[Scope, Finished]
Step = tuple[str, str]
Course = tuple[Step, ...]


class TooMany(Exception):
    """There are more markings than the oracle looks at."""


@dataclass(frozen=True)
class Verdict:
    """The shortest course to each kind of mistake; sound if there is none."""

    stuck: Course | None
    cut_off: Course | None
    never_finished: Course | None
    unreached: frozenset[str]
    markings: int

    @property
    def is_sound(self) -> bool:
        return (self.stuck, self.cut_off, self.never_finished) == (None, None, None) and not self.unreached


def units_to_try(process: CompiledProcess, most: int = 3) -> Units:
    """Enough units for n of m to leave one behind, and two to stand beside each other."""
    blocks = [node for node in process.definition.nodes if node.units]
    needed = {str(one.units): 0 for one in blocks}
    for one in blocks:
        needed[str(one.units)] = max(needed[str(one.units)], (one.at_least or 1) + 1)
    return {kind: tuple(f"u{number + 1}" for number in range(min(most, many))) for kind, many in needed.items()}


def judged(process: CompiledProcess, units: Units, most: int = MOST_MARKINGS) -> Verdict:
    """Look at every marking that a process can come to with these units. Raises TooMany."""
    game = Game(process, units)
    courses: dict[Marking, Course] = {(game.begun, frozenset()): ()}
    wrong: dict[str, list[Course]] = {"cut_off": [], "never_finished": []}
    waiting = list(courses)
    for marking in waiting:
        for turn in game.turns(marking[0]):
            course = (*courses[marking], turn.step)
            finished, mistakes = turn.told(marking[1])
            for mistake in mistakes:
                wrong[mistake].append(course)
            after = (turn.after, finished)
            if after not in courses:
                courses[after] = course
                waiting.append(after)
        if len(courses) > most:
            raise TooMany
    # markings are found nearest first
    stuck = (course for (root, _), course in courses.items() if game.is_stuck_somewhere(root))
    return Verdict(
        stuck=next(stuck, None),
        cut_off=min(wrong["cut_off"], key=len, default=None),
        never_finished=min(wrong["never_finished"], key=len, default=None),
        unreached=frozenset(process.places.parts) - {one.node for root, _ in courses for one in scopes_of(root)},
        markings=len(courses),
    )


def scopes_of(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.children:
        yield from scopes_of(child)


@dataclass(frozen=True)
class Turn:
    """One thing somebody may do, and what followed in the blocks, in order."""

    step: Step
    is_forward: bool
    happened: tuple[tuple[str, str, str, bool], ...]
    after: Scope

    def told(self, finished: Finished) -> tuple[Finished, set[str]]:
        """Which blocks had finished afterwards, and what went wrong."""
        now, mistakes, forward = set(finished), set(), self.is_forward
        for what, scope, node, work_beside in self.happened:
            if what == "joined":
                now.add((scope, node))
                forward = True  # where a finished block leads, it leads forward
            elif what == "left":
                now.discard((scope, node))
                mistakes |= {"cut_off"} if forward and work_beside else set()
            elif what == "entered":
                mistakes |= {"never_finished"} if (scope, node) not in now else set()
            else:
                now -= {one for one in now if one[0].startswith(f"{scope}/{node}:")}
        return frozenset(now), mistakes


class Game:
    """Everything anybody may choose in one process, worked out once for each tree of scopes."""

    def __init__(self, process: CompiledProcess, units: Units) -> None:
        self.process, self.units = process, units
        self.begun = Setting(process, units).settled(Scope(id=ROOT, node=process.fire(IDLE, STARTED)))
        self._turns: dict[Scope, tuple[Turn, ...]] = {}
        self._goes_on: dict[Scope, bool] = {}

    def turns(self, root: Scope) -> tuple[Turn, ...]:
        if root not in self._turns:
            self._turns[root] = tuple(self._all_turns(root))
        return self._turns[root]

    def _all_turns(self, root: Scope) -> Iterator[Turn]:
        for leaf in root.leaves():
            part = self.process.places.parts.get(leaf.node)
            for route in part.routes if part else ():
                rest = self.process.fire(leaf.node, route.outcome)
                for reopened in self._choices(rest):
                    notes = Notes(self.process, self.units, reopened)
                    after = notes.settled(root.moved(leaf.id, rest))
                    step, is_forward = (leaf.node, route.outcome), route.kind is RouteKind.FORWARD
                    yield Turn(step, is_forward, tuple(notes.taken), after)

    def _choices(self, rest: str) -> Iterator[frozenset[str]]:
        """The units somebody may name who sends work back into an each-unit node."""
        found = self.process.reopens(rest)
        node = self.process.node(str(found[0].inside)) if found else None
        there = self.units.get(str(node.units), ()) if node and node.kind is NodeKind.EACH_UNIT else ()
        some = chain.from_iterable(combinations(there, size) for size in range(1, len(there) + 1))
        yield from map(frozenset, some if there else [()])

    def is_stuck_somewhere(self, root: Scope) -> bool:
        """Whether a scope of this tree can neither end nor be left by moves of its own."""
        return not all(map(self._can_go_on, scopes_of(root)))

    def _can_go_on(self, scope: Scope) -> bool:
        if scope not in self._goes_on:
            seen, sources = {scope: None}, dict[Scope, list[Scope]]()
            for here in (waiting := [scope]):
                for turn in self.turns(here):
                    sources.setdefault(turn.after, []).append(here)
                    if turn.after not in seen:
                        seen[turn.after] = None
                        waiting.append(turn.after)
            able = {one: None for one in seen if one.node.startswith(">")}
            for here in (waiting := list(able)):
                for before in sources.get(here, ()):
                    if before not in able:
                        able[before] = None
                        waiting.append(before)
            self._goes_on |= {one: one in able for one in seen}
        return self._goes_on[scope]


@dataclass(frozen=True)
class Notes(Setting):
    """Settles as the engine does, and notes what happens to blocks."""

    taken: list[tuple[str, str, str, bool]] = field(default_factory=list)

    def _leave(self, scope: Scope) -> Scope | None:
        moved = super()._leave(scope)
        if moved is not None:
            beside = any(child.node != ENDED and not child.node.startswith(">out:") for child in scope.children)
            self.taken.append(("left", scope.id, scope.node, beside))
        return moved

    def _join(self, scope: Scope) -> Scope | None:
        moved = super()._join(scope)
        if moved is not None:
            self.taken.append(("joined", scope.id, scope.node, False))
        return moved

    def _reopen(self, scope: Scope) -> Scope | None:
        moved = super()._reopen(scope)
        if moved is not None:
            self.taken.append(("entered", scope.id, moved.node, False))
        return moved

    def _open(self, scope: Scope) -> Scope | None:
        moved = super()._open(scope)
        if moved is not None:
            self.taken.append(("opened", scope.id, scope.node, False))
        return moved
