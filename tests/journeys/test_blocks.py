"""Branches side by side: all of them, n of m, out of the block, back into one branch, and out by a forward outcome."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.journeys.course import Course, example, opened, progress
from tests.world import Agency, World, refused

Make = Callable[..., Agency]


# Parallel block: penyiapan-musrenbang


@pytest.fixture
def side_by_side(an_agency: Make) -> Course:
    course = Course.of(an_agency(example("penyiapan-musrenbang")))
    course.do("perintahkan_persiapan")
    return course


def test_a_block_opens_every_branch_at_once(an_agency: Make) -> None:
    course = Course.of(an_agency(example("penyiapan-musrenbang")))
    step = course.do("perintahkan_persiapan")
    assert opened(step) == {("susun_bahan", None), ("siapkan_tempat", None), ("kirim_undangan", None)}
    assert {task["round"] for task in step["opened"]} == {1}
    assert {one["activity"] for one in step["instance"]["open_tasks"]} == {activity for activity, _ in opened(step)}
    scopes = [event["scope"] for event in course.trail("step.opened")][1:]
    assert scopes == ["/persiapan:bahan", "/persiapan:tempat", "/persiapan:undangan"]
    moved = course.trail("step.completed")[0]
    assert {event["data"]["cause"] for event in course.trail("step.opened")[1:]} == {moved["id"]}


def test_the_headline_names_every_branch_that_waits(side_by_side: Course) -> None:
    told = side_by_side.instance["headline"]
    assert told.count("; ") == 2
    for number, role in ((2, "perencana"), (4, "umum"), (5, "umum")):
        assert f"Langkah {number} dari 6 pada Jabatan {role} (Pejabat {role} 1) sejak " in told


def test_branches_go_on_in_any_order_and_join_when_the_last_has_ended(side_by_side: Course, world: World) -> None:
    steps = [side_by_side.do(one) for one in ("kirim_undangan", "susun_bahan", "siapkan_tempat")]
    assert [opened(step) for step in steps] == [set(), {("periksa_bahan", None)}, set()]
    last = side_by_side.do("periksa_bahan")
    assert opened(last) == {("lapor_kesiapan", None)}
    assert [progress(step["instance"]) for step in [*steps, last]] == [(2, 6), (3, 6), (4, 6), (5, 6)]
    end = side_by_side.do("lapor_kesiapan")["instance"]
    assert (end["status"], progress(end), end["open_tasks"]) == ("completed", (6, 6), [])
    assert side_by_side.trail("step.withdrawn") == []
    assert world.findings(end) == []


def test_a_return_within_a_branch_leaves_the_others_alone(side_by_side: Course) -> None:
    side_by_side.do("susun_bahan")
    step = side_by_side.do("periksa_bahan", "returned")
    (again,) = step["opened"]
    assert (again["activity"], again["round"], again["returned"]["from"]) == ("susun_bahan", 2, "periksa_bahan")
    assert side_by_side.waiting == {("susun_bahan", None), ("siapkan_tempat", None), ("kirim_undangan", None)}
    assert side_by_side.trail("step.withdrawn") == []


# n of m: pertimbangan-ahli


@pytest.fixture
def two_of_three(an_agency: Make) -> Course:
    course = Course.of(an_agency(example("pertimbangan-ahli")))
    course.do("minta_pertimbangan")
    return course


def test_two_of_three_branches_are_enough_and_the_third_is_withdrawn(two_of_three: Course, world: World) -> None:
    left = two_of_three.task("timbang_keuangan")
    assert opened(two_of_three.do("timbang_teknis")) == set()
    step = two_of_three.do("timbang_hukum")
    assert opened(step) == {("simpulkan", None)}
    withdrawn = two_of_three.closed(left)
    assert (withdrawn["status"], withdrawn["outcome"], withdrawn["candidates"]) == ("withdrawn", None, [])
    (event,) = two_of_three.trail("step.withdrawn")
    assert (event["task_id"], event["activity"], event["actor"]) == (left["id"], "timbang_keuangan", None)
    assert event["data"]["cause"] == two_of_three.trail("step.completed")[-1]["id"]
    end = two_of_three.do("simpulkan")["instance"]
    assert (end["status"], progress(end)) == ("completed", (4, 5))
    assert world.findings(end) == []


def test_a_withdrawn_task_can_no_longer_be_done(two_of_three: Course) -> None:
    left = two_of_three.task("timbang_keuangan")
    two_of_three.do("timbang_teknis")
    two_of_three.do("timbang_hukum")
    problem = refused(two_of_three.http.complete(left), 409, "task-closed")
    assert problem["existing"]["outcome"] == "withdrawn"
    assert "ditarik" in problem["detail_id"]


def test_a_claimed_remainder_is_withdrawn_too(two_of_three: Course) -> None:
    left = two_of_three.task("timbang_keuangan")
    assert two_of_three.http.claim(left).status_code == 200
    two_of_three.do("timbang_teknis")
    two_of_three.do("timbang_hukum")
    assert two_of_three.closed(left)["status"] == "withdrawn"


def test_undoing_the_deciding_branch_brings_the_withdrawn_task_back(two_of_three: Course, world: World) -> None:
    left = two_of_three.task("timbang_keuangan")
    assert two_of_three.http.claim(left).status_code == 200
    two_of_three.do("timbang_teknis")
    mistaken = two_of_three.do("timbang_hukum")
    back = two_of_three.undone(mistaken["task"])
    assert [task["id"] for task in back["opened"]] == [left["id"]]
    assert back["task"]["status"] == two_of_three.closed(left)["status"] == "claimed"
    assert two_of_three.waiting == {("timbang_hukum", None), ("timbang_keuangan", None)}
    two_of_three.do("timbang_keuangan")
    assert two_of_three.waiting == {("simpulkan", None)}
    assert world.findings(two_of_three.instance) == []


# Out of a block and back into one branch: laporan-bersama


@pytest.fixture
def report(an_agency: Make) -> Course:
    course = Course.of(an_agency(example("laporan-bersama")))
    course.do("tetapkan_kerangka")
    return course


def test_a_return_out_of_a_block_withdraws_the_rest_of_it(report: Course, world: World) -> None:
    report.do("susun_kinerja")
    left = report.task("susun_keuangan")
    step = report.do("telaah_kinerja", "kerangka_keliru", reason="Kerangka memakai sasaran tahun lalu.")
    assert opened(step) == {("tetapkan_kerangka", None)}
    assert report.waiting == {("tetapkan_kerangka", None)}
    (again,) = step["opened"]
    assert (again["round"], again["returned"]["reason"]) == (2, "Kerangka memakai sasaran tahun lalu.")
    assert report.closed(left)["status"] == "withdrawn"
    (event,) = report.trail("step.withdrawn")
    (back,) = report.trail("step.returned")
    assert (event["task_id"], event["data"]["cause"]) == (left["id"], back["id"])
    assert (back["from"], back["to"]) == ("telaah_kinerja", "tetapkan_kerangka")
    assert progress(step["instance"]) == (0, 6)
    both = report.do("tetapkan_kerangka")
    assert {(one["activity"], one["round"]) for one in both["opened"]} == {("susun_kinerja", 2), ("susun_keuangan", 2)}
    for activity in ("susun_kinerja", "telaah_kinerja", "susun_keuangan", "cocokkan_keuangan", "tanda_tangan"):
        end = report.do(activity)["instance"]
    assert (end["status"], progress(end)) == ("completed", (6, 6))
    assert world.findings(end) == []


@pytest.fixture
def drafted(report: Course) -> Course:
    for activity in ("susun_kinerja", "telaah_kinerja", "susun_keuangan", "cocokkan_keuangan"):
        report.do(activity)
    return report


def test_a_return_into_one_branch_reopens_that_branch_only(drafted: Course, world: World) -> None:
    step = drafted.do("tanda_tangan", "perbaiki_keuangan")
    (again,) = step["opened"]
    assert (again["activity"], again["round"]) == ("cocokkan_keuangan", 2)
    assert drafted.waiting == {("cocokkan_keuangan", None)}
    assert progress(step["instance"]) == (4, 6)
    assert ", putaran 2" in step["instance"]["headline"]
    (back,) = drafted.trail("step.returned")
    assert (back["from"], back["to"]) == ("tanda_tangan", "cocokkan_keuangan")
    assert opened(drafted.do("cocokkan_keuangan")) == {("tanda_tangan", None)}
    end = drafted.do("tanda_tangan")["instance"]
    assert (end["status"], progress(end)) == ("completed", (6, 6))
    assert world.findings(end) == []


def test_a_return_to_the_block_as_a_whole_opens_every_branch_again(drafted: Course) -> None:
    step = drafted.do("tanda_tangan", "susun_ulang")
    assert {(one["activity"], one["round"]) for one in step["opened"]} == {("susun_kinerja", 2), ("susun_keuangan", 2)}
    assert progress(step["instance"]) == (1, 6)


@pytest.mark.parametrize("outcome", ["perbaiki_keuangan", "susun_ulang"])
def test_a_return_into_a_block_needs_a_reason(drafted: Course, outcome: str) -> None:
    problem = refused(drafted.tried("tanda_tangan", outcome, reason=None), 422, "reason-missing")
    assert [one["at"] for one in problem["errors"]] == ["reason"]


def test_a_return_into_a_branch_can_be_undone(drafted: Course, world: World) -> None:
    mistaken = drafted.do("tanda_tangan", "perbaiki_keuangan")
    reopened = mistaken["opened"][0]
    back = drafted.undone(mistaken["task"])
    assert (back["task"]["status"], progress(back["instance"])) == ("claimed", (5, 6))
    assert drafted.waiting == {("tanda_tangan", None)}
    assert drafted.closed(reopened)["status"] == "withdrawn"
    assert world.findings(drafted.instance) == []


def test_materials_of_all_branches_reach_who_signs(drafted: Course) -> None:
    signing = drafted.task("tanda_tangan")
    assert [one["activity"] for one in signing["materials"]] == ["tetapkan_kerangka", "susun_kinerja", "susun_keuangan"]
    moments = [datetime.fromisoformat(one["at"]) for one in signing["materials"]]
    assert moments == sorted(moments)


def test_a_cancelled_block_cancels_every_branch(report: Course) -> None:
    assert report.http.interrupt(report.instance, "cancel").status_code == 200
    assert report.tasks() == []
    assert {task["activity"] for task in report.tasks("cancelled")} == {"susun_kinerja", "susun_keuangan"}
