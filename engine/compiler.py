"""Compiles a definition into a machine that decides every move. The only importer of `transitions`.

One flat machine serves all instances of a definition version and all threads: tokens are its models, lent for the
length of one trigger. Nodes are the states of the machine, outcomes its triggers. The engine's own states and
triggers begin with `>`, which no id or outcome may contain.
"""

from __future__ import annotations

from functools import cached_property

from transitions import Machine, MachineError

from engine.definition import Activity, ActivityKind, ProcessDefinition, Role, Route, RouteKind
from engine.errors import Mistake, OutcomeUnknown, TrailContradiction

IDLE = ">idle"
"""Where a new token rests before it enters."""
ENDED = ">ended"
"""Where a token rests when its scope is finished."""
STARTED = ">started"
"""The trigger that brings a new token to the first activity."""


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
        self._activities = {activity.id: activity for activity in definition.activities}
        self._roles = {role.id: role for role in definition.roles}
        self._machine = _machine_of(definition)

    def activity(self, activity_id: str) -> Activity:
        """The activity with this id. Raises KeyError."""
        return self._activities[activity_id]

    def role(self, role_id: str) -> Role:
        """The role with this id. Raises KeyError."""
        return self._roles[role_id]

    def route(self, activity: Activity, outcome: str | None) -> Route:
        """The route an outcome takes. Only an execution with one outcome need not name it. Raises OutcomeUnknown."""
        if outcome is None and activity.kind is ActivityKind.EXECUTION and len(activity.routes) == 1:
            return activity.routes[0]
        for route in activity.routes:
            if route.outcome == outcome:
                return route
        raise OutcomeUnknown(_outcome_mistake(activity), outcome=outcome or "", offered=_offered(activity))

    def fire(self, node: str, trigger: str) -> str:
        """Where a token that rests on `node` rests after the trigger. Raises TrailContradiction if it cannot move."""
        token = _Token(node)
        try:
            moved = self._machine.events[trigger].trigger(token)
        except (KeyError, ValueError, MachineError) as impossible:  # ValueError: no such node
            raise TrailContradiction(f"no {trigger!r} leads out of {node!r}") from impossible
        if not moved:
            raise TrailContradiction(f"{trigger!r} did not move the token off {node!r}")
        return token.state

    def to_be_done_again(self, target: str) -> frozenset[str]:
        """The activities that are no longer done when work goes back to `target`: it and all that follow it."""
        return self._following[target]

    @cached_property
    def _following(self) -> dict[str, frozenset[str]]:
        """For progress only; no token ever moves by it."""
        onward = {
            activity.id: [route.to for route in activity.routes if route.to and route.kind is RouteKind.FORWARD]
            for activity in self.definition.activities
        }
        return {activity: _reach(activity, onward) for activity in onward}


def _machine_of(definition: ProcessDefinition) -> Machine:
    """The machine of a definition whose checks have passed."""
    nodes = [activity.id for activity in definition.activities]
    # auto_transitions would give every state a back door
    machine = Machine(model=None, states=[IDLE, *nodes, ENDED], initial=IDLE, auto_transitions=False)
    machine.add_transition(STARTED, IDLE, nodes[0])
    for activity in definition.activities:
        for route in activity.routes:
            machine.add_transition(route.outcome, activity.id, route.to or ENDED)
    return machine


def _offered(activity: Activity) -> str:
    return ", ".join(route.outcome for route in activity.routes)


def _outcome_mistake(activity: Activity) -> Mistake:
    return Mistake(
        at="outcome",
        message_id="Pilih salah satu hasil yang tersedia untuk kegiatan ini.",
        message_en="Choose one of the outcomes this activity offers.",
        expected=_offered(activity),
    )


def _reach(start: str, onward: dict[str, list[str]]) -> frozenset[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting.extend(onward[node])
    return frozenset(seen)
