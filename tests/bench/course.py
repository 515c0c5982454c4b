"""What a client has to know beforehand to carry an SOP through without looking things up: who does what, and how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from engine.definition import Activity, ProcessDefinition, Route, RouteKind


@dataclass(frozen=True)
class Deed:
    """One way to end an activity: the body to send, and the activity that opens (null: the cycle is over)."""

    body: bytes
    leads_to: str | None


@dataclass(frozen=True)
class Stop:
    """An activity on the way: who does it, how it goes on, and how it goes back where it can."""

    official: str
    forward: Deed
    back: Deed | None


@dataclass(frozen=True)
class Course:
    """The whole way: the SOP is started under any of `definitions`, which differ in nothing but their key."""

    definitions: tuple[str, ...]
    first: str
    stops: Mapping[str, Stop]

    @property
    def reviews(self) -> tuple[str, ...]:
        """The activities that can send the work back, in order."""
        return tuple(activity for activity, stop in self.stops.items() if stop.back)


def course_of(definition: ProcessDefinition, keys: tuple[str, ...], officials: Mapping[str, str]) -> Course:
    """The course of an SOP that is one sequence, with at most one way back. `officials` are ids by role."""
    stops = {activity.id: _stop(activity, officials) for activity in definition.activities}
    return Course(keys, definition.activities[0].id, stops)


def _stop(activity: Activity, officials: Mapping[str, str]) -> Stop:
    ways = {route.kind: _deed(activity, route) for route in activity.routes}
    return Stop(officials[activity.candidate_roles[0]], ways[RouteKind.FORWARD], ways.get(RouteKind.RETURN))


def _deed(activity: Activity, route: Route) -> Deed:
    told: dict[str, object] = {"outcome": route.outcome}
    if route.kind is RouteKind.RETURN:
        told["reason"] = "Capaian triwulan IV belum sesuai dengan data bidang."
    else:
        reference = f"000.8/{activity.number}/DISKOPUKM/2026"
        told["outputs"] = [{"name": name, "reference": reference} for name in activity.expected_outputs]
        if activity.awaits:
            told["reason"] = "Bahan sudah diterima langsung pada rapat."
    return Deed(json.dumps(told, ensure_ascii=False).encode(), route.to)
