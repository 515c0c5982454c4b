"""Work with others: collecting from every bidang and a party, handing on to parties, waiting for their answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from tests.journeys.course import Course, example, opened, progress
from tests.world import Agency, Json, World, refused

Make = Callable[..., Agency]
BIDANG = ("koperasi", "ukm")


# Collecting: pengumpulan-bahan


@pytest.fixture
def agency(an_agency: Make) -> Agency:
    return an_agency(example("pengumpulan-bahan"), bidang=BIDANG)


@pytest.fixture
def collecting(agency: Agency) -> Course:
    course = Course.of(agency)
    course.do("minta_bahan")
    return course


def delivered(task: Json) -> dict[str, bool]:
    return {one["from"]: one["delivered_at"] is not None for one in task["awaits"]}


def deliver(course: Course, source: str, **given: object) -> Json:
    task = course.task("kumpulkan_bahan")
    answer = course.http.deliver(task, source, by=task["candidates"][0]["official"], **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_collecting_step_lists_whom_it_waits_for(collecting: Course) -> None:
    (task,) = collecting.tasks()
    assert delivered(task) == {"koperasi": False, "ukm": False, "bappeda": False}
    assert {one["asked_at"] for one in task["awaits"]} == {task["opened_at"]}
    (event,) = [event for event in collecting.trail("step.opened") if event["activity"] == "kumpulkan_bahan"]
    assert event["data"]["awaits"] == ["koperasi", "ukm", "bappeda"]


def test_each_delivery_is_ticked_off_and_told_in_the_trail(collecting: Course, agency: Agency) -> None:
    told = deliver(collecting, "ukm", reference="800/12/UKM", note="Lengkap.")
    assert delivered(told) == {"koperasi": False, "ukm": True, "bappeda": False}
    assert delivered(deliver(collecting, "bappeda")) == {"koperasi": False, "ukm": True, "bappeda": True}
    (first, _) = collecting.trail("step.material_received")
    assert (first["data"]["source"], first["data"]["reference"]) == ("ukm", "800/12/UKM")
    assert (first["actor"], first["note"], first["task_id"]) == (agency.official("perencana"), "Lengkap.", told["id"])
    (entry,) = [one for one in told["awaits"] if one["from"] == "ukm"]
    assert (entry["by"], entry["reference"]) == (agency.official("perencana"), "800/12/UKM")
    assert datetime.fromisoformat(entry["delivered_at"]) == datetime.fromisoformat(first["at"])


def test_anybody_of_the_agency_may_note_what_came_in(collecting: Course, agency: Agency) -> None:
    task = collecting.task("kumpulkan_bahan")
    assert collecting.http.deliver(task, "ukm", by=agency.official("sekretaris")).status_code == 200
    assert collecting.trail("step.material_received")[0]["actor"] == agency.official("sekretaris")


def test_completing_before_all_are_in_needs_a_reason_that_stays(collecting: Course, world: World) -> None:
    deliver(collecting, "ukm")
    problem = refused(collecting.tried("kumpulkan_bahan", reason=None), 422, "deliveries-missing")
    assert "koperasi, bappeda" in problem["detail_id"]
    collecting.do("kumpulkan_bahan", reason="Batas waktu pengiriman sudah lewat.")
    (event,) = [one for one in collecting.trail("step.completed") if one["activity"] == "kumpulkan_bahan"]
    assert event["reason"] == "Batas waktu pengiriman sudah lewat."
    assert world.findings(collecting.instance) == []


def test_completing_with_all_in_needs_no_reason(collecting: Course, world: World) -> None:
    for source in (*BIDANG, "bappeda"):
        deliver(collecting, source)
    assert opened(collecting.do("kumpulkan_bahan", reason=None)) == {("kirim_laporan", None)}
    assert collecting.do("kirim_laporan")["instance"]["status"] == "completed"
    assert world.findings(collecting.instance) == []


def test_the_same_delivery_twice_is_refused_and_its_retry_is_not(collecting: Course) -> None:
    task = collecting.task("kumpulkan_bahan")
    by = task["candidates"][0]["official"]
    first = collecting.http.deliver(task, "ukm", by=by, key="kiriman-1")
    again = collecting.http.deliver(task, "ukm", by=by, key="kiriman-1")
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    refused(collecting.http.deliver(task, "koperasi", by=by, key="kiriman-1"), 422, "idempotency-key-reused")
    refused(collecting.http.deliver(task, "ukm", by=by, key="kiriman-2"), 409, "already-delivered")
    assert len(collecting.trail("step.material_received")) == 1


def test_material_from_somebody_else_is_refused_by_who_is_awaited(collecting: Course, agency: Agency) -> None:
    task = collecting.task("kumpulkan_bahan")
    problem = refused(collecting.http.deliver(task, "bkad", by=agency.official()), 422, "source-unknown")
    assert "koperasi, ukm, bappeda" in problem["detail_id"]
    refused(collecting.http.deliver(task, "sekretariat", by=agency.official()), 422, "source-unknown")


def test_a_delivery_names_the_official_who_notes_it(collecting: Course) -> None:
    task = collecting.task("kumpulkan_bahan")
    answer = collecting.http.deed(f"/v1/tasks/{task['id']}/deliveries", {"from": "ukm"})
    refused(answer, 400, "on-behalf-of-missing")


def test_work_sent_back_is_collected_anew_in_the_next_round(collecting: Course, world: World) -> None:
    deliver(collecting, "ukm")
    collecting.do("kumpulkan_bahan", "returned")
    collecting.do("minta_bahan")
    task = collecting.task("kumpulkan_bahan")
    assert task["round"] == 2
    assert not any(delivered(task).values())
    assert world.findings(collecting.instance) == []


def test_a_delivery_keeps_the_step_before_from_being_undone(collecting: Course) -> None:
    (asked,) = collecting.tasks("completed")
    deliver(collecting, "ukm")
    refused(collecting.http.undo(asked), 409, "not-undoable")


def test_what_is_handed_to_parties_is_told_in_the_trail(collecting: Course) -> None:
    collecting.do("kumpulkan_bahan")
    end = collecting.do("kirim_laporan")["instance"]
    sent = {event["activity"]: event["data"].get("sent_to") for event in collecting.trail("step.completed")}
    assert sent == {"minta_bahan": ["bappeda"], "kumpulkan_bahan": None, "kirim_laporan": ["bappeda", "inspektorat"]}
    assert (end["status"], end["awaited_parties"]) == ("completed", [])


# Waiting: permohonan-rekomendasi


@pytest.fixture
def asking(an_agency: Make) -> Course:
    course = Course.of(an_agency(example("permohonan-rekomendasi")))
    course.do("susun_permohonan")
    course.do("kirim_permohonan")
    return course


def test_waiting_for_a_party_is_nobodys_task(asking: Course) -> None:
    assert asking.tasks() == []
    instance = asking.instance
    (awaited,) = instance["awaited_parties"]
    assert (awaited["node"], awaited["party"], awaited["unit"]) == ("tunggu_rekomendasi", "diskominfo", None)
    assert [(one["outcome"], one["to"]) for one in awaited["outcomes"]] == [
        ("direkomendasikan", "pasang"),
        ("perlu_perbaikan", "susun_permohonan"),
    ]
    assert (instance["status"], instance["open_tasks"], progress(instance)) == ("running", [], (2, 3))
    assert instance["headline"].startswith("Menunggu jawaban Dinas Komunikasi dan Informatika sejak ")
    (event,) = asking.trail("party.asked")
    assert (event["data"]["node"], event["data"]["party"]) == ("tunggu_rekomendasi", "diskominfo")
    assert event["data"]["cause"] == asking.trail("step.completed")[-1]["id"]
    assert datetime.fromisoformat(awaited["since"]) == datetime.fromisoformat(event["at"])


def test_an_answer_lets_the_work_go_on(asking: Course, world: World) -> None:
    told = asking.answered("diskominfo", outcome="direkomendasikan", reference="555/77/IKP", note="Tanpa syarat.")
    assert (told["awaited_parties"], [one["activity"] for one in told["open_tasks"]]) == ([], ["pasang"])
    assert asking.instance == told | {"plan": None}
    (event,) = asking.trail("party.answered")
    assert (event["outcome"], event["from"], event["to"]) == ("direkomendasikan", "tunggu_rekomendasi", "pasang")
    assert (event["data"]["reference"], event["note"], event["actor"]) == ("555/77/IKP", "Tanpa syarat.", None)
    assert event["client"]
    assert asking.do("pasang")["instance"]["status"] == "completed"
    assert world.findings(asking.instance) == []


def test_another_answer_leads_to_another_row_and_the_party_is_asked_again(asking: Course, world: World) -> None:
    asking.answered("diskominfo", outcome="perlu_perbaikan")
    assert asking.task("susun_permohonan")["round"] == 2
    asking.do("susun_permohonan")
    asking.do("kirim_permohonan")
    assert len(asking.trail("party.asked")) == 2
    asking.answered("diskominfo", outcome="direkomendasikan")
    assert asking.do("pasang")["instance"]["status"] == "completed"
    assert world.findings(asking.instance) == []


def test_one_of_several_answers_has_to_be_named(asking: Course) -> None:
    for given in ({}, {"outcome": "answered"}):
        problem = refused(asking.http.answer(asking.instance, "diskominfo", **given), 422, "outcome-unknown")
        assert "direkomendasikan" in problem["detail_id"]
    assert len(asking.instance["awaited_parties"]) == 1


def test_an_answer_sent_twice_is_taken_once(asking: Course) -> None:
    given = {"outcome": "direkomendasikan", "key": "jawaban-1"}
    first = asking.http.answer(asking.instance, "diskominfo", **given)
    again = asking.http.answer(asking.instance, "diskominfo", **given)
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    refused(asking.http.answer(asking.instance, "diskominfo", outcome="direkomendasikan"), 409, "party-not-awaited")
    assert len(asking.trail("party.answered")) == 1


def test_a_party_nobody_waits_for_cannot_answer(asking: Course) -> None:
    refused(asking.http.answer(asking.instance, "bappeda"), 409, "party-not-awaited")
    elsewhere = asking.http.answer(asking.instance, "diskominfo", node="tunggu_lain", outcome="direkomendasikan")
    refused(elsewhere, 409, "party-not-awaited")


def test_an_answer_needs_the_scope_answer(an_agency: Make) -> None:
    agency = an_agency(example("permohonan-rekomendasi"))
    course = Course.of(agency)
    course.do("susun_permohonan")
    course.do("kirim_permohonan")
    given = {"outcome": "direkomendasikan"}
    problem = refused(
        agency.client("read", "start", "act").answer(course.instance, "diskominfo", **given), 403, "scope-missing"
    )
    assert "answer" in problem["detail_id"]
    assert agency.client("answer").answer(course.instance, "diskominfo", **given).status_code == 200


def test_an_official_who_passes_the_answer_on_is_named(an_agency: Make) -> None:
    agency = an_agency(example("permohonan-rekomendasi"))
    course = Course.of(agency)
    course.do("susun_permohonan")
    course.do("kirim_permohonan")
    course.answered("diskominfo", outcome="direkomendasikan", by=agency.official("sekretaris"))
    (event,) = course.trail("party.answered")
    assert (event["actor"], event["position"]) == (agency.official("sekretaris"), "Jabatan sekretaris")


def test_a_suspended_instance_takes_no_answer(asking: Course) -> None:
    asking.http.interrupt(asking.instance, "suspend")
    refused(asking.http.answer(asking.instance, "diskominfo", outcome="direkomendasikan"), 409, "instance-suspended")
    asking.http.interrupt(asking.instance, "resume")
    asking.answered("diskominfo", outcome="direkomendasikan")


def test_the_step_that_asked_can_be_undone_while_nobody_answered(asking: Course, world: World) -> None:
    (sent,) = [task for task in asking.tasks("completed") if task["activity"] == "kirim_permohonan"]
    back = asking.undone(sent)
    assert back["instance"]["awaited_parties"] == []
    assert asking.waiting == {("kirim_permohonan", None)}
    refused(asking.http.answer(asking.instance, "diskominfo", outcome="direkomendasikan"), 409, "party-not-awaited")
    assert world.findings(asking.instance) == []


def test_the_step_that_asked_cannot_be_undone_after_the_answer(asking: Course) -> None:
    (sent,) = [task for task in asking.tasks("completed") if task["activity"] == "kirim_permohonan"]
    asking.answered("diskominfo", outcome="direkomendasikan")
    refused(asking.http.undo(sent), 409, "not-undoable")


# Awaited twice at once: dua-persetujuan


def test_a_party_awaited_twice_is_told_which_node_it_answers(an_agency: Make, world: World) -> None:
    course = Course.of(an_agency(example("dua-persetujuan")))
    course.do("kirim_permintaan")
    assert {one["node"] for one in course.instance["awaited_parties"]} == {"tunggu_anggaran", "tunggu_aset"}
    assert course.instance["headline"].count("Menunggu jawaban BKAD sejak ") == 2
    problem = refused(course.http.answer(course.instance, "bkad"), 422, "party-ambiguous")
    assert "tunggu_anggaran, tunggu_aset" in problem["detail_id"]
    after = course.answered("bkad", node="tunggu_aset")
    assert [one["node"] for one in after["awaited_parties"]] == ["tunggu_anggaran"]
    assert course.tasks() == []
    course.answered("bkad")
    assert course.do("catat_persetujuan")["instance"]["status"] == "completed"
    assert [event["from"] for event in course.trail("party.answered")] == ["tunggu_aset", "tunggu_anggaran"]
    assert world.findings(course.instance) == []
