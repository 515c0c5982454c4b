"""The oracle: is an SOP sound? Found by searching whole markings, every branch and unit multiplied. Tests only.

It shares nothing with the proof but the engine's own settling of tokens, and says of each kind of mistake whether there
is one. A marking is the tree of scopes, and for each block in it whether it was last left by having finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations

from engine.compiler import ENDED, IDLE, STARTED, CompiledProcess
from engine.definition import Activity, Node, NodeKind, RouteKind
from engine.scopes import Setting, Units
from engine.state import ROOT, Scope

MOST_MARKINGS = 50_000

Finished = frozenset[tuple[str, str]]
"""The blocks, each of a scope, that were last left by having finished."""

Marking = tuple[Scope, Finished]
Step = tuple[str, str]


class TooMany(Exception):
    """There are more markings than the oracle looks at."""


@dataclass(frozen=True)
class Verdict:
    """The shortest course to each kind of mistake; sound if there is none."""

    stuck: tuple[Step, ...] | None
    cut_off: tuple[Step, ...] | None
    never_finished: tuple[Step, ...] | None
    unreached: frozenset[str]
    markings: int

    @property
    def is_sound(self) -> bool:
        return (self.stuck, self.cut_off, self.never_finished) == (None, None, None) and not self.unreached


def judged(process: CompiledProcess, units: Units) -> Verdict:
    """Look at every marking that a process can come to with these units. Raises TooMany."""
    found = _Markings(process, units)
    return Verdict(
        stuck=found.stuck(),
        cut_off=min(found.cut_off, key=len, default=None),
        never_finished=min(found.never_finished, key=len, default=None),
        unreached=frozenset(process.places.parts)
        - {scope.node for root, _ in found.courses for scope in _scopes(root)},
        markings=len(found.courses),
    )


def units_to_try(process: CompiledProcess, most: int = 3) -> Units:
    """Enough units for n of m to leave one behind, and two to stand beside each other."""
    nodes = [node for node in process.definition.nodes if node.units]
    return {
        str(kind): tuple(
            f"u{number}"
            for number in range(1, 1 + min(most, max((one.at_least or 1) + 1 for one in nodes if one.units == kind)))
        )
        for kind in {one.units for one in nodes}
    }


def begun(process: CompiledProcess, units: Units) -> Scope:
    """The scopes at the start."""
    return Setting(process, units).settled(Scope(id=ROOT, node=process.fire(IDLE, STARTED)))


def stuck_somewhere(process: CompiledProcess, units: Units, root: Scope) -> bool:
    """Whether some scope of a marking can neither end nor be left."""
    ways = _Ways(process, units)
    return any(ways.is_stuck(scope) for scope in _scopes(root))


class _Markings:
    def __init__(self, process: CompiledProcess, units: Units) -> None:
        self.process, self.units = process, units
        self.cut_off: list[tuple[Step, ...]] = []
        self.never_finished: list[tuple[Step, ...]] = []
        self.courses: dict[Marking, tuple[Step, ...]] = {(begun(process, units), frozenset()): ()}
        waiting = list(self.courses)
        for marking in waiting:
            for step, told, after in self._onward(*marking):
                course = (*self.courses[marking], step)
                if told.cut_off:
                    self.cut_off.append(course)
                if told.never_finished:
                    self.never_finished.append(course)
                if after not in self.courses:
                    self.courses[after] = course
                    waiting.append(after)
            if len(self.courses) > MOST_MARKINGS:
                raise TooMany

    def stuck(self) -> tuple[Step, ...] | None:
        """The shortest course to a marking in which a scope is stuck; those found first are nearest."""
        ways = _Ways(self.process, self.units)
        stuck = (course for (root, _), course in self.courses.items() if any(map(ways.is_stuck, _scopes(root))))
        return next(stuck, None)

    def _onward(self, root: Scope, finished: Finished) -> Iterator[tuple[Step, Told, Marking]]:
        for step, is_forward, reopened, moved in moves(self.process, self.units, root):
            told = Told(is_forward, set(finished))
            after = Watching(self.process, self.units, reopened, told).settled(moved)
            yield step, told, (after, frozenset(told.finished))


class _Ways:
    """From which scopes there is a way on."""

    def __init__(self, process: CompiledProcess, units: Units) -> None:
        self.process, self.units = process, units
        self.ways: dict[Scope, bool] = {}

    def is_stuck(self, scope: Scope) -> bool:
        """Whether a scope can neither end nor be left, by moves of its own alone."""
        if scope not in self.ways:
            seen = {scope}
            waiting = [scope]
            sources: dict[Scope, list[Scope]] = {}
            while waiting:
                here = waiting.pop()
                for _, _, reopened, moved in moves(self.process, self.units, here):
                    after = Setting(self.process, self.units, reopened).settled(moved)
                    sources.setdefault(after, []).append(here)
                    if after not in seen and after not in self.ways:
                        seen.add(after)
                        waiting.append(after)
            able = [one for one in {*seen, *sources} if one.node.startswith(">") or self.ways.get(one)]
            reached = set(able)
            for here in able:
                for before in sources.get(here, ()):
                    if before not in reached:
                        reached.add(before)
                        able.append(before)
            self.ways |= {one: one in reached for one in seen}
        return not self.ways[scope]


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for child in scope.children:
        yield from _scopes(child)


def moves(process: CompiledProcess, units: Units, root: Scope) -> Iterator[tuple[Step, bool, frozenset[str], Scope]]:
    """Everything anybody may choose: the step, whether it leads forward, units it reopens, and the tree unsettled."""
    for leaf in root.leaves():
        if leaf.node.startswith(">"):
            continue
        part: Activity | Node = process.places.parts[leaf.node]
        for route in part.routes:
            rest = process.fire(leaf.node, route.outcome)
            for reopened in _choices(process, units, rest):
                moved = root.moved(leaf.id, rest)
                yield (leaf.node, route.outcome), route.kind is RouteKind.FORWARD, reopened, moved


def _choices(process: CompiledProcess, units: Units, rest: str) -> Iterator[frozenset[str]]:
    found = process.reopens(rest)
    node = process.node(str(found[0].inside)) if found else None
    there = units.get(str(node.units), ()) if node and node.kind is NodeKind.EACH_UNIT else ()
    if not there:
        yield frozenset()
    for some in chain.from_iterable(combinations(there, size) for size in range(1, len(there) + 1)):
        yield frozenset(some)


@dataclass
class Told:
    """What the settling of one move did."""

    is_forward: bool
    finished: set[tuple[str, str]]
    cut_off: bool = False
    never_finished: bool = False


@dataclass(frozen=True)
class Watching(Setting):
    """Settles as the engine does, and takes notes."""

    told: Told = field(default_factory=lambda: Told(False, set()))

    def _leave(self, scope: Scope) -> Scope | None:
        moved = super()._leave(scope)
        if moved is not None:
            beside = [child for child in scope.children if not child.node.startswith(">out:")]
            self.told.cut_off |= self.told.is_forward and any(child.node != ENDED for child in beside)
            self.told.finished.discard((scope.id, scope.node))
        return moved

    def _join(self, scope: Scope) -> Scope | None:
        moved = super()._join(scope)
        if moved is not None:
            self.told.finished.add((scope.id, scope.node))
            # whoever finishes a block goes on forward, however its last step is called
            self.told.is_forward = True
        return moved

    def _reopen(self, scope: Scope) -> Scope | None:
        moved = super()._reopen(scope)
        if moved is not None:
            self.told.never_finished |= (scope.id, moved.node) not in self.told.finished
        return moved

    def _open(self, scope: Scope) -> Scope | None:
        moved = super()._open(scope)
        if moved is not None:
            within = f"{scope.id}/{scope.node}:"
            self.told.finished -= {one for one in self.told.finished if one[0].startswith(within)}
        return moved
