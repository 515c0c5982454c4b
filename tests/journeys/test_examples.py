"""The small SOPs beside these tests: each is sound as it is written, and together they show every construct."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.definition import Activity, ActivityKind, NodeKind, ProcessDefinition, RouteKind
from engine.places import OUTERMOST, Places
from tests.journeys.course import EXAMPLES, Course, example, period_of, progress
from tests.world import Agency, World

KEYS = sorted(file.stem for file in EXAMPLES.glob("*.yaml"))
ALL = tuple(example(key) for key in KEYS)


def _activities() -> list[Activity]:
    return [activity for definition in ALL for activity in definition.activities]


def _kinds(kind: NodeKind) -> list[ProcessDefinition]:
    return [definition for definition in ALL if any(node.kind is kind for node in definition.nodes)]


def _returns_across(inward: bool) -> bool:
    """Whether some return leads into a block, or out of one."""
    for places in map(Places, ALL):
        for activity in places.definition.activities:
            for route in activity.routes:
                if route.kind is RouteKind.RETURN and route.to is not None:
                    here, there = places.of[activity.id], places.of[route.to]
                    if here != there and (there if inward else here) != OUTERMOST:
                        return True
    return False


CONSTRUCTS = {
    "a parallel block": bool(_kinds(NodeKind.PARALLEL)),
    "one task per unit": bool(_kinds(NodeKind.EACH_UNIT)),
    "n of m branches": any(
        node.kind is NodeKind.PARALLEL and node.at_least for definition in ALL for node in definition.nodes
    ),
    "n of m units": any(
        node.kind is NodeKind.EACH_UNIT and node.at_least for definition in ALL for node in definition.nodes
    ),
    "lead and assisting performers": any(activity.assisting_roles for activity in _activities()),
    "collecting from units": any(source.units for activity in _activities() for source in activity.awaits),
    "collecting from a party": any(source.party for activity in _activities() for source in activity.awaits),
    "a hand-off": any(activity.sends_to for activity in _activities()),
    "waiting for an answer": bool(_kinds(NodeKind.WAIT)),
    "sub-steps with waktu": any(one.time_limit for activity in _activities() for one in activity.sub_steps),
    "several forward outcomes": any(
        activity.kind is ActivityKind.DECISION and sum(one.kind is RouteKind.FORWARD for one in activity.routes) > 1
        for activity in _activities()
    ),
    "a return out of a block": _returns_across(inward=False),
    "a return into a branch": _returns_across(inward=True),
}


@pytest.mark.parametrize("construct", CONSTRUCTS)
def test_the_examples_show_the_construct(construct: str) -> None:
    assert CONSTRUCTS[construct]


@pytest.mark.parametrize("key", KEYS)
def test_an_example_is_published_over_http_as_it_is_written(an_agency: Callable[..., Agency], key: str) -> None:
    agency = an_agency()
    text = (EXAMPLES / f"{key}.yaml").read_text()
    yaml = text.replace("instansi: dinas-contoh", f"instansi: {agency.key}")
    yaml = yaml.replace(f"kunci: {key}", f"kunci: {key}-{agency.key}")
    answer = agency.http.post("/v1/definitions", content=yaml, headers={"Content-Type": "application/yaml"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["activities"] == example(key).model_dump(mode="json")["activities"]


@pytest.mark.parametrize("key", KEYS)
def test_an_example_runs_from_its_start_to_its_end(an_agency: Callable[..., Agency], world: World, key: str) -> None:
    course = Course.of(an_agency(example(key), bidang=("koperasi", "ukm")))
    assert course.instance["period"] == period_of(example(key))
    while (instance := course.instance)["status"] == "running":
        for task in course.tasks()[:1]:
            course.http.completed(task)
        for awaited in instance["awaited_parties"][:1]:
            given = {"node": awaited["node"], "unit": awaited["unit"], "outcome": awaited["outcomes"][0]["outcome"]}
            course.answered(awaited["party"], **{name: value for name, value in given.items() if value})
    assert instance["status"] == "completed"
    done, total = progress(instance)
    assert 0 < done <= total
    assert world.findings(instance) == []
