"""Every shipped SOP in the demonstration's agencies, carried over HTTP from its first row to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from app.clock import now
from app.definitions.shipped import publish_shipped
from app.demonstration import seed, write_environment
from engine.definition import RouteKind
from tests.definitions.shipped import KEYS, STEPS, shipped
from tests.journeys.course import Course, opened, period_of, progress
from tests.world import Agency, Client, Json, World

BIDANG = {
    "diskopukm-kalbar": ["bidang_koperasi", "bidang_pemberdayaan", "bidang_usaha_kecil"],
    "dkukmp-samarinda": ["bidang_koperasi", "bidang_perindustrian", "bidang_ukm"],
}


@dataclass
class Demonstration:
    """The world as a newcomer finds it, with the key from demo.env."""

    world: World
    http: Client
    environment: dict[str, str]


@pytest.fixture(scope="module")
def demonstration(a_world: Callable[[], World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    world, file = a_world(), tmp_path_factory.mktemp("alur") / "demo.env"
    world.run(_prepared(world, file))
    environment = dict(line.split("=", 1) for line in file.read_text().splitlines())
    with Client(environment["ALUR_URL"], environment["ALUR_KEY"]) as http:
        yield Demonstration(world, http, environment)
    assert world.proof().findings == ()


async def _prepared(world: World, file: Path) -> None:
    await seed(world.database, now())
    assert sorted(await publish_shipped(world.database)) == sorted(KEYS)
    await write_environment(world.database, file, world.url, now())


@dataclass
class Carried:
    """What carrying a sheet to its end showed: every task as it was found, and what was answered last."""

    course: Course
    found: list[Json]
    answered: list[Json]
    end: Json

    @property
    def first_openings(self) -> list[int]:
        return list(dict.fromkeys(task["number"] for task in self.found))


@pytest.fixture(scope="module")
def carried(demonstration: Demonstration) -> Callable[[str], Carried]:
    """Carries each sheet to its end, once."""
    known: dict[str, Carried] = {}

    def carry(key: str) -> Carried:
        if key not in known:
            known[key] = _carried(Course(demonstration.http, shipped(key)))
        return known[key]

    return carry


def _carried(course: Course) -> Carried:
    """In printed order; every return of every decision is taken once, what is collected is delivered first."""
    found: list[Json] = []
    answered: list[Json] = []
    returned: set[tuple[str, str]] = set()
    while (instance := course.instance)["status"] == "running":
        waiting = sorted(course.tasks(), key=lambda task: task["number"])
        if not waiting:
            (awaited,) = instance["awaited_parties"]
            answered.append(awaited)
            course.answered(awaited["party"], outcome=awaited["outcomes"][0]["outcome"])
            continue
        task = _all_delivered(course, waiting[0])
        found.append(task)
        backward = [(task["activity"], one["outcome"]) for one in task["outcomes"] if one["kind"] == "return"]
        untried = [one for one in backward if one not in returned]
        returned.update(untried[:1])
        course.http.completed(task, untried[0][1] if untried else None)
    return Carried(course, found, answered, instance)


def _all_delivered(course: Course, task: Json) -> Json:
    for source in task["awaits"]:
        answer = course.http.deliver(task, source["from"], by=task["candidates"][0]["official"], reference="800/1")
        assert answer.status_code == 200, answer.text
    return course.http.json(f"/v1/tasks/{task['id']}")


@pytest.mark.parametrize("key", KEYS)
def test_every_sheet_can_be_carried_to_its_end(
    carried: Callable[[str], Carried], demonstration: Demonstration, key: str
) -> None:
    one = carried(key)
    assert one.end["status"] == "completed"
    assert progress(one.end) == (STEPS[key], STEPS[key])
    assert (one.end["open_tasks"], one.end["awaited_parties"]) == ([], [])
    assert one.end["period"] == period_of(shipped(key))
    assert demonstration.world.findings(one.end) == []


@pytest.mark.parametrize("key", KEYS)
def test_rows_first_open_in_printed_order(carried: Callable[[str], Carried], key: str) -> None:
    assert carried(key).first_openings == list(range(1, STEPS[key] + 1))


@pytest.mark.parametrize("key", KEYS)
def test_every_return_was_taken_once_and_led_where_the_sheet_says(carried: Callable[[str], Carried], key: str) -> None:
    printed = sorted(
        (activity.id, route.outcome, str(route.to))
        for activity in shipped(key).activities
        for route in activity.routes
        if route.kind is RouteKind.RETURN
    )
    events = carried(key).course.trail("step.returned")
    assert sorted((event["activity"], event["outcome"], event["to"]) for event in events) == printed
    assert all(event["reason"] for event in events)


@pytest.mark.parametrize("key", KEYS)
def test_every_role_of_every_sheet_has_a_holder_who_may_do_its_rows(
    carried: Callable[[str], Carried], demonstration: Demonstration, key: str
) -> None:
    definition, one = shipped(key), carried(key)
    for task in one.found:
        assert task["candidates"], task["name"]
        assert task["position"]
    acting = {role for activity in definition.activities for role in activity.candidate_roles}
    assert {role for task in one.found for role in task["candidate_roles"]} == acting
    for role in definition.roles:
        named = f"ALUR_OFFICIAL_{definition.agency}_{role.id}".upper().replace("-", "_")
        official = demonstration.environment[named]
        done = [task for task in one.found if role.id in task["candidate_roles"]]
        assert all(official in {who["official"] for who in task["candidates"]} for task in done)


def test_only_one_printed_column_has_no_row_of_its_own() -> None:
    """The Ka. Umpeg of Cirebon: a column whose rows name somebody else."""
    idle = {
        role.id
        for key in KEYS
        for role in shipped(key).roles
        if not any(role.id in (*one.candidate_roles, *one.assisting_roles) for one in shipped(key).activities)
    }
    assert idle == {"kel_anev_umpeg"}


@pytest.mark.parametrize("key", KEYS)
def test_what_a_sheet_collects_is_awaited_from_everybody(carried: Callable[[str], Carried], key: str) -> None:
    definition = shipped(key)
    collecting = {activity.id: activity.awaits for activity in definition.activities if activity.awaits}
    for task in carried(key).found:
        expected: list[str | None] = []
        for source in collecting.get(task["activity"], ()):
            expected += BIDANG.get(definition.agency, []) if source.units else [source.party]
        assert [one["from"] for one in task["awaits"]] == expected
        assert all(one["delivered_at"] for one in task["awaits"])
        assert bool(expected) == (task["activity"] in collecting)


@pytest.mark.parametrize("key", KEYS)
def test_what_is_sent_to_a_party_stands_in_the_trail(carried: Callable[[str], Carried], key: str) -> None:
    sent = {one.id: list(one.sends_to) for one in shipped(key).activities if one.sends_to}
    events = carried(key).course.trail("step.completed", "step.returned")
    assert {event["activity"]: event["data"]["sent_to"] for event in events if event["data"].get("sent_to")} == sent
    assert all("sent_to" not in event["data"] for event in events if event["type"] == "step.returned")


@pytest.mark.parametrize("key", KEYS)
def test_who_checks_sees_what_the_rows_before_handed_over(carried: Callable[[str], Carried], key: str) -> None:
    found = carried(key).found
    for before, task in pairwise(found):
        handed_over = {one["name"] for one in task["materials"]}
        if task["returned"] is None:
            assert set(before["expected_outputs"]) <= handed_over


@pytest.mark.parametrize("key", KEYS)
def test_the_sheet_as_it_is_served_is_the_sheet_as_it_is_shipped(demonstration: Demonstration, key: str) -> None:
    served = demonstration.http.json(f"/v1/definitions/{key}")
    printed = shipped(key).model_dump(mode="json")
    assert {name: served[name] for name in printed} == printed


def test_the_rka_waits_for_tim_tapd_after_the_kadis_signed(carried: Callable[[str], Carried]) -> None:
    one = carried("kalbar-rka-dpa")
    (awaited,) = one.answered
    assert (awaited["node"], awaited["party"]) == ("tunggu_tapd", "tim_tapd")
    order = [event["activity"] or event["type"] for event in one.course.trail("step.completed", "party.answered")]
    at = order.index("party.answered")
    assert (order[at - 1], order[at + 1]) == ("tanda_tangan_kadis", "tugaskan_revisi")
    waited = [event["type"] for event in one.course.trail("party.asked", "party.answered")]
    assert waited == ["party.asked", "party.answered"]


def test_only_the_rka_waits_for_a_party(carried: Callable[[str], Carried]) -> None:
    assert [key for key in KEYS if carried(key).answered] == ["kalbar-rka-dpa"]


def test_renja_and_renstra_run_in_their_own_cycles(demonstration: Demonstration) -> None:
    course = Course(demonstration.http, shipped("kalbar-renja-renstra"), period="2025-2029")
    assert course.instance["period"] == "2025-2029"


def test_an_agency_with_bidang_does_row_two_of_sukabumi_once_for_each(an_agency: Callable[..., Agency]) -> None:
    agency = an_agency(shipped("sukabumi-pengukuran-kinerja-lakip"), bidang=("koperasi", "ukm"))
    course = Course.of(agency)
    step = course.do("beri_arahan")
    assert opened(step) == {("siapkan_bahan_bidang", "koperasi"), ("siapkan_bahan_bidang", "ukm")}
    for task in step["opened"]:
        assert [one["official"] for one in task["candidates"]] == [agency.official_of("kabid", task["unit"])]
    course.do("siapkan_bahan_bidang", unit="ukm")
    assert course.waiting == {("siapkan_bahan_bidang", "koperasi")}
    assert opened(course.do("siapkan_bahan_bidang", unit="koperasi")) == {("siapkan_capaian", None)}
    carried = _carried(course)
    assert (carried.end["status"], progress(carried.end)) == ("completed", (13, 13))
