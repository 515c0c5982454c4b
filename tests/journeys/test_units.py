"""The same work once for every bidang: only its own people may do it, it is sent back to the bidang that are named."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.journeys.course import Course, example, opened, progress
from tests.world import Agency, World, refused

Make = Callable[..., Agency]
BIDANG = ("koperasi", "pemberdayaan", "ukm")


@pytest.fixture
def agency(an_agency: Make) -> Agency:
    return an_agency(example("capaian-setiap-bidang"), bidang=BIDANG)


@pytest.fixture
def course(agency: Agency) -> Course:
    course = Course.of(agency)
    course.do("minta_capaian")
    return course


@pytest.fixture
def collected(course: Course) -> Course:
    for unit in BIDANG:
        course.do("isi_capaian", unit=unit)
        course.do("sahkan_capaian", unit=unit)
    return course


# One task per unit, with all


def test_every_bidang_gets_a_task_of_its_own(agency: Agency) -> None:
    course = Course.of(agency)
    step = course.do("minta_capaian")
    assert opened(step) == {("isi_capaian", unit) for unit in BIDANG}
    for task in step["opened"]:
        assert (task["number"], task["round"]) == (2, 1)
        assert [one["official"] for one in task["candidates"]] == [agency.official_of("staf_bidang", task["unit"])]
        assert task["position"] == f"Jabatan staf_bidang {task['unit']}"
    assert {one["unit"] for one in step["instance"]["open_tasks"]} == set(BIDANG)
    assert {event["unit"] for event in course.trail("step.opened")[1:]} == set(BIDANG)
    assert {event["scope"] for event in course.trail("step.opened")[1:]} == {f"/setiap_bidang:{one}" for one in BIDANG}


def test_the_units_are_frozen_at_the_start_and_stand_in_the_trail(course: Course, agency: Agency, world: World) -> None:
    (begun,) = course.trail("instance.started")
    assert begun["data"]["units"] == {"bidang": list(BIDANG)}
    add = "INSERT INTO units (id, agency_id, key, kind, name) VALUES (gen_random_uuid(), $1, 'baru', 'bidang', 'Baru')"
    world.sql(add, agency.id)
    assert {unit for _, unit in course.waiting} == set(BIDANG)


def test_only_the_kabid_of_the_bidang_may_do_its_task(course: Course, agency: Agency) -> None:
    course.do("isi_capaian", unit="ukm")
    task = course.task("sahkan_capaian", "ukm")
    assert [one["name"] for one in task["candidates"]] == ["Pejabat kabid ukm 1"]
    other = agency.official_of("kabid", "koperasi")
    refused(course.http.complete(task, by=other), 403, "not-a-candidate")
    refused(course.http.claim(task, by=other), 403, "not-a-candidate")
    done = course.http.completed(task, by=agency.official_of("kabid", "ukm"))
    assert (done["task"]["unit"], done["task"]["status"]) == ("ukm", "completed")


def test_the_inbox_of_a_kabid_holds_the_work_of_their_own_bidang_only(course: Course, agency: Agency) -> None:
    for unit in BIDANG:
        inbox = course.http.all("/v1/tasks", **{"for": agency.official_of("staf_bidang", unit)})
        assert [(task["activity"], task["unit"]) for task in inbox] == [("isi_capaian", unit)]


def test_tasks_can_be_listed_by_unit(course: Course) -> None:
    listed = course.http.all(f"/v1/instances/{course.id}/tasks", unit="ukm,koperasi")
    assert sorted(task["unit"] for task in listed) == ["koperasi", "ukm"]


def test_the_headline_tells_who_has_not_delivered_yet(course: Course) -> None:
    course.do("isi_capaian", unit="ukm")
    told = course.instance["headline"]
    assert "Langkah 2 dari 4 pada Jabatan staf_bidang koperasi (Pejabat staf_bidang koperasi 1)" in told
    assert "Langkah 3 dari 4 pada Jabatan kabid ukm (Pejabat kabid ukm 1)" in told
    assert "staf_bidang ukm" not in told


def test_the_block_joins_when_every_bidang_is_done_and_rows_count_once(course: Course, world: World) -> None:
    done = []
    for unit in BIDANG:
        course.do("isi_capaian", unit=unit)
        done.append(progress(course.do("sahkan_capaian", unit=unit)["instance"]))
    assert done == [(1, 4), (1, 4), (3, 4)]
    assert course.waiting == {("rekap_capaian", None)}
    end = course.do("rekap_capaian")["instance"]
    assert (end["status"], progress(end)) == ("completed", (4, 4))
    assert world.findings(end) == []


def test_a_kabid_sends_back_to_the_staff_of_the_same_bidang(course: Course, agency: Agency) -> None:
    course.do("isi_capaian", unit="ukm")
    (again,) = course.do("sahkan_capaian", "returned", unit="ukm")["opened"]
    assert (again["activity"], again["unit"], again["round"]) == ("isi_capaian", "ukm", 2)
    assert [one["official"] for one in again["candidates"]] == [agency.official_of("staf_bidang", "ukm")]
    assert course.task("isi_capaian", "koperasi")["round"] == 1


def test_the_recap_sees_the_material_of_every_bidang(collected: Course) -> None:
    recap = collected.task("rekap_capaian")
    assert [one["activity"] for one in recap["materials"]] == ["isi_capaian"] * len(BIDANG)
    assert len({one["by"] for one in recap["materials"]}) == len(BIDANG)


# Back to the units that are named


def test_a_return_to_some_bidang_reopens_those_only(collected: Course, agency: Agency, world: World) -> None:
    step = collected.do("rekap_capaian", "returned", units=["ukm", "koperasi"])
    assert opened(step) == {("isi_capaian", "ukm"), ("isi_capaian", "koperasi")}
    assert {task["round"] for task in step["opened"]} == {2}
    for task in step["opened"]:
        assert [one["official"] for one in task["candidates"]] == [agency.official_of("staf_bidang", task["unit"])]
        assert task["returned"]["from"] == "rekap_capaian"
    (back,) = collected.trail("step.returned")
    assert back["data"]["units"] == ["ukm", "koperasi"]
    for unit in ("ukm", "koperasi"):
        collected.do("isi_capaian", unit=unit)
        collected.do("sahkan_capaian", unit=unit)
    end = collected.do("rekap_capaian")["instance"]
    assert (end["status"], progress(end)) == ("completed", (4, 4))
    assert world.findings(end) == []


@pytest.mark.parametrize("units", [[], ["ukm", "industri"]])
def test_a_return_must_say_which_bidang(collected: Course, units: list[str]) -> None:
    problem = refused(collected.tried("rekap_capaian", "returned", units=units), 422, "units-required")
    for unit in BIDANG:
        assert unit in problem["detail_id"]


def test_units_are_out_of_place_on_a_way_forward(collected: Course) -> None:
    refused(collected.tried("rekap_capaian", units=["ukm"]), 422, "units-required")


def test_a_return_to_some_bidang_can_be_undone(collected: Course, world: World) -> None:
    mistaken = collected.do("rekap_capaian", "returned", units=["ukm"])
    collected.undone(mistaken["task"])
    assert collected.waiting == {("rekap_capaian", None)}
    assert progress(collected.instance) == (3, 4)
    assert world.findings(collected.instance) == []


# Too few units


def test_an_agency_without_bidang_cannot_start(an_agency: Make) -> None:
    agency = an_agency(example("capaian-setiap-bidang"))
    problem = refused(agency.http.start(agency.definition.key, period="2025-Q1"), 409, "units-missing")
    assert "bidang" in problem["detail_id"]
    assert "bidang" in problem["detail_en"]
    assert agency.http.all("/v1/instances") == []


def test_one_bidang_is_too_few_where_two_are_needed(an_agency: Make) -> None:
    agency = an_agency(example("usulan-bidang"), bidang=("koperasi",))
    refused(agency.http.start(agency.definition.key, period=None), 409, "units-missing")


# n of m units


@pytest.fixture
def proposals(an_agency: Make) -> Course:
    return Course.of(an_agency(example("usulan-bidang"), bidang=BIDANG))


def test_two_of_three_bidang_are_enough_and_the_third_is_withdrawn(proposals: Course, world: World) -> None:
    assert proposals.waiting == {("ajukan_usulan", unit) for unit in BIDANG}
    left = proposals.task("ajukan_usulan", "pemberdayaan")
    assert opened(proposals.do("ajukan_usulan", unit="ukm")) == set()
    step = proposals.do("ajukan_usulan", unit="koperasi")
    assert opened(step) == {("tetapkan_pelatihan", None)}
    assert proposals.closed(left)["status"] == "withdrawn"
    (event,) = proposals.trail("step.withdrawn")
    assert (event["unit"], event["task_id"]) == ("pemberdayaan", left["id"])
    end = proposals.do("tetapkan_pelatihan")["instance"]
    assert (end["status"], progress(end)) == ("completed", (2, 2))
    assert world.findings(end) == []


def test_two_bidang_at_the_same_moment_never_both_go_on(proposals: Course) -> None:
    proposals.do("ajukan_usulan", unit="ukm")
    both = proposals.tasks()
    with ThreadPoolExecutor() as hands:
        answers = list(hands.map(proposals.http.complete, both))
    done, late = sorted(answers, key=lambda answer: answer.status_code)
    assert opened(done.json()) == {("tetapkan_pelatihan", None)}
    refused(late, 409, "task-closed")
    assert len(proposals.tasks()) == 1


# A party that every bidang waits for


def test_an_answer_says_which_bidang_it_is_for(an_agency: Make, world: World) -> None:
    course = Course.of(an_agency(example("rekomendasi-setiap-bidang"), bidang=BIDANG[:2]))
    for unit in BIDANG[:2]:
        course.do("ajukan_pelatihan", unit=unit)
    awaited = course.instance["awaited_parties"]
    assert [(one["party"], one["unit"]) for one in awaited] == [("bkpsdm", unit) for unit in BIDANG[:2]]
    problem = refused(course.http.answer(course.instance, "bkpsdm"), 422, "party-ambiguous")
    assert "tunggu_bkpsdm@koperasi" in problem["detail_id"]
    after = course.answered("bkpsdm", unit="pemberdayaan")
    assert [one["unit"] for one in after["awaited_parties"]] == ["koperasi"]
    refused(course.http.answer(course.instance, "bkpsdm", unit="pemberdayaan"), 409, "party-not-awaited")
    course.answered("bkpsdm")
    assert course.do("tetapkan_peserta")["instance"]["status"] == "completed"
    assert world.findings(course.instance) == []
