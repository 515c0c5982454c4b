"""Lets the tokens of an instance come to rest: opening branches, joining them, leaving them, reopening one.

After a token was moved by an outcome, the rest follows from the machine alone. Moving a token off a composite node
drops the scopes it owned; that one rule is what return jumps, n-of-m remainders and interruptions have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.compiler import ENDED, IDLE, JOINED, CompiledProcess
from engine.definition import Node, NodeKind
from engine.places import Place, branches_of, entering, leaving
from engine.state import Scope

Units = Mapping[str, tuple[str, ...]]
"""The units of an agency by their kind, frozen when the instance began."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What settling needs to know: the machine, the frozen units, which of them a return reopens, and the moment."""

    process: CompiledProcess
    units: Units
    reopened: frozenset[str] = field(default=frozenset())
    at: datetime | None = None

    def settled(self, scope: Scope) -> Scope:
        """The scope with every token in it at rest on an activity, on a waiting node, or at an end."""
        scope = scope.model_copy(update={"children": tuple(self.settled(child) for child in scope.children)})
        moved = self._leave(scope) or self._join(scope) or self._reopen(scope) or self._open(scope)
        if moved:
            return self.settled(moved)
        ends_now = scope.node == ENDED and scope.ended_at is None
        return scope.model_copy(update={"ended_at": self.at}) if ends_now else scope

    def _leave(self, scope: Scope) -> Scope | None:
        for child in scope.children:
            if child.node.startswith(">out:"):
                return scope.resting(self.process.fire(scope.node, leaving(child.node.removeprefix(">out:"))))
        return None

    def _join(self, scope: Scope) -> Scope | None:
        ended = sum(child.node == ENDED for child in scope.children)
        if not scope.children or ended < scope.joins_at:
            return None
        joined = scope.resting(self.process.fire(scope.node, JOINED))
        ends = [child.ended_at for child in scope.children if child.ended_at is not None]
        return joined.model_copy(update={"ended_at": max(ends, default=None)}) if joined.node == ENDED else joined

    def _reopen(self, scope: Scope) -> Scope | None:
        """One branch (of the units named) begins again at a node in it; the others count as finished."""
        found = self.process.reopens(scope.node)
        if found is None:
            return None
        home, target = found
        resting = scope.resting(self.process.fire(scope.node, entering(home, target)))
        children = tuple(
            child.resting(self.process.fire(IDLE, entering(home, target)) if self._begins_again(child, home) else ENDED)
            for child in self._idle_children(resting)
        )
        return resting.model_copy(update={"children": children, "joins_at": len(children)})

    def _begins_again(self, child: Scope, home: Place) -> bool:
        node = self.process.node(str(home.inside))
        if node is not None and node.kind is NodeKind.EACH_UNIT:
            return child.unit is None or child.unit in self.reopened
        return child.branch == home.branch

    def _open(self, scope: Scope) -> Scope | None:
        node = self.process.node(scope.node)
        if node is None or node.kind is NodeKind.WAIT or scope.children:
            return None
        first = dict(branches_of(node))
        children = tuple(
            child.resting(self.process.fire(IDLE, entering(Place(node.id, child.branch), first[str(child.branch)][0])))
            for child in self._idle_children(scope)
        )
        return scope.model_copy(update={"children": children, "joins_at": node.at_least or len(children)})

    def _idle_children(self, scope: Scope) -> Iterator[Scope]:
        node = self.process.node(scope.node)
        if node is None:
            return
        for branch, _ in branches_of(node):
            for unit in self._units_for(node, scope):
                name = branch if node.kind is NodeKind.PARALLEL else unit or ""
                yield Scope(id=f"{scope.id}/{node.id}:{name}", node=IDLE, branch=branch, unit=unit)

    def _units_for(self, node: Node, scope: Scope) -> tuple[str | None, ...]:
        if node.kind is NodeKind.PARALLEL:
            return (scope.unit,)
        return self.units.get(str(node.units), ()) or (None,)


def units_missing(process: CompiledProcess, units: Units) -> Iterator[tuple[Node, int, int]]:
    """The each-unit nodes that cannot run with these units: how many they need and how many there are."""
    for node in process.definition.nodes:
        if node.kind is NodeKind.EACH_UNIT:
            there = len(units.get(str(node.units), ()))
            needed = node.at_least or 1
            if there < needed and not (there == 0 and node.or_once and needed == 1):
                yield node, needed, there


def kinds_of_units(process: CompiledProcess) -> frozenset[str]:
    """The kinds of units a process speaks of."""
    blocks = {node.units for node in process.definition.nodes if node.units}
    sources = {source.units for activity in process.definition.activities for source in activity.awaits}
    return frozenset(kind for kind in blocks | sources if kind)
