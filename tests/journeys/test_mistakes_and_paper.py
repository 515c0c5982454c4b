"""What people did wrongly is undone, what they did on paper is recorded, and a cycle under way is brought in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from app.clock import now
from tests.journeys.course import Course, example, opened, progress
from tests.world import Agency, Json, World, refused

Make = Callable[..., Agency]
SCAN = {"name": "Pindaian lembar bertanda tangan", "reference": "000.8/17", "sha256": "a" * 64}


@pytest.fixture
def agency(an_agency: Make) -> Agency:
    return an_agency(example("surat-keputusan"))


@pytest.fixture
def course(agency: Agency) -> Course:
    return Course.of(agency)


def moment(told: str) -> datetime:
    return datetime.fromisoformat(told)


# Undo


def test_a_mistaken_completion_is_undone_and_the_next_holder_sees_it_withdrawn(course: Course, world: World) -> None:
    mistaken = course.do("susun_konsep")
    (next_task,) = mistaken["opened"]
    back = course.undone(mistaken["task"], reason="Berkas yang diunggah keliru.")
    assert (back["task"]["id"], back["task"]["status"]) == (mistaken["task"]["id"], "claimed")
    assert (back["task"]["outcome"], back["task"]["performed_by"], back["task"]["closed_at"]) == (None, None, None)
    assert (back["opened"], progress(back["instance"])) == ([], (0, 4))
    assert course.closed(next_task)["status"] == "withdrawn"
    assert course.waiting == {("susun_konsep", None)}
    withdrawn, undone = course.trail("step.withdrawn", "step.undone")
    (completed,) = course.trail("step.completed")
    assert (withdrawn["task_id"], withdrawn["data"]["cause"]) == (next_task["id"], completed["id"])
    assert (undone["data"]["undone"], undone["reason"]) == (completed["id"], "Berkas yang diunggah keliru.")
    assert (undone["actor"], undone["position"]) == (completed["actor"], "Jabatan penyusun")
    again = course.do("susun_konsep")
    assert (again["task"]["round"], again["opened"][0]["round"]) == (1, 2)
    assert world.findings(course.instance) == []


def test_a_mistaken_return_is_undone_and_progress_is_as_before(course: Course, world: World) -> None:
    course.do("susun_konsep")
    mistaken = course.do("paraf", "returned")
    assert progress(mistaken["instance"]) == (0, 4)
    back = course.undone(mistaken["task"])
    assert (progress(back["instance"]), course.waiting) == ((1, 4), {("paraf", None)})
    assert world.findings(course.instance) == []


def test_what_was_handed_over_by_mistake_is_no_material_any_more(course: Course) -> None:
    mistaken = course.do("susun_konsep")
    assert [one["activity"] for one in course.task("paraf")["materials"]] == ["susun_konsep"]
    course.undone(mistaken["task"])
    step = course.do("susun_konsep", outputs=[{"name": "Konsep", "reference": "yang benar"}])
    (material,) = step["opened"][0]["materials"]
    assert material["reference"] == "yang benar"


def test_a_bare_claim_does_not_keep_a_step_from_being_undone(course: Course) -> None:
    mistaken = course.do("susun_konsep")
    assert course.http.claim(course.task("paraf")).status_code == 200
    assert course.http.undo(mistaken["task"]).status_code == 200


def test_what_was_acted_on_can_no_longer_be_undone(course: Course) -> None:
    mistaken = course.do("susun_konsep")
    course.do("paraf")
    refused(course.http.undo(mistaken["task"]), 409, "not-undoable")


def test_an_open_task_has_nothing_to_undo(course: Course, agency: Agency) -> None:
    refused(course.http.undo(course.task("susun_konsep"), by=agency.official()), 409, "not-undoable")


def test_only_who_did_it_may_undo_it(course: Course, agency: Agency) -> None:
    mistaken = course.do("susun_konsep")
    for other in (str(agency.people["penyusun"][1]), agency.official("kepala_dinas")):
        refused(course.http.undo(mistaken["task"], by=other), 403, "not-the-performer")
    assert course.waiting == {("paraf", None)}


def test_undoing_needs_a_reason_and_a_name(course: Course) -> None:
    done = course.do("susun_konsep")["task"]
    path = f"/v1/tasks/{done['id']}/undo"
    refused(course.http.deed(path, {}, by=done["performed_by"]), 422, "request-invalid")
    refused(course.http.deed(path, {"reason": "  "}, by=done["performed_by"]), 422, "request-invalid")
    refused(course.http.deed(path, {"reason": "Keliru."}), 400, "on-behalf-of-missing")


def test_an_undo_sent_twice_is_done_once(course: Course) -> None:
    done = course.do("susun_konsep")["task"]
    first = course.http.undo(done, key="batal-1")
    again = course.http.undo(done, key="batal-1")
    assert (first.status_code, again.status_code, again.text) == (200, 200, first.text)
    refused(course.http.undo(done), 409, "not-undoable")
    assert len(course.trail("step.undone")) == 1


def test_the_end_of_an_instance_cannot_be_undone(course: Course) -> None:
    for activity in ("susun_konsep", "paraf", "tanda_tangan"):
        course.do(activity)
    last = course.do("bagikan")["task"]
    refused(course.http.undo(last), 409, "instance-ended")


# Start in the middle


def start_at(activity: str, *done: Json, **given: object) -> Json:
    return {"start_at": {"activity": activity, "reason": "Sudah berjalan di atas kertas.", "done": list(done)} | given}


def test_a_cycle_under_way_begins_where_it_stands(agency: Agency, world: World) -> None:
    draft = {
        "activity": "susun_konsep",
        "performed_by": agency.official("penyusun"),
        "performed_at": "2026-01-12T09:00:00+07:00",
        "outputs": [{"name": "Konsep surat keputusan", "reference": "800/3/2026"}],
    }
    course = Course.of(agency, **start_at("paraf", draft))
    task = course.task("paraf")
    assert (task["number"], task["round"]) == (2, 1)
    (material,) = task["materials"]
    assert (material["reference"], material["by"]) == ("800/3/2026", agency.official("penyusun"))
    assert moment(material["at"]) == moment(draft["performed_at"])
    assert progress(course.instance) == (1, 4)
    (begun,) = course.trail("instance.started")
    assert (begun["data"]["start_at"], begun["reason"]) == ("paraf", "Sudah berjalan di atas kertas.")
    assert [one["activity"] for one in begun["data"]["done"]] == ["susun_konsep"]
    for activity in ("paraf", "tanda_tangan", "bagikan"):
        end = course.do(activity)["instance"]
    assert (end["status"], progress(end)) == ("completed", (4, 4))
    assert world.findings(end) == []


def test_work_can_go_back_to_what_was_done_outside(agency: Agency, world: World) -> None:
    course = Course.of(agency, **start_at("paraf"))
    (again,) = course.do("paraf", "returned")["opened"]
    assert (again["activity"], again["round"]) == ("susun_konsep", 1)
    assert progress(course.instance) == (0, 4)
    assert world.findings(course.instance) == []


def test_a_cycle_cannot_begin_inside_a_block_or_nowhere(an_agency: Make) -> None:
    agency = an_agency(example("laporan-bersama"))
    for activity in ("susun_keuangan", "penyusunan", "tidak_ada"):
        answer = agency.http.start(agency.definition.key, period="2025", **start_at(activity))
        problem = refused(answer, 422, "start-not-possible")
        assert "tetapkan_kerangka, tanda_tangan" in problem["detail_id"]
    assert agency.http.all("/v1/instances") == []


def test_what_is_brought_along_must_be_a_row_of_the_sheet(agency: Agency) -> None:
    answer = agency.http.start(agency.definition.key, period="2025", **start_at("paraf", {"activity": "lain"}))
    refused(answer, 422, "start-not-possible")


def test_what_is_brought_along_was_not_done_in_the_future(agency: Agency) -> None:
    done = {"activity": "susun_konsep", "performed_at": (now() + timedelta(days=1)).isoformat()}
    answer = agency.http.start(agency.definition.key, period="2025", **start_at("paraf", done))
    refused(answer, 422, "performed-at-impossible")


def test_a_start_in_the_middle_needs_a_reason(agency: Agency) -> None:
    answer = agency.http.start(agency.definition.key, period="2025", **start_at("paraf", reason=" "))
    refused(answer, 422, "request-invalid")


def test_a_cycle_may_begin_after_a_block_and_go_back_into_it(an_agency: Make) -> None:
    course = Course.of(an_agency(example("laporan-bersama")), **start_at("tanda_tangan"))
    assert progress(course.instance) == (5, 6)
    assert opened(course.do("tanda_tangan", "perbaiki_keuangan")) == {("cocokkan_keuangan", None)}
    course.do("cocokkan_keuangan")
    assert course.do("tanda_tangan")["instance"]["status"] == "completed"


# On paper


def test_work_done_earlier_on_paper_counts_from_then(course: Course, agency: Agency, world: World) -> None:
    task = course.task("susun_konsep")
    then = task["opened_at"]
    step = course.do("susun_konsep", performed_at=then, reason="Listrik padam; dikerjakan di atas kertas.")
    assert moment(step["task"]["performed_at"]) == moment(then) < moment(step["task"]["closed_at"])
    (after,) = step["opened"]
    assert moment(after["opened_at"]) == moment(after["held_since"]) == moment(then)
    (event,) = course.trail("step.completed")
    assert moment(event["performed_at"]) == moment(then) < moment(event["at"])
    assert (event["actor"], event["recorded_by"]) == (agency.official("penyusun"), None)
    assert event["reason"] == "Listrik padam; dikerjakan di atas kertas."
    assert world.findings(course.instance) == []


@pytest.mark.parametrize("away", [timedelta(hours=1), timedelta(hours=-1)])
def test_work_cannot_have_been_done_before_it_opened_or_in_the_future(course: Course, away: timedelta) -> None:
    at = (now() + away).isoformat()
    refused(course.tried("susun_konsep", performed_at=at, reason="Kertas."), 422, "performed-at-impossible")


def test_work_on_paper_needs_a_reason_and_an_offset(course: Course) -> None:
    refused(course.tried("susun_konsep", performed_at=now().isoformat()), 422, "evidence-missing")
    naive = now().replace(tzinfo=None).isoformat()
    refused(course.tried("susun_konsep", performed_at=naive, reason="Kertas."), 422, "request-invalid")


def signed(agency: Agency, **given: object) -> Json:
    """The Sekretaris signed on paper; the Penyusun types it in."""
    said = {"performed_by": agency.official("sekretaris"), "evidence": [SCAN], "reason": "Diparaf di atas kertas."}
    return {"by": agency.official("penyusun")} | said | given


def test_a_signature_on_paper_is_recorded_in_the_name_of_who_signed(
    course: Course, agency: Agency, world: World
) -> None:
    course.do("susun_konsep")
    step = course.do("paraf", **signed(agency))
    assert step["task"]["performed_by"] == agency.official("sekretaris")
    event = course.trail("step.completed")[-1]
    assert (event["actor"], event["recorded_by"]) == (agency.official("sekretaris"), agency.official("penyusun"))
    assert (event["actor_name"], event["position"]) == ("Pejabat sekretaris 1", "Jabatan sekretaris")
    assert [(one["reference"], one["sha256"]) for one in event["evidence"]] == [(SCAN["reference"], SCAN["sha256"])]
    assert event["reason"] == "Diparaf di atas kertas."
    claim = course.trail("step.claimed")[-1]
    assert (claim["assignee"], claim["recorded_by"]) == (agency.official("sekretaris"), agency.official("penyusun"))
    assert world.findings(course.instance) == []


@pytest.mark.parametrize("given", [{"evidence": []}, {"reason": None}, {"evidence": [{"sha256": "a" * 64}]}])
def test_a_signature_on_paper_needs_evidence_and_a_reason(course: Course, agency: Agency, given: Json) -> None:
    course.do("susun_konsep")
    refused(course.tried("paraf", **signed(agency, **given)), 422, "evidence-missing")
    assert course.waiting == {("paraf", None)}


def test_evidence_that_shows_nothing_is_refused_where_it_stands(course: Course, agency: Agency) -> None:
    course.do("susun_konsep")
    answer = course.tried("paraf", **signed(agency, evidence=[SCAN, {"name": "kata orang"}]))
    assert answer.status_code == 422
    assert [one["at"] for one in answer.json()["errors"]] == ["evidence[1]"]


def test_recording_for_another_needs_the_scope_record(course: Course, agency: Agency) -> None:
    course.do("susun_konsep")
    task = course.task("paraf")
    without = agency.client("read", "act")
    problem = refused(without.complete(task, **signed(agency)), 403, "scope-missing")
    assert "record" in problem["detail_id"]
    assert agency.client("read", "act", "record").complete(task, **signed(agency)).status_code == 200


def test_who_signed_on_paper_must_have_been_a_candidate(course: Course, agency: Agency) -> None:
    course.do("susun_konsep")
    given = signed(agency, performed_by=agency.official("kepala_dinas"))
    refused(course.tried("paraf", **given), 403, "not-a-candidate")


def test_nobody_of_another_agency_signs_here(course: Course, agency: Agency, an_agency: Make) -> None:
    course.do("susun_konsep")
    stranger = an_agency(example("surat-keputusan")).official("sekretaris")
    refused(course.tried("paraf", **signed(agency, performed_by=stranger)), 403, "official-not-allowed")


def test_the_office_is_judged_by_when_it_was_done(course: Course, agency: Agency, world: World) -> None:
    """Who has left since may still have signed; who came later cannot have."""
    course.do("susun_konsep")
    task = course.task("paraf")
    left, came = agency.official("sekretaris"), agency.official("kepala_dinas")
    handover = now()
    world.sql("UPDATE holders SET valid_until = $1 WHERE official_id = $2", handover, agency.people["sekretaris"][0])
    world.sql(
        "INSERT INTO holders (id, agency_id, position_id, official_id, valid_from)"
        " SELECT gen_random_uuid(), agency_id, position_id, $2, $3 FROM holders WHERE official_id = $1",
        agency.people["sekretaris"][0],
        agency.people["kepala_dinas"][0],
        handover,
    )
    by = agency.official("penyusun")
    then = signed(agency, performed_at=task["opened_at"]) | {"by": by}
    refused(course.http.complete(task, **then | {"performed_by": came}), 403, "not-a-candidate")
    refused(course.http.complete(task, **signed(agency)), 403, "not-a-candidate")
    done = course.http.completed(task, **then | {"performed_by": left})
    assert done["task"]["performed_by"] == left
    assert world.findings(course.instance) == []


def test_who_recorded_it_may_undo_it(course: Course, agency: Agency, world: World) -> None:
    course.do("susun_konsep")
    done = course.do("paraf", **signed(agency))["task"]
    back = course.undone(done, by=agency.official("penyusun"))
    assert back["task"]["status"] == "claimed"
    assert course.trail("step.undone")[0]["actor"] == agency.official("penyusun")
    assert world.findings(course.instance) == []


def test_a_return_on_paper_is_recorded_too(course: Course, agency: Agency) -> None:
    course.do("susun_konsep")
    step = course.do("paraf", "returned", **signed(agency))
    assert step["opened"][0]["returned"]["by"] == agency.official("sekretaris")
    (event,) = course.trail("step.returned")
    assert event["recorded_by"] == agency.official("penyusun")
