"""Hypothesis strategies for SOPs: sound by the way they are built, or with one thing in them changed.

A sound one goes on by default from each part to the next. What makes it more than a sequence (returns back, out of a
block or into one branch of it; forward routes that skip) is drawn so that no course misses what a return relies on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from engine.definition import (
    Activity,
    ActivityKind,
    Branch,
    Node,
    NodeKind,
    Party,
    ProcessDefinition,
    Role,
    Route,
    RouteKind,
    Source,
)
from tests.factories import a_definition, an_activity, back, forward

PARTY = "bappeda"
UNITS = "bidang"
MOST_PARTS = 11


@dataclass
class Part:
    """What stands at one place of a sequence, before it is wired."""

    id: str
    kind: str
    branches: list[list[Part]] = field(default_factory=list)
    at_least: int | None = None
    or_once: bool = False
    reopened: bool = False
    """A return relies on its having finished."""

    @property
    def leaves_some_behind(self) -> bool:
        return self.at_least is not None and (self.kind == "each_unit" or self.at_least < len(self.branches))


@st.composite
def sound_definitions(draw: st.DrawFn) -> ProcessDefinition:
    """An SOP of nested sequences, blocks, units, waiting parties, decisions and returns that can always finish."""
    author = _Author(draw)
    sequence = author.sequence(depth=0, in_units=False)
    author.wire(sequence, [])
    return author.definition()


class _Author:
    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.parts = 0
        self.activities: list[Activity] = []
        self.nodes: list[Node] = []

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def one_of(self, choices: list[Any]) -> Any:
        return self.draw(st.sampled_from(choices))

    # What there is

    def sequence(self, depth: int, in_units: bool) -> list[Part]:
        length = self.draw(st.integers(1, 4 if depth == 0 else 3))
        return [self.part(place, depth, in_units) for place in range(length)]

    def part(self, place: int, depth: int, in_units: bool) -> Part:
        self.parts += 1
        name = f"p{self.parts}"
        kinds = ["execution"] * 4 + ["decision"] * 5
        kinds += ["wait"] if place else []
        if depth < 2 and self.parts < MOST_PARTS - 3:
            kinds += ["parallel"] * 3 + ["each_unit"] * (0 if in_units else 2)
        part = Part(name, self.one_of(kinds))
        if part.kind == "parallel":
            part.branches = [self.sequence(depth + 1, in_units) for _ in range(self.one_of([2, 2, 2, 3]))]
            part.at_least = self.one_of([None, None, *range(1, len(part.branches) + 1)])
        elif part.kind == "each_unit":
            part.branches = [self.sequence(depth + 1, in_units=True)]
            part.at_least = self.one_of([None, None, None, 1, 2])
            part.or_once = (part.at_least or 1) == 1 and self.chance(3)
        return part

    # Where it leads

    def wire(self, sequence: list[Part], around: list[tuple[list[Part], int]]) -> None:
        """Returns first: they say what may not be skipped."""
        returns = {
            part.id: self._returns(sequence, place, around)
            for place, part in enumerate(sequence)
            if part.kind == "decision"
        }
        for place, part in enumerate(sequence):
            following = sequence[place + 1].id if place + 1 < len(sequence) else None
            if part.kind in ("execution", "decision"):
                routes = [forward(following, "approved" if returns.get(part.id) else "completed")]
                routes += returns.get(part.id, [])
                if part.kind == "decision":
                    routes += self._skip(sequence, place)
                self._write(part.id, routes)
            elif part.kind == "wait":
                routes = [forward(following, "answered"), *self._skip(sequence, place)]
                self.nodes.append(Node(id=part.id, kind=NodeKind.WAIT, party=PARTY, routes=tuple(routes)))
            else:
                for branch in part.branches:
                    self.wire(branch, [(sequence, place), *around])
                self.nodes.append(_block(part, following))

    def _write(self, name: str, routes: list[Route]) -> None:
        collects = self.chance(8)
        self.activities.append(
            an_activity(
                name,
                *routes,
                number=len(self.activities) + 1,
                kind=ActivityKind.EXECUTION if len(routes) == 1 else ActivityKind.DECISION,
                output=self.one_of([None, None, "Konsep"]),
                awaits=(Source(party=PARTY),) if collects else (),
            )
        )

    def _returns(self, sequence: list[Part], place: int, around: list[tuple[list[Part], int]]) -> list[Route]:
        targets = [part.id for part in sequence[:place]]
        for outer, at in around:
            targets += [part.id for part in outer[: at + 1]]
        inward = [
            (block, member.id)
            for block in sequence[:place]
            for branch in block.branches
            for member in (branch[:1] if block.leaves_some_behind else branch)
        ]
        routes = []
        if targets and self.chance(2):
            routes.append(back(self.one_of(targets), "returned"))
        if inward and self.chance(2):
            block, member = self.one_of(inward)
            block.reopened = True
            routes.append(back(member, "sent_in"))
        return routes

    def _skip(self, sequence: list[Part], place: int) -> list[Route]:
        """A second way on, over parts that no return relies on."""
        possible: list[str | None] = []
        for passed in range(place + 1, len(sequence)):
            if sequence[passed].reopened:
                break
            possible.append(sequence[passed + 1].id if passed + 1 < len(sequence) else None)
        return [forward(self.one_of(possible), "skipped")] if possible and self.chance(3) else []

    def definition(self) -> ProcessDefinition:
        return a_definition(
            *self.activities, nodes=tuple(self.nodes), parties=(Party(id=PARTY, name="Bappeda"),), roles=ROLES
        )


ROLES = (Role(id="pelaksana", name="Pelaksana"),)


def _block(part: Part, following: str | None) -> Node:
    inside = [tuple(member.id for member in branch) for branch in part.branches]
    if part.kind == "each_unit":
        return Node(
            id=part.id,
            kind=NodeKind.EACH_UNIT,
            units=UNITS,
            members=inside[0],
            at_least=part.at_least,
            or_once=part.or_once,
            to=following,
        )
    branches = tuple(Branch(id="abc"[at], members=members) for at, members in enumerate(inside))
    return Node(id=part.id, kind=NodeKind.PARALLEL, branches=branches, at_least=part.at_least, to=following)


# One thing changed


@st.composite
def broken_definitions(draw: st.DrawFn) -> ProcessDefinition:
    """A sound SOP with one or two edges, roles, rules or members changed: it may or may not still be sound."""
    definition = draw(sound_definitions())
    for _ in range(draw(st.integers(1, 2))):
        change = draw(st.sampled_from(CHANGES))
        definition = change(draw, definition)
    return definition


def _names(definition: ProcessDefinition) -> list[str]:
    return [part.id for part in definition.activities] + [node.id for node in definition.nodes]


def _targets(definition: ProcessDefinition) -> list[str | None]:
    return [*_names(definition), None]


def _retarget(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    name = draw(st.sampled_from(_names(definition)))
    target = draw(st.sampled_from(_targets(definition)))

    def change(part: Activity | Node) -> Activity | Node:
        if not part.routes:
            return part.model_copy(update={"to": target})
        which = draw(st.integers(0, len(part.routes) - 1))
        changed = part.routes[which].model_copy(update={"to": target})
        return part.model_copy(update={"routes": (*part.routes[:which], changed, *part.routes[which + 1 :])})

    return _with(definition, name, change)


def _another_kind(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    name = draw(st.sampled_from([one.id for one in definition.activities]))

    def change(part: Activity | Node) -> Activity | Node:
        which = draw(st.integers(0, len(part.routes) - 1))
        other = RouteKind.RETURN if part.routes[which].kind is RouteKind.FORWARD else RouteKind.FORWARD
        changed = part.routes[which].model_copy(update={"kind": other})
        return part.model_copy(update={"routes": (*part.routes[:which], changed, *part.routes[which + 1 :])})

    return _with(definition, name, change)


def _one_route_more(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    name = draw(st.sampled_from([one.id for one in definition.activities]))
    route = draw(st.sampled_from([forward, back]))(draw(st.sampled_from(_targets(definition))), "changed")

    def change(part: Activity | Node) -> Activity | Node:
        return part.model_copy(update={"routes": (*part.routes, route), "kind": ActivityKind.DECISION})

    return _with(definition, name, change)


def _one_return_inward(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    """A return into one branch of a block from a decision that stands beside it."""
    home = {member: node.id for node in definition.nodes for some in _member_lists(node) for member in some}
    possible = [
        (activity.id, member)
        for node in definition.nodes
        for activity in definition.activities
        for some in _member_lists(node)
        for member in some
        if activity.kind is ActivityKind.DECISION and home.get(activity.id) == home.get(node.id)
    ]
    if not possible:
        return definition
    name, member = draw(st.sampled_from(possible))
    return _with(
        definition, name, lambda part: part.model_copy(update={"routes": (*part.routes, back(member, "inward"))})
    )


def _one_route_less(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    rich = [one for one in definition.activities if len(one.routes) > 1]
    if not rich:
        return definition
    which = draw(st.integers(0, 1))
    return _with(
        definition,
        draw(st.sampled_from(rich)).id,
        lambda part: part.model_copy(update={"routes": (*part.routes[:which], *part.routes[which + 1 :])}),
    )


def _another_count(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    blocks = [node for node in definition.nodes if node.kind is not NodeKind.WAIT]
    if not blocks:
        return definition
    block = draw(st.sampled_from(blocks))
    # more units than the oracle tries would be refused at the start
    least = draw(st.sampled_from([None, 1, 2] if block.units else [None, 1, 2, 3, 4]))
    return _with(definition, block.id, lambda node: node.model_copy(update={"at_least": least}))


def _members_moved(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    """Take a member out, double it, put it into another branch, or turn the order of a branch."""
    lists = [(node.id, at) for node in definition.nodes for at in range(len(_member_lists(node)))]
    if not lists:
        return definition
    source, target = draw(st.sampled_from(lists)), draw(st.sampled_from(lists))
    how = draw(st.sampled_from(["out", "moved", "doubled", "turned"]))
    nodes = {node.id: node for node in definition.nodes}
    members = list(_member_lists(nodes[source[0]])[source[1]])
    member = draw(st.sampled_from(members))
    if how == "turned":
        members.reverse()
    elif how != "doubled" and len(members) > 1:
        members.remove(member)
    definition = _with(definition, source[0], lambda node: _with_members(node, source[1], members))
    if how in ("moved", "doubled") and source != target:
        there = [*_member_lists(nodes[target[0]])[target[1]], member]
        definition = _with(definition, target[0], lambda node: _with_members(node, target[1], there))
    return definition


def _another_role(draw: st.DrawFn, definition: ProcessDefinition) -> ProcessDefinition:
    name = draw(st.sampled_from([one.id for one in definition.activities]))
    return _with(definition, name, lambda part: part.model_copy(update={"candidate_roles": ("siapa",)}))


CHANGES = (
    *[_retarget, _one_route_more, _one_return_inward] * 4,
    *[_another_kind, _one_route_less, _members_moved] * 2,
    *[_another_count, _another_role],
)


def _with(definition: ProcessDefinition, name: str, change: Any) -> ProcessDefinition:
    return definition.model_copy(
        update={
            "activities": tuple(change(one) if one.id == name else one for one in definition.activities),
            "nodes": tuple(change(one) if one.id == name else one for one in definition.nodes),
        }
    )


def _member_lists(node: Node) -> list[tuple[str, ...]]:
    return [branch.members for branch in node.branches] or ([node.members] if node.members else [])


def _with_members(node: Node | Activity, which: int, members: list[str]) -> Node:
    assert isinstance(node, Node)
    if node.members:
        return node.model_copy(update={"members": tuple(members)})
    changed = node.branches[which].model_copy(update={"members": tuple(members)})
    return node.model_copy(update={"branches": (*node.branches[:which], changed, *node.branches[which + 1 :])})


def described(definition: ProcessDefinition) -> Iterator[str]:
    """An SOP in a few lines, for the notes of a failing example."""
    for part in (*definition.activities, *definition.nodes):
        ways = ", ".join(f"{one.outcome}{'<' if one.kind is RouteKind.RETURN else '>'}{one.to}" for one in part.routes)
        inside = "" if isinstance(part, Activity) else f" {_member_lists(part)} at_least={part.at_least} to={part.to}"
        yield f"{part.id} {part.kind}: {ways}{inside}"
