"""Where each node of a definition stands: at the outermost level, or in a branch of another node.

A place is the home of one token. A token may move within its place, leave outward to a place around it, or go into one
branch of a node in its own place; every other jump is refused by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.definition import Activity, Node, NodeKind, ProcessDefinition

ENDED = ">ended"
"""Where a token rests when its place is finished."""


@dataclass(frozen=True, slots=True)
class Place:
    """The outermost level (`inside` null) or a branch. The one branch of an each-unit node has the node's own name."""

    inside: str | None = None
    branch: str | None = None


OUTERMOST = Place()


class ImpossibleJump(Exception):
    """A route leads to a sibling branch, or outward and inward at once."""


class Places:
    """The places of one definition whose ids are unique and whose members exist."""

    def __init__(self, definition: ProcessDefinition) -> None:
        self.definition = definition
        self.parts: dict[str, Activity | Node] = {activity.id: activity for activity in definition.activities}
        self.parts |= {node.id: node for node in definition.nodes}
        self.composites = {node.id: node for node in definition.nodes if node.kind is not NodeKind.WAIT}
        self.members: dict[Place, tuple[str, ...]] = {}
        for node in self.composites.values():
            for branch, members in branches_of(node):
                self.members[Place(node.id, branch)] = members
        self.of: dict[str, Place] = dict.fromkeys(self.parts, OUTERMOST)
        self.of |= {member: place for place, members in self.members.items() for member in members}
        self.members[OUTERMOST] = tuple(part for part in self.parts if self.of[part] == OUTERMOST)

    def around(self, place: Place) -> Iterator[Place]:
        """The place itself and those around it, outward."""
        yield place
        while place.inside is not None:
            place = self.of[place.inside]
            yield place

    def share_units(self, one: str, other: str) -> bool:
        """Whether two parts stand in the same each-unit node, however deep."""
        return bool(set(self._each_unit_around(one)) & set(self._each_unit_around(other)))

    def _each_unit_around(self, part: str) -> Iterator[str]:
        for place in self.around(self.of[part]):
            if place.inside is not None and self.composites[place.inside].kind is NodeKind.EACH_UNIT:
                yield place.inside

    def outermost_of(self, part: str) -> str:
        """The part itself, or the outermost node it stands in."""
        while (place := self.of[part]).inside is not None:
            part = place.inside
        return part

    @property
    def first(self) -> str:
        """Where the outermost token begins: at the first printed row, or the node around it."""
        return self.outermost_of(self.definition.activities[0].id)

    def rest_of(self, place: Place, target: str | None) -> str:
        """The state a token of a place comes to rest in when it is sent to a target. Raises ImpossibleJump."""
        if target is None:
            return ENDED
        home = self.of[target]
        if home == place:
            return target
        if home in self.around(place):
            return out_to(target)
        if home.inside is not None and self.of[home.inside] == place:
            return into(home, target)
        raise ImpossibleJump(target)


def branches_of(node: Node) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The branches of a composite node, each with its members."""
    if node.kind is NodeKind.EACH_UNIT:
        return ((node.id, node.members),)
    return tuple((branch.id, branch.members) for branch in node.branches)


def out_to(target: str) -> str:
    """Where an inner token rests that leaves its branch for a target outside."""
    return f">out:{target}"


def into(home: Place, target: str) -> str:
    """Where an outer token rests for the moment in which it reopens one branch at a target."""
    return f">into:{home.inside}.{home.branch}:{target}"


def entering(home: Place, target: str) -> str:
    """The trigger that lets a token begin in a branch at a target."""
    return f">entered:{home.inside}.{home.branch}:{target}"


def leaving(target: str) -> str:
    """The trigger that takes an outer token off a node because an inner one left for a target."""
    return f">left:{target}"
