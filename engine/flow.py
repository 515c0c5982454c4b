"""The flow of an SOP for its author: as a table to read in a terminal, and as a Mermaid picture."""

from __future__ import annotations

from collections.abc import Iterator

from engine.definition import Activity, ActivityKind, Node, NodeKind, ProcessDefinition, Route, RouteKind
from engine.places import OUTERMOST, Place, Places, branches_of

_COLUMNS = ("No", "Kegiatan", "Pelaksana", "Waktu", "Alur")


def table(definition: ProcessDefinition, width: int = 60) -> str:
    """One row an activity and node, in printed order: number, name, roles, time limit, where each outcome leads."""
    names = {role.id: role.name for role in definition.roles}
    numbers = {activity.id: str(activity.number) for activity in definition.activities}
    places = Places(definition)
    rows = [_COLUMNS]
    for activity in definition.activities:
        roles = [names[role] for role in activity.candidate_roles]
        roles += [f"({names[role]})" for role in activity.assisting_roles]
        limit = activity.time_limit.text if activity.time_limit else "-"
        end = "selesai" if places.of[activity.id] == OUTERMOST else "akhir cabang"
        routes = ", ".join(_route(route, numbers, end) for route in activity.routes)
        rows.append((str(activity.number), _shortened(activity.name, width), ", ".join(roles), limit, routes))
    for node in definition.nodes:
        end = "selesai" if places.of[node.id] == OUTERMOST else "akhir cabang"
        rows.append(("", f"[{node.id}] {_said(node, definition, numbers)}", "", "", _onward(node, numbers, end)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"{definition.key} · {definition.title} · {definition.agency}", "", *lines])


def mermaid(definition: ProcessDefinition) -> str:
    """A Mermaid flowchart: boxes are executions, diamonds decisions, dotted arrows go back."""
    places = Places(definition)
    lines = ["flowchart TD", "    mulai([Mulai])", f"    mulai --> {_drawn(places.first)}"]
    lines += _members(places, OUTERMOST, "    ")
    lines += [f"    {arrow}" for part in places.parts.values() for arrow in _arrows(places, part)]
    return "\n".join([*lines, "    selesai([Selesai])"]) + "\n"


def _members(places: Places, place: Place, indent: str) -> Iterator[str]:
    for member in places.members[place]:
        part = places.parts[member]
        if isinstance(part, Node) and part.kind is not NodeKind.WAIT:
            yield f"{indent}subgraph {_drawn(part.id)}[{_quoted(_title(part, places.definition))}]"
            for branch, _ in branches_of(part):
                yield from _members(places, Place(part.id, branch), indent + "    ")
            yield f"{indent}end"
        else:
            yield f"{indent}{_shape(part, places.definition)}"


def _shape(part: Activity | Node, definition: ProcessDefinition) -> str:
    if isinstance(part, Node):
        return f"{_drawn(part.id)}>{_quoted(_title(part, definition))}]"
    words = _quoted(f"{part.number}. {_shortened(part.name, 70)}")
    return f"{_drawn(part.id)}{{{words}}}" if part.kind is ActivityKind.DECISION else f"{_drawn(part.id)}[{words}]"


def _arrows(places: Places, part: Activity | Node) -> Iterator[str]:
    if isinstance(part, Node) and part.kind is not NodeKind.WAIT:
        yield f"{_drawn(part.id)} --> {_target(places, part.id, part.to)}"
        return
    for route in part.routes:
        arrow = "-.->" if route.kind is RouteKind.RETURN else "-->"
        said = "" if len(part.routes) == 1 else f"|{route.outcome}|"
        if route.to is not None or places.of[part.id] == OUTERMOST:
            yield f"{_drawn(part.id)} {arrow}{said} {_target(places, part.id, route.to)}"


def _target(places: Places, part: str, to: str | None) -> str:
    inside = places.of[part].inside
    if to is None:
        return _drawn(inside) if inside else "selesai"
    return _drawn(to)


def _title(node: Node, definition: ProcessDefinition) -> str:
    if node.kind is NodeKind.WAIT:
        names = {party.id: party.name for party in definition.parties}
        return f"Menunggu jawaban {names.get(str(node.party), node.party)}"
    return f"Setiap {node.units}" if node.kind is NodeKind.EACH_UNIT else "Bersamaan"


def _said(node: Node, definition: ProcessDefinition, numbers: dict[str, str]) -> str:
    inside = "; ".join(", ".join(numbers.get(one, one) for one in members) for _, members in branches_of(node))
    title = _title(node, definition)
    return f"{title}: {inside}" if inside else title


def _onward(node: Node, numbers: dict[str, str], end: str) -> str:
    if node.kind is NodeKind.WAIT:
        return ", ".join(_route(route, numbers, end) for route in node.routes)
    needed = "semua" if node.at_least is None else f"sedikitnya {node.at_least}"
    return f"{needed} → {numbers.get(node.to, node.to) if node.to else end}"


def _route(route: Route, numbers: dict[str, str], end: str) -> str:
    arrow = "↩" if route.kind is RouteKind.RETURN else "→"
    return f"{route.outcome} {arrow} {numbers.get(route.to, route.to) if route.to else end}"


def _drawn(part: str) -> str:
    """An id Mermaid takes for nothing else; `end` and the like are words of its own."""
    return f"n_{part}"


def _quoted(words: str) -> str:
    return '"' + words.replace('"', "#quot;") + '"'


def _shortened(words: str, width: int) -> str:
    flat = " ".join(words.split())
    return flat if len(flat) <= width else flat[: width - 1].rstrip() + "…"
