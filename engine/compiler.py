"""Compiles a definition into a machine that decides every move. The only importer of `transitions`.

One flat machine serves all instances of a definition version and all threads: tokens are its models, lent for the
length of one trigger. Nodes are the states of the machine, outcomes its triggers. The engine's own states and
triggers begin with `>`, which no id or outcome may contain:

    >idle, >ended                 a token that has not begun, or has finished
    >out:<target>                 an inner token that leaves its branch; the token around it then fires >left:<target>
    >into:<branch>:<target>       an outer token that reopens one branch; it then fires >entered:<branch>:<target>
    >started, >started_at:<node>  the outermost token begins, at the first node or in the middle
    >joined                       enough branches of a node have ended
    >undone:<node>                a token goes back to where it rested before a mistake
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from transitions import Machine, MachineError

from engine.definition import Activity, ActivityKind, Node, NodeKind, ProcessDefinition, Role, Route, RouteKind
from engine.errors import Mistake, OutcomeUnknown, TrailContradiction
from engine.places import ENDED, Place, Places, branches_of, entering, into, leaving, out_to

IDLE = ">idle"
STARTED = ">started"
JOINED = ">joined"
__all__ = ["ENDED", "IDLE", "JOINED", "STARTED", "CompiledProcess", "started_at", "undoing"]


def started_at(node: str) -> str:
    """The trigger that begins in the middle."""
    return f">started_at:{node}"


def undoing(node: str) -> str:
    """The trigger that takes a token back to where it rested."""
    return f">undone:{node}"


class _Token:
    """What `transitions` moves: an object with a state and nothing else."""

    __slots__ = ("state",)

    def __init__(self, node: str) -> None:
        self.state = node


class CompiledProcess:
    """One published version of a definition, ready to run. Immutable once built, safe between threads."""

    def __init__(self, definition: ProcessDefinition, version: int) -> None:
        self.definition = definition
        self.version = version
        self.places = Places(definition)
        self._activities = {activity.id: activity for activity in definition.activities}
        self._nodes = {node.id: node for node in definition.nodes}
        self._roles = {role.id: role for role in definition.roles}
        moves = set(_moves(self.places))
        self._reopening = {
            into(home, target): (home, target)
            for home, members in self.places.members.items()
            for target in members
            if home.inside is not None
        }
        self._machine = _machine_of(self.places, moves)

    def activity(self, activity_id: str) -> Activity:
        """The activity with this id. Raises KeyError."""
        return self._activities[activity_id]

    def node(self, node_id: str) -> Node | None:
        """The node with this id, null for an activity or one of the engine's own states."""
        return self._nodes.get(node_id)

    def role(self, role_id: str) -> Role:
        """The role with this id. Raises KeyError."""
        return self._roles[role_id]

    def route(self, part: Activity | Node, outcome: str | None) -> Route:
        """The route an outcome takes; unnamed, the only one of an execution or a wait. Raises OutcomeUnknown."""
        decides = isinstance(part, Activity) and part.kind is ActivityKind.DECISION
        if outcome is None and not decides and len(part.routes) == 1:
            return part.routes[0]
        for route in part.routes:
            if route.outcome == outcome:
                return route
        raise OutcomeUnknown(_outcome_mistake(part), outcome=outcome or "", offered=_offered(part))

    def fire(self, node: str, trigger: str) -> str:
        """Where a token that rests on `node` rests after the trigger. Raises TrailContradiction if it cannot move."""
        token = _Token(node)
        try:
            moved = self._machine.events[trigger].trigger(token)
        except (KeyError, ValueError, MachineError) as impossible:
            raise TrailContradiction(f"no {trigger!r} leads out of {node!r}") from impossible
        if not moved:
            raise TrailContradiction(f"{trigger!r} did not move the token off {node!r}")
        return token.state

    def reopens(self, state: str) -> tuple[Place, str] | None:
        """The branch and the node in it that an `>into:` state stands for, null for any other state."""
        return self._reopening.get(state)

    def leads_to(self, state: str) -> str | None:
        """The node of the definition that a state is on the way to; null at an end."""
        if state == ENDED:
            return None
        return state.rsplit(":", 1)[-1] if state.startswith(">") else state

    def to_be_done_again(self, target: str) -> frozenset[str]:
        """The activities that are no longer done when work goes back to `target`: it and all that follow it."""
        return self._following[target]

    @cached_property
    def _following(self) -> dict[str, frozenset[str]]:
        """For progress only; no token ever moves by it."""
        onward = {part: tuple(_onward(self.places, part)) for part in self.places.parts}
        activities = frozenset(self._activities)
        return {part: _reach(part, onward) & activities for part in onward}


