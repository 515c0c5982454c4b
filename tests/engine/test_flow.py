"""The flow of an SOP as a table and as a Mermaid picture: nothing of the sheet is left out, nothing breaks it."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from engine.definition import Activity, Node, NodeKind, ProcessDefinition, RouteKind
from engine.flow import mermaid, table
from engine.places import OUTERMOST, Places
from tests.definitions.shipped import KEYS, shipped
from tests.journeys.course import EXAMPLES, example

NAMES = [*KEYS, *sorted(file.stem for file in EXAMPLES.glob("*.yaml"))]
"""The nine sheets, and the examples with the constructs no sheet has."""

_ARROW = re.compile(r"    (\w+) (-->|-\.->)(?:\|(\w+)\|)? (\w+)")
_SHAPE = re.compile(r' +(n_\w+)(?:\["([^"]*)"\]|\{"([^"]*)"\}|>"([^"]*)"\])')
_SUBGRAPH = re.compile(r' +subgraph (n_\w+)\["([^"]*)"\]')


def sop(name: str) -> ProcessDefinition:
    return shipped(name) if name in KEYS else example(name)


def rows(name: str) -> list[list[str]]:
    """The cells of the table, below its heads."""
    _, _, heads, *lines = table(sop(name)).splitlines()
    starts = [heads.index(head) for head in ("No", "Kegiatan", "Pelaksana", "Waktu", "Alur")]
    return [
        [line[here:there].strip() for here, there in zip(starts, [*starts[1:], None], strict=True)] for line in lines
    ]


# The table


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_every_row_of_the_sheet_in_printed_order(name: str) -> None:
    printed = [str(activity.number) for activity in sop(name).activities]
    assert [number for number, *_ in rows(name) if number] == printed
    assert len(rows(name)) == len(printed) + len(sop(name).nodes)


@pytest.mark.parametrize("name", NAMES)
def test_the_table_names_who_does_each_row_and_how_long_it_may_take(name: str) -> None:
    definition = sop(name)
    names = {role.id: role.name for role in definition.roles}
    for activity, (_, words, roles, limit, _) in zip(definition.activities, rows(name), strict=False):
        lead = [names[role] for role in activity.candidate_roles]
        assert roles == ", ".join([*lead, *(f"({names[role]})" for role in activity.assisting_roles)])
        assert limit == (activity.time_limit.text if activity.time_limit else "-")
        assert " ".join(activity.name.split()).startswith(words.removesuffix("…"))


@pytest.mark.parametrize("name", NAMES)
def test_the_table_tells_every_route(name: str) -> None:
    definition = sop(name)
    numbers: dict[str | None, str] = {activity.id: str(activity.number) for activity in definition.activities}
    of = Places(definition).of
    for activity, (*_, routes) in zip(definition.activities, rows(name), strict=False):
        told = routes.split(", ")
        assert len(told) == len(activity.routes)
        for route, words in zip(activity.routes, told, strict=True):
            arrow = "↩" if route.kind is RouteKind.RETURN else "→"
            end = "selesai" if of[activity.id] == OUTERMOST else "akhir cabang"
            target = numbers.get(route.to, route.to) if route.to else end
            assert words == f"{route.outcome} {arrow} {target}"


@pytest.mark.parametrize("name", NAMES)
def test_the_table_tells_what_every_node_holds_and_where_it_leads(name: str) -> None:
    definition = sop(name)
    numbers = {activity.id: str(activity.number) for activity in definition.activities}
    told = rows(name)[len(definition.activities) :]
    for node, (number, words, roles, limit, onward) in zip(definition.nodes, told, strict=True):
        assert (number, roles, limit) == ("", "", "")
        assert words.startswith(f"[{node.id}] ")
        for member in (*node.members, *(one for branch in node.branches for one in branch.members)):
            assert re.search(rf"\b{numbers.get(member, member)}\b", words)
        for outcome in (route.outcome for route in node.routes):
            assert outcome in onward
        if node.kind is not NodeKind.WAIT:
            needed = f"sedikitnya {node.at_least}" if node.at_least else "semua"
            assert onward == f"{needed} → {numbers.get(str(node.to), node.to)}"


def test_long_words_are_shortened_as_the_author_wants() -> None:
    narrow = table(shipped("kalbar-rka-dpa"), width=20)
    assert "Mengoreksi Draft RK…" in narrow
    assert "\n\n\n" not in narrow


# The picture


class Picture:
    """What a Mermaid text draws."""

    def __init__(self, definition: ProcessDefinition) -> None:
        self.lines = mermaid(definition).splitlines()
        shapes = [found for line in self.lines if (found := _SHAPE.fullmatch(line))]
        blocks = [found for line in self.lines if (found := _SUBGRAPH.fullmatch(line))]
        self.words = {one[1]: next(filter(None, one.groups()[1:])) for one in (*shapes, *blocks)}
        self.drawn = Counter(one[1] for one in (*shapes, *blocks))
        self.decisions = {one[1] for one in shapes if one[3]}
        self.arrows = Counter(found.groups() for line in self.lines if (found := _ARROW.fullmatch(line)))


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_draws_every_row_and_node_once(name: str) -> None:
    definition, picture = sop(name), Picture(sop(name))
    parts = [*definition.activities, *definition.nodes]
    assert picture.drawn == Counter(f"n_{part.id}" for part in parts)
    for activity in definition.activities:
        assert picture.words[f"n_{activity.id}"].startswith(f"{activity.number}. ")
    decisions = {f"n_{one.id}" for one in definition.activities if one.kind == "decision"}
    assert picture.decisions == decisions


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_draws_every_route_once(name: str) -> None:
    definition = sop(name)
    places = Places(definition)
    expected: Counter[tuple[str | None, ...]] = Counter([("mulai", "-->", None, f"n_{places.first}")])
    for part in (*definition.activities, *definition.nodes):
        expected.update(_routes(places, part))
    assert Picture(definition).arrows == expected


def _routes(places: Places, part: Activity | Node) -> list[tuple[str | None, ...]]:
    """The arrows off a part. A branch that ends leads nowhere: what follows leads off the block around it."""
    inside = places.of[part.id] != OUTERMOST
    if isinstance(part, Node) and part.kind is not NodeKind.WAIT:
        return [(f"n_{part.id}", "-->", None, f"n_{part.to}" if part.to else "selesai")]
    return [
        (
            f"n_{part.id}",
            "-.->" if route.kind is RouteKind.RETURN else "-->",
            route.outcome if len(part.routes) > 1 else None,
            f"n_{route.to}" if route.to else "selesai",
        )
        for route in part.routes
        if route.to is not None or not inside
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_picture_holds_nothing_else(name: str) -> None:
    frame = {"flowchart TD", "mulai([Mulai])", "selesai([Selesai])", "end"}
    for line in Picture(sop(name)).lines:
        known = _SHAPE.fullmatch(line) or _SUBGRAPH.fullmatch(line) or _ARROW.fullmatch(line)
        assert known or line.strip() in frame, line


@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_drawn_around_their_members_and_closed(name: str) -> None:
    places = Places(sop(name))
    around: list[str] = []
    for line in Picture(sop(name)).lines:
        if block := _SUBGRAPH.fullmatch(line):
            around.append(block[1])
        elif line.strip() == "end":
            around.pop()
        elif shape := _SHAPE.fullmatch(line):
            inside = places.of[shape[1].removeprefix("n_")].inside
            assert around[-1:] == ([f"n_{inside}"] if inside else [])
    assert around == []


@pytest.mark.parametrize("word", ["end", "graph", "subgraph", "style", "click", "class", "flowchart", "o", "x"])
def test_ids_that_mermaid_takes_for_its_own_are_safe(word: str) -> None:
    definition = _renamed(shipped("kalbar-lakip"), word)
    picture = Picture(definition)
    assert picture.drawn[f"n_{word}"] == 1
    assert all(one.startswith("n_") for arrow in picture.arrows for one in (arrow[0], arrow[3]) if one not in FRAME)


FRAME = ("mulai", "selesai")


@pytest.mark.parametrize(
    "words", ['Menyusun "konsep"', "a\nb", "x --> y", "] end", "%% catatan", "<b>tebal</b>", "{a|b}"]
)
def test_words_of_the_sheet_stay_within_their_quotes(words: str) -> None:
    definition = shipped("kalbar-lakip")
    first = definition.activities[0].model_copy(update={"name": words})
    changed = definition.model_copy(update={"activities": (first, *definition.activities[1:])})
    before, after = Picture(definition), Picture(changed)
    assert after.drawn == before.drawn
    assert after.arrows == before.arrows
    assert len(after.lines) == len(before.lines)


def _renamed(definition: ProcessDefinition, id: str) -> ProcessDefinition:
    """The same SOP with another id for its second row."""
    old = definition.activities[1].id
    changed = [
        activity.model_copy(
            update={
                "id": id if activity.id == old else activity.id,
                "routes": tuple(
                    route.model_copy(update={"to": id}) if route.to == old else route for route in activity.routes
                ),
            }
        )
        for activity in definition.activities
    ]
    return definition.model_copy(update={"activities": tuple(changed)})