def _moves(places: Places) -> Iterator[tuple[str, str, str]]:
    """Every (trigger, from, to) of a definition whose checks have passed."""
    yield STARTED, IDLE, places.first
    for node in places.members[Place()]:
        yield started_at(node), IDLE, node
    for part in places.parts:
        yield from _moves_off(places, part)
    for home, members in places.members.items():
        if home.inside is not None:
            yield from _moves_into(home, members)


def _moves_off(places: Places, part: str) -> Iterator[tuple[str, str, str]]:
    """The ways off an activity or a node, the ways outward they need, and the way back should one be a mistake."""
    place = places.of[part]
    rests = []
    for trigger, target in _ways(places.parts[part]):
        rest = places.rest_of(place, target)
        rests.append(rest)
        yield trigger, part, rest
        if target is not None and rest == out_to(target):
            yield from _moves_outward(places, place, target)
    for rest in rests:
        yield undoing(part), _settled(rest), part


def _ways(part: Activity | Node) -> Iterator[tuple[str, str | None]]:
    if isinstance(part, Node) and part.kind is not NodeKind.WAIT:
        yield JOINED, part.to
    else:
        yield from ((route.outcome, route.to) for route in part.routes)


def _moves_outward(places: Places, place: Place, target: str) -> Iterator[tuple[str, str, str]]:
    """From node to node outward, until the place of the target."""
    while place.inside is not None and place != places.of[target]:
        node, place = place.inside, places.of[place.inside]
        rest = places.rest_of(place, target)
        yield leaving(target), node, rest
        yield undoing(node), _settled(rest), node


def _moves_into(home: Place, members: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    for member in members:
        yield entering(home, member), IDLE, member
        yield entering(home, member), into(home, member), str(home.inside)


def _settled(rest: str) -> str:
    """Where a token is found in the end that first rested there: reopening a branch, on the node around it."""
    return rest.removeprefix(">into:").split(".", 1)[0] if rest.startswith(">into:") else rest


def _machine_of(places: Places, moves: set[tuple[str, str, str]]) -> Machine:
    states = {IDLE, ENDED, *places.parts} | {state for _, source, rest in moves for state in (source, rest)}
    # auto_transitions would give every state a back door
    machine = Machine(model=None, states=sorted(states), initial=IDLE, auto_transitions=False)
    for trigger, source, rest in sorted(moves):
        machine.add_transition(trigger, source, rest)
    return machine


def _onward(places: Places, part: str) -> Iterator[str]:
    """What follows a part when all goes forward."""
    described = places.parts[part]
    if part in places.composites and isinstance(described, Node):
        yield from (members[0] for _, members in branches_of(described))
        targets: list[str | None] = [described.to]
    else:
        targets = [route.to for route in described.routes if route.kind is RouteKind.FORWARD]
    for target in targets:
        if target is not None:
            yield target
        elif (inside := places.of[part].inside) is not None:
            yield from _after(places, inside)


def _after(places: Places, node: str) -> Iterator[str]:
    target = places.composites[node].to
    if target is not None:
        yield target
    elif (inside := places.of[node].inside) is not None:
        yield from _after(places, inside)


def _reach(start: str, onward: dict[str, tuple[str, ...]]) -> frozenset[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(onward[node])
    return frozenset(seen)


def _offered(part: Activity | Node) -> str:
    return ", ".join(route.outcome for route in part.routes)


def _outcome_mistake(part: Activity | Node) -> Mistake:
    return Mistake(
        at="outcome",
        message_id="Pilih salah satu hasil yang tersedia untuk kegiatan ini.",
        message_en="Choose one of the outcomes this activity offers.",
        expected=_offered(part),
    )
